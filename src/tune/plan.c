/*
 * Which trials come next: a pure function of the results so far.
 *
 * Proposals: each family that is alive proposes generations, the first setting being its defaults,
 * then random ones, then (search tpe, halving) what the estimator likes of several draws. Within a
 * generation the earlier proposals count as tried and found poor, so that the later ones keep off.
 * Rounds: with several models, the better half of them goes on to a round of twice the share.
 * Rungs: with halving, all settings are tried at a small share of the training; of each rung the
 * best 1 / eta goes on to eta times the share (Jamieson, Talwalkar 2016, arXiv:1502.07943).
 */
#include "tune/study.h"

#include "kern/math.h"
#include "tune/tpe.h"

#include <math.h>
#include <string.h>

enum { PLAN_DRAWS = 48, PLAN_TRIES = 64, PLAN_LEAST_TRIED = 4 };

bool trial_is_better(const struct tune_study *s, const struct tune_trial *a,
                     const struct tune_trial *b)
{
    int class_a = a->state != TRIAL_DONE ? 2 : a->violation > 0;
    int class_b = b->state != TRIAL_DONE ? 2 : b->violation > 0;
    if (class_a != class_b)
        return class_a < class_b;
    double gain = class_a == 0   ? (a->values[0] - b->values[0]) * s->goal.direction
                  : class_a == 1 ? b->violation - a->violation
                                 : 0;
    return gain > 0 || (!(gain < 0) && a->number < b->number);
}

static akin_status add_trial(struct tune_study *s, const struct tune_trial *from,
                             struct tune_trial **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct tune_trial *t = arena_alloc(&s->arena, 1, sizeof *t, err);
    if (!t)
        AKIN_TRY(AKIN_E_MEMORY);
    *t = *from;
    MEM_GROW(s->ctx, s->trials, s->cap_trials, s->n_trials + 1);
    s->trials[s->n_trials++] = t;
    *out = t;
done:
    return status;
}

static double share_of_rung(const struct tune_study *s, int32_t rung)
{
    double share = 1;
    for (int32_t r = rung + 1; r < study_rungs(s); r++)
        share /= (double)s->opt->eta;
    return share;
}

/* ---- one proposal ---- */

/* Tried trials of a family, best first; those that are planned follow. */
struct tried {
    const struct tune_trial **of;
    const double **at; /* their points */
    int32_t n_tried, n;
};

static akin_status collect(const struct tune_study *s, int32_t family, struct tried *out,
                           akin_error *err)
{
    akin_status status = AKIN_OK;
    struct tried l = {0};
    MEM_NEW(s->ctx, l.of, s->n_trials);
    MEM_NEW(s->ctx, l.at, s->n_trials);
    for (int pass = 0; pass < 2; pass++)
        for (int64_t i = 0; i < s->n_trials; i++) {
            const struct tune_trial *t = s->trials[i];
            if (t->family != family || t->rung > 0 || (t->state == TRIAL_PLANNED) != (pass == 1))
                continue;
            int32_t to = l.n++;
            for (; pass == 0 && to > 0 && trial_is_better(s, t, l.of[to - 1]); to--)
                l.of[to] = l.of[to - 1];
            l.of[to] = t;
            l.n_tried += pass == 0;
        }
    for (int32_t i = 0; i < l.n; i++)
        l.at[i] = l.of[i]->point;
    *out = l;
    l = (struct tried){0};
done:
    mem_free(s->ctx, l.of);
    mem_free(s->ctx, l.at);
    return status;
}

static void tried_free(const struct tune_study *s, struct tried *l)
{
    mem_free(s->ctx, l->of);
    mem_free(s->ctx, l->at);
}

static bool is_tried(const struct tried *l, const json_t *params)
{
    for (int32_t i = 0; i < l->n; i++)
        if (json_equal(l->of[i]->params, (json_t *)(uintptr_t)params))
            return true;
    return false;
}

/* What the model takes at a point, if nothing tried was the same. *out NULL: it was. */
static akin_status values_if_new(const struct tune_family *f, const struct tried *l,
                                 const double *point, json_t **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    *out = space_values(&f->space, point, f->fixed);
    if (!*out)
        AKIN_FAIL(AKIN_E_MEMORY, "tune: out of memory for a proposal");
    if (is_tried(l, *out)) {
        json_decref(*out);
        *out = NULL;
    }
done:
    return status;
}

