/*
 * Id maps: numbering a set of strings.
 *
 * One parallel pass checks the strings, finds out whether all are canonical integers and hashes
 * them to shards; then each shard (or the whole, without shards) is sorted by itself.
 *
 * Cost: about 20 bytes an id beside the result; sorting as strsort.h says.
 * Not done: removal of duplicates, which callers' dictionaries have done; one is an error.
 */
#include "data/ids.h"

#include "core/par.h"
#include "core/text.h"
#include "data/strsort.h"

#include <inttypes.h>
#include <string.h>

enum { BUILD_BLOCK = 16384 };

struct build {
    akin_ctx *ctx;
    int64_t n;
    bool is_sharded;
    struct strsort strings; /* the input */
    atomic_bool has_text;   /* some string is no canonical integer */
    uint8_t *shard;         /* (n) NULL unless sharded */
    int32_t *index;         /* (n) input numbers, in the order of the result when sorted */
    int32_t *shard_ptr;     /* (257) NULL unless sharded */
    int64_t *off;           /* (n + 1) of the result */
    char *bytes;
    int32_t *rank; /* (n) caller's, or NULL */
};

static akin_status scan_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct build *b = arg;
    bool has_text = false;
    (void)worker;
    for (int64_t i = par_lo(block, BUILD_BLOCK); i < par_hi(block, BUILD_BLOCK, b->n); i++) {
        const char *id = b->strings.bytes + b->strings.off[i];
        int64_t size = b->strings.off[i + 1] - b->strings.off[i];
        int64_t number;
        if (size < 1 || size > IDS_MAX_BYTES)
            AKIN_FAIL(AKIN_E_INPUT, "ids: an id of %" PRId64 " bytes (must be 1..%d)", size,
                      IDS_MAX_BYTES);
        if (!text_is_canonical_int(id, (size_t)size, &number)) {
            has_text = true;
            if (!text_is_utf8(id, (size_t)size))
                AKIN_FAIL(AKIN_E_INPUT, "ids: '%.*s' is not UTF-8", (int)(size < 64 ? size : 64),
                          id);
        }
        if (b->shard)
            b->shard[i] = (uint8_t)ids_shard(id, (size_t)size);
    }
    if (has_text)
        atomic_store_explicit(&b->has_text, true, memory_order_relaxed);
done:
    return status;
}

/* index: by shard, input order within (stable, so that each shard ascends). */
static void deal_to_shards(struct build *b)
{
    int32_t at[IDS_SHARDS];
    memset(b->shard_ptr, 0, (IDS_SHARDS + 1) * sizeof *b->shard_ptr);
    for (int64_t i = 0; i < b->n; i++)
        b->shard_ptr[b->shard[i] + 1]++;
    for (int s = 0; s < IDS_SHARDS; s++) {
        b->shard_ptr[s + 1] += b->shard_ptr[s];
        at[s] = b->shard_ptr[s];
    }
    for (int64_t i = 0; i < b->n; i++)
        b->index[at[b->shard[i]]++] = (int32_t)i;
}

static akin_status sort_block(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)worker;
    struct build *b = arg;
    int32_t lo = b->shard_ptr ? b->shard_ptr[block] : 0;
    int32_t hi = b->shard_ptr ? b->shard_ptr[block + 1] : (int32_t)b->n;
    return hi - lo < 2 ? AKIN_OK : strsort_run(b->ctx, &b->strings, b->index + lo, hi - lo, err);
}

/* Equal ids share a shard, so they are neighbours wherever they are. */
static akin_status copy_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct build *b = arg;
    (void)worker;
    for (int64_t j = par_lo(block, BUILD_BLOCK); j < par_hi(block, BUILD_BLOCK, b->n); j++) {
        int32_t i = b->index[j];
        const char *id = b->strings.bytes + b->strings.off[i];
        int64_t size = b->off[j + 1] - b->off[j];
        if (j > 0) {
            const char *last = b->strings.bytes + b->strings.off[b->index[j - 1]];
            if (b->off[j] - b->off[j - 1] == size && memcmp(last, id, (size_t)size) == 0)
                AKIN_FAIL(AKIN_E_INPUT, "ids: '%.*s' occurs twice", (int)(size < 64 ? size : 64),
                          id);
        }
        memcpy(b->bytes + b->off[j], id, (size_t)size);
        if (b->rank)
            b->rank[i] = (int32_t)j;
    }
done:
    return status;
}

static akin_status build_order(struct build *b, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = b->ctx;
    MEM_NEW(ctx, b->index, b->n);
    if (b->is_sharded) {
        MEM_NEW(ctx, b->shard, b->n);
        MEM_NEW(ctx, b->shard_ptr, IDS_SHARDS + 1);
    }
    AKIN_TRY(par_for(ctx, par_blocks(b->n, BUILD_BLOCK), scan_block, b, err));
    b->strings.is_numeric = !atomic_load(&b->has_text);
    if (b->is_sharded) {
        deal_to_shards(b);
    } else {
        for (int64_t i = 0; i < b->n; i++)
            b->index[i] = (int32_t)i;
    }
    AKIN_TRY(par_for(ctx, b->is_sharded ? IDS_SHARDS : 1, sort_block, b, err));
done:
    return status;
}

akin_status ids_build(akin_ctx *ctx, int64_t n, const int64_t *off, const char *bytes,
                      bool is_sharded, struct ids *out, int32_t *rank, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct build b = {.ctx = ctx, .n = n, .is_sharded = is_sharded, .rank = rank};
    b.strings.off = off;
    b.strings.bytes = bytes;
    if (n < 0 || n > INT32_MAX - 1)
        AKIN_FAIL(AKIN_E_LIMIT, "ids: %" PRId64 " of them (must be 0..%d)", n, INT32_MAX - 1);
    AKIN_TRY(build_order(&b, err));
    MEM_NEW(ctx, b.off, n + 1);
    MEM_NEW(ctx, b.bytes, n > 0 ? off[n] - off[0] : 0);
    b.off[0] = 0;
    for (int64_t j = 0; j < n; j++)
        b.off[j + 1] = b.off[j] + (off[b.index[j] + 1] - off[b.index[j]]);
    AKIN_TRY(par_for(ctx, par_blocks(n, BUILD_BLOCK), copy_block, &b, err));
    *out = (struct ids){.n = (int32_t)n,
                        .is_numeric = b.strings.is_numeric,
                        .is_sharded = is_sharded,
                        .is_owned = true,
                        .off = b.off,
                        .bytes = b.bytes,
                        .shard_ptr = b.shard_ptr};
    b.off = NULL;
    b.bytes = NULL;
    b.shard_ptr = NULL;
done:
    mem_free(ctx, b.shard_ptr);
    mem_free(ctx, b.bytes);
    mem_free(ctx, b.off);
    mem_free(ctx, b.shard);
    mem_free(ctx, b.index);
    return status;
}
