/* What is taken out of journals, and copied between them: real databases. */
#include "config.h"

#include "journals.h"

static bool got_found;

static void
on_found(void *arg, bool found, const struct err *err)
{
    (void)arg;
    got_found = found;
    take_err(err);
}

static bool
finds(struct store *s, int64_t id, enum journal_redo what)
{
    journal_find_redo(s, id, what, on_found, NULL);
    wait_answer();
    return got_found && got_err.code == ERR_NONE;
}

static void
redo(struct journal *j, enum journal_redo what)
{
    journal_redo(j, what, on_appended, NULL);
    wait_answer();
    is_int(got_err.code, ERR_NONE, "it is done: %s", got_err.text);
}

#define ERROR "{\"stage\":\"scorer\",\"code\":\"remote\",\"message\":\"m\",\"attempts\":1}"

/* A job of two functions.  Row 0 is good, the candidate failed at row 1, the first scorer at
 * row 2, and the second, a judge, at rows 3 (with an error record) and 4 (without). */
static struct journal *
make(struct store *s, int64_t id)
{
    struct journal *j = create(s, id, 1);
    struct batch b = { TEXT_INIT, TEXT_INIT, TEXT_INIT };
    for (int row = 0; row < 5; row++) {
        bool candidate = row == 1, scorer = row == 2;
        rec(&b, candidate ? STR("{\"generated_answer\":null,\"error\":{}}")
                          : STR("{\"generated_answer\":\"a\"}"),
            "[\"g\",%d,0,\"id\",0,{\"input_tokens\":10,\"output_tokens\":1}]", row);
        rec(&b, candidate || scorer ? STR("{\"score\":null,\"error\":{}}") : STR("{\"score\":1}"),
            "[\"s\",%d,0,0,null]", row);
        rec(&b, candidate ? STR("{\"score\":null,\"error\":{}}")
            : row >= 3    ? STR("{\"score\":null,\"metadata\":{\"error\":" ERROR "}}")
                          : STR("{\"score\":1,\"metadata\":{\"error\":null}}"),
            "[\"s\",%d,0,1,{\"input_tokens\":100,\"output_tokens\":2}]", row);
    }
    rec(&b, STR("c"), "[\"e\",1,0,-1,1,\"candidate\",\"remote\"]");
    rec(&b, STR("s"), "[\"e\",2,0,0,1,\"scorer\",\"plugin\"]");
    rec(&b, STR("j"), "[\"e\",3,0,1,1,\"scorer\",\"remote\"]");
    rec(&b, STR("of no use"), "[\"r\",1,0,0,0]");
    rec(&b, STR("of no use"), "[\"r\",3,0,2,0]");
    append(j, &b);
    return j;
}

static void
test_redo(struct store *s)
{
    struct journal *j = make(s, 20);
    is_int(got_counts.failed, 3, "a journal with failures");
    ok(finds(s, 20, JOURNAL_REDO_ALL), "they are found");
    redo(j, JOURNAL_REDO_ALL);
    is_int(got_counts.failed, 0, "no failure is left");
    read_done(j, 2, 0);
    is_str(done_line(),
           "{\"from\":0,\"to\":5,\"end\":true,\"complete\":[[0,1]],\"partial\":["
           "{\"at\":2,\"phases\":[0,2],\"replies\":[]},{\"at\":3,\"phases\":[0,1],\"replies\":[]},"
           "{\"at\":4,\"phases\":[0,1],\"replies\":[]}]}"
           " {\"generated_answer\":\"a\"} {\"generated_answer\":\"a\"} {\"generated_answer\":\"a\"}",
           "a row whose generation failed is gone, of the others one score each");
    is_int(got_err.code, ERR_NONE, "it can be read");
    is_int(number(20, "SELECT count(*) FROM reply"), 0, "replies of what is done again too");
    is_int(got_counts.input_tokens, 550, "what was paid stays counted");
    is_int(got_counts.output_tokens, 15, "for output too");
    is_int(number(20, "SELECT count(*) FROM event WHERE kind = 'retried'"
                      " AND json = '{\"generations\":1,\"scores\":5}'"),
           1, "an event says how much it was");
    ok(!finds(s, 20, JOURNAL_REDO_ALL), "nothing more is found");
    journal_checkpoint(j, on_done, NULL);
    wait_answer();
    is_int(got_err.code, ERR_NONE, "nothing of it holds the journal");
    journal_close(j);
    journal_open(s, 20, on_opened, NULL);
    wait_answer();
    is_int(journal_counts(got_journal).input_tokens, 550, "also when it is opened again");
    append_one(got_journal, "[\"g\",1,0,\"id\",0,null]", STR("{\"generated_answer\":\"new\"}"));
    is_int(number(20, "SELECT count(*) FROM generation WHERE json LIKE '%new%'"), 1,
           "a new record has its place");
    journal_close(got_journal);
}

