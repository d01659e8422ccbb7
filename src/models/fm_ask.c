/*
 * Askers of fm. Of the asker herself one row is unknown, solved from her events in each sample as
 * training solves it (of classes by up to STEPS weighings of fm_logit); her attributes and the
 * context of the request add what training found for them:
 *
 *   state = [p, c],  p = own v + attributes + context,  score = p·(item's sum) + c + item's offset
 *
 * so that a request's context moves every item by its own amount, and rank/ needs vectors only.
 * Events that the model was trained on keep the context that they had; later ones have none.
 * Cost: samples · (n·k1² / 2 + k1³ / 6), of classes STEPS times, with negatives.
 */
#include "models/fm.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 12 };

/* Arrays in scratch. */
struct asker {
    int64_t n;        /* events, with negatives */
    int32_t *item;    /* (n) */
    int32_t *own;     /* (n) into known: whose reason the event is */
    int32_t *context; /* (n) rows, -1 = none; NULL = none at all */
    float *target;    /* (n) unit values, or 1 and 0 */
    int32_t n_known;
    int32_t *known;            /* (n_known) her items, ascending and distinct */
    struct feature_vector now; /* of the request's context */
    /* In a sample: */
    float *Z, *fixed, *left, *weight; /* (n, k1), (n), … */
    float *about, *where;             /* (k1) sums of her attributes, of the request's context */
    float *x, *A, *b;                 /* her own row; what fm_solve leaves */
    float *at;                        /* (k1) */
};

/* ---- Her events ---- */

static int by_number(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static int32_t place_of(const struct asker *a, int32_t item)
{
    const int32_t *at = bsearch(&item, a->known, (size_t)a->n_known, sizeof *a->known, by_number);
    return (int32_t)(at - a->known);
}

static akin_status read_known(const struct fm *s, const struct history *h, struct arena *scratch,
                              struct asker *a, akin_error *err)
{
    a->known = arena_alloc(scratch, (int64_t)h->n + 1, sizeof *a->known, err);
    if (!a->known)
        return AKIN_E_MEMORY;
    int32_t n = 0;
    for (int32_t e = 0; e < h->n; e++)
        if (h->item[e] >= 0 && h->item[e] < s->n_items)
            a->known[n++] = h->item[e];
    if (n > 1)
        qsort(a->known, (size_t)n, sizeof *a->known, by_number);
    for (int32_t e = 0; e < n; e++)
        if (a->n_known == 0 || a->known[a->n_known - 1] != a->known[e])
            a->known[a->n_known++] = a->known[e];
    return AKIN_OK;
}

/* The context of event e of h in training, -1 = it is new; *at goes along the trained events. */
static int32_t context_of(const struct fm *s, const struct query *q, int32_t e, int64_t *at)
{
    const struct histories *h = &s->owner->hist;
    if (!s->context_of || q->user < 0)
        return -1;
    int64_t end = h->ptr[q->user + 1];
    if (h->time && q->hist.time)
        while (*at < end && h->time[*at] < q->hist.time[e])
            ++*at;
    bool is_same = *at < end && h->item[*at] == q->hist.item[e] &&
                   (!h->time || !q->hist.time || h->time[*at] == q->hist.time[e]);
    return is_same ? s->context_of[(*at)++] : -1;
}

static void put_event(struct asker *a, int32_t item, int32_t own, int32_t context, float target)
{
    a->item[a->n] = item;
    a->own[a->n] = own;
    a->context[a->n] = context;
    a->target[a->n++] = target;
}

static void read_events(const struct fm *s, const struct query *q, struct asker *a)
{
    const struct history *h = &q->hist;
    const struct fm_params *p = s->params;
    int64_t at = q->user >= 0 ? s->owner->hist.ptr[q->user] : 0;
    if (p->task == FM_REGRESSION && !h->value)
        return;
    for (int32_t e = 0; e < h->n; e++) {
        int32_t item = h->item[e], context = context_of(s, q, e, &at);
        float target = !h->weight || h->weight[e] > 0 ? 1.0F : 0.0F;
        if (item < 0 || item >= s->n_items)
            continue;
        if (p->task == FM_REGRESSION) {
            if (!(fabsf(h->value[e]) <= FLT_MAX))
                continue; /* no value: nothing is guessed for it */
            target = (float)(((double)h->value[e] - s->base) / s->spread);
        }
        int32_t own = place_of(a, item);
        put_event(a, item, own, context, target);
        for (int64_t j = 0; p->task == FM_RANKING && target > 0 && j < p->negatives; j++) {
            int32_t other = fm_negative(s->seed, item, e, j, s->n_items, a->known, a->n_known);
            if (other >= 0)
                put_event(a, other, own, context, 0);
        }
    }
}

static akin_status read_context(const struct fm *s, const struct query *q, struct arena *scratch,
                                struct asker *a, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct feature_reader *r = NULL;
    struct feature_vector v;
    if (!q->context || !s->spec[FM_CONTEXT])
        goto done;
    AKIN_TRY(feature_reader_create(s->spec[FM_CONTEXT], &r, err));
    AKIN_TRY(features_apply(r, q->context, &v, err));
    int32_t *feature = arena_alloc(scratch, (int64_t)v.n + 1, sizeof *feature, err);
    float *value = arena_alloc(scratch, (int64_t)v.n + 1, sizeof *value, err);
    if (!feature || !value)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t e = 0; e < v.n; e++) {
        feature[e] = v.feature[e];
        value[e] = v.value[e];
    }
    a->now = (struct feature_vector){v.n, feature, value};
done:
    feature_reader_free(r);
    return status;
}

