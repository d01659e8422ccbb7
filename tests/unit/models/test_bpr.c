/*
 * bpr: epochs against the same steps in plain double; negatives that are never positives and come
 * as often as they should; fold-in and reasons; data of one user, one item; files, threads, memory.
 *
 * The model's file is included, not linked: the test asks for its parts.
 */
#include "../../../src/models/bpr.c"

#include "knn_util.h"

static struct dataset *events(akin_ctx *ctx)
{
    return fix_random(ctx, 21, 900, 60, 45, 0);
}

/* ---- Negatives ---- */

/* Slots go as the weights do, to the nearest one, from any offset. */
static void slots_go_as_weights(void **state)
{
    (void)state;
    enum { N = 9, SLOT = 360 };
    static const int32_t item[N] = {8, 0, 7, 1, 6, 2, 5, 3, 4};
    double weight[N], total = 0.0;
    for (int i = 0; i < N; i++)
        total += weight[i] = (double)(i * i);
    for (int c = 0; c < 20; c++) {
        const double *w = c < 10 ? weight : NULL;
        int32_t slot[SLOT];
        int count[N] = {0};
        fill_slots(item, N, w, c % 10 / 10.0, SLOT, slot);
        for (int t = 0; t < SLOT; t++)
            count[slot[t]]++;
        for (int i = 0; i < N; i++)
            assert_true(fabs(count[i] - SLOT * (w ? w[i] / total : 1.0 / N)) <= 1.0);
    }
}

static void searches(void **state)
{
    (void)state;
    int32_t item[40];
    for (int32_t i = 0; i < 40; i++)
        item[i] = 3 * i + 1;
    for (int64_t n = 1; n <= 40; n++)
        for (int32_t x = -1; x <= 125; x++)
            assert_int_equal(has_item(item, n, x), x > 0 && x % 3 == 1 && x / 3 < n);
}

/* Over rounds each item that is not the user's comes, a popular one as often as told. */
static void negatives(void **state)
{
    akin_ctx *ctx = *state;
    struct dataset *ds = events(ctx);
    for (int c = 0; c < 2; c++) {
        struct fitted f = fitted_new(ctx, ds, "bpr", "{\"epochs\":1,\"factors\":4}", NULL);
        const struct csr *m = &f.tv.by_user;
        struct grid g;
        struct bpr_params p = {.negative_exponent = c};
        struct bpr s = {.params = &p, .f = {.ctx = ctx, .n_items = m->n_cols}};
        struct bpr_fit fit = {.s = &s, .seed = 5, .sgd = {.grid = &g}};
        enum { ROUNDS = 400 };
        double *got = calloc((size_t)m->n_cols, sizeof *got), *want = calloc((size_t)m->n_cols, 8);
        assert_int_equal(weights_set(&fit, f.tv.item_count, NULL), AKIN_OK);
        assert_int_equal(grid_init(ctx, m, 3, 5, &g, NULL), AKIN_OK);
        for (int64_t round = 1; round <= ROUNDS; round++) {
            fit.sgd.epoch = round;
            grid_deal(&g, round);
            assert_int_equal(bpr_dealt(&fit, NULL), AKIN_OK);
            assert_int_equal(grid_place(&g, bpr_fill, &fit, NULL), AKIN_OK);
            for (int64_t e = 0; e < csr_nnz(m); e++) {
                const struct kern_sample *x = &g.sample[e];
                if (x->u.other < 0)
                    continue;
                assert_int_equal(g.item_stripe[x->q], g.item_stripe[x->u.other]);
                for (int64_t o = m->ptr[x->p]; o < m->ptr[x->p + 1]; o++)
                    assert_int_not_equal(m->col[o], x->u.other);
                got[x->u.other] += 1.0 / ROUNDS;
            }
        }
        /* expected: a positive's negative is one of all items, or of two tries none */
        for (int64_t u = 0; u < m->n_rows; u++) {
            const int32_t *own = m->col + m->ptr[u];
            int64_t n = m->ptr[u + 1] - m->ptr[u];
            double total = 0.0, taken = 0.0;
            for (int32_t i = 0; i < m->n_cols; i++) {
                total += c ? fit.weight[i] : 1.0;
                taken += n > 0 && has_item(own, n, i) ? (c ? fit.weight[i] : 1.0) : 0.0;
            }
            for (int32_t i = 0; n > 0 && i < m->n_cols; i++)
                if (!has_item(own, n, i))
                    want[i] +=
                        (double)n * (c ? fit.weight[i] : 1.0) / total * (1.0 + taken / total);
        }
        for (int32_t i = 0; i < m->n_cols; i++) /* rare ones vary */
            assert_true(want[i] < 3.0 || fabs(got[i] / want[i] - 1.0) < 0.2);
        free(got);
        free(want);
        grid_free(&g);
        mem_free(ctx, fit.weight);
        mem_free(ctx, fit.slot);
        fitted_free(&f);
    }
    dataset_free(ds);
}

