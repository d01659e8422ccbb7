/*
 * The ranker's life: what is prepared once for a scorer so that requests only score.
 *
 * Cost: packs the item vectors into gemm panels (a copy of them), makes an index of them, takes
 * their lengths when cosine similarity will need them, and orders items by popularity by a radix
 * sort: O(items · k) in parallel. Workers' scratch is made at first use: a tile of scores, one
 * gather tile and, for evidence models, 9 bytes an item.
 */
#include "rank/ranker.h"

#include <string.h>

enum { PACK_ROWS = 1024, INDEX_FROM = 256, INDEX_K_MAX = 4096 };

/* Allocates a worker's buffer unless an earlier try that failed later has made it. */
#define NEW_ONCE(ctx, p, n)                                                                        \
    do {                                                                                           \
        if (!(p))                                                                                  \
            MEM_NEW(ctx, p, n);                                                                    \
    } while (0)

static akin_status pack_block(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)worker;
    (void)err;
    struct ranker *r = arg;
    int64_t lo = par_lo(block, PACK_ROWS);
    int64_t hi = par_hi(block, PACK_ROWS, r->n_items);
    int64_t k = r->v.k;
    r->kern->pack(r->v.items + lo * k, k, hi - lo, k, r->packed + lo * k);
    if (r->norm) {
        for (int64_t i = lo; i < hi; i++) {
            const float *x = r->v.items + i * k;
            r->norm[i] = sqrt(r->kern->dot64(x, x, k));
        }
    }
    return AKIN_OK;
}

/* order: count descending, index ascending. A stable radix sort of 4 bytes from index order. */
static akin_status popularity_order(struct ranker *r, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t *spare = NULL;
    int32_t n = r->n_items;
    const int32_t *count = r->scorer.item_count;
    for (int32_t i = 0; i < n; i++)
        r->order[i] = i;
    if (!count)
        goto done;
    MEM_NEW(r->ctx, spare, n);
    int32_t *from = r->order;
    int32_t *to = spare;
    for (int shift = 0; shift < 32; shift += 8) {
        int64_t at[257] = {0};
        for (int32_t i = 0; i < n; i++)
            at[((~(uint32_t)count[i] >> shift) & 255) + 1]++;
        for (int b = 0; b < 256; b++)
            at[b + 1] += at[b];
        for (int32_t i = 0; i < n; i++)
            to[at[(~(uint32_t)count[from[i]] >> shift) & 255]++] = from[i];
        int32_t *swap = from;
        from = to;
        to = swap;
    }
    /* four passes: the result is back in r->order */
done:
    mem_free(r->ctx, spare);
    return status;
}

/* Which way lists are made; the cheapest that the model gives. */
static akin_status choose_mode(struct ranker *r, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct scorer_class *cls = r->scorer.cls;
    if (cls->vectors)
        cls->vectors(r->scorer.self, &r->v);
    if (!r->v.items || r->v.k < 0)
        memset(&r->v, 0, sizeof r->v);
    if (r->v.items && cls->fold_in)
        r->mode = RANK_VECTORS;
    else if (cls->evidence)
        r->mode = RANK_EVIDENCE;
    else if (cls->score)
        r->mode = RANK_SCORE;
    else
        AKIN_FAIL(AKIN_E_INTERNAL, "ranker: the model gives no score, evidence or vectors");
    int64_t tile = RANK_TILE_FLOATS / (r->v.k > 0 ? r->v.k : 1) / KERN_PANEL * KERN_PANEL;
    if (tile > RANK_TILE_MAX)
        tile = RANK_TILE_MAX;
    r->tile = tile < 4 * KERN_PANEL ? 4 * KERN_PANEL : (int32_t)tile;
    r->score_tile = r->n_items < RANK_SCORE_FLOATS ? r->n_items : RANK_SCORE_FLOATS;
    r->block = RANK_QUERIES;
    if (r->mode == RANK_EVIDENCE)
        r->block = RANK_QUERIES / 8;
    if (r->mode == RANK_SCORE && r->n_items > RANK_SCORE_FLOATS / RANK_QUERIES)
        r->block = r->score_tile < RANK_SCORE_FLOATS ? RANK_SCORE_FLOATS / r->n_items : 1;
done:
    return status;
}

/* Too few items, or too many factors for sums of bytes: whole tiles. */
static akin_status make_index(struct ranker *r, const struct index_options *options,
                              akin_error *err)
{
    if (r->mode != RANK_VECTORS || r->n_items < INDEX_FROM || r->v.k < 1 || r->v.k > INDEX_K_MAX)
        return AKIN_OK;
    return index_create(r->ctx, &r->v, r->n_items, options, &r->index, err);
}

