/* A base for catalogues: items "1", "2", … with a title, genres and a year. */
#ifndef AKIN_TESTS_CATALOG_FIXTURE_H
#define AKIN_TESTS_CATALOG_FIXTURE_H

#include "data/catalog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

struct base {
    akin_ctx *ctx;
    struct ids ids;
    struct table table;
    int32_t *count;
    struct catalog *catalog;
    akin_error err;
};

/* Title, genres, year of item i into cells; NULL = missing. texts: room for what is made. */
typedef void (*base_row)(int32_t i, const char *cells[3], char texts[3][128]);

static inline void base_make(struct base *b, int32_t n, base_row row, int64_t threads)
{
    static const char *const names[] = {"title", "genres", "year"};
    static const enum col_type types[] = {COL_TEXT, COL_CATEGORY, COL_NUMBER};
    int64_t *off;
    char *bytes;
    struct table_builder *builder;
    memset(b, 0, sizeof *b);
    assert_int_equal(ctx_create(threads, 1, 0, &b->ctx, NULL), AKIN_OK);
    off = mem_alloc(b->ctx, n + 1, sizeof *off, NULL);
    bytes = mem_alloc(b->ctx, (int64_t)n + 1, 12, NULL);
    b->count = mem_alloc(b->ctx, n + 1, sizeof *b->count, NULL);
    off[0] = 0;
    for (int32_t i = 0; i < n; i++) {
        off[i + 1] = off[i] + snprintf(bytes + off[i], 12, "%d", i + 1);
        b->count[i] = (int32_t)((uint32_t)i * 2654435761u % 1000);
    }
    assert_int_equal(ids_build(b->ctx, n, off, bytes, false, &b->ids, NULL, NULL), AKIN_OK);
    assert_int_equal(table_builder_create(b->ctx, row ? 3 : 0, names, types, &builder, NULL),
                     AKIN_OK);
    for (int32_t i = 0; i < n; i++) {
        const char *cells[3] = {0};
        char texts[3][128];
        int32_t sizes[3];
        int64_t n_bad = 0;
        if (row)
            row(i, cells, texts);
        for (int c = 0; c < 3; c++)
            sizes[c] = cells[c] ? (int32_t)strlen(cells[c]) : 0;
        assert_int_equal(table_builder_row(builder, cells, sizes, &n_bad, NULL), AKIN_OK);
        assert_int_equal(n_bad, 0);
    }
    assert_int_equal(table_builder_finish(builder, NULL, 0, &b->table, NULL), AKIN_OK);
    mem_free(b->ctx, off);
    mem_free(b->ctx, bytes);
}

static inline void base_open(struct base *b, int64_t max_items)
{
    assert_int_equal(
        catalog_create(b->ctx, &b->ids, &b->table, b->count, max_items, &b->catalog, &b->err),
        AKIN_OK);
}

/* Nothing may be left in memory. */
static inline void base_free(struct base *b)
{
    catalog_free(b->catalog);
    ids_free(b->ctx, &b->ids);
    table_free(b->ctx, &b->table);
    mem_free(b->ctx, b->count);
    assert_int_equal(mem_used(b->ctx->mem), 0);
    ctx_free(b->ctx);
}

/* json: attributes, NULL = none. Single quotes stand for double ones. */
static inline akin_status base_put(struct base *b, const char *id, const char *json, int32_t *item)
{
    json_t *object = NULL;
    char text[4096];
    int32_t none;
    if (json) {
        snprintf(text, sizeof text, "%s", json);
        for (char *at = text; *at; at++)
            *at = *at == '\'' ? '"' : *at;
        object = json_loads(text, JSON_DECODE_ANY, NULL);
        assert_non_null(object);
    }
    akin_status status =
        catalog_put(b->catalog, id, strlen(id), object, item ? item : &none, &b->err);
    json_decref(object);
    return status;
}

static inline int32_t base_find(const struct base *b, const char *id)
{
    return catalog_find(b->catalog, id, strlen(id));
}

static inline bool base_allows(const uint64_t *bits, int32_t item)
{
    return (bits[item >> 6] >> (item & 63) & 1) != 0;
}

/* The ids that a filter allows, by number: "1 3 x". seen: those with $seen true. */
static inline const char *base_filter(struct base *b, const char *text, bool seen)
{
    static char out[4096];
    const struct catalog_filter *f;
    size_t used = 0;
    int64_t n = 0;
    out[0] = '\0';
    assert_int_equal(catalog_filter(b->catalog, text, &f, &b->err), AKIN_OK);
    assert_true(f->version == catalog_version(b->catalog));
    assert_int_equal(f->n, catalog_size(b->catalog));
    for (int32_t i = 0; i < f->n; i++) {
        int32_t size;
        const char *id = catalog_id(b->catalog, i, &size);
        n += base_allows(f->allowed, i);
        if (base_allows(seen ? f->seen : f->allowed, i))
            used += (size_t)snprintf(out + used, sizeof out - used, "%s%.*s", used ? " " : "", size,
                                     id);
    }
    assert_int_equal(n, f->n_allowed);
    catalog_filter_release(b->catalog, f);
    return out;
}

/* The ids found, best first. */
static inline const char *base_search(struct base *b, const char *text, int32_t most)
{
    static char out[4096];
    int32_t items[64];
    size_t used = 0;
    out[0] = '\0';
    int32_t n = catalog_search(b->catalog, text, items, most);
    assert_true(n <= most);
    for (int32_t i = 0; i < n; i++) {
        int32_t size;
        const char *id = catalog_id(b->catalog, items[i], &size);
        used +=
            (size_t)snprintf(out + used, sizeof out - used, "%s%.*s", used ? " " : "", size, id);
    }
    return out;
}

/* The item as JSON. */
static inline const char *base_json(struct base *b, int32_t item)
{
    static char out[4096];
    struct buf buf;
    struct jw jw;
    buf_init(&buf, b->ctx);
    jw_init(&jw, &buf);
    jw_open(&jw, '{');
    catalog_enter(b->catalog);
    catalog_json(b->catalog, item, &jw);
    catalog_leave(b->catalog);
    jw_close(&jw, '}');
    snprintf(out, sizeof out, "%s", buf.data);
    buf_free(&buf);
    return out;
}

#endif
