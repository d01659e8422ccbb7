/*
 * The contract between readers and ingest: a reader cuts a piece of text into records and adds
 * their events to a chunk.
 */
#ifndef AKIN_DATA_READER_CHUNK_H
#define AKIN_DATA_READER_CHUNK_H

#include "core/buf.h"
#include "data/clean.h"
#include "data/column_id.h"

enum read_format {
    FORMAT_AUTO,
    FORMAT_CSV,
    FORMAT_TSV,
    FORMAT_MOVIELENS,
    FORMAT_JSONL,
    FORMAT_ADJACENCY,
    FORMAT_BASKET,
    FORMAT_SESSIONS,
    FORMAT_LIBSVM,
    FORMAT_DSSTNE,
    FORMAT_PARQUET /* named so that the refusal can say what to do */
};
#define FORMAT_CHOICES                                                                             \
    "auto|csv|tsv|movielens|jsonl|adjacency|basket|sessions|libsvm|dsstne|parquet"

enum read_lead { LEAD_ID, LEAD_NONE, LEAD_COUNT };
enum read_unit { UNIT_AUTO, UNIT_S, UNIT_MS, UNIT_US, UNIT_ISO };

/* What a column means; context columns follow. */
enum cell_role { CELL_USER, CELL_ITEM, CELL_VALUE, CELL_TIME, CELL_TYPE, CELL_FIXED };

enum { READ_COLS_MAX = 1024, READ_EXTRA_MAX = 64, READ_PAD = 64 };

struct cell {
    const char *p; /* NULL = missing */
    int64_t n;
};

/* How to read one source; constant while it is read. */
struct read_plan {
    int format;
    char sep;       /* ' ' = any run of blanks */
    bool is_double; /* separator is "::" */
    bool has_quotes;
    bool has_header;
    bool is_map;  /* a table that is one JSON object: id → attributes */
    bool is_fast; /* only user, item, value, time columns with the direct parsers */
    int n_cols;
    char (*name)[64];            /* (n_cols) owned */
    int16_t role[READ_COLS_MAX]; /* column → cell, -1 = unused */
    int n_cells;                 /* CELL_FIXED + extra columns */
    bool has_value, has_time, has_type;
    bool by_row; /* row order is time order */
    int unit;
    int lead;
    double value_lo, value_hi; /* infinite = open */
    int64_t max_time;
    int64_t max_line;
    int64_t piece;
    const struct idset *types; /* event types to keep, NULL = all; borrowed */
    int32_t source;
    int64_t body;       /* offset of the first record */
    int64_t head_lines; /* line ends before body */
};

struct row {
    uint32_t user;
    uint32_t item;
    float value;
    uint32_t time;
};

/* Beside rows, only if the data has types or roles. */
struct row_ext {
    uint32_t type;
    uint32_t role;
};

struct row_label {
    int64_t line;
    double label;
};

/* The outcome of one piece of text; reused from piece to piece. */
struct chunk {
    akin_ctx *ctx;
    const struct read_plan *plan;
    int64_t lo, hi; /* nominal bytes of the source */
    int64_t start;  /* where its first record began, -1 = none begins here */
    int64_t end;    /* where the last record ended */
    uint64_t hash;  /* of bytes lo..hi */
    int64_t n_lines;
    int64_t n_records; /* good and bad, without blank lines */
    int64_t n_rows;
    struct row *rows; /* owned */
    int64_t cap_rows;
    struct row_ext *ext; /* owned; NULL unless plan wants it */
    int64_t cap_ext;
    struct chunk_id user, item, type;
    bool user_is_line; /* user codes are line numbers to be moved by the lines before */
    bool has_role;     /* a line with a TAB was seen */
    struct buf text;   /* cells of extra columns, row by row */
    int64_t *text_end; /* (n_rows × extra) ends within text; owned */
    int64_t cap_text;
    struct row_label *labels; /* owned */
    int64_t n_labels;
    int64_t cap_labels;
    struct buf scratch; /* unquoted or unescaped fields of one record */
    char *unescape;     /* texts of one JSON object; owned */
    int64_t cap_unescape;
    struct cell *field; /* (READ_COLS_MAX + 1) owned */
    struct defects defects;
};
void chunk_init(struct chunk *c, akin_ctx *ctx);
void chunk_clear(struct chunk *c, const struct read_plan *plan);
void chunk_free(struct chunk *c);

/* The record being added, for messages: its first line (from 1 in this chunk) and its bytes. */
struct record {
    int64_t line;
    const char *text;
    int64_t size;
};
void chunk_defect(struct chunk *c, enum defect what, const struct record *r);
/* Checks the cells (plan->n_cells of them) and adds the event or counts the defect. */
akin_status chunk_add(struct chunk *c, const struct cell *cells, const struct record *r,
                      akin_error *err);
/* The same for lists: no value, or a parsed one; user = line number. */
akin_status chunk_add_item(struct chunk *c, const struct cell *user, const struct cell *item,
                           float value, uint32_t role, const struct record *r, akin_error *err);
/* Makes room for one more row and what lies beside it. */
akin_status chunk_room(struct chunk *c, akin_error *err);

/*
 * For readers of lines: the line at *p, without its end, into *r; *p moves behind it. False if it
 * is cut off at n. Counts lines and CR LF ends; *is_blank: nothing but blanks.
 */
bool chunk_line(struct chunk *c, const char *text, int64_t n, int64_t *p, bool is_last,
                struct record *r, bool *is_blank);
/* Reads whole lines of text[from..limit) as the formats of one record a line do: blank lines are
 * skipped, over-long ones are defects, row takes the others. *at: where the next piece begins. */
typedef akin_status (*chunk_row_fn)(struct chunk *c, const struct record *r, akin_error *err);
akin_status chunk_lines(struct chunk *c, const char *text, int64_t n, int64_t from, int64_t limit,
                        bool is_last, chunk_row_fn row, int64_t *at, akin_error *err);

/*
 * Adds the records that begin in text[from..limit). text has n >= limit bytes, then READ_PAD bytes
 * of which the first is '\n'. is_last: nothing follows. *at receives where it stopped: >= limit,
 * or the start of a record that is cut off at n.
 */
typedef akin_status (*read_fn)(struct chunk *c, const char *text, int64_t n, int64_t from,
                               int64_t limit, bool is_last, int64_t *at, akin_error *err);
akin_status read_csv(struct chunk *c, const char *text, int64_t n, int64_t from, int64_t limit,
                     bool is_last, int64_t *at, akin_error *err);
akin_status read_jsonl(struct chunk *c, const char *text, int64_t n, int64_t from, int64_t limit,
                       bool is_last, int64_t *at, akin_error *err);
akin_status read_lists(struct chunk *c, const char *text, int64_t n, int64_t from, int64_t limit,
                       bool is_last, int64_t *at, akin_error *err);
akin_status read_libsvm(struct chunk *c, const char *text, int64_t n, int64_t from, int64_t limit,
                        bool is_last, int64_t *at, akin_error *err);
akin_status read_dsstne(struct chunk *c, const char *text, int64_t n, int64_t from, int64_t limit,
                        bool is_last, int64_t *at, akin_error *err);
read_fn read_fn_of(int format);

/*
 * One delimited record at text[from..): fields into c->field, their number into *n_fields (of
 * those beyond READ_COLS_MAX only the count). Returns the offset behind it; -1 = cut off;
 * -2 = broken quotes, *at receives the end of its first line. *lines: line ends inside.
 */
int64_t csv_record(struct chunk *c, const char *text, int64_t n, int64_t from, bool is_last,
                   int *n_fields, int64_t *lines, int64_t *at);

#endif
