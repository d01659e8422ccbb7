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

/* Keeps the `max` largest of *n reasons, ties by item. */
void reason_push(struct reason *out, int32_t max, int32_t *n, struct reason r);

#endif
