/*
 * sdae and vae: what an asker is made into against the definition in double; reasons; likelihoods
 * that rise; warm starts; what is refused and how; odd data, files, threads, memory.
 */
#include "models/dsstne.h"

#include "knn_util.h"

static struct dataset *events(akin_ctx *ctx)
{
    return fix_random(ctx, 31, 700, 50, 40, 0);
}

static const char *const both[] = {"vae", "sdae"};

/* ---- The asker ---- */

/* What a layer's inputs become: W·x + b by the definition. */
static void linear(const struct net_layer *a, bool is_first, const double *x, double *z)
{
    for (int64_t j = 0; j < a->n_z; j++) {
        z[j] = (double)a->b[j];
        for (int64_t i = 0; i < a->n_in; i++)
            z[j] += x[i] * (double)a->W[is_first ? i * a->n_z + j : j * a->n_in + i];
    }
}

/* Scores are the inputs of the output's activation, layer by layer from the items. */
static void scores_by_definition(void **state)
{
    akin_ctx *ctx = *state;
    enum { MOST = 64 };
    static const char *const params[] = {
        "{\"kind\":\"vae\",\"hidden\":12,\"factors\":8,\"epochs\":3}",
        "{\"hidden\":[12,8,16],\"activation\":\"tanh\",\"epochs\":3,\"unit_rows\":true}"};
    struct dataset *ds = events(ctx);
    for (int c = 0; c < 2; c++) {
        struct fitted f = fitted_new(ctx, ds, both[c], params[c], NULL);
        const struct net *net = &((const struct network *)f.m->self)->net;
        for (int32_t u = 0; u < f.m->users.n; u += 7) {
            const struct csr *rows = &f.tv.by_user;
            double x[MOST] = {0}, z[MOST];
            int64_t n = rows->ptr[u + 1] - rows->ptr[u];
            for (int64_t e = rows->ptr[u]; e < rows->ptr[u + 1]; e++)
                x[rows->col[e]] = 1.0 / sqrt((double)n);
            for (int l = 0; l < net->spec.n_layers; l++) {
                linear(&net->layer[l], l == 0, x, z);
                for (int64_t j = 0; j < net->layer[l].n_y; j++)
                    x[j] = net->spec.layer[l].unit == NET_TANH ? tanh(z[j]) : z[j];
            }
            struct query q = model_query_user(f.m, u);
            float *scores = fitted_scores(&f, &q);
            for (int32_t i = 0; i < f.m->items.n; i++)
                assert_true(fabs((double)scores[i] - z[i]) < 1e-5 * (1.0 + fabs(z[i])));
            free(scores);
        }
        fitted_free(&f);
    }
    dataset_free(ds);
}

/* A stranger with a user's history is that user; weights count only where told. */
static void strangers(void **state)
{
    akin_ctx *ctx = *state;
    struct dataset *ds = events(ctx);
    for (int c = 0; c < 4; c++) {
        struct fitted f =
            fitted_new(ctx, ds, both[c % 2],
                       c < 2 ? "{\"epochs\":3}" : "{\"epochs\":3,\"weighting\":\"weight\"}", NULL);
        struct query known = model_query_user(f.m, 3), stranger = known;
        float weight[256];
        stranger.user = -1;
        stranger.is_trained = false;
        float *a = fitted_scores(&f, &known), *b = fitted_scores(&f, &stranger);
        assert_memory_equal(a, b, (size_t)f.m->items.n * sizeof *a);
        free(b);
        for (int32_t e = 0; e < stranger.hist.n; e++)
            weight[e] = e == 0 ? 3.0F : 1.0F;
        stranger.hist.weight = weight;
        b = fitted_scores(&f, &stranger);
        bool is_same = memcmp(a, b, (size_t)f.m->items.n * sizeof *a) == 0;
        assert_true(is_same == (c < 2));
        free(a);
        free(b);
        fitted_free(&f);
    }
    dataset_free(ds);
}

/* ---- Training ---- */

struct losses {
    double value[64];
    int64_t n;
};

