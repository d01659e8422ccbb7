/*
 * Benchmark: frequent itemsets, counted or listed, from baskets in memory: what a call of a peer
 * takes. No process start, no files. JSON on stdout.
 *
 *   itemsets DATA.akin MIN_SUPPORT [--kind all|closed|maximal] [--method auto|eclat|fpgrowth]
 *            [--list 1] [--rounds N] [--threads N]
 */
#include "solve/itemsets.h"
#include "core/par.h"
#include "data/view.h"
#include "kern/kern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS_MAX = 99 };

struct work {
    const char *data;
    double min_support;
    struct itemset_spec spec;
    int64_t threads, rounds;
    bool is_list;
};

/* Sets as peers give them: items and count, all held at once. */
struct list {
    akin_ctx *ctx;
    int32_t *numbers;
    int64_t n, cap;
};

static akin_status list_add(void *arg, const int32_t *items, int32_t n, int32_t count,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    struct list *l = arg;
    MEM_GROW(l->ctx, l->numbers, l->cap, l->n + n + 2);
    l->numbers[l->n++] = n;
    l->numbers[l->n++] = count;
    memcpy(l->numbers + l->n, items, (size_t)n * sizeof *items);
    l->n += n;
done:
    return status;
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static akin_status bench(akin_ctx *ctx, struct work *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    static const struct feedback_params plain = {0};
    struct dataset *ds = NULL;
    struct feedback *f = NULL;
    struct train_view tv = {0};
    struct itemset_stats stats;
    double seconds[ROUNDS_MAX], cpu = 0;
    AKIN_TRY(dataset_load(ctx, w->data, &ds, err));
    AKIN_TRY(feedback_create(ctx, &plain, &ds->types, dataset_newest(ds), &f, err));
    AKIN_TRY(train_view_build(ctx, ds, f, NULL, &tv, err));
    AKIN_TRY(
        itemsets_min_count(w->min_support, itemsets_baskets(&tv.by_user), &w->spec.min_count, err));
    for (int64_t i = 0; i < w->rounds; i++) {
        struct list list = {.ctx = ctx};
        int64_t start = clock_ns();
        cpu -= cpu_seconds();
        AKIN_TRY(itemsets_mine(ctx, &tv.by_user, &tv.by_item, &w->spec,
                               w->is_list ? list_add : NULL, &list, &stats, err));
        seconds[i] = (double)(clock_ns() - start) * 1e-9;
        cpu += cpu_seconds();
        mem_free(ctx, list.numbers);
    }
    qsort(seconds, (size_t)w->rounds, sizeof *seconds, by_value);
    printf("{\"itemsets\":%lld,\"longest\":%d,\"min_count\":%lld,\"seconds\":%.6f,"
           "\"cpu_seconds\":%.6f,\"peak_bytes\":%lld}\n",
           (long long)stats.n, stats.longest, (long long)w->spec.min_count, seconds[w->rounds / 2],
           cpu / (double)w->rounds, (long long)mem_peak(ctx->mem));
done:
    train_view_free(&tv);
    feedback_free(f);
    dataset_free(ds);
    return status;
}

static int usage(void)
{
    fprintf(stderr, "usage: itemsets DATA.akin MIN_SUPPORT [--kind K] [--method M] [--list 1] "
                    "[--rounds N] [--threads N]\n");
    return 2;
}

int main(int argc, char **argv)
{
    akin_ctx *ctx = NULL;
    akin_error err = {0};
    struct work w = {.threads = 1, .rounds = 3};
    if (argc < 3 || argc % 2 == 0)
        return usage();
    w.data = argv[1];
    w.min_support = strtod(argv[2], NULL);
    for (int i = 3; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--kind") == 0)
            w.spec.kind = (enum itemset_kind)param_choice_index(ITEMSET_KIND_CHOICES, argv[i + 1]);
        else if (strcmp(argv[i], "--method") == 0)
            w.spec.method =
                (enum itemset_method)param_choice_index(ITEMSET_METHOD_CHOICES, argv[i + 1]);
        else if (strcmp(argv[i], "--list") == 0)
            w.is_list = strcmp(argv[i + 1], "0") != 0;
        else if (strcmp(argv[i], "--rounds") == 0)
            w.rounds = strtoll(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--threads") == 0)
            w.threads = strtoll(argv[i + 1], NULL, 10);
        else
            return usage();
    }
    if (w.rounds < 1 || w.rounds > ROUNDS_MAX)
        return usage();
    akin_status status = ctx_create(w.threads, 42, 0, &ctx, &err);
    if (status == AKIN_OK)
        status = kern_select(ctx, NULL, &err);
    if (status == AKIN_OK)
        status = bench(ctx, &w, &err);
    if (status != AKIN_OK)
        fprintf(stderr, "%s\n", err.message);
    if (ctx)
        ctx_free(ctx);
    return status == AKIN_OK ? 0 : 1;
}
