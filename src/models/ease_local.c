/*
 * ease by neighbourhoods, for catalogues whose inverse is out of reach: column j of B is that of
 * the small problem over j and the items i of largest g_ij² / (g_ii + γ_i), which is what one alone
 * would take off the loss. With all items it is the exact column. Compare the local models of
 * Ning and Karypis 2011 (fsSLIM, doi:10.1109/ICDM.2011.134).
 *
 * Cost an item: most³/3 flops for a Cholesky factor, and `most` rows of G read once; most² floats a
 * worker. Items do not depend on each other.
 */
#include "core/par.h"
#include "models/ease_impl.h"
#include "solve/best.h"

#include <math.h>

enum { ITEMS = 4 }; /* of a block */

struct room {
    int32_t *set;   /* (most + 1) */
    int16_t *place; /* (n) all -1 between items */
    float *A;       /* (most + 1, most + 1) */
    float *p;       /* (most + 1) */
    uint64_t *keys; /* (2·(most + 1)) */
};

struct job {
    akin_ctx *ctx;
    const struct cooc_rows *G;
    const struct ease_reg *reg;
    int32_t most;
    struct room *room; /* (workers) */
    int64_t *at;       /* (n + 1) where a row may put its weights */
    int32_t *n;        /* (n) */
    int32_t *item;
    float *value;
    int32_t *bad; /* (blocks) the item of a block that cannot be solved, or -1 */
};

/* set = the neighbourhood, items ascending but j last; returns its size. */
static int32_t choose_set(const struct job *job, struct room *a, int32_t j)
{
    const struct cooc_rows *G = job->G;
    const int32_t *items = cooc_rows_items(G, j);
    const float *value = G->value + G->at[j];
    int64_t size = cooc_rows_size(G, j);
    struct best best = {.keys = a->keys, .k = job->most};
    for (int64_t t = 0; t < size; t++) {
        int32_t i = items ? items[t] : (int32_t)t;
        if (i == j || !(value[t] > 0))
            continue;
        double gain = (double)value[t] * (double)value[t];
        float key = (float)(gain / (double)(G->own[i] + ease_gamma(job->reg, G->own[i])));
        if (key > 0)
            best_add(&best, best_key(key, i));
    }
    int32_t n = best_take(&best);
    best_put(a->keys, n, a->set, a->p);
    a->set[n] = j;
    return n + 1;
}

/* The last column of the inverse into p; false if the matrix is singular in float. */
static bool solve_set(const struct job *job, struct room *a, int32_t n)
{
    const struct kern *kern = job->ctx->kern;
    const struct cooc_rows *G = job->G;
    cooc_rows_place(a->set, n, true, a->place);
    for (int32_t t = 0; t < n; t++) {
        cooc_rows_pick(G, a->set[t], a->set, n, a->place, a->A + (int64_t)t * n);
        a->A[(int64_t)t * n + t] += ease_gamma(job->reg, G->own[a->set[t]]);
        a->p[t] = 0;
    }
    cooc_rows_place(a->set, n, false, a->place);
    a->p[n - 1] = 1;
    if (kern->chol(n, a->A, n) != 0)
        return false;
    kern->chol_solve(n, a->A, n, a->p);
    return isfinite(a->p[n - 1]) && a->p[n - 1] > 0;
}

static void take_weights(struct job *job, const struct room *a, int32_t j, int32_t n)
{
    int32_t *item = job->item + job->at[j];
    float *value = job->value + job->at[j];
    float gamma = ease_gamma(job->reg, job->G->own[j]), own;
    float scale = ease_scale(job->reg, gamma, (double)a->p[n - 1], &own);
    int32_t m = 0, t = 0;
    for (; t < n - 1 && a->set[t] < j; t++) {
        item[m] = a->set[t];
        value[m] = -a->p[t] * scale;
        m += fabsf(value[m]) > 0;
    }
    if (own > 0) {
        item[m] = j;
        value[m++] = own;
    }
    for (; t < n - 1; t++) {
        item[m] = a->set[t];
        value[m] = -a->p[t] * scale;
        m += fabsf(value[m]) > 0;
    }
    job->n[j] = m;
}

