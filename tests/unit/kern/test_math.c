/* kern/math.h: doubles against 60-digit values (math_golden.h), floats against the doubles. */
#include "kern/math.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct golden {
    double x, y, want;
};
#include "math_golden.h"

#define N(a) (sizeof(a) / sizeof *(a))

/* |got - want| in units of the last place of want; p bits, least exponent e_min. */
static double ulps(double got, double want, int p, int e_min)
{
    if (got == want || (isnan(got) && isnan(want)))
        return 0.0;
    int e;
    (void)frexp(want, &e);
    if (e < e_min)
        e = e_min;
    return ldexp(fabs(got - want), p - e);
}

static void check(const char *name, double (*fn)(double), const struct golden *rows, size_t n,
                  double limit)
{
    double worst = 0.0, at = 0.0;
    for (size_t i = 0; i < n; i++) {
        double u = ulps(fn(rows[i].x), rows[i].want, 53, -1021);
        if (!(u <= worst)) {
            worst = u;
            at = rows[i].x;
        }
    }
    printf("  %-10s %.2f ulp at %a\n", name, worst, at);
    assert_true(worst <= limit);
}

static void check_quantile(void)
{
    double worst = 0.0;
    for (size_t i = 0; i < N(normal_quantile_golden); i++) {
        double want = normal_quantile_golden[i].want;
        double off = fabs(kern_normal_quantile(normal_quantile_golden[i].x) - want);
        off /= fabs(want) > 1.0 ? fabs(want) : 1.0;
        worst = off <= worst ? worst : off;
    }
    printf("  %-10s %.2g\n", "quantile", worst);
    assert_true(worst <= 1e-15);
}

static double sqrt_two_pow(double y)
{
    return kern_pow(2.0, y);
}

static void test_doubles(void **state)
{
    (void)state;
    check("exp", kern_exp, exp_golden, N(exp_golden), 1.0);
    check("log", kern_log, log_golden, N(log_golden), 1.0);
    check("log2", kern_log2, log2_golden, N(log2_golden), 0.51);
    check("log1p", kern_log1p, log1p_golden, N(log1p_golden), 1.0);
    check("sin", kern_sin, sin_golden, N(sin_golden), 1.0);
    check("cos", kern_cos, cos_golden, N(cos_golden), 1.0);
    check("normal_cdf", kern_normal_cdf, normal_cdf_golden, N(normal_cdf_golden), 2.0);
    check_quantile();
    double worst = 0.0;
    for (size_t i = 0; i < N(pow_golden); i++) {
        const struct golden *g = &pow_golden[i];
        double u = ulps(kern_pow(g->x, g->y), g->want, 53, -1021);
        worst = u <= worst ? worst : u;
    }
    printf("  %-10s %.2f ulp\n", "pow", worst);
    assert_true(worst <= 1.5);
}

static void test_exact(void **state)
{
    (void)state;
    for (int e = -1074; e < 1024; e++) {
        assert_true(kern_log2(ldexp(1.0, e)) == (double)e);
        assert_true(sqrt_two_pow((double)e) == ldexp(1.0, e));
    }
    assert_true(kern_exp(0.0) == 1.0 && kern_log(1.0) == 0.0 && kern_log1p(0.0) == 0.0);
    assert_true(kern_sin(0.0) == 0.0 && kern_cos(0.0) == 1.0 && kern_normal_cdf(0.0) == 0.5);
    assert_true(kern_expf(0.0f) == 1.0f && kern_logf(1.0f) == 0.0f);
    assert_true(kern_tanhf(0.0f) == 0.0f && !signbit(kern_tanhf(0.0f)));
    assert_true(kern_tanhf(-0.0f) == 0.0f && signbit(kern_tanhf(-0.0f)));
    for (int i = 0; i <= 20; i++) /* squares and cubes of small integers */
        assert_true(kern_pow(i, 2.0) == i * i && kern_pow(i, 3.0) == i * i * i);
}

