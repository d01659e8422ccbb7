/*
 * ffm: planted interactions and classes found; reasons that sum to the score; contexts of requests
 * and of past events; late items; what cannot be fitted. Its training is in test_machine_sgd.c.
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

#define COLUMNS "\"columns\":[\"genre\",\"group\",\"device\"]"

static void planted_interactions(void **state)
{
    static struct toy_event events[PEOPLE * THINGS];
    int64_t n = planted(events);
    struct bed b;
    (void)state;
    bed_make(&b, "ffm", 2, events, n, flips, NULL,
             "{\"factors\":3,\"reg\":1,\"linear_reg\":1,\"epochs\":300,\"batch\":64," COLUMNS "}");
    double with = error_of(&b, events, n, true), without = error_of(&b, events, n, false);
    printf("rmse %.3f, without context %.3f\n", with, without);
    assert_true(with < .2);
    assert_true(without > .8);
    bed_free(&b);
}

/* Which events are positives, on either device. */
static void planted_classes(void **state)
{
    static struct toy_event events[PEOPLE * THINGS];
    int64_t n = planted(events);
    int right = 0;
    struct bed b;
    (void)state;
    bed_make(&b, "ffm", 3, events, n, flips, "value > 3.2",
             "{\"task\":\"classification\",\"factors\":3,\"reg\":0.3,\"epochs\":200,"
             "\"batch\":64," COLUMNS "}");
    for (int32_t u = 0; u < PEOPLE; u++)
        for (int32_t i = 0; i < THINGS; i++)
            for (int d = 0; d < 2; d++)
                right += (score(&b, u, i, d) > 0) == (truth(u, i, d) > 3.2);
    printf("%d of %d right\n", right, 2 * PEOPLE * THINGS);
    assert_true(right > 2 * PEOPLE * THINGS * 95 / 100);
    bed_free(&b);
}

static const char *const small = "{\"factors\":3,\"reg\":1,\"batch\":16,\"epochs\":30}";

/* Reasons are what the score is above that of the same one without events. */
static void reasons_sum_up(void **state)
{
    struct bed b;
    (void)state;
    bed_make(&b, "ffm", 4, golden_events, GOLDEN_RATINGS, device_of_event, NULL, small);
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
    bed_make(&b, "ffm", 5, golden_events, GOLDEN_RATINGS, device_of_event, NULL, small);
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
    bed_make(&b, "ffm", 6, golden_events, GOLDEN_RATINGS, device_of_event, NULL, small);
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

static void refused(void **state)
{
    struct bed b;
    (void)state;
    assert_int_equal(bed_try(&b, "ffm", 1, golden_events, GOLDEN_RATINGS, NULL, NULL,
                             "{\"columns\":[\"nowhere\"]}"),
                     AKIN_E_ARG);
    assert_non_null(strstr(b.err.message, "ffm: columns: 'nowhere'"));
    bed_free(&b);
    assert_int_equal(bed_try(&b, "ffm", 1, golden_events, GOLDEN_RATINGS, NULL, NULL,
                             "{\"task\":\"classification\"}"),
                     AKIN_E_INPUT);
    assert_non_null(strstr(b.err.message, "ffm: task=classification needs two classes"));
    bed_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planted_interactions), cmocka_unit_test(planted_classes),
        cmocka_unit_test(reasons_sum_up),       cmocka_unit_test(contexts),
        cmocka_unit_test(late_items),           cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
