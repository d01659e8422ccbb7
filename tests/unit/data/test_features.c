/*
 * Features against reference values (tests/golden/make_features.py), the same by apply as by the
 * fit, from files and on any number of threads; strange columns.
 */
#include "unit/data/features_golden.h"

#include "core/ctx.h"
#include "data/features.h"
#include "data/words.h"
#include "store/container.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static akin_ctx *make_ctx(int threads)
{
    akin_ctx *ctx = NULL;
    akin_error err;
    assert_int_equal(ctx_create(threads, 1, 0, &ctx, &err), AKIN_OK);
    return ctx;
}

static void done_ctx(akin_ctx *ctx)
{
    assert_int_equal(mem_used(ctx->mem), 0);
    ctx_free(ctx);
}

static struct feature_options plain_options(void)
{
    return (struct feature_options){.language = WORDS_NONE,
                                    .ngrams = 1,
                                    .min_df = 1,
                                    .max_df = 1,
                                    .max_words = 1000,
                                    .bm25_k1 = 1.2,
                                    .bm25_b = .75,
                                    .bins = 4};
}

enum { MOST_COLS = 4 };

/* A table of n rows; cells by row, NULL = missing. */
static struct table make_table(akin_ctx *ctx, int n_cols, const char *const *names,
                               const enum col_type *types, int n,
                               const char *const (*cells)[MOST_COLS])
{
    struct table_builder *b = NULL;
    struct table t;
    akin_error err;
    int64_t n_bad = 0;
    assert_int_equal(table_builder_create(ctx, n_cols, names, types, &b, &err), AKIN_OK);
    for (int r = 0; r < n; r++) {
        int32_t size[MOST_COLS];
        for (int c = 0; c < n_cols; c++)
            size[c] = cells[r][c] ? (int32_t)strlen(cells[r][c]) : 0;
        assert_int_equal(table_builder_row(b, cells[r], size, &n_bad, &err), AKIN_OK);
    }
    assert_int_equal(table_builder_finish(b, NULL, n, &t, &err), AKIN_OK);
    return t;
}

static struct table docs_table(akin_ctx *ctx)
{
    static const char *const names[] = {"text"};
    static const enum col_type types[] = {COL_TEXT};
    const char *cells[GOLDEN_DOCS][MOST_COLS] = {{NULL}};
    for (int d = 0; d < GOLDEN_DOCS; d++)
        cells[d][0] = golden_docs[d];
    return make_table(ctx, 1, names, types, GOLDEN_DOCS, (const char *const(*)[MOST_COLS])cells);
}

static void expect_golden(int64_t weighting, double k1, double b, bool is_raw,
                          const double (*wanted)[GOLDEN_WORDS])
{
    akin_ctx *ctx = make_ctx(2);
    akin_error err;
    struct table t = docs_table(ctx);
    struct item_source source = {.items = &t};
    struct feature_options o = plain_options();
    struct features *f = NULL;
    struct csr x;
    char name[64];
    o.weighting = weighting;
    o.bm25_k1 = k1;
    o.bm25_b = b;
    o.is_raw = is_raw;
    assert_int_equal(features_fit(ctx, &o, &source, GOLDEN_DOCS, &f, &err), AKIN_OK);
    assert_int_equal(features_count(f), GOLDEN_WORDS);
    for (int w = 0; w < GOLDEN_WORDS; w++) {
        features_name(f, w, name, sizeof name);
        assert_string_equal(name, golden_words[w]);
    }
    assert_int_equal(features_matrix(f, &source, GOLDEN_DOCS, &x, &err), AKIN_OK);
    for (int d = 0; d < GOLDEN_DOCS; d++) {
        double row[GOLDEN_WORDS] = {0};
        for (int64_t e = x.ptr[d]; e < x.ptr[d + 1]; e++)
            row[x.col[e]] = (double)x.val[e];
        for (int w = 0; w < GOLDEN_WORDS; w++)
            if (fabs(row[w] - wanted[d][w]) > 1e-6 * (1 + wanted[d][w]))
                fail_msg("document %d, word %s: %.9g (wanted %.9g)", d, golden_words[w], row[w],
                         wanted[d][w]);
    }
    csr_free(ctx, &x);
    features_free(f);
    table_free(ctx, &t);
    done_ctx(ctx);
}

static void test_golden(void **state)
{
    (void)state;
    expect_golden(FEATURE_TFIDF, 1.2, .75, false, golden_tfidf);
    expect_golden(FEATURE_BM25, 1.2, .75, true, golden_bm25);
    expect_golden(FEATURE_BM25, 2, .3, true, golden_bm25_long);
}

