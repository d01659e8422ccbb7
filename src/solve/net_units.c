/*
 * Activations of networks, a row at a time (see net_units.h). PReLU: He et al. 2015,
 * doi:10.1109/ICCV.2015.123; ELU: Clevert et al. 2016, arXiv:1511.07289; SELU: Klambauer et al.
 * 2017, arXiv:1706.02515, whose two constants are its own.
 *
 * Cost: at most one exp and one log a number. Loops go by the element, so that the compiler may
 * vectorise them without changing a bit. Not here: maxout, batch normalisation, convolutions.
 */
#include "solve/net_units.h"

#include "kern/math.h"

#include <math.h>
#include <string.h>

#define SELU_ALPHA 1.6732632F
#define SELU_SCALE 1.0507010F

static void sigmoid_apply(const struct kern *kern, int64_t n, const float *z, const float *slope,
                          float *y)
{
    (void)slope;
    for (int64_t i = 0; i < n; i++)
        y[i] = -z[i];
    kern->vexp(y, y, n);
    for (int64_t i = 0; i < n; i++)
        y[i] = 1.0F / (1.0F + y[i]);
}

static void sigmoid_back(int64_t n, const float *z, const float *y, const float *slope, float *d)
{
    (void)z;
    (void)slope;
    for (int64_t i = 0; i < n; i++)
        d[i] *= y[i] * (1.0F - y[i]);
}

static void tanh_apply(const struct kern *kern, int64_t n, const float *z, const float *slope,
                       float *y)
{
    (void)slope;
    kern->vtanh(z, y, n);
}

static void tanh_back(int64_t n, const float *z, const float *y, const float *slope, float *d)
{
    (void)z;
    (void)slope;
    for (int64_t i = 0; i < n; i++)
        d[i] *= 1.0F - y[i] * y[i];
}

static void relu_apply(const struct kern *kern, int64_t n, const float *z, const float *slope,
                       float *y)
{
    (void)kern;
    (void)slope;
    for (int64_t i = 0; i < n; i++)
        y[i] = z[i] < 0.0F ? 0.0F : z[i]; /* NaN stays NaN: it shall be seen */
}

static void relu_back(int64_t n, const float *z, const float *y, const float *slope, float *d)
{
    (void)y;
    (void)slope;
    for (int64_t i = 0; i < n; i++)
        d[i] = z[i] > 0.0F ? d[i] : 0.0F;
}

static void linear_apply(const struct kern *kern, int64_t n, const float *z, const float *slope,
                         float *y)
{
    (void)kern;
    (void)slope;
    memcpy(y, z, (size_t)n * sizeof *y);
}

static void linear_back(int64_t n, const float *z, const float *y, const float *slope, float *d)
{
    (void)n;
    (void)z;
    (void)y;
    (void)slope;
    (void)d;
}

static void prelu_apply(const struct kern *kern, int64_t n, const float *z, const float *slope,
                        float *y)
{
    (void)kern;
    for (int64_t i = 0; i < n; i++)
        y[i] = z[i] < 0.0F ? slope[i] * z[i] : z[i];
}

static void prelu_back(int64_t n, const float *z, const float *y, const float *slope, float *d)
{
    (void)y;
    for (int64_t i = 0; i < n; i++)
        d[i] *= z[i] > 0.0F ? 1.0F : slope[i];
}

static void lrelu_apply(const struct kern *kern, int64_t n, const float *z, const float *slope,
                        float *y)
{
    (void)kern;
    for (int64_t i = 0; i < n; i++)
        y[i] = z[i] < 0.0F ? *slope * z[i] : z[i];
}

static void lrelu_back(int64_t n, const float *z, const float *y, const float *slope, float *d)
{
    (void)y;
    for (int64_t i = 0; i < n; i++)
        d[i] *= z[i] > 0.0F ? 1.0F : *slope;
}

static void elu_apply(const struct kern *kern, int64_t n, const float *z, const float *slope,
                      float *y)
{
    (void)slope;
    kern->vexp(z, y, n);
    for (int64_t i = 0; i < n; i++)
        y[i] = z[i] > 0.0F ? z[i] : y[i] - 1.0F;
}

static void elu_back(int64_t n, const float *z, const float *y, const float *slope, float *d)
{
    (void)slope;
    for (int64_t i = 0; i < n; i++)
        d[i] *= z[i] > 0.0F ? 1.0F : y[i] + 1.0F;
}

