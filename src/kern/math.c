/*
 * Elementary functions in double from + - * / and fma only, so that every machine gives the same
 * bits. glibc's differ between its per-CPU variants, which would break "same data, same bits".
 *
 * Cost: 5–30 ns; fma is a call into libm where the baseline CPU lacks it, so it is used only where
 * a product must be exact. Methods: argument reduction and minimax polynomials in the manner of
 * Muller et al., Handbook of Floating-Point Arithmetic (2018), ch. 10, and sums of two doubles
 * (Dekker 1971, doi:10.1007/BF01397083) where one is not enough. The coefficients are from
 * tests/golden/make_math.py; errors stated are the largest seen against 60-digit values
 * (tests/unit/kern/test_math.c). Not done: rounding modes, exceptions, errno, sin and cos beyond
 * 10^6 (NaN), pow of a negative base (NaN).
 */
#include "kern/math.h"

#include <math.h>
#include <string.h>

#define LN2_HI 0x1.62e42feep-1 /* 32 bits: times an exponent it is exact */
#define LN2_LO 0x1.a39ef35793c76p-33
#define LOG2E 0x1.71547652b82fep+0
#define LOG2E_LO 0x1.777d0ffda0d24p-56
#define TWO_THIRDS 0x1.5555555555555p-1
#define TWO_THIRDS_LO 0x1.5555555555555p-55
#define PIO2_1 0x1.921fb54442d18p+0
#define PIO2_2 0x1.1a62633145c07p-54
#define PIO2_3 -0x1.f1976b7ed8fbcp-110
#define TWO_OVER_PI 0x1.45f306dc9c883p-1
#define TWO_PI 0x1.921fb54442d18p+2
#define MAGIC 6755399441055744.0 /* 1.5·2^52: adding and subtracting it rounds to an integer */
#define TRIG_MAX 1e6

/* A value as the unevaluated sum of two doubles, |lo| <= ulp(hi). */
struct pair {
    double hi, lo;
};

static uint64_t to_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static double from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static double power_of_two(int64_t e)
{
    return from_bits((uint64_t)(e + 1023) << 52);
}

/* c[0] + c[1] x + … + c[n-1] x^(n-1) */
static inline double horner(const double *c, int n, double x)
{
    double sum = c[n - 1];
    for (int i = n - 2; i >= 0; i--)
        sum = sum * x + c[i];
    return sum;
}

/* e^(x + tail), |tail| <= 2^-40. */
static double exp_pair(double x, double tail)
{
    static const double q[] = {
        0x1.000000000000ap-1,  0x1.55555555554f9p-3,  0x1.555555555083ep-5,  0x1.1111111127d0fp-7,
        0x1.6c16c18438b38p-10, 0x1.a01a012a0ecfdp-13, 0x1.a01999e25ab7bp-16, 0x1.71df25b40ea02p-19,
        0x1.28ad9b8d48abfp-22, 0x1.ad7f3d240a963p-26,
    };
    if (x != x)
        return x;
    if (x > 710.0)
        return HUGE_VAL;
    if (x < -746.0)
        return 0.0;
    double n = (x * LOG2E + MAGIC) - MAGIC;
    double hi = x - n * LN2_HI;
    double lo = n * LN2_LO;
    double first = hi - lo;
    double c = (hi - first) - lo + tail;
    double r = first + c; /* the tail of a large argument may reach into r */
    c = (first - r) + c;
    double y = 1.0 + (r + (c + r * r * horner(q, 10, r)));
    int64_t k = (int64_t)n;
    int64_t half = k / 2; /* two steps: 2^k itself may be out of range, the result may not */
    return y * power_of_two(half) * power_of_two(k - half);
}

double kern_exp(double x)
{
    return exp_pair(x, 0.0);
}

