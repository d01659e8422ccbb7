/*
 * bmf with levels: cut points and what is expected against an independent sampler
 * (tests/golden/make_bmf.py), within what Monte Carlo leaves; an asker's row against the peak of
 * its posterior in plain double; planted levels, where it beats normal ratings; reasons; input that
 * cannot be fitted; files from before there were levels.
 */
#include "models/bmf.h"

#include "kern/math.h"
#include "unit/models/rated_util.h"

#include "unit/models/bmf_golden.h"

static const uint64_t test_seed = 20261121;

static struct toy_event events[BED_MOST];

/* ---- The posterior ---- */

enum { SEEDS = 6, LEVELS = 5 };

static int64_t golden_levels(void)
{
    for (int e = 0; e < GOLDEN_RATINGS; e++) {
        events[e] = golden_events[e];
        events[e].value = golden_level[e];
    }
    return GOLDEN_RATINGS;
}

struct chain {
    double scale[LEVELS]; /* √alpha, cut points */
    double score[GOLDEN_USERS][GOLDEN_ITEMS];
};

static void chain_run(uint64_t seed, struct chain *out)
{
    struct bed b;
    float scores[GOLDEN_ITEMS];
    memset(out, 0, sizeof *out);
    bed_open(&b, 2, events, golden_levels());
    b.ctx->seed = seed;
    bed_fit(&b, "bmf",
            "{\"likelihood\":\"ordinal\",\"factors\":2,\"samples\":600,\"thin\":3,"
            "\"burn_in\":200,\"noise\":0.5,\"implicit\":false,\"flipped\":false,"
            "\"features\":false}");
    const struct bmf *s = b.fit.m->self;
    assert_int_equal(s->n_levels, LEVELS);
    for (int64_t d = 0; d < s->S; d++)
        for (int t = 0; t < LEVELS; t++)
            out->scale[t] += (double)s->cuts[d * LEVELS + t] / (double)s->S;
    for (int32_t u = 0; u < GOLDEN_USERS; u++) {
        struct query q = model_query_user(b.fit.m, toy_user(b.ds, u));
        predict(&b, &q, scores);
        for (int32_t i = 0; i < GOLDEN_ITEMS; i++)
            out->score[u][i] = (double)scores[toy_item(b.ds, i)];
    }
    bed_close(&b);
}

/*
 * Noise and cut points to their standard errors. Predictions are nearer by the means of rows than
 * by draws of them, and so not quite the same on next to no data: in stars.
 */
static void test_posterior(void **state)
{
    (void)state;
    static struct chain c[SEEDS];
    double apart = 0.0;
    for (int s = 0; s < SEEDS; s++)
        chain_run((uint64_t)s + 1, &c[s]);
    for (int t = 0; t < LEVELS; t++) {
        double mean = 0.0, var = 0.0;
        for (int s = 0; s < SEEDS; s++)
            mean += c[s].scale[t] / SEEDS;
        for (int s = 0; s < SEEDS; s++)
            var += (c[s].scale[t] - mean) * (c[s].scale[t] - mean) / (SEEDS * (SEEDS - 1));
        double off = mean - golden_scale[t], error = golden_scale_error[t];
        printf("scale %d: %.4f, NumPy %.4f, standard error %.4f\n", t, mean, golden_scale[t],
               sqrt(var + error * error));
        assert_true(fabs(off) < 4.0 * sqrt(var + error * error) + 1e-5);
    }
    for (int u = 0; u < GOLDEN_USERS; u++)
        for (int i = 0; i < GOLDEN_ITEMS; i++)
            for (int s = 0; s < SEEDS; s++)
                apart += fabs(c[s].score[u][i] - golden_ordinal[u][i]) /
                         (SEEDS * GOLDEN_USERS * GOLDEN_ITEMS);
    printf("%.4f stars apart\n", apart);
    assert_true(apart < 0.08);
}

/* ---- Planted levels ---- */

enum { USERS = 150, ITEMS = 60, RANK = 2, MOST = USERS * ITEMS };

struct held_out {
    int32_t user, item;
    int level;
};
static struct held_out held[MOST];

static double deviate(uint64_t seed, uint64_t what, uint64_t which)
{
    return kern_normal(rng_u64(seed, RNG_TEST, what, 2 * which),
                       rng_u64(seed, RNG_TEST, what, 2 * which + 1));
}

