#include "config.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/jsame.h"
#include "common/mem.h"
#include "common/rows.h"
#include "ctl/conformance.h"
#include "ctl/conformance_report.h"
#include "ctl/ctl.h"

#define BATCH_BYTES (8u << 20) /* of lines that are in memory at once */
#define BATCH_CASES 4096
/* of a Unix socket's 107 bytes, without "/evalctl.XXXXXX/evald/models" */
#define TMP_MAX_BYTES 79

bool
conformance_same(struct jval want, struct jval got)
{
    return jsame(want, got, false);
}

struct jval
conformance_keep(struct conformance_case *c, struct text *t)
{
    assert(c->n_kept < ARRAY_LEN(c->kept));
    struct text *kept = &c->kept[c->n_kept++];
    *kept = *t;
    *t = (struct text)TEXT_INIT;
    return jtext_whole(text_str(kept));
}

void
conformance_agree(struct conformance_case *c)
{
    if (c->verdict == CONFORMANCE_OPEN)
        c->verdict = CONFORMANCE_AGREES;
}

void
conformance_differ(struct conformance_case *c, const char *fmt, ...)
{
    if (c->verdict != CONFORMANCE_OPEN)
        return;
    struct text t = TEXT_INIT;
    va_list ap;
    va_start(ap, fmt);
    text_vputf(&t, fmt, ap);
    va_end(ap);
    for (size_t i = 0; i < t.len; i++)
        if ((unsigned char)t.ptr[i] < ' ')
            t.ptr[i] = ' ';
    c->verdict = CONFORMANCE_DIFFERS;
    c->came = text_take(&t);
}

/* ---- a line ---- */

static void
case_free(struct conformance_case *c)
{
    free((char *)c->text.ptr); /* our own copy of the line */
    free(c->id);
    free(c->scorer);
    free(c->came);
    for (unsigned i = 0; i < c->n_kept; i++)
        text_fini(&c->kept[i]);
    free(c);
}

/* The unit of a \uXXXX at p, or 0. */
static unsigned
unit_at(const char *p, const char *end)
{
    unsigned u = 0;
    if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
        return 0;
    for (int i = 2; i < 6; i++) {
        const char *digits = "0123456789abcdef", *d = strchr(digits, p[i] | 0x20);
        if (p[i] >= '0' && p[i] <= '9')
            d = digits + (p[i] - '0');
        if (d == NULL || *d == '\0')
            return 0;
        u = u << 4 | (unsigned)(d - digits);
    }
    return u;
}

/* Writes \ufffd over escapes of half a surrogate pair; was there one? */
static bool
replace_surrogates(char *line, size_t n)
{
    bool found = false;
    for (char *p = line, *end = line + n; p < end;) {
        if (*p != '\\') {
            p++;
            continue;
        }
        unsigned u = unit_at(p, end);
        unsigned low = u >= 0xd800 && u < 0xdc00 ? unit_at(p + 6, end) : 0;
        if (low >= 0xdc00 && low < 0xe000) {
            p += 12;
        } else if (u >= 0xd800 && u < 0xe000) {
            memcpy(p, "\\ufffd", 6);
            found = true;
            p += 6;
        } else {
            p += 2;
        }
    }
    return found;
}

static char *
string_of(struct jval v)
{
    struct text t = TEXT_INIT;
    if (v.kind != J_STRING)
        return NULL;
    jtext_decode(&t, v.raw);
    return text_take(&t);
}

/* Is it {"error":true}? */
static bool
is_error(struct jval expect)
{
    struct jval error = jtext_member(expect, STR("error"));
    return error.kind == J_BOOL && error.raw.ptr[0] == 't' && jtext_count(expect) == 1;
}

/* What kind of case it is; its members are of the types that go with it. */
static int
read_kind(struct conformance_case *c, struct jval whole, struct err *err)
{
    static const char *const evaluation[] = { "benchmark_config", "input_rows",
                                              "scoring_functions", "replies" };
    struct jval expect = jtext_member(whole, STR("expect"));
    if (c->id == NULL)
        return err_set(err, ERR_USAGE, "a case needs an \"id\"");
    if (c->scorer == NULL)
        return err_set(err, ERR_USAGE, "a case needs a \"scorer\"");
    if (c->row.kind != J_OBJECT || expect.kind != J_OBJECT)
        return err_set(err, ERR_USAGE, "a case needs \"row\" and \"expect\", both objects");
    if (c->params.kind != J_OBJECT && c->params.kind != J_NULL && c->params.kind != J_ABSENT)
        return err_set(err, ERR_USAGE, "the \"params\" of a case are an object or null");
    if (strcmp(c->scorer, "aggregation") == 0) {
        c->kind = CONFORMANCE_AGGREGATION;
        if (jtext_member(c->row, STR("score_rows")).kind != J_ARRAY
            || jtext_member(c->row, STR("aggregation_functions")).kind != J_ARRAY)
            return err_set(err, ERR_USAGE, "the row of an aggregation needs \"score_rows\" and"
                                           " \"aggregation_functions\"");
        if (jtext_member(expect, STR("aggregated_results")).kind == J_ABSENT && !is_error(expect))
            return err_set(err, ERR_USAGE, "what an aggregation expects needs"
                                           " \"aggregated_results\"");
    } else if (strcmp(c->scorer, "eval::evaluate_rows") == 0) {
        c->kind = CONFORMANCE_EVALUATION;
        for (size_t i = 0; i < ARRAY_LEN(evaluation); i++)
            if (jtext_member(c->row, str_z(evaluation[i])).kind == J_ABSENT)
                return err_set(err, ERR_USAGE, "the row of an evaluation needs \"%s\"",
                               evaluation[i]);
    } else if (strstr(c->scorer, "::") == NULL || strncmp(c->scorer, "eval::", 6) == 0) {
        return err_set(err, ERR_USAGE, "unknown kind of case: scorer \"%s\"", c->scorer);
    }
    return 0;
}

