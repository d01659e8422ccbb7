/*
 * Rules: places are filled one after another, each by the first rule that has an item for it.
 *
 * Greedy, because an answer is read from the top: a place is never made worse for the sake of a
 * later one. For categories that do not overlap greedy also keeps every cap that can be kept; for
 * items of several categories that question is set packing, and is not asked.
 * Exploration is systematic sampling of the free places: a share of 0.1 is one place of every ten,
 * from a start drawn by seed. Independent draws would give the same mean and lists with none or
 * three.
 */
#include "core/rng.h"
#include "rank/rules_impl.h"

#include <math.h>

enum {
    RULE_WIDER = 9, /* candidates per place, more than one, for rules that choose among them */
    RULE_WIDER_MIN = 100,
    RULE_WIDER_MAX = 2000
};

#define P struct rule_params
const akin_param rule_param_rows[] = {
    PARAM_REAL(P, diversity, "0", 0, 1, "", 0, "0: relevance only .. 1: variety only (MMR)"),
    PARAM_REAL(P, popularity_damping, "0", 0, 4, "", 0,
               "scores are divided by (1 + count) to this power; negative ones multiplied"),
    PARAM_INT(P, category_cap, "0", 0, 100000, "items", 0,
              "items of one category in a list at most; 0 = any number"),
    PARAM_TEXT(P, category, "categories", 0, "the column that category_cap and diversity look at"),
    PARAM_REAL(P, explore, "0", 0, 1, "", 0, "share of places that go to items no model knows yet"),
    PARAM_INT(P, promote_every, "0", 0, 100000, "", 0,
              "a promoted item at every n-th place; 0 = none"),
    PARAM_END,
};
#undef P

const char *rule_reason_name(enum rule_reason reason)
{
    static const char *const names[] = {"model",    "fallback", "pinned",
                                        "promoted", "explored", "diverse"};
    return (unsigned)reason < sizeof names / sizeof names[0] ? names[reason] : "unknown";
}

int32_t rules_candidates(const struct rule_params *p, const struct rule_input *in)
{
    if (in->k <= 0)
        return 0;
    int64_t n = in->k;
    if (p->diversity > 0.0 || p->popularity_damping > 0.0 || p->category_cap > 0) {
        int64_t more = RULE_WIDER * n;
        more = more > RULE_WIDER_MIN ? more : RULE_WIDER_MIN;
        n += more < RULE_WIDER_MAX ? more : RULE_WIDER_MAX;
    }
    n += in->n_deny > 0 ? in->n_deny : 0;
    return n < INT32_MAX ? (int32_t)n : INT32_MAX;
}

/* ---- One place ---- */

static bool fits(const struct rule_pool *pool, int32_t i)
{
    return pool->cap == 0 || rule_pool_excess(pool, i) <= pool->level;
}

/* The first of q that is not placed and within caps, or -1. */
static int32_t queue_next(const struct rule_pool *pool, struct rule_queue *q)
{
    if (q->level != pool->level) {
        q->level = pool->level;
        q->cursor = 0;
    }
    for (; q->cursor < q->n; q->cursor++) {
        int32_t i = q->at[q->cursor];
        if (!pool->cand[i].is_placed && fits(pool, i))
            return i;
    }
    return -1;
}

/* The candidate that is relevant and unlike what is chosen; a lower tier only after the upper. */
static int32_t mmr_next(const struct rule_pool *pool)
{
    double lambda = pool->p->diversity, best_value = 0.0;
    int32_t best = -1;
    for (int32_t i = pool->head; i < pool->n; i++) {
        const struct rule_cand *c = &pool->cand[i];
        if (best >= 0 && c->tier > pool->cand[best].tier)
            break;
        if (c->is_placed || !fits(pool, i))
            continue;
        double value = (1.0 - lambda) * c->value - lambda * c->near;
        if (best < 0 || value > best_value) {
            best = i;
            best_value = value;
        }
    }
    return best;
}

/* The best of the ranking; if all that is left is over a cap, the cap gives way first. */
static int32_t ranking_next(struct rule_pool *pool)
{
    for (;;) {
        int32_t i = pool->is_diverse ? mmr_next(pool) : queue_next(pool, &pool->ranking);
        if (i >= 0)
            return i;
        int64_t least = INT64_MAX;
        for (int32_t j = pool->head; j < pool->n; j++) {
            if (!pool->cand[j].is_placed && rule_pool_excess(pool, j) < least)
                least = rule_pool_excess(pool, j);
        }
        if (least == INT64_MAX)
            return -1;
        pool->level = least;
    }
}

