/*
 * als by its definition: the objective in plain double, which no half-step may raise; the loss as
 * reported; a planted matrix; the optimum known in closed form; bounds; reasons; scales.
 *
 * The training file is included, not linked: the test makes a fit by its parts.
 */
#include "../../../src/models/als_fit.c"

#include "unit/models/als_golden.h"
#include "unit/models/rated_util.h"

#include <inttypes.h>

static const uint64_t test_seed = 20260712;
enum { USERS = 40, ITEMS = 25 };

static struct toy_event events[BED_MOST];

static const char *const settings[] = {
    "{\"factors\":6,\"reg\":0.05,\"epochs\":6}",
    "{\"factors\":20,\"reg\":0.02,\"reg_exponent\":0.5,\"epochs\":5}",
    "{\"factors\":5,\"reg\":0.5,\"reg_exponent\":0,\"biases\":false,\"epochs\":6}",
    "{\"factors\":12,\"reg\":0.01,\"biases\":false,\"epochs\":5}",
    "{\"factors\":6,\"reg\":0.05,\"nonnegative\":true,\"epochs\":5}",
    "{\"factors\":9,\"reg\":0.02,\"nonnegative\":true,\"biases\":false,\"epochs\":5}",
};
enum { N_SETTINGS = sizeof settings / sizeof settings[0] };

static double weight_of(const struct als_params *p, int64_t n)
{
    return n > 0 ? p->reg * pow((double)n, p->reg_exponent) : 0.0;
}

static double square_of(const float *x, int64_t n)
{
    double sum = 0.0;
    for (int64_t t = 0; t < n; t++)
        sum += (double)x[t] * (double)x[t];
    return sum;
}

/* The objective as the head of als.c has it, pair by pair, of what the model scores with. */
static double objective(const struct rated *r, const struct als_params *p,
                        const struct rated_data *d)
{
    const struct csr *a = &d->by_user;
    double loss = 0.0, spread = p->biases ? d->deviation * d->deviation : 1.0;
    for (int64_t u = 0; u < a->n_rows; u++) {
        const float *x = r->users + u * r->k;
        double b = r->user_bias ? (double)r->user_bias[u] : 0.0;
        for (int64_t e = a->ptr[u]; e < a->ptr[u + 1]; e++) {
            const float *q = r->items + a->col[e] * r->k;
            double miss = (double)a->val[e] - r->mean - b;
            miss -= r->item_bias ? (double)r->item_bias[a->col[e]] : 0.0;
            for (int64_t t = 0; t < p->factors; t++)
                miss -= (double)x[t] * (double)q[t];
            loss += miss * miss;
        }
        loss += weight_of(p, a->ptr[u + 1] - a->ptr[u]) * (square_of(x, p->factors) + b * b);
    }
    for (int64_t i = 0; i < a->n_cols; i++) {
        double b = r->item_bias ? (double)r->item_bias[i] : 0.0;
        loss += weight_of(p, d->by_item.ptr[i + 1] - d->by_item.ptr[i]) *
                (spread * square_of(r->items + i * r->k, p->factors) + b * b);
    }
    return loss;
}

/* White box: a fit by hand, the objective after each half-step, and the loss that it reports. */
static void test_never_rises(void **state)
{
    (void)state;
    int64_t n = taste_ratings(test_seed, USERS, ITEMS, 0.5, events);
    for (int c = 0; c < N_SETTINGS; c++) {
        struct bed b;
        double last = (double)INFINITY, reported;
        bed_open(&b, 2, events, n);
        bed_fit(&b, "als", settings[c]); /* for ids and sizes; its state is not used */
        struct als_fit f = {.ctx = b.ctx,
                            .m = b.fit.m,
                            .tv = &b.fit.tv,
                            .p = b.fit.m->params,
                            .comm = b.fit.tv.comm};
        assert_int_equal(rated_data_build(b.ctx, f.tv, "als", &f.data, &b.err), AKIN_OK);
        fit_sides(&f);
        assert_int_equal(fit_alloc(&f, &b.err), AKIN_OK);
        assert_int_equal(start_random(&f, &b.err), AKIN_OK);
        struct rated r = {.ctx = b.ctx,
                          .k = f.k,
                          .factors = f.p->factors,
                          .mean = f.mean,
                          .users = f.users.X,
                          .items = f.items.X,
                          .user_bias = f.users.bias,
                          .item_bias = f.items.bias};
        for (int step = 0; step < 14; step++) {
            assert_int_equal(half_step(&f, step % 2 ? &f.users : &f.items,
                                       step % 2 ? &f.items : &f.users, &b.err),
                             AKIN_OK);
            double now = objective(&r, f.p, &f.data);
            if (now > last * (1.0 + 1e-6))
                fail_msg("%s: half-step %d: %.9g after %.9g", settings[c], step, now, last);
            assert_int_equal(als_loss(&f, &reported, &b.err), AKIN_OK);
            if (!(fabs(reported - now) < 1e-5 * now))
                fail_msg("%s: loss %.9g reported, is %.9g", settings[c], reported, now);
            last = now;
        }
        mem_free(b.ctx, f.users.X);
        mem_free(b.ctx, f.items.X);
        mem_free(b.ctx, f.users.bias);
        mem_free(b.ctx, f.items.bias);
        fit_free(&f);
        bed_close(&b);
    }
}

