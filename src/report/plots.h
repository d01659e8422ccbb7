/* The plots of the exploratory page; arguments are parts of the numbers of report_explore. */
#ifndef AKIN_REPORT_PLOTS_H
#define AKIN_REPORT_PLOTS_H

#include "core/buf.h"

#include <jansson.h>

double plot_largest(const json_t *rows, const char *key);
/* many: "items" or "users". */
/* Histogram of "histogram" (doublings, is_log) or "count_bins"; side (or NULL): its Tukey box too.
 */
void plot_counts(struct buf *b, const json_t *rows, const json_t *side, bool is_log,
                 const char *x_title, const char *y_title);
void plot_tail(struct buf *b, const char *many, const json_t *tail);
void plot_cloud(struct buf *b, const json_t *cloud, const json_t *bands, const char *x_title,
                const char *unit);
void plot_bins(struct buf *b, const json_t *rows, const char *x_title, const char *y_title,
               const char *what);
void plot_levels(struct buf *b, const json_t *rows);
void plot_buckets(struct buf *b, const char *many, const json_t *rows);

#endif
