/*
 * Training of any model: parameters are told apart, the feedback rule and the view are made, the
 * class fits, the card says how it went.
 *
 * Cost: that of the model, and one view (weights, the matrix both ways). Deliberately not here:
 * fitting the parts of composites (models/parts.c).
 */
#include "train/run.h"

#include "core/json.h"

#include <math.h>
#include <string.h>

/* Feedback keys of params (first) and of feedback; the rest of params is the model's. */
static akin_status split_params(struct train_run *run, akin_error *err)
{
    akin_status status = AKIN_OK;
    const json_t *given[2] = {run->opt->feedback, run->opt->params};
    run->params = json_object();
    run->feedback_keys = json_object();
    bool ok = run->params && run->feedback_keys;
    for (int g = 0; g < 2; g++) {
        const char *key;
        json_t *value;
        if (given[g] && !json_is_object(given[g]))
            AKIN_FAIL(AKIN_E_ARG, "%s: parameters must be an object of key: value", run->cls->name);
        void *iter = json_object_iter((json_t *)(uintptr_t)given[g]);
        for (; iter; iter = json_object_iter_next((json_t *)(uintptr_t)given[g], iter)) {
            key = json_object_iter_key(iter);
            value = json_object_iter_value(iter);
            bool is_rule = param_find(feedback_param_rows, feedback_n_params, key) != NULL;
            json_t *to = is_rule || g == 0 ? run->feedback_keys : run->params;
            ok = ok && json_object_set(to, key, value) == 0;
        }
    }
    if (!ok)
        AKIN_FAIL(AKIN_E_MEMORY, "%s: out of memory for parameters", run->cls->name);
    AKIN_TRY(param_parse("feedback", feedback_param_rows, feedback_n_params, run->feedback_keys,
                         &run->arena, &run->feedback, err));
done:
    return status;
}

akin_status run_note(struct train_run *run, int64_t epoch, double loss, akin_error *err)
{
    akin_status status = AKIN_OK;
    run->epochs = epoch;
    progress_add(run->ctx, 1);
    if (!isfinite(loss))
        return AKIN_OK;
    log_write(run->ctx, AKIN_LOG_DEBUG, "%s: epoch %lld, loss %.9g", run->cls->name,
              (long long)epoch, loss);
    if (json_array_append_new(run->loss, json_real(loss)) != 0)
        AKIN_FAIL(AKIN_E_MEMORY, "%s: out of memory for the losses", run->cls->name);
done:
    return status;
}

/* The `epochs` parameter, for progress; 0 if the class has none. */
static int64_t planned_epochs(const struct model *m)
{
    const akin_param *row = param_find(m->cls->params, m->cls->n_params, "epochs");
    int64_t epochs = 0;
    if (row && row->type == AKIN_PARAM_INT)
        memcpy(&epochs, (const char *)m->params + row->offset, sizeof epochs);
    return epochs;
}

akin_status run_fit(struct train_run *run, const struct dataset *ds, struct fit_control *ctl,
                    struct model **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct feedback *f = NULL;
    struct train_view tv = {0};
    struct model *m = NULL;
    bool is_open = false;
    run->epochs = 0;
    json_decref(run->loss);
    run->loss = json_array();
    if (!run->loss)
        AKIN_FAIL(AKIN_E_MEMORY, "%s: out of memory", run->cls->name);
    AKIN_TRY(model_create(run->ctx, run->cls, run->params, &m, err));
    AKIN_TRY(feedback_create(run->ctx, &run->feedback, &ds->types, dataset_newest(ds), &f, err));
    AKIN_TRY(train_view_build(run->ctx, ds, f, NULL, &tv, err));
    if (run->cls->flags & MODEL_EPOCHS) {
        progress_begin(run->ctx, run->cls->name, planned_epochs(m));
        is_open = true;
    }
    AKIN_TRY(checkpoint_join(run, m, &tv, ctl->resume, err));
    AKIN_TRY(model_fit(m, &tv, ctl, err));
    *out = m;
    m = NULL;
done:
    if (is_open)
        progress_end(run->ctx);
    model_free(m);
    train_view_free(&tv);
    feedback_free(f);
    return status;
}

/* The final fit: stops at the number of epochs that was found, if any. */
struct final_fit {
    struct train_run *run;
    int64_t epochs; /* 0 = as the model says */
};

static akin_status final_epoch(void *arg, struct model *m, int64_t epoch, double loss, bool *stop,
                               akin_error *err)
{
    struct final_fit *fit = arg;
    if (fit->epochs > 0 && epoch >= fit->epochs)
        *stop = true;
    akin_status status = AKIN_OK;
    AKIN_TRY(run_note(fit->run, epoch, loss, err));
    if (fit->run->opt->checkpoint)
        AKIN_TRY(checkpoint_keep(fit->run, m, err));
done:
    return status;
}

