/*
 * prepare: sources in, dataset out. This file only has the parameters and orders the
 * work: reading (prepare_sources.c), tables (prepare_tables.c), numbering and sorting
 * (prepare_events.c), filters (clean_*.c), the report (prepare_report.c). Each step frees what the
 * next does not need, which keeps the peak at about 32 bytes a row.
 */
#include "data/prepare_impl.h"

#include "core/json.h"
#include "data/clean_filter.h"
#include "data/format.h"

#include <inttypes.h>
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

enum { SOURCES_MAX = 100000 };

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
    AKIN_TRY(prepare_tables_read(pr, err));
    if (pr->ing.n_rows == 0)
        AKIN_FAIL(AKIN_E_INPUT, "%s: no usable row (%" PRId64 " read, %" PRId64 " with defects)",
                  pr->names[0], pr->ing.n_records, defects_total(&pr->ing.defects));
    AKIN_TRY(prepare_events(pr, err));
    AKIN_TRY(prepare_tables_build(pr, err));
    AKIN_TRY(prepare_strict(pr, err));
    int64_t n_sorted = pr->ds->n_events;
    AKIN_TRY(clean_filter(pr->ctx, p, &pr->ds, &pr->ing.defects, err));
    if (pr->ds->n_events == 0)
        AKIN_FAIL(AKIN_E_INPUT,
                  "%s: the filters left no event (min_user_events, min_item_events, "
                  "max_user_events, max_user_rate)",
                  pr->names[0]);
    AKIN_TRY(prepare_report(pr, n_sorted, &result, err));
    AKIN_TRY(prepare_card(pr, result, err));
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
    AKIN_TRY(prepare_sources(pr, err));
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
    AKIN_TRY(prepare_source(pr, pr->p, in, err));
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
