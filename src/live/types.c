/*
 * Event types have numbers for the life of the process, at most LIVE_TYPES, and each generation has
 * its own for those that it was trained on. Not here: what a type is worth (data/feedback.c).
 *
 * Cost: a search by name among those known; a new one takes the lock.
 */
#include "live/engine.h"

#include <string.h>

akin_status type_number(struct live *l, const char *name, uint8_t *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int n = l->n_types;
    for (int i = 0; i < n; i++) {
        if (strcmp(l->types[i], name) == 0) {
            *out = (uint8_t)i;
            return AKIN_OK;
        }
    }
    pthread_rwlock_wrlock(&l->types_lock);
    for (; n < l->n_types; n++) /* somebody else was here */
        if (strcmp(l->types[n], name) == 0)
            break;
    if (n == LIVE_TYPES)
        AKIN_FAIL(AKIN_E_INPUT, "event type '%.40s': there are %d kinds already", name, LIVE_TYPES);
    if (n == l->n_types) {
        l->types[n] = mem_strdup(l->ctx, name, err);
        if (!l->types[n])
            AKIN_TRY(AKIN_E_MEMORY);
        l->n_types = n + 1;
    }
    *out = (uint8_t)n;
done:
    pthread_rwlock_unlock(&l->types_lock);
    return status;
}

int generation_type(struct live *l, struct generation *g, uint8_t type)
{
    int known = g->type_of[type];
    if (known == -2) {
        const char *name = l->types[type];
        known = strtab_find(feedback_types(g->m->feedback), name, strlen(name));
        g->type_of[type] = (int16_t)known;
    }
    return known;
}
