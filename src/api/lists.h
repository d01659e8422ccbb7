/* Recommendation lists in files: user_id,item_id[,score] (best first), or recommend's JSONL. */
#ifndef AKIN_API_LISTS_H
#define AKIN_API_LISTS_H

#include "data/ids.h"
#include "eval/evaluate.h"

/*
 * Reads the lists of the users in `users` (others are skipped), items in `items` numbering (-1 =
 * unknown id). Rows of one user must stand together or in rank order; users may come in any order.
 * Owned by the caller: lists_free. Fails: E_IO, E_INPUT with the line.
 */
akin_status lists_read(akin_ctx *ctx, const char *path, const struct ids *users,
                       const struct ids *items, struct eval_lists *out, akin_error *err);
void lists_free(akin_ctx *ctx, struct eval_lists *lists);

#endif
