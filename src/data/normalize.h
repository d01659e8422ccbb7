/*
 * Normalisation of values: min-max, z-score, mean; over all, per user or per item. Fitted on train
 * only, applied anywhere, with an inverse for predictions.
 */
#ifndef AKIN_DATA_NORMALIZE_H
#define AKIN_DATA_NORMALIZE_H

#include "data/dataset.h"

enum norm_kind { NORM_NONE, NORM_MINMAX, NORM_ZSCORE, NORM_MEAN };
enum norm_scope { NORM_ALL, NORM_USER, NORM_ITEM };
/* For parameter rows of PARAM_CHOICE. */
#define NORM_KIND_CHOICES "none|minmax|zscore|mean"
#define NORM_SCOPE_CHOICES "all|user|item"

/* y = (x - center) / scale */
struct normalizer {
    akin_ctx *ctx;
    enum norm_kind kind;
    enum norm_scope scope;
    double center, scale; /* over all; also for rows without a value in train */
    int64_t n;            /* rows: users or items of train, 0 for scope all */
    double *row_center;   /* (n) owned */
    double *row_scale;    /* (n) owned */
};

/*
 * Learns from the values of ds (implicit data: all 1). minmax maps least..greatest to 0..1, zscore
 * to mean 0 and standard deviation 1 (of the population), mean subtracts the mean. What has no
 * spread keeps scale 1. Statistics are doubles, folded over fixed blocks: the same bits for any
 * number of threads. Cost: one pass, two for zscore; scope item on one thread.
 * Fails: E_ARG (unknown kind or scope), E_MEMORY, E_CANCELLED.
 */
akin_status normalizer_fit(akin_ctx *ctx, const struct dataset *ds, enum norm_kind kind,
                           enum norm_scope scope, struct normalizer *out, akin_error *err);
void normalizer_free(struct normalizer *norm);

/* Of one value; user, item in train numbering, -1 = unknown. Pure. */
double normalizer_apply(const struct normalizer *norm, int32_t user, int32_t item, double value);
double normalizer_inverse(const struct normalizer *norm, int32_t user, int32_t item, double value);
/* Of every event of ds, which has the numbering of train, into out (n_events). */
akin_status normalizer_apply_events(const struct normalizer *norm, const struct dataset *ds,
                                    float *out, akin_error *err);

/* {kind, scope, center, scale, row_center, row_scale} and back, exactly. NULL: lack of memory. */
json_t *normalizer_to_json(const struct normalizer *norm);
/* Fails: E_FORMAT (damaged), E_MEMORY. */
akin_status normalizer_from_json(akin_ctx *ctx, const json_t *json, struct normalizer *out,
                                 akin_error *err);

#endif
