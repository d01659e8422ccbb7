/*
 * Row solves: NumPy's values, both methods against the double reference for all lengths around the
 * change of method, descent against exact, same bits on every ISA, the way out of float, failures.
 */
#include "solve_util.h"

#include "solve/rows.h"
#include "tests_solve_golden.h"

enum { ITEMS = 300, K_MAX = 64 };

struct setup {
    float Z[ITEMS * K_MAX];
    float base[K_MAX], shift[K_MAX], offset[ITEMS], weight[ITEMS];
    int32_t item[ITEMS];
    float *scratch;
};

static struct setup *setup_new(akin_ctx *ctx, int64_t k, struct row_system *sys)
{
    struct setup *s = solve_array(1, sizeof *s);
    solve_fill(s->Z, ITEMS * k, 1);
    solve_fill(s->shift, k, 2);
    solve_fill(s->offset, ITEMS, 3);
    solve_fill(s->weight, ITEMS, 4);
    for (int64_t t = 0; t < k; t++)
        s->base[t] = 0.01f * (float)((k - t) * (k - t));
    for (int32_t i = 0; i < ITEMS; i++) {
        s->item[i] = i;
        s->weight[i] = 1.0f + 0.75f * s->weight[i];
    }
    s->scratch = solve_array(row_scratch_max(k, ITEMS), sizeof(float));
    *sys = (struct row_system){ctx->kern, k, s->Z, s->offset, s->base, s->shift};
    return s;
}

static void setup_free(struct setup *s)
{
    free(s->scratch);
    free(s);
}

static double distance(const float *x, const double *y, int64_t k)
{
    double diff = 0.0;
    double norm = 1e-30;
    for (int64_t t = 0; t < k; t++) {
        diff += ((double)x[t] - y[t]) * ((double)x[t] - y[t]);
        norm += y[t] * y[t];
    }
    return sqrt(diff / norm);
}

static void test_golden(void **state)
{
    (void)state;
    enum { K = GOLDEN_ROW_K, N = GOLDEN_ROW_ITEMS };
    akin_ctx *ctx = solve_ctx(1, NULL);
    float Z[N * K], base[K], shift[K], offset[N], weight[N], x[K];
    int32_t few[] = {2, 11, 17}, many[20];
    float *scratch = solve_array(row_scratch_max(K, 20), sizeof(float));
    for (int i = 0; i < N; i++) {
        offset[i] = (float)(i % 5 - 2) / 16.0f;
        for (int t = 0; t < K; t++)
            Z[i * K + t] = (float)((5 * i + 3 * t + i * t) % 13 - 6) / 8.0f;
    }
    for (int t = 0; t < K; t++) {
        base[t] = 0.25f + (float)t / 4.0f;
        shift[t] = (float)(t % 3 - 1) / 8.0f;
    }
    struct row_system sys = {ctx->kern, K, Z, offset, base, shift};
    struct row_data row = {3, few, weight, 0.5f, NULL};
    for (int i = 0; i < 3; i++)
        weight[i] = 1.0f + (float)(few[i] % 4) / 2.0f;
    assert_int_equal(row_solve(ctx, &sys, &row, x, scratch, NULL), AKIN_OK);
    assert_true(distance(x, golden_row_short, K) < 1e-6);
    for (int i = 0; i < 20; i++) {
        many[i] = 4 + i;
        weight[i] = 1.0f + (float)(many[i] % 4) / 2.0f;
    }
    row = (struct row_data){20, many, weight, 0.5f, NULL};
    assert_int_equal(row_solve(ctx, &sys, &row, x, scratch, NULL), AKIN_OK);
    assert_true(distance(x, golden_row_long, K) < 1e-6);
    free(scratch);
    solve_ctx_done(ctx);
}

