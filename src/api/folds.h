/* The evaluation of k folds as one: what `evaluate --split kfold:K` prints. */
#ifndef AKIN_API_FOLDS_H
#define AKIN_API_FOLDS_H

#include "core/error.h"

#include <jansson.h>

/* Adds the evaluation of one fold (borrowed) to *all, NULL before the first. Fails: E_MEMORY. */
akin_status folds_add(json_t **all, const json_t *fold, akin_error *err);
/*
 * Ends the sum over n folds: each metric gets the mean of its folds as value, their standard
 * deviation as std, and the 95 % interval of the mean by Student's t over the folds; seconds become
 * means.
 */
akin_status folds_finish(json_t *all, int64_t n, akin_error *err);

#endif
