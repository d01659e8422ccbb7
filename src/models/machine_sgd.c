/*
 * Minibatches of fm and ffm (Rendle 2010, doi:10.1109/ICDM.2010.127; Juan, Zhuang, Chin, Lin 2016,
 * doi:10.1145/2959100.2959134; adagrad: Duchi, Hazan, Singer 2011).
 *
 * Events are dealt to batches once, by the seed; the order of batches is drawn anew each epoch.
 * Since they stay, who has which feature in a batch is known beforehand. A batch has two halves:
 * its events, side by side, leave the slopes of their loss in Z; then its features, side by side,
 * sum what their events left, in the order of events, and move. No sum knows of threads.
 *
 * sgd moves by rate·g / (1 + rate·n), n the feature's events in the batch: about what n events one
 * after another would do, so that a frequent feature does not overshoot in a large batch. adagrad
 * divides by the root of START and all squares so far.
 * Cost of an epoch: 2·features of events·width multiply-adds, memory as many. Kept: 16 bytes a
 * feature of an event. Not here: several ranks, momentum.
 */
#include "models/machine_sgd.h"
#include "core/par.h"
#include "core/rng.h"
#include "kern/math.h"
#include "solve/draw.h"

#include <math.h>
#include <string.h>

enum { EVENTS = 64, FEATURES = 64, ONE_FIELD = 20 };

static const float START = 1; /* libffm's */

/* ---- Making -------------------------------------------------------------------------------- */

akin_status fm_sgd_make(struct fm_sgd *s, uint64_t seed, akin_error *err)
{
    akin_status status = AKIN_OK;
    s->width = s->F * s->k + 1;
    s->ld = (s->width + 3) / 4 * 4;
    s->n_batches = par_blocks(s->d->n, s->p.batch);
    s->n_features = 0;
    for (int side = 0; side < FM_SIDES; side++) {
        if (s->n_features + s->d->side[side].n_features > INT32_MAX)
            AKIN_FAIL(AKIN_E_LIMIT, "%s: more than %d features", s->d->known->choice.model,
                      INT32_MAX);
        s->first[side] = (int32_t)s->n_features;
        s->n_features += s->d->side[side].n_features;
    }
    AKIN_TRY(fm_sgd_deal(s, seed, err));
    MEM_ZERO(s->ctx, s->field, s->n_features);
    MEM_ZERO(s->ctx, s->theta, s->n_features * s->ld);
    MEM_ZERO(s->ctx, s->reg, s->ld);
    MEM_ZERO(s->ctx, s->rate, s->ld);
    MEM_NEW(s->ctx, s->Z, s->p.batch * s->F * s->ld);
    MEM_NEW(s->ctx, s->delta, s->p.batch);
    MEM_NEW(s->ctx, s->scratch, par_workers(s->ctx) * (s->F + 2) * s->ld);
    if (s->p.is_adagrad)
        MEM_NEW(s->ctx, s->square, s->n_features * s->ld);
    for (int64_t at = 0; s->square && at < s->n_features * s->ld; at++)
        s->square[at] = START;
    for (int64_t t = 0; t < s->width; t++) {
        bool is_v = t + 1 < s->width;
        s->reg[t] = (float)(is_v ? s->p.reg : s->p.linear_reg);
        s->rate[t] = (float)(is_v ? s->p.rate : s->p.linear_rate);
    }
    for (int64_t j = 0; j < s->n_features; j++) {
        float *theta = s->theta + j * s->ld;
        if (!(s->share[j] > 0))
            continue; /* of no event: it says nothing */
        draw_normals(s->ctx->kern, seed, RNG_INIT_ITEM, 1ULL << 56 | (uint64_t)j, 0, s->width - 1,
                     theta);
        for (int64_t t = 0; t + 1 < s->width; t++)
            theta[t] *= (float)s->p.stddev;
    }
done:
    return status;
}

void fm_sgd_free(struct fm_sgd *s)
{
    void *const all[] = {s->field,   s->theta,    s->square,     s->reg,        s->rate,
                         s->share,   s->target,   s->ptr,        s->feature,    s->value,
                         s->touched, s->pair_ptr, s->pair_event, s->pair_value, s->Z,
                         s->delta,   s->scratch,  s->touched_ptr};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        mem_free(s->ctx, all[i]);
}

/* ---- Events -------------------------------------------------------------------------------- */

/* Over n, a multiple of 4; inline, so that small n of the caller's are known to the compiler. */
static inline __attribute__((always_inline)) void
add_scaled(int64_t n, float x, const float *restrict from, float *restrict to)
{
    for (int64_t t = 0; t < n; t += 4)
        for (int64_t l = t; l < t + 4; l++)
            to[l] += x * from[l];
}

