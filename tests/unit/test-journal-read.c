/* What is read from the journals of jobs: real databases. */
#include "config.h"

#include "common/io.h"
#include "common/json.h"
#include "journals.h"

static bool got_end;

static void
on_chunk(void *arg, struct str chunk, bool end, const struct err *err)
{
    (void)arg;
    text_clear(&got_text);
    text_put_str(&got_text, chunk);
    got_end = end;
    take_err(err);
}

static void
drain(struct store *s)
{
    for (int i = 0; i < 3; i++) {
        worker_drain(store_reader(s));
        worker_drain(store_worker(s));
    }
}

/* ---- reading while it runs ---- */

static void
test_done(void)
{
    struct err err;
    struct store *s = store_open(loop, dir, &err);
    struct journal *j = create(s, 12, 1);
    read_done(j, 2, 0);
    is_str(done_line(), "{\"from\":0,\"to\":0,\"end\":true,\"complete\":[],\"partial\":[]}",
           "an empty journal has nothing done");
    struct batch b = { TEXT_INIT, TEXT_INIT, TEXT_INIT };
    for (int i = 0; i < 9; i++) {
        if (i == 3)
            continue; /* nothing there */
        if (i != 5)   /* 5: scores alone */
            rec(&b, STR("{\"g\":1}"), "[\"g\",%d,0,%d,0,null]", i, i);
        if (i != 6) { /* 6: generation alone */
            rec(&b, STR("{\"s\":0}"), "[\"s\",%d,0,0,null]", i);
            if (i != 8) /* 8: one of two scores */
                rec(&b, STR("{\"s\":1}"), "[\"s\",%d,0,1,null]", i);
        }
    }
    rec(&b, STR("r6.1.0"), "[\"r\",6,0,1,0]");
    rec(&b, STR("r6.2.1"), "[\"r\",6,0,2,1]");
    rec(&b, STR("r6.2.0"), "[\"r\",6,0,2,0]");
    rec(&b, STR("r6.1.1"), "[\"r\",6,0,1,1]");
    rec(&b, STR("r6.1.10"), "[\"r\",6,0,1,10]");
    rec(&b, STR("r10.0.0"), "[\"r\",10,0,0,0]");
    append(j, &b);
    read_done(j, 2, 0);
    is_str(done_line(),
           "{\"from\":0,\"to\":11,\"end\":true,\"complete\":[[0,3],[4,5],[7,8]],\"partial\":["
           "{\"at\":5,\"phases\":[1,2],\"replies\":[]},"
           "{\"at\":6,\"phases\":[0],\"replies\":[[1,0],[1,1],[1,10],[2,0],[2,1]]},"
           "{\"at\":8,\"phases\":[0,1],\"replies\":[]},"
           "{\"at\":10,\"phases\":[],\"replies\":[[0,0]]}]}"
           " {\"g\":1} r6.1.0 r6.1.1 r6.1.10 r6.2.0 r6.2.1 {\"g\":1} r10.0.0",
           "complete ranges, and partial places with generation and replies in order");
    read_done(j, 2, 7);
    is_str(done_line(),
           "{\"from\":7,\"to\":11,\"end\":true,\"complete\":[[7,8]],\"partial\":["
           "{\"at\":8,\"phases\":[0,1],\"replies\":[]},"
           "{\"at\":10,\"phases\":[],\"replies\":[[0,0]]}]} {\"g\":1} r10.0.0",
           "from a place on");
    read_done(j, 2, 11);
    is_str(done_line(), "{\"from\":11,\"to\":11,\"end\":true,\"complete\":[],\"partial\":[]}",
           "from the end on");
    read_done(j, 2, INT64_MAX);
    ok(got_err.code == ERR_NONE && strstr(done_line(), "\"end\":true") != NULL,
       "from beyond everything on");

    /* places far apart */
    append_one(j, "[\"g\",8191,0,1,0,null]", STR("{}"));
    append_one(j, "[\"g\",8192,0,1,0,null]", STR("{}"));
    append_one(j, "[\"g\",20000,0,1,0,null]", STR("{}"));
    read_done(j, 2, 11);
    is_str(done_line(),
           "{\"from\":11,\"to\":8203,\"end\":false,\"complete\":[],\"partial\":["
           "{\"at\":8191,\"phases\":[0],\"replies\":[]},"
           "{\"at\":8192,\"phases\":[0],\"replies\":[]}]} {} {}",
           "at most 8192 places are looked at");
    read_done(j, 2, 8203);
    is_str(done_line(), "{\"from\":8203,\"to\":16395,\"end\":false,\"complete\":[],\"partial\":[]}",
           "a stretch of nothing");
    read_done(j, 2, 16395);
    is_str(done_line(),
           "{\"from\":16395,\"to\":20001,\"end\":true,\"complete\":[],\"partial\":["
           "{\"at\":20000,\"phases\":[0],\"replies\":[]}]} {}",
           "and the last");
    journal_close(j);
    store_free(s);
}

