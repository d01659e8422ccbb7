/*
 * NEON of aarch64: the vector words of body.h in 4 lanes. A panel's row is four registers, a tile 6
 * rows of one panel: 24 accumulators of 32 registers. There are no masked loads, so the tail forms
 * go through a buffer on the stack.
 */
#include "kern/isa.h"

#include <arm_neon.h>
#include <string.h>

enum {
    W = 4,           /* floats of a register */
    TILE_MAX = 24,   /* accumulators of a tile */
    TILE_ROWS = 6,   /* of a gemm or chol tile */
    TILE_PANELS = 1, /* of a gemm tile */
    ROW_PANELS = 4,  /* of a gemm with one row */
    SYRK_ROWS = 6,   /* of a syrk tile */
    SYRK_PANELS = 1, /* of a syrk tile, … */
    SYRK_TWO = 1     /* … and where the row of tiles ends */
};

typedef float32x4_t vf;
typedef float64x2_t vd;
typedef int32x4_t vi;
typedef uint32x4_t vm;

static inline vf vf_set(float x)
{
    return vdupq_n_f32(x);
}
static inline vf vf_load(const float *p)
{
    return vld1q_f32(p);
}
static inline void vf_store(float *p, vf v)
{
    vst1q_f32(p, v);
}
static inline vf vf_load_n(const float *p, int n)
{
    float part[4] = {0};
    memcpy(part, p, (size_t)n * sizeof *p);
    return vld1q_f32(part);
}
static inline void vf_store_n(float *p, vf v, int n)
{
    float part[4];
    vst1q_f32(part, v);
    memcpy(p, part, (size_t)n * sizeof *p);
}
static inline vf vf_add(vf a, vf b)
{
    return vaddq_f32(a, b);
}
static inline vf vf_sub(vf a, vf b)
{
    return vsubq_f32(a, b);
}
static inline vf vf_mul(vf a, vf b)
{
    return vmulq_f32(a, b);
}
static inline vf vf_div(vf a, vf b)
{
    return vdivq_f32(a, b);
}
static inline vf vf_sqrt(vf a)
{
    return vsqrtq_f32(a);
}
static inline vf vf_fma(vf a, vf b, vf c)
{
    return vfmaq_f32(c, a, b);
}
static inline vf vf_fnma(vf a, vf b, vf c)
{
    return vfmsq_f32(c, a, b);
}
static inline vf vf_first(int n, vf a, vf b)
{
    static const int32_t index[4] = {0, 1, 2, 3};
    return vbslq_f32(vcltq_s32(vld1q_s32(index), vdupq_n_s32(n)), a, b);
}
static inline float vf_get(vf v, int lane)
{
    uint32x4_t at = vdupq_n_u32(0x03020100u + 0x04040404u * (uint32_t)lane);
    uint8x16_t bytes = vqtbl1q_u8(vreinterpretq_u8_f32(v), vreinterpretq_u8_u32(at));
    return vgetq_lane_f32(vreinterpretq_f32_u8(bytes), 0);
}
/* Lanes 2+2, 1+1. */
static inline float vf_fold(vf v)
{
    float32x2_t a = vadd_f32(vget_low_f32(v), vget_high_f32(v));
    return vget_lane_f32(a, 0) + vget_lane_f32(a, 1);
}
static inline vm vf_less(vf a, vf b)
{
    return vcltq_f32(a, b);
}
static inline vm vf_equal(vf a, vf b)
{
    return vceqq_f32(a, b);
}
static inline vf vf_select(vm mask, vf a, vf b)
{
    return vbslq_f32(mask, a, b);
}
static inline uint32_t vm_bits(vm mask)
{
    static const uint32_t bit[4] = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(mask, vld1q_u32(bit)));
}
static inline vi vf_bits(vf v)
{
    return vreinterpretq_s32_f32(v);
}
static inline vf vi_float(vi v)
{
    return vreinterpretq_f32_s32(v);
}
static inline vi vi_set(int32_t x)
{
    return vdupq_n_s32(x);
}
static inline vi vi_add(vi a, vi b)
{
    return vaddq_s32(a, b);
}
static inline vi vi_sub(vi a, vi b)
{
    return vsubq_s32(a, b);
}
static inline vi vi_and(vi a, vi b)
{
    return vandq_s32(a, b);
}
static inline vi vi_or(vi a, vi b)
{
    return vorrq_s32(a, b);
}
static inline vi vi_exponent_up(vi v)
{
    return vshlq_n_s32(v, 23);
}
static inline vi vi_exponent_down(vi v)
{
    return vreinterpretq_s32_u32(vshrq_n_u32(vreinterpretq_u32_s32(v), 23));
}
static inline vi vi_half(vi v)
{
    return vshrq_n_s32(v, 1);
}
static inline vf vi_convert(vi v)
{
    return vcvtq_f32_s32(v);
}
static inline vd vd_zero(void)
{
    return vdupq_n_f64(0.0);
}
static inline vd vd_load(const float *p)
{
    return vcvt_f64_f32(vld1_f32(p));
}
static inline vd vd_fma(vd a, vd b, vd c)
{
    return vfmaq_f64(c, a, b);
}
static inline void vd_store(double *p, vd v)
{
    vst1q_f64(p, v);
}

