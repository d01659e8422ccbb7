/* filter.c: every kind of column, id, popularity, $seen, errors, memory. */
#include "data/ids.h"
#include "data/table.h"
#include "toy.h"

enum { N = 6 };

static const int64_t ID_OFF[N + 1] = {0, 1, 2, 3, 4, 5, 6};
static const struct ids IDS = {.n = N, .off = ID_OFF, .bytes = "abcdef"};
static const int32_t POPULARITY[N] = {5, 4, 3, 2, 1, 0};

static const double YEAR[N] = {1990, 1995, (double)NAN, 2000, 2005, 1980};
static const int64_t TITLE_OFF[N + 1] = {0, 3, 6, 6, 9, 12, 15};
static const int64_t GENRE_PTR[N + 1] = {0, 2, 3, 3, 4, 6, 7};
static const int32_t GENRE_VAL[7] = {0, 1, 0, 2, 1, 2, 1};
static const int64_t VOCAB_OFF[4] = {0, 6, 11, 17};

static struct table table_make(struct column *cols)
{
    memset(cols, 0, 3 * sizeof *cols);
    snprintf(cols[0].name, sizeof cols[0].name, "year");
    cols[0].type = COL_NUMBER;
    cols[0].num = YEAR;
    snprintf(cols[1].name, sizeof cols[1].name, "title");
    cols[1].type = COL_TEXT;
    cols[1].off = TITLE_OFF;
    cols[1].bytes = "OneTwoFouFivSix";
    snprintf(cols[2].name, sizeof cols[2].name, "genres");
    cols[2].type = COL_CATEGORY;
    cols[2].ptr = GENRE_PTR;
    cols[2].val = GENRE_VAL;
    cols[2].vocab = (struct strtab){3, VOCAB_OFF, "ComedyDramaHorror"};
    return (struct table){.n_rows = N, .n_cols = 3, .cols = cols};
}

/* The bits as text, item a first. */
static void bits_text(const uint64_t *bits, char *out)
{
    for (int i = 0; i < N; i++)
        out[i] = bits[0] >> i & 1 ? '1' : '0';
    out[N] = '\0';
}

static void check(akin_ctx *ctx, const char *text, const char *want, const char *want_seen)
{
    struct column cols[3];
    struct table items = table_make(cols);
    uint64_t *bits = NULL;
    uint64_t *seen = NULL;
    int64_t n;
    akin_error err;
    char got[N + 1];
    if (filter_bitmaps(ctx, text, &items, &IDS, POPULARITY, &bits, &seen, &n, &err) != AKIN_OK)
        fail_msg("%s: %s", text, err.message);
    bits_text(bits, got);
    assert_string_equal(got, want);
    assert_int_equal(n, __builtin_popcountll(bits[0]));
    assert_true((seen != NULL) == (want_seen != NULL));
    if (seen) {
        bits_text(seen, got);
        assert_string_equal(got, want_seen);
    }
    mem_free(ctx, bits);
    mem_free(ctx, seen);
}

static void test_columns(void **state)
{
    akin_ctx *ctx = *state;
    check(ctx, "year >= 1995", "010110", NULL);
    check(ctx, "year is missing", "001000", NULL);
    check(ctx, "title == \"Two\"", "010000", NULL);
    check(ctx, "title is missing", "001000", NULL);
    check(ctx, "title in [\"One\", \"Six\"]", "100001", NULL);
    check(ctx, "genres in [\"Comedy\"]", "110000", NULL);
    check(ctx, "genres == \"Drama\"", "100011", NULL);
    check(ctx, "genres is missing", "001000", NULL);
    check(ctx, "id == \"c\" or id in [\"e\"]", "001010", NULL);
    check(ctx, "popularity > 3", "110000", NULL);
    check(ctx, "genres in [\"Comedy\",\"Drama\"] and year >= 1990 and not (id in $seen)", "110010",
          "000000");
    check(ctx, "id in $seen or popularity == 0", "000001", "111111");
}

