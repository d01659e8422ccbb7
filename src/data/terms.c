/*
 * Interned strings: open addressing over hashes, the bytes one after another.
 *
 * Cost: one hash and about one comparison a call; 12 to 20 bytes a string beside its own. Numbers
 * follow from the order of the calls alone. Not done: taking strings out again.
 */
#include "data/terms.h"

#include "core/hash.h"

#include <string.h>

void terms_init(struct terms *t, akin_ctx *ctx)
{
    *t = (struct terms){.ctx = ctx};
}

void terms_free(struct terms *t)
{
    mem_free(t->ctx, t->off);
    mem_free(t->ctx, t->bytes);
    mem_free(t->ctx, t->slot);
    terms_init(t, t->ctx);
}

const char *terms_get(const struct terms *t, int32_t i, int32_t *size)
{
    *size = (int32_t)(t->off[i + 1] - t->off[i]);
    return t->bytes + t->off[i];
}

/* The slot of a string, or the free one where it belongs. n_slots > 0. */
static int64_t slot_of(const struct terms *t, const char *text, int32_t size)
{
    int64_t mask = t->n_slots - 1;
    int64_t at = (int64_t)(hash_bytes(text, (size_t)size, 0) & (uint64_t)mask);
    for (; t->slot[at] != 0; at = (at + 1) & mask) {
        int32_t n;
        const char *there = terms_get(t, t->slot[at] - 1, &n);
        if (n == size && memcmp(there, text, (size_t)size) == 0)
            break;
    }
    return at;
}

int32_t terms_find(const struct terms *t, const char *text, int32_t size)
{
    return t->n_slots > 0 ? t->slot[slot_of(t, text, size)] - 1 : -1;
}

static akin_status grow(struct terms *t, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n_slots = t->n_slots > 0 ? t->n_slots * 2 : 64;
    int32_t *slot;
    MEM_ZERO(t->ctx, slot, n_slots);
    mem_free(t->ctx, t->slot);
    t->slot = slot;
    t->n_slots = n_slots;
    for (int32_t i = 0; i < t->n; i++) {
        int32_t size;
        const char *text = terms_get(t, i, &size);
        t->slot[slot_of(t, text, size)] = i + 1;
    }
done:
    return status;
}

akin_status terms_add(struct terms *t, const char *text, int32_t size, int32_t *out,
                      akin_error *err)
{
    akin_status status = AKIN_OK;
    if (((int64_t)t->n + 1) * 4 > t->n_slots * 3)
        AKIN_TRY(grow(t, err));
    int64_t at = slot_of(t, text, size);
    if (t->slot[at] != 0) {
        *out = t->slot[at] - 1;
        goto done;
    }
    if (t->n == INT32_MAX - 1)
        AKIN_FAIL(AKIN_E_LIMIT, "more than %d distinct terms", INT32_MAX - 1);
    int64_t end = t->n > 0 ? t->off[t->n] : 0;
    MEM_GROW(t->ctx, t->off, t->cap, (int64_t)t->n + 2);
    MEM_GROW(t->ctx, t->bytes, t->room, end + size + 1);
    memcpy(t->bytes + end, text, (size_t)size);
    t->off[t->n] = end;
    t->off[t->n + 1] = end + size;
    *out = t->n++;
    t->slot[at] = t->n;
done:
    return status;
}
