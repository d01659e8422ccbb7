/*
 * userknn: what the users nearest to the asker have (Resnick et al. 1994,
 * doi:10.1145/192844.192905; Herlocker et al. 1999, doi:10.1145/312624.312682).
 *
 * ranking: score(i) = Σ over the K users v nearest to the asker of s(v) · w_vi.
 * rating:  r̂(i) = μ + b_u + b_i + Σ_v s(v)·(r_vi - μ - b_v - b_i) / Σ_v s(v), over the K nearest of
 *          those who rated i; b as in ratings.h.
 * s > 0: see similarity.c, points being users and axes items. Nobody is a neighbour of herself.
 *
 * Neighbours are found when they are asked for, through the users of each of the asker's items, so
 * that a stranger, or a user with new events, costs and gets what a trained user does; users by
 * users are never stored.
 *
 * Cost: fit a pass over the matrix, which is shared with the view; a request Σ over the asker's
 * items of their users, a pass over the users touched, and the items of K users (rating: of all
 * users with an item of hers). Memory: the matrix both ways. Not done: a sample of the most recent
 * users of an item, as session models take.
 */
#include "models/csr_file.h"
#include "models/model_impl.h"
#include "models/ratings.h"
#include "models/similarity.h"

enum { RANKING, RATING };

struct userknn_params {
    int64_t similarity;
    int64_t neighbors;
    double damping;
    double shrinkage;
    double alpha;
    double bm25_k1;
    double bm25_b;
    int64_t weighting;
    int64_t mode;
    double mean_damping;
};

static const akin_param userknn_rows[] = {
    PARAM_CHOICE(struct userknn_params, similarity, "bm25", SIM_CHOICES, AKIN_PARAM_TUNE,
                 "how near two users are"),
    PARAM_INT(struct userknn_params, neighbors, "200", 1, 100000, "users",
              AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,
              "users nearest to the asker; rating: of those who rated the item"),
    PARAM_REAL(struct userknn_params, damping, "0.5", 0, 4, "", AKIN_PARAM_TUNE,
               "items count by (users of the item)^-damping, so that the popular ones weigh less"),
    PARAM_REAL(struct userknn_params, shrinkage, "0", 0, 1e6, "items", 0,
               "similarities are multiplied by n / (n + shrinkage), n = items of both"),
    PARAM_REAL(struct userknn_params, alpha, "0.5", 0, 1, "", AKIN_PARAM_TUNE,
               "asymmetric_cosine: share of the asker's norm; 0.5 is the cosine"),
    PARAM_REAL(struct userknn_params, bm25_k1, "100", 0, 1e6, "", 0, "bm25: saturation of weights"),
    PARAM_REAL(struct userknn_params, bm25_b, "0.8", 0, 1, "", 0,
               "bm25: how far active users are brought down"),
    PARAM_CHOICE(struct userknn_params, weighting, "weight", "weight|binary", 0,
                 "weights of events as they are, or 1 for each item"),
    PARAM_CHOICE(struct userknn_params, mode, "ranking", "ranking|rating", 0,
                 "score by evidence, or predict ratings"),
    PARAM_REAL(struct userknn_params, mean_damping, "10", 0, 1e6, "ratings", 0,
               "rating: damping of the means of items and users"),
};

static const struct csr_sections row_sections = {"m.user.ptr", "m.user.item", "m.user.value"};

struct userknn {
    const struct model *owner;
    struct similarity near;
    struct csr rows;      /* (n_users, n_items) weights; rating: what ratings are above b */
    struct baseline base; /* rating; its bias NULL = ranking */
};

static const struct userknn_params *params_of(const struct model *m)
{
    return m->params;
}

static struct similarity_spec spec_of(const struct model *m)
{
    const struct userknn_params *p = params_of(m);
    return (struct similarity_spec){
        .kind = (enum similarity_kind)p->similarity,
        .is_binary = p->weighting != 0,
        .damping = p->damping,
        .alpha = p->similarity == SIM_ASYMMETRIC_COSINE ? p->alpha : .5,
        .shrinkage = p->shrinkage,
        .bm25_k1 = p->bm25_k1,
        .bm25_b = p->bm25_b,
    };
}

static bool rates(const struct userknn *self)
{
    return params_of(self->owner)->mode == RATING;
}

