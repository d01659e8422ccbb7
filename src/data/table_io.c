/*
 * Attribute tables in files (docs/format.md): PREFIX.meta and, of column C, PREFIX.C.num, or .off
 * and .bytes, or .ptr, .val, .vocab.off and .vocab.bytes; used as they are mapped.
 *
 * Loading checks all that readers of cells rely on: offsets ascend within their bytes, text is
 * UTF-8, categories ascend within their row and exist, numbers are finite or NaN.
 * Cost: one parallel pass over the cells.
 */
#include "data/table.h"

#include "core/par.h"
#include "core/text.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CHECK_BLOCK = 32768, NAME_SIZE = CONTAINER_NAME_MAX + 1 };

struct disk_table {
    int64_t n_rows;
    int32_t n_cols;
    int32_t zero;
};
struct disk_column {
    char name[TABLE_NAME_MAX + 1]; /* NUL-padded */
    uint32_t type;                 /* enum col_type */
    uint32_t zero;
};
static_assert(sizeof(struct disk_table) == 16 && sizeof(struct disk_column) == 72, "no padding");

static void section_name(char *out, const char *prefix, int32_t c, const char *part)
{
    snprintf(out, NAME_SIZE, "%s.%" PRId32 ".%s", prefix, c, part);
}

static akin_status save_meta(struct container_writer *w, const char *prefix, const struct table *t,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    char name[NAME_SIZE];
    unsigned char meta[sizeof(struct disk_table) + TABLE_MAX_COLS * sizeof(struct disk_column)];
    struct disk_table head = {.n_rows = t->n_rows, .n_cols = t->n_cols};
    if (t->n_cols > TABLE_MAX_COLS)
        AKIN_FAIL(AKIN_E_LIMIT, "table %s: %" PRId32 " columns (at most %d)", prefix, t->n_cols,
                  TABLE_MAX_COLS);
    memcpy(meta, &head, sizeof head);
    for (int32_t c = 0; c < t->n_cols; c++) {
        struct disk_column col = {.type = (uint32_t)t->cols[c].type};
        text_copy(col.name, sizeof col.name, t->cols[c].name);
        memcpy(meta + sizeof head + (size_t)c * sizeof col, &col, sizeof col);
    }
    snprintf(name, sizeof name, "%s.meta", prefix);
    AKIN_TRY(container_add(w, name, CONTAINER_OPTIONAL, meta,
                           (int64_t)sizeof head + t->n_cols * (int64_t)sizeof(struct disk_column),
                           err));
done:
    return status;
}

static akin_status save_column(struct container_writer *w, const char *prefix, int32_t c,
                               const struct column *col, int64_t n_rows, akin_error *err)
{
    akin_status status = AKIN_OK;
    char name[NAME_SIZE];
    if (col->type == COL_NUMBER) {
        section_name(name, prefix, c, "num");
        AKIN_TRY(container_add(w, name, CONTAINER_OPTIONAL, col->num,
                               n_rows * (int64_t)sizeof *col->num, err));
    } else if (col->type == COL_TEXT) {
        section_name(name, prefix, c, "off");
        AKIN_TRY(container_add(w, name, CONTAINER_OPTIONAL, col->off,
                               (n_rows + 1) * (int64_t)sizeof *col->off, err));
        section_name(name, prefix, c, "bytes");
        AKIN_TRY(container_add(w, name, CONTAINER_OPTIONAL, col->bytes, col->off[n_rows], err));
    } else {
        section_name(name, prefix, c, "ptr");
        AKIN_TRY(container_add(w, name, CONTAINER_OPTIONAL, col->ptr,
                               (n_rows + 1) * (int64_t)sizeof *col->ptr, err));
        section_name(name, prefix, c, "val");
        AKIN_TRY(container_add(w, name, CONTAINER_OPTIONAL, col->val,
                               col->ptr[n_rows] * (int64_t)sizeof *col->val, err));
        section_name(name, prefix, c, "vocab");
        AKIN_TRY(strtab_save(w, name, CONTAINER_OPTIONAL, &col->vocab, err));
    }
done:
    return status;
}

akin_status table_save(struct container_writer *w, const char *prefix, const struct table *t,
                       akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(save_meta(w, prefix, t, err));
    for (int32_t c = 0; c < t->n_cols; c++)
        AKIN_TRY(save_column(w, prefix, c, &t->cols[c], t->n_rows, err));
done:
    return status;
}

struct check {
    const struct column *col;
    const char *path;
    const char *prefix;
    const int64_t *off; /* TEXT off, CATEGORY ptr */
    int64_t n_rows, n_off;
};

static akin_status check_offsets(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct check *k = arg;
    (void)worker;
    for (int64_t r = par_lo(block, CHECK_BLOCK); r < par_hi(block, CHECK_BLOCK, k->n_rows); r++) {
        if (k->off[r] < 0 || k->off[r] > k->off[r + 1] || k->off[r + 1] > k->n_off)
            AKIN_FAIL(AKIN_E_FORMAT, "%.90s: %s, column '%s': row %" PRId64 " is out of bounds",
                      k->path, k->prefix, k->col->name, r);
    }
done:
    return status;
}

static bool cell_ok(const struct column *col, int64_t r)
{
    if (col->type == COL_NUMBER)
        return !isinf(col->num[r]);
    if (col->type == COL_TEXT)
        return text_is_utf8(col->bytes + col->off[r], (size_t)(col->off[r + 1] - col->off[r]));
    int32_t last = -1;
    for (int64_t i = col->ptr[r]; i < col->ptr[r + 1]; i++) {
        if (col->val[i] <= last || col->val[i] >= col->vocab.n)
            return false;
        last = col->val[i];
    }
    return true;
}

