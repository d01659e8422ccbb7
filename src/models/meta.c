/*
 * The meta-learner: a linear score fitted by Newton's method with step halving.
 *
 * listwise  Σ_g [ log Σ_{i∈g} exp(s_i) - mean over the positives of s ]   (Cao et al. 2007,
 *           doi:10.1145/1273496.1273513, top one)
 * logistic  Σ_i log(1 + exp(s_i)) - y_i s_i
 * ridge     ½ Σ_i (s_i - y_i)²
 * each + ½ · reg · groups · |w|², the intercept free. All three are convex, so the answer does not
 * depend on where the search begins. Not done: interactions that nobody put among the features.
 */
#include "models/meta.h"

#include "core/par.h"
#include "kern/math.h"

#include <math.h>
#include <string.h>

enum { META_BLOCK = 32, META_STEPS = 25, META_HALVES = 20, ROOM = META_D_MAX + 1 };

struct sums {
    double loss;
    double g[ROOM];
    double h[ROOM * ROOM]; /* (d1, d1) upper triangle */
};

struct meta {
    const struct meta_rows *rows;
    enum meta_learner kind;
    int32_t d1; /* with the intercept */
    bool with_slopes;
    double mean[META_D_MAX], inv_sd[META_D_MAX];
    double w[ROOM]; /* of the scaled features */
    struct sums *block;
};

/* ---- Scaling -------------------------------------------------------------------------------- */

static akin_status scale_features(akin_ctx *ctx, struct meta *t, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct meta_rows *r = t->rows;
    int64_t n = r->ptr[r->n_groups];
    double sum[META_D_MAX] = {0}, square[META_D_MAX] = {0};
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t i = 0; i < n; i++) {
            if (i % 65536 == 0)
                AKIN_TRY(ctx_check(ctx, err));
            for (int32_t k = 0; k < r->d; k++) {
                double x = (double)r->x[i * r->d + k] - t->mean[k];
                sum[k] += pass == 0 ? x : 0;
                square[k] += pass == 1 ? x * x : 0;
            }
        }
        for (int32_t k = 0; k < r->d && n > 0; k++) {
            if (pass == 0)
                t->mean[k] = sum[k] / (double)n;
            else
                t->inv_sd[k] = square[k] > 1e-12 * (double)n * (1e-12 + t->mean[k] * t->mean[k])
                                   ? 1 / sqrt(square[k] / (double)n)
                                   : 0;
        }
    }
done:
    return status;
}

static void scaled_row(const struct meta *t, int64_t i, double *x)
{
    int32_t d = t->rows->d;
    for (int32_t k = 0; k < d; k++)
        x[k] = ((double)t->rows->x[i * d + k] - t->mean[k]) * t->inv_sd[k];
    x[d] = 1;
}

static double dot(const double *a, const double *b, int32_t n)
{
    double s = 0;
    for (int32_t k = 0; k < n; k++)
        s += a[k] * b[k];
    return s;
}

/* ---- Loss, slope, curvature ----------------------------------------------------------------- */

static void add_row(struct sums *to, const double *x, int32_t n, double slope, double curve)
{
    for (int32_t a = 0; a < n; a++) {
        double c = curve * x[a];
        double *h = to->h + a * ROOM;
        to->g[a] += slope * x[a];
        for (int32_t b = a; b < n; b++)
            h[b] += c * x[b];
    }
}

/* log(1 + exp(s)) without overflow. */
static double log1p_exp(double s)
{
    return s > 0 ? s + kern_log1p(kern_exp(-s)) : kern_log1p(kern_exp(s));
}

static void point_rows(const struct meta *t, int64_t lo, int64_t hi, struct sums *to)
{
    double x[ROOM];
    for (int64_t i = lo; i < hi; i++) {
        scaled_row(t, i, x);
        double y = (double)t->rows->y[i], s = dot(t->w, x, t->d1);
        if (t->kind == META_RIDGE) {
            to->loss += .5 * (s - y) * (s - y);
            if (t->with_slopes)
                add_row(to, x, t->d1, s - y, 1);
            continue;
        }
        y = y > 0 ? 1 : 0;
        double p = s > 0 ? 1 / (1 + kern_exp(-s)) : kern_exp(s) / (1 + kern_exp(s));
        to->loss += log1p_exp(s) - y * s;
        if (t->with_slopes)
            add_row(to, x, t->d1, p - y, p * (1 - p));
    }
}

static void list_rows(const struct meta *t, int64_t lo, int64_t hi, struct sums *to)
{
    double x[ROOM], mean[ROOM] = {0}, top = -INFINITY, z = 0, good = 0;
    int64_t n_good = 0;
    int32_t n = t->d1;
    for (int64_t i = lo; i < hi; i++) {
        scaled_row(t, i, x);
        double s = dot(t->w, x, n);
        n_good += t->rows->y[i] > 0;
        top = s > top ? s : top;
    }
    if (n_good == 0)
        return;
    for (int64_t i = lo; i < hi; i++) {
        scaled_row(t, i, x);
        double s = dot(t->w, x, n);
        z += kern_exp(s - top);
        good += t->rows->y[i] > 0 ? s : 0;
    }
    to->loss += top + kern_log(z) - good / (double)n_good;
    for (int64_t i = lo; i < hi && t->with_slopes; i++) {
        scaled_row(t, i, x);
        double p = kern_exp(dot(t->w, x, n) - top) / z;
        for (int32_t k = 0; k < n; k++)
            mean[k] += p * x[k];
        add_row(to, x, n, p - (t->rows->y[i] > 0 ? 1 / (double)n_good : 0), p);
    }
    for (int32_t a = 0; a < n && t->with_slopes; a++) {
        for (int32_t b = a; b < n; b++)
            to->h[a * ROOM + b] -= mean[a] * mean[b];
    }
}