static void test_errors(void **state)
{
    akin_ctx *ctx = *state;
    struct column cols[3];
    struct table items = table_make(cols);
    uint64_t *bits = NULL;
    int64_t n;
    akin_error err;
    assert_int_equal(filter_bitmap(ctx, "yaer > 3", &items, &IDS, POPULARITY, &bits, &n, &err),
                     AKIN_E_INPUT);
    assert_contains(err.message, "yaer");
    assert_contains(err.message, "year, title, genres, id, popularity");
    assert_int_equal(filter_bitmap(ctx, "id in $other", &items, &IDS, POPULARITY, &bits, &n, &err),
                     AKIN_E_INPUT);
    assert_contains(err.message, "$other");
    assert_int_equal(filter_bitmap(ctx, "popularity > 1", NULL, &IDS, NULL, &bits, &n, &err),
                     AKIN_E_INPUT);
    assert_int_equal(filter_bitmap(ctx, "", &items, &IDS, POPULARITY, &bits, &n, &err),
                     AKIN_E_INPUT);
    items.n_rows = 3;
    assert_int_equal(filter_bitmap(ctx, "year > 1", &items, &IDS, POPULARITY, &bits, &n, &err),
                     AKIN_E_INTERNAL);
    assert_null(bits);
}

/* Without a table, and when memory lacks. */
static void test_bare(void **state)
{
    akin_ctx *ctx = *state;
    uint64_t *bits = NULL;
    uint64_t *seen = NULL;
    int64_t n;
    akin_error err;
    assert_int_equal(filter_bitmap(ctx, "id > \"b\"", NULL, &IDS, POPULARITY, &bits, &n, &err),
                     AKIN_OK);
    assert_int_equal(n, 4);
    mem_free(ctx, bits);
    akin_status status = AKIN_E_MEMORY;
    int64_t before = mem_used(ctx->mem);
    for (int i = 1; status != AKIN_OK; i++) {
        assert_true(i < 50);
        bits = NULL;
        seen = NULL;
        mem_fail_at(ctx->mem, i);
        status = filter_bitmaps(ctx, "id in $seen", NULL, &IDS, NULL, &bits, &seen, &n, &err);
        mem_fail_at(ctx->mem, 0);
        mem_free(ctx, bits);
        mem_free(ctx, seen);
        assert_int_equal(mem_used(ctx->mem), before);
    }
}

/* Users: their columns and id; what only items have is an unknown name. */
static void test_users(void **state)
{
    akin_ctx *ctx = *state;
    static const char *const bad[] = {"popularity > 1", "id in $seen", "price > 3"};
    struct column cols[3];
    struct table users = table_make(cols);
    uint64_t *bits = NULL;
    int64_t n;
    akin_error err;
    char got[N + 1];
    assert_int_equal(
        filter_users(ctx, "year >= 1995 or id == \"a\"", &users, &IDS, &bits, &n, &err), AKIN_OK);
    bits_text(bits, got);
    assert_string_equal(got, "110110");
    assert_int_equal(n, 4);
    mem_free(ctx, bits);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(filter_users(ctx, bad[i], &users, &IDS, &bits, &n, &err), AKIN_E_INPUT);
        assert_non_null(strstr(err.message, "unknown"));
    }
}

/* More items than a block: blocks meet at whole words. */
static void test_many(void **state)
{
    akin_ctx *ctx = *state;
    enum { MANY = 10007 };
    double *num = calloc(MANY, sizeof *num);
    int64_t *off = calloc(MANY + 1, sizeof *off);
    struct ids ids = {.n = MANY, .off = off, .bytes = ""};
    struct column col = {.name = "x", .type = COL_NUMBER, .num = num};
    struct table items = {.n_rows = MANY, .n_cols = 1, .cols = &col};
    uint64_t *bits;
    int64_t n;
    akin_error err;
    for (int32_t i = 0; i < MANY; i++)
        num[i] = i % 7;
    assert_int_equal(filter_bitmap(ctx, "x == 3", &items, &ids, NULL, &bits, &n, &err), AKIN_OK);
    for (int32_t i = 0; i < MANY; i++)
        assert_int_equal(bits[i / 64] >> (i % 64) & 1, i % 7 == 3);
    assert_int_equal(n, (MANY - 3 + 6) / 7);
    mem_free(ctx, bits);
    free(num);
    free(off);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_columns, toy_setup, toy_teardown),
        cmocka_unit_test_setup_teardown(test_errors, toy_setup, toy_teardown),
        cmocka_unit_test_setup_teardown(test_bare, toy_setup, toy_teardown),
        cmocka_unit_test_setup_teardown(test_users, toy_setup, toy_teardown),
        cmocka_unit_test_setup_teardown(test_many, toy_setup, toy_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
