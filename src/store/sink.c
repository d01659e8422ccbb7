/* The table of sinks, and what all of them share: options, label, report. */
#include "store/sink.h"

#include "core/text.h"
#include "store/sink_impl.h"

#include <stdio.h>
#include <string.h>

enum { BATCH = 100, RETRIES = 6, RETRY_MS = 1000, TIMEOUT_MS = 30000 };

static const struct sink_class *const classes[] = {&sink_file, &sink_webhook};
enum { N_CLASSES = sizeof classes / sizeof *classes };

/* *rest: behind the scheme and its colon. */
static const struct sink_class *find(const char *url, const char **rest)
{
    size_t n = strcspn(url, ":");
    for (size_t i = 0; i < N_CLASSES; i++) {
        if (url[n] == ':' && strlen(classes[i]->scheme) == n &&
            memcmp(classes[i]->scheme, url, n) == 0) {
            *rest = url + n + 1;
            return classes[i];
        }
    }
    return NULL;
}

static akin_status unknown(const char *url, akin_error *err)
{
    char scheme[32], forms[160] = "";
    size_t used = 0, n = strcspn(url, ":");
    for (size_t i = 0; i < N_CLASSES && used < sizeof forms; i++)
        used += (size_t)snprintf(forms + used, sizeof forms - used, "%s%s", i ? ", " : "",
                                 classes[i]->form);
    snprintf(scheme, sizeof scheme, "%.*s", n < 20 && url[n] == ':' ? (int)n + 1 : 0, url);
    text_clean(scheme);
    return error_set(err, AKIN_E_ARG, __FILE__, __LINE__, "sink '%s…' is none of %s", scheme,
                     forms);
}

static akin_status copy_text(struct sink *s, const char **text, akin_error *err)
{
    if (!*text)
        return AKIN_OK;
    *text = arena_strndup(&s->arena, *text, strlen(*text), err);
    return *text ? AKIN_OK : AKIN_E_MEMORY;
}

static akin_status take_options(struct sink *s, const struct sink_options *options, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct sink_options *o = &s->options;
    *o = *options;
    AKIN_TRY(copy_text(s, &o->identity, err));
    AKIN_TRY(copy_text(s, &o->progress, err));
    AKIN_TRY(copy_text(s, &o->secret, err));
    o->batch = o->batch > 0 ? o->batch : BATCH;
    o->retries = o->retries >= 0 ? o->retries : RETRIES;
    o->retry_ms = o->retry_ms > 0 ? o->retry_ms : RETRY_MS;
    o->timeout_ms = o->timeout_ms > 0 ? o->timeout_ms : TIMEOUT_MS;
done:
    return status;
}

akin_status sink_open(akin_ctx *ctx, const char *url, const struct sink_options *options,
                      struct sink **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct sink *s = NULL;
    const char *rest;
    const struct sink_class *cls = find(url, &rest);
    if (!cls)
        return unknown(url, err);
    MEM_ZERO(ctx, s, 1);
    s->ctx = ctx;
    arena_init(&s->arena, ctx);
    s->self = mem_zalloc(ctx, 1, (int64_t)cls->self_size, err);
    if (!s->self)
        AKIN_TRY(AKIN_E_MEMORY);
    AKIN_TRY(take_options(s, options, err));
    s->cls = cls;
    AKIN_TRY(cls->open(s, rest, err));
    *out = s;
    s = NULL;
done:
    sink_abort(s);
    return status;
}

enum sink_format sink_format(const struct sink *s)
{
    return s->format;
}

const char *sink_label(const struct sink *s)
{
    return s->label;
}

const char *sink_path(const struct sink *s)
{
    return s->path;
}

const char *sink_url_path(const char *url)
{
    const char *rest;
    return find(url, &rest) == &sink_file ? rest : NULL;
}

akin_status sink_write(struct sink *s, const char *text, int64_t size, akin_error *err)
{
    s->report.n_bytes += size;
    return size > 0 ? s->cls->write(s, text, size, err) : AKIN_OK;
}

akin_status sink_close(struct sink *s, struct sink_report *report, akin_error *err)
{
    akin_status status = s->cls->close(s, err);
    if (report)
        *report = s->report;
    sink_abort(s);
    return status;
}

void sink_abort(struct sink *s)
{
    if (!s)
        return;
    if (s->cls)
        s->cls->abort(s);
    arena_free(&s->arena);
    mem_free(s->ctx, s->self);
    mem_free(s->ctx, s);
}
