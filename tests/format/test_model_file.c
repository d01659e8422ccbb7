/*
 * Model files of earlier versions load for ever, also where parameters came later that they lack.
 *
 * v1-bpr.akin: `akin train` (0.1.0, before bpr had candidates) with epochs=20 factors=4 on 55
 * events of 12 users, who like the even or the odd of 10 items.
 */
#include "unit/models/knn_util.h"

#define GOLDEN "tests/format/v1-bpr.akin"

static void bpr_before_candidates(void **state)
{
    akin_ctx *ctx = *state;
    static const int32_t history[2] = {0, 2};
    const struct query q = {.user = -1, .hist = {2, history, NULL, NULL, NULL, NULL}};
    struct model *m = NULL;
    akin_error err = {0};
    if (model_load(ctx, GOLDEN, &m, &err) != AKIN_OK)
        fail_msg("%s", err.message);
    float *scores = model_scores(ctx, m, &q);
    for (int i = 4; i < 10; i += 2) /* tastes are for even items or for odd ones */
        for (int j = 1; j < 10; j += 2) {
            char liked[8], other[8];
            snprintf(liked, sizeof liked, "i%02d", i);
            snprintf(other, sizeof other, "i%02d", j);
            assert_true(scores[ids_find(&m->items, liked, 3)] >
                        scores[ids_find(&m->items, other, 3)]);
        }
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
