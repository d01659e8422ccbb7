/*
 * akin: a recommender engine. Public interface.
 *
 * C99, C++ clean. Nothing here is ABI-stable before 1.0 (see VERSIONING.md).
 *
 * Conventions
 *   Errors   every fallible call returns akin_status and fills an optional, caller-owned
 *            akin_error. On failure outputs are untouched unless a function says otherwise.
 *   Owners   a pointer got from *_open, *_create or *_train is freed by the matching *_free.
 *            Strings returned through `char **` are freed by akin_string_free.
 *   Threads  one akin_ctx serves one calling thread at a time and runs its own workers; several
 *            contexts in one process are independent. akin_cancel may be called from any thread
 *            and from a signal handler.
 *   Ids      users and items are named by the caller's own strings (UTF-8, no NUL, 1..4096 bytes).
 *   Same data + parameters + seed + version give the same bits, whatever the thread count or CPU.
 */
#ifndef AKIN_AKIN_H
#define AKIN_AKIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(AKIN_BUILD_SHARED) && defined(__GNUC__)
#define AKIN_API __attribute__((visibility("default")))
#else
#define AKIN_API
#endif

#define AKIN_VERSION_MAJOR 0
#define AKIN_VERSION_MINOR 1
#define AKIN_VERSION_PATCH 0
#define AKIN_VERSION "0.1.0"

/* ---- Errors ------------------------------------------------------------------------------- */

/* name, exit status of the program, text */
#define AKIN_STATUS_MAP(X)                                                                         \
    X(OK, 0, "done")                                                                               \
    X(E_ARG, 2, "wrong argument or parameter")                                                     \
    X(E_INPUT, 2, "bad input data")                                                                \
    X(E_NOT_FOUND, 2, "not found")                                                                 \
    X(E_FORMAT, 2, "corrupt or foreign file")                                                      \
    X(E_VERSION, 2, "file of an unsupported version")                                              \
    X(E_UNSUPPORTED, 2, "not supported here")                                                      \
    X(E_MEMORY, 1, "out of memory or over the memory limit")                                       \
    X(E_LIMIT, 1, "over a limit")                                                                  \
    X(E_IO, 1, "input or output failed")                                                           \
    X(E_CANCELLED, 130, "cancelled")                                                               \
    X(E_INTERNAL, 1, "internal error")

typedef enum akin_status {
#define AKIN_STATUS_ENUM(name, exit_status, text) AKIN_##name,
    AKIN_STATUS_MAP(AKIN_STATUS_ENUM)
#undef AKIN_STATUS_ENUM
} akin_status;

/* Filled on failure. 256 bytes; the message names the thing, the value and the limit. */
typedef struct akin_error {
    int32_t code;      /* an akin_status */
    int32_t line;      /* source line that raised it */
    char file[40];     /* source file, last path component */
    char message[208]; /* NUL-terminated UTF-8 */
} akin_error;

/*
 * Name of a status, e.g. "E_ARG"; its text; the exit status the program uses for it.
 * Cost: constant. Fails: never. Threads: any. Since: 0.1
 */
AKIN_API const char *akin_status_name(akin_status status);
AKIN_API const char *akin_status_text(akin_status status);
AKIN_API int akin_status_exit(akin_status status);

/* The library's version, as AKIN_VERSION at its build. Threads: any. Since: 0.1 */
AKIN_API const char *akin_version(void);

/* ---- Context ------------------------------------------------------------------------------ */

typedef struct akin_ctx akin_ctx;

/* Every field is 8 bytes; zero means the default. */
typedef struct akin_ctx_options {
    int64_t threads; /* worker threads, 0 = all the machine's cores, at most 1024 */
    uint64_t seed;   /* of every random draw; 0 is a seed like another (default 42 in the CLI) */
    int64_t memory_limit; /* bytes, 0 = none; kept: an allocation beyond fails with E_MEMORY */
    const char *isa;      /* "ref", "avx2", "avx512", "neon"; NULL = the best here */
} akin_ctx_options;

/*
 * Makes a context: workers, memory accounting, kernels.
 *   options   borrowed, may be NULL for the defaults
 *   out       receives the context; free with akin_ctx_free
 * Cost: starts threads. Fails: E_ARG (isa unknown or not on this CPU), E_MEMORY. Threads: any.
 * Since: 0.1
 */
AKIN_API akin_status akin_ctx_create(const akin_ctx_options *options, akin_ctx **out,
                                     akin_error *err);

/* Frees a context; NULL is allowed. Everything made with it must be freed before. Since: 0.1 */
AKIN_API void akin_ctx_free(akin_ctx *ctx);

typedef enum akin_log_level {
    AKIN_LOG_ERROR,
    AKIN_LOG_WARN,
    AKIN_LOG_INFO,
    AKIN_LOG_DEBUG
} akin_log_level;

/* done/total in units of the stage; total 0 = unknown; eta_seconds < 0 = unknown. */
typedef struct akin_progress {
    const char *stage; /* valid during the call */
    int64_t done;
    int64_t total;
    double elapsed_seconds;
    double eta_seconds;
} akin_progress;

