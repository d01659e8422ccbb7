/* rng.c: the published vectors, the mapping, independence of streams, ranges. */
#include "setup.h"

#include "core/rng.h"

/* Random123's kat_vectors for philox4x32, 10 rounds. */
static void test_known_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t ctr[4];
        uint32_t key[2];
        uint32_t want[4];
    } rows[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t out[4];
        rng_philox(rows[i].ctr, rows[i].key, out);
        assert_memory_equal(out, rows[i].want, sizeof out);
    }
}

static void test_mapping(void **state)
{
    (void)state;
    /* seed 0, stream 0 (unused by anyone), index 0: the first vector, low word first. */
    assert_true(rng_u64(0, (enum rng_stream)0, 0, 0) == 0xe169c58d6627e8d5u);
    assert_true(rng_u64(0, (enum rng_stream)0, 0, 1) == 0x9b00dbd8bc57ac4cu);
    uint32_t ctr[4] = {0x89abcdef, 0x01234567, 5, (uint32_t)RNG_TEST << 24};
    uint32_t key[2] = {0x55667788, 0x11223344};
    uint32_t out[4];
    rng_philox(ctr, key, out);
    uint64_t draw = rng_u64(0x1122334455667788u, RNG_TEST, 0x0123456789abcdefu, 11);
    assert_true(draw == ((uint64_t)out[2] | (uint64_t)out[3] << 32));
}

static void test_sequence(void **state)
{
    (void)state;
    struct rng rng = rng_make(42, RNG_TEST, 9);
    for (uint64_t i = 0; i < 100; i++)
        assert_true(rng_next(&rng) == rng_u64(42, RNG_TEST, 9, i));
    assert_true(rng_u64(42, RNG_TEST, 9, 0) != rng_u64(42, RNG_SAMPLE, 9, 0));
    assert_true(rng_u64(42, RNG_TEST, 9, 0) != rng_u64(42, RNG_TEST, 10, 0));
    assert_true(rng_u64(42, RNG_TEST, 9, 0) != rng_u64(43, RNG_TEST, 9, 0));
}

static void test_double(void **state)
{
    (void)state;
    struct rng rng = rng_make(1, RNG_TEST, 0);
    double sum = 0;
    double squares = 0;
    int n = 200000;
    for (int i = 0; i < n; i++) {
        double x = rng_double(&rng);
        assert_true(x >= 0 && x < 1);
        sum += x;
        squares += x * x;
    }
    double mean = sum / n;
    double variance = squares / n - mean * mean;
    assert_true(mean > 0.497 && mean < 0.503);
    assert_true(variance > 0.0823 && variance < 0.0843);
}

static void test_below(void **state)
{
    (void)state;
    struct rng rng = rng_make(2, RNG_TEST, 0);
    int count[7] = {0};
    for (int i = 0; i < 70000; i++)
        count[rng_below(&rng, 7)]++;
    for (int i = 0; i < 7; i++)
        assert_true(count[i] > 9500 && count[i] < 10500);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(rng_below(&rng, 1), 0);
        uint64_t n = UINT64_MAX - 5; /* rejects often if n is just over half: try that too */
        assert_true(rng_below(&rng, n) < n);
        n = ((uint64_t)1 << 63) + 1;
        assert_true(rng_below(&rng, n) < n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers), cmocka_unit_test(test_mapping),
        cmocka_unit_test(test_sequence),      cmocka_unit_test(test_double),
        cmocka_unit_test(test_below),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
