/*
 * The training of ffm: adagrad of machine_sgd.c over fields, then what is kept of it. Of users only
 * what they share stays: anybody's own row follows from her events (ffm_ask.c) at the same reg.
 * Cost: machine_sgd.c's. Not here: several ranks, warm start, early stopping.
 */
#include "models/ffm.h"
#include "models/machine_sgd.h"

#include <string.h>

/* Writable views of what the model owns. */
struct kept {
    float *theta[FM_SIDES], *items, *offset, *bias;
};

static void number_features(const struct ffm *self, struct fm_sgd *s)
{
    for (int side = 0; side < FM_SIDES; side++) {
        const struct fm_rows *rows = &s->d->side[side];
        int32_t *field = s->field + s->first[side];
        for (int64_t j = 0; j < rows->n_own; j++)
            field[j] = (int32_t)ffm_own_field(self, side);
        for (int64_t j = rows->n_own; j < rows->n_features; j++)
            field[j] = self->field[side][j - rows->n_own];
    }
}

static akin_status keep(const struct ffm *self, const struct fm_sgd *s, const struct kept *to,
                        akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct csr *X = &s->d->side[FM_ITEMS].X;
    const int64_t k = self->k, width = self->width;
    float *T = NULL, *own;
    MEM_NEW(self->known.ctx, T, self->F * width + k);
    own = T + self->F * width;
    for (int64_t i = 0; i < self->known.n_items; i++) {
        memset(T, 0, (size_t)(self->F * width + k) * sizeof *T);
        for (int64_t at = X->ptr[i]; at < X->ptr[i + 1]; at++) {
            int64_t j = s->first[FM_ITEMS] + X->col[at];
            fm_fields_add(k, width, width, s->theta + j * s->ld, s->field[j], X->val[at], T, own);
        }
        ffm_item_vector(self, T, to->items + i * self->dim);
        to->offset[i] = fm_fields_said(k, self->F, width, T, own);
        to->bias[i] = (float)(self->known.base + self->known.spread * (double)to->offset[i]);
    }
    for (int side = 0; side < FM_SIDES; side++)
        for (int64_t j = 0; j < fm_count(&self->known, side); j++)
            memcpy(to->theta[side] + j * width,
                   s->theta + (s->first[side] + s->d->side[side].n_own + j) * s->ld,
                   (size_t)width * sizeof(float));
done:
    mem_free(self->known.ctx, T);
    return status;
}

static akin_status kept_make(struct ffm *self, struct kept *to, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = self->known.ctx;
    MEM_ZERO(ctx, to->items, self->known.n_items * self->dim);
    self->items = to->items;
    MEM_ZERO(ctx, to->offset, self->known.n_items);
    self->offset = to->offset;
    MEM_ZERO(ctx, to->bias, self->known.n_items);
    self->bias = to->bias;
    for (int side = 0; side < FM_SIDES; side++) {
        MEM_ZERO(ctx, to->theta[side], fm_count(&self->known, side) * self->width);
        self->theta[side] = to->theta[side];
    }
done:
    return status;
}

akin_status ffm_fit(struct model *m, const struct train_view *tv, const struct fit_control *ctl,
                    akin_error *err)
{
    akin_status status = AKIN_OK;
    struct ffm *self = m->self;
    const struct ffm_params *p = m->params;
    struct fm_data d = {.ctx = m->ctx, .m = m, .tv = tv, .known = &self->known};
    struct kept to = {0};
    struct fm_sgd s = {.ctx = m->ctx, .d = &d, .k = p->factors};
    (void)ctl;
    ffm_init(m, tv->seed);
    s.p = (struct fm_sgd_params){.is_adagrad = true,
                                 .epochs = p->epochs,
                                 .batch = p->batch,
                                 .rate = p->learning_rate,
                                 .linear_rate = p->learning_rate,
                                 .reg = p->reg,
                                 .linear_reg = p->linear_reg,
                                 .stddev = p->stddev};
    AKIN_TRY(fm_data_read(&d, err));
    AKIN_TRY(ffm_number_fields(self, err));
    AKIN_TRY(kept_make(self, &to, err));
    s.F = self->F;
    AKIN_TRY(fm_sgd_make(&s, tv->seed, err));
    number_features(self, &s);
    AKIN_TRY(fm_sgd_run(&s, tv->seed, err));
    AKIN_TRY(keep(self, &s, &to, err));
done:
    fm_sgd_free(&s);
    fm_data_free(&d);
    return status;
}
