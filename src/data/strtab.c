/*
 * Sets of distinct strings in the order of their bytes: event types, categories, tags.
 *
 * Cost: look-up log2(n) comparisons; building a sort (strsort.h); loading one pass.
 * Not done: parallel building; sets are small beside the rows that use them.
 */
#include "data/table.h"

#include "core/text.h"
#include "data/strsort.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *strtab_get(const struct strtab *t, int32_t i, int32_t *size)
{
    *size = (int32_t)(t->off[i + 1] - t->off[i]);
    return t->bytes + t->off[i];
}

int32_t strtab_find(const struct strtab *t, const char *text, size_t size)
{
    int32_t lo = 0;
    int32_t hi = t->n;
    while (lo < hi) {
        int32_t mid = lo + (hi - lo) / 2;
        const char *other = t->bytes + t->off[mid];
        int order = text_compare(other, (size_t)(t->off[mid + 1] - t->off[mid]), text, size);
        if (order == 0)
            return mid;
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return -1;
}

akin_status strtab_build(akin_ctx *ctx, int32_t n, const int64_t *off, const char *bytes,
                         struct strtab *out, int32_t *rank, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct strsort strings = {.off = off, .bytes = bytes, .is_numeric = false};
    int32_t *index = NULL;
    int64_t *to_off = NULL;
    char *to_bytes = NULL;
    MEM_NEW(ctx, index, n);
    MEM_NEW(ctx, to_off, (int64_t)n + 1);
    MEM_NEW(ctx, to_bytes, n > 0 ? off[n] - off[0] : 0);
    for (int32_t i = 0; i < n; i++)
        index[i] = i;
    AKIN_TRY(strsort_run(ctx, &strings, index, n, err));
    to_off[0] = 0;
    for (int32_t j = 0; j < n; j++) {
        int64_t lo = off[index[j]];
        int64_t size = off[index[j] + 1] - lo;
        if (size > INT32_MAX)
            AKIN_FAIL(AKIN_E_LIMIT, "a string of %" PRId64 " bytes (at most %d)", size, INT32_MAX);
        memcpy(to_bytes + to_off[j], bytes + lo, (size_t)size);
        to_off[j + 1] = to_off[j] + size;
        if (rank)
            rank[index[j]] = j;
    }
    *out = (struct strtab){.n = n, .off = to_off, .bytes = to_bytes};
    to_off = NULL;
    to_bytes = NULL;
done:
    mem_free(ctx, to_bytes);
    mem_free(ctx, to_off);
    mem_free(ctx, index);
    return status;
}

akin_status strtab_subset(akin_ctx *ctx, const struct strtab *t, const uint8_t *keep,
                          struct strtab *out, int32_t *map, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t *off = NULL;
    char *bytes = NULL;
    int32_t n = 0;
    int64_t size = 0;
    for (int32_t i = 0; i < t->n; i++) {
        if (!keep || keep[i]) {
            n++;
            size += t->off[i + 1] - t->off[i];
        }
    }
    MEM_NEW(ctx, off, (int64_t)n + 1);
    MEM_NEW(ctx, bytes, size);
    off[0] = 0;
    n = 0;
    for (int32_t i = 0; i < t->n; i++) {
        if (map)
            map[i] = !keep || keep[i] ? n : -1;
        if (keep && !keep[i])
            continue;
        int64_t length = t->off[i + 1] - t->off[i];
        memcpy(bytes + off[n], t->bytes + t->off[i], (size_t)length);
        off[n + 1] = off[n] + length;
        n++;
    }
    *out = (struct strtab){.n = n, .off = off, .bytes = bytes};
    off = NULL;
    bytes = NULL;
done:
    mem_free(ctx, bytes);
    mem_free(ctx, off);
    return status;
}

akin_status strtab_copy(akin_ctx *ctx, const struct strtab *from, struct strtab *to,
                        akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t *off = NULL;
    char *bytes = NULL;
    int64_t size = from->off ? from->off[from->n] : 0;
    MEM_ZERO(ctx, off, from->n + 1);
    MEM_NEW(ctx, bytes, size > 0 ? size : 1);
    if (from->off)
        memcpy(off, from->off, ((size_t)from->n + 1) * sizeof *off);
    if (size > 0)
        memcpy(bytes, from->bytes, (size_t)size);
    *to = (struct strtab){from->n, off, bytes};
    off = NULL;
    bytes = NULL;
done:
    mem_free(ctx, off);
    mem_free(ctx, bytes);
    return status;
}

void strtab_free(akin_ctx *ctx, struct strtab *t)
{
    mem_free(ctx, (void *)(uintptr_t)t->off);
    mem_free(ctx, (void *)(uintptr_t)t->bytes);
    memset(t, 0, sizeof *t);
}

akin_status strtab_save(struct container_writer *w, const char *prefix, uint32_t flags,
                        const struct strtab *t, akin_error *err)
{
    akin_status status = AKIN_OK;
    char name[CONTAINER_NAME_MAX + 1];
    int64_t none = 0;
    const int64_t *off = t->off ? t->off : &none;
    snprintf(name, sizeof name, "%s.off", prefix);
    AKIN_TRY(container_add(w, name, flags, off, ((int64_t)t->n + 1) * (int64_t)sizeof *off, err));
    snprintf(name, sizeof name, "%s.bytes", prefix);
    AKIN_TRY(container_add(w, name, flags, t->bytes, off[t->n], err));
done:
    return status;
}

akin_status strtab_load(struct container *c, const char *prefix, struct strtab *out,
                        akin_error *err)
{
    akin_status status = AKIN_OK;
    char name[CONTAINER_NAME_MAX + 1];
    const void *data;
    int64_t n_off, n_bytes;
    snprintf(name, sizeof name, "%s.off", prefix);
    AKIN_TRY(container_get(c, name, sizeof(int64_t), false, &data, &n_off, err));
    const int64_t *off = data;
    snprintf(name, sizeof name, "%s.bytes", prefix);
    AKIN_TRY(container_get(c, name, 1, false, &data, &n_bytes, err));
    const char *bytes = data;
    if (n_off < 1 || n_off > INT32_MAX || off[0] != 0 || off[n_off - 1] != n_bytes)
        AKIN_FAIL(AKIN_E_FORMAT, "%.90s: %s.off does not match %s", container_path(c), prefix,
                  name);
    /* Ascending from 0, and none beyond the end, before any is used. */
    for (int64_t i = 1; i < n_off; i++) {
        if (off[i] < off[i - 1] || off[i] > n_bytes || off[i] - off[i - 1] > INT32_MAX)
            AKIN_FAIL(AKIN_E_FORMAT, "%.90s: %s.off: string %" PRId64 " is out of bounds",
                      container_path(c), prefix, i - 1);
        const char *text = bytes + off[i - 1];
        size_t size = (size_t)(off[i] - off[i - 1]);
        if (!text_is_utf8(text, size))
            AKIN_FAIL(AKIN_E_FORMAT, "%.90s: %s: string %" PRId64 " is not UTF-8",
                      container_path(c), prefix, i - 1);
        if (i > 1 &&
            text_compare(bytes + off[i - 2], (size_t)(off[i - 1] - off[i - 2]), text, size) >= 0)
            AKIN_FAIL(AKIN_E_FORMAT, "%.90s: %s: string %" PRId64 " is out of order",
                      container_path(c), prefix, i - 1);
    }
    *out = (struct strtab){.n = (int32_t)(n_off - 1), .off = off, .bytes = bytes};
done:
    return status;
}
