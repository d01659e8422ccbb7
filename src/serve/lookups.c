/*
 * Handlers of look-ups: what is known of an item or a user, their events, search. They are quick
 * and answered where they come in.
 */
#include "serve/impl.h"

#include <string.h>

enum { SEARCH_SHORT = 3 }; /* bytes; so many items may begin with less */
struct find {
    const char *q;
    int64_t k, before, limit, from;
};
/* clang-format off */
const akin_param search_query_rows[] = {
    PARAM_TEXT(struct find, q, "", 0, "beginning of an id, or of words of a title"),
    PARAM_INT(struct find, k, "10", 1, 100, "", 0, "items and users at most"),
    PARAM_END,
};
const akin_param events_query_rows[] = {
    PARAM_INT(struct find, before, "0", -9e15, 9e15, "", 0, "`next` of the page before; 0 = the newest"),
    PARAM_INT(struct find, limit, "100", 1, 1000, "", 0, "events of a page"),
    PARAM_END,
};
const akin_param tags_query_rows[] = {
    PARAM_INT(struct find, from, "0", 0, 2e9, "", 0, "`next` of the page before; 0 = the first"),
    PARAM_INT(struct find, limit, "100", 1, 1000, "", 0, "tags of a page"),
    PARAM_END,
};
/* clang-format on */

typedef akin_status (*look_fn)(struct request *r, const struct find *find, struct buf *out,
                               akin_error *err);

static enum handled look_up(struct request *r, look_fn fn)
{
    akin_status status = AKIN_OK;
    akin_error err_ = {0}, *err = &err_;
    struct find find = {0};
    AKIN_TRY(route_query(&r->target, r->route->query, &r->arena, &find, NULL, NULL, NULL, err));
    AKIN_TRY(fn(r, &find, request_json(r, 200), err));
done:
    return request_end(r, status, err);
}

enum handled handle_search(struct request *r)
{
    akin_status status = AKIN_OK;
    akin_error err_ = {0}, *err = &err_;
    struct find find;
    AKIN_TRY(route_query(&r->target, r->route->query, &r->arena, &find, NULL, NULL, NULL, err));
    if (strlen(find.q) < SEARCH_SHORT && request_scan_is_long(r))
        return HANDLED_LATER;
    AKIN_TRY(live_search(r->slot, find.q, find.k, request_json(r, 200), err));
done:
    return request_end(r, status, err);
}

static akin_status look_item(struct request *r, const struct find *find, struct buf *out,
                             akin_error *err)
{
    (void)find;
    return live_item_json(r->slot, r->param, out, err);
}

enum handled handle_item(struct request *r)
{
    return look_up(r, look_item);
}

static akin_status look_user(struct request *r, const struct find *find, struct buf *out,
                             akin_error *err)
{
    (void)find;
    return live_user_json(r->slot, r->param, out, err);
}

enum handled handle_user(struct request *r)
{
    return look_up(r, look_user);
}

static akin_status look_user_export(struct request *r, const struct find *find, struct buf *out,
                                    akin_error *err)
{
    (void)find;
    return live_user_export(r->slot, r->param, out, err);
}

enum handled handle_user_export(struct request *r)
{
    return look_up(r, look_user_export);
}

static akin_status look_user_events(struct request *r, const struct find *find, struct buf *out,
                                    akin_error *err)
{
    return live_user_events(r->slot, r->param, find->before, find->limit, out, err);
}

enum handled handle_user_events(struct request *r)
{
    return look_up(r, look_user_events);
}

static akin_status look_item_events(struct request *r, const struct find *find, struct buf *out,
                                    akin_error *err)
{
    return live_item_events(r->slot, r->param, find->before, find->limit, out, err);
}

enum handled handle_item_events(struct request *r)
{
    return look_up(r, look_item_events);
}

static akin_status look_item_tags(struct request *r, const struct find *find, struct buf *out,
                                  akin_error *err)
{
    return live_item_tags(r->slot, r->param, find->from, find->limit, out, err);
}

enum handled handle_item_tags(struct request *r)
{
    return look_up(r, look_item_tags);
}
