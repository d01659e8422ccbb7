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
 * Cost: fit n³ flops and n²/2 floats for n items (solve/tiles.h); G from its sparse rows. The model
 * keeps the `keep` strongest b of each row (8 bytes each), or P as it is (2 n² bytes), of which a
 * score then reads a row an item of the history. solver=local: ease_local.c. Folding in is that
 * sum. Not done: item features, low rank; a sparse approximate inverse of the whole.
 */
#include "models/ease_impl.h"
#include "models/linear.h"
#include "models/model_impl.h"

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

/* The terms x_i·M_ij of all items, then s_j. */
static akin_status add_whole_rows(const struct ease *self, const struct folded *h, int32_t but,
                                  struct evidence *out, struct arena *scratch, akin_error *err)
{
    float *row = arena_alloc(scratch, self->n_items, sizeof *row, err);
    if (!row)
        return AKIN_E_MEMORY;
    for (int32_t j = 0; j < h->n; j++)
        tiles_add_row(&self->m, self->owner->ctx->kern, h->item[j], h->x[j], row);
    for (int32_t i = 0; i < self->n_items && h->n > 0; i++)
        if (i != but)
            evidence_add(out, i, row[i] * self->scale[i]);
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
    for (int32_t j = 0; j < h.n; j++) {
        float term = h.x[j] * tiles_get(&self->m, h.item[j], item) * self->scale[item];
        *n = reason_put(out, max, *n, h.item[j], term);
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
    AKIN_TRY(container_add(w, "m.tiles", CONTAINER_REQUIRED, self->m.at,
                           tiles_floats(self->n_items) * (int64_t)sizeof(float), err));
    AKIN_TRY(container_add(w, "m.scale", CONTAINER_REQUIRED, self->scale,
                           self->n_items * (int64_t)sizeof(float), err));
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
    AKIN_TRY(model_load_floats(m->ctx, c, "m.tiles", tiles_floats(self->n_items), &tiles, err));
    self->m = tiles_view(self->n_items, tiles);
    AKIN_TRY(model_load_floats(m->ctx, c, "m.scale", self->n_items, &self->scale, err));
done:
    return status;
}

static void ease_destroy(struct model *m)
{
    struct ease *self = m->self;
    neighbors_free(m, &self->nb);
    if (m->file) /* else views into it */
        return;
    tiles_free(m->ctx, &self->m);
    model_free_array(m->ctx, self->scale);
}

static void ease_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                          double *bytes, double *flops)
{
    const struct ease_params *p = params;
    double n = (double)n_items;
    struct linear_cost gram = linear_cost(n_users, n_items, nnz);
    *bytes = ease_bytes(p, n_items, 2);
    *flops = n * n * n + gram.flops;
    if (p->solver == EASE_LOCAL) {
        double most = (double)(p->neighbors < n_items ? p->neighbors : n_items);
        *bytes = gram.bytes + ease_local_bytes(n, most, 2) + 8 * n * most;
        *flops =
            2 * gram.flops + n * (most * most * most / 3 + 3 * most * most) + 8 * most * gram.pairs;
    }
}

const struct model_class model_ease = {
    .name = "ease",
    .summary = "linear autoencoder in closed form over all items (EASE, EDLAE, RDLAE)",
    .flags = MODEL_CLOSED_FORM,
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
