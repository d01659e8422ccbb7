/*
 * Statistics of the report. Every sum runs in index order over all of its numbers, so that it has
 * one value whatever the machine.
 *
 * Cost: ordering n log n with 8 bytes a number; the rest one or two passes. Quantiles of floats are
 * selected by counting (65,536 classes of the upper half of the bits, then of the lower half)
 * instead of sorting, because there may be as many as events.
 * Paper: Hyndman & Fan, Sample Quantiles in Statistical Packages, Am. Stat. 50 (1996), type 7,
 * doi:10.1080/00031305.1996.10473566.
 * Not done: confidence intervals; the numbers describe the data at hand, they are no sample of it.
 */
#include "report/stats.h"

#include <math.h>
#include <string.h>

enum { POLL_EVERY = 1 << 20 };

akin_status report_order(akin_ctx *ctx, int64_t n, const double *key, int32_t *order,
                         akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t *other = NULL;
    MEM_NEW(ctx, other, n);
    int32_t *from = order, *to = other;
    for (int64_t i = 0; i < n; i++)
        order[i] = (int32_t)i;
    for (int64_t width = 1; width < n; width *= 2) {
        int64_t polled = 0;
        for (int64_t lo = 0; lo < n; lo += 2 * width) {
            int64_t mid = lo + width < n ? lo + width : n;
            int64_t hi = lo + 2 * width < n ? lo + 2 * width : n;
            int64_t a = lo, b = mid;
            for (int64_t i = lo; i < hi; i++) {
                bool left = a < mid && (b >= hi || key[from[a]] <= key[from[b]]);
                to[i] = left ? from[a++] : from[b++];
            }
            if (hi - polled >= POLL_EVERY) {
                AKIN_TRY(ctx_check(ctx, err));
                polled = hi;
            }
        }
        int32_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != order)
        memcpy(order, from, (size_t)n * sizeof *order);
done:
    mem_free(ctx, other);
    return status;
}

akin_status report_ranks(akin_ctx *ctx, int64_t n, const double *key, double *rank, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t *order = NULL;
    MEM_NEW(ctx, order, n);
    AKIN_TRY(report_order(ctx, n, key, order, err));
    for (int64_t lo = 0, hi; lo < n; lo = hi) {
        hi = lo + 1;
        while (hi < n && key[order[hi]] <= key[order[lo]])
            hi++;
        double mean = ((double)lo + (double)hi + 1.0) / 2.0; /* of ranks lo + 1 .. hi */
        for (int64_t i = lo; i < hi; i++)
            rank[order[i]] = mean;
    }
done:
    mem_free(ctx, order);
    return status;
}

double report_quantile(const double *sorted, int64_t n, double q)
{
    if (n == 0)
        return (double)NAN;
    double at = q * (double)(n - 1);
    int64_t lo = (int64_t)at;
    if (lo >= n - 1)
        return sorted[n - 1];
    return sorted[lo] + (at - (double)lo) * (sorted[lo + 1] - sorted[lo]);
}

void report_summarize(const double *sorted, int64_t n, struct report_summary *out)
{
    double sum = 0.0, square = 0.0;
    *out = (struct report_summary){.n = n};
    for (int64_t i = 0; i < n; i++)
        sum += sorted[i];
    out->mean = n > 0 ? sum / (double)n : (double)NAN;
    for (int64_t i = 0; i < n; i++)
        square += (sorted[i] - out->mean) * (sorted[i] - out->mean);
    out->sd = n > 1 ? sqrt(square / (double)(n - 1)) : (double)NAN;
    out->lo = report_quantile(sorted, n, 0.0);
    out->q01 = report_quantile(sorted, n, 0.01);
    out->q25 = report_quantile(sorted, n, 0.25);
    out->median = report_quantile(sorted, n, 0.5);
    out->q75 = report_quantile(sorted, n, 0.75);
    out->q90 = report_quantile(sorted, n, 0.9);
    out->q99 = report_quantile(sorted, n, 0.99);
    out->hi = report_quantile(sorted, n, 1.0);
}

/* ---- floats by selection ---- */

enum { HALF = 1 << 16 };

/* Bits whose unsigned order is that of the numbers. */
static uint32_t float_key(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits & 0x80000000U ? ~bits : bits | 0x80000000U;
}

