/* evald-runner as evald and the gateway see it: jobs, errors, deaths, resumption. */
#include "peer.h"

#include "tap.h"

#define EQUALITY(aggregations) \
    "{\"id\":\"basic::equality\",\"plugin\":\"basic::equality\",\"params\":{}," \
    "\"aggregation_functions\":[" aggregations "]}"
#define FUNCTION(id) \
    "{\"id\":\"" id "\",\"plugin\":\"" id "\",\"params\":{},\"aggregation_functions\":[\"average\"]}"
#define BASELINE(mode) \
    "{\"id\":\"baseline::" mode "\",\"adapter\":\"model::baseline\",\"endpoint\":false," \
    "\"max_in_flight\":1,\"params\":{\"mode\":\"" mode "\"}}"
#define OPENAI(id) \
    "{\"id\":\"" id "\",\"adapter\":\"model::openai\",\"name\":\"" id "-name\",\"endpoint\":true," \
    "\"max_in_flight\":4,\"params\":{}}"
#define CANDIDATE(id) \
    "\"candidate\":{\"type\":\"model\",\"model\":\"" id "\",\"system_message\":null," \
    "\"sampling\":{\"temperature\":0,\"max_tokens\":16}}"
#define CHAT_ROW(q, a) \
    "{\"expected_answer\":\"" a "\",\"chat_completion_input\":\"[{\\\"role\\\":\\\"user\\\"," \
    "\\\"content\\\":\\\"" q "\\\"}]\"}\n"
#define ANSWER(text) \
    "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"" text "\"}," \
    "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1}}"

static const struct peer_file basic[] = { { "basic", "\"basic::equality\"" }, { NULL, NULL } };
static const struct peer_file with_openai[] = { { "basic", "\"basic::equality\"" },
                                                { "openai", "\"model::openai\"" },
                                                { NULL, NULL } };
static const struct peer_file with_baseline[] = { { "basic", "\"basic::equality\"" },
                                                  { "baseline", "\"model::baseline\"" },
                                                  { NULL, NULL } };

static bool
has(const char *text, const char *what)
{
    if (text != NULL && strstr(text, what) != NULL)
        return true;
    diag("not in: %s", text != NULL ? text : "(null)");
    return false;
}

static bool
completed(struct peer *p)
{
    return has(peer_run(p), "\"state\":\"completed\"");
}

static const char three_rows[] =
    "{\"id\":\"a\",\"generated_answer\":\"x\",\"expected_answer\":\"x\"}\n"
    "{\"id\":2,\"generated_answer\":\"x\",\"expected_answer\":\"y\"}\n"
    "{\"generated_answer\":\"\\u00fc\",\"expected_answer\":\"\xc3\xbc\"}\n";

static void
scorer_only(void)
{
    struct peer p;
    peer_start(&p, NULL);
    peer_job(&p, "job", basic, three_rows, -1,
             "\"candidate\":null,\"models\":[],\"roles\":{},\"window\":8,"
             "\"functions\":[" EQUALITY("\"accuracy\",\"average\"") "]");
    ok(completed(&p), "a job of one scorer completes");
    is_int(p.n_ready, 1, "it was ready once");
    is_str(peer_rec(&p, 's', 0, 0, 0), "{\"score\":1.0}", "equal texts score 1");
    is_str(peer_rec(&p, 's', 1, 0, 0), "{\"score\":0.0}", "unequal ones 0");
    is_str(peer_rec(&p, 's', 2, 0, 0), "{\"score\":1.0}", "escapes are decoded");
    is_int(p.n_recs, 3, "there is nothing but the score rows");
    is_str(p.aggregate[0],
           "{\"accuracy\":{\"accuracy\":0.6666666666666666,\"num_correct\":2.0,\"num_total\":3},"
           "\"average\":{\"average\":0.6666666666666666}}", "aggregates are the reference's");
    ok(has(p.statistics[0], "\"n_total\":3,\"n_scored\":3"), "statistics count the rows");
    ok(has(p.end, "\"rows\":3,\"dataset_xxh3\":\""), "the end has rows and hash");
    ok(has(p.last_progress, "{\"rows_done\":3,\"rows_total\":3,\"in_flight\":0}"),
       "the last progress is the whole");
    while (peer_round(&p))
        ;
    ok(WIFEXITED(p.status) && WEXITSTATUS(p.status) == 0, "the runner of a job ends after it");
    peer_stop(&p);
}

static void
answer_four(struct peer *p, uint64_t tag, const char *head, const char *body)
{
    (void)head;
    if (strstr(body, "\"prompt\"") != NULL)
        peer_reply(p, tag, 0, 200, "{\"choices\":[{\"text\":\"4\",\"finish_reason\":\"length\"}]}");
    else
        peer_reply(p, tag, 0, 200, strstr(body, "2+2") != NULL ? ANSWER("4") : ANSWER("?"));
}

static void
model_candidate(void)
{
    struct peer p;
    peer_start(&p, NULL);
    p.on_ask = answer_four;
    peer_job(&p, "job", with_openai,
             CHAT_ROW("2+2", "4") CHAT_ROW("3+3", "6")
             "{\"expected_answer\":\"4\",\"completion_input\":\"\\\"2+2=\\\"\"}\n", -1,
             CANDIDATE("m") ",\"models\":[" OPENAI("m") "],\"roles\":{},\"window\":8,"
             "\"functions\":[" EQUALITY("\"average\"") "]");
    ok(completed(&p), "a job with a model candidate completes");
    is_int(p.n_asks, 3, "the gateway was asked once a row");
    is_str(peer_rec(&p, 'g', 0, 0, -1), "{\"generated_answer\":\"4\"}", "the reply is the answer");
    ok(has(peer_head(&p, 'g', 0, 0, -1), ",0,{\"input_tokens\":9,\"output_tokens\":1}]"),
       "usage is with the generation");
    is_str(peer_rec(&p, 's', 0, 0, 0), "{\"score\":1.0}", "and is scored");
    is_str(peer_rec(&p, 's', 1, 0, 0), "{\"score\":0.0}", "each its own");
    is_str(peer_rec(&p, 'g', 2, 0, -1), "{\"generated_answer\":\"4\"}", "completions work too");
    ok(has(peer_head(&p, 'g', 2, 0, -1), ",1,null]"), "and are marked when they were cut off");
    ok(has(p.last_ask, "\"endpoint\":\"m\""), "asks name the endpoint");
    peer_stop(&p);
}

