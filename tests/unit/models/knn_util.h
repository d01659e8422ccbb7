/* What the tests of models that count and compare share: fits of small datasets, scores, files. */
#ifndef AKIN_TESTS_KNN_UTIL_H
#define AKIN_TESTS_KNN_UTIL_H

#include "unit/data/flow_fixture.h"

#include "kern/kern.h"
#include "models/model.h"
#include "rank/rank.h"

#include <math.h>
#include <unistd.h>

/* A fitted model and what it was fitted to. */
struct fitted {
    akin_ctx *ctx;
    struct dataset *ds; /* borrowed */
    struct feedback *feedback;
    struct train_view tv;
    struct model *m;
    struct ranker *ranker;
    struct scorer scorer;
};

static inline akin_ctx *knn_ctx(int threads)
{
    akin_ctx *ctx = fix_ctx(threads, 1);
    akin_error err;
    assert_int_equal(kern_select(ctx, NULL, &err), AKIN_OK);
    return ctx;
}

static inline void knn_ctx_done(akin_ctx *ctx)
{
    assert_int_equal(mem_used(ctx->mem), 0);
    ctx_free(ctx);
}

/* params: JSON text. rule NULL = plain. Gives the status of the fit; f is freed on failure. */
static inline akin_status fitted_try(akin_ctx *ctx, struct dataset *ds, const char *name,
                                     const char *params, const struct feedback_params *rule,
                                     struct fitted *f, akin_error *err)
{
    static const struct feedback_params plain = {0};
    *f = (struct fitted){.ctx = ctx, .ds = ds};
    assert_int_equal(feedback_create(ctx, rule ? rule : &plain, &ds->types, dataset_newest(ds),
                                     &f->feedback, err),
                     AKIN_OK);
    assert_int_equal(train_view_build(ctx, ds, f->feedback, NULL, &f->tv, err), AKIN_OK);
    json_t *json = params ? json_loads(params, 0, NULL) : NULL;
    assert_true(!params || json);
    akin_status status = model_create(ctx, model_class_find(name), json, &f->m, err);
    json_decref(json);
    if (status == AKIN_OK)
        status = model_fit(f->m, &f->tv, NULL, err);
    if (status != AKIN_OK) {
        model_free(f->m);
        train_view_free(&f->tv);
        feedback_free(f->feedback);
        *f = (struct fitted){0};
    }
    return status;
}

static inline struct fitted fitted_new(akin_ctx *ctx, struct dataset *ds, const char *name,
                                       const char *params, const struct feedback_params *rule)
{
    struct fitted f;
    akin_error err = {0};
    akin_status status = fitted_try(ctx, ds, name, params, rule, &f, &err);
    if (status != AKIN_OK)
        fail_msg("%s", err.message);
    f.scorer = model_scorer(f.m);
    return f;
}

static inline void fitted_free(struct fitted *f)
{
    ranker_free(f->ranker);
    model_free(f->m);
    train_view_free(&f->tv);
    feedback_free(f->feedback);
}

/* Scores of all items, as rank/ sees them; free() it. */
static inline float *model_scores(akin_ctx *ctx, const struct model *m, const struct query *q)
{
    akin_error err = {0};
    struct scorer scorer = model_scorer(m);
    struct ranker *ranker = NULL;
    float *scores = calloc((size_t)m->items.n + 1, sizeof *scores);
    assert_non_null(scores);
    assert_int_equal(ranker_create(ctx, &scorer, &ranker, &err), AKIN_OK);
    assert_int_equal(rank_scores_all(ranker, q, scores, &err), AKIN_OK);
    ranker_free(ranker);
    return scores;
}

static inline float *fitted_scores(struct fitted *f, const struct query *q)
{
    return model_scores(f->ctx, f->m, q);
}

static inline uint64_t fitted_print(const struct fitted *f)
{
    akin_error err = {0};
    uint64_t sum = 0;
    assert_int_equal(model_fingerprint(f->m, &sum, &err), AKIN_OK);
    return sum;
}

