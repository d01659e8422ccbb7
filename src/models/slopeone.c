/*
 * slopeone: ratings of two items differ by a constant, their mean difference; the weighted scheme
 * of Lemire and Maclachlan 2005, doi:10.1137/1.9781611972757.43.
 *
 * c_ji: users who rated both j and i; dev_ji = Σ over them of (r_vi - r_vj) / c_ji.
 *   r̂(i) = [λ·b(i) + Σ_j c_ji·(dev_ji + r_j)] / [λ + Σ_j c_ji], j the asker's other items,
 *   b(i) = μ + b_u + b_i, λ = shrinkage; 0 is the paper's scheme. b(i) alone where no c_ji > 0.
 *
 * No pair of items is stored: turned about, the sum over j is one over the users v who rated i,
 *   Σ_j c_ji·(dev_ji + r_j) = Σ_v [n_v·r_vi + Σ over the n_v items j of both (r_j - r_vj)],
 * so the model is the ratings both ways, 16 bytes each, whatever the number of items.
 *
 * Cost: fit a transpose; a request two passes over the ratings of the users who share an item with
 * the asker, at most all ratings. Not done: the bi-polar scheme (liked and disliked apart), which
 * gained .006 of MAE for the authors and needs the pairs of both kinds.
 */
#include "models/csr_file.h"
#include "models/model_impl.h"
#include "models/ratings.h"

#include <inttypes.h>

struct slopeone_params {
    double shrinkage;
    double mean_damping;
};

static const akin_param slopeone_rows[] = {
    PARAM_REAL(struct slopeone_params, shrinkage, "400", 0, 1e6, "ratings", AKIN_PARAM_TUNE,
               "weight of the baseline, as if so many pairs of ratings had said it"),
    PARAM_REAL(struct slopeone_params, mean_damping, "5", 0, 1e6, "ratings", 0,
               "damping of the means of items and users in the baseline"),
};

static const struct csr_sections user_sections = {"m.user.ptr", "m.user.item", "m.user.value"};
static const struct csr_sections item_sections = {"m.item.ptr", "m.item.user", "m.item.value"};

struct slopeone {
    const struct model *owner;
    struct csr by_user, by_item; /* ratings */
    struct baseline base;
};

static const struct slopeone_params *params_of(const struct model *m)
{
    return m->params;
}

static akin_status slopeone_fit(struct model *m, const struct train_view *tv,
                                const struct fit_control *ctl, akin_error *err)
{
    (void)ctl;
    akin_status status = AKIN_OK;
    struct slopeone *self = m->self;
    self->owner = m;
    AKIN_TRY(ratings_build(tv, "slopeone", "use itemknn", &self->by_user, &self->by_item, err));
    AKIN_TRY(ctx_check(m->ctx, err));
    AKIN_TRY(baseline_fit(m->ctx, &self->by_user, &self->by_item, params_of(m)->mean_damping,
                          &self->base, err));
done:
    return status;
}

/* ---- The asker ----------------------------------------------------------------------------- */

/* What a user has in common with the asker. */
struct common {
    double n;  /* items of both */
    double up; /* Σ over them of the asker's rating less the user's */
};

/* What the asker's items say of an item. */
struct guess {
    double sum; /* Σ_j c_ji·(dev_ji + r_j) */
    double n;   /* Σ_j c_ji */
};

static akin_status find_common(const struct slopeone *self, const struct folded *h,
                               struct arena *scratch, struct common **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct csr *x = &self->by_item;
    struct common *c = arena_alloc(scratch, x->n_cols, sizeof *c, err);
    if (!c)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t j = 0; j < h->n; j++)
        for (int64_t e = x->ptr[h->item[j]]; e < x->ptr[h->item[j] + 1]; e++) {
            c[x->col[e]].n += 1;
            c[x->col[e]].up += (double)h->x[j] - (double)x->val[e];
        }
    *out = c;
done:
    return status;
}

static akin_status make_guesses(const struct slopeone *self, const struct folded *h,
                                struct arena *scratch, struct guess **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct csr *x = &self->by_user;
    struct common *c;
    struct guess *g = arena_alloc(scratch, x->n_cols, sizeof *g, err);
    if (!g)
        AKIN_TRY(AKIN_E_MEMORY);
    AKIN_TRY(find_common(self, h, scratch, &c, err));
    for (int64_t v = 0; v < x->n_rows; v++) {
        if (!(c[v].n > 0))
            continue;
        for (int64_t e = x->ptr[v]; e < x->ptr[v + 1]; e++) {
            g[x->col[e]].sum += c[v].n * (double)x->val[e] + c[v].up;
            g[x->col[e]].n += c[v].n;
        }
    }
    /* an item says nothing of itself: its users counted it, each with the asker's own rating */
    for (int32_t j = 0; j < h->n; j++) {
        double n = (double)(self->by_item.ptr[h->item[j] + 1] - self->by_item.ptr[h->item[j]]);
        g[h->item[j]].sum -= n * (double)h->x[j];
        g[h->item[j]].n -= n;
    }
    *out = g;
done:
    return status;
}

