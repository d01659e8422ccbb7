/*
 * sdae: a deep sparse autoencoder with the parameters of Amazon DSSTNE (Deep Scalable Sparse Tensor
 * Network Engine, 2016): a denoising autoencoder (Vincent et al. 2008,
 * doi:10.1145/1390156.1390294) with a penalty of sparseness on its hidden units.
 *
 *   x: the user's items, a share `denoising` of them left out in training
 *   y_0 = f(W_0 x + b_0), y_l = f(W_l y_{l-1} + b_l), out = g(W y + b)
 *   L = Σ_i error(out_i, x_i) + sparseness_beta·Σ_units KL(sparseness_p ‖ its mean activation)
 *     + weight_decay/2·‖W‖²
 *
 * the error as a mean over the users of a step. Scaled marginal cross entropy is
 * -one_scale·ln out where an item is there and out < one_target, -zero_scale·ln(1 - out) where it
 * is not and out > zero_target, else nothing.
 *
 * Cost: see network.c. Not here: convolution, pooling, batch normalisation, layers of several
 * sources, DSSTNE's way of splitting a network over devices.
 */
#include "models/dsstne.h"

#include <inttypes.h>

struct sdae_params {
    json_t *network;
    json_t *hidden;
    int64_t activation;
    int64_t output;
    int64_t error;
    double one_target;
    double zero_target;
    double one_scale;
    double zero_scale;
    double denoising;
    double dropout;
    double sparseness_p;
    double sparseness_beta;
    int64_t optimizer;
    int64_t epochs;
    double learning_rate;
    double momentum;
    double momentum2;
    double weight_decay;
    double slope;
    int64_t start;
    double start_scale;
    double output_bias;
    int64_t batch;
    int64_t shuffle;
    int64_t negatives;
    int64_t unit_rows;
    int64_t weighting;
};

static const akin_param sdae_rows[] = {
    PARAM_MAP(struct sdae_params, network, 0,
              "a network as DSSTNE's JSON has it, instead of the parameters from hidden to "
              "sparseness_beta, slope to output_bias, shuffle and weighting"),
    PARAM_LIST(struct sdae_params, hidden, "128", 0, "units of each hidden layer, from the input"),
    PARAM_CHOICE(struct sdae_params, activation, "sigmoid", NET_UNIT_CHOICES, AKIN_PARAM_TUNE,
                 "of hidden layers"),
    PARAM_CHOICE(struct sdae_params, output, "sigmoid", NET_UNIT_CHOICES, 0,
                 "activation of the output"),
    PARAM_CHOICE(struct sdae_params, error, "scaled_marginal", NET_ERROR_CHOICES, 0,
                 "what is minimised; entropies need output=sigmoid or softmax"),
    PARAM_REAL(struct sdae_params, one_target, "1", 0, 1, "", 0,
               "scaled_marginal: an item of the user is learnt up to this output"),
    PARAM_REAL(struct sdae_params, zero_target, "0", 0, 1, "", 0,
               "scaled_marginal: another one down to this output"),
    PARAM_REAL(struct sdae_params, one_scale, "30", 0, 1e6, "", AKIN_PARAM_TUNE,
               "scaled_marginal: weight of the user's items"),
    PARAM_REAL(struct sdae_params, zero_scale, "1", 0, 1e6, "", 0,
               "scaled_marginal: weight of the others"),
    PARAM_REAL(struct sdae_params, denoising, "0.5", 0, 0.99, "", AKIN_PARAM_TUNE,
               "share of a user's items left out in training"),
    PARAM_REAL(struct sdae_params, dropout, "0", 0, 0.99, "", AKIN_PARAM_TUNE,
               "share of hidden units left out in training"),
    PARAM_REAL(struct sdae_params, sparseness_p, "0.5", 0.001, 0.999, "", 0,
               "wanted mean activation of a hidden unit, as a share of its range"),
    PARAM_REAL(struct sdae_params, sparseness_beta, "0", 0, 1e6, "", AKIN_PARAM_TUNE,
               "strength of the penalty of sparseness; 0 = none"),
    PARAM_CHOICE(struct sdae_params, optimizer, "adam", NET_OPTIMIZER_CHOICES, 0,
                 "how a step follows from a gradient"),
    PARAM_INT(struct sdae_params, epochs, "50", 1, 100000, "", 0,
              "passes over the users; the most, if early stopping ends it"),
    PARAM_REAL(struct sdae_params, learning_rate, "0.005", 1e-7, 100, "",
               AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG, "size of a step"),
    PARAM_REAL(struct sdae_params, momentum, "0.9", 0, 0.9999, "", 0,
               "share that is kept of earlier steps (momentum, nesterov), of earlier squares "
               "(rmsprop, adadelta), of earlier gradients (adam)"),
    PARAM_REAL(struct sdae_params, momentum2, "0.999", 0, 0.99999, "", 0,
               "adam: share that is kept of earlier squares"),
    PARAM_REAL(struct sdae_params, weight_decay, "0", 0, 100, "",
               AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG, "L2 of the weights, a step"),
    PARAM_REAL(struct sdae_params, slope, "0.1", 0, 1, "", 0,
               "of inputs below 0: lrelu, and prelu at the start"),
    PARAM_CHOICE(struct sdae_params, start, "xavier", NET_START_CHOICES, 0,
                 "how weights are drawn at the start"),
    PARAM_REAL(struct sdae_params, start_scale, "1", 0, 1e3, "", 0, "their scale"),
    PARAM_REAL(struct sdae_params, output_bias, "0", -100, 100, "", 0,
               "biases of the output at the start"),
    PARAM_INT(struct sdae_params, batch, "0", 0, 65536, "users", 0,
              "users of a step; 0 = by their number"),
    PARAM_BOOL(struct sdae_params, shuffle, "true", 0, "users anew each epoch, or as they come"),
    PARAM_INT(struct sdae_params, negatives, "0", 0, 1e9, "items", 0,
              "items a step is asked for beside those of its users; 0 = all"),
    PARAM_BOOL(struct sdae_params, unit_rows, "false", 0, "bring the row of a user to length 1"),
    PARAM_CHOICE(struct sdae_params, weighting, "binary", "weight|binary", 0,
                 "weights of events as they are, or 1 for each item"),
};

