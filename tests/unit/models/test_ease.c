/* ease: the closed forms of NumPy, trimming, scores and reasons, files, memory, hopeless input. */
#include "unit/models/linear_util.h"

static struct dataset *shop(akin_ctx *ctx)
{
    return fix_random(ctx, 21, 900, 70, 300, FIX_VALUES | FIX_TIMES); /* more than one tile */
}

static void equals_numpy(void **state)
{
    akin_ctx *ctx = *state;
    static const char *const how[] = {"\"keep\":0", "\"keep\":8"};
    static const struct {
        const char *params;
        const double (*want)[GOLDEN_ITEMS];
    } cases[] = {
        {"\"reg\":2,\"dropout\":0,\"damping\":0", golden_ease},
        {"\"reg\":2,\"dropout\":0.4,\"damping\":0", golden_edlae},
        {"\"reg\":2,\"dropout\":0,\"damping\":0,\"diagonal\":0.3", golden_rlae},
        {"\"reg\":0.5,\"dropout\":0.25,\"diagonal\":0.4,\"weighting\":\"binary\",\"damping\":0",
         golden_rdlae},
        {"\"reg\":0.5,\"dropout\":0,\"damping\":0.7,\"weighting\":\"binary\"", golden_ease_damped},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++)
        for (size_t h = 0; h < sizeof how / sizeof how[0]; h++) {
            char params[160];
            snprintf(params, sizeof params, "{%s,%s}", cases[c].params, how[h]);
            check_golden(ctx, "ease", params, cases[c].want, 1e-4);
        }
    check_golden(ctx, "ease",
                 "{\"reg\":2,\"dropout\":0,\"damping\":0,\"solver\":\"local\",\"neighbors\":3}",
                 golden_local, 1e-4);
    check_golden(ctx, "ease",
                 "{\"reg\":0.5,\"solver\":\"local\",\"neighbors\":5,\"dropout\":0.25,"
                 "\"diagonal\":0.4,\"weighting\":\"binary\",\"damping\":0}",
                 golden_local_rdlae, 1e-4);
}

/* The weights kept are the largest of each row, and the same as without trimming. */
static void keeps_the_strongest(void **state)
{
    akin_ctx *ctx = *state;
    struct dataset *ds = shop(ctx);
    struct fitted all = fitted_new(ctx, ds, "ease", "{\"keep\":0,\"reg\":5}", NULL);
    struct fitted few = fitted_new(ctx, ds, "ease", "{\"keep\":9,\"reg\":5}", NULL);
    double *B = linear_weights(&all), *kept = linear_weights(&few);
    int n = ds->items.n;
    for (int i = 0; i < n; i++) {
        double least = (double)INFINITY, most = 0;
        int n_kept = 0;
        for (int j = 0; j < n; j++) {
            bool is_kept = fabs(kept[i * n + j]) > 0;
            n_kept += is_kept;
            if (is_kept) {
                assert_true(kept[i * n + j] == B[i * n + j]);
                least = fmin(least, fabs(B[i * n + j]));
            } else {
                most = fmax(most, fabs(B[i * n + j]));
            }
        }
        assert_true(n_kept == 9 || most == 0);
        assert_true(most <= least);
        assert_close(B[i * n + i], 0, 0);
    }
    check_scores(&all);
    check_scores(&few);
    free(B);
    free(kept);
    fitted_free(&all);
    fitted_free(&few);
    dataset_free(ds);
}

static void files_threads_memory(void **state)
{
    akin_ctx *ctx = *state;
    static const char *const settings[] = {"{\"keep\":0}", "{\"keep\":20,\"dropout\":0.3}",
                                           "{\"solver\":\"local\",\"neighbors\":20}"};
    struct dataset *ds = shop(ctx), *empty = fix_dataset(ctx, NULL, 0, 0, NULL);
    for (size_t s = 0; s < sizeof settings / sizeof settings[0]; s++) {
        struct fitted f = fitted_new(ctx, ds, "ease", settings[s], NULL);
        assert_saves(&f);
        fitted_free(&f);
        f = fitted_new(ctx, empty, "ease", settings[s], NULL);
        assert_saves(&f);
        fitted_free(&f);
        assert_survives_no_memory(ds, ctx, "ease", settings[s]);
    }
    assert_threads_agree(shop, "ease", "{\"keep\":0,\"damping\":0.5}");
    assert_threads_agree(shop, "ease", settings[2]);
    dataset_free(empty);
    dataset_free(ds);
}

static void refuses_early(void **state)
{
    (void)state;
    akin_ctx *ctx = NULL;
    akin_error err = {0};
    struct fitted f;
    struct dataset *ds;
    /* two items of the same 40 users: singular in float with so little reg */
    static struct row twins[80];
    static char users[40][8];
    for (int r = 0; r < 80; r++) {
        snprintf(users[r / 2], sizeof users[0], "u%d", r / 2);
        twins[r] = (struct row){users[r / 2], r % 2 ? "a" : "b", 1, r, 0};
    }
    ctx = knn_ctx(2);
    ds = fix_dataset(ctx, twins, 80, 0, NULL);
    static const char *const how[] = {
        "{\"reg\":1e-6,\"dropout\":0,\"damping\":0}",
        "{\"reg\":1e-6,\"dropout\":0,\"damping\":0,\"solver\":\"local\"}"};
    for (int h = 0; h < 2; h++) {
        assert_int_equal(fitted_try(ctx, ds, "ease", how[h], NULL, &f, &err), AKIN_E_INPUT);
        if (!strstr(err.message, "raise reg") || !strstr(err.message, "item '"))
            fail_msg("%s", err.message);
    }
    dataset_free(ds);
    knn_ctx_done(ctx);
    /* a limit that the tiles will not fit into, before any work */
    assert_int_equal(ctx_create(1, 1, 6000000, &ctx, &err), AKIN_OK);
    assert_int_equal(kern_select(ctx, NULL, &err), AKIN_OK);
    ds = fix_random(ctx, 5, 1500, 70, 1000, 0);
    assert_int_equal(fitted_try(ctx, ds, "ease", NULL, NULL, &f, &err), AKIN_E_MEMORY);
    if (!strstr(err.message, "items take"))
        fail_msg("%s", err.message);
    dataset_free(ds);
    knn_ctx_done(ctx);
}

