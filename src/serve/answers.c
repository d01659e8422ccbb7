/*
 * Handlers of lists: what the engine recommends, ranks, finds alike or popular. A pool thread
 * answers what the engine predicts to be quick; the rest asks to be run again by a worker, which
 * costs a second reading of the parameters and nothing else.
 */
#include "serve/impl.h"

#include <math.h>
#include <string.h>

/* Everything a list may be asked by; each route's rows fill a part. */
struct ask {
    int64_t k;
    const char *model, *filter, *user_id;
    int64_t explain, exclude_seen, now, window;
    json_t *history, *session, *basket;
    json_t *allow, *deny, *pinned, *promoted, *items, *requests;
    json_t *context;
};

#define K_ROW PARAM_INT(struct ask, k, "10", 0, 10000, "", 0, "items of a list at most")
#define MODEL_ROW PARAM_TEXT(struct ask, model, NULL, 0, "name of the model, default the server's")
#define FILTER_ROW                                                                                 \
    PARAM_TEXT(struct ask, filter, NULL, 0,                                                        \
               "expression over item attributes: category in [\"Drama\"] and year >= 1990")
#define EXPLAIN_ROW PARAM_BOOL(struct ask, explain, "false", 0, "reasons with every item")
#define SEEN_ROW                                                                                   \
    PARAM_BOOL(struct ask, exclude_seen, "true", 0, "leave out what the user has had already")
#define NOW_ROW                                                                                    \
    PARAM_INT(struct ask, now, "0", 0, 9e12, "Unix seconds", 0,                                    \
              "time of the request, default the clock's")
#define CONTEXT_ROW                                                                                \
    PARAM_MAP(struct ask, context, 0,                                                              \
              "where and how the user asks: columns of events by name (device=phone,hour=18)")
#define IDS_ROW(field, help) PARAM_LIST(struct ask, field, NULL, 0, help)

/* clang-format off */
const akin_param list_query_rows[] = {
    K_ROW, MODEL_ROW, FILTER_ROW, EXPLAIN_ROW, SEEN_ROW, NOW_ROW, CONTEXT_ROW, PARAM_END,
};
const akin_param similar_query_rows[] = {
    K_ROW, MODEL_ROW, FILTER_ROW, PARAM_END,
};
const akin_param like_query_rows[] = {
    K_ROW, MODEL_ROW, PARAM_END,
};
const akin_param popular_query_rows[] = {
    PARAM_INT(struct ask, window, "0", 0, 9e12, "seconds", 0, "how far back, 0 = all that is known"),
    K_ROW, FILTER_ROW, PARAM_END,
};
const akin_param recommend_body_rows[] = {
    PARAM_TEXT(struct ask, user_id, NULL, 0, "whose history is used; unknown ones are no error"),
    IDS_ROW(history, "events of the asker, oldest first: ids, or objects of item_id, event_type, "
            "value, time"),
    IDS_ROW(session, "items of this visit, oldest first, after the history"),
    IDS_ROW(basket, "items in the basket"),
    K_ROW, MODEL_ROW, FILTER_ROW, EXPLAIN_ROW, SEEN_ROW, NOW_ROW, CONTEXT_ROW,
    IDS_ROW(allow, "only these items"),
    IDS_ROW(deny, "none of these items"),
    IDS_ROW(pinned, "items at the first places"),
    IDS_ROW(promoted, "items at every promote_every-th place"),
    IDS_ROW(requests, "a batch: objects as this one, answered in order under results"),
    PARAM_END,
};
const akin_param rank_body_rows[] = {
    {"items", AKIN_PARAM_LIST, AKIN_PARAM_REQUIRED, offsetof(struct ask, items), NULL, 0, 0, NULL, "",
     "ids of the items to put in order"},
    PARAM_TEXT(struct ask, user_id, NULL, 0, "whose history is used; unknown ones are no error"),
    IDS_ROW(history, "events of the asker, oldest first: ids or objects"),
    IDS_ROW(session, "items of this visit"),
    IDS_ROW(basket, "items in the basket"),
    {"k", AKIN_PARAM_INT, 0, offsetof(struct ask, k), NULL, 0, 10000, NULL, "",
     "items of the answer at most, default all"},
    MODEL_ROW, FILTER_ROW, EXPLAIN_ROW, NOW_ROW, CONTEXT_ROW, PARAM_END,
};
/* clang-format on */

