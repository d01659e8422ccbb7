/* What a search is for: metrics, which way they go, and constraints on them. */
#ifndef AKIN_TUNE_GOAL_H
#define AKIN_TUNE_GOAL_H

#include "eval/metrics.h"

#include <jansson.h>

enum { GOAL_METRICS = 16, GOAL_CONSTRAINTS = 8 };

/* metric >= bound, or metric <= bound if is_most. */
struct goal_constraint {
    int32_t metric; /* index in metrics */
    bool is_most;
    double bound;
    char text[64];
};

struct tune_goal {
    struct metric_spec metrics[GOAL_METRICS]; /* the first is what is sought */
    int32_t n_metrics;
    int direction; /* of the first: 1 = more is better, -1 = less */
    struct goal_constraint constraints[GOAL_CONSTRAINTS];
    int32_t n_constraints;
};

/*
 * metrics: list of names; constraints: list of "coverage@10>=0.2", or NULL. What constraints name
 * is measured too. Fails: E_ARG (unknown metric, one without a better side in the first place, a
 * constraint that is none), E_LIMIT (too many).
 */
akin_status goal_parse(const json_t *metrics, const json_t *constraints, struct tune_goal *out,
                       akin_error *err);

/* How far values (n_metrics) are from meeting all constraints: sum of shortfalls, each as a share
 * of its bound; 0 = they are met. */
double goal_violation(const struct tune_goal *g, const double *values);

#endif
