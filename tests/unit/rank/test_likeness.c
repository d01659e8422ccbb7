/* likeness.c: equal to the definition in plain C, by states and by positives; the same at any
 * thread count and batch size; a planted cluster first; nothing to compare by; lack of memory. */
#include "rank/likeness.h"
#include "toy.h"

enum { USERS = 300, ITEMS = 120, EVENTS = 12, K = 5 };

struct crowd {
    int32_t item[USERS][EVENTS];
    float weight[USERS][EVENTS];
    struct query q[USERS];
};

/* Items may repeat, weights may be 0; every ninth user has nothing positive. */
static void crowd_random(struct crowd *c, uint64_t seed)
{
    struct rng rng = rng_make(seed, RNG_TEST, 2);
    for (int u = 0; u < USERS; u++) {
        int32_t n = (int32_t)rng_below(&rng, EVENTS + 1);
        for (int e = 0; e < n; e++) {
            c->item[u][e] = (int32_t)rng_below(&rng, ITEMS);
            c->weight[u][e] = u % 9 == 0 || rng_below(&rng, 4) == 0 ? 0.0f : 1.5f;
        }
        c->q[u] =
            (struct query){.user = u, .hist = {.n = n, .item = c->item[u], .weight = c->weight[u]}};
    }
}

static bool has_positive(const struct history *h, int32_t item)
{
    for (int32_t e = 0; e < h->n; e++)
        if (h->item[e] == item && (!h->weight || h->weight[e] > 0.0f))
            return true;
    return false;
}

/* Of one pair; *can: is there something to compare by in either. */
static double jaccard(const struct query *a, const struct query *b)
{
    int both = 0, either = 0;
    for (int32_t i = 0; i < ITEMS; i++) {
        bool x = has_positive(&a->hist, i), y = has_positive(&b->hist, i);
        both += x && y;
        either += x || y;
    }
    return either ? (double)both / either : 0.0;
}