/* Units as a number, or as one typed on a command line; 0 = neither. */
static int64_t width_of(const json_t *value)
{
    const char *text = json_string_value(value);
    int64_t n = 0;
    if (json_is_integer(value))
        return json_integer_value(value);
    for (; text && *text >= '0' && *text <= '9' && n <= NET_WIDTH; text++)
        n = 10 * n + (*text - '0');
    return text && *text == '\0' ? n : 0;
}

static akin_status check_params(const struct sdae_params *p, akin_error *err)
{
    akin_status status = AKIN_OK;
    size_t n = json_array_size(p->hidden);
    bool takes_weights = p->output == NET_SOFTMAX || p->error == NET_SCALED_MARGINAL ||
                         p->error == NET_L1 || p->error == NET_L2;
    if (n < 1 || n >= NET_LAYERS)
        AKIN_FAIL(AKIN_E_ARG, "sdae: hidden has %zu layers (must be 1..%d)", n, NET_LAYERS - 1);
    if (p->weighting == 0 && !takes_weights)
        AKIN_FAIL(AKIN_E_ARG,
                  "sdae: weighting=weight needs error=scaled_marginal, l1 or l2, or "
                  "output=softmax, not error=%s of %s",
                  net_error_name((enum net_error_id)p->error),
                  net_unit((enum net_unit_id)p->output)->name);
done:
    return status;
}

static struct net_layer_spec layer_of(const struct sdae_params *p, int64_t width, int64_t unit)
{
    return (struct net_layer_spec){.width = width,
                                   .unit = (enum net_unit_id)unit,
                                   .slope = p->slope,
                                   .start = (enum net_start)p->start,
                                   .start_scale = p->start_scale};
}

/* Layers and errors by the parameters. */
static akin_status plan_layers(const struct sdae_params *p, struct net_spec *net, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(check_params(p, err));
    for (size_t l = 0; l < json_array_size(p->hidden); l++) {
        int64_t width = width_of(json_array_get(p->hidden, l));
        if (width < 1 || width > NET_WIDTH)
            AKIN_FAIL(AKIN_E_ARG, "sdae: hidden: layer %zu is not a number of units (1..%d)", l + 1,
                      (int)NET_WIDTH);
        net->layer[l] = layer_of(p, width, p->activation);
        net->layer[l].dropout = p->dropout;
        net->layer[l].is_sparse = p->sparseness_beta > 0;
        net->n_layers++;
    }
    net->layer[net->n_layers] = layer_of(p, 0, p->output);
    net->layer[net->n_layers++].start_bias = p->output_bias;
    net->error = (enum net_error_id)p->error;
done:
    return status;
}

static akin_status sdae_plan(const void *params, struct network_plan *plan, akin_error *err)
{
    const struct sdae_params *p = params;
    *plan = (struct network_plan){.epochs = p->epochs};
    plan->net.unit_rows = p->unit_rows != 0;
    plan->net.margin =
        (struct net_margin){p->one_target, p->zero_target, p->one_scale, p->zero_scale};
    plan->train = (struct net_train_spec){.batch = p->batch,
                                          .is_shuffled = p->shuffle != 0,
                                          .is_binary = p->weighting != 0,
                                          .denoise = p->denoising,
                                          .optimizer = (enum net_optimizer_id)p->optimizer,
                                          .rate = p->learning_rate,
                                          .momentum = p->momentum,
                                          .momentum2 = p->momentum2,
                                          .decay = p->weight_decay,
                                          .sparse_p = p->sparseness_p,
                                          .sparse_beta = p->sparseness_beta,
                                          .negatives = p->negatives};
    return p->network ? dsstne_plan(p->network, plan, err) : plan_layers(p, &plan->net, err);
}

static akin_status sdae_fit(struct model *m, const struct train_view *tv,
                            const struct fit_control *ctl, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct network_plan plan;
    AKIN_TRY(sdae_plan(m->params, &plan, err));
    AKIN_TRY(network_fit(m, &plan, tv, ctl, err));
done:
    return status;
}

static akin_status sdae_load(struct model *m, struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct network_plan plan;
    akin_error inner;
    status = sdae_plan(m->params, &plan, &inner);
    if (status != AKIN_OK)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: %s", container_path(c), inner.message);
    AKIN_TRY(network_load(m, &plan, c, err));
done:
    return status;
}

static void sdae_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                          double *bytes, double *flops)
{
    struct network_plan plan;
    *bytes = *flops = 0.0;
    if (sdae_plan(params, &plan, NULL) == AKIN_OK)
        network_estimate(&plan, n_users, n_items, nnz, bytes, flops);
}

const struct model_class model_sdae = {
    .name = "sdae",
    .summary = "deep sparse autoencoder with the parameters of DSSTNE",
    .flags = MODEL_EPOCHS | MODEL_CHECKPOINTS | MODEL_CLOSED_FORM,
    .params = sdae_rows,
    .n_params = PARAM_COUNT(sdae_rows),
    .params_size = sizeof(struct sdae_params),
    .self_size = sizeof(struct network),
    .fit = sdae_fit,
    .scorer = {.vectors = network_vectors, .fold_in = network_fold_in},
    .save = network_save,
    .load = sdae_load,
    .destroy = network_destroy,
    .estimate = sdae_estimate,
};
