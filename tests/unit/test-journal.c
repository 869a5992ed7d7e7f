/* The store, its worker, and what is written into the journals of jobs: real databases. */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>

#include "journals.h"

static struct journal *
open_again(struct store *s, int64_t id)
{
    journal_open(s, id, on_opened, NULL);
    wait_answer();
    return got_journal;
}

/* ---- the store ---- */

static void
test_lock(void)
{
    struct err err;
    struct store *s = store_open(loop, dir, &err);
    ok(s != NULL, "a state directory is opened");
    struct stat st;
    ok(fstatat(store_dir(s), "jobs", &st, 0) == 0 && (st.st_mode & 0777) == 0700,
       "jobs/ is there, for evald alone");
    struct store *again = store_open(loop, dir, &err);
    ok(again == NULL && err.code == ERR_CONFLICT, "a second evald is refused");
    char want[300];
    snprintf(want, sizeof want, "%s is in use by another evald (pid %ld)", dir, (long)getpid());
    is_str(err.text, want, "and told who has it");
    store_free(s);
    s = store_open(loop, dir, &err);
    ok(s != NULL, "it is free when the first has ended");
    store_free(s);
    ok(store_open(loop, "/proc/nothing/here", &err) == NULL, "a place that cannot be made");
}

static void
list_row(void *arg, const char *id, uid_t owner, struct str json)
{
    struct text *t = arg;
    text_putf(t, "%s:%u:%.*s ", id, (unsigned)owner, (int)json.len, json.ptr);
}

static const char *
list_kind(struct store *s, const char *kind)
{
    static struct text t;
    text_clear(&t);
    text_puts(&t, "");
    struct err err;
    if (store_each(s, kind, list_row, &t, &err) < 0)
        return "an error";
    return t.ptr;
}

static void
test_catalogue(void)
{
    struct err err;
    struct store *s = store_open(loop, dir, &err);
    store_put(s, "benchmark", "b", 7, STR("{\"b\":1}"), NULL, NULL);
    store_put(s, "benchmark", "a", 8, STR("{\"a\":1}"), NULL, NULL);
    store_put(s, "dataset", "a", 8, STR("{\"d\":1}"), NULL, NULL);
    store_put(s, "benchmark", "b", 9, STR("{\"b\":2}"), on_done, NULL);
    wait_answer();
    is_int(got_err.code, ERR_NONE, "rows are put");
    is_str(list_kind(s, "benchmark"), "b:9:{\"b\":2} a:8:{\"a\":1} ",
           "in the order of insertion, the last text of each");
    store_delete(s, "benchmark", "b", on_done, NULL);
    wait_answer();
    store_free(s);
    s = store_open(loop, dir, &err);
    is_str(list_kind(s, "benchmark"), "a:8:{\"a\":1} ", "what was deleted stays away");
    is_str(list_kind(s, "dataset"), "a:8:{\"d\":1} ", "kinds are apart");
    store_free(s);
}

static void
list_job(void *arg, const struct job_row *r)
{
    text_putf(arg, "%lld:%s:%s:%lld/%lld:%s ", (long long)r->id, r->benchmark, r->state,
              (long long)r->rows_done, (long long)r->rows_total, r->error ? r->error : "-");
}

static void
test_job_rows(void)
{
    struct err err;
    struct store *s = store_open(loop, dir, &err);
    is_int(job_rows_next_id(s), 0, "the first id is 0");
    char bench[] = "b";
    struct job_row row = { .id = 0, .benchmark = bench, .state = "scheduled", .rows_total = -1 };
    job_row_put(s, &row, NULL, NULL);
    bench[0] = 'x'; /* strings are copied */
    row.id = 1;
    row.benchmark = "c";
    job_row_put(s, &row, NULL, NULL);
    row.state = "failed";
    row.error = "why it failed";
    row.error_code = "io";
    row.rows_done = 5;
    row.rows_total = 9;
    job_row_put(s, &row, on_done, NULL);
    wait_answer();
    is_int(got_err.code, ERR_NONE, "lines are put");
    CLEANUP_TEXT struct text t = TEXT_INIT;
    job_rows_each(s, list_job, &t, &err);
    is_str(t.ptr, "0:b:scheduled:0/-1:- 1:c:failed:5/9:why it failed ",
           "the last line of each job, in the order of id");
    is_int(job_rows_next_id(s), 2, "the next id");
    store_free(s);

    char path[200];
    snprintf(path, sizeof path, "%s/catalog.db", dir);
    sqlite3 *db;
    ok(sqlite3_open(path, &db) == SQLITE_OK
           && sqlite3_exec(db, "DELETE FROM job WHERE id = 1", NULL, NULL, NULL) == SQLITE_OK,
       "the newest job is taken away");
    sqlite3_close(db);
    s = store_open(loop, dir, &err);
    is_int(job_rows_next_id(s), 2, "its id is not given out again");
    store_free(s);
}

