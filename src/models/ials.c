/*
 * ials: implicit alternating least squares.
 *
 * Hu, Koren, Volinsky 2008, doi:10.1109/ICDM.2008.22; regularisation and start of Rendle, Krichene,
 * Zhang, Koren 2022, "Revisiting the Performance of iALS", doi:10.1145/3523227.3548486; block
 * solver of iALS++, arXiv:2110.14044. Over users u, items i, positives S with weights w > 0:
 *
 *   L = Σ_S w (1 - x̂_ui)² + unobserved_weight · Σ_all x̂_ui²
 *     + reg · [Σ_u (n_u + unobserved_weight · items)^reg_exponent ‖p_u‖²
 *            + Σ_i (n_i + unobserved_weight · users)^reg_exponent ‖q_i‖²],   x̂_ui = p_u · q_i
 *
 * With biases x̂_ui = p_u · q_i + b_u + b_i, each bias regularised like its row.
 *
 * Each half-step turns the fixed side into the eigenbasis of its Gram matrix, where the part that
 * all rows share is diagonal (solve/rows.h). The last half-step is an exact one on users, so that
 * fold_in of a user's training history gives the trained row bit for bit.
 * Cost: an epoch per side: n·k² (Gram, turn), 9 k³ (eigen), and a row (cg_steps + 1)·2nk or, exact,
 * min(n²k/2, nk²/2) + ...;
 * fold-in: one row. Not here: side features, explicit ratings, non-negative factors.
 */
#include "models/ials.h"

#include "kern/math.h"
#include "models/model_impl.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const akin_param ials_rows[] = {
    PARAM_INT(struct ials_params, factors, "64", 1, 4096, "", AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,
              "length of the user and item vectors"),
    PARAM_INT(struct ials_params, epochs, "16", 1, 1000, "", 0,
              "passes over items and users; the most, if tol or early stopping ends it"),
    PARAM_REAL(struct ials_params, reg, "0.005", 1e-9, 1e6, "",
               AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG, "strength of the L2 regularisation"),
    PARAM_REAL(struct ials_params, reg_exponent, "1", 0, 2, "", AKIN_PARAM_TUNE,
               "power of a row's frequency in its regularisation; 0 = the same for all rows"),
    PARAM_REAL(struct ials_params, unobserved_weight, "0.02", 1e-9, 1e3, "",
               AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,
               "weight of predicting 0 for every pair, beside weight 1 of a positive"),
    PARAM_REAL(struct ials_params, stddev, "0.1", 1e-6, 1e3, "", 0,
               "standard deviation of the random start, before division by sqrt(factors)"),
    PARAM_CHOICE(struct ials_params, solver, "cg", "cholesky|block|cg", 0,
                 "a row's half-step: exact, a pass of block coordinate descent (iALS++), or "
                 "conjugate gradients"),
    PARAM_INT(struct ials_params, block, "64", 8, 512, "", 0,
              "coordinates that the block solver solves together"),
    PARAM_INT(struct ials_params, cg_steps, "3", 1, 100, "", 0,
              "steps of conjugate gradients a half-step"),
    PARAM_BOOL(struct ials_params, biases, "false", 0, "learn a bias of each user and item"),
    PARAM_REAL(struct ials_params, tol, "0", 0, 1, "", 0,
               "stop when the loss falls by less than this share in an epoch; 0 = never"),
    PARAM_BOOL(struct ials_params, log_loss, "false", 0, "compute the loss after each epoch"),
};

float ials_lambda(const struct ials_params *p, int64_t n, int64_t others)
{
    double frequency = (double)n + p->unobserved_weight * (double)others;
    if (p->reg_exponent == 1.0)
        return (float)(p->reg * frequency);
    return (float)(p->reg * kern_pow(frequency, p->reg_exponent));
}

static void ials_vectors(const void *self, struct item_vectors *out)
{
    const struct ials *s = self;
    *out = (struct item_vectors){s->items, s->bias, (int32_t)s->k};
}

/* The asker's positives as a row; arrays in scratch. Items the model does not know are left out. */
static akin_status ials_row(const struct ials *s, const struct query *q, struct arena *scratch,
                            struct row_data *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t *item = arena_alloc(scratch, q->hist.n, sizeof *item, err);
    float *weight = arena_alloc(scratch, q->hist.n, sizeof *weight, err);
    if (!item || !weight)
        return AKIN_E_MEMORY;
    int32_t n = history_fold(&q->hist, item, weight);
    /* the fold sorts as unsigned numbers: below 0 comes last */
    while (n > 0 && (item[n - 1] < 0 || item[n - 1] >= s->n_items))
        n--;
    *out = (struct row_data){n, item, weight, ials_lambda(s->params, n, s->n_items)};
    return status;
}

static akin_status ials_fold_in(const void *self, const struct query *q, float *state,
                                struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct ials *s = self;
    struct row_system sys = ials_system(s);
    struct row_data row;
    if (q->is_trained && q->user >= 0 && q->user < s->n_users) {
        memcpy(state, s->users + q->user * s->k, (size_t)s->k * sizeof *state);
        goto done;
    }
    AKIN_TRY(ials_row(s, q, scratch, &row, err));
    float *room = arena_alloc(scratch, row_scratch(s->k, row.n), sizeof *room, err);
    if (!room) {
        status = AKIN_E_MEMORY;
        goto done;
    }
    AKIN_TRY(row_solve(s->ctx, &sys, &row, state, room, err));
done:
    return status;
}

