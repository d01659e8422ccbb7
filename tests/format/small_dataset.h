/*
 * A small dataset with every optional part, and a deep comparison of datasets: for the tests of
 * data and of its files. Values are chosen so that each is exact in its type.
 */
#ifndef AKIN_TESTS_FORMAT_SMALL_DATASET_H
#define AKIN_TESTS_FORMAT_SMALL_DATASET_H

#include "data/dataset.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

enum { SMALL_USERS = 6, SMALL_ITEMS = 7, SMALL_EVENTS = 12, SMALL_TAGS = 5 };

/* A literal list as off/bytes. */
struct string_list {
    int64_t off[64];
    char bytes[1024];
    int64_t n;
};

static inline void string_list_add(struct string_list *list, const char *text)
{
    size_t size = strlen(text);
    memcpy(list->bytes + list->off[list->n], text, size);
    list->off[list->n + 1] = list->off[list->n] + (int64_t)size;
    list->n++;
}

static inline struct string_list string_list_of(int n, const char *const *texts)
{
    struct string_list list;
    memset(&list, 0, sizeof list);
    for (int i = 0; i < n; i++)
        string_list_add(&list, texts[i]);
    return list;
}

#define SMALL_COPY(ctx, to, from)                                                                  \
    do {                                                                                           \
        void *copy_ = mem_alloc((ctx), 1, sizeof(from), err);                                      \
        if (!copy_) {                                                                              \
            status = AKIN_E_MEMORY;                                                                \
            goto done;                                                                             \
        }                                                                                          \
        memcpy(copy_, (from), sizeof(from));                                                       \
        (to) = copy_;                                                                              \
    } while (0)

static inline akin_status small_table(akin_ctx *ctx, int32_t n_cols, const char *const *names,
                                      const enum col_type *types, const char *const *cells,
                                      int64_t n_rows, struct table *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct table_builder *b = NULL;
    int64_t n_bad = 0;
    AKIN_TRY(table_builder_create(ctx, n_cols, names, types, &b, err));
    for (int64_t r = 0; r < n_rows; r++) {
        int32_t sizes[8] = {0};
        const char *const *row = cells + r * n_cols;
        for (int32_t c = 0; c < n_cols; c++)
            sizes[c] = row[c] ? (int32_t)strlen(row[c]) : 0;
        AKIN_TRY(table_builder_row(b, row, sizes, &n_bad, err));
    }
    struct table_builder *last = b;
    b = NULL;
    AKIN_TRY(table_builder_finish(last, NULL, n_rows, out, err));
done:
    table_builder_abort(b);
    return status;
}

static inline akin_status small_tables(struct dataset *ds, akin_error *err)
{
    akin_status status = AKIN_OK;
    static const char *const item_names[] = {"title", "year", "genres"};
    static const enum col_type item_types[] = {COL_TEXT, COL_NUMBER, COL_CATEGORY};
    /* by item: -3 1 2 10 11 100 500; 100 has events and no cell, 500 a cell and no event */
    static const char *const items[] = {"Minus",
                                        "1990",
                                        "Drama",
                                        "One",
                                        NULL,
                                        "Comedy|Drama",
                                        "Tv\xc3\xa5",
                                        "2001.5",
                                        "Sci-Fi",
                                        "Ten",
                                        "x",
                                        "",
                                        "",
                                        "1985",
                                        NULL,
                                        NULL,
                                        NULL,
                                        NULL,
                                        "Five hundred",
                                        "-0.25",
                                        "Drama|Action|Drama"};
    static const char *const user_names[] = {"age", "group"};
    static const enum col_type user_types[] = {COL_NUMBER, COL_CATEGORY};
    static const char *const users[] = {"31", "a", "32", "b",  NULL, "a|c",
                                        "",   "",  "35", "ab", NULL, NULL};
    static const char *const event_names[] = {"text", "hour"};
    static const enum col_type event_types[] = {COL_TEXT, COL_NUMBER};
    static const char *const events[] = {"e0", "0", "e1", "1", "",   "2",  "e3",  "",
                                         "e4", "4", "e5", "5", "e6", "6",  "e7",  "7",
                                         "e8", "8", "e9", "9", NULL, "10", "e11", "11"};
    AKIN_TRY(
        small_table(ds->ctx, 3, item_names, item_types, items, SMALL_ITEMS, &ds->item_table, err));
    AKIN_TRY(
        small_table(ds->ctx, 2, user_names, user_types, users, SMALL_USERS, &ds->user_table, err));
    AKIN_TRY(small_table(ds->ctx, 2, event_names, event_types, events, SMALL_EVENTS,
                         &ds->event_table, err));
done:
    return status;
}

