/*
 * A pile of chunks that double up to 4 MiB; the last one emptied is kept, so that a walk that goes
 * up and down over the edge of a chunk does not allocate each time.
 *
 * Cost: a bump an allocation.
 */
#include "solve/pile.h"

#include <inttypes.h>

enum { PILE_FIRST = 1 << 16, PILE_MOST = 4 << 20, PILE_ALIGN = 64 };

struct pile_chunk {
    struct pile_chunk *below;
    int64_t size, used;
    _Alignas(PILE_ALIGN) unsigned char data[];
};

void *pile_alloc(struct pile *p, int64_t n, int64_t size, akin_error *err)
{
    int64_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes) || bytes > INT64_MAX / 4) {
        error_set(err, AKIN_E_MEMORY, __FILE__, __LINE__, "out of memory: %" PRId64 " rows", n);
        return NULL;
    }
    bytes = (bytes + PILE_ALIGN - 1) / PILE_ALIGN * PILE_ALIGN;
    if (!p->top || p->top->size - p->top->used < bytes) {
        struct pile_chunk *chunk = p->spare;
        if (chunk && chunk->size >= bytes) {
            p->spare = NULL;
        } else {
            int64_t most = p->top ? 2 * p->top->size : PILE_FIRST;
            most = most > PILE_MOST ? PILE_MOST : most;
            most = bytes > most ? bytes : most;
            chunk = mem_alloc(p->ctx, 1, (int64_t)sizeof *chunk + most, err);
            if (!chunk)
                return NULL;
            chunk->size = most;
        }
        chunk->used = 0;
        chunk->below = p->top;
        p->top = chunk;
    }
    void *at = p->top->data + p->top->used;
    p->top->used += bytes;
    return at;
}

struct pile_mark pile_mark(const struct pile *p)
{
    return (struct pile_mark){p->top, p->top ? p->top->used : 0};
}

void pile_release(struct pile *p, struct pile_mark mark)
{
    while (p->top != mark.chunk) {
        struct pile_chunk *chunk = p->top;
        p->top = chunk->below;
        if (p->spare && p->spare->size >= chunk->size) {
            mem_free(p->ctx, chunk);
        } else {
            mem_free(p->ctx, p->spare);
            p->spare = chunk;
        }
    }
    if (p->top)
        p->top->used = mark.used;
}

void pile_free(struct pile *p)
{
    pile_release(p, (struct pile_mark){NULL, 0});
    mem_free(p->ctx, p->spare);
    p->spare = NULL;
}
