/*
 * The gate: is what a retrain would make at least as good as what serves?
 *
 * The artifact that will serve is trained on everything, so it cannot be measured itself: the gate
 * measures its recipe, trained without the newest events, on those events. Its opponents:
 *   serving  the artifact that serves, given the events since its training as the server gives them
 *            to it: if every held-out event is newer than all that it was trained on. So that this
 *            is the rule, at most half of the events after its training are held out, as long as
 *            there are enough of these.
 *   recipe   else its type and parameters, trained on the same part. An artifact measured on events
 *            that it was trained on wins by memory: evaluate refuses it. Left out where the
 *            candidate has that very recipe, since the same training gives the same bits.
 *   popular  where neither is there, the floor: who is below a list that is the same for all may
 *            be broken. Else it is measured for the record only: where popularity wins on these
 *            events, what serves loses to it too, and an older model is no remedy.
 * All are measured in one call, by one rule of what a positive is: that of the serving artifact.
 *
 * Cost: a training of each, on the part.
 */
#include "live/retrain_gate.h"

#include "core/json.h"
#include "data/split.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { NEW_ENOUGH = 1000 }; /* events after the serving one's training, half of which decide */

/* ---- What is held out ---- */

struct look {
    int64_t n_events, n_new, oldest;
};

/* A dataset's events, those after `since`, the oldest time. In a context of its own: that of the
 * engine is for loads. */
static akin_status look_at(struct retraining *x, const char *path, struct look *out,
                           akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = NULL;
    struct dataset *ds = NULL;
    *out = (struct look){.oldest = INT64_MAX};
    AKIN_TRY(ctx_create(1, 0, 0, &ctx, err));
    ctx->kern = x->r->l->ctx->kern;
    AKIN_TRY(dataset_load(ctx, path, &ds, err));
    out->n_events = ds->n_events;
    for (int64_t e = 0; ds->time_kind == TIME_UNIX && e < ds->n_events; e++) {
        out->n_new += ds->time[e] > x->now;
        out->oldest = ds->time[e] < out->oldest ? ds->time[e] : out->oldest;
    }
done:
    dataset_free(ds);
    ctx_free(ctx);
    return status;
}

static akin_status split_by(struct retraining *x, const char *by, akin_error *err)
{
    struct job_args a;
    snprintf(x->holdout, sizeof x->holdout, "%s", by);
    retrain_args(x, &a, "split");
    job_arg(&a, "%s", retrain_work(x, "all.akin"));
    job_option(&a, "by", by);
    job_option(&a, "output", retrain_work(x, "train.akin"));
    job_option(&a, "test_out", retrain_work(x, "test.akin"));
    return job_child(x->r, &a, NULL, err);
}

akin_status gate_split(struct retraining *x, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct look all, held;
    struct split_spec spec;
    char by[48];
    AKIN_TRY(look_at(x, retrain_work(x, "all.akin"), &all, err));
    x->n_events = all.n_events;
    AKIN_TRY(split_parse(x->t->p.holdout, &spec, err));
    double share = (double)all.n_new / 2 / (double)(all.n_events > 0 ? all.n_events : 1);
    status = AKIN_E_INPUT;
    if (spec.kind == SPLIT_TIME && all.n_new >= NEW_ENOUGH && share < spec.share) {
        snprintf(by, sizeof by, "time:%.9f", share);
        status = split_by(x, by, err); /* fails where all of them have one time */
    }
    if (status == AKIN_E_INPUT)
        status = split_by(x, x->t->p.holdout, err);
    AKIN_TRY(status);
    AKIN_TRY(look_at(x, retrain_work(x, "test.akin"), &held, err));
    x->n_held = held.n_events;
    x->oldest_held = held.oldest;
done:
    return status;
}

/* ---- Who competes ---- */

enum { ROWS_MAX = 3 };
struct row {
    const char *name; /* in the result */
    const char *type;
    double value, lo, hi; /* NaN = none */
    const json_t *test;   /* the candidate against it, borrowed; NULL = none */
};

/* Whether the file is still what was loaded, and saw nothing that is held out. */
static bool is_fair(const struct retraining *x)
{
    struct stat file;
    return x->oldest_held != INT64_MAX && x->oldest_held > x->now && stat(x->path, &file) == 0 &&
           (int64_t)file.st_mtime <= x->loaded;
}

static bool is_same(const struct recipe *a, const struct recipe *b)
{
    return strcmp(a->type, b->type) == 0 && json_equal(a->params, b->params);
}

/* evaluate lists --model rows first, then --from ones. */
static akin_status contenders(struct retraining *x, struct job_args *a, struct row *rows, int *n,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    bool is_by_artifact = is_fair(x);
    rows[(*n)++] =
        (struct row){"candidate", x->candidate.type, (double)NAN, (double)NAN, (double)NAN, NULL};
    AKIN_TRY(retrain_recipe(a, &x->candidate, err));
    if (!is_by_artifact && !is_same(&x->served, &x->candidate)) {
        rows[(*n)++] =
            (struct row){"recipe", x->served.type, (double)NAN, (double)NAN, (double)NAN, NULL};
        AKIN_TRY(retrain_recipe(a, &x->served, err));
    }
    if (strcmp(x->candidate.type, "popular") != 0) {
        rows[(*n)++] =
            (struct row){"popular", "popular", (double)NAN, (double)NAN, (double)NAN, NULL};
        job_option(a, "model", "popular");
    }
    if (is_by_artifact) {
        rows[(*n)++] =
            (struct row){"serving", x->served.type, (double)NAN, (double)NAN, (double)NAN, NULL};
        job_option(a, "from", x->path);
        job_option(a, "fold_in", "true");
    }
done:
    return status;
}