static akin_status check_cells(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct check *k = arg;
    (void)worker;
    for (int64_t r = par_lo(block, CHECK_BLOCK); r < par_hi(block, CHECK_BLOCK, k->n_rows); r++) {
        if (!cell_ok(k->col, r))
            AKIN_FAIL(AKIN_E_FORMAT, "%.90s: %s, column '%s': row %" PRId64 " is malformed",
                      k->path, k->prefix, k->col->name, r);
    }
done:
    return status;
}

/* One array of a column; want: its length, -1 = any. */
static akin_status get_part(struct container *c, const char *prefix, int32_t index,
                            const char *part, int64_t elem, int64_t want, const void **data,
                            int64_t *n, akin_error *err)
{
    akin_status status = AKIN_OK;
    char name[NAME_SIZE];
    section_name(name, prefix, index, part);
    AKIN_TRY(container_get(c, name, elem, false, data, n, err));
    if (want >= 0 && *n != want)
        AKIN_FAIL(AKIN_E_FORMAT, "%.90s: section %s has %" PRId64 " entries, not %" PRId64,
                  container_path(c), name, *n, want);
done:
    return status;
}

static akin_status load_column(akin_ctx *ctx, struct container *c, const char *prefix,
                               int32_t index, int64_t n_rows, struct column *col, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct check k = {.col = col, .path = container_path(c), .prefix = prefix, .n_rows = n_rows};
    char name[NAME_SIZE];
    const void *data;
    int64_t n;
    if (col->type == COL_NUMBER) {
        AKIN_TRY(get_part(c, prefix, index, "num", sizeof(double), n_rows, &data, &n, err));
        col->num = data;
    } else if (col->type == COL_TEXT) {
        AKIN_TRY(get_part(c, prefix, index, "off", sizeof(int64_t), n_rows + 1, &data, &n, err));
        col->off = k.off = data;
        AKIN_TRY(get_part(c, prefix, index, "bytes", 1, -1, &data, &k.n_off, err));
        col->bytes = data;
    } else {
        AKIN_TRY(get_part(c, prefix, index, "ptr", sizeof(int64_t), n_rows + 1, &data, &n, err));
        col->ptr = k.off = data;
        AKIN_TRY(get_part(c, prefix, index, "val", sizeof(int32_t), -1, &data, &k.n_off, err));
        col->val = data;
        section_name(name, prefix, index, "vocab");
        AKIN_TRY(strtab_load(c, name, &col->vocab, err));
    }
    int64_t n_blocks = par_blocks(n_rows, CHECK_BLOCK);
    if (k.off) {
        if (k.off[0] != 0 || k.off[n_rows] != k.n_off)
            AKIN_FAIL(AKIN_E_FORMAT, "%.90s: %s, column '%s': offsets do not cover its bytes",
                      k.path, prefix, col->name);
        AKIN_TRY(par_for(ctx, n_blocks, check_offsets, &k, err));
    }
    AKIN_TRY(par_for(ctx, n_blocks, check_cells, &k, err));
done:
    return status;
}

static akin_status load_head(struct container *c, const struct disk_column *disk,
                             const char *prefix, struct table *t, int32_t i, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct column *col = &t->cols[i];
    const char *end = memchr(disk->name, 0, sizeof disk->name);
    if (!end || end == disk->name || !text_is_utf8(disk->name, (size_t)(end - disk->name)) ||
        disk->zero != 0 ||
        (disk->type != COL_NUMBER && disk->type != COL_TEXT && disk->type != COL_CATEGORY))
        AKIN_FAIL(AKIN_E_FORMAT, "%.90s: %s: column %" PRId32 " is malformed", container_path(c),
                  prefix, i);
    text_copy(col->name, sizeof col->name, disk->name);
    col->type = (enum col_type)disk->type;
    for (int32_t j = 0; j < i; j++) {
        if (strcmp(t->cols[j].name, col->name) == 0)
            AKIN_FAIL(AKIN_E_FORMAT, "%.90s: %s: column '%s' occurs twice", container_path(c),
                      prefix, col->name);
    }
done:
    return status;
}

akin_status table_load(akin_ctx *ctx, struct container *c, const char *prefix, struct table *out,
                       akin_error *err)
{
    akin_status status = AKIN_OK;
    struct table t = {0};
    char name[NAME_SIZE];
    const void *data;
    int64_t size;
    snprintf(name, sizeof name, "%s.meta", prefix);
    AKIN_TRY(container_get(c, name, 1, false, &data, &size, err));
    const struct disk_table *head = data;
    const struct disk_column *cols = (const void *)(head + 1);
    if (size < (int64_t)sizeof *head || head->n_rows < 0 || head->n_rows > INT64_MAX / 16 ||
        head->n_cols < 0 || head->n_cols > TABLE_MAX_COLS || head->zero != 0 ||
        size != (int64_t)sizeof *head + head->n_cols * (int64_t)sizeof *cols)
        AKIN_FAIL(AKIN_E_FORMAT, "%.90s: section %s is malformed", container_path(c), name);
    t.n_rows = head->n_rows;
    if (head->n_cols > 0)
        MEM_ZERO(ctx, t.cols, head->n_cols);
    t.n_cols = head->n_cols;
    for (int32_t i = 0; i < t.n_cols; i++) {
        AKIN_TRY(load_head(c, &cols[i], prefix, &t, i, err));
        AKIN_TRY(load_column(ctx, c, prefix, i, t.n_rows, &t.cols[i], err));
    }
    *out = t;
    memset(&t, 0, sizeof t);
done:
    table_free(ctx, &t);
    return status;
}
