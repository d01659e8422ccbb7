/* vsknn, stan and markov against an independent reference; sessions, reasons, files. */
#include "unit/models/knn_util.h"
#include "unit/models/sessions_golden.h"

enum { N_EVENTS = sizeof golden_events / sizeof *golden_events };

/* Items and users "0", "1", …: numbered as in the reference. */
static struct dataset *golden_data(akin_ctx *ctx)
{
    static char names[64][8];
    struct row rows[N_EVENTS];
    for (int i = 0; i < 64; i++)
        snprintf(names[i], sizeof names[i], "%d", i);
    for (int e = 0; e < N_EVENTS; e++)
        rows[e] = (struct row){names[golden_events[e].user], names[golden_events[e].item], 1,
                               golden_events[e].time, 0};
    return fix_dataset(ctx, rows, N_EVENTS, FIX_TIMES, NULL);
}

static struct query golden_query(struct dataset *ds, int k, int32_t items[8])
{
    char name[8];
    for (int i = 0; i < golden_queries[k].n; i++) {
        snprintf(name, sizeof name, "%d", golden_queries[k].item[i]);
        items[i] = fix_item(ds, name);
    }
    return (struct query){
        .user = -1,
        .hist = {.n = golden_queries[k].n, .item = items, .time = golden_queries[k].time},
        .now = golden_now};
}

static void equals_the_reference(void **state)
{
    akin_ctx *ctx = *state;
    struct dataset *ds = golden_data(ctx);
    for (size_t c = 0; c < sizeof golden_cases / sizeof *golden_cases; c++) {
        struct fitted f = fitted_new(ctx, ds, golden_cases[c].model, golden_cases[c].params, NULL);
        for (int k = 0; k < GOLDEN_QUERIES; k++) {
            int32_t items[8];
            char name[8];
            struct query q = golden_query(ds, k, items);
            float *s = fitted_scores(&f, &q);
            for (int i = 0; i < GOLDEN_ITEMS; i++) {
                double want = golden_cases[c].score[k][i];
                snprintf(name, sizeof name, "%d", i);
                float got = s[fix_item(ds, name)];
                if (want > 0)
                    assert_close(got, want, 2e-6 * want);
                else
                    assert_true(got == UNSCORED);
            }
            free(s);
        }
        fitted_free(&f);
    }
    dataset_free(ds);
}

/* Reasons add up to the score, and name own items only. */
static void reasons_add_up(void **state)
{
    akin_ctx *ctx = *state;
    akin_error err;
    struct dataset *ds = golden_data(ctx);
    for (size_t c = 0; c < sizeof golden_cases / sizeof *golden_cases; c++) {
        struct fitted f = fitted_new(ctx, ds, golden_cases[c].model, golden_cases[c].params, NULL);
        struct ranker *ranker = NULL;
        int32_t items[8], n;
        struct query q = golden_query(ds, 2, items);
        float *s = fitted_scores(&f, &q);
        assert_int_equal(ranker_create(ctx, &f.scorer, &ranker, &err), AKIN_OK);
        for (int32_t i = 0; i < ds->items.n; i++) {
            struct reason why[8];
            double sum = 0;
            assert_int_equal(rank_explain(ranker, &q, i, why, 8, &n, &err), AKIN_OK);
            for (int32_t w = 0; w < n; w++) {
                bool is_own = false;
                for (int32_t k = 0; k < q.hist.n; k++)
                    is_own |= items[k] == why[w].item;
                assert_true(is_own);
                sum += (double)why[w].contribution;
            }
            if (s[i] == UNSCORED)
                assert_int_equal(n, 0);
            else
                assert_close(sum, s[i], 1e-5 * (double)s[i]);
        }
        ranker_free(ranker);
        free(s);
        fitted_free(&f);
    }
    dataset_free(ds);
}

/* Who looked at a tent and a mat goes on to the lamp that others went on to, not to what is
 * popular. */
