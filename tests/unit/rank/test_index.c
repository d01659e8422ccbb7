/*
 * index*.c: the exact index against the exhaustive definition, bit for bit, over seeded random
 * shapes, filters and awkward values; the same bits on every ISA and thread count; lists: recall,
 * determinism, all items under a narrow filter; memory.
 */
#include "core/par.h"
#include "rank/index.h"
#include "rank/index_impl.h"
#include "toy.h"

enum { K_MAX = 130, SEEDS = 150 };

struct world {
    int32_t n, k;
    float *items, *bias; /* bias or NULL */
};

/* What the coordinates are like. */
enum kind { PLAIN, SMALL, SPREAD, ZEROS, DENORMAL, HUGE_NORM, WILD, KINDS };

static float value(struct rng *rng, enum kind kind)
{
    float x = (float)(rng_double(rng) + rng_double(rng) + rng_double(rng) - 1.5);
    uint64_t r = rng_next(rng);
    switch (kind) {
    case SMALL: /* whole numbers: ties everywhere */
        return (float)(int)(r % 5) - 2.0f;
    case SPREAD:
        return ldexpf(x, (int)(r % 24) - 12);
    case ZEROS:
        return r % 8 ? 0.0f : (r & 8) ? -0.0f : x;
    case DENORMAL:
        return r % 16 ? ldexpf(x, -(int)(r % 150)) : -0.0f;
    case HUGE_NORM:
        return ldexpf(x, (int)(r % 30) + 5);
    case WILD: {
        static const float wild[] = {NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 1e20f, 0x1p40f};
        return r % 64 ? x : wild[(r >> 8) % (sizeof wild / sizeof *wild)];
    }
    default:
        return x;
    }
}

static void world_init(struct world *w, int32_t n, int32_t k, bool has_bias, enum kind kind,
                       uint64_t seed)
{
    struct rng rng = rng_make(seed, RNG_TEST, 0);
    w->n = n;
    w->k = k;
    w->items = calloc((size_t)n * (size_t)k + 1, sizeof *w->items);
    w->bias = has_bias ? calloc((size_t)n + 1, sizeof *w->bias) : NULL;
    assert_non_null(w->items);
    for (int32_t i = 0; i < n; i++) {
        /* one of eight is another item's twin, one of sixteen has nothing */
        uint64_t r = rng_next(&rng);
        float *row = w->items + (int64_t)i * k;
        if (r % 8 == 0 && i > 0)
            memcpy(row, w->items + (int64_t)((r >> 8) % (uint64_t)i) * k, (size_t)k * sizeof *row);
        else if (r % 16 != 1)
            for (int32_t t = 0; t < k; t++)
                row[t] = value(&rng, kind);
        if (has_bias)
            w->bias[i] = r % 32 == 2 ? -INFINITY : value(&rng, kind);
    }
}

static void world_free(struct world *w)
{
    free(w->items);
    free(w->bias);
}

static struct item_vectors vectors(const struct world *w)
{
    return (struct item_vectors){.items = w->items, .bias = w->bias, .k = w->k};
}

static int by_rank(const void *a, const void *b)
{
    return ranked_before(a, b) ? -1 : 1;
}

/* The definition: every eligible score by one chain, sorted. */
static int32_t exhaustive(const struct world *w, const float *state, int32_t k,
                          const uint64_t *allowed, const int32_t *exclude, int32_t n_exclude,
                          struct ranked *out)
{
    struct ranked *all = calloc((size_t)w->n + 1, sizeof *all);
    int32_t n = 0;
    for (int32_t i = 0; i < w->n; i++) {
        float score = w->bias ? w->bias[i] : 0.0f;
        for (int32_t t = 0; t < w->k; t++)
            score = fmaf(state[t], w->items[(int64_t)i * w->k + t], score);
        if (score > UNSCORED && toy_bit(allowed, i) && !toy_has(exclude, n_exclude, i))
            all[n++] = (struct ranked){i, score};
    }
    qsort(all, (size_t)n, sizeof *all, by_rank);
    n = n < k ? n : k;
    memcpy(out, all, (size_t)n * sizeof *all);
    free(all);
    return n;
}

static struct index *create(akin_ctx *ctx, const struct world *w, const struct index_options *o)
{
    akin_error err;
    struct index *ix = NULL;
    struct item_vectors v = vectors(w);
    if (index_create(ctx, &v, w->n, o, &ix, &err) != AKIN_OK)
        fail_msg("%s", err.message);
    return ix;
}

static struct index_scratch *scratch(akin_ctx *ctx, const struct index *ix)
{
    akin_error err;
    struct index_scratch *s = NULL;
    assert_int_equal(index_scratch_create(ix, ctx, &s, &err), AKIN_OK);
    return s;
}

/* ---- Exact -------------------------------------------------------------------------------- */

struct filters {
    uint64_t *bits; /* or NULL */
    int32_t *out;
    int32_t n_out;
};