/* Reads on from chunk to chunk; returns how many there were, and counts what they tell. */
static int
read_all_done(struct journal *j, int n_functions, int64_t *ret_complete, int64_t *ret_partial,
              size_t *ret_largest, bool *ret_gapless)
{
    int chunks = 0;
    int64_t from = 0;
    bool end = false;
    *ret_complete = *ret_partial = 0;
    *ret_largest = 0;
    *ret_gapless = true;
    while (!end && chunks < 1000) {
        read_done(j, n_functions, from);
        chunks++;
        if (got_text.len > *ret_largest)
            *ret_largest = got_text.len;
        struct str rest = text_str(&got_text), head;
        CLEANUP_JSON json_object *o = NULL;
        struct err err;
        if (!frame_part(&rest, &head) || json_parse(head, &o, NULL, &err) < 0)
            return -1;
        int64_t to = json_get_int(o, "to", -1);
        end = json_get_bool(o, "end", false);
        *ret_gapless = *ret_gapless && json_get_int(o, "from", -1) == from
                       && (to > from || end) && frame_parts_ok(rest);
        json_object *list = json_get(o, "complete");
        for (size_t i = 0; i < json_object_array_length(list); i++) {
            json_object *r = json_object_array_get_idx(list, i);
            *ret_complete += json_object_get_int64(json_object_array_get_idx(r, 1))
                             - json_object_get_int64(json_object_array_get_idx(r, 0));
        }
        *ret_partial += (int64_t)json_object_array_length(json_get(o, "partial"));
        from = to;
    }
    return chunks;
}

static void
test_done_chunks(void)
{
    struct err err;
    struct store *s = store_open(loop, dir, &err);
    struct journal *j = create(s, 13, 2);
    struct batch b = { TEXT_INIT, TEXT_INIT, TEXT_INIT };
    for (int i = 0; i < 10000; i++)
        for (int e = 0; e < 2; e++) {
            rec(&b, STR("{}"), "[\"g\",%d,%d,%d,0,null]", i, e, i);
            rec(&b, STR("{}"), "[\"s\",%d,%d,0,null]", i, e);
        }
    append(j, &b);
    is_int(got_counts.generations, 20000, "a long journal");
    int64_t complete, partial;
    size_t largest;
    bool gapless;
    is_int(read_all_done(j, 1, &complete, &partial, &largest, &gapless), 3,
           "20000 complete places are three chunks of 8192");
    is_int(complete, 20000, "all are told");
    ok(gapless && partial == 0, "without gaps");
    read_done(j, 1, 8192);
    is_str(done_line(),
           "{\"from\":8192,\"to\":16384,\"end\":false,\"complete\":[[8192,16384]],\"partial\":[]}",
           "a chunk in the middle");
    read_done(j, 1, 20000 - 8192);
    is_str(done_line(),
           "{\"from\":11808,\"to\":20000,\"end\":true,\"complete\":[[11808,20000]],\"partial\":[]}",
           "a chunk that ends with the journal");
    journal_close(j);

    /* partial places with long generations: cut by bytes */
    j = create(s, 14, 1);
    size_t n = 60000;
    char *body = xmalloc(n);
    memset(body, 'x', n);
    memcpy(body, "{\"g\":\"", 6);
    memcpy(body + n - 2, "\"}", 2);
    for (int i = 0; i < 23; i++)
        rec(&b, (struct str){ body, n }, "[\"g\",%d,0,1,0,null]", i);
    append(j, &b);
    int chunks = read_all_done(j, 1, &complete, &partial, &largest, &gapless);
    is_int(chunks, 5, "23 partial places of 60000 bytes are five chunks");
    ok(gapless && complete == 0 && partial == 23, "all are told, without gaps");
    ok(largest < (256u << 10) + 70000, "no chunk is much above 256 KiB");

    /* a place whose replies are more than a frame may hold */
    size_t big = 9u << 20;
    char *reply = xmalloc(big);
    memset(reply, 'r', big);
    for (int i = 0; i < 8; i++) {
        char what[40];
        snprintf(what, sizeof what, "[\"r\",100,0,1,%d]", i);
        append_one(j, what, (struct str){ reply, big });
    }
    read_done(j, 1, 100);
    is_int(got_err.code, ERR_NONE, "72 MiB of replies are read");
    ok(got_text.len < FRAME_MAX, "and what is told of them fits into a frame");
    ok(strstr(got_text.ptr + 4, "\"replies\":[[1,0],[1,1]]") != NULL
           && frame_parts_ok(text_str(&got_text)),
       "those that fit are there");
    append_one(j, "[\"r\",101,0,1,0]", (struct str){ reply, 0 });
    size_t huge = 41u << 20;
    reply = xrealloc(reply, huge);
    memset(reply, 'r', huge);
    append_one(j, "[\"r\",102,0,1,0]", (struct str){ reply, huge });
    is_int(got_err.code, ERR_PROTO, "a record that no frame could bring back is refused");
    free(reply);
    free(body);
    journal_close(j);
    store_free(s);
}

