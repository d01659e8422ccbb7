/*
 * Datasets in files (docs/format.md).
 *
 * A file says nothing of when or where it was made: equal datasets give equal bytes. Loading maps
 * the file, checks every sum and then everything that the arrays must hold, so that whoever has a
 * dataset needs to check nothing.
 *
 * Cost: saving one pass over the data; loading two parallel passes, and memory for the table heads
 * and the card only.
 */
#include "data/dataset.h"

#include "core/json.h"
#include "data/dataset_check.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct disk_meta {
    int64_t n_events;
    int64_t n_tags;
    int64_t watermark;
    uint32_t time_kind;
    uint32_t zero[9];
};
static_assert(sizeof(struct disk_meta) == 64, "no padding");

/* All that this reader understands. */
static const char *const known[] = {
    "dataset.meta", "card",        "users.off",   "users.bytes",   "users.meta",
    "items.off",    "items.bytes", "items.meta",  "event.ptr",     "event.item",
    "event.value",  "event.time",  "event.type",  "event.role",    "types.off",
    "types.bytes",  "item_table.", "user_table.", "event_table.",  "tag.user",
    "tag.item",     "tag.text",    "tag.time",    "tag_vocab.off", "tag_vocab.bytes",
};

/* An array, unless it is absent. */
static akin_status save_array(struct container_writer *w, const char *name, uint32_t flags,
                              const void *data, int64_t n, size_t size, akin_error *err)
{
    return data ? container_add(w, name, flags, data, n * (int64_t)size, err) : AKIN_OK;
}

static akin_status save_card(struct container_writer *w, const struct dataset *ds, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct buf buf;
    buf_init(&buf, ds->ctx);
    if (ds->card)
        AKIN_TRY(json_write(ds->card, &buf, err));
    else
        buf_text(&buf, "{}");
    AKIN_TRY(buf_check(&buf, err));
    AKIN_TRY(container_add(w, "card", CONTAINER_OPTIONAL, buf.data, buf.size, err));
done:
    buf_free(&buf);
    return status;
}

static akin_status save_events(struct container_writer *w, const struct dataset *ds,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    const uint32_t must = CONTAINER_REQUIRED;
    int64_t n = ds->n_events;
    AKIN_TRY(save_array(w, "event.ptr", must, ds->user_ptr, (int64_t)ds->users.n + 1,
                        sizeof *ds->user_ptr, err));
    AKIN_TRY(save_array(w, "event.item", must, ds->item, n, sizeof *ds->item, err));
    AKIN_TRY(save_array(w, "event.value", must, ds->value, n, sizeof *ds->value, err));
    AKIN_TRY(save_array(w, "event.time", must, ds->time, n, sizeof *ds->time, err));
    AKIN_TRY(save_array(w, "event.type", must, ds->type, n, sizeof *ds->type, err));
    AKIN_TRY(save_array(w, "event.role", must, ds->role, n, sizeof *ds->role, err));
    if (ds->types.n > 0)
        AKIN_TRY(strtab_save(w, "types", must, &ds->types, err));
done:
    return status;
}

static akin_status save_rest(struct container_writer *w, const struct dataset *ds, akin_error *err)
{
    akin_status status = AKIN_OK;
    const uint32_t may = CONTAINER_OPTIONAL;
    int64_t n = ds->n_tags;
    if (ds->item_table.n_cols > 0)
        AKIN_TRY(table_save(w, "item_table", &ds->item_table, err));
    if (ds->user_table.n_cols > 0)
        AKIN_TRY(table_save(w, "user_table", &ds->user_table, err));
    if (ds->event_table.n_cols > 0)
        AKIN_TRY(table_save(w, "event_table", &ds->event_table, err));
    if (n > 0) {
        AKIN_TRY(save_array(w, "tag.user", may, ds->tag_user, n, sizeof *ds->tag_user, err));
        AKIN_TRY(save_array(w, "tag.item", may, ds->tag_item, n, sizeof *ds->tag_item, err));
        AKIN_TRY(save_array(w, "tag.text", may, ds->tag_text, n, sizeof *ds->tag_text, err));
        AKIN_TRY(save_array(w, "tag.time", may, ds->tag_time, n, sizeof *ds->tag_time, err));
        AKIN_TRY(strtab_save(w, "tag_vocab", may, &ds->tag_vocab, err));
    }
    AKIN_TRY(save_card(w, ds, err));
done:
    return status;
}

