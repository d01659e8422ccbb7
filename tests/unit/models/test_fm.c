/*
 * fm: posterior means with columns of users, items and events against an independent sampler
 * (tests/golden/make_fm.py); the draw behind classes; planted interactions found by both solvers;
 * reasons that sum to the score; contexts of requests and of past events; what cannot be fitted.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fm_util.h"

#include "fm_golden.h"

/* ---- The posterior ---- */

enum { SEEDS = 4 };

static void against_golden(const char *params, const char *positive,
                           const double golden[GOLDEN_USERS][GOLDEN_ITEMS],
                           const double error[GOLDEN_USERS][GOLDEN_ITEMS], double most)
{
    static double of[SEEDS][GOLDEN_USERS][GOLDEN_ITEMS];
    double apart = 0, squares = 0;
    int n = GOLDEN_USERS * GOLDEN_ITEMS;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct bed b;
        bed_make(&b, "fm", seed + 1, golden_events, GOLDEN_RATINGS, device_of_event, positive,
                 params);
        for (int32_t u = 0; u < GOLDEN_USERS; u++)
            for (int32_t i = 0; i < GOLDEN_ITEMS; i++)
                of[seed][u][i] = score(&b, u, i, (u + i) % DEVICES);
        bed_free(&b);
    }
    for (int32_t u = 0; u < GOLDEN_USERS; u++)
        for (int32_t i = 0; i < GOLDEN_ITEMS; i++) {
            double mean = 0, var = 0;
            for (int s = 0; s < SEEDS; s++)
                mean += of[s][u][i] / SEEDS;
            for (int s = 0; s < SEEDS; s++)
                var += (of[s][u][i] - mean) * (of[s][u][i] - mean) / (SEEDS * (SEEDS - 1));
            double off = mean - golden[u][i];
            apart += fabs(off);
            squares += off * off / (var + error[u][i] * error[u][i]);
        }
    printf("%d pairs, %.4f apart, in standard errors %.2f\n", n, apart / n, sqrt(squares / n));
    assert_true(apart / n < most);
    assert_true(squares / n < 4); /* the variance of a mean over few seeds is itself uncertain */
}

#define COLUMNS "\"columns\":[\"genre\",\"group\",\"device\"],\"noise\":0.001,\"factors\":2,"

static void golden_posterior(void **state)
{
    (void)state;
    against_golden("{" COLUMNS "\"samples\":900,\"thin\":2,\"burn_in\":200}", NULL, golden_values,
                   golden_values_error, 0.04);
}

/* The variance that a logistic error of size r had, by its mean weight, which is known. */
static void logistic_mixture(void **state)
{
    static const double at[] = {.002, .05, .5, 1, 2, 4, 8, 15};
    enum { DRAWS = 20000 };
    (void)state;
    for (size_t a = 0; a < sizeof at / sizeof at[0]; a++) {
        struct rng rng = rng_make(1, RNG_TEST, a);
        double sum = 0, squares = 0, e = exp(-at[a]);
        for (int i = 0; i < DRAWS; i++) {
            double weight = 1 / fm_draw_lambda(&rng, at[a]);
            sum += weight;
            squares += weight * weight;
        }
        double mean = sum / DRAWS, error = sqrt((squares / DRAWS - mean * mean) / DRAWS);
        assert_true(fabs(mean - (1 - e) / (1 + e) / at[a]) < 4 * error);
    }
}

/* ---- What is planted is found ---- */

static void planted_interactions(void **state)
{
    static struct toy_event events[PEOPLE * THINGS];
    static const char *const solvers[] = {
        "{\"factors\":6,\"noise\":0.01,\"columns\":[\"genre\",\"group\",\"device\"]}",
        "{\"factors\":6,\"solver\":\"als\",\"reg\":1,\"linear_reg\":1,\"epochs\":60,"
        "\"columns\":[\"genre\",\"group\",\"device\"]}",
        "{\"factors\":6,\"solver\":\"sgd\",\"reg\":1,\"linear_reg\":1,\"epochs\":300,\"batch\":64,"
        "\"columns\":[\"genre\",\"group\",\"device\"]}",
        "{\"factors\":6,\"solver\":\"adagrad\",\"reg\":1,\"linear_reg\":1,\"epochs\":300,"
        "\"batch\":64,\"columns\":[\"genre\",\"group\",\"device\"]}"};
    int64_t n = planted(events);
    (void)state;
    for (int s = 0; s < 4; s++) {
        struct bed b;
        bed_make(&b, "fm", 2, events, n, flips, NULL, solvers[s]);
        double with = error_of(&b, events, n, true), without = error_of(&b, events, n, false);
        printf("rmse %.3f, without context %.3f\n", with, without);
        assert_true(with < .2);
        assert_true(without > .8);
        bed_free(&b);
    }
}

