/*
 * Fuzz: zip archives. Any bytes open or are refused with a message; what opens has safe names, and
 * each member unpacks to what it announced or is refused.
 */
#include "store/zip.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(const char *name)
{
    if (name[0] == '\0' || name[0] == '/' || strcmp(name, "..") == 0 ||
        strncmp(name, "../", 3) == 0 || strstr(name, "/../"))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static akin_ctx *ctx; /* one for all inputs: a context starts threads */
    const struct zip_limits limits = {.members = 64, .total_bytes = 1 << 22};
    struct zip *z = NULL;
    akin_error err = {0};
    if (!ctx && ctx_create(1, 1, 0, &ctx, NULL) != AKIN_OK)
        abort();
    akin_status status = zip_open_memory(ctx, "fuzz.zip", data, (int64_t)size, &limits, &z, &err);
    if ((status == AKIN_OK) != (z != NULL) || (status != AKIN_OK && !err.message[0]))
        abort();
    int64_t n = z ? zip_members(z) : 0, found;
    for (int64_t i = 0; i < n; i++) {
        check_name(zip_name(z, i));
        if (zip_find(z, zip_name(z, i), &found, &err) == AKIN_OK && found != i)
            abort();
        (void)zip_extract(z, i, NULL, &err);
    }
    zip_close(z);
    if (mem_used(ctx->mem) != 0)
        abort();
    return 0;
}
