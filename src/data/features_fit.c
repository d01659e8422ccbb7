/*
 * Fitting a spec: which columns, the bins of numbers, the vocabulary.
 *
 * Items are read in blocks side by side, each block with a vocabulary of its own; those of a wave
 * of blocks are folded into the whole in order, so that numbers follow from the data alone and
 * memory from the vocabulary rather than the texts. Names are then sorted.
 * Cost: O(bytes of texts) + v log v. Not done: sketches of vocabularies that do not fit in memory.
 */
#include "data/features_impl.h"

#include "core/json.h"
#include "core/par.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WAVE = 64 }; /* blocks whose vocabularies are in memory at once */

/* ---- Columns ------------------------------------------------------------------------------- */

/* Is a column asked for? Without names all are. */
static bool is_wanted(const struct feature_options *o, const char *name)
{
    size_t n = json_array_size(o->columns);
    for (size_t i = 0; i < n; i++) {
        const char *text = json_string_value(json_array_get(o->columns, i));
        if (text && strcmp(text, name) == 0)
            return true;
    }
    return n == 0;
}

static bool has_column(const struct item_source *s, const char *name)
{
    const struct column *said = s->events ? table_find(s->events, name) : NULL;
    return table_find(s->items, name) || (said && said->type == COL_TEXT);
}

/* Names that are asked for exist. */
static akin_status check_names(const struct feature_options *o, const struct item_source *s,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    for (size_t i = 0; i < json_array_size(o->columns); i++) {
        const char *name = json_string_value(json_array_get(o->columns, i));
        if (name && has_column(s, name))
            continue;
        char known[160] = "";
        size_t used = 0;
        for (int32_t c = 0; c < s->items->n_cols && used < sizeof known; c++)
            used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", c ? ", " : "",
                                     s->items->cols[c].name);
        AKIN_FAIL(AKIN_E_ARG, "columns: '%.60s' is no column of the items (there are: %s)",
                  name ? name : "", *known ? known : "none");
    }
done:
    return status;
}

static void take_columns(struct features *f, const struct table *t, bool is_said)
{
    for (int32_t c = 0; c < t->n_cols; c++) {
        const struct column *from = &t->cols[c];
        if ((is_said && from->type != COL_TEXT) || !is_wanted(&f->opt, from->name))
            continue;
        struct feature_column *to = &f->column[f->n_columns++];
        memcpy(to->name, from->name, sizeof to->name);
        to->type = (int32_t)from->type;
        to->is_said = is_said;
    }
}

static akin_status choose_columns(struct features *f, const struct item_source *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(check_names(&f->opt, s, err));
    MEM_ZERO(f->ctx, f->column, (int64_t)s->items->n_cols + (s->events ? s->events->n_cols : 0));
    take_columns(f, s->items, false);
    if (s->events)
        take_columns(f, s->events, true);
done:
    return status;
}

/* ---- Numbers ------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Mean, deviation and the edges of bins with equal counts, of sorted values. */
static void number_stats(struct feature_column *col, const double *x, int64_t n, int64_t bins)
{
    double sum = 0, square = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    col->mean = n > 0 ? sum / (double)n : 0;
    for (int64_t i = 0; i < n; i++)
        square += (x[i] - col->mean) * (x[i] - col->mean);
    col->deviation = n > 1 && x[0] < x[n - 1] ? sqrt(square / (double)n) : 0;
    if (!isfinite(col->mean) || !isfinite(col->deviation)) {
        col->mean = col->deviation = 0; /* sums beyond doubles */
        return;
    }
    for (int64_t b = 1; b < bins && col->deviation > 0; b++) {
        double edge = x[n * b / bins];
        if (edge > (col->n_edges > 0 ? col->edge[col->n_edges - 1] : x[0]))
            col->edge[col->n_edges++] = edge;
    }
}

static akin_status fit_numbers(struct features *f, const struct item_source *s, int32_t n_items,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    double *x = NULL;
    for (int32_t c = 0; c < f->n_columns; c++) {
        struct feature_column *col = &f->column[c];
        int64_t n = 0;
        if (col->type != COL_NUMBER)
            continue;
        AKIN_TRY(ctx_check(f->ctx, err));
        if (!x)
            MEM_NEW(f->ctx, x, n_items);
        const double *num = table_find(s->items, col->name)->num;
        for (int32_t i = 0; i < n_items; i++)
            if (isfinite(num[i]))
                x[n++] = num[i];
        if (n > 1)
            qsort(x, (size_t)n, sizeof *x, by_value);
        number_stats(col, x, n, f->opt.bins);
    }
done:
    mem_free(f->ctx, x);
    return status;
}

/* ---- Counting terms ------------------------------------------------------------------------ */