struct watch {
    double last;
    int64_t epochs;
};

static akin_status watch_epoch(void *arg, struct model *m, int64_t epoch, double loss, bool *stop,
                               akin_error *err)
{
    struct watch *w = arg;
    (void)m;
    (void)stop;
    (void)err;
    assert_true(isfinite(loss) && (epoch == 1 || loss <= w->last * (1.0 + 1e-6)));
    w->last = loss;
    w->epochs = epoch;
    return AKIN_OK;
}

/* The loss comes with each epoch; tol ends the fit. */
static void test_tolerance(void **state)
{
    (void)state;
    struct bed b;
    struct watch w[2] = {0};
    bed_open(&b, 1, events, taste_ratings(test_seed, USERS, ITEMS, 0.5, events));
    for (int i = 0; i < 2; i++) {
        struct fit_control ctl = {.arg = &w[i], .epoch = watch_epoch};
        fit_watched(&b, "als",
                    json_pack("{s:i, s:i, s:f, s:f}", "factors", 4, "epochs", 60, "reg", 0.1, "tol",
                              i ? 1e-3 : 0.0),
                    &ctl);
    }
    assert_int_equal(w[0].epochs, 60);
    assert_in_range(w[1].epochs, 2, 40);
    assert_true(w[1].last < w[0].last * 1.05);
    bed_close(&b);
}

/* A planted rank-3 matrix, 40 % of it seen: what was not seen is predicted to 1e-3. */
static void test_planted(void **state)
{
    (void)state;
    enum { N = 90, M = 70, RANK = 3 };
    static double truth[N][M];
    struct bed b;
    int64_t n = 0;
    float score[M];
    for (int u = 0; u < N; u++)
        for (int i = 0; i < M; i++) {
            truth[u][i] = 0.0;
            for (int t = 0; t < RANK; t++)
                truth[u][i] += 2.0 * (uniform(test_seed, 10 + (uint64_t)t, (uint64_t)u) - 0.5) *
                               2.0 * (uniform(test_seed, 20 + (uint64_t)t, (uint64_t)i) - 0.5);
            if (uniform(test_seed, 30, (uint64_t)(u * M + i)) < 0.4)
                events[n++] = (struct toy_event){u, i, (float)truth[u][i], 1600000000 + n};
        }
    printf("seed %" PRIu64 "\n", test_seed);
    bed_open(&b, 2, events, n);
    bed_fit(&b, "als", "{\"factors\":3,\"biases\":false,\"reg\":1e-6,\"epochs\":200,\"tol\":1e-9}");
    double squares = 0.0;
    for (int u = 0; u < N; u++) {
        struct query q = model_query_user(b.fit.m, toy_user(b.ds, u));
        predict(&b, &q, score);
        for (int i = 0; i < M; i++) {
            double miss = (double)score[toy_item(b.ds, i)] - truth[u][i];
            squares += miss * miss;
        }
    }
    printf("rmse %.3g over all pairs\n", sqrt(squares / (N * M)));
    assert_true(sqrt(squares / (N * M)) < 1e-3);
    bed_close(&b);
}

/* Everything rated, plain weights: the shrunk singular values, from NumPy. */
static void test_golden(void **state)
{
    (void)state;
    struct bed b;
    int64_t n = 0;
    float score[GOLDEN_ITEMS];
    for (int u = 0; u < GOLDEN_USERS; u++)
        for (int i = 0; i < GOLDEN_ITEMS; i++)
            events[n++] = (struct toy_event){u, i, (float)golden_ratings[u][i], 1600000000 + n};
    bed_open(&b, 1, events, n);
    bed_fit(&b, "als", golden_params);
    for (int u = 0; u < GOLDEN_USERS; u++) {
        struct query q = model_query_user(b.fit.m, toy_user(b.ds, u));
        predict(&b, &q, score);
        for (int i = 0; i < GOLDEN_ITEMS; i++) {
            double got = (double)score[toy_item(b.ds, i)];
            if (!(fabs(got - golden_product[u][i]) < 2e-4))
                fail_msg("user %d, item %d: %.7g, NumPy %.7g", u, i, got, golden_product[u][i]);
        }
    }
    bed_close(&b);
}

