/*
 * Synthetic data: a believable shop or film site of any size, from a seed.
 *
 * Items have a latent cluster of tastes, a Zipf popularity and a day on which they appear; users a
 * few clusters they like, a log-normal activity and a span in which they are active; clusters rise
 * and fall over time; devices lean to some clusters; ratings follow affinity, item quality and
 * mood. A model that learns has something to find, and one that peeks at the future is caught.
 */
#ifndef AKIN_DATA_SYNTH_H
#define AKIN_DATA_SYNTH_H

#include "core/ctx.h"
#include "core/param.h"

struct synth_params {
    int64_t users, items, events;
    int64_t clusters;    /* of taste; 0 = by the number of items */
    double popularity;   /* exponent of Zipf's law over items */
    double activity;     /* standard deviation of the logarithm of events a user */
    double drift;        /* how strongly clusters rise and fall, 0 = not */
    double new_items;    /* share of items that appear after the start */
    double noise;        /* standard deviation of ratings around their expectation */
    double tags;         /* tags an event */
    int64_t start, days; /* Unix seconds of the first day, and how many follow */
    int64_t context;     /* also event_type, device and hour */
    int64_t repeats;     /* a user may meet an item again */
};
extern const akin_param synth_param_rows[];
extern const size_t synth_n_params;

/*
 * Writes ratings.csv, items.csv, users.csv, tags.csv and README.md into dir, which is made if
 * needed; each file appears whole or not at all. The bytes are a function of p and ctx->seed: a
 * user's rows and an item's row are drawn from (seed, number) alone, whatever the threads.
 *   report   receives a new JSON object: counts, files
 * No user has an item twice unless p->repeats.
 * Cost: about 1 µs an event and core; memory 30 bytes an item, 8 a user, and some 20 MB.
 * Fails: E_ARG (more events than users × items allow, fewer items than clusters), E_IO, E_MEMORY,
 * E_CANCELLED. Threads: the context's.
 */
akin_status synth_write(akin_ctx *ctx, const struct synth_params *p, const char *dir,
                        json_t **report, akin_error *err);

#endif
