/* Which sessions have an item, the newest first: where neighbours of an asker are looked for. */
#ifndef AKIN_MODELS_SESSION_LISTS_H
#define AKIN_MODELS_SESSION_LISTS_H

#include "models/sessions.h"

struct session_lists {
    const int64_t *ptr;   /* (n_items + 1) */
    const int32_t *list;  /* sessions with an item, newest first, at most `recent` of them */
    const int32_t *count; /* (n_items) sessions with it, all */
};
/* Of sessions of distinct items. Cost: two passes over them. Fails: E_MEMORY, E_CANCELLED; what is
 * in *out then is freed as else. */
akin_status session_lists_make(akin_ctx *ctx, const struct sessions *s, int64_t recent,
                               struct session_lists *out, akin_error *err);
/* Of a fitted model; those of a loaded one are views into its file. */
void session_lists_free(const struct model *m, struct session_lists *l);
/* Sections m.list_ptr, m.list, m.count; loading checks every index, and that a listed session has
 * the item. */
akin_status session_lists_save(struct container_writer *w, const struct session_lists *l,
                               int64_t n_items, akin_error *err);
akin_status session_lists_load(struct container *c, const struct sessions *s,
                               struct session_lists *out, akin_error *err);

/* Where an item stands in a session, -1 = not there. */
int64_t session_find(const struct sessions *s, int32_t session, int32_t item);

#endif
