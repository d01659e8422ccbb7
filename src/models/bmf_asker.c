/*
 * The asker of bmf: somebody's row in each kept sample, and what each own item adds to a score.
 *
 * Cost of a fold-in: samples · (n·k²/2 + k³/6), n ratings at hand; with levels a few rounds more of
 * n · (2k + the distribution function twice).
 */
#include "models/bmf.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* The asker's history and the room of a fold-in; arrays in scratch. */
struct asker {
    int32_t n;          /* items */
    int32_t *item;      /* ascending */
    float *value;       /* unit ratings; NULL = not known */
    float *bin;         /* of each item's time, NULL without time */
    int32_t *level;     /* of values; NULL without levels, as the next two */
    float *latent;      /* (n) in the sample before */
    float *rest;        /* (n) in a sample: what of a latent's mean is not the asker's */
    float *target;      /* (n) in a sample */
    float *prior;       /* (k1) in a sample */
    float *x;           /* (k1) */
    const float *now;   /* τ of the time of asking in a sample, NULL without time */
    struct bmf_row row; /* in a sample */
    float *room;
};

static bool is_known(const struct bmf *s, int32_t item, float value)
{
    return item >= 0 && item < s->n_items && fabsf(value) <= FLT_MAX;
}

static akin_status levels_read(const struct bmf *s, struct arena *scratch, struct asker *a,
                               akin_error *err)
{
    a->level = arena_alloc(scratch, a->n, sizeof *a->level, err);
    a->latent = arena_alloc(scratch, a->n, sizeof *a->latent, err);
    a->rest = arena_alloc(scratch, a->n, sizeof *a->rest, err);
    if (!a->level || !a->latent || !a->rest)
        return AKIN_E_MEMORY;
    struct bmf_scale scale = bmf_scale_of(s, 0);
    for (int32_t e = 0; e < a->n; e++) {
        a->level[e] = bmf_level_of(s, a->value[e]);
        a->latent[e] = (float)bmf_latent(&scale, a->level[e], 0.0);
    }
    return AKIN_OK;
}

static akin_status asker_read(const struct bmf *s, const struct query *q, struct arena *scratch,
                              struct asker *a, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct history h = q->hist;
    int32_t n = 0;
    memset(a, 0, sizeof *a);
    a->item = arena_alloc(scratch, h.n, sizeof *a->item, err);
    a->value = arena_alloc(scratch, h.n, sizeof *a->value, err);
    a->target = arena_alloc(scratch, h.n, sizeof *a->target, err);
    a->prior = arena_alloc(scratch, s->k1, sizeof *a->prior, err);
    a->x = arena_alloc(scratch, s->k1, sizeof *a->x, err);
    a->room = arena_alloc(scratch, bmf_row_scratch(s->k1), sizeof *a->room, err);
    if (!a->item || !a->value || !a->target || !a->prior || !a->x || !a->room)
        AKIN_TRY(AKIN_E_MEMORY);
    if (s->time && h.time) { /* the fold keeps the last value of an item: here its last bin */
        float *bin = arena_alloc(scratch, h.n, sizeof *bin, err);
        a->bin = arena_alloc(scratch, h.n, sizeof *a->bin, err);
        if (!bin || !a->bin)
            AKIN_TRY(AKIN_E_MEMORY);
        for (int32_t e = 0; e < h.n; e++)
            bin[e] = (float)bmf_bin(s->clock, h.time[e]);
        struct history bins = h;
        bins.value = bin;
        (void)history_fold_values(&bins, a->item, a->bin);
    }
    int32_t found = history_fold_values(&h, a->item, a->value);
    for (int32_t e = 0; e < found; e++)
        if (is_known(s, a->item[e], a->value[e])) {
            a->item[n] = a->item[e];
            a->value[n] = bmf_unit(s, a->value[e]);
            if (a->bin)
                a->bin[n] = a->bin[e];
            n++;
        }
    a->n = n;
    a->value = h.value ? a->value : NULL;
    if (s->n_levels > 0 && a->value)
        AKIN_TRY(levels_read(s, scratch, a, err));
done:
    return status;
}

static const float *time_of(const struct bmf *s, int64_t sample, int64_t bin)
{
    return s->time + (sample * s->clock[2] + bin) * s->k1;
}

/* The asker's row in a sample: what bmf_row_solve and its kin take. */
static void asker_in(const struct bmf *s, const struct query *q, int64_t sample, struct asker *a)
{
    int64_t k1 = s->k1, ld = s->S * k1;
    const struct kern *kern = s->ctx->kern;
    const float *mean = s->prior + 2 * sample * k1, *X = s->features + sample * k1;
    float scale = a->n > 0 ? (float)(1.0 / sqrt((double)a->n)) : 0.0F;
    memcpy(a->prior, mean, (size_t)k1 * sizeof *mean);
    for (int32_t e = 0; s->implicit && e < a->n; e++)
        kern->axpy(scale, s->implicit + (int64_t)a->item[e] * ld + sample * k1, a->prior, k1);
    for (int32_t e = 0; a->value && e < a->n; e++) {
        int64_t i = a->item[e];
        float rating = a->level ? a->latent[e] : a->value[e];
        a->target[e] = rating - s->offset[i * s->S + sample];
        if (a->bin)
            a->target[e] -= kern->dot(time_of(s, sample, (int64_t)a->bin[e]), X + i * ld, k1);
        if (a->level)
            a->rest[e] = rating - a->target[e];
    }
    a->now = s->time ? time_of(s, sample, bmf_bin(s->clock, q->now)) : NULL;
    a->row = (struct bmf_row){.n = a->value ? a->n : 0,
                              .X = X,
                              .ldx = ld,
                              .rows = a->item,
                              .target = a->target,
                              .prior = a->prior,
                              .ratio = mean + k1};
}

