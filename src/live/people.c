/*
 * People: the events that came after the models, a hash table of users in shards; beside it their
 * order, for a search.
 *
 * Readers copy what they need under a shard's read lock, so that an answer never waits for another
 * answer and a writer never for long. Cost: a look-up and a copy of the person's events; an added
 * event is one insertion near the end. Not here: persistence (the store has it).
 */
#include "core/hash.h"
#include "live/engine.h"

#include <string.h>

enum { BUCKETS_FIRST = 64 };

uint64_t people_hash(const char *id, size_t size)
{
    return hash_bytes(id, size, 0);
}

static struct people_shard *shard_of(struct people *p, uint64_t hash)
{
    return &p->shard[hash % LIVE_SHARDS];
}

akin_status people_init(akin_ctx *ctx, struct people *p, akin_error *err)
{
    akin_status status = AKIN_OK;
    memset(p, 0, sizeof *p);
    p->ctx = ctx;
    people_order_init(&p->order);
    for (int i = 0; i < LIVE_SHARDS; i++) {
        struct people_shard *s = &p->shard[i];
        MEM_ZERO(ctx, s->bucket, BUCKETS_FIRST);
        s->n_buckets = BUCKETS_FIRST;
        pthread_rwlock_init(&s->lock, NULL);
    }
done:
    return status;
}

void people_free(struct people *p)
{
    if (!p->ctx)
        return;
    people_order_free(p->ctx, &p->order);
    for (int i = 0; i < LIVE_SHARDS; i++) {
        struct people_shard *s = &p->shard[i];
        if (!s->bucket)
            continue;
        for (int64_t b = 0; b < s->n_buckets; b++) {
            for (struct person *x = s->bucket[b]; x;) {
                struct person *next = x->next;
                mem_free(p->ctx, x->events);
                mem_free(p->ctx, x);
                x = next;
            }
        }
        mem_free(p->ctx, s->bucket);
        pthread_rwlock_destroy(&s->lock);
    }
}

/* The number of buckets is a power of two. */
static uint64_t place_of(const struct people_shard *s, uint64_t hash)
{
    return hash / LIVE_SHARDS & (uint64_t)(s->n_buckets - 1);
}

const struct person *const *people_bucket(const struct people *p, uint64_t hash)
{
    const struct people_shard *s = &p->shard[hash % LIVE_SHARDS];
    return (const struct person *const *)&s->bucket[place_of(s, hash)];
}

static struct person *find(const struct people_shard *s, uint64_t hash, const char *id, size_t size)
{
    struct person *x = s->bucket[place_of(s, hash)];
    while (x && ((size_t)x->size != size || memcmp(x->id, id, size) != 0))
        x = x->next;
    return x;
}

static void grow(akin_ctx *ctx, struct people_shard *s)
{
    int64_t n = s->n_buckets * 2;
    struct person **bucket = mem_zalloc(ctx, n, sizeof *bucket, NULL);
    if (!bucket)
        return; /* longer chains, nothing worse */
    for (int64_t b = 0; b < s->n_buckets; b++) {
        for (struct person *x = s->bucket[b]; x;) {
            struct person *next = x->next;
            uint64_t at = people_hash(x->id, (size_t)x->size) / LIVE_SHARDS % (uint64_t)n;
            x->next = bucket[at];
            bucket[at] = x;
            x = next;
        }
    }
    mem_free(ctx, s->bucket);
    s->bucket = bucket;
    s->n_buckets = n;
}

/* Under the write lock. */
static akin_status find_or_add(struct people *p, struct people_shard *s, uint64_t hash,
                               const char *id, size_t size, struct person **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct person *x = NULL;
    *out = find(s, hash, id, size);
    if (*out)
        goto done;
    if (s->n >= s->n_buckets)
        grow(p->ctx, s);
    x = mem_zalloc(p->ctx, 1, (int64_t)(sizeof *x + size + 1), err);
    if (!x)
        AKIN_TRY(AKIN_E_MEMORY);
    memcpy(x->id, id, size);
    x->size = (int32_t)size;
    AKIN_TRY(people_order_add(p->ctx, &p->order, x, err));
    struct person **head = &s->bucket[place_of(s, hash)];
    x->next = *head;
    *head = x;
    s->n++;
    p->n_people++;
    *out = x;
    x = NULL;
done:
    mem_free(p->ctx, x);
    return status;
}

