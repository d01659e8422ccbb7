/* Models that predict ratings from two tables of factors: what svd and nmf share. */
#ifndef AKIN_MODELS_RATING_SGD_H
#define AKIN_MODELS_RATING_SGD_H

#include "models/factors.h"

/* The same keys for each of them; defaults and help are in its own table. */
struct rating_params {
    int64_t factors;
    int64_t epochs;
    double learning_rate;
    double decay;
    double reg;
    double stddev;
    int64_t grid;
};

/* What is known of one asker: items ascending, and their ratings less the offset, over the scale.
 * Borrowed. */
struct rating_row {
    int32_t n;
    const int32_t *item;
    const float *above;
};

/*
 * Rows: item [q, 1, …], user [p, b, …] of params->factors numbers, then one that all predictions
 * share; what follows is the kind's own. Ratings are learnt in units of their spread, so that the
 * same learning rate and regularisation fit stars and percents: r̂ = offset + scale · (user · item),
 * and a state is a user row times scale with the offset added to b.
 */
struct rating {
    const struct rating_params *params;
    const struct rating_kind *kind;
    struct factors f;
    double mean;   /* of the ratings */
    double offset; /* what the factors do not predict */
    double scale;  /* standard deviation of the ratings, 1 if that is 0 */
};

struct rating_kind {
    int64_t extra;             /* numbers of a row behind params->factors */
    int64_t learns_p, skips_q; /* see struct sgd; behind params->factors, skips_q -1 = none */
    bool is_non_negative;      /* the offset is the least rating (if < 0), else it is the mean */
    /* Tables of zeros get their first values; item_n (n_items) ratings. */
    akin_status (*begin)(struct rating *s, const struct csr *above, const int32_t *item_n,
                         uint64_t seed, akin_error *err);
    /* row (k) = the exact user row on the items as they are. */
    akin_status (*solve)(const struct rating *s, const struct rating_row *r, float *row,
                         struct arena *scratch, akin_error *err);
};

/* The parts of a model class whose self is a struct rating. Fails: E_INPUT (no values), and as
 * sgd_run. */
akin_status rating_fit(struct model *m, const struct rating_kind *kind, const struct train_view *tv,
                       const struct fit_control *ctl, akin_error *err);
akin_status rating_fold_in(const void *self, const struct query *q, float *state,
                           struct arena *scratch, akin_error *err);
akin_status rating_score(const void *self, const struct query *queries, int32_t n_queries,
                         const struct item_set *set, float *out, int64_t ldo, struct arena *scratch,
                         akin_error *err);
akin_status rating_similar(const void *self, int32_t item, struct evidence *out,
                           struct arena *scratch, akin_error *err);
uint32_t rating_flags(const struct model *m);
akin_status rating_save(const struct model *m, struct container_writer *w, akin_error *err);
akin_status rating_load(struct model *m, const struct rating_kind *kind, struct container *c,
                        akin_error *err);
void rating_destroy(struct model *m);
void rating_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                     double *bytes, double *flops);

/* What the model knows of an asker; arrays in scratch. */
akin_status rating_history(const struct rating *s, const struct query *q, struct arena *scratch,
                           struct rating_row *out, akin_error *err);

#endif
