/* What the tests of the report share: datasets from arrays, comparison of JSON numbers. */
#ifndef TESTS_UNIT_REPORT_FIXTURE_H
#define TESTS_UNIT_REPORT_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/json.h"
#include "report/report.h"

/* Events in any order; value or time NULL = none; title (n_items) or NULL. */
struct report_events {
    int32_t n_users, n_items;
    int64_t n;
    const int32_t *user, *item;
    const float *value;
    const int64_t *time;
    int64_t n_tags; /* by item */
    const int32_t *tag_item;
    const char *const *title;
};

static inline void *fixture_new(akin_ctx *ctx, int64_t n, int64_t size)
{
    void *p = mem_zalloc(ctx, n, size, NULL);
    assert_non_null(p);
    return p;
}

/* Ids "0", "1", …: items keep their number, users get rank[]. */
static inline void fixture_ids(akin_ctx *ctx, int32_t n, bool is_sharded, struct ids *out,
                               int32_t *rank)
{
    int64_t *off = fixture_new(ctx, n + 1, sizeof *off);
    char *bytes = fixture_new(ctx, n + 1, 12);
    for (int32_t i = 0; i < n; i++)
        off[i + 1] = off[i] + snprintf(bytes + off[i], 12, "%d", i);
    assert_int_equal(ids_build(ctx, n, off, bytes, is_sharded, out, rank, NULL), AKIN_OK);
    mem_free(ctx, off);
    mem_free(ctx, bytes);
}

static inline void fixture_titles(akin_ctx *ctx, const char *const *title, int32_t n,
                                  struct table *out)
{
    static const char *const names[] = {"title", "genres"};
    static const enum col_type types[] = {COL_TEXT, COL_CATEGORY};
    struct table_builder *b = NULL;
    int64_t n_bad = 0;
    assert_int_equal(table_builder_create(ctx, 2, names, types, &b, NULL), AKIN_OK);
    for (int32_t i = 0; i < n; i++) {
        const char *cells[] = {title[i], i % 2 ? "odd|<b>" : "even"};
        const int32_t sizes[] = {(int32_t)strlen(title[i]), (int32_t)strlen(cells[1])};
        assert_int_equal(table_builder_row(b, cells, sizes, &n_bad, NULL), AKIN_OK);
    }
    assert_int_equal(table_builder_finish(b, NULL, n, out, NULL), AKIN_OK);
}

static inline void fixture_tags(akin_ctx *ctx, const struct report_events *in, struct dataset *ds)
{
    static const int64_t off[] = {0, 4, 8};
    int32_t *user = fixture_new(ctx, in->n_tags, sizeof *user);
    int32_t *item = fixture_new(ctx, in->n_tags, sizeof *item);
    int32_t *text = fixture_new(ctx, in->n_tags, sizeof *text);
    assert_int_equal(strtab_build(ctx, 2, off, "slowfast", &ds->tag_vocab, NULL, NULL), AKIN_OK);
    for (int64_t t = 0; t < in->n_tags; t++) {
        user[t] = t % 3 == 0 ? -1 : (int32_t)(t % in->n_users);
        item[t] = in->tag_item[t];
        text[t] = t % 5 == 0;
    }
    ds->n_tags = in->n_tags;
    ds->tag_user = user;
    ds->tag_item = item;
    ds->tag_text = text;
}

static inline struct dataset *fixture_dataset(akin_ctx *ctx, const struct report_events *in)
{
    struct dataset *ds = NULL;
    assert_int_equal(dataset_new(ctx, &ds, NULL), AKIN_OK);
    int32_t *rank = fixture_new(ctx, in->n_users, sizeof *rank);
    int64_t *ptr = fixture_new(ctx, in->n_users + 2, sizeof *ptr);
    int32_t *item = fixture_new(ctx, in->n, sizeof *item);
    float *value = in->value ? fixture_new(ctx, in->n, sizeof *value) : NULL;
    int64_t *time = in->time ? fixture_new(ctx, in->n, sizeof *time) : NULL;
    fixture_ids(ctx, in->n_users, true, &ds->users, rank);
    fixture_ids(ctx, in->n_items, false, &ds->items, NULL);
    for (int64_t e = 0; e < in->n; e++)
        ptr[rank[in->user[e]] + 2]++;
    for (int32_t u = 0; u < in->n_users; u++)
        ptr[u + 2] += ptr[u + 1];
    for (int64_t e = 0; e < in->n; e++) { /* leaves ptr[u + 1] at the end of u */
        int64_t at = ptr[rank[in->user[e]] + 1]++;
        item[at] = in->item[e];
        if (value)
            value[at] = in->value[e];
        if (time)
            time[at] = in->time[e];
    }
    ds->n_events = in->n;
    ds->user_ptr = ptr;
    ds->item = item;
    ds->value = value;
    ds->time = time;
    ds->time_kind = time ? TIME_UNIX : TIME_NONE;
    ds->item_table.n_rows = in->n_items;
    ds->user_table.n_rows = in->n_users;
    ds->event_table.n_rows = in->n;
    if (in->title)
        fixture_titles(ctx, in->title, in->n_items, &ds->item_table);
    if (in->n_tags > 0)
        fixture_tags(ctx, in, ds);
    mem_free(ctx, rank);
    return ds;
}

/* Every number, text and list of `want` is in `have`, numbers to 1e-9 relative. Returns how many
 * numbers were compared. */
static inline int64_t fixture_compare(const char *path, const json_t *want, const json_t *have)
{
    char inner[256];
    int64_t n = 0;
    if (json_is_object(want)) {
        const char *key;
        json_t *value;
        json_object_foreach((json_t *)(uintptr_t)want, key, value) {
            snprintf(inner, sizeof inner, "%.180s.%s", path, key);
            n += fixture_compare(inner, value, json_object_get(have, key));
        }
        return n;
    }
    if (json_is_array(want)) {
        if (json_array_size(want) != json_array_size(have))
            fail_msg("%s: %zu rows, expected %zu", path, json_array_size(have),
                     json_array_size(want));
        for (size_t i = 0; i < json_array_size(want); i++) {
            snprintf(inner, sizeof inner, "%.180s[%zu]", path, i);
            n += fixture_compare(inner, json_array_get(want, i), json_array_get(have, i));
        }
        return n;
    }
    if (!json_is_number(want)) {
        if (!json_equal(want, have))
            fail_msg("%s differs", path);
        return 0;
    }
    double a = json_number_value(want), b = json_number_value(have);
    if (!json_is_number(have) || fabs(a - b) > 1e-9 * fmax(fabs(a), 1e-3))
        fail_msg("%s: %.17g, expected %.17g", path, b, a);
    return 1;
}

#endif