/* Every length from none to far beyond k; with and without weights, offsets and shift. */
static void test_reference(void **state)
{
    (void)state;
    akin_ctx *ctx = solve_ctx(1, NULL);
    static const int64_t ks[] = {1, 3, 16, 33, 64};
    for (size_t c = 0; c < sizeof ks / sizeof ks[0]; c++) {
        struct row_system sys;
        int64_t k = ks[c];
        struct setup *s = setup_new(ctx, k, &sys);
        for (int32_t n = 0; n <= ITEMS; n += n < 80 ? 1 : 55) {
            float x[K_MAX], y[K_MAX];
            double exact[K_MAX];
            sys.offset = n % 2 ? NULL : s->offset;
            sys.shift = n % 4 < 2 ? NULL : s->shift;
            struct row_data row = {n, s->item, n % 3 ? s->weight : NULL, 0.125f, NULL};
            assert_int_equal(row_solve_reference(ctx, &sys, &row, NULL, exact, NULL), AKIN_OK);
            assert_int_equal(row_solve(ctx, &sys, &row, x, s->scratch, NULL), AKIN_OK);
            assert_true(distance(x, exact, k) < 2e-5);
            memcpy(y, s->shift, sizeof y);
            assert_int_equal(row_solve_reference(ctx, &sys, &row, y, exact, NULL), AKIN_OK);
            assert_int_equal(row_apply(ctx, &sys, &row, y, y, s->scratch, NULL), AKIN_OK);
            assert_true(distance(y, exact, k) < 2e-5);
        }
        setup_free(s);
    }
    solve_ctx_done(ctx);
}

static double objective(const struct row_system *sys, const struct row_data *row, const float *x)
{
    double sum = 0.0;
    for (int64_t t = 0; t < sys->k; t++) {
        double v = (double)x[t];
        sum +=
            ((double)sys->base[t] + (double)row->lambda) * v * v + 2.0 * (double)sys->shift[t] * v;
    }
    for (int32_t i = 0; i < row->n; i++) {
        double e = 1.0 - (double)sys->offset[row->item[i]];
        for (int64_t t = 0; t < sys->k; t++)
            e -= (double)sys->Z[row->item[i] * sys->k + t] * (double)x[t];
        sum += (double)row->weight[i] * e * e;
    }
    return sum;
}

/* A solver from a start of its own: never up while `step` is called n times, and then as near. */
struct descent {
    akin_status (*step)(akin_ctx *ctx, const struct row_system *sys, const struct row_data *row,
                        int64_t much, float *x, float *scratch, akin_error *err);
    int64_t much; /* block of coordinates, steps */
    int n;
    double near;
    int64_t at_once; /* as much in one call reaches it to 1e-5; 0 = not asked */
};

static void check_descent(const struct descent *d)
{
    enum { K = 50 };
    akin_ctx *ctx = solve_ctx(1, NULL);
    struct row_system sys;
    struct setup *s = setup_new(ctx, K, &sys);
    static const int32_t lengths[] = {0, 5, 17, 33, 60, 300};
    for (size_t c = 0; c < sizeof lengths / sizeof lengths[0]; c++) {
        struct row_data row = {lengths[c], s->item, s->weight, 0.125f, NULL};
        float x[K];
        double exact[K];
        solve_fill(x, K, 77);
        assert_int_equal(row_solve_reference(ctx, &sys, &row, NULL, exact, NULL), AKIN_OK);
        double last = objective(&sys, &row, x);
        for (int call = 0; call < d->n; call++) {
            assert_int_equal(d->step(ctx, &sys, &row, d->much, x, s->scratch, NULL), AKIN_OK);
            double now = objective(&sys, &row, x);
            assert_true(now <= last + 1e-5 * fabs(last));
            last = now;
        }
        assert_true(distance(x, exact, K) < d->near);
        if (d->at_once == 0)
            continue;
        solve_fill(x, K, 77);
        assert_int_equal(d->step(ctx, &sys, &row, d->at_once, x, s->scratch, NULL), AKIN_OK);
        assert_true(distance(x, exact, K) < 1e-5);
    }
    setup_free(s);
    solve_ctx_done(ctx);
}

static void test_descent(void **state)
{
    (void)state;
    check_descent(&(struct descent){row_descend, 16, 150, 1e-3, 0});
}

/* Many calls of few steps near the minimum, 2k steps at once reach it. */
static void test_conjugate(void **state)
{
    (void)state;
    check_descent(&(struct descent){row_conjugate, 3, 60, 1e-2, 100});
}

static void test_same_bits(void **state)
{
    (void)state;
    enum { K = 40, CASES = 5 };
    static const int32_t lengths[CASES] = {0, 1, 20, 35, 200};
    float first[CASES][3][K], x[3][K];
    for (size_t isa = 0; kern_names(isa); isa++) {
        if (!kern_find(kern_names(isa)))
            continue;
        akin_ctx *ctx = solve_ctx(1, kern_names(isa));
        struct row_system sys;
        struct setup *s = setup_new(ctx, K, &sys);
        for (int c = 0; c < CASES; c++) {
            struct row_data row = {lengths[c], s->item, s->weight, 0.125f, NULL};
            memset(x, 0, sizeof x);
            assert_int_equal(row_solve(ctx, &sys, &row, x[0], s->scratch, NULL), AKIN_OK);
            assert_int_equal(row_descend(ctx, &sys, &row, 16, x[1], s->scratch, NULL), AKIN_OK);
            assert_int_equal(row_conjugate(ctx, &sys, &row, 3, x[2], s->scratch, NULL), AKIN_OK);
            if (isa == 0)
                memcpy(first[c], x, sizeof x);
            assert_memory_equal(first[c], x, sizeof x);
        }
        setup_free(s);
        solve_ctx_done(ctx);
    }
}

