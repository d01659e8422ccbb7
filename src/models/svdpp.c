/*
 * svdpp: SVD++, ratings by factors of what was rated how, and of what was rated at all.
 *
 * Koren 2008, doi:10.1145/1401890.1401944. Over the ratings S, last value of each pair, N(u) the
 * items that u rated:
 *
 *   L = Σ_S [(r_ui - x̂_ui)² + reg·(‖p_u‖² + b_u² + b_i²) + reg_items·σ²‖q_i‖²
 *            + reg_implicit · Σ_{j in N(u)} ‖y_j‖² + reg_flipped · Σ_{v in R(i)} ‖z_v‖²
 *            + noise²·σ² · [q_i, 1]ᵀ A_u⁻¹ [q_i, 1]],
 *   x̂_ui = μ + b_u + b_i + q_i · (p_u + |N(u)|^-½ Σ_{j in N(u)} y_j),   σ the ratings' deviation
 *
 * where q_i = own part + |R(i)|^-½ Σ_{v in R(i)} z_v, R(i) who rated i (svdpp_flipped.c), and A_u
 * is the matrix of u's row: what is not known of a user counts (svdpp_spread.c).
 *
 * Koren steps along each rating. Here users are solved, not stepped: given the items, p_u and b_u
 * are one exact row of least squares (solve/rows.h), so that a stranger's fold-in is what a trained
 * user has, bit for bit; q, b and y step against users that are always at their optimum (variable
 * projection; Golub and Pereyra 1973, doi:10.1137/0710036), which takes fewer passes. Blocks of
 * `batch` users are solved in parallel against items as they stand, then every item that they rated
 * takes one step along the sum of its gradients, users in order: no sum depends on threads.
 *
 * Cost: an epoch 13nk + row (nk²/2 or n²k/2) + 3nk²/2 + k³/2 multiply-adds a user of n ratings;
 * fold-in: one user's row.
 * Not here: neighbourhood terms (Koren's integrated model), time, several processes.
 */
#include "models/svdpp.h"

#include "models/model_impl.h"

#include <math.h>
#include <string.h>

static const akin_param svdpp_rows[] = {
    PARAM_INT(struct svdpp_params, factors, "20", 1, 1024, "",
              AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG, "length of the user and item vectors"),
    PARAM_INT(struct svdpp_params, epochs, "12", 1, 1000, "", AKIN_PARAM_TUNE,
              "passes over the ratings"),
    PARAM_REAL(struct svdpp_params, learning_rate, "0.014", 1e-6, 1, "",
               AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG, "size of the steps, for each rating"),
    PARAM_REAL(struct svdpp_params, reg, "0.07", 1e-9, 1e3, "",
               AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,
               "strength of the L2 regularisation of user vectors and biases"),
    PARAM_REAL(struct svdpp_params, reg_items, "0.01", 0, 1e3, "",
               AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG, "the same of item vectors"),
    PARAM_REAL(struct svdpp_params, reg_implicit, "0.005", 0, 1e3, "",
               AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,
               "the same for what was rated at all, for each rating of each user"),
    PARAM_BOOL(struct svdpp_params, flipped, "true", AKIN_PARAM_TUNE,
               "learn from who rated an item, whatever the ratings"),
    PARAM_REAL(struct svdpp_params, reg_flipped, "0.003", 0, 1e3, "",
               AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,
               "regularisation of who rated, for each rating of each item"),
    PARAM_REAL(struct svdpp_params, noise, "0.7", 0, 10, "", AKIN_PARAM_TUNE,
               "deviation of a rating from what is expected, as a share of the ratings' own: how "
               "unsure users are; 0 = not at all"),
    PARAM_REAL(struct svdpp_params, decay, "0.85", 0.1, 1, "", 0,
               "the learning rate is multiplied by this after each epoch"),
    PARAM_INT(struct svdpp_params, batch, "128", 1, 65536, "users", 0,
              "users between two steps of the items; never taken from the threads"),
    PARAM_REAL(struct svdpp_params, stddev, "0.03", 1e-6, 1e3, "", 0,
               "standard deviation of the items' random start"),
};

