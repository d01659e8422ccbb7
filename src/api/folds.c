/*
 * The evaluation of k folds as one (folds.h). Every rating is tested once: pairs are summed. Users
 * are in many folds: their counts are the largest of a fold. A fold in which a metric has no value
 * does not count for it.
 *
 * The interval treats folds as independent, as everybody does; their training sets overlap, which
 * makes it somewhat too short (Bengio and Grandvalet 2004, no unbiased estimate exists).
 */
#include "api/folds.h"

#include "eval/stats.h"

#include <math.h>
#include <string.h>

/* How what is no metric adds up. */
static const struct {
    const char *key;
    enum { ADD, MOST, MEAN } how;
} rules[] = {
    {"n_pairs", ADD},           {"n_cold", ADD},      {"n_eval", MOST},
    {"n_empty", MOST},          {"n_no_list", MOST},  {"n_cold_users", MOST},
    {"n_cold_items", MOST},     {"peak_bytes", MOST}, {"train_seconds", MEAN},
    {"evaluate_seconds", MEAN},
};
enum { N_RULES = sizeof rules / sizeof rules[0], MOST_FOLDS = 1000 };

static akin_status out_of_memory(akin_error *err)
{
    return error_set(err, AKIN_E_MEMORY, __FILE__, __LINE__, "evaluate: out of memory for folds");
}

static json_t *number(double x, bool is_integer)
{
    return is_integer ? json_integer((json_int_t)x) : json_real(x);
}

/* The value of a fold behind those before it. */
static int add_metric(json_t *sum, const json_t *metric)
{
    json_t *value = json_object_get(metric, "value"), *folds = json_object_get(sum, "folds");
    int bad = 0;
    if (!folds) {
        folds = json_array();
        (void)json_object_del(sum, "lo"); /* of the first fold alone */
        (void)json_object_del(sum, "hi");
        bad |= json_object_set_new(sum, "folds", folds);
    }
    if (json_is_number(value))
        bad |= json_array_append(folds, value);
    return bad;
}

static int add_row(json_t *sum, const json_t *row, bool is_first)
{
    const char *key;
    json_t *metric;
    int bad = 0;
    json_object_foreach(json_object_get(row, "metrics"), key, metric) {
        bad |= add_metric(json_object_get(json_object_get(sum, "metrics"), key), metric);
    }
    for (size_t i = 0; i < N_RULES && !is_first; i++) {
        const json_t *a = json_object_get(sum, rules[i].key),
                     *b = json_object_get(row, rules[i].key);
        double x = json_number_value(a), y = json_number_value(b);
        if (a && b)
            bad |= json_object_set_new(
                sum, rules[i].key,
                number(rules[i].how == MOST ? fmax(x, y) : x + y, json_is_integer(a)));
    }
    return bad;
}

akin_status folds_add(json_t **all, const json_t *fold, akin_error *err)
{
    size_t i;
    json_t *row;
    bool is_first = !*all;
    int bad = 0;
    if (is_first) {
        *all = json_deep_copy(fold);
        bad |= !*all || json_object_set_new(*all, "tests", json_array());
    }
    json_array_foreach(json_object_get(fold, "results"), i, row) {
        bad |= add_row(json_array_get(json_object_get(*all, "results"), i), row, is_first);
    }
    return bad ? out_of_memory(err) : AKIN_OK;
}

static int finish_metric(json_t *metric)
{
    const json_t *folds = json_object_get(metric, "folds");
    double x[MOST_FOLDS];
    size_t n = json_array_size(folds);
    struct stats_mean m;
    for (size_t i = 0; i < n && i < MOST_FOLDS; i++)
        x[i] = json_number_value(json_array_get(folds, i));
    m = stats_mean(x, (int64_t)n);
    int bad = json_object_set_new(metric, "value", n > 0 ? json_real(m.value) : json_null());
    bad |= json_object_set_new(metric, "n", json_integer((json_int_t)n));
    if (n > 1) {
        bad |= json_object_set_new(metric, "std", json_real(m.deviation));
        bad |= json_object_set_new(metric, "lo", json_real(m.lo));
        bad |= json_object_set_new(metric, "hi", json_real(m.hi));
    }
    return bad;
}

akin_status folds_finish(json_t *all, int64_t n, akin_error *err)
{
    size_t i;
    json_t *row, *metric;
    const char *key;
    int bad = json_object_set_new(all, "n_folds", json_integer(n));
    json_array_foreach(json_object_get(all, "results"), i, row) {
        json_object_foreach(json_object_get(row, "metrics"), key, metric) {
            bad |= finish_metric(metric);
        }
        for (size_t r = 0; r < N_RULES; r++) {
            double sum = json_number_value(json_object_get(row, rules[r].key));
            if (rules[r].how == MEAN)
                bad |= json_object_set_new(row, rules[r].key, json_real(sum / (double)n));
        }
    }
    return bad ? out_of_memory(err) : AKIN_OK;
}