typedef void (*akin_log_fn)(void *arg, akin_log_level level, const char *message);
typedef void (*akin_progress_fn)(void *arg, const akin_progress *progress);
/* Receives result bytes of operations that stream; returns 0, or non-zero to stop with E_IO. */
typedef int (*akin_sink_fn)(void *arg, const void *bytes, size_t size);

/*
 * Call-backs; NULL turns one off. They run on the calling thread (progress: at most ten times a
 * second). Since: 0.1
 */
AKIN_API void akin_ctx_on_log(akin_ctx *ctx, akin_log_fn fn, void *arg);
AKIN_API void akin_ctx_on_progress(akin_ctx *ctx, akin_progress_fn fn, void *arg);
AKIN_API void akin_ctx_on_output(akin_ctx *ctx, akin_sink_fn fn, void *arg);

/*
 * Asks running work to stop: it returns E_CANCELLED within 100 ms, outputs untouched. Stays set
 * until akin_cancel_clear. Threads: any, and signal handlers. Since: 0.1
 */
AKIN_API void akin_cancel(akin_ctx *ctx);
AKIN_API void akin_cancel_clear(akin_ctx *ctx);

/*
 * Asks a running `serve` to read its keys and certificates anew; nothing else listens. Threads:
 * any, and signal handlers. Since: 0.1
 */
AKIN_API void akin_reload(akin_ctx *ctx);

/* Bytes in use now and at most so far by this context. Threads: any. Since: 0.1 */
AKIN_API int64_t akin_memory_used(const akin_ctx *ctx);
AKIN_API int64_t akin_memory_peak(const akin_ctx *ctx);

/* ---- Parameters --------------------------------------------------------------------------- */

typedef enum akin_param_type {
    AKIN_PARAM_BOOL,   /* int64_t 0 or 1 */
    AKIN_PARAM_INT,    /* int64_t */
    AKIN_PARAM_REAL,   /* double */
    AKIN_PARAM_TEXT,   /* const char *, NULL when absent */
    AKIN_PARAM_CHOICE, /* int64_t, index into choices */
    AKIN_PARAM_SIZE,   /* int64_t bytes; "512MiB", "2GB", "1000" */
    AKIN_PARAM_LIST,   /* JSON array (or one comma-separated text) */
    AKIN_PARAM_MAP     /* JSON object, or key=value pairs on the command line */
} akin_param_type;

enum {
    AKIN_PARAM_REQUIRED = 1,   /* has no default and must be given */
    AKIN_PARAM_TUNE = 2,       /* the tuner searches it */
    AKIN_PARAM_TUNE_LOG = 4,   /* … on a logarithmic scale */
    AKIN_PARAM_POSITIONAL = 8, /* on the command line without its name */
    AKIN_PARAM_HIDDEN = 16,    /* not in --help */
    AKIN_PARAM_SECRET = 32     /* never logged nor written to an artifact */
};
/* Also by one dash and this letter on the command line; in the highest byte of flags. */
#define AKIN_PARAM_LETTER(c) ((uint32_t)(c) << 24)

/* One row: CLI flags, config keys, HTTP, docs, tuner and model card derive from it. */
typedef struct akin_param {
    const char *name; /* snake_case; on the command line `_` is `-` */
    akin_param_type type;
    uint32_t flags;           /* AKIN_PARAM_* */
    size_t offset;            /* internal: where the value lands in the owner's struct */
    const char *default_text; /* as a user would type it; NULL = absent */
    double lo, hi;            /* bounds, inclusive, of INT, REAL, SIZE */
    const char *choices;      /* CHOICE: "a|b|c" */
    const char *unit;         /* "days", "bytes", … or "" */
    const char *help;         /* one sentence */
} akin_param;

/* ---- Operations --------------------------------------------------------------------------- */

/* Parameters that belong together, as --help prints them. */
typedef struct akin_param_group {
    const char *title;        /* "Options", "Reading data", … */
    const akin_param *params; /* up to a row whose name is NULL */
} akin_param_group;

enum { AKIN_OP_GROUPS = 4 };

/* What the program's subcommands, YAML stages and HTTP jobs are made of. */
typedef struct akin_op {
    const char *name;                        /* "prepare" */
    const char *summary;                     /* one line */
    const char *example;                     /* command lines that work, newline-separated */
    akin_param_group groups[AKIN_OP_GROUPS]; /* a name found in an earlier group hides later ones */
    size_t n_groups;
} akin_op;

/* The table of operations; NULL past the end. Threads: any. Since: 0.1 */
AKIN_API const akin_op *akin_op_at(size_t index);

/*
 * Runs an operation.
 *   name     of akin_op_at(i)->name
 *   params   JSON object text, keys as in its table; NULL = all defaults
 *   result   receives JSON text; free with akin_string_free; may be NULL
 * Streaming results (recommend without `output`) go to the sink of akin_ctx_on_output.
 * Cost, Fails: those of the operation. Threads: the context's. Since: 0.1
 */
AKIN_API akin_status akin_op_run(akin_ctx *ctx, const char *name, const char *params, char **result,
                                 akin_error *err);

