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

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

struct reading {
    struct network_plan *plan;
    char before[64]; /* name of the layer before, for Source */
    bool has_input, has_output;
};

/* ---- Objects by rows ----------------------------------------------------------------------- */

struct name_row {
    const char *name;
    int id;
};

enum value_kind { UNUSED, REFUSED, NUMBER, FLAG, NAME, OBJECT, CALL };

/* A key: where its value goes, or who reads it. */
struct key_row {
    const char *key;
    enum value_kind kind;
    void *to;                     /* NUMBER: double; NAME: int; FLAG: bool; OBJECT: bool or NULL,
                                     whether there is one */
    double lo, hi;                /* NUMBER */
    const struct name_row *names; /* NAME (n) */
    const struct key_row *rows;   /* OBJECT (n) */
    size_t n;
    akin_status (*call)(struct reading *r, void *to, const char *key, const json_t *value,
                        akin_error *err);
};
#define ROW_NUMBER(name, where, least, most)                                                       \
    {                                                                                              \
        .key = (name), .kind = NUMBER, .to = (where), .lo = (least), .hi = (most)                  \
    }
#define ROW_NAME(name, where, all)                                                                 \
    {                                                                                              \
        .key = (name), .kind = NAME, .to = (where), .names = (all), .n = COUNT(all)                \
    }
#define ROW_OBJECT(name, there, all)                                                               \
    {                                                                                              \
        .key = (name), .kind = OBJECT, .to = (there), .rows = (all), .n = COUNT(all)               \
    }
#define ROW_CALL(name, where, fn)                                                                  \
    {                                                                                              \
        .key = (name), .kind = CALL, .to = (where), .call = (fn)                                   \
    }

static akin_status read_number(const struct key_row *row, const json_t *value, akin_error *err)
{
    akin_status status = AKIN_OK;
    double x = json_number_value(value);
    if (!json_is_number(value))
        AKIN_FAIL(AKIN_E_ARG, "dsstne: %s must be a number", row->key);
    if (!(x >= row->lo && x <= row->hi))
        AKIN_FAIL(AKIN_E_ARG, "dsstne: %s=%g (must be %g..%g)", row->key, x, row->lo, row->hi);
    *(double *)row->to = x;
done:
    return status;
}

static akin_status read_name(const struct key_row *row, const json_t *value, akin_error *err)
{
    const char *text = json_string_value(value);
    for (size_t i = 0; text && i < row->n; i++)
        if (strcasecmp(row->names[i].name, text) == 0) {
            *(int *)row->to = row->names[i].id;
            return AKIN_OK;
        }
    return error_set(err, AKIN_E_ARG, __FILE__, __LINE__, "dsstne: %s '%.40s' is not one of akin's",
                     row->key, text ? text : "(no text)");
}

static akin_status read_object(struct reading *r, const char *what, const json_t *object,
                               const struct key_row *rows, size_t n, akin_error *err);

static akin_status read_value(struct reading *r, const struct key_row *row, const json_t *value,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    switch (row->kind) {
    case UNUSED:
        break;
    case REFUSED:
        AKIN_FAIL(AKIN_E_ARG, "dsstne: %s is not something akin's networks have", row->key);
    case NUMBER:
        return read_number(row, value, err);
    case NAME:
        return read_name(row, value, err);
    case FLAG:
        if (!json_is_boolean(value))
            AKIN_FAIL(AKIN_E_ARG, "dsstne: %s must be true or false", row->key);
        *(bool *)row->to = json_is_true(value);
        break;
    case OBJECT:
        if (row->to)
            *(bool *)row->to = true;
        return read_object(r, row->key, value, row->rows, row->n, err);
    case CALL:
        return row->call(r, row->to, row->key, value, err);
    }
done:
    return status;
}

/* An unknown key is refused by name. */
static akin_status read_object(struct reading *r, const char *what, const json_t *object,
                               const struct key_row *rows, size_t n, akin_error *err)
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
        AKIN_TRY(read_value(r, &rows[i], value, err));
    }
done:
    return status;
}

/* ---- A layer ------------------------------------------------------------------------------- */

static akin_status layer_units(struct reading *r, void *to, const char *key, const json_t *value,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *text = json_string_value(value);
    int64_t *width = to;
    (void)r;
    *width = 0; /* auto: by the data */
    if (text && strcasecmp(text, "auto") == 0)
        goto done;
    if (!json_is_integer(value) || json_integer_value(value) < 1 ||
        json_integer_value(value) > INT32_MAX)
        AKIN_FAIL(AKIN_E_ARG, "dsstne: %s of a layer must be \"auto\" or a number of units", key);
    *width = json_integer_value(value);
done:
    return status;
}

