/*
 * Answers that name users: those who want an item, those like a user. Items for an item: near.c.
 *
 * Cost: O(users of the model), and a fold-in for each that has newer events.
 */
#include "live/near.h"
#include "rank/likeness.h"

#include <string.h>

enum { LIKE_BLOCK = 64 };

static void user_json(struct jw *jw, const struct generation *g, int32_t user, float score)
{
    int32_t size;
    const char *id = ids_get(&g->m->users, user, &size);
    jw_open(jw, '{');
    jw_key(jw, "user_id");
    jw_string_n(jw, id, (size_t)size);
    jw_key(jw, "score");
    jw_float(jw, score);
    jw_close(jw, '}');
}

static bool has_item(const struct generation *g, const struct history *h,
                     const struct live_event *late, int32_t n_late, int32_t item)
{
    bool has_it = false;
    for (int32_t e = 0; e < n_late && !has_it; e++)
        has_it = late[e].item == item;
    for (int32_t e = 0; e < h->n && !has_it; e++)
        has_it = g->item[h->item[e]] == item;
    return has_it;
}

/* A user of the model as of this second; *is_there false: erased since, or had the item already
 * (-1 = any). */
static akin_status user_query(struct live_slot *s, struct generation *g, int32_t user, int32_t item,
                              struct query *out, bool *is_there, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct live_event *late;
    struct live_asker asker;
    int32_t n_late, size;
    int64_t version, erased;
    const char *id = ids_get(&g->m->users, user, &size);
    AKIN_TRY(people_read(&s->l->people, id, (size_t)size, g->m->watermark, &s->arena, &late,
                         &n_late, &version, &erased, err));
    *out = model_query_user(g->m, user);
    *is_there =
        erased <= g->m->watermark && (item < 0 || !has_item(g, &out->hist, late, n_late, item));
    if (n_late == 0 || !*is_there)
        goto done;
    char *copy = arena_strndup(&s->arena, id, (size_t)size, err);
    if (!copy)
        AKIN_TRY(AKIN_E_MEMORY);
    AKIN_TRY(asker_build(s, g, &(struct live_query){.user_id = copy}, &asker, err));
    *out = asker.q;
done:
    return status;
}

/* ---- Users for an item ---- */

/* Those who have not had it. */
static akin_status users_queries(struct live_slot *s, struct generation *g, int32_t item,
                                 struct query *queries, int32_t *user, int64_t *n, akin_error *err)
{
    akin_status status = AKIN_OK;
    *n = 0;
    for (int32_t u = 0; u < g->m->users.n; u++) {
        bool is_there;
        AKIN_TRY(user_query(s, g, u, item, &queries[*n], &is_there, err));
        user[*n] = u;
        *n += is_there;
    }
done:
    return status;
}

akin_status live_item_users(struct live_slot *s, const char *item_id, const struct live_query *q,
                            struct buf *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct generation *g = NULL;
    struct ranker *r;
    struct jw jw;
    int32_t item, k = 0, n = 0;
    int64_t n_queries;
    slot_begin(s);
    AKIN_TRY(query_k(s->l, q, &k, err));
    AKIN_TRY(generation_get(s->l, q->model, &g, err));
    AKIN_TRY(item_find(s->l, item_id, &item, err));
    AKIN_TRY(slot_ranker(s, g, &r, err));
    int32_t place = item < g->n_place ? g->place[item] : -1;
    if (place < 0)
        AKIN_FAIL(AKIN_E_NOT_FOUND, "item '%.100s' is newer than the model", item_id);
    struct query *queries = arena_alloc(&s->arena, g->m->users.n + 1, sizeof *queries, err);
    int32_t *user = arena_alloc(&s->arena, g->m->users.n + 1, sizeof *user, err);
    struct ranked *list = arena_alloc(&s->arena, (int64_t)k + 1, sizeof *list, err);
    if (!queries || !user || !list)
        AKIN_TRY(AKIN_E_MEMORY);
    AKIN_TRY(users_queries(s, g, item, queries, user, &n_queries, err));
    AKIN_TRY(rank_segment(r, queries, n_queries, place, k, list, &n, err));
    catalog_enter(s->l->catalog);
    jw_init(&jw, out);
    item_open(s, &jw, item, UNSCORED);
    jw_key(&jw, "model");
    jw_string(&jw, g->name);
    jw_key(&jw, "users");
    jw_open(&jw, '[');
    for (int32_t i = 0; i < n; i++)
        user_json(&jw, g, user[list[i].item], list[i].score);
    jw_close(&jw, ']');
    jw_close(&jw, '}');
    catalog_leave(s->l->catalog);
    AKIN_TRY(buf_check(out, err));
done:
    generation_put(s->l, g);
    return status;
}

