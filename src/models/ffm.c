/*
 * ffm: a factorization machine with fields (Juan, Zhuang, Chin, Lin 2016,
 * doi:10.1145/2959100.2959134): a feature has one vector for each field that it may meet.
 *
 *   ŷ = base + Σ_j w_j x_j + Σ_{j<j'} (v_{j,f(j')} · v_{j',f(j)}) x_j x_j'
 *
 * Features are those of fm; a field is who, what, or one column of either or of the event. Values
 * by squared error, classes and rankings by logistic loss, adagrad on minibatches (machine_sgd.c).
 *
 * Training: ffm_fit.c; askers, late items, reasons: ffm_ask.c; the data: machine_columns.c,
 * machine_events.c, machine_asker.c, machine_file.c. Not here: samples of the posterior (fm has
 * those), warm start.
 */
#include "models/ffm.h"
#include "models/model_impl.h"

#include <string.h>

static const akin_param ffm_rows[] = {
    PARAM_CHOICE(struct ffm_params, task, "regression", FM_TASKS, 0,
                 "what is learnt: values; which events are positives; events against items drawn "
                 "at random"),
    PARAM_INT(struct ffm_params, factors, "4", 1, 512, "", AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,
              "length of the vector that a feature has for each field"),
    PARAM_INT(struct ffm_params, epochs, "20", 1, 100000, "", AKIN_PARAM_TUNE,
              "sweeps over the events"),
    PARAM_REAL(struct ffm_params, learning_rate, "0.1", 1e-9, 1e3, "",
               AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG, "length of a step of adagrad"),
    PARAM_INT(struct ffm_params, batch, "1024", 1, 1000000, "events", 0,
              "events between two steps"),
    PARAM_REAL(struct ffm_params, reg, "10", 1e-6, 1e9, "", AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,
               "weight of the squares of vectors, of values of variance 1"),
    PARAM_REAL(struct ffm_params, linear_reg, "2", 1e-6, 1e9, "",
               AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG, "the same of biases"),
    PARAM_REAL(struct ffm_params, stddev, "0.1", 1e-9, 1e3, "", 0,
               "standard deviation of vectors at first"),
    PARAM_INT(struct ffm_params, negatives, "4", 1, 1000, "", AKIN_PARAM_TUNE,
              "ranking: items drawn beside each positive"),
    PARAM_LIST(
        struct ffm_params, columns, NULL, 0,
        "names of the columns of items, users and events to go by, texts by their words; all "
        "but texts if none"),
    PARAM_BOOL(struct ffm_params, tags, "true", AKIN_PARAM_TUNE, "go by tags of items"),
    PARAM_BOOL(struct ffm_params, user_features, "true", AKIN_PARAM_TUNE, "go by columns of users"),
    PARAM_BOOL(struct ffm_params, item_features, "true", AKIN_PARAM_TUNE,
               "go by columns and tags of items"),
    PARAM_BOOL(struct ffm_params, context, "true", AKIN_PARAM_TUNE,
               "go by columns of events, which requests may name then"),
};

void ffm_init(struct model *m, uint64_t seed)
{
    const struct ffm_params *p = m->params;
    struct ffm *s = m->self;
    *s = (struct ffm){
        .known = {.ctx = m->ctx,
                  .owner = m,
                  .choice = {m->cls->name, p->task, p->negatives, p->columns, p->tags != 0,
                             p->user_features != 0, p->item_features != 0, p->context != 0},
                  .n_items = m->items.n,
                  .seed = seed},
        .params = p,
        .k = p->factors};
}

/* Of a side's attributes, from `next` on. */
static akin_status number_side(struct ffm *s, enum fm_side_of side, int32_t *next, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct features *spec = s->known.spec[side];
    int32_t n = (int32_t)fm_count(&s->known, side);
    MEM_NEW(s->known.ctx, s->field[side], n);
    for (int32_t j = 0; j < n; ++*next)
        for (int32_t end = features_column_end(spec, j); j < end; j++)
            s->field[side][j] = *next;
done:
    return status;
}

akin_status ffm_number_fields(struct ffm *s, akin_error *err)
{
    enum { MANY = 256 };
    akin_status status = AKIN_OK;
    int32_t next = 1;
    AKIN_TRY(number_side(s, FM_ITEMS, &next, err));
    s->n_b = next++;
    AKIN_TRY(number_side(s, FM_USERS, &next, err));
    AKIN_TRY(number_side(s, FM_CONTEXT, &next, err));
    if (next > MANY)
        AKIN_FAIL(AKIN_E_LIMIT, "%s: %d columns to go by (at most %d); say which by columns",
                  s->known.choice.model, next, MANY);
    s->F = next;
    s->n_a = s->F - s->n_b;
    s->width = s->F * s->k + 1;
    s->dim = s->n_a * s->n_b * s->k + 1;
done:
    return status;
}

