/*
 * The engine's life, and its slots.
 *
 * Cost of a start: the models (see generation.c) and one scan of the store after the oldest
 * watermark. Memory: the models and 4 bytes a user of each generation, 32 bytes an event after the
 * watermark and about 300 a person with one.
 */
#include "core/file.h"
#include "core/hash.h"
#include "core/text.h"
#include "kern/kern.h"
#include "live/engine.h"
#include "live/jobs.h"
#include "live/retrain.h"

#include <string.h>
#include <time.h>

#define P struct live_params
const akin_param live_param_rows[] = {
    PARAM_INT(P, max_items, "5000000", 1, 2000000000, "items", 0,
              "items of the catalogue, later ones included"),
    PARAM_INT(P, max_overlay, "20000000", 0, 2000000000, "events", 0,
              "events after the models' watermark that are held in memory"),
    PARAM_INT(P, max_k, "1000", 1, 100000, "items", 0, "longest list a request may ask for"),
    PARAM_INT(P, max_history, "2000", 1, 1000000, "events", 0,
              "events of a history in a request, and newest of a user's that are used"),
    PARAM_INT(P, max_batch, "1000", 1, 100000, "", 0, "events or askers of one request"),
    PARAM_SIZE(P, cache_bytes, "64MiB", 0, 1e15, 0, "the list cache; 0 turns it off"),
    PARAM_INT(P, approximate_from, "1000000", 0, 2000000000, "items", 0,
              "items from which lists are approximate (recall@20 .95, measured); 0 = always exact"),
    PARAM_MAP(P, retention, 0, "days to keep events of a type, as view=90; * = of every type"),
    PARAM_TEXT(P, fallback, NULL, 0,
               "model for those without a history; by default the most popular items"),
    PARAM_MAP(P, retrain, 0, "jobs and retraining: dir, base, model, every, … (docs/retrain.md)"),
    PARAM_LIST(P, experiments, NULL, 0,
               "comparisons of models on users: {name, kind, arms: [{name, model, share}], types, "
               "window}; see docs/experiments.md"),
    PARAM_INT(P, max_exposed, "1000000", 1, 2000000000, "users", 0,
              "users an experiment keeps track of; later ones are answered, not counted"),
    PARAM_END,
};
#undef P

int64_t live_now(void)
{
    return clock_unix();
}

akin_status live_create(akin_ctx *ctx, const struct live_options *options, struct live **out,
                        akin_error *err)
{
    akin_status status = AKIN_OK;
    struct live *l = NULL;
    MEM_ZERO(ctx, l, 1);
    l->ctx = ctx;
    atomic_init(&l->clock_offset, INT64_MIN);
    live_time(l);
    l->p = *options->params;
    l->seed = (uint64_t)options->seed;
    pthread_rwlock_init(&l->models_lock, NULL);
    pthread_rwlock_init(&l->types_lock, NULL);
    pthread_rwlock_init(&l->recent_lock, NULL);
    pthread_mutex_init(&l->load_lock, NULL);
    AKIN_TRY(people_init(ctx, &l->people, err));
    AKIN_TRY(keeper_init(l, err));
    if (l->p.fallback) {
        l->fallback = mem_strdup(ctx, l->p.fallback, err);
        if (!l->fallback)
            AKIN_TRY(AKIN_E_MEMORY);
        l->p.fallback = l->fallback;
    }
    if (l->p.cache_bytes > 0)
        AKIN_TRY(cache_create(ctx, l->p.cache_bytes, &l->cache, err));
    if (l->p.retrain) {
        AKIN_TRY(retrain_create(ctx, l->p.retrain, &l->retrain, err));
        if (options->program)
            AKIN_TRY(jobs_create(l, options->program, &l->jobs, err));
    }
    AKIN_TRY(experiments_create(ctx, l->p.experiments, l->p.max_exposed,
                                options->store ? options->exposures : NULL, &l->experiments, err));
    l->p.experiments = NULL; /* copied */
    l->store = options->store;
    *out = l;
    l = NULL;
done:
    live_free(l);
    return status;
}

void live_free(struct live *l)
{
    if (!l)
        return;
    akin_ctx *ctx = l->ctx;
    jobs_stop(l->jobs); /* a job may use all that follows */
    keeper_free(l);
    store_close(l->store); /* first: its thread calls back into the rest */
    jobs_free(l->jobs);
    for (int i = 0; i < l->n_entries; i++) {
        generation_put(l, l->entry[i].current);
        generation_put(l, l->entry[i].previous);
        generation_put(l, l->entry[i].canary);
    }
    experiments_free(l->experiments);
    cache_free(l->cache);
    catalog_free(l->catalog);
    ids_free(ctx, &l->base_ids);
    table_free(ctx, &l->base_table);
    mem_free(ctx, l->base_count);
    people_free(&l->people);
    for (int t = 0; t < l->n_types; t++)
        mem_free(ctx, l->types[t]);
    mem_free(ctx, l->recent);
    mem_free(ctx, l->fallback);
    retrain_free(l->retrain);
    pthread_rwlock_destroy(&l->models_lock);
    pthread_rwlock_destroy(&l->types_lock);
    pthread_rwlock_destroy(&l->recent_lock);
    pthread_mutex_destroy(&l->load_lock);
    mem_free(ctx, l);
}