struct tally {
    struct terms terms;
    int32_t *df;   /* (terms.n) items */
    double *total; /* (terms.n) occurrences */
    int64_t cap_df, cap_total;
    int64_t n_docs[FEATURE_KINDS];
};

static void tally_free(akin_ctx *ctx, struct tally *t)
{
    terms_free(&t->terms);
    mem_free(ctx, t->df);
    mem_free(ctx, t->total);
    *t = (struct tally){.terms.ctx = ctx};
}

/* Room for all terms; new ones start with nothing. */
static akin_status tally_grow(struct tally *t, int32_t n_before, akin_error *err)
{
    akin_status status = AKIN_OK;
    MEM_GROW(t->terms.ctx, t->df, t->cap_df, t->terms.n);
    MEM_GROW(t->terms.ctx, t->total, t->cap_total, t->terms.n);
    for (int32_t i = n_before; i < t->terms.n; i++) {
        t->df[i] = 0;
        t->total[i] = 0;
    }
done:
    return status;
}

/* One item on its way into a tally. */
struct tally_item {
    struct tally *tally;
    int32_t *last; /* (of a term) the item that had it last, +1 */
    int64_t cap_last;
    int32_t item;
    bool has[FEATURE_KINDS];
};

static akin_status count_term(void *arg, const char *name, int32_t size, double amount,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    struct tally_item *x = arg;
    struct tally *t = x->tally;
    int32_t before = t->terms.n, term;
    AKIN_TRY(terms_add(&t->terms, name, size, &term, err));
    if (t->terms.n > before) {
        AKIN_TRY(tally_grow(t, before, err));
        MEM_GROW(t->terms.ctx, x->last, x->cap_last, t->terms.n);
        x->last[term] = 0;
    }
    t->total[term] += amount;
    if (x->last[term] != x->item + 1)
        t->df[term]++;
    x->last[term] = x->item + 1;
    x->has[strchr(FEATURE_LETTERS, name[0]) - FEATURE_LETTERS] = true;
done:
    return status;
}

struct count_job {
    const struct features *f;
    const struct item_source *source;
    struct feature_reader **reader;
    int32_t n_items;
    int64_t first; /* block of the wave */
    struct tally tally[WAVE];
};

static akin_status count_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct count_job *job = arg;
    struct tally_item x = {.tally = &job->tally[block]};
    int64_t lo = par_lo(job->first + block, FEATURE_BLOCK);
    int64_t hi = par_hi(job->first + block, FEATURE_BLOCK, job->n_items);
    for (int64_t i = lo; i < hi; i++) {
        struct item_at at = {job->source, (int32_t)i};
        struct attributes a = item_attributes(&at);
        memset(x.has, 0, sizeof x.has);
        x.item = (int32_t)i;
        AKIN_TRY(feature_reader_each(job->reader[worker], &a, count_term, &x, err));
        for (int kind = 0; kind < FEATURE_KINDS; kind++)
            x.tally->n_docs[kind] += x.has[kind];
    }
    progress_add(job->f->ctx, hi - lo);
done:
    mem_free(job->f->ctx, x.last);
    return status;
}

static akin_status tally_fold(struct tally *to, const struct tally *from, akin_error *err)
{
    akin_status status = AKIN_OK;
    for (int32_t i = 0; i < from->terms.n; i++) {
        int32_t size, term, before = to->terms.n;
        const char *name = terms_get(&from->terms, i, &size);
        AKIN_TRY(terms_add(&to->terms, name, size, &term, err));
        AKIN_TRY(tally_grow(to, before, err));
        to->df[term] += from->df[i];
        to->total[term] += from->total[i];
    }
    for (int kind = 0; kind < FEATURE_KINDS; kind++)
        to->n_docs[kind] += from->n_docs[kind];
done:
    return status;
}

static akin_status count_all(const struct features *f, const struct item_source *source,
                             int32_t n_items, struct tally *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct count_job *job = NULL;
    int64_t n_blocks = par_blocks(n_items, FEATURE_BLOCK);
    MEM_ZERO(f->ctx, job, 1);
    job->f = f;
    job->source = source;
    job->n_items = n_items;
    for (int b = 0; b < WAVE; b++)
        terms_init(&job->tally[b].terms, f->ctx);
    AKIN_TRY(feature_readers_create(f, &job->reader, err));
    for (; job->first < n_blocks; job->first += WAVE) {
        int64_t n = n_blocks - job->first < WAVE ? n_blocks - job->first : WAVE;
        AKIN_TRY(par_for(f->ctx, n, count_block, job, err));
        for (int64_t b = 0; b < n; b++) {
            AKIN_TRY(tally_fold(out, &job->tally[b], err));
            tally_free(f->ctx, &job->tally[b]);
        }
    }
done:
    for (int b = 0; job && b < WAVE; b++)
        tally_free(f->ctx, &job->tally[b]);
    feature_readers_free(f->ctx, job ? job->reader : NULL);
    mem_free(f->ctx, job);
    return status;
}

