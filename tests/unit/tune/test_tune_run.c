/* Searches over real trainings: the same trials at any parallelism, after any interruption and
 * under a memory limit; failures, constraints, samples, halving, several models. */
#include "store/trials.h"
#include "tune/tune.h"
#include "unit/eval/eval_fixture.h"

#include <math.h>
#include <unistd.h>

enum { USERS = 80, ITEMS = 40 };

/* Two tastes: users like items of their own parity. */
static struct dataset *random_set(akin_ctx *ctx)
{
    enum { N = 1200 };
    static char names[USERS + ITEMS][16];
    static struct row rows[N];
    struct rng rng = rng_make(11, RNG_TEST, 0);
    for (int i = 0; i < USERS + ITEMS; i++)
        snprintf(names[i], sizeof names[i], "%c%d", i < USERS ? 'u' : 'i', i);
    for (int r = 0; r < N; r++) {
        int u = (int)rng_below(&rng, USERS), i = (int)rng_below(&rng, ITEMS);
        i = rng_below(&rng, 4) ? i - i % 2 + u % 2 : i;
        rows[r] = (struct row){names[u], names[USERS + i], (float)(rng_below(&rng, 5) + 1),
                               1000000000 + (int64_t)rng_below(&rng, 100000), 0};
    }
    return fix_dataset(ctx, rows, N, FIX_VALUES | FIX_TIMES, NULL);
}

struct bed {
    akin_ctx *ctx;
    struct dataset *ds;
    struct tune_options opt;
    json_t *owned[8];
    int n_owned;
};

static json_t *own(struct bed *b, json_t *json)
{
    assert_non_null(json);
    b->owned[b->n_owned++] = json;
    return json;
}

static const char *const ITEMKNN[] = {"itemknn"}, *const IALS[] = {"ials"},
                         *const SEVERAL[] = {"popular", "itemknn", "ials"};

static void bed_open(struct bed *b, int threads, int64_t memory)
{
    akin_error err;
    memset(b, 0, sizeof *b);
    assert_int_equal(ctx_create(threads, 42, memory, &b->ctx, &err), AKIN_OK);
    assert_int_equal(kern_select(b->ctx, NULL, &err), AKIN_OK);
    b->ds = random_set(b->ctx);
    b->opt = (struct tune_options){
        .models = ITEMKNN, .n_models = 1, .trials = 20, .rungs = 2, .eta = 3, .sample = 1};
    b->opt.metrics = own(b, json_pack("[s, s]", "ndcg@5", "coverage@5"));
}

/* ials at a cost of milliseconds. */
static void bed_ials(struct bed *b, int epochs)
{
    b->opt.models = IALS;
    b->opt.fixed = own(b, json_pack("{s:i}", "epochs", epochs));
    b->opt.space = own(b, json_pack("{s:s}", "factors", "2..16"));
}

static void bed_close(struct bed *b)
{
    for (int i = 0; i < b->n_owned; i++)
        json_decref(b->owned[i]);
    dataset_free(b->ds);
    assert_int_equal(mem_used(b->ctx->mem), 0);
    ctx_free(b->ctx);
}

/* What does not depend on the machine or the moment, as text. */
static char *essence(json_t *result)
{
    size_t i;
    json_t *t;
    json_array_foreach(json_object_get(result, "trials"), i, t) {
        json_object_del(t, "seconds");
        json_object_del(t, "peak_bytes");
    }
    json_object_del(json_object_get(result, "best"), "seconds");
    json_object_del(json_object_get(result, "best"), "peak_bytes");
    json_object_del(result, "resumed");
    char *text = json_dumps(result, JSON_SORT_KEYS);
    json_decref(result);
    return text;
}

static json_t *run(struct bed *b)
{
    akin_error err;
    json_t *result = NULL;
    akin_status status = tune_run(b->ctx, b->ds, &b->opt, &result, &err);
    if (status != AKIN_OK)
        print_error("%s\n", err.message);
    assert_int_equal(status, AKIN_OK);
    return result;
}

static void refuse(struct bed *b, akin_status want, const char *words)
{
    akin_error err = {0};
    json_t *result = NULL;
    assert_int_equal(tune_run(b->ctx, b->ds, &b->opt, &result, &err), want);
    if (!strstr(err.message, words))
        print_error("'%s' lacks '%s'\n", err.message, words);
    assert_non_null(strstr(err.message, words));
    assert_null(result);
}

static void test_parallel(void **state)
{
    (void)state;
    static const int settings[][2] = {{1, 1}, {3, 2}, {2, 8}, {1, 0}};
    char *want = NULL;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        struct bed b;
        bed_open(&b, settings[i][0], 0);
        bed_ials(&b, 3);
        b.opt.parallel = settings[i][1];
        char *got = essence(run(&b));
        if (want)
            assert_string_equal(got, want);
        else
            want = strdup(got);
        free(got);
        bed_close(&b);
    }
    free(want);
}

