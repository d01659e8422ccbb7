/*
 * Benchmark: top 20 by inner product over many vectors, the retrieval index. Vectors are
 * near-normal with a decaying spectrum, the same bits as bench/peers.py makes. JSON on stdout:
 * seconds and processor seconds of all queries, build seconds, bytes; for lists recall against the
 * exact index.
 *
 *   index [--mode exact|lists] [--batch 0|1] [--items N] [--factors K] [--queries N] [--threads N]
 *         [--lists N] [--probes N] [--isa NAME]
 * batch 1: blocks of 64 askers over all threads; else one by one on one thread.
 */
#include "rank/index.h"
#include "core/ctx.h"
#include "core/par.h"
#include "kern/kern.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { K = 20, BLOCK = 64, WORKERS_MAX = 64, ROW_BLOCK = 4096 };

struct world {
    int64_t n, k;
    uint64_t seed;
    float *x; /* (n, k) */
};

static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static akin_status fill_block(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)worker;
    (void)err;
    const struct world *w = arg;
    int64_t hi = par_hi(block, ROW_BLOCK, w->n) * w->k;
    for (int64_t i = par_lo(block, ROW_BLOCK) * w->k; i < hi; i++) {
        int32_t total = 0;
        for (uint64_t j = 0; j < 3; j++) {
            uint64_t bits = mix(((w->seed << 40) + (uint64_t)i) * 3 + j);
            for (int part = 0; part < 4; part++)
                total += (int32_t)(bits >> 16 * part & 65535);
        }
        float scale = (float)sqrt(1 / sqrt((double)(i % w->k + 1)));
        w->x[i] = (float)(2 * total - 12 * 65535) * 0x1p-17f * scale;
    }
    return AKIN_OK;
}

static akin_status make(akin_ctx *ctx, struct world *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    MEM_NEW(ctx, w->x, w->n * w->k);
    AKIN_TRY(par_for(ctx, par_blocks(w->n, ROW_BLOCK), fill_block, w, err));
done:
    return status;
}

struct job {
    const struct index *ix;
    struct index_scratch *scratch[WORKERS_MAX];
    const struct world *askers;
    int64_t block;
    struct ranked *lists;
    int32_t *counts;
};

static akin_status search_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct job *job = arg;
    int64_t lo = par_lo(block, job->block);
    int64_t hi = par_hi(block, job->block, job->askers->n);
    return index_search_many(job->ix, job->scratch[worker], job->askers->x + lo * job->askers->k,
                             hi - lo, K, job->lists + lo * K, job->counts + lo, err);
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* All askers' lists; one by one on the calling thread, or in blocks over all threads. */
static akin_status lists(akin_ctx *ctx, struct job *job, bool is_batch, akin_error *err)
{
    akin_status status = AKIN_OK;
    job->block = is_batch ? BLOCK : 1;
    if (is_batch) {
        AKIN_TRY(par_for(ctx, par_blocks(job->askers->n, BLOCK), search_block, job, err));
    } else {
        for (int64_t j = 0; j < job->askers->n; j++)
            AKIN_TRY(search_block(job, j, 0, err));
    }
done:
    return status;
}

static void free_job(akin_ctx *ctx, struct job *job)
{
    for (int w = 0; w < WORKERS_MAX; w++)
        index_scratch_free(job->scratch[w]);
    mem_free(ctx, job->lists);
    mem_free(ctx, job->counts);
}

static akin_status begin_job(akin_ctx *ctx, struct job *job, akin_error *err)
{
    akin_status status = AKIN_OK;
    for (int w = 0; w < par_workers(ctx) && w < WORKERS_MAX; w++)
        AKIN_TRY(index_scratch_create(job->ix, ctx, &job->scratch[w], err));
    MEM_ZERO(ctx, job->lists, job->askers->n * K);
    MEM_ZERO(ctx, job->counts, job->askers->n);
done:
    return status;
}

/* The share of the exact lists that was found. */
static akin_status recall(akin_ctx *ctx, const struct item_vectors *v, int32_t n,
                          const struct job *job, double *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct index *ix = NULL;
    struct job exact = {.askers = job->askers};
    const struct index_options o = {0};
    int64_t found = 0;
    AKIN_TRY(index_create(ctx, v, n, &o, &ix, err));
    exact.ix = ix;
    AKIN_TRY(begin_job(ctx, &exact, err));
    AKIN_TRY(lists(ctx, &exact, true, err));
    for (int64_t j = 0; j < job->askers->n; j++)
        for (int i = 0; i < K; i++)
            for (int l = 0; l < job->counts[j]; l++)
                found += exact.lists[j * K + i].item == job->lists[j * K + l].item;
    *out = (double)found / (double)(job->askers->n * K);
done:
    free_job(ctx, &exact);
    index_free(ix);
    return status;
}

