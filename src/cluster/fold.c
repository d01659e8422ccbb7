/*
 * The deterministic sum over shards: a full binary tree over shard index 0..255.
 *
 * Every shard is a leaf and a block of par_for. A finished leaf climbs: at each node the later of
 * two siblings adds right to left, so each node's value has one written order whoever computes it,
 * and a rank that owns part of the shards stops at its maximal aligned subtrees, whose values are
 * the ones the whole tree would have there.
 *
 * Cost: 256 calls of fn and 255 additions of n doubles. Blocks are claimed in index order, so that
 * between two running leaves at most one buffer a level waits for its sibling: at most 8 + 1
 * buffers of n doubles a worker.
 */
#include "cluster/comm.h"

#include "core/par.h"

#include <pthread.h>
#include <string.h>

enum { TREE_NODES = 2 * COMM_SHARDS }; /* heap order: root 1, leaves 256.. */

struct sum_job {
    akin_ctx *ctx;
    comm_shard_fn fn;
    void *arg;
    int64_t n;
    int shard_lo;
    pthread_mutex_t lock;     /* guards what follows */
    double *node[TREE_NODES]; /* finished, waiting for the sibling; or a part at its top */
    bool is_top[TREE_NODES];  /* parts of this rank: not folded further here */
    double *spare[TREE_NODES];
    int n_spare;
};

int comm_subtrees(int lo, int hi, int *node_lo, int *node_width)
{
    int n = 0;
    while (lo < hi) {
        int width = lo == 0 ? COMM_SHARDS : lo & -lo;
        while (width > hi - lo)
            width /= 2;
        node_lo[n] = lo;
        node_width[n] = width;
        lo += width;
        n++;
    }
    return n;
}

static void add_into(double *restrict left, const double *restrict right, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        left[i] += right[i];
}

akin_status comm_fold_parts(int n_parts, int *node_lo, int *node_width, int64_t n, double *parts,
                            akin_error *err)
{
    /* A stack, as a binary counter: the top two merge while they are siblings. */
    int top = 0;
    for (int i = 0; i < n_parts; i++) {
        if (top != i) {
            node_lo[top] = node_lo[i];
            node_width[top] = node_width[i];
            memcpy(parts + top * n, parts + i * n, (size_t)n * sizeof *parts);
        }
        top++;
        while (top > 1 && node_width[top - 1] == node_width[top - 2] &&
               node_lo[top - 2] % (2 * node_width[top - 2]) == 0) {
            add_into(parts + (top - 2) * n, parts + (top - 1) * n, n);
            node_width[top - 2] *= 2;
            top--;
        }
    }
    if (top != 1 || node_lo[0] != 0 || node_width[0] != COMM_SHARDS)
        return error_set(err, AKIN_E_INTERNAL, __FILE__, __LINE__,
                         "communicator: the parts cover %d subtrees, not shards 0..%d", top,
                         COMM_SHARDS);
    return AKIN_OK;
}

static int node_of(int lo, int width)
{
    return (COMM_SHARDS + lo) / width;
}

/* A cleared buffer: a spare one if there is any. */
static double *buffer_take(struct sum_job *job, akin_error *err)
{
    double *buffer = NULL;
    pthread_mutex_lock(&job->lock);
    if (job->n_spare > 0)
        buffer = job->spare[--job->n_spare];
    pthread_mutex_unlock(&job->lock);
    if (!buffer)
        return mem_zalloc(job->ctx, job->n, (int64_t)sizeof *buffer, err);
    memset(buffer, 0, (size_t)job->n * sizeof *buffer);
    return buffer;
}

/* Folds a finished node upwards until its sibling is still missing or it is one of our tops. */
static void climb(struct sum_job *job, int node, double *buffer)
{
    for (;;) {
        pthread_mutex_lock(&job->lock);
        double *other = job->is_top[node] ? NULL : job->node[node ^ 1];
        if (other)
            job->node[node ^ 1] = NULL;
        else
            job->node[node] = buffer;
        pthread_mutex_unlock(&job->lock);
        if (!other)
            return;
        double *left = node & 1 ? other : buffer;
        double *right = node & 1 ? buffer : other;
        add_into(left, right, job->n);
        pthread_mutex_lock(&job->lock);
        job->spare[job->n_spare++] = right;
        pthread_mutex_unlock(&job->lock);
        buffer = left;
        node /= 2;
    }
}

static akin_status sum_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct sum_job *job = arg;
    int shard = job->shard_lo + (int)block;
    double *acc = buffer_take(job, err);
    if (!acc)
        return AKIN_E_MEMORY;
    akin_status status = job->fn(job->arg, shard, worker, acc, err);
    if (status != AKIN_OK) {
        mem_free(job->ctx, acc);
        return status;
    }
    climb(job, COMM_SHARDS + shard, acc);
    return AKIN_OK;
}

static void job_free(struct sum_job *job)
{
    for (int i = 0; i < TREE_NODES; i++)
        mem_free(job->ctx, job->node[i]);
    for (int i = 0; i < job->n_spare; i++)
        mem_free(job->ctx, job->spare[i]);
    pthread_mutex_destroy(&job->lock);
    mem_free(job->ctx, job);
}

/* The parts in one array; a single part is handed over as it is. */
static akin_status parts_join(struct sum_job *job, const int *lo, const int *width, int n_parts,
                              double **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    double *parts = NULL;
    if (n_parts == 1) {
        int node = node_of(lo[0], width[0]);
        *out = job->node[node];
        job->node[node] = NULL;
        goto done;
    }
    MEM_NEW(job->ctx, parts, n_parts * job->n);
    for (int i = 0; i < n_parts; i++) {
        int node = node_of(lo[i], width[i]);
        memcpy(parts + i * job->n, job->node[node], (size_t)job->n * sizeof *parts);
        mem_free(job->ctx, job->node[node]);
        job->node[node] = NULL;
    }
    *out = parts;
done:
    return status;
}

akin_status comm_sum_shards(akin_ctx *ctx, struct comm *comm, int64_t n, comm_shard_fn fn,
                            void *arg, double *sum, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct sum_job *job = NULL;
    double *parts = NULL;
    int lo[COMM_MAX_PARTS], width[COMM_MAX_PARTS];
    int n_parts = comm_subtrees(comm->shard_lo, comm->shard_hi, lo, width);
    MEM_ZERO(ctx, job, 1);
    job->ctx = ctx;
    job->fn = fn;
    job->arg = arg;
    job->n = n;
    job->shard_lo = comm->shard_lo;
    if (pthread_mutex_init(&job->lock, NULL) != 0) {
        mem_free(ctx, job);
        job = NULL;
        AKIN_FAIL(AKIN_E_MEMORY, "sum over shards: no room for a lock");
    }
    for (int i = 0; i < n_parts; i++)
        job->is_top[node_of(lo[i], width[i])] = true;
    AKIN_TRY(par_for(ctx, comm->shard_hi - comm->shard_lo, sum_block, job, err));
    AKIN_TRY(parts_join(job, lo, width, n_parts, &parts, err));
done:
    /* Every rank says how it went before anything is exchanged; none is left waiting. */
    status = comm->cls->agree(comm, status, err);
    if (status == AKIN_OK)
        status = comm->cls->fold(comm, parts, n_parts, n, sum, err);
    mem_free(ctx, parts);
    if (job)
        job_free(job);
    return status;
}
