/*
 * popular: its sums, one method after another, for all and by segment (see popular.c).
 *
 * Users ascending, in double, on one core: a pass over the events, two with segments. Segments are
 * kept as lists of the items they have events on; scratch of 50 bytes an item.
 */
#include "models/popular_impl.h"

#include "kern/math.h"

#include <stdlib.h>
#include <string.h>

enum { POLL = 4096, DAY = 86400 };

/* ---- Sums ---------------------------------------------------------------------------------- */

/* Sums a, b an item, and which items have any. */
struct tally {
    double *a, *b;
    uint8_t *seen;
    int32_t *items;
    int32_t n;
};

struct popular_fit {
    struct model *m;
    const struct train_view *tv;
    const struct popular_params *p;
    struct csr values;       /* damped_mean: last value of each pair */
    double ratio;            /* trending: length of the window over that of the baseline */
    int64_t recent, earlier; /* trending: the two begin after these instants */
    struct tally all, part;
};

static akin_status tally_init(akin_ctx *ctx, int32_t n_items, struct tally *t, akin_error *err)
{
    akin_status status = AKIN_OK;
    MEM_ZERO(ctx, t->a, n_items);
    MEM_ZERO(ctx, t->b, n_items);
    MEM_ZERO(ctx, t->seen, n_items);
    MEM_NEW(ctx, t->items, n_items);
done:
    return status;
}

static void tally_free(akin_ctx *ctx, struct tally *t)
{
    mem_free(ctx, t->a);
    mem_free(ctx, t->b);
    mem_free(ctx, t->seen);
    mem_free(ctx, t->items);
}

static void tally_clear(struct tally *t)
{
    for (int32_t j = 0; j < t->n; j++) {
        int32_t i = t->items[j];
        t->a[i] = t->b[i] = 0;
        t->seen[i] = 0;
    }
    t->n = 0;
}

static void tally_add(struct tally *t, int32_t item, double a, double b)
{
    if (!t->seen[item]) {
        t->seen[item] = 1;
        t->items[t->n++] = item;
    }
    t->a[item] += a;
    t->b[item] += b;
}

static void add_row(const struct csr *x, int64_t user, bool is_mean, struct tally *t)
{
    for (int64_t e = x->ptr[user]; e < x->ptr[user + 1]; e++)
        tally_add(t, x->col[e], is_mean ? (double)x->val[e] : 1.0, 1.0);
}

static void add_user(const struct popular_fit *f, int64_t user, struct tally *t)
{
    enum popular_method method = (enum popular_method)f->p->method;
    if (method == COUNT || method == DAMPED_MEAN) {
        add_row(method == COUNT ? &f->tv->by_user : &f->values, user, method == DAMPED_MEAN, t);
        return;
    }
    struct history h = histories_of(&f->tv->hist, user);
    for (int32_t e = 0; e < h.n; e++) {
        double w = h.weight ? (double)h.weight[e] : 1.0;
        if (!(w > 0))
            continue;
        if (method == DECAYED) {
            double age = (double)(f->tv->now - h.time[e]) / (DAY * f->p->half_life_days);
            tally_add(t, h.item[e], w * kern_exp(-0.69314718055994531 * age), 0);
        } else if (h.time[e] > f->recent) {
            tally_add(t, h.item[e], w, 0);
        } else if (h.time[e] > f->earlier) {
            tally_add(t, h.item[e], 0, w);
        }
    }
}

static akin_status need_times(const struct popular_fit *f, const char *method, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (f->tv->ds->n_events > 0 && f->tv->ds->time_kind != TIME_UNIX)
        AKIN_FAIL(AKIN_E_INPUT, "popular: method=%s needs the times of events; this data has %s",
                  method, f->tv->ds->time_kind == TIME_NONE ? "none" : "only their order");
done:
    return status;
}

