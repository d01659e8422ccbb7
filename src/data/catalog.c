/*
 * The catalogue: numbers, ids, states, columns, changes.
 *
 * A change is prepared first (row, chunk, slots, nodes: all that may fail or takes time) and then
 * published under the write lock, which is held for some microseconds; the row it replaces is
 * freed behind it.
 *
 * The lock prefers writers where the system offers that: many readers shall not starve the one
 * writer on which acknowledgements wait. So a reader must not enter twice.
 *
 * Cost: 17 bytes an item in chunks of which any changed, a row per changed item, and what the
 * other catalog files say. Not done: rows of one chunk packed together; writing an overlay back.
 */
#include "data/catalog_impl.h"

#include "core/text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- Life ---- */

static akin_status lock_create(struct catalog *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    pthread_rwlockattr_t attr;
    if (pthread_rwlockattr_init(&attr) != 0)
        AKIN_FAIL(AKIN_E_MEMORY, "catalog: no lock");
#if defined(__GLIBC__)
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
#endif
    int failed = pthread_rwlock_init(&c->lock, &attr);
    pthread_rwlockattr_destroy(&attr);
    if (failed || pthread_mutex_init(&c->writer, NULL) != 0)
        AKIN_FAIL(AKIN_E_MEMORY, "catalog: no lock");
done:
    return status;
}

static akin_status take_columns(struct catalog *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    int n = c->table ? c->table->n_cols : 0;
    MEM_ZERO(c->ctx, c->column, TABLE_MAX_COLS);
    c->title = -1;
    for (int i = 0; i < n; i++) {
        text_copy(c->column[i].name, sizeof c->column[i].name, c->table->cols[i].name);
        c->column[i].type = c->table->cols[i].type;
        if (c->column[i].type == COL_TEXT && strcmp(c->column[i].name, "title") == 0)
            c->title = i;
    }
    c->n_base_columns = n;
    c->n_columns = n;
done:
    return status;
}

static akin_status take_items(struct catalog *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t log = CAT_LOG_LEAST;
    MEM_ZERO(c->ctx, c->chunk, ((int64_t)c->max_items + CAT_CHUNK - 1) / CAT_CHUNK + 1);
    while (log < CAT_LOG_MOST && log < c->n_base / 4)
        log *= 2;
    MEM_NEW(c->ctx, c->log, log);
    c->log_mask = log - 1;
    AKIN_TRY(cat_ids_create(c, err));
    c->n_items = c->n_base;
done:
    return status;
}

akin_status catalog_create(akin_ctx *ctx, const struct ids *ids, const struct table *table,
                           const int32_t *count, int64_t max_items, struct catalog **out,
                           akin_error *err)
{
    akin_status status = AKIN_OK;
    struct catalog *c = NULL;
    if (max_items < 0 || max_items >= INT32_MAX)
        AKIN_FAIL(AKIN_E_ARG, "catalog: max_items=%" PRId64 " (must be 0..%d)", max_items,
                  INT32_MAX - 1);
    if (ids->n > max_items)
        AKIN_FAIL(AKIN_E_LIMIT, "catalog: %" PRId32 " items (max_items=%" PRId64 ")", ids->n,
                  max_items);
    if (table && table->n_cols > 0 && table->n_rows != ids->n)
        AKIN_FAIL(AKIN_E_INTERNAL, "catalog: %" PRId64 " rows of attributes for %" PRId32 " items",
                  table->n_rows, ids->n);
    if (table && table->n_cols > TABLE_MAX_COLS)
        AKIN_FAIL(AKIN_E_LIMIT, "catalog: %" PRId32 " columns (at most %d)", table->n_cols,
                  TABLE_MAX_COLS);
    MEM_ZERO(ctx, c, 1);
    c->ctx = ctx;
    c->ids = ids;
    c->table = table && table->n_cols > 0 ? table : NULL;
    c->count = count;
    c->n_base = ids->n;
    c->max_items = (int32_t)max_items;
    c->words.seed = ctx->seed;
    arena_init(&c->ids_arena, ctx);
    status = lock_create(c, err);
    if (status != AKIN_OK) {
        mem_free(ctx, c);
        return status;
    }
    AKIN_TRY(take_columns(c, err));
    AKIN_TRY(take_items(c, err));
    AKIN_TRY(cat_filters_create(c, err));
    AKIN_TRY(cat_index_build(c, err));
    *out = c;
    c = NULL;
done:
    catalog_free(c);
    return status;
}

static void chunk_free(akin_ctx *ctx, struct cat_chunk *chunk)
{
    for (int i = 0; chunk && i < CAT_CHUNK; i++)
        cat_row_free(ctx, chunk->row[i]);
    mem_free(ctx, chunk);
}

