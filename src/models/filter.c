/*
 * Filters on the item graph (filter.h): sparse products in lanes, a low pass by gemm.
 *
 * Cost of a request: the first product of a history touches the users of its items and their items;
 * every further power of P all entries twice; the low pass n_items·k multiply-adds. Up to 8 askers
 * go through the products side by side for little more than one. Reasons are one filter of the item
 * asked about; they add up to the score but for rounding. Not done: scoring a part of the catalogue
 * for less than all of it.
 */
#include "models/filter.h"

#include "core/par.h"
#include "kern/kern.h"
#include "models/model_impl.h"
#include "models/neighbors.h"

#include <string.h>

enum { TILE = 1024, LANES = SPARSE_LANES };

/* Scratch of a product of some lanes. */
struct lanes {
    int n;        /* 1 or LANES */
    float *x;     /* (n_items, n) */
    float *sum;   /* (n_items, n) */
    float *users; /* (n_users, n) */
    float *out;   /* (n_items, n) */
};

/* sum = first·x + Σ_t coef[t]·x·P^(t+1); x is used up. */
static akin_status polynomial(akin_ctx *ctx, const struct graph *g, struct lanes *l, float first,
                              const float *coef, int degree, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t size = graph_items(g) * l->n;
    for (int64_t i = 0; i < size; i++)
        l->sum[i] = first * l->x[i];
    for (int t = 0; t < degree; t++) {
        AKIN_TRY(graph_step(ctx, g, l->n, l->x, l->users, l->out, err));
        for (int64_t i = 0; i < size; i++)
            l->sum[i] += coef[t] * l->x[i];
    }
done:
    return status;
}

/* ---- The low pass at fit ------------------------------------------------------------------- */

static inline int64_t packed_at(int64_t k, int64_t item, int64_t t)
{
    return (item / KERN_PANEL * k + t) * KERN_PANEL + item % KERN_PANEL;
}

struct low_job {
    struct filter *f;
    const struct svd *svd;
    const float *root; /* (n_items) d^-item_damping */
    const float *sharpen;
    int n_sharpen;
    double weight;
    struct lanes *lanes; /* (workers) */
    float *in, *out;     /* as the filter has them */
};

/* LANES vectors of the low pass through the polynomial. */
static akin_status low_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct low_job *job = arg;
    struct filter *f = job->f;
    struct lanes *l = &job->lanes[worker];
    int64_t k = f->k, lo = par_lo(block, LANES);
    int64_t n = par_hi(block, LANES, k) - lo;
    memset(l->x, 0, (size_t)f->n_items * LANES * sizeof *l->x);
    for (int64_t i = 0; i < f->n_items; i++)
        for (int64_t t = 0; t < n; t++) {
            double v = (double)job->svd->right[i * k + lo + t];
            double root = (double)job->root[i];
            l->x[i * LANES + t] = root > 0 ? (float)(job->weight * v / root) : 0.0F;
            job->in[i * k + lo + t] = (float)(root * v);
        }
    AKIN_TRY(polynomial(f->ctx, &f->graph, l, 1.0F, job->sharpen, job->n_sharpen, err));
    for (int64_t i = 0; i < f->n_items; i++)
        for (int64_t t = 0; t < n; t++)
            job->out[packed_at(k, i, lo + t)] = l->sum[i * LANES + t];
done:
    return status;
}

static akin_status lanes_new(const struct filter *f, int n, struct lanes *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t items = (int64_t)f->n_items * n;
    out->n = n;
    MEM_NEW(f->ctx, out->x, items);
    MEM_NEW(f->ctx, out->sum, items);
    MEM_NEW(f->ctx, out->out, items);
    MEM_NEW(f->ctx, out->users, f->graph.by_user.n_rows * n);
done:
    return status;
}

static void lanes_free(akin_ctx *ctx, struct lanes *l)
{
    mem_free(ctx, l->x);
    mem_free(ctx, l->sum);
    mem_free(ctx, l->out);
    mem_free(ctx, l->users);
}

static akin_status low_make(struct low_job *job, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct filter *f = job->f;
    int workers = par_workers(f->ctx);
    int64_t k = f->k = (int32_t)job->svd->k;
    MEM_NEW(f->ctx, job->in, f->n_items * k);
    f->in = job->in;
    MEM_ZERO(f->ctx, job->out, kern_packed_size(f->n_items, k));
    f->out = job->out;
    MEM_ZERO(f->ctx, job->lanes, workers);
    for (int w = 0; w < workers; w++)
        AKIN_TRY(lanes_new(f, LANES, &job->lanes[w], err));
    AKIN_TRY(par_for(f->ctx, par_blocks(k, LANES), low_block, job, err));
done:
    for (int w = 0; job->lanes && w < workers; w++)
        lanes_free(f->ctx, &job->lanes[w]);
    mem_free(f->ctx, job->lanes);
    return status;
}

