/*
 * index*.c: the exact index against the exhaustive definition, bit for bit, over seeded random
 * shapes, filters and awkward values; its worst case; memory; bad arguments.
 */
#include "index_world.h"

enum { SEEDS = 150 };

static void test_exact(void **state)
{
    akin_ctx *ctx = *state;
    const struct index_options exact = {0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct rng rng = rng_make(seed, RNG_TEST, 3);
        struct world w;
        int32_t n = seed % 4 == 0 ? (int32_t)rng_below(&rng, 40) : (int32_t)rng_below(&rng, 2000);
        int32_t k = seed < 131 ? (int32_t)seed : (int32_t)rng_below(&rng, K_MAX + 1);
        world_init(&w, n, k, rng_below(&rng, 3) == 0, (enum kind)(seed % KINDS), seed);
        struct index *ix = create(ctx, &w, &exact);
        assert_true(index_recall(ix) == 1.0);
        assert_int_equal(index_lists(ix), 1);
        check_searches(ctx, &w, ix, seed);
        check_many(ctx, &w, ix, seed);
        index_free(ix);
        world_free(&w);
    }
}

enum { RIVALS = 2048, WINNERS = 5, FACTORS = 64 };

/*
 * Winners that come last (and begin a scan), after rivals have set a bound just below their scores,
 * and look worse than they are: way 0, their codes are half a step short in the asker's direction;
 * 1, the asker's codes are; 2, they are short, but point exactly where the asker does.
 */
static void worst_world(struct world *w, float *asker, int way)
{
    w->n = RIVALS + WINNERS;
    w->k = FACTORS;
    w->bias = NULL;
    w->items = calloc((size_t)w->n * FACTORS, sizeof *w->items);
    assert_non_null(w->items);
    for (int t = 0; t < FACTORS; t++) {
        asker[t] = t == 0 ? 127.0f : t == FACTORS - 1 ? 0.0f : 5.0f;
        if (way == 1 && t > 0 && t < FACTORS - 1)
            asker[t] = 5.49f;
    }
    for (int32_t i = 0; i < w->n; i++) {
        bool wins = i >= RIVALS;
        float *x = w->items + (int64_t)i * FACTORS;
        for (int t = 0; t < FACTORS; t++) {
            if (way == 2)
                x[t] = asker[t] * (wins ? 1.0f : 0.99f);
            else if (t == 0)
                x[t] = 127.0f;
            else if (t < FACTORS - 1)
                x[t] = way == 0 ? (wins ? 9.49f : 9.45f) : (float)(9 + (wins && t == 1));
        }
        if (!wins) /* longer, to no use: the asker has 0 there */
            x[FACTORS - 1] = 60.0f + (float)(i % 7);
    }
}

static void test_worst_case(void **state)
{
    akin_ctx *ctx = *state;
    const struct index_options exact = {0};
    for (int way = 0; way < 3; way++) {
        struct world w;
        float asker[FACTORS];
        struct ranked got[WINNERS], want[WINNERS];
        int32_t count;
        akin_error err;
        worst_world(&w, asker, way);
        struct index *ix = create(ctx, &w, &exact);
        struct index_scratch *s = scratch(ctx, ix);
        assert_int_equal(index_search(ix, s, asker, WINNERS, NULL, NULL, 0, got, &count, &err),
                         AKIN_OK);
        assert_lists_equal(got, count, want, exhaustive(&w, asker, WINNERS, NULL, NULL, 0, want));
        assert_int_equal(got[0].item, RIVALS);
        index_scratch_free(s);
        index_free(ix);
        world_free(&w);
    }
}

/* rank_lists and the index agree: what is evaluated is what is served. */
static void test_as_rank_lists(void **state)
{
    akin_ctx *ctx = *state;
    const struct index_options exact = {0};
    akin_error err;
    struct toy toy;
    toy_init(&toy, TOY_VECTORS, 700, 19, true, 5);
    struct item_vectors v = {.items = toy.vec, .bias = toy.bias, .k = toy.k};
    struct ranker *r = NULL;
    struct index *ix = NULL;
    assert_int_equal(ranker_create(ctx, &toy.scorer, &r, &err), AKIN_OK);
    assert_int_equal(index_create(ctx, &v, toy.n_items, &exact, &ix, &err), AKIN_OK);
    struct index_scratch *s = scratch(ctx, ix);
    for (int32_t u = 0; u < 50; u++) {
        int32_t seen = u * 13;
        struct query q = {.user = -1, .hist = {.n = 1, .item = &seen}};
        struct rank_options opt = {.k = 20};
        struct ranked want[20], got[20];
        float asker[19];
        int32_t n_want, n_got;
        for (int32_t t = 0; t < toy.k; t++)
            asker[t] = toy_state(&toy, &q, t);
        assert_int_equal(rank_lists(r, &q, 1, &opt, want, &n_want, &err), AKIN_OK);
        assert_int_equal(index_search(ix, s, asker, 20, NULL, &seen, 1, got, &n_got, &err),
                         AKIN_OK);
        assert_lists_equal(got, n_got, want, n_want);
    }
    index_scratch_free(s);
    index_free(ix);
    ranker_free(r);
    toy_free(&toy);
}