void ffm_item_vector(const struct ffm *s, const float *T, float *out)
{
    for (int64_t a = 0; a < s->n_a; a++)
        for (int64_t b = 0; b < s->n_b; b++)
            memcpy(out + (a * s->n_b + b) * s->k, T + b * s->width + (s->n_b + a) * s->k,
                   (size_t)s->k * sizeof *out);
    out[s->dim - 1] = 1;
}

/* ---- Files ---- */

struct section {
    const char *name;
    const float **field;
    int64_t n;
};
enum { N_SECTIONS = 3 + FM_SIDES };

static void sections(struct ffm *s, struct section out[N_SECTIONS])
{
    static const char *const theta[FM_SIDES] = {"m.item.theta", "m.context.theta", "m.user.theta"};
    out[0] = (struct section){"m.items", &s->items, s->known.n_items * s->dim};
    out[1] = (struct section){"m.offset", &s->offset, s->known.n_items};
    out[2] = (struct section){"m.bias", &s->bias, s->known.n_items};
    for (int side = 0; side < FM_SIDES; side++)
        out[3 + side] =
            (struct section){theta[side], &s->theta[side], fm_count(&s->known, side) * s->width};
}

static akin_status ffm_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct ffm s = *(const struct ffm *)m->self;
    struct section part[N_SECTIONS];
    AKIN_TRY(fm_known_save(&s.known, w, err));
    sections(&s, part);
    for (int i = 0; i < N_SECTIONS; i++)
        if (part[i].n > 0)
            AKIN_TRY(container_add(w, part[i].name, CONTAINER_REQUIRED, *part[i].field,
                                   part[i].n * (int64_t)sizeof(float), err));
done:
    return status;
}

static akin_status ffm_load(struct model *m, struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct ffm *s = m->self;
    struct section part[N_SECTIONS];
    ffm_init(m, 0);
    AKIN_TRY(fm_known_load(&s->known, c, err));
    AKIN_TRY(ffm_number_fields(s, err));
    sections(s, part);
    for (int i = 0; i < N_SECTIONS; i++)
        if (part[i].n > 0)
            AKIN_TRY(model_load_floats(m->ctx, c, part[i].name, part[i].n, part[i].field, err));
done:
    return status;
}

static void ffm_destroy(struct model *m)
{
    struct ffm *s = m->self;
    fm_known_free(&s->known);
    for (int side = 0; side < FM_SIDES; side++)
        mem_free(m->ctx, s->field[side]);
    if (s->known.is_mapped)
        return;
    for (int side = 0; side < FM_SIDES; side++)
        model_free_array(m->ctx, s->theta[side]);
    model_free_array(m->ctx, s->items);
    model_free_array(m->ctx, s->offset);
    model_free_array(m->ctx, s->bias);
}

/* ---- The class ---- */

static uint32_t ffm_flags(const struct model *m)
{
    const struct ffm_params *p = m->params;
    return fm_task_flags(p->task);
}

static const struct features *ffm_context(const struct model *m)
{
    const struct ffm *s = m->self;
    return s->known.spec[FM_CONTEXT];
}

static void ffm_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                         double *bytes, double *flops)
{
    /* tables are not known here: as if an event had four attributes, a field each */
    const struct ffm_params *p = params;
    double F = 6, width = F * (double)p->factors + 1, rows = (double)n_users + (double)n_items;
    double events = (double)nnz * (p->task == FM_RANKING ? 1 + (double)p->negatives : 1);
    *bytes = events * (24 + 16 * F) + rows * (8 * width + 40) +
             4 * (double)n_items * 9 * (double)p->factors + 4 * (double)p->batch * F * width;
    *flops = events * F * (150 + 12 * width * (double)p->epochs);
}

const struct model_class model_ffm = {
    .name = "ffm",
    .summary = "factorization machine with fields: a vector of a feature for each that it meets",
    .flags = MODEL_WANTS_VALUES,
    .params = ffm_rows,
    .n_params = PARAM_COUNT(ffm_rows),
    .params_size = sizeof(struct ffm_params),
    .self_size = sizeof(struct ffm),
    .fit = ffm_fit,
    .scorer = {.vectors = ffm_vectors,
               .fold_in = ffm_fold_in,
               .explain = ffm_explain,
               .similar = ffm_similar,
               .fold_in_item = ffm_fold_in_item,
               .score_states = ffm_score_states,
               .explain_state = ffm_explain_state},
    .scorer_flags = ffm_flags,
    .context = ffm_context,
    .save = ffm_save,
    .load = ffm_load,
    .destroy = ffm_destroy,
    .estimate = ffm_estimate,
};
