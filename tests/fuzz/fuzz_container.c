/*
 * Fuzz: the container itself. Any bytes open or are refused by name; what opens has sections that
 * lie within the file, and each is found by its name with the bytes that the table says.
 */
#include "fuzz_sums.h"

static akin_status read_sections(struct container *c, size_t size, akin_error *err)
{
    akin_status status = AKIN_OK;
    uint64_t sum = 0;
    for (int i = 0; i < container_sections(c); i++) {
        const char *name;
        const void *data;
        const unsigned char *bytes;
        int64_t said, n;
        container_section_info(c, i, &name, &said, NULL, NULL);
        if (said < 0 || (uint64_t)said > size)
            abort();
        AKIN_TRY(container_get(c, name, 1, false, &data, &n, err));
        if (n != said)
            abort();
        bytes = data;
        for (int64_t b = 0; b < n; b++)
            sum += bytes[b];
        if (container_get(c, name, 8, true, &data, &n, err) == AKIN_OK && n != said / 8)
            abort();
    }
    if (sum == 1) /* the bytes were read: a compiler may not leave it out */
        status = AKIN_OK;
done:
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"a", "m.", "dataset.meta", "model"};
    akin_ctx *ctx = fuzz_ctx_of((int64_t)64 << 20);
    const char *path = fuzz_file(data, size);
    struct container *c = NULL;
    akin_error err = {0};
    akin_status status = container_open(ctx, path, &c, &err);
    if ((status == AKIN_OK) != (c != NULL) ||
        (status != AKIN_OK && (status != AKIN_E_FORMAT && status != AKIN_E_VERSION)) ||
        (status != AKIN_OK && !strstr(err.message, path)))
        fuzz_fail("open", &err);
    if (status == AKIN_OK) {
        status = read_sections(c, size, &err);
        akin_error second = {0};
        if (container_verify(c, &second) != status)
            fuzz_fail("verify", &second);
        (void)container_expect(c, names, 4, &second);
        (void)container_fingerprint(c);
        if (!container_is_file(path))
            fuzz_fail("not seen as a container", NULL);
    }
    fuzz_refused(status, &err);
    container_close(c);
    fuzz_clean(ctx, 0);
    return 0;
}
