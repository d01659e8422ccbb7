/*
 * What a training will take, before it starts: the model's own formula and the view. Cost: none.
 */
#include "train/train.h"

/* Sustained rate of the fit kernels on one core, flop/s; low on purpose. */
static const double FLOPS_PER_CORE = 2.5e10;

akin_status train_predict(akin_ctx *ctx, const struct model_class *cls, const json_t *params,
                          const struct feedback_params *rule, const struct train_shape *shape,
                          struct train_cost *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct model *m = NULL;
    double bytes = 0, flops = 0;
    AKIN_TRY(model_create(ctx, cls, params, &m, err));
    model_estimate(m, shape->n_users, shape->n_items, shape->n_events, &bytes, &flops);
    out->bytes = bytes + 4.0 * (double)shape->n_items +
                 train_view_estimate(rule, shape->n_events, shape->n_users, shape->n_items);
    out->core_seconds = flops / FLOPS_PER_CORE;
done:
    model_free(m);
    return status;
}