static int flaky;
static void
fail_first(struct peer *p, uint64_t tag, const char *head, const char *body)
{
    (void)head;
    if (strstr(body, "gone") != NULL)
        peer_reply(p, tag, -6, 0, "connection refused");
    else if (strstr(body, "late") != NULL)
        peer_reply(p, tag, -7, 0, "no answer in 5000 ms");
    else if (strstr(body, "flaky") != NULL && flaky++ == 0)
        peer_reply(p, tag, 0, 200, "<html>");
    else if (strstr(body, "never") != NULL)
        peer_reply(p, tag, 0, 200, "<html>");
    else
        peer_reply(p, tag, 0, 200, ANSWER("4"));
}

static void
candidate_errors(void)
{
    struct peer p;
    peer_start(&p, NULL);
    p.on_ask = fail_first;
    flaky = 0;
    peer_job(&p, "job", with_openai,
             CHAT_ROW("gone", "4") CHAT_ROW("late", "4") CHAT_ROW("flaky", "4")
             CHAT_ROW("never", "4") "{\"expected_answer\":\"4\"}\n"
             "{\"expected_answer\":\"4\",\"chat_completion_input\":\"{}\"}\n", -1,
             CANDIDATE("m") ",\"models\":[" OPENAI("m") "],\"roles\":{},\"window\":2,"
             "\"max_attempts\":3,\"functions\":[" EQUALITY("\"average\"") "]");
    ok(completed(&p), "errors of rows do not fail a job");
    ok(has(peer_rec(&p, 'g', 0, 0, -1), "{\"generated_answer\":null,\"error\":{\"stage\":"
       "\"candidate\",\"code\":\"remote\",\"message\":\""), "a failed generation says why");
    ok(has(peer_rec(&p, 's', 0, 0, 0), "{\"score\":null,\"error\":{\"stage\":\"candidate\","
       "\"code\":\"remote\""), "and so do its score rows");
    ok(has(peer_head(&p, 'e', 0, 0, -1), "[\"e\",0,0,-1,1,\"candidate\",\"remote\"]"),
       "and the error's own record");
    is_str(peer_head(&p, 'e', 0, 0, 0), "", "which its scores have not");
    ok(has(peer_rec(&p, 'g', 1, 0, -1), "\"code\":\"timeout\""), "a timeout is one");
    is_str(peer_rec(&p, 'g', 2, 0, -1), "{\"generated_answer\":\"4\"}",
           "a reply of no use is asked for again");
    ok(has(peer_rec(&p, 'g', 3, 0, -1), "\"code\":\"remote\"")
       && has(peer_rec(&p, 'g', 3, 0, -1), "\"attempts\":3}"), "but not for ever");
    ok(has(peer_rec(&p, 'g', 4, 0, -1), "\"code\":\"bad_row\",\"message\":\"row 4: "),
       "a row without a prompt is bad");
    ok(has(peer_rec(&p, 'g', 5, 0, -1), "row 5: column 'chat_completion_input' is no array"),
       "and one whose messages are none");
    peer_stop(&p);
}

static void
bad_rows(void)
{
    struct peer p;
    peer_start(&p, NULL);
    peer_job(&p, "job", basic,
             "{\"generated_answer\":\"x\",\"expected_answer\":\"x\"}\n\n"
             "{\"generated_answer\":\"x\",}\n[1]\n{\"expected_answer\":\"x\"}\n", -1,
             "\"candidate\":null,\"models\":[],\"roles\":{},\"window\":8,"
             "\"functions\":[" EQUALITY("\"average\"") "]");
    ok(completed(&p), "bad rows do not fail a job");
    ok(has(peer_rec(&p, 's', 1, 0, 0), "{\"score\":null,\"error\":{\"stage\":\"dataset\","
       "\"code\":\"bad_row\",\"message\":\"rows:3: "), "a line that does not parse is named");
    ok(has(peer_rec(&p, 's', 2, 0, 0), "\"message\":\"rows:4: "), "so is one that is no object");
    ok(has(peer_head(&p, 'e', 1, 0, -1), "\"dataset\",\"bad_row\"]"), "with a record");
    ok(has(peer_rec(&p, 's', 3, 0, 0), "{\"stage\":\"scorer\",\"code\":\"bad_row\",\"message\":"
       "\"row 3: missing column 'generated_answer'\""), "a missing column is the scorer's error");
    ok(has(peer_head(&p, 'e', 3, 0, 0), "[\"e\",3,0,0,1,\"scorer\",\"bad_row\"]"),
       "with a record of its function");
    peer_stop(&p);
}

static void
on_error_fail(void)
{
    struct peer p;
    peer_start(&p, "--call");
    peer_job(&p, "call", basic,
             "{\"generated_answer\":\"x\",\"expected_answer\":\"x\"}\n"
             "{\"expected_answer\":\"x\"}\n{\"generated_answer\":\"x\"}\nnonsense\n", -1,
             "\"on_error\":\"fail\",\"candidate\":null,\"models\":[],\"roles\":{},\"window\":8,"
             "\"functions\":[" EQUALITY("\"average\"") "]");
    ok(has(peer_run(&p), "\"state\":\"failed\""), "on_error fail: a bad row fails the call");
    ok(has(p.end, "{\"code\":\"bad_row\",\"stage\":\"scorer\",\"row\":1,\"function\":"
       "\"basic::equality\",\"plugin\":\"basic::equality\",\"message\":"
       "\"row 1: missing column 'generated_answer'\"}"), "the first in row order decides");
    peer_forget(&p);

    peer_job(&p, "call", basic, three_rows, -1,
             "\"on_error\":\"fail\",\"candidate\":null,\"models\":[],\"roles\":{},\"window\":8,"
             "\"functions\":[" EQUALITY("\"average\"") "]");
    ok(completed(&p), "the runner takes the next call");
    is_int(peer_count(&p, 's'), 3, "and scores it");
    link_put(p.link, FRAME_STOP, 0, STR("{\"why\":\"quit\"}"));
    while (peer_round(&p))
        ;
    ok(WIFEXITED(p.status) && WEXITSTATUS(p.status) == 0, "quit ends a call runner");
    peer_stop(&p);
}

