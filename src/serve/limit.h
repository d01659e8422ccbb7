/* Token buckets in a table of fixed size, one per key or address. */
#ifndef AKIN_SERVE_LIMIT_H
#define AKIN_SERVE_LIMIT_H

#include "core/ctx.h"

struct limiter;
/* rate: tokens a second; burst: most that a bucket holds (>= 1). */
akin_status limiter_create(akin_ctx *ctx, double rate, double burst, struct limiter **out,
                           akin_error *err);
void limiter_free(struct limiter *l);
/*
 * Takes a token of `who` (a hash). Returns 0, or the seconds after which one will be there (>= 1).
 * l NULL: always 0. Threads: any.
 */
int64_t limiter_take(struct limiter *l, uint64_t who, int64_t now_ns);

#endif
