/*
 * The first bytes of a source: its header row, or the keys of its first JSON objects.
 * Cost: a copy of the first MiB, and a few records of it.
 */
#include "data/format.h"

#include "core/text.h"
#include "data/reader_json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- the head ---- */

akin_status plan_head(akin_ctx *ctx, const struct read_plan *plan, const struct input *in,
                      int64_t max, head_fn fn, void *arg, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t size;
    const char *head = input_head(in, &size);
    char *text = NULL;
    struct chunk c;
    chunk_init(&c, ctx);
    MEM_NEW(ctx, text, size + READ_PAD);
    memcpy(text, head, (size_t)size);
    memset(text + size, 0, READ_PAD);
    text[size] = '\n';
    chunk_clear(&c, plan);
    MEM_NEW(ctx, c.field, READ_COLS_MAX + 1);
    bool is_last = size < INPUT_HEAD;
    for (int64_t at = plan->body; at < size && max > 0; max--) {
        int n_fields = 0;
        int64_t lines, broken = 0;
        int64_t end = csv_record(&c, text, size, at, is_last, &n_fields, &lines, &broken);
        if (end == -1)
            break;
        if (end >= 0 && (n_fields > 1 || c.field[0].n > 0) &&
            !fn(arg, c.field, n_fields < READ_COLS_MAX ? n_fields : READ_COLS_MAX))
            break;
        at = end >= 0 ? end : broken;
    }
done:
    chunk_free(&c);
    mem_free(ctx, text);
    return status;
}

/* ---- header ---- */

akin_status plan_names_alloc(akin_ctx *ctx, struct read_plan *plan, int n, akin_error *err)
{
    akin_status status = AKIN_OK;
    mem_free(ctx, plan->name);
    plan->name = NULL;
    if (n > READ_COLS_MAX)
        AKIN_FAIL(AKIN_E_LIMIT, "%d columns (at most %d; is the separator right?)", n,
                  READ_COLS_MAX);
    MEM_ZERO(ctx, plan->name, n);
    plan->n_cols = n;
    for (int i = 0; i < READ_COLS_MAX; i++)
        plan->role[i] = -1;
done:
    return status;
}

struct first_rows {
    akin_ctx *ctx;
    struct read_plan *plan;
    akin_status status;
    akin_error *err;
    int n_rows;
    int n_fields;
    bool is_known; /* first row holds a known or asked-for name */
    bool has_number[2];
};

static bool cell_is_number(const struct cell *cell)
{
    double value;
    return text_to_double(cell->p, (size_t)cell->n, &value) && isfinite(value);
}

static bool first_row(void *arg, const struct cell *field, int n_fields)
{
    struct first_rows *f = arg;
    int row = f->n_rows++;
    for (int i = 0; i < n_fields; i++)
        f->has_number[row] = f->has_number[row] || cell_is_number(&field[i]);
    if (row > 0)
        return false;
    f->n_fields = n_fields;
    f->status = plan_names_alloc(f->ctx, f->plan, n_fields, f->err);
    for (int i = 0; f->status == AKIN_OK && i < n_fields; i++) {
        const struct cell *c = &field[i];
        int64_t lead = 0, n = c->n;
        while (lead < n && c->p[lead] == ' ')
            lead++;
        while (n > lead && c->p[n - 1] == ' ')
            n--;
        n = n - lead < 63 ? n - lead : 63;
        memcpy(f->plan->name[i], c->p + lead, (size_t)n);
        for (int64_t k = 0; k < n; k++)
            if (f->plan->name[i][k] == '\0')
                f->plan->name[i][k] = '?';
        text_clean(f->plan->name[i]);
    }
    return f->status == AKIN_OK;
}

static bool names_hit(const struct read_plan *plan, const json_t *columns)
{
    const char *const *const lists[] = {known_user,       known_session, known_item, known_value,
                                        known_time,       known_type,    known_text, known_title,
                                        known_categories, known_tag};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (plan_known(plan, lists[i]) >= 0)
            return true;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)columns, key, value) {
        for (int i = 0; json_is_string(value) && i < plan->n_cols; i++)
            if (strcmp(plan->name[i], json_string_value(value)) == 0)
                return true;
    }
    return false;
}

