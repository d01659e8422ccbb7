/*
 * The dataset: its owners and its end, its sums and the few questions that everyone asks of it.
 *
 * Cost: one pass over the arrays that a question needs.
 * Not done: caching of answers; a dataset is immutable and shared, its askers keep what they need.
 */
#include "data/dataset.h"

#include "core/hash.h"

#include <string.h>

static void free_array(akin_ctx *ctx, const void *p)
{
    mem_free(ctx, (void *)(uintptr_t)p);
}

akin_status dataset_new(akin_ctx *ctx, struct dataset **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct dataset *ds = NULL;
    MEM_ZERO(ctx, ds, 1);
    ds->ctx = ctx;
    ds->is_owned = true;
    ds->card = json_object();
    if (!ds->card)
        AKIN_FAIL(AKIN_E_MEMORY, "out of memory for the card of a dataset");
    *out = ds;
    ds = NULL;
done:
    dataset_free(ds);
    return status;
}

struct dataset *dataset_share(const struct dataset *ds)
{
    struct dataset *owned = (struct dataset *)(uintptr_t)ds; /* its events stay as they are */
    __atomic_add_fetch(&owned->n_shares, 1, __ATOMIC_RELAXED);
    return owned;
}

akin_status dataset_lend(akin_ctx *ctx, const struct dataset *ds, struct dataset **out,
                         akin_error *err)
{
    akin_status status = AKIN_OK;
    struct dataset *lent = NULL;
    MEM_NEW(ctx, lent, 1);
    *lent = *ds;
    lent->ctx = ctx;
    lent->n_shares = 0;
    lent->is_owned = lent->users.is_owned = lent->items.is_owned = false;
    lent->item_table = lent->user_table = lent->event_table = (struct table){0};
    lent->file = NULL;
    lent->card = json_deep_copy(ds->card);
    if (!lent->card)
        AKIN_FAIL(AKIN_E_MEMORY, "out of memory for the card of a dataset");
    AKIN_TRY(table_lend(ctx, &ds->item_table, &lent->item_table, err));
    AKIN_TRY(table_lend(ctx, &ds->user_table, &lent->user_table, err));
    AKIN_TRY(table_lend(ctx, &ds->event_table, &lent->event_table, err));
    *out = lent;
    lent = NULL;
done:
    dataset_free(lent);
    return status;
}

void dataset_free(struct dataset *ds)
{
    /* acq_rel: what the others read of it comes before its end */
    if (!ds || __atomic_fetch_sub(&ds->n_shares, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    akin_ctx *ctx = ds->ctx;
    ids_free(ctx, &ds->users);
    ids_free(ctx, &ds->items);
    if (ds->is_owned) {
        free_array(ctx, ds->user_ptr);
        free_array(ctx, ds->item);
        free_array(ctx, ds->value);
        free_array(ctx, ds->time);
        free_array(ctx, ds->type);
        free_array(ctx, ds->role);
        strtab_free(ctx, &ds->types);
        free_array(ctx, ds->tag_user);
        free_array(ctx, ds->tag_item);
        free_array(ctx, ds->tag_text);
        free_array(ctx, ds->tag_time);
        strtab_free(ctx, &ds->tag_vocab);
    }
    table_free(ctx, &ds->item_table);
    table_free(ctx, &ds->user_table);
    table_free(ctx, &ds->event_table);
    json_decref(ds->card);
    container_close(ds->file);
    mem_free(ctx, ds);
}

/* A sum that tells an absent array from one of no bytes. */
static uint64_t sum_array(const void *data, int64_t n, size_t size)
{
    return data ? hash_bytes(data, (size_t)n * size, 1) : 0;
}

uint64_t dataset_fingerprint(const struct dataset *ds)
{
    int64_t n = ds->n_events;
    const struct ids *u = &ds->users;
    const struct ids *i = &ds->items;
    const struct strtab *t = &ds->types;
    uint64_t sums[] = {
        (uint64_t)u->n,
        u->off ? sum_array(u->off, (int64_t)u->n + 1, sizeof *u->off) : 0,
        u->off ? sum_array(u->bytes, u->off[u->n], 1) : 0,
        (uint64_t)i->n,
        i->off ? sum_array(i->off, (int64_t)i->n + 1, sizeof *i->off) : 0,
        i->off ? sum_array(i->bytes, i->off[i->n], 1) : 0,
        (uint64_t)n,
        sum_array(ds->user_ptr, (int64_t)u->n + 1, sizeof *ds->user_ptr),
        sum_array(ds->item, n, sizeof *ds->item),
        sum_array(ds->value, n, sizeof *ds->value),
        sum_array(ds->time, n, sizeof *ds->time),
        sum_array(ds->type, n, sizeof *ds->type),
        sum_array(ds->role, n, sizeof *ds->role),
        (uint64_t)t->n,
        t->n > 0 ? sum_array(t->off, (int64_t)t->n + 1, sizeof *t->off) : 0,
        t->n > 0 ? sum_array(t->bytes, t->off[t->n], 1) : 0,
        (uint64_t)ds->time_kind,
    };
    return hash_bytes(sums, sizeof sums, 0);
}

void dataset_value_range(const struct dataset *ds, float *lo, float *hi)
{
    *lo = 1;
    *hi = 1;
    if (!ds->value || ds->n_events == 0)
        return;
    *lo = ds->value[0];
    *hi = ds->value[0];
    for (int64_t e = 1; e < ds->n_events; e++) {
        *lo = ds->value[e] < *lo ? ds->value[e] : *lo;
        *hi = ds->value[e] > *hi ? ds->value[e] : *hi;
    }
}

int64_t dataset_newest(const struct dataset *ds)
{
    if (!ds->time || ds->n_events == 0)
        return 0;
    int64_t newest = ds->time[0];
    for (int64_t e = 1; e < ds->n_events; e++)
        newest = ds->time[e] > newest ? ds->time[e] : newest;
    return newest;
}

akin_status dataset_active(const struct dataset *ds, int64_t *n_users, int64_t *n_items,
                           akin_error *err)
{
    akin_status status = AKIN_OK;
    uint8_t *seen = NULL;
    int64_t users = 0;
    int64_t items = 0;
    MEM_ZERO(ds->ctx, seen, ds->items.n);
    for (int32_t u = 0; u < ds->users.n; u++) {
        users += ds->user_ptr[u + 1] > ds->user_ptr[u];
        for (int64_t e = ds->user_ptr[u]; e < ds->user_ptr[u + 1]; e++)
            seen[ds->item[e]] = 1;
        if (u % 65536 == 0)
            AKIN_TRY(ctx_check(ds->ctx, err));
    }
    for (int32_t i = 0; i < ds->items.n; i++)
        items += seen[i];
    *n_users = users;
    *n_items = items;
done:
    mem_free(ds->ctx, seen);
    return status;
}
