/*
 * Vectors as bytes, and how far a product of bytes can be from a score.
 *
 * An item x (the bias is one more coordinate, for which the state has 1) is d·c + e: d the step of
 * its panel, c whole numbers within ±127, e what is left. A state q is g·a + f likewise. Then
 *
 *   q·x = d·(q·c) + q·e = g·d·(a·c) + d·(f·c) + q·e,
 *   |q·x - g·d·(a·c)| <= |f|·d·|c| + |q|·|e|                                 by Cauchy-Schwarz.
 *
 * The score s itself is rounded: k fused multiply-adds in a chain that starts at the bias or 0.
 * With u = 2^-24 each of them changes a partial sum by a factor within 1 ± u, or by 2^-150 at most
 * where it is subnormal, and later steps enlarge that by (1 + u)^k < 2 (k <= 65,000), so
 *
 *   |s - q·x| <= γ·Σ|q_t·x_t| + k·2^-149 <= γ·|q|·|x| + k·2^-149,   γ = k·u/(1 - k·u),
 *
 * and |x| <= d·|c| + |e|. An item can reach a bound T (s >= T) only if
 *
 *   a·c >= (T - k·2^-149)/(g·d) - (1 + γ)·(|q|/g)·(|e|/d) - (|f|/g + γ·|q|/g)·|c|.
 *
 * The sums of bytes are exact. |e|/d and |c| are kept per panel, the largest of its 16 items,
 * rounded up. The right side is computed in float: three products and two sums, of factors that
 * were rounded to float before, err by less than 2^-21 of the sum of the magnitudes of the terms;
 * 2^-20 of it and 2 are taken off (1 for the change to a whole number). Magnitudes in (-1, 1)·2^40
 * and steps >= 2^-47 leave no room for an overflow or a subnormal there, nor for an overflow of a
 * score; items and states outside (or not finite) are `wild` and scored one by one.
 *
 * A cosine is a score, bias left out, over |q|·|x|: the least |x| of a panel makes a limit of it.
 * The k·2^-149 of its score are less than 2^-39 in units of steps, and in the other 1.
 *
 * The items of a panel share a step so that one integer limit serves all 16: next in order of
 * length, their largest coordinates are alike. Cost: O(n·k) once; a limit is some ten operations a
 * panel.
 */
#include "rank/index_impl.h"

#include <math.h>
#include <string.h>

#define RANGE 0x1p40f
#define STEP_MIN 0x1p-47
#define BEYOND 0x1p100f /* no score of items and states within RANGE */
#define LONG 0x1p60f    /* items of no length have no cosine: none reaches a limit of this */
#define DOWN(x) ((float)((x) * (1 - 0x1p-22)))           /* the float is not above x >= 0 */
#define UP(x) ((float)((x) * (1 + 0x1p-22)) + 0x1p-100f) /* the float is not below x >= 0 */

bool index_is_wild(const struct index *ix, int32_t item, float *norm)
{
    double sum = 0.0;
    bool is_wild = false;
    for (int32_t t = 0; t < ix->dims; t++) {
        float x = index_coordinate(ix, item, t);
        is_wild |= !(fabsf(x) < RANGE);
        sum += (double)x * (double)x;
    }
    *norm = is_wild ? 0.0f : UP(sqrt(sum));
    return is_wild;
}

static double step_of(float largest)
{
    double step = (double)largest / 127.0;
    return step > STEP_MIN ? step : STEP_MIN;
}

/* Nearest whole number to |x| < 128; any other within ±127 would be as correct. */
static int code_of(double x)
{
    double c = (x + 0x1.8p52) - 0x1.8p52;
    return c > 127.0 ? 127 : c < -127.0 ? -127 : (int)c;
}

static float larger(float a, float b)
{
    return a > b ? a : b;
}

static void quantise_panel(struct index *ix, int64_t panel)
{
    struct index_panels *p = &ix->panels;
    uint8_t *codes = p->codes + panel * p->quads * 4 * KERN_PANEL;
    const int32_t *items = p->ids + panel * KERN_PANEL;
    int32_t n = 0;
    float largest = 0.0f, norm = 0.0f;
    double rest = 0.0, length = 0.0, least = INFINITY;
    memset(codes, 128, (size_t)(p->quads * 4 * KERN_PANEL));
    while (n < KERN_PANEL && items[n] >= 0)
        n++;
    for (int32_t i = 0; i < n; i++)
        for (int32_t t = 0; t < ix->dims; t++)
            largest = larger(largest, fabsf(index_coordinate(ix, items[i], t)));
    double step = step_of(largest);
    for (int32_t i = 0; i < n; i++) {
        double e2 = 0.0, c2 = 0.0, x2 = 0.0;
        float own;
        for (int32_t t = 0; t < ix->dims; t++) {
            double x = (double)index_coordinate(ix, items[i], t);
            x2 += t < ix->v.k ? x * x : 0.0;
            x /= step;
            int c = code_of(x);
            e2 += (x - c) * (x - c);
            c2 += (double)(c * c);
            codes[(t / 4 * KERN_PANEL + i) * 4 + t % 4] = (uint8_t)(c + 128);
        }
        index_is_wild(ix, items[i], &own);
        rest = e2 > rest ? e2 : rest;
        length = c2 > length ? c2 : length;
        least = x2 > 0.0 && x2 < least ? x2 : least;
        norm = larger(norm, own);
    }
    p->inverse[panel] = (float)(1.0 / step);
    /* in double x/step - c errs by 127·2^-52 a coordinate, which the float's slack covers */
    p->rest[panel] = UP(sqrt(rest) + sqrt((double)ix->dims) * 0x1p-40);
    p->length[panel] = UP(sqrt(length));
    p->norm[panel] = norm;
    p->least[panel] = least < (double)INFINITY ? DOWN(sqrt(least)) : LONG;
}

