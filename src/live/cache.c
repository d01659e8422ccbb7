/*
 * The list cache: answers by a 128-bit key, in shards, least recently used out first.
 *
 * The key holds everything an answer depends on (generation, person's version, catalogue's version,
 * the request), so nothing is ever taken out for being stale: it is just not asked for any more.
 * Cost: a hash look-up and a copy under a shard's lock. Bounded in bytes, keys and nodes included.
 */
#include "live/engine.h"

#include <stdatomic.h>
#include <string.h>

enum { CACHE_SHARDS = 16, CACHE_SLOTS = 4096 };

struct node {
    struct node *chain; /* of the slot */
    struct node *newer, *older;
    struct cache_key key;
    int64_t size;
    char text[];
};

struct cache_shard {
    pthread_mutex_t lock;
    struct node *slot[CACHE_SLOTS];
    struct node *newest, *oldest;
    int64_t bytes;
};

struct cache {
    akin_ctx *ctx;
    int64_t most; /* bytes of a shard */
    _Atomic int64_t hits, misses;
    struct cache_shard shard[CACHE_SHARDS];
};

akin_status cache_create(akin_ctx *ctx, int64_t bytes, struct cache **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct cache *c = NULL;
    MEM_ZERO(ctx, c, 1);
    c->ctx = ctx;
    c->most = bytes / CACHE_SHARDS;
    for (int i = 0; i < CACHE_SHARDS; i++)
        pthread_mutex_init(&c->shard[i].lock, NULL);
    *out = c;
done:
    return status;
}

void cache_free(struct cache *c)
{
    if (!c)
        return;
    for (int i = 0; i < CACHE_SHARDS; i++) {
        for (struct node *x = c->shard[i].newest; x;) {
            struct node *older = x->older;
            mem_free(c->ctx, x);
            x = older;
        }
        pthread_mutex_destroy(&c->shard[i].lock);
    }
    mem_free(c->ctx, c);
}

static void unlink_node(struct cache_shard *s, struct node *x)
{
    *(x->newer ? &x->newer->older : &s->newest) = x->older;
    *(x->older ? &x->older->newer : &s->oldest) = x->newer;
}

static void link_newest(struct cache_shard *s, struct node *x)
{
    x->newer = NULL;
    x->older = s->newest;
    *(s->newest ? &s->newest->newer : &s->oldest) = x;
    s->newest = x;
}

static int64_t node_bytes(const struct node *x)
{
    return (int64_t)sizeof *x + x->size;
}

static struct node **find(struct cache_shard *s, struct cache_key key)
{
    struct node **at = &s->slot[key.a / CACHE_SHARDS % CACHE_SLOTS];
    while (*at && ((*at)->key.a != key.a || (*at)->key.b != key.b))
        at = &(*at)->chain;
    return at;
}

/* The answer under a key, copied. */
static bool take(struct cache_shard *s, struct cache_key key, struct buf *out)
{
    pthread_mutex_lock(&s->lock);
    struct node *x = *find(s, key);
    if (x) {
        buf_add(out, x->text, (size_t)x->size);
        unlink_node(s, x);
        link_newest(s, x);
    }
    pthread_mutex_unlock(&s->lock);
    return x != NULL;
}

bool cache_get(struct cache *c, const struct cache_key *keys, int n, struct buf *out)
{
    bool is_there = false;
    for (int i = 0; i < n && !is_there; i++)
        is_there = take(&c->shard[keys[i].a % CACHE_SHARDS], keys[i], out);
    atomic_fetch_add_explicit(is_there ? &c->hits : &c->misses, 1, memory_order_relaxed);
    return is_there;
}

void cache_put(struct cache *c, struct cache_key key, const char *text, int64_t size)
{
    struct cache_shard *s = &c->shard[key.a % CACHE_SHARDS];
    if ((int64_t)sizeof(struct node) + size > c->most)
        return;
    struct node *x = mem_alloc(c->ctx, 1, (int64_t)sizeof *x + size, NULL);
    if (!x)
        return; /* an answer that is not kept is made again */
    x->key = key;
    x->size = size;
    memcpy(x->text, text, (size_t)size);
    pthread_mutex_lock(&s->lock);
    struct node **at = find(s, key);
    if (*at) { /* another thread was first */
        mem_free(c->ctx, x);
        pthread_mutex_unlock(&s->lock);
        return;
    }
    x->chain = NULL;
    *at = x;
    link_newest(s, x);
    s->bytes += node_bytes(x);
    while (s->bytes > c->most) {
        struct node *old = s->oldest;
        *find(s, old->key) = old->chain;
        unlink_node(s, old);
        s->bytes -= node_bytes(old);
        mem_free(c->ctx, old);
    }
    pthread_mutex_unlock(&s->lock);
}

void cache_stats(struct cache *c, int64_t *bytes, int64_t *hits, int64_t *misses)
{
    *bytes = 0;
    *hits = c ? c->hits : 0;
    *misses = c ? c->misses : 0;
    for (int i = 0; c && i < CACHE_SHARDS; i++) {
        struct cache_shard *s = &c->shard[i];
        pthread_mutex_lock(&s->lock);
        *bytes += s->bytes;
        pthread_mutex_unlock(&s->lock);
    }
}
