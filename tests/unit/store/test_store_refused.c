/* The store: what is refused, with what is wrong: arguments, files that are none, a second opener.
 */
#include "unit/store/store_setup.h"

#include "core/file.h"

#include <sqlite3.h>

static void test_arguments(void **state)
{
    struct fixture *f = *state;
    static char long_id[STORE_ID_MAX + 2];
    static char long_context[STORE_JSON_MAX + 2];
    memset(long_id, 'x', STORE_ID_MAX + 1);
    memset(long_context, ' ', STORE_JSON_MAX + 1);
    const struct store_event good = make_event("e", "u", "i", "", 0);
    struct store_event bad[12];
    const char *const parts[12] = {"event_id is empty",
                                   "event_id is missing",
                                   "user_id is empty",
                                   "item_id is missing",
                                   "4096",
                                   "not UTF-8",
                                   "time=-1",
                                   "infinite",
                                   "event_type",
                                   "event_type is missing",
                                   "context",
                                   "context"};
    for (int i = 0; i < 12; i++)
        bad[i] = good;
    bad[0].event_id = "";
    bad[1].event_id = NULL;
    bad[2].user_id = "";
    bad[3].item_id = NULL;
    bad[4].user_id = long_id;
    bad[5].item_id = "\xff";
    bad[6].time = -1;
    bad[7].value = (double)INFINITY;
    bad[8].event_type = long_id;
    bad[9].event_type = NULL;
    bad[10].context = "\xc0\x80";
    bad[11].context = long_context;
    akin_error err;
    store_up(f);
    for (int i = 0; i < 12; i++) {
        const struct store_event two[2] = {good, bad[i]};
        struct store_write w = {.op = STORE_PUT_EVENTS, .events = two, .n = 2};
        assert_int_equal(store_write_wait(f->s, &w, &err), AKIN_E_ARG);
        assert_contains(err.message, parts[i]);
        assert_contains(err.message, "event 2 of 2");
    }
    const struct store_entity entities[] = {{.kind = STORE_ITEM, .id = ""},
                                            {.kind = (enum store_kind)7, .id = "a"}};
    const struct store_key key = {"a", NULL, "", "", 0, 0};
    struct store_write writes[] = {
        {.op = STORE_PUT_EVENTS, .events = &good, .n = 0},
        {.op = STORE_PUT_ENTITY},
        {.op = STORE_PUT_ENTITY, .entity = &entities[0]},
        {.op = STORE_PUT_KEY},
        {.op = STORE_PUT_ENTITY, .entity = &entities[1]},
        {.op = STORE_PUT_KEY, .key = &key},
        {.op = STORE_ERASE_USER},
        {.op = STORE_DELETE_KEY, .id = ""},
        {.op = (enum store_op)99},
    };
    for (size_t i = 0; i < sizeof writes / sizeof *writes; i++)
        assert_int_equal(store_write_wait(f->s, &writes[i], &err), AKIN_E_ARG);
    assert_int_equal(count_events(f->s), 0);
}