akin_status dataset_save(const struct dataset *ds, const char *path, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct container_writer *w = NULL;
    struct disk_meta meta = {.n_events = ds->n_events,
                             .n_tags = ds->n_tags,
                             .watermark = ds->watermark,
                             .time_kind = (uint32_t)ds->time_kind};
    AKIN_TRY(dataset_check(ds, "dataset to be saved", AKIN_E_INTERNAL, err));
    AKIN_TRY(container_create(ds->ctx, path, CONTAINER_DATASET, &w, err));
    AKIN_TRY(container_add(w, "dataset.meta", CONTAINER_REQUIRED, &meta, sizeof meta, err));
    AKIN_TRY(ids_save(w, "users", &ds->users, err));
    AKIN_TRY(ids_save(w, "items", &ds->items, err));
    AKIN_TRY(save_events(w, ds, err));
    AKIN_TRY(save_rest(w, ds, err));
    struct container_writer *done_with = w;
    w = NULL;
    AKIN_TRY(container_commit(done_with, err));
done:
    container_abort(w);
    return status;
}

/* An array of exactly want entries; absent is NULL if optional. */
static akin_status load_array(struct dataset *ds, const char *name, int64_t size, bool optional,
                              int64_t want, const void **data, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n;
    AKIN_TRY(container_get(ds->file, name, size, optional, data, &n, err));
    if (*data && n != want)
        AKIN_FAIL(AKIN_E_FORMAT, "%.90s: section %s has %" PRId64 " entries, not %" PRId64,
                  container_path(ds->file), name, n, want);
done:
    return status;
}

/* ds->member = the array; a void pointer in between, as container_get knows no types. */
#define LOAD_ARRAY(member, name, optional, want)                                                   \
    do {                                                                                           \
        const void *data_;                                                                         \
        AKIN_TRY(                                                                                  \
            load_array(ds, (name), (int64_t)sizeof *(member), (optional), (want), &data_, err));   \
        (member) = data_;                                                                          \
    } while (0)

static akin_status load_meta(struct dataset *ds, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct disk_meta *meta = NULL;
    LOAD_ARRAY(meta, "dataset.meta", false, 1);
    bool is_zero = true;
    for (size_t i = 0; i < sizeof meta->zero / sizeof meta->zero[0]; i++)
        is_zero = is_zero && meta->zero[i] == 0;
    if (!is_zero || meta->time_kind > TIME_ORDINAL)
        AKIN_FAIL(AKIN_E_VERSION, "%.90s: dataset.meta has fields unknown to this akin",
                  container_path(ds->file));
    if (meta->n_events < 0 || meta->n_tags < 0 || meta->watermark < 0)
        AKIN_FAIL(AKIN_E_FORMAT, "%.90s: dataset.meta: a negative count", container_path(ds->file));
    ds->n_events = meta->n_events;
    ds->n_tags = meta->n_tags;
    ds->watermark = meta->watermark;
    ds->time_kind = (enum time_kind)meta->time_kind;
done:
    return status;
}

static akin_status load_events(struct dataset *ds, akin_error *err)
{
    akin_status status = AKIN_OK;
    const void *types;
    int64_t n_types;
    LOAD_ARRAY(ds->user_ptr, "event.ptr", false, (int64_t)ds->users.n + 1);
    LOAD_ARRAY(ds->item, "event.item", false, ds->n_events);
    LOAD_ARRAY(ds->value, "event.value", true, ds->n_events);
    LOAD_ARRAY(ds->time, "event.time", true, ds->n_events);
    LOAD_ARRAY(ds->type, "event.type", true, ds->n_events);
    LOAD_ARRAY(ds->role, "event.role", true, ds->n_events);
    AKIN_TRY(container_get(ds->file, "types.off", 1, true, &types, &n_types, err));
    if (types)
        AKIN_TRY(strtab_load(ds->file, "types", &ds->types, err));
done:
    return status;
}

