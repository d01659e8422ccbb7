/*
 * fm: a factorization machine over who, what and where (Rendle 2010, doi:10.1109/ICDM.2010.127;
 * 2012, doi:10.1145/2168752.2168771).
 *
 *   ŷ = base + Σ_j w_j x_j + Σ_{j<j'} v_j·v_j' x_j x_j'
 *
 * over the features of an event: the user and her columns, the item with categories, numbers and
 * tags, the columns of the event itself (device, place, company). regression learns values by
 * squared error, classification whether an event is a positive by logistic loss, ranking the same
 * of events and of items drawn beside them. mcmc samples all parameters with their priors, als
 * solves them in turn at reg.
 *
 * The data: machine_columns.c, machine_events.c, machine_asker.c (shared with ffm); training:
 * fm_fit.c, fm_side.c, fm_step.c; classes: fm_latent.c; askers' rows, reasons: fm_ask.c. Not here:
 * interactions of more than two features, sets of earlier items as features (bmf has those).
 */
#include "models/fm.h"

static const akin_param fm_rows[] = {
    PARAM_CHOICE(struct fm_params, task, "regression", FM_TASKS, 0,
                 "what is learnt: values; which events are positives; events against items drawn "
                 "at random"),
    PARAM_CHOICE(
        struct fm_params, solver, "mcmc", "mcmc|als|sgd|adagrad", 0,
        "mcmc: the mean over samples, with priors that are learnt; als: one solution at reg; sgd, "
        "adagrad: the same by gradients of batches"),
    PARAM_INT(struct fm_params, factors, "8", 1, 512, "", AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,
              "length of the vectors of features"),
    PARAM_INT(struct fm_params, samples, "16", 1, 10000, "", 0,
              "mcmc: samples kept; files and requests grow with them"),
    PARAM_INT(struct fm_params, burn_in, "20", 0, 1000000, "sweeps", 0,
              "mcmc: sweeps before the first sample is kept"),
    PARAM_INT(struct fm_params, thin, "8", 1, 100000, "sweeps", 0,
              "mcmc: sweeps from one kept sample to the next"),
    PARAM_INT(struct fm_params, epochs, "20", 1, 100000, "", AKIN_PARAM_TUNE,
              "all but mcmc: sweeps over the events"),
    PARAM_REAL(struct fm_params, reg, "10", 1e-6, 1e9, "", AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,
               "all but mcmc: weight of the squares of vectors, of values of variance 1"),
    PARAM_REAL(struct fm_params, linear_reg, "2", 1e-6, 1e9, "",
               AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG, "all but mcmc: the same of biases"),
    PARAM_REAL(struct fm_params, noise, "0.75", 0.001, 1000, "", AKIN_PARAM_TUNE,
               "mcmc, regression: least standard deviation of a value around its prediction, in "
               "units of that of all values; above it is drawn"),
    PARAM_REAL(struct fm_params, learning_rate, "0", 0, 1e3, "", 0,
               "sgd, adagrad: length of a step; 0 = 0.01 of sgd, 0.1 of adagrad"),
    PARAM_INT(struct fm_params, batch, "1024", 1, 1000000, "events", 0,
              "sgd, adagrad: events between two steps"),
    PARAM_REAL(struct fm_params, stddev, "0.1", 1e-9, 1e3, "", 0,
               "sgd, adagrad: standard deviation of vectors at first"),
    PARAM_INT(struct fm_params, negatives, "4", 1, 1000, "", AKIN_PARAM_TUNE,
              "ranking: items drawn beside each positive"),
    PARAM_LIST(
        struct fm_params, columns, NULL, 0,
        "names of the columns of items, users and events to go by, texts by their words; all "
        "but texts if none"),
    PARAM_BOOL(struct fm_params, tags, "true", AKIN_PARAM_TUNE, "go by tags of items"),
    PARAM_BOOL(struct fm_params, user_features, "true", AKIN_PARAM_TUNE, "go by columns of users"),
    PARAM_BOOL(struct fm_params, item_features, "true", AKIN_PARAM_TUNE,
               "go by columns and tags of items"),
    PARAM_BOOL(struct fm_params, context, "true", AKIN_PARAM_TUNE,
               "go by columns of events, which requests may name then"),
};

void fm_init(struct model *m, uint64_t seed)
{
    const struct fm_params *p = m->params;
    struct fm *s = m->self;
    *s = (struct fm){
        .known = {.ctx = m->ctx,
                  .owner = m,
                  .choice = {m->cls->name, p->task, p->negatives, p->columns, p->tags != 0,
                             p->user_features != 0, p->item_features != 0, p->context != 0},
                  .n_items = m->items.n,
                  .seed = seed},
        .params = p,
        .k = p->factors,
        .k1 = p->factors + 1,
        .S = fm_samples(p)};
}

static uint32_t fm_flags(const struct model *m)
{
    const struct fm_params *p = m->params;
    return fm_task_flags(p->task);
}

static const struct features *fm_context(const struct model *m)
{
    const struct fm *s = m->self;
    return s->known.spec[FM_CONTEXT];
}

static void fm_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                        double *bytes, double *flops)
{
    /* tables are not known here: as if an event had four attributes */
    const struct fm_params *p = params;
    double k1 = (double)p->factors + 1, rows = (double)n_users + (double)n_items;
    double events = (double)nnz * (p->task == FM_RANKING ? 1 + (double)p->negatives : 1);
    double sweeps = (double)(p->solver == FM_MCMC ? p->burn_in + p->samples * p->thin : p->epochs);
    *bytes = 4 * (double)n_items * (double)fm_samples(p) * (2 * k1 + 1) + 40 * events +
             rows * (8 * k1 + 72);
    if (p->solver == FM_SGD || p->solver == FM_ADAGRAD) {
        *bytes += 16 * 6 * events;
        *flops = 6 * events * (150 + 12 * k1 * sweeps);
        return;
    }
    *flops = sweeps * (6 * events * (k1 * k1 + 16 * k1) + rows * (k1 * k1 * k1 / 3 + 40 * k1));
}

const struct model_class model_fm = {
    .name = "fm",
    .summary = "factorization machine over users, items, their attributes and the context",
    .flags = MODEL_WANTS_VALUES,
    .params = fm_rows,
    .n_params = PARAM_COUNT(fm_rows),
    .params_size = sizeof(struct fm_params),
    .self_size = sizeof(struct fm),
    .fit = fm_fit,
    .scorer = {.vectors = fm_vectors,
               .fold_in = fm_fold_in,
               .explain = fm_explain,
               .similar = fm_similar,
               .fold_in_item = fm_fold_in_item,
               .score_states = fm_score_states,
               .explain_state = fm_explain_state},
    .scorer_flags = fm_flags,
    .context = fm_context,
    .save = fm_save,
    .load = fm_load,
    .destroy = fm_destroy,
    .estimate = fm_estimate,
};
