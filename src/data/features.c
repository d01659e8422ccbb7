/*
 * Attributes to vectors: what an item's attributes say, looked up in the vocabulary, weighed, and
 * each kind's part brought to length 1.
 *
 * The same code reads for the fit, for fitted items and for items that come later. Sums run over
 * features ascending in double. Cost: O(bytes) + n log n an item; 16 bytes a term while it is read.
 */
#include "data/features_impl.h"

#include "core/par.h"
#include "core/text.h"
#include "kern/math.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Readers ------------------------------------------------------------------------------- */

akin_status feature_reader_create(const struct features *f, struct feature_reader **out,
                                  akin_error *err)
{
    akin_status status = AKIN_OK;
    struct feature_reader *r = NULL;
    MEM_ZERO(f->ctx, r, 1);
    r->f = f;
    AKIN_TRY(words_create(f->ctx, f->opt.language, f->opt.ngrams, &r->words, err));
    *out = r;
    r = NULL;
done:
    feature_reader_free(r);
    return status;
}

void feature_reader_free(struct feature_reader *r)
{
    if (!r)
        return;
    akin_ctx *ctx = r->f->ctx;
    words_free(r->words);
    mem_free(ctx, r->found);
    mem_free(ctx, r->feature);
    mem_free(ctx, r->value);
    mem_free(ctx, r);
}

akin_status feature_readers_create(const struct features *f, struct feature_reader ***out,
                                   akin_error *err)
{
    akin_status status = AKIN_OK;
    struct feature_reader **r = NULL;
    int n = par_workers(f->ctx);
    MEM_ZERO(f->ctx, r, n + 1); /* NULL behind the last */
    for (int i = 0; i < n; i++)
        AKIN_TRY(feature_reader_create(f, &r[i], err));
    *out = r;
    r = NULL;
done:
    feature_readers_free(f->ctx, r);
    return status;
}

void feature_readers_free(akin_ctx *ctx, struct feature_reader **r)
{
    for (int i = 0; r && r[i]; i++)
        feature_reader_free(r[i]);
    mem_free(ctx, r);
}

/* ---- What attributes say ------------------------------------------------------------------- */

static akin_status say(struct feature_reader *r, enum feature_kind kind, int32_t at,
                       const char *value, int32_t size, double amount, akin_error *err)
{
    r->name[0] = FEATURE_LETTERS[kind];
    memcpy(r->name + at, value, (size_t)size);
    return r->sink(r->sink_arg, r->name, at + size, amount, err);
}

/* Puts "column", separator behind the letter; returns where the value goes. */
static int32_t name_column(struct feature_reader *r, const struct feature_column *col)
{
    size_t n = strlen(col->name);
    memcpy(r->name + 1, col->name, n);
    r->name[n + 1] = FEATURE_SEPARATOR;
    return (int32_t)n + 2;
}

static akin_status say_word(void *arg, const char *term, int32_t size, akin_error *err)
{
    return say(arg, FEATURE_WORDS, 1, term, size, 1, err);
}

static akin_status say_tag(void *arg, const char *term, int32_t size, akin_error *err)
{
    struct feature_reader *r = arg;
    return say(r, FEATURE_TAGS, 1, term, size, r->amount, err);
}

static akin_status say_category(struct feature_reader *r, const struct feature_column *col,
                                const char *text, int32_t size, akin_error *err)
{
    int32_t at = name_column(r, col);
    if (size > FEATURE_VALUE_MAX)
        for (size = FEATURE_VALUE_MAX; size > 0 && ((unsigned char)text[size] & 0xC0) == 0x80;)
            size--;
    return say(r, FEATURE_CATEGORIES, at, text, size, 1, err);
}

