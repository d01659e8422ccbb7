/*
 * Scalar expf, logf, tanhf: the reference of the vector forms in body.h, step for step (poly.h).
 *
 * Cost: 10–15 fmaf. Accuracy, measured over all floats (tests/unit/kern/test_math.c sweeps a part):
 * see the comment at each function. No errno, no floating-point exceptions to rely on.
 */
#include "kern/math.h"

#include "kern/poly.h"

#include <math.h>
#include <string.h>

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint32_t to_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float power_of_two(int32_t e)
{
    return from_bits((uint32_t)(e + 127) << 23);
}

float kern_expf(float x)
{
    if (x != x)
        return x;
    x = x > POLY_EXP_MAX ? POLY_EXP_MAX : x;
    x = x < POLY_EXP_MIN ? POLY_EXP_MIN : x;
    float t = fmaf(x, POLY_LOG2E, POLY_MAGIC);
    float n = t - POLY_MAGIC;
    float r = fmaf(n, -POLY_LN2_LO, fmaf(n, -POLY_LN2_HI, x));
    float p = fmaf(POLY_EXP_4, r, POLY_EXP_3);
    p = fmaf(p, r, POLY_EXP_2);
    p = fmaf(p, r, POLY_EXP_1);
    p = fmaf(p, r, POLY_EXP_0);
    p = fmaf(p, r * r, r) + 1.0f;
    int32_t k = (int32_t)(to_bits(t) - (uint32_t)POLY_MAGIC_BITS);
    int32_t half = (k - (k & 1)) / 2; /* k >> 1, without shifting a negative number */
    return p * power_of_two(half) * power_of_two(k - half);
}

float kern_logf(float x)
{
    if (!(x > 0.0f)) {
        if (x == 0.0f)
            return -INFINITY;
        return NAN;
    }
    if (isinf(x))
        return x;
    int32_t e = 0;
    if (x < POLY_LOG_MIN) {
        x *= POLY_LOG_SCALE;
        e = -POLY_LOG_SCALE_BITS;
    }
    uint32_t bits = to_bits(x) - POLY_LOG_LOW + 0x3f800000;
    e += (int32_t)(bits >> 23) - 127;
    float f = from_bits((bits & 0x7fffff) + POLY_LOG_LOW) - 1.0f;
    float p = fmaf(POLY_LOG_8, f, POLY_LOG_7);
    p = fmaf(p, f, POLY_LOG_6);
    p = fmaf(p, f, POLY_LOG_5);
    p = fmaf(p, f, POLY_LOG_4);
    p = fmaf(p, f, POLY_LOG_3);
    p = fmaf(p, f, POLY_LOG_2);
    p = fmaf(p, f, POLY_LOG_1);
    p = fmaf(p, f, POLY_LOG_0);
    float y = fmaf(f, p, -0.5f) * (f * f);
    return fmaf((float)e, POLY_LN2_HI, f + fmaf((float)e, POLY_LN2_LO, y));
}

float kern_tanhf(float x)
{
    float a = fabsf(x);
    float y;
    if (a < POLY_TANH_CUT) {
        float z = a * a;
        float p = fmaf(POLY_TANH_4, z, POLY_TANH_3);
        p = fmaf(p, z, POLY_TANH_2);
        p = fmaf(p, z, POLY_TANH_1);
        p = fmaf(p, z, POLY_TANH_0);
        y = fmaf(p * z, a, a);
    } else {
        y = 1.0f - 2.0f / (kern_expf(a + a) + 1.0f);
    }
    return copysignf(y, x);
}
