/* buf.c and jw.c: numbers that read back, locale, sticky errors, valid JSON. */
#include "setup.h"

#include "core/buf.h"
#include "core/rng.h"
#include "core/text.h"

#include <jansson.h>
#include <locale.h>
#include <math.h>

static const char *as_double(struct buf *buf, double value)
{
    buf_clear(buf);
    buf_double(buf, value);
    return buf->data;
}

static const char *as_float(struct buf *buf, float value)
{
    buf_clear(buf);
    buf_float(buf, value);
    return buf->data;
}

static void test_pieces(void **state)
{
    struct buf buf;
    buf_init(&buf, *state);
    assert_int_equal(buf_check(&buf, NULL), AKIN_OK);
    buf_text(&buf, "a");
    buf_char(&buf, 'b');
    buf_add(&buf, "\0c", 2);
    buf_printf(&buf, "%s-%d", "x", 5);
    buf_int(&buf, INT64_MIN);
    buf_int(&buf, 0);
    buf_int(&buf, INT64_MAX);
    static const char want[] = "ab\0cx-5-922337203685477580809223372036854775807";
    assert_int_equal(buf.size, sizeof want - 1);
    assert_memory_equal(buf.data, want, sizeof want);
    buf_clear(&buf);
    for (int i = 0; i < 100000; i++)
        buf_printf(&buf, "%d,", i % 10);
    assert_int_equal(buf.size, 200000);
    assert_int_equal(strlen(buf.data), 200000);
    buf_free(&buf);
}

static void test_sticks(void **state)
{
    akin_ctx *ctx = *state;
    akin_error err;
    for (int64_t n = 1; n < 4; n++) {
        struct buf buf;
        buf_init(&buf, ctx);
        mem_fail_at(ctx->mem, n);
        for (int i = 0; i < 200; i++)
            buf_printf(&buf, "%d ", i);
        mem_fail_at(ctx->mem, 0);
        assert_true(buf.failed);
        buf_text(&buf, "more");
        assert_int_equal(buf_check(&buf, &err), AKIN_E_MEMORY);
        buf_clear(&buf);
        buf_text(&buf, "again");
        assert_int_equal(buf_check(&buf, &err), AKIN_OK);
        assert_string_equal(buf.data, "again");
        buf_free(&buf);
    }
}

static void test_known_numbers(void **state)
{
    struct buf buf;
    buf_init(&buf, *state);
    assert_string_equal(as_double(&buf, 0), "0");
    assert_string_equal(as_double(&buf, -0.0), "-0");
    assert_string_equal(as_double(&buf, 1), "1");
    assert_string_equal(as_double(&buf, -4.5), "-4.5");
    assert_string_equal(as_double(&buf, 0.1), "0.1");
    assert_string_equal(as_double(&buf, 0.1 + 0.2), "0.30000000000000004");
    assert_string_equal(as_double(&buf, 100.25), "100.25");
    assert_string_equal(as_double(&buf, 1.0 / 3), "0.3333333333333333");
    assert_string_equal(as_double(&buf, 999999.999999), "999999.999999");
    assert_string_equal(as_double(&buf, 1e15), "1e+15");
    assert_string_equal(as_double(&buf, 5e-324), "4.94065645841247e-324");
    assert_string_equal(as_double(&buf, 1e300), "1e+300");
    assert_string_equal(as_double(&buf, (double)NAN), "nan");
    assert_string_equal(as_double(&buf, -(double)INFINITY), "-inf");
    assert_string_equal(as_float(&buf, 0.1f), "0.1");
    assert_string_equal(as_float(&buf, -3.25f), "-3.25");
    assert_string_equal(as_float(&buf, 16777216.0f), "16777216");
    assert_string_equal(as_float(&buf, 1.17549435e-38f), "1.1754944e-38");
    assert_string_equal(as_float(&buf, 0.333333343f), "0.33333334");
    buf_free(&buf);
}

static void test_round_trip(void **state)
{
    struct buf buf;
    struct rng rng = rng_make(5, RNG_TEST, 0);
    print_message("seed 5\n");
    buf_init(&buf, *state);
    for (int i = 0; i < 30000; i++) {
        uint64_t bits = rng_next(&rng);
        double value;
        double back;
        if (i % 3 == 0)
            value = (double)(int64_t)(bits % 2000000) / 1000 - 1000;
        else if (i % 3 == 1)
            value = rng_double(&rng);
        else
            memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        as_double(&buf, value);
        assert_true(text_to_double(buf.data, (size_t)buf.size, &back));
        assert_memory_equal(&back, &value, sizeof value);
        uint32_t half = (uint32_t)bits;
        float narrow;
        memcpy(&narrow, &half, sizeof narrow);
        if (i % 3 != 2)
            narrow = (float)value;
        if (!isfinite(narrow))
            continue;
        as_float(&buf, narrow);
        assert_true(buf.size <= 16);
        assert_true(text_to_double(buf.data, (size_t)buf.size, &back));
        float narrow_back = (float)back;
        assert_memory_equal(&narrow_back, &narrow, sizeof narrow);
    }
    buf_free(&buf);
}