/* What the method needs before the first event is added. */
static akin_status fit_prepare(struct popular_fit *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dataset *ds = f->tv->ds;
    if (f->p->method == DAMPED_MEAN) {
        if (!dataset_has_values(ds) && ds->n_events > 0)
            AKIN_FAIL(AKIN_E_INPUT, "popular: method=damped_mean needs ratings; this data has no "
                                    "values (use method=count)");
        AKIN_TRY(histories_values(f->m->ctx, &f->tv->hist, ds->items.n, &f->values, err));
    } else if (f->p->method == DECAYED) {
        AKIN_TRY(need_times(f, "decayed", err));
    } else if (f->p->method == TRENDING) {
        AKIN_TRY(need_times(f, "trending", err));
        if (!(f->p->damping > 0))
            AKIN_FAIL(AKIN_E_ARG, "popular: damping=0 (must be above 0 for method=trending)");
        int64_t oldest = f->tv->now;
        for (int64_t e = 0; e < ds->n_events; e++)
            oldest = ds->time[e] < oldest ? ds->time[e] : oldest;
        f->recent = f->tv->now - (int64_t)(f->p->window_days * DAY);
        f->earlier = f->recent - (int64_t)(f->p->baseline_days * DAY);
        if (f->earlier < oldest - 1)
            f->earlier = oldest - 1;
        double length = (double)(f->recent - f->earlier);
        f->ratio = length > 0 ? (double)(f->tv->now - f->recent) / length : 0;
    }
done:
    return status;
}

/* ---- Scores -------------------------------------------------------------------------------- */

/* Of sums a, b under a prior (mean, or expected count) worth `damping` events. */
static double score_of(const struct popular_fit *f, double a, double b, double prior)
{
    double m = f->p->damping;
    switch ((enum popular_method)f->p->method) {
    case DAMPED_MEAN:
        return (a + m * prior) / (b + m);
    case TRENDING:
        return (a + m * prior) / (b * f->ratio + m);
    default:
        return a + prior;
    }
}

static akin_status fit_global(struct popular_fit *f, float *global, float *base, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t n = f->m->items.n;
    double a = 0, b = 0;
    for (int64_t u = 0; u < f->tv->hist.n_users; u++) {
        if (u % POLL == 0)
            AKIN_TRY(ctx_check(f->m->ctx, err));
        add_user(f, u, &f->all);
    }
    for (int32_t i = 0; i < n; i++) {
        a += f->all.a[i];
        b += f->all.b[i];
    }
    bool is_rate = f->p->method == DAMPED_MEAN || f->p->method == TRENDING;
    double prior =
        f->p->method == DAMPED_MEAN ? (b > 0 ? a / b : 0) : (f->p->method == TRENDING ? 1 : 0);
    for (int32_t i = 0; i < n; i++) {
        bool seen = f->all.seen[i] != 0;
        global[i] = seen ? (float)score_of(f, f->all.a[i], f->all.b[i], prior) : UNSCORED;
        if (!base)
            continue;
        if (is_rate)
            base[i] = global[i];
        else if (seen && f->p->damping > 0 && a > 0)
            base[i] = (float)(f->p->damping * f->all.a[i] / a);
        else
            base[i] = UNSCORED;
    }
done:
    return status;
}

static akin_status get_column(const struct table *t, const char *name, const double **out,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    *out = NULL;
    if (!name)
        goto done;
    const struct column *col = table_find(t, name);
    if (!col)
        AKIN_FAIL(AKIN_E_ARG, "popular: the item table has no column '%.60s'", name);
    if (col->type != COL_NUMBER)
        AKIN_FAIL(AKIN_E_ARG, "popular: column '%.60s' of the item table holds no numbers", name);
    *out = col->num;
done:
    return status;
}

/* A cell that counts: finite, and not below 0. */
static bool is_amount(double x)
{
    return x >= 0 && x <= 1e300;
}

/* method=columns: (n·mean + m·μ) / (n + m) over the table; only one column = that column. */
static akin_status fit_columns(const struct popular_fit *f, float *global, akin_error *err)
{
    akin_status status = AKIN_OK;
    const double *mean, *count;
    int32_t n = f->m->items.n;
    const struct table *t = &f->tv->ds->item_table;
    if (!f->p->mean_column && !f->p->count_column)
        AKIN_FAIL(AKIN_E_ARG, "popular: method=columns needs mean_column or count_column");
    if (f->p->segment)
        AKIN_FAIL(AKIN_E_ARG, "popular: segment='%.60s' means nothing with method=columns",
                  f->p->segment);
    AKIN_TRY(get_column(t, f->p->mean_column, &mean, err));
    AKIN_TRY(get_column(t, f->p->count_column, &count, err));
    double sum = 0, total = 0, m = f->p->damping;
    for (int32_t i = 0; mean && count && i < n; i++)
        if (isfinite(mean[i]) && is_amount(count[i])) {
            sum += count[i] * mean[i];
            total += count[i];
        }
    double mu = total > 0 ? sum / total : 0;
    for (int32_t i = 0; i < n; i++) {
        global[i] = UNSCORED;
        if (mean && count) {
            if (isfinite(mean[i]) && is_amount(count[i]) && count[i] > 0)
                global[i] = (float)((count[i] * mean[i] + m * mu) / (count[i] + m));
        } else if (mean ? isfinite(mean[i]) : is_amount(count[i]) && count[i] > 0) {
            global[i] = (float)(mean ? mean[i] : count[i]);
        }
    }
done:
    return status;
}

