/*
 * ials by its definition: the objective in plain double, which no half-step may raise; normal
 * equations of the rows; loss as reported; fold-in, explain, warm start, tolerance, cold rows.
 *
 * The training file is included, not linked: the test makes a fit by its parts.
 */
#include "../../../src/models/ials_fit.c"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../contract/toy_data.c"
#include "../../contract/toy_data.h"

static const uint64_t test_seed = 20260105;

struct bed {
    akin_ctx *ctx;
    struct dataset *ds;
    struct feedback *feedback;
    struct train_view tv;
    int32_t withheld[TOY_USERS];
    akin_error err;
};

/* Weights are the values, 4 or 5; item "i41" and user "u61" have no positive. */
static void bed_make(struct bed *b, int64_t threads)
{
    static struct toy_event events[TOY_USERS * TOY_ITEMS + 2];
    struct feedback_params p;
    struct arena arena;
    memset(b, 0, sizeof *b);
    assert_int_equal(ctx_create(threads, test_seed, 0, &b->ctx, &b->err), AKIN_OK);
    assert_int_equal(kern_select(b->ctx, NULL, &b->err), AKIN_OK);
    int64_t n = toy_clusters(test_seed, events, b->withheld);
    events[n++] = (struct toy_event){TOY_USERS + 1, 0, 1.0f, 1600000000};
    events[n++] = (struct toy_event){0, TOY_ITEMS + 1, 1.0f, 1600000000};
    assert_int_equal(toy_dataset(b->ctx, events, n, &b->ds, &b->err), AKIN_OK);
    arena_init(&arena, b->ctx);
    json_t *json = json_pack("{s:s, s:s}", "positive", "value >= 2", "value_weight", "linear");
    assert_int_equal(
        param_parse("feedback", feedback_param_rows, feedback_n_params, json, &arena, &p, &b->err),
        AKIN_OK);
    assert_int_equal(
        feedback_create(b->ctx, &p, &b->ds->types, dataset_newest(b->ds), &b->feedback, &b->err),
        AKIN_OK);
    json_decref(json);
    arena_free(&arena);
    assert_int_equal(train_view_build(b->ctx, b->ds, b->feedback, NULL, &b->tv, &b->err), AKIN_OK);
}

static void bed_free(struct bed *b)
{
    train_view_free(&b->tv);
    feedback_free(b->feedback);
    dataset_free(b->ds);
    assert_int_equal(mem_used(b->ctx->mem), 0);
    ctx_free(b->ctx);
}

static struct model *bed_model(struct bed *b, const char *params)
{
    struct model *m = NULL;
    json_t *json = json_loads(params, 0, NULL);
    assert_non_null(json);
    if (model_create(b->ctx, model_class_find("ials"), json, &m, &b->err) != AKIN_OK)
        fail_msg("%s", b->err.message);
    json_decref(json);
    return m;
}

static void bed_fit(struct bed *b, struct model *m, const struct fit_control *ctl)
{
    if (model_fit(m, &b->tv, ctl, &b->err) != AKIN_OK)
        fail_msg("%s", b->err.message);
}

/* The objective as DEFINITIONS has it, pair by pair. features: the side whose last coordinate is
 * the constant 1 if there are biases (offset holds its biases). */