/* Users u0, u1, … with weights > 0 (n_users, n_items) as values on items 0, 1, …. */
static inline struct dataset *matrix_data(akin_ctx *ctx, const float *weights, int n_users,
                                          int n_items)
{
    enum { MOST = 100 };
    static struct row rows[MOST];
    static char users[MOST][16], items[MOST][16];
    int n = 0;
    assert_true(n_users * n_items <= MOST);
    for (int u = 0; u < n_users; u++)
        for (int i = 0; i < n_items; i++)
            if (weights[u * n_items + i] > 0) {
                snprintf(users[n], sizeof users[n], "u%d", u);
                snprintf(items[n], sizeof items[n], "%d", i);
                rows[n] = (struct row){users[n], items[n], weights[u * n_items + i], n, 0};
                n++;
            }
    return fix_dataset(ctx, rows, n, FIX_VALUES, NULL);
}

/* The user that matrix_data called u. */
static inline int32_t fitted_user(const struct fitted *f, int u)
{
    char id[16];
    snprintf(id, sizeof id, "u%d", u);
    return ids_find(&f->ds->users, id, strlen(id));
}

/* The data as dense matrices, users and items numbered as in the dataset. */
struct dense {
    int n_users, n_items;
    double *w;           /* (n_users, n_items) 0 = none */
    double *r;           /* ratings, NaN = none */
    double *deg, *rated; /* (n_users) items with a weight, with a rating */
};

static inline struct dense dense_of(const struct fitted *f)
{
    struct dense d = {.n_users = f->ds->users.n, .n_items = f->ds->items.n};
    size_t size = (size_t)(d.n_users * d.n_items);
    d.w = calloc(size, sizeof *d.w);
    d.r = calloc(size, sizeof *d.r);
    d.deg = calloc((size_t)d.n_users, sizeof *d.deg);
    d.rated = calloc((size_t)d.n_users, sizeof *d.rated);
    assert_true(d.w && d.r && d.deg && d.rated);
    for (size_t e = 0; e < size; e++)
        d.r[e] = (double)NAN;
    for (int u = 0; u < d.n_users; u++) {
        struct history h = histories_of(&f->tv.hist, u);
        for (int e = 0; e < h.n; e++) {
            d.w[u * d.n_items + h.item[e]] += h.weight ? (double)h.weight[e] : 1;
            d.r[u * d.n_items + h.item[e]] = h.value ? (double)h.value[e] : 1;
        }
        for (int i = 0; i < d.n_items; i++) {
            d.deg[u] += d.w[u * d.n_items + i] > 0;
            d.rated[u] += !isnan(d.r[u * d.n_items + i]);
        }
    }
    return d;
}

static inline void dense_free(struct dense *d)
{
    free(d->w);
    free(d->r);
    free(d->deg);
    free(d->rated);
}

/* What the model kept: s (n_items, n_items), 0 = nothing. */
static inline double *kept_of(struct fitted *f)
{
    akin_error err;
    int n = f->ds->items.n;
    struct evidence ev;
    double *out = calloc((size_t)(n * n), sizeof *out);
    assert_non_null(out);
    assert_int_equal(evidence_init(f->ctx, n, &ev, &err), AKIN_OK);
    for (int j = 0; j < n; j++) {
        evidence_clear(&ev);
        assert_int_equal(f->m->cls->scorer.similar(f->m->self, j, &ev, NULL, &err), AKIN_OK);
        for (int t = 0; t < ev.n; t++)
            out[j * n + ev.items[t]] = (double)ev.value[ev.items[t]];
    }
    evidence_free(f->ctx, &ev);
    return out;
}

/* Save → load: same fingerprint, same scores of every user. */
static inline void assert_saves(struct fitted *f)
{
    char path[] = "/tmp/akin-model-XXXXXX";
    akin_error err = {0};
    struct model *back = NULL;
    uint64_t sum = 0;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    if (model_save(f->m, path, &err) != AKIN_OK || model_load(f->ctx, path, &back, &err) != AKIN_OK)
        fail_msg("%s", err.message);
    assert_int_equal(model_fingerprint(back, &sum, &err), AKIN_OK);
    assert_true(sum == fitted_print(f));
    for (int32_t u = 0; u < f->m->users.n; u++) {
        struct query a = model_query_user(f->m, u), b = model_query_user(back, u);
        float *x = fitted_scores(f, &a), *y = model_scores(f->ctx, back, &b);
        assert_memory_equal(x, y, (size_t)f->m->items.n * sizeof *x);
        free(x);
        free(y);
    }
    model_free(back);
    unlink(path);
}

