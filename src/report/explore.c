/*
 * The exploratory numbers: one pass over the events counts items and users; every section then
 * works on the counts, or in a pass of its own.
 *
 * Cost: O(events + (items + users) log), sequential; 40 bytes an item and a user, never events.
 * Not done: estimates. Only the lists of points and of top rows are cut, and say so.
 */
#include "report/explore.h"

#include "core/hash.h"
#include "core/text.h"

#include <math.h>
#include <string.h>

/* ---- JSON ---- */

void explore_put(struct explore *x, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0)
        x->failed = true;
}

void explore_add(struct explore *x, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0)
        x->failed = true;
}

json_t *explore_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *explore_summary(struct explore *x, const struct report_summary *s)
{
    json_t *out = json_object();
    explore_put(x, out, "n", json_integer(s->n));
    explore_put(x, out, "mean", explore_real(s->mean));
    explore_put(x, out, "sd", explore_real(s->sd));
    explore_put(x, out, "min", explore_real(s->lo));
    explore_put(x, out, "q01", explore_real(s->q01));
    explore_put(x, out, "q25", explore_real(s->q25));
    explore_put(x, out, "median", explore_real(s->median));
    explore_put(x, out, "q75", explore_real(s->q75));
    explore_put(x, out, "q90", explore_real(s->q90));
    explore_put(x, out, "q99", explore_real(s->q99));
    explore_put(x, out, "max", explore_real(s->hi));
    return out;
}

json_t *explore_text(const char *text, int64_t size)
{
    char copy[121];
    size_t n = size < (int64_t)sizeof copy - 1 ? (size_t)size : sizeof copy - 1;
    memcpy(copy, text, n);
    copy[n] = '\0';
    text_clean(copy);
    return json_string(copy);
}

json_t *explore_label(const struct explore_side *side, int32_t i)
{
    if (side->title && side->title->off[i + 1] > side->title->off[i])
        return explore_text(side->title->bytes + side->title->off[i],
                            side->title->off[i + 1] - side->title->off[i]);
    int32_t size;
    const char *id = ids_get(side->ids, i, &size);
    return explore_text(id, size);
}

/* ---- counting ---- */

/* The column that names an item: "title" or "name", else the first text. */
static const struct column *title_of(const struct table *t)
{
    static const char *const names[] = {"title", "name", "label"};
    for (int i = 0; i < 3; i++) {
        const struct column *col = table_find(t, names[i]);
        if (col && col->type == COL_TEXT)
            return col;
    }
    for (int32_t c = 0; c < t->n_cols; c++)
        if (t->cols[c].type == COL_TEXT)
            return &t->cols[c];
    return NULL;
}

static akin_status side_open(struct explore *x, struct explore_side *side, const struct ids *ids,
                             const struct table *table, akin_error *err)
{
    akin_status status = AKIN_OK;
    side->ids = ids;
    side->table = table;
    side->n = ids->n;
    MEM_ZERO(x->ctx, side->count, ids->n);
    if (x->ds->value)
        MEM_ZERO(x->ctx, side->sum, ids->n);
done:
    return status;
}

static void side_close(akin_ctx *ctx, struct explore_side *side)
{
    mem_free(ctx, side->count);
    mem_free(ctx, side->sum);
    mem_free(ctx, side->order);
    mem_free(ctx, side->sorted);
}

static akin_status count_events(struct explore *x, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dataset *ds = x->ds;
    int32_t *last = NULL; /* (items) newest user that met it, + 1 */
    MEM_ZERO(x->ctx, last, ds->items.n);
    progress_begin(x->ctx, "explore", ds->n_events);
    for (int32_t u = 0; u < ds->users.n; u++) {
        for (int64_t e = ds->user_ptr[u]; e < ds->user_ptr[u + 1]; e++) {
            int32_t i = ds->item[e];
            x->items.count[i]++;
            x->n_pairs += last[i] != u + 1;
            last[i] = u + 1;
            if (ds->value) {
                x->items.sum[i] += (double)ds->value[e];
                x->users.sum[u] += (double)ds->value[e];
            }
            if (e % EXPLORE_POLL == EXPLORE_POLL - 1) {
                progress_add(x->ctx, EXPLORE_POLL);
                progress_poll(x->ctx);
                AKIN_TRY(ctx_check(x->ctx, err));
            }
        }
        x->users.count[u] = ds->user_ptr[u + 1] - ds->user_ptr[u];
    }
done:
    progress_end(x->ctx);
    mem_free(x->ctx, last);
    return status;
}

akin_status explore_largest(akin_ctx *ctx, const int64_t *of, int64_t n, int32_t **out,
                            int64_t *n_out, akin_error *err)
{
    akin_status status = AKIN_OK;
    double *key = NULL;
    int32_t *order = NULL, *number = NULL;
    int64_t m = 0;
    MEM_NEW(ctx, key, n);
    MEM_NEW(ctx, number, n);
    for (int64_t i = 0; i < n; i++) {
        if (of[i] > 0) {
            key[m] = -(double)of[i];
            number[m++] = (int32_t)i;
        }
    }
    MEM_NEW(ctx, order, m);
    AKIN_TRY(report_order(ctx, m, key, order, err));
    for (int64_t j = 0; j < m; j++)
        order[j] = number[order[j]];
    *out = order;
    *n_out = m;
    order = NULL;
done:
    mem_free(ctx, key);
    mem_free(ctx, number);
    mem_free(ctx, order);
    return status;
}

