/* Splits, as DEFINITIONS says. Each makes two self-consistent datasets. */
#ifndef AKIN_DATA_SPLIT_H
#define AKIN_DATA_SPLIT_H

#include "data/dataset.h"

enum split_kind {
    SPLIT_TIME,
    SPLIT_RATIO,
    SPLIT_LEAVE_LAST,
    SPLIT_USERS,
    SPLIT_SESSIONS,
    SPLIT_KFOLD
};
enum { SPLIT_GIVEN_MAX = 1000000 };
struct split_spec {
    enum split_kind kind;
    double share;  /* time, ratio, users, sessions */
    int64_t n;     /* leave-last, kfold */
    int64_t fold;  /* kfold: 0..n-1 */
    int64_t given; /* sessions: events given before the first question, at least 1 */
};
/*
 * "time:0.2", "ratio:0.2", "leave-last:1", "users:0.1", "sessions:0.1", "kfold:5"; fold is set to 0
 * and given to 1, the caller may change them. Fails: E_ARG naming what is allowed.
 */
akin_status split_parse(const char *text, struct split_spec *out, akin_error *err);
/* The text form of a spec, as split_parse takes it (out at least 48 bytes). */
void split_text(const struct split_spec *spec, char *out, size_t size);
/*
 * How a validation part is carved from ds: by text, or as ds itself was split (k folds become a
 * share of 1/k), or by time, or at random. Fails: as split_parse.
 */
akin_status split_inner(const struct dataset *ds, const char *text, struct split_spec *out,
                        akin_error *err);

/*
 * Deals every event of ds to train or test; seed: ctx->seed of ds.
 *   time        the newest events, at most share of all; equal times stay together
 *   leave-last  the newest n of each user, by stored order; users with n or fewer stay in train
 *   ratio       floor(share · events) of each user, at random
 *   users       floor(share · users) whole users (at least 1) among those with two events or more;
 *               of each a random floor(80 %) (at least 1) are given (ROLE_HISTORY), the rest
 * targets sessions    floor(share · users) whole users (at least 1), each being one session: those
 * whose last event is newest (of equal ones the lower number) among the users with more than
 * `given` events; the first `given` of each are ROLE_HISTORY, each of the others is asked for from
 * all before it (ROLE_NEXT) kfold       all events dealt at random to n folds, whose sizes differ
 * by at most 1
 *
 * Train keeps the rows of the item and user tables, test has what its events name. Both carry
 * card.split: {by, kind, …, part, seed, train: {events, users, items}, test: {…}, of: an earlier
 * split or absent}. Cost: O(events), for leave-last, ratio and users with a sort within a user, for
 * sessions with one of the users. Fails: E_ARG (bounds), E_INPUT (no times where they are needed;
 * one side would be empty), E_MEMORY, E_CANCELLED.
 */
akin_status dataset_split(const struct dataset *ds, const struct split_spec *spec,
                          struct dataset **train, struct dataset **test, akin_error *err);

#endif
