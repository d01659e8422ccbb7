/* Normalisation: golden numbers, inverse, unseen rows, JSON, threads, lack of memory. */
#include "data/normalize.h"

#include "unit/data/flow_fixture.h"

#include <math.h>

static const struct row rows[] = {{"a", "x", 1, 10, 0}, {"a", "y", 3, 20, 0}, {"a", "z", 5, 30, 0},
                                  {"b", "x", 4, 10, 0}, {"c", "x", 2, 10, 0}, {"c", "y", 2, 11, 0}};

static void test_golden(void **state)
{
    (void)state;
    akin_ctx *ctx = fix_ctx(2, 1);
    akin_error err;
    struct dataset *ds = fix_dataset(ctx, rows, 6, FIX_VALUES | FIX_TIMES, NULL);
    struct normalizer n;
    int32_t a = fix_user(ds, "a"), b = fix_user(ds, "b"), c = fix_user(ds, "c");
    int32_t x = fix_item(ds, "x"), y = fix_item(ds, "y");

    assert_int_equal(normalizer_fit(ctx, ds, NORM_NONE, NORM_USER, &n, &err), AKIN_OK);
    assert_true(normalizer_apply(&n, a, x, 3.25) == 3.25);
    normalizer_free(&n);

    assert_int_equal(normalizer_fit(ctx, ds, NORM_MINMAX, NORM_ALL, &n, &err), AKIN_OK);
    assert_true(n.center == 1 && n.scale == 4);
    assert_true(normalizer_apply(&n, -1, -1, 3) == .5);
    normalizer_free(&n);

    assert_int_equal(normalizer_fit(ctx, ds, NORM_MINMAX, NORM_USER, &n, &err), AKIN_OK);
    assert_true(normalizer_apply(&n, a, x, 3) == .5);
    assert_true(normalizer_apply(&n, b, x, 4) == 0); /* one value: no spread */
    assert_true(normalizer_apply(&n, c, x, 3) == 1);
    assert_true(normalizer_apply(&n, 99, x, 5) == 1); /* unseen: over all */
    normalizer_free(&n);

    /* values 1 3 5 4 2 2: mean 17/6, variance 59/6 - (17/6)² = 65/36 */
    assert_int_equal(normalizer_fit(ctx, ds, NORM_ZSCORE, NORM_ALL, &n, &err), AKIN_OK);
    assert_near(n.center, 17.0 / 6, 1e-12);
    assert_near(n.scale, sqrt(65.0) / 6, 1e-12);
    normalizer_free(&n);

    assert_int_equal(normalizer_fit(ctx, ds, NORM_ZSCORE, NORM_ITEM, &n, &err), AKIN_OK);
    assert_near(n.row_center[x], 7.0 / 3, 1e-12); /* 1 4 2 */
    assert_near(n.row_scale[x], sqrt(14.0 / 9), 1e-12);
    assert_near(n.row_center[y], 2.5, 1e-12);
    assert_near(n.row_scale[y], .5, 1e-12);
    normalizer_free(&n);

    assert_int_equal(normalizer_fit(ctx, ds, NORM_MEAN, NORM_USER, &n, &err), AKIN_OK);
    assert_true(normalizer_apply(&n, a, x, 5) == 2);
    assert_true(normalizer_apply(&n, c, x, 5) == 3);
    assert_near(normalizer_apply(&n, -1, x, 5), 5 - 17.0 / 6, 1e-12);
    float out[6];
    assert_int_equal(normalizer_apply_events(&n, ds, out, &err), AKIN_OK);
    for (int i = 0; i < 3; i++)
        assert_true(out[ds->user_ptr[a] + i] == (float)(2 * i - 2));
    normalizer_free(&n);

    assert_int_equal(normalizer_fit(ctx, ds, (enum norm_kind)9, NORM_ALL, &n, &err), AKIN_E_ARG);
    dataset_free(ds);
    ds = fix_dataset(ctx, rows, 6, 0, NULL);
    assert_int_equal(normalizer_fit(ctx, ds, NORM_ZSCORE, NORM_USER, &n, &err), AKIN_OK);
    assert_true(normalizer_apply(&n, a, x, 1) == 0);
    normalizer_free(&n);
    dataset_free(ds);
    ds = fix_dataset(ctx, rows, 0, FIX_VALUES, NULL);
    assert_int_equal(normalizer_fit(ctx, ds, NORM_MINMAX, NORM_ITEM, &n, &err), AKIN_OK);
    assert_true(normalizer_apply(&n, 0, 0, 2) == 2);
    normalizer_free(&n);
    dataset_free(ds);
    assert_int_equal(mem_used(ctx->mem), 0);
    ctx_free(ctx);
}

