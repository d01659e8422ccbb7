/* Targets, routes and parameters: what is cut, decoded, matched, refused. */
#include "core/json.h"
#include "serve/serve.h"
#include "unit/serve/fake_live.c"

#include "serve/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct world {
    akin_ctx *ctx;
    struct arena arena;
    akin_error err;
    struct target target;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_int_equal(ctx_create(1, 42, 0, &w->ctx, NULL), AKIN_OK);
    arena_init(&w->arena, w->ctx);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    arena_free(&w->arena);
    assert_int_equal(mem_used(w->ctx->mem), 0);
    ctx_free(w->ctx);
    free(w);
    return 0;
}

static akin_status parse(struct world *w, const char *raw)
{
    return target_parse(raw, strlen(raw), &w->arena, &w->target, &w->err);
}

static void test_targets(void **state)
{
    struct world *w = *state;
    assert_int_equal(parse(w, "/v1/items/a%2Fb%20%C3%A9?k=3&q=x+y%26&empty&e="), AKIN_OK);
    assert_int_equal(w->target.n, 3);
    assert_string_equal(w->target.segment[2], "a/b \xC3\xA9");
    assert_int_equal(w->target.n_pairs, 4);
    assert_string_equal(w->target.value[1], "x y&");
    assert_string_equal(w->target.value[2], "");
    static const char *const bad[] = {"",        "v1",         "*",       "/%",        "/%4",
                                      "/a%0",    "/%zz",       "/%00",    "/a%00b",    "/%ff",
                                      "/%c0%af", "/?a=%00",    "/?%ff=1", "/?a=1&a=2", "/?a=%e",
                                      "/?a=%",   "/%ed%a0%80", "/a b",    "/a\tb",     "/a\x7f"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(parse(w, bad[i]), AKIN_E_ARG);
        assert_true(w->err.message[0]);
    }
    assert_int_equal(parse(w, "/a/b/c/d/e/f/g/h/i/j/k"), AKIN_OK);
    assert_true(w->target.n > ROUTE_SEGMENTS);
}

static void test_limits(void **state)
{
    struct world *w = *state;
    char *raw = malloc(8192);
    memset(raw, 'x', 8192);
    raw[0] = '/';
    assert_int_equal(target_parse(raw, 1 + ROUTE_ID_MAX, &w->arena, &w->target, &w->err), AKIN_OK);
    assert_int_equal(target_parse(raw, 2 + ROUTE_ID_MAX, &w->arena, &w->target, &w->err),
                     AKIN_E_ARG);
    int n = snprintf(raw, 8192, "/?");
    for (int i = 0; i <= ROUTE_PAIRS; i++)
        n += snprintf(raw + n, 8192 - (size_t)n, "a%d=1&", i);
    assert_int_equal(parse(w, raw), AKIN_E_ARG);
    free(raw);
}

static struct match match(struct world *w, enum method method, const char *raw)
{
    struct match m;
    assert_int_equal(parse(w, raw), AKIN_OK);
    assert_int_equal(route_match(method, &w->target, &w->arena, &m, &w->err), AKIN_OK);
    return m;
}

