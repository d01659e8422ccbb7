/*
 * prepare: sources in, dataset out. This file only orders the work: plans (format*.c), reading
 * (ingest*.c, reader_*.c), numbering (column_*.c), sorting, tables (tables*.c), filters
 * (clean_*.c), and the report. Each step frees what the next does not need, which keeps the peak
 * at about 32 bytes a row.
 */
#include "data/prepare.h"

#include "core/json.h"
#include "core/par.h"
#include "data/clean_filter.h"
#include "data/format.h"
#include "data/ingest.h"
#include "data/source_store.h"
#include "data/tables.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define P struct prepare_params
const akin_param prepare_param_rows[] = {
    PARAM_LIST(P, source, NULL, AKIN_PARAM_REQUIRED | AKIN_PARAM_POSITIONAL,
               "Files to read, one after another; - is standard input; sqlite:PATH a store, merged "
               "into a .akin file if one is given."),
    PARAM_TEXT(P, items, NULL, 0, "Item table: item_id, title, categories, any other columns."),
    PARAM_TEXT(P, users, NULL, 0, "User table: user_id and any other columns."),
    PARAM_TEXT(P, tags, NULL, 0, "Tag table: user_id, item_id, tag and maybe time."),
    PARAM_CHOICE(P, format, "auto", FORMAT_CHOICES, 0, "Format of the interactions."),
    PARAM_MAP(P, columns, 0,
              "Columns by role: user_id, item_id, value, time, event_type, text, basket_id, "
              "session_id; an empty name switches a role off."),
    PARAM_MAP(P, item_columns, 0, "Columns of the item table by new name: item_id, title, ..."),
    PARAM_MAP(P, user_columns, 0, "Columns of the user table by new name: user_id, ..."),
    PARAM_MAP(P, tag_columns, 0, "Columns of the tag table: user_id, item_id, tag, time."),
    PARAM_TEXT(P, sep, NULL, 0, "Separator: one character, \\t, space or ::."),
    PARAM_CHOICE(P, header, "auto", "auto|yes|no", 0, "Does the first row name the columns?"),
    PARAM_CHOICE(P, lead, "auto", "auto|id|none|count", 0,
                 "Adjacency: what stands before the items of a line."),
    PARAM_CHOICE(P, order, "none", "none|rows", 0, "rows: the order of rows is their time order."),
    PARAM_CHOICE(P, time_unit, "auto", "auto|s|ms|us|iso", 0, "Unit of the time column."),
    PARAM_CHOICE(P, duplicates, "auto", "auto|last|first|sum|max|mean|error|keep", 0,
                 "Events of the same user, item and type: which stays (auto: keep for sessions, "
                 "else last)."),
    PARAM_LIST(P, value_range, NULL, 0, "Least and greatest value; others are dropped."),
    PARAM_INT(P, min_user_events, "0", 0, 1e9, "events", 0,
              "Drop users with fewer, repeated until stable."),
    PARAM_INT(P, min_item_events, "0", 0, 1e9, "events", 0,
              "Drop items with fewer, repeated until stable."),
    PARAM_INT(P, max_user_events, "0", 0, 1e12, "events", 0,
              "Drop users with more, as bots; 0 = off."),
    PARAM_REAL(P, max_user_rate, "0", 0, 1e9, "events/hour", 0,
               "Drop users with more over their span, as bots; 0 = off."),
    PARAM_INT(P, max_ids, "2147483646", 1, 2147483646, "ids", 0, "Most users, and most items."),
    PARAM_SIZE(P, max_line, "1MiB", 16, 8388608, 0, "Longest row; longer ones are dropped."),
    PARAM_INT(P, max_time, "0", 0, 4294967294, "seconds", 0,
              "Later Unix times are dropped; 0 = tomorrow."),
    PARAM_BOOL(P, strict, "false", 0, "Any defect ends the run."),
    PARAM_LIST(P, context, NULL, 0, "Further columns to keep with each event."),
    PARAM_LIST(P, event_types, NULL, 0, "Keep only these event types."),
    PARAM_SIZE(P, piece, "1MiB", 16, 1048576, AKIN_PARAM_HIDDEN,
               "Bytes parsed at a time; the result does not depend on it."),
    PARAM_END,
};
#undef P
const size_t prepare_n_params = PARAM_COUNT(prepare_param_rows) - 1;

