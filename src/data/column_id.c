/*
 * Text sets with open addressing (XXH3 of the text, linear probing, at most half full), and the
 * column that joins the chunks' sets. The column is cut into 16 parts by the top bits of the hash,
 * so that parts are joined in parallel and codes depend on the order of chunks only.
 * Integers are not hashed at all: a bitmap remembers which were seen.
 */
#include "data/column_id.h"

#include "core/hash.h"

#include <string.h>

void idset_init(struct idset *s, akin_ctx *ctx)
{
    memset(s, 0, sizeof *s);
    s->ctx = ctx;
}

void idset_clear(struct idset *s)
{
    s->n = 0;
    if (s->slot)
        memset(s->slot, 0, (size_t)s->n_slots * sizeof *s->slot);
}

void idset_free(struct idset *s)
{
    if (!s->ctx)
        return;
    mem_free(s->ctx, s->hash);
    mem_free(s->ctx, s->off);
    mem_free(s->ctx, s->bytes);
    mem_free(s->ctx, s->slot);
    akin_ctx *ctx = s->ctx;
    idset_init(s, ctx);
}

uint64_t idset_hash(const char *text, int64_t size)
{
    return hash_bytes(text, (size_t)size, 0);
}

static akin_status idset_grow(struct idset *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = s->ctx;
    int64_t cap = s->cap ? s->cap * 2 : 256;
    uint32_t *slot = NULL;
    if (cap > (int64_t)1 << 31)
        AKIN_FAIL(AKIN_E_LIMIT, "more than %lld distinct texts in a column", (long long)s->cap);
    MEM_ZERO(ctx, slot, cap * 2);
    void *p = mem_resize(ctx, s->hash, cap, sizeof *s->hash, err);
    if (!p) {
        status = AKIN_E_MEMORY;
        goto done;
    }
    s->hash = p;
    p = mem_resize(ctx, s->off, cap + 1, sizeof *s->off, err);
    if (!p) {
        status = AKIN_E_MEMORY;
        goto done;
    }
    s->off = p;
    s->off[0] = 0;
    uint64_t mask = (uint64_t)cap * 2 - 1;
    for (int64_t i = 0; i < s->n; i++) {
        uint64_t at = s->hash[i] & mask;
        while (slot[at])
            at = (at + 1) & mask;
        slot[at] = (uint32_t)i + 1;
    }
    mem_free(ctx, s->slot);
    s->slot = slot;
    slot = NULL;
    s->n_slots = cap * 2;
    s->cap = cap;
done:
    mem_free(ctx, slot);
    return status;
}

static inline bool idset_is(const struct idset *s, int64_t i, uint64_t hash, const char *text,
                            int64_t size)
{
    return s->hash[i] == hash && s->off[i + 1] - s->off[i] == size &&
           memcmp(s->bytes + s->off[i], text, (size_t)size) == 0;
}

int64_t idset_find(const struct idset *s, uint64_t hash, const char *text, int64_t size)
{
    if (s->n == 0)
        return -1;
    uint64_t mask = (uint64_t)s->n_slots - 1;
    for (uint64_t at = hash & mask; s->slot[at]; at = (at + 1) & mask) {
        if (idset_is(s, (int64_t)s->slot[at] - 1, hash, text, size))
            return (int64_t)s->slot[at] - 1;
    }
    return -1;
}

akin_status idset_add(struct idset *s, uint64_t hash, const char *text, int64_t size,
                      uint32_t *number, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (s->n == s->cap)
        AKIN_TRY(idset_grow(s, err));
    uint64_t mask = (uint64_t)s->n_slots - 1;
    uint64_t at = hash & mask;
    for (; s->slot[at]; at = (at + 1) & mask) {
        if (idset_is(s, (int64_t)s->slot[at] - 1, hash, text, size)) {
            *number = s->slot[at] - 1;
            return AKIN_OK;
        }
    }
    int64_t end = s->off[s->n] + size;
    MEM_GROW(s->ctx, s->bytes, s->cap_bytes, end + 1);
    memcpy(s->bytes + s->off[s->n], text, (size_t)size);
    s->hash[s->n] = hash;
    s->off[s->n + 1] = end;
    s->slot[at] = (uint32_t)s->n + 1;
    *number = (uint32_t)s->n;
    s->n++;
done:
    return status;
}

bool id_to_u32(const char *text, int64_t size, uint32_t *out)
{
    if (size < 1 || size > 10 || (text[0] == '0' && size > 1))
        return false;
    uint64_t value = 0;
    for (int64_t i = 0; i < size; i++) {
        unsigned digit = (unsigned)(unsigned char)text[i] - '0';
        if (digit > 9)
            return false;
        value = value * 10 + digit;
    }
    if (value >= UINT32_MAX)
        return false;
    *out = (uint32_t)value;
    return true;
}

int id_from_u32(uint32_t value, char *out)
{
    char tmp[10];
    int n = 0;
    do {
        tmp[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    for (int i = 0; i < n; i++)
        out[i] = tmp[n - 1 - i];
    return n;
}

void idcol_init(struct idcol *col, akin_ctx *ctx)
{
    memset(col, 0, sizeof *col);
    col->ctx = ctx;
    for (int p = 0; p < IDCOL_PARTS; p++)
        idset_init(&col->part[p], ctx);
}

void idcol_free(struct idcol *col)
{
    if (!col->ctx)
        return;
    for (int p = 0; p < IDCOL_PARTS; p++)
        idset_free(&col->part[p]);
    mem_free(col->ctx, col->bits);
    col->bits = NULL;
    col->n_bits = 0;
}

int64_t idcol_texts(const struct idcol *col)
{
    int64_t n = 0;
    for (int p = 0; p < IDCOL_PARTS; p++)
        n += col->part[p].n;
    return n;
}

akin_status idcol_reserve(struct idcol *col, uint32_t max, akin_error *err)
{
    akin_status status = AKIN_OK;
    if ((int64_t)max < col->n_bits)
        return AKIN_OK;
    int64_t words = col->n_bits / 64;
    int64_t need = ((int64_t)max / 64 + 1) * 5 / 4 + 1024;
    void *bits = mem_resize(col->ctx, col->bits, need, sizeof *col->bits, err);
    if (!bits) {
        status = AKIN_E_MEMORY;
        goto done;
    }
    col->bits = bits;
    memset((uint64_t *)bits + words, 0, (size_t)(need - words) * sizeof(uint64_t));
    col->n_bits = need * 64;
done:
    return status;
}

akin_status idcol_merge(struct idcol *col, int p, struct chunk_id *const *chunks, int64_t n,
                        akin_error *err)
{
    akin_status status = AKIN_OK;
    struct idset *part = &col->part[p];
    for (int64_t c = 0; c < n; c++) {
        struct chunk_id *chunk = chunks[c];
        if (!chunk->is_text)
            continue;
        const struct idset *set = &chunk->set;
        for (int64_t i = 0; i < set->n; i++) {
            if ((int)(set->hash[i] >> 60) != p)
                continue;
            uint32_t number;
            AKIN_TRY(idset_add(part, set->hash[i], set->bytes + set->off[i],
                               set->off[i + 1] - set->off[i], &number, err));
            chunk->map[i] = idcol_code(number, p);
        }
    }
done:
    return status;
}
