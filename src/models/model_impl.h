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

/* n finite floats of a section, borrowed from the file. Fails: E_FORMAT. */
akin_status model_load_floats(akin_ctx *ctx, struct container *c, const char *name, int64_t n,
                              const float **out, akin_error *err);

#endif