static akin_status layer_type(struct reading *r, void *to, const char *key, const json_t *value,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *text = json_string_value(value);
    (void)r;
    (void)to;
    if (!text || strcasecmp(text, "FullyConnected") != 0)
        AKIN_FAIL(AKIN_E_ARG,
                  "dsstne: layers of %s %.40s are not something akin's networks have "
                  "(all are FullyConnected)",
                  key, text ? text : "(no text)");
done:
    return status;
}

static akin_status layer_source(struct reading *r, void *to, const char *key, const json_t *value,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    bool is_list = json_is_array(value);
    const char *text = json_string_value(is_list ? json_array_get(value, 0) : value);
    (void)to;
    if (!text || (is_list && json_array_size(value) != 1))
        AKIN_FAIL(AKIN_E_ARG, "dsstne: %s must name one layer", key);
    if (strcmp(text, r->before) != 0)
        AKIN_FAIL(AKIN_E_ARG,
                  "dsstne: %s '%.40s' is not the layer before ('%s'): akin's networks are chains",
                  key, text, r->before);
done:
    return status;
}

static const struct name_row activations[] = {
    {"Sigmoid", NET_SIGMOID},   {"Tanh", NET_TANH},
    {"Relu", NET_RELU},         {"RectifiedLinear", NET_RELU},
    {"Linear", NET_LINEAR},     {"ParametricRectifiedLinear", NET_PRELU},
    {"PRelu", NET_PRELU},       {"LeakyRectifiedLinear", NET_LRELU},
    {"LRelu", NET_LRELU},       {"ExponentialLinear", NET_ELU},
    {"Elu", NET_ELU},           {"ScaledExponentialLinear", NET_SELU},
    {"Selu", NET_SELU},         {"SoftPlus", NET_SOFTPLUS},
    {"SoftSign", NET_SOFTSIGN}, {"SoftMax", NET_SOFTMAX}};
static const struct name_row schemes[] = {
    {"Xavier", NET_START_XAVIER},     {"CaffeXavier", NET_START_CAFFE_XAVIER},
    {"Gaussian", NET_START_GAUSSIAN}, {"Uniform", NET_START_UNIFORM},
    {"Constant", NET_START_CONSTANT}, {"SELU", NET_START_SELU}};

static akin_status layer_values(struct reading *r, const json_t *object, struct net_layer_spec *out,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    struct net_layer_spec layer = {.start_scale = 1.0, .slope = 0.1};
    int unit = NET_SIGMOID, start = NET_START_XAVIER;
    const struct key_row starts[] = {ROW_NAME("Scheme", &start, schemes),
                                     ROW_NUMBER("Scale", &layer.start_scale, 0, 1e3),
                                     ROW_NUMBER("Bias", &layer.start_bias, -100, 100)};
    const struct key_row rows[] = {{.key = "Name", .kind = UNUSED},
                                   {.key = "Kind", .kind = UNUSED},
                                   {.key = "DataSet", .kind = UNUSED},
                                   ROW_CALL("Type", NULL, layer_type),
                                   ROW_CALL("Source", NULL, layer_source),
                                   ROW_CALL("N", &layer.width, layer_units),
                                   ROW_NAME("Activation", &unit, activations),
                                   ROW_NUMBER("pDropout", &layer.dropout, 0, 0.99),
                                   ROW_NUMBER("Slope", &layer.slope, 0, 1),
                                   {.key = "Sparse", .kind = FLAG, .to = &layer.is_sparse},
                                   ROW_OBJECT("WeightInit", NULL, starts),
                                   {.key = "BatchNormalization", .kind = REFUSED},
                                   {.key = "Skip", .kind = REFUSED},
                                   {.key = "Kernel", .kind = REFUSED},
                                   {.key = "KernelStride", .kind = REFUSED},
                                   {.key = "Function", .kind = REFUSED}};
    AKIN_TRY(read_object(r, "a layer", object, rows, COUNT(rows), err));
    layer.unit = (enum net_unit_id)unit;
    layer.start = (enum net_start)start;
    *out = layer;
done:
    return status;
}

