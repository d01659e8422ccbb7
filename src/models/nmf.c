/*
 * nmf: non-negative matrix factorization of ratings. Over the ratings r of users u and items i:
 *
 *   L = Σ ((r - r̂_ui)/σ)² + reg·(‖p_u‖² + ‖q_i‖²),   r̂_ui = shift + σ·p_u · q_i,   p, q >= 0
 *
 * shift is the least rating if that is negative, else 0, σ the standard deviation of the ratings.
 * Only the ratings that exist are fitted, by projected stochastic gradient descent over a grid of
 * stripes (solve/grid.h; Lin 2007, doi:10.1162/neco.2007.19.10.2756, on projected gradients; Takács
 * et al. 2009, JMLR 10:623-656, on their stochastic form): a few times fewer epochs than the
 * multiplicative updates of Lee and Seung 1999 (doi:10.1038/44565), which never leave a zero. The
 * last step solves each user's row exactly on the items, by coordinate descent on the non-negative
 * normal equations; so does fold-in, bit for bit.
 *
 * Cost: an epoch n steps of 6·factors multiply-adds; a row n·k²/2 and k² a pass of coordinates.
 * Not here: biases (svd has them), zeros as observations, divergences other than squares.
 */
#include "models/rating_sgd.h"

#include <math.h>
#include <string.h>

enum { PASSES = 200 };

static const akin_param nmf_rows[] = {
    PARAM_INT(struct rating_params, factors, "32", 1, 4096, "",
              AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG, "length of the user and item vectors"),
    PARAM_INT(struct rating_params, epochs, "30", 1, 10000, "", 0,
              "passes over the ratings; the most, if early stopping ends it"),
    PARAM_REAL(struct rating_params, learning_rate, "0.03", 1e-6, 10, "",
               AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG, "size of a step in the first epoch"),
    PARAM_REAL(struct rating_params, decay, "0.95", 0.1, 1, "", AKIN_PARAM_TUNE,
               "the learning rate is multiplied by it after each epoch"),
    PARAM_REAL(struct rating_params, reg, "0.1", 1e-6, 100, "",
               AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,
               "strength of the L2 regularisation, a rating"),
    PARAM_REAL(struct rating_params, stddev, "0.3", 1e-6, 100, "", 0,
               "standard deviation of the random start, as a share of its mean"),
    PARAM_INT(struct rating_params, grid, "0", 0, GRID_MAX, "stripes", 0,
              "stripes of users and of items; as many threads can work; 0 = by the ratings"),
};

/* What a coordinate is where nothing is known: two such rows predict the mean. */
static double typical_of(const struct rating *s)
{
    double mean = (s->mean - s->offset) / s->scale;
    return mean > 0.0 ? sqrt(mean / (double)s->params->factors) : 0.0;
}

/* ---- One row: item [q, 1], user [p, 0] ----------------------------------------------------- */

/*
 * A (k, k) and gradient g (k) = b - A·x of the normal equations, x = row: coordinates in turn to
 * their best value, until none moves by more than a millionth of the largest.
 */
static akin_status coordinate_descent(const struct rating *s, int64_t k, const float *A, float *g,
                                      float *x, akin_error *err)
{
    akin_status status = AKIN_OK;
    for (int pass = 0; pass < PASSES; pass++) {
        float moved = 0.0f, largest = 0.0f;
        AKIN_TRY(ctx_check(s->f.ctx, err));
        for (int64_t t = 0; t < k; t++) {
            float best = fmaf(g[t], 1.0f / A[t * k + t], x[t]);
            float move = (best > 0.0f ? best : 0.0f) - x[t];
            x[t] += move;
            moved = fabsf(move) > moved ? fabsf(move) : moved;
            largest = x[t] > largest ? x[t] : largest;
            if (move < 0.0f || move > 0.0f)
                s->f.ctx->kern->axpy(-move, A + t * k, g, k);
        }
        if (moved <= 1e-6f * largest)
            break;
    }
done:
    return status;
}

/* row (k) = the exact user row; from typical values, so that it depends on nothing else. */
static akin_status nmf_solve(const struct rating *s, const struct rating_row *r, float *row,
                             struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct kern *kern = s->f.ctx->kern;
    int64_t k = s->params->factors;
    float typical = (float)typical_of(s);
    float *A = arena_alloc(scratch, k * k, sizeof *A, err);
    float *g = A ? arena_alloc(scratch, k, sizeof *g, err) : NULL;
    if (!g)
        AKIN_TRY(AKIN_E_MEMORY);
    memset(row, 0, (size_t)s->f.k * sizeof *row);
    for (int64_t t = 0; t < k; t++)
        row[t] = typical;
    if (r->n == 0)
        goto done;
    float lambda = (float)(s->params->reg * (double)r->n);
    for (int64_t t = 0; t < k; t++)
        g[t] = -lambda * typical;
    kern->syrk(k, r->n, s->f.items, s->f.k, r->item, NULL, A, k);
    kern->residual(k, r->n, s->f.items, s->f.k, r->item, NULL, r->above, row, g);
    for (int64_t i = 0; i < k; i++) {
        A[i * k + i] += lambda;
        for (int64_t j = 0; j < i; j++)
            A[j * k + i] = A[i * k + j];
    }
    AKIN_TRY(coordinate_descent(s, k, A, g, row, err));
done:
    return status;
}

/* ---- Fit ----------------------------------------------------------------------------------- */

/* Random rows about the typical one, which those without ratings have. */
static akin_status nmf_begin(struct rating *s, const struct csr *above, const int32_t *item_n,
                             uint64_t seed, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct factors *f = &s->f;
    int64_t k = s->params->factors;
    double typical = typical_of(s);
    const struct factors_start start = {
        .seed = seed, .width = k, .base = typical, .stddev = typical * s->params->stddev};
    (void)above;
    AKIN_TRY(factors_begin(f, &start, err));
    for (int64_t i = 0; i < f->n_items; i++)
        for (int64_t t = 0; item_n[i] == 0 && t < k; t++)
            f->items[i * f->k + t] = (float)typical;
done:
    return status;
}

static const struct rating_kind nmf_kind = {
    .extra = 1, .is_non_negative = true, .begin = nmf_begin, .solve = nmf_solve};

static akin_status nmf_fit(struct model *m, const struct train_view *tv,
                           const struct fit_control *ctl, akin_error *err)
{
    return rating_fit(m, &nmf_kind, tv, ctl, err);
}

static akin_status nmf_load(struct model *m, struct container *c, akin_error *err)
{
    return rating_load(m, &nmf_kind, c, err);
}

const struct model_class model_nmf = {
    .name = "nmf",
    .summary = "non-negative matrix factorization of ratings",
    .flags = MODEL_EPOCHS | MODEL_CLOSED_FORM | MODEL_WANTS_VALUES,
    .params = nmf_rows,
    .n_params = PARAM_COUNT(nmf_rows),
    .params_size = sizeof(struct rating_params),
    .self_size = sizeof(struct rating),
    .fit = nmf_fit,
    .scorer = {.score = rating_score, .similar = rating_similar},
    .scorer_flags = rating_flags,
    .save = rating_save,
    .load = nmf_load,
    .destroy = rating_destroy,
    .estimate = rating_estimate,
};
