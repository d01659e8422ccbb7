/*
 * The conditional distribution of one row of bmf, of training and of fold-in alike.
 *
 * The right-hand side is one more row of the matrix, with a last pivot too large to matter: its
 * factorization leaves L⁻¹ b there, which saves the forward half of the solution.
 */
#include "models/bmf.h"

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
