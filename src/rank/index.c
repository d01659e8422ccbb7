/*
 * The index's life: items by length, dealt to lists, laid out in panels, quantised.
 *
 * Cost: O(items · k); sorting is by radix, stable, so that equal lengths stay in the order of their
 * numbers. Beside what it keeps a build holds some 20 bytes an item. Not done: updates in place; a
 * changed catalogue is a new index.
 */
#include "rank/index_impl.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum {
    ITEM_BLOCK = 4096,
    PANEL_BLOCK = 256,
    DIMS_MAX = 65000, /* of the sums of bytes */
    LIST_ITEMS = 16   /* lists have more items than this on average: a panel each */
};

struct build {
    struct index *ix;
    float *norm;      /* (n_items), -1 = wild */
    int32_t *order;   /* (n) longest first */
    int32_t *spare;   /* (n) */
    int32_t *list_of; /* (n_items) */
    int32_t n;        /* not wild */
};

static akin_status norm_block(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)worker;
    (void)err;
    struct build *b = arg;
    int64_t hi = par_hi(block, ITEM_BLOCK, b->ix->n_items);
    for (int64_t i = par_lo(block, ITEM_BLOCK); i < hi; i++) {
        if (index_is_wild(b->ix, (int32_t)i, &b->norm[i]))
            b->norm[i] = -1.0f;
    }
    return AKIN_OK;
}

/* Lengths are >= 0, so that their bits have their order; inverted: longest first. */
static uint32_t sort_key(const struct build *b, int32_t item)
{
    uint32_t bits;
    memcpy(&bits, &b->norm[item], sizeof bits);
    return ~bits;
}

static void sort_by_norm(struct build *b)
{
    for (int shift = 0; shift < 32; shift += 8) {
        int32_t at[257] = {0};
        for (int32_t i = 0; i < b->n; i++)
            at[(sort_key(b, b->order[i]) >> shift & 255) + 1]++;
        for (int d = 0; d < 256; d++)
            at[d + 1] += at[d];
        for (int32_t i = 0; i < b->n; i++)
            b->spare[at[sort_key(b, b->order[i]) >> shift & 255]++] = b->order[i];
        int32_t *swap = b->order;
        b->order = b->spare;
        b->spare = swap;
    }
}

static akin_status order_items(struct build *b, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct index *ix = b->ix;
    MEM_NEW(ix->ctx, b->norm, ix->n_items);
    MEM_NEW(ix->ctx, b->order, ix->n_items);
    MEM_NEW(ix->ctx, b->spare, ix->n_items);
    AKIN_TRY(par_for(ix->ctx, par_blocks(ix->n_items, ITEM_BLOCK), norm_block, b, err));
    for (int32_t i = 0; i < ix->n_items; i++) {
        if (b->norm[i] < 0.0f)
            ix->n_wild++;
        else
            b->order[b->n++] = i;
    }
    MEM_NEW(ix->ctx, ix->wild, ix->n_wild);
    int32_t n = 0;
    for (int32_t i = 0; i < ix->n_items; i++) {
        if (b->norm[i] < 0.0f)
            ix->wild[n++] = i;
    }
    sort_by_norm(b);
done:
    return status;
}