static void
epochs(void)
{
    struct peer p;
    peer_start(&p, NULL);
    peer_job(&p, "job", with_baseline, "{\"expected_answer\":\"B\"}\n{\"expected_answer\":\"C\"}\n",
             -1, CANDIDATE("baseline::random-choice") ",\"models\":[" BASELINE("random-choice")
             "],\"roles\":{},\"window\":8,\"epochs\":3,\"seed\":5,"
             "\"functions\":[" EQUALITY("\"average\"") "]");
    ok(completed(&p), "a job of three epochs completes");
    is_int(peer_count(&p, 'g'), 6, "each row has three generations");
    ok(has(peer_rec(&p, 'g', 1, 2, -1), ",\"epoch\":2}"), "that carry their epoch");
    ok(has(peer_rec(&p, 's', 1, 2, 0), ",\"epoch\":2}"), "as do their score rows");
    ok(has(p.statistics[0], "\"ci_method\":\"epochs-t\""), "statistics reduce them");
    char *first = xstrdup(peer_rec(&p, 'g', 1, 2, -1));
    peer_stop(&p);
    peer_start(&p, NULL);
    peer_job(&p, "job", with_baseline, "{\"expected_answer\":\"B\"}\n{\"expected_answer\":\"C\"}\n",
             -1, CANDIDATE("baseline::random-choice") ",\"models\":[" BASELINE("random-choice")
             "],\"roles\":{},\"window\":1,\"epochs\":3,\"seed\":5,"
             "\"functions\":[" EQUALITY("\"average\"") "]");
    ok(completed(&p), "and again");
    is_str(peer_rec(&p, 'g', 1, 2, -1), first, "the same seed gives the same");
    free(first);
    peer_stop(&p);
}

static void
overlay(void)
{
    struct peer p;
    peer_start(&p, NULL);
    peer_job(&p, "job", with_baseline,
             "{\"id\":\"k\",\"generated_answer\":\"old\",\"expected_answer\":{\"b\":[1, 2]}}\n"
             "{\"id\":12345678901234567890,\"expected_answer\":7}\n{\"expected_answer\":null}\n", -1,
             CANDIDATE("baseline::oracle") ",\"models\":[" BASELINE("oracle")
             "],\"roles\":{},\"window\":8,\"functions\":[" EQUALITY("\"average\"") "]");
    ok(completed(&p), "the oracle answers rows of all kinds");
    is_str(peer_rec(&p, 'g', 0, 0, -1), "{\"generated_answer\":{\"b\":[1,2]}}", "with what is expected");
    is_str(peer_rec(&p, 's', 0, 0, 0), "{\"score\":1.0}", "which is laid over the row");
    is_str(peer_rec(&p, 's', 1, 0, 0), "{\"score\":1.0}", "or added to it");
    ok(has(peer_head(&p, 'g', 0, 0, -1), "[\"g\",0,0,\"k\",0,"), "a row's id is its column id");
    bool number = false;
    for (size_t i = 0; i < p.n_recs; i++)
        number |= strstr(p.recs[i].head, "[\"g\",1,0,1234567890123456") != NULL;
    ok(number, "also when it is an integer");
    ok(strlen(peer_head(&p, 'g', 2, 0, -1)) > 40, "else a hash");
    peer_stop(&p);
}

/* ---- resumption ---- */

static void
half_done(struct peer *p, uint64_t tag, uint64_t from)
{
    link_begin(p->link, FRAME_DONE, tag);
    if (from == 0) {
        link_part(p->link, STR("{\"from\":0,\"to\":3,\"end\":false,\"complete\":[[0,2]],"
                               "\"partial\":[{\"at\":2,\"phases\":[0],\"replies\":[]}]}"));
        link_part(p->link, STR("{\"generated_answer\":\"6\"}"));
    } else {
        link_part(p->link, STR("{\"from\":3,\"to\":5,\"end\":true,\"complete\":[[4,5]],"
                               "\"partial\":[{\"at\":3,\"phases\":[0],\"replies\":[]}]}"));
        link_part(p->link, STR("{\"generated_answer\":null,\"error\":{\"stage\":\"candidate\","
                               "\"code\":\"remote\",\"message\":\"gone\",\"attempts\":4}}"));
    }
    link_end(p->link);
}

static void
resumption(void)
{
    struct peer p;
    peer_start(&p, NULL);
    p.on_ask = answer_four;
    p.on_done = half_done;
    peer_job(&p, "job", with_openai,
             CHAT_ROW("2+2", "4") CHAT_ROW("2+2", "4") CHAT_ROW("3+3", "6") CHAT_ROW("2+2", "4")
             CHAT_ROW("2+2", "4") CHAT_ROW("2+2", "4"), -1,
             CANDIDATE("m") ",\"models\":[" OPENAI("m") "],\"roles\":{},\"window\":8,"
             "\"resume\":true,\"functions\":[" EQUALITY("\"average\"") "]");
    ok(completed(&p), "a resumed job completes");
    is_int(p.n_done, 2, "it read what is done in two parts");
    is_int(p.n_asks, 1, "nothing is generated again");
    is_int(peer_count(&p, 'g'), 1, "but the row that was missing");
    is_str(peer_rec(&p, 'g', 5, 0, -1), "{\"generated_answer\":\"4\"}", "which is the last");
    is_str(peer_rec(&p, 's', 2, 0, 0), "{\"score\":1.0}", "a kept generation is scored");
    ok(has(peer_rec(&p, 's', 3, 0, 0), "{\"score\":null,\"error\":{\"stage\":\"candidate\","
       "\"code\":\"remote\",\"message\":\"gone\",\"attempts\":4}}"), "a kept error is passed on");
    is_int(p.n_recs, 4, "complete rows are left alone");
    ok(has(p.last_progress, "\"rows_done\":6"), "but counted");
    peer_stop(&p);
}

/* ---- judges ---- */

