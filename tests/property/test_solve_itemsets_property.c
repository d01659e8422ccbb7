/*
 * Frequent itemsets and rules against plain counting: 1,000 random small databases, every subset of
 * the items counted, every rule written out; all kinds, methods, lengths and supports; and the
 * order of large results at any number of threads.
 */
#include "unit/solve/solve_util.h"

#include "solve/assoc.h"

enum { DATABASES = 1000, ITEMS = 9, BASKETS = 14, SUBSETS = 1 << ITEMS };

struct world {
    akin_ctx *ctx;
    struct csr by_basket, by_item;
    int n_items, n_baskets, n_full;
    int count[SUBSETS]; /* baskets with all of a subset */
};

/* Baskets of tastes: some databases dense, some sparse, some with equal baskets and empty ones. */
static void world_make(struct world *w, akin_ctx *ctx, uint64_t index)
{
    akin_error err;
    struct rng rng = rng_make(test_seed, RNG_TEST, index);
    int32_t row[ITEMS * BASKETS], col[ITEMS * BASKETS];
    int64_t n = 0;
    *w = (struct world){.ctx = ctx, .n_items = 1 + (int)rng_below(&rng, ITEMS)};
    w->n_baskets = (int)rng_below(&rng, BASKETS + 1);
    uint64_t odds = 1 + rng_below(&rng, 9);
    int last = 0;
    for (int b = 0; b < w->n_baskets; b++) {
        int basket = 0;
        for (int i = 0; i < w->n_items; i++)
            basket |= (rng_below(&rng, 10) < odds) << i;
        if (rng_below(&rng, 4) == 0)
            basket = last;
        last = basket;
        w->n_full += basket != 0;
        for (int i = 0; i < w->n_items; i++)
            if (basket >> i & 1) {
                row[n] = b;
                col[n++] = i;
            }
        for (int s = 0; s < 1 << w->n_items; s++)
            w->count[s] += (s & basket) == s;
    }
    assert_int_equal(
        csr_from_triples(ctx, w->n_baskets, w->n_items, n, row, col, NULL, &w->by_basket, &err),
        AKIN_OK);
    assert_int_equal(csr_transpose(ctx, &w->by_basket, &w->by_item, &err), AKIN_OK);
}

static void world_free(struct world *w)
{
    csr_free(w->ctx, &w->by_basket);
    csr_free(w->ctx, &w->by_item);
}

static bool is_wanted(const struct world *w, const struct itemset_spec *spec, int set)
{
    int length = __builtin_popcount((unsigned)set);
    if (set == 0 || (spec->max_length > 0 && length > spec->max_length) ||
        w->count[set] < (spec->least ? spec->least[length] : spec->min_count))
        return false;
    for (int i = 0; i < w->n_items && spec->kind != ITEMSET_ALL; i++) {
        int more = w->count[set | 1 << i];
        if (set >> i & 1)
            continue;
        if (spec->kind == ITEMSET_CLOSED ? more == w->count[set] : more >= spec->min_count)
            return false;
    }
    return true;
}

struct seen {
    const struct world *w;
    int n;
    bool has[SUBSETS];
};

static akin_status see(void *arg, const int32_t *items, int32_t n, int32_t count, akin_error *err)
{
    (void)err;
    struct seen *seen = arg;
    int set = 0;
    for (int32_t i = 0; i < n; i++) {
        assert_in_range(items[i], 0, seen->w->n_items - 1);
        assert_int_equal(set >> items[i] & 1, 0);
        set |= 1 << items[i];
    }
    assert_false(seen->has[set]);
    assert_int_equal(count, seen->w->count[set]);
    seen->has[set] = true;
    seen->n++;
    return AKIN_OK;
}

static void check_sets(const struct world *w, const struct itemset_spec *spec)
{
    akin_error err;
    struct seen seen = {.w = w};
    struct itemset_stats stats, counted;
    assert_int_equal(
        itemsets_mine(w->ctx, &w->by_basket, &w->by_item, spec, see, &seen, &stats, &err), AKIN_OK);
    int n = 0, longest = 0;
    for (int s = 0; s < 1 << w->n_items; s++) {
        bool is = is_wanted(w, spec, s);
        if (is != seen.has[s])
            fail_msg("kind %d method %d support %d length %d: set %x %s", (int)spec->kind,
                     (int)spec->method, (int)spec->min_count, (int)spec->max_length, (unsigned)s,
                     is ? "missing" : "too many");
        n += is;
        longest = is && __builtin_popcount((unsigned)s) > longest ? __builtin_popcount((unsigned)s)
                                                                  : longest;
    }
    assert_int_equal(stats.n, n);
    assert_int_equal(stats.longest, longest);
    assert_int_equal(
        itemsets_mine(w->ctx, &w->by_basket, &w->by_item, spec, NULL, NULL, &counted, &err),
        AKIN_OK);
    assert_memory_equal(&stats, &counted, sizeof stats);
}

