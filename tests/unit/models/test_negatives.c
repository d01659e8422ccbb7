/*
 * Negatives: items come as often as their weights say, and never those that the user has.
 */
#include "models/negatives.h"

#include "unit/data/flow_fixture.h"

#include <math.h>

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
        negatives_slots(item, N, w, c % 10 / 10.0, SLOT, slot);
        for (int t = 0; t < SLOT; t++)
            count[slot[t]]++;
        for (int i = 0; i < N; i++)
            assert_true(fabs(count[i] - SLOT * (w ? w[i] / total : 1.0 / N)) <= 1.0);
    }
}

/* Any own list, any item: it comes unless the user has it. */
static void own_items_do_not_come(void **state)
{
    (void)state;
    int32_t own[40];
    for (int32_t i = 0; i < 40; i++)
        own[i] = 3 * i + 1;
    for (int64_t n = 1; n <= 40; n++)
        for (int32_t x = -1; x <= 125; x++) {
            const struct negatives from = {.slot = &x, .n = 1, .own = own, .n_own = n};
            bool has = x > 0 && x % 3 == 1 && x / 3 < n;
            assert_int_equal(negatives_draw(&from, 0), has ? -1 : x);
        }
}

/* The second draw stands in where the first is the user's own. */
static void two_draws(void **state)
{
    (void)state;
    static const int32_t slot[4] = {7, 2, 5, 9}, own[2] = {2, 5};
    static const int32_t want[4][4] = {{7, 7, 7, 7}, {7, -1, -1, 9}, {7, -1, -1, 9}, {9, 9, 9, 9}};
    const struct negatives from = {.slot = slot, .n = 4, .own = own, .n_own = 2};
    for (uint64_t a = 0; a < 4; a++)
        for (uint64_t b = 0; b < 4; b++)
            assert_int_equal(negatives_draw(&from, b << 62 | a << 30), want[a][b]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_go_as_weights),
        cmocka_unit_test(own_items_do_not_come),
        cmocka_unit_test(two_draws),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
