/*
 * AVX-512 (F, BW, VL, DQ): the vector words of body.h in 16 lanes. One panel is one register, 24
 * accumulators of 32 registers. VNNI is asked for at run time and only by a few functions, so that
 * they carry their own target attribute instead of a flag of the file.
 */
#include "kern/isa.h"

#include <immintrin.h>
#include <string.h>

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
static inline vf vf_sqrt(vf a)
{
    return _mm512_sqrt_ps(a);
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
/* Lanes 8+8, 4+4, 2+2, 1+1. */
static inline float vf_fold(vf v)
{
    __m256 b = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    __m128 a = _mm_add_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
    a = _mm_add_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_add_ss(a, _mm_movehdup_ps(a)));
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
#include "kern/body_sgd.h"
/* gemm's tile is under chol */
#include "kern/body_gemm.h"

#include "kern/body_chol.h"

#define BITS_TARGET __attribute__((target("bmi2")))
BITS_TARGET static inline uint64_t bits_extract(uint64_t x, uint64_t mask)
{
    return _pext_u64(x, mask);
}
#include "kern/body_bits.h"

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

static inline __m512i quad_of(const int8_t *a)
{
    int32_t quad;
    memcpy(&quad, a, sizeof quad);
    return _mm512_set1_epi32(quad);
}

static void scan_u8s8(int64_t m, int64_t n, int64_t quads, const int8_t *a, const uint8_t *panels,
                      const int32_t *least, uint16_t *hits)
{
    for (int64_t p = 0; p < n; p++)
        for (int64_t j = 0; j < m; j++) {
            const uint8_t *x = panels + p * quads * 64;
            const int8_t *y = a + j * quads * 4;
            __m512i low = _mm512_setzero_si512(), high = low;
            for (int64_t t = 0; t < quads; t++, x += 64, y += 4) {
                __m512i bytes = _mm512_loadu_si512(x);
                __m512i q = _mm512_cvtepi8_epi16(_mm512_castsi512_si256(quad_of(y)));
                __m512i first = _mm512_cvtepu8_epi16(_mm512_castsi512_si256(bytes));
                __m512i last = _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(bytes, 1));
                low = _mm512_add_epi32(low, _mm512_madd_epi16(first, q));
                high = _mm512_add_epi32(high, _mm512_madd_epi16(last, q));
            }
            /* a row's two sums of pairs lie side by side */
            low = _mm512_add_epi32(low, _mm512_srli_epi64(low, 32));
            high = _mm512_add_epi32(high, _mm512_srli_epi64(high, 32));
            __m256i bound = _mm256_set1_epi32(least[j * n + p]);
            unsigned bits =
                _mm256_cmp_epi32_mask(_mm512_cvtepi64_epi32(low), bound, _MM_CMPINT_NLT);
            bits |=
                (unsigned)_mm256_cmp_epi32_mask(_mm512_cvtepi64_epi32(high), bound, _MM_CMPINT_NLT)
                << 8;
            hits[j * n + p] = (uint16_t)bits;
        }
}

#define VNNI __attribute__((target("avx512vnni")))

