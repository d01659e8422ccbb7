/*
 * Statistics of evaluation: the percentile bootstrap over users (Efron & Tibshirani 1993, ch. 13)
 * and the Wilcoxon signed-rank test (Wilcoxon 1945; normal approximation with tie correction).
 *
 * Every metric is a ratio of two sums over users, so a resample is one row of counts and a sweep:
 * counts come from a counter-based generator keyed by the resample, so that the answer does not
 * depend on threads. Deliberately not here: BCa or studentised intervals (they need a jackknife
 * over users and move the ends by less than their Monte Carlo error at these sizes).
 */
#include "eval/stats.h"

#include "core/par.h"
#include "core/rng.h"
#include "kern/math.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 4 }; /* columns of one sweep */

struct boot {
    akin_ctx *ctx;
    int64_t n_groups;
    int32_t n_cols;   /* distinct columns */
    int32_t n_panels; /* of LANES columns */
    double *panel;    /* (n_panels, n_groups, LANES) */
    uint16_t *counts; /* (workers, n_groups) */
    double *sums;     /* (resamples, n_panels · LANES) */
    int32_t resamples;
    int32_t per_block;
};

static void boot_free(struct boot *b)
{
    mem_free(b->ctx, b->panel);
    mem_free(b->ctx, b->counts);
    mem_free(b->ctx, b->sums);
}

/*
 * How often each group is drawn in resample r: n_groups draws, four from one block of the
 * generator. key and ctr follow core/rng.h, the counter being the block's number.
 */
static void draw_counts(const struct boot *b, int64_t resample, uint16_t *counts)
{
    const uint64_t seed = b->ctx->seed;
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const uint64_t n = (uint64_t)b->n_groups;
    memset(counts, 0, (size_t)n * sizeof *counts);
    for (uint64_t i = 0; i < n; i += 4) {
        uint64_t high = (i / 4) | (uint64_t)RNG_BOOTSTRAP << 56;
        uint32_t ctr[4] = {(uint32_t)resample, (uint32_t)((uint64_t)resample >> 32), (uint32_t)high,
                           (uint32_t)(high >> 32)};
        uint32_t out[4];
        rng_philox(ctr, key, out);
        uint64_t take = n - i < 4 ? n - i : 4;
        for (uint64_t t = 0; t < take; t++)
            counts[((uint64_t)out[t] * n) >> 32]++;
    }
}

static void sweep_panel(const double *panel, const uint16_t *counts, int64_t n, double *sums)
{
    double acc[LANES] = {0};
    for (int64_t g = 0; g < n; g++) {
        double c = counts[g];
        const double *row = panel + g * LANES;
        for (int j = 0; j < LANES; j++)
            acc[j] += c * row[j];
    }
    memcpy(sums, acc, sizeof acc);
}

static akin_status boot_block(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)err;
    const struct boot *b = arg;
    uint16_t *counts = b->counts + worker * b->n_groups;
    int64_t hi = par_hi(block, b->per_block, b->resamples);
    for (int64_t r = par_lo(block, b->per_block); r < hi; r++) {
        draw_counts(b, r, counts);
        for (int32_t p = 0; p < b->n_panels; p++)
            sweep_panel(b->panel + (int64_t)p * b->n_groups * LANES, counts, b->n_groups,
                        b->sums + (r * b->n_panels + p) * LANES);
    }
    return AKIN_OK;
}

