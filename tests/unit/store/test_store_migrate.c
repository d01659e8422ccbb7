/*
 * Stores of an earlier release: opened for writing they are brought to the new format whole or not
 * at all; those of a later one are refused by name. The later formats are this test's own: today's
 * tables and one more each.
 */
#include "unit/store/store_setup.h"

#include "store/store_impl.h"

#define NOTES "CREATE TABLE notes(num INTEGER PRIMARY KEY, text TEXT NOT NULL)"
#define NOTES_TEXT "CREATE INDEX notes_text ON notes(text)"

/* Format 1 is today's, 2 has notes with a line from the events, 3 an index on them. */
static const char *const steps[] = {
    NULL, NOTES "; INSERT INTO notes SELECT seq, 'of ' || time FROM events", NOTES_TEXT};
static const char *const broken[] = {NULL, NOTES,
                                     "CREATE TABLE half(a); INSERT INTO nowhere "
                                     "VALUES (1)"};

struct later {
    struct store_object objects[32];
    struct store_schema schema;
};

static void later_make(struct later *l, int64_t format, const char *const *how)
{
    int n = store_schema.n_objects;
    assert_true(n + 2 <= 32);
    memcpy(l->objects, store_schema.objects, (size_t)n * sizeof *l->objects);
    if (format >= 2)
        l->objects[n++] = (struct store_object){"notes", NOTES};
    if (format >= 3)
        l->objects[n++] = (struct store_object){"notes_text", NOTES_TEXT};
    l->schema = (struct store_schema){format, l->objects, n, how};
}

static akin_status open_later(struct fixture *f, const struct later *l, bool read_only,
                              akin_error *err)
{
    const struct store_options options = {.read_only = read_only, .must_exist = true};
    return store_open_as(f->ctx, f->url, &options, &l->schema, &f->s, err);
}

static void make_old(struct fixture *f)
{
    store_up(f);
    put_event(f->s, "a", "u1", "i1");
    put_event(f->s, "b", "u2", "i2");
    put_entity(f->s, STORE_ITEM, "i1", "{\"title\":\"One\"}");
    store_down(f);
}

static int64_t count_notes(struct fixture *f)
{
    sqlite3 *db;
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM notes", -1, &stmt, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return n;
}

static void test_older_is_migrated(void **state)
{
    struct fixture *f = *state;
    akin_error err;
    for (int64_t format = 2; format <= 3; format++) {
        struct later l;
        struct store_info info;
        later_make(&l, format, steps);
        make_old(f);
        assert_int_equal(open_later(f, &l, true, &err), AKIN_E_VERSION);
        assert_contains(err.message, "akin store migrate");
        assert_int_equal(open_later(f, &l, false, &err), AKIN_OK);
        store_info(f->s, &info);
        assert_int_equal(info.format, format);
        assert_int_equal(info.format_was, 1);
        assert_int_equal(count_events(f->s), 2);
        check_store(f->s);
        put_event(f->s, "c", "u3", "i1");
        store_down(f);
        assert_int_equal(count_notes(f), 2);
        /* again: nothing is left to do, and reading needs no migration */
        assert_int_equal(open_later(f, &l, true, &err), AKIN_OK);
        store_info(f->s, &info);
        assert_int_equal(info.format_was, format);
        assert_int_equal(count_events(f->s), 3);
        store_down(f);
        /* the release before does not touch it, and says why */
        assert_int_equal(store_open(f->ctx, f->url, NULL, &f->s, &err), AKIN_E_VERSION);
        assert_contains(err.message, "newer akin");
        each_file(f->dir, NULL, NULL);
    }
}

static void test_all_or_nothing(void **state)
{
    struct fixture *f = *state;
    akin_error err;
    struct later l;
    make_old(f);
    later_make(&l, 3, broken);
    assert_int_not_equal(open_later(f, &l, false, &err), AKIN_OK);
    store_up(f); /* as it was */
    assert_int_equal(count_events(f->s), 2);
    check_store(f->s);
    store_down(f);
    later_make(&l, 3, steps);
    assert_int_equal(open_later(f, &l, false, &err), AKIN_OK);
    assert_int_equal(count_events(f->s), 2);
    check_store(f->s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_older_is_migrated, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(test_all_or_nothing, store_setup, store_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
