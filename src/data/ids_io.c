/*
 * Id maps in files (docs/format.md): sections PREFIX.meta, .off, .bytes, used as they are mapped.
 *
 * Loading checks what every user of a map relies on: offsets within the bytes, ids of 1..4096
 * bytes of UTF-8, strictly ascending within their shard, each in the shard of its hash.
 * Cost: one parallel pass over the ids.
 */
#include "data/ids.h"

#include "core/par.h"
#include "core/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { CHECK_BLOCK = 16384, META_HEAD = 4 };
enum { META_NUMERIC = 1, META_SHARDED = 2 };

akin_status ids_save(struct container_writer *w, const char *prefix, const struct ids *ids,
                     akin_error *err)
{
    akin_status status = AKIN_OK;
    char name[CONTAINER_NAME_MAX + 1];
    int32_t meta[META_HEAD + IDS_SHARDS + 1] = {0};
    int64_t none = 0;
    meta[0] = ids->n;
    meta[1] = (ids->is_numeric ? META_NUMERIC : 0) | (ids->is_sharded ? META_SHARDED : 0);
    if (ids->shard_ptr)
        memcpy(meta + META_HEAD, ids->shard_ptr, (IDS_SHARDS + 1) * sizeof *meta);
    int64_t n_meta = META_HEAD + (ids->is_sharded ? IDS_SHARDS + 1 : 0);
    const int64_t *off = ids->off ? ids->off : &none;

    snprintf(name, sizeof name, "%s.meta", prefix);
    AKIN_TRY(container_add(w, name, CONTAINER_REQUIRED, meta, n_meta * (int64_t)sizeof *meta, err));
    snprintf(name, sizeof name, "%s.off", prefix);
    AKIN_TRY(container_add(w, name, CONTAINER_REQUIRED, off,
                           ((int64_t)ids->n + 1) * (int64_t)sizeof *off, err));
    snprintf(name, sizeof name, "%s.bytes", prefix);
    AKIN_TRY(container_add(w, name, CONTAINER_REQUIRED, ids->bytes, off[ids->n], err));
done:
    return status;
}

struct check {
    const struct ids *ids;
    const char *prefix;
    const char *path;
};

static akin_status check_off(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct check *k = arg;
    (void)worker;
    for (int64_t i = par_lo(block, CHECK_BLOCK); i < par_hi(block, CHECK_BLOCK, k->ids->n); i++) {
        /* Differences first: with off[0] = 0 and each in 1..4096, no offset passes the last. */
        int64_t size;
        if (__builtin_sub_overflow(k->ids->off[i + 1], k->ids->off[i], &size) || size < 1 ||
            size > IDS_MAX_BYTES)
            AKIN_FAIL(AKIN_E_FORMAT, "%.90s: %s.off: id %" PRId64 " has a length out of 1..%d",
                      k->path, k->prefix, i, IDS_MAX_BYTES);
    }
done:
    return status;
}

static bool in_order(const struct ids *ids, int64_t i)
{
    const char *a = ids->bytes + ids->off[i - 1];
    const char *b = ids->bytes + ids->off[i];
    size_t na = (size_t)(ids->off[i] - ids->off[i - 1]);
    size_t nb = (size_t)(ids->off[i + 1] - ids->off[i]);
    int64_t x = 0;
    int64_t y = 0;
    if (!ids->is_numeric)
        return text_compare(a, na, b, nb) < 0;
    return text_is_canonical_int(a, na, &x) && text_is_canonical_int(b, nb, &y) && x < y;
}

