#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "pyre_pattern.h"

#define MATCH_STEPS 1000000u    /* from one start of the match on, and 16 a byte of the text */
#define MATCH_HEAP_KIB (64u << 10)
#define MATCH_CPU_NS 1000000000 /* from all starts together */
#define CLOCK_EVERY 1024        /* callouts */
#define NEST_MAX 1000           /* in what is written for PCRE2; pyre_pattern.c allows less */

struct pyre {
    pcre2_code *code;
    uint32_t groups;
};

static void
set_reason(char why[PYRE_WHY], int number)
{
    PCRE2_UCHAR text[PYRE_WHY];
    if (pcre2_get_error_message(number, text, sizeof text) < 0)
        snprintf((char *)text, sizeof text, "error %d", number);
    snprintf(why, PYRE_WHY, "%s", (const char *)text);
}

struct pyre *
pyre_compile(struct evald_str pattern, char why[PYRE_WHY])
{
    size_t len = 0, at = 0;
    uint32_t groups = 0;
    int number = 0;
    char *text = pyre_translate(pattern, &len, &groups, why);
    if (text == NULL)
        return NULL;
    struct pyre *re = calloc(1, sizeof *re);
    pcre2_compile_context *cx = pcre2_compile_context_create(NULL);
    if (re != NULL && cx != NULL) {
        pcre2_set_newline(cx, PCRE2_NEWLINE_LF);
        pcre2_set_parens_nest_limit(cx, NEST_MAX);
        re->groups = groups;
        re->code = pcre2_compile((PCRE2_SPTR)text, len,
                                 PCRE2_UTF | PCRE2_MULTILINE | PCRE2_DOTALL
                                     | PCRE2_ALT_CIRCUMFLEX | PCRE2_NEVER_BACKSLASH_C,
                                 &number, &at, cx);
    }
    pcre2_compile_context_free(cx);
    free(text);
    if (re != NULL && re->code != NULL)
        return re;
    if (number != 0)
        set_reason(why, number);
    else
        snprintf(why, PYRE_WHY, "out of memory");
    free(re);
    return NULL;
}

void
pyre_free(struct pyre *re)
{
    if (re == NULL)
        return;
    pcre2_code_free(re->code);
    free(re);
}

uint32_t
pyre_groups(const struct pyre *re)
{
    return re->groups;
}

/* ---- matching ---- */

struct clock {
    uint32_t calls;
    int64_t end_ns; /* 0: not running yet */
};

static int64_t
cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* The limit on steps is for one start of the match; this one is for all of them. */
static int
on_callout(pcre2_callout_block *block, void *arg)
{
    struct clock *clock = arg;
    (void)block;
    if (++clock->calls % CLOCK_EVERY != 0)
        return 0;
    if (clock->end_ns == 0)
        clock->end_ns = cpu_ns() + MATCH_CPU_NS;
    return cpu_ns() > clock->end_ns ? PCRE2_ERROR_MATCHLIMIT : 0;
}

static uint32_t
steps_for(size_t len)
{
    size_t more = len < (UINT32_MAX - MATCH_STEPS) / 16 ? len * 16 : UINT32_MAX - MATCH_STEPS;
    return MATCH_STEPS + (uint32_t)more;
}

int
pyre_search(const struct pyre *re, struct evald_str text, size_t from, struct pyre_span *spans,
            uint32_t n_spans, char why[PYRE_WHY])
{
    struct clock clock = { 0, 0 };
    pcre2_match_context *cx = pcre2_match_context_create(NULL);
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(re->code, NULL);
    int rc = PCRE2_ERROR_NOMEMORY;
    if (cx != NULL && data != NULL) {
        pcre2_set_match_limit(cx, steps_for(text.len));
        pcre2_set_heap_limit(cx, MATCH_HEAP_KIB);
        pcre2_set_callout(cx, on_callout, &clock);
        rc = pcre2_match(re->code, (PCRE2_SPTR)text.ptr, text.len, from, 0, data, cx);
    }
    const PCRE2_SIZE *ends = rc > 0 ? pcre2_get_ovector_pointer(data) : NULL;
    for (uint32_t i = 0; ends != NULL && i < n_spans; i++) {
        bool took_part = i <= re->groups && i < (uint32_t)rc && ends[2 * i] != PCRE2_UNSET;
        spans[i] = took_part ? (struct pyre_span){ ends[2 * i], ends[2 * i + 1] }
                             : (struct pyre_span){ PYRE_NONE, PYRE_NONE };
    }
    if (rc == PCRE2_ERROR_MATCHLIMIT || rc == PCRE2_ERROR_HEAPLIMIT
        || rc == PCRE2_ERROR_DEPTHLIMIT)
        snprintf(why, PYRE_WHY, "matching takes too long");
    else if (rc <= 0 && rc != PCRE2_ERROR_NOMATCH)
        set_reason(why, rc);
    pcre2_match_data_free(data);
    pcre2_match_context_free(cx);
    return rc > 0 ? 1 : rc == PCRE2_ERROR_NOMATCH ? 0 : -1;
}
