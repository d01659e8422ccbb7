/*
 * The OpenAPI 3.1 document, from the table of routes and their parameter rows. Schemas of answers
 * are written by hand below; they say what is promised and leave the rest open.
 */
#include "serve/impl.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define STR "{\"type\":\"string\"}"
#define INT "{\"type\":\"integer\"}"
#define NUM "{\"type\":\"number\"}"
#define OBJ(props) "{\"type\":\"object\",\"properties\":{" props "}}"
#define LIST(of) "{\"type\":\"array\",\"items\":" of "}"
#define REF(name) "{\"$ref\":\"#/components/schemas/" name "\"}"

static const struct {
    const char *name, *schema;
} schemas[] = {
    {"Problem",
     "{\"type\":\"object\",\"required\":[\"type\",\"title\",\"status\",\"detail\"],\"properties\":{"
     "\"type\":" STR ",\"title\":" STR ",\"status\":" INT ",\"detail\":" STR ",\"code\":" STR
     ",\"instance\":" STR "}}"},
    {"Reason", OBJ("\"code\":" STR ",\"model\":" STR ",\"item_id\":" STR ",\"title\":" STR
                   ",\"contribution\":" NUM)},
    {"Scored",
     "{\"type\":\"object\",\"required\":[\"item_id\",\"score\"],\"properties\":{\"item_id\":" STR
     ",\"score\":{\"type\":[\"number\",\"null\"]},\"title\":{\"type\":[\"string\",\"null\"]},"
     "\"reasons\":" LIST(REF("Reason")) "}}"},
    {"Recommendations",
     OBJ("\"user_id\":{\"type\":[\"string\",\"null\"]},\"model\":" STR ",\"generation\":" INT
         ",\"items\":" LIST(REF("Scored")) ",\"experiment\":{\"type\":\"object\"},"
                                           "\"unknown\":" LIST(
                                               STR) ",\"fallback\":{\"type\":["
                                                    "\"object\",\"null\"]},\"results\":" LIST(
                                                        "{\"type\":\"object\"}"))},
    {"Items", OBJ("\"item_id\":" STR ",\"title\":{\"type\":[\"string\",\"null\"]},\"model\":{"
                  "\"type\":[\"string\",\"null\"]},\"items\":" LIST(REF("Scored")))},
    {"Users", OBJ("\"item_id\":" STR ",\"user_id\":" STR ",\"model\":" STR
                  ",\"users\":" LIST(OBJ("\"user_id\":" STR ",\"score\":{\"type\""
                                         ":[\"number\",\"null\"]}")))},
    {"Search", OBJ("\"items\":" LIST(OBJ("\"item_id\":" STR ",\"title\":{\"type\":[\"string\","
                                         "\"null\"]}")) ",\"users\":" LIST(STR))},
    {"Event",
     "{\"type\":\"object\",\"required\":[\"user_id\",\"item_id\"],\"properties\":{\"event_id\":{"
     "\"type\":\"string\",\"minLength\":1,\"maxLength\":4096},\"user_id\":{\"type\":\"string\","
     "\"minLength\":1,\"maxLength\":4096},\"item_id\":{\"type\":\"string\",\"minLength\":1,"
     "\"maxLength\":4096},\"event_type\":{\"type\":\"string\",\"maxLength\":255},\"value\":" NUM
     ",\"time\":{\"oneOf\":[{\"type\":\"integer\",\"minimum\":0},{\"type\":\"string\",\"format\":"
     "\"date-time\"}]},\"context\":{\"type\":\"object\"}}}"},
    {"EventBody", "{\"oneOf\":[" REF("Event") "," LIST(
                      REF("Event")) ",{\"type\":\"object\","
                                    "\"required\":[\"events\"],\"properties\":{\"events\":" LIST(
                                        REF("Event")) "},"
                                                      "\"additionalProperties\":false}]}"},
    {"Attributes", "{\"type\":\"object\",\"description\":\"numbers, texts, lists of texts\"}"},
    {"Accepted", OBJ("\"accepted\":" INT ",\"duplicates\":" INT ",\"seq\":" INT)},
    {"Item", OBJ("\"item_id\":" STR)},
    {"User", OBJ("\"user_id\":" STR)},
    {"Change", OBJ("\"item_id\":" STR ",\"user_id\":" STR ",\"seq\":" INT)},
    {"Receipt", OBJ("\"user_id\":" STR ",\"time\":" STR ",\"seq\":" INT ",\"events_deleted\":" INT
                    ",\"artifacts\":" LIST("{\"type\":\"object\"}"))},
    {"Events", OBJ("\"events\":" LIST("{\"type\":\"object\"}") ",\"next\":{\"type\":[\"integer\","
                                                               "\"null\"]}")},
    {"Tags", OBJ("\"item_id\":" STR ",\"tags\":" LIST(OBJ(
                 "\"tag\":" STR ",\"count\":" INT)) ",\"next\":{\"type\":[\"integer\",\"null\"]}")},
    {"Export", OBJ("\"user_id\":" STR)},
    {"Models", OBJ("\"models\":" LIST("{\"type\":\"object\"}"))},
    {"Reports", OBJ("\"reports\":" LIST(OBJ("\"name\":" STR ",\"kind\":" STR ",\"bytes\":" INT
                                            ",\"modified\":" STR ",\"href\":" STR)))},
    {"Job", OBJ("\"id\":" INT ",\"kind\":" STR ",\"model\":" STR
                ",\"state\":{\"enum\":[\"queued\",\"running\",\"done\",\"failed\","
                "\"cancelled\"]},\"stage\":" STR ",\"progress\":" NUM ",\"created\":" STR
                ",\"started\":{\"type\":[\"string\",\"null\"]}"
                ",\"ended\":{\"type\":[\"string\",\"null\"]},\"message\":" STR
                ",\"result\":{\"type\":[\"object\",\"null\"]}")},
    {"JobQueued", REF("Job")},
    {"Jobs", OBJ("\"jobs\":" LIST(REF("Job")))},
    {"Estimate", OBJ("\"value\":{\"type\":[\"number\",\"null\"]},\"lo\":" NUM ",\"hi\":" NUM)},
    {"Arm", OBJ("\"name\":" STR ",\"model\":" STR ",\"share\":" NUM ",\"users\":" INT
                ",\"answers\":" INT ",\"converted\":" INT ",\"events\":" INT ",\"credits\":" INT
                ",\"rate\":" REF("Estimate") ",\"difference\":" REF("Estimate"))},
    {"Preference", OBJ("\"first\":" INT ",\"second\":" INT ",\"ties\":" INT
                       ",\"share_of_second\":" REF("Estimate") ",\"p\":" NUM)},
    {"Experiment", OBJ("\"name\":" STR ",\"kind\":" STR ",\"types\":" LIST(
                       STR) ",\"window_seconds\":" INT ",\"untracked\":" INT ",\"users\":" INT
                            ",\"answers\":" INT ",\"converted\":" INT
                            ",\"arms\":" LIST(REF("Arm")) ",\"preference\":" REF("Preference"))},
    {"Experiments", OBJ("\"experiments\":" LIST(REF("Experiment")))},
    {"Keys", OBJ("\"keys\":" LIST(OBJ("\"id\":" STR ",\"scopes\":" STR ",\"note\":" STR)))},
    {"Key", OBJ("\"id\":" STR ",\"key\":" STR ",\"scopes\":" STR)},
    {"Revoked", OBJ("\"revoked\":" STR)},
    {"Document", "{\"type\":\"object\"}"},
    {"Status", OBJ("\"status\":" STR ",\"clock\":" STR)},
};

