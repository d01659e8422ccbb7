/*
 * Rows under x >= 0: coordinate descent on the k×k system (Hildreth 1957,
 * doi:10.1002/nav.3800040113; for factorizations Cichocki and Phan 2009,
 * doi:10.1587/transfun.E92.A.708).
 *
 * The gradient A·x - b is kept up to date: a coordinate that moves costs one row of A. A is
 * positive definite, so that the minimum is one point and descent gets there from anywhere; it
 * starts at zero. Cost: the system as for long rows, nk²/2, then k² a round. Not here: active sets,
 * which end exactly but need a factorization a change.
 */
#include "solve/rows_impl.h"

#include <math.h>
#include <string.h>

enum { MOST_ROUNDS = 1000 };

static int64_t padded(int64_t k)
{
    return (k + KERN_PANEL - 1) / KERN_PANEL * KERN_PANEL;
}

int64_t row_nonneg_scratch(int64_t k)
{
    return k * padded(k) + 2 * padded(k);
}

/* All of A, which syrk leaves in the lower triangle. */
static akin_status full_system(akin_ctx *ctx, const struct row_system *sys,
                               const struct row_data *row, float *A, int64_t ld, akin_error *err)
{
    akin_status status = row_build(ctx, sys, row, A, ld, err);
    for (int64_t i = 0; status == AKIN_OK && i < sys->k; i++)
        for (int64_t j = 0; j < i; j++)
            A[j * ld + i] = A[i * ld + j];
    return status;
}

/* One round over the coordinates; the largest move beside the largest coordinate in *size. */
static float descend_round(const struct row_system *sys, const float *A, int64_t ld,
                           int64_t n_bound, float *x, float *g, float *size)
{
    float most = 0.0f;
    *size = 0.0f;
    for (int64_t j = 0; j < sys->k; j++) {
        float to = x[j] - g[j] / A[j * ld + j];
        to = j < n_bound && !(to > 0.0f) ? 0.0f : to;
        float move = to - x[j];
        if (move < 0.0f || move > 0.0f)
            sys->kern->axpy(move, A + j * ld, g, sys->k);
        x[j] = to;
        most = fabsf(move) > most ? fabsf(move) : most;
        *size = fabsf(to) > *size ? fabsf(to) : *size;
    }
    return most;
}

akin_status row_solve_nonneg(akin_ctx *ctx, const struct row_system *sys,
                             const struct row_data *row, int64_t n_bound, float *x, float *scratch,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t k = sys->k, ld = padded(k);
    float *A = scratch, *g = scratch + k * ld, size;
    AKIN_TRY(full_system(ctx, sys, row, A, ld, err));
    row_right_side(sys, row, g);
    sys->kern->scale(-1.0f, g, k);
    memset(x, 0, (size_t)k * sizeof *x);
    for (int round = 0; round < MOST_ROUNDS; round++) {
        AKIN_TRY(ctx_check(ctx, err));
        if (!(descend_round(sys, A, ld, n_bound, x, g, &size) > 1e-6f * size))
            break;
    }
done:
    return status;
}

akin_status row_apply_support(akin_ctx *ctx, const struct row_system *sys,
                              const struct row_data *row, const float *support, const float *b,
                              float *x, float *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t k = sys->k, ld = padded(k);
    float *A = scratch;
    AKIN_TRY(row_build(ctx, sys, row, A, ld, err));
    for (int64_t i = 0; i < k; i++) {
        bool is_free = support[i] < 0.0f || support[i] > 0.0f;
        x[i] = is_free ? b[i] : 0.0f;
        for (int64_t j = 0; j < k; j++) { /* held coordinates stand apart, at 0 */
            bool is_held = !is_free || !(support[j] < 0.0f || support[j] > 0.0f);
            if (j < i && is_held)
                A[i * ld + j] = 0.0f;
        }
        if (!is_free)
            A[i * ld + i] = 1.0f;
    }
    if (sys->kern->chol(k, A, ld) != 0)
        AKIN_FAIL(AKIN_E_INTERNAL, "row of %d items: no solution; are all weights finite?", row->n);
    sys->kern->chol_solve(k, A, ld, x);
done:
    return status;
}