/* ---- From parameters to a query ---- */

static akin_status read_ids(const char *what, const json_t *list, struct arena *arena,
                            const char *const **out, int64_t *n, akin_error *err)
{
    akin_status status = AKIN_OK;
    size_t size = json_array_size(list);
    *out = NULL;
    *n = (int64_t)size;
    if (size == 0)
        return AKIN_OK;
    const char **ids = arena_alloc(arena, (int64_t)size, (int64_t)sizeof *ids, err);
    if (!ids)
        return AKIN_E_MEMORY;
    for (size_t i = 0; i < size; i++) {
        ids[i] = json_string_value(json_array_get(list, i));
        if (!ids[i])
            AKIN_FAIL(AKIN_E_INPUT, "body: %s[%zu] must be a string", what, i);
    }
    *out = ids;
done:
    return status;
}

static akin_status read_event(const char *what, size_t at, const json_t *value,
                              struct live_history_item *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *key;
    json_t *member;
    *out = (struct live_history_item){.value = (double)NAN};
    out->item_id = json_string_value(value);
    if (out->item_id)
        goto done;
    json_object_foreach((json_t *)(uintptr_t)value, key, member) {
        if (strcmp(key, "item_id") == 0 && json_is_string(member))
            out->item_id = json_string_value(member);
        else if (strcmp(key, "event_type") == 0 && json_is_string(member))
            out->event_type = json_string_value(member);
        else if (strcmp(key, "value") == 0 && json_is_number(member))
            out->value = json_number_value(member);
        else if (strcmp(key, "time") == 0 && json_is_integer(member) &&
                 json_integer_value(member) >= 0)
            out->time = (int64_t)json_integer_value(member);
        else
            AKIN_FAIL(AKIN_E_INPUT,
                      "body: %s[%zu].%.40s (must be item_id, event_type: strings; value: a number; "
                      "time: Unix seconds)",
                      what, at, key);
    }
    if (!out->item_id)
        AKIN_FAIL(AKIN_E_INPUT, "body: %s[%zu] must be an id, or an object with item_id", what, at);
done:
    return status;
}

/* history, then session, then basket, as one. */
static akin_status read_history(const struct ask *ask, struct arena *arena, struct live_query *q,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    const json_t *lists[] = {ask->history, ask->session, ask->basket};
    static const char *const names[] = {"history", "session", "basket"};
    size_t n = 0;
    for (int l = 0; l < 3; l++)
        n += json_array_size(lists[l]);
    if (n == 0)
        goto done;
    struct live_history_item *items = arena_alloc(arena, (int64_t)n, (int64_t)sizeof *items, err);
    if (!items)
        return AKIN_E_MEMORY;
    q->history = items;
    for (int l = 0; l < 3; l++) {
        for (size_t i = 0; i < json_array_size(lists[l]); i++)
            AKIN_TRY(
                read_event(names[l], i, json_array_get(lists[l], i), &items[q->n_history++], err));
    }
done:
    return status;
}

static akin_status read_query(const struct ask *ask, const struct rule_params *rules,
                              struct arena *arena, struct live_query *q, akin_error *err)
{
    akin_status status = AKIN_OK;
    *q = (struct live_query){.model = ask->model,
                             .user_id = ask->user_id,
                             .k = ask->k,
                             .filter = ask->filter && ask->filter[0] ? ask->filter : NULL,
                             .explain = ask->explain != 0,
                             .include_seen = !ask->exclude_seen,
                             .now = ask->now,
                             .context = ask->context,
                             .rules = rules};
    AKIN_TRY(read_history(ask, arena, q, err));
    AKIN_TRY(read_ids("allow", ask->allow, arena, &q->allow, &q->n_allow, err));
    AKIN_TRY(read_ids("deny", ask->deny, arena, &q->deny, &q->n_deny, err));
    AKIN_TRY(read_ids("pinned", ask->pinned, arena, &q->pinned, &q->n_pinned, err));
    AKIN_TRY(read_ids("promoted", ask->promoted, arena, &q->promoted, &q->n_promoted, err));
    AKIN_TRY(read_ids("items", ask->items, arena, &q->items, &q->n_items, err));
done:
    return status;
}