/* x = 2^e · m with m in [sqrt ½, sqrt 2); x > 0 and finite. */
static double split_mantissa(double x, int64_t *e)
{
    *e = 0;
    if (x < 0x1p-1022) {
        x *= 0x1p54;
        *e = -54;
    }
    const uint64_t low = 0x3fe6a09e667f3bcd; /* sqrt ½ */
    uint64_t bits = to_bits(x) - low + 0x3ff0000000000000;
    *e += (int64_t)(bits >> 52) - 1023;
    return from_bits((bits & 0xfffffffffffff) + low);
}

/* log(1 + f) + k·log 2 + c, f in [sqrt ½ - 1, sqrt 2 - 1], c tiny. */
static double log_reduced(double f, double k, double c)
{
    static const double q[] = {
        0x1.5555555555558p-1, 0x1.9999999995238p-2, 0x1.2492492e034edp-2, 0x1.c71c62cf5888cp-3,
        0x1.7462bac8b3bf6p-3, 0x1.39fd9a4e2f71dp-3, 0x1.2b61a59cb69a8p-3,
    };
    /* log(1+f) = 2 atanh(s) = 2s + s·R, and 2s = f - s·f: only f, which is exact, is large. */
    double s = f / (2.0 + f);
    double z = s * s;
    double R = z * horner(q, 7, z);
    double half_square = 0.5 * f * f;
    return k * LN2_HI - ((half_square - (s * (half_square + R) + (k * LN2_LO + c))) - f);
}

/* True if log x is not an ordinary number, which is then in *out. */
static int log_special(double x, double *out)
{
    if (x > 0.0 && x < HUGE_VAL)
        return 0;
    if (x == 0.0)
        *out = -HUGE_VAL;
    else
        *out = x > 0.0 ? x : (double)NAN;
    return 1;
}

double kern_log(double x)
{
    double special;
    if (log_special(x, &special))
        return special;
    int64_t e;
    double m = split_mantissa(x, &e);
    return log_reduced(m - 1.0, (double)e, 0.0);
}

double kern_log1p(double x)
{
    double special;
    if (fabs(x) < 0x1p-54)
        return x;
    if (log_special(1.0 + x, &special))
        return special;
    if (x > -0.29 && x < 0.41)
        return log_reduced(x, 0.0, 0.0);
    double u = 1.0 + x;
    double lost = u > 1.0 && x > 1.0 ? 1.0 - (u - x) : x - (u - 1.0);
    int64_t e;
    double m = split_mantissa(u, &e);
    return log_reduced(m - 1.0, (double)e, lost / u);
}

/* log m to about 100 bits, m in [sqrt ½, sqrt 2). */
static struct pair log_mantissa(double m)
{
    static const double q[] = {
        0x1.999999999999ap-2, 0x1.2492492492491p-2, 0x1.c71c71c71cfecp-3,
        0x1.745d17451202p-3,  0x1.3b13b1bd357a5p-3, 0x1.1110df732fb01p-3,
        0x1.e1f80dbdef518p-4, 0x1.ac48df09c1874p-4, 0x1.b8e3239eaf07bp-4,
    };
    double f = m - 1.0;
    double g = m + 1.0, g_lo = m - (g - 1.0);
    double s = f / g; /* s + s_lo = (m - 1) / (m + 1) */
    double s_lo = (fma(-s, g, f) - s * g_lo) / g;
    double z = s * s, z_lo = fma(s, s, -z) + 2.0 * s * s_lo;
    double a = s * z, a_lo = fma(s, z, -a) + (s * z_lo + s_lo * z);
    double b = a * TWO_THIRDS;
    double b_lo = fma(a, TWO_THIRDS, -b) + (a * TWO_THIRDS_LO + a_lo * TWO_THIRDS);
    double rest = a * z * horner(q, 9, z);
    double hi = 2.0 * s + b;
    double lo = ((2.0 * s - hi) + b) + (2.0 * s_lo + (b_lo + rest));
    struct pair out = {hi + lo, 0.0};
    out.lo = (hi - out.hi) + lo;
    return out;
}