static akin_status note(void *arg, struct model *m, int64_t epoch, double loss, bool *stop,
                        akin_error *err)
{
    struct losses *l = arg;
    (void)m;
    (void)err;
    assert_true(epoch == l->n + 1 && epoch <= 64);
    l->value[l->n++] = loss;
    *stop = epoch == 12;
    return AKIN_OK;
}

static struct model *fit_with(akin_ctx *ctx, const struct train_view *tv, const char *name,
                              const char *params, const struct fit_control *ctl, akin_status wanted,
                              akin_error *err)
{
    struct model *m = NULL;
    json_t *json = json_loads(params, 0, NULL);
    assert_int_equal(model_create(ctx, model_class_find(name), json, &m, err), AKIN_OK);
    json_decref(json);
    assert_int_equal(model_fit(m, tv, ctl, err), wanted);
    return m;
}

/* The loss falls, the callback ends it, and an earlier model's weights are a better start. */
static void epochs_and_warm_start(void **state)
{
    akin_ctx *ctx = *state;
    akin_error err;
    struct dataset *ds = events(ctx);
    struct fitted f = fitted_new(ctx, ds, "popular", NULL, NULL);
    int32_t users[64], items[64];
    for (int32_t i = 0; i < 64; i++)
        users[i] = items[i] = i;
    items[0] = -1; /* new to it */
    for (int c = 0; c < 2; c++) {
        struct losses first = {0}, second = {0};
        struct fit_control ctl = {.arg = &first, .epoch = note};
        struct model *m = fit_with(ctx, &f.tv, both[c], "{}", &ctl, AKIN_OK, &err);
        assert_int_equal(first.n, 12);
        assert_true(first.value[11] < first.value[0]);
        ctl = (struct fit_control){
            .arg = &second, .epoch = note, .warm = m, .warm_user = users, .warm_item = items};
        struct model *next = fit_with(ctx, &f.tv, both[c], "{}", &ctl, AKIN_OK, &err);
        assert_true(second.value[0] < first.value[3]);
        model_free(next);
        next = fit_with(ctx, &f.tv, both[c], c == 0 ? "{\"factors\":7}" : "{\"hidden\":\"7\"}",
                        &ctl, AKIN_E_ARG, &err);
        assert_non_null(strstr(err.message, "the earlier model has other layers"));
        model_free(next);
        items[1] = 40;
        next = fit_with(ctx, &f.tv, both[c], "{}", &ctl, AKIN_E_ARG, &err);
        assert_non_null(strstr(err.message, "item 40 of the earlier model (it has 40)"));
        items[1] = 1;
        model_free(next);
        model_free(m);
    }
    fitted_free(&f);
    dataset_free(ds);
}

/* Drawn columns learn about what all columns do. */
static void drawn_columns(void **state)
{
    akin_ctx *ctx = *state;
    akin_error err;
    struct dataset *ds = events(ctx);
    struct fitted f = fitted_new(ctx, ds, "popular", NULL, NULL);
    struct losses all = {0}, some = {0};
    struct fit_control ctl = {.arg = &all, .epoch = note};
    model_free(fit_with(ctx, &f.tv, "vae", "{\"batch\":4}", &ctl, AKIN_OK, &err));
    ctl.arg = &some;
    model_free(fit_with(ctx, &f.tv, "vae", "{\"batch\":4,\"negatives\":8}", &ctl, AKIN_OK, &err));
    assert_true(fabs(some.value[11] / all.value[11] - 1.0) < 0.05);
    assert_true(some.value[11] > all.value[11] || some.value[11] < all.value[11]);
    fitted_free(&f);
    dataset_free(ds);
}

/* ---- What is refused ---- */