static akin_status say_number(struct feature_reader *r, const struct feature_column *col, double x,
                              akin_error *err)
{
    if (!isfinite(x) || !(col->deviation > 0))
        return AKIN_OK;
    int32_t at = name_column(r, col);
    double scaled = (x - col->mean) / col->deviation;
    if (r->f->opt.bins == 0) /* the name alone, and how far from the mean; beyond floats: missing */
        return fabs(scaled) < 1e30 ? say(r, FEATURE_NUMBERS, at, "", 0, scaled, err) : AKIN_OK;
    int bin = 0;
    while (bin < col->n_edges && x >= col->edge[bin])
        bin++;
    char digits[8];
    int32_t size = (int32_t)snprintf(digits, sizeof digits, "%02d", bin);
    return say(r, FEATURE_NUMBERS, at, digits, size, 1, err);
}

static akin_status say_texts(struct feature_reader *r, const struct feature_column *col,
                             const struct attributes *a, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *text = "";
    int32_t size = 0;
    for (int64_t n = 0; (col->is_said ? a->said : a->text)(a->arg, col->name, n, &text, &size); n++)
        AKIN_TRY(col->type == COL_TEXT ? words_each(r->words, text, size, say_word, r, err)
                                       : say_category(r, col, text, size, err));
done:
    return status;
}

akin_status feature_reader_each(struct feature_reader *r, const struct attributes *a,
                                feature_sink sink, void *arg, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct features *f = r->f;
    const char *text;
    int32_t size, count;
    r->sink = sink;
    r->sink_arg = arg;
    for (int32_t c = 0; c < f->n_columns; c++) {
        const struct feature_column *col = &f->column[c];
        if (col->type == COL_NUMBER)
            AKIN_TRY(say_number(r, col, a->number(a->arg, col->name), err));
        else if (!col->is_said || a->said)
            AKIN_TRY(say_texts(r, col, a, err));
    }
    for (int64_t n = 0; a->tag && a->tag(a->arg, n, &text, &size, &count); n++) {
        r->amount = (double)count;
        AKIN_TRY(words_whole(r->words, text, size, say_tag, r, err));
    }
done:
    return status;
}

/* ---- Vectors ------------------------------------------------------------------------------- */

static akin_status find(void *arg, const char *name, int32_t size, double amount, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct feature_reader *r = arg;
    int32_t feature = terms_find(&r->f->names, name, size);
    if (feature < 0)
        goto done;
    MEM_GROW(r->f->ctx, r->found, r->cap_found, r->n_found + 1);
    r->found[r->n_found++] = (struct feature_found){feature, amount};
done:
    return status;
}

static int by_feature(const void *a, const void *b)
{
    const struct feature_found *x = a, *y = b;
    return (x->feature > y->feature) - (x->feature < y->feature);
}

/* Sorted, and one of each: amounts are added. */
static void fold_found(struct feature_reader *r)
{
    int64_t n = 0;
    if (r->n_found > 1)
        qsort(r->found, (size_t)r->n_found, sizeof *r->found, by_feature);
    for (int64_t i = 0; i < r->n_found; i++) {
        if (n > 0 && r->found[n - 1].feature == r->found[i].feature)
            r->found[n - 1].amount += r->found[i].amount;
        else
            r->found[n++] = r->found[i];
    }
    r->n_found = n;
}

static double weight_of(const struct features *f, enum feature_kind kind,
                        const struct feature_found *x, double length)
{
    const struct feature_options *o = &f->opt;
    double tf = x->amount, idf = f->idf[x->feature];
    if (kind == FEATURE_NUMBERS)
        return tf;
    if (kind == FEATURE_WORDS && o->weighting == FEATURE_BM25) {
        double norm = o->bm25_k1 * (1 - o->bm25_b + o->bm25_b * length / f->mean_length);
        return idf * tf * (o->bm25_k1 + 1) / (norm + tf);
    }
    return (tf > 1 ? 1 + kern_log(tf) : 1) * idf;
}

