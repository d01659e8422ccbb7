/*
 * Benchmark: raw SOURCE → cleaned, indexed dataset → CSR both ways, in memory, without the durable
 * file that `akin prepare` writes. JSON on stdout: seconds of each stage, counts, peak of memory.
 *
 *   ingest SOURCE [--threads N]
 */
#include "core/json.h"
#include "core/par.h"
#include "data/prepare.h"
#include "data/view.h"
#include "kern/kern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Of all threads: what the work costs even where other programs share the cores. */
static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static akin_status ingest(akin_ctx *ctx, const char *source, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct arena arena;
    struct prepare_params p;
    struct feedback_params rule;
    struct feedback *f = NULL;
    struct dataset *ds = NULL;
    struct train_view tv = {0};
    json_t *keys = json_pack("{s:[s]}", "source", source);
    json_t *none = json_object();
    arena_init(&arena, ctx);
    double cpu = cpu_seconds();
    int64_t start = clock_ns();
    AKIN_TRY(param_parse("prepare", prepare_param_rows, prepare_n_params, keys, &arena, &p, err));
    AKIN_TRY(dataset_prepare(ctx, &p, clock_unix(), &ds, NULL, err));
    int64_t prepared = clock_ns();
    AKIN_TRY(
        param_parse("feedback", feedback_param_rows, feedback_n_params, none, &arena, &rule, err));
    AKIN_TRY(feedback_create(ctx, &rule, &ds->types, dataset_newest(ds), &f, err));
    AKIN_TRY(train_view_build(ctx, ds, f, NULL, &tv, err));
    int64_t viewed = clock_ns();
    printf("{\"bench\":\"ingest\",\"threads\":%d,\"seconds\":%.4f,\"cpu_seconds\":%.4f,"
           "\"prepare_seconds\":%.4f,"
           "\"view_seconds\":%.4f,\"events\":%lld,\"users\":%d,\"items\":%d,\"nnz\":%lld,"
           "\"peak_bytes\":%lld}\n",
           par_workers(ctx), (double)(viewed - start) * 1e-9, cpu_seconds() - cpu,
           (double)(prepared - start) * 1e-9, (double)(viewed - prepared) * 1e-9,
           (long long)ds->n_events, ds->users.n, ds->items.n,
           (long long)tv.by_user.ptr[ds->users.n], (long long)mem_peak(ctx->mem));
done:
    train_view_free(&tv);
    feedback_free(f);
    dataset_free(ds);
    arena_free(&arena);
    json_decref(keys);
    json_decref(none);
    return status;
}

int main(int argc, char **argv)
{
    akin_status status = AKIN_OK;
    akin_error error = {0};
    akin_error *err = &error;
    akin_ctx *ctx = NULL;
    int64_t threads = 0;
    if (argc == 4 && strcmp(argv[2], "--threads") == 0)
        threads = strtoll(argv[3], NULL, 10);
    else if (argc != 2) {
        fprintf(stderr, "usage: ingest SOURCE [--threads N]\n");
        return 2;
    }
    AKIN_TRY(ctx_create(threads, 1, 0, &ctx, err));
    AKIN_TRY(kern_select(ctx, NULL, err));
    AKIN_TRY(ingest(ctx, argv[1], err));
done:
    if (status != AKIN_OK)
        fprintf(stderr, "ingest: %s\n", error.message);
    ctx_free(ctx);
    return status == AKIN_OK ? 0 : 1;
}
