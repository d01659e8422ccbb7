/*
 * What fm and ffm go by: the columns of items, users and events, as rows of features.
 *
 * Attributes come from data/features.h, categories and numbers (in bins) as 1 each, of items each
 * kind brought to length 1. Contexts that are the same are one row.
 * Cost: a read of the tables.
 */
#include "models/machine.h"

#include "data/terms.h"

#include <string.h>

struct feature_options fm_options(enum fm_side_of side)
{
    return (struct feature_options){.language = 0,
                                    .ngrams = 1,
                                    .min_df = 2,
                                    .max_df = .5,
                                    .max_words = 20000,
                                    .weighting = FEATURE_PLAIN,
                                    .bm25_k1 = 1.2,
                                    .bm25_b = .75,
                                    .bins = 10,
                                    .is_raw = side != FM_ITEMS,
                                    .may_be_empty = true};
}

/* Names of the columns of a table to go by: those asked for, else all but texts. */
static akin_status pick_columns(const struct fm_choice *p, const struct table *t, json_t **out,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *names = json_array();
    bool is_ok = names != NULL;
    for (int32_t c = 0; is_ok && c < t->n_cols; c++) {
        const char *name = t->cols[c].name;
        bool is_wanted = t->cols[c].type != COL_TEXT;
        size_t n = json_array_size(p->columns);
        for (size_t i = 0; i < n; i++) {
            const char *asked = json_string_value(json_array_get(p->columns, i));
            is_wanted = asked && strcmp(asked, name) == 0;
            if (is_wanted)
                break;
        }
        if (is_wanted)
            is_ok = json_array_append_new(names, json_string(name)) == 0;
    }
    if (!is_ok) {
        json_decref(names);
        AKIN_FAIL(AKIN_E_MEMORY, "%s: names of columns", p->model);
    }
    *out = names;
done:
    return status;
}

static akin_status check_columns(const struct fm_data *d, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dataset *ds = d->tv->ds;
    for (size_t i = 0; i < json_array_size(d->known->choice.columns); i++) {
        const char *name = json_string_value(json_array_get(d->known->choice.columns, i));
        if (!name || (!table_find(&d->m->item_table, name) &&
                      !table_find(&d->m->user_table, name) && !table_find(&ds->event_table, name)))
            AKIN_FAIL(
                AKIN_E_ARG,
                "%s: columns: '%.60s' is no column of items, users or events (those of events "
                "are kept by `prepare --context NAME`)",
                d->known->choice.model, name ? name : "");
    }
done:
    return status;
}

/* The spec of a side and its rows; both empty if there is nothing to go by. */
static akin_status read_features(struct fm_data *d, enum fm_side_of side, const struct table *t,
                                 bool is_wanted, int64_t n, struct csr *out, akin_error *err)
{
    static const struct table no_columns;
    akin_status status = AKIN_OK;
    struct feature_options options = fm_options(side);
    const struct item_tags *tags = side == FM_ITEMS && d->known->choice.tags ? &d->m->tags : NULL;
    json_t *columns = NULL;
    AKIN_TRY(pick_columns(&d->known->choice, t, &columns, err));
    if (!is_wanted || n == 0)
        goto done;
    options.columns = columns;
    const struct item_source source = {.items = json_array_size(columns) > 0 ? t : &no_columns,
                                       .tags = tags};
    AKIN_TRY(features_fit(d->ctx, &options, &source, (int32_t)n, &d->known->spec[side], err));
    if (d->known->spec[side])
        AKIN_TRY(features_matrix(d->known->spec[side], &source, (int32_t)n, out, err));
done:
    json_decref(columns);
    return status;
}

/* Rows that are the same become one; of[e] = which. In the order of events. */
static akin_status distinct_rows(struct fm_data *d, const struct csr *all, struct csr *out,
                                 int32_t *of, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct terms seen;
    int64_t n = 0;
    terms_init(&seen, d->ctx);
    out->n_cols = all->n_cols;
    MEM_ZERO(d->ctx, out->ptr, all->n_rows + 1);
    MEM_NEW(d->ctx, out->col, csr_nnz(all));
    MEM_NEW(d->ctx, out->val, csr_nnz(all));
    for (int64_t e = 0; e < all->n_rows; e++) { /* values are 1: columns tell rows apart */
        int64_t lo = all->ptr[e], size = all->ptr[e + 1] - lo, before = seen.n;
        AKIN_TRY(terms_add(&seen, (const char *)(all->col + lo),
                           (int32_t)(size * (int64_t)sizeof *all->col), &of[e], err));
        if (seen.n == before)
            continue;
        if (size > 0) {
            memcpy(out->col + n, all->col + lo, (size_t)size * sizeof *all->col);
            memcpy(out->val + n, all->val + lo, (size_t)size * sizeof *all->val);
        }
        n += size;
        out->ptr[++out->n_rows] = n;
    }
done:
    terms_free(&seen);
    return status;
}

static akin_status read_contexts(struct fm_data *d, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dataset *ds = d->tv->ds;
    struct csr all = {0};
    int32_t *of = NULL;
    AKIN_TRY(read_features(d, FM_CONTEXT, &ds->event_table, d->known->choice.context, ds->n_events,
                           &all, err));
    if (!d->known->spec[FM_CONTEXT])
        goto done;
    MEM_NEW(d->ctx, of, ds->n_events);
    d->known->context_of = of;
    AKIN_TRY(distinct_rows(d, &all, &d->known->context_rows, of, err));
done:
    csr_free(d->ctx, &all);
    return status;
}

akin_status fm_read_columns(struct fm_data *d, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct fm_known *s = d->known;
    AKIN_TRY(check_columns(d, err));
    AKIN_TRY(read_features(d, FM_ITEMS, &d->m->item_table, s->choice.item_features, d->m->items.n,
                           &d->side[FM_ITEMS].X, err));
    AKIN_TRY(read_features(d, FM_USERS, &d->m->user_table, s->choice.user_features, d->m->users.n,
                           &s->user_rows, err));
    AKIN_TRY(read_contexts(d, err));
done:
    return status;
}