static akin_status side_sort(struct explore *x, struct explore_side *side, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n = 0;
    AKIN_TRY(explore_largest(x->ctx, side->count, side->n, &side->order, &n, err));
    side->n_active = (int32_t)n;
    MEM_NEW(x->ctx, side->sorted, n);
    for (int64_t j = 0; j < n; j++)
        side->sorted[n - 1 - j] = (double)side->count[side->order[j]];
done:
    return status;
}

/* ---- overview ---- */

static void put_overview(struct explore *x, json_t *root)
{
    static const char *const kinds[] = {"none", "unix", "ordinal"};
    const struct dataset *ds = x->ds;
    json_t *out = json_object();
    char hex[17];
    uint64_t sum = dataset_fingerprint(ds);
    for (int i = 0; i < 16; i++)
        hex[i] = "0123456789abcdef"[sum >> (60 - 4 * i) & 15];
    hex[16] = '\0';
    double cells = (double)x->users.n_active * (double)x->items.n_active;
    explore_put(x, out, "fingerprint", json_string(hex));
    explore_put(x, out, "events", json_integer(ds->n_events));
    explore_put(x, out, "users", json_integer(x->users.n_active));
    explore_put(x, out, "items", json_integer(x->items.n_active));
    explore_put(x, out, "catalog_users", json_integer(x->users.n));
    explore_put(x, out, "catalog_items", json_integer(x->items.n));
    explore_put(x, out, "pairs", json_integer(x->n_pairs));
    explore_put(x, out, "repeated_events", json_integer(ds->n_events - x->n_pairs));
    explore_put(x, out, "density", explore_real((double)x->n_pairs / cells));
    explore_put(x, out, "sparsity", explore_real(1.0 - (double)x->n_pairs / cells));
    explore_put(x, out, "has_values", json_boolean(ds->value != NULL));
    explore_put(x, out, "time_kind", json_string(kinds[ds->time_kind]));
    explore_put(x, out, "event_types", json_integer(ds->type ? ds->types.n : 1));
    explore_put(x, out, "tags", json_integer(ds->n_tags));
    explore_put(x, root, "data", out);
}

/* What prepare counted, as the card keeps it; a split part tells of the whole it came from. */
static void put_cleaning(struct explore *x, json_t *root)
{
    static const char *const keys[] = {"rows",   "kept",    "dropped", "samples",
                                       "stages", "sources", "format",  "crlf_lines"};
    const json_t *prepare = json_object_get(x->ds->card, "prepare");
    if (!json_is_object(prepare))
        return;
    json_t *out = json_object();
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *value = json_object_get(prepare, keys[i]);
        if (value)
            explore_put(x, out, keys[i], json_deep_copy(value));
    }
    const json_t *split = json_object_get(x->ds->card, "split");
    if (split)
        explore_put(x, out, "split", json_deep_copy(split));
    explore_put(x, root, "cleaning", out);
}

static akin_status explore_all(struct explore *x, json_t *root, akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *items = NULL, *users = NULL;
    AKIN_TRY(count_events(x, err));
    AKIN_TRY(side_sort(x, &x->items, err));
    AKIN_TRY(side_sort(x, &x->users, err));
    explore_put(x, root, "report", json_string("explore"));
    put_overview(x, root);
    items = json_object();
    users = json_object();
    AKIN_TRY(explore_values(x, root, err));
    AKIN_TRY(explore_side_json(x, &x->items, items, err));
    AKIN_TRY(explore_side_json(x, &x->users, users, err));
    AKIN_TRY(explore_tags(x, root, err));
    AKIN_TRY(explore_correlations(x, root, err));
    AKIN_TRY(explore_time(x, root, err));
    AKIN_TRY(explore_types(x, root, err));
    AKIN_TRY(explore_categories(x, &x->items, root, "item_categories", err));
    AKIN_TRY(explore_categories(x, &x->users, root, "user_categories", err));
    AKIN_TRY(explore_columns(x, root, err));
    put_cleaning(x, root);
    explore_put(x, root, "items", json_incref(items));
    explore_put(x, root, "users", json_incref(users));
done:
    json_decref(items);
    json_decref(users);
    return status;
}

akin_status report_explore(const struct dataset *ds, json_t **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct explore x = {.ctx = ds->ctx, .ds = ds};
    json_t *root = json_object();
    AKIN_TRY(side_open(&x, &x.items, &ds->items, &ds->item_table, err));
    AKIN_TRY(side_open(&x, &x.users, &ds->users, &ds->user_table, err));
    x.items.title = title_of(&ds->item_table);
    AKIN_TRY(explore_all(&x, root, err));
    if (!root || x.failed)
        AKIN_FAIL(AKIN_E_MEMORY, "report: out of memory for the numbers");
    *out = root;
    root = NULL;
done:
    json_decref(root);
    side_close(x.ctx, &x.items);
    side_close(x.ctx, &x.users);
    mem_free(x.ctx, x.tags);
    return status;
}
