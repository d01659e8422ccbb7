/*
 * The job `retrain`: a copy of the store, merged with the base; the gate; a training on all of it;
 * a new generation. The generation that serves is touched by the last step only.
 *
 * Cost: that of the children, beside which the server answers (they are nice); twice the size of
 * the store and the datasets on disk for the time of the job.
 */
#include "core/json.h"
#include "live/jobs_impl.h"
#include "live/retrain_gate.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Keys of prepare that say what is kept; the others say how raw files are read. */
static const char *const cleaning[] = {"duplicates",      "value_range",     "min_user_events",
                                       "min_item_events", "max_user_events", "max_user_rate",
                                       "max_ids",         "event_types",     "context"};

void retrain_args(struct retraining *x, struct job_args *a, const char *command)
{
    const struct retrain_params *p = &x->t->p;
    job_args_init(a, x->r->arena);
    job_arg(a, "%s", x->r->jobs->program);
    job_arg(a, "%s", command);
    job_arg(a, "--threads=%lld", (long long)p->threads);
    if (p->memory)
        job_arg(a, "--memory=%lld", (long long)p->memory);
    job_arg(a, "--seed=%lld", (long long)json_int(x->card, "seed", 42));
}

const char *retrain_work(struct retraining *x, const char *name)
{
    size_t size = strlen(x->r->work) + strlen(name) + 2;
    char *out = arena_alloc(x->r->arena, (int64_t)size, 1, NULL);
    if (!out)
        return "";
    snprintf(out, size, "%s/%s", x->r->work, name);
    return out;
}

akin_status retrain_recipe(struct job_args *a, const struct recipe *recipe, akin_error *err)
{
    job_option(a, "model", recipe->type);
    return job_options(a, recipe->params, true, err);
}

/* ---- What serves, and what shall be trained ---- */

static akin_status read_served(struct retraining *x, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct generation *g = NULL;
    AKIN_TRY(generation_get(x->r->l, x->model, &g, err));
    x->generation = g->id;
    x->now = g->m->now;
    x->loaded = g->loaded;
    x->card = json_deep_copy(g->m->card);
    x->path = arena_strndup(x->r->arena, g->path, strlen(g->path), err);
    if (!x->card || !x->path)
        AKIN_FAIL(AKIN_E_MEMORY, "retrain: out of memory");
    x->served.type = g->m->cls->name; /* static */
    x->served.params = json_deep_copy(json_object_get(x->card, "params"));
    x->feedback = json_deep_copy(json_object_get(x->card, "feedback"));
    json_object_del(x->feedback, "now");
    /* what early stopping found need not be looked for again */
    const json_t *early = json_object_get(json_object_get(x->card, "train"), "early");
    if (early && x->served.params)
        json_object_set_new(x->served.params, "epochs", json_integer(json_int(early, "epoch", 1)));
done:
    generation_put(x->r->l, g);
    return status;
}

/* The same recipe with what the configuration says over it; another type begins from nothing. */
static akin_status make_candidate(struct retraining *x, akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *over = json_object_get(x->t->p.candidates, x->model);
    const char *type = json_text(over, "type", x->served.type);
    bool is_same_type = strcmp(type, x->served.type) == 0;
    x->candidate.type = type;
    x->candidate.params = is_same_type ? json_deep_copy(x->served.params) : json_object();
    if (!x->candidate.params || (over && json_object_update(x->candidate.params, over) != 0))
        AKIN_FAIL(AKIN_E_MEMORY, "retrain: out of memory");
    json_object_del(x->candidate.params, "type");
done:
    return status;
}

/* ---- Data ---- */

/* How the base was cleaned, from its card. */
static akin_status base_options(struct retraining *x, json_t **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = NULL;
    struct dataset *base = NULL;
    *out = json_object();
    if (strcmp(x->t->p.base, "none") != 0) {
        AKIN_TRY(ctx_create(1, 0, 0, &ctx, err));
        ctx->kern = x->r->l->ctx->kern;
        AKIN_TRY(dataset_load(ctx, x->t->p.base, &base, err));
        const json_t *options = json_object_get(base->card, "options");
        for (size_t i = 0; i < sizeof cleaning / sizeof *cleaning; i++) {
            json_t *value = json_object_get(options, cleaning[i]);
            if (value)
                json_object_set(*out, cleaning[i], value);
        }
    }
    if (!*out || (x->t->p.prepare && json_object_update(*out, x->t->p.prepare) != 0))
        AKIN_FAIL(AKIN_E_MEMORY, "retrain: out of memory");
done:
    dataset_free(base);
    ctx_free(ctx);
    return status;
}

