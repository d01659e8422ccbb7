/*
 * bpr: epochs against the same steps in plain double; negatives that are never positives and come
 * as often as they should; fold-in and reasons; data of one user, one item; files, threads, memory.
 *
 * The model's files are included, not linked: the test asks for their parts.
 */
#include "../../../src/models/bpr.c"
#include "../../../src/models/bpr_fit.c"

#include "knn_util.h"

static struct dataset *events(akin_ctx *ctx)
{
    return fix_random(ctx, 21, 900, 60, 45, 0);
}

/* ---- Negatives ---- */

/* Over rounds each item that is not the user's comes, a popular one as often as told, as any of the
 * candidates too (which may be the user's own: those are left out when one is picked). */
static void negatives(void **state)
{
    akin_ctx *ctx = *state;
    struct dataset *ds = events(ctx);
    for (int c = 0; c < 4; c++) {
        struct fitted f = fitted_new(ctx, ds, "bpr", "{\"epochs\":1,\"factors\":4}", NULL);
        const struct csr *m = &f.tv.by_user;
        struct grid g;
        struct bpr_params p = {.negative_exponent = c % 2, .candidates = c < 2 ? 1 : 2};
        struct bpr s = {.params = &p, .f = {.ctx = ctx, .n_items = m->n_cols}};
        struct bpr_fit fit = {.s = &s, .seed = 5, .sgd = {.grid = &g}};
        int64_t each = bpr_candidates(&s), rounds = 400 / each;
        assert_int_equal(each, p.candidates);
        double *got = calloc((size_t)m->n_cols, sizeof *got), *want = calloc((size_t)m->n_cols, 8);
        assert_int_equal(weights_set(&fit, f.tv.item_count, NULL), AKIN_OK);
        assert_int_equal(candidates_alloc(&fit, csr_nnz(m), NULL), AKIN_OK);
        assert_int_equal(grid_init(ctx, m, 3, 5, &g, NULL), AKIN_OK);
        for (int64_t round = 1; round <= rounds; round++) {
            fit.sgd.epoch = round;
            grid_deal(&g, round);
            assert_int_equal(bpr_dealt(&fit, NULL), AKIN_OK);
            assert_int_equal(grid_place(&g, bpr_fill, &fit, NULL), AKIN_OK);
            for (int64_t e = 0; e < csr_nnz(m) * each; e++) {
                const struct kern_sample *x = &g.sample[e / each];
                int32_t item = fit.candidate ? fit.candidate[e] : x->u.other;
                if (item < 0)
                    continue;
                assert_int_equal(g.item_stripe[x->q], g.item_stripe[item]);
                for (int64_t o = m->ptr[x->p]; each == 1 && o < m->ptr[x->p + 1]; o++)
                    assert_int_not_equal(m->col[o], item);
                got[item] += 1.0 / (double)(rounds * each);
            }
        }
        /* expected: a candidate is one of all items, the only one of two tries that is not own */
        for (int64_t u = 0; u < m->n_rows; u++) {
            const int32_t *own = m->col + m->ptr[u];
            int64_t n = m->ptr[u + 1] - m->ptr[u];
            bool *has = calloc((size_t)m->n_cols, sizeof *has);
            double total = 0.0, taken = 0.0;
            for (int64_t j = 0; j < n; j++)
                has[own[j]] = true;
            for (int32_t i = 0; i < m->n_cols; i++) {
                total += c % 2 ? fit.weight[i] : 1.0;
                taken += has[i] ? (c % 2 ? fit.weight[i] : 1.0) : 0.0;
            }
            for (int32_t i = 0; i < m->n_cols; i++)
                if (!has[i] || each > 1)
                    want[i] += (double)n * (c % 2 ? fit.weight[i] : 1.0) / total *
                               (each > 1 ? 1.0 : 1.0 + taken / total);
            free(has);
        }
        for (int32_t i = 0; i < m->n_cols; i++) /* rare ones vary */
            assert_true(want[i] < 3.0 || fabs(got[i] / want[i] - 1.0) < 0.2);
        free(got);
        free(want);
        grid_free(&g);
        mem_free(ctx, fit.weight);
        mem_free(ctx, fit.slot);
        mem_free(ctx, fit.candidate);
        fitted_free(&f);
    }
    dataset_free(ds);
}