static void
test_parts(struct store *s)
{
    struct journal *j = make(s, 21);
    redo(j, JOURNAL_REDO_SCORES);
    is_int(number(21, "SELECT count(*) FROM generation"), 5, "scores alone: all generations stay");
    is_int(number(21, "SELECT count(*) FROM score"), 7, "and the scores of one in error");
    is_int(got_counts.failed, 1, "which is the failure that is left");
    ok(!finds(s, 21, JOURNAL_REDO_SCORES), "no other is found");
    ok(finds(s, 21, JOURNAL_REDO_ALL), "but by who wants all");
    journal_close(j);

    j = make(s, 22);
    redo(j, JOURNAL_REDO_FATAL);
    is_int(number(22, "SELECT count(*) FROM generation"), 4, "fatal: the candidate's failure goes");
    is_int(number(22, "SELECT count(*) FROM score WHERE function = 0"), 3, "the scorer's too");
    is_int(number(22, "SELECT count(*) FROM score WHERE function = 1"), 4, "the judge's stay");
    is_int(number(22, "SELECT count(*) FROM event"), 0, "this is no retry");
    journal_close(j);
}

static void
test_many(struct store *s)
{
    enum { ROWS = 20000 };
    struct journal *j = create(s, 23, 1);
    struct batch b = { TEXT_INIT, TEXT_INIT, TEXT_INIT };
    for (int row = 0; row < ROWS; row++) {
        bool bad = row % 2 == 1;
        rec(&b, bad ? STR("{\"generated_answer\":null}") : STR("{\"generated_answer\":\"a\"}"),
            "[\"g\",%d,0,null,0,null]", row);
        rec(&b, row % 4 == 2 ? STR("{\"score\":null,\"metadata\":{\"error\":" ERROR "}}")
                             : STR("{\"score\":1}"),
            "[\"s\",%d,0,0,null]", row);
        if (bad)
            rec(&b, STR("c"), "[\"e\",%d,0,-1,1,\"candidate\",\"remote\"]", row);
        if (row % 500 == 499)
            end_payload(&b);
    }
    append(j, &b);
    is_int(got_counts.failed, ROWS / 2, "many failures");
    redo(j, JOURNAL_REDO_ALL);
    is_int(got_counts.generations, ROWS / 2, "are removed in many steps");
    is_int(got_counts.scores, ROWS / 4, "judges' too");
    journal_close(j);
}

static void
test_copy(struct store *s)
{
    struct journal *from = make(s, 30);
    journal_close(from);
    struct journal *j = create(s, 31, 1);
    journal_copy_generations(j, 30, on_appended, NULL);
    wait_answer();
    is_int(got_err.code, ERR_NONE, "generations are copied");
    is_int(got_counts.generations, 5, "all of them");
    is_int(got_counts.failed, 1, "with their errors");
    is_int(got_counts.scores, 0, "without scores");
    is_int(got_counts.input_tokens, 0, "which cost nothing here");
    is_int(number(31, "SELECT count(*) FROM generation WHERE row_id = '\"id\"'"), 5,
           "rows keep their ids");
    is_int(number(31, "SELECT count(*) FROM error WHERE at = 1 AND function = -1 AND attempts = 1"
                      " AND stage = 'candidate' AND code = 'remote' AND message = 'c'"), 1,
           "an error is as it was");
    is_int(number(30, "SELECT count(*) FROM score"), 10, "the other journal is as it was");
    journal_close(j);

    j = create(s, 32, 1);
    journal_copy_generations(j, 23, on_appended, NULL);
    wait_answer();
    is_int(got_counts.generations, 10000, "many are copied in many steps");
    journal_close(j);
    j = create(s, 33, 1);
    journal_copy_generations(j, 999, on_appended, NULL);
    wait_answer();
    ok(got_err.code == ERR_INVALID && begins(got_err.text, "journal of job 33: "),
       "not those of a job that has no journal: %s", got_err.text);
    journal_close(j);
}

static void
test_note(struct store *s)
{
    journal_note(s, 30, "paused", STR("{\"a\":1}"), NULL, NULL);
    journal_note(s, 999, "paused", STR("{}"), NULL, NULL);
    worker_drain(store_worker(s));
    is_int(number(30, "SELECT count(*) FROM event WHERE kind = 'paused' AND json = '{\"a\":1}'"),
           1, "a note in a journal that is not open");
}

static void
run(void)
{
    struct err err;
    struct store *s = store_open(loop, dir, &err);
    test_redo(s);
    test_parts(s);
    test_many(s);
    test_copy(s);
    test_note(s);
    store_free(s);
}

int
main(void)
{
    return journals_main(run);
}