/* Which events are positives, on either device. */
static void planted_classes(void **state)
{
    static struct toy_event events[PEOPLE * THINGS];
    static const char *const solvers[] = {
        "{\"task\":\"classification\",\"factors\":4,\"columns\":[\"genre\",\"group\",\"device\"]}",
        "{\"task\":\"classification\",\"factors\":4,\"solver\":\"als\",\"reg\":0.3,"
        "\"columns\":[\"genre\",\"group\",\"device\"]}",
        "{\"task\":\"classification\",\"factors\":4,\"solver\":\"adagrad\",\"reg\":0.3,"
        "\"epochs\":200,\"batch\":64,\"columns\":[\"genre\",\"group\",\"device\"]}"};
    int64_t n = planted(events);
    (void)state;
    for (int s = 0; s < 3; s++) {
        struct bed b;
        int right = 0;
        bed_make(&b, "fm", 3, events, n, flips, "value > 3.2", solvers[s]);
        for (int32_t u = 0; u < PEOPLE; u++)
            for (int32_t i = 0; i < THINGS; i++)
                for (int d = 0; d < 2; d++)
                    right += (score(&b, u, i, d) > 0) == (truth(u, i, d) > 3.2);
        printf("%d of %d right\n", right, 2 * PEOPLE * THINGS);
        assert_true(right > 2 * PEOPLE * THINGS * 95 / 100);
        bed_free(&b);
    }
}

/* ---- Askers ---- */

static const char *const small = "{\"factors\":3,\"samples\":5,\"thin\":2,\"noise\":0.01}";

/* Reasons are what the score is above that of the same one without events. */
static void reasons_sum_up(void **state)
{
    struct bed b;
    (void)state;
    bed_make(&b, "fm", 4, golden_events, GOLDEN_RATINGS, device_of_event, NULL, small);
    for (int32_t u = 0; u < GOLDEN_USERS; u++)
        for (int32_t i = 0; i < GOLDEN_ITEMS; i++) {
            struct query q = model_query_user(b.m, u), bare = q;
            struct reason r[GOLDEN_ITEMS];
            float all, none;
            int32_t n;
            double sum = 0;
            bare.hist.n = 0;
            q.context = bare.context = on_device(&b, "d1");
            assert_int_equal(rank_score(b.ranker, &q, &i, 1, &all, &b.err), AKIN_OK);
            assert_int_equal(rank_score(b.ranker, &bare, &i, 1, &none, &b.err), AKIN_OK);
            assert_int_equal(
                b.m->cls->scorer.explain(b.m->self, &q, i, r, GOLDEN_ITEMS, &n, &b.arena, &b.err),
                AKIN_OK);
            assert_int_equal(n, q.hist.n);
            for (int32_t j = 0; j < n; j++)
                sum += (double)r[j].contribution;
            assert_true(fabs(sum - (double)(all - none)) < 2e-4);
        }
    bed_free(&b);
}

