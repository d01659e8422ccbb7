/*
 * Who was exposed to one experiment, and what they did since: a hash table of keyed hashes of users
 * in shards, with the counts of each shard kept as it changes. Inside of experiments (live/) only.
 */
#ifndef AKIN_LIVE_EXPOSURE_H
#define AKIN_LIVE_EXPOSURE_H

#include "live/experiment.h"

#include <pthread.h>

enum { EXPOSURE_SHARDS = 64 };

struct exposed {
    uint64_t user;    /* keyed hash; 0 = the slot is free */
    int64_t first;    /* Unix seconds of the first exposure */
    int64_t counted;  /* events up to this sequence are in n */
    int64_t shown_at; /* interleave: when the list below was shown first */
    uint32_t n[2];    /* split: [0] conversions; interleave: credits of each arm */
    uint32_t list;    /* hash of the list that was shown last */
    uint8_t arm, n_shown;
    uint32_t *shown; /* (n_shown) owned: hash of an item | its team; 0 = credited */
};

struct exposure_shard {
    pthread_mutex_t lock;
    struct exposed *slot; /* (n_slots) open addressing, linear probing */
    int64_t n_slots, n;
    struct experiment_counts counts;
};

struct exposures {
    akin_ctx *ctx;
    bool is_split;
    struct exposure_shard shard[EXPOSURE_SHARDS];
    _Atomic int64_t n; /* users in all shards */
};

void exposures_init(akin_ctx *ctx, bool is_split, struct exposures *x);
void exposures_free(struct exposures *x);
struct exposure_shard *exposures_shard(struct exposures *x, uint64_t user);
void exposures_counts(struct exposures *x, struct experiment_counts *out);

/* The rest under the shard's lock. */
struct exposed *exposed_find(struct exposure_shard *s, uint64_t user); /* NULL = none */
/* A new one, counted nowhere yet; NULL on lack of memory. It must not be there. */
struct exposed *exposed_add(struct exposures *x, struct exposure_shard *s, uint64_t user);
/* Must be counted off already. */
void exposed_remove(struct exposures *x, struct exposure_shard *s, struct exposed *e);
/* False on lack of memory; the list is then empty. */
bool exposed_show(struct exposures *x, struct exposed *e, const uint32_t *shown, int n);
/* Adds (sign 1) or takes (-1) what e contributes to the counts: around every change of it. */
void exposed_tally(const struct exposures *x, struct exposure_shard *s, const struct exposed *e,
                   int sign);

#endif
