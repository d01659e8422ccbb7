/*
 * ease by neighbourhoods, for catalogues whose inverse is out of reach: column j of B is that of
 * the small problem over j and the items i of largest g_ij² / (g_ii + γ_i), which is what one alone
 * would take off the loss. With all items it is the exact column. Compare the local models of
 * Ning and Karypis 2011 (fsSLIM, doi:10.1109/ICDM.2011.134).
 *
 * G is held only as far as there is room: the neighbourhoods come from its rows one by one; then
 * the pairs of the most popular items are kept, of as many of them as fit, and those of the others
 * are added up from their users whenever they are asked for, which are few. Items are numbered by
 * popularity, so that half rows do: a rare item's has its pairs with all that are more popular. No
 * bit depends on what is kept.
 *
 * Cost: the products of G once, and twice of what is kept; an item most³/3 flops for a Cholesky
 * factor, and `most` half rows of G. Memory: 16 bytes an item and neighbour, of which the room for
 * G is one half; most² floats a worker; X once more. Not done: one factor for several items.
 */
#include "core/par.h"
#include "models/ease_impl.h"
#include "models/model_impl.h"
#include "solve/best.h"
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

/* Items are numbers by popularity, but for those of `item` and of the result. */
struct job {
    akin_ctx *ctx;
    const struct model *owner;
    const struct ease_reg *reg;
    int64_t n;
    int32_t *item;         /* (n) items with events, the most popular first */
    struct cooc_part part; /* G over them */
    float *diag;           /* (n) its diagonal */
    struct csr near;       /* (n, n) the neighbourhoods; values become weights */
    float *own;            /* (n) b_jj */
    struct cooc_rows kept; /* half rows of the most popular */
    struct arena arena;    /* of rooms */
    struct room *room;     /* (workers) */
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

/* Items with events, by how many. */
static akin_status number_items(struct job *job, const struct csr *by_item, akin_error *err)
{
    akin_status status = AKIN_OK;
    uint64_t *keys = NULL;
    float *count = NULL;
    MEM_NEW(job->ctx, keys, by_item->n_rows);
    MEM_NEW(job->ctx, count, by_item->n_rows);
    for (int32_t i = 0; i < by_item->n_rows; i++)
        if (by_item->ptr[i + 1] > by_item->ptr[i])
            keys[job->n++] = best_key((float)(by_item->ptr[i + 1] - by_item->ptr[i]), i);
    MEM_NEW(job->ctx, job->item, job->n);
    best_list(keys, (int32_t)job->n, job->item, count);
done:
    mem_free(job->ctx, keys);
    mem_free(job->ctx, count);
    return status;
}

static akin_status choose_sets(struct job *job, int32_t most, akin_error *err)
{
    akin_status status = AKIN_OK;
    float *cost = NULL;
    MEM_NEW(job->ctx, job->diag, job->n);
    MEM_NEW(job->ctx, cost, job->n);
    cooc_own(&job->part.g, job->diag);
    for (int64_t i = 0; i < job->n; i++)
        cost[i] = job->diag[i] + ease_gamma(job->reg, job->diag[i]);
    AKIN_TRY(cooc_top(job->ctx, &job->part.g, most, measure_gain, cost, &job->near, err));
done:
    mem_free(job->ctx, cost);
    return status;
}

/* Half rows of as many of the most popular as fit. */
static akin_status keep_rows(struct job *job, int64_t room, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct cooc_part part = {0};
    int32_t *number = NULL;
    MEM_NEW(job->ctx, number, job->n);
    for (int32_t i = 0; i < job->n; i++)
        number[i] = i;
    for (int64_t n = job->n;; n /= 2) {
        AKIN_TRY(cooc_part_create(job->ctx, &job->part.g, number, n, &part, err));
        AKIN_TRY(cooc_rows_create(job->ctx, &part.g, true, room, &job->kept, err));
        cooc_part_free(job->ctx, &part);
        if (job->kept.value)
            break;
        cooc_rows_free(job->ctx, &job->kept);
    }
done:
    cooc_part_free(job->ctx, &part);
    mem_free(job->ctx, number);
    return status;
}

/* ---- Items --------------------------------------------------------------------------------- */

/* The last column of the inverse into p; false if the matrix is singular in float. */
static bool solve_set(const struct job *job, struct room *a, int32_t n)
{
    const struct kern *kern = job->ctx->kern;
    float *last = a->A + (int64_t)(n - 1) * n;
    cooc_rows_place(a->set, n, true, a->place);
    for (int32_t t = 0; t < n; t++) {
        float *row = a->A + (int64_t)t * n;
        if (a->set[t] < job->kept.n)
            cooc_rows_pick(&job->kept, a->set[t], a->set, n, a->place, row);
        else
            cooc_rows_make(&job->part.g, a->set[t], n, a->place, row);
        if (t < n - 1 && a->set[t] > a->set[n - 1]) /* whose half row has the pair */
            a->p[t] = row[n - 1];
        row[t] += ease_gamma(job->reg, job->diag[a->set[t]]);
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
    int32_t n = (int32_t)(job->near.ptr[j + 1] - at);
    memcpy(a->set, job->near.col + at, (size_t)n * sizeof *a->set);
    a->set[n] = j; /* last, whatever its number */
    if (!solve_set(job, a, n + 1))
        AKIN_TRY(ease_refuse(job->owner, job->item[j], err));
    float gamma = ease_gamma(job->reg, job->diag[j]);
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
    int64_t lo = par_lo(block, ITEMS), hi = par_hi(block, ITEMS, job->n);
    for (int64_t j = lo; j < hi; j++) {
        AKIN_TRY(ctx_check(job->ctx, err));
        AKIN_TRY(solve_item(job, &job->room[worker], (int32_t)j, err));
    }
    progress_add(job->ctx, hi - lo);
done:
    return status;
}

/* ---- All items ----------------------------------------------------------------------------- */

/* Weights that are not 0 and b_jj by items, rows in no order. */
static akin_status take_weights(struct job *job, int64_t n_items, struct csr *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct csr *near = &job->near;
    int32_t *number = NULL;
    int64_t to = 0, size = 0;
    *out = (struct csr){.n_rows = n_items, .n_cols = n_items};
    for (int64_t e = 0; e < csr_nnz(near); e++)
        size += fabsf(near->val[e]) > 0;
    for (int64_t j = 0; j < job->n; j++)
        size += job->own[j] > 0;
    MEM_NEW(job->ctx, out->ptr, n_items + 1);
    MEM_NEW(job->ctx, out->col, size + 1); /* one may be written past the last */
    MEM_NEW(job->ctx, out->val, size + 1);
    MEM_NEW(job->ctx, number, n_items);
    memset(number, 0xff, (size_t)n_items * sizeof *number);
    for (int32_t j = 0; j < job->n; j++)
        number[job->item[j]] = j;
    for (int64_t i = 0; i < n_items; i++) {
        int32_t j = number[i];
        out->ptr[i] = to;
        for (int64_t e = j < 0 ? 0 : near->ptr[j]; j >= 0 && e < near->ptr[j + 1]; e++) {
            out->col[to] = job->item[near->col[e]];
            out->val[to] = near->val[e];
            to += fabsf(near->val[e]) > 0;
        }
        if (j >= 0 && job->own[j] > 0) {
            out->col[to] = (int32_t)i;
            out->val[to++] = job->own[j];
        }
    }
    out->ptr[n_items] = to;
done:
    mem_free(job->ctx, number);
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

static akin_status local_start(struct job *job, const struct cooc *g, int32_t most,
                               int64_t least_room, akin_error *err)
{
    akin_status status = AKIN_OK;
    int workers = par_workers(job->ctx);
    AKIN_TRY(number_items(job, g->by_item, err));
    AKIN_TRY(cooc_part_create(job->ctx, g, job->item, job->n, &job->part, err));
    AKIN_TRY(choose_sets(job, most, err));
    int64_t room = 8 * csr_nnz(&job->near);
    AKIN_TRY(keep_rows(job, room > least_room ? room : least_room, err));
    MEM_NEW(job->ctx, job->own, job->n);
    ARENA_NEW(&job->arena, job->room, workers);
    for (int w = 0; w < workers; w++)
        AKIN_TRY(room_init(&job->arena, job->n, most, &job->room[w], err));
done:
    return status;
}

static void local_end(struct job *job)
{
    arena_free(&job->arena);
    cooc_part_free(job->ctx, &job->part);
    cooc_rows_free(job->ctx, &job->kept);
    mem_free(job->ctx, job->diag);
    job->diag = NULL;
}

akin_status ease_local(const struct model *owner, const struct cooc *g, const struct ease_reg *reg,
                       int32_t most, int64_t least_room, struct csr *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct job job = {.ctx = owner->ctx, .owner = owner, .reg = reg};
    struct csr by_target = {0};
    arena_init(&job.arena, job.ctx);
    *out = (struct csr){0};
    AKIN_TRY(local_start(&job, g, most, least_room, err));
    progress_begin(job.ctx, "ease", job.n);
    status = par_for(job.ctx, par_blocks(job.n, ITEMS), solve_block, &job, err);
    progress_end(job.ctx);
    AKIN_TRY(status);
    local_end(&job);
    AKIN_TRY(take_weights(&job, g->by_user->n_cols, &by_target, err));
    csr_free(job.ctx, &job.near);
    AKIN_TRY(csr_transpose(job.ctx, &by_target, out, err));
done:
    local_end(&job);
    csr_free(job.ctx, &by_target);
    csr_free(job.ctx, &job.near);
    mem_free(job.ctx, job.own);
    mem_free(job.ctx, job.item);
    return status;
}

double ease_local_bytes(double n, double nnz, double most, double pairs, int workers)
{
    double weights = 8 * n * most;
    double room = weights > EASE_LEAST_ROOM ? weights : EASE_LEAST_ROOM;
    double rows = 8 * nnz + (4 * pairs < room ? 4 * pairs : room + 8 * nnz); /* with X */
    double rooms = workers * (4 * (most + 1) * (most + 2) + 2 * n);
    return weights + (rows + rooms > weights ? rows + rooms : weights) + 32 * n;
}
