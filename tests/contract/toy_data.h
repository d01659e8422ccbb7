/*
 * Datasets made in memory for the contract tests: planted taste clusters, or any list of events.
 * Items carry a table (title, genre = cluster, year), users one (group).
 */
#ifndef TESTS_CONTRACT_TOY_DATA_H
#define TESTS_CONTRACT_TOY_DATA_H

#include "data/view.h"

struct toy_event {
    int32_t user, item; /* ids are "u17", "i3" */
    float value;
    int64_t time;
};

/* Events are sorted as the dataset wants them: their order here carries no meaning. */
akin_status toy_dataset(akin_ctx *ctx, const struct toy_event *events, int64_t n,
                        struct dataset **out, akin_error *err);

enum { TOY_USERS = 60, TOY_ITEMS = 40, TOY_CLUSTERS = 4 };

/*
 * User u and item i belong to clusters u % 4 and i % 4. A user has most items of the own cluster
 * and one of the next; withheld[u] is an item of the own cluster that the user lacks.
 * events: room for TOY_USERS * TOY_ITEMS. Returns how many. Seeded by `seed`, also their order.
 */
int64_t toy_clusters(uint64_t seed, struct toy_event *events, int32_t *withheld);

/* Users and items by their toy number. */
int32_t toy_user(const struct dataset *ds, int32_t user);
int32_t toy_item(const struct dataset *ds, int32_t item);

#endif
