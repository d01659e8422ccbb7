/*
 * The operations `dsstne-generate` and `dsstne-train`: what Amazon DSSTNE's programs generateNetCDF
 * and train do, by their flags, on akin's files. A dataset and a model of akin's stand where theirs
 * are NetCDF, under whatever name they are given.
 *
 * Facts of flags, defaults and index files: DSSTNE's user guide and its programs' own help. Cost:
 * that of prepare and of the model sdae. Not here: NetCDF, directories as input, an output that is
 * not the input (akin's networks give back what goes in).
 */
#include "api/dsstne_index.h"
#include "api/op.h"
#include "core/json.h"
#include "models/model.h"
#include "train/train.h"

#include <string.h>

#define LETTER(c) AKIN_PARAM_LETTER(c)

/* ---- generate ------------------------------------------------------------------------------ */

struct generate_params {
    const char *dataset, *input, *output, *features, *samples;
    int64_t create, merge, type;
};
static const akin_param generate_rows[] = {
    PARAM_TEXT(struct generate_params, dataset, NULL, AKIN_PARAM_REQUIRED | LETTER('d'),
               "name of the dataset, kept in its card"),
    PARAM_TEXT(struct generate_params, input, NULL, AKIN_PARAM_REQUIRED | LETTER('i'),
               "text: sample<TAB>feature[,value]:feature… a line"),
    PARAM_TEXT(struct generate_params, output, NULL, AKIN_PARAM_REQUIRED | LETTER('o'),
               "dataset file to write; akin's format whatever its name (NetCDF is not built)"),
    PARAM_TEXT(struct generate_params, features, NULL, AKIN_PARAM_REQUIRED | LETTER('f'),
               "index of features; read, or written with create or merge"),
    PARAM_TEXT(struct generate_params, samples, NULL, AKIN_PARAM_REQUIRED | LETTER('s'),
               "index of samples; read if it is there, new samples are added"),
    PARAM_BOOL(struct generate_params, create, "false", LETTER('c'),
               "make the index of features anew"),
    PARAM_BOOL(struct generate_params, merge, "false", LETTER('m'),
               "add new features to their index"),
    PARAM_CHOICE(struct generate_params, type, "indicator", "indicator|analog", LETTER('t'),
                 "indicator: features are there or not; analog: they have values"),
    PARAM_END,
};
enum { TYPE_INDICATOR, TYPE_ANALOG };

akin_status dsstne_text_open(akin_ctx *ctx, const char *path, bool with_values,
                             struct dataset **out, json_t **report, akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *keys = json_pack("{s:s}", "format", "dsstne");
    json_t *found = NULL;
    if (!keys || (!with_values &&
                  json_object_set_new(keys, "columns", json_pack("{s:s}", "value", "")) != 0))
        AKIN_FAIL(AKIN_E_MEMORY, "dsstne: out of memory");
    if (dataset_is_file(path))
        AKIN_FAIL(AKIN_E_INPUT, "%s is a dataset already (give the text it was made of)", path);
    AKIN_TRY(dataset_open(ctx, path, keys, clock_unix(), out, &found, err));
    if (report) {
        *report = found;
        found = NULL;
    }
done:
    json_decref(keys);
    json_decref(found);
    return status;
}

/* Leaves out features that the index does not name, as generateNetCDF does; counts their events. */
static akin_status keep_known(akin_ctx *ctx, const struct dsstne_index *x, const char *path,
                              struct dataset **ds, int64_t *n_left_out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct dataset *kept = NULL;
    uint8_t *known = NULL, *keep = NULL;
    const struct dataset *d = *ds;
    *n_left_out = 0;
    MEM_ZERO(ctx, known, d->items.n);
    MEM_ZERO(ctx, keep, d->n_events);
    for (int32_t i = 0; i < d->items.n; i++) {
        int32_t size;
        const char *id = ids_get(&d->items, i, &size);
        known[i] = dsstne_index_has(x, id, size);
    }
    for (int64_t e = 0; e < d->n_events; e++) {
        keep[e] = known[d->item[e]];
        *n_left_out += !keep[e];
    }
    if (*n_left_out == d->n_events)
        AKIN_FAIL(AKIN_E_INPUT, "%s names none of the features (create with -c, add with -m)",
                  path);
    if (*n_left_out == 0)
        goto done;
    AKIN_TRY(dataset_subset(d, keep, NULL, false, &kept, err));
    dataset_free(*ds);
    *ds = kept;
done:
    mem_free(ctx, known);
    mem_free(ctx, keep);
    return status;
}