static void
list_marks(void *arg, const struct job_row *r)
{
    text_putf(arg, "%lld:%s:%d%d:%lld ", (long long)r->id, r->benchmark, r->paused, r->retry,
              (long long)r->parent);
}

/* A catalogue as evald 0.1.0 makes it. */
static void
test_old_catalogue(void)
{
    static const char old[] =
        "CREATE TABLE resource(seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL,"
        " id TEXT NOT NULL, owner INTEGER NOT NULL, json TEXT NOT NULL, UNIQUE(kind, id));"
        "CREATE TABLE job(id INTEGER PRIMARY KEY, benchmark TEXT NOT NULL,"
        " owner INTEGER NOT NULL, state TEXT NOT NULL, created_unix_ms INTEGER NOT NULL,"
        " started_unix_ms INTEGER NOT NULL, ended_unix_ms INTEGER NOT NULL,"
        " rows_done INTEGER NOT NULL, rows_total INTEGER NOT NULL,"
        " rows_failed INTEGER NOT NULL, error_code TEXT, error TEXT);"
        "CREATE TABLE counter(name TEXT PRIMARY KEY, next INTEGER NOT NULL);"
        "PRAGMA user_version = 1;"
        "INSERT INTO job VALUES(4, 'b', 7, 'completed', 1, 2, 3, 9, 9, 1, NULL, NULL);"
        "INSERT INTO resource(kind, id, owner, json) VALUES('dataset', 'd', 7, '{}');";
    struct err err;
    CLEANUP_FREE char *state = xasprintf("%s/old", dir);
    CLEANUP_FREE char *path = xasprintf("%s/catalog.db", state);
    sqlite3 *db;
    mkdir(state, 0700);
    ok(sqlite3_open(path, &db) == SQLITE_OK
           && sqlite3_exec(db, old, NULL, NULL, NULL) == SQLITE_OK,
       "there is a catalogue of evald 0.1.0");
    sqlite3_close(db);
    for (int i = 0; i < 2; i++) {
        struct store *s = store_open(loop, state, &err);
        ok(s != NULL, "it is opened: %s", s ? "" : err.text);
        CLEANUP_TEXT struct text t = TEXT_INIT;
        job_rows_each(s, list_marks, &t, &err);
        is_str(t.ptr, i == 0 ? "4:b:00:-1 " : "4:b:00:-1 5:c:11:4 ", "with its jobs");
        is_str(list_kind(s, "dataset"), "d:7:{} ", "and its data sets");
        struct job_row row = { .id = 5, .benchmark = "c", .state = "scheduled", .paused = true,
                               .retry = true, .parent = 4 };
        job_row_put(s, &row, on_done, NULL);
        wait_answer();
        is_int(got_err.code, ERR_NONE, "and takes new ones");
        store_free(s);
    }
}

/* ---- records ---- */

