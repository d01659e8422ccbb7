/* Shared by bmf.c (the model), bmf_asker.c, bmf_rows.c (its rows) and its training (bmf_fit.h). */
#ifndef AKIN_MODELS_BMF_H
#define AKIN_MODELS_BMF_H

#include "kern/kern.h"
#include "models/model.h"

enum bmf_likelihood { BMF_NORMAL, BMF_ORDINAL };
enum {
    BMF_LEVELS = 128, /* different ratings that levels are made of, at most */
    BMF_GRID = 641    /* points of a table of expected ratings */
};

struct bmf_params {
    int64_t factors;
    int64_t samples;
    int64_t burn_in;
    int64_t thin;
    int64_t implicit;
    int64_t flipped;
    int64_t features;
    double bin_days;
    double noise;
    int64_t likelihood;
};

/*
 * The kept samples. k = factors; a row has k1 = k + 1 coordinates, its vector and its bias. Of an
 * item each sample has what was drawn, [q, 1], the features that an asker's row is solved with; and
 * the mean of what could have been drawn, [q̄, 1], which is what is scored: asker and item are
 * independent given all other rows, so that the mean of their product is that of their means. The
 * mean over samples of p̄·q̄ + b_u is one dot product with a user's S times [p̄, b_u] · spread / S.
 * With levels (bmf_ordinal.c) that is the mean of a latent, and a score the mean over samples of
 * the rating that it lets expect.
 */
struct bmf {
    akin_ctx *ctx;
    const struct bmf_params *params;
    int64_t k, k1, S;
    int64_t n_items;
    const float *items;    /* (n_items, S, k1) [q̄, 1] */
    const float *features; /* (n_items, S, k1) [q, 1] */
    const float *offset;   /* (n_items, S) b_i as drawn */
    const float *bias; /* (n_items) mean + spread · the mean of b̄_i; of levels (n_items, S) b̄_i */
    const float *implicit; /* (n_items, S, k1) y, NULL without */
    const float *prior;    /* (S, 2, k1) of users: mean, precision over that of the noise */
    const float *time;     /* (S, n_bins, k1) of times, NULL without */
    const int64_t *clock;  /* (3) first second, seconds of a bin, n_bins; of bmf_bin */
    int64_t n_levels;      /* 0 = ratings are normal */
    const float *levels;   /* (n_levels) the ratings there are, ascending */
    const float *cuts;     /* (S, n_levels) √alpha, then the cut points, ascending */
    const float *expected; /* (S, BMF_GRID) the rating to expect at means of a latent */
    double mean, spread;   /* of the ratings; inside they have mean 0 and variance 1 */
    bool is_mapped;        /* arrays lie in the model's file */
};

static inline float bmf_unit(const struct bmf *s, float value)
{
    return (float)(((double)value - s->mean) / s->spread);
}

/* The bin of a time; those outside of training belong to the first or last bin. */
static inline int32_t bmf_bin(const int64_t *clock, int64_t time)
{
    if (time <= clock[0])
        return 0;
    uint64_t bin = ((uint64_t)time - (uint64_t)clock[0]) / (uint64_t)clock[1];
    return bin < (uint64_t)clock[2] ? (int32_t)bin : (int32_t)clock[2] - 1;
}

/*
 * One row's conditional distribution given the other side:
 *   A = Σ x xᵀ + diag(ratio),  mean = prior + A⁻¹ Σ x (t - x·prior),  covariance A⁻¹ / alpha
 */
struct bmf_row {
    int64_t n;
    const float *X; /* features: row rows[e] of stride ldx, k1 floats */
    int64_t ldx;
    const int32_t *rows; /* (n) */
    const float *target; /* (n) */
    const float *prior;  /* (k1) */
    const float *ratio;  /* (k1) precision of the prior over that of the noise, > 0 */
};

/* Floats of scratch of a row. */
static inline int64_t bmf_row_scratch(int64_t k1)
{
    return (k1 + 1) * (k1 + 1) + k1;
}
/*
 * mean (k1, or NULL) = the mean; draw (k1, or NULL) = a draw, noise (k1) being standard normals
 * over √alpha. Cost: n·k1²/2 + k1³/6. Fails: E_INTERNAL (features or targets are not finite).
 */
akin_status bmf_row_solve(const struct kern *kern, int64_t k1, const struct bmf_row *row,
                          const float *noise, float *mean, float *draw, float *scratch,
                          akin_error *err);
/* out (k1) = A⁻¹ b, for explanations. */
akin_status bmf_row_apply(const struct kern *kern, int64_t k1, const struct bmf_row *row,
                          const float *b, float *out, float *scratch, akin_error *err);

/*
 * The same of a row whose targets are latents within their levels: the means of both given each
 * other, to 1/1024. target (n) starts at its best guess and ends as the latents' means less rest;
 * rest (n) = what of a latent's mean is not the row's.
 */
struct bmf_scale {
    int32_t n_levels;
    double root;      /* √alpha */
    const float *cut; /* (n_levels - 1) */
};
akin_status bmf_row_levels(const struct kern *kern, int64_t k1, const struct bmf_row *row,
                           const struct bmf_scale *scale, const int32_t *level, const float *rest,
                           float *target, float *mean, float *scratch, akin_error *err);

/* How likely a standard normal is between lo and hi, and its mean if it is. */
double bmf_between(double lo, double hi);
double bmf_mean_between(double lo, double hi);
/* The mean of a latent around `mean`, given its level. */
double bmf_latent(const struct bmf_scale *scale, int32_t level, double mean);
/* Of a kept sample; the nearest level of a rating; its table of expected ratings (BMF_GRID), what
 * it says at a mean, and the mean slope from one to another. */
struct bmf_scale bmf_scale_of(const struct bmf *s, int64_t sample);
int32_t bmf_level_of(const struct bmf *s, float value);
void bmf_expected_make(const struct bmf *s, int64_t sample, float *out);
double bmf_expected(const struct bmf *s, int64_t sample, double mean);
double bmf_slope(const struct bmf *s, int64_t sample, double from, double to);

/* Of the scorer; bmf_score for levels only. */
akin_status bmf_score(const void *self, const struct query *queries, int32_t n_queries,
                      const struct item_set *set, float *out, int64_t ldo, struct arena *scratch,
                      akin_error *err);
akin_status bmf_fold_in(const void *self, const struct query *q, float *state,
                        struct arena *scratch, akin_error *err);
akin_status bmf_explain(const void *self, const struct query *q, int32_t item, struct reason *out,
                        int32_t max, int32_t *n, struct arena *scratch, akin_error *err);

akin_status bmf_fit(struct model *m, const struct train_view *tv, const struct fit_control *ctl,
                    akin_error *err);

#endif
