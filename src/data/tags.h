/* Tags on their way into a dataset: the one order they have there. */
#ifndef AKIN_DATA_TAGS_H
#define AKIN_DATA_TAGS_H

#include "data/dataset.h"

struct tag {
    int32_t item, user, text; /* user -1: nobody's */
    int64_t time;
    int64_t source; /* where it stood: decides between equal ones */
};

/* By (item, user, text, time, source). Cost: n log n. */
void tags_sort(struct tag *tags, int64_t n);
/*
 * Fills the tag arrays of ds, which has none. text: the number in ds->tag_vocab of each text, NULL
 * = the same.
 */
akin_status tags_fill(struct dataset *ds, const struct tag *tags, int64_t n, const int32_t *text,
                      bool has_time, akin_error *err);

#endif
