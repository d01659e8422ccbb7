/*
 * Evaluation, by the definitions of docs/metrics.md: full catalogue, seen items excluded,
 * bootstrap intervals over users, paired tests between models, leakage refused.
 */
#ifndef AKIN_EVAL_EVALUATE_H
#define AKIN_EVAL_EVALUATE_H

#include "eval/metrics.h"
#include "models/model.h"

struct eval_options {
    const struct metric_spec *metrics;
    int32_t n_metrics;
    bool include_seen;    /* sessions: repeats allowed */
    bool with_cold_users; /* users not in train get the list of an empty history (default on) */
    bool clip;            /* clip predictions to the rating range */
    bool allow_leakage;
    int32_t bootstrap;      /* resamples, 0 = no intervals; default 1000 */
    bool segments;          /* also by user warmth (cold, warm, hot) and item head/tail */
    const char *candidates; /* path of a candidates file, NULL = full catalogue */
};

struct metric_value {
    double value, lo, hi; /* NaN: not applicable; lo = hi = NaN without interval */
    int64_t n;            /* users (or pairs) behind it */
};

/* Numerator and denominator of each user where a metric is no plain mean over users. */
struct eval_ratio {
    double *num, *den; /* (n_users) owned, or NULL for a plain mean */
    bool root;         /* the metric is √(Σ num / Σ den) */
};

/* Result of one list of lists; per-user values are kept for paired tests. */
struct eval_result {
    int32_t n_metrics;
    int64_t n_users;               /* rows of per_user: the users of the test view, in its order */
    struct metric_value *metrics;  /* (n_metrics) */
    float *per_user;               /* (n_metrics, n_users), NaN where a user has no value */
    struct eval_ratio *ratio;      /* (n_metrics) */
    const char **reason;           /* (n_metrics) why a value is missing: static text, or NULL */
    int64_t n_eval;                /* users with a relevant item: accuracy metrics */
    int64_t n_empty;               /* users without */
    int64_t n_no_list;             /* users for whom no list could be made (count 0) */
    int64_t n_pairs, n_cold_pairs; /* predicted pairs; pairs that could not be */
    int64_t n_short_lists;         /* lists of fewer than 2 items, left out of diversity */
    int64_t n_cold_items;          /* distinct target items that are not in the train catalogue */
    int64_t n_cold_users;          /* users not in train and without given events */
    bool is_sampled;               /* ranked among given candidates only */
    char warning[200];             /* "" = none */
    double seconds;
    json_t *segments; /* owned or NULL */
};
void eval_result_free(akin_ctx *ctx, struct eval_result *r);

/*
 * Ranks the whole catalogue (or, with opt->candidates, the given items) for every user of the
 * test view, which must be joined to m->users and m->items. Memory: lists of the largest cut in
 * blocks, and about 40 bytes a user and metric; never users × items.
 * Fails: E_ARG (leakage), E_INPUT (candidates file), E_MEMORY, E_CANCELLED.
 */
akin_status evaluate_model(akin_ctx *ctx, const struct model *m, const struct test_view *test,
                           const struct eval_options *opt, struct eval_result *out,
                           akin_error *err);

/* Lists that any system made: per test-user row, items in train numbering (-1 = unknown id). */
struct eval_lists {
    int64_t n;           /* lists */
    const int32_t *user; /* (n) index in the test dataset's users */
    const int64_t *ptr;  /* (n + 1) */
    const int32_t *item;
};
/* Lists are taken as they are: nothing is excluded; of an item that comes twice the first counts.
 * Lists of users that are not in the test view are ignored; of two lists of a user: E_INPUT. */
akin_status evaluate_lists(akin_ctx *ctx, const struct eval_lists *lists,
                           const struct train_view *train, const struct test_view *test,
                           const struct eval_options *opt, struct eval_result *out,
                           akin_error *err);

/*
 * E_ARG if a target event of the test view was trained on: the same user, item and time, or the
 * same user and item where either side has no instants. The message has the count and an example.
 */
akin_status eval_check_leakage(akin_ctx *ctx, const struct histories *hist, enum time_kind kind,
                               const struct ids *users, const struct ids *items,
                               const struct test_view *test, bool repeats_allowed, akin_error *err);

/* Wilcoxon signed-rank (normal approximation with ties, two-sided) and bootstrap of the mean
 * difference a − b over users both have. Differences of per-user values are rounded to 2⁻²⁰ for
 * the ranks, so that equal ones tie. n = 0: NaN throughout. */
struct paired_test {
    double difference, lo, hi;
    double p_wilcoxon;
    int64_t n;
};
akin_status eval_compare(akin_ctx *ctx, const struct eval_result *a, const struct eval_result *b,
                         int32_t metric, int32_t bootstrap, struct paired_test *out,
                         akin_error *err);

/* The JSON of `evaluate --json` for one result (an element of "results" without model facts). */
json_t *eval_result_json(const struct eval_result *r, const struct eval_options *opt);

#endif
