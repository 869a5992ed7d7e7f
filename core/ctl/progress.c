#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/io.h"
#include "common/mem.h"
#include "ctl/ctl.h"
#include "ctl/progress.h"
#include "ctl/table.h"

#define LINE_INTERVAL_NS (5 * INT64_C(1000000000))
#define BAR_MAX 40

void
progress_begin(struct progress *p, const char *job, const char *label)
{
    const char *term = getenv("TERM");
    *p = (struct progress){
        .terminal = isatty(STDERR_FILENO) && term != NULL && strcmp(term, "dumb") != 0,
        .job = job,
        .label = label,
        .next_line_ns = time_mono_ns() + LINE_INTERVAL_NS,
    };
    if (!p->terminal) {
        fprintf(stderr, "job %s: ", job);
        ctl_put_safe(stderr, label);
        fputc('\n', stderr);
    }
}

void
progress_format_time(double seconds, char *buf, size_t size)
{
    if (!(seconds >= 0 && seconds < 1e9)) {
        snprintf(buf, size, "-");
        return;
    }
    long s = (long)(seconds + 0.5);
    if (s >= 3600)
        snprintf(buf, size, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(buf, size, "%ld:%02ld", s / 60, s % 60);
}

static void
put_rate(struct text *t, double rate)
{
    text_putf(t, rate < 10 ? "%.1f rows/s" : "%.0f rows/s", rate);
}

/* "45 %  108/240 rows  1234 rows/s  ETA 0:12  2 failed" */
static void
put_numbers(struct text *t, json_object *detail)
{
    json_object *progress = json_get(detail, "progress");
    int64_t done = json_get_int(progress, "rows_done", 0);
    int64_t total = json_get_int(progress, "rows_total", -1);
    int64_t failed = json_get_int(progress, "rows_failed", 0);
    double rate = json_get_double(progress, "rate_per_s", -1);
    double eta = json_get_double(progress, "eta_s", -1);
    if (total > 0)
        text_putf(t, "%3d %%  %lld/%lld rows", (int)(100.0 * (double)done / (double)total),
                  (long long)done, (long long)total);
    else
        text_putf(t, "%lld rows", (long long)done);
    if (rate > 0) {
        text_puts(t, "  ");
        put_rate(t, rate);
    }
    if (eta >= 0) {
        char left[32];
        progress_format_time(eta, left, sizeof left);
        text_putf(t, "  ETA %s", left);
    }
    if (failed > 0)
        text_putf(t, "  %lld failed", (long long)failed);
}

/* The text cut to the columns that are left; width of ASCII only after it. */
static void
put_label(const char *label, size_t max)
{
    CLEANUP_FREE char *cut = xstrdup(label);
    for (size_t n = strlen(cut); n > 0 && table_width(cut) > max;) {
        while (--n > 0 && ((unsigned char)cut[n] & 0xc0) == 0x80)
            ;
        cut[n] = '\0';
    }
    ctl_put_safe(stderr, cut);
}

static void
show_bar(struct progress *p, json_object *detail)
{
    CLEANUP_TEXT struct text numbers = TEXT_INIT;
    put_numbers(&numbers, detail);
    struct winsize ws = { 0 };
    size_t columns =
        ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 0 ? ws.ws_col : 80;
    json_object *progress = json_get(detail, "progress");
    int64_t done = json_get_int(progress, "rows_done", 0);
    int64_t total = json_get_int(progress, "rows_total", -1);

    size_t label = table_width(p->label);
    size_t fixed = numbers.len + 7;
    size_t bar = columns > fixed + label ? columns - fixed - label : 0;
    if (bar > BAR_MAX)
        bar = BAR_MAX;
    fputc('\r', stderr);
    put_label(p->label, columns > numbers.len + 3 ? columns - numbers.len - 3 : 0);
    if (bar >= 8 && total > 0) {
        size_t full =
            done >= total ? bar : (size_t)((double)bar * (double)done / (double)total);
        char cells[BAR_MAX + 1];
        memset(cells, '.', bar);
        memset(cells, '#', full);
        cells[bar] = '\0';
        fprintf(stderr, "  [%s]", cells);
    }
    fprintf(stderr, "  %s\033[K", numbers.ptr);
    fflush(stderr);
    p->shown = true;
}

void
progress_show(struct progress *p, json_object *detail)
{
    if (p->terminal) {
        show_bar(p, detail);
        return;
    }
    int64_t done = json_get_int(json_get(detail, "progress"), "rows_done", 0);
    if (time_mono_ns() < p->next_line_ns || done == p->said_rows)
        return;
    p->next_line_ns = time_mono_ns() + LINE_INTERVAL_NS;
    p->said_rows = done;
    CLEANUP_TEXT struct text numbers = TEXT_INIT;
    put_numbers(&numbers, detail);
    fprintf(stderr, "job %s: %s\n", p->job, numbers.ptr + strspn(numbers.ptr, " "));
}

void
progress_wipe(struct progress *p)
{
    if (p->shown)
        fputs("\r\033[K", stderr);
    p->shown = false;
    fflush(stderr);
}

void
progress_end(struct progress *p, json_object *detail)
{
    progress_wipe(p);
    json_object *progress = json_get(detail, "progress");
    int64_t started = json_get_int(detail, "started_at", 0);
    int64_t ended = json_get_int(detail, "ended_at", 0);
    CLEANUP_TEXT struct text line = TEXT_INIT;
    text_putf(&line, "%s: %lld rows", json_get_str(detail, "status", "?"),
              (long long)json_get_int(progress, "rows_done", 0));
    if (started > 0 && ended >= started)
        text_putf(&line, " in %.1f s", (double)(ended - started) / 1000.0);
    text_putf(&line, ", %lld failed", (long long)json_get_int(progress, "rows_failed", 0));

    fprintf(stderr, "job %s: ", p->job);
    if (p->terminal) {
        ctl_put_safe(stderr, p->label);
        fputs(": ", stderr);
    }
    ctl_put_safe(stderr, line.ptr);
    json_object *error = json_get(detail, "error");
    const char *message = json_get_str(error, "message", json_get_str(detail, "error", NULL));
    if (message != NULL) {
        fputs(": ", stderr);
        ctl_put_safe(stderr, message);
    }
    fputc('\n', stderr);
}
