/*
 * Networks: products bit for bit, gradients against finite differences for every activation and
 * error, losses against NumPy, what is drawn, and the same bits for any threads and ISA.
 */
#include "solve_util.h"

#include "solve/net_train.h"

enum { ROWS = 12, ITEMS = 9, STEPS = 10 };

/* A row of net_golden.h: two hidden layers of 6 and 5 units. */
struct golden_net {
    enum net_unit_id hidden[2], output;
    enum net_error_id error;
    enum net_optimizer_id optimizer;
    double rate, momentum, decay, sparse_p, sparse_beta;
    bool unit_rows, is_valued;
    double loss[STEPS];
};
#include "net_golden.h"

static const uint64_t drawn_seed = 20261121;

/* ---- Data ---- */

struct rows {
    struct csr csr;
    int64_t ptr[ROWS + 1];
    int32_t col[ROWS * ITEMS];
    float val[ROWS * ITEMS];
};

static void rows_make(struct rows *r, bool is_valued)
{
    int64_t n = 0;
    for (int u = 0; u < ROWS; u++) {
        r->ptr[u] = n;
        for (int i = 0; i < ITEMS; i++)
            if ((u * 5 + i * 3) % 7 < 3) {
                r->col[n] = i;
                r->val[n++] = is_valued ? (float)(1 + (u + i) % 3) * 0.5F : 1.0F;
            }
    }
    r->ptr[ROWS] = n;
    r->csr = (struct csr){ROWS, ITEMS, r->ptr, r->col, r->val};
}

static struct net_spec spec_of(const struct golden_net *g)
{
    struct net_spec s = {.n_in = ITEMS,
                         .n_layers = 3,
                         .unit_rows = g->unit_rows,
                         .error = g->error,
                         .margin = {0.9, 0.1, 3.0, 0.5}};
    for (int l = 0; l < 3; l++)
        s.layer[l] = (struct net_layer_spec){.width = l == 0   ? 6
                                                      : l == 1 ? 5
                                                               : ITEMS,
                                             .unit = l < 2 ? g->hidden[l] : g->output,
                                             .start = NET_START_XAVIER,
                                             .start_scale = 1.0};
    for (int l = 0; l < 2; l++) {
        s.layer[l].slope = g->hidden[l] == NET_PRELU ? 0.25 : 0.1;
        s.layer[l].is_sparse = g->sparse_beta > 0.0 && net_unit(g->hidden[l])->span > 0.0F;
    }
    return s;
}

static struct net_train_spec train_of(const struct golden_net *g)
{
    return (struct net_train_spec){.seed = drawn_seed,
                                   .batch = 5,
                                   .optimizer = g->optimizer,
                                   .rate = g->rate,
                                   .momentum = g->momentum,
                                   .momentum2 = 0.999,
                                   .decay = g->decay,
                                   .sparse_p = g->sparse_p,
                                   .sparse_beta = g->sparse_beta};
}

struct trained {
    struct rows rows;
    struct net net;
    struct net_train t;
};

static struct trained *trained_new(akin_ctx *ctx, const struct net_spec *spec,
                                   const struct net_train_spec *how, bool is_valued)
{
    akin_error err = {0};
    struct trained *x = solve_array(1, sizeof *x);
    rows_make(&x->rows, is_valued);
    if (net_shape(ctx, "net", spec, &x->net, &err) != AKIN_OK ||
        net_begin(&x->net, drawn_seed, &err) != AKIN_OK ||
        net_train_init(&x->net, &x->rows.csr, how, &x->t, &err) != AKIN_OK)
        fail_msg("%s", err.message);
    return x;
}

static void trained_free(struct trained *x)
{
    net_train_free(&x->t);
    net_free(&x->net);
    free(x);
}

static double gradient(struct trained *x, int64_t lo, int64_t n)
{
    int32_t row[ROWS];
    double loss = 0.0;
    akin_error err = {0};
    for (int64_t r = 0; r < n; r++)
        row[r] = (int32_t)(lo + r);
    if (net_train_gradient(&x->t, row, n, &loss, &err) != AKIN_OK)
        fail_msg("%s", err.message);
    return loss;
}

/* ---- Products ---- */

