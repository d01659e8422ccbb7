/*
 * Sparse times narrow dense (see sparse.h): gathered by rows where many threads share the rows,
 * spread by rows where one thread has the whole and most inputs are 0.
 *
 * Cost: an entry moves a cache line or half of one, and what bounds both is where it lies: 810,128
 * entries of Gowalla take 2 to 3 ms a panel. Plain loops: elementwise, so vectorising them changes
 * no bit.
 */
#include "solve/sparse.h"

#include "core/par.h"

#include <string.h>

enum {
    GATHER_WORK = 1 << 16, /* entries and rows of a block */
    POLL_ROWS = 4096
};

struct gather_job {
    const struct csr *x;
    const float *in, *scale;
    float *out;
    int64_t n_blocks;
};

static inline void add_ones(const int32_t *col, int64_t n, const float *restrict in,
                            float *restrict sum)
{
    for (int64_t e = 0; e < n; e++)
        for (int t = 0; t < SPARSE_PANEL; t++)
            sum[t] += in[(int64_t)col[e] * SPARSE_PANEL + t];
}

static inline void add_values(const int32_t *col, const float *val, int64_t n,
                              const float *restrict in, float *restrict sum)
{
    for (int64_t e = 0; e < n; e++)
        for (int t = 0; t < SPARSE_PANEL; t++)
            sum[t] += val[e] * in[(int64_t)col[e] * SPARSE_PANEL + t];
}

/* First row of a block: rows and entries together are dealt out evenly. */
static int64_t row_at(const struct gather_job *job, int64_t block)
{
    const int64_t *ptr = job->x->ptr;
    int64_t lo = 0, hi = job->x->n_rows;
    int64_t total = ptr[hi] + hi;
    if (block >= job->n_blocks)
        return hi;
    int64_t wanted = total / job->n_blocks * block;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (ptr[mid] + mid < wanted)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static akin_status gather_block(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct gather_job *job = arg;
    const struct csr *x = job->x;
    int64_t hi = row_at(job, block + 1);
    (void)worker;
    (void)err;
    for (int64_t r = row_at(job, block); r < hi; r++) {
        int64_t first = x->ptr[r], n = x->ptr[r + 1] - first;
        float sum[SPARSE_PANEL] = {0};
        if (x->val)
            add_values(x->col + first, x->val + first, n, job->in, sum);
        else
            add_ones(x->col + first, n, job->in, sum);
        for (int t = 0; t < SPARSE_PANEL; t++)
            job->out[r * SPARSE_PANEL + t] = job->scale ? job->scale[r] * sum[t] : sum[t];
    }
    return AKIN_OK;
}

akin_status sparse_gather(akin_ctx *ctx, const struct csr *x, const float *in, const float *scale,
                          float *out, akin_error *err)
{
    struct gather_job job = {x, in, scale, out, par_blocks(csr_nnz(x) + x->n_rows, GATHER_WORK)};
    return par_for(ctx, job.n_blocks, gather_block, &job, err);
}

void sparse_scale(const float *scale, int64_t n_rows, float *in)
{
    for (int64_t r = 0; scale && r < n_rows; r++)
        for (int t = 0; t < SPARSE_PANEL; t++)
            in[r * SPARSE_PANEL + t] *= scale[r];
}

/* ---- Spread -------------------------------------------------------------------------------- */

static void spread_one(const struct csr *x, int64_t row, float in, float *restrict out)
{
    for (int64_t e = x->ptr[row]; e < x->ptr[row + 1]; e++)
        out[x->col[e]] += x->val ? x->val[e] * in : in;
}

static void spread_lanes(const struct csr *x, int64_t row, const float *restrict in,
                         float *restrict out)
{
    for (int64_t e = x->ptr[row]; e < x->ptr[row + 1]; e++) {
        float *to = out + (int64_t)x->col[e] * SPARSE_LANES;
        float v = x->val ? x->val[e] : 1.0F;
        for (int t = 0; t < SPARSE_LANES; t++)
            to[t] += v * in[t];
    }
}

/* lane = scale · in; false if all of it is 0. */
static bool scale_lanes(const float *in, float scale, int lanes, float *lane)
{
    bool any = false;
    for (int t = 0; t < lanes; t++) {
        lane[t] = scale * in[t];
        any |= lane[t] < 0.0F || lane[t] > 0.0F;
    }
    return any;
}

akin_status sparse_spread(akin_ctx *ctx, const struct csr *x, const float *in, const float *scale,
                          int lanes, float *out, akin_error *err)
{
    float lane[SPARSE_LANES];
    memset(out, 0, (size_t)(x->n_cols * lanes) * sizeof *out);
    for (int64_t r = 0; r < x->n_rows; r++) {
        if (r % POLL_ROWS == 0 && ctx_cancelled(ctx))
            return ctx_check(ctx, err);
        if (!scale_lanes(in + r * lanes, scale ? scale[r] : 1.0F, lanes, lane))
            continue;
        if (lanes == 1)
            spread_one(x, r, lane[0], out);
        else
            spread_lanes(x, r, lane, out);
    }
    return AKIN_OK;
}