static char *log_name(char path[64])
{
    snprintf(path, 64, "/tmp/akin-tune-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    unlink(path);
    return path;
}

struct stopper {
    akin_ctx *ctx;
    int64_t at;
};

static void on_progress(void *arg, const akin_progress *p)
{
    struct stopper *s = arg;
    if (strcmp(p->stage, "tune") == 0 && p->done >= s->at)
        akin_cancel(s->ctx);
}

/* A search that is stopped after some trials, again and again, ends as one that never was. */
static void test_resume(void **state)
{
    (void)state;
    char path[64];
    struct bed b;
    bed_open(&b, 2, 0);
    bed_ials(&b, 3);
    b.opt.parallel = 1;
    char *want = essence(run(&b));
    b.opt.log = log_name(path);
    int n_stops = 0;
    for (int64_t at = 3; at < 20; at += 5) {
        akin_error err;
        json_t *result = NULL;
        struct stopper s = {b.ctx, at};
        akin_ctx_on_progress(b.ctx, on_progress, &s);
        akin_status status = tune_run(b.ctx, b.ds, &b.opt, &result, &err);
        akin_ctx_on_progress(b.ctx, NULL, NULL);
        akin_cancel_clear(b.ctx);
        assert_true(status == AKIN_OK || status == AKIN_E_CANCELLED);
        n_stops += status == AKIN_E_CANCELLED;
        json_decref(result);
    }
    printf("stopped %d times\n", n_stops);
    json_t *result = run(&b);
    char *got = essence(result);
    assert_string_equal(got, want);
    free(got);
    /* All is in the log now; a longer search goes on from it. */
    result = run(&b);
    assert_int_equal(json_integer_value(json_object_get(result, "resumed")), 20);
    json_decref(result);
    b.opt.trials = 27;
    result = run(&b);
    assert_int_equal(json_integer_value(json_object_get(result, "resumed")), 20);
    assert_int_equal(json_array_size(json_object_get(result, "trials")), 27);
    json_decref(result);
    b.opt.sample = 0.5;
    refuse(&b, AKIN_E_ARG, "is of another search (sample differs)");
    b.opt.replace_log = true;
    json_decref(run(&b));
    free(want);
    unlink(path);
    bed_close(&b);
}

static void test_bad_logs(void **state)
{
    (void)state;
    char path[64];
    struct bed b;
    bed_open(&b, 1, 0);
    b.opt.log = log_name(path);
    b.opt.trials = 3;
    FILE *f = fopen(path, "w");
    fputs("not a database at all, but long enough to be read as the header of one, really", f);
    fputs("............................................................................", f);
    fclose(f);
    refuse(&b, AKIN_E_FORMAT, "no log of trials");
    unlink(path);
    b.opt.log = "/nowhere/at/all.db";
    refuse(&b, AKIN_E_IO, "is its folder there?");
    b.opt.log = path;
    json_decref(run(&b));
    struct trial_log *log;
    akin_error err;
    assert_int_equal(trial_log_open(b.ctx, path, &log, &err), AKIN_OK);
    refuse(&b, AKIN_E_LIMIT, "another process has it open");
    /* A row that another version proposed. */
    char *study = strdup(trial_log_study(log));
    const struct trial_row row = {.model = "itemknn", .params = "{}", .metrics = "{}"};
    assert_int_equal(trial_log_begin(log, study, &err), AKIN_OK);
    assert_int_equal(trial_log_add(log, &row, &err), AKIN_OK);
    trial_log_close(log);
    refuse(&b, AKIN_E_FORMAT, "not what this akin would try");
    free(study);
    unlink(path);
    bed_close(&b);
}

static double best(const json_t *result, const char *metric)
{
    return json_number_value(
        json_object_get(json_object_get(json_object_get(result, "best"), "metrics"), metric));
}

static void test_constraints(void **state)
{
    (void)state;
    struct bed b;
    bed_open(&b, 2, 0);
    json_t *free_run = run(&b);
    double low = 1, high = 0;
    size_t i;
    json_t *t;
    json_array_foreach(json_object_get(free_run, "trials"), i, t) {
        double c = json_number_value(json_object_get(json_object_get(t, "metrics"), "coverage@5"));
        low = c < low ? c : low;
        high = c > high ? c : high;
    }
    assert_true(low < high);
    char text[64];
    snprintf(text, sizeof text, "coverage@5>=%.6f", (low + high) / 2);
    b.opt.constraints = own(&b, json_pack("[s]", text));
    json_t *bound = run(&b);
    assert_true(best(bound, "coverage@5") >= (low + high) / 2 - 1e-6);
    assert_true(best(bound, "ndcg@5") <= best(free_run, "ndcg@5") + 1e-12);
    b.opt.constraints = own(&b, json_pack("[s]", "coverage@5>=1.5"));
    refuse(&b, AKIN_E_INPUT, "no trial meets the constraints; the nearest");
    json_decref(free_run);
    json_decref(bound);
    bed_close(&b);
}

/* content needs texts, which this data lacks: each of its trials says so. */
static void test_failures(void **state)
{
    (void)state;
    static const char *const content[] = {"content"}, *const both[] = {"content", "itemknn"};
    struct bed b;
    bed_open(&b, 2, 0);
    b.opt.models = content;
    b.opt.trials = 3;
    refuse(&b, AKIN_E_INPUT, "all 3 trials failed");
    b.opt.models = both;
    b.opt.n_models = 2;
    b.opt.trials = 12;
    json_t *r = run(&b);
    assert_string_equal(json_string_value(json_object_get(json_object_get(r, "best"), "model")),
                        "itemknn");
    assert_true(json_integer_value(json_object_get(r, "failed")) > 0);
    json_decref(r);
    bed_close(&b);
}

/* A limit is kept, whatever runs beside; what needs more fails alone, and the same way. */
static void test_memory_limit(void **state)
{
    (void)state;
    char *want = NULL;
    for (int parallel = 1; parallel <= 8; parallel += 7) {
        struct bed b;
        bed_open(&b, 2, 40 << 20);
        b.opt.models = IALS;
        b.opt.parallel = parallel;
        b.opt.trials = 8;
        b.opt.fixed = own(&b, json_pack("{s:i}", "epochs", 1));
        b.opt.space = own(&b, json_pack("{s:[i, i]}", "factors", 8, 1024));
        json_t *r = run(&b);
        int64_t failed = json_integer_value(json_object_get(r, "failed"));
        assert_true(failed > 0 && failed < 8);
        char *got = essence(r);
        if (want) {
            assert_string_equal(got, want);
            free(want);
        }
        want = got;
        bed_close(&b);
    }
    assert_non_null(strstr(want, "out of memory"));
    free(want);
}

static void test_halving(void **state)
{
    (void)state;
    for (int epochs = 0; epochs < 2; epochs++) {
        struct bed b;
        bed_open(&b, 2, 0);
        if (epochs)
            bed_ials(&b, 9);
        b.opt.search = TUNE_HALVING;
        b.opt.trials = 9;
        json_t *r = run(&b), *t;
        size_t i, n_full = 0;
        json_array_foreach(json_object_get(r, "trials"), i, t) {
            n_full += json_integer_value(json_object_get(t, "rung")) == 1;
        }
        assert_int_equal(json_array_size(json_object_get(r, "trials")), 12);
        assert_int_equal(n_full, 3);
        assert_int_equal(json_integer_value(json_object_get(json_object_get(r, "best"), "rung")),
                         1);
        json_decref(r);
        bed_close(&b);
    }
}

static void test_several_models(void **state)
{
    (void)state;
    struct bed b;
    bed_open(&b, 2, 0);
    b.opt.models = SEVERAL;
    b.opt.n_models = 3;
    b.opt.trials = 36;
    b.opt.fixed = own(&b, json_pack("{s:{s:i, s:i}}", "ials", "epochs", 2, "factors", 8));
    json_t *r = run(&b), *t;
    int n[3][3] = {{0}};
    size_t i;
    json_array_foreach(json_object_get(r, "trials"), i, t) {
        const char *model = json_string_value(json_object_get(t, "model"));
        int64_t round = json_integer_value(json_object_get(t, "round"));
        for (int m = 0; m < 3; m++)
            n[m][round] += strcmp(model, SEVERAL[m]) == 0;
    }
    int alive[3] = {0};
    for (int m = 0; m < 3; m++)
        for (int round = 0; round < 3; round++)
            alive[round] += n[m][round] > 0;
    assert_int_equal(alive[0], 3);
    assert_true(alive[1] <= 2);
    assert_int_equal(alive[2], 1);
    json_decref(r);
    b.opt.space = own(&b, json_pack("{s:s}", "factors", "1..2"));
    refuse(&b, AKIN_E_ARG, "needs the model's name first");
    bed_close(&b);
}

/* All models that make lists: what the data lack puts models out, a small budget the dear ones. */
static void test_auto(void **state)
{
    (void)state;
    static const char *models[TUNE_MODELS];
    akin_error err;
    struct bed b;
    bed_open(&b, 2, 0);
    assert_int_equal(tune_auto(b.opt.metrics, models, &b.opt.n_models, &err), AKIN_OK);
    b.opt.models = models;
    b.opt.trials = 0;
    b.opt.budget_seconds = 2;
    assert_true(b.opt.n_models > 8);
    json_t *r = run(&b), *t;
    size_t i;
    bool saw_content = false;
    double spent = 0;
    json_array_foreach(json_object_get(r, "trials"), i, t) {
        bool is_content = strcmp(json_string_value(json_object_get(t, "model")), "content") == 0;
        saw_content = saw_content || is_content;
        if (is_content) {
            assert_non_null(json_object_get(t, "error"));
            assert_int_equal(json_integer_value(json_object_get(t, "round")), 0);
        }
        assert_string_not_equal(json_string_value(json_object_get(t, "model")), "als");
        spent += json_number_value(json_object_get(t, "predicted_seconds"));
    }
    assert_true(saw_content);
    assert_true(spent <= 2);
    json_decref(r);
    b.opt.budget_seconds = 0.001;
    refuse(&b, AKIN_E_ARG, "too small for one trial");
    b.opt.metrics = own(&b, json_pack("[s]", "rmse"));
    assert_int_equal(tune_auto(b.opt.metrics, models, &b.opt.n_models, &err), AKIN_OK);
    for (int32_t m = 0; m < b.opt.n_models; m++)
        assert_string_not_equal(models[m], "ials");
    bed_close(&b);
}

static void test_sample_and_given(void **state)
{
    (void)state;
    akin_error err;
    struct bed b;
    struct dataset *small = NULL, *smaller = NULL;
    bed_open(&b, 2, 0);
    assert_int_equal(dataset_sample_users(b.ds, 0.5, &small, &err), AKIN_OK);
    assert_int_equal(dataset_sample_users(small, 0.25, &smaller, &err), AKIN_OK);
    int64_t users, items, fewer;
    assert_int_equal(dataset_active(small, &users, &items, &err), AKIN_OK);
    assert_int_equal(dataset_active(smaller, &fewer, &items, &err), AKIN_OK);
    assert_in_range(users, 25, 55);
    assert_in_range(fewer, 8, users - 1);
    assert_int_equal(small->items.n, b.ds->items.n);
    b.opt.trials = 4;
    b.opt.sample = 0.5;
    json_decref(run(&b));
    b.opt.sample = 1;
    b.opt.valid = b.ds;
    refuse(&b, AKIN_E_ARG, "trained on");
    dataset_free(small);
    dataset_free(smaller);
    bed_close(&b);
}

/* The n-th allocation of the search itself fails: the whole result, or an error. */
static void test_out_of_memory(void **state)
{
    (void)state;
    akin_status status = AKIN_E_MEMORY;
    char path[64];
    struct bed b;
    bed_open(&b, 1, 0);
    b.opt.trials = 10;
    b.opt.log = log_name(path);
    b.opt.replace_log = true;
    for (int64_t n = 1; status != AKIN_OK; n += 1 + n / 16) {
        akin_error err;
        json_t *result = NULL;
        unlink(path);
        mem_fail_at(b.ctx->mem, n);
        status = tune_run(b.ctx, b.ds, &b.opt, &result, &err);
        if (status != AKIN_OK)
            assert_int_equal(status, AKIN_E_MEMORY);
        else
            assert_int_equal(json_integer_value(json_object_get(result, "failed")), 0);
        json_decref(result);
    }
    mem_fail_at(b.ctx->mem, 0);
    unlink(path);
    bed_close(&b);
}

static void test_arguments(void **state)
{
    (void)state;
    static const char *const unknown[] = {"ialz"}, *const twice[] = {"ials", "ials"};
    struct bed b;
    bed_open(&b, 1, 0);
    b.opt.trials = 0;
    refuse(&b, AKIN_E_ARG, "give trials, or a budget");
    b.opt.trials = 2;
    b.opt.sample = 0;
    refuse(&b, AKIN_E_ARG, "sample=0");
    b.opt.sample = 1;
    b.opt.models = unknown;
    refuse(&b, AKIN_E_ARG, "did you mean 'ials'");
    b.opt.models = twice;
    b.opt.n_models = 2;
    refuse(&b, AKIN_E_ARG, "named twice");
    b.opt.models = ITEMKNN;
    b.opt.n_models = 1;
    b.opt.fixed = own(&b, json_pack("{s:i}", "neighbours_", 3));
    refuse(&b, AKIN_E_ARG, "neighbours_");
    b.opt.fixed = NULL;
    b.opt.validation = "time:7";
    refuse(&b, AKIN_E_ARG, "time");
    bed_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parallel),      cmocka_unit_test(test_resume),
        cmocka_unit_test(test_bad_logs),      cmocka_unit_test(test_constraints),
        cmocka_unit_test(test_failures),      cmocka_unit_test(test_memory_limit),
        cmocka_unit_test(test_halving),       cmocka_unit_test(test_several_models),
        cmocka_unit_test(test_auto),          cmocka_unit_test(test_sample_and_given),
        cmocka_unit_test(test_out_of_memory), cmocka_unit_test(test_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