/* ---- Fit ----------------------------------------------------------------------------------- */

/* The ratings of row u, which are by_user's, less μ + b_u + b_i. */
static void take_off_base(const struct baseline *b, struct csr *rows, int64_t u)
{
    int64_t lo = rows->ptr[u];
    struct folded h = {(int32_t)(rows->ptr[u + 1] - lo), rows->col + lo, rows->val + lo};
    double mean = b->mean + baseline_user(b, &h);
    for (int32_t j = 0; j < h.n; j++)
        h.x[j] = (float)((double)h.x[j] - mean - baseline_item(b, h.item[j]));
}

static akin_status fit_ratings(struct model *m, const struct train_view *tv, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct userknn *self = m->self;
    struct csr by_item = {0};
    AKIN_TRY(
        ratings_build(tv, "userknn: mode=rating", "use mode=ranking", &self->rows, &by_item, err));
    AKIN_TRY(
        baseline_fit(m->ctx, &self->rows, &by_item, params_of(m)->mean_damping, &self->base, err));
    for (int64_t u = 0; u < self->rows.n_rows; u++)
        take_off_base(&self->base, &self->rows, u);
done:
    csr_free(m->ctx, &by_item);
    return status;
}

static akin_status userknn_fit(struct model *m, const struct train_view *tv,
                               const struct fit_control *ctl, akin_error *err)
{
    (void)ctl;
    akin_status status = AKIN_OK;
    struct userknn *self = m->self;
    const struct similarity_spec spec = spec_of(m);
    self->owner = m;
    if (rates(self))
        AKIN_TRY(fit_ratings(m, tv, err));
    else
        self->rows = csr_share(&tv->by_user, params_of(m)->weighting == 0);
    AKIN_TRY(similarity_fit(tv, "userknn", SIM_USERS, &spec, &self->near, err));
    csr_free(m->ctx, &self->near.by_point); /* askers bring their own */
done:
    return status;
}

/* ---- The asker ----------------------------------------------------------------------------- */

/* Her neighbours, nearest first; in the arena of the request. */
struct near {
    struct folded h; /* her items; values as the similarity takes them */
    struct cooc_row row;
    int32_t n;
    int32_t *user;
    float *s;
};

/* Neighbours of the owner of a history: K of them, or (rating) all with s > 0. */
static akin_status find_near(const struct userknn *self, int32_t user, const struct history *hist,
                             struct arena *scratch, struct near *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct similarity *near = &self->near;
    const struct cooc g = similarity_cooc(near);
    struct similarity_asker asker;
    int64_t k = params_of(self->owner)->neighbors;
    AKIN_TRY(folded_make(hist, self->owner->items.n, similarity_rates(near->spec.kind), scratch,
                         &out->h, err));
    similarity_ask(near, &out->h, &asker);
    AKIN_TRY(cooc_row_of(&g, user, out->h.item, out->h.x, out->h.n, scratch, &out->row, err));
    int32_t n = out->row.n;
    k = k < n && !rates(self) ? k : n;
    float *value = arena_alloc(scratch, n, sizeof *value, err);
    uint64_t *keys = value ? arena_alloc(scratch, 2 * k, sizeof *keys, err) : NULL;
    out->user = keys ? arena_alloc(scratch, k, sizeof *out->user, err) : NULL;
    out->s = out->user ? arena_alloc(scratch, k, sizeof *out->s, err) : NULL;
    if (!out->s)
        AKIN_TRY(AKIN_E_MEMORY);
    similarity_measure_asker(near, &asker, &out->row, value);
    out->n = cooc_nearest(self->owner->ctx, &out->row, value, (int32_t)k, keys, out->user, out->s);
done:
    return status;
}

static void add_weights(const struct userknn *self, const struct near *near, struct evidence *out)
{
    const struct csr *rows = &self->rows;
    for (int32_t t = 0; t < near->n; t++) {
        int64_t hi = rows->ptr[near->user[t] + 1];
        /* rows of users lie anywhere: the next but one is called in time */
        if (t + 2 < near->n)
            __builtin_prefetch(rows->col + rows->ptr[near->user[t + 2]]);
        for (int64_t e = rows->ptr[near->user[t]]; e < hi; e++)
            evidence_add(out, rows->col[e], rows->val ? near->s[t] * rows->val[e] : near->s[t]);
    }
}