static akin_status slopeone_evidence(const void *state, const struct query *q, struct evidence *out,
                                     struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct slopeone *self = state;
    const struct baseline *b = &self->base;
    struct folded h;
    struct guess *g;
    AKIN_TRY(folded_make(&q->hist, b->n_items, true, scratch, &h, err));
    AKIN_TRY(make_guesses(self, &h, scratch, &g, err));
    double mean = b->mean + baseline_user(b, &h);
    double weight = params_of(self->owner)->shrinkage;
    for (int32_t i = 0; i < b->n_items; i++) {
        if (isnan(b->bias[i]))
            continue;
        double base = mean + (double)b->bias[i];
        double n = weight + g[i].n;
        evidence_add(out, i, (float)(n > 0 ? (weight * base + g[i].sum) / n : base));
    }
done:
    return status;
}

/* What takes the prediction away from b(i): Σ over users of both of r_vi - r_vj + r_j - b(i). */
static akin_status slopeone_explain(const void *state, const struct query *q, int32_t item,
                                    struct reason *out, int32_t max, int32_t *n,
                                    struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct slopeone *self = state;
    const struct csr *x = &self->by_item;
    struct folded h;
    *n = 0;
    AKIN_TRY(folded_make(&q->hist, self->base.n_items, true, scratch, &h, err));
    struct guess *g = arena_alloc(scratch, h.n, sizeof *g, err); /* by each item of h alone */
    if (!g)
        AKIN_TRY(AKIN_E_MEMORY);
    const float **rating = arena_alloc(scratch, x->n_cols, sizeof *rating, err);
    if (!rating)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int64_t e = x->ptr[item]; e < x->ptr[item + 1]; e++)
        rating[x->col[e]] = &x->val[e];
    double base =
        self->base.mean + baseline_user(&self->base, &h) + baseline_item(&self->base, item);
    double total = params_of(self->owner)->shrinkage;
    for (int32_t j = 0; j < h.n; j++) {
        for (int64_t e = x->ptr[h.item[j]]; h.item[j] != item && e < x->ptr[h.item[j] + 1]; e++) {
            const float *of_item = rating[x->col[e]];
            if (!of_item)
                continue;
            g[j].sum += (double)*of_item - (double)x->val[e] + (double)h.x[j] - base;
            g[j].n += 1;
        }
        total += g[j].n;
    }
    for (int32_t j = 0; j < h.n; j++)
        if (g[j].n > 0)
            *n = reason_put(out, max, *n, h.item[j], (float)(g[j].sum / total));
done:
    return status;
}

static uint32_t slopeone_flags(const struct model *m)
{
    (void)m;
    return SCORER_RATES;
}

/* ---- Files --------------------------------------------------------------------------------- */

static akin_status slopeone_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct slopeone *self = m->self;
    AKIN_TRY(csr_save(w, &user_sections, &self->by_user, err));
    AKIN_TRY(csr_save(w, &item_sections, &self->by_item, err));
    AKIN_TRY(baseline_save(w, &self->base, err));
done:
    return status;
}

static akin_status slopeone_load(struct model *m, struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct slopeone *self = m->self;
    int32_t n_users = m->users.n, n_items = m->items.n;
    self->owner = m;
    AKIN_TRY(csr_load(c, &user_sections, n_users, n_items, false, &self->by_user, err));
    AKIN_TRY(csr_load(c, &item_sections, n_items, n_users, false, &self->by_item, err));
    if (csr_nnz(&self->by_user) != csr_nnz(&self->by_item))
        AKIN_FAIL(AKIN_E_FORMAT,
                  "%s: %" PRId64 " ratings by users (m.user.*) but %" PRId64 " by items (m.item.*)",
                  container_path(c), csr_nnz(&self->by_user), csr_nnz(&self->by_item));
    AKIN_TRY(baseline_load(c, n_items, params_of(m)->mean_damping, &self->base, err));
done:
    return status;
}

static void slopeone_destroy(struct model *m)
{
    struct slopeone *self = m->self;
    if (!m->file) {
        csr_free(m->ctx, &self->by_user);
        csr_free(m->ctx, &self->by_item);
    }
    baseline_free(m, &self->base);
}

static void slopeone_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                              double *bytes, double *flops)
{
    (void)params;
    *bytes = 16.0 * (double)nnz + 8.0 * (double)n_users + 12.0 * (double)n_items;
    *flops = 20.0 * (double)nnz;
}

const struct model_class model_slopeone = {
    .name = "slopeone",
    .summary = "ratings by mean differences between items (weighted slope one)",
    .flags = MODEL_CLOSED_FORM | MODEL_WANTS_VALUES,
    .params = slopeone_rows,
    .n_params = PARAM_COUNT(slopeone_rows),
    .params_size = sizeof(struct slopeone_params),
    .self_size = sizeof(struct slopeone),
    .fit = slopeone_fit,
    .scorer = {.evidence = slopeone_evidence, .explain = slopeone_explain},
    .scorer_flags = slopeone_flags,
    .save = slopeone_save,
    .load = slopeone_load,
    .destroy = slopeone_destroy,
    .estimate = slopeone_estimate,
};
