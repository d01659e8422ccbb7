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

akin_status sgd_check(const char *owner, double learning_rate, double reg, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (!(learning_rate * reg <= 2.0))
        AKIN_FAIL(AKIN_E_ARG,
                  "%s: learning_rate=%g times reg=%g is %g (must be at most 2: each step would "
                  "make the factors larger; lower either)",
                  owner, learning_rate, reg, learning_rate * reg);
done:
    return status;
}

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

static akin_status grown(const struct sgd *s, akin_error *err)
{
    return error_set(err, AKIN_E_ARG, __FILE__, __LINE__,
                     "%s: the factors grew without bound in epoch %" PRId64
                     " (learning_rate=%g is too high for this data; try %g)",
                     s->m->cls->name, s->epoch, s->learning_rate, s->learning_rate / 4);
}

/* What a last step left: a loss would tell only in the next epoch. */
static akin_status check_rows(const struct sgd *s, const float *x, int64_t n, akin_error *err)
{
    enum { PIECE = 1 << 22 };
    akin_status status = AKIN_OK;
    for (int64_t lo = 0; lo < n; lo += PIECE) {
        bool bad = false;
        AKIN_TRY(ctx_check(s->m->ctx, err));
        for (int64_t i = lo; i < n && i < lo + PIECE; i++)
            bad |= !(fabsf(x[i]) <= FLT_MAX);
        if (bad)
            AKIN_TRY(grown(s, err));
    }
done:
    return status;
}

static akin_status run_epoch(struct sgd *s, double *loss, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n = csr_nnz(s->grid->by_user);
    if (s->deals_anew || s->epoch == 1) {
        grid_deal(s->grid, s->epoch);
        if (s->dealt)
            AKIN_TRY(s->dealt(s->arg, err));
        AKIN_TRY(grid_place(s->grid, s->fill, s->arg, err));
    }
    AKIN_TRY(grid_run(s->grid, s->epoch, s->fn, s->arg, loss, err));
    *loss /= (double)(n > 0 ? n : 1);
    if (!isfinite(*loss))
        AKIN_TRY(grown(s, err));
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
    AKIN_TRY(sgd_check(s->m->cls->name, s->learning_rate, s->reg, err));
    MEM_ZERO(ctx, rates, 5 * f->k);
    s->step = (struct kern_sgd){.k = f->k,
                                .P = f->users,
                                .Q = f->items,
                                .rate_p = rates,
                                .keep_p = rates + f->k,
                                .rate_q = rates + 2 * f->k,
                                .keep_q = rates + 3 * f->k,
                                .floor = s->is_non_negative ? rates + 4 * f->k : NULL};
    for (int64_t epoch = 1; epoch <= s->epochs && !stop; epoch++, lr *= s->decay) {
        double loss = 0.0;
        s->epoch = epoch;
        set_rates(s, lr, s->learns_p, -1, rates, rates + f->k);
        set_rates(s, lr, s->learns_q, s->skips_q, rates + 2 * f->k, rates + 3 * f->k);
        AKIN_TRY(run_epoch(s, &loss, err));
        if (s->ctl->epoch)
            AKIN_TRY(s->ctl->epoch(s->ctl->arg, s->m, s->epoch, loss, &stop, err));
    }
    AKIN_TRY(check_rows(s, f->users, f->n_users * f->k, err));
    AKIN_TRY(check_rows(s, f->items, f->n_items * f->k, err));
done:
    mem_free(ctx, rates);
    return status;
}
