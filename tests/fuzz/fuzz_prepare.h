/*
 * What the parser targets share: prepare the bytes in one piece and in pieces of 16 bytes and more;
 * both must agree, on the data or on the refusal, and what comes out must be a sound dataset.
 */
#ifndef TESTS_FUZZ_PREPARE_H
#define TESTS_FUZZ_PREPARE_H

#include "fuzz_base.h"

#include "core/param.h"
#include "data/dataset_check.h"
#include "data/prepare.h"

struct fuzz_result {
    akin_status status;
    uint64_t sum;
    int64_t events;
    json_t *dropped;
};

static inline struct fuzz_result fuzz_once(const char *name, const uint8_t *data, size_t size,
                                           const char *params, int64_t piece)
{
    akin_ctx *ctx = fuzz_ctx();
    struct fuzz_result r = {AKIN_OK, 0, 0, NULL};
    struct arena arena;
    struct prepare_params p;
    struct dataset *ds = NULL;
    json_t *report = NULL;
    akin_error err = {0};
    json_t *object = json_loads(params, 0, NULL);
    json_object_set_new(object, "source", json_array());
    json_object_set_new(object, "piece", json_integer(piece));
    json_object_set_new(object, "max_line", json_integer(300));
    arena_init(&arena, ctx);
    if (param_parse("prepare", prepare_param_rows, prepare_n_params, object, &arena, &p, &err))
        abort();
    r.status =
        dataset_prepare_bytes(ctx, &p, name, data, (int64_t)size, 1800000000, &ds, &report, &err);
    if (r.status == AKIN_E_INTERNAL || r.status == AKIN_E_MEMORY) {
        fprintf(stderr, "%s\n", err.message);
        abort();
    }
    if (r.status == AKIN_OK) {
        if (dataset_check(ds, "fuzz", AKIN_E_INTERNAL, &err) != AKIN_OK) {
            fprintf(stderr, "%s\n", err.message);
            abort();
        }
        r.sum = dataset_fingerprint(ds);
        r.events = ds->n_events;
        r.dropped = json_incref(json_object_get(report, "dropped"));
    }
    dataset_free(ds);
    json_decref(report);
    json_decref(object);
    arena_free(&arena);
    if (mem_used(ctx->mem) != 0) {
        fprintf(stderr, "%lld bytes leaked\n", (long long)mem_used(ctx->mem));
        abort();
    }
    return r;
}

static inline int fuzz_prepare(const char *name, const uint8_t *data, size_t size,
                               const char *params)
{
    if (size > 1 << 16)
        return 0;
    struct fuzz_result whole = fuzz_once(name, data, size, params, (int64_t)(size | 4095) + 1);
    struct fuzz_result cut = fuzz_once(name, data, size, params, 16 + (int64_t)(size % 7) * 5);
    if (whole.status != cut.status || whole.sum != cut.sum ||
        !json_equal(whole.dropped, cut.dropped)) {
        if (!(whole.status == cut.status && !whole.dropped && !cut.dropped)) {
            fprintf(stderr, "pieces differ: status %d %d, events %lld %lld\n", (int)whole.status,
                    (int)cut.status, (long long)whole.events, (long long)cut.events);
            abort();
        }
    }
    json_decref(whole.dropped);
    json_decref(cut.dropped);
    return 0;
}

#endif
