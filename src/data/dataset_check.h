/* What must hold of a dataset. */
#ifndef AKIN_DATA_DATASET_CHECK_H
#define AKIN_DATA_DATASET_CHECK_H

#include "data/dataset.h"

/* what: name for messages; code: what a breach is (E_FORMAT of a file, E_INTERNAL of our own). */
akin_status dataset_check(const struct dataset *ds, const char *what, akin_status code,
                          akin_error *err);

#endif
