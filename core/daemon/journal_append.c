/* journal_append.c - records into tables, many rows a statement. */
#include "config.h"

#include <stdlib.h>

#include "common/frame.h"
#include "common/jtext.h"
#include "common/mem.h"
#include "daemon/journal_impl.h"

#define BODY_MAX   (40u << 20) /* of one record: with what goes along it fits into a frame */
#define TOKENS_MAX (INT64_C(1) << 40)
#define ROWS       16 /* of one statement: a cursor is opened and sought once for all of them */

struct generation {
    int64_t at, truncated, in, out;
    struct str body, row_id;
};

struct score {
    int64_t function, at, in, out;
    struct str body;
};

/* What a batch has said and no statement has put yet; texts are the batch's. */
struct pending {
    struct generation generations[ROWS];
    struct score scores[ROWS];
    size_t n_generations, n_scores;
};

/* ---- a record's head ---- */

/* Between its brackets, as runners write it: no blanks. */
struct cursor {
    const char *at, *end;
};

static bool
next_is(const struct cursor *c, char wanted)
{
    return c->at < c->end && *c->at == wanted;
}

static bool
take(struct cursor *c, char wanted)
{
    bool is = next_is(c, wanted);
    c->at += is;
    return is;
}

/* A whole number that is not below min, with the comma in front. */
static int
take_int(struct cursor *c, int64_t min, int64_t *ret, struct err *err)
{
    bool comma = take(c, ','), minus = take(c, '-');
    const char *first = c->at;
    int64_t n = 0;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9' && c->at - first < 18)
        n = 10 * n + (*c->at++ - '0');
    bool ends = next_is(c, ',') || next_is(c, ']');
    if (minus)
        n = -n;
    bool zeros = c->at - first > 1 && *first == '0';
    if (!comma || c->at == first || zeros || !ends || n < min)
        return err_set(err, ERR_PROTO, "a record lacks a number");
    *ret = n;
    return 0;
}

/* A string, a number, a word or an object in which no string has a brace, with the comma in
 * front. */
static int
take_value(struct cursor *c, struct jval *ret, struct err *err)
{
    bool comma = take(c, ',');
    const char *first = c->at, *p = first;
    if (next_is(c, '"')) {
        for (p++; p < c->end && *p != '"'; p++)
            if (*p == '\\')
                p++;
        p += p < c->end;
    } else if (next_is(c, '{')) {
        while (p < c->end && *p++ != '}')
            ;
    } else {
        while (p < c->end && *p != ',' && *p != ']')
            p++;
    }
    if (p > c->end)
        p = c->end;
    size_t at;
    if (!comma || jtext_check((struct str){ first, (size_t)(p - first) }, ret, &at, NULL) < 0)
        return err_set(err, ERR_PROTO, "a record lacks a member");
    c->at = p;
    return 0;
}

static int
take_word(struct cursor *c, struct jval *ret, struct err *err)
{
    if (take_value(c, ret, err) < 0)
        return -1;
    return ret->kind == J_STRING ? 0 : err_set(err, ERR_PROTO, "a record lacks a member");
}

static int
take_usage(struct cursor *c, int64_t *ret_in, int64_t *ret_out, struct err *err)
{
    static const char none[] = ",null";
    struct jval usage;
    *ret_in = *ret_out = 0;
    if ((size_t)(c->end - c->at) >= sizeof none - 1
        && memcmp(c->at, none, sizeof none - 1) == 0) {
        c->at += sizeof none - 1;
        return 0;
    }
    if (take_value(c, &usage, err) < 0)
        return -1;
    jtext_int64(jtext_member(usage, STR("input_tokens")), ret_in);
    jtext_int64(jtext_member(usage, STR("output_tokens")), ret_out);
    if (*ret_in < 0 || *ret_in > TOKENS_MAX)
        *ret_in = 0;
    if (*ret_out < 0 || *ret_out > TOKENS_MAX)
        *ret_out = 0;
    return 0;
}

