/*
 * What models that predict ratings by factors keep, score and explain with:
 *
 *     r̂_ui = μ + b_u + b_i + p_u · q_i,   as   [p_u, μ + b_u] · [q_i, 1] + b_i,
 *
 * so that rank/ needs no more than vectors. An asker is folded in by one exact row of least squares
 * (solve/rows.h) over what she rated.
 */
#ifndef AKIN_MODELS_RATING_ROWS_H
#define AKIN_MODELS_RATING_ROWS_H

#include "models/model.h"
#include "solve/rows.h"

/* k = factors, + 1 with biases: the last feature of the items is then 1. */
struct rated {
    akin_ctx *ctx;
    int64_t k, factors;
    int64_t n_users, n_items;
    const float *users;     /* (n_users, k) [p, any] */
    const float *items;     /* (n_items, k) [q, 1] */
    const float *user_bias; /* (n_users) b, NULL without biases; so is the next one */
    const float *item_bias; /* (n_items) */
    double mean;            /* μ, 0 without biases */
    bool is_mapped;         /* arrays lie in the model's file */
};

/* Ratings: the last value of each pair, both ways. */
struct rated_data {
    struct csr by_user, by_item; /* owned */
    double mean, deviation;      /* of all ratings; 0 without any */
};
/*
 * name: of the model, for messages. Cost: a fold of the histories, a transpose, two passes.
 * Fails: E_INPUT (no values; one beyond ±1e9, where squares leave the floats), E_MEMORY.
 */
akin_status rated_data_build(akin_ctx *ctx, const struct train_view *tv, const char *name,
                             struct rated_data *out, akin_error *err);
void rated_data_free(akin_ctx *ctx, struct rated_data *d);

/* An asker, folded: items ascending; arrays in the arena it was made in. */
struct rated_asker {
    int32_t n;       /* items that she rated */
    int32_t *item;   /* (n) */
    float *target;   /* (n) the last rating less μ */
    int32_t n_known; /* items that she had to do with, rated or not */
    int32_t *known;  /* (n_known) may be item */
};
/* Events without a value (NaN; all if there are none), or with one that no fit would take, are no
 * ratings: nothing is guessed for them. */
akin_status rated_fold(const struct rated *r, const struct history *h, struct arena *scratch,
                       struct rated_asker *out, akin_error *err);
static inline struct row_system rated_system(const struct rated *r)
{
    return (struct row_system){r->ctx->kern, r->k, r->items, r->item_bias, NULL, NULL};
}
/* From the solution [p, b] of a row to the asker's state [p, μ + b], in place. */
static inline void rated_state(const struct rated *r, float *x)
{
    if (r->item_bias)
        x[r->k - 1] = (float)((double)x[r->k - 1] + r->mean);
}
/* Of a trained user. */
void rated_user_state(const struct rated *r, int64_t user, float *state);

/* Reasons t_j' · z_j · v of a row, t' its targets less the items' biases. */
void rated_reasons(const struct rated *r, const struct row_data *row, const float *v,
                   struct reason *out, int32_t max, int32_t *n);

void rated_vectors(const struct rated *r, struct item_vectors *out);
/* Cosine of the factors, without biases. Cost: a dot an item. */
void rated_similar(const struct rated *r, int32_t item, struct evidence *out);

/* Sections m.users, m.items, m.user_bias, m.item_bias, m.mean; out has ctx, factors, k set. */
akin_status rated_save(const struct rated *r, struct container_writer *w, akin_error *err);
akin_status rated_load(const struct model *m, struct container *c, bool has_biases,
                       struct rated *out, akin_error *err);
void rated_free(struct rated *r);

#endif
