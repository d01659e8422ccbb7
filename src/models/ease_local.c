/*
 * ease by neighbourhoods, for catalogues whose inverse is out of reach: column j of B is that of
 * the small problem over j and the items i of largest g_ij² / (g_ii + γ_i), which is what one alone
 * would take off the loss. With all items it is the exact column. Compare the local models of
 * Ning and Karypis 2011 (fsSLIM, doi:10.1109/ICDM.2011.134).
 *
 * G is held only as far as there is room: the neighbourhoods come from its rows one by one; then,
 * if all of it is too much, the pairs of the most popular items are kept, and items are solved in
 * batches, each with the other pairs of its neighbourhoods. Items are numbered by popularity, so
 * that half rows do: a rare item's has its pairs with all that are more popular. Batches come in
 * the order of a walk from neighbour to neighbour, so that those of one share many. They change
 * what is computed twice, never a result.
 *
 * Cost: the products of G once, then twice for the popular and for each batch; an item most³/3
 * flops for a Cholesky factor, and `most` half rows of G read once. Memory: 16 bytes an item and
 * neighbour, of which the room for G is one half; most² floats a worker; X once or twice more. Not
 * done: one factor for several items.
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

/* All items are numbers by popularity, but for those of `item` and of the result. */
struct job {
    akin_ctx *ctx;
    const struct model *owner;
    const struct ease_reg *reg;
    int64_t n;
    int32_t *item;        /* (n) items with events, the most popular first */
    struct cooc_part all; /* G over them */
    float *diag;          /* (n) its diagonal */
    struct csr near;      /* (n, n) the neighbourhoods; values become weights */
    float *own;           /* (n) b_jj */
    int32_t *order;       /* (n + 1) as they are solved */
    int32_t *spot;        /* (n) an item's place in the part, -1 = not there */
    int32_t *part;        /* (n) items of the part, ascending: the popular ones, and the batch's */
    int64_t n_part, n_hub;
    int64_t lo, hi;       /* the batch: places in order */
    struct cooc_rows hub; /* half rows of the popular ones, */
    struct cooc_rows G;   /* and of the rest of the part */
    struct arena arena;   /* of rooms */
    struct room *room;    /* (workers) */
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
    cooc_own(&job->all.g, job->diag);
    for (int64_t i = 0; i < job->n; i++)
        cost[i] = job->diag[i] + ease_gamma(job->reg, job->diag[i]);
    AKIN_TRY(cooc_top(job->ctx, &job->all.g, most, measure_gain, cost, &job->near, err));
done:
    mem_free(job->ctx, cost);
    return status;
}

/* Breadth first from neighbour to neighbour. seen (n) all 0. */
static void walk(const struct csr *near, uint8_t *seen, int32_t *order)
{
    int64_t head = 0, tail = 0;
    for (int64_t seed = 0; seed < near->n_rows; seed++) {
        if (!seen[seed])
            order[tail++] = (int32_t)seed;
        seen[seed] = 1;
        for (; head < tail; head++)
            for (int64_t e = near->ptr[order[head]]; e < near->ptr[order[head] + 1]; e++) {
                order[tail] = near->col[e];
                tail += !seen[near->col[e]];
                seen[near->col[e]] = 1;
            }
    }
}

/* ---- Batches ------------------------------------------------------------------------------- */

static void part_add(struct job *job, int32_t item)
{
    if (job->spot[item] < 0)
        job->part[job->n_part++] = item;
    job->spot[item] = 0;
}

/* The next batch: items while their neighbourhoods have at most `most` that are not popular, at
 * least one. */
