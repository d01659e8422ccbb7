/*
 * The parser of the expression language: recursive descent over tokens, types checked on the way.
 *
 *   or      = and { "or" and }            and = not { "and" not }
 *   not     = "not" not | primary
 *   primary = "(" or ")" | "true" | "false" | operand tail
 *   tail    = cmp operand | ["not"] "in" (list | $var) | "is" ["not"] "missing"
 *   operand = name | number | text
 *
 * Cost: linear in the text, plus the sort of lists. Chains of `and` and `or` are one node with many
 * children, so that only parentheses and `not` nest; these are counted against EXPR_MAX_DEPTH.
 */
#include "data/expr_lex.h"

#include "core/text.h"

#include <stdlib.h>
#include <string.h>

struct parser {
    struct expr *expr;
    struct expr_lex lex;
    struct expr_token token; /* the one ahead */
    const struct expr_names *names;
    int depth;
};

/* A side of a comparison. */
struct operand {
    size_t at;
    bool is_field;
    enum expr_type type;
    int field;
    double number;
    struct expr_str text;
};

static akin_status parse_or(struct parser *p, int32_t *out, akin_error *err);

static akin_status advance(struct parser *p, akin_error *err)
{
    return expr_lex_next(&p->lex, &p->token, err);
}

static const char *type_name(enum expr_type type)
{
    return type == EXPR_NUMBER ? "a number" : type == EXPR_TEXT ? "a text" : "a category";
}

static akin_status node_new(struct parser *p, enum expr_op op, int32_t *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct expr *e = p->expr;
    MEM_GROW(e->ctx, e->node, e->cap_nodes, e->n_nodes + 1);
    struct expr_node *node = &e->node[e->n_nodes];
    memset(node, 0, sizeof *node);
    node->op = op;
    node->child = node->next = -1;
    *out = (int32_t)e->n_nodes++;
done:
    return status;
}

static akin_status number_add(struct expr *e, double number, akin_error *err)
{
    akin_status status = AKIN_OK;
    MEM_GROW(e->ctx, e->numbers, e->cap_numbers, e->n_numbers + 1);
    e->numbers[e->n_numbers++] = number;
done:
    return status;
}

static akin_status text_add(struct expr *e, struct expr_str text, akin_error *err)
{
    akin_status status = AKIN_OK;
    MEM_GROW(e->ctx, e->texts, e->cap_texts, e->n_texts + 1);
    e->texts[e->n_texts++] = text;
done:
    return status;
}

static akin_status resolve(struct parser *p, const struct expr_token *token, struct operand *out,
                           akin_error *err)
{
    const char *name = token->text.text, *hint = p->names->hint;
    out->is_field = true;
    out->type = EXPR_NUMBER;
    out->field = p->names->resolve(p->names->arg, name, &out->type);
    if (out->field >= 0)
        return AKIN_OK;
    if (strcmp(name, "AND") == 0 || strcmp(name, "OR") == 0 || strcmp(name, "NOT") == 0 ||
        strcmp(name, "IN") == 0)
        return expr_lex_fail(&p->lex, token->at, err, "'%s' is written in lower case", name);
    if (!hint)
        return expr_lex_fail(&p->lex, token->at, err, "unknown name '%.60s'", name);
    return expr_lex_fail(&p->lex, token->at, err, "unknown name '%.40s' (known: %.70s%s)", name,
                         hint, strlen(hint) > 70 ? "..." : "");
}

/* Reads a name, number or text. Names are resolved by the caller: `id in $x` needs none. */
static akin_status parse_literal(struct parser *p, struct operand *out, akin_error *err)
{
    out->at = p->token.at;
    if (p->token.kind == TOKEN_NUMBER) {
        out->type = EXPR_NUMBER;
        out->number = p->token.number;
    } else if (p->token.kind == TOKEN_TEXT) {
        out->type = EXPR_TEXT;
        out->text = p->token.text;
    } else {
        return expr_lex_fail(&p->lex, p->token.at, err,
                             "a column, number or \"text\" is missing here");
    }
    return advance(p, err);
}

static akin_status parse_operand(struct parser *p, struct operand *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    memset(out, 0, sizeof *out);
    if (p->token.kind != TOKEN_NAME)
        return parse_literal(p, out, err);
    out->at = p->token.at;
    AKIN_TRY(resolve(p, &p->token, out, err));
    AKIN_TRY(advance(p, err));
done:
    return status;
}

