/* A retrain under way: what its files share. Inside of live/. */
#ifndef AKIN_LIVE_RETRAIN_GATE_H
#define AKIN_LIVE_RETRAIN_GATE_H

#include "live/jobs.h"
#include "live/retrain.h"

/* A class and its parameters: what a training needs besides data. */
struct recipe {
    const char *type;
    json_t *params; /* owned */
};

struct retraining {
    struct job_run *r;
    const struct retrain *t;
    const char *model;
    /* of the generation that serves */
    json_t *card;     /* owned */
    const char *path; /* of its file, in the arena */
    int64_t generation, now, loaded;
    struct recipe served, candidate;
    json_t *feedback; /* owned; keys of feedback, the same for all that compete */
    /* of the data */
    int64_t n_events, n_held; /* all, held out */
    int64_t oldest_held;      /* time, INT64_MAX = no instants */
    char holdout[48];         /* the split that was made */
    /* of the gate */
    json_t *result; /* owned: the job's */
    bool is_better;
};

/* An argument list that begins with the program, the command and what every child gets. */
void retrain_args(struct retraining *x, struct job_args *a, const char *command);
/* work/NAME, in the arena; "" on lack of memory, which job_child tells. */
const char *retrain_work(struct retraining *x, const char *name);
akin_status retrain_recipe(struct job_args *a, const struct recipe *recipe, akin_error *err);

/* Holds events out of the merged dataset (work/all.akin → train.akin, test.akin). */
akin_status gate_split(struct retraining *x, akin_error *err);
/* Trains and compares: fills x->result and is_better. */
akin_status gate_compare(struct retraining *x, akin_error *err);

#endif
