/*
 * Reading of DSSTNE's networks (see dsstne.h). Keys and names are matched without regard to case,
 * as there. A network is a chain: Input, hidden layers, Output, each from the one before it.
 *
 * Names that say nothing about the arithmetic (Version, Name, DataSet, Sparse of Input and Output)
 * are read and not used. A hidden layer has the penalty of sparseness if it is Sparse. DeltaBoost
 * under CrossEntropy is what ScaledMarginalCrossEntropy's scales are, and becomes them.
 */
#include "models/dsstne.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

struct reading {
    struct network_plan *plan;
    double boost[2]; /* one, zero */
    bool is_boosted;
    char before[64]; /* name of the layer before, for Source */
    bool has_input, has_output;
};

/* A key: its value goes to `to`, or is refused. What a handler does not get is of the wrong type.
 */
typedef akin_status (*key_fn)(struct reading *r, struct net_layer_spec *layer, const char *key,
                              const json_t *value, akin_error *err);
struct key_row {
    const char *key;
    key_fn read;
};

/* ---- Values -------------------------------------------------------------------------------- */

static akin_status read_number(const char *key, const json_t *value, double lo, double hi,
                               double *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (!json_is_number(value))
        AKIN_FAIL(AKIN_E_ARG, "dsstne: %s must be a number", key);
    *out = json_number_value(value);
    if (!(*out >= lo && *out <= hi))
        AKIN_FAIL(AKIN_E_ARG, "dsstne: %s=%g (must be %g..%g)", key, *out, lo, hi);
done:
    return status;
}

struct name_row {
    const char *name;
    int id;
};

static akin_status read_name(const char *key, const json_t *value, const struct name_row *rows,
                             size_t n, int *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *text = json_string_value(value);
    for (size_t i = 0; text && i < n; i++)
        if (strcasecmp(rows[i].name, text) == 0) {
            *out = rows[i].id;
            goto done;
        }
    AKIN_FAIL(AKIN_E_ARG, "dsstne: %s '%.40s' is not one of akin's", key,
              text ? text : "(no text)");
done:
    return status;
}

static akin_status unused(struct reading *r, struct net_layer_spec *layer, const char *key,
                          const json_t *value, akin_error *err)
{
    (void)r;
    (void)layer;
    (void)key;
    (void)value;
    (void)err;
    return AKIN_OK;
}

static akin_status refused(struct reading *r, struct net_layer_spec *layer, const char *key,
                           const json_t *value, akin_error *err)
{
    (void)r;
    (void)layer;
    (void)value;
    return error_set(err, AKIN_E_ARG, __FILE__, __LINE__,
                     "dsstne: %.40s is not something akin's networks have", key);
}

/* Rows of an object; an unknown key is refused by name. */
static akin_status read_object(struct reading *r, struct net_layer_spec *layer, const char *what,
                               const json_t *object, const struct key_row *rows, size_t n,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *key;
    json_t *value;
    if (!json_is_object(object))
        AKIN_FAIL(AKIN_E_ARG, "dsstne: %s must be an object", what);
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        size_t i = 0;
        while (i < n && strcasecmp(rows[i].key, key) != 0)
            i++;
        if (i == n)
            AKIN_FAIL(AKIN_E_ARG, "dsstne: %s: key '%.40s' is unknown", what, key);
        AKIN_TRY(rows[i].read(r, layer, rows[i].key, value, err));
    }
done:
    return status;
}

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

/* ---- A layer ------------------------------------------------------------------------------- */

static akin_status layer_units(struct reading *r, struct net_layer_spec *layer, const char *key,
                               const json_t *value, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *text = json_string_value(value);
    (void)r;
    layer->width = 0; /* auto: by the data */
    if (text && strcasecmp(text, "auto") == 0)
        goto done;
    if (!json_is_integer(value) || json_integer_value(value) < 1 ||
        json_integer_value(value) > INT32_MAX)
        AKIN_FAIL(AKIN_E_ARG, "dsstne: %s of a layer must be \"auto\" or a number of units", key);
    layer->width = json_integer_value(value);
done:
    return status;
}

static akin_status layer_activation(struct reading *r, struct net_layer_spec *layer,
                                    const char *key, const json_t *value, akin_error *err)
{
    akin_status status = AKIN_OK;
    static const struct name_row names[] = {
        {"Sigmoid", NET_SIGMOID},   {"Tanh", NET_TANH},
        {"Relu", NET_RELU},         {"RectifiedLinear", NET_RELU},
        {"Linear", NET_LINEAR},     {"ParametricRectifiedLinear", NET_PRELU},
        {"PRelu", NET_PRELU},       {"LeakyRectifiedLinear", NET_LRELU},
        {"LRelu", NET_LRELU},       {"ExponentialLinear", NET_ELU},
        {"Elu", NET_ELU},           {"ScaledExponentialLinear", NET_SELU},
        {"Selu", NET_SELU},         {"SoftPlus", NET_SOFTPLUS},
        {"SoftSign", NET_SOFTSIGN}, {"SoftMax", NET_SOFTMAX}};
    int id;
    (void)r;
    AKIN_TRY(read_name(key, value, names, COUNT(names), &id, err));
    layer->unit = (enum net_unit_id)id;
done:
    return status;
}

