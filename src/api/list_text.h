/* Lists as text: a list a user (recommend), or one list of items or users (similar, segment). */
#ifndef AKIN_API_LIST_TEXT_H
#define AKIN_API_LIST_TEXT_H

#include "api/asker.h"

enum list_format { LIST_TABLE, LIST_JSONL, LIST_CSV, LIST_FORMATS };
#define LIST_FORMAT_CHOICES "auto|table|jsonl|csv"
/* choice: of LIST_FORMAT_CHOICES; auto = by the ending of path (may be NULL), else a table. */
enum list_format list_format_of(int64_t choice, const char *path);

/* Rows of an operation that makes lists: format, output, csv_safe. */
#define LIST_PARAMS(st)                                                                            \
    PARAM_CHOICE(st, format, "auto", LIST_FORMAT_CHOICES, 0,                                       \
                 "of the lists; auto: by the output's extension, else a table"),                   \
        PARAM_TEXT(st, output, NULL, 0, "file to write; short: -o"), LIST_PARAM_CSV_SAFE(st)
#define LIST_PARAM_CSV_SAFE(st)                                                                    \
    PARAM_BOOL(st, csv_safe, "true", 0,                                                            \
               "csv: an apostrophe before texts that a spreadsheet would run as a formula")

/* ---- A list a user ---- */

struct list_style {
    const struct asker *asker;
    bool explain;
    bool csv_safe;
};
/* What stands before the first list. */
void list_header(const struct list_style *style, enum list_format format, struct buf *buf);
/* Appends the list of q. Ranks nothing but the fold-ins of explanations. */
akin_status list_text(const struct list_style *style, enum list_format format,
                      const struct query *q, const struct ranked *list, int32_t n, struct buf *buf,
                      akin_error *err);

/* ---- One list ---- */

struct row_list {
    const struct asker *asker;
    bool of_users; /* list[i].item is a user of the model, else an item */
    bool csv_safe;
    const struct ranked *list; /* (n) */
    int32_t n;
};
/*
 * What an operation does with one list: if a file or a format was asked for, the rows are written
 * (to the context's sink without a file), and *result says so; else *result is an object for
 * people, {…,"users":[{"user_id":…,"score":…},…]} or {…,"items":[…]}.
 *   choice   of LIST_FORMAT_CHOICES
 *   head     writes the keys of the object before the list
 */
akin_status rows_result(const struct row_list *rows, int64_t choice, const char *output,
                        void (*head)(const void *arg, struct jw *jw), const void *arg,
                        json_t **result, akin_error *err);

#endif
