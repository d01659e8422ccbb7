/*
 * vae: autoencoders with a multinomial likelihood (Liang, Krishnan, Hoffman, Jebara 2018,
 * "Variational Autoencoders for Collaborative Filtering", doi:10.1145/3178876.3186150).
 *
 * x: the user's items, brought to length 1, a share `dropout` of them left out in training.
 *   kind=dae  z = tanh(W x + b)
 *   kind=vae  z ~ N(mean, variance), both linear in what is before them; their means when asked
 *   π = softmax(output),  L = -Σ_i x_i ln π_i [+ beta·KL(z ‖ N(0, 1))] + reg/2·‖W‖²
 * hidden > 0 puts a layer of tanh before z and another after it. Adam on minibatches of users.
 *
 * Cost: see network.c. A score is the input of the softmax: the logarithm of π but for a number
 * that is the same for all items of an asker. Not here: RecVAE's composite prior, VampPrior,
 * several layers to a side.
 */
#include "models/network.h"

enum { DAE, VAE };

struct vae_params {
    int64_t kind;
    int64_t factors;
    int64_t hidden;
    int64_t epochs;
    double learning_rate;
    double dropout;
    double reg;
    double beta;
    double anneal_epochs;
    int64_t batch;
    int64_t negatives;
    int64_t weighting;
};

static const akin_param vae_rows[] = {
    PARAM_CHOICE(struct vae_params, kind, "vae", "dae|vae", AKIN_PARAM_TUNE,
                 "denoising (Mult-DAE) or variational (Mult-VAE)"),
    PARAM_INT(struct vae_params, factors, "200", 1, 8192, "", AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,
              "numbers that a user is made into"),
    PARAM_INT(struct vae_params, hidden, "0", 0, 65536, "", 0,
              "units of a layer before and of one after these numbers; 0 = without"),
    PARAM_INT(struct vae_params, epochs, "50", 1, 100000, "", 0,
              "passes over the users; the most, if early stopping ends it"),
    PARAM_REAL(struct vae_params, learning_rate, "0.002", 1e-7, 10, "",
               AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG, "size of a step (Adam)"),
    PARAM_REAL(struct vae_params, dropout, "0.5", 0, 0.99, "", AKIN_PARAM_TUNE,
               "share of a user's items left out in training"),
    PARAM_REAL(struct vae_params, reg, "0", 0, 100, "", AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,
               "strength of the L2 regularisation of weights, a step"),
    PARAM_REAL(struct vae_params, beta, "0.2", 0, 10, "", AKIN_PARAM_TUNE,
               "vae: weight of the divergence from the prior"),
    PARAM_REAL(struct vae_params, anneal_epochs, "20", 0, 1e6, "epochs", 0,
               "vae: beta grows from 0 for so long"),
    PARAM_INT(struct vae_params, batch, "0", 0, 65536, "users", 0,
              "users of a step; 0 = by their number"),
    PARAM_INT(struct vae_params, negatives, "0", 0, 1e9, "items", 0,
              "items a step is asked for beside those of its users; 0 = all"),
    PARAM_CHOICE(struct vae_params, weighting, "binary", "weight|binary", 0,
                 "weights of events as they are, or 1 for each item"),
};

static struct net_layer_spec vae_layer(int64_t width, enum net_unit_id unit)
{
    return (struct net_layer_spec){
        .width = width, .unit = unit, .start = NET_START_XAVIER, .start_scale = 1.0};
}

static struct network_plan vae_plan(const void *params)
{
    const struct vae_params *p = params;
    bool is_vae = p->kind == VAE;
    struct network_plan plan = {.epochs = p->epochs, .kl_epochs = p->anneal_epochs};
    struct net_spec *net = &plan.net;
    if (p->hidden > 0)
        net->layer[net->n_layers++] = vae_layer(p->hidden, NET_TANH);
    net->layer[net->n_layers] = vae_layer(p->factors, is_vae ? NET_LINEAR : NET_TANH);
    net->layer[net->n_layers++].is_gaussian = is_vae;
    if (p->hidden > 0)
        net->layer[net->n_layers++] = vae_layer(p->hidden, NET_TANH);
    net->layer[net->n_layers++] = vae_layer(0, NET_SOFTMAX);
    net->error = NET_CROSS_ENTROPY;
    net->unit_rows = true;
    plan.train = (struct net_train_spec){.batch = p->batch,
                                         .is_shuffled = true,
                                         .is_binary = p->weighting != 0,
                                         .denoise = p->dropout,
                                         .optimizer = NET_ADAM,
                                         .rate = p->learning_rate,
                                         .momentum = 0.9,
                                         .momentum2 = 0.999,
                                         .decay = p->reg,
                                         .kl = is_vae ? p->beta : 0.0,
                                         .negatives = p->negatives};
    return plan;
}

static akin_status vae_fit(struct model *m, const struct train_view *tv,
                           const struct fit_control *ctl, akin_error *err)
{
    const struct network_plan plan = vae_plan(m->params);
    return network_fit(m, &plan, tv, ctl, err);
}

static akin_status vae_load(struct model *m, struct container *c, akin_error *err)
{
    const struct network_plan plan = vae_plan(m->params);
    return network_load(m, &plan, c, err);
}

static void vae_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                         double *bytes, double *flops)
{
    const struct network_plan plan = vae_plan(params);
    network_estimate(&plan, n_users, n_items, nnz, bytes, flops);
}

const struct model_class model_vae = {
    .name = "vae",
    .summary = "autoencoder with a multinomial likelihood (Mult-VAE, Mult-DAE)",
    .flags = MODEL_EPOCHS | MODEL_CHECKPOINTS | MODEL_CLOSED_FORM,
    .params = vae_rows,
    .n_params = PARAM_COUNT(vae_rows),
    .params_size = sizeof(struct vae_params),
    .self_size = sizeof(struct network),
    .fit = vae_fit,
    .scorer = {.vectors = network_vectors, .fold_in = network_fold_in},
    .save = network_save,
    .load = vae_load,
    .destroy = network_destroy,
    .estimate = vae_estimate,
};
