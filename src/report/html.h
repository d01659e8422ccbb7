/* Writing HTML: escaped text, numbers for people, the page around the sections. */
#ifndef AKIN_REPORT_HTML_H
#define AKIN_REPORT_HTML_H

#include "core/buf.h"

/* Text with & < > " ' escaped and control bytes dropped: safe in elements and quoted attributes. */
void html_text(struct buf *b, const char *text);
void html_fixed(struct buf *b, double x, int decimals); /* 1,234.50; never the locale's */
void html_count(struct buf *b, int64_t n);              /* 12,345 */
void html_number(struct buf *b, double x);              /* three or four significant digits */
void html_percent(struct buf *b, double share);         /* 0.853 → 85 % */

/*
 * A sentence. Markup in `format` is written as it is; arguments are escaped:
 *   %t text   %c count (int64_t)   %n number (double)   %p share as percent (double)   %% percent
 * Nothing else; it is no printf.
 */
void html_say(struct buf *b, const char *format, ...);

extern const char *const html_style[]; /* up to NULL */
void html_page_open(struct buf *b, const char *title);
void html_page_close(struct buf *b);
void html_section_open(struct buf *b, const char *id, const char *title);
void html_section_close(struct buf *b);
/* A titled card; a paragraph that says what it shows comes next, then the plot or table. */
void html_card_open(struct buf *b, const char *title, bool wide);
void html_card_close(struct buf *b);
/* A table that scrolls sideways by itself; columns by '|', those that start with '#' are numbers.
 * label: no two of a page are equal, or a screen reader's list of regions helps nobody. */
void html_table_open(struct buf *b, const char *label, const char *columns);
void html_table_close(struct buf *b);

#endif
