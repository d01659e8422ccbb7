/* The result of a search as JSON: the best setting, all trials, what they were tried for. */
#include "tune/study.h"

#include <stdio.h>
#include <string.h>

/* No other trial of the rung is at least as good in every metric and better in one. */
static bool is_on_front(const struct tune_study *s, const struct tune_trial *t)
{
    if (!trial_is_feasible(t))
        return false;
    for (int64_t i = 0; i < s->n_trials; i++) {
        const struct tune_trial *o = s->trials[i];
        bool is_worse = false, is_better = false;
        if (o == t || o->rung != t->rung || !trial_is_feasible(o))
            continue;
        for (int32_t m = 0; m < s->goal.n_metrics; m++) {
            double gain = (o->values[m] - t->values[m]) * metric_direction(&s->goal.metrics[m]);
            is_better = is_better || gain > 0;
            is_worse = is_worse || gain < 0;
        }
        if (is_better && !is_worse)
            return false;
    }
    return true;
}

static json_t *trial_json(const struct tune_study *s, const struct tune_trial *t)
{
    const struct tune_family *f = &s->families[t->family];
    json_t *out =
        json_pack("{s:i, s:i, s:i, s:f, s:s, s:s, s:O}", "trial", t->number, "round", t->round,
                  "rung", t->rung, "share", t->share, "model", f->cls->name, "state",
                  t->state == TRIAL_DONE ? "done" : "failed", "params", t->params);
    bool ok = out != NULL;
    if (ok && t->state == TRIAL_DONE) {
        ok = json_object_set_new(out, "metrics", trial_metrics(s, t)) == 0 &&
             json_object_set_new(out, "feasible", json_boolean(trial_is_feasible(t))) == 0 &&
             json_object_set_new(out, "front", json_boolean(is_on_front(s, t))) == 0;
        if (ok && t->violation > 0)
            ok = json_object_set_new(out, "violation", json_real(t->violation)) == 0;
    } else if (ok) {
        ok = json_object_set_new(out, "error", json_string(t->error)) == 0;
    }
    ok = ok &&
         json_object_set_new(out, "predicted_seconds", json_real(t->cost.core_seconds)) == 0 &&
         json_object_set_new(out, "predicted_bytes", json_real(t->cost.bytes)) == 0 &&
         json_object_set_new(out, "seconds", json_real(t->seconds)) == 0 &&
         json_object_set_new(out, "peak_bytes", json_integer(t->peak_bytes)) == 0;
    if (!ok) {
        json_decref(out);
        out = NULL;
    }
    return out;
}

/* The best trial with what train needs beside: the feedback rule that was searched under. */
static json_t *best_json(const struct tune_study *s, const struct tune_trial *t)
{
    json_t *out = trial_json(s, t);
    json_t *feedback = s->opt->feedback ? json_deep_copy(s->opt->feedback) : json_object();
    if (!out || json_object_set_new(out, "feedback", feedback) != 0) {
        json_decref(out);
        return NULL;
    }
    return out;
}

/* A search without a setting to recommend ends with words about the nearest. */
static akin_status check_best(const struct tune_study *s, const struct tune_trial *best,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    if (!best)
        AKIN_FAIL(AKIN_E_ARG, "tune: the budget is too small for one trial");
    if (best->state != TRIAL_DONE)
        AKIN_FAIL(AKIN_E_INPUT, "tune: all %d trials failed; trial %d: %.120s", s->n_settings,
                  best->number, best->error);
    for (int32_t i = 0; i < s->goal.n_constraints && best->violation > 0; i++) {
        const struct goal_constraint *c = &s->goal.constraints[i];
        double value = best->values[c->metric];
        if (c->is_most ? value > c->bound : value < c->bound)
            AKIN_FAIL(AKIN_E_INPUT,
                      "tune: no trial meets the constraints; the nearest (trial %d) has %s %.4g, "
                      "not %.60s: loosen it, or search longer",
                      best->number, s->goal.metrics[c->metric].name, value, c->text);
    }
done:
    return status;
}

static json_t *metrics_json(const struct tune_study *s)
{
    json_t *out = json_array();
    for (int32_t i = 0; out && i < s->goal.n_metrics; i++) {
        const struct metric_spec *m = &s->goal.metrics[i];
        if (json_array_append_new(out, json_pack("{s:s, s:s, s:i}", "name", m->name, "definition",
                                                 m->definition, "direction",
                                                 metric_direction(m))) != 0) {
            json_decref(out);
            out = NULL;
        }
    }
    return out;
}

static json_t *constraints_json(const struct tune_study *s)
{
    json_t *out = json_array();
    for (int32_t i = 0; out && i < s->goal.n_constraints; i++)
        if (json_array_append_new(out, json_string(s->goal.constraints[i].text)) != 0) {
            json_decref(out);
            out = NULL;
        }
    return out;
}

static json_t *trials_json(const struct tune_study *s)
{
    json_t *out = json_array();
    for (int64_t i = 0; out && i < s->n_trials; i++)
        if (json_array_append_new(out, trial_json(s, s->trials[i])) != 0) {
            json_decref(out);
            out = NULL;
        }
    return out;
}

/* Of each model: its space, whether it went on to the last round, what mattered. */
static json_t *families_json(const struct tune_study *s)
{
    json_t *out = json_array();
    for (int32_t f = 0; out && f < s->n_families; f++) {
        json_t *row =
            json_pack("{s:s, s:b, s:o, s:o}", "model", s->families[f].cls->name, "last_round",
                      s->families[f].is_alive, "space", space_json(&s->families[f].space),
                      "importance", importance_json(s, f));
        if (json_array_append_new(out, row) != 0) {
            json_decref(out);
            out = NULL;
        }
    }
    return out;
}

akin_status study_result(const struct tune_study *s, json_t **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    char search[16];
    const struct tune_trial *best = plan_best(s);
    int32_t n_failed = 0;
    AKIN_TRY(check_best(s, best, err));
    param_choice_text(TUNE_SEARCHES, s->opt->search, search, sizeof search);
    for (int64_t i = 0; i < s->n_trials; i++)
        n_failed += s->trials[i]->state == TRIAL_FAILED;
    *out = json_pack("{s:o, s:s, s:s, s:o, s:o, s:f, s:i, s:i, s:i, s:f, s:o, s:o}", "best",
                     best_json(s, best), "search", search, "validation", s->validation, "metrics",
                     metrics_json(s), "constraints", constraints_json(s), "sample", s->opt->sample,
                     "settings", s->n_settings, "failed", n_failed, "resumed", s->n_resumed,
                     "predicted_seconds", s->spent, "models", families_json(s), "trials",
                     trials_json(s));
    if (!*out)
        AKIN_FAIL(AKIN_E_MEMORY, "tune: out of memory for the result");
done:
    return status;
}
