#include "config.h"

#include <stdio.h>

#include "common/mem.h"
#include "ctl/conformance_report.h"
#include "ctl/ctl.h"
#include "ctl/table.h"

#define SHOWN  600 /* bytes of what was expected, and of what came */
#define BEFORE 120 /* of these before the first that differs */

static void
count(struct conformance_tally *t, const struct conformance_case *c)
{
    t->cases++;
    if (c->verdict == CONFORMANCE_SKIPPED)
        t->skipped++;
    else if (c->verdict != CONFORMANCE_AGREES)
        t->differing++;
    else if (c->rules != 0)
        t->decided++;
    else
        t->agreeing++;
}

static void
count_label(struct conformance_report *r, const char *label, const struct conformance_case *c)
{
    size_t i = 0;
    while (i < r->n_tallies && strcmp(r->tallies[i].label, label) != 0)
        i++;
    if (i == r->n_tallies) {
        r->tallies = xreallocarray(r->tallies, i + 1, sizeof *r->tallies);
        r->tallies[r->n_tallies++] = (struct conformance_tally){ .label = xstrdup(label) };
    }
    count(&r->tallies[i], c);
}

static char *
expected_of(const struct conformance_case *c)
{
    const struct conformance_want *w = &c->want;
    if (w->like.kind != J_ABSENT)
        return xasprintf("what the row gives without the kwargs that are not known");
    if (w->row_error)
        return xasprintf("score null and metadata.error");
    if (w->error)
        return xasprintf("an error");
    CLEANUP_TEXT struct text t = TEXT_INIT;
    jtext_put_compact(&t, w->result);
    return text_take(&t);
}

/* What is shown of a text that differs from another behind its first so many bytes. */
static char *
shown(const char *text, size_t same)
{
    CLEANUP_TEXT struct text t = TEXT_INIT;
    size_t n = strlen(text), from = 0;
    if (n <= SHOWN)
        return xstrdup(text);
    if (same > BEFORE)
        from = same - BEFORE;
    while (from > 0 && ((unsigned char)text[from] & 0xc0) == 0x80)
        from--;
    text_puts(&t, from > 0 ? "..." : "");
    size_t cut = n - from <= SHOWN ? n - from : utf8_valid_prefix(text + from, SHOWN);
    text_put(&t, text + from, cut);
    text_puts(&t, from + cut < n ? "..." : "");
    return text_take(&t);
}

/* The .0 of a float, which an integer of the same value lacks. */
static bool
skip_point_zero(const char **p)
{
    if ((*p)[0] != '.' || (*p)[1] != '0' || ((*p)[2] >= '0' && (*p)[2] <= '9'))
        return false;
    *p += 2;
    return true;
}

static void
skip_same(const char **a, const char **b)
{
    for (;;) {
        if (**a != '\0' && **a == **b) {
            ++*a;
            ++*b;
        } else if (!skip_point_zero(a) && !skip_point_zero(b)) {
            return;
        }
    }
}

static void
keep_difference(struct conformance_report *r, const struct conformance_case *c)
{
    if (r->n_differences >= r->most)
        return;
    CLEANUP_FREE char *expected = expected_of(c);
    const char *came = c->came != NULL ? c->came : "it was not played";
    const char *a = expected, *b = came;
    skip_same(&a, &b);
    r->differences = xreallocarray(r->differences, r->n_differences + 1,
                                   sizeof *r->differences);
    r->differences[r->n_differences++] = (struct conformance_difference){
        xstrdup(c->id), xasprintf("%s:%u", c->file, c->line), shown(expected, (size_t)(a - expected)),
        shown(came, (size_t)(b - came)),
    };
}

void
conformance_report_add(struct conformance_report *r, const struct conformance_case *c)
{
    struct jval needs = jtext_member(jtext_whole(c->text), STR("needs")), need;
    size_t rules = 0;
    count(&r->all, c);
    if (jtext_count(needs) == 0)
        count_label(r, c->scorer, c);
    for (struct jiter it = jtext_iter(needs); jtext_next(&it, NULL, &need);) {
        CLEANUP_TEXT struct text label = TEXT_INIT;
        text_putf(&label, "%s (", c->scorer);
        if (need.kind == J_STRING)
            jtext_decode(&label, need.raw);
        text_putc(&label, ')');
        count_label(r, label.ptr, c);
    }
    bool differs = c->verdict == CONFORMANCE_OPEN || c->verdict == CONFORMANCE_DIFFERS;
    for (size_t i = 0; i < CONFORMANCE_RULES; i++)
        if (c->rules & UINT32_C(1) << i) {
            r->rules[i] += !differs;
            r->rules_differing[i] += differs;
            rules++;
        }
    r->several += rules > 1 && !differs;
    if (differs)
        keep_difference(r, c);
}

static void
add_tally(struct table *table, const struct conformance_tally *t, const char *label)
{
    table_add(table, label);
    table_addf(table, "%zu", t->cases);
    table_addf(table, "%zu", t->agreeing);
    table_addf(table, "%zu", t->decided);
    table_addf(table, "%zu", t->differing);
    table_addf(table, "%zu", t->skipped);
}

