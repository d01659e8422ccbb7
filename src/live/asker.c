/*
 * From a request to what rank/ asks for: the history of this second in a generation's numbering,
 * and who may come.
 *
 * A user's history is the model's own (what it was trained on) merged by time with the events after
 * the model's watermark, then the request's. Of repeated events of one item and type the last
 * counts, as `prepare` keeps it, unless the model's data kept repeats. Without anything new the
 * stored row answers; else the model folds in. Cost: O(history), n log n if something is new.
 */
#include "data/context.h"
#include "live/engine.h"

#include <stdlib.h>
#include <string.h>

/* One event on its way into a query. */
struct step {
    int64_t time;
    float value, weight;
    int32_t item;  /* catalogue number */
    int32_t place; /* -1: the model does not know it */
    int32_t order;
    uint8_t type;
};

static int32_t place_of(const struct generation *g, int32_t item)
{
    return item < g->n_place ? g->place[item] : -1;
}

/* What a request says about an event, as the model would have read it. */
static struct step step_make(const struct generation *g, int32_t item, int type, float value,
                             int64_t time)
{
    const struct model *m = g->m;
    if (isnan(value) && !m->hist.value)
        value = 1.0f;
    return (struct step){
        .time = time,
        .value = value,
        .weight = feedback_weight(m->feedback, value, type, time, feedback_now(m->feedback)),
        .item = item,
        .place = place_of(g, item),
        .type = type < 0 ? LIVE_NO_TYPE : (uint8_t)type};
}

/* The model's own events of a user, then those of the overlay, by time. */
static int32_t merge(struct live *l, struct generation *g, const struct history *base,
                     const struct live_event *late, int32_t n_late, struct step *out)
{
    int32_t n = 0, b = 0;
    for (int32_t e = 0; e <= n_late; e++) {
        while (b < base->n && (e == n_late || !base->time || base->time[b] <= late[e].time)) {
            out[n++] = (struct step){.time = base->time ? base->time[b] : 0,
                                     .value = base->value ? base->value[b] : 1.0f,
                                     .weight = base->weight ? base->weight[b] : 1.0f,
                                     .item = g->item[base->item[b]],
                                     .place = base->item[b],
                                     .type = base->type ? base->type[b] : 0};
            b++;
        }
        if (e < n_late)
            out[n++] = step_make(g, late[e].item, generation_type(l, g, late[e].type),
                                 late[e].value, late[e].time);
    }
    return n;
}