static int
check_object(struct str body, struct err *err)
{
    struct jval v;
    size_t at;
    if (jtext_check(body, &v, &at, NULL) < 0 || v.kind != J_OBJECT)
        return err_set(err, ERR_PROTO, "a record's body is no JSON object");
    return 0;
}

/* ---- many rows a statement ---- */

static sqlite3_stmt *
many(struct journal *j, int which, const char *into, const char *values, struct err *err)
{
    if (j->many[which] == NULL) {
        CLEANUP_TEXT struct text sql = TEXT_INIT;
        text_putf(&sql, "INSERT OR IGNORE INTO %s VALUES", into);
        for (int i = 0; i < ROWS; i++) {
            text_puts(&sql, i > 0 ? "," : "");
            text_puts(&sql, values);
        }
        j->many[which] = sqlite_prepare(j->w, sql.ptr, err);
    }
    return j->many[which];
}

static void
count(struct journal *j, int64_t *records, int64_t in, int64_t out)
{
    ++*records;
    j->counts.input_tokens += in;
    j->counts.output_tokens += out;
}

/* Were all rows of the statement before new?  If not, which of them is not told: what the
 * journal holds is counted once, and from then on each row has a statement of its own. */
static bool
all_were_new(struct journal *j)
{
    if (sqlite3_changes(j->w) == ROWS)
        return true;
    j->had_again = j->recount = true;
    return false;
}

static void
bind_generation(sqlite3_stmt *st, int i, const struct generation *g)
{
    sqlite3_bind_int64(st, i + 1, g->at);
    sqlite_bind(st, i + 2, g->body);
    sqlite_bind(st, i + 3, g->row_id);
    sqlite3_bind_int64(st, i + 4, g->truncated);
    sqlite3_bind_int64(st, i + 5, g->in);
    sqlite3_bind_int64(st, i + 6, g->out);
}

static int
put_generations(struct journal *j, struct pending *p, struct err *err)
{
    size_t n = p->n_generations;
    sqlite3_stmt *st;
    p->n_generations = 0;
    if (n == ROWS && !j->had_again) {
        st = many(j, 0, "generation", "(?,?,?,?,?,?)", err);
        for (int i = 0; i < ROWS && st != NULL; i++)
            bind_generation(st, 6 * i, &p->generations[i]);
        if (st == NULL || sqlite_step_done(st, err) < 0)
            return -1;
        if (all_were_new(j))
            for (size_t i = 0; i < n; i++)
                count(j, &j->counts.generations, p->generations[i].in, p->generations[i].out);
        return 0;
    }
    st = j->st[PUT_GENERATION];
    for (size_t i = 0; i < n; i++) {
        const struct generation *g = &p->generations[i];
        bind_generation(st, 0, g);
        if (sqlite_step_done(st, err) < 0)
            return -1;
        if (sqlite3_changes(j->w) > 0)
            count(j, &j->counts.generations, g->in, g->out);
    }
    return 0;
}

static void
bind_score(sqlite3_stmt *st, int i, const struct score *s)
{
    sqlite3_bind_int64(st, i + 1, s->function);
    sqlite3_bind_int64(st, i + 2, s->at);
    sqlite_bind(st, i + 3, s->body);
    sqlite3_bind_int64(st, i + 4, s->in);
    sqlite3_bind_int64(st, i + 5, s->out);
}

static int
put_scores(struct journal *j, struct pending *p, struct err *err)
{
    size_t n = p->n_scores;
    sqlite3_stmt *st;
    p->n_scores = 0;
    if (n == ROWS && !j->had_again) {
        st = many(j, 1, "score", "(?,?,?,?,?)", err);
        for (int i = 0; i < ROWS && st != NULL; i++)
            bind_score(st, 5 * i, &p->scores[i]);
        if (st == NULL || sqlite_step_done(st, err) < 0)
            return -1;
        if (all_were_new(j))
            for (size_t i = 0; i < n; i++)
                count(j, &j->counts.scores, p->scores[i].in, p->scores[i].out);
        return 0;
    }
    st = j->st[PUT_SCORE];
    for (size_t i = 0; i < n; i++) {
        const struct score *s = &p->scores[i];
        bind_score(st, 0, s);
        if (sqlite_step_done(st, err) < 0)
            return -1;
        if (sqlite3_changes(j->w) > 0)
            count(j, &j->counts.scores, s->in, s->out);
    }
    return 0;
}

