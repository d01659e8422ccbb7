/*
 * Jobs with a program that is a script: every step that fails, hangs or lies leaves what serves
 * alone and the work folder empty; the queue, cancelling, triggers, the gate's verdicts, restart.
 */
#include "live_bed.h"

#include "core/file.h"
#include "core/text.h"
#include "live_bed.c"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

/* `D` is the folder: fail-CMD makes a command fail, hang-CMD wait after it wrote to the fifo. */
static const char script[] =
    "#!/bin/sh\n"
    "D=${0%/*}\n"
    "for a; do case $a in --output=*) out=${a#*=};; --test_out=*) test=${a#*=};; esac; done\n"
    "echo \"$*\" >> \"$D/calls\"\n"
    "if [ -f \"$D/hang-$1\" ]; then echo > \"$D/fifo\"; exec sleep 1000; fi\n"
    "if [ -f \"$D/fail-$1\" ]; then echo \"akin: error: $1 is broken\" >&2; exit 2; fi\n"
    "case $1 in\n"
    "prepare) cp \"$D/data.akin\" \"$out\";;\n"
    "split) cp \"$D/data.akin\" \"$out\"; cp \"$D/data.akin\" \"$test\";;\n"
    "evaluate) cat \"$D/verdict\"; exit;;\n"
    "train) cp \"$D/new.akin\" \"$out\";;\n"
    "recommend) cp \"$D/lists\" \"$out\";;\n"
    "esac\n"
    "echo '{}'\n";

static void write_text(struct bed *b, const char *name, const char *text)
{
    OK(file_write(b->ctx, in(b, name), text, (int64_t)strlen(text), &b->err));
}

/* Files, settings and the script; the engine is opened by the test. */
static void make_jobs(struct bed *b)
{
    bed_make_with(b, &(struct bed_options){.model = {{"m", model_class_find("itemknn"), NULL}},
                                           .has_data = true,
                                           .is_closed = true});
    assert_int_equal(link(b->path, in(b, "new.akin")), 0);
    write_text(b, "akin", script);
    assert_int_equal(chmod(in(b, "akin"), 0755), 0);
    assert_int_equal(mkfifo(in(b, "fifo"), 0600), 0);
    write_text(b, "lists", "");
    write_text(b, "verdict",
               "{\"results\":[{\"metrics\":{\"ndcg@10\":{\"value\":0.3}}},"
               "{\"metrics\":{\"ndcg@10\":{\"value\":0.2}}}]}");
    text_copy(b->program, sizeof b->program, in(b, "akin"));
    b->p.retrain = json_pack("{s:s, s:s}", "dir", in(b, "r"), "base", in(b, "data.akin"));
}

static void jobs_free(struct bed *b)
{
    close_engine(b); /* it reads the settings */
    json_decref(b->p.retrain);
    bed_free(b);
}

/* ---- Asking ---- */

static json_t *job(struct bed *b, const char *id)
{
    buf_clear(&b->out);
    OK(live_job_json(b->l, id, &b->out, &b->err));
    return answer(b);
}

static akin_status submit(struct bed *b, const char *kind, const char *model)
{
    int64_t id;
    const struct live_job spec = {kind, model, 5};
    buf_clear(&b->out);
    return live_job_submit(b->l, &spec, &b->out, &id, &b->err);
}