static double objective(const struct csr *by_user, const struct ials_params *p, int64_t k,
                        const float *users, const float *items, const float *offset_users,
                        const float *offset_items)
{
    int64_t n_users = by_user->n_rows, n_items = by_user->n_cols;
    double loss = 0.0;
    double *lambda_item = calloc((size_t)n_items, sizeof *lambda_item);
    for (int64_t u = 0; u < n_users; u++) {
        int64_t e = by_user->ptr[u];
        double norm = 0.0;
        for (int64_t i = 0; i < n_items; i++) {
            double x = offset_users ? (double)offset_users[u] : 0.0;
            x += offset_items ? (double)offset_items[i] : 0.0;
            for (int64_t t = 0; t < k; t++)
                x += (double)users[u * k + t] * (double)items[i * k + t];
            loss += p->unobserved_weight * x * x;
            if (e < by_user->ptr[u + 1] && by_user->col[e] == i) {
                loss += (double)by_user->val[e] * (1.0 - x) * (1.0 - x);
                lambda_item[i] += 1.0;
                e++;
            }
        }
        for (int64_t t = 0; t < k; t++)
            norm += (double)users[u * k + t] * (double)users[u * k + t];
        if (offset_users)
            norm += (double)offset_users[u] * (double)offset_users[u] - 1.0;
        double n = (double)(by_user->ptr[u + 1] - by_user->ptr[u]);
        loss +=
            p->reg * norm * kern_pow(n + p->unobserved_weight * (double)n_items, p->reg_exponent);
    }
    for (int64_t i = 0; i < n_items; i++) {
        double norm = 0.0;
        for (int64_t t = 0; t < k; t++)
            norm += (double)items[i * k + t] * (double)items[i * k + t];
        if (offset_items)
            norm += (double)offset_items[i] * (double)offset_items[i] - 1.0;
        loss += p->reg * norm *
                kern_pow(lambda_item[i] + p->unobserved_weight * (double)n_users, p->reg_exponent);
    }
    free(lambda_item);
    return loss;
}

static const char *const settings[] = {
    "{\"factors\":10,\"reg\":0.02,\"unobserved_weight\":0.1,\"solver\":\"cholesky\",\"epochs\":5}",
    "{\"factors\":50,\"reg\":0.001,\"unobserved_weight\":0.5,\"reg_exponent\":0.5,\"epochs\":4}",
    ("{\"factors\":24,\"reg\":0.02,\"unobserved_weight\":0.1,\"solver\":\"block\",\"block\":8,"
     "\"epochs\":5}"),
    "{\"factors\":7,\"unobserved_weight\":0.1,\"reg\":0.02,\"biases\":true,\"epochs\":5}",
    "{\"factors\":9,\"reg\":0.01,\"biases\":true,\"solver\":\"cholesky\",\"epochs\":4}",
    "{\"factors\":23,\"reg\":0.01,\"biases\":true,\"solver\":\"block\",\"block\":9,\"epochs\":4}",
};
enum { N_SETTINGS = sizeof settings / sizeof settings[0] };

/* White box: a fit by hand, the objective after each half-step. */
static void test_never_rises(void **state)
{
    (void)state;
    for (int c = 0; c < N_SETTINGS; c++) {
        struct bed b;
        bed_make(&b, 2);
        struct model *m = bed_model(&b, settings[c]);
        bed_fit(&b, m, NULL); /* for ids and sizes; its state is not used */
        struct ials_fit f = {.ctx = b.ctx, .m = m, .tv = &b.tv, .p = m->params, .comm = b.tv.comm};
        f.k = ials_width(f.p);
        f.users = (struct ials_side){
            .rows = &b.tv.by_user, .n = m->users.n, .n_other = m->items.n, .hi = m->users.n};
        f.items = (struct ials_side){.is_items = true,
                                     .rows = &b.tv.by_item,
                                     .n = m->items.n,
                                     .n_other = m->users.n,
                                     .hi = m->items.n};
        assert_int_equal(fit_alloc(&f, &b.err), AKIN_OK);
        assert_int_equal(start_random(&f, &b.err), AKIN_OK);
        int how = (int)f.p->solver;
        double last = (double)INFINITY;
        for (int step = 0; step < 12; step++) {
            struct ials_side *solved = step % 2 ? &f.users : &f.items;
            struct ials_side *fixed = step % 2 ? &f.items : &f.users;
            assert_int_equal(ials_half_step(&f, solved, fixed, how, &b.err), AKIN_OK);
            double now = objective(&b.tv.by_user, f.p, f.k, f.users.X, f.items.X,
                                   fixed == &f.users ? f.users.offset : NULL,
                                   fixed == &f.items ? f.items.offset : NULL);
            if (now > last * (1.0 + 2e-6))
                fail_msg("%s: half-step %d: %.9g after %.9g", settings[c], step, now, last);
            last = now;
        }
        mem_free(b.ctx, f.users.X);
        mem_free(b.ctx, f.items.X);
        mem_free(b.ctx, f.items.offset);
        mem_free(b.ctx, f.base);
        mem_free(b.ctx, f.shift);
        if (f.p->biases)
            mem_free(b.ctx, f.basis);
        fit_free(&f);
        model_free(m);
        bed_free(&b);
    }
}

