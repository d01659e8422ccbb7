/*
 * svd: biased matrix factorization of ratings (Funk 2006; Koren, Bell, Volinsky 2009,
 * doi:10.1109/MC.2009.263). Over the ratings r of users u and items i:
 *
 *   L = Σ (r - r̂_ui)² + reg·(b_u² + b_i² + ‖p_u‖² + ‖q_i‖²),   r̂_ui = μ + b_u + b_i + p_u · q_i
 *
 * by stochastic gradient descent over a grid of stripes (solve/grid.h). The last step solves each
 * user's row exactly on the items as they are, least squares with reg·n: so does fold-in, so that a
 * stranger with a user's history gets that user's row bit for bit.
 *
 * Cost: an epoch n steps of 6·factors multiply-adds; the last step and fold-in one row problem
 * (solve/rows.h). Not here: implicit feedback beside the ratings (SVD++), drift over time.
 */
#include "core/par.h"
#include "models/factors.h"
#include "models/model_impl.h"
#include "solve/rows.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { SOLVE_USERS = 64 };

struct svd_params {
    int64_t factors;
    int64_t epochs;
    double learning_rate;
    double decay;
    double reg;
    double stddev;
    int64_t grid;
};

static const akin_param svd_rows[] = {
    PARAM_INT(struct svd_params, factors, "40", 1, 4096, "", AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,
              "length of the user and item vectors"),
    PARAM_INT(struct svd_params, epochs, "20", 1, 10000, "", 0,
              "passes over the ratings; the most, if early stopping ends it"),
    PARAM_REAL(struct svd_params, learning_rate, "0.02", 1e-6, 10, "",
               AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG, "size of a step in the first epoch"),
    PARAM_REAL(struct svd_params, decay, "0.9", 0.1, 1, "", AKIN_PARAM_TUNE,
               "the learning rate is multiplied by it after each epoch"),
    PARAM_REAL(struct svd_params, reg, "0.05", 1e-6, 100, "", AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,
               "strength of the L2 regularisation, a rating"),
    PARAM_REAL(struct svd_params, stddev, "0.1", 1e-6, 100, "", 0,
               "standard deviation of the random start"),
    PARAM_INT(struct svd_params, grid, "0", 0, GRID_MAX, "stripes", 0,
              "stripes of users and of items; as many threads can work; 0 = by the ratings"),
};

/*
 * Rows: item [q, 1, b_i], user [p, b_u, 1], their product is r̂ - μ. An asker's state is a user row
 * with μ + b_u.
 */
struct svd {
    const struct svd_params *params;
    struct factors f;
    double mean; /* μ */
};

static int64_t svd_width(const struct svd_params *p)
{
    return p->factors + 2;
}

/* ---- One row ------------------------------------------------------------------------------- */

/* Items ascending, and what their ratings are above μ; arrays in scratch. */
struct svd_ratings {
    int32_t n;
    const int32_t *item;
    const float *above;
};

/* The least-squares problem of a user's row over [q, 1]; arrays in scratch. */
struct svd_problem {
    struct row_system sys;
    struct row_data row;
    float *room; /* for one solution */
};

static akin_status problem_set(const struct svd *s, const struct svd_ratings *r,
                               struct arena *scratch, struct svd_problem *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t width = s->params->factors + 1;
    float *Z = arena_alloc(scratch, r->n * width, sizeof *Z, err);
    float *offset = Z ? arena_alloc(scratch, r->n, sizeof *offset, err) : NULL;
    float *base = offset ? arena_alloc(scratch, width, sizeof *base, err) : NULL;
    int32_t *place = base ? arena_alloc(scratch, r->n, sizeof *place, err) : NULL;
    float *room = place ? arena_alloc(scratch, row_scratch(width, r->n), sizeof *room, err) : NULL;
    if (!room)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t j = 0; j < r->n; j++) {
        const float *q = s->f.items + r->item[j] * s->f.k;
        memcpy(Z + j * width, q, (size_t)width * sizeof *Z);
        offset[j] = 1.0f - (r->above[j] - q[width]); /* row problems aim at 1 - offset */
        place[j] = j;
    }
    *out = (struct svd_problem){.sys = {s->f.ctx->kern, width, Z, offset, base, NULL},
                                .row = {r->n, place, NULL, (float)(s->params->reg * (double)r->n)},
                                .room = room};
done:
    return status;
}

/* row (k) = the exact user row. */
static akin_status svd_solve(const struct svd *s, const struct svd_ratings *r, float *row,
                             struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct svd_problem problem;
    memset(row, 0, (size_t)s->f.k * sizeof *row);
    row[s->params->factors + 1] = 1.0f;
    if (r->n == 0)
        goto done;
    AKIN_TRY(problem_set(s, r, scratch, &problem, err));
    AKIN_TRY(row_solve(s->f.ctx, &problem.sys, &problem.row, row, problem.room, err));
done:
    return status;
}