static akin_status check_ids(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct check *k = arg;
    const struct ids *ids = k->ids;
    int shard = 0;
    (void)worker;
    for (int64_t i = par_lo(block, CHECK_BLOCK); i < par_hi(block, CHECK_BLOCK, ids->n); i++) {
        const char *id = ids->bytes + ids->off[i];
        size_t size = (size_t)(ids->off[i + 1] - ids->off[i]);
        int64_t number;
        bool is_first = i == 0;
        if (ids->is_sharded) {
            while (i >= ids->shard_ptr[shard + 1])
                shard++;
            is_first = i == ids->shard_ptr[shard];
            if (ids_shard(id, size) != shard)
                AKIN_FAIL(AKIN_E_FORMAT, "%.90s: %s: id %" PRId64 " lies in shard %d, not its own",
                          k->path, k->prefix, i, shard);
        }
        if (ids->is_numeric ? !text_is_canonical_int(id, size, &number) : !text_is_utf8(id, size))
            AKIN_FAIL(AKIN_E_FORMAT, "%.90s: %s: id %" PRId64 " is not %s", k->path, k->prefix, i,
                      ids->is_numeric ? "an integer" : "UTF-8");
        if (!is_first && !in_order(ids, i))
            AKIN_FAIL(AKIN_E_FORMAT, "%.90s: %s: id %" PRId64 " is out of order", k->path,
                      k->prefix, i);
    }
done:
    return status;
}

static bool shards_ok(const int32_t *ptr, int32_t n)
{
    bool ok = ptr[0] == 0 && ptr[IDS_SHARDS] == n;
    for (int s = 0; s < IDS_SHARDS; s++)
        ok = ok && ptr[s] <= ptr[s + 1];
    return ok;
}

akin_status ids_load(akin_ctx *ctx, struct container *c, const char *prefix, struct ids *out,
                     akin_error *err)
{
    akin_status status = AKIN_OK;
    char name[CONTAINER_NAME_MAX + 1];
    struct ids ids = {0};
    struct check check = {&ids, prefix, container_path(c)};
    const void *data;
    int64_t n_meta, n_off, n_bytes;
    snprintf(name, sizeof name, "%s.meta", prefix);
    AKIN_TRY(container_get(c, name, sizeof(int32_t), false, &data, &n_meta, err));
    const int32_t *meta = data;
    int32_t flags = n_meta >= META_HEAD ? meta[1] : -1;
    ids.is_numeric = (flags & META_NUMERIC) != 0;
    ids.is_sharded = (flags & META_SHARDED) != 0;
    if ((flags & ~(META_NUMERIC | META_SHARDED)) != 0 || meta[0] < 0 || meta[0] == INT32_MAX ||
        meta[2] != 0 || meta[3] != 0 || n_meta != META_HEAD + (ids.is_sharded ? IDS_SHARDS + 1 : 0))
        AKIN_FAIL(AKIN_E_FORMAT, "%.90s: section %s is malformed", check.path, name);
    ids.n = meta[0];
    ids.shard_ptr = ids.is_sharded ? meta + META_HEAD : NULL;
    if (ids.is_sharded && !shards_ok(ids.shard_ptr, ids.n))
        AKIN_FAIL(AKIN_E_FORMAT, "%.90s: section %s: the shards do not cover %" PRId32 " ids",
                  check.path, name, ids.n);
    snprintf(name, sizeof name, "%s.off", prefix);
    AKIN_TRY(container_get(c, name, sizeof(int64_t), false, &data, &n_off, err));
    ids.off = data;
    snprintf(name, sizeof name, "%s.bytes", prefix);
    AKIN_TRY(container_get(c, name, 1, false, &data, &n_bytes, err));
    ids.bytes = data;
    if (n_off != (int64_t)ids.n + 1 || ids.off[0] != 0 || ids.off[ids.n] != n_bytes)
        AKIN_FAIL(AKIN_E_FORMAT, "%.90s: %s.off does not match %s", check.path, prefix, name);
    int64_t n_blocks = par_blocks(ids.n, CHECK_BLOCK);
    AKIN_TRY(par_for(ctx, n_blocks, check_off, &check, err));
    AKIN_TRY(par_for(ctx, n_blocks, check_ids, &check, err));
    *out = ids;
done:
    return status;
}