struct watch {
    const struct bed *b;
    double last;
    int64_t epochs;
};

/* The loss that the fit reports is the objective of what it scores with. */
static akin_status watch_epoch(void *arg, struct model *m, int64_t epoch, double loss, bool *stop,
                               akin_error *err)
{
    struct watch *w = arg;
    const struct ials *s = m->self;
    double exact = objective(&w->b->tv.by_user, m->params, s->k, s->users, s->items, NULL, s->bias);
    (void)stop;
    (void)err;
    if (fabs(loss - exact) > 1e-5 * exact)
        fail_msg("epoch %" PRId64 ": loss %.9g reported, is %.9g", epoch, loss, exact);
    w->last = loss;
    w->epochs = epoch;
    return AKIN_OK;
}

static void test_loss(void **state)
{
    (void)state;
    for (int c = 0; c < N_SETTINGS; c++) {
        struct bed b;
        bed_make(&b, 2);
        json_t *json = json_loads(settings[c], 0, NULL);
        json_object_set_new(json, "log_loss", json_true());
        char *text = json_dumps(json, 0);
        struct model *m = bed_model(&b, text);
        struct watch w = {.b = &b};
        struct fit_control ctl = {.arg = &w, .epoch = watch_epoch};
        bed_fit(&b, m, &ctl);
        assert_true(w.epochs >= 4);
        free(text);
        json_decref(json);
        model_free(m);
        bed_free(&b);
    }
}

/* Each user's row satisfies its normal equations in double; cold rows are zero without biases. */
static void test_rows(void **state)
{
    (void)state;
    struct bed b;
    bed_make(&b, 1);
    for (int c = 0; c < 3; c++) {
        struct model *m = bed_model(&b, settings[c]);
        bed_fit(&b, m, NULL);
        const struct ials *s = m->self;
        const struct ials_params *p = m->params;
        const struct csr *a = &b.tv.by_user;
        for (int64_t u = 0; u < s->n_users; u++) {
            const float *x = s->users + u * s->k;
            double lambda = (double)ials_lambda(p, a->ptr[u + 1] - a->ptr[u], s->n_items);
            for (int64_t t = 0; t < s->k; t++) {
                double gradient = lambda * (double)x[t];
                int64_t e = a->ptr[u];
                for (int64_t i = 0; i < s->n_items; i++) {
                    const float *z = s->items + i * s->k;
                    double dot = 0.0;
                    for (int64_t v = 0; v < s->k; v++)
                        dot += (double)x[v] * (double)z[v];
                    gradient += p->unobserved_weight * dot * (double)z[t];
                    if (e < a->ptr[u + 1] && a->col[e] == i)
                        gradient -= (double)a->val[e++] * (1.0 - dot) * (double)z[t];
                }
                assert_true(fabs(gradient) < 2e-4);
            }
        }
        const float *cold_user = s->users + toy_user(b.ds, TOY_USERS + 1) * s->k;
        const float *cold_item = s->items + toy_item(b.ds, TOY_ITEMS + 1) * s->k;
        for (int64_t t = 0; t < s->k; t++)
            assert_true(fabsf(cold_user[t]) <= 0.0f && fabsf(cold_item[t]) <= 0.0f);
        model_free(m);
    }
    bed_free(&b);
}

/* Folding a training history in gives the trained row, bit for bit, for every setting. */
static void test_fold_in(void **state)
{
    (void)state;
    struct bed b;
    struct arena arena;
    bed_make(&b, 3);
    arena_init(&arena, b.ctx);
    for (int c = 0; c < N_SETTINGS; c++) {
        struct model *m = bed_model(&b, settings[c]);
        bed_fit(&b, m, NULL);
        const struct ials *s = m->self;
        for (int32_t u = 0; u < s->n_users; u++) {
            float row[64];
            struct query q = model_query_user(m, u);
            q.is_trained = false;
            assert_int_equal(m->cls->scorer.fold_in(s, &q, row, &arena, &b.err), AKIN_OK);
            assert_memory_equal(row, s->users + u * s->k, (size_t)s->k * sizeof *row);
            arena_reset(&arena);
        }
        model_free(m);
    }
    arena_free(&arena);
    bed_free(&b);
}