static void products(void **state)
{
    (void)state;
    static const int64_t sizes[][3] = {{1, 1, 1},      {5, 7, 3},  {200, 130, 1}, {17, 300, 260},
                                       {193, 129, 40}, {3, 33, 0}, {64, 48, 600}};
    for (int threads = 1; threads <= 3; threads += 2) {
        akin_ctx *ctx = solve_ctx(threads, NULL);
        struct product_room room;
        assert_int_equal(product_room_init(ctx, &room, NULL), AKIN_OK);
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (int kind = PRODUCT_NT; kind <= PRODUCT_TN; kind++) {
                int64_t m = sizes[s][0], n = sizes[s][1], k = sizes[s][2];
                int64_t lda = kind == PRODUCT_TN ? m : k, ldb = kind == PRODUCT_NT ? k : n;
                float *A = solve_array(m * k, 4), *B = solve_array(n * k, 4);
                float *C = solve_array(m * n, 4);
                solve_fill(A, m * k, 1);
                solve_fill(B, n * k, 2);
                const struct product p = {(enum product_kind)kind, m, n, k, A, lda, B, ldb, C, n};
                assert_int_equal(product_run(&room, &p, NULL), AKIN_OK);
                for (int64_t i = 0; i < m; i++)
                    for (int64_t j = 0; j < n; j++) {
                        float sum = 0.0F;
                        for (int64_t t = 0; t < k; t++)
                            sum = fmaf(kind == PRODUCT_TN ? A[t * m + i] : A[i * k + t],
                                       kind == PRODUCT_NT ? B[j * k + t] : B[t * n + j], sum);
                        assert_memory_equal(&sum, &C[i * n + j], sizeof sum);
                    }
                free(A);
                free(B);
                free(C);
            }
        product_room_free(&room);
        solve_ctx_done(ctx);
    }
}

/* ---- Gradients ---- */

/* How the loss rises along a direction of n weights, by steps to either side. */
static double rise(struct trained *x, int64_t at, int64_t n, const float *along, double step)
{
    float *w = x->net.weights + at, *old = solve_array(n, sizeof *old);
    double loss[2];
    memcpy(old, w, (size_t)n * sizeof *old);
    for (int side = 0; side < 2; side++) {
        for (int64_t i = 0; i < n; i++)
            w[i] = old[i] + (float)(side ? step : -step) * along[i];
        loss[side] = gradient(x, 0, 5);
    }
    memcpy(w, old, (size_t)n * sizeof *old);
    free(old);
    return (loss[1] - loss[0]) / (2.0 * step);
}

/* The loss rises as the gradient says; where the larger step crosses a kink, the smaller does not.
 */
static void check_direction(struct trained *x, int64_t at, int64_t n, const char *what)
{
    float *along = solve_array(n, sizeof *along);
    double told = 0.0, size = 0.0, seen = 0.0;
    solve_fill(along, n, (uint64_t)at);
    gradient(x, 0, 5);
    for (int64_t i = 0; i < n; i++) {
        told += (double)along[i] * (double)x->t.grad[at + i];
        size += (double)x->t.grad[at + i] * (double)x->t.grad[at + i];
    }
    bool agrees = false;
    for (double step = 2e-3; step > 1e-4 && !agrees; step /= 4.0) {
        seen = rise(x, at, n, along, step);
        agrees = fabs(seen - told) <= 0.01 * sqrt(size) + 2e-4;
    }
    if (!agrees)
        fail_msg("%s, weights from %d: the loss rises by %g, the gradient says %g (length %g)",
                 what, (int)at, seen, told, sqrt(size));
    free(along);
}

static void check_gradients(akin_ctx *ctx, const struct net_spec *spec,
                            const struct net_train_spec *how, const char *what)
{
    struct trained *x = trained_new(ctx, spec, how, false);
    for (int l = 0; l < spec->n_layers; l++) {
        const struct net_layer *a = &x->net.layer[l];
        check_direction(x, a->at, a->n_in * a->n_z, what);
        check_direction(x, a->at_bias, a->n_z, what);
        if (a->at_slope < a->end)
            check_direction(x, a->at_slope, a->n_z, what);
    }
    trained_free(x);
}

static void gradients(void **state)
{
    akin_ctx *ctx = *state;
    int tried = 0;
    for (int hidden = 0; hidden < NET_UNITS; hidden++)
        for (int output = 0; output < NET_UNITS; output++)
            for (int error = 0; error < NET_ERRORS; error++) {
                char what[96];
                const struct golden_net g = {
                    .hidden = {(enum net_unit_id)hidden,
                               (enum net_unit_id)((hidden + 1) % NET_UNITS)},
                    .output = (enum net_unit_id)output,
                    .error = (enum net_error_id)error};
                if (output == NET_PRELU || !net_error_fits(g.error, g.output))
                    continue;
                struct net_spec spec = spec_of(&g);
                struct net_train_spec how = train_of(&g);
                snprintf(what, sizeof what, "%s under %s of %s", net_unit(g.hidden[0])->name,
                         net_error_name(g.error), net_unit(g.output)->name);
                check_gradients(ctx, &spec, &how, what);
                tried++;
            }
    assert_int_equal(tried, NET_UNITS * (3 * 10 + 2 * 2));
}