static void
test_records(void)
{
    struct err err;
    struct store *s = store_open(loop, dir, &err);
    struct journal *j = create(s, 10, 2);
    ok(j != NULL && got_err.code == ERR_NONE, "a journal is created");
    is_str(got_text.ptr, "{\"spec\":1}", "its specification comes back");
    struct batch b = { TEXT_INIT, TEXT_INIT, TEXT_INIT };
    rec(&b, STR("{\"generated_answer\":\"4\"}"),
        "[\"g\",0,1,\"id-0\",1,{\"input_tokens\":9,\"output_tokens\":2}]");
    rec(&b, STR("{\"score\":1.0}"), "[\"s\",0,1,0,null]");
    end_payload(&b);
    rec(&b, STR("judge said no"), "[\"e\",0,1,1,3,\"scorer\",\"remote\"]");
    rec(&b, STR("{\"score\":null}"),
        "[\"s\",0,1,1,{\"input_tokens\":100,\"output_tokens\":20}]");
    rec(&b, STR("candidate broke"), "[\"e\",1,0,-1,1,\"candidate\",\"plugin\"]");
    rec(&b, STR("{\"generated_answer\":null}"), "[\"g\",1,0,null,0,null]");
    rec(&b, STR("first\nreply \"body\""), "[\"r\",2,0,0,0]");
    rec(&b, STR("second"), "[\"r\",2,0,0,1]");
    rec(&b, STR("judge's"), "[\"r\",2,0,2,0]");
    append(j, &b);
    is_int(got_err.code, ERR_NONE, "a batch of every kind of record");
    is_int(got_counts.generations, 2, "generations");
    is_int(got_counts.scores, 2, "scores");
    is_int(got_counts.failed, 2, "failed places");
    is_int(got_counts.input_tokens, 109, "input tokens");
    is_int(got_counts.output_tokens, 22, "output tokens");
    is_int(number(10, "SELECT count(*) FROM reply"), 3, "replies are kept");
    is_int(number(10, "SELECT count(*) FROM error WHERE at=1 AND function=1 AND attempts=3"
                      " AND stage='scorer' AND code='remote' AND message='judge said no'"), 1,
           "an error as it was said");

    append_one(j, "[\"g\",0,1,\"other\",0,{\"input_tokens\":5,\"output_tokens\":5}]",
               STR("{\"generated_answer\":\"5\"}"));
    append_one(j, "[\"s\",0,1,0,{\"input_tokens\":5,\"output_tokens\":5}]", STR("{\"score\":0}"));
    append_one(j, "[\"e\",0,1,1,1,\"scorer\",\"bad_row\"]", STR("again"));
    append_one(j, "[\"r\",2,0,0,0]", STR("other"));
    is_int(got_err.code, ERR_NONE, "the same places again are no error");
    is_int(got_counts.generations, 2, "but do not count");
    is_int(got_counts.scores, 2, "nor scores");
    is_int(got_counts.failed, 2, "nor failures");
    is_int(got_counts.input_tokens, 109, "nor tokens");
    is_int(number(10, "SELECT count(*) FROM generation WHERE at=1 AND truncated=1"
                      " AND row_id='\"id-0\"' AND json='{\"generated_answer\":\"4\"}'"), 1,
           "the first generation stays");
    is_int(number(10, "SELECT count(*) FROM score WHERE at=1 AND json='{\"score\":1.0}'"), 1,
           "the first score stays");
    is_int(number(10, "SELECT count(*) FROM reply WHERE body='other'"), 0,
           "the first reply stays");

    append_one(j, "[\"g\",2,0,17,0,null]", STR("{\"generated_answer\":\"x\"}"));
    is_int(number(10, "SELECT count(*) FROM reply"), 1,
           "replies of a phase go when the phase is done, and only those");
    append_one(j, "[\"s\",2,0,1,null]", STR("{\"score\":2}"));
    is_int(number(10, "SELECT count(*) FROM reply"), 0, "a score takes its judge's along");

    append_one(j, "[\"e\",2,0,0,1,\"scorer\",\"plugin\"]", STR("a"));
    append_one(j, "[\"e\",2,0,1,1,\"scorer\",\"plugin\"]", STR("b"));
    is_int(got_counts.failed, 3, "two errors of one place are one failed place");

    struct journal_counts before = got_counts;
    journal_close(j);
    j = open_again(s, 10);
    ok(j != NULL, "the journal is opened again");
    is_str(got_text.ptr, "{\"spec\":1}", "with its specification");
    struct journal_counts now = journal_counts(j);
    ok(now.generations == before.generations && now.scores == before.scores
           && now.failed == before.failed && now.input_tokens == before.input_tokens
           && now.output_tokens == before.output_tokens,
       "and counts what it counted before, tokens of judges too");
    append_one(j, "[\"g\",5,1,3,0,null]", STR("{}"));
    is_int(number(10, "SELECT count(*) FROM generation WHERE at = 11"), 1,
           "with the epochs it was made with");
    journal_close(j);

    journal_open(s, 99, on_opened, NULL);
    wait_answer();
    ok(got_journal == NULL && got_err.code == ERR_INVALID, "a journal that is not there");
    ok(begins(got_err.text, "journal of job 99: "), "is named: %s", got_err.text);
    store_free(s);
}

