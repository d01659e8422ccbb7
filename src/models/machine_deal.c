/*
 * The deal of machine_sgd.h: events to batches by the seed, laid out as they are read, and who has
 * which feature in a batch. Cost: three passes over the features of events; they are kept once by
 * event and once by batch and feature.
 */
#include "core/par.h"
#include "core/rng.h"
#include "models/machine_sgd.h"

/* Events in the order of the deal, with their features: what a batch reads lies together. */
static akin_status lay_out(struct fm_sgd *s, const int32_t *order, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct fm_data *d = s->d;
    int64_t n = 0;
    MEM_NEW(s->ctx, s->target, d->n);
    MEM_NEW(s->ctx, s->ptr, d->n + 1);
    s->ptr[0] = 0;
    for (int64_t i = 0; i < d->n; i++) {
        s->target[i] = d->target[order[i]];
        for (int side = 0; side < FM_SIDES; side++)
            if (d->row[side]) {
                const int64_t *ptr = d->side[side].X.ptr + d->row[side][order[i]];
                n += ptr[1] - ptr[0];
            }
        s->ptr[i + 1] = n;
    }
    MEM_NEW(s->ctx, s->feature, n);
    MEM_NEW(s->ctx, s->value, n);
    for (int64_t i = 0; i < d->n; i++) {
        int64_t to = s->ptr[i];
        for (int side = 0; side < FM_SIDES; side++) {
            const struct csr *X = &d->side[side].X;
            int64_t row = d->row[side] ? d->row[side][order[i]] : -1;
            for (int64_t at = row < 0 ? 0 : X->ptr[row]; row >= 0 && at < X->ptr[row + 1]; at++) {
                s->feature[to] = s->first[side] + X->col[at];
                s->value[to++] = X->val[at];
            }
        }
    }
done:
    return status;
}

static akin_status deal(struct fm_sgd *s, uint64_t seed, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct rng rng = rng_make(seed, RNG_SHUFFLE, 1ULL << 56);
    int32_t *order = NULL;
    MEM_NEW(s->ctx, order, s->d->n);
    for (int64_t e = 0; e < s->d->n; e++)
        order[e] = (int32_t)e;
    for (int64_t e = s->d->n - 1; e > 0; e--) {
        int64_t other = (int64_t)rng_below(&rng, (uint64_t)e + 1);
        int32_t was = order[e];
        order[e] = order[other];
        order[other] = was;
    }
    AKIN_TRY(lay_out(s, order, err));
done:
    mem_free(s->ctx, order);
    return status;
}

/* Who has which feature in batch b. last (n_features): how many pairs a feature has, then where its
 * next one goes; 0 between batches. */
static akin_status index_batch(struct fm_sgd *s, int64_t b, int64_t *last, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t lo = b * s->p.batch, hi = par_hi(b, s->p.batch, s->d->n);
    int64_t first = s->touched_ptr[b], n = first;
    for (int64_t at = s->ptr[lo]; at < s->ptr[hi]; at++)
        if (last[s->feature[at]]++ == 0) {
            MEM_GROW(s->ctx, s->touched, s->cap_touched, n + 1);
            s->touched[n++] = s->feature[at];
        }
    MEM_GROW(s->ctx, s->pair_ptr, s->cap_pair_ptr, n + 1);
    if (n == 0)
        s->pair_ptr[0] = 0;
    for (int64_t t = first; t < n; t++) {
        int64_t size = last[s->touched[t]];
        last[s->touched[t]] = s->pair_ptr[t];
        s->share[s->touched[t]] += (float)size;
        s->pair_ptr[t + 1] = s->pair_ptr[t] + size;
    }
    for (int64_t i = lo; i < hi; i++)
        for (int64_t at = s->ptr[i]; at < s->ptr[i + 1]; at++) {
            int64_t to = last[s->feature[at]]++;
            s->pair_event[to] = (int32_t)(i - lo);
            s->pair_value[to] = s->value[at];
        }
    for (int64_t t = first; t < n; t++)
        last[s->touched[t]] = 0;
    s->touched_ptr[b + 1] = n;
done:
    return status;
}

static akin_status index_batches(struct fm_sgd *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t pairs = s->ptr[s->d->n], *last = NULL;
    MEM_ZERO(s->ctx, last, s->n_features);
    MEM_ZERO(s->ctx, s->share, s->n_features);
    MEM_ZERO(s->ctx, s->touched_ptr, s->n_batches + 1);
    MEM_GROW(s->ctx, s->pair_ptr, s->cap_pair_ptr, 1);
    s->pair_ptr[0] = 0;
    MEM_NEW(s->ctx, s->pair_event, pairs);
    MEM_NEW(s->ctx, s->pair_value, pairs);
    for (int64_t b = 0; b < s->n_batches; b++) {
        AKIN_TRY(ctx_check(s->ctx, err));
        AKIN_TRY(index_batch(s, b, last, err));
    }
    for (int64_t j = 0; j < s->n_features; j++)
        s->share[j] = s->share[j] > 0 ? 1 / s->share[j] : 0;
done:
    mem_free(s->ctx, last);
    return status;
}

akin_status fm_sgd_deal(struct fm_sgd *s, uint64_t seed, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(deal(s, seed, err));
    AKIN_TRY(index_batches(s, err));
done:
    return status;
}
