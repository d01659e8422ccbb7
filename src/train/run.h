/* One training while it runs; shared by the files of train/ only. */
#ifndef AKIN_TRAIN_RUN_H
#define AKIN_TRAIN_RUN_H

#include "train/train.h"

struct train_run {
    akin_ctx *ctx;
    const struct train_options *opt;
    const struct model_class *cls;
    json_t *params;        /* owned: the model's own keys */
    json_t *feedback_keys; /* owned */
    struct arena arena;
    struct feedback_params feedback;
    json_t *loss;   /* owned: per epoch of the last fit */
    json_t *early;  /* owned: what early stopping found, or NULL */
    int64_t epochs; /* of the last fit */
    int64_t kept;   /* the epoch in the checkpoint, 0 = none */
};

/* checkpoint.c: whether options go together; the state to go on from, NULL = none; whether it is
 * one of m's fit on tv, with its losses then; the file of an epoch; what a failure leaves, added to
 * its message. */
akin_status checkpoint_check(const struct train_run *run, akin_error *err);
akin_status checkpoint_open(struct train_run *run, struct model **out, akin_error *err);
akin_status checkpoint_join(struct train_run *run, const struct model *m,
                            const struct train_view *tv, const struct model *resume,
                            akin_error *err);
akin_status checkpoint_keep(struct train_run *run, struct model *m, akin_error *err);
void checkpoint_tell(const struct train_run *run, akin_error *err);
/* A fitted model on ds; control as model_fit. */
akin_status run_fit(struct train_run *run, const struct dataset *ds, struct fit_control *ctl,
                    struct model **out, akin_error *err);
/* early.c: the number of epochs that the validation part of ds prefers. */
akin_status early_find(struct train_run *run, const struct dataset *ds, int64_t *epochs,
                       akin_error *err);
/* parts.c: the same for each part of a composite that has epochs; run->params and run->early say
 * what was found. */
akin_status early_parts(struct train_run *run, const struct dataset *ds, akin_error *err);
/* Keeps the loss of an epoch for the card and the log. */
akin_status run_note(struct train_run *run, int64_t epoch, double loss, akin_error *err);

#endif