/* ---- Who wins ---- */

static double number_of(const json_t *metric, const char *key)
{
    const json_t *value = json_object_get(metric, key);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static akin_status read_rows(const json_t *answer, struct row *rows, int n, akin_error *err)
{
    akin_status status = AKIN_OK;
    const json_t *results = json_object_get(answer, "results");
    if (json_array_size(results) != (size_t)n)
        AKIN_FAIL(AKIN_E_INTERNAL, "retrain: evaluate compared %zu models, not %d",
                  json_array_size(results), n);
    for (int i = 0; i < n; i++) {
        json_t *metrics = json_object_get(json_array_get(results, (size_t)i), "metrics");
        const json_t *metric = json_object_iter_value(json_object_iter(metrics));
        rows[i].value = number_of(metric, "value");
        rows[i].lo = number_of(metric, "lo");
        rows[i].hi = number_of(metric, "hi");
        if (i > 0) /* each later row against the first */
            rows[i].test = json_array_get(json_object_get(answer, "tests"), (size_t)i - 1);
    }
done:
    return status;
}

/* Where less is better (docs/metrics.md). */
static bool is_error_metric(const char *metric)
{
    static const char *const names[] = {"rmse", "mae", "logloss", "gini", "popularity"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(metric, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static json_t *row_json(const struct row *row)
{
    json_t *out = json_pack("{s:s, s:s}", "name", row->name, "type", row->type);
    const struct {
        const char *key;
        double value;
    } numbers[] = {{"value", row->value}, {"lo", row->lo}, {"hi", row->hi}};
    for (int i = 0; i < 3; i++)
        json_object_set_new(out, numbers[i].key,
                            isfinite(numbers[i].value) ? json_real(numbers[i].value) : json_null());
    if (row->test)
        json_object_set_new(
            out, "difference",
            json_pack("{s:O*, s:O*, s:O*}", "value", json_object_get(row->test, "difference"), "lo",
                      json_object_get(row->test, "lo"), "hi", json_object_get(row->test, "hi")));
    return out;
}

/* Whether row i can refuse the candidate; an opponent without a value cannot. */
static bool is_opponent(const struct retraining *x, const struct row *rows, int n, int i)
{
    bool is_floor = strcmp(rows[i].name, "popular") == 0;
    return isfinite(rows[i].value) && (!is_floor || (n == 2 && x->t->p.floor == FLOOR_POPULAR));
}

/* The first opponent that is better by more than the tolerance. *why: in a sentence. */
static bool judge(const struct retraining *x, const struct row *rows, int n, char *why, size_t size)
{
    static const char *const names[][2] = {{"serving", "the serving artifact"},
                                           {"recipe", "the serving artifact's recipe"},
                                           {"popular", "the popularity list"}};
    const struct retrain_params *p = &x->t->p;
    bool is_error = is_error_metric(p->metric);
    if (!isfinite(rows[0].value)) {
        snprintf(why, size, "%s of the candidate is not defined: nothing held out counts",
                 p->metric);
        return false;
    }
    snprintf(why, size, "%s %.4f", p->metric, rows[0].value);
    for (int i = 1; i < n; i++) {
        double worse = is_error ? rows[0].value - rows[i].value : rows[i].value - rows[0].value;
        const char *name = rows[i].name;
        size_t used = strlen(why);
        for (int k = 0; k < 3; k++)
            name = strcmp(name, names[k][0]) == 0 ? names[k][1] : name;
        if (!isfinite(rows[i].value))
            continue;
        if (worse > p->tolerance && is_opponent(x, rows, n, i)) {
            snprintf(why, size, "%s %.4f %s %.4f of %s (tolerance %g)", p->metric, rows[0].value,
                     is_error ? ">" : "<", rows[i].value, name, p->tolerance);
            return false;
        }
        snprintf(why + used, size - used, "%s%.4f of %s", i > 1 ? ", " : ", against ",
                 rows[i].value, name);
    }
    return true;
}

akin_status gate_compare(struct retraining *x, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct job_args a;
    struct row rows[ROWS_MAX + 1];
    json_t *answer = NULL, *opponents = json_array();
    char why[320];
    int n = 0;
    retrain_args(x, &a, "evaluate");
    job_option(&a, "train", retrain_work(x, "train.akin"));
    job_option(&a, "test", retrain_work(x, "test.akin"));
    job_option(&a, "metrics", x->t->p.metric);
    AKIN_TRY(job_options(&a, x->feedback, false, err));
    AKIN_TRY(contenders(x, &a, rows, &n, err));
    AKIN_TRY(job_child(x->r, &a, &answer, err));
    AKIN_TRY(read_rows(answer, rows, n, err));
    x->is_better = judge(x, rows, n, why, sizeof why);
    for (int i = 1; i < n; i++)
        json_array_append_new(opponents, row_json(&rows[i]));
    x->result = json_pack("{s:b, s:s, s:s, s:s, s:I, s:I, s:o, s:O}", "promoted", (int)x->is_better,
                          "why", why, "metric", x->t->p.metric, "holdout", x->holdout, "held_out",
                          (json_int_t)x->n_held, "events", (json_int_t)x->n_events, "candidate",
                          row_json(&rows[0]), "opponents", opponents);
    if (!x->result)
        AKIN_FAIL(AKIN_E_MEMORY, "retrain: out of memory");
done:
    json_decref(answer);
    json_decref(opponents);
    return status;
}