static akin_status merge(struct retraining *x, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct job_args a;
    json_t *options = NULL, *answer = NULL;
    const char *store = retrain_work(x, "store.db");
    AKIN_TRY(job_stage(x->r, "copy", 0, .05, err));
    AKIN_TRY(store_backup(x->r->l->store, store, err));
    AKIN_TRY(job_stage(x->r, "prepare", .05, .2, err));
    AKIN_TRY(base_options(x, &options, err));
    retrain_args(x, &a, "prepare");
    if (strcmp(x->t->p.base, "none") != 0)
        job_arg(&a, "%s", x->t->p.base);
    job_arg(&a, "sqlite:%s", store);
    AKIN_TRY(job_options(&a, options, false, err));
    job_option(&a, "output", retrain_work(x, "all.akin"));
    AKIN_TRY(job_child(x->r, &a, &answer, err));
    unlink(store);
done:
    json_decref(options);
    json_decref(answer);
    return status;
}

/* ---- The new generation ---- */

static akin_status train_all(struct retraining *x, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct job_args a;
    AKIN_TRY(job_stage(x->r, "train", .6, .95, err));
    retrain_args(x, &a, "train");
    job_arg(&a, "%s", retrain_work(x, "all.akin"));
    AKIN_TRY(retrain_recipe(&a, &x->candidate, err));
    AKIN_TRY(job_options(&a, x->feedback, false, err));
    job_option(&a, "output", retrain_work(x, "model.akin"));
    AKIN_TRY(job_child(x->r, &a, NULL, err));
done:
    return status;
}

static akin_status promote(struct retraining *x, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct live *l = x->r->l;
    struct generation *g = NULL;
    char path[PATH_MAX];
    bool is_there = false;
    AKIN_TRY(job_stage(x->r, "load", .95, 1, err));
    AKIN_TRY(retrain_keep(x->t, retrain_work(x, "model.akin"), "", x->model, "akin", path, err));
    is_there = true;
    AKIN_TRY(live_model_load(l, x->model, path, err));
    is_there = false;
    l->retrain->n_promoted++;
    json_object_set_new(x->result, "artifact", json_string(path));
    if (generation_get(l, x->model, &g, NULL) == AKIN_OK) {
        json_object_set_new(x->result, "generation", json_integer(g->id));
        json_object_set_new(x->result, "watermark", json_integer(g->m->watermark));
        generation_put(l, g);
    }
    AKIN_TRY(retrain_prune(l, "", x->model, "akin", err));
done:
    if (is_there)
        unlink(path);
    return status;
}

/* ---- The job ---- */

static akin_status retrain_check(struct live *l, const char *model, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (!l->store)
        AKIN_FAIL(AKIN_E_UNSUPPORTED, "retrain: there is no store whose events could be learnt "
                                      "(store: {url: sqlite:akin.db})");
    if (!l->retrain->p.base)
        AKIN_FAIL(AKIN_E_UNSUPPORTED, "retrain: serve: retrain: base is missing: the dataset file "
                                      "that the model came from (none: the store alone)");
    AKIN_TRY(retrain_name_check("retrain", model, err));
done:
    return status;
}

static akin_status retrain_run(struct job_run *r, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct retraining x = {.r = r, .t = r->l->retrain, .model = r->job->model};
    AKIN_TRY(retrain_check(r->l, x.model, err));
    AKIN_TRY(read_served(&x, err));
    AKIN_TRY(make_candidate(&x, err));
    AKIN_TRY(merge(&x, err));
    AKIN_TRY(job_stage(r, "split", .2, .25, err));
    AKIN_TRY(gate_split(&x, err));
    AKIN_TRY(job_stage(r, "evaluate", .25, .6, err));
    AKIN_TRY(gate_compare(&x, err));
    json_object_set_new(x.result, "over", json_integer(x.generation));
    if (x.is_better) {
        AKIN_TRY(train_all(&x, err));
        AKIN_TRY(promote(&x, err));
    } else {
        r->l->retrain->n_refused++;
    }
    r->result = x.result;
    x.result = NULL;
done:
    json_decref(x.card);
    json_decref(x.served.params);
    json_decref(x.candidate.params);
    json_decref(x.feedback);
    json_decref(x.result);
    return status;
}

const struct job_kind job_retrain = {"retrain", retrain_check, retrain_run};
