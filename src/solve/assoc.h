/*
 * Association rules (Agrawal, Imieliński and Swami 1993, doi:10.1145/170035.170072): "who has these
 * has those too", from the frequent itemsets, with their measures.
 */
#ifndef AKIN_SOLVE_ASSOC_H
#define AKIN_SOLVE_ASSOC_H

#include "solve/itemsets.h"

/* All frequent itemsets in memory, to be looked up by their items. */
struct assoc_sets {
    int64_t n_baskets; /* with anything in them */
    int32_t n;
    int64_t cap, item_cap;
    int64_t *ptr;   /* (n + 1) */
    int32_t *item;  /* ascending within a set */
    int32_t *count; /* (n) baskets */
    int32_t *slot;  /* (n_slots) hash table: set or -1 */
    int64_t n_slots;
};
static inline int32_t assoc_length(const struct assoc_sets *s, int32_t set)
{
    return (int32_t)(s->ptr[set + 1] - s->ptr[set]);
}
/*
 * Mines (itemsets.h; kind must be ITEMSET_ALL, or lookups fail) and keeps. Cost: beside the mining
 * some 30 bytes and a hash a set. Fails: as itemsets_mine; E_LIMIT (2^31 sets).
 */
akin_status assoc_sets_mine(akin_ctx *ctx, const struct csr *by_basket, const struct csr *by_item,
                            const struct itemset_spec *spec, struct assoc_sets *out,
                            akin_error *err);
void assoc_sets_free(akin_ctx *ctx, struct assoc_sets *s);
/* The set of items (n, ascending), -1 if it is not among them. */
int32_t assoc_find(const struct assoc_sets *s, const int32_t *items, int32_t n);

/* from → to; all three are sets: from and to share no item, whole is both. */
struct assoc_rule {
    int32_t whole, from, to;
};

struct assoc_spec {
    double min_confidence, min_lift;
    int64_t max_antecedent, max_consequent; /* items; 0 = any */
    int64_t max_rules;                      /* more is E_LIMIT; 0 = any number */
};
/*
 * All rules that meet spec, by whole set. Owned by the caller (mem). Cost: a look-up a rule tried;
 * consequents grow only while the confidence is reached, which a larger one never raises.
 * Fails: E_LIMIT, E_MEMORY, E_CANCELLED. Threads: the context's; the same for any number.
 */
akin_status assoc_rules(akin_ctx *ctx, const struct assoc_sets *s, const struct assoc_spec *spec,
                        struct assoc_rule **out, int64_t *n, akin_error *err);

enum assoc_measure {
    ASSOC_SUPPORT,    /* share of the baskets with both sides */
    ASSOC_CONFIDENCE, /* share of those with `from` that have `to` */
    ASSOC_LIFT,       /* confidence over the share of all baskets that have `to` */
    ASSOC_LEVERAGE,   /* support less what chance would give */
    ASSOC_CONVICTION, /* how much more often the rule would fail by chance; may be infinite */
    ASSOC_ZHANG,      /* -1 (never together) to 1 (always); 0 = by chance (Zhang 2000) */
    ASSOC_MEASURES
};
#define ASSOC_MEASURE_CHOICES "support|confidence|lift|leverage|conviction|zhang"
double assoc_measure_of(const struct assoc_sets *s, const struct assoc_rule *r,
                        enum assoc_measure measure);
/*
 * Best first; of equal ones the better supported, then the shorter `from`, then by items: an order
 * that does not depend on how the sets were found. Fails: E_MEMORY.
 */
akin_status assoc_sort(akin_ctx *ctx, const struct assoc_sets *s, enum assoc_measure by,
                       struct assoc_rule *rules, int64_t n, akin_error *err);

#endif
