/*
 * DSSTNE's index files (see dsstne_index.h). Cost: the file and its names in memory, a sort of the
 * users' ids for an order that does not depend on shards.
 */
#include "api/dsstne_index.h"

#include "core/buf.h"
#include "core/file.h"
#include "core/text.h"

#include <stdlib.h>
#include <string.h>

void dsstne_index_init(struct dsstne_index *x, akin_ctx *ctx)
{
    *x = (struct dsstne_index){.ctx = ctx};
    idset_init(&x->names, ctx);
}

void dsstne_index_free(struct dsstne_index *x)
{
    if (!x->ctx)
        return;
    idset_free(&x->names);
    mem_free(x->ctx, x->number);
    x->ctx = NULL;
}

static akin_status put(struct dsstne_index *x, const char *name, int64_t size, int64_t number,
                       bool *is_new, akin_error *err)
{
    akin_status status = AKIN_OK;
    uint32_t at;
    int64_t before = x->names.n;
    AKIN_TRY(idset_add(&x->names, idset_hash(name, size), name, size, &at, err));
    *is_new = x->names.n > before;
    if (!*is_new)
        goto done;
    MEM_GROW(x->ctx, x->number, x->cap, x->names.n);
    x->number[at] = number;
done:
    return status;
}

bool dsstne_index_has(const struct dsstne_index *x, const char *name, int32_t size)
{
    return idset_find(&x->names, idset_hash(name, size), name, size) >= 0;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static akin_status check_numbers(const struct dsstne_index *x, const char *path, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t *sorted = NULL, n = x->names.n;
    MEM_NEW(x->ctx, sorted, n);
    if (n > 0)
        memcpy(sorted, x->number, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, by_value);
    for (int64_t i = 1; i < n; i++)
        if (sorted[i] == sorted[i - 1])
            AKIN_FAIL(AKIN_E_INPUT, "%s: two names have the number %lld", path,
                      (long long)sorted[i]);
done:
    mem_free(x->ctx, sorted);
    return status;
}

akin_status dsstne_index_read(struct dsstne_index *x, const char *path, akin_error *err)
{
    akin_status status = AKIN_OK;
    char *text = NULL;
    int64_t size, line = 0;
    AKIN_TRY(file_read(x->ctx, path, INT64_C(1) << 34, &text, &size, err));
    for (const char *p = text, *stop = text + size; p < stop; line++) {
        const char *end = memchr(p, '\n', (size_t)(stop - p));
        const char *next = end ? end + 1 : stop;
        end = end ? end : stop;
        if (end > p && end[-1] == '\r')
            end--;
        const char *tab = memchr(p, '\t', (size_t)(end - p));
        int64_t number;
        bool is_new;
        if (!tab || tab == p || tab - p > IDS_MAX_BYTES ||
            !text_to_int(tab + 1, (size_t)(end - tab - 1), &number) || number < 0 ||
            number > UINT32_MAX)
            AKIN_FAIL(AKIN_E_INPUT, "%s, line %lld: not a name, a TAB and its number", path,
                      (long long)line + 1);
        AKIN_TRY(put(x, p, tab - p, number, &is_new, err));
        if (!is_new)
            AKIN_FAIL(AKIN_E_INPUT, "%s, line %lld: '%.*s' is there twice", path,
                      (long long)line + 1, tab - p > 60 ? 60 : (int)(tab - p), p);
        x->next = number >= x->next ? number + 1 : x->next;
        p = next;
        if (line % 65536 == 0)
            AKIN_TRY(ctx_check(x->ctx, err));
    }
    AKIN_TRY(check_numbers(x, path, err));
done:
    mem_free(x->ctx, text);
    return status;
}

akin_status dsstne_index_add(struct dsstne_index *x, const struct ids *ids, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t *order = NULL;
    MEM_NEW(x->ctx, order, ids->n);
    AKIN_TRY(dsstne_order(x->ctx, ids, order, err));
    for (int32_t i = 0; i < ids->n; i++) {
        int32_t size;
        const char *id = ids_get(ids, order[i], &size);
        bool is_new;
        AKIN_TRY(put(x, id, size, x->next, &is_new, err));
        x->next += is_new;
        x->added += is_new;
    }
done:
    mem_free(x->ctx, order);
    return status;
}

struct numbered {
    int64_t number, at;
};

static int by_number(const void *a, const void *b)
{
    int64_t x = ((const struct numbered *)a)->number, y = ((const struct numbered *)b)->number;
    return (x > y) - (x < y);
}

akin_status dsstne_index_write(const struct dsstne_index *x, const char *path, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct numbered *row = NULL;
    struct buf buf;
    buf_init(&buf, x->ctx);
    MEM_NEW(x->ctx, row, x->names.n);
    for (int64_t i = 0; i < x->names.n; i++)
        row[i] = (struct numbered){x->number[i], i};
    qsort(row, (size_t)x->names.n, sizeof *row, by_number);
    for (int64_t i = 0; i < x->names.n; i++) {
        int64_t from = x->names.off[row[i].at], to = x->names.off[row[i].at + 1];
        buf_add(&buf, x->names.bytes + from, (size_t)(to - from));
        buf_char(&buf, '\t');
        buf_int(&buf, row[i].number);
        buf_char(&buf, '\n');
    }
    AKIN_TRY(buf_check(&buf, err));
    AKIN_TRY(file_write(x->ctx, path, buf.data, buf.size, err));
done:
    buf_free(&buf);
    mem_free(x->ctx, row);
    return status;
}

akin_status dsstne_order(akin_ctx *ctx, const struct ids *ids, int32_t *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct ids sorted = {0};
    int32_t *rank = NULL;
    MEM_NEW(ctx, rank, ids->n);
    AKIN_TRY(ids_build(ctx, ids->n, ids->off, ids->bytes, false, &sorted, rank, err));
    for (int32_t i = 0; i < ids->n; i++)
        out[rank[i]] = i;
done:
    ids_free(ctx, &sorted);
    mem_free(ctx, rank);
    return status;
}

akin_status dsstne_check_name(const char *what, const char *name, int32_t size, akin_error *err)
{
    for (int32_t i = 0; i < size; i++)
        if (name[i] == '\t' || name[i] == '\n' || name[i] == ':' || name[i] == ',')
            return error_set(err, AKIN_E_INPUT, __FILE__, __LINE__,
                             "%s '%.*s' holds a TAB, line end, ':' or ',' (DSSTNE's text has no "
                             "way to write it)",
                             what, size > 60 ? 60 : (int)size, name);
    return AKIN_OK;
}
