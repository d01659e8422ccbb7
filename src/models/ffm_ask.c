/*
 * Askers of ffm. Her own row [v_0 … v_{F-1}, w] is solved from her events as a row of least squares
 * at reg, of classes by up to STEPS weighings; her attributes and the request's context add what
 * training found:
 *
 *   score = Σ_a Σ_b x_{a,b} · (item's sum of field b for field a) + c + item's offset
 *
 * with x_{a,b} what she and the context have of field a for field b, so that rank/ needs vectors
 * only. Events trained on keep their context, later ones have none.
 * Cost: n·width² / 2 + width³ / 6 + n·F²·k, width = F·k + 1; of classes STEPS times, with
 * negatives.
 */
#include "models/ffm.h"
#include "models/machine_sgd.h"

#include <math.h>
#include <string.h>

enum { STEPS = 12 };

/* Arrays in scratch. */
struct asker {
    struct fm_asked of;
    float *Z, *fixed, *left, *weight; /* (n, width), (n), … */
    float *about, *about_own;         /* (F, width), (k) sums of her attributes */
    float *at, *at_own;               /* the same of an event, or of now */
    float *flat;                      /* (dim) x_{a,b} of at */
    float *x, *A, *b, *ratio, *y;     /* (width), (width, width) */
};

static akin_status asker_read(const struct ffm *s, const struct query *q, struct arena *scratch,
                              struct asker *a, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t width = s->width, table = s->F * width + s->k;
    memset(a, 0, sizeof *a);
    AKIN_TRY(fm_asked_read(&s->known, q, scratch, &a->of, err));
    int64_t n = a->of.n;
    float *floats = arena_alloc(scratch, n * (width + 3) + 2 * table + s->dim + width * (width + 4),
                                sizeof *floats, err);
    if (!floats)
        AKIN_TRY(AKIN_E_MEMORY);
    a->fixed = floats;
    a->left = a->fixed + n;
    a->weight = a->left + n;
    a->Z = a->weight + n;
    a->about = a->Z + n * width;
    a->about_own = a->about + s->F * width;
    a->at = a->about + table;
    a->at_own = a->at + s->F * width;
    a->flat = a->at + table;
    a->x = a->flat + s->dim;
    a->ratio = a->x + width;
    a->y = a->ratio + width;
    a->A = a->y + width;
    a->b = a->A + width * width;
    for (int64_t t = 0; t < width; t++)
        a->ratio[t] = (float)(t + 1 < width ? s->params->reg : s->params->linear_reg);
done:
    return status;
}

static void add_features(const struct ffm *s, enum fm_side_of side, const int32_t *feature,
                         const float *value, int64_t n, float *T, float *own)
{
    for (int64_t e = 0; e < n; e++)
        fm_fields_add(s->k, s->width, s->width, s->theta[side] + feature[e] * s->width,
                      s->field[side][feature[e]], value[e], T, own);
}

static void add_row(const struct ffm *s, enum fm_side_of side, const struct csr *rows, int64_t row,
                    float *T, float *own)
{
    int64_t lo = rows->ptr[row];
    add_features(s, side, rows->col + lo, rows->val + lo, rows->ptr[row + 1] - lo, T, own);
}

/* at: her attributes and a context, row or vector; flat follows. Returns ŷ of these alone. */
static float sum_here(const struct ffm *s, struct asker *a, int64_t context,
                      const struct feature_vector *now)
{
    memcpy(a->at, a->about, (size_t)(s->F * s->width + s->k) * sizeof *a->at);
    if (context >= 0)
        add_row(s, FM_CONTEXT, &s->known.context_rows, context, a->at, a->at_own);
    if (now && now->n > 0)
        add_features(s, FM_CONTEXT, now->feature, now->value, now->n, a->at, a->at_own);
    for (int64_t i = 0; i < s->n_a; i++)
        memcpy(a->flat + i * s->n_b * s->k, a->at + (s->n_b + i) * s->width,
               (size_t)(s->n_b * s->k) * sizeof *a->flat);
    a->flat[s->dim - 1] = 0;
    return fm_fields_said(s->k, s->F, s->width, a->at, a->at_own);
}

/* What her own row meets: of an item's vector, and of what else there is (at). */
static void meet(const struct ffm *s, const struct asker *a, const float *item, float *z)
{
    memcpy(z, item, (size_t)(s->n_b * s->k) * sizeof *z);
    for (int64_t f = s->n_b; f < s->F; f++)
        memcpy(z + f * s->k, a->at + f * s->width + s->n_b * s->k, (size_t)s->k * sizeof *z);
    z[s->width - 1] = 1;
}

