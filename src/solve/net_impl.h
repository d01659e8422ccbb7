/* What the files of a network's training share. */
#ifndef AKIN_SOLVE_NET_IMPL_H
#define AKIN_SOLVE_NET_IMPL_H

#include "solve/net_train.h"

/* Inputs of a minibatch, its columns, and the columns that are drawn (net_batch.c). */
akin_status net_batch_init(struct net_train *t, akin_error *err);
void net_batch_free(akin_ctx *ctx, struct net_batch *b);
akin_status net_batch_fill(struct net_train *t, const int32_t *row, int64_t n, akin_error *err);

/* out (n): 0 for a share p of the numbers, 1 / (1 - p) for the others. The counter leaves n / 4 + 1
 * to a call. */
void net_mask(uint64_t seed, uint64_t index, uint64_t counter, double p, int64_t n, float *out);

/* The key of what a step draws for a layer (-1 = the inputs), and where a row's draws begin. */
static inline uint64_t net_draw_index(const struct net_train *t, int layer)
{
    return (uint64_t)t->steps << 8 | (uint64_t)(layer + 1);
}
static inline uint64_t net_draw_counter(int64_t row)
{
    return (uint64_t)row << 24;
}

/* Outputs of this step. */
static inline int64_t net_columns(const struct net_train *t)
{
    return t->batch.column ? t->batch.n_columns : t->net->layer[t->net->spec.n_layers - 1].n_z;
}

#endif
