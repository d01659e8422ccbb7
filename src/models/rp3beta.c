/*
 * p3alpha and rp3beta: walks of three steps over the graph of users and items, from the asker to
 * an item of hers, to a user of it, to an item of that user.
 *
 * p3alpha: Cooper, Lee, Radinsky and Wang 2014, doi:10.1145/2567948.2579244; rp3beta, which brings
 * popular ends down: Paudel, Christoffel, Newell and Bernstein 2017, doi:10.1145/2955101.
 *
 * x_ui: weight of user u on item i (1 if binary), D a row's sum of them, n(i) users of i.
 *   score(i) = Σ over the asker's items j of (x_j / D)^α · W(j → i)
 *   W(j → i) = Σ over users v of both of (x_vj / D_j)^α · (x_vi / D_v)^α, divided by n(i)^β
 * W without the walks back to j, its K best of each row kept. p3alpha is rp3beta with β = 0; with
 * α = 1 the scores are the probabilities of the walk's end.
 *
 * Cost: fit Σ over users of (items of the user)²; 8 bytes a kept pair; a request adds up K numbers
 * an item of the history, known to the fit or not. Not done: walks of five steps and more, which
 * Cooper et al. found worse; walks drawn at random, as W is exact.
 */
#include "kern/math.h"
#include "models/model_impl.h"
#include "models/neighbors.h"
#include "solve/cooc.h"

struct rp3beta_params {
    int64_t neighbors;
    int64_t keep;
    double alpha;
    double beta; /* 0 where the table has no row for it */
    int64_t weighting;
};

enum { KEEP_HISTORY, KEEP_TARGET };

#define ROW_NEIGHBORS(def)                                                                         \
    PARAM_INT(struct rp3beta_params, neighbors, def, 1, 100000, "items",                           \
              AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG, "ends of walks kept of each item")
#define ROW_KEEP                                                                                   \
    PARAM_CHOICE(struct rp3beta_params, keep, "history", "history|target", 0,                      \
                 "whose best are kept: of each item of a history, or of each target")
#define ROW_ALPHA(def)                                                                             \
    PARAM_REAL(struct rp3beta_params, alpha, def, 0, 2, "", AKIN_PARAM_TUNE,                       \
               "probabilities of steps are raised to it: above 1 the likely ones weigh more")
#define ROW_WEIGHTING                                                                              \
    PARAM_CHOICE(struct rp3beta_params, weighting, "weight", "weight|binary", 0,                   \
                 "steps by the weights of events, or all alike")

static const akin_param p3alpha_rows[] = {ROW_NEIGHBORS("200"), ROW_KEEP, ROW_ALPHA("1"),
                                          ROW_WEIGHTING};

static const akin_param rp3beta_rows[] = {
    ROW_NEIGHBORS("200"),
    ROW_KEEP,
    ROW_ALPHA("0.6"),
    PARAM_REAL(struct rp3beta_params, beta, "0.3", 0, 2, "", AKIN_PARAM_TUNE,
               "scores are divided by (users of the item)^beta"),
    ROW_WEIGHTING,
};

struct walks {
    const struct model *owner;
    struct neighbors nb; /* W */
};

static const struct rp3beta_params *params_of(const struct model *m)
{
    return m->params;
}

/* ---- Fit ----------------------------------------------------------------------------------- */

struct fit {
    akin_ctx *ctx;
    const struct rp3beta_params *p;
    bool is_binary;              /* all weights count as 1 */
    struct csr by_user, by_item; /* ptr and col borrowed; val too, or one of the next */
    float *user_val, *item_val;  /* (nnz) owned: x^α */
    float *user_weight;          /* (n_users) owned: D^-α */
    float *start, *end;          /* (n_items) owned: D^-α, n^-β */
};

static bool is_level(const struct csr *x)
{
    int64_t nnz = csr_nnz(x);
    for (int64_t e = 1; x->val && e < nnz; e++)
        if (x->val[e] < x->val[0] || x->val[e] > x->val[0])
            return false;
    return true;
}

/* out (rows) = (sum of the row)^-α. */
static akin_status row_factors(const struct fit *f, const struct csr *x, float *out,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(ctx_check(f->ctx, err));
    for (int64_t r = 0; r < x->n_rows; r++) {
        double sum = 0;
        for (int64_t e = x->ptr[r]; e < x->ptr[r + 1]; e++)
            sum += f->is_binary ? 1.0 : (double)x->val[e];
        out[r] = sum > 0 ? (float)kern_pow(sum, -f->p->alpha) : 0.0F;
    }
done:
    return status;
}

/* x->val becomes owned: the same to the power of α. */
static akin_status raise_values(const struct fit *f, struct csr *x, float **owned, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t nnz = csr_nnz(x);
    AKIN_TRY(ctx_check(f->ctx, err));
    MEM_NEW(f->ctx, *owned, nnz);
    for (int64_t e = 0; e < nnz; e++)
        (*owned)[e] = (float)kern_pow((double)x->val[e], f->p->alpha);
    x->val = *owned;
done:
    return status;
}

static akin_status fit_prepare(struct fit *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n_items = f->by_item.n_rows;
    f->is_binary = f->p->weighting != 0 || is_level(&f->by_user);
    MEM_NEW(f->ctx, f->user_weight, f->by_user.n_rows);
    MEM_NEW(f->ctx, f->start, n_items);
    MEM_NEW(f->ctx, f->end, n_items);
    AKIN_TRY(row_factors(f, &f->by_user, f->user_weight, err));
    AKIN_TRY(row_factors(f, &f->by_item, f->start, err));
    for (int64_t i = 0; i < n_items; i++) {
        double n = (double)(f->by_item.ptr[i + 1] - f->by_item.ptr[i]);
        f->end[i] = n > 0 ? (float)kern_pow(n, -f->p->beta) : 0.0F;
    }
    if (!f->is_binary && (f->p->alpha < 1 || f->p->alpha > 1)) {
        AKIN_TRY(raise_values(f, &f->by_user, &f->user_val, err));
        AKIN_TRY(raise_values(f, &f->by_item, &f->item_val, err));
    }
done:
    return status;
}

