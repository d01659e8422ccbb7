/*
 * slopeone, which goes by users, against deviations of pairs of items written out, against NumPy
 * (tests/golden/make_slopeone.py), and what holds of every model: reasons, files, threads, memory.
 */
#include "unit/models/knn_reference.h"
#include "unit/models/slopeone_golden.h"

static void check_golden(akin_ctx *ctx, const char *params, const double want[7][6])
{
    struct dataset *ds = matrix_data(ctx, &golden_ratings[0][0], 7, 6);
    struct fitted f = fitted_new(ctx, ds, "slopeone", params, NULL);
    for (int u = 0; u < 7; u++) {
        struct query q = model_query_user(f.m, fitted_user(&f, u));
        float *s = fitted_scores(&f, &q);
        for (int i = 0; i < 6; i++)
            assert_close(s[i], want[u][i], 1e-6);
        free(s);
    }
    fitted_free(&f);
    dataset_free(ds);
}

static void equals_numpy(void **state)
{
    check_golden(*state, "{\"shrinkage\":0}", golden_plain);
    check_golden(*state, "{\"shrinkage\":3,\"mean_damping\":2}", golden_shrunk);
}

/* Σ_j c_ji·(dev_ji + r_j - base) of one item j, and c_ji. */
static double ref_term(const struct dense *d, int u, int j, int i, double base, double *count)
{
    int n = d->n_items;
    double dev = 0;
    *count = 0;
    for (int v = 0; v < d->n_users; v++)
        if (i != j && !isnan(d->r[v * n + j]) && !isnan(d->r[v * n + i])) {
            dev += d->r[v * n + i] - d->r[v * n + j];
            (*count)++;
        }
    return dev + *count * (d->r[u * n + j] - base);
}

static struct dataset *ratings(akin_ctx *ctx)
{
    return fix_random(ctx, 31, 400, 50, 40, FIX_VALUES | FIX_TIMES);
}

static void check_pairs(akin_ctx *ctx, double shrinkage)
{
    char params[96];
    akin_error err;
    struct dataset *ds = ratings(ctx);
    struct ranker *ranker = NULL;
    snprintf(params, sizeof params, "{\"shrinkage\":%g,\"mean_damping\":4}", shrinkage);
    struct fitted f = fitted_new(ctx, ds, "slopeone", params, NULL);
    struct dense d = dense_of(&f);
    int n = d.n_items;
    assert_int_equal(f.scorer.flags, SCORER_RATES);
    assert_int_equal(ranker_create(ctx, &f.scorer, &ranker, &err), AKIN_OK);
    for (int u = 0; u < d.n_users; u++) {
        struct query q = model_query_user(f.m, u), bare = {.user = -1, .hist = q.hist};
        struct means m = ref_means(&d, u, 4);
        float *s = fitted_scores(&f, &q), *again = fitted_scores(&f, &bare);
        assert_memory_equal(s, again, (size_t)n * sizeof *s);
        for (int i = 0; i < n; i++) {
            struct reason why[64];
            int32_t n_why;
            double base = m.mu + m.user + m.item[i], above = 0, weight = shrinkage, sum = 0;
            for (int j = 0; j < n; j++) {
                double count;
                if (isnan(d.r[u * n + j]))
                    continue;
                above += ref_term(&d, u, j, i, base, &count);
                weight += count;
            }
            double want = weight > 0 ? base + above / weight : base;
            assert_close(s[i], want, 1e-6);
            assert_int_equal(rank_explain(ranker, &q, i, why, 64, &n_why, &err), AKIN_OK);
            for (int t = 0; t < n_why; t++)
                sum += (double)why[t].contribution;
            assert_close(sum, want - base, 1e-5);
        }
        free(s);
        free(again);
    }
    ranker_free(ranker);
    dense_free(&d);
    fitted_free(&f);
    dataset_free(ds);
}

static void equals_pairs(void **state)
{
    check_pairs(*state, 0);
    check_pairs(*state, 12);
}

