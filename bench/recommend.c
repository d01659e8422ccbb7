/*
 * Benchmark: lists for all users from vectors, the shape of Gowalla: 29,858 users, 40,981 items,
 * 128 factors, 27 seen items a user, k = 20, seen items left out. Fold-in is a copy, so this is the
 * ranking alone. JSON on stdout: seconds of each round, the median, users a second.
 *
 *   recommend [--threads N] [--rounds N] [--isa NAME] [--users N]
 */
#include "core/ctx.h"
#include "core/par.h"
#include "core/rng.h"
#include "kern/kern.h"
#include "rank/rank.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { USERS = 29858, ITEMS = 40981, FACTORS = 128, SEEN = 27, K = 20, ROUNDS_MAX = 99 };

struct world {
    float *users;  /* (USERS, FACTORS) */
    float *items;  /* (ITEMS, FACTORS) */
    int32_t *seen; /* (USERS, SEEN) */
};

static void world_vectors(const void *self, struct item_vectors *out)
{
    const struct world *w = self;
    out->items = w->items;
    out->bias = NULL;
    out->k = FACTORS;
}

static akin_status world_fold_in(const void *self, const struct query *q, float *state,
                                 struct arena *scratch, akin_error *err)
{
    (void)scratch;
    (void)err;
    const struct world *w = self;
    memcpy(state, w->users + (int64_t)q->user * FACTORS, FACTORS * sizeof *state);
    return AKIN_OK;
}

static void fill(float *x, int64_t n, uint64_t index)
{
    struct rng rng = rng_make(1, RNG_TEST, index);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(rng_double(&rng) + rng_double(&rng) + rng_double(&rng) - 1.5);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static int64_t option(int argc, char **argv, const char *name, int64_t otherwise)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0)
            return strtoll(argv[i + 1], NULL, 10);
    }
    return otherwise;
}

static const char *isa_option(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], "--isa") == 0)
            return argv[i + 1];
    }
    return NULL;
}

static akin_status run(akin_ctx *ctx, struct world *w, int64_t n, int64_t rounds, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct ranker *r = NULL;
    struct query *queries = NULL;
    struct ranked *lists = NULL;
    int32_t *counts = NULL;
    double seconds[ROUNDS_MAX];
    const struct scorer_class cls = {.vectors = world_vectors, .fold_in = world_fold_in};
    const struct scorer scorer = {.cls = &cls, .self = w, .n_items = ITEMS};
    const struct rank_options opt = {.k = K};
    MEM_ZERO(ctx, queries, n);
    MEM_NEW(ctx, lists, n * K);
    MEM_NEW(ctx, counts, n);
    for (int64_t u = 0; u < n; u++) {
        queries[u].user = (int32_t)u;
        queries[u].is_trained = true;
        queries[u].hist.n = SEEN;
        queries[u].hist.item = w->seen + u * SEEN;
    }
    AKIN_TRY(ranker_create(ctx, &scorer, &r, err));
    printf("{\"bench\":\"recommend\",\"isa\":\"%s\",\"threads\":%d,\"users\":%lld,\"items\":%d,"
           "\"factors\":%d,\"k\":%d,\"seconds\":[",
           ctx->kern->isa, par_workers(ctx), (long long)n, ITEMS, FACTORS, K);
    for (int64_t i = 0; i < rounds; i++) {
        int64_t start = clock_ns();
        AKIN_TRY(rank_lists(r, queries, n, &opt, lists, counts, err));
        seconds[i] = (double)(clock_ns() - start) / 1e9;
        printf("%s%.4f", i ? "," : "", seconds[i]);
    }
    qsort(seconds, (size_t)rounds, sizeof seconds[0], compare);
    double median = seconds[rounds / 2];
    int64_t single = clock_ns();
    for (int64_t u = 0; u < 100; u++)
        AKIN_TRY(rank_lists(r, queries + u % n, 1, &opt, lists, counts, err));
    printf("],\"median_seconds\":%.4f,\"users_per_second\":%.0f,\"single_query_ms\":%.3f}\n",
           median, (double)n / median, (double)(clock_ns() - single) / 1e8);
done:
    ranker_free(r);
    mem_free(ctx, queries);
    mem_free(ctx, lists);
    mem_free(ctx, counts);
    return status;
}

int main(int argc, char **argv)
{
    akin_status status = AKIN_OK;
    akin_error error;
    akin_error *err = &error;
    akin_ctx *ctx = NULL;
    struct world w = {0};
    int64_t rounds = option(argc, argv, "--rounds", 5);
    int64_t n = option(argc, argv, "--users", USERS);
    rounds = rounds < 1 ? 1 : rounds > ROUNDS_MAX ? ROUNDS_MAX : rounds;
    n = n < 1 ? 1 : n > USERS ? USERS : n;
    AKIN_TRY(ctx_create(option(argc, argv, "--threads", 0), 1, 0, &ctx, err));
    AKIN_TRY(kern_select(ctx, isa_option(argc, argv), err));
    MEM_NEW(ctx, w.users, (int64_t)USERS * FACTORS);
    MEM_NEW(ctx, w.items, (int64_t)ITEMS * FACTORS);
    MEM_NEW(ctx, w.seen, (int64_t)USERS * SEEN);
    fill(w.users, (int64_t)USERS * FACTORS, 1);
    fill(w.items, (int64_t)ITEMS * FACTORS, 2);
    struct rng rng = rng_make(1, RNG_TEST, 3);
    for (int64_t e = 0; e < (int64_t)USERS * SEEN; e++)
        w.seen[e] = (int32_t)rng_below(&rng, ITEMS);
    AKIN_TRY(run(ctx, &w, n, rounds, err));
done:
    if (status != AKIN_OK)
        fprintf(stderr, "recommend: %s\n", error.message);
    if (ctx) {
        mem_free(ctx, w.users);
        mem_free(ctx, w.items);
        mem_free(ctx, w.seen);
    }
    ctx_free(ctx);
    return status == AKIN_OK ? 0 : 1;
}
