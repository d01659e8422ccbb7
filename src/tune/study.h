/* A search while it runs; shared by the files of tune/ only. */
#ifndef AKIN_TUNE_STUDY_H
#define AKIN_TUNE_STUDY_H

#include "data/feedback.h"
#include "store/trials.h"
#include "train/train.h"
#include "tune/goal.h"
#include "tune/space.h"
#include "tune/tune.h"

enum trial_state { TRIAL_PLANNED, TRIAL_DONE, TRIAL_FAILED };

/* A setting at a rung: what is tried, and what came of it. Number and rung name it. */
struct tune_trial {
    int32_t number, rung, round, family;
    double share;           /* of the full training: of epochs, or of users */
    double *point;          /* (space.n) arena's */
    json_t *params;         /* the model's and feedback's keys, arena's */
    struct train_cost cost; /* predicted, at this share, with evaluation */
    enum trial_state state;
    double values[GOAL_METRICS]; /* NaN = has none */
    double violation;
    double seconds;
    int64_t peak_bytes;
    char error[208]; /* TRIAL_FAILED */
    bool is_new;     /* ran here, was not in the log */
};

struct tune_family {
    const struct model_class *cls;
    const json_t *fixed;
    struct tune_space space;
    bool is_alive; /* takes part in the round */
    bool is_done;  /* proposes no more in the round */
    int32_t n_round;
    double cost_round; /* predicted seconds of its proposals in the round */
};

/* What a rung trains and measures on. */
struct tune_part {
    double share;
    struct dataset *train, *valid; /* owned; of a rung: NULL until it is needed */
};

/* A row of the log that was there before. */
struct logged_trial {
    int64_t number, rung;
    json_t *params, *metrics; /* arena's */
    const char *model, *error;
    double seconds;
    int64_t peak_bytes;
};

struct tune_study {
    akin_ctx *ctx;
    const struct tune_options *opt;
    struct arena arena;
    struct tune_goal goal;
    struct feedback_params rule;  /* of the options, for predictions */
    struct tune_family *families; /* (n_families) owned */
    int32_t n_families;
    struct tune_part full, samples[TUNE_RUNGS];
    char validation[TRAIN_SPLIT_TEXT];
    struct tune_trial **trials; /* (n_trials) as they were planned; owned, each the arena's */
    int64_t n_trials, cap_trials;
    int32_t n_settings, n_resumed;
    int32_t round, n_rounds, rung;
    bool is_promoting; /* proposals are over */
    double spent;      /* predicted seconds of all proposals */
    struct trial_log *log;
    struct logged_trial *logged; /* (n_logged) owned */
    int64_t n_logged, cap_logged;
};

/* a before b? Met constraints first, then what is nearest to them, then the failed; ties: number.
 */
bool trial_is_better(const struct tune_study *s, const struct tune_trial *a,
                     const struct tune_trial *b);
static inline bool trial_is_feasible(const struct tune_trial *t)
{
    return t->state == TRIAL_DONE && !(t->violation > 0);
}
static inline int32_t study_rungs(const struct tune_study *s)
{
    return s->opt->search == TUNE_HALVING ? (int32_t)s->opt->rungs : 1;
}

/* plan.c: appends the next trials to s->trials; none = the search is over. */
akin_status plan_next(struct tune_study *s, akin_error *err);
/* The best of the highest rung that has a success, or the best failure; NULL without trials. */
const struct tune_trial *plan_best(const struct tune_study *s);

/* trial.c: runs one in a context of its own. E_CANCELLED comes back, and E_MEMORY without a limit;
 * all else is the trial's. limit_bytes 0 = none. tick: the context whose progress goes on
 * meanwhile, or NULL. *is_short: it failed by limit_bytes. */
akin_status trial_run(const struct tune_study *s, struct tune_trial *t, int64_t threads,
                      int64_t limit_bytes, akin_ctx *tick, bool *is_short, akin_error *err);
/* Is it tried on a sample of the users (s->samples of its rung) instead of all? */
bool trial_wants_sample(const struct tune_study *s, const struct tune_trial *t);
/* Predicts t->cost. Only E_MEMORY comes back; all else is the trial's. */
akin_status trial_predict(struct tune_study *s, struct tune_trial *t, akin_error *err);
/* {"ndcg@10": 0.1, …}: a new object, or NULL. */
json_t *trial_metrics(const struct tune_study *s, const struct tune_trial *t);

/* log.c: opens the log and reads what it has; the result of a planned trial from there, if there is
 * one; adds a trial that ended. */
akin_status log_open(struct tune_study *s, const struct dataset *ds, akin_error *err);
akin_status log_take(struct tune_study *s, struct tune_trial *t, akin_error *err);
akin_status log_add(const struct tune_study *s, const struct tune_trial *t, akin_error *err);

/* crew.c: runs the planned trials from `first` on, several at a time, and logs each. */
akin_status crew_run(struct tune_study *s, int64_t first, akin_error *err);

/* importance.c: [{"name", "share"}] of the parameters of a family, largest first; NULL = no memory.
 */
json_t *importance_json(const struct tune_study *s, int32_t family);

/* result.c */
akin_status study_result(const struct tune_study *s, json_t **out, akin_error *err);

#endif
