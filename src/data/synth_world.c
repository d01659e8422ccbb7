/*
 * The world of synthetic data: clusters, items, trends, and how many events each user has.
 *
 * Popularity is Zipf's law over a keyed permutation of the items (a Feistel network that walks its
 * cycle back into the range), so that rank and number are unrelated. Within a cluster items lie in
 * the order in which they appear; what exists at a time is a prefix, and a draw among it one binary
 * search in running sums.
 *
 * Cost: O(items + users), items in parallel. Not done: growth of the population, seasons within a
 * year; drift is a wave a cluster.
 */
#include "data/synth_world.h"

#include "core/par.h"
#include "kern/math.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 8192, POLL = 65536 };

/* Counters of the draws of an item (stream SYNTH_ITEM) and of a user (SYNTH_USER). */
enum { ITEM_CLUSTER, ITEM_RELEASE, ITEM_QUALITY, ITEM_QUALITY2, CLUSTER_PHASE = 16, PERMUTE = 32 };
enum {
    USER_TASTE,
    USER_BIAS = 8,
    USER_BIAS2,
    USER_ACTIVITY,
    USER_ACTIVITY2,
    USER_FROM,
    USER_LENGTH,
    USER_DEVICE,
    USER_COUNTRY,
    USER_AGE
};

static double unit(uint64_t draw)
{
    return (double)(draw >> 11) * 0x1p-53;
}

double synth_normal(uint64_t seed, enum rng_stream stream, uint64_t index, uint64_t counter)
{
    return kern_normal(rng_u64(seed, stream, index, counter),
                       rng_u64(seed, stream, index, counter + 1));
}

int64_t synth_pick(const double *cum, int64_t lo, int64_t hi, double share)
{
    double base = lo > 0 ? cum[lo - 1] : 0;
    double target = base + share * (cum[hi - 1] - base);
    while (lo < hi - 1) {
        int64_t mid = lo + (hi - 1 - lo) / 2;
        if (cum[mid] > target)
            hi = mid + 1;
        else
            lo = mid + 1;
    }
    return lo;
}

/* A bijection of [0, n) by seed. */
static uint64_t permute(uint64_t seed, uint64_t n, uint64_t x)
{
    int half = 1;
    while ((uint64_t)1 << (2 * half) < n)
        half++;
    uint64_t mask = ((uint64_t)1 << half) - 1;
    do {
        uint64_t left = x >> half, right = x & mask;
        for (uint64_t round = 0; round < 4; round++) {
            uint64_t next = left ^ (rng_u64(seed, RNG_SYNTH_ITEM, right, PERMUTE + round) & mask);
            left = right;
            right = next;
        }
        x = left << half | right;
    } while (x >= n);
    return x;
}

static akin_status item_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct synth_world *w = arg;
    int64_t hi = par_hi(block, BLOCK, w->p.items);
    (void)worker;
    (void)err;
    for (int64_t i = par_lo(block, BLOCK); i < hi; i++) {
        uint64_t at = (uint64_t)i;
        double cluster = unit(rng_u64(w->seed, RNG_SYNTH_ITEM, at, ITEM_CLUSTER));
        double release = unit(rng_u64(w->seed, RNG_SYNTH_ITEM, at, ITEM_RELEASE));
        bool is_new = i >= w->n_clusters && release < w->p.new_items;
        /* Squared: clusters differ in size. The first items make sure that each has one. */
        w->item_cluster[i] =
            i < w->n_clusters ? (int32_t)i : (int32_t)(cluster * cluster * (double)w->n_clusters);
        w->item_release[i] =
            is_new ? 1 + (int64_t)(release / w->p.new_items * (double)(w->span - 1)) : 0;
        w->item_quality[i] =
            (float)(0.35 * synth_normal(w->seed, RNG_SYNTH_ITEM, at, ITEM_QUALITY));
    }
    return AKIN_OK;
}

struct sorted_item {
    int64_t release;
    int32_t item;
};