static void selu_apply(const struct kern *kern, int64_t n, const float *z, const float *slope,
                       float *y)
{
    (void)slope;
    kern->vexp(z, y, n);
    for (int64_t i = 0; i < n; i++)
        y[i] = SELU_SCALE * (z[i] > 0.0F ? z[i] : SELU_ALPHA * (y[i] - 1.0F));
}

static void selu_back(int64_t n, const float *z, const float *y, const float *slope, float *d)
{
    (void)slope;
    for (int64_t i = 0; i < n; i++)
        d[i] *= z[i] > 0.0F ? SELU_SCALE : y[i] + SELU_SCALE * SELU_ALPHA;
}

/* ln(1 + e^z) = max(z, 0) + ln(1 + e^-|z|) */
static void softplus_apply(const struct kern *kern, int64_t n, const float *z, const float *slope,
                           float *y)
{
    (void)slope;
    for (int64_t i = 0; i < n; i++)
        y[i] = -fabsf(z[i]);
    kern->vexp(y, y, n);
    for (int64_t i = 0; i < n; i++)
        y[i] = 1.0F + y[i];
    kern->vlog(y, y, n);
    for (int64_t i = 0; i < n; i++)
        y[i] += z[i] < 0.0F ? 0.0F : z[i];
}

static void softplus_back(int64_t n, const float *z, const float *y, const float *slope, float *d)
{
    (void)y;
    (void)slope;
    for (int64_t i = 0; i < n; i++)
        d[i] /= 1.0F + kern_expf(-z[i]);
}

static void softsign_apply(const struct kern *kern, int64_t n, const float *z, const float *slope,
                           float *y)
{
    (void)kern;
    (void)slope;
    for (int64_t i = 0; i < n; i++)
        y[i] = z[i] / (1.0F + fabsf(z[i]));
}

static void softsign_back(int64_t n, const float *z, const float *y, const float *slope, float *d)
{
    (void)z;
    (void)slope;
    for (int64_t i = 0; i < n; i++) {
        float rest = 1.0F - fabsf(y[i]);
        d[i] *= rest * rest;
    }
}

/* Σ x·y in 8 lanes of double, lane = i mod 8; y NULL = 1. */
static double lanes_sum(int64_t n, const float *x, const float *y)
{
    double lane[8] = {0};
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int l = 0; l < 8; l++)
            lane[l] += (double)x[i + l] * (y ? (double)y[i + l] : 1.0);
    for (int l = 0; i + l < n; l++)
        lane[l] += (double)x[i + l] * (y ? (double)y[i + l] : 1.0);
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) +
           ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

static void softmax_apply(const struct kern *kern, int64_t n, const float *z, const float *slope,
                          float *y)
{
    float most = -INFINITY;
    (void)slope;
    for (int64_t i = 0; i < n; i++)
        most = z[i] > most ? z[i] : most;
    for (int64_t i = 0; i < n; i++)
        y[i] = z[i] - most;
    kern->vexp(y, y, n);
    kern->scale((float)(1.0 / lanes_sum(n, y, NULL)), y, n);
}

static void softmax_back(int64_t n, const float *z, const float *y, const float *slope, float *d)
{
    float mean = (float)lanes_sum(n, d, y);
    (void)z;
    (void)slope;
    for (int64_t i = 0; i < n; i++)
        d[i] = y[i] * (d[i] - mean);
}

static const struct net_unit net_units[NET_UNITS] = {
    [NET_SIGMOID] = {"sigmoid", 0, 1, false, sigmoid_apply, sigmoid_back},
    [NET_TANH] = {"tanh", -1, 2, false, tanh_apply, tanh_back},
    [NET_RELU] = {"relu", 0, 0, false, relu_apply, relu_back},
    [NET_LINEAR] = {"linear", 0, 0, false, linear_apply, linear_back},
    [NET_PRELU] = {"prelu", 0, 0, true, prelu_apply, prelu_back},
    [NET_LRELU] = {"lrelu", 0, 0, false, lrelu_apply, lrelu_back},
    [NET_ELU] = {"elu", 0, 0, false, elu_apply, elu_back},
    [NET_SELU] = {"selu", 0, 0, false, selu_apply, selu_back},
    [NET_SOFTPLUS] = {"softplus", 0, 0, false, softplus_apply, softplus_back},
    [NET_SOFTSIGN] = {"softsign", -1, 2, false, softsign_apply, softsign_back},
    [NET_SOFTMAX] = {"softmax", 0, 0, false, softmax_apply, softmax_back},
};

const struct net_unit *net_unit(enum net_unit_id id)
{
    return &net_units[id];
}