enum { SOURCES_MAX = 100000, OWN_TABLE_LINE = 8 << 20 };

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
    int64_t n_table_rows;
};

/* ---- sources ---- */

static akin_status source_refuse(const char *path, akin_error *err)
{
    static const char *const schemes[] = {
        "s3:", "sqlite:", "dynamodb:", "cassandra:", "kafka:", "http:", "https:"};
    size_t n = strlen(path);
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strncmp(path, schemes[i], strlen(schemes[i])) == 0)
            return error_set(
                err, AKIN_E_UNSUPPORTED, __FILE__, __LINE__,
                "%s: this version reads files and standard input only (fetch it first)", path);
    if (n > 5 && strcmp(path + n - 5, ".akin") == 0)
        return error_set(err, AKIN_E_UNSUPPORTED, __FILE__, __LINE__,
                         "%s is a dataset already (prepare reads raw sources)", path);
    return AKIN_OK;
}

static akin_status name_add(struct prepare *pr, const struct input *in, int32_t *number,
                            akin_error *err)
{
    char *name = arena_strndup(&pr->arena, input_name(in), strlen(input_name(in)), err);
    if (!name)
        return AKIN_E_MEMORY;
    *number = pr->n_names;
    pr->names[pr->n_names++] = name;
    return AKIN_OK;
}

/* All sources must say the same about values, times and types, or columns would be half empty. */
static akin_status plan_agree(const struct prepare *pr, const struct read_plan *plan,
                              akin_error *err)
{
    const struct read_plan *first = pr->first;
    const char *what = plan->has_value != first->has_value ? "value"
                       : plan->has_time != first->has_time ? "time"
                       : plan->has_type != first->has_type ? "event_type"
                       : plan->n_cells != first->n_cells   ? "text or context"
                       : plan->by_row != first->by_row     ? "order"
                       : (plan->format == FORMAT_SESSIONS) != (first->format == FORMAT_SESSIONS)
                           ? "session"
                           : NULL;
    if (!what)
        return AKIN_OK;
    return error_set(
        err, AKIN_E_INPUT, __FILE__, __LINE__,
        "%s and %s do not agree: only one of them has a %s column (prepare them apart, "
        "or switch it off with --columns)",
        pr->names[0], pr->names[plan->source], what);
}

static akin_status note_source(struct prepare *pr, const struct input *in, json_t *note,
                               uint64_t hash, int64_t n_rows, akin_error *err)
{
    char text[17];
    snprintf(text, sizeof text, "%016" PRIx64, hash);
    bool ok = json_object_set_new(note, "name", json_string(input_name(in))) == 0 &&
              json_object_set_new(note, "xxh3", json_string(text)) == 0;
    if (ok && input_size(in) >= 0)
        ok = json_object_set_new(note, "bytes", json_integer(input_size(in))) == 0;
    if (ok && n_rows >= 0)
        ok = json_object_set_new(note, "rows", json_integer(n_rows)) == 0;
    if (ok)
        ok = json_array_append(pr->sources, note) == 0;
    return ok ? AKIN_OK
              : error_set(err, AKIN_E_MEMORY, __FILE__, __LINE__, "no memory for the report");
}

