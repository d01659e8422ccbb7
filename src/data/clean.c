/*
 * Counting and sampling of defects. A `struct defects` is private to one chunk while it is parsed;
 * chunks are merged in file order, so that the samples are the first of the whole input whatever
 * the number of threads. Cost: a copy of at most 120 bytes for the first five of a class.
 */
#include "data/clean.h"

#include "core/text.h"

#include <inttypes.h>
#include <string.h>

static const char *const defect_names[DEFECT_COUNT] = {
#define DEFECT_NAME(id, name, help) name,
    DEFECT_MAP(DEFECT_NAME)
#undef DEFECT_NAME
};

static const char *const defect_helps[DEFECT_COUNT] = {
#define DEFECT_HELP(id, name, help) help,
    DEFECT_MAP(DEFECT_HELP)
#undef DEFECT_HELP
};

const char *defect_name(enum defect what)
{
    return defect_names[what];
}

void defects_add(struct defects *d, enum defect what, int32_t source, int64_t line,
                 const char *text, int64_t size)
{
    int64_t at = d->n[what]++;
    if (at >= DEFECT_SAMPLES)
        return;
    struct defect_sample *s = &d->sample[what][at];
    s->source = source;
    s->line = line;
    int64_t n = size < DEFECT_TEXT - 1 ? size : DEFECT_TEXT - 1;
    while (n > 0 && n == size && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n = --size;
    for (int64_t i = 0; i < n; i++)
        s->text[i] = text[i] ? text[i] : '?';
    s->text[n] = '\0';
    text_clean(s->text);
}

void defects_add_n(struct defects *d, enum defect what, int64_t n, const char *text)
{
    if (n <= 0)
        return;
    if (d->n[what] < DEFECT_SAMPLES) {
        /* A group counts n but is one sample: find the first free place. */
        for (int i = 0; i < DEFECT_SAMPLES; i++) {
            struct defect_sample *s = &d->sample[what][i];
            if (s->text[0] == '\0') {
                s->source = -1;
                s->line = 0;
                text_copy(s->text, sizeof s->text, text);
                text_clean(s->text);
                break;
            }
        }
    }
    d->n[what] += n;
}

void defects_merge(struct defects *d, const struct defects *from, int64_t line_base)
{
    d->crlf += from->crlf;
    for (int c = 0; c < DEFECT_COUNT; c++) {
        for (int64_t i = 0; i < from->n[c] && i < DEFECT_SAMPLES; i++) {
            if (d->n[c] + i >= DEFECT_SAMPLES)
                break;
            struct defect_sample *s = &d->sample[c][d->n[c] + i];
            *s = from->sample[c][i];
            s->line += line_base;
        }
        d->n[c] += from->n[c];
    }
}

int64_t defects_total(const struct defects *d)
{
    int64_t n = 0;
    for (int c = 0; c < DEFECT_COUNT; c++)
        n += d->n[c];
    return n;
}

json_t *defects_counts(const struct defects *d)
{
    json_t *out = json_object();
    for (int c = 0; out && c < DEFECT_COUNT; c++) {
        if (d->n[c] > 0 && json_object_set_new(out, defect_names[c], json_integer(d->n[c])) != 0) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

static json_t *sample_json(int c, const struct defect_sample *s, const char *const *sources,
                           int n_sources)
{
    json_t *row = json_pack("{s:s, s:s}", "class", defect_names[c], "text", s->text);
    if (row && s->source >= 0 && s->source < n_sources)
        json_object_set_new(row, "source", json_string(sources[s->source]));
    if (row && s->line > 0)
        json_object_set_new(row, "line", json_integer(s->line));
    return row;
}

json_t *defects_samples(const struct defects *d, const char *const *sources, int n_sources)
{
    json_t *out = json_array();
    for (int c = 0; out && c < DEFECT_COUNT; c++) {
        for (int i = 0; i < DEFECT_SAMPLES && i < d->n[c]; i++) {
            const struct defect_sample *s = &d->sample[c][i];
            if (s->text[0] == '\0' && s->line == 0)
                continue;
            if (json_array_append_new(out, sample_json(c, s, sources, n_sources)) != 0) {
                json_decref(out);
                return NULL;
            }
        }
    }
    return out;
}

akin_status defects_refuse(const struct defects *d, const char *const *sources, int n_sources,
                           akin_error *err)
{
    int first = -1;
    for (int c = 0; c < DEFECT_COUNT; c++) {
        if (d->n[c] == 0)
            continue;
        const struct defect_sample *s = &d->sample[c][0];
        const struct defect_sample *f = first < 0 ? NULL : &d->sample[first][0];
        if (!f || s->source < f->source || (s->source == f->source && s->line < f->line))
            first = c;
    }
    if (first < 0)
        return AKIN_OK;
    const struct defect_sample *s = &d->sample[first][0];
    const char *source = s->source >= 0 && s->source < n_sources ? sources[s->source] : "data";
    if (s->line > 0)
        return error_set(err, AKIN_E_INPUT, __FILE__, __LINE__,
                         "%s:%" PRId64 ": %s: %s: \"%.60s\" (strict; without it such rows are "
                         "dropped and counted)",
                         source, s->line, defect_names[first], defect_helps[first], s->text);
    return error_set(err, AKIN_E_INPUT, __FILE__, __LINE__, "%s: %s: %s: \"%.60s\" (strict)",
                     source, defect_names[first], defect_helps[first], s->text);
}
