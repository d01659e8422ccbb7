/* What the files of the store share: its state, connections, statements. For src/store only. */
#ifndef AKIN_STORE_STORE_IMPL_H
#define AKIN_STORE_STORE_IMPL_H

#include "store/store.h"

#include <pthread.h>
#include <sqlite3.h>

enum {
    STORE_APPLICATION_ID = 0x616b696e, /* "akin" */
    STORE_READERS = 8,                 /* connections for reads at most */
    STORE_BUSY_MS = 2000,              /* waits for a foreign lock */
    STORE_LABEL = 100,                 /* bytes of the path in messages */
    STORE_CHECKPOINT_MS = 1000,        /* from a commit to the checkpoint of it */
    STORE_CHECKPOINT_FRAMES = 8000,    /* 32 MB of log: checkpoint now */
    STORE_RESTART_FRAMES = 16000,      /* 64 MB of log: writes wait until it is empty */
    STORE_CACHE_NAMES = 65536,         /* strings kept while a reader scans */
    STORE_CACHE_TYPES = 256,
    STORE_CACHE_TEXT = 56 /* bytes of a string that is kept, with its NUL */
};

/* Tables of strings; events and words refer to their rows by number. */
enum name_kind { NAME_USER, NAME_ITEM, NAME_TYPE, NAME_N };

/* Statements, prepared on first use and kept. Those of a table follow the order of name_kind. */
enum sql_id {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_STATE_GET,
    SQL_STATE_SET,
    SQL_NUM,                     /* number of an id */
    SQL_TOP = SQL_NUM + NAME_N,  /* highest number */
    SQL_ADD = SQL_TOP + NAME_N,  /* a new id */
    SQL_NAME = SQL_ADD + NAME_N, /* id of a number */
    SQL_USER_DELETE = SQL_NAME + NAME_N,
    SQL_USER_IDLE, /* deletes a user whom nothing mentions any more */
    SQL_KEY_FIND,
    SQL_KEY_ADD,
    SQL_KEY_DELETE,
    SQL_EVENT_ADD,
    SQL_EVENT_DELETE,
    SQL_EVENTS,
    SQL_EVENTS_BY, /* of a user, of an item */
    SQL_WORD_DELETE = SQL_EVENTS_BY + 2,
    SQL_WORD_ADD = SQL_WORD_DELETE + 2,
    SQL_WORDS = SQL_WORD_ADD + 2,
    SQL_WORD = SQL_WORDS + 2,
    SQL_ERASED_HAS = SQL_WORD + 2,
    SQL_ERASED_PUT,
    SQL_ERASED,
    SQL_APIKEY_PUT,
    SQL_APIKEY_DELETE,
    SQL_APIKEYS,
    SQL_N
};

/* Strings by number, one place each; what another number takes is read again. */
struct name_cache {
    int64_t places;                  /* a power of two */
    uint64_t *tags;                  /* (places): scan << 40 | number, 0 = none; owned */
    char (*texts)[STORE_CACHE_TEXT]; /* (places); owned */
};

struct sql_conn {
    akin_ctx *ctx;
    const char *label; /* the store's */
    sqlite3 *db;
    uint64_t salt;          /* of sums and of event ids' hashes */
    enum store_state fault; /* what the last failure says of the store; STORE_READY = nothing */
    sqlite3_stmt *stmts[SQL_N];
    struct name_cache names[NAME_N];
    bool is_scan;  /* a read of many events: the caches are used */
    uint64_t scan; /* tells names of this scan from those of earlier ones */
    char long_name[NAME_N][STORE_ID_MAX + 1];
};

/* The one row of `state`: changes with every commit. */
struct store_counts {
    int64_t seq, n_events, n_items, n_users, n_erased;
};

/* What the tables of a file must be, word for word. */
struct store_object {
    const char *name, *sql;
};
struct store_schema {
    int64_t format;                     /* user_version of the files we write */
    const struct store_object *objects; /* (n_objects) in the order of making */
    int n_objects;
    const char *const *steps; /* (format) steps[v] leads from format v to v + 1; [0] is unused */
};
extern const struct store_schema store_schema;

struct store {
    akin_ctx *ctx;
    const struct store_schema *schema;
    char *path;     /* absolute, owned */
    char *wal_path; /* owned */
    char label[STORE_LABEL];
    struct store_options options; /* zeros replaced */
    int lock_fd;                  /* of the lock file, -1 = none */
    bool is_immutable;            /* a medium without any writer: SQLite needs no locks */

