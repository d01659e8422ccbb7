/*
 * userknn against formulas written out densely, against NumPy (tests/golden/make_knn.py), and what
 * holds of every model: strangers, reasons, files, threads, memory.
 */
#include "unit/models/knn_golden.h"
#include "unit/models/knn_reference.h"

static const struct feedback_params linear = {.value_weight = 1};

static void check_golden(akin_ctx *ctx, const char *params, const double want[7][6])
{
    struct dataset *ds = matrix_data(ctx, &golden_weights[0][0], 7, 6);
    struct fitted f = fitted_new(ctx, ds, "userknn", params, &linear);
    for (int u = 0; u < 7; u++) {
        struct query q = model_query_user(f.m, fitted_user(&f, u));
        float *s = fitted_scores(&f, &q);
        for (int i = 0; i < 6; i++)
            assert_close(isinf(s[i]) ? 0 : (double)s[i], want[u][i], 1e-6 * fmax(1, want[u][i]));
        free(s);
    }
    fitted_free(&f);
    dataset_free(ds);
}

static void equals_numpy(void **state)
{
    akin_ctx *ctx = *state;
    check_golden(ctx, "{\"similarity\":\"tfidf\",\"damping\":0}", golden_users_tfidf);
    check_golden(ctx, "{\"similarity\":\"tfidf\",\"damping\":0,\"weighting\":\"binary\"}",
                 golden_users_tfidf_binary);
    check_golden(ctx, "{\"similarity\":\"bm25\",\"damping\":0,\"bm25_k1\":1.2,\"bm25_b\":0.75}",
                 golden_users_bm25);
    check_golden(ctx, "{\"similarity\":\"bm25\",\"damping\":0,\"weighting\":\"binary\"}",
                 golden_users_bm25_binary);
}

/* The nearness of user u to all, -1 = no neighbour; 0 for herself unless she is a stranger. */
static double *ref_near(const struct dense *turned, const struct setting *s, int u, bool is_known)
{
    int n = turned->n_items;
    double *near = calloc((size_t)n, sizeof *near);
    assert_non_null(near);
    for (int v = 0; v < n; v++)
        near[v] = is_known && v == u ? 0 : ref_sim(turned, s, u, v);
    return near;
}

/*
 * near (n) keeps those of `may` that are among the k largest; false if rounding could decide who
 * comes last.
 */
static bool ref_nearest(double *near, const bool *may, int n, int k)
{
    double *sorted = calloc((size_t)n, sizeof *sorted);
    int n_may = 0;
    assert_non_null(sorted);
    for (int v = 0; v < n; v++)
        if (may[v] && near[v] > 1e-9)
            sorted[n_may++] = near[v];
    for (int a = 0; a < n_may; a++)
        for (int b = a + 1; b < n_may; b++)
            if (sorted[b] > sorted[a]) {
                double x = sorted[a];
                sorted[a] = sorted[b];
                sorted[b] = x;
            }
    double least = n_may > k ? sorted[k - 1] : 0, next = n_may > k ? sorted[k] : -1;
    for (int v = 0; v < n; v++)
        if (!may[v] || near[v] <= 1e-9 || near[v] < least)
            near[v] = 0;
    free(sorted);
    return least - next > 1e-6 * fmax(1, least);
}

static double dense_weight(const struct dense *d, const struct setting *s, int v, int i)
{
    double w = d->w[v * d->n_items + i];
    return s->is_binary ? w > 0 : w;
}

static void check_reasons(struct fitted *f, const struct query *q, int item, double want)
{
    struct ranker *ranker = NULL;
    struct reason why[64];
    int32_t n;
    double sum = 0;
    akin_error err;
    assert_int_equal(ranker_create(f->ctx, &f->scorer, &ranker, &err), AKIN_OK);
    assert_int_equal(rank_explain(ranker, q, item, why, 64, &n, &err), AKIN_OK);
    for (int t = 0; t < n; t++)
        sum += (double)why[t].contribution;
    assert_close(sum, want, 1e-5 * fmax(1, fabs(want)));
    ranker_free(ranker);
}