static void
print_rules(const struct conformance_report *r)
{
    static const char *const heads[] = { "rule", ">cases", ">differing", "section",
                                         "decision" };
    struct table *table = table_new(heads, ARRAY_LEN(heads));
    for (size_t i = 0; i < CONFORMANCE_RULES; i++) {
        if (r->rules[i] == 0 && r->rules_differing[i] == 0)
            continue;
        table_add(table, conformance_rules[i].name);
        table_addf(table, "%zu", r->rules[i]);
        table_addf(table, "%zu", r->rules_differing[i]);
        table_add(table, conformance_rules[i].section);
        table_add(table, conformance_rules[i].summary);
    }
    if (table_rows(table) > 0) {
        putchar('\n');
        table_print(table, stdout);
    }
    if (r->several > 0)
        printf("%zu of these cases by more than one rule\n", r->several);
    table_free(table);
}

/* On one line, whatever is in it. */
static void
put_line(const char *text)
{
    CLEANUP_FREE char *line = xstrdup(text);
    for (char *p = strchr(line, '\n'); p != NULL; p = strchr(p, '\n'))
        *p = ' ';
    ctl_put_safe(stdout, line);
}

void
conformance_report_print(const struct conformance_report *r)
{
    static const char *const heads[] = { "scorer", ">cases", ">agreeing", ">decided otherwise",
                                         ">differing", ">skipped" };
    struct table *table = table_new(heads, ARRAY_LEN(heads));
    for (size_t i = 0; i < r->n_tallies; i++)
        add_tally(table, &r->tallies[i], r->tallies[i].label);
    add_tally(table, &r->all, "all");
    table_print(table, stdout);
    table_free(table);
    print_rules(r);
    if (r->n_differences > 0)
        printf("\ndifferences, %zu of %zu:\n", r->n_differences, r->all.differing);
    for (size_t i = 0; i < r->n_differences; i++) {
        const struct conformance_difference *d = &r->differences[i];
        put_line(d->id);
        fputs("  ", stdout);
        put_line(d->place);
        fputs("\n  expected  ", stdout);
        put_line(d->expected);
        fputs("\n  came      ", stdout);
        put_line(d->came);
        putchar('\n');
    }
}

static json_object *
tally_document(const struct conformance_tally *t)
{
    json_object *o = json_object_new_object();
    if (t->label != NULL)
        json_add_str(o, "scorer", t->label);
    json_add_int(o, "cases", (int64_t)t->cases);
    json_add_int(o, "agreeing", (int64_t)t->agreeing);
    json_add_int(o, "decided_otherwise", (int64_t)t->decided);
    json_add_int(o, "differing", (int64_t)t->differing);
    json_add_int(o, "skipped", (int64_t)t->skipped);
    return o;
}

void
conformance_report_print_json(const struct conformance_report *r)
{
    CLEANUP_JSON json_object *doc = json_object_new_object();
    json_object *scorers = json_object_new_array(), *rules = json_object_new_array();
    json_object *differences = json_object_new_array();
    for (size_t i = 0; i < r->n_tallies; i++)
        json_object_array_add(scorers, tally_document(&r->tallies[i]));
    for (size_t i = 0; i < CONFORMANCE_RULES; i++) {
        json_object *o = json_object_new_object();
        json_add_str(o, "rule", conformance_rules[i].name);
        json_add_str(o, "section", conformance_rules[i].section);
        json_add_str(o, "decision", conformance_rules[i].summary);
        json_add_int(o, "cases", (int64_t)r->rules[i]);
        json_add_int(o, "differing", (int64_t)r->rules_differing[i]);
        json_object_array_add(rules, o);
    }
    for (size_t i = 0; i < r->n_differences; i++) {
        const struct conformance_difference *d = &r->differences[i];
        json_object *o = json_object_new_object();
        json_add_str(o, "id", d->id);
        json_add_str(o, "place", d->place);
        json_add_str(o, "expected", d->expected);
        json_add_str(o, "came", d->came);
        json_object_array_add(differences, o);
    }
    json_add(doc, "all", tally_document(&r->all));
    json_add(doc, "scorers", scorers);
    json_add(doc, "rules", rules);
    json_add_int(doc, "by_several_rules", (int64_t)r->several);
    json_add(doc, "differences", differences);
    CLEANUP_FREE char *text = json_text(doc);
    ctl_put_document(str_z(text));
}

void
conformance_report_fini(struct conformance_report *r)
{
    for (size_t i = 0; i < r->n_tallies; i++)
        free(r->tallies[i].label);
    for (size_t i = 0; i < r->n_differences; i++) {
        struct conformance_difference *d = &r->differences[i];
        free(d->id);
        free(d->place);
        free(d->expected);
        free(d->came);
    }
    free(r->tallies);
    free(r->differences);
}