static enum expr_cmp flipped(enum expr_cmp cmp)
{
    static const enum expr_cmp of[] = {
        [EXPR_EQ] = EXPR_EQ, [EXPR_NE] = EXPR_NE, [EXPR_LT] = EXPR_GT,
        [EXPR_LE] = EXPR_GE, [EXPR_GT] = EXPR_LT, [EXPR_GE] = EXPR_LE};
    return of[cmp];
}

static akin_status check_types(struct parser *p, size_t at, const struct operand *a,
                               const struct operand *b, enum expr_cmp cmp, akin_error *err)
{
    bool is_order = cmp != EXPR_EQ && cmp != EXPR_NE;
    if (!a->is_field && !b->is_field) {
        if (a->type == EXPR_TEXT)
            return expr_lex_fail(&p->lex, a->at, err,
                                 "neither side is a column (names stand without quotes)");
        return expr_lex_fail(&p->lex, a->at, err, "neither side is a column");
    }
    if (a->type == EXPR_SET || b->type == EXPR_SET) {
        if (is_order)
            return expr_lex_fail(&p->lex, at, err, "a category has no order (use ==, != or in)");
        if (a->is_field && b->is_field)
            return expr_lex_fail(&p->lex, at, err, "a category compares with a \"text\" only");
    }
    if ((a->type == EXPR_NUMBER) != (b->type == EXPR_NUMBER))
        return expr_lex_fail(&p->lex, at, err, "%s does not compare with %s", type_name(a->type),
                             type_name(b->type));
    return AKIN_OK;
}

/* Behind `a`: cmp b. */
static akin_status parse_comparison(struct parser *p, struct operand a, int32_t *out,
                                    akin_error *err)
{
    akin_status status = AKIN_OK;
    struct operand b;
    size_t at = p->token.at;
    enum expr_cmp cmp = p->token.cmp;
    AKIN_TRY(advance(p, err));
    AKIN_TRY(parse_operand(p, &b, err));
    if (p->token.kind == TOKEN_CMP) {
        status = expr_lex_fail(&p->lex, p->token.at, err,
                               "comparisons do not chain (write a < b and b < c)");
        goto done;
    }
    AKIN_TRY(check_types(p, at, &a, &b, cmp, err));
    if (!a.is_field) {
        struct operand swap = a;
        a = b;
        b = swap;
        cmp = flipped(cmp);
    }
    enum expr_op op = a.type == EXPR_NUMBER ? (b.is_field ? EXPR_NUM_FIELDS : EXPR_NUM_CMP)
                      : a.type == EXPR_SET  ? EXPR_TEXT_IN
                      : b.is_field          ? EXPR_TEXT_FIELDS
                                            : EXPR_TEXT_CMP;
    AKIN_TRY(node_new(p, op, out, err));
    struct expr_node *node = &p->expr->node[*out];
    node->cmp = cmp;
    node->type = a.type;
    node->field = a.field;
    node->field2 = b.field;
    node->number = b.number;
    node->text = b.text;
    if (op == EXPR_TEXT_IN) {
        node->negate = cmp == EXPR_NE;
        node->list = (int32_t)p->expr->n_texts;
        node->n_list = 1;
        AKIN_TRY(text_add(p->expr, b.text, err));
    }
done:
    return status;
}

static int double_order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int str_order(const void *a, const void *b)
{
    return expr_str_compare(*(const struct expr_str *)a, *(const struct expr_str *)b);
}

static akin_status parse_element(struct parser *p, enum expr_type want, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct operand item = {0};
    AKIN_TRY(parse_literal(p, &item, err));
    if (item.type != want) {
        status = expr_lex_fail(&p->lex, item.at, err, "the column is %s, so the list must hold %s",
                               want == EXPR_NUMBER ? "a number" : "no number",
                               want == EXPR_NUMBER ? "numbers" : "\"texts\"");
        goto done;
    }
    if (want == EXPR_NUMBER)
        AKIN_TRY(number_add(p->expr, item.number, err));
    else
        AKIN_TRY(text_add(p->expr, item.text, err));
done:
    return status;
}

