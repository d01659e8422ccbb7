/*
 * Queries of test users: what a server would know of them at that moment.
 *
 * A trained user asks with its training history; a user with given events (users:F, sessions:F,
 * session prefixes; what a model lacks) has these folded in, after the training history if there is
 * one; anybody else asks with an empty history. `now` is the time of the user's first target, if
 * instants are known, and so is the context, if the model goes by it.
 */
#include "eval/pass.h"

#include <string.h>

struct history_parts {
    int32_t *item;
    float *weight, *value;
    int64_t *time;
    uint8_t *type;
};

static void put_part(struct history_parts *to, int32_t at, const struct history *from)
{
    for (int32_t i = 0; i < from->n; i++) {
        to->item[at + i] = from->item[i];
        to->weight[at + i] = from->weight ? from->weight[i] : 1.0f;
        to->value[at + i] = from->value ? from->value[i] : 1.0f;
        if (to->time)
            to->time[at + i] = from->time ? from->time[i] : 0;
        if (to->type)
            to->type[at + i] = from->type ? from->type[i] : VIEW_NO_TYPE;
    }
}

/* a then b, in arena. */
static akin_status history_join(const struct history *a, const struct history *b,
                                struct arena *arena, struct history *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n = (int64_t)a->n + b->n;
    struct history_parts to = {0};
    if (n > INT32_MAX)
        AKIN_FAIL(AKIN_E_LIMIT, "evaluate: a history of %lld events (at most %d)", (long long)n,
                  INT32_MAX);
    to.item = arena_alloc(arena, n, (int64_t)sizeof *to.item, err);
    to.weight = arena_alloc(arena, n, (int64_t)sizeof *to.weight, err);
    to.value = arena_alloc(arena, n, (int64_t)sizeof *to.value, err);
    if (!to.item || !to.weight || !to.value)
        AKIN_TRY(AKIN_E_MEMORY);
    if ((a->time || a->n == 0) && b->time) {
        to.time = arena_alloc(arena, n, (int64_t)sizeof *to.time, err);
        if (!to.time)
            AKIN_TRY(AKIN_E_MEMORY);
    }
    if (a->type || b->type) {
        to.type = arena_alloc(arena, n, (int64_t)sizeof *to.type, err);
        if (!to.type)
            AKIN_TRY(AKIN_E_MEMORY);
    }
    put_part(&to, 0, a);
    put_part(&to, a->n, b);
    *out = (struct history){(int32_t)n, to.item, to.weight, to.value, to.time, to.type};
done:
    return status;
}

static int64_t first_target_time(const struct test_view *test, int64_t row, int64_t fallback)
{
    if (!test->time || test->ds->time_kind != TIME_UNIX)
        return fallback;
    int64_t first = INT64_MAX;
    for (int64_t e = test->ptr[row]; e < test->ptr[row + 1]; e++)
        if (test->time[e] < first)
            first = test->time[e];
    return first == INT64_MAX ? fallback : first;
}

bool query_has_context(const struct eval_pass *p, const struct model *m)
{
    return p->test->event && m->cls->context && m->cls->context(m);
}

akin_status query_context(const struct eval_pass *p, int64_t target, struct arena *arena,
                          const struct attributes **out, akin_error *err)
{
    struct room {
        struct item_source source;
        struct item_at at;
        struct attributes a;
    } *room = arena_alloc(arena, 1, (int64_t)sizeof *room, err);
    int64_t event = p->test->event[target];
    *out = NULL;
    if (!room)
        return AKIN_E_MEMORY;
    if (event > INT32_MAX)
        return AKIN_OK; /* no model was trained on so many */
    room->source = (struct item_source){.items = &p->test->ds->event_table};
    room->at = (struct item_at){&room->source, (int32_t)event};
    room->a = item_attributes(&room->at);
    *out = &room->a;
    return AKIN_OK;
}

akin_status query_of_row(const struct eval_pass *p, const struct model *m, int64_t row,
                         struct arena *arena, struct query *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct test_view *test = p->test;
    struct query q = model_query_user(m, test->user[row]);
    int64_t lo = test->hist_lo[row], n = test->hist_hi[row] - lo;
    if (n > INT32_MAX)
        AKIN_FAIL(AKIN_E_LIMIT, "evaluate: %lld given events of one user (at most %d)",
                  (long long)n, INT32_MAX);
    if (n > 0) {
        struct history given = {(int32_t)n,
                                test->hist_item + lo,
                                test->hist_weight + lo,
                                test->hist_value + lo,
                                test->hist_time ? test->hist_time + lo : NULL,
                                test->hist_type ? test->hist_type + lo : NULL};
        q.is_trained = false;
        if (q.hist.n > 0)
            AKIN_TRY(history_join(&q.hist, &given, arena, &q.hist, err));
        else
            q.hist = given;
    }
    q.now = first_target_time(test, row, q.now);
    if (query_has_context(p, m))
        AKIN_TRY(query_context(p, test->ptr[row], arena, &q.context, err));
    *out = q;
done:
    return status;
}
