/*
 * AVX-512 (F, BW, VL, DQ): the vector words of body.h in 16 lanes. One panel is one register, 24
 * accumulators of 32 registers. VNNI is asked for at run time and only by one function, so that it
 * carries its own target attribute instead of a flag of the file.
 */
#include "kern/isa.h"

#include <immintrin.h>

enum {
    W = 16,          /* floats of a register */
    TILE_MAX = 24,   /* accumulators of a tile */
    TILE_ROWS = 12,  /* of a gemm or chol tile */
    TILE_PANELS = 2, /* of a gemm tile */
    ROW_PANELS = 8,  /* of a gemm with one row */
    SYRK_ROWS = 8,   /* of a syrk tile */
    SYRK_PANELS = 3, /* of a syrk tile, … */
    SYRK_TWO = 2     /* … and where the row of tiles ends */
};

typedef __m512 vf;
typedef __m512d vd;
typedef __m512i vi;
typedef __mmask16 vm;

static inline vm lanes(int n)
{
    return (vm)((1u << n) - 1u);
}

static inline vf vf_set(float x)
{
    return _mm512_set1_ps(x);
}
static inline vf vf_load(const float *p)
{
    return _mm512_loadu_ps(p);
}
static inline void vf_store(float *p, vf v)
{
    _mm512_storeu_ps(p, v);
}
static inline vf vf_load_n(const float *p, int n)
{
    return _mm512_maskz_loadu_ps(lanes(n), p);
}
static inline void vf_store_n(float *p, vf v, int n)
{
    _mm512_mask_storeu_ps(p, lanes(n), v);
}
static inline vf vf_add(vf a, vf b)
{
    return _mm512_add_ps(a, b);
}
static inline vf vf_sub(vf a, vf b)
{
    return _mm512_sub_ps(a, b);
}
static inline vf vf_mul(vf a, vf b)
{
    return _mm512_mul_ps(a, b);
}
static inline vf vf_div(vf a, vf b)
{
    return _mm512_div_ps(a, b);
}
static inline vf vf_fma(vf a, vf b, vf c)
{
    return _mm512_fmadd_ps(a, b, c);
}
static inline vf vf_fnma(vf a, vf b, vf c)
{
    return _mm512_fnmadd_ps(a, b, c);
}
static inline vf vf_first(int n, vf a, vf b)
{
    return _mm512_mask_blend_ps(lanes(n), b, a);
}
static inline float vf_get(vf v, int lane)
{
    return _mm512_cvtss_f32(_mm512_permutexvar_ps(_mm512_set1_epi32(lane), v));
}
static inline vm vf_less(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}
static inline vm vf_equal(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ);
}
static inline vf vf_select(vm mask, vf a, vf b)
{
    return _mm512_mask_blend_ps(mask, b, a);
}
static inline uint32_t vm_bits(vm mask)
{
    return mask;
}
static inline vi vf_bits(vf v)
{
    return _mm512_castps_si512(v);
}
static inline vf vi_float(vi v)
{
    return _mm512_castsi512_ps(v);
}
static inline vi vi_set(int32_t x)
{
    return _mm512_set1_epi32(x);
}
static inline vi vi_add(vi a, vi b)
{
    return _mm512_add_epi32(a, b);
}
static inline vi vi_sub(vi a, vi b)
{
    return _mm512_sub_epi32(a, b);
}
static inline vi vi_and(vi a, vi b)
{
    return _mm512_and_si512(a, b);
}
static inline vi vi_or(vi a, vi b)
{
    return _mm512_or_si512(a, b);
}
static inline vi vi_exponent_up(vi v)
{
    return _mm512_slli_epi32(v, 23);
}
static inline vi vi_exponent_down(vi v)
{
    return _mm512_srli_epi32(v, 23);
}
static inline vi vi_half(vi v)
{
    return _mm512_srai_epi32(v, 1);
}
static inline vf vi_convert(vi v)
{
    return _mm512_cvtepi32_ps(v);
}
static inline vd vd_zero(void)
{
    return _mm512_setzero_pd();
}
static inline vd vd_load(const float *p)
{
    return _mm512_cvtps_pd(_mm256_loadu_ps(p));
}
static inline vd vd_fma(vd a, vd b, vd c)
{
    return _mm512_fmadd_pd(a, b, c);
}
static inline void vd_store(double *p, vd v)
{
    _mm512_storeu_pd(p, v);
}