akin_status svdpp_solve(const struct svdpp *s, struct svdpp_asker *a, float *room, akin_error *err)
{
    const struct kern *kern = s->f.ctx->kern;
    int64_t k = s->f.k, factors = s->f.factors;
    struct row_system sys = rated_system(&s->f);
    struct row_data row = {a->n, a->item, NULL, svdpp_lambda(s->params, a->n), a->target};
    memset(a->sum, 0, (size_t)k * sizeof *a->sum);
    memset(a->x, 0, (size_t)k * sizeof *a->x);
    for (int32_t i = 0; i < a->n_known; i++)
        kern->axpy(1.0f, s->implicit + a->known[i] * factors, a->sum, factors);
    if (a->n_known > 0)
        kern->scale(1.0f / sqrtf((float)a->n_known), a->sum, factors);
    if (a->n == 0)
        return AKIN_OK;
    for (int32_t i = 0; i < a->n; i++)
        a->target[i] -=
            s->f.item_bias[a->item[i]] + kern->dot(s->f.items + a->item[i] * k, a->sum, factors);
    sys.offset = NULL; /* taken off already */
    return row_solve(s->f.ctx, &sys, &row, a->x, room, err);
}

static void svdpp_vectors(const void *self, struct item_vectors *out)
{
    rated_vectors(&((const struct svdpp *)self)->f, out);
}

/* The asker solved, all arrays in scratch. */
static akin_status asker(const struct svdpp *s, const struct query *q, struct arena *scratch,
                         struct svdpp_asker *a, float **room, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t k = s->f.k;
    struct rated_asker r;
    AKIN_TRY(rated_fold(&s->f, &q->hist, scratch, &r, err));
    float *sum = arena_alloc(scratch, 2 * k, sizeof *sum, err);
    *room = sum ? arena_alloc(scratch, row_scratch_max(k, r.n) + k, sizeof **room, err) : NULL;
    if (!*room)
        AKIN_TRY(AKIN_E_MEMORY);
    *a = (struct svdpp_asker){r.n, r.n_known, r.item, r.known, r.target, sum, sum + k};
    AKIN_TRY(svdpp_solve(s, a, *room, err));
done:
    return status;
}

static akin_status svdpp_fold_in(const void *self, const struct query *q, float *state,
                                 struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct svdpp *s = self;
    struct svdpp_asker a;
    float *room;
    if (q->is_trained && q->user >= 0 && q->user < s->f.n_users) {
        rated_user_state(&s->f, q->user, state);
        goto done;
    }
    AKIN_TRY(asker(s, q, scratch, &a, &room, err));
    for (int64_t t = 0; t < s->f.k; t++)
        state[t] = a.x[t] + a.sum[t];
    rated_state(&s->f, state);
done:
    return status;
}

/*
 * What item j adds: its rating, as far as the others leave it open, through the row that was
 * solved; and that it was rated at all, |N|^-½ y_j · q_i. They sum to the score less μ + b_i.
 */
static akin_status svdpp_explain(const void *self, const struct query *q, int32_t item,
                                 struct reason *out, int32_t max, int32_t *n, struct arena *scratch,
                                 akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct svdpp *s = self;
    const struct kern *kern = s->f.ctx->kern;
    int64_t k = s->f.k;
    struct row_system sys = rated_system(&s->f);
    struct svdpp_asker a;
    float *room;
    const float *z = s->f.items + item * k;
    *n = 0;
    AKIN_TRY(asker(s, q, scratch, &a, &room, err));
    if (a.n_known == 0)
        goto done;
    struct row_data row = {a.n, a.item, NULL, svdpp_lambda(s->params, a.n), a.target};
    if (a.n > 0)
        AKIN_TRY(row_apply(s->f.ctx, &sys, &row, z, a.x, room, err));
    float root = 1.0f / sqrtf((float)a.n_known);
    for (int32_t j = 0, rated = 0; j < a.n_known; j++) {
        int64_t own = a.known[j];
        float add = root * kern->dot(s->implicit + own * s->f.factors, z, s->f.factors);
        if (rated < a.n && a.item[rated] == own)
            add += a.target[rated++] * kern->dot(s->f.items + own * k, a.x, k);
        *n = reason_put(out, max, *n, a.known[j], add);
    }
done:
    return status;
}