static const struct peer_file with_judge[] = { { "judge", "\"test::judge\"" },
                                               { "openai", "\"model::openai\"" },
                                               { NULL, NULL } };
#define JUDGED(q) "{\"generated_answer\":\"" q "\"}\n"
#define JUDGE_JOB \
    "\"candidate\":null,\"models\":[" OPENAI("j") "],\"roles\":{\"judge\":\"j\"},\"window\":8," \
    "\"max_attempts\":2,\"functions\":[" FUNCTION("test::judge") "]"

static void
grade(struct peer *p, uint64_t tag, const char *head, const char *body)
{
    (void)head;
    if (strstr(body, "gone") != NULL)
        peer_reply(p, tag, -6, 0, "connection refused");
    else if (strstr(body, "once more") != NULL)
        peer_reply(p, tag, 0, 200, ANSWER("Grade: 4"));
    else
        peer_reply(p, tag, 0, 200, strstr(body, "mute") != NULL ? ANSWER("none") : ANSWER("8"));
}

static void
judges(void)
{
    struct peer p;
    peer_start(&p, NULL);
    p.on_ask = grade;
    peer_job(&p, "call", with_judge, JUDGED("fine") JUDGED("twice") JUDGED("gone") JUDGED("mute"),
             -1, "\"on_error\":\"fail\"," JUDGE_JOB);
    ok(completed(&p), "a judge's failure fails no call");
    is_str(peer_rec(&p, 's', 0, 0, 0), "{\"score\":0.8,\"grades\":1}", "a judge grades");
    is_str(peer_rec(&p, 's', 1, 0, 0), "{\"score\":0.6,\"grades\":2}", "or asks again");
    ok(has(peer_head(&p, 's', 1, 0, 0), ",{\"input_tokens\":18,\"output_tokens\":2}]"),
       "its usage is with the score");
    is_int(peer_count(&p, 'r'), 0, "a call has no use for replies");
    ok(has(peer_rec(&p, 's', 2, 0, 0), "{\"score\":null,\"metadata\":{\"error\":{\"stage\":"
       "\"scorer\",\"code\":\"remote\","), "a judge that fails stands in metadata.error");
    ok(has(peer_rec(&p, 's', 3, 0, 0), "\"code\":\"remote\"")
       && has(peer_rec(&p, 's', 3, 0, 0), "\"attempts\":2}}}"), "as does one that never grades");
    peer_stop(&p);
}

static char kept_reply[2048];
static void
done_with_reply(struct peer *p, uint64_t tag, uint64_t from)
{
    (void)from;
    link_begin(p->link, FRAME_DONE, tag);
    link_part(p->link, STR("{\"from\":0,\"to\":1,\"end\":true,\"complete\":[],\"partial\":"
                           "[{\"at\":0,\"phases\":[],\"replies\":[[1,0]]}]}"));
    link_part(p->link, str_z(kept_reply));
    link_end(p->link);
}

static void
kept_replies(void)
{
    struct peer p;
    peer_start(&p, NULL);
    p.on_ask = grade;
    peer_job(&p, "job", with_judge, JUDGED("twice"), -1, JUDGE_JOB);
    ok(completed(&p), "a judge that asks twice");
    ok(has(peer_head(&p, 'r', 0, 0, 1), "[\"r\",0,0,1,0]"), "a reply is kept when it asks again");
    snprintf(kept_reply, sizeof kept_reply, "%s", peer_rec(&p, 'r', 0, 0, 1));
    peer_stop(&p);
    peer_start(&p, NULL);
    p.on_ask = grade;
    p.on_done = done_with_reply;
    peer_job(&p, "job", with_judge, JUDGED("twice"), -1, "\"resume\":true," JUDGE_JOB);
    ok(completed(&p), "is resumed in the middle");
    is_int(p.n_asks, 1, "what was paid for is not bought again");
    is_str(peer_rec(&p, 's', 0, 0, 0), "{\"score\":0.6,\"grades\":2}", "with the same result");
    ok(has(peer_head(&p, 's', 0, 0, 0), ",{\"input_tokens\":18,\"output_tokens\":2}]"),
       "and the same usage");
    peer_stop(&p);
}

/* ---- deaths ---- */

static const struct crumb *
charged(const struct peer *p, uint32_t state)
{
    for (int i = 0; i < CRUMB_SLOTS; i++)
        if (p->page->slots[i].state == state)
            return &p->page->slots[i];
    return NULL;
}

static void
answer_crash(struct peer *p, uint64_t tag, const char *head, const char *body)
{
    (void)head;
    (void)body;
    peer_reply(p, tag, 0, 200, ANSWER("crash"));
}