/* Items of a list keep the order by length; each list begins a panel. */
static akin_status lay_out(struct build *b, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct index *ix = b->ix;
    struct index_panels *p = &ix->panels;
    int64_t *at = NULL; /* (n_lists) next free slot */
    MEM_ZERO(ix->ctx, ix->list, ix->n_lists + 1);
    MEM_ZERO(ix->ctx, at, ix->n_lists);
    for (int32_t i = 0; i < b->n; i++)
        at[ix->n_lists > 1 ? b->list_of[b->order[i]] : 0]++;
    for (int32_t l = 0; l < ix->n_lists; l++) {
        ix->list[l + 1] = ix->list[l] + (at[l] + KERN_PANEL - 1) / KERN_PANEL;
        at[l] = ix->list[l] * KERN_PANEL;
    }
    p->n = ix->list[ix->n_lists];
    p->quads = (ix->dims + 3) / 4;
    MEM_NEW(ix->ctx, p->ids, p->n * KERN_PANEL);
    memset(p->ids, 0xff, (size_t)(p->n * KERN_PANEL) * sizeof *p->ids);
    for (int32_t i = 0; i < b->n; i++)
        p->ids[at[ix->n_lists > 1 ? b->list_of[b->order[i]] : 0]++] = b->order[i];
    MEM_NEW(ix->ctx, p->codes, p->n * KERN_PANEL * p->quads * 4);
    MEM_NEW(ix->ctx, p->inverse, p->n);
    MEM_NEW(ix->ctx, p->rest, p->n);
    MEM_NEW(ix->ctx, p->length, p->n);
    MEM_NEW(ix->ctx, p->norm, p->n);
    MEM_NEW(ix->ctx, p->least, p->n);
    ix->bytes = p->n * (KERN_PANEL * (p->quads * 4 + (int64_t)sizeof *p->ids) +
                        5 * (int64_t)sizeof *p->norm) +
                ix->n_wild * (int64_t)sizeof *ix->wild +
                (ix->n_lists + 1) * (int64_t)sizeof *ix->list + (int64_t)sizeof *ix;
    if (ix->centroids)
        ix->bytes += kern_packed_size(ix->n_lists, ix->dims) * (int64_t)sizeof *ix->centroids;
done:
    mem_free(ix->ctx, at);
    return status;
}

static akin_status quantise_block(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)worker;
    (void)err;
    struct index *ix = arg;
    index_quantise(ix, par_lo(block, PANEL_BLOCK), par_hi(block, PANEL_BLOCK, ix->panels.n));
    return AKIN_OK;
}

static akin_status check_options(const struct item_vectors *v, int32_t n_items,
                                 const struct index_options *o, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (v->k < 0 || v->k >= DIMS_MAX)
        AKIN_FAIL(AKIN_E_LIMIT, "index: %d factors (must be 0..%d)", v->k, DIMS_MAX - 1);
    if (n_items < 0)
        AKIN_FAIL(AKIN_E_ARG, "index: %d items (must be >= 0)", n_items);
    if (!(o->recall >= 0.0 && o->recall <= 1.0))
        AKIN_FAIL(AKIN_E_ARG, "index: recall=%g (must be 0..1)", o->recall);
    if (o->n_lists < 0 || o->n_lists > INT32_MAX)
        AKIN_FAIL(AKIN_E_ARG, "index: n_lists=%" PRId64 " (must be 0..%d)", o->n_lists, INT32_MAX);
    if (o->n_probe < 0 || o->ivf_min < 0 || o->n_askers < 0)
        AKIN_FAIL(AKIN_E_ARG,
                  "index: n_probe=%" PRId64 ", ivf_min=%" PRId64 ", n_askers=%" PRId64
                  " (must be >= 0)",
                  o->n_probe, o->ivf_min, o->n_askers);
done:
    return status;
}

/* Lists for n items; 1 = exact. */
static int32_t count_lists(const struct index_options *o, int32_t n)
{
    int64_t most = n / LIST_ITEMS;
    int64_t lists = o->n_lists ? o->n_lists : (int64_t)(4.0 * sqrt((double)n));
    if (o->ivf_min == 0 || n < o->ivf_min)
        return 1;
    lists = lists < most ? lists : most;
    return lists > 1 ? (int32_t)lists : 1;
}

