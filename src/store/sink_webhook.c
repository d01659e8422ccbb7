/*
 * `webhook:https://…`: records in batches, each a JSON body of its own:
 *
 *   {"run":"5f…","batch":3,"lists":[record,…],"last":false}
 *
 * The run is a hash of what the content is made of, so that a batch of the same refresh is the same
 * bytes under the same Idempotency-Key ("RUN-BATCH") whenever it is sent. What was acknowledged is
 * in a small file beside the model, replaced after each batch: a refresh that is run again, or
 * taken up after it was killed, sends what is missing. A batch is held until it is known whether
 * another follows, so that the last one says so.
 */
#include "core/buf.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/json.h"
#include "store/sink_impl.h"
#include "store/webhook.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    RUN_BYTES = 16,
    BODY_MOST = 8 << 20,      /* bytes of a batch, unless one record is longer */
    PROGRESS_MOST = 64 << 10, /* bytes of the file of progress that are read */
    DIGEST_BYTES = 32
};

struct self {
    struct webhook *hook;        /* owned */
    char run[2 * RUN_BYTES + 1]; /* hex */
    const char *progress;        /* file, in the sink's arena; NULL = none */
    int64_t n_known;             /* batches 0..n_known-1 were acknowledged before */
    bool is_complete;            /* and the last one, too */
    struct buf body;
    int64_t n_records; /* in body */
    int64_t number;    /* of the batch in body */
};

/* ---- What was acknowledged ---- */

/* A file that cannot be read, or is of another run, says nothing: all is sent. */
static void progress_read(struct sink *s)
{
    struct self *self = s->self;
    akin_error ignored;
    json_t *json = NULL;
    char *text = NULL;
    int64_t size;
    if (!self->progress || !file_exists(self->progress) ||
        file_read(s->ctx, self->progress, PROGRESS_MOST, &text, &size, &ignored) != AKIN_OK)
        return;
    if (json_parse("progress", text, (size_t)size, &json, &ignored) == AKIN_OK &&
        strcmp(json_text(json, "run", ""), self->run) == 0) {
        self->n_known = json_int(json, "acknowledged", 0);
        self->is_complete = json_is_true(json_object_get(json, "complete"));
    }
    json_decref(json);
    mem_free(s->ctx, text);
}

static akin_status progress_write(struct sink *s, bool is_last, akin_error *err)
{
    struct self *self = s->self;
    char text[128];
    if (!self->progress)
        return AKIN_OK;
    int n = snprintf(text, sizeof text,
                     "{\"run\":\"%s\",\"acknowledged\":%" PRId64 ",\"complete\":%s}\n", self->run,
                     self->number + 1, is_last ? "true" : "false");
    return file_write(s->ctx, self->progress, text, n, err);
}

/* ---- Opening ---- */

static akin_status name_run(struct sink *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct self *self = s->self;
    unsigned char digest[DIGEST_BYTES];
    struct buf text;
    buf_init(&text, s->ctx);
    buf_printf(&text, "%s %" PRId64 " %d", s->options.identity ? s->options.identity : "",
               s->options.batch, BODY_MOST);
    AKIN_TRY(buf_check(&text, err));
    if (gnutls_hash_fast(GNUTLS_DIG_SHA256, text.data, (size_t)text.size, digest) != 0)
        AKIN_FAIL(AKIN_E_INTERNAL, "webhook: no SHA-256 in this GnuTLS");
    for (int i = 0; i < RUN_BYTES; i++)
        snprintf(self->run + (ptrdiff_t)2 * i, 3, "%02x", digest[i]);
done:
    buf_free(&text);
    return status;
}

/* PREFIX.sent-HASH: the address itself may be a secret. */
static akin_status name_progress(struct sink *s, const char *url, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct self *self = s->self;
    const char *prefix = s->options.progress;
    char *path;
    if (!prefix)
        goto done;
    size_t size = strlen(prefix) + 32;
    path = arena_alloc(&s->arena, (int64_t)size, 1, err);
    if (!path)
        AKIN_TRY(AKIN_E_MEMORY);
    snprintf(path, size, "%s.sent-%016" PRIx64, prefix, hash_bytes(url, strlen(url), 0));
    self->progress = path;
done:
    return status;
}

static void body_begin(struct self *self)
{
    buf_clear(&self->body);
    buf_printf(&self->body, "{\"run\":\"%s\",\"batch\":%" PRId64 ",\"lists\":[", self->run,
               self->number);
    self->n_records = 0;
}

static akin_status hook_open(struct sink *s, const char *rest, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct self *self = s->self;
    const struct sink_options *o = &s->options;
    const struct webhook_options options = {.secret = o->secret,
                                            .retries = o->retries,
                                            .retry_ms = o->retry_ms,
                                            .timeout_ms = o->timeout_ms,
                                            .allow_private = o->allow_private != 0};
    s->format = SINK_JSONL;
    buf_init(&self->body, s->ctx);
    AKIN_TRY(webhook_open(s->ctx, rest, &options, &self->hook, err));
    snprintf(s->label, sizeof s->label, "webhook:%s", webhook_host(self->hook));
    AKIN_TRY(name_run(s, err));
    AKIN_TRY(name_progress(s, rest, err));
    progress_read(s);
    body_begin(self);
done:
    return status;
}

/* ---- Batches ---- */

static akin_status send_batch(struct sink *s, bool is_last, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct self *self = s->self;
    char key[2 * RUN_BYTES + 32];
    s->report.n_batches++;
    if (self->number < self->n_known && (!is_last || self->is_complete)) {
        s->report.n_unchanged++;
    } else {
        buf_printf(&self->body, "],\"last\":%s}", is_last ? "true" : "false");
        AKIN_TRY(buf_check(&self->body, err));
        snprintf(key, sizeof key, "%s-%" PRId64, self->run, self->number);
        AKIN_TRY(webhook_post(self->hook, key, self->number, self->body.data, self->body.size,
                              &s->report.n_retries, err));
        AKIN_TRY(progress_write(s, is_last, err));
    }
    self->number++;
    body_begin(self);
done:
    return status;
}

static akin_status hook_write(struct sink *s, const char *text, int64_t size, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct self *self = s->self;
    for (const char *at = text, *next; at < text + size; at = next) {
        const char *end = memchr(at, '\n', (size_t)(text + size - at));
        if (!end)
            AKIN_FAIL(AKIN_E_INTERNAL, "webhook: a record without its end");
        next = end + 1;
        if (self->n_records == s->options.batch ||
            (self->n_records > 0 && self->body.size + (end - at) > BODY_MOST))
            AKIN_TRY(send_batch(s, false, err));
        if (self->n_records++ > 0)
            buf_char(&self->body, ',');
        buf_add(&self->body, at, (size_t)(end - at));
        AKIN_TRY(buf_check(&self->body, err));
    }
done:
    return status;
}

static akin_status hook_close(struct sink *s, akin_error *err)
{
    return send_batch(s, true, err);
}

static void hook_abort(struct sink *s)
{
    struct self *self = s->self;
    webhook_free(self->hook);
    buf_free(&self->body);
    if (s->options.secret)
        gnutls_memset((char *)(uintptr_t)s->options.secret, 0, strlen(s->options.secret));
}

const struct sink_class sink_webhook = {
    .scheme = "webhook",
    .form = "webhook:https://HOST/PATH",
    .self_size = sizeof(struct self),
    .open = hook_open,
    .write = hook_write,
    .close = hook_close,
    .abort = hook_abort,
};
