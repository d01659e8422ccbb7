/* topk.c: the heap against a sort, ties, bounds, k of 0 and beyond the stream. */
#include "rank/topk.h"
#include "toy.h"

static int by_order(const void *a, const void *b)
{
    return ranked_before(a, b) ? -1 : 1;
}

static void test_random(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct rng rng = rng_make(seed, RNG_TEST, 0);
        struct ranked all[500];
        struct ranked row[510];
        struct topk t;
        int32_t n = (int32_t)rng_below(&rng, 500);
        int32_t k = (int32_t)rng_below(&rng, 510);
        for (int32_t i = 0; i < n; i++)
            all[i] = (struct ranked){i, (float)rng_below(&rng, 40) - 20.0f};
        /* a shuffled order: ties must not depend on it */
        for (int32_t i = n - 1; i > 0; i--) {
            int32_t j = (int32_t)rng_below(&rng, (uint64_t)i + 1);
            struct ranked x = all[i];
            all[i] = all[j];
            all[j] = x;
        }
        topk_init(&t, row, k);
        for (int32_t i = 0; i < n; i++)
            topk_push(&t, all[i].item, all[i].score);
        topk_sort(&t);
        qsort(all, (size_t)n, sizeof all[0], by_order);
        assert_lists_equal(row, t.n, all, n < k ? n : k);
    }
}

static void test_bound(void **state)
{
    (void)state;
    struct ranked row[2];
    struct topk t;
    topk_init(&t, row, 2);
    assert_true(topk_bound(&t) == UNSCORED);
    topk_push(&t, 4, 1.0f);
    assert_true(topk_bound(&t) == UNSCORED);
    topk_push(&t, 5, INFINITY);
    assert_true(topk_bound(&t) == 1.0f);
    topk_push(&t, 3, 1.0f); /* an equal score, a smaller index */
    topk_push(&t, 6, 1.0f);
    topk_sort(&t);
    assert_int_equal(row[0].item, 5);
    assert_int_equal(row[1].item, 3);
    topk_init(&t, row, 0);
    topk_push(&t, 1, 1.0f);
    topk_sort(&t);
    assert_int_equal(t.n, 0);
}

static void test_zeros(void **state)
{
    (void)state;
    struct ranked row[3];
    struct topk t;
    topk_init(&t, row, 3);
    topk_push(&t, 2, 0.0f);
    topk_push(&t, 1, -0.0f);
    topk_push(&t, 3, -0.0f);
    topk_push(&t, 0, 0.0f);
    topk_sort(&t);
    for (int32_t j = 0; j < 3; j++)
        assert_int_equal(row[j].item, j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_zeros),
    };
    print_message("seeds 0..99\n");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