double kern_log2(double x)
{
    double special;
    if (log_special(x, &special))
        return special;
    int64_t e;
    struct pair l = log_mantissa(split_mantissa(x, &e));
    double h = l.hi * LOG2E;
    double lo = fma(l.hi, LOG2E, -h) + (l.hi * LOG2E_LO + l.lo * LOG2E);
    double sum = (double)e + h;
    return sum + ((((double)e - sum) + h) + lo);
}

/* The cases of pow that have no logarithm; true if *out is the answer. */
static int pow_special(double x, double y, double *out)
{
    if (y == 0.0 || x == 1.0)
        *out = 1.0;
    else if (x != x || y != y || x < 0.0)
        *out = (double)NAN;
    else if (x == 0.0)
        *out = y > 0.0 ? 0.0 : HUGE_VAL;
    else if (isinf(x))
        *out = y > 0.0 ? HUGE_VAL : 0.0;
    else if (isinf(y))
        *out = (x > 1.0) == (y > 0.0) ? HUGE_VAL : 0.0;
    else
        return 0;
    return 1;
}

double kern_pow(double x, double y)
{
    double special;
    if (pow_special(x, y, &special))
        return special;
    int64_t e;
    struct pair l = log_mantissa(split_mantissa(x, &e));
    double k = (double)e * LN2_HI; /* exact, and 0 or larger than l */
    double sum = k + l.hi;
    double tail = ((k - sum) + l.hi) + (l.lo + (double)e * LN2_LO);
    double hi = sum + tail;
    double lo = (sum - hi) + tail;
    double p = y * hi;
    if (p > 710.0)
        return HUGE_VAL;
    if (p < -746.0)
        return 0.0;
    return exp_pair(p, fma(y, hi, -p) + y * lo);
}

/* x = n·π/2 + r.hi + r.lo with |r| <= π/4; returns n mod 4. |x| <= TRIG_MAX. */
static unsigned reduce_quarter(double x, struct pair *r)
{
    double n = (x * TWO_OVER_PI + MAGIC) - MAGIC;
    double a = fma(-n, PIO2_1, x); /* exact */
    double hi = fma(-n, PIO2_2, a);
    r->lo = fma(-n, PIO2_2, a - hi) - n * PIO2_3;
    r->hi = hi + r->lo;
    r->lo = (hi - r->hi) + r->lo;
    return (unsigned)((int64_t)n & 3);
}

static double sin_reduced(struct pair r)
{
    static const double q[] = {
        -0x1.5555555555549p-3, 0x1.111111110f8b2p-7,   -0x1.a01a019c168afp-13,
        0x1.71de357ad1aa9p-19, -0x1.ae5e67fca8c3ep-26, 0x1.5d935ce65e9a5p-33,
    };
    double z = r.hi * r.hi;
    return r.hi + (r.hi * z * horner(q, 6, z) + r.lo * (1.0 - 0.5 * z));
}

static double cos_reduced(struct pair r)
{
    static const double q[] = {
        0x1.555555555554cp-5,   -0x1.6c16c16c15199p-10, 0x1.a01a019cb3968p-16,
        -0x1.27e4f80acfbbcp-22, 0x1.1ee9ec40b7ce6p-29,  -0x1.8faeae64fcfc6p-37,
    };
    double z = r.hi * r.hi;
    double half = 0.5 * z;
    double w = 1.0 - half;
    return w + (((1.0 - w) - half) + (z * z * horner(q, 6, z) - r.hi * r.lo));
}

double kern_sin(double x)
{
    if (!(fabs(x) <= TRIG_MAX))
        return (double)NAN;
    if (fabs(x) < 0x1p-27)
        return x;
    struct pair r;
    unsigned n = reduce_quarter(x, &r);
    double y = n & 1 ? cos_reduced(r) : sin_reduced(r);
    return n & 2 ? -y : y;
}

double kern_cos(double x)
{
    if (!(fabs(x) <= TRIG_MAX))
        return (double)NAN;
    struct pair r;
    unsigned n = reduce_quarter(x, &r);
    double y = n & 1 ? sin_reduced(r) : cos_reduced(r);
    return n == 1 || n == 2 ? -y : y;
}

