/*
 * AVX2 + FMA: the vector words of body.h in 8 lanes. A panel's row is two registers, a tile 6 rows
 * of one panel: 12 accumulators of 16 registers.
 */
#include "kern/isa.h"

#include <immintrin.h>
#include <string.h>

enum {
    W = 8,           /* floats of a register */
    TILE_MAX = 12,   /* accumulators of a tile */
    TILE_ROWS = 6,   /* of a gemm or chol tile */
    TILE_PANELS = 1, /* of a gemm tile */
    ROW_PANELS = 4,  /* of a gemm with one row */
    SYRK_ROWS = 6,   /* of a syrk tile */
    SYRK_PANELS = 1, /* of a syrk tile, … */
    SYRK_TWO = 1     /* … and where the row of tiles ends */
};

typedef __m256 vf;
typedef __m256d vd;
typedef __m256i vi;
typedef __m256 vm;

/* n <= 8 lanes of ones, then zeros. (The mask tells the compiler what the callers hold to.) */
static inline __m256i lanes(int n)
{
    static const int32_t table[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
    return _mm256_loadu_si256((const __m256i *)(const void *)(table + ((8 - n) & 15)));
}

static inline vf vf_set(float x)
{
    return _mm256_set1_ps(x);
}
static inline vf vf_load(const float *p)
{
    return _mm256_loadu_ps(p);
}
static inline void vf_store(float *p, vf v)
{
    _mm256_storeu_ps(p, v);
}
static inline vf vf_load_n(const float *p, int n)
{
    return _mm256_maskload_ps(p, lanes(n));
}
static inline void vf_store_n(float *p, vf v, int n)
{
    _mm256_maskstore_ps(p, lanes(n), v);
}
static inline vf vf_add(vf a, vf b)
{
    return _mm256_add_ps(a, b);
}
static inline vf vf_sub(vf a, vf b)
{
    return _mm256_sub_ps(a, b);
}
static inline vf vf_mul(vf a, vf b)
{
    return _mm256_mul_ps(a, b);
}
static inline vf vf_div(vf a, vf b)
{
    return _mm256_div_ps(a, b);
}
static inline vf vf_sqrt(vf a)
{
    return _mm256_sqrt_ps(a);
}
static inline vf vf_fma(vf a, vf b, vf c)
{
    return _mm256_fmadd_ps(a, b, c);
}
static inline vf vf_fnma(vf a, vf b, vf c)
{
    return _mm256_fnmadd_ps(a, b, c);
}
static inline vf vf_first(int n, vf a, vf b)
{
    return _mm256_blendv_ps(b, a, _mm256_castsi256_ps(lanes(n)));
}
static inline float vf_get(vf v, int lane)
{
    return _mm256_cvtss_f32(_mm256_permutevar8x32_ps(v, _mm256_set1_epi32(lane)));
}
/* Lanes 4+4, 2+2, 1+1. */
static inline float vf_fold(vf v)
{
    __m128 a = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    a = _mm_add_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_add_ss(a, _mm_movehdup_ps(a)));
}
static inline vm vf_less(vf a, vf b)
{
    return _mm256_cmp_ps(a, b, _CMP_LT_OQ);
}
static inline vm vf_equal(vf a, vf b)
{
    return _mm256_cmp_ps(a, b, _CMP_EQ_OQ);
}
static inline vf vf_select(vm mask, vf a, vf b)
{
    return _mm256_blendv_ps(b, a, mask);
}
static inline uint32_t vm_bits(vm mask)
{
    return (uint32_t)_mm256_movemask_ps(mask);
}
static inline vi vf_bits(vf v)
{
    return _mm256_castps_si256(v);
}
static inline vf vi_float(vi v)
{
    return _mm256_castsi256_ps(v);
}
static inline vi vi_set(int32_t x)
{
    return _mm256_set1_epi32(x);
}
static inline vi vi_add(vi a, vi b)
{
    return _mm256_add_epi32(a, b);
}
static inline vi vi_sub(vi a, vi b)
{
    return _mm256_sub_epi32(a, b);
}
static inline vi vi_and(vi a, vi b)
{
    return _mm256_and_si256(a, b);
}
static inline vi vi_or(vi a, vi b)
{
    return _mm256_or_si256(a, b);
}
static inline vi vi_exponent_up(vi v)
{
    return _mm256_slli_epi32(v, 23);
}
static inline vi vi_exponent_down(vi v)
{
    return _mm256_srli_epi32(v, 23);
}
static inline vi vi_half(vi v)
{
    return _mm256_srai_epi32(v, 1);
}
static inline vf vi_convert(vi v)
{
    return _mm256_cvtepi32_ps(v);
}
static inline vd vd_zero(void)
{
    return _mm256_setzero_pd();
}
static inline vd vd_load(const float *p)
{
    return _mm256_cvtps_pd(_mm_loadu_ps(p));
}
static inline vd vd_fma(vd a, vd b, vd c)
{
    return _mm256_fmadd_pd(a, b, c);
}
static inline void vd_store(double *p, vd v)
{
    _mm256_storeu_pd(p, v);
}

