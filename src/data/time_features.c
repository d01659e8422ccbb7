/*
 * Events by user lie sorted in the dataset; times by item are sorted here once. What happened
 * before t is a prefix of either, found by bisection; what is summed over a prefix was summed once,
 * in double, oldest first.
 *
 * Not done: windows ("in the last week"), which are differences of two such prefixes.
 */
#include "data/time_features.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct time_features {
    akin_ctx *ctx;
    const struct dataset *ds;
    const double *price; /* (items) or NULL */
    int64_t zone_seconds;
    int64_t *item_ptr;  /* (items + 1) */
    int64_t *item_time; /* (events) of an item ascending */
    double *paid;       /* (events) Σ of known prices from the user's first event up to this one */
    int32_t *n_paid;    /* (events) how many of them are known */
};

static const char *const names[TIME_FEATURES] = {"user_events", "user_days",   "item_events",
                                                 "item_days",   "pair_events", "weekday",
                                                 "hour",        "price",       "price_to_mean"};

const char *time_feature_name(enum time_feature feature)
{
    return names[feature];
}

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static akin_status sort_by_item(struct time_features *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dataset *ds = f->ds;
    int32_t n = ds->items.n;
    MEM_ZERO(f->ctx, f->item_ptr, (int64_t)n + 2);
    MEM_NEW(f->ctx, f->item_time, ds->n_events);
    int64_t *at = f->item_ptr + 1; /* ends where the next item begins */
    for (int64_t e = 0; e < ds->n_events; e++)
        at[ds->item[e] + 1]++;
    for (int32_t i = 0; i < n; i++)
        at[i + 1] += at[i];
    for (int64_t e = 0; e < ds->n_events; e++)
        f->item_time[at[ds->item[e]]++] = ds->time[e];
    for (int32_t i = 0; i < n; i++) {
        AKIN_TRY(ctx_check(f->ctx, err));
        int64_t lo = f->item_ptr[i], size = f->item_ptr[i + 1] - lo;
        if (size > 1)
            qsort(f->item_time + lo, (size_t)size, sizeof *f->item_time, by_time);
    }
done:
    return status;
}

static akin_status sum_prices(struct time_features *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dataset *ds = f->ds;
    MEM_NEW(f->ctx, f->paid, ds->n_events);
    MEM_NEW(f->ctx, f->n_paid, ds->n_events);
    for (int32_t u = 0; u < ds->users.n; u++) {
        double sum = 0;
        int32_t n = 0;
        for (int64_t e = ds->user_ptr[u]; e < ds->user_ptr[u + 1]; e++) {
            double price = f->price[ds->item[e]];
            sum += isfinite(price) ? price : 0;
            n += isfinite(price);
            f->paid[e] = sum;
            f->n_paid[e] = n;
        }
    }
done:
    return status;
}

akin_status time_features_create(akin_ctx *ctx, const struct dataset *ds, const char *price,
                                 int64_t zone_seconds, struct time_features **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct time_features *f = NULL;
    if (ds->time_kind != TIME_UNIX)
        AKIN_FAIL(AKIN_E_INPUT, "features of time need events with a time (columns time=…)");
    const struct column *col = price ? table_find(&ds->item_table, price) : NULL;
    if (price && (!col || col->type != COL_NUMBER))
        AKIN_FAIL(AKIN_E_ARG, "price: '%.60s' is no number column of the items", price);
    MEM_ZERO(ctx, f, 1);
    f->ctx = ctx;
    f->ds = ds;
    f->zone_seconds = zone_seconds;
    AKIN_TRY(sort_by_item(f, err));
    if (col) {
        f->price = col->num;
        AKIN_TRY(sum_prices(f, err));
    }
    *out = f;
    f = NULL;
done:
    time_features_free(f);
    return status;
}

void time_features_free(struct time_features *f)
{
    if (!f)
        return;
    akin_ctx *ctx = f->ctx;
    mem_free(ctx, f->item_ptr);
    mem_free(ctx, f->item_time);
    mem_free(ctx, f->paid);
    mem_free(ctx, f->n_paid);
    mem_free(ctx, f);
}

/* The first of time[lo..hi) that is not before t. */
static int64_t first_from(const int64_t *time, int64_t lo, int64_t hi, int64_t t)
{
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (time[mid] < t)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static double days(int64_t from, int64_t to)
{
    return ((double)to - (double)from) / 86400;
}

/* a mod n, 0..n-1 for negative a too. */
static int64_t modulo(int64_t a, int64_t n)
{
    return (a % n + n) % n;
}

static void of_user(const struct time_features *f, int32_t user, int32_t item, int64_t time,
                    double *out)
{
    const struct dataset *ds = f->ds;
    int64_t lo = ds->user_ptr[user];
    int64_t end = first_from(ds->time, lo, ds->user_ptr[user + 1], time);
    int64_t same = 0;
    for (int64_t e = lo; e < end; e++)
        same += ds->item[e] == item;
    out[TIME_USER_EVENTS] = (double)(end - lo);
    out[TIME_PAIR_EVENTS] = (double)same;
    if (end == lo)
        return;
    out[TIME_USER_DAYS] = days(ds->time[end - 1], time);
    if (f->price && f->n_paid[end - 1] > 0 && f->paid[end - 1] > 0)
        out[TIME_PRICE_TO_MEAN] = out[TIME_PRICE] / (f->paid[end - 1] / (double)f->n_paid[end - 1]);
}

void time_features_at(const struct time_features *f, int32_t user, int32_t item, int64_t time,
                      double out[TIME_FEATURES])
{
    const int64_t seconds = modulo(modulo(time, 604800) + modulo(f->zone_seconds, 604800), 604800);
    out[TIME_USER_EVENTS] = out[TIME_ITEM_EVENTS] = out[TIME_PAIR_EVENTS] = 0;
    out[TIME_USER_DAYS] = out[TIME_ITEM_DAYS] = (double)NAN;
    out[TIME_PRICE] = out[TIME_PRICE_TO_MEAN] = (double)NAN;
    out[TIME_WEEKDAY] = (double)((seconds / 86400 + 3) % 7); /* 1970 began on a Thursday */
    out[TIME_HOUR] = (double)(seconds % 86400 / 3600);
    if (item >= 0) {
        int64_t lo = f->item_ptr[item];
        int64_t end = first_from(f->item_time, lo, f->item_ptr[item + 1], time);
        out[TIME_ITEM_EVENTS] = (double)(end - lo);
        if (end > lo)
            out[TIME_ITEM_DAYS] = days(f->item_time[end - 1], time);
        if (f->price && isfinite(f->price[item]))
            out[TIME_PRICE] = f->price[item];
    }
    if (user >= 0)
        of_user(f, user, item, time, out);
}
