/* Sorting of strings by bytes or, if all are canonical integers, by number. */
#ifndef AKIN_DATA_STRSORT_H
#define AKIN_DATA_STRSORT_H

#include "core/ctx.h"

struct strsort {
    const int64_t *off; /* string i is bytes[off[i], off[i + 1]) */
    const char *bytes;
    bool is_numeric; /* every string passes text_is_canonical_int */
};

/*
 * Sorts the string numbers index[0..n), which ascend at entry; equal strings stay in that order.
 * Serial: cut the work and call it from blocks. Cost: radix passes over the bytes that differ;
 * 32 bytes a string while it runs. Fails: E_MEMORY, E_CANCELLED (index is then in any order).
 */
akin_status strsort_run(akin_ctx *ctx, const struct strsort *s, int32_t *index, int64_t n,
                        akin_error *err);

#endif
