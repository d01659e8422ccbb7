/*
 * The conditional distribution of one row of bmf, of training and of fold-in alike. Where targets
 * are levels, the asker's mean and those of the latents are found in turns: expectation
 * maximization of a probit regression, whose posterior has one peak (Albert and Chib 1993,
 * doi:10.2307/2290350).
 *
 * The right-hand side is one more row of the matrix, with a last pivot too large to matter: its
 * factorization leaves L⁻¹ b there, which saves the forward half of the solution.
 */
#include "models/bmf.h"

#include <math.h>
#include <string.h>

static const float LAST_PIVOT = 1e30F;

/* A with b as its last row, factored; lda = k1 + 1. */
static akin_status factor(const struct kern *kern, int64_t k1, const struct bmf_row *row,
                          const float *b, float *A, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t lda = k1 + 1;
    memset(A, 0, (size_t)(lda * lda) * sizeof *A);
    kern->syrk(k1, row->n, row->X, row->ldx, row->rows, NULL, A, lda);
    for (int64_t t = 0; t < k1; t++)
        A[t * lda + t] += row->ratio[t];
    memcpy(A + k1 * lda, b, (size_t)k1 * sizeof *A);
    A[k1 * lda + k1] = LAST_PIVOT;
    int pivot = kern->chol(lda, A, lda);
    if (pivot != 0)
        AKIN_FAIL(AKIN_E_INTERNAL,
                  "bmf: a row of %lld ratings has no solution in finite numbers (pivot %d)",
                  (long long)row->n, pivot);
done:
    return status;
}

/* x = L⁻ᵀ x */
static void back(int64_t k1, const float *A, float *x)
{
    int64_t lda = k1 + 1;
    for (int64_t i = k1 - 1; i >= 0; i--) {
        const float *L = A + i * lda;
        float a = x[i] / L[i];
        x[i] = a;
        for (int64_t t = 0; t < i; t++)
            x[t] -= L[t] * a;
    }
}

/* out = prior + L⁻ᵀ (half + noise) */
static void finish(int64_t k1, const float *A, const float *noise, const float *prior, float *out)
{
    memcpy(out, A + k1 * (k1 + 1), (size_t)k1 * sizeof *out);
    for (int64_t t = 0; noise && t < k1; t++)
        out[t] += noise[t];
    back(k1, A, out);
    for (int64_t t = 0; t < k1; t++)
        out[t] += prior[t];
}

akin_status bmf_row_solve(const struct kern *kern, int64_t k1, const struct bmf_row *row,
                          const float *noise, float *mean, float *draw, float *scratch,
                          akin_error *err)
{
    akin_status status = AKIN_OK;
    float *A = scratch, *b = A + (k1 + 1) * (k1 + 1);
    memset(b, 0, (size_t)k1 * sizeof *b);
    kern->residual(k1, row->n, row->X, row->ldx, row->rows, NULL, row->target, row->prior, b);
    AKIN_TRY(factor(kern, k1, row, b, A, err));
    if (mean)
        finish(k1, A, NULL, row->prior, mean);
    if (draw)
        finish(k1, A, noise, row->prior, draw);
done:
    return status;
}

akin_status bmf_row_apply(const struct kern *kern, int64_t k1, const struct bmf_row *row,
                          const float *b, float *out, float *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(factor(kern, k1, row, b, scratch, err));
    memcpy(out, scratch + k1 * (k1 + 1), (size_t)k1 * sizeof *out);
    back(k1, scratch, out);
done:
    return status;
}

/* Means of latents given the row's; returns how far the furthest moved. */
static double move_latents(const struct kern *kern, int64_t k1, const struct bmf_row *row,
                           const struct bmf_scale *scale, const int32_t *level, const float *rest,
                           const float *mean, float *target)
{
    double most = 0.0;
    for (int64_t e = 0; e < row->n; e++) {
        double at =
            (double)(kern->dot(row->X + (int64_t)row->rows[e] * row->ldx, mean, k1) + rest[e]);
        float to = (float)(bmf_latent(scale, level[e], at) - (double)rest[e]);
        double moved = fabs((double)to - (double)target[e]);
        most = moved > most ? moved : most;
        target[e] = to;
    }
    return most;
}

akin_status bmf_row_levels(const struct kern *kern, int64_t k1, const struct bmf_row *row,
                           const struct bmf_scale *scale, const int32_t *level, const float *rest,
                           float *target, float *mean, float *scratch, akin_error *err)
{
    /* each round leaves what levels hide of latents: a twentieth with ten of them, half with two */
    enum { ROUNDS = 50 };
    static const double NEAR = 0x1p-10;
    akin_status status = AKIN_OK;
    float *A = scratch, *b = A + (k1 + 1) * (k1 + 1);
    AKIN_TRY(bmf_row_solve(kern, k1, row, NULL, mean, NULL, scratch, err));
    for (int round = 1; round < ROUNDS; round++) {
        if (!(move_latents(kern, k1, row, scale, level, rest, mean, target) > NEAR))
            break;
        memset(b, 0, (size_t)k1 * sizeof *b);
        kern->residual(k1, row->n, row->X, row->ldx, row->rows, NULL, target, row->prior, b);
        kern->chol_solve(k1, A, k1 + 1, b);
        for (int64_t t = 0; t < k1; t++)
            mean[t] = row->prior[t] + b[t];
    }
done:
    return status;
}
