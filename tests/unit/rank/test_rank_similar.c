/* similar.c: cosine by definition, a model's own similarity, limits. */
#include "toy.h"

#include "rank/index.h"

/* Items on a line: nearer is more similar; only neighbours within 3 are known. */
static akin_status line_similar(const void *self, int32_t item, struct evidence *out,
                                struct arena *scratch, akin_error *err)
{
    (void)self;
    (void)scratch;
    (void)err;
    for (int32_t i = item - 3; i <= item + 3; i++) {
        if (i >= 0 && i < out->n_items)
            evidence_add(out, i, 1.0f / (1.0f + (float)abs(i - item)));
    }
    return AKIN_OK;
}

static void test_own(void **state)
{
    akin_ctx *ctx = *state;
    for (int mode = 0; mode < TOY_MODES; mode++) {
        struct toy toy;
        struct ranker *r;
        akin_error err;
        struct ranked list[10];
        int32_t count;
        toy_init(&toy, (enum toy_mode)mode, 10, 2, false, 1);
        for (int32_t i = 0; i < 10; i++)
            toy.count[i] = i;
        toy.cls.similar = line_similar;
        assert_int_equal(ranker_create(ctx, &toy.scorer, &r, &err), AKIN_OK);
        struct rank_options opt = {.k = 8};
        assert_int_equal(rank_similar(r, 5, &opt, list, &count, &err), AKIN_OK);
        const int32_t want[] = {4, 6, 3, 7, 2, 8, 9, 1}; /* then by popularity */
        assert_int_equal(count, 8);
        for (int32_t j = 0; j < 8; j++)
            assert_int_equal(list[j].item, want[j]);
        assert_true(list[5].score > UNSCORED && list[6].score == UNSCORED);
        opt.k = 20;
        assert_int_equal(rank_similar(r, 5, &opt, list, &count, &err), AKIN_OK);
        assert_int_equal(count, 9); /* never the item itself */
        const int32_t out[] = {3, 6};
        const int32_t *exclude[] = {out};
        const int32_t n_exclude[] = {2};
        const uint64_t allowed[] = {0x0ff};
        opt = (struct rank_options){
            .k = 4, .exclude = exclude, .n_exclude = n_exclude, .allowed = allowed};
        assert_int_equal(rank_similar(r, 5, &opt, list, &count, &err), AKIN_OK);
        assert_int_equal(count, 4);
        const int32_t left[] = {4, 7, 2, 1};
        for (int32_t j = 0; j < 4; j++)
            assert_int_equal(list[j].item, left[j]);
        ranker_free(r);
        toy_free(&toy);
    }
}

static void test_cosine(void **state)
{
    akin_ctx *ctx = *state;
    enum { ITEMS = 900, K = 7 };
    struct toy toy;
    struct ranker *r;
    akin_error err;
    struct ranked *list = calloc(ITEMS, sizeof *list);
    int32_t count;
    struct rank_options opt = {.k = ITEMS};
    toy_init(&toy, TOY_VECTORS, ITEMS, K, true, 6);
    memset(toy.vec + 50 * K, 0, K * sizeof *toy.vec); /* compares with nothing */
    assert_int_equal(ranker_create(ctx, &toy.scorer, &r, &err), AKIN_OK);
    assert_int_equal(rank_similar(r, 3, &opt, list, &count, &err), AKIN_OK);
    assert_int_equal(count, ITEMS - 1);
    for (int32_t j = 0; j < count; j++) {
        double both = 0.0;
        double a = 0.0;
        double b = 0.0;
        for (int32_t t = 0; t < K; t++) {
            double x = (double)toy.vec[3 * K + t];
            double y = (double)toy.vec[list[j].item * K + t];
            both += x * y;
            a += x * x;
            b += y * y;
        }
        assert_int_not_equal(list[j].item, 3);
        if (b > 0.0)
            assert_true(fabs((double)list[j].score - both / sqrt(a * b)) < 1e-6);
        else
            assert_true(list[j].score == UNSCORED);
        if (j > 0)
            assert_true(list[j - 1].score >= list[j].score);
    }
    assert_int_equal(rank_similar(r, 50, &opt, list, &count, &err), AKIN_OK);
    assert_int_equal(count, ITEMS - 1);
    assert_true(list[0].score == UNSCORED);
    ranker_free(r);
    free(list);
    toy_free(&toy);
}

