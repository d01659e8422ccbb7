/*
 * svdpp by its definition: a plain double reference of the whole training, fold-in from NumPy,
 * reasons that sum to the score, any scale and any batch.
 */
#include "models/svdpp.h"

#include "unit/models/rated_util.h"
#include "unit/models/svdpp_golden.h"

#include "kern/math.h"

static const uint64_t test_seed = 20260714;
enum { USERS = 40, ITEMS = 25, K = 5, EPOCHS = 4, BATCH = 7 };

static struct toy_event events[BED_MOST];

/* ---- The reference ------------------------------------------------------------------------- */

struct reference {
    const struct csr *rows;
    double mean, variance, rate, reg, reg_y, reg_items, reg_z, noise;
    double q[ITEMS][K], b[ITEMS], y[ITEMS][K];
    double inverse[USERS][K + 1][K + 1];       /* A_u^-1 */
    double z[USERS][K], g[ITEMS][K], n[ITEMS]; /* flipped; of an epoch; ratings */
    double v[USERS][K], bu[USERS];             /* v = p + s */
};

/* (K + 1)² equations by elimination; the system is positive definite. */
static void solve_dense(double a[K + 1][K + 2], double *x)
{
    for (int j = 0; j <= K; j++)
        for (int i = j + 1; i <= K; i++)
            for (int t = K + 1; t >= j; t--)
                a[i][t] -= a[i][j] / a[j][j] * a[j][t];
    for (int j = K; j >= 0; j--) {
        x[j] = a[j][K + 1];
        for (int t = j + 1; t <= K; t++)
            x[j] -= a[j][t] * x[t];
        x[j] /= a[j][j];
    }
}

static double residual(const struct reference *r, int64_t u, int64_t e)
{
    int32_t i = r->rows->col[e];
    double miss = (double)r->rows->val[e] - r->mean - r->b[i] - r->bu[u];
    for (int t = 0; t < K; t++)
        miss -= r->q[i][t] * r->v[u][t];
    return miss;
}

static void reference_user(struct reference *r, int64_t u)
{
    double a[K + 1][K + 2] = {{0}}, x[K + 1], s[K] = {0};
    int64_t lo = r->rows->ptr[u], hi = r->rows->ptr[u + 1];
    for (int64_t e = lo; e < hi; e++)
        for (int t = 0; t < K; t++)
            s[t] += r->y[r->rows->col[e]][t] / sqrt((double)(hi - lo));
    memcpy(r->v[u], s, sizeof s);
    r->bu[u] = 0.0;
    for (int64_t e = lo; e < hi; e++) {
        const double *q = r->q[r->rows->col[e]];
        double target = residual(r, u, e);
        for (int i = 0; i <= K; i++) {
            double zi = i < K ? q[i] : 1.0;
            for (int j = 0; j <= K; j++)
                a[i][j] += zi * (j < K ? q[j] : 1.0);
            a[i][K + 1] += zi * target;
        }
    }
    for (int i = 0; i <= K; i++)
        a[i][i] += hi > lo ? r->reg * (double)(hi - lo) : 1.0;
    for (int c = 0; c <= K; c++) {
        double own[K + 1][K + 2], column[K + 1];
        memcpy(own, a, sizeof own);
        for (int i = 0; i <= K; i++)
            own[i][K + 1] = i == c ? 1.0 : 0.0;
        solve_dense(own, column);
        for (int i = 0; i <= K; i++)
            r->inverse[u][i][c] = column[i];
    }
    solve_dense(a, x);
    for (int t = 0; t < K; t++)
        r->v[u][t] += x[t];
    r->bu[u] = x[K];
}

