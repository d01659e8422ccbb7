/* Inside of splits: each kind marks the events of the test side. */
#ifndef AKIN_DATA_SPLIT_KINDS_H
#define AKIN_DATA_SPLIT_KINDS_H

#include "data/split.h"

/* is_test (n_events, zeroed by the caller) gets 1 for test events; role (zeroed), too. */
struct split_marks {
    uint8_t *is_test;
    uint8_t *role;    /* NULL unless the kind says what is given: users, sessions */
    int64_t cut_time; /* time: first instant of test */
};

akin_status split_mark_time(const struct dataset *ds, const struct split_spec *spec,
                            struct split_marks *out, akin_error *err);
akin_status split_mark_leave_last(const struct dataset *ds, const struct split_spec *spec,
                                  struct split_marks *out, akin_error *err);
akin_status split_mark_ratio(const struct dataset *ds, const struct split_spec *spec,
                             struct split_marks *out, akin_error *err);
akin_status split_mark_users(const struct dataset *ds, const struct split_spec *spec,
                             struct split_marks *out, akin_error *err);
akin_status split_mark_sessions(const struct dataset *ds, const struct split_spec *spec,
                                struct split_marks *out, akin_error *err);
akin_status split_mark_kfold(const struct dataset *ds, const struct split_spec *spec,
                             struct split_marks *out, akin_error *err);

/* floor(share · n), not one less for a product such as 0.29 · 100 = 28.999…6. */
int64_t split_floor(double share, int64_t n);

#endif
