/*
 * Rules at request time: what happens between a ranked list and the answer. Candidates (more than
 * k, best first) come in, exactly min(k, distinct eligible) items go out, each with the reason a
 * rule gave it its place. Pure: same input, same output. docs/rules.md says which rule wins where
 * two meet.
 *
 * Order of work: allow and deny lists → popularity damping → then place by place, the first that
 * applies: a pinned item; a promoted one; a new one, if the place is drawn for exploration; the
 * best of the ranking by diversity (MMR; Carbonell and Goldstein 1998,
 * doi:10.1145/290941.291025). Category caps hold at every place but a pinned one.
 */
#ifndef AKIN_RANK_RULES_H
#define AKIN_RANK_RULES_H

#include "core/param.h"
#include "rank/rank.h"

enum rule_reason {
    RULE_MODEL = 0, /* its score put it there */
    RULE_FALLBACK,  /* the model says nothing about it: popularity, or it fills up */
    RULE_PINNED,    /* by the caller, at a fixed place */
    RULE_PROMOTED,  /* from a promoted list, at every n-th place */
    RULE_EXPLORED,  /* a new item that is given a chance */
    RULE_DIVERSE    /* before a better one that is too like what is chosen, or over its cap */
};
const char *rule_reason_name(enum rule_reason reason); /* "pinned", … */

/* Parameters of a request or of the server's defaults: rule_param_rows. 0 = off. */
struct rule_params {
    double diversity;          /* MMR: 0 relevance only .. 1 variety only */
    double popularity_damping; /* score / (1 + count)^damping; scores < 0 are multiplied */
    int64_t category_cap;      /* items of one category in the list at most */
    const char *category;      /* column the caller's `categories` looks at; not used here */
    double explore;            /* share of places for new items, 0..1 */
    int64_t promote_every;     /* a promoted item at every n-th place */
};
extern const akin_param rule_param_rows[]; /* ends with PARAM_END */

/* Borrowed during the call. Items < 0 and repeats in pinned, promoted, fresh are passed over. */
struct rule_input {
    const struct ranked *list; /* (n) best first, eligible, distinct */
    int32_t n;
    int32_t k;
    const int32_t *allow; /* ascending; NULL = all */
    int32_t n_allow;
    const int32_t *deny; /* ascending */
    int32_t n_deny;
    const int32_t *pinned; /* (n_pinned) item at place i, -1 = none; must be eligible */
    int32_t n_pinned;
    const int32_t *promoted; /* eligible, in order of preference */
    int32_t n_promoted;
    /* new items (eligible, not in the history), best first. Exploration gives each the same
     * chance; the order is that in which they fill up a list that is too short. */
    const int32_t *fresh;
    int32_t n_fresh;
    uint64_t seed; /* of exploration: the caller's hash of user and day, say */
    /* categories of an item: ascending ids into out (room `most`), returns the count; or NULL */
    int32_t (*categories)(const void *arg, int32_t item, int32_t *out, int32_t most);
    /* likeness of two items in [-1, 1] for diversity; NULL = Jaccard of categories */
    float (*likeness)(const void *arg, int32_t a, int32_t b);
    /* popularity of an item, for damping; NULL = no damping */
    int32_t (*count)(const void *arg, int32_t item);
    const void *arg;
};

struct ruled {
    int32_t item;
    float score; /* the model's, not damped; UNSCORED if it has none */
    enum rule_reason reason;
};

/*
 * How many candidates the caller should ask for, so that the rules have a choice and can still fill
 * k places: k if no rule needs more, at most k + 2,000 + n_deny. Allow lists, and long deny lists,
 * belong into rank_options, which loses no candidate to them. 0 for k <= 0.
 */
int32_t rules_candidates(const struct rule_params *p, const struct rule_input *in);
/*
 * out (k). A cap or a promotion that cannot be kept with the items at hand gives way, a cap by as
 * little as it must, so that min(k, |list ∪ pinned ∪ promoted ∪ fresh|, of those allowed) items
 * come back; each item once. Without rules: the first k of list, unchanged.
 * Cost: without rules O(k). With diversity n·k likenesses; with caps or exploration n·k at most;
 * else n (n log n with damping); n counts all four lists. Allocates from scratch only.
 * Fails: E_MEMORY, E_ARG (k < 0); *count is 0 then.
 */
akin_status rules_apply(const struct rule_params *p, const struct rule_input *in, struct ruled *out,
                        int32_t *count, struct arena *scratch, akin_error *err);

#endif
