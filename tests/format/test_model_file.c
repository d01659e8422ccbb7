/*
 * Model files of earlier versions load for ever, and answer a stranger as they did, also where
 * parameters came later that they lack.
 *
 * v1-bpr.akin: `akin train` (0.1.0, before bpr had candidates) with epochs=20 factors=4 on 55
 * events of 12 users and 10 items; the scores below are what `akin recommend --history i00,i02`
 * gave.
 */
#include "unit/models/knn_util.h"

#define GOLDEN "tests/format/v1-bpr.akin"

static void bpr_before_candidates(void **state)
{
    akin_ctx *ctx = *state;
    static const int32_t history[2] = {0, 2};
    static const struct {
        const char *id;
        float score;
    } want[] = {{"i08", 1.350982f},    {"i06", 1.2089019f},  {"i04", 0.49777427f},
                {"i07", -0.75944626f}, {"i09", -0.8331126f}, {"i05", -0.96679014f},
                {"i01", -1.3722972f},  {"i03", -1.4746618f}};
    const struct query q = {.user = -1, .hist = {2, history, NULL, NULL, NULL, NULL}};
    struct model *m = NULL;
    akin_error err = {0};
    if (model_load(ctx, GOLDEN, &m, &err) != AKIN_OK)
        fail_msg("%s", err.message);
    float *scores = model_scores(ctx, m, &q);
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
        assert_true(scores[ids_find(&m->items, want[i].id, 3)] == want[i].score);
    free(scores);
    model_free(m);
}

static int setup(void **state)
{
    *state = knn_ctx(1);
    return 0;
}

static int teardown(void **state)
{
    knn_ctx_done(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bpr_before_candidates)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
