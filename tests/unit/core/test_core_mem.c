/* mem.c: alignment, accounting, the limit, reuse, resizing, the failing n-th allocation. */
#include "setup.h"

#include "core/par.h"
#include "core/rng.h"

#define MIB ((int64_t)1 << 20)

static void test_small(void **state)
{
    akin_ctx *ctx = *state;
    int64_t before = mem_used(ctx->mem);
    for (int64_t n = 0; n < 300; n += 7) {
        unsigned char *p = mem_alloc(ctx, n, 1, NULL);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        memset(p, 0xab, (size_t)n);
        assert_true(mem_used(ctx->mem) >= before + n);
        mem_free(ctx, p);
        unsigned char *z = mem_zalloc(ctx, n, 1, NULL);
        for (int64_t i = 0; i < n; i++)
            assert_int_equal(z[i], 0);
        mem_free(ctx, z);
    }
    mem_free(ctx, NULL);
    assert_int_equal(mem_used(ctx->mem), before);
}

static void test_overflow(void **state)
{
    akin_ctx *ctx = *state;
    akin_error err;
    assert_null(mem_alloc(ctx, INT64_MAX, 2, &err));
    assert_int_equal(err.code, AKIN_E_MEMORY);
    assert_contains(err.message, "too many");
    assert_null(mem_alloc(ctx, -1, 8, &err));
    assert_null(mem_zalloc(ctx, INT64_MAX, 1, &err));
    assert_null(mem_alloc(ctx, (int64_t)1 << 60, 1, &err)); /* mmap refuses */
    assert_int_equal(err.code, AKIN_E_MEMORY);
    char *p = mem_alloc(ctx, 10, 1, &err);
    assert_null(mem_resize(ctx, p, INT64_MAX, 2, &err));
    p[9] = 1; /* still valid */
    mem_free(ctx, p);
}

static void test_large(void **state)
{
    akin_ctx *ctx = *state;
    unsigned char *p = mem_zalloc(ctx, 5 * MIB, 1, NULL);
    assert_non_null(p);
    assert_int_equal((uintptr_t)p % (2 * (uintptr_t)MIB), 0);
    for (int64_t i = 0; i < 5 * MIB; i += 4096)
        assert_int_equal(p[i], 0);
    memset(p, 0x5a, (size_t)(5 * MIB));
    mem_free(ctx, p);
    assert_int_equal(mem_used(ctx->mem), 0);
    assert_true(mem_held(ctx->mem) >= 5 * MIB);
    /* A quarter smaller: the same block; cleared though it was used. */
    unsigned char *q = mem_zalloc(ctx, 5 * MIB - MIB / 2, 1, NULL);
    assert_ptr_equal(q, p);
    for (int64_t i = 0; i < 5 * MIB - MIB / 2; i++)
        if (q[i] != 0)
            fail_msg("byte %lld is not cleared", (long long)i);
    /* While it is out, another one is fresh. */
    unsigned char *r = mem_alloc(ctx, 5 * MIB, 1, NULL);
    assert_ptr_not_equal(r, q);
    mem_free(ctx, q);
    mem_free(ctx, r);
}

static void test_kept_never_over_peak(void **state)
{
    (void)state;
    akin_ctx *ctx = test_ctx_new(1, 0);
    void *a = mem_alloc(ctx, 16 * MIB, 1, NULL);
    mem_free(ctx, a);
    void *b = mem_alloc(ctx, 8 * MIB, 1, NULL); /* too small for the kept one */
    assert_true(mem_held(ctx->mem) <= 17 * MIB);
    mem_free(ctx, b);
    void *blocks[64];
    for (int i = 0; i < 64; i++)
        assert_non_null(blocks[i] = mem_alloc(ctx, 4 * MIB, 1, NULL));
    for (int i = 0; i < 64; i++)
        mem_free(ctx, blocks[i]);
    assert_int_equal(mem_used(ctx->mem), 0);
    assert_true(mem_held(ctx->mem) < 33 * (4 * MIB + 65536)); /* the list is bounded */
    ctx_free(ctx);
}