/* All rules by hand: every split of every frequent set. */
static int count_rules(const struct world *w, const struct itemset_spec *spec,
                       const struct assoc_spec *rules)
{
    int n = 0;
    for (int whole = 1; whole < 1 << w->n_items; whole++)
        for (int to = 1; to < whole; to++) {
            int from = whole & ~to;
            if ((whole & to) != to || from == 0 || w->count[whole] < spec->min_count)
                continue;
            double confidence = (double)w->count[whole] / w->count[from];
            double lift = (double)(w->count[whole] * w->n_full) / (w->count[from] * w->count[to]);
            n += __builtin_popcount((unsigned)from) <= rules->max_antecedent &&
                 __builtin_popcount((unsigned)to) <= rules->max_consequent &&
                 confidence >= rules->min_confidence && lift >= rules->min_lift;
        }
    return n;
}

static int mask_of(const struct assoc_sets *s, int32_t set)
{
    int mask = 0;
    for (int64_t e = s->ptr[set]; e < s->ptr[set + 1]; e++)
        mask |= 1 << s->item[e];
    return mask;
}

static void assert_near(double x, double y)
{
    if (!(fabs(x - y) <= 1e-12 * fmax(1, fabs(y))) && !(isinf(x) && isinf(y)))
        fail_msg("%.17g is not %.17g", x, y);
}

/* Text-book formulas, in shares. */
static void check_measures(const struct world *w, const struct assoc_sets *s,
                           const struct assoc_rule *r)
{
    double n = w->n_full, both = w->count[mask_of(s, r->whole)] / n;
    double from = w->count[mask_of(s, r->from)] / n, to = w->count[mask_of(s, r->to)] / n;
    double confidence = both / from, leverage = both - from * to;
    double most = fmax(both * (1 - from), from * (to - both));
    assert_int_equal(mask_of(s, r->whole), mask_of(s, r->from) | mask_of(s, r->to));
    assert_near(assoc_measure_of(s, r, ASSOC_SUPPORT), both);
    assert_near(assoc_measure_of(s, r, ASSOC_CONFIDENCE), confidence);
    assert_near(assoc_measure_of(s, r, ASSOC_LIFT), confidence / to);
    assert_near(assoc_measure_of(s, r, ASSOC_LEVERAGE), leverage);
    if (confidence < 1 - 1e-9)
        assert_near(assoc_measure_of(s, r, ASSOC_CONVICTION), (1 - to) / (1 - confidence));
    else
        assert_true(isinf(assoc_measure_of(s, r, ASSOC_CONVICTION)));
    assert_near(assoc_measure_of(s, r, ASSOC_ZHANG), most > 1e-12 ? leverage / most : 0);
}

static void check_rules(const struct world *w, struct rng *rng)
{
    akin_error err;
    struct assoc_sets s;
    struct assoc_rule *rules;
    int64_t n;
    const struct itemset_spec spec = {.min_count = 1 + (int64_t)rng_below(rng, 3)};
    const struct assoc_spec want = {.min_confidence = (double)rng_below(rng, 5) / 5,
                                    .min_lift = (double)rng_below(rng, 3) / 2,
                                    .max_antecedent = 1 + (int64_t)rng_below(rng, ITEMS),
                                    .max_consequent = 1 + (int64_t)rng_below(rng, ITEMS)};
    assert_int_equal(assoc_sets_mine(w->ctx, &w->by_basket, &w->by_item, &spec, &s, &err), AKIN_OK);
    assert_int_equal(assoc_rules(w->ctx, &s, &want, &rules, &n, &err), AKIN_OK);
    assert_int_equal(n, count_rules(w, &spec, &want));
    assert_int_equal(
        assoc_sort(w->ctx, &s, (enum assoc_measure)rng_below(rng, ASSOC_MEASURES), rules, n, &err),
        AKIN_OK);
    for (int64_t i = 0; i < n; i++) {
        check_measures(w, &s, &rules[i]);
        assert_true(i == 0 || memcmp(&rules[i], &rules[i - 1], sizeof *rules) != 0);
    }
    mem_free(w->ctx, rules);
    assoc_sets_free(w->ctx, &s);
}

/* Supports by length that leave at most so many sets: the least ones, by trying each. */
static void check_raise(const struct world *w, struct rng *rng)
{
    akin_error err;
    int64_t most = 1 + (int64_t)rng_below(rng, 12);
    int64_t least[5] = {0, 1 + (int64_t)rng_below(rng, 2)}, want = least[1];
    int highest = 0;
    for (int i = 0; i < w->n_items; i++)
        highest = w->count[1 << i] > highest ? w->count[1 << i] : highest;
    assert_int_equal(itemsets_raise(w->ctx, &w->by_basket, &w->by_item, 4, most, least, &err),
                     AKIN_OK);
    for (int length = 2; length <= 4; length++) {
        for (int64_t n = most + 1; n > most; want += n > most) {
            n = 0;
            for (int s = 0; s < 1 << w->n_items; s++)
                n += __builtin_popcount((unsigned)s) == length && w->count[s] >= want;
        }
        if (want > highest) /* none are left: any number above will do */
            assert_true(least[length] > highest || least[length] == least[length - 1]);
        else
            assert_int_equal(least[length], want);
    }
}

