/*
 * bmf: posterior means against an independent sampler (tests/golden/make_bmf.py), within what Monte
 * Carlo leaves; fold-in against normal equations in plain double; reasons that sum to the score;
 * what askers without values or of other times get; input that cannot be fitted.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../contract/toy_data.c"
#include "../../contract/toy_data.h"

#include "models/bmf.h"
#include "rank/rank.h"

#include "bmf_golden.h"

struct bed {
    akin_ctx *ctx;
    struct dataset *ds;
    struct feedback *feedback;
    struct train_view tv;
    struct model *m;
    akin_error err;
};

static akin_status bed_try(struct bed *b, uint64_t seed, const struct toy_event *events, int64_t n,
                           const char *params, bool has_values, bool has_times)
{
    static const struct feedback_params plain = {0};
    memset(b, 0, sizeof *b);
    assert_int_equal(ctx_create(2, seed, 0, &b->ctx, &b->err), AKIN_OK);
    assert_int_equal(kern_select(b->ctx, NULL, &b->err), AKIN_OK);
    assert_int_equal(toy_dataset(b->ctx, events, n, &b->ds, &b->err), AKIN_OK);
    union {
        const void *in;
        void *out;
    } value = {b->ds->value};
    if (!has_values) {
        mem_free(b->ctx, value.out);
        b->ds->value = NULL;
    }
    if (!has_times)
        b->ds->time_kind = TIME_ORDINAL;
    assert_int_equal(feedback_create(b->ctx, &plain, &b->ds->types, dataset_newest(b->ds),
                                     &b->feedback, &b->err),
                     AKIN_OK);
    assert_int_equal(train_view_build(b->ctx, b->ds, b->feedback, NULL, &b->tv, &b->err), AKIN_OK);
    json_t *json = json_loads(params, 0, NULL);
    assert_non_null(json);
    assert_int_equal(model_create(b->ctx, model_class_find("bmf"), json, &b->m, &b->err), AKIN_OK);
    json_decref(json);
    return model_fit(b->m, &b->tv, NULL, &b->err);
}

static void bed_make(struct bed *b, uint64_t seed, const struct toy_event *events, int64_t n,
                     const char *params)
{
    if (bed_try(b, seed, events, n, params, true, true) != AKIN_OK)
        fail_msg("%s", b->err.message);
}

static void bed_free(struct bed *b)
{
    model_free(b->m);
    train_view_free(&b->tv);
    feedback_free(b->feedback);
    dataset_free(b->ds);
    assert_int_equal(mem_used(b->ctx->mem), 0);
    ctx_free(b->ctx);
}

static void bed_scores(struct bed *b, const struct query *q, float *out)
{
    struct scorer scorer = model_scorer(b->m);
    struct ranker *ranker = NULL;
    assert_int_equal(ranker_create(b->ctx, &scorer, &ranker, &b->err), AKIN_OK);
    assert_int_equal(rank_scores_all(ranker, q, out, &b->err), AKIN_OK);
    ranker_free(ranker);
}

/* ---- The posterior ---- */

static bool is_rated(int32_t user, int32_t item)
{
    for (int e = 0; e < GOLDEN_RATINGS; e++)
        if (golden_events[e].user == user && golden_events[e].item == item)
            return true;
    return false;
}

enum { SEEDS = 6 };

/* Scores of all pairs by toy numbers, one chain. */
static void chain(uint64_t seed, const char *params, double out[GOLDEN_USERS][GOLDEN_ITEMS])
{
    struct bed b;
    float scores[GOLDEN_ITEMS];
    bed_make(&b, seed, golden_events, GOLDEN_RATINGS, params);
    for (int32_t u = 0; u < GOLDEN_USERS; u++) {
        struct query q = model_query_user(b.m, toy_user(b.ds, u));
        bed_scores(&b, &q, scores);
        for (int32_t i = 0; i < GOLDEN_ITEMS; i++)
            out[u][i] = (double)scores[toy_item(b.ds, i)];
    }
    bed_free(&b);
}

/*
 * The mean over seeds is as far from the reference as the standard errors of both allow. Pairs
 * without a rating: there the mean of products is that of means, which bmf averages.
 */
static void against_golden(const char *params, const double golden[GOLDEN_USERS][GOLDEN_ITEMS],
                           const double error[GOLDEN_USERS][GOLDEN_ITEMS], double most)
{
    static double of[SEEDS][GOLDEN_USERS][GOLDEN_ITEMS];
    double apart = 0, squares = 0;
    int n = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        chain(seed + 1, params, of[seed]);
    for (int32_t u = 0; u < GOLDEN_USERS; u++)
        for (int32_t i = 0; i < GOLDEN_ITEMS; i++) {
            double mean = 0, var = 0;
            for (int s = 0; s < SEEDS; s++)
                mean += of[s][u][i] / SEEDS;
            for (int s = 0; s < SEEDS; s++)
                var += (of[s][u][i] - mean) * (of[s][u][i] - mean) / (SEEDS * (SEEDS - 1));
            double off = mean - golden[u][i];
            if (is_rated(u, i))
                continue;
            apart += fabs(off);
            squares += off * off / (var + error[u][i] * error[u][i]);
            n++;
        }
    printf("%d pairs, %.4f apart, in standard errors %.2f\n", n, apart / n, sqrt(squares / n));
    assert_true(n > 50);
    assert_true(apart / n < most);
    assert_true(squares / n < 3);
}

