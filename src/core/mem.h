/*
 * Memory with accounting and a limit.
 *
 * Every block that grows with the data comes from here, so that `--memory` is kept and the peak
 * is known. Blocks are 64-byte aligned; those of 4 MiB and more are 2 MiB aligned, advised huge
 * and kept for reuse by the context (first touch costs more than parsing). Thread-safe.
 */
#ifndef AKIN_CORE_MEM_H
#define AKIN_CORE_MEM_H

#include "core/error.h"

#include <stdint.h>

struct mem;

akin_status mem_create(int64_t limit_bytes, struct mem **out, akin_error *err);
void mem_destroy(struct mem *mem);
int64_t mem_used(const struct mem *mem);
int64_t mem_peak(const struct mem *mem);
void mem_peak_reset(struct mem *mem); /* peak = used, to measure one stage */
int64_t mem_limit(const struct mem *mem);
/* mem_used and the freed blocks that are kept for reuse: what the limit bounds. */
int64_t mem_held(const struct mem *mem);
/* Test hook: the n-th allocation from now (1 = the next) fails; 0 = off. */
void mem_fail_at(struct mem *mem, int64_t n);

/*
 * n elements of size bytes; n >= 0; n = 0 gives a valid pointer. mem_alloc: not cleared.
 * NULL on overflow, limit or lack, and err says which (E_MEMORY).
 * mem_free(ctx, NULL) is allowed. mem_resize keeps the smaller part; on failure p stays valid.
 *
 * mem_share makes the caller one more owner of a block that nobody writes any more (NULL allowed):
 * each owner frees it, the last of them ends it. It is counted once. Cannot fail. An owner that
 * resizes it gets a copy of its own.
 */
void *mem_alloc(akin_ctx *ctx, int64_t n, int64_t size, akin_error *err);
void *mem_zalloc(akin_ctx *ctx, int64_t n, int64_t size, akin_error *err);
void *mem_resize(akin_ctx *ctx, void *p, int64_t n, int64_t size, akin_error *err);
void mem_free(akin_ctx *ctx, void *p);
void *mem_share(const void *p);
char *mem_strdup(akin_ctx *ctx, const char *text, akin_error *err);

/* Within the house pattern (status, err, done): allocate or leave with E_MEMORY. */
#define MEM_NEW(ctx, p, n)                                                                         \
    do {                                                                                           \
        (p) = mem_alloc((ctx), (int64_t)(n), (int64_t)sizeof *(p), err);                           \
        if (!(p)) {                                                                                \
            status = AKIN_E_MEMORY;                                                                \
            goto done;                                                                             \
        }                                                                                          \
    } while (0)

#define MEM_ZERO(ctx, p, n)                                                                        \
    do {                                                                                           \
        (p) = mem_zalloc((ctx), (int64_t)(n), (int64_t)sizeof *(p), err);                          \
        if (!(p)) {                                                                                \
            status = AKIN_E_MEMORY;                                                                \
            goto done;                                                                             \
        }                                                                                          \
    } while (0)

/* Grows p (capacity *cap elements) to hold at least need; doubles. */
#define MEM_GROW(ctx, p, cap, need)                                                                \
    do {                                                                                           \
        if ((int64_t)(need) > (int64_t)(cap)) {                                                    \
            int64_t mem_cap_ =                                                                     \
                (int64_t)(cap)*2 > (int64_t)(need) ? (int64_t)(cap)*2 : (int64_t)(need);           \
            void *mem_new_ = mem_resize((ctx), (p), mem_cap_, (int64_t)sizeof *(p), err);          \
            if (!mem_new_) {                                                                       \
                status = AKIN_E_MEMORY;                                                            \
                goto done;                                                                         \
            }                                                                                      \
            (p) = mem_new_;                                                                        \
            (cap) = mem_cap_;                                                                      \
        }                                                                                          \
    } while (0)

/*
 * Arena: many small allocations with one end. Not thread-safe.
 * arena_alloc gives 16-byte aligned, cleared bytes; NULL with err on lack of memory.
 */
struct arena {
    akin_ctx *ctx;
    struct arena_chunk *chunk; /* owned */
    struct arena_own *own;     /* what arena_own handed over */
};
void arena_init(struct arena *arena, akin_ctx *ctx);
void *arena_alloc(struct arena *arena, int64_t n, int64_t size, akin_error *err);
char *arena_strndup(struct arena *arena, const char *text, size_t size, akin_error *err);
/*
 * Hands object over: release(object) is called by arena_reset or arena_free, latest first. On
 * failure (E_MEMORY) it is called at once.
 */
akin_status arena_own(struct arena *arena, void (*release)(void *object), void *object,
                      akin_error *err);
void arena_reset(struct arena *arena); /* keeps the first chunk for reuse */
/* The same, but keeps room for all that was used: a repeated use then allocates nothing. */
void arena_reset_keep(struct arena *arena);
void arena_free(struct arena *arena);

#endif
