/*
 * Checkpoints: the model file of the last good epoch, written whole after each one, with what the
 * next epochs need. It is a model like another; training goes on from it with the same bits.
 *
 * What it must agree with stands in its card, which is made before the first epoch: class,
 * parameters (but the number of epochs), feedback, seed, data, version. Cost: a file an epoch.
 */
#include "train/run.h"

#include "core/buf.h"
#include "core/file.h"
#include "core/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

akin_status checkpoint_check(const struct train_run *run, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct train_options *opt = run->opt;
    if (opt->resume && !opt->checkpoint)
        AKIN_FAIL(AKIN_E_ARG, "%s: resume needs a checkpoint to go on from", run->cls->name);
    if (!opt->checkpoint)
        goto done;
    if (!(run->cls->flags & MODEL_CHECKPOINTS))
        AKIN_FAIL(AKIN_E_ARG, "%s: makes no checkpoints (networks do)", run->cls->name);
    if (opt->early_metric)
        AKIN_FAIL(AKIN_E_ARG, "%s: early stopping and a checkpoint exclude one another",
                  run->cls->name);
    if (!opt->resume && file_exists(opt->checkpoint))
        AKIN_FAIL(AKIN_E_ARG, "%s: checkpoint %.80s is there already (resume goes on from it)",
                  run->cls->name, opt->checkpoint);
done:
    return status;
}

akin_status checkpoint_open(struct train_run *run, struct model **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    *out = NULL;
    if (!run->opt->resume)
        goto done;
    if (!file_exists(run->opt->checkpoint)) {
        log_write(run->ctx, AKIN_LOG_INFO, "%s: no checkpoint yet: from the start",
                  run->opt->checkpoint);
        goto done;
    }
    AKIN_TRY(model_load_as(run->ctx, run->opt->checkpoint, run->cls, out, err));
done:
    return status;
}

/* The same as text: a number is the same whether it was read or made. NULL is none. */
static bool same_json(akin_ctx *ctx, const json_t *a, const json_t *b)
{
    struct buf x, y;
    buf_init(&x, ctx);
    buf_init(&y, ctx);
    bool ok = a && b && json_write(a, &x, NULL) == AKIN_OK && json_write(b, &y, NULL) == AKIN_OK &&
              !x.failed && !y.failed && x.size == y.size &&
              memcmp(x.data, y.data, (size_t)x.size) == 0;
    buf_free(&x);
    buf_free(&y);
    return ok;
}

static bool same_params(const struct model *m, const json_t *theirs)
{
    json_t *a = param_dump(m->cls->params, m->cls->n_params, m->params);
    json_t *b = json_copy((json_t *)(uintptr_t)theirs);
    (void)json_object_del(a, "epochs");
    (void)json_object_del(b, "epochs");
    bool ok = same_json(m->ctx, a, b);
    json_decref(a);
    json_decref(b);
    return ok;
}

static bool same_rule(const struct train_view *tv, akin_ctx *ctx, const json_t *theirs)
{
    json_t *ours = feedback_to_json(tv->feedback);
    bool ok = same_json(ctx, ours, theirs);
    json_decref(ours);
    return ok;
}

/* Names what differs; NULL = nothing. */
static const char *difference(const struct model *m, const struct train_view *tv,
                              const struct model *old)
{
    char sum[17];
    const json_t *card = old->card;
    const char *data =
        json_string_value(json_object_get(json_object_get(card, "data"), "fingerprint"));
    const char *version = json_string_value(json_object_get(card, "akin"));
    snprintf(sum, sizeof sum, "%016" PRIx64, dataset_fingerprint(tv->ds));
    if (!data || strcmp(data, sum) != 0)
        return "data";
    if (!same_params(m, json_object_get(card, "params")))
        return "parameters";
    if (!same_rule(tv, m->ctx, json_object_get(card, "feedback")))
        return "feedback";
    if ((uint64_t)json_integer_value(json_object_get(card, "seed")) != tv->seed)
        return "seed";
    return !version || strcmp(version, AKIN_VERSION) != 0 ? "version of akin" : NULL;
}

akin_status checkpoint_join(struct train_run *run, const struct model *m,
                            const struct train_view *tv, const struct model *resume,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    if (!resume)
        return AKIN_OK;
    const char *what = difference(m, tv, resume);
    if (what)
        AKIN_FAIL(AKIN_E_ARG, "%s: checkpoint %.80s is of another training (other %s)",
                  run->cls->name, run->opt->checkpoint, what);
    const json_t *train = json_object_get(resume->card, "train");
    const json_t *loss = json_object_get(train, "loss");
    run->epochs = run->kept = json_integer_value(json_object_get(train, "epochs"));
    if (json_is_array(loss) && json_array_extend(run->loss, (json_t *)(uintptr_t)loss) != 0)
        AKIN_FAIL(AKIN_E_MEMORY, "%s: out of memory for the losses", run->cls->name);
    progress_add(run->ctx, run->epochs);
    log_write(run->ctx, AKIN_LOG_INFO, "%s: goes on after epoch %lld of %s", run->cls->name,
              (long long)run->epochs, run->opt->checkpoint);
done:
    return status;
}

akin_status checkpoint_keep(struct train_run *run, struct model *m, akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *loss = json_copy(run->loss);
    json_t *train = json_pack("{s:I, s:o}", "epochs", (json_int_t)run->epochs, "loss",
                              loss ? loss : json_null());
    bool ok = loss && train && json_object_set(m->card, "train", train) == 0 &&
              json_object_set_new(m->card, "feedback", feedback_to_json(m->feedback)) == 0 &&
              json_object_set_new(m->card, "time", json_integer(run->opt->now_unix)) == 0;
    json_decref(train);
    if (!ok)
        AKIN_FAIL(AKIN_E_MEMORY, "%s: out of memory for the card", run->cls->name);
    AKIN_TRY(model_save(m, run->opt->checkpoint, err));
    run->kept = run->epochs;
done:
    return status;
}

void checkpoint_tell(const struct train_run *run, akin_error *err)
{
    if (!err || !run->cls || !(run->cls->flags & MODEL_CHECKPOINTS) || run->epochs < 1)
        return;
    size_t used = strlen(err->message);
    if (run->kept > 0)
        snprintf(err->message + used, sizeof err->message - used, "; epoch %lld is kept in %s",
                 (long long)run->kept, run->opt->checkpoint);
    else if (run->opt->checkpoint == NULL)
        snprintf(err->message + used, sizeof err->message - used,
                 "; --checkpoint FILE keeps the last good epoch");
}
