/*
 * dsstne: `sample<TAB>feature[,value]:feature[,value]:…` a line, the text that Amazon DSSTNE's
 * generateNetCDF takes (its user guide, "Data Formats"). A sample is a user, a feature an item; a
 * feature without a value counts as 1. Empty features are skipped, as there.
 * Cost: one pass over the bytes.
 */
#include "data/reader_chunk.h"

#include "core/text.h"

#include <math.h>
#include <string.h>

/* name[,value]; one value at most. */
static enum defect feature_parse(const struct read_plan *plan, struct cell *feature, double *value)
{
    const char *end = feature->p + feature->n;
    const char *comma = memchr(feature->p, ',', (size_t)feature->n);
    *value = 1.0;
    if (!comma)
        return DEFECT_COUNT;
    feature->n = comma - feature->p;
    const char *p = comma + 1;
    if (memchr(p, ',', (size_t)(end - p)))
        return DEFECT_MALFORMED;
    if (!plan->has_value)
        return DEFECT_COUNT;
    while (p < end && *p == ' ')
        p++;
    while (end > p && end[-1] == ' ')
        end--;
    if (!text_to_double(p, (size_t)(end - p), value) || !isfinite(*value) || fabs(*value) > 3.4e38)
        return DEFECT_BAD_VALUE;
    if (*value < plan->value_lo || *value > plan->value_hi)
        return DEFECT_OUT_OF_RANGE;
    return DEFECT_COUNT;
}

static akin_status sample_row(struct chunk *c, const struct record *r, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *end = r->text + r->size;
    const char *tab = memchr(r->text, '\t', (size_t)r->size);
    if (!tab || memchr(tab + 1, '\t', (size_t)(end - tab - 1))) {
        chunk_defect(c, DEFECT_MALFORMED, r);
        return AKIN_OK;
    }
    const struct cell sample = {r->text, tab - r->text};
    for (const char *p = tab + 1; p < end; p++) {
        const char *colon = memchr(p, ':', (size_t)(end - p));
        const char *stop = colon ? colon : end;
        struct cell feature = {p, stop - p};
        double value;
        p = stop;
        if (feature.n == 0)
            continue;
        enum defect bad = feature_parse(c->plan, &feature, &value);
        if (bad != DEFECT_COUNT)
            chunk_defect(c, bad, r);
        else
            AKIN_TRY(chunk_add_item(c, &sample, &feature, (float)value + 0.0f, 0, r, err));
    }
done:
    return status;
}

akin_status read_dsstne(struct chunk *c, const char *text, int64_t n, int64_t from, int64_t limit,
                        bool is_last, int64_t *at, akin_error *err)
{
    return chunk_lines(c, text, n, from, limit, is_last, sample_row, at, err);
}