/* Most are content: levels 1 to 5 of 4, 4, 6, 12 and 74 in a hundred. A third each way. */
static void plant(uint64_t seed, int64_t *n_events, int64_t *n_held)
{
    static const double cut[] = {-1.75, -1.4, -1.08, -0.64};
    *n_events = *n_held = 0;
    for (int32_t u = 0; u < USERS; u++)
        for (int32_t i = 0; i < ITEMS; i++) {
            uint64_t pair = (uint64_t)(u * ITEMS + i);
            double z = 0.5 * deviate(seed, 1, (uint64_t)u) + 0.4 * deviate(seed, 2, (uint64_t)i);
            for (uint64_t t = 0; t < RANK; t++)
                z += 0.45 * deviate(seed, 3 + t, (uint64_t)u) * deviate(seed, 6 + t, (uint64_t)i);
            z += 0.45 * deviate(seed, 9, pair);
            int level = 0;
            while (level < LEVELS - 1 && z > cut[level])
                level++;
            double fate = uniform(seed, 10, pair);
            if (fate < 0.35)
                events[(*n_events)++] =
                    (struct toy_event){u, i, (float)(level + 1), 1600000000 + (int64_t)pair};
            else if (fate < 0.7)
                held[(*n_held)++] = (struct held_out){u, i, level};
        }
}

/* How likely each level is for an asker's state, by the definition. */
static void chances(const struct bmf *s, const float *state, int32_t item, double out[LEVELS])
{
    memset(out, 0, LEVELS * sizeof *out);
    for (int64_t d = 0; d < s->S; d++) {
        const float *scale = s->cuts + d * LEVELS;
        double mean = (double)s->bias[item * s->S + d], below = 0.0;
        for (int64_t t = 0; t < s->k1; t++)
            mean += (double)state[d * s->k1 + t] * (double)s->items[(item * s->S + d) * s->k1 + t];
        for (int c = 0; c < LEVELS; c++) {
            double to = c + 1 < LEVELS
                            ? kern_normal_cdf(((double)scale[c + 1] - mean) * (double)scale[0])
                            : 1.0;
            out[c] += (to - below) / (double)s->S;
            below = to;
        }
    }
}

struct quality {
    double rmse, log_loss;
};

static struct quality quality_of(struct bed *b, bool is_ordinal, int64_t n_held, double deviation)
{
    struct quality out = {0};
    const struct bmf *s = b->fit.m->self;
    float *score = calloc(ITEMS, sizeof *score);
    float *row = calloc((size_t)(s->S * s->k1), sizeof *row);
    int32_t last = -1;
    for (int64_t h = 0; h < n_held; h++) {
        struct query q = model_query_user(b->fit.m, toy_user(b->ds, held[h].user));
        int32_t item = toy_item(b->ds, held[h].item);
        if (held[h].user != last)
            predict(b, &q, score);
        if (held[h].user != last && is_ordinal) {
            struct arena arena;
            arena_init(&arena, b->ctx);
            assert_int_equal(b->fit.m->cls->scorer.fold_in(s, &q, row, &arena, &b->err), AKIN_OK);
            arena_free(&arena);
        }
        last = held[h].user;
        double x = (double)score[item], chance[LEVELS], sum = 0.0;
        if (is_ordinal) {
            chances(s, row, item, chance);
            for (int c = 0; c < LEVELS; c++)
                sum += chance[c] * (c + 1);
            assert_true(fabs(sum - x) < 2e-3); /* the table of what is expected */
        } else {                               /* levels are where ratings round to */
            for (int c = 0; c < LEVELS; c++)
                chance[c] = (c + 1 < LEVELS ? kern_normal_cdf((c + 1.5 - x) / deviation) : 1.0) -
                            (c > 0 ? kern_normal_cdf((c + 0.5 - x) / deviation) : 0.0);
        }
        x = x < 1.0 ? 1.0 : x > LEVELS ? LEVELS : x;
        out.rmse += (x - held[h].level - 1) * (x - held[h].level - 1) / (double)n_held;
        out.log_loss -= kern_log(chance[held[h].level] + 1e-9) / (double)n_held;
    }
    out.rmse = sqrt(out.rmse);
    free(row);
    free(score);
    return out;
}

