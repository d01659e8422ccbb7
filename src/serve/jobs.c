/* Handlers about jobs. */
#include "serve/impl.h"

#include <stdio.h>
#include <string.h>

struct job_body {
    const char *kind, *model;
    int64_t k;
};
#define P struct job_body
const akin_param job_body_rows[] = {
    PARAM_TEXT(P, kind, NULL, AKIN_PARAM_REQUIRED, "retrain, or export (lists of all users)"),
    PARAM_TEXT(P, model, NULL, 0, "name under which it is served; the default one if absent"),
    PARAM_INT(P, k, "10", 1, 100000, "items", 0, "export: length of a list"),
    PARAM_END,
};
#undef P

static akin_status no_query(struct request *r, akin_error *err)
{
    return route_query(&r->target, NULL, &r->arena, NULL, NULL, NULL, NULL, err);
}

static enum handled end(struct request *r, akin_status status, const akin_error *err)
{
    if (status != AKIN_OK)
        request_fail(r, status, err);
    return HANDLED;
}

enum handled handle_jobs(struct request *r)
{
    akin_status status = AKIN_OK;
    akin_error err_ = {0}, *err = &err_;
    AKIN_TRY(no_query(r, err));
    AKIN_TRY(live_jobs_json(r->server->live, request_json(r, 200), err));
done:
    return end(r, status, err);
}

enum handled handle_job(struct request *r)
{
    akin_status status = AKIN_OK;
    akin_error err_ = {0}, *err = &err_;
    AKIN_TRY(no_query(r, err));
    AKIN_TRY(live_job_json(r->server->live, r->param, request_json(r, 200), err));
done:
    return end(r, status, err);
}

enum handled handle_job_cancel(struct request *r)
{
    akin_status status = AKIN_OK;
    akin_error err_ = {0}, *err = &err_;
    AKIN_TRY(no_query(r, err));
    AKIN_TRY(live_job_cancel(r->server->live, r->param, request_json(r, 200), err));
done:
    return end(r, status, err);
}

enum handled handle_job_create(struct request *r)
{
    akin_status status = AKIN_OK;
    akin_error err_ = {0}, *err = &err_;
    struct job_body body = {0};
    struct answer *a = &r->answer;
    int64_t id = 0;
    AKIN_TRY(no_query(r, err));
    if (!r->json)
        AKIN_FAIL(AKIN_E_INPUT, "body: a JSON object is missing");
    AKIN_TRY(route_body("body", r->json, r->route->body, &r->arena, &body, NULL, NULL, NULL, err));
    const struct live_job job = {body.kind, body.model, body.k};
    AKIN_TRY(live_job_submit(r->server->live, &job, request_json(r, 202), &id, err));
    snprintf(a->location, sizeof a->location, "/v1/jobs/%lld", (long long)id);
done:
    return end(r, status, err);
}
