/*
 * A fixed battery of inputs for one kernel table: every kernel, tails of every length, special
 * values, long sums; each output goes to a sink. test_kern.c compares the sinks of two tables bit
 * by bit, kern_cross.c prints a digest that must be the same on every machine.
 *
 * Outputs have guard floats around them, which are part of what the sink gets; triangles that are
 * not to be read hold NaN. A NaN is one value here, whatever its payload.
 */
#ifndef AKIN_TESTS_KERN_BATTERY_H
#define AKIN_TESTS_KERN_BATTERY_H

#include "kern/kern.h"
#include "kern/math.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Gets one result: its kernel, the case's numbers, 32-bit words. */
struct sink {
    void (*put)(struct sink *sink, const char *kernel, int64_t a, int64_t b, uint32_t word);
    const char *kernel;
    int64_t a, b;
};

struct battery {
    const struct kern *kern;
    struct sink *sink;
    uint64_t state;
};

enum { N_MODES = 4, GUARD = 8 };

static inline uint64_t battery_next(struct battery *bat)
{
    bat->state += 0x9e3779b97f4a7c15u;
    uint64_t z = bat->state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline float battery_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* mode 0: [-1, 1); 1: any exponent in ±2^60; 2: products that underflow; 3: special values. */
static inline float battery_float(struct battery *bat, int mode)
{
    static const uint32_t special[] = {0x7fc00000, 0xffc00000, 0x7f800000, 0xff800000, 0x00000000,
                                       0x80000000, 0x00000001, 0x80000001, 0x007fffff, 0x00800000,
                                       0x7f7fffff, 0xff7fffff, 0x3f800000, 0xbf800000, 0x42b17218,
                                       0xc2cff1b5, 0x3f3504f3, 0x3f200000, 0x4b400000, 0xc1200000};
    uint64_t r = battery_next(bat);
    float unit = (float)((int64_t)(r >> 40) - (1 << 23)) * 0x1p-23f;
    if (mode == 3)
        return (r & 7) == 0 ? battery_bits(special[(r >> 8) % (sizeof special / sizeof *special)])
                            : unit * 4.0f;
    if (mode == 0)
        return unit;
    int e = (int)(r & 127) % 121 - 60;
    return ldexpf(unit, mode == 1 ? e : e / 8 - 70);
}

static inline void battery_fill(struct battery *bat, int mode, float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = battery_float(bat, mode);
}

static inline void battery_case(struct battery *bat, const char *kernel, int64_t a, int64_t b)
{
    bat->sink->kernel = kernel;
    bat->sink->a = a;
    bat->sink->b = b;
}

static inline void battery_word(struct battery *bat, uint32_t word)
{
    bat->sink->put(bat->sink, bat->sink->kernel, bat->sink->a, bat->sink->b, word);
}

static inline void battery_put(struct battery *bat, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t word = 0x7fc00000;
        if (x[i] == x[i])
            memcpy(&word, &x[i], sizeof word);
        battery_word(bat, word);
    }
}

static inline void battery_put_double(struct battery *bat, double x)
{
    uint64_t word = 0x7ff8000000000000u;
    if (x == x)
        memcpy(&word, &x, sizeof word);
    battery_word(bat, (uint32_t)word);
    battery_word(bat, (uint32_t)(word >> 32));
}

/* Rows [0, m) of C (ldc), columns up to the diagonal only if lower, then the rest to ldc. */
static inline void battery_put_matrix(struct battery *bat, const float *C, int64_t m, int64_t n,
                                      int64_t ldc, bool lower)
{
    for (int64_t i = 0; i < m; i++) {
        battery_put(bat, C + i * ldc, lower ? i + 1 : n);
        battery_put(bat, C + i * ldc + n, ldc - n);
    }
}

