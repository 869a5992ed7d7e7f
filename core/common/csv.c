#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/csv.h"
#include "common/jtext.h"
#include "common/mem.h"

/* The record parser. */

#define BYTES_KEPT (1u << 20) /* room left between records */

enum csv_state { AT_FIELD, IN_FIELD, IN_QUOTES, AFTER_QUOTE, AFTER_CR };

struct csv {
    struct csv_record record;
    enum csv_state state;
    bool started; /* something but spaces and tabs came on this line */
    bool quoted_cr;
    bool done; /* the record is complete: the next byte begins another */
    int64_t line;
    size_t max_bytes, max_cells;
    struct text bytes; /* the cells, a NUL behind each */
    size_t *ends; /* of the cells in bytes, without the NUL */
    size_t kept, room;
};

/* Bytes that end a run inside a field (1), inside quotes (2). */
static const unsigned char stops[256] = {
    ['\0'] = 3, ['\n'] = 3, ['\r'] = 3, [','] = 1, ['"'] = 2,
};

struct csv *
csv_new(size_t max_bytes, size_t max_cells)
{
    struct csv *c = xcalloc(1, sizeof *c);
    c->max_bytes = max_bytes;
    c->max_cells = max_cells;
    csv_reset(c, 1);
    return c;
}

void
csv_free(struct csv *c)
{
    if (c == NULL)
        return;
    text_fini(&c->bytes);
    free(c->ends);
    free(c);
}

static void
record_begin(struct csv *c)
{
    c->record = (struct csv_record){ .line = c->line };
    c->state = AT_FIELD;
    c->started = c->quoted_cr = c->done = false;
    c->kept = 0;
    if (c->bytes.room > BYTES_KEPT)
        text_fini(&c->bytes);
    text_clear(&c->bytes);
}

void
csv_reset(struct csv *c, int64_t line)
{
    c->line = line;
    record_begin(c);
}

void
csv_set_max_cells(struct csv *c, size_t max_cells)
{
    c->max_cells = max_cells;
}

const struct csv_record *
csv_record(const struct csv *c)
{
    return &c->record;
}

int64_t
csv_line(const struct csv *c)
{
    return c->line;
}

struct str
csv_cell(const struct csv *c, size_t i)
{
    if (i >= c->kept)
        return STR("");
    size_t from = i == 0 ? 0 : c->ends[i - 1] + 1;
    return (struct str){ c->bytes.ptr + from, c->ends[i] - from };
}

static void
push(struct csv *c, const char *p, size_t n)
{
    struct csv_record *r = &c->record;
    if (r->too_long || r->n_cells >= c->max_cells)
        return;
    if (n > c->max_bytes || c->bytes.len > c->max_bytes - n) {
        r->too_long = true;
        c->kept = 0;
        text_fini(&c->bytes);
        return;
    }
    text_put(&c->bytes, p, n);
}

static void
cell_end(struct csv *c)
{
    struct csv_record *r = &c->record;
    if (!r->too_long && r->n_cells < c->max_cells) {
        if (c->kept == c->room) {
            c->room = c->room ? c->room * 2 : 16;
            c->ends = xreallocarray(c->ends, c->room, sizeof *c->ends);
        }
        c->ends[c->kept++] = c->bytes.len;
        text_putc(&c->bytes, '\0');
    }
    r->n_cells++;
    c->state = AT_FIELD;
}

/* Is this line a record?  If not, it is as if it had not been. */
static bool
line_end(struct csv *c)
{
    c->line++;
    if (c->started) {
        c->done = true;
        return true;
    }
    record_begin(c);
    return false;
}

static size_t
run_length(const char *p, size_t n, unsigned char mask)
{
    size_t i = 0;
    while (i < n && !(stops[(unsigned char)p[i]] & mask))
        i++;
    return i;
}

static bool
is_blank(const char *p, size_t n)
{
    size_t i = 0;
    while (i < n && (p[i] == ' ' || p[i] == '\t'))
        i++;
    return i == n;
}

