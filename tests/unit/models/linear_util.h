/* What the tests of ease and slim share: the golden data, and the weights that a model kept. */
#ifndef AKIN_TESTS_LINEAR_UTIL_H
#define AKIN_TESTS_LINEAR_UTIL_H

#include "unit/models/knn_util.h"
#include "unit/models/linear_golden.h"

static inline struct dataset *golden_data(akin_ctx *ctx)
{
    static struct row rows[GOLDEN_USERS * GOLDEN_ITEMS];
    static char users[GOLDEN_USERS][8], items[GOLDEN_ITEMS][8];
    int n = 0;
    for (int u = 0; u < GOLDEN_USERS; u++)
        for (int i = 0; i < GOLDEN_ITEMS; i++) {
            snprintf(users[u], sizeof users[u], "u%d", u);
            snprintf(items[i], sizeof items[i], "%d", i);
            if (golden_weights[u][i] > 0) {
                rows[n] = (struct row){users[u], items[i], golden_weights[u][i], n, 0};
                n++;
            }
        }
    return fix_dataset(ctx, rows, n, FIX_VALUES, NULL);
}

/* B (n, n): what one event on an item says about each. free() it. */
static inline double *linear_weights(struct fitted *f)
{
    akin_error err;
    int n = f->m->items.n;
    double *out = calloc((size_t)n * (size_t)n + 1, sizeof *out);
    struct evidence ev;
    struct arena scratch;
    assert_non_null(out);
    arena_init(&scratch, f->ctx);
    assert_int_equal(evidence_init(f->ctx, n, &ev, &err), AKIN_OK);
    for (int32_t i = 0; i < n; i++) {
        struct query q = {.user = -1, .hist = {.n = 1, .item = &i}};
        assert_int_equal(f->m->cls->scorer.evidence(f->m->self, &q, &ev, &scratch, &err), AKIN_OK);
        for (int t = 0; t < ev.n; t++)
            out[i * n + ev.items[t]] = (double)ev.value[ev.items[t]];
        evidence_clear(&ev);
        arena_reset(&scratch);
    }
    evidence_free(f->ctx, &ev);
    arena_free(&scratch);
    return out;
}

/* Weights are the values of events. */
static inline void check_golden(akin_ctx *ctx, const char *name, const char *params,
                                const double want[GOLDEN_ITEMS][GOLDEN_ITEMS], double eps)
{
    static const struct feedback_params linear = {.value_weight = 1};
    struct dataset *ds = golden_data(ctx);
    struct fitted f = fitted_new(ctx, ds, name, params, &linear);
    double *B = linear_weights(&f);
    for (int i = 0; i < GOLDEN_ITEMS; i++)
        for (int j = 0; j < GOLDEN_ITEMS; j++)
            assert_close(B[i * GOLDEN_ITEMS + j], want[i][j], eps);
    free(B);
    fitted_free(&f);
    dataset_free(ds);
}

/* score = Σ_i w_i · b_ij for every user, a bare history gives the same bits, reasons add up. */
static inline void check_scores(struct fitted *f)
{
    akin_error err;
    int n = f->m->items.n;
    struct ranker *ranker = NULL;
    double *B = linear_weights(f);
    assert_int_equal(ranker_create(f->ctx, &f->scorer, &ranker, &err), AKIN_OK);
    for (int32_t u = 0; u < f->m->users.n; u += 7) {
        struct query q = model_query_user(f->m, u), bare = {.user = -1, .hist = q.hist};
        float *s = fitted_scores(f, &q), *again = fitted_scores(f, &bare);
        assert_memory_equal(s, again, (size_t)n * sizeof *s);
        for (int32_t i = 0; i < n; i++) {
            struct reason why[128];
            int32_t n_why;
            double want = 0, sum = 0;
            const struct csr *x = &f->tv.by_user;
            for (int64_t e = x->ptr[u]; e < x->ptr[u + 1]; e++)
                want += (double)x->val[e] * B[x->col[e] * n + i];
            assert_close(isinf(s[i]) ? 0 : (double)s[i], want, 1e-5);
            assert_int_equal(rank_explain(ranker, &q, i, why, 128, &n_why, &err), AKIN_OK);
            for (int t = 0; t < n_why; t++) {
                sum += (double)why[t].contribution;
                assert_true(t == 0 || why[t].contribution <= why[t - 1].contribution);
            }
            assert_close(sum, want, 1e-5);
        }
        free(s);
        free(again);
    }
    ranker_free(ranker);
    free(B);
}

#endif
