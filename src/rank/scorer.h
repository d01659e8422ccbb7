/*
 * The scorer: what every model is to the rest of akin. Models score; rank/ ranks, excludes,
 * filters and breaks ties, once, so that what is evaluated is what is served.
 *
 * A model gives at least one of
 *   score     values for an item set (a range or a list of ids),
 *   evidence  values for only those items it says something about,
 *   vectors   an item matrix and bias, the user vector being the fold-in state,
 * and rank/ adapts the rest; a model that gives several gives the same values by each. A score that
 * is NaN counts as no value. Items without a value are UNSCORED: they follow all scored ones, by
 * train popularity descending, then index, in evaluation as in serving.
 */
#ifndef AKIN_RANK_SCORER_H
#define AKIN_RANK_SCORER_H

#include "core/mem.h"
#include "data/attributes.h"
#include "data/history.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#define UNSCORED (-INFINITY)

/* One asker. Arrays borrowed. */
struct query {
    int32_t user;                     /* index in the model, -1 = unknown */
    bool is_trained;                  /* hist is exactly the user's training history */
    struct history hist;              /* oldest first; what fold-in uses */
    const char *segment;              /* of the user, for per-segment models; NULL = none */
    int64_t now;                      /* request or test-event time, Unix seconds */
    const struct attributes *context; /* of the request: device, place, …; NULL = none */
};

struct item_set {
    int32_t lo, hi;     /* range when ids is NULL */
    const int32_t *ids; /* n indices */
    int32_t n;
};
static inline int32_t item_set_size(const struct item_set *s)
{
    return s->ids ? s->n : s->hi - s->lo;
}

/*
 * Sparse accumulator, one per worker, reused: value[i] is 0 unless touched. evidence_add keeps the
 * order of calls, which the model fixes.
 */
struct evidence {
    int32_t n_items;
    float *value;   /* (n_items) */
    uint8_t *seen;  /* (n_items) touched? */
    int32_t *items; /* touched items in first-touch order, room for n_items */
    int32_t n;
};
static inline void evidence_add(struct evidence *e, int32_t item, float value)
{
    if (!e->seen[item]) {
        e->seen[item] = 1;
        e->items[e->n++] = item;
        e->value[item] = value;
    } else {
        e->value[item] += value;
    }
}
akin_status evidence_init(akin_ctx *ctx, int32_t n_items, struct evidence *out, akin_error *err);
void evidence_clear(struct evidence *e); /* O(touched) */
void evidence_free(akin_ctx *ctx, struct evidence *e);

struct item_vectors {
    const float *items; /* (n_items, k) row-major, owned by the model */
    const float *bias;  /* (n_items) or NULL */
    int32_t k;
};

/* Why: one of the asker's own items and what it adds to the score. */
struct reason {
    int32_t item;
    float contribution;
};
/* Puts a reason among n of at most max, largest first, of equal ones the lower item; the last falls
 * off. Returns how many there are now. */
static inline int32_t reason_put(struct reason *out, int32_t max, int32_t n, int32_t item,
                                 float contribution)
{
    int32_t at = n;
    while (at > 0 && (out[at - 1].contribution < contribution ||
                      (out[at - 1].contribution <= contribution && out[at - 1].item > item)))
        at--;
    if (at >= max)
        return n;
    int32_t last = n < max ? n : max - 1;
    for (int32_t i = last; i > at; i--)
        out[i] = out[i - 1];
    out[at] = (struct reason){item, contribution};
    return last + 1;
}

/* An item that has no number: values of what the model goes by. */
struct item_state {
    int32_t n;
    const int32_t *index; /* (n) */
    const float *value;   /* (n) */
};

enum scorer_flags {
    SCORER_RATES = 1,      /* scores are predictions on the value scale: rmse, mae make sense */
    SCORER_ITEMS_ONLY = 2, /* ignores the asker: the same list for all (popularity) */
    SCORER_LOG_ODDS = 4, /* scores are log-odds that an event is a positive: logloss makes sense */
    SCORER_TIMED = 8 /* scores depend on the query's now; else a list holds until more is known */
};

/*
 * self is the model's own state. scratch is an arena reset by the caller after each call; all
 * functions are safe to call from several workers at once with different scratch.
 */
struct scorer_class {
    /* out (n_queries rows of ldo floats): out[q·ldo + j] for the j-th item of the set. */
    akin_status (*score)(const void *self, const struct query *queries, int32_t n_queries,
                         const struct item_set *set, float *out, int64_t ldo, struct arena *scratch,
                         akin_error *err);
    akin_status (*evidence)(const void *self, const struct query *q, struct evidence *out,
                            struct arena *scratch, akin_error *err);
    void (*vectors)(const void *self, struct item_vectors *out);
    /* State of an asker (k floats of vectors). For is_trained queries the trained row itself. */
    akin_status (*fold_in)(const void *self, const struct query *q, float *state,
                           struct arena *scratch, akin_error *err);
    /*
     * Contributions of the asker's own items to the score of `item`, largest first, at most max.
     * NULL = the default of rank/: leave one history item out, fold in again, report the change.
     */
    akin_status (*explain)(const void *self, const struct query *q, int32_t item,
                           struct reason *out, int32_t max, int32_t *n, struct arena *scratch,
                           akin_error *err);
    /* Items near `item` (not itself). NULL with vectors = cosine of item vectors, by rank/. */
    akin_status (*similar)(const void *self, int32_t item, struct evidence *out,
                           struct arena *scratch, akin_error *err);
    /*
     * Items that came after the fit, by what is known of them; NULL all three if it cannot. The
     * state lies in scratch (n 0: nothing is known that the model goes by) and may be kept; scores
     * of n states for an asker are those that the items would have had in the fit, UNSCORED for no
     * value.
     */
    akin_status (*fold_in_item)(const void *self, const struct attributes *a,
                                struct item_state *out, struct arena *scratch, akin_error *err);
    akin_status (*score_states)(const void *self, const struct query *q,
                                const struct item_state *items, int32_t n, float *out,
                                struct arena *scratch, akin_error *err);
    /* As explain, for such an item. */
    akin_status (*explain_state)(const void *self, const struct query *q,
                                 const struct item_state *item, struct reason *out, int32_t max,
                                 int32_t *n, struct arena *scratch, akin_error *err);
};

struct scorer {
    const struct scorer_class *cls;
    const void *self;
    uint32_t flags; /* enum scorer_flags, of this trained instance */
    int32_t n_items;
    const int32_t *item_count; /* (n_items) train popularity, orders UNSCORED items */
};

#endif