/* What is drawn is the same in each of three passes: the step does not change. */
static void gradients_of_what_is_drawn(void **state)
{
    akin_ctx *ctx = *state;
    const struct golden_net g = {.hidden = {NET_TANH, NET_SIGMOID},
                                 .output = NET_SOFTMAX,
                                 .error = NET_CROSS_ENTROPY,
                                 .sparse_p = 0.2,
                                 .sparse_beta = 0.5,
                                 .unit_rows = true};
    for (int c = 0; c < 5; c++) {
        static const char *const what[] = {"dropout", "noise", "gaussian", "columns", "no hidden"};
        struct net_spec spec = spec_of(&g);
        struct net_train_spec how = train_of(&g);
        if (c == 0)
            spec.layer[0].dropout = spec.layer[1].dropout = 0.4;
        if (c == 1)
            how.denoise = 0.3;
        if (c == 2) {
            spec.layer[1].unit = NET_LINEAR;
            spec.layer[1].is_gaussian = true;
            spec.layer[1].is_sparse = false;
            spec.layer[1].dropout = 0.2;
            how.kl = 0.7;
        }
        if (c == 3) {
            how.negatives = 2;
            spec.layer[2].unit = NET_SIGMOID;
            spec.error = NET_SCALED_MARGINAL;
        }
        if (c == 4) {
            spec.layer[0] = spec.layer[2];
            spec.layer[0].is_sparse = false;
            spec.n_layers = 1;
        }
        check_gradients(ctx, &spec, &how, what[c]);
    }
}

/* ---- Losses ---- */

static float golden_weight(int64_t e, int layer)
{
    return (float)((double)((e * 7919 + layer * 101 + 5) % 2003) / 2003.0 - 0.5);
}

static void golden(void **state)
{
    akin_ctx *ctx = *state;
    for (size_t c = 0; c < sizeof golden_nets / sizeof *golden_nets; c++) {
        const struct golden_net *g = &golden_nets[c];
        struct net_spec spec = spec_of(g);
        struct net_train_spec how = train_of(g);
        struct trained *x = trained_new(ctx, &spec, &how, g->is_valued);
        for (int l = 0; l < 3; l++)
            for (int64_t e = 0; e < x->net.layer[l].n_in * x->net.layer[l].n_z; e++)
                x->net.weights[x->net.layer[l].at + e] = golden_weight(e, l);
        for (int s = 0; s < STEPS; s++) {
            int64_t lo = s % 3 * 5;
            double loss = gradient(x, lo, lo + 5 < ROWS ? 5 : ROWS - lo);
            if (!(fabs(loss - g->loss[s]) <= 1e-4 * fabs(g->loss[s])))
                fail_msg("network %d, step %d: loss %.9g, NumPy has %.9g", (int)c, s, loss,
                         g->loss[s]);
            assert_int_equal(net_train_update(&x->t, NULL), AKIN_OK);
        }
        trained_free(x);
    }
}

/* ---- Starts ---- */

