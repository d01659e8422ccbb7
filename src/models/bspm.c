/*
 * bspm: blurring and sharpening (Choi et al. 2023, "Blurring-Sharpening Process Models for
 * Collaborative Filtering", doi:10.1145/3539618.3591645).
 *
 * A history's row x is blurred, b = x·(P + low_pass·D^-½·V·Vᵀ·D^½), as by gfcf, and then sharpened
 * by ds/dt = -s·P from s(0) = b to t = time, in `steps` of Euler's method or the classic
 * Runge-Kutta's: a polynomial in P, since P is the same at any time. merge=late sharpens what the
 * graph has blurred only, and adds the low pass after.
 * Cost: as gfcf; a request 2·steps more sparse products (Runge-Kutta 8·steps), over all entries.
 * The low pass is sharpened once, at fit. Not done: blurring in more than one step, which the paper
 * found no use for.
 */
#include "models/filter.h"

#include <string.h>

enum { EULER, RUNGE_KUTTA };
enum { STEPS_MAX = 4, SHARPEN_MAX = 4 * STEPS_MAX };

struct bspm_params {
    struct graph_params graph;
    int64_t factors;
    double low_pass;
    double time;
    int64_t steps;
    int64_t solver;
    int64_t merge;
};

static const akin_param bspm_rows[] = {
    GRAPH_ROWS(struct bspm_params, "0.5", "0.7", "0.3"),
    PARAM_INT(struct bspm_params, factors, "256", 0, 4096, "",
              AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG, "vectors of the low pass; 0 = without"),
    PARAM_REAL(struct bspm_params, low_pass, "0.1", 0, 1e3, "",
               AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG, "weight of the low pass beside the graph"),
    PARAM_REAL(struct bspm_params, time, "0.5", 0, 10, "", AKIN_PARAM_TUNE,
               "how long it is sharpened"),
    PARAM_INT(struct bspm_params, steps, "1", 1, STEPS_MAX, "", 0, "steps of the solver"),
    PARAM_CHOICE(struct bspm_params, solver, "euler", "euler|rk4", 0,
                 "how a step is made: by one product, or by four"),
    PARAM_CHOICE(struct bspm_params, merge, "early", "early|late", 0,
                 "whether the low pass is sharpened too"),
};

/*
 * (1 + Σ_t out[t]·P^(t+1)) = (Σ_j (-h·P)^j / j!)^steps, h = time / steps, up to j = 1 or 4. Returns
 * the degree.
 */
static int sharpening(const struct bspm_params *p, double out[SHARPEN_MAX])
{
    int order = p->solver == EULER ? 1 : 4, degree = 0;
    double h = p->time / (double)p->steps, term[5] = {1}, whole[SHARPEN_MAX + 1] = {1};
    for (int j = 1; j <= order; j++)
        term[j] = term[j - 1] * -h / j;
    for (int64_t s = 0; s < p->steps; s++) {
        double next[SHARPEN_MAX + 1] = {0};
        for (int a = 0; a <= degree; a++)
            for (int b = 0; b <= order; b++)
                next[a + b] += whole[a] * term[b];
        degree += order;
        memcpy(whole, next, sizeof next);
    }
    memcpy(out, whole + 1, (size_t)degree * sizeof *out);
    return degree;
}

/* coef = P·(1 + sharpening); returns the sharpening in float. */
static int bspm_shape(const struct model *m, struct filter *f, float sharpen[SHARPEN_MAX])
{
    double s[SHARPEN_MAX];
    int n = sharpening(m->params, s);
    f->ctx = m->ctx;
    f->n_items = m->items.n;
    f->degree = 1 + n;
    f->coef[0] = 1.0F;
    for (int t = 0; t < n; t++)
        f->coef[t + 1] = sharpen[t] = (float)s[t];
    return n;
}

static akin_status bspm_fit(struct model *m, const struct train_view *tv,
                            const struct fit_control *ctl, akin_error *err)
{
    (void)ctl;
    akin_status status = AKIN_OK;
    struct filter *f = m->self;
    const struct bspm_params *p = m->params;
    float sharpen[SHARPEN_MAX];
    int n = bspm_shape(m, f, sharpen);
    AKIN_TRY(graph_build(tv, &p->graph, 1, &f->graph, err));
    const struct low_pass low = {.k = p->factors,
                                 .weight = p->low_pass,
                                 .user = .5,
                                 .item = .5,
                                 .sharpen = sharpen,
                                 .n_sharpen = p->merge == 0 ? n : 0};
    AKIN_TRY(filter_low_pass(f, &low, tv->seed, err));
done:
    return status;
}

static akin_status bspm_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    return filter_save(m->self, w, err);
}

static akin_status bspm_load(struct model *m, struct container *c, akin_error *err)
{
    const struct bspm_params *p = m->params;
    float sharpen[SHARPEN_MAX];
    bspm_shape(m, m->self, sharpen);
    return filter_load(m, c, &p->graph, 1, m->self, err);
}

static void bspm_destroy(struct model *m)
{
    filter_free(m, m->self);
}

static void bspm_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                          double *bytes, double *flops)
{
    const struct bspm_params *p = params;
    double degree = (double)p->steps * (p->solver == EULER ? 1 : 4);
    graph_estimate(p->factors, n_users, n_items, nnz, bytes, flops);
    *bytes += 64.0 * (2.0 * (double)n_items + (double)n_users);
    *flops += 4.0 * degree * (double)p->factors * (double)nnz;
}

const struct model_class model_bspm = {
    .name = "bspm",
    .summary = "blurring and sharpening: gfcf's filter, sharpened along the item graph",
    .flags = MODEL_CLOSED_FORM,
    .params = bspm_rows,
    .n_params = PARAM_COUNT(bspm_rows),
    .params_size = sizeof(struct bspm_params),
    .self_size = sizeof(struct filter),
    .fit = bspm_fit,
    .scorer = {.score = filter_score, .explain = filter_explain, .similar = filter_similar},
    .save = bspm_save,
    .load = bspm_load,
    .destroy = bspm_destroy,
    .estimate = bspm_estimate,
};
