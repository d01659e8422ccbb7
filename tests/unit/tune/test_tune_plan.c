/* Proposals on surfaces whose best is known by brute force: the estimator against random draws,
 * generations, rungs, rounds, settings that run out. */
#include "kern/math.h"
#include "plan_bed.h"

enum { TRIALS = 40, SEEDS = 20 };

static double number(const json_t *params, const char *key)
{
    return json_number_value(json_object_get(params, key));
}

/* Best at a = 2, b = 1, factors = 64, kind = green: 0. */
static double surface_mixed(const json_t *p, double share)
{
    const char *kind = json_string_value(json_object_get(p, "kind"));
    double a = (number(p, "a") - 2) / 5, b = kern_log(number(p, "b")) / 2;
    double f = kern_log(number(p, "factors") / 64) / 2;
    double wrong = strcmp(kind, "green") == 0 ? 0 : strcmp(kind, "grey") == 0 ? 0.3 : 0.8;
    return -(a * a + b * b + f * f + wrong) - (1 - share) * 0.01;
}

/* Branin's function (three equal optima) over a and b = 0..15. */
static double surface_branin(const json_t *p, double share)
{
    (void)share;
    double x = number(p, "a"), y = number(p, "b"), pi = 3.14159265358979;
    double u = y - 5.1 / (4 * pi * pi) * x * x + 5 / pi * x - 6;
    return -(u * u + 10 * (1 - 1 / (8 * pi)) * kern_cos(x) + 10);
}

/* A narrow valley: a and b must fit together. */
static double surface_valley(const json_t *p, double share)
{
    (void)share;
    double x = (number(p, "a") + 5) / 15, y = number(p, "b") / 15;
    return -(10 * (x - y) * (x - y) + (x - 0.7) * (x - 0.7));
}

/* Best so far by number of trials, summed over seeds. */
static void race(enum tune_search search, const char *ranges, surface_fn surface, double *sum)
{
    for (int i = 0; i < TRIALS; i++)
        sum[i] = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct plan_bed b;
        double best[TRIALS];
        bed_open(&b, seed, search, TRIALS, ranges);
        bed_search(&b, surface, best);
        assert_int_equal(b.s.n_trials, TRIALS);
        for (int i = 0; i < TRIALS; i++)
            sum[i] += best[i] / SEEDS;
        bed_close(&b);
    }
}

/* The best of a fine grid. */
static double brute_force(surface_fn surface, double b_lo, double b_hi, bool is_log)
{
    static const char *const kinds[] = {"blue", "red", "green", "grey"};
    double best = -INFINITY;
    for (int i = 0; i <= 150; i++)
        for (int j = 0; j <= 150; j++)
            for (int k = 0; k < 4; k++) {
                double t = j / 150.0;
                double b = is_log ? kern_exp(kern_log(b_lo) + t * kern_log(b_hi / b_lo))
                                  : b_lo + t * (b_hi - b_lo);
                json_t *p = json_pack("{s:f, s:f, s:i, s:s}", "a", -5 + i * 0.1, "b", b, "factors",
                                      64, "kind", kinds[k]);
                double value = surface(p, 1);
                best = value > best ? value : best;
                json_decref(p);
            }
    return best;
}

static void beats_random(const char *name, const char *ranges, surface_fn surface, double optimum)
{
    double tpe[TRIALS], random[TRIALS];
    race(TUNE_TPE, ranges, surface, tpe);
    race(TUNE_RANDOM, ranges, surface, random);
    for (int i = 7; i < TRIALS; i += 8)
        printf("%s: after %d trials %.4f, random %.4f below the best\n", name, i + 1,
               optimum - tpe[i], optimum - random[i]);
    /* The first generation is the same; from the third on the estimator must lead. */
    assert_true(fabs(tpe[TUNE_GENERATION - 1] - random[TUNE_GENERATION - 1]) <= 1e-12);
    for (int i = 3 * TUNE_GENERATION - 1; i < TRIALS; i++)
        assert_true(optimum - tpe[i] < 0.8 * (optimum - random[i]));
}

static void test_tpe_beats_random(void **state)
{
    (void)state;
    static const char plane[] =
        "{\"a\": \"-5..10\", \"b\": \"0..15:linear\", \"factors\": \"16\", \"kind\": \"red\"}";
    beats_random("mixed", NULL, surface_mixed, brute_force(surface_mixed, 0.1 / 32, 3.2, true));
    beats_random("branin", plane, surface_branin, brute_force(surface_branin, 1e-9, 15, false));
    beats_random("valley", plane, surface_valley, brute_force(surface_valley, 1e-9, 15, false));
}

