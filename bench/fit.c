/*
 * Benchmark: what a library call of a peer takes, stage by stage: the matrices, the fit with each
 * of its epochs, lists for all users. No process start, no files. JSON on stdout.
 *
 *   fit DATA.akin MODEL [--params JSON] [--feedback JSON] [--lists K] [--rounds N] [--threads N]
 *
 * With --lists K all users are ranked (seen items left out) `rounds` times, in blocks as
 * `akin recommend --all` does it.
 */
#include "core/json.h"
#include "core/par.h"
#include "kern/kern.h"
#include "models/model.h"
#include "rank/rank.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BLOCK = 2048, EPOCHS_MAX = 1000, ROUNDS_MAX = 99 };

struct watch {
    int64_t last;
    double last_cpu;
    int64_t n;
    double seconds[EPOCHS_MAX];
    double cpu[EPOCHS_MAX];
    double loss[EPOCHS_MAX];
};

struct work {
    const char *data, *model;
    json_t *params, *feedback;
    int64_t threads, rounds, k;
    struct watch watch;
};

/* Of all threads: what the work costs even where other programs share the cores. */
static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void print_list(const char *name, const double *x, int64_t n)
{
    printf(",\"%s\":[", name);
    for (int64_t i = 0; i < n; i++)
        printf("%s%.9g", i ? "," : "", x[i]);
    printf("]");
}

static akin_status on_epoch(void *arg, struct model *m, int64_t epoch, double loss, bool *stop,
                            akin_error *err)
{
    struct watch *w = arg;
    int64_t now = clock_ns();
    double cpu = cpu_seconds();
    (void)m;
    (void)epoch;
    (void)stop;
    (void)err;
    if (w->n < EPOCHS_MAX) {
        w->seconds[w->n] = (double)(now - w->last) * 1e-9;
        w->cpu[w->n] = cpu - w->last_cpu;
        w->loss[w->n++] = loss;
    }
    w->last_cpu = cpu;
    w->last = clock_ns();
    return AKIN_OK;
}

/* Lists of all users, block by block; the checksum keeps the work honest. */
static akin_status list_all(akin_ctx *ctx, struct ranker *r, const struct model *m, int64_t k,
                            int64_t *sum, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct query *queries = NULL;
    struct ranked *lists = NULL;
    int32_t *counts = NULL;
    const struct rank_options opt = {.k = (int32_t)k};
    MEM_NEW(ctx, queries, BLOCK);
    MEM_NEW(ctx, counts, BLOCK);
    MEM_NEW(ctx, lists, BLOCK * k);
    for (int64_t lo = 0; lo < m->users.n; lo += BLOCK) {
        int64_t n = m->users.n - lo < BLOCK ? m->users.n - lo : BLOCK;
        for (int64_t i = 0; i < n; i++)
            queries[i] = model_query_user(m, (int32_t)(lo + i));
        AKIN_TRY(rank_lists(r, queries, n, &opt, lists, counts, err));
        for (int64_t i = 0; i < n; i++)
            *sum += counts[i] > 0 ? lists[i * k].item : 0;
    }
done:
    mem_free(ctx, queries);
    mem_free(ctx, lists);
    mem_free(ctx, counts);
    return status;
}

static akin_status bench_lists(akin_ctx *ctx, const struct work *w, const struct model *m,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    struct ranker *r = NULL;
    struct scorer scorer = model_scorer(m);
    int64_t sum = 0;
    double seconds[ROUNDS_MAX], cpu[ROUNDS_MAX];
    for (int64_t i = 0; i < w->rounds; i++) {
        int64_t start = clock_ns();
        cpu[i] = -cpu_seconds();
        AKIN_TRY(ranker_create(ctx, &scorer, &r, err));
        AKIN_TRY(list_all(ctx, r, m, w->k, &sum, err));
        seconds[i] = (double)(clock_ns() - start) * 1e-9;
        cpu[i] += cpu_seconds();
        ranker_free(r);
        r = NULL;
    }
    print_list("lists_seconds", seconds, w->rounds);
    print_list("lists_cpu_seconds", cpu, w->rounds);
    printf(",\"lists_sum\":%lld", (long long)sum);
done:
    ranker_free(r);
    return status;
}

static void print_epochs(const struct watch *w)
{
    if (w->n == 0)
        return;
    print_list("epoch_seconds", w->seconds, w->n);
    print_list("epoch_cpu_seconds", w->cpu, w->n);
    if (isfinite(w->loss[0]))
        print_list("loss", w->loss, w->n);
}

