#include <math.h>
#include <stdbool.h>

#include "assignment.h"

/* Of the smaller side by the larger; place 0 of each array stands for "none". */
struct matching {
    const double *gain;
    size_t n, m;         /* n <= m */
    bool swapped;        /* the smaller side is the columns of gain */
    double *of_row, *of_column; /* prices: cost >= of_row + of_column, equal where matched */
    size_t *row_of;      /* the row that a column is matched with */
    size_t *from;        /* the column before this one on the cheapest path */
    double *slack;       /* how far a column is from being reached */
    bool *reached;
};

static double
cost(const struct matching *a, size_t row, size_t column)
{
    size_t r = row - 1, c = column - 1;
    return -(a->swapped ? a->gain[c * a->n + r] : a->gain[r * a->m + c]);
}

/* Reaches one more column, the nearest, from the one reached last. */
static size_t
reach(struct matching *a, size_t last)
{
    size_t row = a->row_of[last], nearest = 0;
    double least = INFINITY;
    a->reached[last] = true;
    for (size_t c = 1; c <= a->m; c++) {
        if (a->reached[c])
            continue;
        double left = cost(a, row, c) - a->of_row[row] - a->of_column[c];
        if (left < a->slack[c]) {
            a->slack[c] = left;
            a->from[c] = last;
        }
        if (a->slack[c] < least) {
            least = a->slack[c];
            nearest = c;
        }
    }
    for (size_t c = 0; c <= a->m; c++) {
        if (a->reached[c]) {
            a->of_row[a->row_of[c]] += least;
            a->of_column[c] -= least;
        } else {
            a->slack[c] -= least;
        }
    }
    return nearest;
}

static void
match_row(struct matching *a, size_t row)
{
    for (size_t c = 0; c <= a->m; c++) {
        a->slack[c] = INFINITY;
        a->reached[c] = false;
    }
    size_t column = 0;
    a->row_of[0] = row;
    do
        column = reach(a, column);
    while (a->row_of[column] != 0);
    for (size_t before; column != 0; column = before) {
        before = a->from[column];
        a->row_of[column] = a->row_of[before];
    }
}

double
assignment_best(struct evald_call *c, const double *gain, size_t rows, size_t columns)
{
    struct matching a = { .gain = gain, .swapped = rows > columns };
    a.n = a.swapped ? columns : rows;
    a.m = a.swapped ? rows : columns;
    a.of_row = evald_alloc(c, (a.n + 1) * sizeof *a.of_row);
    a.of_column = evald_alloc(c, (a.m + 1) * sizeof *a.of_column);
    a.row_of = evald_alloc(c, (a.m + 1) * sizeof *a.row_of);
    a.from = evald_alloc(c, (a.m + 1) * sizeof *a.from);
    a.slack = evald_alloc(c, (a.m + 1) * sizeof *a.slack);
    a.reached = evald_alloc(c, (a.m + 1) * sizeof *a.reached);
    for (size_t row = 1; row <= a.n; row++)
        match_row(&a, row);
    double sum = 0;
    for (size_t column = 1; column <= a.m; column++)
        if (a.row_of[column] != 0)
            sum -= cost(&a, a.row_of[column], column);
    return sum;
}
