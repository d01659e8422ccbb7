/*
 * Feed-forward networks of fully connected layers over sparse rows: what they are made of, and what
 * a trained one answers. Training: net_train.h; activations, errors, optimizers: net_units.h.
 *
 * Layer 0 takes a sparse row of n_in numbers and adds up the rows of its weights that the row
 * names; the last layer is the output. Between them each layer is y = f(W·x + b).
 */
#ifndef AKIN_SOLVE_NET_H
#define AKIN_SOLVE_NET_H

#include "solve/net_units.h"

enum { NET_LAYERS = 16, NET_WIDTH = 1 << 20 }; /* the most layers, the most units of a hidden one */

/* Weights at the start, times scale. */
#define NET_START_CHOICES "xavier|caffe_xavier|gaussian|uniform|constant|selu"
enum net_start {
    NET_START_XAVIER,       /* uniform within ±sqrt(6 / (in + out)) (Glorot, Bengio 2010) */
    NET_START_CAFFE_XAVIER, /* uniform within ±sqrt(3 / in) */
    NET_START_GAUSSIAN,     /* normal */
    NET_START_UNIFORM,      /* uniform within ±1 */
    NET_START_CONSTANT,
    NET_START_SELU /* normal with stddev sqrt(1 / in) */
};

struct net_layer_spec {
    int64_t width; /* numbers that come out */
    enum net_unit_id unit;
    double slope;     /* of z < 0: lrelu; prelu at the start */
    double dropout;   /* share of outputs left out in training */
    bool is_sparse;   /* has the penalty of sparseness, if there is one */
    bool is_gaussian; /* W gives means and log variances of `width` normals, which are drawn in
                         training and are their means else (Kingma, Welling 2014,
                         arXiv:1312.6114); unit is linear */
    enum net_start start;
    double start_scale, start_bias;
};

struct net_spec {
    int64_t n_in;
    int n_layers; /* 1..NET_LAYERS; the last is the output */
    struct net_layer_spec layer[NET_LAYERS];
    bool unit_rows; /* input rows are brought to length 1 */
    enum net_error_id error;
    struct net_margin margin;
};

/* Weights of a layer. Layer 0 by inputs: (n_in, n_z); the others by outputs: (n_z, n_in). Borrowed
 * from net->weights. */
struct net_layer {
    int64_t n_in, n_z, n_y;             /* n_z = n_y, but 2·n_y of gaussian ones */
    int64_t at, at_bias, at_slope, end; /* floats from net->weights: W, b, slope; the next layer */
    const float *W;
    const float *b;     /* (n_z) */
    const float *slope; /* (n_z) learnt, or one number */
    float fixed_slope;
};

struct net {
    akin_ctx *ctx;
    struct net_spec spec;
    struct net_layer layer[NET_LAYERS];
    int64_t n_weights;
    float *weights; /* (n_weights) owned, or in a file and then only read */
    bool is_mapped;
};

/*
 * Shapes; weights stay NULL. owner: prefix of messages. Fails: E_ARG (a width, an error that the
 * output's activation has not, more weights than an index holds).
 */
akin_status net_shape(akin_ctx *ctx, const char *owner, const struct net_spec *spec,
                      struct net *out, akin_error *err);
/* Allocates the weights and starts them by seed. Ends with net_free, also after a failure. */
akin_status net_begin(struct net *net, uint64_t seed, akin_error *err);
/* Weights that lie in a file. */
void net_map(struct net *net, const float *weights);
void net_free(struct net *net);

/* Width of what the output layer sees. */
int64_t net_state_width(const struct net *net);
/*
 * state (net_state_width) = what the output layer sees of a sparse row: item (n) below n_in, x (n).
 * Scratch from the arena. Cost: a row of layer 0 an item, and the hidden weights. Fails: E_MEMORY.
 */
akin_status net_state(const struct net *net, int32_t n, const int32_t *item, const float *x,
                      float *state, struct arena *scratch, akin_error *err);
/* What brings a row to length 1: 1 / |x|; 0 of an empty one. */
float net_unit_scale(int64_t n, const float *x);

#endif