/* inverse(apply(v)) = v; through JSON the same bits; at any number of threads the same bits. */
static void test_properties(void **state)
{
    (void)state;
    uint64_t seed = fix_seed();
    int threads[] = {1, 2, 3, 8};
    double sums[4][4][3] = {{{0}}};
    for (int t = 0; t < 4; t++) {
        akin_ctx *ctx = fix_ctx(threads[t], 1);
        akin_error err;
        struct dataset *ds = fix_random(ctx, seed, 100000, 300, 200, FIX_VALUES);
        for (int kind = 0; kind < 4; kind++) {
            for (int scope = 0; scope < 3; scope++) {
                struct normalizer n, back;
                assert_int_equal(
                    normalizer_fit(ctx, ds, (enum norm_kind)kind, (enum norm_scope)scope, &n, &err),
                    AKIN_OK);
                json_t *json = normalizer_to_json(&n);
                char *text = json_dumps(json, 0);
                json_t *again = json_loads(text, 0, NULL);
                assert_int_equal(normalizer_from_json(ctx, again, &back, &err), AKIN_OK);
                double sum = 0;
                for (int i = 0; i < 500; i++) {
                    int32_t user = i % 301 - 1, item = i % 201 - 1;
                    double v = (double)(i % 11) / 2;
                    double y = normalizer_apply(&n, user, item, v);
                    double z = normalizer_apply(&back, user, item, v);
                    assert_memory_equal(&y, &z, sizeof y);
                    assert_near(normalizer_inverse(&n, user, item, y), v, 1e-6);
                    sum += y * (i + 1);
                }
                sums[t][kind][scope] = sum;
                assert_memory_equal(&sum, &sums[0][kind][scope], sizeof sum);
                normalizer_free(&n);
                normalizer_free(&back);
                json_decref(json);
                json_decref(again);
                free(text);
            }
        }
        dataset_free(ds);
        assert_int_equal(mem_used(ctx->mem), 0);
        ctx_free(ctx);
    }
}

static void test_damaged(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{}",
        "{\"kind\":\"minmax\",\"scope\":\"all\",\"center\":0,\"scale\":0}",
        "{\"kind\":\"minmax\",\"scope\":\"where\",\"center\":0,\"scale\":1}",
        "{\"kind\":\"minmax\",\"scope\":\"user\",\"center\":0,\"scale\":1,\"row_center\":[1]}",
        "{\"kind\":\"minmax\",\"scope\":\"all\",\"center\":0,\"scale\":1,\"row_center\":[1],"
        "\"row_scale\":[1]}",
        "{\"kind\":\"mean\",\"scope\":\"user\",\"center\":0,\"scale\":1,\"row_center\":[1],"
        "\"row_scale\":[0]}",
        "{\"kind\":\"mean\",\"scope\":\"user\",\"center\":0,\"scale\":1,\"row_center\":[\"1\"],"
        "\"row_scale\":[1]}"};
    akin_ctx *ctx = fix_ctx(1, 1);
    akin_error err;
    struct normalizer n;
    for (int i = 0; i < 7; i++) {
        json_t *json = json_loads(bad[i], 0, NULL);
        assert_non_null(json);
        assert_int_equal(normalizer_from_json(ctx, json, &n, &err), AKIN_E_FORMAT);
        json_decref(json);
    }
    assert_int_equal(mem_used(ctx->mem), 0);
    ctx_free(ctx);
}

static void test_memory(void **state)
{
    (void)state;
    akin_ctx *ctx = fix_ctx(1, 1);
    akin_error err;
    struct dataset *ds = fix_dataset(ctx, rows, 6, FIX_VALUES, NULL);
    int64_t used = mem_used(ctx->mem);
    for (int64_t at = 1;; at++) {
        struct normalizer n = {0};
        mem_fail_at(ctx->mem, at);
        akin_status status = normalizer_fit(ctx, ds, NORM_ZSCORE, NORM_ITEM, &n, &err);
        mem_fail_at(ctx->mem, 0);
        normalizer_free(&n);
        assert_int_equal(mem_used(ctx->mem), used);
        if (status == AKIN_OK)
            break;
        assert_int_equal(status, AKIN_E_MEMORY);
    }
    struct normalizer n;
    akin_cancel(ctx);
    assert_int_equal(normalizer_fit(ctx, ds, NORM_MEAN, NORM_ITEM, &n, &err), AKIN_E_CANCELLED);
    dataset_free(ds);
    ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_properties),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