/* The job when it has ended; bounded by the test's own time limit. */
static json_t *ended(struct bed *b, const char *id)
{
    for (;;) {
        json_t *j = job(b, id);
        if (!json_is_null(json_object_get(j, "ended")))
            return j;
        json_decref(j);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

static void expect(struct bed *b, const char *id, const char *state, const char *message)
{
    json_t *j = ended(b, id);
    if (strcmp(json_text(j, "state", ""), state) != 0 ||
        !strstr(json_text(j, "message", ""), message))
        fail_msg("job %s: %s: %s", id, json_text(j, "state", ""), json_text(j, "message", ""));
    json_decref(j);
}

static int64_t generation(struct bed *b)
{
    json_t *models;
    buf_clear(&b->out);
    OK(live_models_json(b->l, &b->out, &b->err));
    models = answer(b);
    int64_t id = json_int(json_array_get(json_object_get(models, "models"), 0), "generation", -1);
    json_decref(models);
    return id;
}

static int count_files(struct bed *b, const char *pattern)
{
    char command[256], text[32] = "";
    snprintf(command, sizeof command, "ls %s/%s 2>/dev/null | wc -l", b->dir, pattern);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_non_null(fgets(text, sizeof text, pipe));
    pclose(pipe);
    return (int)strtol(text, NULL, 10);
}

/* Returns once the script hangs. */
static void await_hang(struct bed *b)
{
    char c;
    int fd = open(in(b, "fifo"), O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, &c, 1), 1);
    close(fd);
}

/* ---- Tests ---- */

static void test_promotion(void **state)
{
    (void)state;
    struct bed bed, *b = &bed;
    char *calls;
    int64_t size;
    make_jobs(b);
    json_object_set_new(b->p.retrain, "memory", json_string("1GiB"));
    json_object_set_new(b->p.retrain, "candidates", json_pack("{s:{s:i}}", "m", "neighbours", 7));
    json_object_set_new(b->p.retrain, "prepare", json_pack("{s:[f,f]}", "value_range", 0.5, 5.0));
    write_text(b, "verdict",
               "{\"results\":[{\"metrics\":{\"ndcg@10\":{\"value\":0.3}}},"
               "{\"metrics\":{\"ndcg@10\":{\"value\":0.25}}},"
               "{\"metrics\":{\"ndcg@10\":{\"value\":0.2}}}]}");
    open_engine(b);
    int64_t before = generation(b);
    OK(submit(b, "retrain", NULL));
    expect(b, "1", "done",
           "ndcg@10 0.3000, against 0.2500 of the serving artifact's recipe, 0.2000 of the "
           "popularity list");
    json_t *j = job(b, "1");
    assert_string_equal(json_text(j, "model", ""), "m");
    assert_true(json_double(j, "progress", 0) == 1);
    const json_t *result = json_object_get(j, "result");
    assert_true(json_is_true(json_object_get(result, "promoted")));
    assert_int_equal(json_int(result, "generation", 0), before + 1);
    json_decref(j);
    assert_int_equal(generation(b), before + 1);
    assert_int_equal(count_files(b, "r/m-*Z.akin"), 1);
    assert_int_equal(count_files(b, "r/m.serving"), 1);
    assert_int_equal(count_files(b, "r/work/*"), 0);
    OK(file_read(b->ctx, in(b, "calls"), 1 << 20, &calls, &size, &b->err));
    const char *parts[] = {"prepare --threads=0 --memory=1073741824 --seed=",
                           "/data.akin sqlite:",
                           "--value_range=0.5 --value_range=5.0",
                           "\nsplit ",
                           "--by=time:0.1",
                           "\nevaluate ",
                           "--model=itemknn",
                           "--set=neighbours=7",
                           "--model=popular",
                           "\ntrain ",
                           "--json --parent="};
    const char *at = calls;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        at = strstr(at, parts[i]);
        if (!at)
            fail_msg("no '%s' in its place in: %s", parts[i], calls);
    }
    mem_free(b->ctx, calls);
    struct live_job_stats stats;
    live_job_stats(b->l, &stats);
    assert_true(stats.is_there && stats.done == 1 && stats.promoted == 1 && stats.running == 0);
    jobs_free(b);
}

