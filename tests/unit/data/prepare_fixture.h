/* What the tests of prepare share: a context, parameters as JSON text, small look-ups. */
#ifndef TESTS_PREPARE_FIXTURE_H
#define TESTS_PREPARE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/json.h"
#include "core/param.h"
#include "data/prepare.h"

enum { NOW = 1800000000 };

struct prepared {
    akin_status status;
    akin_error err;
    struct dataset *ds;
    json_t *report;
};

static inline struct prepared prepare_text(akin_ctx *ctx, const char *name, const void *text,
                                           int64_t size, const char *params)
{
    struct prepared r = {AKIN_OK, {0}, NULL, NULL};
    struct arena arena;
    struct prepare_params p;
    json_t *object = json_loads(params, 0, NULL);
    assert_non_null(object);
    if (!json_object_get(object, "source"))
        json_object_set_new(object, "source", json_array());
    arena_init(&arena, ctx);
    r.status =
        param_parse("prepare", prepare_param_rows, prepare_n_params, object, &arena, &p, &r.err);
    if (r.status == AKIN_OK && text)
        r.status = dataset_prepare_bytes(ctx, &p, name, text, size, NOW, &r.ds, &r.report, &r.err);
    else if (r.status == AKIN_OK)
        r.status = dataset_prepare(ctx, &p, NOW, &r.ds, &r.report, &r.err);
    arena_free(&arena);
    json_decref(object);
    return r;
}

static inline struct prepared prepare_string(akin_ctx *ctx, const char *name, const char *text,
                                             const char *params)
{
    struct prepared r = prepare_text(ctx, name, text, (int64_t)strlen(text), params);
    if (r.status != AKIN_OK)
        printf("%s: %s\n", akin_status_name(r.status), r.err.message);
    return r;
}

static inline void prepared_free(struct prepared *r)
{
    dataset_free(r->ds);
    json_decref(r->report);
    r->ds = NULL;
    r->report = NULL;
}

static inline int64_t dropped(const struct prepared *r, const char *class_name)
{
    return json_int(json_object_get(r->report, "dropped"), class_name, 0);
}

static inline int64_t defects_sum(const struct prepared *r)
{
    const char *key;
    json_t *n;
    int64_t sum = 0;
    json_object_foreach(json_object_get(r->report, "dropped"), key, n) {
        sum += json_integer_value(n);
    }
    return sum;
}

/* "user item value time type" of all events, one a line, in the order of the dataset. */
static inline char *events_text(const struct dataset *ds)
{
    size_t cap = (size_t)ds->n_events * 96 + 64, n = 0;
    char *out = malloc(cap);
    out[0] = '\0';
    for (int32_t u = 0; u < ds->users.n; u++) {
        for (int64_t e = ds->user_ptr[u]; e < ds->user_ptr[u + 1]; e++) {
            int32_t nu, ni;
            const char *user = ids_get(&ds->users, u, &nu);
            const char *item = ids_get(&ds->items, ds->item[e], &ni);
            size_t begin = n;
            n += (size_t)snprintf(out + n, cap - n, "%.*s %.*s", nu, user, ni, item);
            for (; begin < n; begin++) /* a line end inside an id */
                out[begin] = out[begin] == '\n' ? '~' : out[begin];
            if (ds->value)
                n += (size_t)snprintf(out + n, cap - n, " %g", (double)ds->value[e]);
            if (ds->time)
                n += (size_t)snprintf(out + n, cap - n, " @%lld", (long long)ds->time[e]);
            if (ds->type)
                n += (size_t)snprintf(out + n, cap - n, " t%d", ds->type[e]);
            if (ds->role)
                n += (size_t)snprintf(out + n, cap - n, " r%d", ds->role[e]);
            n += (size_t)snprintf(out + n, cap - n, "\n");
        }
    }
    return out;
}

/* The events of one user's id. */
static inline void assert_events(const struct dataset *ds, const char *user, const char *want)
{
    char *all = events_text(ds);
    char *got = calloc(1, strlen(all) + 1);
    size_t n = strlen(user);
    for (const char *p = all; *p; p = strchr(p, '\n') + 1)
        if (strncmp(p, user, n) == 0 && p[n] == ' ')
            memcpy(got + strlen(got), p + n + 1, (size_t)(strchr(p, '\n') + 1 - (p + n + 1)));
    assert_string_equal(got, want);
    free(got);
    free(all);
}

#endif