/* Three rounds: 1 and 2 floats inside 128-bit halves, then halves. */
static inline __attribute__((always_inline)) void vf_transpose(vf *m)
{
    vf a[8], b[8];
#pragma GCC unroll 4
    for (int i = 0; i < 8; i += 2) {
        a[i] = _mm256_unpacklo_ps(m[i], m[i + 1]);
        a[i + 1] = _mm256_unpackhi_ps(m[i], m[i + 1]);
    }
#pragma GCC unroll 2
    for (int i = 0; i < 8; i += 4) {
        b[i] = _mm256_shuffle_ps(a[i], a[i + 2], 0x44);
        b[i + 1] = _mm256_shuffle_ps(a[i], a[i + 2], 0xee);
        b[i + 2] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0x44);
        b[i + 3] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0xee);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        m[i] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x20);
        m[i + 4] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x31);
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

/* Widened to 16 bits: the sum of two products of bytes overflows what maddubs would give. */
static int32_t dot_u8s8(const uint8_t *a, const int8_t *b, int64_t n)
{
    __m256i sum = _mm256_setzero_si256();
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(a + i));
        __m128i y = _mm_loadu_si128((const __m128i *)(const void *)(b + i));
        __m256i pairs = _mm256_madd_epi16(_mm256_cvtepu8_epi16(x), _mm256_cvtepi8_epi16(y));
        sum = _mm256_add_epi32(sum, pairs);
    }
    int32_t part[8];
    _mm256_storeu_si256((__m256i *)(void *)part, sum);
    int32_t total = 0;
    for (int j = 0; j < 8; j++)
        total += part[j];
    for (; i < n; i++)
        total += (int32_t)a[i] * b[i];
    return total;
}

/* Items 2i and 2i + 1 of a 128-bit half each have two sums of pairs in every accumulator. */
static inline __m256i pair_sums(__m256i a, __m256i b)
{
    return _mm256_permute4x64_epi64(_mm256_hadd_epi32(a, b), 0xd8);
}

/* One panel for `rows` vectors, which share the widening of its bytes. */
INLINE void scan_tile(const int rows, int64_t n, int64_t quads, const int8_t *a, const uint8_t *x,
                      const int32_t *least, uint16_t *hits)
{
    __m256i sum[3][4];
    for (int j = 0; j < rows; j++)
        for (int r = 0; r < 4; r++)
            sum[j][r] = _mm256_setzero_si256();
    for (int64_t t = 0; t < quads; t++, x += 64, a += 4) {
        __m256i q[3];
#pragma GCC unroll 3
        for (int j = 0; j < rows; j++) {
            int32_t quad;
            memcpy(&quad, a + j * quads * 4, sizeof quad);
            q[j] = _mm256_cvtepi8_epi16(_mm_set1_epi32(quad));
        }
#pragma GCC unroll 4
        for (int r = 0; r < 4; r++) {
            __m256i bytes =
                _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(x + r * 16)));
#pragma GCC unroll 3
            for (int j = 0; j < rows; j++)
                sum[j][r] = _mm256_add_epi32(sum[j][r], _mm256_madd_epi16(bytes, q[j]));
        }
    }
    for (int j = 0; j < rows; j++) {
        __m256i bound = _mm256_set1_epi32(least[j * n]);
        __m256i low = _mm256_cmpgt_epi32(bound, pair_sums(sum[j][0], sum[j][1]));
        __m256i high = _mm256_cmpgt_epi32(bound, pair_sums(sum[j][2], sum[j][3]));
        int below = _mm256_movemask_ps(_mm256_castsi256_ps(low)) |
                    _mm256_movemask_ps(_mm256_castsi256_ps(high)) << 8;
        hits[j * n] = (uint16_t)~below;
    }
}

static void scan_u8s8(int64_t m, int64_t n, int64_t quads, const int8_t *a, const uint8_t *panels,
                      const int32_t *least, uint16_t *hits)
{
    for (int64_t p = 0; p < n; p++) {
        const uint8_t *x = panels + p * quads * 64;
        int64_t j = 0;
        for (; j + 3 <= m; j += 3)
            scan_tile(3, n, quads, a + j * quads * 4, x, least + j * n + p, hits + j * n + p);
        for (; j < m; j++)
            scan_tile(1, n, quads, a + j * quads * 4, x, least + j * n + p, hits + j * n + p);
    }
}

const struct kern kern_avx2 = KERN_TABLE("avx2", dot_u8s8, scan_u8s8);
