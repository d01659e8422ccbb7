/*
 * What the targets share: one context for all inputs (a context starts threads), a file that lies
 * in memory, and the two things that no input may bring about: an internal error, and memory that
 * is not given back.
 */
#ifndef TESTS_FUZZ_BASE_H
#define TESTS_FUZZ_BASE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/ctx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_fail(const char *what, const akin_error *err)
{
    fprintf(stderr, "%s: %s\n", what, err ? err->message : "");
    abort();
}

/* The memory limit is part of the target: a small input must not ask for much. */
static inline akin_ctx *fuzz_ctx_of(int64_t memory)
{
    static akin_ctx *ctx;
    if (!ctx && ctx_create(1, 42, memory, &ctx, NULL) != AKIN_OK)
        abort();
    return ctx;
}

static inline akin_ctx *fuzz_ctx(void)
{
    return fuzz_ctx_of((int64_t)1 << 30);
}

/* A refusal has a message and blames the input. */
static inline void fuzz_refused(akin_status status, const akin_error *err)
{
    if (status == AKIN_E_INTERNAL || status == AKIN_E_MEMORY || status == AKIN_E_IO ||
        status == AKIN_E_CANCELLED)
        fuzz_fail("not the input's fault", err);
    if (status != AKIN_OK && !err->message[0])
        fuzz_fail("refused without a message", NULL);
}

static inline void fuzz_clean(const akin_ctx *ctx, int64_t used_before)
{
    if (mem_used(ctx->mem) != used_before) {
        fprintf(stderr, "%lld bytes leaked\n", (long long)(mem_used(ctx->mem) - used_before));
        abort();
    }
}

/* Writes the bytes to a file without a disk and returns its path; valid until the next call. */
static inline const char *fuzz_file(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char path[64];
    if (fd < 0) {
        fd = memfd_create("fuzz", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    if (fd < 0 || ftruncate(fd, 0) != 0 || (size > 0 && pwrite(fd, data, size, 0) != (ssize_t)size))
        abort();
    return path;
}

/* The bytes with a NUL behind them; free() it. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        abort();
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

#endif