/* Rows from..to of two epochs, a score each. */
static void
append_rows(struct journal *j, int from, int to, const char *answer)
{
    struct batch b = { TEXT_INIT, TEXT_INIT, TEXT_INIT };
    for (int at = 2 * from; at < 2 * to; at++) {
        rec(&b, str_z(answer), "[\"g\",%d,%d,%d,0,{\"input_tokens\":3,\"output_tokens\":1}]",
            at / 2, at % 2, at / 2);
        rec(&b, STR("{\"score\":1.0}"), "[\"s\",%d,%d,0,{\"input_tokens\":2}]", at / 2, at % 2);
        end_payload(&b);
    }
    append(j, &b);
}

static void
test_many(void)
{
    struct err err;
    struct store *s = store_open(loop, dir, &err);
    struct journal *j = create(s, 12, 2);
    append_rows(j, 0, 50, "{\"generated_answer\":\"a\"}");
    is_int(got_counts.generations, 100, "a batch of a hundred generations");
    is_int(got_counts.scores, 100, "and as many scores");
    is_int(got_counts.input_tokens, 500, "with the tokens of all");
    is_int(number(12, "SELECT count(*) FROM generation WHERE row_id = at / 2"), 100,
           "each in its place");
    append_rows(j, 30, 90, "{\"generated_answer\":\"b\"}");
    is_int(got_counts.generations, 180, "a batch of which a third is known counts the rest");
    is_int(got_counts.scores, 180, "of scores too");
    is_int(got_counts.input_tokens, 900, "and of tokens");
    is_int(got_counts.output_tokens, 180, "of both kinds");
    is_int(number(12, "SELECT count(*) FROM generation WHERE json LIKE '%\"a\"%'"), 100,
           "what was there stays");
    append_rows(j, 80, 120, "{\"generated_answer\":\"c\"}");
    is_int(got_counts.generations, 240, "the next one too");
    is_int(got_counts.input_tokens, 1200, "exactly");
    journal_close(j);
    store_free(s);
}