/* The exact index and the pass over all floats (which approximate lists leave to it) agree, for
 * items of very unlike lengths, in a filter and without. */
static void test_cosine_index(void **state)
{
    akin_ctx *ctx = *state;
    enum { ITEMS = 3000, TOP = 20 };
    static const int32_t ks[] = {1, 3, 16, 33};
    static const float scales[] = {1.0f, 1e-12f, 1e12f, 1e-25f};
    const struct index_options lists = {.ivf_min = 1, .n_lists = 8};
    for (int c = 0; c < 16; c++) {
        struct toy toy;
        struct ranker *r[2];
        akin_error err;
        uint64_t allowed[(ITEMS + 63) / 64];
        int32_t k = ks[c / 4];
        toy_init(&toy, TOY_VECTORS, ITEMS, k, c & 1, (uint64_t)c);
        print_message("case %d\n", c);
        for (int32_t i = 0; i < ITEMS; i++) {
            for (int32_t t = 0; t < k; t++)
                toy.vec[i * k + t] += (float)(toy_hash(&toy, 9, (uint64_t)(i * k + t)) % 999) / 999;
            for (int32_t t = 0; t < k; t++)
                toy.vec[i * k + t] *=
                    c >= 8 && i % 2 ? 0 : scales[c % 4] * (i % 10 ? 1.0f : (float)(i % 1000) / 100);
        }
        for (size_t w = 0; w < sizeof allowed / sizeof *allowed; w++)
            allowed[w] = toy_hash(&toy, 10, w) | toy_hash(&toy, 11, w);
        assert_int_equal(ranker_create(ctx, &toy.scorer, &r[0], &err), AKIN_OK);
        assert_int_equal(ranker_create_with(ctx, &toy.scorer, &lists, &r[1], &err), AKIN_OK);
        for (int32_t item = 0; item < ITEMS; item += 61) {
            struct rank_options opt = {.k = TOP, .allowed = item % 2 ? allowed : NULL};
            struct ranked got[2][TOP];
            int32_t n[2];
            for (int way = 0; way < 2; way++)
                assert_int_equal(rank_similar(r[way], item, &opt, got[way], &n[way], &err),
                                 AKIN_OK);
            assert_lists_equal(got[0], n[0], got[1], n[1]);
        }
        ranker_free(r[0]);
        ranker_free(r[1]);
        toy_free(&toy);
    }
}

static void test_arguments(void **state)
{
    akin_ctx *ctx = *state;
    struct toy toy;
    struct ranker *r;
    akin_error err;
    struct ranked list[1];
    int32_t count;
    struct rank_options opt = {.k = 1};
    toy_init(&toy, TOY_SCORE, 5, 0, false, 1);
    assert_int_equal(ranker_create(ctx, &toy.scorer, &r, &err), AKIN_OK);
    assert_int_equal(rank_similar(r, 0, &opt, list, &count, &err), AKIN_E_UNSUPPORTED);
    assert_int_equal(rank_similar(r, 5, &opt, list, &count, &err), AKIN_E_ARG);
    assert_int_equal(rank_similar(r, -1, &opt, list, &count, &err), AKIN_E_ARG);
    opt.k = -1;
    assert_int_equal(rank_similar(r, 0, &opt, list, &count, &err), AKIN_E_ARG);
    ranker_free(r);
    toy.cls.similar = line_similar;
    assert_int_equal(ranker_create(ctx, &toy.scorer, &r, &err), AKIN_OK);
    opt.k = 0;
    assert_int_equal(rank_similar(r, 0, &opt, list, &count, &err), AKIN_OK);
    assert_int_equal(count, 0);
    ranker_free(r);
    toy_free(&toy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_own, toy_setup, toy_teardown),
        cmocka_unit_test_setup_teardown(test_cosine, toy_setup, toy_teardown),
        cmocka_unit_test_setup_teardown(test_cosine_index, toy_setup, toy_teardown),
        cmocka_unit_test_setup_teardown(test_arguments, toy_setup, toy_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
