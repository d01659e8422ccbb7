/* The expression language: meaning, missing values, types, messages, bounds. */
#include "data/expr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Two rows over year (number), rank (number), title, author (text), genre (category). */
static int resolve(void *arg, const char *name, enum expr_type *type)
{
    static const char *const names[] = {"year",  "rank", "title",   "author",
                                        "genre", "id",   "odd name"};
    static const enum expr_type types[] = {EXPR_NUMBER, EXPR_NUMBER, EXPR_TEXT,  EXPR_TEXT,
                                           EXPR_SET,    EXPR_TEXT,   EXPR_NUMBER};
    (void)arg;
    for (int i = 0; i < 7; i++) {
        if (strcmp(name, names[i]) == 0) {
            *type = types[i];
            return i;
        }
    }
    return -1;
}

static bool has_var(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "seen") == 0;
}

static double number(const void *arg, int64_t row, int field)
{
    (void)arg;
    if (field == 0)
        return row == 0 ? 1995 : (double)NAN;
    if (field == 1)
        return row == 0 ? 7 : 2000;
    return 1;
}

static bool text(const void *arg, int64_t row, int field, int n, const char **out, int32_t *size)
{
    static const char *const genres[] = {"Comedy", "Drama"};
    (void)arg;
    if (field == 4) {
        if (row != 0 || n > 1)
            return false;
        *out = genres[n];
    } else {
        if (n > 0)
            return false;
        *out = field == 2 ? (row == 0 ? "Heat \"x\"" : "") : field == 3 ? "Zoe" : row ? "b" : "a";
    }
    *size = (int32_t)strlen(*out);
    return true;
}

static bool in_var(const void *arg, int64_t row, const char *name)
{
    (void)arg;
    assert_string_equal(name, "seen");
    return row == 1;
}

static const struct expr_names names = {
    .resolve = resolve, .hint = "year, rank, title, author, genre", .has_var = has_var};

static void test_meaning(void **state)
{
    /* text, row 0, row 1 (year, title and genre missing) */
    static const struct {
        const char *text;
        bool row0, row1;
    } cases[] = {
        {"year == 1995", true, false},
        {"year != 1995", false, false},
        {"year != 1996", true, false},
        {"not (year > 2000)", true, true},
        {"not year > 1990", false, true},
        {"1990 < year", true, false},
        {"1995 <= year and year <= +1995.0", true, false},
        {"year > -1e3", true, false},
        {"year < .5", false, false},
        {"year in [1, 1995, 3]", true, false},
        {"year not in [1, 1995, 3]", false, false},
        {"year not in [1, 2,]", true, false},
        {"year in []", false, false},
        {"not (year in [1])", true, true},
        {"year is missing", false, true},
        {"year is not missing", true, false},
        {"title is missing or genre is missing", false, true},
        {"year > rank", true, false},
        {"rank >= rank", true, true},
        {"title == \"Heat \\\"x\\\"\"", true, false},
        {"title == 'Heat \"x\"'", true, false},
        {"title >= \"Heat\"", true, false},
        {"title < author", true, false},
        {"title != \"a\"", true, false},
        {"author == \"\\u005aoe\"", true, true},
        {"author in [\"Zoe\", \"Ann\"]", true, true},
        {"genre == \"Drama\"", true, false},
        {"\"Drama\" == genre", true, false},
        {"genre != \"Drama\"", false, false},
        {"genre != \"War\"", true, false},
        {"genre in [\"War\", \"Comedy\"]", true, false},
        {"genre not in [\"War\", \"Comedy\"]", false, false},
        {"genre not in [\"War\"]", true, false},
        {"id in $seen", false, true},
        {"id not in $seen", true, false},
        {"not (id in $seen) and id == \"a\"", true, false},
        {"true", true, true},
        {"false or true and false", false, false},
        {"true or true and false", true, true},
        {"(true or true) and false", false, false},
        {"not not year is missing", false, true},
        {"`odd name` == 1", true, true},
        {"genre in [\"Comedy\",\"Drama\"] and year >= 1990 and not (id in $seen)", true, false},
    };
    akin_ctx *ctx = *state;
    akin_error err;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct expr *e = NULL;
        struct expr_row row = {.number = number, .text = text, .in_var = in_var};
        if (expr_compile(ctx, "filter", cases[i].text, &names, &e, &err) != AKIN_OK)
            fail_msg("%s: %s", cases[i].text, err.message);
        if (expr_eval(e, &row) != cases[i].row0)
            fail_msg("%s: row 0", cases[i].text);
        row.row = 1;
        if (expr_eval(e, &row) != cases[i].row1)
            fail_msg("%s: row 1", cases[i].text);
        struct expr_row nothing = {.row = 0};
        (void)expr_eval(e, &nothing);
        expr_free(e);
    }
    assert_int_equal(mem_used(ctx->mem), 0);
}

