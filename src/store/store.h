/*
 * The store: the truth about events, catalogue, people and keys after a dataset's watermark.
 * One interface; `sqlite:PATH` is the first implementation (DynamoDB and Cassandra follow).
 *
 * Writes are asynchronous and durable: a write is done when its transaction is on disk (fdatasync
 * returned), never before. One writer thread makes a commit of at most `batch` writes or what came
 * within `linger_us`; checkpoints run in a thread of their own. Reads see all that is done.
 *
 * Every event, item, user and erasure gets a sequence number, rising and without reuse (also after
 * a crash); a dataset's watermark is the last one in it. What the file holds: docs/store.md.
 */
#ifndef AKIN_STORE_STORE_H
#define AKIN_STORE_STORE_H

#include "core/ctx.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    STORE_ID_MAX = 4096,     /* bytes of a user, item or event id */
    STORE_TYPE_MAX = 255,    /* bytes of an event type */
    STORE_JSON_MAX = 1 << 20 /* bytes of a context or of attributes */
};

/* Texts NUL-terminated UTF-8. In a write: borrowed until done is called. In a read: until the
 * call-back returns. */
struct store_event {
    int64_t seq;          /* given by the store */
    const char *event_id; /* never NULL: the caller makes one where the client gave none */
    const char *user_id;
    const char *item_id;
    const char *event_type; /* "" = none */
    double value;           /* NaN = none */
    int64_t time;           /* Unix seconds, >= 0 */
    const char *context;    /* JSON object, or NULL */
};

enum store_kind { STORE_ITEM = 1, STORE_USER = 2 };

/* The last word about an item or user: attributes (JSON object), or NULL = deleted. */
struct store_entity {
    int64_t seq;
    enum store_kind kind;
    const char *id;
    const char *attributes;
};

/* An API key: only its hash is stored. */
struct store_key {
    const char *id;     /* public part, names the key in logs */
    const char *hash;   /* hex */
    const char *scopes; /* "read", "read,write", … */
    const char *note;
    int64_t created, expires; /* Unix seconds; expires 0 = never */
};

enum store_op {
    STORE_PUT_EVENTS = 1, /* events, n */
    STORE_PUT_ENTITY,     /* entity */
    STORE_ERASE_USER,     /* id: its events and attributes go, the id is suppressed */
    STORE_PUT_KEY,        /* key */
    STORE_DELETE_KEY,     /* id; fails: E_NOT_FOUND */
    STORE_EXPIRE /* event_type (NULL = all types), before: deletes older events, in portions
                    between other commits; and users of whom nothing is left */
};

/*
 * A write. The caller owns it and everything it points to until `done` is called: once, from the
 * writer thread (or from store_close), also on failure. done must be short and may not write.
 */
struct store_write {
    enum store_op op;
    const struct store_event *events;
    int64_t n;
    const struct store_entity *entity;
    const struct store_key *key;
    const char *id;
    const char *event_type;
    int64_t before;
    /* results, set before done */
    /* events: of the first that is new (0 = none), those that are new follow without a gap; item,
       user, erasure: its own */
    int64_t first_seq;
    int64_t n_new;   /* events that were not in the store yet; others are ignored */
    uint8_t *is_new; /* (n) caller-owned room, or NULL: which are new */
    int64_t n_deleted;
    void (*done)(struct store_write *w, akin_status status, const akin_error *err);
    void *arg;                /* the caller's */
    struct store_write *next; /* the store's */
};

struct store_options {
    int64_t batch;     /* events of a commit at most, 0 = 512; a larger write is one alone */
    int64_t linger_us; /* waits for more, 0 = 1000 */
    int64_t queue;     /* writes waiting at most, 0 = 65536; then E_LIMIT */
    bool read_only;    /* store_submit fails with E_UNSUPPORTED; another process may write */
    bool must_exist;   /* else the file is made */
};

enum store_state {
    STORE_READY = 0,
    STORE_FULL,      /* no space left: writes fail, and are tried again by themselves */
    STORE_READ_ONLY, /* the file or its file system may not be written */
    STORE_CORRUPT,   /* the file is damaged; reads may fail */
    STORE_FAILED     /* fsync or input/output failed: nothing is acknowledged until reopened */
};

