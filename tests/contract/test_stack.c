/* The meta-learner against what its minimum must be; a stack against its parts. */
#include "contract.h"
#include "core/rng.h"
#include "kern/math.h"
#include "models/meta.h"
#include "models/parts.h"

enum { GROUPS = 400, PER = 20, D = 4 };

struct data {
    int64_t ptr[GROUPS + 1];
    float x[GROUPS * PER * D];
    float y[GROUPS * PER];
};

/* Labels by a true score with noise; shuffled: by noise alone. */
static void make(struct data *t, uint64_t seed, bool is_shuffled)
{
    static const double true_w[D] = {1.5, -0.7, 0, 0.01};
    for (int g = 0; g <= GROUPS; g++)
        t->ptr[g] = g * PER;
    for (int i = 0; i < GROUPS * PER; i++) {
        double s = -2;
        for (int k = 0; k < D; k++) {
            double z = kern_normal(rng_u64(seed, RNG_TEST, (uint64_t)i, 2 * (uint64_t)k),
                                   rng_u64(seed, RNG_TEST, (uint64_t)i, 2 * (uint64_t)k + 1));
            double x = k == 3 ? 50 + 100 * z : z + k; /* another scale, other means */
            t->x[i * D + k] = (float)x;
            s += true_w[k] * x;
        }
        double p = is_shuffled ? .15 : 1 / (1 + kern_exp(-s));
        double u = (double)(rng_u64(seed, RNG_TEST, (uint64_t)i, 99) >> 11) * 0x1p-53;
        t->y[i] = u < p ? 1 : 0;
    }
}

static struct meta_rows rows_of(const struct data *t)
{
    return (struct meta_rows){GROUPS, D, t->ptr, t->x, t->y};
}

static double auc(const struct data *t, const double *w)
{
    double above = 0, pairs = 0;
    for (int i = 0; i < GROUPS * PER; i++) {
        for (int j = 0; j < GROUPS * PER && t->y[i] > 0; j++) {
            if (t->y[j] > 0)
                continue;
            double a = meta_score(w, D, t->x + i * D), b = meta_score(w, D, t->x + j * D);
            above += a > b ? 1 : a < b ? 0 : .5;
            pairs += 1;
        }
    }
    return above / pairs;
}

/* The loss as meta.c writes it, of raw weights and without the penalty. */
static double loss(const struct data *t, enum meta_learner kind, const double *w)
{
    double sum = 0;
    for (int g = 0; g < GROUPS; g++) {
        double z = 0, good = 0;
        int n_good = 0;
        for (int64_t i = t->ptr[g]; i < t->ptr[g + 1]; i++) {
            double s = meta_score(w, D, t->x + i * D), y = (double)t->y[i];
            if (kind == META_RIDGE)
                sum += .5 * (s - y) * (s - y);
            else if (kind == META_LOGISTIC)
                sum += log(1 + exp(s)) - y * s;
            z += exp(s);
            n_good += y > 0;
            good += y > 0 ? s : 0;
        }
        if (kind == META_LISTWISE && n_good > 0)
            sum += log(z) - good / n_good;
    }
    return sum;
}

/* No small step from the answer is better; the true signs are found. */
static void test_minimum(void **state)
{
    static struct data t;
    akin_error record, *err = &record;
    akin_ctx *ctx;
    (void)state;
    contract_ok(ctx_create(3, 1, 0, &ctx, err));
    make(&t, 5, false);
    const struct meta_rows rows = rows_of(&t);
    for (int kind = META_LISTWISE; kind <= META_RIDGE; kind++) {
        double w[D + 1];
        contract_ok(meta_fit(ctx, &rows, (enum meta_learner)kind, 0, w, err));
        double best = loss(&t, (enum meta_learner)kind, w);
        for (int k = 0; k <= D; k++) {
            for (int sign = -1; sign <= 1; sign += 2) {
                double keep = w[k];
                w[k] += sign * (k == 3 ? 1e-5 : 1e-3);
                assert_true(loss(&t, (enum meta_learner)kind, w) >= best - 1e-9 * best);
                w[k] = keep;
            }
        }
        assert_true(w[0] > 0 && w[1] < 0 && w[3] > 0);
        assert_true(auc(&t, w) > .8);
    }
    ctx_free(ctx);
}

