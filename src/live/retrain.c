/*
 * Retraining: configuration and triggers.
 *
 * A trigger counts from the begin of the last retrain, promoted or not, so that a candidate that is
 * refused is not trained again at once. At a start all events after the watermark of the oldest
 * model count as new.
 */
#include "live/retrain.h"

#include "core/param.h"
#include "data/split.h"
#include "live/jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define P struct retrain_params
static const akin_param retrain_rows[] = {
    PARAM_TEXT(P, dir, NULL, AKIN_PARAM_REQUIRED, "folder of artifacts, exports and work"),
    PARAM_TEXT(P, base, NULL, 0, "dataset file the model came from; none: the store alone"),
    PARAM_LIST(P, model, NULL, 0, "names of models that the triggers retrain; the default one"),
    PARAM_TEXT(P, every, NULL, 0, "schedule: seconds, or with a unit as 30m, 24h, 7d"),
    PARAM_INT(P, after_events, "0", 0, 1e12, "events", 0,
              "retrain after so many new ones, 0 = off"),
    PARAM_TEXT(P, metric, "ndcg@10", 0, "what decides"),
    PARAM_TEXT(P, holdout, "time:0.1", 0, "events that decide, as akin split --by"),
    PARAM_REAL(P, tolerance, "0", 0, 1e6, "", 0, "how much worse may still be promoted"),
    PARAM_CHOICE(P, floor, "popular", "popular|none", 0,
                 "what a candidate must reach where it has no other opponent"),
    PARAM_INT(P, keep, "3", 1, 1000, "", 0, "newest artifacts, and exports, of a model"),
    PARAM_INT(P, threads, "0", 0, 1024, "", 0, "of a child, 0 = all cores"),
    PARAM_SIZE(P, memory, "0", 0, 1e15, 0, "limit of a child, 0 = none"),
    PARAM_MAP(P, prepare, 0, "keys of akin prepare, over those the base was made with"),
    PARAM_MAP(P, candidates, 0, "NAME: {type, key: value}: what is trained instead of the same"),
};
#undef P

/* ---- Configuration ---- */

/* "86400", "24h": nanoseconds. */
static akin_status parse_every(const char *text, int64_t *out, akin_error *err)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    akin_status status = AKIN_OK;
    char *end;
    double value = strtod(text, &end), seconds = 0;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(end, units[i].unit) == 0)
            seconds = value * units[i].seconds;
    if (end == text || !(seconds >= 1) || seconds > 1e9)
        AKIN_FAIL(AKIN_E_ARG, "serve: retrain: every=%.40s (must be 1s..31y, as 3600, 30m or 24h)",
                  text);
    *out = (int64_t)(seconds * 1e9);
done:
    return status;
}

static akin_status check_names(const struct retrain *t, akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *value;
    size_t i;
    const char *key;
    json_array_foreach(t->p.model, i, value)
        if (!json_is_string(value) || !retrain_name_is_safe(json_string_value(value)))
            AKIN_FAIL(AKIN_E_ARG,
                      "serve: retrain: model: a name of letters, digits, . _ -, please");
    json_object_foreach(t->p.candidates, key, value)
        if (!json_is_object(value))
            AKIN_FAIL(AKIN_E_ARG, "serve: retrain: candidates: %.60s must be {type, key: value}",
                      key);
done:
    return status;
}

static akin_status parse(struct retrain *t, const json_t *config, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct split_spec split;
    AKIN_TRY(param_parse("serve: retrain", retrain_rows, PARAM_COUNT(retrain_rows), config,
                         &t->arena, &t->p, err));
    if (t->p.every)
        AKIN_TRY(parse_every(t->p.every, &t->every_ns, err));
    AKIN_TRY(split_parse(t->p.holdout, &split, err));
    if ((t->p.every || t->p.after_events) && !t->p.base)
        AKIN_FAIL(AKIN_E_ARG, "serve: retrain: base is missing: the dataset file that the model "
                              "came from (base: none takes the store's events alone)");
    AKIN_TRY(check_names(t, err));
done:
    return status;
}