/* ---- Users like a user ---- */

/* The k of the model's users most like x, a block at a time, so that only a block's queries are
 * held beside the list. */
static akin_status like_list(struct live_slot *s, struct generation *g, struct likeness *x,
                             int32_t self, int32_t k, struct ranked *list, int32_t *n,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    struct query queries[LIKE_BLOCK];
    int32_t user[LIKE_BLOCK];
    float score[LIKE_BLOCK];
    for (int32_t u = 0; u < g->m->users.n;) {
        int32_t m = 0;
        AKIN_TRY(ctx_check(s->ctx, err));
        for (; u < g->m->users.n && m < LIKE_BLOCK; u++) {
            bool is_there = u != self;
            if (is_there)
                AKIN_TRY(user_query(s, g, u, -1, &queries[m], &is_there, err));
            user[m] = u;
            m += is_there;
        }
        AKIN_TRY(likeness_score(x, queries, m, score, err));
        for (int32_t j = 0; j < m; j++)
            if (score[j] != UNSCORED)
                best_push(list, k, n, (struct ranked){user[j], score[j]});
    }
done:
    return status;
}

akin_status live_user_similar(struct live_slot *s, const char *user_id, const struct live_query *q,
                              struct buf *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct generation *g = NULL;
    struct likeness *x = NULL;
    struct live_asker asker;
    struct ranker *r;
    struct jw jw;
    int32_t k = 0, n = 0;
    slot_begin(s);
    AKIN_TRY(query_k(s->l, q, &k, err));
    AKIN_TRY(generation_get(s->l, q->model, &g, err));
    AKIN_TRY(asker_build(s, g, &(struct live_query){.user_id = user_id}, &asker, err));
    if (asker.q.user < 0 && asker.n_seen == 0)
        AKIN_FAIL(AKIN_E_NOT_FOUND, "no events of user '%.100s' are known", user_id);
    struct ranked *list = arena_alloc(&s->arena, (int64_t)k + 1, sizeof *list, err);
    if (!list)
        AKIN_TRY(AKIN_E_MEMORY);
    if (asker.has_positive) {
        int32_t self = ids_find(&g->m->users, user_id, strlen(user_id));
        AKIN_TRY(slot_ranker(s, g, &r, err));
        AKIN_TRY(likeness_create(r, &asker.q, 1, &x, err));
        AKIN_TRY(like_list(s, g, x, self, k, list, &n, err));
    }
    jw_init(&jw, out);
    jw_open(&jw, '{');
    jw_key(&jw, "user_id");
    jw_string(&jw, user_id);
    jw_key(&jw, "model");
    jw_string(&jw, g->name);
    jw_key(&jw, "users");
    jw_open(&jw, '[');
    for (int32_t i = 0; i < n; i++)
        user_json(&jw, g, list[i].item, list[i].score);
    jw_close(&jw, ']');
    jw_close(&jw, '}');
    AKIN_TRY(buf_check(out, err));
done:
    likeness_free(x);
    generation_put(s->l, g);
    return status;
}