static int by_event(const void *a, const void *b)
{
    const struct step *x = a, *y = b;
    if (x->item != y->item)
        return x->item < y->item ? -1 : 1;
    if (x->type != y->type)
        return x->type < y->type ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

static int by_order(const void *a, const void *b)
{
    const struct step *x = a, *y = b;
    return x->order < y->order ? -1 : x->order > y->order;
}

static bool comes_again(const struct step *x, int32_t i, int32_t n)
{
    for (int32_t j = i + 1; j < n; j++)
        if (x[j].item == x[i].item && x[j].type == x[i].type)
            return true;
    return false;
}

/* Of each (item, type) the last one stays. Up to FEW it is cheaper to compare all than to sort. */
static int32_t drop_repeats(struct step *x, int32_t n)
{
    enum { FEW = 64 };
    int32_t kept = 0;
    if (n <= FEW) {
        for (int32_t i = 0; i < n; i++)
            if (!comes_again(x, i, n))
                x[kept++] = x[i];
        return kept;
    }
    for (int32_t i = 0; i < n; i++)
        x[i].order = i;
    qsort(x, (size_t)n, sizeof *x, by_event);
    for (int32_t i = 0; i < n; i++)
        if (i + 1 == n || x[i].item != x[i + 1].item || x[i].type != x[i + 1].type)
            x[kept++] = x[i];
    qsort(x, (size_t)kept, sizeof *x, by_order);
    return kept;
}

static int by_number(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return x < y ? -1 : x > y;
}

/* Sorted, distinct. */
static int32_t sort_items(int32_t *x, int32_t n)
{
    int32_t kept = 0;
    qsort(x, (size_t)n, sizeof *x, by_number);
    for (int32_t i = 0; i < n; i++)
        if (kept == 0 || x[kept - 1] != x[i])
            x[kept++] = x[i];
    return kept;
}

/* The steps that the model knows become the query's history. */
static akin_status history_set(struct live_slot *s, const struct generation *g,
                               const struct step *x, int32_t n, struct history *out,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t *item = arena_alloc(&s->arena, n + 1, sizeof *item, err);
    float *weight = arena_alloc(&s->arena, n + 1, sizeof *weight, err);
    float *value = arena_alloc(&s->arena, n + 1, sizeof *value, err);
    int64_t *time = arena_alloc(&s->arena, n + 1, sizeof *time, err);
    uint8_t *type = arena_alloc(&s->arena, n + 1, sizeof *type, err);
    if (!item || !weight || !value || !time || !type)
        AKIN_TRY(AKIN_E_MEMORY);
    int32_t kept = 0;
    for (int32_t i = 0; i < n; i++) {
        if (x[i].place < 0)
            continue;
        item[kept] = x[i].place;
        weight[kept] = x[i].weight;
        value[kept] = x[i].value;
        time[kept] = x[i].time;
        type[kept++] = x[i].type;
    }
    const struct histories *h = &g->m->hist;
    *out = (struct history){.n = kept,
                            .item = item,
                            .weight = weight,
                            .value = h->value ? value : NULL,
                            .time = h->time ? time : NULL,
                            .type = h->type ? type : NULL};
done:
    return status;
}

/* Events of the request itself, behind the others. */
static void add_request(const struct live_slot *s, const struct generation *g,
                        const struct live_query *in, int64_t now, struct step *x, int32_t *n)
{
    for (int64_t i = 0; i < in->n_history; i++) {
        const struct live_history_item *h = &in->history[i];
        int32_t item = catalog_find(s->l->catalog, h->item_id, strlen(h->item_id));
        int type = h->event_type && *h->event_type ? generation_type_named(g, h->event_type) : -1;
        if (item < 0)
            continue; /* nothing is known about it: it says nothing */
        x[(*n)++] = step_make(g, item, type, (float)h->value, h->time ? h->time : now);
    }
}

static akin_status seen_set(struct live_slot *s, const struct step *x, int32_t n,
                            struct live_asker *out, akin_error *err)
{
    int32_t *seen = arena_alloc(&s->arena, n + 1, sizeof *seen, err);
    if (!seen)
        return AKIN_E_MEMORY;
    for (int32_t i = 0; i < n; i++)
        seen[i] = x[i].item;
    out->n_seen = sort_items(seen, n);
    out->seen = seen;
    return AKIN_OK;
}

/* Keys are columns of some model that is served: which of them answers is not the client's to know.
 */
static akin_status read_context(struct live_slot *s, const json_t *given,
                                const struct attributes **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct live *l = s->l;
    const struct features *specs[2 * LIVE_MODELS];
    int n = 0;
    pthread_rwlock_rdlock(&l->models_lock);
    for (int i = 0; i < l->n_entries; i++) {
        const struct generation *of[2] = {l->entry[i].current, l->entry[i].canary};
        for (int g = 0; g < 2; g++)
            if (of[g] && of[g]->m->cls->context)
                specs[n++] = of[g]->m->cls->context(of[g]->m);
    }
    status = context_check(given, specs, n, err);
    pthread_rwlock_unlock(&l->models_lock);
    AKIN_TRY(status);
    AKIN_TRY(context_read(given, &s->arena, out, err));
done:
    return status;
}

akin_status asker_build(struct live_slot *s, struct generation *g, const struct live_query *in,
                        struct live_asker *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct live *l = s->l;
    struct model *m = g->m;
    const struct live_event *late = NULL;
    int32_t n_late = 0, user = -1, n = 0;
    int64_t erased = 0, now = in->now ? in->now : live_time(l);
    if (in->n_history > l->p.max_history)
        AKIN_FAIL(AKIN_E_LIMIT, "history of %lld events (at most max_history=%lld)",
                  (long long)in->n_history, (long long)l->p.max_history);
    *out = (struct live_asker){.user_id = in->user_id, .q = {.user = -1}};
    if (in->user_id) {
        size_t size = strlen(in->user_id);
        AKIN_TRY(people_read(&l->people, in->user_id, size, m->watermark, &s->arena, &late, &n_late,
                             &out->version, &erased, err));
        /* what was erased after the model was made is not used, whatever the file still holds */
        if (erased <= m->watermark || erased == 0)
            user = ids_find(&m->users, in->user_id, size);
    }
    struct history base = {0};
    if (user >= 0) {
        out->q = model_query_user(m, user);
        base = out->q.hist;
    }
    if (n_late > l->p.max_history) {
        late += n_late - l->p.max_history;
        n_late = (int32_t)l->p.max_history;
    }
    struct step *x =
        arena_alloc(&s->arena, (int64_t)base.n + n_late + in->n_history + 1, sizeof *x, err);
    if (!x)
        AKIN_TRY(AKIN_E_MEMORY);
    n = merge(l, g, &base, late, n_late, x);
    add_request(s, g, in, now, x, &n);
    out->q.now = now;
    if (in->context)
        AKIN_TRY(read_context(s, in->context, &out->q.context, err));
    if (n > base.n || in->n_history > 0) {
        if (!g->keeps_repeats)
            n = drop_repeats(x, n);
        out->q.is_trained = false;
        AKIN_TRY(history_set(s, g, x, n, &out->q.hist, err));
    }
    out->has_positive = in->context && m->cls->context && m->cls->context(m);
    for (int32_t i = 0; i < out->q.hist.n && !out->has_positive; i++)
        out->has_positive = !out->q.hist.weight || out->q.hist.weight[i] > 0.0f;
    AKIN_TRY(seen_set(s, x, n, out, err));
done:
    return status;
}

/* ---- Who may come ---- */

akin_status items_of_ids(struct live_slot *s, const char *const *ids, int64_t n, int32_t **out,
                         int32_t *count, akin_error *err)
{
    int32_t *items = arena_alloc(&s->arena, n + 1, sizeof *items, err);
    if (!items)
        return AKIN_E_MEMORY;
    *count = 0;
    for (int64_t i = 0; i < n; i++) {
        int32_t item = catalog_find(s->l->catalog, ids[i], strlen(ids[i]));
        if (item >= 0)
            items[(*count)++] = item;
    }
    *out = items;
    return AKIN_OK;
}

/* Places of catalogue numbers, ascending and distinct, in place. */
static int32_t to_places(const struct generation *g, int32_t *x, int32_t n)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < n; i++) {
        int32_t place = place_of(g, x[i]);
        if (place >= 0)
            x[kept++] = place;
    }
    return sort_items(x, kept);
}