static void equals_counting(void **state)
{
    (void)state;
    akin_ctx *ctx[] = {solve_ctx(1, NULL), solve_ctx(2, "ref")};
    for (uint64_t d = 0; d < DATABASES; d++) {
        struct world w;
        struct rng rng = rng_make(test_seed, RNG_TEST, DATABASES + d);
        world_make(&w, ctx[d % 2], d);
        for (int kind = ITEMSET_ALL; kind <= ITEMSET_MAXIMAL; kind++)
            for (int method = ITEMSET_AUTO; method <= ITEMSET_FPGROWTH; method++) {
                struct itemset_spec spec = {(enum itemset_kind)kind,
                                            (enum itemset_method)method,
                                            1 + (int64_t)rng_below(&rng, 4),
                                            (int64_t)rng_below(&rng, 5),
                                            0,
                                            NULL};
                if (kind == ITEMSET_ALL || method != ITEMSET_FPGROWTH)
                    check_sets(&w, &spec);
                int64_t least[5] = {0, 1};
                for (int n = 2; n < 5; n++)
                    least[n] = least[n - 1] + (int64_t)rng_below(&rng, 3);
                spec =
                    (struct itemset_spec){.method = spec.method, .max_length = 4, .least = least};
                if (kind == ITEMSET_ALL)
                    check_sets(&w, &spec);
            }
        check_rules(&w, &rng);
        check_raise(&w, &rng);
        world_free(&w);
    }
    solve_ctx_done(ctx[0]);
    solve_ctx_done(ctx[1]);
}

/* ---- Many sets ----------------------------------------------------------------------------- */

enum { GROUPS = 4, GROUP_ITEMS = 17, GROUP_BASKETS = 400 };

/* Groups that always come together: 2^17 sets each, in 400 baskets, so that a group is a block or
 * two; more than one block's buffer takes, and than may wait in memory at once. */
static void groups_make(akin_ctx *ctx, struct csr *by_basket, struct csr *by_item)
{
    akin_error err;
    int64_t n = 0, size = (int64_t)GROUPS * GROUP_ITEMS * (GROUP_BASKETS + GROUPS);
    int32_t *row = solve_array(size, sizeof *row), *col = solve_array(size, sizeof *col);
    int32_t basket = 0;
    for (int32_t g = 0; g < GROUPS; g++)
        for (int32_t b = 0; b < GROUP_BASKETS + g; b++, basket++)
            for (int32_t i = 0; i < GROUP_ITEMS; i++) {
                row[n] = basket;
                col[n++] = g * GROUP_ITEMS + i;
            }
    assert_int_equal(
        csr_from_triples(ctx, basket, GROUPS * GROUP_ITEMS, n, row, col, NULL, by_basket, &err),
        AKIN_OK);
    assert_int_equal(csr_transpose(ctx, by_basket, by_item, &err), AKIN_OK);
    free(row);
    free(col);
}

struct print {
    uint64_t sum;
    int64_t n, stop_at;
};

static akin_status print_set(void *arg, const int32_t *items, int32_t n, int32_t count,
                             akin_error *err)
{
    struct print *p = arg;
    for (int32_t i = 0; i < n; i++)
        p->sum = (p->sum ^ (uint64_t)items[i]) * 0x9e3779b97f4a7c15U;
    p->sum = (p->sum ^ (uint64_t)count) * 0x9e3779b97f4a7c15U;
    if (++p->n == p->stop_at)
        return error_set(err, AKIN_E_IO, __FILE__, __LINE__, "enough");
    return AKIN_OK;
}

static void same_order_at_any_threads(void **state)
{
    (void)state;
    static const int threads[] = {1, 2, 3};
    akin_error err;
    struct print first = {0};
    for (size_t t = 0; t < sizeof threads / sizeof threads[0]; t++) {
        akin_ctx *ctx = solve_ctx(threads[t], NULL);
        struct csr by_basket, by_item;
        struct print all = {0}, some = {.stop_at = 1000};
        groups_make(ctx, &by_basket, &by_item);
        const struct itemset_spec spec = {.min_count = 100};
        mem_peak_reset(ctx->mem);
        int64_t used = mem_used(ctx->mem);
        assert_int_equal(
            itemsets_mine(ctx, &by_basket, &by_item, &spec, print_set, &all, NULL, &err), AKIN_OK);
        assert_int_equal(all.n, (int64_t)GROUPS * ((1 << GROUP_ITEMS) - 1));
        /* all of them are 22 MB; 8 MiB a worker may wait, and 4 more of each block at work */
        assert_true(mem_peak(ctx->mem) - used < (int64_t)(threads[t] + 1) * (14 << 20));
        if (t == 0)
            first = all;
        assert_true(all.sum == first.sum);
        assert_int_equal(
            itemsets_mine(ctx, &by_basket, &by_item, &spec, print_set, &some, NULL, &err),
            AKIN_E_IO);
        assert_int_equal(some.n, 1000);
        csr_free(ctx, &by_basket);
        csr_free(ctx, &by_item);
        solve_ctx_done(ctx);
    }
}

int main(void)
{
    printf("seed %llu\n", (unsigned long long)test_seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_counting),
        cmocka_unit_test(same_order_at_any_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