static void test_every_step_may_fail(void **state)
{
    (void)state;
    static const char *const steps[] = {"prepare", "split", "evaluate", "train"};
    struct bed bed, *b = &bed;
    char name[32], id[8];
    make_jobs(b);
    open_engine(b);
    int64_t before = generation(b);
    int n = 0;
    for (size_t i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "fail-%s", steps[i]);
        write_text(b, name, "");
        OK(submit(b, "retrain", NULL));
        snprintf(id, sizeof id, "%d", ++n);
        snprintf(name, sizeof name, "%s is broken", steps[i]);
        expect(b, id, "failed", name);
        snprintf(name, sizeof name, "fail-%s", steps[i]);
        unlink(in(b, name));
    }
    static const char *const lies[][3] = {
        {"new.akin", "no model at all", ""},           /* an artifact that is none */
        {"verdict", "{\"results\":[]}", "compared 0"}, /* no figures */
        {"verdict", "{\"results\":", "evaluate"},      /* no JSON */
        {"data.akin", "cut", "data.akin"},             /* a dataset that is none */
    };
    for (size_t i = 0; i < 4; i++) {
        char *old;
        int64_t size;
        OK(file_read(b->ctx, in(b, lies[i][0]), 1 << 24, &old, &size, &b->err));
        write_text(b, lies[i][0], lies[i][1]);
        OK(submit(b, "retrain", NULL));
        snprintf(id, sizeof id, "%d", ++n);
        expect(b, id, "failed", lies[i][2]);
        OK(file_write(b->ctx, in(b, lies[i][0]), old, size, &b->err));
        mem_free(b->ctx, old);
    }
    /* the folder is gone, or is none */
    char command[1024];
    snprintf(command, sizeof command, "rm -r %s/r/work; touch %s/r/work", b->dir, b->dir);
    assert_int_equal(system(command), 0);
    OK(submit(b, "retrain", NULL));
    expect(b, "9", "failed", "work");
    snprintf(command, sizeof command, "rm %s/r/work; mkdir %s/r/work", b->dir, b->dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(generation(b), before);
    assert_int_equal(count_files(b, "r/*.akin"), 0);
    assert_int_equal(count_files(b, "r/work/*"), 0);
    OK(submit(b, "retrain", NULL)); /* and then it works */
    expect(b, "10", "done", "");
    assert_int_equal(generation(b), before + 1);
    jobs_free(b);
}

static void test_verdicts(void **state)
{
    (void)state;
    static const struct {
        const char *metric, *mine, *floor, *says;
        double tolerance;
        bool is_promoted;
    } cases[] = {
        {"ndcg@10", "0.2", "0.2", "ndcg@10 0.2000, against 0.2000 of the popularity list", 0, true},
        {"ndcg@10", "0.1", "0.2", "ndcg@10 0.1000 < 0.2000 of the popularity list", 0, false},
        {"ndcg@10", "0.1", "0.2", "", 0.11, true},
        {"rmse", "0.9", "0.8", "rmse 0.9000 > 0.8000", 0, false},
        {"rmse", "0.7", "0.8", "", 0, true},
        {"ndcg@10", "null", "0.2", "not defined", 1e6, false},
        {"ndcg@10", "0.1", "null", "", 0, true},
        {"ndcg@10", "0.1", "0.2", "0.1000, against 0.2000", -1, true}, /* without a floor */
    };
    struct bed bed, *b = &bed;
    char text[200];
    make_jobs(b);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_object_set_new(b->p.retrain, "metric", json_string(cases[i].metric));
        bool has_floor = cases[i].tolerance >= 0;
        json_object_set_new(b->p.retrain, "tolerance",
                            json_real(has_floor ? cases[i].tolerance : 0));
        json_object_set_new(b->p.retrain, "floor", json_string(has_floor ? "popular" : "none"));
        snprintf(text, sizeof text,
                 "{\"results\":[{\"metrics\":{\"m\":{\"value\":%s}}},"
                 "{\"metrics\":{\"m\":{\"value\":%s}}}]}",
                 cases[i].mine, cases[i].floor);
        write_text(b, "verdict", text);
        unlink(in(b, "r/jobs.json"));
        open_engine(b);
        OK(submit(b, "retrain", NULL));
        json_t *j = ended(b, "1");
        json_t *is_promoted = json_object_get(json_object_get(j, "result"), "promoted");
        if (json_is_true(is_promoted) != cases[i].is_promoted ||
            !strstr(json_text(j, "message", ""), cases[i].says))
            fail_msg("case %zu: %s", i, json_text(j, "message", ""));
        json_decref(j);
        close_engine(b);
    }
    jobs_free(b);
}

