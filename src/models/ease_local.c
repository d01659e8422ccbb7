/*
 * ease by neighbourhoods, for catalogues whose inverse is out of reach: column j of B is that of
 * the small problem over j and the items i of largest g_ij² / (g_ii + γ_i), which is what one alone
 * would take off the loss. With all items it is the exact column. Compare the local models of
 * Ning and Karypis 2011 (fsSLIM, doi:10.1109/ICDM.2011.134).
 *
 * G is never held whole: the neighbourhoods come from its rows one by one; then items are solved in
 * batches, each with the part of G over the union of its neighbourhoods, as many as the room for G
 * takes. Items come in the order of a walk from neighbour to neighbour, so that those of a batch
 * share many. Batches change what is computed twice, never a result.
 *
 * Cost: the products of G once, then twice over each batch's items; an item most³/3 flops for a
 * Cholesky factor, and `most` half rows of G read once. Memory: 16 bytes an item and neighbour, of
 * which the room for G is one half; most² floats a worker. Not done: one factor for several items.
 */
#include "core/par.h"
#include "models/ease_impl.h"
#include "models/model_impl.h"
#include "solve/cooc_part.h"
#include "solve/cooc_rows.h"

#include <math.h>
#include <string.h>

enum { ITEMS = 4 }; /* of a block */

struct room {
    int32_t *set;   /* (most + 1) */
    int16_t *place; /* (n) all -1 between items */
    float *A;       /* (most + 1, most + 1) */
    float *p;       /* (most + 1) */
};

struct job {
    akin_ctx *ctx;
    const struct model *owner;
    const struct ease_reg *reg;
    int64_t n;
    struct csr near; /* (n, n) the neighbourhoods; values become weights */
    float *own;      /* (n) b_jj */
    int32_t *order;  /* (n_order) items with events, as they are solved */
    int64_t n_order;
    int32_t *spot; /* (n) an item's number in the part, -1 = not there */
    int32_t *part; /* (n) items of the part, ascending */
    int64_t n_part;
    int64_t lo, hi;     /* the batch: places in order */
    struct cooc_rows G; /* over the part, half rows */
    struct arena arena; /* of rooms */
    struct room *room;  /* (workers) */
};

/* ---- Neighbourhoods ------------------------------------------------------------------------ */

/* What each item of a row alone would take off the loss; cost (n) = g_ii + γ_i. */
static void measure_gain(const void *arg, const struct cooc_row *row, float *out)
{
    const float *cost = arg;
    for (int32_t t = 0; t < row->n; t++) {
        double x = row->sum ? (double)row->sum[t] : (double)row->count[t];
        out[t] = (float)(x * x / (double)cost[cooc_item(row, t)]);
    }
}

static akin_status choose_sets(struct job *job, const struct cooc *g, int32_t most, akin_error *err)
{
    akin_status status = AKIN_OK;
    float *cost = NULL;
    MEM_NEW(job->ctx, cost, job->n);
    cooc_own(g, cost);
    for (int64_t i = 0; i < job->n; i++)
        cost[i] += ease_gamma(job->reg, cost[i]);
    AKIN_TRY(cooc_top(job->ctx, g, most, measure_gain, cost, &job->near, err));
done:
    mem_free(job->ctx, cost);
    return status;
}

/* Items with events, breadth first from neighbour to neighbour; how many. seen (n) all 0. */
static int64_t walk(const struct csr *by_item, const struct csr *near, uint8_t *seen,
                    int32_t *order)
{
    int64_t head = 0, tail = 0;
    for (int64_t seed = 0; seed < near->n_rows; seed++) {
        if (!seen[seed] && by_item->ptr[seed + 1] > by_item->ptr[seed])
            order[tail++] = (int32_t)seed;
        seen[seed] = 1;
        for (; head < tail; head++)
            for (int64_t e = near->ptr[order[head]]; e < near->ptr[order[head] + 1]; e++) {
                order[tail] = near->col[e];
                tail += !seen[near->col[e]];
                seen[near->col[e]] = 1;
            }
    }
    return tail;
}

/* ---- Batches ------------------------------------------------------------------------------- */

static void part_add(struct job *job, int32_t item)
{
    if (job->spot[item] < 0)
        job->part[job->n_part++] = item;
    job->spot[item] = 0;
}

/* Everything at once. */
static void take_rest(struct job *job)
{
    for (int32_t i = 0; i < job->n; i++)
        job->part[i] = job->spot[i] = i;
    job->n_part = job->n;
    job->hi = job->n_order;
}