/* What the nearest who rated an item make of it. */
struct opinion {
    double above, total;
    int64_t n;
};

static void opinion_add(struct opinion *o, int64_t k, float s, float above)
{
    if (o->n >= k)
        return;
    o->above += (double)s * (double)above;
    o->total += (double)s;
    o->n++;
}

/* μ + b_u of an asker: of her ratings, which the similarity may not look at. */
static akin_status own_mean(const struct userknn *self, const struct query *q,
                            struct arena *scratch, double *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct folded h;
    AKIN_TRY(folded_make(&q->hist, self->owner->items.n, true, scratch, &h, err));
    *out = self->base.mean + baseline_user(&self->base, &h);
done:
    return status;
}

static akin_status add_ratings(const struct userknn *self, const struct query *q,
                               const struct near *near, struct evidence *out, struct arena *scratch,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct csr *rows = &self->rows;
    const struct baseline *b = &self->base;
    int64_t k = params_of(self->owner)->neighbors;
    double mean;
    struct opinion *o = arena_alloc(scratch, b->n_items, sizeof *o, err);
    if (!o)
        AKIN_TRY(AKIN_E_MEMORY);
    AKIN_TRY(own_mean(self, q, scratch, &mean, err));
    for (int32_t t = 0; t < near->n; t++)
        for (int64_t e = rows->ptr[near->user[t]]; e < rows->ptr[near->user[t] + 1]; e++)
            opinion_add(&o[rows->col[e]], k, near->s[t], rows->val[e]);
    for (int32_t i = 0; i < b->n_items; i++) {
        if (isnan(b->bias[i]))
            continue;
        double above = o[i].total > 0 ? o[i].above / o[i].total : 0;
        evidence_add(out, i, (float)(mean + (double)b->bias[i] + above));
    }
done:
    return status;
}

static akin_status userknn_evidence(const void *state, const struct query *q, struct evidence *out,
                                    struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct userknn *self = state;
    struct near near;
    AKIN_TRY(find_near(self, q->user, &q->hist, scratch, &near, err));
    if (rates(self))
        AKIN_TRY(add_ratings(self, q, &near, out, scratch, err));
    else
        add_weights(self, &near, out);
done:
    return status;
}

/* ---- Reasons ------------------------------------------------------------------------------- */

/* Place of column col in row r of x, -1 = none. */
static int64_t find_in_row(const struct csr *x, int64_t r, int32_t col)
{
    int64_t lo = x->ptr[r], hi = x->ptr[r + 1];
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (x->col[mid] == col)
            return mid;
        if (x->col[mid] < col)
            lo = mid + 1;
        else
            hi = mid;
    }
    return -1;
}

/* What ratings of both gave of user v; NULL where the similarity looks at none. */
static const struct cooc_moments *moments_of(const struct cooc_row *row, int32_t v)
{
    int32_t t = row->items ? 0 : v;
    while (row->moments && row->items && row->items[t] != v)
        t++;
    return row->moments ? &row->moments[t] : NULL;
}

/* share (h.n): what each of the asker's items is of her nearness to v, 1 in all. */
static void split_nearness(const struct userknn *self, const struct near *near, int32_t v,
                           double *share)
{
    const struct similarity *s = &self->near;
    const struct cooc_moments *m = moments_of(&near->row, v);
    double total = 0;
    for (int32_t j = 0; j < near->h.n; j++) {
        int32_t item = near->h.item[j];
        int64_t e = find_in_row(&s->by_axis, item, v);
        double y = e < 0 || !s->by_axis.val ? 1 : (double)s->by_axis.val[e];
        double x = (double)near->h.x[j];
        share[j] = e < 0 ? 0 : similarity_term(s, m, item, x, y);
        total += share[j];
    }
    for (int32_t j = 0; j < near->h.n; j++)
        share[j] = total > 0 ? share[j] / total : 0;
}

/*
 * What a neighbour adds is divided among the items that make her one: those of the asker's that she
 * has too, by their terms in the similarity.
 */
