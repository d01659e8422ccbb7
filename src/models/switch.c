/*
 * switch: which of several models answers depends on how much is known.
 *
 * by=user  the events of the asker's history choose: the first part below thresholds[0], the second
 *          from there to below thresholds[1], … Its scores are taken as they are.
 * by=item  the users of the item in training choose, so that one list holds items of several
 *          parts; scores are brought onto one scale: (s - mean) / sd, as in blend.
 * (Switching hybrid: Burke 2002, doi:10.1023/A:1021240730564.)
 *
 * Cost: by=user that of one part; by=item of all. Not done: thresholds found by themselves (a
 * parameter of the tuner's would not know how many there are).
 */
#include "core/text.h"
#include "models/model_impl.h"
#include "models/parts.h"

#include <stdlib.h>
#include <string.h>

enum { BY_USER, BY_ITEM };

struct switch_params {
    json_t *of;
    int64_t by;
    json_t *thresholds;
    int64_t sample;
};

static const akin_param switch_rows[] = {
    PARAM_LIST(struct switch_params, of, PARTS_DEFAULT, 0, PARTS_OF_HELP ", the coldest first"),
    PARAM_CHOICE(struct switch_params, by, "user", "user|item", 0,
                 "events of the asker, or users of the item"),
    PARAM_LIST(struct switch_params, thresholds, NULL, 0,
               "ascending, one fewer than parts: the second part answers from the first of them "
               "on; not given: 5, 10, 20, … doubling"),
    PARAM_INT(struct switch_params, sample, "200", 1, 1000000, "users", 0,
              "by=item: about so many, by a hash, say what a part's scores are like"),
};

struct switched {
    const struct model *owner;
    double from[PARTS_MAX]; /* (n_parts) the least that a part answers; the first one's is 0 */
    struct parts_scale scale[PARTS_MAX];
};

static akin_status switch_open(struct model *m, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct switched *self = m->self;
    const struct switch_params *p = m->params;
    size_t n = json_array_size(p->thresholds);
    double from = 5;
    self->owner = m;
    if (p->thresholds && n + 1 != (size_t)m->n_parts)
        AKIN_FAIL(AKIN_E_ARG, "%s: %zu thresholds for %d parts (must be one fewer than parts)",
                  m->cls->name, n, m->n_parts);
    for (int32_t i = 1; i < m->n_parts; i++, from *= 2) {
        const json_t *given = p->thresholds ? json_array_get(p->thresholds, (size_t)i - 1) : NULL;
        const char *text = json_string_value(given);
        self->from[i] = given ? json_number_value(given) : from;
        if ((text && !text_to_double(text, strlen(text), &self->from[i])) ||
            !(self->from[i] >= 0 && self->from[i] <= 1e9) || self->from[i] < self->from[i - 1])
            AKIN_FAIL(AKIN_E_ARG, "%s: threshold %d (must be 0..1e9 and ascending)", m->cls->name,
                      i);
    }
done:
    return status;
}

static akin_status switch_fit(struct model *m, const struct train_view *tv,
                              const struct fit_control *ctl, akin_error *err)
{
    (void)ctl;
    akin_status status = AKIN_OK;
    struct switched *self = m->self;
    const struct switch_params *p = m->params;
    AKIN_TRY(switch_open(m, err));
    for (int32_t i = 0; i < m->n_parts; i++)
        self->scale[i] = (struct parts_scale){.inv_sd = 1};
    if (p->by == BY_ITEM)
        AKIN_TRY(parts_scale_fit(m, tv, p->sample, self->scale, err));
done:
    return status;
}

/* The last part whose threshold is reached. */
static int32_t part_for(const struct switched *self, double known)
{
    int32_t p = self->owner->n_parts - 1;
    while (p > 0 && known < self->from[p])
        p--;
    return p;
}

static int32_t part_of(const struct switched *self, const struct query *q, int32_t item)
{
    const struct switch_params *p = self->owner->params;
    return part_for(self,
                    p->by == BY_USER ? (double)q->hist.n : (double)self->owner->item_count[item]);
}