static void reference_items(struct reference *r, int64_t lo, int64_t hi)
{
    double g[ITEMS][K + 1] = {{0}}, h[ITEMS][K] = {{0}}, n[ITEMS] = {0}, rated[ITEMS] = {0};
    double w[ITEMS][K] = {{0}};
    for (int64_t u = lo; u < hi; u++) {
        double pull[K] = {0}, many = (double)(r->rows->ptr[u + 1] - r->rows->ptr[u]);
        for (int64_t e = r->rows->ptr[u]; e < r->rows->ptr[u + 1]; e++) {
            int32_t i = r->rows->col[e];
            double miss = residual(r, u, e);
            for (int t = 0; t < K; t++) {
                g[i][t] += miss * r->v[u][t];
                pull[t] += miss * r->q[i][t] / sqrt(many);
                for (int j = 0; j <= K; j++)
                    w[i][t] += r->inverse[u][t][j] * (j < K ? r->q[i][j] : 1.0);
            }
            g[i][K] += miss;
            n[i] += 1.0;
            rated[i] += many;
        }
        for (int64_t e = r->rows->ptr[u]; e < r->rows->ptr[u + 1]; e++)
            for (int t = 0; t < K; t++)
                h[r->rows->col[e]][t] += pull[t];
    }
    for (int i = 0; i < ITEMS; i++) {
        double step = r->rate / (1.0 + r->rate * n[i]), noise = r->noise * r->noise;
        double along = 0.0, square = 0.0;
        for (int t = 0; t < K; t++) {
            along += w[i][t] * r->q[i][t];
            square += r->q[i][t] * r->q[i][t];
        }
        along = fmax(along / square, 0.0);
        for (int t = 0; t < K; t++) {
            double q = r->q[i][t];
            r->g[i][t] += g[i][t] / r->variance - noise * w[i][t];
            q += step / r->variance * g[i][t] - step * noise * (w[i][t] - along * q);
            r->q[i][t] = q / (1.0 + r->rate * r->reg_items * n[i]) / (1.0 + step * noise * along);
            r->y[i][t] += step * h[i][t];
            r->y[i][t] /= 1.0 + r->rate * r->reg_y * rated[i];
        }
        r->b[i] = (r->b[i] + step * g[i][K]) / (1.0 + r->rate * r->reg * n[i]);
    }
}

/* z after an epoch: each along its gradient, all by what is best along the sum. */
static void reference_flipped(struct reference *r)
{
    double dz[USERS][K] = {{0}}, dq[ITEMS][K] = {{0}}, slope = 0.0, curve = 0.0;
    for (int u = 0; u < USERS; u++) {
        int64_t lo = r->rows->ptr[u], hi = r->rows->ptr[u + 1];
        double raters = 0.0, step = r->rate / (1.0 + r->rate * (double)(hi - lo));
        for (int64_t e = lo; e < hi; e++)
            raters += r->n[r->rows->col[e]];
        for (int t = 0; t < K; t++) {
            double z = r->z[u][t];
            for (int64_t e = lo; e < hi; e++)
                z += step * r->g[r->rows->col[e]][t] / sqrt(r->n[r->rows->col[e]]);
            dz[u][t] = z / (1.0 + r->rate * r->reg_z * raters) - r->z[u][t];
            for (int64_t e = lo; e < hi; e++)
                dq[r->rows->col[e]][t] += dz[u][t] / sqrt(r->n[r->rows->col[e]]);
        }
    }
    for (int u = 0; u < USERS; u++)
        for (int64_t e = r->rows->ptr[u]; e < r->rows->ptr[u + 1]; e++) {
            double d = 0.0;
            for (int t = 0; t < K; t++)
                d += dq[r->rows->col[e]][t] * r->v[u][t];
            curve += d * d;
        }
    for (int i = 0; i < ITEMS; i++)
        for (int t = 0; t < K; t++)
            slope += dq[i][t] * r->g[i][t] * r->variance;
    double size = curve > 0.0 ? fmin(fmax(slope / curve, 0.0), 1.0) : 0.0;
    for (int u = 0; u < USERS; u++)
        for (int t = 0; t < K; t++)
            r->z[u][t] += size * dz[u][t];
    for (int i = 0; i < ITEMS; i++)
        for (int t = 0; t < K; t++)
            r->q[i][t] += size * dq[i][t];
    memset(r->g, 0, sizeof r->g);
}