static akin_status local_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct job *job = arg;
    struct room *a = &job->room[worker];
    int64_t lo = par_lo(block, ITEMS), hi = par_hi(block, ITEMS, job->G->n);
    job->bad[block] = -1;
    for (int64_t j = lo; j < hi; j++) {
        AKIN_TRY(ctx_check(job->ctx, err));
        int32_t n = choose_set(job, a, (int32_t)j);
        if (!solve_set(job, a, n)) {
            job->bad[block] = (int32_t)j;
            AKIN_FAIL(AKIN_E_INPUT, "the matrix of item %lld is singular", (long long)j);
        }
        take_weights(job, a, (int32_t)j, n);
    }
    progress_add(job->ctx, hi - lo);
done:
    return status;
}

static akin_status room_init(akin_ctx *ctx, int64_t n, int64_t most, struct room *a,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    MEM_NEW(ctx, a->set, most + 1);
    MEM_NEW(ctx, a->place, n);
    memset(a->place, 0xff, (size_t)n * sizeof *a->place);
    MEM_NEW(ctx, a->A, (most + 1) * (most + 1));
    MEM_NEW(ctx, a->p, most + 1);
    MEM_NEW(ctx, a->keys, 2 * (most + 1));
done:
    return status;
}

static void room_free(akin_ctx *ctx, struct room *a)
{
    mem_free(ctx, a->set);
    mem_free(ctx, a->place);
    mem_free(ctx, a->A);
    mem_free(ctx, a->p);
    mem_free(ctx, a->keys);
}

double ease_local_bytes(double n, double most, int workers)
{
    return workers * (4 * (most + 1) * (most + 8) + 2 * n) + 8 * n * (most + 1);
}

static akin_status local_start(struct job *job, int workers, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n = job->G->n;
    MEM_ZERO(job->ctx, job->room, workers);
    for (int w = 0; w < workers; w++)
        AKIN_TRY(room_init(job->ctx, n, job->most, &job->room[w], err));
    MEM_NEW(job->ctx, job->at, n + 1);
    MEM_NEW(job->ctx, job->n, n);
    MEM_NEW(job->ctx, job->bad, par_blocks(n, ITEMS));
    memset(job->bad, 0xff, (size_t)par_blocks(n, ITEMS) * sizeof *job->bad);
    job->at[0] = 0;
    for (int64_t j = 0; j < n; j++) {
        int64_t size = cooc_rows_size(job->G, j);
        job->at[j + 1] = job->at[j] + (size < job->most ? size : job->most) + 1;
    }
    MEM_NEW(job->ctx, job->item, job->at[n]);
    MEM_NEW(job->ctx, job->value, job->at[n]);
done:
    return status;
}

akin_status ease_local(akin_ctx *ctx, const struct cooc_rows *G, const struct ease_reg *reg,
                       int32_t most, struct csr *out, int32_t *pivot, akin_error *err)
{
    akin_status status = AKIN_OK;
    int workers = par_workers(ctx);
    int64_t n_blocks = par_blocks(G->n, ITEMS);
    struct job job = {.ctx = ctx, .G = G, .reg = reg, .most = most};
    *out = (struct csr){0};
    *pivot = -1;
    AKIN_TRY(local_start(&job, workers, err));
    status = par_for(ctx, n_blocks, local_block, &job, err);
    for (int64_t b = 0; b < n_blocks && *pivot < 0; b++)
        *pivot = job.bad[b];
    AKIN_TRY(status);
    AKIN_TRY(best_close(ctx, G->n, G->n, job.at, job.n, &job.item, &job.value, out, err));
done:
    for (int w = 0; job.room && w < workers; w++)
        room_free(ctx, &job.room[w]);
    mem_free(ctx, job.room);
    mem_free(ctx, job.at);
    mem_free(ctx, job.n);
    mem_free(ctx, job.bad);
    mem_free(ctx, job.item);
    mem_free(ctx, job.value);
    return status;
}