static void test_messages(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"year >= 1 and yaer >= 1990",
         "filter: column 15: unknown name 'yaer' (known: year, rank, title, author, genre), at "
         ">>yaer >= 1990"},
        {"year in [\"x\"]",
         "filter: column 10: the column is a number, so the list must hold numbers, at >>\"x\"]"},
        {"title in [1]",
         "filter: column 11: the column is no number, so the list must hold \"texts\", at >>1]"},
        {"title > 3", "filter: column 7: a text does not compare with a number, at >>> 3"},
        {"genre < \"a\"",
         "filter: column 7: a category has no order (use ==, != or in), at >>< \"a\""},
        {"genre == title",
         "filter: column 7: a category compares with a \"text\" only, at >>== title"},
        {"\"year\" > 1", "filter: column 1: neither side is a column (names stand without quotes), "
                         "at >>\"year\" > 1"},
        {"1 < 2", "filter: column 1: neither side is a column, at >>1 < 2"},
        {"1 < year < 3",
         "filter: column 10: comparisons do not chain (write a < b and b < c), at >>< 3"},
        {"year = 3", "filter: column 6: equality is written ==, at >>= 3"},
        {"year > 3 && rank > 1",
         "filter: column 10: logic is written and, or, not, at >>&& rank > 1"},
        {"year > 3 AND rank > 1", "filter: column 10: expected and, or or the end, at >>AND rank > "
                                  "1"},
        {"AND > 1", "filter: column 1: 'AND' is written in lower case, at >>AND > 1"},
        {"title == \"\xc3\xa9\" and x == 1",
         "filter: column 18: unknown name 'x' (known: year, rank, title, author, genre), at >>x == "
         "1"},
        {"(year > 3", "filter: column 1: ( without its closing ), at >>(year > 3"},
        {"(year > 3]", "filter: column 10: expected and, or or ), at >>]"},
        {"year > ", "filter: column 8: a column, number or \"text\" is missing here, at the end"},
        {"year", "filter: column 5: expected == != < <= > >=, in, not in or is missing after "
                 "'year', at the end"},
        {"year in 3", "filter: column 9: expected a [list] or a $variable, at >>3"},
        {"year in [1 2]", "filter: column 12: expected , or ] in the list, at >>2]"},
        {"year in [1, 2", "filter: column 9: list without its closing ], at >>[1, 2"},
        {"year is 3", "filter: column 9: expected `missing` or `not missing` (equality is written "
                      "==), at >>3"},
        {"year in $seen", "filter: column 1: only id can be in a $variable, at >>year in $seen"},
        {"id in $bought", "filter: column 7: unknown variable '$bought', at >>$bought"},
        {"id in $", "filter: column 7: a variable needs a name, as in $seen, at >>$"},
        {"title == \"abc", "filter: column 10: text without its closing \", at >>\"abc"},
        {"title == \"a\\", "filter: column 10: text without its closing \", at >>\"a\\"},
        {"title == \"a\\q\"", "filter: column 12: unknown escape (known: \\\" \\' \\\\ \\n \\t "
                              "\\uXXXX), at >>\\q\""},
        {"title == \"\\u0000\"", "filter: column 11: unknown escape (known: \\\" \\' \\\\ \\n \\t "
                                 "\\uXXXX), at >>\\u0000\""},
        {"`year > 3", "filter: column 1: name without its closing `, at >>`year > 3"},
        {"year > 1e999", "filter: column 8: not a number, at >>1e999"},
        {"year > 19x", "filter: column 8: not a number, at >>19x"},
        {"year > 3 # x", "filter: column 10: unexpected character, at >># x"},
        {"3", "filter: column 2: expected a comparison with a column, at the end"},
        {"  ", "filter: empty expression (for example: year >= 1990)"},
        {"title == \"\xff\"", "filter: not valid UTF-8"},
    };
    akin_ctx *ctx = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct expr *e = NULL;
        akin_error err;
        assert_int_equal(expr_compile(ctx, "filter", cases[i].text, &names, &e, &err),
                         AKIN_E_INPUT);
        assert_string_equal(err.message, cases[i].message);
        assert_null(e);
    }
    assert_int_equal(mem_used(ctx->mem), 0);
}

