/*
 * als: ratings by alternating least squares.
 *
 * Zhou, Wilkinson, Schreiber, Pan 2008, doi:10.1007/978-3-540-68880-8_32 (ALS-WR); biases as in
 * Koren, Bell, Volinsky 2009, doi:10.1109/MC.2009.263. Over the ratings S, last value of each pair:
 *
 *   L = Σ_S (r_ui - x̂_ui)² + reg · [Σ_u n_u^reg_exponent (‖p_u‖² + b_u²)
 *                                 + Σ_i n_i^reg_exponent (σ²‖q_i‖² + b_i²)],
 *   x̂_ui = μ + b_u + b_i + p_u · q_i,   σ the ratings' deviation;   without biases p_u · q_i, σ = 1
 *
 * reg_exponent 1 is the weighting of the paper, 0 the plain one. With nonnegative p, q >= 0.
 *
 * Each half-step solves every row of a side exactly (solve/rows.h), so that L never rises. The last
 * one is on users: fold_in of a user's training history gives the trained row bit for bit.
 * Cost: an epoch per side and row min(n²k/2 + n³/6, nk²/2 + k³/6) + 3nk multiply-adds, non-negative
 * nk²/2 + k² a round of descent; fold-in: one row. Not here: implicit feedback (ials), side
 * features, weights of single ratings.
 */
#include "models/als.h"

#include "kern/math.h"

#include <string.h>

static const akin_param als_rows[] = {
    PARAM_INT(struct als_params, factors, "32", 1, 4096, "", AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,
              "length of the user and item vectors"),
    PARAM_INT(struct als_params, epochs, "15", 1, 1000, "", 0,
              "passes over items and users; the most, if tol or early stopping ends it"),
    PARAM_REAL(struct als_params, reg, "0.1", 1e-9, 1e6, "", AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,
               "strength of the L2 regularisation"),
    PARAM_REAL(struct als_params, reg_exponent, "1", 0, 2, "", 0,
               "power of a row's number of ratings in its regularisation; 1 = weighted (ALS-WR), 0 "
               "= plain"),
    PARAM_BOOL(struct als_params, biases, "true", 0,
               "a mean of all ratings, and a bias of each user and item"),
    PARAM_BOOL(struct als_params, nonnegative, "false", 0, "factors of users and items >= 0"),
    PARAM_REAL(struct als_params, stddev, "0.1", 1e-6, 1e3, "", 0,
               "standard deviation of the random start, before division by sqrt(factors)"),
    PARAM_REAL(struct als_params, tol, "0", 0, 1, "", 0,
               "stop when the loss falls by less than this share in an epoch; 0 = never"),
};

static const struct model_alias spark_names[] = {
    {"rank", "factors"}, {"maxIter", "epochs"}, {"regParam", "reg"}, {NULL, NULL}};

float als_lambda(const struct als_params *p, int64_t n)
{
    if (p->reg_exponent == 1.0)
        return (float)(p->reg * (double)n);
    return (float)(p->reg * kern_pow((double)n, p->reg_exponent));
}

int64_t als_scratch(const struct als_params *p, int64_t longest)
{
    int64_t k = als_width(p);
    return p->nonnegative ? row_nonneg_scratch(k) : row_scratch_max(k, longest);
}

akin_status als_row(akin_ctx *ctx, const struct als_params *p, const struct row_system *sys,
                    const struct row_data *row, float *x, float *scratch, akin_error *err)
{
    if (row->n == 0) {
        memset(x, 0, (size_t)sys->k * sizeof *x);
        return AKIN_OK;
    }
    if (p->nonnegative)
        return row_solve_nonneg(ctx, sys, row, p->factors, x, scratch, err);
    return row_solve(ctx, sys, row, x, scratch, err);
}

static void als_vectors(const void *self, struct item_vectors *out)
{
    rated_vectors(&((const struct als *)self)->f, out);
}

/* The asker as a row, and what solves it; arrays in scratch. */
static akin_status asker(const struct als *s, const struct query *q, struct arena *scratch,
                         struct row_data *row, float **room, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct rated_asker a;
    AKIN_TRY(rated_fold(&s->f, &q->hist, scratch, &a, err));
    *row = (struct row_data){a.n, a.item, NULL, als_lambda(s->params, a.n), a.target};
    *room = arena_alloc(scratch, als_scratch(s->params, a.n) + s->f.k, sizeof **room, err);
    if (!*room)
        status = AKIN_E_MEMORY;
done:
    return status;
}