/* Of user u, or of a stranger with her history: what K neighbours have. Returns users compared. */
static int check_user(struct fitted *f, const struct dense *d, const struct dense *turned,
                      const struct setting *s, int k, int u, bool is_known)
{
    struct query q = model_query_user(f->m, u), bare = {.user = -1, .hist = q.hist};
    const struct query *asked = is_known ? &q : &bare;
    double *near = ref_near(turned, s, u, is_known);
    bool all[64];
    memset(all, 1, sizeof all);
    bool is_clear = ref_nearest(near, all, d->n_users, k);
    float *got = fitted_scores(f, asked);
    for (int i = 0; is_clear && i < d->n_items; i++) {
        double want = 0;
        for (int v = 0; v < d->n_users; v++)
            want += near[v] * dense_weight(d, s, v, i);
        assert_close(isinf(got[i]) ? 0 : (double)got[i], want, 1e-6 * fmax(1, want));
        if (i % 9 == 0 && u % 6 == 0)
            check_reasons(f, asked, i, want);
    }
    free(got);
    free(near);
    return is_clear;
}

static struct dataset *ratings(akin_ctx *ctx)
{
    return fix_random(ctx, 41, 700, 60, 45, FIX_VALUES | FIX_TIMES);
}

static void equals_the_definitions(void **state)
{
    akin_ctx *ctx = *state;
    static const char *const kinds[] = {"cosine", "asymmetric_cosine", "jaccard",
                                        "llr",    "pearson",           "adjusted_cosine"};
    static const double dampings[] = {0, .5, 1}, shrinkages[] = {0, 3};
    struct dataset *ds = ratings(ctx);
    for (size_t c = 0; c < sizeof kinds / sizeof kinds[0]; c++) {
        int n_clear = 0;
        for (int v = 0; v < 12; v++) {
            struct setting s = {kinds[c], dampings[v % 3], shrinkages[v / 3 % 2], .3, v < 6};
            char params[256];
            int k = v % 2 ? 7 : 100;
            snprintf(params, sizeof params,
                     "{\"similarity\":\"%s\",\"damping\":%g,\"shrinkage\":%g,\"alpha\":0.3,"
                     "\"neighbors\":%d,\"weighting\":\"%s\"}",
                     s.similarity, s.damping, s.shrinkage, k, s.is_binary ? "binary" : "weight");
            struct fitted f = fitted_new(ctx, ds, "userknn", params, &linear);
            struct dense d = dense_of(&f), turned = dense_turned(&d);
            for (int u = 0; u < d.n_users; u += 3)
                n_clear += check_user(&f, &d, &turned, &s, k, u, v % 4 < 2);
            dense_free(&d);
            dense_free(&turned);
            fitted_free(&f);
        }
        printf("%s: %d of 240 askers without ties\n", kinds[c], n_clear);
        assert_true(n_clear >= 120);
    }
    dataset_free(ds);
}

/* r̂(i) = μ + b_u + b_i + the mean of what the K nearest of its raters say above theirs. */
static void check_rating(struct fitted *f, const struct dense *d, const struct setting *s, int k,
                         int u)
{
    struct dense turned = dense_turned(d);
    struct query q = model_query_user(f->m, u);
    struct means own = ref_means(d, u, 4);
    float *got = fitted_scores(f, &q);
    for (int i = 0; i < d->n_items; i++) {
        double *near = ref_near(&turned, s, u, true), above = 0, total = 0;
        bool may[64];
        for (int v = 0; v < d->n_users; v++)
            may[v] = !isnan(d->r[v * d->n_items + i]);
        if (ref_nearest(near, may, d->n_users, k)) {
            for (int v = 0; v < d->n_users; v++) {
                if (!(near[v] > 0))
                    continue;
                struct means m = ref_means(d, v, 4);
                above += near[v] * (d->r[v * d->n_items + i] - m.mu - m.user - m.item[i]);
                total += near[v];
            }
            above = total > 0 ? above / total : 0;
            assert_close(got[i], own.mu + own.user + own.item[i] + above, 2e-6);
            if (i % 9 == 0)
                check_reasons(f, &q, i, above);
        }
        free(near);
    }
    free(got);
    dense_free(&turned);
}

static void rating_mode(void **state)
{
    akin_ctx *ctx = *state;
    static const char *const kinds[] = {"pearson", "cosine"};
    struct dataset *ds = ratings(ctx);
    for (int c = 0; c < 2; c++) {
        char params[160];
        struct setting s = {kinds[c], .5, 2, .5, false};
        snprintf(params, sizeof params,
                 "{\"mode\":\"rating\",\"similarity\":\"%s\",\"damping\":0.5,\"shrinkage\":2,"
                 "\"neighbors\":5,\"mean_damping\":4}",
                 kinds[c]);
        struct fitted f = fitted_new(ctx, ds, "userknn", params, &linear);
        struct dense d = dense_of(&f);
        assert_int_equal(f.scorer.flags, SCORER_RATES);
        for (int u = 0; u < d.n_users; u += 9)
            check_rating(&f, &d, &s, 5, u);
        assert_saves(&f);
        dense_free(&d);
        fitted_free(&f);
    }
    dataset_free(ds);
}

