/* A model and its parameters as a YAML file: what `tune` writes, `train --config` and the
 * pipeline's `models` read. */
#ifndef AKIN_API_MODEL_YAML_H
#define AKIN_API_MODEL_YAML_H

#include "core/ctx.h"

#include <jansson.h>

/* Writes {"type": …, key: value, …} with a comment line before it, atomically. Fails: E_IO,
 * E_MEMORY. */
akin_status model_yaml_write(akin_ctx *ctx, const char *path, const char *comment,
                             const json_t *spec, akin_error *err);

#endif
