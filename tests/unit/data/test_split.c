/* Splits: each kind by hand and as properties, threads, cards, refusals, lack of memory. */
#include "data/split.h"

#include "unit/data/flow_fixture.h"

#include <math.h>

static void split(const struct dataset *ds, const char *by, int64_t fold, struct dataset **train,
                  struct dataset **test)
{
    akin_error err;
    struct split_spec spec;
    assert_int_equal(split_parse(by, &spec, &err), AKIN_OK);
    spec.fold = fold;
    if (dataset_split(ds, &spec, train, test, &err) != AKIN_OK)
        fail_msg("%s: %s", by, err.message);
}

static int64_t events_of(const struct dataset *ds, const char *user)
{
    int32_t u = fix_user(ds, user);
    return u < 0 ? 0 : ds->user_ptr[u + 1] - ds->user_ptr[u];
}

static int compare_events(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(uint64_t[3]));
}

/* Events as (user, item, rest) hashes, sorted, so that sides can be joined and compared. */
static int64_t collect(const struct dataset *ds, uint64_t (*out)[3])
{
    int64_t n = 0;
    for (int32_t u = 0; u < ds->users.n; u++) {
        for (int64_t e = ds->user_ptr[u]; e < ds->user_ptr[u + 1]; e++) {
            int32_t nu, ni;
            const char *user = ids_get(&ds->users, u, &nu);
            const char *item = ids_get(&ds->items, ds->item[e], &ni);
            memset(out[n], 0, sizeof out[n]);
            memcpy(&out[n][0], user, nu < 8 ? (size_t)nu : 8);
            memcpy(&out[n][1], item, ni < 8 ? (size_t)ni : 8);
            out[n][2] = (uint64_t)(ds->time ? ds->time[e] : 0) * 64 +
                        (uint64_t)(ds->value ? ds->value[e] * 4 : 0) + (ds->type ? ds->type[e] : 0);
            n++;
        }
    }
    return n;
}

static void assert_partition(const struct dataset *ds, const struct dataset *train,
                             const struct dataset *test)
{
    uint64_t(*all)[3] = calloc((size_t)ds->n_events, sizeof *all);
    uint64_t(*both)[3] = calloc((size_t)ds->n_events, sizeof *both);
    assert_int_equal(train->n_events + test->n_events, ds->n_events);
    collect(ds, all);
    int64_t n = collect(train, both);
    collect(test, both + n);
    qsort(all, (size_t)ds->n_events, sizeof *all, compare_events);
    qsort(both, (size_t)ds->n_events, sizeof *both, compare_events);
    assert_memory_equal(all, both, (size_t)ds->n_events * sizeof *all);
    free(all);
    free(both);
}

static void test_time(void **state)
{
    (void)state;
    /* newest first: 100, 90, 90, 90, 80, … : a share of .3 is 3, but the 90s stay together */
    static const struct row rows[] = {
        {"a", "x", 1, 10, 0}, {"a", "y", 1, 90, 0}, {"b", "x", 1, 20, 0}, {"b", "z", 1, 100, 0},
        {"c", "x", 1, 30, 0}, {"c", "y", 1, 90, 0}, {"d", "x", 1, 40, 0}, {"d", "w", 1, 90, 0},
        {"e", "x", 1, 80, 0}, {"e", "y", 1, 50, 0}};
    akin_ctx *ctx = fix_ctx(3, 1);
    struct dataset *ds = fix_dataset(ctx, rows, 10, FIX_VALUES | FIX_TIMES, NULL);
    struct dataset *train = NULL, *test = NULL;
    split(ds, "time:0.3", 0, &train, &test);
    assert_int_equal(test->n_events, 1);
    assert_int_equal(events_of(test, "b"), 1);
    assert_true(fix_item(train, "z") < 0); /* no item table: z is unknown to train */
    const json_t *card = json_object_get(train->card, "split");
    assert_string_equal(json_string_value(json_object_get(card, "by")), "time:0.3");
    assert_string_equal(json_string_value(json_object_get(card, "part")), "train");
    assert_int_equal(json_integer_value(json_object_get(card, "time")), 100);
    assert_string_equal(json_string_value(json_object_get(card, "time_text")),
                        "1970-01-01T00:01:40Z");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(card, "train"), "events")),
                     9);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(card, "test"), "users")),
                     1);
    dataset_free(train);
    dataset_free(test);
    split(ds, "time:0.4", 0, &train, &test);
    assert_int_equal(test->n_events, 4);
    assert_partition(ds, train, test);
    /* a split of a split remembers the first */
    struct dataset *inner = NULL, *valid = NULL;
    split(train, "time:0.5", 0, &inner, &valid);
    card = json_object_get(json_object_get(valid->card, "split"), "of");
    assert_string_equal(json_string_value(json_object_get(card, "by")), "time:0.4");
    dataset_free(inner);
    dataset_free(valid);
    dataset_free(train);
    dataset_free(test);
    dataset_free(ds);
    /* extreme and negative times */
    static const struct row far[] = {{"a", "x", 1, -5000000000000000000, 0},
                                     {"a", "y", 1, 5000000000000000000, 0},
                                     {"b", "x", 1, -1, 0},
                                     {"b", "y", 1, 0, 0}};
    ds = fix_dataset(ctx, far, 4, FIX_TIMES, NULL);
    split(ds, "time:0.5", 0, &train, &test);
    assert_int_equal(test->n_events, 2);
    assert_int_equal(events_of(test, "a"), 1);
    assert_int_equal(events_of(test, "b"), 1);
    dataset_free(train);
    dataset_free(test);
    dataset_free(ds);
    ctx_free(ctx);
}