static void filters_init(struct filters *f, int32_t n, struct rng *rng)
{
    uint64_t part = rng_below(rng, 4);
    f->bits = part == 0 ? NULL : calloc((size_t)n / 64 + 1, sizeof *f->bits);
    for (int32_t i = 0; f->bits && i < n; i++) {
        if (part == 1 ? rng_below(rng, 60) == 0 : rng_below(rng, part) == 0)
            f->bits[i / 64] |= (uint64_t)1 << (i % 64);
    }
    if (f->bits) /* beyond the last item: to be ignored */
        f->bits[n / 64] |= ~(uint64_t)0 << (n % 64);
    f->out = calloc((size_t)n + 1, sizeof *f->out);
    f->n_out = 0;
    uint64_t every = 1 + rng_below(rng, 40);
    for (int32_t i = 0; i < n && rng_below(rng, 3); i++) {
        if (rng_below(rng, every) == 0)
            f->out[f->n_out++] = i;
    }
}

static void filters_free(struct filters *f)
{
    free(f->bits);
    free(f->out);
}

static void check_searches(akin_ctx *ctx, const struct world *w, const struct index *ix,
                           uint64_t seed)
{
    akin_error err;
    struct index_scratch *s = scratch(ctx, ix);
    struct rng rng = rng_make(seed, RNG_TEST, 1);
    struct ranked *got = calloc((size_t)w->n + 40, sizeof *got);
    struct ranked *want = calloc((size_t)w->n + 40, sizeof *want);
    float state[K_MAX];
    int64_t used = mem_used(ctx->mem);
    for (int round = 0; round < 8; round++) {
        struct filters f;
        enum kind kind = rng_below(&rng, 4) ? PLAIN : (enum kind)rng_below(&rng, KINDS);
        int32_t n_got, k = rng_below(&rng, 4) ? 1 + (int32_t)rng_below(&rng, 30)
                                              : (int32_t)rng_below(&rng, (uint64_t)w->n + 30);
        for (int32_t t = 0; t < w->k; t++)
            state[t] = round == 7 ? 0.0f : value(&rng, kind);
        filters_init(&f, w->n, &rng);
        int32_t n_want = exhaustive(w, state, k, f.bits, f.out, f.n_out, want);
        mem_fail_at(ctx->mem, 1); /* nothing is allocated */
        assert_int_equal(index_search(ix, s, state, k, f.bits, f.out, f.n_out, got, &n_got, &err),
                         AKIN_OK);
        mem_fail_at(ctx->mem, 0);
        assert_lists_equal(got, n_got, want, n_want);
        filters_free(&f);
    }
    assert_int_equal(mem_used(ctx->mem), used);
    free(got);
    free(want);
    index_scratch_free(s);
}

/* Blocks of askers of every size, some of them wild or zero: the lists of one by one. */
static void check_many(akin_ctx *ctx, const struct world *w, const struct index *ix, uint64_t seed)
{
    akin_error err;
    struct rng rng = rng_make(seed, RNG_TEST, 2);
    int32_t n = (int32_t)rng_below(&rng, 150), k = (int32_t)rng_below(&rng, 25);
    struct index_scratch *s = scratch(ctx, ix);
    float *states = calloc((size_t)n * (size_t)w->k + 1, sizeof *states);
    struct ranked *got = calloc((size_t)n * (size_t)k + 1, sizeof *got);
    int32_t *counts = calloc((size_t)n + 1, sizeof *counts);
    for (int32_t j = 0; j < n; j++) {
        uint64_t r = rng_below(&rng, 16);
        for (int32_t t = 0; t < w->k && r != 1; t++)
            states[(int64_t)j * w->k + t] = value(&rng, r == 2 ? WILD : PLAIN);
    }
    assert_int_equal(index_search_many(ix, s, states, n, k, got, counts, &err), AKIN_OK);
    for (int32_t j = 0; j < n; j++) {
        struct ranked one[25];
        int32_t count;
        assert_int_equal(
            index_search(ix, s, states + (int64_t)j * w->k, k, NULL, NULL, 0, one, &count, &err),
            AKIN_OK);
        assert_lists_equal(got + (int64_t)j * k, counts[j], one, count);
    }
    free(states);
    free(got);
    free(counts);
    index_scratch_free(s);
}

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

/* ---- Lists -------------------------------------------------------------------------------- */

/* Items around centres, lengths of all kinds, as trained vectors are. */
static void clustered(struct world *w, int32_t n, int32_t k, int32_t centres, uint64_t seed)
{
    world_init(w, n, k, false, PLAIN, seed);
    for (int32_t i = 0; i < n; i++) {
        struct rng rng = rng_make(seed, RNG_TEST, 100 + (uint64_t)i % (uint64_t)centres);
        float length = (float)(0.2 + rng_double(&(struct rng){seed, (uint64_t)i, 0, RNG_TEST}));
        for (int32_t t = 0; t < k; t++) {
            float *x = w->items + (int64_t)i * k + t;
            *x = length * (value(&rng, PLAIN) + 0.3f * *x);
        }
    }
}

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

/* ---- Same bits ---------------------------------------------------------------------------- */