/* One server a folder. */
static akin_status lock_folder(struct retrain *t, akin_error *err)
{
    akin_status status = AKIN_OK;
    char path[PATH_MAX];
    AKIN_TRY(retrain_path(t, path, err, "work"));
    AKIN_TRY(file_mkdirs(path, err));
    AKIN_TRY(retrain_path(t, path, err, "exports"));
    AKIN_TRY(file_mkdirs(path, err));
    t->lock_fd = open(t->p.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (t->lock_fd < 0)
        AKIN_FAIL(AKIN_E_IO, "serve: retrain: dir=%.150s: %s", t->p.dir, strerror(errno));
    if (flock(t->lock_fd, LOCK_EX | LOCK_NB) != 0)
        AKIN_FAIL(errno == EWOULDBLOCK ? AKIN_E_LIMIT : AKIN_E_IO,
                  "serve: retrain: dir=%.150s: another server uses it", t->p.dir);
done:
    return status;
}

akin_status retrain_create(akin_ctx *ctx, const json_t *config, struct retrain **out,
                           akin_error *err)
{
    akin_status status = AKIN_OK;
    struct retrain *t = NULL;
    MEM_ZERO(ctx, t, 1);
    t->ctx = ctx;
    t->lock_fd = -1;
    arena_init(&t->arena, ctx);
    pthread_mutex_init(&t->note_lock, NULL);
    AKIN_TRY(parse(t, config, err));
    AKIN_TRY(lock_folder(t, err));
    AKIN_TRY(retrain_sweep(t, err));
    if (t->p.base && strcmp(t->p.base, "none") != 0 && !file_exists(t->p.base))
        log_write(ctx, AKIN_LOG_WARN, "serve: retrain: base=%s: there is no such file", t->p.base);
    *out = t;
    t = NULL;
done:
    retrain_free(t);
    return status;
}

void retrain_free(struct retrain *t)
{
    if (!t)
        return;
    if (t->lock_fd >= 0)
        close(t->lock_fd);
    pthread_mutex_destroy(&t->note_lock);
    arena_free(&t->arena);
    mem_free(t->ctx, t);
}

/* ---- Triggers ---- */

/* A schedule goes on over restarts: a server that is started anew every night retrains too. */
static int64_t since_last_ns(struct live *l, const char *model, int64_t most)
{
    int64_t last = l->jobs ? jobs_last_retrain(l->jobs, model) : 0;
    int64_t seconds = last > 0 ? live_now() - last : 0;
    return seconds <= 0 ? 0 : seconds > most / 1000000000 ? most : seconds * 1000000000;
}

static void arm(const struct retrain *t, struct trigger *g, int64_t now_ns, int64_t n_events)
{
    g->at_ns = t->every_ns ? now_ns + t->every_ns : INT64_MAX;
    g->at_events = t->p.after_events ? n_events + t->p.after_events : INT64_MAX;
}

akin_status retrain_arm(struct live *l, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct retrain *t = l->retrain;
    struct generation *g = NULL;
    int n = t->p.model ? (int)json_array_size(t->p.model) : 1;
    if (!t->every_ns && !t->p.after_events)
        goto done;
    t->triggers = arena_alloc(&t->arena, n, sizeof *t->triggers, err);
    if (!t->triggers)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int i = 0; i < n; i++) {
        const char *name = json_string_value(json_array_get(t->p.model, (size_t)i));
        AKIN_TRY(generation_get(l, name, &g, err));
        t->triggers[i].model = arena_strndup(&t->arena, g->name, strlen(g->name), err);
        generation_put(l, g);
        if (!t->triggers[i].model)
            AKIN_TRY(AKIN_E_MEMORY);
        const char *model = t->triggers[i].model;
        arm(t, &t->triggers[i], clock_ns() - since_last_ns(l, model, t->every_ns), 0);
    }
    t->n_triggers = n;
done:
    return status;
}

const char *retrain_due(struct live *l, int64_t now_ns, int64_t n_events, int64_t *at_ns,
                        int64_t *at_events)
{
    struct retrain *t = l->retrain;
    *at_ns = *at_events = INT64_MAX;
    for (int i = 0; i < t->n_triggers; i++) {
        struct trigger *g = &t->triggers[i];
        if (g->at_ns <= now_ns || g->at_events <= n_events) {
            arm(t, g, now_ns, n_events);
            return g->model;
        }
        *at_ns = g->at_ns < *at_ns ? g->at_ns : *at_ns;
        *at_events = g->at_events < *at_events ? g->at_events : *at_events;
    }
    return NULL;
}
