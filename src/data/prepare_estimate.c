/*
 * What prepare will take, before it starts: the real reader runs over a sample (the head, and for
 * plain files blocks spread over the whole), rows and bytes are scaled up, distinct ids are
 * extrapolated, and the memory of each stage is added up as ingest allocates it.
 *
 * Distinct ids: Chao's lower bound d + f1²/(2 f2) where many ids were seen once (mixed rows), a
 * power law of the sample's own growth else (rows sorted by id), never above the largest integer.
 * A dataset and a store say themselves how many events and ids they have; their first lines say the
 * rest.
 * Cost: about 2 MiB read and parsed; of a store its first 65,536 events are read.
 */
#include "data/prepare_impl.h"

#include "core/par.h"
#include "data/format.h"

#include <math.h>
#include <string.h>

enum { SPREAD = 16, SPREAD_BYTES = 1 << 16, VALUE_EVERY = 61 };

struct side {
    struct idset set;
    int64_t *count; /* by number, owned */
    int64_t cap;
    int64_t n_half; /* distinct after half of the sample */
    uint32_t max;
    bool is_text;
    int64_t bytes; /* of the ids seen */
};

struct sample {
    struct side user, item;
    int64_t bytes, n_records, n_rows, n_text;
    int64_t seconds_ns;
    int n_values;
    float values[PREPARE_VALUES];
};

static akin_status side_see(akin_ctx *ctx, struct side *s, const struct chunk_id *id, uint32_t code,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    char text[10];
    const char *p = text;
    int64_t n;
    uint32_t number;
    if (id->is_text) {
        p = id->set.bytes + id->set.off[code];
        n = id->set.off[code + 1] - id->set.off[code];
        s->is_text = true;
    } else {
        n = id_from_u32(code, text);
        s->max = code > s->max ? code : s->max;
    }
    int64_t before = s->set.n;
    AKIN_TRY(idset_add(&s->set, idset_hash(p, n), p, n, &number, err));
    MEM_GROW(ctx, s->count, s->cap, s->set.n);
    if (s->set.n > before) {
        s->count[number] = 0;
        s->bytes += n;
    }
    s->count[number]++;
done:
    return status;
}

static akin_status sample_text(akin_ctx *ctx, const struct read_plan *plan, struct chunk *c,
                               char *text, int64_t n, int64_t from, bool is_last,
                               struct sample *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t at = from;
    memset(text + n, 0, READ_PAD);
    text[n] = '\n';
    chunk_clear(c, plan);
    int64_t begin = clock_ns();
    AKIN_TRY(read_fn_of(plan->format)(c, text, n, from, n, is_last, &at, err));
    out->seconds_ns += clock_ns() - begin;
    out->bytes += (at < n ? at : n) - from;
    out->n_records += c->n_records;
    out->n_rows += c->n_rows;
    out->n_text += c->text.size;
    for (int64_t i = 0; i < c->n_rows; i++) {
        if (i == c->n_rows / 2 && out->user.n_half == 0) {
            out->user.n_half = out->user.set.n;
            out->item.n_half = out->item.set.n;
        }
        if (!c->user_is_line)
            AKIN_TRY(side_see(ctx, &out->user, &c->user, c->rows[i].user, err));
        AKIN_TRY(side_see(ctx, &out->item, &c->item, c->rows[i].item, err));
        bool is_due = plan->has_value && (i % VALUE_EVERY == 0 || c->n_rows < PREPARE_VALUES);
        if (is_due && out->n_values < PREPARE_VALUES)
            out->values[out->n_values++] = c->rows[i].value;
    }
done:
    return status;
}

