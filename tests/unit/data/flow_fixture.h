/* Small datasets from rows written in a test, and random ones from a seed. */
#ifndef AKIN_TESTS_FLOW_FIXTURE_H
#define AKIN_TESTS_FLOW_FIXTURE_H

#include "core/par.h"
#include "core/rng.h"
#include "data/dataset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row {
    const char *user, *item;
    float value;
    int64_t time;
    int type; /* index into types */
};

enum { FIX_VALUES = 1, FIX_TIMES = 2, FIX_TYPES = 4 };

static inline akin_ctx *fix_ctx(int threads, uint64_t seed)
{
    akin_ctx *ctx = NULL;
    akin_error err;
    assert_int_equal(ctx_create(threads, seed, 0, &ctx, &err), AKIN_OK);
    return ctx;
}

static inline void fix_ids(akin_ctx *ctx, const char *const *names, int64_t n, bool is_sharded,
                           struct ids *out, int32_t *rank)
{
    akin_error err;
    int64_t *off = calloc((size_t)n + 1, sizeof *off);
    char *bytes = malloc((size_t)n * 32 + 1);
    assert_non_null(off);
    assert_non_null(bytes);
    for (int64_t i = 0; i < n; i++) {
        size_t size = strlen(names[i]);
        memcpy(bytes + off[i], names[i], size);
        off[i + 1] = off[i] + (int64_t)size;
    }
    assert_int_equal(ids_build(ctx, n, off, bytes, is_sharded, out, rank, &err), AKIN_OK);
    free(off);
    free(bytes);
}

struct fix_event {
    int32_t user, item;
    int64_t time;
    int type;
    float value;
};

static inline int fix_order(const void *a, const void *b)
{
    const struct fix_event *x = a, *y = b;
    if (x->user != y->user)
        return x->user < y->user ? -1 : 1;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    if (x->item != y->item)
        return x->item < y->item ? -1 : 1;
    return (x->type > y->type) - (x->type < y->type);
}

/* Distinct names of one side of the rows; at[r] = which name row r has. */
static inline int64_t fix_names(const struct row *rows, int64_t n, bool items, const char **names,
                                int32_t *at)
{
    int64_t n_names = 0;
    for (int64_t r = 0; r < n; r++) {
        const char *name = items ? rows[r].item : rows[r].user;
        int64_t i = 0;
        while (i < n_names && strcmp(names[i], name) != 0)
            i++;
        if (i == n_names)
            names[n_names++] = name;
        at[r] = (int32_t)i;
    }
    return n_names;
}

static inline void fix_types(akin_ctx *ctx, const char *const *types, int32_t n, struct strtab *out)
{
    akin_error err;
    int64_t size = 0;
    for (int32_t i = 0; i < n; i++)
        size += (int64_t)strlen(types[i]);
    int64_t *off = mem_zalloc(ctx, n + 1, (int64_t)sizeof *off, &err);
    char *bytes = mem_alloc(ctx, size, 1, &err);
    assert_non_null(off);
    assert_non_null(bytes);
    for (int32_t i = 0; i < n; i++) {
        size_t one = strlen(types[i]);
        memcpy(bytes + off[i], types[i], one);
        off[i + 1] = off[i] + (int64_t)one;
    }
    *out = (struct strtab){n, off, bytes};
}