static akin_status asker_read(const struct fm *s, const struct query *q, struct arena *scratch,
                              struct asker *a, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t most = q->hist.n, k1 = s->k1;
    memset(a, 0, sizeof *a);
    if (s->params->task == FM_RANKING)
        most *= 1 + s->params->negatives;
    AKIN_TRY(read_known(s, &q->hist, scratch, a, err));
    AKIN_TRY(read_context(s, q, scratch, a, err));
    int32_t *numbers = arena_alloc(scratch, 3 * most + 1, sizeof *numbers, err);
    float *floats = arena_alloc(scratch, most * (k1 + 4) + k1 * (k1 + 5) + 1, sizeof *floats, err);
    if (!numbers || !floats)
        AKIN_TRY(AKIN_E_MEMORY);
    a->item = numbers;
    a->own = numbers + most;
    a->context = numbers + 2 * most;
    a->target = floats;
    a->fixed = floats + most;
    a->left = floats + 2 * most;
    a->weight = floats + 3 * most;
    a->Z = floats + 4 * most;
    a->about = a->Z + most * k1;
    a->where = a->about + k1;
    a->x = a->where + k1;
    a->at = a->x + k1;
    a->A = a->at + k1;
    a->b = a->A + k1 * k1;
    read_events(s, q, a);
done:
    return status;
}

/* ---- Her row ---- */

static const float *theta_of(const struct fm *s, enum fm_side_of side, int64_t sample)
{
    return s->theta[side] + sample * fm_count(s, side) * s->k1;
}

static void add_row(const struct fm *s, enum fm_side_of side, int64_t sample,
                    const struct csr *rows, int64_t row, float *to)
{
    int64_t lo = rows->ptr[row];
    fm_sum(s->k, theta_of(s, side, sample), rows->col + lo, rows->val + lo, rows->ptr[row + 1] - lo,
           to);
}

/* What is known of her and of here without her events. */
static void sum_asker(const struct fm *s, const struct query *q, int64_t sample, struct asker *a)
{
    memset(a->about, 0, (size_t)s->k1 * sizeof *a->about);
    memset(a->where, 0, (size_t)s->k1 * sizeof *a->where);
    if (s->spec[FM_USERS] && q->user >= 0)
        add_row(s, FM_USERS, sample, &s->user_rows, q->user, a->about);
    if (a->now.n > 0)
        fm_sum(s->k, theta_of(s, FM_CONTEXT, sample), a->now.feature, a->now.value, a->now.n,
               a->where);
}

/* Z, and what an event's value is without her own row. */
static void sum_events(const struct fm *s, int64_t sample, struct asker *a)
{
    float *at = a->at;
    for (int64_t e = 0; e < a->n; e++) {
        int64_t i = (int64_t)a->item[e] * s->S + sample;
        const float *item = s->drawn + i * s->k1;
        float *z = a->Z + e * s->k1;
        memset(at, 0, (size_t)s->k1 * sizeof *at);
        if (a->context[e] >= 0)
            add_row(s, FM_CONTEXT, sample, &s->context_rows, a->context[e], at);
        a->fixed[e] = s->offset[i] + a->about[s->k] + at[s->k] + fm_dot(s, a->about, at) +
                      fm_dot(s, a->about, item) + fm_dot(s, at, item);
        for (int64_t t = 0; t < s->k; t++)
            z[t] = a->about[t] + at[t] + item[t];
        z[s->k] = 1;
    }
}

