/*
 * Segments of popular: the distinct values of a column of the user table, and which each user has.
 * Cost: a cell and a search a user.
 */
#include "models/popular_impl.h"

#include <string.h>

enum { SEGMENTS_MAX = 1024, POLL = 4096 };

/* Calls of table_cell_text with room made as needed. */
struct cell {
    char *text;
    int64_t cap;
};

static akin_status cell_get(akin_ctx *ctx, const struct column *col, int64_t row, struct cell *cell,
                            size_t *size, akin_error *err)
{
    akin_status status = AKIN_OK;
    MEM_GROW(ctx, cell->text, cell->cap, 64);
    *size = table_cell_text(col, row, cell->text, (size_t)cell->cap);
    if (*size >= (size_t)cell->cap) {
        MEM_GROW(ctx, cell->text, cell->cap, (int64_t)*size + 1);
        table_cell_text(col, row, cell->text, (size_t)cell->cap);
    }
done:
    return status;
}

static akin_status segment_column(const struct model *m, const struct column **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *name = ((const struct popular_params *)m->params)->segment;
    *out = table_find(&m->user_table, name);
    if (!*out)
        AKIN_FAIL(AKIN_E_ARG, "popular: segment='%.60s' is no column of the user table", name);
done:
    return status;
}

/* Distinct non-empty cells, kept sorted: a column of few values is what segments are. */
akin_status popular_segment_names(struct model *m, struct popular *self, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = m->ctx;
    const struct column *col;
    struct cell cell = {0};
    char *bytes = NULL;
    int64_t *off = NULL;
    int64_t cap = 0;
    MEM_ZERO(ctx, off, SEGMENTS_MAX + 2);
    AKIN_TRY(segment_column(m, &col, err));
    for (int64_t u = 0; u < m->user_table.n_rows; u++) {
        size_t size;
        if (u % POLL == 0)
            AKIN_TRY(ctx_check(ctx, err));
        AKIN_TRY(cell_get(ctx, col, u, &cell, &size, err));
        if (size == 0 || strtab_find(&self->names, cell.text, size) >= 0)
            continue;
        int32_t n = self->names.n;
        if (n == SEGMENTS_MAX)
            AKIN_FAIL(AKIN_E_INPUT,
                      "popular: segment='%s' has more than %d values; choose a column of few",
                      col->name, SEGMENTS_MAX);
        /* a new value is rare: the table is built anew with it */
        int64_t used = off[n];
        MEM_GROW(ctx, bytes, cap, used + (int64_t)size);
        memcpy(bytes + used, cell.text, size);
        off[n + 1] = used + (int64_t)size;
        strtab_free(ctx, &self->names);
        self->names = (struct strtab){0};
        AKIN_TRY(strtab_build(ctx, n + 1, off, bytes, &self->names, NULL, err));
    }
done:
    mem_free(ctx, cell.text);
    mem_free(ctx, bytes);
    mem_free(ctx, off);
    return status;
}

akin_status popular_map_users(struct model *m, struct popular *self, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct column *col;
    struct cell cell = {0};
    AKIN_TRY(segment_column(m, &col, err));
    MEM_NEW(m->ctx, self->user_segment, m->users.n);
    for (int64_t u = 0; u < m->users.n; u++) {
        size_t size;
        if (u % POLL == 0)
            AKIN_TRY(ctx_check(m->ctx, err));
        AKIN_TRY(cell_get(m->ctx, col, u, &cell, &size, err));
        self->user_segment[u] = size > 0 ? strtab_find(&self->names, cell.text, size) : -1;
    }
done:
    mem_free(m->ctx, cell.text);
    return status;
}
