/* How a source is to be read: format and separator, header, columns, unit of times. */
#ifndef AKIN_DATA_FORMAT_H
#define AKIN_DATA_FORMAT_H

#include "data/input.h"
#include "data/prepare.h"
#include "data/reader_chunk.h"

/* What the first bytes and the name say. */
struct format_guess {
    int format;
    char sep; /* of csv and lists; ' ' = blanks */
    int lead; /* adjacency */
};
void format_guess(const char *name, const char *head, int64_t size, struct format_guess *out);
const char *format_text(int format);

/* Offset behind a byte order mark. Refuses UTF-16 and JSON arrays by name. */
akin_status format_begin(const struct input *in, int64_t *offset, akin_error *err);

/*
 * The plan of an interactions source. types: event types to keep or NULL (borrowed by the plan).
 * note (object) receives format, guessed, columns, time_unit. Free with plan_free.
 */
akin_status plan_create(akin_ctx *ctx, const struct prepare_params *p, int64_t max_time,
                        const struct input *in, int32_t source, const struct idset *types,
                        json_t *note, struct read_plan **out, akin_error *err);
/* The plan of a table: format, header, names; no roles. Same ends. */
akin_status plan_create_table(akin_ctx *ctx, const struct prepare_params *p, const struct input *in,
                              struct read_plan **out, akin_error *err);
void plan_free(akin_ctx *ctx, struct read_plan *plan);

/* Lower case, without blanks, '_', '-', '.' and quotes. */
void name_normalise(const char *text, int64_t n, char *out, size_t size);
/* Column whose normalised name is this, or -1. */
int plan_column_normal(const struct read_plan *plan, const char *normal);
/* Column of a name: exact, else without case and punctuation, else a number from 1; or -1. */
int plan_column(const struct read_plan *plan, const char *name);
/* First of a NULL-terminated list of normalised names that a column has, or -1. */
int plan_known(const struct read_plan *plan, const char *const *names);
/* The same from names[*from] on; *from receives the index of the name. */
int plan_known_from(const struct read_plan *plan, const char *const *names, int *from);
/* "a, b, c" into out. */
void plan_names(const struct read_plan *plan, char *out, size_t size);

extern const char *const known_user[],
    *const known_session[], *const known_item[], *const known_value[],
                                                     *const known_time[],
                                                         *const known_type[],
                                                             *const known_text[],
                                                                 *const known_title[],
                                                                     *const known_categories[],
                                                                         *const known_tag[];

/* Room for n names; roles are cleared. */
akin_status plan_names_alloc(akin_ctx *ctx, struct read_plan *plan, int n, akin_error *err);
/* Names from the first row or made up; plan->body moves behind a header. columns may be NULL. */
akin_status plan_header(akin_ctx *ctx, const struct prepare_params *p, const struct input *in,
                        const json_t *columns, struct read_plan *plan, akin_error *err);
/* jsonl: the keys of the first objects are the columns. */
akin_status plan_keys(akin_ctx *ctx, const struct input *in, struct read_plan *plan,
                      akin_error *err);

/* Calls fn for the records of the head, at most max; for guesses. Lists have no fields. */
typedef bool (*head_fn)(void *arg, const struct cell *field, int n_fields);
akin_status plan_head(akin_ctx *ctx, const struct read_plan *plan, const struct input *in,
                      int64_t max, head_fn fn, void *arg, akin_error *err);

#endif
