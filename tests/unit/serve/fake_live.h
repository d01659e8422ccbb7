/*
 * An engine for tests of the server: answers echo the query, changes are done when the test says
 * so. Include fake_live.c in one file of the test; it takes the place of rooms live and store.
 */
#ifndef TESTS_FAKE_LIVE_H
#define TESTS_FAKE_LIVE_H

#include "live/live.h"

struct live *fake_live_new(void);
void fake_live_free(struct live *l);
/* Queries for the model "slow" wait (in a worker) until so many have been let through in all. */
void fake_let_slow(struct live *l, int n);
int fake_slow_waiting(struct live *l);
/* Changes of the user "held" are done by this call; returns how many there were. */
int fake_let_changes(struct live *l);
int fake_changes_held(struct live *l);
void fake_set_ready(struct live *l, bool ready);

#endif
