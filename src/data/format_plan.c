/*
 * The plan of a source: what each column means, and the unit of its times.
 * Explicit columns win, then well-known names in their order of preference; what is missing is
 * refused with the names that were found. Cost: the first MiB.
 */
#include "data/format.h"
#include "data/reader_json.h"

#include "core/json.h"
#include "core/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void plan_free(akin_ctx *ctx, struct read_plan *plan)
{
    if (!plan)
        return;
    mem_free(ctx, plan->name);
    mem_free(ctx, plan);
}

/* ---- meaning ---- */

static akin_status column_set(const struct input *in, struct read_plan *plan, const char *role,
                              const char *name, int cell, akin_error *err)
{
    int col = plan_column(plan, name);
    if (col < 0) {
        char names[120];
        plan_names(plan, names, sizeof names);
        return error_set(err, AKIN_E_INPUT, __FILE__, __LINE__,
                         "%s: no column '%s' for %s (found: %s)", input_path(in), name, role,
                         names);
    }
    plan->role[col] = (int16_t)cell;
    return AKIN_OK;
}

static bool plan_has(const struct read_plan *plan, int cell)
{
    for (int i = 0; i < plan->n_cols; i++)
        if (plan->role[i] == cell)
            return true;
    return false;
}

static void column_guess(struct read_plan *plan, const char *const *known, int cell)
{
    int col;
    if (plan_has(plan, cell))
        return;
    for (int i = 0; (col = plan_known_from(plan, known, &i)) >= 0; i++) {
        if (plan->role[col] < 0) {
            plan->role[col] = (int16_t)cell;
            return;
        }
    }
}

static akin_status columns_explicit(const struct prepare_params *p, const struct input *in,
                                    struct read_plan *plan, akin_error *err)
{
    static const struct {
        const char *key;
        int cell;
    } keys[] = {{"user_id", CELL_USER},   {"item_id", CELL_ITEM},    {"value", CELL_VALUE},
                {"time", CELL_TIME},      {"event_type", CELL_TYPE}, {"text", CELL_FIXED},
                {"basket_id", CELL_USER}, {"session_id", CELL_USER}};
    akin_status status = AKIN_OK;
    const char *key;
    json_t *value;
    json_object_foreach(p->columns, key, value) {
        size_t k = 0;
        while (k < sizeof keys / sizeof *keys && strcmp(keys[k].key, key) != 0)
            k++;
        if (k == sizeof keys / sizeof *keys)
            AKIN_FAIL(AKIN_E_ARG,
                      "columns: unknown key '%s' (user_id, item_id, value, time, event_type, text, "
                      "basket_id, session_id)",
                      key);
        if (!json_is_string(value))
            AKIN_FAIL(AKIN_E_ARG, "columns: %s must name a column", key);
        if (k >= 6 && json_object_get(p->columns, "user_id"))
            AKIN_FAIL(AKIN_E_ARG, "columns: %s stands for the user; give it or user_id", key);
        if (json_string_length(value) == 0)
            continue; /* value= : none of the known names either, see below */
        AKIN_TRY(column_set(in, plan, key, json_string_value(value), keys[k].cell, err));
        if (keys[k].cell == CELL_FIXED)
            plan->n_cells = CELL_FIXED + 1;
    }
done:
    return status;
}

static bool is_switched_off(const struct prepare_params *p, const char *key)
{
    const json_t *value = json_object_get(p->columns, key);
    return value && json_is_string(value) && json_string_length(value) == 0;
}

/* `value=` is all that can be said of the columns of dsstne. */
static bool is_without_values(const struct prepare_params *p, const struct read_plan *plan)
{
    return plan->format == FORMAT_DSSTNE && json_object_size(p->columns) == 1 &&
           is_switched_off(p, "value");
}

static akin_status columns_context(const struct prepare_params *p, const struct input *in,
                                   struct read_plan *plan, akin_error *err)
{
    akin_status status = AKIN_OK;
    for (size_t i = 0; i < json_array_size(p->context); i++) {
        const char *name = json_string_value(json_array_get(p->context, i));
        if (!name)
            AKIN_FAIL(AKIN_E_ARG, "context: entry %zu is no column name", i + 1);
        if (plan->n_cells - CELL_FIXED >= READ_EXTRA_MAX)
            AKIN_FAIL(AKIN_E_LIMIT, "context: more than %d columns", READ_EXTRA_MAX);
        AKIN_TRY(column_set(in, plan, "context", name, plan->n_cells, err));
        plan->n_cells++;
    }
done:
    return status;
}

