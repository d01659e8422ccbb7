/* json.c: strictness, positions in errors, sorted output that reads back, look-ups. */
#include "setup.h"

#include "core/file.h"
#include "core/json.h"

#include <unistd.h>

static akin_status parse(const char *text, json_t **out, akin_error *err)
{
    return json_parse("cfg", text, strlen(text), out, err);
}

static void test_refuses(void **state)
{
    (void)state;
    static const char *const rows[] = {"",
                                       "{",
                                       "{\"a\":1,\"a\":2}",
                                       "[1,]",
                                       "{} {}",
                                       "nul",
                                       "'a'",
                                       "{\"a\":01}",
                                       "\"\xff\"",
                                       "[1e999]",
                                       "\"\\u0000\"",
                                       "// x\n1",
                                       "99999999999999999999"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        akin_error err;
        json_t *json = NULL;
        if (parse(rows[i], &json, &err) != AKIN_E_INPUT)
            fail_msg("'%s' was taken", rows[i]);
        assert_null(json);
        assert_contains(err.message, "cfg:1:");
    }
    akin_error err;
    json_t *json = NULL;
    assert_int_equal(parse("{\n  \"a\": ?\n}", &json, &err), AKIN_E_INPUT);
    assert_contains(err.message, "cfg:2:");
    assert_int_equal(json_parse("cfg", NULL, 0, &json, &err), AKIN_E_INPUT);
    assert_int_equal(json_parse("cfg", "1", ((size_t)1 << 30) + 1, &json, &err), AKIN_E_LIMIT);
    static char deep[10001];
    memset(deep, '[', 10000);
    assert_int_equal(parse(deep, &json, &err), AKIN_E_INPUT);
}

static void test_writes(void **state)
{
    json_t *json = NULL;
    json_t *again = NULL;
    struct buf buf;
    buf_init(&buf, *state);
    assert_int_equal(
        parse("{\"b\":[1, 2.0, 0.1, 1e300, true,false,null], \"a\":{\"z\":{},\"y\":\"q\\\"\"},"
              "\"\xC3\xA9\":-5}",
              &json, NULL),
        AKIN_OK);
    assert_int_equal(json_write(json, &buf, NULL), AKIN_OK);
    assert_string_equal(
        buf.data, "{\"a\":{\"y\":\"q\\\"\",\"z\":{}},\"b\":[1,2.0,0.1,1e+300,true,false,null],"
                  "\"\xC3\xA9\":-5}");
    assert_int_equal(parse(buf.data, &again, NULL), AKIN_OK);
    assert_true(json_equal(json, again));
    json_decref(json);
    json_decref(again);
    buf_free(&buf);
    assert_int_equal(json_write(NULL, &buf, NULL), AKIN_E_MEMORY);
}

static void test_write_too_deep(void **state)
{
    akin_error err;
    struct buf buf;
    buf_init(&buf, *state);
    json_t *json = json_array();
    for (int i = 0; i < 3000; i++) {
        json_t *outer = json_array();
        json_array_append_new(outer, json);
        json = outer;
    }
    assert_int_equal(json_write(json, &buf, &err), AKIN_E_LIMIT);
    json_decref(json);
    buf_free(&buf);
}

static void test_write_lack(void **state)
{
    akin_ctx *ctx = *state;
    json_t *json = NULL;
    int64_t n = 1;
    assert_int_equal(parse("{\"b\":[1,{\"c\":2}],\"a\":{\"z\":\"text\"}}", &json, NULL), AKIN_OK);
    for (;; n++) {
        akin_error err;
        struct buf buf;
        buf_init(&buf, ctx);
        mem_fail_at(ctx->mem, n);
        akin_status status = json_write(json, &buf, &err);
        buf_free(&buf);
        assert_int_equal(mem_used(ctx->mem), 0);
        if (status == AKIN_OK)
            break;
        assert_int_equal(status, AKIN_E_MEMORY);
    }
    assert_true(n > 3);
    mem_fail_at(ctx->mem, 0);
    json_decref(json);
}

static void test_file(void **state)
{
    akin_ctx *ctx = *state;
    akin_error err;
    json_t *json = NULL;
    char path[] = "/tmp/akin-test-json-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(file_write(ctx, path, "{\"a\":1}\n", 8, &err), AKIN_OK);
    assert_int_equal(json_read_file(ctx, path, &json, &err), AKIN_OK);
    assert_int_equal(json_int(json, "a", 0), 1);
    json_decref(json);
    unlink(path);
    assert_int_equal(json_read_file(ctx, path, &json, &err), AKIN_E_NOT_FOUND);
}

static void test_lookups(void **state)
{
    (void)state;
    json_t *json = NULL;
    assert_int_equal(parse("{\"t\":\"x\",\"i\":3,\"r\":2.5}", &json, NULL), AKIN_OK);
    assert_string_equal(json_text(json, "t", "no"), "x");
    assert_string_equal(json_text(json, "i", "no"), "no");
    assert_null(json_text(json, "none", NULL));
    assert_int_equal(json_int(json, "i", 9), 3);
    assert_int_equal(json_int(json, "r", 9), 9);
    assert_int_equal(json_int(NULL, "r", 9), 9);
    assert_true(json_double(json, "r", 0) == 2.5);
    assert_true(json_double(json, "i", 0) == 3);
    assert_true(json_double(json, "t", -1) == -1);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_refuses, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_writes, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_write_too_deep, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_write_lack, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_file, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_lookups, test_setup, test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
