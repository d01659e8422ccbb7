/* yaml.c and env.c: types, forms, refusals with positions, ${NAME} from environment and .env. */
#include "setup.h"

#include "core/env.h"
#include "core/file.h"
#include "core/json.h"

#include <unistd.h>

/* The tree as compact sorted JSON equals want. */
static void check(akin_ctx *ctx, const char *yaml, const char *want)
{
    akin_error err;
    json_t *json = NULL;
    struct buf buf;
    buf_init(&buf, ctx);
    if (yaml_parse(ctx, "cfg", yaml, strlen(yaml), &json, &err) != AKIN_OK)
        fail_msg("refused: %s", err.message);
    assert_int_equal(json_write(json, &buf, &err), AKIN_OK);
    assert_string_equal(buf.data, want);
    json_decref(json);
    buf_free(&buf);
}

static void refuse(akin_ctx *ctx, const char *yaml, const char *part)
{
    akin_error err;
    json_t *json = NULL;
    if (yaml_parse(ctx, "cfg", yaml, strlen(yaml), &json, &err) != AKIN_E_INPUT)
        fail_msg("taken: %s", yaml);
    assert_null(json);
    assert_contains(err.message, part);
}

static void test_types(void **state)
{
    akin_ctx *ctx = *state;
    check(ctx, "", "null");
    check(ctx, "# only a comment\n", "null");
    check(ctx, "---\na: 1\n", "{\"a\":1}");
    check(ctx, "[null, ~, Null, NULL]", "[null,null,null,null]");
    check(ctx, "[true, True, FALSE, yes, no, on, off, tRue]",
          "[true,true,false,\"yes\",\"no\",\"on\",\"off\",\"tRue\"]");
    check(ctx, "[0, -1, 12, 007, +5, 9223372036854775807, 9223372036854775808, 0x1F, 0xg]",
          "[0,-1,12,\"007\",\"+5\",9223372036854775807,\"9223372036854775808\",31,\"0xg\"]");
    check(ctx, "[1.5, -2., .5, 1e3, 2E-2, .inf, .nan, nan, inf, 1e999, 1.2.3, '.', ., -, e, 1_000]",
          "[1.5,-2.0,0.5,1000.0,0.02,\".inf\",\".nan\",\"nan\",\"inf\",\"1e999\",\"1.2.3\",\".\","
          "\".\","
          "\"-\",\"e\",\"1_000\"]");
    check(ctx, "['1', \"true\", '~', \"a\\nb\\u00e9\"]",
          "[\"1\",\"true\",\"~\",\"a\\nb\xC3\xA9\"]");
    check(ctx, "2001-01-01", "\"2001-01-01\"");
    check(ctx, "a:\n", "{\"a\":null}");
}

static void test_forms(void **state)
{
    akin_ctx *ctx = *state;
    check(ctx,
          "name: movielens # why\n"
          "data:\n"
          "  interactions: {path: ratings.csv, columns: {user_id: userId}}\n"
          "models:\n"
          "  - {name: ials, factors: 64}\n"
          "  - name: best\n"
          "    of: [ials, popular]\n"
          "feedback: {positive: \"value >= 4\"}\n"
          "text: |\n"
          "  two\n"
          "  lines\n"
          "folded: >-\n"
          "  one\n"
          "  line\n",
          "{\"data\":{\"interactions\":{\"columns\":{\"user_id\":\"userId\"},\"path\":\"ratings."
          "csv\"}},"
          "\"feedback\":{\"positive\":\"value >= 4\"},\"folded\":\"one line\","
          "\"models\":[{\"factors\":64,\"name\":\"ials\"},{\"name\":\"best\",\"of\":[\"ials\","
          "\"popular\"]}],\"name\":\"movielens\",\"text\":\"two\\nlines\\n\"}");
    check(ctx, "url: sqlite:akin.db\nlisten: 127.0.0.1:8080\n",
          "{\"listen\":\"127.0.0.1:8080\",\"url\":\"sqlite:akin.db\"}");
    check(ctx,
          "\xEF\xBB\xBF"
          "a: b",
          "{\"a\":\"b\"}");
    check(ctx, "{\"json\": [1, {\"is\": \"yaml\"}]}", "{\"json\":[1,{\"is\":\"yaml\"}]}");
    check(ctx, "1: x\n'': y\n", "{\"\":\"y\",\"1\":\"x\"}");
}

