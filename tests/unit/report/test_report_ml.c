/* The exploratory numbers of MovieLens (ml-latest-small) against NumPy's and SciPy's. */
#include "report_fixture.h"

#include "core/file.h"
#include "data/prepare.h"

static const char *data;

static json_t *prepare_keys(void)
{
    return json_pack("{s:o, s:o}", "items", json_sprintf("%s/ml-latest-small/movies.csv", data),
                     "tags", json_sprintf("%s/ml-latest-small/tags.csv", data));
}

static void test_movielens(void **state)
{
    (void)state;
    akin_ctx *ctx = NULL;
    akin_error err = {0};
    struct dataset *ds = NULL;
    json_t *report = NULL, *have = NULL, *want = NULL;
    char path[1024];
    assert_int_equal(ctx_create(2, 1, 0, &ctx, &err), AKIN_OK);
    json_t *keys = prepare_keys();
    snprintf(path, sizeof path, "%s/ml-latest-small/ratings.csv", data);
    if (dataset_open(ctx, path, keys, 1800000000, &ds, &report, &err) != AKIN_OK)
        fail_msg("%s", err.message);
    assert_int_equal(report_explore(ds, &have, &err), AKIN_OK);
    assert_int_equal(json_read_file(ctx, "tests/golden/report_ml_latest_small.json", &want, &err),
                     AKIN_OK);
    int64_t n = fixture_compare("", want, have);
    printf("%lld numbers compared\n", (long long)n);
    assert_true(n > 1400);
    json_decref(keys);
    json_decref(report);
    json_decref(have);
    json_decref(want);
    dataset_free(ds);
    assert_int_equal(mem_used(ctx->mem), 0);
    ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_movielens)};
    data = getenv("AKIN_DATA");
    if (!data || !*data) {
        printf("skipped: AKIN_DATA is not set to the folder of the real data sets\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