static void
deaths(void)
{
    static const struct peer_file crash[] = { { "basic", "\"basic::equality\"" },
                                              { "crash", "\"test::crash\"" }, { NULL, NULL } };
    static const struct peer_file hang[] = { { "hang", "\"test::hang\"" }, { NULL, NULL } };
    static const char rows[] = "{\"generated_answer\":\"a\",\"expected_answer\":\"a\"}\n"
                               "{\"generated_answer\":\"crash\",\"expected_answer\":\"a\"}\n";
    struct peer p;
    peer_start(&p, NULL);
    peer_job(&p, "job", crash, rows, -1,
             "\"candidate\":null,\"models\":[],\"roles\":{},\"window\":8,\"functions\":["
             EQUALITY("\"average\"") "," FUNCTION("test::crash") "]");
    is_str(peer_run(&p), "", "a plugin that crashes ends its runner");
    const struct crumb *c = charged(&p, CRUMB_CRASHED);
    ok(WIFSIGNALED(p.status) && WTERMSIG(p.status) == SIGSEGV, "by its signal");
    ok(c != NULL && c->row == 1 && c->phase == 2 && c->plugin == 1 && c->signal == SIGSEGV,
       "and the crumb says whose fault it was");
    peer_stop(&p);

    static const struct peer_file paid[] = { { "openai", "\"model::openai\"" },
                                             { "crash", "\"test::crash\"" }, { NULL, NULL } };
    peer_start(&p, NULL);
    p.on_ask = answer_crash;
    peer_job(&p, "job", paid, CHAT_ROW("boom", "4"), -1,
             CANDIDATE("m") ",\"models\":[" OPENAI("m") "],\"roles\":{},\"window\":8,"
             "\"functions\":[" FUNCTION("test::crash") "]");
    is_str(peer_run(&p), "", "a scorer that crashes on a generation");
    is_str(peer_rec(&p, 'g', 0, 0, -1), "{\"generated_answer\":\"crash\"}",
           "does not take it along: it was paid for");
    peer_stop(&p);

    peer_start(&p, NULL);
    peer_job(&p, "job", hang,
             "{\"generated_answer\":\"a\"}\n{\"generated_answer\":\"hang\"}\n", -1,
             "\"candidate\":null,\"models\":[],\"roles\":{},\"window\":1,\"plugin_timeout_ms\":1000,"
             "\"functions\":[" FUNCTION("test::hang") "]");
    is_str(peer_run(&p), "", "one that hangs, too");
    c = charged(&p, CRUMB_HUNG);
    ok(WIFEXITED(p.status) && WEXITSTATUS(p.status) == 70, "with a status of its own");
    ok(c != NULL && c->row == 1 && c->phase == 1, "and the crumb says where");
    peer_stop(&p);

    peer_start(&p, NULL);
    peer_job(&p, "job", crash, rows, -1,
             "\"candidate\":null,\"models\":[],\"roles\":{},\"window\":8,"
             "\"quarantine\":[\"test::crash\"],\"functions\":[" EQUALITY("\"average\"") ","
             FUNCTION("test::crash") "]");
    ok(completed(&p), "a plugin in quarantine is not called");
    ok(has(peer_rec(&p, 's', 1, 0, 1), "\"code\":\"plugin\",\"message\":\"plugin 'test::crash' is "
       "in quarantine"), "its rows say so");
    is_str(peer_rec(&p, 's', 1, 0, 0), "{\"score\":0.0}", "the other scorer goes on");
    peer_stop(&p);
}

/* ---- stopping and losing the gateway ---- */

static void
answer_two(struct peer *p, uint64_t tag, const char *head, const char *body)
{
    (void)head;
    (void)body;
    if (p->n_asks < 3)
        peer_reply(p, tag, 0, 200, ANSWER("4"));
}

static void
cancel_after_two(struct peer *p, uint16_t type)
{
    (void)type;
    if (peer_count(p, 'g') != 2 || p->n_open == 0 || p->arg != NULL)
        return;
    p->arg = p; /* once */
    link_put(p->link, FRAME_STOP, 0, STR("{\"why\":\"cancel\",\"grace_ms\":0}"));
}

static const char many_chats[] =
    CHAT_ROW("a", "4") CHAT_ROW("b", "4") CHAT_ROW("c", "4") CHAT_ROW("d", "4") CHAT_ROW("e", "4")
    CHAT_ROW("f", "4") CHAT_ROW("g", "4") CHAT_ROW("h", "4") CHAT_ROW("i", "4") CHAT_ROW("j", "4");
#define MANY(more) \
    CANDIDATE("m") ",\"models\":[" OPENAI("m") "],\"roles\":{}," more \
    "\"functions\":[" EQUALITY("\"average\"") "]"

static void
park_at_fourth(struct peer *p, uint64_t tag, const char *head, const char *body)
{
    (void)head;
    (void)tag;
    (void)body;
    if (p->n_asks == 4)
        link_put(p->link, FRAME_STOP, 0, STR("{\"why\":\"park\",\"grace_ms\":30000}"));
}

/* The first two are answered, the others forgotten. */
static void
two_at_a_server(struct peer *p)
{
    while (p->n_open > 2) {
        link_put(p->gate, FRAME_DROP, p->open_tags[--p->n_open], STR("{}"));
        free(p->open_bodies[p->n_open]);
    }
    while (p->n_open > 0)
        peer_reply(p, p->open_tags[p->n_open - 1], 0, 200, ANSWER("4"));
}

static void
answer_after_stop(struct peer *p, uint16_t type)
{
    (void)type;
    while (p->n_asks >= 4 && p->n_open > 0)
        peer_reply(p, p->open_tags[0], 0, 200, ANSWER("4"));
}

/* Rows 0, 4 and 5 come alone; 1 2 3, 6 7 8 and 9 together. */
static void
answer_when_full(struct peer *p, uint16_t type)
{
    static const size_t together[] = { 1, 3, 3, 3, 1, 1, 3, 3, 3, 1 };
    int *answered = p->arg, done = *answered;
    if (type != FRAME_ASK || done > 9 || p->n_open < together[done])
        return;
    if (p->n_open != together[done])
        ok(false, "after %d rows %zu are in flight", done, p->n_open);
    for (; p->n_open > 0; ++*answered)
        peer_reply(p, p->open_tags[0], 0, 200, ANSWER("4"));
}

static void
stops(void)
{
    struct peer p;
    peer_start(&p, NULL);
    p.on_ask = answer_two;
    p.on_any = cancel_after_two;
    peer_job(&p, "job", with_openai, many_chats, -1, MANY("\"window\":4,"));
    ok(has(peer_run(&p), "\"state\":\"stopped\""), "a cancelled job stops");
    is_int(peer_count(&p, 'g'), 2, "what was answered is recorded");
    while (peer_round(&p)) /* the other link may be behind */
        ;
    ok(p.n_drops > 0, "what was not is dropped");
    peer_stop(&p);

    peer_start(&p, NULL);
    p.on_ask = park_at_fourth;
    p.on_any = answer_after_stop;
    peer_job(&p, "job", with_openai, many_chats, -1, MANY("\"window\":4,"));
    ok(has(peer_run(&p), "\"state\":\"stopped\""), "a parked job stops");
    ok(peer_count(&p, 'g') >= 4, "after its asks in flight are answered");
    is_int(p.n_drops, 0, "of which none is dropped");
    peer_stop(&p);

    peer_start(&p, NULL);
    p.on_ask = park_at_fourth;
    p.on_park = two_at_a_server;
    peer_job(&p, "job", with_openai, many_chats, -1, MANY("\"window\":4,"));
    ok(has(peer_run(&p), "\"state\":\"stopped\""), "asks that only wait are given up at once");
    is_int(peer_count(&p, 'g'), 2, "those that a server is at are awaited");
    peer_stop(&p);

    peer_start(&p, NULL);
    p.on_ask = park_at_fourth;
    peer_job(&p, "job", with_openai, many_chats, -1,
             CANDIDATE("m") ",\"models\":[" OPENAI("m") "],\"roles\":{},\"window\":4,"
             "\"functions\":[" EQUALITY("\"average\"") "]");
    while (p.n_open < 4 && peer_round(&p))
        ;
    link_free(p.gate);
    p.gate = NULL;
    ok(has(peer_run(&p), "\"state\":\"stopped\""), "nothing is awaited of a gateway that is gone");
    peer_stop(&p);

    peer_start(&p, NULL);
    int answered = 0;
    p.on_any = answer_when_full;
    p.arg = &answered;
    peer_job(&p, "job", with_openai, many_chats, -1,
             MANY("\"suspects\":[0,4,5],\"window\":3,"));
    ok(completed(&p), "a job with suspects completes");
    is_int(p.n_asks, 10, "with all its rows");
    is_int(p.n_scored, 4, "and scores");
    peer_stop(&p);
}

