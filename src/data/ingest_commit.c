/*
 * Joining parsed chunks, in input order: line and row numbers get their bases, texts of ids their
 * codes, rows their place in the slabs. Everything that depends on order is done on one thread
 * over chunks; everything that is proportional to rows is parallel.
 */
#include "data/ingest.h"

#include "core/par.h"

#include <inttypes.h>
#include <string.h>

void ingest_init(struct ingest *ing, akin_ctx *ctx, int64_t max_ids)
{
    memset(ing, 0, sizeof *ing);
    ing->ctx = ctx;
    ing->max_ids = max_ids;
    idcol_init(&ing->user, ctx);
    idcol_init(&ing->item, ctx);
    idcol_init(&ing->type, ctx);
    buf_init(&ing->text, ctx);
}

void ingest_free(struct ingest *ing)
{
    akin_ctx *ctx = ing->ctx;
    if (!ctx)
        return;
    for (int64_t i = 0; i < ing->n_slabs; i++) {
        mem_free(ctx, ing->slab[i]);
        mem_free(ctx, ing->ext[i]);
    }
    mem_free(ctx, ing->slab);
    mem_free(ctx, ing->ext);
    mem_free(ctx, ing->seg);
    idcol_free(&ing->user);
    idcol_free(&ing->item);
    idcol_free(&ing->type);
    buf_free(&ing->text);
    mem_free(ctx, ing->text_end);
    mem_free(ctx, ing->labels);
    ing->ctx = NULL;
}

struct commit {
    struct ingest *ing;
    struct chunk *chunks;
    const struct read_plan *plan;
    int64_t n;
    struct chunk_id *ids[3][64]; /* of each chunk: users, items, types */
    int64_t row_base[64];
    int64_t line_base[64];
};

enum { SLAB_FIRST = 4096 };

static akin_status slab_resize(struct ingest *ing, int64_t i, int64_t rows, akin_error *err)
{
    void *p = ing->slab[i] ? mem_resize(ing->ctx, ing->slab[i], rows, sizeof(struct row), err)
                           : mem_alloc(ing->ctx, rows, sizeof(struct row), err);
    if (!p)
        return AKIN_E_MEMORY;
    ing->slab[i] = p;
    if (!ing->has_ext)
        return AKIN_OK;
    p = ing->ext[i] ? mem_resize(ing->ctx, ing->ext[i], rows, sizeof(struct row_ext), err)
                    : mem_alloc(ing->ctx, rows, sizeof(struct row_ext), err);
    if (!p)
        return AKIN_E_MEMORY;
    ing->ext[i] = p;
    return AKIN_OK;
}

static akin_status slabs_reserve(struct ingest *ing, int64_t n_rows, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = ing->ctx;
    int64_t need = (n_rows + SLAB_ROWS - 1) >> SLAB_BITS;
    if (need > ing->cap_slabs) {
        int64_t cap = ing->cap_slabs;
        MEM_GROW(ctx, ing->ext, cap, need);
        MEM_GROW(ctx, ing->slab, ing->cap_slabs, need);
    }
    for (int64_t i = 0; i < need; i++) {
        /* Small data shall not pay for a whole slab: the first one grows by doubling. */
        int64_t rows = SLAB_ROWS;
        if (i == 0 && n_rows < SLAB_ROWS)
            for (rows = SLAB_FIRST; rows < n_rows;)
                rows *= 2;
        if (i < ing->n_slabs && (i > 0 || rows <= ing->cap_first))
            continue;
        if (i == ing->n_slabs) {
            ing->slab[i] = NULL;
            ing->ext[i] = NULL;
            ing->n_slabs++;
        }
        AKIN_TRY(slab_resize(ing, i, rows, err));
        if (i == 0)
            ing->cap_first = rows;
    }
done:
    return status;
}

static akin_status segment_add(struct ingest *ing, const struct chunk *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t hi = ing->n_rows + c->n_rows;
    struct segment *last = ing->n_seg ? &ing->seg[ing->n_seg - 1] : NULL;
    if (last && last->user_is_text == c->user.is_text && last->item_is_text == c->item.is_text) {
        last->hi = hi;
        return AKIN_OK;
    }
    MEM_GROW(ing->ctx, ing->seg, ing->cap_seg, ing->n_seg + 1);
    ing->seg[ing->n_seg++] = (struct segment){ing->n_rows, hi, c->user.is_text, c->item.is_text};
done:
    return status;
}

/* Texts of extra columns and labels, in row order. */
static akin_status commit_beside(struct ingest *ing, const struct chunk *c, int64_t line_base,
                                 akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n = c->n_rows * ing->n_extra;
    int64_t at = ing->n_rows * ing->n_extra;
    if (n > 0) {
        MEM_GROW(ing->ctx, ing->text_end, ing->cap_text, at + n);
        for (int64_t i = 0; i < n; i++)
            ing->text_end[at + i] = ing->text.size + c->text_end[i];
        buf_add(&ing->text, c->text.data, (size_t)c->text.size);
        AKIN_TRY(buf_check(&ing->text, err));
    }
    if (c->n_labels > 0) {
        MEM_GROW(ing->ctx, ing->labels, ing->cap_labels, ing->n_labels + c->n_labels);
        for (int64_t i = 0; i < c->n_labels; i++) {
            ing->labels[ing->n_labels] = c->labels[i];
            ing->labels[ing->n_labels++].line += line_base;
        }
    }
done:
    return status;
}

