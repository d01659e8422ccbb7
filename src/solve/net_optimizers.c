/*
 * Optimizers of networks, element by element: momentum; Nesterov's, in Sutskever's form (2013);
 * AdaGrad (Duchi et al. 2011); RMSProp (Hinton 2012); AdaDelta (Zeiler 2012, arXiv:1212.5701);
 * Adam (Kingma and Ba 2015, arXiv:1412.6980).
 *
 * Cost: one to four streams of memory beside the weights, which is what bounds them. An L2 decay is
 * part of the gradient, as DSSTNE has it.
 */
#include "solve/net_units.h"

#include <math.h>

#define TINY 1e-8F       /* beside the root of a square: adagrad, rmsprop */
#define TINY_DELTA 1e-6F /* adadelta, as its paper has it */

static void sgd_step(const struct net_rates *r, int64_t n, float *w, const float *g, float *a,
                     float *b)
{
    (void)a;
    (void)b;
    for (int64_t i = 0; i < n; i++)
        w[i] -= r->rate * (g[i] + r->decay * w[i]);
}

static void momentum_step(const struct net_rates *r, int64_t n, float *w, const float *g, float *a,
                          float *b)
{
    (void)b;
    for (int64_t i = 0; i < n; i++) {
        a[i] = r->momentum * a[i] - r->rate * (g[i] + r->decay * w[i]);
        w[i] += a[i];
    }
}

static void nesterov_step(const struct net_rates *r, int64_t n, float *w, const float *g, float *a,
                          float *b)
{
    (void)b;
    for (int64_t i = 0; i < n; i++) {
        float old = a[i];
        a[i] = r->momentum * old - r->rate * (g[i] + r->decay * w[i]);
        w[i] += a[i] + r->momentum * (a[i] - old);
    }
}

static void adagrad_step(const struct net_rates *r, int64_t n, float *w, const float *g, float *a,
                         float *b)
{
    (void)b;
    for (int64_t i = 0; i < n; i++) {
        float x = g[i] + r->decay * w[i];
        a[i] += x * x;
        w[i] -= r->rate * x / (sqrtf(a[i]) + TINY);
    }
}

static void rmsprop_step(const struct net_rates *r, int64_t n, float *w, const float *g, float *a,
                         float *b)
{
    (void)b;
    float fresh = 1.0F - r->momentum;
    for (int64_t i = 0; i < n; i++) {
        float x = g[i] + r->decay * w[i];
        a[i] = r->momentum * a[i] + fresh * x * x;
        w[i] -= r->rate * x / (sqrtf(a[i]) + TINY);
    }
}

static void adadelta_step(const struct net_rates *r, int64_t n, float *w, const float *g, float *a,
                          float *b)
{
    float fresh = 1.0F - r->momentum;
    for (int64_t i = 0; i < n; i++) {
        float x = g[i] + r->decay * w[i];
        a[i] = r->momentum * a[i] + fresh * x * x;
        float by = x * sqrtf(b[i] + TINY_DELTA) / sqrtf(a[i] + TINY_DELTA);
        b[i] = r->momentum * b[i] + fresh * by * by;
        w[i] -= r->rate * by;
    }
}

static void adam_step(const struct net_rates *r, int64_t n, float *w, const float *g, float *a,
                      float *b)
{
    const struct kern_adam step = {.rate = r->rate,
                                   .momentum = r->momentum,
                                   .momentum2 = r->momentum2,
                                   .decay = r->decay,
                                   .fix1 = r->fix1,
                                   .fix2 = r->fix2};
    r->kern->adam(&step, n, w, g, a, b);
}

static const struct net_optimizer net_optimizers[NET_OPTIMIZERS] = {
    [NET_SGD] = {"sgd", 0, sgd_step},
    [NET_MOMENTUM] = {"momentum", 1, momentum_step},
    [NET_NESTEROV] = {"nesterov", 1, nesterov_step},
    [NET_ADAGRAD] = {"adagrad", 1, adagrad_step},
    [NET_RMSPROP] = {"rmsprop", 1, rmsprop_step},
    [NET_ADADELTA] = {"adadelta", 2, adadelta_step},
    [NET_ADAM] = {"adam", 2, adam_step},
};

const struct net_optimizer *net_optimizer(enum net_optimizer_id id)
{
    return &net_optimizers[id];
}
