/*
 * itemknn: neighbours of the asker's own items (Sarwar et al. 2001, doi:10.1145/371920.372071;
 * Deshpande and Karypis 2004, doi:10.1145/963770.963776).
 *
 * ranking: score(i) = Σ over the asker's items j of w_j · s(j → i), w_j the folded weight of j.
 * rating:  r̂(i) = μ + b_u + b_i + Σ_j s(j → i)·(r_j - μ - b_u - b_j) / Σ_j |s(j → i)|,
 *          b_i = Σ(r - μ) / (n(i) + m), b_u = Σ_j(r_j - μ - b_j) / (n(u) + m), m = mean_damping.
 * s: see similarity.c. K neighbours are kept of each history item (what it speaks for), or
 * of each target item (who speaks for it).
 *
 * Cost: fit Σ over users of (items of the user)²; 8 bytes a kept pair; a request adds up K numbers
 * an item of the history. Folding in is that sum: askers unknown to the fit cost the same. Not
 * done: neighbours chosen anew for each asker (the K best among what she rated), time decay within
 * a history beyond the weights of its events.
 */
#include "models/model_impl.h"
#include "models/neighbors.h"
#include "models/ratings.h"
#include "models/similarity.h"

enum { RANKING, RATING };
enum { KEEP_HISTORY, KEEP_TARGET };

struct itemknn_params {
    int64_t similarity;
    int64_t neighbors;
    int64_t keep;
    double damping;
    double shrinkage;
    double alpha;
    double bm25_k1;
    double bm25_b;
    int64_t weighting;
    int64_t mode;
    double mean_damping;
};

static const akin_param itemknn_rows[] = {
    PARAM_CHOICE(struct itemknn_params, similarity, "asymmetric_cosine", SIM_CHOICES,
                 AKIN_PARAM_TUNE, "how near two items are"),
    PARAM_INT(struct itemknn_params, neighbors, "200", 1, 100000, "items",
              AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG, "neighbours kept of each item"),
    PARAM_CHOICE(struct itemknn_params, keep, "history", "history|target", 0,
                 "whose best neighbours are kept: of each item of a history, or of each target"),
    PARAM_REAL(struct itemknn_params, damping, "0.5", 0, 4, "", AKIN_PARAM_TUNE,
               "users count by (items of the user)^-damping, so that the active ones weigh less"),
    PARAM_REAL(struct itemknn_params, shrinkage, "0", 0, 1e6, "users", 0,
               "similarities are multiplied by n / (n + shrinkage), n = users of both items"),
    PARAM_REAL(struct itemknn_params, alpha, "0.7", 0, 1, "", AKIN_PARAM_TUNE,
               "asymmetric_cosine: share of the history item's norm; 0.5 is the cosine"),
    PARAM_REAL(struct itemknn_params, bm25_k1, "100", 0, 1e6, "", 0, "bm25: saturation of weights"),
    PARAM_REAL(struct itemknn_params, bm25_b, "0.8", 0, 1, "", 0,
               "bm25: how far popular items are brought down"),
    PARAM_CHOICE(struct itemknn_params, weighting, "weight", "weight|binary", 0,
                 "weights of events as they are, or 1 for each item"),
    PARAM_CHOICE(struct itemknn_params, mode, "ranking", "ranking|rating", 0,
                 "score by evidence, or predict ratings"),
    PARAM_REAL(struct itemknn_params, mean_damping, "10", 0, 1e6, "ratings", 0,
               "rating: damping of the means of items and users"),
};

struct itemknn {
    const struct model *owner;
    int32_t n_items;
    struct neighbors nb;
    struct baseline base; /* rating; its bias NULL = ranking */
};

static const struct itemknn_params *params_of(const struct model *m)
{
    return m->params;
}

/* ---- Fit ----------------------------------------------------------------------------------- */