static inline akin_status small_dataset(akin_ctx *ctx, struct dataset **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct dataset *ds = NULL;
    static const char *const users[] = {"ann", "bob", "c\xc3\xa9line", "dan", "eve", "42"};
    static const char *const items[] = {"10", "2", "1", "500", "-3", "100", "11"};
    static const char *const types[] = {"view", "buy"};
    static const char *const tags[] = {"slow", "dark", "fun"};
    static const int64_t ptr[SMALL_USERS + 1] = {0, 3, 5, 8, 8, 9, 12};
    static const int32_t item[SMALL_EVENTS] = {0, 1, 5, 2, 2, 3, 4, 1, 5, 0, 0, 2};
    static const float value[SMALL_EVENTS] = {1, 2.5F, 3, 4, 5, 0.5F, 1.5F, 2, 3.5F, 4.5F, 1, 2};
    static const int64_t time[SMALL_EVENTS] = {100, 200, 200, 50,  60,  10,
                                               10,  30,  900, 400, 400, 500};
    static const uint8_t type[SMALL_EVENTS] = {0, 1, 0, 1, 1, 0, 0, 0, 1, 0, 1, 1};
    static const uint8_t role[SMALL_EVENTS] = {1, 0, 0, 0, 0, 1, 1, 0, 0, 1, 0, 0};
    static const int32_t tag_item[SMALL_TAGS] = {0, 0, 0, 2, 6};
    static const int32_t tag_user[SMALL_TAGS] = {-1, 0, 2, 1, 4};
    static const int32_t tag_text[SMALL_TAGS] = {1, 2, 0, 2, 1};
    static const int64_t tag_time[SMALL_TAGS] = {7, 8, 9, 10, 11};
    struct string_list list = string_list_of(SMALL_USERS, users);
    AKIN_TRY(dataset_new(ctx, &ds, err));
    AKIN_TRY(ids_build(ctx, list.n, list.off, list.bytes, true, &ds->users, NULL, err));
    list = string_list_of(SMALL_ITEMS, items);
    AKIN_TRY(ids_build(ctx, list.n, list.off, list.bytes, false, &ds->items, NULL, err));
    list = string_list_of(2, types);
    AKIN_TRY(strtab_build(ctx, 2, list.off, list.bytes, &ds->types, NULL, err));
    ds->n_events = SMALL_EVENTS;
    ds->time_kind = TIME_UNIX;
    ds->watermark = 77;
    SMALL_COPY(ctx, ds->user_ptr, ptr);
    SMALL_COPY(ctx, ds->item, item);
    SMALL_COPY(ctx, ds->value, value);
    SMALL_COPY(ctx, ds->time, time);
    SMALL_COPY(ctx, ds->type, type);
    SMALL_COPY(ctx, ds->role, role);
    AKIN_TRY(small_tables(ds, err));
    list = string_list_of(3, tags);
    AKIN_TRY(strtab_build(ctx, 3, list.off, list.bytes, &ds->tag_vocab, NULL, err));
    SMALL_COPY(ctx, ds->tag_user, tag_user);
    SMALL_COPY(ctx, ds->tag_item, tag_item);
    SMALL_COPY(ctx, ds->tag_text, tag_text);
    SMALL_COPY(ctx, ds->tag_time, tag_time);
    ds->n_tags = SMALL_TAGS;
    if (json_object_set_new(ds->card, "source", json_string("small")) != 0 ||
        json_object_set_new(ds->card, "rows", json_integer(SMALL_EVENTS)) != 0)
        AKIN_FAIL(AKIN_E_MEMORY, "card");
    *out = ds;
    ds = NULL;
done:
    dataset_free(ds);
    return status;
}

