/*
 * The answer to "what should this one see": candidates from the generation, rules, items that no
 * model knows, JSON.
 *
 * Whoever has nothing to personalise with gets the fallback: another model, or the most popular
 * items, and is told so. Cost: one scoring pass, with explain about one fold-in an item.
 */
#include "live/answer.h"
#include "core/hash.h"

#include <string.h>

enum { CACHE_SECONDS = 60 }; /* how long time may stand still for decay and windows */

/* ---- Small questions about items ---- */

static bool bit(const uint64_t *bits, int32_t i)
{
    return bits[i >> 6] >> (i & 63) & 1;
}

static bool has(const int32_t *x, int32_t n, int32_t v)
{
    int32_t lo = 0, hi = n;
    while (lo < hi) {
        int32_t mid = lo + (hi - lo) / 2;
        if (x[mid] < v)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < n && x[lo] == v;
}

/* May a catalogue item come, by filter, life and history? Deny and allow are the caller's. */
static bool may_come(const struct answer *a, int32_t item)
{
    const struct catalog_filter *f = a->e.filter;
    bool is_seen = has(a->asker.seen, a->asker.n_seen, item);
    if (is_seen && !a->q->include_seen)
        return false;
    const uint64_t *bits = is_seen && f->seen ? f->seen : f->allowed;
    return item < f->n && bit(bits, item);
}

static bool is_named(const struct answer *a, const char *const *ids, int64_t n, int32_t item)
{
    int32_t size;
    const char *id = catalog_id(a->s->l->catalog, item, &size);
    for (int64_t i = 0; i < n; i++)
        if (strlen(ids[i]) == (size_t)size && memcmp(ids[i], id, (size_t)size) == 0)
            return true;
    return false;
}

/* ---- Candidates ---- */

/* The most popular that may come. */
static akin_status popular_list(struct answer *a, int32_t most, akin_error *err)
{
    const struct generation *g = a->g;
    (void)err;
    for (int32_t j = 0; j < g->m->items.n && a->n < most; j++) {
        int32_t place = g->by_count[j], item = g->item[place];
        if (!may_come(a, item) || (a->e.exclude && has(a->e.exclude, a->e.n_exclude, place)) ||
            (a->e.candidates && !has(a->e.candidates, a->e.n_candidates, place)))
            continue;
        a->list[a->n++] = (struct ranked){item, UNSCORED};
    }
    return AKIN_OK;
}

static akin_status model_list(struct answer *a, int32_t most, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct live_eligible *e = &a->e;
    const struct rank_options opt = {.k = most,
                                     .include_seen = a->q->include_seen,
                                     .allowed = e->allowed,
                                     .allowed_seen = e->allowed_seen,
                                     .candidates = e->candidates,
                                     .n_candidates = e->n_candidates,
                                     .exclude = &e->exclude,
                                     .n_exclude = &e->n_exclude};
    AKIN_TRY(rank_lists(a->ranker, &a->asker.q, 1, &opt, a->list, &a->n, err));
    for (int32_t i = 0; i < a->n; i++)
        a->list[i].item = a->g->item[a->list[i].item];
done:
    return status;
}

/* Items that came after the model, newest first: for exploration, and behind everything. */
static int32_t fresh_items(const struct answer *a, int32_t *out, int32_t most)
{
    struct catalog *c = a->s->l->catalog;
    int32_t n = 0;
    for (int32_t item = catalog_size(c) - 1; item >= 0 && n < most; item--) {
        if (item < a->g->n_place) {
            if (a->g->n_place == a->g->m->items.n)
                break; /* the model knows all that was there at its load */
            if (a->g->place[item] >= 0)
                continue;
        }
        if (may_come(a, item) && !is_named(a, a->q->deny, a->q->n_deny, item) &&
            (a->q->n_allow == 0 || is_named(a, a->q->allow, a->q->n_allow, item)))
            out[n++] = item;
    }
    return n;
}

/* ---- Rules ---- */

static int32_t categories_of(const void *arg, int32_t item, int32_t *out, int32_t most)
{
    const struct answer *a = arg;
    struct catalog *c = a->s->l->catalog;
    enum col_type type;
    int column = catalog_column(c, a->rules->category ? a->rules->category : "categories", &type);
    const char *text;
    int32_t size, n = 0;
    for (int i = 0; column >= 0 && type != COL_NUMBER && n < most &&
                    catalog_text(c, item, column, i, &text, &size);
         i++) {
        int32_t id = (int32_t)(hash_bytes(text, (size_t)size, 0) & INT32_MAX);
        int32_t at = n;
        while (at > 0 && out[at - 1] > id)
            at--;
        if (at > 0 && out[at - 1] == id)
            continue;
        memmove(out + at + 1, out + at, (size_t)(n - at) * sizeof *out);
        out[at] = id;
        n++;
    }
    return n;
}

static int32_t count_of(const void *arg, int32_t item)
{
    const struct answer *a = arg;
    int32_t place = item < a->g->n_place ? a->g->place[item] : -1;
    return place >= 0 && a->g->m->item_count ? a->g->m->item_count[place] : 0;
}

/* Named items that may come, in their order; places = those of a pin list, with gaps. */
static akin_status named_items(const struct answer *a, const char *const *ids, int64_t n,
                               bool places, int32_t **out, int32_t *count, akin_error *err)
{
    int32_t *x = arena_alloc(&a->s->arena, n + 1, sizeof *x, err);
    if (!x)
        return AKIN_E_MEMORY;
    *count = 0;
    for (int64_t i = 0; i < n; i++) {
        int32_t item =
            ids[i] && *ids[i] ? catalog_find(a->s->l->catalog, ids[i], strlen(ids[i])) : -1;
        if (item >= 0 && (!may_come(a, item) || is_named(a, a->q->deny, a->q->n_deny, item)))
            item = -1;
        if (item >= 0 || places)
            x[(*count)++] = item;
    }
    *out = x;
    return AKIN_OK;
}

akin_status answer_rules(struct answer *a, struct rule_input *in, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t most_fresh = a->k + LIVE_FRESH;
    int32_t *fresh = arena_alloc(&a->s->arena, most_fresh + 1, sizeof *fresh, err);
    a->ruled = arena_alloc(&a->s->arena, a->k + 1, sizeof *a->ruled, err);
    if (!fresh || !a->ruled)
        AKIN_TRY(AKIN_E_MEMORY);
    in->list = a->list;
    in->n = a->n;
    if (a->rules->explore > 0.0) {
        in->n_fresh = fresh_items(a, fresh, LIVE_FRESH);
        in->fresh = fresh;
    }
    AKIN_TRY(rules_apply(a->rules, in, a->ruled, &a->n_ruled, &a->s->arena, err));
    if (a->n_ruled == a->k)
        goto done;
    /* the model is exhausted: what it does not know follows, newest first */
    int32_t n = fresh_items(a, fresh, most_fresh);
    for (int32_t i = 0; i < n && a->n_ruled < a->k; i++) {
        bool is_there = false;
        for (int32_t j = 0; j < a->n_ruled && !is_there; j++)
            is_there = a->ruled[j].item == fresh[i];
        if (!is_there)
            a->ruled[a->n_ruled++] = (struct ruled){fresh[i], UNSCORED, RULE_FALLBACK};
    }
done:
    return status;
}

/* ---- JSON ---- */

void item_open(struct live_slot *s, struct jw *jw, int32_t item, float score)
{
    struct catalog *c = s->l->catalog;
    int32_t size;
    const char *text = catalog_id(c, item, &size);
    jw_open(jw, '{');
    jw_key(jw, "item_id");
    jw_string_n(jw, text, (size_t)size);
    jw_key(jw, "score");
    if (score == UNSCORED)
        jw_null(jw);
    else
        jw_float(jw, score);
    catalog_title(c, item, &text, &size);
    if (size > 0) {
        jw_key(jw, "title");
        jw_string_n(jw, text, (size_t)size);
    }
}

static void reason_code(struct jw *jw, const char *code, const char *model)
{
    jw_open(jw, '{');
    jw_key(jw, "code");
    jw_string(jw, code);
    jw_key(jw, "model");
    jw_string(jw, model);
    jw_close(jw, '}');
}

/* Before the catalogue is entered: it may take a fold-in an item. */
static akin_status reasons_find(struct answer *a, akin_error *err)
{
    akin_status status = AKIN_OK;
    a->reasons =
        arena_alloc(&a->s->arena, (int64_t)a->n_ruled * LIVE_REASONS + 1, sizeof *a->reasons, err);
    a->n_reasons = arena_alloc(&a->s->arena, (int64_t)a->n_ruled + 1, sizeof *a->n_reasons, err);
    if (!a->reasons || !a->n_reasons)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t i = 0; i < a->n_ruled; i++) {
        const struct answer *m = interleave_maker(a, a->ruled[i].item);
        int32_t item = a->ruled[i].item, place = item < m->g->n_place ? m->g->place[item] : -1;
        struct ranker *ranker;
        if (m->is_fallback || (m->g->scorer.flags & SCORER_ITEMS_ONLY) ||
            a->ruled[i].score == UNSCORED || place < 0)
            continue;
        AKIN_TRY(slot_ranker(a->s, m->g, &ranker, err));
        AKIN_TRY(rank_explain(ranker, &m->asker.q, place, a->reasons + i * LIVE_REASONS,
                              LIVE_REASONS, &a->n_reasons[i], err));
    }
done:
    return status;
}

