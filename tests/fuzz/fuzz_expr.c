/*
 * Fuzz: the expression language. Any text compiles or is refused with a message; what compiles
 * evaluates on any row, present or missing, and frees all it took.
 */
#include "data/expr.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int resolve(void *arg, const char *name, enum expr_type *type)
{
    static const char *const names[] = {"year", "rank", "title", "genre", "id"};
    static const enum expr_type types[] = {EXPR_NUMBER, EXPR_NUMBER, EXPR_TEXT, EXPR_SET,
                                           EXPR_TEXT};
    (void)arg;
    for (int i = 0; i < 5; i++) {
        if (strcmp(name, names[i]) == 0) {
            *type = types[i];
            return i;
        }
    }
    return -1;
}

static double number(const void *arg, int64_t row, int field)
{
    (void)arg;
    return row == 0 ? (double)NAN : (double)(1990 + field);
}

static bool text(const void *arg, int64_t row, int field, int n, const char **out, int32_t *size)
{
    static const char *const values[] = {"Comedy", "Drama"};
    (void)arg;
    if (row == 0 || n > (field == 3))
        return false;
    *out = values[n];
    *size = (int32_t)strlen(*out);
    return true;
}

static bool in_var(const void *arg, int64_t row, const char *name)
{
    (void)arg;
    return row == 1 && name[0] == 's';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static akin_ctx *ctx; /* one for all inputs: a context starts threads */
    struct expr_names names = {.resolve = resolve, .hint = "year, rank, title, genre, id"};
    struct expr *expr = NULL;
    akin_error err;
    double constants[4];
    if (!ctx && ctx_create(1, 1, 0, &ctx, NULL) != AKIN_OK)
        abort();
    char *source = malloc(size + 1);
    if (!source)
        abort();
    if (size > 0)
        memcpy(source, data, size);
    source[size] = '\0';
    akin_status status = expr_compile(ctx, "filter", source, &names, &expr, &err);
    free(source); /* the expression keeps nothing of it */
    if (status == AKIN_OK) {
        for (int64_t i = 0; i < 3; i++) {
            struct expr_row row = {.row = i, .number = number, .text = text, .in_var = in_var};
            bool first = expr_eval(expr, &row);
            if (expr_eval(expr, &row) != first)
                abort();
        }
        struct expr_row nothing = {.row = 0};
        (void)expr_eval(expr, &nothing);
        (void)expr_uses_var(expr, "seen");
        for (int field = 0; field < 5; field++)
            (void)expr_constants(expr, field, constants, 4);
        expr_free(expr);
    } else if (status != AKIN_E_INPUT || strncmp(err.message, "filter: ", 8) != 0) {
        abort();
    }
    if (mem_used(ctx->mem) != 0)
        abort();
    return 0;
}