static akin_status sum_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct meta *t = arg;
    struct sums *to = &t->block[block];
    int64_t hi = par_hi(block, META_BLOCK, t->rows->n_groups);
    (void)worker;
    (void)err;
    memset(to, 0, sizeof *to);
    for (int64_t g = par_lo(block, META_BLOCK); g < hi; g++) {
        if (t->kind == META_LISTWISE)
            list_rows(t, t->rows->ptr[g], t->rows->ptr[g + 1], to);
        else
            point_rows(t, t->rows->ptr[g], t->rows->ptr[g + 1], to);
    }
    return AKIN_OK;
}

/* Everything at t->w, blocks added in order; the penalty too. */
static akin_status sum_all(akin_ctx *ctx, struct meta *t, double reg, bool with_slopes,
                           struct sums *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n_blocks = par_blocks(t->rows->n_groups, META_BLOCK);
    t->with_slopes = with_slopes;
    memset(out, 0, sizeof *out);
    AKIN_TRY(par_for(ctx, n_blocks, sum_block, t, err));
    for (int64_t b = 0; b < n_blocks; b++) {
        out->loss += t->block[b].loss;
        for (int32_t a = 0; a < t->d1 && with_slopes; a++) {
            out->g[a] += t->block[b].g[a];
            for (int32_t c = a; c < t->d1; c++)
                out->h[a * ROOM + c] += t->block[b].h[a * ROOM + c];
        }
    }
    double penalty = reg * (double)t->rows->n_groups;
    for (int32_t k = 0; k < t->d1; k++) {
        double own = k < t->rows->d ? penalty : 0;
        out->loss += .5 * own * t->w[k] * t->w[k];
        out->g[k] += own * t->w[k];
        out->h[k * ROOM + k] += own + 1e-9;
    }
done:
    return status;
}

/* ---- Newton --------------------------------------------------------------------------------- */

/* Solves H x = g in place (x in g) by Cholesky; H (n, n) upper triangle, positive by its penalty.
 */
static void solve(double *h, double *g, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        for (int32_t j = i; j < n; j++) {
            double s = h[i * ROOM + j];
            for (int32_t k = 0; k < i; k++)
                s -= h[k * ROOM + i] * h[k * ROOM + j];
            if (i == j)
                h[i * ROOM + i] = sqrt(s > 1e-12 ? s : 1e-12);
            else
                h[i * ROOM + j] = s / h[i * ROOM + i];
        }
    }
    for (int32_t i = 0; i < n; i++) {
        for (int32_t k = 0; k < i; k++)
            g[i] -= h[k * ROOM + i] * g[k];
        g[i] /= h[i * ROOM + i];
    }
    for (int32_t i = n - 1; i >= 0; i--) {
        for (int32_t k = i + 1; k < n; k++)
            g[i] -= h[i * ROOM + k] * g[k];
        g[i] /= h[i * ROOM + i];
    }
}

static akin_status descend(akin_ctx *ctx, struct meta *t, double reg, struct sums *at,
                           struct sums *next, akin_error *err)
{
    akin_status status = AKIN_OK;
    double step[ROOM], from[ROOM];
    for (int it = 0; it < META_STEPS; it++) {
        double size = 1, loss;
        AKIN_TRY(sum_all(ctx, t, reg, true, at, err));
        loss = at->loss;
        memcpy(step, at->g, sizeof step);
        solve(at->h, step, t->d1);
        memcpy(from, t->w, sizeof from);
        double expected = dot(step, at->g, t->d1);
        if (!(expected > 1e-10 * (1 + fabs(loss))))
            break;
        for (int half = 0; half < META_HALVES; half++, size /= 2) {
            for (int32_t k = 0; k < t->d1; k++)
                t->w[k] = from[k] - size * step[k];
            AKIN_TRY(sum_all(ctx, t, reg, false, next, err));
            if (next->loss <= loss - 1e-4 * size * expected)
                break;
        }
        if (!(next->loss < loss)) { /* as far as double goes */
            memcpy(t->w, from, sizeof from);
            break;
        }
    }
done:
    return status;
}

akin_status meta_fit(akin_ctx *ctx, const struct meta_rows *rows, enum meta_learner kind,
                     double reg, double *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct meta *t = NULL;
    struct sums *sums = NULL;
    int32_t d = rows->d;
    MEM_ZERO(ctx, t, 1);
    MEM_ZERO(ctx, sums, 2);
    t->rows = rows;
    t->kind = kind;
    t->d1 = d + 1;
    MEM_NEW(ctx, t->block, par_blocks(rows->n_groups, META_BLOCK));
    AKIN_TRY(scale_features(ctx, t, err));
    AKIN_TRY(descend(ctx, t, reg, &sums[0], &sums[1], err));
    w[d] = kind == META_LISTWISE ? 0 : t->w[d];
    for (int32_t k = 0; k < d; k++) {
        w[k] = t->w[k] * t->inv_sd[k];
        if (kind != META_LISTWISE)
            w[d] -= w[k] * t->mean[k];
    }
done:
    if (t)
        mem_free(ctx, t->block);
    mem_free(ctx, t);
    mem_free(ctx, sums);
    return status;
}