static void measure(const void *arg, const struct cooc_row *row, float *out)
{
    const struct fit *f = arg;
    if (f->p->keep == KEEP_TARGET) /* the row's item is where walks end */
        cooc_scale(row, f->end[row->item], f->start, out);
    else
        cooc_scale(row, f->start[row->item], f->end, out);
}

static akin_status walks_fit(struct model *m, const struct train_view *tv,
                             const struct fit_control *ctl, akin_error *err)
{
    (void)ctl;
    akin_status status = AKIN_OK;
    struct walks *self = m->self;
    struct fit f = {
        .ctx = m->ctx, .p = params_of(m), .by_user = tv->by_user, .by_item = tv->by_item};
    struct csr rows = {0}, turned = {0};
    self->owner = m;
    AKIN_TRY(fit_prepare(&f, err));
    const struct cooc g = {COOC_SUM, &f.by_user, &f.by_item, f.user_weight, f.is_binary};
    AKIN_TRY(cooc_top(m->ctx, &g, (int32_t)f.p->neighbors, measure, &f, &rows, err));
    if (f.p->keep == KEEP_TARGET)
        AKIN_TRY(csr_transpose(m->ctx, &rows, &turned, err));
    neighbors_take(f.p->keep == KEEP_TARGET ? &turned : &rows, &self->nb);
done:
    csr_free(m->ctx, &rows);
    mem_free(m->ctx, f.user_val);
    mem_free(m->ctx, f.item_val);
    mem_free(m->ctx, f.user_weight);
    mem_free(m->ctx, f.start);
    mem_free(m->ctx, f.end);
    return status;
}

/* ---- The asker ----------------------------------------------------------------------------- */

/* Weights become (x / D)^α, the chances of the first step. */
static akin_status fold(const struct walks *self, const struct query *q, struct arena *scratch,
                        struct folded *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct rp3beta_params *p = params_of(self->owner);
    double sum = 0;
    AKIN_TRY(folded_make(&q->hist, self->owner->items.n, false, scratch, out, err));
    for (int32_t j = 0; j < out->n; j++)
        sum += p->weighting != 0 ? 1.0 : (double)out->x[j];
    for (int32_t j = 0; j < out->n; j++)
        out->x[j] = (float)kern_pow((p->weighting != 0 ? 1.0 : (double)out->x[j]) / sum, p->alpha);
done:
    return status;
}

static akin_status walks_evidence(const void *state, const struct query *q, struct evidence *out,
                                  struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct walks *self = state;
    struct folded h;
    AKIN_TRY(fold(self, q, scratch, &h, err));
    neighbors_score(&self->nb, &h, out);
done:
    return status;
}

static akin_status walks_explain(const void *state, const struct query *q, int32_t item,
                                 struct reason *out, int32_t max, int32_t *n, struct arena *scratch,
                                 akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct walks *self = state;
    struct folded h;
    *n = 0;
    AKIN_TRY(fold(self, q, scratch, &h, err));
    *n = neighbors_explain(&self->nb, &h, item, 1, out, max);
done:
    return status;
}

static akin_status walks_similar(const void *state, int32_t item, struct evidence *out,
                                 struct arena *scratch, akin_error *err)
{
    (void)scratch;
    (void)err;
    const struct walks *self = state;
    neighbors_add(&self->nb, item, 1.0F, out);
    return AKIN_OK;
}

/* ---- Files --------------------------------------------------------------------------------- */

static akin_status walks_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    const struct walks *self = m->self;
    return neighbors_save(w, &self->nb, err);
}

static akin_status walks_load(struct model *m, struct container *c, akin_error *err)
{
    struct walks *self = m->self;
    self->owner = m;
    return neighbors_load(c, m->items.n, &self->nb, err);
}

static void walks_destroy(struct model *m)
{
    struct walks *self = m->self;
    neighbors_free(m, &self->nb);
}

static void walks_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                           double *bytes, double *flops)
{
    const struct rp3beta_params *p = params;
    double pairs = (double)n_items * (double)(p->neighbors < n_items ? p->neighbors : n_items);
    double deg = n_users > 0 ? (double)nnz / (double)n_users : 0;
    *bytes = 8 * pairs * (p->keep == KEEP_TARGET ? 2 : 1) + 192.0 * (double)n_items +
             4.0 * (double)n_users;
    /* active users make most of the work: about five times the square of the mean */
    *flops = 5 * deg * (double)nnz + 4 * pairs;
}

#define WALKS_CLASS(NAME, SUMMARY)                                                                 \
    {                                                                                              \
        .name = #NAME, .summary = (SUMMARY), .flags = MODEL_CLOSED_FORM, .params = NAME##_rows,    \
        .n_params = PARAM_COUNT(NAME##_rows), .params_size = sizeof(struct rp3beta_params),        \
        .self_size = sizeof(struct walks), .fit = walks_fit,                                       \
        .scorer = {.evidence = walks_evidence,                                                     \
                   .explain = walks_explain,                                                       \
                   .similar = walks_similar},                                                      \
        .save = walks_save, .load = walks_load, .destroy = walks_destroy,                          \
        .estimate = walks_estimate                                                                 \
    }

const struct model_class model_p3alpha =
    WALKS_CLASS(p3alpha, "walks of three steps from the asker over users and items");
const struct model_class model_rp3beta =
    WALKS_CLASS(rp3beta, "walks of three steps from the asker, popular ends brought down");
