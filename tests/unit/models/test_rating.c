/*
 * svd and nmf: what they predict against the optimum that SciPy finds (make_sgd.py), users' rows
 * against the normal equations in double, reasons, similar items; data that has no ratings, one
 * rating, one value, negative ones; steps that are too long; files, threads, memory.
 */
#include "knn_util.h"

#include "models/rating_sgd.h"
#include "sgd_golden.h"

static const char *const names[] = {"svd", "nmf"};

static struct dataset *golden_data(akin_ctx *ctx)
{
    static struct row rows[GOLDEN_USERS * GOLDEN_ITEMS];
    static const char *const users[] = {"u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7"};
    static const char *const items[] = {"0", "1", "2", "3", "4", "5", "6"};
    int n = 0;
    for (int u = 0; u < GOLDEN_USERS; u++)
        for (int i = 0; i < GOLDEN_ITEMS; i++)
            if (golden_ratings[u][i] > 0.0f) {
                rows[n] = (struct row){users[u], items[i], golden_ratings[u][i], n, 0};
                n++;
            }
    return fix_dataset(ctx, rows, n, FIX_VALUES, NULL);
}

static struct dataset *ratings(akin_ctx *ctx)
{
    return fix_random(ctx, 11, 700, 60, 45, FIX_VALUES | FIX_TIMES);
}

/* With any grid: the steps find the optimum that another method found. */
static void reaches_the_optimum(void **state)
{
    akin_ctx *ctx = *state;
    static const double(*const want[])[GOLDEN_ITEMS] = {golden_svd, golden_nmf};
    static const int grids[] = {1, 3};
    struct dataset *ds = golden_data(ctx);
    for (int c = 0; c < 4; c++) {
        char params[256];
        snprintf(params, sizeof params,
                 "{" GOLDEN_PARAMS ",\"epochs\":10000,\"learning_rate\":0.05,\"decay\":0.9994,"
                 "\"grid\":%d}",
                 grids[c % 2]);
        struct fitted f = fitted_new(ctx, ds, names[c / 2], params, NULL);
        for (int u = 0; u < GOLDEN_USERS; u++) {
            char id[8];
            int size = snprintf(id, sizeof id, "u%d", u);
            struct query q = model_query_user(f.m, ids_find(&f.m->users, id, (size_t)size));
            float *scores = fitted_scores(&f, &q);
            for (int i = 0; i < GOLDEN_ITEMS; i++)
                assert_close(scores[i], want[c / 2][u][i], 5e-3);
            free(scores);
        }
        fitted_free(&f);
    }
    dataset_free(ds);
}

/* Half the gradient of a user's loss at coordinate t, over [q, 1] or q. */
static double gradient(const struct rating *s, const struct history *h, const float *row, int64_t t,
                       int64_t width)
{
    int64_t k = s->params->factors;
    double sum = 0.0;
    for (int32_t e = 0; e < h->n; e++) {
        const float *q = s->f.items + h->item[e] * s->f.k;
        double miss = ((double)h->value[e] - s->offset) / s->scale;
        if (s->kind->extra == 2)
            miss -= (double)q[k + 1];
        for (int64_t j = 0; j < width; j++)
            miss -= (double)row[j] * (double)q[j];
        sum += s->params->reg * (double)row[t] - miss * (double)q[t];
    }
    return sum;
}

/* A user's row is where no coordinate can gain; of nmf, where none below 0 could. */
static void rows_are_exact(void **state)
{
    akin_ctx *ctx = *state;
    struct dataset *ds = golden_data(ctx);
    for (int c = 0; c < 6; c++) {
        static const char *const params[] = {"{\"factors\":3,\"epochs\":5}",
                                             "{\"factors\":20,\"epochs\":30,\"reg\":0.01}",
                                             "{\"factors\":33,\"epochs\":2,\"reg\":2}"};
        struct fitted f = fitted_new(ctx, ds, names[c % 2], params[c / 2], NULL);
        const struct rating *s = f.m->self;
        int64_t width = s->params->factors + s->kind->extra - 1;
        for (int32_t u = 0; u < f.m->users.n; u++) {
            struct history h = histories_of(&f.m->hist, u);
            const float *row = s->f.users + u * s->f.k;
            for (int64_t t = 0; t < (c % 2 ? s->params->factors : width); t++) {
                double g = gradient(s, &h, row, t, width);
                if (c % 2 == 0) {
                    assert_close(g, 0, 2e-4);
                } else {
                    assert_true(row[t] >= 0.0f && g >= -2e-3);
                    assert_close(g * (double)row[t], 0, 2e-3);
                }
            }
        }
        fitted_free(&f);
    }
    dataset_free(ds);
}

