/*
 * What must hold of a dataset, checked of every one that is written or mapped: indices exist,
 * pointers ascend, events lie by (user, time, item, type), tags by (item, user, tag), values are
 * finite, tables have the rows they claim.
 *
 * Cost: one parallel pass over events and tags.
 */
#include "data/dataset_check.h"

#include "core/par.h"

#include <inttypes.h>
#include <math.h>

enum { USER_BLOCK = 4096, TAG_BLOCK = 65536, CHECK_EVERY = 1 << 20 };

struct check {
    const struct dataset *ds;
    const char *what;
    akin_status code;
};

/* Pointers first: only then is any event looked at. */
static akin_status check_pointers(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct check *k = arg;
    const int64_t *ptr = k->ds->user_ptr;
    (void)worker;
    for (int64_t u = par_lo(block, USER_BLOCK); u < par_hi(block, USER_BLOCK, k->ds->users.n);
         u++) {
        if (ptr[u] < 0 || ptr[u] > ptr[u + 1] || ptr[u + 1] > k->ds->n_events)
            AKIN_FAIL(k->code, "%.90s: events of user %" PRId64 " are out of bounds", k->what, u);
    }
done:
    return status;
}

static bool event_ok(const struct dataset *ds, int64_t e)
{
    return ds->item[e] >= 0 && ds->item[e] < ds->items.n &&
           (!ds->type || ds->type[e] < ds->types.n) && (!ds->role || ds->role[e] <= ROLE_NEXT) &&
           (!ds->value || isfinite(ds->value[e]));
}

/* Is event e after e - 1, or equal, by (time, item, type)? */
static bool event_in_order(const struct dataset *ds, int64_t e)
{
    if (ds->time && ds->time[e] != ds->time[e - 1])
        return ds->time[e] > ds->time[e - 1];
    if (ds->item[e] != ds->item[e - 1])
        return ds->item[e] > ds->item[e - 1];
    return !ds->type || ds->type[e] >= ds->type[e - 1];
}

static akin_status check_events(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct check *k = arg;
    const struct dataset *ds = k->ds;
    (void)worker;
    for (int64_t u = par_lo(block, USER_BLOCK); u < par_hi(block, USER_BLOCK, ds->users.n); u++) {
        for (int64_t e = ds->user_ptr[u]; e < ds->user_ptr[u + 1]; e++) {
            if (!event_ok(ds, e))
                AKIN_FAIL(k->code, "%.90s: event %" PRId64 " has a field out of bounds", k->what,
                          e);
            if (e > ds->user_ptr[u] && !event_in_order(ds, e))
                AKIN_FAIL(k->code, "%.90s: event %" PRId64 " is out of order (time, item, type)",
                          k->what, e);
            if (e % CHECK_EVERY == 0)
                AKIN_TRY(ctx_check(ds->ctx, err));
        }
    }
done:
    return status;
}

static bool tag_in_order(const struct dataset *ds, int64_t t)
{
    if (ds->tag_item[t] != ds->tag_item[t - 1])
        return ds->tag_item[t] > ds->tag_item[t - 1];
    if (ds->tag_user[t] != ds->tag_user[t - 1])
        return ds->tag_user[t] > ds->tag_user[t - 1];
    return ds->tag_text[t] >= ds->tag_text[t - 1];
}

static akin_status check_tags(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct check *k = arg;
    const struct dataset *ds = k->ds;
    (void)worker;
    for (int64_t t = par_lo(block, TAG_BLOCK); t < par_hi(block, TAG_BLOCK, ds->n_tags); t++) {
        if (ds->tag_user[t] < -1 || ds->tag_user[t] >= ds->users.n || ds->tag_item[t] < 0 ||
            ds->tag_item[t] >= ds->items.n || ds->tag_text[t] < 0 ||
            ds->tag_text[t] >= ds->tag_vocab.n)
            AKIN_FAIL(k->code, "%.90s: tag %" PRId64 " has a field out of bounds", k->what, t);
        if (t > 0 && !tag_in_order(ds, t))
            AKIN_FAIL(k->code, "%.90s: tag %" PRId64 " is out of order (item, user, tag)", k->what,
                      t);
    }
done:
    return status;
}

static akin_status check_table(const struct check *k, const struct table *t, const char *name,
                               int64_t n_rows, akin_error *err)
{
    if (t->n_cols == 0 || t->n_rows == n_rows)
        return AKIN_OK;
    return error_set(err, k->code, __FILE__, __LINE__,
                     "%.90s: the %s table has %" PRId64 " rows (must be %" PRId64 ")", k->what,
                     name, t->n_rows, n_rows);
}

akin_status dataset_check(const struct dataset *ds, const char *what, akin_status code,
                          akin_error *err)
{
    akin_status status = AKIN_OK;
    struct check k = {ds, what, code};
    int64_t n_users = ds->users.n;
    int64_t n_blocks = par_blocks(n_users, USER_BLOCK);
    if (ds->n_events < 0 || ds->n_tags < 0 || !ds->user_ptr || !ds->item || ds->user_ptr[0] != 0 ||
        ds->user_ptr[n_users] != ds->n_events)
        AKIN_FAIL(code, "%.90s: the users' events do not add up to %" PRId64, what, ds->n_events);
    if (ds->users.n > 0 && !ds->users.is_sharded)
        AKIN_FAIL(code, "%.90s: users are not numbered by shard", what);
    if (ds->items.is_sharded)
        AKIN_FAIL(code, "%.90s: items are numbered by shard", what);
    if ((ds->time_kind == TIME_NONE) != (ds->time == NULL))
        AKIN_FAIL(code, "%.90s: kind of time %d does not go with %s", what, (int)ds->time_kind,
                  ds->time ? "times" : "none");
    if (ds->types.n > 256 || (ds->n_tags > 0 && (!ds->tag_user || !ds->tag_item || !ds->tag_text)))
        AKIN_FAIL(code, "%.90s: %" PRId32 " event types (at most 256), or tags without fields",
                  what, ds->types.n);
    AKIN_TRY(check_table(&k, &ds->item_table, "item", ds->items.n, err));
    AKIN_TRY(check_table(&k, &ds->user_table, "user", n_users, err));
    AKIN_TRY(check_table(&k, &ds->event_table, "event", ds->n_events, err));
    AKIN_TRY(par_for(ds->ctx, n_blocks, check_pointers, &k, err));
    AKIN_TRY(par_for(ds->ctx, n_blocks, check_events, &k, err));
    AKIN_TRY(par_for(ds->ctx, par_blocks(ds->n_tags, TAG_BLOCK), check_tags, &k, err));
done:
    return status;
}