static double cosine(const struct toy *toy, const struct query *a, const struct query *b)
{
    double ab = 0, aa = 0, bb = 0;
    for (int32_t t = 0; t < toy->k; t++) {
        double x = (double)toy_state(toy, a, t), y = (double)toy_state(toy, b, t);
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : (double)NAN;
}

static void check(akin_ctx *ctx, enum toy_mode mode, const struct crowd *c, int32_t n_seeds,
                  float *out)
{
    struct toy toy;
    struct ranker *r;
    struct likeness *x;
    akin_error err;
    toy_init(&toy, mode, ITEMS, K, false, 11);
    assert_int_equal(ranker_create(ctx, &toy.scorer, &r, &err), AKIN_OK);
    assert_int_equal(likeness_create(r, c->q, n_seeds, &x, &err), AKIN_OK);
    assert_int_equal(likeness_score(x, c->q, USERS, out, &err), AKIN_OK);
    for (int u = 0; u < USERS; u++) {
        double sum = 0;
        int n = 0;
        for (int s = 0; s < n_seeds; s++) {
            double one = mode == TOY_VECTORS ? cosine(&toy, &c->q[s], &c->q[u])
                                             : jaccard(&c->q[s], &c->q[u]);
            bool can = mode == TOY_VECTORS ? !isnan(cosine(&toy, &c->q[s], &c->q[s]))
                                           : jaccard(&c->q[s], &c->q[s]) > 0;
            n += can;
            sum += can && !isnan(one) ? one : 0;
        }
        assert_int_equal(n, likeness_seeds(x));
        if (out[u] == UNSCORED)
            assert_true(fabs(sum) < 1e-12);
        else
            assert_true(fabs((double)out[u] - sum / n) < 1e-6);
        float alone;
        assert_int_equal(likeness_score(x, &c->q[u], 1, &alone, &err), AKIN_OK);
        assert_memory_equal(&alone, &out[u], sizeof alone);
    }
    likeness_free(x);
    ranker_free(r);
    toy_free(&toy);
}

static void test_definition(void **state)
{
    (void)state;
    static const int32_t seeds[] = {2, 7, 64, 200};
    struct crowd *c = calloc(1, sizeof *c);
    uint64_t seed = 20;
    printf("seed %llu\n", (unsigned long long)seed);
    crowd_random(c, seed);
    for (size_t s = 0; s < sizeof seeds / sizeof *seeds; s++) {
        for (int mode = 0; mode < TOY_MODES; mode++) {
            float one[USERS], three[USERS];
            akin_ctx *a = toy_ctx(1), *b = toy_ctx(3);
            check(a, (enum toy_mode)mode, c, seeds[s], one);
            check(b, (enum toy_mode)mode, c, seeds[s], three);
            assert_memory_equal(one, three, sizeof one);
            toy_ctx_done(a);
            toy_ctx_done(b);
        }
    }
    free(c);
}

/* Users 0..29 like items 0..9; three of them are the seeds. */
static void test_cluster_comes_first(void **state)
{
    akin_ctx *ctx = *state;
    struct crowd *c = calloc(1, sizeof *c);
    struct rng rng = rng_make(3, RNG_TEST, 3);
    struct toy toy;
    struct ranker *r;
    struct likeness *x;
    struct ranked list[USERS];
    akin_error err;
    int32_t n;
    for (int u = 0; u < USERS; u++) {
        int32_t base = u < 30 ? 0 : 10, width = u < 30 ? 10 : ITEMS - 10;
        for (int e = 0; e < 6; e++)
            c->item[u][e] = base + (int32_t)rng_below(&rng, (uint64_t)width);
        c->q[u] = (struct query){.user = u, .hist = {.n = 6, .item = c->item[u]}};
    }
    toy_init(&toy, TOY_EVIDENCE, ITEMS, K, false, 1);
    assert_int_equal(ranker_create(ctx, &toy.scorer, &r, &err), AKIN_OK);
    assert_int_equal(likeness_create(r, c->q, 3, &x, &err), AKIN_OK);
    assert_int_equal(likeness_seeds(x), 3);
    assert_int_equal(likeness_rank(x, c->q, USERS, USERS, list, &n, &err), AKIN_OK);
    assert_int_equal(n, 30); /* nobody else has anything in common with them */
    for (int32_t j = 0; j < n; j++) {
        assert_true(list[j].item < 30);
        assert_true(j == 0 || list[j].score < list[j - 1].score ||
                    (list[j].score <= list[j - 1].score && list[j].item > list[j - 1].item));
    }
    struct ranked few[4];
    assert_int_equal(likeness_rank(x, c->q, USERS, 4, few, &n, &err), AKIN_OK);
    assert_int_equal(n, 4);
    assert_memory_equal(few, list, sizeof few);
    assert_int_equal(likeness_rank(x, c->q, USERS, 0, few, &n, &err), AKIN_OK);
    assert_int_equal(n, 0);
    assert_int_equal(likeness_rank(x, c->q, USERS, -1, few, &n, &err), AKIN_E_ARG);
    likeness_free(x);

    struct query empty = {.user = -1};
    assert_int_equal(likeness_create(r, &empty, 1, &x, &err), AKIN_OK);
    assert_int_equal(likeness_seeds(x), 0);
    assert_int_equal(likeness_rank(x, c->q, USERS, 4, few, &n, &err), AKIN_OK);
    assert_int_equal(n, 0);
    likeness_free(x);
    assert_int_equal(likeness_create(r, &empty, 0, &x, &err), AKIN_E_ARG);
    ranker_free(r);
    toy_free(&toy);
    free(c);
}

static void test_memory(void **state)
{
    akin_ctx *ctx = *state;
    struct crowd *c = calloc(1, sizeof *c);
    crowd_random(c, 5);
    for (int mode = 0; mode < TOY_MODES; mode++) {
        struct toy toy;
        toy_init(&toy, (enum toy_mode)mode, ITEMS, K, false, 1);
        akin_status status = AKIN_E_MEMORY;
        for (int64_t at = 1; status != AKIN_OK; at++) {
            struct ranker *r = NULL;
            struct likeness *x = NULL;
            struct ranked list[8];
            akin_error err;
            int32_t n;
            assert_int_equal(ranker_create(ctx, &toy.scorer, &r, &err), AKIN_OK);
            mem_fail_at(ctx->mem, at);
            status = likeness_create(r, c->q, 20, &x, &err);
            if (status == AKIN_OK)
                status = likeness_rank(x, c->q, USERS, 8, list, &n, &err);
            mem_fail_at(ctx->mem, 0);
            assert_true(status == AKIN_OK || status == AKIN_E_MEMORY);
            likeness_free(x);
            ranker_free(r);
        }
        toy_free(&toy);
    }
    free(c);
}

static int setup(void **state)
{
    *state = toy_ctx(1);
    return 0;
}

static int teardown(void **state)
{
    toy_ctx_done(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition),
        cmocka_unit_test_setup_teardown(test_cluster_comes_first, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