static akin_status bench(akin_ctx *ctx, struct work *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct model_class *cls;
    struct arena arena;
    struct feedback_params rule;
    struct feedback *f = NULL;
    struct dataset *ds = NULL;
    struct model *m = NULL;
    struct train_view tv = {0};
    arena_init(&arena, ctx);
    AKIN_TRY(model_class_get(w->model, &cls, err));
    AKIN_TRY(dataset_load(ctx, w->data, &ds, err));
    AKIN_TRY(param_parse("feedback", feedback_param_rows, feedback_n_params, w->feedback, &arena,
                         &rule, err));
    AKIN_TRY(model_create(ctx, cls, w->params, &m, err));
    int64_t start = clock_ns();
    AKIN_TRY(feedback_create(ctx, &rule, &ds->types, dataset_newest(ds), &f, err));
    AKIN_TRY(train_view_build(ctx, ds, f, NULL, &tv, err));
    int64_t viewed = clock_ns();
    double cpu = cpu_seconds();
    w->watch.last = viewed;
    w->watch.last_cpu = cpu;
    struct fit_control ctl = {.arg = &w->watch, .epoch = on_epoch};
    AKIN_TRY(model_fit(m, &tv, &ctl, err));
    int64_t fitted = clock_ns();
    cpu = cpu_seconds() - cpu;
    printf("{\"bench\":\"fit\",\"model\":\"%s\",\"isa\":\"%s\",\"threads\":%d,\"users\":%d,"
           "\"items\":%d,\"nnz\":%lld,\"view_seconds\":%.4f,\"fit_seconds\":%.4f,"
           "\"fit_cpu_seconds\":%.4f",
           w->model, ctx->kern->isa, par_workers(ctx), m->users.n, m->items.n,
           (long long)tv.by_user.ptr[m->users.n], (double)(viewed - start) * 1e-9,
           (double)(fitted - viewed) * 1e-9, cpu);
    print_epochs(&w->watch);
    if (w->k > 0)
        AKIN_TRY(bench_lists(ctx, w, m, err));
    printf(",\"peak_bytes\":%lld}\n", (long long)mem_peak(ctx->mem));
done:
    model_free(m);
    train_view_free(&tv);
    feedback_free(f);
    dataset_free(ds);
    arena_free(&arena);
    return status;
}

static akin_status parse(int argc, char **argv, struct work *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (argc < 3 || argc % 2 == 0)
        AKIN_FAIL(AKIN_E_ARG, "usage: fit DATA.akin MODEL [--params JSON] [--feedback JSON] "
                              "[--lists K] [--rounds N] [--threads N]");
    w->data = argv[1];
    w->model = argv[2];
    for (int i = 3; i < argc; i += 2) {
        const char *value = argv[i + 1];
        if (strcmp(argv[i], "--params") == 0)
            AKIN_TRY(json_parse("--params", value, strlen(value), &w->params, err));
        else if (strcmp(argv[i], "--feedback") == 0)
            AKIN_TRY(json_parse("--feedback", value, strlen(value), &w->feedback, err));
        else if (strcmp(argv[i], "--lists") == 0)
            w->k = strtoll(value, NULL, 10);
        else if (strcmp(argv[i], "--rounds") == 0)
            w->rounds = strtoll(value, NULL, 10);
        else if (strcmp(argv[i], "--threads") == 0)
            w->threads = strtoll(value, NULL, 10);
        else
            AKIN_FAIL(AKIN_E_ARG, "unknown option %s", argv[i]);
    }
    if (w->k < 0 || w->k > 100000 || w->rounds < 1 || w->rounds > ROUNDS_MAX)
        AKIN_FAIL(AKIN_E_ARG, "--lists must be 0..100000, --rounds 1..%d", ROUNDS_MAX);
    if (!w->feedback)
        w->feedback = json_object();
done:
    return status;
}

int main(int argc, char **argv)
{
    akin_status status = AKIN_OK;
    akin_error error = {0};
    akin_error *err = &error;
    akin_ctx *ctx = NULL;
    struct work w = {.rounds = 1};
    AKIN_TRY(parse(argc, argv, &w, err));
    AKIN_TRY(ctx_create(w.threads, 42, 0, &ctx, err));
    AKIN_TRY(kern_select(ctx, NULL, err));
    AKIN_TRY(bench(ctx, &w, err));
done:
    if (status != AKIN_OK)
        fprintf(stderr, "fit: %s\n", error.message);
    json_decref(w.params);
    json_decref(w.feedback);
    ctx_free(ctx);
    return status == AKIN_OK ? 0 : 1;
}
