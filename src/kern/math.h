/*
 * Elementary functions of akin's own: the same bits on every machine, which libm does not promise
 * (glibc picks variants by CPU). Doubles are for statistics and evaluation; floats are the scalar
 * form of kern's vexp, vlog, vtanh. Largest error seen, in ulp: exp 0.92, log 0.84, log2 0.51,
 * log1p 0.84, sin and cos 0.79, pow 0.91 (1.5 where the result is near the ends of the range),
 * normal_cdf 3.6 (of the value itself, far tail included); expf 1.01, logf 0.89, tanhf 1.33.
 * normal_quantile is within 1e-15 · max(1, |x|) for p >= 1e-300.
 */
#ifndef AKIN_KERN_MATH_H
#define AKIN_KERN_MATH_H

#include <stdint.h>

float kern_expf(float x);
float kern_logf(float x);
float kern_tanhf(float x);

double kern_exp(double x);
double kern_log(double x);
double kern_log2(double x);
double kern_log1p(double x);
double kern_pow(double x, double y); /* x >= 0, else NaN */
double kern_cos(double x);           /* |x| <= 1e6, else NaN */
double kern_sin(double x);

/* Standard normal deviate from two uniform 64-bit words, its distribution function, and where that
 * is p in [0, 1] (else NaN). */
double kern_normal(uint64_t a, uint64_t b);
double kern_normal_cdf(double x);
double kern_normal_quantile(double p);

#endif
