/*
 * popular: the same list for all, or for all of one segment. The baseline every other model has to
 * beat, and the fallback of askers and items nothing is known of.
 *
 *   count        users with a positive on the item
 *   damped_mean  (Σr + m·μ) / (n + m), μ the mean of all ratings, m = damping: one vote of 5 does
 * not beat 500 votes of 4.6 decayed      Σ w · 2^(-age / half life), age at the newest event of
 * train trending     (recent + d) / (earlier · W/B + d): weight in the last window_days (W) against
 * what the baseline_days (B) before it make expect columns      the damped mean of columns of the
 * item table: reviews of elsewhere, before any event
 *
 * A segment (a column of the user table) shrinks to the whole with the same damping: counts add
 * damping · (share of the item among all), rates use the item's overall rate as their mean. Items
 * without evidence are UNSCORED. Sums are in double, users ascending, on one core.
 *
 * Cost: one pass over events, 8 bytes an item, 8 a pair of segment and item that met. Not done:
 * uncertainty beyond damping (Wilson bounds), seasons.
 */
#include "models/model_impl.h"
#include "models/popular_impl.h"

#include <inttypes.h>
#include <string.h>

static const akin_param popular_rows[] = {
    PARAM_CHOICE(
        struct popular_params, method, "count", "count|damped_mean|decayed|trending|columns", 0,
        "what popularity is: users who have it, mean rating, count faded by age, rise over "
        "the time before, or columns of the item table"),
    PARAM_REAL(struct popular_params, damping, "10", 0, 1e9, "events", 0,
               "weight of the overall mean (of the whole, for a segment) in events"),
    PARAM_REAL(struct popular_params, half_life_days, "30", 0.001, 1e6, "days",
               AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG, "decayed: age at which an event counts half"),
    PARAM_REAL(struct popular_params, window_days, "7", 0.001, 1e5, "days", 0,
               "trending: the recent window"),
    PARAM_REAL(struct popular_params, baseline_days, "28", 0.001, 1e5, "days", 0,
               "trending: the time before it to compare with"),
    PARAM_TEXT(struct popular_params, mean_column, NULL, 0,
               "columns: number column of the item table with the mean rating"),
    PARAM_TEXT(struct popular_params, count_column, NULL, 0,
               "columns: number column of the item table with the number of ratings or views"),
    PARAM_TEXT(struct popular_params, segment, NULL, 0,
               "column of the user table: one list for each of its values"),
};

static const struct popular_params *params_of(const struct model *m)
{
    return m->params;
}

/* ---- Score --------------------------------------------------------------------------------- */

/* The asker's segment, -1 = none known. */
static int32_t segment_of(const struct popular *self, const struct query *q)
{
    if (!self->user_segment)
        return -1;
    if (q->segment)
        return strtab_find(&self->names, q->segment, strlen(q->segment));
    return q->user >= 0 && q->user < self->owner->users.n ? self->user_segment[q->user] : -1;
}

/* First position of the segment's items that is >= item. */
static int64_t find_item(const struct popular *self, int32_t segment, int32_t item)
{
    int64_t lo = self->ptr[segment];
    int64_t hi = self->ptr[segment + 1];
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (self->item[mid] < item)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void score_segment(const struct popular *self, int32_t s, const struct item_set *set,
                          float *out)
{
    int64_t end = self->ptr[s + 1];
    if (set->ids) {
        for (int32_t j = 0; j < set->n; j++) {
            int64_t at = find_item(self, s, set->ids[j]);
            bool found = at < end && self->item[at] == set->ids[j];
            out[j] = found ? self->score[at] : self->base[set->ids[j]];
        }
        return;
    }
    if (set->hi > set->lo)
        memcpy(out, self->base + set->lo, (size_t)(set->hi - set->lo) * sizeof *out);
    for (int64_t at = find_item(self, s, set->lo); at < end && self->item[at] < set->hi; at++)
        out[self->item[at] - set->lo] = self->score[at];
}

static akin_status popular_score(const void *state, const struct query *queries, int32_t n_queries,
                                 const struct item_set *set, float *out, int64_t ldo,
                                 struct arena *scratch, akin_error *err)
{
    (void)scratch;
    (void)err;
    const struct popular *self = state;
    for (int32_t q = 0; q < n_queries; q++) {
        float *row = out + q * ldo;
        int32_t segment = segment_of(self, &queries[q]);
        if (segment >= 0)
            score_segment(self, segment, set, row);
        else if (set->ids)
            for (int32_t j = 0; j < set->n; j++)
                row[j] = self->global[set->ids[j]];
        else if (set->hi > set->lo)
            memcpy(row, self->global + set->lo, (size_t)(set->hi - set->lo) * sizeof *row);
    }
    return AKIN_OK;
}

/* No item of the asker adds to what is popular. */
static akin_status popular_explain(const void *state, const struct query *q, int32_t item,
                                   struct reason *out, int32_t max, int32_t *n,
                                   struct arena *scratch, akin_error *err)
{
    (void)state;
    (void)q;
    (void)item;
    (void)out;
    (void)max;
    (void)scratch;
    (void)err;
    *n = 0;
    return AKIN_OK;
}

static uint32_t popular_flags(const struct model *m)
{
    const struct popular_params *p = params_of(m);
    return (p->method == DAMPED_MEAN ? SCORER_RATES : 0U) | (p->segment ? 0U : SCORER_ITEMS_ONLY);
}

/* ---- Files --------------------------------------------------------------------------------- */

static akin_status popular_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct popular *self = m->self;
    int64_t n = (int64_t)self->n_items * (int64_t)sizeof(float);
    AKIN_TRY(container_add(w, "m.global", CONTAINER_REQUIRED, self->global, n, err));
    if (!self->user_segment)
        goto done;
    int64_t nnz = self->ptr[self->names.n];
    AKIN_TRY(container_add(w, "m.base", CONTAINER_REQUIRED, self->base, n, err));
    AKIN_TRY(strtab_save(w, "m.seg", CONTAINER_REQUIRED, &self->names, err));
    AKIN_TRY(container_add(w, "m.ptr", CONTAINER_REQUIRED, self->ptr,
                           ((int64_t)self->names.n + 1) * (int64_t)sizeof *self->ptr, err));
    AKIN_TRY(container_add(w, "m.item", CONTAINER_REQUIRED, self->item,
                           nnz * (int64_t)sizeof *self->item, err));
    AKIN_TRY(container_add(w, "m.score", CONTAINER_REQUIRED, self->score,
                           nnz * (int64_t)sizeof *self->score, err));
done:
    return status;
}