static void test_limit(void **state)
{
    (void)state;
    akin_error err;
    akin_ctx *ctx = test_ctx_new(1, 16 * MIB);
    assert_int_equal(mem_limit(ctx->mem), 16 * MIB);
    assert_null(mem_alloc(ctx, 17 * MIB, 1, &err));
    assert_int_equal(err.code, AKIN_E_MEMORY);
    assert_contains(err.message, "16777216");
    void *a = mem_alloc(ctx, 10 * MIB, 1, &err);
    assert_non_null(a);
    assert_null(mem_alloc(ctx, 7 * MIB, 1, &err));
    assert_null(mem_resize(ctx, a, 17 * MIB, 1, &err));
    mem_free(ctx, a);
    /* The kept 10 MiB do not fit beside 7 MiB more: they go. */
    void *b = mem_alloc(ctx, 7 * MIB, 1, &err);
    void *c = mem_alloc(ctx, 7 * MIB, 1, &err);
    assert_non_null(b);
    assert_non_null(c);
    assert_true(mem_held(ctx->mem) <= 16 * MIB);
    mem_free(ctx, b);
    /* Kept blocks give way to small ones too. */
    void *small[4];
    for (int i = 0; i < 4; i++)
        assert_non_null(small[i] = mem_alloc(ctx, 2 * MIB, 1, &err));
    for (int i = 0; i < 4; i++)
        mem_free(ctx, small[i]);
    mem_free(ctx, c);
    assert_true(mem_peak(ctx->mem) <= 16 * MIB);
    test_ctx_done(ctx);
    assert_int_equal(ctx_create(1, 0, -1, &ctx, &err), AKIN_E_ARG);
}

static void test_peak(void **state)
{
    akin_ctx *ctx = *state;
    void *a = mem_alloc(ctx, MIB, 1, NULL);
    mem_free(ctx, a);
    assert_true(mem_peak(ctx->mem) >= MIB);
    assert_int_equal(akin_memory_peak(ctx), mem_peak(ctx->mem));
    mem_peak_reset(ctx->mem);
    assert_int_equal(mem_peak(ctx->mem), mem_used(ctx->mem));
    assert_int_equal(akin_memory_used(ctx), 0);
}

/* Every size class to every other; contents stay up to the smaller. */
static void test_resize(void **state)
{
    akin_ctx *ctx = *state;
    static const int64_t sizes[] = {0,       1,           100,     5000,        4 * MIB - 1,
                                    4 * MIB, 4 * MIB + 1, 6 * MIB, 6 * MIB + 5, 9 * MIB + 77,
                                    20 * MIB};
    size_t n = sizeof sizes / sizeof sizes[0];
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            unsigned char *p = mem_alloc(ctx, sizes[i], 1, NULL);
            int64_t least = sizes[i] < sizes[j] ? sizes[i] : sizes[j];
            for (int64_t k = 0; k < least; k += 1009)
                p[k] = (unsigned char)(k % 251);
            p = mem_resize(ctx, p, sizes[j], 1, NULL);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % (sizes[j] >= 4 * MIB ? 2 * (uintptr_t)MIB : 64), 0);
            for (int64_t k = 0; k < least; k += 1009)
                assert_int_equal(p[k], k % 251);
            if (sizes[j] > 0)
                p[sizes[j] - 1] = 7;
            assert_true(mem_used(ctx->mem) >= sizes[j]);
            mem_free(ctx, p);
            assert_int_equal(mem_used(ctx->mem), 0);
        }
    }
    void *fresh = mem_resize(ctx, NULL, 3, 8, NULL);
    assert_non_null(fresh);
    mem_free(ctx, fresh);
}

/* Growing by doubling with neighbours in the way, as MEM_GROW does. */
static akin_status grow_two(akin_ctx *ctx, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t *a = NULL;
    int64_t *b = NULL;
    int64_t cap_a = 0;
    int64_t cap_b = 0;
    for (int64_t i = 0; i < 1500000; i++) {
        MEM_GROW(ctx, a, cap_a, i + 1);
        MEM_GROW(ctx, b, cap_b, i + 1);
        a[i] = i;
        b[i] = -i;
    }
    for (int64_t i = 0; i < 1500000; i += 4999) {
        assert_int_equal(a[i], i);
        assert_int_equal(b[i], -i);
    }
done:
    mem_free(ctx, a);
    mem_free(ctx, b);
    return status;
}

static void test_grow(void **state)
{
    assert_int_equal(grow_two(*state, NULL), AKIN_OK);
}

static akin_status scenario(akin_ctx *ctx, akin_error *err)
{
    akin_status status = AKIN_OK;
    char *text = NULL;
    int32_t *numbers = NULL;
    double *zeros = NULL;
    int64_t cap = 0;
    text = mem_strdup(ctx, "text", err);
    if (!text)
        AKIN_FAIL(AKIN_E_MEMORY, "strdup");
    MEM_GROW(ctx, numbers, cap, 10);
    MEM_GROW(ctx, numbers, cap, 2 * MIB);
    MEM_GROW(ctx, numbers, cap, 3 * MIB);
    MEM_ZERO(ctx, zeros, 100);
    assert_string_equal(text, "text");
done:
    mem_free(ctx, zeros);
    mem_free(ctx, numbers);
    mem_free(ctx, text);
    return status;
}