/* ---- Slots ---- */

akin_status live_slot_create(struct live *l, struct live_slot **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct live_slot *s = NULL;
    MEM_ZERO(l->ctx, s, 1);
    s->l = l;
    AKIN_TRY(ctx_create(1, l->seed, 0, &s->ctx, err));
    AKIN_TRY(kern_select(s->ctx, l->ctx->kern->isa, err));
    arena_init(&s->arena, s->ctx);
    buf_init(&s->buf, s->ctx);
    *out = s;
    s = NULL;
done:
    live_slot_free(s);
    return status;
}

static void fork_drop(struct live_slot *s, int i)
{
    ranker_free(s->forks[i].ranker);
    generation_put(s->l, s->forks[i].g);
    s->forks[i] = s->forks[--s->n_forks];
}

void live_slot_free(struct live_slot *s)
{
    if (!s)
        return;
    while (s->n_forks > 0)
        fork_drop(s, s->n_forks - 1);
    if (s->ctx) {
        buf_free(&s->buf);
        arena_free(&s->arena);
        ctx_free(s->ctx);
    }
    mem_free(s->l->ctx, s);
}

void slot_begin(struct live_slot *s)
{
    arena_reset_keep(&s->arena);
    for (int i = s->n_forks - 1; i >= 0; i--)
        if (s->forks[i].g->is_retired)
            fork_drop(s, i);
}

akin_status slot_ranker(struct live_slot *s, struct generation *g, struct ranker **out,
                        akin_error *err)
{
    akin_status status = AKIN_OK;
    for (int i = 0; i < s->n_forks; i++) {
        if (s->forks[i].g == g) {
            *out = s->forks[i].ranker;
            return AKIN_OK;
        }
    }
    if (s->n_forks == LIVE_FORKS)
        fork_drop(s, 0);
    AKIN_TRY(ranker_fork(g->ranker, s->ctx, out, err));
    atomic_fetch_add(&g->refs, 1);
    s->forks[s->n_forks++] = (struct fork){g, *out};
done:
    return status;
}

/* ---- Experiments ---- */

akin_status live_experiments_json(struct live *l, struct buf *out, akin_error *err)
{
    return experiments_json(l->experiments, out, err);
}

_Static_assert(LIVE_ARMS_MAX == EXPERIMENTS * EXPERIMENT_ARMS, "every arm has a row");

int live_experiment_arms(struct live *l, struct live_arm_stats out[LIVE_ARMS_MAX])
{
    int n = 0;
    for (int i = 0; i < experiments_count(l->experiments); i++) {
        const struct experiment *e = experiments_at(l->experiments, i);
        struct experiment_counts c;
        experiment_counts(e, &c);
        for (int a = 0; a < e->n_arms; a++)
            out[n++] = (struct live_arm_stats){.experiment = e->name,
                                               .arm = e->arm[a].name,
                                               .users = c.users[a],
                                               .answers = c.answers[a],
                                               .converted = c.converted[a],
                                               .events = c.events[a],
                                               .untracked = c.untracked};
    }
    return n;
}

void live_experiments_flush(struct live *l)
{
    if (l->experiments)
        experiments_flush(l->experiments);
}

/* ---- State ---- */

void live_stats(struct live *l, struct live_stats *out)
{
    *out = (struct live_stats){.overlay_events = l->people.n_events,
                               .overlay_users = l->people.n_people,
                               .events = l->n_events,
                               .answers = l->n_answers,
                               .fallbacks = l->n_fallbacks,
                               .exposures_unsaved = experiments_unsaved(l->experiments),
                               .clock_behind_seconds = live_clock_behind(l),
                               .memory_bytes = mem_used(l->ctx->mem)};
    if (l->catalog) {
        out->catalog_items = catalog_size(l->catalog);
        out->catalog_version = catalog_version(l->catalog);
    }
    cache_stats(l->cache, &out->cache_bytes, &out->cache_hits, &out->cache_misses);
    if (l->store)
        store_info(l->store, &out->store);
}

bool live_is_ready(struct live *l, char *why, size_t size)
{
    struct store_info info = {0};
    if (!l->is_started) {
        snprintf(why, size, "starting: the store is being read");
        return false;
    }
    if (l->n_entries == 0) {
        snprintf(why, size, "no model is loaded");
        return false;
    }
    if (l->is_behind) {
        snprintf(why, size, "events are stored but not in memory (out of memory): restart");
        return false;
    }
    if (l->store) {
        store_info(l->store, &info);
        if (info.state != STORE_READY) {
            snprintf(why, size, "store: %s", info.message);
            return false;
        }
    }
    text_copy(why, size, "");
    return true;
}

struct store *live_store(struct live *l)
{
    return l->store;
}
