/*
 * Filters over the catalogue, kept per text.
 *
 * One thread works on a text at a time, without the mutex; the others that want the same wait for
 * it. The least recently used go when there are too many; what is in use lives until it is
 * released, and never changes (data/catalog_bits.c).
 *
 * Cost: a mutex and up to CATALOG_FILTERS hashes compared when all is fresh.
 * Not done: knowing that two texts mean the same.
 */
#include "data/catalog_impl.h"

#include "core/hash.h"

#include <string.h>

enum { TEXT_COST = 32 /* bytes of an expression for each of its text, about */ };

struct entry {
    char *text; /* NULL = all that are alive */
    uint64_t hash;
    struct cat_test test;
    bool is_busy;
    int64_t used; /* stamp of the last use */
    int64_t bytes;
    struct cat_bits *bits; /* one reference; NULL at first */
};

struct cat_filters {
    pthread_mutex_t lock;
    pthread_cond_t idle; /* some entry is not busy any more */
    struct entry *alive;
    struct entry *entry[CATALOG_FILTERS];
    int n;
    int64_t bytes, stamp;
};

/* ---- The kept ones; under the mutex ---- */

static void entry_free(akin_ctx *ctx, struct entry *e)
{
    if (!e)
        return;
    cat_bits_release(ctx, e->bits);
    expr_free(e->test.expr);
    mem_free(ctx, e->text);
    mem_free(ctx, e);
}

static struct entry *entry_find(const struct cat_filters *k, const char *text, uint64_t hash)
{
    if (!text)
        return k->alive;
    for (int i = 0; i < k->n; i++) {
        if (k->entry[i]->hash == hash && strcmp(k->entry[i]->text, text) == 0)
            return k->entry[i];
    }
    return NULL;
}

static void entry_drop(akin_ctx *ctx, struct cat_filters *k, int at)
{
    struct entry *e = k->entry[at];
    k->bytes -= e->bytes;
    k->entry[at] = k->entry[--k->n];
    entry_free(ctx, e);
}

/* Lets the least recently used go; false if all are being worked on, or only `but` is left. */
static bool entry_evict(akin_ctx *ctx, struct cat_filters *k, const struct entry *but)
{
    int oldest = -1;
    for (int i = 0; i < k->n; i++) {
        const struct entry *e = k->entry[i];
        if (e != but && !e->is_busy && (oldest < 0 || e->used < k->entry[oldest]->used))
            oldest = i;
    }
    if (oldest >= 0)
        entry_drop(ctx, k, oldest);
    return oldest >= 0;
}

static void entry_weigh(akin_ctx *ctx, struct cat_filters *k, struct entry *e)
{
    if (!e->text)
        return;
    int64_t bytes = (int64_t)sizeof *e + (int64_t)strlen(e->text) * TEXT_COST +
                    (e->bits ? e->bits->n_words * (e->bits->seen ? 16 : 8) : 0);
    k->bytes += bytes - e->bytes;
    e->bytes = bytes;
    while (k->bytes > CATALOG_FILTER_BYTES && entry_evict(ctx, k, e))
        continue;
}

static akin_status entry_new(struct catalog *c, const char *text, struct entry **out,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    struct entry *e = NULL;
    MEM_ZERO(c->ctx, e, 1);
    AKIN_TRY(cat_test_make(c, text, &e->test, err));
    if (text) {
        e->hash = hash_bytes(text, strlen(text), 0);
        e->text = mem_strdup(c->ctx, text, err);
        if (!e->text)
            AKIN_TRY(AKIN_E_MEMORY);
    }
    *out = e;
    e = NULL;
done:
    entry_free(c->ctx, e);
    return status;
}

/* Waits until there is a place; another may have put the same text there meanwhile. */
static void entry_add(akin_ctx *ctx, struct cat_filters *k, struct entry *e)
{
    for (;;) {
        if (entry_find(k, e->text, e->hash)) {
            entry_free(ctx, e);
            return;
        }
        if (k->n < CATALOG_FILTERS || entry_evict(ctx, k, NULL))
            break;
        pthread_cond_wait(&k->idle, &k->lock);
    }
    k->entry[k->n++] = e;
}

