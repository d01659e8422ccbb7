/* Defects: counts, samples in order, merging of chunks, refusal; the filters to a fixed point. */
#include "prepare_fixture.h"

#include "core/ctx.h"
#include "core/rng.h"
#include "data/clean_filter.h"

enum { SEED = 42 };

static void test_merge(void **state)
{
    (void)state;
    struct defects *a = calloc(1, sizeof *a), *b = calloc(1, sizeof *b);
    for (int i = 0; i < 3; i++)
        defects_add(a, DEFECT_MALFORMED, 0, i + 1, "abc\r\n", 5);
    for (int i = 0; i < 9; i++)
        defects_add(b, DEFECT_MALFORMED, 0, i + 1, "d\0\xff", 3);
    defects_add(b, DEFECT_BAD_VALUE, 0, 2, "v", 1);
    defects_merge(a, b, 100);
    assert_int_equal(a->n[DEFECT_MALFORMED], 12);
    assert_int_equal(defects_total(a), 13);
    const struct defect_sample *s = a->sample[DEFECT_MALFORMED];
    assert_string_equal(s[2].text, "abc");
    assert_int_equal(s[3].line, 101);
    assert_string_equal(s[3].text, "d??");
    assert_int_equal(s[4].line, 102);
    static const char *const names[] = {"f.csv"};
    akin_error err;
    assert_int_equal(defects_refuse(a, names, 1, &err), AKIN_E_INPUT);
    assert_non_null(strstr(err.message, "f.csv:1: malformed"));
    json_t *counts = defects_counts(a), *samples = defects_samples(a, names, 1);
    assert_int_equal(json_int(counts, "malformed", 0), 12);
    assert_int_equal(json_object_size(counts), 2);
    assert_int_equal(json_array_size(samples), 6);
    json_decref(counts);
    json_decref(samples);
    memset(b, 0, sizeof *b);
    assert_int_equal(defects_refuse(b, names, 1, &err), AKIN_OK);
    free(a);
    free(b);
}

/* The k-core by its definition: drop whatever is below until nothing is. */
static int64_t core_naive(int n, const int *user, const int *item, char *keep, int least)
{
    for (bool more = true; more;) {
        int count_u[64] = {0}, count_i[64] = {0};
        more = false;
        for (int e = 0; e < n; e++) {
            count_u[user[e]] += keep[e];
            count_i[item[e]] += keep[e];
        }
        for (int e = 0; e < n; e++) {
            if (keep[e] && (count_u[user[e]] < least || count_i[item[e]] < least)) {
                keep[e] = 0;
                more = true;
            }
        }
    }
    int64_t left = 0;
    for (int e = 0; e < n; e++)
        left += keep[e];
    return left;
}

static void test_core_property(void **state)
{
    (void)state;
    akin_ctx *ctx;
    printf("seed %d\n", SEED);
    assert_int_equal(ctx_create(2, SEED, 0, &ctx, NULL), AKIN_OK);
    for (int round = 0; round < 40; round++) {
        struct rng rng = rng_make(SEED, RNG_TEST, (uint64_t)round);
        enum { N = 160 };
        int user[N], item[N], n = 0;
        char keep[N], text[N * 16] = "user,item\n", seen[40][40] = {{0}};
        for (int e = 0; e < N; e++) {
            int u = (int)rng_below(&rng, 40), i = (int)rng_below(&rng, 40);
            if (seen[u][i])
                continue;
            seen[u][i] = 1;
            user[n] = u;
            item[n] = i;
            keep[n++] = 1;
            snprintf(text + strlen(text), sizeof text - strlen(text), "%d,%d\n", u, i);
        }
        int least = 2 + round % 3;
        int64_t want = core_naive(n, user, item, keep, least);
        char params[80];
        snprintf(params, sizeof params, "{\"min_user_events\":%d,\"min_item_events\":%d}", least,
                 least);
        struct prepared r = prepare_text(ctx, "k.csv", text, (int64_t)strlen(text), params);
        assert_int_equal(r.status, want ? AKIN_OK : AKIN_E_INPUT);
        if (r.ds) {
            assert_int_equal(r.ds->n_events, want);
            assert_int_equal(defects_sum(&r), n - want);
        }
        prepared_free(&r);
    }
    ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_merge),
                                       cmocka_unit_test(test_core_property)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
