/*
 * Co-occurrence by rows (Gustavson 1978): for an item, the rows of its users are added up in a
 * dense accumulator that each worker has of its own, users ascending.
 *
 * Rows that will touch few items note each at its first touch; others are handed over whole. Items
 * are dealt to blocks of about equal work, which depends on the data alone.
 *
 * Cost: Σ deg(user)² additions, 1 to 3 cycles each while the accumulator (4 bytes an item) stays in
 * the second-level cache. Not done: using the symmetry of G (half the additions, but then rows are
 * complete only at the end; cooc_visit_lower where half rows do), dense bit sets of popular items.
 */
#include "solve/cooc.h"

#include "core/par.h"
#include "solve/cooc_impl.h"

#include <string.h>

enum {
    BLOCK_WORK = 1 << 20, /* additions of a block of items */
    BLOCK_ITEMS = 512,    /* most items of a block */
    POLL_USERS = 4096,
    LIST_SHARE = 4 /* a row notes touched items if it touches at most n_items / 4 */
};

struct accumulator {
    uint32_t *count; /* (n_items) all 0 between rows, as the next two */
    float *sum;
    struct cooc_moments *moments;
    int32_t *items;      /* (n_items + 1): one is written past the last */
    uint32_t *row_count; /* (n_items) what the row has of each of items */
    float *row_sum;
    struct cooc_moments *row_moments;
};

struct visit_job {
    akin_ctx *ctx;
    const struct cooc *g;
    cooc_visit_fn fn;
    void *arg;
    bool is_lower;
    const int64_t *work;     /* (n_items) additions of a row */
    const int32_t *block;    /* (n_blocks + 1) first item */
    struct accumulator *acc; /* (workers) */
};

/* ---- Adding users -------------------------------------------------------------------------- */

/* Notes item j at the end of list if it is new: without a branch, the place past the end is free.
 */
static inline int32_t note(int32_t *list, int32_t n, int32_t j, bool is_new)
{
    list[n] = j;
    return n + (int32_t)is_new;
}

static int32_t add_counts(struct accumulator *a, const int32_t *col, int64_t size, int32_t n,
                          bool is_listed)
{
    uint32_t *count = a->count;
    int32_t *list = a->items;
    if (!is_listed)
        for (int64_t e = 0; e < size; e++)
            count[col[e]]++;
    else
        for (int64_t e = 0; e < size; e++) {
            uint32_t old = count[col[e]];
            n = note(list, n, col[e], old == 0);
            count[col[e]] = old + 1;
        }
    return n;
}

static int32_t add_ones(struct accumulator *a, const int32_t *col, float weight, int64_t size,
                        int32_t n, bool is_listed)
{
    float *sum = a->sum;
    int32_t *list = a->items;
    float one = cooc_at_least_tiny(weight);
    if (!is_listed)
        for (int64_t e = 0; e < size; e++)
            sum[col[e]] += one;
    else
        for (int64_t e = 0; e < size; e++) {
            float old = sum[col[e]];
            n = note(list, n, col[e], !(old > 0));
            sum[col[e]] = old + one;
        }
    return n;
}

static int32_t add_sums(struct accumulator *a, const int32_t *col, const float *val, float weight,
                        int64_t size, int32_t n, bool is_listed)
{
    float *sum = a->sum;
    int32_t *list = a->items;
    if (!is_listed)
        for (int64_t e = 0; e < size; e++)
            sum[col[e]] += cooc_at_least_tiny(weight * val[e]);
    else
        for (int64_t e = 0; e < size; e++) {
            float old = sum[col[e]];
            n = note(list, n, col[e], !(old > 0));
            sum[col[e]] = old + cooc_at_least_tiny(weight * val[e]);
        }
    return n;
}

static int32_t add_moments(struct accumulator *a, const int32_t *col, const float *val, float own,
                           float weight, int64_t size, int32_t n, bool is_listed)
{
    for (int64_t e = 0; e < size; e++) {
        struct cooc_moments *m = &a->moments[col[e]];
        double x = (double)own;
        double y = (double)val[e];
        if (is_listed)
            n = note(a->items, n, col[e], !(m->n > 0));
        m->n += 1;
        m->d += (double)weight;
        m->a += x;
        m->b += y;
        m->aa += x * x;
        m->bb += y * y;
        m->ab += x * y;
    }
    return n;
}

