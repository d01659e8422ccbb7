/*
 * Epochs of stochastic gradient descent over a grid, for the models of factors.h: the learning rate
 * of each epoch, early stopping, progress, and a clear end when the factors grow without bound.
 *
 * Cost: an epoch is one step a sample (kern.h), plus dealing where items are dealt anew.
 */
#include "models/factors.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>

/* rate and keep (k) of a side: coordinates from `learns` on, and `skips`, stay as they are. */
static void set_rates(const struct sgd *s, double lr, int64_t learns, int64_t skips, float *rate,
                      float *keep)
{
    for (int64_t t = 0; t < s->f->k; t++) {
        bool is_learnt = t < learns && t != skips;
        rate[t] = is_learnt ? (float)lr : 0.0f;
        keep[t] = is_learnt ? (float)(1.0 - lr * s->reg) : 1.0f;
    }
}

static akin_status check_finite(const struct sgd *s, const float *x, int64_t n, bool *is_finite,
                                akin_error *err)
{
    enum { PIECE = 1 << 22 };
    akin_status status = AKIN_OK;
    bool bad = false;
    for (int64_t lo = 0; lo < n; lo += PIECE) {
        AKIN_TRY(ctx_check(s->m->ctx, err));
        for (int64_t i = lo; i < n && i < lo + PIECE; i++)
            bad |= !(fabsf(x[i]) <= FLT_MAX);
    }
    *is_finite = *is_finite && !bad;
done:
    return status;
}

static akin_status run_epoch(struct sgd *s, int64_t epoch, double *loss, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct factors *f = s->f;
    int64_t n = csr_nnz(s->grid->by_user);
    bool is_finite = true;
    if (s->deals_anew || epoch == 1)
        AKIN_TRY(grid_deal(s->grid, epoch, err));
    AKIN_TRY(grid_run(s->grid, epoch, s->fn, s->arg, loss, err));
    *loss *= s->scale / (double)(n > 0 ? n : 1);
    AKIN_TRY(check_finite(s, f->users, f->n_users * f->k, &is_finite, err));
    AKIN_TRY(check_finite(s, f->items, f->n_items * f->k, &is_finite, err));
    if (!isfinite(*loss) || !is_finite)
        AKIN_FAIL(AKIN_E_ARG,
                  "%s: the factors grew without bound in epoch %" PRId64
                  " (learning_rate=%g is too high for this data; try %g)",
                  s->m->cls->name, epoch, s->learning_rate, s->learning_rate / 4);
done:
    return status;
}

akin_status sgd_run(struct sgd *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = s->m->ctx;
    struct factors *f = s->f;
    double lr = s->learning_rate;
    float *rates = NULL;
    bool stop = false;
    MEM_NEW(ctx, rates, 4 * f->k);
    const float *floor = s->step.floor;
    s->step = (struct kern_sgd){.k = f->k,
                                .P = f->users,
                                .Q = f->items,
                                .rate_p = rates,
                                .keep_p = rates + f->k,
                                .rate_q = rates + 2 * f->k,
                                .keep_q = rates + 3 * f->k,
                                .floor = floor};
    for (int64_t epoch = 1; epoch <= s->epochs && !stop; epoch++, lr *= s->decay) {
        double loss = 0.0;
        set_rates(s, lr, s->learns_p, -1, rates, rates + f->k);
        set_rates(s, lr, s->learns_q, s->skips_q, rates + 2 * f->k, rates + 3 * f->k);
        AKIN_TRY(run_epoch(s, epoch, &loss, err));
        if (s->ctl->epoch)
            AKIN_TRY(s->ctl->epoch(s->ctl->arg, s->m, epoch, loss, &stop, err));
    }
done:
    mem_free(ctx, rates);
    return status;
}

/* ---- Ratings ------------------------------------------------------------------------------- */

akin_status ratings_init(struct model *m, const struct train_view *tv, struct ratings *out,
                         akin_error *err)
{
    akin_status status = AKIN_OK;
    *out = (struct ratings){0};
    if (!dataset_has_values(tv->ds) && tv->ds->n_events > 0)
        AKIN_FAIL(AKIN_E_INPUT,
                  "%s: needs ratings; this data has no values (ials and bpr learn from events)",
                  m->cls->name);
    AKIN_TRY(histories_values(m->ctx, &tv->hist, m->items.n, &out->values, err));
    int64_t n = csr_nnz(&out->values);
    MEM_ZERO(m->ctx, out->item_n, m->items.n);
    double sum = 0.0;
    for (int64_t e = 0; e < n; e++) {
        if (e % (1 << 20) == 0)
            AKIN_TRY(ctx_check(m->ctx, err));
        sum += (double)out->values.val[e];
        out->least = out->values.val[e] < out->least ? out->values.val[e] : out->least;
        out->item_n[out->values.col[e]]++;
    }
    out->mean = n > 0 ? sum / (double)n : 0.0;
done:
    return status;
}

void ratings_free(akin_ctx *ctx, struct ratings *r)
{
    csr_free(ctx, &r->values);
    mem_free(ctx, r->item_n);
}

static akin_status rating_steps(void *arg, int64_t first, int64_t n, int64_t b, double *loss,
                                akin_error *err)
{
    const struct sgd *s = arg;
    (void)b;
    (void)err;
    *loss = s->m->ctx->kern->sgd_ratings(&s->step, n, s->grid->sample + first);
    return AKIN_OK;
}

akin_status sgd_ratings(struct sgd *s, const struct csr *targets, int64_t stripes, uint64_t seed,
                        akin_error *err)
{
    akin_status status = AKIN_OK;
    struct grid grid;
    AKIN_TRY(grid_init(s->m->ctx, targets, stripes, seed, &grid, err));
    s->grid = &grid;
    s->fn = rating_steps;
    s->arg = s;
    s->scale = 1.0;
    AKIN_TRY(sgd_run(s, err));
done:
    grid_free(&grid);
    return status;
}
