/* csv.c: what a spreadsheet would run is disarmed, numbers stay numbers, and whatever was written
 * is read back as it was. */
#include "api/csv.h"
#include "core/rng.h"
#include "unit/core/setup.h"

static const char *written(akin_ctx *ctx, const char *text, bool is_safe, char *out, size_t size)
{
    struct buf buf;
    buf_init(&buf, ctx);
    csv_field(&buf, text, strlen(text), is_safe);
    snprintf(out, size, "%s", buf.data ? buf.data : "");
    buf_free(&buf);
    return out;
}

static void test_formulas_and_numbers(void **state)
{
    akin_ctx *ctx = *state;
    static const struct {
        const char *text, *safe, *raw;
    } cases[] = {
        {"plain", "plain", "plain"},
        {"", "", ""},
        {"42", "42", "42"},
        {"-5", "-5", "-5"},
        {"+5.25", "+5.25", "+5.25"},
        {"-1e3", "-1e3", "-1e3"},
        {"-.5", "-.5", "-.5"},
        {"-5+3", "\"'-5+3\"", "-5+3"},
        {"-inf", "\"'-inf\"", "-inf"},
        {"+", "\"'+\"", "+"},
        {"-a", "\"'-a\"", "-a"},
        {"=1+1", "\"'=1+1\"", "=1+1"},
        {"@SUM(A1)", "\"'@SUM(A1)\"", "@SUM(A1)"},
        {"\tx", "\"'\tx\"", "\"\tx\""},
        {"\rx", "\"'\rx\"", "\"\rx\""},
        {"\n=x", "\"'\n=x\"", "\"\n=x\""},
        {"=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\"", "=cmd|' /C calc'!A0"},
        {"=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"",
         "\"=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\""},
        {"\xef\xbc\x9d"
         "1",
         "\"'\xef\xbc\x9d"
         "1\"",
         "\xef\xbc\x9d"
         "1"},
        {"'=1", "\"''=1\"", "'=1"},
        {"''=1", "\"'''=1\"", "''=1"},
        {"'tis", "'tis", "'tis"},
        {"'-5", "'-5", "'-5"},
        {"a;=1", "\"a;=1\"", "\"a;=1\""},
        {"a,=1", "\"a,=1\"", "\"a,=1\""},
        {"a\"b", "\"a\"\"b\"", "\"a\"\"b\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[256];
        assert_string_equal(written(ctx, cases[i].text, true, out, sizeof out), cases[i].safe);
        assert_string_equal(written(ctx, cases[i].text, false, out, sizeof out), cases[i].raw);
    }
}

/* Lines of random fields from what matters to the format. */
static void test_read_back(void **state)
{
    akin_ctx *ctx = *state;
    static const char *const alphabet[] = {"=",  "+", "-", "@", "\t", "\r", "\n", "'",
                                           "\"", ",", ";", "a", "1",  ".",  " ",  "\xef\xbc\x9d"};
    enum { N_ALPHABET = sizeof alphabet / sizeof *alphabet, FIELDS = 4 };
    uint64_t seed = 17;
    struct rng rng = rng_make(seed, RNG_TEST, 0);
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < 20000; i++) {
        char field[FIELDS][64];
        struct buf buf;
        buf_init(&buf, ctx);
        for (int f = 0; f < FIELDS; f++) {
            field[f][0] = '\0';
            for (uint64_t n = rng_below(&rng, 7); n > 0; n--)
                strncat(field[f], alphabet[rng_below(&rng, N_ALPHABET)], 4);
            if (f > 0)
                buf_char(&buf, ',');
            csv_field(&buf, field[f], strlen(field[f]), true);
        }
        buf_text(&buf, "\nnext");
        char *end = csv_line_end(buf.data, ',');
        assert_string_equal(end, "\nnext");
        *end = '\0';
        char *at = buf.data;
        for (int f = 0; f < FIELDS; f++) {
            char *got;
            size_t size;
            assert_non_null(at);
            at = csv_next(at, ',', &got, &size);
            if (size != strlen(field[f]) || memcmp(got, field[f], size) != 0)
                fail_msg("field %d of line %d", f, i);
        }
        assert_null(at);
        buf_free(&buf);
    }
}

static void test_lines(void **state)
{
    (void)state;
    char open[] = "a,\"never closed\nb,c\n";
    assert_int_equal(csv_separator("user_id,item_id"), ',');
    assert_int_equal(csv_separator("user_id\titem_id, x"), '\t');
    assert_int_equal(csv_separator("\"a\tb\"\"\t\",c\td"), ',');
    assert_int_equal(csv_separator("alone\nthen\ttabs"), ',');
    assert_string_equal(csv_line_end(open, ','), "\nb,c\n");
    assert_string_equal(csv_line_end(open + 17, ','), "\n");
}

static int setup(void **state)
{
    *state = test_ctx_new(1, 0);
    return 0;
}

static int teardown(void **state)
{
    test_ctx_done(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_formulas_and_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_back, setup, teardown),
        cmocka_unit_test(test_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