static akin_status layer_dropout(struct reading *r, struct net_layer_spec *layer, const char *key,
                                 const json_t *value, akin_error *err)
{
    (void)r;
    return read_number(key, value, 0.0, 0.99, &layer->dropout, err);
}

static akin_status layer_slope(struct reading *r, struct net_layer_spec *layer, const char *key,
                               const json_t *value, akin_error *err)
{
    (void)r;
    return read_number(key, value, 0.0, 1.0, &layer->slope, err);
}

static akin_status layer_sparse(struct reading *r, struct net_layer_spec *layer, const char *key,
                                const json_t *value, akin_error *err)
{
    akin_status status = AKIN_OK;
    (void)r;
    if (!json_is_boolean(value))
        AKIN_FAIL(AKIN_E_ARG, "dsstne: %s must be true or false", key);
    layer->is_sparse = json_is_true(value);
done:
    return status;
}

static akin_status layer_type(struct reading *r, struct net_layer_spec *layer, const char *key,
                              const json_t *value, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *text = json_string_value(value);
    (void)r;
    (void)layer;
    if (!text || strcasecmp(text, "FullyConnected") != 0)
        AKIN_FAIL(AKIN_E_ARG,
                  "dsstne: layers of %s %.40s are not something akin's networks have "
                  "(all are FullyConnected)",
                  key, text ? text : "(no text)");
done:
    return status;
}

static akin_status layer_source(struct reading *r, struct net_layer_spec *layer, const char *key,
                                const json_t *value, akin_error *err)
{
    akin_status status = AKIN_OK;
    bool is_list = json_is_array(value);
    const char *text = json_string_value(is_list ? json_array_get(value, 0) : value);
    (void)layer;
    if (!text || (is_list && json_array_size(value) != 1))
        AKIN_FAIL(AKIN_E_ARG, "dsstne: %s must name one layer", key);
    if (strcmp(text, r->before) != 0)
        AKIN_FAIL(AKIN_E_ARG,
                  "dsstne: %s '%.40s' is not the layer before ('%s'): akin's networks are chains",
                  key, text, r->before);
done:
    return status;
}

static akin_status start_scheme(struct reading *r, struct net_layer_spec *layer, const char *key,
                                const json_t *value, akin_error *err)
{
    akin_status status = AKIN_OK;
    static const struct name_row names[] = {
        {"Xavier", NET_START_XAVIER},     {"CaffeXavier", NET_START_CAFFE_XAVIER},
        {"Gaussian", NET_START_GAUSSIAN}, {"Uniform", NET_START_UNIFORM},
        {"Constant", NET_START_CONSTANT}, {"SELU", NET_START_SELU}};
    int id;
    (void)r;
    AKIN_TRY(read_name(key, value, names, COUNT(names), &id, err));
    layer->start = (enum net_start)id;
done:
    return status;
}

static akin_status start_scale(struct reading *r, struct net_layer_spec *layer, const char *key,
                               const json_t *value, akin_error *err)
{
    (void)r;
    return read_number(key, value, 0.0, 1e3, &layer->start_scale, err);
}

static akin_status start_bias(struct reading *r, struct net_layer_spec *layer, const char *key,
                              const json_t *value, akin_error *err)
{
    (void)r;
    return read_number(key, value, -100.0, 100.0, &layer->start_bias, err);
}

static akin_status layer_start(struct reading *r, struct net_layer_spec *layer, const char *key,
                               const json_t *value, akin_error *err)
{
    static const struct key_row rows[] = {
        {"Scheme", start_scheme}, {"Scale", start_scale}, {"Bias", start_bias}};
    return read_object(r, layer, key, value, rows, COUNT(rows), err);
}