static void take_batch(struct job *job, int64_t most)
{
    memset(job->spot, 0xff, (size_t)job->n * sizeof *job->spot);
    job->n_part = 0;
    for (int32_t i = 0; i < job->n_hub; i++)
        part_add(job, i);
    for (job->hi = job->lo; job->hi < job->n; job->hi++) {
        int64_t before = job->n_part;
        int32_t j = job->order[job->hi];
        part_add(job, j);
        for (int64_t e = job->near.ptr[j]; e < job->near.ptr[j + 1]; e++)
            part_add(job, job->near.col[e]);
        if (job->n_part - job->n_hub > most && job->hi > job->lo) {
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
    float *last = a->A + (int64_t)(n - 1) * n;
    cooc_rows_place(a->set, n, true, a->place);
    for (int32_t t = 0; t < n; t++) {
        float *row = a->A + (int64_t)t * n;
        const struct cooc_rows *G = a->set[t] < job->n_hub ? &job->hub : &job->G;
        cooc_rows_pick(G, a->set[t], a->set, n, a->place, row);
        if (t < n - 1 && a->set[t] > a->set[n - 1]) /* whose half row has the pair */
            a->p[t] = row[n - 1];
        row[t] += ease_gamma(job->reg, job->diag[job->part[a->set[t]]]);
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
    for (int32_t t = 0; t < n; t++)
        a->set[t] = job->spot[job->near.col[at + t]];
    a->set[n] = job->spot[j]; /* last, whatever its number */
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

/* Half rows of G over the part but its first n_held, if they take at most most_bytes. */
static akin_status make_rows(struct job *job, int64_t n_held, int64_t most_bytes,
                             struct cooc_rows *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct cooc_part part = {0};
    AKIN_TRY(cooc_part_create(job->ctx, &job->all.g, job->part, job->n_part, n_held, &part, err));
    AKIN_TRY(cooc_rows_create(job->ctx, &part.g, true, most_bytes, out, err));
done:
    cooc_part_free(job->ctx, &part);
    return status;
}

/* Solves the batch unless its rows of G take more than most_bytes; *took says what they take. */
static akin_status solve_batch(struct job *job, int64_t most_bytes, int64_t *took, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(make_rows(job, job->n_hub, most_bytes, &job->G, err));
    *took = cooc_rows_bytes(&job->G);
    if (job->G.value)
        AKIN_TRY(par_for(job->ctx, par_blocks(job->hi - job->lo, ITEMS), solve_block, job, err));
done:
    cooc_rows_free(job->ctx, &job->G);
    return status;
}

/* Each batch says how large the next may be: rows grow at least with the items of the part, at most
 * with their square. */
static akin_status solve_all(struct job *job, int64_t room, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t most = job->n, took = 0;
    for (job->lo = 0; job->lo < job->n;) {
        take_batch(job, most);
        bool is_one = job->hi - job->lo == 1;
        AKIN_TRY(solve_batch(job, is_one ? INT64_MAX : room, &took, err));
        if (is_one || took <= room)
            job->lo = job->hi;
        if (job->lo == 0 && job->n_hub == 0) { /* too much at once: half of the room for these */
            room /= 2;
            job->n_hub = job->n_part = (int64_t)sqrt((double)room / 2);
            AKIN_TRY(make_rows(job, 0, INT64_MAX, &job->hub, err));
        }
        double fit = (double)room / (double)(took > 0 ? took : 1);
        most = (int64_t)(0.9 * (fit < 1 ? fit : sqrt(fit)) * (double)(job->n_part - job->n_hub));
    }
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

static akin_status local_start(struct job *job, const struct cooc *g, int32_t most, akin_error *err)
{
    akin_status status = AKIN_OK;
    int workers = par_workers(job->ctx);
    uint8_t *seen = NULL;
    AKIN_TRY(number_items(job, g->by_item, err));
    AKIN_TRY(cooc_part_create(job->ctx, g, job->item, job->n, 0, &job->all, err));
    AKIN_TRY(choose_sets(job, most, err));
    MEM_NEW(job->ctx, job->own, job->n);
    MEM_NEW(job->ctx, job->order, job->n + 1); /* one is written past the last */
    MEM_NEW(job->ctx, job->spot, job->n);
    MEM_NEW(job->ctx, job->part, job->n);
    MEM_ZERO(job->ctx, seen, job->n);
    walk(&job->near, seen, job->order);
    ARENA_NEW(&job->arena, job->room, workers);
    for (int w = 0; w < workers; w++)
        AKIN_TRY(room_init(&job->arena, job->n, most, &job->room[w], err));
done:
    mem_free(job->ctx, seen);
    return status;
}

static void local_end(struct job *job)
{
    arena_free(&job->arena);
    cooc_part_free(job->ctx, &job->all);
    cooc_rows_free(job->ctx, &job->hub);
    mem_free(job->ctx, job->diag);
    mem_free(job->ctx, job->order);
    mem_free(job->ctx, job->spot);
    mem_free(job->ctx, job->part);
    job->diag = NULL;
    job->order = job->spot = job->part = NULL;
}

akin_status ease_local(const struct model *owner, const struct cooc *g, const struct ease_reg *reg,
                       int32_t most, int64_t least_room, struct csr *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct job job = {.ctx = owner->ctx, .owner = owner, .reg = reg};
    struct csr by_target = {0};
    arena_init(&job.arena, job.ctx);
    *out = (struct csr){0};
    AKIN_TRY(local_start(&job, g, most, err));
    int64_t room = 8 * csr_nnz(&job.near);
    progress_begin(job.ctx, "ease", job.n);
    status = solve_all(&job, room > least_room ? room : least_room, err);
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
