/* Frequent itemsets and rules: text books, published counts, limits, lack of memory, cancelling. */
#include "unit/solve/solve_util.h"

#include "data/prepare.h"
#include "data/view.h"
#include "solve/assoc.h"

#include <unistd.h>

struct baskets {
    struct csr by_basket, by_item;
};

static struct baskets baskets_of(akin_ctx *ctx, const char *const *lines, int n, int n_items)
{
    akin_error err;
    struct baskets b;
    int32_t row[256], col[256];
    int64_t size = 0;
    for (int i = 0; i < n; i++)
        for (const char *c = lines[i]; *c; c++) {
            row[size] = i;
            col[size++] = *c - 'a';
        }
    assert_int_equal(csr_from_triples(ctx, n, n_items, size, row, col, NULL, &b.by_basket, &err),
                     AKIN_OK);
    assert_int_equal(csr_transpose(ctx, &b.by_basket, &b.by_item, &err), AKIN_OK);
    return b;
}

static void baskets_free(akin_ctx *ctx, struct baskets *b)
{
    csr_free(ctx, &b->by_basket);
    csr_free(ctx, &b->by_item);
}

/* The database of Han, Pei and Yin, table 1, and what their paper finds at support 3. */
static const char *const han[] = {"facdgimp", "abcflmo", "bfhjo", "bcksp", "afcelpmn"};

static void text_book(void **state)
{
    (void)state;
    akin_ctx *ctx = solve_ctx(2, NULL);
    akin_error err;
    struct baskets b = baskets_of(ctx, han, 5, 26);
    static const struct {
        const char *items;
        int count;
    } found[] = {{"f", 4},  {"c", 4},   {"a", 3},   {"b", 3},   {"m", 3},   {"p", 3},
                 {"cf", 3}, {"ac", 3},  {"af", 3},  {"am", 3},  {"cm", 3},  {"fm", 3},
                 {"cp", 3}, {"acf", 3}, {"acm", 3}, {"afm", 3}, {"cfm", 3}, {"acfm", 3}};
    for (int method = ITEMSET_ECLAT; method <= ITEMSET_FPGROWTH; method++) {
        struct assoc_sets s;
        const struct itemset_spec spec = {.method = (enum itemset_method)method, .min_count = 3};
        assert_int_equal(assoc_sets_mine(ctx, &b.by_basket, &b.by_item, &spec, &s, &err), AKIN_OK);
        assert_int_equal(s.n, sizeof found / sizeof *found);
        for (size_t i = 0; i < sizeof found / sizeof *found; i++) {
            int32_t items[8], n = 0;
            for (const char *c = found[i].items; *c; c++)
                items[n++] = *c - 'a';
            int32_t set = assoc_find(&s, items, n);
            assert_true(set >= 0);
            assert_int_equal(s.count[set], found[i].count);
        }
        assert_int_equal(assoc_find(&s, &(int32_t){'z' - 'a'}, 1), -1);
        assoc_sets_free(ctx, &s);
    }
    baskets_free(ctx, &b);
    solve_ctx_done(ctx);
}