/* The next batch: items while the union of their neighbourhoods is at most `most`, at least one. */
static void take_batch(struct job *job, int64_t most)
{
    memset(job->spot, 0xff, (size_t)job->n * sizeof *job->spot);
    job->n_part = 0;
    for (job->hi = job->lo; job->hi < job->n_order; job->hi++) {
        int64_t before = job->n_part;
        int32_t j = job->order[job->hi];
        part_add(job, j);
        for (int64_t e = job->near.ptr[j]; e < job->near.ptr[j + 1]; e++)
            part_add(job, job->near.col[e]);
        if (job->n_part > most && job->hi > job->lo) {
            while (job->n_part > before)
                job->spot[job->part[--job->n_part]] = -1;
            break;
        }
    }
    int32_t n = 0;
    for (int32_t i = 0; i < job->n; i++)
        if (job->spot[i] >= 0) {
            job->part[n] = i;
            job->spot[i] = n++;
        }
}

/* The last column of the inverse into p; false if the matrix is singular in float. */
static bool solve_set(const struct job *job, struct room *a, int32_t n)
{
    const struct kern *kern = job->ctx->kern;
    const struct cooc_rows *G = &job->G;
    float *last = a->A + (int64_t)(n - 1) * n;
    cooc_rows_place(a->set, n, true, a->place);
    for (int32_t t = 0; t < n; t++) {
        float *row = a->A + (int64_t)t * n;
        cooc_rows_pick(G, a->set[t], a->set, n, a->place, row);
        if (t < n - 1 && a->set[t] > a->set[n - 1]) /* whose half row has the pair */
            a->p[t] = row[n - 1];
        row[t] += ease_gamma(job->reg, G->own[a->set[t]]);
    }
    cooc_rows_place(a->set, n, false, a->place);
    for (int32_t t = 0; t < n - 1; t++) {
        if (a->set[t] > a->set[n - 1])
            last[t] = a->p[t];
        a->p[t] = 0;
    }
    a->p[n - 1] = 1;
    if (kern->chol(n, a->A, n) != 0)
        return false;
    kern->chol_solve(n, a->A, n, a->p);
    return isfinite(a->p[n - 1]) && a->p[n - 1] > 0;
}

static akin_status solve_item(struct job *job, struct room *a, int32_t j, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t at = job->near.ptr[j];
    int32_t n = (int32_t)(job->near.ptr[j + 1] - at), self = job->spot[j];
    for (int32_t t = 0; t < n; t++)
        a->set[t] = job->spot[job->near.col[at + t]];
    a->set[n] = self; /* last, whatever its number */
    if (!solve_set(job, a, n + 1))
        AKIN_TRY(ease_refuse(job->owner, j, err));
    float gamma = ease_gamma(job->reg, job->G.own[self]);
    float scale = ease_scale(job->reg, gamma, (double)a->p[n], &job->own[j]);
    for (int32_t t = 0; t < n; t++)
        job->near.val[at + t] = -a->p[t] * scale;
done:
    return status;
}

static akin_status solve_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct job *job = arg;
    int64_t lo = job->lo + par_lo(block, ITEMS),
            hi = job->lo + par_hi(block, ITEMS, job->hi - job->lo);
    for (int64_t t = lo; t < hi; t++) {
        AKIN_TRY(ctx_check(job->ctx, err));
        AKIN_TRY(solve_item(job, &job->room[worker], job->order[t], err));
    }
    progress_add(job->ctx, hi - lo);
done:
    return status;
}

/* Solves the batch unless its part of G takes more than most_bytes; *took says what it takes. */
static akin_status solve_batch(struct job *job, const struct cooc *g, int64_t most_bytes,
                               int64_t *took, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct cooc_part part = {0};
    AKIN_TRY(cooc_part_create(job->ctx, g, job->part, job->n_part, &part, err));
    AKIN_TRY(cooc_rows_create(job->ctx, &part.g, true, most_bytes, &job->G, err));
    cooc_part_free(job->ctx, &part);
    *took = cooc_rows_bytes(&job->G);
    if (job->G.value)
        AKIN_TRY(par_for(job->ctx, par_blocks(job->hi - job->lo, ITEMS), solve_block, job, err));
done:
    cooc_part_free(job->ctx, &part);
    cooc_rows_free(job->ctx, &job->G);
    return status;
}

/* Pairs grow with the square of the items: each batch says how many the next may have. */
static akin_status solve_all(struct job *job, const struct cooc *g, int64_t most_bytes,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t most = job->n, took = 0;
    for (job->lo = 0; job->lo < job->n_order;) {
        if (most >= job->n) /* X is then shared, not copied */
            take_rest(job);
        else
            take_batch(job, most);
        bool is_one = job->hi - job->lo == 1;
        AKIN_TRY(solve_batch(job, g, is_one ? INT64_MAX : most_bytes, &took, err));
        if (is_one || took <= most_bytes)
            job->lo = job->hi;
        double fit = (double)most_bytes / (double)(took > 0 ? took : 1);
        most = (int64_t)(0.9 * sqrt(fit) * (double)job->n_part);
    }
done:
    return status;
}