static void
lose_gateway(struct peer *p, uint64_t tag, const char *head, const char *body)
{
    (void)body;
    if (p->arg != NULL) { /* the second gateway */
        if (strstr(head, "\"attempts\":1}") != NULL)
            ++*(int *)p->arg;
        peer_reply(p, tag, 0, 200, ANSWER("4"));
    }
}

static void
gateway_restarts(void)
{
    struct peer p;
    int again = 0;
    peer_start(&p, NULL);
    p.on_ask = lose_gateway;
    peer_job(&p, "job", with_openai, many_chats, -1, MANY("\"window\":4,"));
    while (p.n_open < 4 && peer_round(&p))
        ;
    link_free(p.gate);
    p.gate = NULL;
    p.arg = &again;
    link_begin(p.link, FRAME_GATEWAY, 0);
    link_part(p.link, STR("{}"));
    link_send_fd(p.link, peer_gate(&p));
    link_end(p.link);
    ok(completed(&p), "a job outlives the gateway");
    is_int(again, 4, "what was open is asked again, as another attempt");
    is_int(peer_count(&p, 'g'), 10, "and every row has its generation");
    peer_stop(&p);
}

/* ---- data sets of all kinds ---- */

#define NO_CANDIDATE(more) \
    "\"candidate\":null,\"models\":[],\"roles\":{}," more \
    "\"functions\":[" EQUALITY("\"average\"") "]"

/* A job over rows, with these members of its data set; runs it to its end. */
static void
run_over(struct peer *p, const char *dataset, const char *rows, const char *more)
{
    peer_start(p, NULL);
    p->dataset = dataset;
    peer_job(p, "job", basic, rows, -1, more);
    peer_run(p);
}

static void
inputs(void)
{
    struct peer p;
    run_over(&p, "\"format\":\"csv\",\"limit\":null,\"row_id_column\":\"n\",\"cluster\":\"c\"",
             "n,c,generated_answer,expected_answer\n1,u,x,x\n2,u,\"a,\nb\",\"a,\nb\"\n3,,y,y\n"
             "4,v,y,z\n", NO_CANDIDATE("\"window\":8,"));
    ok(has(p.end, "\"state\":\"completed\",\"rows\":4,"), "a CSV file is a data set");
    is_str(peer_rec(&p, 's', 1, 0, 0), "{\"score\":1.0}", "with cells of two lines");
    ok(has(peer_rec(&p, 's', 2, 0, 0), "row 2: missing column 'c'"),
       "a row without its cluster is an error");
    ok(has(p.statistics[0], "\"n_scored\":3"), "and not counted");
    peer_stop(&p);

    run_over(&p, "\"format\":\"csv\",\"limit\":null,\"row_id_column\":null,\"cluster\":null",
             "a,b\n1,2,3\n", NO_CANDIDATE("\"window\":8,"));
    ok(has(p.end, "\"code\":\"dataset\"") && has(p.end, "rows:2: 3 cells"),
       "a CSV file of another shape is none");
    peer_stop(&p);

    static const struct { const char *limit; int rows; const char *what; } limits_of[] = {
        { "\"limit\":0", 0, "no row" }, { "\"limit\":2", 2, "two rows" },
        { "\"limit\":99", 3, "more rows than there are" },
    };
    for (size_t i = 0; i < ARRAY_LEN(limits_of); i++) {
        char dataset[200], want[60];
        snprintf(dataset, sizeof dataset,
                 "\"format\":\"jsonl\",\"row_id_column\":null,\"cluster\":null,%s",
                 limits_of[i].limit);
        snprintf(want, sizeof want, "\"state\":\"completed\",\"rows\":%d,", limits_of[i].rows);
        run_over(&p, dataset, three_rows, NO_CANDIDATE("\"window\":2,"));
        ok(has(p.end, want), "a limit of %s", limits_of[i].what);
        is_int(peer_count(&p, 's'), limits_of[i].rows, "has so many score rows");
        peer_stop(&p);
    }

    run_over(&p, NULL, "", NO_CANDIDATE("\"window\":2,"));
    ok(has(p.end, "\"state\":\"completed\",\"rows\":0,"), "an empty data set completes");
    ok(p.aggregate[0] != NULL && p.statistics[0] != NULL, "with aggregates: %s", p.aggregate[0]);
    peer_stop(&p);
}