/* types: ascending names, NULL-terminated, or NULL. */
static inline struct dataset *fix_dataset(akin_ctx *ctx, const struct row *rows, int64_t n,
                                          int flags, const char *const *types)
{
    akin_error err;
    struct dataset *ds = NULL;
    assert_int_equal(dataset_new(ctx, &ds, &err), AKIN_OK);
    const char **names = calloc((size_t)n + 1, sizeof *names);
    int32_t *user = calloc((size_t)n + 1, sizeof *user),
            *item = calloc((size_t)n + 1, sizeof *item);
    int32_t *rank = calloc((size_t)n + 1, sizeof *rank);
    struct fix_event *events = calloc((size_t)n + 1, sizeof *events);
    assert_true(names && user && item && rank && events);
    fix_ids(ctx, names, fix_names(rows, n, false, names, user), true, &ds->users, rank);
    for (int64_t r = 0; r < n; r++)
        events[r].user = rank[user[r]];
    fix_ids(ctx, names, fix_names(rows, n, true, names, item), false, &ds->items, rank);
    for (int64_t r = 0; r < n; r++) {
        events[r].item = rank[item[r]];
        events[r].time = flags & FIX_TIMES ? rows[r].time : 0;
        events[r].type = rows[r].type;
        events[r].value = rows[r].value;
    }
    qsort(events, (size_t)n, sizeof *events, fix_order);
    int64_t *ptr = mem_zalloc(ctx, ds->users.n + 1, (int64_t)sizeof *ptr, &err);
    int32_t *items = mem_alloc(ctx, n, (int64_t)sizeof *items, &err);
    float *value = flags & FIX_VALUES ? mem_alloc(ctx, n, (int64_t)sizeof *value, &err) : NULL;
    int64_t *time = flags & FIX_TIMES ? mem_alloc(ctx, n, (int64_t)sizeof *time, &err) : NULL;
    uint8_t *type = flags & FIX_TYPES ? mem_alloc(ctx, n, 1, &err) : NULL;
    for (int64_t e = 0; e < n; e++) {
        ptr[events[e].user + 1]++;
        items[e] = events[e].item;
        if (value)
            value[e] = events[e].value;
        if (time)
            time[e] = events[e].time;
        if (type)
            type[e] = (uint8_t)events[e].type;
    }
    for (int32_t u = 0; u < ds->users.n; u++)
        ptr[u + 1] += ptr[u];
    ds->n_events = n;
    ds->user_ptr = ptr;
    ds->item = items;
    ds->value = value;
    ds->time = time;
    ds->type = type;
    ds->time_kind = time ? TIME_UNIX : TIME_NONE;
    ds->item_table.n_rows = ds->items.n;
    ds->user_table.n_rows = ds->users.n;
    ds->event_table.n_rows = n;
    if (types) {
        int32_t n_types = 0;
        while (types[n_types])
            n_types++;
        fix_types(ctx, types, n_types, &ds->types);
    }
    free(names);
    free(user);
    free(item);
    free(rank);
    free(events);
    return ds;
}

/* Random events: users "u0".., items "i0".., values .5..5, few distinct times. names: room. */
static inline struct dataset *fix_random(akin_ctx *ctx, uint64_t seed, int64_t n, int n_users,
                                         int n_items, int flags)
{
    static const char *const types[] = {"buy", "view", NULL};
    struct rng rng = rng_make(seed, RNG_TEST, 0);
    struct row *rows = calloc((size_t)n, sizeof *rows);
    char(*names)[16] = calloc((size_t)(n_users + n_items), sizeof *names);
    assert_true(rows && names);
    for (int i = 0; i < n_users + n_items; i++)
        snprintf(names[i], sizeof names[i], "%c%d", i < n_users ? 'u' : 'i', i % n_users);
    for (int i = 0; i < n_items; i++)
        snprintf(names[n_users + i], sizeof names[0], "i%d", i);
    for (int64_t r = 0; r < n; r++) {
        double skew = rng_double(&rng);
        rows[r].user = names[(int)(skew * skew * n_users)];
        rows[r].item = names[n_users + (int)rng_below(&rng, (uint64_t)n_items)];
        rows[r].value = (float)(rng_below(&rng, 10) + 1) / 2;
        rows[r].time = 1000000000 + (int64_t)rng_below(&rng, 5000) * 3600;
        rows[r].type = (int)rng_below(&rng, 2);
    }
    struct dataset *ds = fix_dataset(ctx, rows, n, flags, flags & FIX_TYPES ? types : NULL);
    free(rows);
    free(names);
    return ds;
}

static inline int32_t fix_user(const struct dataset *ds, const char *id)
{
    return ids_find(&ds->users, id, strlen(id));
}

static inline int32_t fix_item(const struct dataset *ds, const char *id)
{
    return ids_find(&ds->items, id, strlen(id));
}

/* cmocka's assert_float_equal rounds to float. */
#define assert_near(a, b, eps) assert_true(fabs((double)(a) - (double)(b)) <= (eps))

/* A seed for a property test: AKIN_TEST_SEED, or a fixed one; printed. */
static inline uint64_t fix_seed(void)
{
    const char *text = getenv("AKIN_TEST_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 10) : 20240607;
    print_message("seed %llu\n", (unsigned long long)seed);
    return seed;
}

#endif