/* T (ld) and own (ld) of one field: Σ x θ, Σ (x θ)². */
static inline __attribute__((always_inline)) void
sum_plain(const struct fm_sgd *s, int64_t e, int64_t ld, float *restrict T, float *restrict own)
{
    float sum[ONE_FIELD], squares[ONE_FIELD];
    for (int64_t t = 0; t < ld; t++)
        sum[t] = squares[t] = 0;
    for (int64_t at = s->ptr[e]; at < s->ptr[e + 1]; at++) {
        float x = s->value[at];
        const float *restrict theta = s->theta + s->feature[at] * ld;
        for (int64_t t = 0; t < ld; t++) {
            float y = x * theta[t];
            sum[t] += y;
            squares[t] += y * y;
        }
    }
    for (int64_t t = 0; t < ld; t++) {
        T[t] = sum[t];
        own[t] = squares[t];
    }
}

/* T (F, ld) and own (k): Σ x θ by field, and the squares of what a feature has for its own. */
static void sum_event(const struct fm_sgd *s, int64_t e, float *restrict T, float *restrict own)
{
    const int64_t ld = s->ld, k = s->k;
    if (s->F == 1 && ld == 8) {
        sum_plain(s, e, 8, T, own);
        return;
    }
    if (s->F == 1 && ld == 12) {
        sum_plain(s, e, 12, T, own);
        return;
    }
    if (s->F == 1 && ld == 20) {
        sum_plain(s, e, 20, T, own);
        return;
    }
    memset(T, 0, (size_t)(s->F * ld) * sizeof *T);
    memset(own, 0, (size_t)ld * sizeof *own);
    for (int64_t at = s->ptr[e]; at < s->ptr[e + 1]; at++) {
        int64_t j = s->feature[at], a = s->field[j];
        float x = s->value[at];
        const float *theta = s->theta + j * ld;
        add_scaled(ld, x, theta, T + a * ld);
        for (int64_t t = 0; t < k; t++)
            own[t] += x * theta[a * k + t] * (x * theta[a * k + t]);
    }
}

/* Σ a b over k in four lanes. */
static inline float dot4(int64_t k, const float *a, const float *b)
{
    float lane[4] = {0, 0, 0, 0};
    int64_t t = 0;
    for (; t + 4 <= k; t += 4)
        for (int64_t l = 0; l < 4; l++)
            lane[l] += a[t + l] * b[t + l];
    for (int64_t l = 0; t < k; t++, l++)
        lane[l] += a[t] * b[t];
    return (lane[0] + lane[2]) + (lane[1] + lane[3]);
}

float fm_fields_said(int64_t k, int64_t F, int64_t ld, const float *T, const float *own)
{
    float linear = 0, pairs = 0, twice = 0;
    for (int64_t a = 0; a < F; a++) {
        const float *row = T + a * ld;
        linear += row[F * k];
        twice += dot4(k, row + a * k, row + a * k);
        for (int64_t b = 0; b < a; b++)
            pairs += dot4(k, row + b * k, T + b * ld + a * k);
    }
    for (int64_t t = 0; t < k; t++)
        twice -= own[t];
    return linear + pairs + twice / 2;
}

void fm_fields_add(int64_t k, int64_t width, int64_t ld, const float *theta, int64_t field, float x,
                   float *T, float *own)
{
    float *row = T + field * ld;
    for (int64_t t = 0; t < width; t++)
        row[t] += x * theta[t];
    for (int64_t t = 0; t < k; t++)
        own[t] += x * theta[field * k + t] * (x * theta[field * k + t]);
}

/* Z of an event: what a feature of field a meets, [Σ_b T_b for a, 1]·δ. */
static inline void put_slopes(const struct fm_sgd *s, const float *T, float delta, float *Z)
{
    const int64_t ld = s->ld, k = s->k, F = s->F;
    if (F == 1) {
        for (int64_t t = 0; t < ld; t += 4)
            for (int64_t l = t; l < t + 4; l++)
                Z[l] = delta * T[l];
        Z[k] = delta;
        return;
    }
    for (int64_t a = 0; a < F; a++) {
        float *z = Z + a * ld;
        for (int64_t b = 0; b < F; b++)
            for (int64_t t = 0; t < k; t++)
                z[b * k + t] = delta * T[b * ld + a * k + t];
        z[F * k] = delta;
        for (int64_t t = F * k + 1; t < ld; t++)
            z[t] = 0;
    }
}

static akin_status events_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct fm_sgd *s = arg;
    int64_t lo = s->now * s->p.batch, n = par_hi(s->now, s->p.batch, s->d->n) - lo;
    int64_t hi = par_hi(block, EVENTS, n);
    float *T = s->scratch + worker * (s->F + 2) * s->ld, *own = T + s->F * s->ld;
    bool is_class = s->d->known->choice.task != FM_REGRESSION;
    float base = (float)s->d->known->base;
    (void)err;
    for (int64_t i = par_lo(block, EVENTS); i < hi; i++) {
        float target = s->target[lo + i];
        sum_event(s, lo + i, T, own);
        float x = fm_fields_said(s->k, s->F, s->ld, T, own);
        float delta = is_class ? 1 / (1 + kern_expf(-(base + x))) - target : x - target;
        s->delta[i] = delta;
        put_slopes(s, T, delta, s->Z + i * s->F * s->ld);
    }
    return AKIN_OK;
}

