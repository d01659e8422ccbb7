/* Bridges to jansson (JSON) and libyaml (YAML), both to json_t trees. */
#ifndef AKIN_CORE_JSON_H
#define AKIN_CORE_JSON_H

#include "core/buf.h"
#include "core/error.h"

#include <jansson.h>

/* Strict JSON; duplicate keys refused; depth and size bounded. `what` names it in errors. */
akin_status json_parse(const char *what, const char *text, size_t size, json_t **out,
                       akin_error *err);
akin_status json_read_file(akin_ctx *ctx, const char *path, json_t **out, akin_error *err);
/* Compact (sorted keys: equal trees give equal bytes) text appended to buf. */
akin_status json_write(const json_t *json, struct buf *buf, akin_error *err);
/* The same with keys in their order of insertion: results, as they were asked for. */
akin_status json_write_ordered(const json_t *json, struct buf *buf, akin_error *err);

/*
 * The part of YAML that people write configurations in: mappings, sequences, scalars (core-schema
 * types: null, true/false, integers, floats, else text; see yaml.c), flow and block forms,
 * comments, block scalars. Anchors, tags, several documents and duplicate keys are refused with
 * line and column. An empty file is null.
 * ${NAME} in scalars is replaced from the environment, then from `.env` beside the file (if any;
 * yaml_parse has no file and so no .env); an unknown NAME is an error; $${ is a literal ${.
 */
akin_status yaml_read_file(akin_ctx *ctx, const char *path, json_t **out, akin_error *err);
akin_status yaml_parse(akin_ctx *ctx, const char *what, const char *text, size_t size, json_t **out,
                       akin_error *err);

/* Typed look-ups on a tree that is known to be well formed; fallback if absent. */
const char *json_text(const json_t *object, const char *key, const char *fallback);
int64_t json_int(const json_t *object, const char *key, int64_t fallback);
double json_double(const json_t *object, const char *key, double fallback);

#endif
