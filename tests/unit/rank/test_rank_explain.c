/* explain.c: leave one out by definition, a model's own reasons, bounds. */
#include "toy.h"

/* The score of an item is what the history events add: weight · value · (item + 1), plus time. */
static akin_status sum_score(const void *self, const struct query *queries, int32_t n,
                             const struct item_set *set, float *out, int64_t ldo,
                             struct arena *scratch, akin_error *err)
{
    (void)self;
    (void)scratch;
    (void)err;
    for (int32_t q = 0; q < n; q++) {
        const struct history *h = &queries[q].hist;
        float sum = h->n ? 0.0f : UNSCORED;
        assert_false(queries[q].is_trained);
        for (int32_t e = 0; e < h->n; e++)
            sum += (h->weight ? h->weight[e] : 1.0f) * (h->value ? h->value[e] : 1.0f) +
                   (h->time ? (float)h->time[e] : 0.0f) + (h->type ? (float)h->type[e] : 0.0f);
        for (int32_t j = 0; j < item_set_size(set); j++)
            out[q * ldo + j] = sum;
    }
    return AKIN_OK;
}

static const struct scorer_class SUM = {.score = sum_score};

static void test_leave_out(void **state)
{
    akin_ctx *ctx = *state;
    struct ranker *r;
    akin_error err;
    struct scorer s = {.cls = &SUM, .n_items = 10};
    const int32_t item[] = {4, 2, 4, 7, 1, -1, 9};
    const float weight[] = {1, 2, 3, 4, -1, 1, 0};
    const float value[] = {2, 2, 2, 2, 2, 2, 2};
    const int64_t time[] = {1, 0, 0, 0, 0, 0, 0};
    const uint8_t type[] = {0, 3, 0, 0, 0, 0, 0};
    struct query q = {.user = 1, .is_trained = true, .hist = {7, item, weight, value, time, type}};
    struct reason out[10];
    int32_t n;
    assert_int_equal(ranker_create(ctx, &s, &r, &err), AKIN_OK);
    assert_int_equal(rank_explain(r, &q, 0, out, 10, &n, &err), AKIN_OK);
    assert_int_equal(n, 4); /* the unknown item and the zero contribution are not named */
    const int32_t want[] = {4, 7, 2, 1};
    const float add[] = {9, 8, 7, -2};
    for (int32_t j = 0; j < 4; j++) {
        assert_int_equal(out[j].item, want[j]);
        assert_true(out[j].contribution == add[j]);
    }
    assert_int_equal(rank_explain(r, &q, 0, out, 2, &n, &err), AKIN_OK);
    assert_int_equal(n, 2);
    assert_int_equal(out[1].item, 7);
    assert_int_equal(rank_explain(r, &q, 0, out, 0, &n, &err), AKIN_OK);
    assert_int_equal(n, 0);
    assert_int_equal(rank_explain(r, &q, 10, out, 2, &n, &err), AKIN_E_ARG);
    /* one item: without it there is no score, so it is the whole of it */
    struct query one = {.user = -1, .hist = {.n = 1, .item = item}};
    assert_int_equal(rank_explain(r, &one, 0, out, 2, &n, &err), AKIN_OK);
    assert_int_equal(n, 1);
    assert_true(out[0].contribution == 1.0f);
    struct query none = {.user = -1};
    assert_int_equal(rank_explain(r, &none, 0, out, 2, &n, &err), AKIN_OK);
    assert_int_equal(n, 0);
    ranker_free(r);
}

/* Ties by item; only the newest 200 events are asked for; cancel. */
static void test_bounds(void **state)
{
    akin_ctx *ctx = *state;
    struct ranker *r;
    akin_error err;
    enum { N = 500 };
    struct scorer s = {.cls = &SUM, .n_items = N};
    int32_t item[N];
    struct reason out[N];
    int32_t n;
    for (int32_t e = 0; e < N; e++)
        item[e] = N - 1 - e;
    struct query q = {.user = -1, .hist = {.n = N, .item = item}};
    assert_int_equal(ranker_create(ctx, &s, &r, &err), AKIN_OK);
    assert_int_equal(rank_explain(r, &q, 0, out, N, &n, &err), AKIN_OK);
    assert_int_equal(n, 200);
    for (int32_t j = 0; j < n; j++)
        assert_int_equal(out[j].item, j);
    akin_cancel(ctx);
    assert_int_equal(rank_explain(r, &q, 0, out, N, &n, &err), AKIN_E_CANCELLED);
    akin_cancel_clear(ctx);
    for (int i = 1; i < 3; i++) {
        mem_fail_at(ctx->mem, i);
        akin_status status = rank_explain(r, &q, 0, out, N, &n, &err);
        assert_true(status == AKIN_OK || status == AKIN_E_MEMORY);
        mem_fail_at(ctx->mem, 0);
    }
    ranker_free(r);
}

static akin_status own_explain(const void *self, const struct query *q, int32_t item,
                               struct reason *out, int32_t max, int32_t *n, struct arena *scratch,
                               akin_error *err)
{
    (void)self;
    (void)q;
    (void)scratch;
    (void)err;
    assert_int_equal(max, 3);
    out[0] = (struct reason){item + 1, 0.5f};
    *n = 1;
    return AKIN_OK;
}

static void test_own(void **state)
{
    akin_ctx *ctx = *state;
    struct ranker *r;
    akin_error err;
    struct scorer_class cls = {.score = sum_score, .explain = own_explain};
    struct scorer s = {.cls = &cls, .n_items = 10};
    struct query q = {.user = -1};
    struct reason out[3];
    int32_t n;
    assert_int_equal(ranker_create(ctx, &s, &r, &err), AKIN_OK);
    assert_int_equal(rank_explain(r, &q, 4, out, 3, &n, &err), AKIN_OK);
    assert_int_equal(n, 1);
    assert_int_equal(out[0].item, 5);
    ranker_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_leave_out, toy_setup, toy_teardown),
        cmocka_unit_test_setup_teardown(test_bounds, toy_setup, toy_teardown),
        cmocka_unit_test_setup_teardown(test_own, toy_setup, toy_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
