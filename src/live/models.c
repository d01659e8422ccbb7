/*
 * Models in generations: a new one (generation.c) is ready beside the generation that answers, then
 * takes its place by one pointer under a lock. Answers hold a reference, so that a swap never drops
 * one.
 *
 * The generation before stays for rollback; the one before that goes when the last slot lets go.
 */
#include "core/text.h"
#include "live/late.h"
#include "live/retrain.h"

#include <string.h>

/* ---- References ---- */

void generation_put(struct live *l, struct generation *g)
{
    akin_ctx *ctx = l->ctx;
    if (!g || atomic_fetch_sub(&g->refs, 1) > 1)
        return;
    ranker_free(g->ranker);
    model_free(g->m);
    mem_free(ctx, g->item);
    mem_free(ctx, g->place);
    mem_free(ctx, g->by_count);
    ids_prefix_free(ctx, &g->by_id);
    late_free(g->late);
    mem_free(ctx, g->path);
    mem_free(ctx, g);
}

struct entry *entry_find(struct live *l, const char *name)
{
    for (int i = 0; i < l->n_entries; i++)
        if (strcmp(l->entry[i].name, name) == 0)
            return &l->entry[i];
    return NULL;
}

akin_status entry_get(struct live *l, const char *name, struct entry **out, akin_error *err)
{
    char known[120] = "";
    *out = name ? entry_find(l, name) : l->n_entries ? &l->entry[l->at_default] : NULL;
    if (*out)
        return AKIN_OK;
    for (int i = 0; i < l->n_entries; i++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", l->entry[i].name);
    }
    return error_set(err, AKIN_E_NOT_FOUND, __FILE__, __LINE__, "model '%s' is not served (%s)",
                     name ? name : "", l->n_entries ? known : "no model is loaded");
}

akin_status generation_get(struct live *l, const char *name, struct generation **out,
                           akin_error *err)
{
    return generation_for(l, name, NULL, out, err);
}

akin_status generation_for(struct live *l, const char *name, const char *user_id,
                           struct generation **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    pthread_rwlock_rdlock(&l->models_lock);
    struct entry *e;
    AKIN_TRY(entry_get(l, name, &e, err));
    *out = e->canary && user_id && canary_takes(e, user_id) ? e->canary : e->current;
    atomic_fetch_add(&(*out)->refs, 1);
done:
    pthread_rwlock_unlock(&l->models_lock);
    return status;
}

void generation_retire(struct generation *g)
{
    if (g)
        g->is_retired = true;
}

/* What the asker did wrong is no error of the model. */
void generation_count(struct generation *g, akin_status status)
{
    if (!g)
        return;
    g->n_answers += status == AKIN_OK;
    g->n_errors += status == AKIN_E_MEMORY || status == AKIN_E_IO || status == AKIN_E_INTERNAL ||
                   status == AKIN_E_FORMAT;
}

/* ---- Changes ---- */

akin_status live_model_load(struct live *l, const char *name, const char *path, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct generation *g = NULL, *old = NULL;
    bool is_locked = false;
    pthread_mutex_lock(&l->load_lock);
    if (!*name || strlen(name) >= sizeof l->entry[0].name)
        AKIN_FAIL(AKIN_E_ARG, "model name '%.80s' (must have 1..63 bytes)", name);
    AKIN_TRY(generation_make(l, name, path, &g, err));
    if (l->is_started)
        AKIN_TRY(remember(l, g->m->watermark, err));
    pthread_rwlock_wrlock(&l->models_lock);
    is_locked = true;
    struct entry *e = entry_find(l, name);
    if (!e) {
        if (l->n_entries == LIVE_MODELS)
            AKIN_FAIL(AKIN_E_LIMIT, "model '%s': %d are served already", name, LIVE_MODELS);
        e = &l->entry[l->n_entries++];
        memcpy(e->name, name, strlen(name) + 1);
    }
    if (e->canary)
        AKIN_FAIL(AKIN_E_UNSUPPORTED,
                  "model '%s' has a canary (generation %lld): promote it or roll it back first",
                  name, (long long)e->canary->id);
    old = e->previous;
    e->previous = e->current;
    e->current = g;
    g = NULL;
    generation_retire(old);
done:
    if (is_locked)
        pthread_rwlock_unlock(&l->models_lock);
    generation_put(l, old);
    generation_put(l, g);
    if (is_locked && status == AKIN_OK && l->retrain && l->is_started)
        retrain_remember(l, name);
    pthread_mutex_unlock(&l->load_lock);
    if (status == AKIN_OK)
        keeper_poke(l);
    return status;
}

akin_status live_model_rollback(struct live *l, const char *name, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct generation *gone = NULL;
    pthread_rwlock_wrlock(&l->models_lock);
    struct entry *e;
    AKIN_TRY(entry_get(l, name, &e, err));
    if (e->canary) { /* what came last goes first */
        gone = e->canary;
        e->canary = NULL;
        generation_retire(gone);
        goto done;
    }
    if (!e->previous)
        AKIN_FAIL(AKIN_E_NOT_FOUND, "model '%s' has no generation before this one", name);
    struct generation *g = e->current;
    e->current = e->previous;
    e->previous = g;
done:
    pthread_rwlock_unlock(&l->models_lock);
    generation_put(l, gone);
    if (status == AKIN_OK && l->retrain)
        retrain_remember(l, name);
    return status;
}

akin_status live_model_default(struct live *l, const char *name, akin_error *err)
{
    akin_status status = AKIN_OK;
    pthread_rwlock_wrlock(&l->models_lock);
    struct entry *e;
    AKIN_TRY(entry_get(l, name, &e, err));
    l->at_default = (int)(e - l->entry);
done:
    pthread_rwlock_unlock(&l->models_lock);
    return status;
}