static int by_release(const void *a, const void *b)
{
    const struct sorted_item *x = a, *y = b;
    if (x->release != y->release)
        return x->release < y->release ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

struct cluster_job {
    struct synth_world *w;
    struct sorted_item *sorted; /* (items) by cluster */
};

static akin_status cluster_block(void *arg, int64_t cluster, int worker, akin_error *err)
{
    struct cluster_job *job = arg;
    struct synth_world *w = job->w;
    int64_t lo = w->cluster_ptr[cluster], hi = w->cluster_ptr[cluster + 1];
    double sum = 0;
    (void)worker;
    (void)err;
    qsort(job->sorted + lo, (size_t)(hi - lo), sizeof *job->sorted, by_release);
    for (int64_t i = lo; i < hi; i++) {
        int32_t item = job->sorted[i].item;
        uint64_t rank = permute(w->seed, (uint64_t)w->p.items, (uint64_t)item);
        w->cluster_item[i] = item;
        w->cluster_cum[i] = sum += 1 / kern_pow((double)rank + 3, w->p.popularity);
    }
    w->cluster_mass[cluster] = sum;
    return AKIN_OK;
}

static akin_status clusters_build(struct synth_world *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = w->ctx;
    struct cluster_job job = {.w = w};
    int64_t *next = NULL;
    int64_t n = w->p.items, k = w->n_clusters;
    MEM_ZERO(ctx, w->cluster_ptr, k + 1);
    MEM_NEW(ctx, w->cluster_item, n);
    MEM_NEW(ctx, w->cluster_cum, n);
    MEM_NEW(ctx, w->cluster_mass, k);
    MEM_NEW(ctx, job.sorted, n);
    MEM_NEW(ctx, next, k);
    for (int64_t i = 0; i < n; i++) {
        w->cluster_ptr[w->item_cluster[i] + 1]++;
        w->n_initial += w->item_release[i] == 0;
    }
    for (int64_t c = 0; c < k; c++) {
        next[c] = w->cluster_ptr[c];
        w->cluster_ptr[c + 1] += w->cluster_ptr[c];
    }
    for (int64_t i = 0; i < n; i++)
        job.sorted[next[w->item_cluster[i]]++] =
            (struct sorted_item){w->item_release[i], (int32_t)i};
    AKIN_TRY(par_for(ctx, k, cluster_block, &job, err));
done:
    mem_free(ctx, job.sorted);
    mem_free(ctx, next);
    return status;
}

static akin_status trends_build(struct synth_world *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t k = w->n_clusters;
    MEM_NEW(w->ctx, w->trend, SYNTH_SLOTS * k);
    MEM_NEW(w->ctx, w->trend_cum, SYNTH_SLOTS * k);
    for (int64_t s = 0; s < SYNTH_SLOTS; s++) {
        double sum = 0;
        for (int64_t c = 0; c < k; c++) {
            double phase = unit(rng_u64(w->seed, RNG_SYNTH_ITEM, (uint64_t)c, CLUSTER_PHASE));
            double turn = (double)s / SYNTH_SLOTS * (double)(1 + c % 2) + phase;
            double strength = kern_exp(1.5 * w->p.drift * kern_sin(6.283185307179586 * turn));
            w->trend[s * k + c] = strength;
            w->trend_cum[s * k + c] = sum += w->cluster_mass[c] * strength;
        }
        AKIN_TRY(ctx_check(w->ctx, err));
    }
    for (int64_t c = 1; c < k; c++)
        w->cluster_mass[c] += w->cluster_mass[c - 1];
done:
    return status;
}

static double user_activity(const struct synth_world *w, int64_t user)
{
    return kern_exp(w->p.activity *
                    synth_normal(w->seed, RNG_SYNTH_USER, (uint64_t)user, USER_ACTIVITY));
}

struct activity_job {
    const struct synth_world *w;
    double *weight; /* (users) */
};

static akin_status activity_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct activity_job *job = arg;
    int64_t hi = par_hi(block, BLOCK, job->w->p.users);
    (void)worker;
    (void)err;
    for (int64_t u = par_lo(block, BLOCK); u < hi; u++)
        job->weight[u] = user_activity(job->w, u);
    return AKIN_OK;
}

/*
 * Deals the events to users by weight, exactly and with none above `most`: rounds of shares of what
 * is left among those below; what rounding leaves goes one each from the first user on.
 */
static akin_status users_build(struct synth_world *w, int64_t most, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = w->ctx;
    struct activity_job job = {.w = w};
    int64_t n = w->p.users, left = w->p.events;
    int64_t *count = NULL;
    MEM_NEW(ctx, job.weight, n);
    MEM_ZERO(ctx, w->user_ptr, n + 1);
    count = w->user_ptr + 1;
    AKIN_TRY(par_for(ctx, par_blocks(n, BLOCK), activity_block, &job, err));
    for (int64_t u = 0; u < n && left > 0; u++, left--)
        count[u] = 1;
    for (int round = 0; round < 64 && left > 0; round++) {
        double sum = 0, share = (double)left;
        for (int64_t u = 0; u < n; u++)
            sum += count[u] < most ? job.weight[u] : 0;
        for (int64_t u = 0; u < n && left > 0 && sum > 0; u++) {
            int64_t more = (int64_t)(share * (job.weight[u] / sum));
            more = more < most - count[u] ? more : most - count[u];
            more = more < left ? more : left;
            count[u] += more;
            left -= more;
        }
        AKIN_TRY(ctx_check(ctx, err));
    }
    while (left > 0) {
        for (int64_t u = 0; u < n && left > 0; u++) {
            if (count[u] < most) {
                count[u]++;
                left--;
            }
        }
        AKIN_TRY(ctx_check(ctx, err));
    }
    for (int64_t u = 0; u < n; u++)
        w->user_ptr[u + 1] += w->user_ptr[u];
done:
    mem_free(ctx, job.weight);
    return status;
}

