/*
 * The validation part of training data: what early stopping and the tuner measure on, so that a
 * test is never looked at. Cost: a split.
 */
#include "train/train.h"

#include "core/json.h"
#include "data/split.h"

/* How the data was split, or by time, or at random; k folds become a share of 1/k. */
static akin_status validation_split(const struct dataset *ds, const char *text,
                                    struct split_spec *spec, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (!text)
        text = json_text(json_object_get(ds->card, "split"), "by", NULL);
    if (!text)
        text = ds->time_kind == TIME_NONE ? "ratio:0.1" : "time:0.1";
    AKIN_TRY(split_parse(text, spec, err));
    if (spec->kind == SPLIT_KFOLD)
        *spec = (struct split_spec){.kind = SPLIT_RATIO, .share = 1.0 / (double)spec->n};
done:
    return status;
}

akin_status train_carve(const struct dataset *ds, const char *text, struct dataset **train,
                        struct dataset **valid, char by[TRAIN_SPLIT_TEXT], akin_error *err)
{
    akin_status status = AKIN_OK;
    struct split_spec spec;
    AKIN_TRY(validation_split(ds, text, &spec, err));
    AKIN_TRY(dataset_split(ds, &spec, train, valid, err));
    split_text(&spec, by, TRAIN_SPLIT_TEXT);
done:
    return status;
}
