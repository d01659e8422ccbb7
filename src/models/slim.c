/*
 * slim: sparse linear methods (Ning and Karypis 2011, doi:10.1109/ICDM.2011.134).
 *
 *   w_j = argmin ½ ‖D^½ (x_j - X w)‖² + l1·‖w‖₁ + l2/2·‖w‖²,  w_jj = 0,  w >= 0 unless `negative`
 *
 * for each item j, X (users, items) the weights of positives, D = (items of the user)^-damping.
 * score(j) = Σ_i x_i w_ij over the asker's items.
 *
 * Cost: the Gram matrix XᵀDX, whose rows are kept (4 to 8 bytes a pair that meets), then one
 * coordinate descent an item (slim_descent.c); the model has 8 bytes a weight. Folding in is that
 * sum. Not done: side information (SSLIM), clusters of users (GLSLIM).
 */
#include "models/linear.h"
#include "models/model_impl.h"
#include "models/slim_descent.h"

struct slim_params {
    double l1;
    double l2;
    int64_t negative;
    double damping;
    int64_t weighting;
    int64_t keep;
    double tol;
    int64_t rounds;
};

static const akin_param slim_rows[] = {
    PARAM_REAL(struct slim_params, l1, "0.1", 0, 1e9, "", AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,
               "strength of the L1 regularisation: the larger, the fewer weights"),
    PARAM_REAL(struct slim_params, l2, "10", 1e-6, 1e9, "", AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,
               "strength of the L2 regularisation"),
    PARAM_BOOL(struct slim_params, negative, "false", 0,
               "items may also speak against others; several times the work"),
    PARAM_REAL(struct slim_params, damping, "0.5", 0, 4, "", AKIN_PARAM_TUNE,
               "users count by (items of the user)^-damping, so that the active ones weigh less"),
    PARAM_CHOICE(struct slim_params, weighting, "weight", LINEAR_WEIGHTING, 0,
                 "weights of events as they are, or 1 for each item"),
    PARAM_INT(struct slim_params, keep, "200", 1, 100000, "items", 0,
              "largest weights kept of each item"),
    PARAM_REAL(struct slim_params, tol, "0.01", 1e-7, 0.1, "", 0,
               "how far from the optimum a descent may end, as a share of the largest gradient"),
    PARAM_INT(struct slim_params, rounds, "200", 1, 10000, "", 0, "most working sets of an item"),
};

struct slim {
    const struct model *owner;
    struct neighbors nb;
};

static const struct slim_params *params_of(const struct slim *self)
{
    return self->owner->params;
}

static akin_status slim_fit(struct model *m, const struct train_view *tv,
                            const struct fit_control *ctl, akin_error *err)
{
    (void)ctl;
    akin_status status = AKIN_OK;
    struct slim *self = m->self;
    const struct slim_params *p = m->params;
    const struct slim_spec spec = {
        p->l1,
        p->l2,
        p->tol,
        p->rounds,
        p->negative != 0,
        (int32_t)(p->keep < m->items.n || m->items.n == 0 ? p->keep : m->items.n)};
    struct cooc_rows G = {0};
    struct csr by_target = {0}, rows = {0};
    float *user_weight = NULL;
    int64_t unfinished;
    struct cooc g;
    self->owner = m;
    AKIN_TRY(
        linear_gram(tv, (enum linear_weighting)p->weighting, p->damping, &g, &user_weight, err));
    AKIN_TRY(cooc_rows_create(m->ctx, &g, false, INT64_MAX, &G, err));
    progress_begin(m->ctx, "slim", m->items.n);
    status = slim_descend(m->ctx, &G, &spec, &by_target, &unfinished, err);
    progress_end(m->ctx);
    AKIN_TRY(status);
    if (unfinished > 0)
        log_write(m->ctx, AKIN_LOG_WARN,
                  "slim: %lld of %d items ended after %lld rounds, before tol=%g (raise rounds or "
                  "tol, or regularise more)",
                  (long long)unfinished, m->items.n, (long long)p->rounds, p->tol);
    cooc_rows_free(m->ctx, &G);
    AKIN_TRY(csr_transpose(m->ctx, &by_target, &rows, err));
    neighbors_take(&rows, &self->nb);
done:
    cooc_rows_free(m->ctx, &G);
    csr_free(m->ctx, &by_target);
    csr_free(m->ctx, &rows);
    mem_free(m->ctx, user_weight);
    return status;
}

/* ---- The asker ----------------------------------------------------------------------------- */

static akin_status fold(const struct slim *self, const struct query *q, struct arena *scratch,
                        struct folded *out, akin_error *err)
{
    return linear_fold(q, (int32_t)self->nb.rows.n_rows,
                       (enum linear_weighting)params_of(self)->weighting, scratch, out, err);
}

static akin_status slim_evidence(const void *state, const struct query *q, struct evidence *out,
                                 struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct slim *self = state;
    struct folded h;
    AKIN_TRY(fold(self, q, scratch, &h, err));
    neighbors_score(&self->nb, &h, out);
done:
    return status;
}

static akin_status slim_explain(const void *state, const struct query *q, int32_t item,
                                struct reason *out, int32_t max, int32_t *n, struct arena *scratch,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct slim *self = state;
    struct folded h;
    *n = 0;
    AKIN_TRY(fold(self, q, scratch, &h, err));
    *n = neighbors_explain(&self->nb, &h, item, 1, out, max);
done:
    return status;
}

static akin_status slim_similar(const void *state, int32_t item, struct evidence *out,
                                struct arena *scratch, akin_error *err)
{
    (void)scratch;
    (void)err;
    const struct slim *self = state;
    neighbors_add(&self->nb, item, 1.0F, out);
    return AKIN_OK;
}

/* ---- Files --------------------------------------------------------------------------------- */

static akin_status slim_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    const struct slim *self = m->self;
    return neighbors_save(w, &self->nb, err);
}

static akin_status slim_load(struct model *m, struct container *c, akin_error *err)
{
    struct slim *self = m->self;
    self->owner = m;
    if (params_of(self)->negative)
        return neighbors_load_signed(c, m->items.n, &self->nb, err);
    return neighbors_load(c, m->items.n, &self->nb, err);
}

static void slim_destroy(struct model *m)
{
    struct slim *self = m->self;
    neighbors_free(m, &self->nb);
}

static void slim_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                          double *bytes, double *flops)
{
    const struct slim_params *p = params;
    double n = (double)n_items;
    double keep = (double)(p->keep < n_items ? p->keep : n_items);
    struct linear_cost gram = linear_cost(n_users, n_items, nnz);
    *bytes = gram.bytes + slim_descend_bytes(n, keep, 2) + 8 * n * keep;
    /* three working sets of keep weights, a row of G for each */
    *flops = 2 * gram.flops + 20 * n * keep * keep + 6 * keep * gram.pairs;
}

const struct model_class model_slim = {
    .name = "slim",
    .summary = "sparse linear methods: one elastic net an item over what it is seen with",
    .flags = MODEL_CLOSED_FORM,
    .params = slim_rows,
    .n_params = PARAM_COUNT(slim_rows),
    .params_size = sizeof(struct slim_params),
    .self_size = sizeof(struct slim),
    .fit = slim_fit,
    .scorer = {.evidence = slim_evidence, .explain = slim_explain, .similar = slim_similar},
    .save = slim_save,
    .load = slim_load,
    .destroy = slim_destroy,
    .estimate = slim_estimate,
};
