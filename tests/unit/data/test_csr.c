/* Sparse rows: transposition and building, against plain loops, at any thread count. */
#include "data/csr.h"

#include "core/rng.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

enum { SEED = 42 };

static akin_ctx *ctx;

static int set_up(void **state)
{
    (void)state;
    printf("seed %d\n", SEED);
    return ctx_create(2, SEED, 0, &ctx, NULL) == AKIN_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    int64_t used = mem_used(ctx->mem);
    ctx_free(ctx);
    return used == 0 ? 0 : -1;
}

/* Random rows of distinct ascending columns; some empty, some heavy. */
static struct csr random_csr(int64_t n_rows, int64_t n_cols, bool has_values)
{
    struct csr a = {.n_rows = n_rows, .n_cols = n_cols};
    struct rng rng = rng_make(SEED, RNG_TEST, (uint64_t)(n_rows * 31 + n_cols));
    int64_t n = 0;
    a.ptr = mem_alloc(ctx, n_rows + 1, sizeof *a.ptr, NULL);
    a.col = mem_alloc(ctx, n_rows * n_cols, sizeof *a.col, NULL);
    a.val = has_values ? mem_alloc(ctx, n_rows * n_cols, sizeof *a.val, NULL) : NULL;
    assert_true(a.ptr && a.col);
    a.ptr[0] = 0;
    for (int64_t r = 0; r < n_rows; r++) {
        uint64_t one_in = rng_below(&rng, 4) == 0 ? 1000 : 1 + rng_below(&rng, 20);
        for (int64_t c = 0; c < n_cols; c++) {
            if (rng_below(&rng, one_in) != 0)
                continue;
            if (has_values)
                a.val[n] = (float)(r * 1000 + c);
            a.col[n++] = (int32_t)c;
        }
        a.ptr[r + 1] = n;
    }
    return a;
}

static void same_csr(const struct csr *a, const struct csr *b)
{
    assert_int_equal(a->n_rows, b->n_rows);
    assert_int_equal(a->n_cols, b->n_cols);
    assert_memory_equal(a->ptr, b->ptr, (size_t)(a->n_rows + 1) * sizeof *a->ptr);
    assert_memory_equal(a->col, b->col, (size_t)csr_nnz(a) * sizeof *a->col);
    assert_int_equal(a->val == NULL, b->val == NULL);
    if (a->val)
        assert_memory_equal(a->val, b->val, (size_t)csr_nnz(a) * sizeof *a->val);
}

static void check_transpose(const struct csr *a, const struct csr *t)
{
    int64_t *at = calloc((size_t)a->n_cols + 1, sizeof *at);
    assert_non_null(at);
    assert_int_equal(t->n_rows, a->n_cols);
    assert_int_equal(t->n_cols, a->n_rows);
    assert_int_equal(csr_nnz(t), csr_nnz(a));
    for (int64_t r = 0; r < a->n_rows; r++) {
        for (int64_t i = a->ptr[r]; i < a->ptr[r + 1]; i++) {
            int64_t c = a->col[i];
            int64_t j = t->ptr[c] + at[c]++;
            assert_true(j < t->ptr[c + 1]);
            assert_int_equal(t->col[j], r);
            if (a->val)
                assert_true(t->val[j] == a->val[i]);
        }
    }
    free(at);
}

static void test_transpose(void **state)
{
    (void)state;
    static const int64_t shapes[][2] = {{0, 0},   {0, 5},     {5, 0},    {1, 1},   {300, 7},
                                        {7, 300}, {200, 200}, {2000, 3}, {1, 3000}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        for (int has_values = 0; has_values < 2; has_values++) {
            struct csr a = random_csr(shapes[s][0], shapes[s][1], has_values != 0);
            struct csr t, back;
            assert_int_equal(csr_transpose(ctx, &a, &t, NULL), AKIN_OK);
            check_transpose(&a, &t);
            assert_int_equal(csr_transpose(ctx, &t, &back, NULL), AKIN_OK);
            same_csr(&a, &back);
            csr_free(ctx, &back);
            csr_free(ctx, &t);
            csr_free(ctx, &a);
        }
    }
}

