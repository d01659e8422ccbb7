/* The log of trials: rows come back as they went in, after a restart too; one process at a time;
 * what is no log is refused by name. */
#include "store_setup.h"

#include "store/trials.h"

#include <sqlite3.h>

static struct trial_log *open_log(struct fixture *f)
{
    akin_error err;
    struct trial_log *log = NULL;
    akin_status status = trial_log_open(f->ctx, f->path, &log, &err);
    if (status != AKIN_OK)
        print_error("%s\n", err.message);
    assert_int_equal(status, AKIN_OK);
    return log;
}

static void refuse(struct fixture *f, const char *path, akin_status want, const char *words)
{
    akin_error err;
    struct trial_log *log = NULL;
    assert_int_equal(trial_log_open(f->ctx, path, &log, &err), want);
    if (!strstr(err.message, words))
        print_error("'%s' lacks '%s'\n", err.message, words);
    assert_non_null(strstr(err.message, words));
}

struct seen {
    int n;
    char text[512];
};

static akin_status on_row(void *arg, const struct trial_row *row, akin_error *err)
{
    (void)err;
    struct seen *s = arg;
    size_t at = strlen(s->text);
    snprintf(s->text + at, sizeof s->text - at, "%d.%d %s %s %s %s %g %d\n", (int)row->number,
             (int)row->rung, row->model, row->params, row->metrics ? row->metrics : "-",
             row->error ? row->error : "-", row->seconds, (int)row->peak_bytes);
    s->n++;
    return AKIN_OK;
}

static void expect(struct trial_log *log, const char *want)
{
    akin_error err;
    struct seen s = {0};
    assert_int_equal(trial_log_read(log, on_row, &s, &err), AKIN_OK);
    assert_string_equal(s.text, want);
}

static const struct trial_row good = {.number = 2,
                                      .rung = 0,
                                      .model = "ials",
                                      .params = "{\"a\":1}",
                                      .metrics = "{\"m\":0.5}",
                                      .seconds = 1.5,
                                      .peak_bytes = 7};
static const struct trial_row bad = {
    .number = 1, .rung = 1, .model = "ease", .params = "{}", .error = "it's broken"};

static void test_rows(void **state)
{
    static const char rows[] = "2.0 ials {\"a\":1} {\"m\":0.5} - 1.5 7\n"
                               "1.1 ease {} - it's broken 0 0\n";
    struct fixture *f = *state;
    akin_error err;
    struct trial_log *log = open_log(f);
    assert_string_equal(trial_log_study(log), "");
    assert_int_equal(trial_log_begin(log, "first", &err), AKIN_OK);
    assert_int_equal(trial_log_add(log, &bad, &err), AKIN_OK);
    assert_int_equal(trial_log_add(log, &good, &err), AKIN_OK);
    assert_int_not_equal(trial_log_add(log, &good, &err), AKIN_OK); /* the same trial twice */
    expect(log, rows);
    refuse(f, f->path, AKIN_E_LIMIT, "another process has it open");
    trial_log_close(log);
    log = open_log(f);
    assert_string_equal(trial_log_study(log), "first");
    expect(log, rows);
    assert_int_equal(trial_log_begin(log, "second", &err), AKIN_OK);
    expect(log, "");
    trial_log_close(log);
    log = open_log(f);
    assert_string_equal(trial_log_study(log), "second");
    trial_log_close(log);
}

static void change(struct fixture *f, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void test_refused(void **state)
{
    struct fixture *f = *state;
    char path[96];
    refuse(f, "/nowhere/at/all.db", AKIN_E_IO, "is its folder there?");
    change(f, "CREATE TABLE other(x)");
    refuse(f, f->path, AKIN_E_FORMAT, "a database of another program");
    unlink(f->path);
    trial_log_close(open_log(f));
    change(f, "PRAGMA user_version = 9");
    refuse(f, f->path, AKIN_E_VERSION, "made by a newer akin");
    change(f, "PRAGMA user_version = 1; DROP TABLE trials");
    refuse(f, f->path, AKIN_E_FORMAT, "damaged");
    unlink(f->path);
    /* A process that was killed before it made the tables leaves an empty file: a new log. */
    snprintf(path, sizeof path, "%s", f->path);
    fclose(fopen(path, "w"));
    trial_log_close(open_log(f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(test_refused, store_setup, store_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
