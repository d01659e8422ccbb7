/* Inside of experiments: their state, its records and its restart. experiment*.c only. */
#ifndef AKIN_LIVE_EXPERIMENT_IMPL_H
#define AKIN_LIVE_EXPERIMENT_IMPL_H

#include "live/experiment.h"
#include "live/exposure.h"
#include "live/journal.h"

#include <stdatomic.h>

enum record_kind { RECORD_USER = 1, RECORD_EXPERIMENT = 2 };

/* A user's state in the journal; or (RECORD_EXPERIMENT) which definition a number stands for. */
struct record {
    uint64_t user; /* RECORD_EXPERIMENT: hash of the definition */
    int64_t first, counted, shown_at;
    uint32_t n[2];
    uint32_t list;
    uint8_t kind, experiment, arm, n_shown;
    uint32_t shown[EXPERIMENT_SHOWN];
};
_Static_assert(sizeof(struct record) == 48 + 4 * EXPERIMENT_SHOWN, "docs/experiments.md has it");

static inline int32_t record_size(int n_shown)
{
    return (int32_t)(offsetof(struct record, shown) + (size_t)n_shown * sizeof(uint32_t));
}

/* A record or an erasure on its way into the counts; key: 2·(events before it) + 1, or 2·seq. */
struct replay {
    int64_t key, order;
    const unsigned char *record; /* NULL = erasure of user */
    int32_t size;
    int experiment; /* its number in this process */
    uint64_t user;
};

struct experiments {
    akin_ctx *ctx;
    struct experiment e[EXPERIMENTS];
    int n;
    int64_t max_exposed;
    char *path; /* owned; NULL = no journal */
    uint64_t key;
    struct journal *journal;
    int64_t last_seq; /* of the store at the start */
    _Atomic int64_t begun[EXPERIMENTS], applied;
    struct journal_image image; /* while it is read again */
    struct replay *replay;      /* (n_replay) ascending */
    int64_t n_replay, cap_replay, at_replay;
    bool is_sorted;
};

/* The hashes of users depend on the journal's key. */
void experiments_set_key(struct experiments *x, uint64_t key);
uint64_t experiment_user(const struct experiment *e, const char *user_id);
/* Takes a user out of experiment i, by an erasure of that number. */
void experiment_forget(struct experiments *x, int i, uint64_t user, int64_t seq);
/* The record of a state with another `counted`; returns its size. */
int32_t experiment_record(int experiment, const struct exposed *s, int64_t counted,
                          struct record *r);
/* What takes effect before `key`; nothing once the engine has started. */
void experiments_replay_until(struct experiments *x, int64_t key);
void experiments_replay_free(struct experiments *x);

#endif