void catalog_free(struct catalog *c)
{
    if (!c)
        return;
    akin_ctx *ctx = c->ctx;
    cat_filters_free(c);
    cat_index_free(ctx, &c->index);
    cat_words_free(ctx, &c->words);
    for (int64_t i = 0; c->chunk && i <= c->max_items / CAT_CHUNK; i++)
        chunk_free(ctx, atomic_load(&c->chunk[i]));
    mem_free(ctx, c->chunk);
    cat_ids_free(c);
    mem_free(ctx, c->log);
    mem_free(ctx, c->column);
    pthread_mutex_destroy(&c->writer);
    pthread_rwlock_destroy(&c->lock);
    mem_free(ctx, c);
}

/* ---- Changes; under the writer's mutex ---- */

/* The chunk of an item, made if it is not there: new items are alive from their first row on. */
static akin_status chunk_reserve(struct catalog *c, int32_t item, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct cat_chunk *chunk;
    if (cat_chunk_of(c, item))
        goto done;
    MEM_ZERO(c->ctx, chunk, 1);
    atomic_store_explicit(&c->chunk[item >> CAT_SHIFT], chunk, memory_order_release);
done:
    return status;
}

/* Under the write lock: the item is what row says (NULL = deleted). Returns the row before. */
static const struct cat_row *publish(struct catalog *c, int32_t item, const struct cat_row *row)
{
    struct cat_chunk *chunk = cat_chunk_of(c, item);
    int at = item & (CAT_CHUNK - 1);
    const struct cat_row *old = chunk->row[at];
    if (old)
        cat_words_remove(&c->words, old, item);
    if (row)
        cat_words_add(&c->words, row, item);
    chunk->row[at] = row;
    atomic_store_explicit(&chunk->state[at], row ? CAT_ROW : CAT_DELETED, memory_order_release);
    int64_t version = c->version + 1;
    c->log[version & c->log_mask] = item;
    c->version = version;
    return old;
}

static void publish_columns(struct catalog *c, int n_columns)
{
    for (int i = c->n_columns; i < n_columns; i++) {
        if (c->column[i].type == COL_TEXT && strcmp(c->column[i].name, "title") == 0)
            c->title = i;
    }
    c->n_columns = n_columns;
}

static akin_status check_id(const struct catalog *c, const char *id, size_t size, bool is_new,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    if (size < 1 || size > IDS_MAX_BYTES || !text_is_utf8(id, size))
        AKIN_FAIL(AKIN_E_INPUT, "item id '%.*s' (must be 1..%d bytes of UTF-8)",
                  size < 80 ? (int)size : 80, id, IDS_MAX_BYTES);
    if (is_new && c->n_items >= c->max_items)
        AKIN_FAIL(AKIN_E_LIMIT, "item '%.*s' would be one more than max_items=%" PRId32,
                  size < 80 ? (int)size : 80, id, c->max_items);
done:
    return status;
}

akin_status catalog_check(struct catalog *c, const char *id, size_t size, const json_t *attributes,
                          akin_error *err)
{
    akin_status status = AKIN_OK;
    struct cat_draft none;
    AKIN_TRY(check_id(c, id, size, catalog_find(c, id, size) < 0, err));
    AKIN_TRY(cat_row_make(c, id, size, attributes, true, &none, err));
done:
    return status;
}

static akin_status put(struct catalog *c, const char *id, size_t size, const json_t *attributes,
                       int32_t *item, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct cat_draft draft = {0};
    struct cat_id *copy = NULL;
    int32_t at = catalog_find(c, id, size);
    bool is_new = at < 0;
    if (!is_new && !attributes) {
        *item = at;
        goto done;
    }
    AKIN_TRY(check_id(c, id, size, is_new, err));
    AKIN_TRY(cat_row_make(c, id, size, attributes, false, &draft, err));
    if (is_new)
        at = c->n_items;
    AKIN_TRY(chunk_reserve(c, at, err));
    AKIN_TRY(cat_words_reserve(c->ctx, &c->words, draft.row->n_words, err));
    if (is_new) {
        AKIN_TRY(cat_ids_reserve(c, id, size, &copy, err)); /* last: its arena does not give back */
    }
    pthread_rwlock_wrlock(&c->lock);
    publish_columns(c, draft.n_columns);
    if (is_new) {
        cat_chunk_of(c, at)->id[at & (CAT_CHUNK - 1)] = copy;
        c->n_items = at + 1;
    }
    const struct cat_row *old = publish(c, at, draft.row);
    if (is_new)
        cat_ids_add(c, id, size, at);
    pthread_rwlock_unlock(&c->lock);
    draft.row = NULL;
    cat_row_free(c->ctx, old);
    *item = at;
done:
    cat_row_free(c->ctx, draft.row);
    return status;
}