static inline void battery_vectors(struct battery *bat, int64_t n, int mode)
{
    enum { MAX = 1100 };
    static const char *const names[] = {"axpy", "scale", "vexp", "vlog", "vtanh"};
    const struct kern *k = bat->kern;
    float x[MAX], y[MAX], z[MAX];
    int64_t at = n % 5; /* unaligned */
    battery_fill(bat, mode, x, MAX);
    battery_fill(bat, mode, y, MAX);
    battery_case(bat, "dot", n, mode);
    float sum = k->dot(x + at, y + at, n);
    battery_put(bat, &sum, 1);
    battery_case(bat, "dot64", n, mode);
    battery_put_double(bat, k->dot64(x + at, y + at, n));
    float alpha = battery_float(bat, mode);
    for (int f = 0; f < 5; f++) {
        memcpy(z, y, sizeof z);
        battery_case(bat, names[f], n, mode);
        if (f == 0)
            k->axpy(alpha, x + 1, z + at, n);
        else if (f == 1)
            k->scale(alpha, z + at, n);
        else if (f == 2)
            k->vexp(x + 1, z + at, n);
        else if (f == 3)
            k->vlog(x + 1, z + at, n);
        else
            k->vtanh(z + at, z + at, n); /* in place */
        battery_put(bat, z, at + n + GUARD);
    }
}

/* Every product underflows to -0, so that the sum is -0 once all lanes have seen one. */
static inline void battery_negative_zero(struct battery *bat, int64_t n)
{
    float x[80], y[80];
    for (int i = 0; i < 80; i++) {
        x[i] = 1e-30f;
        y[i] = -1e-30f;
    }
    battery_case(bat, "dot of -0", n, 0);
    float sum = bat->kern->dot(x, y, n);
    battery_put(bat, &sum, 1);
}

static inline void battery_indexed(struct battery *bat, int64_t n, int mode)
{
    enum { MAX = 1100 };
    float x[MAX], acc[MAX];
    int32_t idx[MAX];
    battery_fill(bat, mode, x, MAX);
    battery_fill(bat, mode, acc, MAX);
    battery_case(bat, "scan_above", n, mode);
    for (int64_t i = 0; i < MAX; i++)
        idx[i] = -7;
    const float bound = mode == 1 ? 1.0f : 0.25f;
    for (int64_t i = 0; i < MAX; i += 9)
        x[i] = bound; /* equal is not above */
    int64_t found = bat->kern->scan_above(x + n % 3, n, bound, idx);
    battery_word(bat, (uint32_t)found);
    for (int64_t i = 0; i < found; i++)
        battery_word(bat, (uint32_t)idx[i]);
    for (int64_t i = n; i < n + GUARD; i++)
        battery_word(bat, (uint32_t)idx[i]);
    battery_case(bat, "scatter", n, mode);
    for (int64_t i = 0; i < n; i++) /* distinct: 7 and MAX have no common factor */
        idx[i] = (int32_t)(i * 7 % MAX);
    bat->kern->scatter(0.75f, idx, x, n, acc);
    battery_put(bat, acc, MAX);
}

static inline void battery_adam(struct battery *bat, int64_t n, int mode)
{
    enum { MAX = 300 };
    float x[4][MAX + GUARD];
    for (int r = 0; r < 4; r++)
        battery_fill(bat, mode, x[r], MAX + GUARD);
    for (int64_t i = 0; i < n && mode < 3; i++)
        x[3][i] = fabsf(x[3][i]); /* squares */
    const struct kern_adam step = {.rate = 0.005F,
                                   .momentum = 0.9F,
                                   .momentum2 = 0.999F,
                                   .decay = mode == 0 ? 0.0F : 0.01F,
                                   .fix1 = 1.1F,
                                   .fix2 = 700.0F};
    battery_case(bat, "adam", n, mode);
    bat->kern->adam(&step, n, x[0], x[1], x[2], x[3]);
    for (int r = 0; r < 4; r++)
        battery_put(bat, x[r], n + GUARD);
}

static inline void battery_bytes(struct battery *bat, int64_t n, bool extreme)
{
    uint8_t *a = malloc((size_t)n + 1);
    int8_t *b = malloc((size_t)n + 1);
    if (!a || !b)
        abort();
    for (int64_t i = 0; i < n; i++) {
        uint64_t r = battery_next(bat);
        a[i] = extreme ? 255 : (uint8_t)r;
        b[i] = (int8_t)(extreme ? -128 : (int)(r >> 8 & 255) - 128);
    }
    battery_case(bat, "dot_u8s8", n, extreme);
    battery_word(bat, (uint32_t)bat->kern->dot_u8s8(a, b, n));
    free(a);
    free(b);
}

