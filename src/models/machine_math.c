/*
 * Arithmetic of factorization machines that training and askers share: rows of least squares,
 * logistic weights, negatives. Cost: at the functions.
 */
#include "core/rng.h"
#include "kern/math.h"
#include "models/machine.h"

#include <math.h>
#include <stdlib.h>

akin_status fm_solve(const struct kern *kern, int64_t k1, float *A, float *b, const float *ratio,
                     const float *mean, const float *at, const float *noise, float *centre,
                     akin_error *err)
{
    akin_status status = AKIN_OK;
    for (int64_t t = 0; t < k1; t++) {
        A[t * k1 + t] += ratio[t];
        b[t] += ratio[t] * (mean[t] - at[t]);
    }
    int pivot = kern->chol(k1, A, k1);
    if (pivot != 0)
        AKIN_FAIL(AKIN_E_INTERNAL,
                  "factorization machine: a row has no solution in finite numbers (pivot %d)",
                  pivot);
    for (int64_t t = 0; centre && t < k1; t++)
        centre[t] = b[t];
    if (centre)
        kern->chol_solve(k1, A, k1, centre);
    for (int64_t t = 0; noise && t < k1; t++) /* A⁻¹ L ε = L⁻ᵀ ε */
        b[t] += kern->dot(A + t * k1, noise, t + 1);
    kern->chol_solve(k1, A, k1, b);
done:
    return status;
}

void fm_logit(double x, bool is_positive, float *weight, float *residual)
{
    double size = fabs(x), w = .25;
    if (size > 1e-4) {
        double e = kern_exp(-size);
        w = (1 - e) / (1 + e) / (2 * size);
    }
    *weight = (float)w;
    *residual = (float)((is_positive ? .5 : -.5) / w - x);
}

static int by_number(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

int32_t fm_negative(uint64_t seed, int32_t item, int64_t place, int64_t j, int64_t n_items,
                    const int32_t *own, int64_t n_own)
{
    enum { TRIES = 16 };
    struct rng rng = rng_make(seed, RNG_NEGATIVE, (uint64_t)item << 32 | (uint64_t)place);
    rng.counter = (uint64_t)j << 16;
    for (int i = 0; i < TRIES; i++) {
        int32_t x = (int32_t)rng_below(&rng, (uint64_t)n_items);
        if (!bsearch(&x, own, (size_t)n_own, sizeof *own, by_number))
            return x;
    }
    return -1;
}
