/*
 * Id maps: the caller's strings ↔ dense int32 numbers.
 *
 * Items are numbered by id: numerically if all are canonical integers, else by bytes. Users are
 * numbered by shard (hash of the id mod 256), then id. Immutable; arrays owned or mapped.
 */
#ifndef AKIN_DATA_IDS_H
#define AKIN_DATA_IDS_H

#include "core/ctx.h"
#include "store/container.h"

enum { IDS_SHARDS = 256, IDS_MAX_BYTES = 4096 };

struct ids {
    int32_t n;
    bool is_numeric; /* order within a shard (or all): numeric, else bytes */
    bool is_sharded;
    bool is_owned;      /* arrays freed by ids_free, else mapped */
    const int64_t *off; /* (n + 1) into bytes */
    const char *bytes;
    const int32_t *shard_ptr; /* (257) first index of each shard; NULL unless sharded */
};

/* The id of index i, not NUL-terminated; *size receives its length. 0 <= i < n. */
const char *ids_get(const struct ids *ids, int32_t i, int32_t *size);
/* Index or -1. Cost: a binary search. */
int32_t ids_find(const struct ids *ids, const char *id, size_t size);
int ids_shard(const char *id, size_t size);

/*
 * From n distinct strings in any order (off/bytes borrowed, copied): sorts and numbers them.
 * rank (n, caller-owned, may be NULL): rank[i] = number given to input i.
 */
akin_status ids_build(akin_ctx *ctx, int64_t n, const int64_t *off, const char *bytes,
                      bool is_sharded, struct ids *out, int32_t *rank, akin_error *err);
/* A subset, in the same order: keep[i] != 0. map (n, may be NULL) receives new index or -1. */
akin_status ids_subset(akin_ctx *ctx, const struct ids *ids, const uint8_t *keep, struct ids *out,
                       int32_t *map, akin_error *err);
/* map (from->n): index in `to` of each id of `from`, or -1. */
akin_status ids_map(akin_ctx *ctx, const struct ids *from, const struct ids *to, int32_t *map,
                    akin_error *err);
akin_status ids_copy(akin_ctx *ctx, const struct ids *ids, struct ids *out, akin_error *err);
void ids_free(akin_ctx *ctx, struct ids *ids);

/* Sections PREFIX.off, .bytes, .meta; loading checks order and bounds. */
akin_status ids_save(struct container_writer *w, const char *prefix, const struct ids *ids,
                     akin_error *err);
akin_status ids_load(akin_ctx *ctx, struct container *c, const char *prefix, struct ids *out,
                     akin_error *err);

#endif