void index_quantise(struct index *ix, int64_t lo, int64_t hi)
{
    for (int64_t p = lo; p < hi; p++)
        quantise_panel(ix, p);
}

void index_encode(const struct index *ix, const struct index_ask *ask, int8_t *code,
                  struct index_code *out)
{
    const float *state = ask->state;
    int32_t k = ix->v.k, n = ask->norm ? k : ix->dims;
    float largest = n > k ? 1.0f : 0.0f;
    double norm = n > k ? 1.0 : 0.0, rest = 0.0;
    int64_t sum = 0;
    memset(out, 0, sizeof *out);
    memset(code, 0, (size_t)(ix->panels.quads * 4));
    for (int32_t t = 0; t < k; t++) {
        out->is_wild |= !(fabsf(state[t]) < RANGE);
        largest = larger(largest, fabsf(state[t]));
        norm += (double)state[t] * (double)state[t];
    }
    out->is_zero = largest == 0.0f && !out->is_wild;
    if (out->is_wild)
        return;
    double step = step_of(largest);
    for (int32_t t = 0; t < n; t++) {
        double x = (double)(t < k ? state[t] : 1.0f) / step;
        int c = code_of(x);
        code[t] = (int8_t)c;
        sum += c;
        rest += (x - c) * (x - c);
    }
    double u = 0x1p-24 * k / (1 - 0x1p-24 * k);
    double steps = sqrt(norm) * (1 + 0x1p-40) / step; /* |q|/g */
    out->step = step;
    out->norm = sqrt(norm) * (1 + 0x1p-40);
    out->factor = 1 + u;
    out->round = k * 0x1p-149;
    out->rest = UP((1 + u) * steps);
    out->length = UP(sqrt(rest) + sqrt((double)n) * 0x1p-40 + u * steps);
    out->offset = (int32_t)(128 * sum);
    out->is_cosine = ask->norm != NULL;
    out->own = ask->own * (1 - 0x1p-40);
}

/*
 * What a score must reach for each panel's items, as a factor of `length` (n): a cosine of `bound`
 * or more, once rounded, is a score of at least bound·(1 - 2^-22)·|q|·|x|.
 */
static float reach_of(const struct index_code *c, float bound)
{
    double score = c->is_cosine ? (double)bound * (1 - 0x1p-22) * c->own : (double)bound - c->round;
    return (float)(score / c->step);
}

/* Sums of codes are within ±2^30, so that a limit beyond is one at it; offsets fit in the rest. */
void index_limits(const struct index *ix, const struct index_code *c, float bound, int64_t lo,
                  int64_t n, int32_t *least)
{
    const float *inverse = ix->panels.inverse + lo;
    const float *rest = ix->panels.rest + lo;
    const float *length = ix->panels.length + lo;
    const float *norm = ix->panels.least + lo;
    bool is_open = c->is_cosine && !(bound > 0.0f); /* the longest item decides there: all pass */
    if (!(fabsf(bound) < BEYOND) || is_open) {      /* of a wild item, or none yet */
        for (int64_t p = 0; p < n; p++)
            least[p] = bound > 0.0f ? INT32_MAX : INT32_MIN;
        return;
    }
    float reach = reach_of(c, bound);
    for (int64_t p = 0; p < n; p++) {
        float high = reach * inverse[p] * (c->is_cosine ? norm[p] : 1.0f);
        float error = c->rest * rest[p] + c->length * length[p];
        float limit = (high - error) - ((fabsf(high) + error) * 0x1p-20f + 2.0f);
        limit = limit > 1073741824.0f ? 1073741824.0f : limit;
        limit = limit < -1073741824.0f ? -1073741824.0f : limit;
        least[p] = (int32_t)limit + c->offset; /* towards 0: below 0 that is up, by less than 1 */
    }
}