/* A byte in IN_QUOTES that ends a run. */
static void
quoted_byte(struct csv *c, char b)
{
    if (b == '"') {
        c->state = AFTER_QUOTE;
        return;
    }
    if (b == '\0')
        c->record.has_nul = true;
    if (b == '\r' || (b == '\n' && !c->quoted_cr))
        c->line++;
    c->quoted_cr = b == '\r';
    push(c, &b, 1);
}

size_t
csv_feed(struct csv *c, const char *p, size_t n, bool *ret_record)
{
    *ret_record = false;
    if (c->done)
        record_begin(c);
    size_t i = 0;
    while (i < n) {
        char b = p[i];
        if (c->state == AFTER_CR) {
            if (b == '\n')
                i++;
            if ((*ret_record = line_end(c)))
                return i;
        } else if (c->state == IN_QUOTES) {
            size_t run = run_length(p + i, n - i, 2);
            if (run > 0) {
                c->quoted_cr = false;
                push(c, p + i, run);
                i += run;
            } else {
                quoted_byte(c, b);
                i++;
            }
        } else if (b == '"' && c->state != IN_FIELD) {
            if (c->state == AFTER_QUOTE)
                push(c, "\"", 1);
            else
                c->record.quote_line = c->line;
            c->started = true;
            c->quoted_cr = false;
            c->state = IN_QUOTES;
            i++;
        } else if (b == ',') {
            c->started = true;
            cell_end(c);
            i++;
        } else if (b == '\n') {
            cell_end(c);
            i++;
            if ((*ret_record = line_end(c)))
                return i;
        } else if (b == '\r') {
            cell_end(c);
            c->state = AFTER_CR;
            i++;
        } else {
            size_t run = run_length(p + i, n - i, 1);
            if (run == 0) { /* a NUL */
                c->record.has_nul = true;
                run = 1;
            }
            c->started = c->started || !is_blank(p + i, run);
            c->state = IN_FIELD;
            push(c, p + i, run);
            i += run;
        }
    }
    return n;
}

enum csv_end
csv_finish(struct csv *c)
{
    if (c->done)
        record_begin(c);
    if (c->state == IN_QUOTES)
        return CSV_END_UNCLOSED;
    if (!c->started)
        return CSV_END_NONE;
    if (c->state != AFTER_CR)
        cell_end(c);
    return line_end(c) ? CSV_END_RECORD : CSV_END_NONE;
}

/* The names of the columns.  The reference's order is kept, as its results depend on it:
 * given names first, then the unnamed ones, each against the list as it then stands. */

struct name_entry {
    char *name; /* borrowed from the list or own */
    bool own;
    size_t in_list; /* columns that have this name now */
    size_t count;   /* the reference's counts[name] */
};

struct name_table {
    struct name_entry *at;
    size_t mask;
};

static size_t
name_hash(const char *z)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *z; z++)
        h = (h ^ (unsigned char)*z) * 0x100000001b3u;
    return (size_t)(h ^ h >> 29);
}

static struct name_entry *
name_find(struct name_table *t, const char *name)
{
    size_t i = name_hash(name) & t->mask;
    while (t->at[i].name != NULL && strcmp(t->at[i].name, name) != 0)
        i = (i + 1) & t->mask;
    if (t->at[i].name == NULL) {
        t->at[i].name = xstrdup(name);
        t->at[i].own = true;
    }
    return &t->at[i];
}

static void
name_settle(struct name_table *t, char **slot)
{
    struct name_entry *old = name_find(t, *slot);
    size_t count = old->count;
    if (count == 0) {
        old->count = 1;
        return;
    }
    struct name_entry *e = old;
    while (count > 0) {
        old->count = count + 1;
        CLEANUP_FREE char *name = xasprintf("%s.%zu", old->name, count);
        e = name_find(t, name);
        count = e->in_list > 0 ? count + 1 : e->count;
    }
    old->in_list--;
    e->in_list++;
    e->count = 1;
    free(*slot);
    *slot = xstrdup(e->name);
}

