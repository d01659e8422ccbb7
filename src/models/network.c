/*
 * Models that are a network over the asker's items: fit by epochs of minibatches, fold-in by a
 * forward pass (see network.h).
 *
 * The output layer's activation keeps the order of its inputs, so scores are those inputs: a
 * product of a state with rows of weights and a bias, which rank/ does, with its index. Reasons are
 * rank/'s too: the score with and without one of the asker's items.
 *
 * Cost: an epoch 6·users·weights flops (the first layer: 4·width an entry), the optimizer's passes
 * over all weights a minibatch; fold-in: width of the first layer an item, the hidden weights once.
 */
#include "models/network.h"

#include "models/folded.h"
#include "models/model_impl.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Rows of a minibatch where none are given: enough steps an epoch of few users, and of many enough
 * rows that the passes over all weights are a small part. */
enum { STEPS = 16, BATCH_MIN = 8, BATCH_MAX = 512 };

static int64_t rows_of_batch(int64_t given, int64_t n_rows)
{
    int64_t n = n_rows / STEPS;
    if (given > 0)
        return given;
    return n < BATCH_MIN ? BATCH_MIN : n > BATCH_MAX ? BATCH_MAX : n;
}

static akin_status shape(akin_ctx *ctx, const char *name, const struct network_plan *plan,
                         int64_t n_items, struct net *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct net_spec spec = plan->net;
    if (plan->n_input > 0 && plan->n_input != n_items)
        AKIN_FAIL(AKIN_E_ARG,
                  "%s: the network has an input of %" PRId64 ", the data %" PRId64
                  " items (\"auto\" takes any number)",
                  name, plan->n_input, n_items);
    spec.n_in = n_items;
    spec.layer[spec.n_layers - 1].width = n_items;
    AKIN_TRY(net_shape(ctx, name, &spec, out, err));
done:
    return status;
}

/* ---- Fit ----------------------------------------------------------------------------------- */

/* Weights of an earlier model: hidden layers whole, items where they were. */
static akin_status start_warm(struct net *net, const struct net *old, const struct fit_control *ctl,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *name = ctl->warm->cls->name;
    int last = net->spec.n_layers - 1;
    if (!ctl->warm_item)
        AKIN_FAIL(AKIN_E_ARG, "%s: an earlier model needs the places of its items", name);
    bool is_same = old->spec.n_layers == net->spec.n_layers;
    for (int l = 0; l < last && is_same; l++)
        is_same = old->layer[l].n_z == net->layer[l].n_z &&
                  old->spec.layer[l].unit == net->spec.layer[l].unit;
    if (!is_same)
        AKIN_FAIL(AKIN_E_ARG, "%s: the earlier model has other layers (it must have these)", name);
    for (int l = 0; l < last; l++) { /* what follows the items' rows of the first layer */
        const struct net_layer *a = &net->layer[l], *b = &old->layer[l];
        int64_t from = l == 0 ? a->at_bias : a->at;
        memcpy(net->weights + from, old->weights + (l == 0 ? b->at_bias : b->at),
               (size_t)(a->end - from) * sizeof *net->weights);
    }
    const struct net_layer *in = &net->layer[0], *out = &net->layer[last];
    const struct net_layer *old_in = &old->layer[0], *old_out = &old->layer[last];
    for (int64_t i = 0; i < in->n_in; i++) {
        int64_t from = ctl->warm_item[i];
        if (from >= old_in->n_in)
            AKIN_FAIL(AKIN_E_ARG, "%s: item %" PRId64 " of the earlier model (it has %" PRId64 ")",
                      name, from, old_in->n_in);
        if (from < 0)
            continue;
        memcpy(net->weights + in->at + i * in->n_z, old_in->W + from * in->n_z,
               (size_t)in->n_z * sizeof *net->weights);
        memcpy(net->weights + out->at + i * out->n_in, old_out->W + from * out->n_in,
               (size_t)out->n_in * sizeof *net->weights);
        net->weights[out->at_bias + i] = old_out->b[from];
    }
done:
    return status;
}

static akin_status grown(const struct model *m, int64_t epoch, double rate, akin_error *err)
{
    return error_set(err, AKIN_E_ARG, __FILE__, __LINE__,
                     "%s: the loss grew without bound in epoch %" PRId64
                     " (learning_rate=%g is too high for this data; try %g)",
                     m->cls->name, epoch, rate, rate / 4);
}

