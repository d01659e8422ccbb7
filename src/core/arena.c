/*
 * Arena: many small allocations with one end, in a list of chunks that grow from 4 KiB to 1 MiB.
 *
 * Cost: a bump and a memset an allocation. A request larger than a chunk gets one of its own. Not
 * thread-safe; nothing is freed one by one.
 */
#include "core/mem.h"

#include <string.h>

#define ARENA_ALIGN 16
#define ARENA_FIRST 4096
#define ARENA_MOST ((int64_t)1 << 20)

struct arena_chunk {
    struct arena_chunk *next; /* older */
    int64_t size;             /* bytes of data */
    int64_t used;
    int64_t pad;
    _Alignas(ARENA_ALIGN) unsigned char data[];
};

struct arena_own {
    struct arena_own *next;
    void (*release)(void *object);
    void *object;
};

void arena_init(struct arena *arena, akin_ctx *ctx)
{
    arena->ctx = ctx;
    arena->chunk = NULL;
    arena->own = NULL;
}

static struct arena_chunk *chunk_add(struct arena *arena, int64_t bytes, akin_error *err)
{
    int64_t head = (int64_t)sizeof(struct arena_chunk);
    int64_t size = arena->chunk ? 2 * (arena->chunk->size + head) : ARENA_FIRST;
    if (size > ARENA_MOST)
        size = ARENA_MOST;
    size = bytes > size - head ? bytes : size - head;
    struct arena_chunk *chunk = mem_alloc(arena->ctx, 1, head + size, err);
    if (!chunk)
        return NULL;
    chunk->size = size;
    chunk->used = 0;
    chunk->next = arena->chunk;
    arena->chunk = chunk;
    return chunk;
}

void *arena_alloc(struct arena *arena, int64_t n, int64_t size, akin_error *err)
{
    int64_t bytes;
    if (n < 0 || size < 0 || __builtin_mul_overflow(n, size, &bytes) || bytes > INT64_MAX / 4) {
        error_set(err, AKIN_E_MEMORY, __FILE__, __LINE__,
                  "out of memory: %lld elements of %lld bytes are too many", (long long)n,
                  (long long)size);
        return NULL;
    }
    bytes = (bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    struct arena_chunk *chunk = arena->chunk;
    if (!chunk || bytes > chunk->size - chunk->used) {
        chunk = chunk_add(arena, bytes, err);
        if (!chunk)
            return NULL;
    }
    void *p = chunk->data + chunk->used;
    chunk->used += bytes;
    memset(p, 0, (size_t)bytes);
    return p;
}

char *arena_strndup(struct arena *arena, const char *text, size_t size, akin_error *err)
{
    if (size > INT64_MAX / 4)
        size = INT64_MAX / 4; /* refused by arena_alloc */
    char *copy = arena_alloc(arena, (int64_t)size + 1, 1, err);
    if (copy && size > 0)
        memcpy(copy, text, size);
    return copy;
}

akin_status arena_own(struct arena *arena, void (*release)(void *object), void *object,
                      akin_error *err)
{
    struct arena_own *own = arena_alloc(arena, 1, (int64_t)sizeof *own, err);
    if (!own) {
        release(object);
        return AKIN_E_MEMORY;
    }
    own->release = release;
    own->object = object;
    own->next = arena->own;
    arena->own = own;
    return AKIN_OK;
}

static void arena_release(struct arena *arena)
{
    for (struct arena_own *own = arena->own; own; own = own->next)
        own->release(own->object);
    arena->own = NULL;
}

void arena_reset(struct arena *arena)
{
    arena_release(arena);
    struct arena_chunk *chunk = arena->chunk;
    while (chunk && chunk->next) {
        struct arena_chunk *older = chunk->next;
        mem_free(arena->ctx, chunk);
        chunk = older;
    }
    if (chunk)
        chunk->used = 0;
    arena->chunk = chunk;
}

void arena_reset_keep(struct arena *arena)
{
    if (!arena->chunk || !arena->chunk->next) {
        arena_reset(arena);
        return;
    }
    int64_t bytes = 0;
    for (const struct arena_chunk *chunk = arena->chunk; chunk; chunk = chunk->next)
        bytes += chunk->size;
    arena_free(arena);
    chunk_add(arena, bytes, NULL); /* without it the arena starts small again */
}

void arena_free(struct arena *arena)
{
    arena_reset(arena);
    mem_free(arena->ctx, arena->chunk);
    arena->chunk = NULL;
}
