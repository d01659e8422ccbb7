/*
 * Errors of networks: a row of outputs against its targets (see net_units.h). Entropies are taken
 * from z together with the activation, where ln y would have lost what it is about.
 *
 * Cost: at most one log a number. Sums run over pieces of 256 in 8 lanes of double, pieces in
 * order.
 */
#include "solve/net_units.h"

#include "kern/math.h"

#include <math.h>

enum { PIECE = 256 };

static double piece_sum(int64_t n, const float *x)
{
    double lane[8] = {0};
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int l = 0; l < 8; l++)
            lane[l] += (double)x[i + l];
    for (int l = 0; i + l < n; l++)
        lane[l] += (double)x[i + l];
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) +
           ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

/* A piece of a row: n numbers from lo on; e (n) = what each costs, d (n) = its derivative. */
typedef void (*piece_fn)(const struct net_answer *a, int64_t lo, int64_t n, float *e, float *d);

static double by_pieces(const struct net_answer *a, piece_fn fn, float *d)
{
    float e[PIECE];
    double total = 0.0;
    for (int64_t lo = 0; lo < a->n; lo += PIECE) {
        int64_t n = a->n - lo < PIECE ? a->n - lo : PIECE;
        fn(a, lo, n, e, d + lo);
        for (int64_t i = 0; a->share && i < n; i++) {
            e[i] *= a->share[lo + i];
            d[lo + i] *= a->share[lo + i];
        }
        total += piece_sum(n, e);
    }
    return total;
}

/* ---- By the output ---- */

static void l1_piece(const struct net_answer *a, int64_t lo, int64_t n, float *e, float *d)
{
    const float *y = a->y + lo, *t = a->t + lo;
    for (int64_t i = 0; i < n; i++) {
        float off = y[i] - t[i];
        e[i] = fabsf(off);
        d[i] = off > 0.0F ? 1.0F : off < 0.0F ? -1.0F : 0.0F * off; /* NaN stays NaN */
    }
}

static void l2_piece(const struct net_answer *a, int64_t lo, int64_t n, float *e, float *d)
{
    const float *y = a->y + lo, *t = a->t + lo;
    for (int64_t i = 0; i < n; i++) {
        d[i] = y[i] - t[i];
        e[i] = 0.5F * d[i] * d[i];
    }
}

static void hinge_piece(const struct net_answer *a, int64_t lo, int64_t n, float *e, float *d)
{
    const float *y = a->y + lo, *t = a->t + lo;
    for (int64_t i = 0; i < n; i++) {
        float sign = 2.0F * t[i] - 1.0F, left = 1.0F - sign * y[i];
        e[i] = left < 0.0F ? 0.0F : left;
        d[i] = left > 0.0F ? -sign : 0.0F;
    }
}

/* ---- Of sigmoid, by z ---- */

/* e = -ln max(y, 1 - y) = ln(1 + exp(-|z|)): of at least ½, so exact enough. */
static void sigmoid_rest(const struct net_answer *a, int64_t lo, int64_t n, float *e)
{
    const float *y = a->y + lo;
    for (int64_t i = 0; i < n; i++)
        e[i] = y[i] < 0.5F ? 1.0F - y[i] : y[i];
    a->kern->vlog(e, e, n);
    for (int64_t i = 0; i < n; i++)
        e[i] = -e[i];
}

static void sigmoid_entropy(const struct net_answer *a, int64_t lo, int64_t n, float *e, float *d)
{
    const float *z = a->z + lo, *y = a->y + lo, *t = a->t + lo;
    sigmoid_rest(a, lo, n, e);
    for (int64_t i = 0; i < n; i++) {
        float above = z[i] < 0.0F ? 0.0F : z[i];
        e[i] += above - z[i] * t[i];
        d[i] = y[i] - t[i];
    }
}

