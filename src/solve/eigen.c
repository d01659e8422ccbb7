/*
 * Symmetric eigenproblem: Householder reduction to a tridiagonal matrix, implicit QL on it, and
 * the vectors by applying reflections and rotations to stripes of the unit matrix.
 *
 * Golub and Van Loan, Matrix Computations (4th ed.), §8.3; QL as in Bowdler, Martin, Reinsch and
 * Wilkinson 1968, doi:10.1007/BF02219771. The reduction fuses the rank-2 update of step j with the
 * product of step j + 1, so that each step reads the matrix once. QL runs on the 2n numbers alone
 * and records its rotations; a stripe of STRIPE columns then meets all of them while it is in
 * cache, independent of the other stripes.
 * All sums are written as elementwise updates or in index order: the compiler may vectorise them
 * without changing a bit.
 * Cost: 4/3 n³ (reduction, serial) + 2 n³ (reflections) + about 5 n³ (rotations), in parallel.
 * Not here: selected eigenpairs, unsymmetric or complex matrices.
 */
#include "solve/eigen.h"

#include "core/par.h"

#include <math.h>
#include <string.h>

enum {
    STRIPE = 32,            /* columns of the vectors that one block carries */
    QL_SWEEPS = 60,         /* per eigenvalue; 1.7 on average */
    ROTATIONS_MAX = 1 << 20 /* recorded before they are applied: 16 MiB */
};

struct eigen {
    akin_ctx *ctx;
    int64_t n;
    double *A;     /* (n, n) full symmetric; row j keeps reflector j in columns j+1.. at the end */
    double *tau;   /* (n) reflector j is I - tau·v·vᵀ, v[j+1] = 1 */
    double *d, *e; /* (n) diagonal; e[i] couples i and i + 1 */
    double *p, *v, *w; /* (n) */
    double *V;         /* (n, n) vectors as rows, by stripes of columns */
    double *cs;        /* (cap, 2) rotations: cosine, sine */
    int32_t *at;       /* (cap) rotation turns rows at, at + 1 */
    int64_t n_rot, cap;
};