static void test_fail_at(void **state)
{
    akin_ctx *ctx = *state;
    int64_t n = 1;
    for (;; n++) {
        akin_error err;
        memset(&err, 0, sizeof err);
        mem_fail_at(ctx->mem, n);
        akin_status status = scenario(ctx, &err);
        assert_int_equal(mem_used(ctx->mem), 0);
        if (status == AKIN_OK)
            break;
        assert_int_equal(status, AKIN_E_MEMORY);
        assert_int_equal(err.code, AKIN_E_MEMORY);
    }
    assert_int_equal(n, 6); /* five allocations, a large resize among them */
    mem_fail_at(ctx->mem, 0);
}

static akin_status hammer(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_ctx *ctx = arg;
    (void)worker;
    struct rng rng = rng_make(7, RNG_TEST, (uint64_t)block);
    unsigned char *p[8] = {NULL};
    for (int i = 0; i < 200; i++) {
        size_t at = (size_t)rng_below(&rng, 8);
        int64_t size = (int64_t)rng_below(&rng, 1000);
        if (rng_below(&rng, 20) == 0)
            size += 4 * MIB;
        unsigned char *q = mem_resize(ctx, p[at], size + 1, 1, NULL);
        if (!q) {
            if (mem_used(ctx->mem) > mem_limit(ctx->mem))
                return error_set(err, AKIN_E_INTERNAL, __FILE__, __LINE__, "over the limit");
            continue;
        }
        q[0] = (unsigned char)block;
        q[size] = (unsigned char)block;
        if (mem_held(ctx->mem) > mem_limit(ctx->mem))
            return error_set(err, AKIN_E_INTERNAL, __FILE__, __LINE__, "held over the limit");
        p[at] = q;
        if (rng_below(&rng, 3) == 0) {
            mem_free(ctx, p[at]);
            p[at] = NULL;
        }
    }
    for (int i = 0; i < 8; i++)
        mem_free(ctx, p[i]);
    return AKIN_OK;
}

static void test_threads(void **state)
{
    (void)state;
    akin_error err;
    akin_ctx *ctx = test_ctx_new(4, 64 * MIB);
    assert_int_equal(par_for(ctx, 24, hammer, ctx, &err), AKIN_OK);
    test_ctx_done(ctx);
}

/* Counted once, ended by the last owner, and never moved under the others. */
static void test_share(void **state)
{
    akin_ctx *ctx = *state;
    static const int64_t sizes[] = {1000, 5 * MIB}; /* malloc's; a map that is kept for reuse */
    for (size_t s = 0; s < 2; s++) {
        int64_t n = sizes[s], before = mem_used(ctx->mem);
        unsigned char *p = mem_alloc(ctx, n, 1, NULL);
        memset(p, 0x5a, (size_t)n);
        int64_t used = mem_used(ctx->mem);
        assert_ptr_equal(mem_share(p), p);
        assert_ptr_equal(mem_share(p), p);
        assert_int_equal(mem_used(ctx->mem), used);
        mem_free(ctx, p);
        assert_int_equal(mem_used(ctx->mem), used);
        unsigned char *own = mem_resize(ctx, p, n + n / 8, 1, NULL);
        assert_ptr_not_equal(own, p);
        memset(own, 0, (size_t)n);
        for (int64_t i = 0; i < n; i++)
            if (p[i] != 0x5a)
                fail_msg("byte %lld changed under another owner", (long long)i);
        mem_free(ctx, own);
        assert_int_equal(mem_used(ctx->mem), used);
        mem_free(ctx, p);
        assert_int_equal(mem_used(ctx->mem), before);
        /* whoever gets the block next is its only owner */
        p = mem_alloc(ctx, n, 1, NULL);
        mem_free(ctx, p);
        assert_int_equal(mem_used(ctx->mem), before);
    }
    assert_null(mem_share(NULL));
}

static akin_status share_and_free(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)block, (void)worker, (void)err;
    void **shared = arg;
    for (int i = 0; i < 1000; i++)
        mem_free(shared[0], mem_share(shared[1]));
    return AKIN_OK;
}

static void test_share_threads(void **state)
{
    (void)state;
    akin_error err;
    akin_ctx *ctx = test_ctx_new(4, 0);
    int64_t before = mem_used(ctx->mem);
    void *shared[2] = {ctx, mem_alloc(ctx, 100, 1, NULL)};
    int64_t used = mem_used(ctx->mem);
    assert_int_equal(par_for(ctx, 24, share_and_free, shared, &err), AKIN_OK);
    assert_int_equal(mem_used(ctx->mem), used);
    mem_free(ctx, shared[1]);
    assert_int_equal(mem_used(ctx->mem), before);
    test_ctx_done(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_small, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_overflow, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_large, test_setup, test_teardown),
        cmocka_unit_test(test_kept_never_over_peak),
        cmocka_unit_test(test_limit),
        cmocka_unit_test_setup_teardown(test_peak, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_resize, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_grow, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_fail_at, test_setup, test_teardown),
        cmocka_unit_test(test_threads),
        cmocka_unit_test_setup_teardown(test_share, test_setup, test_teardown),
        cmocka_unit_test(test_share_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