/* ---- All kinds ----------------------------------------------------------------------------- */

static const char *const shop_names[] = {"title", "genres", "year", "same"};
static const enum col_type shop_types[] = {COL_TEXT, COL_CATEGORY, COL_NUMBER, COL_NUMBER};
static const char *const shop_cells[][MOST_COLS] = {
    {"Grand piano", "Music|Home", "1990", "7"},
    {"Piano stool", "Home", "1991", "7"},
    {"Violin", "Music", "2000", "7"},
    {NULL, "Music", "2001", "7"},
    {"Old violin", NULL, NULL, "7"},
    {"Stool", "Home", "2010", "7"},
};
enum { SHOP = sizeof shop_cells / sizeof shop_cells[0] };

static const int64_t shop_tag_off[] = {0, 5, 10, 13};
static const int64_t shop_tag_ptr[] = {0, 2, 2, 3, 3, 3, 3};
static const int32_t shop_tag[] = {0, 2, 1}, shop_tag_count[] = {3, 1, 1};
static const struct item_tags shop_tags = {
    shop_tag_ptr, shop_tag, shop_tag_count, {3, shop_tag_off, "CheapcheapOLD"}, false};

static float value_of(const struct features *f, const struct csr *x, int row, const char *name)
{
    for (int64_t e = x->ptr[row]; e < x->ptr[row + 1]; e++) {
        char own[300];
        features_name(f, x->col[e], own, sizeof own);
        if (strcmp(own, name) == 0)
            return x->val[e];
    }
    return 0;
}

static void near(float value, double wanted)
{
    if (fabs((double)value - wanted) > 1e-6)
        fail_msg("%.9g (wanted %.9g)", (double)value, wanted);
}

static void test_kinds(void **state)
{
    (void)state;
    akin_ctx *ctx = make_ctx(1);
    akin_error err;
    struct table t = make_table(ctx, 4, shop_names, shop_types, SHOP, shop_cells);
    struct item_source source = {.items = &t, .tags = &shop_tags};
    struct feature_options o = plain_options();
    struct features *f = NULL;
    struct csr x;
    o.is_raw = true;
    assert_int_equal(features_fit(ctx, &o, &source, SHOP, &f, &err), AKIN_OK);
    assert_int_equal(features_matrix(f, &source, SHOP, &x, &err), AKIN_OK);
    /* five items have genres, three of them music */
    near(value_of(f, &x, 0, "genres=Music"), 1 + log(6. / 4));
    near(value_of(f, &x, 4, "genres=Music"), 0);
    /* two items have tags; case is folded, people are added: 3 of Cheap */
    near(value_of(f, &x, 0, "cheap"), (1 + log(3)) * (1 + log(3. / 3)));
    near(value_of(f, &x, 2, "cheap"), 1 + log(3. / 3));
    /* years in bins of equal counts, a number that does not vary says nothing */
    near(value_of(f, &x, 0, "year=00"), 1);
    near(value_of(f, &x, 5, "year=03"), 1);
    near(value_of(f, &x, 0, "same=00"), 0);
    int32_t lo, hi, seen = 0;
    for (enum feature_kind kind = 0; kind < FEATURE_KINDS; kind++) {
        features_range(f, kind, &lo, &hi);
        assert_int_equal(lo, seen);
        assert_true(hi > lo);
        seen = hi;
    }
    assert_int_equal(seen, features_count(f));
    csr_free(ctx, &x);
    features_free(f);
    /* scaled: mean 1998.4, over five */
    o.bins = 0;
    assert_int_equal(features_fit(ctx, &o, &source, SHOP, &f, &err), AKIN_OK);
    assert_int_equal(features_matrix(f, &source, SHOP, &x, &err), AKIN_OK);
    double variance = (8.4 * 8.4 + 7.4 * 7.4 + 1.6 * 1.6 + 2.6 * 2.6 + 11.6 * 11.6) / 5;
    near(value_of(f, &x, 0, "year"), -8.4 / sqrt(variance));
    near(value_of(f, &x, 5, "year"), 11.6 / sqrt(variance));
    csr_free(ctx, &x);
    features_free(f);
    table_free(ctx, &t);
    done_ctx(ctx);
}

