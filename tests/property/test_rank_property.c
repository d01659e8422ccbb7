/*
 * rank_lists against the naive full sort: random scorers of every kind, filters, exclusions,
 * candidates and history; every k, thread count and instruction set, batches and single queries.
 */
#include "unit/rank/toy.h"

enum { SEEDS = 100, MOST_QUERIES = 150, MOST_HISTORY = 40 };

/* One random case. Everything is calloc'ed. */
struct rank_case {
    struct toy toy;
    struct query *queries;
    int32_t n;
    int32_t *items; /* histories, one after another */
    uint64_t *allowed, *allowed_seen;
    int32_t *candidates;
    int32_t **exclude;
    int32_t *n_exclude;
    struct rank_options opt;
    struct ranked *want; /* (n, n_items) the whole order */
    int32_t *n_want;
};

static uint64_t *random_bits(struct rng *rng, int32_t n, uint64_t of_1000)
{
    uint64_t *bits = calloc((size_t)n / 64 + 1, sizeof *bits);
    for (int32_t i = 0; i < n; i++) {
        if (rng_below(rng, 1000) < of_1000)
            bits[i / 64] |= (uint64_t)1 << (i % 64);
    }
    return bits;
}

/* Ascending distinct items, each with the given chance. */
static int32_t random_items(struct rng *rng, int32_t n, uint64_t of_1000, int32_t *out)
{
    int32_t m = 0;
    for (int32_t i = 0; i < n; i++) {
        if (rng_below(rng, 1000) < of_1000)
            out[m++] = i;
    }
    return m;
}

static void case_queries(struct rank_case *c, struct rng *rng)
{
    int32_t n_items = c->toy.n_items;
    c->queries = calloc((size_t)c->n, sizeof *c->queries);
    c->items = calloc((size_t)c->n * MOST_HISTORY, sizeof *c->items);
    for (int32_t q = 0; q < c->n; q++) {
        int32_t *item = c->items + q * MOST_HISTORY;
        int32_t n = rng_below(rng, 8) ? (int32_t)rng_below(rng, MOST_HISTORY + 1) : 0;
        for (int32_t e = 0; e < n; e++) /* -1: an item the model does not know */
            item[e] = (int32_t)rng_below(rng, (uint64_t)n_items + 1) - 1;
        c->queries[q] = (struct query){.user = -1, .hist = {.n = n, .item = item}};
    }
}

static void case_options(struct rank_case *c, struct rng *rng)
{
    static const uint64_t densities[] = {0, 5, 60, 200, 400, 700, 1000};
    int32_t n = c->toy.n_items;
    c->opt.include_seen = rng_below(rng, 2);
    if (rng_below(rng, 3)) {
        c->allowed = random_bits(rng, n, densities[rng_below(rng, 7)]);
        if (rng_below(rng, 2))
            c->allowed_seen = random_bits(rng, n, 500);
    }
    c->opt.allowed = c->allowed;
    c->opt.allowed_seen = c->allowed_seen;
    if (rng_below(rng, 4) == 0) {
        c->candidates = calloc((size_t)n + 1, sizeof *c->candidates);
        c->opt.n_candidates = random_items(rng, n, densities[rng_below(rng, 7)], c->candidates);
        c->opt.candidates = c->candidates;
    }
    if (rng_below(rng, 3) == 0) {
        c->exclude = calloc((size_t)c->n, sizeof *c->exclude);
        c->n_exclude = calloc((size_t)c->n, sizeof *c->n_exclude);
        for (int32_t q = 0; q < c->n; q++) {
            c->exclude[q] = calloc((size_t)n + 1, sizeof **c->exclude);
            c->n_exclude[q] = random_items(rng, n, rng_below(rng, 100), c->exclude[q]);
        }
        c->opt.exclude = (const int32_t *const *)c->exclude;
        c->opt.n_exclude = c->n_exclude;
    }
}

static void case_init(struct rank_case *c, uint64_t seed)
{
    struct rng rng = rng_make(seed, RNG_TEST, 0);
    memset(c, 0, sizeof *c);
    int32_t n_items = 1 + (int32_t)rng_below(&rng, seed % 7 == 0 ? 3000 : 250);
    toy_init(&c->toy, (enum toy_mode)(seed % TOY_MODES), n_items, (int32_t)rng_below(&rng, 20),
             rng_below(&rng, 2), seed);
    c->n = 1 + (int32_t)rng_below(&rng, seed % 7 == 0 ? 10 : MOST_QUERIES);
    case_queries(c, &rng);
    case_options(c, &rng);
    c->want = calloc((size_t)c->n * (size_t)n_items, sizeof *c->want);
    c->n_want = calloc((size_t)c->n, sizeof *c->n_want);
    c->opt.k = n_items;
    for (int32_t q = 0; q < c->n; q++)
        c->n_want[q] = toy_rank(&c->toy, &c->queries[q], q, &c->opt, c->want + q * n_items);
}

