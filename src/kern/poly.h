/*
 * Constants of expf, logf and tanhf, shared by the scalar form (mathf.c) and the vector form
 * (body.h): same constants, same steps, same bits. Minimax (Remez) coefficients, lowest degree
 * first, and the splits of ln 2 are made by tests/golden/make_math.py.
 *
 * The steps, each one rounding, "fma" fused:
 *   exp   x cut to [-104, 89]; n = fma(x, 1/ln 2, MAGIC) - MAGIC; r = fma(n, -LN2_LO,
 *         fma(n, -LN2_HI, x)); p = fma(q(r), r·r, r) + 1; p·2^(n>>1)·2^(n - (n>>1)).
 *   log   x = 2^e·m, m in [sqrt ½, sqrt 2); f = m - 1; y = fma(f, q(f), -½)·(f·f);
 *         fma(e, LN2_HI, f + fma(e, LN2_LO, y)).
 *   tanh  a = |x|; a < 0.625: fma(q(a²)·a², a, a); else 1 - 2/(exp(a + a) + 1); the sign of x.
 */
#ifndef AKIN_KERN_POLY_H
#define AKIN_KERN_POLY_H

#define POLY_LOG2E 0x1.715476p+0f
#define POLY_LN2_HI 0x1.62e4p-1f /* 15 bits: times an exponent it is exact */
#define POLY_LN2_LO 0x1.7f7d1cp-20f
#define POLY_MAGIC                                                                                 \
    12582912.0f /* 1.5·2^23: adding it rounds to an integer, held in the low bits                 \
                 */
#define POLY_MAGIC_BITS 0x4b400000
#define POLY_EXP_MIN (-104.0f) /* e^x rounds to 0 here, … */
#define POLY_EXP_MAX 89.0f     /* … to infinity here */

#define POLY_EXP_0 0x1.fffffcp-2f
#define POLY_EXP_1 0x1.555492p-3f
#define POLY_EXP_2 0x1.5558f2p-5f
#define POLY_EXP_3 0x1.123a2p-7f
#define POLY_EXP_4 0x1.6a23dp-10f

#define POLY_LOG_0 0x1.555546p-2f
#define POLY_LOG_1 -0x1.ffffeep-3f
#define POLY_LOG_2 0x1.99a53ap-3f
#define POLY_LOG_3 -0x1.5562dep-3f
#define POLY_LOG_4 0x1.233378p-3f
#define POLY_LOG_5 -0x1.fb4474p-4f
#define POLY_LOG_6 0x1.e6486ep-4f
#define POLY_LOG_7 -0x1.e2e004p-4f
#define POLY_LOG_8 0x1.1b4876p-4f

#define POLY_LOG_MIN 0x1p-126f /* below: scaled up first */
#define POLY_LOG_SCALE 0x1p25f
#define POLY_LOG_SCALE_BITS 25
#define POLY_LOG_LOW 0x3f3504f3 /* the bits of sqrt ½ */

#define POLY_TANH_CUT 0.625f
#define POLY_TANH_0 -0x1.555534p-2f
#define POLY_TANH_1 0x1.11076cp-3f
#define POLY_TANH_2 -0x1.b844a2p-5f
#define POLY_TANH_3 0x1.5258cap-6f
#define POLY_TANH_4 -0x1.76b3cep-8f

#endif
