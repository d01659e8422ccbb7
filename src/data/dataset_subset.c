/*
 * Subsets: a self-consistent dataset of some of the events, with a numbering of its own.
 *
 * Users and items keep their order, so events stay sorted; tables and tags follow the rows. An
 * item is in the catalogue if its row of the item table has a cell, or if it has no event at all
 * (then only the table can have brought it); users likewise. Tags of users who are gone stay with
 * their item, nameless.
 *
 * Cost: two passes over the events, in parallel by users, and one over tables and tags.
 * Not done: sharing arrays with the source, which may be unmapped before the subset is.
 */
#include "data/dataset.h"

#include "core/hash.h"
#include "core/par.h"
#include "data/tags.h"

#include <string.h>

enum { USER_BLOCK = 2048, CHECK_EVERY = 65536 };

struct subset {
    const struct dataset *from;
    const uint8_t *keep;
    const uint8_t *role; /* (n_events) of from, or NULL = none */
    int64_t *n_kept;     /* (n_users) events kept; then first event in the result */
    uint8_t *user_keep;
    uint8_t *item_keep;
    int32_t *user_map, *item_map;
    struct dataset *to;
    int64_t *source; /* (to->n_events) event in from; NULL without event table */
    int64_t *user_ptr;
    int32_t *item;
    float *value;
    int64_t *time;
    uint8_t *type, *to_role;
};

/* Does row r have a cell that is there? */
static bool row_has_cell(const struct table *t, int64_t r)
{
    for (int32_t c = 0; c < t->n_cols; c++) {
        const struct column *col = &t->cols[c];
        if (col->type == COL_NUMBER ? col->num[r] == col->num[r] /* no NaN */
            : col->type == COL_TEXT ? col->off[r + 1] > col->off[r]
                                    : col->ptr[r + 1] > col->ptr[r])
            return true;
    }
    return false;
}

static akin_status count_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct subset *s = arg;
    const struct dataset *from = s->from;
    (void)worker;
    (void)err;
    for (int64_t u = par_lo(block, USER_BLOCK); u < par_hi(block, USER_BLOCK, from->users.n); u++) {
        int64_t n = 0;
        for (int64_t e = from->user_ptr[u]; e < from->user_ptr[u + 1]; e++) {
            if (!s->keep[e])
                continue;
            n++;
            __atomic_store_n(&s->item_keep[from->item[e]], 1, __ATOMIC_RELAXED);
        }
        s->n_kept[u] = n;
        s->user_keep[u] = n > 0;
    }
    return AKIN_OK;
}

/* The catalogue stays: table rows, and what has no events in from. */
static akin_status keep_catalog(struct subset *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dataset *from = s->from;
    uint8_t *has_event = NULL;
    MEM_ZERO(from->ctx, has_event, from->items.n);
    for (int32_t u = 0; u < from->users.n; u++) {
        for (int64_t e = from->user_ptr[u]; e < from->user_ptr[u + 1]; e++)
            has_event[from->item[e]] = 1;
        if (from->user_ptr[u] == from->user_ptr[u + 1] || row_has_cell(&from->user_table, u))
            s->user_keep[u] = 1;
        if (u % CHECK_EVERY == 0)
            AKIN_TRY(ctx_check(from->ctx, err));
    }
    for (int32_t i = 0; i < from->items.n; i++) {
        if (!has_event[i] || row_has_cell(&from->item_table, i))
            s->item_keep[i] = 1;
    }
done:
    mem_free(from->ctx, has_event);
    return status;
}

static akin_status copy_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct subset *s = arg;
    const struct dataset *from = s->from;
    (void)worker;
    (void)err;
    for (int64_t u = par_lo(block, USER_BLOCK); u < par_hi(block, USER_BLOCK, from->users.n); u++) {
        int64_t to = s->n_kept[u];
        for (int64_t e = from->user_ptr[u]; e < from->user_ptr[u + 1]; e++) {
            if (!s->keep[e])
                continue;
            s->item[to] = s->item_map[from->item[e]];
            if (s->value)
                s->value[to] = from->value[e];
            if (s->time)
                s->time[to] = from->time[e];
            if (s->type)
                s->type[to] = from->type[e];
            if (s->to_role)
                s->to_role[to] = s->role ? s->role[e] : from->role[e];
            if (s->source)
                s->source[to] = e;
            to++;
        }
    }
    return AKIN_OK;
}