static void sum_events(const struct ffm *s, const struct query *q, struct asker *a)
{
    const struct kern *kern = s->known.ctx->kern;
    memset(a->about, 0, (size_t)(s->F * s->width + s->k) * sizeof *a->about);
    if (s->known.spec[FM_USERS] && q->user >= 0)
        add_row(s, FM_USERS, &s->known.user_rows, q->user, a->about, a->about_own);
    for (int64_t e = 0; e < a->of.n; e++) {
        const float *item = s->items + a->of.item[e] * s->dim;
        float here = sum_here(s, a, a->of.context[e], NULL);
        a->fixed[e] = here + s->offset[a->of.item[e]] + kern->dot(a->flat, item, s->dim);
        meet(s, a, item, a->Z + e * s->width);
    }
}

/* left and weights at x. */
static void weigh(const struct ffm *s, struct asker *a)
{
    bool is_class = s->params->task != FM_REGRESSION;
    for (int64_t e = 0; e < a->of.n; e++) {
        float x = a->fixed[e] + s->known.ctx->kern->dot(a->Z + e * s->width, a->x, s->width);
        a->weight[e] = 1;
        a->left[e] = a->of.target[e] - x;
        if (is_class)
            fm_logit(s->known.base + (double)x, a->of.target[e] > 0, &a->weight[e], &a->left[e]);
    }
}

/* Her row in x; A holds the factor of its matrix. */
static akin_status solve_asker(const struct ffm *s, const struct query *q, struct asker *a,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct kern *kern = s->known.ctx->kern;
    const int64_t width = s->width;
    float *zeros = a->y;
    sum_events(s, q, a);
    memset(a->x, 0, (size_t)width * sizeof *a->x);
    memset(zeros, 0, (size_t)width * sizeof *zeros);
    for (int step = 0; step < (s->params->task != FM_REGRESSION ? STEPS : 1); step++) {
        weigh(s, a);
        memset(a->A, 0, (size_t)(width * (width + 1)) * sizeof *a->A); /* and b behind it */
        kern->syrk(width, a->of.n, a->Z, width, NULL, a->weight, a->A, width);
        for (int64_t e = 0; e < a->of.n; e++)
            kern->axpy(a->weight[e] * a->left[e], a->Z + e * width, a->b, width);
        AKIN_TRY(fm_solve(kern, width, a->A, a->b, a->ratio, zeros, a->x, NULL, NULL, err));
        for (int64_t t = 0; t < width; t++)
            a->x[t] += a->b[t];
        if (kern->dot(a->b, a->b, width) < 1e-8F)
            break;
    }
done:
    return status;
}

akin_status ffm_fold_in(const void *self, const struct query *q, float *state,
                        struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct ffm *s = self;
    const struct kern *kern = s->known.ctx->kern;
    struct asker a;
    AKIN_TRY(asker_read(s, q, scratch, &a, err));
    AKIN_TRY(solve_asker(s, q, &a, err));
    float spread = (float)s->known.spread,
          rest = sum_here(s, &a, -1, &a.of.now) + a.x[s->width - 1];
    for (int64_t f = s->n_b; f < s->F; f++)
        rest += kern->dot(a.x + f * s->k, a.at + f * s->width + s->n_b * s->k, s->k);
    for (int64_t t = 0; t < s->dim; t++)
        state[t] = spread * (a.flat[t] + (t < s->n_b * s->k ? a.x[t] : 0));
    state[s->dim - 1] = spread * rest;
done:
    return status;
}

void ffm_vectors(const void *self, struct item_vectors *out)
{
    const struct ffm *s = self;
    *out = (struct item_vectors){s->items, s->bias, (int32_t)s->dim};
}

/* ---- Items that came later ---- */

akin_status ffm_fold_in_item(const void *self, const struct attributes *a, struct item_state *out,
                             struct arena *scratch, akin_error *err)
{
    const struct ffm *s = self;
    return fm_read_item(&s->known, a, out, scratch, err);
}

/* Its vector; T (F, width) and k more are scratch. Returns its offset. */
static float item_vector(const struct ffm *s, const struct item_state *item, float *T, float *out)
{
    float *own = T + s->F * s->width;
    memset(T, 0, (size_t)(s->F * s->width + s->k) * sizeof *T);
    add_features(s, FM_ITEMS, item->index, item->value, item->n, T, own);
    ffm_item_vector(s, T, out);
    return fm_fields_said(s->k, s->F, s->width, T, own);
}