static void test_refusals(void **state)
{
    akin_ctx *ctx = *state;
    refuse(ctx, "a: 1\nb: 2\na: 3\n", "cfg:3:1: key 'a' is given twice");
    refuse(ctx, "a: &x 1\n", "cfg:1:4: anchors");
    refuse(ctx, "a: &x [1]\n", "anchors");
    refuse(ctx, "&x a: 1\n", "anchors");
    refuse(ctx, "a: *x\n", "aliases");
    refuse(ctx, "*x : 1\n", "aliases");
    refuse(ctx, "a: !!str 1\n", "tags");
    refuse(ctx, "a: !x {b: 1}\n", "tags");
    refuse(ctx, "a: 1\n---\nb: 2\n", "cfg:2:1: a second document");
    refuse(ctx, "? [a]\n: 1\n", "a key must be text");
    refuse(ctx, "a: [1, 2\n", "cfg:2:1");
    refuse(ctx, "a:\n\t- 1\n", "cfg:2:1");
    refuse(ctx, "a: b: c\n", "cfg:1:5");
    refuse(ctx, "a: \"x\\0y\"\n", "NUL");
    refuse(ctx, "a: \xff\n", "cfg:1:");
    refuse(ctx, "\"\\0\": 1\n", "NUL");
    char deep[200];
    memset(deep, '[', 100);
    memset(deep + 100, ']', 99);
    deep[199] = '\0';
    refuse(ctx, deep, "cfg:1:66: nested deeper than 64");
    deep[64] = '1';
    memset(deep + 65, ']', 64);
    deep[129] = '\0';
    akin_error err;
    json_t *json = NULL;
    assert_int_equal(yaml_parse(ctx, "cfg", deep, 129, &json, &err), AKIN_OK);
    json_decref(json);
    json = NULL;
    assert_int_equal(yaml_parse(ctx, "cfg", "x", (size_t)20 << 20, &json, &err), AKIN_E_LIMIT);
}

static void test_environment(void **state)
{
    akin_ctx *ctx = *state;
    setenv("AKIN_TEST_A", "alpha", 1);
    setenv("AKIN_TEST_N", "8080", 1);
    setenv("AKIN_TEST_E", "1e5", 1);
    setenv("AKIN_TEST_Z", "", 1);
    setenv("AKIN_TEST_X", "${AKIN_TEST_A}: [", 1);
    check(ctx, "a: ${AKIN_TEST_A}\nb: x-${AKIN_TEST_A}-${AKIN_TEST_N}\nc: ${AKIN_TEST_N}\n",
          "{\"a\":\"alpha\",\"b\":\"x-alpha-8080\",\"c\":8080}");
    check(ctx,
          "[\"${AKIN_TEST_N}\", ${AKIN_TEST_E}, ${AKIN_TEST_Z}, '$${X}', $5, a$, \"$\", "
          "${AKIN_TEST_X}]",
          "[\"8080\",\"1e5\",\"\",\"${X}\",\"$5\",\"a$\",\"$\",\"${AKIN_TEST_A}: [\"]");
    check(ctx, "${AKIN_TEST_A}: 1", "{\"alpha\":1}");
    check(ctx, "{a: ${AKIN_TEST_A}, b: {c: x${AKIN_TEST_N}}} # ${comment}\n",
          "{\"a\":\"alpha\",\"b\":{\"c\":\"x8080\"}}");
    refuse(ctx, "[${AKIN_TEST_A}, ${AKIN_TEST_NONE}]", "cfg:1:18: ${AKIN_TEST_NONE} is set");
    refuse(ctx, "a: 1\nb: \xEF\xB7\x91\n", "cfg:2: noncharacter");
    check(ctx, "\xEF\xB7\x93", "\"\xEF\xB7\x93\"");
    unsetenv("AKIN_TEST_NONE");
    refuse(ctx, "x: 1\na: ${AKIN_TEST_NONE}\n", "cfg:2:4: ${AKIN_TEST_NONE} is set neither");
    refuse(ctx, "a: ${}\n", "expected ${NAME}");
    refuse(ctx, "a: ${A\n", "expected ${NAME}");
    refuse(ctx, "a: ${A:-b}\n", "expected ${NAME}");
    refuse(ctx, "a: '${'\n", "expected ${NAME}");
}