static void write_default(struct jw *jw, const akin_param *row)
{
    if (!row->default_text)
        return;
    jw_key(jw, "default");
    if (row->type == AKIN_PARAM_TEXT || row->type == AKIN_PARAM_CHOICE)
        jw_string(jw, row->default_text);
    else
        jw_raw(jw, row->default_text);
}

static void write_schema(struct jw *jw, const akin_param *row)
{
    static const char *const types[] = {"boolean", "integer", "number", "string",
                                        "string",  "integer", "array",  "object"};
    jw_open(jw, '{');
    jw_key(jw, "type");
    jw_string(jw, types[row->type]);
    if (row->type == AKIN_PARAM_INT || row->type == AKIN_PARAM_REAL) {
        jw_key(jw, "minimum");
        jw_double(jw, row->lo);
        jw_key(jw, "maximum");
        jw_double(jw, row->hi);
    }
    if (row->type == AKIN_PARAM_LIST) {
        bool is_mixed = strcmp(row->name, "history") == 0;
        bool is_object = strcmp(row->name, "requests") == 0;
        jw_key(jw, "items");
        jw_raw(jw, is_mixed    ? "{\"type\":[\"string\",\"object\"]}"
                   : is_object ? "{\"type\":\"object\"}"
                               : STR);
    }
    write_default(jw, row);
    jw_close(jw, '}');
}

