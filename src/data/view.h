/* What a fit gets (train_view) and what an evaluation gets (test_view). Built once, borrowed. */
#ifndef AKIN_DATA_VIEW_H
#define AKIN_DATA_VIEW_H

#include "cluster/comm.h"
#include "data/dataset.h"
#include "data/feedback.h"
#include "data/history.h"

struct train_view {
    akin_ctx *ctx;
    const struct dataset *ds; /* raw events, tables, tags, ids */
    const struct feedback *feedback;
    struct histories hist; /* all events, oldest first, with weights */
    struct csr by_user;    /* (n_users, n_items) folded positive weights */
    struct csr by_item;    /* its transpose; val may be the same block */
    int32_t *item_count;   /* (n_items) users with a positive on the item */
    struct comm *comm;
    struct comm self_comm;
    int64_t now; /* newest time in train, 0 if none */
    uint64_t seed;
};

/*
 * comm NULL = one process. ds and feedback are borrowed and must outlive the view, which must stay
 * where it is (comm may point into it).
 */
akin_status train_view_build(akin_ctx *ctx, const struct dataset *ds, const struct feedback *f,
                             struct comm *comm, struct train_view *out, akin_error *err);
void train_view_free(struct train_view *tv);
/*
 * Bytes that building and holding a view of n_events by so many users and items will take under
 * rule p, as if all events were positives of distinct pairs: repeated ones make weights differ,
 * which takes up to 4 bytes an event more. For `akin plan`.
 */
double train_view_estimate(const struct feedback_params *p, int64_t n_events, int64_t n_users,
                           int64_t n_items);
/* Users of a shard: [lo, hi). */
void train_view_shard(const struct train_view *tv, int shard, int64_t *lo, int64_t *hi);

enum { VIEW_NO_TYPE = 255 };

/* The test side, joined to the numbering of a model or train set by id. */
struct test_view {
    akin_ctx *ctx;
    const struct dataset *ds; /* borrowed: the test dataset */
    int64_t n_users;          /* rows: users with a target event, and each ROLE_NEXT event */
    int32_t *user;            /* (n_users) train index, -1 = not in train, or ds has roles */
    int32_t *test_user;       /* (n_users) index in ds->users */
    int64_t *ptr;             /* (n_users + 1) target events */
    int32_t *item;            /* train index, -1 = not in the train catalogue */
    float *value;             /* raw value */
    int64_t *time;            /* NULL = none */
    int64_t *event;           /* its row in ds; NULL = ds keeps no columns of events */
    uint8_t *relevant;        /* meets `positive`; repeated items: only the first is relevant */
    int64_t n_given;          /* given events held: those of rows may overlap */
    int64_t *hist_lo;         /* (n_users) given events of a row: [hist_lo, hist_hi) */
    int64_t *hist_hi;
    int32_t *hist_item; /* train numbering; items unknown to train are left out */
    float *hist_weight;
    float *hist_value;
    int64_t *hist_time;
    uint8_t *hist_type;                 /* train's event types; VIEW_NO_TYPE = unknown to train */
    int64_t n_cold_items, n_cold_users; /* distinct, among targets */
    int64_t n_targets;
    bool asks_next; /* several rows may be of one user of ds */
};
/*
 * users, items: numbering of the train set or model. f is applied to the test's event types by
 * name; hist_type refers to the types that f was made for (feedback_types), weights of given
 * events are those at feedback_now(f). Of a row's targets on one item the first that meets the
 * rule is relevant. What a test set with roles gives is all that is known of its users: that train
 * has an equal id means nothing (session files number their lines). Cost: O(events), one thread.
 * Fails: E_INPUT (decay without times), E_MEMORY, E_CANCELLED. Threads: the context's.
 */
akin_status test_view_build(akin_ctx *ctx, const struct dataset *test, const struct ids *users,
                            const struct ids *items, const struct feedback *f,
                            struct test_view *out, akin_error *err);
void test_view_free(struct test_view *tv);
/*
 * Gives the users of a view, built for a model, the events of `since` that the model was not
 * trained on: those that its histories lack by (item, time). What a server folds in. trained: the
 * model's histories. Cost: O(events of these users). Fails: E_INPUT (no instants; given events are
 * there already), E_MEMORY, E_CANCELLED; the view is then only good for test_view_free.
 */
akin_status test_view_give(struct test_view *tv, const struct dataset *since,
                           const struct histories *trained, const struct ids *items,
                           const struct feedback *f, akin_error *err);

#endif
