/*
 * Jobs: long work beside the answers, one at a time, in a thread of its own. Inside of live/.
 *
 * queued → running → done | failed | cancelled. A kind of job is a row of job_kinds and a function
 * that goes through steps; most steps run the program itself as a child. What a job leaves behind
 * in the middle lies in one work folder, which is emptied before and after each.
 *
 * Lock: jobs->lock comes before all of engine.h; no kind holds it while it works.
 */
#ifndef AKIN_LIVE_JOBS_H
#define AKIN_LIVE_JOBS_H

#include "live/engine.h"

#include <limits.h>

enum {
    JOBS_KEPT = 100,    /* the last ones, ended or not */
    JOBS_OPEN = 16,     /* queued or running at most */
    JOB_TEXT = 512,     /* of a message */
    JOB_GRACE_MS = 5000 /* a child has it between SIGTERM and SIGKILL */
};

enum job_state { JOB_QUEUED, JOB_RUNNING, JOB_DONE, JOB_FAILED, JOB_CANCELLED, JOB_STATES };

struct job_run;
/* Keys of POST /v1/jobs beside `kind`. */
struct job_params {
    const char *model; /* NULL = the default */
    int64_t k;
};
struct job_kind {
    const char *name;
    /* Whether it could run at all: told to who asks for it. model: never NULL. */
    akin_status (*check)(struct live *l, const char *model, akin_error *err);
    akin_status (*run)(struct job_run *r, akin_error *err);
};

struct job {
    int64_t id;
    const struct job_kind *kind;
    char model[64];
    int64_t k;
    enum job_state state;
    bool is_unwanted; /* cancelled while it runs */
    char stage[32];
    double progress;                 /* 0..1 */
    int64_t created, started, ended; /* Unix seconds, 0 = not yet */
    char message[JOB_TEXT];
    json_t *result; /* owned, NULL = none */
};

struct jobs;
/* program: path of akin, borrowed. Reads what is kept of earlier jobs. The thread is not there yet.
 */
akin_status jobs_create(struct live *l, const char *program, struct jobs **out, akin_error *err);
akin_status jobs_start(struct jobs *j, akin_error *err);
/* Stops the child, cancels what is open, joins the thread; what asks about jobs still may. NULL
 * allowed, here and below. */
void jobs_stop(struct jobs *j);
void jobs_free(struct jobs *j);
/* Number and kind of the job that runs, 0 = none. Any thread. */
int64_t jobs_running(struct jobs *j, const char **kind);
/* When the last retrain of a model began, Unix seconds; 0 = none is kept. */
int64_t jobs_last_retrain(struct jobs *j, const char *model);
/* So many events are known: a trigger may be due. Cheap; any thread. */
void jobs_note_events(struct jobs *j, int64_t n_events);

/* ---- For kinds ---- */

struct job_run {
    struct live *l;
    struct jobs *jobs;
    const struct job *job; /* fields that do not change */
    struct arena *arena;   /* of this run */
    char work[PATH_MAX];   /* the folder */
    double lo, hi;         /* of the stage's progress */
    json_t *result;        /* the kind's, owned by the run */
};
/* What is done is done up to `lo`; the stage ends at `hi`. Fails: E_CANCELLED. */
akin_status job_stage(struct job_run *r, const char *stage, double lo, double hi, akin_error *err);

/* An argument list in an arena; failures stick until job_child. */
struct job_args {
    struct arena *arena;
    char **v;
    int n, cap;
    bool has_failed;
};
void job_args_init(struct job_args *a, struct arena *arena);
void job_arg(struct job_args *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
void job_option(struct job_args *a, const char *name, const char *value); /* --name value */
/* Every key of an object as an option (`--a-b value`), or with `--set` as key=value; null is left
 * out. Fails: E_UNSUPPORTED (a value that no command line can say). */
akin_status job_options(struct job_args *a, const json_t *object, bool is_set, akin_error *err);

/* Runs the program with the arguments and --json; *answer (may be NULL): what it printed, for the
 * caller. Fails: as it did, with its last words; E_CANCELLED. */
akin_status job_child(struct job_run *r, struct job_args *a, json_t **answer, akin_error *err);

extern const struct job_kind job_retrain, job_export;

#endif
