/*
 * prepare: rows to events. Ids and types get their final numbers, events their order (ingest_sort),
 * texts and context become a table beside them. The rows are used up.
 */
#include "data/prepare_impl.h"

#include <string.h>

static akin_status number_side(struct prepare *pr, bool is_user, struct idmap *map, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct rawtable *t = is_user ? &pr->users : &pr->items;
    struct ids *ids = is_user ? &pr->ds->users : &pr->ds->items;
    struct idset more;
    idset_init(&more, pr->ctx);
    if (t->ctx)
        AKIN_TRY(
            rawtable_ids(t, is_user ? TABLE_USERS : TABLE_ITEMS, &pr->ing.defects, &more, err));
    AKIN_TRY(ingest_number(&pr->ing, is_user, &more, ids, map, err));
    idcol_free(is_user ? &pr->ing.user : &pr->ing.item);
done:
    idset_free(&more);
    return status;
}

/* Event types by bytes; type_map: code → number. */
static akin_status types_number(struct prepare *pr, uint32_t **type_map, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = pr->ctx;
    struct idcol *col = &pr->ing.type;
    struct idset all;
    int32_t *rank = NULL;
    uint32_t *map = NULL;
    int64_t longest = 0;
    static const int64_t no_off[1] = {0};
    idset_init(&all, ctx);
    for (int part = 0; part < IDCOL_PARTS; part++)
        longest = col->part[part].n > longest ? col->part[part].n : longest;
    MEM_ZERO(ctx, map, longest * IDCOL_PARTS);
    for (int part = 0; part < IDCOL_PARTS; part++) {
        const struct idset *s = &col->part[part];
        for (int64_t i = 0; i < s->n; i++)
            AKIN_TRY(idset_add(&all, s->hash[i], s->bytes + s->off[i], s->off[i + 1] - s->off[i],
                               &map[idcol_code(i, part)], err));
    }
    MEM_NEW(ctx, rank, all.n);
    AKIN_TRY(strtab_build(ctx, (int32_t)all.n, all.n ? all.off : no_off, all.bytes ? all.bytes : "",
                          &pr->ds->types, rank, err));
    for (int part = 0; part < IDCOL_PARTS; part++)
        for (int64_t i = 0; i < col->part[part].n; i++)
            map[idcol_code(i, part)] = (uint32_t)rank[map[idcol_code(i, part)]];
    *type_map = map;
    map = NULL;
done:
    idset_free(&all);
    mem_free(ctx, rank);
    mem_free(ctx, map);
    return status;
}

static const char *extra_cell(const void *arg, int64_t row, int col, int64_t *size)
{
    const struct ingest *ing = arg;
    int64_t i = row * ing->n_extra + col;
    int64_t begin = i > 0 ? ing->text_end[i - 1] : 0;
    *size = ing->text_end[i] - begin;
    return ing->text.data + begin;
}

/* Texts and context of events, in the order of events. */
static akin_status events_table(struct prepare *pr, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = pr->ctx;
    const struct read_plan *plan = pr->first;
    int n = pr->ing.n_extra;
    struct cell_source cells = {&pr->ing, extra_cell};
    const char *names[READ_EXTRA_MAX];
    enum col_type types[READ_EXTRA_MAX];
    int64_t *order = NULL;
    if (n == 0 || pr->ing.n_rows == 0)
        return AKIN_OK;
    for (int c = 0; c < plan->n_cols; c++) {
        int cell = plan->role[c] - CELL_FIXED;
        if (cell >= 0)
            names[cell] = plan->name[c];
    }
    if (n > (int)json_array_size(pr->p->context))
        names[0] = "text"; /* the text column comes first */
    for (int c = 0; c < n; c++) {
        types[c] = column_infer(&cells, pr->ing.n_rows, c, names[c], false);
        if (types[c] == COL_TEXT && strcmp(names[c], "text") != 0)
            types[c] = COL_CATEGORY; /* context is compared, not read */
    }
    MEM_NEW(ctx, order, pr->ds->n_events);
    for (int64_t e = 0; e < pr->ds->n_events; e++)
        order[e] = pr->src[e];
    AKIN_TRY(cells_build(ctx, &cells, pr->ing.n_rows, n, names, types, order, pr->ds->n_events,
                         &pr->ds->event_table, err));
done:
    mem_free(ctx, order);
    return status;
}

static akin_status events_sort(struct prepare *pr, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = pr->ctx;
    struct idmap users = {0}, items = {0};
    uint32_t *type_map = NULL;
    const struct read_plan *plan = pr->first;
    int policy = (int)pr->p->duplicates;
    if (policy == DUP_AUTO)
        policy = plan->format == FORMAT_SESSIONS ? DUP_KEEP : DUP_LAST;
    AKIN_TRY(number_side(pr, true, &users, err));
    AKIN_TRY(number_side(pr, false, &items, err));
    if (plan->has_type)
        AKIN_TRY(types_number(pr, &type_map, err));
    struct sort_plan sort = {policy,
                             plan->has_value || policy == DUP_SUM,
                             plan->has_time || plan->by_row,
                             plan->has_type,
                             &users,
                             &items,
                             type_map};
    progress_begin(ctx, "sort", 2 * pr->ing.n_rows);
    status = ingest_sort(&pr->ing, &sort, pr->ds, &pr->src, err);
    progress_end(ctx);
    pr->ds->time_kind = plan->has_time ? TIME_UNIX : plan->by_row ? TIME_ORDINAL : TIME_NONE;
done:
    idmap_free(ctx, &users);
    idmap_free(ctx, &items);
    mem_free(ctx, type_map);
    return status;
}

akin_status prepare_events(struct prepare *pr, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(events_sort(pr, err));
    AKIN_TRY(events_table(pr, err));
done:
    return status;
}