/* Thresholds: by items, by share, by number; names of columns. */
static void test_choices(void **state)
{
    (void)state;
    akin_ctx *ctx = make_ctx(1);
    akin_error err;
    struct table t = make_table(ctx, 4, shop_names, shop_types, SHOP, shop_cells);
    struct item_source source = {.items = &t};
    json_t *columns = json_pack("[s]", "title");
    struct feature_options o = plain_options();
    struct features *f = NULL;
    char name[64];
    o.columns = columns;
    assert_int_equal(features_fit(ctx, &o, &source, SHOP, &f, &err), AKIN_OK);
    assert_int_equal(features_count(f), 5); /* grand old piano stool violin */
    features_free(f);
    o.min_df = 2;
    assert_int_equal(features_fit(ctx, &o, &source, SHOP, &f, &err), AKIN_OK);
    assert_int_equal(features_count(f), 3);
    features_free(f);
    o.max_words = 2; /* all in two items: the first by name */
    assert_int_equal(features_fit(ctx, &o, &source, SHOP, &f, &err), AKIN_OK);
    features_name(f, 1, name, sizeof name);
    assert_string_equal(name, "stool");
    features_free(f);
    o.min_df = 1;
    o.max_df = .3;
    assert_int_equal(features_fit(ctx, &o, &source, SHOP, &f, &err), AKIN_OK);
    assert_int_equal(features_count(f), 2); /* grand, old */
    features_free(f);
    o.max_df = .1;
    assert_int_equal(features_fit(ctx, &o, &source, SHOP, &f, &err), AKIN_E_INPUT);
    assert_non_null(strstr(err.message, "max_df"));
    json_array_append_new(columns, json_string("nosuch"));
    assert_int_equal(features_fit(ctx, &o, &source, SHOP, &f, &err), AKIN_E_ARG);
    assert_non_null(strstr(err.message, "nosuch"));
    assert_non_null(strstr(err.message, "genres"));
    json_decref(columns);
    table_free(ctx, &t);
    done_ctx(ctx);
}

static void test_nothing(void **state)
{
    (void)state;
    akin_ctx *ctx = make_ctx(1);
    akin_error err;
    struct table none = {0};
    struct item_source source = {.items = &none};
    struct feature_options o = plain_options();
    struct features *f = NULL;
    assert_int_equal(features_fit(ctx, &o, &source, 3, &f, &err), AKIN_E_INPUT);
    assert_non_null(strstr(err.message, "--items"));
    done_ctx(ctx);
}

/* ---- The same again ------------------------------------------------------------------------ */

static bool equal(const struct csr *a, const struct csr *b)
{
    int64_t n = csr_nnz(a);
    return a->n_rows == b->n_rows && n == csr_nnz(b) &&
           memcmp(a->ptr, b->ptr, (size_t)(a->n_rows + 1) * sizeof *a->ptr) == 0 &&
           memcmp(a->col, b->col, (size_t)n * sizeof *a->col) == 0 &&
           memcmp(a->val, b->val, (size_t)n * sizeof *a->val) == 0;
}

enum { MANY = 500 };

/* Texts of many items from a small generator: enough for several waves of blocks. */
static struct table many_table(akin_ctx *ctx)
{
    struct table_builder *b = NULL;
    struct table t;
    akin_error err;
    int64_t n_bad = 0;
    uint32_t x = 7;
    assert_int_equal(table_builder_create(ctx, 4, shop_names, shop_types, &b, &err), AKIN_OK);
    for (int r = 0; r < MANY * 5; r++) {
        char title[256] = "", genre[16], year[16];
        for (int w = 0; w < 12; w++) {
            char word[16];
            x = x * 1664525 + 1013904223;
            snprintf(word, sizeof word, "w%u ", (unsigned)(x >> 20) % (1u << (w + 1)));
            strncat(title, word, sizeof title - strlen(title) - 1);
        }
        snprintf(genre, sizeof genre, "g%u", (unsigned)(x >> 10) % 7);
        snprintf(year, sizeof year, "%u", (unsigned)(x >> 8) % 100);
        const char *cells[] = {title, genre, year, NULL};
        int32_t size[] = {(int32_t)strlen(title), (int32_t)strlen(genre), (int32_t)strlen(year), 0};
        assert_int_equal(table_builder_row(b, cells, size, &n_bad, &err), AKIN_OK);
    }
    assert_int_equal(table_builder_finish(b, NULL, 0, &t, &err), AKIN_OK);
    return t;
}

/* One thread or three, the fit's spec or that of a file: the same bits; apply is the matrix's row.
 */
