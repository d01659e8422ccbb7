/*
 * Events on their way in: JSON checked whole before anything is stored, and a durable one joined to
 * its person, the catalogue and the counts. Not here: who stores them and when (changes.c), what
 * the store had before (replay.c).
 *
 * Cost: O(1) an event beside its text.
 */
#include "live/events.h"
#include "core/text.h"
#include "live/jobs.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

/* ---- From JSON ---- */

static bool make_id(char out[EVENT_ID])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bits[16];
    if (getrandom(bits, sizeof bits, 0) != (ssize_t)sizeof bits)
        return false;
    for (int i = 0; i < 16; i++) {
        out[2 * i] = digits[bits[i] >> 4];
        out[2 * i + 1] = digits[bits[i] & 15];
    }
    out[32] = '\0';
    return true;
}

static akin_status text_of(const json_t *object, const char *key, int64_t at, size_t most,
                           bool is_needed, const char **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const json_t *value = json_object_get(object, key);
    *out = NULL;
    if (!value || json_is_null(value)) {
        if (is_needed)
            AKIN_FAIL(AKIN_E_INPUT, "event %lld: %s is missing", (long long)at, key);
        goto done;
    }
    if (!json_is_string(value))
        AKIN_FAIL(AKIN_E_INPUT, "event %lld: %s must be a text", (long long)at, key);
    size_t size = json_string_length(value);
    *out = json_string_value(value);
    if (size != strlen(*out) || size > most || (is_needed && size == 0))
        AKIN_FAIL(AKIN_E_INPUT, "event %lld: %s has %zu bytes (must be 1..%zu, no NUL)",
                  (long long)at, key, size, most);
done:
    return status;
}

static akin_status time_of(struct live *l, const json_t *value, int64_t at, int64_t *out,
                           akin_error *err)
{
    akin_status status = AKIN_OK;
    *out = live_time(l);
    if (!value || json_is_null(value))
        goto done;
    bool is_good = false;
    if (json_is_integer(value)) {
        *out = json_integer_value(value);
        is_good = true;
    } else if (json_is_string(value)) {
        is_good = text_to_unix(json_string_value(value), json_string_length(value), out);
    }
    if (!is_good || *out < 0 || *out > live_time(l) + 86400)
        AKIN_FAIL(AKIN_E_INPUT,
                  "event %lld: time must be Unix seconds or RFC 3339, not after tomorrow",
                  (long long)at);
done:
    return status;
}

static akin_status event_parse(struct live *l, struct event_batch *b, json_t *object, int64_t at,
                               akin_error *err)
{
    static const char *const keys[] = {"event_id", "user_id", "item_id", "event_type",
                                       "value",    "time",    "context"};
    akin_status status = AKIN_OK;
    struct store_event *e = &b->event[at];
    const char *key;
    json_t *value;
    if (!json_is_object(object))
        AKIN_FAIL(AKIN_E_INPUT, "event %lld: must be an object", (long long)at);
    json_object_foreach(object, key, value) {
        size_t i = 0;
        while (i < sizeof keys / sizeof keys[0] && strcmp(key, keys[i]) != 0)
            i++;
        if (i == sizeof keys / sizeof keys[0])
            AKIN_FAIL(AKIN_E_INPUT,
                      "event %lld: unknown key '%.40s' (known: event_id, user_id, item_id, "
                      "event_type, value, time, context)",
                      (long long)at, key);
    }
    AKIN_TRY(text_of(object, "user_id", at, STORE_ID_MAX, true, &e->user_id, err));
    AKIN_TRY(text_of(object, "item_id", at, STORE_ID_MAX, true, &e->item_id, err));
    AKIN_TRY(text_of(object, "event_id", at, STORE_ID_MAX, false, &e->event_id, err));
    AKIN_TRY(text_of(object, "event_type", at, STORE_TYPE_MAX, false, &e->event_type, err));
    if (!e->event_type)
        e->event_type = "";
    if (!e->event_id || !*e->event_id) {
        if (!make_id(b->made[at]))
            AKIN_FAIL(AKIN_E_IO, "no random numbers: %s", strerror(errno));
        e->event_id = b->made[at];
    }
    value = json_object_get(object, "value");
    e->value = (double)NAN;
    if (value && !json_is_null(value)) {
        if (!json_is_number(value) || !isfinite(json_number_value(value)))
            AKIN_FAIL(AKIN_E_INPUT, "event %lld: value must be a number", (long long)at);
        e->value = json_number_value(value);
    }
    AKIN_TRY(time_of(l, json_object_get(object, "time"), at, &e->time, err));
    value = json_object_get(object, "context");
    if (value && !json_is_null(value)) {
        if (!json_is_object(value))
            AKIN_FAIL(AKIN_E_INPUT, "event %lld: context must be an object", (long long)at);
        /* kept as text in the body, which lives as long as the write */
        char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
        if (!text || json_object_set_new(object, "context", json_string(text)) != 0) {
            free(text);
            AKIN_FAIL(AKIN_E_MEMORY, "event %lld: context", (long long)at);
        }
        free(text);
        e->context = json_string_value(json_object_get(object, "context"));
    }
done:
    return status;
}

