/*
 * Id maps: look-up, subset, join.
 *
 * A look-up is a binary search over the sorted strings, within the shard if there are shards: no
 * second structure to build, store or map. Joins of two maps of the same order walk both once.
 *
 * Cost: ids_find log2(n) comparisons, about 1 us at a million ids; ids_map O(n) as a walk.
 * Not done: hashing of ids while events are read, which is prepare's dictionary.
 */
#include "data/ids.h"

#include "core/hash.h"
#include "core/par.h"
#include "core/text.h"

#include <string.h>

enum { MAP_BLOCK = 16384 };

const char *ids_get(const struct ids *ids, int32_t i, int32_t *size)
{
    *size = (int32_t)(ids->off[i + 1] - ids->off[i]);
    return ids->bytes + ids->off[i];
}

int ids_shard(const char *id, size_t size)
{
    return (int)(hash_bytes(id, size, 0) % IDS_SHARDS);
}

/* An id to compare with: parsed once when the order is numeric. */
struct probe {
    const char *text;
    size_t size;
    int64_t number;
};

/* False if no id of this map can equal it. */
static bool probe_set(const struct ids *ids, const char *text, size_t size, struct probe *out)
{
    out->text = text;
    out->size = size;
    out->number = 0;
    return !ids->is_numeric || text_is_canonical_int(text, size, &out->number);
}

/* Order of id i against the probe. */
static int probe_compare(const struct ids *ids, int32_t i, const struct probe *probe)
{
    int32_t size;
    const char *text = ids_get(ids, i, &size);
    if (!ids->is_numeric)
        return text_compare(text, (size_t)size, probe->text, probe->size);
    int64_t number = 0;
    text_is_canonical_int(text, (size_t)size, &number);
    return (number > probe->number) - (number < probe->number);
}

static void shard_range(const struct ids *ids, const char *id, size_t size, int32_t *lo,
                        int32_t *hi)
{
    *lo = 0;
    *hi = ids->n;
    if (ids->is_sharded && ids->n > 0) {
        int shard = ids_shard(id, size);
        *lo = ids->shard_ptr[shard];
        *hi = ids->shard_ptr[shard + 1];
    }
}

