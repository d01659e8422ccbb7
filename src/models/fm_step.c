/*
 * A step of fm: one side's parameters given all others.
 *
 * ŷ is linear in the parameters θ = [v, w] of a feature: in an event that has it with value x its
 * row is z = x·[what else the event has, summed, 1]. So a feature is one row of least squares, as a
 * whole rather than coordinate by coordinate, which mixes faster and fills the vector units; als
 * takes its solution, mcmc a draw around it. Residuals and sums of rows follow at once.
 *
 * Features that no row has two of (ids, columns of one value) are independent given the rest and
 * run side by side; others one after another, the events of each in pieces whose sums are added in
 * order. Cost: Σ over features of events · (k1² + 8 k1) + k1³ / 6. Nothing of the size events · k
 * is kept: rows of sums are gathered. Not here: several ranks.
 */
#include "core/par.h"
#include "models/fm_fit.h"
#include "solve/draw.h"

#include <math.h>
#include <string.h>

/* As bmf's: twice SHAPE features more at the precision of the start, PSEUDO more at 0. */
static const double SHAPE = 1.0, PSEUDO = 1.0;

/* A worker's room, and where a feature's sums go. */
struct room {
    float *Z, *left, *weight; /* (FM_CHUNK, k1), (FM_CHUNK), (FM_CHUNK) */
    float *rest, *noise;      /* (k1) */
    float *A, *b;             /* (k1, k1), (k1) */
};

static struct room room_of(const struct fm_fit *f, int worker)
{
    float *at = f->scratch + worker * f->scratch_size;
    struct room r = {.Z = at};
    r.left = r.Z + FM_CHUNK * f->k1;
    r.weight = r.left + FM_CHUNK;
    r.rest = r.weight + FM_CHUNK;
    r.noise = r.rest + f->k1;
    r.A = r.noise + f->k1;
    r.b = r.A + f->k1 * f->k1;
    return r;
}

/* The sums of the other two sides of an event. */
static inline void others_of(const struct fm_fit *f, const struct fm_side *s, int64_t e,
                             const float *out[2])
{
    int n = 0;
    out[0] = out[1] = f->zeros;
    for (int o = 0; o < FM_SIDES; o++)
        if (&f->side[o] != s && f->side[o].row)
            out[n++] = f->side[o].sum + (int64_t)f->side[o].row[e] * f->k1;
}

static inline int64_t event_at(const struct fm_side *s, int64_t at)
{
    return s->event ? s->event[at] : at;
}

/* What a row has besides feature θ with value x. */
static inline void rest_of(const struct fm_fit *f, const struct fm_side *s, int64_t row, float x,
                           const float *theta, float *rest)
{
    const float *sum = s->sum + row * f->k1;
    for (int64_t t = 0; t < f->k; t++)
        rest[t] = sum[t] - x * theta[t];
}

static void flush(const struct fm_fit *f, const struct room *r, int64_t n, float *A, float *b)
{
    const struct kern *kern = f->ctx->kern;
    const float *weight = f->weight ? r->weight : NULL;
    kern->syrk(f->k1, n, r->Z, f->k1, NULL, weight, A, f->k1);
    for (int64_t e = 0; e < n; e++)
        kern->axpy(weight ? weight[e] * r->left[e] : r->left[e], r->Z + e * f->k1, b, f->k1);
}

/* Adds to A and b what rows [lo, hi) of feature j say. */
static void accumulate(const struct fm_fit *f, const struct fm_side *s, int64_t j, int64_t lo,
                       int64_t hi, const struct room *r, float *A, float *b)
{
    const float *theta = s->theta + j * f->k1;
    int64_t n = 0, k = f->k;
    for (int64_t p = lo; p < hi; p++) {
        int64_t row = s->Xt.col[p];
        float x = s->Xt.val[p];
        rest_of(f, s, row, x, theta, r->rest);
        for (int64_t at = s->ptr[row]; at < s->ptr[row + 1]; at++) {
            int64_t e = event_at(s, at);
            const float *other[2];
            float *z = r->Z + n * f->k1;
            others_of(f, s, e, other);
            for (int64_t t = 0; t < k; t++)
                z[t] = x * (r->rest[t] + other[0][t] + other[1][t]);
            z[k] = x;
            r->left[n] = f->left[e];
            r->weight[n] = f->weight ? f->weight[e] : 1.0F;
            if (++n == FM_CHUNK) {
                flush(f, r, n, A, b);
                n = 0;
            }
        }
    }
    flush(f, r, n, A, b);
}

