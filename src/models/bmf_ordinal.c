/*
 * Ratings as levels of bmf (likelihood = ordinal): a level is where a latent number, normal around
 * the model's prediction, lies between cut points (ordered probit; McCullagh 1980,
 * doi:10.1111/j.2517-6161.1980.tb01109.x). Here: what one sample of cut points says of a level and
 * of a mean. The sampler is in bmf_cuts.c.
 *
 * Expected ratings are read off a table over latent means, by line between its points: a score per
 * sample costs a few instructions instead of a normal distribution function a level.
 */
#include "models/bmf.h"

#include "kern/math.h"

#include <float.h>
#include <math.h>

/* A point every 1/32 of the latents' standard deviation, to ten of them on either side. */
static const double GRID_LO = -10.0, GRID_STEP = 0.03125;

double bmf_between(double lo, double hi)
{
    /* on the side of the lesser tail, where a difference keeps its digits */
    return lo > 0.0 ? kern_normal_cdf(-lo) - kern_normal_cdf(-hi)
                    : kern_normal_cdf(hi) - kern_normal_cdf(lo);
}

double bmf_mean_between(double lo, double hi)
{
    static const double ROOT_TWO_PI = 0x1.40d931ff62706p+1;
    double mass = bmf_between(lo, hi);
    if (mass < DBL_MIN) /* further out than the distribution reaches */
        return lo > 0.0 ? lo : hi;
    return (kern_exp(-0.5 * lo * lo) - kern_exp(-0.5 * hi * hi)) / (ROOT_TWO_PI * mass);
}

double bmf_latent(const struct bmf_scale *scale, int32_t level, double mean)
{
    double lo = level > 0 ? (double)scale->cut[level - 1] : -HUGE_VAL;
    double hi = level + 1 < scale->n_levels ? (double)scale->cut[level] : HUGE_VAL;
    return mean +
           bmf_mean_between((lo - mean) * scale->root, (hi - mean) * scale->root) / scale->root;
}

struct bmf_scale bmf_scale_of(const struct bmf *s, int64_t sample)
{
    const float *row = s->cuts + sample * s->n_levels;
    return (struct bmf_scale){
        .n_levels = (int32_t)s->n_levels, .root = (double)row[0], .cut = row + 1};
}

int32_t bmf_level_of(const struct bmf *s, float value)
{
    int32_t level = 0;
    for (int32_t next = 1; next < s->n_levels; next++)
        if (fabsf(s->levels[next] - value) < fabsf(s->levels[level] - value))
            level = next;
    return level;
}

void bmf_expected_make(const struct bmf *s, int64_t sample, float *out)
{
    struct bmf_scale scale = bmf_scale_of(s, sample);
    for (int64_t g = 0; g < BMF_GRID; g++) {
        double mean = GRID_LO + GRID_STEP * (double)g, expected = (double)s->levels[0];
        for (int32_t c = 1; c < scale.n_levels; c++) {
            double above = kern_normal_cdf((mean - (double)scale.cut[c - 1]) * scale.root);
            expected += above * ((double)s->levels[c] - (double)s->levels[c - 1]);
        }
        out[g] = (float)expected;
    }
}

double bmf_expected(const struct bmf *s, int64_t sample, double mean)
{
    const float *table = s->expected + sample * BMF_GRID;
    double at = (mean - GRID_LO) / GRID_STEP;
    at = at > 0.0 ? at : 0.0;
    at = at < BMF_GRID - 1 ? at : BMF_GRID - 1;
    int64_t g = (int64_t)at < BMF_GRID - 2 ? (int64_t)at : BMF_GRID - 2;
    double lo = (double)table[g], hi = (double)table[g + 1];
    return lo + (hi - lo) * (at - (double)g);
}

double bmf_slope(const struct bmf *s, int64_t sample, double from, double to)
{
    if (fabs(to - from) < GRID_STEP) {
        double middle = 0.5 * (from + to);
        from = middle - 0.5 * GRID_STEP;
        to = middle + 0.5 * GRID_STEP;
    }
    return (bmf_expected(s, sample, to) - bmf_expected(s, sample, from)) / (to - from);
}
