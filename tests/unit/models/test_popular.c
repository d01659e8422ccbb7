/* popular: each method by hand, segments, columns before any event, files, threads, memory. */
#include "unit/models/knn_util.h"

static const struct query nobody = {.user = -1};
static const int64_t T0 = 1600000000;

/* Item a: one 5; item b: 500 of 4 and 5 (mean 4.6); item c: 300 of 2. */
static struct dataset *votes(akin_ctx *ctx)
{
    static struct row rows[801];
    static char names[801][16];
    for (int i = 0; i < 801; i++) {
        snprintf(names[i], sizeof names[i], "u%d", i);
        rows[i] = (struct row){names[i],
                               i == 0     ? "a"
                               : i <= 500 ? "b"
                                          : "c",
                               i == 0     ? 5.0F
                               : i <= 500 ? (i % 5 < 3 ? 5.0F : 4.0F)
                                          : 2.0F,
                               T0, 0};
    }
    return fix_dataset(ctx, rows, 801, FIX_VALUES | FIX_TIMES, NULL);
}

static void one_vote_is_no_proof(void **state)
{
    akin_ctx *ctx = *state;
    struct dataset *ds = votes(ctx);
    struct fitted f = fitted_new(ctx, ds, "popular", "{\"method\":\"damped_mean\"}", NULL);
    float *s = fitted_scores(&f, &nobody);
    double sum = 5 + 300 * 5 + 200 * 4 + 300 * 2;
    double mu = sum / 801;
    assert_close(s[0], (5 + 10 * mu) / 11, 1e-6);
    assert_close(s[1], (2300 + 10 * mu) / 510, 1e-6);
    assert_close(s[2], (600 + 10 * mu) / 310, 1e-6);
    assert_true(s[1] > s[0]);
    assert_int_equal(f.scorer.flags, SCORER_RATES | SCORER_ITEMS_ONLY);
    free(s);
    fitted_free(&f);
    f = fitted_new(ctx, ds, "popular", "{\"method\":\"damped_mean\",\"damping\":0}", NULL);
    s = fitted_scores(&f, &nobody);
    assert_close(s[0], 5, 1e-6);
    assert_close(s[1], 4.6, 1e-6);
    free(s);
    fitted_free(&f);
    f = fitted_new(ctx, ds, "popular", NULL, NULL);
    s = fitted_scores(&f, &nobody);
    assert_close(s[0], 1, 0);
    assert_close(s[1], 500, 0);
    assert_int_equal(f.scorer.flags, SCORER_ITEMS_ONLY);
    assert_saves(&f);
    free(s);
    fitted_free(&f);
    dataset_free(ds);
}

static const int64_t DAYS = 86400;

/* Item a: old and often; b: new and rare; c: steady. */
static struct dataset *stream(akin_ctx *ctx)
{
    static const struct {
        const char *item;
        int days_ago, times;
    } plan[] = {{"a", 20, 8}, {"b", 0, 2}, {"c", 3, 1}, {"c", 14, 4}, {"d", 100, 3}};
    static struct row rows[18];
    static char names[18][16];
    int n = 0;
    for (int p = 0; p < 5; p++)
        for (int i = 0; i < plan[p].times; i++, n++) {
            snprintf(names[n], sizeof names[n], "u%d", n);
            rows[n] = (struct row){names[n], plan[p].item, 1, T0 - plan[p].days_ago * DAYS, 0};
        }
    return fix_dataset(ctx, rows, n, FIX_TIMES, NULL);
}

static void fades_and_trends(void **state)
{
    akin_ctx *ctx = *state;
    struct dataset *ds = stream(ctx);
    struct fitted f =
        fitted_new(ctx, ds, "popular", "{\"method\":\"decayed\",\"half_life_days\":10}", NULL);
    float *s = fitted_scores(&f, &nobody);
    assert_close(s[0], 8 * .25, 1e-6);
    assert_close(s[1], 2, 1e-6);
    assert_close(s[2], exp2(-.3) + 4 * exp2(-1.4), 1e-6);
    assert_close(s[3], 3 * exp2(-10), 1e-9);
    free(s);
    fitted_free(&f);
    f = fitted_new(ctx, ds, "popular", "{\"method\":\"trending\",\"damping\":2}", NULL);
    s = fitted_scores(&f, &nobody);
    assert_close(s[0], (0 + 2.) / (8 * .25 + 2), 1e-6);
    assert_close(s[1], (2 + 2.) / (0 + 2), 1e-6);
    assert_close(s[2], (1 + 2.) / (4 * .25 + 2), 1e-6);
    assert_true(isinf(s[3])); /* neither recent nor in the baseline */
    free(s);
    fitted_free(&f);
    dataset_free(ds);
}

