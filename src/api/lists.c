/*
 * Reading recommendation lists that any system made: CSV (user_id,item_id[,score]; header
 * optional; comma or tab) or the JSONL of `akin recommend`. Cost: O(rows), two passes over codes.
 */
#include "api/lists.h"

#include "api/csv.h"
#include "core/file.h"
#include "core/json.h"

#include <string.h>

struct pairs {
    int32_t *user, *item;
    int64_t n, cap, cap2;
};

static akin_status pairs_add(akin_ctx *ctx, struct pairs *p, int32_t user, int32_t item,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    MEM_GROW(ctx, p->user, p->cap, p->n + 1);
    MEM_GROW(ctx, p->item, p->cap2, p->n + 1);
    p->user[p->n] = user;
    p->item[p->n++] = item;
done:
    return status;
}

static akin_status csv_line(akin_ctx *ctx, char *line, char sep, const char *path, int64_t number,
                            const struct ids *users, const struct ids *items, struct pairs *out,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    char *user, *item;
    size_t user_size, item_size;
    char *next = csv_next(line, sep, &user, &user_size);
    if (!next)
        AKIN_FAIL(AKIN_E_INPUT, "%s:%lld: expected user_id%citem_id[%cscore]", path,
                  (long long)number, sep, sep);
    csv_next(next, sep, &item, &item_size);
    if (number == 1 && user_size >= 4 && strncasecmp(user, "user", 4) == 0)
        goto done;
    int32_t u = ids_find(users, user, user_size);
    if (u >= 0)
        AKIN_TRY(pairs_add(ctx, out, u, ids_find(items, item, item_size), err));
done:
    return status;
}

static akin_status json_line(akin_ctx *ctx, const char *line, const char *path, int64_t number,
                             const struct ids *users, const struct ids *items, struct pairs *out,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *object = NULL, *row;
    size_t i;
    AKIN_TRY(json_parse(path, line, strlen(line), &object, err));
    const char *user = json_string_value(json_object_get(object, "user_id"));
    if (!user)
        AKIN_FAIL(AKIN_E_INPUT, "%s:%lld: no user_id", path, (long long)number);
    int32_t u = ids_find(users, user, strlen(user));
    json_array_foreach(json_object_get(object, "items"), i, row) {
        const char *item = json_string_value(json_object_get(row, "item_id"));
        if (!item)
            AKIN_FAIL(AKIN_E_INPUT, "%s:%lld: item %zu has no item_id", path, (long long)number, i);
        if (u >= 0)
            AKIN_TRY(pairs_add(ctx, out, u, ids_find(items, item, strlen(item)), err));
    }
done:
    json_decref(object);
    return status;
}

/* Stable counting sort by user. */
static akin_status group_by_user(akin_ctx *ctx, const struct pairs *p, int32_t n_users,
                                 struct eval_lists *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t *at = NULL, *ptr = NULL;
    int32_t *user = NULL, *item = NULL;
    int64_t n = 0;
    MEM_ZERO(ctx, at, (int64_t)n_users + 1);
    MEM_NEW(ctx, item, p->n);
    for (int64_t i = 0; i < p->n; i++)
        at[p->user[i]]++;
    for (int32_t u = 0; u < n_users; u++)
        n += at[u] > 0;
    MEM_NEW(ctx, user, n);
    MEM_NEW(ctx, ptr, n + 1);
    n = 0;
    ptr[0] = 0;
    int64_t sum = 0;
    for (int32_t u = 0; u < n_users; u++) {
        int64_t count = at[u];
        at[u] = sum;
        sum += count;
        if (count > 0) {
            user[n++] = u;
            ptr[n] = sum;
        }
    }
    for (int64_t i = 0; i < p->n; i++)
        item[at[p->user[i]]++] = p->item[i];
    *out = (struct eval_lists){n, user, ptr, item};
    user = item = NULL;
    ptr = NULL;
done:
    mem_free(ctx, at);
    mem_free(ctx, user);
    mem_free(ctx, ptr);
    mem_free(ctx, item);
    return status;
}

akin_status lists_read(akin_ctx *ctx, const char *path, const struct ids *users,
                       const struct ids *items, struct eval_lists *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    char *text = NULL, sep = ',';
    int64_t size = 0, number = 0;
    struct pairs pairs = {0};
    AKIN_TRY(file_read(ctx, path, INT64_C(1) << 34, &text, &size, err));
    if (memchr(text, 0, (size_t)size))
        AKIN_FAIL(AKIN_E_INPUT, "%s: contains a NUL byte", path);
    for (char *line = text; line < text + size;) {
        sep = number == 0 ? csv_separator(line) : sep;
        char *end = line[0] == '{' ? line + strcspn(line, "\n") : csv_line_end(line, sep);
        char *next = *end ? end + 1 : text + size;
        *end = '\0';
        number++;
        if (line[0] == '{')
            AKIN_TRY(json_line(ctx, line, path, number, users, items, &pairs, err));
        else if (line[0] != '\0' && line[0] != '\r')
            AKIN_TRY(csv_line(ctx, line, sep, path, number, users, items, &pairs, err));
        if (number % 65536 == 0)
            AKIN_TRY(ctx_check(ctx, err));
        line = next;
    }
    AKIN_TRY(group_by_user(ctx, &pairs, users->n, out, err));
done:
    mem_free(ctx, pairs.user);
    mem_free(ctx, pairs.item);
    mem_free(ctx, text);
    return status;
}

void lists_free(akin_ctx *ctx, struct eval_lists *lists)
{
    mem_free(ctx, (void *)(uintptr_t)lists->user);
    mem_free(ctx, (void *)(uintptr_t)lists->ptr);
    mem_free(ctx, (void *)(uintptr_t)lists->item);
    *lists = (struct eval_lists){0};
}
