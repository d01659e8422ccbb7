/* What model.c and model_io.c share, and small helpers for model files. */
#ifndef AKIN_MODELS_MODEL_IMPL_H
#define AKIN_MODELS_MODEL_IMPL_H

#include "models/model.h"

/* A model that shall be a part of whole, which need not be complete; NULL = none. */
akin_status model_create_part(akin_ctx *ctx, const struct model_class *cls, const json_t *params,
                              struct model *whole, struct model **out, akin_error *err);
/* Of a composite: all but the class's own fit, so that its parts can be asked. */
akin_status model_fit_parts(struct model *m, const struct train_view *tv, akin_error *err);

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
