/*
 * The communicator: what a model needs of other processes, and nothing more.
 *
 * Users are dealt to COMM_SHARDS shards by hash of their id (a property of the dataset); a rank
 * owns contiguous shards and holds only their rows; items are dealt to ranks in contiguous ranges.
 * Models are written against this interface; with one process every call is trivial. All calls are
 * collective and made by the calling thread only; a start is followed by its wait, par_start may
 * run in between. Waits have a deadline; a failure on one rank is agreed on before the next
 * exchange.
 */
#ifndef AKIN_CLUSTER_COMM_H
#define AKIN_CLUSTER_COMM_H

#include "core/ctx.h"

enum { COMM_SHARDS = 256 };

struct comm {
    const struct comm_class *cls;
    void *self;
    int rank, size;
    int shard_lo, shard_hi; /* shards this rank owns, half-open */
};

struct comm_class {
    const char *name;
    /*
     * Makes the wanted rows of a row-sharded matrix present here: X (n, k) row-major on every
     * rank, rows [own_lo, own_hi) are valid on this one; wanted (n bits, NULL = all) says which
     * others must become valid. start returns at once; X must not be written until wait.
     */
    akin_status (*rows_start)(struct comm *comm, float *X, int64_t n, int64_t k, int64_t own_lo,
                              int64_t own_hi, const uint64_t *wanted, akin_error *err);
    akin_status (*rows_wait)(struct comm *comm, akin_error *err);
    /*
     * Sums `n` doubles over all shards along the fixed binary tree over shard index; parts holds
     * this rank's own shards already folded to its maximal aligned subtrees (comm_subtrees), in
     * that order. sum is the same on every rank.
     */
    akin_status (*fold)(struct comm *comm, const double *parts, int64_t n_parts, int64_t n,
                        double *sum, akin_error *err);
    /* The worst status of all ranks, with the message of the lowest failing rank. */
    akin_status (*agree)(struct comm *comm, akin_status mine, akin_error *err);
    akin_status (*bcast)(struct comm *comm, void *bytes, int64_t size, int root, akin_error *err);
    void (*destroy)(struct comm *comm);
};

/* One process: owns all shards. */
void comm_self(struct comm *out);

/* The contiguous item range of a rank. */
void comm_item_range(const struct comm *comm, int64_t n_items, int64_t *lo, int64_t *hi);

/*
 * The maximal aligned subtrees of the shard tree that cover [lo, hi), ascending: node i covers
 * [lo[i], lo[i] + width[i]), width a power of two that divides lo. Returns how many (at most 16).
 */
enum { COMM_MAX_PARTS = 16 };
int comm_subtrees(int lo, int hi, int *node_lo, int *node_width);

/*
 * Folds consecutive subtrees that cover all COMM_SHARDS shards into parts[0..n), in place, along
 * the shard tree: what a communicator's `fold` ends with once it holds the parts of every rank.
 * parts (n_parts, n); node_lo, node_width (n_parts) are used up.
 */
akin_status comm_fold_parts(int n_parts, int *node_lo, int *node_width, int64_t n, double *parts,
                            akin_error *err);

/*
 * The deterministic sum over shards, the one way to reduce: fn adds shard s's contribution to
 * acc (n doubles, zeroed). Runs in parallel over subtrees, folds pairwise along the binary tree
 * over the shard index ((0+1)+(2+3))…, and over ranks. sum (n) receives the result and is
 * untouched on failure. Memory: at most (8 + 1)·n doubles a worker.
 */
typedef akin_status (*comm_shard_fn)(void *arg, int shard, int worker, double *acc,
                                     akin_error *err);
akin_status comm_sum_shards(akin_ctx *ctx, struct comm *comm, int64_t n, comm_shard_fn fn,
                            void *arg, double *sum, akin_error *err);

#endif
