/* The exploratory numbers: against NumPy's, on odd data sets, and under lack of memory. */
#include "report_fixture.h"

#include "golden/report_golden.h"

static akin_ctx *ctx;

static int set_up(void **state)
{
    (void)state;
    return ctx_create(2, 1, 0, &ctx, NULL) == AKIN_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    int64_t used = mem_used(ctx->mem);
    ctx_free(ctx);
    return used == 0 ? 0 : -1;
}

static const struct report_events golden = {
    .n_users = GOLDEN_USERS,
    .n_items = GOLDEN_ITEMS,
    .n = GOLDEN_EVENTS,
    .user = golden_user,
    .item = golden_item,
    .value = golden_value,
    .time = golden_time,
    .n_tags = GOLDEN_TAGS,
    .tag_item = golden_tag_item,
};

static json_t *explore(const struct dataset *ds)
{
    json_t *out = NULL;
    akin_error err;
    if (report_explore(ds, &out, &err) != AKIN_OK)
        fail_msg("%s", err.message);
    return out;
}

static json_t *expected(void)
{
    struct buf text;
    json_t *out = NULL;
    buf_init(&text, ctx);
    for (const char *const *part = golden_numbers; *part; part++)
        buf_text(&text, *part);
    assert_int_equal(json_parse("golden", text.data, (size_t)text.size, &out, NULL), AKIN_OK);
    buf_free(&text);
    return out;
}

static void test_golden(void **state)
{
    (void)state;
    struct dataset *ds = fixture_dataset(ctx, &golden);
    json_t *have = explore(ds), *want = expected();
    int64_t n = fixture_compare("", want, have);
    printf("%lld numbers compared\n", (long long)n);
    assert_true(n > 500);
    const json_t *points =
        json_object_get(json_object_get(json_object_get(have, "items"), "points"), "points");
    assert_int_equal(json_array_size(points), 37);
    json_decref(have);
    json_decref(want);
    dataset_free(ds);
}

/* The same numbers again, and with any number of threads. */
static void test_same_bits(void **state)
{
    (void)state;
    struct dataset *ds = fixture_dataset(ctx, &golden);
    json_t *first = explore(ds);
    dataset_free(ds);
    for (int threads = 1; threads <= 3; threads += 2) {
        akin_ctx *other = NULL;
        assert_int_equal(ctx_create(threads, 9, 0, &other, NULL), AKIN_OK);
        ds = fixture_dataset(other, &golden);
        json_t *again = explore(ds);
        assert_true(json_equal(first, again));
        json_decref(again);
        dataset_free(ds);
        ctx_free(other);
    }
    json_decref(first);
}

/* No users, no items; users and items without events; one event. */
static void test_nearly_nothing(void **state)
{
    (void)state;
    static const int32_t zero[] = {0};
    static const float value[] = {3};
    static const int64_t time[] = {1000};
    const struct report_events cases[] = {
        {.user = zero, .item = zero},
        {.n_users = 2, .n_items = 3, .user = zero, .item = zero, .value = value, .time = time},
        {.n_users = 1,
         .n_items = 1,
         .n = 1,
         .user = zero,
         .item = zero,
         .value = value,
         .time = time},
        {.n_users = 2, .n_items = 2, .n = 1, .user = zero, .item = zero},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dataset *ds = fixture_dataset(ctx, &cases[i]);
        struct buf page;
        buf_init(&page, ctx);
        json_t *n = explore(ds);
        assert_int_equal(json_int(json_object_get(n, "data"), "events", -1), cases[i].n);
        assert_int_equal(report_explore_html(ctx, n, &page, NULL), AKIN_OK);
        assert_null(strstr(page.data, "nan"));
        json_decref(n);
        buf_free(&page);
        dataset_free(ds);
    }
}

static void test_implicit(void **state)
{
    (void)state;
    struct report_events in = golden;
    in.value = NULL;
    in.time = NULL;
    struct dataset *ds = fixture_dataset(ctx, &in);
    json_t *n = explore(ds);
    assert_null(json_object_get(n, "values"));
    assert_null(json_object_get(n, "time"));
    assert_null(json_object_get(json_object_get(n, "items"), "points"));
    const json_t *rows = json_object_get(json_object_get(n, "correlations"), "items");
    assert_int_equal(json_array_size(rows), 1); /* count and tags */
    assert_string_equal(json_text(json_array_get(rows, 0), "y", ""), "tags");
    json_decref(n);
    dataset_free(ds);
}