/* Four rounds: 1 and 2 floats inside 128-bit quarters, then quarters. */
static inline __attribute__((always_inline)) void vf_transpose(vf *m)
{
    vf a[16], b[16];
#pragma GCC unroll 8
    for (int i = 0; i < 16; i += 2) {
        a[i] = _mm512_unpacklo_ps(m[i], m[i + 1]);
        a[i + 1] = _mm512_unpackhi_ps(m[i], m[i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4) {
        b[i] = _mm512_shuffle_ps(a[i], a[i + 2], 0x44);
        b[i + 1] = _mm512_shuffle_ps(a[i], a[i + 2], 0xee);
        b[i + 2] = _mm512_shuffle_ps(a[i + 1], a[i + 3], 0x44);
        b[i + 3] = _mm512_shuffle_ps(a[i + 1], a[i + 3], 0xee);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        a[i] = _mm512_shuffle_f32x4(b[i], b[i + 4], 0x88);
        a[i + 4] = _mm512_shuffle_f32x4(b[i], b[i + 4], 0xdd);
        a[i + 8] = _mm512_shuffle_f32x4(b[i + 8], b[i + 12], 0x88);
        a[i + 12] = _mm512_shuffle_f32x4(b[i + 8], b[i + 12], 0xdd);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        m[i] = _mm512_shuffle_f32x4(a[i], a[i + 8], 0x88);
        m[i + 4] = _mm512_shuffle_f32x4(a[i + 4], a[i + 12], 0x88);
        m[i + 8] = _mm512_shuffle_f32x4(a[i], a[i + 8], 0xdd);
        m[i + 12] = _mm512_shuffle_f32x4(a[i + 4], a[i + 12], 0xdd);
    }
}

#include "kern/body.h"
#include "kern/body_rows.h"
/* gemm's tile is under chol */
#include "kern/body_gemm.h"

#include "kern/body_chol.h"

static int32_t dot_u8s8(const uint8_t *a, const int8_t *b, int64_t n)
{
    __m512i sum = _mm512_setzero_si512();
    for (int64_t i = 0; i < n; i += 32) {
        __mmask32 m = n - i >= 32 ? ~(__mmask32)0 : ((__mmask32)1 << (n - i)) - 1u;
        __m512i x = _mm512_cvtepu8_epi16(_mm256_maskz_loadu_epi8(m, a + i));
        __m512i y = _mm512_cvtepi8_epi16(_mm256_maskz_loadu_epi8(m, b + i));
        sum = _mm512_add_epi32(sum, _mm512_madd_epi16(x, y));
    }
    return _mm512_reduce_add_epi32(sum);
}

__attribute__((target("avx512vnni"))) static int32_t dot_u8s8_vnni(const uint8_t *a,
                                                                   const int8_t *b, int64_t n)
{
    __m512i s0 = _mm512_setzero_si512(), s1 = s0;
    int64_t i = 0;
    for (; i + 128 <= n; i += 128) {
        s0 = _mm512_dpbusd_epi32(s0, _mm512_loadu_si512(a + i), _mm512_loadu_si512(b + i));
        s1 =
            _mm512_dpbusd_epi32(s1, _mm512_loadu_si512(a + i + 64), _mm512_loadu_si512(b + i + 64));
    }
    for (; i < n; i += 64) {
        __mmask64 m = n - i >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << (n - i)) - 1u;
        s0 = _mm512_dpbusd_epi32(s0, _mm512_maskz_loadu_epi8(m, a + i),
                                 _mm512_maskz_loadu_epi8(m, b + i));
    }
    return _mm512_reduce_add_epi32(_mm512_add_epi32(s0, s1));
}

const struct kern kern_avx512 = KERN_TABLE("avx512", dot_u8s8);
const struct kern kern_avx512_vnni = KERN_TABLE("avx512", dot_u8s8_vnni);
