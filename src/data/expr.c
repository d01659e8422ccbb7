/*
 * The expression language: compile and evaluate.
 *
 * Cost: evaluation walks the tree, a few ns a comparison, a binary search a list. It allocates
 * nothing and keeps no state. Not done: arithmetic, functions, patterns; a caller that filters a
 * catalogue keeps the result as a bitmap.
 */
#include "data/expr_impl.h"

#include "core/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

akin_status expr_compile(akin_ctx *ctx, const char *what, const char *text,
                         const struct expr_names *names, struct expr **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct expr *expr = NULL;
    size_t size = strnlen(text, (size_t)EXPR_MAX_BYTES + 1);
    if (size > EXPR_MAX_BYTES)
        AKIN_FAIL(AKIN_E_INPUT, "%s: longer than %d bytes", what, EXPR_MAX_BYTES);
    if (!text_is_utf8(text, size))
        AKIN_FAIL(AKIN_E_INPUT, "%s: not valid UTF-8", what);
    MEM_ZERO(ctx, expr, 1);
    expr->ctx = ctx;
    arena_init(&expr->arena, ctx);
    AKIN_TRY(expr_parse(expr, what, text, size, names, err));
    *out = expr;
    expr = NULL;
done:
    expr_free(expr);
    return status;
}

void expr_free(struct expr *expr)
{
    if (!expr)
        return;
    akin_ctx *ctx = expr->ctx;
    arena_free(&expr->arena);
    mem_free(ctx, expr->node);
    mem_free(ctx, expr->numbers);
    mem_free(ctx, expr->texts);
    mem_free(ctx, expr);
}

int expr_str_compare(struct expr_str a, struct expr_str b)
{
    return text_compare(a.text, (size_t)a.size, b.text, (size_t)b.size);
}

static bool order_holds(enum expr_cmp cmp, int order)
{
    switch (cmp) {
    case EXPR_EQ:
        return order == 0;
    case EXPR_NE:
        return order != 0;
    case EXPR_LT:
        return order < 0;
    case EXPR_LE:
        return order <= 0;
    case EXPR_GT:
        return order > 0;
    case EXPR_GE:
        return order >= 0;
    }
    return false;
}

static bool numbers_hold(enum expr_cmp cmp, double a, double b)
{
    if (isnan(a) || isnan(b))
        return false;
    return order_holds(cmp, (a > b) - (a < b));
}

/* The one text of a TEXT field; an empty one is missing. */
static bool text_of(const struct expr_row *row, int field, struct expr_str *out)
{
    return row->text && row->text(row->arg, row->row, field, 0, &out->text, &out->size) &&
           out->size > 0;
}