static akin_status read_layer(struct reading *r, const json_t *object, akin_error *err)
{
    akin_status status = AKIN_OK;
    static const struct key_row rows[] = {{"Name", unused},
                                          {"Kind", unused},
                                          {"DataSet", unused},
                                          {"Type", layer_type},
                                          {"Source", layer_source},
                                          {"N", layer_units},
                                          {"Activation", layer_activation},
                                          {"pDropout", layer_dropout},
                                          {"Slope", layer_slope},
                                          {"Sparse", layer_sparse},
                                          {"WeightInit", layer_start},
                                          {"BatchNormalization", refused},
                                          {"Skip", refused},
                                          {"Kernel", refused},
                                          {"KernelStride", refused},
                                          {"Function", refused}};
    enum { INPUT, HIDDEN, OUTPUT };
    static const struct name_row kinds[] = {
        {"Input", INPUT}, {"Hidden", HIDDEN}, {"Output", OUTPUT}};
    struct net_spec *net = &r->plan->net;
    struct net_layer_spec layer = {
        .unit = NET_SIGMOID, .start = NET_START_XAVIER, .start_scale = 1.0, .slope = 0.1};
    json_t *kind = json_object_get(object, "Kind"), *name = json_object_get(object, "Name");
    int id;
    AKIN_TRY(read_name("Kind of a layer", kind, kinds, COUNT(kinds), &id, err));
    if ((id == INPUT) == r->has_input || r->has_output)
        AKIN_FAIL(AKIN_E_ARG, "dsstne: layers must be one Input, hidden ones and one Output");
    AKIN_TRY(read_object(r, &layer, "a layer", object, rows, COUNT(rows), err));
    const char *text = json_string_value(name);
    snprintf(r->before, sizeof r->before, "%s", text ? text : json_string_value(kind));
    if (id == HIDDEN && layer.width == 0)
        AKIN_FAIL(AKIN_E_ARG, "dsstne: layer '%s': N must be a number of units", r->before);
    r->has_input = true;
    r->has_output = id == OUTPUT;
    if (id == INPUT) {
        r->plan->n_input = layer.width;
        goto done;
    }
    if (net->n_layers == NET_LAYERS)
        AKIN_FAIL(AKIN_E_ARG, "dsstne: more than %d layers", NET_LAYERS);
    if (id == OUTPUT && layer.width != r->plan->n_input)
        AKIN_FAIL(AKIN_E_ARG,
                  "dsstne: N of Input and Output differ: an autoencoder's are the same");
    if (id == OUTPUT && layer.dropout > 0.0)
        AKIN_FAIL(AKIN_E_ARG, "dsstne: pDropout of the Output is not something akin has");
    net->layer[net->n_layers++] = layer;
done:
    return status;
}

/* ---- The network --------------------------------------------------------------------------- */

static akin_status net_kind(struct reading *r, struct net_layer_spec *layer, const char *key,
                            const json_t *value, akin_error *err)
{
    static const struct name_row names[] = {{"FeedForward", 0}, {"AutoEncoder", 1}};
    int id;
    (void)r;
    (void)layer;
    return read_name(key, value, names, COUNT(names), &id, err);
}

static akin_status net_layers(struct reading *r, struct net_layer_spec *layer, const char *key,
                              const json_t *value, akin_error *err)
{
    akin_status status = AKIN_OK;
    (void)layer;
    if (!json_is_array(value))
        AKIN_FAIL(AKIN_E_ARG, "dsstne: %s must be a list", key);
    for (size_t l = 0; l < json_array_size(value); l++)
        AKIN_TRY(read_layer(r, json_array_get(value, l), err));
done:
    return status;
}

static akin_status net_error(struct reading *r, struct net_layer_spec *layer, const char *key,
                             const json_t *value, akin_error *err)
{
    akin_status status = AKIN_OK;
    enum { DATA_SCALED = NET_ERRORS };
    static const struct name_row names[] = {{"L1", NET_L1},
                                            {"L2", NET_L2},
                                            {"CrossEntropy", NET_CROSS_ENTROPY},
                                            {"ScaledMarginalCrossEntropy", NET_SCALED_MARGINAL},
                                            {"DataScaledMarginalCrossEntropy", DATA_SCALED},
                                            {"Hinge", NET_HINGE}};
    int id;
    (void)layer;
    AKIN_TRY(read_name(key, value, names, COUNT(names), &id, err));
    r->plan->train.is_binary = id != DATA_SCALED;
    r->plan->net.error = id == DATA_SCALED ? NET_SCALED_MARGINAL : (enum net_error_id)id;
done:
    return status;
}

static akin_status net_shuffle(struct reading *r, struct net_layer_spec *layer, const char *key,
                               const json_t *value, akin_error *err)
{
    akin_status status = AKIN_OK;
    (void)layer;
    if (!json_is_boolean(value))
        AKIN_FAIL(AKIN_E_ARG, "dsstne: %s must be true or false", key);
    r->plan->train.is_shuffled = json_is_true(value);
done:
    return status;
}

