/* What the files of popular share. */
#ifndef AKIN_MODELS_POPULAR_IMPL_H
#define AKIN_MODELS_POPULAR_IMPL_H

#include "models/model.h"

enum popular_method { COUNT, DAMPED_MEAN, DECAYED, TRENDING, COLUMNS };

struct popular_params {
    int64_t method;
    double damping;
    double half_life_days;
    double window_days;
    double baseline_days;
    const char *mean_column;
    const char *count_column;
    const char *segment;
};

struct popular {
    const struct model *owner;
    int32_t n_items;
    const float *global; /* (n_items) */
    const float *base;   /* (n_items) a segment's score of items it has no event on; NULL = none */
    struct strtab names; /* segments */
    const int64_t *ptr;  /* (names.n + 1) into item, score */
    const int32_t *item; /* ascending within a segment */
    const float *score;
    int32_t *user_segment; /* (n_users) -1 = none; owned */
};

akin_status popular_fit(struct model *m, const struct train_view *tv, const struct fit_control *ctl,
                        akin_error *err);
/* self->names from the column `segment` of the user table. Fails: E_ARG (no such column), E_INPUT
 * (too many values). */
akin_status popular_segment_names(struct model *m, struct popular *self, akin_error *err);
/* self->user_segment from the user table, whose column must exist; names are there. */
akin_status popular_map_users(struct model *m, struct popular *self, akin_error *err);

#endif
