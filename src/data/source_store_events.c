/*
 * Events of a dataset and of a store as JSON lines, made a page at a time while they are read.
 * The store is read in pages too, so that it may go on writing; nothing above `last` is taken.
 * Cost: two passes over the store's events, the first to know which columns there are.
 */
#include "data/source_store.h"

#include "core/json.h"
#include "core/text.h"

#include <math.h>
#include <string.h>

static bool item_is_gone(const struct own_sources *own, const char *id)
{
    int64_t n = (int64_t)strlen(id);
    return own->gone.n > 0 && idset_find(&own->gone, idset_hash(id, n), id, n) >= 0;
}

static void gone_count(struct own_sources *own, const char *id, int32_t n)
{
    if (own->n_gone++ == 0) {
        char text[64];
        size_t size = n < 63 ? (size_t)n : 63;
        memcpy(text, id, size);
        text[size] = '\0';
        text_clean(text);
        text_copy(own->sample, sizeof own->sample, text);
    }
}

/* ---- the first look ---- */

static bool look_event(void *arg, const struct store_event *e)
{
    struct own_sources *own = arg;
    if (e->seq > own->last)
        return false;
    own->from[1].at = e->seq;
    if (item_is_gone(own, e->item_id)) {
        gone_count(own, e->item_id, (int32_t)strlen(e->item_id));
        return true;
    }
    own->n_store++;
    own->has_value = own->has_value || !isnan(e->value);
    own->has_type = own->has_type || e->event_type[0];
    return true;
}

akin_status own_look(struct own_sources *own, bool is_estimate, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dataset *base = own->base;
    for (int32_t u = 0; base && u < base->users.n; u++) {
        int64_t n = base->user_ptr[u + 1] - base->user_ptr[u];
        if (own->user_flag[u] & OWN_GONE) {
            own->n_erased += n;
            continue;
        }
        for (int64_t e = base->user_ptr[u]; e < base->user_ptr[u + 1]; e++) {
            int32_t size;
            const char *id = ids_get(&base->items, base->item[e], &size);
            if (own->item_flag[base->item[e]] & OWN_GONE)
                gone_count(own, id, size);
            else
                own->n_base++;
        }
    }
    own->has_value = base && base->value;
    own->has_type = base && base->type;
    int64_t before = -1, *at = &own->from[1].at;
    for (*at = own->after; own->store && *at != before;) {
        before = *at;
        AKIN_TRY(ctx_check(own->ctx, err));
        AKIN_TRY(store_events(own->store, before, OWN_PAGE, look_event, own, err));
        if (is_estimate && own->n_store == OWN_PAGE) { /* there may be more */
            int64_t most = own->last - own->after;
            own->n_store = most < own->info.n_events ? most : own->info.n_events;
            break;
        }
    }
done:
    return status;
}

/* ---- lines ---- */

/* Every line has every key: the reader takes the columns from the first ones. */
static void line_open(struct jw *jw, struct buf *out, const char *user, size_t n_user,
                      const char *item, size_t n_item)
{
    jw_init(jw, out);
    jw_open(jw, '{');
    jw_key(jw, "user_id");
    jw_string_n(jw, user, n_user);
    jw_key(jw, "item_id");
    jw_string_n(jw, item, n_item);
}

static void line_close(struct jw *jw, struct buf *out)
{
    jw_close(jw, '}');
    buf_char(out, '\n');
}

static void base_cell(struct jw *jw, const struct dataset *base, const char *name, int64_t e)
{
    const struct column *col = base ? table_find(&base->event_table, name) : NULL;
    int32_t size;
    jw_key(jw, name);
    if (col && col->type == COL_NUMBER) {
        jw_double(jw, col->num[e]);
    } else if (col && col->type == COL_TEXT) {
        jw_string_n(jw, col->bytes + col->off[e], (size_t)(col->off[e + 1] - col->off[e]));
    } else if (col && col->ptr[e] < col->ptr[e + 1]) {
        jw_open(jw, '[');
        for (int64_t i = col->ptr[e]; i < col->ptr[e + 1]; i++) {
            const char *text = strtab_get(&col->vocab, col->val[i], &size);
            jw_string_n(jw, text, (size_t)size);
        }
        jw_close(jw, ']');
    } else {
        jw_null(jw);
    }
}

