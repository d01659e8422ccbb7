/*
 * Between ingest_sort.c and ingest_user.c: the events of one user, put in order and rid of
 * duplicates. Who the users are and where their rows lie is ingest_sort.c's.
 */
#ifndef AKIN_DATA_INGEST_USER_H
#define AKIN_DATA_INGEST_USER_H

#include "data/ingest.h"

enum { DUP_SAMPLES = 5 };

struct event { /* a row within its user; in place over struct row */
    uint32_t item;
    uint32_t time;
    float value;
    uint32_t src; /* row of the input, if rows have company */
};
_Static_assert(sizeof(struct event) == sizeof(struct row), "events overwrite rows");

/* What the order of events rests on. */
struct event_order {
    const struct sort_plan *plan;
    struct row_ext *const *ext; /* by row of the input: types */
    bool has_src;               /* events know their row */
};

struct event_dups {
    int64_t n;
    uint32_t user[DUP_SAMPLES];
    uint32_t item[DUP_SAMPLES];
    int k;
};

/* Room for the events of one user; all zero to begin with. */
struct user_scratch {
    struct event *b; /* (cap) owned */
    uint64_t *set;   /* (4 × cap) hash set, owned */
    uint64_t *word;  /* (2 × cap) owned */
    int64_t cap;     /* events that there is room for */
};
akin_status user_scratch_room(akin_ctx *ctx, struct user_scratch *s, int64_t n, akin_error *err);
void user_scratch_free(akin_ctx *ctx, struct user_scratch *s);

static inline uint32_t event_type(const struct event_order *by, const struct event *e)
{
    if (!by->plan->has_type)
        return 0;
    return by->plan->type_map[by->ext[e->src >> SLAB_BITS][e->src & (SLAB_ROWS - 1)].type];
}

/*
 * The n events at e, in place, by (time, item, type, value, row), duplicates by the plan's policy;
 * s has room for n. dups counts and samples what went, under `user`. Returns how many are left.
 * Cost: linear if they are in order, else n log n.
 */
int64_t user_events_sort(const struct event_order *by, struct user_scratch *s, struct event *e,
                         int64_t n, uint32_t user, struct event_dups *dups);

#endif
