/*
 * ease: linear autoencoders in closed form.
 *
 * EASE: Steck 2019, doi:10.1145/3308558.3313710; its denoising form EDLAE: Steck 2020,
 * "Autoencoders that don't overfit towards the
 * Identity", NeurIPS 33; with a relaxed diagonal (RLAE, RDLAE): Moon, Kim, Lee 2023,
 * doi:10.1145/3539618.3591704.
 *
 *   B = argmin ‖D^½ (X - X B)‖² + Σ_i γ_i ‖b_i·‖²,  b_jj <= diagonal,
 *   γ_i = reg + dropout / (1 - dropout) · G_ii,  G = XᵀDX,  D = (items of the user)^-damping
 *
 * With P = (G + diag γ)⁻¹: b_ij = -P_ij·s_j, b_jj = min(diagonal, 1 - γ_j P_jj), where s_j = γ_j if
 * the constraint is slack, else (1 - diagonal) / P_jj. dropout = diagonal = 0 is EASE, diagonal = 0
 * EDLAE, dropout = 0 RLAE, both RDLAE. score(j) = Σ_i x_i b_ij over the asker's items.
 *
 * Cost: fit n³ flops and n²/2 floats for n items with events (solve/tiles.h); G from its sparse
 * rows. The model keeps the `keep` strongest b of each row (8 bytes each), or P as it is (2 n²
 * bytes), of which a score then reads a row an item of the history. solver=local: ease_local.c.
 * Folding in is that sum. Not done: item features, low rank.
 */
#include "models/ease_impl.h"
#include "models/linear.h"
#include "models/model_impl.h"

#include <inttypes.h>

static const akin_param ease_rows[] = {
    PARAM_REAL(struct ease_params, reg, "10", 1e-6, 1e9, "", AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,
               "strength of the L2 regularisation"),
    PARAM_REAL(struct ease_params, dropout, "0.5", 0, 0.99, "", AKIN_PARAM_TUNE,
               "share of a history that training leaves out (EDLAE): popular items are regularised "
               "more; 0 = EASE"),
    PARAM_REAL(struct ease_params, diagonal, "0", 0, 1, "", 0,
               "how far an item may predict itself (RLAE, RDLAE); 0 = not at all"),
    PARAM_REAL(struct ease_params, damping, "0.5", 0, 4, "", AKIN_PARAM_TUNE,
               "users count by (items of the user)^-damping, so that the active ones weigh less"),
    PARAM_CHOICE(struct ease_params, weighting, "weight", LINEAR_WEIGHTING, 0,
                 "weights of events as they are, or 1 for each item"),
    PARAM_INT(struct ease_params, keep, "1000", 0, 1000000, "items", 0,
              "exact: strongest weights kept of each item; 0 = all"),
    PARAM_CHOICE(struct ease_params, solver, "exact", "exact|local", 0,
                 "the inverse over all items, or one of a neighbourhood for each item"),
    PARAM_INT(struct ease_params, neighbors, "300", 1, 1000, "items", 0,
              "local: size of a neighbourhood"),
};

static const struct ease_params *params_of(const struct ease *self)
{
    return self->owner->params;
}

/* ---- The asker ----------------------------------------------------------------------------- */

static akin_status fold(const struct ease *self, const struct query *q, struct arena *scratch,
                        struct folded *out, akin_error *err)
{
    return linear_fold(q, self->n_items, (enum linear_weighting)params_of(self)->weighting, scratch,
                       out, err);
}

