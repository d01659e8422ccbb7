/*
 * Search: bytes select, floats decide.
 *
 * Panels are read in order; for each a whole number says what a sum of bytes must reach for a score
 * to reach the k-th best so far (index_quant.c), scan_u8s8 answers sixteen items at a time, and the
 * few that reach it are scored by gemm sixteen at a time, so that every score in a list has the
 * bits of rank_lists. A limit that is out of date is too low, never too high: it only lets more
 * through. The first scans are short, because the bound is only as good as what was seen.
 *
 * Cost a query: one pass over the bytes read (64 MB for a million items of 64 factors: the memory's
 * speed bounds it; shared by 64 askers: the multiply-adds), some k·ln(n/k) scores.
 */
#include "rank/index_impl.h"

#include "rank/ranker.h"

#include <string.h>

/* Below 1 in this many, or this many items, those allowed are scored one by one. */
enum { FEW_PART = 32, FEW = 512 };

/* ---- One asker ---------------------------------------------------------------------------- */

static bool hunt_allows(const struct index_hunt *h, int32_t item)
{
    if (h->allowed && !bit_get(h->allowed, item))
        return false;
    const struct index_ask *a = h->ask;
    int32_t at = lower_bound(a->exclude, a->n_exclude, item);
    return at == a->n_exclude || a->exclude[at] != item;
}

/* Scores what is pending: one fma chain over the factors, from the bias, as in rank_lists. */
static void hunt_score(const struct index *ix, struct index_scratch *s, struct index_hunt *h)
{
    float scores[INDEX_GATHER];
    int32_t n = h->n_pending;
    int64_t k = ix->v.k;
    const double *norm = h->ask->norm;
    bool has_bias = ix->v.bias && !norm;
    h->n_pending = 0;
    if (n == 0)
        return;
    for (int32_t i = 0; i < n; i++) {
        memcpy(s->rows + i * k, ix->v.items + h->pending[i] * k, (size_t)k * sizeof(float));
        if (has_bias)
            scores[i] = ix->v.bias[h->pending[i]];
    }
    ix->kern->pack(s->rows, k, n, k, s->packed);
    ix->kern->gemm(1, n, k, h->ask->state, k, s->packed, scores, n, has_bias);
    for (int32_t i = 0; i < n && norm; i++) {
        double both = h->ask->own * norm[h->pending[i]];
        scores[i] = both > 0 ? (float)((double)scores[i] / both) : UNSCORED;
    }
    for (int32_t i = 0; i < n; i++) {
        if (scores[i] > UNSCORED)
            topk_push(h->top, h->pending[i], scores[i]);
    }
}

static void hunt_offer(const struct index *ix, struct index_scratch *s, struct index_hunt *h,
                       int32_t item)
{
    if (!hunt_allows(h, item))
        return;
    const char *row = (const char *)(ix->v.items + (int64_t)item * ix->v.k);
    for (int64_t at = 0; at < ix->v.k * (int64_t)sizeof(float) && at < 512; at += 64)
        __builtin_prefetch(row + at);
    h->pending[h->n_pending++] = item;
    if (h->n_pending == INDEX_GATHER)
        hunt_score(ix, s, h);
}

/* Every allowed item: a state out of the range of codes, or few allowed. */
static akin_status hunt_all(const struct index *ix, struct index_scratch *s, struct index_hunt *h,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    for (int32_t lo = 0; lo < ix->n_items; lo += 64) {
        uint64_t word = h->allowed ? h->allowed[lo >> 6] : ~(uint64_t)0;
        if (lo % 65536 == 0)
            AKIN_TRY(ctx_check(s->ctx, err));
        for (; word; word &= word - 1) {
            int32_t item = lo + __builtin_ctzll(word);
            if (item < ix->n_items)
                hunt_offer(ix, s, h, item);
        }
    }
    hunt_score(ix, s, h);
done:
    return status;
}

/* A state of zeros without a bias: all finite items score 0, the first k win. */
static void hunt_zeros(const struct index *ix, struct index_hunt *h)
{
    for (int32_t item = 0; item < ix->n_items && h->top->n < h->top->k; item++) {
        if (hunt_allows(h, item))
            topk_push(h->top, item, 0.0f);
    }
}

