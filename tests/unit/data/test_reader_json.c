/* The JSON scanner against jansson on good and bad texts, and its own rules on lists. */
#include "prepare_fixture.h"

#include "data/reader_json.h"

struct seen {
    char text[512];
};

static void see(void *arg, const char *key, int64_t key_size, enum json_kind kind,
                const char *value, int64_t size)
{
    struct seen *s = arg;
    size_t n = strlen(s->text);
    snprintf(s->text + n, sizeof s->text - n, "%.*s=%d:%.*s;", (int)key_size, key, (int)kind,
             (int)size, value ? value : "");
}

static bool scan(const char *text, struct seen *s)
{
    size_t n = strlen(text);
    char *scratch = malloc(n + 1), *exact = malloc(n + 1);
    memcpy(exact, text, n); /* no NUL behind: the scanner must not need one */
    s->text[0] = '\0';
    bool ok = json_scan_object(exact, (int64_t)n, scratch, see, s);
    free(scratch);
    free(exact);
    return ok;
}

static void test_good(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"{}", ""},
        {" { \"a\" : 1 } ", "a=1:1;"},
        {"{\"a\":\"x\\ty\",\"b\":-1.5e+3}", "a=0:x\ty;b=1:-1.5e+3;"},
        {"{\"a\":\"\\u00e9\\ud83d\\ude00\\/\"}", "a=0:\xc3\xa9\xf0\x9f\x98\x80/;"},
        {"{\"a\":[\"x\",\"\",2,null,true,{\"q\":[1]},[3],\"z\\\"\"]}", "a=4:x|2|true|z\";"},
        {"{\"a\":{\"b\":[1,{\"c\":\"\\n\"}]},\"d\":null,\"e\":false}", "a=5:;d=3:null;e=2:false;"},
        {"{\"\\u0061\":[]}", "a=4:;"},
    };
    struct seen s;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        assert_true(scan(pairs[i][0], &s));
        assert_string_equal(s.text, pairs[i][1]);
    }
}

static void test_bad(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":01}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":+1}",
        "{\"a\":1e}",
        "{\"a\":tru}",
        "{'a':1}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\udc00\"}",
        "{\"a\":\"\t\"}",
        "{\"a\":[1,]}",
        "{\"a\":[1}",
        "{\"a\":1}x",
        "[1]",
        "{\"a\":\"x}",
        "{\"a\":-}",
        "{\"a\":\"\\u12\"}",
        "{\"a\" 1}",
        "{a:1}",
        "{\"a\":{\"b\":}}",
    };
    struct seen s;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        json_t *tree = json_loads(texts[i], 0, NULL);
        assert_true(!tree || !json_is_object(tree));
        json_decref(tree);
        if (scan(texts[i], &s))
            fail_msg("accepted: %s", texts[i]);
    }
    char deep[400] = "{\"a\":";
    memset(deep + 5, '[', 100);
    assert_false(scan(deep, &s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_bad)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
