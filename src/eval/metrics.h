/* Metrics: a table of definitions; each number carries the id of its definition. */
#ifndef AKIN_EVAL_METRICS_H
#define AKIN_EVAL_METRICS_H

#include "core/ctx.h"

#include <stdbool.h>

enum metric_kind { METRIC_USER, METRIC_LIST, METRIC_PAIR };
/* Whose definition: akin's own, or another library's for comparison (--as). */
enum metric_dialect {
    DIALECT_AKIN,
    DIALECT_IMPLICIT,
    DIALECT_SPARK,
    DIALECT_RECBOLE,
    DIALECT_RECTOOLS,
    DIALECT_GORSE,
    DIALECT_RECPACK,
    DIALECT_ELLIOT
};

/* Rows of the metric table, in the order of docs/metrics.md. */
enum metric_id {
    METRIC_PRECISION,
    METRIC_RECALL,
    METRIC_RECALL_CAPPED,
    METRIC_HIT,
    METRIC_NDCG,
    METRIC_MAP,
    METRIC_MAP_R, /* map ÷ |R| */
    METRIC_MAP_K, /* map ÷ k */
    METRIC_MRR,
    METRIC_AUC,
    METRIC_RMSE,
    METRIC_MAE,
    METRIC_LOGLOSS,
    METRIC_COVERAGE,
    METRIC_GINI,
    METRIC_ENTROPY,
    METRIC_NOVELTY,
    METRIC_POPULARITY,
    METRIC_DIVERSITY,
    METRIC_SERENDIPITY,
    METRIC_COUNT
};
enum { METRIC_MAX_CUT = 10000 };

struct metric_spec {
    int32_t id; /* row of the metric table */
    int32_t k;  /* 0 for metrics without a cut */
    enum metric_dialect dialect;
    char name[32];       /* "ndcg@10" */
    char definition[80]; /* "ndcg@10[bin,log2,min(k,R)]" */
};

/* "recall@20", "rmse". Fails: E_ARG naming the known metrics. */
akin_status metric_parse(const char *text, enum metric_dialect dialect, struct metric_spec *out,
                         akin_error *err);
/* Fails: E_ARG, also for a metric named twice and for an empty list. *out is a mem block. */
akin_status metric_parse_list(akin_ctx *ctx, const char *comma_separated,
                              enum metric_dialect dialect, struct metric_spec **out, int32_t *n,
                              akin_error *err);
bool metric_dialect_find(const char *name, enum metric_dialect *out);
const char *metric_dialect_name(enum metric_dialect dialect);
enum metric_kind metric_kind_of(const struct metric_spec *m);
/* 1: more is better, -1: less is, 0: neither. */
int metric_direction(const struct metric_spec *m);
/* Name and one-sentence definition of table row id; NULL past the end. */
const char *metric_name_at(int32_t id);
const char *metric_help_at(int32_t id);
/* Computed from the hit flags of one user's list alone (auc, rmse, coverage … are not). */
bool metric_is_from_hits(const struct metric_spec *m);

/*
 * One user's value of a METRIC_USER metric from hit flags: hit[r] = 1 if rank r (0-based) is
 * relevant, n_list of them; n_rel = |R|. NaN = this user does not count under the dialect.
 */
double metric_user(const struct metric_spec *m, const uint8_t *hit, int32_t n_list, int32_t n_rel);
/*
 * The same as a fraction: the metric over users is Σ num / Σ den. den = 0: the user does not
 * count; for a mean over users den is 1; implicit's micro-average has den = min(k, |R|).
 */
void metric_fraction(const struct metric_spec *m, const uint8_t *hit, int32_t n_list, int32_t n_rel,
                     double *num, double *den);

#endif