/* The same bits with 1, 2, 3 and 8 threads. make builds the dataset anew in the context given. */
static inline void assert_threads_agree(struct dataset *(*make)(akin_ctx *ctx), const char *name,
                                        const char *params)
{
    static const int threads[] = {1, 2, 3, 8};
    uint64_t first = 0;
    for (size_t t = 0; t < sizeof threads / sizeof threads[0]; t++) {
        akin_ctx *ctx = knn_ctx(threads[t]);
        struct dataset *ds = make(ctx);
        struct fitted f = fitted_new(ctx, ds, name, params, NULL);
        uint64_t sum = fitted_print(&f);
        if (t == 0)
            first = sum;
        assert_true(sum == first);
        fitted_free(&f);
        dataset_free(ds);
        knn_ctx_done(ctx);
    }
}

/* Every allocation of a fit fails once: an error each time, nothing leaks. */
static inline void assert_survives_no_memory(struct dataset *ds, akin_ctx *ctx, const char *name,
                                             const char *params)
{
    akin_error err = {0};
    struct fitted f = {.ctx = ctx, .ds = ds};
    const struct feedback_params fp = {0};
    assert_int_equal(feedback_create(ctx, &fp, &ds->types, dataset_newest(ds), &f.feedback, &err),
                     AKIN_OK);
    assert_int_equal(train_view_build(ctx, ds, f.feedback, NULL, &f.tv, &err), AKIN_OK);
    int64_t used = mem_used(ctx->mem);
    akin_status status = AKIN_E_MEMORY;
    for (int64_t n = 1; status != AKIN_OK && n < 2000; n++) {
        json_t *json = params ? json_loads(params, 0, NULL) : NULL;
        struct model *m = NULL;
        mem_fail_at(ctx->mem, n);
        status = model_create(ctx, model_class_find(name), json, &m, &err);
        if (status == AKIN_OK)
            status = model_fit(m, &f.tv, NULL, &err);
        mem_fail_at(ctx->mem, 0);
        assert_true(status == AKIN_OK || status == AKIN_E_MEMORY);
        model_free(m);
        json_decref(json);
        assert_int_equal(mem_used(ctx->mem), used);
    }
    assert_int_equal(status, AKIN_OK);
    train_view_free(&f.tv);
    feedback_free(f.feedback);
}

/* A container with the sections given, to be refused; ends with a NULL name. */
struct section {
    const char *name;
    const void *bytes;
    int64_t size;
};

static inline struct container *sections_file(akin_ctx *ctx, const struct section *s, char *path)
{
    akin_error err = {0};
    struct container_writer *w = NULL;
    struct container *c = NULL;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(container_create(ctx, path, CONTAINER_MODEL, &w, &err), AKIN_OK);
    for (; s->name; s++)
        assert_int_equal(container_add(w, s->name, CONTAINER_REQUIRED, s->bytes, s->size, &err),
                         AKIN_OK);
    assert_int_equal(container_commit(w, &err), AKIN_OK);
    assert_int_equal(container_open(ctx, path, &c, &err), AKIN_OK);
    return c;
}

/* cls->load of a model of n_items must fail with E_FORMAT, its message holding part. */
static inline void assert_refuses(akin_ctx *ctx, const char *name, const char *params,
                                  int32_t n_items, const struct section *s, const char *part)
{
    char path[] = "/tmp/akin-bad-XXXXXX";
    akin_error err = {0};
    struct model *m = NULL;
    json_t *json = params ? json_loads(params, 0, NULL) : NULL;
    assert_int_equal(model_create(ctx, model_class_find(name), json, &m, &err), AKIN_OK);
    m->file = sections_file(ctx, s, path);
    m->users.n = m->items.n = n_items;
    assert_int_equal(m->cls->load(m, m->file, &err), AKIN_E_FORMAT);
    if (!strstr(err.message, part) || !strstr(err.message, "akin-bad"))
        fail_msg("'%s' lacks '%s'", err.message, part);
    json_decref(json);
    model_free(m);
    unlink(path);
}

#define assert_close(x, y, eps)                                                                    \
    do {                                                                                           \
        double close_x_ = (double)(x), close_y_ = (double)(y);                                     \
        if (!(fabs(close_x_ - close_y_) <= (eps)))                                                 \
            fail_msg("%s = %.9g, not %.9g", #x, close_x_, close_y_);                               \
    } while (0)

#endif
