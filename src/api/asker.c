/* Answering with a model: look-ups by id and the JSON of one answered item. */
#include "api/asker.h"

#include <string.h>

enum { MAX_REASONS = 3 };

akin_status asker_open(akin_ctx *ctx, struct model *m, struct asker *out, akin_error *err)
{
    *out = (struct asker){.ctx = ctx, .m = m, .scorer = model_scorer(m)};
    out->title = table_find(&m->item_table, "title");
    return ranker_create(ctx, &out->scorer, &out->ranker, err);
}

akin_status asker_load(akin_ctx *ctx, const char *path, struct asker *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct model *m = NULL;
    *out = (struct asker){0};
    AKIN_TRY(model_load(ctx, path, &m, err));
    status = asker_open(ctx, m, out, err);
    out->owned = m;
done:
    return status;
}

void asker_close(struct asker *a)
{
    ranker_free(a->ranker);
    model_free(a->owned);
    *a = (struct asker){0};
}

akin_status asker_user(const struct asker *a, const char *id, int32_t *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    *out = ids_find(&a->m->users, id, strlen(id));
    if (*out < 0)
        AKIN_FAIL(AKIN_E_NOT_FOUND,
                  "user '%s' is not in the model (%d users; give --history for "
                  "an unknown one)",
                  id, a->m->users.n);
done:
    return status;
}

akin_status asker_item(const struct asker *a, const char *id, int32_t *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    *out = ids_find(&a->m->items, id, strlen(id));
    if (*out < 0)
        AKIN_FAIL(AKIN_E_NOT_FOUND, "item '%s' is not in the model (%d items)", id, a->m->items.n);
done:
    return status;
}

void asker_title(const struct asker *a, int32_t item, char *out, size_t size)
{
    out[0] = '\0';
    if (a->title)
        table_cell_text(a->title, item, out, size);
}

static void write_id(const struct asker *a, struct jw *jw, int32_t item)
{
    int32_t size;
    const char *id = ids_get(&a->m->items, item, &size);
    jw_key(jw, "item_id");
    jw_string_n(jw, id, (size_t)size);
}

static void write_title(const struct asker *a, struct jw *jw, int32_t item)
{
    char title[512];
    if (!a->title)
        return;
    asker_title(a, item, title, sizeof title);
    jw_key(jw, "title");
    jw_string(jw, title);
}

/* Which model and which of the asker's own items, or which fallback and why. */
static akin_status write_reasons(const struct asker *a, struct jw *jw, const struct ranked *r,
                                 const struct query *q, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct reason reasons[MAX_REASONS];
    int32_t n = 0;
    bool is_fallback = r->score == UNSCORED;
    if (!is_fallback && q && !(a->scorer.flags & SCORER_ITEMS_ONLY))
        AKIN_TRY(rank_explain(a->ranker, q, r->item, reasons, MAX_REASONS, &n, err));
    jw_key(jw, "reasons");
    jw_open(jw, '[');
    if (n == 0) {
        jw_open(jw, '{');
        jw_key(jw, "code");
        jw_string(jw, is_fallback ? "fallback_popular" : "model");
        jw_key(jw, "model");
        jw_string(jw, a->m->cls->name);
        jw_close(jw, '}');
    }
    for (int32_t i = 0; i < n; i++) {
        jw_open(jw, '{');
        jw_key(jw, "code");
        jw_string(jw, "because_of");
        jw_key(jw, "model");
        jw_string(jw, a->m->cls->name);
        write_id(a, jw, reasons[i].item);
        write_title(a, jw, reasons[i].item);
        jw_key(jw, "contribution");
        jw_float(jw, reasons[i].contribution);
        jw_close(jw, '}');
    }
    jw_close(jw, ']');
done:
    return status;
}

akin_status asker_item_json(const struct asker *a, struct jw *jw, const struct ranked *r,
                            const struct query *q, bool explain, akin_error *err)
{
    akin_status status = AKIN_OK;
    jw_open(jw, '{');
    write_id(a, jw, r->item);
    jw_key(jw, "score");
    if (r->score == UNSCORED)
        jw_null(jw);
    else
        jw_float(jw, r->score);
    write_title(a, jw, r->item);
    if (explain)
        AKIN_TRY(write_reasons(a, jw, r, q, err));
    jw_close(jw, '}');
done:
    return status;
}
