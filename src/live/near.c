/*
 * Answers that start from an item, from a person, or from nobody: similar, bought together, users
 * for an item, users like a user, popular, search.
 */
#include "live/engine.h"
#include "rank/likeness.h"

#include <string.h>

enum {
    SEARCH_MOST = 100,
    LIKE_BLOCK = 64,
    SCAN_NS = 1 /* measured: 0.6 an event, more an item */
};

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

static akin_status item_of(struct live *l, const char *id, int32_t *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    *out = l->catalog ? catalog_find(l->catalog, id, strlen(id)) : -1;
    if (*out < 0 || !catalog_is_alive(l->catalog, *out))
        AKIN_FAIL(AKIN_E_NOT_FOUND, "item '%.100s' is not in the catalogue", id);
done:
    return status;
}

/* {…,"items":[…]} of a list in catalogue numbers, behind what is open. */
static void list_json(struct live_slot *s, struct jw *jw, const struct ranked *list, int32_t n)
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
    AKIN_TRY(item_of(s->l, item_id, &item, err));
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

/* ---- Users for an item ---- */

static akin_status users_queries(struct live_slot *s, struct generation *g, int32_t item,
                                 struct query *queries, int32_t *user, int64_t *n, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct ids *users = &g->m->users;
    *n = 0;
    for (int32_t u = 0; u < users->n; u++) {
        const struct live_event *late;
        int32_t n_late, size;
        int64_t version, erased;
        const char *id = ids_get(users, u, &size);
        bool has_it = false;
        AKIN_TRY(people_read(&s->l->people, id, (size_t)size, g->m->watermark, &s->arena, &late,
                             &n_late, &version, &erased, err));
        for (int32_t e = 0; e < n_late && !has_it; e++)
            has_it = late[e].item == item;
        struct query q = model_query_user(g->m, u);
        for (int32_t e = 0; e < q.hist.n && !has_it; e++)
            has_it = g->item[q.hist.item[e]] == item;
        if (has_it || erased > g->m->watermark)
            continue;
        if (n_late > 0) {
            struct live_asker asker;
            char *copy = arena_strndup(&s->arena, id, (size_t)size, err);
            if (!copy)
                AKIN_TRY(AKIN_E_MEMORY);
            AKIN_TRY(asker_build(s, g, &(struct live_query){.user_id = copy}, &asker, err));
            q = asker.q;
        }
        queries[*n] = q;
        user[(*n)++] = u;
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
    AKIN_TRY(item_of(s->l, item_id, &item, err));
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

/* ---- The best of a scan ---- */

static bool is_before(const struct ranked *a, const struct ranked *b)
{
    return a->score > b->score || (a->score >= b->score && a->item < b->item);
}

/* x takes its place among the k best. */
static void best_push(struct ranked *list, int32_t k, int32_t *n, struct ranked x)
{
    if (k == 0 || (*n == k && !is_before(&x, &list[k - 1])))
        return;
    int32_t at = *n < k ? (*n)++ : k - 1;
    for (; at > 0 && is_before(&x, &list[at - 1]); at--)
        list[at] = list[at - 1];
    list[at] = x;
}

/* ---- Users like a user ---- */

/* A user of the model as of this second; *is_there false: erased since. */
static akin_status user_query(struct live_slot *s, struct generation *g, int32_t user,
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
    *is_there = erased <= g->m->watermark;
    *out = model_query_user(g->m, user);
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
                AKIN_TRY(user_query(s, g, u, &queries[m], &is_there, err));
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

/* ---- Popular ---- */

akin_status live_popular(struct live_slot *s, int64_t window_seconds, const struct live_query *q,
                         struct buf *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct live *l = s->l;
    struct generation *g = NULL;
    struct live_eligible e = {0};
    struct jw jw;
    int32_t k = 0, n = 0;
    int64_t now = q->now ? q->now : live_now();
    slot_begin(s);
    AKIN_TRY(query_k(l, q, &k, err));
    AKIN_TRY(generation_get(l, q->model, &g, err));
    AKIN_TRY(eligible_for(s, g, q, &e, err));
    int32_t n_items = e.filter->n;
    int32_t *count = arena_alloc(&s->arena, (int64_t)n_items + 1, sizeof *count, err);
    struct ranked *list = arena_alloc(&s->arena, (int64_t)k + 1, sizeof *list, err);
    if (!count || !list)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t i = 0; window_seconds == 0 && i < g->m->items.n; i++)
        if (g->m->item_count && g->item[i] < n_items)
            count[g->item[i]] = g->m->item_count[i];
    pthread_rwlock_rdlock(&l->recent_lock);
    for (int64_t i = 0; i < l->n_recent; i++) {
        const struct recent *x = &l->recent[i];
        if (x->item < n_items &&
            (window_seconds == 0 ? x->seq > g->m->watermark : x->time > now - window_seconds))
            count[x->item]++;
    }
    pthread_rwlock_unlock(&l->recent_lock);
    for (int32_t i = 0; i < n_items; i++) {
        struct ranked x = {i, (float)count[i]};
        if (count[i] > 0 && (e.filter->allowed[i >> 6] >> (i & 63) & 1))
            best_push(list, k, &n, x);
    }
    catalog_enter(l->catalog);
    jw_init(&jw, out);
    jw_open(&jw, '{');
    jw_key(&jw, "window_seconds");
    jw_int(&jw, window_seconds);
    list_json(s, &jw, list, n);
    jw_close(&jw, '}');
    catalog_leave(l->catalog);
    AKIN_TRY(buf_check(out, err));
done:
    eligible_done(s, &e);
    generation_put(l, g);
    return status;
}

int64_t live_scan_us(struct live *l)
{
    int64_t n = l->catalog ? catalog_size(l->catalog) : 0;
    pthread_rwlock_rdlock(&l->recent_lock);
    n += l->n_recent;
    pthread_rwlock_unlock(&l->recent_lock);
    return n * SCAN_NS / 1000;
}

/* ---- Search ---- */

/* Users of the default generation whose id begins so, by id. Cost: a search, and a look at those
 * among them that were erased since. */
static void users_json(struct live_slot *s, const struct generation *g, const char *text,
                       int64_t most, struct jw *jw)
{
    int32_t at, end;
    ids_prefix_find(&g->by_id, text, strlen(text), &at, &end);
    for (int64_t n = 0; at < end && n < most; at++) {
        int32_t size;
        const char *id = ids_get(&g->m->users, g->by_id.order[at], &size);
        if (people_erased(&s->l->people, id, (size_t)size) > g->m->watermark)
            continue;
        jw_string_n(jw, id, (size_t)size);
        n++;
    }
}

akin_status live_search(struct live_slot *s, const char *text, int64_t most, struct buf *out,
                        akin_error *err)
{
    akin_status status = AKIN_OK;
    struct live *l = s->l;
    struct generation *g = NULL;
    int32_t items[SEARCH_MOST];
    struct jw jw;
    slot_begin(s);
    if (most < 1 || most > SEARCH_MOST)
        AKIN_FAIL(AKIN_E_ARG, "search: %lld answers (must be 1..%d)", (long long)most, SEARCH_MOST);
    AKIN_TRY(generation_get(l, NULL, &g, err));
    int32_t n = catalog_search(l->catalog, text, items, (int32_t)most);
    catalog_enter(l->catalog);
    jw_init(&jw, out);
    jw_open(&jw, '{');
    jw_key(&jw, "items");
    jw_open(&jw, '[');
    for (int32_t i = 0; i < n; i++) {
        const char *id;
        int32_t size;
        jw_open(&jw, '{');
        jw_key(&jw, "item_id");
        id = catalog_id(l->catalog, items[i], &size);
        jw_string_n(&jw, id, (size_t)size);
        catalog_title(l->catalog, items[i], &id, &size);
        if (size > 0) {
            jw_key(&jw, "title");
            jw_string_n(&jw, id, (size_t)size);
        }
        jw_close(&jw, '}');
    }
    catalog_leave(l->catalog);
    jw_close(&jw, ']');
    jw_key(&jw, "users");
    jw_open(&jw, '[');
    users_json(s, g, text, most, &jw);
    jw_close(&jw, ']');
    jw_close(&jw, '}');
    AKIN_TRY(buf_check(out, err));
done:
    generation_put(l, g);
    return status;
}
