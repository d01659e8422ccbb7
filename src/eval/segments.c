/*
 * Segments: the same metrics for users by what train knows of them, for hot users by activity, and
 * for relevant items by their popularity.
 *
 * Users: hot = events in train; warm = known by features or given events only; cold = nothing.
 * Items: head = the fewest most popular items that hold 80 % of train positives; tail = the other
 * items with positives; warm = in the catalogue without a positive. An item segment keeps the
 * lists as they are and only the relevant items of the segment. Cost: one summary a segment.
 */
#include "eval/pass.h"

#include <string.h>

#define HEAD_SHARE 0.8

akin_status segments_classify(struct eval_pass *p, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t *order = NULL;
    int32_t n = p->side.n_items;
    AKIN_TRY(popularity_ranks(p, err));
    MEM_NEW(p->ctx, p->item_slice, n);
    MEM_NEW(p->ctx, order, n);
    double total = 0.0, before = 0.0;
    for (int32_t i = 0; i < n; i++) {
        order[p->pop_rank[i] - 1] = i;
        total += p->side.item_count[i];
    }
    for (int32_t r = 0; r < n; r++) {
        int32_t count = p->side.item_count[order[r]];
        p->item_slice[order[r]] = count == 0                    ? SLICE_WARM
                                  : before < HEAD_SHARE * total ? SLICE_HEAD
                                                                : SLICE_TAIL;
        before += count;
    }
done:
    mem_free(p->ctx, order);
    return status;
}

/* Adds {name: {"n": users, "metrics": {…}}} for the rows with mask == want, if there are any. */
static akin_status add_segment(struct eval_pass *p, json_t *into, const char *name, int32_t slice,
                               const uint8_t *mask, uint8_t want, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct metric_value *values = NULL;
    json_t *segment = NULL;
    int64_t n = 0;
    const int32_t *n_rel = p->n_rel + slice * p->n_rows;
    for (int64_t row = 0; row < p->n_rows; row++)
        n += !p->is_out[row] && (!mask || mask[row] == want) && n_rel[row] > 0;
    if (n == 0)
        return AKIN_OK;
    MEM_NEW(p->ctx, values, p->opt->n_metrics);
    AKIN_TRY(pass_summary(p, slice, mask, want, values, err));
    segment = json_object();
    if (json_object_set_new(segment, "n", json_integer(n)) != 0 ||
        json_object_set_new(segment, "metrics", metric_values_json(p->opt, values)) != 0 ||
        json_object_set(into, name, segment) != 0)
        AKIN_FAIL(AKIN_E_MEMORY, "evaluate: out of memory");
done:
    json_decref(segment);
    mem_free(p->ctx, values);
    return status;
}

enum { ACTIVITY_COUNT = 4, ACTIVITY_NONE = 255 };
static const int64_t activity_from[ACTIVITY_COUNT] = {1, 10, 50, 200};
static const char *const activity_names[ACTIVITY_COUNT] = {"1-9", "10-49", "50-199", "200+"};

static akin_status activity_build(struct eval_pass *p, uint8_t **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    uint8_t *bucket = NULL;
    MEM_NEW(p->ctx, bucket, p->n_rows);
    for (int64_t row = 0; row < p->n_rows; row++) {
        int32_t user = p->test->user[row];
        int64_t n = user < 0 ? 0 : p->side.hist->ptr[user + 1] - p->side.hist->ptr[user];
        bucket[row] = ACTIVITY_NONE;
        for (int b = 0; b < ACTIVITY_COUNT; b++)
            if (n >= activity_from[b])
                bucket[row] = (uint8_t)b;
    }
    *out = bucket;
done:
    return status;
}

akin_status segments_json(struct eval_pass *p, json_t **out, akin_error *err)
{
    static const char *const warmth_names[WARMTH_COUNT] = {"hot", "warm", "cold"};
    static const char *const slice_names[SLICE_COUNT] = {NULL, "head", "tail", "warm"};
    akin_status status = AKIN_OK;
    uint8_t *bucket = NULL;
    json_t *users = json_object(), *activity = json_object(), *items = json_object();
    AKIN_TRY(activity_build(p, &bucket, err));
    for (uint8_t w = 0; w < WARMTH_COUNT; w++)
        AKIN_TRY(add_segment(p, users, warmth_names[w], SLICE_ALL, p->warmth, w, err));
    for (uint8_t b = 0; b < ACTIVITY_COUNT; b++)
        AKIN_TRY(add_segment(p, activity, activity_names[b], SLICE_ALL, bucket, b, err));
    for (int32_t s = 1; s < SLICE_COUNT; s++)
        AKIN_TRY(add_segment(p, items, slice_names[s], s, NULL, 0, err));
    *out = json_pack("{s:O, s:O, s:O}", "users", users, "activity", activity, "items", items);
    if (!*out)
        AKIN_FAIL(AKIN_E_MEMORY, "evaluate: out of memory");
done:
    json_decref(users);
    json_decref(activity);
    json_decref(items);
    mem_free(p->ctx, bucket);
    return status;
}
