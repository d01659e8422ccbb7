/*
 * How much each parameter mattered: the correlation ratio of the sought metric by that parameter
 * alone, corrected for chance (epsilon squared; Kelley 1935, doi:10.1073/pnas.21.9.554).
 *
 * Trials are dealt to at most four groups of equal size by the parameter's value (choices: a group
 * each); the share of the variance that lies between the groups, less what as many random groups
 * would show. What parameters do only together is not seen, and a search that gathers near its best
 * shows less than an even one would. Cost: a sort a parameter.
 */
#include "tune/study.h"

#include "core/buf.h"

#include <stdlib.h>

enum { IMPORTANCE_GROUPS = 4, IMPORTANCE_LEAST = 8 };

struct sample {
    double x, y;
    int32_t number;
};

static int by_x(const void *a, const void *b)
{
    const struct sample *p = a, *q = b;
    if (p->x < q->x || p->x > q->x)
        return p->x < q->x ? -1 : 1;
    return p->number < q->number ? -1 : p->number > q->number;
}

/* Where the group that begins at lo ends: equal values stay together. */
static int32_t group_end(const struct sample *a, int32_t lo, int32_t n, int32_t size, bool by_value)
{
    int32_t hi = by_value ? lo + 1 : lo + size;
    hi = hi > n ? n : hi;
    while (hi < n && !(a[hi].x > a[hi - 1].x))
        hi++;
    return hi;
}

/* a (n >= 2) is sorted here. */
static double epsilon_squared(struct sample *a, int32_t n, bool by_value)
{
    double mean = 0, total = 0, between = 0;
    int32_t groups = 0, size = (n + IMPORTANCE_GROUPS - 1) / IMPORTANCE_GROUPS;
    qsort(a, (size_t)n, sizeof *a, by_x);
    for (int32_t i = 0; i < n; i++)
        mean += a[i].y / n;
    for (int32_t i = 0; i < n; i++)
        total += (a[i].y - mean) * (a[i].y - mean);
    for (int32_t lo = 0, hi; lo < n; lo = hi) {
        double sum = 0;
        hi = group_end(a, lo, n, size, by_value);
        for (int32_t i = lo; i < hi; i++)
            sum += a[i].y - mean;
        between += sum * sum / (hi - lo);
        groups++;
    }
    if (!(total > 0) || groups < 2 || groups >= n)
        return 0;
    double share = 1 - (total - between) / total * (n - 1) / (n - groups);
    return share > 0 ? share : 0;
}

static bool add_row(json_t *rows, const char *name, double share)
{
    size_t at = 0;
    while (at < json_array_size(rows) &&
           json_number_value(json_object_get(json_array_get(rows, at), "share")) >= share)
        at++;
    return json_array_insert_new(rows, at, json_pack("{s:s, s:f}", "name", name, "share", share)) ==
           0;
}

json_t *importance_json(const struct tune_study *s, int32_t family)
{
    const struct tune_space *space = &s->families[family].space;
    akin_error ignored;
    json_t *rows = json_array();
    struct sample *a = mem_alloc(s->ctx, s->n_trials, sizeof *a, &ignored);
    bool ok = rows && a;
    for (int32_t d = 0; ok && d < space->n; d++) {
        int32_t n = 0;
        for (int64_t i = 0; i < s->n_trials; i++) {
            const struct tune_trial *t = s->trials[i];
            if (t->family == family && t->rung == 0 && t->state == TRIAL_DONE)
                a[n++] = (struct sample){t->point[d], t->values[0], t->number};
        }
        if (n >= IMPORTANCE_LEAST)
            ok = add_row(rows, space->dims[d].name,
                         epsilon_squared(a, n, space->dims[d].kind == TUNE_CHOICE));
    }
    mem_free(s->ctx, a);
    if (!ok) {
        json_decref(rows);
        rows = NULL;
    }
    return rows;
}
