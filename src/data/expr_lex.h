/* Tokens of the expression language, and errors that point at them. */
#ifndef AKIN_DATA_EXPR_LEX_H
#define AKIN_DATA_EXPR_LEX_H

#include "data/expr_impl.h"

enum expr_token_kind {
    TOKEN_END,
    TOKEN_NAME,
    TOKEN_NUMBER,
    TOKEN_TEXT,
    TOKEN_VAR,
    TOKEN_CMP,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_LIST_OPEN,
    TOKEN_LIST_CLOSE,
    TOKEN_COMMA,
    TOKEN_OR,
    TOKEN_AND,
    TOKEN_NOT,
    TOKEN_IN,
    TOKEN_IS,
    TOKEN_MISSING,
    TOKEN_TRUE,
    TOKEN_FALSE
};

struct expr_token {
    enum expr_token_kind kind;
    size_t at;            /* first byte in the source */
    enum expr_cmp cmp;    /* CMP */
    double number;        /* NUMBER */
    struct expr_str text; /* NAME, VAR, TEXT: decoded, NUL-terminated, in the arena */
};

struct expr_lex {
    struct arena *arena;
    const char *what;
    const char *text; /* (size) valid UTF-8 */
    size_t size;
    size_t at;
};

/* The next token; TOKEN_END at the end and ever after. */
akin_status expr_lex_next(struct expr_lex *lex, struct expr_token *out, akin_error *err);
/* E_INPUT "what: column N: message, at >>rest". */
akin_status expr_lex_fail(const struct expr_lex *lex, size_t at, akin_error *err,
                          const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
