/*
 * Networks: shapes, start, and the way forward of one row (see net.h).
 *
 * Cost of a forward pass: n·width of the first layer, n_in·n_out of each other but the output,
 * whose product is the caller's (a network's scores are vectors to rank/). Deliberately not here:
 * convolutions, pooling, layers of several sources.
 */
#include "solve/net.h"

#include "core/par.h"
#include "core/rng.h"
#include "solve/draw.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { ROWS = 256 };

/* ---- Shapes -------------------------------------------------------------------------------- */

static int64_t up16(int64_t n)
{
    return (n + KERN_PANEL - 1) / KERN_PANEL * KERN_PANEL;
}

static void set_weights(struct net *net)
{
    for (int l = 0; l < net->spec.n_layers; l++) {
        struct net_layer *a = &net->layer[l];
        bool is_learnt = a->at_slope < a->end;
        a->W = net->weights + a->at;
        a->b = net->weights + a->at_bias;
        a->slope = is_learnt ? net->weights + a->at_slope : &a->fixed_slope;
    }
}

static akin_status shape_layer(const char *owner, struct net *net, int l, int64_t *at,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct net_layer_spec *s = &net->spec.layer[l];
    bool is_output = l == net->spec.n_layers - 1;
    int64_t n_in = l == 0 ? net->spec.n_in : net->layer[l - 1].n_y;
    int64_t n_z = s->is_gaussian ? 2 * s->width : s->width;
    if (s->width < (is_output ? 0 : 1) || (!is_output && s->width > NET_WIDTH))
        AKIN_FAIL(AKIN_E_ARG, "%s: layer %d has %" PRId64 " units (must be 1..%d)", owner, l + 1,
                  s->width, (int)NET_WIDTH);
    if (s->is_gaussian && (is_output || s->unit != NET_LINEAR))
        AKIN_FAIL(AKIN_E_ARG, "%s: layer %d draws normals: it must be hidden and linear", owner,
                  l + 1);
    if (s->is_sparse && !is_output && !(net_unit(s->unit)->span > 0.0F))
        AKIN_FAIL(AKIN_E_ARG,
                  "%s: the penalty of sparseness needs an activation with a range (sigmoid, tanh, "
                  "softsign), not %s",
                  owner, net_unit(s->unit)->name);
    if (n_in > 0 && n_z > (INT64_C(1) << 56) / n_in)
        AKIN_FAIL(AKIN_E_ARG, "%s: layer %d has too many weights (%" PRId64 " x %" PRId64 ")",
                  owner, l + 1, n_in, n_z);
    struct net_layer *a = &net->layer[l];
    *a = (struct net_layer){.n_in = n_in, .n_z = n_z, .n_y = s->width, .at = *at};
    a->at_bias = a->at + up16(n_in * n_z);
    a->at_slope = a->at_bias + up16(n_z);
    a->end = a->at_slope + (net_unit(s->unit)->has_slope ? up16(n_z) : 0);
    a->fixed_slope = (float)s->slope;
    *at = a->end;
done:
    return status;
}

akin_status net_shape(akin_ctx *ctx, const char *owner, const struct net_spec *spec,
                      struct net *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    *out = (struct net){.ctx = ctx, .spec = *spec};
    if (spec->n_layers < 1 || spec->n_layers > NET_LAYERS)
        AKIN_FAIL(AKIN_E_ARG, "%s: %d layers (must be 1..%d)", owner, spec->n_layers,
                  (int)NET_LAYERS);
    for (int l = 0; l < spec->n_layers; l++)
        AKIN_TRY(shape_layer(owner, out, l, &out->n_weights, err));
    enum net_unit_id last = spec->layer[spec->n_layers - 1].unit;
    if (net_unit(last)->has_slope)
        AKIN_FAIL(AKIN_E_ARG, "%s: the output cannot be of %s (hidden layers can)", owner,
                  net_unit(last)->name);
    if (!net_error_fits(spec->error, last))
        AKIN_FAIL(AKIN_E_ARG, "%s: the error %s needs an output of sigmoid or softmax, not of %s",
                  owner, net_error_name(spec->error), net_unit(last)->name);
done:
    return status;
}

void net_map(struct net *net, const float *weights)
{
    union {
        const float *in;
        float *out;
    } cast = {weights};
    net->weights = cast.out;
    net->is_mapped = true;
    set_weights(net);
}

void net_free(struct net *net)
{
    if (net->ctx && !net->is_mapped)
        mem_free(net->ctx, net->weights);
    net->weights = NULL;
}

/* ---- Start --------------------------------------------------------------------------------- */

struct start_job {
    const struct net *net;
    uint64_t seed;
    int layer;
    int64_t n_rows, width;
    double amplitude;
    bool is_normal, is_constant;
};

