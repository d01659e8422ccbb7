/*
 * Draws of Gibbs samplers: normals by Box and Muller over whole arrays, gammas by Marsaglia and
 * Tsang's rejection. Not here: multivariate draws; callers build them from these.
 *
 * The angle of a pair is a 32-bit fraction of a turn: its two highest bits choose the quarter, the
 * rest an angle of at most an eighth to either side, where short Taylor polynomials are good to a
 * unit of float.
 */
#include "solve/draw.h"

#include "kern/math.h"

#include <math.h>

enum { PIECE = 256 }; /* pairs at a time */

/* cos and sin of w / 2^32 of a turn, to out[0] and out[1]. */
static inline void turn(uint32_t w, float out[2])
{
    uint32_t quarter = (w + 0x20000000U) >> 30;
    float a = (float)(int32_t)(w - (quarter << 30)) * 0x1.921fb6p-30F; /* 2π / 2^32 */
    float s = a * a;
    float sine = a * (1.0F + s * (-0x1.555556p-3F + s * (0x1.11110ep-7F + s * -0x1.a00e0cp-13F)));
    float cosine =
        1.0F + s * (-0.5F + s * (0x1.555554p-5F + s * (-0x1.6c1482p-10F + s * 0x1.9d3a7cp-16F)));
    float x = quarter & 1 ? sine : cosine, y = quarter & 1 ? cosine : sine;
    out[0] = (quarter + 1) & 2 ? -x : x;
    out[1] = quarter & 2 ? -y : y;
}

void draw_normals(const struct kern *kern, uint64_t seed, enum rng_stream stream, uint64_t index,
                  uint64_t counter, int64_t n, float *out)
{
    float radius[PIECE];
    uint32_t angle[PIECE];
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    for (int64_t lo = 0; lo < n; lo += (int64_t)2 * PIECE) {
        int64_t m = n - lo < 2 * PIECE ? n - lo : 2 * PIECE;
        int64_t pairs = (m + 1) / 2;
        for (int64_t p = 0; p < pairs; p += 2) {
            uint64_t at = (counter + (uint64_t)(lo + 2 * p) / 4) | (uint64_t)stream << 56;
            const uint32_t ctr[4] = {(uint32_t)index, (uint32_t)(index >> 32), (uint32_t)at,
                                     (uint32_t)(at >> 32)};
            uint32_t word[4];
            rng_philox(ctr, key, word);
            radius[p] = ((float)(word[0] >> 8) + 0.5F) * 0x1p-24F;
            radius[p + 1] = ((float)(word[2] >> 8) + 0.5F) * 0x1p-24F;
            angle[p] = word[1];
            angle[p + 1] = word[3];
        }
        kern->vlog(radius, radius, pairs);
        for (int64_t p = 0; p < pairs; p++) {
            float unit[2], r = sqrtf(-2.0F * radius[p]);
            turn(angle[p], unit);
            out[lo + 2 * p] = r * unit[0];
            if (2 * p + 1 < m)
                out[lo + 2 * p + 1] = r * unit[1];
        }
    }
}

double draw_normal(struct rng *rng)
{
    uint64_t a = rng_next(rng);
    return kern_normal(a, rng_next(rng));
}

double draw_gamma(struct rng *rng, double shape, double rate)
{
    /* below 1 the density has a pole: a draw of shape + 1, times a power of a uniform one */
    double boost = 1.0;
    if (shape < 1.0) {
        double u = ((double)(rng_next(rng) >> 12) + 0.5) * 0x1p-52;
        boost = kern_pow(u, 1.0 / shape);
        shape += 1.0;
    }
    double d = shape - 1.0 / 3.0, c = 1.0 / sqrt(9.0 * d);
    for (;;) {
        double x = draw_normal(rng), v = 1.0 + c * x;
        double u = ((double)(rng_next(rng) >> 12) + 0.5) * 0x1p-52;
        if (v <= 0.0)
            continue;
        v = v * v * v;
        if (kern_log(u) < 0.5 * x * x + d - d * v + d * kern_log(v))
            return boost * d * v / rate;
    }
}

double draw_truncated(double u, double lo, double hi)
{
    if (lo > 0.0) /* the lesser tail keeps its digits */
        return -draw_truncated(u, -hi, -lo);
    double below = kern_normal_cdf(lo), mass = kern_normal_cdf(hi) - below;
    if (!(mass > 0.0))
        return hi;
    double x = kern_normal_quantile(below + u * mass);
    return x < lo ? lo : x > hi ? hi : x;
}
