/*
 * fm by sgd and adagrad (machine_sgd.c), and what is kept of it: as of als, one state, from which
 * anybody's own row follows as a row of least squares at reg. Cost: machine_sgd.c's.
 */
#include "models/fm_fit.h"
#include "models/machine_sgd.h"

#include <string.h>

/* Rows of theta (features of a side, k1) from those of training. */
static void copy_rows(const struct fm_sgd *s, enum fm_side_of side, int64_t lo, int64_t n,
                      float *to)
{
    for (int64_t j = 0; j < n; j++)
        memcpy(to + j * s->width, s->theta + (s->first[side] + lo + j) * s->ld,
               (size_t)s->width * sizeof *to);
}

static akin_status keep(struct fm_fit *f, const struct fm_kept *to, const struct fm_data *d,
                        const struct fm_sgd *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct fm_rows *items = &d->side[FM_ITEMS];
    float *theta = NULL;
    MEM_NEW(f->ctx, theta, items->n_features * f->k1);
    copy_rows(s, FM_ITEMS, 0, items->n_features, theta);
    for (int64_t i = 0; i < items->n_rows; i++) {
        int64_t lo = items->X.ptr[i];
        float *row = to->items + i * f->k1;
        fm_sum(f->k, theta, items->X.col + lo, items->X.val + lo, items->X.ptr[i + 1] - lo, row);
        to->bias[i] = to->offset[i] = row[f->k];
        row[f->k] = 1;
    }
    for (int64_t t = 0; t < f->k1; t++)
        to->prior[f->k1 + t] = (float)(t < f->k ? f->p->reg : f->p->linear_reg);
    for (int side = 0; side < FM_SIDES; side++)
        copy_rows(s, side, d->side[side].n_own, fm_count(&f->self->known, side), to->theta[side]);
done:
    mem_free(f->ctx, theta);
    return status;
}

akin_status fm_fit_gradient(struct fm_fit *f, const struct fm_kept *to, struct fm_data *d,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct fm_params *p = f->p;
    double own = p->solver == FM_ADAGRAD ? .1 : .01;
    double rate = p->learning_rate > 0 ? p->learning_rate : own;
    struct fm_sgd s = {.ctx = f->ctx,
                       .d = d,
                       .p = {.is_adagrad = p->solver == FM_ADAGRAD,
                             .epochs = p->epochs,
                             .batch = p->batch,
                             .rate = rate,
                             .linear_rate = rate,
                             .reg = p->reg,
                             .linear_reg = p->linear_reg,
                             .stddev = p->stddev},
                       .k = f->k,
                       .F = 1};
    AKIN_TRY(fm_sgd_make(&s, f->seed, err));
    AKIN_TRY(fm_sgd_run(&s, f->seed, err));
    AKIN_TRY(keep(f, to, d, &s, err));
done:
    fm_sgd_free(&s);
    return status;
}
