/* lists.c, eligible.c, ranker.c, evidence.c: order, exclusions, memory, cancel, errors. */
#include "core/par.h"
#include "toy.h"

/* A fixed table of scores for every asker. */
struct table_model {
    const float *score; /* (n_items) */
    const uint8_t *has; /* touched, for evidence; NULL = all */
};

static akin_status table_score(const void *self, const struct query *queries, int32_t n,
                               const struct item_set *set, float *out, int64_t ldo,
                               struct arena *scratch, akin_error *err)
{
    const struct table_model *m = self;
    (void)queries;
    (void)scratch;
    (void)err;
    for (int32_t q = 0; q < n; q++) {
        for (int32_t j = 0; j < item_set_size(set); j++)
            out[q * ldo + j] = m->score[set->ids ? set->ids[j] : set->lo + j];
    }
    return AKIN_OK;
}

static akin_status table_evidence(const void *self, const struct query *q, struct evidence *out,
                                  struct arena *scratch, akin_error *err)
{
    const struct table_model *m = self;
    (void)q;
    (void)scratch;
    (void)err;
    for (int32_t i = out->n_items - 1; i >= 0; i--) {
        if (m->has[i])
            evidence_add(out, i, m->score[i]);
    }
    return AKIN_OK;
}

static const float SCORES[8] = {0.0f, -1.0f, NAN, 2.0f, -0.0f, 2.0f, -INFINITY, -1.0f};
static const uint8_t TOUCHED[8] = {1, 1, 1, 1, 1, 1, 1, 0};
static const int32_t COUNTS[8] = {1, 1, 3, 1, 1, 1, 9, 3};

static void check_order(akin_ctx *ctx, const struct scorer_class *cls, const int32_t *want)
{
    akin_error err;
    struct ranker *r;
    struct table_model m = {SCORES, TOUCHED};
    struct scorer s = {.cls = cls, .self = &m, .n_items = 8, .item_count = COUNTS};
    struct query q = {.user = -1};
    struct rank_options opt = {.k = 20};
    struct ranked list[20];
    int32_t count;
    assert_int_equal(ranker_create(ctx, &s, &r, &err), AKIN_OK);
    assert_int_equal(rank_lists(r, &q, 1, &opt, list, &count, &err), AKIN_OK);
    assert_int_equal(count, 8);
    for (int32_t j = 0; j < 8; j++)
        assert_int_equal(list[j].item, want[j]);
    assert_true(list[7].score == UNSCORED);
    ranker_free(r);
}

/* Ties by index, -0.0 equal to 0.0, NaN and -inf unscored, negative scores before unscored. */
static void test_order(void **state)
{
    const struct scorer_class by_score = {.score = table_score};
    const struct scorer_class by_evidence = {.evidence = table_evidence};
    check_order(*state, &by_score, (int32_t[]){3, 5, 0, 4, 1, 7, 6, 2});
    /* 7 was not touched: unscored; 2 is as popular and comes first by its index */
    check_order(*state, &by_evidence, (int32_t[]){3, 5, 0, 4, 1, 6, 2, 7});
}

/* A request in steady state allocates nothing, with a filter, candidates and exclusions. */
static void test_no_allocation(void **state)
{
    akin_ctx *ctx = *state;
    for (int mode = 0; mode < TOY_MODES; mode++) {
        struct toy toy;
        struct ranker *r;
        akin_error err;
        enum { ITEMS = 700, TOP = 30 };
        toy_init(&toy, (enum toy_mode)mode, ITEMS, 9, true, 3);
        uint64_t allowed[(ITEMS + 63) / 64];
        memset(allowed, 0x11, sizeof allowed);
        int32_t seen[100];
        int32_t candidates[ITEMS];
        for (int32_t i = 0; i < 100; i++)
            seen[i] = (i * 37) % ITEMS;
        for (int32_t i = 0; i < ITEMS; i++)
            candidates[i] = i;
        const int32_t *exclude[] = {candidates + 10};
        const int32_t n_exclude[] = {50};
        struct query q = {.user = -1, .hist = {.n = 100, .item = seen}};
        struct rank_options opts[] = {{.k = TOP},
                                      {.k = TOP, .allowed = allowed},
                                      {.k = TOP, .candidates = candidates, .n_candidates = 90},
                                      {.k = TOP, .exclude = exclude, .n_exclude = n_exclude}};
        struct ranked list[TOP];
        float scores[ITEMS];
        struct ranked want[TOP];
        int32_t count;
        assert_int_equal(ranker_create(ctx, &toy.scorer, &r, &err), AKIN_OK);
        for (int o = 0; o < 4; o++) {
            assert_int_equal(rank_lists(r, &q, 1, &opts[o], list, &count, &err), AKIN_OK);
            mem_fail_at(ctx->mem, 1);
            for (int again = 0; again < 3; again++)
                assert_int_equal(rank_lists(r, &q, 1, &opts[o], list, &count, &err), AKIN_OK);
            assert_int_equal(rank_score(r, &q, candidates, ITEMS, scores, &err), AKIN_OK);
            mem_fail_at(ctx->mem, 0);
            assert_lists_equal(list, count, want, toy_rank(&toy, &q, 0, &opts[o], want));
        }
        ranker_free(r);
        toy_free(&toy);
    }
}

