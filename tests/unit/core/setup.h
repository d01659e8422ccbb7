/* What the tests of core share: cmocka's includes, a context, a scratch directory. */
#ifndef TESTS_UNIT_CORE_SETUP_H
#define TESTS_UNIT_CORE_SETUP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/ctx.h"

static inline akin_ctx *test_ctx_new(int64_t threads, int64_t limit)
{
    akin_ctx *ctx = NULL;
    akin_error err;
    assert_int_equal(ctx_create(threads, 1, limit, &ctx, &err), AKIN_OK);
    return ctx;
}

/* All memory must have come back. */
static inline void test_ctx_done(akin_ctx *ctx)
{
    assert_int_equal(mem_used(ctx->mem), 0);
    ctx_free(ctx);
}

static inline int test_setup(void **state)
{
    *state = test_ctx_new(2, 0);
    return 0;
}

static inline int test_teardown(void **state)
{
    test_ctx_done(*state);
    return 0;
}

#define assert_contains(text, part)                                                                \
    do {                                                                                           \
        if (!strstr((text), (part)))                                                               \
            fail_msg("'%s' does not contain '%s'", (text), (part));                                \
    } while (0)

#endif
