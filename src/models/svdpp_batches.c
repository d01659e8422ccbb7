/*
 * Batches of users and what of each item's ratings belongs to which: two passes over the ratings.
 */
#include "models/svdpp_batches.h"
#include "core/par.h"

#include <inttypes.h>
#include <string.h>

enum { POLL_ROWS = 4096 };

/* Visits the runs; counts them at `at`, or puts them there. */
static akin_status each_segment(akin_ctx *ctx, const struct csr *rows, struct svdpp_batches *b,
                                int64_t *at, bool is_count, akin_error *err)
{
    akin_status status = AKIN_OK;
    for (int64_t i = 0; i < rows->n_rows; i++) {
        if (i % POLL_ROWS == 0)
            AKIN_TRY(ctx_check(ctx, err));
        for (int64_t e = rows->ptr[i]; e < rows->ptr[i + 1];) {
            int64_t batch = rows->col[e] / b->size, lo = e;
            while (e < rows->ptr[i + 1] && rows->col[e] < (batch + 1) * b->size)
                e++;
            if (!is_count)
                b->segment[at[batch]] = (struct svdpp_segment){lo, (int32_t)(e - lo), (int32_t)i};
            at[batch]++;
        }
    }
done:
    return status;
}

static akin_status segments_build(akin_ctx *ctx, const struct csr *rows, struct svdpp_batches *b,
                                  akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t *at = NULL, sum = 0;
    MEM_ZERO(ctx, b->segment_ptr, b->n + 1);
    MEM_ZERO(ctx, at, b->n);
    AKIN_TRY(each_segment(ctx, rows, b, at, true, err));
    for (int64_t i = 0; i < b->n; i++) {
        b->segment_ptr[i] = sum;
        sum += at[i];
        at[i] = b->segment_ptr[i];
    }
    b->segment_ptr[b->n] = sum;
    MEM_NEW(ctx, b->segment, sum);
    AKIN_TRY(each_segment(ctx, rows, b, at, false, err));
done:
    mem_free(ctx, at);
    return status;
}

static akin_status places_build(akin_ctx *ctx, const struct rated_data *d, struct svdpp_batches *b,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct csr *by_user = &d->by_user, *by_item = &d->by_item;
    int64_t *at = NULL;
    MEM_NEW(ctx, at, by_item->n_rows);
    MEM_NEW(ctx, b->place, csr_nnz(by_user));
    memcpy(at, by_item->ptr, (size_t)by_item->n_rows * sizeof *at);
    for (int64_t i = 0; i < b->n; i++) {
        int64_t lo = par_lo(i, b->size), hi = par_hi(i, b->size, by_user->n_rows);
        int64_t first = by_user->ptr[lo], n = by_user->ptr[hi] - first;
        AKIN_TRY(ctx_check(ctx, err));
        if (n > INT32_MAX)
            AKIN_FAIL(AKIN_E_ARG,
                      "svdpp: batch=%d: %" PRId64 " ratings in one batch (must be below 2^31)",
                      (int)b->size, n);
        b->most = n > b->most ? n : b->most;
        for (int64_t e = 0; e < n; e++)
            b->place[at[by_user->col[first + e]]++] = (int32_t)e;
    }
done:
    mem_free(ctx, at);
    return status;
}

akin_status svdpp_batches_make(akin_ctx *ctx, const struct rated_data *d, int64_t size,
                               struct svdpp_batches *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    *out = (struct svdpp_batches){.size = size, .n = par_blocks(d->by_user.n_rows, size)};
    AKIN_TRY(places_build(ctx, d, out, err));
    AKIN_TRY(segments_build(ctx, &d->by_item, out, err));
done:
    return status;
}

void svdpp_batches_free(akin_ctx *ctx, struct svdpp_batches *b)
{
    mem_free(ctx, b->segment_ptr);
    mem_free(ctx, b->segment);
    mem_free(ctx, b->place);
}
