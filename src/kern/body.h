/*
 * The vector kernels, written once over the few words that avx2.c, avx512.c and neon.c define:
 * vf (W floats), vd (W/2 doubles), vi (W ints), vm (a comparison) and their operations. A kernel
 * vectorises across outputs or across the lanes that kern.h prescribes, so W never shows in the
 * bits. Included once by each of those files; everything is static.
 *
 * This part: element-wise functions, dots, scan, scatter, pack. _n forms touch the first n of W
 * lanes only (the rest of a load is 0).
 */
#include "kern/poly.h"

#include <math.h>

enum { V = KERN_PANEL / W }; /* registers of a panel's row */

#define INLINE static inline __attribute__((always_inline))

static float dot(const float *a, const float *b, int64_t n)
{
    vf acc[V];
    float lane[KERN_PANEL];
#pragma GCC unroll 4
    for (int v = 0; v < V; v++)
        acc[v] = vf_set(0.0f);
    int64_t i = 0;
    for (; i + KERN_PANEL <= n; i += KERN_PANEL)
#pragma GCC unroll 4
        for (int v = 0; v < V; v++)
            acc[v] = vf_fma(vf_load(a + i + v * W), vf_load(b + i + v * W), acc[v]);
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) {
        int64_t left = n - i - v * W;
        if (left > 0) {
            int m = left < W ? (int)left : W;
            vf sum = vf_fma(vf_load_n(a + i + v * W, m), vf_load_n(b + i + v * W, m), acc[v]);
            acc[v] = vf_first(m, sum, acc[v]); /* an idle lane keeps even its sign of zero */
        }
        vf_store(lane + v * W, acc[v]);
    }
#pragma GCC unroll 4
    for (int w = KERN_PANEL / 2; w >= 1; w /= 2)
#pragma GCC unroll 8
        for (int j = 0; j < w; j++)
            lane[j] += lane[j + w];
    return lane[0];
}

static void axpy(float alpha, const float *x, float *y, int64_t n)
{
    vf a = vf_set(alpha);
    int64_t i = 0;
    for (; i + W <= n; i += W)
        vf_store(y + i, vf_fma(a, vf_load(x + i), vf_load(y + i)));
    int m = (int)(n - i);
    if (m > 0)
        vf_store_n(y + i, vf_fma(a, vf_load_n(x + i, m), vf_load_n(y + i, m)), m);
}

static void scale(float alpha, float *y, int64_t n)
{
    vf a = vf_set(alpha);
    int64_t i = 0;
    for (; i + W <= n; i += W)
        vf_store(y + i, vf_mul(a, vf_load(y + i)));
    int m = (int)(n - i);
    if (m > 0)
        vf_store_n(y + i, vf_mul(a, vf_load_n(y + i, m)), m);
}

static double dot64(const float *a, const float *b, int64_t n)
{
    enum { D = W / 2, N = 8 / D };
    vd acc[N];
    double lane[8];
#pragma GCC unroll 4
    for (int v = 0; v < N; v++)
        acc[v] = vd_zero();
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
#pragma GCC unroll 4
        for (int v = 0; v < N; v++)
            acc[v] = vd_fma(vd_load(a + i + v * D), vd_load(b + i + v * D), acc[v]);
#pragma GCC unroll 4
    for (int v = 0; v < N; v++)
        vd_store(lane + v * D, acc[v]);
    for (int j = 0; i < n; i++, j++)
        lane[j] += (double)a[i] * (double)b[i]; /* the product is exact: as fma */
    for (int w = 4; w >= 1; w /= 2)
        for (int j = 0; j < w; j++)
            lane[j] += lane[j + w];
    return lane[0];
}

static int64_t scan_above(const float *x, int64_t n, float bound, int32_t *out)
{
    vf b = vf_set(bound);
    int64_t count = 0, i = 0;
    for (; i + 4 * KERN_PANEL <= n; i += 4 * KERN_PANEL) {
        uint64_t bits = 0;
#pragma GCC unroll 16
        for (int v = 0; v < 4 * V; v++)
            bits |= (uint64_t)vm_bits(vf_less(b, vf_load(x + i + v * W))) << (v * W);
        for (; bits; bits &= bits - 1)
            out[count++] = (int32_t)(i + __builtin_ctzll(bits));
    }
    for (; i < n; i++)
        if (x[i] > bound)
            out[count++] = (int32_t)i;
    return count;
}

static void scatter(float alpha, const int32_t *idx, const float *x, int64_t n, float *acc)
{
    for (int64_t j = 0; j < n; j++)
        acc[idx[j]] = fmaf(alpha, x[j], acc[idx[j]]);
}

