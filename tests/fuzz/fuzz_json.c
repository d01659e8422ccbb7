/* Fuzz: JSON is refused with a place, or read, written and read again as the same tree. */
#include "fuzz_base.h"

#include "core/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    akin_ctx *ctx = fuzz_ctx();
    json_t *tree = NULL, *again = NULL;
    struct buf buf;
    akin_error err = {0};
    akin_status status = json_parse("fuzz", (const char *)data, size, &tree, &err);
    fuzz_refused(status, &err);
    buf_init(&buf, ctx);
    if (status == AKIN_OK) {
        if (json_write(tree, &buf, &err) != AKIN_OK ||
            json_parse("written", buf.data, (size_t)buf.size, &again, &err) != AKIN_OK)
            fuzz_fail("what was read cannot be written", &err);
        if (!json_equal(tree, again))
            fuzz_fail("another tree came back", NULL);
    }
    json_decref(tree);
    json_decref(again);
    buf_free(&buf);
    fuzz_clean(ctx, 0);
    return 0;
}
