/*
 * Memory with accounting and a limit.
 *
 * Small blocks are malloc's, moved to the next 64-byte line; large ones (4 MiB and more) are maps
 * of their own, 2 MiB aligned and advised huge. Each block has a 64-byte header right before it.
 *
 * Freed large blocks are kept and handed out again, because the first touch of fresh pages costs
 * more than parsing the data that fills them. Three numbers follow the bytes (headers included):
 *   used  blocks in the caller's hands
 *   held  used + kept: what the process really holds; this is what the limit bounds
 *   peak  the largest `used`
 * Kept blocks go as soon as they would lift `held` over the largest `used` ever, over the limit,
 * or when the system has no more: keeping never makes a process larger than its peak.
 *
 * Cost: a malloc and four atomics a small block; for large ones (mem_large.c) a lock.
 * A block has a count of its owners (mem_share): the last mem_free is the one that counts.
 * Growing a large block moves page tables (mremap), not bytes, and never holds both copies.
 */
#include "core/mem_impl.h"

#include "core/ctx.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEM_LARGE ((int64_t)4 << 20)
#define MEM_MAX (INT64_MAX / 4) /* sums of sizes cannot overflow */
/* The address sanitizer is at work: gcc says so by a macro, clang by a feature. */
#if defined(__SANITIZE_ADDRESS__)
#define MEM_EXACT
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MEM_EXACT
#endif
#endif

akin_status mem_create(int64_t limit_bytes, struct mem **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct mem *mem = NULL;
    if (limit_bytes < 0)
        AKIN_FAIL(AKIN_E_ARG, "memory: limit=%" PRId64 " bytes (must be >= 0; 0 = none)",
                  limit_bytes);
    mem = calloc(1, sizeof *mem);
    if (!mem || pthread_mutex_init(&mem->lock, NULL) != 0)
        AKIN_FAIL(AKIN_E_MEMORY, "memory: no room for the accounting itself");
    mem->limit = limit_bytes;
    long page = sysconf(_SC_PAGESIZE);
    mem->page = page > 0 ? page : 4096;
    *out = mem;
    mem = NULL;
done:
    free(mem);
    return status;
}

void mem_destroy(struct mem *mem)
{
    if (!mem)
        return;
    large_trim(mem, -1);
    pthread_mutex_destroy(&mem->lock);
    free(mem);
}

int64_t mem_used(const struct mem *mem)
{
    return atomic_load_explicit(&mem->used, memory_order_relaxed);
}

int64_t mem_peak(const struct mem *mem)
{
    return atomic_load_explicit(&mem->peak, memory_order_relaxed);
}

void mem_peak_reset(struct mem *mem)
{
    atomic_store_explicit(&mem->peak, mem_used(mem), memory_order_relaxed);
}

int64_t mem_limit(const struct mem *mem)
{
    return mem->limit;
}

int64_t mem_held(const struct mem *mem)
{
    return atomic_load_explicit(&mem->held, memory_order_relaxed);
}

void mem_fail_at(struct mem *mem, int64_t n)
{
    atomic_store(&mem->fail_at, n > 0 ? n : 0);
}

static bool mem_shall_fail(struct mem *mem)
{
    int64_t n = atomic_load_explicit(&mem->fail_at, memory_order_relaxed);
    while (n > 0) {
        if (atomic_compare_exchange_weak(&mem->fail_at, &n, n - 1))
            return n == 1;
    }
    return false;
}

static void raise_to(_Atomic int64_t *peak, int64_t value)
{
    int64_t old = atomic_load_explicit(peak, memory_order_relaxed);
    while (old < value && !atomic_compare_exchange_weak_explicit(
                              peak, &old, value, memory_order_relaxed, memory_order_relaxed)) {
    }
}

bool mem_claim(struct mem *mem, int64_t bytes)
{
    int64_t limit = mem->limit > 0 ? mem->limit : INT64_MAX;
    for (;;) {
        int64_t held = atomic_load_explicit(&mem->held, memory_order_relaxed);
        while (bytes <= limit - held) {
            if (atomic_compare_exchange_weak_explicit(&mem->held, &held, held + bytes,
                                                      memory_order_relaxed, memory_order_relaxed))
                return true;
        }
        if (bytes > limit || !large_trim(mem, limit - bytes))
            return false;
    }
}

void mem_unclaim(struct mem *mem, int64_t bytes)
{
    atomic_fetch_sub_explicit(&mem->held, bytes, memory_order_relaxed);
}

void mem_count(struct mem *mem, int64_t bytes)
{
    int64_t used = atomic_fetch_add_explicit(&mem->used, bytes, memory_order_relaxed) + bytes;
    raise_to(&mem->peak, used);
    raise_to(&mem->peak_ever, used);
    if (atomic_load_explicit(&mem->kept_bytes, memory_order_relaxed) > 0) {
        int64_t peak = atomic_load_explicit(&mem->peak_ever, memory_order_relaxed);
        if (mem_held(mem) > peak)
            large_trim(mem, peak);
    }
}

void mem_uncount(struct mem *mem, int64_t bytes)
{
    atomic_fetch_sub_explicit(&mem->used, bytes, memory_order_relaxed);
}

static struct mem_head *head_of(void *p)
{
    struct mem_head *head = (struct mem_head *)(void *)((char *)p - MEM_LINE);
    if (head->magic != MEM_MAGIC)
        abort(); /* not ours, freed twice, or overrun: going on would corrupt the heap */
    return head;
}