static void write_param(struct jw *jw, const char *in, const akin_param *row)
{
    jw_open(jw, '{');
    jw_key(jw, "name");
    jw_string(jw, row->name);
    jw_key(jw, "in");
    jw_string(jw, in);
    jw_key(jw, "description");
    jw_string(jw, row->help);
    jw_key(jw, "schema");
    if (row->type == AKIN_PARAM_MAP)
        jw_raw(jw, STR); /* key=value,key=value */
    else
        write_schema(jw, row);
    jw_close(jw, '}');
}

static void write_path_param(struct jw *jw, const char *path)
{
    const char *open = strchr(path, '{');
    if (!open)
        return;
    size_t n = strcspn(open + 1, "}");
    jw_open(jw, '{');
    jw_key(jw, "name");
    jw_string_n(jw, open + 1, n);
    jw_key(jw, "in");
    jw_string(jw, "path");
    jw_key(jw, "required");
    jw_bool(jw, true);
    jw_key(jw, "description");
    jw_string(jw, "at most 4,096 bytes of UTF-8");
    jw_key(jw, "schema");
    /* So many characters have 4,096 bytes at most, and fit percent-encoded into a request line. */
    jw_raw(jw, "{\"type\":\"string\",\"minLength\":1,\"maxLength\":1024}");
    jw_close(jw, '}');
}

static void write_params(struct jw *jw, const struct route *r)
{
    jw_key(jw, "parameters");
    jw_open(jw, '[');
    write_path_param(jw, r->path);
    for (const akin_param *row = r->query; row && row->name; row++)
        write_param(jw, "query", row);
    if ((r->flags & ROUTE_RULES) && r->method == METHOD_GET) {
        for (const akin_param *row = rule_param_rows; row->name; row++)
            write_param(jw, "query", row);
    }
    jw_close(jw, ']');
}

static void write_properties(struct jw *jw, const akin_param *rows)
{
    for (const akin_param *row = rows; row && row->name; row++) {
        jw_key(jw, row->name);
        write_schema(jw, row);
    }
}

static void write_body_schema(struct jw *jw, const struct route *r)
{
    bool has_required = false;
    if (r->flags & ROUTE_BODY_FREE) {
        jw_raw(jw, r->method == METHOD_POST ? REF("EventBody") : REF("Attributes"));
        return;
    }
    jw_open(jw, '{');
    jw_key(jw, "type");
    jw_string(jw, "object");
    jw_key(jw, "additionalProperties");
    jw_bool(jw, false);
    for (const akin_param *row = r->body; row->name; row++)
        has_required |= (row->flags & AKIN_PARAM_REQUIRED) != 0;
    if (has_required) {
        jw_key(jw, "required");
        jw_open(jw, '[');
        for (const akin_param *row = r->body; row->name; row++) {
            if (row->flags & AKIN_PARAM_REQUIRED)
                jw_string(jw, row->name);
        }
        jw_close(jw, ']');
    }
    jw_key(jw, "properties");
    jw_open(jw, '{');
    write_properties(jw, r->body);
    if (r->flags & ROUTE_RULES)
        write_properties(jw, rule_param_rows);
    jw_close(jw, '}');
    jw_close(jw, '}');
}

static void write_body(struct jw *jw, const struct route *r)
{
    if (!(r->flags & ROUTE_BODY))
        return;
    jw_key(jw, "requestBody");
    jw_open(jw, '{');
    jw_key(jw, "required");
    jw_bool(jw, true);
    jw_key(jw, "content");
    jw_open(jw, '{');
    jw_key(jw, "application/json");
    jw_open(jw, '{');
    jw_key(jw, "schema");
    write_body_schema(jw, r);
    jw_close(jw, '}');
    jw_close(jw, '}');
    jw_close(jw, '}');
}

static void write_content(struct jw *jw, const char *type, const char *schema)
{
    char ref[96];
    jw_key(jw, "content");
    jw_open(jw, '{');
    jw_key(jw, type);
    jw_open(jw, '{');
    jw_key(jw, "schema");
    if (schema) {
        snprintf(ref, sizeof ref, "{\"$ref\":\"#/components/schemas/%s\"}", schema);
        jw_raw(jw, ref);
    } else {
        jw_raw(jw, STR);
    }
    jw_close(jw, '}');
    jw_close(jw, '}');
}

/* The status of an answer that is not 200. */
static const char *answer_status(const char *schema)
{
    static const char *const others[][2] = {{"Key", "201"}, {"JobQueued", "202"}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(schema, others[i][0]) == 0)
            return others[i][1];
    return "200";
}

