/*
 * Experiments: who gets which arm, who was exposed, who converted. Inside of live/, and the numbers
 * of docs/experiments.md.
 *
 * Assignment is a pure function of (user id, name of the experiment). Exposure and conversion are
 * counted in memory; exposures go to a journal beside the store, conversions follow from it and the
 * store's events, so that a restart gives the same counts: every event is compared with the state
 * of its user by sequence number, in the same way when it comes and when it is read again.
 */
#ifndef AKIN_LIVE_EXPERIMENT_H
#define AKIN_LIVE_EXPERIMENT_H

#include "core/buf.h"
#include "core/ctx.h"

#include <jansson.h>

enum {
    EXPERIMENTS = 16,
    EXPERIMENT_ARMS = 8,
    EXPERIMENT_TYPES = 32,
    EXPERIMENT_NAME = 64, /* bytes, with the NUL */
    EXPERIMENT_SHOWN = 64 /* items of an interleaved list that can be credited, from the top */
};

enum experiment_kind { EXPERIMENT_SPLIT, EXPERIMENT_INTERLEAVE };

struct experiment_arm {
    char name[EXPERIMENT_NAME];
    char model[EXPERIMENT_NAME];
    double share; /* of all users */
};

/* Sums over users; by arm. In an interleaved experiment every user is of arm 0, but for events. */
struct experiment_counts {
    int64_t users[EXPERIMENT_ARMS], converted[EXPERIMENT_ARMS], events[EXPERIMENT_ARMS];
    int64_t answers[EXPERIMENT_ARMS]; /* since the start */
    int64_t wins[2], ties;            /* interleave: users by the arm with more credit */
    int64_t untracked;                /* answers to users above max_exposed, since the start */
};

struct exposures;
struct experiment {
    char name[EXPERIMENT_NAME];
    enum experiment_kind kind;
    int n_arms, n_types; /* no types: every event converts */
    struct experiment_arm arm[EXPERIMENT_ARMS];
    char type[EXPERIMENT_TYPES][EXPERIMENT_NAME];
    int64_t window_seconds;
    uint64_t seed;               /* of the assignment */
    uint64_t definition;         /* hash of all of the above */
    uint64_t secret;             /* of the users' hashes */
    struct exposures *exposures; /* owned */
};

struct experiments;

/* One entry of the configuration, checked; experiment_config.c. at: its number, for messages. */
akin_status experiment_parse(akin_ctx *ctx, const json_t *spec, int at, struct experiment *out,
                             akin_error *err);

/*
 * list: the configuration (NULL or empty: *out is NULL); journal NULL = exposures end with the
 * process. Everything is copied. Fails: E_ARG names the experiment and what is wrong.
 */
akin_status experiments_create(akin_ctx *ctx, const json_t *list, int64_t max_exposed,
                               const char *journal, struct experiments **out, akin_error *err);
void experiments_free(struct experiments *x);
int experiments_count(const struct experiments *x); /* x NULL: 0 */
const struct experiment *experiments_at(const struct experiments *x, int i);

/* The point of [0, 1) that a user has under a seed, and the seed of a name: docs/experiments.md. */
double experiment_point(uint64_t seed, const char *user_id);
uint64_t experiment_seed(const char *name);

struct experiment_pick {
    const struct experiment *experiment; /* NULL = in none */
    int index, arm;                      /* interleave: arm 0 */
};
/* The first experiment of the configuration that has the user in an arm. Cost: a hash each. */
bool experiments_assign(const struct experiments *x, const char *user_id,
                        struct experiment_pick *out);

/* What an item is in a shown list: its hash and the team it plays for, never 0. */
uint32_t experiment_item(const char *item_id, size_t size, int team);

/*
 * An answer of the pick was given. shown (n_shown at most EXPERIMENT_SHOWN): of an interleaved one.
 * Cost: a probe of one shard; the journal only for a new user or another list. Threads: any.
 */
void experiments_expose(struct experiments *x, const struct experiment_pick *pick,
                        const char *user_id, int64_t now, const uint32_t *shown, int n_shown);
/* A durable event, in order of seq, by one thread. */
void experiments_event(struct experiments *x, const char *user_id, const char *item_id,
                       const char *type, int64_t time, int64_t seq);
/* A durable erasure, by the same thread: the user leaves the counts. */
void experiments_erase(struct experiments *x, const char *user_id, int64_t seq);

/*
 * At the start: load, then every erasure (experiments_erased), then every event after *after in
 * order (experiments_event), then start. last_seq: the store's; a journal that knows more belongs
 * to another copy of it, and is cut back to that.
 */
akin_status experiments_load(struct experiments *x, int64_t last_seq, int64_t *after,
                             akin_error *err);
akin_status experiments_erased(struct experiments *x, const char *user_id, int64_t seq,
                               akin_error *err);
akin_status experiments_start(struct experiments *x, akin_error *err);

void experiment_counts(const struct experiment *e, struct experiment_counts *out);
/* {"experiments":[…]} as GET /v1/experiments answers it; x NULL: an empty list. */
akin_status experiments_json(struct experiments *x, struct buf *out, akin_error *err);
void experiments_flush(struct experiments *x);
int64_t experiments_unsaved(const struct experiments *x); /* exposures in memory only, for now */

#endif