/* strict ends the run at the first defect; filters that were asked for are none. */
static akin_status strict_check(const struct prepare *pr, akin_error *err)
{
    if (!pr->p->strict)
        return AKIN_OK;
    struct defects d = pr->ing.defects;
    d.n[DEFECT_EVENT_TYPE_FILTERED] = d.n[DEFECT_BOT] = 0;
    d.n[DEFECT_USER_KCORE] = d.n[DEFECT_ITEM_KCORE] = 0;
    return defects_refuse(&d, pr->names, pr->n_names, err);
}

static akin_status source_read(struct prepare *pr, const struct prepare_params *p, struct input *in,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = pr->ctx;
    struct read_plan *plan = NULL;
    json_t *note = json_object();
    int32_t number;
    uint64_t hash = 0;
    int64_t before = pr->ing.n_records;
    if (!note)
        AKIN_FAIL(AKIN_E_MEMORY, "no memory for the report");
    AKIN_TRY(name_add(pr, in, &number, err));
    AKIN_TRY(plan_create(ctx, p, pr->max_time, in, number, pr->types.n ? &pr->types : NULL, note,
                         &plan, err));
    if (pr->first)
        AKIN_TRY(plan_agree(pr, plan, err));
    AKIN_TRY(ingest_source(&pr->ing, in, plan, &hash, err));
    AKIN_TRY(note_source(pr, in, note, hash, pr->ing.n_records - before, err));
    AKIN_TRY(strict_check(pr, err));
    if (!pr->first) {
        pr->first = plan;
        plan = NULL;
    }
done:
    json_decref(note);
    plan_free(ctx, plan);
    return status;
}

/* A dataset and a store: opened first, since all sources must agree on columns. */
static akin_status own_begin(struct prepare *pr, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(own_open(pr->ctx, pr->p, &pr->own, err));
    if (!own_is_used(&pr->own))
        return AKIN_OK;
    pr->with_own = *pr->p;
    pr->with_own.context = pr->own.context;
    pr->p = &pr->with_own;
    pr->ds->watermark = pr->own.last;
    pr->ing.n_records += pr->own.n_gone;
    defects_add_n(&pr->ing.defects, DEFECT_UNKNOWN_ITEM, pr->own.n_gone, pr->own.sample);
done:
    return status;
}

/* *in NULL: a source without events. */
static akin_status path_open(struct prepare *pr, const char *path, struct prepare_params *p,
                             struct input **in, akin_error *err)
{
    akin_status status = AKIN_OK;
    *p = *pr->p;
    if (own_is_source(path)) {
        *p = own_params(&pr->own, pr->p);
        AKIN_TRY(own_input(&pr->own, path, in, err));
        return AKIN_OK;
    }
    AKIN_TRY(source_refuse(path, err));
    AKIN_TRY(input_open(pr->ctx, path, in, err));
done:
    return status;
}

static akin_status sources_read(struct prepare *pr, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct input *in = NULL;
    struct prepare_params p;
    size_t n = json_array_size(pr->p->source);
    int64_t bytes = 0;
    AKIN_TRY(own_begin(pr, err));
    AKIN_TRY(strict_check(pr, err));
    for (size_t i = 0; i < n; i++) {
        const char *path = json_string_value(json_array_get(pr->p->source, i));
        if (!path)
            AKIN_FAIL(AKIN_E_ARG, "prepare: source %zu is no text", i + 1);
        AKIN_TRY(path_open(pr, path, &p, &in, err));
        if (!in)
            continue;
        bytes = input_size(in) > 0 ? input_size(in) : 0;
        progress_begin(pr->ctx, "read", n == 1 ? bytes : 0);
        AKIN_TRY(source_read(pr, &p, in, err));
        input_close(in);
        in = NULL;
        progress_end(pr->ctx);
    }
    if (!pr->first)
        AKIN_FAIL(AKIN_E_INPUT,
                  "%s: no event (%" PRId64 " of deleted items, %" PRId64 " of erased users)",
                  json_string_value(json_array_get(pr->p->source, n - 1)), pr->own.n_gone,
                  pr->own.n_erased);
done:
    if (in)
        progress_end(pr->ctx);
    input_close(in);
    return status;
}