static void test_leave_last(void **state)
{
    (void)state;
    static const struct row rows[] = {{"a", "x", 1, 10, 0}, {"a", "y", 1, 90, 0},
                                      {"a", "z", 1, 90, 0}, {"b", "x", 1, 20, 0},
                                      {"b", "z", 1, 5, 0},  {"c", "x", 1, 30, 0}};
    akin_ctx *ctx = fix_ctx(2, 1);
    struct dataset *ds = fix_dataset(ctx, rows, 6, FIX_TIMES, NULL);
    struct dataset *train = NULL, *test = NULL;
    split(ds, "leave-last:1", 0, &train, &test);
    assert_int_equal(test->n_events, 2);
    assert_int_equal(events_of(test, "c"), 0);
    int32_t a = fix_user(test, "a");
    assert_int_equal(test->item[test->user_ptr[a]], fix_item(test, "z")); /* tie: stored order */
    assert_partition(ds, train, test);
    dataset_free(train);
    dataset_free(test);
    split(ds, "leave-last:2", 0, &train, &test);
    assert_int_equal(test->n_events, 2);
    assert_int_equal(events_of(train, "a"), 1);
    assert_int_equal(events_of(train, "b"), 2);
    dataset_free(train);
    dataset_free(test);
    dataset_free(ds);
    ctx_free(ctx);
}

/* Whole sessions, by their last event, those with something to ask; each event's role. */
static void test_sessions(void **state)
{
    (void)state;
    static const struct row rows[] = {{"old", "x", 1, 10, 0},  {"old", "y", 1, 20, 0},
                                      {"long", "x", 1, 5, 0},  {"long", "y", 1, 60, 0},
                                      {"long", "x", 1, 90, 0}, {"single", "z", 1, 99, 0},
                                      {"pair", "x", 1, 70, 0}, {"pair", "z", 1, 80, 0},
                                      {"first", "y", 1, 1, 0}, {"first", "z", 1, 2, 0}};
    akin_ctx *ctx = fix_ctx(2, 1);
    struct dataset *ds = fix_dataset(ctx, rows, 10, FIX_TIMES, NULL);
    struct dataset *train = NULL, *test = NULL;
    split(ds, "sessions:0.4", 0, &train, &test); /* two of five: long, pair; single asks nothing */
    assert_int_equal(test->users.n, 2);
    assert_int_equal(events_of(test, "long"), 3);
    assert_int_equal(events_of(test, "pair"), 2);
    assert_int_equal(events_of(train, "single"), 1);
    assert_partition(ds, train, test);
    assert_null(train->role);
    int64_t at = test->user_ptr[fix_user(test, "long")];
    assert_int_equal(test->role[at], ROLE_HISTORY);
    assert_int_equal(test->role[at + 1], ROLE_NEXT);
    assert_int_equal(test->role[at + 2], ROLE_NEXT);
    const json_t *card = json_object_get(test->card, "split");
    assert_string_equal(json_string_value(json_object_get(card, "by")), "sessions:0.4");
    assert_int_equal(json_integer_value(json_object_get(card, "given")), 1);
    assert_null(json_object_get(card, "seed"));
    dataset_free(train);
    dataset_free(test);

    /* two given: only `long` has a third */
    akin_error err;
    struct split_spec spec;
    assert_int_equal(split_parse("sessions:0.4", &spec, &err), AKIN_OK);
    spec.given = 2;
    assert_int_equal(dataset_split(ds, &spec, &train, &test, &err), AKIN_OK);
    assert_int_equal(test->n_events, 3);
    assert_int_equal(test->role[1], ROLE_HISTORY);
    assert_int_equal(test->role[2], ROLE_NEXT);
    dataset_free(train);
    dataset_free(test);
    dataset_free(ds);
    ctx_free(ctx);
}