/* Weights at the start lie where their scheme says, and spread as it says. */
static void starts(void **state)
{
    akin_ctx *ctx = *state;
    enum { IN = 90, OUT = 110 };
    static const struct {
        enum net_start start;
        double most, stddev;                           /* of scale 2 */
    } schemes[] = {{NET_START_XAVIER, 0.3464102, 0.2}, /* 2·sqrt(6/200), by sqrt 3 */
                   {NET_START_CAFFE_XAVIER, 0.3651484, 0.2108185},
                   {NET_START_GAUSSIAN, 12.0, 2.0},
                   {NET_START_UNIFORM, 2.0, 1.1547005},
                   {NET_START_CONSTANT, 2.0, 0.0},
                   {NET_START_SELU, 1.3, 0.2108185}};
    for (size_t s = 0; s < sizeof schemes / sizeof *schemes; s++) {
        struct net_spec spec = {.n_in = IN, .n_layers = 1};
        struct net net;
        double sum = 0.0, square = 0.0;
        spec.layer[0] = (struct net_layer_spec){.width = OUT,
                                                .unit = NET_SIGMOID,
                                                .start = schemes[s].start,
                                                .start_scale = 2.0,
                                                .start_bias = -3.0};
        assert_int_equal(net_shape(ctx, "net", &spec, &net, NULL), AKIN_OK);
        assert_int_equal(net_begin(&net, drawn_seed, NULL), AKIN_OK);
        for (int i = 0; i < IN * OUT; i++) {
            double w = (double)net.layer[0].W[i];
            assert_true(fabs(w) <= schemes[s].most + 1e-6);
            sum += w / (IN * OUT);
            square += w * w / (IN * OUT);
        }
        double spread = sqrt(fmax(square - sum * sum, 0.0));
        assert_true(fabs(spread - schemes[s].stddev) <= 0.03 * schemes[s].stddev + 1e-5);
        for (int j = 0; j < OUT; j++)
            assert_true((double)net.layer[0].b[j] == -3.0);
        net_free(&net);
    }
}

/* ---- What is drawn ---- */

static struct net_spec vae_spec(void)
{
    const struct golden_net g = {.hidden = {NET_TANH, NET_LINEAR},
                                 .output = NET_SOFTMAX,
                                 .error = NET_CROSS_ENTROPY,
                                 .unit_rows = true};
    struct net_spec spec = spec_of(&g);
    spec.layer[1].is_gaussian = true;
    spec.layer[0].dropout = 0.3;
    return spec;
}

static const struct net_train_spec vae_how = {.seed = 5,
                                              .batch = 4,
                                              .is_shuffled = true,
                                              .denoise = 0.5,
                                              .optimizer = NET_ADAM,
                                              .rate = 0.01,
                                              .momentum = 0.9,
                                              .momentum2 = 0.999,
                                              .decay = 0.001,
                                              .kl = 0.2,
                                              .kl_steps = 6,
                                              .negatives = 3};

static void same_bits(void **state)
{
    (void)state;
    static const struct {
        int threads;
        const char *isa;
    } ways[] = {{1, "ref"}, {1, NULL}, {3, NULL}};
    float *first = NULL;
    double loss[3] = {0};
    for (int w = 0; w < 3; w++) {
        akin_ctx *ctx = solve_ctx(ways[w].threads, ways[w].isa);
        struct net_spec spec = vae_spec();
        struct trained *x = trained_new(ctx, &spec, &vae_how, false);
        size_t size = (size_t)x->net.n_weights * sizeof *first;
        for (int64_t epoch = 1; epoch <= 5; epoch++)
            assert_int_equal(net_train_epoch(&x->t, epoch, &loss[w], NULL), AKIN_OK);
        if (!first) {
            first = solve_array(x->net.n_weights, sizeof *first);
            memcpy(first, x->net.weights, size);
        }
        assert_memory_equal(first, x->net.weights, size);
        assert_memory_equal(&loss[0], &loss[w], sizeof loss[0]);
        trained_free(x);
        solve_ctx_done(ctx);
    }
    free(first);
}

/* All columns, picked one by one, are all columns. */
static void all_columns(void **state)
{
    akin_ctx *ctx = *state;
    struct net_spec spec = vae_spec();
    struct net_train_spec how = vae_how;
    double loss[2];
    for (int c = 0; c < 2; c++) {
        how.negatives = c == 0 ? 0 : ITEMS;
        struct trained *x = trained_new(ctx, &spec, &how, false);
        for (int64_t epoch = 1; epoch <= 3; epoch++)
            assert_int_equal(net_train_epoch(&x->t, epoch, &loss[c], NULL), AKIN_OK);
        trained_free(x);
    }
    assert_memory_equal(&loss[0], &loss[1], sizeof loss[0]);
}

/* Of inputs a share is left out, and what is left stands for it. */
static void noise_keeps_the_mean(void **state)
{
    akin_ctx *ctx = *state;
    struct net_spec spec = vae_spec();
    struct trained *x;
    double sum = 0.0, zeros = 0.0, n = 0.0;
    struct net_train_spec how = vae_how;
    how.rate = 0.0;
    how.denoise = 0.25;
    spec.unit_rows = false;
    x = trained_new(ctx, &spec, &how, false);
    for (int s = 0; s < 300; s++) {
        gradient(x, 0, 4);
        for (int64_t e = 0; e < x->t.batch.ptr[4]; e++, n++) {
            sum += (double)x->t.batch.x[e];
            zeros += x->t.batch.x[e] > 0.0F ? 0.0 : 1.0;
        }
        assert_int_equal(net_train_update(&x->t, NULL), AKIN_OK);
    }
    assert_true(fabs(zeros / n - 0.25) < 0.02);
    assert_true(fabs(sum / n - 1.0) < 0.02);
    trained_free(x);
}