/* How many of col (n, ascending) are at most item. */
static int64_t count_to(const int32_t *col, int64_t n, int32_t item)
{
    int64_t lo = 0;
    while (n > 0) {
        int64_t half = n / 2;
        bool is_past = col[lo + half] > item;
        lo = is_past ? lo : lo + half + 1;
        n = is_past ? half : n - half - 1;
    }
    return lo;
}

static int32_t add_user(const struct cooc *g, struct accumulator *a, int64_t user, int32_t last,
                        float own, int32_t n, bool is_listed)
{
    int64_t lo = g->by_user->ptr[user];
    int64_t size = g->by_user->ptr[user + 1] - lo;
    const int32_t *col = g->by_user->col + lo;
    if (last < INT32_MAX)
        size = count_to(col, size, last);
    const float *val = g->is_binary ? NULL : g->by_user->val + lo;
    float weight = g->user_weight ? g->user_weight[user] : 1.0F;
    switch (g->kind) {
    case COOC_COUNT:
        return add_counts(a, col, size, n, is_listed);
    case COOC_SUM:
        return val ? add_sums(a, col, val, weight * own, size, n, is_listed)
                   : add_ones(a, col, weight, size, n, is_listed);
    case COOC_BOTH:
        if (val)
            add_sums(a, col, val, weight * own, size, n, false);
        else
            add_ones(a, col, weight, size, n, false);
        return add_counts(a, col, size, n, is_listed);
    case COOC_MOMENTS:
        return add_moments(a, col, g->by_user->val + lo, own, weight, size, n, is_listed);
    }
    return n;
}

static akin_status add_users(const struct visit_job *job, struct accumulator *a, int32_t item,
                             bool is_listed, int32_t *n, akin_error *err)
{
    const struct cooc *g = job->g;
    const struct csr *by_item = g->by_item;
    bool has_own = by_item->val && (!g->is_binary || g->kind == COOC_MOMENTS);
    int64_t hi = by_item->ptr[item + 1];
    int32_t last = job->is_lower ? item : INT32_MAX;
    *n = 0;
    for (int64_t e = by_item->ptr[item]; e < hi; e++) {
        if (e % POLL_USERS == 0 && ctx_cancelled(job->ctx))
            return ctx_check(job->ctx, err);
        /* rows of users lie anywhere: the next but one is called in time */
        if (e + 2 < hi)
            __builtin_prefetch(g->by_user->col + g->by_user->ptr[by_item->col[e + 2]]);
        *n = add_user(g, a, by_item->col[e], last, has_own ? by_item->val[e] : 1.0F, *n, is_listed);
    }
    return AKIN_OK;
}

/* ---- Rows ---------------------------------------------------------------------------------- */

/* Moves what the listed items (n) gathered to the row and clears the accumulator. */
static void take_counts(const int32_t *items, int32_t n, uint32_t *count, uint32_t *row)
{
    for (int32_t t = 0; t < n; t++) {
        row[t] = count[items[t]];
        count[items[t]] = 0;
    }
}

static void take_sums(const int32_t *items, int32_t n, float *sum, float *row)
{
    for (int32_t t = 0; t < n; t++) {
        row[t] = sum[items[t]];
        sum[items[t]] = 0;
    }
}

static void take_moments(const int32_t *items, int32_t n, struct cooc_moments *moments,
                         struct cooc_moments *row)
{
    for (int32_t t = 0; t < n; t++) {
        row[t] = moments[items[t]];
        moments[items[t]] = (struct cooc_moments){0};
    }
}

static void take_listed(struct accumulator *a, int32_t n)
{
    if (a->count)
        take_counts(a->items, n, a->count, a->row_count);
    if (a->sum)
        take_sums(a->items, n, a->sum, a->row_sum);
    if (a->moments)
        take_moments(a->items, n, a->moments, a->row_moments);
}

static void clear_all(struct accumulator *a, int64_t n_items)
{
    size_t n = (size_t)n_items;
    if (a->count)
        memset(a->count, 0, n * sizeof *a->count);
    if (a->sum)
        memset(a->sum, 0, n * sizeof *a->sum);
    if (a->moments)
        memset(a->moments, 0, n * sizeof *a->moments);
}

