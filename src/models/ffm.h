/* Shared by ffm.c (the model), ffm_fit.c, ffm_ask.c only. */
#ifndef AKIN_MODELS_FFM_H
#define AKIN_MODELS_FFM_H

#include "kern/kern.h"
#include "models/machine.h"

struct ffm_params {
    int64_t task;
    int64_t factors;
    int64_t epochs;
    double learning_rate;
    int64_t batch;
    double reg;
    double linear_reg;
    double stddev;
    int64_t negatives;
    json_t *columns;
    int64_t tags;
    int64_t user_features;
    int64_t item_features;
    int64_t context;
};

/*
 * Fields: items themselves (0), each sort of their attributes, users themselves (n_b), each sort of
 * theirs, each column of contexts. The first n_b are of items (b), the other n_a of who asks and
 * where (a). A row of parameters is θ = [v_0 … v_{F-1}, w].
 *
 * An item's vector holds, for each a and b, what its features of field b have for field a, k each,
 * then 1; an asker's state holds the same of hers, then what the item has no part in.
 */
struct ffm {
    struct fm_known known;
    const struct ffm_params *params;
    int64_t k, n_a, n_b, F, width, dim; /* width = F·k + 1, dim = n_a·n_b·k + 1 */
    int32_t *field[FM_SIDES];           /* of the features of a spec, owned */
    const float *theta[FM_SIDES];       /* (features of the spec, width) */
    const float *items;                 /* (n_items, dim) */
    const float *offset;                /* (n_items) ŷ of an item alone, without base */
    const float *bias;                  /* (n_items) base + spread · offset */
};

/* self of a model that is to be fitted or loaded; then, once the specs are known, its fields. */
void ffm_init(struct model *m, uint64_t seed);
akin_status ffm_number_fields(struct ffm *s, akin_error *err);
static inline int64_t ffm_own_field(const struct ffm *s, enum fm_side_of side)
{
    return side == FM_ITEMS ? 0 : s->n_b;
}
/* From sums of an item's features by field, T (F, width): its vector (dim). */
void ffm_item_vector(const struct ffm *s, const float *T, float *out);

/* ffm_fit.c */
akin_status ffm_fit(struct model *m, const struct train_view *tv, const struct fit_control *ctl,
                    akin_error *err);
/* ffm_ask.c: the functions of the scorer. */
void ffm_vectors(const void *self, struct item_vectors *out);
akin_status ffm_fold_in(const void *self, const struct query *q, float *state,
                        struct arena *scratch, akin_error *err);
akin_status ffm_explain(const void *self, const struct query *q, int32_t item, struct reason *out,
                        int32_t max, int32_t *n, struct arena *scratch, akin_error *err);
akin_status ffm_similar(const void *self, int32_t item, struct evidence *out, struct arena *scratch,
                        akin_error *err);
akin_status ffm_fold_in_item(const void *self, const struct attributes *a, struct item_state *out,
                             struct arena *scratch, akin_error *err);
akin_status ffm_score_states(const void *self, const struct query *q,
                             const struct item_state *items, int32_t n, float *out,
                             struct arena *scratch, akin_error *err);
akin_status ffm_explain_state(const void *self, const struct query *q,
                              const struct item_state *item, struct reason *out, int32_t max,
                              int32_t *n, struct arena *scratch, akin_error *err);

#endif
