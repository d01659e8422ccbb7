/*
 * Sessions: cutting histories at pauses, and the part of an asker's history that is her session.
 *
 * Cost: cutting reads every event twice and sorts the sessions; a stored session takes 4 bytes an
 * item and 16 for itself.
 */
#include "models/sessions.h"

#include "kern/math.h"
#include "models/model_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { POLL = 1 << 14 }; /* sessions between two looks at a cancel */

/* ---- Cutting ------------------------------------------------------------------------------- */

/* Events lo..hi-1 of the histories. */
struct run {
    int64_t time, lo, hi;
};

static int by_time(const void *a, const void *b)
{
    const struct run *x = a, *y = b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return x->lo < y->lo ? -1 : x->lo > y->lo;
}

static bool is_positive(const struct histories *h, int64_t e)
{
    return !h->weight || h->weight[e] > 0;
}

/* Runs of a user's events: counted, and written where there is room. */
static int64_t runs_of(const struct histories *h, int64_t user, int64_t gap, struct run *out)
{
    int64_t n = 0, lo = h->ptr[user], end = h->ptr[user + 1];
    for (int64_t e = lo; e < end; e++) {
        bool is_last = e + 1 == end || (gap > 0 && h->time[e + 1] - h->time[e] > gap);
        if (!is_last)
            continue;
        if (e > lo) {
            if (out)
                out[n] = (struct run){h->time ? h->time[e] : 0, lo, e + 1};
            n++;
        }
        lo = e + 1;
    }
    return n;
}

struct cut {
    akin_ctx *ctx;
    const struct histories *h;
    bool has_instants, keeps_repeats;
    struct run *runs;
    int64_t n;
    int64_t *mark; /* (n_items) the last run that held the item, + 1 */
    int64_t *ptr;
    int32_t *item;
    int64_t *time;
};

/* Positives of run r into out (NULL: only counted), oldest first. */
static int64_t positives(struct cut *c, int64_t r, int32_t *out)
{
    int64_t n = 0;
    const int64_t stamp = out ? -(r + 1) : r + 1; /* two passes, one array */
    for (int64_t e = c->runs[r].hi - 1; e >= c->runs[r].lo; e--) {
        int32_t i = c->h->item[e];
        if (!is_positive(c->h, e) || (c->mark[i] == stamp && !c->keeps_repeats))
            continue;
        c->mark[i] = stamp;
        if (out)
            out[n] = i;
        n++;
    }
    for (int64_t k = 0; out && k < n / 2; k++) {
        int32_t keep = out[k];
        out[k] = out[n - 1 - k];
        out[n - 1 - k] = keep;
    }
    return n;
}

static int64_t count_positives(const struct cut *c, int64_t r)
{
    int64_t n = 0;
    for (int64_t e = c->runs[r].lo; e < c->runs[r].hi; e++)
        n += is_positive(c->h, e);
    return n;
}

/* Runs of two positives and more, in the order of time; their sizes into ptr. */
static akin_status measure(struct cut *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t kept = 0;
    for (int64_t r = 0; r < c->n; r++) {
        if (r % POLL == 0)
            AKIN_TRY(ctx_check(c->ctx, err));
        if (count_positives(c, r) < 2)
            continue;
        c->ptr[kept + 1] = positives(c, r, NULL);
        c->runs[kept++] = c->runs[r];
    }
    c->n = kept;
    for (int64_t r = 0; r < kept; r++)
        c->ptr[r + 1] += c->ptr[r];
done:
    return status;
}

static akin_status fill(struct cut *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    MEM_NEW(c->ctx, c->item, c->ptr[c->n]);
    MEM_NEW(c->ctx, c->time, c->n);
    for (int64_t r = 0; r < c->n; r++) {
        if (r % POLL == 0)
            AKIN_TRY(ctx_check(c->ctx, err));
        positives(c, r, c->item + c->ptr[r]);
        c->time[r] = c->has_instants ? c->runs[r].time : 0;
    }
done:
    return status;
}