static akin_status als_fold_in(const void *self, const struct query *q, float *state,
                               struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct als *s = self;
    struct row_system sys = rated_system(&s->f);
    struct row_data row;
    float *room;
    if (q->is_trained && q->user >= 0 && q->user < s->f.n_users) {
        rated_user_state(&s->f, q->user, state);
        goto done;
    }
    AKIN_TRY(asker(s, q, scratch, &row, &room, err));
    AKIN_TRY(als_row(s->f.ctx, s->params, &sys, &row, state, room, err));
    rated_state(&s->f, state);
done:
    return status;
}

/*
 * The score less μ + b_i is linear in the asker's ratings: item j adds (r_j - μ - b_j)·z_jᵀA⁻¹z_i,
 * A over the factors that are not held at 0.
 */
static akin_status als_explain(const void *self, const struct query *q, int32_t item,
                               struct reason *out, int32_t max, int32_t *n, struct arena *scratch,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct als *s = self;
    akin_ctx *ctx = s->f.ctx;
    struct row_system sys = rated_system(&s->f);
    struct row_data row;
    int64_t k = s->f.k;
    float *room, *v;
    const float *z = s->f.items + item * k;
    *n = 0;
    AKIN_TRY(asker(s, q, scratch, &row, &room, err));
    v = arena_alloc(scratch, 2 * k, sizeof *v, err);
    if (!v)
        AKIN_TRY(AKIN_E_MEMORY);
    if (row.n == 0)
        goto done;
    if (s->params->nonnegative) {
        AKIN_TRY(als_row(ctx, s->params, &sys, &row, v + k, room, err));
        AKIN_TRY(row_apply_support(ctx, &sys, &row, v + k, z, v, room, err));
    } else {
        AKIN_TRY(row_apply(ctx, &sys, &row, z, v, room, err));
    }
    rated_reasons(&s->f, &row, v, out, max, n);
done:
    return status;
}

static akin_status als_similar(const void *self, int32_t item, struct evidence *out,
                               struct arena *scratch, akin_error *err)
{
    (void)scratch;
    (void)err;
    rated_similar(&((const struct als *)self)->f, item, out);
    return AKIN_OK;
}

static uint32_t als_flags(const struct model *m)
{
    (void)m;
    return SCORER_RATES;
}

static akin_status als_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    return rated_save(&((const struct als *)m->self)->f, w, err);
}

static akin_status als_load(struct model *m, struct container *c, akin_error *err)
{
    struct als *s = m->self;
    s->params = m->params;
    s->f.ctx = m->ctx;
    s->f.factors = s->params->factors;
    s->f.k = als_width(s->params);
    return rated_load(m, c, s->params->biases != 0, &s->f, err);
}

static void als_destroy(struct model *m)
{
    rated_free(&((struct als *)m->self)->f);
}

static double row_flops(const struct als_params *p, double n, double k)
{
    if (!p->nonnegative && n < 0.875 * k)
        return n * n * k + n * n * n / 3 + 6 * n * k;
    return n * k * k + (p->nonnegative ? 60 * k * k : k * k * k / 3);
}

static void als_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                         double *bytes, double *flops)
{
    const struct als_params *p = params;
    double k = (double)als_width(p);
    double users = (double)n_users, items = (double)n_items, n = (double)nnz;
    /* factors, biases and blocks; the ratings both ways; two workers' scratch */
    *bytes = (users + items) * (4 * k + 12) + 16 * n + 8 * (users + items) + 48 * k * k;
    *flops = (double)p->epochs * (users * row_flops(p, users > 0 ? n / users : 0, k) +
                                  items * row_flops(p, items > 0 ? n / items : 0, k));
}

const struct model_class model_als = {
    .name = "als",
    .summary = "ratings by alternating least squares: matrix factorization of values",
    .flags = MODEL_EPOCHS | MODEL_CLOSED_FORM | MODEL_WANTS_VALUES,
    .params = als_rows,
    .n_params = PARAM_COUNT(als_rows),
    .params_size = sizeof(struct als_params),
    .aliases = spark_names,
    .self_size = sizeof(struct als),
    .fit = als_fit,
    .scorer = {.vectors = als_vectors,
               .fold_in = als_fold_in,
               .explain = als_explain,
               .similar = als_similar},
    .scorer_flags = als_flags,
    .save = als_save,
    .load = als_load,
    .destroy = als_destroy,
    .estimate = als_estimate,
};
