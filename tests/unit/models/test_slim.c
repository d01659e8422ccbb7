/* slim: the elastic nets of NumPy, optimality on random data, scores, files, memory. */
#include "unit/models/linear_util.h"

static struct dataset *shop(akin_ctx *ctx)
{
    return fix_random(ctx, 22, 2500, 90, 110, FIX_VALUES | FIX_TIMES);
}

static void equals_numpy(void **state)
{
    akin_ctx *ctx = *state;
    check_golden(ctx, "slim", "{\"l1\":1,\"l2\":2,\"damping\":0,\"tol\":1e-6}", golden_slim, 1e-4);
    check_golden(ctx, "slim", "{\"l1\":0.5,\"l2\":1,\"damping\":0,\"tol\":1e-6,\"negative\":true}",
                 golden_slim_signed, 1e-4);
    check_golden(ctx, "slim",
                 "{\"l1\":0.2,\"l2\":0.3,\"tol\":1e-6,\"damping\":0.5,\"weighting\":\"binary\"}",
                 golden_slim_damped, 1e-4);
}

/* No coordinate can do better: the conditions of the optimum, from the data. */
static void is_optimal(void **state)
{
    akin_ctx *ctx = *state;
    for (int is_signed = 0; is_signed < 2; is_signed++) {
        struct dataset *ds = shop(ctx);
        struct fitted f = fitted_new(
            ctx, ds, "slim",
            is_signed
                ? "{\"l1\":1.5,\"l2\":3,\"keep\":1000,\"damping\":0,\"tol\":1e-5,\"negative\":true}"
                : "{\"l1\":1.5,\"l2\":3,\"keep\":1000,\"damping\":0,\"tol\":1e-5}",
            NULL);
        int n = ds->items.n, n_users = ds->users.n, n_kept = 0;
        double *B = linear_weights(&f);
        double *x = calloc((size_t)(n * n_users), sizeof *x);
        assert_non_null(x);
        for (int u = 0; u < n_users; u++)
            for (int64_t e = f.tv.by_user.ptr[u]; e < f.tv.by_user.ptr[u + 1]; e++)
                x[u * n + f.tv.by_user.col[e]] = (double)f.tv.by_user.val[e];
        for (int j = 0; j < n; j++)
            for (int i = 0; i < n; i++) {
                double r = 0, w = B[i * n + j];
                for (int u = 0; u < n_users && i != j; u++) {
                    double left = x[u * n + j];
                    for (int k = 0; k < n && x[u * n + i] > 0; k++)
                        left -= x[u * n + k] * B[k * n + j];
                    r += x[u * n + i] * left;
                }
                n_kept += fabs(w) > 0;
                assert_true(is_signed || w >= 0);
                if (i == j)
                    assert_close(w, 0, 0);
                else if (fabs(w) > 0)
                    assert_close(r - 3 * w, copysign(1.5, w), 2e-3);
                else
                    assert_true((is_signed ? fabs(r) : r) <= 1.5 + 2e-3);
            }
        assert_true(n_kept > n);
        check_scores(&f);
        free(x);
        free(B);
        fitted_free(&f);
        dataset_free(ds);
    }
}

static void files_threads_memory(void **state)
{
    akin_ctx *ctx = *state;
    static const char *const settings[] = {"{\"keep\":7}", "{\"l2\":1,\"negative\":true}"};
    struct dataset *ds = shop(ctx), *empty = fix_dataset(ctx, NULL, 0, 0, NULL);
    for (size_t s = 0; s < sizeof settings / sizeof settings[0]; s++) {
        struct fitted f = fitted_new(ctx, ds, "slim", settings[s], NULL);
        assert_saves(&f);
        fitted_free(&f);
        f = fitted_new(ctx, empty, "slim", settings[s], NULL);
        assert_saves(&f);
        fitted_free(&f);
        assert_survives_no_memory(ds, ctx, "slim", settings[s]);
        assert_threads_agree(shop, "slim", settings[s]);
    }
    dataset_free(empty);
    dataset_free(ds);
}

static int setup(void **state)
{
    *state = knn_ctx(2);
    return 0;
}

static int teardown(void **state)
{
    knn_ctx_done(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(equals_numpy, setup, teardown),
        cmocka_unit_test_setup_teardown(is_optimal, setup, teardown),
        cmocka_unit_test_setup_teardown(files_threads_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