/* ---- tables ---- */

/* A file; without one, what a dataset and a store among the sources have. */
static akin_status table_open(struct prepare *pr, const char *path, enum table_kind kind,
                              const json_t *columns, struct rawtable *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct input *in = NULL;
    json_t *note = NULL;
    int32_t number;
    static const char *const made[] = {"items.jsonl", "users.jsonl", "tags.jsonl"};
    struct prepare_params p = *pr->p;
    struct buf text;
    buf_init(&text, pr->ctx);
    if (!path && own_is_used(&pr->own)) {
        AKIN_TRY(own_table(&pr->own, kind, &text, err));
        path = made[kind];
        if (text.size == 0)
            goto done;
        p.max_line = OWN_TABLE_LINE;
        AKIN_TRY(input_open_memory(pr->ctx, path, text.data, text.size, &in, err));
    } else if (path) {
        AKIN_TRY(source_refuse(path, err));
        AKIN_TRY(input_open(pr->ctx, path, &in, err));
    } else {
        goto done;
    }
    AKIN_TRY(name_add(pr, in, &number, err));
    AKIN_TRY(rawtable_read(pr->ctx, &p, in, number, &pr->ing.defects, out, err));
    AKIN_TRY(rawtable_name(out, kind, columns, path, err));
    note = json_object();
    if (!note)
        AKIN_FAIL(AKIN_E_MEMORY, "no memory for the report");
    AKIN_TRY(note_source(pr, in, note, out->hash, out->n_rows, err));
    AKIN_TRY(strict_check(pr, err));
done:
    json_decref(note);
    input_close(in);
    buf_free(&text);
    return status;
}

static akin_status number_side(struct prepare *pr, bool is_user, struct idmap *map, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct rawtable *t = is_user ? &pr->users : &pr->items;
    struct ids *ids = is_user ? &pr->ds->users : &pr->ds->items;
    struct idset more;
    idset_init(&more, pr->ctx);
    if (t->ctx)
        AKIN_TRY(
            rawtable_ids(t, is_user ? TABLE_USERS : TABLE_ITEMS, &pr->ing.defects, &more, err));
    AKIN_TRY(ingest_number(&pr->ing, is_user, &more, ids, map, err));
    idcol_free(is_user ? &pr->ing.user : &pr->ing.item);
done:
    idset_free(&more);
    return status;
}

/* Event types by bytes; type_map: code → number. */
static akin_status types_number(struct prepare *pr, uint32_t **type_map, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = pr->ctx;
    struct idcol *col = &pr->ing.type;
    struct idset all;
    int32_t *rank = NULL;
    uint32_t *map = NULL;
    int64_t longest = 0;
    static const int64_t no_off[1] = {0};
    idset_init(&all, ctx);
    for (int part = 0; part < IDCOL_PARTS; part++)
        longest = col->part[part].n > longest ? col->part[part].n : longest;
    MEM_ZERO(ctx, map, longest * IDCOL_PARTS);
    for (int part = 0; part < IDCOL_PARTS; part++) {
        const struct idset *s = &col->part[part];
        for (int64_t i = 0; i < s->n; i++)
            AKIN_TRY(idset_add(&all, s->hash[i], s->bytes + s->off[i], s->off[i + 1] - s->off[i],
                               &map[idcol_code(i, part)], err));
    }
    MEM_NEW(ctx, rank, all.n);
    AKIN_TRY(strtab_build(ctx, (int32_t)all.n, all.n ? all.off : no_off, all.bytes ? all.bytes : "",
                          &pr->ds->types, rank, err));
    for (int part = 0; part < IDCOL_PARTS; part++)
        for (int64_t i = 0; i < col->part[part].n; i++)
            map[idcol_code(i, part)] = (uint32_t)rank[map[idcol_code(i, part)]];
    *type_map = map;
    map = NULL;
done:
    idset_free(&all);
    mem_free(ctx, rank);
    mem_free(ctx, map);
    return status;
}

