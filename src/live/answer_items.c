/*
 * Which items an answer holds: candidates of the model or the most popular, what rules pin, promote
 * or take out, and items that no model knows.
 *
 * Not here: who answers and what is kept (answer.c), how it looks (answer_json.c). Cost: one
 * scoring pass, and a look at each item newer than the model where the list is short or explores.
 */
#include "core/hash.h"
#include "live/answer.h"
#include "live/late.h"

#include <stdlib.h>
#include <string.h>

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

/* Best first, then by number. */
static int by_score(const void *x, const void *y)
{
    const struct ranked *a = x, *b = y;
    if (a->score < b->score || a->score > b->score)
        return a->score > b->score ? -1 : 1;
    return (a->item > b->item) - (a->item < b->item);
}

static bool is_asked_for(const struct answer *a, int32_t item)
{
    return may_come(a, item) && !is_named(a, a->q->deny, a->q->n_deny, item) &&
           (a->q->n_allow == 0 || is_named(a, a->q->allow, a->q->n_allow, item));
}

/* Items newer than the model that it can score come where their scores put them, behind equals. */
static akin_status add_late(struct answer *a, int32_t most, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct ranked *late, *known = NULL;
    int32_t n_late, n = 0, at = 0;
    AKIN_TRY(late_scores(a->s->l, a->g, &a->asker.q, &a->s->arena, &late, &n_late, err));
    for (int32_t i = 0; i < n_late; i++)
        if (is_asked_for(a, late[i].item))
            late[n++] = late[i];
    if (n == 0)
        goto done;
    qsort(late, (size_t)n, sizeof *late, by_score);
    known = arena_alloc(&a->s->arena, (int64_t)a->n + 1, sizeof *known, err);
    if (!known)
        AKIN_TRY(AKIN_E_MEMORY);
    int32_t n_known = a->n, k = 0;
    memcpy(known, a->list, (size_t)n_known * sizeof *known);
    for (a->n = 0; a->n < most && (at < n || k < n_known); a->n++)
        a->list[a->n] =
            at == n || (k < n_known && known[k].score >= late[at].score) ? known[k++] : late[at++];
done:
    return status;
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
    AKIN_TRY(add_late(a, most, err));
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
        if (is_asked_for(a, item))
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
