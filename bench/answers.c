/*
 * Benchmark: answers of the engine without HTTP. Threads with a slot each ask live_recommend for
 * users drawn evenly, lists as JSON. JSON on stdout: answers a second, of one and of all threads.
 *
 *   answers MODEL.akin [--threads 2] [--seconds 5] [--k 10] [--users 60000] [--cache BYTES]
 */
#include "core/ctx.h"
#include "core/par.h"
#include "core/rng.h"
#include "kern/kern.h"
#include "live/live.h"

#include <pthread.h>
#include <string.h>

enum { THREADS = 64 };

struct asker {
    struct live *live;
    int64_t index, k, users, ns;
    int64_t answers, bytes, cpu_ns;
    akin_status status;
    akin_error error;
    pthread_t thread;
};

/* Of the calling thread: holds where other programs use the machine. */
static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void *asker_main(void *arg)
{
    struct asker *a = arg;
    akin_status status = AKIN_OK;
    akin_error *err = &a->error;
    struct live_slot *slot = NULL;
    struct buf out = {0};
    char user[24];
    struct rng rng = rng_make(42, RNG_TEST, (uint64_t)a->index);
    akin_ctx *ctx = NULL;
    AKIN_TRY(ctx_create(1, 1, 0, &ctx, err));
    buf_init(&out, ctx);
    AKIN_TRY(live_slot_create(a->live, &slot, err));
    int64_t cpu = cpu_ns();
    for (int64_t start = clock_ns(); clock_ns() - start < a->ns; a->answers++) {
        struct live_query q = {.user_id = user, .k = a->k};
        snprintf(user, sizeof user, "%lld", (long long)rng_below(&rng, (uint64_t)a->users) + 1);
        buf_clear(&out);
        AKIN_TRY(live_recommend(slot, &q, &out, err));
        a->bytes += out.size;
    }
    a->cpu_ns = cpu_ns() - cpu;
done:
    a->status = status;
    live_slot_free(slot);
    if (ctx)
        buf_free(&out);
    ctx_free(ctx);
    return NULL;
}

static akin_status ask(struct asker *askers, int64_t n, const struct asker *like, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t started = 0, answers = 0, bytes = 0, cpu = 0;
    for (; started < n; started++) {
        askers[started] = *like;
        askers[started].index = started;
        if (pthread_create(&askers[started].thread, NULL, asker_main, &askers[started]) != 0)
            break;
    }
    for (int64_t i = 0; i < started; i++) {
        pthread_join(askers[i].thread, NULL);
        answers += askers[i].answers;
        bytes += askers[i].bytes;
        cpu += askers[i].cpu_ns;
        if (askers[i].status != AKIN_OK)
            AKIN_FAIL(askers[i].status, "%s", askers[i].error.message);
    }
    double rate = (double)answers / ((double)like->ns / 1e9);
    printf("\"threads\":%lld,\"answers_per_second\":%.0f,\"seconds_per_million\":%.3f,"
           "\"cpu_seconds_per_million\":%.3f,\"bytes_per_answer\":%.0f",
           (long long)started, rate, rate > 0 ? 1e6 / rate : 0,
           answers ? (double)cpu / (double)answers / 1e3 : 0,
           answers ? (double)bytes / (double)answers : 0);
done:
    return status;
}

static int64_t option(int argc, char **argv, const char *name, int64_t otherwise)
{
    for (int i = 2; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0)
            return strtoll(argv[i + 1], NULL, 10);
    }
    return otherwise;
}

static akin_status run(akin_ctx *ctx, int argc, char **argv, akin_error *err)
{
    akin_status status = AKIN_OK;
    static struct asker askers[THREADS];
    struct live_params params = {.max_items = 5000000,
                                 .max_overlay = 20000000,
                                 .max_k = 1000,
                                 .max_history = 2000,
                                 .max_batch = 1000,
                                 .cache_bytes = option(argc, argv, "--cache", 0)};
    const struct live_options options = {.params = &params, .seed = 42};
    int64_t threads = option(argc, argv, "--threads", 2);
    struct asker like = {.k = option(argc, argv, "--k", 10),
                         .users = option(argc, argv, "--users", 60000),
                         .ns = option(argc, argv, "--seconds", 5) * 1000000000};
    if (argc < 2 || threads < 1 || threads > THREADS || like.users < 1 || like.ns <= 0)
        AKIN_FAIL(AKIN_E_ARG, "MODEL.akin [--threads 1..%d] [--seconds N] [--k N] [--users N]",
                  THREADS);
    AKIN_TRY(live_create(ctx, &options, &like.live, err));
    AKIN_TRY(live_model_load(like.live, "model", argv[1], err));
    AKIN_TRY(live_start(like.live, err));
    printf("{\"bench\":\"answers\",\"cache_bytes\":%lld,\"one\":{", (long long)params.cache_bytes);
    AKIN_TRY(ask(askers, 1, &like, err));
    printf("},");
    AKIN_TRY(ask(askers, threads, &like, err));
    printf("}\n");
done:
    live_free(like.live);
    return status;
}

int main(int argc, char **argv)
{
    akin_status status = AKIN_OK;
    akin_error error;
    akin_error *err = &error;
    akin_ctx *ctx = NULL;
    AKIN_TRY(ctx_create(0, 1, 0, &ctx, err));
    AKIN_TRY(kern_select(ctx, NULL, err));
    AKIN_TRY(run(ctx, argc, argv, err));
done:
    if (status != AKIN_OK)
        fprintf(stderr, "answers: %s\n", error.message);
    ctx_free(ctx);
    return status == AKIN_OK ? 0 : 1;
}
