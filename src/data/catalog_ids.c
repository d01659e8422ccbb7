/*
 * Ids of the catalogue: open addressing over those of the base and the new ones.
 *
 * Readers probe without a lock: slots are only filled, and a table that has become too small is
 * left to those who may be in it until the end (all of them together are smaller than the one in
 * use). Texts of new ids stand in an arena that never moves them.
 *
 * Cost: 16 to 32 bytes an id; two or three cache misses a look-up.
 * Not done: giving numbers of deleted items to others, which would change what a number means.
 */
#include "data/catalog_impl.h"

#include "core/hash.h"
#include "core/par.h"

#include <string.h>

enum { FIND_BLOCK = 16384 };

/* ---- Ids ---- */

static uint64_t slot_tag(uint64_t hash)
{
    return hash & 0xffffffff00000000u;
}

/* Places an item that is not there. Also from several threads, as long as none looks up. */
static void slot_put(struct cat_table *t, uint64_t hash, int32_t item)
{
    uint64_t mask = (uint64_t)t->n_slots - 1;
    uint64_t value = slot_tag(hash) | (uint64_t)((uint32_t)item + 1);
    for (uint64_t at = hash & mask;; at = (at + 1) & mask) {
        uint64_t free_slot = 0;
        if (atomic_compare_exchange_strong_explicit(&t->slot[at], &free_slot, value,
                                                    memory_order_release, memory_order_relaxed))
            return;
    }
}

static akin_status table_new(akin_ctx *ctx, int64_t n, struct cat_table **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct cat_table *t;
    int64_t n_slots = 1024;
    while (n_slots / 2 <= n)
        n_slots *= 2;
    t = mem_zalloc(ctx, (int64_t)sizeof *t + n_slots * (int64_t)sizeof t->slot[0], 1, err);
    if (!t)
        AKIN_TRY(AKIN_E_MEMORY);
    t->n_slots = n_slots;
    *out = t;
done:
    return status;
}

static akin_status table_block(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)worker;
    (void)err;
    struct catalog *c = arg;
    struct cat_table *t = atomic_load_explicit(&c->id_table, memory_order_relaxed);
    int32_t hi = (int32_t)par_hi(block, FIND_BLOCK, c->n_base);
    for (int32_t i = (int32_t)par_lo(block, FIND_BLOCK); i < hi; i++) {
        int32_t size;
        const char *id = ids_get(c->ids, i, &size);
        slot_put(t, hash_bytes(id, (size_t)size, 0), i);
    }
    return AKIN_OK;
}

/* Room for one more id. */
static akin_status table_reserve(struct catalog *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct cat_table *old = atomic_load_explicit(&c->id_table, memory_order_relaxed);
    struct cat_table *t;
    int32_t n = c->n_items;
    if (old->n_slots / 2 > (int64_t)n + 1)
        goto done;
    AKIN_TRY(table_new(c->ctx, (int64_t)n * 2, &t, err));
    for (int32_t i = 0; i < n; i++) {
        int32_t size;
        const char *id = catalog_id(c, i, &size);
        slot_put(t, hash_bytes(id, (size_t)size, 0), i);
    }
    t->before = old;
    atomic_store_explicit(&c->id_table, t, memory_order_release);
done:
    return status;
}

int32_t catalog_find(const struct catalog *c, const char *id, size_t size)
{
    const struct cat_table *t = atomic_load_explicit(&c->id_table, memory_order_acquire);
    uint64_t hash = hash_bytes(id, size, 0);
    uint64_t mask = (uint64_t)t->n_slots - 1;
    for (uint64_t at = hash & mask;; at = (at + 1) & mask) {
        uint64_t slot = atomic_load_explicit(&t->slot[at], memory_order_acquire);
        if (slot == 0)
            return -1;
        if (slot_tag(slot) != slot_tag(hash))
            continue;
        int32_t item = (int32_t)((uint32_t)slot - 1);
        int32_t other_size;
        const char *other = catalog_id(c, item, &other_size);
        if ((size_t)other_size == size && memcmp(other, id, size) == 0)
            return item;
    }
}

const char *catalog_id(const struct catalog *c, int32_t item, int32_t *size)
{
    if (item < c->n_base)
        return ids_get(c->ids, item, size);
    const struct cat_id *id = cat_chunk_of(c, item)->id[item & (CAT_CHUNK - 1)];
    *size = id->size;
    return id->text;
}

akin_status cat_ids_create(struct catalog *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct cat_table *t;
    AKIN_TRY(table_new(c->ctx, c->n_base, &t, err));
    atomic_store(&c->id_table, t);
    AKIN_TRY(par_for(c->ctx, par_blocks(c->n_base, FIND_BLOCK), table_block, c, err));
done:
    return status;
}

akin_status cat_ids_reserve(struct catalog *c, const char *id, size_t size, struct cat_id **out,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(table_reserve(c, err));
    struct cat_id *copy = arena_alloc(&c->ids_arena, (int64_t)sizeof *copy + (int64_t)size, 1, err);
    if (!copy)
        AKIN_TRY(AKIN_E_MEMORY);
    copy->size = (int32_t)size;
    memcpy(copy->text, id, size);
    *out = copy;
done:
    return status;
}

void cat_ids_add(struct catalog *c, const char *id, size_t size, int32_t item)
{
    slot_put(atomic_load_explicit(&c->id_table, memory_order_relaxed), hash_bytes(id, size, 0),
             item);
}

void cat_ids_free(struct catalog *c)
{
    for (struct cat_table *t = atomic_load(&c->id_table), *before; t; t = before) {
        before = t->before;
        mem_free(c->ctx, t);
    }
    arena_free(&c->ids_arena);
}
