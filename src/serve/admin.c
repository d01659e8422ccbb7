/* Handlers about the server itself: models, keys, health, metrics, the document, the page. */
#include "serve/impl.h"

#include <stdio.h>
#include <string.h>

struct admin {
    const char *path, *scopes, *note;
    int64_t expires_days;
    double share;
};

const akin_param activate_body_rows[] = {
    PARAM_TEXT(struct admin, path, NULL, AKIN_PARAM_REQUIRED, "model file on the server's disk"),
    PARAM_REAL(struct admin, share, NULL, 1e-6, 1, "", 0,
               "of the users, for a canary beside the current model; not given: all at once"),
    PARAM_END,
};
const akin_param rollback_body_rows[] = {PARAM_END};
const akin_param key_body_rows[] = {
    PARAM_TEXT(struct admin, scopes, NULL, AKIN_PARAM_REQUIRED, "read, write, admin; by commas"),
    PARAM_TEXT(struct admin, note, "", 0, "who it is for"),
    PARAM_INT(struct admin, expires_days, "0", 0, 36500, "days", 0, "0 = never"),
    PARAM_END,
};

static enum handled end(struct request *r, akin_status status, const akin_error *err)
{
    if (status != AKIN_OK)
        request_fail(r, status, err);
    return HANDLED;
}

static akin_status no_query(struct request *r, akin_error *err)
{
    return route_query(&r->target, NULL, &r->arena, NULL, NULL, NULL, NULL, err);
}

/* The body by the route's rows; none at all reads as {}. */
static akin_status body_admin(struct request *r, struct admin *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    memset(out, 0, sizeof *out);
    AKIN_TRY(no_query(r, err));
    if (!r->json)
        r->json = json_object();
    if (!r->json)
        AKIN_FAIL(AKIN_E_MEMORY, "body: out of memory");
    AKIN_TRY(route_body("body", r->json, r->route->body, &r->arena, out, NULL, NULL, NULL, err));
done:
    return status;
}

/* ---- Models ---- */

/* The models as they are now, unless something failed. */
static enum handled end_models(struct request *r, akin_status status, akin_error *err)
{
    if (status == AKIN_OK)
        status = live_models_json(r->server->live, request_json(r, 200), err);
    return end(r, status, err);
}

enum handled handle_models(struct request *r)
{
    akin_error err = {0};
    return end_models(r, no_query(r, &err), &err);
}

enum handled handle_activate(struct request *r)
{
    akin_status status = AKIN_OK;
    akin_error err_ = {0}, *err = &err_;
    struct admin body;
    AKIN_TRY(body_admin(r, &body, err));
    if (body.share > 0.0)
        AKIN_TRY(live_model_canary(r->server->live, r->param, body.path, body.share, err));
    else
        AKIN_TRY(live_model_load(r->server->live, r->param, body.path, err));
done:
    return end_models(r, status, err);
}

/* What needs no more than the model's name. */
typedef akin_status (*model_fn)(struct live *l, const char *name, akin_error *err);

static enum handled change_model(struct request *r, model_fn fn)
{
    akin_status status = AKIN_OK;
    akin_error err_ = {0}, *err = &err_;
    struct admin body;
    AKIN_TRY(body_admin(r, &body, err));
    AKIN_TRY(fn(r->server->live, r->param, err));
done:
    return end_models(r, status, err);
}

enum handled handle_rollback(struct request *r)
{
    return change_model(r, live_model_rollback);
}

enum handled handle_promote(struct request *r)
{
    return change_model(r, live_model_promote);
}

enum handled handle_default(struct request *r)
{
    return change_model(r, live_model_default);
}

enum handled handle_experiments(struct request *r)
{
    akin_status status = AKIN_OK;
    akin_error err_ = {0}, *err = &err_;
    AKIN_TRY(no_query(r, err));
    AKIN_TRY(live_experiments_json(r->server->live, request_json(r, 200), err));
done:
    return end(r, status, err);
}

/* ---- Keys ---- */

static akin_status need_store(struct request *r, struct store **out, akin_error *err)
{
    *out = live_store(r->server->live);
    if (*out)
        return AKIN_OK;
    return error_set(err, AKIN_E_UNSUPPORTED, __FILE__, __LINE__,
                     "keys: no store is configured (store: {url: sqlite:akin.db})");
}

static bool write_key(void *arg, const struct store_key *key)
{
    struct jw *jw = arg;
    jw_open(jw, '{');
    jw_key(jw, "id");
    jw_string(jw, key->id);
    jw_key(jw, "scopes");
    jw_string(jw, key->scopes);
    jw_key(jw, "note");
    jw_string(jw, key->note);
    jw_key(jw, "created");
    jw_int(jw, key->created);
    jw_key(jw, "expires");
    if (key->expires)
        jw_int(jw, key->expires);
    else
        jw_null(jw);
    jw_close(jw, '}');
    return true;
}

enum handled handle_keys(struct request *r)
{
    akin_status status = AKIN_OK;
    akin_error err_ = {0}, *err = &err_;
    struct store *store;
    struct jw jw;
    AKIN_TRY(no_query(r, err));
    AKIN_TRY(need_store(r, &store, err));
    jw_init(&jw, request_json(r, 200));
    jw_open(&jw, '{');
    jw_key(&jw, "keys");
    jw_open(&jw, '[');
    AKIN_TRY(store_keys(store, write_key, &jw, err));
    jw_close(&jw, ']');
    jw_close(&jw, '}');
done:
    return end(r, status, err);
}

