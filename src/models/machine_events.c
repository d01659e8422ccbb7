/*
 * What fm and ffm learn from: events with their targets, negatives of ranking behind each positive,
 * in its context; and rows of the sides, themselves first.
 * Cost: a sort of each history. Memory: 16 bytes an event and row of a side.
 */
#include "models/machine.h"

#include "kern/math.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int by_number(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static bool is_positive(const struct fm_data *d, int64_t e)
{
    return !d->tv->hist.weight || d->tv->hist.weight[e] > 0;
}

static void put_event(struct fm_data *d, int64_t user, int32_t item, int64_t source, float target)
{
    d->row[FM_USERS][d->n] = (int32_t)user;
    d->row[FM_ITEMS][d->n] = item;
    if (d->row[FM_CONTEXT])
        d->row[FM_CONTEXT][d->n] = d->known->context_of[source];
    d->target[d->n++] = target;
}

/* A user's events; own (as long as they are many) is scratch. */
static akin_status put_user(struct fm_data *d, int64_t user, int32_t *own, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct histories *h = &d->tv->hist;
    int64_t lo = h->ptr[user], n = h->ptr[user + 1] - lo;
    bool ranks = d->known->choice.task == FM_RANKING;
    AKIN_TRY(ctx_check(d->ctx, err));
    if (ranks && n > 0) {
        memcpy(own, h->item + lo, (size_t)n * sizeof *own);
        qsort(own, (size_t)n, sizeof *own, by_number);
    }
    for (int64_t e = lo; e < lo + n; e++) {
        float target =
            d->known->choice.task == FM_REGRESSION ? h->value[e] : (float)is_positive(d, e);
        put_event(d, user, h->item[e], e, target);
        for (int64_t j = 0; ranks && target > 0 && j < d->known->choice.negatives; j++) {
            int32_t other =
                fm_negative(d->known->seed, h->item[e], e - lo, j, d->m->items.n, own, n);
            if (other >= 0)
                put_event(d, user, other, e, 0);
        }
    }
done:
    return status;
}

static akin_status read_events(struct fm_data *d, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct histories *h = &d->tv->hist;
    int64_t n = h->ptr[h->n_users], longest = 0;
    int32_t *own = NULL;
    if (d->known->choice.task == FM_RANKING)
        n *= 1 + d->known->choice.negatives;
    if (n > INT32_MAX)
        AKIN_FAIL(AKIN_E_LIMIT, "%s: %" PRId64 " events with negatives (at most %d)",
                  d->known->choice.model, n, INT32_MAX);
    for (int64_t u = 0; u < h->n_users; u++)
        longest = h->ptr[u + 1] - h->ptr[u] > longest ? h->ptr[u + 1] - h->ptr[u] : longest;
    MEM_NEW(d->ctx, own, longest);
    MEM_NEW(d->ctx, d->target, n);
    for (int s = 0; s < FM_SIDES; s++)
        if (s != FM_CONTEXT || d->known->context_of)
            MEM_NEW(d->ctx, d->row[s], n);
    for (int64_t u = 0; u < h->n_users; u++)
        AKIN_TRY(put_user(d, u, own, err));
done:
    mem_free(d->ctx, own);
    return status;
}

static akin_status scale_values(struct fm_data *d, akin_error *err)
{
    akin_status status = AKIN_OK;
    double sum = 0, squares = 0, n = d->n > 0 ? (double)d->n : 1;
    for (int64_t e = 0; e < d->n; e++)
        sum += (double)d->target[e];
    double mean = sum / n;
    for (int64_t e = 0; e < d->n; e++)
        squares += ((double)d->target[e] - mean) * ((double)d->target[e] - mean);
    if (!isfinite(squares) || squares / n > 1e18)
        AKIN_FAIL(AKIN_E_INPUT, "%s: a value is not finite, or they are too large",
                  d->known->choice.model);
    d->known->base = mean;
    d->known->spread = squares > 0 ? sqrt(squares / n) : 1;
    for (int64_t e = 0; e < d->n; e++)
        d->target[e] = (float)(((double)d->target[e] - mean) / d->known->spread);
done:
    return status;
}

