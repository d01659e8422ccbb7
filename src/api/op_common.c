/* What several operations share: opening a dataset argument, model specs, streamed output. */
#include "api/op.h"

#include <string.h>

akin_status op_open_dataset(struct op_call *call, size_t g, const char *source,
                            struct dataset **out, akin_error *err)
{
    json_t *report = NULL;
    json_t *keys = op_group_json(call, g, err);
    if (!keys)
        return AKIN_E_MEMORY;
    akin_status status = dataset_open(call->ctx, source, keys, clock_unix(), out, &report, err);
    if (status == AKIN_OK)
        log_write(call->ctx, AKIN_LOG_INFO, "%s: %lld events, %d users, %d items", source,
                  (long long)(*out)->n_events, (*out)->users.n, (*out)->items.n);
    json_decref(report);
    json_decref(keys);
    return status;
}

akin_status op_model_spec(const json_t *spec, const char **type, const char **name, json_t **params,
                          akin_error *err)
{
    akin_status status = AKIN_OK;
    *params = NULL;
    if (json_is_string(spec)) {
        *type = *name = json_string_value(spec);
        *params = json_object();
        if (!*params)
            AKIN_FAIL(AKIN_E_MEMORY, "model %s: out of memory", *type);
        return AKIN_OK;
    }
    const char *t = json_string_value(json_object_get(spec, "type"));
    const char *n = json_string_value(json_object_get(spec, "name"));
    if (!t)
        AKIN_FAIL(AKIN_E_ARG, "model: needs a name, or an object with 'type'");
    *params = json_copy((json_t *)(uintptr_t)spec);
    if (!*params)
        AKIN_FAIL(AKIN_E_MEMORY, "model %s: out of memory", t);
    json_object_del(*params, "type");
    json_object_del(*params, "name");
    *type = t;
    *name = n ? n : t;
done:
    return status;
}

akin_status op_output_open(akin_ctx *ctx, const char *path, struct op_output *out, akin_error *err)
{
    *out = (struct op_output){.ctx = ctx};
    buf_init(&out->buf, ctx);
    if (path && strcmp(path, "-") != 0)
        return file_writer_open(ctx, path, &out->file, err);
    return AKIN_OK;
}

akin_status op_output_flush(struct op_output *out, bool force, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(buf_check(&out->buf, err));
    if (out->buf.size == 0 || (!force && out->buf.size < 1 << 20))
        goto done;
    if (out->file)
        AKIN_TRY(file_writer_add(out->file, out->buf.data, out->buf.size, err));
    else if (out->ctx->sink_fn &&
             out->ctx->sink_fn(out->ctx->sink_arg, out->buf.data, (size_t)out->buf.size) != 0)
        AKIN_FAIL(AKIN_E_IO, "output: the receiver stopped reading");
    buf_clear(&out->buf);
done:
    return status;
}

akin_status op_output_close(struct op_output *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(op_output_flush(out, true, err));
    if (out->file) {
        struct file_writer *file = out->file;
        out->file = NULL;
        AKIN_TRY(file_writer_commit(file, err));
    }
done:
    op_output_abort(out);
    return status;
}

void op_output_abort(struct op_output *out)
{
    file_writer_abort(out->file);
    out->file = NULL;
    buf_free(&out->buf);
}