/* The head, or for larger plain files blocks all over it. */
static akin_status sample_input(akin_ctx *ctx, struct input *in, const struct read_plan *plan,
                                struct sample *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct chunk c;
    char *text = NULL;
    int64_t n;
    const char *head = input_head(in, &n);
    chunk_init(&c, ctx);
    MEM_NEW(ctx, text, INPUT_HEAD + READ_PAD);
    memset(&out->user, 0, sizeof out->user);
    memset(&out->item, 0, sizeof out->item);
    idset_init(&out->user.set, ctx);
    idset_init(&out->item.set, ctx);
    if (input_is_random(in) && input_size(in) > 4 * INPUT_HEAD) {
        int64_t step = (input_size(in) - plan->body) / SPREAD;
        for (int b = 0; b < SPREAD; b++) {
            int64_t lo = plan->body + step * b;
            AKIN_TRY(input_read_at(in, lo, text, SPREAD_BYTES, &n, err));
            const char *stop = b == 0 ? text - 1 : memchr(text, '\n', (size_t)n);
            int64_t from = stop ? stop - text + 1 : n;
            AKIN_TRY(sample_text(ctx, plan, &c, text, n, from, false, out, err));
            if (b == SPREAD / 2 - 1) {
                out->user.n_half = out->user.set.n;
                out->item.n_half = out->item.set.n;
            }
        }
    } else {
        memcpy(text, head, (size_t)n);
        AKIN_TRY(sample_text(ctx, plan, &c, text, n, plan->body, n < INPUT_HEAD, out, err));
    }
done:
    chunk_free(&c);
    mem_free(ctx, text);
    return status;
}

static void sample_free(akin_ctx *ctx, struct sample *s)
{
    idset_free(&s->user.set);
    idset_free(&s->item.set);
    mem_free(ctx, s->user.count);
    mem_free(ctx, s->item.count);
    memset(s, 0, sizeof *s);
}

static double distinct_total(const struct side *s, double scale)
{
    double d = (double)s->set.n, f1 = 0, f2 = 0, total;
    if (d == 0 || scale <= 1.0001)
        return d;
    for (int64_t i = 0; i < s->set.n; i++) {
        f1 += s->count[i] == 1;
        f2 += s->count[i] == 2;
    }
    double growth = s->n_half > 0 ? d / (double)s->n_half : 2; /* of a doubling */
    growth = growth < 1 ? 1 : growth > 2 ? 2 : growth;
    double power = d;
    double more = scale;
    for (; more >= 2; more /= 2)
        power *= growth;
    power *= 1 + (growth - 1) * (more - 1);
    total = power;
    if (f1 > 0.2 * d && f2 > 0 && d + f1 * f1 / (2 * f2) < total)
        total = d + f1 * f1 / (2 * f2);
    if (!s->is_text && s->max > 0 && total > (double)s->max * 1.02 + 1)
        total = (double)s->max * 1.02 + 1;
    return total;
}

/* ---- a dataset and a store ---- */

/* Ids of events that are not in the dataset, or all of them without one. */
static double own_new_ids(const struct side *s, const struct ids *base, int64_t n_store,
                          double scale)
{
    int64_t n_new = 0;
    if (!base)
        return (double)n_store;
    for (int64_t i = 0; i < s->set.n; i++) {
        const char *id = s->set.bytes + s->set.off[i];
        n_new += ids_find(base, id, (size_t)(s->set.off[i + 1] - s->set.off[i])) < 0;
    }
    double share = s->set.n ? (double)n_new / (double)s->set.n : 0;
    double total = share * distinct_total(s, scale);
    return total < (double)n_store ? total : (double)n_store;
}

/* What they hold beside the rows. */
static double own_bytes(const struct own_sources *own, double line)
{
    double bytes = 0;
    const int64_t n[] = {own->n_base, own->n_store};
    for (int i = 0; i < 2; i++)
        bytes += 1.5 * line * (double)(n[i] < OWN_PAGE ? n[i] : OWN_PAGE); /* a page of lines */
    if (own->base)
        bytes += (double)own->base->users.n + (double)own->base->items.n;
    return own->store ? bytes + 8.5e6 : bytes; /* names of the connection that scans */
}

/* ---- all sources ---- */

struct totals {
    double rows, users, items, id_bytes, text, seconds, read_bytes;
    bool has_ext;
    int n_extra;
    double windows; /* of streams, bytes */
    double held;    /* from the first to the last */
    bool has_value, has_time;
    int workers;
    int64_t item_events[PREPARE_DOUBLINGS];
    int n_values;
    float values[PREPARE_VALUES];
};

