/*
 * svd: biased matrix factorization of ratings (Funk 2006; Koren, Bell, Volinsky 2009,
 * doi:10.1109/MC.2009.263). Over the ratings r of users u and items i:
 *
 *   L = Σ ((r - r̂_ui)/σ)² + reg·(b_u² + b_i² + ‖p_u‖² + ‖q_i‖²),
 *   r̂_ui = μ + σ·(b_u + b_i + p_u · q_i)
 *
 * with μ and σ, the mean and standard deviation of all ratings, by stochastic gradient descent over
 * a grid of stripes (solve/grid.h). The last step solves each user's row exactly on the items as
 * they are, least squares with reg·n: so does fold-in, so that a stranger with a user's history
 * gets that user's row bit for bit.
 *
 * Cost: an epoch n steps of 6·factors multiply-adds; the last step and fold-in one row problem
 * (solve/rows.h). Not here: implicit feedback beside the ratings (SVD++), drift over time.
 */
#include "models/model_impl.h"
#include "models/rating_sgd.h"
#include "solve/rows.h"

#include <float.h>
#include <string.h>

static const akin_param svd_rows[] = {
    PARAM_INT(struct rating_params, factors, "64", 1, 4096, "",
              AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG, "length of the user and item vectors"),
    PARAM_INT(struct rating_params, epochs, "20", 1, 10000, "", 0,
              "passes over the ratings; the most, if early stopping ends it"),
    PARAM_REAL(struct rating_params, learning_rate, "0.05", 1e-6, 10, "",
               AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG, "size of a step in the first epoch"),
    PARAM_REAL(struct rating_params, decay, "0.95", 0.1, 1, "", AKIN_PARAM_TUNE,
               "the learning rate is multiplied by it after each epoch"),
    PARAM_REAL(struct rating_params, reg, "0.08", 1e-6, 100, "",
               AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,
               "strength of the L2 regularisation, a rating"),
    PARAM_REAL(struct rating_params, stddev, "0.1", 1e-6, 100, "", 0,
               "standard deviation of the random start"),
    PARAM_INT(struct rating_params, grid, "0", 0, GRID_MAX, "stripes", 0,
              "stripes of users and of items; as many threads can work; 0 = by the ratings"),
};

/* ---- One row: item [q, 1, b_i], user [p, b_u, 1] ------------------------------------------- */

/* The least-squares problem of a user's row over [q, 1]; arrays in scratch. */
struct svd_problem {
    struct row_system sys;
    struct row_data row;
    float *room; /* for one solution */
};

static akin_status problem_set(const struct rating *s, const struct rating_row *r,
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
static akin_status svd_solve(const struct rating *s, const struct rating_row *r, float *row,
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

/* ---- Fit ----------------------------------------------------------------------------------- */

/* Random vectors, zero biases; rows without ratings stay at zero. */
static akin_status svd_begin(struct rating *s, const struct csr *above, const int32_t *item_n,
                             uint64_t seed, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct factors *f = &s->f;
    int64_t k = s->params->factors;
    const struct factors_start start = {
        .seed = seed, .width = k, .stddev = s->params->stddev, .least = -DBL_MAX};
    AKIN_TRY(factors_begin(f, &start, err));
    for (int64_t u = 0; u < f->n_users; u++) {
        if (above->ptr[u] == above->ptr[u + 1])
            memset(f->users + u * f->k, 0, (size_t)k * sizeof *f->users);
        f->users[u * f->k + k + 1] = 1.0f;
    }
    for (int64_t i = 0; i < f->n_items; i++)
        if (item_n[i] == 0)
            memset(f->items + i * f->k, 0, (size_t)k * sizeof *f->items);
done:
    return status;
}

static const struct rating_kind svd_kind = {
    .extra = 2, .learns_p = 1, .begin = svd_begin, .solve = svd_solve};

static akin_status svd_fit(struct model *m, const struct train_view *tv,
                           const struct fit_control *ctl, akin_error *err)
{
    return rating_fit(m, &svd_kind, tv, ctl, err);
}

/*
 * p and b_u are linear in what the asker's ratings are above μ + b_j: item j adds
 * σ·((r_j - μ)/σ - b_j) z_jᵀ A⁻¹ z_i, z = [q, 1]; the reasons sum to σ·(b_u + p · q_i).
 */
static akin_status svd_explain(const void *self, const struct query *q, int32_t item,
                               struct reason *out, int32_t max, int32_t *n, struct arena *scratch,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct rating *s = self;
    struct rating_row r;
    struct svd_problem problem;
    *n = 0;
    AKIN_TRY(rating_history(s, q, scratch, &r, err));
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
        float add =
            (float)s->scale * target * s->f.ctx->kern->dot(problem.sys.Z + j * width, v, width);
        *n = reason_put(out, max, *n, r.item[j], add);
    }
done:
    return status;
}

static akin_status svd_load(struct model *m, struct container *c, akin_error *err)
{
    return rating_load(m, &svd_kind, c, err);
}

const struct model_class model_svd = {
    .name = "svd",
    .summary = "biased matrix factorization of ratings by stochastic gradient descent",
    .flags = MODEL_EPOCHS | MODEL_CLOSED_FORM | MODEL_WANTS_VALUES,
    .params = svd_rows,
    .n_params = PARAM_COUNT(svd_rows),
    .params_size = sizeof(struct rating_params),
    .self_size = sizeof(struct rating),
    .fit = svd_fit,
    .scorer = {.score = rating_score, .explain = svd_explain, .similar = rating_similar},
    .scorer_flags = rating_flags,
    .save = rating_save,
    .load = svd_load,
    .destroy = rating_destroy,
    .estimate = rating_estimate,
};
