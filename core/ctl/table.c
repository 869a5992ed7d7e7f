#include "config.h"

#include <stdarg.h>
#include <string.h>
#include <wchar.h>

#include "common/mem.h"
#include "common/text.h"
#include "ctl/ctl.h"
#include "ctl/table.h"

struct table {
    const char *const *heads;
    size_t n_columns, n_cells;
    char **cells;
};

struct table *
table_new(const char *const *heads, size_t n)
{
    struct table *t = xcalloc(1, sizeof *t);
    t->heads = heads;
    t->n_columns = n;
    return t;
}

void
table_free(struct table *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->n_cells; i++)
        free(t->cells[i]);
    free(t->cells);
    free(t);
}

void
table_add(struct table *t, const char *text)
{
    t->cells = xreallocarray(t->cells, t->n_cells + 1, sizeof *t->cells);
    t->cells[t->n_cells++] = xstrdup(text);
}

void
table_addf(struct table *t, const char *fmt, ...)
{
    CLEANUP_TEXT struct text cell = TEXT_INIT;
    va_list ap;
    va_start(ap, fmt);
    text_vputf(&cell, fmt, ap);
    va_end(ap);
    table_add(t, cell.ptr != NULL ? cell.ptr : "");
}

size_t
table_rows(const struct table *t)
{
    return t->n_cells / t->n_columns;
}

size_t
table_width(const char *text)
{
    size_t width = 0;
    mbstate_t state = { 0 };
    while (*text != '\0') {
        wchar_t wc;
        size_t n = mbrtowc(&wc, text, strlen(text), &state);
        if (n == (size_t)-1 || n == (size_t)-2) {
            n = 1;
            width++;
            memset(&state, 0, sizeof state);
        } else {
            int w = wcwidth(wc);
            width += w > 0 ? (size_t)w : 0;
        }
        text += n;
    }
    return width;
}

static void
print_row(const struct table *t, FILE *to, const char *const *cells, const size_t *widths)
{
    for (size_t i = 0; i < t->n_columns; i++) {
        bool right = t->heads[i][0] == '>';
        int pad = (int)(widths[i] - table_width(cells[i]));
        if (right)
            fprintf(to, "%*s", pad, "");
        ctl_put_safe(to, cells[i]);
        if (i + 1 < t->n_columns)
            fprintf(to, "%*s", (right ? 0 : pad) + 2, "");
    }
    fputc('\n', to);
}

void
table_print(const struct table *t, FILE *to)
{
    CLEANUP_FREE size_t *widths = xcalloc(t->n_columns, sizeof *widths);
    CLEANUP_FREE const char **heads = xcalloc(t->n_columns, sizeof *heads);
    for (size_t i = 0; i < t->n_columns; i++) {
        heads[i] = t->heads[i] + (t->heads[i][0] == '>');
        widths[i] = table_width(heads[i]);
    }
    for (size_t i = 0; i < t->n_cells; i++) {
        size_t width = table_width(t->cells[i]);
        if (width > widths[i % t->n_columns])
            widths[i % t->n_columns] = width;
    }
    print_row(t, to, heads, widths);
    for (size_t i = 0; i + t->n_columns <= t->n_cells; i += t->n_columns)
        print_row(t, to, (const char *const *)t->cells + i, widths);
}
