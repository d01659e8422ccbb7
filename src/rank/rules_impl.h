/* Inside of the rules: the pool of items that an answer is chosen from. rules*.c only. */
#ifndef AKIN_RANK_RULES_IMPL_H
#define AKIN_RANK_RULES_IMPL_H

#include "rank/rules.h"

enum { RULE_CATEGORIES = 64 }; /* of an item that are looked at, at most */

/* What comes only when what is before it is used up. */
enum rule_tier {
    TIER_SCORED = 0,
    TIER_UNSCORED, /* of the list, by popularity */
    TIER_FILLER    /* pinned beyond the list's end, promoted or new, not in the list */
};

/* An item that may come. */
struct rule_cand {
    int32_t item;
    float score;   /* the model's */
    double value;  /* damped score; with diversity, relevance in its tier, 0..1 */
    double near;   /* with diversity: largest likeness to what is chosen, 0 if nothing is */
    int32_t *cats; /* (n_cats) numbered from 0 by the pool, scratch */
    int32_t n_cats;
    enum rule_tier tier;
    bool is_placed; /* in the answer, or pinned to a place that comes */
};

/* Indices of candidates in order of preference; what is before cursor is placed or, at this level,
 * over a cap, which stays so because categories only fill up. */
struct rule_queue {
    int32_t *at; /* (n) */
    int32_t n;
    int32_t cursor;
    int64_t level;
};

struct rule_pin {
    int32_t at; /* candidate */
    int32_t place;
};

struct rule_pool {
    const struct rule_params *p;
    const struct rule_input *in;
    struct rule_cand *cand; /* (n) tiers one after another, best first */
    int32_t n;
    int32_t head;          /* all before it are placed */
    struct rule_pin *pins; /* (n_pins) ascending places < k */
    int32_t n_pins;
    struct rule_queue promoted;
    struct rule_queue ranking; /* all, without diversity */
    int32_t *fresh;            /* (n_fresh) candidates */
    int32_t n_fresh;
    int32_t n_chosen;
    bool is_diverse; /* MMR is on and something says what is alike */
    int64_t cap;     /* 0 = none */
    int64_t level;   /* how far the cap has given way */
    int32_t n_cats;
    int32_t *cat_count; /* (n_cats) items chosen of a category */
    int32_t *cat_stamp; /* (n_cats) last candidate + 1 that marked it */
};

/* The pool of in: distinct, allowed, damped, in order; pins are counted as chosen. */
akin_status rule_pool_build(struct rule_pool *pool, const struct rule_params *p,
                            const struct rule_input *in, struct arena *scratch, akin_error *err);
/* Counts candidate i as chosen: caps and likeness to it. Cost: O(n) with diversity. */
void rule_pool_choose(struct rule_pool *pool, int32_t i);
/* By how many items the fullest category of i would be over the cap; <= 0 = within. */
int64_t rule_pool_excess(const struct rule_pool *pool, int32_t i);

/* UNSCORED also for NaN, which no ranking gives. */
static inline float rule_score(float score)
{
    return score >= UNSCORED ? score : UNSCORED;
}

#endif