static void test_queue_and_cancel(void **state)
{
    (void)state;
    struct bed bed, *b = &bed;
    char name[16];
    make_jobs(b);
    open_engine(b);
    for (int i = 0; i < 17; i++) {
        snprintf(name, sizeof name, "m%d", i);
        OK(live_model_load(b->l, name, in(b, "m.akin"), &b->err));
    }
    int64_t before = generation(b);
    assert_int_equal(submit(b, "bake", NULL), AKIN_E_ARG);
    assert_int_equal(submit(b, "retrain", "nobody"), AKIN_E_NOT_FOUND);
    write_text(b, "hang-evaluate", "");
    OK(submit(b, "retrain", NULL));
    await_hang(b);
    json_t *j = job(b, "1");
    assert_string_equal(json_text(j, "state", ""), "running");
    assert_string_equal(json_text(j, "stage", ""), "evaluate");
    json_decref(j);
    assert_int_equal(submit(b, "retrain", "m"), AKIN_E_UNSUPPORTED); /* the same once more */
    for (int i = 0; i < 15; i++) {
        snprintf(name, sizeof name, "m%d", i);
        OK(submit(b, "export", name));
    }
    assert_int_equal(submit(b, "export", "m16"), AKIN_E_LIMIT);
    buf_clear(&b->out);
    OK(live_job_cancel(b->l, "2", &b->out, &b->err));
    expect(b, "2", "cancelled", "before it began");
    OK(submit(b, "export", "m16")); /* there is room again */
    buf_clear(&b->out);
    OK(live_job_cancel(b->l, "1", &b->out, &b->err));
    expect(b, "1", "cancelled", "stopped in evaluate");
    expect(b, "17", "done", ""); /* the others went on */
    OK(live_job_cancel(b->l, "17", &b->out, &b->err));
    expect(b, "17", "done", ""); /* too late, and no error */
    assert_int_equal(live_job_cancel(b->l, "x", &b->out, &b->err), AKIN_E_NOT_FOUND);
    assert_int_equal(generation(b), before);
    jobs_free(b);
}

static void test_only_a_hundred_are_kept(void **state)
{
    (void)state;
    struct bed bed, *b = &bed;
    char id[16];
    struct buf text;
    make_jobs(b);
    buf_init(&text, b->ctx); /* a hundred of an earlier process, some of kinds not known here */
    for (int i = 1; i <= 102; i++)
        buf_printf(&text,
                   "%s{\"id\":%d,\"kind\":\"%s\",\"model\":\"m\",\"state\":\"done\","
                   "\"ended\":\"2026-01-02T03:04:05Z\",\"message\":\"old\"}",
                   i > 1 ? "," : "[", i, i % 51 ? "export" : "bake");
    buf_char(&text, ']');
    assert_int_equal(mkdir(in(b, "r"), 0755), 0);
    write_text(b, "r/jobs.json", text.data);
    buf_free(&text);
    write_text(b, "fail-recommend", "");
    open_engine(b);
    expect(b, "1", "done", "old");
    for (int i = 102; i <= 104; i++) { /* 102 was not taken */
        OK(submit(b, "export", NULL));
        snprintf(id, sizeof id, "%d", i);
        expect(b, id, "failed", "recommend is broken");
    }
    assert_int_equal(live_job_json(b->l, "3", &b->out, &b->err), AKIN_E_NOT_FOUND);
    buf_clear(&b->out);
    OK(live_jobs_json(b->l, &b->out, &b->err));
    json_t *all = answer(b), *list = json_object_get(all, "jobs");
    assert_int_equal(json_array_size(list), 100);
    assert_int_equal(json_int(json_array_get(list, 0), "id", 0), 104);
    assert_int_equal(json_int(json_array_get(list, 99), "id", 0), 4);
    json_decref(all);
    jobs_free(b);
}

static void test_the_end_in_the_middle(void **state)
{
    (void)state;
    struct bed bed, *b = &bed;
    make_jobs(b);
    open_engine(b);
    write_text(b, "hang-train", "");
    OK(submit(b, "retrain", NULL));
    await_hang(b);
    OK(submit(b, "export", NULL));
    close_engine(b);
    assert_int_equal(count_files(b, "r/work/*"), 0);
    unlink(in(b, "hang-train"));
    write_text(b, "r/work/left.db", "of a process that was killed");
    write_text(b, "r/.jobs.json.akin-1-1", "half of a file");
    open_engine(b);
    assert_int_equal(count_files(b, "r/work/*"), 0);
    assert_int_equal(count_files(b, "r/.jobs*"), 0);
    expect(b, "1", "cancelled", "stopped in train");
    expect(b, "2", "cancelled", "the server stopped");
    OK(submit(b, "retrain", NULL)); /* numbers go on */
    expect(b, "3", "done", "");
    jobs_free(b);
}

static void tell_times(struct bed *b, int n)
{
    for (int i = 0; i < n; i++)
        tell(b, "u1", "i1");
}