char **
csv_names(const struct csv *c)
{
    size_t n = c->record.n_cells;
    char **names = xcalloc(n + 1, sizeof *names);
    size_t slots = 16;
    /* each column brings at most two names for good, few more in passing */
    while (slots < 4 * n)
        slots *= 2;
    struct name_table t = { xcalloc(slots, sizeof *t.at), slots - 1 };
    for (size_t i = 0; i < n; i++) {
        struct str cell = csv_cell(c, i);
        names[i] = cell.len > 0 ? xstrndup(cell.ptr, cell.len) : xasprintf("Unnamed: %zu", i);
        name_find(&t, names[i])->in_list++;
    }
    for (size_t i = 0; i < n; i++)
        if (csv_cell(c, i).len > 0)
            name_settle(&t, &names[i]);
    for (size_t i = 0; i < n; i++)
        if (csv_cell(c, i).len == 0)
            name_settle(&t, &names[i]);
    for (size_t i = 0; i < slots; i++)
        if (t.at[i].own)
            free(t.at[i].name);
    free(t.at);
    return names;
}

/* Cells. */

static bool
is_missing(struct str cell)
{
    static const char *const markers[] = {
        "#N/A", "#N/A N/A", "#NA",  "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
        "<NA>", "N/A",      "NA",   "NULL",    "NaN",      "None", "n/a",  "nan",    "null",
    };
    if (cell.len == 0)
        return true;
    if (cell.len > 8 || memchr("#-1<Nn", cell.ptr[0], 6) == NULL)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(markers); i++)
        if (str_is(cell, markers[i]))
            return true;
    return false;
}

static bool
is_word(struct str cell, const char *word)
{
    return cell.len == strlen(word) && strncasecmp(cell.ptr, word, cell.len) == 0;
}

static bool
is_space(char b)
{
    return b == ' ' || (b >= '\t' && b <= '\r');
}

static bool
is_digit(char b)
{
    return b >= '0' && b <= '9';
}