/* ---- records ---- */

static int
drop_replies(struct journal *j, int64_t at, int64_t phase, struct err *err)
{
    if (!j->has_replies)
        return 0;
    sqlite3_bind_int64(j->st[PUT_REPLY_DROP], 1, at);
    sqlite3_bind_int64(j->st[PUT_REPLY_DROP], 2, phase);
    return sqlite_step_done(j->st[PUT_REPLY_DROP], err);
}

static int
put_generation(struct journal *j, struct pending *p, struct cursor *c, int64_t at,
               struct str body, struct err *err)
{
    struct generation *g = &p->generations[p->n_generations];
    struct jval id = { J_ABSENT, { NULL, 0 } };
    *g = (struct generation){ .at = at, .body = body };
    if (take_value(c, &id, err) < 0 || take_int(c, 0, &g->truncated, err) < 0
        || take_usage(c, &g->in, &g->out, err) < 0 || check_object(body, err) < 0)
        return -1;
    if (id.kind != J_NULL && id.kind != J_NUMBER && id.kind != J_STRING)
        return err_set(err, ERR_PROTO, "a record whose row has no id");
    g->row_id = id.raw;
    if (++p->n_generations == ROWS && put_generations(j, p, err) < 0)
        return -1;
    return drop_replies(j, at, 0, err);
}

static int
put_score(struct journal *j, struct pending *p, struct cursor *c, int64_t at, struct str body,
          struct err *err)
{
    struct score *s = &p->scores[p->n_scores];
    *s = (struct score){ .at = at, .body = body };
    if (take_int(c, 0, &s->function, err) < 0 || take_usage(c, &s->in, &s->out, err) < 0
        || check_object(body, err) < 0)
        return -1;
    int64_t phase = s->function + 1;
    if (++p->n_scores == ROWS && put_scores(j, p, err) < 0)
        return -1;
    return drop_replies(j, at, phase, err);
}

static int
put_error(struct journal *j, struct cursor *c, int64_t at, struct str body, struct err *err)
{
    int64_t fn, attempts;
    struct jval stage = { J_ABSENT, { NULL, 0 } }, code = stage;
    if (take_int(c, -1, &fn, err) < 0 || take_int(c, 0, &attempts, err) < 0
        || take_word(c, &stage, err) < 0 || take_word(c, &code, err) < 0)
        return -1;
    sqlite3_stmt *seen = j->st[PUT_ERROR_SEEN];
    sqlite3_bind_int64(seen, 1, at);
    bool first = sqlite3_step(seen) == SQLITE_DONE;
    sqlite3_reset(seen);
    CLEANUP_TEXT struct text words = TEXT_INIT;
    jtext_decode(&words, stage.raw);
    size_t cut = words.len;
    jtext_decode(&words, code.raw);
    sqlite3_stmt *st = j->st[PUT_ERROR];
    sqlite3_bind_int64(st, 1, at);
    sqlite3_bind_int64(st, 2, fn);
    sqlite3_bind_int64(st, 3, attempts);
    sqlite_bind(st, 4, (struct str){ words.ptr, cut });
    sqlite_bind(st, 5, (struct str){ words.ptr + cut, words.len - cut });
    sqlite_bind(st, 6, body);
    if (sqlite_step_done(st, err) < 0)
        return -1;
    if (first)
        j->counts.failed++;
    return 0;
}

