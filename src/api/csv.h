/*
 * CSV fields as people and programs exchange them: RFC 4180, and safe to open in a spreadsheet.
 *
 * A spreadsheet runs a field that begins with = + - @ (also in full width), TAB, CR or LF as a
 * formula, and ids and titles come from anybody. Such a field gets an apostrophe in front, which
 * spreadsheets show as plain text; numbers stay numbers ("-5" is one, "-5+3" is not). So that it
 * can be undone, a field that looks as if that had been done to it gets another one. csv_next takes
 * the apostrophe away again: what akin wrote, akin reads back as it was.
 */
#ifndef AKIN_API_CSV_H
#define AKIN_API_CSV_H

#include "core/buf.h"

/* Appends a field, quoted where needed; is_safe: guarded as above. */
void csv_field(struct buf *buf, const char *text, size_t size, bool is_safe);

/*
 * The field at `at`, a line or the rest of one, NUL-terminated; unquoted and unguarded in place.
 * Returns the start of the next field, or NULL at the end of the line.
 */
char *csv_next(char *at, char sep, char **field, size_t *size);
/* Where the line ends: its newline, which is not one within quotes, or the NUL. */
char *csv_line_end(char *line, char sep);
/* ',' or TAB: whichever ends the first field of a line. */
char csv_separator(const char *line);

#endif