static void test_same(void **state)
{
    (void)state;
    char path[] = "/tmp/akin-features-XXXXXX";
    close(mkstemp(path));
    akin_ctx *ctx = make_ctx(3), *one = make_ctx(1);
    akin_error err;
    struct table t = many_table(ctx);
    struct item_source source = {.items = &t};
    struct feature_options o = plain_options();
    struct features *f = NULL, *g = NULL, *h = NULL;
    struct feature_reader *r = NULL;
    struct container_writer *w = NULL;
    struct container *c = NULL;
    struct csr a, b, d;
    int32_t n = (int32_t)t.n_rows;
    o.ngrams = 2;
    assert_int_equal(features_fit(ctx, &o, &source, n, &f, &err), AKIN_OK);
    assert_int_equal(features_fit(one, &o, &source, n, &g, &err), AKIN_OK);
    assert_int_equal(features_matrix(f, &source, n, &a, &err), AKIN_OK);
    assert_int_equal(features_matrix(g, &source, n, &b, &err), AKIN_OK);
    assert_true(equal(&a, &b));
    assert_int_equal(container_create(ctx, path, CONTAINER_MODEL, &w, &err), AKIN_OK);
    assert_int_equal(features_save(w, "x", f, &err), AKIN_OK);
    assert_int_equal(container_commit(w, &err), AKIN_OK);
    assert_int_equal(container_open(ctx, path, &c, &err), AKIN_OK);
    assert_int_equal(features_load(ctx, c, "x", &o, &h, &err), AKIN_OK);
    assert_int_equal(features_matrix(h, &source, n, &d, &err), AKIN_OK);
    assert_true(equal(&a, &d));
    assert_int_equal(feature_reader_create(h, &r, &err), AKIN_OK);
    for (int32_t i = 0; i < n; i += 97) {
        struct item_at at = {&source, i};
        struct attributes attributes = item_attributes(&at);
        struct feature_vector v;
        assert_int_equal(features_apply(r, &attributes, &v, &err), AKIN_OK);
        assert_int_equal(v.n, a.ptr[i + 1] - a.ptr[i]);
        assert_memory_equal(v.value, a.val + a.ptr[i], (size_t)v.n * sizeof *v.value);
    }
    feature_reader_free(r);
    csr_free(ctx, &a);
    csr_free(one, &b);
    csr_free(ctx, &d);
    features_free(f);
    features_free(g);
    features_free(h);
    container_close(c);
    table_free(ctx, &t);
    unlink(path);
    done_ctx(ctx);
    done_ctx(one);
}

/* What was said in events is text of the items. */
static void test_said(void **state)
{
    (void)state;
    akin_ctx *ctx = make_ctx(1);
    akin_error err;
    static const char *const names[] = {"review"};
    static const enum col_type types[] = {COL_TEXT};
    static const char *const cells[][MOST_COLS] = {{"warm sound"}, {"broke"}, {"warm and loud"}};
    static const int64_t ptr[] = {0, 2, 3, 3}, event[] = {0, 2, 1};
    struct table t = make_table(ctx, 1, names, types, 3, cells), none = {0};
    struct item_source source = {&none, NULL, &t, ptr, event};
    struct feature_options o = plain_options();
    struct features *f = NULL;
    struct csr x;
    o.is_raw = true;
    assert_int_equal(features_fit(ctx, &o, &source, 3, &f, &err), AKIN_OK);
    assert_int_equal(features_matrix(f, &source, 3, &x, &err), AKIN_OK);
    near(value_of(f, &x, 0, "warm"), (1 + log(2)) * (1 + log(3. / 2)));
    near(value_of(f, &x, 1, "broke"), 1 + log(3. / 2));
    assert_int_equal(x.ptr[3] - x.ptr[2], 0);
    csr_free(ctx, &x);
    features_free(f);
    table_free(ctx, &t);
    done_ctx(ctx);
}

static void test_memory(void **state)
{
    (void)state;
    akin_ctx *ctx = make_ctx(1);
    struct table t = make_table(ctx, 4, shop_names, shop_types, SHOP, shop_cells);
    struct item_source source = {.items = &t, .tags = &shop_tags};
    struct feature_options o = plain_options();
    int64_t before = mem_used(ctx->mem);
    for (int64_t n = 1;; n++) {
        struct features *f = NULL;
        struct csr x;
        akin_error err;
        mem_fail_at(ctx->mem, n);
        akin_status status = features_fit(ctx, &o, &source, SHOP, &f, &err);
        if (status == AKIN_OK)
            status = features_matrix(f, &source, SHOP, &x, &err);
        mem_fail_at(ctx->mem, 0);
        if (status == AKIN_OK)
            csr_free(ctx, &x);
        features_free(f);
        assert_int_equal(mem_used(ctx->mem), before);
        if (status == AKIN_OK)
            break;
        assert_int_equal(status, AKIN_E_MEMORY);
    }
    table_free(ctx, &t);
    done_ctx(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),  cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_choices), cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_same),    cmocka_unit_test(test_said),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