/* ---- Features ------------------------------------------------------------------------------ */

/* g (ld) of the t-th feature touched. */
static inline __attribute__((always_inline)) void sum_slopes(const struct fm_sgd *s, int64_t t,
                                                             int64_t ld, float *restrict g)
{
    const int64_t k = s->k, F = s->F, j = s->touched[t], a = s->field[j];
    const float *theta = s->theta + j * ld, *Z = s->Z + a * ld;
    float twice = 0; /* of the squares that it must not meet: itself */
    for (int64_t l = 0; l < ld; l++)
        g[l] = 0;
    for (int64_t p = s->pair_ptr[t]; p < s->pair_ptr[t + 1]; p++) {
        float x = s->pair_value[p];
        int64_t e = s->pair_event[p];
        add_scaled(ld, x, Z + e * F * ld, g);
        twice += x * x * s->delta[e];
    }
    for (int64_t l = a * k; l < (a + 1) * k; l++)
        g[l] -= twice * theta[l];
}

static inline __attribute__((always_inline)) void move(struct fm_sgd *s, int64_t t, int64_t ld,
                                                       float *restrict g)
{
    const int64_t j = s->touched[t];
    float *restrict theta = s->theta + j * ld;
    const float *restrict reg = s->reg, *restrict rate = s->rate;
    float n = (float)(s->pair_ptr[t + 1] - s->pair_ptr[t]), share = n * s->share[j];
    sum_slopes(s, t, ld, g);
    if (s->square) {
        float *restrict square = s->square + j * ld;
        for (int64_t l = 0; l < ld; l++) {
            float slope = g[l] + share * reg[l] * theta[l];
            square[l] += slope * slope;
            theta[l] -= rate[l] * slope / sqrtf(square[l]);
        }
        return;
    }
    for (int64_t l = 0; l < ld; l++) {
        float slope = g[l] + share * reg[l] * theta[l];
        theta[l] -= rate[l] * slope / (1 + rate[l] * n);
    }
}

static akin_status features_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct fm_sgd *s = arg;
    int64_t first = s->touched_ptr[s->now], n = s->touched_ptr[s->now + 1] - first;
    int64_t hi = par_hi(block, FEATURES, n);
    float *g = s->scratch + worker * (s->F + 2) * s->ld;
    (void)err;
    for (int64_t t = par_lo(block, FEATURES); t < hi; t++)
        if (s->ld == 12)
            move(s, first + t, 12, g);
        else
            move(s, first + t, s->ld, g);
    return AKIN_OK;
}

/* ---- Epochs -------------------------------------------------------------------------------- */

static akin_status epoch(struct fm_sgd *s, uint64_t seed, int64_t at, int32_t *turn,
                         akin_error *err)
{
    akin_status status = AKIN_OK;
    struct rng rng = rng_make(seed, RNG_SHUFFLE, 1ULL << 56 | (uint64_t)at);
    for (int64_t b = s->n_batches - 1; b > 0; b--) {
        int64_t other = (int64_t)rng_below(&rng, (uint64_t)b + 1);
        int32_t was = turn[b];
        turn[b] = turn[other];
        turn[other] = was;
    }
    for (int64_t b = 0; b < s->n_batches; b++) {
        s->now = turn[b];
        int64_t n = par_hi(s->now, s->p.batch, s->d->n) - s->now * s->p.batch;
        int64_t touched = s->touched_ptr[s->now + 1] - s->touched_ptr[s->now];
        AKIN_TRY(ctx_check(s->ctx, err));
        AKIN_TRY(par_for(s->ctx, par_blocks(n, EVENTS), events_block, s, err));
        AKIN_TRY(par_for(s->ctx, par_blocks(touched, FEATURES), features_block, s, err));
    }
    progress_add(s->ctx, s->n_batches);
done:
    return status;
}

akin_status fm_sgd_run(struct fm_sgd *s, uint64_t seed, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *name = s->d->known->choice.model;
    int32_t *turn = NULL;
    progress_begin(s->ctx, name, s->p.epochs * s->n_batches);
    MEM_NEW(s->ctx, turn, s->n_batches);
    for (int64_t b = 0; b < s->n_batches; b++)
        turn[b] = (int32_t)b;
    for (int64_t at = 1; at <= s->p.epochs; at++) {
        AKIN_TRY(epoch(s, seed, at, turn, err));
        for (int64_t i = 0; i < s->n_features * s->ld; i++)
            if (!isfinite(s->theta[i]))
                AKIN_FAIL(AKIN_E_INPUT,
                          "%s: epoch %d: a parameter is not finite; lower learning_rate=%g", name,
                          (int)at, s->p.rate);
    }
done:
    mem_free(s->ctx, turn);
    progress_end(s->ctx);
    return status;
}
