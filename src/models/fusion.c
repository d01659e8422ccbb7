/*
 * fusion: the lists of other models become one list, by rank alone.
 *
 * rrf    score(i) = Σ_p w_p / (k + rank_p(i))      (Cormack, Clarke and Büttcher 2009,
 *                                                  doi:10.1145/1571941.1572114)
 * borda  score(i) = Σ_p w_p · (depth + 1 - rank_p(i)) / depth
 * over the parts whose best `depth` hold i; ranks are among the items that the asker does not
 * have, and an item that she has takes the rank that it would have there. Items in no list have no
 * value. Nothing is learnt beside the parts: scales do not matter.
 *
 * Cost: the parts' scores of all items and a top-k each. Not done: lists that know a filter (what
 * it leaves of the fused list is followed by popular items, so `depth` is to be well over k).
 */
#include "models/model_impl.h"
#include "models/parts.h"

enum { RRF, BORDA };

struct fusion_params {
    json_t *of;
    json_t *weights;
    int64_t method;
    int64_t depth;
    double k;
};

static const akin_param fusion_rows[] = {
    PARAM_LIST(struct fusion_params, of, PARTS_DEFAULT, 0, PARTS_OF_HELP),
    PARAM_LIST(struct fusion_params, weights, NULL, 0,
               "weight of each part, 0..1e6; not given: all 1"),
    PARAM_CHOICE(struct fusion_params, method, "rrf", "rrf|borda", AKIN_PARAM_TUNE,
                 "what a rank is worth: 1 / (k + rank), or falling evenly"),
    PARAM_INT(struct fusion_params, depth, "200", 1, 100000, "items", 0,
              "of each part's list that count"),
    PARAM_REAL(struct fusion_params, k, "60", 0, 1e6, "", AKIN_PARAM_TUNE,
               "rrf: how little the first ranks stand out"),
};

struct fusion {
    const struct model *owner;
    double weight[PARTS_MAX];
};

static akin_status fusion_open(struct model *m, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct fusion *self = m->self;
    const struct fusion_params *p = m->params;
    double sum = 0;
    self->owner = m;
    AKIN_TRY(parts_numbers(m, "weights", p->weights, 1, 0, 1e6, self->weight, err));
    for (int32_t i = 0; i < m->n_parts; i++)
        sum += self->weight[i];
    if (!(sum > 0))
        AKIN_FAIL(AKIN_E_ARG, "%s: weights are all 0 (at least one must be more)", m->cls->name);
done:
    return status;
}

static akin_status fusion_fit(struct model *m, const struct train_view *tv,
                              const struct fit_control *ctl, akin_error *err)
{
    (void)tv;
    (void)ctl;
    return fusion_open(m, err);
}

static double worth(const struct fusion_params *p, int32_t rank)
{
    if (p->method == RRF)
        return 1 / (p->k + (double)rank);
    return ((double)p->depth + 1 - (double)rank) / (double)p->depth;
}

static akin_status fusion_evidence(const void *self_, const struct query *q, struct evidence *out,
                                   struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct fusion *self = self_;
    const struct model *m = self->owner;
    const struct fusion_params *params = m->params;
    int32_t depth = (int32_t)params->depth;
    for (int32_t p = 0; p < m->n_parts; p++) {
        struct parts_place *place;
        float *score;
        int32_t n;
        if (!(self->weight[p] > 0))
            continue;
        AKIN_TRY(parts_top(m, p, q, depth, &place, &n, &score, scratch, err));
        for (int32_t j = 0; j < n; j++)
            evidence_add(out, place[j].item,
                         (float)(self->weight[p] * worth(params, place[j].rank)));
    }
done:
    return status;
}

/* A part's reasons count by what its rank of the item adds, shared as the part shares its score. */
static akin_status fusion_explain(const void *self_, const struct query *q, int32_t item,
                                  struct reason *out, int32_t max, int32_t *n,
                                  struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct fusion *self = self_;
    const struct model *m = self->owner;
    const struct fusion_params *params = m->params;
    double weight[PARTS_MAX] = {0};
    *n = 0;
    for (int32_t p = 0; p < m->n_parts; p++) {
        struct parts_place *place;
        float *score;
        int32_t n_top;
        if (!(self->weight[p] > 0))
            continue;
        AKIN_TRY(parts_top(m, p, q, (int32_t)params->depth, &place, &n_top, &score, scratch, err));
        for (int32_t j = 0; j < n_top; j++) {
            if (place[j].item == item)
                weight[p] = self->weight[p] * worth(params, place[j].rank) /
                            (fabs((double)place[j].score) + 1e-12);
        }
    }
    AKIN_TRY(parts_explain(m, q, item, weight, out, max, n, scratch, err));
done:
    return status;
}

static akin_status fusion_similar(const void *self, int32_t item, struct evidence *out,
                                  struct arena *scratch, akin_error *err)
{
    return parts_similar(((const struct fusion *)self)->owner, item, out, scratch, err);
}

static uint32_t fusion_flags(const struct model *m)
{
    (void)m; /* even of parts that ignore the asker: what she has takes no rank */
    return 0;
}

static akin_status fusion_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    (void)m;
    (void)w;
    (void)err;
    return AKIN_OK; /* the parameters say all */
}

static akin_status fusion_load(struct model *m, struct container *c, akin_error *err)
{
    (void)c;
    akin_status status = fusion_open(m, err);
    return status == AKIN_E_ARG ? AKIN_E_FORMAT : status;
}

static void fusion_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                            double *bytes, double *flops)
{
    (void)params;
    (void)n_users;
    *bytes = 24.0 * (double)n_items;
    *flops = (double)nnz;
}

const struct model_class model_fusion = {
    .name = "fusion",
    .summary = "other models' lists fused by rank (reciprocal rank, Borda)",
    .flags = MODEL_COMPOSITE,
    .params = fusion_rows,
    .n_params = PARAM_COUNT(fusion_rows),
    .params_size = sizeof(struct fusion_params),
    .self_size = sizeof(struct fusion),
    .fit = fusion_fit,
    .scorer = {.evidence = fusion_evidence, .explain = fusion_explain, .similar = fusion_similar},
    .scorer_flags = fusion_flags,
    .context = parts_context,
    .save = fusion_save,
    .load = fusion_load,
    .estimate = fusion_estimate,
};
