/* What jobs*.c and job_steps.c share. */
#ifndef AKIN_LIVE_JOBS_IMPL_H
#define AKIN_LIVE_JOBS_IMPL_H

#include "live/jobs.h"

struct jobs {
    struct live *l;
    char *program; /* owned */
    int stop_fd;   /* an eventfd: can be read while the running child shall end */
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;         /* clock: monotonic */
    struct job *kept[JOBS_KEPT]; /* by id, ascending; owned */
    int n_kept;
    int64_t next_id;
    struct job *running; /* NULL = none */
    bool is_stopping;
    int64_t n_ended[JOB_STATES];
    _Atomic int64_t wake_at; /* number of events that makes a trigger due */
};

/* jobs.c; all under the lock */
akin_status jobs_add(struct jobs *j, const struct job_kind *kind, const char *model, int64_t k,
                     struct job **out, akin_error *err);
void jobs_end(struct jobs *j, struct job *job, enum job_state state, const char *message);
/* Writes the file; what fails is logged. */
void jobs_note(struct jobs *j);
/* The child of the running job ends. */
void jobs_stop_child(struct jobs *j);

/* jobs_json.c */
void job_json(struct jw *jw, const struct job *job);
/* The kept jobs to the file and back; what was open then is cancelled. Under the lock. */
akin_status jobs_save(struct jobs *j, akin_error *err);
akin_status jobs_load(struct jobs *j, akin_error *err);
const struct job_kind *job_kind_find(const char *name);

#endif