/* The catalogue's bitmap in the generation's numbering. */
static akin_status bits_by_place(struct live_slot *s, const struct generation *g,
                                 const uint64_t *bits, int32_t n, const uint64_t **out,
                                 akin_error *err)
{
    int32_t n_places = g->m->items.n;
    int64_t words = ((int64_t)n_places + 63) / 64;
    uint64_t *to = arena_alloc(&s->arena, words + 1, sizeof *to, err);
    if (!to)
        return AKIN_E_MEMORY;
    if (g->is_identity && n >= n_places) {
        memcpy(to, bits, (size_t)words * sizeof *to);
        if (n_places % 64)
            to[words - 1] &= ((uint64_t)1 << (n_places % 64)) - 1;
    } else {
        for (int32_t i = 0; i < n_places; i++) {
            int32_t item = g->item[i];
            if (item < n && (bits[item >> 6] >> (item & 63) & 1))
                to[i >> 6] |= (uint64_t)1 << (i & 63);
        }
    }
    *out = to;
    return AKIN_OK;
}

akin_status eligible_for(struct live_slot *s, struct generation *g, const struct live_query *q,
                         struct live_eligible *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t *x = NULL, n = 0;
    *out = (struct live_eligible){0};
    AKIN_TRY(catalog_filter(s->l->catalog, q->filter, &out->filter, err));
    const struct catalog_filter *f = out->filter;
    if (q->filter || f->n_allowed < f->n) {
        AKIN_TRY(bits_by_place(s, g, f->allowed, f->n, &out->allowed, err));
        if (f->seen)
            AKIN_TRY(bits_by_place(s, g, f->seen, f->n, &out->allowed_seen, err));
    }
    if (q->n_deny > 0) {
        AKIN_TRY(items_of_ids(s, q->deny, q->n_deny, &x, &n, err));
        out->n_exclude = to_places(g, x, n);
        out->exclude = x;
    }
    if (q->n_allow > 0) {
        AKIN_TRY(items_of_ids(s, q->allow, q->n_allow, &x, &n, err));
        out->n_candidates = to_places(g, x, n);
        out->candidates = x;
    }
done:
    if (status != AKIN_OK)
        eligible_done(s, out);
    return status;
}

void eligible_done(struct live_slot *s, struct live_eligible *e)
{
    if (e->filter)
        catalog_filter_release(s->l->catalog, e->filter);
    e->filter = NULL;
}
