/*
 * Compressed sparse rows: transposition by counting.
 *
 * Rows are cut into at most 16 blocks of like weight, by the data alone. Each block counts its
 * columns; a prefix sum over blocks gives every (block, column) its place; each block scatters.
 * Rows of the result thus ascend, and nothing depends on threads.
 *
 * Cost: two passes over nnz; 4 bytes a column and block, with blocks so few that this stays below
 * nnz bytes (one block needs none of it to be parallel).
 * Not done: cache blocking of the scatter; with up to some 10^5 columns the counters stay in L2.
 */
#include "data/csr.h"

#include "core/par.h"

#include <inttypes.h>
#include <string.h>

enum { MOST_BLOCKS = 16, COLUMN_BLOCK = 16384, CHECK_EVERY = 1 << 20 };

struct transpose {
    akin_ctx *ctx;
    const struct csr *a;
    int64_t row_lo[MOST_BLOCKS + 1]; /* first row of each block */
    int64_t n_blocks;
    uint32_t *count; /* (n_blocks, n_cols) entries, then place within the column */
    int64_t *sum;    /* (column blocks + 1) */
    struct csr out;
};

/* Blocks of about nnz / n entries, at row bounds. */
static void cut_rows(struct transpose *t)
{
    int64_t nnz = csr_nnz(t->a);
    int64_t n = t->a->n_cols > 0 ? nnz / t->a->n_cols / 4 : 1;
    n = n < 1 ? 1 : n > MOST_BLOCKS ? MOST_BLOCKS : n;
    int64_t row = 0;
    for (int64_t b = 0; b < n; b++) {
        t->row_lo[b] = row;
        int64_t until = nnz / n * (b + 1);
        while (row < t->a->n_rows && t->a->ptr[row + 1] <= until)
            row++;
    }
    t->row_lo[n] = t->a->n_rows;
    t->n_blocks = n;
}

static akin_status count_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct transpose *t = arg;
    uint32_t *count = t->count + block * t->a->n_cols;
    int64_t lo = t->a->ptr[t->row_lo[block]];
    int64_t hi = t->a->ptr[t->row_lo[block + 1]];
    (void)worker;
    for (int64_t i = lo; i < hi; i++) {
        count[t->a->col[i]]++;
        if (i % CHECK_EVERY == 0)
            AKIN_TRY(ctx_check(t->ctx, err));
    }
done:
    return status;
}

/* Counts become places within the column; out.ptr[c + 1] the size of column c, sum its block's. */
static akin_status column_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct transpose *t = arg;
    int64_t n_cols = t->a->n_cols;
    int64_t sum = 0;
    (void)worker;
    (void)err;
    for (int64_t c = par_lo(block, COLUMN_BLOCK); c < par_hi(block, COLUMN_BLOCK, n_cols); c++) {
        uint32_t at = 0;
        for (int64_t b = 0; b < t->n_blocks; b++) {
            uint32_t n = t->count[b * n_cols + c];
            t->count[b * n_cols + c] = at;
            at += n;
        }
        sum += at;
        t->out.ptr[c + 1] = sum;
    }
    t->sum[block + 1] = sum;
    return AKIN_OK;
}

static akin_status shift_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct transpose *t = arg;
    (void)worker;
    (void)err;
    for (int64_t c = par_lo(block, COLUMN_BLOCK); c < par_hi(block, COLUMN_BLOCK, t->a->n_cols);
         c++)
        t->out.ptr[c + 1] += t->sum[block];
    return AKIN_OK;
}

static akin_status scatter_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct transpose *t = arg;
    const struct csr *a = t->a;
    uint32_t *place = t->count + block * a->n_cols;
    int64_t next_check = 0;
    (void)worker;
    for (int64_t r = t->row_lo[block]; r < t->row_lo[block + 1]; r++) {
        for (int64_t i = a->ptr[r]; i < a->ptr[r + 1]; i++) {
            int32_t c = a->col[i];
            int64_t to = t->out.ptr[c] + place[c]++;
            t->out.col[to] = (int32_t)r;
            if (a->val)
                t->out.val[to] = a->val[i];
        }
        if (a->ptr[r + 1] >= next_check) {
            AKIN_TRY(ctx_check(t->ctx, err));
            next_check = a->ptr[r + 1] + CHECK_EVERY;
        }
    }
done:
    return status;
}

akin_status csr_transpose(akin_ctx *ctx, const struct csr *a, struct csr *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct transpose t = {.ctx = ctx, .a = a};
    int64_t nnz = csr_nnz(a);
    int64_t n_column_blocks = par_blocks(a->n_cols, COLUMN_BLOCK);
    t.out.n_rows = a->n_cols;
    t.out.n_cols = a->n_rows;
    if (a->n_rows > INT32_MAX || a->n_cols > INT32_MAX)
        AKIN_FAIL(AKIN_E_LIMIT, "transpose: %" PRId64 " x %" PRId64 " (at most %d each)", a->n_rows,
                  a->n_cols, INT32_MAX);
    MEM_NEW(ctx, t.out.ptr, a->n_cols + 1);
    MEM_NEW(ctx, t.out.col, nnz);
    if (a->val)
        MEM_NEW(ctx, t.out.val, nnz);
    t.out.ptr[0] = 0;
    cut_rows(&t);
    MEM_ZERO(ctx, t.count, t.n_blocks * a->n_cols);
    MEM_ZERO(ctx, t.sum, n_column_blocks + 1);
    if (nnz > 0)
        AKIN_TRY(par_for(ctx, t.n_blocks, count_block, &t, err));
    AKIN_TRY(par_for(ctx, n_column_blocks, column_block, &t, err));
    for (int64_t b = 0; b < n_column_blocks; b++)
        t.sum[b + 1] += t.sum[b];
    AKIN_TRY(par_for(ctx, n_column_blocks, shift_block, &t, err));
    if (nnz > 0)
        AKIN_TRY(par_for(ctx, t.n_blocks, scatter_block, &t, err));
    *out = t.out;
    memset(&t.out, 0, sizeof t.out);
done:
    mem_free(ctx, t.sum);
    mem_free(ctx, t.count);
    csr_free(ctx, &t.out);
    return status;
}

