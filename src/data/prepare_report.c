/*
 * prepare: what was done, in JSON: notes of sources, the report, the card of the dataset.
 */
#include "data/prepare_impl.h"

#include "core/json.h"

#include <inttypes.h>
#include <stdio.h>

akin_status prepare_note(struct prepare *pr, const struct input *in, json_t *note, uint64_t hash,
                         int64_t n_rows, akin_error *err)
{
    char text[17];
    snprintf(text, sizeof text, "%016" PRIx64, hash);
    bool ok = json_object_set_new(note, "name", json_string(input_name(in))) == 0 &&
              json_object_set_new(note, "xxh3", json_string(text)) == 0;
    if (ok && input_size(in) >= 0)
        ok = json_object_set_new(note, "bytes", json_integer(input_size(in))) == 0;
    if (ok && n_rows >= 0)
        ok = json_object_set_new(note, "rows", json_integer(n_rows)) == 0;
    if (ok)
        ok = json_array_append(pr->sources, note) == 0;
    return ok ? AKIN_OK
              : error_set(err, AKIN_E_MEMORY, __FILE__, __LINE__, "no memory for the report");
}

akin_status prepare_report(struct prepare *pr, int64_t n_sorted, json_t **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dataset *ds = pr->ds;
    struct defects *d = &pr->ing.defects;
    int64_t n_users, n_items;
    json_t *report = NULL, *stages = NULL;
    AKIN_TRY(dataset_active(ds, &n_users, &n_items, err));
    stages =
        json_pack("[{s:s, s:I, s:I}, {s:s, s:I, s:I}, {s:s, s:I, s:I}]", "stage", "read", "in",
                  (json_int_t)pr->ing.n_records, "out", (json_int_t)pr->ing.n_rows, "stage",
                  "deduplicate", "in", (json_int_t)pr->ing.n_rows, "out", (json_int_t)n_sorted,
                  "stage", "filter", "in", (json_int_t)n_sorted, "out", (json_int_t)ds->n_events);
    report = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:O, s:O}", "kept",
                       (json_int_t)ds->n_events, "rows", (json_int_t)pr->ing.n_records, "events",
                       (json_int_t)ds->n_events, "users", (json_int_t)n_users, "items",
                       (json_int_t)n_items, "catalog_users", (json_int_t)ds->users.n,
                       "catalog_items", (json_int_t)ds->items.n, "tags", (json_int_t)ds->n_tags,
                       "crlf_lines", (json_int_t)d->crlf, "dropped", defects_counts(d), "samples",
                       defects_samples(d, pr->names, pr->n_names), "sources", pr->sources, "tables",
                       pr->notes);
    if (!report || !stages || json_object_set(report, "stages", stages) != 0)
        AKIN_FAIL(AKIN_E_MEMORY, "no memory for the report");
    if (own_is_used(&pr->own)) {
        json_object_set_new(report, "watermark", json_integer(pr->own.last));
        json_object_set_new(report, "erased_events", json_integer(pr->own.n_erased));
    }
    const json_t *first = json_array_get(pr->sources, 0);
    json_object_set(report, "format", json_object_get(first, "format"));
    json_object_set(report, "guessed", json_object_get(first, "guessed"));
    *out = report;
    report = NULL;
done:
    json_decref(report);
    json_decref(stages);
    return status;
}

akin_status prepare_card(struct prepare *pr, const json_t *report, akin_error *err)
{
    json_t *options = param_dump(prepare_param_rows, prepare_n_params, pr->p);
    json_t *prepare = json_deep_copy(report);
    bool ok = options && prepare;
    static const char *const paths[] = {"source", "items", "users", "tags"};
    for (int i = 0; ok && i < 4; i++)
        json_object_del(options, paths[i]);
    if (ok)
        json_object_del(options, "piece");
    ok = ok && json_object_set_new(pr->ds->card, "prepare", prepare) == 0;
    prepare = ok ? NULL : prepare;
    ok = ok && json_object_set(pr->ds->card, "options", options) == 0;
    json_decref(options);
    json_decref(prepare);
    return ok ? AKIN_OK
              : error_set(err, AKIN_E_MEMORY, __FILE__, __LINE__, "no memory for the card");
}
