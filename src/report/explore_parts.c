/*
 * Tags, time, categories and columns.
 *
 * Cost: a pass over tags; two over the times; the categories over the items' cells, not the events.
 */
#include "report/explore.h"

#include "core/text.h"
#include "report/calendar.h"

#include <math.h>
#include <string.h>

/* ---- tags ---- */

static akin_status put_top_tags(struct explore *x, json_t *into, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dataset *ds = x->ds;
    int64_t *count = NULL, *items = NULL, n = 0;
    int32_t *last = NULL, *order = NULL;
    json_t *out = json_array();
    MEM_ZERO(x->ctx, count, ds->tag_vocab.n);
    MEM_ZERO(x->ctx, items, ds->tag_vocab.n);
    MEM_ZERO(x->ctx, last, ds->tag_vocab.n);
    for (int64_t t = 0; t < ds->n_tags; t++) { /* tags lie by item */
        int32_t text = ds->tag_text[t];
        count[text]++;
        items[text] += last[text] != ds->tag_item[t] + 1;
        last[text] = ds->tag_item[t] + 1;
        if (t % EXPLORE_POLL == 0)
            AKIN_TRY(ctx_check(x->ctx, err));
    }
    AKIN_TRY(explore_largest(x->ctx, count, ds->tag_vocab.n, &order, &n, err));
    explore_put(x, into, "distinct", json_integer(n));
    for (int64_t j = 0; j < n && j < EXPLORE_TOP; j++) {
        int32_t size;
        const char *text = strtab_get(&ds->tag_vocab, order[j], &size);
        json_t *row = json_object();
        explore_put(x, row, "tag", explore_text(text, size));
        explore_put(x, row, "n", json_integer(count[order[j]]));
        explore_put(x, row, "items", json_integer(items[order[j]]));
        explore_add(x, out, row);
    }
    explore_put(x, into, "top", json_incref(out));
done:
    json_decref(out);
    mem_free(x->ctx, count);
    mem_free(x->ctx, items);
    mem_free(x->ctx, last);
    mem_free(x->ctx, order);
    return status;
}

static akin_status count_taggers(struct explore *x, int64_t *n_users, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dataset *ds = x->ds;
    uint8_t *seen = NULL;
    MEM_ZERO(x->ctx, seen, ds->users.n);
    *n_users = 0;
    for (int64_t t = 0; t < ds->n_tags; t++) {
        int32_t u = ds->tag_user[t];
        if (u >= 0 && !seen[u]) {
            seen[u] = 1;
            ++*n_users;
        }
    }
done:
    mem_free(x->ctx, seen);
    return status;
}

/* Items with tags and events, most tags first: mean value against number of tags. */
static akin_status put_mean_by_tags(struct explore *x, const int32_t *order, int64_t n,
                                    json_t *into, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t *rated = NULL;
    int64_t m = 0;
    MEM_NEW(x->ctx, rated, n);
    for (int64_t j = 0; j < n; j++)
        if (x->items.count[order[j]] > 0)
            rated[m++] = order[j];
    AKIN_TRY(explore_by_octave(x, &x->items, x->tags, rated, m, into, "mean_by_tags", err));
    explore_put(x, into, "points",
                explore_points(x, &x->items, x->tags, rated, m, &x->items.means));
done:
    mem_free(x->ctx, rated);
    return status;
}

