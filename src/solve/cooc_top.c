/*
 * The best of each row of a co-occurrence matrix, and the whole of it as a CSR.
 *
 * Cost beside the sums: a pass over each row, and what best.h takes.
 */
#include "core/par.h"
#include "kern/kern.h"
#include "solve/best.h"
#include "solve/cooc_impl.h"

#include <string.h>

enum { SCAN = 1024 };

/* ---- Values of a row ----------------------------------------------------------------------- */

void cooc_scale(const struct cooc_row *row, float own, const float *other, float *out)
{
    if (row->items)
        for (int32_t t = 0; t < row->n; t++)
            out[t] = own * other[row->items[t]];
    else
        for (int32_t t = 0; t < row->n; t++)
            out[t] = own * other[t];
    if (row->sum)
        for (int32_t t = 0; t < row->n; t++)
            out[t] *= row->sum[t];
    else
        for (int32_t t = 0; t < row->n; t++)
            out[t] *= (float)row->count[t];
}

/* ---- The best of each row ------------------------------------------------------------------ */

struct top_job {
    akin_ctx *ctx;
    int32_t k;
    cooc_measure_fn measure;
    const void *arg;
    int64_t n_items;
    float *value;   /* (workers, n_items) */
    uint64_t *keys; /* (workers, 2·k) */
    struct best_rows rows;
};

/*
 * Items ascend, so that one as good as the k-th so far is too late: all that is not above it is
 * passed over by a scan.
 */
static void best_of_all(akin_ctx *ctx, const struct cooc_row *row, const float *value,
                        int32_t *hits, struct best *b)
{
    for (int32_t lo = 0; lo < row->n; lo += SCAN) {
        int32_t size = row->n - lo < SCAN ? row->n - lo : SCAN;
        int64_t n = ctx->kern->scan_above(value + lo, size, best_key_value(b->bound), hits);
        for (int64_t h = 0; h < n; h++)
            if (lo + hits[h] != row->item)
                best_add(b, best_key(value[lo + hits[h]], lo + hits[h]));
    }
}

static void best_of_listed(const struct cooc_row *row, const float *value, struct best *b)
{
    for (int32_t t = 0; t < row->n; t++)
        if (value[t] > 0 && row->items[t] != row->item)
            best_add(b, best_key(value[t], row->items[t]));
}

/* The k best into keys (2·k); returns how many. */
static int32_t row_best(akin_ctx *ctx, const struct cooc_row *row, const float *value,
                        uint64_t *keys, int32_t k, int32_t *hits)
{
    struct best b = {.keys = keys, .k = k};
    if (row->items)
        best_of_listed(row, value, &b);
    else
        best_of_all(ctx, row, value, hits, &b);
    return best_take(&b);
}

int32_t cooc_nearest(akin_ctx *ctx, const struct cooc_row *row, const float *value, int32_t k,
                     uint64_t *keys, int32_t *item, float *near)
{
    int32_t hits[SCAN];
    int32_t n = k > 0 ? row_best(ctx, row, value, keys, k, hits) : 0;
    best_list(keys, n, item, near);
    return n;
}

static akin_status top_row(void *arg, const struct cooc_row *row, int worker, akin_error *err)
{
    (void)err;
    struct top_job *job = arg;
    float *value = job->value + worker * job->n_items;
    uint64_t *keys = job->keys + 2 * (int64_t)job->k * worker;
    int64_t at = job->rows.at[row->item];
    job->measure(job->arg, row, value);
    int32_t hits[SCAN];
    int32_t n = row_best(job->ctx, row, value, keys, job->k, hits);
    best_put(keys, n, job->rows.item + at, job->rows.value + at);
    job->rows.n[row->item] = n;
    return AKIN_OK;
}

akin_status cooc_top(akin_ctx *ctx, const struct cooc *g, int32_t k, cooc_measure_fn measure,
                     const void *arg, struct csr *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n_items = g->by_user->n_cols;
    int workers = par_workers(ctx);
    k = k < n_items ? k : (int32_t)n_items;
    struct top_job job = {.ctx = ctx, .k = k, .measure = measure, .arg = arg, .n_items = n_items};
    int64_t *work = NULL;
    memset(out, 0, sizeof *out);
    MEM_NEW(ctx, work, n_items);
    MEM_NEW(ctx, job.value, workers * n_items);
    MEM_NEW(ctx, job.keys, 2 * (int64_t)k * workers);
    AKIN_TRY(best_rows_init(ctx, n_items, &job.rows, err));
    AKIN_TRY(cooc_work(ctx, g, work, err));
    for (int64_t i = 0; i < n_items; i++)
        job.rows.at[i + 1] = work[i] < k ? work[i] : k;
    AKIN_TRY(best_rows_room(ctx, &job.rows, err));
    AKIN_TRY(cooc_visit_work(ctx, g, work, top_row, &job, err));
    AKIN_TRY(best_rows_close(ctx, &job.rows, n_items, out, err));
done:
    mem_free(ctx, job.value);
    mem_free(ctx, job.keys);
    mem_free(ctx, work);
    best_rows_free(ctx, &job.rows);
    return status;
}

/* ---- The whole matrix ---------------------------------------------------------------------- */

struct gram_job {
    struct csr *out;
    uint64_t *keys; /* (workers, n_items) NULL in the pass that counts */
};

static bool is_shared(const struct cooc_row *row, int32_t t)
{
    return row->sum ? row->sum[t] > 0 : row->count[t] > 0;
}

static akin_status gram_size_row(void *arg, const struct cooc_row *row, int worker, akin_error *err)
{
    (void)worker;
    (void)err;
    struct gram_job *job = arg;
    int64_t n = 0;
    for (int32_t t = 0; t < row->n; t++)
        n += is_shared(row, t);
    job->out->ptr[row->item + 1] = n;
    return AKIN_OK;
}

static akin_status gram_row(void *arg, const struct cooc_row *row, int worker, akin_error *err)
{
    (void)err;
    struct gram_job *job = arg;
    uint64_t *keys = job->keys + worker * job->out->n_cols;
    int64_t at = job->out->ptr[row->item];
    int32_t n = 0;
    for (int32_t t = 0; t < row->n; t++)
        if (is_shared(row, t))
            keys[n++] = best_key(row->sum ? row->sum[t] : (float)row->count[t], cooc_item(row, t));
    best_put(keys, n, job->out->col + at, job->out->val + at);
    return AKIN_OK;
}

akin_status cooc_gram(akin_ctx *ctx, const struct cooc *g, struct csr *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n_items = g->by_user->n_cols;
    struct gram_job job = {.out = out};
    memset(out, 0, sizeof *out);
    out->n_rows = out->n_cols = n_items;
    MEM_ZERO(ctx, out->ptr, n_items + 1);
    AKIN_TRY(cooc_visit(ctx, g, gram_size_row, &job, err));
    for (int64_t i = 0; i < n_items; i++)
        out->ptr[i + 1] += out->ptr[i];
    MEM_NEW(ctx, out->col, out->ptr[n_items]);
    MEM_NEW(ctx, out->val, out->ptr[n_items]);
    MEM_NEW(ctx, job.keys, par_workers(ctx) * n_items);
    AKIN_TRY(cooc_visit(ctx, g, gram_row, &job, err));
done:
    mem_free(ctx, job.keys);
    if (status != AKIN_OK)
        csr_free(ctx, out);
    return status;
}