/* Near an item is what the users have who have little else. */
static void similar_items(void **state)
{
    akin_ctx *ctx = *state;
    struct row rows[] = {{"a", "x", 1, 0, 0}, {"a", "y", 1, 0, 0}, {"b", "x", 1, 0, 0},
                         {"b", "y", 1, 0, 0}, {"c", "x", 1, 0, 0}, {"c", "z", 1, 0, 0}};
    struct dataset *ds = fix_dataset(ctx, rows, 6, 0, NULL);
    struct fitted f = fitted_new(ctx, ds, "userknn", NULL, NULL);
    struct rank_options opt = {.k = 2};
    struct ranked list[2];
    int32_t count;
    akin_error err;
    assert_int_equal(ranker_create(ctx, &f.scorer, &f.ranker, &err), AKIN_OK);
    assert_int_equal(rank_similar(f.ranker, ids_find(&ds->items, "x", 1), &opt, list, &count, &err),
                     AKIN_OK);
    assert_int_equal(count, 2);
    assert_int_equal(list[0].item, ids_find(&ds->items, "y", 1));
    assert_true(list[0].score > list[1].score);
    fitted_free(&f);
    dataset_free(ds);
}

static void files_threads_memory(void **state)
{
    akin_ctx *ctx = *state;
    static const char *const params[] = {
        NULL, "{\"similarity\":\"bm25\"}", "{\"similarity\":\"llr\"}",
        "{\"similarity\":\"adjusted_cosine\"}", "{\"similarity\":\"tfidf\",\"mode\":\"rating\"}"};
    struct dataset *ds = ratings(ctx);
    akin_error err = {0};
    struct fitted f;
    for (size_t i = 0; i < sizeof params / sizeof params[0]; i++) {
        f = fitted_new(ctx, ds, "userknn", params[i], &linear);
        assert_saves(&f);
        fitted_free(&f);
        assert_survives_no_memory(ds, ctx, "userknn", params[i]);
    }
    assert_threads_agree(ratings, "userknn", "{\"similarity\":\"tfidf\"}");
    dataset_free(ds);
    ds = fix_random(ctx, 3, 200, 20, 30, 0);
    assert_int_equal(fitted_try(ctx, ds, "userknn", "{\"similarity\":\"pearson\"}", NULL, &f, &err),
                     AKIN_E_INPUT);
    assert_non_null(strstr(err.message, "userknn: similarity=pearson"));
    assert_int_equal(fitted_try(ctx, ds, "userknn", "{\"mode\":\"rating\"}", NULL, &f, &err),
                     AKIN_E_INPUT);
    dataset_free(ds);
    ds = fix_dataset(ctx, NULL, 0, 0, NULL); /* nothing at all */
    f = fitted_new(ctx, ds, "userknn", NULL, NULL);
    assert_saves(&f);
    fitted_free(&f);
    dataset_free(ds);
}

/* Rows of users a: 0 1, b: 0 and users of items, right and wrong. */
static void bad_files(void **state)
{
    static const int64_t ptr[] = {0, 2, 3}, cut[] = {0, 2};
    static const int32_t col[] = {0, 1, 0}, twice[] = {1, 1, 0};
    static const float val[] = {1, 2, 3};
    static const double length[] = {1};
    const struct {
        const int64_t *ptr;
        int64_t n_ptr;
        const int32_t *col;
        int64_t n_factor;
        const char *part;
    } bad[] = {{cut, 2, col, 2, "do not fit"},
               {ptr, 3, twice, 2, "m.axis.point: index 1 of 2"},
               {ptr, 3, col, 1, "m.factor has 1 numbers, not 2"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct section s[] = {{"m.user.ptr", ptr, 24},
                                    {"m.user.item", col, 12},
                                    {"m.axis.ptr", bad[i].ptr, bad[i].n_ptr * 8},
                                    {"m.axis.point", bad[i].col, 12},
                                    {"m.axis.value", val, 12},
                                    {"m.axis.weight", val, 8},
                                    {"m.factor", val, bad[i].n_factor * 4},
                                    {"m.length", length, 8},
                                    {NULL, NULL, 0}};
        assert_refuses(*state, "userknn", NULL, 2, s, bad[i].part);
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
        cmocka_unit_test_setup_teardown(equals_the_definitions, setup, teardown),
        cmocka_unit_test_setup_teardown(rating_mode, setup, teardown),
        cmocka_unit_test_setup_teardown(similar_items, setup, teardown),
        cmocka_unit_test_setup_teardown(files_threads_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_files, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