/* Works on an entry without the mutex, which is held before and after. */
static akin_status entry_work(struct catalog *c, struct entry *e, int64_t want, akin_error *err)
{
    struct cat_filters *k = c->filters;
    struct cat_bits *bits;
    bool is_ours = e->bits && atomic_load_explicit(&e->bits->refs, memory_order_acquire) == 1;
    e->is_busy = true;
    pthread_mutex_unlock(&k->lock);
    akin_status status = cat_bits_update(c, &e->test, e->bits, is_ours, want, &bits, err);
    pthread_mutex_lock(&k->lock);
    e->is_busy = false;
    if (status == AKIN_OK && bits != e->bits) {
        cat_bits_release(c->ctx, e->bits);
        e->bits = bits;
    }
    pthread_cond_broadcast(&k->idle);
    if (status == AKIN_OK) {
        entry_weigh(c->ctx, k, e);
    } else if (!e->bits && e->text) {
        for (int i = 0; i < k->n; i++) {
            if (k->entry[i] == e) {
                entry_drop(c->ctx, k, i);
                break;
            }
        }
    }
    return status;
}

akin_status catalog_filter(struct catalog *c, const char *text, const struct catalog_filter **out,
                           akin_error *err)
{
    akin_status status = AKIN_OK;
    struct cat_filters *k = c->filters;
    struct entry *e;
    int64_t want = c->version;
    uint64_t hash = text ? hash_bytes(text, strnlen(text, (size_t)EXPR_MAX_BYTES + 1), 0) : 0;
    pthread_mutex_lock(&k->lock);
    for (;;) {
        e = entry_find(k, text, hash);
        if (!e) {
            pthread_mutex_unlock(&k->lock);
            status = entry_new(c, text, &e, err);
            pthread_mutex_lock(&k->lock);
            AKIN_TRY(status);
            entry_add(c->ctx, k, e);
        } else if (e->is_busy) {
            pthread_cond_wait(&k->idle, &k->lock);
        } else if (e->bits && e->bits->f.version >= want) {
            break;
        } else {
            AKIN_TRY(entry_work(c, e, want, err));
            if (e->bits->f.version >= want)
                break;
        }
    }
    e->used = ++k->stamp;
    atomic_fetch_add_explicit(&e->bits->refs, 1, memory_order_relaxed);
    *out = &e->bits->f;
done:
    pthread_mutex_unlock(&k->lock);
    return status;
}

bool catalog_filter_is_cached(struct catalog *c, const char *text)
{
    struct cat_filters *k = c->filters;
    uint64_t hash = text ? hash_bytes(text, strnlen(text, (size_t)EXPR_MAX_BYTES + 1), 0) : 0;
    pthread_mutex_lock(&k->lock);
    const struct entry *e = entry_find(k, text, hash);
    bool is_cached = e && e->bits && !e->is_busy;
    pthread_mutex_unlock(&k->lock);
    return is_cached;
}

void catalog_filter_release(struct catalog *c, const struct catalog_filter *f)
{
    if (f)
        cat_bits_release(c->ctx, (struct cat_bits *)(uintptr_t)f);
}

akin_status cat_filters_create(struct catalog *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct cat_filters *k = NULL;
    MEM_ZERO(c->ctx, k, 1);
    if (pthread_mutex_init(&k->lock, NULL) != 0 || pthread_cond_init(&k->idle, NULL) != 0) {
        mem_free(c->ctx, k);
        AKIN_FAIL(AKIN_E_MEMORY, "catalog: no lock");
    }
    c->filters = k;
    AKIN_TRY(entry_new(c, NULL, &k->alive, err));
done:
    return status;
}

void cat_filters_free(struct catalog *c)
{
    struct cat_filters *k = c->filters;
    if (!k)
        return;
    for (int i = 0; i < k->n; i++)
        entry_free(c->ctx, k->entry[i]);
    entry_free(c->ctx, k->alive);
    pthread_cond_destroy(&k->idle);
    pthread_mutex_destroy(&k->lock);
    mem_free(c->ctx, k);
}