/* What an epoch's last step left: a loss would tell only in the next one. */
static bool is_finite(const struct net *net)
{
    bool bad = false;
    for (int64_t i = 0; i < net->n_weights; i++)
        bad |= !(fabsf(net->weights[i]) <= FLT_MAX);
    return !bad;
}

static akin_status run_epochs(struct model *m, struct net_train *t, int64_t epochs,
                              const struct fit_control *ctl, akin_error *err)
{
    akin_status status = AKIN_OK;
    bool stop = false;
    while (t->epoch < epochs && !stop) {
        double loss = 0.0;
        AKIN_TRY(net_train_epoch(t, t->epoch + 1, &loss, err));
        if (!isfinite(loss) || !is_finite(t->net))
            AKIN_TRY(grown(m, t->epoch, t->spec.rate, err));
        if (ctl->epoch)
            AKIN_TRY(ctl->epoch(ctl->arg, m, t->epoch, loss, &stop, err));
    }
done:
    return status;
}

/* On from where a file says that this fit was. */
static akin_status start_again(const struct model *m, struct net_train *t,
                               const struct model *resume, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct network *old = resume->self;
    const struct network_mark *mark = old->mark;
    if (!mark || old->net.n_weights != t->net->n_weights || mark->n_state != net_train_states(t))
        AKIN_FAIL(AKIN_E_FORMAT, "%s: the checkpoint is no state of this fit", m->cls->name);
    memcpy(t->net->weights, old->net.weights, (size_t)t->net->n_weights * sizeof *t->net->weights);
    if (mark->n_state > 0)
        memcpy(t->state, old->state, (size_t)mark->n_state * sizeof *t->state);
    t->epoch = mark->epoch;
    t->steps = mark->steps;
    t->power1 = mark->power1;
    t->power2 = mark->power2;
done:
    return status;
}

akin_status network_fit(struct model *m, const struct network_plan *plan,
                        const struct train_view *tv, const struct fit_control *ctl, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct network *s = m->self;
    struct net_train t = {0};
    struct net_train_spec how = plan->train;
    s->is_binary = how.is_binary;
    AKIN_TRY(shape(m->ctx, m->cls->name, plan, m->items.n, &s->net, err));
    AKIN_TRY(net_begin(&s->net, tv->seed, err));
    if (ctl->warm)
        AKIN_TRY(start_warm(&s->net, &((const struct network *)ctl->warm->self)->net, ctl, err));
    how.seed = tv->seed;
    how.batch = rows_of_batch(how.batch, m->users.n);
    how.kl_steps = plan->kl_epochs * (double)((m->users.n + how.batch - 1) / how.batch);
    AKIN_TRY(net_train_init(&s->net, &tv->by_user, &how, &t, err));
    if (ctl->resume)
        AKIN_TRY(start_again(m, &t, ctl->resume, err));
    s->running = &t;
    AKIN_TRY(run_epochs(m, &t, plan->epochs, ctl, err));
done:
    s->running = NULL;
    net_train_free(&t);
    return status;
}

/* ---- The asker ----------------------------------------------------------------------------- */

akin_status network_fold_in(const void *self, const struct query *q, float *state,
                            struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct network *s = self;
    struct folded h;
    AKIN_TRY(folded_make(&q->hist, (int32_t)s->net.spec.n_in, false, scratch, &h, err));
    for (int32_t j = 0; s->is_binary && j < h.n; j++)
        h.x[j] = 1.0F;
    AKIN_TRY(net_state(&s->net, h.n, h.item, h.x, state, scratch, err));
done:
    return status;
}

void network_vectors(const void *self, struct item_vectors *out)
{
    const struct network *s = self;
    const struct net_layer *last = &s->net.layer[s->net.spec.n_layers - 1];
    *out = (struct item_vectors){last->W, last->b, (int32_t)last->n_in};
}

bool network_is(const struct model *m)
{
    return m->cls->scorer.vectors == network_vectors;
}