/* The asker's mean row in a sample; with levels the targets become what it makes of them. */
static akin_status asker_solve(const struct bmf *s, const struct query *q, int64_t sample,
                               struct asker *a, float *x, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct kern *kern = s->ctx->kern;
    asker_in(s, q, sample, a);
    if (!a->level)
        return bmf_row_solve(kern, s->k1, &a->row, NULL, x, NULL, a->room, err);
    struct bmf_scale scale = bmf_scale_of(s, sample);
    AKIN_TRY(bmf_row_levels(kern, s->k1, &a->row, &scale, a->level, a->rest, a->target, x, a->room,
                            err));
    for (int32_t e = 0; e < a->n; e++)
        a->latent[e] = a->target[e] + a->rest[e];
done:
    return status;
}

akin_status bmf_fold_in(const void *self, const struct query *q, float *state,
                        struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct bmf *s = self;
    struct asker a;
    float part = s->n_levels > 0 ? 1.0F : (float)(s->spread / (double)s->S);
    AKIN_TRY(asker_read(s, q, scratch, &a, err));
    for (int64_t sample = 0; sample < s->S; sample++) {
        float *x = state + sample * s->k1;
        AKIN_TRY(asker_solve(s, q, sample, &a, x, err));
        for (int64_t t = 0; t < s->k1; t++)
            x[t] = part * (a.now ? x[t] + a.now[t] : x[t]);
    }
done:
    return status;
}

/* The mean of an item's latent in a sample, for an asker's row of it. */
static double latent_of(const struct bmf *s, int64_t sample, int64_t item, const float *x)
{
    int64_t at = item * s->S + sample;
    return (double)(s->ctx->kern->dot(s->items + at * s->k1, x, s->k1) + s->bias[at]);
}

akin_status bmf_score(const void *self, const struct query *queries, int32_t n_queries,
                      const struct item_set *set, float *out, int64_t ldo, struct arena *scratch,
                      akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct bmf *s = self;
    int32_t n = item_set_size(set);
    float *state = arena_alloc(scratch, s->S * s->k1, sizeof *state, err);
    if (!state)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t j = 0; j < n_queries; j++) {
        AKIN_TRY(ctx_check(s->ctx, err));
        AKIN_TRY(bmf_fold_in(s, &queries[j], state, scratch, err));
        for (int32_t i = 0; i < n; i++) {
            int64_t item = set->ids ? set->ids[i] : set->lo + i;
            double sum = 0.0;
            for (int64_t d = 0; d < s->S; d++)
                sum += bmf_expected(s, d, latent_of(s, d, item, state + d * s->k1));
            out[j * ldo + i] = (float)(sum / (double)s->S);
        }
    }
done:
    return status;
}

/* ---- Reasons ---- */

/* What of a score a change of the latent makes, from nobody's to the asker's of row a->x. */
static double slope_of(const struct bmf *s, int64_t sample, int64_t item, struct asker *a,
                       const float *nobody)
{
    double from = latent_of(s, sample, item, nobody), to = latent_of(s, sample, item, a->x);
    double now =
        a->now ? latent_of(s, sample, item, a->now) - (double)s->bias[item * s->S + sample] : 0.0;
    return bmf_slope(s, sample, from + now, to + now);
}

/*
 * A mean is linear in the ratings and in y: with v = A⁻¹ z, z the item's features, an own item adds
 * x·v of its rating (what the item, the time and the prior without y leave of it), and
 * (ratio ∘ y)·v / √n by having been rated at all. These sum to the score less that of an asker of
 * whom nothing is known; with levels they are of the latent, by the slope from there to here.
 */
akin_status bmf_explain(const void *self, const struct query *q, int32_t item, struct reason *out,
                        int32_t max, int32_t *n, struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct bmf *s = self;
    const struct kern *kern = s->ctx->kern;
    struct asker a;
    *n = 0;
    AKIN_TRY(asker_read(s, q, scratch, &a, err));
    double *sum = arena_alloc(scratch, a.n, sizeof *sum, err);
    float *weighed = arena_alloc(scratch, s->k1, sizeof *weighed, err);
    if (!sum || !weighed)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int64_t sample = 0; sample < s->S; sample++) {
        AKIN_TRY(asker_solve(s, q, sample, &a, a.x, err));
        const float *mean = s->prior + 2 * sample * s->k1;
        double slope = s->n_levels > 0 ? slope_of(s, sample, item, &a, mean) : 1.0;
        AKIN_TRY(bmf_row_apply(kern, s->k1, &a.row, s->items + item * a.row.ldx + sample * s->k1,
                               a.x, a.room, err));
        for (int64_t t = 0; t < s->k1; t++)
            weighed[t] = a.row.ratio[t] * a.x[t] / (float)sqrt((double)(a.n > 0 ? a.n : 1));
        for (int32_t e = 0; e < a.n; e++) {
            int64_t at = (int64_t)a.item[e] * a.row.ldx;
            const float *z = a.row.X + at;
            if (a.value)
                sum[e] += slope * (double)(kern->dot(z, a.x, s->k1) *
                                           (a.target[e] - kern->dot(z, mean, s->k1)));
            if (s->implicit)
                sum[e] +=
                    slope * (double)kern->dot(weighed, s->implicit + at + sample * s->k1, s->k1);
        }
    }
    for (int32_t e = 0; e < a.n; e++)
        *n = reason_put(out, max, *n, a.item[e], (float)(s->spread * sum[e] / (double)s->S));
done:
    return status;
}