static akin_status visit_item(const struct visit_job *job, struct accumulator *a, int32_t item,
                              int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n_items = job->g->by_user->n_cols;
    bool is_listed = job->work[item] < n_items / LIST_SHARE;
    int32_t n;
    AKIN_TRY(add_users(job, a, item, is_listed, &n, err));
    if (is_listed) {
        take_listed(a, n);
        const struct cooc_row row = {item, n, a->items, a->row_sum, a->row_count, a->row_moments};
        AKIN_TRY(job->fn(job->arg, &row, worker, err));
    } else {
        const struct cooc_row row = {item, (int32_t)n_items, NULL, a->sum, a->count, a->moments};
        AKIN_TRY(job->fn(job->arg, &row, worker, err));
        clear_all(a, n_items);
    }
done:
    return status;
}

static akin_status visit_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct visit_job *job = arg;
    for (int32_t i = job->block[block]; i < job->block[block + 1]; i++)
        AKIN_TRY(visit_item(job, &job->acc[worker], i, worker, err));
done:
    return status;
}

/* ---- The row of a stranger ----------------------------------------------------------------- */

static void *arena_array(struct arena *arena, int64_t n, int64_t size, akin_status *status,
                         akin_error *err)
{
    void *p = *status == AKIN_OK ? arena_alloc(arena, n, size, err) : NULL;
    if (!p)
        *status = AKIN_E_MEMORY;
    return p;
}

static akin_status accumulator_borrow(struct arena *arena, const struct cooc *g,
                                      struct accumulator *a, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n = g->by_user->n_cols;
    a->items = arena_array(arena, n + 1, sizeof *a->items, &status, err);
    if (g->kind & COOC_COUNT) {
        a->count = arena_array(arena, n, sizeof *a->count, &status, err);
        a->row_count = arena_array(arena, n, sizeof *a->count, &status, err);
    }
    if (g->kind & COOC_SUM) {
        a->sum = arena_array(arena, n, sizeof *a->sum, &status, err);
        a->row_sum = arena_array(arena, n, sizeof *a->sum, &status, err);
    }
    if (g->kind == COOC_MOMENTS) {
        a->moments = arena_array(arena, n, sizeof *a->moments, &status, err);
        a->row_moments = arena_array(arena, n, sizeof *a->moments, &status, err);
    }
    return status;
}

akin_status cooc_row_of(const struct cooc *g, int32_t number, const int32_t *users,
                        const float *own, int32_t n, struct arena *scratch, struct cooc_row *out,
                        akin_error *err)
{
    akin_status status = AKIN_OK;
    struct accumulator a = {0};
    const int64_t *ptr = g->by_user->ptr;
    int64_t work = 0, n_items = g->by_user->n_cols;
    int32_t n_listed = 0;
    AKIN_TRY(accumulator_borrow(scratch, g, &a, err));
    for (int32_t j = 0; j < n; j++)
        work += ptr[users[j] + 1] - ptr[users[j]];
    bool is_listed = work < n_items / LIST_SHARE;
    bool has_own = own && (!g->is_binary || g->kind == COOC_MOMENTS);
    for (int32_t j = 0; j < n; j++)
        n_listed =
            add_user(g, &a, users[j], INT32_MAX, has_own ? own[j] : 1.0F, n_listed, is_listed);
    if (is_listed) {
        take_listed(&a, n_listed);
        *out = (struct cooc_row){number, n_listed, a.items, a.row_sum, a.row_count, a.row_moments};
    } else {
        *out = (struct cooc_row){number, (int32_t)n_items, NULL, a.sum, a.count, a.moments};
    }
done:
    return status;
}

/* ---- Setting up ---------------------------------------------------------------------------- */

static akin_status accumulator_init(akin_ctx *ctx, const struct cooc *g, struct accumulator *a,
                                    akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n = g->by_user->n_cols;
    MEM_NEW(ctx, a->items, n + 1);
    if (g->kind & COOC_COUNT) {
        MEM_ZERO(ctx, a->count, n);
        MEM_NEW(ctx, a->row_count, n);
    }
    if (g->kind & COOC_SUM) {
        MEM_ZERO(ctx, a->sum, n);
        MEM_NEW(ctx, a->row_sum, n);
    }
    if (g->kind == COOC_MOMENTS) {
        MEM_ZERO(ctx, a->moments, n);
        MEM_NEW(ctx, a->row_moments, n);
    }
done:
    return status;
}

