/* What the tests of solve share: a context, seeded data. */
#ifndef TESTS_UNIT_SOLVE_UTIL_H
#define TESTS_UNIT_SOLVE_UTIL_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/par.h"
#include "core/rng.h"
#include "kern/kern.h"

static const uint64_t test_seed = 20260101;

static inline akin_ctx *solve_ctx(int64_t threads, const char *isa)
{
    akin_ctx *ctx = NULL;
    akin_error err;
    assert_int_equal(ctx_create(threads, test_seed, 0, &ctx, &err), AKIN_OK);
    assert_int_equal(kern_select(ctx, isa, &err), AKIN_OK);
    return ctx;
}

static inline void solve_ctx_done(akin_ctx *ctx)
{
    assert_int_equal(mem_used(ctx->mem), 0);
    ctx_free(ctx);
}

static inline void *solve_array(int64_t n, size_t size)
{
    void *p = calloc((size_t)(n > 0 ? n : 1), size);
    assert_non_null(p);
    return p;
}

/* Uniform in [-1, 1). */
static inline void solve_fill(float *x, int64_t n, uint64_t index)
{
    struct rng rng = rng_make(test_seed, RNG_TEST, index);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(2.0 * rng_double(&rng) - 1.0);
}

#endif
