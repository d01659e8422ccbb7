/*
 * The engine without sockets: models in generations, histories of this second, the catalogue, the
 * store, answers as JSON. The HTTP server, a test or an embedding program drive it alike.
 *
 * Life of an event: live_put_events → store (durable) → the user's overlay history and the
 * catalogue → `done`. So what is acknowledged shows in the next answer, and what a crash lost was
 * never acknowledged. A user at run time = the model's row + overlay of events after the model's
 * watermark; every model folds the result in.
 *
 * Life of an answer: user or history → query in the numbering of the model's generation → ranked
 * candidates → rules → items that no model knows → JSON. Items deleted, filtered or seen never come
 * back; exactly min(k, eligible) do.
 *
 * Threads: all functions from any thread at once, except that a slot belongs to one caller at a
 * time. Answers allocate nothing that outlives them but cache entries.
 */
#ifndef AKIN_LIVE_LIVE_H
#define AKIN_LIVE_LIVE_H

#include "core/buf.h"
#include "core/param.h"
#include "rank/rules.h"
#include "store/store.h"

#include <jansson.h>

struct live;
struct live_slot;

/* Keys of `serve:` in the configuration that concern the engine: live_param_rows. */
struct live_params {
    int64_t max_items;        /* of the catalogue, upserts included */
    int64_t max_overlay;      /* events held beside the models' histories */
    int64_t max_k;            /* of a request */
    int64_t max_history;      /* events of a history in a request, or used of a user's */
    int64_t max_batch;        /* events, or askers, of a request */
    int64_t cache_bytes;      /* of the list cache, 0 = none */
    int64_t approximate_from; /* items from which an approximate index finds lists, 0 = never */
    json_t *retention;        /* days to keep events, by type; "*" = every type. Read by create */
    const char *fallback;     /* name of a model for askers without a history; NULL = popularity */
    json_t *retrain;          /* keys of `serve: retrain:` (docs/retrain.md); NULL = no jobs */
    json_t *experiments;      /* of users without a word about the model; NULL = none */
    int64_t max_exposed;      /* users an experiment keeps track of */
    struct rule_params rules; /* defaults of requests; rows of their own: rule_param_rows */
};
extern const akin_param live_param_rows[]; /* ends with PARAM_END */

struct live_options {
    const struct live_params *params;
    struct store *store; /* owned by the engine from then on; NULL = events are not kept */
    int64_t seed;
    const char *program;   /* path of akin, which jobs run as a child; NULL = no jobs */
    const char *exposures; /* file of who was in which experiment; NULL = gone with the process */
};

akin_status live_create(akin_ctx *ctx, const struct live_options *options, struct live **out,
                        akin_error *err);
/* Reads the store after the watermark of the oldest model: once, after the models are loaded. */
akin_status live_start(struct live *l, akin_error *err);
/* What the engine does by itself every hour and after a load: events older than retention leave
 * store and memory, those that every model was trained on leave memory. Blocks for the store's
 * part. */
akin_status live_sweep(struct live *l, int64_t now, akin_error *err);
/* Waits for slots to come back; closes the store. */
void live_free(struct live *l);

/* ---- Models ---- */

/*
 * A new generation of the model called `name` from a file. It is checked, mapped and made ready
 * first, then takes the place of the one before, which answers until then and stays for rollback.
 * The first model's table is the base of the catalogue; others add what they know more.
 * Cost: O(file). Fails: those of model_load; the old generation goes on.
 */
akin_status live_model_load(struct live *l, const char *name, const char *path, akin_error *err);
/*
 * The same, but the new generation answers a share of the users (by hash of the id; anonymous
 * askers none) beside the current one. The same file again: only the share changes, and a larger
 * one keeps who is in the smaller. Another file takes the canary's place. While there is a canary
 * live_model_load fails (E_UNSUPPORTED). Fails: E_NOT_FOUND, E_ARG (share), those of model_load.
 */
akin_status live_model_canary(struct live *l, const char *name, const char *path, double share,
                              akin_error *err);
/* The canary becomes current, the one before stays for rollback. Fails: E_NOT_FOUND (no canary). */
akin_status live_model_promote(struct live *l, const char *name, akin_error *err);
/* Drops the canary; without one, the generation before takes over again. E_NOT_FOUND (neither). */
akin_status live_model_rollback(struct live *l, const char *name, akin_error *err);
/* Which model answers when a request names none. Fails: E_NOT_FOUND. */
akin_status live_model_default(struct live *l, const char *name, akin_error *err);
/* {"models":[{"name","type","default","generation","path","loaded","users","items","watermark",
 * "answers","errors","mean_us","card":{…},"previous":{…}|null,"canary":{…,"share"}|null}]} */
akin_status live_models_json(struct live *l, struct buf *out, akin_error *err);

/* ---- Experiments: docs/experiments.md ---- */

