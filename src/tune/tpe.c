/*
 * Densities over trials: one kernel a trial and an even one for all that was never tried.
 *
 * Numbers: normal kernels cut off at the ends of the range; their width falls with the
 * number of trials as in Scott's rule, but not with their spread: else a few good trials side by
 * side draw all that follow to themselves. Choices: the trial's own with what is left after an even
 * share for the others. The arithmetic is kern's, in one written order.
 */
#include "tune/tpe.h"

#include "kern/math.h"

#include <math.h>

#define WIDTH 0.25    /* of a kernel, as a share of the range, were there one trial */
#define GOOD_ONE_OF 6 /* one of so many trials is a better one */
#define GOOD_MOST 25
#define ROOT_TWO_PI 2.5066282746310002

int32_t tpe_n_good(int32_t n)
{
    int32_t good = (n + GOOD_ONE_OF - 1) / GOOD_ONE_OF;
    return good < GOOD_MOST ? good : GOOD_MOST;
}

static double width_of(const struct tpe_group *g, int32_t n_dims)
{
    return WIDTH * kern_pow(g->n, -1.0 / (n_dims + 4));
}

/* Of choices: the share that a trial gives to the others. */
static double spread_of(int32_t n)
{
    return 2.0 / (2.0 + n);
}

static double kernel(const struct tune_dim *dim, double centre, double width, double spread,
                     double x)
{
    if (dim->kind == TUNE_CHOICE) {
        bool is_own = (int32_t)centre == (int32_t)x;
        return (is_own ? 1 - spread : 0) + spread / dim->n_choices;
    }
    double z = (x - centre) / width;
    double mass = kern_normal_cdf((1 - centre) / width) - kern_normal_cdf(-centre / width);
    return kern_exp(-0.5 * z * z) / (ROOT_TWO_PI * width * mass);
}

static double even(const struct tune_space *s)
{
    double p = 1;
    for (int32_t d = 0; d < s->n; d++)
        p /= s->dims[d].kind == TUNE_CHOICE ? s->dims[d].n_choices : 1;
    return p;
}

static double density(const struct tune_space *s, const struct tpe_group *g, const double *x)
{
    double sum = even(s);
    double width = g->n > 0 ? width_of(g, s->n) : 1;
    for (int32_t i = 0; i < g->n; i++) {
        double p = 1;
        for (int32_t d = 0; d < s->n; d++)
            p *= kernel(&s->dims[d], g->at[i][d], width, spread_of(g->n), x[d]);
        sum += p;
    }
    return sum / (g->n + 1);
}

double tpe_gain(const struct tune_space *s, const struct tpe_group *good,
                const struct tpe_group *rest, const double *point)
{
    return density(s, good, point) / density(s, rest, point);
}

static double draw_even(const struct tune_dim *dim, struct rng *rng)
{
    if (dim->kind == TUNE_CHOICE)
        return (double)rng_below(rng, (uint64_t)dim->n_choices);
    return rng_double(rng);
}

void tpe_random(const struct tune_space *s, struct rng *rng, double *point)
{
    for (int32_t d = 0; d < s->n; d++)
        point[d] = draw_even(&s->dims[d], rng);
}

/* A normal deviate within the range; the mass there is two fifths at least, so few tries are
 * enough.
 */
static double draw_near(double centre, double width, struct rng *rng)
{
    for (int t = 0; t < 64; t++) {
        uint64_t a = rng_next(rng), b = rng_next(rng);
        double x = centre + width * kern_normal(a, b);
        if (x >= 0 && x <= 1)
            return x;
    }
    return centre;
}

void tpe_draw(const struct tune_space *s, const struct tpe_group *good, struct rng *rng,
              double *point)
{
    uint64_t pick = rng_below(rng, (uint64_t)good->n + 1);
    if (pick == (uint64_t)good->n) {
        tpe_random(s, rng, point);
        return;
    }
    const double *at = good->at[pick];
    for (int32_t d = 0; d < s->n; d++) {
        const struct tune_dim *dim = &s->dims[d];
        bool is_own = rng_double(rng) >= spread_of(good->n);
        if (dim->kind == TUNE_CHOICE)
            point[d] = is_own ? at[d] : draw_even(dim, rng);
        else
            point[d] = draw_near(at[d], width_of(good, s->n), rng);
    }
}