static void refusals(void **state)
{
    akin_ctx *ctx = *state;
    static const char *const rows[][3] = {
        {"sdae",
         "{\"optimizer\":\"sgd\",\"learning_rate\":100,\"error\":\"l2\",\"output\":\"linear\","
         "\"activation\":\"linear\"}",
         "learning_rate=100 is too high for this data; try 25"},
        {"sdae", "{\"hidden\":[]}", "hidden has 0 layers (must be 1..15)"},
        {"sdae", "{\"hidden\":[8,\"x\"]}", "hidden: layer 2 is not a number of units"},
        {"sdae", "{\"hidden\":[8,0]}", "hidden: layer 2 is not a number of units"},
        {"sdae", "{\"activation\":\"relu\",\"sparseness_beta\":1}",
         "the penalty of sparseness needs"},
        {"sdae", "{\"output\":\"tanh\"}", "the error scaled_marginal needs an output of sigmoid"},
        {"sdae", "{\"output\":\"prelu\",\"error\":\"l2\"}", "the output cannot be of prelu"},
        {"sdae", "{\"weighting\":\"weight\",\"error\":\"hinge\"}", "weighting=weight needs"},
    };
    struct dataset *ds = events(ctx);
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        struct fitted f;
        akin_error err = {0};
        akin_status status = fitted_try(ctx, ds, rows[r][0], rows[r][1], NULL, &f, &err);
        if (status != AKIN_E_ARG || !strstr(err.message, rows[r][2]))
            fail_msg("%s: %s", rows[r][1], err.message);
    }
    static const float weights[8] = {0};
    const struct section s[] = {{"m.weights", weights, sizeof weights}, {0}};
    assert_refuses(ctx, "vae", "{\"factors\":4}", 1, s, "m.weights");
    assert_refuses(ctx, "sdae", "{\"hidden\":[4]}", 1, s, "m.weights");
    dataset_free(ds);
}

/* Estimates follow the shape: wider and deeper costs more. */
static void estimates(void **state)
{
    static const char *const params[][2] = {{"vae", "{\"factors\":100}"},
                                            {"vae", "{\"factors\":200}"},
                                            {"vae", "{\"factors\":200,\"hidden\":600}"},
                                            {"sdae", "{\"hidden\":[64]}"},
                                            {"sdae", "{\"hidden\":[128]}"},
                                            {"sdae", "{\"hidden\":[128,1024]}"}};
    akin_ctx *ctx = *state;
    double last[2] = {0};
    for (int c = 0; c < 6; c++) {
        struct model *m = NULL;
        double bytes, flops;
        json_t *json = json_loads(params[c][1], 0, NULL);
        assert_int_equal(model_create(ctx, model_class_find(params[c][0]), json, &m, NULL),
                         AKIN_OK);
        json_decref(json);
        m->cls->estimate(m->params, 138493, 27278, 10000000, &bytes, &flops);
        if (c % 3 > 0)
            assert_true(bytes > last[0] && flops > last[1]);
        assert_true(bytes > 4.0 * 2 * 27278 * 64);
        last[0] = bytes;
        last[1] = flops;
        model_free(m);
    }
}

/* ---- DSSTNE's JSON ---- */

#define CHAIN(hidden, output)                                                                      \
    "\"Layers\":[{\"Name\":\"In\",\"Kind\":\"Input\",\"N\":\"auto\"},"                             \
    "{\"Name\":\"Mid\",\"Kind\":\"Hidden\",\"N\":16" hidden "},"                                   \
    "{\"Name\":\"Out\",\"Kind\":\"Output\",\"N\":\"auto\"" output "}]"

