/*
 * Exposed users of an experiment, in shards of their own lock.
 *
 * Cost: a probe is one cache line or two under a lock that 1/64 of the users share; 64 bytes a
 * user, at most half of the slots full. Removal shifts back, so that there are no tombstones to
 * clean.
 */
#include "live/exposure.h"

#include <string.h>

enum { SLOTS_FIRST = 16 };

void exposures_init(akin_ctx *ctx, bool is_split, struct exposures *x)
{
    memset(x, 0, sizeof *x);
    x->ctx = ctx;
    x->is_split = is_split;
    for (int i = 0; i < EXPOSURE_SHARDS; i++)
        pthread_mutex_init(&x->shard[i].lock, NULL);
}

void exposures_free(struct exposures *x)
{
    for (int i = 0; i < EXPOSURE_SHARDS; i++) {
        struct exposure_shard *s = &x->shard[i];
        for (int64_t j = 0; j < s->n_slots; j++)
            mem_free(x->ctx, s->slot[j].shown);
        mem_free(x->ctx, s->slot);
        pthread_mutex_destroy(&s->lock);
    }
}

struct exposure_shard *exposures_shard(struct exposures *x, uint64_t user)
{
    return &x->shard[user % EXPOSURE_SHARDS];
}

static int64_t home(const struct exposure_shard *s, uint64_t user)
{
    return (int64_t)(user / EXPOSURE_SHARDS & (uint64_t)(s->n_slots - 1));
}

/* Where user is, or the free slot where it belongs. */
static struct exposed *probe(const struct exposure_shard *s, uint64_t user)
{
    int64_t i = home(s, user);
    while (s->slot[i].user != 0 && s->slot[i].user != user)
        i = (i + 1) & (s->n_slots - 1);
    return &s->slot[i];
}

struct exposed *exposed_find(struct exposure_shard *s, uint64_t user)
{
    struct exposed *e = s->n_slots ? probe(s, user) : NULL;
    return e && e->user ? e : NULL;
}

static bool grow(akin_ctx *ctx, struct exposure_shard *s)
{
    struct exposure_shard wide = {.n_slots = s->n_slots ? s->n_slots * 2 : SLOTS_FIRST};
    wide.slot = mem_zalloc(ctx, wide.n_slots, sizeof *wide.slot, NULL);
    if (!wide.slot)
        return false;
    for (int64_t i = 0; i < s->n_slots; i++)
        if (s->slot[i].user)
            *probe(&wide, s->slot[i].user) = s->slot[i];
    mem_free(ctx, s->slot);
    s->slot = wide.slot;
    s->n_slots = wide.n_slots;
    return true;
}

struct exposed *exposed_add(struct exposures *x, struct exposure_shard *s, uint64_t user)
{
    if (2 * (s->n + 1) > s->n_slots && !grow(x->ctx, s))
        return NULL;
    struct exposed *e = probe(s, user);
    *e = (struct exposed){.user = user};
    s->n++;
    x->n++;
    return e;
}

void exposed_remove(struct exposures *x, struct exposure_shard *s, struct exposed *e)
{
    int64_t mask = s->n_slots - 1, hole = e - s->slot;
    mem_free(x->ctx, e->shown);
    for (int64_t i = (hole + 1) & mask; s->slot[i].user; i = (i + 1) & mask) {
        /* what may not stand before its home stays */
        int64_t from_home = (i - home(s, s->slot[i].user)) & mask;
        if (from_home < ((i - hole) & mask))
            continue;
        s->slot[hole] = s->slot[i];
        hole = i;
    }
    s->slot[hole] = (struct exposed){0};
    s->n--;
    x->n--;
}

bool exposed_show(struct exposures *x, struct exposed *e, const uint32_t *shown, int n)
{
    if (n > e->n_shown || !e->shown) {
        uint32_t *room = mem_resize(x->ctx, e->shown, n, sizeof *room, NULL);
        if (!room) {
            e->n_shown = 0;
            return false;
        }
        e->shown = room;
    }
    memcpy(e->shown, shown, (size_t)n * sizeof *shown);
    e->n_shown = (uint8_t)n;
    return true;
}

void exposed_tally(const struct exposures *x, struct exposure_shard *s, const struct exposed *e,
                   int sign)
{
    struct experiment_counts *c = &s->counts;
    bool has_any = e->n[0] > 0 || e->n[1] > 0;
    c->users[e->arm] += sign;
    c->converted[e->arm] += has_any ? sign : 0;
    c->events[e->arm] += sign * (int64_t)e->n[0];
    if (x->is_split)
        return;
    c->events[1] += sign * (int64_t)e->n[1];
    if (e->n[0] != e->n[1])
        c->wins[e->n[1] > e->n[0]] += sign;
    else
        c->ties += has_any ? sign : 0;
}

void exposures_counts(struct exposures *x, struct experiment_counts *out)
{
    memset(out, 0, sizeof *out);
    for (int i = 0; i < EXPOSURE_SHARDS; i++) {
        struct exposure_shard *s = &x->shard[i];
        pthread_mutex_lock(&s->lock);
        const struct experiment_counts *c = &s->counts;
        for (int a = 0; a < EXPERIMENT_ARMS; a++) {
            out->users[a] += c->users[a];
            out->converted[a] += c->converted[a];
            out->events[a] += c->events[a];
            out->answers[a] += c->answers[a];
        }
        for (int a = 0; a < 2; a++)
            out->wins[a] += c->wins[a];
        out->ties += c->ties;
        out->untracked += c->untracked;
        pthread_mutex_unlock(&s->lock);
    }
}
