/*
 * A toy model outside the registry, and the pieces that tests of eval and train share.
 *
 * Its score of item i for a history with item indices h_1 … is ((Σh·7 + i·13) mod 11) / 2, or none
 * if (Σh + i) mod 5 = 0: ties and unscored items abound, and a script can compute it.
 */
#ifndef AKIN_TESTS_EVAL_FIXTURE_H
#define AKIN_TESTS_EVAL_FIXTURE_H

#include "eval/evaluate.h"
#include "kern/kern.h"
#include "unit/data/flow_fixture.h"

static inline float toy_score(const struct query *q, int32_t item)
{
    int64_t sum = 0;
    for (int32_t e = 0; e < q->hist.n; e++)
        sum += q->hist.item[e];
    return (sum + item) % 5 == 0 ? UNSCORED : (float)((sum * 7 + item * 13) % 11) / 2;
}

static inline akin_status toy_score_all(const void *self, const struct query *queries,
                                        int32_t n_queries, const struct item_set *set, float *out,
                                        int64_t ldo, struct arena *scratch, akin_error *err)
{
    (void)self, (void)scratch, (void)err;
    for (int32_t j = 0; j < n_queries; j++)
        for (int32_t i = 0; i < item_set_size(set); i++)
            out[j * ldo + i] = toy_score(&queries[j], set->ids ? set->ids[i] : set->lo + i);
    return AKIN_OK;
}

static inline akin_status toy_fit(struct model *m, const struct train_view *tv,
                                  const struct fit_control *ctl, akin_error *err)
{
    (void)m, (void)tv, (void)ctl, (void)err;
    return AKIN_OK;
}

static inline uint32_t toy_flags(const struct model *m)
{
    (void)m;
    return SCORER_RATES;
}

static const struct model_class toy_class = {.name = "toy",
                                             .summary = "scores by arithmetic",
                                             .fit = toy_fit,
                                             .scorer = {.score = toy_score_all},
                                             .scorer_flags = toy_flags};

static inline akin_ctx *eval_ctx(int threads)
{
    akin_error err;
    akin_ctx *ctx = fix_ctx(threads, 42);
    assert_int_equal(kern_select(ctx, NULL, &err), AKIN_OK);
    return ctx;
}

static inline struct feedback *eval_rule(const struct dataset *ds, const char *positive)
{
    akin_error err;
    struct feedback *f = NULL;
    struct feedback_params p = {.positive = positive};
    assert_int_equal(feedback_create(ds->ctx, &p, &ds->types, dataset_newest(ds), &f, &err),
                     AKIN_OK);
    return f;
}

/* A train set and model, a test set and its view. */
struct eval_case {
    akin_ctx *ctx;
    struct dataset *train, *test;
    struct feedback *rule, *test_rule;
    struct train_view tv;
    struct test_view view;
    struct model *model;
};

static inline void case_open_class(struct eval_case *c, const char *positive,
                                   const struct model_class *cls)
{
    akin_error err;
    c->rule = eval_rule(c->train, NULL);
    c->test_rule = eval_rule(c->train, positive);
    assert_int_equal(train_view_build(c->ctx, c->train, c->rule, NULL, &c->tv, &err), AKIN_OK);
    assert_int_equal(model_create(c->ctx, cls, NULL, &c->model, &err), AKIN_OK);
    assert_int_equal(model_fit(c->model, &c->tv, NULL, &err), AKIN_OK);
    assert_int_equal(test_view_build(c->ctx, c->test, &c->train->users, &c->train->items,
                                     c->test_rule, &c->view, &err),
                     AKIN_OK);
}

static inline void case_open(struct eval_case *c, const char *positive)
{
    case_open_class(c, positive, &toy_class);
}

static inline void case_close(struct eval_case *c)
{
    model_free(c->model);
    test_view_free(&c->view);
    train_view_free(&c->tv);
    feedback_free(c->rule);
    feedback_free(c->test_rule);
    dataset_free(c->train);
    dataset_free(c->test);
    assert_int_equal(mem_used(c->ctx->mem), 0);
    ctx_free(c->ctx);
}

/* Options for metrics "recall@5,…" of a dialect; free metrics with mem_free. */
static inline struct eval_options eval_want(akin_ctx *ctx, const char *names,
                                            enum metric_dialect dialect)
{
    akin_error err;
    struct metric_spec *specs = NULL;
    int32_t n = 0;
    if (metric_parse_list(ctx, names, dialect, &specs, &n, &err) != AKIN_OK)
        fail_msg("%s", err.message);
    return (struct eval_options){
        .metrics = specs, .n_metrics = n, .with_cold_users = true, .clip = true};
}

static inline void eval_unwant(akin_ctx *ctx, struct eval_options *opt)
{
    union {
        const struct metric_spec *in;
        struct metric_spec *out;
    } cast = {opt->metrics};
    mem_free(ctx, cast.out);
}

#define assert_ok(call)                                                                            \
    do {                                                                                           \
        if ((call) != AKIN_OK)                                                                     \
            fail_msg("%s: %s", #call, err.message);                                                \
    } while (0)

static inline void assert_value(double x, double want, double tolerance)
{
    if (!(fabs(x - want) <= tolerance))
        fail_msg("%.17g, not %.17g", x, want);
}

/* A call fails with code and a message that names part. */
#define assert_fails(call, code, part)                                                             \
    do {                                                                                           \
        assert_int_equal((call), (code));                                                          \
        if (!strstr(err.message, (part)))                                                          \
            fail_msg("'%s' does not contain '%s'", err.message, (part));                           \
    } while (0)

#endif