static akin_status generate_indices(const struct generate_params *p, struct dataset **ds,
                                    struct dsstne_index *features, struct dsstne_index *samples,
                                    int64_t *n_left_out, akin_error *err)
{
    akin_status status = AKIN_OK;
    *n_left_out = 0;
    if (p->create && p->merge)
        AKIN_FAIL(AKIN_E_ARG, "dsstne-generate: create and merge exclude one another");
    if (!p->create && !file_exists(p->features))
        AKIN_FAIL(AKIN_E_INPUT, "dsstne-generate: no index of features %s (-c makes one)",
                  p->features);
    if (!p->create)
        AKIN_TRY(dsstne_index_read(features, p->features, err));
    if (file_exists(p->samples))
        AKIN_TRY(dsstne_index_read(samples, p->samples, err));
    if (!p->create && !p->merge)
        AKIN_TRY(keep_known(features->ctx, features, p->features, ds, n_left_out, err));
    AKIN_TRY(dsstne_index_add(features, &(*ds)->items, err));
    AKIN_TRY(dsstne_index_add(samples, &(*ds)->users, err));
done:
    return status;
}

static akin_status generate_run(struct op_call *call, json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct generate_params p;
    struct dataset *ds = NULL;
    struct dsstne_index features, samples;
    json_t *report = NULL;
    int64_t n_left_out = 0;
    dsstne_index_init(&features, call->ctx);
    dsstne_index_init(&samples, call->ctx);
    AKIN_TRY(op_parse(call, 0, &p, err));
    AKIN_TRY(dsstne_text_open(call->ctx, p.input, p.type == TYPE_ANALOG, &ds, &report, err));
    AKIN_TRY(generate_indices(&p, &ds, &features, &samples, &n_left_out, err));
    if (json_object_set_new(ds->card, "dataset", json_string(p.dataset)) != 0)
        AKIN_FAIL(AKIN_E_ARG, "dsstne-generate: dataset: not UTF-8");
    AKIN_TRY(dataset_save(ds, p.output, err));
    if (features.added > 0 || p.create)
        AKIN_TRY(dsstne_index_write(&features, p.features, err));
    if (samples.added > 0)
        AKIN_TRY(dsstne_index_write(&samples, p.samples, err));
    *result = json_pack(
        "{s:s, s:s, s:i, s:i, s:I, s:I, s:I, s:I, s:O?}", "dataset", p.dataset, "output", p.output,
        "samples", ds->users.n, "features", ds->items.n, "events", (json_int_t)ds->n_events,
        "features_added", (json_int_t)features.added, "samples_added", (json_int_t)samples.added,
        "unknown_features", (json_int_t)n_left_out, "dropped", json_object_get(report, "dropped"));
    if (!*result)
        AKIN_FAIL(AKIN_E_MEMORY, "dsstne-generate: out of memory");
done:
    dsstne_index_free(&features);
    dsstne_index_free(&samples);
    json_decref(report);
    dataset_free(ds);
    return status;
}

const struct op op_dsstne_generate = {
    {"dsstne-generate",
     "DSSTNE's generateNetCDF: text of samples and features to a dataset",
     "akin dsstne generate -d gl_input -i ml-20m_ratings -o gl_input.nc -f features_input "
     "-s samples_input -c",
     {{"Options", generate_rows}},
     1},
    generate_run,
};

/* ---- train --------------------------------------------------------------------------------- */