/* Labels that have nothing to do with the features: on others like them it knows nothing. */
static void test_shuffled(void **state)
{
    static struct data t, other;
    akin_error record, *err = &record;
    akin_ctx *ctx;
    (void)state;
    contract_ok(ctx_create(2, 1, 0, &ctx, err));
    make(&t, 7, true);
    make(&other, 8, true);
    const struct meta_rows rows = rows_of(&t);
    for (int kind = META_LISTWISE; kind <= META_RIDGE; kind++) {
        double w[D + 1];
        contract_ok(meta_fit(ctx, &rows, (enum meta_learner)kind, .001, w, err));
        double a = auc(&other, w);
        printf("learner %d: AUC %.4f of shuffled labels\n", kind, a);
        assert_true(a > .48 && a < .52);
    }
    ctx_free(ctx);
}

/* Features that say nothing, groups without a positive, no groups: finite weights. */
static void test_odd(void **state)
{
    static struct data t;
    akin_error record, *err = &record;
    akin_ctx *ctx;
    (void)state;
    contract_ok(ctx_create(1, 1, 0, &ctx, err));
    make(&t, 9, false);
    for (int i = 0; i < GROUPS * PER; i++) {
        t.x[i * D + 2] = 7;                  /* constant */
        t.x[i * D + 1] = t.x[i * D] * 2 + 1; /* collinear */
        t.y[i] = i < PER ? 0 : t.y[i];
    }
    for (int kind = META_LISTWISE; kind <= META_RIDGE; kind++) {
        struct meta_rows rows = rows_of(&t);
        double w[D + 1];
        contract_ok(meta_fit(ctx, &rows, (enum meta_learner)kind, .001, w, err));
        for (int k = 0; k <= D; k++)
            assert_true(isfinite(w[k]));
        assert_true(w[2] == 0);
        rows.n_groups = 0;
        contract_ok(meta_fit(ctx, &rows, (enum meta_learner)kind, .001, w, err));
        for (int k = 0; k <= D; k++)
            assert_true(w[k] == 0);
    }
    assert_int_equal(mem_used(ctx->mem), 0);
    ctx_free(ctx);
}

/* In planted clusters a part that knows them outweighs one that does not. */
static void test_learns(void **state)
{
    akin_error record, *err = &record;
    struct world w;
    (void)state;
    world_make(&w, 2, NULL, 0, false);
    const struct contract_case c = {model_class_find("stack"),
                                    "{\"of\":[\"popular\",\"itemknn\"],\"holdout\":\"ratio:0.2\"}",
                                    true};
    world_fit(&w, &c);
    world_rank(&w);
    int32_t *counts, hits = 0;
    struct ranked *lists = contract_lists(&w, 1, &counts);
    for (int32_t u = 0; u < TOY_USERS; u++) {
        int32_t top = lists[toy_user(w.ds, u)].item;
        for (int32_t i = u % TOY_CLUSTERS; i < TOY_ITEMS; i += TOY_CLUSTERS)
            hits += toy_item(w.ds, i) == top;
    }
    assert_true(hits >= TOY_USERS * 9 / 10);
    free(lists);
    free(counts);
    world_free(&w);
    /* a holdout that is none */
    world_make(&w, 1, NULL, 0, true);
    const struct contract_case bad = {c.cls, "{\"holdout\":\"often\"}", true};
    contract_ok(contract_create(w.ctx, &bad, &w.m, err));
    assert_int_equal(model_fit(w.m, &w.tv, NULL, err), AKIN_E_ARG);
    assert_non_null(strstr(err->message, "often"));
    world_free(&w);
}

/* Parts that predict ratings: so does the stack, a linear function of theirs. */
static void test_rates(void **state)
{
    akin_error record, *err = &record;
    struct world w;
    (void)state;
    world_make(&w, 2, NULL, 0, false);
    const struct contract_case c = {model_class_find("stack"),
                                    "{\"of\":[\"als\",\"slopeone\"],\"holdout\":\"ratio:0.2\"}",
                                    true};
    world_fit(&w, &c);
    world_rank(&w);
    assert_true((w.scorer.flags & SCORER_RATES) != 0);
    for (int32_t u = 0; u < TOY_USERS; u += 9) {
        struct query q = model_query_user(w.m, u);
        float got[TOY_ITEMS];
        contract_ok(rank_scores_all(w.ranker, &q, got, err));
        for (int32_t i = 0; i < TOY_ITEMS; i++)
            assert_true(got[i] > -2 && got[i] < 9);
    }
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_minimum), cmocka_unit_test(test_shuffled), cmocka_unit_test(test_odd),
        cmocka_unit_test(test_learns),  cmocka_unit_test(test_rates),
    };
    return cmocka_run_group_tests_name("stack", tests, NULL, NULL);
}