/* The panels' items whose bits are set. */
static void hunt_hits(const struct index *ix, struct index_scratch *s, struct index_hunt *h,
                      const int32_t *ids, const uint16_t *hits, int64_t n)
{
    for (int64_t p = 0; p < n; p++) {
        for (unsigned bits = hits[p]; bits; bits &= bits - 1) {
            int32_t item = ids[p * KERN_PANEL + __builtin_ctz(bits)];
            if (item >= 0)
                hunt_offer(ix, s, h, item);
        }
    }
}

/* ---- Panels ------------------------------------------------------------------------------- */

/* Askers for whom no later panel of a list matters go behind the others; returns how many stay. */
static int32_t drop_done(const struct index *ix, struct index_scratch *s, int32_t n, float norm)
{
    int64_t size = ix->panels.quads * 4;
    for (int32_t j = 0; j < n;) {
        struct index_hunt *h = &s->hunt[j];
        if (!index_is_short(&h->code, norm, topk_bound(h->top))) {
            j++;
            continue;
        }
        hunt_score(ix, s, h);
        struct index_hunt last = s->hunt[--n];
        s->hunt[n] = *h;
        *h = last;
        memcpy(s->codes + j * size, s->codes + n * size, (size_t)size);
    }
    return n;
}

/* Panels [lo, hi), longest items first, for n askers. seen: panels that they saw before. */
static void scan_list(const struct index *ix, struct index_scratch *s, int32_t n, int64_t lo,
                      int64_t hi, int64_t seen)
{
    const struct index_panels *x = &ix->panels;
    int64_t row = x->quads * 4;
    int64_t size;
    for (int64_t p = lo; p < hi; p += size, seen += size) {
        n = drop_done(ix, s, n, x->norm[p]);
        if (n == 0)
            break;
        size = seen < 1 ? 1 : seen < INDEX_CHUNK ? seen : INDEX_CHUNK;
        size = hi - p < size ? hi - p : size;
        for (int32_t j = 0; j < n; j++)
            index_limits(ix, &s->hunt[j].code, topk_bound(s->hunt[j].top), p, size,
                         s->least + j * size);
        ix->kern->scan_u8s8(n, size, x->quads, s->codes, x->codes + p * row * KERN_PANEL, s->least,
                            s->hits);
        for (int32_t j = 0; j < n; j++)
            hunt_hits(ix, s, &s->hunt[j], x->ids + p * KERN_PANEL, s->hits + j * size, size);
    }
}

/* Exact over the first n_probe lists of s->order, of which n_ordered are in order; over more until
 * k items are found. One asker, or one list. */
static akin_status run(const struct index *ix, struct index_scratch *s, int32_t n_hunts,
                       int64_t n_probe, int64_t n_ordered, akin_error *err)
{
    enum { CHECK = 4096 }; /* panels between looks at the cancel flag */
    akin_status status = AKIN_OK;
    int64_t seen = 0;
    for (int64_t l = 0; l < ix->n_lists; l++) {
        if (l >= n_probe && s->hunt[0].top->n == s->hunt[0].top->k)
            break;
        if (l == n_ordered)
            index_order(ix, s, s->hunt[0].ask->state, ix->n_lists);
        int32_t list = ix->n_lists > 1 ? s->order[l].item : 0;
        int64_t end = ix->list[list + 1];
        for (int64_t p = ix->list[list]; p < end; p += CHECK) {
            int64_t hi = end - p < CHECK ? end : p + CHECK;
            AKIN_TRY(ctx_check(s->ctx, err));
            scan_list(ix, s, n_hunts, p, hi, seen);
            seen += hi - p;
        }
        /* a list's last items must count before "k were found" is asked */
        for (int32_t j = 0; j < n_hunts && s->hunt[j].top->n < s->hunt[j].top->k; j++)
            hunt_score(ix, s, &s->hunt[j]);
    }
    for (int32_t j = 0; j < n_hunts; j++)
        hunt_score(ix, s, &s->hunt[j]);
done:
    return status;
}

