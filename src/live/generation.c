/*
 * A model file as a generation: loaded, joined to the catalogue and made ready, before anybody is
 * answered by it. Which generation answers under a name is models.c.
 *
 * Cost: O(file) + a map of the items' ids + the ranker's copy of the vectors + an order of the
 * users' ids (4 bytes each).
 */
#include "core/json.h"
#include "core/text.h"
#include "live/late.h"

#include <string.h>
#include <sys/stat.h>

struct file_mark file_mark_of(const char *path)
{
    struct stat s;
    if (stat(path, &s) != 0)
        return (struct file_mark){0};
    return (struct file_mark){.device = (uint64_t)s.st_dev,
                              .inode = (uint64_t)s.st_ino,
                              .size = (int64_t)s.st_size,
                              .time_ns =
                                  (int64_t)s.st_mtim.tv_sec * 1000000000 + s.st_mtim.tv_nsec};
}

static akin_status by_count_order(akin_ctx *ctx, struct generation *g, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t n = g->m->items.n, most = 0;
    const int32_t *count = g->m->item_count;
    int32_t *start = NULL;
    MEM_NEW(ctx, g->by_count, n);
    for (int32_t i = 0; i < n; i++)
        most = count && count[i] > most ? count[i] : most;
    if (most > 4 * n + 1024)
        most = 4 * n + 1024; /* the few above share a bucket and keep their order of number */
    MEM_ZERO(ctx, start, (int64_t)most + 2);
    for (int32_t i = 0; i < n; i++)
        start[most - (count ? (count[i] < most ? count[i] : most) : 0) + 1]++;
    for (int32_t b = 0; b <= most; b++)
        start[b + 1] += start[b];
    for (int32_t i = 0; i < n; i++)
        g->by_count[start[most - (count ? (count[i] < most ? count[i] : most) : 0)]++] = i;
done:
    mem_free(ctx, start);
    return status;
}

/* The first model's ids and table, copied: the catalogue outlives every generation. */
static akin_status base_copy(struct live *l, const struct model *m, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct catalog *c = NULL;
    MEM_NEW(l->ctx, l->base_count, m->items.n);
    for (int32_t i = 0; i < m->items.n; i++)
        l->base_count[i] = m->item_count ? m->item_count[i] : 0;
    AKIN_TRY(ids_copy(l->ctx, &m->items, &l->base_ids, err));
    if (m->item_table.n_cols > 0)
        AKIN_TRY(
            table_gather(l->ctx, &m->item_table, NULL, m->item_table.n_rows, &l->base_table, err));
    AKIN_TRY(catalog_create(l->ctx, &l->base_ids, &l->base_table, l->base_count, l->p.max_items, &c,
                            err));
    l->catalog = c;
done:
    if (status != AKIN_OK) {
        mem_free(l->ctx, l->base_count);
        ids_free(l->ctx, &l->base_ids);
        table_free(l->ctx, &l->base_table);
        l->base_count = NULL;
        memset(&l->base_ids, 0, sizeof l->base_ids);
        memset(&l->base_table, 0, sizeof l->base_table);
    }
    return status;
}

/* A row of a table as the JSON that catalog_put takes. */
static json_t *row_json(const struct table *t, int64_t row)
{
    json_t *object = json_object();
    for (int32_t c = 0; object && c < t->n_cols; c++) {
        const struct column *col = &t->cols[c];
        json_t *value = NULL;
        if (col->type == COL_NUMBER && !isnan(col->num[row])) {
            value = json_real(col->num[row]);
        } else if (col->type == COL_TEXT && col->off[row + 1] > col->off[row]) {
            value = json_stringn(col->bytes + col->off[row],
                                 (size_t)(col->off[row + 1] - col->off[row]));
        } else if (col->type == COL_CATEGORY && col->ptr[row + 1] > col->ptr[row]) {
            value = json_array();
            for (int64_t e = col->ptr[row]; e < col->ptr[row + 1]; e++) {
                int32_t size;
                const char *text = strtab_get(&col->vocab, col->val[e], &size);
                json_array_append_new(value, json_stringn(text, (size_t)size));
            }
        }
        if (value)
            json_object_set_new(object, col->name, value);
    }
    return object;
}

/* Numbers of the model's items in the catalogue, both ways; what the catalogue lacks joins it. */
static akin_status join_catalog(struct live *l, struct generation *g, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct model *m = g->m;
    json_t *row = NULL;
    int32_t n = m->items.n;
    MEM_NEW(l->ctx, g->item, n);
    g->is_identity = true;
    for (int32_t i = 0; i < n; i++) {
        int32_t size;
        const char *id = ids_get(&m->items, i, &size);
        g->item[i] = catalog_find(l->catalog, id, (size_t)size);
        if (g->item[i] < 0) {
            row = m->item_table.n_cols ? row_json(&m->item_table, i) : NULL;
            AKIN_TRY(catalog_put(l->catalog, id, (size_t)size, row, &g->item[i], err));
            json_decref(row);
            row = NULL;
        }
        g->is_identity = g->is_identity && g->item[i] == i;
    }
    g->n_place = catalog_size(l->catalog);
    MEM_NEW(l->ctx, g->place, g->n_place);
    for (int32_t i = 0; i < g->n_place; i++)
        g->place[i] = -1;
    for (int32_t i = 0; i < n; i++)
        g->place[g->item[i]] = i;
done:
    json_decref(row);
    return status;
}

/* The policy of the dataset it was trained on, from its card. */
static bool keeps_repeats(const struct model *m)
{
    const json_t *data = json_object_get(m->card, "data");
    const json_t *clean = json_object_get(data ? data : m->card, "clean");
    const char *policy = json_text(clean ? clean : m->card, "duplicates", "last");
    return strcmp(policy, "keep") == 0;
}

akin_status generation_make(struct live *l, const char *name, const char *path,
                            struct generation **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct generation *g = NULL;
    MEM_ZERO(l->ctx, g, 1);
    g->refs = 1;
    text_copy(g->name, sizeof g->name, name);
    g->path = mem_strdup(l->ctx, path, err);
    if (!g->path)
        AKIN_TRY(AKIN_E_MEMORY);
    g->file = file_mark_of(path);
    AKIN_TRY(model_load(l->ctx, path, &g->m, err));
    g->scorer = model_scorer(g->m);
    if (g->scorer.cls->vectors)
        g->scorer.cls->vectors(g->scorer.self, &g->vectors);
    AKIN_TRY(retrieval_make(l, g, err));
    if (!l->catalog)
        AKIN_TRY(base_copy(l, g->m, err));
    AKIN_TRY(join_catalog(l, g, err));
    AKIN_TRY(by_count_order(l->ctx, g, err));
    AKIN_TRY(ids_prefix_build(l->ctx, &g->m->users, &g->by_id, err));
    AKIN_TRY(late_create(l->ctx, &g->scorer, &g->late, err));
    AKIN_TRY(late_refresh(l, g, err));
    for (int t = 0; t < LIVE_TYPES; t++)
        g->type_of[t] = -2;
    g->keeps_repeats = keeps_repeats(g->m);
    g->loaded = live_now();
    g->cost_us = 100;
    g->id = ++l->n_generations;
    *out = g;
    g = NULL;
done:
    generation_put(l, g);
    return status;
}
