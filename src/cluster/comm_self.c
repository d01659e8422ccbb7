/*
 * The communicator of one process: it owns every shard and every row, so that each exchange is a
 * check and at most a copy.
 *
 * Cost: constant, but for the copy of a fold. Not done here: anything between processes (comm_mpi).
 */
#include "cluster/comm.h"

#include <inttypes.h>
#include <string.h>

static akin_status self_rows_start(struct comm *comm, float *X, int64_t n, int64_t k,
                                   int64_t own_lo, int64_t own_hi, const uint64_t *wanted,
                                   akin_error *err)
{
    (void)comm;
    (void)X;
    (void)k;
    (void)wanted;
    if (own_lo != 0 || own_hi != n)
        return error_set(err, AKIN_E_INTERNAL, __FILE__, __LINE__,
                         "communicator: one process must own rows 0..%" PRId64 ", not %" PRId64
                         "..%" PRId64,
                         n, own_lo, own_hi);
    return AKIN_OK;
}

static akin_status self_rows_wait(struct comm *comm, akin_error *err)
{
    (void)comm;
    (void)err;
    return AKIN_OK;
}

static akin_status self_fold(struct comm *comm, const double *parts, int64_t n_parts, int64_t n,
                             double *sum, akin_error *err)
{
    (void)comm;
    if (n_parts != 1)
        return error_set(err, AKIN_E_INTERNAL, __FILE__, __LINE__,
                         "communicator: one process folds 1 part, not %" PRId64, n_parts);
    if (n > 0 && sum != parts)
        memcpy(sum, parts, (size_t)n * sizeof *sum);
    return AKIN_OK;
}

/* The message of a failure is already in err. */
static akin_status self_agree(struct comm *comm, akin_status mine, akin_error *err)
{
    (void)comm;
    (void)err;
    return mine;
}

static akin_status self_bcast(struct comm *comm, void *bytes, int64_t size, int root,
                              akin_error *err)
{
    (void)comm;
    (void)bytes;
    (void)size;
    if (root != 0)
        return error_set(err, AKIN_E_INTERNAL, __FILE__, __LINE__,
                         "communicator: root=%d (one process has rank 0 only)", root);
    return AKIN_OK;
}

static void self_destroy(struct comm *comm)
{
    (void)comm;
}

static const struct comm_class comm_self_class = {
    .name = "self",
    .rows_start = self_rows_start,
    .rows_wait = self_rows_wait,
    .fold = self_fold,
    .agree = self_agree,
    .bcast = self_bcast,
    .destroy = self_destroy,
};

void comm_self(struct comm *out)
{
    memset(out, 0, sizeof *out);
    out->cls = &comm_self_class;
    out->size = 1;
    out->shard_hi = COMM_SHARDS;
}

void comm_item_range(const struct comm *comm, int64_t n_items, int64_t *lo, int64_t *hi)
{
    *lo = n_items / comm->size * comm->rank + n_items % comm->size * comm->rank / comm->size;
    int64_t next = comm->rank + 1;
    *hi = n_items / comm->size * next + n_items % comm->size * next / comm->size;
}