static akin_status load_tags(struct dataset *ds, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (ds->n_tags == 0)
        goto done;
    LOAD_ARRAY(ds->tag_user, "tag.user", false, ds->n_tags);
    LOAD_ARRAY(ds->tag_item, "tag.item", false, ds->n_tags);
    LOAD_ARRAY(ds->tag_text, "tag.text", false, ds->n_tags);
    LOAD_ARRAY(ds->tag_time, "tag.time", true, ds->n_tags);
    AKIN_TRY(strtab_load(ds->file, "tag_vocab", &ds->tag_vocab, err));
done:
    return status;
}

/* A table, or none of n_rows. */
static akin_status load_table(struct dataset *ds, const char *prefix, int64_t n_rows,
                              struct table *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    char name[CONTAINER_NAME_MAX + 1];
    const void *meta;
    int64_t size;
    snprintf(name, sizeof name, "%s.meta", prefix);
    AKIN_TRY(container_get(ds->file, name, 1, true, &meta, &size, err));
    if (meta)
        AKIN_TRY(table_load(ds->ctx, ds->file, prefix, out, err));
    else
        out->n_rows = n_rows;
done:
    return status;
}

static akin_status load_card(struct dataset *ds, akin_error *err)
{
    akin_status status = AKIN_OK;
    const void *text;
    int64_t size;
    char what[CONTAINER_NAME_MAX + 128];
    AKIN_TRY(container_get(ds->file, "card", 1, true, &text, &size, err));
    if (!text) {
        ds->card = json_object();
        if (!ds->card)
            AKIN_FAIL(AKIN_E_MEMORY, "out of memory for the card of a dataset");
        goto done;
    }
    snprintf(what, sizeof what, "%.90s: card", container_path(ds->file));
    status = json_parse(what, text, (size_t)size, &ds->card, err);
    if (status == AKIN_E_INPUT) /* not the user's text, but a file's */
        status = error_set(err, AKIN_E_FORMAT, __FILE__, __LINE__, "%s is not JSON", what);
    if (status == AKIN_OK && !json_is_object(ds->card))
        AKIN_FAIL(AKIN_E_FORMAT, "%s is not a JSON object", what);
done:
    return status;
}

static akin_status load_all(struct dataset *ds, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = ds->ctx;
    AKIN_TRY(load_meta(ds, err));
    AKIN_TRY(ids_load(ctx, ds->file, "users", &ds->users, err));
    AKIN_TRY(ids_load(ctx, ds->file, "items", &ds->items, err));
    AKIN_TRY(load_events(ds, err));
    AKIN_TRY(load_table(ds, "item_table", ds->items.n, &ds->item_table, err));
    AKIN_TRY(load_table(ds, "user_table", ds->users.n, &ds->user_table, err));
    AKIN_TRY(load_table(ds, "event_table", ds->n_events, &ds->event_table, err));
    AKIN_TRY(load_tags(ds, err));
    AKIN_TRY(load_card(ds, err));
    AKIN_TRY(dataset_check(ds, container_path(ds->file), AKIN_E_FORMAT, err));
done:
    return status;
}

akin_status dataset_load(akin_ctx *ctx, const char *path, struct dataset **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct dataset *ds = NULL;
    MEM_ZERO(ctx, ds, 1);
    ds->ctx = ctx;
    AKIN_TRY(container_open(ctx, path, &ds->file, err));
    if (container_kind_of(ds->file) != CONTAINER_DATASET)
        AKIN_FAIL(AKIN_E_FORMAT, "%.120s: this is a model, not a dataset", path);
    AKIN_TRY(container_expect(ds->file, known, (int)(sizeof known / sizeof known[0]), err));
    AKIN_TRY(container_verify(ds->file, err));
    AKIN_TRY(load_all(ds, err));
    *out = ds;
    ds = NULL;
done:
    dataset_free(ds);
    return status;
}

bool dataset_is_file(const char *path)
{
    return container_is_file(path);
}