/* {"experiments":[…]}: arms, exposure, conversion with intervals, preference. */
akin_status live_experiments_json(struct live *l, struct buf *out, akin_error *err);
/* For metrics. Names are of the configuration: letters, digits, '_', '.', '-'. */
enum { LIVE_ARMS_MAX = 128 };
struct live_arm_stats {
    const char *experiment, *arm;
    int64_t users, answers, converted, events;
    int64_t untracked; /* of the experiment */
};
int live_experiment_arms(struct live *l, struct live_arm_stats out[LIVE_ARMS_MAX]);
/* Until the exposures so far are on disk, or counted as unsaved. */
void live_experiments_flush(struct live *l);

/* ---- Slots: what a thread needs to answer ---- */

akin_status live_slot_create(struct live *l, struct live_slot **out, akin_error *err);
void live_slot_free(struct live_slot *s);

/* ---- Answers ---- */

struct live_history_item {
    const char *item_id;
    const char *event_type; /* NULL = none */
    double value;           /* NaN = none */
    int64_t time;           /* 0 = now */
};

/* Borrowed during the call. Zero means absent. */
struct live_query {
    const char *model;                       /* NULL = the default */
    const char *user_id;                     /* NULL = anonymous */
    const struct live_history_item *history; /* oldest first; after the user's own */
    int64_t n_history;
    int64_t k; /* < 0 = 10 */
    const char *filter;
    bool explain;
    bool include_seen;
    int64_t now;                                                              /* 0 = the clock */
    const char *const *allow, *const *deny, *const *pinned, *const *promoted; /* item ids */
    int64_t n_allow, n_deny, n_pinned, n_promoted;
    const char *const *items; /* live_rank: the candidates */
    int64_t n_items;
    const json_t *context;           /* object: columns of events by name; NULL = none */
    const struct rule_params *rules; /* NULL = the engine's */
    bool no_cache;
};

/*
 * {"user_id":"42","model":"best","generation":3,"items":[{"item_id":"318","score":0.93,
 * "title":"…","reasons":[{"code":"because_of","model":"ials","item_id":"50","title":"…",
 * "contribution":0.4}]}],"fallback":null|{"code":"no_history","model":"popular"}}
 * score null: placed by popularity. reasons only with explain; their codes: because_of, model,
 * fallback_popular, pinned, promoted, explored, diverse. A user in an experiment: also
 * "experiment":{"name","arm"}, or {"name","arms":[…]} where lists are interleaved.
 * Fails: E_NOT_FOUND (model), E_ARG (k, limits), E_INPUT (filter, context). An unknown user is no
 * error.
 */
akin_status live_recommend(struct live_slot *s, const struct live_query *q, struct buf *out,
                           akin_error *err);
/* The items of q->items, best first: same shape; unknown or deleted ones in "unknown":[…]. */
akin_status live_rank(struct live_slot *s, const struct live_query *q, struct buf *out,
                      akin_error *err);
/* {"item_id":…,"title":…,"model":…,"items":[…]}. model NULL: the default if it can, else the first
 * that can; `together` for live_together. Fails: E_NOT_FOUND (item), E_UNSUPPORTED. */
akin_status live_similar(struct live_slot *s, const char *item_id, const struct live_query *q,
                         struct buf *out, akin_error *err);
akin_status live_together(struct live_slot *s, const char *item_id, const struct live_query *q,
                          struct buf *out, akin_error *err);
/* Users most likely to want an item: {"item_id":…,"users":[{"user_id","score"}]}. Cost: O(users).
 */
akin_status live_item_users(struct live_slot *s, const char *item_id, const struct live_query *q,
                            struct buf *out, akin_error *err);
/*
 * The model's users nearest to a user, as all of them are now: by cosine of their states where the
 * model has vectors, else by the share of positives in common (Jaccard; users without one are left
 * out): {"user_id":…,"model":…,"users":[{"user_id","score"}]}, exact, never the user itself nor an
 * erased one. Of q: k, model. Cost: O(users), and a fold-in for each that has newer events. Fails:
 * E_NOT_FOUND (no events of the user are known).
 */
akin_status live_user_similar(struct live_slot *s, const char *user_id, const struct live_query *q,
                              struct buf *out, akin_error *err);
/* Most events within the last window_seconds (0 = all that is known): same shape, score = count. */
akin_status live_popular(struct live_slot *s, int64_t window_seconds, const struct live_query *q,
                         struct buf *out, akin_error *err);
/* {"items":[{"item_id","title"}],"users":["…"]}: what begins so; users by id, those of the default
 * model and those with events after it. */
akin_status live_search(struct live_slot *s, const char *text, int64_t most, struct buf *out,
                        akin_error *err);
/* Predicted microseconds of live_recommend; what is longer belongs to a worker, not to a thread
 * that serves others. */
int64_t live_cost_us(struct live *l, const struct live_query *q);
/* The same of a look at every item and every event since the start: what live_popular does, and at
 * worst live_search of a letter or two. */
int64_t live_scan_us(struct live *l);

/* ---- Look-ups: {"events":[…],"next":cursor|null} newest first; before 0 = from the newest ---- */

akin_status live_item_json(struct live_slot *s, const char *item_id, struct buf *out,
                           akin_error *err);
