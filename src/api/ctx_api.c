/* The public context: core's, with kernels chosen. */
#include "core/ctx.h"
#include "kern/kern.h"

akin_status akin_ctx_create(const akin_ctx_options *options, akin_ctx **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    static const akin_ctx_options defaults = {0, 42, 0, NULL};
    const akin_ctx_options *o = options ? options : &defaults;
    akin_ctx *ctx = NULL;
    if (o->threads < 0 || o->threads > 1024)
        AKIN_FAIL(AKIN_E_ARG, "threads=%lld (must be 0..1024)", (long long)o->threads);
    if (o->memory_limit < 0)
        AKIN_FAIL(AKIN_E_ARG, "memory=%lld (must be >= 0)", (long long)o->memory_limit);
    AKIN_TRY(ctx_create(o->threads, o->seed, o->memory_limit, &ctx, err));
    AKIN_TRY(kern_select(ctx, o->isa, err));
    *out = ctx;
    ctx = NULL;
done:
    ctx_free(ctx);
    return status;
}

void akin_ctx_free(akin_ctx *ctx)
{
    ctx_free(ctx);
}
