/*
 * Frequent itemsets: which items lie together in at least so many baskets, and in how many.
 *
 * Counts are exact. Sets are handed over one by one in an order that depends on the baskets and the
 * method alone, not on threads; memory is bounded however many there are.
 */
#ifndef AKIN_SOLVE_ITEMSETS_H
#define AKIN_SOLVE_ITEMSETS_H

#include "data/csr.h"

enum itemset_kind {
    ITEMSET_ALL,
    ITEMSET_CLOSED, /* no superset has the same count */
    ITEMSET_MAXIMAL /* no superset is frequent */
};
#define ITEMSET_KIND_CHOICES "all|closed|maximal"

enum itemset_method {
    ITEMSET_AUTO,    /* eclat, but FP-growth where its bits would take much more memory */
    ITEMSET_ECLAT,   /* sets of baskets as bits (Zaki 2000) */
    ITEMSET_FPGROWTH /* prefix trees (Han, Pei and Yin 2000); ITEMSET_ALL only */
};
#define ITEMSET_METHOD_CHOICES "auto|eclat|fpgrowth"

struct itemset_spec {
    enum itemset_kind kind;
    enum itemset_method method;
    int64_t min_count;  /* baskets, >= 1 */
    int64_t max_length; /* items of a set; 0 = any. Longer ones are left out: which sets are closed
                           or maximal does not depend on it */
    int64_t max_sets;   /* more than these is E_LIMIT; 0 = any number */
    /* (max_length + 1) instead of min_count, by length, never falling; ITEMSET_ALL; or NULL */
    const int64_t *least;
};

enum { ITEMSET_LENGTHS = 64 };

struct itemset_stats {
    int64_t n;
    int64_t by_length[ITEMSET_LENGTHS + 1]; /* the last one: of that many items and more */
    int32_t longest;
};

/* items (n) distinct, in no particular order, borrowed during the call; count: baskets with all. On
 * the calling thread only. */
typedef akin_status (*itemset_fn)(void *arg, const int32_t *items, int32_t n, int32_t count,
                                  akin_error *err);

/*
 * Hands all frequent itemsets of one item and more to fn.
 *   by_basket  (n_baskets, n_items) distinct items of each basket; values do not matter
 *   by_item    its transpose
 *   fn         NULL = counting is enough
 *   stats      may be NULL
 * Cost: Σ over baskets of size²/2, then a bitwise and with a count of ones a candidate. Memory: 4
 * bytes an event; per worker the bits of one item's baskets × the items that go with it often
 * enough; 8 MiB of sets a worker that wait for their turn.
 * Fails: E_ARG, E_LIMIT (max_sets; found early where items always come together), E_MEMORY (says
 * what to do), E_CANCELLED, what fn gives. Threads: the context's.
 */
akin_status itemsets_mine(akin_ctx *ctx, const struct csr *by_basket, const struct csr *by_item,
                          const struct itemset_spec *spec, itemset_fn fn, void *arg,
                          struct itemset_stats *stats, akin_error *err);

/*
 * Supports by length (spec.least) that leave at most `most` sets of each length: least[1] is given,
 * least[2..max_length] become the least numbers, never falling, that do so.
 * Cost: that of mining the sets that stay and of some that do not; 8 MiB a length at most. Lengths
 * of which more than `most` sets lie in 2^20 baskets get none at all. Fails: as itemsets_mine.
 */
akin_status itemsets_raise(akin_ctx *ctx, const struct csr *by_basket, const struct csr *by_item,
                           int64_t max_length, int64_t most, int64_t *least, akin_error *err);

/* Baskets with anything in them. */
int64_t itemsets_baskets(const struct csr *by_basket);
/*
 * A support as people give it: below 1 a share of n_baskets (rounded up), else a number of baskets,
 * which must be whole. Fails: E_ARG.
 */
akin_status itemsets_min_count(double min_support, int64_t n_baskets, int64_t *out,
                               akin_error *err);

#endif
