/* The table of `evaluate --per-user`: what every user contributes to a metric. */
#ifndef AKIN_API_PER_USER_H
#define AKIN_API_PER_USER_H

#include "data/ids.h"
#include "eval/evaluate.h"

struct per_user;
/*
 * A CSV of model,user_id and a column for each metric that is a mean over users, empty where a user
 * has no value. The file at path is replaced when all is written. Fails: E_ARG (no such metric).
 */
akin_status per_user_open(akin_ctx *ctx, const char *path, const struct eval_options *opt,
                          struct per_user **out, akin_error *err);
/* The rows of one model; user (r->n_users) indexes users. */
akin_status per_user_add(struct per_user *p, const char *model, const struct eval_result *r,
                         const int32_t *user, const struct ids *users, akin_error *err);
/* Makes the file; frees p, always. */
akin_status per_user_commit(struct per_user *p, akin_error *err);
void per_user_abort(struct per_user *p); /* NULL allowed */

#endif