/* Rows of exactly as much as there may be, and of one byte more; a window of few bytes. */
static void
large_rows(void)
{
    static const size_t most = 16u << 20;
    static const char begin[] = "{\"expected_answer\":\"x\",\"generated_answer\":\"x\",\"pad\":\"";
    struct peer p;
    char *rows = xmalloc(2 * most + 100 + sizeof three_rows), *at = rows;
    for (size_t more = 0; more < 2; more++) {
        at = mempcpy(at, begin, sizeof begin - 1);
        memset(at, 'p', most + more - (sizeof begin - 1) - 2);
        at += most + more - (sizeof begin - 1) - 2;
        at = mempcpy(at, "\"}\n", 3);
    }
    strcpy(at, three_rows);
    run_over(&p, NULL, rows, NO_CANDIDATE("\"window\":64,\"window_bytes\":1000,"));
    free(rows);
    ok(has(p.end, "\"state\":\"completed\",\"rows\":5,"), "rows that are large, one too large");
    is_str(peer_rec(&p, 's', 0, 0, 0), "{\"score\":1.0}", "16 MiB are a row");
    ok(has(peer_rec(&p, 's', 1, 0, 0), "rows:2: the row is longer than 16 MiB"), "a byte more is none");
    is_str(peer_rec(&p, 's', 2, 0, 0), "{\"score\":1.0}", "what follows is read");
    peer_stop(&p);
}

static void
stop_at_once(struct peer *p)
{
    link_put(p->link, FRAME_STOP, 0, STR("{\"why\":\"park\",\"grace_ms\":3600000}"));
    ok(has(peer_run(p), "\"state\":\"stopped\""), "is stopped");
    peer_stop(p);
}

/* A tebibyte of NUL bytes behind a first line, read for ever. */
static int
endless(const char *first)
{
    int fd = memfd_create("endless", MFD_CLOEXEC);
    if (io_write_full(fd, first, strlen(first)) < 0 || ftruncate(fd, INT64_C(1) << 40) < 0)
        abort();
    return fd;
}

static void
stops_while_reading(void)
{
    struct peer p;
    diag("a first pass over CSV,");
    peer_start(&p, NULL);
    p.dataset = "\"format\":\"csv\",\"limit\":null,\"row_id_column\":null,\"cluster\":null";
    p.data_fd = endless("a,b\n1,2\n");
    peer_job(&p, "job", basic, "", INT64_C(1) << 40, NO_CANDIDATE("\"window\":8,"));
    stop_at_once(&p);

    diag("rows that are counted,");
    peer_start(&p, NULL);
    p.dataset = "\"format\":\"jsonl\",\"limit\":1,\"row_id_column\":null,\"cluster\":null";
    p.data_fd = endless(three_rows);
    peer_job(&p, "job", basic, "", INT64_C(1) << 40, NO_CANDIDATE("\"window\":8,"));
    while (peer_count(&p, 's') == 0 && peer_round(&p))
        ;
    stop_at_once(&p);

    diag("a row without end,");
    peer_start(&p, NULL);
    p.data_fd = endless(three_rows);
    peer_job(&p, "job", basic, "", INT64_C(1) << 40, NO_CANDIDATE("\"window\":8,"));
    while (p.n_ready == 0 && peer_round(&p))
        ;
    stop_at_once(&p);
}

/* While evald does not read, no rows begin. */
static void
back_pressure(void)
{
    struct peer p;
    size_t n = 40000;
    CLEANUP_TEXT struct text rows = TEXT_INIT;
    for (size_t i = 0; i < n; i++)
        text_puts(&rows, "{\"generated_answer\":\"x\",\"expected_answer\":\"x\"}\n");
    peer_start(&p, "--memory-max=300000000");
    peer_job(&p, "job", basic, rows.ptr, -1, NO_CANDIDATE("\"window\":256,"));
    while (p.n_ready == 0 && peer_round(&p))
        ;
    char path[40], stat[4096];
    snprintf(path, sizeof path, "/proc/%d/statm", (int)p.pid);
    long before = -1, now = 0;
    for (int same = 0; same < 20;) { /* until it has come to rest */
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t k = read(fd, stat, sizeof stat - 1);
        close(fd);
        stat[k > 0 ? k : 0] = '\0';
        sscanf(stat, "%*d %ld", &now);
        same = now == before ? same + 1 : 0;
        before = now;
        usleep(10000);
    }
    ok(peer_count(&p, 's') < (int)n / 2, "a runner that nobody reads rests");
#ifndef EVALD_SANITIZED
    ok(now * sysconf(_SC_PAGESIZE) < 64 << 20, "in %ld pages", now);
#endif
    while (p.n_recs < n && peer_round(&p))
        ;
    is_int((long)p.n_recs, (long)n, "and goes on to its end when it is read");
    link_put(p.link, FRAME_STOP, 0, STR("{\"why\":\"cancel\"}")); /* no need to aggregate */
    ok(has(peer_run(&p), "\"state\":\"stopped\""), "where it is stopped");
    peer_stop(&p);
}

static void
logs(void)
{
    static const struct peer_file hostile[] = { { "hostile", "\"test::hostile\"" }, { NULL, NULL } };
    struct peer p;
    peer_start(&p, NULL);
    peer_job(&p, "job", hostile, "{\"generated_answer\":\"log\"}\n{\"generated_answer\":\"A\"}\n",
             -1, "\"candidate\":null,\"models\":[],\"roles\":{},\"window\":1,\"functions\":["
             FUNCTION("test::hostile") "]");
    ok(completed(&p), "a plugin logs without end");
    is_int(p.n_log, 1001, "a thousand messages are passed on");
    ok(has(p.last_log, "\"plugin\":\"test::hostile\",\"text\":\"further messages of plugins are left out\""),
       "and one says so");
    peer_stop(&p);
}

/* ---- memory, what a job cannot be ---- */

