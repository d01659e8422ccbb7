/*
 * jsonl: one JSON object a line. Keys of the outermost object are columns; keys that no column
 * names are checked and skipped. Cost: one pass over the bytes.
 */
#include "data/reader_chunk.h"
#include "data/reader_json.h"

#include <string.h>

struct fields {
    const struct read_plan *plan;
    struct cell *cells;
};

static void field_take(void *arg, const char *key, int64_t key_size, enum json_kind kind,
                       const char *value, int64_t size)
{
    struct fields *f = arg;
    if (kind == JSON_KIND_NULL || kind == JSON_KIND_OBJECT || key_size > 63)
        return;
    for (int col = 0; col < f->plan->n_cols; col++) {
        const char *name = f->plan->name[col];
        if (f->plan->role[col] >= 0 && memcmp(name, key, (size_t)key_size) == 0 &&
            name[key_size] == '\0') {
            f->cells[f->plan->role[col]] = (struct cell){value, size};
            return;
        }
    }
}

static akin_status jsonl_row(struct chunk *c, const struct record *r, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct cell cells[CELL_FIXED + READ_EXTRA_MAX];
    struct fields fields = {c->plan, cells};
    memset(cells, 0, (size_t)c->plan->n_cells * sizeof *cells);
    MEM_GROW(c->ctx, c->unescape, c->cap_unescape, r->size + 1);
    if (!json_scan_object(r->text, r->size, c->unescape, field_take, &fields)) {
        chunk_defect(c, DEFECT_MALFORMED, r);
        return AKIN_OK;
    }
    AKIN_TRY(chunk_add(c, cells, r, err));
done:
    return status;
}

akin_status read_jsonl(struct chunk *c, const char *text, int64_t n, int64_t from, int64_t limit,
                       bool is_last, int64_t *at, akin_error *err)
{
    return chunk_lines(c, text, n, from, limit, is_last, jsonl_row, at, err);
}