/* svd: reasons sum to b_u + p · q; with the mean and b_i that is the score. */
static void reasons_sum_up(void **state)
{
    akin_ctx *ctx = *state;
    akin_error err = {0};
    struct dataset *ds = golden_data(ctx);
    struct fitted f = fitted_new(ctx, ds, "svd", "{\"factors\":4,\"epochs\":10}", NULL);
    const struct rating *s = f.m->self;
    struct arena scratch;
    arena_init(&scratch, ctx);
    for (int32_t u = 0; u < f.m->users.n; u++) {
        struct query q = model_query_user(f.m, u);
        float *scores = fitted_scores(&f, &q);
        for (int32_t i = 0; i < GOLDEN_ITEMS; i++) {
            struct reason r[GOLDEN_ITEMS];
            double sum = s->offset + s->scale * (double)s->f.items[i * s->f.k + 5];
            int32_t n = -1;
            assert_int_equal(
                f.m->cls->scorer.explain(s, &q, i, r, GOLDEN_ITEMS, &n, &scratch, &err), AKIN_OK);
            assert_int_equal(n, q.hist.n);
            for (int32_t j = 0; j < n; j++)
                sum += (double)r[j].contribution;
            assert_close(sum, scores[i], 1e-4);
        }
        free(scores);
    }
    arena_free(&scratch);
    fitted_free(&f);
    dataset_free(ds);
}

static void similar_is_the_cosine(void **state)
{
    akin_ctx *ctx = *state;
    akin_error err = {0};
    struct dataset *ds = ratings(ctx);
    for (int c = 0; c < 2; c++) {
        struct fitted f = fitted_new(ctx, ds, names[c], "{\"factors\":5,\"epochs\":3}", NULL);
        const struct rating *s = f.m->self;
        struct evidence ev;
        assert_int_equal(evidence_init(ctx, f.m->items.n, &ev, &err), AKIN_OK);
        assert_int_equal(f.m->cls->scorer.similar(s, 3, &ev, NULL, &err), AKIN_OK);
        for (int32_t i = 0; i < f.m->items.n; i++) {
            const float *x = s->f.items + 3 * s->f.k, *y = s->f.items + i * s->f.k;
            double xy = 0, xx = 0, yy = 0;
            for (int t = 0; t < 5; t++) {
                xy += (double)x[t] * (double)y[t];
                xx += (double)x[t] * (double)x[t];
                yy += (double)y[t] * (double)y[t];
            }
            assert_close(ev.value[i], xy / sqrt(xx * yy), 1e-6);
        }
        evidence_free(ctx, &ev);
        fitted_free(&f);
    }
    dataset_free(ds);
}

/* Askers who say nothing get what is typical; one who gave no values is such. */
static void strangers(void **state)
{
    akin_ctx *ctx = *state;
    struct dataset *ds = golden_data(ctx);
    for (int c = 0; c < 2; c++) {
        struct fitted f = fitted_new(ctx, ds, names[c], "{\"factors\":4,\"epochs\":20}", NULL);
        int32_t item[2] = {1, 2};
        struct query nobody = {.user = -1}, silent = {.user = -1, .hist = {2, item, 0, 0, 0, 0}};
        float *a = fitted_scores(&f, &nobody), *b = fitted_scores(&f, &silent);
        for (int i = 0; i < GOLDEN_ITEMS; i++) {
            assert_true(a[i] > 1.0f && a[i] < 5.0f);
            assert_true(a[i] <= b[i] && a[i] >= b[i]);
        }
        free(a);
        free(b);
        fitted_free(&f);
    }
    dataset_free(ds);
}