/* Where most ratings are the highest, levels know how much room there is above: every time. */
static void test_planted(void **state)
{
    (void)state;
    static const char *const params[] = {
        "{\"factors\":4,\"samples\":8,\"thin\":4,\"noise\":0.4}",
        "{\"factors\":4,\"samples\":8,\"thin\":4,\"noise\":0.4,\"likelihood\":\"ordinal\"}"};
    for (uint64_t seed = test_seed; seed < test_seed + 4; seed++) {
        struct quality q[2];
        int64_t n, n_held;
        plant(seed, &n, &n_held);
        for (int o = 0; o < 2; o++) {
            struct bed b;
            bed_open(&b, 2, events, n);
            bed_fit(&b, "bmf", params[o]);
            /* normal noise of the best width there is: that of its own errors */
            q[o] = quality_of(&b, o, n_held, o ? 0.0 : q[0].rmse);
            if (o == 0)
                q[o] = quality_of(&b, o, n_held, q[0].rmse);
            bed_close(&b);
        }
        printf("seed %llu: rmse %.4f, levels %.4f; log loss %.4f, levels %.4f\n",
               (unsigned long long)seed, q[0].rmse, q[1].rmse, q[0].log_loss, q[1].log_loss);
        assert_true(q[1].rmse < q[0].rmse);
        assert_true(q[1].log_loss < 0.95 * q[0].log_loss);
    }
}

/* ---- The asker ---- */

static const char *const small =
    "{\"likelihood\":\"ordinal\",\"factors\":3,\"samples\":4,\"thin\":2,\"bin_days\":30}";

/* The slope of the log posterior of an asker's row in a sample, in units of its precision. */
static double steepest(const struct bmf *s, const struct query *q, int64_t d, const float *state)
{
    enum { K1 = 4 };
    const float *mean = s->prior + 2 * d * K1, *ratio = mean + K1,
                *scale = s->cuts + d * s->n_levels;
    const float *now = s->time + (d * s->clock[2] + bmf_bin(s->clock, q->now)) * K1;
    double root = (double)scale[0], g[K1], most = 0.0, size = 0.0;
    for (int t = 0; t < K1; t++) {
        double prior = (double)mean[t];
        for (int32_t e = 0; e < q->hist.n; e++)
            prior += (double)s->implicit[(q->hist.item[e] * s->S + d) * K1 + t] /
                     sqrt((double)q->hist.n);
        g[t] = (double)ratio[t] * (prior - (double)state[t] + (double)now[t]);
        size += (double)ratio[t];
    }
    for (int32_t e = 0; e < q->hist.n; e++) {
        int64_t i = q->hist.item[e];
        const float *z = s->features + (i * s->S + d) * K1;
        const float *time = s->time + (d * s->clock[2] + bmf_bin(s->clock, q->hist.time[e])) * K1;
        double x = (double)s->offset[i * s->S + d];
        int32_t level = 0;
        while (s->levels[level] < q->hist.value[e])
            level++;
        for (int t = 0; t < K1; t++)
            x += (double)z[t] * ((double)state[t] - (double)now[t] + (double)time[t]);
        double lo = level > 0 ? ((double)scale[level] - x) * root : -HUGE_VAL;
        double hi = level + 1 < s->n_levels ? ((double)scale[level + 1] - x) * root : HUGE_VAL;
        double mass = kern_normal_cdf(hi) - kern_normal_cdf(lo);
        double pull =
            (kern_exp(-lo * lo / 2) - kern_exp(-hi * hi / 2)) / (2.5066282746310002 * mass);
        for (int t = 0; t < K1; t++)
            g[t] += (double)z[t] * pull / root;
        size += 1.0;
    }
    for (int t = 0; t < K1; t++)
        most = fabs(g[t]) / size > most ? fabs(g[t]) / size : most;
    return most;
}

static void test_asker(void **state)
{
    (void)state;
    struct bed b;
    float row[4 * 4];
    bed_open(&b, 1, events, golden_levels());
    bed_fit(&b, "bmf", small);
    const struct bmf *s = b.fit.m->self;
    for (int32_t u = 0; u < GOLDEN_USERS; u++) {
        struct query q = model_query_user(b.fit.m, u);
        struct arena arena;
        q.user = -1;
        q.is_trained = false;
        arena_init(&arena, b.ctx);
        assert_int_equal(b.fit.m->cls->scorer.fold_in(s, &q, row, &arena, &b.err), AKIN_OK);
        arena_free(&arena);
        for (int64_t d = 0; d < s->S; d++)
            assert_true(steepest(s, &q, d, row + d * s->k1) < 2e-3);
    }
    bed_close(&b);
}