/* What the rules of a request start from. */
static const struct rule_params *base_rules(const struct request *r)
{
    return r->server->p.engine ? &r->server->p.engine->rules : NULL;
}

/* The query string as an ask. */
static akin_status query_ask(struct request *r, struct ask *ask, struct rule_params *rules,
                             bool *has_rules, akin_error *err)
{
    memset(ask, 0, sizeof *ask);
    ask->exclude_seen = 1;
    *has_rules = false;
    return route_query(&r->target, r->route->query, &r->arena, ask, base_rules(r),
                       r->route->flags & ROUTE_RULES ? rules : NULL, has_rules, err);
}

static bool is_long(struct request *r, const struct live_query *q)
{
    return !r->is_worker && live_cost_us(r->server->live, q) > REQUEST_INLINE_US;
}

bool request_scan_is_long(const struct request *r)
{
    return !r->is_worker && live_scan_us(r->server->live) > REQUEST_INLINE_US;
}

enum handled request_end(struct request *r, akin_status status, const akin_error *err)
{
    if (status == AKIN_E_LIMIT) /* of the request: answering needs no queue */
        request_problem(r, 413, err->message);
    else if (status != AKIN_OK)
        request_fail(r, status, err);
    return HANDLED;
}

/* ---- Recommendations ---- */

enum handled handle_recommend(struct request *r)
{
    akin_status status = AKIN_OK;
    akin_error err_ = {0}, *err = &err_;
    struct ask ask;
    struct rule_params rules;
    struct live_query q;
    bool has_rules;
    AKIN_TRY(query_ask(r, &ask, &rules, &has_rules, err));
    ask.user_id = r->param;
    AKIN_TRY(read_query(&ask, has_rules ? &rules : NULL, &r->arena, &q, err));
    if (is_long(r, &q))
        return HANDLED_LATER;
    AKIN_TRY(live_recommend(r->slot, &q, request_json(r, 200), err));
done:
    return request_end(r, status, err);
}

/* One body, or one of a batch. */
struct body_ask {
    struct ask ask;
    struct rule_params rules;
    struct live_query q;
};

static akin_status body_query(struct request *r, const char *what, json_t *body,
                              struct body_ask *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    bool has_rules = false;
    memset(&out->ask, 0, sizeof out->ask);
    out->ask.exclude_seen = 1;
    AKIN_TRY(route_body(what, body, r->route->body, &r->arena, &out->ask, base_rules(r),
                        r->route->flags & ROUTE_RULES ? &out->rules : NULL, &has_rules, err));
    AKIN_TRY(read_query(&out->ask, has_rules ? &out->rules : NULL, &r->arena, &out->q, err));
done:
    return status;
}

static void add_batch_error(struct request *r, akin_status status, const akin_error *err,
                            struct buf *out)
{
    /* as in request_end(): a limit met by one asker is the request's own, waiting does not help */
    int code = status == AKIN_E_LIMIT ? 413 : problem_status(status, false);
    buf_text(out, "{\"error\":");
    problem_write(out, code, akin_status_name(status), err->message, r->id);
    buf_char(out, '}');
}