static void write_answers(struct jw *jw, const struct route *r)
{
    bool is_text = strcmp(r->answer, "Text") == 0, is_page = strcmp(r->answer, "Page") == 0;
    jw_key(jw, "responses");
    jw_open(jw, '{');
    jw_key(jw, answer_status(r->answer));
    jw_open(jw, '{');
    jw_key(jw, "description");
    jw_string(jw, r->summary);
    write_content(jw,
                  is_text   ? "text/plain"
                  : is_page ? "text/html"
                            : "application/json",
                  is_text || is_page ? NULL : r->answer);
    jw_close(jw, '}');
    if (r->flags & ROUTE_ETAG) {
        jw_key(jw, "304");
        jw_raw(jw, "{\"description\":\"as If-None-Match says\"}");
    }
    jw_key(jw, "default");
    jw_open(jw, '{');
    jw_key(jw, "description");
    jw_string(jw, "what went wrong (RFC 9457)");
    write_content(jw, "application/problem+json", "Problem");
    jw_close(jw, '}');
    jw_close(jw, '}');
}

/* handle → "get_v1_users_id_recommendations" */
static void operation_id(const struct route *r, char *out, size_t size)
{
    size_t n = 0;
    for (const char *c = method_name(r->method); *c && n + 1 < size; c++)
        out[n++] = (char)tolower((unsigned char)*c);
    for (const char *c = r->path; *c && n + 1 < size; c++) {
        bool is_plain = isalnum((unsigned char)*c) != 0;
        if (is_plain)
            out[n++] = *c;
        else if (out[n - 1] != '_')
            out[n++] = '_';
    }
    while (n > 0 && out[n - 1] == '_')
        n--;
    out[n] = '\0';
}

static void write_operation(struct jw *jw, const struct route *r)
{
    char text[128];
    snprintf(text, sizeof text, "%s", method_name(r->method));
    for (char *c = text; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    jw_key(jw, text);
    jw_open(jw, '{');
    operation_id(r, text, sizeof text);
    jw_key(jw, "operationId");
    jw_string(jw, text);
    jw_key(jw, "summary");
    jw_string(jw, r->summary);
    jw_key(jw, "security");
    if (r->scope == SCOPE_NONE) {
        jw_raw(jw, "[]");
    } else {
        jw_raw(jw, "[{\"bearer\":[]},{\"key\":[]},{}]");
        jw_key(jw, "x-scope");
        jw_string(jw, r->scope == SCOPE_READ    ? "read"
                      : r->scope == SCOPE_WRITE ? "write"
                                                : "admin");
    }
    write_params(jw, r);
    write_body(jw, r);
    write_answers(jw, r);
    jw_close(jw, '}');
}

static void write_paths(struct jw *jw)
{
    jw_open(jw, '{');
    for (const struct route *r = route_table; r->path; r++) {
        bool is_first = true;
        for (const struct route *o = route_table; o < r; o++)
            is_first &= strcmp(o->path, r->path) != 0;
        if (!is_first)
            continue;
        jw_key(jw, r->path);
        jw_open(jw, '{');
        for (const struct route *o = r; o->path; o++) {
            if (strcmp(o->path, r->path) == 0)
                write_operation(jw, o);
        }
        jw_close(jw, '}');
    }
    jw_close(jw, '}');
}

akin_status server_openapi(struct buf *out, akin_error *err)
{
    struct jw jw;
    jw_init(&jw, out);
    jw_open(&jw, '{');
    jw_key(&jw, "openapi");
    jw_string(&jw, "3.1.0");
    jw_key(&jw, "info");
    jw_open(&jw, '{');
    jw_key(&jw, "title");
    jw_string(&jw, "akin");
    jw_key(&jw, "version");
    jw_string(&jw, AKIN_VERSION);
    jw_key(&jw, "description");
    jw_string(&jw, "A recommender engine. Errors are problem documents (RFC 9457).");
    jw_close(&jw, '}');
    jw_key(&jw, "paths");
    write_paths(&jw);
    jw_key(&jw, "components");
    jw_open(&jw, '{');
    jw_key(&jw, "securitySchemes");
    jw_raw(&jw,
           "{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\"},\"key\":{\"type\":\"apiKey\","
           "\"in\":\"header\",\"name\":\"X-Api-Key\"}}");
    jw_key(&jw, "schemas");
    jw_open(&jw, '{');
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++) {
        jw_key(&jw, schemas[i].name);
        jw_raw(&jw, schemas[i].schema);
    }
    jw_close(&jw, '}');
    jw_close(&jw, '}');
    jw_close(&jw, '}');
    return buf_check(out, err);
}