akin_status ranker_create_with(akin_ctx *ctx, const struct scorer *scorer,
                               const struct index_options *options, struct ranker **out,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    struct ranker *r = NULL;
    MEM_ZERO(ctx, r, 1);
    r->ctx = ctx;
    r->kern = ctx->kern;
    r->scorer = *scorer;
    r->n_items = scorer->n_items;
    AKIN_TRY(choose_mode(r, err));
    r->n_workers = par_workers(ctx);
    MEM_ZERO(ctx, r->worker, r->n_workers);
    MEM_NEW(ctx, r->order, r->n_items);
    AKIN_TRY(popularity_order(r, err));
    if (r->v.items) {
        if (!scorer->cls->similar)
            MEM_NEW(ctx, r->norm, r->n_items);
        MEM_NEW(ctx, r->packed, kern_packed_size(r->n_items, r->v.k));
        AKIN_TRY(par_for(ctx, par_blocks(r->n_items, PACK_ROWS), pack_block, r, err));
        AKIN_TRY(make_index(r, options, err));
    }
    *out = r;
    r = NULL;
done:
    ranker_free(r);
    return status;
}

akin_status ranker_create(akin_ctx *ctx, const struct scorer *scorer, struct ranker **out,
                          akin_error *err)
{
    return ranker_create_with(ctx, scorer, &(struct index_options){0}, out, err);
}

const struct index *ranker_index(const struct ranker *r)
{
    return r->index;
}

akin_status ranker_fork(const struct ranker *base, akin_ctx *ctx, struct ranker **out,
                        akin_error *err)
{
    akin_status status = AKIN_OK;
    struct ranker *r = NULL;
    MEM_NEW(ctx, r, 1);
    *r = *base;
    r->ctx = ctx;
    r->is_fork = true;
    r->n_workers = par_workers(ctx);
    r->worker = NULL;
    MEM_ZERO(ctx, r->worker, r->n_workers);
    *out = r;
    r = NULL;
done:
    ranker_free(r);
    return status;
}

static void worker_free(akin_ctx *ctx, struct rank_worker *w)
{
    if (w->is_ready) {
        arena_free(&w->scratch);
        arena_free(&w->own);
    }
    evidence_free(ctx, &w->ev);
    eligible_free(ctx, &w->eligible);
    mem_free(ctx, w->flip);
    mem_free(ctx, w->states);
    mem_free(ctx, w->scores);
    mem_free(ctx, w->rows);
    mem_free(ctx, w->panels);
    mem_free(ctx, w->one);
    mem_free(ctx, w->hits);
    mem_free(ctx, w->out);
    mem_free(ctx, w->in);
    index_scratch_free(w->search);
}

void ranker_free(struct ranker *r)
{
    if (!r)
        return;
    akin_ctx *ctx = r->ctx;
    for (int i = 0; r->worker && i < r->n_workers; i++)
        worker_free(ctx, &r->worker[i]);
    mem_free(ctx, r->worker);
    if (!r->is_fork) {
        index_free(r->index);
        mem_free(ctx, r->packed);
        mem_free(ctx, r->norm);
        mem_free(ctx, r->order);
    }
    mem_free(ctx, r);
}

/* Floats of the score tile: the widest that any way of ranking asks for. */
static int64_t scores_size(const struct ranker *r)
{
    int64_t size = r->v.items ? (int64_t)RANK_QUERIES * r->tile : 0;
    int64_t score = (int64_t)r->block * r->score_tile;
    return r->mode == RANK_SCORE && score > size ? score : size;
}

akin_status ranker_worker(struct ranker *r, int worker, struct rank_worker **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = r->ctx;
    struct rank_worker *w = &r->worker[worker];
    if (w->is_ready)
        goto done;
    int64_t k = r->v.items ? r->v.k : 0;
    if (!w->ev.value && r->mode == RANK_EVIDENCE)
        AKIN_TRY(evidence_init(ctx, r->n_items, &w->ev, err));
    if (!w->flip)
        MEM_ZERO(ctx, w->flip, ((int64_t)r->n_items + 63) / 64);
    NEW_ONCE(ctx, w->states, RANK_QUERIES * k);
    NEW_ONCE(ctx, w->scores, scores_size(r));
    NEW_ONCE(ctx, w->rows, RANK_GATHER * k);
    NEW_ONCE(ctx, w->panels, kern_packed_size(RANK_GATHER, k));
    NEW_ONCE(ctx, w->one, RANK_GATHER);
    NEW_ONCE(ctx, w->hits, RANK_SCAN);
    if (r->index && !w->search)
        AKIN_TRY(index_scratch_create(r->index, ctx, &w->search, err));
    arena_init(&w->scratch, ctx);
    arena_init(&w->own, ctx);
    w->is_ready = true;
done:
    if (status == AKIN_OK)
        *out = w;
    return status;
}

void rank_worker_reset(struct rank_worker *w)
{
    arena_reset_keep(&w->scratch);
}

int32_t ranker_block(const struct ranker *r, int64_t n)
{
    int64_t fair = par_blocks(n, r->n_workers);
    if (fair >= r->block)
        return r->block;
    return fair > 1 ? (int32_t)fair : 1;
}