static void accumulator_free(akin_ctx *ctx, struct accumulator *a)
{
    mem_free(ctx, a->items);
    mem_free(ctx, a->count);
    mem_free(ctx, a->sum);
    mem_free(ctx, a->moments);
    mem_free(ctx, a->row_count);
    mem_free(ctx, a->row_sum);
    mem_free(ctx, a->row_moments);
}

struct work_job {
    const struct cooc *g;
    int64_t *work;
};

static akin_status work_block(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)worker;
    (void)err;
    const struct work_job *job = arg;
    const struct csr *by_item = job->g->by_item;
    const int64_t *ptr = job->g->by_user->ptr;
    int64_t hi = par_hi(block, BLOCK_ITEMS, by_item->n_rows);
    for (int64_t i = par_lo(block, BLOCK_ITEMS); i < hi; i++) {
        int64_t sum = 0;
        for (int64_t e = by_item->ptr[i]; e < by_item->ptr[i + 1]; e++)
            sum += ptr[by_item->col[e] + 1] - ptr[by_item->col[e]];
        job->work[i] = sum;
    }
    return AKIN_OK;
}

akin_status cooc_work(akin_ctx *ctx, const struct cooc *g, int64_t *work, akin_error *err)
{
    struct work_job job = {g, work};
    return par_for(ctx, par_blocks(g->by_item->n_rows, BLOCK_ITEMS), work_block, &job, err);
}

/* Cuts items where work or their number has grown enough; block has room for n_items + 1. */
static int64_t blocks_cut(const int64_t *work, int32_t n_items, int32_t *block)
{
    int64_t n = 0, sum = 0;
    block[0] = 0;
    for (int32_t i = 0; i < n_items; i++) {
        sum += work[i];
        if (sum >= BLOCK_WORK || i + 1 - block[n] == BLOCK_ITEMS || i + 1 == n_items) {
            block[++n] = i + 1;
            sum = 0;
        }
    }
    return n;
}

static akin_status visit_all(akin_ctx *ctx, const struct cooc *g, const int64_t *work,
                             bool is_lower, cooc_visit_fn fn, void *arg, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t n_items = (int32_t)g->by_user->n_cols;
    int32_t *block = NULL;
    int workers = par_workers(ctx);
    struct visit_job job = {
        .ctx = ctx, .g = g, .fn = fn, .arg = arg, .is_lower = is_lower, .work = work};
    MEM_NEW(ctx, block, (int64_t)n_items + 1);
    MEM_ZERO(ctx, job.acc, workers);
    for (int w = 0; w < workers; w++)
        AKIN_TRY(accumulator_init(ctx, g, &job.acc[w], err));
    job.block = block;
    AKIN_TRY(par_for(ctx, blocks_cut(work, n_items, block), visit_block, &job, err));
done:
    for (int w = 0; job.acc && w < workers; w++)
        accumulator_free(ctx, &job.acc[w]);
    mem_free(ctx, job.acc);
    mem_free(ctx, block);
    return status;
}

akin_status cooc_visit_work(akin_ctx *ctx, const struct cooc *g, const int64_t *work,
                            cooc_visit_fn fn, void *arg, akin_error *err)
{
    return visit_all(ctx, g, work, false, fn, arg, err);
}

static akin_status visit_alone(akin_ctx *ctx, const struct cooc *g, bool is_lower, cooc_visit_fn fn,
                               void *arg, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t *work = NULL;
    MEM_NEW(ctx, work, g->by_user->n_cols);
    AKIN_TRY(cooc_work(ctx, g, work, err));
    AKIN_TRY(visit_all(ctx, g, work, is_lower, fn, arg, err));
done:
    mem_free(ctx, work);
    return status;
}

akin_status cooc_visit(akin_ctx *ctx, const struct cooc *g, cooc_visit_fn fn, void *arg,
                       akin_error *err)
{
    return visit_alone(ctx, g, false, fn, arg, err);
}

akin_status cooc_visit_lower(akin_ctx *ctx, const struct cooc *g, cooc_visit_fn fn, void *arg,
                             akin_error *err)
{
    return visit_alone(ctx, g, true, fn, arg, err);
}
