/* huggingface.c - source::huggingface: data sets of the Hugging Face hub.
 *
 * Rows come from the hub's dataset viewer, GET /rows, at most 100 at a time; which
 * configuration a data set has, when the uri names none, from GET /splits.  Nothing is taken
 * that is less than what the data set holds: see evald-huggingface(7). */
#include <stdbool.h>
#include <stdlib.h>

#include <evald/plugin.h>

#define SCHEME   "huggingface://"
#define PAGE_MAX 100

struct hub {
    int page; /* rows asked for at a time */
};

/* What a uri says; empty: not given. */
struct place {
    struct evald_str dataset, config, split;
};

/* A page on its way. */
struct page {
    struct place place;
    int64_t offset, total; /* total -1: not known yet */
    bool splits;           /* the reply to come lists them */
};

static bool
is(struct evald_str s, const char *z)
{
    return s.len == strlen(z) && memcmp(s.ptr, z, s.len) == 0;
}

static struct evald_str
slice(const char *begin, const char *end)
{
    struct evald_str s = { begin, (size_t)(end - begin) };
    return s;
}

/* ---- the uri ---- */

static int
hex(char ch)
{
    if (ch >= '0' && ch <= '9')
        return ch - '0';
    ch = (char)(ch | 32);
    return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

/* As forms do: a plus is a space, and what is no escape stays. */
static struct evald_str
decode(struct evald_call *c, struct evald_str s)
{
    char *out = evald_alloc(c, s.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        int hi = s.ptr[i] == '%' && s.len - i > 2 ? hex(s.ptr[i + 1]) : -1;
        int lo = hi >= 0 ? hex(s.ptr[i + 2]) : -1;
        out[n++] = lo >= 0 ? (char)(hi * 16 + lo) : s.ptr[i] == '+' ? ' ' : s.ptr[i];
        i += lo >= 0 ? 2 : 0;
    }
    return (struct evald_str){ out, n };
}

static int32_t
read_query(struct evald_call *c, const char *at, const char *end, struct place *p)
{
    while (at < end) {
        const char *stop = memchr(at, '&', (size_t)(end - at));
        stop = stop != NULL ? stop : end;
        const char *eq = memchr(at, '=', (size_t)(stop - at));
        struct evald_str key = decode(c, slice(at, eq != NULL ? eq : stop));
        struct evald_str value = decode(c, slice(eq != NULL ? eq + 1 : stop, stop));
        struct evald_str *to = is(key, "split") ? &p->split
                               : is(key, "name") ? &p->config : NULL;
        if (to == NULL && key.len > 0)
            return evald_fail(c, EVALD_E_ROW, "the hub cannot give what %s asks for; a uri has"
                              " split and name", evald_quote(c, key));
        if (to != NULL && to->len == 0)
            *to = value;
        at = stop < end ? stop + 1 : end;
    }
    return EVALD_OK;
}

static int32_t
read_uri(struct evald_call *c, struct evald_str uri, struct place *p)
{
    static const char form[] = SCHEME "datasets/ORG/NAME?split=SPLIT";
    const char *at = uri.ptr, *end = uri.ptr + uri.len;
    const size_t n = sizeof SCHEME "datasets/" - 1;
    if (uri.len <= n || memcmp(at, SCHEME "datasets/", n) != 0)
        return evald_fail(c, EVALD_E_ROW, "a data set of the hub is %s", form);
    at += n;
    const char *query = memchr(at, '?', (size_t)(end - at));
    p->dataset = decode(c, slice(at, query != NULL ? query : end));
    int slashes = 0;
    bool odd = p->dataset.len == 0;
    for (size_t i = 0; i < p->dataset.len; i++) {
        char ch = p->dataset.ptr[i];
        slashes += ch == '/';
        odd = odd || (unsigned char)ch <= ' ' || ch == '#'
              || (ch == '/' && (i == 0 || i + 1 == p->dataset.len));
    }
    if (odd || slashes > 1)
        return evald_fail(c, EVALD_E_ROW, "a data set of the hub is %s", form);
    if (query != NULL && read_query(c, query + 1, end, p) < 0)
        return EVALD_E_ROW;
    if (p->split.len == 0)
        return evald_fail(c, EVALD_E_ROW, "the uri must name a split: %s", form);
    return EVALD_OK;
}

/* ---- asking ---- */

static void
put_param(struct evald_call *c, struct evald_buf *b, const char *name, struct evald_str value)
{
    evald_putf(c, b, "%c%s=", memchr(b->text.ptr, '?', b->text.len) != NULL ? '&' : '?', name);
    for (size_t i = 0; i < value.len; i++) {
        unsigned char ch = (unsigned char)value.ptr[i];
        bool plain = (ch >= '0' && ch <= '9') || ((ch | 32) >= 'a' && (ch | 32) <= 'z')
                     || (ch != '\0' && strchr("-._~", ch) != NULL);
        evald_putf(c, b, plain ? "%c" : "%%%02X", ch);
    }
}

static int32_t
get(struct evald_call *c, struct evald_str path)
{
    struct evald_ask a = { .size = sizeof a, .kind = EVALD_ASK_HTTP, .to = path,
                           .body = evald_s(""), .head = evald_s("{\"method\":\"GET\"}") };
    return c->host->ask(c, &a) < 0 ? EVALD_E_BUG : EVALD_WAIT;
}

static int32_t
ask_splits(struct evald_call *c, struct page *p)
{
    struct evald_buf path = EVALD_BUF;
    evald_putf(c, &path, "/splits");
    put_param(c, &path, "dataset", p->place.dataset);
    p->splits = true;
    return get(c, path.text);
}

static int32_t
ask_rows(struct evald_call *c, const struct hub *hub, struct page *p)
{
    struct evald_buf path = EVALD_BUF;
    evald_putf(c, &path, "/rows");
    put_param(c, &path, "dataset", p->place.dataset);
    put_param(c, &path, "config", p->place.config);
    put_param(c, &path, "split", p->place.split);
    evald_putf(c, &path, "&offset=%lld&length=%d", (long long)p->offset, hub->page);
    p->splits = false;
    return get(c, path.text);
}

/* ---- replies ---- */

/* What is no answer of 200.  The hub says 401 for what is not there, too. */
static int32_t
check_reply(struct evald_call *c, const struct evald_reply *r)
{
    if (r->status < 0)
        return evald_fail(c, r->status, "%.*s", (int)r->body.len, r->body.ptr);
    if (r->http_status == 200)
        return EVALD_OK;
    struct evald_value words = evald_get(c, r->body, "/error");
    int n = words.kind != EVALD_STRING ? 0 : words.str.len < 300 ? (int)words.str.len : 300;
    bool ours = r->http_status >= 400 && r->http_status < 500 && r->http_status != 429
                && r->http_status != 408;
    return evald_fail(c, ours ? EVALD_E_ROW : EVALD_E_REMOTE, "the hub answers %u%s%.*s",
                      (unsigned)r->http_status, n > 0 ? ": " : "", n,
                      n > 0 ? words.str.ptr : "");
}

static int32_t
choose_config(struct evald_call *c, struct page *p, struct evald_str body)
{
    struct evald_value all = evald_get(c, body, "/splits"), one;
    struct evald_str key, only = { "", 0 };
    struct evald_buf names = EVALD_BUF;
    int n = 0;
    if (all.kind != EVALD_ARRAY)
        return evald_fail(c, EVALD_E_RETRY, "the hub's list of splits is none");
    for (size_t at = 0; evald_each(c, all.str, &at, &key, &one) > 0;) {
        struct evald_value config = one.kind == EVALD_OBJECT ? evald_get(c, one.str, "/config")
                                                             : one;
        if (config.kind != EVALD_STRING)
            return evald_fail(c, EVALD_E_RETRY, "the hub's list of splits is none");
        if (is(config.str, "default")) {
            p->place.config = config.str;
            return EVALD_OK;
        }
        if (n > 0 && only.len == config.str.len
            && memcmp(only.ptr, config.str.ptr, only.len) == 0)
            continue; /* another split of the same */
        only = config.str;
        if (names.text.len < 300)
            evald_putf(c, &names, "%s%s", n > 0 ? ", " : "", only.ptr);
        n++;
    }
    if (n != 1)
        return evald_fail(c, EVALD_E_ROW, n == 0 ? "the data set has no splits%s"
                          : "the uri must name one of the configurations: name=%s",
                          n == 0 ? "" : names.text.ptr);
    p->place.config = only;
    return EVALD_OK;
}

static int32_t
take_row(struct evald_call *c, int64_t index, struct evald_value entry, struct evald_buf *rows)
{
    static const struct evald_value none = { EVALD_ABSENT, 0, 0, { "", 0 } };
    bool good = entry.kind == EVALD_OBJECT;
    struct evald_value number = good ? evald_get(c, entry.str, "/row_idx") : none;
    struct evald_value row = good ? evald_get(c, entry.str, "/row") : none;
    struct evald_value cut = good ? evald_get(c, entry.str, "/truncated_cells/0") : none;
    if (number.kind != EVALD_NUMBER || number.num != (double)index || row.kind != EVALD_OBJECT)
        return evald_fail(c, EVALD_E_RETRY, "the hub did not give row %lld where it belongs",
                          (long long)index);
    if (cut.kind != EVALD_ABSENT)
        return evald_fail(c, EVALD_E_ROW, "row %lld: the hub gives only a part of column %s",
                          (long long)index, cut.kind == EVALD_STRING
                          ? evald_quote(c, cut.str) : cut.str.ptr);
    evald_put(c, rows, evald_s(rows->text.len > 1 ? "," : ""));
    evald_put(c, rows, row.str);
    return EVALD_OK;
}

static int32_t
take_rows(struct evald_call *c, struct page *p, struct evald_str body)
{
    struct evald_value all = evald_get(c, body, "/rows"), entry;
    struct evald_value total = evald_get(c, body, "/num_rows_total");
    struct evald_value partial = evald_get(c, body, "/partial");
    struct evald_buf rows = EVALD_BUF;
    struct evald_str key;
    int64_t n = 0;
    if (all.kind != EVALD_ARRAY || !(total.flags & EVALD_INTEGER) || total.num < 0)
        return evald_fail(c, EVALD_E_RETRY, "the hub's answer is no page of rows");
    if (partial.kind == EVALD_BOOL && partial.num == 1)
        return evald_fail(c, EVALD_E_ROW, "the hub gives only a part of this split");
    if (p->total >= 0 && (double)p->total != total.num)
        return evald_fail(c, EVALD_E_REMOTE, "the data set has changed while it was read: from"
                          " %lld rows to %.0f", (long long)p->total, total.num);
    evald_put(c, &rows, evald_s("["));
    for (size_t at = 0; evald_each(c, all.str, &at, &key, &entry) > 0; n++) {
        int32_t rc = take_row(c, p->offset + n, entry, &rows);
        if (rc < 0)
            return rc;
    }
    evald_put(c, &rows, evald_s("]"));
    evald_json(c, "rows", rows.text);
    if ((double)(p->offset + n) >= total.num)
        return evald_null(c, "next");
    if (n == 0)
        return evald_fail(c, EVALD_E_REMOTE, "the hub gives no more than %lld of %.0f rows",
                          (long long)p->offset, total.num);
    return evald_json(c, "next", evald_fmt(c, "{\"config\":%s,\"offset\":%lld,\"total\":%.0f}",
                                           evald_quote(c, p->place.config),
                                           (long long)(p->offset + n), total.num));
}

/* ---- the plugin ---- */

static int32_t
hub_open(struct evald_call *c, struct evald_str params, void **self)
{
    struct hub *hub = evald_alloc(c, sizeof *hub);
    struct evald_value page = evald_get(c, params, "/page");
    hub->page = page.kind == EVALD_NUMBER ? (int)page.num : PAGE_MAX;
    *self = hub;
    return EVALD_OK;
}

static int32_t
hub_step(struct evald_call *c, void *self, void **task, const struct evald_row *row,
         const struct evald_event *ev)
{
    const struct hub *hub = self;
    struct page *p = *task;
    if (ev->kind == EVALD_EV_CANCEL)
        return EVALD_OK;
    if (ev->kind == EVALD_EV_START) {
        *task = p = evald_alloc(c, sizeof *p);
        struct evald_value uri = evald_get(c, row->json, "/uri");
        struct evald_value config = evald_get(c, row->json, "/next/config");
        int32_t rc = read_uri(c, uri.str, &p->place);
        if (rc < 0)
            return rc;
        p->total = -1;
        if (config.kind == EVALD_STRING) {
            p->place.config = config.str;
            p->offset = (int64_t)evald_get(c, row->json, "/next/offset").num;
            p->total = (int64_t)evald_get(c, row->json, "/next/total").num;
        }
        return p->place.config.len > 0 ? ask_rows(c, hub, p) : ask_splits(c, p);
    }
    int32_t rc = check_reply(c, ev->replies[0]);
    if (rc < 0)
        return rc;
    if (!p->splits)
        return take_rows(c, p, ev->replies[0]->body);
    rc = choose_config(c, p, ev->replies[0]->body);
    return rc < 0 ? rc : ask_rows(c, hub, p);
}

static const struct evald_plugin huggingface = {
    EVALD_HEAD(EVALD_SOURCE),
    .threads = EVALD_PARALLEL,
    .id = "source::huggingface",
    .version = "1.0",
    .summary = "data sets of the Hugging Face hub, by its dataset viewer",
    .params_schema =
        "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
        "\"page\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":100,\"default\":100,"
        "\"description\":\"rows asked for at a time\"}}}",
    .open = hub_open,
    .step = hub_step,
};
EVALD_PLUGINS(&huggingface)