static void case_free(struct rank_case *c)
{
    for (int32_t q = 0; q < c->n && c->exclude; q++)
        free(c->exclude[q]);
    free(c->exclude);
    free(c->n_exclude);
    free(c->candidates);
    free(c->allowed);
    free(c->allowed_seen);
    free(c->queries);
    free(c->items);
    free(c->want);
    free(c->n_want);
    toy_free(&c->toy);
}

/* The list for k is the first k of the whole order. */
static void check_rows(const struct rank_case *c, int32_t first, int32_t n, int32_t k,
                       const struct ranked *lists, const int32_t *counts)
{
    for (int32_t q = 0; q < n; q++) {
        int32_t want = c->n_want[first + q] < k ? c->n_want[first + q] : k;
        assert_lists_equal(lists + (int64_t)q * k, counts[q],
                           c->want + (int64_t)(first + q) * c->toy.n_items, want);
    }
}

static void check_k(struct rank_case *c, struct ranker *r, int32_t k, struct ranked *lists,
                    int32_t *counts)
{
    akin_error err;
    struct rank_options opt = c->opt;
    opt.k = k;
    assert_int_equal(rank_lists(r, c->queries, c->n, &opt, lists, counts, &err), AKIN_OK);
    check_rows(c, 0, c->n, k, lists, counts);
    for (int32_t q = 0; q < c->n; q += 1 + c->n / 4) {
        opt.exclude = c->opt.exclude ? c->opt.exclude + q : NULL;
        opt.n_exclude = c->opt.exclude ? c->opt.n_exclude + q : NULL;
        assert_int_equal(rank_lists(r, c->queries + q, 1, &opt, lists, counts, &err), AKIN_OK);
        check_rows(c, q, 1, k, lists, counts);
    }
}

static void check_case(struct rank_case *c, akin_ctx *ctx)
{
    akin_error err;
    struct ranker *r;
    int32_t n = c->toy.n_items;
    const int32_t ks[] = {0, 1, 5, n, n + 10};
    struct ranked *lists = calloc((size_t)c->n * (size_t)(n + 10), sizeof *lists);
    int32_t *counts = calloc((size_t)c->n, sizeof *counts);
    assert_int_equal(ranker_create(ctx, &c->toy.scorer, &r, &err), AKIN_OK);
    for (int i = 0; i < 5; i++)
        check_k(c, r, ks[i], lists, counts);
    ranker_free(r);
    free(lists);
    free(counts);
}

static void test_reference(void **state)
{
    (void)state;
    static const int64_t threads[] = {1, 2, 3, 8};
    akin_ctx *ctx[4];
    for (int t = 0; t < 4; t++)
        ctx[t] = toy_ctx(threads[t]);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct rank_case c;
        print_message("seed %d\n", (int)seed);
        case_init(&c, seed);
        for (int t = 0; t < 4; t++)
            check_case(&c, ctx[t]);
        case_free(&c);
    }
    for (int t = 0; t < 4; t++)
        toy_ctx_done(ctx[t]);
}

/* The same bits on every instruction set; vectors with values that round. */
static void test_isa(void **state)
{
    akin_ctx *ctx = *state;
    akin_error err;
    enum { N = 70, ITEMS = 2500, K = 37, TOP = 20 };
    struct toy toy;
    struct query queries[N];
    int32_t item[N];
    toy_init(&toy, TOY_VECTORS, ITEMS, K, true, 5);
    for (int64_t e = 0; e < (int64_t)ITEMS * K; e++)
        toy.vec[e] += (float)(toy_hash(&toy, 9, (uint64_t)e) % 1000) / 999.0f;
    for (int32_t q = 0; q < N; q++) {
        item[q] = q * 7;
        queries[q] = (struct query){.user = -1, .hist = {.n = 1, .item = &item[q]}};
    }
    struct rank_options opt = {.k = TOP};
    struct ranked *lists = calloc(N * TOP, sizeof *lists);
    int32_t counts[N];
    for (size_t i = 0; kern_names(i); i++) {
        struct ranker *r;
        if (!kern_find(kern_names(i)))
            continue;
        assert_int_equal(kern_select(ctx, kern_names(i), &err), AKIN_OK);
        assert_int_equal(ranker_create(ctx, &toy.scorer, &r, &err), AKIN_OK);
        assert_int_equal(rank_lists(r, queries, N, &opt, lists, counts, &err), AKIN_OK);
        for (int32_t q = 0; q < N; q += 9) {
            struct ranked want[TOP];
            int32_t n = toy_rank(&toy, &queries[q], q, &opt, want);
            assert_lists_equal(lists + q * TOP, counts[q], want, n);
        }
        ranker_free(r);
    }
    free(lists);
    toy_free(&toy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test_setup_teardown(test_isa, toy_setup, toy_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
