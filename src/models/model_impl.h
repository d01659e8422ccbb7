/* What model.c and model_io.c share, and small helpers for model files. */
#ifndef AKIN_MODELS_MODEL_IMPL_H
#define AKIN_MODELS_MODEL_IMPL_H

#include "models/model.h"

/* Frees an array that is const to its readers. */
static inline void model_free_array(akin_ctx *ctx, const void *array)
{
    union {
        const void *in;
        void *out;
    } cast = {array};
    mem_free(ctx, cast.out);
}

/* MEM_NEW of an arena: cleared. */
#define ARENA_NEW(arena, p, n)                                                                     \
    do {                                                                                           \
        (p) = arena_alloc((arena), (int64_t)(n), (int64_t)sizeof *(p), err);                       \
        if (!(p)) {                                                                                \
            status = AKIN_E_MEMORY;                                                                \
            goto done;                                                                             \
        }                                                                                          \
    } while (0)

/* A section of n finite floats, as a view into the file. Fails: E_FORMAT, E_CANCELLED. */
akin_status model_load_floats(akin_ctx *ctx, struct container *c, const char *name, int64_t n,
                              const float **out, akin_error *err);

#endif
