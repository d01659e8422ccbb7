/*
 * Who may be in a list: filters, candidates and exclusions, once for all models.
 *
 * What all queries of a call share is a bitmap; what one query changes is two short sorted lists
 * (items out, items in). When the bitmap leaves little of the catalogue, the eligible items are
 * gathered into a catalogue of their own and only they are scored. Cost: O(items / 64) a call with
 * a filter, O(h log h) a query with h history events.
 */
#include "rank/ranker.h"

#include <inttypes.h>
#include <string.h>

enum { GATHER_BLOCK = 1024 };

/* ---- Sorted lists ------------------------------------------------------------------------- */

static void heap_sift(int32_t *x, int64_t n, int64_t i)
{
    int32_t v = x[i];
    for (;;) {
        int64_t child = 2 * i + 1;
        if (child >= n)
            break;
        if (child + 1 < n && x[child + 1] > x[child])
            child++;
        if (x[child] <= v)
            break;
        x[i] = x[child];
        i = child;
    }
    x[i] = v;
}

/* In place and without memory, unlike qsort. Ascending input costs one pass. */
static void sort_items(int32_t *x, int64_t n)
{
    int64_t i = 1;
    while (i < n && x[i - 1] <= x[i])
        i++;
    if (i >= n)
        return;
    if (n <= 32) {
        for (; i < n; i++) {
            int32_t v = x[i];
            int64_t j = i;
            for (; j > 0 && x[j - 1] > v; j--)
                x[j] = x[j - 1];
            x[j] = v;
        }
        return;
    }
    for (i = n / 2 - 1; i >= 0; i--)
        heap_sift(x, n, i);
    for (i = n - 1; i > 0; i--) {
        int32_t v = x[0];
        x[0] = x[i];
        x[i] = v;
        heap_sift(x, i, 0);
    }
}

/* Sorts and drops repeats; returns how many are left. */
static int32_t distinct_items(int32_t *x, int64_t n)
{
    sort_items(x, n);
    int32_t m = 0;
    for (int64_t i = 0; i < n; i++) {
        if (m == 0 || x[m - 1] != x[i])
            x[m++] = x[i];
    }
    return m;
}

/* ---- What all queries of a call share ----------------------------------------------------- */

static int32_t count_bits(const uint64_t *bits, int32_t n)
{
    int32_t count = 0;
    for (int32_t w = 0; w < n >> 6; w++)
        count += __builtin_popcountll(bits[w]);
    if (n & 63)
        count += __builtin_popcountll(bits[n >> 6] & (((uint64_t)1 << (n & 63)) - 1));
    return count;
}

/* bits = candidates ∩ allowed (NULL = all) */
static akin_status candidate_bits(struct ranker *r, const struct rank_options *opt,
                                  const uint64_t *allowed, uint64_t **bits, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t words = ((int64_t)r->n_items + 63) / 64;
    if (!*bits)
        MEM_NEW(r->ctx, *bits, words);
    memset(*bits, 0, (size_t)words * sizeof **bits);
    for (int32_t c = 0; c < opt->n_candidates; c++) {
        int32_t i = opt->candidates[c];
        if (i < 0 || i >= r->n_items || (c > 0 && i <= opt->candidates[c - 1]))
            AKIN_FAIL(AKIN_E_ARG, "rank: candidate %d has item index %d (must ascend within 0..%d)",
                      c, i, r->n_items - 1);
        if (!allowed || bit_get(allowed, i))
            bit_flip(*bits, i);
    }
done:
    return status;
}

/* Collects the eligible ids, ascending. */
static akin_status gather_ids(struct ranker *r, struct eligible *e, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t m = 0;
    MEM_GROW(r->ctx, e->id_buf, e->id_cap, e->n_ok);
    for (int32_t lo = 0; lo < r->n_items; lo += 64) {
        uint64_t word = e->ok[lo >> 6];
        for (; word && m < e->n_ok; word &= word - 1) {
            int32_t i = lo + __builtin_ctzll(word);
            if (i < r->n_items)
                e->id_buf[m++] = i;
        }
    }
    e->ids = e->id_buf;
    e->n = m;
done:
    return status;
}

struct gather_job {
    struct ranker *r;
    struct eligible *e;
};

