/*
 * Fuzz: YAML is refused with line and column or becomes a tree that JSON can hold; a mapping is
 * then taken as the configuration of a pipeline.
 */
#include "fuzz_base.h"

#include "api/pipeline.h"
#include "core/json.h"

static void build(akin_ctx *ctx, const json_t *config)
{
    static struct pipeline pipeline;
    struct arena arena;
    akin_error err = {0};
    memset(&pipeline, 0, sizeof pipeline);
    arena_init(&arena, ctx);
    akin_status status = pipeline_build(ctx, config, &arena, &pipeline, &err);
    fuzz_refused(status, &err);
    if (status == AKIN_OK) {
        for (int i = 0; i < pipeline.n_stages; i++)
            if (!pipeline.stages[i].op || !json_is_object(pipeline.stages[i].params))
                abort();
    }
    pipeline_free(&pipeline); /* also what a refusal left */
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    akin_ctx *ctx = fuzz_ctx();
    json_t *tree = NULL, *again = NULL;
    struct buf buf;
    akin_error err = {0};
    setenv("NAME", "a b", 1);
    akin_status status = yaml_parse(ctx, "fuzz", (const char *)data, size, &tree, &err);
    fuzz_refused(status, &err);
    buf_init(&buf, ctx);
    if (status == AKIN_OK) {
        if (json_write(tree, &buf, &err) != AKIN_OK ||
            json_parse("written", buf.data, (size_t)buf.size, &again, &err) != AKIN_OK ||
            !json_equal(tree, again))
            fuzz_fail("no JSON", &err);
        if (json_is_object(tree))
            build(ctx, tree);
    }
    json_decref(tree);
    json_decref(again);
    buf_free(&buf);
    fuzz_clean(ctx, 0);
    return 0;
}
