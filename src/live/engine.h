/*
 * Inside of the engine, shared by the files of live/ only.
 *
 * Item numbers: `item` is the catalogue's, `place` a generation's own. Locks, in the order in which
 * they may be held together: models → people shard → order of people → catalogue → types.
 */
#ifndef AKIN_LIVE_ENGINE_H
#define AKIN_LIVE_ENGINE_H

#include "data/catalog.h"
#include "data/ids_prefix.h"
#include "live/experiment.h"
#include "live/live.h"
#include "live/people_order.h"
#include "models/model.h"

#include <pthread.h>

enum {
    LIVE_MODELS = 64,   /* names */
    LIVE_TYPES = 250,   /* event types */
    LIVE_SHARDS = 64,   /* of people */
    LIVE_FORKS = 16,    /* rankers a slot keeps */
    LIVE_REASONS = 3,   /* per item */
    LIVE_NO_TYPE = 255, /* a type that a model does not know */
    LIVE_FRESH = 64     /* new items that exploration may choose from */
};

/* ---- People: what happened after the models ---- */

/* An acknowledged event; in a person ascending by (time, seq). */
struct live_event {
    int64_t seq, time;
    float value; /* NaN = none */
    int32_t item;
    uint8_t type; /* number in live->types */
};

struct person {
    struct person *next; /* of the bucket */
    int64_t version;     /* of the list cache; rises with every event */
    int64_t erased;      /* sequence of the last erasure, 0 = none */
    int64_t newest;      /* highest sequence of the events, 0 = none */
    struct live_event *events;
    int32_t n, cap;
    int32_t size; /* of the id */
    char id[];
};

struct people_shard {
    pthread_rwlock_t lock;
    struct person **bucket; /* (n_buckets) */
    int64_t n_buckets, n;
};

struct people {
    akin_ctx *ctx;
    struct people_shard shard[LIVE_SHARDS];
    struct people_order order;
    _Atomic int64_t n_events, n_people;
    _Atomic int64_t n_erasures; /* since the start */
};
akin_status people_init(akin_ctx *ctx, struct people *p, akin_error *err);
void people_free(struct people *p);
akin_status people_add(struct people *p, const char *id, size_t size, const struct live_event *e,
                       akin_error *err);
/* For who looks ahead (people_queue.c): an id's hash, and where its person hangs. */
uint64_t people_hash(const char *id, size_t size);
const struct person *const *people_bucket(const struct people *p, uint64_t hash);
akin_status people_erase(struct people *p, const char *id, size_t size, int64_t seq,
                         akin_error *err);
struct person_state {
    int64_t version, erased, newest; /* as of struct person; zeros for strangers */
};
struct person_state people_state(struct people *p, const char *id, size_t size);
/* Copies the events with seq > after into the arena. *version 0, *erased 0, *n 0 for strangers. */
akin_status people_read(struct people *p, const char *id, size_t size, int64_t after,
                        struct arena *arena, const struct live_event **events, int32_t *n,
                        int64_t *version, int64_t *erased, akin_error *err);

/* Lets go of events up to `known`, and of those of a type (-1 = all) from before a time. */
void people_forget(struct people *p, int64_t known, int type, int64_t before);

/* ---- What is let go of ---- */

struct retention_rule {
    char *type; /* owned; NULL = every type */
    int64_t seconds;
};
struct keeper {
    struct retention_rule rules[LIVE_TYPES];
    int n_rules;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool is_ready, has_thread, is_over, is_poked;
};
/* An older model needs events that were let go of: from the store again. Under load_lock. Fails:
 * E_LIMIT (max_overlay). */
akin_status remember(struct live *l, int64_t watermark, akin_error *err);
akin_status keeper_init(struct live *l, akin_error *err);
akin_status keeper_start(struct live *l, akin_error *err);
void keeper_poke(struct live *l); /* a model was loaded */
void keeper_free(struct live *l); /* before the store is closed */

/* ---- Models ---- */