static void test_bounds(void **state)
{
    akin_ctx *ctx = *state;
    akin_error err;
    struct expr *e = NULL;
    char *big = malloc(70000);
    struct expr_row row = {.number = number};
    assert_non_null(big);
    /* A chain is no nesting. */
    size_t n = 0;
    for (int i = 0; i < 5000; i++) {
        memcpy(big + n, "rank < 0 or ", 12);
        n += 12;
    }
    memcpy(big + n, "rank > 0", 9);
    assert_int_equal(expr_compile(ctx, "filter", big, &names, &e, &err), AKIN_OK);
    assert_true(expr_eval(e, &row));
    expr_free(e);
    /* Nesting is bounded. */
    for (int depth = EXPR_MAX_DEPTH - 1; depth <= EXPR_MAX_DEPTH; depth++) {
        memset(big, '(', (size_t)depth);
        memcpy(big + depth, "rank>0", 6);
        memset(big + depth + 6, ')', (size_t)depth);
        big[2 * depth + 6] = '\0';
        akin_status want = depth < EXPR_MAX_DEPTH ? AKIN_OK : AKIN_E_INPUT;
        assert_int_equal(expr_compile(ctx, "filter", big, &names, &e, &err), want);
        if (want == AKIN_OK)
            expr_free(e);
    }
    assert_non_null(strstr(err.message, "nested deeper than 64"));
    memset(big, ' ', 69999);
    big[69999] = '\0';
    assert_int_equal(expr_compile(ctx, "filter", big, &names, &e, &err), AKIN_E_INPUT);
    assert_string_equal(err.message, "filter: longer than 65536 bytes");
    free(big);
}

static void test_questions(void **state)
{
    akin_ctx *ctx = *state;
    akin_error err;
    struct expr *e = NULL;
    double c[3];
    assert_int_equal(expr_compile(ctx, "filter",
                                  "year > 4 or year in [2, 4, 3] and id in $seen or title == 'x'",
                                  &names, &e, &err),
                     AKIN_OK);
    assert_true(expr_uses_var(e, "seen"));
    assert_false(expr_uses_var(e, "see"));
    assert_true(expr_uses_field(e, 0));
    assert_false(expr_uses_field(e, 1));
    assert_true(expr_uses_field(e, 2));
    assert_int_equal(expr_constants(e, 0, c, 3), 3);
    assert_true(c[0] == 2 && c[1] == 3 && c[2] == 4);
    assert_true(expr_constants(e, 0, c, 2) > 2);
    assert_int_equal(expr_constants(e, 1, c, 3), 0);
    expr_free(e);
    assert_int_equal(expr_compile(ctx, "filter", "year > rank", &names, &e, &err), AKIN_OK);
    assert_int_equal(expr_constants(e, 1, c, 3), -1);
    assert_true(expr_uses_field(e, 1));
    expr_free(e);
}

static void test_unicode(void **state)
{
    akin_ctx *ctx = *state;
    akin_error err;
    struct expr *e = NULL;
    const char *bad[] = {"author == '\\ud83d'", "author == '\\ud83dx'", "author == '\\udc00'",
                         "author == '\\ud83d\\u0041'", "author == '\\u12'"};
    for (int i = 0; i < 5; i++)
        assert_int_equal(expr_compile(ctx, "f", bad[i], &names, &e, &err), AKIN_E_INPUT);
    assert_int_equal(expr_compile(ctx, "f",
                                  "author in ['\\ud83d\\ude00', '\\u00e9', '\\u20AC', '\\t\\n']",
                                  &names, &e, &err),
                     AKIN_OK);
    expr_free(e);
}

static void test_memory(void **state)
{
    akin_ctx *ctx = *state;
    akin_error err;
    for (int64_t n = 1;; n++) {
        struct expr *e = NULL;
        mem_fail_at(ctx->mem, n);
        akin_status status = expr_compile(
            ctx, "filter", "year in [1,2,3] and (genre in [\"a\",\"b\"] or not id in $seen)",
            &names, &e, &err);
        mem_fail_at(ctx->mem, 0);
        expr_free(e);
        assert_int_equal(mem_used(ctx->mem), 0);
        if (status == AKIN_OK)
            break;
        assert_int_equal(status, AKIN_E_MEMORY);
    }
}

static int set_up(void **state)
{
    akin_ctx *ctx = NULL;
    if (ctx_create(1, 1, 0, &ctx, NULL) != AKIN_OK)
        return -1;
    *state = ctx;
    return 0;
}

static int tear_down(void **state)
{
    ctx_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meaning), cmocka_unit_test(test_messages),
        cmocka_unit_test(test_bounds),  cmocka_unit_test(test_questions),
        cmocka_unit_test(test_unicode), cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