/* Frees a string that akin returned; NULL is allowed. Since: 0.1 */
AKIN_API void akin_string_free(char *text);

/* ---- Datasets ----------------------------------------------------------------------------- */

typedef struct akin_dataset akin_dataset;

/*
 * Opens a .akin file, or reads a SOURCE as `prepare` would.
 *   path     a .akin file or any SOURCE
 *   params   JSON object of `prepare` parameters, NULL for the defaults
 *   out      free with akin_dataset_free
 * Cost: a map for .akin; else parsing, O(rows). Fails: E_IO, E_INPUT, E_FORMAT, E_VERSION,
 * E_MEMORY. Threads: the context's. Since: 0.1
 */
AKIN_API akin_status akin_dataset_open(akin_ctx *ctx, const char *path, const char *params,
                                       akin_dataset **out, akin_error *err);
AKIN_API akin_status akin_dataset_save(const akin_dataset *ds, const char *path, akin_error *err);
AKIN_API void akin_dataset_free(akin_dataset *ds);
AKIN_API int64_t akin_dataset_users(const akin_dataset *ds);
AKIN_API int64_t akin_dataset_items(const akin_dataset *ds);
AKIN_API int64_t akin_dataset_events(const akin_dataset *ds);

/*
 * Splits by time, ratio, leave-last:N, users:F, sessions:F or kfold:K (fold 0..K-1).
 *   by        "time:0.2", "leave-last:1", …
 *   train, test   receive new datasets
 * Cost: O(events). Fails: E_ARG, E_MEMORY. Threads: the context's. Since: 0.1
 */
AKIN_API akin_status akin_dataset_split(akin_ctx *ctx, const akin_dataset *ds, const char *by,
                                        int64_t fold, akin_dataset **train, akin_dataset **test,
                                        akin_error *err);

/* ---- Models ------------------------------------------------------------------------------- */

typedef struct akin_model akin_model;

/*
 * Trains a model.
 *   ds       made with ctx; may be freed afterwards: the model keeps what it needs of it, which is
 *            the same memory, not a copy
 *   name     see `akin models`
 *   params   JSON object of its parameters (`akin params NAME`), NULL for the defaults; the keys
 *            `positive`, `event_weights` and `half_life_days` set the feedback rule
 * Cost: the model's, stated in docs/models. Fails: E_ARG, E_INPUT, E_MEMORY, E_CANCELLED.
 * Threads: the context's. Since: 0.1
 */
AKIN_API akin_status akin_model_train(akin_ctx *ctx, const akin_dataset *ds, const char *name,
                                      const char *params, akin_model **out, akin_error *err);
AKIN_API akin_status akin_model_open(akin_ctx *ctx, const char *path, akin_model **out,
                                     akin_error *err);
AKIN_API akin_status akin_model_save(const akin_model *model, const char *path, akin_error *err);
AKIN_API void akin_model_free(akin_model *model);
AKIN_API const char *akin_model_name(const akin_model *model);
AKIN_API int64_t akin_model_users(const akin_model *model);
AKIN_API int64_t akin_model_items(const akin_model *model);

/* ---- Recommendations ---------------------------------------------------------------------- */

/* One asker. Every field is 8 bytes; zero means absent. */
typedef struct akin_query {
    const char *user_id;         /* known user: the training history is used; or NULL */
    const char *const *item_ids; /* history of this second, oldest first, n_items of them */
    const double *weights;       /* one per item, or NULL = 1 */
    int64_t n_items;
    int64_t now;          /* Unix seconds; 0 = newest time in the training data */
    int64_t k;            /* length of the list, 0 = 10 */
    const char *filter;   /* expression over item attributes, or NULL */
    int64_t include_seen; /* 1 = items of the history may come back */
} akin_query;

typedef struct akin_item {
    const char *item_id; /* owned by the model */
    double score;
} akin_item;

/*
 * Recommends: exactly min(k, eligible) items, best first.
 *   query    borrowed
 *   items    caller-owned array of at least query->k
 *   n_items  receives the count
 * Cost: one scoring pass of the model, plus its fold-in. Fails: E_ARG, E_NOT_FOUND (user id
 * unknown and no history), E_INPUT (filter). Threads: one caller a model handle. Since: 0.1
 */
AKIN_API akin_status akin_recommend(akin_model *model, const akin_query *query, akin_item *items,
                                    int64_t *n_items, akin_error *err);

/* Items nearest to item_id, best first; as akin_recommend. Fails: E_NOT_FOUND. Since: 0.1 */
AKIN_API akin_status akin_similar(akin_model *model, const char *item_id, int64_t k,
                                  akin_item *items, int64_t *n_items, akin_error *err);

/*
 * Evaluates a model on held-out data; params and result as the operation `evaluate`.
 * Fails: E_ARG (leakage: test pairs were trained on), … Since: 0.1
 */
AKIN_API akin_status akin_evaluate(akin_ctx *ctx, akin_model *model, const akin_dataset *test,
                                   const char *params, char **result, akin_error *err);

#ifdef __cplusplus
}
#endif
#endif
