/*
 * The life of a request between the library's call-backs: its memory, its handler, its answer.
 * Requests are reused, so that a steady load allocates nothing here.
 */
#include "serve/impl.h"

#include "core/hash.h"
#include "core/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { FREE_MOST = 4096 };

static void answer_reset(struct answer *a)
{
    struct buf body = a->body;
    buf_clear(&body);
    if (body.cap > REQUEST_KEEP)
        buf_free(&body);
    *a = (struct answer){.body = body};
}

static struct request *request_make(struct server *s)
{
    akin_ctx *ctx = s->ctx;
    struct request *r = mem_zalloc(ctx, 1, sizeof *r, NULL);
    if (!r)
        return NULL;
    r->server = s;
    arena_init(&r->arena, ctx);
    buf_init(&r->body, ctx);
    buf_init(&r->packed, ctx);
    buf_init(&r->answer.body, ctx);
    buf_init(&r->late.body, ctx);
    return r;
}

static void request_destroy(struct request *r)
{
    arena_free(&r->arena);
    buf_free(&r->body);
    buf_free(&r->packed);
    buf_free(&r->answer.body);
    buf_free(&r->late.body);
    mem_free(r->server->ctx, r);
}

struct request *request_new(struct server *s, const char *raw)
{
    pthread_mutex_lock(&s->lock);
    struct request *r = s->free_requests;
    if (r) {
        s->free_requests = r->next_free;
        s->n_free--;
    }
    pthread_mutex_unlock(&s->lock);
    if (!r)
        r = request_make(s);
    if (!r)
        return NULL;
    atomic_store(&r->refs, 1);
    atomic_store(&r->state, REQUEST_FRESH);
    r->start_ns = clock_ns();
    r->raw_size = strlen(raw);
    r->raw = arena_strndup(&r->arena, raw, r->raw_size, NULL);
    if (!r->raw) {
        request_destroy(r);
        return NULL;
    }
    return r;
}

static void request_reset(struct request *r)
{
    struct server *s = r->server;
    struct request old = *r;
    json_decref(r->json);
    arena_reset_keep(&old.arena);
    buf_clear(&old.body);
    if (old.body.cap > REQUEST_KEEP)
        buf_free(&old.body);
    if (old.packed.cap > REQUEST_KEEP)
        buf_free(&old.packed);
    answer_reset(&old.answer);
    answer_reset(&old.late);
    memset(r, 0, sizeof *r);
    r->server = s;
    r->arena = old.arena;
    r->body = old.body;
    r->packed = old.packed;
    r->answer = old.answer;
    r->late = old.late;
}

void request_release(struct request *r)
{
    struct server *s = r->server;
    if (atomic_fetch_sub(&r->refs, 1) != 1)
        return;
    request_reset(r);
    pthread_mutex_lock(&s->lock);
    bool keep = s->n_free < FREE_MOST;
    if (keep) {
        r->next_free = s->free_requests;
        s->free_requests = r;
        s->n_free++;
    }
    pthread_mutex_unlock(&s->lock);
    if (!keep)
        request_destroy(r);
}

void request_free_all(struct server *s)
{
    while (s->free_requests) {
        struct request *r = s->free_requests;
        s->free_requests = r->next_free;
        request_destroy(r);
    }
}

/* ---- Answers ---- */

struct buf *request_json(struct request *r, int status)
{
    buf_clear(&r->answer.body);
    r->answer.status = status;
    r->answer.type = "application/json";
    return &r->answer.body;
}

static void write_problem(struct request *r, struct answer *a, int status, const char *code,
                          const char *detail)
{
    buf_clear(&a->body);
    a->status = status;
    a->type = "application/problem+json";
    a->data = NULL;
    if (!a->retry_after && (status == 503 || status == 429))
        a->retry_after = 1;
    problem_write(&a->body, status, code, detail, r->id);
}

void request_problem(struct request *r, int status, const char *detail)
{
    write_problem(r, &r->answer, status, NULL, detail);
}

void request_fail(struct request *r, akin_status status, const akin_error *err)
{
    bool names_file = r->route && (r->route->flags & ROUTE_FILE);
    write_problem(r, &r->answer, problem_status(status, names_file), akin_status_name(status),
                  err->message);
}

void request_write_late(struct request *r, int status, const char *why)
{
    write_problem(r, &r->late, status, NULL, why);
}

const struct answer *request_sent(const struct request *r)
{
    return atomic_load(&r->state) == REQUEST_TIMED_OUT ? &r->late : &r->answer;
}

static void pack_answer(struct request *r)
{
    struct answer *a = &r->answer;
    if (a->data || a->body.size < ENCODE_FROM || a->status >= 300)
        return;
    a->varies = true;
    if (r->encoding == ENCODING_NONE ||
        !encode(r->encoding, 0, a->body.data, (size_t)a->body.size, &r->packed))
        return;
    a->encoding = r->encoding;
    a->data = r->packed.data;
    a->size = (size_t)r->packed.size;
}