/* Few instants to millennia: the unit of the bins follows, and all events are in them. */
static void test_time_units(void **state)
{
    (void)state;
    static const int32_t zero[] = {0, 0, 0};
    static const struct {
        int64_t step;
        const char *unit;
    } cases[] = {{0, "hour"},
                 {60, "hour"},
                 {86400, "hour"},
                 {5 * 86400, "day"},
                 {100 * 86400, "week"},
                 {1000 * 86400, "month"},
                 {9000LL * 86400, "year"},
                 {900000LL * 86400, NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int64_t time[] = {777, 777 + cases[i].step, 777 + 2 * cases[i].step};
        const struct report_events in = {
            .n_users = 1, .n_items = 1, .n = 3, .user = zero, .item = zero, .time = time};
        struct dataset *ds = fixture_dataset(ctx, &in);
        json_t *n = explore(ds);
        const json_t *t = json_object_get(n, "time"), *bins = json_object_get(t, "bins");
        int64_t sum = 0;
        for (size_t b = 0; b < json_array_size(bins); b++)
            sum += json_int(json_array_get(bins, b), "n", 0);
        if (cases[i].unit) {
            assert_string_equal(json_text(t, "unit", ""), cases[i].unit);
            assert_int_equal(sum, 3);
        } else {
            assert_null(bins);
        }
        json_decref(n);
        dataset_free(ds);
    }
}

/* Values of more than 40 levels go into round bins; more than 2,000 items are thinned. */
static void test_many(void **state)
{
    (void)state;
    enum { N = 5000 };
    int32_t *user = fixture_new(ctx, N, sizeof *user), *item = fixture_new(ctx, N, sizeof *item);
    float *value = fixture_new(ctx, N, sizeof *value);
    for (int i = 0; i < N; i++) {
        user[i] = i % 10;
        item[i] = i % 3000;
        value[i] = (float)i / 100.0F;
    }
    const struct report_events in = {
        .n_users = 10, .n_items = 3000, .n = N, .user = user, .item = item, .value = value};
    struct dataset *ds = fixture_dataset(ctx, &in);
    json_t *n = explore(ds);
    const json_t *rows = json_object_get(json_object_get(n, "values"), "histogram");
    int64_t sum = 0;
    assert_in_range(json_array_size(rows), 10, 40);
    for (size_t b = 0; b < json_array_size(rows); b++)
        sum += json_int(json_array_get(rows, b), "n", 0);
    assert_int_equal(sum, N);
    const json_t *points = json_object_get(json_object_get(n, "items"), "points");
    assert_int_equal(json_int(points, "n", 0), 3000);
    assert_int_equal(json_array_size(json_object_get(points, "points")), 2000);
    json_decref(n);
    dataset_free(ds);
    mem_free(ctx, user);
    mem_free(ctx, item);
    mem_free(ctx, value);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct dataset *ds = fixture_dataset(ctx, &golden);
    int64_t used = mem_used(ctx->mem), n = 0;
    akin_status status = AKIN_E_MEMORY;
    while (status != AKIN_OK) {
        json_t *out = NULL;
        mem_fail_at(ctx->mem, ++n);
        status = report_explore(ds, &out, NULL);
        mem_fail_at(ctx->mem, 0);
        assert_true(status == AKIN_OK || (status == AKIN_E_MEMORY && !out));
        json_decref(out);
        assert_int_equal(mem_used(ctx->mem), used);
        assert_true(n < 1000);
    }
    printf("%lld allocations\n", (long long)n - 1);
    assert_true(n > 20);
    dataset_free(ds);
}

static void test_cancel(void **state)
{
    (void)state;
    struct dataset *ds = fixture_dataset(ctx, &golden);
    json_t *out = NULL;
    akin_error err;
    /* The flag alone: akin_cancel lives in api. */
    atomic_store(&ctx->cancelled, 1);
    assert_int_equal(report_explore(ds, &out, &err), AKIN_E_CANCELLED);
    atomic_store(&ctx->cancelled, 0);
    assert_null(out);
    dataset_free(ds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),         cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_nearly_nothing), cmocka_unit_test(test_implicit),
        cmocka_unit_test(test_time_units),     cmocka_unit_test(test_many),
        cmocka_unit_test(test_no_memory),      cmocka_unit_test(test_cancel),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