/* sums of cols (n_cols arrays of n) in each resample, into b->sums. */
static akin_status boot_run(struct boot *b, int64_t n, const double **cols, int32_t n_cols,
                            int32_t resamples, akin_error *err)
{
    akin_status status = AKIN_OK;
    b->n_groups = n < STATS_GROUPS ? n : STATS_GROUPS;
    b->n_cols = n_cols;
    b->n_panels = (n_cols + LANES - 1) / LANES;
    b->resamples = resamples;
    /* about 4 ns a draw and 1 ns a lane: keep blocks near 5 ms */
    int64_t cost = b->n_groups * (8 + 4 * (int64_t)b->n_panels);
    b->per_block = (int32_t)(cost >= 5000000 ? 1 : 5000000 / (cost + 1));
    if (b->per_block > 32)
        b->per_block = 32;
    MEM_ZERO(b->ctx, b->panel, b->n_panels * b->n_groups * LANES);
    MEM_NEW(b->ctx, b->counts, par_workers(b->ctx) * b->n_groups);
    MEM_NEW(b->ctx, b->sums, (int64_t)resamples * b->n_panels * LANES);
    for (int32_t c = 0; c < n_cols; c++) {
        double *panel = b->panel + (int64_t)(c / LANES) * b->n_groups * LANES + c % LANES;
        for (int64_t i = 0; i < n; i++)
            panel[i % b->n_groups * LANES] += cols[c][i];
    }
    AKIN_TRY(par_for(b->ctx, par_blocks(resamples, b->per_block), boot_block, b, err));
done:
    return status;
}

static double ratio_value(double num, double den, bool root)
{
    if (!(den > 0.0))
        return (double)NAN;
    double x = num / den;
    return root ? sqrt(x > 0.0 ? x : 0.0) : x;
}

static double sum_column(const double *x, int64_t n)
{
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    return sum;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double stats_quantile(const double *x, int64_t n, double q)
{
    double at = q * (double)(n - 1);
    int64_t lo = (int64_t)at;
    if (lo + 1 >= n)
        return x[n - 1];
    return x[lo] + (at - (double)lo) * (x[lo + 1] - x[lo]);
}

/* 2.5 % and 97.5 % of x (n), NaN left out; x is overwritten. */
static void interval_of(double *x, int64_t n, double *lo, double *hi)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < n; i++)
        if (x[i] == x[i])
            x[kept++] = x[i];
    *lo = *hi = (double)NAN;
    if (kept == 0)
        return;
    qsort(x, (size_t)kept, sizeof *x, compare_doubles);
    *lo = stats_quantile(x, kept, 0.025);
    *hi = stats_quantile(x, kept, 0.975);
}

/* Index of column x among cols, added if no equal one is there. */
static int32_t column_add(const double **cols, int32_t *n_cols, const double *x, int64_t n)
{
    for (int32_t c = 0; c < *n_cols; c++)
        if (cols[c] == x || memcmp(cols[c], x, (size_t)n * sizeof *x) == 0)
            return c;
    cols[*n_cols] = x;
    return (*n_cols)++;
}

akin_status stats_intervals(akin_ctx *ctx, int64_t n, struct stats_ratio *ratios, int32_t n_ratios,
                            int32_t resamples, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct boot b = {.ctx = ctx};
    const double **cols = NULL;
    int32_t *at = NULL;
    double *x = NULL;
    int32_t n_cols = 0;
    for (int32_t i = 0; i < n_ratios; i++) {
        struct stats_ratio *r = &ratios[i];
        r->value = ratio_value(sum_column(r->num, n), sum_column(r->den, n), r->root);
        r->lo = r->hi = (double)NAN;
    }
    if (resamples <= 0 || n == 0 || n_ratios == 0)
        goto done;
    MEM_NEW(ctx, cols, 2 * (int64_t)n_ratios);
    MEM_NEW(ctx, at, 2 * (int64_t)n_ratios);
    MEM_NEW(ctx, x, resamples);
    for (int32_t i = 0; i < n_ratios; i++) {
        at[2 * i] = column_add(cols, &n_cols, ratios[i].num, n);
        at[2 * i + 1] = column_add(cols, &n_cols, ratios[i].den, n);
    }
    AKIN_TRY(boot_run(&b, n, cols, n_cols, resamples, err));
    for (int32_t i = 0; i < n_ratios; i++) {
        for (int64_t r = 0; r < resamples; r++) {
            const double *sums = b.sums + r * b.n_panels * LANES;
            x[r] = ratio_value(sums[at[2 * i]], sums[at[2 * i + 1]], ratios[i].root);
        }
        interval_of(x, resamples, &ratios[i].lo, &ratios[i].hi);
    }
done:
    boot_free(&b);
    mem_free(ctx, cols);
    mem_free(ctx, at);
    mem_free(ctx, x);
    return status;
}

