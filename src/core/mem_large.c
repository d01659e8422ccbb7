/*
 * Large blocks: maps of their own, 2 MiB aligned and advised huge, grown by moving page tables, and
 * kept when they are freed (mem.c says why). What may be held is mem.c's to say.
 *
 * Cost: a lock, and a map where no kept block fits.
 */
#include "core/mem_impl.h"

#include <string.h>
#include <sys/mman.h>

#define MEM_HUGE ((int64_t)2 << 20)

static void large_unmap(struct mem_head *head)
{
    void *base = head->base;
    size_t total = (size_t)head->total;
    munmap(base, total);
}

bool large_trim(struct mem *mem, int64_t target)
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

/* Under the lock. */
static struct mem_head *kept_remove(struct mem *mem, int at)
{
    struct mem_head *head = mem->kept[at];
    mem->n_kept--;
    memmove(mem->kept + at, mem->kept + at + 1, (size_t)(mem->n_kept - at) * sizeof mem->kept[0]);
    atomic_fetch_sub_explicit(&mem->kept_bytes, head->total, memory_order_relaxed);
    return head;
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
        head = kept_remove(mem, best);
        head->magic = MEM_MAGIC;
        atomic_init(&head->n_owners, 1);
    }
    pthread_mutex_unlock(&mem->lock);
    return head;
}

void large_keep(struct mem *mem, struct mem_head *head)
{
    struct mem_head *old = NULL;
    head->magic = 0; /* nobody's: freeing it again is caught */
    pthread_mutex_lock(&mem->lock);
    if (mem->n_kept == MEM_KEPT_MAX)
        old = kept_remove(mem, 0);
    mem->kept[mem->n_kept++] = head;
    atomic_fetch_add_explicit(&mem->kept_bytes, head->total, memory_order_relaxed);
    pthread_mutex_unlock(&mem->lock);
    if (old) {
        mem_unclaim(mem, old->total);
        large_unmap(old);
    }
}

void *large_alloc(struct mem *mem, int64_t size, bool *fresh)
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
    if (!base && large_trim(mem, 0))
        base = large_map(mem, total);
    if (!base) {
        mem_unclaim(mem, total);
        return NULL;
    }
    *fresh = true;
    mem_count(mem, total);
    return mem_head_set(base + mem->page, base, size, total, 1);
}

void *large_resize(struct mem *mem, struct mem_head *head, int64_t size)
{
    char *base = head->base;
    int64_t old = head->total;
    int64_t total = large_total(mem, size);
    char *moved;
    if (total <= old) {
        if (total < old && munmap(base + total, (size_t)(old - total)) != 0)
            return NULL;
        mem_unclaim(mem, old - total);
        mem_uncount(mem, old - total);
        return mem_head_set(base + mem->page, base, size, total, 1);
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
    return mem_head_set(moved + mem->page, moved, size, total, 1);
}
