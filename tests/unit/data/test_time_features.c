/* Features of time: by hand, and never of t or later: what is cut off the data changes nothing. */
#include "unit/data/flow_fixture.h"

#include "data/time_features.h"

#include <math.h>

enum { USERS = 12, ITEMS = 9, EVENTS = 400 };
static const int64_t START = 1700000000; /* Tuesday, 14 November 2023, 22:13:20 UTC */

static struct dataset *make(akin_ctx *ctx, const struct row *rows, int64_t n)
{
    static const char *const names[] = {"price"};
    static const enum col_type types[] = {COL_NUMBER};
    struct dataset *ds = fix_dataset(ctx, rows, n, FIX_TIMES, NULL);
    struct table_builder *b = NULL;
    akin_error err;
    int64_t n_bad = 0;
    assert_int_equal(table_builder_create(ctx, 1, names, types, &b, &err), AKIN_OK);
    for (int32_t i = 0; i < ds->items.n; i++) {
        char cell[16], name[16];
        int32_t size;
        const char *id = ids_get(&ds->items, i, &size);
        snprintf(name, sizeof name, "%.*s", (int)size, id);
        int number = (int)strtol(name + 1, NULL, 10); /* item 3 has no price */
        snprintf(cell, sizeof cell, "%d", 10 * (number + 1));
        const char *cells[] = {number == 3 ? NULL : cell};
        const int32_t sizes[] = {(int32_t)strlen(cell)};
        assert_int_equal(table_builder_row(b, cells, sizes, &n_bad, &err), AKIN_OK);
    }
    assert_int_equal(table_builder_finish(b, NULL, 0, &ds->item_table, &err), AKIN_OK);
    return ds;
}

static void by_hand(void **state)
{
    akin_ctx *ctx = *state;
    static const struct row rows[] = {{"u0", "i0", 1, START, 0},
                                      {"u0", "i1", 1, START + 86400, 0},
                                      {"u0", "i3", 1, START + 86401, 0},
                                      {"u1", "i1", 1, START + 43200, 0}};
    struct dataset *ds = make(ctx, rows, 4);
    struct time_features *f = NULL;
    akin_error err;
    double x[TIME_FEATURES];
    assert_int_equal(time_features_create(ctx, ds, "price", 7200, &f, &err), AKIN_OK);
    int32_t u0 = fix_user(ds, "u0"), i1 = fix_item(ds, "i1");
    time_features_at(f, u0, i1, START + 2 * 86400, x);
    assert_near(x[TIME_USER_EVENTS], 3, 0);
    assert_near(x[TIME_USER_DAYS], 1 - 1. / 86400, 1e-12);
    assert_near(x[TIME_ITEM_EVENTS], 2, 0);
    assert_near(x[TIME_ITEM_DAYS], 1, 0);
    assert_near(x[TIME_PAIR_EVENTS], 1, 0);
    assert_near(x[TIME_WEEKDAY], 4, 0); /* two hours east it is Friday, 0:13 */
    assert_near(x[TIME_HOUR], 0, 0);
    assert_near(x[TIME_PRICE], 20, 0);
    assert_near(x[TIME_PRICE_TO_MEAN], 20. / 15, 1e-12);
    /* the event itself, and what is later, are not seen */
    time_features_at(f, u0, i1, START + 86400, x);
    assert_near(x[TIME_USER_EVENTS], 1, 0);
    assert_near(x[TIME_PAIR_EVENTS], 0, 0);
    assert_near(x[TIME_ITEM_EVENTS], 1, 0);
    time_features_at(f, u0, i1, START, x);
    assert_true(isnan(x[TIME_USER_DAYS]) && isnan(x[TIME_ITEM_DAYS]));
    assert_true(isnan(x[TIME_PRICE_TO_MEAN]));
    time_features_at(f, -1, -1, -1, x); /* before 1970: a Thursday there */
    assert_near(x[TIME_WEEKDAY], 3, 0);
    assert_near(x[TIME_HOUR], 1, 0);
    assert_true(isnan(x[TIME_PRICE]));
    time_features_free(f);
    assert_int_equal(time_features_create(ctx, ds, "title", 0, &f, &err), AKIN_E_ARG);
    dataset_free(ds);
    ds = fix_dataset(ctx, rows, 4, 0, NULL);
    assert_int_equal(time_features_create(ctx, ds, NULL, 0, &f, &err), AKIN_E_INPUT);
    dataset_free(ds);
}

/* All features of all pairs at t are the same bits when the events from t on are gone. */
static void nothing_leaks(void **state)
{
    akin_ctx *ctx = *state;
    struct rng rng = rng_make(fix_seed(), RNG_TEST, 0);
    static struct row rows[EVENTS], cut[EVENTS];
    static char users[USERS][8], items[ITEMS][8];
    akin_error err;
    for (int u = 0; u < USERS; u++)
        snprintf(users[u], sizeof users[u], "u%d", u);
    for (int i = 0; i < ITEMS; i++)
        snprintf(items[i], sizeof items[i], "i%d", i);
    for (int e = 0; e < EVENTS; e++)
        rows[e] = (struct row){users[e < USERS ? e : (int)rng_below(&rng, USERS)],
                               items[e < ITEMS ? e : (int)rng_below(&rng, ITEMS)], 1,
                               /* few instants: many events at the same */
                               START + 40000 * (e < USERS ? 0 : (int64_t)rng_below(&rng, 50)), 0};
    struct dataset *whole = make(ctx, rows, EVENTS);
    struct time_features *all = NULL;
    assert_int_equal(time_features_create(ctx, whole, "price", 0, &all, &err), AKIN_OK);
    for (int64_t t = START + 40000; t < START + 50 * 40000; t += 7 * 40000) {
        int64_t n = 0;
        for (int e = 0; e < EVENTS; e++)
            if (rows[e].time < t)
                cut[n++] = rows[e];
        struct dataset *before = make(ctx, cut, n);
        struct time_features *some = NULL;
        assert_int_equal(time_features_create(ctx, before, "price", 0, &some, &err), AKIN_OK);
        for (int u = 0; u < USERS; u++)
            for (int i = 0; i < ITEMS; i++) {
                double x[TIME_FEATURES], y[TIME_FEATURES];
                time_features_at(all, fix_user(whole, users[u]), fix_item(whole, items[i]), t, x);
                time_features_at(some, fix_user(before, users[u]), fix_item(before, items[i]), t,
                                 y);
                for (int k = 0; k < TIME_FEATURES; k++)
                    if (memcmp(&x[k], &y[k], sizeof x[k]) != 0 && !(isnan(x[k]) && isnan(y[k])))
                        fail_msg("%s of %s, %s: %g with the future, %g without",
                                 time_feature_name((enum time_feature)k), users[u], items[i], x[k],
                                 y[k]);
            }
        time_features_free(some);
        dataset_free(before);
    }
    time_features_free(all);
    dataset_free(whole);
}

static int setup(void **state)
{
    *state = fix_ctx(1, 1);
    return 0;
}

static int teardown(void **state)
{
    akin_ctx *ctx = *state;
    assert_int_equal(mem_used(ctx->mem), 0);
    ctx_free(ctx);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),
        cmocka_unit_test(nothing_leaks),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
