/*
 * A spec in a file: columns as they lie in memory, names, how many items have each, counts.
 *
 * Loading checks that names ascend and are of a kind, that columns, edges and counts are what a fit
 * would have made, so that a damaged file is refused by name. Cost: O(names), which are hashed.
 */
#include "data/features_impl.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NAMES = 32 };

static const char *section(char *out, const char *prefix, const char *name)
{
    snprintf(out, NAMES, "%s.%s", prefix, name);
    return out;
}

akin_status features_save(struct container_writer *w, const char *prefix, const struct features *f,
                          akin_error *err)
{
    akin_status status = AKIN_OK;
    char name[NAMES];
    const int64_t none = 0;
    const struct strtab names = {f->names.n, f->names.off ? f->names.off : &none, f->names.bytes};
    AKIN_TRY(container_add(w, section(name, prefix, "columns"), CONTAINER_REQUIRED, f->column,
                           f->n_columns * (int64_t)sizeof *f->column, err));
    AKIN_TRY(strtab_save(w, section(name, prefix, "names"), CONTAINER_REQUIRED, &names, err));
    AKIN_TRY(container_add(w, section(name, prefix, "df"), CONTAINER_REQUIRED, f->df,
                           f->names.n * (int64_t)sizeof *f->df, err));
    AKIN_TRY(container_add(w, section(name, prefix, "docs"), CONTAINER_REQUIRED, f->n_docs,
                           (int64_t)sizeof f->n_docs, err));
    AKIN_TRY(container_add(w, section(name, prefix, "length"), CONTAINER_REQUIRED, &f->mean_length,
                           (int64_t)sizeof f->mean_length, err));
done:
    return status;
}

static bool is_column(const struct feature_column *col)
{
    bool is_number = col->type == COL_NUMBER;
    if (!memchr(col->name, 0, sizeof col->name) || !col->name[0] ||
        (col->type != COL_TEXT && col->type != COL_CATEGORY && !is_number) ||
        (col->is_said != 0 && (col->is_said != 1 || col->type != COL_TEXT)) || col->n_edges < 0 ||
        col->n_edges >= FEATURE_BINS || (col->n_edges > 0 && !is_number))
        return false;
    if (!isfinite(col->mean) || !isfinite(col->deviation) || col->deviation < 0)
        return false;
    for (int32_t e = 0; e < col->n_edges; e++)
        if (!isfinite(col->edge[e]) || (e > 0 && !(col->edge[e] > col->edge[e - 1])))
            return false;
    return true;
}

static akin_status load_columns(struct features *f, struct container *c, const char *prefix,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    char name[NAMES];
    const void *data;
    int64_t n;
    AKIN_TRY(container_get(c, section(name, prefix, "columns"), sizeof *f->column, false, &data, &n,
                           err));
    if (n > 2 * TABLE_MAX_COLS)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section %s has %" PRId64 " columns", container_path(c), name,
                  n);
    MEM_NEW(f->ctx, f->column, n);
    if (n > 0)
        memcpy(f->column, data, (size_t)n * sizeof *f->column);
    f->n_columns = (int32_t)n;
    for (int32_t i = 0; i < f->n_columns; i++)
        if (!is_column(&f->column[i]))
            AKIN_FAIL(AKIN_E_FORMAT, "%s: section %s: column %" PRId32 " is damaged",
                      container_path(c), name, i);
done:
    return status;
}

static akin_status load_names(struct features *f, struct container *c, const char *prefix,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    char name[NAMES];
    struct strtab names;
    const void *data;
    int64_t n;
    AKIN_TRY(strtab_load(c, section(name, prefix, "names"), &names, err));
    for (int32_t i = 0; i < names.n; i++) {
        int32_t size, number;
        const char *text = strtab_get(&names, i, &size);
        if (size < 1 || size > FEATURE_NAME_MAX || !strchr(FEATURE_LETTERS, text[0]))
            AKIN_FAIL(AKIN_E_FORMAT, "%s: section %s: name %" PRId32 " is of no kind",
                      container_path(c), name, i);
        AKIN_TRY(terms_add(&f->names, text, size, &number, err));
    }
    AKIN_TRY(container_get(c, section(name, prefix, "df"), sizeof *f->df, false, &data, &n, err));
    if (n != names.n || names.n == 0)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section %s has %" PRId64 " counts for %" PRId32 " names",
                  container_path(c), name, n, names.n);
    MEM_NEW(f->ctx, f->df, n);
    memcpy(f->df, data, (size_t)n * sizeof *f->df);
done:
    return status;
}

static akin_status load_counts(struct features *f, struct container *c, const char *prefix,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    char name[NAMES];
    const void *data;
    int64_t n;
    AKIN_TRY(
        container_get(c, section(name, prefix, "docs"), sizeof *f->n_docs, false, &data, &n, err));
    if (n != FEATURE_KINDS)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section %s holds %" PRId64 " numbers, not %d",
                  container_path(c), name, n, FEATURE_KINDS);
    memcpy(f->n_docs, data, sizeof f->n_docs);
    for (int32_t i = 0; i < f->names.n; i++) {
        char letter = f->names.bytes[f->names.off[i]];
        int64_t docs = f->n_docs[strchr(FEATURE_LETTERS, letter) - FEATURE_LETTERS];
        if (f->df[i] < 1 || f->df[i] > docs || docs > INT32_MAX)
            AKIN_FAIL(AKIN_E_FORMAT,
                      "%s: section %s: %" PRId32 " items of %" PRId64 " have name %" PRId32,
                      container_path(c), name, f->df[i], docs, i);
    }
    AKIN_TRY(container_get(c, section(name, prefix, "length"), sizeof f->mean_length, false, &data,
                           &n, err));
    if (n == 1)
        memcpy(&f->mean_length, data, sizeof f->mean_length);
    if (n != 1 || !(f->mean_length > 0) || !isfinite(f->mean_length))
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section %s is no length of texts", container_path(c), name);
done:
    return status;
}

akin_status features_load(akin_ctx *ctx, struct container *c, const char *prefix,
                          const struct feature_options *options, struct features **out,
                          akin_error *err)
{
    akin_status status = AKIN_OK;
    struct features *f = NULL;
    MEM_ZERO(ctx, f, 1);
    f->ctx = ctx;
    f->opt = *options;
    f->opt.columns = NULL;
    terms_init(&f->names, ctx);
    AKIN_TRY(load_columns(f, c, prefix, err));
    AKIN_TRY(load_names(f, c, prefix, err));
    AKIN_TRY(load_counts(f, c, prefix, err));
    AKIN_TRY(features_complete(f, err));
    *out = f;
    f = NULL;
done:
    features_free(f);
    return status;
}