/* Codes, limits, lists, probes and answers of an index. */
static uint64_t digest(akin_ctx *ctx, const struct world *w, const struct index_options *o)
{
    struct index *ix = create(ctx, w, o);
    struct index_scratch *s = scratch(ctx, ix);
    akin_error err;
    uint64_t hash = (uint64_t)ix->n_probe * 1000003 + (uint64_t)ix->n_lists;
    uint64_t recall;
    memcpy(&recall, &ix->recall, sizeof recall);
    hash = hash * 31 + recall;
    for (int64_t i = 0; i < ix->panels.n * KERN_PANEL; i++)
        hash = hash * 31 + (uint32_t)ix->panels.ids[i];
    for (int64_t i = 0; i < ix->panels.n * KERN_PANEL * ix->panels.quads * 4; i++)
        hash = hash * 31 + ix->panels.codes[i];
    for (int32_t q = 0; q < 40; q++) {
        struct ranked got[20];
        int32_t count;
        assert_int_equal(index_search(ix, s, w->items + (int64_t)q * 7 * w->k, 20, NULL, NULL, 0,
                                      got, &count, &err),
                         AKIN_OK);
        for (int32_t i = 0; i < count; i++) {
            uint32_t word;
            memcpy(&word, &got[i].score, sizeof word);
            hash = (hash * 31 + word) * 31 + (uint32_t)got[i].item;
        }
    }
    index_scratch_free(s);
    index_free(ix);
    return hash;
}

static void test_same_bits(void **state)
{
    (void)state;
    static const int64_t threads[] = {1, 2, 3, 8};
    const struct index_options options[] = {{.ivf_min = 0}, {.ivf_min = 1, .seed = 6}};
    struct world w;
    clustered(&w, 6000, 21, 30, 11);
    for (int o = 0; o < 2; o++) {
        uint64_t want = 0;
        bool is_first = true;
        for (size_t name = 0; kern_names(name); name++) {
            if (!kern_find(kern_names(name)))
                continue;
            for (int t = 0; t < 4; t++) {
                akin_error err;
                akin_ctx *ctx = toy_ctx(threads[t]);
                assert_int_equal(kern_select(ctx, kern_names(name), &err), AKIN_OK);
                uint64_t got = digest(ctx, &w, &options[o]);
                if (!is_first && got != want)
                    fail_msg("%s with %d threads differs", kern_names(name), (int)threads[t]);
                want = got;
                is_first = false;
                toy_ctx_done(ctx);
            }
        }
    }
    world_free(&w);
}

struct shared {
    const struct world *w;
    const struct index *ix;
    struct index_scratch *scratch[8];
    struct ranked *lists;
};

static akin_status shared_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct shared *sh = arg;
    int32_t count;
    return index_search(sh->ix, sh->scratch[worker], sh->w->items + block * sh->w->k, 10, NULL,
                        NULL, 0, sh->lists + block * 10, &count, err);
}

/* One index, several threads, each with its own scratch. */
static void test_shared(void **state)
{
    (void)state;
    akin_ctx *ctx = toy_ctx(3);
    akin_error err;
    struct world w;
    clustered(&w, 4000, 20, 25, 12);
    struct index_options o = {.ivf_min = 1};
    struct index *ix = create(ctx, &w, &o);
    struct shared sh = {.w = &w, .ix = ix, .lists = calloc(2000, sizeof *sh.lists)};
    for (int i = 0; i < par_workers(ctx); i++)
        sh.scratch[i] = scratch(ctx, ix);
    assert_int_equal(par_for(ctx, 200, shared_block, &sh, &err), AKIN_OK);
    for (int64_t q = 0; q < 200; q++) {
        struct ranked got[10];
        int32_t count;
        assert_int_equal(index_search(ix, sh.scratch[0], w.items + q * w.k, 10, NULL, NULL, 0, got,
                                      &count, &err),
                         AKIN_OK);
        assert_lists_equal(got, count, sh.lists + q * 10, 10);
    }
    for (int i = 0; i < par_workers(ctx); i++)
        index_scratch_free(sh.scratch[i]);
    free(sh.lists);
    index_free(ix);
    world_free(&w);
    toy_ctx_done(ctx);
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_exact, toy_setup, toy_teardown),
        cmocka_unit_test_setup_teardown(test_worst_case, toy_setup, toy_teardown),
        cmocka_unit_test_setup_teardown(test_as_rank_lists, toy_setup, toy_teardown),
        cmocka_unit_test_setup_teardown(test_lists_recall, toy_setup, toy_teardown),
        cmocka_unit_test_setup_teardown(test_lists_values, toy_setup, toy_teardown),
        cmocka_unit_test_setup_teardown(test_lists_filters, toy_setup, toy_teardown),
        cmocka_unit_test_setup_teardown(test_measured_on_states, toy_setup, toy_teardown),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_shared),
        cmocka_unit_test_setup_teardown(test_out_of_memory, toy_setup, toy_teardown),
        cmocka_unit_test_setup_teardown(test_bad_arguments, toy_setup, toy_teardown),
    };
    print_message("seeds 0..%d\n", SEEDS - 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