static int
put_reply(struct journal *j, struct cursor *c, int64_t at, struct str body, struct err *err)
{
    int64_t phase, n;
    if (take_int(c, 0, &phase, err) < 0 || take_int(c, 0, &n, err) < 0)
        return -1;
    sqlite3_stmt *st = j->st[PUT_REPLY];
    sqlite3_bind_int64(st, 1, at);
    sqlite3_bind_int64(st, 2, phase);
    sqlite3_bind_int64(st, 3, n);
    sqlite_bind(st, 4, body);
    j->has_replies = true;
    return sqlite_step_done(st, err);
}

/* ["k",ROW,EPOCH,...] */
static int
put_record(struct journal *j, struct pending *p, struct cursor *c, struct str body,
           struct err *err)
{
    int64_t row, epoch, at;
    if (c->end - c->at < 4 || c->at[0] != '[' || c->at[1] != '"' || c->at[3] != '"')
        return err_set(err, ERR_PROTO, "a record lacks a member");
    char kind = c->at[2];
    c->at += 4;
    if (take_int(c, 0, &row, err) < 0 || take_int(c, 0, &epoch, err) < 0)
        return -1;
    if (epoch >= j->epochs || __builtin_mul_overflow(row, (int64_t)j->epochs, &at)
        || __builtin_add_overflow(at, epoch, &at))
        return err_set(err, ERR_PROTO, "a record of a row that cannot be");
    if (body.len > BODY_MAX)
        return err_set(err, ERR_PROTO, "a record of %zu bytes", body.len);
    int rc;
    switch (kind) {
    case 'g': rc = put_generation(j, p, c, at, body, err); break;
    case 's': rc = put_score(j, p, c, at, body, err); break;
    case 'e': rc = put_error(j, c, at, body, err); break;
    case 'r': rc = put_reply(j, c, at, body, err); break;
    default: return err_set(err, ERR_PROTO, "a record of an unknown kind");
    }
    if (rc == 0 && !take(c, ']'))
        return err_set(err, ERR_PROTO, "a record that does not end");
    return rc;
}

static int
put_payload(struct journal *j, struct pending *p, struct str payload, struct err *err)
{
    struct str head, body;
    if (!frame_part(&payload, &head))
        return err_set(err, ERR_PROTO, "RECORD without its list");
    struct cursor c = { head.ptr, head.ptr + head.len };
    if (!take(&c, '['))
        return err_set(err, ERR_PROTO, "RECORD without its list");
    while (!take(&c, ']')) {
        if (!frame_part(&payload, &body))
            return err_set(err, ERR_PROTO, "RECORD lacks a body");
        if (put_record(j, p, &c, body, err) < 0)
            return -1;
        if (take(&c, ',') ? !next_is(&c, '[') : !next_is(&c, ']'))
            return err_set(err, ERR_PROTO, "RECORD without its list");
    }
    return c.at == c.end ? 0 : err_set(err, ERR_PROTO, "RECORD without its list");
}

int
journal_append_batch(struct journal *j, struct str batch, struct err *err)
{
    struct journal_counts before = j->counts;
    struct pending p;
    struct str payload;
    p.n_generations = p.n_scores = 0;
    j->recount = false;
    if (sqlite_run(j->w, "BEGIN", err) < 0)
        return -1;
    int rc = 0;
    while (rc == 0 && frame_part(&batch, &payload))
        rc = put_payload(j, &p, payload, err);
    if (rc == 0 && (put_generations(j, &p, err) < 0 || put_scores(j, &p, err) < 0))
        rc = -1;
    if (rc == 0 && j->recount)
        journal_count(j);
    if (rc == 0)
        rc = sqlite_run(j->w, "COMMIT", err);
    if (rc < 0) {
        if (!sqlite3_get_autocommit(j->w))
            sqlite_run(j->w, "ROLLBACK", NULL);
        j->counts = before;
        return err_prefix(err, "journal of job %lld", (long long)j->id);
    }
    return 0;
}
