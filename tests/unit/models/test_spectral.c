/*
 * puresvd, gfcf, turbocf and bspm against NumPy (tests/golden/make_spectral.py), their reasons and
 * near items, odd data, files, threads, memory.
 */
#include "unit/models/knn_util.h"
#include "unit/models/spectral_golden.h"

static double golden_weight(int u, int i)
{
    return (5 * u + 3 * i + u * i + u * u % 5 + i / 3) % 7 < 3 ? 1 + (u + 2 * i) % 3 : 0;
}

static struct dataset *golden_data(akin_ctx *ctx)
{
    static struct row rows[GOLDEN_USERS * GOLDEN_ITEMS];
    static char ids[GOLDEN_USERS][4];
    int n = 0;
    for (int u = 0; u < GOLDEN_USERS; u++) {
        snprintf(ids[u], sizeof ids[u], "%02d", u);
        for (int i = 0; i < GOLDEN_ITEMS; i++)
            if (golden_weight(u, i) > 0) {
                rows[n] = (struct row){ids[u], ids[i], (float)golden_weight(u, i), n, 0};
                n++;
            }
    }
    return fix_dataset(ctx, rows, n, FIX_VALUES, NULL);
}

static const struct feedback_params by_value = {.value_weight = 1};

static const struct {
    const char *model, *params;
    const double (*want)[GOLDEN_ITEMS];
} settings[] = {
    {"puresvd", "{\"factors\":3,\"user_damping\":0,\"item_damping\":0,\"power\":0}",
     golden_puresvd_pure},
    {"puresvd", "{\"factors\":4,\"user_damping\":0.5,\"item_damping\":0.5,\"power\":1}",
     golden_puresvd_damped},
    {"gfcf",
     "{\"factors\":3,\"low_pass\":0.3,\"user_damping\":1,\"history_damping\":0.5,"
     "\"target_damping\":0.5,\"weighting\":\"binary\"}",
     golden_gfcf_paper},
    {"gfcf",
     "{\"factors\":4,\"low_pass\":0.7,\"user_damping\":0.5,\"history_damping\":0.7,"
     "\"target_damping\":0.3}",
     golden_gfcf_ours},
    {"turbocf",
     "{\"user_damping\":0.5,\"history_damping\":0.7,\"target_damping\":0.3,\"power\":1,"
     "\"filter\":\"linear\"}",
     golden_turbocf_linear},
    {"turbocf",
     "{\"user_damping\":1,\"history_damping\":0.5,\"target_damping\":0.5,\"power\":0.7,"
     "\"filter\":\"second\",\"weighting\":\"binary\"}",
     golden_turbocf_second},
    {"turbocf",
     "{\"user_damping\":1,\"history_damping\":0.5,\"target_damping\":0.5,\"power\":1,"
     "\"filter\":\"third\"}",
     golden_turbocf_third},
    {"bspm",
     "{\"user_damping\":1,\"history_damping\":0.5,\"target_damping\":0.5,\"factors\":3,"
     "\"low_pass\":0.3,\"time\":2.5,\"steps\":1,\"solver\":\"rk4\",\"merge\":\"early\"}",
     golden_bspm_early},
    {"bspm",
     "{\"user_damping\":0.5,\"history_damping\":0.7,\"target_damping\":0.3,\"factors\":3,"
     "\"low_pass\":0.3,\"time\":1.5,\"steps\":3,\"solver\":\"euler\",\"merge\":\"late\"}",
     golden_bspm_late},
};
enum { N_SETTINGS = sizeof settings / sizeof settings[0] };

/* User u of the formula: users are numbered by shard first. */
static struct query golden_query(const struct fitted *f, int u)
{
    char id[4];
    snprintf(id, sizeof id, "%02d", u);
    return model_query_user(f->m, fix_user(f->ds, id));
}

