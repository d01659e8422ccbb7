/* One stream of lists into an output and any number of sinks. */
#include "api/outlets.h"

#include <stdlib.h>
#include <string.h>

const akin_param outlet_rows[] = {
    PARAM_LIST(struct outlet_params, to, NULL, 0,
               "sinks that get the lists: file:PATH.csv|.jsonl, webhook:https://HOST/PATH"),
    PARAM_TEXT(struct outlet_params, webhook_secret, NULL, AKIN_PARAM_SECRET,
               "key of the signature; default: $AKIN_WEBHOOK_SECRET"),
    PARAM_TEXT(struct outlet_params, progress, NULL, 0,
               "prefix of the files that say which batches were acknowledged; default: the model"),
    PARAM_BOOL(struct outlet_params, allow_private, "false", 0,
               "webhooks: also to private and local addresses, and through a proxy"),
    PARAM_INT(struct outlet_params, webhook_batch, "100", 1, 100000, "lists", 0, "of a request"),
    PARAM_INT(struct outlet_params, webhook_retries, "6", 0, 1000, "", 0,
              "tries after the first, on 429, 5xx and a failing network"),
    PARAM_INT(struct outlet_params, webhook_retry_ms, "1000", 1, 60000, "ms", 0,
              "before the first of them; then twice as long each"),
    PARAM_INT(struct outlet_params, webhook_timeout_ms, "30000", 1, 3600000, "ms", 0,
              "of a request"),
    PARAM_END,
};

static akin_status open_sinks(struct outlets *o, const struct outlet_params *p,
                              const char *identity, const char *progress, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct sink_options options = {
        .identity = identity,
        .progress = p->progress ? p->progress : progress,
        .secret = p->webhook_secret ? p->webhook_secret : getenv("AKIN_WEBHOOK_SECRET"),
        .allow_private = p->allow_private,
        .batch = p->webhook_batch,
        .retries = p->webhook_retries,
        .retry_ms = p->webhook_retry_ms,
        .timeout_ms = p->webhook_timeout_ms};
    size_t i;
    json_t *url;
    if (json_array_size(p->to) > OUTLETS_MOST)
        AKIN_FAIL(AKIN_E_LIMIT, "to: %zu sinks (at most %d)", json_array_size(p->to), OUTLETS_MOST);
    json_array_foreach(p->to, i, url) {
        if (!json_is_string(url))
            AKIN_FAIL(AKIN_E_ARG, "to: sink %zu is no text", i + 1);
        struct outlet *x = &o->sink[o->n_sinks];
        AKIN_TRY(sink_open(o->ctx, json_string_value(url), &options, &x->sink, err));
        x->format = sink_format(x->sink) == SINK_CSV ? LIST_CSV : LIST_JSONL;
        o->wants[x->format] = true;
        o->n_sinks++;
    }
done:
    return status;
}

akin_status outlets_open(akin_ctx *ctx, const struct outlet_params *p, const char *output,
                         enum list_format format, const char *identity, const char *progress,
                         struct outlets *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    *out = (struct outlets){.ctx = ctx, .out_format = format};
    AKIN_TRY(open_sinks(out, p, identity, progress, err));
    if (output || out->n_sinks == 0) {
        AKIN_TRY(op_output_open(ctx, output, &out->out, err));
        out->has_out = true;
        out->wants[format] = true;
    }
done:
    return status;
}

/* Takes note of a failure, unless it is one that ends everything. */
static akin_status give_up(struct outlets *o, struct outlet *x, const char *label,
                           akin_status status, const akin_error *local, akin_error *err)
{
    if (status == AKIN_E_CANCELLED || status == AKIN_E_MEMORY) {
        if (err)
            *err = *local;
        return status;
    }
    log_write(o->ctx, AKIN_LOG_WARN, "%s", local->message);
    if (o->n_failed++ == 0)
        o->failure = *local;
    json_decref(x->report);
    x->report =
        json_pack("{s:s, s:s, s:s}", "sink", label, "state", "failed", "message", local->message);
    return AKIN_OK;
}

akin_status outlets_add(struct outlets *o, enum list_format format, const char *text, int64_t size,
                        akin_error *err)
{
    akin_status status = AKIN_OK;
    if (o->has_out && o->out_format == format) {
        buf_add(&o->out.buf, text, (size_t)size);
        AKIN_TRY(op_output_flush(&o->out, false, err));
    }
    for (int i = 0; i < o->n_sinks; i++) {
        struct outlet *x = &o->sink[i];
        akin_error local = {0};
        if (!x->sink || x->format != format)
            continue;
        status = sink_write(x->sink, text, size, &local);
        if (status == AKIN_OK)
            continue;
        AKIN_TRY(give_up(o, x, sink_label(x->sink), status, &local, err));
        sink_abort(x->sink);
        x->sink = NULL;
    }
done:
    return status;
}

static json_t *report_json(const char *label, const struct sink_report *r)
{
    bool is_sent = r->n_batches == 0 || r->n_unchanged < r->n_batches;
    json_t *out = json_pack("{s:s, s:s, s:I}", "sink", label, "state",
                            is_sent ? "sent" : "unchanged", "bytes", (json_int_t)r->n_bytes);
    if (out && r->n_batches > 0)
        json_object_update_new(
            out, json_pack("{s:I, s:I, s:I}", "batches", (json_int_t)r->n_batches, "unchanged",
                           (json_int_t)r->n_unchanged, "retries", (json_int_t)r->n_retries));
    return out;
}

static akin_status close_sink(struct outlets *o, struct outlet *x, akin_error *err)
{
    struct sink_report report = {0};
    akin_error local = {0};
    char label[400];
    snprintf(label, sizeof label, "%s", sink_label(x->sink));
    akin_status status = sink_close(x->sink, &report, &local);
    x->sink = NULL;
    if (status != AKIN_OK)
        return give_up(o, x, label, status, &local, err);
    x->report = report_json(label, &report);
    return AKIN_OK;
}

akin_status outlets_close(struct outlets *o, json_t **sinks, akin_error *err)
{
    akin_status status = AKIN_OK;
    *sinks = NULL;
    if (o->has_out)
        AKIN_TRY(op_output_close(&o->out, err));
    for (int i = 0; i < o->n_sinks; i++)
        if (o->sink[i].sink)
            AKIN_TRY(close_sink(o, &o->sink[i], err));
    if (o->n_failed > 0)
        AKIN_FAIL((akin_status)o->failure.code, "%.180s (%d of %d sinks failed)",
                  o->failure.message, o->n_failed, o->n_sinks);
    if (o->n_sinks == 0)
        goto done;
    *sinks = json_array();
    for (int i = 0; i < o->n_sinks; i++)
        json_array_append(*sinks, o->sink[i].report);
done:
    outlets_abort(o);
    return status;
}

void outlets_abort(struct outlets *o)
{
    if (o->has_out)
        op_output_abort(&o->out);
    o->has_out = false;
    for (int i = 0; i < o->n_sinks; i++) {
        sink_abort(o->sink[i].sink);
        json_decref(o->sink[i].report);
        o->sink[i] = (struct outlet){0};
    }
    o->n_sinks = 0;
}
