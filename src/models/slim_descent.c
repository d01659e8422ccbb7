/*
 * Coordinate descent on working sets: covariance updates (Friedman, Hastie, Tibshirani 2010,
 * doi:10.18637/jss.v033.i01) over the few weights that matter, after sets as in Johnson, Guestrin
 * 2015 ("Blitz").
 *
 * The gradient r = g_j - G·w of all candidates is kept. A round takes the weights that are not 0
 * and, of those at 0 that would leave it, as many again, the most eager first; picks their square
 * of G; descends in it, each step an axpy of some hundred floats in the cache; then brings r up to
 * date by one row of G for each weight that moved. It ends when no candidate breaks the optimality
 * conditions by more than tol times the largest g_j.
 *
 * Candidates: without negative weights and with G >= 0 only items with g_ij > l1 can ever leave 0,
 * because r never exceeds g_j; else all. Items do not depend on each other, each is done by one
 * thread in one order: the same bits at any number of threads.
 *
 * Cost an item with m weights: rounds · (m² + m·row of G) + sweeps·m²; MOST² floats a worker.
 */
#include "models/slim_descent.h"

#include "core/par.h"
#include "models/model_impl.h"
#include "solve/best.h"

#include <math.h>

enum {
    MOST = 1024,  /* of a working set */
    FIRST = 64,   /* and the least that may enter */
    SWEEPS = 100, /* most over one working set */
    ITEMS = 4     /* of a block */
};

struct room {
    float *r;       /* (n) g_j - G·w */
    float *w;       /* (n) all 0 between items */
    int16_t *place; /* (n) all -1 between working sets */
    int32_t *cand;  /* (n) */
    int32_t *set;   /* (MOST) the working set; below, its own: */
    float *square;  /* (MOST, MOST) */
    float *own_r;   /* (MOST) */
    float *own_w;   /* (MOST) */
    uint64_t *keys; /* (2·most of MOST, keep) */
};

struct job {
    akin_ctx *ctx;
    const struct cooc_rows *G;
    const struct slim_spec *spec;
    struct arena arena;    /* of rooms */
    struct room *room;     /* (workers) */
    uint8_t *is_done;      /* (n) */
    struct best_rows rows; /* the weights kept */
};

/* The best w of one coordinate whose gradient without it is x. */
static inline float shrunk(const struct slim_spec *s, float x, float own)
{
    float l1 = (float)s->l1;
    float size = s->is_signed ? fabsf(x) - l1 : x - l1;
    if (!(size > 0))
        return 0;
    return copysignf(size, x) / (own + (float)s->l2);
}

/* How far a coordinate breaks the conditions of the optimum. */
static inline float broken(const struct slim_spec *s, float r, float w)
{
    float l1 = (float)s->l1;
    if (fabsf(w) > 0)
        return fabsf(r - copysignf(l1, w) - (float)s->l2 * w);
    return s->is_signed ? fabsf(r) - l1 : r - l1;
}

/* r = g_j, the candidates, and the largest |g_ij|. */
static int32_t start_item(const struct job *job, struct room *a, int32_t j, float *largest)
{
    const struct cooc_rows *G = job->G;
    const int32_t *items = cooc_rows_items(G, j);
    const float *value = G->value + G->at[j];
    int64_t size = cooc_rows_size(G, j);
    int32_t n = 0;
    memset(a->r, 0, (size_t)G->n * sizeof *a->r);
    *largest = 0;
    for (int64_t t = 0; t < size; t++) {
        int32_t i = items ? items[t] : (int32_t)t;
        if (i == j)
            continue;
        a->r[i] = value[t];
        *largest = value[t] > *largest ? value[t] : *largest;
        if (!job->spec->is_signed && value[t] > (float)job->spec->l1)
            a->cand[n++] = i;
    }
    for (int32_t i = 0; i < G->n && job->spec->is_signed; i++)
        if (i != j)
            a->cand[n++] = i;
    return n;
}

/* The next working set; 0 = the conditions hold. */
static int32_t choose_set(const struct job *job, struct room *a, int32_t n_cand, float bound)
{
    const struct slim_spec *s = job->spec;
    struct best best = {.keys = a->keys};
    int32_t n = 0, m = 0;
    float worst = 0;
    for (int32_t c = 0; c < n_cand; c++)
        m += fabsf(a->w[a->cand[c]]) > 0;
    bool has_room = m <= MOST / 2; /* else weights compete with newcomers for the set */
    best.k = has_room ? (m > FIRST ? m : FIRST) : MOST;
    for (int32_t c = 0; c < n_cand; c++) {
        int32_t i = a->cand[c];
        float by = broken(s, a->r[i], a->w[i]);
        worst = by > worst ? by : worst;
        if (has_room && fabsf(a->w[i]) > 0)
            a->set[n++] = i;
        else if (by > bound)
            best_add(&best, best_key(by, i));
    }
    if (!(worst > bound))
        return 0;
    int32_t found = best_take(&best);
    for (int32_t t = 0; t < found; t++)
        a->set[n++] = best_key_item(a->keys[t]);
    return n;
}