/* ---- events ---- */

static akin_status events_build(struct prepare *pr, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = pr->ctx;
    struct idmap users = {0}, items = {0};
    uint32_t *type_map = NULL;
    const struct read_plan *plan = pr->first;
    int policy = (int)pr->p->duplicates;
    if (policy == DUP_AUTO)
        policy = plan->format == FORMAT_SESSIONS ? DUP_KEEP : DUP_LAST;
    AKIN_TRY(number_side(pr, true, &users, err));
    AKIN_TRY(number_side(pr, false, &items, err));
    if (plan->has_type)
        AKIN_TRY(types_number(pr, &type_map, err));
    struct sort_plan sort = {policy,
                             plan->has_value || policy == DUP_SUM,
                             plan->has_time || plan->by_row,
                             plan->has_type,
                             &users,
                             &items,
                             type_map};
    progress_begin(ctx, "sort", 2 * pr->ing.n_rows);
    status = ingest_sort(&pr->ing, &sort, pr->ds, &pr->src, err);
    progress_end(ctx);
    pr->ds->time_kind = plan->has_time ? TIME_UNIX : plan->by_row ? TIME_ORDINAL : TIME_NONE;
done:
    idmap_free(ctx, &users);
    idmap_free(ctx, &items);
    mem_free(ctx, type_map);
    return status;
}

static const char *extra_cell(const void *arg, int64_t row, int col, int64_t *size)
{
    const struct ingest *ing = arg;
    int64_t i = row * ing->n_extra + col;
    int64_t begin = i > 0 ? ing->text_end[i - 1] : 0;
    *size = ing->text_end[i] - begin;
    return ing->text.data + begin;
}

/* Texts and context of events, in the order of events. */
static akin_status events_table(struct prepare *pr, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = pr->ctx;
    const struct read_plan *plan = pr->first;
    int n = pr->ing.n_extra;
    struct cell_source cells = {&pr->ing, extra_cell};
    const char *names[READ_EXTRA_MAX];
    enum col_type types[READ_EXTRA_MAX];
    int64_t *order = NULL;
    if (n == 0 || pr->ing.n_rows == 0)
        return AKIN_OK;
    for (int c = 0; c < plan->n_cols; c++) {
        int cell = plan->role[c] - CELL_FIXED;
        if (cell >= 0)
            names[cell] = plan->name[c];
    }
    if (n > (int)json_array_size(pr->p->context))
        names[0] = "text"; /* the text column comes first */
    for (int c = 0; c < n; c++) {
        types[c] = column_infer(&cells, pr->ing.n_rows, c, names[c], false);
        if (types[c] == COL_TEXT && strcmp(names[c], "text") != 0)
            types[c] = COL_CATEGORY; /* context is compared, not read */
    }
    MEM_NEW(ctx, order, pr->ds->n_events);
    for (int64_t e = 0; e < pr->ds->n_events; e++)
        order[e] = pr->src[e];
    AKIN_TRY(cells_build(ctx, &cells, pr->ing.n_rows, n, names, types, order, pr->ds->n_events,
                         &pr->ds->event_table, err));
done:
    mem_free(ctx, order);
    return status;
}

/* libsvm: the label of each line as a number column of the user table. */
struct label_cells {
    const struct row_label *labels;
    char text[40];
};

static const char *label_cell(const void *arg, int64_t row, int col, int64_t *size)
{
    struct label_cells *l = (struct label_cells *)(uintptr_t)arg;
    (void)col;
    *size = snprintf(l->text, sizeof l->text, "%.17g", l->labels[row].label);
    return l->text;
}