/* Without biases the reasons sum to the score; `max` keeps the largest. */
static void test_explain(void **state)
{
    (void)state;
    struct bed b;
    struct arena arena;
    bed_make(&b, 1);
    arena_init(&arena, b.ctx);
    for (int c = 0; c < 3; c++) {
        struct model *m = bed_model(&b, settings[c]);
        bed_fit(&b, m, NULL);
        const struct ials *s = m->self;
        for (int32_t u = 0; u < s->n_users; u += 7) {
            struct reason all[64], few[3];
            struct query q = model_query_user(m, u);
            int32_t n, n_few, item = (u * 5) % m->items.n;
            double sum = 0.0, score = 0.0;
            assert_int_equal(m->cls->scorer.explain(s, &q, item, all, 64, &n, &arena, &b.err),
                             AKIN_OK);
            assert_int_equal(m->cls->scorer.explain(s, &q, item, few, 3, &n_few, &arena, &b.err),
                             AKIN_OK);
            assert_int_equal(n_few, n < 3 ? n : 3);
            for (int32_t j = 0; j < n; j++)
                sum += (double)all[j].contribution;
            for (int32_t j = 0; j < n_few; j++)
                assert_true(few[j].item == all[j].item);
            for (int64_t t = 0; t < s->k; t++)
                score += (double)s->users[u * s->k + t] * (double)s->items[item * s->k + t];
            assert_true(fabs(sum - score) < 1e-4);
            arena_reset(&arena);
        }
        model_free(m);
    }
    arena_free(&arena);
    bed_free(&b);
}

/* A warm start goes on where the earlier model was; another shape is refused; tol ends it. */
static void test_warm(void **state)
{
    (void)state;
    static const char shape[] =
        "{\"factors\":10,\"biases\":%s,\"reg\":0.02,\"unobserved_weight\":0.1,"
        "\"epochs\":%d,\"tol\":%s}";
    struct bed b;
    bed_make(&b, 2);
    int32_t *map = calloc((size_t)b.ds->users.n, sizeof *map);
    for (int32_t i = 0; i < b.ds->users.n; i++)
        map[i] = i;
    for (int c = 0; c < 2; c++) {
        char text[160];
        struct watch w = {.b = &b};
        struct fit_control ctl = {.arg = &w, .epoch = watch_epoch};
        snprintf(text, sizeof text, shape, c ? "true" : "false", 300, "1e-6");
        struct model *old = bed_model(&b, text);
        bed_fit(&b, old, &ctl);
        assert_in_range(w.epochs, 2, 299); /* tol */
        double reached = w.last;
        snprintf(text, sizeof text, shape, c ? "true" : "false", 1, "1e-9");
        struct model *next = bed_model(&b, text);
        struct fit_control warm = {
            .arg = &w, .epoch = watch_epoch, .warm = old, .warm_user = map, .warm_item = map};
        bed_fit(&b, next, &warm);
        assert_true(w.last <= reached * (1.0 + 1e-5));
        model_free(next);

        next = bed_model(&b, "{\"factors\":11}");
        assert_int_equal(model_fit(next, &b.tv, &warm, &b.err), AKIN_E_ARG);
        assert_non_null(strstr(b.err.message, "factors=11"));
        model_free(next);
        map[3] = 1000;
        next = bed_model(&b, text);
        assert_int_equal(model_fit(next, &b.tv, &warm, &b.err), AKIN_E_ARG);
        map[3] = 3;
        model_free(next);
        model_free(old);
    }
    free(map);
    bed_free(&b);
}

int main(void)
{
    printf("seed %" PRIu64 "\n", test_seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_never_rises), cmocka_unit_test(test_loss),
        cmocka_unit_test(test_rows),        cmocka_unit_test(test_fold_in),
        cmocka_unit_test(test_explain),     cmocka_unit_test(test_warm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
