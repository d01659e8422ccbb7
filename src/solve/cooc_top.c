/*
 * The best of each row of a co-occurrence matrix, and the whole of it as a CSR.
 *
 * Cost beside the sums: a pass over each row; candidates above the k-th best so far are kept in a
 * buffer of 2·k that a quickselect halves; the k that remain are sorted by item.
 */
#include "core/par.h"
#include "kern/kern.h"
#include "solve/cooc_impl.h"

#include <stdlib.h>
#include <string.h>

enum { SHORT = 16, DEPTH = 64, SCAN = 1024 };

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

/*
 * A candidate in one word, larger = better: the bits of a float > 0 ascend with it, and below them
 * lies the item, turned over, so that of equal ones the lower index wins.
 */
static inline uint64_t key_make(float value, int32_t item)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (uint64_t)bits << 32 | (uint32_t) ~(uint32_t)item;
}

static inline int32_t key_item(uint64_t key)
{
    return (int32_t) ~(uint32_t)key;
}

static inline float key_value(uint64_t key)
{
    uint32_t bits = (uint32_t)(key >> 32);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

struct top_job {
    akin_ctx *ctx;
    int32_t k;
    cooc_measure_fn measure;
    const void *arg;
    float **value;     /* (workers, n_items) */
    uint64_t **keys;   /* (workers, 2·k) */
    const int64_t *at; /* (n_items + 1) where a row may put its neighbours */
    int32_t *n;        /* (n_items) */
    int32_t *item;
    float *out;
};

static uint64_t key_median(uint64_t a, uint64_t b, uint64_t c)
{
    if (a < b)
        return b < c ? b : (a < c ? c : a);
    return a < c ? a : (b < c ? c : b);
}

/*
 * Puts the keys of x (n) above a pivot first and the pivot behind them; returns its place. Without
 * a branch on the keys, which no predictor could guess (Lomuto). Keys are distinct.
 */
static int32_t keys_part(uint64_t *x, int32_t n)
{
    uint64_t pivot = key_median(x[0], x[n / 2], x[n - 1]);
    int32_t from = pivot == x[0] ? 0 : (pivot == x[n - 1] ? n - 1 : n / 2);
    int32_t at = 0;
    x[from] = x[n - 1];
    for (int32_t i = 0; i < n - 1; i++) {
        uint64_t key = x[i];
        x[i] = x[at];
        x[at] = key;
        at += key > pivot;
    }
    x[n - 1] = x[at];
    x[at] = pivot;
    return at;
}

/*
 * Puts the k largest of x (n) first, k < n. Rows come in an order that no caller chooses, so the
 * square of n that a quickselect may cost stays a theory.
 */
static void keys_select(uint64_t *x, int32_t n, int32_t k)
{
    while (n > 1) {
        int32_t at = keys_part(x, n);
        if (at == k || at == k - 1)
            return;
        if (at > k) {
            n = at;
        } else {
            x += at + 1;
            n -= at + 1;
            k -= at + 1;
        }
    }
}

static uint64_t keys_least(const uint64_t *x, int32_t n)
{
    uint64_t least = UINT64_MAX;
    for (int32_t i = 0; i < n; i++)
        least = x[i] < least ? x[i] : least;
    return least;
}

/* The best so far: m keys of which the first k are the best once it was full; none at or below
 * bound comes in any more. */
struct best {
    uint64_t *keys; /* (2·k) */
    int32_t k, m;
    uint64_t bound;
};

static inline void best_add(struct best *b, uint64_t key)
{
    if (key <= b->bound)
        return;
    b->keys[b->m++] = key;
    if (b->m == 2 * b->k) {
        keys_select(b->keys, b->m, b->k);
        b->m = b->k;
        b->bound = keys_least(b->keys, b->k);
    }
}

/*
 * Items ascend, so that one as good as the k-th so far is too late: all that is not above it is
 * passed over by a scan.
 */
static void best_of_all(akin_ctx *ctx, const struct cooc_row *row, const float *value,
                        int32_t *hits, struct best *b)
{
    for (int32_t lo = 0; lo < row->n; lo += SCAN) {
        int32_t size = row->n - lo < SCAN ? row->n - lo : SCAN;
        int64_t n = ctx->kern->scan_above(value + lo, size, key_value(b->bound), hits);
        for (int64_t h = 0; h < n; h++)
            if (lo + hits[h] != row->item)
                best_add(b, key_make(value[lo + hits[h]], lo + hits[h]));
    }
}

static void best_of_listed(const struct cooc_row *row, const float *value, struct best *b)
{
    for (int32_t t = 0; t < row->n; t++)
        if (value[t] > 0 && row->items[t] != row->item)
            best_add(b, key_make(value[t], row->items[t]));
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
    if (b.m > k)
        keys_select(keys, b.m, k);
    return b.m < k ? b.m : k;
}

/* ---- Sorting a row by item ----------------------------------------------------------------- */

/* Item above, turned over, and bits of the value below: larger = lower item. */
static inline uint64_t key_turn(uint64_t key)
{
    return key << 32 | key >> 32;
}

static int compare_keys(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x;
    uint64_t b = *(const uint64_t *)y;
    return (a < b) - (a > b);
}

/* Largest first. Quicksort, the library's sort once it goes deeper than a good cut would. */
static void keys_sort(uint64_t *x, int32_t n, int depth)
{
    while (n > SHORT) {
        if (depth-- == 0) {
            qsort(x, (size_t)n, sizeof *x, compare_keys);
            return;
        }
        int32_t at = keys_part(x, n);
        keys_sort(x, at, depth);
        x += at + 1;
        n -= at + 1;
    }
    for (int32_t i = 1; i < n; i++) {
        uint64_t key = x[i];
        int32_t at = i;
        for (; at > 0 && x[at - 1] < key; at--)
            x[at] = x[at - 1];
        x[at] = key;
    }
}

/* Keys (n) → items ascending and their values. */
static void row_put(uint64_t *keys, int32_t n, int32_t *item, float *value)
{
    for (int32_t t = 0; t < n; t++)
        keys[t] = key_turn(keys[t]);
    keys_sort(keys, n, DEPTH);
    for (int32_t t = 0; t < n; t++) {
        uint64_t key = key_turn(keys[t]);
        item[t] = key_item(key);
        value[t] = key_value(key);
    }
}

int32_t cooc_nearest(akin_ctx *ctx, const struct cooc_row *row, const float *value, int32_t k,
                     uint64_t *keys, int32_t *item, float *near)
{
    int32_t hits[SCAN];
    int32_t n = k > 0 ? row_best(ctx, row, value, keys, k, hits) : 0;
    keys_sort(keys, n, DEPTH);
    for (int32_t t = 0; t < n; t++) {
        item[t] = key_item(keys[t]);
        near[t] = key_value(keys[t]);
    }
    return n;
}

static akin_status top_row(void *arg, const struct cooc_row *row, int worker, akin_error *err)
{
    (void)err;
    struct top_job *job = arg;
    float *value = job->value[worker];
    uint64_t *keys = job->keys[worker];
    job->measure(job->arg, row, value);
    int32_t hits[SCAN];
    int32_t n = row_best(job->ctx, row, value, keys, job->k, hits);
    row_put(keys, n, job->item + job->at[row->item], job->out + job->at[row->item]);
    job->n[row->item] = n;
    return AKIN_OK;
}

/* Closes the gaps that rows left. */
static akin_status top_compact(struct top_job *job, int64_t n_items, struct csr *out,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    MEM_NEW(job->ctx, out->ptr, n_items + 1);
    out->ptr[0] = 0;
    for (int64_t i = 0; i < n_items; i++) {
        int64_t to = out->ptr[i];
        size_t n = (size_t)job->n[i];
        memmove(job->item + to, job->item + job->at[i], n * sizeof *job->item);
        memmove(job->out + to, job->out + job->at[i], n * sizeof *job->out);
        out->ptr[i + 1] = to + job->n[i];
    }
    int64_t nnz = out->ptr[n_items];
    void *p = mem_resize(job->ctx, job->item, nnz, (int64_t)sizeof *job->item, err);
    if (!p)
        AKIN_TRY(AKIN_E_MEMORY);
    job->item = p;
    p = mem_resize(job->ctx, job->out, nnz, (int64_t)sizeof *job->out, err);
    if (!p)
        AKIN_TRY(AKIN_E_MEMORY);
    job->out = p;
    out->n_rows = out->n_cols = n_items;
    out->col = job->item;
    out->val = job->out;
    job->item = NULL;
    job->out = NULL;
done:
    return status;
}

akin_status cooc_top(akin_ctx *ctx, const struct cooc *g, int32_t k, cooc_measure_fn measure,
                     const void *arg, struct csr *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n_items = g->by_user->n_cols;
    int workers = par_workers(ctx);
    k = k < n_items ? k : (int32_t)n_items;
    struct top_job job = {.ctx = ctx, .k = k, .measure = measure, .arg = arg};
    int64_t *work = NULL, *at = NULL;
    memset(out, 0, sizeof *out);
    MEM_NEW(ctx, work, n_items);
    MEM_NEW(ctx, at, n_items + 1);
    MEM_ZERO(ctx, job.value, workers);
    MEM_ZERO(ctx, job.keys, workers);
    AKIN_TRY(cooc_work(ctx, g, work, err));
    at[0] = 0;
    for (int64_t i = 0; i < n_items; i++)
        at[i + 1] = at[i] + (work[i] < k ? work[i] : k);
    job.at = at;
    for (int w = 0; w < workers; w++) {
        MEM_NEW(ctx, job.value[w], n_items);
        MEM_NEW(ctx, job.keys[w], 2 * (int64_t)k);
    }
    MEM_NEW(ctx, job.n, n_items);
    MEM_NEW(ctx, job.item, at[n_items]);
    MEM_NEW(ctx, job.out, at[n_items]);
    AKIN_TRY(cooc_visit_work(ctx, g, work, top_row, &job, err));
    AKIN_TRY(top_compact(&job, n_items, out, err));
done:
    for (int w = 0; w < workers; w++) {
        if (job.value)
            mem_free(ctx, job.value[w]);
        if (job.keys)
            mem_free(ctx, job.keys[w]);
    }
    mem_free(ctx, job.value);
    mem_free(ctx, job.keys);
    mem_free(ctx, job.n);
    mem_free(ctx, job.item);
    mem_free(ctx, job.out);
    mem_free(ctx, work);
    mem_free(ctx, at);
    if (status != AKIN_OK)
        csr_free(ctx, out);
    return status;
}

/* ---- The whole matrix ---------------------------------------------------------------------- */

struct gram_job {
    struct csr *out;
    uint64_t **keys; /* (workers, n_items) NULL in the pass that counts */
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
    uint64_t *keys = job->keys[worker];
    int64_t at = job->out->ptr[row->item];
    int32_t n = 0;
    for (int32_t t = 0; t < row->n; t++)
        if (is_shared(row, t))
            keys[n++] = key_make(row->sum ? row->sum[t] : (float)row->count[t], cooc_item(row, t));
    row_put(keys, n, job->out->col + at, job->out->val + at);
    return AKIN_OK;
}

akin_status cooc_gram(akin_ctx *ctx, const struct cooc *g, struct csr *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n_items = g->by_user->n_cols;
    int workers = par_workers(ctx);
    struct gram_job job = {.out = out};
    memset(out, 0, sizeof *out);
    out->n_rows = out->n_cols = n_items;
    MEM_ZERO(ctx, out->ptr, n_items + 1);
    AKIN_TRY(cooc_visit(ctx, g, gram_size_row, &job, err));
    for (int64_t i = 0; i < n_items; i++)
        out->ptr[i + 1] += out->ptr[i];
    MEM_NEW(ctx, out->col, out->ptr[n_items]);
    MEM_NEW(ctx, out->val, out->ptr[n_items]);
    MEM_ZERO(ctx, job.keys, workers);
    for (int w = 0; w < workers; w++)
        MEM_NEW(ctx, job.keys[w], n_items);
    AKIN_TRY(cooc_visit(ctx, g, gram_row, &job, err));
done:
    for (int w = 0; job.keys && w < workers; w++)
        mem_free(ctx, job.keys[w]);
    mem_free(ctx, job.keys);
    if (status != AKIN_OK)
        csr_free(ctx, out);
    return status;
}