static struct fitted golden_fit(akin_ctx *ctx, struct dataset *ds, int s)
{
    return fitted_new(ctx, ds, settings[s].model, settings[s].params, &by_value);
}

/* Of users with their names and of strangers with the same history. */
static void equals_numpy(void **state)
{
    akin_ctx *ctx = *state;
    struct dataset *ds = golden_data(ctx);
    for (int s = 0; s < N_SETTINGS; s++) {
        struct fitted f = golden_fit(ctx, ds, s);
        for (int u = 0; u < GOLDEN_USERS; u++) {
            struct query q = golden_query(&f, u), bare = {.user = -1, .hist = q.hist};
            float *x = fitted_scores(&f, &q), *y = fitted_scores(&f, &bare);
            for (int i = 0; i < GOLDEN_ITEMS; i++) {
                double want = settings[s].want[u][i];
                if (fabs((double)x[i] - want) > 2e-5 * fmax(1, fabs(want)))
                    fail_msg("%s, setting %d, user %d, item %d: %.9g, not %.9g", settings[s].model,
                             s, u, i, (double)x[i], want);
            }
            assert_memory_equal(x, y, GOLDEN_ITEMS * sizeof *x);
            free(x);
            free(y);
        }
        assert_saves(&f);
        fitted_free(&f);
    }
    dataset_free(ds);
}

/* Reasons are the terms of the score, and near items the scores of a history of that one item. */
static void reasons_add_up(void **state)
{
    akin_ctx *ctx = *state;
    struct dataset *ds = golden_data(ctx);
    akin_error err;
    for (int s = 0; s < N_SETTINGS; s++) {
        struct fitted f = golden_fit(ctx, ds, s);
        struct ranker *ranker = NULL;
        assert_int_equal(ranker_create(ctx, &f.scorer, &ranker, &err), AKIN_OK);
        for (int u = 0; u < GOLDEN_USERS; u += 3)
            for (int i = 0; i < GOLDEN_ITEMS; i++) {
                struct query q = golden_query(&f, u);
                struct reason why[GOLDEN_ITEMS];
                int32_t n;
                double sum = 0;
                assert_int_equal(rank_explain(ranker, &q, i, why, GOLDEN_ITEMS, &n, &err), AKIN_OK);
                for (int32_t t = 0; t < n; t++) {
                    sum += (double)why[t].contribution;
                    assert_true(golden_weight(u, why[t].item) > 0);
                    assert_true(t == 0 || why[t].contribution <= why[t - 1].contribution);
                }
                assert_close(sum, settings[s].want[u][i], 3e-5 * fmax(1, fabs(sum)));
            }
        if (f.m->cls->scorer.similar) {
            int32_t item = 4, count;
            struct query one = {.user = -1, .hist = {.n = 1, .item = &item}};
            struct rank_options opt = {.k = 3};
            struct ranked near[3];
            float *x = fitted_scores(&f, &one);
            assert_int_equal(rank_similar(ranker, item, &opt, near, &count, &err), AKIN_OK);
            for (int32_t t = 0; t < count; t++)
                assert_true(!(near[t].score > UNSCORED) || near[t].score == x[near[t].item]);
            free(x);
        }
        ranker_free(ranker);
        fitted_free(&f);
    }
    dataset_free(ds);
}

static struct dataset *some_data(akin_ctx *ctx)
{
    return fix_random(ctx, 21, 900, 70, 90, FIX_VALUES | FIX_TIMES);
}