struct generation {
    _Atomic int64_t refs;
    atomic_bool is_retired; /* nobody takes it any more: slots let go */
    int64_t id;
    char name[64]; /* under which it is served */
    char *path;    /* owned */
    struct model *m;
    struct scorer scorer;
    struct ranker *ranker;       /* slots fork it */
    struct item_vectors vectors; /* items NULL = none */
    int32_t *item;               /* (items) catalogue number of a place */
    int32_t *place;              /* (n_place) place of a catalogue number, -1 = none; newer: none */
    int32_t n_place;
    bool is_identity;                    /* item[i] == i */
    int32_t *by_count;                   /* (items) places, most popular first */
    struct ids_prefix by_id;             /* users, for the search */
    struct late *late;                   /* items newer than it, NULL = it cannot score them */
    _Atomic int16_t type_of[LIVE_TYPES]; /* -2 = not asked yet */
    bool keeps_repeats;                  /* its data kept repeated events */
    int64_t loaded;                      /* Unix seconds */
    _Atomic int64_t cost_us;             /* mean of answers, smoothed */
    _Atomic int64_t n_answers, n_errors; /* errors: not the asker's fault */
    struct file_mark {
        uint64_t device, inode;
        int64_t size, time_ns;
    } file; /* what path named when it was loaded */
};

struct entry {
    char name[64];
    struct generation *current, *previous; /* a reference each */
    struct generation *canary;             /* a reference, NULL = none */
    double canary_share;                   /* of the users */
};

/* g's ranker, with the index that its number of items asks for. */
akin_status retrieval_make(struct live *l, struct generation *g, akin_error *err);
/* "retrieval":{"kind":"exact"|"lists"|"scores","recall":…,…} */
void retrieval_json(struct jw *jw, const struct generation *g);

/* ---- The list cache ---- */

struct cache;
akin_status cache_create(akin_ctx *ctx, int64_t bytes, struct cache **out, akin_error *err);
void cache_free(struct cache *c);
struct cache_key {
    uint64_t a, b;
};
/* Appends the text kept under the first of n keys that has one; one hit or one miss. */
bool cache_get(struct cache *c, const struct cache_key *keys, int n, struct buf *out);
void cache_put(struct cache *c, struct cache_key key, const char *text, int64_t size);
void cache_stats(struct cache *c, int64_t *bytes, int64_t *hits, int64_t *misses);

/* ---- The engine ---- */

struct live {
    akin_ctx *ctx;
    struct live_params p;
    char *fallback; /* owned copy */
    uint64_t seed;
    struct store *store;
    struct cache *cache;     /* NULL = none */
    struct catalog *catalog; /* NULL until the first model */
    struct ids base_ids;     /* what the catalogue stands on; owned */
    struct table base_table;
    int32_t *base_count;
    struct people people;
    struct experiments *experiments; /* NULL = none */
    pthread_rwlock_t models_lock;
    pthread_mutex_t load_lock; /* one load at a time: it uses ctx's threads */
    struct entry entry[LIVE_MODELS];
    int n_entries, at_default;
    int64_t n_generations;
    pthread_rwlock_t types_lock;
    char *types[LIVE_TYPES];
    _Atomic int n_types;
    pthread_rwlock_t recent_lock;
    struct recent {
        int64_t seq, time;
        int32_t item;
    } *recent; /* events since the start, in the order they came */
    int64_t n_recent, cap_recent;
    struct keeper keeper;
    int64_t forgotten;                 /* events up to here are not in memory; under load_lock */
    _Atomic int64_t reserved;          /* events submitted, not yet in the overlay */
    atomic_bool is_started, is_behind; /* behind: something durable is not in memory */
    _Atomic int64_t n_events, n_answers, n_fallbacks;
    _Atomic int64_t clock_offset; /* day's clock less the steady one at most, ns */
    _Atomic int64_t newest_event; /* by its own time */
    atomic_bool is_clock_told;
    struct retrain *retrain; /* NULL = not configured */
    struct jobs *jobs;       /* NULL = none */
};

struct live_slot {
    struct live *l;
    akin_ctx *ctx; /* own, one thread */
    struct arena arena;
    struct buf buf;
    struct fork {
        struct generation *g; /* a reference */
        struct ranker *ranker;
    } forks[LIVE_FORKS];
    int n_forks;
};

