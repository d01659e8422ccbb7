/*
 * What was known of a user and an item at an instant: recency, frequency, price, day and hour. A
 * feature at time t is made of events before t alone, so that a model learns from what it will have
 * when it is asked; the event itself, and others of the same second, are not seen.
 */
#ifndef AKIN_DATA_TIME_FEATURES_H
#define AKIN_DATA_TIME_FEATURES_H

#include "data/dataset.h"

enum time_feature {
    TIME_USER_EVENTS,   /* of the user before t */
    TIME_USER_DAYS,     /* since the last of them; NaN = none */
    TIME_ITEM_EVENTS,   /* on the item before t */
    TIME_ITEM_DAYS,     /* since the last of them; NaN = none */
    TIME_PAIR_EVENTS,   /* of the user on the item before t */
    TIME_WEEKDAY,       /* of t: 0 = Monday … 6 */
    TIME_HOUR,          /* of t: 0 … 23 */
    TIME_PRICE,         /* of the item; NaN = unknown */
    TIME_PRICE_TO_MEAN, /* the same by the mean price of the user's events before t; NaN = unknown
                         */
    TIME_FEATURES
};
/* "user_events", … */
const char *time_feature_name(enum time_feature feature);

struct time_features;

/*
 * ds: borrowed, must outlive it. price: a number column of the item table, NULL = none.
 * zone_seconds: what is added to a time to get the clock on the wall there (east is positive).
 * Cost: O(events log events of an item), 16 bytes an event. Fails: E_INPUT (no instants), E_ARG
 * (price is no number column), E_MEMORY, E_CANCELLED.
 */
akin_status time_features_create(akin_ctx *ctx, const struct dataset *ds, const char *price,
                                 int64_t zone_seconds, struct time_features **out, akin_error *err);
void time_features_free(struct time_features *f); /* NULL allowed */

/*
 * user, item: indices, -1 = unknown (no events). Pure in (data before time, user, item, time).
 * Cost: O(log events) + the user's events before t, allocates nothing. Threads: any.
 */
void time_features_at(const struct time_features *f, int32_t user, int32_t item, int64_t time,
                      double out[TIME_FEATURES]);

#endif