static void *small_alloc(struct mem *mem, int64_t size)
{
#if defined(MEM_EXACT)
    /* An exact end, so that the sanitizer sees the first byte behind. */
    int64_t total = size + MEM_LINE;
    void *base = NULL;
#else
    int64_t total = size + 2 * MEM_LINE - 16; /* malloc aligns to 16 */
    void *base;
#endif
    if (!mem_claim(mem, total))
        return NULL;
#if defined(MEM_EXACT)
    if (posix_memalign(&base, MEM_LINE, (size_t)total) != 0)
        base = NULL;
#else
    base = malloc((size_t)total);
    if (!base && large_trim(mem, 0))
        base = malloc((size_t)total);
#endif
    if (!base) {
        mem_unclaim(mem, total);
        return NULL;
    }
    mem_count(mem, total);
    uintptr_t at = ((uintptr_t)base + MEM_LINE + MEM_LINE - 1) & ~(uintptr_t)(MEM_LINE - 1);
#if defined(MEM_EXACT)
    at = (uintptr_t)base + MEM_LINE;
#endif
    return mem_head_set((char *)base + (at - (uintptr_t)base), base, size, total, 0);
}

static bool mem_bytes(int64_t n, int64_t size, int64_t *out)
{
    if (n < 0 || size < 0 || __builtin_mul_overflow(n, size, out))
        return false;
    return *out <= MEM_MAX;
}

static void fail_lack(const struct mem *mem, int64_t bytes, akin_error *err)
{
    if (mem->limit > 0)
        error_set(err, AKIN_E_MEMORY, __FILE__, __LINE__,
                  "out of memory: %" PRId64 " bytes asked for, %" PRId64
                  " in use (the limit is %" PRId64 "; raise it or use less data)",
                  bytes, mem_used(mem), mem->limit);
    else
        error_set(err, AKIN_E_MEMORY, __FILE__, __LINE__,
                  "out of memory: %" PRId64 " bytes asked for, %" PRId64 " in use", bytes,
                  mem_used(mem));
}

static void *alloc_block(akin_ctx *ctx, int64_t n, int64_t size, bool clear, akin_error *err)
{
    struct mem *mem = ctx->mem;
    int64_t bytes;
    if (!mem_bytes(n, size, &bytes)) {
        error_set(err, AKIN_E_MEMORY, __FILE__, __LINE__,
                  "out of memory: %" PRId64 " elements of %" PRId64 " bytes are too many", n, size);
        return NULL;
    }
    bool fresh = false;
    void *p = NULL;
    if (!mem_shall_fail(mem))
        p = bytes >= MEM_LARGE ? large_alloc(mem, bytes, &fresh) : small_alloc(mem, bytes);
    if (!p) {
        fail_lack(mem, bytes, err);
        return NULL;
    }
    if (clear && !fresh)
        memset(p, 0, (size_t)bytes);
    return p;
}

void *mem_alloc(akin_ctx *ctx, int64_t n, int64_t size, akin_error *err)
{
    return alloc_block(ctx, n, size, false, err);
}

void *mem_zalloc(akin_ctx *ctx, int64_t n, int64_t size, akin_error *err)
{
    return alloc_block(ctx, n, size, true, err);
}

void mem_free(akin_ctx *ctx, void *p)
{
    if (!p)
        return;
    struct mem *mem = ctx->mem;
    struct mem_head *head = head_of(p);
    int64_t total = head->total;
    /* acq_rel: what the others read of it comes before its end */
    if (atomic_fetch_sub_explicit(&head->n_owners, 1, memory_order_acq_rel) > 1)
        return;
    mem_uncount(mem, total);
    if (head->large) {
        large_keep(mem, head);
    } else {
        void *base = head->base;
        head->magic = 0;
        mem_unclaim(mem, total);
        free(base);
    }
}

void *mem_share(const void *p)
{
    void *block = (void *)(uintptr_t)p;
    if (block)
        atomic_fetch_add_explicit(&head_of(block)->n_owners, 1, memory_order_relaxed);
    return block;
}

void *mem_resize(akin_ctx *ctx, void *p, int64_t n, int64_t size, akin_error *err)
{
    if (!p)
        return mem_alloc(ctx, n, size, err);
    struct mem *mem = ctx->mem;
    struct mem_head *head = head_of(p);
    int64_t bytes = 0;
    bool is_shared = atomic_load_explicit(&head->n_owners, memory_order_relaxed) > 1;
    if (mem_bytes(n, size, &bytes) && head->large && !is_shared && bytes >= MEM_LARGE) {
        if (mem_shall_fail(mem)) {
            fail_lack(mem, bytes, err);
            return NULL;
        }
        void *q = large_resize(mem, head, bytes);
        if (q)
            return q;
    }
    void *q = mem_alloc(ctx, n, size, err);
    if (!q)
        return NULL;
    memcpy(q, p, (size_t)(bytes < head->size ? bytes : head->size));
    mem_free(ctx, p);
    return q;
}

char *mem_strdup(akin_ctx *ctx, const char *text, akin_error *err)
{
    size_t size = strlen(text) + 1;
    char *copy = mem_alloc(ctx, (int64_t)size, 1, err);
    if (copy)
        memcpy(copy, text, size);
    return copy;
}