/* {"results":[…]}: an asker that is wrong gets its error in its place. */
static akin_status answer_batch(struct request *r, const json_t *requests, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct live_params *engine = r->server->p.engine;
    struct buf *out = request_json(r, 200);
    if (engine && (int64_t)json_array_size(requests) > engine->max_batch)
        AKIN_FAIL(AKIN_E_LIMIT, "body: %zu requests (at most max_batch=%lld)",
                  json_array_size(requests), (long long)engine->max_batch);
    buf_text(out, "{\"results\":[");
    for (size_t i = 0; i < json_array_size(requests); i++) {
        struct body_ask one;
        akin_error wrong = {0};
        json_t *body = json_array_get(requests, i);
        if (json_object_get(body, "requests"))
            AKIN_FAIL(AKIN_E_INPUT, "body: requests[%zu] is a batch itself", i);
        if (i > 0)
            buf_char(out, ',');
        int64_t before = out->size;
        akin_status s = body_query(r, "requests", body, &one, &wrong);
        if (s == AKIN_OK)
            s = live_recommend(r->slot, &one.q, out, &wrong);
        if (s != AKIN_OK && !out->failed) {
            out->size = before;
            add_batch_error(r, s, &wrong, out);
        }
    }
    buf_text(out, "]}");
done:
    return status;
}

enum handled handle_recommend_body(struct request *r)
{
    akin_status status = AKIN_OK;
    akin_error err_ = {0}, *err = &err_;
    struct body_ask body;
    AKIN_TRY(body_query(r, "body", r->json, &body, err));
    if (body.ask.requests) {
        if (json_object_size(r->json) != 1)
            AKIN_FAIL(AKIN_E_INPUT, "body: a batch has requests and nothing else");
        if (!r->is_worker)
            return HANDLED_LATER;
        AKIN_TRY(answer_batch(r, body.ask.requests, err));
        goto done;
    }
    if (is_long(r, &body.q))
        return HANDLED_LATER;
    AKIN_TRY(live_recommend(r->slot, &body.q, request_json(r, 200), err));
done:
    return request_end(r, status, err);
}

enum handled handle_rank(struct request *r)
{
    akin_status status = AKIN_OK;
    akin_error err_ = {0}, *err = &err_;
    struct body_ask body;
    AKIN_TRY(body_query(r, "body", r->json, &body, err));
    if (!json_object_get(r->json, "k"))
        body.q.k = -1; /* all of them */
    if (is_long(r, &body.q))
        return HANDLED_LATER;
    AKIN_TRY(live_rank(r->slot, &body.q, request_json(r, 200), err));
done:
    return request_end(r, status, err);
}

/* ---- Items and users near an item or a user; what is popular ---- */

/* Without a user and rules. */
static akin_status near_query(struct request *r, struct ask *ask, struct live_query *q,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    bool has_rules;
    AKIN_TRY(query_ask(r, ask, NULL, &has_rules, err));
    AKIN_TRY(read_query(ask, NULL, &r->arena, q, err));
done:
    return status;
}

/* What starts from the id in the path, an item's or a user's. */
typedef akin_status (*near_fn)(struct live_slot *s, const char *id, const struct live_query *q,
                               struct buf *out, akin_error *err);

static enum handled answer_near(struct request *r, near_fn fn)
{
    akin_status status = AKIN_OK;
    akin_error err_ = {0}, *err = &err_;
    struct ask ask;
    struct live_query q;
    AKIN_TRY(near_query(r, &ask, &q, err));
    if (is_long(r, &q))
        return HANDLED_LATER;
    AKIN_TRY(fn(r->slot, r->param, &q, request_json(r, 200), err));
done:
    return request_end(r, status, err);
}

enum handled handle_similar(struct request *r)
{
    return answer_near(r, live_similar);
}

enum handled handle_together(struct request *r)
{
    return answer_near(r, live_together);
}

enum handled handle_item_users(struct request *r)
{
    return answer_near(r, live_item_users);
}

enum handled handle_user_similar(struct request *r)
{
    return answer_near(r, live_user_similar);
}

enum handled handle_popular(struct request *r)
{
    akin_status status = AKIN_OK;
    akin_error err_ = {0}, *err = &err_;
    struct ask ask;
    struct live_query q;
    AKIN_TRY(near_query(r, &ask, &q, err));
    if (is_long(r, &q) || request_scan_is_long(r))
        return HANDLED_LATER;
    AKIN_TRY(live_popular(r->slot, ask.window, &q, request_json(r, 200), err));
done:
    return request_end(r, status, err);
}
