/*
 * Inside of features, shared by data/features*.c only.
 *
 * A feature's name is a letter for its kind and what it stands for, so that one sorted vocabulary
 * holds all kinds, each in a range of its own: "cgenres\x1FComedy", "nyear\x1F03", "tnoir",
 * "wpiano".
 */
#ifndef AKIN_DATA_FEATURES_IMPL_H
#define AKIN_DATA_FEATURES_IMPL_H

#include "data/features.h"
#include "data/words.h"

#define FEATURE_LETTERS "cntw" /* of the kinds in their order, which is that of bytes */

enum {
    FEATURE_VALUE_MAX = 255, /* bytes of a category that count */
    FEATURE_NAME_MAX = 1 + TABLE_NAME_MAX + 1 + FEATURE_VALUE_MAX,
    FEATURE_BLOCK = 32,      /* items read as one block */
    FEATURE_SEPARATOR = 0x1F /* of column and value in a name */
};

/* As it lies in files. */
struct feature_column {
    char name[TABLE_NAME_MAX + 1];
    int32_t type;    /* enum col_type */
    int32_t is_said; /* of events */
    int32_t n_edges; /* numbers: bins less one; 0 = they say nothing, or are scaled */
    int32_t unused;
    double mean, deviation;        /* numbers; deviation 0 = they say nothing */
    double edge[FEATURE_BINS - 1]; /* ascending: the least value of each bin but the first */
};

struct features {
    akin_ctx *ctx;
    struct feature_options opt;
    int32_t n_columns;
    struct feature_column *column; /* (n_columns) owned */
    struct terms names;            /* ascending */
    int32_t *df;                   /* (names.n) owned */
    double *idf;                   /* (names.n) owned; 1 for numbers */
    int64_t n_docs[FEATURE_KINDS]; /* items that have something of it */
    double mean_length;            /* words kept of an item that has words */
    int32_t lo[FEATURE_KINDS + 1]; /* features of kind k: [lo[k], lo[k + 1]) */
};

/* lo and idf, from names, df and n_docs. */
akin_status features_complete(struct features *f, akin_error *err);

/* What attributes say, one call a feature. amount: occurrences; of a scaled number its value. */
typedef akin_status (*feature_sink)(void *arg, const char *name, int32_t size, double amount,
                                    akin_error *err);

struct feature_found {
    int32_t feature;
    double amount;
};

struct feature_reader {
    const struct features *f;
    struct words *words;
    feature_sink sink;
    void *sink_arg;
    double amount; /* of the tag at hand */
    char name[FEATURE_NAME_MAX + 1];
    struct feature_found *found;
    int64_t n_found, cap_found;
    int32_t *feature;
    float *value;
    int64_t cap_feature, cap_value;
};
/* Calls sink for all that a says in the columns of the spec, before any vocabulary. */
akin_status feature_reader_each(struct feature_reader *r, const struct attributes *a,
                                feature_sink sink, void *arg, akin_error *err);
/* A reader for each worker. Freed by feature_readers_free; out is NULL on failure. */
akin_status feature_readers_create(const struct features *f, struct feature_reader ***out,
                                   akin_error *err);
void feature_readers_free(akin_ctx *ctx, struct feature_reader **r);

#endif