/* One user, one item, one pair, all the same: full lists of finite scores or none. */
static void odd_data(void **state)
{
    akin_ctx *ctx = *state;
    static const struct row pair[] = {{"u", "1", 1, 1, 0}};
    static const struct row one_user[] = {
        {"u", "1", 1, 1, 0}, {"u", "2", 1, 2, 0}, {"u", "3", 1, 3, 0}};
    static const struct row one_item[] = {
        {"u", "1", 1, 1, 0}, {"v", "1", 1, 2, 0}, {"w", "1", 1, 3, 0}};
    static const struct row all[] = {
        {"u", "1", 1, 1, 0}, {"u", "2", 1, 2, 0}, {"v", "1", 1, 3, 0}, {"v", "2", 1, 4, 0}};
    static const struct {
        const struct row *rows;
        int n;
    } sets[] = {{NULL, 0}, {pair, 1}, {one_user, 3}, {one_item, 3}, {all, 4}};
    static const char *const models[] = {"puresvd", "gfcf", "turbocf", "bspm"};
    for (size_t d = 0; d < sizeof sets / sizeof sets[0]; d++)
        for (size_t m = 0; m < sizeof models / sizeof models[0]; m++) {
            struct dataset *ds = fix_dataset(ctx, sets[d].rows, sets[d].n, 0, NULL);
            struct fitted f = fitted_new(ctx, ds, models[m], NULL, NULL);
            for (int32_t u = 0; u < f.m->users.n; u++) {
                struct query q = model_query_user(f.m, u);
                float *x = fitted_scores(&f, &q);
                for (int32_t i = 0; i < f.m->items.n; i++)
                    assert_true(isfinite(x[i]));
                free(x);
            }
            assert_saves(&f);
            fitted_free(&f);
            dataset_free(ds);
        }
}

static void threads_memory(void **state)
{
    akin_ctx *ctx = *state;
    struct dataset *ds = golden_data(ctx);
    assert_threads_agree(some_data, "puresvd", "{\"factors\":9}");
    assert_threads_agree(some_data, "bspm", "{\"factors\":9,\"solver\":\"rk4\"}");
    assert_threads_agree(some_data, "turbocf", "{\"power\":0.6}");
    for (int s = 1; s < N_SETTINGS; s += 2)
        assert_survives_no_memory(ds, ctx, settings[s].model, settings[s].params);
    dataset_free(ds);
}

/* A file whose arrays do not fit is refused by what is wrong with it. */
static void refuses(void **state)
{
    akin_ctx *ctx = *state;
    static const int64_t ptr[] = {0, 1, 2}, falls[] = {0, 2, 1}, far[] = {0, 1, 3};
    static const int32_t col[] = {0, 1}, out[] = {0, 2};
    static const float one[] = {1, 1}, bad[] = {1, INFINITY}, low[] = {1, 2, 3};
    const struct section good[] = {
        {"m.item.in", one, 8},  {"m.item.out", one, 8}, {"m.pair.ptr", ptr, sizeof ptr},
        {"m.pair.col", col, 8}, {"m.pair.val", one, 8}, {NULL, NULL, 0},
    };
    static const struct {
        int at;
        const void *bytes;
        int64_t size;
        const char *part;
    } cases[] = {{0, one, 4, "m.item.in has 1"},   {1, bad, 8, "m.item.out: inf"},
                 {2, ptr, 16, "m.pair.ptr has 2"}, {2, falls, 24, "do not fit"},
                 {2, far, 24, "do not fit"},       {3, out, 8, "m.pair.col: 2 of 2"},
                 {4, low, 12, "m.pair.val has 3"}, {4, bad, 8, "m.pair.val: inf"}};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        struct section s[6];
        memcpy(s, good, sizeof s);
        s[cases[c].at].bytes = cases[c].bytes;
        s[cases[c].at].size = cases[c].size;
        assert_refuses(ctx, "turbocf", "{\"power\":0.5}", 2, s, cases[c].part);
    }
    const struct section pure[] = {{"m.in", one, 8}, {"m.items", low, 12}, {NULL, NULL, 0}};
    assert_refuses(ctx, "puresvd", NULL, 2, pure, "m.items has 3");
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
        cmocka_unit_test_setup_teardown(reasons_add_up, setup, teardown),
        cmocka_unit_test_setup_teardown(odd_data, setup, teardown),
        cmocka_unit_test_setup_teardown(threads_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
