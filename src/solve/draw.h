/*
 * Draws of Gibbs samplers: standard normals by the array, gamma and cut normals one by one. Pure
 * functions of their keys (core/rng.h), so that any block of rows may be drawn by any thread.
 */
#ifndef AKIN_SOLVE_DRAW_H
#define AKIN_SOLVE_DRAW_H

#include "core/rng.h"
#include "kern/kern.h"

/*
 * out[0..n) standard normals in float (Box and Muller 1958, doi:10.1214/aoms/1177706645; |x| < 6),
 * four from each block of the generator: draw j comes from counter + j / 4, so that a caller leaves
 * (n + 3) / 4 counters to each call. Same bits on every ISA: kern's log, sqrt, and polynomials
 * without fma. Cost: about 10 ns a draw.
 */
void draw_normals(const struct kern *kern, uint64_t seed, enum rng_stream stream, uint64_t index,
                  uint64_t counter, int64_t n, float *out);

/* One standard normal of a sequence, in double. */
double draw_normal(struct rng *rng);
/*
 * Gamma deviate of shape > 0 and rate > 0 (Marsaglia and Tsang 2000, doi:10.1145/358407.358414);
 * takes as many draws of the sequence as it needs.
 */
double draw_gamma(struct rng *rng, double shape, double rate);

/*
 * A standard normal between lo and hi (infinite ends allowed) from a uniform u in (0, 1), by
 * inversion; beyond the distribution's reach in double the end nearer to 0.
 */
double draw_truncated(double u, double lo, double hi);

#endif