static void test_defaults_come_first(void **state)
{
    (void)state;
    struct plan_bed b;
    akin_error err;
    bed_open(&b, 3, TUNE_TPE, 5, NULL);
    assert_int_equal(plan_next(&b.s, &err), AKIN_OK);
    assert_int_equal(b.s.n_trials, 5);
    const json_t *p = b.s.trials[0]->params;
    assert_true(fabs(number(p, "a") - 5) < 1e-9);
    assert_true(fabs(number(p, "b") - 0.1) < 1e-9);
    assert_int_equal(json_integer_value(json_object_get(p, "factors")), 16);
    assert_string_equal(json_string_value(json_object_get(p, "kind")), "red");
    assert_null(json_object_get(p, "fixed"));
    bed_close(&b);
}

/* A longer search begins with the trials of a shorter one, wherever that ended. */
static void test_prefix(void **state)
{
    (void)state;
    struct plan_bed longer;
    bed_open(&longer, 9, TUNE_TPE, 30, NULL);
    bed_search(&longer, surface_mixed, NULL);
    for (int64_t n = 1; n <= 30; n += 7) {
        struct plan_bed b;
        bed_open(&b, 9, TUNE_TPE, n, NULL);
        bed_search(&b, surface_mixed, NULL);
        assert_int_equal(b.s.n_trials, n);
        for (int64_t i = 0; i < n; i++)
            assert_true(json_equal(b.s.trials[i]->params, longer.s.trials[i]->params));
        bed_close(&b);
    }
    bed_close(&longer);
}

static double surface_fails(const json_t *p, double share)
{
    return number(p, "a") < 0 ? (double)NAN : surface_mixed(p, share);
}

static int count_failed(enum tune_search search)
{
    int n = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct plan_bed b;
        bed_open(&b, seed, search, TRIALS, "{\"a\": \"-5..10\"}");
        bed_search(&b, surface_fails, NULL);
        for (int i = 0; i < TRIALS; i++)
            n += b.s.trials[i]->state == TRIAL_FAILED;
        assert_int_equal(plan_best(&b.s)->state, TRIAL_DONE);
        bed_close(&b);
    }
    return n;
}

/* Failures are results like others: the estimator keeps off them. */
static void test_failures(void **state)
{
    (void)state;
    int tpe = count_failed(TUNE_TPE), random = count_failed(TUNE_RANDOM);
    printf("failed: %d of 400, random draws %d\n", tpe, random);
    assert_true(tpe < random);
}

static void test_settings_run_out(void **state)
{
    (void)state;
    struct plan_bed b;
    bed_open(&b, 1, TUNE_TPE, 100,
             "{\"a\": \"1|2\", \"b\": \"1\", \"factors\": \"8..10\", \"kind\": [\"red\"]}");
    bed_search(&b, surface_mixed, NULL);
    assert_int_equal(b.s.n_trials, 6);
    for (int64_t i = 0; i < 6; i++)
        for (int64_t j = 0; j < i; j++)
            assert_false(json_equal(b.s.trials[i]->params, b.s.trials[j]->params));
    bed_close(&b);
}

static void test_halving(void **state)
{
    (void)state;
    struct plan_bed b;
    bed_open(&b, 5, TUNE_HALVING, 20, NULL);
    bed_search(&b, surface_mixed, NULL);
    int n[3] = {0};
    for (int64_t i = 0; i < b.s.n_trials; i++) {
        const struct tune_trial *t = b.s.trials[i];
        n[t->rung]++;
        assert_true(fabs(t->share - (t->rung == 0 ? 1.0 / 9 : t->rung == 1 ? 1.0 / 3 : 1)) < 1e-12);
        for (int64_t j = 0; t->rung > 0 && j < b.s.n_trials; j++) {
            const struct tune_trial *o = b.s.trials[j];
            bool is_up = false;
            for (int64_t k = 0; k < b.s.n_trials; k++)
                is_up =
                    is_up || (b.s.trials[k]->rung == t->rung && b.s.trials[k]->number == o->number);
            if (o->rung == t->rung - 1 && !is_up) /* who stayed behind is no better */
                assert_true(o->values[0] <= surface_mixed(t->params, o->share));
        }
    }
    assert_int_equal(n[0], 20);
    assert_int_equal(n[1], 7);
    assert_int_equal(n[2], 3);
    assert_int_equal(plan_best(&b.s)->rung, 2);
    bed_close(&b);
}

/* A budget of predicted seconds ends a search at the same trial every time. */
static void test_budget(void **state)
{
    (void)state;
    struct plan_bed b;
    bed_open(&b, 5, TUNE_TPE, 0, NULL);
    b.opt.budget_seconds = 0.2;
    bed_search(&b, surface_mixed, NULL);
    assert_true(b.s.spent <= 0.2);
    assert_in_range(b.s.n_trials, 10, 20);
    bed_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tpe_beats_random), cmocka_unit_test(test_defaults_come_first),
        cmocka_unit_test(test_prefix),           cmocka_unit_test(test_failures),
        cmocka_unit_test(test_settings_run_out), cmocka_unit_test(test_halving),
        cmocka_unit_test(test_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
