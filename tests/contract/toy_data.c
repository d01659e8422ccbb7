/* Datasets made in memory: see toy_data.h. */
#include "toy_data.h"

#include "core/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ids "<prefix>0".."<prefix>n-1"; rank receives their numbers. */
static akin_status number_ids(akin_ctx *ctx, const char *prefix, int32_t n, bool is_sharded,
                              struct ids *out, int32_t *rank, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t *off = NULL;
    char *bytes = NULL;
    int64_t at = 0;
    MEM_NEW(ctx, off, n + 1);
    MEM_NEW(ctx, bytes, (int64_t)n * 16 + 16);
    for (int32_t i = 0; i < n; i++) {
        off[i] = at;
        at += snprintf(bytes + at, 16, "%s%d", prefix, (int)i);
    }
    off[n] = at;
    AKIN_TRY(ids_build(ctx, n, off, bytes, is_sharded, out, rank, err));
done:
    mem_free(ctx, off);
    mem_free(ctx, bytes);
    return status;
}

/* One row a number in 0..n-1, put at rank[number]. */
static akin_status add_table(akin_ctx *ctx, bool is_items, int32_t n, const int32_t *rank,
                             struct table *out, akin_error *err)
{
    static const char *const item_names[] = {"title", "genre", "year"};
    static const enum col_type item_types[] = {COL_TEXT, COL_CATEGORY, COL_NUMBER};
    static const char *const user_names[] = {"group"};
    static const enum col_type user_types[] = {COL_CATEGORY};
    akin_status status = AKIN_OK;
    struct table_builder *b = NULL;
    int64_t *order = NULL;
    int64_t n_bad = 0;
    int n_cols = is_items ? 3 : 1;
    MEM_NEW(ctx, order, n);
    AKIN_TRY(table_builder_create(ctx, n_cols, is_items ? item_names : user_names,
                                  is_items ? item_types : user_types, &b, err));
    for (int32_t i = 0; i < n; i++) {
        char cell[3][32];
        snprintf(cell[0], sizeof cell[0], is_items ? "Item %d" : "group%d",
                 is_items ? (int)i : (int)(i % TOY_CLUSTERS));
        snprintf(cell[1], sizeof cell[1], "genre%d", (int)(i % TOY_CLUSTERS));
        snprintf(cell[2], sizeof cell[2], "%d", 1990 + (int)(i % 30));
        const char *cells[3] = {cell[0], cell[1], cell[2]};
        int32_t sizes[3] = {(int32_t)strlen(cell[0]), (int32_t)strlen(cell[1]),
                            (int32_t)strlen(cell[2])};
        AKIN_TRY(table_builder_row(b, cells, sizes, &n_bad, err));
        order[rank[i]] = i;
    }
    struct table_builder *complete = b;
    b = NULL;
    AKIN_TRY(table_builder_finish(complete, order, n, out, err));
done:
    table_builder_abort(b);
    mem_free(ctx, order);
    return status;
}

struct sort_key {
    int64_t time;
    int32_t user, item;
    float value;
};

static int compare_keys(const void *a, const void *b)
{
    const struct sort_key *x = a, *y = b;
    if (x->user != y->user)
        return x->user < y->user ? -1 : 1;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    if (x->item != y->item)
        return x->item < y->item ? -1 : 1;
    return (x->value > y->value) - (x->value < y->value);
}

static akin_status add_events(struct dataset *ds, const struct sort_key *key, int64_t n,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = ds->ctx;
    int64_t *ptr = NULL, *time = NULL;
    int32_t *item = NULL;
    float *value = NULL;
    MEM_ZERO(ctx, ptr, ds->users.n + 1);
    MEM_NEW(ctx, item, n);
    MEM_NEW(ctx, value, n);
    MEM_NEW(ctx, time, n);
    for (int64_t e = 0; e < n; e++) {
        ptr[key[e].user + 1]++;
        item[e] = key[e].item;
        value[e] = key[e].value;
        time[e] = key[e].time;
    }
    for (int32_t u = 0; u < ds->users.n; u++)
        ptr[u + 1] += ptr[u];
    ds->n_events = n;
    ds->user_ptr = ptr;
    ds->item = item;
    ds->value = value;
    ds->time = time;
    ds->time_kind = TIME_UNIX;
    ds->is_owned = true;
    ptr = time = NULL;
    item = NULL;
    value = NULL;
done:
    mem_free(ctx, ptr);
    mem_free(ctx, item);
    mem_free(ctx, value);
    mem_free(ctx, time);
    return status;
}