/* ---- Segments ------------------------------------------------------------------------------ */

static int compare_items(const void *x, const void *y)
{
    int32_t a = *(const int32_t *)x;
    int32_t b = *(const int32_t *)y;
    return (a > b) - (a < b);
}

/* The growing lists of all segments. */
struct lists {
    int64_t *ptr;
    int32_t *item;
    float *score;
    int64_t item_cap, score_cap;
};

static akin_status segment_fit(struct popular_fit *f, const struct popular *self, int32_t s,
                               struct lists *to, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = f->m->ctx;
    struct tally *t = &f->part;
    bool is_rate = f->p->method == DAMPED_MEAN || f->p->method == TRENDING;
    tally_clear(t);
    for (int64_t u = 0; u < f->m->users.n; u++)
        if (self->user_segment[u] == s)
            add_user(f, u, t);
    AKIN_TRY(ctx_check(ctx, err));
    qsort(t->items, (size_t)t->n, sizeof *t->items, compare_items);
    int64_t at = to->ptr[s];
    MEM_GROW(ctx, to->item, to->item_cap, at + t->n);
    MEM_GROW(ctx, to->score, to->score_cap, at + t->n);
    for (int32_t j = 0; j < t->n; j++) {
        int32_t i = t->items[j];
        double prior = (double)(is_rate ? self->global[i] : self->base[i]);
        to->item[at + j] = i;
        to->score[at + j] = (float)score_of(f, t->a[i], t->b[i], isfinite(prior) ? prior : 0);
    }
    to->ptr[s + 1] = at + t->n;
done:
    return status;
}

static akin_status fit_segments(struct popular_fit *f, struct popular *self, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = f->m->ctx;
    struct lists to = {0};
    AKIN_TRY(popular_segment_names(f->m, self, err));
    AKIN_TRY(popular_map_users(f->m, self, err));
    AKIN_TRY(tally_init(ctx, f->m->items.n, &f->part, err));
    MEM_ZERO(ctx, to.ptr, self->names.n + 1);
    MEM_NEW(ctx, to.item, 0);
    MEM_NEW(ctx, to.score, 0);
    for (int32_t s = 0; s < self->names.n; s++)
        AKIN_TRY(segment_fit(f, self, s, &to, err));
    self->ptr = to.ptr;
    self->item = to.item;
    self->score = to.score;
    to = (struct lists){0};
done:
    mem_free(ctx, to.ptr);
    mem_free(ctx, to.item);
    mem_free(ctx, to.score);
    return status;
}

/* ---- Fit ----------------------------------------------------------------------------------- */

akin_status popular_fit(struct model *m, const struct train_view *tv, const struct fit_control *ctl,
                        akin_error *err)
{
    (void)ctl;
    akin_status status = AKIN_OK;
    akin_ctx *ctx = m->ctx;
    struct popular *self = m->self;
    struct popular_fit f = {.m = m, .tv = tv, .p = m->params};
    float *global = NULL, *base = NULL;
    self->owner = m;
    self->n_items = m->items.n;
    MEM_NEW(ctx, global, m->items.n);
    self->global = global;
    if (f.p->method == COLUMNS) {
        AKIN_TRY(fit_columns(&f, global, err));
        goto done;
    }
    AKIN_TRY(fit_prepare(&f, err));
    AKIN_TRY(tally_init(ctx, m->items.n, &f.all, err));
    if (f.p->segment) {
        MEM_NEW(ctx, base, m->items.n);
        self->base = base;
    }
    AKIN_TRY(fit_global(&f, global, base, err));
    if (f.p->segment)
        AKIN_TRY(fit_segments(&f, self, err));
done:
    tally_free(ctx, &f.all);
    tally_free(ctx, &f.part);
    csr_free(ctx, &f.values);
    return status;
}
