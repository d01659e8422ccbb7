/*
 * Handlers of changes: the connection is suspended until the store has the change on disk, and the
 * engine's call-back answers. Nothing waits in a thread.
 */
#include "core/json.h"
#include "serve/impl.h"

#include <stdio.h>

/* Before the engine is asked: the query must be empty, and the connection held. */
static bool begin(struct request *r)
{
    akin_error err = {0};
    akin_status status = route_query(&r->target, NULL, &r->arena, NULL, NULL, NULL, NULL, &err);
    if (status == AKIN_OK && (r->route->flags & ROUTE_BODY) && !r->json)
        status = error_set(&err, AKIN_E_INPUT, __FILE__, __LINE__, "body: must be JSON");
    if (status == AKIN_OK)
        return request_hold(r);
    request_fail(r, status, &err);
    return false;
}

/* The engine refused at once: the call-back will not come. */
static enum handled after(struct request *r, akin_status status, const akin_error *err)
{
    if (status != AKIN_OK)
        request_change_done(r, status, NULL, err);
    return HANDLED_PENDING;
}

/* More events than a request may have: 413, where the engine's E_LIMIT means "later" (503). */
static bool is_batch_too_large(struct request *r)
{
    const struct live_params *engine = r->server->p.engine;
    const json_t *list = json_is_object(r->json) ? json_object_get(r->json, "events") : r->json;
    char why[96];
    if (!engine || (int64_t)json_array_size(list) <= engine->max_batch)
        return false;
    snprintf(why, sizeof why, "body: %zu events (at most max_batch=%lld)", json_array_size(list),
             (long long)engine->max_batch);
    request_problem(r, 413, why);
    return true;
}

enum handled handle_post_events(struct request *r)
{
    akin_error err = {0};
    if (is_batch_too_large(r) || !begin(r))
        return HANDLED;
    return after(r, live_put_events(r->server->live, r->json, request_change_done, r, &err), &err);
}

/* The same for attributes: measured as the engine will write them, where that can be too much (a
 * number may be written longer than it was sent). */
static bool is_object_too_large(struct request *r)
{
    akin_error err;
    struct buf text;
    char why[64];
    if (r->body.size <= STORE_JSON_MAX / 8)
        return false;
    buf_init(&text, r->server->ctx);
    bool is_too_large = json_write(r->json, &text, &err) == AKIN_OK && text.size > STORE_JSON_MAX;
    if (is_too_large) {
        snprintf(why, sizeof why, "attributes of %lld bytes (at most %d)", (long long)text.size,
                 STORE_JSON_MAX);
        request_problem(r, 413, why);
    }
    buf_free(&text);
    return is_too_large;
}

enum handled handle_put_item(struct request *r)
{
    akin_error err = {0};
    if (is_object_too_large(r) || !begin(r))
        return HANDLED;
    return after(r, live_put_item(r->server->live, r->param, r->json, request_change_done, r, &err),
                 &err);
}

enum handled handle_put_user(struct request *r)
{
    akin_error err = {0};
    if (is_object_too_large(r) || !begin(r))
        return HANDLED;
    return after(r, live_put_user(r->server->live, r->param, r->json, request_change_done, r, &err),
                 &err);
}

enum handled handle_delete_item(struct request *r)
{
    akin_error err = {0};
    if (!begin(r))
        return HANDLED;
    return after(r, live_delete_item(r->server->live, r->param, request_change_done, r, &err),
                 &err);
}

enum handled handle_delete_user(struct request *r)
{
    akin_error err = {0};
    if (!begin(r))
        return HANDLED;
    return after(r, live_erase_user(r->server->live, r->param, request_change_done, r, &err), &err);
}