/* The weather of every course: bread → butter, with each measure by hand. */
static void measures_by_hand(void **state)
{
    (void)state;
    static const char *const lines[] = {"ab", "abc", "a", "c", "abc", "", "b", "", "ac", "a"};
    akin_ctx *ctx = solve_ctx(1, NULL);
    akin_error err;
    struct baskets b = baskets_of(ctx, lines, 10, 3);
    struct assoc_sets s;
    struct assoc_rule *rules;
    int64_t n;
    const struct itemset_spec spec = {.min_count = 2};
    const struct assoc_spec want = {.min_confidence = 0.7, .max_consequent = 1};
    assert_int_equal(itemsets_baskets(&b.by_basket), 8);
    assert_int_equal(assoc_sets_mine(ctx, &b.by_basket, &b.by_item, &spec, &s, &err), AKIN_OK);
    assert_int_equal(assoc_rules(ctx, &s, &want, &rules, &n, &err), AKIN_OK);
    assert_int_equal(assoc_sort(ctx, &s, ASSOC_CONFIDENCE, rules, n, &err), AKIN_OK);
    /* bc → a holds always; b → a and c → a three times of four, the first by its items */
    assert_int_equal(n, 3);
    assert_int_equal(s.item[s.ptr[rules[1].from]], 1);
    static const double want_of[] = {3. / 8, .75, .75 / (6. / 8), 3. / 8 - 4. / 8 * 6 / 8, 1, 0};
    for (int m = 0; m < ASSOC_MEASURES; m++)
        assert_true(fabs(assoc_measure_of(&s, &rules[1], (enum assoc_measure)m) - want_of[m]) <
                    1e-15);
    assert_true(isinf(assoc_measure_of(&s, &rules[0], ASSOC_CONVICTION)));
    mem_free(ctx, rules);
    assoc_sets_free(ctx, &s);
    baskets_free(ctx, &b);
    solve_ctx_done(ctx);
}

static void supports(void **state)
{
    (void)state;
    akin_error err;
    int64_t n;
    static const struct {
        double support;
        int64_t baskets, count;
    } good[] = {{.001, 5000, 5}, {.0005, 88162, 45}, {.0001, 88162, 9}, {.1, 0, 1},
                {1, 10, 1},      {7, 10, 7},         {.999, 1000, 999}, {1e-9, 10, 1}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(itemsets_min_count(good[i].support, good[i].baskets, &n, &err), AKIN_OK);
        assert_int_equal(n, good[i].count);
    }
    static const double bad[] = {0, -1, 1.5, (double)NAN, (double)INFINITY};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(itemsets_min_count(bad[i], 10, &n, &err), AKIN_E_ARG);
}

/* One basket of n items, and `more` of its first two. */
static struct baskets one_basket(akin_ctx *ctx, int32_t n, int more)
{
    akin_error err;
    struct baskets b;
    int32_t *row = solve_array(n + 2 * more, sizeof *row), *col = solve_array(n + 2 * more, 4);
    for (int32_t i = 0; i < n + 2 * more; i++) {
        row[i] = i < n ? 0 : 1 + (i - n) / 2;
        col[i] = i < n ? i : (i - n) % 2;
    }
    assert_int_equal(
        csr_from_triples(ctx, more + 1, n, n + 2 * more, row, col, NULL, &b.by_basket, &err),
        AKIN_OK);
    assert_int_equal(csr_transpose(ctx, &b.by_basket, &b.by_item, &err), AKIN_OK);
    free(row);
    free(col);
    return b;
}

/* 2^10,000 sets: refused before they are begun; closed ones, and short ones, are few. */
static void huge_basket(void **state)
{
    (void)state;
    akin_ctx *ctx = solve_ctx(2, NULL);
    akin_error err;
    struct itemset_stats stats;
    struct baskets b = one_basket(ctx, 10000, 3);
    struct itemset_spec spec = {.min_count = 1, .max_sets = 1000000};
    for (int method = ITEMSET_ECLAT; method <= ITEMSET_FPGROWTH; method++) {
        spec.method = (enum itemset_method)method;
        assert_int_equal(
            itemsets_mine(ctx, &b.by_basket, &b.by_item, &spec, NULL, NULL, &stats, &err),
            AKIN_E_LIMIT);
        assert_non_null(strstr(err.message, "max_length"));
    }
    spec = (struct itemset_spec){.min_count = 2, .max_sets = 3};
    assert_int_equal(itemsets_mine(ctx, &b.by_basket, &b.by_item, &spec, NULL, NULL, &stats, &err),
                     AKIN_OK);
    assert_int_equal(stats.n, 3);
    spec.max_sets = 2;
    assert_int_equal(itemsets_mine(ctx, &b.by_basket, &b.by_item, &spec, NULL, NULL, &stats, &err),
                     AKIN_E_LIMIT);
    spec = (struct itemset_spec){.min_count = 1, .max_length = 1, .max_sets = 10000};
    assert_int_equal(itemsets_mine(ctx, &b.by_basket, &b.by_item, &spec, NULL, NULL, &stats, &err),
                     AKIN_OK);
    assert_int_equal(stats.n, 10000);
    spec = (struct itemset_spec){.min_count = 1, .kind = ITEMSET_CLOSED};
    assert_int_equal(itemsets_mine(ctx, &b.by_basket, &b.by_item, &spec, NULL, NULL, &stats, &err),
                     AKIN_OK);
    assert_int_equal(stats.n, 2);
    assert_int_equal(stats.longest, 10000);
    baskets_free(ctx, &b);
    solve_ctx_done(ctx);
}

