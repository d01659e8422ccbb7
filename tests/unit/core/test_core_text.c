/* text.c and hash.c: UTF-8, cleaning, copies, order, times, sums. */
#include "setup.h"

#include "core/hash.h"
#include "core/rng.h"
#include "core/text.h"

static void test_utf8(void **state)
{
    (void)state;
    static const char *const yes[] = {"",
                                      "a",
                                      "abcdefghijklmnop",
                                      "\xC2\x80",
                                      "\xDF\xBF",
                                      "\xE0\xA0\x80",
                                      "\xED\x9F\xBF",
                                      "\xEF\xBF\xBF",
                                      "\xF0\x90\x80\x80",
                                      "\xF4\x8F\xBF\xBF",
                                      "12345678\xC3\xA9"};
    static const char *const no[] = {"\x80",
                                     "\xC0\x80",
                                     "\xC1\xBF",
                                     "\xC3",
                                     "\xE0\x9F\xBF",
                                     "\xED\xA0\x80",
                                     "\xE2\x82",
                                     "\xF0\x8F\xBF\xBF",
                                     "\xF4\x90\x80\x80",
                                     "\xF5\x80\x80\x80",
                                     "\xFF",
                                     "\xC3(",
                                     "abcdefg\x80",
                                     "\xF0\x9F\x98",
                                     "\xE2\x28\xA1"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        assert_true(text_is_utf8(yes[i], strlen(yes[i])));
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        assert_false(text_is_utf8(no[i], strlen(no[i])));
    for (size_t at = 0; at < 20; at++) {
        char text[20];
        memset(text, 'a', sizeof text);
        text[at] = '\0';
        assert_false(text_is_utf8(text, sizeof text));
        text[at] = '\x7f';
        assert_true(text_is_utf8(text, sizeof text));
        text[at] = '\x01';
        assert_true(text_is_utf8(text, sizeof text));
    }
}

static void test_clean(void **state)
{
    (void)state;
    struct rng rng = rng_make(4, RNG_TEST, 0);
    print_message("seed 4\n");
    for (int i = 0; i < 20000; i++) {
        char text[16];
        for (size_t k = 0; k + 1 < sizeof text; k++)
            text[k] =
                (char)(rng_below(&rng, 2) ? 0x80 + rng_below(&rng, 128) : 1 + rng_below(&rng, 255));
        text[sizeof text - 1] = '\0';
        text_clean(text);
        assert_true(text_is_utf8(text, strlen(text)));
        for (size_t k = 0; text[k]; k++)
            assert_true((unsigned char)text[k] >= 0x20 && text[k] != 0x7f);
    }
}

static void test_copy(void **state)
{
    (void)state;
    char out[8];
    text_copy(out, sizeof out, "1234567");
    assert_string_equal(out, "1234567");
    text_copy(out, sizeof out, "12345678");
    assert_string_equal(out, "1234567");
    text_copy(out, sizeof out, "123456\xC3\xA9");
    assert_string_equal(out, "123456");
    text_copy(out, sizeof out, "12345\xC3\xA9z");
    assert_string_equal(out, "12345\xC3\xA9");
    text_copy(out, sizeof out, "1234\xF0\x9F\x98\x80");
    assert_string_equal(out, "1234");
    text_copy(out, sizeof out, "\x80\x80\x80\x80\x80\x80\x80\x80\x80");
    assert_int_equal(strlen(out), 7);
    text_copy(out, 1, "x");
    assert_string_equal(out, "");
}

static void test_compare(void **state)
{
    (void)state;
    assert_true(text_compare("a", 1, "b", 1) < 0);
    assert_true(text_compare("a", 1, "a", 1) == 0);
    assert_true(text_compare("a", 1, "ab", 2) < 0);
    assert_true(text_compare("b", 1, "ab", 2) > 0);
    assert_true(text_compare("\xff", 1, "a", 1) > 0);
    assert_true(text_compare(NULL, 0, "a", 1) < 0);
    assert_true(text_compare(NULL, 0, NULL, 0) == 0);
}

static bool is_time(const char *text, int64_t want)
{
    int64_t value = 0;
    if (!text_to_unix(text, strlen(text), &value))
        fail_msg("'%s' was refused", text);
    if (value != want)
        fail_msg("'%s' gave %lld", text, (long long)value);
    return true;
}

static void test_times(void **state)
{
    (void)state;
    is_time("1970-01-01", 0);
    is_time("1970-01-01T00:00:00Z", 0);
    is_time("2000-02-29 12:30", 951827400);
    is_time("2024-12-31T23:59:59.999Z", 1735689599);
    is_time("2024-12-31T23:59:60Z", 1735689600);
    is_time("1969-12-31T23:59:59Z", -1);
    is_time("2001-09-09t01:46:40z", 1000000000);
    is_time("2001-09-09T03:46:40+02:00", 1000000000);
    is_time("2001-09-09T03:46:40+0200", 1000000000);
    is_time("2001-09-08T20:46:40-05", 1000000000);
    is_time("0000-01-01", -62167219200);
    is_time("9999-12-31T23:59:59Z", 253402300799);
    static const char *const no[] = {"",
                                     "2001",
                                     "2001-13-01",
                                     "2001-00-01",
                                     "2001-02-29",
                                     "1900-02-29",
                                     "2001-04-31",
                                     "2001-01-00",
                                     "2001-1-1",
                                     "2001-01-01T",
                                     "2001-01-01T24:00",
                                     "2001-01-01T10:60",
                                     "2001-01-01T10:00:61",
                                     "2001-01-01T10:00:00.",
                                     "2001-01-01T10:00:00+25:00",
                                     "2001-01-01T10:00:00+1",
                                     "2001-01-01T10:00:00 Z",
                                     "2001-01-01Z",
                                     "2001/01/01",
                                     "x001-01-01",
                                     "2001-01-01T10:00:00+02:",
                                     "-001-01-01",
                                     "2001-01-01T10"};
    int64_t value;
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        if (text_to_unix(no[i], strlen(no[i]), &value))
            fail_msg("'%s' was taken for %lld", no[i], (long long)value);
}

static void test_times_back(void **state)
{
    (void)state;
    struct rng rng = rng_make(3, RNG_TEST, 0);
    print_message("seed 3\n");
    char text[32];
    for (int i = 0; i < 20000; i++) {
        int64_t time = (int64_t)rng_below(&rng, 253402300799u + 62167219200u) - 62167219200;
        int64_t back;
        text_from_unix(time, text, sizeof text);
        assert_int_equal(strlen(text), 20);
        assert_true(text_to_unix(text, 20, &back));
        assert_int_equal(back, time);
    }
    text_from_unix(951827400, text, sizeof text);
    assert_string_equal(text, "2000-02-29T12:30:00Z");
    text_from_unix(INT64_MAX, text, sizeof text);
    assert_string_equal(text, "292277026596-12-04T15:30:07Z");
    text_from_unix(INT64_MIN, text, sizeof text);
    assert_string_equal(text, "-292277022657-01-27T08:29:52Z");
}

static void test_hash(void **state)
{
    (void)state;
    /* XXH3's published value of the empty input, seed 0. */
    assert_true(hash_bytes("", 0, 0) == 0x2D06800538D394C2u);
    assert_true(hash_bytes("abc", 3, 0) != hash_bytes("abc", 3, 1));
    unsigned char data[5000];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i * 7);
    for (size_t step = 1; step < sizeof data; step = step * 3 + 1) {
        struct hash_state *hash = hash_begin();
        assert_non_null(hash);
        for (size_t i = 0; i < sizeof data; i += step)
            hash_add(hash, data + i, i + step < sizeof data ? step : sizeof data - i);
        hash_add(hash, NULL, 0);
        assert_true(hash_end(hash) == hash_bytes(data, sizeof data, 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8),  cmocka_unit_test(test_clean),
        cmocka_unit_test(test_copy),  cmocka_unit_test(test_compare),
        cmocka_unit_test(test_times), cmocka_unit_test(test_times_back),
        cmocka_unit_test(test_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