/* A new item, each with the same chance; -1 if none is left that fits. */
static int32_t fresh_next(const struct rule_pool *pool, int32_t place)
{
    int32_t n = 0;
    for (int32_t j = 0; j < pool->n_fresh; j++)
        n += !pool->cand[pool->fresh[j]].is_placed && fits(pool, pool->fresh[j]);
    if (n == 0)
        return -1;
    struct rng rng = rng_make(pool->in->seed, RNG_EXPLORE, 1 + (uint64_t)place);
    int32_t left = (int32_t)rng_below(&rng, (uint64_t)n);
    for (int32_t j = 0; j < pool->n_fresh; j++) {
        int32_t i = pool->fresh[j];
        if (!pool->cand[i].is_placed && fits(pool, i) && left-- == 0)
            return i;
    }
    return -1;
}

/* ---- The list ---- */

/* Where filling stands. */
struct filling {
    struct rule_pool *pool;
    int32_t pin;   /* the next */
    int32_t place; /* from 0 */
    int32_t free;  /* places so far that were neither pinned nor promoted */
    double start;  /* of systematic sampling, [0, 1) */
};

static bool is_drawn(const struct filling *f)
{
    double share = f->pool->p->explore;
    return share > 0.0 && floor((double)(f->free + 1) * share + f->start) >
                              floor((double)f->free * share + f->start);
}

/* Which candidate comes next and why; -1 = none is left. */
static int32_t fill_place(struct filling *f, enum rule_reason *reason)
{
    struct rule_pool *pool = f->pool;
    int64_t every = pool->p->promote_every;
    int32_t i;
    *reason = RULE_PINNED;
    if (f->pin < pool->n_pins && pool->pins[f->pin].place <= f->place)
        return pool->pins[f->pin++].at;
    *reason = RULE_PROMOTED;
    if (every > 0 && ((int64_t)f->place + 1) % every == 0 &&
        (i = queue_next(pool, &pool->promoted)) >= 0)
        return i;
    bool is_new = is_drawn(f);
    f->free++;
    *reason = RULE_EXPLORED;
    if (is_new && (i = fresh_next(pool, f->place)) >= 0)
        return i;
    i = ranking_next(pool);
    if (i >= 0) {
        *reason = rule_score(pool->cand[i].score) == UNSCORED ? RULE_FALLBACK
                  : i != pool->head                           ? RULE_DIVERSE
                                                              : RULE_MODEL;
        return i;
    }
    /* the list ends before the places of these */
    *reason = RULE_PINNED;
    return f->pin < pool->n_pins ? pool->pins[f->pin++].at : -1;
}

/* Nothing to decide: no rule is on and the list alone fills the places, or nothing else is given.
 */
static bool is_plain(const struct rule_params *p, const struct rule_input *in)
{
    if (in->allow || in->n_deny > 0 || in->n_pinned > 0 || p->diversity > 0.0 ||
        p->popularity_damping > 0.0 || p->category_cap > 0)
        return false;
    if (in->n < in->k && (in->n_promoted > 0 || in->n_fresh > 0))
        return false;
    return (p->explore <= 0.0 || in->n_fresh <= 0) &&
           (p->promote_every <= 0 || in->n_promoted <= 0);
}

static int32_t take_first(const struct rule_input *in, struct ruled *out)
{
    int32_t n = in->n < in->k ? in->n : in->k;
    for (int32_t i = 0; i < n; i++) {
        float score = rule_score(in->list[i].score);
        out[i] =
            (struct ruled){in->list[i].item, score, score == UNSCORED ? RULE_FALLBACK : RULE_MODEL};
    }
    return n > 0 ? n : 0;
}

akin_status rules_apply(const struct rule_params *p, const struct rule_input *in, struct ruled *out,
                        int32_t *count, struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct rule_pool pool = {0};
    struct filling f = {.pool = &pool};
    *count = 0;
    if (in->k < 0)
        AKIN_FAIL(AKIN_E_ARG, "rules: k=%d (must be 0 or more)", (int)in->k);
    if (in->k == 0)
        goto done;
    if (is_plain(p, in)) {
        *count = take_first(in, out);
        goto done;
    }
    AKIN_TRY(rule_pool_build(&pool, p, in, scratch, err));
    struct rng rng = rng_make(in->seed, RNG_EXPLORE, 0);
    f.start = rng_double(&rng);
    for (; f.place < in->k; f.place++) {
        while (pool.head < pool.n && pool.cand[pool.head].is_placed)
            pool.head++;
        enum rule_reason reason;
        int32_t i = fill_place(&f, &reason);
        if (i < 0)
            break;
        if (reason != RULE_PINNED)
            rule_pool_choose(&pool, i);
        out[f.place] = (struct ruled){pool.cand[i].item, rule_score(pool.cand[i].score), reason};
    }
    *count = f.place;
done:
    return status;
}