static void reasons_json(const struct answer *a, int32_t at, struct jw *jw)
{
    const struct ruled *r = &a->ruled[at];
    const struct generation *g = interleave_maker(a, r->item)->g;
    jw_key(jw, "reasons");
    jw_open(jw, '[');
    if (r->reason != RULE_MODEL && r->reason != RULE_FALLBACK)
        reason_code(jw, rule_reason_name(r->reason), g->name);
    else if (r->score == UNSCORED)
        reason_code(jw, "fallback_popular", g->name);
    else if (a->n_reasons[at] == 0)
        reason_code(jw, "model", g->name);
    for (int32_t i = 0; i < a->n_reasons[at]; i++) {
        const struct reason *reason = &a->reasons[at * LIVE_REASONS + i];
        int32_t item = g->item[reason->item], size;
        const char *text = catalog_id(a->s->l->catalog, item, &size);
        jw_open(jw, '{');
        jw_key(jw, "code");
        jw_string(jw, "because_of");
        jw_key(jw, "model");
        jw_string(jw, g->name);
        jw_key(jw, "item_id");
        jw_string_n(jw, text, (size_t)size);
        catalog_title(a->s->l->catalog, item, &text, &size);
        if (size > 0) {
            jw_key(jw, "title");
            jw_string_n(jw, text, (size_t)size);
        }
        jw_key(jw, "contribution");
        jw_float(jw, reason->contribution);
        jw_close(jw, '}');
    }
    jw_close(jw, ']');
}

