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
 * Cost: a malloc and three relaxed atomics a small block; a lock only for large ones. Growing a
 * large block moves page tables (mremap), not bytes, and never holds both copies.
 */
#include "core/mem.h"

#include "core/ctx.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MEM_LINE 64
#define MEM_LARGE ((int64_t)4 << 20)
#define MEM_HUGE ((int64_t)2 << 20)
#define MEM_MAX (INT64_MAX / 4) /* sums of sizes cannot overflow */
#define MEM_KEPT_MAX 32
#define MEM_MAGIC 0x6b696e41u
/* The address sanitizer is at work: gcc says so by a macro, clang by a feature. */
#if defined(__SANITIZE_ADDRESS__)
#define MEM_EXACT
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MEM_EXACT
#endif
#endif

struct mem_head {
    void *base;     /* what malloc or mmap gave */
    int64_t size;   /* bytes asked for */
    int64_t total;  /* bytes held, header and padding included */
    uint32_t magic; /* catches foreign pointers and overruns from below */
    uint32_t large;
    unsigned char pad[MEM_LINE - 32];
};
_Static_assert(sizeof(struct mem_head) == MEM_LINE, "the header is one line");

struct mem {
    int64_t limit; /* 0 = none */
    int64_t page;
    _Atomic int64_t used;
    _Atomic int64_t held;
    _Atomic int64_t peak;
    _Atomic int64_t peak_ever; /* not touched by mem_peak_reset */
    _Atomic int64_t fail_at;
    _Atomic int64_t kept_bytes;
    pthread_mutex_t lock;                /* guards what follows */
    struct mem_head *kept[MEM_KEPT_MAX]; /* oldest first */
    int n_kept;
};

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

static void large_unmap(struct mem_head *head)
{
    void *base = head->base;
    size_t total = (size_t)head->total;
    munmap(base, total);
}

/* Drops kept blocks, oldest first, until at most target bytes are held; true if any went. */
static bool mem_trim(struct mem *mem, int64_t target)
{
    bool dropped = false;
    pthread_mutex_lock(&mem->lock);
    int n = 0;
    while (n < mem->n_kept && atomic_load_explicit(&mem->held, memory_order_relaxed) > target) {
        struct mem_head *head = mem->kept[n++];
        int64_t total = head->total;
        large_unmap(head);
        atomic_fetch_sub_explicit(&mem->held, total, memory_order_relaxed);
        atomic_fetch_sub_explicit(&mem->kept_bytes, total, memory_order_relaxed);
        dropped = true;
    }
    mem->n_kept -= n;
    memmove(mem->kept, mem->kept + n, (size_t)mem->n_kept * sizeof mem->kept[0]);
    pthread_mutex_unlock(&mem->lock);
    return dropped;
}