static void what_comes_next(void **state)
{
    akin_ctx *ctx = *state;
    static const struct row rows[] = {
        {"1", "tent", 1, 1, 0},  {"1", "mat", 1, 2, 0},   {"1", "lamp", 1, 3, 0},
        {"2", "tent", 1, 1, 0},  {"2", "mat", 1, 2, 0},   {"2", "lamp", 1, 3, 0},
        {"3", "bread", 1, 1, 0}, {"3", "milk", 1, 2, 0},  {"4", "bread", 1, 1, 0},
        {"4", "milk", 1, 2, 0},  {"5", "bread", 1, 1, 0}, {"5", "milk", 1, 2, 0},
        {"6", "milk", 1, 1, 0},  {"6", "tent", 1, 9, 0}};
    static const char *const models[] = {"vsknn", "stan", "markov"};
    struct dataset *ds = fix_dataset(ctx, rows, 14, FIX_TIMES, NULL);
    for (size_t m = 0; m < 3; m++) {
        struct fitted f = fitted_new(ctx, ds, models[m], NULL, NULL);
        int32_t own[] = {fix_item(ds, "tent"), fix_item(ds, "mat")};
        struct query q = {.user = -1, .hist = {.n = 2, .item = own}};
        float *s = fitted_scores(&f, &q);
        int32_t lamp = fix_item(ds, "lamp");
        for (int32_t i = 0; i < ds->items.n; i++)
            assert_true(i == lamp || i == own[0] || i == own[1] || s[i] < s[lamp]);
        free(s);
        /* nothing known: nothing said */
        int32_t strange[] = {-1, 999};
        q.hist = (struct history){.n = 2, .item = strange};
        s = fitted_scores(&f, &q);
        for (int32_t i = 0; i < ds->items.n; i++)
            assert_true(s[i] == UNSCORED);
        free(s);
        fitted_free(&f);
    }
    dataset_free(ds);
}

static void files_threads_memory(void **state)
{
    akin_ctx *ctx = *state;
    akin_error err = {0};
    struct fitted f;
    static const char *const models[] = {"vsknn", "stan", "markov"};
    for (size_t m = 0; m < 3; m++) {
        assert_threads_agree(golden_data, models[m], NULL);
        assert_threads_agree(golden_data, models[m], "{\"session_gap_seconds\":1800}");
        struct dataset *ds = golden_data(ctx);
        assert_survives_no_memory(ds, ctx, models[m], "{\"session_gap_seconds\":1800}");
        f = fitted_new(ctx, ds, models[m], NULL, NULL);
        assert_saves(&f);
        fitted_free(&f);
        dataset_free(ds);
        ds = fix_random(ctx, 3, 100, 20, 30, 0);
        assert_int_equal(
            fitted_try(ctx, ds, models[m], "{\"session_gap_seconds\":60}", NULL, &f, &err),
            AKIN_E_INPUT);
        assert_non_null(strstr(err.message, "session_gap_seconds"));
        if (m < 2) {
            assert_int_equal(fitted_try(ctx, ds, models[m], "{\"recency_days\":1}", NULL, &f, &err),
                             AKIN_E_INPUT);
            assert_non_null(strstr(err.message, "recency_days"));
        }
        dataset_free(ds);
        ds = fix_dataset(ctx, NULL, 0, 0, NULL);
        f = fitted_new(ctx, ds, models[m], NULL, NULL);
        assert_saves(&f);
        fitted_free(&f);
        dataset_free(ds);
    }
}

/* What a damaged or forged file may hold is refused by name. */
static void bad_files(void **state)
{
    /* two sessions, (0 1) and (1 2), of three items */
    static const int64_t ptr[] = {0, 2, 4}, short_ptr[] = {0, 0, 4}, list_ptr[] = {0, 1, 3, 4},
                         down[] = {0, 3, 1, 4}, time[] = {0, 0};
    static const int32_t item[] = {0, 1, 1, 2}, far[] = {0, 1, 1, 3}, list[] = {0, 1, 0, 1},
                         up[] = {0, 0, 1, 1}, wrong[] = {1, 1, 0, 1}, count[] = {1, 2, 1},
                         few[] = {1, 1, 1};
    const struct {
        const int64_t *ptr;
        const int32_t *item;
        const int64_t *list_ptr;
        const int32_t *list, *count;
        const char *part;
    } bad[] = {{short_ptr, item, list_ptr, list, count, "m.ptr: a session of 0"},
               {ptr, far, list_ptr, list, count, "m.item: item 3 of 3"},
               {ptr, item, down, list, count, "do not fit"},
               {ptr, item, list_ptr, up, count, "m.list: session 1 at 2"},
               {ptr, item, list_ptr, wrong, count, "m.list: session 1 at 0"},
               {ptr, item, list_ptr, list, few, "m.count"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct section s[] = {{"m.ptr", bad[i].ptr, 24},
                                    {"m.item", bad[i].item, 16},
                                    {"m.time", time, 16},
                                    {"m.list_ptr", bad[i].list_ptr, 32},
                                    {"m.list", bad[i].list, 16},
                                    {"m.count", bad[i].count, 12},
                                    {NULL, NULL, 0}};
        assert_refuses(*state, "vsknn", NULL, 3, s, bad[i].part);
        assert_refuses(*state, "stan", NULL, 3, s, bad[i].part);
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
        cmocka_unit_test_setup_teardown(equals_the_reference, setup, teardown),
        cmocka_unit_test_setup_teardown(reasons_add_up, setup, teardown),
        cmocka_unit_test_setup_teardown(what_comes_next, setup, teardown),
        cmocka_unit_test_setup_teardown(files_threads_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_files, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
