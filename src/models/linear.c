/* The Gram matrix of linear item models, and the asker as they see her. */
#include "models/linear.h"

#include "kern/math.h"

akin_status linear_gram(const struct train_view *tv, enum linear_weighting weighting,
                        double damping, struct cooc *g, float **user_weight, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct csr *by_user = &tv->by_user;
    bool is_binary = weighting == LINEAR_BINARY || csr_is_binary(by_user);
    *user_weight = NULL;
    *g = (struct cooc){COOC_SUM, by_user, &tv->by_item, NULL, is_binary};
    if (!(damping > 0)) {
        g->kind = is_binary ? COOC_COUNT : COOC_SUM;
        goto done;
    }
    MEM_NEW(tv->ctx, *user_weight, by_user->n_rows);
    for (int64_t u = 0; u < by_user->n_rows; u++) {
        double deg = (double)(by_user->ptr[u + 1] - by_user->ptr[u]);
        (*user_weight)[u] = (float)(deg > 0 ? kern_pow(deg, -damping) : 1);
    }
    g->user_weight = *user_weight;
done:
    return status;
}

akin_status linear_fold(const struct query *q, int32_t n_items, enum linear_weighting weighting,
                        struct arena *scratch, struct folded *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(folded_make(&q->hist, n_items, false, scratch, out, err));
    for (int32_t j = 0; j < out->n && weighting == LINEAR_BINARY; j++)
        out->x[j] = 1.0F;
done:
    return status;
}

/* Active users make most of the products: five times the square of the mean. Half of them fall on
 * pairs that met before. */
struct linear_cost linear_cost(int64_t n_users, int64_t n_items, int64_t nnz)
{
    double n = (double)n_items, deg = n_users > 0 ? (double)nnz / (double)n_users : 0;
    struct linear_cost c = {.flops = 5 * deg * (double)nnz};
    c.pairs = c.flops / 2 < n * n ? c.flops / 2 : n * n;
    c.bytes = 8 * (c.pairs < n * n / 2 ? c.pairs : n * n / 2) + 20 * n;
    return c;
}