static akin_status cancel_soon(void *arg, const int32_t *items, int32_t n, int32_t count,
                               akin_error *err)
{
    (void)items;
    (void)n;
    (void)count;
    (void)err;
    akin_ctx *ctx = arg;
    atomic_store(&ctx->cancelled, 1);
    return AKIN_OK;
}

static void refused_and_cancelled(void **state)
{
    (void)state;
    akin_ctx *ctx = solve_ctx(2, NULL);
    akin_error err;
    struct baskets b = baskets_of(ctx, han, 5, 26), big = one_basket(ctx, 24, 0);
    struct itemset_spec spec = {.min_count = 0};
    assert_int_equal(itemsets_mine(ctx, &b.by_basket, &b.by_item, &spec, NULL, NULL, NULL, &err),
                     AKIN_E_ARG);
    spec =
        (struct itemset_spec){.min_count = 1, .kind = ITEMSET_CLOSED, .method = ITEMSET_FPGROWTH};
    assert_int_equal(itemsets_mine(ctx, &b.by_basket, &b.by_item, &spec, NULL, NULL, NULL, &err),
                     AKIN_E_ARG);
    spec = (struct itemset_spec){.min_count = 1};
    assert_int_equal(
        itemsets_mine(ctx, &big.by_basket, &big.by_item, &spec, cancel_soon, ctx, NULL, &err),
        AKIN_E_CANCELLED);
    atomic_store(&ctx->cancelled, 0);
    baskets_free(ctx, &b);
    baskets_free(ctx, &big);
    solve_ctx_done(ctx);
}

/* Every allocation fails once: E_MEMORY, which says what to do, and nothing leaks. */
static void lack_of_memory(void **state)
{
    (void)state;
    akin_ctx *ctx = solve_ctx(1, NULL);
    akin_error err;
    struct baskets b = baskets_of(ctx, han, 5, 26);
    int64_t used = mem_used(ctx->mem);
    for (int method = ITEMSET_ECLAT; method <= ITEMSET_FPGROWTH; method++) {
        akin_status status = AKIN_E_MEMORY;
        int n_failed = 0;
        for (int64_t n = 1; status != AKIN_OK && n < 500; n++) {
            struct assoc_sets s = {0};
            struct assoc_rule *rules = NULL;
            int64_t n_rules;
            const struct itemset_spec spec = {.min_count = 1,
                                              .method = (enum itemset_method)method};
            const struct assoc_spec want = {.min_confidence = .9, .max_consequent = 1};
            mem_fail_at(ctx->mem, n);
            status = assoc_sets_mine(ctx, &b.by_basket, &b.by_item, &spec, &s, &err);
            if (status == AKIN_OK)
                status = assoc_rules(ctx, &s, &want, &rules, &n_rules, &err);
            if (status == AKIN_OK)
                status = assoc_sort(ctx, &s, ASSOC_LIFT, rules, n_rules, &err);
            mem_fail_at(ctx->mem, 0);
            assert_true(status == AKIN_OK || status == AKIN_E_MEMORY);
            n_failed += status != AKIN_OK;
            mem_free(ctx, rules);
            assoc_sets_free(ctx, &s);
            assert_int_equal(mem_used(ctx->mem), used);
        }
        assert_int_equal(status, AKIN_OK);
        assert_true(n_failed > 15);
    }
    const struct itemset_spec spec = {.min_count = 1};
    mem_fail_at(ctx->mem, 3);
    assert_int_equal(itemsets_mine(ctx, &b.by_basket, &b.by_item, &spec, NULL, NULL, NULL, &err),
                     AKIN_E_MEMORY);
    mem_fail_at(ctx->mem, 0);
    assert_non_null(strstr(err.message, "raise min_support"));
    baskets_free(ctx, &b);
    solve_ctx_done(ctx);
}