/* One vector: the stream of panels is the cost, so it is read strictly in order. */
VNNI static void scan_row_vnni(int64_t n, int64_t quads, const int8_t *a, const uint8_t *panels,
                               const int32_t *least, uint16_t *hits)
{
    enum { AHEAD = 2048 };
    const uint8_t *x = panels;
    for (int64_t p = 0; p < n; p++) {
        __m512i s0 = _mm512_setzero_si512(), s1 = s0, s2 = s0, s3 = s0;
        int64_t t = 0;
        for (; t + 4 <= quads; t += 4, x += 256) {
            _mm_prefetch((const char *)x + AHEAD, _MM_HINT_T0);
            _mm_prefetch((const char *)x + AHEAD + 64, _MM_HINT_T0);
            _mm_prefetch((const char *)x + AHEAD + 128, _MM_HINT_T0);
            _mm_prefetch((const char *)x + AHEAD + 192, _MM_HINT_T0);
            s0 = _mm512_dpbusd_epi32(s0, _mm512_loadu_si512(x), quad_of(a + 4 * t));
            s1 = _mm512_dpbusd_epi32(s1, _mm512_loadu_si512(x + 64), quad_of(a + 4 * t + 4));
            s2 = _mm512_dpbusd_epi32(s2, _mm512_loadu_si512(x + 128), quad_of(a + 4 * t + 8));
            s3 = _mm512_dpbusd_epi32(s3, _mm512_loadu_si512(x + 192), quad_of(a + 4 * t + 12));
        }
        for (; t < quads; t++, x += 64)
            s0 = _mm512_dpbusd_epi32(s0, _mm512_loadu_si512(x), quad_of(a + 4 * t));
        __m512i sum = _mm512_add_epi32(_mm512_add_epi32(s0, s1), _mm512_add_epi32(s2, s3));
        hits[p] = _mm512_cmp_epi32_mask(sum, _mm512_set1_epi32(least[p]), _MM_CMPINT_NLT);
    }
}

/* Four panels by up to six vectors: 24 sums in registers. rows is a constant at each call. */
VNNI static inline __attribute__((always_inline)) void
scan_tile_vnni(const int rows, int64_t n, int64_t quads, const int8_t *a, const uint8_t *panels,
               const int32_t *least, uint16_t *hits)
{
    __m512i sum[6][4];
#pragma GCC unroll 6
    for (int j = 0; j < rows; j++)
#pragma GCC unroll 4
        for (int p = 0; p < 4; p++)
            sum[j][p] = _mm512_setzero_si512();
    for (int64_t t = 0; t < quads; t++) {
        __m512i x[4];
#pragma GCC unroll 4
        for (int p = 0; p < 4; p++)
            x[p] = _mm512_loadu_si512(panels + (p * quads + t) * 64);
#pragma GCC unroll 6
        for (int j = 0; j < rows; j++) {
            __m512i q = quad_of(a + (j * quads + t) * 4);
#pragma GCC unroll 4
            for (int p = 0; p < 4; p++)
                sum[j][p] = _mm512_dpbusd_epi32(sum[j][p], x[p], q);
        }
    }
#pragma GCC unroll 6
    for (int j = 0; j < rows; j++)
#pragma GCC unroll 4
        for (int p = 0; p < 4; p++)
            hits[j * n + p] = _mm512_cmp_epi32_mask(sum[j][p], _mm512_set1_epi32(least[j * n + p]),
                                                    _MM_CMPINT_NLT);
}

VNNI static void scan_u8s8_vnni(int64_t m, int64_t n, int64_t quads, const int8_t *a,
                                const uint8_t *panels, const int32_t *least, uint16_t *hits)
{
    int64_t whole = m > 1 ? n - n % 4 : 0;
    for (int64_t p = 0; p < whole; p += 4) {
        const uint8_t *x = panels + p * quads * 64;
        int64_t j = 0;
        for (; j + 6 <= m; j += 6)
            scan_tile_vnni(6, n, quads, a + j * quads * 4, x, least + j * n + p, hits + j * n + p);
        for (; j + 3 <= m; j += 3)
            scan_tile_vnni(3, n, quads, a + j * quads * 4, x, least + j * n + p, hits + j * n + p);
        for (; j < m; j++)
            scan_tile_vnni(1, n, quads, a + j * quads * 4, x, least + j * n + p, hits + j * n + p);
    }
    for (int64_t j = 0; j < m && whole < n; j++)
        scan_row_vnni(n - whole, quads, a + j * quads * 4, panels + whole * quads * 64,
                      least + j * n + whole, hits + j * n + whole);
}

const struct kern kern_avx512 = KERN_TABLE("avx512", dot_u8s8, scan_u8s8);
const struct kern kern_avx512_vnni = KERN_TABLE("avx512", dot_u8s8_vnni, scan_u8s8_vnni);
