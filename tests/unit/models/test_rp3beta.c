/*
 * p3alpha and rp3beta against walks counted one by one, against NumPy (tests/golden/make_walks.py),
 * and what holds of every model: reasons, files, threads, memory.
 */
#include "unit/models/knn_util.h"
#include "unit/models/walks_golden.h"

static const struct feedback_params linear = {.value_weight = 1};

static void check_golden(akin_ctx *ctx, const char *model, const char *params,
                         const double ends[6][6], const double scores[7][6])
{
    struct dataset *ds = matrix_data(ctx, &golden_weights[0][0], 7, 6);
    struct fitted f = fitted_new(ctx, ds, model, params, &linear);
    double *kept = kept_of(&f);
    for (int j = 0; j < 6; j++)
        for (int i = 0; i < 6; i++)
            assert_close(kept[j * 6 + i], ends[j][i], 1e-7);
    for (int u = 0; u < 7; u++) {
        struct query q = model_query_user(f.m, fitted_user(&f, u));
        float *s = fitted_scores(&f, &q);
        for (int i = 0; i < 6; i++)
            assert_close(isinf(s[i]) ? 0 : (double)s[i], scores[u][i], 1e-6);
        free(s);
    }
    free(kept);
    fitted_free(&f);
    dataset_free(ds);
}

static void equals_numpy(void **state)
{
    akin_ctx *ctx = *state;
    check_golden(ctx, "p3alpha", "{\"alpha\":1}", golden_p3_ends, golden_p3_scores);
    check_golden(ctx, "p3alpha", "{\"alpha\":1.4,\"keep\":\"target\"}", golden_p3_raised_ends,
                 golden_p3_raised_scores);
    check_golden(ctx, "rp3beta", "{\"alpha\":1,\"beta\":0.6}", golden_rp3_ends, golden_rp3_scores);
    check_golden(ctx, "rp3beta", "{\"alpha\":0.7,\"beta\":0.3}", golden_rp3_lowered_ends,
                 golden_rp3_lowered_scores);
    check_golden(ctx, "rp3beta", "{\"alpha\":0.7,\"beta\":0.6,\"weighting\":\"binary\"}",
                 golden_rp3_binary_ends, golden_rp3_binary_scores);
}

static double row_sum(const struct dense *d, int u)
{
    double sum = 0;
    for (int i = 0; i < d->n_items; i++)
        sum += d->w[u * d->n_items + i];
    return sum;
}

static double column_sum(const struct dense *d, int i)
{
    double sum = 0;
    for (int u = 0; u < d->n_users; u++)
        sum += d->w[u * d->n_items + i];
    return sum;
}

/* Every walk j → v → i, one at a time. */
static double *ref_ends(const struct dense *d, double alpha, double beta)
{
    int n = d->n_items;
    double *out = calloc((size_t)(n * n), sizeof *out);
    assert_non_null(out);
    for (int j = 0; j < n; j++)
        for (int v = 0; v < d->n_users; v++)
            for (int i = 0; i < n; i++)
                if (i != j && d->w[v * n + j] > 0 && d->w[v * n + i] > 0)
                    out[j * n + i] += pow(d->w[v * n + j] / column_sum(d, j), alpha) *
                                      pow(d->w[v * n + i] / row_sum(d, v), alpha);
    for (int i = 0; i < n; i++) {
        double users = 0;
        for (int v = 0; v < d->n_users; v++)
            users += d->w[v * n + i] > 0;
        for (int j = 0; j < n && users > 0; j++)
            out[j * n + i] /= pow(users, beta);
    }
    return out;
}

/* The k best of each row (of each column) of x (n, n) stay, ties by index. */
static void ref_keep(double *x, int n, int k, bool by_target)
{
    int down = by_target ? n : 1, across = by_target ? 1 : n;
    for (int a = 0; a < n; a++) {
        double *row = x + a * across;
        for (int left = n - 1 - k; left > 0; left--) {
            int worst = -1;
            for (int b = 0; b < n; b++)
                if (row[b * down] > 0 && (worst < 0 || row[b * down] <= row[worst * down]))
                    worst = b;
            int n_kept = 0;
            for (int b = 0; b < n; b++)
                n_kept += row[b * down] > 0;
            if (n_kept > k)
                row[worst * down] = 0;
        }
    }
}