/* A stranger without ratings gets the items' own means; who rates high gets high predictions. */
static void strangers(void **state)
{
    akin_ctx *ctx = *state;
    struct dataset *ds = matrix_data(ctx, &golden_ratings[0][0], 7, 6);
    struct fitted f = fitted_new(ctx, ds, "slopeone", "{\"shrinkage\":0}", NULL);
    const int32_t item[] = {1, 99};
    const float low[] = {1, 1}, high[] = {5, 1};
    struct query nobody = {.user = -1}, one = {.user = -1, .hist = {.n = 2, .item = item}};
    float *base = fitted_scores(&f, &nobody), *a, *b;
    struct dense d = dense_of(&f);
    struct means m = ref_means(&d, 0, 5);
    for (int i = 0; i < 6; i++)
        assert_close(base[i], m.mu + m.item[i], 1e-6);
    dense_free(&d);
    one.hist.value = low;
    a = fitted_scores(&f, &one);
    one.hist.value = high;
    b = fitted_scores(&f, &one);
    for (int i = 0; i < 5; i += i ? 1 : 2) /* nobody rated both 1 and 5 */
        assert_close(b[i] - a[i], 4, 1e-6);
    free(base);
    free(a);
    free(b);
    fitted_free(&f);
    dataset_free(ds);
}

static void files_threads_memory(void **state)
{
    akin_ctx *ctx = *state;
    struct dataset *ds = ratings(ctx);
    struct fitted f = fitted_new(ctx, ds, "slopeone", NULL, NULL);
    akin_error err = {0};
    assert_saves(&f);
    fitted_free(&f);
    assert_threads_agree(ratings, "slopeone", NULL);
    assert_survives_no_memory(ds, ctx, "slopeone", NULL);
    dataset_free(ds);
    ds = fix_random(ctx, 3, 200, 20, 30, 0);
    assert_int_equal(fitted_try(ctx, ds, "slopeone", NULL, NULL, &f, &err), AKIN_E_INPUT);
    assert_non_null(strstr(err.message, "no values"));
    dataset_free(ds);
    ds = fix_dataset(ctx, NULL, 0, 0, NULL); /* nothing at all */
    f = fitted_new(ctx, ds, "slopeone", NULL, NULL);
    assert_saves(&f);
    fitted_free(&f);
    dataset_free(ds);
}

/* One rating by each of users and items a, b, a: what is there, wrong in one way each. */
static void bad_files(void **state)
{
    static const int64_t ptr[] = {0, 2, 3}, down[] = {0, 4, 3};
    static const int32_t col[] = {0, 1, 0}, far[] = {0, 2, 0};
    static const float val[] = {1, 2, 3}, nan[] = {1, 2, NAN}, bias[] = {0, 0};
    const struct {
        const int64_t *ptr;
        const int32_t *col;
        const float *val;
        int64_t n_bias;
        const char *part;
    } bad[] = {{down, col, val, 2, "m.item.ptr does not ascend"},
               {ptr, far, val, 2, "m.item.user: index 2 of 2"},
               {ptr, col, nan, 2, "m.item.value: nan"},
               {ptr, col, val, 1, "m.bias has 1 rows for 2"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct section s[] = {{"m.user.ptr", ptr, 24},
                                    {"m.user.item", col, 12},
                                    {"m.user.value", val, 12},
                                    {"m.item.ptr", bad[i].ptr, 24},
                                    {"m.item.user", bad[i].col, 12},
                                    {"m.item.value", bad[i].val, 12},
                                    {"m.bias", bias, bad[i].n_bias * 4},
                                    {"m.mean", ptr, 8},
                                    {NULL, NULL, 0}};
        assert_refuses(*state, "slopeone", NULL, 2, s, bad[i].part);
    }
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
        cmocka_unit_test_setup_teardown(equals_pairs, setup, teardown),
        cmocka_unit_test_setup_teardown(strangers, setup, teardown),
        cmocka_unit_test_setup_teardown(files_threads_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_files, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