void mem_destroy(struct mem *mem)
{
    if (!mem)
        return;
    mem_trim(mem, -1);
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

/* Claims bytes under the limit, dropping kept blocks if need be. */
static bool mem_claim(struct mem *mem, int64_t bytes)
{
    int64_t limit = mem->limit > 0 ? mem->limit : INT64_MAX;
    for (;;) {
        int64_t held = atomic_load_explicit(&mem->held, memory_order_relaxed);
        while (bytes <= limit - held) {
            if (atomic_compare_exchange_weak_explicit(&mem->held, &held, held + bytes,
                                                      memory_order_relaxed, memory_order_relaxed))
                return true;
        }
        if (bytes > limit || !mem_trim(mem, limit - bytes))
            return false;
    }
}

static void mem_unclaim(struct mem *mem, int64_t bytes)
{
    atomic_fetch_sub_explicit(&mem->held, bytes, memory_order_relaxed);
}

static void mem_count(struct mem *mem, int64_t bytes)
{
    int64_t used = atomic_fetch_add_explicit(&mem->used, bytes, memory_order_relaxed) + bytes;
    raise_to(&mem->peak, used);
    raise_to(&mem->peak_ever, used);
    if (atomic_load_explicit(&mem->kept_bytes, memory_order_relaxed) > 0) {
        int64_t peak = atomic_load_explicit(&mem->peak_ever, memory_order_relaxed);
        if (mem_held(mem) > peak)
            mem_trim(mem, peak);
    }
}

static struct mem_head *head_of(void *p)
{
    struct mem_head *head = (struct mem_head *)(void *)((char *)p - MEM_LINE);
    if (head->magic != MEM_MAGIC)
        abort(); /* not ours, freed twice, or overrun: going on would corrupt the heap */
    return head;
}

static void *head_set(void *p, void *base, int64_t size, int64_t total, uint32_t large)
{
    struct mem_head *head = (struct mem_head *)(void *)((char *)p - MEM_LINE);
    head->base = base;
    head->size = size;
    head->total = total;
    head->magic = MEM_MAGIC;
    head->large = large;
    return p;
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
    if (!base && mem_trim(mem, 0))
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
    return head_set((char *)base + (at - (uintptr_t)base), base, size, total, 0);
}

/* The header has a page of its own before the aligned data. */
static int64_t large_total(const struct mem *mem, int64_t size)
{
    return mem->page + (size + mem->page - 1) / mem->page * mem->page;
}

/* Maps total bytes so that base + page is 2 MiB aligned; returns base or NULL. */
static char *large_map(const struct mem *mem, int64_t total)
{
    size_t span = (size_t)(total + MEM_HUGE);
    char *raw = mmap(NULL, span, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (raw == MAP_FAILED)
        return NULL;
    uintptr_t data = (uintptr_t)raw + (uintptr_t)mem->page;
    data = (data + (uintptr_t)MEM_HUGE - 1) & ~((uintptr_t)MEM_HUGE - 1);
    size_t before = (size_t)(data - (uintptr_t)mem->page - (uintptr_t)raw);
    char *base = raw + before;
    if (before > 0)
        munmap(raw, before);
    size_t after = span - before - (size_t)total;
    if (after > 0)
        munmap(base + total, after);
#if defined(MADV_HUGEPAGE)
    madvise(base, (size_t)total, MADV_HUGEPAGE); /* all of it: mremap wants one mapping */
#endif
    return base;
}

/* A kept block of total bytes or up to a quarter more, the tightest; NULL if none. */
static struct mem_head *kept_take(struct mem *mem, int64_t total)
{
    struct mem_head *head = NULL;
    pthread_mutex_lock(&mem->lock);
    int best = -1;
    for (int i = 0; i < mem->n_kept; i++) {
        int64_t have = mem->kept[i]->total;
        if (have >= total && have - total <= total / 4 &&
            (best < 0 || have < mem->kept[best]->total))
            best = i;
    }
    if (best >= 0) {
        head = mem->kept[best];
        mem->n_kept--;
        memmove(mem->kept + best, mem->kept + best + 1,
                (size_t)(mem->n_kept - best) * sizeof mem->kept[0]);
        atomic_fetch_sub_explicit(&mem->kept_bytes, head->total, memory_order_relaxed);
        head->magic = MEM_MAGIC;
    }
    pthread_mutex_unlock(&mem->lock);
    return head;
}

static void *large_alloc(struct mem *mem, int64_t size, bool *fresh)
{
    int64_t total = large_total(mem, size);
    struct mem_head *head = kept_take(mem, total);
    if (head) {
        *fresh = false;
        head->size = size;
        mem_count(mem, head->total);
        return (char *)head + MEM_LINE;
    }
    if (!mem_claim(mem, total))
        return NULL;
    char *base = large_map(mem, total);
    if (!base && mem_trim(mem, 0))
        base = large_map(mem, total);
    if (!base) {
        mem_unclaim(mem, total);
        return NULL;
    }
    *fresh = true;
    mem_count(mem, total);
    return head_set(base + mem->page, base, size, total, 1);
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

/* Keeps a freed large block; the oldest goes if the list is full. */
static void kept_put(struct mem *mem, struct mem_head *head)
{
    struct mem_head *old = NULL;
    head->magic = 0; /* nobody's: freeing it again is caught */
    pthread_mutex_lock(&mem->lock);
    if (mem->n_kept == MEM_KEPT_MAX) {
        old = mem->kept[0];
        mem->n_kept--;
        memmove(mem->kept, mem->kept + 1, (size_t)mem->n_kept * sizeof mem->kept[0]);
        atomic_fetch_sub_explicit(&mem->kept_bytes, old->total, memory_order_relaxed);
    }
    mem->kept[mem->n_kept++] = head;
    atomic_fetch_add_explicit(&mem->kept_bytes, head->total, memory_order_relaxed);
    pthread_mutex_unlock(&mem->lock);
    if (old) {
        mem_unclaim(mem, old->total);
        large_unmap(old);
    }
}

void mem_free(akin_ctx *ctx, void *p)
{
    if (!p)
        return;
    struct mem *mem = ctx->mem;
    struct mem_head *head = head_of(p);
    int64_t total = head->total;
    atomic_fetch_sub_explicit(&mem->used, total, memory_order_relaxed);
    if (head->large) {
        kept_put(mem, head);
    } else {
        void *base = head->base;
        head->magic = 0;
        mem_unclaim(mem, total);
        free(base);
    }
}

/* Shrinks or grows a large block without copying; NULL if that cannot be. */
static void *large_resize(struct mem *mem, struct mem_head *head, int64_t size)
{
    char *base = head->base;
    int64_t old = head->total;
    int64_t total = large_total(mem, size);
    char *moved;
    if (total <= old) {
        if (total < old && munmap(base + total, (size_t)(old - total)) != 0)
            return NULL;
        mem_unclaim(mem, old - total);
        atomic_fetch_sub_explicit(&mem->used, old - total, memory_order_relaxed);
        return head_set(base + mem->page, base, size, total, 1);
    }
    if (!mem_claim(mem, total - old))
        return NULL;
    moved = mremap(base, (size_t)old, (size_t)total, 0);
    if (moved == MAP_FAILED) {
        char *target = large_map(mem, total);
        if (target) {
            moved = mremap(base, (size_t)old, (size_t)total, MREMAP_MAYMOVE | MREMAP_FIXED, target);
            if (moved == MAP_FAILED)
                munmap(target, (size_t)total);
        }
    }
    if (moved == MAP_FAILED) {
        mem_unclaim(mem, total - old);
        return NULL;
    }
    mem_count(mem, total - old);
    return head_set(moved + mem->page, moved, size, total, 1);
}

void *mem_resize(akin_ctx *ctx, void *p, int64_t n, int64_t size, akin_error *err)
{
    if (!p)
        return mem_alloc(ctx, n, size, err);
    struct mem *mem = ctx->mem;
    struct mem_head *head = head_of(p);
    int64_t bytes = 0;
    if (mem_bytes(n, size, &bytes) && head->large && bytes >= MEM_LARGE) {
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