/* The likeliest of several draws; *out NULL if all were tried before. */
static akin_status propose_tpe(const struct tune_family *f, const struct tried *l, struct rng *rng,
                               double *point, json_t **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t n_good = tpe_n_good(l->n_tried);
    const struct tpe_group good = {l->at, n_good}, rest = {l->at + n_good, l->n - n_good};
    double best = -1, draw[TUNE_DIMS];
    json_t *values = NULL;
    for (int i = 0; i < PLAN_DRAWS; i++) {
        tpe_draw(&f->space, &good, rng, draw);
        double gain = tpe_gain(&f->space, &good, &rest, draw);
        if (!(gain > best))
            continue;
        AKIN_TRY(values_if_new(f, l, draw, &values, err));
        if (!values)
            continue;
        json_decref(*out);
        *out = values;
        values = NULL;
        best = gain;
        memcpy(point, draw, sizeof draw);
    }
done:
    return status;
}

static akin_status propose_random(const struct tune_family *f, const struct tried *l,
                                  struct rng *rng, double *point, json_t **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    for (int i = 0; i < PLAN_TRIES && !*out; i++) {
        tpe_random(&f->space, rng, point);
        AKIN_TRY(values_if_new(f, l, point, out, err));
    }
done:
    return status;
}

/* *out NULL: every setting was tried, as far as many draws can tell. */
static akin_status propose_point(struct tune_study *s, int32_t family, double *point, json_t **out,
                                 akin_error *err)
{
    akin_status status = AKIN_OK;
    struct tune_family *f = &s->families[family];
    struct tried l = {0};
    struct rng any = rng_make(s->ctx->seed, RNG_TUNE_POINT, (uint64_t)s->n_settings);
    struct rng tpe = rng_make(s->ctx->seed, RNG_TUNE_TPE, (uint64_t)s->n_settings);
    *out = NULL;
    AKIN_TRY(collect(s, family, &l, err));
    if (l.n == 0) {
        space_default(&f->space, f->cls, point);
        AKIN_TRY(values_if_new(f, &l, point, out, err));
    } else if (s->opt->search != TUNE_RANDOM && l.n_tried >= PLAN_LEAST_TRIED) {
        AKIN_TRY(propose_tpe(f, &l, &tpe, point, out, err));
    }
    if (!*out)
        AKIN_TRY(propose_random(f, &l, &any, point, out, err));
done:
    tried_free(s, &l);
    return status;
}

static void release_json(void *json)
{
    json_decref(json);
}

/* A trial of a new setting, without joining the study. *is_none: there is no new setting. */
static akin_status propose(struct tune_study *s, int32_t family, struct tune_trial *out,
                           bool *is_none, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct tune_family *f = &s->families[family];
    double point[TUNE_DIMS];
    struct tune_trial t = {.number = s->n_settings, .round = s->round, .family = family};
    AKIN_TRY(propose_point(s, family, point, &t.params, err));
    *is_none = !t.params;
    if (*is_none)
        goto done;
    AKIN_TRY(arena_own(&s->arena, release_json, t.params, err));
    t.share = share_of_rung(s, 0);
    t.point = arena_alloc(&s->arena, TUNE_DIMS, sizeof *t.point, err);
    if (!t.point)
        AKIN_TRY(AKIN_E_MEMORY);
    /* The point of the rounded values: what was tried, and what a resumed search reads. */
    space_point(&f->space, t.params, t.point);
    AKIN_TRY(trial_predict(s, &t, err));
    *out = t;
done:
    return status;
}

/* ---- budgets, rounds ---- */

static int32_t n_alive(const struct tune_study *s)
{
    int32_t n = 0;
    for (int32_t f = 0; f < s->n_families; f++)
        n += s->families[f].is_alive;
    return n;
}

/* What a family may spend in the round of a total: an even share; the last round takes the rest. */
static double allowance(const struct tune_study *s, double total, double spent_before)
{
    bool is_last = s->round + 1 == s->n_rounds;
    return (is_last ? total - spent_before : total / s->n_rounds) / n_alive(s);
}

static bool may_propose(const struct tune_study *s, const struct tune_family *f, double cost)
{
    const struct tune_options *opt = s->opt;
    double spent = s->spent;
    int64_t n = s->n_settings;
    for (int32_t i = 0; i < s->n_families; i++) {
        spent -= s->families[i].cost_round;
        n -= s->families[i].n_round;
    }
    bool is_first = s->round == 0 && f->n_round == 0;
    if (is_first && opt->trials > 0 && s->n_settings >= opt->trials)
        return false;
    if (is_first && s->n_families == 1)
        return true; /* its defaults, in any case */
    if (!is_first && opt->trials > 0 &&
        f->n_round + 1 > allowance(s, (double)opt->trials, (double)n))
        return false;
    /* Each rung costs about what the first one does. */
    return !(opt->budget_seconds > 0) ||
           f->cost_round + cost <= allowance(s, opt->budget_seconds / study_rungs(s), spent);
}

