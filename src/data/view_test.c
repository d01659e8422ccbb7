/*
 * The test view: targets and given events of a test set, in the numbering of a train set or model.
 *
 * Cost: two passes over the test events on one thread (a test set is a fraction of the data), a
 * mark an item. Users and items are joined by id, event types by name.
 */
#include "data/view.h"

#include <string.h>

enum { POLL = 4096 }; /* users between two looks at the cancel flag */

struct join {
    const struct dataset *test;
    struct feedback *f; /* the rule, for the test's event types */
    int64_t now;
    int32_t *user, *item; /* test index → train index or -1 */
    uint8_t *type;        /* (256) test type → train type or VIEW_NO_TYPE */
    int64_t *seen;        /* (test items) user + 1 that last had it as a target */
    int64_t *relevant;    /* (test items) user + 1 that last had it as a relevant target */
};

static bool is_target(const struct dataset *test, int64_t e)
{
    return !test->role || test->role[e] == ROLE_TARGET;
}

static akin_status join_build(akin_ctx *ctx, const struct ids *users, const struct ids *items,
                              const struct feedback *f, struct join *join, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dataset *test = join->test;
    const struct strtab *types = feedback_types(f);
    json_t *rule = feedback_to_json(f);
    if (!rule)
        AKIN_FAIL(AKIN_E_MEMORY, "test view: no room for the feedback rule");
    AKIN_TRY(feedback_from_json(ctx, rule, &test->types, &join->f, err));
    join->now = feedback_now(f);
    MEM_NEW(ctx, join->user, test->users.n);
    MEM_NEW(ctx, join->item, test->items.n);
    AKIN_TRY(ids_map(ctx, &test->users, users, join->user, err));
    AKIN_TRY(ids_map(ctx, &test->items, items, join->item, err));
    MEM_NEW(ctx, join->type, 256);
    memset(join->type, VIEW_NO_TYPE, 256);
    for (int32_t t = 0; t < test->types.n && t < 256 && types->n > 0; t++) {
        int32_t size;
        const char *name = strtab_get(&test->types, t, &size);
        int32_t found = strtab_find(types, name, (size_t)size);
        if (found >= 0)
            join->type[t] = (uint8_t)found;
    }
    MEM_ZERO(ctx, join->seen, test->items.n);
    MEM_ZERO(ctx, join->relevant, test->items.n);
done:
    json_decref(rule);
    return status;
}

static void join_free(akin_ctx *ctx, struct join *join)
{
    feedback_free(join->f);
    mem_free(ctx, join->user);
    mem_free(ctx, join->item);
    mem_free(ctx, join->type);
    mem_free(ctx, join->seen);
    mem_free(ctx, join->relevant);
}

/* Users with a target, and how many targets and given events of known items these have. */
static akin_status count_events(akin_ctx *ctx, const struct join *join, int64_t *n_users,
                                int64_t *n_targets, int64_t *n_given, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dataset *test = join->test;
    *n_users = *n_targets = *n_given = 0;
    for (int64_t u = 0; u < test->users.n; u++) {
        int64_t targets = 0, given = 0;
        for (int64_t e = test->user_ptr[u]; e < test->user_ptr[u + 1]; e++) {
            if (is_target(test, e))
                targets++;
            else
                given += join->item[test->item[e]] >= 0;
        }
        *n_users += targets > 0;
        *n_targets += targets;
        *n_given += targets > 0 ? given : 0;
        if (u % POLL == 0)
            AKIN_TRY(ctx_check(ctx, err));
    }
done:
    return status;
}

static akin_status view_alloc(struct test_view *tv, const struct dataset *test, int64_t n_given,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    MEM_NEW(tv->ctx, tv->user, tv->n_users);
    MEM_NEW(tv->ctx, tv->test_user, tv->n_users);
    MEM_ZERO(tv->ctx, tv->ptr, tv->n_users + 1);
    MEM_NEW(tv->ctx, tv->item, tv->n_targets);
    MEM_NEW(tv->ctx, tv->value, tv->n_targets);
    MEM_NEW(tv->ctx, tv->relevant, tv->n_targets);
    if (test->event_table.n_cols > 0)
        MEM_NEW(tv->ctx, tv->event, tv->n_targets);
    MEM_ZERO(tv->ctx, tv->hist_ptr, tv->n_users + 1);
    MEM_NEW(tv->ctx, tv->hist_item, n_given);
    MEM_NEW(tv->ctx, tv->hist_weight, n_given);
    MEM_NEW(tv->ctx, tv->hist_value, n_given);
    if (test->time) {
        MEM_NEW(tv->ctx, tv->time, tv->n_targets);
        MEM_NEW(tv->ctx, tv->hist_time, n_given);
    }
    if (test->type)
        MEM_NEW(tv->ctx, tv->hist_type, n_given);
done:
    return status;
}