static akin_status score_by_item(const struct switched *self, const struct query *queries,
                                 int32_t n_queries, const struct item_set *set, float *out,
                                 int64_t ldo, struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct model *m = self->owner;
    int32_t n = item_set_size(set);
    float *score = arena_alloc(scratch, (int64_t)n * n_queries, sizeof *score, err);
    if (!score)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t p = 0; p < m->n_parts; p++) {
        AKIN_TRY(dense_score(&m->ask[p], queries, n_queries, set, score, n, scratch, err));
        for (int32_t i = 0; i < n; i++) {
            int32_t item = set->ids ? set->ids[i] : set->lo + i;
            if (part_of(self, queries, item) != p)
                continue;
            for (int32_t j = 0; j < n_queries; j++) {
                float s = score[(int64_t)j * n + i];
                out[j * ldo + i] = s > UNSCORED ? (float)parts_z(&self->scale[p], s) : UNSCORED;
            }
        }
    }
done:
    return status;
}

static akin_status switch_score(const void *self_, const struct query *queries, int32_t n_queries,
                                const struct item_set *set, float *out, int64_t ldo,
                                struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct switched *self = self_;
    const struct model *m = self->owner;
    const struct switch_params *params = m->params;
    if (params->by == BY_ITEM)
        return score_by_item(self, queries, n_queries, set, out, ldo, scratch, err);
    for (int32_t lo = 0, hi; lo < n_queries; lo = hi) {
        int32_t p = part_of(self, &queries[lo], 0);
        for (hi = lo + 1; hi < n_queries && part_of(self, &queries[hi], 0) == p;)
            hi++;
        AKIN_TRY(
            dense_score(&m->ask[p], queries + lo, hi - lo, set, out + lo * ldo, ldo, scratch, err));
    }
done:
    return status;
}

static akin_status switch_explain(const void *self_, const struct query *q, int32_t item,
                                  struct reason *out, int32_t max, int32_t *n,
                                  struct arena *scratch, akin_error *err)
{
    const struct switched *self = self_;
    double weight[PARTS_MAX] = {0};
    int32_t p = part_of(self, q, item);
    weight[p] = self->scale[p].inv_sd;
    return parts_explain(self->owner, q, item, weight, out, max, n, scratch, err);
}

static akin_status switch_similar(const void *self, int32_t item, struct evidence *out,
                                  struct arena *scratch, akin_error *err)
{
    return parts_similar(((const struct switched *)self)->owner, item, out, scratch, err);
}

static uint32_t switch_flags(const struct model *m)
{
    const struct switch_params *p = m->params;
    return p->by == BY_USER ? parts_flags(m) & SCORER_RATES : parts_flags(m) & SCORER_ITEMS_ONLY;
}

static akin_status switch_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    return parts_scale_save(m, ((const struct switched *)m->self)->scale, w, err);
}

static akin_status switch_load(struct model *m, struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(switch_open(m, err));
    AKIN_TRY(parts_scale_load(m, c, ((struct switched *)m->self)->scale, err));
done:
    return status == AKIN_E_ARG ? AKIN_E_FORMAT : status;
}

static void switch_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                            double *bytes, double *flops)
{
    const struct switch_params *p = params;
    double users = (double)(p->sample < n_users ? p->sample : n_users);
    (void)nnz;
    *bytes = 64.0 * users + 9.0 * (double)n_items;
    *flops = p->by == BY_ITEM ? 1000.0 * users * (double)n_items : (double)n_items;
}

const struct model_class model_switch = {
    .name = "switch",
    .summary = "one of several models, by how much is known of the asker or the item",
    .flags = MODEL_COMPOSITE,
    .params = switch_rows,
    .n_params = PARAM_COUNT(switch_rows),
    .params_size = sizeof(struct switch_params),
    .self_size = sizeof(struct switched),
    .fit = switch_fit,
    .scorer = {.score = switch_score, .explain = switch_explain, .similar = switch_similar},
    .scorer_flags = switch_flags,
    .context = parts_context,
    .save = switch_save,
    .load = switch_load,
    .estimate = switch_estimate,
};
