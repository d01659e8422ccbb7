/*
 * What the headers of a request decide, before any of its body is read: framing, route, host and
 * origin, key, rate, kind of body. Cost: a walk over the headers, a SHA-256 if there is a key.
 */
#include "serve/impl.h"

#include "core/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static enum MHD_Result add_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
    (void)kind;
    framing_add(arg, name, value);
    return MHD_YES;
}

static bool refuse(struct request *r, int status, const char *why)
{
    request_problem(r, status, why);
    r->is_refused = true;
    return false;
}

static bool refuse_error(struct request *r, akin_status status, const akin_error *err)
{
    request_fail(r, status, err);
    r->is_refused = true;
    return false;
}

/*
 * A NUL in the request line ends the C string that the library hands over, and what stands behind
 * it would be dropped in silence; the line still lies between target and version.
 */
static bool has_hidden_bytes(const struct request *r, const char *url, const char *version)
{
    const char *end = url + r->raw_size;
    if (version <= end || version - end > r->server->p.max_header_bytes)
        return false;
    for (const char *c = end; c < version; c++) {
        if (*c != '\0' && *c != ' ')
            return true;
    }
    return false;
}

bool server_needs_key(struct server *s)
{
    return !s->p.allow_anonymous && (!s->is_loopback || key_table_count(s->keys) > 0);
}

static bool in_list(const json_t *list, const char *text)
{
    size_t i;
    const json_t *value;
    json_array_foreach((json_t *)(uintptr_t)list, i, value) {
        const char *one = json_string_value(value);
        if (one && (strcasecmp(one, text) == 0 || strcmp(one, "*") == 0))
            return true;
    }
    return false;
}

static bool is_own_host(const struct server *s, const char *host)
{
    for (int i = 0; i < HOSTS_OWN; i++) {
        if (s->hosts[i][0] && strcasecmp(s->hosts[i], host) == 0)
            return true;
    }
    return in_list(s->p.hosts, host);
}

/*
 * Without keys on loopback any page in the user's browser could reach us. A name that resolves to
 * 127.0.0.1 (DNS rebinding) shows in Host, another site's page in Origin.
 */
static bool check_origin(struct request *r, const struct framing *f)
{
    struct server *s = r->server;
    if (f->origin && in_list(s->p.cors_origins, f->origin)) {
        r->cors = arena_strndup(&r->arena, f->origin, strlen(f->origin), NULL);
        r->is_preflight = f->preflight != NULL;
    }
    if (!s->is_loopback || server_needs_key(s))
        return true;
    if (f->host && !is_own_host(s, f->host))
        return refuse(r, 421, "Host: not one of this server's (serve.hosts allows others)");
    if (f->origin && !r->cors) {
        const char *host = strstr(f->origin, "://");
        if (!host || !is_own_host(s, host + 3))
            return refuse(r, 403, "Origin: another site (serve.cors_origins allows some)");
    }
    return true;
}

static bool refuse_limited(struct request *r, int64_t wait, const char *why)
{
    r->answer.retry_after = wait;
    atomic_fetch_add(&r->server->metrics.rate_limited, 1);
    return refuse(r, 429, why);
}

static bool refuse_key(struct request *r, const char *why)
{
    struct server *s = r->server;
    atomic_fetch_add(&s->metrics.wrong_keys, 1);
    int64_t wait = limiter_take(s->wrong, r->conn->address_hash, r->start_ns);
    if (wait > 0)
        return refuse_limited(r, wait, "too many wrong keys from this address");
    return refuse(r, 401, why);
}

static bool check_key(struct request *r, const struct framing *f)
{
    struct server *s = r->server;
    unsigned needed = r->route->scope;
    const char *text = f->api_key;
    if (f->authorization && strncasecmp(f->authorization, "Bearer ", 7) == 0)
        text = f->authorization + 7;
    else if (f->authorization)
        text = "";
    if (text && (server_needs_key(s) || key_table_count(s->keys) > 0)) {
        switch (key_table_check(s->keys, text, live_time(s->live), r->key_id, &r->scopes)) {
        case KEY_GOOD:
            break;
        case KEY_EXPIRED:
            return refuse_key(r, "key: expired");
        case KEY_WRONG:
            return refuse_key(r, "key: unknown");
        }
    } else if (!server_needs_key(s)) {
        r->scopes = s->is_loopback ? SCOPE_ALL : SCOPE_READ | SCOPE_WRITE;
    }
    if (needed == SCOPE_NONE || (r->scopes & needed))
        return true;
    if (!r->key_id[0] && server_needs_key(s))
        return refuse(r, 401, "key: none given (Authorization: Bearer akin_…)");
    return refuse(r, 403,
                  needed == SCOPE_READ    ? "key: lacks the scope read"
                  : needed == SCOPE_WRITE ? "key: lacks the scope write"
                                          : "key: lacks the scope admin");
}