static void
read_scored(struct journal *j, int function, int64_t from)
{
    journal_read_scored(j, function, from, on_text, NULL);
    wait_answer();
}

static void
test_scored(void)
{
    struct err err;
    struct store *s = store_open(loop, dir, &err);
    struct journal *j = create(s, 15, 2);
    read_scored(j, 0, 0);
    is_str(done_line(), "{\"function\":0,\"from\":0,\"to\":0,\"end\":true} ",
           "nothing scored is the end");
    struct batch b = { TEXT_INIT, TEXT_INIT, TEXT_INIT };
    rec(&b, STR("{\"g\":1}"), "[\"g\",0,0,\"a\\tb\",0,null]");
    rec(&b, STR("{\"g\":1}"), "[\"g\",0,1,\"a\\tb\",1,null]");
    rec(&b, STR("{\"g\":1}"), "[\"g\",1,0,12,0,null]");
    rec(&b, STR("{\"g\":1}"), "[\"g\",2,0,null,0,null]");
    rec(&b, STR("{\"score\":1.0}"), "[\"s\",0,1,1,null]");
    rec(&b, STR("{\"score\":0.5}"), "[\"s\",0,0,1,null]");
    rec(&b, STR("{\"score\":\"\\n\"}"), "[\"s\",1,0,1,null]");
    rec(&b, STR("{\"score\":3}"), "[\"s\",2,0,1,null]");
    rec(&b, STR("{\"score\":9}"), "[\"s\",2,0,0,null]");
    append(j, &b);
    read_scored(j, 1, 0);
    is_str(done_line(),
           "{\"function\":1,\"from\":0,\"to\":5,\"end\":true} "
           "0\t0\t0\t\"a\\tb\"\t{\"score\":0.5}\n"
           "0\t1\t1\t\"a\\tb\"\t{\"score\":1.0}\n"
           "1\t0\t0\t12\t{\"score\":\"\\n\"}\n"
           "2\t0\t0\tnull\t{\"score\":3}\n",
           "lines in order, with row, epoch, truncated, row id and score");
    read_scored(j, 1, 1);
    is_str(done_line(),
           "{\"function\":1,\"from\":1,\"to\":5,\"end\":true} "
           "0\t1\t1\t\"a\\tb\"\t{\"score\":1.0}\n"
           "1\t0\t0\t12\t{\"score\":\"\\n\"}\n"
           "2\t0\t0\tnull\t{\"score\":3}\n",
           "from a place on");
    read_scored(j, 7, 0);
    is_str(done_line(), "{\"function\":7,\"from\":0,\"to\":0,\"end\":true} ",
           "a function that is not has no lines");
    journal_close(j);

    /* lines of 4 KiB each, LF included: 16 are a chunk to the byte */
    j = create(s, 16, 1);
    char *body = xmalloc(4u << 10);
    memset(body, 'x', 4u << 10);
    memcpy(body, "{\"s\":\"", 6);
    for (int i = 0; i < 16; i++) {
        size_t n = (4u << 10) - 1 - (size_t)snprintf(NULL, 0, "%d\t0\t0\t1\t", i);
        rec(&b, STR("{}"), "[\"g\",%d,0,1,0,null]", i);
        memcpy(body + n - 2, "\"}", 2);
        rec(&b, (struct str){ body, n }, "[\"s\",%d,0,0,null]", i);
        body[n - 2] = body[n - 1] = 'x';
    }
    append(j, &b);
    read_scored(j, 0, 0);
    ok(begins(done_line(), "{\"function\":0,\"from\":0,\"to\":16,\"end\":false} "),
       "a chunk that is full with the last line does not know that it is the last");
    read_scored(j, 0, 16);
    is_str(done_line(), "{\"function\":0,\"from\":16,\"to\":16,\"end\":true} ",
           "the next one says so");
    read_scored(j, 0, 1);
    ok(begins(done_line(), "{\"function\":0,\"from\":1,\"to\":16,\"end\":true} "),
       "one line less is the end at once");
    free(body);
    journal_close(j);
    store_free(s);
}

