/*
 * Kernels: the arithmetic under everything, behind one table of function pointers.
 *
 * One arithmetic (the promise "same bits on any CPU" rests on it): each result has one written
 * order of fused multiply-adds, given below; `ref` is scalar fmaf in that order, the others
 * vectorise across outputs or lanes and give the same bits. Tests compare bits, with NaN, denormals
 * and every tail length among the inputs. No -ffast-math, no FTZ, no libm beyond sqrt and fma.
 *
 * All pointers may be unaligned; matrices are row-major; n, m, k >= 0. Inputs and outputs do not
 * overlap unless said. NaN agrees in being NaN, not in its payload. Nothing allocates; syrk uses
 * 128 KiB of stack, chol 32 KiB. Any number of threads may call at once, each on its own outputs.
 */
#ifndef AKIN_KERN_KERN_H
#define AKIN_KERN_KERN_H

#include "core/ctx.h"

#include <stddef.h>
#include <stdint.h>

enum { KERN_PANEL = 16 }; /* columns of a packed panel, on every ISA */

/* One step of stochastic gradient descent: a row of P, one of Q, and what the loss asks for. */
struct kern_sample {
    int32_t p, q;
    union {
        float target;  /* sgd_ratings */
        int32_t other; /* sgd_pairs: a second row of Q, not q */
    } u;
};

/*
 * What the steps change: rows of k floats, k a multiple of KERN_PANEL. Per coordinate a step of
 * size rate along the gradient and a share keep of what was there; rate 0 and keep 1 hold a
 * coordinate. Vectors (k).
 */
struct kern_sgd {
    int64_t k;
    float *P, *Q; /* (.., k) row-major */
    const float *rate_p, *keep_p, *rate_q, *keep_q;
    const float *floor; /* the least value of a coordinate, NULL = none (sgd_ratings) */
};

/* A step of Adam (Kingma, Ba 2015): shares kept of gradients and their squares, and what undoes
 * their start from 0. */
struct kern_adam {
    float rate, momentum, momentum2;
    float decay;      /* L2 of w */
    float fix1, fix2; /* 1 / (1 - momentum^steps), the same of momentum2 */
};
#define KERN_ADAM_TINY 1e-8F /* beside the root of a square */

struct kern {
    const char *isa;

    /* Σ a[i]·b[i]: 16 lanes, lane = i mod 16, each an fma chain from 0; then the fold
     * 8+8, 4+4, 2+2, 1+1 (lane j += lane j + w/2). */
    float (*dot)(const float *a, const float *b, int64_t n);
    /* y[i] = fma(alpha, x[i], y[i]) */
    void (*axpy)(float alpha, const float *x, float *y, int64_t n);
    /* y[i] = alpha · y[i] */
    void (*scale)(float alpha, float *y, int64_t n);
    /* Σ (double)a[i]·b[i], 8 lanes of double, lane = i mod 8, fold 4+4, 2+2, 1+1 */
    double (*dot64)(const float *a, const float *b, int64_t n);

    /*
     * Packs B (n, k; row stride ldb) into panels of 16 rows: panel p is (k, 16), element (t, j) =
     * B[16p + j][t], zeros past n. out holds kern_packed_size(n, k) floats.
     */
    void (*pack)(const float *B, int64_t ldb, int64_t n, int64_t k, float *out);
    /*
     * C (m, n; ldc) = [C +] A (m, k; lda) · Bᵀ with B packed. Per output one fma chain over
     * t = 0..k-1, started from C when accumulate, else from 0.
     */
    void (*gemm)(int64_t m, int64_t n, int64_t k, const float *A, int64_t lda, const float *packed,
                 float *C, int64_t ldc, int accumulate);

    /*
     * Symmetric rank update, lower triangle (row >= column) of A (k, k; lda):
     * A[i][j] = chain over r = 0..n-1 of fma(w[r]·x_r[i], x_r[j], A[i][j]), x_r = X + rows[r]·ldx
     * (rows NULL: r itself); w NULL = 1. Above the diagonal A is scratch, here and in chol: an ISA
     * may write anything there, so callers never read it. Columns from k on are not touched.
     */
    void (*syrk)(int64_t k, int64_t n, const float *X, int64_t ldx, const int32_t *rows,
                 const float *w, float *A, int64_t lda);

    /*
     * What least squares over gathered rows leaves, y += XᵀW(t - X·v): y[i] = chain over r = 0..n-1
     * of fma(w[r]·(t[r] - dot(x_r, v)), x_r[i], y[i]), x_r = X + rows[r]·ldx, v and y (k);
     * w NULL = 1, t NULL = 0.
     */
    void (*residual)(int64_t k, int64_t n, const float *X, int64_t ldx, const int32_t *rows,
                     const float *w, const float *t, const float *v, float *y);

