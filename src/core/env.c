/*
 * ${NAME} in configuration texts, so that secrets and machines stay out of files under version
 * control. The environment wins over `.env`. No nesting, no defaults (${A:-b}), no commands: a
 * value is put in as it is and not looked at again.
 */
#include "core/env.h"

#include "core/file.h"
#include "core/text.h"

#include <stdlib.h>
#include <string.h>

#define ENV_FILE_MOST ((int64_t)1 << 20)
#define ENV_NAME_MOST 128

void env_init(struct env *env, akin_ctx *ctx)
{
    memset(env, 0, sizeof *env);
    env->ctx = ctx;
}

void env_free(struct env *env)
{
    mem_free(env->ctx, env->pairs);
    mem_free(env->ctx, env->text);
    env_init(env, env->ctx);
}

static bool is_name_start(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static size_t name_length(const char *text, size_t size)
{
    size_t n = 0;
    if (size > 0 && is_name_start(text[0]))
        for (n = 1; n < size && (is_name_start(text[n]) || (text[n] >= '0' && text[n] <= '9'));)
            n++;
    return n;
}

static char *skip_blanks(char *at)
{
    while (*at == ' ' || *at == '\t' || *at == '\r')
        at++;
    return at;
}

/* Takes the quotes off in place; returns what follows the closing one, NULL if there is none. */
static char *unquote(char *value)
{
    char quote = value[0];
    char *to = value;
    for (char *at = value + 1; *at; at++) {
        if (*at == quote) {
            *to = '\0'; /* to <= at - 1 */
            return at + 1;
        }
        if (quote == '"' && *at == '\\' && at[1] && strchr("nt\"\\$", at[1])) {
            at++;
            *to++ = *at == 'n' ? '\n' : *at == 't' ? '\t' : *at;
        } else {
            *to++ = *at;
        }
    }
    return NULL;
}

/* Ends an unquoted value: before " #", without trailing blanks. */
static void end_plain(char *value)
{
    size_t n = 0;
    while (value[n] &&
           !(value[n] == '#' && (n == 0 || value[n - 1] == ' ' || value[n - 1] == '\t')))
        n++;
    while (n > 0 && (value[n - 1] == ' ' || value[n - 1] == '\t' || value[n - 1] == '\r'))
        n--;
    value[n] = '\0';
}

/* One line, NUL-terminated; cuts it into a name and a value. False if it is malformed. */
static bool parse_line(char *line, char **name, char **value)
{
    *name = NULL;
    char *at = skip_blanks(line);
    if (*at == '\0' || *at == '#')
        return true;
    if (strncmp(at, "export", 6) == 0 && (at[6] == ' ' || at[6] == '\t'))
        at = skip_blanks(at + 6);
    size_t length = name_length(at, strlen(at));
    char *equal = skip_blanks(at + length);
    if (length == 0 || length >= ENV_NAME_MOST || *equal != '=')
        return false;
    char *v = skip_blanks(equal + 1);
    if (*v == '"' || *v == '\'') {
        char *rest = unquote(v);
        if (!rest)
            return false;
        rest = skip_blanks(rest);
        if (*rest != '\0' && *rest != '#')
            return false;
    } else {
        end_plain(v);
    }
    at[length] = '\0';
    *name = at;
    *value = v;
    return true;
}

static akin_status parse_file(struct env *env, const char *path, int64_t size, akin_error *err)
{
    akin_status status = AKIN_OK;
    char *line = env->text;
    char *end = env->text + size;
    if (memchr(env->text, '\0', (size_t)size) || !text_is_utf8(env->text, (size_t)size))
        AKIN_FAIL(AKIN_E_INPUT, "%.120s: not UTF-8 text", path);
    if (size >= 3 && memcmp(line, "\xEF\xBB\xBF", 3) == 0)
        line += 3;
    for (int number = 1; line < end; number++) {
        char *name;
        char *value;
        char *next = memchr(line, '\n', (size_t)(end - line));
        if (next)
            *next = '\0';
        if (!parse_line(line, &name, &value))
            AKIN_FAIL(AKIN_E_INPUT, "%.120s:%d: expected NAME=VALUE", path, number);
        if (name) {
            MEM_GROW(env->ctx, env->pairs, env->cap, env->n_pairs + 2);
            env->pairs[env->n_pairs++] = name;
            env->pairs[env->n_pairs++] = value;
        }
        line = next ? next + 1 : end;
    }
done:
    return status;
}

akin_status env_load(struct env *env, const char *path, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct buf name;
    int64_t size = 0;
    const char *slash = strrchr(path, '/');
    buf_init(&name, env->ctx);
    if (slash)
        buf_add(&name, path, (size_t)(slash - path) + 1);
    buf_text(&name, ".env");
    AKIN_TRY(buf_check(&name, err));
    if (!file_exists(name.data))
        goto done;
    AKIN_TRY(file_read(env->ctx, name.data, ENV_FILE_MOST, &env->text, &size, err));
    AKIN_TRY(parse_file(env, name.data, size, err));
done:
    buf_free(&name);
    return status;
}

const char *env_get(const struct env *env, const char *name)
{
    const char *value = getenv(name);
    /* The last line of a name counts, as in a shell. */
    for (int64_t i = env->n_pairs; !value && i >= 2; i -= 2) {
        if (strcmp(env->pairs[i - 2], name) == 0)
            value = env->pairs[i - 1];
    }
    return value;
}

akin_status env_expand(const struct env *env, const char *what, const char *text, size_t size,
                       struct buf *out, bool *changed, akin_error *err)
{
    akin_status status = AKIN_OK;
    size_t i = 0;
    while (i < size) {
        const char *dollar = memchr(text + i, '$', size - i);
        size_t at = dollar ? (size_t)(dollar - text) : size;
        buf_add(out, text + i, at - i);
        i = at;
        if (i == size)
            break;
        if (size - i >= 3 && text[i + 1] == '$' && text[i + 2] == '{') {
            buf_text(out, "${");
            *changed = true;
            i += 3;
        } else if (size - i >= 2 && text[i + 1] == '{') {
            char name[ENV_NAME_MOST];
            size_t length = name_length(text + i + 2, size - i - 2);
            if (length == 0 || length >= sizeof name || i + 2 + length == size ||
                text[i + 2 + length] != '}')
                AKIN_FAIL(AKIN_E_INPUT, "%s: expected ${NAME} (write $${ for a literal ${)", what);
            memcpy(name, text + i + 2, length);
            name[length] = '\0';
            const char *value = env_get(env, name);
            if (!value)
                AKIN_FAIL(AKIN_E_INPUT, "%s: ${%s} is set neither in the environment nor in .env",
                          what, name);
            buf_text(out, value);
            *changed = true;
            i += length + 3;
        } else {
            buf_char(out, '$');
            i++;
        }
    }
done:
    return status;
}