static void test_threads(void **state)
{
    (void)state;
    static const int counts[] = {1, 3, 8};
    struct csr a = random_csr(3000, 100, true);
    struct csr first;
    assert_int_equal(csr_transpose(ctx, &a, &first, NULL), AKIN_OK);
    for (int i = 0; i < 3; i++) {
        akin_ctx *own;
        struct csr t;
        assert_int_equal(ctx_create(counts[i], SEED, 0, &own, NULL), AKIN_OK);
        assert_int_equal(csr_transpose(own, &a, &t, NULL), AKIN_OK);
        same_csr(&first, &t);
        csr_free(own, &t);
        ctx_free(own);
    }
    csr_free(ctx, &first);
    csr_free(ctx, &a);
}

static void test_triples(void **state)
{
    (void)state;
    static const int32_t row[] = {2, 0, 2, 0, 2, 3};
    static const int32_t col[] = {1, 3, 0, 3, 1, 2};
    static const float val[] = {1, 2, 4, 8, 16, 32};
    static const int64_t ptr[] = {0, 1, 1, 3, 4, 4};
    static const int32_t cols[] = {3, 0, 1, 2};
    static const float sums[] = {10, 4, 17, 32};
    static const float counts[] = {2, 1, 2, 1};
    struct csr a;
    assert_int_equal(csr_from_triples(ctx, 5, 4, 6, row, col, val, &a, NULL), AKIN_OK);
    assert_memory_equal(a.ptr, ptr, sizeof ptr);
    assert_memory_equal(a.col, cols, sizeof cols);
    assert_memory_equal(a.val, sums, sizeof sums);
    csr_free(ctx, &a);
    assert_int_equal(csr_from_triples(ctx, 5, 4, 6, row, col, NULL, &a, NULL), AKIN_OK);
    assert_memory_equal(a.val, counts, sizeof counts);
    csr_free(ctx, &a);
    assert_int_equal(csr_from_triples(ctx, 5, 4, 3, row, col, NULL, &a, NULL), AKIN_OK);
    assert_null(a.val); /* no repeats: all 1 */
    csr_free(ctx, &a);
    assert_int_equal(csr_from_triples(ctx, 0, 0, 0, NULL, NULL, NULL, &a, NULL), AKIN_OK);
    assert_int_equal(csr_nnz(&a), 0);
    csr_free(ctx, &a);
    assert_int_equal(csr_from_triples(ctx, 3, 4, 6, row, col, val, &a, NULL), AKIN_E_INTERNAL);
    assert_int_equal(csr_from_triples(ctx, 5, 3, 6, row, col, val, &a, NULL), AKIN_E_INTERNAL);
}

static void test_limits(void **state)
{
    (void)state;
    int64_t ptr[1] = {0};
    struct csr a = {.n_rows = 0, .n_cols = (int64_t)INT32_MAX + 1, .ptr = ptr};
    struct csr t;
    assert_int_equal(csr_transpose(ctx, &a, &t, NULL), AKIN_E_LIMIT);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    struct csr a = random_csr(300, 20, true);
    int64_t used = mem_used(ctx->mem);
    akin_status status = AKIN_E_MEMORY;
    for (int64_t n = 1; status != AKIN_OK; n++) {
        struct csr t;
        mem_fail_at(ctx->mem, n);
        status = csr_transpose(ctx, &a, &t, NULL);
        mem_fail_at(ctx->mem, 0);
        if (status == AKIN_OK)
            csr_free(ctx, &t);
        assert_true(status == AKIN_OK || status == AKIN_E_MEMORY);
        assert_int_equal(mem_used(ctx->mem), used);
    }
    csr_free(ctx, &a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transpose),     cmocka_unit_test(test_threads),
        cmocka_unit_test(test_triples),       cmocka_unit_test(test_limits),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