static akin_status labels_table(struct prepare *pr, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct ids *users = &pr->ds->users;
    struct label_cells arg = {pr->ing.labels, ""};
    struct cell_source cells = {&arg, label_cell};
    const char *names[] = {"label"};
    enum col_type types[] = {COL_NUMBER};
    int64_t *order = NULL;
    char id[10];
    if (pr->ing.n_labels == 0 || pr->users.ctx)
        return AKIN_OK;
    MEM_NEW(pr->ctx, order, users->n);
    for (int64_t u = 0; u < users->n; u++)
        order[u] = -1;
    for (int64_t i = 0; i < pr->ing.n_labels; i++) {
        int n = id_from_u32((uint32_t)pr->ing.labels[i].line, id);
        int32_t at = ids_find(users, id, (size_t)n);
        if (at >= 0)
            order[at] = i;
    }
    AKIN_TRY(cells_build(pr->ctx, &cells, pr->ing.n_labels, 1, names, types, order, users->n,
                         &pr->ds->user_table, err));
done:
    mem_free(pr->ctx, order);
    return status;
}

static akin_status tables_build(struct prepare *pr, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct dataset *ds = pr->ds;
    struct {
        struct rawtable *t;
        enum table_kind kind;
        const struct ids *ids;
        struct table *out;
        const char *name;
    } both[] = {{&pr->items, TABLE_ITEMS, &ds->items, &ds->item_table, "items"},
                {&pr->users, TABLE_USERS, &ds->users, &ds->user_table, "users"}};
    for (int i = 0; i < 2; i++) {
        if (!both[i].t->ctx)
            continue;
        json_t *note = json_object();
        status = note ? rawtable_build(both[i].t, both[i].kind, both[i].ids, &pr->ing.defects, note,
                                       both[i].out, err)
                      : AKIN_E_MEMORY;
        if (status == AKIN_OK)
            json_object_set(pr->notes, both[i].name, note);
        json_decref(note);
        AKIN_TRY(status);
        rawtable_free(both[i].t);
    }
    AKIN_TRY(labels_table(pr, err));
    if (pr->tags.ctx)
        AKIN_TRY(rawtable_tags(&pr->tags, pr->p, &pr->ing.defects, ds, err));
done:
    return status;
}

/* ---- report ---- */

static akin_status report_build(struct prepare *pr, int64_t n_sorted, json_t **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dataset *ds = pr->ds;
    struct defects *d = &pr->ing.defects;
    int64_t n_users, n_items;
    json_t *report = NULL, *stages = NULL;
    AKIN_TRY(dataset_active(ds, &n_users, &n_items, err));
    stages =
        json_pack("[{s:s, s:I, s:I}, {s:s, s:I, s:I}, {s:s, s:I, s:I}]", "stage", "read", "in",
                  (json_int_t)pr->ing.n_records, "out", (json_int_t)pr->ing.n_rows, "stage",
                  "deduplicate", "in", (json_int_t)pr->ing.n_rows, "out", (json_int_t)n_sorted,
                  "stage", "filter", "in", (json_int_t)n_sorted, "out", (json_int_t)ds->n_events);
    report = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:O, s:O}", "kept",
                       (json_int_t)ds->n_events, "rows", (json_int_t)pr->ing.n_records, "events",
                       (json_int_t)ds->n_events, "users", (json_int_t)n_users, "items",
                       (json_int_t)n_items, "catalog_users", (json_int_t)ds->users.n,
                       "catalog_items", (json_int_t)ds->items.n, "tags", (json_int_t)ds->n_tags,
                       "crlf_lines", (json_int_t)d->crlf, "dropped", defects_counts(d), "samples",
                       defects_samples(d, pr->names, pr->n_names), "sources", pr->sources, "tables",
                       pr->notes);
    if (!report || !stages || json_object_set(report, "stages", stages) != 0)
        AKIN_FAIL(AKIN_E_MEMORY, "no memory for the report");
    if (own_is_used(&pr->own)) {
        json_object_set_new(report, "watermark", json_integer(pr->own.last));
        json_object_set_new(report, "erased_events", json_integer(pr->own.n_erased));
    }
    const json_t *first = json_array_get(pr->sources, 0);
    json_object_set(report, "format", json_object_get(first, "format"));
    json_object_set(report, "guessed", json_object_get(first, "guessed"));
    *out = report;
    report = NULL;