static akin_status userknn_explain(const void *state, const struct query *q, int32_t item,
                                   struct reason *out, int32_t max, int32_t *n,
                                   struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct userknn *self = state;
    const struct csr *rows = &self->rows;
    int64_t k = params_of(self->owner)->neighbors, n_added = 0;
    struct near near;
    double total = 0;
    *n = 0;
    AKIN_TRY(find_near(self, q->user, &q->hist, scratch, &near, err));
    double *sum = arena_alloc(scratch, near.h.n, sizeof *sum, err);
    double *share = sum ? arena_alloc(scratch, near.h.n, sizeof *share, err) : NULL;
    if (!share)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t t = 0; t < near.n && n_added < k; t++) {
        int64_t e = find_in_row(rows, near.user[t], item);
        if (e < 0)
            continue;
        double added = (double)near.s[t] * (rows->val ? (double)rows->val[e] : 1);
        split_nearness(self, &near, near.user[t], share);
        for (int32_t j = 0; j < near.h.n; j++)
            sum[j] += added * share[j];
        total += (double)near.s[t];
        n_added++;
    }
    for (int32_t j = 0; j < near.h.n; j++)
        if (sum[j] < 0 || sum[j] > 0)
            *n = reason_put(out, max, *n, near.h.item[j],
                            (float)(rates(self) ? sum[j] / total : sum[j]));
done:
    return status;
}

/* What the neighbours of someone who has just this item have. */
static akin_status userknn_similar(const void *state, int32_t item, struct evidence *out,
                                   struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct userknn *self = state;
    const struct history one = {.n = 1, .item = &item};
    struct near near;
    if (rates(self) || similarity_rates(self->near.spec.kind))
        AKIN_FAIL(AKIN_E_UNSUPPORTED, "similar: userknn compares no items by ratings");
    AKIN_TRY(find_near(self, -1, &one, scratch, &near, err));
    add_weights(self, &near, out);
done:
    return status;
}

static uint32_t userknn_flags(const struct model *m)
{
    return params_of(m)->mode == RATING ? SCORER_RATES : 0;
}

/* ---- Files --------------------------------------------------------------------------------- */

static akin_status userknn_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct userknn *self = m->self;
    AKIN_TRY(csr_save(w, &row_sections, &self->rows, err));
    AKIN_TRY(similarity_save(w, &self->near, err));
    if (rates(self))
        AKIN_TRY(baseline_save(w, &self->base, err));
done:
    return status;
}

static akin_status userknn_load(struct model *m, struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct userknn *self = m->self;
    int32_t n_users = m->users.n, n_items = m->items.n;
    const struct similarity_spec spec = spec_of(m);
    self->owner = m;
    AKIN_TRY(csr_load(c, &row_sections, n_users, n_items, !rates(self), &self->rows, err));
    AKIN_TRY(similarity_load(m->ctx, c, &spec, n_users, n_items, &self->near, err));
    if (rates(self))
        AKIN_TRY(baseline_load(c, n_items, params_of(m)->mean_damping, &self->base, err));
done:
    return status;
}

static void userknn_destroy(struct model *m)
{
    struct userknn *self = m->self;
    if (m->file) {
        similarity_unload(m->ctx, &self->near);
        return;
    }
    similarity_free(m->ctx, &self->near);
    csr_free(m->ctx, &self->rows);
    baseline_free(m, &self->base);
}

static void userknn_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                             double *bytes, double *flops)
{
    const struct userknn_params *p = params;
    bool has_ratings = similarity_rates((enum similarity_kind)p->similarity);
    bool has_terms = p->similarity == SIM_TFIDF || p->similarity == SIM_BM25;
    double matrices = (has_ratings ? 16 : has_terms ? 8 : 0) + (p->mode == RATING ? 16 : 0);
    *bytes = matrices * (double)nnz + 20.0 * (double)n_users + 12.0 * (double)n_items;
    *flops = 10.0 * (double)nnz;
}

const struct model_class model_userknn = {
    .name = "userknn",
    .summary = "what the users nearest to the asker have (user-based nearest neighbours)",
    .params = userknn_rows,
    .n_params = PARAM_COUNT(userknn_rows),
    .params_size = sizeof(struct userknn_params),
    .self_size = sizeof(struct userknn),
    .fit = userknn_fit,
    .scorer = {.evidence = userknn_evidence,
               .explain = userknn_explain,
               .similar = userknn_similar},
    .scorer_flags = userknn_flags,
    .save = userknn_save,
    .load = userknn_load,
    .destroy = userknn_destroy,
    .estimate = userknn_estimate,
};
