/* ${NAME} in configuration texts, from the environment or a `.env` file. For yaml.c. */
#ifndef AKIN_CORE_ENV_H
#define AKIN_CORE_ENV_H

#include "core/buf.h"

struct env {
    akin_ctx *ctx;
    char *text;   /* owned: the .env file, cut into NUL-terminated names and values; or NULL */
    char **pairs; /* owned: name, value, name, value, … in text */
    int64_t n_pairs;
    int64_t cap;
};

/* No .env file: the environment only. */
void env_init(struct env *env, akin_ctx *ctx);
/*
 * Reads `.env` beside path, if there is one. Lines: [export ]NAME=VALUE, # comments, blank ones;
 * VALUE may be in single quotes (as it is) or double quotes (\n \t \" \\ \$ known); without quotes
 * it ends before " #". Fails: E_INPUT with the line, E_IO, E_MEMORY.
 */
akin_status env_load(struct env *env, const char *path, akin_error *err);
void env_free(struct env *env);
/* The value of name; NULL if neither the environment nor the file has it. */
const char *env_get(const struct env *env, const char *name);
/*
 * Appends text to out with ${NAME} replaced and $${ made ${; sets *changed if anything was.
 * what: prefix of messages, "file:line:column". Fails: E_INPUT: unknown NAME or bad form.
 */
akin_status env_expand(const struct env *env, const char *what, const char *text, size_t size,
                       struct buf *out, bool *changed, akin_error *err);

#endif