akin_status sessions_cut(akin_ctx *ctx, const char *model, const struct train_view *tv,
                         int64_t gap_seconds, bool keeps_repeats, struct sessions *out,
                         akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct histories *h = &tv->hist;
    struct cut c = {.ctx = ctx,
                    .h = h,
                    .has_instants = tv->ds->time_kind == TIME_UNIX,
                    .keeps_repeats = keeps_repeats};
    memset(out, 0, sizeof *out);
    if (gap_seconds > 0 && !c.has_instants && tv->ds->n_events > 0)
        AKIN_FAIL(AKIN_E_INPUT,
                  "%s: session_gap_seconds needs the times of events; this data has %s", model,
                  tv->ds->time_kind == TIME_NONE ? "none" : "only their order");
    for (int64_t u = 0; u < h->n_users; u++)
        c.n += runs_of(h, u, gap_seconds, NULL);
    if (c.n > INT32_MAX - 1)
        AKIN_FAIL(AKIN_E_LIMIT, "%s: %" PRId64 " sessions (at most %d)", model, c.n, INT32_MAX - 1);
    MEM_NEW(ctx, c.runs, c.n);
    MEM_ZERO(ctx, c.mark, tv->ds->items.n);
    MEM_ZERO(ctx, c.ptr, c.n + 1);
    c.n = 0;
    for (int64_t u = 0; u < h->n_users; u++)
        c.n += runs_of(h, u, gap_seconds, c.runs + c.n);
    qsort(c.runs, (size_t)c.n, sizeof *c.runs, by_time);
    AKIN_TRY(measure(&c, err));
    AKIN_TRY(fill(&c, err));
    *out = (struct sessions){c.n, tv->ds->items.n, c.ptr, c.item, c.time};
done:
    mem_free(ctx, c.runs);
    mem_free(ctx, c.mark);
    if (status != AKIN_OK) {
        mem_free(ctx, c.ptr);
        mem_free(ctx, c.item);
        mem_free(ctx, c.time);
    }
    return status;
}

void sessions_free(const struct model *m, struct sessions *s)
{
    if (m->file)
        return;
    model_free_array(m->ctx, s->ptr);
    model_free_array(m->ctx, s->item);
    model_free_array(m->ctx, s->time);
}

/* ---- Files --------------------------------------------------------------------------------- */

akin_status sessions_save(struct container_writer *w, const struct sessions *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(container_add(w, "m.ptr", CONTAINER_REQUIRED, s->ptr,
                           (s->n + 1) * (int64_t)sizeof *s->ptr, err));
    AKIN_TRY(container_add(w, "m.item", CONTAINER_REQUIRED, s->item,
                           s->ptr[s->n] * (int64_t)sizeof *s->item, err));
    AKIN_TRY(container_add(w, "m.time", CONTAINER_REQUIRED, s->time,
                           s->n * (int64_t)sizeof *s->time, err));
done:
    return status;
}

akin_status sessions_load(struct container *c, int32_t n_items, struct sessions *out,
                          akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *path = container_path(c);
    const void *ptr, *item, *time;
    int64_t n_ptr, n_item, n;
    AKIN_TRY(container_get(c, "m.ptr", sizeof *out->ptr, false, &ptr, &n_ptr, err));
    AKIN_TRY(container_get(c, "m.item", sizeof *out->item, false, &item, &n_item, err));
    AKIN_TRY(container_get(c, "m.time", sizeof *out->time, false, &time, &n, err));
    *out = (struct sessions){n, n_items, ptr, item, time};
    if (n_ptr != n + 1 || n >= INT32_MAX || out->ptr[0] != 0 || out->ptr[n] != n_item)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: sections m.ptr, m.item and m.time do not fit", path);
    for (int64_t r = 0; r < n; r++) {
        int64_t size = out->ptr[r + 1] - out->ptr[r];
        if (size < 1 || size > n_items || out->ptr[r + 1] > n_item)
            AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.ptr: a session of %" PRId64 " items", path,
                      size);
    }
    for (int64_t e = 0; e < n_item; e++)
        if (out->item[e] < 0 || out->item[e] >= n_items)
            AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.item: item %d of %d at %" PRId64, path,
                      out->item[e], n_items, e);
done:
    return status;
}

/* ---- The asker ----------------------------------------------------------------------------- */

bool sessions_recent_has(const struct recent_items *r, int32_t item)
{
    for (int32_t k = 0; k < r->n; k++)
        if (r->item[k] == item)
            return true;
    return false;
}

akin_status sessions_recent(const struct history *h, int64_t gap_seconds, int32_t length,
                            int32_t n_items, struct arena *scratch, struct recent_items *out,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    out->n = 0;
    out->item = arena_alloc(scratch, h->n < length ? h->n : length, sizeof *out->item, err);
    if (!out->item)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t e = h->n - 1; e >= 0 && out->n < length; e--) {
        if (gap_seconds > 0 && h->time && e + 1 < h->n && h->time[e + 1] - h->time[e] > gap_seconds)
            break;
        int32_t i = h->item[e];
        bool is_known = i >= 0 && i < n_items && (!h->weight || h->weight[e] > 0);
        if (is_known && !sessions_recent_has(out, i))
            out->item[out->n++] = i;
    }
done:
    return status;
}

float decay_of(enum decay kind, double scale, int32_t steps)
{
    switch (kind) {
    case DECAY_SAME:
        return 1.0F;
    case DECAY_LINEAR:
        return steps < scale ? (float)(1 - steps / scale) : 0.0F;
    case DECAY_DIV:
        return (float)(1 / ((double)steps + 1));
    case DECAY_EXP:
        return (float)kern_exp(-steps / scale);
    }
    return 0;
}