static void
test_senseless(void)
{
    static const struct { const char *what, *record; struct str body; } bad[] = {
        { "a place of an epoch that is not", "[\"s\",0,2,0,null]", { "{}", 2 } },
        { "a negative row", "[\"s\",-1,0,0,null]", { "{}", 2 } },
        { "a row beyond all numbers", "[\"s\",9223372036854775807,1,0,null]", { "{}", 2 } },
        { "a number too large to be one", "[\"s\",99999999999999999999,1,0,null]", { "{}", 2 } },
        { "an unknown kind", "[\"x\",0,0,0,null]", { "{}", 2 } },
        { "a kind that only begins like one", "[\"gg\",0,0,1,0,null]", { "{}", 2 } },
        { "no kind", "[\"\",0,0,0,null]", { "{}", 2 } },
        { "a record that is no array", "17", { "{}", 2 } },
        { "a record without members", "[]", { "{}", 2 } },
        { "a record that is cut", "[\"g\",0]", { "{}", 2 } },
        { "a score of no function", "[\"s\",0,0,-1,null]", { "{}", 2 } },
        { "a generation that is no object", "[\"g\",0,0,1,0,null]", { "[]", 2 } },
        { "a score that is no JSON", "[\"s\",0,0,0,null]", { "{\"score\":}", 10 } },
        { "a score that is text", "[\"s\",0,0,0,null]", { "1.0", 3 } },
        { "a row id that is an object", "[\"g\",0,0,{},0,null]", { "{}", 2 } },
        { "an error without a code", "[\"e\",0,0,-1,1,\"candidate\"]", { "x", 1 } },
        { "an error of function -2", "[\"e\",0,0,-2,1,\"scorer\",\"plugin\"]", { "x", 1 } },
        { "a reply without a number", "[\"r\",0,0,0]", { "x", 1 } },
        { "a record with more behind it", "[\"s\",0,0,0,null,1]", { "{}", 2 } },
        { "a row id without its end", "[\"g\",0,0,\"x", { "{}", 2 } },
        { "a row id that ends in a backslash", "[\"g\",0,0,\"x\\", { "{}", 2 } },
        { "usage without its end", "[\"s\",0,0,0,{\"input_tokens\":1", { "{}", 2 } },
        { "a row id that is no JSON", "[\"g\",0,0,01,0,null]", { "{}", 2 } },
    };
    struct err err;
    struct store *s = store_open(loop, dir, &err);
    struct journal *j = create(s, 11, 2);
    append_one(j, "[\"r\",1,0,0,0]", STR("kept"));
    struct journal_counts before = got_counts;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct batch b = { TEXT_INIT, TEXT_INIT, TEXT_INIT };
        rec(&b, STR("{\"a\":1}"), "[\"g\",7,0,1,0,{\"input_tokens\":3,\"output_tokens\":3}]");
        rec(&b, STR("{\"a\":1}"), "[\"s\",7,0,0,null]");
        rec(&b, STR("{\"a\":1}"), "[\"g\",1,0,1,0,null]"); /* takes the reply along */
        end_payload(&b);
        rec(&b, bad[i].body, "%s", bad[i].record);
        append(j, &b);
        is_int(got_err.code, ERR_PROTO, "%s", bad[i].what);
        if (!begins(got_err.text, "journal of job 11: "))
            ok(false, "%s names the journal: %s", bad[i].what, got_err.text);
    }
    struct batch b = { TEXT_INIT, TEXT_INIT, TEXT_INIT };
    rec(&b, STR("{}"), "[\"g\",7,0,1,0,null]");
    text_puts(&b.head, ",[\"g\",8,0,1,0,null]");
    append(j, &b);
    is_int(got_err.code, ERR_PROTO, "a record without its body");
    frame_put_part(&b.all, STR(""));
    append(j, &b);
    is_int(got_err.code, ERR_PROTO, "a payload of nothing");
    is_int(number(11, "SELECT (SELECT count(*) FROM generation) + (SELECT count(*) FROM score)"
                      " + (SELECT count(*) FROM error)"), 0,
           "nothing of these batches stays");
    is_int(number(11, "SELECT count(*) FROM reply"), 1, "what was there before does");
    append_one(j, "[\"g\",0,0,1,0,null]", STR("{}"));
    is_int(got_err.code, ERR_NONE, "and the next good batch is taken");
    is_int(got_counts.generations, before.generations + 1, "with counts that know only it");
    is_int(got_counts.input_tokens, 0, "and its tokens");
    journal_close(j);
    store_free(s);
}

/* ---- a full disk ---- */

static void
fill(const char *path, off_t leave)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    static char zeros[65536];
    off_t size = 0;
    ssize_t n;
    for (size_t step = sizeof zeros; step > 0; step /= 2)
        while ((n = write(fd, zeros, step)) > 0)
            size += n;
    if (leave > 0 && ftruncate(fd, size - leave) < 0)
        abort();
    close(fd);
}

