/*
 * Fuzz: dataset files behind right sums. What loads holds all that a dataset promises, so reading
 * every part, the sum, a subset, each kind of split and a train view only work or refuse.
 */
#include "data/dataset_check.h"
#include "data/split.h"
#include "data/view.h"
#include "fuzz_sums.h"

static void walk_ids(const struct ids *ids)
{
    for (int32_t i = 0; i < ids->n; i++) {
        int32_t n;
        const char *id = ids_get(ids, i, &n);
        if (ids_find(ids, id, (size_t)n) != i)
            abort();
    }
}

static void walk_tables(const struct dataset *ds)
{
    const struct table *tables[] = {&ds->item_table, &ds->user_table, &ds->event_table};
    char text[256];
    for (int t = 0; t < 3; t++)
        for (int32_t c = 0; c < tables[t]->n_cols; c++)
            for (int64_t r = 0; r < tables[t]->n_rows; r++)
                table_cell_text(&tables[t]->cols[c], r, text, sizeof text);
}

static void check_part(struct dataset *part)
{
    akin_error err = {0};
    if (part && dataset_check(part, "part", AKIN_E_INTERNAL, &err) != AKIN_OK)
        fuzz_fail("a part of a sound dataset", &err);
    dataset_free(part);
}

static void walk_splits(const struct dataset *ds)
{
    static const char *const texts[] = {"time:0.3",  "ratio:0.3",    "leave-last:1",
                                        "users:0.5", "sessions:0.5", "kfold:2"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct split_spec spec;
        struct dataset *train = NULL, *test = NULL;
        akin_error err = {0};
        if (split_parse(texts[i], &spec, &err) != AKIN_OK)
            abort();
        fuzz_refused(dataset_split(ds, &spec, &train, &test, &err), &err);
        check_part(train);
        check_part(test);
    }
}

static void walk_view(const struct dataset *ds)
{
    struct feedback_params p = {.value_weight = 1, .half_life_days = ds->time ? 30 : 0};
    struct feedback *f = NULL;
    struct train_view train;
    struct test_view test;
    akin_error err = {0};
    akin_status status = feedback_create(ds->ctx, &p, &ds->types, dataset_newest(ds), &f, &err);
    fuzz_refused(status, &err);
    if (status != AKIN_OK)
        return;
    status = train_view_build(ds->ctx, ds, f, NULL, &train, &err);
    fuzz_refused(status, &err);
    if (status == AKIN_OK)
        train_view_free(&train);
    status = test_view_build(ds->ctx, ds, &ds->users, &ds->items, f, &test, &err);
    fuzz_refused(status, &err);
    if (status == AKIN_OK)
        test_view_free(&test);
    feedback_free(f);
}

static void walk(const struct dataset *ds)
{
    struct dataset *sub = NULL;
    int64_t n_users, n_items;
    float lo, hi;
    akin_error err = {0};
    uint8_t *keep = calloc((size_t)ds->n_events + 1, 1);
    if (!keep)
        abort();
    for (int64_t e = 0; e < ds->n_events; e += 2)
        keep[e] = 1;
    walk_ids(&ds->users);
    walk_ids(&ds->items);
    walk_tables(ds);
    dataset_value_range(ds, &lo, &hi);
    if (dataset_active(ds, &n_users, &n_items, &err) != AKIN_OK)
        fuzz_fail("active", &err);
    (void)dataset_fingerprint(ds);
    fuzz_refused(dataset_subset(ds, keep, NULL, true, &sub, &err), &err);
    check_part(sub);
    walk_splits(ds);
    walk_view(ds);
    free(keep);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    akin_ctx *ctx = fuzz_ctx_of((int64_t)256 << 20);
    const char *path = fuzz_file(data, size);
    struct dataset *ds = NULL;
    akin_error err = {0};
    akin_status status = dataset_load(ctx, path, &ds, &err);
    if ((status == AKIN_OK) != (ds != NULL) ||
        (status != AKIN_OK && (status != AKIN_E_FORMAT && status != AKIN_E_VERSION)) ||
        (status != AKIN_OK && !strstr(err.message, path)))
        fuzz_fail("load", &err);
    if (ds)
        walk(ds);
    dataset_free(ds);
    fuzz_clean(ctx, 0);
    return 0;
}