static void base_line(struct own_stream *s, int64_t e)
{
    const struct own_sources *own = s->own;
    const struct dataset *base = own->base;
    int32_t n_user, n_item, n_type;
    struct jw jw;
    const char *user = ids_get(&base->users, s->user, &n_user);
    const char *item = ids_get(&base->items, base->item[e], &n_item);
    line_open(&jw, &s->text, user, (size_t)n_user, item, (size_t)n_item);
    if (own->has_value) {
        jw_key(&jw, "value");
        jw_float(&jw, base->value ? base->value[e] : 1.0f);
    }
    if (own->has_time) {
        jw_key(&jw, "time");
        jw_int(&jw, base->time[e]);
    }
    if (own->has_type) {
        jw_key(&jw, "event_type");
        const char *type = base->type ? strtab_get(&base->types, base->type[e], &n_type) : "";
        jw_string_n(&jw, type, base->type ? (size_t)n_type : 0);
    }
    if (own->has_text)
        base_cell(&jw, base, "text", e);
    for (size_t i = 0; i < json_array_size(own->context); i++)
        base_cell(&jw, base, json_string_value(json_array_get(own->context, i)), e);
    line_close(&jw, &s->text);
}

static void base_page(struct own_stream *s)
{
    const struct dataset *base = s->own->base;
    for (int i = 0; i < OWN_PAGE && s->at < base->n_events; i++, s->at++) {
        while (base->user_ptr[s->user + 1] <= s->at)
            s->user++;
        if (!(s->own->user_flag[s->user] & OWN_GONE) &&
            !(s->own->item_flag[base->item[s->at]] & OWN_GONE))
            base_line(s, s->at);
    }
}

/* Keys of the event's context that are asked for. */
static akin_status context_cells(struct own_stream *s, struct jw *jw, const char *context,
                                 akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *object = NULL;
    const struct own_sources *own = s->own;
    if (!own->has_text && json_array_size(own->context) == 0)
        return AKIN_OK;
    if (context)
        AKIN_TRY(json_parse("context of an event", context, strlen(context), &object, err));
    for (size_t i = own->has_text ? 0 : 1; i <= json_array_size(own->context); i++) {
        const char *name = i == 0 ? "text" : json_string_value(json_array_get(own->context, i - 1));
        json_t *value = json_object_get(object, name);
        jw_key(jw, name);
        if (json_is_string(value) || json_is_number(value) || json_is_boolean(value) ||
            json_is_array(value)) {
            char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
            if (!text)
                AKIN_FAIL(AKIN_E_MEMORY, "no memory for the context of an event");
            jw_raw(jw, text);
            free(text);
        } else {
            jw_null(jw);
        }
    }
done:
    json_decref(object);
    return status;
}

static bool store_line(void *arg, const struct store_event *e)
{
    struct own_stream *s = arg;
    const struct own_sources *own = s->own;
    struct jw jw;
    if (e->seq > own->last)
        return false;
    s->at = e->seq;
    if (item_is_gone(own, e->item_id))
        return true;
    line_open(&jw, &s->text, e->user_id, strlen(e->user_id), e->item_id, strlen(e->item_id));
    if (own->has_value) { /* an event without a value counts as one: so do implicit datasets */
        jw_key(&jw, "value");
        jw_double(&jw, isnan(e->value) ? 1 : e->value);
    }
    jw_key(&jw, "time");
    jw_int(&jw, e->time);
    if (own->has_type) {
        jw_key(&jw, "event_type");
        jw_string(&jw, e->event_type);
    }
    s->status = context_cells(s, &jw, e->context, s->err);
    line_close(&jw, &s->text);
    return s->status == AKIN_OK;
}

/* More lines into s->text; none at the end. */
static akin_status page_make(struct own_stream *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t before = -1;
    buf_clear(&s->text);
    s->taken = 0;
    s->err = err;
    while (s->text.size == 0 && s->at != before) { /* a page may hold dropped events only */
        before = s->at;
        AKIN_TRY(ctx_check(s->own->ctx, err));
        if (!s->is_store)
            base_page(s);
        else
            AKIN_TRY(store_events(s->own->store, s->at, OWN_PAGE, store_line, s, err));
        AKIN_TRY(s->status);
    }
    AKIN_TRY(buf_check(&s->text, err));
done:
    return status;
}

static akin_status stream_make(void *arg, char *out, int64_t size, int64_t *got, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct own_stream *s = arg;
    *got = 0;
    while (*got < size) {
        if (s->taken == s->text.size) {
            AKIN_TRY(page_make(s, err));
            if (s->text.size == 0)
                break;
        }
        int64_t n = s->text.size - s->taken;
        n = n < size - *got ? n : size - *got;
        memcpy(out + *got, s->text.data + s->taken, (size_t)n);
        s->taken += n;
        *got += n;
    }
done:
    return status;
}

akin_status own_input(struct own_sources *own, const char *path, struct input **in, akin_error *err)
{
    bool is_store = own_is_store(path);
    const char *name = strncmp(path, "sqlite:", 7) == 0 ? path + 7 : path;
    struct own_stream *s = &own->from[is_store];
    *in = NULL;
    if ((is_store ? own->n_store : own->n_base) == 0)
        return AKIN_OK;
    s->at = is_store ? own->after : 0;
    return input_open_made(own->ctx, name, stream_make, s, in, err);
}