static void golden_posterior(void **state)
{
    (void)state;
    against_golden("{\"factors\":2,\"samples\":1500,\"thin\":3,\"burn_in\":300,\"noise\":0.001,"
                   "\"implicit\":false,\"flipped\":false,\"features\":false}",
                   golden_plain, golden_plain_error, 0.02);
    against_golden("{\"factors\":2,\"samples\":1500,\"thin\":3,\"burn_in\":300,\"noise\":0.001}",
                   golden_features, golden_features_error, 0.03);
    against_golden("{\"factors\":2,\"samples\":1500,\"thin\":3,\"burn_in\":300,\"noise\":0.001,"
                   "\"bin_days\":12,\"implicit\":false,\"flipped\":false,\"features\":false}",
                   golden_time, golden_time_error, 0.08);
}

/* ---- The asker ---- */

static const char *const small =
    "{\"factors\":3,\"samples\":5,\"thin\":2,\"burn_in\":20,\"bin_days\":30}";

/* Solves A x = b (n, n) by elimination. */
static void solve(int n, double *A, double *b)
{
    for (int c = 0; c < n; c++)
        for (int r = c + 1; r < n; r++) {
            double f = A[r * n + c] / A[c * n + c];
            for (int t = c; t < n; t++)
                A[r * n + t] -= f * A[c * n + t];
            b[r] -= f * b[c];
        }
    for (int r = n - 1; r >= 0; r--) {
        for (int t = r + 1; t < n; t++)
            b[r] -= A[r * n + t] * b[t];
        b[r] /= A[r * n + r];
    }
}

/* The score by its definition, over samples one by one. */
static double score_by_hand(const struct bmf *s, const struct query *q, int32_t item)
{
    enum { K1 = 4 };
    double total = s->mean;
    assert_int_equal(s->k1, K1);
    for (int64_t d = 0; d < s->S; d++) {
        double A[K1 * K1] = {0}, b[K1] = {0}, prior[K1];
        const float *mean = s->prior + 2 * d * K1, *ratio = mean + K1;
        for (int t = 0; t < K1; t++) {
            prior[t] = (double)mean[t];
            for (int32_t e = 0; e < q->hist.n; e++)
                prior[t] += (double)s->implicit[(q->hist.item[e] * s->S + d) * K1 + t] /
                            sqrt((double)q->hist.n);
            A[t * K1 + t] = (double)ratio[t];
            b[t] = (double)ratio[t] * prior[t];
        }
        for (int32_t e = 0; e < q->hist.n; e++) {
            int64_t i = q->hist.item[e];
            const float *z = s->features + (i * s->S + d) * K1;
            const float *time =
                s->time + (d * s->clock[2] + bmf_bin(s->clock, q->hist.time[e])) * K1;
            double target =
                ((double)q->hist.value[e] - s->mean) / s->spread - (double)s->offset[i * s->S + d];
            for (int t = 0; t < K1; t++)
                target -= (double)time[t] * (double)z[t];
            for (int t = 0; t < K1; t++) {
                b[t] += (double)z[t] * target;
                for (int v = 0; v < K1; v++)
                    A[t * K1 + v] += (double)z[t] * (double)z[v];
            }
        }
        solve(K1, A, b);
        const float *now = s->time + (d * s->clock[2] + bmf_bin(s->clock, q->now)) * K1;
        for (int t = 0; t < K1; t++)
            total += s->spread / (double)s->S * (b[t] + (double)now[t]) *
                     (double)s->items[(item * s->S + d) * K1 + t];
    }
    return total + (double)s->bias[item] - s->mean;
}

static void fold_in_is_exact(void **state)
{
    struct bed b;
    float scores[GOLDEN_ITEMS];
    (void)state;
    bed_make(&b, 3, golden_events, GOLDEN_RATINGS, small);
    for (int32_t u = 0; u < GOLDEN_USERS; u++) {
        struct query q = model_query_user(b.m, u);
        q.user = -1;
        q.is_trained = false;
        q.now = u % 2 ? 0 : INT64_MAX; /* before the first bin, after the last */
        bed_scores(&b, &q, scores);
        for (int32_t i = 0; i < GOLDEN_ITEMS; i++)
            assert_true(fabs(score_by_hand(b.m->self, &q, i) - (double)scores[i]) < 1e-4);
    }
    bed_free(&b);
}