/* First index of [lo, hi) that is not before the probe. */
static int32_t lower_bound(const struct ids *ids, const struct probe *probe, int32_t lo, int32_t hi)
{
    while (lo < hi) {
        int32_t mid = lo + (hi - lo) / 2;
        if (probe_compare(ids, mid, probe) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

int32_t ids_find(const struct ids *ids, const char *id, size_t size)
{
    struct probe probe;
    int32_t lo, hi;
    if (!probe_set(ids, id, size, &probe))
        return -1;
    shard_range(ids, id, size, &lo, &hi);
    int32_t i = lower_bound(ids, &probe, lo, hi);
    return i < hi && probe_compare(ids, i, &probe) == 0 ? i : -1;
}

struct map_job {
    const struct ids *from;
    const struct ids *to;
    int32_t *map;
    bool is_walk; /* both in the same order, of like size */
};

static void map_walk(const struct map_job *job, int32_t lo, int32_t hi)
{
    int32_t at = 0;
    int32_t end = 0; /* of the shard that is being walked: [at, end) is left of it */
    int32_t shard_lo = -1;
    for (int32_t i = lo; i < hi; i++) {
        struct probe probe;
        int32_t size, first, last;
        const char *id = ids_get(job->from, i, &size);
        probe_set(job->to, id, (size_t)size, &probe);
        shard_range(job->to, id, (size_t)size, &first, &last);
        if (first != shard_lo || last != end) {
            shard_lo = first;
            end = last;
            at = lower_bound(job->to, &probe, first, last);
        }
        int order = -1;
        while (at < end && (order = probe_compare(job->to, at, &probe)) < 0)
            at++;
        job->map[i] = at < end && order == 0 ? at : -1;
    }
}

static akin_status map_block(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)worker;
    (void)err;
    const struct map_job *job = arg;
    int32_t lo = (int32_t)par_lo(block, MAP_BLOCK);
    int32_t hi = (int32_t)par_hi(block, MAP_BLOCK, job->from->n);
    if (job->is_walk) {
        map_walk(job, lo, hi);
        return AKIN_OK;
    }
    for (int32_t i = lo; i < hi; i++) {
        int32_t size;
        const char *id = ids_get(job->from, i, &size);
        job->map[i] = ids_find(job->to, id, (size_t)size);
    }
    return AKIN_OK;
}

akin_status ids_map(akin_ctx *ctx, const struct ids *from, const struct ids *to, int32_t *map,
                    akin_error *err)
{
    struct map_job job = {.from = from, .to = to, .map = map};
    job.is_walk = from->is_numeric == to->is_numeric && from->is_sharded == to->is_sharded &&
                  to->n / 16 <= from->n;
    return par_for(ctx, par_blocks(from->n, MAP_BLOCK), map_block, &job, err);
}

akin_status ids_subset(akin_ctx *ctx, const struct ids *ids, const uint8_t *keep, struct ids *out,
                       int32_t *map, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t *off = NULL;
    char *bytes = NULL;
    int32_t *shard_ptr = NULL;
    int32_t n = 0;
    int64_t size = 0;
    AKIN_TRY(ctx_check(ctx, err));
    for (int32_t i = 0; i < ids->n; i++) {
        n += keep[i] != 0;
        size += keep[i] != 0 ? ids->off[i + 1] - ids->off[i] : 0;
    }
    MEM_NEW(ctx, off, (int64_t)n + 1);
    MEM_NEW(ctx, bytes, size);
    if (ids->is_sharded)
        MEM_ZERO(ctx, shard_ptr, IDS_SHARDS + 1);
    int32_t to = 0;
    off[0] = 0;
    for (int32_t i = 0; i < ids->n; i++) {
        if (map)
            map[i] = keep[i] ? to : -1;
        if (!keep[i])
            continue;
        int64_t length = ids->off[i + 1] - ids->off[i];
        memcpy(bytes + off[to], ids->bytes + ids->off[i], (size_t)length);
        off[to + 1] = off[to] + length;
        to++;
    }
    for (int s = 0; shard_ptr && ids->n > 0 && s < IDS_SHARDS; s++) {
        shard_ptr[s + 1] = shard_ptr[s];
        for (int32_t i = ids->shard_ptr[s]; i < ids->shard_ptr[s + 1]; i++)
            shard_ptr[s + 1] += keep[i] != 0;
    }
    *out = (struct ids){.n = n,
                        .is_numeric = ids->is_numeric,
                        .is_sharded = ids->is_sharded,
                        .is_owned = true,
                        .off = off,
                        .bytes = bytes,
                        .shard_ptr = shard_ptr};
    off = NULL;
    bytes = NULL;
    shard_ptr = NULL;
done:
    mem_free(ctx, shard_ptr);
    mem_free(ctx, bytes);
    mem_free(ctx, off);
    return status;
}

akin_status ids_copy(akin_ctx *ctx, const struct ids *ids, struct ids *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    uint8_t *keep = NULL;
    MEM_NEW(ctx, keep, ids->n);
    memset(keep, 1, (size_t)ids->n);
    AKIN_TRY(ids_subset(ctx, ids, keep, out, NULL, err));
done:
    mem_free(ctx, keep);
    return status;
}

void ids_free(akin_ctx *ctx, struct ids *ids)
{
    if (ids->is_owned) {
        mem_free(ctx, (void *)(uintptr_t)ids->off);
        mem_free(ctx, (void *)(uintptr_t)ids->bytes);
        mem_free(ctx, (void *)(uintptr_t)ids->shard_ptr);
    }
    memset(ids, 0, sizeof *ids);
}