static void
read_want(struct conformance_case *c, struct jval whole)
{
    struct conformance_want *w = &c->want;
    w->result = jtext_member(whole, STR("expect"));
    w->error = is_error(w->result);
    w->requests = jtext_member(whole, STR("exchange"));
    if (c->kind == CONFORMANCE_EVALUATION)
        w->requests = jtext_member(whole, STR("expect_requests"));
    w->prompt = jtext_member(whole, STR("judge_reply"));
    if (w->prompt.kind != J_ABSENT)
        w->prompt = jtext_member(whole, STR("expect_prompt"));
    if (w->prompt.kind == J_ABSENT && jtext_member(whole, STR("judge_reply")).kind != J_ABSENT)
        w->prompt = jtext_value(STR("null"));
}

/* Math that needs a LaTeX evaluator, which evald's scorer does not claim to be. */
static bool
is_elsewhere(struct jval whole)
{
    struct jval latex = jtext_member(whole, STR("latex_eval"));
    return latex.kind == J_BOOL && latex.raw.ptr[0] == 't';
}

static struct conformance_case *
case_new(const char *file, unsigned line, struct str text, struct err *err)
{
    struct conformance_case *c = xcalloc(1, sizeof *c);
    struct jval whole;
    struct err why;
    size_t at;
    while (text.len > 0 && memchr(" \t\r", text.ptr[0], 3) != NULL) { /* the case begins the copy */
        text.ptr++;
        text.len--;
    }
    char *copy = xmalloc(text.len + 1); /* there may be a NUL in it */
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *c = (struct conformance_case){ .text = { copy, text.len }, .file = file, .line = line };
    int rc = jtext_check(c->text, &whole, &at, &why);
    if (rc < 0 && replace_surrogates(copy, text.len)) {
        c->refused = true;
        rc = jtext_check(c->text, &whole, &at, &why);
    }
    if (rc < 0) {
        err_set(err, ERR_USAGE, "no JSON: %s at byte %zu", why.text, at);
    } else if (whole.kind != J_OBJECT) {
        rc = err_set(err, ERR_USAGE, "a case is a JSON object");
    } else {
        c->text = whole.raw;
        c->id = string_of(jtext_member(whole, STR("id")));
        c->scorer = string_of(jtext_member(whole, STR("scorer")));
        c->row = jtext_member(whole, STR("row"));
        c->params = jtext_member(whole, STR("params"));
        rc = read_kind(c, whole, err);
    }
    if (rc < 0) {
        err_prefix(err, "%s:%u", file, line);
        case_free(c);
        return NULL;
    }
    read_want(c, whole);
    if (is_elsewhere(whole)) {
        c->verdict = CONFORMANCE_SKIPPED;
        return c;
    }
    conformance_apply_rules(c);
    if (c->refused && c->want.error)
        conformance_agree(c);
    else if (c->refused)
        conformance_differ(c, "an unpaired surrogate is no JSON to evald");
    return c;
}

/* ---- batches ---- */

struct batch {
    struct conformance_case **cases;
    size_t n, room, bytes;
};

static void
batch_clear(struct batch *b)
{
    for (size_t i = 0; i < b->n; i++)
        case_free(b->cases[i]);
    b->n = b->bytes = 0;
}

static void
batch_add(struct batch *b, struct conformance_case *c)
{
    if (b->n == b->room) {
        b->room = 2 * b->room + 64;
        b->cases = xreallocarray(b->cases, b->room, sizeof *b->cases);
    }
    b->cases[b->n++] = c;
    b->bytes += c->text.len;
}

static int
batch_play(struct batch *b, struct conformance *f, struct conformance_report *report,
           struct err *err)
{
    CLEANUP_FREE struct conformance_case **some = xcalloc(b->n + 1, sizeof *some);
    int rc = 0;
    for (int kind = CONFORMANCE_ROW; rc == 0 && kind <= CONFORMANCE_EVALUATION; kind++) {
        size_t n = 0;
        for (size_t i = 0; i < b->n; i++)
            if ((int)b->cases[i]->kind == kind && b->cases[i]->verdict == CONFORMANCE_OPEN)
                some[n++] = b->cases[i];
        if (n > 0 && kind == CONFORMANCE_EVALUATION)
            rc = conformance_play_evaluations(f, some, n, err);
        else if (n > 0)
            rc = conformance_play_tapes(f, some, n, err);
    }
    for (size_t i = 0; rc == 0 && i < b->n; i++)
        conformance_report_add(report, b->cases[i]);
    batch_clear(b);
    return rc;
}

