/* journaled - prints "r<row>", a line each, for the rows whose generation a job's journal
 * has.  Usage: journaled FILE.db (a copy: opening it takes in its -wal). */
#include <sqlite3.h>
#include <stdio.h>

int
main(int argc, char **argv)
{
    sqlite3 *db;
    sqlite3_stmt *st;
    int rc;
    if (argc != 2) {
        fputs("usage: journaled FILE.db\n", stderr);
        return 2;
    }
    if (sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK
        || sqlite3_prepare_v2(db, "SELECT at FROM generation ORDER BY at", -1, &st, NULL)
               != SQLITE_OK) {
        fprintf(stderr, "%s: %s\n", argv[1], sqlite3_errmsg(db));
        return 1;
    }
    while ((rc = sqlite3_step(st)) == SQLITE_ROW)
        printf("r%lld\n", (long long)sqlite3_column_int64(st, 0));
    if (rc != SQLITE_DONE) {
        fprintf(stderr, "%s: %s\n", argv[1], sqlite3_errmsg(db));
        return 1;
    }
    sqlite3_finalize(st);
    sqlite3_close(db);
    return 0;
}