static void test_matches(void **state)
{
    struct world *w = *state;
    static const struct {
        enum method method;
        const char *raw, *path, *param;
    } rows[] = {
        {METHOD_GET, "/v1/users/4%2F2/recommendations?k=1", "/v1/users/{id}/recommendations",
         "4/2"},
        {METHOD_HEAD, "/v1/users/42/recommendations", "/v1/users/{id}/recommendations", "42"},
        {METHOD_POST, "/v1/recommendations", "/v1/recommendations", NULL},
        {METHOD_PUT, "/v1/items/i", "/v1/items/{id}", "i"},
        {METHOD_DELETE, "/v1/items/..", "/v1/items/{id}", ".."},
        {METHOD_POST, "/v1/models/a:b:activate", "/v1/models/{name}:activate", "a:b"},
        {METHOD_POST, "/v1/models/m:rollback", "/v1/models/{name}:rollback", "m"},
        {METHOD_GET, "/", "/", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct match m = match(w, rows[i].method, rows[i].raw);
        assert_non_null(m.route);
        assert_string_equal(m.route->path, rows[i].path);
        if (rows[i].param)
            assert_string_equal(m.param, rows[i].param);
        else
            assert_null(m.param);
    }
    static const char *const none[] = {"/v1",
                                       "/v1/",
                                       "/v1/items//similar",
                                       "/v1/items/a/b",
                                       "/v1/items/a/similar/",
                                       "//v1/models",
                                       "/v1/models/:activate",
                                       "/v1/models/m:other",
                                       "/v2/models"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_int_equal(match(w, METHOD_GET, none[i]).allowed, 0);
    struct match m = match(w, METHOD_DELETE, "/v1/models");
    char allow[64];
    assert_null(m.route);
    route_allow_text(m.allowed, allow, sizeof allow);
    assert_string_equal(allow, "GET, HEAD, OPTIONS");
    m = match(w, METHOD_NONE, "/v1/items/a");
    route_allow_text(m.allowed, allow, sizeof allow);
    assert_string_equal(allow, "GET, PUT, DELETE, HEAD, OPTIONS");
}

static void test_methods(void **state)
{
    (void)state;
    assert_int_equal(method_of("GET"), METHOD_GET);
    assert_int_equal(method_of("get"), METHOD_NONE);
    assert_int_equal(method_of("TRACE"), METHOD_NONE);
    assert_string_equal(method_name(METHOD_DELETE), "DELETE");
}

struct values {
    int64_t k, flag;
    double share;
    const char *name;
    json_t *ids;
};
static const akin_param rows[] = {
    PARAM_INT(struct values, k, "10", 0, 100, "", 0, "count"),
    PARAM_BOOL(struct values, flag, "false", 0, "flag"),
    PARAM_REAL(struct values, share, "0.5", 0, 1, "", 0, "share"),
    PARAM_TEXT(struct values, name, NULL, 0, "name"),
    PARAM_LIST(struct values, ids, NULL, 0, "ids"),
    PARAM_END,
};

static akin_status query(struct world *w, const char *raw, struct values *out)
{
    assert_int_equal(parse(w, raw), AKIN_OK);
    return route_query(&w->target, rows, &w->arena, out, NULL, NULL, NULL, &w->err);
}

static void test_query(void **state)
{
    struct world *w = *state;
    struct values v;
    assert_int_equal(query(w, "/?k=7&flag=true&share=0.25&name=x", &v), AKIN_OK);
    assert_int_equal(v.k, 7);
    assert_int_equal(v.flag, 1);
    assert_true(v.share == 0.25);
    assert_string_equal(v.name, "x");
    assert_int_equal(query(w, "/", &v), AKIN_OK);
    assert_int_equal(v.k, 10);
    static const struct {
        const char *raw, *says;
    } bad[] = {
        {"/?kk=1", "did you mean 'k'"}, {"/?k=1e1", "query: k"},    {"/?k=", "query: k"},
        {"/?k=-1", "0..100"},           {"/?k=101", "0..100"},      {"/?flag=yes", "true or false"},
        {"/?flag=", "true or false"},   {"/?share=nan", "share"},   {"/?share=2", "0..1"},
        {"/?nothing=1", "nothing"},     {"/?flagg=true", "'flag'"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(query(w, bad[i].raw, &v), AKIN_E_ARG);
        if (!strstr(w->err.message, bad[i].says))
            fail_msg("%s: %s", bad[i].raw, w->err.message);
    }
}

static akin_status body(struct world *w, const char *text, struct values *out)
{
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(json);
    akin_status status = route_body("body", json, rows, &w->arena, out, NULL, NULL, NULL, &w->err);
    json_decref(json);
    return status;
}

static void test_body(void **state)
{
    struct world *w = *state;
    struct values v;
    assert_int_equal(body(w, "{\"k\":7,\"ids\":[\"a\"],\"name\":null}", &v), AKIN_OK);
    assert_int_equal(v.k, 7);
    assert_int_equal(json_array_size(v.ids), 1);
    static const char *const bad[] = {
        "[]",           "\"k\"",           "{\"k\":\"7\"}", "{\"k\":7.5}",  "{\"flag\":1}",
        "{\"name\":1}", "{\"ids\":\"a\"}", "{\"kk\":1}",    "{\"k\":1000}", "{\"share\":\"1\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(body(w, bad[i], &v), AKIN_E_ARG);
}

static void test_rules_merge(void **state)
{
    struct world *w = *state;
    struct values v;
    struct rule_params base, rules;
    bool has_rules;
    json_t *given = json_pack("{s:f,s:i}", "diversity", 0.5, "promote_every", 3);
    size_t n = 0;
    while (rule_param_rows[n].name)
        n++;
    assert_int_equal(param_parse("test", rule_param_rows, n, given, &w->arena, &base, &w->err),
                     AKIN_OK);
    json_decref(given);
    assert_int_equal(parse(w, "/?k=3&diversity=0.25"), AKIN_OK);
    assert_int_equal(
        route_query(&w->target, rows, &w->arena, &v, &base, &rules, &has_rules, &w->err), AKIN_OK);
    assert_true(has_rules);
    assert_true(rules.diversity == 0.25);
    assert_int_equal(rules.promote_every, 3);
    assert_int_equal(parse(w, "/?k=3"), AKIN_OK);
    assert_int_equal(
        route_query(&w->target, rows, &w->arena, &v, &base, &rules, &has_rules, &w->err), AKIN_OK);
    assert_false(has_rules);
    assert_int_equal(parse(w, "/?diversty=0.25"), AKIN_OK);
    assert_int_equal(
        route_query(&w->target, rows, &w->arena, &v, &base, &rules, &has_rules, &w->err),
        AKIN_E_ARG);
    assert_non_null(strstr(w->err.message, "'diversity'"));
}

/* Every path of the table is in the document, and every $ref has its schema. */
static void check_refs(const json_t *node, const json_t *schemas)
{
    const char *key;
    json_t *value;
    size_t i;
    json_object_foreach((json_t *)(uintptr_t)node, key, value) {
        if (strcmp(key, "$ref") == 0)
            assert_non_null(json_object_get(schemas, strrchr(json_string_value(value), '/') + 1));
        check_refs(value, schemas);
    }
    json_array_foreach((json_t *)(uintptr_t)node, i, value)
        check_refs(value, schemas);
}

static void test_openapi(void **state)
{
    struct world *w = *state;
    struct buf text;
    json_t *json = NULL;
    buf_init(&text, w->ctx);
    assert_int_equal(server_openapi(&text, &w->err), AKIN_OK);
    assert_int_equal(json_parse("openapi", text.data, (size_t)text.size, &json, &w->err), AKIN_OK);
    const json_t *paths = json_object_get(json, "paths");
    for (const struct route *r = route_table; r->path; r++) {
        const json_t *path = json_object_get(paths, r->path);
        assert_non_null(path);
        assert_non_null(r->summary);
        assert_non_null(r->handle);
    }
    check_refs(json, json_object_get(json_object_get(json, "components"), "schemas"));
    json_decref(json);
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_targets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_matches, setup, teardown),
        cmocka_unit_test_setup_teardown(test_methods, setup, teardown),
        cmocka_unit_test_setup_teardown(test_query, setup, teardown),
        cmocka_unit_test_setup_teardown(test_body, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rules_merge, setup, teardown),
        cmocka_unit_test_setup_teardown(test_openapi, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