/* A network as JSON is the network as parameters. */
static void dsstne_networks(void **state)
{
    akin_ctx *ctx = *state;
    static const char *const pairs[][2] = {
        {"{\"epochs\":3,\"network\":{\"Version\":0.8,\"Kind\":\"FeedForward\",\"shuffleindices\":"
         "false,"
         "\"Denoising\":{\"p\":0.2},\"SparsenessPenalty\":{\"p\":0.4,\"beta\":2},"
         "\"ScaledMarginalCrossEntropy\":{\"oneTarget\":0.9,\"zeroTarget\":0.1,\"oneScale\":3,"
         "\"zeroScale\":0.5}," CHAIN(
             ",\"Sparse\":true,\"Source\":[\"In\"]",
             ",\"Activation\":\"Sigmoid\"") ","
                                            "\"ErrorFunction\":\"ScaledMarginalCrossEntropy\"}}",
         "{\"epochs\":3,\"hidden\":16,\"shuffle\":false,\"denoising\":0.2,\"sparseness_p\":0.4,"
         "\"sparseness_beta\":2,\"one_target\":0.9,\"zero_target\":0.1,\"one_scale\":3,"
         "\"zero_scale\":0.5}"},
        {"{\"epochs\":3,\"network\":{\"DeltaBoost\":{\"one\":30,\"zero\":1},"
         "\"ErrorFunction\":\"CrossEntropy\"," CHAIN(
             ",\"Activation\":\"LRelu\",\"Slope\":0.2,\"pDropout\":0.5,\"Sparse\":true",
             ",\"WeightInit\":{\"Scheme\":\"Xavier\",\"Scale\":1,\"Bias\":-2}") "}}",
         "{\"epochs\":3,\"hidden\":16,\"activation\":\"lrelu\",\"slope\":0.2,\"dropout\":0.5,"
         "\"denoising\":0,\"one_scale\":30,\"output_bias\":-2}"},
    };
    struct dataset *ds = events(ctx);
    for (int c = 0; c < 2; c++) {
        struct fitted a = fitted_new(ctx, ds, "sdae", pairs[c][0], NULL);
        struct fitted b = fitted_new(ctx, ds, "sdae", pairs[c][1], NULL);
        const struct net *x = &((const struct network *)a.m->self)->net;
        const struct net *y = &((const struct network *)b.m->self)->net;
        assert_int_equal(x->n_weights, y->n_weights);
        assert_memory_equal(x->weights, y->weights, (size_t)x->n_weights * sizeof *x->weights);
        assert_saves(&a);
        fitted_free(&a);
        fitted_free(&b);
    }
    dataset_free(ds);
}

/* DSSTNE's own samples: read, or refused by name for what akin does not have. */
static void dsstne_samples(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        int layers, width;
        const char *refusal;
    } samples[] = {
        {"benchmarks-dsstne-config", 4, 1024, NULL},
        {"samples-movielens-config", 2, 128, NULL},
        {"samples-network-config_1", 2, 128, NULL},
        {"samples-network-config_2", 3, 1024, NULL},
        {"samples-network-config_3", 2, 128, NULL},
        {"samples-network-config_4", 3, 1536, NULL},
        {"samples-network-config_5", 2, 256, NULL},
        {"samples-network-config_6", 2, 256, NULL},
        {"tst-test_data-validate_ScaledMarginalCrossEntropy_02", 2, 2, NULL},
        {"tst-test_data-validate_DataScaledMarginalCrossEntropy_02", 2, 2, NULL},
        {"samples-cifar-10-config", 0, 0, "LocalResponseNormalization is not something"},
        {"tst-test_data-validate_L2_01", 0, 0, "an Input, hidden ones and an Output"},
        {"tst-test_data-validate_L2_02", 0, 0, "Source 'Input' is not the layer before ('Hidden')"},
    };
    const char *data = getenv("AKIN_DATA");
    if (!data) {
        print_message("AKIN_DATA is not set: DSSTNE's samples are not read\n");
        skip();
    }
    for (size_t s = 0; s < sizeof samples / sizeof *samples; s++) {
        char path[512];
        struct network_plan plan = {0};
        akin_error err = {0};
        snprintf(path, sizeof path, "%s/dsstne/%s.json", data, samples[s].file);
        json_t *json = json_load_file(path, 0, NULL);
        assert_non_null(json);
        akin_status status = dsstne_plan(json, &plan, &err);
        json_decref(json);
        if (samples[s].refusal) {
            assert_int_equal(status, AKIN_E_ARG);
            assert_non_null(strstr(err.message, samples[s].refusal));
            continue;
        }
        if (status != AKIN_OK)
            fail_msg("%s: %s", path, err.message);
        assert_int_equal(plan.net.n_layers, samples[s].layers);
        assert_int_equal(plan.net.layer[0].width, samples[s].width);
    }
}