static double dot_order(const double *a, const double *b, int64_t n)
{
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/*
 * Reflector that clears x[1..n) (x in place becomes v with v[0] = 1); returns tau, *beta = what
 * remains at x[0].
 */
static double reflector(double *x, int64_t n, double *beta)
{
    double tail = n > 1 ? dot_order(x + 1, x + 1, n - 1) : 0.0;
    double head = x[0];
    if (!(tail > 0.0)) {
        *beta = head;
        x[0] = 1.0;
        return 0.0;
    }
    double norm = sqrt(head * head + tail);
    double b = head > 0.0 ? -norm : norm;
    double scale = 1.0 / (head - b);
    for (int64_t i = 1; i < n; i++)
        x[i] *= scale;
    x[0] = 1.0;
    *beta = b;
    return (b - head) / b;
}

/* Row of the trailing matrix: a -= vi·w + wi·v, then p += xi·a. */
static void update_row(double *restrict a, const double *restrict v, const double *restrict w,
                       double vi, double wi, double xi, double *restrict p, int64_t n)
{
    for (int64_t t = 0; t < n; t++) {
        double x = a[t] - (vi * w[t] + wi * v[t]);
        a[t] = x;
        p[t] += xi * x;
    }
}

/*
 * Step j: v, w of step j - 1 are applied to the trailing matrix from row j on while p = A·x for
 * the reflector x of step j is summed. x, the column below the diagonal of row j, must be final
 * before: row j is updated first.
 */
static akin_status reduce(struct eigen *g, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n = g->n;
    double *v = g->v, *w = g->w, *p = g->p;
    for (int64_t i = 0; i < n; i++)
        v[i] = w[i] = 0.0;
    for (int64_t j = 0; j < n; j++) {
        AKIN_TRY(ctx_check(g->ctx, err));
        double *row = g->A + j * n;
        for (int64_t t = j; t < n; t++)
            row[t] -= v[j] * w[t] + w[j] * v[t];
        g->d[j] = row[j];
        if (j + 1 == n)
            break;
        int64_t m = n - j - 1;
        double *x = row + j + 1; /* becomes the reflector, kept in row j */
        double tau = reflector(x, m, &g->e[j]);
        g->tau[j] = tau;
        for (int64_t t = 0; t < m; t++)
            p[t] = 0.0;
        for (int64_t i = j + 1; i < n; i++)
            update_row(g->A + i * n + j + 1, v + j + 1, w + j + 1, v[i], w[i], x[i - j - 1], p, m);
        /* w = tau·p - (tau²·pᵀx/2)·x; v = x */
        double half = 0.5 * tau * tau * dot_order(p, x, m);
        for (int64_t t = 0; t < m; t++) {
            w[j + 1 + t] = tau * p[t] - half * x[t];
            v[j + 1 + t] = x[t];
        }
    }
done:
    return status;
}

/* Columns [lo, hi) of the rows of Hᵀ = H_{n-2} … H_0 applied to the unit matrix. */
static akin_status reflect_stripe(void *arg, int64_t block, int worker, akin_error *err)
{
    struct eigen *g = arg;
    int64_t n = g->n;
    double *V = g->V + block * n * STRIPE; /* (n, STRIPE) */
    int64_t lo = par_lo(block, STRIPE);
    int64_t hi = par_hi(block, STRIPE, n);
    (void)worker;
    memset(V, 0, (size_t)(n * STRIPE) * sizeof *V);
    for (int64_t c = lo; c < hi; c++)
        V[c * STRIPE + c - lo] = 1.0;
    for (int64_t j = 0; j + 1 < n; j++) {
        const double *x = g->A + j * n;
        double sum[STRIPE] = {0};
        if ((j & 63) == 0 && ctx_cancelled(g->ctx))
            return ctx_check(g->ctx, err);
        for (int64_t i = j + 1; i < n; i++)
            for (int c = 0; c < STRIPE; c++)
                sum[c] += x[i] * V[i * STRIPE + c];
        for (int c = 0; c < STRIPE; c++)
            sum[c] *= g->tau[j];
        for (int64_t i = j + 1; i < n; i++)
            for (int c = 0; c < STRIPE; c++)
                V[i * STRIPE + c] -= x[i] * sum[c];
    }
    return AKIN_OK;
}

static akin_status rotate_stripe(void *arg, int64_t block, int worker, akin_error *err)
{
    struct eigen *g = arg;
    double *V = g->V + block * g->n * STRIPE;
    (void)worker;
    for (int64_t r = 0; r < g->n_rot; r++) {
        double c = g->cs[2 * r];
        double s = g->cs[2 * r + 1];
        double *restrict lower = V + (int64_t)g->at[r] * STRIPE;
        double *restrict upper = lower + STRIPE;
        if ((r & 4095) == 0 && ctx_cancelled(g->ctx))
            return ctx_check(g->ctx, err);
        for (int t = 0; t < STRIPE; t++) {
            double f = upper[t];
            upper[t] = s * lower[t] + c * f;
            lower[t] = c * lower[t] - s * f;
        }
    }
    return AKIN_OK;
}

static akin_status rotations_apply(struct eigen *g, akin_error *err)
{
    akin_status status = par_for(g->ctx, par_blocks(g->n, STRIPE), rotate_stripe, g, err);
    g->n_rot = 0;
    return status;
}

/* One QL sweep with implicit shift on rows lo..hi (hi: where e vanishes). */
static void ql_sweep(struct eigen *g, int64_t lo, int64_t hi)
{
    double *d = g->d, *e = g->e;
    double q = (d[lo + 1] - d[lo]) / (2.0 * e[lo]);
    double r = sqrt(q * q + 1.0);
    q = d[hi] - d[lo] + e[lo] / (q + (q >= 0.0 ? r : -r));
    double s = 1.0, c = 1.0, p = 0.0;
    for (int64_t i = hi - 1; i >= lo; i--) {
        double f = s * e[i];
        double b = c * e[i];
        r = sqrt(f * f + q * q);
        e[i + 1] = r;
        if (!(r > 0.0)) { /* split: start again from here */
            d[i + 1] -= p;
            e[hi] = 0.0;
            return;
        }
        s = f / r;
        c = q / r;
        q = d[i + 1] - p;
        r = (d[i] - q) * s + 2.0 * c * b;
        p = s * r;
        d[i + 1] = q + p;
        q = c * r - b;
        g->cs[2 * g->n_rot] = c;
        g->cs[2 * g->n_rot + 1] = s;
        g->at[g->n_rot++] = (int32_t)i;
    }
    d[lo] -= p;
    e[lo] = q;
    e[hi] = 0.0;
}

static akin_status ql(struct eigen *g, akin_error *err)
{
    akin_status status = AKIN_OK;
    double *d = g->d, *e = g->e; /* of a matrix scaled to a greatest element in [0.5, 1) */
    int64_t n = g->n;
    e[n - 1] = 0.0;
    for (int64_t lo = 0; lo < n; lo++) {
        for (int sweep = 0;; sweep++) {
            int64_t hi = lo;
            while (hi < n - 1) {
                double scale = fabs(d[hi]) + fabs(d[hi + 1]);
                if (fabs(e[hi]) <= 0x1p-53 * scale + 0x1p-110)
                    break;
                hi++;
            }
            if (hi == lo)
                break;
            if (sweep == QL_SWEEPS)
                AKIN_FAIL(AKIN_E_INTERNAL, "eigenvalue %d of %d did not converge in %d sweeps",
                          (int)lo, (int)n, QL_SWEEPS);
            if (g->n_rot + n > g->cap)
                AKIN_TRY(rotations_apply(g, err));
            ql_sweep(g, lo, hi);
        }
    }
    AKIN_TRY(rotations_apply(g, err));
done:
    return status;
}

/* Values descending (ties: by place), rows of `vectors` alike. */
static akin_status order_out(struct eigen *g, double *values, double *vectors, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n = g->n;
    int64_t *order = NULL;
    MEM_NEW(g->ctx, order, n);
    for (int64_t i = 0; i < n; i++) { /* insertion: n is in the hundreds, and nearly sorted */
        int64_t at = i;
        while (at > 0 && g->d[order[at - 1]] < g->d[i]) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = i;
    }
    for (int64_t i = 0; i < n; i++) {
        values[i] = g->d[order[i]];
        for (int64_t c = 0; c < n; c++)
            vectors[i * n + c] = g->V[(c / STRIPE * n + order[i]) * STRIPE + c % STRIPE];
    }
done:
    mem_free(g->ctx, order);
    return status;
}

/* The exact power of two that brings x > 0 into [0.5, 1); 1 for 0. */
static double scale_of(double x)
{
    int exponent = 0;
    if (x > 0.0)
        (void)frexp(x, &exponent);
    return ldexp(1.0, -exponent < 1000 ? -exponent : 1000);
}

static akin_status eigen_alloc(struct eigen *g, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n = g->n;
    int64_t most = 2 * n * n + n;
    g->cap = most < ROTATIONS_MAX ? most : ROTATIONS_MAX;
    MEM_NEW(g->ctx, g->A, n * n);
    MEM_NEW(g->ctx, g->V, par_blocks(n, STRIPE) * STRIPE * n);
    MEM_NEW(g->ctx, g->cs, 2 * g->cap);
    MEM_NEW(g->ctx, g->at, g->cap);
    MEM_ZERO(g->ctx, g->tau, 6 * n);
    g->d = g->tau + n;
    g->e = g->d + n;
    g->p = g->e + n;
    g->v = g->p + n;
    g->w = g->v + n;
done:
    return status;
}

akin_status eigen_symmetric(akin_ctx *ctx, int64_t n, const double *lower, double *values,
                            double *vectors, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct eigen g = {.ctx = ctx, .n = n};
    double most = 0.0;
    if (n == 0)
        return AKIN_OK;
    AKIN_TRY(eigen_alloc(&g, err));
    for (int64_t i = 0, at = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++, at++) {
            if (!isfinite(lower[at]))
                AKIN_FAIL(AKIN_E_INTERNAL, "matrix of order %d: element %d,%d is not finite",
                          (int)n, (int)i, (int)j);
            most = fabs(lower[at]) > most ? fabs(lower[at]) : most;
        }
    double scale = scale_of(most);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++, lower++)
            g.A[i * n + j] = g.A[j * n + i] = *lower * scale;
    AKIN_TRY(reduce(&g, err));
    AKIN_TRY(par_for(ctx, par_blocks(n, STRIPE), reflect_stripe, &g, err));
    AKIN_TRY(ql(&g, err));
    AKIN_TRY(order_out(&g, values, vectors, err));
    for (int64_t i = 0; i < n; i++)
        values[i] /= scale;
done:
    mem_free(ctx, g.A);
    mem_free(ctx, g.V);
    mem_free(ctx, g.cs);
    mem_free(ctx, g.at);
    mem_free(ctx, g.tau);
    return status;
}
