/* Fuzz: item and tag tables beside fixed interactions, as csv and as jsonl. */
#include "fuzz_prepare.h"

#include "data/format.h"
#include "data/tables.h"

/* The tables are read from memory by the calls that prepare makes with files. */
static void table_once(const char *name, enum table_kind kind, const uint8_t *data, size_t size)
{
    akin_ctx *ctx = fuzz_ctx();
    struct prepare_params p = {.max_line = 300, .piece = 1 << 16};
    struct input *in = NULL;
    struct rawtable t;
    struct defects *defects = calloc(1, sizeof *defects);
    struct idset ids;
    struct dataset *ds = NULL;
    json_t *note = json_object();
    akin_error err = {0};
    memset(&t, 0, sizeof t);
    idset_init(&ids, ctx);
    if (dataset_new(ctx, &ds, &err) != AKIN_OK ||
        input_open_memory(ctx, name, data, (int64_t)size, &in, &err) != AKIN_OK)
        abort();
    akin_status status = rawtable_read(ctx, &p, in, 0, defects, &t, &err);
    if (status == AKIN_OK)
        status = rawtable_name(&t, kind, NULL, name, &err);
    if (status == AKIN_OK)
        status = rawtable_ids(&t, kind == TABLE_TAGS ? TABLE_ITEMS : kind, defects, &ids, &err);
    static const int64_t no_off[1] = {0};
    if (status == AKIN_OK)
        status = ids_build(ctx, ids.n, ids.n ? ids.off : no_off, ids.n ? ids.bytes : "", false,
                           &ds->items, NULL, &err);
    if (status == AKIN_OK && kind == TABLE_ITEMS)
        status = rawtable_build(&t, kind, &ds->items, defects, note, &ds->item_table, &err);
    if (status == AKIN_OK && kind == TABLE_TAGS)
        status = rawtable_tags(&t, defects, ds, &err);
    if (status == AKIN_E_INTERNAL || status == AKIN_E_MEMORY) {
        fprintf(stderr, "%s\n", err.message);
        abort();
    }
    rawtable_free(&t);
    idset_free(&ids);
    dataset_free(ds);
    input_close(in);
    json_decref(note);
    free(defects);
    if (mem_used(ctx->mem) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"f.csv", "f.jsonl", "f.dat", "f.json"};
    if (size == 0 || size > 1 << 16)
        return 0;
    table_once(names[data[0] & 3], data[0] & 4 ? TABLE_TAGS : TABLE_ITEMS, data + 1, size - 1);
    return 0;
}
