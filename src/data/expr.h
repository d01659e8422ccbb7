/*
 * The one expression language (filters, `positive`): typed booleans over attributes.
 *
 *   category in ["Comedy","Drama"] and year >= 1990 and not (id in $seen)
 *
 * Names are columns; numbers, "texts", [lists], $variables; == != < <= > >= in, not in, and, or,
 * not, parentheses; `name is missing`. A multi-valued category is `in` a list when any value is,
 * == a text when any value is it. Errors point at the column. Nesting and length are bounded.
 *
 *   or       any of …            and      all of …            not      negation
 *   x op y   == != < <= > >=; one side at least is a column; texts are ordered by bytes
 *   x in [1, 2]   x not in ["a", "b"]   x is missing   x is not missing   true   false
 *   id in $seen   the row itself is in the caller's set `seen`
 * Texts stand in double or single quotes with \" \' \\ \n \t \uXXXX; names with odd characters
 * stand in `backticks`. `not` binds tighter than `and`, `and` than `or`.
 *
 * The logic has two values: every comparison and membership (also != and not in) of a missing
 * value is false, so that `not (year > 3)` is true where year is missing.
 */
#ifndef AKIN_DATA_EXPR_H
#define AKIN_DATA_EXPR_H

#include "core/ctx.h"
#include "data/table.h"

enum expr_type { EXPR_NUMBER = 1, EXPR_TEXT = 2, EXPR_SET = 3 };

/* What a name means: the caller resolves it to a field number and a type. */
struct expr_names {
    void *arg;
    /* field number >= 0 and *type; -1 = unknown (near-miss listing is the caller's via hint) */
    int (*resolve)(void *arg, const char *name, enum expr_type *type);
    const char *hint; /* names to list in errors, may be NULL */
    /* is there a variable $name? NULL = any name will do */
    bool (*has_var)(void *arg, const char *name);
};

/* How a row's fields are read during evaluation. Functions for absent types may be NULL. */
struct expr_row {
    const void *arg;
    int64_t row;
    double (*number)(const void *arg, int64_t row, int field);
    /* n-th text of the field, false past the end; plain texts have one, sets have any number */
    bool (*text)(const void *arg, int64_t row, int field, int n, const char **text, int32_t *size);
    /* is the row in variable $name (e.g. seen)? */
    bool (*in_var)(const void *arg, int64_t row, const char *name);
};

enum { EXPR_MAX_BYTES = 65536, EXPR_MAX_DEPTH = 64 };

struct expr;
/*
 * what: prefix of messages ("filter"); text, names: borrowed during the call. A name is resolved
 * where it is used. Fails: E_INPUT "filter: column 12: unknown name 'yaer' (known: …)", E_MEMORY.
 * Threads: an expression is immutable; any number may evaluate it.
 */
akin_status expr_compile(akin_ctx *ctx, const char *what, const char *text,
                         const struct expr_names *names, struct expr **out, akin_error *err);
bool expr_eval(const struct expr *expr, const struct expr_row *row);
bool expr_uses_var(const struct expr *expr, const char *name);
bool expr_uses_field(const struct expr *expr, int field);
/*
 * The distinct numbers that `field` is compared with, ascending, at most cap of them into out:
 * between two of them the expression does not depend on the field. Returns how many there are, or
 * -1 if the field is compared with another column.
 */
int expr_constants(const struct expr *expr, int field, double *out, int cap);
void expr_free(struct expr *expr);

#endif