/* Those of the given that nobody can rank, in their order: never heard of, or deleted. */
static void unknown_json(const struct answer *a, struct jw *jw)
{
    const struct catalog *c = a->s->l->catalog;
    jw_key(jw, "unknown");
    jw_open(jw, '[');
    for (int64_t i = 0; i < a->given->n_items; i++) {
        const char *id = a->given->items[i];
        int32_t item = catalog_find(c, id, strlen(id));
        if (item < 0 || !catalog_is_alive(c, item))
            jw_string(jw, id);
    }
    jw_close(jw, ']');
}

/* {"name","arm"} of a split; an interleaved list is of both arms, and with explain its items say
 * whose they are. */
static void experiment_json(const struct answer *a, struct jw *jw)
{
    const struct experiment *e = a->pick.experiment;
    if (!e)
        return;
    jw_key(jw, "experiment");
    jw_open(jw, '{');
    jw_key(jw, "name");
    jw_string(jw, e->name);
    if (e->kind == EXPERIMENT_SPLIT) {
        jw_key(jw, "arm");
        jw_string(jw, e->arm[a->pick.arm].name);
    } else {
        jw_key(jw, "arms");
        jw_open(jw, '[');
        jw_string(jw, e->arm[0].name);
        jw_string(jw, e->arm[1].name);
        jw_close(jw, ']');
    }
    jw_close(jw, '}');
}

static void item_arm_json(const struct answer *a, int32_t item, struct jw *jw)
{
    int team = interleave_team(a, item);
    if (team < 0)
        return;
    jw_key(jw, "arm");
    jw_string(jw, a->pick.experiment->arm[team].name);
}

static akin_status answer_json(struct answer *a, struct buf *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct jw jw;
    jw_init(&jw, out);
    jw_open(&jw, '{');
    if (a->q->user_id) {
        jw_key(&jw, "user_id");
        jw_string(&jw, a->q->user_id);
    }
    jw_key(&jw, "model");
    jw_string(&jw, a->g->name);
    jw_key(&jw, "generation");
    jw_int(&jw, a->g->id);
    experiment_json(a, &jw);
    jw_key(&jw, "items");
    jw_open(&jw, '[');
    for (int32_t i = 0; i < a->n_ruled; i++) {
        item_open(a->s, &jw, a->ruled[i].item, a->ruled[i].score);
        if (a->q->explain) {
            item_arm_json(a, a->ruled[i].item, &jw);
            reasons_json(a, i, &jw);
        }
        jw_close(&jw, '}');
    }
    jw_close(&jw, ']');
    if (a->given)
        unknown_json(a, &jw);
    jw_key(&jw, "fallback");
    if (a->why)
        reason_code(&jw, a->why, a->is_popular ? "popularity" : a->g->name);
    else
        jw_null(&jw);
    jw_close(&jw, '}');
    AKIN_TRY(buf_check(out, err));
done:
    return status;
}