enum handled handle_key_create(struct request *r)
{
    akin_status status = AKIN_OK;
    akin_error err_ = {0}, *err = &err_;
    struct server *s = r->server;
    struct store *store;
    struct admin body;
    struct key_secret key;
    unsigned scopes;
    struct jw jw;
    AKIN_TRY(body_admin(r, &body, err));
    AKIN_TRY(need_store(r, &store, err));
    AKIN_TRY(key_scopes_parse(body.scopes, &scopes, err));
    /* With the first key the server asks for keys: one that can make others must exist. */
    if (key_table_count(s->keys) == 0 && !(scopes & SCOPE_ADMIN))
        AKIN_FAIL(AKIN_E_ARG, "keys: the first key needs the scope admin");
    int64_t expires =
        body.expires_days ? live_time(r->server->live) + body.expires_days * 86400 : 0;
    AKIN_TRY(key_create(store, body.scopes, body.note, expires, &key, err));
    AKIN_TRY(key_table_load(s->keys, store, err));
    jw_init(&jw, request_json(r, 201));
    jw_open(&jw, '{');
    jw_key(&jw, "id");
    jw_string(&jw, key.id);
    jw_key(&jw, "key");
    jw_string(&jw, key.text);
    jw_key(&jw, "scopes");
    jw_string(&jw, body.scopes);
    jw_close(&jw, '}');
done:
    memset(&key, 0, sizeof key);
    return end(r, status, err);
}

enum handled handle_key_delete(struct request *r)
{
    akin_status status = AKIN_OK;
    akin_error err_ = {0}, *err = &err_;
    struct store *store;
    struct jw jw;
    AKIN_TRY(no_query(r, err));
    AKIN_TRY(need_store(r, &store, err));
    AKIN_TRY(key_revoke(store, r->param, err));
    AKIN_TRY(key_table_load(r->server->keys, store, err));
    jw_init(&jw, request_json(r, 200));
    jw_open(&jw, '{');
    jw_key(&jw, "revoked");
    jw_string(&jw, r->param);
    jw_close(&jw, '}');
done:
    return end(r, status, err);
}

/* ---- State ---- */

enum handled handle_health(struct request *r)
{
    buf_text(request_json(r, 200), "{\"status\":\"ok\"}");
    return HANDLED;
}

/* A clock that is wrong is no reason to send nothing here, but one to look. */
static void write_ready(struct request *r)
{
    char why[160];
    struct jw jw;
    jw_init(&jw, request_json(r, 200));
    jw_open(&jw, '{');
    jw_key(&jw, "status");
    jw_string(&jw, "ready");
    if (live_clock_fault(r->server->live, why, sizeof why)) {
        jw_key(&jw, "clock");
        jw_string(&jw, why);
    }
    jw_close(&jw, '}');
}

/* Details are for those who may see metrics; probes need the status only. */
enum handled handle_ready(struct request *r)
{
    char why[208] = "";
    if (atomic_load(&r->server->draining)) {
        request_problem(r, 503, "the server is stopping");
    } else if (live_is_ready(r->server->live, why, sizeof why)) {
        write_ready(r);
    } else {
        request_problem(r, 503, why);
    }
    return HANDLED;
}

enum handled handle_metrics(struct request *r)
{
    struct live_stats stats;
    struct live_job_stats jobs;
    struct server *s = r->server;
    char why[208];
    live_stats(s->live, &stats);
    live_job_stats(s->live, &jobs);
    struct buf *out = request_json(r, 200);
    metrics_write(&s->metrics, &stats, &jobs, live_store(s->live) != NULL,
                  live_is_ready(s->live, why, sizeof why), out);
    metrics_write_experiments(s->live, out);
    r->answer.type = "text/plain; version=0.0.4; charset=utf-8";
    return HANDLED;
}

enum handled handle_openapi(struct request *r)
{
    const struct buf *text = &r->server->openapi;
    buf_add(request_json(r, 200), text->data, (size_t)text->size);
    return HANDLED;
}

/* ---- The page ---- */

static const char page_csp[] = "default-src 'self'; object-src 'none'; base-uri 'none'; "
                               "form-action 'self'; frame-ancestors 'none'";

enum handled handle_page(struct request *r)
{
    char path[256];
    size_t used = 0;
    path[0] = '\0';
    for (int i = 0; i < r->target.n && i < ROUTE_SEGMENTS && used < sizeof path; i++) {
        int n = snprintf(path + used, sizeof path - used, "/%s", r->target.segment[i]);
        used += n > 0 ? (size_t)n : 0;
    }
    const struct page_file *file = page_find(r->server->page, path);
    if (!file) {
        request_problem(r, 404, "path: this server was built or started without the page");
        return HANDLED;
    }
    struct answer *a = &r->answer;
    enum encoding e = file->data[r->encoding] ? r->encoding : ENCODING_NONE;
    request_json(r, 200);
    a->type = file->type;
    a->csp = page_csp;
    a->data = file->data[e];
    a->size = file->size[e];
    a->encoding = e;
    a->varies = file->data[ENCODING_GZIP] != NULL;
    memcpy(a->etag, file->etag, sizeof a->etag);
    return HANDLED;
}