    /*
     * Cholesky A = L·Lᵀ in place, lower triangle (k, k; lda). Order: right-looking by columns is
     * not prescribed; each element's chain is over t = 0..j-1 of fma(-L[i][t], L[j][t], A[i][j]),
     * then division by L[j][j] (sqrt on the diagonal). Returns 0, or j+1 for the first pivot that
     * is not > 0 (or NaN); A is then partly overwritten. Made for k up to about 1000: each 32
     * columns read all of L before them.
     */
    int (*chol)(int64_t k, float *A, int64_t lda);
    /* Solves L·Lᵀ·x = b in place (b (k)); forward chains over t ascending, backward over t
     * descending, each fma(-L[..], x[t], b[i]), then a division. */
    void (*chol_solve)(int64_t k, const float *L, int64_t lda, float *b);

    /* Exact integer dot of unsigned 8-bit by signed 8-bit; n <= 65536, any order gives the same. */
    int32_t (*dot_u8s8)(const uint8_t *a, const int8_t *b, int64_t n);

    /*
     * Which rows of bytes reach a limit: rows in panels of 16, panel p (quads, 16, 4) at
     * panels + p·64·quads; bit i of hits[j·n + p] = (row 16p + i) · (a + j·4·quads) >=
     * least[j·n + p], for m vectors a and n panels. Exact integers; 4·quads <= 65536. Asked of
     * one vector it reads the panels once in order, at the speed of memory.
     */
    void (*scan_u8s8)(int64_t m, int64_t n, int64_t quads, const int8_t *a, const uint8_t *panels,
                      const int32_t *least, uint16_t *hits);

    /*
     * Indices i of x[0..n) with x[i] > bound, ascending, into out (room for n); returns how many.
     * NaN never passes.
     */
    int64_t (*scan_above)(const float *x, int64_t n, float bound, int32_t *out);

    /* out[j] = how many bits are set in both a (words) and row j of rows (n, words). Exact. */
    void (*bits_meet)(int64_t words, int64_t n, const uint64_t *a, const uint64_t *rows,
                      int32_t *out);
    /*
     * The bits of row at which mask is set, one after another from bit 0 of out on; zeros fill its
     * last word, the ceil(bits of mask / 64)-th. mask, row (words).
     */
    void (*bits_pick)(int64_t words, const uint64_t *mask, const uint64_t *row, uint64_t *out);

    /* Element-wise, y may be x. Polynomials of kern/math.h; within 2 ulp; exact at 0. */
    void (*vexp)(const float *x, float *y, int64_t n);
    void (*vlog)(const float *x, float *y, int64_t n);
    void (*vtanh)(const float *x, float *y, int64_t n);

    /* out[i] += alpha · x[j] for i = idx[j], j ascending: acc[idx[j]] = fma(alpha, x[j], acc[..]);
     * idx distinct within a call. */
    void (*scatter)(float alpha, const int32_t *idx, const float *x, int64_t n, float *acc);

    /*
     * Element by element, each operation rounded (no fma): x = g + decay·w,
     * a = momentum·a + (1 - momentum)·x, b = momentum2·b + ((1 - momentum2)·x)·x,
     * w -= (rate·(a·fix1)) / (sqrt(b·fix2) + KERN_ADAM_TINY).
     */
    void (*adam)(const struct kern_adam *r, int64_t n, float *w, const float *g, float *a,
                 float *b);

    /*
     * Steps of squared error, sample by sample: e = target - dot(p, q), then from the old p and q
     * p[i] = fma(e·rate_p[i], q[i], keep_p[i]·p[i]), q[i] = fma(e·rate_q[i], p[i], keep_q[i]·q[i]),
     * either brought up to floor[i] where it is less. Returns Σ (double)e·e in order.
     */
    double (*sgd_ratings)(const struct kern_sgd *s, int64_t n, const struct kern_sample *sample);
    /*
     * Steps of ln(1 + exp(-x)), x = dot(p, d), d[i] = q[i] - other[i]: z = 1 / (1 + exp(x)), then
     * from the old rows p[i] = fma(z·rate_p[i], d[i], keep_p[i]·p[i]),
     * q[i] = fma(z·rate_q[i], p[i], keep_q[i]·q[i]),
     * other[i] = fma(-(z·rate_q[i]), p[i], keep_q[i]·other[i]). Returns Σ (double)z in order.
     */
    double (*sgd_pairs)(const struct kern_sgd *s, int64_t n, const struct kern_sample *sample);
};

/* Floats that pack() writes. */
static inline int64_t kern_packed_size(int64_t n, int64_t k)
{
    return (n + KERN_PANEL - 1) / KERN_PANEL * KERN_PANEL * k;
}

/* "ref", "avx2", "avx512", "neon", or NULL for the best here. Sets ctx->kern. Fails: E_ARG with
 * the list of what this CPU has. */
akin_status kern_select(akin_ctx *ctx, const char *isa, akin_error *err);
/* The table by name if it is built in and this CPU can run it, else NULL. kern_names(i): the
 * names that are built in, NULL past the end; the best is last. */
const struct kern *kern_find(const char *isa);
const char *kern_names(size_t index);

#endif