/* Reasons are what the score is above that of somebody of whom nothing is known. */
static void reasons_sum_up(void **state)
{
    struct bed b;
    (void)state;
    bed_make(&b, 4, golden_events, GOLDEN_RATINGS, small);
    struct query nobody = {.user = -1, .now = b.m->now};
    float base[GOLDEN_ITEMS], scores[GOLDEN_ITEMS];
    bed_scores(&b, &nobody, base);
    for (int32_t u = 0; u < GOLDEN_USERS; u++) {
        struct query q = model_query_user(b.m, u);
        bed_scores(&b, &q, scores);
        for (int32_t i = 0; i < GOLDEN_ITEMS; i++) {
            struct reason r[GOLDEN_ITEMS];
            struct arena arena;
            int32_t n;
            double sum = 0;
            arena_init(&arena, b.ctx);
            assert_int_equal(
                b.m->cls->scorer.explain(b.m->self, &q, i, r, GOLDEN_ITEMS, &n, &arena, &b.err),
                AKIN_OK);
            arena_free(&arena);
            assert_int_equal(n, q.hist.n);
            for (int32_t j = 0; j < n; j++)
                sum += (double)r[j].contribution;
            assert_true(fabs(sum - (double)(scores[i] - base[i])) < 1e-4);
        }
    }
    bed_free(&b);
}

/* Events without a value say what was rated, not how; what cannot be read is left out. */
static void what_is_not_known(void **state)
{
    struct bed b;
    (void)state;
    for (int implicit = 0; implicit < 2; implicit++) {
        bed_make(&b, 5, golden_events, GOLDEN_RATINGS,
                 implicit ? "{\"factors\":3,\"samples\":5}"
                          : "{\"factors\":3,\"samples\":5,\"implicit\":false}");
        int32_t item[] = {2, 4, 1}, odd[] = {2, -1, 4, GOLDEN_ITEMS, 1, 3};
        float value[] = {5, 1, 2}, some[] = {5, 3, 1, 3, 2, NAN};
        float none[GOLDEN_ITEMS], bare[GOLDEN_ITEMS], known[GOLDEN_ITEMS], same[GOLDEN_ITEMS];
        struct query q = {.user = -1};
        bed_scores(&b, &q, none);
        q.hist = (struct history){.n = 3, .item = item};
        bed_scores(&b, &q, bare);
        assert_int_equal(memcmp(none, bare, sizeof none) == 0, !implicit);
        q.hist.value = value;
        bed_scores(&b, &q, known);
        assert_memory_not_equal(none, known, sizeof none);
        q.hist = (struct history){.n = 6, .item = odd, .value = some};
        bed_scores(&b, &q, same);
        assert_memory_equal(known, same, sizeof same);
        bed_free(&b);
    }
}

/* ---- Input ---- */

static void refused(void **state)
{
    struct bed b;
    (void)state;
    assert_int_equal(bed_try(&b, 1, golden_events, GOLDEN_RATINGS, "{}", false, true),
                     AKIN_E_INPUT);
    assert_non_null(strstr(b.err.message, "no values"));
    bed_free(&b);
    assert_int_equal(bed_try(&b, 1, golden_events, GOLDEN_RATINGS, small, true, false),
                     AKIN_E_INPUT);
    assert_non_null(strstr(b.err.message, "bin_days"));
    bed_free(&b);
    assert_int_equal(
        bed_try(&b, 1, golden_events, GOLDEN_RATINGS, "{\"bin_days\":1e-5}", true, true),
        AKIN_E_INPUT);
    assert_non_null(strstr(b.err.message, "bins of time"));
    bed_free(&b);
    struct toy_event large[2] = {golden_events[0], golden_events[1]};
    large[0].value = INFINITY;
    assert_int_equal(bed_try(&b, 1, large, 2, "{}", true, true), AKIN_E_INPUT);
    bed_free(&b);
}

/* One rating, one user, one item, one value: predictions stay where the ratings are. */
static void hardly_anything(void **state)
{
    static const struct toy_event one[] = {{0, 0, 4, 1600000000}};
    static const struct toy_event user[] = {{0, 0, 4, 1}, {0, 1, 2, 2}, {0, 2, 3, 3}};
    static const struct toy_event item[] = {{0, 0, 4, 1}, {1, 0, 2, 2}, {2, 0, 3, 3}};
    static const struct toy_event constant[] = {{0, 0, 4, 1}, {1, 0, 4, 2}, {0, 1, 4, 3}};
    static const struct {
        const struct toy_event *events;
        int64_t n;
    } cases[] = {{one, 1}, {user, 3}, {item, 3}, {constant, 3}};
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        struct bed b;
        float scores[4];
        bed_make(&b, 1, cases[c].events, cases[c].n, "{\"bin_days\":1}");
        for (int32_t u = 0; u < b.m->users.n; u++) {
            struct query q = model_query_user(b.m, u);
            bed_scores(&b, &q, scores);
            for (int32_t i = 0; i < b.m->items.n; i++)
                assert_true(scores[i] > 0 && scores[i] < 6);
        }
        bed_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_posterior), cmocka_unit_test(fold_in_is_exact),
        cmocka_unit_test(reasons_sum_up),   cmocka_unit_test(what_is_not_known),
        cmocka_unit_test(refused),          cmocka_unit_test(hardly_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