/* The state of a row is that of the training without what is drawn; scores follow the outputs. */
static void states(void **state)
{
    akin_ctx *ctx = *state;
    struct net_spec spec = vae_spec();
    struct net_train_spec how = vae_how;
    spec.layer[0].dropout = 0.0;
    spec.layer[1].is_gaussian = false;
    how.denoise = 0.0;
    struct trained *x = trained_new(ctx, &spec, &how, false);
    struct arena scratch;
    arena_init(&scratch, ctx);
    gradient(x, 0, 4);
    for (int r = 0; r < 4; r++) {
        float got[5];
        int64_t lo = x->rows.ptr[r];
        assert_int_equal(net_state(&x->net, (int32_t)(x->rows.ptr[r + 1] - lo), x->rows.col + lo,
                                   x->rows.val + lo, got, &scratch, NULL),
                         AKIN_OK);
        for (int j = 0; j < 5; j++)
            assert_true(fabs((double)got[j] - (double)x->t.pass[1].y[r * 5 + j]) < 1e-6);
    }
    arena_free(&scratch);
    trained_free(x);
}

/* ---- Bounds ---- */

static void refuses(void **state)
{
    akin_ctx *ctx = *state;
    struct net net;
    akin_error err;
    struct net_spec spec = vae_spec();
    spec.layer[2].unit = NET_RELU;
    assert_int_equal(net_shape(ctx, "vae", &spec, &net, &err), AKIN_E_ARG);
    assert_string_equal(err.message, "vae: the error cross_entropy needs an output of sigmoid or "
                                     "softmax, not of relu");
    spec = vae_spec();
    spec.layer[0].width = 0;
    assert_int_equal(net_shape(ctx, "vae", &spec, &net, &err), AKIN_E_ARG);
    assert_string_equal(err.message, "vae: layer 1 has 0 units (must be 1..1048576)");
    spec = vae_spec();
    spec.layer[2].unit = NET_PRELU;
    assert_int_equal(net_shape(ctx, "vae", &spec, &net, &err), AKIN_E_ARG);
    spec = vae_spec();
    spec.layer[1].unit = NET_TANH;
    assert_int_equal(net_shape(ctx, "vae", &spec, &net, &err), AKIN_E_ARG);
    spec.n_layers = 0;
    assert_int_equal(net_shape(ctx, "vae", &spec, &net, &err), AKIN_E_ARG);
}

/* A rate that is far too high shows in the loss of an epoch. */
static void explodes(void **state)
{
    akin_ctx *ctx = *state;
    const struct golden_net g = {.hidden = {NET_RELU, NET_LINEAR},
                                 .output = NET_LINEAR,
                                 .error = NET_L2,
                                 .optimizer = NET_SGD,
                                 .rate = 1e6};
    struct net_spec spec = spec_of(&g);
    struct net_train_spec how = train_of(&g);
    struct trained *x = trained_new(ctx, &spec, &how, false);
    double loss = 0.0;
    for (int64_t epoch = 1; epoch <= 20 && isfinite(loss); epoch++)
        assert_int_equal(net_train_epoch(&x->t, epoch, &loss, NULL), AKIN_OK);
    bool is_finite = isfinite(loss);
    assert_false(is_finite);
    trained_free(x);
}

static int setup(void **state)
{
    *state = solve_ctx(2, NULL);
    return 0;
}

static int teardown(void **state)
{
    solve_ctx_done(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products),
        cmocka_unit_test_setup_teardown(gradients, setup, teardown),
        cmocka_unit_test_setup_teardown(gradients_of_what_is_drawn, setup, teardown),
        cmocka_unit_test_setup_teardown(golden, setup, teardown),
        cmocka_unit_test_setup_teardown(starts, setup, teardown),
        cmocka_unit_test(same_bits),
        cmocka_unit_test_setup_teardown(all_columns, setup, teardown),
        cmocka_unit_test_setup_teardown(noise_keeps_the_mean, setup, teardown),
        cmocka_unit_test_setup_teardown(states, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(explodes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