akin_status people_add(struct people *p, const char *id, size_t size, const struct live_event *e,
                       akin_error *err)
{
    akin_status status = AKIN_OK;
    uint64_t hash = people_hash(id, size);
    struct people_shard *s = shard_of(p, hash);
    struct person *x = NULL;
    pthread_rwlock_wrlock(&s->lock);
    AKIN_TRY(find_or_add(p, s, hash, id, size, &x, err));
    if (x->n == x->cap) {
        int32_t cap = x->cap ? x->cap * 2 : 4;
        void *events = mem_resize(p->ctx, x->events, cap, sizeof *x->events, err);
        if (!events)
            AKIN_TRY(AKIN_E_MEMORY);
        x->events = events;
        x->cap = cap;
    }
    int32_t at = x->n;
    while (at > 0 && (x->events[at - 1].time > e->time ||
                      (x->events[at - 1].time == e->time && x->events[at - 1].seq > e->seq)))
        at--;
    memmove(x->events + at + 1, x->events + at, (size_t)(x->n - at) * sizeof *x->events);
    x->events[at] = *e;
    x->n++;
    x->version = e->seq > x->version ? e->seq : x->version + 1;
    x->newest = e->seq > x->newest ? e->seq : x->newest;
    p->n_events++;
done:
    pthread_rwlock_unlock(&s->lock);
    return status;
}

akin_status people_erase(struct people *p, const char *id, size_t size, int64_t seq,
                         akin_error *err)
{
    akin_status status = AKIN_OK;
    uint64_t hash = people_hash(id, size);
    struct people_shard *s = shard_of(p, hash);
    struct person *x = NULL;
    pthread_rwlock_wrlock(&s->lock);
    AKIN_TRY(find_or_add(p, s, hash, id, size, &x, err));
    p->n_events -= x->n;
    mem_free(p->ctx, x->events);
    x->events = NULL;
    x->n = x->cap = 0;
    x->newest = 0;
    x->erased = seq > x->erased ? seq : x->erased;
    p->n_erasures++;
    x->version = seq > x->version ? seq : x->version + 1;
done:
    pthread_rwlock_unlock(&s->lock);
    return status;
}

struct person_state people_state(struct people *p, const char *id, size_t size)
{
    uint64_t hash = people_hash(id, size);
    struct people_shard *s = shard_of(p, hash);
    struct person_state state = {0};
    pthread_rwlock_rdlock(&s->lock);
    const struct person *x = find(s, hash, id, size);
    if (x)
        state =
            (struct person_state){.version = x->version, .erased = x->erased, .newest = x->newest};
    pthread_rwlock_unlock(&s->lock);
    return state;
}

akin_status people_read(struct people *p, const char *id, size_t size, int64_t after,
                        struct arena *arena, const struct live_event **events, int32_t *n,
                        int64_t *version, int64_t *erased, akin_error *err)
{
    akin_status status = AKIN_OK;
    uint64_t hash = people_hash(id, size);
    struct people_shard *s = shard_of(p, hash);
    *events = NULL;
    *n = 0;
    *version = *erased = 0;
    pthread_rwlock_rdlock(&s->lock);
    const struct person *x = find(s, hash, id, size);
    if (!x)
        goto done;
    *version = x->version;
    *erased = x->erased;
    if (x->n == 0)
        goto done;
    struct live_event *out = arena_alloc(arena, x->n, sizeof *out, err);
    if (!out)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t i = 0; i < x->n; i++)
        if (x->events[i].seq > after)
            out[(*n)++] = x->events[i];
    *events = out;
done:
    pthread_rwlock_unlock(&s->lock);
    return status;
}

/* How many of x's events stay. */
static int32_t compact(struct person *x, int64_t known, int type, int64_t before)
{
    int32_t kept = 0;
    x->newest = 0;
    for (int32_t i = 0; i < x->n; i++) {
        const struct live_event *e = &x->events[i];
        bool is_old = e->time < before && (type < 0 || e->type == type);
        if (e->seq <= known || is_old)
            continue;
        x->newest = e->seq > x->newest ? e->seq : x->newest;
        x->events[kept++] = *e;
    }
    return kept;
}

/* People that their shard has let go of, so that nobody waits for the order under its lock. */
static void people_drop(struct people *p, struct person *gone)
{
    while (gone) {
        struct person *next = gone->next;
        people_order_remove(p->ctx, &p->order, gone);
        mem_free(p->ctx, gone->events);
        mem_free(p->ctx, gone);
        gone = next;
    }
}

void people_forget(struct people *p, int64_t known, int type, int64_t before)
{
    for (int i = 0; i < LIVE_SHARDS; i++) {
        struct people_shard *s = &p->shard[i];
        struct person *gone = NULL;
        pthread_rwlock_wrlock(&s->lock);
        for (int64_t b = 0; b < s->n_buckets; b++) {
            for (struct person **at = &s->bucket[b]; *at;) {
                struct person *x = *at;
                int32_t kept = compact(x, known, type, before);
                p->n_events -= x->n - kept;
                x->version += x->n != kept;
                x->n = kept;
                if (kept > 0 || x->erased) {
                    at = &x->next;
                    continue;
                }
                /* A stranger again: lists kept for version 0 are of those without such events. */
                *at = x->next;
                x->next = gone;
                gone = x;
                s->n--;
                p->n_people--;
            }
        }
        pthread_rwlock_unlock(&s->lock);
        people_drop(p, gone);
    }
}
