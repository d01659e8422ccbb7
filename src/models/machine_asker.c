/*
 * The events of an asker of fm and ffm, as training put them: values by base and spread, negatives
 * beside positives, the context that trained events had; and a request's context, a late item.
 */
#include "models/machine.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int by_number(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static int32_t place_of(const struct fm_asked *a, int32_t item)
{
    const int32_t *at = bsearch(&item, a->known, (size_t)a->n_known, sizeof *a->known, by_number);
    return (int32_t)(at - a->known);
}

static akin_status read_known(const struct fm_known *s, const struct history *h,
                              struct arena *scratch, struct fm_asked *a, akin_error *err)
{
    a->known = arena_alloc(scratch, (int64_t)h->n + 1, sizeof *a->known, err);
    if (!a->known)
        return AKIN_E_MEMORY;
    int32_t n = 0;
    for (int32_t e = 0; e < h->n; e++)
        if (h->item[e] >= 0 && h->item[e] < s->n_items)
            a->known[n++] = h->item[e];
    if (n > 1)
        qsort(a->known, (size_t)n, sizeof *a->known, by_number);
    for (int32_t e = 0; e < n; e++)
        if (a->n_known == 0 || a->known[a->n_known - 1] != a->known[e])
            a->known[a->n_known++] = a->known[e];
    return AKIN_OK;
}

/* The context of event e of h in training, -1 = it is new; *at goes along the trained events. */
static int32_t context_of(const struct fm_known *s, const struct query *q, int32_t e, int64_t *at)
{
    const struct histories *h = &s->owner->hist;
    if (!s->context_of || q->user < 0)
        return -1;
    int64_t end = h->ptr[q->user + 1];
    if (h->time && q->hist.time)
        while (*at < end && h->time[*at] < q->hist.time[e])
            ++*at;
    bool is_same = *at < end && h->item[*at] == q->hist.item[e] &&
                   (!h->time || !q->hist.time || h->time[*at] == q->hist.time[e]);
    return is_same ? s->context_of[(*at)++] : -1;
}

static void put_event(struct fm_asked *a, int32_t item, int32_t own, int32_t context, float target)
{
    a->item[a->n] = item;
    a->own[a->n] = own;
    a->context[a->n] = context;
    a->target[a->n++] = target;
}

static void read_events(const struct fm_known *s, const struct query *q, struct fm_asked *a)
{
    const struct history *h = &q->hist;
    const struct fm_choice *p = &s->choice;
    int64_t at = q->user >= 0 ? s->owner->hist.ptr[q->user] : 0;
    if (p->task == FM_REGRESSION && !h->value)
        return;
    for (int32_t e = 0; e < h->n; e++) {
        int32_t item = h->item[e], context = context_of(s, q, e, &at);
        float target = !h->weight || h->weight[e] > 0 ? 1.0F : 0.0F;
        if (item < 0 || item >= s->n_items)
            continue;
        if (p->task == FM_REGRESSION) {
            if (!(fabsf(h->value[e]) <= FLT_MAX))
                continue; /* no value: nothing is guessed for it */
            target = (float)(((double)h->value[e] - s->base) / s->spread);
        }
        int32_t own = place_of(a, item);
        put_event(a, item, own, context, target);
        for (int64_t j = 0; p->task == FM_RANKING && target > 0 && j < p->negatives; j++) {
            int32_t other = fm_negative(s->seed, item, e, j, s->n_items, a->known, a->n_known);
            if (other >= 0)
                put_event(a, other, own, context, 0);
        }
    }
}

static akin_status read_context(const struct fm_known *s, const struct query *q,
                                struct arena *scratch, struct fm_asked *a, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct feature_reader *r = NULL;
    struct feature_vector v;
    if (!q->context || !s->spec[FM_CONTEXT])
        goto done;
    AKIN_TRY(feature_reader_create(s->spec[FM_CONTEXT], &r, err));
    AKIN_TRY(features_apply(r, q->context, &v, err));
    int32_t *feature = arena_alloc(scratch, (int64_t)v.n + 1, sizeof *feature, err);
    float *value = arena_alloc(scratch, (int64_t)v.n + 1, sizeof *value, err);
    if (!feature || !value)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t e = 0; e < v.n; e++) {
        feature[e] = v.feature[e];
        value[e] = v.value[e];
    }
    a->now = (struct feature_vector){v.n, feature, value};
done:
    feature_reader_free(r);
    return status;
}

akin_status fm_asked_read(const struct fm_known *s, const struct query *q, struct arena *scratch,
                          struct fm_asked *a, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t most = q->hist.n;
    memset(a, 0, sizeof *a);
    if (s->choice.task == FM_RANKING)
        most *= 1 + s->choice.negatives;
    AKIN_TRY(read_known(s, &q->hist, scratch, a, err));
    AKIN_TRY(read_context(s, q, scratch, a, err));
    int32_t *numbers = arena_alloc(scratch, 3 * most + 1, sizeof *numbers, err);
    a->target = arena_alloc(scratch, most + 1, sizeof *a->target, err);
    if (!numbers || !a->target)
        AKIN_TRY(AKIN_E_MEMORY);
    a->item = numbers;
    a->own = numbers + most;
    a->context = numbers + 2 * most;
    read_events(s, q, a);
done:
    return status;
}

akin_status fm_read_item(const struct fm_known *s, const struct attributes *a,
                         struct item_state *out, struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct feature_reader *r = NULL;
    struct feature_vector v;
    *out = (struct item_state){0};
    if (!s->spec[FM_ITEMS])
        goto done;
    AKIN_TRY(feature_reader_create(s->spec[FM_ITEMS], &r, err));
    AKIN_TRY(features_apply(r, a, &v, err));
    int32_t *index = arena_alloc(scratch, (int64_t)v.n + 1, sizeof *index, err);
    float *value = arena_alloc(scratch, (int64_t)v.n + 1, sizeof *value, err);
    if (!index || !value)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t e = 0; e < v.n; e++) {
        index[e] = v.feature[e];
        value[e] = v.value[e];
    }
    *out = (struct item_state){v.n, index, value};
done:
    feature_reader_free(r);
    return status;
}
