/*
 * The answer to "what should this one see": who answers, the steps in their order, what the list
 * cache keeps.
 *
 * Whoever has nothing to personalise with gets the fallback: another model, or the most popular
 * items, and is told so. Which items: answer_items.c. How they look: answer_json.c.
 */
#include "live/answer.h"
#include "core/hash.h"

#include <string.h>

/* ---- Who answers ---- */

akin_status query_k(const struct live *l, const struct live_query *q, int32_t *k, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (q->k > l->p.max_k)
        AKIN_FAIL(AKIN_E_ARG, "k=%lld (must be 0..%lld)", (long long)q->k, (long long)l->p.max_k);
    *k = q->k < 0 ? 10 : (int32_t)q->k;
done:
    return status;
}

/* Who answers: the model that is named; else the arm of an experiment, or the default. */
static akin_status choose_models(struct live *l, const struct live_query *q, struct answer *a,
                                 akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *model = q->model;
    if (!model && q->user_id && l->experiments &&
        experiments_assign(l->experiments, q->user_id, &a->pick)) {
        const struct experiment *e = a->pick.experiment;
        model = e->arm[a->pick.arm].model;
        if (e->kind == EXPERIMENT_INTERLEAVE)
            AKIN_TRY(generation_for(l, e->arm[1].model, q->user_id, &a->other, err));
    }
    AKIN_TRY(generation_for(l, model, q->user_id, &a->g, err));
done:
    return status;
}

/* Nothing to personalise with: another model answers, or popularity. */
static akin_status take_fallback(struct answer *a, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct live *l = a->s->l;
    struct generation *g = NULL;
    if ((a->g->scorer.flags & SCORER_ITEMS_ONLY) || a->asker.has_positive)
        goto done;
    a->is_fallback = true;
    a->why = "no_history";
    l->n_fallbacks++;
    if (!l->p.fallback || generation_for(l, l->p.fallback, a->q->user_id, &g, NULL) != AKIN_OK)
        goto done;
    generation_put(l, a->g);
    a->g = g;
    AKIN_TRY(slot_ranker(a->s, g, &a->ranker, err));
    AKIN_TRY(asker_build(a->s, g, a->q, &a->asker, err));
done:
    return status;
}

akin_status answer_begin(struct answer *a, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(take_fallback(a, err));
    AKIN_TRY(eligible_for(a->s, a->g, a->q, &a->e, err));
    a->is_popular = a->is_fallback && !(a->g->scorer.flags & SCORER_ITEMS_ONLY);
done:
    return status;
}

/* ---- The list cache ---- */

static bool is_cacheable(const struct live *l, const struct live_query *q)
{
    return l->cache && !q->no_cache && q->user_id && q->n_history == 0 && q->now == 0 &&
           q->n_allow == 0 && q->n_deny == 0 && q->n_pinned == 0 && q->n_promoted == 0 &&
           q->n_items == 0 && !q->context;
}

/*
 * Two keys: of a list that holds for the day, and of one that holds for the minute (fallback by
 * popularity, models that go by the clock). Which it is, only the finished answer says.
 */
enum { KEY_DAY, KEY_MINUTE, KEYS };

static void keys_of(struct live *l, const struct answer *a, struct cache_key keys[KEYS])
{
    static const int64_t seconds[KEYS] = {86400, 60};
    const struct live_query *q = a->q;
    struct {
        int64_t generation, other, version, catalog, k, flags;
        uint64_t experiment;
        struct rule_params rules;
    } fixed;
    memset(&fixed, 0, sizeof fixed); /* padding too */
    fixed.generation = a->g->id;
    fixed.other = a->other ? a->other->id : 0;
    fixed.experiment =
        a->pick.experiment ? a->pick.experiment->definition + (uint64_t)a->pick.arm : 0;
    fixed.version = a->asker.version;
    fixed.catalog = catalog_version(l->catalog);
    fixed.k = a->k;
    fixed.flags = q->explain + 2 * q->include_seen;
    fixed.rules = *a->rules;
    fixed.rules.category = NULL;
    const char *const texts[] = {q->user_id, a->rules->category ? a->rules->category : "",
                                 q->filter ? q->filter : ""};
    uint64_t half[2];
    for (int h = 0; h < 2; h++) {
        half[h] = hash_bytes(&fixed, sizeof fixed, (uint64_t)h);
        for (int t = 0; t < 3; t++) /* with the NUL: where one ends is part of it */
            half[h] = hash_bytes(texts[t], strlen(texts[t]) + 1, half[h]);
    }
    for (int i = 0; i < KEYS; i++) {
        const int64_t time[2] = {seconds[i], live_time(l) / seconds[i]};
        keys[i] = (struct cache_key){hash_bytes(time, sizeof time, half[0]),
                                     hash_bytes(time, sizeof time, half[1])};
    }
}

static int key_for(const struct answer *a)
{
    unsigned flags = a->g->scorer.flags | (a->other ? a->other->scorer.flags : 0U);
    return a->is_fallback || (flags & SCORER_TIMED) ? KEY_MINUTE : KEY_DAY;
}