/* Counts that Borgelt's programs give, on the sets that everybody uses. */
static const struct {
    const char *file;
    double support;
    int64_t n;
} published[] = {
    {"retail", .01, 159},          {"retail", .001, 7589},      {"retail", .0005, 19242},
    {"retail", .0002, 67186},      {"retail", .0001, 240852},   {"T10I4D100K", .01, 385},
    {"T10I4D100K", .005, 1073},    {"T10I4D100K", .001, 27532}, {"T10I4D100K", .0005, 53385},
    {"T10I4D100K", .0002, 129875}, {"BMS1", .001, 3991},        {"BMS1", .0008, 10286},
    {"BMS1", .0006, 461521},
};

static void published_counts(void **state)
{
    (void)state;
    const char *data = getenv("AKIN_DATA");
    akin_error err;
    const char *open = "";
    akin_ctx *ctx = solve_ctx(2, NULL);
    struct dataset *ds = NULL;
    struct csr by_item = {0}, by_basket = {0};
    struct histories h = {0};
    struct feedback *f = NULL;
    if (!data)
        skip();
    for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
        if (strcmp(open, published[i].file) != 0) {
            char path[512];
            snprintf(path, sizeof path, "%s/baskets/%s.dat", data, published[i].file);
            if (access(path, R_OK) != 0)
                skip();
            open = published[i].file;
            csr_free(ctx, &by_item);
            csr_free(ctx, &by_basket);
            histories_free(ctx, &h);
            feedback_free(f);
            dataset_free(ds);
            static const struct feedback_params plain = {0};
            assert_int_equal(dataset_open(ctx, path, NULL, 0, &ds, NULL, &err), AKIN_OK);
            assert_int_equal(feedback_create(ctx, &plain, &ds->types, 0, &f, &err), AKIN_OK);
            assert_int_equal(histories_build(ctx, ds, f, &h, &err), AKIN_OK);
            assert_int_equal(histories_matrix(ctx, &h, ds->items.n, &by_basket, &err), AKIN_OK);
            assert_int_equal(csr_transpose(ctx, &by_basket, &by_item, &err), AKIN_OK);
        }
        struct itemset_spec spec = {.method = i % 2 ? ITEMSET_ECLAT : ITEMSET_FPGROWTH};
        struct itemset_stats stats;
        assert_int_equal(itemsets_min_count(published[i].support, itemsets_baskets(&by_basket),
                                            &spec.min_count, &err),
                         AKIN_OK);
        assert_int_equal(itemsets_mine(ctx, &by_basket, &by_item, &spec, NULL, NULL, &stats, &err),
                         AKIN_OK);
        assert_int_equal(stats.n, published[i].n);
    }
    csr_free(ctx, &by_item);
    csr_free(ctx, &by_basket);
    histories_free(ctx, &h);
    feedback_free(f);
    dataset_free(ds);
    solve_ctx_done(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_book),
        cmocka_unit_test(measures_by_hand),
        cmocka_unit_test(supports),
        cmocka_unit_test(huge_basket),
        cmocka_unit_test(refused_and_cancelled),
        cmocka_unit_test(lack_of_memory),
        cmocka_unit_test(published_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