static akin_status count_classes(struct fm_data *d, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t positive = 0;
    for (int64_t e = 0; e < d->n; e++)
        positive += d->target[e] > 0;
    if (d->n > 0 && (positive == 0 || positive == d->n) &&
        d->known->choice.task == FM_CLASSIFICATION)
        AKIN_FAIL(AKIN_E_INPUT,
                  "%s: task=classification needs two classes, but all %" PRId64
                  " events are %s; say "
                  "what counts as one (--positive \"value >= 4\"), or take task=ranking for events "
                  "that are all positive",
                  d->known->choice.model, d->n, positive ? "positives" : "negatives");
    double n = (double)d->n, p = ((double)positive + .5) / (n + 1);
    d->known->base = kern_log(p / (1 - p));
    d->known->spread = 1;
done:
    return status;
}

/* Rows themselves, then their attributes. */
static akin_status join_rows(struct fm_data *d, struct fm_rows *s, const struct csr *attributes,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    struct csr X = {.n_rows = s->n_rows};
    int64_t n = 0, own = s->n_own > 0;
    s->n_features = s->n_own + (attributes->ptr ? attributes->n_cols : 0);
    X.n_cols = s->n_features;
    MEM_ZERO(d->ctx, X.ptr, s->n_rows + 1);
    MEM_NEW(d->ctx, X.col, csr_nnz(attributes) + own * s->n_rows);
    MEM_NEW(d->ctx, X.val, csr_nnz(attributes) + own * s->n_rows);
    for (int64_t r = 0; r < s->n_rows; r++) {
        if (own) {
            X.col[n] = (int32_t)r;
            X.val[n++] = 1;
        }
        for (int64_t e = attributes->ptr ? attributes->ptr[r] : 0;
             attributes->ptr && e < attributes->ptr[r + 1]; e++) {
            X.col[n] = attributes->col[e] + (int32_t)s->n_own;
            X.val[n++] = attributes->val[e];
        }
        X.ptr[r + 1] = n;
    }
    s->X = X;
    X = (struct csr){0};
done:
    csr_free(d->ctx, &X);
    return status;
}

akin_status fm_data_read(struct fm_data *d, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct fm_known *s = d->known;
    const struct dataset *ds = d->tv->ds;
    struct csr items = {0};
    bool has_values = s->choice.task == FM_REGRESSION;
    if (has_values && !dataset_has_values(ds) && ds->n_events > 0)
        AKIN_FAIL(AKIN_E_INPUT,
                  "%s: task=regression needs values, which this data lacks (task=ranking learns "
                  "from events)",
                  s->choice.model);
    if (ds->n_events > INT32_MAX)
        AKIN_FAIL(AKIN_E_LIMIT, "%s: %" PRId64 " events (at most %d)", s->choice.model,
                  ds->n_events, INT32_MAX);
    AKIN_TRY(fm_read_columns(d, err));
    items = d->side[FM_ITEMS].X;
    d->side[FM_ITEMS] = (struct fm_rows){.n_rows = d->m->items.n, .n_own = d->m->items.n};
    d->side[FM_USERS] = (struct fm_rows){.n_rows = d->m->users.n, .n_own = d->m->users.n};
    d->side[FM_CONTEXT] = (struct fm_rows){.n_rows = s->context_rows.n_rows};
    AKIN_TRY(read_events(d, err));
    AKIN_TRY(has_values ? scale_values(d, err) : count_classes(d, err));
    AKIN_TRY(join_rows(d, &d->side[FM_ITEMS], &items, err));
    AKIN_TRY(join_rows(d, &d->side[FM_USERS], &s->user_rows, err));
    if (d->row[FM_CONTEXT])
        AKIN_TRY(join_rows(d, &d->side[FM_CONTEXT], &s->context_rows, err));
done:
    csr_free(d->ctx, &items);
    return status;
}

void fm_data_free(struct fm_data *d)
{
    for (int s = 0; s < FM_SIDES; s++) {
        csr_free(d->ctx, &d->side[s].X);
        mem_free(d->ctx, d->row[s]);
    }
    mem_free(d->ctx, d->target);
}
