/*
 * From raw SOURCEs to a dataset: read, map columns, clean, index. Every defect is counted by class
 * and sampled with its line; `strict` makes any of them fatal.
 */
#ifndef AKIN_DATA_PREPARE_H
#define AKIN_DATA_PREPARE_H

#include "core/param.h"
#include "data/dataset.h"

/* One row a key: the CLI's `prepare` flags and the YAML keys of `data:` and `clean:`. */
struct prepare_params {
    json_t *source;    /* list of paths, URLs or "-" */
    const char *items; /* path of the item table, or NULL */
    const char *users;
    const char *tags;
    int64_t format;       /* choice, see prepare_param_rows */
    json_t *columns;      /* map role → column name, of the interactions */
    json_t *item_columns; /* of the item table; user_columns, tag_columns likewise */
    json_t *user_columns;
    json_t *tag_columns;
    const char *sep;         /* one character, or NULL = guessed; "\\t" allowed */
    int64_t header;          /* auto | yes | no */
    int64_t lead;            /* adjacency: auto | id | none | count */
    int64_t order;           /* none | rows: row order is time order (TIME_ORDINAL) */
    int64_t time_unit;       /* auto | s | ms | us | iso */
    int64_t duplicates;      /* auto | last | first | sum | max | mean | error | keep; auto = keep
                                for sessions, else last */
    json_t *value_range;     /* [lo, hi] or NULL */
    int64_t min_user_events; /* k-core, repeated until stable */
    int64_t min_item_events;
    int64_t max_user_events; /* users with more are dropped as bots; 0 = off */
    double max_user_rate;    /* events per hour over a user's own span, 0 = off */
    int64_t max_ids;         /* users or items, each */
    int64_t max_line;        /* bytes */
    int64_t max_time;        /* Unix seconds: later is "future"; 0 = now + 1 day given by caller */
    int64_t strict;
    json_t *context;     /* list of extra interaction columns to keep as event attributes */
    json_t *event_types; /* list: keep only these; NULL = all */
    int64_t piece;       /* bytes parsed at a time; the result does not depend on it */
};
extern const akin_param prepare_param_rows[]; /* row 0 is `source`; ends with PARAM_END, not
                                               counted below */
extern const size_t prepare_n_params;

/*
 * Reads and cleans. now: Unix seconds, for "future time". *report (new JSON): rows, kept,
 * dropped {class: n}, samples [{class, source, line, text}], users, items, events, format guessed,
 * per stage rows in/out. Cost: O(rows); memory as `plan` predicts.
 */
akin_status dataset_prepare(akin_ctx *ctx, const struct prepare_params *p, int64_t now,
                            struct dataset **out, json_t **report, akin_error *err);

/* A .akin file is mapped, anything else prepared. params: JSON object of prepare keys, or NULL. */
akin_status dataset_open(akin_ctx *ctx, const char *source, const json_t *params, int64_t now,
                         struct dataset **out, json_t **report, akin_error *err);

/*
 * The same from bytes in memory, as one source called `name`: for tests and fuzzing. p->source is
 * ignored.
 */
akin_status dataset_prepare_bytes(akin_ctx *ctx, const struct prepare_params *p, const char *name,
                                  const void *bytes, int64_t size, int64_t now,
                                  struct dataset **out, json_t **report, akin_error *err);

/* What reading the sources will take: from their sizes and first MiB, of a store from its counts.
 */
enum { PREPARE_VALUES = 1024, PREPARE_DOUBLINGS = 24 };
struct prepare_cost {
    int64_t n_rows;
    int64_t n_users;
    int64_t n_items;
    int64_t peak_bytes;    /* of akin's memory while it prepares */
    int64_t dataset_bytes; /* of the result */
    double seconds;
    int64_t item_events[PREPARE_DOUBLINGS]; /* of items seen: how many have 1, 2-3, 4-7, … rows */
    int n_values;
    float values[PREPARE_VALUES]; /* of rows here and there */
};
/* Fails as dataset_prepare does for what it looks at: paths, header, columns. */
akin_status prepare_estimate(akin_ctx *ctx, const struct prepare_params *p, int64_t now,
                             struct prepare_cost *out, akin_error *err);

#endif
