/*
 * Lists of the newest sessions of each item (the index of VMIS-kNN: Kersbergen et al. 2022,
 * doi:10.1145/3514221.3517901).
 *
 * Cost: 4 bytes an event at most, and 12 an item.
 */
#include "models/session_lists.h"

#include "models/model_impl.h"

#include <inttypes.h>

akin_status session_lists_make(akin_ctx *ctx, const struct sessions *s, int64_t recent,
                               struct session_lists *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t *count = NULL, *list = NULL;
    int64_t *ptr = NULL, *next = NULL;
    MEM_ZERO(ctx, count, s->n_items);
    out->count = count;
    MEM_NEW(ctx, ptr, (int64_t)s->n_items + 1);
    out->ptr = ptr;
    MEM_NEW(ctx, next, s->n_items);
    for (int64_t e = 0; e < s->ptr[s->n]; e++)
        count[s->item[e]]++;
    ptr[0] = 0;
    for (int32_t i = 0; i < s->n_items; i++) {
        next[i] = ptr[i];
        ptr[i + 1] = ptr[i] + (count[i] < recent ? count[i] : recent);
    }
    MEM_NEW(ctx, list, ptr[s->n_items]);
    out->list = list;
    AKIN_TRY(ctx_check(ctx, err));
    for (int64_t r = s->n - 1; r >= 0; r--)
        for (int64_t e = s->ptr[r]; e < s->ptr[r + 1]; e++) {
            int32_t i = s->item[e];
            if (next[i] < ptr[i + 1])
                list[next[i]++] = (int32_t)r;
        }
done:
    mem_free(ctx, next);
    return status;
}

void session_lists_free(const struct model *m, struct session_lists *l)
{
    if (m->file)
        return;
    model_free_array(m->ctx, l->ptr);
    model_free_array(m->ctx, l->list);
    model_free_array(m->ctx, l->count);
}

int64_t session_find(const struct sessions *s, int32_t session, int32_t item)
{
    for (int64_t at = s->ptr[session]; at < s->ptr[session + 1]; at++)
        if (s->item[at] == item)
            return at;
    return -1;
}

/* ---- Files --------------------------------------------------------------------------------- */

akin_status session_lists_save(struct container_writer *w, const struct session_lists *l,
                               int64_t n_items, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(container_add(w, "m.list_ptr", CONTAINER_REQUIRED, l->ptr,
                           (n_items + 1) * (int64_t)sizeof *l->ptr, err));
    AKIN_TRY(container_add(w, "m.list", CONTAINER_REQUIRED, l->list,
                           l->ptr[n_items] * (int64_t)sizeof *l->list, err));
    AKIN_TRY(container_add(w, "m.count", CONTAINER_REQUIRED, l->count,
                           n_items * (int64_t)sizeof *l->count, err));
done:
    return status;
}

/* A list names sessions that hold its item, newest first. */
static akin_status check_list(const struct sessions *s, const struct session_lists *l, int32_t item,
                              const char *path, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t lo = l->ptr[item], hi = l->ptr[item + 1];
    if (hi < lo || l->count[item] < hi - lo)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: sections m.list_ptr and m.count do not fit at item %d", path,
                  item);
    for (int64_t e = lo; e < hi; e++)
        if (l->list[e] < 0 || l->list[e] >= s->n || (e > lo && l->list[e] >= l->list[e - 1]) ||
            session_find(s, l->list[e], item) < 0)
            AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.list: session %d at %" PRId64, path, l->list[e],
                      e);
done:
    return status;
}

akin_status session_lists_load(struct container *c, const struct sessions *s,
                               struct session_lists *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *path = container_path(c);
    const void *ptr, *list, *count;
    int64_t n_ptr, n_list, n_count, n_items = s->n_items;
    AKIN_TRY(container_get(c, "m.list_ptr", sizeof *out->ptr, false, &ptr, &n_ptr, err));
    AKIN_TRY(container_get(c, "m.list", sizeof *out->list, false, &list, &n_list, err));
    AKIN_TRY(container_get(c, "m.count", sizeof *out->count, false, &count, &n_count, err));
    *out = (struct session_lists){ptr, list, count};
    if (n_ptr != n_items + 1 || n_count != n_items || out->ptr[0] != 0 ||
        out->ptr[n_items] != n_list)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: sections m.list_ptr, m.list and m.count do not fit", path);
    for (int32_t i = 0; i < n_items; i++)
        if (out->ptr[i + 1] > n_list)
            AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.list_ptr is beyond m.list at item %d", path, i);
    for (int32_t i = 0; i < n_items; i++)
        AKIN_TRY(check_list(s, out, i, path, err));
done:
    return status;
}
