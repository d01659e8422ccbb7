/*
 * The test view: targets and given events of a test set, in the numbering of a train set or model.
 *
 * A row is what is asked at one moment: all targets of a user, given the events of role HISTORY;
 * and each event of role NEXT, given all before it. The rows of a session share one run of given
 * events.
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
    uint8_t *seen;        /* (test items) it was a target */
    int64_t *relevant;    /* (test items) row + 1 that last had it as a relevant target */
};

static enum event_role role_of(const struct dataset *test, int64_t e)
{
    return test->role ? (enum event_role)test->role[e] : ROLE_TARGET;
}

/* Events of a user: asked for at once, asked for one by one, and what is given for either. */
struct tally {
    int64_t targets, next, given;
};

static struct tally tally_of(const struct join *join, int64_t user)
{
    const struct dataset *test = join->test;
    struct tally t = {0};
    int64_t known = 0, history = 0;
    for (int64_t e = test->user_ptr[user]; e < test->user_ptr[user + 1]; e++) {
        enum event_role role = role_of(test, e);
        bool is_known = join->item[test->item[e]] >= 0;
        t.targets += role == ROLE_TARGET;
        t.next += role == ROLE_NEXT;
        known += is_known;
        history += is_known && role == ROLE_HISTORY;
    }
    t.given = (t.targets > 0 ? history : 0) + (t.next > 0 ? known : 0);
    return t;
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

/* Rows, targets and given events. */
static akin_status count_events(akin_ctx *ctx, const struct join *join, struct test_view *tv,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    for (int64_t u = 0; u < join->test->users.n; u++) {
        struct tally t = tally_of(join, u);
        tv->n_users += t.next + (t.targets > 0);
        tv->n_targets += t.targets + t.next;
        tv->n_given += t.given;
        tv->asks_next = tv->asks_next || t.next > 0;
        if (u % POLL == 0)
            AKIN_TRY(ctx_check(ctx, err));
    }
done:
    return status;
}

static akin_status view_alloc(struct test_view *tv, const struct dataset *test, akin_error *err)
{
    akin_status status = AKIN_OK;
    const int64_t n_given = tv->n_given;
    MEM_NEW(tv->ctx, tv->user, tv->n_users);
    MEM_NEW(tv->ctx, tv->test_user, tv->n_users);
    MEM_ZERO(tv->ctx, tv->ptr, tv->n_users + 1);
    MEM_NEW(tv->ctx, tv->item, tv->n_targets);
    MEM_NEW(tv->ctx, tv->value, tv->n_targets);
    MEM_NEW(tv->ctx, tv->relevant, tv->n_targets);
    if (test->event_table.n_cols > 0)
        MEM_NEW(tv->ctx, tv->event, tv->n_targets);
    MEM_ZERO(tv->ctx, tv->hist_lo, tv->n_users);
    MEM_ZERO(tv->ctx, tv->hist_hi, tv->n_users);
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
    if (!join->seen[item] && join->item[item] < 0)
        tv->n_cold_items++;
    join->seen[item] = 1;
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

/* Where the next row, target and given event go. */
struct place {
    int64_t row, target, given;
};

/* Ends a row whose targets and given events are in place: the given ones are [given_lo, given). */
static void end_row(struct test_view *tv, const struct join *join, int64_t user, int64_t given_lo,
                    struct place *at)
{
    bool is_stranger = tv->ds->role || join->user[user] < 0;
    tv->user[at->row] = is_stranger ? -1 : join->user[user];
    tv->test_user[at->row] = (int32_t)user;
    tv->n_cold_users += is_stranger;
    tv->hist_lo[at->row] = given_lo;
    tv->hist_hi[at->row] = at->given;
    tv->ptr[++at->row] = at->target;
}

/* All targets of a user at once, from the events of role HISTORY. */
static void fill_targets(struct test_view *tv, struct join *join, int64_t user, struct place *at)
{
    const struct dataset *test = join->test;
    int64_t given_lo = at->given;
    for (int64_t e = test->user_ptr[user]; e < test->user_ptr[user + 1]; e++) {
        if (role_of(test, e) == ROLE_TARGET)
            add_target(tv, join, e, at->row + 1, at->target++);
        else if (role_of(test, e) == ROLE_HISTORY && join->item[test->item[e]] >= 0)
            add_given(tv, join, e, at->given++);
    }
    end_row(tv, join, user, given_lo, at);
}

/* One by one, from all before. */
static void fill_next(struct test_view *tv, struct join *join, int64_t user, struct place *at)
{
    const struct dataset *test = join->test;
    int64_t given_lo = at->given;
    for (int64_t e = test->user_ptr[user]; e < test->user_ptr[user + 1]; e++) {
        if (role_of(test, e) == ROLE_NEXT) {
            add_target(tv, join, e, at->row + 1, at->target++);
            end_row(tv, join, user, given_lo, at);
        }
        if (join->item[test->item[e]] >= 0)
            add_given(tv, join, e, at->given++);
    }
}

static akin_status fill(struct test_view *tv, struct join *join, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct place at = {0};
    for (int64_t u = 0; u < join->test->users.n; u++) {
        struct tally t = tally_of(join, u);
        if (t.targets > 0)
            fill_targets(tv, join, u, &at);
        if (t.next > 0)
            fill_next(tv, join, u, &at);
        if (u % POLL == 0)
            AKIN_TRY(ctx_check(tv->ctx, err));
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
    if (feedback_decays(f) && test->role && test->time_kind != TIME_UNIX)
        AKIN_FAIL(AKIN_E_INPUT, "half_life_days: the test data has no instants; leave decay off");
    AKIN_TRY(join_build(ctx, users, items, f, &join, err));
    AKIN_TRY(count_events(ctx, &join, &tv, err));
    AKIN_TRY(view_alloc(&tv, test, err));
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
    mem_free(ctx, tv->hist_lo);
    mem_free(ctx, tv->hist_hi);
    mem_free(ctx, tv->hist_item);
    mem_free(ctx, tv->hist_weight);
    mem_free(ctx, tv->hist_value);
    mem_free(ctx, tv->hist_time);
    mem_free(ctx, tv->hist_type);
    memset(tv, 0, sizeof *tv);
}
