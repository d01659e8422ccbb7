/*
 * The validation part of training data: what early stopping and the tuner measure on, so that a
 * test is never looked at. Cost: a split.
 */
#include "train/train.h"

#include "data/split.h"

akin_status train_carve(const struct dataset *ds, const char *text, struct dataset **train,
                        struct dataset **valid, char by[TRAIN_SPLIT_TEXT], akin_error *err)
{
    akin_status status = AKIN_OK;
    struct split_spec spec;
    AKIN_TRY(split_inner(ds, text, &spec, err));
    AKIN_TRY(dataset_split(ds, &spec, train, valid, err));
    split_text(&spec, by, TRAIN_SPLIT_TEXT);
done:
    return status;
}
