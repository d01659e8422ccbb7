/* People in the order of their ids, for a search by prefix. Inside of live/ only. */
#ifndef AKIN_LIVE_PEOPLE_ORDER_H
#define AKIN_LIVE_PEOPLE_ORDER_H

#include "core/mem.h"

#include <pthread.h>

struct person;

struct person_id {
    const char *id;
    int32_t size;
};
/* By bytes, the shorter first: as ids_prefix has them. */
int person_id_compare(struct person_id a, struct person_id b);

struct people_order {
    pthread_rwlock_t lock;
    struct order_block **block; /* (n_blocks) none is empty; owned */
    int64_t n_blocks, cap;
};
void people_order_init(struct people_order *o);
void people_order_free(akin_ctx *ctx, struct people_order *o);
/* x borrowed until it is removed. Cost: about log2(n) comparisons. Fails: E_MEMORY. */
akin_status people_order_add(akin_ctx *ctx, struct people_order *o, const struct person *x,
                             akin_error *err);
void people_order_remove(akin_ctx *ctx, struct people_order *o, const struct person *x);
/*
 * Ids that begin with text, ascending, each once: at most `most`, and only those behind `after`
 * (NULL = from the first).
 *   out   (most) in the arena
 * Fails: E_MEMORY.
 */
akin_status people_order_find(struct people_order *o, struct person_id text,
                              const struct person_id *after, int32_t most, struct arena *arena,
                              struct person_id *out, int32_t *n, akin_error *err);

#endif