/* Descends in the square of the set until no step is worth more than bound. */
static void descend_set(const struct job *job, struct room *a, int32_t n, float bound)
{
    const struct slim_spec *s = job->spec;
    const struct kern *kern = job->ctx->kern;
    cooc_rows_place(a->set, n, true, a->place);
    for (int32_t t = 0; t < n; t++) {
        cooc_rows_pick(job->G, a->set[t], a->set, n, a->place, a->square + (int64_t)t * MOST);
        a->own_r[t] = a->r[a->set[t]];
        a->own_w[t] = a->w[a->set[t]];
    }
    cooc_rows_place(a->set, n, false, a->place);
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        float worst = 0;
        for (int32_t t = 0; t < n; t++) {
            float own = a->square[(int64_t)t * MOST + t], old = a->own_w[t];
            float now = shrunk(s, a->own_r[t] + own * old, own);
            float step = now - old;
            if (!(fabsf(step) > 0))
                continue;
            a->own_w[t] = now;
            kern->axpy(-step, a->square + (int64_t)t * MOST, a->own_r, n);
            float by = fabsf(step) * (own + (float)s->l2);
            worst = by > worst ? by : worst;
        }
        if (!(worst > bound))
            break;
    }
    for (int32_t t = 0; t < n; t++) {
        int32_t i = a->set[t];
        float step = a->own_w[t] - a->w[i];
        a->w[i] = a->own_w[t];
        if (fabsf(step) > 0)
            cooc_rows_add(job->G, kern, i, -step, a->r);
    }
}

static void take_weights(struct job *job, struct room *a, int32_t j, int32_t n_cand)
{
    struct best best = {.keys = a->keys, .k = job->spec->keep};
    for (int32_t c = 0; c < n_cand; c++)
        if (fabsf(a->w[a->cand[c]]) > 0)
            best_add(&best, best_key(fabsf(a->w[a->cand[c]]), a->cand[c]));
    int32_t *item = job->rows.item + job->rows.at[j], n = best_take(&best);
    float *value = job->rows.value + job->rows.at[j];
    job->rows.n[j] = n;
    best_put(a->keys, n, item, value);
    for (int32_t t = 0; t < n; t++)
        value[t] = a->w[item[t]];
    for (int32_t c = 0; c < n_cand; c++)
        a->w[a->cand[c]] = 0;
}

static akin_status descend_item(struct job *job, struct room *a, int32_t j, akin_error *err)
{
    akin_status status = AKIN_OK;
    float largest;
    int32_t n_cand = start_item(job, a, j, &largest);
    float bound = (float)job->spec->tol * largest;
    for (int64_t round = 0; round < job->spec->rounds && !job->is_done[j]; round++) {
        AKIN_TRY(ctx_check(job->ctx, err));
        int32_t n = choose_set(job, a, n_cand, bound);
        if (n > 0)
            descend_set(job, a, n, bound / 2);
        else
            job->is_done[j] = 1;
    }
    take_weights(job, a, j, n_cand);
done:
    return status;
}

static akin_status descend_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct job *job = arg;
    int64_t lo = par_lo(block, ITEMS), hi = par_hi(block, ITEMS, job->G->n);
    for (int64_t j = lo; j < hi; j++)
        AKIN_TRY(descend_item(job, &job->room[worker], (int32_t)j, err));
    progress_add(job->ctx, hi - lo);
done:
    return status;
}

static int64_t keys_of(int64_t keep)
{
    return 2 * (keep > MOST ? keep : MOST);
}

static akin_status room_init(struct arena *arena, int64_t n, int32_t keep, struct room *a,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    ARENA_NEW(arena, a->r, n);
    ARENA_NEW(arena, a->w, n);
    ARENA_NEW(arena, a->place, n);
    memset(a->place, 0xff, (size_t)n * sizeof *a->place);
    ARENA_NEW(arena, a->cand, n);
    ARENA_NEW(arena, a->set, MOST);
    ARENA_NEW(arena, a->square, (int64_t)MOST * MOST);
    ARENA_NEW(arena, a->own_r, MOST);
    ARENA_NEW(arena, a->own_w, MOST);
    ARENA_NEW(arena, a->keys, keys_of(keep));
done:
    return status;
}

double slim_descend_bytes(double n, double keep, int workers)
{
    double square = 4.0 * MOST * MOST;
    return workers * (square + 14 * n + 8.0 * (double)keys_of((int64_t)keep)) + 8 * n * keep;
}

static akin_status descend_start(struct job *job, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct cooc_rows *G = job->G;
    int workers = par_workers(job->ctx);
    ARENA_NEW(&job->arena, job->room, workers);
    for (int w = 0; w < workers; w++)
        AKIN_TRY(room_init(&job->arena, G->n, job->spec->keep, &job->room[w], err));
    MEM_ZERO(job->ctx, job->is_done, G->n);
    AKIN_TRY(best_rows_init(job->ctx, G->n, &job->rows, err));
    for (int64_t j = 0; j < G->n; j++) {
        int64_t most = job->spec->is_signed ? G->n : cooc_rows_size(G, j);
        job->rows.at[j + 1] = most < job->spec->keep ? most : job->spec->keep;
    }
    AKIN_TRY(best_rows_room(job->ctx, &job->rows, err));
done:
    return status;
}

akin_status slim_descend(akin_ctx *ctx, const struct cooc_rows *G, const struct slim_spec *spec,
                         struct csr *out, int64_t *unfinished, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct job job = {.ctx = ctx, .G = G, .spec = spec};
    *out = (struct csr){0};
    *unfinished = 0;
    arena_init(&job.arena, ctx);
    AKIN_TRY(descend_start(&job, err));
    AKIN_TRY(par_for(ctx, par_blocks(G->n, ITEMS), descend_block, &job, err));
    for (int64_t j = 0; j < G->n; j++)
        *unfinished += !job.is_done[j];
    AKIN_TRY(best_rows_close(ctx, &job.rows, G->n, out, err));
done:
    arena_free(&job.arena);
    mem_free(ctx, job.is_done);
    best_rows_free(ctx, &job.rows);
    return status;
}