struct dsstne_train_params {
    const char *config, *input, *output, *network, *dataset;
    const char *checkpoint;
    int64_t batch, epochs, optimizer, resume;
    double alpha, lambda, lambda1, mu, mu1;
};
#define OPTIMIZERS "sgd|momentum|nesterov|adagrad|rmsprop|adadelta|adam"
static const akin_param dsstne_train_rows[] = {
    PARAM_TEXT(struct dsstne_train_params, config, NULL, AKIN_PARAM_REQUIRED | LETTER('c'),
               "network as DSSTNE's JSON has it"),
    PARAM_TEXT(struct dsstne_train_params, input, NULL, AKIN_PARAM_REQUIRED | LETTER('i'),
               "dataset of the network's input"),
    PARAM_TEXT(struct dsstne_train_params, output, NULL, AKIN_PARAM_REQUIRED | LETTER('o'),
               "dataset of the output wanted: the same samples and features"),
    PARAM_TEXT(struct dsstne_train_params, network, NULL, AKIN_PARAM_REQUIRED | LETTER('n'),
               "model file to write; one that is there is not replaced"),
    PARAM_TEXT(struct dsstne_train_params, dataset, NULL, LETTER('d'),
               "name of the dataset; not used, as in DSSTNE"),
    PARAM_INT(struct dsstne_train_params, batch, "1024", 1, 65536, "samples", LETTER('b'),
              "samples of a step"),
    PARAM_INT(struct dsstne_train_params, epochs, "40", 1, 100000, "", LETTER('e'),
              "passes over the samples"),
    PARAM_REAL(struct dsstne_train_params, alpha, "0.025", 1e-7, 100, "", 0, "learning rate"),
    PARAM_REAL(struct dsstne_train_params, lambda, "0.0001", 0, 100, "", 0, "L2 of the weights"),
    PARAM_REAL(struct dsstne_train_params, lambda1, "0", 0, 0, "", 0, "L1: not built"),
    PARAM_REAL(struct dsstne_train_params, mu, "0.5", 0, 0.9999, "", 0,
               "momentum (not of sgd, which DSSTNE trains by)"),
    PARAM_REAL(struct dsstne_train_params, mu1, "0", 0, 0.99999, "", 0,
               "adam: share kept of earlier squares; 0 = 0.999"),
    PARAM_CHOICE(struct dsstne_train_params, optimizer, "sgd", OPTIMIZERS, 0,
                 "how a step follows from a gradient; DSSTNE's program has sgd"),
    PARAM_TEXT(struct dsstne_train_params, checkpoint, NULL, 0,
               "model file to write after every epoch, so that the last good one is kept"),
    PARAM_BOOL(struct dsstne_train_params, resume, "false", 0,
               "go on from the checkpoint if it is there"),
    PARAM_END,
};

static bool same_ids(const struct ids *a, const struct ids *b)
{
    return a->n == b->n && memcmp(a->off, b->off, (size_t)(a->n + 1) * sizeof *a->off) == 0 &&
           (a->n == 0 || memcmp(a->bytes, b->bytes, (size_t)a->off[a->n]) == 0);
}

/* An autoencoder's output is its input. */
static akin_status check_same(const struct dataset *a, const struct dataset *b,
                              const struct dsstne_train_params *p, akin_error *err)
{
    akin_status status = AKIN_OK;
    bool is_same =
        same_ids(&a->users, &b->users) && same_ids(&a->items, &b->items) &&
        a->n_events == b->n_events &&
        memcmp(a->user_ptr, b->user_ptr, (size_t)(a->users.n + 1) * sizeof *a->user_ptr) == 0 &&
        memcmp(a->item, b->item, (size_t)a->n_events * sizeof *a->item) == 0;
    if (!is_same)
        AKIN_FAIL(AKIN_E_INPUT,
                  "%s and %s differ in samples or features: akin's networks give back what goes in "
                  "(make both of one text)",
                  p->input, p->output);
    if (a->value && b->value &&
        memcmp(a->value, b->value, (size_t)a->n_events * sizeof *a->value) != 0)
        AKIN_FAIL(AKIN_E_INPUT,
                  "%s and %s differ in values: akin's networks give back what goes in", p->input,
                  p->output);
done:
    return status;
}

