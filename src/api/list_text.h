/* Lists as text: a list a user (recommend), or one list of items or users (similar, segment). */
#ifndef AKIN_API_LIST_TEXT_H
#define AKIN_API_LIST_TEXT_H

#include "api/asker.h"

enum list_format { LIST_TABLE, LIST_JSONL, LIST_CSV, LIST_FORMATS };
#define LIST_FORMAT_CHOICES "auto|table|jsonl|csv"
/* choice: of LIST_FORMAT_CHOICES; auto = by the ending of path (may be NULL), else a table. */
enum list_format list_format_of(int64_t choice, const char *path);

#define LIST_PARAM_FORMAT(st)                                                                      \
    PARAM_CHOICE(st, format, "auto", LIST_FORMAT_CHOICES, 0,                                       \
                 "of the lists; auto: by the output's extension, else a table")
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
/* "users":[{"user_id":…,"score":…},…] or "items":[…] inside an open object. */
akin_status rows_json(const struct row_list *rows, struct jw *jw, akin_error *err);
/* To a file, or to the context's sink where path is NULL. A row a line; jsonl: the objects above.
 */
akin_status rows_write(const struct row_list *rows, enum list_format format, const char *path,
                       akin_error *err);
/*
 * What an operation does with one list: if a file or a format was asked for, the rows are written
 * and *result says so; else *result stays NULL, and the caller makes an object for people.
 *   choice   of LIST_FORMAT_CHOICES
 */
akin_status rows_result(const struct row_list *rows, int64_t choice, const char *output,
                        json_t **result, akin_error *err);

#endif