bool network_is_by_item(const struct model *m)
{
    const struct network *s = m->self;
    int last = s->net.spec.n_layers - 1;
    return s->net.spec.layer[last].unit != NET_SOFTMAX &&
           !net_unit(s->net.spec.layer[last].unit)->has_slope;
}

void network_answer(const struct model *m, int64_t n, const float *z, float *y)
{
    const struct network *s = m->self;
    int last = s->net.spec.n_layers - 1;
    net_unit(s->net.spec.layer[last].unit)->apply(m->ctx->kern, n, z, s->net.layer[last].slope, y);
}

/* ---- Files --------------------------------------------------------------------------------- */

akin_status network_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct network *s = m->self;
    const struct net_train *t = s->running;
    AKIN_TRY(container_add(w, "m.weights", CONTAINER_REQUIRED, s->net.weights,
                           s->net.n_weights * (int64_t)sizeof *s->net.weights, err));
    if (!t)
        goto done;
    const struct network_mark mark = {t->epoch, t->steps, net_train_states(t), t->power1,
                                      t->power2};
    AKIN_TRY(container_add(w, "m.mark", 0, &mark, sizeof mark, err));
    AKIN_TRY(
        container_add(w, "m.state", 0, t->state, mark.n_state * (int64_t)sizeof *t->state, err));
done:
    return status;
}

static akin_status load_mark(struct model *m, struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct network *s = m->self;
    const void *data;
    int64_t n;
    AKIN_TRY(container_get(c, "m.mark", sizeof *s->mark, true, &data, &n, err));
    if (!data)
        goto done;
    const struct network_mark *mark = data;
    bool ok = n == 1 && mark->epoch >= 0 && mark->steps >= 0 && mark->n_state >= 0 &&
              mark->n_state <= 4 * s->net.n_weights && mark->power1 >= 0.0 && mark->power1 <= 1.0 &&
              mark->power2 >= 0.0 && mark->power2 <= 1.0;
    if (!ok)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.mark is damaged", container_path(c));
    AKIN_TRY(model_load_floats(m->ctx, c, "m.state", mark->n_state, &s->state, err));
    s->mark = mark;
done:
    return status;
}

akin_status network_load(struct model *m, const struct network_plan *plan, struct container *c,
                         akin_error *err)
{
    akin_status status = AKIN_OK;
    struct network *s = m->self;
    const float *weights;
    akin_error inner = {0};
    s->is_binary = plan->train.is_binary;
    status = shape(m->ctx, m->cls->name, plan, m->items.n, &s->net, &inner);
    if (status != AKIN_OK)
        AKIN_FAIL(status == AKIN_E_ARG ? AKIN_E_FORMAT : status, "%s: %s", container_path(c),
                  inner.message);
    AKIN_TRY(model_load_floats(m->ctx, c, "m.weights", s->net.n_weights, &weights, err));
    net_map(&s->net, weights);
    AKIN_TRY(load_mark(m, c, err));
done:
    return status;
}

void network_destroy(struct model *m)
{
    struct network *s = m->self;
    net_free(&s->net);
}

void network_estimate(const struct network_plan *plan, int64_t n_users, int64_t n_items,
                      int64_t nnz, double *bytes, double *flops)
{
    struct net net;
    struct net_train_spec how = plan->train;
    *bytes = *flops = 0.0;
    if (shape(NULL, "", plan, n_items, &net, NULL) != AKIN_OK)
        return;
    how.batch = rows_of_batch(how.batch, n_users);
    const struct net_layer *out = &net.layer[net.spec.n_layers - 1];
    double users = (double)n_users, steps = ceil(users / (double)how.batch);
    double dense = (double)net.n_weights - (double)net.layer[0].end;
    if (how.negatives > 0) { /* of the output only the columns of a step */
        double own = (double)nnz / (users > 0 ? users : 1) * (double)how.batch;
        double columns = fmin((double)n_items, own + (double)how.negatives);
        dense += (columns - (double)n_items) * (double)out->n_in;
    }
    *bytes = 4.0 * (double)net.n_weights + net_train_bytes(&net, &how, users, (double)nnz, 2);
    *flops = (double)plan->epochs *
             (users * (6.0 * dense + 30.0 * (double)n_items) +
              4.0 * (double)nnz * (double)net.layer[0].n_z + 30.0 * steps * (double)net.n_weights);
}
