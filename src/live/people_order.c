/*
 * People in the order of their ids: blocks of pointers, each full of neighbours, and a list of the
 * blocks. It has a lock of its own, below that of a shard of people: who holds it asks no shard.
 *
 * Cost: 8 to 16 bytes a person; an insertion or a removal is two binary searches and a move within
 * a block, and once in a while of the list of blocks: about 2 us among two millions. Not done:
 * blocks that others' removal left half empty are not joined.
 */
#include "live/people_order.h"
#include "live/engine.h"

#include <string.h>

enum { ORDER_BLOCK = 255 }; /* of 2 KiB with its count */

struct order_block {
    int32_t n;
    const struct person *person[ORDER_BLOCK];
};

int person_id_compare(struct person_id a, struct person_id b)
{
    int32_t common = a.size < b.size ? a.size : b.size;
    int order = common > 0 ? memcmp(a.id, b.id, (size_t)common) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static struct person_id id_of(const struct person *x)
{
    return (struct person_id){x->id, x->size};
}

void people_order_init(struct people_order *o)
{
    memset(o, 0, sizeof *o);
    pthread_rwlock_init(&o->lock, NULL);
}

void people_order_free(akin_ctx *ctx, struct people_order *o)
{
    for (int64_t i = 0; i < o->n_blocks; i++)
        mem_free(ctx, o->block[i]);
    mem_free(ctx, o->block);
    pthread_rwlock_destroy(&o->lock);
}

/* ---- Places ---- */

struct place {
    int64_t block;
    int32_t at; /* may be one behind the last of the last block */
};

/* Does x stand before the place of id? With is_after that is behind those of the same id. */
static bool is_before(const struct person *x, struct person_id id, bool is_after)
{
    int order = person_id_compare(id_of(x), id);
    return order < 0 || (is_after && order == 0);
}

static struct place seek(const struct people_order *o, struct person_id id, bool is_after)
{
    int64_t lo = 0, hi = o->n_blocks;
    while (lo < hi) { /* the first block that begins behind */
        int64_t mid = lo + (hi - lo) / 2;
        if (is_before(o->block[mid]->person[0], id, is_after))
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == 0)
        return (struct place){0, 0};
    const struct order_block *b = o->block[lo - 1];
    int32_t from = 1, to = b->n;
    while (from < to) {
        int32_t mid = from + (to - from) / 2;
        if (is_before(b->person[mid], id, is_after))
            from = mid + 1;
        else
            to = mid;
    }
    return (struct place){lo - 1, from};
}

/* The person at a place, which moves to a block's first if it stood behind the one before it. */
static const struct person *person_at(const struct people_order *o, struct place *p)
{
    if (p->block < o->n_blocks && p->at == o->block[p->block]->n)
        *p = (struct place){p->block + 1, 0};
    return p->block < o->n_blocks ? o->block[p->block]->person[p->at] : NULL;
}

/* ---- Changes ---- */

/* An empty block at a place of the list. */
static akin_status block_insert(akin_ctx *ctx, struct people_order *o, int64_t at, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct order_block *b = NULL;
    MEM_GROW(ctx, o->block, o->cap, o->n_blocks + 1);
    MEM_ZERO(ctx, b, 1);
    memmove(o->block + at + 1, o->block + at, (size_t)(o->n_blocks - at) * sizeof *o->block);
    o->block[at] = b;
    o->n_blocks++;
done:
    return status;
}

/* Room in the block of a place, which moves if the block is split: in halves, but behind the last
 * one where ids come in their order. */
static akin_status block_room(akin_ctx *ctx, struct people_order *o, struct place *p,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    if (o->n_blocks > 0 && o->block[p->block]->n < ORDER_BLOCK)
        goto done;
    if (o->n_blocks == 0) {
        AKIN_TRY(block_insert(ctx, o, 0, err));
        goto done;
    }
    AKIN_TRY(block_insert(ctx, o, p->block + 1, err));
    struct order_block *b = o->block[p->block], *next = o->block[p->block + 1];
    int32_t keep = p->at == ORDER_BLOCK ? ORDER_BLOCK : ORDER_BLOCK / 2;
    next->n = b->n - keep;
    b->n = keep;
    memcpy(next->person, b->person + keep, (size_t)next->n * sizeof *next->person);
    if (p->at > keep || keep == ORDER_BLOCK)
        *p = (struct place){p->block + 1, p->at - keep};
done:
    return status;
}

akin_status people_order_add(akin_ctx *ctx, struct people_order *o, const struct person *x,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    pthread_rwlock_wrlock(&o->lock);
    struct place p = seek(o, id_of(x), false);
    AKIN_TRY(block_room(ctx, o, &p, err));
    struct order_block *b = o->block[p.block];
    memmove(b->person + p.at + 1, b->person + p.at, (size_t)(b->n - p.at) * sizeof *b->person);
    b->person[p.at] = x;
    b->n++;
done:
    pthread_rwlock_unlock(&o->lock);
    return status;
}

void people_order_remove(akin_ctx *ctx, struct people_order *o, const struct person *x)
{
    pthread_rwlock_wrlock(&o->lock);
    struct place p = seek(o, id_of(x), false);
    const struct person *y;
    while ((y = person_at(o, &p)) && y != x) /* others of the id: it came back meanwhile */
        p.at++;
    if (y) {
        struct order_block *b = o->block[p.block];
        b->n--;
        memmove(b->person + p.at, b->person + p.at + 1, (size_t)(b->n - p.at) * sizeof *b->person);
        if (b->n == 0) {
            mem_free(ctx, b);
            o->n_blocks--;
            memmove(o->block + p.block, o->block + p.block + 1,
                    (size_t)(o->n_blocks - p.block) * sizeof *o->block);
        }
    }
    pthread_rwlock_unlock(&o->lock);
}

/* ---- Search ---- */

akin_status people_order_find(struct people_order *o, struct person_id text,
                              const struct person_id *after, int32_t most, struct arena *arena,
                              struct person_id *out, int32_t *n, akin_error *err)
{
    akin_status status = AKIN_OK;
    *n = 0;
    pthread_rwlock_rdlock(&o->lock);
    struct place p = seek(o, after ? *after : text, after != NULL);
    const struct person *x;
    for (; *n < most && (x = person_at(o, &p)); p.at++) {
        if (x->size < text.size || memcmp(x->id, text.id, (size_t)text.size) != 0)
            break;
        if (*n > 0 && person_id_compare(id_of(x), out[*n - 1]) == 0)
            continue;
        char *id = arena_strndup(arena, x->id, (size_t)x->size, err);
        if (!id)
            AKIN_TRY(AKIN_E_MEMORY);
        out[(*n)++] = (struct person_id){id, x->size};
    }
done:
    pthread_rwlock_unlock(&o->lock);
    return status;
}