static void names_number(struct read_plan *plan)
{
    static const char *const plain[] = {"user_id", "item_id", "value", "time"};
    for (int i = 0; i < plan->n_cols; i++) {
        memset(plan->name[i], 0, sizeof plan->name[i]);
        if (plan->n_cols <= 4)
            snprintf(plan->name[i], sizeof plan->name[i], "%s", plain[i]);
        else
            snprintf(plan->name[i], sizeof plan->name[i], "column%d", i + 1);
    }
}

/* Names from the first row or made up; plan->body moves behind a header. */
akin_status plan_header(akin_ctx *ctx, const struct prepare_params *p, const struct input *in,
                        const json_t *columns, struct read_plan *plan, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct first_rows f = {.ctx = ctx, .plan = plan, .err = err};
    AKIN_TRY(plan_head(ctx, plan, in, 2, first_row, &f, err));
    AKIN_TRY(f.status);
    if (f.n_rows == 0)
        AKIN_FAIL(AKIN_E_INPUT, "%s: no complete first row within %d bytes", input_path(in),
                  INPUT_HEAD);
    if (p->header == 0)
        plan->has_header = names_hit(plan, columns) || (!f.has_number[0] && f.has_number[1]);
    else
        plan->has_header = p->header == 1;
    if (!plan->has_header) {
        names_number(plan);
        goto done;
    }
    int64_t size;
    const char *head = input_head(in, &size);
    /* Behind the header: blank lines before it do not count as names, quoted line ends do. */
    struct chunk c;
    chunk_init(&c, ctx);
    chunk_clear(&c, plan);
    char *text = NULL;
    int n_fields = 0;
    int64_t lines, broken = 0, at = plan->body;
    c.field = mem_alloc(ctx, READ_COLS_MAX + 1, sizeof *c.field, err);
    text = mem_alloc(ctx, size + READ_PAD, 1, err);
    status = c.field && text ? AKIN_OK : AKIN_E_MEMORY;
    if (status == AKIN_OK) {
        memcpy(text, head, (size_t)size);
        memset(text + size, 0, READ_PAD);
        text[size] = '\n';
        do {
            int64_t end = csv_record(&c, text, size, at, true, &n_fields, &lines, &broken);
            at = end >= 0 ? end : broken;
        } while (n_fields == 1 && c.field[0].n == 0 && at < size);
        plan->body = at < size ? at : size;
        for (at = 0; at < plan->body; at++)
            plan->head_lines += text[at] == '\n';
    }
    chunk_free(&c);
    mem_free(ctx, text);
done:
    return status;
}

/* ---- jsonl: the keys of the first objects ---- */

struct key_list {
    struct read_plan *plan;
    int cap;
};

static void key_take(void *arg, const char *key, int64_t key_size, enum json_kind kind,
                     const char *value, int64_t size)
{
    struct key_list *list = arg;
    struct read_plan *plan = list->plan;
    (void)kind;
    (void)value;
    (void)size;
    if (key_size > 63 || memchr(key, '\0', (size_t)key_size))
        return;
    for (int i = 0; i < plan->n_cols; i++)
        if (memcmp(plan->name[i], key, (size_t)key_size) == 0 && !plan->name[i][key_size])
            return;
    if (plan->n_cols == list->cap)
        return;
    memcpy(plan->name[plan->n_cols], key, (size_t)key_size);
    text_clean(plan->name[plan->n_cols++]);
}

akin_status plan_keys(akin_ctx *ctx, const struct input *in, struct read_plan *plan,
                      akin_error *err)
{
    akin_status status = AKIN_OK;
    struct key_list list = {plan, 256};
    int64_t size;
    const char *head = input_head(in, &size);
    char *scratch = NULL;
    int n_good = 0;
    AKIN_TRY(plan_names_alloc(ctx, plan, list.cap, err));
    plan->n_cols = 0;
    MEM_NEW(ctx, scratch, size + 1);
    int64_t at = plan->body;
    for (int i = 0; i < 200 && at < size; i++) {
        const char *stop = memchr(head + at, '\n', (size_t)(size - at));
        if (!stop && size == INPUT_HEAD)
            break;
        int64_t end = stop ? stop - head : size;
        n_good += json_scan_object(head + at, end - at, scratch, key_take, &list);
        at = end + 1;
    }
    if (n_good == 0)
        AKIN_FAIL(AKIN_E_INPUT,
                  "%s: no JSON object in the first lines (jsonl is one object a line; for an array "
                  "of objects: jq -c '.[]')",
                  input_path(in));
done:
    mem_free(ctx, scratch);
    return status;
}
