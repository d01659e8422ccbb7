/*
 * Parameters of a request by the rows of its route. On top of param_parse: values must have the
 * very type that the OpenAPI document names (no "1e1" for 10, no "yes" for true), and the keys of
 * the ranking rules may stand among the route's own.
 */
#include "live/live.h"
#include "serve/route.h"

#include "core/text.h"

#include <string.h>

static size_t row_count(const akin_param *rows)
{
    size_t n = 0;
    while (rows && rows[n].name)
        n++;
    return n;
}

/* What a value of this type must look like; NULL if it does. */
static const char *query_fault(const akin_param *row, const char *text)
{
    int64_t number;
    double real;
    size_t size = strlen(text);
    switch (row->type) {
    case AKIN_PARAM_INT:
        return text_is_canonical_int(text, size, &number) ? NULL : "a whole number";
    case AKIN_PARAM_REAL:
        return text_to_double(text, size, &real) ? NULL : "a number";
    case AKIN_PARAM_BOOL:
        return strcmp(text, "true") == 0 || strcmp(text, "false") == 0 ? NULL : "true or false";
    default:
        return NULL;
    }
}

static const char *body_fault(const akin_param *row, const json_t *value)
{
    if (json_is_null(value))
        return NULL;
    switch (row->type) {
    case AKIN_PARAM_INT:
        return json_is_integer(value) ? NULL : "a whole number";
    case AKIN_PARAM_REAL:
        return json_is_number(value) ? NULL : "a number";
    case AKIN_PARAM_BOOL:
        return json_is_boolean(value) ? NULL : "true or false";
    case AKIN_PARAM_LIST:
        return json_is_array(value) ? NULL : "an array";
    case AKIN_PARAM_MAP:
        return json_is_object(value) ? NULL : "an object";
    default:
        return json_is_string(value) ? NULL : "a string";
    }
}

/* Where a key belongs: its row, and whether that is one of the rules. Unknown: E_ARG. */
static akin_status find_row(const char *what, const akin_param *rows, bool with_rules,
                            const char *key, const akin_param **row, bool *is_rule, akin_error *err)
{
    akin_status status = AKIN_OK;
    size_t n = row_count(rows), n_rules = with_rules ? row_count(rule_param_rows) : 0;
    *row = n ? param_find(rows, n, key) : NULL;
    *is_rule = !*row;
    if (!*row && n_rules)
        *row = param_find(rule_param_rows, n_rules, key);
    if (*row)
        goto done;
    const char *near = n ? param_nearest(rows, n, key) : NULL;
    if (!near && n_rules)
        near = param_nearest(rule_param_rows, n_rules, key);
    if (near)
        AKIN_FAIL(AKIN_E_ARG, "%s: unknown parameter '%.40s' (did you mean '%s'?)", what, key,
                  near);
    AKIN_FAIL(AKIN_E_ARG, "%s: unknown parameter '%.40s' (see /v1/openapi.json)", what, key);
done:
    return status;
}

/* base with the given keys changed. */
static akin_status parse_rules(const char *what, json_t *given, const struct rule_params *base,
                               struct arena *arena, struct rule_params *rules, akin_error *err)
{
    akin_status status = AKIN_OK;
    size_t n = row_count(rule_param_rows);
    json_t *all = base ? param_dump(rule_param_rows, n, base) : json_object();
    if (!all || json_object_update(all, given) != 0)
        AKIN_FAIL(AKIN_E_MEMORY, "%s: out of memory", what);
    AKIN_TRY(param_parse(what, rule_param_rows, n, all, arena, rules, err));
done:
    json_decref(all);
    return status;
}

/* The two halves of the keys, and what is read from them; NULL = none of that half. */
struct halves {
    json_t *own, *rules;
};

/* Takes value over, which may be NULL for lack of memory. */
static akin_status halves_put(struct halves *h, bool is_rule, const char *key, json_t *value,
                              const char *what, akin_error *err)
{
    json_t **half = is_rule ? &h->rules : &h->own;
    if (!*half)
        *half = json_object();
    if (json_object_set_new(*half, key, value) == 0)
        return AKIN_OK;
    return error_set(err, AKIN_E_MEMORY, __FILE__, __LINE__, "%s: out of memory", what);
}

static akin_status halves_parse(struct halves *h, const char *what, const akin_param *rows,
                                struct arena *arena, void *out, const struct rule_params *base,
                                struct rule_params *rules, bool *has_rules, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (row_count(rows))
        AKIN_TRY(param_parse(what, rows, row_count(rows), h->own, arena, out, err));
    if (has_rules)
        *has_rules = json_object_size(h->rules) > 0;
    if (rules && json_object_size(h->rules) > 0)
        AKIN_TRY(parse_rules(what, h->rules, base, arena, rules, err));
done:
    return status;
}

akin_status route_query(const struct target *target, const akin_param *rows, struct arena *arena,
                        void *out, const struct rule_params *base, struct rule_params *rules,
                        bool *has_rules, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct halves h = {NULL, NULL};
    for (int i = 0; i < target->n_pairs; i++) {
        const akin_param *row;
        bool is_rule;
        AKIN_TRY(find_row("query", rows, rules != NULL, target->key[i], &row, &is_rule, err));
        const char *must = query_fault(row, target->value[i]);
        if (must)
            AKIN_FAIL(AKIN_E_ARG, "query: %s='%.40s' (must be %s)", row->name, target->value[i],
                      must);
        AKIN_TRY(halves_put(&h, is_rule, row->name, json_string(target->value[i]), "query", err));
    }
    AKIN_TRY(halves_parse(&h, "query", rows, arena, out, base, rules, has_rules, err));
done:
    json_decref(h.own);
    json_decref(h.rules);
    return status;
}

akin_status route_body(const char *what, json_t *body, const akin_param *rows, struct arena *arena,
                       void *out, const struct rule_params *base, struct rule_params *rules,
                       bool *has_rules, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct halves h = {NULL, NULL};
    const char *key;
    json_t *value;
    if (!json_is_object(body))
        AKIN_FAIL(AKIN_E_ARG, "%s: must be a JSON object", what);
    json_object_foreach(body, key, value) {
        const akin_param *row;
        bool is_rule;
        AKIN_TRY(find_row(what, rows, rules != NULL, key, &row, &is_rule, err));
        const char *must = body_fault(row, value);
        if (must)
            AKIN_FAIL(AKIN_E_ARG, "%s: %s must be %s", what, row->name, must);
        AKIN_TRY(halves_put(&h, is_rule, row->name, json_incref(value), what, err));
    }
    AKIN_TRY(halves_parse(&h, what, rows, arena, out, base, rules, has_rules, err));
done:
    json_decref(h.own);
    json_decref(h.rules);
    return status;
}
