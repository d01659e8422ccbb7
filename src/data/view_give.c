/*
 * Given events of a test view from a dataset: what happened after a model was trained and before
 * the events that are held out. A server folds them in, so a fair evaluation of an older model does
 * too.
 *
 * Cost: one pass over the histories of the users who are tested, on one thread; both sides are in
 * order of time, so that "was it trained on" is a walk beside.
 */
#include "data/view.h"

#include <string.h>

enum { POLL = 4096 }; /* rows between two looks at the cancel flag */

struct giving {
    struct test_view *tv;
    const struct dataset *since;
    const struct histories *trained;
    struct feedback *f; /* the rule, for the types of `since` */
    int64_t now;
    int32_t *user; /* (test users) index in since, -1 = not there */
    int32_t *item; /* (since items) index in the model, -1 = unknown */
    uint8_t *type; /* (256) type of since → of the model, VIEW_NO_TYPE */
};

static void map_types(struct giving *g, const struct strtab *types)
{
    memset(g->type, VIEW_NO_TYPE, 256);
    for (int32_t t = 0; t < g->since->types.n && t < 256 && types->n > 0; t++) {
        int32_t size;
        const char *name = strtab_get(&g->since->types, t, &size);
        int32_t found = strtab_find(types, name, (size_t)size);
        if (found >= 0)
            g->type[t] = (uint8_t)found;
    }
}

static akin_status giving_open(struct giving *g, const struct ids *items, const struct feedback *f,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = g->tv->ctx;
    const struct ids *users = &g->tv->ds->users;
    json_t *rule = feedback_to_json(f);
    if (!rule)
        AKIN_FAIL(AKIN_E_MEMORY, "test view: no room for the feedback rule");
    AKIN_TRY(feedback_from_json(ctx, rule, &g->since->types, &g->f, err));
    g->now = feedback_now(f);
    MEM_NEW(ctx, g->user, users->n);
    MEM_NEW(ctx, g->item, g->since->items.n);
    MEM_NEW(ctx, g->type, 256);
    AKIN_TRY(ids_map(ctx, users, &g->since->users, g->user, err));
    AKIN_TRY(ids_map(ctx, &g->since->items, items, g->item, err));
    map_types(g, feedback_types(f));
done:
    json_decref(rule);
    return status;
}

static void giving_close(struct giving *g)
{
    akin_ctx *ctx = g->tv->ctx;
    feedback_free(g->f);
    mem_free(ctx, g->user);
    mem_free(ctx, g->item);
    mem_free(ctx, g->type);
}

/* Room for all events of the users who are tested. */
static akin_status make_room(struct giving *g, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct test_view *tv = g->tv;
    int64_t n = 0;
    for (int64_t row = 0; row < tv->n_users; row++) {
        int32_t u = g->user[tv->test_user[row]];
        n += u < 0 ? 0 : g->since->user_ptr[u + 1] - g->since->user_ptr[u];
    }
    mem_free(tv->ctx, tv->hist_item); /* held nothing */
    mem_free(tv->ctx, tv->hist_weight);
    mem_free(tv->ctx, tv->hist_value);
    mem_free(tv->ctx, tv->hist_time);
    mem_free(tv->ctx, tv->hist_type);
    tv->hist_item = NULL;
    tv->hist_weight = tv->hist_value = NULL;
    tv->hist_time = NULL;
    tv->hist_type = NULL;
    MEM_NEW(tv->ctx, tv->hist_item, n);
    MEM_NEW(tv->ctx, tv->hist_weight, n);
    MEM_NEW(tv->ctx, tv->hist_value, n);
    MEM_NEW(tv->ctx, tv->hist_time, n);
    if (g->since->type)
        MEM_NEW(tv->ctx, tv->hist_type, n);
done:
    return status;
}

/* Whether the history has the event; *at: where the walk stands, times never go back. */
static bool has_event(const struct history *h, int32_t *at, int32_t item, int64_t time)
{
    while (*at < h->n && h->time[*at] < time)
        ++*at;
    for (int32_t i = *at; i < h->n && h->time[i] == time; i++)
        if (h->item[i] == item)
            return true;
    return false;
}

static int64_t give_row(struct giving *g, int64_t row, int64_t to)
{
    struct test_view *tv = g->tv;
    const struct dataset *ds = g->since;
    int32_t user = g->user[tv->test_user[row]], at = 0;
    struct history h = {0};
    if (tv->user[row] >= 0)
        h = histories_of(g->trained, tv->user[row]);
    for (int64_t e = user < 0 ? 0 : ds->user_ptr[user]; user >= 0 && e < ds->user_ptr[user + 1];
         e++) {
        int32_t item = g->item[ds->item[e]];
        if (item < 0 || has_event(&h, &at, item, ds->time[e]))
            continue;
        tv->hist_item[to] = item;
        tv->hist_value[to] = ds->value ? ds->value[e] : 1;
        tv->hist_weight[to] = feedback_weight(g->f, tv->hist_value[to], ds->type ? ds->type[e] : -1,
                                              ds->time[e], g->now);
        tv->hist_time[to] = ds->time[e];
        if (tv->hist_type)
            tv->hist_type[to] = g->type[ds->type[e]];
        to++;
    }
    return to;
}

akin_status test_view_give(struct test_view *tv, const struct dataset *since,
                           const struct histories *trained, const struct ids *items,
                           const struct feedback *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct giving g = {.tv = tv, .since = since, .trained = trained};
    int64_t n = 0;
    if (since->time_kind != TIME_UNIX || !trained->time)
        AKIN_FAIL(AKIN_E_INPUT, "fold_in: the training data or the model has no instants, so what "
                                "the model lacks cannot be told");
    if (tv->n_given > 0)
        AKIN_FAIL(AKIN_E_INPUT, "fold_in: the test set has given events of its own");
    AKIN_TRY(giving_open(&g, items, f, err));
    AKIN_TRY(make_room(&g, err));
    for (int64_t row = 0; row < tv->n_users; row++) {
        tv->hist_lo[row] = n;
        tv->hist_hi[row] = n = give_row(&g, row, n);
        if (row % POLL == 0)
            AKIN_TRY(ctx_check(tv->ctx, err));
    }
    tv->n_given = n;
done:
    giving_close(&g);
    return status;
}
