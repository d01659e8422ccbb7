/*
 * How sure users are, for the steps of the items.
 *
 * A user's vector is not known, but has the covariance s²·A⁻¹ around the solution of its row (s the
 * noise of a rating). The expected squared error of a rating is then that of the solution and
 * s²·zᵀA⁻¹z, whose slope in z is 2s²·A⁻¹z: what the M-step of probabilistic principal components
 * has beside plain alternation (Tipping, Bishop 1999, doi:10.1111/1467-9868.00196). It keeps items
 * from growing onto what a few ratings of each user happen to allow.
 */
#include "kern/kern.h"
#include "models/svdpp_fit.h"

#include <string.h>

struct room {
    int64_t ld;
    float *A;      /* (k, ld) then its factor L */
    float *X;      /* (k, ld) L⁻¹, rows */
    float *packed; /* A⁻¹, panels */
    float *Z;      /* (n, k) */
};

static int64_t rounded(int64_t k)
{
    return (k + KERN_PANEL - 1) / KERN_PANEL * KERN_PANEL;
}

int64_t svdpp_spread_scratch(int64_t k, int64_t n)
{
    return 2 * k * rounded(k) + kern_packed_size(k, k) + n * k;
}

/* X = L⁻¹, row by row: X_i = (e_i - Σ_{t<i} L_it X_t) / L_ii. */
static void invert(const struct kern *kern, int64_t k, const struct room *r)
{
    memset(r->X, 0, (size_t)(k * r->ld) * sizeof *r->X);
    for (int64_t i = 0; i < k; i++) {
        float *x = r->X + i * r->ld;
        const float *l = r->A + i * r->ld;
        x[i] = 1.0f;
        for (int64_t t = 0; t < i; t++)
            kern->axpy(-l[t], r->X + t * r->ld, x, t + 1);
        kern->scale(1.0f / l[i], x, i + 1);
    }
}

void svdpp_spread(const struct svdpp_fit *f, const struct svdpp_asker *a, float *scratch,
                  float *out)
{
    const struct kern *kern = f->ctx->kern;
    int64_t k = f->k, ld = rounded(k);
    struct room r = {.ld = ld, .A = scratch, .X = scratch + k * ld};
    float lambda = svdpp_lambda(f->p, a->n);
    r.packed = r.X + k * ld;
    r.Z = r.packed + kern_packed_size(k, k);
    if (a->n == 0)
        return;
    for (int32_t i = 0; i < a->n; i++)
        memcpy(r.Z + i * k, f->items + a->item[i] * k, (size_t)k * sizeof *r.Z);
    memset(r.A, 0, (size_t)(k * ld) * sizeof *r.A);
    for (int64_t t = 0; t < k; t++)
        r.A[t * ld + t] = lambda;
    kern->syrk(k, a->n, r.Z, k, NULL, NULL, r.A, ld);
    if (kern->chol(k, r.A, ld) != 0) { /* rounding: taken as known */
        memset(out, 0, (size_t)(a->n * f->factors) * sizeof *out);
        return;
    }
    invert(kern, k, &r);
    memset(r.A, 0, (size_t)(k * ld) * sizeof *r.A);
    kern->syrk(k, k, r.X, ld, NULL, NULL, r.A, ld); /* XᵀX */
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = i + 1; j < k; j++)
            r.A[i * ld + j] = r.A[j * ld + i];
    kern->pack(r.A, ld, f->factors, k, r.packed);
    kern->gemm(a->n, f->factors, k, r.Z, k, r.packed, out, f->factors, 0);
}
