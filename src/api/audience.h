/* Users as an answer: those likely to want an item, those like others, those who meet a filter. */
#ifndef AKIN_API_AUDIENCE_H
#define AKIN_API_AUDIENCE_H

#include "api/asker.h"

struct audience_query {
    int32_t item;         /* users for it, by the model's score; -1 = none */
    const int32_t *seeds; /* (n_seeds) users like them (rank/likeness.h); repeats count once */
    int64_t n_seeds;
    const char *filter; /* over the users' attributes; NULL = all */
    bool with_seeds;    /* seeds may come themselves */
    bool with_seen;     /* users who have the item already may come */
    int64_t k;
};

struct audience {
    struct ranked *list; /* (n) of users, best first; without item and seeds in the model's order */
    int32_t n;
    int32_t n_eligible; /* users who could come */
    int32_t n_seeds;    /* that can be compared */
};

/* Cost: one pass over the users. Fails: E_INPUT (filter), E_MEMORY, E_CANCELLED, the model's. */
akin_status audience_find(struct asker *a, const struct audience_query *q, struct audience *out,
                          akin_error *err);
void audience_free(const struct asker *a, struct audience *x);

/*
 * The users that a file names, a line each: an id; or, under a header that begins with `user_id`,
 * the first field of a csv, such as a segment's. *users: mem block. Fails: E_IO, E_NOT_FOUND with
 * the line, E_LIMIT.
 */
akin_status audience_read(const struct asker *a, const char *path, int32_t **users, int64_t *n,
                          akin_error *err);

#endif