/* Rows of out are the keys, in input order within a row; by[] are the input numbers. */
static akin_status group(akin_ctx *ctx, int64_t n_rows, int64_t nnz, const int32_t *key,
                         const int64_t *from, int64_t *ptr, int64_t *by, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t *at = NULL;
    MEM_NEW(ctx, at, n_rows + 1);
    memset(ptr, 0, (size_t)(n_rows + 1) * sizeof *ptr);
    for (int64_t i = 0; i < nnz; i++)
        ptr[key[i] + 1]++;
    for (int64_t r = 0; r < n_rows; r++)
        ptr[r + 1] += ptr[r];
    memcpy(at, ptr, (size_t)(n_rows + 1) * sizeof *at);
    for (int64_t i = 0; i < nnz; i++) {
        int64_t t = from ? from[i] : i;
        by[at[key[t]]++] = t;
    }
    AKIN_TRY(ctx_check(ctx, err));
done:
    mem_free(ctx, at);
    return status;
}

/* Entries in (row, col, input) order become rows; repeats are summed in double. */
static void merge_repeats(const int64_t *by, int64_t nnz, const int32_t *row, const int32_t *col,
                          const float *val, struct csr *out)
{
    int64_t n = 0;
    memset(out->ptr, 0, (size_t)(out->n_rows + 1) * sizeof *out->ptr);
    for (int64_t i = 0, end; i < nnz; i = end) {
        double sum = 0;
        for (end = i; end < nnz && row[by[end]] == row[by[i]] && col[by[end]] == col[by[i]]; end++)
            sum += val ? (double)val[by[end]] : 1.0;
        out->col[n] = col[by[i]];
        if (out->val)
            out->val[n] = (float)sum;
        out->ptr[row[by[i]] + 1] = ++n;
    }
    for (int64_t r = 0; r < out->n_rows; r++) {
        if (out->ptr[r + 1] < out->ptr[r])
            out->ptr[r + 1] = out->ptr[r];
    }
}

akin_status csr_from_triples(akin_ctx *ctx, int64_t n_rows, int64_t n_cols, int64_t nnz,
                             const int32_t *row, const int32_t *col, const float *val,
                             struct csr *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct csr a = {.n_rows = n_rows, .n_cols = n_cols};
    int64_t *ptr = NULL;
    int64_t *by_col = NULL;
    int64_t *by_row = NULL;
    bool has_repeats = false;
    for (int64_t i = 0; i < nnz; i++) {
        if (row[i] < 0 || row[i] >= n_rows || col[i] < 0 || col[i] >= n_cols)
            AKIN_FAIL(AKIN_E_INTERNAL,
                      "triple %" PRId64 " at (%" PRId32 ", %" PRId32 ") of %" PRId64 " x %" PRId64,
                      i, row[i], col[i], n_rows, n_cols);
    }
    MEM_NEW(ctx, ptr, (n_rows > n_cols ? n_rows : n_cols) + 1);
    MEM_NEW(ctx, by_col, nnz);
    MEM_NEW(ctx, by_row, nnz);
    AKIN_TRY(group(ctx, n_cols, nnz, col, NULL, ptr, by_col, err));
    AKIN_TRY(group(ctx, n_rows, nnz, row, by_col, ptr, by_row, err));
    for (int64_t i = 1; i < nnz && !has_repeats; i++)
        has_repeats = row[by_row[i]] == row[by_row[i - 1]] && col[by_row[i]] == col[by_row[i - 1]];
    MEM_NEW(ctx, a.ptr, n_rows + 1);
    MEM_NEW(ctx, a.col, nnz);
    if (val || has_repeats)
        MEM_NEW(ctx, a.val, nnz);
    merge_repeats(by_row, nnz, row, col, val, &a);
    *out = a;
    memset(&a, 0, sizeof a);
done:
    csr_free(ctx, &a);
    mem_free(ctx, by_row);
    mem_free(ctx, by_col);
    mem_free(ctx, ptr);
    return status;
}

bool csr_is_binary(const struct csr *a)
{
    int64_t nnz = csr_nnz(a);
    for (int64_t e = 0; a->val && e < nnz; e++)
        if (a->val[e] < 1.0F || a->val[e] > 1.0F)
            return false;
    return true;
}

struct csr csr_share(const struct csr *a, bool with_values)
{
    return (struct csr){a->n_rows, a->n_cols, mem_share(a->ptr), mem_share(a->col),
                        with_values ? mem_share(a->val) : NULL};
}

void csr_free(akin_ctx *ctx, struct csr *a)
{
    mem_free(ctx, a->ptr);
    mem_free(ctx, a->col);
    mem_free(ctx, a->val);
    memset(a, 0, sizeof *a);
}
