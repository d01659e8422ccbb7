/*
 * The dataset: an immutable, cleaned, indexed snapshot of interactions with the tables around it.
 *
 * Users = users with events ∪ user table; items (the catalogue) = items with events ∪ item table.
 * Events lie by (user, time, item, type). A dataset is self-consistent: splits make new ones with
 * their own numbering; ids_map joins two.
 */
#ifndef AKIN_DATA_DATASET_H
#define AKIN_DATA_DATASET_H

#include "data/csr.h"
#include "data/ids.h"
#include "data/table.h"

#include <jansson.h>

enum time_kind {
    TIME_NONE = 0,
    TIME_UNIX = 1,   /* seconds */
    TIME_ORDINAL = 2 /* position only: order is known, instants are not */
};

/* NEXT is asked for on its own, all events of the user before it being given. */
enum event_role { ROLE_TARGET = 0, ROLE_HISTORY = 1, ROLE_NEXT = 2 };

struct dataset {
    akin_ctx *ctx;
    struct ids users; /* sharded */
    struct ids items;
    int64_t n_events;
    const int64_t *user_ptr; /* (n_users + 1) */
    const int32_t *item;     /* (n_events) */
    const float *value;      /* (n_events) or NULL = implicit, all 1 */
    const int64_t *time;     /* (n_events) or NULL when time_kind is NONE */
    const uint8_t *type;     /* (n_events) index into types, or NULL = one unnamed type */
    const uint8_t *role;     /* (n_events) enum event_role, or NULL = all targets; test sets made by
                                users:F, sessions:F and session prefixes say which are given: that
                                is all that is known of their users */
    struct strtab types;     /* event types */
    enum time_kind time_kind;
    struct table item_table;  /* n_rows = items.n, or no columns */
    struct table user_table;  /* n_rows = users.n */
    struct table event_table; /* n_rows = n_events: text, context */
    int64_t n_tags;           /* tags, by (item, user, tag) */
    const int32_t *tag_user;  /* (n_tags) -1 = unknown user */
    const int32_t *tag_item;
    const int32_t *tag_text; /* into tag_vocab */
    const int64_t *tag_time; /* NULL = none */
    struct strtab tag_vocab;
    int64_t watermark;      /* last store sequence in it, 0 = none */
    json_t *card;           /* owned: provenance, cleaning report, split, options */
    bool is_owned;          /* event and tag arrays, types, tag_vocab: mem blocks, else mapped */
    struct container *file; /* owned, or NULL */
    int32_t n_shares;       /* owners beside the first; only dataset_share and _free touch it */
};

/* An empty owned dataset with an empty card, for those who fill one; dataset_free it. */
akin_status dataset_new(akin_ctx *ctx, struct dataset **out, akin_error *err);
/*
 * One more owner of ds: what it holds, mapped or not, stays until the last of them calls
 * dataset_free. Cannot fail. Threads: any.
 */
struct dataset *dataset_share(const struct dataset *ds);
/*
 * ds for a context of its own, which may work beside ds's: an owner of nothing but its card; arrays
 * stay those of ds, which must outlive it. Cost: the tables' columns, no cells. Fails: E_MEMORY.
 */
akin_status dataset_lend(akin_ctx *ctx, const struct dataset *ds, struct dataset **out,
                         akin_error *err);
/* Gives up one's part; the last owner's call frees everything. NULL allowed. */
void dataset_free(struct dataset *ds);
akin_status dataset_save(const struct dataset *ds, const char *path, akin_error *err);
akin_status dataset_load(akin_ctx *ctx, const char *path, struct dataset **out, akin_error *err);
/* True if the file starts with the container's magic (or a damaged one: container_is_file). */
bool dataset_is_file(const char *path);
/* Sum over ids and events; equal data have equal fingerprints however they were read. */
uint64_t dataset_fingerprint(const struct dataset *ds);

static inline bool dataset_has_values(const struct dataset *ds)
{
    return ds->value != NULL;
}
/* Least and greatest value; 1,1 when implicit or empty. */
void dataset_value_range(const struct dataset *ds, float *lo, float *hi);
/* Newest time, 0 if none. */
int64_t dataset_newest(const struct dataset *ds);
/* Items (users) with at least one event. */
akin_status dataset_active(const struct dataset *ds, int64_t *n_users, int64_t *n_items,
                           akin_error *err);

/*
 * New dataset of the events with keep[e] != 0. Items: those kept ∪ (with_catalog ? all rows of the
 * item table : none); users likewise. Tables, tags follow. role (may be NULL) is copied per kept
 * event.
 */
akin_status dataset_subset(const struct dataset *ds, const uint8_t *keep, const uint8_t *role,
                           bool with_catalog, struct dataset **out, akin_error *err);
/*
 * The users whose hashed id (by ctx->seed) falls below share, with all their events and the whole
 * catalogue. A pure function of the id: the parts of a split sample alike, and a smaller share's
 * users are among a larger one's. Fails: E_INPUT (nobody is left), E_MEMORY.
 */
akin_status dataset_sample_users(const struct dataset *ds, double share, struct dataset **out,
                                 akin_error *err);

#endif