akin_status filter_low_pass(struct filter *f, const struct low_pass *low, uint64_t seed,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    struct svd svd = {0};
    const float *root = NULL;
    AKIN_TRY(graph_svd(f->ctx, &f->graph, low->user, low->item, low->k, seed, &svd, err));
    AKIN_TRY(graph_damp(f->ctx, &f->graph.by_item, low->item, &root, err));
    struct low_job job = {.f = f,
                          .svd = &svd,
                          .root = root,
                          .sharpen = low->sharpen,
                          .n_sharpen = low->n_sharpen,
                          .weight = low->weight};
    AKIN_TRY(low_make(&job, err));
done:
    svd_free(f->ctx, &svd);
    model_free_array(f->ctx, root);
    return status;
}

/* ---- The asker ----------------------------------------------------------------------------- */

struct ask {
    const struct filter *f;
    struct lanes lanes;
    struct graph_row rows[LANES];
    float *state; /* (LANES, k) */
    float *tile;  /* (LANES, TILE) */
};

static akin_status ask_new(const struct filter *f, int lanes, struct arena *scratch,
                           struct ask *out, akin_error *err)
{
    int64_t items = (int64_t)f->n_items * lanes, size = sizeof(float);
    *out = (struct ask){.f = f, .lanes.n = lanes};
    out->lanes.x = arena_alloc(scratch, items, size, err);
    out->lanes.sum = arena_alloc(scratch, items, size, err);
    out->lanes.out = arena_alloc(scratch, items, size, err);
    out->lanes.users = arena_alloc(scratch, f->graph.by_user.n_rows * lanes, size, err);
    out->state = arena_alloc(scratch, (int64_t)lanes * f->k, size, err);
    out->tile = arena_alloc(scratch, (int64_t)lanes * TILE, size, err);
    bool has_all = out->lanes.x && out->lanes.sum && out->lanes.out && out->lanes.users &&
                   out->state && out->tile;
    return has_all ? AKIN_OK : AKIN_E_MEMORY;
}

/* Histories into lanes and states; lanes past n stay 0. */
static akin_status ask_rows(struct ask *a, const struct query *queries, int32_t n,
                            struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct filter *f = a->f;
    int lanes = a->lanes.n;
    memset(a->lanes.x, 0, (size_t)f->n_items * (size_t)lanes * sizeof(float));
    memset(a->state, 0, (size_t)lanes * (size_t)f->k * sizeof(float));
    for (int32_t q = 0; q < n; q++) {
        struct graph_row *row = &a->rows[q];
        AKIN_TRY(graph_row(&queries[q].hist, f->n_items, f->graph.is_binary, scratch, row, err));
        for (int32_t j = 0; j < row->n; j++) {
            a->lanes.x[(int64_t)row->item[j] * lanes + q] = row->weight[j];
            if (f->k > 0)
                f->ctx->kern->axpy(row->weight[j], f->in + (int64_t)row->item[j] * f->k,
                                   a->state + (int64_t)q * f->k, f->k);
        }
    }
done:
    return status;
}

/* Scores of the items [lo, lo + n) of a panel's start lo, n <= TILE, into the tile. */
static void low_tile(struct ask *a, int32_t m, int32_t lo, int32_t n)
{
    const struct filter *f = a->f;
    if (f->k > 0)
        f->ctx->kern->gemm(m, n, f->k, a->state, f->k, f->out + (int64_t)lo * f->k, a->tile, TILE,
                           0);
    else
        memset(a->tile, 0, (size_t)m * TILE * sizeof *a->tile);
    for (int32_t q = 0; q < m; q++)
        for (int32_t i = 0; i < n; i++)
            a->tile[q * TILE + i] += a->lanes.sum[(int64_t)(lo + i) * a->lanes.n + q];
}

static void give(struct ask *a, int32_t m, const struct item_set *set, float *out, int64_t ldo)
{
    int32_t lo, n;
    for (int32_t j = 0; set->ids && j < set->n; j++) {
        lo = set->ids[j] / KERN_PANEL * KERN_PANEL;
        low_tile(a, m, lo, set->ids[j] - lo + 1);
        for (int32_t q = 0; q < m; q++)
            out[q * ldo + j] = a->tile[q * TILE + set->ids[j] - lo];
    }
    for (int32_t at = set->lo; !set->ids && at < set->hi; at = lo + n) {
        lo = at / KERN_PANEL * KERN_PANEL;
        n = set->hi - lo < TILE ? set->hi - lo : TILE;
        low_tile(a, m, lo, n);
        for (int32_t q = 0; q < m; q++)
            memcpy(out + q * ldo + at - set->lo, a->tile + q * TILE + at - lo,
                   (size_t)(lo + n - at) * sizeof *out);
    }
    for (int32_t q = 0; q < m; q++)
        for (int32_t j = 0; a->rows[q].n == 0 && j < item_set_size(set); j++)
            out[q * ldo + j] = UNSCORED; /* nothing to go by */
}

