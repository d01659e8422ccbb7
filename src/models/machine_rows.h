/* What fm and ffm learn from, as text for other programs: libsvm's and libffm's lines. */
#ifndef AKIN_MODELS_MACHINE_ROWS_H
#define AKIN_MODELS_MACHINE_ROWS_H

#include "models/machine.h"

struct fm_rows_count {
    int64_t rows, features, fields, values;
};

/*
 * A line an event, in the order of users and time, negatives of ranking behind their positives:
 *
 *   label feature:value …          libsvm; features from 1, ascending
 *   label field:feature:value …    with_fields; fields from 0
 *
 * label: the value, or 1 and 0. Features: items, what they have, contexts, users, what they have.
 * tv and choice are borrowed. The file appears whole or not at all.
 * Cost: fm_data_read's, some 200 ns a feature. Fails: as fm_data_read, E_IO.
 */
akin_status fm_rows_write(const struct train_view *tv, const struct fm_choice *choice,
                          bool with_fields, const char *path, struct fm_rows_count *out,
                          akin_error *err);

#endif