/* W×W blocks through registers; the columns past the last full W one row of out at a time. */
INLINE void pack_panels(const float *B, int64_t ldb, int64_t n, int64_t k, float *out, int negate)
{
    for (int64_t p = 0; p < n; p += KERN_PANEL, out += KERN_PANEL * k) {
        for (int64_t t = 0; t < k; t += W) {
            int cols = k - t < W ? (int)(k - t) : W;
            for (int v = 0; v < V; v++) {
                vf m[W];
#pragma GCC unroll 16
                for (int j = 0; j < W; j++) {
                    int64_t row = p + v * W + j;
                    if (row >= n)
                        m[j] = vf_set(0.0f);
                    else
                        m[j] = cols == W ? vf_load(B + row * ldb + t)
                                         : vf_load_n(B + row * ldb + t, cols);
                }
                vf_transpose(m);
#pragma GCC unroll 16
                for (int c = 0; c < W; c++)
                    if (c < cols)
                        vf_store(out + (t + c) * KERN_PANEL + v * W,
                                 negate ? vf_mul(vf_set(-1.0f), m[c]) : m[c]);
            }
        }
    }
}

static void pack(const float *B, int64_t ldb, int64_t n, int64_t k, float *out)
{
    pack_panels(B, ldb, n, k, out, 0);
}

/* The steps of poly.h. */
INLINE vf exp_vector(vf x)
{
    /* NaN passes both comparisons, p is then NaN and stays so whatever the power of two */
    x = vf_select(vf_less(vf_set(POLY_EXP_MAX), x), vf_set(POLY_EXP_MAX), x);
    x = vf_select(vf_less(x, vf_set(POLY_EXP_MIN)), vf_set(POLY_EXP_MIN), x);
    vf magic = vf_set(POLY_MAGIC);
    vf t = vf_fma(x, vf_set(POLY_LOG2E), magic);
    vf n = vf_sub(t, magic);
    vf r = vf_fma(n, vf_set(-POLY_LN2_HI), x);
    r = vf_fma(n, vf_set(-POLY_LN2_LO), r);
    vf p = vf_fma(vf_set(POLY_EXP_4), r, vf_set(POLY_EXP_3));
    p = vf_fma(p, r, vf_set(POLY_EXP_2));
    p = vf_fma(p, r, vf_set(POLY_EXP_1));
    p = vf_fma(p, r, vf_set(POLY_EXP_0));
    p = vf_add(vf_fma(p, vf_mul(r, r), r), vf_set(1.0f));
    vi k = vi_sub(vf_bits(t), vi_set(POLY_MAGIC_BITS));
    vi half = vi_half(k);
    vi rest = vi_sub(k, half);
    p = vf_mul(p, vi_float(vi_exponent_up(vi_add(half, vi_set(127)))));
    return vf_mul(p, vi_float(vi_exponent_up(vi_add(rest, vi_set(127)))));
}

INLINE vf log_vector(vf x)
{
    vf in = x;
    vm tiny = vf_less(x, vf_set(POLY_LOG_MIN));
    x = vf_select(tiny, vf_mul(x, vf_set(POLY_LOG_SCALE)), x);
    vf e_scale = vf_select(tiny, vf_set(-(float)POLY_LOG_SCALE_BITS), vf_set(0.0f));
    vi bits = vi_add(vi_sub(vf_bits(x), vi_set(POLY_LOG_LOW)), vi_set(0x3f800000));
    vf e = vi_convert(vi_sub(vi_exponent_down(bits), vi_set(127)));
    e = vf_add(e, e_scale); /* small integers: exact */
    vi m = vi_add(vi_and(bits, vi_set(0x7fffff)), vi_set(POLY_LOG_LOW));
    vf f = vf_sub(vi_float(m), vf_set(1.0f));
    vf p = vf_fma(vf_set(POLY_LOG_8), f, vf_set(POLY_LOG_7));
    p = vf_fma(p, f, vf_set(POLY_LOG_6));
    p = vf_fma(p, f, vf_set(POLY_LOG_5));
    p = vf_fma(p, f, vf_set(POLY_LOG_4));
    p = vf_fma(p, f, vf_set(POLY_LOG_3));
    p = vf_fma(p, f, vf_set(POLY_LOG_2));
    p = vf_fma(p, f, vf_set(POLY_LOG_1));
    p = vf_fma(p, f, vf_set(POLY_LOG_0));
    vf y = vf_mul(vf_fma(f, p, vf_set(-0.5f)), vf_mul(f, f));
    y = vf_fma(e, vf_set(POLY_LN2_HI), vf_add(f, vf_fma(e, vf_set(POLY_LN2_LO), y)));
    vf zero = vf_set(0.0f), inf = vf_set(INFINITY);
    y = vf_select(vf_equal(in, zero), vf_set(-INFINITY), y);
    y = vf_select(vf_equal(in, inf), in, y);
    y = vf_select(vf_less(in, zero), vf_set(NAN), y);
    return vf_select(vf_equal(in, in), y, in);
}