/* The one that scores highest, the first of equals, of those that are not the user's own. */
static void the_hardest_is_taken(void **state)
{
    akin_ctx *ctx = *state;
    static float items[5 * 16] = {[0] = 1, [16] = 3, [32] = 3, [48] = -2};
    static const float p[16] = {1}, down[16] = {-1};
    const struct factors f = {.ctx = ctx, .k = 16, .n_items = 5, .items = items};
    static const int32_t all[4] = {0, 1, 2, 3}, back[4] = {3, 2, 1, 2}, twice[3] = {1, 1, 2};
    static const int32_t own[3] = {1, 2, 4};
    const struct negatives last = {.own = own + 2, .n_own = 1}, more = {.own = own, .n_own = 3};
    assert_int_equal(bpr_hardest(&f, p, &last, all, 4), 1);
    assert_int_equal(bpr_hardest(&f, down, &last, all, 4), 3);
    assert_int_equal(bpr_hardest(&f, p, &last, back, 4), 2);
    assert_int_equal(bpr_hardest(&f, p, &more, all, 4), 0);
    assert_int_equal(bpr_hardest(&f, p, &more, back, 4), 3);
    assert_int_equal(bpr_hardest(&f, p, &more, twice, 3), -1);
}

/* ---- Steps ---- */

