/*
 * Mining of frequent itemsets in rounds: blocks of first items are mined side by side, each into a
 * buffer; between rounds the buffers are handed over in order on the calling thread. A block whose
 * buffer is full, or that comes too early while too much waits, stops where it is and goes on in
 * the next round. So the order is that of one thread, and memory is bounded.
 *
 * Here: frequent items ranked by count, baskets rewritten in ranks, blocks cut by work, rounds. The
 * walk through a class is in itemsets_walk.c, the two methods in itemsets_eclat.c and
 * itemsets_fpgrowth.c.
 *
 * Cost of the beginning: a pass over the events.
 */
#include "core/par.h"
#include "solve/itemsets_impl.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_WORK = 1 << 15,
    BLOCK_ITEMS = 256,
    POLL_SETS = 1 << 16,
    WAIT_BYTES = 8 << 20 /* of sets that wait, a worker */
};

/* ---- Baskets in ranks ---------------------------------------------------------------------- */

struct item_count {
    int32_t count, item;
};

static int by_count(const void *a, const void *b)
{
    const struct item_count *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

static akin_status rank_items(akin_ctx *ctx, const struct csr *by_item, int64_t min_count,
                              struct ranked_baskets *db, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct item_count *order = NULL;
    int64_t n = 0;
    MEM_NEW(ctx, order, by_item->n_rows);
    for (int64_t i = 0; i < by_item->n_rows; i++) {
        int64_t count = by_item->ptr[i + 1] - by_item->ptr[i];
        if (count >= min_count)
            order[n++] = (struct item_count){(int32_t)count, (int32_t)i};
    }
    qsort(order, (size_t)n, sizeof *order, by_count);
    db->n = (int32_t)n;
    MEM_NEW(ctx, db->item, n);
    MEM_NEW(ctx, db->count, n);
    MEM_ZERO(ctx, db->work, n);
    for (int64_t r = 0; r < n; r++) {
        db->item[r] = order[r].item;
        db->count[r] = order[r].count;
    }
done:
    mem_free(ctx, order);
    return status;
}

/* Item by item into its baskets, so that ranks ascend there. */
static akin_status rank_baskets(akin_ctx *ctx, int64_t n_baskets, struct ranked_baskets *db,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    MEM_ZERO(ctx, db->ptr, n_baskets + 2);
    int64_t *at = db->ptr + 1; /* where the next rank of a basket goes; at last its end */
    for (int32_t r = 0; r < db->n; r++)
        for (int32_t b = 0; b < db->count[r]; b++)
            at[ranked_baskets_of(db, r)[b] + 1]++;
    for (int64_t b = 0; b < n_baskets; b++) {
        db->longest = at[b + 1] > db->longest ? (int32_t)at[b + 1] : db->longest;
        at[b + 1] += at[b];
    }
    MEM_NEW(ctx, db->rank, at[n_baskets]);
    AKIN_TRY(ctx_check(ctx, err));
    for (int32_t r = 0; r < db->n; r++)
        for (int32_t b = 0; b < db->count[r]; b++)
            db->rank[at[ranked_baskets_of(db, r)[b]]++] = r;
    for (int64_t b = 0; b < n_baskets; b++)
        for (int64_t e = db->ptr[b]; e < db->ptr[b + 1]; e++)
            db->work[db->rank[e]] += e - db->ptr[b];
done:
    return status;
}

static void ranked_free(akin_ctx *ctx, struct ranked_baskets *db)
{
    mem_free(ctx, db->item);
    mem_free(ctx, db->count);
    mem_free(ctx, db->work);
    mem_free(ctx, db->ptr);
    mem_free(ctx, db->rank);
}

/* ---- Rounds -------------------------------------------------------------------------------- */

static akin_status blocks_cut(struct mine_job *job, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct ranked_baskets *db = &job->db;
    int64_t sum = 0;
    int32_t begin = 0;
    MEM_ZERO(job->ctx, job->blocks, db->n + 1);
    for (int32_t r = 0; r < db->n; r++) {
        sum += db->work[r];
        if (sum < BLOCK_WORK && r + 1 - begin < BLOCK_ITEMS && r + 1 < db->n)
            continue;
        job->blocks[job->n_blocks++] = (struct mine_block){.next = begin, .end = r + 1};
        begin = r + 1;
        sum = 0;
    }
done:
    return status;
}

/* A walker is the block's while it is stopped midway, else of the worker's seat. */
static akin_status run_block(void *arg, int64_t index, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct mine_job *job = arg;
    struct mine_block *b = &job->blocks[job->lowest + index];
    struct mine_seat *seat = &job->seats[worker];
    bool is_late = atomic_load_explicit(&job->held, memory_order_relaxed) > job->held_most;
    if (b->is_done || (is_late && index > 0))
        return AKIN_OK;
    struct walker *w = b->walker ? b->walker : seat->walker;
    if (!w)
        AKIN_TRY(walker_create(job, &w, err));
    if (w == seat->walker)
        seat->walker = NULL;
    b->walker = w;
    w->block = b;
    w->stats = &seat->stats;
    AKIN_TRY(walker_run(w, worker == 0, err));
    if (!b->is_done)
        goto done;
    b->walker = NULL;
    walker_free(seat->walker);
    seat->walker = w;
done:
    return status;
}

static akin_status hand_over_block(struct mine_job *job, struct mine_block *b, itemset_fn fn,
                                   void *arg, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n = 1;
    for (const int32_t *at = b->out; at < b->out + b->out_n; at += at[0] + 2) {
        AKIN_TRY(fn(arg, at + 2, at[0], at[1], err));
        if (n++ % POLL_SETS == 0)
            AKIN_TRY(ctx_check(job->ctx, err));
    }
    b->out_n = 0;
done:
    return status;
}

/* The sets of the blocks from the lowest on that are done, and what the first other one has. */
static akin_status hand_over(struct mine_job *job, itemset_fn fn, void *arg, akin_error *err)
{
    akin_status status = AKIN_OK;
    while (job->lowest < job->n_blocks) {
        struct mine_block *b = &job->blocks[job->lowest];
        if (b->out_n > 0)
            AKIN_TRY(hand_over_block(job, b, fn, arg, err));
        if (!b->is_done)
            break;
        atomic_fetch_sub_explicit(&job->held, b->out_cap * (int64_t)sizeof *b->out,
                                  memory_order_relaxed);
        mem_free(job->ctx, b->out);
        b->out = NULL;
        job->lowest++;
    }
done:
    return status;
}

static void add_stats(const struct mine_job *job, int workers, struct itemset_stats *out)
{
    *out = (struct itemset_stats){0};
    for (int w = 0; w < workers; w++) {
        const struct itemset_stats *s = &job->seats[w].stats;
        out->n += s->n;
        for (int i = 0; i <= ITEMSET_LENGTHS; i++)
            out->by_length[i] += s->by_length[i];
        out->longest = s->longest > out->longest ? s->longest : out->longest;
    }
}

static void job_free(struct mine_job *job, int workers)
{
    for (int64_t b = 0; job->blocks && b < job->n_blocks; b++) {
        walker_free(job->blocks[b].walker);
        mem_free(job->ctx, job->blocks[b].out);
    }
    for (int w = 0; job->seats && w < workers; w++)
        walker_free(job->seats[w].walker);
    mem_free(job->ctx, job->blocks);
    mem_free(job->ctx, job->seats);
    ranked_free(job->ctx, &job->db);
}

/* ---- What callers see ---------------------------------------------------------------------- */

static akin_status check(const struct csr *by_basket, const struct itemset_spec *spec,
                         akin_error *err)
{
    akin_status status = AKIN_OK;
    if (spec->least && (spec->kind != ITEMSET_ALL || spec->max_length < 1))
        AKIN_FAIL(AKIN_E_ARG, "itemsets: supports by length are for all sets up to a max_length");
    if (least_of(spec, 1) < 1)
        AKIN_FAIL(AKIN_E_ARG, "itemsets: min_count=%" PRId64 " (must be 1 or more)",
                  least_of(spec, 1));
    for (int64_t n = 2; spec->least && n <= spec->max_length; n++)
        if (spec->least[n] < spec->least[n - 1])
            AKIN_FAIL(AKIN_E_ARG,
                      "itemsets: the support of %" PRId64 " items is below that of less", n);
    if (spec->kind != ITEMSET_ALL && spec->method == ITEMSET_FPGROWTH)
        AKIN_FAIL(AKIN_E_ARG, "itemsets: method=fpgrowth finds all sets; closed and maximal ones "
                              "are found by eclat (method=auto)");
    if (by_basket->n_rows > INT32_MAX)
        AKIN_FAIL(AKIN_E_LIMIT, "itemsets: %" PRId64 " baskets (at most %d)", by_basket->n_rows,
                  INT32_MAX);
done:
    return status;
}

static akin_status mine(akin_ctx *ctx, const struct csr *by_basket, const struct csr *by_item,
                        const struct itemset_spec *spec, struct raising *raising, itemset_fn fn,
                        void *arg, struct itemset_stats *stats, akin_error *err)
{
    akin_status status = AKIN_OK;
    int workers = par_workers(ctx);
    struct mine_job job = {.ctx = ctx,
                           .spec = *spec,
                           .raising = raising,
                           .wants_sets = fn != NULL,
                           .db = {.by_item = by_item},
                           .held_most = (int64_t)WAIT_BYTES * workers};
    AKIN_TRY(check(by_basket, spec, err));
    AKIN_TRY(rank_items(ctx, by_item, least_of(spec, 1), &job.db, err));
    AKIN_TRY(rank_baskets(ctx, by_basket->n_rows, &job.db, err));
    AKIN_TRY(blocks_cut(&job, err));
    MEM_ZERO(ctx, job.seats, workers);
    progress_begin(ctx, "itemsets", job.db.n);
    while (job.lowest < job.n_blocks && status == AKIN_OK) {
        status = par_for(ctx, job.n_blocks - job.lowest, run_block, &job, err);
        if (status == AKIN_OK)
            status = hand_over(&job, fn, arg, err);
    }
    progress_end(ctx);
    if (stats && status == AKIN_OK)
        add_stats(&job, workers, stats);
done:
    job_free(&job, workers);
    if (status == AKIN_E_MEMORY)
        error_set(err, status, __FILE__, __LINE__,
                  "itemsets: no memory left for sets of %" PRId64
                  " baskets and more: raise min_support, set max_length, take fewer threads, or "
                  "allow more (--memory)",
                  least_of(spec, 1));
    return status;
}

akin_status itemsets_mine(akin_ctx *ctx, const struct csr *by_basket, const struct csr *by_item,
                          const struct itemset_spec *spec, itemset_fn fn, void *arg,
                          struct itemset_stats *stats, akin_error *err)
{
    return mine(ctx, by_basket, by_item, spec, NULL, fn, arg, stats, err);
}

/* ---- Supports that rise -------------------------------------------------------------------- */

enum { BINS_MOST = (1 << 20) + 1 };

/* The least number, from `from` on, that at most r->most of the sets found of a length reach. */
static int64_t raised_to(const struct raising *r, int64_t length, int64_t from, int64_t *alive)
{
    const _Atomic int64_t *bin = r->bin + length * r->n_bins;
    int64_t sum = 0, at = from < r->n_bins ? from : r->n_bins - 1;
    for (int64_t c = at; c < r->n_bins; c++)
        sum += atomic_load_explicit(&bin[c], memory_order_relaxed);
    for (; sum > r->most && at < r->n_bins; at++)
        sum -= atomic_load_explicit(&bin[at], memory_order_relaxed);
    *alive = sum;
    return at > from ? (at == r->n_bins ? INT32_MAX : at) : from;
}

void raising_note(struct raising *r, int64_t length, int64_t count)
{
    int64_t c = count < r->n_bins ? count : r->n_bins - 1, alive;
    atomic_fetch_add_explicit(&r->bin[length * r->n_bins + c], 1, memory_order_relaxed);
    int64_t least = atomic_load_explicit(&r->least[length], memory_order_relaxed);
    if (length < 2 || count < least ||
        atomic_fetch_add_explicit(&r->alive[length], 1, memory_order_relaxed) < r->most ||
        atomic_flag_test_and_set(&r->is_busy))
        return;
    least = atomic_load_explicit(&r->least[length], memory_order_relaxed);
    least = raised_to(r, length, least, &alive);
    atomic_store_explicit(&r->least[length], least, memory_order_relaxed);
    atomic_store_explicit(&r->alive[length], alive, memory_order_relaxed);
    atomic_flag_clear(&r->is_busy);
}

akin_status itemsets_raise(akin_ctx *ctx, const struct csr *by_basket, const struct csr *by_item,
                           int64_t max_length, int64_t most, int64_t *least, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct raising r = {.most = most, .n_bins = 1, .is_busy = ATOMIC_FLAG_INIT};
    for (int64_t i = 0; i < by_item->n_rows; i++) {
        int64_t n = by_item->ptr[i + 1] - by_item->ptr[i];
        r.n_bins = n + 1 > r.n_bins ? n + 1 : r.n_bins;
    }
    r.n_bins = r.n_bins < BINS_MOST ? r.n_bins : BINS_MOST;
    MEM_ZERO(ctx, r.bin, (max_length + 1) * r.n_bins);
    MEM_ZERO(ctx, r.alive, max_length + 1);
    MEM_ZERO(ctx, r.least, max_length + 1);
    for (int64_t n = 1; n <= max_length; n++) {
        least[n] = least[1];
        atomic_store(&r.least[n], least[1]);
    }
    const struct itemset_spec spec = {.max_length = max_length, .least = least};
    AKIN_TRY(mine(ctx, by_basket, by_item, &spec, &r, NULL, NULL, NULL, err));
    for (int64_t n = 2; n <= max_length; n++) {
        int64_t alive;
        least[n] = raised_to(&r, n, least[n - 1], &alive);
    }
done:
    mem_free(ctx, r.bin);
    mem_free(ctx, r.alive);
    mem_free(ctx, r.least);
    return status;
}

int64_t itemsets_baskets(const struct csr *by_basket)
{
    int64_t n = 0;
    for (int64_t b = 0; b < by_basket->n_rows; b++)
        n += by_basket->ptr[b + 1] > by_basket->ptr[b];
    return n;
}

akin_status itemsets_min_count(double min_support, int64_t n_baskets, int64_t *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (!(min_support > 0) || min_support > 1e15 ||
        (min_support >= 1 && nearbyint(min_support) != min_support))
        AKIN_FAIL(AKIN_E_ARG,
                  "min_support=%g (must be a share of the baskets, above 0 and below 1, or a whole "
                  "number of baskets)",
                  min_support);
    if (min_support >= 1) {
        *out = (int64_t)min_support;
        goto done;
    }
    /* 0.001 of 5,000 is 5, although the product is a little more */
    *out = (int64_t)ceil(min_support * (double)n_baskets * (1 - 1e-12));
    *out = *out < 1 ? 1 : *out;
done:
    return status;
}