static void reference_fit(struct reference *r, const struct svdpp_params *p, uint64_t seed)
{
    for (int64_t e = 0; e < r->rows->ptr[USERS]; e++)
        r->n[r->rows->col[e]] += 1.0;
    for (uint64_t i = 0; i < ITEMS; i++) {
        struct rng rng = rng_make(seed, RNG_INIT_ITEM, i);
        for (int t = 0; t < K; t++) {
            uint64_t a = rng_next(&rng);
            r->q[i][t] = p->stddev * kern_normal(a, rng_next(&rng));
        }
    }
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        for (int64_t lo = 0; lo < USERS; lo += BATCH) {
            int64_t hi = lo + BATCH < USERS ? lo + BATCH : USERS;
            for (int64_t u = lo; u < hi; u++)
                reference_user(r, u);
            reference_items(r, lo, hi);
        }
        if (p->flipped)
            reference_flipped(r);
        r->rate *= p->decay;
    }
    for (int64_t u = 0; u < USERS; u++)
        reference_user(r, u);
}

static void check_reference(const char *params)
{
    static struct reference r;
    struct bed b;
    struct rated_data d;
    float score[ITEMS];
    printf("seed %llu\n", (unsigned long long)test_seed);
    bed_open(&b, 3, events, taste_ratings(test_seed, USERS, ITEMS, 0.5, events));
    bed_fit(&b, "svdpp", params);
    const struct svdpp *s = b.fit.m->self;
    assert_int_equal(rated_data_build(b.ctx, &b.fit.tv, "svdpp", &d, &b.err), AKIN_OK);
    memset(&r, 0, sizeof r);
    r.rows = &d.by_user;
    r.mean = d.mean;
    r.variance = d.deviation * d.deviation;
    r.rate = s->params->learning_rate;
    r.reg = s->params->reg;
    r.reg_y = s->params->reg_implicit;
    r.reg_items = s->params->reg_items;
    r.reg_z = s->params->reg_flipped;
    r.noise = s->params->noise;
    reference_fit(&r, s->params, b.ctx->seed);
    for (int32_t u = 0; u < USERS; u++) {
        struct query q = model_query_user(b.fit.m, u);
        predict(&b, &q, score);
        for (int i = 0; i < ITEMS; i++) {
            double want = r.mean + r.bu[u] + r.b[i];
            for (int t = 0; t < K; t++)
                want += r.q[i][t] * r.v[u][t];
            if (!(fabs((double)score[i] - want) < 1e-4))
                fail_msg("user %d, item %d: %.7g, reference %.7g", u, i, (double)score[i], want);
        }
    }
    rated_data_free(b.ctx, &d);
    bed_close(&b);
}

#define PLAIN                                                                                      \
    "\"factors\":5,\"epochs\":4,\"batch\":7,\"learning_rate\":0.05,\"decay\":0.9,\"stddev\":0.3,"  \
    "\"reg\":0.05,\"reg_implicit\":0.01"

static void test_reference(void **state)
{
    (void)state;
    check_reference("{" PLAIN ",\"reg_items\":0.05,\"noise\":0,\"flipped\":false}");
    check_reference("{" PLAIN ",\"reg_items\":0.02,\"noise\":0.8,\"flipped\":false}");
    check_reference("{" PLAIN ",\"reg_items\":0.02,\"noise\":0,\"reg_flipped\":0.01}");
    check_reference("{" PLAIN ",\"reg_items\":0.02,\"noise\":0.8,\"reg_flipped\":0.001}");
}

/* ---- Fold-in, reasons ---------------------------------------------------------------------- */