static void answer_keep(const struct answer *a, struct cache_key key, struct buf *out, int64_t at)
{
    int64_t size = out->size;
    if (a->mix)
        interleave_pack(a, out);
    if (!out->failed)
        cache_put(a->s->l->cache, key, out->data + at, out->size - at);
    out->failed = false; /* the answer itself is whole */
    out->size = size;
    out->data[size] = '\0';
}

/* ---- The whole ---- */

static void cost_note(struct generation *g, int64_t start_ns)
{
    int64_t us = (clock_ns() - start_ns) / 1000, old = g->cost_us;
    g->cost_us = old + (us - old) / 8;
}

static akin_status answer_make(struct answer *a, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct live *l = a->s->l;
    struct rule_input in;
    struct rule_params rest;
    const struct rule_params *rules = a->rules;
    AKIN_TRY(answer_begin(a, err));
    AKIN_TRY(answer_rule_input(a, &in, err));
    int32_t most = rules_candidates(a->rules, &in);
    if (a->other)
        AKIN_TRY(interleave_list(a, most, &in, &rest, err));
    else
        AKIN_TRY(answer_list(a, most, err));
    catalog_enter(l->catalog);
    status = answer_rules(a, &in, err);
    if (status == AKIN_OK)
        interleave_show(a);
    catalog_leave(l->catalog);
done:
    a->rules = rules;
    return status;
}

static akin_status answer_query(struct live_slot *s, const struct live_query *q,
                                const struct live_query *given, struct buf *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct live *l = s->l;
    struct answer a = {.s = s, .q = q, .given = given, .rules = q->rules ? q->rules : &l->p.rules};
    int64_t start = clock_ns(), at = out->size;
    struct cache_key keys[KEYS];
    bool is_kept = is_cacheable(l, q);
    slot_begin(s);
    AKIN_TRY(query_k(l, q, &a.k, err));
    AKIN_TRY(choose_models(l, q, &a, err));
    l->n_answers++;
    if (is_kept) {
        a.asker.version = people_state(&l->people, q->user_id, strlen(q->user_id)).version;
        keys_of(l, &a, keys);
        if (cache_get(l->cache, keys, KEYS, out)) {
            if (a.other)
                interleave_unpack(&a, out);
            goto done;
        }
    }
    AKIN_TRY(slot_ranker(s, a.g, &a.ranker, err));
    AKIN_TRY(asker_build(s, a.g, q, &a.asker, err));
    if (is_kept)
        keys_of(l, &a, keys); /* of what was read now */
    AKIN_TRY(answer_make(&a, err));
    if (q->explain)
        AKIN_TRY(answer_reasons(&a, err));
    catalog_enter(l->catalog);
    status = answer_json(&a, out, err);
    catalog_leave(l->catalog);
    if (status == AKIN_OK && is_kept)
        answer_keep(&a, keys[key_for(&a)], out, at);
    if (status == AKIN_OK && !q->explain && !a.mix)
        cost_note(a.g, start);
done:
    if (status == AKIN_OK && a.pick.experiment)
        experiments_expose(l->experiments, &a.pick, q->user_id, live_time(l), a.shown, a.n_shown);
    eligible_done(s, &a.e);
    interleave_done(&a);
    generation_put(l, a.other);
    generation_count(a.g, status);
    generation_put(l, a.g);
    return status;
}

akin_status live_recommend(struct live_slot *s, const struct live_query *q, struct buf *out,
                           akin_error *err)
{
    return answer_query(s, q, NULL, out, err);
}

/* ---- Given candidates ---- */

akin_status live_rank(struct live_slot *s, const struct live_query *q, struct buf *out,
                      akin_error *err)
{
    akin_status status = AKIN_OK;
    struct live_query given = *q;
    if (q->n_items > s->l->p.max_batch)
        AKIN_FAIL(AKIN_E_LIMIT, "%lld items to rank (at most max_batch=%lld)",
                  (long long)q->n_items, (long long)s->l->p.max_batch);
    given.allow = q->items;
    given.n_allow = q->n_items;
    given.n_items = 0;
    given.no_cache = true;
    given.include_seen = true; /* the caller chose them */
    if (q->k < 0)
        given.k = q->n_items < s->l->p.max_k ? q->n_items : s->l->p.max_k;
    if (q->n_items == 0)
        AKIN_FAIL(AKIN_E_ARG, "rank: no items (give at least one)");
    AKIN_TRY(answer_query(s, &given, q, out, err));
done:
    return status;
}

enum { FILTER_TEST_BYTES = 10, FILTER_TEST_NS = 10 }; /* of `year > 1 or` */

int64_t live_cost_us(struct live *l, const struct live_query *q)
{
    struct answer a = {0};
    int64_t us = 0;
    if (choose_models(l, q, &a, NULL) != AKIN_OK)
        goto done;
    us = a.g->cost_us + (a.other ? a.other->cost_us : 0);
    if (q->explain)
        us *= 8;
    /* Each item meets each test of a new text: a short one may cost a second. */
    if (q->filter && !catalog_filter_is_cached(l->catalog, q->filter))
        us += catalog_size(l->catalog) * (1 + (int64_t)strlen(q->filter) / FILTER_TEST_BYTES) *
              FILTER_TEST_NS / 1000;
done:
    generation_put(l, a.other);
    generation_put(l, a.g);
    return us;
}