/* An item's number in the tiles, -1 = it had no events. */
static int32_t place_of(const struct ease *self, int32_t item)
{
    int32_t lo = 0, hi = self->n_known;
    if (!self->known)
        return item;
    while (lo < hi) {
        int32_t mid = lo + (hi - lo) / 2;
        if (self->known[mid] < item)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < self->n_known && self->known[lo] == item ? lo : -1;
}

/* The terms x_i·M_ij of all items, then s_j. */
static akin_status add_whole_rows(const struct ease *self, const struct folded *h, int32_t but,
                                  struct evidence *out, struct arena *scratch, akin_error *err)
{
    int32_t n = 0;
    float *row = arena_alloc(scratch, self->n_known, sizeof *row, err);
    if (!row)
        return AKIN_E_MEMORY;
    for (int32_t j = 0; j < h->n; j++) {
        int32_t i = place_of(self, h->item[j]);
        if (i >= 0)
            tiles_add_row(&self->m, self->owner->ctx->kern, i, h->x[j], row);
        n += i >= 0;
    }
    for (int32_t i = 0; i < self->n_known && n > 0; i++)
        if (ease_item(self, i) != but)
            evidence_add(out, ease_item(self, i), row[i] * self->scale[i]);
    return AKIN_OK;
}

static akin_status ease_evidence(const void *state, const struct query *q, struct evidence *out,
                                 struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct ease *self = state;
    struct folded h;
    AKIN_TRY(fold(self, q, scratch, &h, err));
    if (self->nb.rows.ptr)
        neighbors_score(&self->nb, &h, out);
    else
        AKIN_TRY(add_whole_rows(self, &h, -1, out, scratch, err));
done:
    return status;
}

static akin_status ease_explain(const void *state, const struct query *q, int32_t item,
                                struct reason *out, int32_t max, int32_t *n, struct arena *scratch,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct ease *self = state;
    struct folded h;
    *n = 0;
    AKIN_TRY(fold(self, q, scratch, &h, err));
    if (self->nb.rows.ptr) {
        *n = neighbors_explain(&self->nb, &h, item, 1, out, max);
        goto done;
    }
    int32_t target = place_of(self, item);
    for (int32_t j = 0; j < h.n && target >= 0; j++) {
        int32_t i = place_of(self, h.item[j]);
        if (i >= 0)
            *n = reason_put(out, max, *n, h.item[j],
                            h.x[j] * tiles_get(&self->m, i, target) * self->scale[target]);
    }
done:
    return status;
}

static akin_status ease_similar(const void *state, int32_t item, struct evidence *out,
                                struct arena *scratch, akin_error *err)
{
    const struct ease *self = state;
    float one = 1;
    const struct folded alone = {1, &item, &one};
    if (!self->nb.rows.ptr)
        return add_whole_rows(self, &alone, item, out, scratch, err);
    for (int64_t e = self->nb.rows.ptr[item]; e < self->nb.rows.ptr[item + 1]; e++)
        if (self->nb.rows.col[e] != item)
            evidence_add(out, self->nb.rows.col[e], self->nb.rows.val[e]);
    return AKIN_OK;
}

/* ---- Files --------------------------------------------------------------------------------- */

static akin_status ease_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct ease *self = m->self;
    if (self->nb.rows.ptr)
        return neighbors_save(w, &self->nb, err);
    if (self->known)
        AKIN_TRY(container_add(w, "m.known", CONTAINER_REQUIRED, self->known,
                               self->n_known * (int64_t)sizeof *self->known, err));
    AKIN_TRY(container_add(w, "m.tiles", CONTAINER_REQUIRED, self->m.at,
                           tiles_floats(self->n_known) * (int64_t)sizeof(float), err));
    AKIN_TRY(container_add(w, "m.scale", CONTAINER_REQUIRED, self->scale,
                           self->n_known * (int64_t)sizeof(float), err));
done:
    return status;
}

/* Absent where all items have events, and in older files. */
static akin_status load_known(struct ease *self, struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    const void *data;
    int64_t n;
    self->n_known = self->n_items;
    AKIN_TRY(container_get(c, "m.known", sizeof *self->known, true, &data, &n, err));
    if (!data)
        goto done;
    self->known = data;
    if (n > self->n_items)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.known has %" PRId64 " items (at most %d)",
                  container_path(c), n, self->n_items);
    self->n_known = (int32_t)n;
    for (int32_t t = 0; t < n; t++)
        if (self->known[t] < 0 || self->known[t] >= self->n_items ||
            (t > 0 && self->known[t] <= self->known[t - 1]))
            AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.known: %d of %d at %d", container_path(c),
                      self->known[t], self->n_items, t);
done:
    return status;
}

static akin_status ease_load(struct model *m, struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct ease *self = m->self;
    const float *tiles;
    self->owner = m;
    self->n_items = m->items.n;
    if (params_of(self)->keep > 0 || params_of(self)->solver == EASE_LOCAL) {
        AKIN_TRY(neighbors_load_signed(c, self->n_items, &self->nb, err));
        goto done;
    }
    AKIN_TRY(load_known(self, c, err));
    AKIN_TRY(model_load_floats(m->ctx, c, "m.tiles", tiles_floats(self->n_known), &tiles, err));
    self->m = tiles_view(self->n_known, tiles);
    AKIN_TRY(model_load_floats(m->ctx, c, "m.scale", self->n_known, &self->scale, err));
done:
    return status;
}

void ease_free_exact(struct ease *self, akin_ctx *ctx)
{
    tiles_free(ctx, &self->m);
    model_free_array(ctx, self->scale);
    model_free_array(ctx, self->known);
    self->scale = NULL;
    self->known = NULL;
}

static void ease_destroy(struct model *m)
{
    struct ease *self = m->self;
    neighbors_free(m, &self->nb);
    if (!m->file) /* else views into it */
        ease_free_exact(self, m->ctx);
}

static void ease_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                          double *bytes, double *flops)
{
    const struct ease_params *p = params;
    n_items = n_items < nnz ? n_items : nnz; /* those with events */
    double n = (double)n_items;
    struct linear_cost gram = linear_cost(n_users, n_items, nnz);
    *bytes = ease_bytes(p, n_items, 2);
    *flops = n * n * n + gram.flops;
    if (p->solver == EASE_LOCAL) {
        double most = (double)(p->neighbors < n_items ? p->neighbors : n_items);
        *bytes = ease_local_bytes(n, (double)nnz, most, gram.pairs, 2);
        *flops =
            3 * gram.flops + n * (most * most * most / 3 + 3 * most * most) + 4 * most * gram.pairs;
    }
}

const struct model_class model_ease = {
    .name = "ease",
    .summary = "linear autoencoder in closed form over all items (EASE, EDLAE, RDLAE)",
    .flags = MODEL_CLOSED_FORM | MODEL_SOME_ITEMS,
    .params = ease_rows,
    .n_params = PARAM_COUNT(ease_rows),
    .params_size = sizeof(struct ease_params),
    .self_size = sizeof(struct ease),
    .fit = ease_fit,
    .scorer = {.evidence = ease_evidence, .explain = ease_explain, .similar = ease_similar},
    .save = ease_save,
    .load = ease_load,
    .destroy = ease_destroy,
    .estimate = ease_estimate,
};