static akin_status columns_assign(const struct prepare_params *p, const struct input *in,
                                  struct read_plan *plan, akin_error *err)
{
    akin_status status = AKIN_OK;
    char names[100];
    AKIN_TRY(columns_explicit(p, in, plan, err));
    column_guess(plan, known_user, CELL_USER);
    column_guess(plan, known_session, CELL_USER);
    column_guess(plan, known_item, CELL_ITEM);
    if (!is_switched_off(p, "value"))
        column_guess(plan, known_value, CELL_VALUE);
    if (!is_switched_off(p, "time") && p->order == 0)
        column_guess(plan, known_time, CELL_TIME);
    if (!is_switched_off(p, "event_type"))
        column_guess(plan, known_type, CELL_TYPE);
    if (plan->n_cells == CELL_FIXED && !is_switched_off(p, "text")) {
        column_guess(plan, known_text, CELL_FIXED);
        plan->n_cells += plan_has(plan, CELL_FIXED);
    }
    AKIN_TRY(columns_context(p, in, plan, err));
    plan_names(plan, names, sizeof names);
    for (int cell = CELL_USER; cell <= CELL_ITEM; cell++) {
        const char *role = cell == CELL_USER ? "user_id" : "item_id";
        if (!plan_has(plan, cell))
            AKIN_FAIL(AKIN_E_INPUT,
                      "%s: no column is known as %s (found: %s; say --columns %s=NAME)",
                      input_path(in), role, names, role);
    }
    plan->has_value = plan_has(plan, CELL_VALUE);
    plan->has_time = plan_has(plan, CELL_TIME);
    plan->has_type = plan_has(plan, CELL_TYPE);
    if (p->order == 1 && plan->has_time)
        AKIN_FAIL(AKIN_E_ARG, "order=rows contradicts columns: time (give one of them)");
done:
    return status;
}

/* ---- unit of times ---- */

struct unit_guess {
    const struct read_plan *plan;
    double largest;
    int n, n_bad;
};

static void unit_see(struct unit_guess *g, const char *text, int64_t n)
{
    double value;
    if (n == 0)
        return;
    g->n++;
    if (!text_to_double(text, (size_t)n, &value)) {
        int64_t time;
        g->n_bad += text_to_unix(text, (size_t)n, &time);
    } else if (isfinite(value) && value > g->largest) {
        g->largest = value;
    }
}

static bool unit_row(void *arg, const struct cell *field, int n_fields)
{
    struct unit_guess *g = arg;
    for (int i = 0; i < n_fields && i < g->plan->n_cols; i++)
        if (g->plan->role[i] == CELL_TIME)
            unit_see(g, field[i].p, field[i].n);
    return true;
}

static void unit_field(void *arg, const char *key, int64_t key_size, enum json_kind kind,
                       const char *value, int64_t size)
{
    struct unit_guess *g = arg;
    for (int i = 0; i < g->plan->n_cols; i++)
        if (g->plan->role[i] == CELL_TIME && key_size < 64 &&
            memcmp(g->plan->name[i], key, (size_t)key_size) == 0 && !g->plan->name[i][key_size] &&
            (kind == JSON_KIND_TEXT || kind == JSON_KIND_NUMBER))
            unit_see(g, value, size);
}

static akin_status unit_choose(akin_ctx *ctx, const struct input *in, struct read_plan *plan,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    struct unit_guess g = {plan, 0, 0, 0};
    char *scratch = NULL;
    if (plan->format == FORMAT_JSONL) {
        int64_t size;
        const char *head = input_head(in, &size);
        MEM_NEW(ctx, scratch, size + 1);
        for (int64_t at = plan->body, rows = 0; at < size && rows < 1000; rows++) {
            const char *stop = memchr(head + at, '\n', (size_t)(size - at));
            int64_t end = stop ? stop - head : size;
            json_scan_object(head + at, end - at, scratch, unit_field, &g);
            at = end + 1;
        }
    } else {
        AKIN_TRY(plan_head(ctx, plan, in, 1000, unit_row, &g, err));
    }
    if (g.n_bad * 2 > g.n)
        plan->unit = UNIT_ISO;
    else
        plan->unit = g.largest > 1e14 ? UNIT_US : g.largest > 1e11 ? UNIT_MS : UNIT_S;
done:
    mem_free(ctx, scratch);
    return status;
}

/* ---- the plan ---- */

static akin_status sep_parse(const char *text, char *out, bool *is_double, akin_error *err)
{
    *is_double = false;
    if (strcmp(text, "::") == 0) {
        *is_double = true;
        *out = ':';
    } else if (strcmp(text, "\\t") == 0 || strcmp(text, "tab") == 0) {
        *out = '\t';
    } else if (strcmp(text, "space") == 0) {
        *out = ' ';
    } else if (strlen(text) == 1 && text[0] != '\n' && text[0] != '\r' && text[0] != '"') {
        *out = text[0];
    } else {
        return error_set(err, AKIN_E_ARG, __FILE__, __LINE__,
                         "sep='%.20s' (one character, \\t, space or ::)", text);
    }
    return AKIN_OK;
}