/* Those that the model knows, of an asker. */
static akin_status svd_history(const struct svd *s, const struct query *q, struct arena *scratch,
                               struct svd_ratings *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t *item = arena_alloc(scratch, q->hist.n, sizeof *item, err);
    float *above = item ? arena_alloc(scratch, q->hist.n, sizeof *above, err) : NULL;
    if (!above)
        AKIN_TRY(AKIN_E_MEMORY);
    int32_t n = history_fold_values(&q->hist, item, above);
    /* the fold sorts as unsigned numbers: below 0 comes last */
    while (n > 0 && (item[n - 1] < 0 || item[n - 1] >= s->f.n_items))
        n--;
    for (int32_t j = 0; j < n; j++)
        above[j] = (float)((double)above[j] - s->mean);
    /* without values the asker says nothing of a rating */
    *out = (struct svd_ratings){q->hist.value ? n : 0, item, above};
done:
    return status;
}

/* ---- Fit ----------------------------------------------------------------------------------- */

struct finish_job {
    const struct svd *s;
    const struct csr *above;
};

static akin_status finish_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct finish_job *job = arg;
    const struct svd *s = job->s;
    const struct csr *m = job->above;
    struct arena scratch;
    (void)worker;
    arena_init(&scratch, s->f.ctx);
    for (int64_t u = par_lo(block, SOLVE_USERS); u < par_hi(block, SOLVE_USERS, m->n_rows); u++) {
        int64_t lo = m->ptr[u];
        struct svd_ratings r = {(int32_t)(m->ptr[u + 1] - lo), m->col + lo, m->val + lo};
        AKIN_TRY(svd_solve(s, &r, s->f.users + u * s->f.k, &scratch, err));
        arena_reset_keep(&scratch);
    }
done:
    arena_free(&scratch);
    return status;
}

/* Random vectors, zero biases; rows without ratings stay at zero. */
static akin_status svd_begin(struct svd *s, const struct ratings *r, const struct train_view *tv,
                             const struct fit_control *ctl, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct svd_params *p = s->params;
    struct factors *f = &s->f;
    const struct factors_start start = {
        .seed = tv->seed, .width = p->factors, .stddev = p->stddev, .least = -DBL_MAX};
    AKIN_TRY(factors_begin(f, &start, err));
    for (int64_t u = 0; u < f->n_users; u++) {
        if (r->values.ptr[u] == r->values.ptr[u + 1])
            memset(f->users + u * f->k, 0, (size_t)p->factors * sizeof *f->users);
        f->users[u * f->k + p->factors + 1] = 1.0f;
    }
    for (int64_t i = 0; i < f->n_items; i++) {
        if (r->item_n[i] == 0)
            memset(f->items + i * f->k, 0, (size_t)p->factors * sizeof *f->items);
        f->items[i * f->k + p->factors] = 1.0f;
    }
    if (ctl->warm) {
        const struct svd *old = ctl->warm->self;
        if (old->params->factors != p->factors)
            AKIN_FAIL(AKIN_E_ARG, "svd: factors=%" PRId64 ", but the earlier model has %" PRId64,
                      p->factors, old->params->factors);
        AKIN_TRY(factors_warm(f, &old->f, ctl, "svd", err));
    }
done:
    return status;
}

static akin_status svd_fit(struct model *m, const struct train_view *tv,
                           const struct fit_control *ctl, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct svd *s = m->self;
    const struct svd_params *p = m->params;
    struct ratings r = {0};
    s->params = p;
    AKIN_TRY(ratings_init(m, tv, &r, err));
    s->mean = r.mean;
    AKIN_TRY(factors_alloc(m, svd_width(p), &s->f, err));
    AKIN_TRY(svd_begin(s, &r, tv, ctl, err));
    for (int64_t e = 0; e < csr_nnz(&r.values); e++)
        r.values.val[e] = (float)((double)r.values.val[e] - s->mean);
    struct sgd sgd = {.m = m,
                      .ctl = ctl,
                      .f = &s->f,
                      .epochs = p->epochs,
                      .learning_rate = p->learning_rate,
                      .decay = p->decay,
                      .reg = p->reg,
                      .learns_p = p->factors + 1,
                      .learns_q = p->factors + 2,
                      .skips_q = p->factors};
    AKIN_TRY(sgd_ratings(&sgd, &r.values, p->grid, tv->seed, err));
    struct finish_job job = {s, &r.values};
    AKIN_TRY(par_for(m->ctx, par_blocks(s->f.n_users, SOLVE_USERS), finish_block, &job, err));
done:
    ratings_free(m->ctx, &r);
    return status;
}

/* ---- The asker ----------------------------------------------------------------------------- */

