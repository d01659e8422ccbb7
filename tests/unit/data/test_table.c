/* Attribute tables: cells in and out, gathering, files. */
#include "format/small_dataset.h"

#include "core/rng.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

enum { SEED = 42 };

static akin_ctx *ctx;

static int set_up(void **state)
{
    (void)state;
    printf("seed %d\n", SEED);
    return ctx_create(2, SEED, 0, &ctx, NULL) == AKIN_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    int64_t used = mem_used(ctx->mem);
    ctx_free(ctx);
    return used == 0 ? 0 : -1;
}

static const char *const names[] = {"title", "year", "genres"};
static const enum col_type types[] = {COL_TEXT, COL_NUMBER, COL_CATEGORY};
static const char *const cells[] = {"Heat", "1995",   "Crime|Action|Crime",
                                    NULL,   "x",      NULL,
                                    "",     " 1",     "||Drama|",
                                    "\xff", "inf",    "\xfe|a",
                                    "Tail", "-0.125", "Action"};

static struct table make(const int64_t *order, int64_t n_rows, int64_t *n_bad)
{
    struct table_builder *b = NULL;
    struct table t;
    *n_bad = 0;
    assert_int_equal(table_builder_create(ctx, 3, names, types, &b, NULL), AKIN_OK);
    for (int r = 0; r < 5; r++) {
        const char *const *row = cells + (ptrdiff_t)r * 3;
        int32_t sizes[3];
        for (int c = 0; c < 3; c++)
            sizes[c] = row[c] ? (int32_t)strlen(row[c]) : -1;
        assert_int_equal(table_builder_row(b, row, sizes, n_bad, NULL), AKIN_OK);
    }
    assert_int_equal(table_builder_finish(b, order, n_rows, &t, NULL), AKIN_OK);
    return t;
}

static void check_cell(const struct table *t, const char *name, int64_t row, const char *want)
{
    char text[64];
    const struct column *col = table_find(t, name);
    assert_non_null(col);
    assert_int_equal(table_cell_text(col, row, text, sizeof text), strlen(want));
    assert_string_equal(text, want);
}

static void test_build(void **state)
{
    (void)state;
    int64_t n_bad;
    struct table t = make(NULL, 0, &n_bad);
    assert_int_equal(t.n_rows, 5);
    assert_int_equal(t.n_cols, 3);
    assert_int_equal(n_bad, 5); /* "x", " 1", bad title, inf, bad genres */
    check_cell(&t, "title", 0, "Heat");
    check_cell(&t, "title", 1, "");
    check_cell(&t, "title", 3, "");
    check_cell(&t, "title", 4, "Tail");
    check_cell(&t, "year", 0, "1995");
    check_cell(&t, "year", 1, "");
    check_cell(&t, "year", 4, "-0.125");
    assert_true(isnan(t.cols[1].num[2]) && isnan(t.cols[1].num[3]));
    check_cell(&t, "genres", 0, "Action|Crime");
    check_cell(&t, "genres", 1, "");
    check_cell(&t, "genres", 2, "Drama");
    check_cell(&t, "genres", 3, "");
    assert_int_equal(t.cols[2].vocab.n, 3);
    assert_int_equal(strtab_find(&t.cols[2].vocab, "Drama", 5), 2);
    assert_int_equal(strtab_find(&t.cols[2].vocab, "a", 1), -1);
    assert_null(table_find(&t, "nothing"));
    table_free(ctx, &t);
}

static void test_cell_is_cut(void **state)
{
    (void)state;
    int64_t n_bad;
    struct table t = make(NULL, 0, &n_bad);
    char text[8];
    assert_int_equal(table_cell_text(&t.cols[2], 0, text, sizeof text), 12);
    assert_string_equal(text, "Action|");
    assert_int_equal(table_cell_text(&t.cols[2], 0, NULL, 0), 12);
    assert_int_equal(table_cell_text(&t.cols[0], 0, text, 1), 4);
    assert_string_equal(text, "");
    table_free(ctx, &t);
}

