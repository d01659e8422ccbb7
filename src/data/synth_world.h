/* Inside of synthetic data: the world that events are drawn from, and the texts of its items. */
#ifndef AKIN_DATA_SYNTH_WORLD_H
#define AKIN_DATA_SYNTH_WORLD_H

#include "core/buf.h"
#include "core/rng.h"
#include "data/synth.h"

enum { SYNTH_SLOTS = 64, SYNTH_TASTES = 3, SYNTH_DEVICES = 4, SYNTH_DAY = 86400 };

struct synth_world {
    akin_ctx *ctx;
    struct synth_params p;
    uint64_t seed;
    int64_t span; /* seconds from the first event to the end */
    int64_t n_clusters;
    int32_t *item_cluster; /* (items) */
    int64_t *item_release; /* (items) seconds after the start, 0 = there from the beginning */
    float *item_quality;   /* (items) added to ratings */
    int64_t n_initial;     /* items with release 0 */
    int64_t *cluster_ptr;  /* (n_clusters + 1) */
    int32_t *cluster_item; /* (items) by cluster, then release, then number */
    double *cluster_cum;   /* (items) running sum of popularity within the cluster */
    double *cluster_mass;  /* (n_clusters) running sum of the clusters' popularity */
    double *trend;         /* (SYNTH_SLOTS, n_clusters) strength of a cluster at a time */
    double *trend_cum;     /* (SYNTH_SLOTS, n_clusters) running sum of mass × trend */
    int64_t *user_ptr;     /* (users + 1) events before each user */
};

/* What a user is, as a function of (seed, number). */
struct synth_user {
    int32_t taste[SYNTH_TASTES]; /* clusters, the favourite first; may repeat */
    double bias;                 /* of ratings */
    int device, country, age;
    int64_t from, until; /* active, seconds after the start */
};

akin_status synth_world_build(akin_ctx *ctx, const struct synth_params *p, struct synth_world *out,
                              akin_error *err);
void synth_world_free(struct synth_world *w);

struct synth_user synth_user_at(const struct synth_world *w, int64_t user);
/* A draw from running sums: the first i of cum[lo..hi) with cum[i] > base + share·(end - base). */
int64_t synth_pick(const double *cum, int64_t lo, int64_t hi, double share);
double synth_normal(uint64_t seed, enum rng_stream stream, uint64_t index, uint64_t counter);

/* synth_events.c: rows of users [lo, hi) appended to ratings and tags. */
akin_status synth_events(const struct synth_world *w, int64_t lo, int64_t hi, struct buf *ratings,
                         struct buf *tags, akin_error *err);

/* synth_text.c */
void synth_item_row(const struct synth_world *w, int64_t item, struct buf *out);
void synth_user_row(const struct synth_world *w, int64_t user, struct buf *out);
const char *synth_tag(const struct synth_world *w, int64_t item, uint64_t draw);
const char *synth_device(int device);

#endif