/* Limits near the sums, so that both answers are common; extreme: all bytes at the ends. */
static inline void battery_scan(struct battery *bat, int64_t m, int64_t n, int64_t quads,
                                bool extreme)
{
    int64_t k = quads * 4;
    int8_t *a = malloc((size_t)(m * k) + 1);
    uint8_t *x = malloc((size_t)(n * k * KERN_PANEL) + 1);
    int32_t *least = malloc((size_t)(m * n + 1) * sizeof *least);
    uint16_t *hits = malloc((size_t)(m * n + 1) * sizeof *hits);
    if (!a || !x || !least || !hits)
        abort();
    for (int64_t i = 0; i < m * k; i++)
        a[i] = (int8_t)(extreme ? -128 : (int)(battery_next(bat) & 255) - 128);
    for (int64_t i = 0; i < n * k * KERN_PANEL; i++)
        x[i] = extreme ? 255 : (uint8_t)battery_next(bat);
    for (int64_t j = 0; j < m; j++)
        for (int64_t p = 0; p < n; p++) {
            int64_t row = (int64_t)(battery_next(bat) % KERN_PANEL);
            int32_t sum = 0; /* of one row: the limit is that, or next to it */
            for (int64_t t = 0; t < k; t++)
                sum += (int32_t)x[p * k * KERN_PANEL + (t / 4 * KERN_PANEL + row) * 4 + t % 4] *
                       a[j * k + t];
            uint64_t r = battery_next(bat);
            least[j * n + p] = r % 16 == 0   ? INT32_MIN
                               : r % 16 == 1 ? INT32_MAX
                                             : sum + (int32_t)(r >> 8 & 3) - 1;
        }
    hits[m * n] = 0x5a5a;
    battery_case(bat, "scan_u8s8", m * 1000 + n, quads);
    bat->kern->scan_u8s8(m, n, quads, a, x, least, hits);
    for (int64_t i = 0; i <= m * n; i++)
        battery_word(bat, hits[i]);
    free(a);
    free(x);
    free(least);
    free(hits);
}

/* Words of all ones, of none and of any bits; rows that share much with a and rows that do not. */
static inline void battery_bit_rows(struct battery *bat, int64_t words, int64_t n)
{
    uint64_t *a = malloc((size_t)(words + 1) * sizeof *a);
    uint64_t *rows = malloc((size_t)(words * n + 1) * sizeof *rows);
    uint64_t *picked = malloc((size_t)(words + 1) * sizeof *picked);
    int32_t *out = malloc((size_t)(n + 1) * sizeof *out);
    if (!a || !rows || !picked || !out)
        abort();
    for (int64_t t = 0; t < words; t++) {
        uint64_t r = battery_next(bat) % 8;
        a[t] = r == 0 ? 0 : r == 1 ? UINT64_MAX : r < 4 ? (uint64_t)1 << r * 21 : battery_next(bat);
    }
    for (int64_t t = 0; t < words * n; t++)
        rows[t] = battery_next(bat) | (t % 3 ? 0 : battery_next(bat));
    out[n] = -7;
    battery_case(bat, "bits_meet", words, n);
    bat->kern->bits_meet(words, n, a, rows, out);
    for (int64_t j = 0; j <= n; j++)
        battery_word(bat, (uint32_t)out[j]);
    battery_case(bat, "bits_pick", words, n);
    for (int64_t j = 0; j < n; j++) {
        for (int64_t t = 0; t <= words; t++)
            picked[t] = 0x5a5a5a5a5a5a5a5aU;
        bat->kern->bits_pick(words, a, rows + j * words, picked);
        for (int64_t t = 0; t <= words; t++) {
            battery_word(bat, (uint32_t)picked[t]);
            battery_word(bat, (uint32_t)(picked[t] >> 32));
        }
    }
    free(a);
    free(rows);
    free(picked);
    free(out);
}

