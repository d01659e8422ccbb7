/*
 * Opening a dataset and a store as sources of prepare: what is newer, erased or deleted.
 *
 * Events are the prefix up to the store's last sequence when it was opened, which becomes the
 * watermark. Words about items and users are the last ones there are: one that came meanwhile is
 * read again by the next merge, since its sequence is above the watermark.
 */
#include "data/source_store.h"

#include "core/hash.h"
#include "core/json.h"
#include "core/text.h"

#include <inttypes.h>
#include <string.h>

enum { OWN_LINE = 4 << 20 };

bool own_is_store(const char *path)
{
    size_t n = strlen(path);
    return strncmp(path, "sqlite:", 7) == 0 || (n > 3 && strcmp(path + n - 3, ".db") == 0);
}

bool own_is_source(const char *path)
{
    size_t n = strlen(path);
    if (own_is_store(path) || (n > 5 && strcmp(path + n - 5, ".akin") == 0))
        return true;
    return strcmp(path, "-") != 0 && dataset_is_file(path);
}

/* ---- what the store says of the dataset's rows ---- */

struct word_reader {
    struct own_sources *own;
    akin_status status;
    akin_error *err;
};

static void flag_set(const struct ids *ids, uint8_t *flags, const char *id, enum own_flag flag)
{
    int32_t at = ids_find(ids, id, strlen(id));
    if (at >= 0)
        flags[at] |= (uint8_t)flag;
}

static bool item_word(void *arg, const struct store_entity *e)
{
    struct word_reader *r = arg;
    struct own_sources *own = r->own;
    int64_t n = (int64_t)strlen(e->id);
    uint32_t number;
    if (!e->attributes) {
        r->status = idset_add(&own->gone, idset_hash(e->id, n), e->id, n, &number, r->err);
        if (own->base)
            flag_set(&own->base->items, own->item_flag, e->id, OWN_GONE);
    } else if (own->base && e->seq > own->after) {
        flag_set(&own->base->items, own->item_flag, e->id, OWN_SAID);
    }
    return r->status == AKIN_OK;
}

static bool user_word(void *arg, const struct store_entity *e)
{
    struct word_reader *r = arg;
    flag_set(&r->own->base->users, r->own->user_flag, e->id, OWN_SAID);
    return true;
}

static bool erased_word(void *arg, int64_t seq, const char *user_id, int64_t time)
{
    struct word_reader *r = arg;
    (void)time;
    if (seq > r->own->after)
        flag_set(&r->own->base->users, r->own->user_flag, user_id, OWN_GONE);
    return true;
}

static akin_status words_read(struct own_sources *own, bool is_estimate, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct word_reader r = {own, AKIN_OK, err};
    if (own->base) {
        MEM_ZERO(own->ctx, own->user_flag, own->base->users.n + 1);
        MEM_ZERO(own->ctx, own->item_flag, own->base->items.n + 1);
    }
    if (!own->store || is_estimate)
        return AKIN_OK;
    AKIN_TRY(store_entities(own->store, STORE_ITEM, 0, item_word, &r, err));
    AKIN_TRY(r.status);
    if (own->base) {
        AKIN_TRY(store_entities(own->store, STORE_USER, own->after, user_word, &r, err));
        AKIN_TRY(store_erased(own->store, erased_word, &r, err));
    }
done:
    return status;
}

/* ---- opening ---- */

static akin_status path_open(struct own_sources *own, const char *path, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (own_is_store(path)) {
        struct store_options options = {.read_only = true, .must_exist = true};
        if (own->store)
            AKIN_FAIL(AKIN_E_ARG, "prepare: a second store, %s (one at a time)", path);
        AKIN_TRY(store_open(own->ctx, path, &options, &own->store, err));
        store_info(own->store, &own->info);
        own->last = own->info.last_seq;
        return AKIN_OK;
    }
    if (own->base)
        AKIN_FAIL(AKIN_E_ARG, "prepare: a second dataset, %s (one at a time)", path);
    AKIN_TRY(dataset_load(own->ctx, path, &own->base, err));
    if (own->base->role)
        AKIN_FAIL(AKIN_E_INPUT,
                  "%s: a test set with given events cannot be merged (merge first, then split)",
                  path);
    if (own->base->time_kind == TIME_ORDINAL)
        AKIN_FAIL(AKIN_E_INPUT, "%s: its events have an order and no times: it cannot be merged",
                  path);
done:
    return status;
}