/* Bounded users meet the conditions of a minimum: the gradient is 0, or >= 0 where p is 0. */
static void test_nonnegative(void **state)
{
    (void)state;
    for (int c = 4; c < N_SETTINGS; c++) {
        struct bed b;
        struct rated_data d;
        int64_t held = 0;
        bed_open(&b, 1, events, taste_ratings(test_seed, USERS, ITEMS, 0.5, events));
        bed_fit(&b, "als", settings[c]);
        const struct als *s = b.fit.m->self;
        assert_int_equal(rated_data_build(b.ctx, &b.fit.tv, "als", &d, &b.err), AKIN_OK);
        for (int64_t i = 0; i < s->f.n_items; i++)
            for (int64_t t = 0; t < s->f.factors; t++)
                assert_true(s->f.items[i * s->f.k + t] >= 0.0f);
        for (int64_t u = 0; u < s->f.n_users; u++) {
            const float *p = s->f.users + u * s->f.k;
            int64_t lo = d.by_user.ptr[u], hi = d.by_user.ptr[u + 1];
            for (int64_t t = 0; t < s->f.factors; t++) {
                double g = weight_of(s->params, hi - lo) * (double)p[t], size = 0.0;
                for (int64_t e = lo; e < hi; e++) {
                    const float *q = s->f.items + d.by_user.col[e] * s->f.k;
                    double miss = s->f.mean - (double)d.by_user.val[e];
                    if (s->f.user_bias)
                        miss +=
                            (double)s->f.user_bias[u] + (double)s->f.item_bias[d.by_user.col[e]];
                    for (int64_t v = 0; v < s->f.factors; v++)
                        miss += (double)p[v] * (double)q[v];
                    g += miss * (double)q[t];
                    size += fabs(miss * (double)q[t]);
                }
                assert_true(p[t] >= 0.0f && g > -1e-3 * (size + 1e-3));
                assert_true(p[t] <= 0.0f || g < 1e-3 * (size + 1e-3));
                held += p[t] <= 0.0f;
            }
        }
        assert_true(held > 0);
        rated_data_free(b.ctx, &d);
        bed_close(&b);
    }
}

static void test_reasons(void **state)
{
    (void)state;
    for (int c = 0; c < N_SETTINGS; c++) {
        struct bed b;
        bed_open(&b, 1, events, taste_ratings(test_seed, USERS, ITEMS, 0.5, events));
        bed_fit(&b, "als", settings[c]);
        const struct als *s = b.fit.m->self;
        check_reasons(&b, 3, s->f.mean, s->f.item_bias, 2e-4);
        bed_close(&b);
    }
}

/* Spark's names mean ours; both at once are refused, and so is what nobody knows. */
static void test_spark_names(void **state)
{
    (void)state;
    static const char *const params[] = {
        "{\"factors\":4,\"epochs\":3,\"reg\":0.2,\"biases\":false}",
        "{\"rank\":4,\"maxIter\":3,\"regParam\":\"0.2\",\"biases\":false}"};
    struct bed b;
    uint64_t print[2];
    bed_open(&b, 1, events, taste_ratings(test_seed, USERS, ITEMS, 0.5, events));
    for (int i = 0; i < 2; i++) {
        bed_fit(&b, "als", params[i]);
        print[i] = fitted_print(&b.fit);
        bed_drop(&b);
    }
    assert_true(print[0] == print[1]);
    assert_int_equal(bed_try(&b, "als", "{\"rank\":4,\"factors\":4}"), AKIN_E_ARG);
    assert_string_equal(b.err.message, "als: rank and factors are the same parameter; give one");
    assert_int_equal(bed_try(&b, "als", "{\"ranks\":4}"), AKIN_E_ARG);
    assert_int_equal(bed_try(&b, "als", "{\"rank\":0}"), AKIN_E_ARG);
    bed_close(&b);
}

/* With biases reg means the same on every scale. */
static void test_scale(void **state)
{
    (void)state;
    check_scale("als", "{\"factors\":4,\"reg\":0.2,\"epochs\":300}", events,
                taste_ratings(test_seed, USERS, ITEMS, 0.5, events), ITEMS, 0.02);
}

/* One rating, none, too large ones: results or clear errors. */
static void test_bad_input(void **state)
{
    (void)state;
    struct bed b;
    check_one_rating("als", "{\"nonnegative\":true}", "no values");
    events[0] = (struct toy_event){0, 0, 4.0f, 1600000000};
    events[1] = (struct toy_event){0, 1, 1e30f, 1600000001};
    bed_open(&b, 1, events, 2);
    assert_int_equal(bed_try(&b, "als", "{}"), AKIN_E_INPUT);
    assert_string_equal(b.err.message, "als: rating 1e+30 (must be within ±1e9)");
    bed_close(&b);
}

static void test_warm(void **state)
{
    (void)state;
    struct bed b;
    bed_open(&b, 2, events, taste_ratings(test_seed, USERS, ITEMS, 0.5, events));
    check_warm(&b, "als", "{\"factors\":6,\"epochs\":20}", "{\"factors\":7}");
    bed_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_never_rises), cmocka_unit_test(test_tolerance),
        cmocka_unit_test(test_planted),     cmocka_unit_test(test_golden),
        cmocka_unit_test(test_nonnegative), cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_scale),       cmocka_unit_test(test_bad_input),
        cmocka_unit_test(test_spark_names), cmocka_unit_test(test_warm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
