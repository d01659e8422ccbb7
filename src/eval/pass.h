/*
 * One evaluation while it runs; shared by the files of eval/ only.
 *
 * Rows are the users of the test view. Each metric of each row is a fraction num / den; den = 0
 * where the row does not count. Lists arrive in blocks (pass_lists) and are forgotten again.
 */
#ifndef AKIN_EVAL_PASS_H
#define AKIN_EVAL_PASS_H

#include "core/par.h"
#include "eval/evaluate.h"
#include "rank/rank.h"

/* What the evaluation knows of the train side. All borrowed. */
struct eval_side {
    const struct ids *users, *items;
    int32_t n_users, n_items;
    const struct histories *hist;
    enum time_kind time_kind;
    const struct table *item_table, *user_table;
    const int32_t *item_count; /* (n_items) train users with a positive */
    float value_lo, value_hi;
};

/* Slices of the relevant items: all, and by popularity of the item in train. */
enum { SLICE_ALL, SLICE_HEAD, SLICE_TAIL, SLICE_WARM, SLICE_COUNT };

/* How well train knows a user. */
enum warmth { USER_HOT, USER_WARM, USER_COLD, WARMTH_COUNT };

struct diversity;

struct eval_pass {
    akin_ctx *ctx;
    const struct eval_options *opt;
    const struct test_view *test;
    struct eval_side side;
    int64_t n_rows;
    int32_t n_slices;    /* 1, or SLICE_COUNT with opt->segments */
    int32_t max_k;       /* longest list any metric needs, 0 = none */
    int64_t *rel_ptr;    /* (n_rows + 1) */
    int32_t *rel_item;   /* relevant items of a row in the catalogue, ascending */
    int32_t *n_rel;      /* (n_slices, n_rows) |R| of the slice */
    uint8_t *item_slice; /* (n_items), with opt->segments */
    uint8_t *warmth;     /* (n_rows) enum warmth */
    uint8_t *is_out;     /* (n_rows) cold, and cold users are not wanted */
    int32_t *n_list;     /* (n_rows) items in the list */
    double *num, *den;   /* (n_slices, n_metrics, n_rows) */
    int32_t n_cuts;
    int32_t *cuts;         /* (n_cuts) cuts of coverage, gini, entropy */
    int64_t *exposure;     /* (n_cuts, n_items) */
    double *novelty;       /* (n_items) or NULL */
    int32_t *pop_rank;     /* (n_items) 1-based, or NULL */
    struct diversity *div; /* or NULL */
    uint8_t *hits;         /* (workers, 2, max_k) */
    const char **reason;   /* (n_metrics) */
    int64_t n_pairs, n_cold_pairs;
    bool is_sampled;
    int64_t start_ns;
};

/* side, opt, test, ctx set by the caller. */
akin_status pass_open(struct eval_pass *p, akin_error *err);
void pass_close(struct eval_pass *p);

/* One list of a row; is called by workers for different rows. */
void pass_list(struct eval_pass *p, int64_t row, const int32_t *items, int32_t n, int worker);
/* Adds lists to the exposure counts; on the calling thread. */
void pass_expose(struct eval_pass *p, const int32_t *items, int32_t n);
/* Values, intervals, segments, warnings. */
akin_status pass_finish(struct eval_pass *p, struct eval_result *out, akin_error *err);

static inline double *pass_num(const struct eval_pass *p, int32_t slice, int32_t metric)
{
    return p->num + ((int64_t)slice * p->opt->n_metrics + metric) * p->n_rows;
}
static inline double *pass_den(const struct eval_pass *p, int32_t slice, int32_t metric)
{
    return p->den + ((int64_t)slice * p->opt->n_metrics + metric) * p->n_rows;
}
/* Is item among the relevant ones of the row? */
bool pass_is_relevant(const struct eval_pass *p, int64_t row, int32_t item);

/* lists.c: fills p->pop_rank if it is not there; metrics of exposure from counts. */
akin_status popularity_ranks(struct eval_pass *p, akin_error *err);
double exposure_metric(const struct metric_spec *m, const int64_t *count, int64_t *work,
                       int32_t n_items);

/* segments.c */
akin_status segments_classify(struct eval_pass *p, akin_error *err);
akin_status segments_json(struct eval_pass *p, json_t **out, akin_error *err);
/* result.c: {"recall@20": {"value", "lo", "hi", "n"}, …} of the metrics that have users. */
json_t *metric_values_json(const struct eval_options *opt, const struct metric_value *values);
/* summary.c: the metrics of the rows with mask[row] == want (mask NULL: all) in a slice. */
akin_status pass_summary(struct eval_pass *p, int32_t slice, const uint8_t *mask, uint8_t want,
                         struct metric_value *out, akin_error *err);

/* diversity.c */
akin_status diversity_create(akin_ctx *ctx, const struct eval_side *side, struct diversity **out,
                             akin_error *err);
void diversity_free(struct diversity *d);
/* Mean distance over the pairs of items (n >= 2). */
double diversity_of(struct diversity *d, const int32_t *items, int32_t n, int worker);

/* Queries of rows: training history and given events; queries.c. Arrays live in arena. */
akin_status query_of_row(const struct eval_pass *p, const struct model *m, int64_t row,
                         struct arena *arena, struct query *out, akin_error *err);
/* Does the model go by columns of events that the test has? */
bool query_has_context(const struct eval_pass *p, const struct model *m);
/* Those of a target, in arena. */
akin_status query_context(const struct eval_pass *p, int64_t target, struct arena *arena,
                          const struct attributes **out, akin_error *err);
/* auc.c, pairs.c: parallel over rows. */
akin_status auc_run(struct eval_pass *p, const struct model *m, struct ranker *ranker,
                    akin_error *err);
akin_status pairs_run(struct eval_pass *p, const struct model *m, struct ranker *ranker,
                      uint32_t scorer_flags, akin_error *err);
/*
 * 2 · (wins + ½ ties) of n_pos positives against n_neg negatives by (score, popularity): both
 * unscored ones are told apart by train popularity. pos is sorted in place.
 */
struct auc_key {
    float score;
    int32_t count; /* 0 unless unscored */
};
int64_t auc_wins(struct auc_key *pos, int32_t n_pos, const struct auc_key *neg, int32_t n_neg);
static inline struct auc_key auc_key_of(float score, int32_t count)
{
    bool is_scored = score > UNSCORED;
    return (struct auc_key){is_scored ? score : UNSCORED, is_scored ? 0 : count};
}

/* candidates.c: instead of lists over the catalogue. */
akin_status candidates_run(struct eval_pass *p, const struct model *m, struct ranker *ranker,
                           akin_error *err);

#endif