    /* of the writer thread */
    struct sql_conn *writer;
    struct store_counts durable, next;
    int wal_frames; /* after the last commit */

    struct sql_conn *checkpointer;

    pthread_mutex_t mutex; /* all below, to the pool */
    pthread_cond_t more;   /* the writer: writes came, or the end */
    pthread_cond_t turn;   /* is_writing or is_exclusive ended */
    pthread_cond_t check;  /* the checkpointer: something to do, or the end */
    struct store_write *head, *tail;
    int64_t queued_events;
    int64_t first_ns;          /* when the head came; 0 = long ago */
    int64_t last_writes;       /* of the commit before */
    bool is_closing, is_ended; /* close was called; the writer has ended */
    bool is_writing, is_exclusive;
    bool is_dirty;      /* commits since the last checkpoint began */
    bool must_truncate; /* erased bytes may be in the log */
    int64_t dirty_ns, checkpoint_frames;
    int frames; /* wal_frames for the checkpointer */
    struct store_info info;
    pthread_t writer_thread, checkpoint_thread;
    bool has_writer_thread, has_checkpoint_thread;

    pthread_mutex_t pool_mutex;
    pthread_cond_t pool_free;
    struct sql_conn *readers[STORE_READERS];
    bool is_taken[STORE_READERS];
};

/* ---- store.c ---- */

/* store_open with tables that are not ours yet: tests of migration. */
akin_status store_open_as(akin_ctx *ctx, const char *url, const struct store_options *options,
                          const struct store_schema *schema, struct store **out, akin_error *err);
/* State and its message; a worse state stays (STORE_FULL gives way). Threads: any. */
void store_set_state(struct store *s, enum store_state state, const char *message);

/* ---- store_writer.c, store_checkpoint.c ---- */

akin_status store_threads_start(struct store *s, akin_error *err);
void store_threads_end(struct store *s);
void *store_writer_main(void *store);
void *store_checkpoint_main(void *store);
/* A turn at the file: commits, or the end of a checkpoint that must be alone. */
void store_turn_begin(struct store *s, bool is_exclusive);
void store_turn_end(struct store *s, bool is_exclusive);

/* ---- sqlite_open.c ---- */

/* Lock, file (made or migrated), connections of writer and checkpointer, counts. */
akin_status sqlite_open(struct store *s, akin_error *err);
void sqlite_close(struct store *s);
akin_status sqlite_connect(struct store *s, int flags, struct sql_conn **out, akin_error *err);
void sqlite_disconnect(struct sql_conn *c); /* NULL allowed */

/* ---- sqlite_schema.c ---- */

/* A new, empty store under path: made beside it and renamed, so that it is whole or absent. */
akin_status schema_create(struct store *s, akin_error *err);
/* Refuses what is no store, damaged or newer; migrates what is older (in one transaction). *was:
 * the format that was found. */
akin_status schema_check(struct sql_conn *c, const struct store_schema *schema, bool read_only,
                         int64_t *was, akin_error *err);

/* ---- sqlite_sql.c ---- */

akin_status sql_fail(struct sql_conn *c, int rc, const char *what, const char *file, int line,
                     akin_error *err);
/* Within the house pattern, in a function with a `struct sql_conn *c`. */
#define SQL_FAIL(rc, what)                                                                         \
    do {                                                                                           \
        status = sql_fail(c, (rc), (what), __FILE__, __LINE__, err);                               \
        goto done;                                                                                 \
    } while (0)
#define SQL_TRY(call, what)                                                                        \
    do {                                                                                           \
        int sql_rc_ = (call);                                                                      \
        if (sql_rc_ != SQLITE_OK)                                                                  \
            SQL_FAIL(sql_rc_, (what));                                                             \
    } while (0)
