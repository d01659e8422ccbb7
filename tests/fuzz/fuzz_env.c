/*
 * Fuzz: `.env` files and ${NAME} in texts: what lies before the first NUL is the file, the rest the
 * text. The file is a link to one in memory, in a directory that goes at the end.
 */
#include "fuzz_base.h"

#include "core/env.h"

static char dir[] = "/tmp/akin-fuzz-env-XXXXXX", beside[sizeof dir + 8], link_path[sizeof dir + 8];

static void clean_up(void)
{
    unlink(link_path);
    rmdir(dir);
}

/* The path of a configuration with the bytes as its .env. */
static const char *config_beside(const uint8_t *data, size_t size)
{
    const char *file = fuzz_file(data, size);
    if (beside[0])
        return beside;
    if (!mkdtemp(dir))
        abort();
    snprintf(beside, sizeof beside, "%s/c.yaml", dir);
    snprintf(link_path, sizeof link_path, "%s/.env", dir);
    if (symlink(file, link_path) != 0 || atexit(clean_up) != 0)
        abort();
    return beside;
}

static void check_pairs(const struct env *env)
{
    for (int64_t i = 0; i < env->n_pairs; i += 2) {
        const char *name = env->pairs[i], *last = NULL;
        if (strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789") !=
                strlen(name) ||
            name[0] == '\0' || (name[0] >= '0' && name[0] <= '9'))
            abort();
        for (int64_t j = 0; j < env->n_pairs; j += 2)
            if (strcmp(env->pairs[j], name) == 0)
                last = env->pairs[j + 1];
        if (!getenv(name) && env_get(env, name) != last)
            abort();
    }
}

static void expand(akin_ctx *ctx, const struct env *env, const char *text, size_t size)
{
    struct buf out;
    bool changed = false;
    akin_error err = {0};
    buf_init(&out, ctx);
    akin_status status = env_expand(env, "fuzz", text, size, &out, &changed, &err);
    fuzz_refused(status, &err);
    if (status == AKIN_OK && !changed &&
        ((size_t)out.size != size || (size > 0 && memcmp(out.data, text, size) != 0)))
        fuzz_fail("changed without a word", NULL);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    akin_ctx *ctx = fuzz_ctx();
    const uint8_t *stop = size > 0 ? memchr(data, 0, size) : NULL;
    size_t n = stop ? (size_t)(stop - data) : size;
    struct env env;
    akin_error err = {0};
    env_init(&env, ctx);
    akin_status status = env_load(&env, config_beside(data, n), &err);
    fuzz_refused(status, &err);
    if (status == AKIN_OK) {
        char *text = fuzz_text(data + n + (stop != NULL), size - n - (stop != NULL));
        check_pairs(&env);
        expand(ctx, &env, text, size - n - (stop != NULL));
        free(text);
    }
    env_free(&env);
    fuzz_clean(ctx, 0);
    return 0;
}