/* Past events keep their context while the history goes on; unknown values say nothing. */
static void contexts(void **state)
{
    struct bed b;
    (void)state;
    bed_make(&b, "fm", 5, golden_events, GOLDEN_RATINGS, device_of_event, NULL, small);
    for (int32_t u = 0; u < GOLDEN_USERS; u++) {
        struct query q = model_query_user(b.m, u);
        float trained[GOLDEN_ITEMS], other[GOLDEN_ITEMS];
        assert_int_equal(rank_scores_all(b.ranker, &q, trained, &b.err), AKIN_OK);
        q.is_trained = false;
        assert_int_equal(rank_scores_all(b.ranker, &q, other, &b.err), AKIN_OK);
        assert_memory_equal(trained, other, sizeof trained);
        q.context = on_device(&b, "never seen");
        assert_int_equal(rank_scores_all(b.ranker, &q, other, &b.err), AKIN_OK);
        assert_memory_equal(trained, other, sizeof trained);
        q.context = on_device(&b, "d2");
        assert_int_equal(rank_scores_all(b.ranker, &q, other, &b.err), AKIN_OK);
        assert_memory_not_equal(trained, other, sizeof trained);
    }
    bed_free(&b);
}

/* An item known by its columns alone scores as one that is in the table and was never rated. */
static void late_items(void **state)
{
    struct bed b;
    int32_t cold = 6; /* of make_bmf.py: nobody rated it */
    (void)state;
    bed_make(&b, "fm", 6, golden_events, GOLDEN_RATINGS, device_of_event, NULL, small);
    const struct item_source source = {.items = &b.m->item_table};
    struct item_at at = {&source, toy_item(b.ds, cold)};
    const struct attributes a = item_attributes(&at);
    struct item_state late;
    assert_int_equal(b.m->cls->scorer.fold_in_item(b.m->self, &a, &late, &b.arena, &b.err),
                     AKIN_OK);
    assert_true(late.n > 0);
    for (int32_t u = 0; u < GOLDEN_USERS; u++) {
        struct query q = model_query_user(b.m, toy_user(b.ds, u));
        float of_late;
        q.context = on_device(&b, "d0");
        assert_int_equal(
            b.m->cls->scorer.score_states(b.m->self, &q, &late, 1, &of_late, &b.arena, &b.err),
            AKIN_OK);
        assert_true(fabs((double)of_late - score(&b, u, cold, 0)) < 1e-4);
    }
    bed_free(&b);
}

/* ---- Input ---- */

static void refused(void **state)
{
    struct toy_event odd[2] = {golden_events[0], golden_events[1]};
    static const struct {
        const char *positive, *params, *message;
    } cases[] = {
        {NULL, "{\"task\":\"classification\"}", "needs two classes"},
        {"value >= 100", "{\"task\":\"classification\"}", "are negatives"},
        {NULL, "{\"columns\":[\"nowhere\"]}", "'nowhere' is no column"},
    };
    struct bed b;
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        assert_true(bed_try(&b, "fm", 1, golden_events, GOLDEN_RATINGS, NULL, cases[c].positive,
                            cases[c].params) != AKIN_OK);
        assert_non_null(strstr(b.err.message, cases[c].message));
        bed_free(&b);
    }
    for (int x = 0; x < 2; x++) {
        odd[0].value = x ? NAN : INFINITY;
        assert_int_equal(bed_try(&b, "fm", 1, odd, 2, NULL, NULL, "{}"), AKIN_E_INPUT);
        assert_non_null(strstr(b.err.message, "not finite"));
        bed_free(&b);
    }
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
    static const char *const params[] = {"{}", "{\"solver\":\"als\"}", "{\"task\":\"ranking\"}",
                                         "{\"solver\":\"sgd\"}", "{\"solver\":\"adagrad\"}"};
    (void)state;
    for (int c = 0; c < 20; c++) {
        struct bed b;
        bed_make(&b, "fm", 1, cases[c % 4].events, cases[c % 4].n, flips, NULL, params[c / 4]);
        for (int32_t u = 0; u < b.m->users.n; u++)
            for (int32_t i = 0; i < b.m->items.n; i++) {
                double x = score(&b, u, i, 1);
                assert_true(c / 4 == 2 ? isfinite(x) : x > 0 && x < 6);
            }
        bed_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_posterior),     cmocka_unit_test(logistic_mixture),
        cmocka_unit_test(planted_interactions), cmocka_unit_test(planted_classes),
        cmocka_unit_test(reasons_sum_up),       cmocka_unit_test(contexts),
        cmocka_unit_test(late_items),           cmocka_unit_test(refused),
        cmocka_unit_test(hardly_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