static akin_status fit_base(struct model *m, const struct train_view *tv, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct itemknn *self = m->self;
    struct csr values = {0}, by_item = {0};
    AKIN_TRY(ratings_build(tv, "itemknn: mode=rating", "use mode=ranking", &values, &by_item, err));
    AKIN_TRY(baseline_fit(m->ctx, &values, &by_item, params_of(m)->mean_damping, &self->base, err));
done:
    csr_free(m->ctx, &values);
    csr_free(m->ctx, &by_item);
    return status;
}

/* Share of a row's norm: rows are of history items, or of targets. */
static double alpha_of(const struct itemknn_params *p)
{
    double alpha = p->similarity == SIM_ASYMMETRIC_COSINE ? p->alpha : .5;
    return p->keep == KEEP_HISTORY ? alpha : 1 - alpha;
}

static akin_status itemknn_fit(struct model *m, const struct train_view *tv,
                               const struct fit_control *ctl, akin_error *err)
{
    (void)ctl;
    akin_status status = AKIN_OK;
    struct itemknn *self = m->self;
    const struct itemknn_params *p = params_of(m);
    bool by_target = p->keep == KEEP_TARGET;
    const struct similarity_spec spec = {.kind = (enum similarity_kind)p->similarity,
                                         .is_binary = p->weighting != 0,
                                         .damping = p->damping,
                                         .alpha = alpha_of(p),
                                         .shrinkage = p->shrinkage,
                                         .bm25_k1 = p->bm25_k1,
                                         .bm25_b = p->bm25_b};
    struct similarity near = {0};
    struct csr rows = {0}, turned = {0};
    self->owner = m;
    self->n_items = m->items.n;
    if (p->mode == RATING)
        AKIN_TRY(fit_base(m, tv, err));
    AKIN_TRY(similarity_fit(tv, "itemknn", SIM_ITEMS, &spec, &near, err));
    const struct cooc g = similarity_cooc(&near);
    AKIN_TRY(cooc_top(m->ctx, &g, (int32_t)p->neighbors, similarity_measure, &near, &rows, err));
    if (by_target)
        AKIN_TRY(csr_transpose(m->ctx, &rows, &turned, err));
    neighbors_take(by_target ? &turned : &rows, &self->nb);
done:
    similarity_free(m->ctx, &near);
    csr_free(m->ctx, &rows);
    return status;
}

/* ---- The asker ----------------------------------------------------------------------------- */

static akin_status fold(const struct itemknn *self, const struct query *q, struct arena *scratch,
                        struct folded *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    bool is_rating = self->base.bias != NULL;
    AKIN_TRY(folded_make(&q->hist, self->n_items, is_rating, scratch, out, err));
    for (int32_t j = 0; j < out->n && !is_rating && params_of(self->owner)->weighting != 0; j++)
        out->x[j] = 1.0F;
done:
    return status;
}

/* b_u, and the ratings of h become what they are above μ + b_u + b_j. */
static double take_off_means(const struct itemknn *self, struct folded *h)
{
    const struct baseline *base = &self->base;
    double own = baseline_user(base, h);
    for (int32_t j = 0; j < h->n; j++)
        h->x[j] = (float)((double)h->x[j] - base->mean - own - baseline_item(base, h->item[j]));
    return own;
}

static akin_status rating_evidence(const struct itemknn *self, struct folded *h,
                                   struct evidence *out, struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct csr *nb = &self->nb.rows;
    float *above = arena_alloc(scratch, self->n_items, sizeof *above, err);
    if (!above)
        AKIN_TRY(AKIN_E_MEMORY);
    float *total = arena_alloc(scratch, self->n_items, sizeof *total, err);
    if (!total)
        AKIN_TRY(AKIN_E_MEMORY);
    double own = take_off_means(self, h);
    for (int32_t j = 0; j < h->n; j++)
        for (int64_t e = nb->ptr[h->item[j]]; e < nb->ptr[h->item[j] + 1]; e++) {
            above[nb->col[e]] += nb->val[e] * h->x[j];
            total[nb->col[e]] += nb->val[e];
        }
    for (int32_t i = 0; i < self->n_items; i++) {
        if (isnan(self->base.bias[i]))
            continue;
        double r = self->base.mean + own + (double)self->base.bias[i];
        if (total[i] > 0)
            r += (double)above[i] / (double)total[i];
        evidence_add(out, i, (float)r);
    }
done:
    return status;
}