static inline vf pairs(float64x2_t v)
{
    return vreinterpretq_f32_f64(v);
}
static inline __attribute__((always_inline)) void vf_transpose(vf *m)
{
    float64x2_t a = vreinterpretq_f64_f32(vtrn1q_f32(m[0], m[1]));
    float64x2_t b = vreinterpretq_f64_f32(vtrn2q_f32(m[0], m[1]));
    float64x2_t c = vreinterpretq_f64_f32(vtrn1q_f32(m[2], m[3]));
    float64x2_t d = vreinterpretq_f64_f32(vtrn2q_f32(m[2], m[3]));
    m[0] = pairs(vtrn1q_f64(a, c));
    m[1] = pairs(vtrn1q_f64(b, d));
    m[2] = pairs(vtrn2q_f64(a, c));
    m[3] = pairs(vtrn2q_f64(b, d));
}

#include "kern/body.h"
#include "kern/body_rows.h"
#include "kern/body_sgd.h"

/* gemm's tile is under chol */
#include "kern/body_gemm.h"

#include "kern/body_chol.h"

#define BITS_TARGET
static inline uint64_t bits_extract(uint64_t x, uint64_t mask)
{
    uint64_t out = 0;
    for (int n = 0; mask; mask &= mask - 1, n++)
        out |= (x >> __builtin_ctzll(mask) & 1) << n;
    return out;
}
#include "kern/body_bits.h"

static int32_t dot_u8s8(const uint8_t *a, const int8_t *b, int64_t n)
{
    int32x4_t sum = vdupq_n_s32(0);
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        int16x8_t x = vreinterpretq_s16_u16(vmovl_u8(vld1_u8(a + i)));
        int16x8_t y = vmovl_s8(vld1_s8(b + i));
        sum = vmlal_s16(sum, vget_low_s16(x), vget_low_s16(y));
        sum = vmlal_high_s16(sum, x, y);
    }
    int32_t total = vaddvq_s32(sum);
    for (; i < n; i++)
        total += (int32_t)a[i] * b[i];
    return total;
}

/* A row has four sums, one for each byte of its quads. */
static void scan_u8s8(int64_t m, int64_t n, int64_t quads, const int8_t *a, const uint8_t *panels,
                      const int32_t *least, uint16_t *hits)
{
    for (int64_t p = 0; p < n; p++)
        for (int64_t j = 0; j < m; j++) {
            const uint8_t *x = panels + p * quads * 64;
            const int8_t *y = a + j * quads * 4;
            int32x4_t sum[KERN_PANEL];
            for (int i = 0; i < KERN_PANEL; i++)
                sum[i] = vdupq_n_s32(0);
            for (int64_t t = 0; t < quads; t++, x += 64, y += 4) {
                int32_t quad;
                memcpy(&quad, y, sizeof quad);
                int16x4_t q = vget_low_s16(vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(quad))));
#pragma GCC unroll 8
                for (int i = 0; i < KERN_PANEL; i += 2) {
                    int16x8_t two = vreinterpretq_s16_u16(vmovl_u8(vld1_u8(x + 4 * i)));
                    sum[i] = vmlal_s16(sum[i], vget_low_s16(two), q);
                    sum[i + 1] = vmlal_s16(sum[i + 1], vget_high_s16(two), q);
                }
            }
            int32x4_t bound = vdupq_n_s32(least[j * n + p]);
            uint32_t bits = 0;
            for (int i = 0; i < KERN_PANEL; i += 4) {
                int32x4_t four =
                    vpaddq_s32(vpaddq_s32(sum[i], sum[i + 1]), vpaddq_s32(sum[i + 2], sum[i + 3]));
                bits |= vm_bits(vcgeq_s32(four, bound)) << i;
            }
            hits[j * n + p] = (uint16_t)bits;
        }
}

const struct kern kern_neon = KERN_TABLE("neon", dot_u8s8, scan_u8s8);