done:
    json_decref(report);
    json_decref(stages);
    return status;
}

/* The card says where the data came from: names and sums, no paths, no clock. */
static akin_status card_build(struct prepare *pr, const json_t *report, akin_error *err)
{
    json_t *options = param_dump(prepare_param_rows, prepare_n_params, pr->p);
    json_t *prepare = json_deep_copy(report);
    bool ok = options && prepare;
    static const char *const paths[] = {"source", "items", "users", "tags"};
    for (int i = 0; ok && i < 4; i++)
        json_object_del(options, paths[i]);
    if (ok)
        json_object_del(options, "piece");
    ok = ok && json_object_set_new(pr->ds->card, "prepare", prepare) == 0;
    prepare = ok ? NULL : prepare;
    ok = ok && json_object_set(pr->ds->card, "options", options) == 0;
    json_decref(options);
    json_decref(prepare);
    return ok ? AKIN_OK
              : error_set(err, AKIN_E_MEMORY, __FILE__, __LINE__, "no memory for the card");
}

/* ---- the whole ---- */

static akin_status prepare_begin(struct prepare *pr, akin_ctx *ctx, const struct prepare_params *p,
                                 int64_t now, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n = (int64_t)json_array_size(p->source);
    memset(pr, 0, sizeof *pr);
    pr->ctx = ctx;
    pr->p = p;
    arena_init(&pr->arena, ctx);
    ingest_init(&pr->ing, ctx, p->max_ids);
    idset_init(&pr->types, ctx);
    pr->max_time = p->max_time > 0 ? p->max_time : now + 86400;
    if (pr->max_time < 0 || pr->max_time > UINT32_MAX - 1)
        pr->max_time = UINT32_MAX - 1;
    if (n > SOURCES_MAX)
        AKIN_FAIL(AKIN_E_LIMIT, "prepare: %" PRId64 " sources (at most %d)", n, SOURCES_MAX);
    MEM_ZERO(ctx, pr->names, n + 4);
    pr->sources = json_array();
    pr->notes = json_object();
    if (!pr->sources || !pr->notes)
        AKIN_FAIL(AKIN_E_MEMORY, "no memory for the report");
    for (size_t i = 0; i < json_array_size(p->event_types); i++) {
        const char *type = json_string_value(json_array_get(p->event_types, i));
        uint32_t number;
        if (!type)
            AKIN_FAIL(AKIN_E_ARG, "event_types: entry %zu is no text", i + 1);
        int64_t size = (int64_t)strlen(type);
        AKIN_TRY(idset_add(&pr->types, idset_hash(type, size), type, size, &number, err));
    }
    AKIN_TRY(dataset_new(ctx, &pr->ds, err));
done:
    return status;
}

static void prepare_end(struct prepare *pr)
{
    akin_ctx *ctx = pr->ctx;
    ingest_free(&pr->ing);
    own_close(&pr->own);
    idset_free(&pr->types);
    plan_free(ctx, pr->first);
    mem_free(ctx, pr->names);
    arena_free(&pr->arena);
    json_decref(pr->sources);
    json_decref(pr->notes);
    rawtable_free(&pr->items);
    rawtable_free(&pr->users);
    rawtable_free(&pr->tags);
    dataset_free(pr->ds);
    mem_free(ctx, pr->src);
}