static void write_text(akin_ctx *ctx, const char *path, const char *text)
{
    assert_int_equal(file_write(ctx, path, text, (int64_t)strlen(text), NULL), AKIN_OK);
}

static void test_env_file(void **state)
{
    akin_ctx *ctx = *state;
    akin_error err;
    json_t *json = NULL;
    char dir[] = "/tmp/akin-test-yaml-XXXXXX";
    char env[64];
    char cfg[64];
    assert_non_null(mkdtemp(dir));
    snprintf(env, sizeof env, "%s/.env", dir);
    snprintf(cfg, sizeof cfg, "%s/c.yaml", dir);
    write_text(ctx, cfg,
               "a: ${AKIN_T1}\nb: ${AKIN_T2}\nc: ${AKIN_T3}\nd: ${AKIN_T4}\ne: ${AKIN_T5}\n");
    setenv("AKIN_T5", "outer", 1);
    write_text(
        ctx, env,
        "# comment\n\n  export AKIN_T1 = plain value # c\r\nAKIN_T2='single $x \\n # q' # c\n"
        "AKIN_T3=\"double \\\"q\\\" \\t|\"\nAKIN_T4=\nAKIN_T5=inner\nAKIN_T4=last#1");
    assert_int_equal(yaml_read_file(ctx, cfg, &json, &err), AKIN_OK);
    assert_string_equal(json_text(json, "a", ""), "plain value");
    assert_string_equal(json_text(json, "b", ""), "single $x \\n # q");
    assert_string_equal(json_text(json, "c", ""), "double \"q\" \t|");
    assert_string_equal(json_text(json, "d", ""), "last#1");
    assert_string_equal(json_text(json, "e", ""), "outer");
    json_decref(json);
    json = NULL;
    static const char *const bad[] = {"A=1\nno equal\n", "A=1\n1A=2\n", "A=1\nB='x\n",
                                      "A=1\nB=\"x\" y\n", "A=1\n=2\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        write_text(ctx, env, bad[i]);
        assert_int_equal(yaml_read_file(ctx, cfg, &json, &err), AKIN_E_INPUT);
        assert_contains(err.message, ".env:2: expected NAME=VALUE");
    }
    assert_int_equal(file_write(ctx, env, "A=\xff\n", 4, NULL), AKIN_OK);
    assert_int_equal(yaml_read_file(ctx, cfg, &json, &err), AKIN_E_INPUT);
    unlink(env);
    assert_int_equal(yaml_read_file(ctx, cfg, &json, &err), AKIN_E_INPUT);
    assert_contains(err.message, "c.yaml:1:4: ${AKIN_T1} is set neither");
    unlink(cfg);
    assert_int_equal(yaml_read_file(ctx, cfg, &json, &err), AKIN_E_NOT_FOUND);
    rmdir(dir);
}

static void test_lack(void **state)
{
    akin_ctx *ctx = *state;
    int64_t n = 1;
    for (;; n++) {
        akin_error err;
        json_t *json = NULL;
        mem_fail_at(ctx->mem, n);
        akin_status status = yaml_parse(ctx, "cfg", "a: [1, {b: c}]", 14, &json, &err);
        json_decref(json);
        assert_int_equal(mem_used(ctx->mem), 0);
        if (status == AKIN_OK)
            break;
        assert_int_equal(status, AKIN_E_MEMORY);
    }
    assert_true(n > 4);
    mem_fail_at(ctx->mem, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_types, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_forms, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_refusals, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_environment, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_env_file, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_lack, test_setup, test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
