/*
 * itemknn against formulas written out densely, against NumPy (tests/golden/make_knn.py), and what
 * holds of every model: reasons, files, threads, memory.
 */
#include "unit/models/knn_golden.h"
#include "unit/models/knn_reference.h"

/* Each row (of history items, or of targets) holds the K largest of the reference. */
static void check_kept(struct fitted *f, const struct setting *s, int k, bool by_target)
{
    struct dense d = dense_of(f);
    double *kept = kept_of(f);
    int n = d.n_items;
    for (int a = 0; a < n; a++) {
        int n_kept = 0, n_positive = 0;
        double least = (double)INFINITY, most = 0;
        for (int b = 0; b < n; b++) {
            double want = a == b ? 0 : by_target ? ref_sim(&d, s, b, a) : ref_sim(&d, s, a, b);
            double got = by_target ? kept[b * n + a] : kept[a * n + b];
            if (got > 0) {
                assert_close(got, want, 1e-6 * fmax(1, want));
                least = fmin(least, want);
                n_kept++;
            } else {
                most = fmax(most, want);
            }
            n_positive += want > 1e-7;
        }
        if (n_kept < k)
            assert_true(n_kept >= n_positive);
        assert_true(n_kept <= k);
        if (n_kept > 0 && n_kept == k)
            assert_true(most <= least + 1e-6 * fmax(1, least));
    }
    free(kept);
    dense_free(&d);
}

static struct dataset *ratings(akin_ctx *ctx)
{
    return fix_random(ctx, 11, 700, 60, 45, FIX_VALUES | FIX_TIMES);
}

static struct dataset *wide(akin_ctx *ctx)
{
    /* many items, few of each user: rows that list what they touch */
    return fix_random(ctx, 12, 600, 150, 400, FIX_VALUES | FIX_TIMES);
}

static void equals_the_definitions(void **state)
{
    akin_ctx *ctx = *state;
    static const char *const kinds[] = {"cosine", "asymmetric_cosine", "jaccard",
                                        "llr",    "pearson",           "adjusted_cosine"};
    static const double dampings[] = {0, .5, 1}, shrinkages[] = {0, 3};
    static const struct feedback_params linear = {.value_weight = 1};
    struct dataset *ds = ratings(ctx);
    struct dataset *thin = wide(ctx);
    for (size_t c = 0; c < sizeof kinds / sizeof kinds[0]; c++)
        for (int v = 0; v < 24; v++) {
            struct setting s = {kinds[c], dampings[v % 3], shrinkages[v / 3 % 2], .3, v < 12};
            bool by_target = v / 6 % 2;
            int k = v % 2 ? 7 : 60;
            char params[256];
            snprintf(params, sizeof params,
                     "{\"similarity\":\"%s\",\"damping\":%g,\"shrinkage\":%g,\"alpha\":0.3,"
                     "\"neighbors\":%d,\"keep\":\"%s\",\"weighting\":\"%s\"}",
                     s.similarity, s.damping, s.shrinkage, k, by_target ? "target" : "history",
                     s.is_binary ? "binary" : "weight");
            struct fitted f = fitted_new(ctx, ds, "itemknn", params, v % 5 ? &linear : NULL);
            check_kept(&f, &s, k, by_target);
            fitted_free(&f);
            if (v % 11 != 0)
                continue;
            f = fitted_new(ctx, thin, "itemknn", params, NULL);
            check_kept(&f, &s, k, by_target);
            fitted_free(&f);
        }
    dataset_free(ds);
    dataset_free(thin);
}

static void check_golden(akin_ctx *ctx, const char *params, const double want[6][6])
{
    static const struct feedback_params linear = {.value_weight = 1};
    struct dataset *ds = matrix_data(ctx, &golden_weights[0][0], 7, 6);
    struct fitted f = fitted_new(ctx, ds, "itemknn", params, &linear);
    double *kept = kept_of(&f);
    for (int j = 0; j < 6; j++)
        for (int i = 0; i < 6; i++)
            if (i != j)
                assert_close(kept[j * 6 + i], want[j][i], 1e-6 * fmax(1, want[j][i]));
    free(kept);
    fitted_free(&f);
    dataset_free(ds);
}

static void equals_numpy(void **state)
{
    akin_ctx *ctx = *state;
    check_golden(ctx, "{\"similarity\":\"tfidf\",\"damping\":0}", golden_tfidf);
    check_golden(ctx, "{\"similarity\":\"tfidf\",\"damping\":0,\"weighting\":\"binary\"}",
                 golden_tfidf_binary);
    check_golden(ctx, "{\"similarity\":\"bm25\",\"damping\":0}", golden_bm25);
    check_golden(ctx, "{\"similarity\":\"bm25\",\"damping\":0,\"bm25_k1\":1.2,\"bm25_b\":0.75}",
                 golden_bm25_small);
    check_golden(ctx, "{\"similarity\":\"bm25\",\"damping\":0,\"weighting\":\"binary\"}",
                 golden_bm25_binary);
}

/* score = Σ w_j · s(j → i), the reasons are its terms; a bare history gives the user's own scores.
 */