/* A is positive, but not in float: the double way answers, finite. Then input that has no answer.
 */
static void test_way_out(void **state)
{
    (void)state;
    enum { K = 8, N = 30 };
    akin_ctx *ctx = solve_ctx(1, NULL);
    akin_error err;
    float Z[N * K], base[K] = {0}, x[K];
    int32_t item[N];
    float *scratch = solve_array(row_scratch_max(K, N), sizeof(float));
    for (int i = 0; i < N; i++) {
        item[i] = i;
        for (int t = 0; t < K; t++) /* nearly one direction */
            Z[i * K + t] = 1000.0f + (t == i % K ? 1e-3f : 0.0f);
    }
    struct row_system sys = {ctx->kern, K, Z, NULL, base, NULL};
    struct row_data row = {N, item, NULL, 1e-5f, NULL};
    assert_int_equal(row_solve(ctx, &sys, &row, x, scratch, NULL), AKIN_OK);
    for (int t = 0; t < K; t++)
        assert_true(isfinite(x[t]));
    Z[3] = NAN;
    assert_int_equal(row_solve(ctx, &sys, &row, x, scratch, &err), AKIN_E_INTERNAL);
    row.n = 2;
    assert_int_equal(row_solve(ctx, &sys, &row, x, scratch, &err), AKIN_E_INTERNAL);
    mem_fail_at(ctx->mem, 1);
    assert_int_equal(row_solve(ctx, &sys, &row, x, scratch, &err), AKIN_E_MEMORY);
    mem_fail_at(ctx->mem, 0);
    row.n = N;
    akin_cancel(ctx);
    assert_int_equal(row_solve(ctx, &sys, &row, x, scratch, &err), AKIN_E_CANCELLED);
    akin_cancel_clear(ctx);
    free(scratch);
    solve_ctx_done(ctx);
}

/* Targets of their own by every method; none means 1. */
static void test_targets(void **state)
{
    (void)state;
    enum { K = 24 };
    static const int32_t lengths[] = {5, 20, 21, 90};
    akin_ctx *ctx = solve_ctx(1, NULL);
    struct row_system sys;
    struct setup *s = setup_new(ctx, K, &sys);
    float ones[ITEMS], x[K], y[K], fives[ITEMS], targets[ITEMS];
    double exact[K];
    for (int32_t i = 0; i < ITEMS; i++) {
        ones[i] = 1.0f;
        fives[i] = 5.0f;
        targets[i] = 1.0f + (float)(i % 9) * 0.5f;
    }
    for (size_t c = 0; c < sizeof lengths / sizeof lengths[0]; c++) {
        struct row_data row = {lengths[c], s->item, s->weight, 0.125f, NULL};
        assert_int_equal(row_solve(ctx, &sys, &row, x, s->scratch, NULL), AKIN_OK);
        row.target = ones;
        assert_int_equal(row_solve(ctx, &sys, &row, y, s->scratch, NULL), AKIN_OK);
        assert_memory_equal(x, y, sizeof x);
        row.target = targets;
        assert_int_equal(row_solve(ctx, &sys, &row, x, s->scratch, NULL), AKIN_OK);
        assert_int_equal(row_solve_reference(ctx, &sys, &row, NULL, exact, NULL), AKIN_OK);
        assert_true(distance(x, exact, K) < 1e-4);
        memset(y, 0, sizeof y);
        for (int pass = 0; pass < 60; pass++)
            assert_int_equal(row_descend(ctx, &sys, &row, 8, y, s->scratch, NULL), AKIN_OK);
        assert_true(distance(y, exact, K) < 1e-3);
        memset(y, 0, sizeof y);
        assert_int_equal(row_conjugate(ctx, &sys, &row, 60, y, s->scratch, NULL), AKIN_OK);
        assert_true(distance(y, exact, K) < 1e-3);
    }
    struct row_system bare = {ctx->kern, K, s->Z, NULL, NULL, NULL}; /* no B: all at once */
    struct row_data row = {30, s->item, NULL, 0.5f, fives};
    assert_int_equal(row_solve(ctx, &bare, &row, x, s->scratch, NULL), AKIN_OK);
    assert_int_equal(row_solve_reference(ctx, &bare, &row, NULL, exact, NULL), AKIN_OK);
    assert_true(distance(x, exact, K) < 1e-4);
    setup_free(s);
    ctx_free(ctx);
}