static void test_special_doubles(void **state)
{
    (void)state;
    const double inf = HUGE_VAL, nan = (double)NAN;
    assert_true(kern_exp(710.0) == inf && kern_exp(-inf) == 0.0 && isnan(kern_exp(nan)));
    assert_true(kern_exp(inf) == inf && kern_exp(-1e300) == 0.0);
    assert_true(kern_log(0.0) == -inf && kern_log(-0.0) == -inf && isnan(kern_log(-1.0)));
    assert_true(kern_log(inf) == inf && isnan(kern_log(nan)) && isnan(kern_log(-inf)));
    assert_true(kern_log2(0.0) == -inf && isnan(kern_log2(-1.0)) && kern_log2(inf) == inf);
    assert_true(kern_log1p(-1.0) == -inf && isnan(kern_log1p(-2.0)) && kern_log1p(inf) == inf);
    assert_true(isnan(kern_log1p(nan)));
    assert_true(kern_pow(nan, 0.0) == 1.0 && kern_pow(1.0, nan) == 1.0);
    assert_true(isnan(kern_pow(nan, 1.0)) && isnan(kern_pow(2.0, nan)));
    assert_true(kern_pow(0.0, 1.0) == 0.0 && kern_pow(0.0, -1.0) == inf);
    assert_true(kern_pow(inf, 1.0) == inf && kern_pow(inf, -1.0) == 0.0);
    assert_true(kern_pow(2.0, inf) == inf && kern_pow(2.0, -inf) == 0.0);
    assert_true(kern_pow(0.5, inf) == 0.0 && kern_pow(0.5, -inf) == inf);
    assert_true(isnan(kern_pow(-2.0, 2.0)));
    assert_true(kern_pow(2.0, 1e300) == inf && kern_pow(2.0, -1e300) == 0.0);
    assert_true(isnan(kern_sin(inf)) && isnan(kern_cos(nan)) && isnan(kern_sin(2e6)));
    assert_true(kern_normal_cdf(inf) == 1.0 && kern_normal_cdf(-inf) == 0.0);
    assert_true(isnan(kern_normal_cdf(nan)));
    assert_true(kern_normal_quantile(0.0) == -inf && kern_normal_quantile(1.0) == inf);
    assert_true(isnan(kern_normal_quantile(nan)) && isnan(kern_normal_quantile(-1e-300)));
    assert_true(isnan(kern_normal_quantile(1.5)) && kern_normal_quantile(5e-324) < -38.0);
}

static void test_special_floats(void **state)
{
    (void)state;
    assert_true(isinf(kern_expf(89.0f)) && isinf(kern_expf(INFINITY)));
    assert_true(kern_expf(0x1.62e42ep+6f) < INFINITY); /* the largest with a finite value */
    assert_true(kern_expf(-104.0f) == 0.0f && kern_expf(-INFINITY) == 0.0f);
    assert_true(kern_expf(-103.0f) > 0.0f && isnan(kern_expf(NAN)));
    assert_true(kern_logf(0.0f) == -INFINITY && kern_logf(-0.0f) == -INFINITY);
    assert_true(isnan(kern_logf(-1.0f)) && isnan(kern_logf(-INFINITY)) && isnan(kern_logf(NAN)));
    assert_true(isinf(kern_logf(INFINITY)));
    assert_true(kern_tanhf(INFINITY) == 1.0f && kern_tanhf(-INFINITY) == -1.0f);
    assert_true(kern_tanhf(10.0f) == 1.0f && isnan(kern_tanhf(NAN)));
}

static double tanh_double(double x)
{
    double a = fabs(x);
    double e = kern_exp(-2.0 * a);
    double y = a < 1e-3 ? a - a * a * a / 3.0 : (1.0 - e) / (1.0 + e);
    return copysign(y, x);
}

/* Every 4099th float of all 2^32. */
static void test_floats(void **state)
{
    (void)state;
    double worst[3] = {0};
    for (uint64_t bits = 0; bits < (uint64_t)1 << 32; bits += 4099) {
        uint32_t word = (uint32_t)bits;
        float x;
        memcpy(&x, &word, sizeof x);
        double d = (double)x;
        double want[3] = {kern_exp(d), kern_log(d), isnan(d) ? d : tanh_double(d)};
        float got[3] = {kern_expf(x), kern_logf(x), kern_tanhf(x)};
        for (int f = 0; f < 3; f++) {
            if (got[f] == (float)want[f])
                continue;
            double u = ulps((double)got[f], want[f], 24, -125);
            if (!(u <= worst[f]))
                worst[f] = u;
        }
    }
    printf("  expf %.2f, logf %.2f, tanhf %.2f ulp\n", worst[0], worst[1], worst[2]);
    assert_true(worst[0] <= 1.1 && worst[1] <= 1.0 && worst[2] <= 1.5);
}

/* Mean, variance, and the distribution function of a grid of words. */
static void test_normal(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    uint64_t a = 0, b = 0;
    double sum = 0.0, square = 0.0;
    int64_t below = 0;
    for (int i = 0; i < COUNT; i++) {
        a += 0x9e3779b97f4a7c15u; /* two irrational steps: evenly spread pairs */
        b += 0xd1b54a32d192ed03u;
        double z = kern_normal(a, b);
        sum += z;
        square += z * z;
        below += z < -1.0;
    }
    assert_true(fabs(sum / COUNT) < 0.01);
    assert_true(fabs(square / COUNT - 1.0) < 0.02);
    assert_true(fabs((double)below / COUNT - kern_normal_cdf(-1.0)) < 0.005);
    assert_true(isfinite(kern_normal(0, 0)) && isfinite(kern_normal(UINT64_MAX, UINT64_MAX)));
    assert_true(kern_normal(0, 0) > 8.0 && kern_normal(0, 0) < 8.7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doubles),         cmocka_unit_test(test_exact),
        cmocka_unit_test(test_special_doubles), cmocka_unit_test(test_special_floats),
        cmocka_unit_test(test_floats),          cmocka_unit_test(test_normal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