/* ---- The whole ---- */

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

static bool is_cacheable(const struct live *l, const struct live_query *q)
{
    return l->cache && !q->no_cache && q->user_id && q->n_history == 0 && q->now == 0 &&
           q->n_allow == 0 && q->n_deny == 0 && q->n_pinned == 0 && q->n_promoted == 0 &&
           q->n_items == 0;
}

static struct cache_key key_of(struct live *l, const struct answer *a)
{
    const struct live_query *q = a->q;
    struct {
        int64_t generation, other, version, catalog, k, minute, flags;
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
    fixed.minute = live_now() / CACHE_SECONDS;
    fixed.flags = q->explain + 2 * q->include_seen;
    fixed.rules = *a->rules;
    fixed.rules.category = NULL;
    uint64_t seed = hash_bytes(&fixed, sizeof fixed, 1);
    seed = hash_bytes(q->user_id, strlen(q->user_id), seed);
    if (a->rules->category)
        seed = hash_bytes(a->rules->category, strlen(a->rules->category), seed);
    const char *filter = q->filter ? q->filter : "";
    return (struct cache_key){hash_bytes(filter, strlen(filter), seed),
                              hash_bytes(filter, strlen(filter), ~seed)};
}

static void cost_note(struct generation *g, int64_t start_ns)
{
    int64_t us = (clock_ns() - start_ns) / 1000, old = g->cost_us;
    g->cost_us = old + (us - old) / 8;
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

akin_status answer_rule_input(struct answer *a, struct rule_input *in, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t *x = NULL;
    uint64_t day = a->s->l->seed + (uint64_t)(a->asker.q.now / 86400);
    const char *user = a->q->user_id ? a->q->user_id : "";
    *in = (struct rule_input){.k = a->k,
                              .categories = categories_of,
                              .count = count_of,
                              .arg = a,
                              .seed = hash_bytes(user, strlen(user), day)};
    AKIN_TRY(named_items(a, a->q->pinned, a->q->n_pinned, true, &x, &in->n_pinned, err));
    in->pinned = x;
    AKIN_TRY(named_items(a, a->q->promoted, a->q->n_promoted, false, &x, &in->n_promoted, err));
    in->promoted = x;
done:
    return status;
}

akin_status answer_list(struct answer *a, int32_t most, akin_error *err)
{
    a->list = arena_alloc(&a->s->arena, (int64_t)most + 1, sizeof *a->list, err);
    if (!a->list)
        return AKIN_E_MEMORY;
    return a->is_popular ? popular_list(a, most, err) : model_list(a, most, err);
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

static akin_status answer_query(struct live_slot *s, const struct live_query *q,
                                const struct live_query *given, struct buf *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct live *l = s->l;
    struct answer a = {.s = s, .q = q, .given = given, .rules = q->rules ? q->rules : &l->p.rules};
    int64_t start = clock_ns(), at = out->size;
    struct cache_key key = {0};
    bool is_kept = is_cacheable(l, q);
    slot_begin(s);
    AKIN_TRY(query_k(l, q, &a.k, err));
    AKIN_TRY(choose_models(l, q, &a, err));
    l->n_answers++;
    if (is_kept) {
        a.asker.version = people_version(&l->people, q->user_id, strlen(q->user_id));
        if (cache_get(l->cache, key_of(l, &a), out)) {
            if (a.other)
                interleave_unpack(&a, out);
            goto done;
        }
    }
    AKIN_TRY(slot_ranker(s, a.g, &a.ranker, err));
    AKIN_TRY(asker_build(s, a.g, q, &a.asker, err));
    if (is_kept)
        key = key_of(l, &a); /* of what was read now */
    AKIN_TRY(answer_make(&a, err));
    if (q->explain)
        AKIN_TRY(reasons_find(&a, err));
    catalog_enter(l->catalog);
    status = answer_json(&a, out, err);
    catalog_leave(l->catalog);
    if (status == AKIN_OK && is_kept)
        answer_keep(&a, key, out, at);
    if (status == AKIN_OK && !q->explain && !a.mix)
        cost_note(a.g, start);
done:
    if (status == AKIN_OK && a.pick.experiment)
        experiments_expose(l->experiments, &a.pick, q->user_id, live_now(), a.shown, a.n_shown);
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