/* Weighs found[from..to), all of a kind, into r->value. */
static void weigh(struct feature_reader *r, enum feature_kind kind, int64_t from, int64_t to)
{
    const struct features *f = r->f;
    struct feature_found *x = r->found;
    bool is_raw = f->opt.is_raw || (kind == FEATURE_NUMBERS && f->opt.bins == 0);
    double length = 0, square = 0;
    for (int64_t i = from; i < to; i++)
        length += x[i].amount;
    for (int64_t i = from; i < to; i++) {
        x[i].amount = weight_of(f, kind, &x[i], length);
        square += x[i].amount * x[i].amount;
    }
    double scale = is_raw ? 1 : 1 / sqrt(square);
    for (int64_t i = from; i < to; i++) {
        r->feature[i] = x[i].feature;
        r->value[i] = (float)(x[i].amount * scale);
    }
}

akin_status features_apply(struct feature_reader *r, const struct attributes *a,
                           struct feature_vector *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct features *f = r->f;
    r->n_found = 0;
    AKIN_TRY(feature_reader_each(r, a, find, r, err));
    fold_found(r);
    MEM_GROW(f->ctx, r->feature, r->cap_feature, r->n_found + 1);
    MEM_GROW(f->ctx, r->value, r->cap_value, r->n_found + 1);
    int64_t from = 0;
    for (enum feature_kind kind = 0; kind < FEATURE_KINDS; kind++) {
        int64_t to = from;
        while (to < r->n_found && r->found[to].feature < f->lo[kind + 1])
            to++;
        if (to > from)
            weigh(r, kind, from, to);
        from = to;
    }
    *out = (struct feature_vector){(int32_t)r->n_found, r->feature, r->value};
done:
    return status;
}

/* ---- All items ----------------------------------------------------------------------------- */

struct matrix_part {
    int32_t *feature; /* owned */
    float *value;     /* owned */
    int64_t n, cap_feature, cap_value;
};

struct matrix_job {
    const struct features *f;
    const struct item_source *source;
    struct feature_reader **reader;
    int32_t n_items;
    int64_t *ptr; /* (n_items + 1) counts at i + 1 */
    struct matrix_part *part;
};

static akin_status read_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct matrix_job *job = arg;
    struct matrix_part *p = &job->part[block];
    akin_ctx *ctx = job->f->ctx;
    int64_t hi = par_hi(block, FEATURE_BLOCK, job->n_items);
    for (int64_t i = par_lo(block, FEATURE_BLOCK); i < hi; i++) {
        struct item_at at = {job->source, (int32_t)i};
        struct attributes a = item_attributes(&at);
        struct feature_vector v;
        AKIN_TRY(features_apply(job->reader[worker], &a, &v, err));
        MEM_GROW(ctx, p->feature, p->cap_feature, p->n + v.n);
        MEM_GROW(ctx, p->value, p->cap_value, p->n + v.n);
        if (v.n > 0) {
            memcpy(p->feature + p->n, v.feature, (size_t)v.n * sizeof *v.feature);
            memcpy(p->value + p->n, v.value, (size_t)v.n * sizeof *v.value);
        }
        p->n += v.n;
        job->ptr[i + 1] = v.n;
    }
    progress_add(ctx, hi - par_lo(block, FEATURE_BLOCK));
done:
    return status;
}

akin_status features_matrix(const struct features *f, const struct item_source *source,
                            int32_t n_items, struct csr *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = f->ctx;
    int64_t n_blocks = par_blocks(n_items, FEATURE_BLOCK);
    struct matrix_job job = {.f = f, .source = source, .n_items = n_items};
    *out = (struct csr){.n_rows = n_items, .n_cols = f->names.n};
    AKIN_TRY(feature_readers_create(f, &job.reader, err));
    MEM_ZERO(ctx, job.part, n_blocks);
    MEM_ZERO(ctx, out->ptr, (int64_t)n_items + 1);
    job.ptr = out->ptr;
    AKIN_TRY(par_for(ctx, n_blocks, read_block, &job, err));
    for (int32_t i = 0; i < n_items; i++)
        out->ptr[i + 1] += out->ptr[i];
    MEM_NEW(ctx, out->col, out->ptr[n_items]);
    MEM_NEW(ctx, out->val, out->ptr[n_items]);
    for (int64_t b = 0; b < n_blocks; b++) {
        struct matrix_part *p = &job.part[b];
        int64_t at = out->ptr[par_lo(b, FEATURE_BLOCK)];
        if (p->n > 0) {
            memcpy(out->col + at, p->feature, (size_t)p->n * sizeof *p->feature);
            memcpy(out->val + at, p->value, (size_t)p->n * sizeof *p->value);
        }
    }
done:
    for (int64_t b = 0; job.part && b < n_blocks; b++) {
        mem_free(ctx, job.part[b].feature);
        mem_free(ctx, job.part[b].value);
    }
    mem_free(ctx, job.part);
    feature_readers_free(ctx, job.reader);
    if (status != AKIN_OK)
        csr_free(ctx, out);
    return status;
}