static void scores_add_up(void **state)
{
    akin_ctx *ctx = *state;
    static const struct feedback_params linear = {.value_weight = 1};
    struct dataset *ds = ratings(ctx);
    struct fitted f = fitted_new(ctx, ds, "itemknn", "{\"neighbors\":10}", &linear);
    struct dense d = dense_of(&f);
    double *kept = kept_of(&f);
    struct ranker *ranker = NULL;
    akin_error err;
    int n = d.n_items;
    assert_int_equal(ranker_create(ctx, &f.scorer, &ranker, &err), AKIN_OK);
    for (int u = 0; u < d.n_users; u += 7) {
        struct query q = model_query_user(f.m, u), bare = {.user = -1, .hist = q.hist};
        float *s = fitted_scores(&f, &q), *again = fitted_scores(&f, &bare);
        assert_memory_equal(s, again, (size_t)n * sizeof *s);
        for (int i = 0; i < n; i++) {
            double want = 0;
            for (int j = 0; j < n; j++)
                want += d.w[u * n + j] * kept[j * n + i];
            assert_close(isinf(s[i]) ? 0 : (double)s[i], want, 1e-5);
            struct reason why[64];
            int32_t n_why;
            double sum = 0;
            assert_int_equal(rank_explain(ranker, &q, i, why, 64, &n_why, &err), AKIN_OK);
            for (int t = 0; t < n_why; t++) {
                sum += (double)why[t].contribution;
                assert_close(why[t].contribution,
                             d.w[u * n + why[t].item] * kept[why[t].item * n + i], 1e-6);
                assert_true(t == 0 || why[t].contribution <= why[t - 1].contribution);
            }
            assert_close(sum, want, 1e-5);
        }
        free(s);
        free(again);
    }
    ranker_free(ranker);
    free(kept);
    dense_free(&d);
    fitted_free(&f);
    dataset_free(ds);
}

/* r̂ = μ + b_u + b_i + weighted mean of deviations, from dense sums. */
static void rating_mode(void **state)
{
    akin_ctx *ctx = *state;
    struct dataset *ds = ratings(ctx);
    struct fitted f = fitted_new(ctx, ds, "itemknn",
                                 "{\"mode\":\"rating\",\"similarity\":\"pearson\","
                                 "\"shrinkage\":5,\"neighbors\":20,\"mean_damping\":4,"
                                 "\"keep\":\"target\"}",
                                 NULL);
    struct dense d = dense_of(&f);
    double *kept = kept_of(&f);
    int n = d.n_items;
    double mu = 0, n_all = 0, bias[64];
    assert_int_equal(f.scorer.flags, SCORER_RATES);
    for (int e = 0; e < d.n_users * n; e++)
        if (!isnan(d.r[e])) {
            mu += d.r[e];
            n_all++;
        }
    mu /= n_all;
    for (int i = 0; i < n; i++) {
        double off = 0, m = 4;
        for (int u = 0; u < d.n_users; u++)
            if (!isnan(d.r[u * n + i])) {
                off += d.r[u * n + i] - mu;
                m++;
            }
        bias[i] = off / m;
    }
    for (int u = 0; u < d.n_users; u += 5) {
        struct query q = model_query_user(f.m, u);
        float *s = fitted_scores(&f, &q);
        double own = 0, m = 4;
        for (int j = 0; j < n; j++)
            if (!isnan(d.r[u * n + j])) {
                own += d.r[u * n + j] - mu - bias[j];
                m++;
            }
        own /= m;
        for (int i = 0; i < n; i++) {
            double above = 0, total = 0;
            for (int j = 0; j < n; j++)
                if (!isnan(d.r[u * n + j])) {
                    above += kept[j * n + i] * (d.r[u * n + j] - mu - own - bias[j]);
                    total += kept[j * n + i];
                }
            assert_close(s[i], mu + own + bias[i] + (total > 0 ? above / total : 0), 1e-5);
        }
        free(s);
    }
    assert_saves(&f);
    free(kept);
    dense_free(&d);
    fitted_free(&f);
    dataset_free(ds);
}

static void files_threads_memory(void **state)
{
    akin_ctx *ctx = *state;
    struct dataset *ds = ratings(ctx);
    struct fitted f = fitted_new(ctx, ds, "itemknn", NULL, NULL);
    akin_error err = {0};
    assert_saves(&f);
    fitted_free(&f);
    assert_threads_agree(wide, "itemknn", "{\"neighbors\":5,\"damping\":0.7}");
    assert_threads_agree(ratings, "itemknn", "{\"similarity\":\"llr\",\"keep\":\"target\"}");
    assert_survives_no_memory(ds, ctx, "itemknn", "{\"keep\":\"target\"}");
    assert_survives_no_memory(ds, ctx, "itemknn", "{\"similarity\":\"tfidf\",\"mode\":\"rating\"}");
    assert_survives_no_memory(ds, ctx, "itemknn", "{\"similarity\":\"pearson\"}");
    dataset_free(ds);
    ds = fix_random(ctx, 3, 200, 20, 30, 0);
    assert_int_equal(fitted_try(ctx, ds, "itemknn", "{\"similarity\":\"pearson\"}", NULL, &f, &err),
                     AKIN_E_INPUT);
    assert_int_equal(fitted_try(ctx, ds, "itemknn", "{\"mode\":\"rating\"}", NULL, &f, &err),
                     AKIN_E_INPUT);
    dataset_free(ds);
    ds = fix_dataset(ctx, NULL, 0, 0, NULL); /* nothing at all */
    f = fitted_new(ctx, ds, "itemknn", NULL, NULL);
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
        cmocka_unit_test_setup_teardown(equals_the_definitions, setup, teardown),
        cmocka_unit_test_setup_teardown(equals_numpy, setup, teardown),
        cmocka_unit_test_setup_teardown(scores_add_up, setup, teardown),
        cmocka_unit_test_setup_teardown(rating_mode, setup, teardown),
        cmocka_unit_test_setup_teardown(files_threads_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