akin_status index_create(akin_ctx *ctx, const struct item_vectors *v, int32_t n_items,
                         const struct index_options *options, struct index **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct index *ix = NULL;
    struct build b = {0};
    *out = NULL;
    AKIN_TRY(check_options(v, n_items, options, err));
    MEM_ZERO(ctx, ix, 1);
    ix->ctx = ctx;
    ix->kern = ctx->kern;
    ix->v = *v;
    ix->n_items = n_items;
    ix->dims = v->k + (v->bias ? 1 : 0);
    ix->n_probe = 1;
    ix->recall = 1.0;
    b.ix = ix;
    AKIN_TRY(order_items(&b, err));
    ix->n_lists = count_lists(options, b.n);
    if (ix->n_lists > 1) {
        MEM_NEW(ctx, b.list_of, n_items);
        memset(b.list_of, 0xff, (size_t)n_items * sizeof *b.list_of); /* wild: in none */
        AKIN_TRY(index_cluster(ix, options->seed, b.order, b.n, b.list_of, err));
    }
    AKIN_TRY(lay_out(&b, err));
    AKIN_TRY(par_for(ctx, par_blocks(ix->panels.n, PANEL_BLOCK), quantise_block, ix, err));
    if (ix->n_lists > 1)
        AKIN_TRY(index_measure(ix, options, b.list_of, err));
    *out = ix;
    ix = NULL;
done:
    mem_free(ctx, b.norm);
    mem_free(ctx, b.order);
    mem_free(ctx, b.spare);
    mem_free(ctx, b.list_of);
    index_free(ix);
    return status;
}

void index_free(struct index *ix)
{
    if (!ix)
        return;
    akin_ctx *ctx = ix->ctx;
    mem_free(ctx, ix->panels.codes);
    mem_free(ctx, ix->panels.ids);
    mem_free(ctx, ix->panels.inverse);
    mem_free(ctx, ix->panels.rest);
    mem_free(ctx, ix->panels.length);
    mem_free(ctx, ix->panels.norm);
    mem_free(ctx, ix->panels.least);
    mem_free(ctx, ix->wild);
    mem_free(ctx, ix->list);
    mem_free(ctx, ix->centroids);
    mem_free(ctx, ix);
}

int64_t index_bytes(const struct index *ix)
{
    return ix->bytes;
}

double index_recall(const struct index *ix)
{
    return ix->recall;
}

int64_t index_lists(const struct index *ix)
{
    return ix->n_lists;
}

int64_t index_probes(const struct index *ix)
{
    return ix->n_probe;
}

akin_status index_scratch_create(const struct index *ix, akin_ctx *ctx, struct index_scratch **out,
                                 akin_error *err)
{
    akin_status status = AKIN_OK;
    struct index_scratch *s = NULL;
    *out = NULL;
    MEM_ZERO(ctx, s, 1);
    s->ctx = ctx;
    MEM_NEW(ctx, s->codes, INDEX_ASKERS * ix->panels.quads * 4);
    MEM_NEW(ctx, s->least, INDEX_ASKERS * INDEX_CHUNK);
    MEM_NEW(ctx, s->hits, INDEX_ASKERS * INDEX_CHUNK);
    MEM_NEW(ctx, s->rows, INDEX_GATHER * (int64_t)ix->v.k);
    MEM_NEW(ctx, s->packed, kern_packed_size(INDEX_GATHER, ix->v.k));
    if (ix->n_lists > 1) {
        MEM_NEW(ctx, s->asker, ix->dims);
        MEM_NEW(ctx, s->near, ix->n_lists);
        MEM_NEW(ctx, s->order, ix->n_lists);
    }
    *out = s;
    s = NULL;
done:
    index_scratch_free(s);
    return status;
}

void index_scratch_free(struct index_scratch *s)
{
    if (!s)
        return;
    akin_ctx *ctx = s->ctx;
    mem_free(ctx, s->codes);
    mem_free(ctx, s->least);
    mem_free(ctx, s->hits);
    mem_free(ctx, s->rows);
    mem_free(ctx, s->packed);
    mem_free(ctx, s->asker);
    mem_free(ctx, s->near);
    mem_free(ctx, s->order);
    mem_free(ctx, s);
}