/* ---- values, events, the result ---- */

static void
test_values(void)
{
    struct err err;
    struct store *s = store_open(loop, dir, &err);
    struct journal *j = create(s, 17, 1);
    journal_read_value(s, 17, "manifest", on_text, NULL);
    wait_answer();
    is_str(got_text.ptr, "{\"manifest\":1}", "the manifest is read while the job runs");
    journal_set(j, "manifest", STR("{\"manifest\":2}"), on_done, NULL);
    wait_answer();
    journal_event(j, "started", STR("{}"), NULL, NULL);
    journal_checkpoint(j, on_done, NULL);
    wait_answer();
    is_int(got_err.code, ERR_NONE, "all of it goes into the main file");
    struct stat st;
    ok(fstatat(store_dir(s), "jobs/17.db-wal", &st, 0) == 0 && st.st_size == 0,
       "and nothing stays beside it");
    journal_read_value(s, 17, "manifest", on_text, NULL);
    wait_answer();
    is_str(got_text.ptr, "{\"manifest\":2}", "what was set is there");
    is_int(number(17, "SELECT count(*) FROM event WHERE kind = 'started'"), 1, "so is an event");
    text_clear(&got_text);
    journal_read_value(s, 17, "nothing", on_text, NULL);
    wait_answer();
    ok(got_err.code == ERR_NONE && got_text.len == 0, "a member that is not there is empty");
    journal_read_value(s, 98, "manifest", on_text, NULL);
    wait_answer();
    is_int(got_err.code, ERR_INVALID, "a job that is not there is an error");
    journal_close(j);
    drain(s);
    ok(fstatat(store_dir(s), "jobs/17.db-wal", &st, 0) < 0, "a closed journal is one file");

    journal_create(s, 17, 1, STR("{}"), STR("{}"), on_opened, NULL);
    wait_answer();
    is_int(number(17, "SELECT count(*) FROM event"), 0,
           "creating begins anew: an id that was never acknowledged");
    journal_close(got_journal);
    drain(s);
    journal_unlink(s, 17);
    ok(fstatat(store_dir(s), "jobs/17.db", &st, 0) < 0, "a journal is taken away");
    store_free(s);
}

static const char *
read_result(struct store *s, int64_t id, const char *const *functions, bool statistics,
            int *ret_chunks)
{
    static struct text all;
    text_clear(&all);
    text_puts(&all, "");
    struct journal_result *r = journal_result_open(s, id, functions, statistics);
    int chunks = 0;
    do {
        journal_result_next(r, on_chunk, NULL);
        wait_answer();
        text_put_str(&all, text_str(&got_text));
        chunks++;
    } while (!got_end && got_err.code == ERR_NONE && chunks < 1000);
    journal_result_close(r);
    if (ret_chunks != NULL)
        *ret_chunks = chunks;
    return all.ptr;
}