/* New numbers of users and items, and where each user's events go. */
static akin_status number_rows(struct subset *s, bool with_catalog, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dataset *from = s->from;
    akin_ctx *ctx = from->ctx;
    struct dataset *to = s->to;
    MEM_NEW(ctx, s->n_kept, from->users.n);
    MEM_NEW(ctx, s->user_keep, from->users.n);
    MEM_ZERO(ctx, s->item_keep, from->items.n);
    MEM_NEW(ctx, s->user_map, from->users.n);
    MEM_NEW(ctx, s->item_map, from->items.n);
    AKIN_TRY(par_for(ctx, par_blocks(from->users.n, USER_BLOCK), count_block, s, err));
    if (with_catalog)
        AKIN_TRY(keep_catalog(s, err));
    AKIN_TRY(ids_subset(ctx, &from->users, s->user_keep, &to->users, s->user_map, err));
    AKIN_TRY(ids_subset(ctx, &from->items, s->item_keep, &to->items, s->item_map, err));
    MEM_NEW(ctx, s->user_ptr, (int64_t)to->users.n + 1);
    to->user_ptr = s->user_ptr;
    int64_t at = 0;
    for (int32_t u = 0; u < from->users.n; u++) {
        int64_t n = s->n_kept[u];
        if (s->user_map[u] >= 0)
            s->user_ptr[s->user_map[u]] = at;
        s->n_kept[u] = at;
        at += n;
    }
    s->user_ptr[to->users.n] = at;
    to->n_events = at;
done:
    return status;
}

static akin_status copy_events(struct subset *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dataset *from = s->from;
    akin_ctx *ctx = from->ctx;
    struct dataset *to = s->to;
    int64_t n = to->n_events;
    MEM_NEW(ctx, s->item, n);
    to->item = s->item;
    if (from->value) {
        MEM_NEW(ctx, s->value, n);
        to->value = s->value;
    }
    if (from->time) {
        MEM_NEW(ctx, s->time, n);
        to->time = s->time;
    }
    if (from->type) {
        MEM_NEW(ctx, s->type, n);
        to->type = s->type;
    }
    if (s->role || from->role) {
        MEM_NEW(ctx, s->to_role, n);
        to->role = s->to_role;
    }
    if (from->event_table.n_cols > 0)
        MEM_NEW(ctx, s->source, n);
    AKIN_TRY(par_for(ctx, par_blocks(from->users.n, USER_BLOCK), copy_block, s, err));
    if (from->types.n > 0)
        AKIN_TRY(strtab_subset(ctx, &from->types, NULL, &to->types, NULL, err));
done:
    return status;
}

static akin_status copy_tables(struct subset *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dataset *from = s->from;
    akin_ctx *ctx = from->ctx;
    struct dataset *to = s->to;
    to->item_table.n_rows = to->items.n;
    to->user_table.n_rows = to->users.n;
    to->event_table.n_rows = to->n_events;
    if (from->item_table.n_cols > 0)
        AKIN_TRY(
            table_remap(ctx, &from->item_table, s->item_map, to->items.n, &to->item_table, err));
    if (from->user_table.n_cols > 0)
        AKIN_TRY(
            table_remap(ctx, &from->user_table, s->user_map, to->users.n, &to->user_table, err));
    if (s->source)
        AKIN_TRY(
            table_gather(ctx, &from->event_table, s->source, to->n_events, &to->event_table, err));
done:
    return status;
}