static akin_status svdpp_similar(const void *self, int32_t item, struct evidence *out,
                                 struct arena *scratch, akin_error *err)
{
    (void)scratch;
    (void)err;
    rated_similar(&((const struct svdpp *)self)->f, item, out);
    return AKIN_OK;
}

static uint32_t svdpp_flags(const struct model *m)
{
    (void)m;
    return SCORER_RATES;
}

static akin_status svdpp_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct svdpp *s = m->self;
    AKIN_TRY(rated_save(&s->f, w, err));
    AKIN_TRY(container_add(w, "m.implicit", CONTAINER_REQUIRED, s->implicit,
                           s->f.n_items * s->f.factors * (int64_t)sizeof *s->implicit, err));
done:
    return status;
}

static akin_status svdpp_load(struct model *m, struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct svdpp *s = m->self;
    s->params = m->params;
    s->f.ctx = m->ctx;
    s->f.factors = s->params->factors;
    s->f.k = s->f.factors + 1;
    AKIN_TRY(rated_load(m, c, true, &s->f, err));
    AKIN_TRY(
        model_load_floats(m->ctx, c, "m.implicit", s->f.n_items * s->f.factors, &s->implicit, err));
done:
    return status;
}

static void svdpp_destroy(struct model *m)
{
    struct svdpp *s = m->self;
    rated_free(&s->f);
    if (!s->f.is_mapped)
        model_free_array(m->ctx, s->implicit);
}

static void svdpp_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                           double *bytes, double *flops)
{
    const struct svdpp_params *p = params;
    double k = (double)p->factors + 1, users = (double)n_users, items = (double)n_items;
    double n = (double)nnz, each = users > 0 ? n / users : 0;
    double solve =
        each < 0.875 * k ? each * each * k + each * each * each / 3 : each * k * k + k * k * k / 3;
    double wide = (double)p->factors, batches = users / (double)p->batch;
    double rated = n / (batches > 1 ? batches : 1); /* ratings of a batch */
    /* factors and biases; ratings both ways, places and segments; two workers' scratch */
    *bytes = users * (4 * k + 12) + items * (8 * k + 20) + 36 * n + 48 * k * k +
             (double)p->batch * 4 * k;
    if (p->noise > 0)
        *bytes += 4 * rated * wide;
    if (p->flipped)
        *bytes += 8 * wide * (users + items);
    double work = 12 * n * k + users * solve;
    work += p->noise > 0 ? 3 * n * k * k + users * k * k * k : 0;
    *flops = ((double)p->epochs + 1) * (work + (p->flipped ? 6 * n * k : 0));
}

const struct model_class model_svdpp = {
    .name = "svdpp",
    .summary = "ratings by SVD++: factors of what was rated how, and of what was rated at all",
    .flags = MODEL_EPOCHS | MODEL_CLOSED_FORM | MODEL_WANTS_VALUES,
    .params = svdpp_rows,
    .n_params = PARAM_COUNT(svdpp_rows),
    .params_size = sizeof(struct svdpp_params),
    .self_size = sizeof(struct svdpp),
    .fit = svdpp_fit,
    .scorer = {.vectors = svdpp_vectors,
               .fold_in = svdpp_fold_in,
               .explain = svdpp_explain,
               .similar = svdpp_similar},
    .scorer_flags = svdpp_flags,
    .save = svdpp_save,
    .load = svdpp_load,
    .destroy = svdpp_destroy,
    .estimate = svdpp_estimate,
};