/* left and weights at x. */
static void weigh(const struct fm *s, struct asker *a)
{
    bool is_class = s->params->task != FM_REGRESSION;
    for (int64_t e = 0; e < a->n; e++) {
        float x = a->fixed[e] + s->ctx->kern->dot(a->Z + e * s->k1, a->x, s->k1);
        a->weight[e] = 1;
        a->left[e] = a->target[e] - x;
        if (is_class)
            fm_logit(s->base + (double)x, a->target[e] > 0, &a->weight[e], &a->left[e]);
    }
}

/* x of a sample; A holds the factor of its matrix. */
static akin_status solve_asker(const struct fm *s, const struct query *q, int64_t sample,
                               struct asker *a, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct kern *kern = s->ctx->kern;
    const float *mean = s->prior + 2 * sample * s->k1, *ratio = mean + s->k1;
    int64_t k1 = s->k1;
    bool is_class = s->params->task != FM_REGRESSION;
    sum_asker(s, q, sample, a);
    sum_events(s, sample, a);
    memcpy(a->x, mean, (size_t)k1 * sizeof *mean);
    for (int step = 0; step < (is_class ? STEPS : 1); step++) {
        weigh(s, a);
        memset(a->A, 0, (size_t)(k1 * (k1 + 1)) * sizeof *a->A); /* and b behind it */
        kern->syrk(k1, a->n, a->Z, k1, NULL, a->weight, a->A, k1);
        for (int64_t e = 0; e < a->n; e++)
            kern->axpy(a->weight[e] * a->left[e], a->Z + e * k1, a->b, k1);
        AKIN_TRY(fm_solve(kern, k1, a->A, a->b, ratio, mean, a->x, NULL, NULL, err));
        for (int64_t t = 0; t < k1; t++)
            a->x[t] += a->b[t];
        if (kern->dot(a->b, a->b, k1) < 1e-8F)
            break;
    }
done:
    return status;
}

akin_status fm_fold_in(const void *self, const struct query *q, float *state, struct arena *scratch,
                       akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct fm *s = self;
    struct asker a;
    float part = (float)(s->spread / (double)s->S);
    AKIN_TRY(asker_read(s, q, scratch, &a, err));
    for (int64_t sample = 0; sample < s->S; sample++) {
        float *to = state + sample * s->k1;
        AKIN_TRY(solve_asker(s, q, sample, &a, err));
        for (int64_t t = 0; t < s->k1; t++)
            to[t] = part * (a.x[t] + a.about[t] + a.where[t]);
        to[s->k] += part * (fm_dot(s, a.x, a.about) + fm_dot(s, a.x, a.where) +
                            fm_dot(s, a.about, a.where));
    }
done:
    return status;
}

void fm_vectors(const void *self, struct item_vectors *out)
{
    const struct fm *s = self;
    *out = (struct item_vectors){s->items, s->bias, (int32_t)(s->S * s->k1)};
}

/* ---- Items that came later ---- */

akin_status fm_fold_in_item(const void *self, const struct attributes *a, struct item_state *out,
                            struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct fm *s = self;
    struct feature_reader *r = NULL;
    struct feature_vector v;
    *out = (struct item_state){0};
    if (!s->spec[FM_ITEMS])
        goto done;
    AKIN_TRY(feature_reader_create(s->spec[FM_ITEMS], &r, err));
    AKIN_TRY(features_apply(r, a, &v, err));
    int32_t *index = arena_alloc(scratch, (int64_t)v.n + 1, sizeof *index, err);
    float *value = arena_alloc(scratch, (int64_t)v.n + 1, sizeof *value, err);
    if (!index || !value)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t e = 0; e < v.n; e++) {
        index[e] = v.feature[e];
        value[e] = v.value[e];
    }
    *out = (struct item_state){v.n, index, value};
done:
    feature_reader_free(r);
    return status;
}

/* [Σ x v, offset] of an item known by its attributes, in a sample. */
static void sum_item(const struct fm *s, const struct item_state *item, int64_t sample, float *to)
{
    memcpy(to, s->newcomer + sample * s->k1, (size_t)s->k1 * sizeof *to);
    if (item->n > 0)
        fm_sum(s->k, theta_of(s, FM_ITEMS, sample), item->index, item->value, item->n, to);
}

