/* Inside of the expression language: the tree that expr_parse.c makes and expr.c walks. */
#ifndef AKIN_DATA_EXPR_IMPL_H
#define AKIN_DATA_EXPR_IMPL_H

#include "data/expr.h"

enum expr_op {
    EXPR_OR,          /* any child */
    EXPR_AND,         /* all children */
    EXPR_NOT,         /* its only child */
    EXPR_CONST,       /* true, or false when negated */
    EXPR_MISSING,     /* field is (not) missing */
    EXPR_NUM_CMP,     /* field cmp number */
    EXPR_NUM_FIELDS,  /* field cmp field2 */
    EXPR_TEXT_CMP,    /* text field cmp text */
    EXPR_TEXT_FIELDS, /* text field cmp text field2 */
    EXPR_NUM_IN,      /* field (not) in numbers */
    EXPR_TEXT_IN,     /* any text of the field is (not) in texts; also set == text */
    EXPR_VAR          /* the row is (not) in $variable */
};
enum expr_cmp { EXPR_EQ, EXPR_NE, EXPR_LT, EXPR_LE, EXPR_GT, EXPR_GE };

struct expr_str {
    const char *text;
    int32_t size;
};

struct expr_node {
    enum expr_op op;
    enum expr_cmp cmp;
    bool negate;
    enum expr_type type; /* of field */
    int field, field2;
    int32_t child;        /* first child, -1 = none */
    int32_t next;         /* next sibling, -1 = none */
    int32_t list, n_list; /* range of numbers or texts, sorted */
    double number;
    struct expr_str text; /* also the name of a variable (NUL-terminated) */
};

struct expr {
    akin_ctx *ctx;
    struct arena arena; /* owns the bytes of texts */
    struct expr_node *node;
    int64_t n_nodes, cap_nodes;
    double *numbers;
    int64_t n_numbers, cap_numbers;
    struct expr_str *texts;
    int64_t n_texts, cap_texts;
    int32_t root;
};

int expr_str_compare(struct expr_str a, struct expr_str b);
akin_status expr_parse(struct expr *expr, const char *what, const char *text, size_t size,
                       const struct expr_names *names, akin_error *err);

#endif