/*
 * The score is linear in the asker's own items (Hu et al. §5): item i adds
 * w_i (1 - b_i) z_iᵀ A⁻¹ z_j. Without biases the reasons sum to the score.
 */
static akin_status ials_explain(const void *self, const struct query *q, int32_t item,
                                struct reason *out, int32_t max, int32_t *n, struct arena *scratch,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct ials *s = self;
    struct row_system sys = ials_system(s);
    struct row_data row;
    *n = 0;
    AKIN_TRY(ials_row(s, q, scratch, &row, err));
    int64_t k = s->k;
    float *v = arena_alloc(scratch, k, sizeof *v, err);
    float *room = arena_alloc(scratch, row_scratch(k, row.n), sizeof *room, err);
    if (!v || !room) {
        status = AKIN_E_MEMORY;
        goto done;
    }
    AKIN_TRY(row_apply(s->ctx, &sys, &row, s->items + item * k, v, room, err));
    for (int32_t i = 0; i < row.n; i++) {
        int32_t own = row.item[i];
        float target = s->bias ? 1.0f - s->bias[own] : 1.0f;
        float add = row.weight[i] * target * s->ctx->kern->dot(s->items + own * k, v, k);
        reason_push(out, max, n, own, add);
    }
done:
    return status;
}

static akin_status ials_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct ials *s = m->self;
    int64_t row = s->k * (int64_t)sizeof(float);
    AKIN_TRY(container_add(w, "m.users", CONTAINER_REQUIRED, s->users, s->n_users * row, err));
    AKIN_TRY(container_add(w, "m.items", CONTAINER_REQUIRED, s->items, s->n_items * row, err));
    AKIN_TRY(container_add(w, "m.base", CONTAINER_REQUIRED, s->base, row, err));
    if (s->bias) {
        AKIN_TRY(container_add(w, "m.bias", CONTAINER_REQUIRED, s->bias,
                               s->n_items * (int64_t)sizeof(float), err));
        AKIN_TRY(container_add(w, "m.shift", CONTAINER_REQUIRED, s->shift, row, err));
        AKIN_TRY(container_add(w, "m.basis", CONTAINER_REQUIRED, s->basis, s->k * row, err));
    }
done:
    return status;
}

static akin_status ials_load(struct model *m, struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct ials *s = m->self;
    s->ctx = m->ctx;
    s->params = m->params;
    s->k = ials_width(s->params);
    s->n_users = m->users.n;
    s->n_items = m->items.n;
    s->is_mapped = true;
    AKIN_TRY(model_load_floats(s->ctx, c, "m.users", s->n_users * s->k, &s->users, err));
    AKIN_TRY(model_load_floats(s->ctx, c, "m.items", s->n_items * s->k, &s->items, err));
    AKIN_TRY(model_load_floats(s->ctx, c, "m.base", s->k, &s->base, err));
    for (int64_t t = 0; t < s->k; t++)
        if (s->base[t] < 0.0f)
            AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.base: value %" PRId64 " is %g (must be >= 0)",
                      container_path(c), t, (double)s->base[t]);
    if (s->params->biases) {
        AKIN_TRY(model_load_floats(s->ctx, c, "m.bias", s->n_items, &s->bias, err));
        AKIN_TRY(model_load_floats(s->ctx, c, "m.shift", s->k, &s->shift, err));
        AKIN_TRY(model_load_floats(s->ctx, c, "m.basis", s->k * s->k, &s->basis, err));
    }
done:
    return status;
}

static void ials_destroy(struct model *m)
{
    struct ials *s = m->self;
    if (s->is_mapped)
        return;
    model_free_array(m->ctx, s->users);
    model_free_array(m->ctx, s->items);
    model_free_array(m->ctx, s->base);
    model_free_array(m->ctx, s->bias);
    model_free_array(m->ctx, s->shift);
    model_free_array(m->ctx, s->basis);
}

static double row_flops(double n, double k)
{
    return n < 0.875 * k ? n * n * k + n * n * n / 3 + 6 * n * k : n * k * k + k * k * k / 3;
}

static void ials_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                          double *bytes, double *flops)
{
    const struct ials_params *p = params;
    double k = (double)ials_width(p);
    double users = (double)n_users, items = (double)n_items, n = (double)nnz;
    double per_user = users > 0 ? n / users : 0, per_item = items > 0 ? n / items : 0;
    double triangle = k * k * 4; /* of a Gram matrix in double; gram_rows keeps 64 or fewer */
    double leaves = 64 * triangle;
    if (leaves > 67108864.0)
        leaves = 2 * triangle > 67108864.0 ? 2 * triangle : 67108864.0;
    /* factors and blocks; leaves or the eigenproblem; two workers' scratch */
    *bytes = (users + items) * (4 * k + 8) + leaves + 100 * k * k;
    *flops = (double)p->epochs * ((users + items) * 3 * k * k + 18 * k * k * k +
                                  users * row_flops(per_user, k) + items * row_flops(per_item, k));
}

const struct model_class model_ials = {
    .name = "ials",
    .summary = "implicit alternating least squares: matrix factorization of positives",
    .flags = MODEL_EPOCHS | MODEL_CLOSED_FORM,
    .params = ials_rows,
    .n_params = PARAM_COUNT(ials_rows),
    .params_size = sizeof(struct ials_params),
    .self_size = sizeof(struct ials),
    .fit = ials_fit,
    .scorer = {.vectors = ials_vectors, .fold_in = ials_fold_in, .explain = ials_explain},
    .save = ials_save,
    .load = ials_load,
    .destroy = ials_destroy,
    .estimate = ials_estimate,
};