static void
test_full_disk(void)
{
    char full[sizeof dir + 8];
    snprintf(full, sizeof full, "%s/full", dir);
    mkdir(full, 0700);
    if (mount("tmpfs", full, "tmpfs", 0, "size=4m") < 0) {
        skip("a small file system cannot be mounted here");
        return;
    }
    char filler[sizeof full + 8], state[sizeof full + 8];
    snprintf(filler, sizeof filler, "%s/filler", full);
    snprintf(state, sizeof state, "%s/state", full);
    struct err err;
    struct store *s = store_open(loop, state, &err);
    ok(s != NULL, "a store on a small disk");
    struct journal *j = create(s, 1, 1);
    append_one(j, "[\"g\",0,0,1,0,null]", STR("{\"first\":1}"));
    is_int(got_err.code, ERR_NONE, "while there is room");
    struct journal_counts before = got_counts;
    fill(filler, 0);
    size_t n = 400000;
    char *body = xmalloc(n);
    memset(body, 'x', n);
    memcpy(body, "{\"g\":\"", 6);
    memcpy(body + n - 2, "\"}", 2);
    append_one(j, "[\"g\",1,0,1,0,{\"input_tokens\":1,\"output_tokens\":1}]",
               (struct str){ body, n });
    is_int(got_err.code, ERR_NOSPACE, "a full disk is ERR_NOSPACE: %s", got_err.text);
    append_one(j, "[\"s\",0,0,0,null]", (struct str){ body, n });
    is_int(got_err.code, ERR_NOSPACE, "again and again");
    journal_put_aggregate(j, 0, (struct str){ body, n }, STR("{}"), on_done, NULL);
    wait_answer();
    is_int(got_err.code, ERR_NOSPACE, "an aggregate too");
    journal_read_value(s, 1, "specification", on_text, NULL);
    wait_answer();
    is_str(got_text.ptr, "{\"spec\":1}", "reading goes on");
    read_done(j, 1, 0);
    is_str(done_line(),
           "{\"from\":0,\"to\":1,\"end\":true,\"complete\":[],\"partial\":["
           "{\"at\":0,\"phases\":[0],\"replies\":[]}]} {\"first\":1}",
           "and finds what was acknowledged, no more");
    struct job_row row = { .id = 1, .benchmark = "b", .state = "scheduled" };
    char *error = xmalloc(n + 1);
    memset(error, 'e', n);
    error[n] = '\0';
    row.error = error;
    job_row_put(s, &row, on_done, NULL);
    wait_answer();
    is_int(got_err.code, ERR_NOSPACE, "a job's line");
    store_put(s, "benchmark", "b", 0, (struct str){ body, n }, on_done, NULL);
    wait_answer();
    is_int(got_err.code, ERR_NOSPACE, "a row of the catalogue");
    struct journal *other = create(s, 2, 1);
    ok(other == NULL && got_err.code == ERR_NOSPACE, "a new journal: %s", got_err.text);
    struct stat st;
    ok(fstatat(store_dir(s), "jobs/2.db", &st, 0) < 0
           && fstatat(store_dir(s), "jobs/2.db-wal", &st, 0) < 0,
       "of which nothing stays");

    unlink(filler);
    append_one(j, "[\"g\",1,0,1,0,{\"input_tokens\":1,\"output_tokens\":1}]",
               (struct str){ body, n });
    is_int(got_err.code, ERR_NONE, "after space was freed appending works again: %s",
           got_err.text);
    is_int(got_counts.generations, before.generations + 1, "counts know what is there");
    is_int(got_counts.input_tokens, 1, "tokens too");
    store_put(s, "benchmark", "b", 0, STR("{}"), on_done, NULL);
    wait_answer();
    is_int(got_err.code, ERR_NONE, "the catalogue too");
    row.error = NULL;
    job_row_put(s, &row, on_done, NULL);
    wait_answer();
    is_int(got_err.code, ERR_NONE, "and job's lines");
    other = create(s, 2, 1);
    ok(other != NULL, "and new journals");
    journal_close(other);
    journal_close(j);
    store_free(s);
    s = store_open(loop, state, &err);
    j = open_again(s, 1);
    ok(j != NULL && journal_counts(j).generations == 2, "what was acknowledged is there");
    journal_close(j);
    store_free(s);
    free(body);
    free(error);
    umount(full);
}

static void
run(void)
{
    test_lock();
    test_catalogue();
    test_job_rows();
    test_old_catalogue();
    test_records();
    test_many();
    test_senseless();
    test_full_disk();
}

int
main(void)
{
    return journals_main(run);
}