static float key_float(uint32_t key)
{
    uint32_t bits = key & 0x80000000U ? key & 0x7FFFFFFFU : ~key;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The class that holds rank `at` (from 0); *at becomes the rank within it. */
static uint32_t class_of(const int64_t *count, int64_t *at)
{
    uint32_t c = 0;
    while (c < HALF - 1 && *at >= count[c])
        *at -= count[c++];
    return c;
}

struct selection {
    akin_ctx *ctx;
    const float *x;
    int64_t n;
    int64_t *upper; /* (HALF) numbers by the upper half of their key */
    int64_t *lower; /* (HALF) those of one upper class, by the lower half */
    int64_t filled; /* the upper class that `lower` is of, -1 = none */
};

static akin_status count_class(struct selection *s, int64_t upper, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t *count = upper < 0 ? s->upper : s->lower;
    memset(count, 0, HALF * sizeof *count);
    for (int64_t i = 0; i < s->n; i++) {
        uint32_t key = float_key(s->x[i]);
        if (upper < 0)
            count[key >> 16]++;
        else if ((int64_t)(key >> 16) == upper)
            count[key & (HALF - 1)]++;
        if (i % POLL_EVERY == 0)
            AKIN_TRY(ctx_check(s->ctx, err));
    }
    s->filled = upper;
done:
    return status;
}

static akin_status select_rank(struct selection *s, int64_t at, double *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    uint32_t upper = class_of(s->upper, &at);
    if (s->filled != (int64_t)upper)
        AKIN_TRY(count_class(s, upper, err));
    *out = (double)key_float(upper << 16 | class_of(s->lower, &at));
done:
    return status;
}

static akin_status select_quantile(struct selection *s, double q, double *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    double pair[2] = {0.0, 0.0};
    double at = q * (double)(s->n - 1);
    int64_t lo = (int64_t)at;
    AKIN_TRY(select_rank(s, lo, &pair[0], err));
    pair[1] = pair[0];
    if (lo + 1 < s->n)
        AKIN_TRY(select_rank(s, lo + 1, &pair[1], err));
    *out = pair[0] + (at - (double)lo) * (pair[1] - pair[0]);
done:
    return status;
}

static akin_status moments_of(akin_ctx *ctx, const float *x, int64_t n, struct report_summary *out,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    double sum = 0.0, square = 0.0;
    for (int64_t i = 0; i < n; i++) {
        sum += (double)x[i];
        if (i % POLL_EVERY == 0)
            AKIN_TRY(ctx_check(ctx, err));
    }
    out->mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++) {
        square += ((double)x[i] - out->mean) * ((double)x[i] - out->mean);
        if (i % POLL_EVERY == 0)
            AKIN_TRY(ctx_check(ctx, err));
    }
    out->sd = n > 1 ? sqrt(square / (double)(n - 1)) : (double)NAN;
done:
    return status;
}

akin_status report_summarize_floats(akin_ctx *ctx, const float *x, int64_t n,
                                    struct report_summary *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct selection s = {.ctx = ctx, .x = x, .n = n, .filled = -1};
    if (n == 0) {
        report_summarize(NULL, 0, out);
        return AKIN_OK;
    }
    *out = (struct report_summary){.n = n};
    MEM_NEW(ctx, s.upper, HALF);
    MEM_NEW(ctx, s.lower, HALF);
    AKIN_TRY(moments_of(ctx, x, n, out, err));
    AKIN_TRY(count_class(&s, -1, err));
    const struct {
        double q;
        double *out;
    } wanted[] = {{0.0, &out->lo},   {0.01, &out->q01}, {0.25, &out->q25}, {0.5, &out->median},
                  {0.75, &out->q75}, {0.9, &out->q90},  {0.99, &out->q99}, {1.0, &out->hi}};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        AKIN_TRY(select_quantile(&s, wanted[i].q, wanted[i].out, err));
done:
    mem_free(ctx, s.upper);
    mem_free(ctx, s.lower);
    return status;
}

/* ---- two variables ---- */

double report_pearson(int64_t n, const double *x, const double *y)
{
    double sx = 0.0, sy = 0.0, xx = 0.0, yy = 0.0, xy = 0.0;
    if (n < 2)
        return (double)NAN;
    for (int64_t i = 0; i < n; i++) {
        sx += x[i];
        sy += y[i];
    }
    double mx = sx / (double)n, my = sy / (double)n;
    for (int64_t i = 0; i < n; i++) {
        double dx = x[i] - mx, dy = y[i] - my;
        xx += dx * dx;
        yy += dy * dy;
        xy += dx * dy;
    }
    return xx > 0.0 && yy > 0.0 ? xy / (sqrt(xx) * sqrt(yy)) : (double)NAN;
}

double report_partial(double xy, double xz, double yz)
{
    double rest = (1.0 - xz * xz) * (1.0 - yz * yz);
    return rest > 0.0 ? (xy - xz * yz) / sqrt(rest) : (double)NAN;
}

double report_gini(const double *sorted, int64_t n)
{
    double sum = 0.0, weighted = 0.0;
    for (int64_t i = 0; i < n; i++) {
        sum += sorted[i];
        weighted += (2.0 * (double)(i + 1) - (double)n - 1.0) * sorted[i];
    }
    return sum > 0.0 ? weighted / ((double)n * sum) : (double)NAN;
}