/* Whichever allocation fails: E_MEMORY, nothing leaks, the ranker goes on working. */
static void test_memory(void **state)
{
    akin_ctx *ctx = *state;
    for (int mode = 0; mode < TOY_MODES; mode++) {
        struct toy toy;
        akin_error err;
        struct ranked list[10];
        struct ranked want[10];
        int32_t count;
        uint64_t allowed[5] = {0x80};
        int32_t seen[] = {5, 3};
        struct query q = {.user = -1, .hist = {.n = 2, .item = seen}};
        struct rank_options opt = {
            .k = 10, .allowed = allowed, .allowed_seen = allowed, .include_seen = true};
        toy_init(&toy, (enum toy_mode)mode, 300, 4, true, 1);
        int64_t before = mem_used(ctx->mem);
        akin_status status = AKIN_E_MEMORY;
        for (int n = 1; status != AKIN_OK; n++) {
            struct ranker *r = NULL;
            assert_true(n < 200);
            mem_fail_at(ctx->mem, n);
            status = ranker_create(ctx, &toy.scorer, &r, &err);
            if (status == AKIN_OK)
                status = rank_lists(r, &q, 1, &opt, list, &count, &err);
            mem_fail_at(ctx->mem, 0);
            assert_true(status == AKIN_OK || status == AKIN_E_MEMORY);
            if (r) {
                assert_int_equal(rank_lists(r, &q, 1, &opt, list, &count, &err), AKIN_OK);
                assert_lists_equal(list, count, want, toy_rank(&toy, &q, 0, &opt, want));
            }
            ranker_free(r);
            assert_int_equal(mem_used(ctx->mem), before);
        }
        toy_free(&toy);
    }
}

struct watch {
    akin_ctx *ctx;
    int64_t done;
};

static void on_progress(void *arg, const akin_progress *p)
{
    struct watch *watch = arg;
    watch->done = p->done;
}

static void test_progress_and_cancel(void **state)
{
    akin_ctx *ctx = *state;
    enum { N = 300, TOP = 5 };
    for (int mode = 0; mode < TOY_MODES; mode++) {
        struct toy toy;
        struct ranker *r;
        akin_error err;
        struct watch watch = {ctx, 0};
        struct query queries[N];
        struct ranked lists[N * TOP];
        int32_t counts[N];
        struct rank_options opt = {.k = TOP};
        memset(queries, 0, sizeof queries);
        toy_init(&toy, (enum toy_mode)mode, 50, 4, false, 1);
        assert_int_equal(ranker_create(ctx, &toy.scorer, &r, &err), AKIN_OK);
        akin_ctx_on_progress(ctx, on_progress, &watch);
        progress_begin(ctx, "rank", N);
        assert_int_equal(rank_lists(r, queries, N, &opt, lists, counts, &err), AKIN_OK);
        progress_end(ctx);
        assert_int_equal(watch.done, N);
        akin_ctx_on_progress(ctx, NULL, NULL);
        akin_cancel(ctx);
        assert_int_equal(rank_lists(r, queries, N, &opt, lists, counts, &err), AKIN_E_CANCELLED);
        akin_cancel_clear(ctx);
        assert_int_equal(rank_lists(r, queries, N, &opt, lists, counts, &err), AKIN_OK);
        ranker_free(r);
        toy_free(&toy);
    }
}

static void test_arguments(void **state)
{
    akin_ctx *ctx = *state;
    struct toy toy;
    struct ranker *r;
    akin_error err;
    struct ranked list[5];
    int32_t count = 7;
    struct query q = {.user = -1};
    uint64_t bits[1] = {0xff};
    toy_init(&toy, TOY_SCORE, 8, 0, false, 1);
    assert_int_equal(ranker_create(ctx, &toy.scorer, &r, &err), AKIN_OK);
    const int32_t bad[][3] = {{0, 2, 2}, {3, 2, 4}, {-1, 2, 3}, {1, 2, 8}};
    for (int i = 0; i < 4; i++) {
        struct rank_options opt = {.k = 5, .candidates = bad[i], .n_candidates = 3};
        assert_int_equal(rank_lists(r, &q, 1, &opt, list, &count, &err), AKIN_E_ARG);
        assert_contains(err.message, "must ascend within 0..7");
    }
    struct rank_options negative = {.k = -1};
    assert_int_equal(rank_lists(r, &q, 1, &negative, list, &count, &err), AKIN_E_ARG);
    assert_contains(err.message, "k=-1");
    struct rank_options half = {.k = 1, .allowed_seen = bits};
    assert_int_equal(rank_lists(r, &q, 1, &half, list, &count, &err), AKIN_E_ARG);
    struct rank_options zero = {.k = 0};
    assert_int_equal(rank_lists(r, &q, 1, &zero, NULL, &count, &err), AKIN_OK);
    assert_int_equal(count, 0);
    assert_int_equal(rank_lists(r, &q, 0, &zero, NULL, NULL, &err), AKIN_OK);
    ranker_free(r);
    struct scorer_class nothing = {0};
    struct scorer s = {.cls = &nothing, .n_items = 3};
    assert_int_equal(ranker_create(ctx, &s, &r, &err), AKIN_E_INTERNAL);
    toy_free(&toy);
}