static void test_order(void **state)
{
    (void)state;
    static const int64_t order[] = {4, -1, 2, 4};
    static const int64_t wrong[] = {5};
    static const int32_t map[] = {-1, -1, -1, 1, 2};
    static const int32_t too_far[] = {0, 1, 2, 3, 4};
    int64_t n_bad;
    struct table t = make(order, 4, &n_bad);
    struct table u;
    assert_int_equal(t.n_rows, 4);
    check_cell(&t, "title", 0, "Tail");
    check_cell(&t, "title", 1, "");
    check_cell(&t, "title", 3, "Tail");
    check_cell(&t, "genres", 0, "Action");
    check_cell(&t, "genres", 2, "Drama");
    check_cell(&t, "year", 3, "-0.125");
    assert_int_equal(t.cols[2].vocab.n, 2); /* Crime is gone */
    table_free(ctx, &t);
    t = make(NULL, 0, &n_bad);
    assert_int_equal(table_gather(ctx, &t, wrong, 1, &u, NULL), AKIN_E_INTERNAL);
    assert_int_equal(table_remap(ctx, &t, too_far, 4, &u, NULL), AKIN_E_INTERNAL);
    assert_int_equal(table_remap(ctx, &t, map, 4, &u, NULL), AKIN_OK);
    assert_int_equal(u.n_rows, 4);
    check_cell(&u, "title", 0, "");
    check_cell(&u, "title", 2, "Tail");
    check_cell(&u, "title", 3, "");
    check_cell(&u, "genres", 2, "Action");
    assert_int_equal(u.cols[2].vocab.n, 1);
    table_free(ctx, &u);
    assert_int_equal(table_gather(ctx, &t, NULL, 5, &u, NULL), AKIN_OK);
    same_table(&t, &u);
    table_free(ctx, &u);
    table_free(ctx, &t);
}

static void test_refuses(void **state)
{
    (void)state;
    static const char *const twice[] = {"a", "a"};
    static const char *const empty[] = {""};
    static const char *const bad[] = {"\xff"};
    char long_name[66] = {0};
    const char *longest[] = {long_name};
    struct table_builder *b = NULL;
    akin_error err;
    memset(long_name, 'n', 64);
    assert_int_equal(table_builder_create(ctx, 2, twice, types, &b, &err), AKIN_E_INPUT);
    assert_non_null(strstr(err.message, "'a' occurs twice"));
    assert_int_equal(table_builder_create(ctx, 1, empty, types, &b, &err), AKIN_E_INPUT);
    assert_int_equal(table_builder_create(ctx, 1, bad, types, &b, &err), AKIN_E_INPUT);
    assert_int_equal(table_builder_create(ctx, 1, longest, types, &b, &err), AKIN_E_INPUT);
    long_name[63] = '\0';
    assert_int_equal(table_builder_create(ctx, 1, longest, types, &b, &err), AKIN_OK);
    table_builder_abort(b);
    assert_int_equal(table_builder_create(ctx, TABLE_MAX_COLS + 1, names, types, &b, &err),
                     AKIN_E_LIMIT);
    table_builder_abort(NULL);
}

static void test_no_columns_no_rows(void **state)
{
    (void)state;
    struct table_builder *b = NULL;
    struct table t;
    int64_t n_bad = 0;
    assert_int_equal(table_builder_create(ctx, 0, NULL, NULL, &b, NULL), AKIN_OK);
    assert_int_equal(table_builder_row(b, NULL, NULL, &n_bad, NULL), AKIN_OK);
    assert_int_equal(table_builder_finish(b, NULL, 0, &t, NULL), AKIN_OK);
    assert_int_equal(t.n_rows, 1);
    table_free(ctx, &t);
    assert_int_equal(table_builder_create(ctx, 3, names, types, &b, NULL), AKIN_OK);
    assert_int_equal(table_builder_finish(b, NULL, 0, &t, NULL), AKIN_OK);
    assert_int_equal(t.n_rows, 0);
    assert_int_equal(t.cols[2].vocab.n, 0);
    table_free(ctx, &t);
}

