/*
 * The end of histories, and histories as sections of a file: PREFIX.ptr, .item, .weight, .value,
 * .time, .type; absent ones are NULL. Loading borrows from the map and checks every offset, item
 * and weight, so that models may index with them.
 *
 * Cost: a write, or one parallel pass over the events.
 */
#include "data/history.h"

#include "core/par.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BLOCK = 1 << 16 };

void histories_free(akin_ctx *ctx, struct histories *h)
{
    if (!h)
        return;
    if (h->owns_weight)
        mem_free(ctx, (void *)(uintptr_t)h->weight);
    memset(h, 0, sizeof *h);
}

struct histories histories_share(const struct histories *h)
{
    struct histories out = *h;
    if (h->owns_weight)
        out.weight = mem_share(h->weight);
    return out;
}

static akin_status save_array(struct container_writer *w, const char *prefix, const char *name,
                              const void *data, int64_t n, int64_t size, akin_error *err)
{
    char full[CONTAINER_NAME_MAX + 1];
    if (!data)
        return AKIN_OK;
    snprintf(full, sizeof full, "%s.%s", prefix, name);
    return container_add(w, full, CONTAINER_REQUIRED, data, n * size, err);
}

akin_status histories_save(struct container_writer *w, const char *prefix,
                           const struct histories *h, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n = h->ptr[h->n_users];
    AKIN_TRY(save_array(w, prefix, "ptr", h->ptr, h->n_users + 1, (int64_t)sizeof *h->ptr, err));
    AKIN_TRY(save_array(w, prefix, "item", h->item, n, (int64_t)sizeof *h->item, err));
    AKIN_TRY(save_array(w, prefix, "weight", h->weight, n, (int64_t)sizeof *h->weight, err));
    AKIN_TRY(save_array(w, prefix, "value", h->value, n, (int64_t)sizeof *h->value, err));
    AKIN_TRY(save_array(w, prefix, "time", h->time, n, (int64_t)sizeof *h->time, err));
    AKIN_TRY(save_array(w, prefix, "type", h->type, n, (int64_t)sizeof *h->type, err));
done:
    return status;
}

/* An array of exactly n elements; absent gives NULL if optional. An empty one is never NULL. */
static akin_status load_array(struct container *c, const char *prefix, const char *name, int64_t n,
                              int64_t size, bool optional, const void **out, akin_error *err)
{
    static const int64_t nothing = 0;
    akin_status status = AKIN_OK;
    char full[CONTAINER_NAME_MAX + 1];
    int64_t found = 0;
    snprintf(full, sizeof full, "%s.%s", prefix, name);
    AKIN_TRY(container_get(c, full, size, optional, out, &found, err));
    if (*out && found != n)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section %s holds %" PRId64 " elements, not %" PRId64,
                  container_path(c), full, found, n);
    if (!*out && !optional)
        *out = &nothing;
done:
    return status;
}

struct check_job {
    const struct histories *h;
    int64_t n_items;
    const char *path, *prefix;
};

static akin_status check_block(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct check_job *job = arg;
    const struct histories *h = job->h;
    int64_t hi = par_hi(block, BLOCK, h->ptr[h->n_users]);
    bool bad = false;
    (void)worker;
    for (int64_t e = par_lo(block, BLOCK); e < hi; e++) {
        bad |= h->item[e] < 0 || h->item[e] >= job->n_items;
        bad |= h->weight && !(h->weight[e] >= 0 && isfinite(h->weight[e]));
    }
    if (bad)
        return error_set(err, AKIN_E_FORMAT, __FILE__, __LINE__,
                         "%s: section %s.item or .weight: entry outside its range", job->path,
                         job->prefix);
    return AKIN_OK;
}

akin_status histories_load(akin_ctx *ctx, struct container *c, const char *prefix, int64_t n_users,
                           int64_t n_items, struct histories *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct histories h = {.n_users = n_users};
    const void *p = NULL;
    AKIN_TRY(load_array(c, prefix, "ptr", n_users + 1, (int64_t)sizeof *h.ptr, false, &p, err));
    h.ptr = p;
    bool bad = h.ptr[0] != 0;
    for (int64_t u = 0; u < n_users && !bad; u++)
        bad = h.ptr[u + 1] < h.ptr[u] || h.ptr[u + 1] - h.ptr[u] > INT32_MAX;
    if (bad)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section %s.ptr: offsets do not ascend", container_path(c),
                  prefix);
    int64_t n = h.ptr[n_users];
    AKIN_TRY(load_array(c, prefix, "item", n, (int64_t)sizeof *h.item, false, &p, err));
    h.item = p;
    AKIN_TRY(load_array(c, prefix, "weight", n, (int64_t)sizeof *h.weight, true, &p, err));
    h.weight = p;
    AKIN_TRY(load_array(c, prefix, "value", n, (int64_t)sizeof *h.value, true, &p, err));
    h.value = p;
    AKIN_TRY(load_array(c, prefix, "time", n, (int64_t)sizeof *h.time, true, &p, err));
    h.time = p;
    AKIN_TRY(load_array(c, prefix, "type", n, (int64_t)sizeof *h.type, true, &p, err));
    h.type = p;
    struct check_job job = {&h, n_items, container_path(c), prefix};
    AKIN_TRY(par_for(ctx, par_blocks(n, BLOCK), check_block, &job, err));
    *out = h;
done:
    return status;
}
