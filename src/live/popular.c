/*
 * Answers that start from nobody: what is popular, and a search by the beginning of a name.
 *
 * Cost: popular looks at every item and every event since the start (live_scan_us), search at what
 * begins so.
 */
#include "live/near.h"

#include <string.h>

enum {
    SEARCH_MOST = 100,
    USERS_PAGE = 128,
    SCAN_NS = 1 /* measured: 0.6 an event, more an item */
};

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
    int64_t now = q->now ? q->now : live_time(l);
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

/* Those who begin so and have events in memory, a page at a time. */
struct late_users {
    struct person_id text, page[USERS_PAGE];
    int32_t at, n;
    bool is_over;
};

/* The next one, NULL = none. */
static akin_status late_next(struct live_slot *s, struct late_users *late,
                             const struct person_id **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (late->at == late->n && !late->is_over) {
        struct person_id last = late->n > 0 ? late->page[late->n - 1] : late->text;
        AKIN_TRY(ctx_check(s->ctx, err));
        AKIN_TRY(people_order_find(&s->l->people.order, late->text, late->n > 0 ? &last : NULL,
                                   USERS_PAGE, &s->arena, late->page, &late->n, err));
        late->at = 0;
        late->is_over = late->n < USERS_PAGE;
    }
    *out = late->at < late->n ? &late->page[late->at] : NULL;
done:
    return status;
}

/*
 * Users whose id begins so, by id: those of the default generation, and those with events after it.
 * Cost: a search, and a look at those who begin so and are not there: erased since, or with events
 * that only an older generation lacks.
 */
static akin_status users_json(struct live_slot *s, const struct generation *g, const char *text,
                              int64_t most, struct jw *jw, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct late_users late = {.text = {text, (int32_t)strlen(text)}};
    int32_t at, end;
    ids_prefix_find(&g->by_id, text, strlen(text), &at, &end);
    for (int64_t n = 0; n < most;) {
        const struct person_id *with_events;
        struct person_id id = {0};
        AKIN_TRY(late_next(s, &late, &with_events, err));
        if (at < end)
            id.id = ids_get(&g->m->users, g->by_id.order[at], &id.size);
        if (!id.id && !with_events)
            break;
        int order = !with_events ? -1 : !id.id ? 1 : person_id_compare(id, *with_events);
        if (order > 0)
            id = *with_events;
        at += order <= 0;
        late.at += order >= 0;
        struct person_state now = people_state(&s->l->people, id.id, (size_t)id.size);
        if (now.newest > g->m->watermark || (order <= 0 && now.erased <= g->m->watermark)) {
            jw_string_n(jw, id.id, (size_t)id.size);
            n++;
        }
    }
done:
    return status;
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
        jw_open(&jw, '{');
        item_name_json(l->catalog, items[i], &jw);
        jw_close(&jw, '}');
    }
    catalog_leave(l->catalog);
    jw_close(&jw, ']');
    jw_key(&jw, "users");
    jw_open(&jw, '[');
    AKIN_TRY(users_json(s, g, text, most, &jw, err));
    jw_close(&jw, ']');
    jw_close(&jw, '}');
    AKIN_TRY(buf_check(out, err));
done:
    generation_put(l, g);
    return status;
}