/* A damaged file: E_FORMAT and STORE_CORRUPT. */
akin_status sql_corrupt(struct sql_conn *c, akin_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
const char *sql_text(enum sql_id id);
akin_status sql_stmt(struct sql_conn *c, enum sql_id id, sqlite3_stmt **out, akin_error *err);
/* Steps; *row = there is one. At the end and on failure the statement is reset. */
akin_status sql_step(struct sql_conn *c, sqlite3_stmt *stmt, bool *row, akin_error *err);
akin_status sql_run(struct sql_conn *c, enum sql_id id, akin_error *err); /* nothing to bind */
akin_status sql_exec(struct sql_conn *c, const char *text, akin_error *err);
akin_status sql_int(struct sql_conn *c, const char *text, int64_t *out, akin_error *err);
/* Borrowed until the next step; "" for NULL; *size may be NULL. NULL: out of memory. */
const char *sql_column(sqlite3_stmt *stmt, int column, size_t *size);
int sql_bind_text(sqlite3_stmt *stmt, int at, const char *text); /* borrowed; NULL = NULL */

/* ---- sqlite_rows.c: what a row's sum covers, and how an event id is kept ---- */

struct event_id {
    unsigned char packed[16]; /* a canonical UUID */
    const void *bytes;        /* packed, or the caller's text */
    size_t size;
    bool is_packed;
};
void row_event_id(struct event_id *id, const char *text);
void row_event_id_text(const unsigned char packed[16], char out[37]);
/* 48 bits: found again by comparison, so two ids of one hash do no harm. */
int64_t row_event_hash(uint64_t salt, const struct event_id *id);
/* seq, user, item, type, time */
int32_t row_event_sum(uint64_t salt, const int64_t numbers[5], double value,
                      const struct event_id *id, const char *context);
/* Numbers, then texts (NULL = none). */
int32_t row_sum(uint64_t salt, const int64_t *numbers, int n_numbers, const char *const *texts,
                int n_texts);
akin_status row_counts_get(struct sql_conn *c, struct store_counts *out, akin_error *err);
akin_status row_counts_set(struct sql_conn *c, const struct store_counts *counts, akin_error *err);

/* ---- sqlite_write.c: within a transaction of the writer; counts in s->next ---- */

akin_status write_begin(struct store *s, akin_error *err);
akin_status write_apply(struct store *s, struct store_write *w, akin_error *err);
/* One portion of STORE_EXPIRE after *seq, which it moves on; 0 = the end was reached. */
akin_status write_expire(struct store *s, struct store_write *w, int64_t *seq, int64_t *n_deleted,
                         akin_error *err);
akin_status write_commit(struct store *s, akin_error *err);
void write_rollback(struct store *s);

/* ---- sqlite_read.c, sqlite_check.c ---- */

akin_status reader_take(struct store *s, struct sql_conn **out, akin_error *err);
/* Takes the reader's last fault over into the store's state. */
void reader_give(struct store *s, struct sql_conn *c, akin_status status, const akin_error *err);
void readers_close(struct store *s);
/* The row of a statement on events, its sum and names checked; texts live until the next step. */
akin_status read_event(struct sql_conn *c, sqlite3_stmt *stmt, struct store_event *out,
                       char id_text[37], akin_error *err);
akin_status read_name(struct sql_conn *c, enum name_kind kind, int64_t num, const char **out,
                      akin_error *err);
/* One row of a statement; false in *more (true before) ends the read. */
typedef akin_status (*read_row_fn)(struct sql_conn *c, sqlite3_stmt *stmt, void *arg, bool *more,
                                   akin_error *err);
/* Rows of a statement whose parameters are bound; it is reset. */
akin_status read_rows(struct sql_conn *c, sqlite3_stmt *stmt, read_row_fn fn, void *arg,
                      akin_error *err);
/* Who takes the rows: one of the call-backs of store.h; NULL = nobody, only their sums matter. */
struct read_sink {
    store_event_fn event;
    store_entity_fn entity;
    store_erased_fn erased;
    store_key_fn key;
    void *arg;
    enum store_kind kind; /* of entities */
};
/* Rows of SQL_WORDS and SQL_WORD, SQL_ERASED, SQL_APIKEYS; arg: a struct read_sink. */
akin_status read_word_row(struct sql_conn *c, sqlite3_stmt *stmt, void *arg, bool *more,
                          akin_error *err);
akin_status read_erased_row(struct sql_conn *c, sqlite3_stmt *stmt, void *arg, bool *more,
                            akin_error *err);
akin_status read_key_row(struct sql_conn *c, sqlite3_stmt *stmt, void *arg, bool *more,
                         akin_error *err);
int32_t row_key_sum(uint64_t salt, const struct store_key *key);

/* NAME_USER or NAME_ITEM. */
static inline enum name_kind store_name_kind(enum store_kind kind)
{
    return kind == STORE_USER ? NAME_USER : NAME_ITEM;
}

#endif
