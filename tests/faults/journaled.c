/* journaled - prints "r<row>", a line each, for the rows whose generation a job's journal
 * has; with --events the kinds of its events.  Usage: journaled [--events] FILE.db (a copy, or
 * of a job that has ended: opening it takes in its -wal). */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

int
main(int argc, char **argv)
{
    sqlite3 *db;
    sqlite3_stmt *st;
    int rc;
    int events = argc == 3 && strcmp(argv[1], "--events") == 0;
    if (argc != 2 + events) {
        fputs("usage: journaled [--events] FILE.db\n", stderr);
        return 2;
    }
    const char *file = argv[1 + events];
    const char *sql = events ? "SELECT kind FROM event ORDER BY seq"
                             : "SELECT 'r' || at FROM generation ORDER BY at";
    if (sqlite3_open_v2(file, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK
        || sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK) {
        fprintf(stderr, "%s: %s\n", file, sqlite3_errmsg(db));
        return 1;
    }
    while ((rc = sqlite3_step(st)) == SQLITE_ROW)
        printf("%s\n", sqlite3_column_text(st, 0));
    if (rc != SQLITE_DONE) {
        fprintf(stderr, "%s: %s\n", file, sqlite3_errmsg(db));
        return 1;
    }
    sqlite3_finalize(st);
    sqlite3_close(db);
    return 0;
}