akin_status catalog_put(struct catalog *c, const char *id, size_t size, const json_t *attributes,
                        int32_t *item, akin_error *err)
{
    pthread_mutex_lock(&c->writer);
    akin_status status = put(c, id, size, attributes, item, err);
    pthread_mutex_unlock(&c->writer);
    return status;
}

akin_status catalog_delete(struct catalog *c, const char *id, size_t size, akin_error *err)
{
    akin_status status = AKIN_OK;
    pthread_mutex_lock(&c->writer);
    int32_t item = catalog_find(c, id, size);
    if (item < 0 || !catalog_is_alive(c, item))
        AKIN_FAIL(AKIN_E_NOT_FOUND, "item '%.*s' is not in the catalogue",
                  size < 100 ? (int)size : 100, id);
    AKIN_TRY(chunk_reserve(c, item, err));
    pthread_rwlock_wrlock(&c->lock);
    const struct cat_row *old = publish(c, item, NULL);
    pthread_rwlock_unlock(&c->lock);
    cat_row_free(c->ctx, old);
done:
    pthread_mutex_unlock(&c->writer);
    return status;
}

/* ---- Reading ---- */

int32_t catalog_changes(struct catalog *c, int64_t *since, int32_t *items, int32_t most)
{
    int32_t n = 0;
    catalog_enter(c);
    int64_t version = c->version;
    if (*since < 0 || version - *since > c->log_mask) {
        *since = version;
        n = -1;
    }
    while (n >= 0 && n < most && *since < version)
        items[n++] = c->log[++*since & c->log_mask];
    catalog_leave(c);
    return n;
}

int64_t catalog_version(const struct catalog *c)
{
    return c->version;
}

int32_t catalog_size(const struct catalog *c)
{
    return c->n_items;
}

bool catalog_is_alive(const struct catalog *c, int32_t item)
{
    return cat_state_of(c, item) != CAT_DELETED;
}

void catalog_enter(struct catalog *c)
{
    pthread_rwlock_rdlock(&c->lock);
}

void catalog_leave(struct catalog *c)
{
    pthread_rwlock_unlock(&c->lock);
}

int catalog_column(const struct catalog *c, const char *name, enum col_type *type)
{
    int n = c->n_columns;
    for (int i = 0; i < n; i++) {
        if (strcmp(c->column[i].name, name) == 0) {
            *type = c->column[i].type;
            return i;
        }
    }
    return -1;
}

const char *catalog_column_name(const struct catalog *c, int column)
{
    return c->column[column].name;
}

/* The cell of an overlay row, or NULL. */
static const struct cat_cell *row_cell(const struct cat_row *row, int column)
{
    int32_t lo = 0;
    int32_t hi = row->n_cells;
    while (lo < hi) {
        int32_t mid = lo + (hi - lo) / 2;
        if (row->cells[mid].column < column)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < row->n_cells && row->cells[lo].column == column ? &row->cells[lo] : NULL;
}

/* Where the cell is: *base, or the overlay's cell, or nowhere (NULL and no *base). */
static const struct cat_cell *find_cell(const struct catalog *c, int32_t item, int column,
                                        const struct column **base)
{
    const struct cat_chunk *chunk = cat_chunk_of(c, item);
    const struct cat_row *row = chunk ? chunk->row[item & (CAT_CHUNK - 1)] : NULL;
    *base = NULL;
    if (row)
        return row_cell(row, column);
    if (item < c->n_base && column < c->n_base_columns && cat_state_of(c, item) == CAT_BASE)
        *base = &c->table->cols[column];
    return NULL;
}

double catalog_number(const struct catalog *c, int32_t item, int column)
{
    const struct column *base;
    const struct cat_cell *cell = find_cell(c, item, column, &base);
    if (base)
        return base->type == COL_NUMBER ? base->num[item] : (double)NAN;
    return cell ? cell->number : (double)NAN;
}

bool catalog_text(const struct catalog *c, int32_t item, int column, int n, const char **text,
                  int32_t *size)
{
    const struct column *base;
    const struct cat_cell *cell = find_cell(c, item, column, &base);
    if (base)
        return item_fields_text(base, item, n, text, size);
    if (!cell || n < 0 || n >= cell->n_texts)
        return false;
    *text = cell->texts[n].text;
    *size = cell->texts[n].size;
    return true;
}

void catalog_title(const struct catalog *c, int32_t item, const char **text, int32_t *size)
{
    int title = c->title;
    if (title < 0 || !catalog_text(c, item, title, 0, text, size)) {
        *text = "";
        *size = 0;
    }
}