static void sigmoid_marginal(const struct net_answer *a, int64_t lo, int64_t n, float *e, float *d)
{
    const float *z = a->z + lo, *y = a->y + lo, *t = a->t + lo;
    float one = (float)a->margin->one_target, one_scale = (float)a->margin->one_scale;
    float zero = (float)a->margin->zero_target, zero_scale = (float)a->margin->zero_scale;
    sigmoid_rest(a, lo, n, e);
    for (int64_t i = 0; i < n; i++) {
        bool is_one = t[i] > 0.0F;
        float w =
            is_one ? (y[i] < one ? one_scale * t[i] : 0.0F) : (y[i] > zero ? zero_scale : 0.0F);
        float beyond = is_one ? -z[i] : z[i];
        e[i] = w * (e[i] + (beyond < 0.0F ? 0.0F : beyond));
        d[i] = w * (is_one ? y[i] - 1.0F : y[i]) + 0.0F * y[i];
    }
}

/* ---- Of softmax, by z ---- */

/* -Σ w ln y, d = y·Σw - w, where w of a target is what it counts for. */
static double softmax_entropy_of(const struct net_answer *a, const struct net_margin *margin,
                                 float *d)
{
    int64_t top = 0;
    double total = 0.0, weights = 0.0;
    for (int64_t i = 1; i < a->n; i++)
        top = a->y[i] > a->y[top] ? i : top;
    /* ln y = z - z of the top + ln of the top's y, which is 1/n at least */
    double base = a->n > 0 ? kern_log((double)a->y[top]) - (double)a->z[top] : 0.0;
    for (int64_t i = 0; i < a->n; i++) {
        float w = a->t[i];
        if (w > 0.0F && margin)
            w = a->y[i] < (float)margin->one_target ? w * (float)margin->one_scale : 0.0F;
        d[i] = -w;
        if (w > 0.0F || w < 0.0F) {
            weights += (double)w;
            total -= (double)w * ((double)a->z[i] + base);
        }
    }
    a->kern->axpy((float)weights, a->y, d, a->n);
    return total;
}

static double softmax_entropy(const struct net_answer *a, float *d)
{
    return softmax_entropy_of(a, NULL, d);
}

static double softmax_marginal(const struct net_answer *a, float *d)
{
    return softmax_entropy_of(a, a->margin, d);
}

/* ---- The table ---- */

struct net_error {
    const char *name;
    piece_fn by_y;    /* d = dL/dy; NULL: only of sigmoid and softmax */
    piece_fn sigmoid; /* d = dL/dz; NULL: by y */
    double (*softmax)(const struct net_answer *a, float *d);
};

static const struct net_error net_errors[NET_ERRORS] = {
    [NET_L1] = {"l1", l1_piece, NULL, NULL},
    [NET_L2] = {"l2", l2_piece, NULL, NULL},
    [NET_CROSS_ENTROPY] = {"cross_entropy", NULL, sigmoid_entropy, softmax_entropy},
    [NET_SCALED_MARGINAL] = {"scaled_marginal", NULL, sigmoid_marginal, softmax_marginal},
    [NET_HINGE] = {"hinge", hinge_piece, NULL, NULL},
};

const char *net_error_name(enum net_error_id error)
{
    return net_errors[error].name;
}

bool net_error_fits(enum net_error_id error, enum net_unit_id unit)
{
    return net_errors[error].by_y || unit == NET_SIGMOID || unit == NET_SOFTMAX;
}

double net_error_row(enum net_unit_id unit, enum net_error_id error, const struct net_answer *a,
                     const float *slope, float *d)
{
    const struct net_error *e = &net_errors[error];
    if (unit == NET_SIGMOID && e->sigmoid)
        return by_pieces(a, e->sigmoid, d);
    if (unit == NET_SOFTMAX && e->softmax)
        return e->softmax(a, d);
    double total = by_pieces(a, e->by_y, d);
    net_unit(unit)->back(a->n, a->z, a->y, slope, d);
    return total;
}