static akin_status id_prepare(struct ingest *ing, struct idcol *col, struct chunk_id *id,
                              int64_t n_rows, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (n_rows == 0)
        return AKIN_OK;
    if (id->is_text) {
        col->has_text = true;
        MEM_GROW(ing->ctx, id->map, id->cap_map, id->set.n);
        return AKIN_OK;
    }
    col->has_int = true;
    if (id->max > col->max_int)
        col->max_int = id->max;
    if (col->max_int < IDCOL_FLAT)
        AKIN_TRY(idcol_reserve(col, id->max, err));
done:
    return status;
}

static akin_status merge_block(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)worker;
    struct commit *cm = arg;
    int column = (int)(block / IDCOL_PARTS);
    int part = (int)(block % IDCOL_PARTS);
    struct idcol *col = column == 0   ? &cm->ing->user
                        : column == 1 ? &cm->ing->item
                                      : &cm->ing->type;
    return idcol_merge(col, part, cm->ids[column], cm->n, err);
}

/* Moves one chunk's rows into the slabs. */
static akin_status rows_block(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)worker;
    (void)err;
    struct commit *cm = arg;
    struct ingest *ing = cm->ing;
    const struct chunk *c = &cm->chunks[block];
    int64_t base = cm->row_base[block];
    uint32_t line = c->user_is_line ? (uint32_t)cm->line_base[block] : 0;
    bool mark_user = !c->user.is_text && ing->user.max_int < IDCOL_FLAT;
    bool mark_item = !c->item.is_text && ing->item.max_int < IDCOL_FLAT;
    for (int64_t i = 0; i < c->n_rows; i++) {
        struct row row = c->rows[i];
        row.user = c->user.is_text ? c->user.map[row.user] : row.user + line;
        if (c->item.is_text)
            row.item = c->item.map[row.item];
        if (cm->plan->by_row)
            row.time = (uint32_t)(base + i);
        if (mark_user)
            idcol_mark(&ing->user, row.user);
        if (mark_item)
            idcol_mark(&ing->item, row.item);
        *ingest_row(ing, base + i) = row;
    }
    if (!ing->has_ext)
        return AKIN_OK;
    for (int64_t i = 0; i < c->n_rows; i++) {
        struct row_ext ext = c->ext[i];
        if (cm->plan->has_type)
            ext.type = c->type.map[ext.type];
        ing->ext[(base + i) >> SLAB_BITS][(base + i) & (SLAB_ROWS - 1)] = ext;
    }
    return AKIN_OK;
}

static akin_status commit_one(struct commit *cm, int64_t i, int64_t *n_lines, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct ingest *ing = cm->ing;
    struct chunk *c = &cm->chunks[i];
    cm->row_base[i] = ing->n_rows;
    cm->line_base[i] = ing->line_total + *n_lines;
    cm->ids[0][i] = &c->user;
    cm->ids[1][i] = &c->item;
    cm->ids[2][i] = &c->type;
    if (c->user_is_line) {
        if (cm->line_base[i] + c->user.max >= UINT32_MAX)
            AKIN_FAIL(AKIN_E_LIMIT, "more than %u lines that number users", UINT32_MAX - 1);
        c->user.max += (uint32_t)cm->line_base[i];
    }
    AKIN_TRY(id_prepare(ing, &ing->user, &c->user, c->n_rows, err));
    AKIN_TRY(id_prepare(ing, &ing->item, &c->item, c->n_rows, err));
    if (cm->plan->has_type)
        AKIN_TRY(id_prepare(ing, &ing->type, &c->type, c->n_rows, err));
    if (c->n_rows > 0)
        AKIN_TRY(segment_add(ing, c, err));
    AKIN_TRY(commit_beside(ing, c, cm->line_base[i], err));
    defects_merge(&ing->defects, &c->defects, *n_lines);
    ing->has_role = ing->has_role || c->has_role;
    *n_lines += c->n_lines;
    ing->n_rows += c->n_rows;
    ing->n_records += c->n_records;
    if (ing->n_rows >= UINT32_MAX)
        AKIN_FAIL(AKIN_E_LIMIT, "more than %u rows (prepare parts and merge them)", UINT32_MAX - 1);
done:
    return status;
}

akin_status ingest_commit(struct ingest *ing, struct chunk *chunks, int64_t n,
                          const struct read_plan *plan, int64_t *n_lines, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct commit *cm = NULL;
    MEM_NEW(ing->ctx, cm, 1);
    cm->ing = ing;
    cm->chunks = chunks;
    cm->plan = plan;
    cm->n = n;
    for (int64_t i = 0; i < n; i++)
        AKIN_TRY(commit_one(cm, i, n_lines, err));
    AKIN_TRY(slabs_reserve(ing, ing->n_rows, err));
    if (ing->user.has_text || ing->item.has_text || ing->type.has_text)
        AKIN_TRY(par_for(ing->ctx, 3 * IDCOL_PARTS, merge_block, cm, err));
    if (idcol_texts(&ing->user) > ing->max_ids || idcol_texts(&ing->item) > ing->max_ids)
        AKIN_FAIL(AKIN_E_LIMIT, "more than max_ids=%" PRId64 " distinct %s ids", ing->max_ids,
                  idcol_texts(&ing->user) > ing->max_ids ? "user" : "item");
    if (idcol_texts(&ing->type) > 255)
        AKIN_FAIL(AKIN_E_LIMIT, "more than 255 event types (is the event_type column right?)");
    AKIN_TRY(par_for(ing->ctx, n, rows_block, cm, err));
done:
    mem_free(ing->ctx, cm);
    return status;
}