static akin_status itemknn_evidence(const void *state, const struct query *q, struct evidence *out,
                                    struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct itemknn *self = state;
    struct folded h;
    AKIN_TRY(fold(self, q, scratch, &h, err));
    if (self->base.bias)
        AKIN_TRY(rating_evidence(self, &h, out, scratch, err));
    else
        neighbors_score(&self->nb, &h, out);
done:
    return status;
}

static akin_status itemknn_explain(const void *state, const struct query *q, int32_t item,
                                   struct reason *out, int32_t max, int32_t *n,
                                   struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct itemknn *self = state;
    struct folded h;
    double total = 1;
    *n = 0;
    AKIN_TRY(fold(self, q, scratch, &h, err));
    if (self->base.bias) {
        take_off_means(self, &h);
        total = 0;
        for (int32_t j = 0; j < h.n; j++)
            total += (double)neighbors_sim(&self->nb, h.item[j], item);
    }
    *n = neighbors_explain(&self->nb, &h, item, 1 / total, out, max);
done:
    return status;
}

static akin_status itemknn_similar(const void *state, int32_t item, struct evidence *out,
                                   struct arena *scratch, akin_error *err)
{
    (void)scratch;
    (void)err;
    const struct itemknn *self = state;
    neighbors_add(&self->nb, item, 1.0F, out);
    return AKIN_OK;
}

static uint32_t itemknn_flags(const struct model *m)
{
    return params_of(m)->mode == RATING ? SCORER_RATES : 0;
}

/* ---- Files --------------------------------------------------------------------------------- */

static akin_status itemknn_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct itemknn *self = m->self;
    AKIN_TRY(neighbors_save(w, &self->nb, err));
    if (self->base.bias)
        AKIN_TRY(baseline_save(w, &self->base, err));
done:
    return status;
}

static akin_status itemknn_load(struct model *m, struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct itemknn *self = m->self;
    self->owner = m;
    self->n_items = m->items.n;
    AKIN_TRY(neighbors_load(c, self->n_items, &self->nb, err));
    if (params_of(m)->mode == RATING)
        AKIN_TRY(baseline_load(c, self->n_items, params_of(m)->mean_damping, &self->base, err));
done:
    return status;
}

static void itemknn_destroy(struct model *m)
{
    struct itemknn *self = m->self;
    neighbors_free(m, &self->nb);
    baseline_free(m, &self->base);
}

static void itemknn_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                             double *bytes, double *flops)
{
    const struct itemknn_params *p = params;
    double pairs = (double)n_items * (double)(p->neighbors < n_items ? p->neighbors : n_items);
    bool has_ratings = similarity_rates((enum similarity_kind)p->similarity);
    double per_item = has_ratings ? 120 : 24;
    *bytes = 8 * pairs * (p->keep == KEEP_TARGET ? 2 : 1) + 8 * per_item * (double)n_items +
             (has_ratings || p->mode == RATING ? 16.0 * (double)nnz : 0);
    /* active users make most of the work: about five times the square of the mean */
    double deg = n_users > 0 ? (double)nnz / (double)n_users : 0;
    *flops = 5 * deg * (double)nnz + 4 * pairs;
}

const struct model_class model_itemknn = {
    .name = "itemknn",
    .summary = "items near those of the asker's history (item-based nearest neighbours)",
    .flags = MODEL_CLOSED_FORM,
    .params = itemknn_rows,
    .n_params = PARAM_COUNT(itemknn_rows),
    .params_size = sizeof(struct itemknn_params),
    .self_size = sizeof(struct itemknn),
    .fit = itemknn_fit,
    .scorer = {.evidence = itemknn_evidence,
               .explain = itemknn_explain,
               .similar = itemknn_similar},
    .scorer_flags = itemknn_flags,
    .save = itemknn_save,
    .load = itemknn_load,
    .destroy = itemknn_destroy,
    .estimate = itemknn_estimate,
};