static void
limits(void)
{
    static const struct peer_file leak[] = { { "leak", "\"test::leak\"" }, { NULL, NULL } };
    struct peer p;
    peer_start(&p, "--memory-max=300000000");
    peer_job(&p, "job", leak,
             JUDGED("leak") JUDGED("leak") JUDGED("leak") JUDGED("leak") JUDGED("leak")
             JUDGED("leak") JUDGED("leak") JUDGED("leak"), -1,
             "\"candidate\":null,\"models\":[],\"roles\":{},\"window\":1,\"functions\":["
             FUNCTION("test::leak") "]");
#ifdef EVALD_SANITIZED
    ok(completed(&p), "a leak is not limited under a sanitizer");
#else
    is_str(peer_run(&p), "", "a plugin that takes too much memory ends its runner");
    const struct crumb *c = charged(&p, CRUMB_CRASHED);
    ok(c != NULL && c->signal == SIGABRT && c->phase == 1 && c->row > 1, "and is charged with it");
#endif
    peer_stop(&p);

    peer_start(&p, NULL);
    p.on_ask = answer_four;
    peer_job(&p, "job", with_openai, many_chats, -1,
             "\"candidate\":{\"type\":\"model\",\"model\":\"m\",\"sampling\":{\"top_k\":5}},"
             "\"models\":[" OPENAI("m") "],\"roles\":{},\"window\":4,"
             "\"functions\":[" EQUALITY("\"average\"") "]");
    ok(has(peer_run(&p), "\"state\":\"failed\"") && has(p.end, "{\"code\":\"config\",\"stage\":"
       "\"candidate\",\"row\":0,\"function\":null,\"plugin\":\"model::openai\",\"message\":"
       "\"row 0: "), "a parameter that the dialect cannot express fails the job");
    is_int(peer_count(&p, 'g'), 0, "and nothing is recorded for it");
    peer_stop(&p);

    peer_start(&p, NULL);
    peer_job(&p, "job", basic, three_rows, -1,
             "\"candidate\":{\"type\":\"agent\"},\"models\":[],\"roles\":{},\"window\":4,"
             "\"functions\":[" FUNCTION("basic::equality") "]");
    ok(has(peer_run(&p), "{\"code\":\"config\"") && has(p.end, "'agent' are not supported"),
       "nor can one with a candidate of another type be run");
    peer_stop(&p);

    peer_start(&p, NULL);
    peer_job(&p, "job", basic, three_rows, -1,
             "\"candidate\":null,\"models\":[],\"roles\":{},\"window\":4,"
             "\"functions\":[" FUNCTION("basic::subset") "]");
    ok(has(peer_run(&p), "\"message\":\"function 'basic::subset': plugin 'basic::subset' is not "
       "loaded\""), "nor one with a plugin that is not there");
    peer_stop(&p);
}

/* ---- the data set, the plugins ---- */

static void
data_sets(void)
{
    struct peer p;
    peer_start(&p, NULL);
    peer_job(&p, "job", basic, three_rows, (long long)sizeof three_rows + 500,
             "\"candidate\":null,\"models\":[],\"roles\":{},\"window\":8,"
             "\"functions\":[" EQUALITY("\"average\"") "]");
    ok(has(peer_run(&p), "\"code\":\"dataset\""), "a data set that shrank fails the job");
    ok(has(p.end, "shrank"), "and says so");
    is_int(peer_count(&p, 's'), 3, "the rows that were there are recorded");
    peer_stop(&p);
}

static void
params_and_aggregate(void)
{
    static const struct peer_file params[] = { { "params", "\"test::params\"" }, { NULL, NULL } };
    struct peer p;
    peer_start(&p, NULL);
    peer_job(&p, "job", params,
             "{\"generated_answer\":\"A\",\"confidence\":0.75}\n{\"generated_answer\":\"Z\"}\n"
             "{\"generated_answer\":\"B\",\"confidence\":0.25}\n{\"generated_answer\":\"A\"}\n", -1,
             "\"candidate\":null,\"models\":[],\"roles\":{},\"window\":8,\"functions\":[{\"id\":"
             "\"f\",\"plugin\":\"test::params\",\"params\":{\"threshold\":0.5,\"labels\":[\"A\","
             "\"B\"]},\"aggregation_functions\":[\"average\"]}]");
    ok(completed(&p), "a scorer with its own metrics");
    is_str(p.aggregate[0], "{\"average\":{\"average\":0.5},\"max\":{\"max\":1.0},"
                           "\"spread\":{\"spread\":1.0},\"passed\":{\"passed\":2}}",
           "they stand beside the host's");
    peer_stop(&p);
    peer_start(&p, NULL);
    peer_job(&p, "job", params, "{}\n", -1,
             "\"candidate\":null,\"models\":[],\"roles\":{},\"window\":8,\"functions\":[{\"id\":"
             "\"f\",\"plugin\":\"test::params\",\"params\":{\"threshold\":0.5,\"labels\":[]},"
             "\"aggregation_functions\":[]}]");
    ok(has(peer_run(&p), "\"error\":{\"code\":\"config\",\"stage\":null,\"row\":null,\"function\":"
       "\"f\",\"plugin\":\"test::params\",\"message\":\"params.labels: one label is needed\"}"),
       "params that open() refuses fail the job");
    is_int(p.n_ready, 0, "before it is ready");
    peer_stop(&p);
}

static int
probe(const char *name, char *ret, size_t room)
{
    char command[1200];
    snprintf(command, sizeof command, "exec %s --probe '%s'", peer_runner(), peer_plugin(name));
    FILE *f = popen(command, "r");
    size_t n = fread(ret, 1, room - 1, f);
    ret[n] = '\0';
    int status = pclose(f);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
probes(void)
{
    static const struct { const char *name, *why; } bad[] = {
        { "no-symbol", "no evald plugin (evald_plugins_v1 is missing)" },
        { "wrong-abi", "has ABI " }, { "wrong-magic", "has a wrong magic number" },
        { "bad-schema", "params_schema" }, { "no-such-file", "No such file" },
    };
    char out[8192];
    is_int(probe("basic", out, sizeof out), 0, "a good file is described");
    ok(has(out, "\"id\":\"basic::equality\",\"version\":") && has(out, "\"error\":null}"),
       "with its plugins");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int status = probe(bad[i].name, out, sizeof out);
        ok(status == 1 && has(out, "\"plugins\":[],\"error\":\"") && has(out, bad[i].why),
           "%s is refused", bad[i].name);
    }
}

int
main(void)
{
    signal(SIGPIPE, SIG_IGN);
    /* a runner whose evald has gone ends in the middle of things */
    setenv("TSAN_OPTIONS", "report_thread_leaks=0", 0);
    scorer_only();
    model_candidate();
    candidate_errors();
    bad_rows();
    on_error_fail();
    epochs();
    overlay();
    resumption();
    judges();
    kept_replies();
    inputs();
    large_rows();
    stops_while_reading();
    back_pressure();
    logs();
    deaths();
    stops();
    gateway_restarts();
    limits();
    data_sets();
    params_and_aggregate();
    probes();
    return tap_done();
}