/* ---- All items ----------------------------------------------------------------------------- */

/* Weights that are not 0, with b_jj among them, as rows of their own. */
static akin_status take_weights(struct job *job, struct csr *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct csr *near = &job->near;
    int64_t to = 0, size = 0;
    *out = (struct csr){.n_rows = job->n, .n_cols = job->n};
    for (int64_t e = 0; e < csr_nnz(near); e++)
        size += fabsf(near->val[e]) > 0;
    for (int64_t j = 0; j < job->n; j++)
        size += job->own[j] > 0;
    MEM_NEW(job->ctx, out->ptr, job->n + 1);
    MEM_NEW(job->ctx, out->col, size);
    MEM_NEW(job->ctx, out->val, size);
    for (int64_t j = 0; j < job->n; j++) {
        bool is_due = job->own[j] > 0;
        out->ptr[j] = to;
        for (int64_t e = near->ptr[j]; e <= near->ptr[j + 1]; e++) {
            bool is_end = e == near->ptr[j + 1];
            if (is_due && (is_end || near->col[e] > j)) {
                out->col[to] = (int32_t)j;
                out->val[to++] = job->own[j];
                is_due = false;
            }
            if (!is_end && fabsf(near->val[e]) > 0) {
                out->col[to] = near->col[e];
                out->val[to++] = near->val[e];
            }
        }
    }
    out->ptr[job->n] = to;
done:
    return status;
}

static akin_status room_init(struct arena *arena, int64_t n, int64_t most, struct room *a,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    ARENA_NEW(arena, a->set, most + 1);
    ARENA_NEW(arena, a->place, n);
    memset(a->place, 0xff, (size_t)n * sizeof *a->place);
    ARENA_NEW(arena, a->A, (most + 1) * (most + 1));
    ARENA_NEW(arena, a->p, most + 1);
done:
    return status;
}

static akin_status local_start(struct job *job, const struct csr *by_item, int32_t most,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    int workers = par_workers(job->ctx);
    uint8_t *seen = NULL;
    MEM_ZERO(job->ctx, job->own, job->n);
    MEM_NEW(job->ctx, job->order, job->n + 1); /* one is written past the last */
    MEM_NEW(job->ctx, job->spot, job->n);
    MEM_NEW(job->ctx, job->part, job->n);
    MEM_ZERO(job->ctx, seen, job->n);
    job->n_order = walk(by_item, &job->near, seen, job->order);
    ARENA_NEW(&job->arena, job->room, workers);
    for (int w = 0; w < workers; w++)
        AKIN_TRY(room_init(&job->arena, job->n, most, &job->room[w], err));
done:
    mem_free(job->ctx, seen);
    return status;
}

akin_status ease_local(const struct model *owner, const struct cooc *g, const struct ease_reg *reg,
                       int32_t most, int64_t least_room, struct csr *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct job job = {.ctx = owner->ctx, .owner = owner, .reg = reg, .n = g->by_user->n_cols};
    struct csr by_target = {0};
    arena_init(&job.arena, job.ctx);
    *out = (struct csr){0};
    AKIN_TRY(choose_sets(&job, g, most, err));
    AKIN_TRY(local_start(&job, g->by_item, most, err));
    int64_t room = 8 * csr_nnz(&job.near);
    progress_begin(job.ctx, "ease", job.n_order);
    status = solve_all(&job, g, room > least_room ? room : least_room, err);
    progress_end(job.ctx);
    AKIN_TRY(status);
    arena_free(&job.arena);
    AKIN_TRY(take_weights(&job, &by_target, err));
    csr_free(job.ctx, &job.near);
    AKIN_TRY(csr_transpose(job.ctx, &by_target, out, err));
done:
    arena_free(&job.arena);
    csr_free(job.ctx, &by_target);
    csr_free(job.ctx, &job.near);
    mem_free(job.ctx, job.own);
    mem_free(job.ctx, job.order);
    mem_free(job.ctx, job.spot);
    mem_free(job.ctx, job.part);
    return status;
}

double ease_local_bytes(double n, double nnz, double most, double pairs, int workers)
{
    double weights = 8 * n * most;
    double room = weights > EASE_LEAST_ROOM ? weights : EASE_LEAST_ROOM;
    double rows = 4 * pairs < room ? 4 * pairs : room + 12 * nnz; /* and a part of X */
    double rooms = workers * (4 * (most + 1) * (most + 2) + 2 * n);
    return weights + (rows + rooms > weights ? rows + rooms : weights) + 32 * n;
}
