/*
 * together: what is bought together. Items that meet in baskets more than others do.
 *
 * A basket is all of a user's positives, or, with gap_seconds, each run of them without a longer
 * pause. n(i): baskets with i, n(ij): with both, N: all that hold anything. From item j to item i:
 *
 *   count       n(ij)
 *   confidence  n(ij) / n(j), the share of the baskets with j that hold i too
 *   lift        n(ij)·N / (n(i)·n(j)), 1 = no more often than by chance
 *   llr         log-likelihood ratio of the two (Dunning 1993); 0 unless lift > 1
 *
 * Pairs of fewer than min_count baskets are left out; top_n are kept of each item. The score of an
 * item for a basket is the sum of the measure over the basket's distinct items, each once.
 *
 * Cost: fit Σ over baskets of size²; 8 bytes a kept pair; a request adds up top_n numbers an item.
 * Not done: sets of three and more (see `akin itemsets`), order within a basket.
 */
#include "data/baskets.h"
#include "models/model_impl.h"
#include "models/neighbors.h"
#include "solve/cooc.h"
#include "solve/llr.h"

#include <string.h>

enum measure { COUNT, LIFT, LLR, CONFIDENCE };

struct together_params {
    int64_t measure;
    int64_t top_n;
    int64_t min_count;
    int64_t gap_seconds;
};

static const akin_param together_rows[] = {
    PARAM_CHOICE(struct together_params, measure, "llr", "count|lift|llr|confidence",
                 AKIN_PARAM_TUNE, "how strongly two items go together"),
    PARAM_INT(struct together_params, top_n, "100", 1, 100000, "items",
              AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG, "items kept beside each item"),
    PARAM_INT(struct together_params, min_count, "2", 1, 1e9, "baskets", 0,
              "pairs that meet in fewer baskets are left out"),
    PARAM_INT(struct together_params, gap_seconds, "0", 0, 1e10, "seconds", 0,
              "a longer pause between two events of a user begins a new basket; 0 = never"),
};

struct together {
    const struct model *owner;
    struct neighbors nb;
};

/* ---- Measures ------------------------------------------------------------------------------ */

struct fit {
    const struct together_params *p;
    const int64_t *item_ptr; /* (n_items + 1) of by_item: differences are n(i) */
    int64_t n_baskets;       /* N */
    struct llr llr;
};

static double measure_of(const struct fit *f, int64_t both, int64_t own, int64_t other)
{
    switch ((enum measure)f->p->measure) {
    case COUNT:
        return (double)both;
    case CONFIDENCE:
        return (double)both / (double)own;
    case LIFT:
        return (double)both * (double)f->n_baskets / ((double)own * (double)other);
    case LLR:
        return llr_of(&f->llr, both, own, other);
    }
    return 0;
}

static void measure_row(const void *arg, const struct cooc_row *row, float *out)
{
    const struct fit *f = arg;
    int64_t own = f->item_ptr[row->item + 1] - f->item_ptr[row->item];
    for (int32_t t = 0; t < row->n; t++) {
        int32_t i = cooc_item(row, t);
        int64_t other = f->item_ptr[i + 1] - f->item_ptr[i];
        bool is_rare = row->count[t] < (uint32_t)f->p->min_count;
        out[t] = is_rare ? 0.0F : (float)measure_of(f, row->count[t], own, other);
    }
}

static akin_status together_fit(struct model *m, const struct train_view *tv,
                                const struct fit_control *ctl, akin_error *err)
{
    (void)ctl;
    akin_status status = AKIN_OK;
    struct together *self = m->self;
    struct baskets b = {0};
    struct csr rows = {0};
    struct fit f = {.p = m->params};
    self->owner = m;
    AKIN_TRY(baskets_make(tv, f.p->gap_seconds, &b, err));
    for (int64_t r = 0; r < b.by_basket.n_rows; r++)
        f.n_baskets += b.by_basket.ptr[r + 1] > b.by_basket.ptr[r];
    f.item_ptr = b.by_item.ptr;
    if (f.p->measure == LLR)
        AKIN_TRY(llr_init(m->ctx, f.n_baskets, &f.llr, err));
    const struct cooc g = {COOC_COUNT, &b.by_basket, &b.by_item, NULL, true};
    AKIN_TRY(cooc_top(m->ctx, &g, (int32_t)f.p->top_n, measure_row, &f, &rows, err));
    neighbors_take(&rows, &self->nb);
done:
    llr_free(m->ctx, &f.llr);
    baskets_free(m->ctx, &b);
    return status;
}

/* ---- The asker ----------------------------------------------------------------------------- */

static akin_status fold(const struct together *self, const struct query *q, struct arena *scratch,
                        struct folded *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(folded_make(&q->hist, self->owner->items.n, false, scratch, out, err));
    for (int32_t j = 0; j < out->n; j++)
        out->x[j] = 1.0F;
done:
    return status;
}

static akin_status together_evidence(const void *state, const struct query *q, struct evidence *out,
                                     struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct together *self = state;
    struct folded h;
    AKIN_TRY(fold(self, q, scratch, &h, err));
    neighbors_score(&self->nb, &h, out);
done:
    return status;
}

static akin_status together_explain(const void *state, const struct query *q, int32_t item,
                                    struct reason *out, int32_t max, int32_t *n,
                                    struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct together *self = state;
    struct folded h;
    *n = 0;
    AKIN_TRY(fold(self, q, scratch, &h, err));
    *n = neighbors_explain(&self->nb, &h, item, 1, out, max);
done:
    return status;
}

static akin_status together_similar(const void *state, int32_t item, struct evidence *out,
                                    struct arena *scratch, akin_error *err)
{
    (void)scratch;
    (void)err;
    const struct together *self = state;
    neighbors_add(&self->nb, item, 1.0F, out);
    return AKIN_OK;
}

/* ---- Files --------------------------------------------------------------------------------- */

static akin_status together_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    const struct together *self = m->self;
    return neighbors_save(w, &self->nb, err);
}

static akin_status together_load(struct model *m, struct container *c, akin_error *err)
{
    struct together *self = m->self;
    self->owner = m;
    return neighbors_load(c, m->items.n, &self->nb, err);
}

static void together_destroy(struct model *m)
{
    struct together *self = m->self;
    neighbors_free(m, &self->nb);
}

static void together_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                              double *bytes, double *flops)
{
    const struct together_params *p = params;
    double pairs = (double)n_items * (double)(p->top_n < n_items ? p->top_n : n_items);
    double deg = n_users > 0 ? (double)nnz / (double)n_users : 0;
    *bytes = 8 * pairs + 192.0 * (double)n_items + (p->gap_seconds > 0 ? 32.0 * (double)nnz : 0) +
             (p->measure == LLR ? 8.0 * (double)n_users : 0);
    *flops = 5 * deg * (double)nnz + 4 * pairs;
}

const struct model_class model_together = {
    .name = "together",
    .summary = "bought together: items that meet in baskets more often than by chance",
    .flags = MODEL_CLOSED_FORM,
    .params = together_rows,
    .n_params = PARAM_COUNT(together_rows),
    .params_size = sizeof(struct together_params),
    .self_size = sizeof(struct together),
    .fit = together_fit,
    .scorer = {.evidence = together_evidence,
               .explain = together_explain,
               .similar = together_similar},
    .save = together_save,
    .load = together_load,
    .destroy = together_destroy,
    .estimate = together_estimate,
};