static akin_status read_layer(struct reading *r, const json_t *object, akin_error *err)
{
    akin_status status = AKIN_OK;
    enum { INPUT, HIDDEN, OUTPUT };
    static const struct name_row kinds[] = {
        {"Input", INPUT}, {"Hidden", HIDDEN}, {"Output", OUTPUT}};
    struct net_spec *net = &r->plan->net;
    struct net_layer_spec layer = {0};
    json_t *kind = json_object_get(object, "Kind"), *name = json_object_get(object, "Name");
    int id = HIDDEN;
    const struct key_row row = ROW_NAME("Kind of a layer", &id, kinds);
    AKIN_TRY(read_name(&row, kind, err));
    if ((id == INPUT) == r->has_input || r->has_output)
        AKIN_FAIL(AKIN_E_ARG, "dsstne: layers must be one Input, hidden ones and one Output");
    AKIN_TRY(layer_values(r, object, &layer, err));
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

static akin_status net_layers(struct reading *r, void *to, const char *key, const json_t *value,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    (void)to;
    if (!json_is_array(value))
        AKIN_FAIL(AKIN_E_ARG, "dsstne: %s must be a list", key);
    for (size_t l = 0; l < json_array_size(value); l++)
        AKIN_TRY(read_layer(r, json_array_get(value, l), err));
done:
    return status;
}

enum { DATA_SCALED = NET_ERRORS };
static const struct name_row errors[] = {{"L1", NET_L1},
                                         {"L2", NET_L2},
                                         {"CrossEntropy", NET_CROSS_ENTROPY},
                                         {"ScaledMarginalCrossEntropy", NET_SCALED_MARGINAL},
                                         {"DataScaledMarginalCrossEntropy", DATA_SCALED},
                                         {"Hinge", NET_HINGE}};
static const struct name_row kinds_of_net[] = {{"FeedForward", 0}, {"AutoEncoder", 1}};

akin_status dsstne_plan(const json_t *network, struct network_plan *plan, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct reading r = {.plan = plan};
    struct net_margin *m = &plan->net.margin, boost = {1.0, 0.0, 1.0, 1.0};
    int kind, error = NET_CROSS_ENTROPY;
    bool is_boosted = false;
    const struct key_row margin[] = {ROW_NUMBER("oneTarget", &m->one_target, 0, 1),
                                     ROW_NUMBER("zeroTarget", &m->zero_target, 0, 1),
                                     ROW_NUMBER("oneScale", &m->one_scale, 0, 1e6),
                                     ROW_NUMBER("zeroScale", &m->zero_scale, 0, 1e6)};
    const struct key_row denoising[] = {ROW_NUMBER("p", &plan->train.denoise, 0, 0.99)};
    const struct key_row sparseness[] = {ROW_NUMBER("p", &plan->train.sparse_p, 0.001, 0.999),
                                         ROW_NUMBER("beta", &plan->train.sparse_beta, 0, 1e6)};
    const struct key_row boosts[] = {ROW_NUMBER("one", &boost.one_scale, 0, 1e6),
                                     ROW_NUMBER("zero", &boost.zero_scale, 0, 1e6)};
    const struct key_row rows[] = {
        {.key = "Version", .kind = UNUSED},
        {.key = "Name", .kind = UNUSED},
        ROW_NAME("Kind", &kind, kinds_of_net),
        ROW_CALL("Layers", NULL, net_layers),
        ROW_NAME("ErrorFunction", &error, errors),
        {.key = "ShuffleIndices", .kind = FLAG, .to = &plan->train.is_shuffled},
        ROW_OBJECT("Denoising", NULL, denoising),
        ROW_OBJECT("SparsenessPenalty", NULL, sparseness),
        ROW_OBJECT("ScaledMarginalCrossEntropy", NULL, margin),
        ROW_OBJECT("DataScaledMarginalCrossEntropy", NULL, margin),
        ROW_OBJECT("DeltaBoost", &is_boosted, boosts),
        {.key = "LocalResponseNormalization", .kind = REFUSED},
        {.key = "Maxout", .kind = REFUSED}};
    plan->net.n_layers = 0; /* what it does not say is as DSSTNE has it */
    *m = (struct net_margin){0.9, 0.1, 1.0, 1.0};
    plan->train.is_shuffled = true;
    plan->train.sparse_beta = 0.0;
    plan->train.denoise = 0.0;
    AKIN_TRY(read_object(&r, "the network", network, rows, COUNT(rows), err));
    if (!r.has_output || plan->net.n_layers < 2)
        AKIN_FAIL(AKIN_E_ARG, "dsstne: Layers must be an Input, hidden ones and an Output");
    plan->train.is_binary = error != DATA_SCALED;
    plan->net.error = error == DATA_SCALED ? NET_SCALED_MARGINAL : (enum net_error_id)error;
    if (is_boosted && plan->net.error != NET_CROSS_ENTROPY)
        AKIN_FAIL(AKIN_E_ARG,
                  "dsstne: DeltaBoost needs the error CrossEntropy (others have scales)");
    if (is_boosted) {
        plan->net.error = NET_SCALED_MARGINAL;
        *m = boost;
    }
    for (int l = 0; l < plan->net.n_layers; l++)
        plan->net.layer[l].is_sparse &= plan->train.sparse_beta > 0.0;
done:
    return status;
}
