/*
 * The reference kernels: what each result is, one fmaf at a time, in the order that kern.h fixes.
 *
 * Cost: scalar; on x86-64 without -mfma every fmaf is a call into libm (correctly rounded there,
 * by an instruction or by software), so this runs at about 1 GFLOP/s. It is the yardstick of the
 * tests and the path of CPUs without FMA, not a fast path; nothing here is blocked or unrolled.
 */
#include "kern/isa.h"
#include "kern/math.h"

#include <math.h>

static float ref_fold(float *lane)
{
    for (int w = 8; w >= 1; w /= 2)
        for (int j = 0; j < w; j++)
            lane[j] += lane[j + w];
    return lane[0];
}

static float ref_dot(const float *a, const float *b, int64_t n)
{
    float lane[16] = {0};
    for (int64_t i = 0; i < n; i++)
        lane[i & 15] = fmaf(a[i], b[i], lane[i & 15]);
    return ref_fold(lane);
}

static void ref_axpy(float alpha, const float *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = fmaf(alpha, x[i], y[i]);
}

static void ref_scale(float alpha, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = alpha * y[i];
}

/* A product of two floats is exact in double, so multiply-add and fma are the same here. */
static double ref_dot64(const float *a, const float *b, int64_t n)
{
    double lane[8] = {0};
    for (int64_t i = 0; i < n; i++)
        lane[i & 7] += (double)a[i] * (double)b[i];
    for (int w = 4; w >= 1; w /= 2)
        for (int j = 0; j < w; j++)
            lane[j] += lane[j + w];
    return lane[0];
}

static void ref_pack(const float *B, int64_t ldb, int64_t n, int64_t k, float *out)
{
    for (int64_t p = 0; p < n; p += KERN_PANEL, out += KERN_PANEL * k)
        for (int64_t t = 0; t < k; t++)
            for (int64_t j = 0; j < KERN_PANEL; j++)
                out[t * KERN_PANEL + j] = p + j < n ? B[(p + j) * ldb + t] : 0.0f;
}

static void ref_gemm(int64_t m, int64_t n, int64_t k, const float *A, int64_t lda,
                     const float *packed, float *C, int64_t ldc, int accumulate)
{
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < n; j++) {
            const float *panel = packed + j / KERN_PANEL * KERN_PANEL * k + j % KERN_PANEL;
            float sum = accumulate ? C[i * ldc + j] : 0.0f;
            for (int64_t t = 0; t < k; t++)
                sum = fmaf(A[i * lda + t], panel[t * KERN_PANEL], sum);
            C[i * ldc + j] = sum;
        }
    }
}

static void ref_syrk(int64_t k, int64_t n, const float *X, int64_t ldx, const int32_t *rows,
                     const float *w, float *A, int64_t lda)
{
    for (int64_t r = 0; r < n; r++) {
        const float *x = X + (rows ? rows[r] : r) * ldx;
        for (int64_t i = 0; i < k; i++) {
            float wx = w ? w[r] * x[i] : x[i];
            for (int64_t j = 0; j <= i; j++)
                A[i * lda + j] = fmaf(wx, x[j], A[i * lda + j]);
        }
    }
}

static void ref_residual(int64_t k, int64_t n, const float *X, int64_t ldx, const int32_t *rows,
                         const float *w, const float *t, const float *v, float *y)
{
    for (int64_t r = 0; r < n; r++) {
        const float *x = X + rows[r] * ldx;
        float e = (t ? t[r] : 0.0f) - ref_dot(x, v, k);
        ref_axpy(w ? w[r] * e : e, x, y, k);
    }
}

static int ref_chol(int64_t k, float *A, int64_t lda)
{
    for (int64_t j = 0; j < k; j++) {
        const float *Lj = A + j * lda;
        for (int64_t i = j; i < k; i++) {
            float *Li = A + i * lda;
            float sum = Li[j];
            for (int64_t t = 0; t < j; t++)
                sum = fmaf(-Li[t], Lj[t], sum);
            if (i > j) {
                Li[j] = sum / Lj[j];
            } else {
                if (!(sum > 0.0f))
                    return (int)(j + 1);
                Li[j] = sqrtf(sum);
            }
        }
    }
    return 0;
}

static void ref_chol_solve(int64_t k, const float *L, int64_t lda, float *b)
{
    for (int64_t i = 0; i < k; i++) {
        float sum = b[i];
        for (int64_t t = 0; t < i; t++)
            sum = fmaf(-L[i * lda + t], b[t], sum);
        b[i] = sum / L[i * lda + i];
    }
    for (int64_t i = k - 1; i >= 0; i--) {
        float sum = b[i];
        for (int64_t t = k - 1; t > i; t--)
            sum = fmaf(-L[t * lda + i], b[t], sum);
        b[i] = sum / L[i * lda + i];
    }
}

static int32_t ref_dot_u8s8(const uint8_t *a, const int8_t *b, int64_t n)
{
    int32_t sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (int32_t)a[i] * b[i];
    return sum;
}

static void ref_scan_u8s8(int64_t m, int64_t n, int64_t quads, const int8_t *a,
                          const uint8_t *panels, const int32_t *least, uint16_t *hits)
{
    for (int64_t j = 0; j < m; j++)
        for (int64_t p = 0; p < n; p++) {
            const uint8_t *x = panels + p * quads * 4 * KERN_PANEL;
            int32_t sum[KERN_PANEL] = {0};
            for (int64_t t = 0; t < quads * 4; t++)
                for (int i = 0; i < KERN_PANEL; i++)
                    sum[i] +=
                        (int32_t)x[(t / 4 * KERN_PANEL + i) * 4 + t % 4] * a[j * quads * 4 + t];
            unsigned bits = 0;
            for (int i = 0; i < KERN_PANEL; i++)
                bits |= (unsigned)(sum[i] >= least[j * n + p]) << i;
            hits[j * n + p] = (uint16_t)bits;
        }
}