static akin_status try_open(struct fixture *f, const char *url, const struct store_options *o,
                            akin_error *err)
{
    struct store *s = NULL;
    akin_status status = store_open(f->ctx, url, o, &s, err);
    if (status == AKIN_OK)
        store_close(s);
    else
        assert_null(s);
    return status;
}

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void test_open_refused(void **state)
{
    struct fixture *f = *state;
    const struct store_options existing = {.must_exist = true}, reading = {.read_only = true};
    akin_error err;
    const char *const bad[] = {"", "sqlite:", "mysql:a", "a.sqlite", "sqlite:/tmp/", ".db"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(try_open(f, bad[i], NULL, &err), AKIN_E_ARG);
    assert_int_equal(try_open(f, "sqlite:/nowhere/at/all.db", NULL, &err), AKIN_E_NOT_FOUND);
    assert_int_equal(try_open(f, f->url, &existing, &err), AKIN_E_NOT_FOUND);
    assert_contains(err.message, "s.db");
    assert_int_equal(try_open(f, f->url, &reading, &err), AKIN_E_NOT_FOUND);
    assert_int_equal(access(f->path, F_OK), -1); /* nobody made it */

    assert_int_equal(file_write(f->ctx, f->path, "", 0, NULL), AKIN_OK);
    assert_int_equal(try_open(f, f->url, NULL, &err), AKIN_E_FORMAT);
    assert_contains(err.message, "empty");
    char text[5000];
    memset(text, 'a', sizeof text);
    assert_int_equal(file_write(f->ctx, f->path, text, sizeof text, NULL), AKIN_OK);
    assert_int_equal(try_open(f, f->url, NULL, &err), AKIN_E_FORMAT);
    assert_contains(err.message, "not a store");
    unlink(f->path);
    run_sql(f->path, "CREATE TABLE theirs(a)");
    assert_int_equal(try_open(f, f->url, NULL, &err), AKIN_E_FORMAT);
    assert_contains(err.message, "another program");
    unlink(f->path);
    store_up(f);
    put_event(f->s, "e", "u", "i");
    store_down(f);
    run_sql(f->path, "PRAGMA user_version = 7");
    assert_int_equal(try_open(f, f->url, NULL, &err), AKIN_E_VERSION);
    assert_contains(err.message, "newer akin: format 7");
    assert_int_equal(try_open(f, f->url, &reading, &err), AKIN_E_VERSION);
    run_sql(f->path, "PRAGMA user_version = 1; DROP INDEX events_user");
    assert_int_equal(try_open(f, f->url, NULL, &err), AKIN_E_FORMAT);
    assert_contains(err.message, "events_user");
    run_sql(f->path, "CREATE INDEX events_user ON events(user)");
    assert_int_equal(try_open(f, f->url, NULL, &err), AKIN_OK);
    run_sql(f->path, "UPDATE state SET seq = 0");
    assert_int_equal(try_open(f, f->url, NULL, &err), AKIN_E_FORMAT);
}

/* The log without its store: bringing a new, empty one would lose what is in there. */
static void test_orphan_log(void **state)
{
    struct fixture *f = *state;
    char wal[128];
    akin_error err;
    snprintf(wal, sizeof wal, "%s-wal", f->path);
    assert_int_equal(file_write(f->ctx, wal, "log", 3, NULL), AKIN_OK);
    assert_int_equal(try_open(f, f->url, NULL, &err), AKIN_E_FORMAT);
    assert_contains(err.message, "its log");
}

static void test_two_openers(void **state)
{
    struct fixture *f = *state;
    const struct store_options reading = {.read_only = true};
    struct store *reader = NULL;
    struct store_write w = {.op = STORE_ERASE_USER, .id = "u"};
    char pid[48], link_path[128], url[160];
    akin_error err;
    store_up(f);
    put_event(f->s, "e", "u", "i");
    assert_int_equal(try_open(f, f->url, NULL, &err), AKIN_E_LIMIT);
    snprintf(pid, sizeof pid, "process %ld ", (long)getpid());
    assert_contains(err.message, pid);
    snprintf(link_path, sizeof link_path, "%s/link.db", f->dir);
    assert_int_equal(symlink(f->path, link_path), 0);
    snprintf(url, sizeof url, "sqlite:%s", link_path);
    assert_int_equal(try_open(f, url, NULL, &err), AKIN_E_LIMIT);
    /* Readers are welcome, and see what is done. */
    assert_int_equal(store_open(f->ctx, f->url, &reading, &reader, NULL), AKIN_OK);
    assert_int_equal(count_events(reader), 1);
    put_event(f->s, "e2", "u", "i");
    assert_int_equal(count_events(reader), 2);
    assert_int_equal(store_submit(reader, &w, &err), AKIN_E_UNSUPPORTED);
    check_store(reader);
    store_close(reader);
    put_event(f->s, "e3", "u", "i"); /* closing the reader took no lock of ours away */
    assert_int_equal(try_open(f, f->url, NULL, &err), AKIN_E_LIMIT);
    store_down(f);
    store_up(f);
    assert_int_equal(count_events(f->s), 3);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)
    const struct CMUnitTest tests[] = {
        T(test_arguments),
        T(test_open_refused),
        T(test_orphan_log),
        T(test_two_openers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
