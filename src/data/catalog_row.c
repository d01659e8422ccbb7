/*
 * Attributes as JSON ↔ rows of the overlay.
 *
 * A row is one block that never changes: header, cells by column, texts, folded words, bytes. All
 * is checked and measured first, then laid out, so that a refused object leaves nothing behind.
 * Cost: O(keys × columns) name comparisons, one copy of the texts.
 * Not done: nested attributes, truth values, dates (numbers and texts say them).
 */
#include "data/catalog_impl.h"

#include "core/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* An attribute that is not missing, and its column. */
struct pair {
    int column;
    const json_t *value;
};

struct maker {
    struct catalog *c;
    const char *id;
    int id_size; /* what messages show of it */
    bool is_check;
    int n_columns;
    struct pair *pair;
    int64_t n_pairs, cap_pairs;
    int64_t n_texts, n_bytes;
    const json_t *title; /* borrowed, or NULL */
};

static const char *type_name(enum col_type type)
{
    return type == COL_NUMBER ? "a number" : type == COL_TEXT ? "a text" : "a list of texts";
}

/* 0 = neither of the three. */
static enum col_type type_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_INTEGER:
    case JSON_REAL:
        return COL_NUMBER;
    case JSON_STRING:
        return COL_TEXT;
    case JSON_ARRAY:
        return COL_CATEGORY;
    default:
        return (enum col_type)0;
    }
}

static akin_status check_text(struct maker *m, const char *key, const json_t *value,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *text = json_string_value(value);
    size_t size = json_string_length(value);
    if (!text || !text_is_utf8(text, size))
        AKIN_FAIL(AKIN_E_INPUT, "item '%.*s': '%s' %s", m->id_size, m->id, key,
                  text ? "is not UTF-8 or has a NUL" : "has a value that is no text in its list");
    m->n_bytes += (int64_t)size;
    if (m->n_bytes > CATALOG_ROW_MAX)
        AKIN_FAIL(AKIN_E_INPUT, "item '%.*s': more than %d bytes of texts", m->id_size, m->id,
                  CATALOG_ROW_MAX);
    m->n_texts++;
done:
    return status;
}

static akin_status check_list(struct maker *m, const char *key, const json_t *list, akin_error *err)
{
    akin_status status = AKIN_OK;
    size_t n = json_array_size(list);
    if (n > CATALOG_LIST_MAX)
        AKIN_FAIL(AKIN_E_INPUT, "item '%.*s': '%s' has %zu values (at most %d)", m->id_size, m->id,
                  key, n, CATALOG_LIST_MAX);
    for (size_t i = 0; i < n; i++) {
        const json_t *value = json_array_get(list, i);
        AKIN_TRY(check_text(m, key, value, err));
        if (memchr(json_string_value(value), '|', json_string_length(value)))
            AKIN_FAIL(AKIN_E_INPUT, "item '%.*s': '%s' has '%.80s', and '|' divides categories",
                      m->id_size, m->id, key, json_string_value(value));
    }
done:
    return status;
}

static bool is_missing(const json_t *value)
{
    if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value); i++) {
            if (json_string_length(json_array_get(value, i)) > 0)
                return false;
        }
        return true;
    }
    return json_is_null(value) || (json_is_string(value) && json_string_length(value) == 0);
}

/* A column of its own for a key that none has. */
static akin_status new_column(struct maker *m, const char *key, enum col_type type, akin_error *err)
{
    akin_status status = AKIN_OK;
    size_t size = strlen(key);
    if (size < 1 || size > TABLE_NAME_MAX || !text_is_utf8(key, size))
        AKIN_FAIL(AKIN_E_INPUT, "item '%.*s': attribute '%.80s' (must be 1..%d bytes of UTF-8)",
                  m->id_size, m->id, key, TABLE_NAME_MAX);
    if (m->n_columns >= TABLE_MAX_COLS)
        AKIN_FAIL(AKIN_E_INPUT, "item '%.*s': attribute '%s' would be one more than %d", m->id_size,
                  m->id, key, TABLE_MAX_COLS);
    if (!m->is_check) {
        struct cat_column *column = &m->c->column[m->n_columns];
        text_copy(column->name, sizeof column->name, key);
        column->type = type;
    }
    m->n_columns++;
done:
    return status;
}