static struct str
strip(struct str s)
{
    while (s.len > 0 && is_space(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* A sign taken off; *ret_minus. */
static struct str
unsign(struct str s, bool *ret_minus)
{
    *ret_minus = s.len > 0 && s.ptr[0] == '-';
    if (s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+')) {
        s.ptr++;
        s.len--;
    }
    return s;
}

enum fit { FITS, TOO_LARGE, OTHER_FORM };

/* Digits alone, as a number. */
static enum fit
parse_digits(struct str s, uint64_t *ret)
{
    uint64_t n = 0;
    bool over = false;
    for (size_t i = 0; i < s.len; i++) {
        if (!is_digit(s.ptr[i]))
            return OTHER_FORM;
        over = over || __builtin_mul_overflow(n, 10, &n)
               || __builtin_add_overflow(n, (uint64_t)(s.ptr[i] - '0'), &n);
    }
    *ret = n;
    return s.len == 0 ? OTHER_FORM : over ? TOO_LARGE : FITS;
}

/* Is it a number with a decimal point and exponent as they may be? */
static bool
is_decimal(struct str cell)
{
    bool minus;
    struct str s = unsign(strip(cell), &minus);
    size_t i = 0, digits = 0;
    for (; i < s.len && is_digit(s.ptr[i]); i++)
        digits++;
    if (i < s.len && s.ptr[i] == '.')
        for (i++; i < s.len && is_digit(s.ptr[i]); i++)
            digits++;
    if (digits == 0)
        return false;
    if (i < s.len && (s.ptr[i] == 'e' || s.ptr[i] == 'E')) {
        i++;
        if (i < s.len && (s.ptr[i] == '-' || s.ptr[i] == '+'))
            i++;
        size_t from = i;
        while (i < s.len && is_digit(s.ptr[i]))
            i++;
        if (i == from)
            return false;
    }
    return i == s.len;
}

/* The cell as a double; false when it is no number or too large for one. */
static bool
parse_double(struct str cell, double *ret)
{
    bool minus;
    struct str s = unsign(cell, &minus);
    if (is_word(s, "inf") || is_word(s, "infinity")) {
        *ret = minus ? -INFINITY : INFINITY;
        return true;
    }
    if (!is_decimal(cell))
        return false;
    double d = strtod(cell.ptr, NULL);
    if (isinf(d))
        return false;
    *ret = d;
    return true;
}

/* One step of the reference's two tries at integers; each ends at its first misfit. */
static void
add_integer(struct csv_typing *t, struct str cell)
{
    bool minus;
    uint64_t n = 0;
    struct str s = unsign(strip(cell), &minus);
    enum fit fit = parse_digits(s, &n);
    if (!t->int_stopped && !t->int_overflow) {
        if (fit == OTHER_FORM)
            t->int_stopped = true;
        else if (fit == TOO_LARGE || n > (uint64_t)INT64_MAX + minus)
            t->int_overflow = true;
    }
    if (t->uint_stopped || t->uint_overflow)
        return;
    if (minus)
        /* unread, even if it is no number: it then is no double either */
        t->saw_negative = true;
    else if (fit == OTHER_FORM)
        t->uint_stopped = true;
    else if (fit == TOO_LARGE)
        t->uint_overflow = true;
    else if (n > (uint64_t)INT64_MAX)
        t->saw_uint = true;
}

void
csv_typing_add(struct csv_typing *t, struct str cell)
{
    if (t->not_number && t->not_bool && t->missing)
        return;
    if (is_missing(cell)) {
        t->missing = true;
        return;
    }
    t->present = true;
    if (!t->not_bool)
        t->not_bool = !is_word(cell, "true") && !is_word(cell, "false");
    if (t->not_number)
        return;
    add_integer(t, cell);
    double d;
    t->not_number = !parse_double(cell, &d);
}

enum csv_type
csv_typing_type(const struct csv_typing *t)
{
    if (!t->present)
        return CSV_NULLS;
    if (t->not_number)
        return t->not_bool ? CSV_STRINGS : CSV_BOOLS;
    if (t->int_stopped)
        return CSV_FLOATS;
    if (!t->int_overflow)
        return t->missing ? CSV_FLOATS : CSV_INTEGERS;
    if (t->uint_overflow)
        return CSV_STRINGS;
    if (t->uint_stopped)
        return CSV_FLOATS;
    return t->missing || t->saw_negative ? CSV_STRINGS : CSV_INTEGERS;
}

static bool
put_integer(struct text *out, struct str cell)
{
    bool minus;
    uint64_t n;
    struct str s = unsign(strip(cell), &minus);
    if (parse_digits(s, &n) != FITS || (minus && n > (uint64_t)INT64_MAX + 1))
        return false;
    char digits[24];
    size_t i = sizeof digits;
    minus = minus && n > 0;
    do {
        digits[--i] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    if (minus)
        digits[--i] = '-';
    text_put(out, digits + i, sizeof digits - i);
    return true;
}

bool
csv_put_cell(struct text *out, enum csv_type type, struct str cell)
{
    if (is_missing(cell)) {
        if (type == CSV_INTEGERS)
            return false;
        text_puts(out, "null");
        return true;
    }
    double d;
    switch (type) {
    case CSV_NULLS:
        return false;
    case CSV_INTEGERS:
        return put_integer(out, cell);
    case CSV_FLOATS:
        if (!parse_double(cell, &d))
            return false;
        jtext_put_double(out, d);
        return true;
    case CSV_BOOLS:
        if (!is_word(cell, "true") && !is_word(cell, "false"))
            return false;
        text_puts(out, is_word(cell, "true") ? "true" : "false");
        return true;
    case CSV_STRINGS:
        jtext_put_string(out, cell);
        return true;
    }
    return false;
}
