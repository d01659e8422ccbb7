/*
 * Attributes as numbers: words of texts, categories, tags and numbers become sparse vectors, by a
 * spec that is fitted once, kept in the model and applied the same way to what was there at the
 * fit and to what came later.
 *
 * A feature is a value of one of four kinds. Each kind's part of a vector has length 1, or is
 * empty; who uses vectors weighs the kinds.
 *
 *   words       tf-idf (1 + ln tf)·(1 + ln((1 + N)/(1 + df))), or BM25
 *               ln(1 + (N - df + .5)/(df + .5))·tf·(k1 + 1)/(k1·(1 - b + b·len/avg) + tf)
 *               (Robertson and Zaragoza 2009, doi:10.1561/1500000019); tf in all texts of the item
 *   categories  tf-idf with tf 1, a feature for each column and value
 *   tags        tf-idf, tf = people who gave the tag
 *   numbers     bins of equal counts (1 each), or (x - mean)/deviation, not brought to length 1
 *
 * or, plain, all of them without idf.
 *
 * N: items that have something of the kind, df: those with the feature; len: Σ tf of the words
 * that were kept, avg: its mean over N.
 */
#ifndef AKIN_DATA_FEATURES_H
#define AKIN_DATA_FEATURES_H

#include "data/attributes.h"

#include <jansson.h>

enum feature_kind {
    FEATURE_CATEGORIES,
    FEATURE_NUMBERS,
    FEATURE_TAGS,
    FEATURE_WORDS,
    FEATURE_KINDS
};
enum feature_weighting { FEATURE_TFIDF, FEATURE_BM25, FEATURE_PLAIN };
#define FEATURE_WEIGHTINGS "tfidf|bm25" /* of words; plain is for all kinds */

enum { FEATURE_BINS = 64 };

struct feature_options {
    int64_t language; /* WORDS_LANGUAGES */
    int64_t ngrams;   /* 1..WORDS_NGRAMS */
    int64_t min_df;   /* words of fewer items are left out */
    double max_df;    /* as are words of more than this share of the items with words */
    int64_t max_words;
    int64_t weighting; /* enum feature_weighting */
    double bm25_k1, bm25_b;
    int64_t bins;          /* 2..FEATURE_BINS; 0 = numbers are scaled */
    bool is_raw;           /* parts of a vector are not brought to length 1 */
    bool may_be_empty;     /* nothing to make features of is no error: the spec is NULL */
    const json_t *columns; /* names; NULL or empty = all; borrowed until the fit is over */
};

struct features;

/*
 * A spec of n_items items. Columns of texts of at->events count as texts of the items. Columns
 * without a value or with one value only are left out.
 * Cost: O(bytes of texts), in parallel, with some 30 bytes of memory a distinct term.
 * Fails: E_ARG (a name of columns that is none: all are named), E_INPUT (nothing to make features
 * of; says what to give), E_UNSUPPORTED (language), E_MEMORY, E_CANCELLED.
 */
akin_status features_fit(akin_ctx *ctx, const struct feature_options *options,
                         const struct item_source *source, int32_t n_items, struct features **out,
                         akin_error *err);
void features_free(struct features *f); /* NULL allowed */

int32_t features_count(const struct features *f);
/* Features of a kind: [lo, hi). */
void features_range(const struct features *f, enum feature_kind kind, int32_t *lo, int32_t *hi);
/* The end of the features that are of one sort with this: of its column, or tags, or words. */
int32_t features_column_end(const struct features *f, int32_t feature);
/* Names of the columns that the spec goes by; NULL past the end. */
const char *features_column(const struct features *f, int32_t column);
/* "piano", "genres=Comedy", "year=03" (the fourth bin) → out (size bytes), for people. */
void features_name(const struct features *f, int32_t feature, char *out, size_t size);

/* A reader: the buffers of one thread. */
struct feature_reader;
akin_status feature_reader_create(const struct features *f, struct feature_reader **out,
                                  akin_error *err);
void feature_reader_free(struct feature_reader *r); /* NULL allowed */

/* Features ascending; what the spec does not know is left out. Valid until the reader's next call.
 */
struct feature_vector {
    int32_t n;
    const int32_t *feature;
    const float *value;
};
/* Pure in (spec, attributes). Cost: O(bytes) + n log n. Fails: E_MEMORY, E_CANCELLED. */
akin_status features_apply(struct feature_reader *r, const struct attributes *a,
                           struct feature_vector *out, akin_error *err);
/* Vectors of all items of a source, (n_items, features); in parallel. */
akin_status features_matrix(const struct features *f, const struct item_source *source,
                            int32_t n_items, struct csr *out, akin_error *err);

/* Sections PREFIX.…; options are the owner's to keep. Loading checks sizes, order and numbers. */
akin_status features_save(struct container_writer *w, const char *prefix, const struct features *f,
                          akin_error *err);
akin_status features_load(akin_ctx *ctx, struct container *c, const char *prefix,
                          const struct feature_options *options, struct features **out,
                          akin_error *err);

#endif
