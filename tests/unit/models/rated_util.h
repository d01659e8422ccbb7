/* What the tests of models that predict ratings share: small sets of ratings and fits to them. */
#ifndef AKIN_TESTS_RATED_UTIL_H
#define AKIN_TESTS_RATED_UTIL_H

#include "unit/models/knn_util.h"

#include "../../contract/toy_data.c"
#include "../../contract/toy_data.h"
#include "core/rng.h"
#include "models/rating_rows.h"

enum { BED_MOST = 20000 };

struct bed {
    akin_ctx *ctx;
    struct dataset *ds;
    struct fitted fit;
    akin_error err;
};

static inline void bed_open(struct bed *b, int threads, const struct toy_event *events, int64_t n)
{
    memset(b, 0, sizeof *b);
    b->ctx = knn_ctx(threads);
    assert_int_equal(toy_dataset(b->ctx, events, n, &b->ds, &b->err), AKIN_OK);
}

static inline akin_status bed_try(struct bed *b, const char *model, const char *params)
{
    return fitted_try(b->ctx, b->ds, model, params, NULL, &b->fit, &b->err);
}

static inline void bed_fit(struct bed *b, const char *model, const char *params)
{
    if (bed_try(b, model, params) != AKIN_OK)
        fail_msg("%s %s: %s", model, params, b->err.message);
    b->fit.scorer = model_scorer(b->fit.m);
    assert_int_equal(ranker_create(b->ctx, &b->fit.scorer, &b->fit.ranker, &b->err), AKIN_OK);
}

/* Of the fit, so that another may follow. */
static inline void bed_drop(struct bed *b)
{
    if (b->fit.m)
        fitted_free(&b->fit);
    memset(&b->fit, 0, sizeof b->fit);
}

static inline void bed_close(struct bed *b)
{
    bed_drop(b);
    dataset_free(b->ds);
    knn_ctx_done(b->ctx);
}

static inline double uniform(uint64_t seed, uint64_t a, uint64_t b)
{
    return (double)(rng_u64(seed, RNG_TEST, a, b) >> 11) * 0x1p-53;
}

/* Ratings 1 to 5 that follow tastes with noise; `share` of all pairs. Times make pairs ordered. */
static inline int64_t taste_ratings(uint64_t seed, int32_t users, int32_t items, double share,
                                    struct toy_event *events)
{
    int64_t n = 0;
    for (int32_t u = 0; u < users; u++)
        for (int32_t i = 0; i < items; i++) {
            uint64_t pair = (uint64_t)u * 1000 + (uint64_t)i;
            double taste = (u % 3 == i % 3 ? 1.2 : -0.4) + 0.5 * uniform(seed, 1, (uint64_t)u) -
                           0.8 * uniform(seed, 2, (uint64_t)i) + 0.6 * uniform(seed, 3, pair);
            if (uniform(seed, 4, pair) >= share)
                continue;
            double r = floor(2.0 * (3.0 + taste) + 0.5) / 2.0;
            r = r < 1.0 ? 1.0 : r > 5.0 ? 5.0 : r;
            events[n++] = (struct toy_event){u, i, (float)r, 1600000000 + n};
        }
    return n;
}

/* x̂ of all items for a query, through rank/. */
static inline void predict(struct bed *b, const struct query *q, float *out)
{
    if (rank_scores_all(b->fit.ranker, q, out, &b->err) != AKIN_OK)
        fail_msg("%s", b->err.message);
}

struct first_loss {
    double loss;
};

static inline akin_status note_first(void *arg, struct model *m, int64_t epoch, double loss,
                                     bool *stop, akin_error *err)
{
    struct first_loss *f = arg;
    (void)m;
    (void)err;
    f->loss = loss;
    *stop = epoch == 1;
    return AKIN_OK;
}

/* A fit of its own to the data of b, watched; params is taken. */
static inline void fit_watched(struct bed *b, const char *model, json_t *params,
                               const struct fit_control *ctl)
{
    struct model *m = NULL;
    bed_fit(b, model, "{\"epochs\":1}"); /* for its view */
    assert_int_equal(model_create(b->ctx, model_class_find(model), params, &m, &b->err), AKIN_OK);
    assert_int_equal(model_fit(m, &b->fit.tv, ctl, &b->err), AKIN_OK);
    json_decref(params);
    model_free(m);
    bed_drop(b);
}