/* Feature j changes by `change` in its rows [lo, hi): sums and residuals follow. */
static void apply(struct fm_fit *f, struct fm_side *s, int64_t j, int64_t lo, int64_t hi,
                  const float *change, const struct room *r)
{
    const struct kern *kern = f->ctx->kern;
    const float *theta = s->theta + j * f->k1;
    for (int64_t p = lo; p < hi; p++) {
        int64_t row = s->Xt.col[p];
        float x = s->Xt.val[p], *sum = s->sum + row * f->k1;
        rest_of(f, s, row, x, theta, r->rest);
        float own = change[f->k] + kern->dot(change, r->rest, f->k);
        for (int64_t at = s->ptr[row]; at < s->ptr[row + 1]; at++) {
            int64_t e = event_at(s, at);
            const float *other[2];
            others_of(f, s, e, other);
            float more = own + kern->dot(change, other[0], f->k);
            if (other[1] != f->zeros)
                more += kern->dot(change, other[1], f->k);
            f->left[e] -= x * more;
        }
        for (int64_t t = 0; t < f->k; t++)
            sum[t] += x * change[t];
        sum[f->k] += x * own;
    }
}

/* A, b → the change of feature j, in b. */
static akin_status solve(struct fm_fit *f, struct fm_side *s, const struct fm_group *g, int64_t j,
                         float *A, float *b, const struct room *r, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct kern *kern = f->ctx->kern;
    int64_t side = s - f->side;
    bool is_drawn = f->p->solver == FM_MCMC;
    float *mean = r->Z, *ratio = r->Z + f->k1; /* the room of rows is free now */
    for (int64_t t = 0; t < f->k1; t++) {
        mean[t] = (float)g->mean[t];
        ratio[t] = (float)(g->precision[t] / f->noise);
    }
    float *gap = f->gap && side == FM_ITEMS && j < s->n_own ? f->gap + j * f->k1 : NULL;
    if (is_drawn) {
        draw_normals(kern, f->seed, RNG_GIBBS, fm_index(FM_DRAW_FEATURE, side, (uint64_t)j),
                     fm_counter(f->sweep), f->k1, r->noise);
        kern->scale((float)(1.0 / sqrt(f->noise)), r->noise, f->k1);
    }
    AKIN_TRY(fm_solve(kern, f->k1, A, b, ratio, mean, s->theta + j * f->k1,
                      is_drawn ? r->noise : NULL, gap, err));
    for (int64_t t = 0; gap && t < f->k1; t++)
        gap[t] -= b[t];
done:
    return status;
}

/* A feature that no event has: its mean. */
static bool is_idle(const struct fm_fit *f, struct fm_side *s, const struct fm_group *g, int64_t j,
                    const struct room *r)
{
    float *theta = s->theta + j * f->k1;
    if (s->weight[j] > 0)
        return false;
    for (int64_t t = 0; t < f->k1; t++)
        r->b[t] = (float)g->mean[t] - theta[t];
    return true;
}

static void finish(const struct fm_fit *f, struct fm_side *s, int64_t j, const float *change)
{
    float *theta = s->theta + j * f->k1;
    for (int64_t t = 0; t < f->k1; t++)
        theta[t] += change[t];
}

/* ---- Side by side ---- */

struct step_job {
    struct fm_fit *f;
    struct fm_side *s;
    const struct fm_group *g;
    int64_t j;           /* the feature at hand, of pieces */
    const float *change; /* of it */
};

static akin_status features_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct step_job *job = arg;
    struct fm_fit *f = job->f;
    struct fm_side *s = job->s;
    struct room r = room_of(f, worker);
    for (int64_t j = job->g->block[block]; j < job->g->block[block + 1]; j++) {
        if (!is_idle(f, s, job->g, j, &r)) {
            memset(r.A, 0, (size_t)(f->k1 * (f->k1 + 1)) * sizeof *r.A); /* and b behind it */
            accumulate(f, s, j, s->Xt.ptr[j], s->Xt.ptr[j + 1], &r, r.A, r.b);
            AKIN_TRY(solve(f, s, job->g, j, r.A, r.b, &r, err));
        }
        apply(f, s, j, s->Xt.ptr[j], s->Xt.ptr[j + 1], r.b, &r);
        finish(f, s, j, r.b);
    }
    progress_add(f->ctx, job->g->block[block + 1] - job->g->block[block]);
done:
    return status;
}

/* ---- One after another ---- */

static akin_status sum_piece(void *arg, int64_t piece, int worker, akin_error *err)
{
    const struct step_job *job = arg;
    const struct fm_fit *f = job->f;
    struct room r = room_of(f, worker);
    float *A = f->piece + piece * f->k1 * (f->k1 + 1);
    (void)err;
    memset(A, 0, (size_t)(f->k1 * (f->k1 + 1)) * sizeof *A);
    accumulate(f, job->s, job->j, f->cut[piece], f->cut[piece + 1], &r, A, A + f->k1 * f->k1);
    return AKIN_OK;
}