static akin_status propose_generation(struct tune_study *s, int32_t family, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct tune_family *f = &s->families[family];
    for (int i = 0; i < TUNE_GENERATION && !f->is_done; i++) {
        struct tune_trial t, *added;
        bool is_none = false;
        if (may_propose(s, f, 0))
            AKIN_TRY(propose(s, family, &t, &is_none, err));
        else
            is_none = true;
        if (is_none || !may_propose(s, f, t.cost.core_seconds)) {
            f->is_done = true;
            break;
        }
        AKIN_TRY(add_trial(s, &t, &added, err));
        s->n_settings++;
        s->spent += t.cost.core_seconds;
        f->n_round++;
        f->cost_round += t.cost.core_seconds;
    }
done:
    return status;
}

static const struct tune_trial *best_of_family(const struct tune_study *s, int32_t family)
{
    const struct tune_trial *best = NULL;
    for (int64_t i = 0; i < s->n_trials; i++)
        if (s->trials[i]->family == family && (!best || trial_is_better(s, s->trials[i], best)))
            best = s->trials[i];
    return best;
}

/* The family whose best is the worst; one that could not try anything before all others. */
static int32_t worst_family(const struct tune_study *s)
{
    const struct tune_trial *worst = NULL;
    int32_t family = 0;
    for (int32_t f = 0; f < s->n_families; f++) {
        const struct tune_trial *best = best_of_family(s, f);
        if (s->families[f].is_alive && !best)
            return f;
        if (!s->families[f].is_alive || (worst && !trial_is_better(s, worst, best)))
            continue;
        worst = best;
        family = f;
    }
    return family;
}

/* The better half goes on. */
static void next_round(struct tune_study *s)
{
    int32_t keep = (n_alive(s) + 1) / 2;
    while (n_alive(s) > keep)
        s->families[worst_family(s)].is_alive = false;
    for (int32_t f = 0; f < s->n_families; f++) {
        s->families[f].is_done = false;
        s->families[f].n_round = 0;
        s->families[f].cost_round = 0;
    }
    s->round++;
}

/* ---- rungs ---- */

static akin_status promote(struct tune_study *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct tune_trial **row = NULL;
    int64_t n = 0, n_all = 0;
    MEM_NEW(s->ctx, row, s->n_trials);
    for (int64_t i = 0; i < s->n_trials; i++) {
        const struct tune_trial *t = s->trials[i];
        if (t->rung != s->rung)
            continue;
        n_all++;
        if (t->state != TRIAL_DONE)
            continue;
        int64_t to = n++;
        for (; to > 0 && trial_is_better(s, t, row[to - 1]); to--)
            row[to] = row[to - 1];
        row[to] = t;
    }
    int64_t n_up = (n_all + s->opt->eta - 1) / s->opt->eta;
    s->rung++;
    for (int64_t i = 0; i < n && i < n_up; i++) {
        struct tune_trial t = *row[i], *added;
        t.rung = s->rung;
        t.share = share_of_rung(s, s->rung);
        t.state = TRIAL_PLANNED;
        t.is_new = false;
        AKIN_TRY(trial_predict(s, &t, err));
        AKIN_TRY(add_trial(s, &t, &added, err));
    }
done:
    mem_free(s->ctx, row);
    return status;
}

akin_status plan_next(struct tune_study *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t before = s->n_trials;
    while (s->n_trials == before && !s->is_promoting) {
        for (int32_t f = 0; f < s->n_families; f++)
            if (s->families[f].is_alive)
                AKIN_TRY(propose_generation(s, f, err));
        if (s->n_trials > before)
            break;
        if (s->round + 1 < s->n_rounds)
            next_round(s);
        else
            s->is_promoting = true;
    }
    if (s->is_promoting && s->rung + 1 < study_rungs(s))
        AKIN_TRY(promote(s, err));
done:
    return status;
}

const struct tune_trial *plan_best(const struct tune_study *s)
{
    const struct tune_trial *best = NULL;
    for (int64_t i = 0; i < s->n_trials; i++) {
        const struct tune_trial *t = s->trials[i];
        bool is_higher =
            best && t->state == TRIAL_DONE && (best->state != TRIAL_DONE || t->rung > best->rung);
        bool is_same = best && (t->state != TRIAL_DONE || t->rung == best->rung);
        if (!best || is_higher || (is_same && trial_is_better(s, t, best)))
            best = t;
    }
    return best;
}
