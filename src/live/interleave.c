/*
 * Interleaving: one list drafted from those of two arms, so that each asker compares them.
 *
 * What a rule makes of scores (diversity, damping) is applied to each arm's list, because scores of
 * two models do not compare; what a rule makes of places (pins, promotions, caps, new items) to the
 * drafted one. So a pin keeps its place. Cost: both models' lists.
 */
#include "core/hash.h"
#include "core/rng.h"
#include "live/answer.h"

#include <string.h>

enum { NO_TEAM = 2 }; /* added to the arm whose list it comes from */

struct interleaved {
    struct answer other; /* of the second arm */
    int32_t n;
    struct ranked *list; /* (n) */
    uint8_t *team;       /* (n) */
};

/* ---- The draft ---- */

/* Items that are there: open addressing, at most half full; 0 = free, else item + 1. */
struct taken {
    uint32_t *slot;
    uint32_t mask;
};

/* False if it was there. */
static bool take(struct taken *t, int32_t item)
{
    uint32_t i = (uint32_t)(((uint64_t)(uint32_t)item * UINT64_C(0x9E3779B97F4A7C15)) >> 32);
    for (;; i++) {
        uint32_t *slot = &t->slot[i & t->mask];
        if (*slot == (uint32_t)item + 1)
            return false;
        if (*slot == 0) {
            *slot = (uint32_t)item + 1;
            return true;
        }
    }
}

/* The first of list from *at on that is not taken yet: takes it. */
static bool next_of(const struct ranked *list, int32_t n, int32_t *at, struct taken *t,
                    struct ranked *out)
{
    while (*at < n) {
        *out = list[(*at)++];
        if (take(t, out->item))
            return true;
    }
    return false;
}

int32_t team_draft(const struct ranked *a, int32_t n_a, const struct ranked *b, int32_t n_b,
                   uint64_t seed, int64_t day, int32_t most, struct arena *scratch,
                   struct ranked *out, uint8_t *team, akin_error *err)
{
    const struct ranked *list[2] = {a, b};
    const int32_t size[2] = {n_a, n_b};
    int32_t at[2] = {0, 0}, drafted[2] = {0, 0}, n = 0;
    bool is_over = false;
    struct taken t = {.mask = 15};
    while (t.mask < 2 * (uint32_t)most)
        t.mask = 2 * t.mask + 1;
    t.slot = arena_alloc(scratch, (int64_t)t.mask + 1, sizeof *t.slot, err);
    if (!t.slot)
        return -1;
    while (n < most) {
        int who = drafted[1] < drafted[0];
        if (drafted[0] == drafted[1])
            who = (int)(rng_u64(seed, RNG_INTERLEAVE, (uint64_t)day, (uint64_t)drafted[0]) & 1);
        bool has_one = next_of(list[who], size[who], &at[who], &t, &out[n]);
        if (!has_one) {
            is_over = true;
            who = 1 - who;
            has_one = next_of(list[who], size[who], &at[who], &t, &out[n]);
        }
        if (!has_one)
            break;
        drafted[who]++;
        team[n++] = (uint8_t)(who + (is_over ? NO_TEAM : 0));
    }
    return n;
}

/* ---- Both lists ---- */

/* An arm's list as the rules that look at scores leave it. */
static akin_status arm_list(struct answer *a, int32_t most, const struct rule_input *in,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    struct rule_params by_score = {.diversity = a->rules->diversity,
                                   .popularity_damping = a->rules->popularity_damping,
                                   .category = a->rules->category};
    struct rule_input plain = {
        .k = most, .categories = in->categories, .count = in->count, .arg = a};
    int32_t n = 0;
    AKIN_TRY(answer_list(a, most, err));
    if (by_score.diversity <= 0.0 && by_score.popularity_damping <= 0.0)
        goto done;
    struct ruled *ruled = arena_alloc(&a->s->arena, (int64_t)most + 1, sizeof *ruled, err);
    if (!ruled)
        AKIN_TRY(AKIN_E_MEMORY);
    plain.list = a->list;
    plain.n = a->n;
    catalog_enter(a->s->l->catalog);
    status = rules_apply(&by_score, &plain, ruled, &n, &a->s->arena, err);
    catalog_leave(a->s->l->catalog);
    AKIN_TRY(status);
    for (int32_t i = 0; i < n; i++)
        a->list[i] = (struct ranked){ruled[i].item, ruled[i].score};
    a->n = n;
done:
    return status;
}