/* Behind `a [not] in`: [x, y]. */
static akin_status parse_list(struct parser *p, const struct operand *a, int32_t node,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    struct expr *e = p->expr;
    bool is_number = a->type == EXPR_NUMBER;
    size_t open = p->token.at;
    int64_t lo = is_number ? e->n_numbers : e->n_texts;
    AKIN_TRY(advance(p, err));
    while (p->token.kind != TOKEN_LIST_CLOSE) {
        AKIN_TRY(parse_element(p, is_number ? EXPR_NUMBER : EXPR_TEXT, err));
        if (p->token.kind == TOKEN_COMMA) {
            AKIN_TRY(advance(p, err));
        } else if (p->token.kind == TOKEN_END) {
            status = expr_lex_fail(&p->lex, open, err, "list without its closing ]");
            goto done;
        } else if (p->token.kind != TOKEN_LIST_CLOSE) {
            status = expr_lex_fail(&p->lex, p->token.at, err, "expected , or ] in the list");
            goto done;
        }
    }
    AKIN_TRY(advance(p, err));
    int64_t n = (is_number ? e->n_numbers : e->n_texts) - lo;
    if (n > 1 && is_number)
        qsort(e->numbers + lo, (size_t)n, sizeof *e->numbers, double_order);
    else if (n > 1)
        qsort(e->texts + lo, (size_t)n, sizeof *e->texts, str_order);
    e->node[node].op = is_number ? EXPR_NUM_IN : EXPR_TEXT_IN;
    e->node[node].list = (int32_t)lo;
    e->node[node].n_list = (int32_t)n;
done:
    return status;
}

/* Behind a name and `[not] in`; name is its token. */
static akin_status parse_in(struct parser *p, const struct expr_token *name, bool negate,
                            int32_t *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct operand a = {.at = name->at};
    AKIN_TRY(node_new(p, EXPR_VAR, out, err));
    p->expr->node[*out].negate = negate;
    if (p->token.kind == TOKEN_VAR) {
        const char *var = p->token.text.text;
        if (strcmp(name->text.text, "id") != 0) {
            status = expr_lex_fail(&p->lex, name->at, err, "only id can be in a $variable");
            goto done;
        }
        if (p->names->has_var && !p->names->has_var(p->names->arg, var)) {
            status = expr_lex_fail(&p->lex, p->token.at, err, "unknown variable '$%.60s'", var);
            goto done;
        }
        p->expr->node[*out].text = p->token.text;
        status = advance(p, err);
        goto done;
    }
    AKIN_TRY(resolve(p, name, &a, err));
    if (p->token.kind != TOKEN_LIST_OPEN) {
        status = expr_lex_fail(&p->lex, p->token.at, err, "expected a [list] or a $variable");
        goto done;
    }
    p->expr->node[*out].type = a.type;
    p->expr->node[*out].field = a.field;
    status = parse_list(p, &a, *out, err);
done:
    return status;
}

/* Behind a name and `is`. */
static akin_status parse_missing(struct parser *p, const struct expr_token *name, int32_t *out,
                                 akin_error *err)
{
    akin_status status = AKIN_OK;
    struct operand a = {0};
    bool negate = p->token.kind == TOKEN_NOT;
    if (negate)
        AKIN_TRY(advance(p, err));
    if (p->token.kind != TOKEN_MISSING) {
        status = expr_lex_fail(&p->lex, p->token.at, err,
                               "expected `missing` or `not missing` (equality is written ==)");
        goto done;
    }
    AKIN_TRY(resolve(p, name, &a, err));
    AKIN_TRY(node_new(p, EXPR_MISSING, out, err));
    p->expr->node[*out].negate = negate;
    p->expr->node[*out].type = a.type;
    p->expr->node[*out].field = a.field;
    status = advance(p, err);
done:
    return status;
}