akin_status stats_difference(akin_ctx *ctx, int64_t n, const struct stats_ratio *a,
                             const struct stats_ratio *b, int32_t resamples, double *value,
                             double *lo, double *hi, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct boot boot = {.ctx = ctx};
    double *x = NULL;
    const double *cols[4] = {a->num, a->den, b->num, b->den};
    *value = ratio_value(sum_column(a->num, n), sum_column(a->den, n), a->root) -
             ratio_value(sum_column(b->num, n), sum_column(b->den, n), b->root);
    *lo = *hi = (double)NAN;
    if (resamples <= 0 || n == 0)
        goto done;
    MEM_NEW(ctx, x, resamples);
    AKIN_TRY(boot_run(&boot, n, cols, 4, resamples, err));
    for (int64_t r = 0; r < resamples; r++) {
        const double *s = boot.sums + r * LANES;
        x[r] = ratio_value(s[0], s[1], a->root) - ratio_value(s[2], s[3], b->root);
    }
    interval_of(x, resamples, lo, hi);
done:
    boot_free(&boot);
    mem_free(ctx, x);
    return status;
}

static int compare_magnitudes(const void *a, const void *b)
{
    double x = fabs(*(const double *)a), y = fabs(*(const double *)b);
    return (x > y) - (x < y);
}

double stats_wilcoxon(double *d, int64_t n)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < n; i++)
        if (d[i] > 0.0 || d[i] < 0.0)
            d[kept++] = d[i];
    if (kept == 0)
        return 1.0;
    qsort(d, (size_t)kept, sizeof *d, compare_magnitudes);
    double plus = 0.0, ties = 0.0, count = (double)kept;
    for (int64_t lo = 0; lo < kept;) {
        int64_t hi = lo + 1;
        while (hi < kept && fabs(d[hi]) <= fabs(d[lo]))
            hi++;
        double rank = 0.5 * (double)(lo + 1 + hi), t = (double)(hi - lo);
        for (int64_t i = lo; i < hi; i++)
            plus += d[i] > 0.0 ? rank : 0.0;
        ties += t * (t * t - 1.0);
        lo = hi;
    }
    double minus = count * (count + 1.0) / 2.0 - plus;
    double mean = count * (count + 1.0) / 4.0;
    double variance = count * (count + 1.0) * (2.0 * count + 1.0) / 24.0 - ties / 48.0;
    double z = ((plus < minus ? plus : minus) - mean) / sqrt(variance);
    double p = 2.0 * kern_normal_cdf(-fabs(z));
    return p < 1.0 ? p : 1.0;
}

/* The 0.975 quantile of Student's t: by table, then by its expansion in 1/dof (Abramowitz and
 * Stegun 26.7.5), which is within 1e-5 there. */
static double student(int64_t dof)
{
    static const double table[] = {
        12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624,
        2.306004,  2.262157, 2.228139, 2.200985, 2.178813, 2.160369, 2.144787,
        2.131450,  2.119905, 2.109816, 2.100922, 2.093024, 2.085963,
    };
    enum { N_TABLE = sizeof table / sizeof table[0] };
    static const double z = 1.959963985;
    double n = (double)dof, z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z;
    if (dof <= N_TABLE)
        return table[dof - 1];
    return z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n) +
           (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * n * n * n);
}

struct stats_mean stats_mean(const double *x, int64_t n)
{
    struct stats_mean m = {(double)NAN, (double)NAN, (double)NAN, (double)NAN};
    double sum = 0.0, squares = 0.0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    if (n > 0)
        m.value = sum / (double)n;
    for (int64_t i = 0; i < n; i++)
        squares += (x[i] - m.value) * (x[i] - m.value);
    if (n > 1) {
        m.deviation = sqrt(squares / (double)(n - 1));
        double half = student(n - 1) * m.deviation / sqrt((double)n);
        m.lo = m.value - half;
        m.hi = m.value + half;
    }
    return m;
}