static akin_status take_key(struct maker *m, const char *key, const json_t *value, size_t id_size,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    enum col_type type = type_of(value);
    enum col_type want = type;
    if (strcmp(key, "item_id") == 0) { /* what a look-up gave may come back as it is */
        if (json_string_length(value) != id_size ||
            memcmp(json_string_value(value), m->id, id_size) != 0)
            AKIN_FAIL(AKIN_E_INPUT, "item '%.*s': 'item_id' is not its id", m->id_size, m->id);
        goto done;
    }
    if (json_is_null(value))
        goto done;
    int column = catalog_column(m->c, key, &want);
    if (!type)
        AKIN_FAIL(AKIN_E_INPUT, "item '%.*s': '%.63s' must be a number, a text or a list of texts",
                  m->id_size, m->id, key);
    if (column >= 0 && type != want)
        AKIN_FAIL(AKIN_E_INPUT, "item '%.*s': '%s' is %s (must be %s)", m->id_size, m->id, key,
                  type_name(type), type_name(want));
    if (type == COL_TEXT)
        AKIN_TRY(check_text(m, key, value, err));
    else if (type == COL_CATEGORY)
        AKIN_TRY(check_list(m, key, value, err));
    else if (!isfinite(json_number_value(value)))
        AKIN_FAIL(AKIN_E_INPUT, "item '%.*s': '%.63s' is not finite", m->id_size, m->id, key);
    if (is_missing(value))
        goto done;
    if (column < 0) {
        column = m->n_columns;
        AKIN_TRY(new_column(m, key, type, err));
    }
    if (type == COL_TEXT && strcmp(key, "title") == 0)
        m->title = value;
    MEM_GROW(m->c->ctx, m->pair, m->cap_pairs, m->n_pairs + 1);
    m->pair[m->n_pairs++] = (struct pair){column, value};
done:
    return status;
}

static int compare_pairs(const void *a, const void *b)
{
    int x = ((const struct pair *)a)->column;
    int y = ((const struct pair *)b)->column;
    return (x > y) - (x < y);
}

static int compare_texts(const void *a, const void *b)
{
    const struct cat_text *x = a;
    const struct cat_text *y = b;
    return text_compare(x->text, (size_t)x->size, y->text, (size_t)y->size);
}

static struct cat_text copy_text(char **bytes, const json_t *value)
{
    struct cat_text to = {.text = *bytes, .size = (int32_t)json_string_length(value)};
    memcpy(*bytes, json_string_value(value), (size_t)to.size);
    *bytes += to.size;
    return to;
}

/* Fills texts with the value's, ascending and distinct; returns how many. */
static int32_t lay_texts(const json_t *value, struct cat_text *texts, char **bytes)
{
    int32_t n = 0;
    if (json_is_string(value)) {
        texts[n++] = copy_text(bytes, value);
        return n;
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (json_string_length(json_array_get(value, i)) > 0)
            texts[n++] = copy_text(bytes, json_array_get(value, i));
    }
    qsort(texts, (size_t)n, sizeof *texts, compare_texts);
    int32_t kept = 1;
    for (int32_t i = 1; i < n; i++) {
        if (compare_texts(&texts[i], &texts[kept - 1]) != 0)
            texts[kept++] = texts[i];
    }
    return kept;
}

