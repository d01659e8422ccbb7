/*
 * A model in one file and one line (`cases` below stands for the registry's): users who share an
 * item vote for their other items. It keeps the whole contract by that alone.
 */
#include "contract.h"

struct toy_params {
    double damping;
};

struct toy_self {
    akin_ctx *ctx;
    const struct toy_params *params;
    int32_t n_items;
    const float *near; /* (n_items, n_items) votes */
    bool is_mapped;
};

static const akin_param toy_rows[] = {
    PARAM_REAL(struct toy_params, damping, "1", 0, 100, "", AKIN_PARAM_TUNE,
               "votes of nobody, against rare items"),
};

static akin_status toy_fit(struct model *m, const struct train_view *tv,
                           const struct fit_control *ctl, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct toy_self *self = m->self;
    const struct csr *a = &tv->by_user;
    int64_t n = m->items.n;
    float *near = NULL;
    (void)ctl;
    self->ctx = m->ctx;
    self->params = m->params;
    self->n_items = (int32_t)n;
    MEM_ZERO(m->ctx, near, n * n);
    self->near = near;
    for (int64_t u = 0; u < a->n_rows; u++) {
        AKIN_TRY(ctx_check(m->ctx, err));
        for (int64_t x = a->ptr[u]; x < a->ptr[u + 1]; x++)
            for (int64_t y = a->ptr[u]; y < a->ptr[u + 1]; y++)
                near[a->col[x] * n + a->col[y]] += 1.0f;
    }
    for (int64_t i = 0; i < n; i++) {
        float total = near[i * n + i] + (float)self->params->damping;
        for (int64_t j = 0; j < n && total > 0.0f; j++)
            near[i * n + j] /= total;
    }
done:
    return status;
}

static akin_status toy_evidence(const void *self, const struct query *q, struct evidence *out,
                                struct arena *scratch, akin_error *err)
{
    const struct toy_self *s = self;
    int32_t *item = arena_alloc(scratch, q->hist.n, sizeof *item, err);
    float *weight = arena_alloc(scratch, q->hist.n, sizeof *weight, err);
    if (!item || !weight)
        return AKIN_E_MEMORY;
    int32_t n = history_fold(&q->hist, item, weight);
    for (int32_t e = 0; e < n; e++)
        for (int32_t j = 0; j < s->n_items; j++)
            if (s->near[(int64_t)item[e] * s->n_items + j] > 0.0f)
                evidence_add(out, j, weight[e] * s->near[(int64_t)item[e] * s->n_items + j]);
    return AKIN_OK;
}

static akin_status toy_similar(const void *self, int32_t item, struct evidence *out,
                               struct arena *scratch, akin_error *err)
{
    const struct toy_self *s = self;
    (void)scratch;
    (void)err;
    for (int32_t j = 0; j < s->n_items; j++)
        if (j != item && s->near[(int64_t)item * s->n_items + j] > 0.0f)
            evidence_add(out, j, s->near[(int64_t)item * s->n_items + j]);
    return AKIN_OK;
}

static akin_status toy_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    const struct toy_self *s = m->self;
    int64_t n = s->n_items;
    return container_add(w, "m.near", CONTAINER_REQUIRED, s->near, n * n * (int64_t)sizeof *s->near,
                         err);
}

static akin_status toy_load(struct model *m, struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct toy_self *s = m->self;
    const void *data;
    int64_t n;
    s->ctx = m->ctx;
    s->params = m->params;
    s->n_items = m->items.n;
    s->is_mapped = true;
    AKIN_TRY(container_get(c, "m.near", sizeof *s->near, false, &data, &n, err));
    if (n != (int64_t)s->n_items * s->n_items)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.near does not fit", container_path(c));
    s->near = data;
done:
    return status;
}

static void toy_destroy(struct model *m)
{
    const struct toy_self *s = m->self;
    union {
        const float *in;
        void *out;
    } cast = {s->near};
    if (!s->is_mapped)
        mem_free(m->ctx, cast.out);
}

static const struct model_class model_toy = {
    .name = "toy",
    .summary = "co-occurrence, for the tests",
    .flags = MODEL_CLOSED_FORM,
    .params = toy_rows,
    .n_params = PARAM_COUNT(toy_rows),
    .params_size = sizeof(struct toy_params),
    .self_size = sizeof(struct toy_self),
    .fit = toy_fit,
    .scorer = {.evidence = toy_evidence, .similar = toy_similar},
    .save = toy_save,
    .load = toy_load,
    .destroy = toy_destroy,
};

int main(void)
{
    static const struct contract_case cases[] = {{&model_toy, NULL, false}};
    return contract_run(cases, sizeof cases / sizeof cases[0]);
}