static akin_status final_model(struct train_run *run, const struct dataset *ds, int64_t epochs,
                               struct model **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct model *warm = run->opt->warm;
    struct final_fit fit = {run, epochs};
    struct fit_control ctl = {.arg = &fit};
    struct model *resume = NULL;
    int32_t *users = NULL, *items = NULL;
    if (run->cls->flags & MODEL_EPOCHS)
        ctl.epoch = final_epoch;
    if (warm) {
        MEM_NEW(run->ctx, users, ds->users.n);
        MEM_NEW(run->ctx, items, ds->items.n);
        AKIN_TRY(ids_map(run->ctx, &ds->users, &warm->users, users, err));
        AKIN_TRY(ids_map(run->ctx, &ds->items, &warm->items, items, err));
        ctl.warm = warm;
        ctl.warm_user = users;
        ctl.warm_item = items;
    }
    AKIN_TRY(checkpoint_open(run, &resume, err));
    ctl.resume = resume;
    AKIN_TRY(run_fit(run, ds, &ctl, out, err));
done:
    model_free(resume);
    mem_free(run->ctx, users);
    mem_free(run->ctx, items);
    return status;
}

static akin_status card_fill(struct train_run *run, struct model *m, double seconds,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *train = json_pack("{s:f, s:I}", "seconds", seconds, "peak_bytes",
                              (json_int_t)mem_peak(run->ctx->mem));
    if (!m->card)
        m->card = json_object();
    bool ok = train && m->card;
    if (ok && run->epochs > 0)
        ok = json_object_set_new(train, "epochs", json_integer(run->epochs)) == 0;
    if (ok && json_array_size(run->loss) > 0)
        ok = json_object_set(train, "loss", run->loss) == 0;
    if (ok && run->early)
        ok = json_object_set(train, "early", run->early) == 0;
    if (ok && run->opt->warm)
        ok = json_object_set_new(train, "warm", json_true()) == 0;
    ok = ok && json_object_set(m->card, "train", train) == 0 &&
         json_object_set_new(m->card, "feedback", feedback_to_json(m->feedback)) == 0 &&
         json_object_set_new(m->card, "time", json_integer(run->opt->now_unix)) == 0;
    json_decref(train);
    if (!ok)
        AKIN_FAIL(AKIN_E_MEMORY, "%s: out of memory for the card", run->cls->name);
done:
    return status;
}

static akin_status check_options(const struct train_run *run, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct train_options *opt = run->opt;
    const char *name = run->cls->name;
    if (opt->warm && opt->warm->cls != run->cls)
        AKIN_FAIL(AKIN_E_ARG, "%s: cannot start from a model of type %s", name,
                  opt->warm->cls->name);
    if (!opt->early_metric)
        return AKIN_OK;
    if (!(run->cls->flags & (MODEL_EPOCHS | MODEL_COMPOSITE)))
        AKIN_FAIL(AKIN_E_ARG, "%s: early_metric=%s, but the model has no epochs to stop", name,
                  opt->early_metric);
    if (opt->early_patience < 1)
        AKIN_FAIL(AKIN_E_ARG, "%s: early_patience=%lld (must be at least 1)", name,
                  (long long)opt->early_patience);
    if (opt->warm)
        AKIN_FAIL(AKIN_E_ARG,
                  "%s: early stopping and a warm start exclude one another (the "
                  "earlier model may have seen the validation events)",
                  name);
done:
    return status;
}

akin_status train_model(akin_ctx *ctx, const struct dataset *ds, const struct train_options *opt,
                        struct model **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct train_run run = {.ctx = ctx, .opt = opt, .cls = opt->cls};
    struct model *m = NULL;
    int64_t epochs = 0, start = clock_ns();
    arena_init(&run.arena, ctx);
    if (!run.cls)
        AKIN_TRY(model_class_get(opt->model, &run.cls, err));
    AKIN_TRY(check_options(&run, err));
    AKIN_TRY(checkpoint_check(&run, err));
    AKIN_TRY(split_params(&run, err));
    if (ds->n_events == 0)
        AKIN_FAIL(AKIN_E_INPUT, "%s: the training data has no events", run.cls->name);
    if (opt->early_metric && (run.cls->flags & MODEL_COMPOSITE))
        AKIN_TRY(early_parts(&run, ds, err));
    else if (opt->early_metric)
        AKIN_TRY(early_find(&run, ds, &epochs, err));
    AKIN_TRY(final_model(&run, ds, epochs, &m, err));
    AKIN_TRY(card_fill(&run, m, (double)(clock_ns() - start) * 1e-9, err));
    *out = m;
    m = NULL;
done:
    if (status != AKIN_OK)
        checkpoint_tell(&run, err);
    model_free(m);
    json_decref(run.params);
    json_decref(run.feedback_keys);
    json_decref(run.loss);
    json_decref(run.early);
    arena_free(&run.arena);
    return status;
}
