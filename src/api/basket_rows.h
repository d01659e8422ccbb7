/* Operations on baskets (itemsets, rules): opening them, and rows of sets with numbers as text. */
#ifndef AKIN_API_BASKET_ROWS_H
#define AKIN_API_BASKET_ROWS_H

#include "api/list_text.h"
#include "data/baskets.h"
#include "solve/itemsets.h"

/* What such an operation starts from. */
struct basket_source {
    akin_ctx *ctx;
    struct dataset *ds; /* owned */
    struct feedback *feedback;
    struct train_view tv;
    struct baskets baskets;
    int64_t n_baskets;
    const struct column *title; /* of the item table, or NULL */
};
/*
 * source: dataset or any SOURCE; the groups of the operation are its own, feedback, source. *out
 * must stay where it is until basket_source_close, which is allowed after a failure.
 */
akin_status basket_source_open(struct op_call *call, const char *source, int64_t gap_seconds,
                               struct basket_source *out, akin_error *err);
void basket_source_close(struct basket_source *b);

/* Rows of parameters that both have; `format` is the source's. */
#define BASKET_PARAMS_IN(st)                                                                       \
    PARAM_TEXT(st, source, NULL, AKIN_PARAM_REQUIRED | AKIN_PARAM_POSITIONAL,                      \
               "dataset file or any SOURCE; a user's positives are a basket"),                     \
        PARAM_INT(st, gap_seconds, "0", 0, 1e10, "seconds", 0,                                     \
                  "a longer pause between two events of a user begins a new basket; 0 = never")
#define BASKET_PARAMS_OUT(st)                                                                      \
    PARAM_CHOICE(st, as, "auto", LIST_FORMAT_CHOICES, 0,                                           \
                 "how to write; auto: by the output's extension, else a table"),                   \
        PARAM_TEXT(st, output, NULL, 0, "file to write; short: -o"), LIST_PARAM_CSV_SAFE(st)
#define BASKET_GROUPS OP_GROUP_FEEDBACK, OP_GROUP_SOURCE

/* A row: some sets of items and numbers. */
struct row_set {
    const char *name, *titles; /* of its columns */
    const int32_t *items;      /* (n) */
    int32_t n;
};
struct row_number {
    const char *name;
    double value;
};
struct basket_row {
    const struct row_set *sets;
    int n_sets;
    const struct row_number *numbers;
    int n_numbers;
};
/* What stands before the first row (of which only the names count). */
void basket_row_names(const struct basket_source *b, enum list_format format,
                      const struct basket_row *row, struct buf *buf);
/*
 * Appends a row. csv: ids of a set joined by '|', numbers in full, an infinite one as "inf";
 * jsonl: arrays, null.
 */
void basket_row(const struct basket_source *b, enum list_format format, bool csv_safe,
                const struct basket_row *row, struct buf *buf);
/* JSON lines in buf as an array for a result; NULL on lack of memory. */
json_t *basket_rows_json(const struct buf *buf);

#endif