akin_status explore_tags(struct explore *x, json_t *root, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dataset *ds = x->ds;
    int32_t *order = NULL;
    int64_t n = 0, n_users = 0;
    double *sorted = NULL;
    json_t *out = NULL;
    if (ds->n_tags == 0)
        return AKIN_OK;
    out = json_object();
    MEM_ZERO(x->ctx, x->tags, ds->items.n);
    for (int64_t t = 0; t < ds->n_tags; t++)
        x->tags[ds->tag_item[t]]++;
    AKIN_TRY(explore_largest(x->ctx, x->tags, ds->items.n, &order, &n, err));
    MEM_NEW(x->ctx, sorted, n);
    for (int64_t j = 0; j < n; j++)
        sorted[n - 1 - j] = (double)x->tags[order[j]];
    struct report_summary s;
    report_summarize(sorted, n, &s);
    AKIN_TRY(count_taggers(x, &n_users, err));
    explore_put(x, out, "n", json_integer(ds->n_tags));
    explore_put(x, out, "items", json_integer(n));
    explore_put(x, out, "users", json_integer(n_users));
    explore_put(x, out, "per_item", explore_summary(x, &s));
    explore_put(x, out, "histogram", explore_octaves(x, x->tags, order, n));
    AKIN_TRY(put_top_tags(x, out, err));
    if (ds->value)
        AKIN_TRY(put_mean_by_tags(x, order, n, out, err));
    explore_put(x, root, "tags", json_incref(out));
done:
    json_decref(out);
    mem_free(x->ctx, order);
    mem_free(x->ctx, sorted);
    return status;
}

/* ---- time ---- */

enum { TIME_BINS = 500 };

struct timeline {
    int64_t first, last;
    enum calendar_unit unit;
    int64_t base, n; /* bins of unit base .. base + n - 1 */
    int64_t start[TIME_BINS + 1];
    int64_t events[TIME_BINS], new_users[TIME_BINS], new_items[TIME_BINS];
};

/* The finest unit that does not need too many bins; false if even years do. */
static bool timeline_fit(struct timeline *t)
{
    static const int64_t most[] = {72, 92, 105, 300, TIME_BINS};
    for (int u = CALENDAR_HOUR; u <= CALENDAR_YEAR; u++) {
        t->unit = (enum calendar_unit)u;
        t->base = calendar_index(t->unit, t->first);
        t->n = calendar_index(t->unit, t->last) - t->base + 1;
        if (t->n > most[u])
            continue;
        for (int64_t b = 0; b <= t->n; b++)
            t->start[b] = calendar_start(t->unit, t->base + b);
        return true;
    }
    return false;
}