static void add_table(akin_ctx *ctx, struct table *t, int32_t n_cols, const char *const *names,
                      const enum col_type *types, const char *const *cells, int64_t n_rows)
{
    akin_error err;
    struct table_builder *b = NULL;
    int64_t bad = 0;
    table_free(ctx, t);
    assert_int_equal(table_builder_create(ctx, n_cols, names, types, &b, &err), AKIN_OK);
    for (int64_t r = 0; r < n_rows; r++) {
        int32_t sizes[4];
        for (int32_t c = 0; c < n_cols; c++)
            sizes[c] = cells[r * n_cols + c] ? (int32_t)strlen(cells[r * n_cols + c]) : 0;
        assert_int_equal(table_builder_row(b, cells + r * n_cols, sizes, &bad, &err), AKIN_OK);
    }
    assert_int_equal(table_builder_finish(b, NULL, n_rows, t, &err), AKIN_OK);
}

/* Reviews of elsewhere rank items that nobody here has touched yet. */
static void columns_without_events(void **state)
{
    akin_ctx *ctx = *state;
    static const char *const ids[] = {"1", "2", "3", "4"};
    static const char *const names[] = {"stars", "reviews", "title"};
    static const enum col_type types[] = {COL_NUMBER, COL_NUMBER, COL_TEXT};
    static const char *const cells[] = {"5",   "1",  "a", "4.6", "500", "b",
                                        "3.0", "99", "c", NULL,  "7",   "d"};
    struct dataset *ds = fix_dataset(ctx, NULL, 0, 0, NULL);
    ids_free(ctx, &ds->items);
    fix_ids(ctx, ids, 4, false, &ds->items, NULL);
    add_table(ctx, &ds->item_table, 3, names, types, cells, 4);
    struct fitted f = fitted_new(
        ctx, ds, "popular",
        "{\"method\":\"columns\",\"mean_column\":\"stars\",\"count_column\":\"reviews\"}", NULL);
    float *s = fitted_scores(&f, &nobody);
    double mu = (5 + 500 * 4.6 + 99 * 3) / 600;
    assert_close(s[0], (5 + 10 * mu) / 11, 1e-6);
    assert_close(s[1], (2300 + 10 * mu) / 510, 1e-6);
    assert_true(s[1] > s[0] && s[0] > s[2]);
    assert_true(isinf(s[3]));
    assert_saves(&f);
    free(s);
    fitted_free(&f);
    static const struct {
        const char *params, *part;
    } bad[] = {
        {"{\"method\":\"columns\"}", "needs mean_column or count_column"},
        {"{\"method\":\"columns\",\"mean_column\":\"title\"}", "holds no numbers"},
        {"{\"method\":\"columns\",\"mean_column\":\"stras\"}", "has no column 'stras'"},
        {"{\"method\":\"trending\",\"damping\":0}", "damping=0"},
        {"{\"segment\":\"country\"}", "no column of the user table"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        akin_error err = {0};
        assert_int_equal(fitted_try(ctx, ds, "popular", bad[i].params, NULL, &f, &err), AKIN_E_ARG);
        if (!strstr(err.message, bad[i].part))
            fail_msg("'%s' lacks '%s'", err.message, bad[i].part);
    }
    dataset_free(ds);
}

/* Users u0..u5: three of "at" take x (and one y), two of "de" take y, u5 of no country takes z. */
static struct dataset *lands(akin_ctx *ctx)
{
    static const struct row rows[] = {
        {"u0", "x", 5, 1, 0}, {"u1", "x", 4, 2, 0}, {"u2", "x", 3, 3, 0}, {"u2", "y", 1, 4, 0},
        {"u3", "y", 5, 5, 0}, {"u4", "y", 4, 6, 0}, {"u5", "z", 2, 7, 0}};
    static const char *const name = "country";
    static const enum col_type type = COL_CATEGORY;
    struct dataset *ds = fix_dataset(ctx, rows, 7, FIX_VALUES | FIX_TIMES, NULL);
    const char *cells[6];
    for (int32_t u = 0; u < 6; u++) {
        int32_t size;
        int k = ids_get(&ds->users, u, &size)[1] - '0';
        cells[u] = k <= 2 ? "at" : k <= 4 ? "de" : NULL;
    }
    add_table(ctx, &ds->user_table, 1, &name, &type, cells, 6);
    return ds;
}

static void each_land_its_list(void **state)
{
    akin_ctx *ctx = *state;
    struct dataset *ds = lands(ctx);
    struct fitted f =
        fitted_new(ctx, ds, "popular", "{\"segment\":\"country\",\"damping\":7}", NULL);
    struct query q = {.user = -1, .segment = "de"};
    float *s = fitted_scores(&f, &q);
    assert_close(s[0], 3, 1e-6); /* nobody there: 7 · 3/7 */
    assert_close(s[1], 2 + 3, 1e-6);
    assert_close(s[2], 1, 1e-6);
    free(s);
    q = model_query_user(f.m, fix_user(ds, "u2"));
    s = fitted_scores(&f, &q);
    assert_close(s[0], 3 + 3, 1e-6);
    assert_close(s[1], 1 + 3, 1e-6);
    free(s);
    q = model_query_user(f.m, fix_user(ds, "u5"));
    s = fitted_scores(&f, &q);
    assert_close(s[0], 3, 0);
    assert_close(s[2], 1, 0);
    free(s);
    q = (struct query){.user = -1, .segment = "fr"};
    s = fitted_scores(&f, &q);
    assert_close(s[1], 3, 0);
    free(s);
    assert_int_equal(f.scorer.flags, 0);
    assert_saves(&f);
    /* by id list and by range alike */
    q.segment = "at";
    s = fitted_scores(&f, &q);
    static const int32_t ids[] = {2, 0, 1};
    float by_id[3];
    const struct item_set set = {.ids = ids, .n = 3};
    assert_int_equal(f.m->cls->scorer.score(f.m->self, &q, 1, &set, by_id, 3, NULL, NULL), AKIN_OK);
    for (int j = 0; j < 3; j++)
        assert_memory_equal(&by_id[j], &s[ids[j]], sizeof(float));
    free(s);
    fitted_free(&f);
    f = fitted_new(ctx, ds, "popular",
                   "{\"method\":\"damped_mean\",\"segment\":\"country\",\"damping\":2}", NULL);
    s = fitted_scores(&f, &(struct query){.user = -1, .segment = "de"});
    double mu = 24. / 7, y = (10 + 2 * mu) / 5;
    assert_close(s[1], (9 + 2 * y) / 4, 1e-6);
    assert_close(s[0], (12 + 2 * mu) / 5, 1e-6);
    free(s);
    fitted_free(&f);
    dataset_free(ds);
}

static struct dataset *random_data(akin_ctx *ctx)
{
    return fix_random(ctx, 7, 3000, 90, 40, FIX_VALUES | FIX_TIMES);
}

static void threads_and_memory(void **state)
{
    akin_ctx *ctx = *state;
    assert_threads_agree(random_data, "popular", "{\"method\":\"damped_mean\"}");
    assert_threads_agree(random_data, "popular", "{\"method\":\"trending\"}");
    struct dataset *ds = lands(ctx);
    assert_survives_no_memory(ds, ctx, "popular", "{\"segment\":\"country\"}");
    assert_survives_no_memory(ds, ctx, "popular", "{\"method\":\"damped_mean\"}");
    struct fitted f;
    akin_error err = {0};
    ds->time_kind = TIME_ORDINAL;
    assert_int_equal(fitted_try(ctx, ds, "popular", "{\"method\":\"decayed\"}", NULL, &f, &err),
                     AKIN_E_INPUT);
    dataset_free(ds);
}

/* What a damaged or forged file may hold is refused by name. */
static void bad_files(void **state)
{
    static const float score[] = {1, 2, 3};
    static const int64_t off[] = {0, 2, 4}, good[] = {0, 1, 3}, down[] = {0, 4, 3};
    static const int32_t items[] = {1, 0, 1}, far[] = {1, 0, 3}, order[] = {1, 1, 0};
    const struct {
        const int64_t *ptr;
        const int32_t *item;
        int64_t n_score;
        const char *part;
    } bad[] = {{good, items, 2, "do not fit"},
               {down, items, 3, "m.ptr"},
               {good, far, 3, "m.item: item 3 of 3"},
               {good, order, 3, "m.item"},
               {good, items, 3, "lacks column 'country'"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct section s[] = {{"m.global", score, 12},
                                    {"m.base", score, 12},
                                    {"m.seg.off", off, 24},
                                    {"m.seg.bytes", "atde", 4},
                                    {"m.ptr", bad[i].ptr, 24},
                                    {"m.item", bad[i].item, 12},
                                    {"m.score", score, bad[i].n_score * 4},
                                    {NULL, NULL, 0}};
        assert_refuses(*state, "popular", "{\"segment\":\"country\"}", 3, s, bad[i].part);
    }
    const struct section few[] = {{"m.global", score, 8}, {NULL, NULL, 0}};
    assert_refuses(*state, "popular", NULL, 3, few, "m.global has 2 rows for 3 items");
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
        cmocka_unit_test_setup_teardown(one_vote_is_no_proof, setup, teardown),
        cmocka_unit_test_setup_teardown(fades_and_trends, setup, teardown),
        cmocka_unit_test_setup_teardown(columns_without_events, setup, teardown),
        cmocka_unit_test_setup_teardown(each_land_its_list, setup, teardown),
        cmocka_unit_test_setup_teardown(threads_and_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_files, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