akin_status live_user_json(struct live_slot *s, const char *user_id, struct buf *out,
                           akin_error *err);
akin_status live_user_events(struct live_slot *s, const char *user_id, int64_t before, int64_t most,
                             struct buf *out, akin_error *err);
akin_status live_item_events(struct live_slot *s, const char *item_id, int64_t before, int64_t most,
                             struct buf *out, akin_error *err);
/* {"item_id":…,"tags":[{"tag","count"}],"next":place|null}: what people called an item in the data
 * of the default model, or of the first that knows tags, most often said first; from: how many to
 * pass over. */
akin_status live_item_tags(struct live_slot *s, const char *item_id, int64_t from, int64_t most,
                           struct buf *out, akin_error *err);
/* All that is held about a person: attributes, events in the store and in each model. */
akin_status live_user_export(struct live_slot *s, const char *user_id, struct buf *out,
                             akin_error *err);

/* ---- Changes: each is durable before done is called; done comes from the store's thread ---- */

struct live_change;
/* result: JSON of the answer, borrowed; NULL on failure, or where there was no memory to say it. */
typedef void (*live_done_fn)(void *arg, akin_status status, const char *result,
                             const akin_error *err);

/*
 * body: {"events":[{event_id?,user_id,item_id,event_type?,value?,time?,context?},…]}, an array of
 * them, or one. Every event is checked first; one bad event refuses all (E_INPUT names its place).
 * result: {"accepted":3,"duplicates":1,"seq":123}. Fails at once (done is not called): E_INPUT,
 * E_LIMIT (too many, queue full, overlay full), E_UNSUPPORTED (no store).
 */
akin_status live_put_events(struct live *l, const json_t *body, live_done_fn done, void *arg,
                            akin_error *err);
/* attributes: a JSON object; result {"item_id":…,"seq":…}. */
akin_status live_put_item(struct live *l, const char *item_id, const json_t *attributes,
                          live_done_fn done, void *arg, akin_error *err);
akin_status live_delete_item(struct live *l, const char *item_id, live_done_fn done, void *arg,
                             akin_error *err);
akin_status live_put_user(struct live *l, const char *user_id, const json_t *attributes,
                          live_done_fn done, void *arg, akin_error *err);
/*
 * Erasure: from then on the id is in no answer, history or look-up. Reads files first (receipt.h).
 * result, the receipt:
 * {"user_id":…,"time":…,"seq":…,"events_deleted":…,"artifacts":[{"kind":…,"path":…,
 * "until":…},…]}
 */
akin_status live_erase_user(struct live *l, const char *user_id, live_done_fn done, void *arg,
                            akin_error *err);

/* ---- Jobs: long work beside the answers, one at a time (docs/retrain.md) ---- */

struct live_job {
    const char *kind;  /* "retrain", "export" */
    const char *model; /* NULL = the default */
    int64_t k;         /* of an export's lists */
};
/*
 * Queues a job. out: {"id","kind","model","state":"queued|running|done|failed|cancelled","stage",
 * "progress":0..1,"created","started","ended","message","result":{…}|null}. Fails: E_ARG (kind),
 * E_NOT_FOUND (model), E_LIMIT (queue full), E_UNSUPPORTED (not set up; the same is queued).
 */
akin_status live_job_submit(struct live *l, const struct live_job *spec, struct buf *out,
                            int64_t *id, akin_error *err);
/* {"jobs":[…]}: the last hundred, newest first. */
akin_status live_jobs_json(struct live *l, struct buf *out, akin_error *err);
akin_status live_job_json(struct live *l, const char *id, struct buf *out, akin_error *err);
/* The job as it is then: one that runs ends soon after. No error if it has ended. */
akin_status live_job_cancel(struct live *l, const char *id, struct buf *out, akin_error *err);

struct live_job_stats {
    bool is_there; /* jobs are set up */
    int64_t queued, running;
    int64_t done, failed, cancelled;
    int64_t promoted, refused; /* candidates of retrains */
};
void live_job_stats(struct live *l, struct live_job_stats *out);

/* ---- State ---- */

struct live_stats {
    int64_t overlay_events, overlay_users;
    int64_t catalog_items, catalog_version;
    int64_t cache_bytes, cache_hits, cache_misses;
    int64_t events, answers, fallbacks;
    int64_t exposures_unsaved; /* in memory only: their journal had no room or no disk */
    int64_t memory_bytes;
    int64_t clock_behind_seconds; /* the machine's clock went back by */
    struct store_info store;      /* zero without a store */
};
void live_stats(struct live *l, struct live_stats *out);
/* NULL if answers and writes work; else why not (static or valid until the next call). */
bool live_is_ready(struct live *l, char *why, size_t size);
struct store *live_store(struct live *l); /* borrowed, NULL = none */
/* Unix seconds that never go back, whatever the machine's clock does (clock.c). */
int64_t live_time(struct live *l);
/* Whether the machine's clock is wrong, and how; answers and writes go on. */
bool live_clock_fault(struct live *l, char *why, size_t size);

#endif