static void test_properties(void **state)
{
    (void)state;
    uint64_t seed = fix_seed();
    akin_ctx *ctx = fix_ctx(2, seed);
    struct dataset *ds = fix_random(ctx, seed, 5000, 60, 80, FIX_VALUES | FIX_TIMES | FIX_TYPES);
    struct dataset *train = NULL, *test = NULL;
    const char *kinds[] = {"time:0.2", "ratio:0.29", "leave-last:3", "users:0.25", "kfold:7"};
    for (int k = 0; k < 5; k++) {
        split(ds, kinds[k], 2, &train, &test);
        assert_partition(ds, train, test);
        if (k == 0) {
            int64_t first = INT64_MAX;
            for (int64_t e = 0; e < test->n_events; e++)
                first = test->time[e] < first ? test->time[e] : first;
            assert_true(dataset_newest(train) < first);
            assert_true(test->n_events <= 1000 && test->n_events > 980);
        }
        if (k == 1) {
            for (int32_t u = 0; u < ds->users.n; u++) {
                int32_t size;
                char id[16] = "";
                const char *name = ids_get(&ds->users, u, &size);
                memcpy(id, name, (size_t)size);
                int64_t n = events_of(ds, id);
                assert_int_equal(events_of(test, id), (int64_t)floor(.29 * (double)n + 1e-7));
            }
        }
        if (k == 3) {
            assert_int_equal(test->users.n, 15);
            assert_non_null(test->role);
            assert_null(train->role);
            for (int32_t u = 0; u < test->users.n; u++) {
                int64_t given = 0, n = test->user_ptr[u + 1] - test->user_ptr[u];
                for (int64_t e = test->user_ptr[u]; e < test->user_ptr[u + 1]; e++)
                    given += test->role[e] == ROLE_HISTORY;
                assert_int_equal(given, n * 80 / 100 > 0 ? n * 80 / 100 : 1);
                int32_t size;
                const char *id = ids_get(&test->users, u, &size);
                assert_true(ids_find(&train->users, id, (size_t)size) < 0);
            }
        }
        dataset_free(train);
        dataset_free(test);
    }
    dataset_free(ds);
    ctx_free(ctx);
}

/* The folds deal out all events, once each, evenly. */
static void test_kfold(void **state)
{
    (void)state;
    uint64_t seed = fix_seed();
    akin_ctx *ctx = fix_ctx(3, seed);
    int64_t sizes[] = {2, 3, 10, 1003};
    for (int s = 0; s < 4; s++) {
        struct dataset *ds = fix_random(ctx, seed + (uint64_t)s, sizes[s], 20, 30, FIX_TIMES);
        uint64_t(*all)[3] = calloc((size_t)ds->n_events, sizeof *all);
        uint64_t(*got)[3] = calloc((size_t)ds->n_events, sizeof *got);
        int64_t n = 0;
        int64_t k = sizes[s] < 5 ? sizes[s] : 5;
        char by[16];
        snprintf(by, sizeof by, "kfold:%d", (int)k);
        for (int64_t fold = 0; fold < k; fold++) {
            struct dataset *train = NULL, *test = NULL;
            split(ds, by, fold, &train, &test);
            assert_true(test->n_events == ds->n_events / k ||
                        test->n_events == ds->n_events / k + 1);
            n += collect(test, got + n);
            dataset_free(train);
            dataset_free(test);
        }
        assert_int_equal(n, ds->n_events);
        collect(ds, all);
        qsort(all, (size_t)n, sizeof *all, compare_events);
        qsort(got, (size_t)n, sizeof *got, compare_events);
        assert_memory_equal(all, got, (size_t)n * sizeof *all);
        free(all);
        free(got);
        dataset_free(ds);
    }
    ctx_free(ctx);
}