/* Tags of kept items under their new numbers; sorted anew where users lost their names. */
static akin_status pick_tags(const struct subset *s, struct tag *tags, uint8_t *used,
                             int64_t *n_out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dataset *from = s->from;
    int64_t n = 0;
    int64_t lo = 0; /* first tag of the item */
    bool has_nameless = false;
    for (int64_t t = 0; t < from->n_tags; t++) {
        int32_t item = s->item_map[from->tag_item[t]];
        int32_t user = from->tag_user[t] < 0 ? -1 : s->user_map[from->tag_user[t]];
        if (t % CHECK_EVERY == 0)
            AKIN_TRY(ctx_check(from->ctx, err));
        if (item < 0)
            continue;
        if (n > lo && tags[lo].item != item) {
            if (has_nameless)
                tags_sort(tags + lo, n - lo);
            lo = n;
            has_nameless = false;
        }
        has_nameless = has_nameless || (user < 0 && from->tag_user[t] >= 0);
        used[from->tag_text[t]] = 1;
        tags[n++] =
            (struct tag){item, user, from->tag_text[t], from->tag_time ? from->tag_time[t] : 0, t};
    }
    if (has_nameless)
        tags_sort(tags + lo, n - lo);
    *n_out = n;
done:
    return status;
}

static akin_status copy_tags(const struct subset *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dataset *from = s->from;
    akin_ctx *ctx = from->ctx;
    struct tag *tags = NULL;
    uint8_t *used = NULL;
    int32_t *map = NULL;
    int64_t n;
    if (from->n_tags == 0)
        return AKIN_OK;
    MEM_NEW(ctx, tags, from->n_tags);
    MEM_ZERO(ctx, used, from->tag_vocab.n);
    MEM_NEW(ctx, map, from->tag_vocab.n);
    AKIN_TRY(pick_tags(s, tags, used, &n, err));
    if (n == 0)
        goto done;
    AKIN_TRY(strtab_subset(ctx, &from->tag_vocab, used, &s->to->tag_vocab, map, err));
    AKIN_TRY(tags_fill(s->to, tags, n, map, from->tag_time != NULL, err));
done:
    mem_free(ctx, map);
    mem_free(ctx, used);
    mem_free(ctx, tags);
    return status;
}

akin_status dataset_subset(const struct dataset *ds, const uint8_t *keep, const uint8_t *role,
                           bool with_catalog, struct dataset **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = ds->ctx;
    struct subset s = {.from = ds, .keep = keep, .role = role};
    AKIN_TRY(dataset_new(ctx, &s.to, err));
    s.to->time_kind = ds->time_kind;
    s.to->watermark = ds->watermark;
    if (ds->card) {
        json_t *card = json_deep_copy(ds->card);
        if (!card)
            AKIN_FAIL(AKIN_E_MEMORY, "out of memory for the card of a dataset");
        json_decref(s.to->card);
        s.to->card = card;
    }
    AKIN_TRY(number_rows(&s, with_catalog, err));
    AKIN_TRY(copy_events(&s, err));
    AKIN_TRY(copy_tables(&s, err));
    AKIN_TRY(copy_tags(&s, err));
    *out = s.to;
    s.to = NULL;
done:
    mem_free(ctx, s.source);
    mem_free(ctx, s.item_map);
    mem_free(ctx, s.user_map);
    mem_free(ctx, s.item_keep);
    mem_free(ctx, s.user_keep);
    mem_free(ctx, s.n_kept);
    dataset_free(s.to);
    return status;
}

akin_status dataset_sample_users(const struct dataset *ds, double share, struct dataset **out,
                                 akin_error *err)
{
    akin_status status = AKIN_OK;
    uint8_t *keep = NULL;
    int64_t n = 0;
    if (!(share > 0 && share <= 1))
        AKIN_FAIL(AKIN_E_ARG, "sample: share=%g (must be above 0 and at most 1)", share);
    MEM_ZERO(ds->ctx, keep, ds->n_events);
    for (int32_t u = 0; u < ds->users.n; u++) {
        int32_t size;
        const char *id = ids_get(&ds->users, u, &size);
        uint64_t hash = hash_bytes(id, (size_t)size, ds->ctx->seed);
        if ((double)(hash >> 11) * 0x1p-53 >= share)
            continue;
        n += ds->user_ptr[u + 1] - ds->user_ptr[u];
        memset(keep + ds->user_ptr[u], 1, (size_t)(ds->user_ptr[u + 1] - ds->user_ptr[u]));
    }
    if (n == 0)
        AKIN_FAIL(AKIN_E_INPUT, "sample: a share of %g leaves none of %d users; take a larger one",
                  share, ds->users.n);
    AKIN_TRY(dataset_subset(ds, keep, ds->role, true, out, err));
done:
    mem_free(ds->ctx, keep);
    return status;
}
