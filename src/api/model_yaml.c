/* A model and its parameters as YAML: a key a line, values as JSON, which YAML contains. */
#include "api/model_yaml.h"

#include "core/file.h"
#include "core/json.h"

#include <string.h>

/* The reader replaces ${NAME}; a text that holds it says $${NAME}. */
static void put_literal(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (text[0] == '$' && text[1] == '{')
            buf_char(out, '$');
        buf_char(out, *text);
    }
}

static akin_status put_pair(struct buf *out, const char *key, const json_t *value, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct buf text;
    buf_init(&text, out->ctx);
    if (json_is_string(value)) {
        struct jw jw;
        jw_init(&jw, &text);
        jw_string(&jw, json_string_value(value));
    } else if (json_is_object(value) || json_is_array(value)) {
        AKIN_TRY(json_write(value, &text, err));
    } else if (json_is_integer(value)) {
        buf_int(&text, (int64_t)json_integer_value(value));
    } else if (json_is_real(value)) {
        buf_double(&text, json_real_value(value));
    } else {
        buf_text(&text, json_is_true(value) ? "true" : json_is_false(value) ? "false" : "null");
    }
    AKIN_TRY(buf_check(&text, err));
    buf_printf(out, "%s: ", key);
    put_literal(out, text.data);
    buf_char(out, '\n');
done:
    buf_free(&text);
    return status;
}

akin_status model_yaml_write(akin_ctx *ctx, const char *path, const char *comment,
                             const json_t *spec, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *key;
    json_t *value;
    struct buf text;
    buf_init(&text, ctx);
    buf_printf(&text, "# %s\n", comment);
    json_object_foreach((json_t *)(uintptr_t)spec, key, value) {
        AKIN_TRY(put_pair(&text, key, value, err));
    }
    AKIN_TRY(buf_check(&text, err));
    AKIN_TRY(file_write(ctx, path, text.data, text.size, err));
done:
    buf_free(&text);
    return status;
}
