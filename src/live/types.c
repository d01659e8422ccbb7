/*
 * Event types have numbers for the life of the process, at most LIVE_TYPES, and each generation has
 * its own for those that it was trained on. Only events that are taken make a number: what a
 * request is refused with, or asks by, uses none up. Not here: what a type is worth
 * (data/feedback.c).
 *
 * Cost: a search by name among those known; new ones take the lock.
 */
#include "live/events.h"

#include <string.h>

/* The number of name among the first n, or n. */
static int type_find(const struct live *l, int n, const char *name)
{
    int i = 0;
    while (i < n && strcmp(l->types[i], name) != 0)
        i++;
    return i;
}

akin_status types_add(struct live *l, const struct store_event *events, int64_t n, akin_error *err)
{
    akin_status status = AKIN_OK;
    int known = l->n_types;
    int64_t i = 0;
    while (i < n && type_find(l, known, events[i].event_type) < known)
        i++;
    if (i == n)
        return AKIN_OK;
    pthread_rwlock_wrlock(&l->types_lock);
    known = l->n_types; /* somebody else may have been here */
    int count = known;
    for (; i < n; i++) {
        const char *name = events[i].event_type;
        if (type_find(l, count, name) < count)
            continue;
        if (count == LIVE_TYPES)
            AKIN_FAIL(AKIN_E_INPUT, "event type '%.40s': there are %d kinds already", name,
                      LIVE_TYPES);
        l->types[count] = mem_strdup(l->ctx, name, err);
        if (!l->types[count])
            AKIN_TRY(AKIN_E_MEMORY);
        count++;
    }
    l->n_types = count; /* at once: who reads takes no lock */
done:
    while (count > l->n_types)
        mem_free(l->ctx, l->types[--count]);
    pthread_rwlock_unlock(&l->types_lock);
    return status;
}

akin_status type_number(struct live *l, const char *name, uint8_t *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(types_add(l, &(struct store_event){.event_type = name}, 1, err));
    *out = (uint8_t)type_find(l, l->n_types, name);
done:
    return status;
}

int generation_type_named(const struct generation *g, const char *name)
{
    return strtab_find(feedback_types(g->m->feedback), name, strlen(name));
}

int generation_type(struct live *l, struct generation *g, uint8_t type)
{
    int known = g->type_of[type];
    if (known == -2) {
        known = generation_type_named(g, l->types[type]);
        g->type_of[type] = (int16_t)known;
    }
    return known;
}