static akin_status lay_row(struct maker *m, const struct folded *words, struct cat_row **out,
                           akin_error *err)
{
    akin_status status = AKIN_OK;
    struct cat_row *row;
    int64_t cells_at = (int64_t)sizeof *row;
    int64_t texts_at = cells_at + m->n_pairs * (int64_t)sizeof(struct cat_cell);
    int64_t words_at = texts_at + m->n_texts * (int64_t)sizeof(struct cat_text);
    char *block;
    MEM_NEW(m->c->ctx, block, words_at + words->size + m->n_bytes);
    row = (void *)block;
    struct cat_cell *cells = (void *)(block + cells_at);
    struct cat_text *texts = (void *)(block + texts_at);
    char *bytes = block + words_at;
    row->n_cells = (int32_t)m->n_pairs;
    row->cells = cells;
    row->n_words = words->n_words;
    row->words_size = words->size;
    row->words = bytes;
    memcpy(bytes, words->text, (size_t)words->size);
    bytes += words->size;
    for (int64_t i = 0; i < m->n_pairs; i++) {
        const json_t *value = m->pair[i].value;
        cells[i] = (struct cat_cell){.column = m->pair[i].column, .number = (double)NAN};
        if (json_is_number(value)) {
            cells[i].number = json_number_value(value);
        } else {
            cells[i].texts = texts;
            cells[i].n_texts = lay_texts(value, texts, &bytes);
            texts += cells[i].n_texts;
        }
    }
    *out = row;
done:
    return status;
}

akin_status cat_row_make(struct catalog *c, const char *id, size_t size, const json_t *attributes,
                         bool is_check, struct cat_draft *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct maker m = {.c = c,
                      .id = id,
                      .id_size = size < 80 ? (int)size : 80,
                      .is_check = is_check,
                      .n_columns = c->n_columns};
    struct folded words;
    const char *key;
    json_t *value;
    *out = (struct cat_draft){0};
    if (attributes && !json_is_object(attributes))
        AKIN_FAIL(AKIN_E_INPUT, "item '%.*s': attributes must be an object", m.id_size, id);
    /* The iterator does not change the object, though jansson asks for a mutable one. */
    json_t *object = (json_t *)(uintptr_t)attributes;
    json_object_foreach(object, key, value)
        AKIN_TRY(take_key(&m, key, value, size, err));
    if (is_check)
        goto done;
    if (m.n_pairs > 1)
        qsort(m.pair, (size_t)m.n_pairs, sizeof *m.pair, compare_pairs);
    words.n_words = words.size = 0;
    fold_add(&words, id, size);
    if (m.title)
        fold_add(&words, json_string_value(m.title), json_string_length(m.title));
    AKIN_TRY(lay_row(&m, &words, &out->row, err));
    out->n_columns = m.n_columns;
done:
    mem_free(c->ctx, m.pair);
    return status;
}

void cat_row_free(akin_ctx *ctx, const struct cat_row *row)
{
    mem_free(ctx, (void *)(uintptr_t)row);
}

/* ---- And back ---- */

static void texts_json(const struct catalog *c, int32_t item, int column, struct jw *jw)
{
    const char *text;
    int32_t size;
    jw_open(jw, '[');
    for (int n = 0; catalog_text(c, item, column, n, &text, &size); n++)
        jw_string_n(jw, text, (size_t)size);
    jw_close(jw, ']');
}

void catalog_json(const struct catalog *c, int32_t item, struct jw *jw)
{
    const char *text;
    int32_t size;
    int n_columns = c->n_columns;
    text = catalog_id(c, item, &size);
    jw_key(jw, "item_id");
    jw_string_n(jw, text, (size_t)size);
    for (int column = 0; column < n_columns; column++) {
        const struct cat_column *col = &c->column[column];
        if (strcmp(col->name, "item_id") == 0)
            continue;
        if (col->type == COL_NUMBER) {
            double number = catalog_number(c, item, column);
            if (isnan(number))
                continue;
            jw_key(jw, col->name);
            jw_double(jw, number);
        } else if (catalog_text(c, item, column, 0, &text, &size)) {
            jw_key(jw, col->name);
            if (col->type == COL_CATEGORY)
                texts_json(c, item, column, jw);
            else
                jw_string_n(jw, text, (size_t)size);
        }
    }
}