/* Roles are named in full, so that a context column is never taken for a value. */
static akin_status names_make(struct own_sources *own, const struct prepare_params *p,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    static const char *const optional[] = {"value", "time", "event_type", "text"};
    const bool has[] = {own->has_value, own->has_time, own->has_type, own->has_text};
    bool ok = true;
    own->columns = json_pack("{s:s, s:s}", "user_id", "user_id", "item_id", "item_id");
    own->context = p->context ? json_copy(p->context) : json_array();
    if (!own->columns || !own->context)
        AKIN_FAIL(AKIN_E_MEMORY, "prepare: no memory for names of columns");
    for (size_t i = 0; i < json_array_size(own->context); i++)
        if (!json_is_string(json_array_get(own->context, i)))
            AKIN_FAIL(AKIN_E_ARG, "context: entry %zu is no column name", i + 1);
    for (int i = 0; i < 4; i++)
        ok = ok && json_object_set_new(own->columns, optional[i],
                                       json_string(has[i] ? optional[i] : "")) == 0;
    for (int c = 0; own->base && c < own->base->event_table.n_cols; c++) {
        const char *name = own->base->event_table.cols[c].name;
        bool is_there = strcmp(name, "text") == 0;
        for (size_t i = 0; i < json_array_size(own->context); i++) {
            const char *other = json_string_value(json_array_get(own->context, i));
            is_there = is_there || strcmp(other, name) == 0;
        }
        ok = ok && (is_there || json_array_append_new(own->context, json_string(name)) == 0);
    }
    if (!ok)
        AKIN_FAIL(AKIN_E_MEMORY, "prepare: no memory for names of columns");
done:
    return status;
}

akin_status own_open(akin_ctx *ctx, const struct prepare_params *p, bool is_estimate,
                     struct own_sources *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    out->ctx = ctx;
    idset_init(&out->gone, ctx);
    for (int i = 0; i < 2; i++) {
        out->from[i] = (struct own_stream){.own = out, .is_store = i == 1};
        buf_init(&out->from[i].text, ctx);
    }
    for (size_t i = 0; i < json_array_size(p->source); i++) {
        const char *path = json_string_value(json_array_get(p->source, i));
        if (path && own_is_source(path))
            AKIN_TRY(path_open(out, path, err));
    }
    if (!own_is_used(out))
        return AKIN_OK;
    if (p->order == 1)
        AKIN_FAIL(AKIN_E_ARG, "order=rows is for raw sources: a store and a dataset have times");
    out->after = out->base ? out->base->watermark : 0;
    if (out->base && out->store && out->base->time_kind != TIME_UNIX)
        AKIN_FAIL(AKIN_E_INPUT, "prepare: the dataset has no times and the store's events have");
    if (out->store && out->after > out->last)
        AKIN_FAIL(AKIN_E_INPUT,
                  "prepare: the dataset's watermark is %" PRId64 " and the store ends at %" PRId64
                  ": it was not made from this store",
                  out->after, out->last);
    if (!out->store)
        out->last = out->after;
    out->has_time = out->store || out->base->time_kind == TIME_UNIX;
    out->has_text = out->base && table_find(&out->base->event_table, "text");
    AKIN_TRY(words_read(out, is_estimate, err));
    AKIN_TRY(own_look(out, is_estimate, err));
    AKIN_TRY(names_make(out, p, err));
done:
    return status;
}

void own_close(struct own_sources *own)
{
    if (!own->ctx)
        return;
    for (int i = 0; i < 2; i++)
        buf_free(&own->from[i].text);
    idset_free(&own->gone);
    mem_free(own->ctx, own->user_flag);
    mem_free(own->ctx, own->item_flag);
    json_decref(own->columns);
    json_decref(own->context);
    dataset_free(own->base);
    store_close(own->store);
    own->ctx = NULL;
}

struct prepare_params own_params(const struct own_sources *own, const struct prepare_params *p)
{
    struct prepare_params q = *p;
    q.format = FORMAT_JSONL;
    q.columns = own->columns;
    q.context = own->context;
    q.time_unit = UNIT_S;
    q.sep = NULL;
    q.header = 0;
    q.max_line = OWN_LINE;
    return q;
}

/* ---- has it changed? ---- */

enum { LAST_WORDS = 1000 }; /* sequence numbers whose rows are part of the fingerprint */

static bool event_sum(void *arg, const struct store_event *e)
{
    uint64_t *sum = arg;
    *sum = hash_bytes(e->event_id, strlen(e->event_id), *sum + (uint64_t)e->seq);
    return true;
}

static bool entity_sum(void *arg, const struct store_entity *e)
{
    uint64_t *sum = arg;
    const char *said = e->attributes ? e->attributes : "";
    *sum = hash_bytes(e->id, strlen(e->id), *sum + (uint64_t)e->seq);
    *sum = hash_bytes(said, strlen(said), *sum);
    return true;
}

akin_status own_fingerprint(akin_ctx *ctx, const char *path, uint64_t *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct store_options options = {.read_only = true, .must_exist = true};
    struct store *store = NULL;
    struct store_info info;
    AKIN_TRY(store_open(ctx, path, &options, &store, err));
    store_info(store, &info);
    const int64_t counts[] = {info.last_seq, info.n_events, info.n_items, info.n_users,
                              info.n_erased};
    const int64_t after = info.last_seq > LAST_WORDS ? info.last_seq - LAST_WORDS : 0;
    *out = hash_bytes(counts, sizeof counts, 0);
    AKIN_TRY(store_events(store, after, LAST_WORDS, event_sum, out, err));
    AKIN_TRY(store_entities(store, STORE_ITEM, after, entity_sum, out, err));
    AKIN_TRY(store_entities(store, STORE_USER, after, entity_sum, out, err));
done:
    store_close(store);
    return status;
}