akin_status filter_score(const void *self, const struct query *queries, int32_t n_queries,
                         const struct item_set *set, float *out, int64_t ldo, struct arena *scratch,
                         akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct filter *f = self;
    struct ask a;
    AKIN_TRY(ask_new(f, n_queries > 1 ? LANES : 1, scratch, &a, err));
    for (int32_t q = 0; q < n_queries; q += a.lanes.n) {
        int32_t m = n_queries - q < a.lanes.n ? n_queries - q : a.lanes.n;
        AKIN_TRY(ask_rows(&a, queries + q, m, scratch, err));
        AKIN_TRY(polynomial(f->ctx, &f->graph, &a.lanes, 0.0F, f->coef, f->degree, err));
        give(&a, m, set, out + q * ldo, ldo);
    }
done:
    return status;
}

akin_status filter_explain(const void *self, const struct query *q, int32_t item,
                           struct reason *out, int32_t max, int32_t *n, struct arena *scratch,
                           akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct filter *f = self;
    const struct graph flipped = graph_flip(&f->graph);
    struct ask a;
    *n = 0;
    AKIN_TRY(ask_new(f, 1, scratch, &a, err));
    AKIN_TRY(ask_rows(&a, q, 1, scratch, err));
    memset(a.lanes.x, 0, (size_t)f->n_items * sizeof(float));
    a.lanes.x[item] = 1.0F;
    AKIN_TRY(polynomial(f->ctx, &flipped, &a.lanes, 0.0F, f->coef, f->degree, err));
    for (int64_t t = 0; t < f->k; t++)
        a.state[t] = f->out[packed_at(f->k, item, t)];
    for (int32_t j = 0; j < a.rows[0].n; j++) {
        int64_t own = a.rows[0].item[j];
        float low = f->k > 0 ? f->ctx->kern->dot(f->in + own * f->k, a.state, f->k) : 0.0F;
        float x = a.rows[0].weight[j] * (a.lanes.sum[own] + low);
        if (x < 0.0F || x > 0.0F)
            *n = reason_put(out, max, *n, (int32_t)own, x);
    }
done:
    return status;
}

akin_status filter_similar(const void *self, int32_t item, struct evidence *out,
                           struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct filter *f = self;
    const struct query q = {.user = -1, .hist = {.n = 1, .item = &item}};
    const struct item_set all = {.lo = 0, .hi = f->n_items};
    float *score = arena_alloc(scratch, f->n_items, sizeof *score, err);
    if (!score)
        AKIN_TRY(AKIN_E_MEMORY);
    AKIN_TRY(filter_score(f, &q, 1, &all, score, f->n_items, scratch, err));
    for (int32_t i = 0; i < f->n_items; i++)
        if (i != item && score[i] > 0.0F)
            evidence_add(out, i, score[i]);
done:
    return status;
}

/* ---- Files --------------------------------------------------------------------------------- */

void filter_free(const struct model *m, struct filter *f)
{
    graph_free(m, &f->graph);
    if (m->file) /* else views into it */
        return;
    model_free_array(m->ctx, f->in);
    model_free_array(m->ctx, f->out);
}

akin_status filter_save(const struct filter *f, struct container_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t size = sizeof(float);
    AKIN_TRY(graph_save(w, &f->graph, err));
    if (f->k == 0)
        goto done;
    AKIN_TRY(
        container_add(w, "m.low.in", CONTAINER_REQUIRED, f->in, f->n_items * f->k * size, err));
    AKIN_TRY(container_add(w, "m.low.out", CONTAINER_REQUIRED, f->out,
                           kern_packed_size(f->n_items, f->k) * size, err));
done:
    return status;
}

akin_status filter_load(struct model *m, struct container *c, const struct graph_params *p,
                        double power, struct filter *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    const void *in;
    int64_t n;
    AKIN_TRY(graph_load(m, c, p, power, &f->graph, err));
    AKIN_TRY(container_get(c, "m.low.in", sizeof(float), true, &in, &n, err));
    if (n == 0)
        goto done;
    f->k = graph_width(n, f->n_items, INT16_MAX);
    AKIN_TRY(graph_load_floats(c, "m.low.in", (int64_t)f->n_items * f->k, &f->in, err));
    AKIN_TRY(graph_load_floats(c, "m.low.out", kern_packed_size(f->n_items, f->k), &f->out, err));
done:
    return status;
}
