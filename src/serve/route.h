/*
 * The table of routes: method, path template, scope, parameters, handler. Matching, reading of
 * parameters, the errors about them and the OpenAPI document all derive from its rows.
 *
 * A template is cut at '/'; `{id}` takes a whole segment, `{name}:verb` one with that end. A path
 * is cut before it is decoded, so that %2F belongs to an id and never makes a segment.
 */
#ifndef AKIN_SERVE_ROUTE_H
#define AKIN_SERVE_ROUTE_H

#include "core/param.h"
#include "serve/key.h"

#include <jansson.h>

enum { ROUTE_SEGMENTS = 8, ROUTE_PAIRS = 64, ROUTE_ID_MAX = 4096 };

enum method {
    METHOD_NONE = 0,
    METHOD_GET = 1,
    METHOD_POST = 2,
    METHOD_PUT = 4,
    METHOD_DELETE = 8,
    METHOD_HEAD = 16,
    METHOD_OPTIONS = 32
};
/* METHOD_NONE for any other name. */
enum method method_of(const char *name);
const char *method_name(enum method method);

enum {
    ROUTE_BODY = 1,       /* takes a JSON body */
    ROUTE_ETAG = 2,       /* answers carry an ETag, and 304 */
    ROUTE_SLOW = 4,       /* always by a worker */
    ROUTE_RULES = 8,      /* takes the keys of rule_param_rows too */
    ROUTE_UNLIMITED = 16, /* no rate limit: probes */
    ROUTE_BODY_FREE = 32, /* the body has no table: the engine reads it */
    ROUTE_FILE = 64       /* the body names a file of the server's machine */
};

enum handled { HANDLED, HANDLED_LATER, HANDLED_PENDING };

struct request;
struct route {
    enum method method;
    const char *path;
    unsigned scope; /* one of key_scope; SCOPE_NONE = everybody */
    unsigned flags;
    const akin_param *query; /* up to PARAM_END; NULL = none */
    const akin_param *body;
    /* Writes the answer (HANDLED), asks to be run again by a worker (HANDLED_LATER), or has
     * arranged for request_answer to be called (HANDLED_PENDING). */
    enum handled (*handle)(struct request *r);
    const char *summary;
    const char *answer; /* schema of the 200, in openapi.c */
};
/* The table; ends with a row whose path is NULL. */
extern const struct route route_table[];

/* A request target, cut and decoded; texts in the arena. */
struct target {
    int n; /* segments; > ROUTE_SEGMENTS: too many for any route */
    const char *segment[ROUTE_SEGMENTS];
    int n_pairs;
    const char *key[ROUTE_PAIRS];
    const char *value[ROUTE_PAIRS];
};

/*
 * raw[0..size): "/v1/items/a%2Fb?k=3" as it was sent. Fails: E_ARG: no '/' first, bad escape, %00,
 * not UTF-8, an id over ROUTE_ID_MAX, a key twice, too many pairs.
 */
akin_status target_parse(const char *raw, size_t size, struct arena *arena, struct target *out,
                         akin_error *err);

struct match {
    const struct route *route; /* NULL: none */
    const char *param;         /* what stood for {id} or {name} */
    unsigned allowed;          /* without a route: methods of the path, 0 = there is no such path */
};
akin_status route_match(enum method method, const struct target *target, struct arena *arena,
                        struct match *out, akin_error *err);
/* "GET, HEAD, OPTIONS" */
void route_allow_text(unsigned allowed, char *out, size_t size);

/*
 * Reads the query, or a body, by rows: out is filled as by param_parse, in strict types. rules:
 * what the keys of rule_param_rows in it say, over `base`; *has_rules tells whether there were any.
 * NULL if the route has none.
 */
struct rule_params;
akin_status route_query(const struct target *target, const akin_param *rows, struct arena *arena,
                        void *out, const struct rule_params *base, struct rule_params *rules,
                        bool *has_rules, akin_error *err);
akin_status route_body(const char *what, json_t *body, const akin_param *rows, struct arena *arena,
                       void *out, const struct rule_params *base, struct rule_params *rules,
                       bool *has_rules, akin_error *err);

#endif