static akin_status open_pair(struct op_call *call, const struct dsstne_train_params *p,
                             struct dataset **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct dataset *other = NULL;
    const char *const paths[] = {p->input, p->output};
    for (int i = 0; i < 2; i++)
        if (!dataset_is_file(paths[i]))
            AKIN_FAIL(AKIN_E_INPUT,
                      "%s is no dataset of akin's (make it with akin dsstne generate)", paths[i]);
    AKIN_TRY(dataset_load(call->ctx, p->input, out, err));
    AKIN_TRY(dataset_load(call->ctx, p->output, &other, err));
    AKIN_TRY(check_same(*out, other, p, err));
done:
    dataset_free(other);
    return status;
}

/* The parameters of sdae that stand for a network and a command line of DSSTNE's. */
static akin_status model_params(akin_ctx *ctx, const struct dsstne_train_params *p, json_t **out,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    char *text = NULL, name[16];
    int64_t size;
    json_t *network = NULL;
    AKIN_TRY(file_read(ctx, p->config, 1 << 20, &text, &size, err));
    AKIN_TRY(json_parse(p->config, text, (size_t)size, &network, err));
    param_choice_text(OPTIMIZERS, p->optimizer, name, sizeof name);
    *out = json_pack("{s:O, s:s, s:f, s:f, s:I, s:I, s:f, s:f}", "network", network, "optimizer",
                     name, "learning_rate", p->alpha, "weight_decay", p->lambda, "batch",
                     (json_int_t)p->batch, "epochs", (json_int_t)p->epochs, "momentum", p->mu,
                     "momentum2", p->mu1 > 0.0 ? p->mu1 : 0.999);
    if (!*out)
        AKIN_FAIL(AKIN_E_MEMORY, "dsstne-train: out of memory");
done:
    json_decref(network);
    mem_free(ctx, text);
    return status;
}

static akin_status dsstne_train_run(struct op_call *call, json_t **result, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct dsstne_train_params p;
    struct dataset *ds = NULL;
    struct model *m = NULL;
    json_t *params = NULL, *feedback = NULL;
    AKIN_TRY(op_parse(call, 0, &p, err));
    if (file_exists(p.network))
        AKIN_FAIL(AKIN_E_ARG, "dsstne-train: network file %s is there already", p.network);
    AKIN_TRY(model_params(call->ctx, &p, &params, err));
    AKIN_TRY(open_pair(call, &p, &ds, err));
    feedback = json_pack("{s:s}", "value_weight", ds->value ? "linear" : "none");
    if (!feedback)
        AKIN_FAIL(AKIN_E_MEMORY, "dsstne-train: out of memory");
    const struct train_options opt = {.model = "sdae",
                                      .params = params,
                                      .feedback = feedback,
                                      .checkpoint = p.checkpoint,
                                      .resume = p.resume != 0,
                                      .now_unix = clock_unix()};
    AKIN_TRY(train_model(call->ctx, ds, &opt, &m, err));
    AKIN_TRY(model_save(m, p.network, err));
    *result = json_pack("{s:s, s:i, s:i, s:I, s:O?}", "network", p.network, "samples", m->users.n,
                        "features", m->items.n, "epochs", (json_int_t)p.epochs, "loss",
                        json_object_get(json_object_get(m->card, "train"), "loss"));
    if (!*result)
        AKIN_FAIL(AKIN_E_MEMORY, "dsstne-train: out of memory");
done:
    json_decref(params);
    json_decref(feedback);
    model_free(m);
    dataset_free(ds);
    return status;
}

const struct op op_dsstne_train = {
    {"dsstne-train",
     "DSSTNE's train: a network by its JSON on a dataset of dsstne generate",
     "akin dsstne train -c config.json -i gl_input.nc -o gl_output.nc -n gl.nc -b 256 -e 10",
     {{"Options", dsstne_train_rows}},
     1},
    dsstne_train_run,
};