/* Box and Muller (1958, doi:10.1214/aoms/1177706645), the cosine half; |result| < 8.6. */
double kern_normal(uint64_t a, uint64_t b)
{
    double u = ((double)(a >> 12) + 0.5) * 0x1p-52; /* in (0, 1), exact */
    double v = (double)(b >> 11) * 0x1p-53;
    return sqrt(-2.0 * kern_log(u)) * kern_cos(TWO_PI * v);
}

/* The part of the normal distribution above x >= 0.65: φ-like factor times a smooth function. */
static double normal_tail(double x)
{
    /* e^(x²/2)·Φ(-x)·(x + 2) as a polynomial in (x - 4) / (x + 4) */
    static const double q[] = {
        0x1.22078ca96fa5ap-1,   -0x1.1182fa078fce9p-2,  0x1.1b66643a3e175p-3,
        -0x1.612205a440456p-5,  -0x1.5d725a15abc07p-10, 0x1.357607dc92667p-7,
        -0x1.269281f1f131dp-8,  0x1.7258ebb369c2fp-12,  0x1.0a3010e7c33a7p-11,
        -0x1.2591f2db57cafp-13, -0x1.f0a5c24d88b82p-15, 0x1.b238743212c75p-16,
        0x1.38dcf939bc6f5p-17,  -0x1.1dfbe9146a2d8p-18, -0x1.0637d79d08fefp-19,
        0x1.47b840c31143cp-21,  0x1.f082ae320bf24p-22,  -0x1.bcd5aa5189352p-25,
        -0x1.cd7874629402ep-24, -0x1.cfc0c4655d61ap-28, 0x1.7a5b5fc50c28ep-26,
        0x1.82dd2cfaaed4p-29,   -0x1.a7bb40b772522p-29,
    };
    if (x > 39.0)
        return 0.0;
    double square = x * x;
    double e = exp_pair(-0.5 * square, -0.5 * fma(x, x, -square));
    return e * horner(q, 23, (x - 4.0) / (x + 4.0)) / (x + 2.0);
}

double kern_normal_cdf(double x)
{
    static const double q[] = {
        0x1.9884533d43651p-2,   -0x1.1058377e2ced7p-4,  0x1.46d0429767eecp-7,
        -0x1.37403f6abbd15p-10, 0x1.e42b0ca4077a4p-14,  -0x1.3ce8d5949f083p-17,
        0x1.6580c88ca1e55p-21,  -0x1.60c2706a41124p-25, 0x1.1c4ee5e6c3babp-29,
    };
    if (x != x)
        return x;
    if (fabs(x) < 0.65)
        return 0.5 + x * horner(q, 9, x * x);
    return x < 0.0 ? normal_tail(-x) : 1.0 - normal_tail(x);
}

double kern_normal_quantile(double p)
{
    /* Hastings 1955, no. 69, is within 4.5e-4 of it; a step of Halley's cubes the error */
    static const double q[] = {2.515517, 0.802853, 0.010328};
    static const double r[] = {1.0, 1.432788, 0.189269, 0.001308};
    static const double ROOT_TWO_PI = 0x1.40d931ff62706p+1;
    if (!(p >= 0.0 && p <= 1.0))
        return (double)NAN;
    if (p == 0.0)
        return -HUGE_VAL;
    if (p > 0.5)
        return -kern_normal_quantile(1.0 - p);
    double t = sqrt(-2.0 * kern_log(p));
    double x = horner(q, 3, t) / horner(r, 4, t) - t;
    for (int step = 0; step < 2; step++) {
        double density = kern_exp(-0.5 * x * x) / ROOT_TWO_PI;
        double off = (kern_normal_cdf(x) / p - 1.0) * (p / density);
        x -= off / (1.0 + 0.5 * x * off);
    }
    return x;
}
