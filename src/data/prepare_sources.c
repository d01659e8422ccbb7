/*
 * prepare: sources to rows. Every source is opened, planned (format*.c), held against the first
 * one, read (ingest*.c) and noted. What a format means is not known here.
 */
#include "data/prepare_impl.h"

#include "data/format.h"

#include <inttypes.h>
#include <string.h>

akin_status prepare_refuse(const char *path, akin_error *err)
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

akin_status prepare_name(struct prepare *pr, const struct input *in, int32_t *number,
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

akin_status prepare_strict(const struct prepare *pr, akin_error *err)
{
    if (!pr->p->strict)
        return AKIN_OK;
    struct defects d = pr->ing.defects;
    d.n[DEFECT_EVENT_TYPE_FILTERED] = d.n[DEFECT_BOT] = 0;
    d.n[DEFECT_USER_KCORE] = d.n[DEFECT_ITEM_KCORE] = 0;
    return defects_refuse(&d, pr->names, pr->n_names, err);
}

akin_status prepare_source(struct prepare *pr, const struct prepare_params *p, struct input *in,
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
    AKIN_TRY(prepare_name(pr, in, &number, err));
    AKIN_TRY(plan_create(ctx, p, pr->max_time, in, number, pr->types.n ? &pr->types : NULL, note,
                         &plan, err));
    if (pr->first)
        AKIN_TRY(plan_agree(pr, plan, err));
    AKIN_TRY(ingest_source(&pr->ing, in, plan, &hash, err));
    AKIN_TRY(prepare_note(pr, in, note, hash, pr->ing.n_records - before, err));
    AKIN_TRY(prepare_strict(pr, err));
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
    AKIN_TRY(own_open(pr->ctx, pr->p, false, &pr->own, err));
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

akin_status prepare_path(akin_ctx *ctx, struct own_sources *own, const struct prepare_params *p,
                         const char *path, struct prepare_params *how, struct input **in,
                         akin_error *err)
{
    akin_status status = AKIN_OK;
    *how = *p;
    if (own_is_source(path)) {
        *how = own_params(own, p);
        AKIN_TRY(own_input(own, path, in, err));
        return AKIN_OK;
    }
    AKIN_TRY(prepare_refuse(path, err));
    AKIN_TRY(input_open(ctx, path, in, err));
done:
    return status;
}

akin_status prepare_sources(struct prepare *pr, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct input *in = NULL;
    struct prepare_params p;
    size_t n = json_array_size(pr->p->source);
    int64_t bytes = 0;
    AKIN_TRY(own_begin(pr, err));
    AKIN_TRY(prepare_strict(pr, err));
    for (size_t i = 0; i < n; i++) {
        const char *path = json_string_value(json_array_get(pr->p->source, i));
        if (!path)
            AKIN_FAIL(AKIN_E_ARG, "prepare: source %zu is no text", i + 1);
        AKIN_TRY(prepare_path(pr->ctx, &pr->own, pr->p, path, &p, &in, err));
        if (!in)
            continue;
        bytes = input_size(in) > 0 ? input_size(in) : 0;
        progress_begin(pr->ctx, "read", n == 1 ? bytes : 0);
        AKIN_TRY(prepare_source(pr, &p, in, err));
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
