/*
 * libsvm: `label feature:value feature:value … [# comment]` a line. A line is a user (its number),
 * its features are items with values, its label a number column of the user table.
 * `qid:N` is skipped. Cost: one pass over the bytes.
 */
#include "data/reader_chunk.h"

#include "core/text.h"

#include <math.h>
#include <string.h>

static bool word_next(const char **p, const char *end, struct cell *out)
{
    while (*p < end && (**p == ' ' || **p == '\t'))
        ++*p;
    out->p = *p;
    while (*p < end && **p != ' ' && **p != '\t')
        ++*p;
    out->n = *p - out->p;
    return out->n > 0;
}

/* feature:value; the value is checked as in other formats. */
static enum defect pair_parse(const struct read_plan *plan, const struct cell *word,
                              struct cell *feature, double *value)
{
    const char *colon = memchr(word->p, ':', (size_t)word->n);
    if (!colon)
        return DEFECT_MALFORMED;
    *feature = (struct cell){word->p, colon - word->p};
    if (!text_to_double(colon + 1, (size_t)(word->p + word->n - colon - 1), value) ||
        !isfinite(*value) || fabs(*value) > 3.4e38)
        return DEFECT_BAD_VALUE;
    if (*value < plan->value_lo || *value > plan->value_hi)
        return DEFECT_OUT_OF_RANGE;
    return DEFECT_COUNT;
}

static akin_status svm_row(struct chunk *c, const struct record *r, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *p = r->text, *end = r->text + r->size;
    const char *hash = memchr(p, '#', (size_t)(end - p));
    struct cell word, feature;
    double label, value;
    if (hash)
        end = hash;
    if (!word_next(&p, end, &word))
        return AKIN_OK;
    if (!text_to_double(word.p, (size_t)word.n, &label) || !isfinite(label)) {
        chunk_defect(c, DEFECT_BAD_VALUE, r);
        return AKIN_OK;
    }
    int64_t before = c->n_rows;
    while (word_next(&p, end, &word)) {
        if (word.n > 4 && memcmp(word.p, "qid:", 4) == 0)
            continue;
        enum defect bad = pair_parse(c->plan, &word, &feature, &value);
        if (bad != DEFECT_COUNT)
            chunk_defect(c, bad, r);
        else
            AKIN_TRY(chunk_add_item(c, NULL, &feature, (float)value + 0.0f, 0, r, err));
    }
    if (c->n_rows > before) {
        MEM_GROW(c->ctx, c->labels, c->cap_labels, c->n_labels + 1);
        c->labels[c->n_labels++] = (struct row_label){r->line, label};
    }
done:
    return status;
}

akin_status read_libsvm(struct chunk *c, const char *text, int64_t n, int64_t from, int64_t limit,
                        bool is_last, int64_t *at, akin_error *err)
{
    return chunk_lines(c, text, n, from, limit, is_last, svm_row, at, err);
}
