/*
 * How like others a user is: the one definition behind "users like this one" and look-alikes.
 *
 * Of two users: the cosine of their states where the model has vectors and ranks; else Jaccard over
 * their positives (distinct items in both by those in either): the states of a model that predicts
 * ratings hold a mean, by which everybody would be alike. Of several seeds: the mean over those
 * that can be compared at all. UNSCORED: nothing to compare by.
 */
#ifndef AKIN_RANK_LIKENESS_H
#define AKIN_RANK_LIKENESS_H

#include "rank/rank.h"

struct likeness;

/*
 * What others are compared with. r: borrowed, outlives it. seeds (n, at least 1): read here only.
 * Cost: n fold-ins, or their histories. Fails: E_ARG (n < 1), E_MEMORY, E_CANCELLED, the model's.
 * Threads, all functions: those of the ranker.
 */
akin_status likeness_create(struct ranker *r, const struct query *seeds, int32_t n,
                            struct likeness **out, akin_error *err);
void likeness_free(struct likeness *x); /* NULL allowed */
/* Seeds that can be compared: 0 = every answer is UNSCORED. */
int32_t likeness_seeds(const struct likeness *x);

/*
 * out[j] of n queries, in parallel; the same bits at any thread count and batch size. Cost of a
 * query: a fold-in and k multiplications, or for each of its positives the seeds that have it.
 */
akin_status likeness_score(struct likeness *x, const struct query *queries, int64_t n, float *out,
                           akin_error *err);
/* The k queries most alike, best first, as (score, query index), ties to the lower index; those
 * with nothing to compare by are left out. Fails also: E_ARG (k < 0). */
akin_status likeness_rank(struct likeness *x, const struct query *queries, int64_t n, int32_t k,
                          struct ranked *list, int32_t *count, akin_error *err);

#endif