static inline float *battery_matrix(struct battery *bat, int mode, int64_t n)
{
    float *x = malloc((size_t)(n + 1) * sizeof *x);
    if (!x)
        abort();
    battery_fill(bat, mode, x, n);
    return x;
}

static inline void battery_gemm(struct battery *bat, int64_t m, int64_t n, int64_t k, int mode)
{
    int64_t size = kern_packed_size(n, k);
    float *A = battery_matrix(bat, mode, m * (k + 3));
    float *B = battery_matrix(bat, mode, n * (k + 2));
    float *packed = battery_matrix(bat, 0, size + GUARD);
    battery_case(bat, "pack", n, k);
    bat->kern->pack(B, k + 2, n, k, packed);
    battery_put(bat, packed, size + GUARD);
    for (int accumulate = 0; accumulate < 2; accumulate++) {
        float *C = battery_matrix(bat, mode, m * (n + 5));
        battery_case(bat, accumulate ? "gemm +" : "gemm", m * 1000 + n, k);
        bat->kern->gemm(m, n, k, A, k + 3, packed, C, n + 5, accumulate);
        battery_put_matrix(bat, C, m, n, n + 5, false);
        free(C);
    }
    free(A);
    free(B);
    free(packed);
}

static inline void battery_poison_upper(float *A, int64_t k, int64_t lda)
{
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = i + 1; j < k; j++)
            A[i * lda + j] = NAN;
}

/* variant bit 0: rows by index, bit 1: weights */
static inline void battery_syrk(struct battery *bat, int64_t k, int64_t n, int mode, int variant)
{
    int64_t lda = k + 3, ldx = k + 1;
    float *X = battery_matrix(bat, mode, (n + 1) * ldx);
    float *w = battery_matrix(bat, mode, n);
    float *A = battery_matrix(bat, mode, k * lda);
    int32_t *rows = malloc((size_t)(n + 1) * sizeof *rows);
    if (!rows)
        abort();
    for (int64_t i = 0; i < n; i++)
        rows[i] = (int32_t)(battery_next(bat) % (uint64_t)n);
    battery_poison_upper(A, k, lda);
    battery_case(bat, "syrk", k, n * 4 + variant);
    bat->kern->syrk(k, n, X, ldx, variant & 1 ? rows : NULL, variant & 2 ? w : NULL, A, lda);
    battery_put_matrix(bat, A, k, k, lda, true);
    free(X);
    free(w);
    free(A);
    free(rows);
}

/* variant bit 0: targets, bit 1: weights */
static inline void battery_residual(struct battery *bat, int64_t k, int64_t n, int mode,
                                    int variant)
{
    enum { ROWS = 40 };
    int64_t ldx = k + 1;
    float *X = battery_matrix(bat, mode, ROWS * ldx);
    float *w = battery_matrix(bat, mode, n + GUARD);
    float *t = battery_matrix(bat, mode, n + GUARD);
    float *v = battery_matrix(bat, mode, k + GUARD);
    float *y = battery_matrix(bat, mode, k + GUARD);
    int32_t *rows = malloc((size_t)(n + 1) * sizeof *rows);
    if (!rows)
        abort();
    for (int64_t i = 0; i < n; i++)
        rows[i] = (int32_t)(battery_next(bat) % ROWS);
    battery_case(bat, "residual", k, n * 4 + variant);
    bat->kern->residual(k, n, X, ldx, rows, variant & 2 ? w : NULL, variant & 1 ? t : NULL, v, y);
    battery_put(bat, y, k + GUARD);
    free(X);
    free(w);
    free(t);
    free(v);
    free(y);
    free(rows);
}

static inline void battery_all_residual(struct battery *bat)
{
    for (int64_t k = 0; k <= 70; k++) {
        battery_residual(bat, k, k % 35, (int)(k % N_MODES), (int)(k % 4));
        battery_residual(bat, k, 3, (int)((k + 1) % N_MODES), (int)(k / 8 % 4));
    }
    for (int64_t n = 0; n <= 50; n++)
        battery_residual(bat, 130, n, 0, (int)(n % 4));
}