/* The quick way of floats against the definition: the first of %.6g .. %.9g that reads back. */
static void test_float_as_printf(void **state)
{
    struct buf buf;
    struct rng rng = rng_make(6, RNG_TEST, 0);
    print_message("seed 6\n");
    buf_init(&buf, *state);
    for (int i = 0; i < 200000; i++) {
        char want[48];
        float value;
        /* 2^-14 .. 2^20; every other one at or beside a power of two */
        uint32_t bits = (uint32_t)rng_next(&rng);
        bits = (bits & 0x807fffffu) | (113 + (uint32_t)rng_below(&rng, 34)) << 23;
        if (i % 2)
            bits = (bits & 0xff800000u) + (uint32_t)rng_below(&rng, 5) - 2;
        memcpy(&value, &bits, sizeof value);
        if (value == truncf(value))
            continue;
        for (int digits = 6; digits <= 9; digits++) {
            snprintf(want, sizeof want, "%.*g", digits, (double)value);
            if (strtof(want, NULL) == value && (float)strtod(want, NULL) == value)
                break;
        }
        assert_string_equal(as_float(&buf, value), want);
    }
    buf_free(&buf);
}

static void test_locale(void **state)
{
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "C.UTF-8"};
    struct buf buf;
    double value;
    buf_init(&buf, *state);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!setlocale(LC_ALL, names[i]))
            continue;
        print_message("locale %s\n", names[i]);
        assert_string_equal(as_double(&buf, 1.0 / 3), "0.3333333333333333");
        assert_string_equal(as_float(&buf, 1.0f / 3), "0.33333334");
        assert_true(text_to_double("1.00000000000000000001e-30", 26, &value));
        assert_true(value == 1e-30);
    }
    setlocale(LC_ALL, "C");
    buf_free(&buf);
}

static void test_json(void **state)
{
    struct buf buf;
    struct jw jw;
    buf_init(&buf, *state);
    jw_init(&jw, &buf);
    jw_open(&jw, '{');
    jw_key(&jw, "a\"\n");
    jw_open(&jw, '[');
    jw_int(&jw, -3);
    jw_double(&jw, 0.25);
    jw_double(&jw, (double)NAN);
    jw_float(&jw, INFINITY);
    jw_float(&jw, 1.5f);
    jw_bool(&jw, true);
    jw_bool(&jw, false);
    jw_null(&jw);
    jw_close(&jw, ']');
    jw_key(&jw, "b");
    jw_open(&jw, '{');
    jw_close(&jw, '}');
    jw_key(&jw, "c");
    jw_string(&jw, "\x01\t\\/\xC3\xA9\xff\xC3");
    jw_key(&jw, "d");
    jw_string(&jw, NULL);
    jw_key(&jw, "e");
    jw_raw(&jw, "[1]");
    jw_key(&jw, "f");
    jw_string_n(&jw, "x\0y", 3);
    jw_close(&jw, '}');
    assert_string_equal(buf.data,
                        "{\"a\\\"\\n\":[-3,0.25,null,null,1.5,true,false,null],\"b\":{},"
                        "\"c\":\"\\u0001\\t\\\\/\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD\",\"d\":null,"
                        "\"e\":[1],\"f\":\"x\\u0000y\"}");
    json_t *json = json_loads(buf.data, JSON_ALLOW_NUL, NULL);
    assert_non_null(json);
    json_decref(json);
    buf_free(&buf);
}

/* Any bytes make a string that a strict reader takes. */
static void test_json_strings(void **state)
{
    struct buf buf;
    struct rng rng = rng_make(6, RNG_TEST, 0);
    print_message("seed 6\n");
    buf_init(&buf, *state);
    for (int i = 0; i < 3000; i++) {
        char text[24];
        size_t size = (size_t)rng_below(&rng, sizeof text);
        for (size_t k = 0; k < size; k++) {
            uint64_t draw = rng_next(&rng);
            static const unsigned char odd[] = {0xC3, 0xA9, 0xE2, 0x82, 0xAC, 0xF0,
                                                0x9F, 0x98, 0x80, '"',  '\\', 0xED};
            text[k] = (char)(draw & 1 ? odd[(draw >> 1) % sizeof odd] : (draw >> 8) % 256);
        }
        struct jw jw;
        buf_clear(&buf);
        jw_init(&jw, &buf);
        jw_string_n(&jw, text, size);
        json_t *json =
            json_loadb(buf.data, (size_t)buf.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        assert_non_null(json);
        if (text_is_utf8(text, size)) {
            assert_int_equal(json_string_length(json), size);
            assert_memory_equal(json_string_value(json), text, size);
        }
        json_decref(json);
    }
    buf_free(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pieces, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_sticks, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_known_numbers, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_float_as_printf, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_round_trip, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_locale, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_json, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_json_strings, test_setup, test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
