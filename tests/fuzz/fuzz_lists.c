/* Fuzz: recommendation lists in files, as CSV and as JSONL; what is read names users and items. */
#include "fuzz_base.h"

#include "api/lists.h"

/* Ids "1".."n". */
static struct ids numbers(akin_ctx *ctx, int n, bool is_sharded)
{
    struct ids ids;
    int64_t off[17];
    char bytes[64];
    akin_error err = {0};
    off[0] = 0;
    for (int i = 0; i < n; i++)
        off[i + 1] = off[i] + snprintf(bytes + off[i], 4, "%d", i + 1);
    if (ids_build(ctx, n, off, bytes, is_sharded, &ids, NULL, &err) != AKIN_OK)
        fuzz_fail("ids", &err);
    return ids;
}

static void check(const struct eval_lists *lists, int32_t n_users, int32_t n_items)
{
    if (lists->n < 0 || lists->n > n_users || lists->ptr[0] != 0)
        abort();
    for (int64_t l = 0; l < lists->n; l++) {
        if (lists->user[l] < 0 || lists->user[l] >= n_users ||
            (l > 0 && lists->user[l] <= lists->user[l - 1]) || lists->ptr[l + 1] <= lists->ptr[l])
            abort();
        for (int64_t e = lists->ptr[l]; e < lists->ptr[l + 1]; e++)
            if (lists->item[e] < -1 || lists->item[e] >= n_items)
                abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    akin_ctx *ctx = fuzz_ctx_of((int64_t)64 << 20);
    struct ids users = numbers(ctx, 5, true), items = numbers(ctx, 12, false);
    struct eval_lists lists = {0};
    akin_error err = {0};
    akin_status status = lists_read(ctx, fuzz_file(data, size), &users, &items, &lists, &err);
    fuzz_refused(status, &err);
    if (status == AKIN_OK)
        check(&lists, users.n, items.n);
    lists_free(ctx, &lists);
    ids_free(ctx, &users);
    ids_free(ctx, &items);
    fuzz_clean(ctx, 0);
    return 0;
}