static akin_status gather_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct gather_job *job = arg;
    struct ranker *r = job->r;
    struct eligible *e = job->e;
    struct rank_worker *w;
    AKIN_TRY(ranker_worker(r, worker, &w, err));
    int64_t k = r->v.k;
    int64_t end = par_hi(block, GATHER_BLOCK, e->n);
    for (int64_t lo = par_lo(block, GATHER_BLOCK); lo < end; lo += RANK_GATHER) {
        int64_t n = end - lo < RANK_GATHER ? end - lo : RANK_GATHER;
        for (int64_t i = 0; i < n; i++) {
            memcpy(w->rows + i * k, r->v.items + e->ids[lo + i] * k, (size_t)k * sizeof(float));
            if (r->v.bias)
                e->bias_buf[lo + i] = r->v.bias[e->ids[lo + i]];
        }
        r->kern->pack(w->rows, k, n, k, e->packed_buf + lo * k);
    }
done:
    return status;
}

static akin_status gather_vectors(struct ranker *r, struct eligible *e, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct gather_job job = {r, e};
    MEM_GROW(r->ctx, e->packed_buf, e->packed_cap, kern_packed_size(e->n, r->v.k));
    if (r->v.bias)
        MEM_GROW(r->ctx, e->bias_buf, e->bias_cap, e->n);
    AKIN_TRY(par_for(r->ctx, par_blocks(e->n, GATHER_BLOCK), gather_block, &job, err));
    e->packed = e->packed_buf;
    e->bias = r->v.bias ? e->bias_buf : NULL;
done:
    return status;
}

/* Is scoring only the eligible items cheaper, their gathering included? */
static bool shrink_pays(const struct ranker *r, const struct eligible *e, int64_t n)
{
    if (r->mode == RANK_EVIDENCE || (r->index && n < RANK_QUERIES))
        return false; /* an index passes over the others at less than gathering costs */
    if (r->mode == RANK_SCORE || n >= RANK_QUERIES)
        return e->n_ok <= r->n_items / 2;
    return e->n_ok <= r->n_items / 4;
}

/* Many queries fill their lists from few eligible items: walk only those. */
static akin_status shrink_order(struct ranker *r, struct eligible *e, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t m = 0;
    MEM_GROW(r->ctx, e->order_buf, e->order_cap, e->n_ok);
    for (int32_t j = 0; j < r->n_items; j++) {
        if (bit_get(e->ok, r->order[j]))
            e->order_buf[m++] = r->order[j];
    }
    e->order = e->order_buf;
    e->n_order = m;
done:
    return status;
}

akin_status eligible_build(struct ranker *r, struct eligible *e, const struct rank_options *opt,
                           int64_t n, bool may_shrink, akin_error *err)
{
    akin_status status = AKIN_OK;
    e->ok = opt->allowed;
    e->ok_seen = opt->allowed ? opt->allowed_seen : NULL;
    e->n_ok = r->n_items;
    e->ids = NULL;
    e->packed = r->packed;
    e->bias = r->v.bias;
    e->n = r->n_items;
    e->order = r->order;
    e->n_order = r->n_items;
    if (!opt->allowed && opt->allowed_seen)
        AKIN_FAIL(AKIN_E_ARG, "rank: allowed_seen without allowed (give both bitmaps)");
    if (opt->candidates) {
        if (e->ok_seen) {
            AKIN_TRY(candidate_bits(r, opt, e->ok_seen, &e->ok_seen_buf, err));
            e->ok_seen = e->ok_seen_buf;
        }
        AKIN_TRY(candidate_bits(r, opt, opt->allowed, &e->ok_buf, err));
        e->ok = e->ok_buf;
    }
    if (!e->ok)
        goto done;
    e->n_ok = count_bits(e->ok, r->n_items);
    if (n >= 4 && e->n_ok <= r->n_items / 4)
        AKIN_TRY(shrink_order(r, e, err));
    if (may_shrink && shrink_pays(r, e, n)) {
        AKIN_TRY(gather_ids(r, e, err));
        if (r->mode == RANK_VECTORS)
            AKIN_TRY(gather_vectors(r, e, err));
    }
done:
    return status;
}