/* ---- Lists -------------------------------------------------------------------------------- */

void index_order(const struct index *ix, struct index_scratch *s, const float *state, int64_t n)
{
    struct topk t;
    int32_t hits[RANK_SCAN];
    topk_init(&t, s->order, (int32_t)n);
    memcpy(s->asker, state, (size_t)ix->v.k * sizeof *state);
    if (ix->dims > ix->v.k)
        s->asker[ix->v.k] = 1.0f;
    ix->kern->gemm(1, ix->n_lists, ix->dims, s->asker, ix->dims, ix->centroids, s->near,
                   ix->n_lists, 0);
    for (int32_t lo = 0; lo < ix->n_lists; lo += RANK_SCAN) {
        int32_t size = ix->n_lists - lo < RANK_SCAN ? ix->n_lists - lo : RANK_SCAN;
        int64_t found = ix->kern->scan_above(s->near + lo, size, topk_bound(&t), hits);
        for (int64_t i = 0; i < found; i++)
            topk_push(&t, lo + hits[i], s->near[lo + hits[i]]);
    }
    topk_sort(&t);
}

static int64_t count_allowed(const struct index *ix, const uint64_t *bits)
{
    int64_t count = 0;
    int32_t n = ix->n_items;
    for (int32_t w = 0; w < n >> 6; w++)
        count += __builtin_popcountll(bits[w]);
    if (n & 63)
        count += __builtin_popcountll(bits[n >> 6] & (((uint64_t)1 << (n & 63)) - 1));
    return count;
}

static struct index_hunt *hunt_begin(const struct index *ix, struct index_scratch *s, int32_t j,
                                     const struct index_ask *ask, const uint64_t *allowed)
{
    struct index_hunt *h = &s->hunt[j];
    h->ask = ask;
    h->top = ask->top;
    h->allowed = allowed;
    h->n_pending = 0;
    index_encode(ix, ask, s->codes + j * ix->panels.quads * 4, &h->code);
    return h;
}

static void hunt_wild(const struct index *ix, struct index_scratch *s, struct index_hunt *h)
{
    for (int32_t i = 0; i < ix->n_wild; i++)
        hunt_offer(ix, s, h, ix->wild[i]);
    hunt_score(ix, s, h);
}

/* Under a filter the k best are further down: as many allowed items are read as without one. */
static akin_status hunt_lists(const struct index *ix, struct index_scratch *s, int64_t n_allowed,
                              akin_error *err)
{
    int64_t n_probe = ix->n_probe;
    if (n_allowed < ix->n_items)
        n_probe = 1 + (int64_t)((double)n_probe * ix->n_items / (double)n_allowed);
    n_probe = n_probe < ix->n_lists ? n_probe : ix->n_lists;
    if (ix->n_lists > 1)
        index_order(ix, s, s->hunt[0].ask->state, n_probe);
    return run(ix, s, 1, n_probe, n_probe, err);
}

akin_status index_probe(const struct index *ix, struct index_scratch *s,
                        const struct index_ask *asker, int32_t k, int64_t n_probe,
                        struct ranked *out, int32_t *count, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct topk top;
    struct index_ask ask = *asker;
    ask.top = &top;
    topk_init(&top, out, k);
    hunt_wild(ix, s, hunt_begin(ix, s, 0, &ask, NULL));
    index_order(ix, s, ask.state, n_probe);
    AKIN_TRY(run(ix, s, 1, n_probe, n_probe, err));
    topk_sort(&top);
    *count = top.n;
done:
    return status;
}

static bool is_few(const struct index *ix, int64_t n_allowed)
{
    return n_allowed <= FEW || n_allowed < ix->n_items / FEW_PART;
}

