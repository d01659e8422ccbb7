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
    struct fm_asked of;
    /* In a sample: */
    float *Z, *fixed, *left, *weight; /* (n, k1), (n), … */
    float *about, *where;             /* (k1) sums of her attributes, of the request's context */
    float *x, *A, *b;                 /* her own row; what fm_solve leaves */
    float *at;                        /* (k1) */
};

static akin_status asker_read(const struct fm *s, const struct query *q, struct arena *scratch,
                              struct asker *a, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t k1 = s->k1;
    memset(a, 0, sizeof *a);
    AKIN_TRY(fm_asked_read(&s->known, q, scratch, &a->of, err));
    int64_t n = a->of.n;
    float *floats = arena_alloc(scratch, n * (k1 + 3) + k1 * (k1 + 5) + 1, sizeof *floats, err);
    if (!floats)
        AKIN_TRY(AKIN_E_MEMORY);
    a->fixed = floats;
    a->left = floats + n;
    a->weight = floats + 2 * n;
    a->Z = floats + 3 * n;
    a->about = a->Z + n * k1;
    a->where = a->about + k1;
    a->x = a->where + k1;
    a->at = a->x + k1;
    a->A = a->at + k1;
    a->b = a->A + k1 * k1;
done:
    return status;
}

/* ---- Her row ---- */

static const float *theta_of(const struct fm *s, enum fm_side_of side, int64_t sample)
{
    return s->theta[side] + sample * fm_count(&s->known, side) * s->k1;
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
    if (s->known.spec[FM_USERS] && q->user >= 0)
        add_row(s, FM_USERS, sample, &s->known.user_rows, q->user, a->about);
    if (a->of.now.n > 0)
        fm_sum(s->k, theta_of(s, FM_CONTEXT, sample), a->of.now.feature, a->of.now.value,
               a->of.now.n, a->where);
}

/* Z, and what an event's value is without her own row. */
static void sum_events(const struct fm *s, int64_t sample, struct asker *a)
{
    float *at = a->at;
    for (int64_t e = 0; e < a->of.n; e++) {
        int64_t i = (int64_t)a->of.item[e] * s->S + sample;
        const float *item = s->drawn + i * s->k1;
        float *z = a->Z + e * s->k1;
        memset(at, 0, (size_t)s->k1 * sizeof *at);
        if (a->of.context[e] >= 0)
            add_row(s, FM_CONTEXT, sample, &s->known.context_rows, a->of.context[e], at);
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
    for (int64_t e = 0; e < a->of.n; e++) {
        float x = a->fixed[e] + s->known.ctx->kern->dot(a->Z + e * s->k1, a->x, s->k1);
        a->weight[e] = 1;
        a->left[e] = a->of.target[e] - x;
        if (is_class)
            fm_logit(s->known.base + (double)x, a->of.target[e] > 0, &a->weight[e], &a->left[e]);
    }
}

/* x of a sample; A holds the factor of its matrix. */
static akin_status solve_asker(const struct fm *s, const struct query *q, int64_t sample,
                               struct asker *a, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct kern *kern = s->known.ctx->kern;
    const float *mean = s->prior + 2 * sample * s->k1, *ratio = mean + s->k1;
    int64_t k1 = s->k1;
    bool is_class = s->params->task != FM_REGRESSION;
    sum_asker(s, q, sample, a);
    sum_events(s, sample, a);
    memcpy(a->x, mean, (size_t)k1 * sizeof *mean);
    for (int step = 0; step < (is_class ? STEPS : 1); step++) {
        weigh(s, a);
        memset(a->A, 0, (size_t)(k1 * (k1 + 1)) * sizeof *a->A); /* and b behind it */
        kern->syrk(k1, a->of.n, a->Z, k1, NULL, a->weight, a->A, k1);
        for (int64_t e = 0; e < a->of.n; e++)
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
    float part = (float)(s->known.spread / (double)s->S);
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
    const struct fm *s = self;
    return fm_read_item(&s->known, a, out, scratch, err);
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
        double score = s->known.base;
        for (int64_t sample = 0; sample < s->S; sample++) {
            const float *x = state + sample * s->k1;
            sum_item(s, &items[i], sample, sum);
            score += (double)(fm_dot(s, x, sum) + x[s->k]) +
                     (double)sum[s->k] * s->known.spread / (double)s->S;
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
    const struct kern *kern = s->known.ctx->kern;
    const float *mean = s->prior + 2 * sample * s->k1;
    float *y = a->at;
    for (int64_t t = 0; t < s->k; t++)
        y[t] = item[t] + a->about[t] + a->where[t];
    y[s->k] = 1;
    kern->chol_solve(s->k1, a->A, s->k1, y);
    for (int64_t t = 0; t < s->k1; t++)
        a->b[t] = a->x[t] - mean[t];
    weigh(s, a);
    for (int64_t e = 0; e < a->of.n; e++) {
        const float *z = a->Z + e * s->k1;
        float off = a->left[e] + kern->dot(z, a->b, s->k1);
        sum[a->of.own[e]] += (double)(a->weight[e] * kern->dot(z, y, s->k1) * off);
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
    double *sum = arena_alloc(scratch, (int64_t)a.of.n_known + 1, sizeof *sum, err);
    float *row = arena_alloc(scratch, s->k1, sizeof *row, err);
    if (!sum || !row)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t e = 0; e < a.of.n_known; e++)
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
    for (int32_t e = 0; e < a.of.n_known; e++)
        *n = reason_put(out, max, *n, a.of.known[e],
                        (float)(s->known.spread * sum[e] / (double)s->S));
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
    const struct kern *kern = s->known.ctx->kern;
    int64_t ld = s->S * s->k1;
    const float *own = s->items + item * ld;
    double constants = (double)s->S, length = kern->dot64(own, own, ld) - constants;
    (void)scratch;
    for (int32_t i = 0; i < s->known.n_items && length > 0; i++) {
        const float *x = s->items + i * ld;
        if (i % PIECE == 0)
            AKIN_TRY(ctx_check(s->known.ctx, err));
        double other = kern->dot64(x, x, ld) - constants;
        if (i != item && other > 0)
            evidence_add(out, i,
                         (float)((kern->dot64(own, x, ld) - constants) / sqrt(length * other)));
    }
done:
    return status;
}