static void
test_result(void)
{
    static const char *const functions[] = { "basic::equality", "a \"judge\"", NULL };
    struct err err;
    struct store *s = store_open(loop, dir, &err);
    struct journal *j = create(s, 18, 1);
    struct batch b = { TEXT_INIT, TEXT_INIT, TEXT_INIT };
    rec(&b, STR("{\"generated_answer\":\"B\"}"), "[\"g\",1,0,1,0,null]");
    rec(&b, STR("{\"generated_answer\":\"A\"}"), "[\"g\",0,0,1,0,null]");
    rec(&b, STR("{\"score\":0.0}"), "[\"s\",1,0,0,null]");
    rec(&b, STR("{\"score\":1.0}"), "[\"s\",0,0,0,null]");
    rec(&b, STR("{\"score\":\"x\"}"), "[\"s\",0,0,1,null]");
    append(j, &b);
    journal_put_aggregate(j, 0, STR("{\"accuracy\":0.5}"), STR("{\"n\":2}"), on_done, NULL);
    wait_answer();
    const char *want = "{\"generations\":[{\"generated_answer\":\"A\"},{\"generated_answer\":\"B\"}],"
                       "\"scores\":{\"basic::equality\":{\"score_rows\":[{\"score\":1.0},"
                       "{\"score\":0.0}],\"aggregated_results\":{\"accuracy\":0.5}},"
                       "\"a \\\"judge\\\"\":{\"score_rows\":[{\"score\":\"x\"}],"
                       "\"aggregated_results\":{}}}}";
    is_str(read_result(s, 18, functions, false, NULL), want, "the document, byte for byte");
    CLEANUP_TEXT struct text longer = TEXT_INIT;
    text_put(&longer, want, strlen(want) - 1);
    text_puts(&longer,
              ",\"statistics\":{\"basic::equality\":{\"n\":2},\"a \\\"judge\\\"\":null}}");
    is_str(read_result(s, 18, functions, true, NULL), longer.ptr, "and with statistics");
    static const char *const none[] = { NULL };
    is_str(read_result(s, 18, none, true, NULL),
           "{\"generations\":[{\"generated_answer\":\"A\"},{\"generated_answer\":\"B\"}],"
           "\"scores\":{},\"statistics\":{}}",
           "of no functions");
    journal_put_aggregate(j, 0, STR("{\"accuracy\":1}"), STR("{}"), on_done, NULL);
    wait_answer();
    ok(strstr(read_result(s, 18, functions, false, NULL), "{\"accuracy\":1}") != NULL,
       "an aggregate that was computed again replaces the first");
    journal_close(j);

    /* in chunks */
    j = create(s, 19, 1);
    CLEANUP_TEXT struct text all = TEXT_INIT, scores = TEXT_INIT;
    text_puts(&all, "{\"generations\":[");
    text_puts(&scores, "],\"scores\":{\"f\":{\"score_rows\":[");
    size_t n = 3000;
    char *body = xmalloc(n + 1);
    for (int i = 0; i < 300; i++) {
        int k = snprintf(body, n, "{\"g\":\"%d ", i);
        memset(body + k, 'x', n - (size_t)k);
        memcpy(body + n - 2, "\"}", 2);
        rec(&b, (struct str){ body, n }, "[\"g\",%d,0,1,0,null]", i);
        rec(&b, (struct str){ body, n }, "[\"s\",%d,0,0,null]", i);
        text_puts(&all, i ? "," : "");
        text_put(&all, body, n);
        text_puts(&scores, i ? "," : "");
        text_put(&scores, body, n);
    }
    append(j, &b);
    text_put_str(&all, text_str(&scores));
    text_puts(&all, "],\"aggregated_results\":{}}}}");
    static const char *const f[] = { "f", NULL };
    int chunks;
    ok(strcmp(read_result(s, 19, f, false, &chunks), all.ptr) == 0,
       "a long document is the same in chunks");
    ok(chunks >= 7 && chunks <= 8, "of 256 KiB (%d)", chunks);
    free(body);

    struct journal_result *r = journal_result_open(s, 19, f, false);
    journal_result_next(r, on_chunk, NULL);
    journal_result_close(r); /* while a chunk is being read */
    drain(s);
    ok(!answered, "a result that is closed calls nobody");
    r = journal_result_open(s, 97, f, false);
    journal_result_next(r, on_chunk, NULL);
    wait_answer();
    is_int(got_err.code, ERR_INVALID, "the result of a job that is not there");
    journal_result_close(r);
    journal_close(j);
    store_free(s); /* with work queued */
}

/* Everything that was queued is done when the store is freed. */
static void
test_free(void)
{
    struct err err;
    struct store *s = store_open(loop, dir, &err);
    struct journal *j = create(s, 20, 1);
    for (int i = 0; i < 50; i++) {
        struct batch b = { TEXT_INIT, TEXT_INIT, TEXT_INIT };
        rec(&b, STR("{}"), "[\"g\",%d,0,1,0,null]", i);
        end_payload(&b);
        size_t len = b.all.len;
        journal_append(j, text_take(&b.all), len, on_appended, NULL);
        text_fini(&b.head);
        text_fini(&b.bodies);
    }
    journal_close(j);
    store_free(s);
    answered = false;
    is_int(got_counts.generations, 50, "the last append was told");
    is_int(number(20, "SELECT count(*) FROM generation"), 50, "all are on disk");
}

static void
run(void)
{
    test_done();
    test_done_chunks();
    test_scored();
    test_values();
    test_result();
    test_free();
}

int
main(void)
{
    return journals_main(run);
}