static akin_status fill_one(const struct index *ix, struct index_scratch *s,
                            const struct index_ask *ask, const uint64_t *allowed, int64_t n_allowed,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    struct index_hunt *h = hunt_begin(ix, s, 0, ask, allowed);
    if (h->code.is_zero && !ix->n_wild) {
        hunt_zeros(ix, h);
    } else if (h->code.is_wild || is_few(ix, n_allowed)) {
        AKIN_TRY(hunt_all(ix, s, h, err));
    } else {
        hunt_wild(ix, s, h);
        AKIN_TRY(hunt_lists(ix, s, n_allowed, err));
    }
done:
    return status;
}

/* At most INDEX_ASKERS, who share the panels; those who cannot come one by one. */
static akin_status fill_shared(const struct index *ix, struct index_scratch *s,
                               const struct index_ask *ask, int64_t n, const uint64_t *allowed,
                               int64_t n_allowed, akin_error *err)
{
    akin_status status = AKIN_OK;
    bool is_alone[INDEX_ASKERS];
    int32_t m = 0;
    for (int64_t j = 0; j < n; j++) {
        struct index_hunt *h = hunt_begin(ix, s, m, &ask[j], allowed);
        is_alone[j] = h->code.is_wild || h->code.is_zero;
        if (is_alone[j])
            continue;
        hunt_wild(ix, s, h);
        m++;
    }
    AKIN_TRY(run(ix, s, m, 1, 1, err));
    for (int64_t j = 0; j < n; j++) {
        if (is_alone[j])
            AKIN_TRY(fill_one(ix, s, &ask[j], allowed, n_allowed, err));
    }
done:
    return status;
}

akin_status index_fill(const struct index *ix, struct index_scratch *s, const struct index_ask *ask,
                       int64_t n, const uint64_t *allowed, int64_t n_allowed, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (n_allowed == 0)
        goto done;
    int64_t block = ix->n_lists == 1 && n > 1 && !is_few(ix, n_allowed) ? INDEX_ASKERS : 1;
    for (int64_t lo = 0; lo < n; lo += block) {
        int64_t size = n - lo < block ? n - lo : block;
        if (size > 1)
            AKIN_TRY(fill_shared(ix, s, ask + lo, size, allowed, n_allowed, err));
        else
            AKIN_TRY(fill_one(ix, s, ask + lo, allowed, n_allowed, err));
    }
done:
    return status;
}

/* ---- Lists of their own ------------------------------------------------------------------- */

akin_status index_search(const struct index *ix, struct index_scratch *s, const float *state,
                         int32_t k, const uint64_t *allowed, const int32_t *exclude,
                         int32_t n_exclude, struct ranked *out, int32_t *count, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct topk top;
    const struct index_ask ask = {state, exclude, n_exclude, &top, NULL, 0};
    *count = 0;
    if (k < 0)
        AKIN_FAIL(AKIN_E_ARG, "index: k=%d (must be >= 0)", k);
    if (k == 0)
        goto done;
    topk_init(&top, out, k);
    AKIN_TRY(index_fill(ix, s, &ask, 1, allowed, allowed ? count_allowed(ix, allowed) : ix->n_items,
                        err));
    topk_sort(&top);
    *count = top.n;
done:
    return status;
}

akin_status index_search_many(const struct index *ix, struct index_scratch *s, const float *states,
                              int64_t n, int32_t k, struct ranked *out, int32_t *counts,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    struct topk top[INDEX_ASKERS];
    struct index_ask ask[INDEX_ASKERS];
    if (k < 0)
        AKIN_FAIL(AKIN_E_ARG, "index: k=%d (must be >= 0)", k);
    for (int64_t lo = 0; lo < n; lo += INDEX_ASKERS) {
        int64_t size = n - lo < INDEX_ASKERS ? n - lo : INDEX_ASKERS;
        for (int64_t j = 0; j < size; j++) {
            topk_init(&top[j], out + (lo + j) * k, k);
            ask[j] = (struct index_ask){.state = states + (lo + j) * ix->v.k, .top = &top[j]};
        }
        if (k > 0)
            AKIN_TRY(index_fill(ix, s, ask, size, NULL, ix->n_items, err));
        for (int64_t j = 0; j < size; j++) {
            topk_sort(&top[j]);
            counts[lo + j] = top[j].n;
        }
    }
done:
    return status;
}