static akin_status get_items(struct container *c, const char *name, int32_t n_items,
                             const float **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const void *data;
    int64_t n;
    AKIN_TRY(container_get(c, name, sizeof **out, false, &data, &n, err));
    if (n != n_items)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section %s has %" PRId64 " rows for %d items",
                  container_path(c), name, n, n_items);
    *out = data;
done:
    return status;
}

static akin_status load_segments(struct model *m, struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct popular *self = m->self;
    const char *path = container_path(c);
    const void *ptr, *item, *score;
    int64_t n_ptr, n_item, n_score;
    AKIN_TRY(get_items(c, "m.base", self->n_items, &self->base, err));
    AKIN_TRY(strtab_load(c, "m.seg", &self->names, err));
    AKIN_TRY(container_get(c, "m.ptr", sizeof *self->ptr, false, &ptr, &n_ptr, err));
    AKIN_TRY(container_get(c, "m.item", sizeof *self->item, false, &item, &n_item, err));
    AKIN_TRY(container_get(c, "m.score", sizeof *self->score, false, &score, &n_score, err));
    self->ptr = ptr;
    self->item = item;
    self->score = score;
    int32_t n = self->names.n;
    if (n_ptr != (int64_t)n + 1 || n_item != n_score || self->ptr[0] != 0 || self->ptr[n] != n_item)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: sections m.ptr, m.item and m.score do not fit", path);
    for (int32_t s = 0; s < n; s++) {
        if (self->ptr[s] > self->ptr[s + 1] || self->ptr[s + 1] > n_item)
            AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.ptr does not ascend", path);
        for (int64_t e = self->ptr[s]; e < self->ptr[s + 1]; e++)
            if (self->item[e] < 0 || self->item[e] >= self->n_items ||
                (e > self->ptr[s] && self->item[e] <= self->item[e - 1]))
                AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.item: item %d of %d at %" PRId64, path,
                          self->item[e], self->n_items, e);
    }
    const struct column *col = table_find(&m->user_table, params_of(m)->segment);
    if (!col)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: the user table lacks column '%.60s'", path,
                  params_of(m)->segment);
    AKIN_TRY(popular_map_users(m, self, err));
done:
    return status;
}

static akin_status popular_load(struct model *m, struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct popular *self = m->self;
    self->owner = m;
    self->n_items = m->items.n;
    AKIN_TRY(get_items(c, "m.global", self->n_items, &self->global, err));
    if (params_of(m)->segment && params_of(m)->method != COLUMNS)
        AKIN_TRY(load_segments(m, c, err));
done:
    return status;
}

static void popular_destroy(struct model *m)
{
    struct popular *self = m->self;
    if (!m->file) { /* else views into it */
        model_free_array(m->ctx, self->global);
        model_free_array(m->ctx, self->base);
        strtab_free(m->ctx, &self->names);
        model_free_array(m->ctx, self->ptr);
        model_free_array(m->ctx, self->item);
        model_free_array(m->ctx, self->score);
    }
    mem_free(m->ctx, self->user_segment);
}

static void popular_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                             double *bytes, double *flops)
{
    const struct popular_params *p = params;
    bool is_mean = p->method == DAMPED_MEAN;
    *bytes = 33.0 * (double)n_items + (is_mean ? 8.0 * (double)(nnz + n_users) : 0.0) +
             (p->segment ? 25.0 * (double)n_items + 4.0 * (double)n_users : 0.0);
    *flops = (double)nnz * (p->method == DECAYED ? 30 : 4);
}

const struct model_class model_popular = {
    .name = "popular",
    .summary = "most popular, best rated or trending items, for all or by segment",
    .flags = MODEL_CLOSED_FORM,
    .params = popular_rows,
    .n_params = PARAM_COUNT(popular_rows),
    .params_size = sizeof(struct popular_params),
    .self_size = sizeof(struct popular),
    .fit = popular_fit,
    .scorer = {.score = popular_score, .explain = popular_explain},
    .scorer_flags = popular_flags,
    .save = popular_save,
    .load = popular_load,
    .destroy = popular_destroy,
    .estimate = popular_estimate,
};