/* No items at all, and items without counts. */
static void test_empty(void **state)
{
    akin_ctx *ctx = *state;
    struct rank_options opt = {.k = 3};
    struct query q = {.user = -1};
    for (int mode = 0; mode < TOY_MODES; mode++) {
        for (int32_t n = 0; n < 3; n++) {
            struct toy toy;
            struct ranker *r;
            akin_error err;
            struct ranked list[3];
            int32_t count;
            toy_init(&toy, (enum toy_mode)mode, n, 2, false, 1);
            toy.scorer.item_count = NULL;
            memset(toy.count, 0, (size_t)n * sizeof *toy.count);
            assert_int_equal(ranker_create(ctx, &toy.scorer, &r, &err), AKIN_OK);
            assert_int_equal(rank_lists(r, &q, 1, &opt, list, &count, &err), AKIN_OK);
            assert_int_equal(count, n);
            ranker_free(r);
            toy_free(&toy);
        }
    }
}

/* A catalogue wider than one call of score. */
static void test_wide(void **state)
{
    akin_ctx *ctx = *state;
    enum { ITEMS = 600000, N = 3 };
    float *score = calloc(ITEMS, sizeof *score);
    struct table_model m = {score, NULL};
    const struct scorer_class cls = {.score = table_score};
    struct scorer s = {.cls = &cls, .self = &m, .n_items = ITEMS};
    struct ranker *r;
    akin_error err;
    struct query queries[N] = {{.user = -1}, {.user = -1}, {.user = -1}};
    int32_t seen[] = {599999};
    struct rank_options opt = {.k = 4};
    struct ranked lists[N * 4];
    int32_t counts[N];
    queries[1].hist = (struct history){.n = 1, .item = seen};
    score[599999] = 3.0f;
    score[262144] = 3.0f;
    score[262143] = 2.0f;
    assert_int_equal(ranker_create(ctx, &s, &r, &err), AKIN_OK);
    assert_int_equal(rank_lists(r, queries, N, &opt, lists, counts, &err), AKIN_OK);
    const int32_t want[N][4] = {
        {262144, 599999, 262143, 0}, {262144, 262143, 0, 1}, {262144, 599999, 262143, 0}};
    for (int q = 0; q < N; q++) {
        assert_int_equal(counts[q], 4);
        for (int j = 0; j < 4; j++)
            assert_int_equal(lists[q * 4 + j].item, want[q][j]);
    }
    ranker_free(r);
    free(score);
}

/* Calls from inside a parallel region stay on their workers. */
struct nested {
    struct ranker *r;
    const struct toy *toy;
    bool differs[64];
};

static akin_status nested_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct nested *nested = arg;
    (void)worker;
    int32_t item = (int32_t)block;
    struct query q = {.user = -1, .hist = {.n = 1, .item = &item}};
    uint64_t allowed[8] = {~(uint64_t)block, (uint64_t)block};
    struct rank_options opt = {.k = 20, .allowed = allowed};
    struct ranked got[20];
    struct ranked want[20];
    int32_t count;
    akin_status status = rank_lists(nested->r, &q, 1, &opt, got, &count, err);
    int32_t n = toy_rank(nested->toy, &q, 0, &opt, want);
    nested->differs[block] = count != n || memcmp(got, want, (size_t)n * sizeof *got) != 0;
    return status;
}

static void test_nested(void **state)
{
    akin_ctx *ctx = *state;
    for (int mode = 0; mode < TOY_MODES; mode++) {
        struct toy toy;
        akin_error err;
        struct nested nested = {.toy = &toy};
        toy_init(&toy, (enum toy_mode)mode, 500, 6, true, 2);
        assert_int_equal(ranker_create(ctx, &toy.scorer, &nested.r, &err), AKIN_OK);
        assert_int_equal(par_for(ctx, 64, nested_block, &nested, &err), AKIN_OK);
        for (int b = 0; b < 64; b++)
            assert_false(nested.differs[b]);
        ranker_free(nested.r);
        toy_free(&toy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order, toy_setup, toy_teardown),
        cmocka_unit_test_setup_teardown(test_no_allocation, toy_setup, toy_teardown),
        cmocka_unit_test_setup_teardown(test_memory, toy_setup, toy_teardown),
        cmocka_unit_test_setup_teardown(test_progress_and_cancel, toy_setup, toy_teardown),
        cmocka_unit_test_setup_teardown(test_arguments, toy_setup, toy_teardown),
        cmocka_unit_test_setup_teardown(test_empty, toy_setup, toy_teardown),
        cmocka_unit_test_setup_teardown(test_wide, toy_setup, toy_teardown),
        cmocka_unit_test_setup_teardown(test_nested, toy_setup, toy_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