void eligible_free(akin_ctx *ctx, struct eligible *e)
{
    mem_free(ctx, e->ok_buf);
    mem_free(ctx, e->ok_seen_buf);
    mem_free(ctx, e->id_buf);
    mem_free(ctx, e->order_buf);
    mem_free(ctx, e->packed_buf);
    mem_free(ctx, e->bias_buf);
    memset(e, 0, sizeof *e);
}

/* ---- What one query changes --------------------------------------------------------------- */

static int32_t copy_valid(const int32_t *item, int32_t n, int32_t n_items, int32_t *to)
{
    int32_t m = 0;
    for (int32_t i = 0; i < n; i++) {
        if (item[i] >= 0 && item[i] < n_items)
            to[m++] = item[i];
    }
    return m;
}

/* Moves history items whose eligibility ok_seen turns on to `in`, keeps those it turns off. */
static int32_t split_seen(const struct eligible *e, int32_t *seen, int32_t n, int32_t *in,
                          int32_t *n_in)
{
    int32_t m = 0;
    for (int32_t j = 0; j < n; j++) {
        bool ok = bit_get(e->ok, seen[j]);
        bool ok_seen = bit_get(e->ok_seen, seen[j]);
        if (ok && !ok_seen)
            seen[m++] = seen[j];
        else if (!ok && ok_seen)
            in[(*n_in)++] = seen[j];
    }
    return m;
}

static void drop_excluded(int32_t *in, int32_t *n_in, const int32_t *ex, int32_t n)
{
    int32_t m = 0;
    for (int32_t j = 0; j < *n_in; j++) {
        int32_t at = lower_bound(ex, n, in[j]);
        if (at == n || ex[at] != in[j])
            in[m++] = in[j];
    }
    *n_in = m;
}

static void asker_build(const struct ranker *r, const struct eligible *e,
                        const struct rank_options *opt, const struct query *q, const int32_t *ex,
                        int32_t n_ex, int32_t *out, int32_t *in, struct asker *a)
{
    int32_t m = 0;
    a->n_in = 0;
    if (!opt->include_seen || e->ok_seen) {
        m = copy_valid(q->hist.item, q->hist.n, r->n_items, out);
        m = distinct_items(out, m);
    }
    if (opt->include_seen && e->ok_seen) {
        m = split_seen(e, out, m, in, &a->n_in);
        drop_excluded(in, &a->n_in, ex, n_ex);
    }
    m += copy_valid(ex, n_ex, r->n_items, out + m);
    m = distinct_items(out, m);
    a->n_out = 0;
    for (int32_t j = 0; j < m; j++) {
        if (e->ok && !bit_get(e->ok, out[j]))
            continue;
        out[a->n_out++] = e->ids ? lower_bound(e->ids, e->n, out[j]) : out[j];
    }
}

akin_status askers_build(struct ranker *r, struct rank_worker *w, const struct eligible *e,
                         const struct rank_options *opt, const struct query *queries, int64_t first,
                         int32_t m, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n_out = 0;
    int64_t n_in = 0;
    for (int32_t j = 0; j < m; j++) {
        w->asker[j].out = n_out;
        w->asker[j].in = n_in;
        n_out += queries[j].hist.n + (opt->exclude ? opt->n_exclude[first + j] : 0);
        n_in += e->ok_seen ? queries[j].hist.n : 0;
    }
    MEM_GROW(r->ctx, w->out, w->out_cap, n_out + 1); /* never NULL: offsets are added below */
    MEM_GROW(r->ctx, w->in, w->in_cap, n_in + 1);
    for (int32_t j = 0; j < m; j++) {
        struct asker *a = &w->asker[j];
        const int32_t *ex = opt->exclude ? opt->exclude[first + j] : NULL;
        asker_build(r, e, opt, &queries[j], ex, ex ? opt->n_exclude[first + j] : 0, w->out + a->out,
                    w->in + a->in, a);
    }
done:
    return status;
}

void asker_flip(struct rank_worker *w, const struct eligible *e, const struct asker *a)
{
    for (int32_t j = 0; j < a->n_out; j++) {
        int32_t at = w->out[a->out + j];
        bit_flip(w->flip, e->ids ? e->ids[at] : at);
    }
    for (int32_t j = 0; j < a->n_in; j++)
        bit_flip(w->flip, w->in[a->in + j]);
}