static size_t n_jobs(struct bed *b)
{
    buf_clear(&b->out);
    OK(live_jobs_json(b->l, &b->out, &b->err));
    json_t *all = answer(b);
    size_t n = json_array_size(json_object_get(all, "jobs"));
    json_decref(all);
    return n;
}

static void test_triggers(void **state)
{
    (void)state;
    struct bed bed, *b = &bed;
    make_jobs(b);
    json_object_set_new(b->p.retrain, "after_events", json_integer(3));
    open_engine(b);
    tell_times(b, 2);
    assert_int_equal(n_jobs(b), 0);
    tell_times(b, 1);
    while (n_jobs(b) == 0)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    expect(b, "1", "done", "");
    tell_times(b, 2);
    assert_int_equal(n_jobs(b), 1);
    close_engine(b);
    /* what came while nobody counted counts: all five are after the model's watermark */
    open_engine(b);
    while (n_jobs(b) == 1)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    expect(b, "2", "done", "");
    close_engine(b);
    json_object_del(b->p.retrain, "after_events");
    json_object_set_new(b->p.retrain, "every", json_string("24h")); /* a schedule, long overdue */
    write_text(b, "r/jobs.json",
               "[{\"id\":7,\"kind\":\"retrain\",\"model\":\"m\",\"state\":\"done\","
               "\"started\":\"2020-01-02T03:04:05Z\",\"ended\":\"2020-01-02T03:05:05Z\"}]");
    open_engine(b);
    while (n_jobs(b) == 1)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    expect(b, "8", "done", "");
    close_engine(b);
    open_engine(b); /* and not again before its time */
    assert_int_equal(n_jobs(b), 2);
    jobs_free(b);
}

static void test_not_set_up(void **state)
{
    (void)state;
    struct bed bed, *b = &bed;
    make_jobs(b);
    text_copy(b->program, sizeof b->program, "");
    open_engine(b);
    assert_int_equal(submit(b, "retrain", NULL), AKIN_E_UNSUPPORTED);
    assert_int_equal(live_jobs_json(b->l, &b->out, &b->err), AKIN_E_UNSUPPORTED);
    close_engine(b);
    text_copy(b->program, sizeof b->program, in(b, "akin"));
    json_object_del(b->p.retrain, "base"); /* exports only */
    open_engine(b);
    assert_int_equal(submit(b, "retrain", NULL), AKIN_E_UNSUPPORTED);
    OK(submit(b, "export", NULL));
    expect(b, "1", "done", "");
    assert_int_equal(count_files(b, "r/exports/m-*Z.jsonl"), 1);
    /* a second server on the folder */
    struct live *other = NULL;
    struct live_options options = {.params = &b->p};
    assert_int_equal(live_create(b->ctx, &options, &other, &b->err), AKIN_E_LIMIT);
    jobs_free(b);
}

/* The n-th allocation of a start, and of a job asked for, fails: nothing is lost, nothing stays. */
static void test_memory(void **state)
{
    (void)state;
    struct bed bed, *b = &bed;
    akin_status status;
    make_jobs(b);
    json_object_set_new(b->p.retrain, "after_events", json_integer(1000));
    open_engine(b);
    for (int64_t n = 1;; n++) {
        mem_fail_at(b->ctx->mem, n);
        status = submit(b, "export", NULL);
        mem_fail_at(b->ctx->mem, 0);
        if (status == AKIN_OK)
            break;
        assert_int_equal(status, AKIN_E_MEMORY);
    }
    expect(b, "1", "done", "");
    close_engine(b);
    struct live_options options = {.params = &b->p, .program = b->program};
    for (int64_t n = 1;; n++) {
        mem_fail_at(b->ctx->mem, n);
        status = live_create(b->ctx, &options, &b->l, &b->err);
        mem_fail_at(b->ctx->mem, 0);
        if (status == AKIN_OK)
            break;
        assert_int_equal(status, AKIN_E_MEMORY);
    }
    jobs_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_promotion),
        cmocka_unit_test(test_every_step_may_fail),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_queue_and_cancel),
        cmocka_unit_test(test_only_a_hundred_are_kept),
        cmocka_unit_test(test_the_end_in_the_middle),
        cmocka_unit_test(test_triggers),
        cmocka_unit_test(test_not_set_up),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
