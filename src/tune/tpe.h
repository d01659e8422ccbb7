/*
 * The tree-structured Parzen estimator.
 *
 * Bergstra, Bardenet, Bengio, Kegl 2011 (Algorithms for Hyper-Parameter Optimization, NIPS 24):
 * trials are dealt to the better and the rest, each becomes a density, and of some draws from the
 * better one's the draw that is most likely there against the rest is proposed. Kernels stand over
 * whole trials rather than single parameters, as in Falkner, Klein, Hutter 2018 (BOHB,
 * arXiv:1807.01774), so that parameters may go together.
 */
#ifndef AKIN_TUNE_TPE_H
#define AKIN_TUNE_TPE_H

#include "core/rng.h"
#include "tune/space.h"

/* Points, best first or in any order: row i at `at[i]`, borrowed. */
struct tpe_group {
    const double *const *at;
    int32_t n;
};

/* How many of n trials are the better ones. */
int32_t tpe_n_good(int32_t n);
/*
 * Draws one candidate from the better trials' density into point (s->n), and says how much likelier
 * it is there than among the rest: the caller keeps the best of several. Cost: trials × dimensions
 * normal densities.
 */
void tpe_draw(const struct tune_space *s, const struct tpe_group *good, struct rng *rng,
              double *point);
double tpe_gain(const struct tune_space *s, const struct tpe_group *good,
                const struct tpe_group *rest, const double *point);
/* A point drawn evenly. */
void tpe_random(const struct tune_space *s, struct rng *rng, double *point);

#endif