static bool check_rate(struct request *r)
{
    struct server *s = r->server;
    if (!s->rate || (r->route->flags & ROUTE_UNLIMITED))
        return true;
    uint64_t who =
        r->key_id[0] ? hash_bytes(r->key_id, strlen(r->key_id), 1) : r->conn->address_hash;
    int64_t wait = limiter_take(s->rate, who, r->start_ns);
    return wait == 0 ||
           refuse_limited(r, wait, "over the rate limit of this key or address (serve.rate)");
}

/* Writes must say that they are JSON: a form of another site's page cannot. */
static bool check_body(struct request *r, const struct framing *f)
{
    if (!(r->route->flags & ROUTE_BODY))
        return !f->has_body || refuse(r, 400, "body: this route takes none");
    r->is_json = framing_is_json(f->content_type);
    if (!r->is_json)
        return refuse(r, 415, "Content-Type: must be application/json");
    if (f->content_encoding && strcasecmp(f->content_encoding, "identity") != 0)
        return refuse(r, 415, "Content-Encoding: bodies are taken as they are");
    return true;
}

static bool find_route(struct request *r, const char *method)
{
    akin_error err = {0};
    struct match match;
    akin_status status = target_parse(r->raw, r->raw_size, &r->arena, &r->target, &err);
    if (status == AKIN_OK)
        status = route_match(r->method, &r->target, &r->arena, &match, &err);
    if (status != AKIN_OK)
        return refuse_error(r, status, &err);
    if (!match.route && !match.allowed && r->server->page && r->target.n <= ROUTE_SEGMENTS) {
        /* What is not the interface may be a file of the page. */
        const struct route *last = route_table;
        while (last[1].path)
            last++;
        match.allowed = METHOD_GET | METHOD_HEAD | METHOD_OPTIONS;
        char path[256];
        size_t used = 0;
        path[0] = '\0';
        for (int i = 0; i < r->target.n && used < sizeof path; i++) {
            int n = snprintf(path + used, sizeof path - used, "/%s", r->target.segment[i]);
            used += n > 0 ? (size_t)n : 0;
        }
        if (used >= sizeof path || !page_find(r->server->page, path))
            match.allowed = 0;
        else if (r->method == METHOD_GET || r->method == METHOD_HEAD)
            match.route = last;
    }
    if (!match.route && !match.allowed)
        return refuse(r, 404, "path: there is nothing here (see /v1/openapi.json)");
    r->route = match.route;
    r->param = match.param;
    if (!r->route)
        route_allow_text(match.allowed, r->answer.allow, sizeof r->answer.allow);
    if (r->route || r->method == METHOD_OPTIONS)
        return true;
    char why[128];
    snprintf(why, sizeof why, "method: %.16s (allowed: %.64s)", method, r->answer.allow);
    return refuse(r, 405, why);
}

static void set_id(struct request *r, const char *given)
{
    if (framing_is_request_id(given)) {
        snprintf(r->id, sizeof r->id, "%s", given);
        return;
    }
    uint64_t number = r->server->id_base +
                      atomic_fetch_add(&r->server->next_id, 1) * UINT64_C(0x9E3779B97F4A7C15);
    for (int i = 15; i >= 0; i--, number >>= 4)
        r->id[i] = "0123456789abcdef"[number & 15];
    r->id[16] = '\0';
}

bool check_headers(struct request *r, const char *url, const char *method, const char *version)
{
    struct server *s = r->server;
    struct framing f = {0};
    akin_error err = {0};
    MHD_get_connection_values(r->connection, MHD_HEADER_KIND, add_header, &f);
    set_id(r, f.request_id);
    r->method = method_of(method);
    r->is_head = r->method == METHOD_HEAD;
    int status = framing_check(&f, version, s->p.max_header_bytes, s->p.max_body_bytes, &err);
    if (status == 0 && has_hidden_bytes(r, url, version)) {
        error_set(&err, AKIN_E_INPUT, __FILE__, __LINE__, "path: contains a NUL byte");
        status = 400;
    }
    if (status != 0) {
        r->answer.close = true;
        return refuse(r, status, err.message);
    }
    r->encoding = framing_encoding(f.accept_encoding);
    if (f.if_none_match)
        r->if_none_match = arena_strndup(&r->arena, f.if_none_match, strlen(f.if_none_match), NULL);
    if (!find_route(r, method) || !check_origin(r, &f))
        return false;
    if (r->method == METHOD_OPTIONS) {
        r->answer.status = 204;
        r->is_refused = true; /* complete: nothing is run */
        return false;
    }
    return check_key(r, &f) && check_rate(r) && check_body(r, &f);
}
