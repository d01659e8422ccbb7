/* Items that came after a model was trained, scored by their attributes. Inside of live/ only. */
#ifndef AKIN_LIVE_LATE_H
#define AKIN_LIVE_LATE_H

#include "live/engine.h"
#include "rank/rank.h"

/* *out NULL: the model cannot score items by their attributes; then all below does nothing. */
akin_status late_create(akin_ctx *ctx, const struct scorer *scorer, struct late **out,
                        akin_error *err);
void late_free(struct late *late); /* NULL allowed */
/* Folds in what changed in the catalogue. Threads: any. Fails: E_MEMORY. */
akin_status late_refresh(struct live *l, const struct generation *g, akin_error *err);
/* Late items with a score, by catalogue number, ascending, in the arena; refreshed before. */
akin_status late_scores(struct live *l, const struct generation *g, const struct query *q,
                        struct arena *arena, struct ranked **out, int32_t *n, akin_error *err);
/* As rank_explain, for a catalogue item that the model has no number for. */
akin_status late_explain(const struct generation *g, const struct query *q, int32_t item,
                         struct reason *out, int32_t max, int32_t *n, akin_error *err);

#endif