static bool in_numbers(const struct expr *e, const struct expr_node *node, double x)
{
    int32_t lo = node->list, hi = node->list + node->n_list;
    while (lo < hi) {
        int32_t mid = lo + (hi - lo) / 2;
        if (e->numbers[mid] < x)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < node->list + node->n_list && e->numbers[lo] == x;
}

static bool in_texts(const struct expr *e, const struct expr_node *node, struct expr_str x)
{
    int32_t lo = node->list, hi = node->list + node->n_list;
    while (lo < hi) {
        int32_t mid = lo + (hi - lo) / 2;
        int order = expr_str_compare(e->texts[mid], x);
        if (order == 0)
            return true;
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return false;
}

static bool eval_text_in(const struct expr *e, const struct expr_node *node,
                         const struct expr_row *row)
{
    struct expr_str text;
    bool is_missing = true;
    if (!row->text)
        return false;
    for (int n = 0; row->text(row->arg, row->row, node->field, n, &text.text, &text.size); n++) {
        if (text.size == 0)
            continue;
        is_missing = false;
        if (in_texts(e, node, text))
            return !node->negate;
    }
    return !is_missing && node->negate;
}

static double number_of(const struct expr_row *row, int field)
{
    return row->number ? row->number(row->arg, row->row, field) : (double)NAN;
}

static bool eval_missing(const struct expr_node *node, const struct expr_row *row)
{
    struct expr_str text;
    if (node->type == EXPR_NUMBER)
        return isnan(number_of(row, node->field));
    return !text_of(row, node->field, &text);
}

static bool eval_leaf(const struct expr *e, const struct expr_node *node,
                      const struct expr_row *row)
{
    struct expr_str a, b;
    double x;
    switch (node->op) {
    case EXPR_CONST:
        return !node->negate;
    case EXPR_MISSING:
        return eval_missing(node, row) != node->negate;
    case EXPR_NUM_CMP:
        return numbers_hold(node->cmp, number_of(row, node->field), node->number);
    case EXPR_NUM_FIELDS:
        return numbers_hold(node->cmp, number_of(row, node->field), number_of(row, node->field2));
    case EXPR_TEXT_CMP:
        return text_of(row, node->field, &a) &&
               order_holds(node->cmp, expr_str_compare(a, node->text));
    case EXPR_TEXT_FIELDS:
        return text_of(row, node->field, &a) && text_of(row, node->field2, &b) &&
               order_holds(node->cmp, expr_str_compare(a, b));
    case EXPR_NUM_IN:
        x = number_of(row, node->field);
        return !isnan(x) && in_numbers(e, node, x) != node->negate;
    case EXPR_TEXT_IN:
        return eval_text_in(e, node, row);
    case EXPR_VAR:
        return (row->in_var && row->in_var(row->arg, row->row, node->text.text)) != node->negate;
    case EXPR_OR:
    case EXPR_AND:
    case EXPR_NOT:
        break;
    }
    return false;
}

/* Recursion is bounded by the parser: two frames a level of nesting. */
static bool eval(const struct expr *e, int32_t at, const struct expr_row *row)
{
    const struct expr_node *node = &e->node[at];
    switch (node->op) {
    case EXPR_NOT:
        return !eval(e, node->child, row);
    case EXPR_OR:
        for (int32_t c = node->child; c >= 0; c = e->node[c].next) {
            if (eval(e, c, row))
                return true;
        }
        return false;
    case EXPR_AND:
        for (int32_t c = node->child; c >= 0; c = e->node[c].next) {
            if (!eval(e, c, row))
                return false;
        }
        return true;
    default:
        return eval_leaf(e, node, row);
    }
}

bool expr_eval(const struct expr *expr, const struct expr_row *row)
{
    return eval(expr, expr->root, row);
}

bool expr_uses_var(const struct expr *expr, const char *name)
{
    for (int64_t i = 0; i < expr->n_nodes; i++) {
        if (expr->node[i].op == EXPR_VAR && strcmp(expr->node[i].text.text, name) == 0)
            return true;
    }
    return false;
}

static bool is_logic(enum expr_op op)
{
    return op == EXPR_OR || op == EXPR_AND || op == EXPR_NOT || op == EXPR_CONST || op == EXPR_VAR;
}

bool expr_uses_field(const struct expr *expr, int field)
{
    for (int64_t i = 0; i < expr->n_nodes; i++) {
        const struct expr_node *node = &expr->node[i];
        bool is_pair = node->op == EXPR_NUM_FIELDS || node->op == EXPR_TEXT_FIELDS;
        if (!is_logic(node->op) && (node->field == field || (is_pair && node->field2 == field)))
            return true;
    }
    return false;
}

/* Inserts x into the ascending out[0..n) unless it is there; n counts on when there is no room. */
static int constant_add(double x, double *out, int n, int cap)
{
    int at = 0, filled = n < cap ? n : cap;
    while (at < filled && out[at] < x)
        at++;
    if (at < filled && out[at] == x)
        return n;
    if (filled < cap) {
        memmove(out + at + 1, out + at, (size_t)(filled - at) * sizeof *out);
        out[at] = x;
    }
    return n + 1;
}

int expr_constants(const struct expr *expr, int field, double *out, int cap)
{
    int n = 0;
    for (int64_t i = 0; i < expr->n_nodes; i++) {
        const struct expr_node *node = &expr->node[i];
        if (node->op == EXPR_NUM_FIELDS && (node->field == field || node->field2 == field))
            return -1;
        if (node->op == EXPR_NUM_CMP && node->field == field)
            n = constant_add(node->number, out, n, cap);
        if (node->op == EXPR_NUM_IN && node->field == field) {
            for (int32_t j = 0; j < node->n_list; j++)
                n = constant_add(expr->numbers[node->list + j], out, n, cap);
        }
    }
    return n;
}
