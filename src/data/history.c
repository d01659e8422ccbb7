/*
 * Histories: weights of all events, and the fold of repeated items into one entry a row.
 *
 * The fold sorts (item, position) pairs and adds each item's weights by position, in double, so
 * that one history gives the same bits alone (history_fold) and among all (histories_matrix).
 *
 * Cost: O(n log n) comparisons a history, all in place; events are cut into blocks of BLOCK for
 * threads, a user belongs to the block in which its events begin.
 */
#include "data/history.h"

#include "core/par.h"

#include <inttypes.h>
#include <string.h>

enum { BLOCK = 1 << 16, SHORT = 24 };

/* ---- Weights ------------------------------------------------------------------------------- */

struct weigh_job {
    const struct dataset *ds;
    const struct feedback *f;
    float *weight; /* (n_events) */
};

static akin_status weigh_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct weigh_job *job = arg;
    const struct dataset *ds = job->ds;
    int64_t now = feedback_now(job->f);
    int64_t hi = par_hi(block, BLOCK, ds->n_events);
    (void)worker;
    (void)err;
    for (int64_t e = par_lo(block, BLOCK); e < hi; e++)
        job->weight[e] =
            feedback_weight(job->f, ds->value ? ds->value[e] : 1, ds->type ? ds->type[e] : -1,
                            ds->time ? ds->time[e] : now, now);
    return AKIN_OK;
}

akin_status histories_build(akin_ctx *ctx, const struct dataset *ds, const struct feedback *f,
                            struct histories *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct weigh_job job = {.ds = ds, .f = f};
    if (feedback_decays(f) && ds->time_kind != TIME_UNIX)
        AKIN_FAIL(AKIN_E_INPUT,
                  "half_life_days: the data has %s; leave decay off (half_life_days: 0)",
                  ds->time_kind == TIME_NONE ? "no times" : "an order of events but no instants");
    if (!feedback_is_plain(f)) {
        MEM_NEW(ctx, job.weight, ds->n_events);
        AKIN_TRY(par_for(ctx, par_blocks(ds->n_events, BLOCK), weigh_block, &job, err));
    }
    *out = (struct histories){.n_users = ds->users.n,
                              .ptr = ds->user_ptr,
                              .item = ds->item,
                              .weight = job.weight,
                              .value = ds->value,
                              .time = ds->time,
                              .type = ds->type,
                              .owns_weight = job.weight != NULL};
    job.weight = NULL;
done:
    mem_free(ctx, job.weight);
    return status;
}

/* ---- Sorting (item, position) -------------------------------------------------------------- */

/*
 * Pairs lie in two arrays: items, and positions as bits in the floats that later hold the result,
 * so that a fold needs no room of its own.
 */
static uint32_t get_pos(const float *pos, int32_t i)
{
    uint32_t bits;
    memcpy(&bits, &pos[i], sizeof bits);
    return bits;
}

static uint64_t get_pair(const int32_t *item, const float *pos, int32_t i)
{
    return (uint64_t)(uint32_t)item[i] << 32 | get_pos(pos, i);
}

static void put_pair(int32_t *item, float *pos, int32_t i, uint64_t pair)
{
    uint32_t bits = (uint32_t)pair;
    item[i] = (int32_t)(pair >> 32);
    memcpy(&pos[i], &bits, sizeof bits);
}

static void insertion_sort(int32_t *item, float *pos, int32_t n)
{
    for (int32_t i = 1; i < n; i++) {
        uint64_t pair = get_pair(item, pos, i);
        int32_t at = i;
        for (; at > 0 && get_pair(item, pos, at - 1) > pair; at--)
            put_pair(item, pos, at, get_pair(item, pos, at - 1));
        put_pair(item, pos, at, pair);
    }
}

static void sift_down(int32_t *item, float *pos, int32_t at, int32_t n)
{
    uint64_t pair = get_pair(item, pos, at);
    for (int32_t child = 2 * at + 1; child < n; child = 2 * at + 1) {
        uint64_t best = get_pair(item, pos, child);
        if (child + 1 < n && get_pair(item, pos, child + 1) > best)
            best = get_pair(item, pos, ++child);
        if (best <= pair)
            break;
        put_pair(item, pos, at, best);
        at = child;
    }
    put_pair(item, pos, at, pair);
}

static void heap_sort(int32_t *item, float *pos, int32_t n)
{
    for (int32_t i = n / 2 - 1; i >= 0; i--)
        sift_down(item, pos, i, n);
    for (int32_t i = n - 1; i > 0; i--) {
        uint64_t top = get_pair(item, pos, 0);
        put_pair(item, pos, 0, get_pair(item, pos, i));
        put_pair(item, pos, i, top);
        sift_down(item, pos, 0, i);
    }
}

static uint64_t median3(uint64_t a, uint64_t b, uint64_t c)
{
    if (a < b)
        return b < c ? b : (a < c ? c : a);
    return a < c ? a : (b < c ? c : b);
}

/* Quicksort by the median of three; heapsort once it goes deeper than a good cut would. */
static void pair_sort(int32_t *item, float *pos, int32_t n, int depth)
{
    while (n > SHORT) {
        if (depth-- == 0) {
            heap_sort(item, pos, n);
            return;
        }
        uint64_t pivot =
            median3(get_pair(item, pos, 0), get_pair(item, pos, n / 2), get_pair(item, pos, n - 1));
        int32_t i = 0, j = n - 1;
        while (i <= j) {
            while (get_pair(item, pos, i) < pivot)
                i++;
            while (get_pair(item, pos, j) > pivot)
                j--;
            if (i <= j) {
                uint64_t swap = get_pair(item, pos, i);
                put_pair(item, pos, i++, get_pair(item, pos, j));
                put_pair(item, pos, j--, swap);
            }
        }
        pair_sort(item, pos, j + 1, depth);
        item += i;
        pos += i;
        n -= i;
    }
    insertion_sort(item, pos, n);
}