static akin_status svd_fold_in(const void *self, const struct query *q, float *state,
                               struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct svd *s = self;
    struct svd_ratings r;
    if (q->is_trained && q->user >= 0 && q->user < s->f.n_users) {
        memcpy(state, s->f.users + q->user * s->f.k, (size_t)s->f.k * sizeof *state);
    } else {
        AKIN_TRY(svd_history(s, q, scratch, &r, err));
        AKIN_TRY(svd_solve(s, &r, state, scratch, err));
    }
    state[s->params->factors] = (float)(s->mean + (double)state[s->params->factors]);
done:
    return status;
}

static akin_status svd_score(const void *self, const struct query *queries, int32_t n_queries,
                             const struct item_set *set, float *out, int64_t ldo,
                             struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct svd *s = self;
    float *states = arena_alloc(scratch, n_queries * s->f.k, sizeof *states, err);
    if (!states)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t j = 0; j < n_queries; j++)
        AKIN_TRY(svd_fold_in(s, &queries[j], states + j * s->f.k, scratch, err));
    AKIN_TRY(factors_score(&s->f, states, n_queries, set, out, ldo, scratch, err));
done:
    return status;
}

/*
 * p and b_u are linear in what the asker's ratings are above μ + b_j: item j adds
 * (r_j - μ - b_j) z_jᵀ A⁻¹ z_i, z = [q, 1]; the reasons sum to b_u + p · q_i.
 */
static akin_status svd_explain(const void *self, const struct query *q, int32_t item,
                               struct reason *out, int32_t max, int32_t *n, struct arena *scratch,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct svd *s = self;
    struct svd_ratings r;
    struct svd_problem problem;
    *n = 0;
    AKIN_TRY(svd_history(s, q, scratch, &r, err));
    if (r.n == 0)
        goto done;
    AKIN_TRY(problem_set(s, &r, scratch, &problem, err));
    int64_t width = problem.sys.k;
    float *v = arena_alloc(scratch, width, sizeof *v, err);
    if (!v)
        AKIN_TRY(AKIN_E_MEMORY);
    AKIN_TRY(row_apply(s->f.ctx, &problem.sys, &problem.row, s->f.items + item * s->f.k, v,
                       problem.room, err));
    for (int32_t j = 0; j < r.n; j++) {
        float target = 1.0f - problem.sys.offset[j];
        float add = target * s->f.ctx->kern->dot(problem.sys.Z + j * width, v, width);
        reason_push(out, max, n, (struct reason){r.item[j], add});
    }
done:
    return status;
}

static akin_status svd_similar(const void *self, int32_t item, struct evidence *out,
                               struct arena *scratch, akin_error *err)
{
    const struct svd *s = self;
    (void)scratch;
    (void)err;
    factors_similar(&s->f, s->params->factors, item, out);
    return AKIN_OK;
}

static uint32_t svd_flags(const struct model *m)
{
    (void)m;
    return SCORER_RATES;
}

/* ---- Files --------------------------------------------------------------------------------- */

static akin_status svd_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct svd *s = m->self;
    AKIN_TRY(factors_save(&s->f, w, err));
    AKIN_TRY(container_add(w, "m.mean", CONTAINER_REQUIRED, &s->mean, sizeof s->mean, err));
done:
    return status;
}

static akin_status svd_load(struct model *m, struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct svd *s = m->self;
    s->params = m->params;
    AKIN_TRY(factors_load(m, c, svd_width(s->params), &s->f, err));
    AKIN_TRY(factors_load_mean(c, &s->mean, err));
done:
    return status;
}

static void svd_destroy(struct model *m)
{
    struct svd *s = m->self;
    factors_free(&s->f);
}

static void svd_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                         double *bytes, double *flops)
{
    const struct svd_params *p = params;
    double k = (double)factors_width(svd_width(p)), n = (double)nnz;
    /* tables, the ratings by user and by block, what a grid knows of rows */
    *bytes = ((double)n_users + (double)n_items) * (4 * k + 14) + 20 * n;
    *flops = (double)p->epochs * n * 14 * k + n * k * k + (double)n_users * k * k * k / 3;
}

const struct model_class model_svd = {
    .name = "svd",
    .summary = "biased matrix factorization of ratings by stochastic gradient descent",
    .flags = MODEL_EPOCHS | MODEL_CLOSED_FORM | MODEL_WANTS_VALUES,
    .params = svd_rows,
    .n_params = PARAM_COUNT(svd_rows),
    .params_size = sizeof(struct svd_params),
    .self_size = sizeof(struct svd),
    .fit = svd_fit,
    .scorer = {.score = svd_score, .explain = svd_explain, .similar = svd_similar},
    .scorer_flags = svd_flags,
    .save = svd_save,
    .load = svd_load,
    .destroy = svd_destroy,
    .estimate = svd_estimate,
};