static akin_status parse_predicate(struct parser *p, int32_t *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct expr_token first = p->token;
    struct operand a = {0};
    if (first.kind != TOKEN_NAME) {
        AKIN_TRY(parse_literal(p, &a, err));
        if (p->token.kind == TOKEN_CMP)
            return parse_comparison(p, a, out, err);
        return expr_lex_fail(&p->lex, p->token.at, err, "expected a comparison with a column");
    }
    AKIN_TRY(advance(p, err));
    if (p->token.kind == TOKEN_CMP) {
        a.at = first.at;
        AKIN_TRY(resolve(p, &first, &a, err));
        return parse_comparison(p, a, out, err);
    }
    if (p->token.kind == TOKEN_IS) {
        AKIN_TRY(advance(p, err));
        return parse_missing(p, &first, out, err);
    }
    bool negate = p->token.kind == TOKEN_NOT;
    if (negate)
        AKIN_TRY(advance(p, err));
    if (p->token.kind == TOKEN_IN) {
        AKIN_TRY(advance(p, err));
        return parse_in(p, &first, negate, out, err);
    }
    AKIN_TRY(resolve(p, &first, &a, err));
    status = expr_lex_fail(&p->lex, p->token.at, err,
                           "expected == != < <= > >=, in, not in or is missing after '%.40s'",
                           first.text.text);
done:
    return status;
}

static akin_status parse_primary(struct parser *p, int32_t *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    size_t at = p->token.at;
    if (p->token.kind == TOKEN_TRUE || p->token.kind == TOKEN_FALSE) {
        AKIN_TRY(node_new(p, EXPR_CONST, out, err));
        p->expr->node[*out].negate = p->token.kind == TOKEN_FALSE;
        return advance(p, err);
    }
    if (p->token.kind != TOKEN_OPEN)
        return parse_predicate(p, out, err);
    AKIN_TRY(advance(p, err));
    AKIN_TRY(parse_or(p, out, err));
    if (p->token.kind == TOKEN_END)
        return expr_lex_fail(&p->lex, at, err, "( without its closing )");
    if (p->token.kind != TOKEN_CLOSE)
        return expr_lex_fail(&p->lex, p->token.at, err, "expected and, or or )");
    status = advance(p, err);
done:
    return status;
}

static akin_status parse_not(struct parser *p, int32_t *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (++p->depth > EXPR_MAX_DEPTH)
        return expr_lex_fail(&p->lex, p->token.at, err, "nested deeper than %d", EXPR_MAX_DEPTH);
    if (p->token.kind == TOKEN_NOT) {
        int32_t child;
        AKIN_TRY(advance(p, err));
        AKIN_TRY(parse_not(p, &child, err));
        AKIN_TRY(node_new(p, EXPR_NOT, out, err));
        p->expr->node[*out].child = child;
    } else {
        AKIN_TRY(parse_primary(p, out, err));
    }
    p->depth--;
done:
    return status;
}

typedef akin_status (*parse_fn)(struct parser *p, int32_t *out, akin_error *err);

/* part { word part }, as one node with many children. */
static akin_status parse_chain(struct parser *p, enum expr_token_kind word, enum expr_op op,
                               parse_fn part, int32_t *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t first, last, next;
    AKIN_TRY(part(p, &first, err));
    if (p->token.kind != word) {
        *out = first;
        goto done;
    }
    AKIN_TRY(node_new(p, op, out, err));
    p->expr->node[*out].child = last = first;
    while (p->token.kind == word) {
        AKIN_TRY(advance(p, err));
        AKIN_TRY(part(p, &next, err));
        p->expr->node[last].next = next;
        last = next;
    }
done:
    return status;
}

static akin_status parse_and(struct parser *p, int32_t *out, akin_error *err)
{
    return parse_chain(p, TOKEN_AND, EXPR_AND, parse_not, out, err);
}

static akin_status parse_or(struct parser *p, int32_t *out, akin_error *err)
{
    return parse_chain(p, TOKEN_OR, EXPR_OR, parse_and, out, err);
}

akin_status expr_parse(struct expr *expr, const char *what, const char *text, size_t size,
                       const struct expr_names *names, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct parser p = {.expr = expr,
                       .lex = {.arena = &expr->arena, .what = what, .text = text, .size = size},
                       .names = names};
    AKIN_TRY(advance(&p, err));
    if (p.token.kind == TOKEN_END)
        AKIN_FAIL(AKIN_E_INPUT, "%s: empty expression (for example: year >= 1990)", what);
    AKIN_TRY(parse_or(&p, &expr->root, err));
    if (p.token.kind != TOKEN_END)
        status = expr_lex_fail(&p.lex, p.token.at, err, "expected and, or or the end");
done:
    return status;
}