/* Reasons are what the score is above that of somebody of whom nothing is known. */
static void test_reasons(void **state)
{
    (void)state;
    struct bed b;
    float base[GOLDEN_ITEMS], score[GOLDEN_ITEMS];
    bed_open(&b, 1, events, golden_levels());
    bed_fit(&b, "bmf", small);
    for (int32_t u = 0; u < GOLDEN_USERS; u++) {
        struct query q = model_query_user(b.fit.m, u);
        struct query nobody = {.user = -1, .now = q.now};
        predict(&b, &nobody, base);
        predict(&b, &q, score);
        for (int32_t i = 0; i < GOLDEN_ITEMS; i++) {
            struct reason why[GOLDEN_ITEMS];
            int32_t n;
            double sum = 0.0;
            assert_int_equal(rank_explain(b.fit.ranker, &q, i, why, GOLDEN_ITEMS, &n, &b.err),
                             AKIN_OK);
            assert_int_equal(n, q.hist.n);
            for (int32_t j = 0; j < n; j++)
                sum += (double)why[j].contribution;
            if (!(fabs(sum - (double)(score[i] - base[i])) < 2e-3))
                fail_msg("user %d, item %d: reasons sum to %g, not %g", u, i, sum,
                         (double)(score[i] - base[i]));
        }
    }
    bed_close(&b);
}

/* A rating that is no level counts as the nearest. */
static void test_between_levels(void **state)
{
    (void)state;
    struct bed b;
    int32_t item[] = {1, 3, 5};
    float level[] = {5.0f, 2.0f, 1.0f}, near[] = {17.0f, 2.3f, -4.0f};
    float a[GOLDEN_ITEMS], c[GOLDEN_ITEMS];
    bed_open(&b, 1, events, golden_levels());
    bed_fit(&b, "bmf", "{\"likelihood\":\"ordinal\",\"factors\":2,\"samples\":3}");
    struct query q = {.user = -1, .hist = {.n = 3, .item = item, .value = level}};
    predict(&b, &q, a);
    q.hist.value = near;
    predict(&b, &q, c);
    assert_memory_equal(a, c, sizeof a);
    bed_close(&b);
}

/* ---- Input ---- */

static void test_few_levels(void **state)
{
    (void)state;
    for (int levels = 1; levels <= 3; levels++) {
        struct bed b;
        float score[8];
        for (int e = 0; e < 40; e++)
            events[e] = (struct toy_event){e / 8, e % 8, (float)(2 * (e * e % levels)), 1600000000};
        bed_open(&b, 1, events, 40);
        bed_fit(&b, "bmf", "{\"likelihood\":\"ordinal\",\"factors\":2,\"samples\":3}");
        struct query q = model_query_user(b.fit.m, 1);
        predict(&b, &q, score);
        for (int i = 0; i < 8; i++)
            assert_true(score[i] >= 0.0f && (double)score[i] <= 2.0 * (levels - 1) + 1e-6);
        bed_close(&b);
    }
}

static void test_refused(void **state)
{
    (void)state;
    struct bed b;
    for (int e = 0; e < 200; e++)
        events[e] = (struct toy_event){e % 20, e / 20, (float)e * 0.25f, 1600000000};
    bed_open(&b, 1, events, 200);
    assert_int_equal(bed_try(&b, "bmf", "{\"likelihood\":\"ordinal\"}"), AKIN_E_INPUT);
    assert_string_equal(b.err.message,
                        "bmf: likelihood=ordinal takes ratings of at most 128 different values, "
                        "this data has more (use likelihood=normal, or round the ratings)");
    bed_close(&b);
    events[7].value = INFINITY;
    bed_open(&b, 1, events, 100);
    assert_int_equal(bed_try(&b, "bmf", "{\"likelihood\":\"ordinal\"}"), AKIN_E_INPUT);
    bed_close(&b);
}

/* ---- Files ---- */

/* tests/format/v1-bmf.akin was written before there were levels. */
static void test_old_file(void **state)
{
    (void)state;
    akin_error err;
    akin_ctx *ctx = knn_ctx(1);
    struct model *m = NULL;
    if (model_load(ctx, "tests/format/v1-bmf.akin", &m, &err) != AKIN_OK)
        fail_msg("%s", err.message);
    const struct bmf *s = m->self;
    assert_true(s->n_levels == 0 && s->params->likelihood == BMF_NORMAL);
    struct query q = model_query_user(m, 0);
    float *score = model_scores(ctx, m, &q);
    for (int32_t i = 0; i < m->items.n; i++)
        assert_true(isfinite(score[i]));
    free(score);
    model_free(m);
    knn_ctx_done(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_posterior),      cmocka_unit_test(test_planted),
        cmocka_unit_test(test_asker),          cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_between_levels), cmocka_unit_test(test_few_levels),
        cmocka_unit_test(test_refused),        cmocka_unit_test(test_old_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
