/*
 * Draws: normals and gammas have the moments of their distributions, tails included; an array is
 * the same however it is cut and on every instruction set. Seeded; the seed is printed.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kern/math.h"
#include "solve/draw.h"

static const uint64_t test_seed = 20261121;
enum { N = 1 << 20 };

static const struct kern *best(void)
{
    size_t last = 0;
    const struct kern *found = NULL;
    for (; kern_names(last); last++)
        found = kern_find(kern_names(last)) ? kern_find(kern_names(last)) : found;
    return found;
}

static void normal_moments(void **state)
{
    float *x = malloc(N * sizeof *x);
    double sum = 0, squares = 0, fourth = 0, product = 0;
    int64_t beyond[5] = {0};
    (void)state;
    draw_normals(best(), test_seed, RNG_TEST, 7, 100, N, x);
    for (int64_t i = 0; i < N; i++) {
        double a = (double)x[i];
        sum += a;
        squares += a * a;
        fourth += a * a * a * a;
        product += i > 0 ? a * (double)x[i - 1] : 0;
        for (int t = 0; t < 5; t++)
            beyond[t] += a > (double)t;
    }
    /* five standard errors each */
    double e = 5 / sqrt((double)N);
    assert_true(fabs(sum / N) < e);
    assert_true(fabs(squares / N - 1) < e * sqrt(2));
    assert_true(fabs(fourth / N - 3) < e * sqrt(96));
    assert_true(fabs(product / N) < e);
    for (int t = 0; t < 5; t++) {
        double p = kern_normal_cdf(-(double)t);
        assert_true(fabs((double)beyond[t] / N - p) < e * sqrt(p * (1 - p)));
    }
    free(x);
}

static void cut_anywhere(void **state)
{
    enum { MOST = 1100 };
    float whole[MOST], part[MOST];
    (void)state;
    draw_normals(best(), test_seed, RNG_TEST, 3, 0, MOST, whole);
    for (int64_t n = 0; n < 9; n++) {
        memset(part, 0, sizeof part);
        draw_normals(best(), test_seed, RNG_TEST, 3, 0, n, part);
        assert_memory_equal(part, whole, (size_t)n * sizeof *part);
        assert_true(part[n] == 0.0F);
    }
    draw_normals(best(), test_seed, RNG_TEST, 3, 128, MOST - 512, part);
    assert_memory_equal(part, whole + 512, (MOST - 512) * sizeof *part);
    for (size_t isa = 0; kern_names(isa); isa++) {
        if (!kern_find(kern_names(isa)))
            continue;
        draw_normals(kern_find(kern_names(isa)), test_seed, RNG_TEST, 3, 0, MOST, part);
        assert_memory_equal(part, whole, sizeof part);
    }
}

static void gamma_moments(void **state)
{
    static const double shapes[] = {0.3, 0.5, 1, 2.5, 40, 5000};
    enum { DRAWS = 200000 };
    (void)state;
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        double shape = shapes[s], rate = 1 + (double)s, sum = 0, squares = 0;
        struct rng rng = rng_make(test_seed, RNG_TEST, s);
        for (int i = 0; i < DRAWS; i++) {
            double x = draw_gamma(&rng, shape, rate);
            assert_true(x >= 0);
            sum += x;
            squares += x * x;
        }
        double mean = sum / DRAWS, var = squares / DRAWS - mean * mean;
        assert_true(fabs(mean - shape / rate) < 5 * sqrt(shape / DRAWS) / rate);
        /* variance of a variance: the fourth central moment of a gamma is 3 a² + 6 a */
        double spread = sqrt((2 * shape * shape + 6 * shape) / DRAWS) / (rate * rate);
        assert_true(fabs(var - shape / (rate * rate)) < 5 * spread);
    }
}

/* By inversion: the share of the mass below a draw is what it was drawn with, in both tails too. */
static void truncated(void **state)
{
    static const double ends[][2] = {{-HUGE_VAL, HUGE_VAL}, {-HUGE_VAL, -2}, {1.5, HUGE_VAL},
                                     {-0.3, 0.4},           {-9, -8.5},      {30, 30.01}};
    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        for (int j = 1; j < 50; j++) {
            double u = j / 50.0, lo = ends[i][0], hi = ends[i][1], x = draw_truncated(u, lo, hi);
            double sign = lo > 0 ? -1.0 : 1.0, from = lo > 0 ? -hi : lo, to = lo > 0 ? -lo : hi;
            double below = kern_normal_cdf(sign * x) - kern_normal_cdf(from);
            assert_true(x >= lo && x <= hi);
            assert_true(fabs(below / (kern_normal_cdf(to) - kern_normal_cdf(from)) - u) < 1e-9);
        }
    assert_true(draw_truncated(0.5, 60, 61) == 60.0 && draw_truncated(0.5, -61, -60) == -60.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal_moments),
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(gamma_moments),
        cmocka_unit_test(truncated),
    };
    printf("seed %llu\n", (unsigned long long)test_seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