static akin_status apply_piece(void *arg, int64_t piece, int worker, akin_error *err)
{
    const struct step_job *job = arg;
    struct fm_fit *f = job->f;
    struct room r = room_of(f, worker);
    (void)err;
    apply(f, job->s, job->j, f->cut[piece], f->cut[piece + 1], job->change, &r);
    return AKIN_OK;
}

/* The rows of a feature in pieces of about FM_PIECE events; returns how many. */
static akin_status cut_pieces(struct fm_fit *f, const struct fm_side *s, int64_t j, int64_t *n,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t most = s->weight[j] / FM_PIECE + 1, events = 0;
    if (most > f->cap_pieces) {
        mem_free(f->ctx, f->piece);
        mem_free(f->ctx, f->cut);
        f->piece = NULL;
        f->cut = NULL;
        f->cap_pieces = 0;
        MEM_NEW(f->ctx, f->piece, most * f->k1 * (f->k1 + 1));
        MEM_NEW(f->ctx, f->cut, most + 1);
        f->cap_pieces = most;
    }
    *n = 0;
    f->cut[0] = s->Xt.ptr[j];
    for (int64_t p = s->Xt.ptr[j]; p < s->Xt.ptr[j + 1]; p++) {
        int64_t row = s->Xt.col[p];
        events += s->ptr[row + 1] - s->ptr[row];
        if (events >= FM_PIECE || p + 1 == s->Xt.ptr[j + 1]) {
            f->cut[++*n] = p + 1;
            events = 0;
        }
    }
done:
    return status;
}

static akin_status feature_in_pieces(struct step_job *job, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct fm_fit *f = job->f;
    struct room r = room_of(f, 0);
    int64_t n, size = f->k1 * (f->k1 + 1);
    AKIN_TRY(cut_pieces(f, job->s, job->j, &n, err));
    float *b = r.b;
    if (!is_idle(f, job->s, job->g, job->j, &r)) {
        AKIN_TRY(par_for(f->ctx, n, sum_piece, job, err));
        for (int64_t piece = 1; piece < n; piece++)
            for (int64_t t = 0; t < size; t++)
                f->piece[t] += f->piece[piece * size + t];
        b = f->piece + f->k1 * f->k1;
        AKIN_TRY(solve(f, job->s, job->g, job->j, f->piece, b, &r, err));
    }
    job->change = b;
    AKIN_TRY(par_for(f->ctx, n, apply_piece, job, err));
    finish(f, job->s, job->j, b);
done:
    return status;
}

/* ---- What features share ---- */

static void draw_group(struct fm_fit *f, const struct fm_side *s, struct fm_group *g, int64_t t)
{
    uint64_t which = (uint64_t)(g - s->group) << 32 | (uint64_t)t;
    struct rng rng =
        rng_make(f->seed, RNG_GIBBS_HYPER, fm_index(FM_DRAW_GROUP, s - f->side, which));
    double sum = 0, squares = 0, n = 0;
    rng.counter = fm_counter(f->sweep);
    for (int64_t j = g->lo; j < g->hi; j++)
        if (s->weight[j] > 0) {
            sum += (double)s->theta[j * f->k1 + t];
            n += 1;
        }
    double mean = sum / (n + PSEUDO) + draw_normal(&rng) / sqrt(g->precision[t] * (n + PSEUDO));
    for (int64_t j = g->lo; j < g->hi; j++)
        if (s->weight[j] > 0) {
            double off = (double)s->theta[j * f->k1 + t] - mean;
            squares += off * off;
        }
    g->mean[t] = mean;
    if (f->sweep > f->p->burn_in / 2) /* they would follow the start down */
        g->precision[t] = draw_gamma(&rng, SHAPE + (n + 1) / 2,
                                     SHAPE / g->start[t] + (squares + PSEUDO * mean * mean) / 2);
}

static akin_status share_column(void *arg, int64_t t, int worker, akin_error *err)
{
    const struct step_job *job = arg;
    (void)worker;
    (void)err;
    for (int32_t g = 0; g < job->s->n_groups; g++)
        draw_group(job->f, job->s, &job->s->group[g], t);
    return AKIN_OK;
}

akin_status fm_step(struct fm_fit *f, enum fm_side_of side, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct fm_side *s = &f->side[side];
    struct step_job job = {.f = f, .s = s};
    if (f->p->solver == FM_MCMC)
        AKIN_TRY(par_for(f->ctx, f->k1, share_column, &job, err));
    for (int32_t g = 0; g < s->n_groups; g++) {
        job.g = &s->group[g];
        if (job.g->is_disjoint)
            AKIN_TRY(par_for(f->ctx, job.g->n_blocks, features_block, &job, err));
        for (job.j = job.g->lo; !job.g->is_disjoint && job.j < job.g->hi; job.j++) {
            AKIN_TRY(ctx_check(f->ctx, err));
            AKIN_TRY(feature_in_pieces(&job, err));
        }
    }
done:
    return status;
}
