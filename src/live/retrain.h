/*
 * Retraining: its configuration, its folder, when it is due. Inside of live/.
 *
 * The folder: NAME-<time>.akin (artifacts), NAME.serving (which one of them is served: a promotion
 * outlives a restart), exports/, jobs.json, work/ (of the running job; emptied at every start).
 */
#ifndef AKIN_LIVE_RETRAIN_H
#define AKIN_LIVE_RETRAIN_H

#include "core/file.h"
#include "live/engine.h"

#include <limits.h>

/* What decides where there is no other opponent. */
enum retrain_floor { FLOOR_POPULAR, FLOOR_NONE };

/* Keys of `serve: retrain:`. */
struct retrain_params {
    const char *dir;
    const char *base;     /* dataset file the model came from, "none" = the store alone */
    json_t *model;        /* names; NULL = the default */
    const char *every;    /* "24h"; NULL = no schedule */
    int64_t after_events; /* 0 = off */
    const char *metric, *holdout;
    double tolerance;
    int64_t floor; /* enum retrain_floor */
    int64_t keep, threads, memory;
    json_t *prepare;    /* keys of prepare, over those of the base */
    json_t *candidates; /* name → {type, key: value} in place of the card's */
};

struct trigger {
    const char *model;
    int64_t at_ns;     /* of the schedule, INT64_MAX = none */
    int64_t at_events; /* INT64_MAX = none */
};

struct retrain {
    akin_ctx *ctx;
    struct arena arena;
    struct retrain_params p;
    int64_t every_ns; /* 0 = none */
    int lock_fd;      /* of the folder, locked */
    struct trigger *triggers;
    int n_triggers;
    pthread_mutex_t note_lock; /* of NAME.serving */
    _Atomic int64_t n_promoted, n_refused;
};

/* config: borrowed. Makes the folder, locks it, clears what a killed process left. */
akin_status retrain_create(akin_ctx *ctx, const json_t *config, struct retrain **out,
                           akin_error *err);
void retrain_free(struct retrain *t);
/* Sets the triggers going. Once, when the models are loaded. */
akin_status retrain_arm(struct live *l, akin_error *err);
/* The model whose retrain is due, which is armed anew, or NULL; *at_ns and *at_events: the next. */
const char *retrain_due(struct live *l, int64_t now_ns, int64_t n_events, int64_t *at_ns,
                        int64_t *at_events);

/* retrain_files.c */
bool retrain_name_is_safe(const char *name);
/* The same of a job's model. Fails: E_UNSUPPORTED. */
akin_status retrain_name_check(const char *job, const char *model, akin_error *err);
/* DIR/rest into out (PATH_MAX). */
akin_status retrain_path(const struct retrain *t, char *out, akin_error *err, const char *format,
                         ...) __attribute__((format(printf, 4, 5)));
/* Empties work/. */
akin_status retrain_clear(const struct retrain *t, akin_error *err);
/* Removes what a killed process may have left. */
akin_status retrain_sweep(const struct retrain *t, akin_error *err);
/* from (in work/) becomes DIR/[exports/]NAME-<time>.<ext>, durable; its path into out (PATH_MAX).
 */
akin_status retrain_keep(const struct retrain *t, const char *from, const char *folder,
                         const char *name, const char *ext, char *out, akin_error *err);
/* Deletes the older ones of a name but the newest `keep`, and none that a generation holds. */
akin_status retrain_prune(struct live *l, const char *folder, const char *name, const char *ext,
                          akin_error *err);
/* The kept files of every name that no generation holds; left: so many newer ones of the name, and
 * it goes. fn: under no lock. */
typedef void (*retrain_kept_fn)(void *arg, const char *path, const char *name, int left);
akin_status retrain_each(struct live *l, const char *folder, const char *ext, retrain_kept_fn fn,
                         void *arg, akin_error *err);
/* Notes which file serves the name from now on; what fails is logged. */
void retrain_remember(struct live *l, const char *name);
/* Loads what was promoted before, unless the configured file was trained later. */
void retrain_resume(struct live *l);

#endif
