/* number.c: strictness, bounds, correct rounding against strtod. */
#include "setup.h"

#include "core/rng.h"
#include "core/text.h"

#include <math.h>

static bool is_int(const char *text, int64_t want)
{
    int64_t value = 77;
    return text_to_int(text, strlen(text), &value) && value == want;
}

static bool no_int(const char *text)
{
    int64_t value;
    return !text_to_int(text, strlen(text), &value);
}

static void test_int(void **state)
{
    (void)state;
    assert_true(is_int("0", 0) && is_int("-0", 0) && is_int("+7", 7) && is_int("007", 7));
    assert_true(is_int("9223372036854775807", INT64_MAX));
    assert_true(is_int("-9223372036854775808", INT64_MIN));
    assert_true(no_int("9223372036854775808") && no_int("-9223372036854775809"));
    assert_true(no_int("") && no_int("-") && no_int("+") && no_int(" 1") && no_int("1 "));
    assert_true(no_int("1.0") && no_int("0x10") && no_int("1e3") && no_int("--1"));
    assert_true(no_int("99999999999999999999999"));
    int64_t value;
    assert_true(text_to_int("123456", 3, &value) && value == 123);
    assert_false(text_to_int("1\0002", 3, &value));
}

static void test_canonical(void **state)
{
    (void)state;
    static const char *const yes[] = {"0", "1", "-1", "10", "-9223372036854775808"};
    static const char *const no[] = {"",    "-",  "-0", "00", "01",
                                     "-01", "+1", "1 ", "a",  "9223372036854775808"};
    int64_t value;
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        assert_true(text_is_canonical_int(yes[i], strlen(yes[i]), &value));
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        assert_false(text_is_canonical_int(no[i], strlen(no[i]), &value));
}

static void test_double_strict(void **state)
{
    (void)state;
    static const char *const no[] = {"",      ".",     "-",   "+",     "e5",     "1e",   "1e+",
                                     "1.2.3", " 1",    "1 ",  "0x1p3", "1,5",    "--1",  "infi",
                                     "na",    "1e5.0", "+-1", "1f",    "nan(1)", "1e5 ", "- 1"};
    double value;
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        if (text_to_double(no[i], strlen(no[i]), &value))
            fail_msg("'%s' was read as %g", no[i], value);
    assert_true(text_to_double("inf", 3, &value) && isinf(value) && value > 0);
    assert_true(text_to_double("-Infinity", 9, &value) && isinf(value) && value < 0);
    assert_true(text_to_double("NaN", 3, &value) && isnan(value));
    assert_true(text_to_double("-0", 2, &value) && value == 0 && signbit(value));
    assert_true(text_to_double("5.", 2, &value) && value == 5);
    assert_true(text_to_double(".5", 2, &value) && value == 0.5);
    assert_true(text_to_double("1.5garbage", 3, &value) && value == 1.5);
    assert_false(text_to_double("1\0", 2, &value));
}

static void check_like_strtod(const char *text)
{
    double mine;
    double want = strtod(text, NULL);
    if (!text_to_double(text, strlen(text), &mine))
        fail_msg("'%.60s' was refused", text);
    if (memcmp(&mine, &want, sizeof mine) != 0)
        fail_msg("'%.60s' gave %.17g, not %.17g", text, mine, want);
}

static void test_double_hard(void **state)
{
    (void)state;
    static const char *const rows[] = {"9007199254740993",
                                       "9007199254740992.5",
                                       "9007199254740993e0",
                                       "1e22",
                                       "1e23",
                                       "1e-22",
                                       "8.5e-23",
                                       "123456789012345678901234567890",
                                       "1.7976931348623157e308",
                                       "1.7976931348623159e308",
                                       "1e309",
                                       "1e-400",
                                       "4.9406564584124654e-324",
                                       "2.4703282292062327e-324",
                                       "2.4703282292062328e-324",
                                       "2.2250738585072011e-308",
                                       "0.000000000000000000000000000001",
                                       "1e99999999999999999999",
                                       "1e-99999999999999999999",
                                       "0e99999999999999999999",
                                       "179769313486231580793e289",
                                       "0.1e1",
                                       "00000000000000000000000001.5",
                                       "1.00000000000000000000",
                                       "100000000000000000000000000000000000000000000000000e-50",
                                       "0.3e-0",
                                       "3.0E+2",
                                       "9223372036854775807",
                                       "18446744073709551615",
                                       "18446744073709551616"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check_like_strtod(rows[i]);
    /* Half way between two doubles, and one digit far behind that decides. */
    static char text[4000];
    for (int tail = 0; tail < 3; tail++) {
        strncpy(text, "1.00000000000000011102230246251565404236316680908203125", sizeof text - 1);
        size_t n = strlen(text);
        memset(text + n, '0', 3000);
        text[n + 3000] = '\0';
        text[n + 2999] = (char)('0' + tail);
        check_like_strtod(text);
    }
    memset(text, '0', sizeof text - 1);
    text[1] = '.';
    memcpy(text + 3000, "123e3000", 9);
    check_like_strtod(text);
    memset(text, '1', 1500);
    memcpy(text + 1500, "e-1500", 7);
    check_like_strtod(text);
}

static void test_double_random(void **state)
{
    (void)state;
    struct rng rng = rng_make(8, RNG_TEST, 0);
    print_message("seed 8\n");
    for (int i = 0; i < 60000; i++) {
        char text[80];
        uint64_t bits = rng_next(&rng);
        double value;
        memcpy(&value, &bits, sizeof value);
        int digits = (int)rng_below(&rng, 25);
        if (!isfinite(value))
            continue;
        if (i % 2 == 0) {
            snprintf(text, sizeof text, "%.*e", digits, value);
        } else {
            snprintf(text, sizeof text, "%.*f", digits, rng_double(&rng) * 1e5);
        }
        check_like_strtod(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_int),           cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_double_strict), cmocka_unit_test(test_double_hard),
        cmocka_unit_test(test_double_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