akin_status ffm_score_states(const void *self, const struct query *q,
                             const struct item_state *items, int32_t n, float *out,
                             struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct ffm *s = self;
    float *state = arena_alloc(scratch, 2 * s->dim, sizeof *state, err);
    float *T = arena_alloc(scratch, s->F * s->width + s->k, sizeof *T, err);
    if (!state || !T)
        AKIN_TRY(AKIN_E_MEMORY);
    AKIN_TRY(ffm_fold_in(s, q, state, scratch, err));
    for (int32_t i = 0; i < n; i++) {
        double offset = (double)item_vector(s, &items[i], T, state + s->dim);
        double met = (double)s->known.ctx->kern->dot(state, state + s->dim, s->dim);
        out[i] = (float)(s->known.base + s->known.spread * offset + met);
    }
done:
    return status;
}

/* ---- Reasons ---- */

/*
 * Given the weights her row is linear in what her events leave: with y = A⁻¹ ẑ, ẑ what it meets
 * now, an event adds weight · (z·y) · (its target less what is fixed). A negative speaks for the
 * item beside which it was put.
 */
static akin_status reasons(const struct ffm *s, const struct query *q, const float *item,
                           struct reason *out, int32_t max, int32_t *n, struct arena *scratch,
                           akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct kern *kern = s->known.ctx->kern;
    struct asker a;
    *n = 0;
    AKIN_TRY(asker_read(s, q, scratch, &a, err));
    double *sum = arena_alloc(scratch, (int64_t)a.of.n_known + 1, sizeof *sum, err);
    if (!sum)
        AKIN_TRY(AKIN_E_MEMORY);
    memset(sum, 0, ((size_t)a.of.n_known + 1) * sizeof *sum);
    AKIN_TRY(solve_asker(s, q, &a, err));
    (void)sum_here(s, &a, -1, &a.of.now);
    meet(s, &a, item, a.y);
    kern->chol_solve(s->width, a.A, s->width, a.y);
    weigh(s, &a);
    for (int64_t e = 0; e < a.of.n; e++) {
        const float *z = a.Z + e * s->width;
        float off = a.left[e] + kern->dot(z, a.x, s->width);
        sum[a.of.own[e]] += (double)(a.weight[e] * kern->dot(z, a.y, s->width) * off);
    }
    for (int32_t e = 0; e < a.of.n_known; e++)
        *n = reason_put(out, max, *n, a.of.known[e], (float)(s->known.spread * sum[e]));
done:
    return status;
}

akin_status ffm_explain(const void *self, const struct query *q, int32_t item, struct reason *out,
                        int32_t max, int32_t *n, struct arena *scratch, akin_error *err)
{
    const struct ffm *s = self;
    return reasons(s, q, s->items + item * s->dim, out, max, n, scratch, err);
}

akin_status ffm_explain_state(const void *self, const struct query *q,
                              const struct item_state *item, struct reason *out, int32_t max,
                              int32_t *n, struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct ffm *s = self;
    float *vector = arena_alloc(scratch, s->dim, sizeof *vector, err);
    float *T = arena_alloc(scratch, s->F * s->width + s->k, sizeof *T, err);
    *n = 0;
    if (!vector || !T)
        AKIN_TRY(AKIN_E_MEMORY);
    (void)item_vector(s, item, T, vector);
    AKIN_TRY(reasons(s, q, vector, out, max, n, scratch, err));
done:
    return status;
}

/* The cosine of items' vectors, without the constant that carries askers. */
akin_status ffm_similar(const void *self, int32_t item, struct evidence *out, struct arena *scratch,
                        akin_error *err)
{
    enum { PIECE = 4096 };
    akin_status status = AKIN_OK;
    const struct ffm *s = self;
    const struct kern *kern = s->known.ctx->kern;
    const int64_t n = s->dim - 1;
    const float *own = s->items + item * s->dim;
    double length = kern->dot64(own, own, n);
    (void)scratch;
    for (int32_t i = 0; i < s->known.n_items && length > 0; i++) {
        const float *x = s->items + i * s->dim;
        if (i % PIECE == 0)
            AKIN_TRY(ctx_check(s->known.ctx, err));
        double other = kern->dot64(x, x, n);
        if (i != item && other > 0)
            evidence_add(out, i, (float)(kern->dot64(own, x, n) / sqrt(length * other)));
    }
done:
    return status;
}