static void test_golden(void **state)
{
    (void)state;
    akin_error err;
    float items[GOLDEN_ITEMS * (GOLDEN_FACTORS + 1)], x[GOLDEN_FACTORS + 1];
    struct svdpp_params p = {.reg = golden_reg};
    akin_ctx *ctx = knn_ctx(1);
    struct arena scratch;
    for (int i = 0; i < GOLDEN_ITEMS; i++) {
        memcpy(items + i * (GOLDEN_FACTORS + 1), golden_q + i * GOLDEN_FACTORS,
               GOLDEN_FACTORS * sizeof *items);
        items[i * (GOLDEN_FACTORS + 1) + GOLDEN_FACTORS] = 1.0f;
    }
    struct svdpp s = {&p,
                      {.ctx = ctx,
                       .k = GOLDEN_FACTORS + 1,
                       .factors = GOLDEN_FACTORS,
                       .n_items = GOLDEN_ITEMS,
                       .items = items,
                       .item_bias = golden_b,
                       .mean = golden_mean},
                      golden_y};
    struct query q = {.user = -1, .hist = {.n = GOLDEN_N}};
    q.hist.item = golden_item;
    q.hist.value = golden_rating;
    arena_init(&scratch, ctx);
    assert_int_equal(model_class_find("svdpp")->scorer.fold_in(&s, &q, x, &scratch, &err), AKIN_OK);
    arena_free(&scratch);
    for (int i = 0; i < GOLDEN_ITEMS; i++) {
        double got = (double)golden_b[i];
        for (int t = 0; t <= GOLDEN_FACTORS; t++)
            got += (double)x[t] * (double)items[i * (GOLDEN_FACTORS + 1) + t];
        if (!(fabs(got - golden_score[i]) < 1e-5))
            fail_msg("item %d: %.7g, NumPy %.7g", i, got, golden_score[i]);
    }
    knn_ctx_done(ctx);
}

static void test_reasons(void **state)
{
    (void)state;
    struct bed b;
    bed_open(&b, 1, events, taste_ratings(test_seed, USERS, ITEMS, 0.5, events));
    bed_fit(&b, "svdpp", "{\"factors\":6,\"epochs\":30,\"learning_rate\":0.05}");
    const struct svdpp *s = b.fit.m->self;
    check_reasons(&b, 3, s->f.mean, s->f.item_bias, 1e-4);
    bed_close(&b);
}

/* ---- Training ------------------------------------------------------------------------------ */

struct watch {
    double first, last;
};

static akin_status watch_epoch(void *arg, struct model *m, int64_t epoch, double loss, bool *stop,
                               akin_error *err)
{
    struct watch *w = arg;
    (void)m;
    (void)stop;
    (void)err;
    assert_true(isfinite(loss));
    w->first = epoch == 1 ? loss : w->first;
    w->last = loss;
    return AKIN_OK;
}

/* No batch and no rate diverges, not even with the largest of both on a few items. */
static void test_never_diverges(void **state)
{
    (void)state;
    static const struct {
        int batch;
        double rate;
    } c[] = {{1, 0.01}, {1, 1.0}, {65536, 0.01}, {65536, 1.0}, {16, 0.2}};
    struct bed b;
    bed_open(&b, 2, events, taste_ratings(test_seed, 200, 12, 0.9, events));
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        struct watch w = {0};
        struct fit_control ctl = {.arg = &w, .epoch = watch_epoch};
        fit_watched(&b, "svdpp",
                    json_pack("{s:i, s:f, s:i}", "batch", c[i].batch, "learning_rate", c[i].rate,
                              "epochs", 40),
                    &ctl);
        if (!(w.last < 1.1 * w.first))
            fail_msg("batch %d, rate %g: %g after %g", c[i].batch, c[i].rate, w.last, w.first);
    }
    bed_close(&b);
}

static void test_scale(void **state)
{
    (void)state;
    check_scale("svdpp", "{\"factors\":4,\"learning_rate\":0.05}", events,
                taste_ratings(test_seed, USERS, ITEMS, 0.5, events), ITEMS, 0.01);
}

