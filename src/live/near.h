/* What near.c, near_users.c and popular.c share. Inside of live/ only. */
#ifndef AKIN_LIVE_NEAR_H
#define AKIN_LIVE_NEAR_H

#include "live/engine.h"

/* {…,"items":[…]} of a list in catalogue numbers, behind what is open. */
void list_json(struct live_slot *s, struct jw *jw, const struct ranked *list, int32_t n);
/* x takes its place among the k best. */
void best_push(struct ranked *list, int32_t k, int32_t *n, struct ranked x);

#endif
