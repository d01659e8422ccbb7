/* The sections of the two reports, for between an open and a closed page. */
#ifndef AKIN_REPORT_PAGE_H
#define AKIN_REPORT_PAGE_H

#include "core/buf.h"

#include <jansson.h>

/* Numbers as report_explore makes them; evaluation as the operation `evaluate` does. What is
 * missing in either is left out. */
void page_explore(struct buf *b, const json_t *numbers, bool has_evaluation);
void page_evaluate(struct buf *b, const json_t *evaluation);
/* The result of the operation `tune`. */
void page_tune(struct buf *b, const json_t *result);

/* Parts of page_explore, by file. */
void page_side(struct buf *b, const json_t *numbers, const char *key);
void page_tables(struct buf *b, const json_t *numbers);

/* Share of the events that the first `top` of a "long_tail" hold. */
double page_share_of_top(const json_t *tail, double top);
/* Row of "correlations", or NULL; and a sentence about it. */
const json_t *page_correlation(const json_t *numbers, const char *side, const char *x,
                               const char *y);
void page_say_correlation(struct buf *b, const json_t *row, const char *x, const char *y);
/* Under a cloud of points: how many of them are drawn. */
void page_thinned(struct buf *b, const json_t *cloud, const char *many);
void page_outside(struct buf *b, int64_t n, const char *many); /* nothing if n is 0 */

/* Parts of page_evaluate: {"value", "lo", "hi", …} of a result or segment; its numbers, NaN if
 * absent; a cell with the interval in grey, bold if it is `best` (NaN: none is). */
const json_t *page_metric_of(const json_t *result, const char *metric);
double page_real_of(const json_t *object, const char *key);
void page_cell_metric(struct buf *b, const json_t *metric, double best);
void page_segments(struct buf *b, const json_t *results, const char *metric);

#endif