akin_status toy_dataset(akin_ctx *ctx, const struct toy_event *events, int64_t n,
                        struct dataset **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct dataset *ds = NULL;
    int32_t *users = NULL, *items = NULL;
    struct sort_key *key = NULL;
    int32_t n_users = 0, n_items = 0;
    for (int64_t e = 0; e < n; e++) {
        n_users = events[e].user >= n_users ? events[e].user + 1 : n_users;
        n_items = events[e].item >= n_items ? events[e].item + 1 : n_items;
    }
    MEM_NEW(ctx, users, n_users);
    MEM_NEW(ctx, items, n_items);
    MEM_NEW(ctx, key, n);
    MEM_ZERO(ctx, ds, 1);
    ds->ctx = ctx;
    AKIN_TRY(number_ids(ctx, "u", n_users, true, &ds->users, users, err));
    AKIN_TRY(number_ids(ctx, "i", n_items, false, &ds->items, items, err));
    AKIN_TRY(add_table(ctx, true, n_items, items, &ds->item_table, err));
    AKIN_TRY(add_table(ctx, false, n_users, users, &ds->user_table, err));
    for (int64_t e = 0; e < n; e++)
        key[e] = (struct sort_key){events[e].time, users[events[e].user], items[events[e].item],
                                   events[e].value};
    qsort(key, (size_t)n, sizeof *key, compare_keys);
    AKIN_TRY(add_events(ds, key, n, err));
    ds->card = json_object();
    if (!ds->card)
        AKIN_FAIL(AKIN_E_MEMORY, "out of memory for a card");
    *out = ds;
    ds = NULL;
done:
    dataset_free(ds);
    mem_free(ctx, users);
    mem_free(ctx, items);
    mem_free(ctx, key);
    return status;
}

int64_t toy_clusters(uint64_t seed, struct toy_event *events, int32_t *withheld)
{
    int64_t n = 0;
    for (int32_t u = 0; u < TOY_USERS; u++) {
        int32_t own = u % TOY_CLUSTERS;
        struct rng rng = rng_make(seed, RNG_TEST, (uint64_t)u);
        int32_t in_cluster = TOY_ITEMS / TOY_CLUSTERS;
        withheld[u] = own + TOY_CLUSTERS * (int32_t)rng_below(&rng, (uint64_t)in_cluster);
        for (int32_t i = own; i < TOY_ITEMS; i += TOY_CLUSTERS) {
            bool skip = rng_below(&rng, 8) == 0;
            if (i == withheld[u] || (skip && i != own))
                continue;
            events[n++] = (struct toy_event){u, i, (float)(4 + rng_below(&rng, 2)),
                                             1600000000 + (int64_t)rng_below(&rng, 30000000)};
        }
        int32_t next = (own + 1) % TOY_CLUSTERS;
        int32_t other = next + TOY_CLUSTERS * (int32_t)rng_below(&rng, (uint64_t)in_cluster);
        events[n++] = (struct toy_event){u, other, 4.0f, 1600000000 + 1000 * u};
    }
    struct rng rng = rng_make(seed, RNG_SHUFFLE, 0);
    for (int64_t e = n - 1; e > 0; e--) {
        int64_t with = (int64_t)rng_below(&rng, (uint64_t)(e + 1));
        struct toy_event keep = events[e];
        events[e] = events[with];
        events[with] = keep;
    }
    return n;
}

static int32_t find(const struct ids *ids, const char *prefix, int32_t number)
{
    char id[16];
    int size = snprintf(id, sizeof id, "%s%d", prefix, (int)number);
    return ids_find(ids, id, (size_t)size);
}

int32_t toy_user(const struct dataset *ds, int32_t user)
{
    return find(&ds->users, "u", user);
}

int32_t toy_item(const struct dataset *ds, int32_t item)
{
    return find(&ds->items, "i", item);
}