/* ---- Failures ----------------------------------------------------------------------------- */

static void test_out_of_memory(void **state)
{
    akin_ctx *ctx = *state;
    struct world w;
    akin_error err;
    clustered(&w, 3000, 8, 10, 1);
    struct item_vectors v = vectors(&w);
    int64_t used = mem_used(ctx->mem);
    for (int lists = 0; lists < 2; lists++) {
        struct index_options o = {.ivf_min = lists};
        int64_t n = 0;
        akin_status got;
        do {
            struct index *ix = NULL;
            struct index_scratch *s = NULL;
            mem_fail_at(ctx->mem, ++n);
            got = index_create(ctx, &v, w.n, &o, &ix, &err);
            if (got == AKIN_OK)
                got = index_scratch_create(ix, ctx, &s, &err);
            mem_fail_at(ctx->mem, 0);
            assert_true(got == AKIN_OK || got == AKIN_E_MEMORY);
            index_scratch_free(s);
            index_free(ix);
            assert_int_equal(mem_used(ctx->mem), used);
        } while (got != AKIN_OK);
        assert_true(n > (lists ? 25 : 10));
    }
    world_free(&w);
}

static void test_bad_arguments(void **state)
{
    akin_ctx *ctx = *state;
    akin_error err;
    float x[4] = {1, 2, 3, 4};
    struct ranked got[4];
    int32_t count = 9;
    struct index *ix = NULL;
    struct item_vectors v = {.items = x, .k = 2};
    struct index_options o = {.recall = 1.5};
    assert_int_equal(index_create(ctx, &v, 2, &o, &ix, &err), AKIN_E_ARG);
    assert_contains(err.message, "recall=1.5 (must be 0..1)");
    o = (struct index_options){.n_lists = -1};
    assert_int_equal(index_create(ctx, &v, 2, &o, &ix, &err), AKIN_E_ARG);
    assert_contains(err.message, "n_lists=-1");
    o = (struct index_options){.n_probe = -1};
    assert_int_equal(index_create(ctx, &v, 2, &o, &ix, &err), AKIN_E_ARG);
    o = (struct index_options){0};
    v.k = 65000;
    assert_int_equal(index_create(ctx, &v, 0, &o, &ix, &err), AKIN_E_LIMIT);
    assert_contains(err.message, "65000 factors (must be 0..64999)");
    v.k = 2;
    assert_int_equal(index_create(ctx, &v, -1, &o, &ix, &err), AKIN_E_ARG);
    assert_null(ix);
    assert_int_equal(index_create(ctx, &v, 2, &o, &ix, &err), AKIN_OK);
    assert_true(index_bytes(ix) > 0);
    assert_int_equal(index_probes(ix), 1);
    struct index_scratch *s = scratch(ctx, ix);
    assert_int_equal(index_search(ix, s, x, -1, NULL, NULL, 0, got, &count, &err), AKIN_E_ARG);
    assert_int_equal(index_search(ix, s, x, 0, NULL, NULL, 0, got, &count, &err), AKIN_OK);
    assert_int_equal(count, 0);
    atomic_store(&ctx->cancelled, 1);
    assert_int_equal(index_search(ix, s, x, 1, NULL, NULL, 0, got, &count, &err), AKIN_E_CANCELLED);
    atomic_store(&ctx->cancelled, 0);
    index_scratch_free(s);
    index_free(ix);
    index_free(NULL);
    index_scratch_free(NULL);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, toy_setup, toy_teardown)
    const struct CMUnitTest tests[] = {
        T(test_exact),         T(test_worst_case),    T(test_as_rank_lists),
        T(test_out_of_memory), T(test_bad_arguments),
    };
    print_message("seeds 0..%d\n", SEEDS - 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