/* ---- The spec ------------------------------------------------------------------------------ */

akin_status features_complete(struct features *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t n = f->names.n, at = 0;
    bool is_plain = f->opt.weighting == FEATURE_PLAIN;
    MEM_NEW(f->ctx, f->idf, n);
    for (enum feature_kind kind = 0; kind < FEATURE_KINDS; kind++) {
        double docs = (double)f->n_docs[kind];
        bool is_bm25 = kind == FEATURE_WORDS && f->opt.weighting == FEATURE_BM25;
        f->lo[kind] = at;
        for (; at < n && f->names.bytes[f->names.off[at]] == FEATURE_LETTERS[kind]; at++) {
            double df = (double)f->df[at];
            f->idf[at] = kind == FEATURE_NUMBERS || is_plain ? 1
                         : is_bm25 ? kern_log1p((docs - df + .5) / (df + .5))
                                   : 1 + kern_log((1 + docs) / (1 + df));
        }
        f->lo[kind + 1] = at;
    }
done:
    return status;
}

void features_free(struct features *f)
{
    if (!f)
        return;
    akin_ctx *ctx = f->ctx;
    mem_free(ctx, f->column);
    terms_free(&f->names);
    mem_free(ctx, f->df);
    mem_free(ctx, f->idf);
    mem_free(ctx, f);
}

int32_t features_count(const struct features *f)
{
    return f->names.n;
}

void features_range(const struct features *f, enum feature_kind kind, int32_t *lo, int32_t *hi)
{
    *lo = f->lo[kind];
    *hi = f->lo[kind + 1];
}

int32_t features_column_end(const struct features *f, int32_t feature)
{
    int32_t n, size, end = feature + 1, kind = 0;
    const char *name = terms_get(&f->names, feature, &n), *cut;
    while (feature >= f->lo[kind + 1])
        kind++;
    if (kind == FEATURE_TAGS || kind == FEATURE_WORDS)
        return f->lo[kind + 1];
    cut = memchr(name, FEATURE_SEPARATOR, (size_t)n);
    n = cut ? (int32_t)(cut - name) + 1 : n;
    for (; end < f->lo[kind + 1]; end++) {
        const char *other = terms_get(&f->names, end, &size);
        if (size < n || memcmp(other, name, (size_t)n) != 0)
            break;
    }
    return end;
}

const char *features_column(const struct features *f, int32_t column)
{
    return column < f->n_columns ? f->column[column].name : NULL;
}

void features_name(const struct features *f, int32_t feature, char *out, size_t size)
{
    int32_t n;
    const char *name = terms_get(&f->names, feature, &n);
    const char *value = memchr(name, FEATURE_SEPARATOR, (size_t)n);
    if (!value || feature < f->lo[FEATURE_CATEGORIES] || feature >= f->lo[FEATURE_TAGS]) {
        snprintf(out, size, "%.*s", n - 1, name + 1);
        return;
    }
    int column = (int)(value - name) - 1, rest = n - column - 2;
    snprintf(out, size, "%.*s%s%.*s", column, name + 1, rest > 0 ? "=" : "", rest, value + 1);
}