/* Objects of numbers: {key, where, lo, hi}. */
struct number_row {
    const char *key;
    double *to, lo, hi;
};
static akin_status read_numbers(const char *what, const json_t *object,
                                const struct number_row *rows, size_t n, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *key;
    json_t *value;
    if (!json_is_object(object))
        AKIN_FAIL(AKIN_E_ARG, "dsstne: %s must be an object", what);
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        size_t i = 0;
        while (i < n && strcasecmp(rows[i].key, key) != 0)
            i++;
        if (i == n)
            AKIN_FAIL(AKIN_E_ARG, "dsstne: %s: key '%.40s' is unknown", what, key);
        AKIN_TRY(read_number(rows[i].key, value, rows[i].lo, rows[i].hi, rows[i].to, err));
    }
done:
    return status;
}

static akin_status net_margin(struct reading *r, struct net_layer_spec *layer, const char *key,
                              const json_t *value, akin_error *err)
{
    struct net_margin *m = &r->plan->net.margin;
    const struct number_row rows[] = {{"oneTarget", &m->one_target, 0, 1},
                                      {"zeroTarget", &m->zero_target, 0, 1},
                                      {"oneScale", &m->one_scale, 0, 1e6},
                                      {"zeroScale", &m->zero_scale, 0, 1e6}};
    (void)layer;
    return read_numbers(key, value, rows, COUNT(rows), err);
}

static akin_status net_denoising(struct reading *r, struct net_layer_spec *layer, const char *key,
                                 const json_t *value, akin_error *err)
{
    const struct number_row rows[] = {{"p", &r->plan->train.denoise, 0, 0.99}};
    (void)layer;
    return read_numbers(key, value, rows, COUNT(rows), err);
}

static akin_status net_sparseness(struct reading *r, struct net_layer_spec *layer, const char *key,
                                  const json_t *value, akin_error *err)
{
    const struct number_row rows[] = {{"p", &r->plan->train.sparse_p, 0.001, 0.999},
                                      {"beta", &r->plan->train.sparse_beta, 0, 1e6}};
    (void)layer;
    return read_numbers(key, value, rows, COUNT(rows), err);
}

static akin_status net_boost(struct reading *r, struct net_layer_spec *layer, const char *key,
                             const json_t *value, akin_error *err)
{
    const struct number_row rows[] = {{"one", &r->boost[0], 0, 1e6},
                                      {"zero", &r->boost[1], 0, 1e6}};
    (void)layer;
    r->is_boosted = true;
    return read_numbers(key, value, rows, COUNT(rows), err);
}

static akin_status boost(struct reading *r, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct net_spec *net = &r->plan->net;
    if (net->error != NET_CROSS_ENTROPY)
        AKIN_FAIL(AKIN_E_ARG,
                  "dsstne: DeltaBoost needs the error CrossEntropy (others have scales)");
    net->error = NET_SCALED_MARGINAL;
    net->margin = (struct net_margin){1.0, 0.0, r->boost[0], r->boost[1]};
done:
    return status;
}

akin_status dsstne_plan(const json_t *network, struct network_plan *plan, akin_error *err)
{
    akin_status status = AKIN_OK;
    static const struct key_row rows[] = {{"Version", unused},
                                          {"Name", unused},
                                          {"Kind", net_kind},
                                          {"Layers", net_layers},
                                          {"ErrorFunction", net_error},
                                          {"ShuffleIndices", net_shuffle},
                                          {"Denoising", net_denoising},
                                          {"SparsenessPenalty", net_sparseness},
                                          {"ScaledMarginalCrossEntropy", net_margin},
                                          {"DataScaledMarginalCrossEntropy", net_margin},
                                          {"DeltaBoost", net_boost},
                                          {"LocalResponseNormalization", refused},
                                          {"Maxout", refused}};
    struct reading r = {.plan = plan, .boost = {1.0, 1.0}};
    plan->net.n_layers = 0; /* what it does not say is as DSSTNE has it */
    plan->net.error = NET_CROSS_ENTROPY;
    plan->net.margin = (struct net_margin){0.9, 0.1, 1.0, 1.0};
    plan->train.is_shuffled = true;
    plan->train.is_binary = true;
    plan->train.sparse_beta = 0.0;
    plan->train.denoise = 0.0;
    AKIN_TRY(read_object(&r, NULL, "the network", network, rows, COUNT(rows), err));
    if (!r.has_output || plan->net.n_layers < 2)
        AKIN_FAIL(AKIN_E_ARG, "dsstne: Layers must be an Input, hidden ones and an Output");
    if (r.is_boosted)
        AKIN_TRY(boost(&r, err));
    for (int l = 0; l < plan->net.n_layers; l++)
        plan->net.layer[l].is_sparse &= plan->train.sparse_beta > 0.0;
done:
    return status;
}