struct synth_user synth_user_at(const struct synth_world *w, int64_t user)
{
    uint64_t at = (uint64_t)user;
    struct synth_user out;
    double span = (double)w->span;
    for (int t = 0; t < SYNTH_TASTES; t++)
        out.taste[t] = (int32_t)synth_pick(
            w->cluster_mass, 0, w->n_clusters,
            unit(rng_u64(w->seed, RNG_SYNTH_USER, at, USER_TASTE + (uint64_t)t)));
    double from = unit(rng_u64(w->seed, RNG_SYNTH_USER, at, USER_FROM));
    double length = unit(rng_u64(w->seed, RNG_SYNTH_USER, at, USER_LENGTH));
    /* A third is there from the start; the others join later. All stay for a part of the rest. */
    from = from < 1.0 / 3 ? 0 : (from - 1.0 / 3) * 1.4;
    out.from = (int64_t)(from * span);
    out.until = out.from + 1 + (int64_t)((0.05 + 0.95 * length) * (span - (double)out.from - 1));
    out.bias = 0.4 * synth_normal(w->seed, RNG_SYNTH_USER, at, USER_BIAS);
    out.device = (int)(rng_u64(w->seed, RNG_SYNTH_USER, at, USER_DEVICE) % SYNTH_DEVICES);
    double country = unit(rng_u64(w->seed, RNG_SYNTH_USER, at, USER_COUNTRY));
    out.country = (int)(country * country * 12);
    double age = unit(rng_u64(w->seed, RNG_SYNTH_USER, at, USER_AGE));
    /* Tastes go a little by age. */
    out.age = 16 + (int)(40 * age * age) + out.taste[0] % 5 * 5;
    return out;
}

static akin_status params_check(const struct synth_params *p, int64_t clusters, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (p->users < 1 || p->items < 1 || p->events < 1)
        AKIN_FAIL(AKIN_E_ARG, "synth: users, items and events must be at least 1");
    if (p->users > INT32_MAX - 1 || p->items > INT32_MAX - 1)
        AKIN_FAIL(AKIN_E_ARG, "synth: users and items must be at most %d each", INT32_MAX - 1);
    if (clusters > p->items)
        AKIN_FAIL(AKIN_E_ARG, "synth: clusters=%" PRId64 " (must be at most items=%" PRId64 ")",
                  clusters, p->items);
done:
    return status;
}

akin_status synth_world_build(akin_ctx *ctx, const struct synth_params *p, struct synth_world *out,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    struct synth_world w = {.ctx = ctx, .p = *p, .seed = ctx->seed};
    w.span = p->days * SYNTH_DAY;
    w.n_clusters = p->clusters;
    if (w.n_clusters == 0) {
        w.n_clusters = (int64_t)(sqrt((double)p->items) / 4);
        w.n_clusters = w.n_clusters < 4     ? (p->items < 4 ? p->items : 4)
                       : w.n_clusters > 200 ? 200
                                            : w.n_clusters;
    }
    AKIN_TRY(params_check(p, w.n_clusters, err));
    MEM_NEW(ctx, w.item_cluster, p->items);
    MEM_NEW(ctx, w.item_release, p->items);
    MEM_NEW(ctx, w.item_quality, p->items);
    AKIN_TRY(par_for(ctx, par_blocks(p->items, BLOCK), item_block, &w, err));
    AKIN_TRY(clusters_build(&w, err));
    AKIN_TRY(trends_build(&w, err));
    /* Half of what is there from the start: a draw that avoids repeats then ends soon. */
    int64_t most = p->repeats ? INT32_MAX : (w.n_initial + 1) / 2;
    int64_t limit;
    if (__builtin_mul_overflow(p->users, most, &limit))
        limit = INT64_MAX;
    if (p->events > limit)
        AKIN_FAIL(AKIN_E_ARG,
                  "synth: events=%" PRId64 " (at most %" PRId64 " with %" PRId64
                  " users and %" PRId64 " items without repeats)",
                  p->events, limit, p->users, p->items);
    AKIN_TRY(users_build(&w, most, err));
    *out = w;
    memset(&w, 0, sizeof w);
done:
    synth_world_free(&w);
    return status;
}

void synth_world_free(struct synth_world *w)
{
    if (!w->ctx)
        return;
    mem_free(w->ctx, w->item_cluster);
    mem_free(w->ctx, w->item_release);
    mem_free(w->ctx, w->item_quality);
    mem_free(w->ctx, w->cluster_ptr);
    mem_free(w->ctx, w->cluster_item);
    mem_free(w->ctx, w->cluster_cum);
    mem_free(w->ctx, w->cluster_mass);
    mem_free(w->ctx, w->trend);
    mem_free(w->ctx, w->trend_cum);
    mem_free(w->ctx, w->user_ptr);
    memset(w, 0, sizeof *w);
}
