/* Ratings: what models that predict values share: the matrix both ways, and baselines. */
#ifndef AKIN_MODELS_RATINGS_H
#define AKIN_MODELS_RATINGS_H

#include "models/folded.h"
#include "models/model.h"

/*
 * The last value of each user and item, both ways; freed by the caller. what, instead: of the
 * message for data without values: "itemknn: mode=rating needs ratings; … (use mode=ranking)".
 * Fails: E_INPUT (there are no values), E_MEMORY, E_CANCELLED.
 */
akin_status ratings_build(const struct train_view *tv, const char *what, const char *instead,
                          struct csr *by_user, struct csr *by_item, akin_error *err);

/* μ + b_u + b_i: b_i = Σ(r - μ) / (n(i) + damping), b_u = Σ(r_j - μ - b_j) / (n(u) + damping). */
struct baseline {
    int32_t n_items;
    double damping;
    const float *bias; /* (n_items) b_i, NaN = nobody rated it; NULL = no baseline at all */
    double mean;       /* μ */
};
akin_status baseline_fit(akin_ctx *ctx, const struct csr *by_user, const struct csr *by_item,
                         double damping, struct baseline *out, akin_error *err);
/* Of a fitted model; those of a loaded one are views into its file. */
void baseline_free(const struct model *m, struct baseline *b);
/* Sections m.bias, m.mean. */
akin_status baseline_save(struct container_writer *w, const struct baseline *b, akin_error *err);
akin_status baseline_load(struct container *c, int32_t n_items, double damping,
                          struct baseline *out, akin_error *err);

/* b_i, 0 of an item that nobody rated. */
static inline double baseline_item(const struct baseline *b, int32_t item)
{
    return isnan(b->bias[item]) ? 0 : (double)b->bias[item];
}
/* b_u of a user with ratings h. */
double baseline_user(const struct baseline *b, const struct folded *h);

#endif
