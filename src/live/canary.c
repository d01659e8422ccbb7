/*
 * Canaries: a new generation answers a share of the users beside the one that answers the others,
 * until it is promoted, replaced or rolled back.
 *
 * Who is in the share is a pure function of (model name, generation, user id), as in experiments.c:
 * the same users as long as the canary lives, and a larger share holds the smaller one's users.
 * Anonymous askers stay with the old. Cost: one hash an answer while there is a canary.
 */
#include "core/hash.h"
#include "live/engine.h"
#include "live/retrain.h"

#include <string.h>

bool canary_takes(const struct entry *e, const char *user_id)
{
    uint64_t seed = hash_bytes(e->name, strlen(e->name), (uint64_t)e->canary->id);
    return experiment_point(seed, user_id) < e->canary_share;
}

static bool is_same_file(const struct generation *g, const char *path)
{
    struct file_mark now = file_mark_of(path);
    return g && strcmp(g->path, path) == 0 && now.device == g->file.device &&
           now.inode == g->file.inode && now.size == g->file.size && now.time_ns == g->file.time_ns;
}

/* The same file again is another share of the same generation. */
static akin_status set_share(struct live *l, const char *name, const char *path, double share,
                             bool *is_done, akin_error *err)
{
    akin_status status = AKIN_OK;
    *is_done = false;
    pthread_rwlock_wrlock(&l->models_lock);
    struct entry *e;
    AKIN_TRY(entry_get(l, name, &e, err));
    *is_done = is_same_file(e->canary, path);
    if (*is_done)
        e->canary_share = share;
done:
    pthread_rwlock_unlock(&l->models_lock);
    return status;
}

akin_status live_model_canary(struct live *l, const char *name, const char *path, double share,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    struct generation *g = NULL, *old = NULL;
    bool is_done = false;
    pthread_mutex_lock(&l->load_lock);
    if (!(share > 0.0) || share > 1.0)
        AKIN_FAIL(AKIN_E_ARG, "model '%s': share=%g (must be over 0, at most 1)", name, share);
    AKIN_TRY(set_share(l, name, path, share, &is_done, err));
    if (is_done)
        goto done;
    AKIN_TRY(generation_make(l, name, path, &g, err));
    AKIN_TRY(remember(l, g->m->watermark, err));
    pthread_rwlock_wrlock(&l->models_lock);
    struct entry *e = entry_find(l, name); /* entries are never taken out */
    old = e->canary;
    generation_retire(old);
    e->canary = g;
    e->canary_share = share;
    g = NULL;
    pthread_rwlock_unlock(&l->models_lock);
done:
    generation_put(l, old);
    generation_put(l, g);
    pthread_mutex_unlock(&l->load_lock);
    return status;
}

akin_status live_model_promote(struct live *l, const char *name, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct generation *old = NULL;
    pthread_rwlock_wrlock(&l->models_lock);
    struct entry *e;
    AKIN_TRY(entry_get(l, name, &e, err));
    if (!e->canary)
        AKIN_FAIL(AKIN_E_NOT_FOUND, "model '%s' has no canary to promote", name);
    old = e->previous;
    generation_retire(old);
    e->previous = e->current;
    e->current = e->canary;
    e->canary = NULL;
done:
    pthread_rwlock_unlock(&l->models_lock);
    generation_put(l, old);
    if (status == AKIN_OK && l->retrain)
        retrain_remember(l, name);
    if (status == AKIN_OK)
        keeper_poke(l);
    return status;
}