static void odd_data(void **state)
{
    akin_ctx *ctx = *state;
    static const struct row same[] = {
        {"a", "x", 3, 1, 0}, {"a", "y", 3, 2, 0}, {"b", "x", 3, 3, 0}, {"b", "z", 3, 4, 0}};
    static const struct row below[] = {
        {"a", "x", -8, 1, 0}, {"a", "y", 6, 2, 0}, {"b", "x", -7, 3, 0}, {"b", "y", 5, 4, 0}};
    static const struct row zero[] = {{"a", "x", 0, 1, 0}, {"b", "y", 0, 2, 0}};
    const struct {
        const struct row *rows;
        int64_t n;
        double lo, hi;
    } sets[] = {{same, 1, 2, 4}, {same, 4, 2.5, 3.5}, {below, 4, -9, 7}, {zero, 2, -1e-2, 1e-2}};
    for (int c = 0; c < 8; c++) {
        struct dataset *ds = fix_dataset(ctx, sets[c / 2].rows, sets[c / 2].n, FIX_VALUES, NULL);
        struct fitted f =
            fitted_new(ctx, ds, names[c % 2], "{\"epochs\":200,\"factors\":3,\"reg\":0.02}", NULL);
        for (int32_t u = 0; u < f.m->users.n; u++) {
            struct query q = model_query_user(f.m, u);
            float *scores = fitted_scores(&f, &q);
            for (int32_t i = 0; i < f.m->items.n; i++)
                if (!((double)scores[i] > sets[c / 2].lo && (double)scores[i] < sets[c / 2].hi))
                    fail_msg("%s, set %d: %g", names[c % 2], c / 2, (double)scores[i]);
            if (sets[c / 2].rows == below) /* the two tell high from low */
                assert_true(scores[0] < -4.0f && scores[1] > 2.0f);
            free(scores);
        }
        assert_saves(&f);
        fitted_free(&f);
        dataset_free(ds);
    }
}

static void refusals(void **state)
{
    akin_ctx *ctx = *state;
    akin_error err = {0};
    struct fitted f, g;
    struct dataset *ds = ratings(ctx), *events = fix_random(ctx, 3, 200, 20, 30, 0);
    for (int c = 0; c < 2; c++) {
        assert_int_equal(fitted_try(ctx, events, names[c], NULL, NULL, &f, &err), AKIN_E_INPUT);
        assert_non_null(strstr(err.message, "no values"));
        assert_int_equal(fitted_try(ctx, ds, names[c], "{\"learning_rate\":10}", NULL, &f, &err),
                         AKIN_E_ARG);
        assert_non_null(strstr(err.message, "learning_rate=10 is too high"));
        f = fitted_new(ctx, ds, names[c], "{\"factors\":7}", NULL);
        g = fitted_new(ctx, ds, names[c], "{\"factors\":8}", NULL);
        int32_t map[64] = {0};
        struct fit_control warm = {.warm = f.m, .warm_user = map, .warm_item = map};
        struct model *m = NULL;
        assert_int_equal(model_create(ctx, g.m->cls, NULL, &m, &err), AKIN_OK);
        assert_int_equal(model_fit(m, &g.tv, &warm, &err), AKIN_E_ARG);
        assert_non_null(strstr(err.message, "factors="));
        model_free(m);
        fitted_free(&f);
        fitted_free(&g);
        static const float rows[16] = {1, 2, 3}, wild[16] = {INFINITY};
        static const double scale[3] = {3, 3, 1}, bad[3] = {3, 3, 0};
        const struct section fine[] = {{"m.users", rows, sizeof rows},
                                       {"m.items", rows, sizeof rows},
                                       {"m.scale", scale, sizeof scale},
                                       {0}};
        struct section s[4];
        for (int d = 0; d < 4; d++) {
            memcpy(s, fine, sizeof s);
            if (d == 0)
                s[1].size = 60;
            else if (d == 1)
                s[1].bytes = wild;
            else if (d == 2)
                s[2].size = 8;
            else
                s[2].bytes = bad;
            assert_refuses(ctx, names[c], "{\"factors\":4}", 1, s, d < 2 ? "m.items" : "m.scale");
        }
    }
    dataset_free(ds);
    dataset_free(events);
}

static void files_threads_memory(void **state)
{
    akin_ctx *ctx = *state;
    struct dataset *ds = golden_data(ctx);
    for (int c = 0; c < 2; c++) {
        struct fitted f = fitted_new(ctx, ds, names[c], NULL, NULL);
        assert_saves(&f);
        fitted_free(&f);
        assert_threads_agree(ratings, names[c], "{\"grid\":7,\"epochs\":3}");
        assert_survives_no_memory(ds, ctx, names[c], "{\"grid\":2,\"epochs\":2}");
    }
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
        cmocka_unit_test(reaches_the_optimum),
        cmocka_unit_test(rows_are_exact),
        cmocka_unit_test(reasons_sum_up),
        cmocka_unit_test(similar_is_the_cosine),
        cmocka_unit_test(strangers),
        cmocka_unit_test(odd_data),
        cmocka_unit_test(refusals),
        cmocka_unit_test(files_threads_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
