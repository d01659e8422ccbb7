/*
 * Fuzz: the address of a sink. Any text opens or is refused with a message that names neither the
 * secret nor what stands behind the host; nothing is connected to, nothing is left.
 */
#include "store/sink.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static akin_ctx *ctx; /* one for all inputs: a context starts threads */
    struct sink *s = NULL;
    akin_error err = {0};
    const struct sink_options options = {.identity = "fuzz",
                                         .secret = "0f5e4d3c2b1a",
                                         .retries = -1,
                                         .allow_private = size > 0 && data[0] == '!'};
    if (!ctx && ctx_create(1, 1, 0, &ctx, NULL) != AKIN_OK)
        abort();
    size_t skip = options.allow_private ? 1 : 0;
    char *url = calloc(1, size - skip + 1);
    if (!url)
        abort();
    if (size > skip)
        memcpy(url, data + skip, size - skip);
    (void)sink_url_path(url);
    bool makes_file = strncmp(url, "file:", 5) == 0 && strchr(url, '.');
    akin_status status = makes_file ? AKIN_E_ARG : sink_open(ctx, url, &options, &s, &err);
    if (status == AKIN_OK) {
        if (strlen(sink_label(s)) == 0 || sink_path(s) ||
            sink_write(s, "{\"user_id\":\"u\",\"items\":[]}\n", 27, &err) != AKIN_OK)
            abort();
        sink_abort(s);
    } else if (!makes_file && err.message[0] == '\0') {
        abort();
    }
    if (strstr(err.message, options.secret) && !strstr(url, options.secret))
        abort(); /* (the fuzzer learns it from this comparison) */
    free(url);
    if (mem_used(ctx->mem) != 0)
        abort();
    return 0;
}