static akin_status prepare_rest(struct prepare *pr, struct dataset **out, json_t **report,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct prepare_params *p = pr->p;
    json_t *result = NULL;
    AKIN_TRY(table_open(pr, p->items, TABLE_ITEMS, p->item_columns, &pr->items, err));
    AKIN_TRY(table_open(pr, p->users, TABLE_USERS, p->user_columns, &pr->users, err));
    AKIN_TRY(table_open(pr, p->tags, TABLE_TAGS, p->tag_columns, &pr->tags, err));
    if (pr->ing.n_rows == 0)
        AKIN_FAIL(AKIN_E_INPUT, "%s: no usable row (%" PRId64 " read, %" PRId64 " with defects)",
                  pr->names[0], pr->ing.n_records, defects_total(&pr->ing.defects));
    AKIN_TRY(events_build(pr, err));
    AKIN_TRY(events_table(pr, err));
    AKIN_TRY(tables_build(pr, err));
    AKIN_TRY(strict_check(pr, err));
    int64_t n_sorted = pr->ds->n_events;
    AKIN_TRY(clean_filter(pr->ctx, p, &pr->ds, &pr->ing.defects, err));
    if (pr->ds->n_events == 0)
        AKIN_FAIL(AKIN_E_INPUT,
                  "%s: the filters left no event (min_user_events, min_item_events, "
                  "max_user_events, max_user_rate)",
                  pr->names[0]);
    AKIN_TRY(report_build(pr, n_sorted, &result, err));
    AKIN_TRY(card_build(pr, result, err));
    *out = pr->ds;
    pr->ds = NULL;
    if (report) {
        *report = result;
        result = NULL;
    }
done:
    json_decref(result);
    return status;
}

akin_status dataset_prepare(akin_ctx *ctx, const struct prepare_params *p, int64_t now,
                            struct dataset **out, json_t **report, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct prepare *pr = NULL;
    MEM_NEW(ctx, pr, 1);
    AKIN_TRY(prepare_begin(pr, ctx, p, now, err));
    if (json_array_size(p->source) == 0)
        AKIN_FAIL(AKIN_E_ARG, "prepare: no source given");
    AKIN_TRY(sources_read(pr, err));
    AKIN_TRY(prepare_rest(pr, out, report, err));
done:
    if (pr)
        prepare_end(pr);
    mem_free(ctx, pr);
    return status;
}

akin_status dataset_prepare_bytes(akin_ctx *ctx, const struct prepare_params *p, const char *name,
                                  const void *bytes, int64_t size, int64_t now,
                                  struct dataset **out, json_t **report, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct prepare *pr = NULL;
    struct input *in = NULL;
    MEM_NEW(ctx, pr, 1);
    AKIN_TRY(prepare_begin(pr, ctx, p, now, err));
    AKIN_TRY(input_open_memory(ctx, name, bytes, size, &in, err));
    AKIN_TRY(source_read(pr, pr->p, in, err));
    AKIN_TRY(prepare_rest(pr, out, report, err));
done:
    input_close(in);
    if (pr)
        prepare_end(pr);
    mem_free(ctx, pr);
    return status;
}

akin_status dataset_open(akin_ctx *ctx, const char *source, const json_t *params, int64_t now,
                         struct dataset **out, json_t **report, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct arena arena;
    struct prepare_params p;
    json_t *object = NULL;
    arena_init(&arena, ctx);
    if (report)
        *report = NULL;
    if (strcmp(source, "-") != 0 && dataset_is_file(source)) {
        AKIN_TRY(dataset_load(ctx, source, out, err));
        goto done;
    }
    object = params ? json_deep_copy(params) : json_object();
    if (!object || json_object_set_new(object, "source", json_pack("[s]", source)) != 0)
        AKIN_FAIL(AKIN_E_MEMORY, "%s: no memory for its parameters", source);
    AKIN_TRY(param_parse("prepare", prepare_param_rows, prepare_n_params, object, &arena, &p, err));
    AKIN_TRY(dataset_prepare(ctx, &p, now, out, report, err));
done:
    json_decref(object);
    arena_free(&arena);
    return status;
}