static akin_status start_block(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct start_job *job = arg;
    float *W = job->net->weights + job->net->layer[job->layer].at;
    float scale = (float)job->amplitude;
    (void)worker;
    (void)err;
    for (int64_t r = par_lo(block, ROWS); r < par_hi(block, ROWS, job->n_rows); r++) {
        float *w = W + r * job->width;
        uint64_t index = (uint64_t)job->layer << 48 | (uint64_t)r;
        struct rng rng = rng_make(job->seed, RNG_NET_START, index);
        if (job->is_normal)
            draw_normals(job->net->ctx->kern, job->seed, RNG_NET_START, index, 0, job->width, w);
        for (int64_t j = 0; j < job->width; j++) {
            float x = job->is_normal ? w[j] : (float)(2.0 * rng_double(&rng) - 1.0);
            w[j] = job->is_constant ? scale : scale * x;
        }
    }
    return AKIN_OK;
}

static double start_amplitude(const struct net_layer_spec *s, const struct net_layer *a)
{
    double in = a->n_in > 0 ? (double)a->n_in : 1.0, both = in + (double)a->n_z;
    const double by[] = {[NET_START_XAVIER] = sqrt(6.0 / both),
                         [NET_START_CAFFE_XAVIER] = sqrt(3.0 / in),
                         [NET_START_GAUSSIAN] = 1.0,
                         [NET_START_UNIFORM] = 1.0,
                         [NET_START_CONSTANT] = 1.0,
                         [NET_START_SELU] = sqrt(1.0 / in)};
    return s->start_scale * by[s->start];
}

akin_status net_begin(struct net *net, uint64_t seed, akin_error *err)
{
    akin_status status = AKIN_OK;
    MEM_ZERO(net->ctx, net->weights, net->n_weights);
    set_weights(net);
    for (int l = 0; l < net->spec.n_layers; l++) {
        const struct net_layer_spec *s = &net->spec.layer[l];
        const struct net_layer *a = &net->layer[l];
        struct start_job job = {.net = net,
                                .seed = seed,
                                .layer = l,
                                .n_rows = l == 0 ? a->n_in : a->n_z,
                                .width = l == 0 ? a->n_z : a->n_in,
                                .amplitude = start_amplitude(s, a),
                                .is_normal =
                                    s->start == NET_START_GAUSSIAN || s->start == NET_START_SELU,
                                .is_constant = s->start == NET_START_CONSTANT};
        AKIN_TRY(par_for(net->ctx, par_blocks(job.n_rows, ROWS), start_block, &job, err));
        for (int64_t j = 0; j < a->n_z; j++)
            net->weights[a->at_bias + j] = (float)s->start_bias;
        for (int64_t j = 0; j < a->n_z && a->at_slope < a->end; j++)
            net->weights[a->at_slope + j] = (float)s->slope;
    }
done:
    return status;
}

/* ---- Forward ------------------------------------------------------------------------------- */

int64_t net_state_width(const struct net *net)
{
    return net->layer[net->spec.n_layers - 1].n_in;
}

float net_unit_scale(int64_t n, const float *x)
{
    double square = 0.0;
    for (int64_t i = 0; i < n; i++)
        square += (double)x[i] * (double)x[i];
    return square > 0.0 ? (float)(1.0 / sqrt(square)) : 0.0F;
}

akin_status net_state(const struct net *net, int32_t n, const int32_t *item, const float *x,
                      float *state, struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct kern *kern = net->ctx->kern;
    int64_t most = 0;
    int n_hidden = net->spec.n_layers - 1;
    for (int l = 0; l < n_hidden; l++)
        most = net->layer[l].n_z > most ? net->layer[l].n_z : most;
    float *z = arena_alloc(scratch, most, sizeof *z, err);
    float *y = z ? arena_alloc(scratch, most, sizeof *y, err) : NULL;
    if (!y)
        AKIN_TRY(AKIN_E_MEMORY);
    float scale = net->spec.unit_rows ? net_unit_scale(n, x) : 1.0F;
    for (int l = 0; l < n_hidden; l++) {
        const struct net_layer *a = &net->layer[l];
        AKIN_TRY(ctx_check(net->ctx, err));
        memcpy(z, a->b, (size_t)a->n_z * sizeof *z);
        for (int32_t j = 0; l == 0 && j < n; j++)
            kern->axpy(scale * x[j], a->W + item[j] * a->n_z, z, a->n_z);
        for (int64_t j = 0; l > 0 && j < a->n_z; j++)
            z[j] += kern->dot(a->W + j * a->n_in, y, a->n_in);
        net_unit(net->spec.layer[l].unit)->apply(kern, a->n_y, z, a->slope, y);
    }
    memcpy(state, y, (size_t)net_state_width(net) * sizeof *state);
done:
    return status;
}
