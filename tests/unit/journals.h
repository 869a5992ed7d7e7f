/* journals.h - for the tests of journals: a loop, one answer at a time, batches of records. */
#ifndef EVALD_TEST_JOURNALS_H
#define EVALD_TEST_JOURNALS_H

#include <ev.h>
#include <ftw.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/frame.h"
#include "common/mem.h"
#include "daemon/journal.h"
#include "answer.h"
#include "tap.h"

static char dir[] = "/tmp/evald-journal-XXXXXX";

/* ---- waiting for one answer at a time ---- */

static struct journal *got_journal;
static struct journal_counts got_counts;

static void
on_opened(void *arg, struct journal *j, struct str spec, const struct err *err)
{
    (void)arg;
    got_journal = j;
    text_clear(&got_text);
    text_put_str(&got_text, spec);
    take_err(err);
}

static void
on_appended(void *arg, const struct journal_counts *counts, const struct err *err)
{
    (void)arg;
    if (err == NULL)
        got_counts = *counts;
    take_err(err);
}

static struct journal *
create(struct store *s, int64_t id, uint32_t epochs)
{
    journal_create(s, id, epochs, STR("{\"spec\":1}"), STR("{\"manifest\":1}"), on_opened, NULL);
    wait_answer();
    return got_journal;
}

/* ---- making batches ---- */

struct batch {
    struct text head, bodies, all;
};

static void __attribute__((format(printf, 3, 4)))
rec(struct batch *b, struct str body, const char *fmt, ...)
{
    text_putc(&b->head, b->head.len ? ',' : '[');
    va_list ap;
    va_start(ap, fmt);
    text_vputf(&b->head, fmt, ap);
    va_end(ap);
    frame_put_part(&b->bodies, body);
}

/* Ends a RECORD payload. */
static void
end_payload(struct batch *b)
{
    CLEANUP_TEXT struct text payload = TEXT_INIT;
    text_putc(&b->head, ']');
    frame_put_part(&payload, text_str(&b->head));
    text_put_str(&payload, text_str(&b->bodies));
    frame_put_part(&b->all, text_str(&payload));
    text_clear(&b->head);
    text_clear(&b->bodies);
}

static void
append(struct journal *j, struct batch *b)
{
    if (b->head.len > 0)
        end_payload(b);
    size_t len = b->all.len;
    journal_append(j, text_take(&b->all), len, on_appended, NULL);
    wait_answer();
    text_fini(&b->head);
    text_fini(&b->bodies);
}

static void
append_one(struct journal *j, const char *record, struct str body)
{
    struct batch b = { TEXT_INIT, TEXT_INIT, TEXT_INIT };
    rec(&b, body, "%s", record);
    append(j, &b);
}

static int64_t
number(int64_t id, const char *sql)
{
    char path[200];
    snprintf(path, sizeof path, "%s/jobs/%lld.db", dir, (long long)id);
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    int64_t n = -1;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK
        && sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK
        && sqlite3_step(st) == SQLITE_ROW)
        n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return n;
}

static bool
begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* The answer to NEXT done as one line: the head, then its parts. */
static const char *
done_line(void)
{
    static struct text line;
    struct str rest = text_str(&got_text), part;
    text_clear(&line);
    while (frame_part(&rest, &part)) {
        if (line.len > 0)
            text_putc(&line, ' ');
        text_put_str(&line, part);
    }
    return line.ptr;
}

static void
read_done(struct journal *j, int n_functions, int64_t from)
{
    journal_read_done(j, n_functions, from, on_text, NULL);
    wait_answer();
}

/* ---- life ---- */

static int
journals_remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

/* main() of a test: makes dir and the loop, runs, and tidies up. */
static int
journals_main(void (*run)(void))
{
    if (mkdtemp(dir) == NULL)
        return 1;
    ev_timer guard;
    answer_begin(&guard);
    run();
    answer_end(&guard);
    nftw(dir, journals_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return tap_done();
}

#endif
