/*
 * The ratings of bmf as its chain wants them: of mean 0 and variance 1, by user, by item and, with
 * time terms, by bin. Of a pair rated more than once the last rating counts, with its time.
 *
 * Cost: a sort of each history, two transpositions. Not here: weights of events; a rating is one.
 */
#include "models/bmf_fit.h"

#include <math.h>
#include <string.h>

/* Each event's bin in place of its value, folded as the values are. */
static akin_status read_bins(struct bmf_fit *f, const struct train_view *tv, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct histories h = tv->hist;
    int64_t n_events = h.ptr[h.n_users];
    float *bin = NULL;
    MEM_NEW(f->ctx, bin, n_events);
    for (int64_t e = 0; e < n_events; e++)
        bin[e] = (float)bmf_bin(f->self->clock, h.time[e]);
    h.value = bin;
    AKIN_TRY(histories_values(f->ctx, &h, f->items.n, &f->bins_user, err));
    AKIN_TRY(csr_transpose(f->ctx, &f->bins_user, &f->bins_item, err));
    f->users.bin = f->bins_user.val;
    f->items.bin = f->bins_item.val;
done:
    mem_free(f->ctx, bin);
    return status;
}

/* Ratings by bin, users ascending. */
static akin_status sort_by_bin(struct bmf_fit *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t nnz = csr_nnz(&f->by_user), *at = NULL;
    MEM_ZERO(f->ctx, f->time_ptr, f->times.n + 1);
    MEM_NEW(f->ctx, at, f->times.n + 1);
    MEM_NEW(f->ctx, f->time_item, nnz);
    MEM_NEW(f->ctx, f->time_user, nnz);
    MEM_NEW(f->ctx, f->time_val, nnz);
    for (int64_t e = 0; e < nnz; e++)
        f->time_ptr[(int64_t)f->users.bin[e] + 1]++;
    for (int64_t b = 0; b < f->times.n; b++)
        f->time_ptr[b + 1] += f->time_ptr[b];
    memcpy(at, f->time_ptr, (size_t)(f->times.n + 1) * sizeof *at);
    for (int64_t u = 0; u < f->users.n; u++)
        for (int64_t e = f->by_user.ptr[u]; e < f->by_user.ptr[u + 1]; e++) {
            int64_t to = at[(int64_t)f->users.bin[e]]++;
            f->time_item[to] = f->by_user.col[e];
            f->time_user[to] = (int32_t)u;
            f->time_val[to] = f->by_user.val[e];
        }
    f->times.ptr = f->time_ptr;
    f->times.col = f->time_item;
    f->times.val = f->time_val;
done:
    mem_free(f->ctx, at);
    return status;
}

static akin_status make_clock(struct bmf_fit *f, const struct train_view *tv, akin_error *err)
{
    enum { BINS_MAX = 1 << 20 };
    akin_status status = AKIN_OK;
    int64_t *clock = NULL;
    if (tv->ds->time_kind != TIME_UNIX)
        AKIN_FAIL(AKIN_E_INPUT,
                  "bmf: bin_days=%g needs events with times, which this data lacks "
                  "(leave it at 0)",
                  f->p->bin_days);
    MEM_ZERO(f->ctx, clock, 3);
    f->self->clock = clock;
    int64_t n_events = tv->ds->n_events, oldest = tv->now;
    for (int64_t e = 0; e < n_events; e++)
        oldest = tv->ds->time[e] < oldest ? tv->ds->time[e] : oldest;
    double seconds = ceil(f->p->bin_days * 86400.0);
    double bins = floor(((double)tv->now - (double)oldest) / seconds) + 1.0;
    if (bins > BINS_MAX)
        AKIN_FAIL(AKIN_E_INPUT, "bmf: bin_days=%g makes %.0f bins of time (at most %d)",
                  f->p->bin_days, bins, BINS_MAX);
    clock[0] = oldest;
    clock[1] = (int64_t)seconds;
    clock[2] = n_events > 0 ? (int64_t)bins : 0;
    f->times.n = clock[2];
done:
    return status;
}

/* Ratings to mean 0 and variance 1, where the priors are made for. */
static akin_status normalise(struct bmf_fit *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t nnz = csr_nnz(&f->by_user);
    double sum = 0.0, squares = 0.0, n = nnz > 0 ? (double)nnz : 1.0;
    float *val = f->by_user.val;
    for (int64_t e = 0; e < nnz; e++)
        sum += (double)val[e];
    f->self->mean = sum / n;
    for (int64_t e = 0; e < nnz; e++)
        squares += ((double)val[e] - f->self->mean) * ((double)val[e] - f->self->mean);
    if (!isfinite(sum) || !isfinite(squares))
        AKIN_FAIL(AKIN_E_INPUT, "bmf: a rating is not finite, or they are too large");
    f->self->spread = squares > 0.0 ? sqrt(squares / n) : 1.0;
    for (int64_t e = 0; e < nnz; e++)
        val[e] = bmf_unit(f->self, val[e]);
done:
    return status;
}

akin_status bmf_ratings_read(struct bmf_fit *f, const struct train_view *tv, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (!dataset_has_values(tv->ds) && tv->ds->n_events > 0)
        AKIN_FAIL(AKIN_E_INPUT,
                  "bmf: predicts ratings, but this data has no values (ials learns from events)");
    AKIN_TRY(histories_values(f->ctx, &tv->hist, f->items.n, &f->by_user, err));
    if (f->p->likelihood == BMF_ORDINAL)
        AKIN_TRY(bmf_levels_read(f, err));
    else
        AKIN_TRY(normalise(f, err));
    AKIN_TRY(csr_transpose(f->ctx, &f->by_user, &f->by_item, err));
    f->users.ptr = f->by_user.ptr;
    f->users.col = f->by_user.col;
    f->users.val = f->by_user.val;
    f->items.ptr = f->by_item.ptr;
    f->items.col = f->by_item.col;
    f->items.val = f->by_item.val;
    if (f->p->bin_days > 0.0) {
        AKIN_TRY(make_clock(f, tv, err));
        AKIN_TRY(read_bins(f, tv, err));
        AKIN_TRY(sort_by_bin(f, err));
    }
done:
    return status;
}