/* What row_solve_nonneg minimises, in double. */
static double bounded_loss(const struct row_system *sys, const struct row_data *row,
                           const double *x)
{
    double loss = 0.0;
    for (int32_t i = 0; i < row->n; i++) {
        double miss = (double)row->target[i];
        for (int64_t t = 0; t < sys->k; t++)
            miss -= x[t] * (double)sys->Z[row->item[i] * sys->k + t];
        loss += miss * miss;
    }
    for (int64_t t = 0; t < sys->k; t++)
        loss += (double)row->lambda * x[t] * x[t];
    return loss;
}

/* The best over all ways to hold coordinates at 0, each solved exactly; the last one is free. */
static double best_bounded(akin_ctx *ctx, const struct row_system *sys, const struct row_data *row,
                           const float *Z)
{
    enum { K = 5 };
    double best = (double)INFINITY;
    for (int held = 0; held < 1 << (K - 1); held++) {
        float some[ITEMS * K];
        double x[K];
        bool fits = true;
        for (int i = 0; i < ITEMS * K; i++)
            some[i] = held >> (i % K) & 1 ? 0.0f : Z[i];
        struct row_system only = {sys->kern, K, some, NULL, NULL, NULL};
        assert_int_equal(row_solve_reference(ctx, &only, row, NULL, x, NULL), AKIN_OK);
        for (int t = 0; t < K - 1; t++)
            fits = fits && x[t] >= 0.0;
        double loss = bounded_loss(&only, row, x);
        best = fits && loss < best ? loss : best;
    }
    return best;
}

/* Bounded rows against all 16 supports; reasons' vector over the support of the solution. */
static void test_nonneg(void **state)
{
    (void)state;
    enum { K = 5, CASES = 40 };
    akin_ctx *ctx = solve_ctx(1, NULL);
    int n_held = 0;
    for (uint64_t c = 0; c < CASES; c++) {
        static float Z[ITEMS * K], target[ITEMS], scratch[4096];
        int32_t item[ITEMS], n = 1 + (int32_t)(c * 7 % 40);
        float x[K], v[K];
        double wide[K];
        solve_fill(Z, ITEMS * K, 100 + c);
        solve_fill(target, ITEMS, 200 + c);
        for (int32_t i = 0; i < ITEMS; i++)
            item[i] = i;
        struct row_system sys = {ctx->kern, K, Z, NULL, NULL, NULL};
        struct row_data row = {n, item, NULL, 0.25f, target};
        assert_true(row_nonneg_scratch(K) <= 4096);
        assert_int_equal(row_solve_nonneg(ctx, &sys, &row, K - 1, x, scratch, NULL), AKIN_OK);
        for (int t = 0; t < K; t++) {
            assert_true(x[t] >= 0.0f || t == K - 1);
            n_held += t < K - 1 && x[t] <= 0.0f;
            wide[t] = (double)x[t];
        }
        double got = bounded_loss(&sys, &row, wide), best = best_bounded(ctx, &sys, &row, Z);
        if (!(got < best * (1.0 + 1e-5)))
            fail_msg("case %d: loss %.9g, best %.9g", (int)c, got, best);
        float right[K] = {0}, sum = 0.0f;
        for (int32_t i = 0; i < n; i++)
            for (int t = 0; t < K; t++)
                right[t] += target[i] * Z[i * K + t];
        assert_int_equal(row_apply_support(ctx, &sys, &row, x, right, v, scratch, NULL), AKIN_OK);
        for (int t = 0; t < K; t++)
            sum += fabsf(v[t] - x[t]);
        assert_true(sum < 1e-3f);
    }
    assert_true(n_held > CASES / 2);
    ctx_free(ctx);
}

int main(void)
{
    printf("seed %llu\n", (unsigned long long)test_seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),    cmocka_unit_test(test_reference),
        cmocka_unit_test(test_descent),   cmocka_unit_test(test_conjugate),
        cmocka_unit_test(test_same_bits), cmocka_unit_test(test_way_out),
        cmocka_unit_test(test_targets),   cmocka_unit_test(test_nonneg),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