static akin_status other_list(struct answer *b, int32_t most, const struct rule_input *in,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(slot_ranker(b->s, b->g, &b->ranker, err));
    AKIN_TRY(asker_build(b->s, b->g, b->q, &b->asker, err));
    AKIN_TRY(answer_begin(b, err));
    AKIN_TRY(arm_list(b, most, in, err));
done:
    eligible_done(b->s, &b->e);
    return status;
}

akin_status interleave_list(struct answer *a, int32_t most, const struct rule_input *in,
                            struct rule_params *rest, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct experiment *e = a->pick.experiment;
    struct arena *arena = &a->s->arena;
    struct interleaved *mix = arena_alloc(arena, 1, sizeof *mix, err);
    if (!mix)
        AKIN_TRY(AKIN_E_MEMORY);
    mix->other = (struct answer){
        .s = a->s, .q = a->q, .given = a->given, .g = a->other, .rules = a->rules, .k = a->k};
    a->other = NULL;
    a->mix = mix;
    mix->list = arena_alloc(arena, (int64_t)most + 1, sizeof *mix->list, err);
    mix->team = arena_alloc(arena, (int64_t)most + 1, sizeof *mix->team, err);
    if (!mix->list || !mix->team)
        AKIN_TRY(AKIN_E_MEMORY);
    AKIN_TRY(arm_list(a, most, in, err));
    AKIN_TRY(other_list(&mix->other, most, in, err));
    mix->n = team_draft(a->list, a->n, mix->other.list, mix->other.n,
                        hash_bytes(a->q->user_id, strlen(a->q->user_id), e->seed),
                        a->asker.q.now / 86400, most, arena, mix->list, mix->team, err);
    if (mix->n < 0)
        AKIN_TRY(AKIN_E_MEMORY);
    a->list = mix->list;
    a->n = mix->n;
    *rest = *a->rules;
    rest->diversity = rest->popularity_damping = 0.0;
    a->rules = rest;
done:
    return status;
}

void interleave_done(struct answer *a)
{
    if (a->mix)
        generation_put(a->s->l, a->mix->other.g);
}

/* ---- Whose is it ---- */

/* Index in the drafted list, -1 = not in it. */
static int32_t place_of(const struct interleaved *mix, int32_t item)
{
    for (int32_t i = 0; mix && i < mix->n; i++)
        if (mix->list[i].item == item)
            return i;
    return -1;
}

int interleave_team(const struct answer *a, int32_t item)
{
    int32_t i = place_of(a->mix, item);
    return i < 0 || a->mix->team[i] >= NO_TEAM ? -1 : a->mix->team[i];
}

const struct answer *interleave_maker(const struct answer *a, int32_t item)
{
    int32_t i = place_of(a->mix, item);
    return i >= 0 && a->mix->team[i] % NO_TEAM == 1 ? &a->mix->other : a;
}

/* Pinned and promoted ones are in both lists by the caller's will, and count for nobody. */
static bool is_drafted(enum rule_reason reason)
{
    return reason == RULE_MODEL || reason == RULE_DIVERSE || reason == RULE_FALLBACK;
}

void interleave_show(struct answer *a)
{
    for (int32_t i = 0; a->mix && i < a->n_ruled && a->n_shown < EXPERIMENT_SHOWN; i++) {
        int32_t size;
        int team = interleave_team(a, a->ruled[i].item);
        if (team < 0 || !is_drafted(a->ruled[i].reason))
            continue;
        const char *id = catalog_id(a->s->l->catalog, a->ruled[i].item, &size);
        a->shown[a->n_shown++] = experiment_item(id, (size_t)size, team);
    }
}

/* ---- In the cache ---- */

void interleave_pack(const struct answer *a, struct buf *out)
{
    buf_add(out, a->shown, (size_t)a->n_shown * sizeof *a->shown);
    buf_add(out, &a->n_shown, sizeof a->n_shown);
}

void interleave_unpack(struct answer *a, struct buf *out)
{
    int64_t at = out->size - (int64_t)sizeof a->n_shown;
    memcpy(&a->n_shown, out->data + at, sizeof a->n_shown);
    at -= (int64_t)a->n_shown * (int64_t)sizeof *a->shown;
    memcpy(a->shown, out->data + at, (size_t)a->n_shown * sizeof *a->shown);
    out->size = at;
    out->data[at] = '\0';
}
