/* Between mem.c (accounting, small blocks) and mem_large.c (maps of their own, kept ones) only. */
#ifndef AKIN_CORE_MEM_IMPL_H
#define AKIN_CORE_MEM_IMPL_H

#include "core/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define MEM_LINE 64
#define MEM_KEPT_MAX 32
#define MEM_MAGIC 0x6b696e41u

struct mem_head {
    void *base;     /* what malloc or mmap gave */
    int64_t size;   /* bytes asked for */
    int64_t total;  /* bytes held, header and padding included */
    uint32_t magic; /* catches foreign pointers and overruns from below */
    uint32_t large;
    _Atomic int32_t n_owners; /* mem_share */
    unsigned char pad[MEM_LINE - 36];
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

/* Claims bytes under the limit, dropping kept blocks if need be. */
bool mem_claim(struct mem *mem, int64_t bytes);
void mem_unclaim(struct mem *mem, int64_t bytes);
/* Bytes now in the caller's hands. */
void mem_count(struct mem *mem, int64_t bytes);
void mem_uncount(struct mem *mem, int64_t bytes);

static inline void *mem_head_set(void *p, void *base, int64_t size, int64_t total, uint32_t large)
{
    struct mem_head *head = (struct mem_head *)(void *)((char *)p - MEM_LINE);
    head->base = base;
    head->size = size;
    head->total = total;
    head->magic = MEM_MAGIC;
    head->large = large;
    atomic_init(&head->n_owners, 1);
    return p;
}

/* Not cleared unless *fresh. NULL: over the limit, or the system has no more. */
void *large_alloc(struct mem *mem, int64_t size, bool *fresh);
/* Shrinks or grows a large block without copying; NULL if that cannot be. */
void *large_resize(struct mem *mem, struct mem_head *head, int64_t size);
/* Keeps a freed large block; the oldest goes if there are too many. */
void large_keep(struct mem *mem, struct mem_head *head);
/* Drops kept blocks, oldest first, until at most target bytes are held; true if any went. */
bool large_trim(struct mem *mem, int64_t target);

#endif