static inline void same_array(const void *a, const void *b, int64_t n, size_t size)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a && n > 0)
        assert_memory_equal(a, b, (size_t)n * size);
}

static inline void same_ids(const struct ids *a, const struct ids *b)
{
    assert_int_equal(a->n, b->n);
    assert_int_equal(a->is_numeric, b->is_numeric);
    assert_int_equal(a->is_sharded, b->is_sharded);
    same_array(a->off, b->off, (int64_t)a->n + 1, sizeof *a->off);
    same_array(a->bytes, b->bytes, a->off[a->n], 1);
    same_array(a->shard_ptr, b->shard_ptr, IDS_SHARDS + 1, sizeof *a->shard_ptr);
}

static inline void same_strtab(const struct strtab *a, const struct strtab *b)
{
    assert_int_equal(a->n, b->n);
    if (a->n > 0) {
        same_array(a->off, b->off, (int64_t)a->n + 1, sizeof *a->off);
        same_array(a->bytes, b->bytes, a->off[a->n], 1);
    }
}

static inline void same_table(const struct table *a, const struct table *b)
{
    assert_int_equal(a->n_cols, b->n_cols);
    for (int32_t c = 0; c < a->n_cols; c++) {
        const struct column *x = &a->cols[c];
        const struct column *y = &b->cols[c];
        assert_int_equal(a->n_rows, b->n_rows);
        assert_string_equal(x->name, y->name);
        assert_int_equal(x->type, y->type);
        same_array(x->num, y->num, a->n_rows, sizeof *x->num);
        same_array(x->off, y->off, a->n_rows + 1, sizeof *x->off);
        same_array(x->bytes, y->bytes, x->off ? x->off[a->n_rows] : 0, 1);
        same_array(x->ptr, y->ptr, a->n_rows + 1, sizeof *x->ptr);
        same_array(x->val, y->val, x->ptr ? x->ptr[a->n_rows] : 0, sizeof *x->val);
        same_strtab(&x->vocab, &y->vocab);
    }
}

static inline void same_dataset(const struct dataset *a, const struct dataset *b)
{
    int64_t n = a->n_events;
    same_ids(&a->users, &b->users);
    same_ids(&a->items, &b->items);
    assert_int_equal(n, b->n_events);
    same_array(a->user_ptr, b->user_ptr, (int64_t)a->users.n + 1, sizeof *a->user_ptr);
    same_array(a->item, b->item, n, sizeof *a->item);
    same_array(a->value, b->value, n, sizeof *a->value);
    same_array(a->time, b->time, n, sizeof *a->time);
    same_array(a->type, b->type, n, sizeof *a->type);
    same_array(a->role, b->role, n, sizeof *a->role);
    same_strtab(&a->types, &b->types);
    assert_int_equal(a->time_kind, b->time_kind);
    same_table(&a->item_table, &b->item_table);
    same_table(&a->user_table, &b->user_table);
    same_table(&a->event_table, &b->event_table);
    assert_int_equal(a->n_tags, b->n_tags);
    same_array(a->tag_user, b->tag_user, a->n_tags, sizeof *a->tag_user);
    same_array(a->tag_item, b->tag_item, a->n_tags, sizeof *a->tag_item);
    same_array(a->tag_text, b->tag_text, a->n_tags, sizeof *a->tag_text);
    same_array(a->tag_time, b->tag_time, a->n_tags, sizeof *a->tag_time);
    same_strtab(&a->tag_vocab, &b->tag_vocab);
    assert_int_equal(a->watermark, b->watermark);
    assert_true(json_equal(a->card, b->card));
}

#endif
