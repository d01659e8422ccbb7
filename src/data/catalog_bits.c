/*
 * Bitmaps of a filter over the catalogue: evaluating, and bringing up to date.
 *
 * Bitmaps that are behind look at the items that changed since (the catalogue logs the last ones;
 * beyond, at all). Items are evaluated in slices under the reader's lock, so that a writer never
 * waits for more than one, and no reader behind it; what changes meanwhile is in the log again.
 * Bitmaps in somebody's hands are copied first, others are changed in place.
 *
 * Cost: a walk of the expression for each changed item (two if it uses $seen), a copy of n / 8
 * bytes if somebody holds them. Not done: seeing that a change cannot matter to an expression.
 */
#include "data/catalog_impl.h"

#include <string.h>

enum {
    SLICE = 2048,      /* items evaluated under the lock at once, if the text is short; */
    SLICE_LEAST = 16,  /* if it is long, fewer, */
    SLICE_BYTES = 128, /* from this length on */
    MOST_TRIES = 3     /* evaluations of all before the writer has to wait */
};

/* ---- Evaluation ---- */

struct view {
    const struct catalog *c;
    bool is_seen;
};

static const char *column_name(const void *arg, int column, enum col_type *type)
{
    const struct catalog *c = arg;
    if (column >= c->n_columns)
        return NULL;
    const char *name = c->column[column].name;
    *type = c->column[column].type;
    /* An upsert must not change what a filter means. */
    if (column >= c->n_base_columns &&
        (strcmp(name, "id") == 0 || (c->count && strcmp(name, "popularity") == 0)))
        return "";
    return name;
}

static double row_number(const void *arg, int64_t row, int field)
{
    const struct view *v = arg;
    if (field == ITEM_FIELD_POPULARITY)
        return (double)cat_popularity(v->c, (int32_t)row);
    return catalog_number(v->c, (int32_t)row, field);
}

static bool row_text(const void *arg, int64_t row, int field, int n, const char **text,
                     int32_t *size)
{
    const struct view *v = arg;
    if (field == ITEM_FIELD_ID) {
        *text = catalog_id(v->c, (int32_t)row, size);
        return n == 0;
    }
    return catalog_text(v->c, (int32_t)row, field, n, text, size);
}

static bool row_in_var(const void *arg, int64_t row, const char *name)
{
    (void)row;
    (void)name;
    return ((const struct view *)arg)->is_seen;
}

static bool holds(const struct catalog *c, const struct cat_test *t, int32_t item, bool is_seen)
{
    struct view v = {c, is_seen};
    struct expr_row row = {
        .arg = &v, .row = item, .number = row_number, .text = row_text, .in_var = row_in_var};
    return cat_state_of(c, item) != CAT_DELETED && (!t->expr || expr_eval(t->expr, &row));
}

static int64_t set_bit(uint64_t *bits, int32_t item, bool value)
{
    uint64_t bit = (uint64_t)1 << (item & 63);
    bool old = (bits[item >> 6] & bit) != 0;
    bits[item >> 6] ^= old != value ? bit : 0;
    return (int64_t)value - (int64_t)old;
}

/* Within the reader's lock; there is room for the item. */
static void judge(const struct catalog *c, const struct cat_test *t, struct cat_bits *h,
                  int32_t item)
{
    h->f.n_allowed += set_bit(h->allowed, item, holds(c, t, item, false));
    if (h->seen)
        set_bit(h->seen, item, holds(c, t, item, true));
}

/* ---- Tests ---- */

akin_status cat_test_make(struct catalog *c, const char *text, struct cat_test *out,
                          akin_error *err)
{
    akin_status status = AKIN_OK;
    char hint[ITEM_FIELDS_HINT];
    struct item_fields fields = {
        .arg = c, .column = column_name, .has_popularity = c->count != NULL};
    struct expr_names names = {.arg = &fields,
                               .resolve = item_fields_resolve,
                               .hint = hint,
                               .has_var = item_fields_has_var};
    *out = (struct cat_test){.slice = SLICE};
    if (!text)
        goto done;
    item_fields_hint(&fields, hint, sizeof hint);
    AKIN_TRY(expr_compile(c->ctx, "filter", text, &names, &out->expr, err));
    out->uses_seen = expr_uses_var(out->expr, "seen");
    int32_t size = (int32_t)strlen(text); /* at most EXPR_MAX_BYTES */
    if (size > SLICE_BYTES)
        out->slice = SLICE * SLICE_BYTES / size;
    if (out->slice < SLICE_LEAST)
        out->slice = SLICE_LEAST;
done:
    return status;
}

/* ---- Bitmaps ---- */

static void bits_free(akin_ctx *ctx, struct cat_bits *h)
{
    if (h) {
        mem_free(ctx, h->allowed);
        mem_free(ctx, h->seen);
        mem_free(ctx, h);
    }
}

void cat_bits_release(akin_ctx *ctx, struct cat_bits *h)
{
    if (h && atomic_fetch_sub_explicit(&h->refs, 1, memory_order_acq_rel) == 1)
        bits_free(ctx, h);
}