static void dsstne_refusals(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"{}", "Layers must be an Input, hidden ones and an Output"},
        {"{\"Layers\":3}", "Layers must be a list"},
        {"{\"Speed\":3}", "the network: key 'Speed' is unknown"},
        {"{" CHAIN(",\"Type\":\"Convolutional\"", "") "}", "layers of Type Convolutional are not"},
        {"{" CHAIN(",\"BatchNormalization\":true", "") "}", "BatchNormalization is not something"},
        {"{" CHAIN(",\"Depth\":2", "") "}", "a layer: key 'Depth' is unknown"},
        {"{" CHAIN(",\"Activation\":\"Cos\"", "") "}", "Activation 'Cos' is not one of akin's"},
        {"{" CHAIN(",\"pDropout\":1", "") "}", "pDropout=1 (must be 0..0.99)"},
        {"{" CHAIN("", ",\"pDropout\":0.5") "}", "pDropout of the Output"},
        {"{" CHAIN("", ",\"Source\":[\"In\",\"Mid\"]") "}", "Source must name one layer"},
        {"{\"Denoising\":{\"q\":1}," CHAIN("", "") "}", "Denoising: key 'q' is unknown"},
        {"{\"DeltaBoost\":{\"one\":2},\"ErrorFunction\":\"L2\"," CHAIN("", "") "}",
         "DeltaBoost needs"},
        {"{\"Kind\":\"Recurrent\"," CHAIN("", "") "}", "Kind 'Recurrent' is not one of akin's"},
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        struct network_plan plan = {0};
        akin_error err = {0};
        json_t *json = json_loads(rows[r][0], 0, NULL);
        assert_non_null(json);
        akin_status status = dsstne_plan(json, &plan, &err);
        json_decref(json);
        if (status != AKIN_E_ARG || !strstr(err.message, rows[r][1]))
            fail_msg("%s: %s", rows[r][0], err.message);
    }
}

static void odd_data(void **state)
{
    akin_ctx *ctx = *state;
    static const float one[] = {1}, row[] = {1, 1, 1}, column[] = {1, 1, 1};
    const struct {
        const float *weights;
        int users, items;
    } cases[] = {{one, 1, 1}, {row, 1, 3}, {column, 3, 1}};
    for (int c = 0; c < 6; c++) {
        struct dataset *ds =
            matrix_data(ctx, cases[c / 2].weights, cases[c / 2].users, cases[c / 2].items);
        struct fitted f = fitted_new(ctx, ds, both[c % 2], NULL, NULL);
        struct query q = {.user = -1};
        float *scores = fitted_scores(&f, &q); /* an asker without a history: what is popular */
        for (int32_t i = 0; i < f.m->items.n; i++)
            assert_true(isfinite(scores[i]));
        free(scores);
        fitted_free(&f);
        dataset_free(ds);
    }
}

static void files_threads_memory(void **state)
{
    akin_ctx *ctx = *state;
    struct dataset *ds = fix_random(ctx, 32, 60, 9, 12, 0);
    struct fitted f = fitted_new(ctx, ds, "vae", "{\"epochs\":3,\"hidden\":9}", NULL);
    assert_saves(&f);
    fitted_free(&f);
    assert_threads_agree(events, "vae", "{\"epochs\":3,\"negatives\":9,\"hidden\":20}");
    assert_threads_agree(events, "sdae", "{\"hidden\":[20,9],\"epochs\":3,\"dropout\":0.3}");
    assert_survives_no_memory(ds, ctx, "vae", "{\"epochs\":1,\"negatives\":2,\"hidden\":9}");
    assert_survives_no_memory(ds, ctx, "sdae",
                              "{\"epochs\":1,\"sparseness_beta\":1,\"dropout\":0.1}");
    dataset_free(ds);
}

static int setup(void **state)
{
    *state = knn_ctx(2);
    return 0;
}

static int teardown(void **state)
{
    knn_ctx_done(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_by_definition),
        cmocka_unit_test(strangers),
        cmocka_unit_test(epochs_and_warm_start),
        cmocka_unit_test(drawn_columns),
        cmocka_unit_test(refusals),
        cmocka_unit_test(estimates),
        cmocka_unit_test(dsstne_networks),
        cmocka_unit_test(dsstne_samples),
        cmocka_unit_test(dsstne_refusals),
        cmocka_unit_test(odd_data),
        cmocka_unit_test(files_threads_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