/* Bin of an instant, looked for from bin b on. */
static int64_t timeline_bin(const struct timeline *t, int64_t at, int64_t b)
{
    if (at >= t->start[b] && at < t->start[b + 1])
        return b;
    int64_t lo = 0, hi = t->n;
    while (hi - lo > 1) {
        int64_t mid = (lo + hi) / 2;
        if (t->start[mid] <= at)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

static akin_status timeline_count(struct explore *x, struct timeline *t, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dataset *ds = x->ds;
    int64_t *oldest = NULL; /* (items) first instant, last + 1 = none */
    MEM_NEW(x->ctx, oldest, ds->items.n);
    for (int32_t i = 0; i < ds->items.n; i++)
        oldest[i] = t->last + 1;
    for (int32_t u = 0; u < ds->users.n; u++) {
        int64_t b = 0;
        for (int64_t e = ds->user_ptr[u]; e < ds->user_ptr[u + 1]; e++) {
            int64_t at = ds->time[e];
            b = timeline_bin(t, at, b);
            t->events[b]++;
            t->new_users[b] += e == ds->user_ptr[u];
            if (at < oldest[ds->item[e]])
                oldest[ds->item[e]] = at;
            if (e % EXPLORE_POLL == 0)
                AKIN_TRY(ctx_check(x->ctx, err));
        }
    }
    for (int32_t i = 0; i < ds->items.n; i++)
        if (oldest[i] <= t->last)
            t->new_items[timeline_bin(t, oldest[i], 0)]++;
done:
    mem_free(x->ctx, oldest);
    return status;
}

static json_t *timeline_json(struct explore *x, const struct timeline *t)
{
    json_t *out = json_array();
    for (int64_t b = 0; b < t->n; b++) {
        char label[32];
        json_t *row = json_object();
        calendar_label(t->unit, t->start[b], label, sizeof label);
        explore_put(x, row, "start", json_integer(t->start[b]));
        explore_put(x, row, "label", json_string(label));
        explore_put(x, row, "n", json_integer(t->events[b]));
        explore_put(x, row, "new_users", json_integer(t->new_users[b]));
        explore_put(x, row, "new_items", json_integer(t->new_items[b]));
        explore_add(x, out, row);
    }
    return out;
}

/* From the first to the last event of each user. */
static akin_status put_spans(struct explore *x, json_t *into, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dataset *ds = x->ds;
    double *span = NULL, *sorted = NULL;
    int32_t *order = NULL;
    int64_t n = 0, short_ones = 0;
    MEM_NEW(x->ctx, span, x->users.n_active);
    MEM_NEW(x->ctx, sorted, x->users.n_active);
    MEM_NEW(x->ctx, order, x->users.n_active);
    for (int32_t u = 0; u < ds->users.n; u++) {
        if (ds->user_ptr[u + 1] == ds->user_ptr[u])
            continue;
        int64_t seconds = ds->time[ds->user_ptr[u + 1] - 1] - ds->time[ds->user_ptr[u]];
        short_ones += seconds < 86400;
        span[n++] = (double)seconds / 86400.0;
    }
    AKIN_TRY(report_order(x->ctx, n, span, order, err));
    for (int64_t j = 0; j < n; j++)
        sorted[j] = span[order[j]];
    struct report_summary s;
    report_summarize(sorted, n, &s);
    explore_put(x, into, "user_span_days", explore_summary(x, &s));
    explore_put(x, into, "users_within_a_day", json_integer(short_ones));
done:
    mem_free(x->ctx, span);
    mem_free(x->ctx, sorted);
    mem_free(x->ctx, order);
    return status;
}

akin_status explore_time(struct explore *x, json_t *root, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dataset *ds = x->ds;
    struct timeline *t = NULL;
    json_t *out = NULL;
    char text[40];
    if (ds->time_kind != TIME_UNIX || !ds->time || ds->n_events == 0)
        return AKIN_OK;
    MEM_ZERO(x->ctx, t, 1);
    t->first = t->last = ds->time[0];
    for (int64_t e = 0; e < ds->n_events; e++) {
        t->first = ds->time[e] < t->first ? ds->time[e] : t->first;
        t->last = ds->time[e] > t->last ? ds->time[e] : t->last;
        if (e % EXPLORE_POLL == 0)
            AKIN_TRY(ctx_check(x->ctx, err));
    }
    out = json_object();
    explore_put(x, out, "first_unix", json_integer(t->first));
    explore_put(x, out, "last_unix", json_integer(t->last));
    if (t->first >= CALENDAR_MIN && t->last <= CALENDAR_MAX) {
        explore_put(x, out, "days", explore_real((double)(t->last - t->first) / 86400.0));
        text_from_unix(t->first, text, sizeof text);
        explore_put(x, out, "first", json_string(text));
        text_from_unix(t->last, text, sizeof text);
        explore_put(x, out, "last", json_string(text));
        AKIN_TRY(put_spans(x, out, err));
        if (timeline_fit(t)) {
            AKIN_TRY(timeline_count(x, t, err));
            explore_put(x, out, "unit", json_string(calendar_unit_name(t->unit)));
            explore_put(x, out, "bins", timeline_json(x, t));
        }
    }
    explore_put(x, root, "time", json_incref(out));
done:
    json_decref(out);
    mem_free(x->ctx, t);
    return status;
}

/* ---- categories ---- */

static akin_status category_json(struct explore *x, const struct explore_side *side,
                                 const struct column *col, json_t *into, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t n_vocab = col->vocab.n, *order = NULL;
    int64_t *members = NULL, *events = NULL, n = 0, without = 0;
    double *sum = NULL;
    json_t *out = json_object(), *rows = json_array();
    MEM_ZERO(x->ctx, members, n_vocab);
    MEM_ZERO(x->ctx, events, n_vocab);
    MEM_ZERO(x->ctx, sum, n_vocab);
    for (int32_t i = 0; i < side->n; i++) {
        without += col->ptr[i + 1] == col->ptr[i];
        for (int64_t p = col->ptr[i]; p < col->ptr[i + 1]; p++) {
            members[col->val[p]]++;
            events[col->val[p]] += side->count[i];
            sum[col->val[p]] += side->sum ? side->sum[i] : 0.0;
        }
        if (i % EXPLORE_POLL == 0)
            AKIN_TRY(ctx_check(x->ctx, err));
    }
    AKIN_TRY(explore_largest(x->ctx, events, n_vocab, &order, &n, err));
    for (int64_t j = 0; j < n && j < EXPLORE_TOP; j++) {
        int32_t size, v = order[j];
        const char *text = strtab_get(&col->vocab, v, &size);
        json_t *row = json_object();
        explore_put(x, row, "value", explore_text(text, size));
        explore_put(x, row, "members", json_integer(members[v]));
        explore_put(x, row, "events", json_integer(events[v]));
        if (side->sum)
            explore_put(x, row, "mean", explore_real(sum[v] / (double)events[v]));
        explore_add(x, rows, row);
    }
    explore_put(x, out, "column", explore_text(col->name, (int64_t)strlen(col->name)));
    explore_put(x, out, "distinct", json_integer(n_vocab));
    explore_put(x, out, "without", json_integer(without));
    explore_put(x, out, "rows", json_incref(rows));
    explore_add(x, into, json_incref(out));
done:
    json_decref(out);
    json_decref(rows);
    mem_free(x->ctx, members);
    mem_free(x->ctx, events);
    mem_free(x->ctx, sum);
    mem_free(x->ctx, order);
    return status;
}

akin_status explore_categories(struct explore *x, const struct explore_side *side, json_t *root,
                               const char *key, akin_error *err)
{
    enum { COLUMNS = 6 };
    akin_status status = AKIN_OK;
    json_t *out = json_array();
    for (int32_t c = 0, n = 0; c < side->table->n_cols && n < COLUMNS; c++) {
        if (side->table->cols[c].type != COL_CATEGORY)
            continue;
        AKIN_TRY(category_json(x, side, &side->table->cols[c], out, err));
        n++;
    }
    if (json_array_size(out) > 0)
        explore_put(x, root, key, json_incref(out));
done:
    json_decref(out);
    return status;
}

/* ---- columns ---- */

static int64_t cells_filled(const struct column *col, int64_t n_rows)
{
    int64_t n = 0;
    for (int64_t r = 0; r < n_rows; r++) {
        if (col->type == COL_NUMBER)
            n += !isnan(col->num[r]);
        else if (col->type == COL_TEXT)
            n += col->off[r + 1] > col->off[r];
        else
            n += col->ptr[r + 1] > col->ptr[r];
    }
    return n;
}

static json_t *columns_json(struct explore *x, const struct table *t)
{
    static const char *const types[] = {"", "number", "text", "category"};
    json_t *out = json_array();
    for (int32_t c = 0; c < t->n_cols; c++) {
        const struct column *col = &t->cols[c];
        int64_t filled = cells_filled(col, t->n_rows);
        json_t *row = json_object();
        explore_put(x, row, "column", explore_text(col->name, (int64_t)strlen(col->name)));
        explore_put(x, row, "type", json_string(types[col->type]));
        explore_put(x, row, "filled", json_integer(filled));
        explore_put(x, row, "share", explore_real((double)filled / (double)t->n_rows));
        if (col->type == COL_CATEGORY)
            explore_put(x, row, "distinct", json_integer(col->vocab.n));
        explore_add(x, out, row);
    }
    return out;
}

akin_status explore_columns(struct explore *x, json_t *root, akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *out = json_object();
    const struct {
        const char *name;
        const struct table *t;
    } tables[] = {{"items", &x->ds->item_table},
                  {"users", &x->ds->user_table},
                  {"events", &x->ds->event_table}};
    for (int i = 0; i < 3; i++) {
        AKIN_TRY(ctx_check(x->ctx, err));
        if (tables[i].t->n_cols > 0)
            explore_put(x, out, tables[i].name, columns_json(x, tables[i].t));
    }
    if (json_object_size(out) > 0)
        explore_put(x, root, "columns", json_incref(out));
done:
    json_decref(out);
    return status;
}
