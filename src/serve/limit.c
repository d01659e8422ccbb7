/*
 * Token buckets, 8 to a set; a newcomer takes the place of the one that was longest unused, whose
 * owner starts afresh with a full bucket. So memory is fixed and the error is on the lenient side.
 * Cost: one lock of 64 and eight comparisons.
 */
#include "serve/limit.h"

#include <math.h>
#include <pthread.h>

enum { N_SETS = 2048, WAYS = 8, N_LOCKS = 64 };

struct bucket {
    uint64_t who; /* 0 = free */
    double tokens;
    int64_t at_ns;
};

struct limiter {
    akin_ctx *ctx;
    double rate, burst;
    pthread_mutex_t lock[N_LOCKS];
    struct bucket set[N_SETS][WAYS];
};

akin_status limiter_create(akin_ctx *ctx, double rate, double burst, struct limiter **out,
                           akin_error *err)
{
    akin_status status = AKIN_OK;
    struct limiter *l = NULL;
    MEM_ZERO(ctx, l, 1);
    l->ctx = ctx;
    l->rate = rate;
    l->burst = burst;
    for (int i = 0; i < N_LOCKS; i++)
        pthread_mutex_init(&l->lock[i], NULL);
    *out = l;
done:
    return status;
}

void limiter_free(struct limiter *l)
{
    if (!l)
        return;
    for (int i = 0; i < N_LOCKS; i++)
        pthread_mutex_destroy(&l->lock[i]);
    mem_free(l->ctx, l);
}

static struct bucket *find_bucket(struct bucket set[WAYS], uint64_t who, double burst,
                                  int64_t now_ns)
{
    struct bucket *oldest = &set[0];
    for (int i = 0; i < WAYS; i++) {
        if (set[i].who == who)
            return &set[i];
        if (set[i].at_ns < oldest->at_ns)
            oldest = &set[i];
    }
    *oldest = (struct bucket){who, burst, now_ns};
    return oldest;
}

int64_t limiter_take(struct limiter *l, uint64_t who, int64_t now_ns)
{
    if (!l)
        return 0;
    int64_t wait = 0;
    if (who == 0)
        who = 1;
    uint64_t at = who % N_SETS;
    pthread_mutex_lock(&l->lock[at % N_LOCKS]);
    struct bucket *b = find_bucket(l->set[at], who, l->burst, now_ns);
    if (now_ns > b->at_ns) {
        b->tokens = fmin(l->burst, b->tokens + (double)(now_ns - b->at_ns) * 1e-9 * l->rate);
        b->at_ns = now_ns;
    }
    if (b->tokens >= 1)
        b->tokens -= 1;
    else
        wait = (int64_t)fmax(1, ceil((1 - b->tokens) / l->rate));
    pthread_mutex_unlock(&l->lock[at % N_LOCKS]);
    return wait;
}
