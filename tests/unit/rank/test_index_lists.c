/* index*.c: approximate lists: recall, values, all items under a narrow filter, what is measured.
 */
#include "index_world.h"

static double recall_of(akin_ctx *ctx, const struct world *w, const struct index *ix)
{
    akin_error err;
    struct index_scratch *s = scratch(ctx, ix);
    struct ranked got[20], want[20];
    float state[K_MAX];
    int32_t count, hits = 0;
    struct rng rng = rng_make(77, RNG_TEST, 4);
    for (int q = 0; q < 100; q++) {
        for (int32_t t = 0; t < w->k; t++)
            state[t] = 0.0f;
        for (int i = 0; i < 3; i++) {
            int64_t item = (int64_t)rng_below(&rng, (uint64_t)w->n);
            for (int32_t t = 0; t < w->k; t++)
                state[t] += w->items[item * w->k + t];
        }
        exhaustive(w, state, 20, NULL, NULL, 0, want);
        assert_int_equal(index_search(ix, s, state, 20, NULL, NULL, 0, got, &count, &err), AKIN_OK);
        assert_int_equal(count, 20);
        for (int i = 0; i < 20; i++)
            for (int j = 0; j < 20; j++)
                hits += got[i].item == want[j].item;
        for (int i = 0; i < 20; i++) /* whatever is found has its exact score */
            for (int j = 0; j < 20; j++)
                if (got[i].item == want[j].item)
                    assert_memory_equal(&got[i].score, &want[j].score, sizeof(float));
    }
    index_scratch_free(s);
    return hits / 2000.0;
}

static void test_lists_recall(void **state)
{
    akin_ctx *ctx = *state;
    struct world w;
    clustered(&w, 20000, 24, 50, 3);
    for (int bias = 0; bias < 2; bias++) {
        struct index_options o = {.ivf_min = 1, .seed = 4};
        struct index *ix = create(ctx, &w, &o);
        double got = recall_of(ctx, &w, ix);
        print_message("lists %lld, probes %lld, recall %.4f, at build %.4f\n",
                      (long long)index_lists(ix), (long long)index_probes(ix), got,
                      index_recall(ix));
        assert_true(index_lists(ix) == 565);
        assert_true(index_probes(ix) < index_lists(ix) / 4);
        assert_true(index_recall(ix) >= 0.95);
        assert_true(got >= 0.93);
        index_free(ix);
        if (!w.bias)
            w.bias = calloc((size_t)w.n, sizeof *w.bias);
        assert_non_null(w.bias);
        for (int32_t i = 0; i < w.n; i++)
            w.bias[i] = (float)(i % 100) * 0.01f;
    }
    /* asked for more, it reads more; all lists are exact */
    struct index_options high = {.ivf_min = 1, .seed = 4, .recall = 0.999};
    struct index_options all = {.ivf_min = 20000, .n_lists = 100, .n_probe = 100, .seed = 4};
    struct index *ix = create(ctx, &w, &high);
    assert_true(recall_of(ctx, &w, ix) >= 0.99);
    index_free(ix);
    ix = create(ctx, &w, &all);
    assert_int_equal(index_lists(ix), 100);
    assert_int_equal(index_probes(ix), 100);
    assert_true(index_recall(ix) == 1.0);
    assert_true(recall_of(ctx, &w, ix) == 1.0);
    check_searches(ctx, &w, ix, 1);
    check_many(ctx, &w, ix, 1);
    index_free(ix);
    struct index_options few = {.ivf_min = 20001};
    ix = create(ctx, &w, &few);
    assert_int_equal(index_lists(ix), 1);
    index_free(ix);
    world_free(&w);
}

/* Awkward values with lists: whatever is read is exact, and k items come back if there are k. */
static void test_lists_values(void **state)
{
    akin_ctx *ctx = *state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct world w;
        world_init(&w, 900, 1 + (int32_t)seed * 3, seed % 3 == 0, (enum kind)(seed % KINDS), seed);
        struct index_options all = {.ivf_min = 1, .n_lists = 30, .n_probe = 30, .seed = seed};
        struct index *ix = create(ctx, &w, &all);
        check_searches(ctx, &w, ix, seed);
        check_many(ctx, &w, ix, seed);
        index_free(ix);
        world_free(&w);
    }
}

static void test_lists_filters(void **state)
{
    akin_ctx *ctx = *state;
    akin_error err;
    struct world w;
    clustered(&w, 20000, 16, 40, 8);
    struct index_options o = {.ivf_min = 1, .n_probe = 1, .seed = 4};
    struct index *ix = create(ctx, &w, &o);
    struct index_scratch *s = scratch(ctx, ix);
    uint64_t bits[20000 / 64 + 1] = {0};
    struct ranked *got = calloc(20000, sizeof *got), *want = calloc(20000, sizeof *want);
    int32_t count;
    for (int32_t i = 0; i < w.n; i += 20)
        bits[i / 64] |= (uint64_t)1 << (i % 64);
    /* more than the first list has: the search goes on until all are found, which is exact */
    assert_int_equal(index_search(ix, s, w.items, 1000, bits, NULL, 0, got, &count, &err), AKIN_OK);
    assert_lists_equal(got, count, want, exhaustive(&w, w.items, 1000, bits, NULL, 0, want));
    assert_int_equal(index_search(ix, s, w.items, 20000, NULL, NULL, 0, got, &count, &err),
                     AKIN_OK);
    assert_lists_equal(got, count, want, exhaustive(&w, w.items, 20000, NULL, NULL, 0, want));
    assert_int_equal(index_search(ix, s, w.items, 600, NULL, NULL, 0, got, &count, &err), AKIN_OK);
    assert_int_equal(count, 600);
    free(got);
    free(want);
    index_scratch_free(s);
    index_free(ix);
    world_free(&w);
}

static void test_measured_on_states(void **state)
{
    akin_ctx *ctx = *state;
    struct world w;
    clustered(&w, 5000, 16, 20, 2);
    /* askers who are items: their lists are near, so that few probes do */
    struct index_ask askers[100];
    struct index_options o = {.ivf_min = 1, .seed = 4, .askers = askers, .n_askers = 100};
    for (int64_t j = 0; j < 100; j++)
        askers[j] = (struct index_ask){.state = w.items + j * w.k};
    struct index *ix = create(ctx, &w, &o);
    assert_true(index_recall(ix) >= 0.95);
    index_free(ix);
    world_free(&w);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, toy_setup, toy_teardown)
    const struct CMUnitTest tests[] = {
        T(test_lists_recall),
        T(test_lists_values),
        T(test_lists_filters),
        T(test_measured_on_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