static void add_target(struct test_view *tv, struct join *join, int64_t e, int64_t stamp,
                       int64_t at)
{
    const struct dataset *test = join->test;
    int32_t item = test->item[e];
    tv->item[at] = join->item[item];
    tv->value[at] = test->value ? test->value[e] : 1;
    if (tv->time)
        tv->time[at] = test->time[e];
    if (tv->event)
        tv->event[at] = e;
    if (join->seen[item] == 0 && join->item[item] < 0)
        tv->n_cold_items++;
    join->seen[item] = stamp;
    tv->relevant[at] =
        join->relevant[item] != stamp &&
        feedback_is_positive(join->f, tv->value[at], test->type ? test->type[e] : -1);
    if (tv->relevant[at])
        join->relevant[item] = stamp;
}

static void add_given(struct test_view *tv, const struct join *join, int64_t e, int64_t at)
{
    const struct dataset *test = join->test;
    int type = test->type ? test->type[e] : -1;
    int64_t time = test->time ? test->time[e] : join->now;
    tv->hist_item[at] = join->item[test->item[e]];
    tv->hist_value[at] = test->value ? test->value[e] : 1;
    tv->hist_weight[at] = feedback_weight(join->f, tv->hist_value[at], type, time, join->now);
    if (tv->hist_time)
        tv->hist_time[at] = test->time[e];
    if (tv->hist_type)
        tv->hist_type[at] = join->type[test->type[e]];
}

static akin_status fill(struct test_view *tv, struct join *join, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dataset *test = join->test;
    int64_t row = 0, target = 0, given = 0;
    for (int64_t u = 0; u < test->users.n; u++) {
        int64_t before = target;
        for (int64_t e = test->user_ptr[u]; e < test->user_ptr[u + 1]; e++) {
            if (is_target(test, e))
                add_target(tv, join, e, u + 1, target++);
        }
        if (u % POLL == 0)
            AKIN_TRY(ctx_check(tv->ctx, err));
        if (target == before)
            continue;
        for (int64_t e = test->user_ptr[u]; e < test->user_ptr[u + 1]; e++) {
            if (!is_target(test, e) && join->item[test->item[e]] >= 0)
                add_given(tv, join, e, given++);
        }
        tv->user[row] = join->user[u];
        tv->test_user[row] = (int32_t)u;
        tv->n_cold_users += join->user[u] < 0;
        tv->ptr[++row] = target;
        tv->hist_ptr[row] = given;
    }
done:
    return status;
}

akin_status test_view_build(akin_ctx *ctx, const struct dataset *test, const struct ids *users,
                            const struct ids *items, const struct feedback *f,
                            struct test_view *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct join join = {.test = test};
    struct test_view tv = {.ctx = ctx, .ds = test};
    int64_t n_given = 0;
    if (feedback_decays(f) && test->role && test->time_kind != TIME_UNIX)
        AKIN_FAIL(AKIN_E_INPUT, "half_life_days: the test data has no instants; leave decay off");
    AKIN_TRY(join_build(ctx, users, items, f, &join, err));
    AKIN_TRY(count_events(ctx, &join, &tv.n_users, &tv.n_targets, &n_given, err));
    AKIN_TRY(view_alloc(&tv, test, n_given, err));
    AKIN_TRY(fill(&tv, &join, err));
    *out = tv;
    memset(&tv, 0, sizeof tv);
done:
    join_free(ctx, &join);
    test_view_free(&tv);
    return status;
}

void test_view_free(struct test_view *tv)
{
    if (!tv || !tv->ctx)
        return;
    akin_ctx *ctx = tv->ctx;
    mem_free(ctx, tv->user);
    mem_free(ctx, tv->test_user);
    mem_free(ctx, tv->ptr);
    mem_free(ctx, tv->item);
    mem_free(ctx, tv->value);
    mem_free(ctx, tv->time);
    mem_free(ctx, tv->relevant);
    mem_free(ctx, tv->event);
    mem_free(ctx, tv->hist_ptr);
    mem_free(ctx, tv->hist_item);
    mem_free(ctx, tv->hist_weight);
    mem_free(ctx, tv->hist_value);
    mem_free(ctx, tv->hist_time);
    mem_free(ctx, tv->hist_type);
    memset(tv, 0, sizeof *tv);
}
