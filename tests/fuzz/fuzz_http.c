/*
 * Fuzz: what a client can write before a handler sees it. The first byte chooses: a request target
 * against the table of routes and its parameters, header lines against the framing rules, or a body
 * against the rows of the largest route.
 */
#include "fuzz_base.h"

#include "core/json.h"
#include "core/text.h"
#include "serve/framing.h"
#include "serve/impl.h"

#include <jansson.h>

static const enum method methods[] = {METHOD_GET,    METHOD_POST, METHOD_PUT,
                                      METHOD_DELETE, METHOD_HEAD, METHOD_NONE};

static void check_text(const char *text)
{
    if (!text_is_utf8(text, strlen(text)))
        fuzz_fail("a text that is not UTF-8", NULL);
}

static void query(const struct target *target, const struct route *route, struct arena *arena)
{
    akin_error err = {0};
    struct rule_params rules;
    unsigned char out[1024]; /* room for every params struct of the routes */
    bool has_rules;
    if (route->query != list_query_rows && route->query != popular_query_rows)
        return;
    akin_status status = route_query(target, route->query, arena, out, NULL,
                                     route->flags & ROUTE_RULES ? &rules : NULL, &has_rules, &err);
    fuzz_refused(status, &err);
}

static void target(const char *text, size_t size, struct arena *arena)
{
    akin_error err = {0};
    struct target t;
    struct match m;
    akin_status status = target_parse(text, size, arena, &t, &err);
    fuzz_refused(status, &err);
    if (status != AKIN_OK)
        return;
    for (int i = 0; i < t.n && i < ROUTE_SEGMENTS; i++)
        check_text(t.segment[i]);
    for (int i = 0; i < t.n_pairs; i++)
        check_text(t.value[i]);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (route_match(methods[i], &t, arena, &m, &err) != AKIN_OK)
            fuzz_fail("no match without a reason", &err);
        if (m.param && m.param[0] == '\0')
            fuzz_fail("an empty id", NULL);
        if (m.route)
            query(&t, m.route, arena);
    }
}

/* "Name: value" lines. */
static void headers(char *text)
{
    akin_error err = {0};
    struct framing f = {0};
    while (*text) {
        size_t n = strcspn(text, "\n");
        char *next = text[n] ? text + n + 1 : text + n;
        text[n] = '\0';
        char *colon = strchr(text, ':');
        if (colon) {
            *colon = '\0';
            framing_add(&f, text, colon[1] == ' ' ? colon + 2 : colon + 1);
        }
        text = next;
    }
    int status = framing_check(&f, "HTTP/1.1", 16384, 1000, &err);
    if (status == 0 && f.n_length && (f.content_length < 0 || f.content_length > 1000))
        fuzz_fail("a length beyond the limit", NULL);
    if (status == 0 && f.n_length && f.n_encoding)
        fuzz_fail("two framings", NULL);
    framing_encoding(f.accept_encoding);
    framing_is_json(f.content_type);
    framing_etag_matches(f.if_none_match, "W/\"0123456789abcdef\"");
    framing_is_request_id(f.request_id);
}

static void body(const char *text, size_t size, struct arena *arena)
{
    akin_error err = {0};
    struct rule_params rules;
    unsigned char out[1024];
    bool has_rules;
    json_t *json = NULL;
    if (json_parse("body", text, size, &json, &err) == AKIN_OK)
        fuzz_refused(route_body("body", json, recommend_body_rows, arena, out, NULL, &rules,
                                &has_rules, &err),
                     &err);
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    akin_ctx *ctx = fuzz_ctx();
    int64_t before = mem_used(ctx->mem);
    struct arena arena;
    if (size == 0)
        return 0;
    char *text = fuzz_text(data + 1, size - 1);
    arena_init(&arena, ctx);
    if (data[0] % 3 == 0)
        target(text, size - 1, &arena);
    else if (data[0] % 3 == 1)
        headers(text);
    else
        body(text, size - 1, &arena);
    arena_free(&arena);
    fuzz_clean(ctx, before);
    free(text);
    return 0;
}
