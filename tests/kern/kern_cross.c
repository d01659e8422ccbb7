/*
 * Prints "isa digest" for each kernel table that this machine can run: FNV-1a over all the bits of
 * the battery's results. Stands alone (kern_cross.sh compiles it for aarch64 and for here): the
 * one function of core/ that kern.c needs is below.
 */
#include "kern/kern_battery.h"

#include "core/error.h"

#include <stdio.h>

akin_status error_set(akin_error *err, akin_status code, const char *file, int line,
                      const char *format, ...)
{
    (void)err;
    (void)file;
    (void)line;
    (void)format;
    return code;
}

struct digest {
    struct sink sink;
    uint64_t hash;
    uint64_t words;
};

static void digest_put(struct sink *sink, const char *kernel, int64_t a, int64_t b, uint32_t word)
{
    struct digest *digest = (struct digest *)sink;
    (void)kernel;
    (void)a;
    (void)b;
    digest->words++;
    for (int i = 0; i < 4; i++) {
        digest->hash ^= word >> (8 * i) & 255;
        digest->hash *= 0x100000001b3u;
    }
}

int main(void)
{
    for (size_t i = 0; kern_names(i); i++) {
        const struct kern *kern = kern_find(kern_names(i));
        if (!kern)
            continue;
        struct digest digest = {.sink = {.put = digest_put}, .hash = 0xcbf29ce484222325u};
        battery_run(kern, 20240607, &digest.sink);
        printf("%s %016llx %llu\n", kern->isa, (unsigned long long)digest.hash,
               (unsigned long long)digest.words);
    }
    return 0;
}