/* Many categories, in rows of many; the same table whatever the order of rows. */
static void test_many_categories(void **state)
{
    (void)state;
    static const char *const name[] = {"c"};
    static const enum col_type type[] = {COL_CATEGORY};
    struct table t[2];
    char *text = malloc(1 << 16);
    int64_t n_bad = 0;
    assert_non_null(text);
    for (int back = 0; back < 2; back++) {
        struct table_builder *b = NULL;
        int64_t order[50];
        assert_int_equal(table_builder_create(ctx, 1, name, type, &b, NULL), AKIN_OK);
        for (int i = 0; i < 50; i++) {
            int r = back ? 49 - i : i;
            int32_t size = 0;
            order[r] = i;
            for (int k = 0; k < 60; k++)
                size += snprintf(text + size, 64, "|category number %d",
                                 (int)(rng_u64(SEED, RNG_TEST, (uint64_t)r, (uint64_t)k) % 1000));
            const char *cell = text;
            assert_int_equal(table_builder_row(b, &cell, &size, &n_bad, NULL), AKIN_OK);
        }
        assert_int_equal(table_builder_finish(b, order, 50, &t[back], NULL), AKIN_OK);
    }
    assert_true(t[0].cols[0].vocab.n > 900);
    same_table(&t[0], &t[1]);
    const struct column *col = &t[0].cols[0];
    for (int64_t r = 0; r < 50; r++) {
        for (int64_t i = col->ptr[r] + 1; i < col->ptr[r + 1]; i++)
            assert_true(col->val[i - 1] < col->val[i]);
    }
    table_free(ctx, &t[0]);
    table_free(ctx, &t[1]);
    free(text);
}

static void test_save_load(void **state)
{
    (void)state;
    char path[] = "/tmp/akin-table-XXXXXX";
    int fd = mkstemp(path);
    int64_t n_bad;
    struct table t = make(NULL, 0, &n_bad);
    struct table back;
    struct container_writer *w = NULL;
    struct container *c = NULL;
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(container_create(ctx, path, CONTAINER_MODEL, &w, NULL), AKIN_OK);
    assert_int_equal(table_save(w, "item_table", &t, NULL), AKIN_OK);
    assert_int_equal(container_commit(w, NULL), AKIN_OK);
    assert_int_equal(container_open(ctx, path, &c, NULL), AKIN_OK);
    assert_int_equal(table_load(ctx, c, "item_table", &back, NULL), AKIN_OK);
    same_table(&t, &back);
    check_cell(&back, "genres", 0, "Action|Crime");
    table_free(ctx, &back);
    assert_int_equal(table_load(ctx, c, "other", &back, NULL), AKIN_E_FORMAT);
    container_close(c);
    table_free(ctx, &t);
    unlink(path);
}

static akin_status build_and_gather(akin_error *err)
{
    static const int64_t order[] = {1, 0};
    struct table t, u;
    akin_status status = small_table(ctx, 3, names, types, cells, 2, &t, err);
    if (status != AKIN_OK)
        return status;
    status = table_gather(ctx, &t, order, 2, &u, err);
    table_free(ctx, &t);
    if (status == AKIN_OK)
        table_free(ctx, &u);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    int64_t used = mem_used(ctx->mem);
    akin_status status = AKIN_E_MEMORY;
    int64_t n = 0;
    while (status != AKIN_OK) {
        akin_error err;
        mem_fail_at(ctx->mem, ++n);
        status = build_and_gather(&err);
        mem_fail_at(ctx->mem, 0);
        assert_true(status == AKIN_OK || status == AKIN_E_MEMORY);
        assert_int_equal(mem_used(ctx->mem), used);
    }
    assert_true(n > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_build),         cmocka_unit_test(test_cell_is_cut),
        cmocka_unit_test(test_order),         cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_save_load),     cmocka_unit_test(test_no_columns_no_rows),
        cmocka_unit_test(test_out_of_memory), cmocka_unit_test(test_many_categories),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