static double sigma(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

/* A table as doubles; free() it. */
static double *as_double(const float *x, int64_t n)
{
    double *out = calloc((size_t)n, sizeof *out);
    for (int64_t i = 0; i < n; i++)
        out[i] = (double)x[i];
    return out;
}

/* What a plain reference steps over: P (n_users, k), Q (n_items, k) in double. */
struct plain {
    const struct bpr_fit *fit;
    double *P, *Q, lr, reg;
    int64_t k;
};

/* The candidate of sample e that scores highest and is not own, the first of equals; -1 = none. */
static int32_t plain_hardest(const struct plain *x, int64_t e)
{
    const struct grid *g = x->fit->sgd.grid;
    const struct kern_sample *sample = g->sample + e;
    int64_t n = bpr_candidates(x->fit->s);
    const int32_t *candidate = n > 1 ? x->fit->candidate + n * e : &sample->u.other;
    int32_t out = -1;
    double highest = 0.0;
    for (int64_t c = 0; c < n; c++) {
        double score = 0.0;
        bool ok = candidate[c] >= 0;
        for (int64_t o = g->by_user->ptr[sample->p]; o < g->by_user->ptr[sample->p + 1]; o++)
            ok = ok && g->by_user->col[o] != candidate[c];
        for (int64_t t = 0; ok && t < x->k; t++)
            score += x->P[sample->p * x->k + t] * x->Q[candidate[c] * x->k + t];
        if (ok && (out < 0 || score > highest)) {
            out = candidate[c];
            highest = score;
        }
    }
    return out;
}

static void plain_step(const struct plain *x, int64_t e, int32_t other)
{
    const struct kern_sample *sample = x->fit->sgd.grid->sample + e;
    double *p = x->P + sample->p * x->k, *q = x->Q + sample->q * x->k, *o = x->Q + other * x->k;
    double d = 0.0;
    for (int64_t t = 0; t < x->k; t++)
        d += p[t] * (q[t] - o[t]);
    double z = sigma(-d);
    for (int64_t t = 0; t < x->k; t++) {
        double old = p[t];
        p[t] += x->lr * (z * (q[t] - o[t]) - x->reg * p[t]);
        q[t] += x->lr * (z * old - x->reg * q[t]);
        o[t] += x->lr * (-z * old - x->reg * o[t]);
    }
}

/* A block: the negatives of GROUP samples by the rows before them, then their steps. */
static void plain_block(const struct plain *x, int64_t lo, int64_t hi)
{
    for (; lo < hi; lo += GROUP) {
        int32_t other[GROUP];
        int64_t n = hi - lo < GROUP ? hi - lo : GROUP;
        for (int64_t r = 0; r < n; r++)
            other[r] = plain_hardest(x, lo + r);
        for (int64_t r = 0; r < n; r++)
            if (other[r] >= 0)
                plain_step(x, lo + r, other[r]);
    }
}

/* Three epochs by the definition, in double, over the samples of the same grid. */
static void epochs_by_definition(void **state)
{
    akin_ctx *ctx = *state;
    enum { EPOCHS = 3 };
    struct dataset *ds = events(ctx);
    for (int c = 1; c <= 2; c++) {
        char text[200];
        snprintf(text, sizeof text,
                 "{\"epochs\":3,\"factors\":10,\"grid\":3,\"decay\":0.5,\"reg\":0.1,"
                 "\"learning_rate\":0.05,\"negative_exponent\":0,\"candidates\":%d}",
                 c);
        struct fitted f = fitted_new(ctx, ds, "bpr", text, NULL);
        const struct bpr *done = f.m->self;
        struct bpr s = {.params = done->params};
        struct fit_control ctl = {0};
        struct grid g;
        struct bpr_fit fit = {.s = &s, .seed = f.tv.seed, .sgd = {.grid = &g}};
        assert_int_equal(factors_alloc(f.m, 10, &s.f, NULL), AKIN_OK);
        assert_int_equal(bpr_begin(&s, &f.tv, &ctl, NULL), AKIN_OK);
        assert_int_equal(candidates_alloc(&fit, csr_nnz(&f.tv.by_user), NULL), AKIN_OK);
        int64_t n_p = s.f.n_users * s.f.k, n_q = s.f.n_items * s.f.k;
        struct plain x = {.fit = &fit,
                          .P = as_double(s.f.users, n_p),
                          .Q = as_double(s.f.items, n_q),
                          .lr = s.params->learning_rate,
                          .reg = s.params->reg,
                          .k = s.f.k};
        assert_int_equal(grid_init(ctx, &f.tv.by_user, 3, f.tv.seed, &g, NULL), AKIN_OK);
        for (int64_t epoch = 1; epoch <= EPOCHS; epoch++, x.lr *= 0.5) {
            fit.sgd.epoch = epoch;
            grid_deal(&g, epoch);
            assert_int_equal(grid_place(&g, bpr_fill, &fit, NULL), AKIN_OK);
            /* blocks of a stratum share nothing: any order that keeps strata apart */
            int64_t first = (int64_t)(rng_u64(g.seed, RNG_SHUFFLE, UINT64_MAX, (uint64_t)epoch) %
                                      (uint64_t)g.n);
            for (int64_t b = 0; b < g.n * g.n; b++) {
                int64_t a = b % g.n, block = a * g.n + (a + first + b / g.n) % g.n;
                plain_block(&x, g.ptr[block], g.ptr[block + 1]);
            }
        }
        for (int64_t i = 0; i < n_p; i++)
            assert_close(done->f.users[i], x.P[i], 1e-5);
        for (int64_t i = 0; i < n_q; i++)
            assert_close(done->f.items[i], x.Q[i], 1e-5);
        free(x.P);
        free(x.Q);
        factors_free(&s.f);
        grid_free(&g);
        mem_free(ctx, fit.candidate);
        fitted_free(&f);
    }
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
        "{\"epochs\":30,\"factors\":9,\"candidates\":1}",
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
    /* a step may turn a row round, not make it longer */
    static const char *const strong = "{\"learning_rate\":10,\"reg\":0.3}";
    assert_int_equal(fitted_try(ctx, ds, "bpr", strong, NULL, &f, &err), AKIN_E_ARG);
    assert_non_null(strstr(err.message, "learning_rate=10 times reg=0.3 is 3 (must be at most 2"));
    assert_int_equal(sgd_check("bpr", 10, 0.2, &err), AKIN_OK);
    static const float rows[16] = {1, 2, 3};
    static int32_t pool[BPR_POOL];
    const struct section s[] = {{"m.users", rows, sizeof rows},
                                {"m.items", rows, sizeof rows},
                                {"m.pool", pool, sizeof pool - 4},
                                {0}};
    const struct section t[] = {s[0], s[1], {"m.pool", pool, sizeof pool}, {0}};
    assert_refuses(ctx, "bpr", "{\"factors\":4}", 1, s, "m.pool");
    assert_refuses(ctx, "bpr", strong, 1, s, "learning_rate=10 times reg=0.3");
    for (int32_t bad = -1; bad <= 1; bad += 2) {
        pool[BPR_POOL - 1] = bad;
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
        cmocka_unit_test(negatives),
        cmocka_unit_test(the_hardest_is_taken),
        cmocka_unit_test(epochs_by_definition),
        cmocka_unit_test(reasons_sum_up),
        cmocka_unit_test(strangers_are_folded_in),
        cmocka_unit_test(odd_data),
        cmocka_unit_test(refusals),
        cmocka_unit_test(files_threads_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