/* One answer for any number of threads; another for another seed. */
static void test_threads(void **state)
{
    (void)state;
    uint64_t seed = fix_seed();
    int threads[] = {1, 2, 3, 8, 1};
    const char *kinds[] = {"time:0.2",  "ratio:0.3",    "leave-last:2",
                           "users:0.2", "sessions:0.2", "kfold:5"};
    const bool is_random[] = {false, true, false, true, false, true};
    uint64_t sums[5][6];
    for (int t = 0; t < 5; t++) {
        akin_ctx *ctx = fix_ctx(threads[t], t == 4 ? seed + 1 : seed);
        struct dataset *ds = fix_random(ctx, 77, 20000, 3000, 80, FIX_VALUES | FIX_TIMES);
        for (int k = 0; k < 6; k++) {
            struct dataset *train = NULL, *test = NULL;
            split(ds, kinds[k], 1, &train, &test);
            sums[t][k] = dataset_fingerprint(train) + 3 * dataset_fingerprint(test);
            if (t > 0)
                assert_int_equal(sums[t][k] == sums[0][k], t < 4 || !is_random[k]);
            dataset_free(train);
            dataset_free(test);
        }
        dataset_free(ds);
        ctx_free(ctx);
    }
}

static void test_parse(void **state)
{
    (void)state;
    akin_error err;
    struct split_spec spec;
    char text[48];
    const char *good[] = {"time:0.2",  "ratio:0.05",    "leave-last:12",
                          "users:0.1", "sessions:0.05", "kfold:10"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(split_parse(good[i], &spec, &err), AKIN_OK);
        split_text(&spec, text, sizeof text);
        assert_string_equal(text, good[i]);
    }
    const char *bad[] = {"",         "time",       "time:",      "time:0",       "time:1",
                         "time:1.5", "time:x",     "time:nan",   "leave-last:0", "leave-last:1.5",
                         "kfold:1",  "kfold:1001", "random:0.2", "tim:0.2",      "ratio:-0.1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(split_parse(bad[i], &spec, &err), AKIN_E_ARG);
    assert_int_equal(split_parse("kfold:1", &spec, &err), AKIN_E_ARG);
    assert_string_equal(err.message, "split kfold: n=1 (must be 2..1000)");
    assert_int_equal(split_parse("tim:0.2", &spec, &err), AKIN_E_ARG);
    assert_string_equal(err.message, "split: 'tim:0.2' is unknown (known: time:0.2, ratio:0.2, "
                                     "leave-last:1, users:0.1, sessions:0.1, kfold:5)");
}

static void expect_fail(const struct dataset *ds, struct split_spec spec, akin_status status,
                        const char *message)
{
    akin_error err;
    struct dataset *train = NULL, *test = NULL;
    assert_int_equal(dataset_split(ds, &spec, &train, &test, &err), status);
    assert_string_equal(err.message, message);
    assert_null(train);
    assert_null(test);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct row rows[] = {{"a", "x", 1, 10, 0}, {"b", "y", 1, 10, 0}};
    akin_ctx *ctx = fix_ctx(2, 1);
    struct dataset *bare = fix_dataset(ctx, rows, 2, 0, NULL);
    struct dataset *ds = fix_dataset(ctx, rows, 2, FIX_TIMES, NULL);
    struct dataset *none = fix_dataset(ctx, rows, 0, FIX_TIMES, NULL);
    expect_fail(bare, (struct split_spec){.kind = SPLIT_TIME, .share = .2}, AKIN_E_INPUT,
                "split time: the events have no times; use ratio:0.2, users:0.1 or kfold:5");
    expect_fail(bare, (struct split_spec){.kind = SPLIT_LEAVE_LAST, .n = 1}, AKIN_E_INPUT,
                "split leave-last: the events have no times; use ratio:0.2, users:0.1 or kfold:5");
    expect_fail(bare, (struct split_spec){.kind = SPLIT_SESSIONS, .share = .2, .given = 1},
                AKIN_E_INPUT,
                "split sessions: the events have no times; use ratio:0.2, users:0.1 or kfold:5");
    expect_fail(ds, (struct split_spec){.kind = SPLIT_SESSIONS, .share = .2}, AKIN_E_ARG,
                "split sessions: given=0 (must be 1..1000000)");
    expect_fail(ds, (struct split_spec){.kind = SPLIT_SESSIONS, .share = .2, .given = 1},
                AKIN_E_INPUT,
                "split sessions:0.2: test would be empty: users have too few of the 2 events; use "
                "kfold:5 or other numbers");
    expect_fail(ds, (struct split_spec){.kind = SPLIT_TIME, .share = .5}, AKIN_E_INPUT,
                "split time:0.5: test would be empty: too many of the 2 events have the newest "
                "time; use ratio:0.2 or a larger share");
    expect_fail(ds, (struct split_spec){.kind = SPLIT_LEAVE_LAST, .n = 1}, AKIN_E_INPUT,
                "split leave-last:1: test would be empty: users have too few of the 2 events; use "
                "kfold:5 or other numbers");
    expect_fail(none, (struct split_spec){.kind = SPLIT_TIME, .share = .5}, AKIN_E_INPUT,
                "split time:0.5: the data has no events");
    expect_fail(none, (struct split_spec){.kind = SPLIT_KFOLD, .n = 2}, AKIN_E_INPUT,
                "split kfold:2: the data has no events");
    expect_fail(ds, (struct split_spec){.kind = SPLIT_KFOLD, .n = 2, .fold = 2}, AKIN_E_ARG,
                "split kfold: fold=2 (must be 0..1)");
    expect_fail(ds, (struct split_spec){.kind = (enum split_kind)9}, AKIN_E_ARG,
                "split: unknown kind 9");
    dataset_free(bare);
    dataset_free(ds);
    dataset_free(none);
    ctx_free(ctx);
}

static void test_memory(void **state)
{
    (void)state;
    akin_ctx *ctx = fix_ctx(1, 1);
    akin_error err;
    struct dataset *ds = fix_random(ctx, 5, 300, 20, 30, FIX_VALUES | FIX_TIMES | FIX_TYPES);
    int64_t used = mem_used(ctx->mem);
    const char *kinds[] = {"time:0.2",  "ratio:0.3",    "leave-last:2",
                           "users:0.2", "sessions:0.2", "kfold:5"};
    for (int k = 0; k < 6; k++) {
        struct split_spec spec;
        assert_int_equal(split_parse(kinds[k], &spec, &err), AKIN_OK);
        for (int64_t n = 1;; n++) {
            struct dataset *train = NULL, *test = NULL;
            mem_fail_at(ctx->mem, n);
            akin_status status = dataset_split(ds, &spec, &train, &test, &err);
            mem_fail_at(ctx->mem, 0);
            dataset_free(train);
            dataset_free(test);
            assert_int_equal(mem_used(ctx->mem), used);
            if (status == AKIN_OK)
                break;
            assert_int_equal(status, AKIN_E_MEMORY);
        }
        struct dataset *train = NULL, *test = NULL;
        akin_cancel(ctx);
        assert_int_equal(dataset_split(ds, &spec, &train, &test, &err), AKIN_E_CANCELLED);
        akin_cancel_clear(ctx);
    }
    dataset_free(ds);
    assert_int_equal(mem_used(ctx->mem), 0);
    ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time),     cmocka_unit_test(test_leave_last),
        cmocka_unit_test(test_sessions), cmocka_unit_test(test_properties),
        cmocka_unit_test(test_kfold),    cmocka_unit_test(test_threads),
        cmocka_unit_test(test_parse),    cmocka_unit_test(test_refused),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