/*
 * Items without a positive get nothing and give nothing, and the others have the weights that they
 * have where nobody heard of these items, bit for bit. Items "i0".."i39"; those with odd numbers
 * are rated too low to count. without: leaves these out.
 */
static struct dataset *half_liked(akin_ctx *ctx, bool without)
{
    enum { N = 700, USERS = 50, ITEMS = 40 };
    static struct row rows[N];
    static char names[USERS + ITEMS][8];
    struct rng rng = rng_make(31, RNG_TEST, 0);
    int n = 0;
    for (int t = 0; t < USERS + ITEMS; t++)
        snprintf(names[t], sizeof names[0], "%c%d", t < USERS ? 'u' : 'i', t % USERS);
    for (int r = 0; r < N; r++) {
        int user = (int)rng_below(&rng, USERS), item = (int)rng_below(&rng, ITEMS);
        if (item % 2 == 0 || !without)
            rows[n++] = (struct row){names[user], names[USERS + item], item % 2 ? 2 : 5, r, 0};
    }
    return fix_dataset(ctx, rows, n, FIX_VALUES | FIX_TIMES, NULL);
}

static void items_without_events(void **state)
{
    akin_ctx *ctx = *state;
    static const struct feedback_params liked = {.positive = "value >= 4"};
    static const char *const how[] = {"{\"keep\":0,\"diagonal\":0.2}", "{\"keep\":7}",
                                      "{\"solver\":\"local\",\"neighbors\":9,\"diagonal\":0.2}"};
    struct dataset *all = half_liked(ctx, false), *known = half_liked(ctx, true);
    assert_int_equal(known->items.n * 2, all->items.n);
    for (size_t h = 0; h < sizeof how / sizeof how[0]; h++) {
        struct fitted f = fitted_new(ctx, all, "ease", how[h], &liked);
        struct fitted want = fitted_new(ctx, known, "ease", how[h], &liked);
        double *B = linear_weights(&f), *W = linear_weights(&want);
        int n = all->items.n, n_known = known->items.n;
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) {
                int32_t size, from, to;
                const char *id = ids_get(&all->items, i, &size);
                from = ids_find(&known->items, id, (size_t)size);
                id = ids_get(&all->items, j, &size);
                to = ids_find(&known->items, id, (size_t)size);
                bool is_due = from >= 0 && to >= 0;
                assert_true(B[i * n + j] == (is_due ? W[from * n_known + to] : 0));
            }
        for (int32_t u = 0; u < f.m->users.n; u += 9) { /* no score, rather than 0 */
            struct query q = model_query_user(f.m, u);
            float *s = fitted_scores(&f, &q);
            for (int32_t i = 0; i < n; i++)
                if (f.m->item_count[i] == 0)
                    assert_true(isinf(s[i]));
            free(s);
        }
        check_scores(&f);
        assert_saves(&f);
        free(B);
        free(W);
        fitted_free(&f);
        fitted_free(&want);
    }
    dataset_free(all);
    dataset_free(known);
}

static void bad_files(void **state)
{
    akin_ctx *ctx = *state;
    static float tiles[256], scale[2] = {1, 1}, bad[2] = {1, NAN};
    struct section s[] = {{"m.tiles", tiles, sizeof tiles}, {"m.scale", bad, sizeof bad}, {0}};
    assert_refuses(ctx, "ease", "{\"keep\":0}", 2, s, "finite");
    s[1].bytes = scale;
    s[0].size = 1020;
    assert_refuses(ctx, "ease", "{\"keep\":0}", 2, s, "m.tiles");
    s[0].size = sizeof tiles;
    static int32_t known[4] = {0, 2, 1, 3};
    static const struct {
        int32_t n_items, n_known;
    } cases[] = {{2, 3}, {2, 2}, {4, 3}, {4, 1}}; /* too many, outside, down, scale too long */
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        struct section with[] = {
            {"m.known", known, cases[k].n_known * (int64_t)sizeof known[0]}, s[0], s[1], {0}};
        assert_refuses(ctx, "ease", "{\"keep\":0}", cases[k].n_items, with,
                       k == 3 ? "m.scale" : "m.known");
    }
    static int64_t ptr[3] = {0, 1, 1};
    static int32_t item[1] = {1};
    static float sim[1] = {0};
    struct section rows[] = {
        {"m.ptr", ptr, sizeof ptr}, {"m.item", item, sizeof item}, {"m.sim", sim, sizeof sim}, {0}};
    assert_refuses(ctx, "ease", NULL, 2, rows, "m.sim");
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
        cmocka_unit_test_setup_teardown(keeps_the_strongest, setup, teardown),
        cmocka_unit_test_setup_teardown(files_threads_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(items_without_events, setup, teardown),
        cmocka_unit_test(refuses_early),
        cmocka_unit_test_setup_teardown(bad_files, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