static akin_status plan_begin(akin_ctx *ctx, const struct prepare_params *p, int64_t format,
                              const struct input *in, bool is_table, struct read_plan **out,
                              bool *guessed, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct read_plan *plan = NULL;
    struct format_guess guess;
    int64_t size, begin;
    const char *head = input_head(in, &size);
    AKIN_TRY(format_begin(in, &begin, err));
    MEM_ZERO(ctx, plan, 1);
    format_guess(input_name(in), head + begin, size - begin, &guess);
    *guessed = format == FORMAT_AUTO;
    plan->format = format == FORMAT_AUTO ? guess.format : (int)format;
    bool is_list = plan->format >= FORMAT_ADJACENCY && plan->format < FORMAT_PARQUET;
    if (*guessed && is_list && !is_table && json_object_size(p->columns) > 0)
        plan->format = FORMAT_CSV; /* who names columns has columns */
    if (is_table && *guessed && plan->format >= FORMAT_ADJACENCY && plan->format < FORMAT_PARQUET)
        plan->format = FORMAT_CSV; /* a table has columns */
    if (plan->format == FORMAT_PARQUET)
        AKIN_FAIL(
            AKIN_E_UNSUPPORTED,
            "%s: Parquet is not read by this version (convert it to CSV, e.g. duckdb -c \"COPY "
            "'f.parquet' TO 'f.csv'\")",
            input_path(in));
    plan->sep = plan->format == FORMAT_TSV ? '\t' : guess.sep;
    if (plan->format == FORMAT_BASKET && !*guessed && guess.format != FORMAT_BASKET)
        plan->sep = guess.format == FORMAT_CSV && guess.sep == ',' ? ',' : ' ';
    if (plan->format == FORMAT_SESSIONS || plan->format == FORMAT_LIBSVM ||
        plan->format == FORMAT_DSSTNE)
        plan->sep = ' ';
    if (plan->format == FORMAT_ADJACENCY)
        plan->sep = guess.sep == ',' || guess.sep == '\t' ? guess.sep : ' ';
    if (p->sep && !is_table)
        AKIN_TRY(sep_parse(p->sep, &plan->sep, &plan->is_double, err));
    if (plan->format == FORMAT_MOVIELENS)
        plan->is_double = true;
    plan->has_quotes = plan->format == FORMAT_CSV && plan->sep != ' ' && !plan->is_double;
    plan->lead = p->lead > 0 ? (int)p->lead - 1 : guess.lead;
    plan->n_cells = CELL_FIXED;
    plan->value_lo = (double)-INFINITY;
    plan->value_hi = (double)INFINITY;
    plan->max_line = p->max_line;
    plan->piece = p->piece;
    plan->body = begin;
    *out = plan;
    plan = NULL;
done:
    plan_free(ctx, plan);
    return status;
}

static akin_status range_read(const struct prepare_params *p, struct read_plan *plan,
                              akin_error *err)
{
    double bound[2];
    if (!p->value_range)
        return AKIN_OK;
    bool ok = json_array_size(p->value_range) == 2;
    for (size_t i = 0; ok && i < 2; i++) {
        const json_t *v = json_array_get(p->value_range, i);
        if (json_is_number(v))
            bound[i] = json_number_value(v);
        else
            ok = json_is_string(v) &&
                 text_to_double(json_string_value(v), json_string_length(v), &bound[i]);
        ok = ok && !isnan(bound[i]);
    }
    if (!ok || bound[0] > bound[1])
        return error_set(err, AKIN_E_ARG, __FILE__, __LINE__,
                         "value_range must be two numbers [lo, hi], lo <= hi");
    plan->value_lo = bound[0];
    plan->value_hi = bound[1];
    return AKIN_OK;
}

/* The direct parsers: nothing but ids, value and integer time, no quotes in the way. */
static bool plan_fast(const struct read_plan *plan)
{
    if ((plan->format != FORMAT_CSV && plan->format != FORMAT_TSV) || plan->sep == ' ' ||
        plan->is_double || plan->has_type || plan->n_cells > CELL_FIXED || plan->unit == UNIT_ISO)
        return false;
    char sep = plan->sep;
    return !(sep >= '0' && sep <= '9') && sep != '.' && sep != '-';
}