static void costs_add(const struct totals *t, struct prepare_cost *out)
{
    double n = t->rows;
    double slab_rows = 4096; /* the first slab doubles, the others come whole */
    while (slab_rows < n && slab_rows < SLAB_ROWS)
        slab_rows *= 2;
    slab_rows = n > SLAB_ROWS ? ceil(n / SLAB_ROWS) * SLAB_ROWS : slab_rows;
    double slabs = slab_rows * (16.0 + (t->has_ext ? 8 : 0));
    double pieces = t->read_bytes / (1 << 20) + 1;
    pieces = pieces < 32 ? pieces : 32;
    double per_piece = (n * 16 * 1.4 + t->text * 1.6) / (t->read_bytes / (1 << 20) + 1);
    double ids = (t->users + t->items) * 40 + t->id_bytes * 2;
    double text = t->n_extra > 0 ? t->text * 1.6 + n * 8 * t->n_extra : 0;
    double columns =
        n * (4 + (t->has_value ? 4 : 0) + (t->has_time ? 8 : 0) + (t->has_ext ? 2 : 0)) +
        t->users * 8;
    double side = t->has_ext || t->n_extra > 0 ? n * 4 : 0;
    double ranges = n / 64; /* places, and the scratch of workers */
    double read = slabs + pieces * per_piece + t->workers * 1.2e6 + ids + text + t->windows;
    double scatter = slabs + n * 16 + side + ids + text + ranges + t->workers * 1.5e6;
    double emit = n * 16 + side * 2 + (t->has_ext ? n * 8 : 0) + columns + ids + text;
    double table = t->n_extra > 0 ? text * 2.5 + t->text * 2 + columns + ids + n * 12 : 0;
    double peak = read > scatter ? read : scatter;
    peak = peak > emit ? peak : emit;
    peak = peak > table ? peak : table;
    out->n_rows = (int64_t)n;
    out->n_users = (int64_t)t->users;
    out->n_items = (int64_t)t->items;
    out->peak_bytes = (int64_t)(peak + t->held);
    out->dataset_bytes = (int64_t)(columns + (t->users + t->items) * 12 + t->id_bytes + text);
    out->seconds = t->seconds;
    memcpy(out->item_events, t->item_events, sizeof out->item_events);
    out->n_values = t->n_values;
    memcpy(out->values, t->values, sizeof out->values);
}

/* How much of a source was seen, and of how many ids. */
struct extent {
    double scale, rows, users, items;
};

static struct extent extent_of(const struct own_sources *own, const char *path,
                               const struct input *in, const struct read_plan *plan,
                               const struct sample *s)
{
    struct extent e = {0};
    if (own_is_source(path)) {
        bool is_store = own_is_store(path);
        const struct dataset *base = own->base;
        e.rows = (double)(is_store ? own->n_store : own->n_base);
        e.scale = s->n_records > 0 ? e.rows / (double)s->n_records : 0;
        e.users = base ? (double)base->users.n : 0;
        e.items = base ? (double)base->items.n : 0;
        if (!is_store)
            return e;
        e.users += own_new_ids(&s->user, base ? &base->users : NULL, own->info.n_users, e.scale);
        e.items += own_new_ids(&s->item, base ? &base->items : NULL, own->info.n_items, e.scale);
        return e;
    }
    e.scale = s->bytes > 0 ? (input_expanded(in) - (double)plan->body) / (double)s->bytes : 0;
    e.rows = (double)s->n_rows * e.scale;
    e.users = distinct_total(&s->user, e.scale);
    if (plan->format == FORMAT_BASKET || plan->format == FORMAT_SESSIONS ||
        plan->format == FORMAT_LIBSVM || (plan->format == FORMAT_ADJACENCY && plan->lead > 0))
        e.users = (double)s->n_records * e.scale;
    e.items = distinct_total(&s->item, e.scale);
    return e;
}