/* variant bit 0: pairs, bit 1: a floor (ratings) */
static inline void battery_sgd(struct battery *bat, int64_t k, int64_t n, int mode, int variant)
{
    enum { ROWS = 7 };
    float *x[7]; /* P, Q, rates and keeps, floor */
    for (int i = 0; i < 7; i++)
        x[i] = battery_matrix(bat, mode, (i < 2 ? ROWS : 1) * k + GUARD);
    struct kern_sample *sample = malloc((size_t)(n + 1) * sizeof *sample);
    if (!sample)
        abort();
    for (int64_t r = 0; r < n; r++) {
        uint64_t bits = battery_next(bat);
        sample[r].p = (int32_t)(bits % ROWS);
        sample[r].q = (int32_t)((bits >> 16) % ROWS);
        sample[r].u.target = battery_float(bat, mode);
        if (variant & 1)
            sample[r].u.other = (int32_t)((bits >> 32) % ROWS);
        if (variant & 1 && sample[r].u.other == sample[r].q)
            sample[r].u.other = (sample[r].q + 1) % ROWS;
    }
    const struct kern_sgd s = {k, x[0], x[1], x[2], x[3], x[4], x[5], variant & 2 ? x[6] : NULL};
    battery_case(bat, variant & 1 ? "sgd_pairs" : "sgd_ratings", k, n * 4 + variant);
    battery_put_double(bat, variant & 1 ? bat->kern->sgd_pairs(&s, n, sample)
                                        : bat->kern->sgd_ratings(&s, n, sample));
    for (int i = 0; i < 2; i++)
        battery_put(bat, x[i], ROWS * k + GUARD);
    for (int i = 0; i < 7; i++)
        free(x[i]);
    free(sample);
}

static inline void battery_all_sgd(struct battery *bat)
{
    for (int64_t k = 0; k <= 144; k += KERN_PANEL)
        for (int mode = 0; mode < N_MODES; mode++)
            for (int variant = 0; variant < 3; variant++) {
                battery_sgd(bat, k, 1, mode, variant);
                battery_sgd(bat, k, (k / KERN_PANEL * 5 + mode) % 23, mode, variant);
            }
}

/* A positive matrix: scaled rows' products plus the unit matrix, in double, in one order. */
static inline float *battery_positive(struct battery *bat, int64_t k, int64_t lda)
{
    float *X = battery_matrix(bat, 0, k * k);
    float *A = battery_matrix(bat, 0, k * lda);
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j <= i; j++) {
            double sum = i == j ? 1.0 : 0.0;
            for (int64_t t = 0; t < k; t++)
                sum += (double)X[i * k + t] * (double)X[j * k + t];
            A[i * lda + j] = (float)sum;
        }
    battery_poison_upper(A, k, lda);
    free(X);
    return A;
}

/* spoil: -1, or the diagonal element that is made negative (even) or NaN (odd). */
static inline void battery_chol(struct battery *bat, int64_t k, int64_t spoil)
{
    int64_t lda = k + 2;
    float *A = battery_positive(bat, k, lda);
    if (spoil >= 0)
        A[spoil * lda + spoil] = spoil % 2 ? NAN : -1.0f;
    battery_case(bat, "chol", k, spoil);
    int failed = bat->kern->chol(k, A, lda);
    battery_word(bat, (uint32_t)failed);
    if (failed == 0) {
        battery_put_matrix(bat, A, k, k, lda, true);
        for (int mode = 0; mode < N_MODES; mode++) {
            float *b = battery_matrix(bat, mode, k + GUARD);
            battery_case(bat, "chol_solve", k, mode);
            bat->kern->chol_solve(k, A, lda, b);
            battery_put(bat, b, k + GUARD);
            free(b);
        }
    }
    free(A);
}