/* ---- Steps ---- */

static double sigma(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

/* Three epochs by the definition, in double, over the samples of the same grid. */
static void epochs_by_definition(void **state)
{
    akin_ctx *ctx = *state;
    enum { EPOCHS = 3, K = 10 };
    struct dataset *ds = events(ctx);
    struct fitted f =
        fitted_new(ctx, ds, "bpr",
                   "{\"epochs\":3,\"factors\":10,\"grid\":3,\"decay\":0.5,\"reg\":0.1,"
                   "\"learning_rate\":0.05,\"negative_exponent\":0}",
                   NULL);
    const struct bpr *done = f.m->self;
    struct bpr s = {.params = done->params};
    struct fit_control ctl = {0};
    struct grid g;
    struct bpr_fit fit = {.s = &s, .seed = f.tv.seed, .sgd = {.grid = &g}};
    assert_int_equal(factors_alloc(f.m, K, &s.f, NULL), AKIN_OK);
    assert_int_equal(bpr_begin(&s, &f.tv, &ctl, NULL), AKIN_OK);
    int64_t k = s.f.k, n_p = s.f.n_users * k, n_q = s.f.n_items * k;
    double *P = calloc((size_t)n_p, sizeof *P), *Q = calloc((size_t)n_q, sizeof *Q);
    for (int64_t i = 0; i < n_p; i++)
        P[i] = (double)s.f.users[i];
    for (int64_t i = 0; i < n_q; i++)
        Q[i] = (double)s.f.items[i];
    assert_int_equal(grid_init(ctx, &f.tv.by_user, 3, f.tv.seed, &g, NULL), AKIN_OK);
    double lr = s.params->learning_rate, reg = s.params->reg;
    for (int64_t epoch = 1; epoch <= EPOCHS; epoch++, lr *= 0.5) {
        fit.sgd.epoch = epoch;
        grid_deal(&g, epoch);
        assert_int_equal(grid_place(&g, bpr_fill, &fit, NULL), AKIN_OK);
        /* blocks of a stratum share nothing: any order that keeps strata apart */
        int64_t first =
            (int64_t)(rng_u64(g.seed, RNG_SHUFFLE, UINT64_MAX, (uint64_t)epoch) % (uint64_t)g.n);
        for (int64_t b = 0; b < g.n * g.n; b++) {
            int64_t a = b % g.n, block = a * g.n + (a + first + b / g.n) % g.n;
            for (int64_t e = g.ptr[block]; e < g.ptr[block + 1]; e++) {
                double *p = P + g.sample[e].p * k, *q = Q + g.sample[e].q * k;
                double *o = Q + g.sample[e].u.other * k, x = 0.0;
                if (g.sample[e].u.other < 0)
                    continue;
                for (int64_t t = 0; t < K; t++)
                    x += p[t] * (q[t] - o[t]);
                for (int64_t t = 0; t < K; t++) {
                    double old = p[t];
                    p[t] += lr * (sigma(-x) * (q[t] - o[t]) - reg * p[t]);
                    q[t] += lr * (sigma(-x) * old - reg * q[t]);
                    o[t] += lr * (-sigma(-x) * old - reg * o[t]);
                }
            }
        }
    }
    for (int64_t i = 0; i < n_p; i++)
        assert_close(done->f.users[i], P[i], 1e-5);
    for (int64_t i = 0; i < n_q; i++)
        assert_close(done->f.items[i], Q[i], 1e-5);
    free(P);
    free(Q);
    factors_free(&s.f);
    grid_free(&g);
    fitted_free(&f);
    dataset_free(ds);
}

/* ---- Askers ---- */

/* Reasons sum to the score of the row that folding in gives, whatever fades on the way. */
static void reasons_sum_up(void **state)
{
    akin_ctx *ctx = *state;
    static const char *const params[] = {
        "{\"epochs\":30,\"factors\":9}",
        "{\"epochs\":5,\"factors\":9,\"reg\":5}", /* three quarters of a row fade in a step */
        "{\"epochs\":5,\"factors\":9,\"reg\":10,\"learning_rate\":0.1}", /* all of it: only the last
                                                                            one is left */
        "{\"epochs\":30,\"factors\":9,\"reg\":0,\"negative_exponent\":1}",
    };
    struct dataset *ds = events(ctx);
    akin_error err = {0};
    struct arena scratch;
    arena_init(&scratch, ctx);
    for (size_t c = 0; c < sizeof params / sizeof params[0]; c++) {
        struct fitted f = fitted_new(ctx, ds, "bpr", params[c], NULL);
        for (int32_t u = 0; u < f.m->users.n; u += 7) {
            struct query q = model_query_user(f.m, u);
            struct reason r[64];
            q.is_trained = false;
            float *scores = fitted_scores(&f, &q);
            for (int32_t i = 0; i < f.m->items.n; i += 5) {
                int32_t n = -1;
                double sum = 0.0;
                assert_int_equal(bpr_explain(f.m->self, &q, i, r, 64, &n, &scratch, &err), AKIN_OK);
                for (int32_t j = 0; j < n; j++)
                    sum += (double)r[j].contribution;
                assert_close(sum, scores[i], 1e-5 * fmax(1, fabs((double)scores[i])));
            }
            free(scores);
        }
        fitted_free(&f);
    }
    arena_free(&scratch);
    dataset_free(ds);
}

/* Two tastes: strangers with three items of one get its other items first. */
static void strangers_are_folded_in(void **state)
{
    akin_ctx *ctx = *state;
    static struct row rows[400];
    static char name[40][8];
    int n = 0;
    for (int i = 0; i < 40; i++)
        snprintf(name[i], sizeof name[i], "%d", 100 + i);
    for (int u = 0; u < 40; u++)
        for (int i = 0; i < 20; i++)
            if (i % 2 == u % 2 && (u + i) % 7 != 0)
                rows[n++] = (struct row){name[u], name[i], 1, n, 0};
    struct dataset *ds = fix_dataset(ctx, rows, n, 0, NULL);
    struct fitted f = fitted_new(ctx, ds, "bpr", NULL, NULL);
    for (int taste = 0; taste < 2; taste++) {
        int32_t item[3] = {taste, 4 + taste, 8 + taste};
        struct query q = {.user = -1, .hist = {3, item, NULL, NULL, NULL, NULL}};
        float *scores = fitted_scores(&f, &q);
        for (int i = 0; i < 20; i += 2)
            for (int j = 1; j < 20; j += 2)
                assert_true(taste ? scores[j] > scores[i] : scores[i] > scores[j]);
        free(scores);
    }
    fitted_free(&f);
    dataset_free(ds);
}

static void odd_data(void **state)
{
    akin_ctx *ctx = *state;
    static const struct row one[] = {{"a", "x", 1, 1, 0}, {"a", "y", 1, 2, 0}, {"b", "x", 1, 3, 0}};
    for (int64_t n = 0; n <= 3; n++) { /* nothing, one pair, a user of all items, and another */
        struct dataset *ds = fix_dataset(ctx, one, n, 0, NULL);
        struct fitted f = fitted_new(ctx, ds, "bpr", "{\"grid\":2}", NULL);
        struct query q = {.user = -1};
        float *scores = fitted_scores(&f, &q);
        for (int32_t i = 0; i < f.m->items.n; i++)
            assert_true(scores[i] == 0.0f);
        free(scores);
        assert_saves(&f);
        fitted_free(&f);
        dataset_free(ds);
    }
}

static void refusals(void **state)
{
    akin_ctx *ctx = *state;
    akin_error err = {0};
    struct fitted f;
    struct dataset *ds = events(ctx);
    assert_int_equal(fitted_try(ctx, ds, "bpr", "{\"learning_rate\":10,\"reg\":1}", NULL, &f, &err),
                     AKIN_E_ARG);
    assert_non_null(strstr(err.message, "learning_rate=10 is too high"));
    static const float rows[16] = {1, 2, 3};
    static int32_t pool[POOL];
    const struct section s[] = {{"m.users", rows, sizeof rows},
                                {"m.items", rows, sizeof rows},
                                {"m.pool", pool, sizeof pool - 4},
                                {0}};
    const struct section t[] = {s[0], s[1], {"m.pool", pool, sizeof pool}, {0}};
    assert_refuses(ctx, "bpr", "{\"factors\":4}", 1, s, "m.pool");
    for (int32_t bad = -1; bad <= 1; bad += 2) {
        pool[POOL - 1] = bad;
        assert_refuses(ctx, "bpr", "{\"factors\":4}", 1, t, "m.pool");
    }
    dataset_free(ds);
}

static void files_threads_memory(void **state)
{
    akin_ctx *ctx = *state;
    struct dataset *ds = fix_random(ctx, 22, 60, 9, 12, 0);
    struct fitted f = fitted_new(ctx, ds, "bpr", "{\"epochs\":5}", NULL);
    assert_saves(&f);
    fitted_free(&f);
    assert_threads_agree(events, "bpr", "{\"grid\":7,\"epochs\":3}");
    assert_threads_agree(events, "bpr", "{\"grid\":2,\"epochs\":3,\"negative_exponent\":0.7}");
    assert_survives_no_memory(ds, ctx, "bpr",
                              "{\"grid\":2,\"epochs\":2,\"negative_exponent\":0.5}");
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
        cmocka_unit_test(slots_go_as_weights),
        cmocka_unit_test(searches),
        cmocka_unit_test(negatives),
        cmocka_unit_test(epochs_by_definition),
        cmocka_unit_test(reasons_sum_up),
        cmocka_unit_test(strangers_are_folded_in),
        cmocka_unit_test(odd_data),
        cmocka_unit_test(refusals),
        cmocka_unit_test(files_threads_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
