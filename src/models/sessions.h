/* Histories cut into sessions: what models of the next item learn from. */
#ifndef AKIN_MODELS_SESSIONS_H
#define AKIN_MODELS_SESSIONS_H

#include "models/model.h"

/*
 * A session is the positives of a user, or each run of them without a longer pause. Distinct: of an
 * item that comes twice the last place counts; else repeats stay. Sessions of one event are left
 * out: nothing comes next in them. Ordered by the time of their last event, or its position in the
 * data (without either by user), oldest first.
 */
struct sessions {
    int64_t n;
    int32_t n_items;
    const int64_t *ptr;  /* (n + 1) */
    const int32_t *item; /* oldest first */
    const int64_t *time; /* (n) of its last event, Unix seconds; 0 without instants */
};
/*
 * gap_seconds 0 = no cuts. keeps_repeats: what came next may be the same again. model names the
 * caller in errors. Owned by the caller (sessions_free). Cost: O(events) and a sort of the
 * sessions, one thread. Fails: E_INPUT (a gap, but no times), E_LIMIT (2^31 sessions), E_MEMORY,
 * E_CANCELLED.
 */
akin_status sessions_cut(akin_ctx *ctx, const char *model, const struct train_view *tv,
                         int64_t gap_seconds, bool keeps_repeats, struct sessions *out,
                         akin_error *err);
/* Of a fitted model; those of a loaded one are views into its file. */
void sessions_free(const struct model *m, struct sessions *s);
/* Sections m.ptr, m.item, m.time, of distinct items; loading checks every index. */
akin_status sessions_save(struct container_writer *w, const struct sessions *s, akin_error *err);
akin_status sessions_load(struct container *c, int32_t n_items, struct sessions *out,
                          akin_error *err);

/* What an asker did last: distinct known positives, the last first, at most `length`. */
struct recent_items {
    int32_t n;
    int32_t *item; /* in the arena it was made in */
};
bool sessions_recent_has(const struct recent_items *r, int32_t item);
akin_status sessions_recent(const struct history *h, int64_t gap_seconds, int32_t length,
                            int32_t n_items, struct arena *scratch, struct recent_items *out,
                            akin_error *err);

/* How much what lies `steps` back counts; a choice of the parameters of both models. */
#define DECAY_CHOICES "same|linear|div|exp"
enum decay { DECAY_SAME, DECAY_LINEAR, DECAY_DIV, DECAY_EXP };
/* same 1 · linear max(0, 1 - steps / scale) · div 1 / (steps + 1) · exp e^(-steps / scale) */
float decay_of(enum decay kind, double scale, int32_t steps);

#endif