static int64_t words_of(int32_t n)
{
    return ((int64_t)n + 63) / 64;
}

/* Empty bitmaps with room for n items and some that may come. */
static akin_status bits_new(akin_ctx *ctx, int32_t n, bool uses_seen, struct cat_bits **out,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    struct cat_bits *h = NULL;
    MEM_ZERO(ctx, h, 1);
    h->refs = 1;
    h->n_words = words_of(n) + words_of(n) / 8 + 4;
    MEM_ZERO(ctx, h->allowed, h->n_words);
    if (uses_seen)
        MEM_ZERO(ctx, h->seen, h->n_words);
    h->f.allowed = h->allowed;
    h->f.seen = h->seen;
    *out = h;
    h = NULL;
done:
    bits_free(ctx, h);
    return status;
}

static akin_status bits_copy(akin_ctx *ctx, const struct cat_bits *from, int32_t n,
                             struct cat_bits **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct cat_bits *h;
    size_t size = (size_t)words_of(from->f.n) * sizeof(uint64_t);
    AKIN_TRY(bits_new(ctx, n, from->seen != NULL, &h, err));
    memcpy(h->allowed, from->allowed, size);
    if (h->seen)
        memcpy(h->seen, from->seen, size);
    h->f.version = from->f.version;
    h->f.n = from->f.n;
    h->f.n_allowed = from->f.n_allowed;
    *out = h;
done:
    return status;
}

/* ---- Bringing up to date ---- */

enum progress { AT_DATE, LOST, NO_ROOM };

/* Judges what changed after h's version until it is at `want` at least. */
static enum progress catch_up(struct catalog *c, const struct cat_test *t, struct cat_bits *h,
                              int64_t want)
{
    enum progress progress = AT_DATE;
    while (h->f.version < want && progress == AT_DATE) {
        catalog_enter(c);
        int64_t version = c->version;
        int32_t n = c->n_items;
        if (version - h->f.version > c->log_mask)
            progress = LOST;
        else if (words_of(n) > h->n_words)
            progress = NO_ROOM;
        for (int i = 0; progress == AT_DATE && i < t->slice && h->f.version < version; i++)
            judge(c, t, h, c->log[++h->f.version & c->log_mask]);
        if (progress == AT_DATE)
            h->f.n = n;
        catalog_leave(c);
    }
    return progress;
}

/* All items below h->f.n as they are; the writer may come in between unless is_patient is false. */
static void judge_items(struct catalog *c, const struct cat_test *t, struct cat_bits *h,
                        bool is_patient)
{
    int32_t n = h->f.n;
    for (int32_t item = 0; item < n && !ctx_cancelled(c->ctx);) {
        int32_t hi = n - item > t->slice ? item + t->slice : n;
        if (is_patient)
            catalog_enter(c);
        for (; item < hi; item++)
            judge(c, t, h, item);
        if (is_patient)
            catalog_leave(c);
    }
}

/* All items; then what changed meanwhile. */
static akin_status judge_all(struct catalog *c, const struct cat_test *t, int64_t want,
                             struct cat_bits **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct cat_bits *h = NULL;
    for (int tries = 0; !*out; tries++) {
        bool is_patient = tries < MOST_TRIES;
        int64_t version = c->version; /* before the size: newer items are in the log */
        AKIN_TRY(bits_new(c->ctx, c->n_items, t->uses_seen, &h, err));
        if (!is_patient)
            catalog_enter(c);
        h->f.version = is_patient ? version : c->version;
        h->f.n = c->n_items;
        bool has_room = words_of(h->f.n) <= h->n_words;
        if (has_room)
            judge_items(c, t, h, is_patient);
        if (!is_patient)
            catalog_leave(c);
        AKIN_TRY(ctx_check(c->ctx, err));
        if (has_room && catch_up(c, t, h, want) == AT_DATE)
            *out = h;
        else
            bits_free(c->ctx, h);
        h = NULL;
    }
done:
    bits_free(c->ctx, h);
    return status;
}

akin_status cat_bits_update(struct catalog *c, const struct cat_test *t, struct cat_bits *old,
                            bool is_ours, int64_t want, struct cat_bits **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct cat_bits *h = NULL;
    *out = NULL;
    enum progress progress = old ? NO_ROOM : LOST;
    if (old && want - old->f.version > c->log_mask)
        progress = LOST;
    else if (is_ours)
        progress = catch_up(c, t, old, want);
    if (is_ours && progress == AT_DATE) {
        *out = old;
        goto done;
    }
    for (int tries = 0; progress == NO_ROOM && tries < MOST_TRIES; tries++) {
        AKIN_TRY(bits_copy(c->ctx, old, c->n_items, &h, err));
        progress = catch_up(c, t, h, want);
        if (progress == AT_DATE)
            *out = h;
        else
            bits_free(c->ctx, h);
        h = NULL;
    }
    if (!*out)
        AKIN_TRY(judge_all(c, t, want, out, err));
done:
    return status;
}