static akin_status run(akin_ctx *ctx, const struct world *items, const struct world *askers,
                       const struct index_options *o, bool is_batch, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct index *ix = NULL;
    struct job job = {.askers = askers};
    const struct item_vectors v = {.items = items->x, .k = (int32_t)items->k};
    double share = 1.0;
    int64_t start = clock_ns();
    double cpu = cpu_seconds();
    AKIN_TRY(index_create(ctx, &v, (int32_t)items->n, o, &ix, err));
    double build = (double)(clock_ns() - start) * 1e-9, build_cpu = cpu_seconds() - cpu;
    job.ix = ix;
    AKIN_TRY(begin_job(ctx, &job, err));
    AKIN_TRY(search_block(&(struct job){.ix = ix,
                                        .scratch = {job.scratch[0]},
                                        .askers = askers,
                                        .block = 1,
                                        .lists = job.lists,
                                        .counts = job.counts},
                          0, 0, err));
    start = clock_ns();
    cpu = cpu_seconds();
    AKIN_TRY(lists(ctx, &job, is_batch, err));
    double seconds = (double)(clock_ns() - start) * 1e-9;
    cpu = cpu_seconds() - cpu;
    int64_t sum = 0;
    for (int64_t i = 0; i < askers->n * K; i++)
        sum += job.lists[i].item;
    if (o->ivf_min)
        AKIN_TRY(recall(ctx, &v, (int32_t)items->n, &job, &share, err));
    printf("{\"bench\":\"index\",\"isa\":\"%s\",\"threads\":%d,\"items\":%lld,\"factors\":%lld,"
           "\"queries\":%lld,\"seconds\":%.6f,\"cpu_seconds\":%.6f,\"queries_per_second\":%.1f,"
           "\"build_seconds\":%.3f,\"build_cpu_seconds\":%.3f,\"bytes\":%lld,\"lists\":%lld,"
           "\"probes\":%lld,\"recall\":%.4f,\"recall_at_build\":%.4f,\"sum\":%lld}\n",
           ctx->kern->isa, par_workers(ctx), (long long)items->n, (long long)items->k,
           (long long)askers->n, seconds, cpu, (double)askers->n / seconds, build, build_cpu,
           (long long)index_bytes(ix), (long long)index_lists(ix), (long long)index_probes(ix),
           share, index_recall(ix), (long long)sum);
done:
    free_job(ctx, &job);
    index_free(ix);
    return status;
}

static const char *option(int argc, char **argv, const char *name, const char *otherwise)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    }
    return otherwise;
}

static int64_t number(int argc, char **argv, const char *name, const char *otherwise)
{
    return strtoll(option(argc, argv, name, otherwise), NULL, 10);
}

int main(int argc, char **argv)
{
    akin_status status = AKIN_OK;
    akin_error error;
    akin_error *err = &error;
    akin_ctx *ctx = NULL;
    struct world items = {.seed = 1}, askers = {.seed = 2};
    bool is_lists = strcmp(option(argc, argv, "--mode", "exact"), "lists") == 0;
    struct index_options o = {.ivf_min = is_lists,
                              .n_lists = number(argc, argv, "--lists", "0"),
                              .n_probe = number(argc, argv, "--probes", "0"),
                              .seed = 1};
    items.n = number(argc, argv, "--items", "1000000");
    askers.n = number(argc, argv, "--queries", "1000");
    items.k = askers.k = number(argc, argv, "--factors", "64");
    AKIN_TRY(ctx_create(number(argc, argv, "--threads", "0"), 1, 0, &ctx, err));
    AKIN_TRY(kern_select(ctx, option(argc, argv, "--isa", NULL), err));
    if (par_workers(ctx) > WORKERS_MAX)
        AKIN_FAIL(AKIN_E_ARG, "%d threads (at most %d)", par_workers(ctx), WORKERS_MAX);
    AKIN_TRY(make(ctx, &items, err));
    AKIN_TRY(make(ctx, &askers, err));
    AKIN_TRY(run(ctx, &items, &askers, &o, number(argc, argv, "--batch", "0") != 0, err));
done:
    if (status != AKIN_OK)
        fprintf(stderr, "index: %s\n", error.message);
    if (ctx) {
        mem_free(ctx, items.x);
        mem_free(ctx, askers.x);
    }
    ctx_free(ctx);
    return status == AKIN_OK ? 0 : 1;
}