INLINE vf tanh_vector(vf x)
{
    vi sign = vi_and(vf_bits(x), vi_set(INT32_MIN));
    vf a = vi_float(vi_and(vf_bits(x), vi_set(INT32_MAX)));
    vf z = vf_mul(a, a);
    vf p = vf_fma(vf_set(POLY_TANH_4), z, vf_set(POLY_TANH_3));
    p = vf_fma(p, z, vf_set(POLY_TANH_2));
    p = vf_fma(p, z, vf_set(POLY_TANH_1));
    p = vf_fma(p, z, vf_set(POLY_TANH_0));
    vf small = vf_fma(vf_mul(p, z), a, a);
    vf one = vf_set(1.0f);
    vf large = vf_sub(one, vf_div(vf_set(2.0f), vf_add(exp_vector(vf_add(a, a)), one)));
    vf y = vf_select(vf_less(a, vf_set(POLY_TANH_CUT)), small, large);
    return vi_float(vi_or(vf_bits(y), sign));
}

static void vexp(const float *x, float *y, int64_t n)
{
    int64_t i = 0;
    for (; i + W <= n; i += W)
        vf_store(y + i, exp_vector(vf_load(x + i)));
    int m = (int)(n - i);
    if (m > 0)
        vf_store_n(y + i, exp_vector(vf_load_n(x + i, m)), m);
}

static void vlog(const float *x, float *y, int64_t n)
{
    int64_t i = 0;
    for (; i + W <= n; i += W)
        vf_store(y + i, log_vector(vf_load(x + i)));
    int m = (int)(n - i);
    if (m > 0)
        vf_store_n(y + i, log_vector(vf_load_n(x + i, m)), m);
}

static void vtanh(const float *x, float *y, int64_t n)
{
    int64_t i = 0;
    for (; i + W <= n; i += W)
        vf_store(y + i, tanh_vector(vf_load(x + i)));
    int m = (int)(n - i);
    if (m > 0)
        vf_store_n(y + i, tanh_vector(vf_load_n(x + i, m)), m);
}

struct adam_words {
    vf rate, momentum, fresh, momentum2, fresh2, decay, fix1, fix2, tiny;
};

static inline vf adam_word(const struct adam_words *k, vf w, vf g, vf *a, vf *b)
{
    vf x = vf_add(g, vf_mul(k->decay, w));
    *a = vf_add(vf_mul(k->momentum, *a), vf_mul(k->fresh, x));
    *b = vf_add(vf_mul(k->momentum2, *b), vf_mul(vf_mul(k->fresh2, x), x));
    vf up = vf_mul(k->rate, vf_mul(*a, k->fix1));
    return vf_sub(w, vf_div(up, vf_add(vf_sqrt(vf_mul(*b, k->fix2)), k->tiny)));
}

static void adam(const struct kern_adam *r, int64_t n, float *w, const float *g, float *a, float *b)
{
    const struct adam_words k = {vf_set(r->rate),
                                 vf_set(r->momentum),
                                 vf_set(1.0F - r->momentum),
                                 vf_set(r->momentum2),
                                 vf_set(1.0F - r->momentum2),
                                 vf_set(r->decay),
                                 vf_set(r->fix1),
                                 vf_set(r->fix2),
                                 vf_set(KERN_ADAM_TINY)};
    int64_t i = 0;
    for (; i + W <= n; i += W) {
        vf x = vf_load(a + i), y = vf_load(b + i);
        vf_store(w + i, adam_word(&k, vf_load(w + i), vf_load(g + i), &x, &y));
        vf_store(a + i, x);
        vf_store(b + i, y);
    }
    int m = (int)(n - i);
    if (m > 0) {
        vf x = vf_load_n(a + i, m), y = vf_load_n(b + i, m);
        vf_store_n(w + i, adam_word(&k, vf_load_n(w + i, m), vf_load_n(g + i, m), &x, &y), m);
        vf_store_n(a + i, x, m);
        vf_store_n(b + i, y, m);
    }
}

#define KERN_TABLE(name, byte_dot, byte_scan)                                                      \
    {                                                                                              \
        .isa = name, .dot = dot, .axpy = axpy, .scale = scale, .dot64 = dot64, .pack = pack,       \
        .gemm = gemm, .syrk = syrk, .residual = residual, .chol = chol, .chol_solve = chol_solve,  \
        .dot_u8s8 = byte_dot, .scan_u8s8 = byte_scan, .scan_above = scan_above,                    \
        .bits_meet = bits_meet, .bits_pick = bits_pick, .vexp = vexp, .vlog = vlog,                \
        .vtanh = vtanh, .scatter = scatter, .adam = adam, .sgd_ratings = sgd_ratings,              \
        .sgd_pairs = sgd_pairs,                                                                    \
    }