/* A reference to the generation that answers for a name (NULL = the default). E_NOT_FOUND. */
akin_status generation_get(struct live *l, const char *name, struct generation **out,
                           akin_error *err);
/* The same for a user (NULL = anonymous): whoever is in a canary's share gets the canary. */
akin_status generation_for(struct live *l, const char *name, const char *user_id,
                           struct generation **out, akin_error *err);
void generation_put(struct live *l, struct generation *g);
/* Under models_lock. NULL = none. */
struct entry *entry_find(struct live *l, const char *name);
/* The same; name NULL = the default. Fails: E_NOT_FOUND, which names those that are served. */
akin_status entry_get(struct live *l, const char *name, struct entry **out, akin_error *err);
/* A file as a generation that is ready but answers nobody; under load_lock. */
akin_status generation_make(struct live *l, const char *name, const char *path,
                            struct generation **out, akin_error *err);
/* Is a user in the share of e's canary? canary.c. */
bool canary_takes(const struct entry *e, const char *user_id);
/* Zeros if there is none. */
struct file_mark file_mark_of(const char *path);
/* Nobody takes it from now on; g may be NULL. Under models_lock; the reference is the caller's. */
void generation_retire(struct generation *g);
/* An answer of g ended so; NULL allowed. */
void generation_count(struct generation *g, akin_status status);
/* The slot's ranker of g; valid until the slot's next call. */
akin_status slot_ranker(struct live_slot *s, struct generation *g, struct ranker **out,
                        akin_error *err);
/* Starts a call: empties the arena, lets retired generations go. */
void slot_begin(struct live_slot *s);
/* The model's number of an event type, -1 = unknown there. */
int generation_type(struct live *l, struct generation *g, uint8_t type);
int generation_type_named(const struct generation *g, const char *name);

/* An asker in the numbering of a generation. */
struct live_asker {
    struct query q;
    const char *user_id; /* NULL = anonymous */
    int64_t version;     /* of the person */
    bool has_positive;   /* something to personalise with */
    const int32_t *seen; /* (n_seen) catalogue numbers, ascending: the whole history */
    int32_t n_seen;
};
akin_status asker_build(struct live_slot *s, struct generation *g, const struct live_query *in,
                        struct live_asker *out, akin_error *err);

/*
 * Who may come, as rank/ wants it: bitmaps by place, and the catalogue's filter for items that the
 * generation does not know. filter is released by the caller.
 */
struct live_eligible {
    const struct catalog_filter *filter;    /* NULL = all are alive and allowed */
    const uint64_t *allowed, *allowed_seen; /* by place, in the arena; or NULL = all */
    const int32_t *exclude;                 /* places, ascending */
    int32_t n_exclude;
    const int32_t *candidates; /* places, ascending; NULL = all */
    int32_t n_candidates;
};
akin_status eligible_for(struct live_slot *s, struct generation *g, const struct live_query *q,
                         struct live_eligible *out, akin_error *err);
void eligible_done(struct live_slot *s, struct live_eligible *e);

/* Catalogue numbers of ids, in their order; those that are unknown are left out and counted. */
akin_status items_of_ids(struct live_slot *s, const char *const *ids, int64_t n, int32_t **out,
                         int32_t *count, akin_error *err);

/* A catalogue item that is alive. E_NOT_FOUND. */
akin_status item_find(struct live *l, const char *id, int32_t *out, akin_error *err);

/* Under catalog_enter. "title":… if it has one. */
void title_json(const struct catalog *c, int32_t item, struct jw *jw);
/* "item_id":…,"title":… */
void item_name_json(const struct catalog *c, int32_t item, struct jw *jw);
/* {"item_id":…,"score":…,"title":… — the object stays open. */
void item_open(struct live_slot *s, struct jw *jw, int32_t item, float score);
/* How many items a query wants. Fails: E_ARG over max_k. */
akin_status query_k(const struct live *l, const struct live_query *q, int32_t *k, akin_error *err);
int64_t live_now(void); /* the machine's clock; live_time() else */
int64_t live_clock_behind(struct live *l);

#endif