static akin_status plan_note(const struct read_plan *plan, bool guessed, json_t *note,
                             akin_error *err)
{
    static const char *const units[] = {"auto", "s", "ms", "us", "iso"};
    static const char *const cells[] = {"user_id", "item_id", "value", "time", "event_type"};
    json_t *columns = json_object();
    bool ok = columns &&
              json_object_set_new(note, "format", json_string(format_text(plan->format))) == 0 &&
              json_object_set_new(note, "guessed", json_boolean(guessed)) == 0;
    for (int i = 0; ok && i < plan->n_cols; i++) {
        int cell = plan->role[i];
        if (cell >= 0 && cell < CELL_FIXED)
            ok = json_object_set_new(columns, cells[cell], json_string(plan->name[i])) == 0;
    }
    if (ok && plan->n_cols > 0)
        ok = json_object_set(note, "columns", columns) == 0;
    if (ok && plan->has_time)
        ok = json_object_set_new(note, "time_unit", json_string(units[plan->unit])) == 0;
    json_decref(columns);
    return ok ? AKIN_OK
              : error_set(err, AKIN_E_MEMORY, __FILE__, __LINE__, "no memory for the report");
}

akin_status plan_create(akin_ctx *ctx, const struct prepare_params *p, int64_t max_time,
                        const struct input *in, int32_t source, const struct idset *types,
                        json_t *note, struct read_plan **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct read_plan *plan = NULL;
    bool guessed = false;
    AKIN_TRY(plan_begin(ctx, p, p->format, in, false, &plan, &guessed, err));
    plan->source = source;
    plan->max_time = max_time;
    plan->types = types;
    AKIN_TRY(range_read(p, plan, err));
    if (plan->format <= FORMAT_MOVIELENS) {
        AKIN_TRY(plan_header(ctx, p, in, p->columns, plan, err));
    } else if (plan->format == FORMAT_JSONL) {
        AKIN_TRY(plan_keys(ctx, in, plan, err));
    }
    if (plan->format <= FORMAT_JSONL) {
        AKIN_TRY(columns_assign(p, in, plan, err));
    } else if (p->columns && json_object_size(p->columns) > 0 && !is_without_values(p, plan)) {
        AKIN_FAIL(AKIN_E_ARG, "%s: format %s has no columns (drop --columns, or say --format csv)",
                  input_path(in), format_text(plan->format));
    }
    plan->has_value = plan->has_value || plan->format == FORMAT_LIBSVM ||
                      (plan->format == FORMAT_DSSTNE && !is_without_values(p, plan));
    plan->by_row = p->order == 1 || plan->format == FORMAT_SESSIONS;
    plan->unit = (int)p->time_unit;
    if (plan->has_time && plan->unit == UNIT_AUTO)
        AKIN_TRY(unit_choose(ctx, in, plan, err));
    plan->is_fast = plan_fast(plan);
    AKIN_TRY(plan_note(plan, guessed, note, err));
    log_write(ctx, AKIN_LOG_INFO, "%s: format %s%s", input_name(in), format_text(plan->format),
              guessed ? " (guessed; --format overrules)" : "");
    *out = plan;
    plan = NULL;
done:
    plan_free(ctx, plan);
    return status;
}

/* {"id": [ … ], "id": … in one object: its first value is a list and more than one line is none. */
static bool head_is_map(const struct input *in, int64_t begin)
{
    int64_t size, at = begin, ends = 0;
    const char *head = input_head(in, &size);
    static const char shape[] = "{\"\":[";
    const char *want = shape;
    for (; at < size && *want; at++) {
        if (*want == '"' && want[1] == ':' && head[at] != '"')
            continue; /* the first key */
        if (head[at] == *want)
            want++;
        else if (head[at] != ' ' && head[at] != '\n' && head[at] != '\r' && head[at] != '\t')
            return false;
    }
    for (at = begin; at < size && ends < 2; at++)
        ends += head[at] == '\n' && at + 1 < size && head[at + 1] == '{';
    return !*want && ends == 0;
}

akin_status plan_create_table(akin_ctx *ctx, const struct prepare_params *p, const struct input *in,
                              struct read_plan **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct read_plan *plan = NULL;
    struct prepare_params header = *p;
    bool guessed;
    header.header = 0;
    AKIN_TRY(plan_begin(ctx, p, FORMAT_AUTO, in, true, &plan, &guessed, err));
    plan->is_map = plan->format == FORMAT_JSONL && head_is_map(in, plan->body);
    if (plan->is_map) {
        AKIN_TRY(plan_names_alloc(ctx, plan, 2, err));
        memcpy(plan->name[0], "item_id", 8);
        memcpy(plan->name[1], "categories", 11);
    } else if (plan->format == FORMAT_JSONL) {
        AKIN_TRY(plan_keys(ctx, in, plan, err));
    } else {
        AKIN_TRY(plan_header(ctx, &header, in, NULL, plan, err));
    }
    *out = plan;
    plan = NULL;
done:
    plan_free(ctx, plan);
    return status;
}