/* What was rated at all says something: here taste shows in the choice, ratings are noise. */
static void test_implicit(void **state)
{
    (void)state;
    struct bed b;
    int64_t n = 0;
    for (int32_t u = 0; u < 120; u++)
        for (int32_t i = 0; i < 30; i++) {
            uint64_t pair = (uint64_t)(u * 30 + i);
            bool is_marker = i < 10, is_group = u % 2 == i % 2;
            if (uniform(test_seed, 40, pair) > (is_marker ? (is_group ? 0.8 : 0.05) : 0.4))
                continue;
            float r = is_marker ? 3.0f : is_group ? 4.5f : 1.5f;
            events[n++] = (struct toy_event){u, i, r, 1600000000 + n};
        }
    bed_open(&b, 1, events, n);
    bed_fit(&b, "svdpp", "{\"factors\":4,\"epochs\":60,\"learning_rate\":0.05}");
    int32_t seen[4];
    float three[4] = {3.0f, 3.0f, 3.0f, 3.0f}, score[30];
    for (int group = 0; group < 2; group++) {
        for (int j = 0; j < 4; j++)
            seen[j] = toy_item(b.ds, 2 * j + group);
        struct query q = {.user = -1, .hist = {.n = 4}};
        q.hist.item = seen;
        q.hist.value = three;
        predict(&b, &q, score);
        double own = (double)score[toy_item(b.ds, 20 + group)];
        double other = (double)score[toy_item(b.ds, 21 - group)];
        if (!(own > other + 0.5))
            fail_msg("group %d: %g of the own kind, %g of the other", group, own, other);
    }
    bed_close(&b);
}

/* A choice without a rating is one of N; what was rated keeps its last rating. */
static void test_unrated(void **state)
{
    (void)state;
    struct bed b;
    static const int32_t item[] = {3, 7, 3, 12, 7}, two[] = {3, 7};
    float value[] = {5.0f, 2.0f, (float)NAN, (float)NAN, 4.0f}, last[] = {5.0f, 4.0f};
    float some[ITEMS], with[ITEMS], none[ITEMS], nobody[ITEMS];
    bed_open(&b, 1, events, taste_ratings(test_seed, USERS, ITEMS, 0.5, events));
    for (int m = 0; m < 2; m++) {
        bed_fit(&b, m ? "svdpp" : "als", m ? "{\"learning_rate\":0.05}" : "{}");
        struct query q = {.user = -1}, choice = {.user = -1}, rated = {.user = -1};
        predict(&b, &q, nobody);
        q.hist = (struct history){.n = 5, .item = item, .value = value};
        rated.hist = (struct history){.n = 2, .item = two, .value = last};
        choice.hist = (struct history){.n = 2, .item = two};
        predict(&b, &rated, some);
        predict(&b, &q, with);
        predict(&b, &choice, none);
        assert_true(m == (memcmp(with, some, sizeof some) != 0));
        assert_true(m == (memcmp(none, nobody, sizeof none) != 0));
        for (int i = 0; i < ITEMS; i++)
            assert_true(isfinite(with[i]) && fabs((double)none[i] - 3.0) < 2.0);
        struct reason why[ITEMS];
        int32_t n;
        assert_int_equal(rank_explain(b.fit.ranker, &q, 9, why, ITEMS, &n, &b.err), AKIN_OK);
        assert_int_equal(n, m ? 3 : 2);
        bed_drop(&b);
    }
    bed_close(&b);
}

static void test_bad_input(void **state)
{
    (void)state;
    check_one_rating("svdpp", "{}", "svdpp: needs ratings");
}

static void test_warm(void **state)
{
    (void)state;
    struct bed b;
    bed_open(&b, 2, events, taste_ratings(test_seed, USERS, ITEMS, 0.5, events));
    check_warm(&b, "svdpp", "{\"factors\":6,\"epochs\":40,\"learning_rate\":0.1}",
               "{\"factors\":7}");
    bed_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference), cmocka_unit_test(test_golden),
        cmocka_unit_test(test_reasons),   cmocka_unit_test(test_never_diverges),
        cmocka_unit_test(test_scale),     cmocka_unit_test(test_implicit),
        cmocka_unit_test(test_unrated),   cmocka_unit_test(test_bad_input),
        cmocka_unit_test(test_warm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
