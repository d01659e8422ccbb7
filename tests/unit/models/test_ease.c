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

static void bad_files(void **state)
{
    akin_ctx *ctx = *state;
    static float tiles[256], scale[2] = {1, 1}, bad[2] = {1, NAN};
    struct section s[] = {{"m.tiles", tiles, sizeof tiles}, {"m.scale", bad, sizeof bad}, {0}};
    assert_refuses(ctx, "ease", "{\"keep\":0}", 2, s, "finite");
    s[1].bytes = scale;
    s[0].size = 1020;
    assert_refuses(ctx, "ease", "{\"keep\":0}", 2, s, "m.tiles");
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
        cmocka_unit_test(refuses_early),
        cmocka_unit_test_setup_teardown(bad_files, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
