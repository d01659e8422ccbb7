/*
 * Between prepare*.c only: the state of one prepare, and the steps that prepare.c orders. Each step
 * leaves its results in the state; nothing here is for other files.
 */
#ifndef AKIN_DATA_PREPARE_IMPL_H
#define AKIN_DATA_PREPARE_IMPL_H

#include "data/ingest.h"
#include "data/source_store.h"

struct prepare {
    akin_ctx *ctx;
    const struct prepare_params *p;
    struct own_sources own;         /* a dataset, a store */
    struct prepare_params with_own; /* p, and their event columns */
    int64_t max_time;
    struct ingest ing;
    struct idset types;      /* to keep */
    struct read_plan *first; /* plan of the first source */
    const char **names;      /* (n_sources + 3) of sources and tables; owned */
    struct arena arena;
    int32_t n_names;
    json_t *sources; /* notes */
    json_t *notes;   /* tables and the like */
    struct rawtable items, users, tags;
    struct dataset *ds;
    uint32_t *src; /* input row of each event */
};

/* prepare_sources.c: all sources into rows. Fails: E_INPUT without any event. */
akin_status prepare_sources(struct prepare *pr, akin_error *err);
/* One source, already open. */
akin_status prepare_source(struct prepare *pr, const struct prepare_params *p, struct input *in,
                           akin_error *err);
/* Opens a source, of own or a raw one. *how: p as this one is read; *in NULL: it has no events. */
akin_status prepare_path(akin_ctx *ctx, struct own_sources *own, const struct prepare_params *p,
                         const char *path, struct prepare_params *how, struct input **in,
                         akin_error *err);
/* What prepare does not read, by name. */
akin_status prepare_refuse(const char *path, akin_error *err);
/* A name for messages; *number: what defects are counted under. */
akin_status prepare_name(struct prepare *pr, const struct input *in, int32_t *number,
                         akin_error *err);
/* strict ends the run at the first defect; filters that were asked for are none. */
akin_status prepare_strict(const struct prepare *pr, akin_error *err);

/* prepare_tables.c: the tables' cells, before ids are numbered; then tables over the ids. */
akin_status prepare_tables_read(struct prepare *pr, akin_error *err);
akin_status prepare_tables_build(struct prepare *pr, akin_error *err);

/* prepare_events.c: ids, types, events in order, texts and context of events. */
akin_status prepare_events(struct prepare *pr, akin_error *err);

/* prepare_report.c: what a source or table was; n_rows < 0: not known. */
akin_status prepare_note(struct prepare *pr, const struct input *in, json_t *note, uint64_t hash,
                         int64_t n_rows, akin_error *err);
/* n_sorted: events before the filters. *out: caller's. */
akin_status prepare_report(struct prepare *pr, int64_t n_sorted, json_t **out, akin_error *err);
/* The card says where the data came from: names and sums, no paths, no clock. */
akin_status prepare_card(struct prepare *pr, const json_t *report, akin_error *err);

#endif
