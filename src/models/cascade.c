/*
 * cascade: the first model chooses candidates, the second orders them (Burke 2002,
 * doi:10.1023/A:1021240730564); a third may order the best of the second, and so on.
 *
 * The first part's best `depth` items that the asker does not have are candidates, and what she has
 * that scores as high. The second scores these by id; with more parts, the best depth / 4 of them
 * go on to the third. Scores are the last part's; all other items have no value.
 *
 * Cost: the first part's scores of all items, the others' of some. Not done: candidates that know a
 * filter (what it leaves of them is followed by popular items, so `depth` is to be well over k).
 */
#include "models/model_impl.h"
#include "models/parts.h"

#include <stdlib.h>

struct cascade_params {
    json_t *of;
    int64_t depth;
};

static const akin_param cascade_rows[] = {
    PARAM_LIST(struct cascade_params, of, PARTS_DEFAULT, 0,
               PARTS_OF_HELP ", the one that chooses first"),
    PARAM_INT(struct cascade_params, depth, "500", 1, 1000000, "items",
              AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,
              "candidates of the first part; each later one gets a quarter of those before"),
};

struct cascade {
    const struct model *owner;
};

static akin_status cascade_fit(struct model *m, const struct train_view *tv,
                               const struct fit_control *ctl, akin_error *err)
{
    (void)tv;
    (void)ctl;
    (void)err;
    ((struct cascade *)m->self)->owner = m;
    return AKIN_OK;
}

static int by_id(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* The best `most` of n scored ids, ascending, in place. */
static akin_status cut(int32_t *ids, const float *score, int32_t *n, int32_t most,
                       struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct topk t;
    struct ranked *top = arena_alloc(scratch, most, sizeof *top, err);
    if (!top)
        AKIN_TRY(AKIN_E_MEMORY);
    topk_init(&t, top, most);
    for (int32_t i = 0; i < *n; i++) {
        if (score[i] > UNSCORED)
            topk_push(&t, ids[i], score[i]);
    }
    for (int32_t i = 0; i < t.n; i++)
        ids[i] = top[i].item;
    *n = t.n;
    qsort(ids, (size_t)*n, sizeof *ids, by_id);
done:
    return status;
}

static akin_status cascade_evidence(const void *self_, const struct query *q, struct evidence *out,
                                    struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct model *m = ((const struct cascade *)self_)->owner;
    int64_t depth = ((const struct cascade_params *)m->params)->depth;
    struct parts_place *place;
    int32_t n, *ids;
    float *all, *score;
    AKIN_TRY(parts_top(m, 0, q, (int32_t)depth, &place, &n, &all, scratch, err));
    if (!(ids = arena_alloc(scratch, n, sizeof *ids, err)) ||
        !(score = arena_alloc(scratch, n, sizeof *score, err)))
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t i = 0; i < n; i++) {
        ids[i] = place[i].item;
        score[i] = place[i].score;
    }
    qsort(ids, (size_t)n, sizeof *ids, by_id);
    for (int32_t i = 0; i < n; i++)
        score[i] = all[ids[i]];
    for (int32_t p = 1; p < m->n_parts; p++) {
        if (p > 1) {
            depth = depth / 4 > 0 ? depth / 4 : 1;
            AKIN_TRY(cut(ids, score, &n, (int32_t)(depth < n ? depth : n), scratch, err));
        }
        const struct item_set set = {.ids = ids, .n = n};
        AKIN_TRY(dense_score(&m->ask[p], q, 1, &set, score, n, scratch, err));
    }
    for (int32_t i = 0; i < n; i++) {
        if (score[i] > UNSCORED)
            evidence_add(out, ids[i], score[i]);
    }
done:
    return status;
}

static akin_status cascade_explain(const void *self_, const struct query *q, int32_t item,
                                   struct reason *out, int32_t max, int32_t *n,
                                   struct arena *scratch, akin_error *err)
{
    const struct model *m = ((const struct cascade *)self_)->owner;
    double weight[PARTS_MAX] = {0};
    weight[m->n_parts - 1] = 1;
    return parts_explain(m, q, item, weight, out, max, n, scratch, err);
}

static akin_status cascade_similar(const void *self, int32_t item, struct evidence *out,
                                   struct arena *scratch, akin_error *err)
{
    return parts_similar(((const struct cascade *)self)->owner, item, out, scratch, err);
}

static akin_status cascade_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    (void)m;
    (void)w;
    (void)err;
    return AKIN_OK; /* the parameters say all */
}

static akin_status cascade_load(struct model *m, struct container *c, akin_error *err)
{
    (void)c;
    return cascade_fit(m, NULL, NULL, err);
}

static void cascade_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                             double *bytes, double *flops)
{
    (void)params;
    (void)n_users;
    *bytes = 24.0 * (double)n_items;
    *flops = (double)nnz;
}

const struct model_class model_cascade = {
    .name = "cascade",
    .summary = "candidates of one model, ordered by the next",
    .flags = MODEL_COMPOSITE,
    .params = cascade_rows,
    .n_params = PARAM_COUNT(cascade_rows),
    .params_size = sizeof(struct cascade_params),
    .self_size = sizeof(struct cascade),
    .fit = cascade_fit,
    .scorer = {.evidence = cascade_evidence,
               .explain = cascade_explain,
               .similar = cascade_similar},
    .context = parts_context,
    .save = cascade_save,
    .load = cascade_load,
    .estimate = cascade_estimate,
};