static int64_t ref_scan_above(const float *x, int64_t n, float bound, int32_t *out)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++)
        if (x[i] > bound)
            out[count++] = (int32_t)i;
    return count;
}

static void ref_bits_meet(int64_t words, int64_t n, const uint64_t *a, const uint64_t *rows,
                          int32_t *out)
{
    for (int64_t j = 0; j < n; j++) {
        out[j] = 0;
        for (int64_t t = 0; t < words; t++)
            for (uint64_t both = a[t] & rows[j * words + t]; both; both &= both - 1)
                out[j]++;
    }
}

static void ref_bits_pick(int64_t words, const uint64_t *mask, const uint64_t *row, uint64_t *out)
{
    int64_t n = 0;
    for (int64_t t = 0; t < words; t++)
        for (uint64_t left = mask[t]; left; left &= left - 1, n++) {
            if (n % 64 == 0)
                out[n / 64] = 0;
            out[n / 64] |= (row[t] >> __builtin_ctzll(left) & 1) << n % 64;
        }
}

static void ref_vexp(const float *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = kern_expf(x[i]);
}

static void ref_vlog(const float *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = kern_logf(x[i]);
}

static void ref_vtanh(const float *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = kern_tanhf(x[i]);
}

static void ref_scatter(float alpha, const int32_t *idx, const float *x, int64_t n, float *acc)
{
    for (int64_t j = 0; j < n; j++)
        acc[idx[j]] = fmaf(alpha, x[j], acc[idx[j]]);
}

/* x·keep + step·y, brought up to the floor. */
static float ref_step(float step, float y, float keep, float x, const float *floor)
{
    float out = fmaf(step, y, keep * x);
    return floor && out < *floor ? *floor : out;
}

static double ref_sgd_ratings(const struct kern_sgd *s, int64_t n, const struct kern_sample *sample)
{
    double loss = 0.0;
    for (int64_t r = 0; r < n; r++) {
        float *p = s->P + sample[r].p * s->k;
        float *q = s->Q + sample[r].q * s->k;
        float e = sample[r].u.target - ref_dot(p, q, s->k);
        for (int64_t i = 0; i < s->k; i++) {
            const float *floor = s->floor ? s->floor + i : NULL;
            float old = p[i];
            p[i] = ref_step(e * s->rate_p[i], q[i], s->keep_p[i], p[i], floor);
            q[i] = ref_step(e * s->rate_q[i], old, s->keep_q[i], q[i], floor);
        }
        loss += (double)e * (double)e;
    }
    return loss;
}

static double ref_sgd_pairs(const struct kern_sgd *s, int64_t n, const struct kern_sample *sample)
{
    double loss = 0.0;
    for (int64_t r = 0; r < n; r++) {
        float *p = s->P + sample[r].p * s->k;
        float *q = s->Q + sample[r].q * s->k;
        float *o = s->Q + sample[r].u.other * s->k;
        float lane[16] = {0};
        for (int64_t i = 0; i < s->k; i++)
            lane[i & 15] = fmaf(p[i], q[i] - o[i], lane[i & 15]);
        float z = 1.0f / (1.0f + kern_expf(ref_fold(lane)));
        for (int64_t i = 0; i < s->k; i++) {
            float old = p[i], a = z * s->rate_q[i];
            p[i] = ref_step(z * s->rate_p[i], q[i] - o[i], s->keep_p[i], old, NULL);
            q[i] = ref_step(a, old, s->keep_q[i], q[i], NULL);
            o[i] = ref_step(-a, old, s->keep_q[i], o[i], NULL);
        }
        loss += (double)z;
    }
    return loss;
}

static void ref_adam(const struct kern_adam *r, int64_t n, float *w, const float *g, float *a,
                     float *b)
{
    float fresh = 1.0F - r->momentum, fresh2 = 1.0F - r->momentum2;
    for (int64_t i = 0; i < n; i++) {
        float x = g[i] + r->decay * w[i];
        a[i] = r->momentum * a[i] + fresh * x;
        b[i] = r->momentum2 * b[i] + fresh2 * x * x;
        w[i] -= r->rate * (a[i] * r->fix1) / (sqrtf(b[i] * r->fix2) + KERN_ADAM_TINY);
    }
}

const struct kern kern_ref = {
    .isa = "ref",
    .dot = ref_dot,
    .axpy = ref_axpy,
    .scale = ref_scale,
    .dot64 = ref_dot64,
    .pack = ref_pack,
    .gemm = ref_gemm,
    .syrk = ref_syrk,
    .residual = ref_residual,
    .chol = ref_chol,
    .chol_solve = ref_chol_solve,
    .dot_u8s8 = ref_dot_u8s8,
    .scan_u8s8 = ref_scan_u8s8,
    .scan_above = ref_scan_above,
    .bits_meet = ref_bits_meet,
    .bits_pick = ref_bits_pick,
    .vexp = ref_vexp,
    .vlog = ref_vlog,
    .vtanh = ref_vtanh,
    .scatter = ref_scatter,
    .adam = ref_adam,
    .sgd_ratings = ref_sgd_ratings,
    .sgd_pairs = ref_sgd_pairs,
};