static int
play_file(struct conformance *f, const char *file, struct conformance_report *report,
          struct err *err)
{
    struct stat st;
    CLEANUP_CLOSE int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_set(err, ERR_USAGE, "%s: %s", file, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_USAGE, "%s: not a regular file", file);
    struct rows *rows = rows_open(fd, ROWS_JSONL, st.st_size, file, err);
    if (rows == NULL)
        return -1;
    rows_leave_hash(rows);
    struct batch b = { 0 };
    struct str text;
    int64_t line;
    size_t n = 0;
    int rc = 0;
    while (rc == 0) {
        enum rows_result got = rows_next(rows, &text, &line, err);
        if (got == ROWS_END)
            break;
        if (got != ROWS_ROW) {
            err->code = got == ROWS_BAD ? ERR_USAGE : err->code; /* which names the line */
            rc = -1;
            break;
        }
        n++;
        struct conformance_case *c = case_new(file, (unsigned)line, text, err);
        if (c == NULL)
            rc = -1;
        else if (f->only != NULL && strcmp(f->only, c->scorer) != 0)
            case_free(c);
        else
            batch_add(&b, c);
        if (rc == 0 && (b.bytes >= BATCH_BYTES || b.n >= BATCH_CASES))
            rc = batch_play(&b, f, report, err);
    }
    if (rc == 0 && n == 0)
        rc = err_set(err, ERR_USAGE, "%s: has no cases", file);
    if (rc == 0)
        rc = batch_play(&b, f, report, err);
    batch_clear(&b);
    free(b.cases);
    rows_free(rows);
    return rc;
}

static int
is_cases_name(const struct dirent *d)
{
    size_t n = strlen(d->d_name);
    return d->d_name[0] != '.' && n > 6 && strcmp(d->d_name + n - 6, ".jsonl") == 0;
}

/* A file, or those of a directory. */
static int
play_path(struct conformance *f, const char *path, struct conformance_report *report,
          struct err *err)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return err_set(err, ERR_USAGE, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return play_file(f, path, report, err);
    struct dirent **names = NULL;
    int n = scandir(path, &names, is_cases_name, alphasort), rc = 0;
    if (n < 0)
        return err_set(err, ERR_USAGE, "%s: %s", path, strerror(errno));
    if (n == 0)
        rc = err_set(err, ERR_USAGE, "%s: has no files of cases (*.jsonl)", path);
    for (int i = 0; i < n; i++) {
        CLEANUP_FREE char *file = xasprintf("%s/%s", path, names[i]->d_name);
        if (rc == 0)
            rc = play_file(f, file, report, err);
        free(names[i]);
    }
    free(names);
    return rc;
}

/* ---- the command ---- */

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

/* A private directory in TMPDIR; in /tmp when sockets below would have too long a path. */
static char *
scratch_new(struct err *err)
{
    const char *tmp = getenv("TMPDIR");
    if (tmp == NULL || *tmp == '\0')
        tmp = "/tmp";
    CLEANUP_FREE char *base = realpath(tmp, NULL); /* evald wants absolute paths */
    if (base == NULL)
        return ERR_NULL(err, ERR_IO, "directory for temporary files %s: %s", tmp,
                        strerror(errno));
    CLEANUP_FREE char *path =
        xasprintf("%s/evalctl.XXXXXX", strlen(base) <= TMP_MAX_BYTES ? base : "/tmp");
    if (mkdtemp(path) == NULL)
        return ERR_NULL(err, ERR_IO, "cannot make a directory in %s: %s",
                        strlen(base) <= TMP_MAX_BYTES ? base : "/tmp", strerror(errno));
    return TAKE(path);
}

int
conformance_command(const struct ctl *c, char **args)
{
    struct conformance f = { .only = c->scorer };
    struct conformance_report report = { .most = (size_t)c->differences };
    struct err err;
    f.scratch = scratch_new(&err);
    if (f.scratch == NULL)
        return ctl_fail(c, &err);
    int rc = 0;
    for (; rc == 0 && *args != NULL; args++)
        rc = play_path(&f, *args, &report, &err);
    if (rc == 0 && report.all.cases == 0)
        rc = err_set(&err, ERR_USAGE, "no case is of scorer \"%s\"", c->scorer);
    nftw(f.scratch, remove_one, 8, FTW_DEPTH | FTW_PHYS);

    int status = rc < 0 ? ctl_fail(c, &err) : report.all.differing > 0 ? CTL_FAILED : CTL_OK;
    if (rc == 0 && c->json)
        conformance_report_print_json(&report);
    else if (rc == 0)
        conformance_report_print(&report);
    conformance_report_fini(&report);
    for (size_t i = 0; i < f.n_plugins; i++) {
        free(f.plugins[i].id);
        free(f.plugins[i].file);
        free(f.plugins[i].other);
    }
    free(f.plugins);
    free(f.scratch);
    return status;
}