akin_status event_batch_parse(struct live *l, const json_t *body, struct event_batch *out,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *copy = json_deep_copy(body);
    if (!copy)
        AKIN_FAIL(AKIN_E_MEMORY, "events: no room");
    json_t *list = json_is_object(copy) ? json_object_get(copy, "events") : copy;
    out->body = copy;
    if (json_is_object(copy) && !list) { /* one, by itself */
        out->body = json_pack("[o]", copy);
        list = out->body;
    }
    if (!json_is_array(list) || json_array_size(list) == 0)
        AKIN_FAIL(AKIN_E_INPUT, "events: give one event, an array, or {\"events\": [...]}");
    int64_t n = (int64_t)json_array_size(list);
    if (n > l->p.max_batch)
        AKIN_FAIL(AKIN_E_LIMIT, "%lld events in one request (at most max_batch=%lld)", (long long)n,
                  (long long)l->p.max_batch);
    MEM_ZERO(l->ctx, out->event, n);
    MEM_ZERO(l->ctx, out->made, n);
    out->n = n;
    for (int64_t i = 0; i < n; i++)
        AKIN_TRY(event_parse(l, out, json_array_get(list, (size_t)i), i, err));
done:
    return status;
}

void event_batch_free(akin_ctx *ctx, struct event_batch *b)
{
    json_decref(b->body);
    mem_free(ctx, b->event);
    mem_free(ctx, b->made);
}

/* ---- Into memory ---- */

static akin_status recent_add(struct live *l, const struct live_event *e, akin_error *err)
{
    akin_status status = AKIN_OK;
    pthread_rwlock_wrlock(&l->recent_lock);
    if (l->n_recent == l->cap_recent) {
        int64_t cap = l->cap_recent ? l->cap_recent * 2 : 1024;
        void *recent = mem_resize(l->ctx, l->recent, cap, sizeof *l->recent, err);
        if (!recent)
            AKIN_TRY(AKIN_E_MEMORY);
        l->recent = recent;
        l->cap_recent = cap;
    }
    l->recent[l->n_recent++] = (struct recent){e->seq, e->time, e->item};
done:
    pthread_rwlock_unlock(&l->recent_lock);
    return status;
}

akin_status event_remember(struct live *l, struct people_queue *queue, const struct store_event *e,
                           struct live_event *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    size_t size = strlen(e->item_id);
    *out = (struct live_event){.seq = e->seq, .time = e->time, .value = (float)e->value};
    out->item = catalog_find(l->catalog, e->item_id, size);
    if (out->item < 0)
        AKIN_TRY(catalog_put(l->catalog, e->item_id, size, NULL, &out->item, err));
    AKIN_TRY(type_number(l, e->event_type, &out->type, err));
    size = strlen(e->user_id);
    AKIN_TRY(queue ? people_queue_add(queue, e->user_id, size, out, err)
                   : people_add(&l->people, e->user_id, size, out, err));
done:
    return status;
}

akin_status event_apply(struct live *l, struct people_queue *queue, const struct store_event *e,
                        akin_error *err)
{
    akin_status status = AKIN_OK;
    struct live_event x;
    AKIN_TRY(event_remember(l, queue, e, &x, err));
    AKIN_TRY(recent_add(l, &x, err));
    l->n_events++;
    if (e->time > l->newest_event)
        l->newest_event = e->time;
    if (l->jobs)
        jobs_note_events(l->jobs, l->n_events);
done:
    return status;
}

void event_convert(struct live *l, const struct store_event *e)
{
    if (l->experiments)
        experiments_event(l->experiments, e->user_id, e->item_id, e->event_type, e->time, e->seq);
}
