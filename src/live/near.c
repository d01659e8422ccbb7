/*
 * Answers that start from an item: similar, bought together; and what they share with those in
 * near_users.c and popular.c.
 */
#include "live/near.h"

#include <string.h>

/* The generation for a question about items: the one asked for, else the default if it `can`, else
 * the first that can. */
static akin_status generation_that(struct live *l, const char *name,
                                   bool (*can)(const struct generation *g), const char *what,
                                   struct generation **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    *out = NULL;
    if (name)
        return generation_get(l, name, out, err);
    pthread_rwlock_rdlock(&l->models_lock);
    for (int i = 0; i < l->n_entries && !*out; i++) {
        struct generation *g = l->entry[(l->at_default + i) % l->n_entries].current;
        if (can(g)) {
            atomic_fetch_add(&g->refs, 1);
            *out = g;
        }
    }
    if (!*out)
        AKIN_FAIL(AKIN_E_UNSUPPORTED, "%s: no model that is served can tell", what);
done:
    pthread_rwlock_unlock(&l->models_lock);
    return status;
}

static bool can_compare(const struct generation *g)
{
    return g->scorer.cls->similar || g->vectors.items;
}

static bool is_together(const struct generation *g)
{
    return strcmp(g->m->cls->name, "together") == 0;
}

void list_json(struct live_slot *s, struct jw *jw, const struct ranked *list, int32_t n)
{
    jw_key(jw, "items");
    jw_open(jw, '[');
    for (int32_t i = 0; i < n; i++) {
        item_open(s, jw, list[i].item, list[i].score);
        jw_close(jw, '}');
    }
    jw_close(jw, ']');
}

static akin_status near_answer(struct live_slot *s, struct generation *g, const char *item_id,
                               const struct live_query *q, struct buf *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct live_eligible e = {0};
    struct ranker *r;
    struct jw jw;
    int32_t item, k = 0, n = 0;
    AKIN_TRY(query_k(s->l, q, &k, err));
    AKIN_TRY(item_find(s->l, item_id, &item, err));
    AKIN_TRY(slot_ranker(s, g, &r, err));
    AKIN_TRY(eligible_for(s, g, q, &e, err));
    struct ranked *list = arena_alloc(&s->arena, (int64_t)k + 1, sizeof *list, err);
    if (!list)
        AKIN_TRY(AKIN_E_MEMORY);
    const struct rank_options opt = {.k = k,
                                     .allowed = e.allowed,
                                     .candidates = e.candidates,
                                     .n_candidates = e.n_candidates,
                                     .exclude = &e.exclude,
                                     .n_exclude = &e.n_exclude};
    int32_t place = item < g->n_place ? g->place[item] : -1;
    if (place >= 0)
        AKIN_TRY(rank_similar(r, place, &opt, list, &n, err));
    while (n > 0 && list[n - 1].score == UNSCORED)
        n--; /* what nobody can compare is not similar */
    for (int32_t i = 0; i < n; i++)
        list[i].item = g->item[list[i].item];
    catalog_enter(s->l->catalog);
    jw_init(&jw, out);
    item_open(s, &jw, item, UNSCORED);
    jw_key(&jw, "model");
    jw_string(&jw, g->name);
    jw_key(&jw, "generation");
    jw_int(&jw, g->id);
    list_json(s, &jw, list, n);
    jw_close(&jw, '}');
    catalog_leave(s->l->catalog);
    AKIN_TRY(buf_check(out, err));
done:
    eligible_done(s, &e);
    return status;
}

akin_status live_similar(struct live_slot *s, const char *item_id, const struct live_query *q,
                         struct buf *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct generation *g = NULL;
    slot_begin(s);
    AKIN_TRY(generation_that(s->l, q->model, can_compare, "similar items", &g, err));
    AKIN_TRY(near_answer(s, g, item_id, q, out, err));
done:
    generation_put(s->l, g);
    return status;
}

akin_status live_together(struct live_slot *s, const char *item_id, const struct live_query *q,
                          struct buf *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct generation *g = NULL;
    slot_begin(s);
    AKIN_TRY(generation_that(s->l, q->model, is_together,
                             "bought together (serve a model of type together)", &g, err));
    AKIN_TRY(near_answer(s, g, item_id, q, out, err));
done:
    generation_put(s->l, g);
    return status;
}

/* ---- The best of a scan ---- */

static bool is_before(const struct ranked *a, const struct ranked *b)
{
    return a->score > b->score || (a->score >= b->score && a->item < b->item);
}

void best_push(struct ranked *list, int32_t k, int32_t *n, struct ranked x)
{
    if (k == 0 || (*n == k && !is_before(&x, &list[k - 1])))
        return;
    int32_t at = *n < k ? (*n)++ : k - 1;
    for (; at > 0 && is_before(&x, &list[at - 1]); at--)
        list[at] = list[at - 1];
    list[at] = x;
}
