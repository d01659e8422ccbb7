/*
 * The tag table into the tag arrays of a dataset: rows that name no item are counted, texts
 * numbered by bytes, of the same user, item and tag the latest stays. Cost: a sort of the rows.
 */
#include "data/tables.h"

#include "core/text.h"
#include "data/tags.h"

/* A whole number of seconds, or ISO 8601. */
static bool tag_time(const char *text, int64_t n, int64_t *out)
{
    return text_to_int(text, (size_t)n, out) || text_to_unix(text, (size_t)n, out);
}

/* Rows that hold together, texts still numbered by arrival. */
static akin_status tags_collect(const struct rawtable *t, struct defects *defects,
                                const struct dataset *ds, struct idset *texts, struct tag *tags,
                                int64_t *n_tags, akin_error *err)
{
    akin_status status = AKIN_OK;
    int user = rawtable_column(t, "user_id"), item = rawtable_column(t, "item_id");
    int tag = rawtable_column(t, "tag"), time = rawtable_column(t, "time");
    for (int64_t r = 0; r < t->n_rows; r++) {
        int64_t nu, ni, nt, nx = 0;
        struct tag row = {0};
        uint32_t number;
        const char *u = rawtable_cell(t, r, user, &nu);
        const char *i = rawtable_cell(t, r, item, &ni);
        const char *x = rawtable_cell(t, r, tag, &nt);
        const char *when = time >= 0 ? rawtable_cell(t, r, time, &nx) : NULL;
        enum defect bad = DEFECT_COUNT;
        if (nu == 0 || ni == 0 || nt == 0)
            bad = DEFECT_MISSING_ID;
        else if (!text_is_utf8(x, (size_t)nt))
            bad = DEFECT_BAD_UTF8;
        else if (when && !tag_time(when, nx, &row.time))
            bad = DEFECT_BAD_TIME;
        else if ((row.item = ids_find(&ds->items, i, (size_t)ni)) < 0)
            bad = DEFECT_UNKNOWN_ITEM;
        if (bad != DEFECT_COUNT) {
            rawtable_defect(t, defects, bad, r);
            continue;
        }
        row.user = ids_find(&ds->users, u, (size_t)nu);
        AKIN_TRY(idset_add(texts, idset_hash(x, nt), x, nt, &number, err));
        row.text = (int32_t)number;
        tags[(*n_tags)++] = row;
    }
done:
    return status;
}

akin_status rawtable_tags(const struct rawtable *t, struct defects *defects, struct dataset *ds,
                          akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = t->ctx;
    struct idset texts;
    struct tag *tags = NULL;
    int32_t *rank = NULL;
    int64_t n = 0, kept = 0;
    static const int64_t no_off[1] = {0};
    idset_init(&texts, ctx);
    MEM_NEW(ctx, tags, t->n_rows);
    AKIN_TRY(tags_collect(t, defects, ds, &texts, tags, &n, err));
    MEM_NEW(ctx, rank, texts.n);
    AKIN_TRY(strtab_build(ctx, (int32_t)texts.n, texts.n ? texts.off : no_off,
                          texts.bytes ? texts.bytes : "", &ds->tag_vocab, rank, err));
    for (int64_t i = 0; i < n; i++)
        tags[i].text = rank[tags[i].text];
    tags_sort(tags, n);
    for (int64_t i = 0; i < n; i++) { /* of the same user, item and tag the latest stays */
        bool is_same = i + 1 < n && tags[i].item == tags[i + 1].item &&
                       tags[i].user == tags[i + 1].user && tags[i].text == tags[i + 1].text;
        if (is_same && tags[i].user >= 0)
            defects_add_n(defects, DEFECT_DUPLICATE, 1, "the same tag of one user and item");
        else
            tags[kept++] = tags[i];
    }
    AKIN_TRY(tags_fill(ds, tags, kept, NULL, rawtable_column(t, "time") >= 0, err));
done:
    idset_free(&texts);
    mem_free(ctx, tags);
    mem_free(ctx, rank);
    return status;
}