static void fold_sort(const struct history *h, int32_t *item, float *pos)
{
    bool sorted = true;
    for (int32_t i = 0; i < h->n; i++) {
        put_pair(item, pos, i, (uint64_t)(uint32_t)h->item[i] << 32 | (uint32_t)i);
        sorted = sorted && (i == 0 || h->item[i - 1] <= h->item[i]);
    }
    int depth = 2;
    for (int32_t n = h->n; n > 0; n /= 2)
        depth += 2;
    if (!sorted)
        pair_sort(item, pos, h->n, depth);
}

/* ---- Fold ---------------------------------------------------------------------------------- */

int32_t history_fold(const struct history *h, int32_t *item, float *weight)
{
    int32_t n = 0;
    fold_sort(h, item, weight);
    for (int32_t i = 0; i < h->n;) {
        int32_t id = item[i];
        double sum = 0;
        for (; i < h->n && item[i] == id; i++)
            sum += h->weight ? (double)h->weight[get_pos(weight, i)] : 1.0;
        if (sum > 0) {
            item[n] = id;
            weight[n++] = (float)sum;
        }
    }
    return n;
}

int32_t history_fold_values(const struct history *h, int32_t *item, float *value)
{
    int32_t n = 0;
    fold_sort(h, item, value);
    for (int32_t i = 0; i < h->n;) {
        int32_t id = item[i];
        uint32_t last = 0;
        for (; i < h->n && item[i] == id; i++)
            last = get_pos(value, i);
        item[n] = id;
        value[n++] = h->value ? h->value[last] : 1;
    }
    return n;
}

struct fold_job {
    const struct histories *h;
    bool values;
    int32_t *item; /* (n_events) each user's fold at the place of its events */
    float *value;
    int64_t *ptr; /* (n_users + 1) count of user u at u + 1 */
};

/* First user whose events begin at or behind event e. */
static int64_t user_at(const struct histories *h, int64_t e)
{
    int64_t lo = 0, hi = h->n_users;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (h->ptr[mid] < e)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static akin_status fold_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct fold_job *job = arg;
    const struct histories *h = job->h;
    int64_t lo = user_at(h, par_lo(block, BLOCK)), hi = user_at(h, par_lo(block + 1, BLOCK));
    (void)worker;
    (void)err;
    for (int64_t u = lo; u < hi; u++) {
        struct history one = histories_of(h, u);
        int64_t at = h->ptr[u];
        job->ptr[u + 1] = job->values ? history_fold_values(&one, job->item + at, job->value + at)
                                      : history_fold(&one, job->item + at, job->value + at);
    }
    return AKIN_OK;
}

/* Closes the gaps that repeats and zeros left; counts become offsets. */
static akin_status fold_compact(akin_ctx *ctx, struct fold_job *job, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t at = 0;
    for (int64_t u = 0; u < job->h->n_users; u++) {
        int64_t n = job->ptr[u + 1], from = job->h->ptr[u];
        if (from != at && n > 0) {
            memmove(job->item + at, job->item + from, (size_t)n * sizeof *job->item);
            memmove(job->value + at, job->value + from, (size_t)n * sizeof *job->value);
        }
        at += n;
        job->ptr[u + 1] = at;
        if (u % 65536 == 0)
            AKIN_TRY(ctx_check(ctx, err));
    }
done:
    return status;
}

static akin_status fold_all(akin_ctx *ctx, const struct histories *h, int64_t n_items, bool values,
                            struct csr *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct fold_job job = {.h = h, .values = values};
    int64_t n_events = h->ptr[h->n_users];
    MEM_ZERO(ctx, job.ptr, h->n_users + 1);
    MEM_NEW(ctx, job.item, n_events);
    MEM_NEW(ctx, job.value, n_events);
    AKIN_TRY(par_for(ctx, par_blocks(n_events, BLOCK), fold_block, &job, err));
    AKIN_TRY(fold_compact(ctx, &job, err));
    int64_t nnz = job.ptr[h->n_users];
    if (nnz < n_events) {
        void *item = mem_resize(ctx, job.item, nnz, (int64_t)sizeof *job.item, err);
        if (!item) {
            status = AKIN_E_MEMORY;
            goto done;
        }
        job.item = item;
        void *value = mem_resize(ctx, job.value, nnz, (int64_t)sizeof *job.value, err);
        if (!value) {
            status = AKIN_E_MEMORY;
            goto done;
        }
        job.value = value;
    }
    *out = (struct csr){h->n_users, n_items, job.ptr, job.item, job.value};
    return AKIN_OK;
done:
    mem_free(ctx, job.ptr);
    mem_free(ctx, job.item);
    mem_free(ctx, job.value);
    return status;
}

akin_status histories_matrix(akin_ctx *ctx, const struct histories *h, int64_t n_items,
                             struct csr *out, akin_error *err)
{
    return fold_all(ctx, h, n_items, false, out, err);
}

akin_status histories_values(akin_ctx *ctx, const struct histories *h, int64_t n_items,
                             struct csr *out, akin_error *err)
{
    return fold_all(ctx, h, n_items, true, out, err);
}