static inline void battery_all_gemm(struct battery *bat)
{
    static const int64_t sizes[] = {0, 1, 2, 3, 7, 8, 13, 15, 16, 17, 31, 32, 33, 47, 48, 70};
    enum { N = sizeof sizes / sizeof *sizes };
    for (int64_t m = 0; m <= 30; m++)
        battery_gemm(bat, m, 37, 19, (int)(m % N_MODES));
    for (int i = 0; i < N; i++) {
        battery_gemm(bat, 5, sizes[i], 21, i % N_MODES);
        battery_gemm(bat, 13, 50, sizes[i], i % N_MODES);
        battery_gemm(bat, 1, sizes[i] * 3, sizes[i], i % N_MODES);
        battery_gemm(bat, 2, sizes[i] * 3, sizes[i], i % N_MODES);
    }
    battery_gemm(bat, 205, 70, 33, 0);
    battery_gemm(bat, 14, 35, 530, 1);
}

static inline void battery_all_triangles(struct battery *bat)
{
    static const int64_t rows[] = {0, 1, 2, 7, 63, 64, 65, 130};
    for (int64_t k = 0; k <= 70; k++) {
        battery_chol(bat, k, -1);
        if (k > 0)
            battery_chol(bat, k, (int64_t)(battery_next(bat) % (uint64_t)k));
        battery_syrk(bat, k, rows[k % 8], (int)(k % 3), (int)(k / 8 % 4));
        battery_syrk(bat, k, 3, 3, (int)(k % 4));
    }
    for (int variant = 0; variant < 4; variant++) {
        battery_syrk(bat, 64, 200, 0, variant);
        battery_syrk(bat, 130, 67, 1, variant);
    }
    battery_syrk(bat, 270, 150, 0, 3);
    battery_chol(bat, 128, -1);
    battery_chol(bat, 275, -1);
    battery_chol(bat, 275, 270);
}

static inline void battery_doubles(struct battery *bat)
{
    battery_case(bat, "math", 0, 0);
    for (int i = 0; i < 2000; i++) {
        uint64_t a = battery_next(bat), b = battery_next(bat);
        double x = ((double)(a >> 11) * 0x1p-53 - 0.5) * ldexp(1.0, (int)(b % 24) - 8);
        battery_put_double(bat, kern_exp(x * 0.1));
        battery_put_double(bat, kern_log(fabs(x)));
        battery_put_double(bat, kern_log2(fabs(x)));
        battery_put_double(bat, kern_log1p(x));
        battery_put_double(bat, kern_pow(fabs(x), x * 0.01));
        battery_put_double(bat, kern_sin(x));
        battery_put_double(bat, kern_cos(x));
        battery_put_double(bat, kern_normal(a, b));
        battery_put_double(bat, kern_normal_cdf(x * 0.01));
        battery_put_double(bat, kern_normal_quantile((double)(b >> 11) * 0x1p-53));
    }
}

/* Everything; the same seed gives the same inputs on every machine. */
static inline void battery_run(const struct kern *kern, uint64_t seed, struct sink *sink)
{
    struct battery bat = {.kern = kern, .sink = sink, .state = seed};
    for (int mode = 0; mode < N_MODES; mode++) {
        for (int64_t n = 0; n <= 70; n++) {
            battery_vectors(&bat, n, mode);
            battery_indexed(&bat, n, mode);
            battery_adam(&bat, n, mode);
        }
        battery_adam(&bat, 257, mode);
        battery_vectors(&bat, 1001, mode);
        battery_indexed(&bat, 1001, mode);
    }
    for (int64_t n = 0; n <= 70; n++)
        battery_negative_zero(&bat, n);
    for (int64_t n = 0; n <= 140; n++)
        battery_bytes(&bat, n, n % 8 == 7);
    battery_bytes(&bat, 65536, true);
    battery_bytes(&bat, 5000, false);
    battery_all_gemm(&bat);
    battery_all_triangles(&bat);
    battery_all_residual(&bat);
    battery_all_sgd(&bat);
    battery_doubles(&bat);
    for (int64_t i = 0; i <= 40; i++) {
        battery_scan(&bat, i % 14, i % 11, i, false);
        battery_scan(&bat, 1, i, 16, false);
    }
    for (int64_t words = 0; words <= 20; words++)
        for (int64_t n = 0; n <= 9; n++)
            battery_bit_rows(&bat, words, n);
    battery_scan(&bat, 20, 13, 17, true);
    battery_scan(&bat, 2, 5, 16384, true);
}

#endif