struct store_info {
    enum store_state state;
    char message[208];                            /* why, if not ready */
    int64_t n_events, n_items, n_users, n_erased; /* items and users: ids that are known */
    int64_t last_seq;                             /* durable */
    int64_t format, format_was; /* of the file: now, and before it was opened and migrated */
    int64_t bytes, wal_bytes;
    int64_t queued;          /* writes waiting */
    int64_t commits, writes; /* since the start */
    double commit_seconds;   /* sum, for the mean */
};

struct store;

/*
 * url: "sqlite:PATH" or PATH ending in .db. Fails: E_IO, E_NOT_FOUND (folder; or must_exist),
 * E_FORMAT (not a store, or damaged: by name), E_VERSION (made by a newer akin), E_ARG (url),
 * E_LIMIT (another process writes to it). Older formats are migrated in place, in one transaction.
 * A file that may not be written opens with STORE_READ_ONLY, a full disk with STORE_FULL. ctx: for
 * memory only; its threads are not used.
 */
akin_status store_open(akin_ctx *ctx, const char *url, const struct store_options *options,
                       struct store **out, akin_error *err);
/* Commits what is queued, ends the threads, checkpoints. NULL allowed. */
void store_close(struct store *s);

/* Queues a write. Fails at once (done is not called): E_LIMIT (queue full), E_ARG (an id empty, too
 * long or not UTF-8; time; value infinite), E_UNSUPPORTED, E_IO (STORE_READ_ONLY since it was
 * opened). Threads: any. */
akin_status store_submit(struct store *s, struct store_write *w, akin_error *err);
/* The same, and waits for it. w->done and arg are not used. Threads: any but the writer. */
akin_status store_write_wait(struct store *s, struct store_write *w, akin_error *err);

/* Threads of all reads: any number at once; eight run, others wait. A read is one snapshot, and
 * fails with E_FORMAT where a row is damaged. A call-back returns false to stop; it may not read
 * the store. */
typedef bool (*store_event_fn)(void *arg, const struct store_event *event);
typedef bool (*store_entity_fn)(void *arg, const struct store_entity *entity);
typedef bool (*store_key_fn)(void *arg, const struct store_key *key);
typedef bool (*store_erased_fn)(void *arg, int64_t seq, const char *user_id, int64_t time);

/* Events with seq > after, ascending, at most limit (0 = all). */
akin_status store_events(struct store *s, int64_t after, int64_t limit, store_event_fn fn,
                         void *arg, akin_error *err);
/* A user's (or an item's) events, newest first, with seq < before (0 = from the newest). */
akin_status store_user_events(struct store *s, const char *user_id, int64_t before, int64_t limit,
                              store_event_fn fn, void *arg, akin_error *err);
akin_status store_item_events(struct store *s, const char *item_id, int64_t before, int64_t limit,
                              store_event_fn fn, void *arg, akin_error *err);
/* Last words about items or users with seq > after, ascending; deletions included. */
akin_status store_entities(struct store *s, enum store_kind kind, int64_t after, store_entity_fn fn,
                           void *arg, akin_error *err);
/* One of them. Fails: E_NOT_FOUND. */
akin_status store_entity_get(struct store *s, enum store_kind kind, const char *id,
                             store_entity_fn fn, void *arg, akin_error *err);
akin_status store_erased(struct store *s, store_erased_fn fn, void *arg, akin_error *err);
akin_status store_keys(struct store *s, store_key_fn fn, void *arg, akin_error *err);

/* Cheap; counts may lag by a commit. Threads: any. */
void store_info(struct store *s, struct store_info *out);
/* A checked look at the whole file: E_FORMAT with what is wrong. Cost: reads it. */
akin_status store_check(struct store *s, akin_error *err);
/* A consistent copy while it is in use, to a new file, durable. E_IO, E_ARG (target exists). */
akin_status store_backup(struct store *s, const char *path, akin_error *err);

#endif
