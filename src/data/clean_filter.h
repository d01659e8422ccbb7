/* Filters over whole users and items, after duplicates are gone: bots, k-core. */
#ifndef AKIN_DATA_CLEAN_FILTER_H
#define AKIN_DATA_CLEAN_FILTER_H

#include "data/clean.h"
#include "data/dataset.h"
#include "data/prepare.h"

/*
 * Drops events of bots, then of users and items with too few events until nothing changes.
 * *ds is replaced if anything went. Cost: O(events) per round.
 */
akin_status clean_filter(akin_ctx *ctx, const struct prepare_params *p, struct dataset **ds,
                         struct defects *defects, akin_error *err);

#endif