/* Ten times the ratings, ten times the answers. events (n, of `items`) are changed. */
static inline void check_scale(const char *model, const char *params, struct toy_event *events,
                               int64_t n, int32_t items, double tolerance)
{
    float *score[2];
    for (int scaled = 0; scaled < 2; scaled++) {
        struct bed b;
        score[scaled] = calloc((size_t)items, sizeof **score);
        for (int64_t e = 0; scaled && e < n; e++)
            events[e].value = 10.0f * events[e].value - 20.0f;
        bed_open(&b, 1, events, n);
        bed_fit(&b, model, params);
        struct query q = model_query_user(b.fit.m, toy_user(b.ds, 5));
        predict(&b, &q, score[scaled]);
        bed_close(&b);
    }
    for (int32_t i = 0; i < items; i++)
        assert_true(fabs((double)score[1][i] + 20.0 - 10.0 * (double)score[0][i]) < tolerance);
    free(score[0]);
    free(score[1]);
}

/* Of one rating it is what is predicted; without values the fit is refused with the message. */
static inline void check_one_rating(const char *model, const char *params, const char *message)
{
    const struct toy_event one = {0, 0, 4.0f, 1600000000};
    struct bed b;
    float score[1];
    bed_open(&b, 1, &one, 1);
    bed_fit(&b, model, params);
    struct query q = model_query_user(b.fit.m, 0);
    predict(&b, &q, score);
    assert_true(fabs((double)score[0] - 4.0) < 1e-6);
    bed_drop(&b);
    mem_free(b.ctx, (void *)(uintptr_t)b.ds->value);
    b.ds->value = NULL;
    assert_int_equal(bed_try(&b, model, "{}"), AKIN_E_INPUT);
    assert_non_null(strstr(b.err.message, message));
    bed_close(&b);
}

/* A start from the fit of b: the first epoch is where that one ended, not where a cold one is; of
 * other factors it is refused. others: parameters with another number of factors. */
static inline void check_warm(struct bed *b, const char *model, const char *params,
                              const char *others)
{
    const struct model_class *cls = model_class_find(model);
    int32_t n = b->ds->items.n;
    int32_t *places = calloc((size_t)n, sizeof *places);
    struct first_loss cold, warm;
    struct fit_control ctl = {.epoch = note_first};
    const char *given[] = {params, params, others};
    bed_fit(b, model, params);
    for (int32_t i = 0; i < n; i++)
        places[i] = i == n - 1 ? -1 : i; /* the last one is new */
    for (int i = 0; i < 3; i++) {
        struct model *m = NULL;
        json_t *json = json_loads(given[i], 0, NULL);
        assert_int_equal(model_create(b->ctx, cls, json, &m, &b->err), AKIN_OK);
        ctl.arg = i ? &warm : &cold;
        ctl.warm = i ? b->fit.m : NULL;
        ctl.warm_item = places;
        akin_status status = model_fit(m, &b->fit.tv, &ctl, &b->err);
        assert_int_equal(status, i < 2 ? AKIN_OK : AKIN_E_ARG);
        json_decref(json);
        model_free(m);
    }
    assert_non_null(strstr(b->err.message, "the earlier model"));
    assert_true(warm.loss < 0.9 * cold.loss);
    free(places);
}

/* Reasons of every item of a stranger with the history of `user` sum to score - offset[item]. */
static inline void check_reasons(struct bed *b, int32_t user, double mean, const float *item_bias,
                                 double tolerance)
{
    int32_t n_items = b->ds->items.n, n;
    float *score = calloc((size_t)n_items, sizeof *score);
    struct reason *why = calloc((size_t)n_items, sizeof *why);
    struct query q = model_query_user(b->fit.m, user);
    predict(b, &q, score);
    for (int32_t i = 0; i < n_items; i += 3) {
        double sum = mean + (item_bias ? (double)item_bias[i] : 0.0);
        assert_int_equal(rank_explain(b->fit.ranker, &q, i, why, n_items, &n, &b->err), AKIN_OK);
        assert_true(n > 0);
        for (int32_t j = 0; j < n; j++)
            sum += (double)why[j].contribution;
        if (!(fabs(sum - (double)score[i]) < tolerance))
            fail_msg("item %d: reasons sum to %.7g, the score is %.7g", i, sum, (double)score[i]);
    }
    free(why);
    free(score);
}

#endif