akin_status fm_score_states(const void *self, const struct query *q, const struct item_state *items,
                            int32_t n, float *out, struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct fm *s = self;
    float *state = arena_alloc(scratch, s->S * s->k1, sizeof *state, err);
    float *sum = arena_alloc(scratch, s->k1, sizeof *sum, err);
    if (!state || !sum)
        AKIN_TRY(AKIN_E_MEMORY);
    AKIN_TRY(fm_fold_in(s, q, state, scratch, err));
    for (int32_t i = 0; i < n; i++) {
        double score = s->base;
        for (int64_t sample = 0; sample < s->S; sample++) {
            const float *x = state + sample * s->k1;
            sum_item(s, &items[i], sample, sum);
            score += (double)(fm_dot(s, x, sum) + x[s->k]) +
                     (double)sum[s->k] * s->spread / (double)s->S;
        }
        out[i] = (float)score;
    }
done:
    return status;
}

/* ---- Reasons ---- */

/*
 * Given the weights her row is linear in what her events leave: with y = A⁻¹ ẑ, ẑ what the item
 * meets in her state, an event adds weight · (z·y) · (target - z·prior). A negative speaks for the
 * item beside which it was put.
 */
static void add_reasons(const struct fm *s, int64_t sample, const float *item, struct asker *a,
                        double *sum)
{
    const struct kern *kern = s->ctx->kern;
    const float *mean = s->prior + 2 * sample * s->k1;
    float *y = a->at;
    for (int64_t t = 0; t < s->k; t++)
        y[t] = item[t] + a->about[t] + a->where[t];
    y[s->k] = 1;
    kern->chol_solve(s->k1, a->A, s->k1, y);
    for (int64_t t = 0; t < s->k1; t++)
        a->b[t] = a->x[t] - mean[t];
    weigh(s, a);
    for (int64_t e = 0; e < a->n; e++) {
        const float *z = a->Z + e * s->k1;
        float off = a->left[e] + kern->dot(z, a->b, s->k1);
        sum[a->own[e]] += (double)(a->weight[e] * kern->dot(z, y, s->k1) * off);
    }
}

static akin_status reasons(const struct fm *s, const struct query *q, int32_t item,
                           const struct item_state *late, struct reason *out, int32_t max,
                           int32_t *n, struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct asker a;
    *n = 0;
    AKIN_TRY(asker_read(s, q, scratch, &a, err));
    double *sum = arena_alloc(scratch, (int64_t)a.n_known + 1, sizeof *sum, err);
    float *row = arena_alloc(scratch, s->k1, sizeof *row, err);
    if (!sum || !row)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t e = 0; e < a.n_known; e++)
        sum[e] = 0;
    for (int64_t sample = 0; sample < s->S; sample++) {
        AKIN_TRY(solve_asker(s, q, sample, &a, err));
        if (late)
            sum_item(s, late, sample, row);
        else
            memcpy(row, s->items + ((int64_t)item * s->S + sample) * s->k1,
                   (size_t)s->k1 * sizeof *row);
        add_reasons(s, sample, row, &a, sum);
    }
    for (int32_t e = 0; e < a.n_known; e++)
        *n = reason_put(out, max, *n, a.known[e], (float)(s->spread * sum[e] / (double)s->S));
done:
    return status;
}

akin_status fm_explain(const void *self, const struct query *q, int32_t item, struct reason *out,
                       int32_t max, int32_t *n, struct arena *scratch, akin_error *err)
{
    return reasons(self, q, item, NULL, out, max, n, scratch, err);
}

akin_status fm_explain_state(const void *self, const struct query *q, const struct item_state *item,
                             struct reason *out, int32_t max, int32_t *n, struct arena *scratch,
                             akin_error *err)
{
    return reasons(self, q, -1, item, out, max, n, scratch, err);
}

/* The cosine of items' sums, samples side by side, without the constant that carries askers. */
akin_status fm_similar(const void *self, int32_t item, struct evidence *out, struct arena *scratch,
                       akin_error *err)
{
    enum { PIECE = 4096 };
    akin_status status = AKIN_OK;
    const struct fm *s = self;
    const struct kern *kern = s->ctx->kern;
    int64_t ld = s->S * s->k1;
    const float *own = s->items + item * ld;
    double constants = (double)s->S, length = kern->dot64(own, own, ld) - constants;
    (void)scratch;
    for (int32_t i = 0; i < s->n_items && length > 0; i++) {
        const float *x = s->items + i * ld;
        if (i % PIECE == 0)
            AKIN_TRY(ctx_check(s->ctx, err));
        double other = kern->dot64(x, x, ld) - constants;
        if (i != item && other > 0)
            evidence_add(out, i,
                         (float)((kern->dot64(own, x, ld) - constants) / sqrt(length * other)));
    }
done:
    return status;
}
