/* score.c: single scores, all scores and segments against the definition. */
#include "toy.h"

enum { ITEMS = 1500, QUERIES = 40 };

static void query_set(struct query *queries, int32_t *item)
{
    for (int32_t q = 0; q < QUERIES; q++) {
        item[q] = q * 3;
        queries[q] = (struct query){.user = -1, .hist = {.n = q > 0, .item = &item[q]}};
    }
}

static float want_score(const struct toy *toy, const struct query *q, int32_t item)
{
    float score = item < 0 || item >= ITEMS ? UNSCORED : toy_value(toy, q, item);
    return isnan(score) ? UNSCORED : score;
}

/* Any order, repeats, unknown items; the same bits as in whole rows. */
static void test_scores(void **state)
{
    akin_ctx *ctx = *state;
    struct query queries[QUERIES];
    int32_t item[QUERIES];
    float *rows = calloc(QUERIES * (ITEMS + 3), sizeof *rows);
    float *row = calloc(ITEMS, sizeof *row);
    int32_t *ids = calloc(2 * ITEMS, sizeof *ids);
    float *some = calloc(2 * ITEMS, sizeof *some);
    struct rng rng = rng_make(4, RNG_TEST, 0);
    query_set(queries, item);
    for (int32_t i = 0; i < 2 * ITEMS; i++)
        ids[i] = (int32_t)rng_below(&rng, ITEMS + 20) - 10;
    for (int mode = 0; mode < TOY_MODES; mode++) {
        struct toy toy;
        struct ranker *r;
        akin_error err;
        toy_init(&toy, (enum toy_mode)mode, ITEMS, 11, true, 8);
        assert_int_equal(ranker_create(ctx, &toy.scorer, &r, &err), AKIN_OK);
        assert_int_equal(rank_scores_many(r, queries, QUERIES, rows, ITEMS + 3, &err), AKIN_OK);
        for (int32_t q = 0; q < QUERIES; q++) {
            for (int32_t i = 0; i < ITEMS; i++) {
                float want = want_score(&toy, &queries[q], i);
                assert_memory_equal(&rows[q * (ITEMS + 3) + i], &want, sizeof want);
            }
        }
        assert_int_equal(rank_scores_all(r, &queries[7], row, &err), AKIN_OK);
        assert_memory_equal(row, rows + 7 * (ITEMS + 3), ITEMS * sizeof *row);
        assert_int_equal(rank_score(r, &queries[7], ids, 2 * ITEMS, some, &err), AKIN_OK);
        for (int32_t i = 0; i < 2 * ITEMS; i++) {
            float want = want_score(&toy, &queries[7], ids[i]);
            assert_memory_equal(&some[i], &want, sizeof want);
        }
        assert_int_equal(rank_score(r, &queries[7], ids, 0, some, &err), AKIN_OK);
        ranker_free(r);
        toy_free(&toy);
    }
    free(rows);
    free(row);
    free(ids);
    free(some);
}

static void check_segment(const struct toy *toy, struct ranker *r, const struct query *queries,
                          int32_t item, int32_t k)
{
    akin_error err;
    struct ranked list[QUERIES + 5];
    int32_t count;
    assert_int_equal(rank_segment(r, queries, QUERIES, item, k, list, &count, &err), AKIN_OK);
    assert_int_equal(count, k < QUERIES ? k : QUERIES);
    bool is_in[QUERIES] = {false};
    for (int32_t j = 0; j < count; j++) {
        float want = want_score(toy, &queries[list[j].item], item);
        assert_memory_equal(&list[j].score, &want, sizeof want);
        assert_false(is_in[list[j].item]);
        is_in[list[j].item] = true;
        if (j > 0)
            assert_true(list[j - 1].score > list[j].score ||
                        (list[j - 1].score == list[j].score && list[j - 1].item < list[j].item));
    }
    for (int32_t q = 0; q < QUERIES && count > 0; q++) {
        float score = want_score(toy, &queries[q], item);
        if (!is_in[q])
            assert_true(score < list[count - 1].score ||
                        (score == list[count - 1].score && q > list[count - 1].item));
    }
}

static void test_segment(void **state)
{
    akin_ctx *ctx = *state;
    struct query queries[QUERIES];
    int32_t item[QUERIES];
    query_set(queries, item);
    for (int mode = 0; mode < TOY_MODES; mode++) {
        struct toy toy;
        struct ranker *r;
        akin_error err;
        struct ranked list[1];
        int32_t count;
        toy_init(&toy, (enum toy_mode)mode, ITEMS, 3, false, 8);
        assert_int_equal(ranker_create(ctx, &toy.scorer, &r, &err), AKIN_OK);
        for (int32_t i = 0; i < 10; i++) {
            check_segment(&toy, r, queries, i * 150, 0);
            check_segment(&toy, r, queries, i * 150, 7);
            check_segment(&toy, r, queries, i * 150, QUERIES + 5);
        }
        assert_int_equal(rank_segment(r, queries, 1, ITEMS, 1, list, &count, &err), AKIN_E_ARG);
        assert_contains(err.message, "must be 0..1499");
        assert_int_equal(rank_segment(r, queries, 1, 0, -1, list, &count, &err), AKIN_E_ARG);
        assert_int_equal(rank_segment(r, queries, (int64_t)INT32_MAX + 1, 0, 1, list, &count, &err),
                         AKIN_E_LIMIT);
        mem_fail_at(ctx->mem, 1);
        assert_int_equal(rank_segment(r, queries, 1, 0, 1, list, &count, &err), AKIN_E_MEMORY);
        ranker_free(r);
        toy_free(&toy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_scores, toy_setup, toy_teardown),
        cmocka_unit_test_setup_teardown(test_segment, toy_setup, toy_teardown),
    };
    print_message("seed 4\n");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
