/*
 * Reports: numbers first (JSON), then one self-contained HTML page with SVG plots made from them.
 * No network, no script needed to read it; light and dark.
 */
#ifndef AKIN_REPORT_REPORT_H
#define AKIN_REPORT_REPORT_H

#include "core/buf.h"
#include "data/dataset.h"

#include <jansson.h>

/*
 * Exploratory numbers of a dataset: counts, sparsity, value histogram, long tail, events over time,
 * items by rating-count bucket, density of rating counts with outliers, mean against count, users'
 * counts and means, tags per item, mean against tag count, correlations, cleaning summary.
 * Plots are thinned to a bounded number of points; the numbers are exact. Cost: O(events).
 */
akin_status report_explore(const struct dataset *ds, json_t **out, akin_error *err);
akin_status report_explore_html(akin_ctx *ctx, const json_t *numbers, struct buf *out,
                                akin_error *err);

/* Page of an evaluation: the JSON of the operation `evaluate`. */
akin_status report_evaluation_html(akin_ctx *ctx, const json_t *evaluation, struct buf *out,
                                   akin_error *err);
/* Both in one page, data first; either may be NULL. The optional text "name" in numbers is the
 * heading. */
akin_status report_page_html(akin_ctx *ctx, const json_t *numbers, const json_t *evaluation,
                             struct buf *out, akin_error *err);

/* Page of a search: the JSON of the operation `tune`. */
akin_status report_tune_html(akin_ctx *ctx, const json_t *result, struct buf *out, akin_error *err);

#endif