static double ids_bytes(const struct side *s, double n, double otherwise)
{
    return s->set.n ? n * (double)s->bytes / (double)s->set.n : n * otherwise;
}

static void totals_add(struct totals *t, const struct extent *e, const struct input *in,
                       const struct read_plan *plan, const struct sample *s, double max_line)
{
    double bytes = (double)s->bytes * e->scale;
    t->rows += e->rows;
    t->users = t->users > e->users ? t->users : e->users;
    t->items = t->items > e->items ? t->items : e->items;
    t->id_bytes += ids_bytes(&s->user, e->users, 8) + ids_bytes(&s->item, e->items, 0);
    t->text += (double)s->n_text * e->scale;
    t->read_bytes += bytes;
    t->seconds += ((double)s->seconds_ns * e->scale + e->rows * 25) / 1e9 / t->workers;
    if (!input_is_random(in)) {
        t->seconds += bytes / 4e8;
        /* two windows of 17 MiB, unless the head is all of it, and the record that goes on */
        double window = bytes < (double)INPUT_HEAD ? bytes : 17.0 * (1 << 20);
        t->windows = 2 * (window + max_line);
    }
    t->has_ext = t->has_ext || plan->has_type || plan->format == FORMAT_SESSIONS;
    t->n_extra = plan->n_cells - CELL_FIXED;
    t->has_value = plan->has_value;
    t->has_time = plan->has_time || plan->by_row;
    for (int64_t i = 0; i < s->item.set.n; i++) {
        int k = (int)log2(fmax(1, (double)s->item.count[i] * e->scale));
        t->item_events[k < PREPARE_DOUBLINGS ? k : PREPARE_DOUBLINGS - 1]++;
    }
    for (int i = 0; i < s->n_values && t->n_values < PREPARE_VALUES; i++)
        t->values[t->n_values++] = s->values[i];
}

static akin_status source_estimate(akin_ctx *ctx, struct own_sources *own,
                                   const struct prepare_params *p, const char *path, int64_t now,
                                   struct totals *t, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct input *in = NULL;
    struct read_plan *plan = NULL;
    struct prepare_params how;
    struct sample s;
    json_t *note = json_object();
    memset(&s, 0, sizeof s);
    AKIN_TRY(prepare_path(ctx, own, p, path, &how, &in, err));
    if (!in)
        goto done;
    AKIN_TRY(plan_create(ctx, &how, now + 86400, in, 0, NULL, note, &plan, err));
    AKIN_TRY(sample_input(ctx, in, plan, &s, err));
    struct extent e = extent_of(own, path, in, plan, &s);
    totals_add(t, &e, in, plan, &s, (double)how.max_line);
    if (own_is_store(path)) /* two passes, and the lines */
        t->seconds += e.rows * 2.4e-6;
    if (own_is_source(path))
        t->held = own_bytes(own, s.n_records ? (double)s.bytes / (double)s.n_records : 0);
done:
    sample_free(ctx, &s);
    plan_free(ctx, plan);
    input_close(in);
    json_decref(note);
    return status;
}

akin_status prepare_estimate(akin_ctx *ctx, const struct prepare_params *p, int64_t now,
                             struct prepare_cost *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct totals t = {.workers = par_workers(ctx)};
    struct prepare_params with_own = *p;
    struct own_sources own = {0};
    memset(out, 0, sizeof *out);
    AKIN_TRY(own_open(ctx, p, true, &own, err));
    if (own_is_used(&own))
        with_own.context = own.context;
    for (size_t i = 0; i < json_array_size(p->source); i++) {
        const char *path = json_string_value(json_array_get(p->source, i));
        if (!path || strcmp(path, "-") == 0)
            AKIN_FAIL(AKIN_E_UNSUPPORTED, "plan: standard input cannot be looked at beforehand");
        AKIN_TRY(source_estimate(ctx, &own, &with_own, path, now, &t, err));
    }
    costs_add(&t, out);
done:
    own_close(&own);
    return status;
}
