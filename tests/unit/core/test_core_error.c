/* error.c: the record, its cutting and cleaning, the status tables. */
#include "setup.h"

#include "core/error.h"
#include "core/text.h"

static void test_fills(void **state)
{
    (void)state;
    akin_error err;
    memset(&err, 0xff, sizeof err);
    assert_int_equal(
        error_set(&err, AKIN_E_ARG, "/a/b/some.c", 17, "x: k=%d (must be 1..%d)", 0, 9),
        AKIN_E_ARG);
    assert_int_equal(err.code, AKIN_E_ARG);
    assert_int_equal(err.line, 17);
    assert_string_equal(err.file, "some.c");
    assert_string_equal(err.message, "x: k=0 (must be 1..9)");
    assert_int_equal(sizeof err, 256);
}

static void test_null_record(void **state)
{
    (void)state;
    assert_int_equal(error_set(NULL, AKIN_E_IO, "f.c", 1, "%s", "text"), AKIN_E_IO);
}

static void test_wraps_itself(void **state)
{
    (void)state;
    akin_error err;
    error_set(&err, AKIN_E_IO, "f.c", 1, "inner");
    error_set(&err, AKIN_E_IO, "f.c", 2, "outer: %s", err.message);
    assert_string_equal(err.message, "outer: inner");
}

static void test_cuts_at_characters(void **state)
{
    (void)state;
    akin_error err;
    char text[1024];
    for (size_t pad = 0; pad < 5; pad++) {
        memset(text, 'a', pad);
        for (size_t i = pad; i + 5 < sizeof text; i += 4)
            memcpy(text + i, "\xF0\x9F\x98\x80", 5);
        error_set(&err, AKIN_E_INPUT, "f.c", 1, "%s", text);
        assert_true(text_is_utf8(err.message, strlen(err.message)));
        assert_true(strlen(err.message) >= sizeof err.message - 4);
    }
    memset(text, 'f', 100);
    text[100] = '\0';
    error_set(&err, AKIN_E_INPUT, text, 1, "m");
    assert_int_equal(strlen(err.file), sizeof err.file - 1);
}

static void test_cleans_data(void **state)
{
    (void)state;
    akin_error err;
    error_set(&err, AKIN_E_INPUT, "f.c", 1, "row '%s'", "a\x1b[31m\xff\xfe\nb\xC2\x9B");
    assert_string_equal(err.message, "row 'a?[31m???b?"
                                     "?'");
}

static void test_status_tables(void **state)
{
    (void)state;
    assert_string_equal(akin_status_name(AKIN_OK), "OK");
    assert_string_equal(akin_status_name(AKIN_E_CANCELLED), "E_CANCELLED");
    assert_int_equal(akin_status_exit(AKIN_OK), 0);
    assert_int_equal(akin_status_exit(AKIN_E_ARG), 2);
    assert_int_equal(akin_status_exit(AKIN_E_CANCELLED), 130);
    assert_int_equal(akin_status_exit(AKIN_E_IO), 1);
    assert_string_equal(akin_status_text(AKIN_E_IO), "input or output failed");
    assert_string_equal(akin_status_name((akin_status)999), "E_INTERNAL");
    assert_string_equal(akin_status_name((akin_status)-1), "E_INTERNAL");
    assert_string_equal(akin_version(), AKIN_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fills),        cmocka_unit_test(test_null_record),
        cmocka_unit_test(test_wraps_itself), cmocka_unit_test(test_cuts_at_characters),
        cmocka_unit_test(test_cleans_data),  cmocka_unit_test(test_status_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