static struct dataset *ratings(akin_ctx *ctx)
{
    return fix_random(ctx, 21, 500, 50, 30, FIX_VALUES | FIX_TIMES);
}

/* Scores of all users and of strangers with their histories; the reasons are the terms. */
static void check_walks(akin_ctx *ctx, struct dataset *ds, double alpha, double beta, int k,
                        bool by_target)
{
    char params[128];
    snprintf(params, sizeof params, "{\"alpha\":%g,\"beta\":%g,\"neighbors\":%d,\"keep\":\"%s\"}",
             alpha, beta, k, by_target ? "target" : "history");
    struct fitted f = fitted_new(ctx, ds, "rp3beta", params, &linear);
    struct dense d = dense_of(&f);
    double *ends = ref_ends(&d, alpha, beta);
    struct ranker *ranker = NULL;
    akin_error err;
    int n = d.n_items;
    ref_keep(ends, n, k, by_target);
    assert_int_equal(ranker_create(ctx, &f.scorer, &ranker, &err), AKIN_OK);
    for (int u = 0; u < d.n_users; u++) {
        struct query q = model_query_user(f.m, u), bare = {.user = -1, .hist = q.hist};
        float *s = fitted_scores(&f, &q), *again = fitted_scores(&f, &bare);
        assert_memory_equal(s, again, (size_t)n * sizeof *s);
        for (int i = 0; i < n; i++) {
            struct reason why[64];
            int32_t n_why;
            double want = 0, sum = 0;
            for (int j = 0; j < n; j++)
                want += pow(d.w[u * n + j] / row_sum(&d, u), alpha) * ends[j * n + i];
            assert_close(isinf(s[i]) ? 0 : (double)s[i], want, 1e-6);
            assert_int_equal(rank_explain(ranker, &q, i, why, 64, &n_why, &err), AKIN_OK);
            for (int t = 0; t < n_why; t++)
                sum += (double)why[t].contribution;
            assert_close(sum, want, 1e-6);
        }
        free(s);
        free(again);
    }
    ranker_free(ranker);
    free(ends);
    dense_free(&d);
    fitted_free(&f);
}

static void equals_walks_counted(void **state)
{
    akin_ctx *ctx = *state;
    struct dataset *ds = ratings(ctx);
    check_walks(ctx, ds, 1, 0, 100, false);
    check_walks(ctx, ds, 1, .6, 7, false);
    check_walks(ctx, ds, .6, .4, 7, true);
    check_walks(ctx, ds, 2, 1, 100, false);
    dataset_free(ds);
}

static void beta_0_is_p3alpha(void **state)
{
    akin_ctx *ctx = *state;
    struct dataset *ds = ratings(ctx);
    struct fitted a = fitted_new(ctx, ds, "p3alpha", "{\"alpha\":0.8}", &linear);
    struct fitted b = fitted_new(ctx, ds, "rp3beta", "{\"alpha\":0.8,\"beta\":0}", &linear);
    double *x = kept_of(&a), *y = kept_of(&b);
    assert_memory_equal(x, y, (size_t)(ds->items.n * ds->items.n) * sizeof *x);
    free(x);
    free(y);
    fitted_free(&a);
    fitted_free(&b);
    dataset_free(ds);
}

static void files_threads_memory(void **state)
{
    akin_ctx *ctx = *state;
    struct dataset *ds = ratings(ctx);
    struct fitted f = fitted_new(ctx, ds, "rp3beta", NULL, &linear);
    assert_saves(&f);
    fitted_free(&f);
    assert_threads_agree(ratings, "rp3beta", "{\"neighbors\":5,\"keep\":\"target\"}");
    assert_survives_no_memory(ds, ctx, "rp3beta", "{\"keep\":\"target\",\"alpha\":0.5}");
    dataset_free(ds);
    ds = fix_dataset(ctx, NULL, 0, 0, NULL); /* nothing at all */
    f = fitted_new(ctx, ds, "p3alpha", NULL, NULL);
    assert_saves(&f);
    fitted_free(&f);
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
        cmocka_unit_test_setup_teardown(equals_walks_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(beta_0_is_p3alpha, setup, teardown),
        cmocka_unit_test_setup_teardown(files_threads_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