void request_finish(struct request *r)
{
    struct answer *a = &r->answer;
    if (a->body.failed) {
        buf_clear(&a->body);
        write_problem(r, a, 503, akin_status_name(AKIN_E_MEMORY), "out of memory");
    }
    if (r->route && (r->route->flags & ROUTE_ETAG) && a->status == 200) {
        if (!a->etag[0])
            snprintf(a->etag, sizeof a->etag, "W/\"%016" PRIx64 "\"",
                     hash_bytes(a->body.data, (size_t)a->body.size, 0));
        if (framing_etag_matches(r->if_none_match, a->etag)) {
            a->status = 304;
            a->data = NULL;
            buf_clear(&a->body);
        }
    }
    pack_answer(r);
}

/* ---- Bodies ---- */

void request_take_body(struct request *r, const char *data, size_t size)
{
    int64_t most = r->server->p.max_body_bytes;
    r->body_seen += (int64_t)size;
    if (r->is_refused)
        return;
    if (r->body_seen > most) {
        buf_free(&r->body);
        r->is_refused = true;
        r->answer.close = true;
        request_problem(r, 413, "body: over max_body_bytes");
        return;
    }
    buf_add(&r->body, data, size);
}

/* Whether brackets nest too deep: before the parser builds a tree of it. */
static bool is_too_deep(const char *text, int64_t size)
{
    int depth = 0;
    bool is_string = false;
    for (int64_t i = 0; i < size; i++) {
        char c = text[i];
        if (is_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                is_string = false;
        } else if (c == '"') {
            is_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > REQUEST_DEPTH)
                return true;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return false;
}

static akin_status parse_body(struct request *r, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(buf_check(&r->body, err));
    if (r->json || r->body.size == 0)
        goto done;
    if (is_too_deep(r->body.data, r->body.size))
        AKIN_FAIL(AKIN_E_INPUT, "body: nested deeper than %d", REQUEST_DEPTH);
    AKIN_TRY(json_parse("body", r->body.data, (size_t)r->body.size, &r->json, err));
done:
    return status;
}

/* ---- Handlers ---- */

enum handled request_handle(struct request *r)
{
    akin_error err = {0};
    akin_status status = AKIN_OK;
    if (r->route->flags & ROUTE_BODY)
        status = parse_body(r, &err);
    if (status == AKIN_OK && !(r->route->flags & ROUTE_BODY_FREE) && !r->json && r->route->body &&
        r->route->body[0].name && r->route->method != METHOD_POST)
        status =
            error_set(&err, AKIN_E_INPUT, __FILE__, __LINE__, "body: a JSON object is missing");
    if (status != AKIN_OK) {
        request_fail(r, status, &err);
        return HANDLED;
    }
    return r->route->handle(r);
}

bool request_run(struct request *r)
{
    if (r->is_refused)
        return true;
    bool is_slow = (r->route->flags & ROUTE_SLOW) || r->body.size > REQUEST_INLINE;
    if (!is_slow) {
        struct server *s = r->server;
        struct live_slot *slot = slot_take(s);
        r->slot = slot;
        enum handled handled = request_handle(r);
        slot_give(s, slot);
        if (handled == HANDLED_PENDING)
            return false; /* r may be gone */
        if (handled == HANDLED) {
            request_finish(r);
            return true;
        }
    }
    return !workers_push(r);
}

bool request_hold(struct request *r)
{
    struct server *s = r->server;
    if (r->is_worker)
        return true; /* held already; the worker's reference is the job's */
    pthread_mutex_lock(&s->lock);
    bool ok = !atomic_load(&s->stopping);
    if (ok) {
        atomic_store(&r->state, REQUEST_HOLDING);
        atomic_fetch_add(&r->refs, 1);
        r->conn->waiting = r;
        s->n_jobs++;
    }
    pthread_mutex_unlock(&s->lock);
    if (!ok) {
        request_problem(r, 503, "the server is stopping");
        r->answer.close = true;
        return false;
    }
    MHD_suspend_connection(r->connection);
    atomic_store(&r->state, REQUEST_WAITING); /* from here on the warden may end it */
    return true;
}

void request_answer(struct request *r)
{
    struct server *s = r->server;
    int expected = REQUEST_WAITING;
    request_finish(r);
    pthread_mutex_lock(&s->lock);
    bool is_mine = atomic_compare_exchange_strong(&r->state, &expected, REQUEST_ANSWERED);
    if (is_mine)
        r->conn->waiting = NULL;
    pthread_mutex_unlock(&s->lock);
    if (is_mine)
        MHD_resume_connection(r->connection);
    request_release(r);
    pthread_mutex_lock(&s->lock);
    s->n_jobs--;
    if (atomic_load(&s->draining))
        pthread_cond_broadcast(&s->idle);
    pthread_mutex_unlock(&s->lock);
}

void request_change_done(void *arg, akin_status status, const char *result, const akin_error *err)
{
    struct request *r = arg;
    if (status == AKIN_OK)
        buf_text(request_json(r, 200), result ? result : "{}");
    else
        request_fail(r, status, err);
    request_answer(r);
}