/* ---- The vocabulary ------------------------------------------------------------------------ */

/* A term that may be kept. */
struct candidate {
    const char *name;
    int32_t size, term, df;
};

static int by_name(const struct candidate *x, const struct candidate *y)
{
    int order = memcmp(x->name, y->name, (size_t)(x->size < y->size ? x->size : y->size));
    return order != 0 ? order : (x->size > y->size) - (x->size < y->size);
}

/* Most frequent first, then by name. */
static int by_df(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return x->df != y->df ? (x->df < y->df ? 1 : -1) : by_name(x, y);
}

static int by_order(const void *a, const void *b)
{
    return by_name(a, b);
}

/* What is kept of the terms, in x (room for all); returns the count. */
static int64_t choose(const struct features *f, const struct tally *t, struct candidate *x)
{
    double most = f->opt.max_df * (double)t->n_docs[FEATURE_WORDS];
    int64_t words = 0, n = 0;
    for (int32_t i = 0; i < t->terms.n; i++) {
        struct candidate c = {.term = i, .df = t->df[i]};
        c.name = terms_get(&t->terms, i, &c.size);
        bool is_word = c.name[0] == FEATURE_LETTERS[FEATURE_WORDS];
        if (is_word && (c.df < f->opt.min_df || (double)c.df > most))
            continue;
        if (is_word) { /* words before the rest */
            x[n++] = x[words];
            x[words++] = c;
        } else {
            x[n++] = c;
        }
    }
    if (words > f->opt.max_words) {
        qsort(x, (size_t)words, sizeof *x, by_df);
        int64_t rest = n - words;
        memmove(x + f->opt.max_words, x + words, (size_t)rest * sizeof *x);
        n = f->opt.max_words + rest;
    }
    if (n > 1)
        qsort(x, (size_t)n, sizeof *x, by_order);
    return n;
}

static akin_status take_vocabulary(struct features *f, const struct tally *t, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct candidate *x = NULL;
    double length = 0;
    MEM_NEW(f->ctx, x, (int64_t)t->terms.n + 1);
    int64_t n = choose(f, t, x);
    MEM_NEW(f->ctx, f->df, n);
    for (int64_t i = 0; i < n; i++) {
        int32_t feature;
        AKIN_TRY(terms_add(&f->names, x[i].name, x[i].size, &feature, err));
        f->df[i] = x[i].df;
        if (x[i].name[0] == FEATURE_LETTERS[FEATURE_WORDS])
            length += t->total[x[i].term];
    }
    memcpy(f->n_docs, t->n_docs, sizeof f->n_docs);
    f->mean_length = length > 0 ? length / (double)f->n_docs[FEATURE_WORDS] : 1;
    AKIN_TRY(features_complete(f, err));
done:
    mem_free(f->ctx, x);
    return status;
}

akin_status features_fit(akin_ctx *ctx, const struct feature_options *options,
                         const struct item_source *source, int32_t n_items, struct features **out,
                         akin_error *err)
{
    akin_status status = AKIN_OK;
    struct features *f = NULL;
    struct tally all = {.terms.ctx = ctx};
    *out = NULL;
    MEM_ZERO(ctx, f, 1);
    f->ctx = ctx;
    f->opt = *options;
    terms_init(&f->names, ctx);
    AKIN_TRY(choose_columns(f, source, err));
    bool has_nothing = f->n_columns == 0 && (!source->tags || !source->tags->ptr);
    if (has_nothing && options->may_be_empty)
        goto done;
    if (has_nothing)
        AKIN_FAIL(AKIN_E_INPUT, "nothing is known of the items: give `prepare` a table of them "
                                "(--items FILE with a title, texts, categories or numbers) or tags "
                                "(--tags FILE)");
    AKIN_TRY(fit_numbers(f, source, n_items, err));
    AKIN_TRY(count_all(f, source, n_items, &all, err));
    AKIN_TRY(take_vocabulary(f, &all, err));
    if (f->names.n == 0 && options->may_be_empty)
        goto done;
    if (f->names.n == 0)
        AKIN_FAIL(AKIN_E_INPUT,
                  "no feature in the %" PRId32 " columns of the items: texts without "
                  "a word, or left out by min_df, max_df or max_words, no category, "
                  "numbers that do not vary",
                  f->n_columns);
    f->opt.columns = NULL;
    *out = f;
    f = NULL;
done:
    tally_free(ctx, &all);
    features_free(f);
    return status;
}
