/* Who owns what a model looks at: its dataset, shared, and the weights of its view. */
#include "knn_util.h"

#include "../../contract/toy_data.c"

static const struct feedback_params fives = {.positive = "value >= 5"}; /* so there are weights */

static struct dataset *toy(akin_ctx *ctx)
{
    static struct toy_event events[TOY_USERS * TOY_ITEMS];
    int32_t withheld[TOY_USERS];
    struct dataset *ds = NULL;
    int64_t n = toy_clusters(3, events, withheld);
    assert_int_equal(toy_dataset(ctx, events, n, &ds, NULL), AKIN_OK);
    return ds;
}

/* The same events, in memory or mapped from a file that has no name any more. */
static struct dataset *toy_from(akin_ctx *ctx, bool is_mapped)
{
    char path[] = "/tmp/akin-model-owner-XXXXXX";
    struct dataset *ds = toy(ctx), *mapped = NULL;
    if (!is_mapped)
        return ds;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(dataset_save(ds, path, NULL), AKIN_OK);
    assert_int_equal(dataset_load(ctx, path, &mapped, NULL), AKIN_OK);
    unlink(path);
    dataset_free(ds);
    return mapped;
}

/* Everything that the fit was given ends before the model does. */
static void test_outlives_data(void **state)
{
    (void)state;
    static const char *const names[] = {"popular", "itemknn", "ials"};
    uint64_t sums[3] = {0};
    for (int variant = 0; variant < 2; variant++) {
        akin_ctx *ctx = knn_ctx(2);
        for (size_t i = 0; i < 3; i++) {
            struct dataset *ds = toy_from(ctx, variant == 1);
            struct fitted f = fitted_new(ctx, ds, names[i], NULL, &fives);
            uint64_t sum = fitted_print(&f);
            train_view_free(&f.tv);
            dataset_free(ds);
            f.ds = NULL;
            assert_true(fitted_print(&f) == sum);
            assert_true(variant == 0 || sum == sums[i]);
            sums[i] = sum;
            assert_saves(&f);
            fitted_free(&f);
        }
        knn_ctx_done(ctx);
    }
}

/* Two models of one view, ended in either order: the one that stays is whole. */
static void test_two_of_a_view(void **state)
{
    (void)state;
    akin_error err;
    for (int last = 0; last < 2; last++) {
        akin_ctx *ctx = knn_ctx(1);
        struct dataset *ds = toy(ctx);
        struct fitted f = fitted_new(ctx, ds, "popular", NULL, &fives);
        struct model *m[2] = {f.m, NULL};
        uint64_t sum = fitted_print(&f);
        assert_int_equal(model_create(ctx, f.m->cls, NULL, &m[1], &err), AKIN_OK);
        assert_int_equal(model_fit(m[1], &f.tv, NULL, &err), AKIN_OK);
        dataset_free(ds);
        model_free(m[1 - last]);
        f.m = m[last];
        assert_true(fitted_print(&f) == sum);
        fitted_free(&f);
        knn_ctx_done(ctx);
    }
}

/* What `train` promises of memory: the events are there once. */
static void test_no_copy(void **state)
{
    (void)state;
    akin_ctx *ctx = knn_ctx(1);
    enum { N = 200000 };
    struct dataset *ds = fix_random(ctx, 1, N, 300, 50, FIX_VALUES | FIX_TIMES | FIX_TYPES);
    struct feedback *f = NULL;
    struct train_view tv;
    struct model *m = NULL;
    akin_error err;
    assert_int_equal(feedback_create(ctx, &fives, &ds->types, 0, &f, &err), AKIN_OK);
    assert_int_equal(train_view_build(ctx, ds, f, NULL, &tv, &err), AKIN_OK);
    int64_t before = mem_used(ctx->mem);
    mem_peak_reset(ctx->mem);
    assert_int_equal(model_create(ctx, model_class_find("popular"), NULL, &m, &err), AKIN_OK);
    assert_int_equal(model_fit(m, &tv, NULL, &err), AKIN_OK);
    assert_true(mem_peak(ctx->mem) - before < N);
    train_view_free(&tv);
    feedback_free(f);
    dataset_free(ds);
    assert_int_equal(m->hist.ptr[m->users.n], N);
    model_free(m);
    knn_ctx_done(ctx);
}

/* Every allocation from the view on fails once; what was given ends first, the model last. */
static void test_memory(void **state)
{
    (void)state;
    akin_ctx *ctx = knn_ctx(1);
    akin_status status = AKIN_E_MEMORY;
    for (int64_t n = 1; status != AKIN_OK && n < 2000; n++) {
        struct dataset *ds = toy_from(ctx, n % 2 == 0);
        struct feedback *f = NULL;
        struct train_view tv = {0};
        struct model *m = NULL;
        akin_error err;
        assert_int_equal(feedback_create(ctx, &fives, &ds->types, 0, &f, &err), AKIN_OK);
        mem_fail_at(ctx->mem, n);
        status = train_view_build(ctx, ds, f, NULL, &tv, &err);
        if (status == AKIN_OK)
            status = model_create(ctx, model_class_find("popular"), NULL, &m, &err);
        if (status == AKIN_OK)
            status = model_fit(m, &tv, NULL, &err);
        mem_fail_at(ctx->mem, 0);
        assert_true(status == AKIN_OK || status == AKIN_E_MEMORY);
        dataset_free(ds);
        train_view_free(&tv);
        feedback_free(f);
        model_free(m);
        assert_int_equal(mem_used(ctx->mem), 0);
    }
    assert_int_equal(status, AKIN_OK);
    ctx_free(ctx);
}

/* Memory of one context may end before a model of another: refused rather than shared. */
static void test_other_context(void **state)
{
    (void)state;
    akin_error err;
    akin_ctx *ctx = knn_ctx(1), *other = knn_ctx(1);
    struct dataset *ds = toy(ctx);
    struct fitted f = fitted_new(ctx, ds, "popular", NULL, NULL);
    struct model *m = NULL;
    assert_int_equal(model_create(other, f.m->cls, NULL, &m, &err), AKIN_OK);
    assert_int_equal(model_fit(m, &f.tv, NULL, &err), AKIN_E_ARG);
    assert_non_null(strstr(err.message, "another context"));
    model_free(m);
    fitted_free(&f);
    dataset_free(ds);
    knn_ctx_done(other);
    knn_ctx_done(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outlives_data), cmocka_unit_test(test_two_of_a_view),
        cmocka_unit_test(test_no_copy),       cmocka_unit_test(test_memory),
        cmocka_unit_test(test_other_context),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
