/* Co-occurrence against dense products; the same bits for any number of threads; cancel. */
#include "solve/cooc.h"
#include "solve/llr.h"
#include "unit/solve/solve_util.h"

enum { USERS = 120, ITEMS = 90 };

struct data {
    struct csr by_user, by_item;
    float *weight;
    double x[USERS][ITEMS];
};

/* share: of cells that hold something; small = rows that list what they touch. */
static struct data *data_new(akin_ctx *ctx, double share, uint64_t index)
{
    akin_error err;
    struct data *d = solve_array(1, sizeof *d);
    struct rng rng = rng_make(test_seed, RNG_TEST, index);
    int32_t *row = solve_array(USERS * ITEMS, sizeof *row);
    int32_t *col = solve_array(USERS * ITEMS, sizeof *col);
    float *val = solve_array(USERS * ITEMS, sizeof *val);
    int64_t n = 0;
    d->weight = solve_array(USERS, sizeof *d->weight);
    for (int u = 0; u < USERS; u++) {
        d->weight[u] = (float)(.1 + rng_double(&rng));
        for (int i = 0; i < ITEMS; i++) {
            if (rng_double(&rng) >= share)
                continue;
            val[n] = (float)(.5 + rng_double(&rng));
            d->x[u][i] = (double)val[n];
            row[n] = u;
            col[n++] = i;
        }
    }
    assert_int_equal(csr_from_triples(ctx, USERS, ITEMS, n, row, col, val, &d->by_user, &err),
                     AKIN_OK);
    assert_int_equal(csr_transpose(ctx, &d->by_user, &d->by_item, &err), AKIN_OK);
    free(row);
    free(col);
    free(val);
    return d;
}

static void data_free(akin_ctx *ctx, struct data *d)
{
    csr_free(ctx, &d->by_user);
    csr_free(ctx, &d->by_item);
    free(d->weight);
    free(d);
}

static double product(const struct data *d, const struct cooc *g, int i, int j)
{
    double sum = 0;
    for (int u = 0; u < USERS; u++)
        if (d->x[u][i] > 0 && d->x[u][j] > 0) {
            double both = g->is_binary ? 1 : d->x[u][i] * d->x[u][j];
            sum +=
                g->kind == COOC_COUNT ? 1 : both * (g->user_weight ? (double)g->user_weight[u] : 1);
        }
    return sum;
}

static void check_gram(akin_ctx *ctx, const struct data *d, const struct cooc *g)
{
    akin_error err;
    struct csr out;
    assert_int_equal(cooc_gram(ctx, g, &out, &err), AKIN_OK);
    for (int i = 0; i < ITEMS; i++) {
        int64_t e = out.ptr[i];
        for (int j = 0; j < ITEMS; j++) {
            double want = product(d, g, i, j);
            if (want > 0) {
                assert_true(e < out.ptr[i + 1] && out.col[e] == j);
                assert_true(fabs((double)out.val[e++] - want) <= 1e-5 * want);
            }
        }
        assert_int_equal(e, out.ptr[i + 1]);
    }
    csr_free(ctx, &out);
}

static void gram_is_the_product(void **state)
{
    (void)state;
    akin_ctx *ctx = solve_ctx(2, NULL);
    static const double shares[] = {.02, .3};
    for (size_t s = 0; s < 2; s++) {
        struct data *d = data_new(ctx, shares[s], s);
        struct cooc g = {COOC_COUNT, &d->by_user, &d->by_item, NULL, true};
        check_gram(ctx, d, &g);
        g.kind = COOC_SUM;
        check_gram(ctx, d, &g);
        g.user_weight = d->weight;
        check_gram(ctx, d, &g);
        g.is_binary = false;
        check_gram(ctx, d, &g);
        g.user_weight = NULL;
        check_gram(ctx, d, &g);
        data_free(ctx, d);
    }
    solve_ctx_done(ctx);
}

struct lower {
    double sum[ITEMS][ITEMS];
};

static akin_status visit_lower(void *arg, const struct cooc_row *row, int worker, akin_error *err)
{
    (void)worker;
    (void)err;
    struct lower *l = arg;
    for (int32_t t = 0; t < row->n; t++)
        l->sum[row->item][cooc_item(row, t)] = (double)row->sum[t];
    return AKIN_OK;
}

static void lower_rows_end_at_their_item(void **state)
{
    (void)state;
    akin_ctx *ctx = solve_ctx(2, NULL);
    static const double shares[] = {.02, .3};
    akin_error err;
    for (size_t s = 0; s < 2; s++) {
        struct data *d = data_new(ctx, shares[s], s);
        struct cooc g = {COOC_SUM, &d->by_user, &d->by_item, d->weight, false};
        struct lower *l = solve_array(1, sizeof *l);
        assert_int_equal(cooc_visit_lower(ctx, &g, visit_lower, l, &err), AKIN_OK);
        for (int i = 0; i < ITEMS; i++)
            for (int j = 0; j < ITEMS; j++) {
                double want = j <= i ? product(d, &g, i, j) : 0;
                assert_true(fabs(l->sum[i][j] - want) <= 1e-5 * want);
            }
        free(l);
        data_free(ctx, d);
    }
    solve_ctx_done(ctx);
}

struct visits {
    const struct data *d;
    const struct cooc *g;
    int n_rows[ITEMS];
    int n_bad;
};

static bool is_near(double x, double y)
{
    return fabs(x - y) <= 1e-5 * (1 + fabs(y));
}

static akin_status visit(void *arg, const struct cooc_row *row, int worker, akin_error *err)
{
    (void)worker;
    (void)err;
    struct visits *v = arg;
    double found[ITEMS] = {0};
    v->n_rows[row->item]++;
    for (int32_t t = 0; t < row->n; t++) {
        int32_t j = cooc_item(row, t);
        struct cooc_moments want = {0};
        for (int u = 0; u < USERS; u++) {
            double a = v->d->x[u][row->item], b = v->d->x[u][j];
            if (!(a > 0 && b > 0))
                continue;
            want.n += 1;
            want.d += (double)v->d->weight[u];
            want.a += a;
            want.b += b;
            want.aa += a * a;
            want.bb += b * b;
            want.ab += a * b;
        }
        found[j] = want.n;
        if (row->moments) {
            const struct cooc_moments *m = &row->moments[t];
            v->n_bad += !is_near(m->n, want.n) || !is_near(m->d, want.d) ||
                        !is_near(m->a, want.a) || !is_near(m->b, want.b) ||
                        !is_near(m->aa, want.aa) || !is_near(m->bb, want.bb) ||
                        !is_near(m->ab, want.ab);
        } else {
            v->n_bad +=
                !is_near((double)row->count[t], want.n) || !is_near((double)row->sum[t], want.d);
        }
    }
    for (int j = 0; j < ITEMS; j++) {
        struct cooc g = *v->g;
        g.kind = COOC_COUNT;
        v->n_bad += !is_near(found[j], product(v->d, &g, row->item, j));
    }
    return AKIN_OK;
}

static void rows_hold_all_moments(void **state)
{
    (void)state;
    akin_error err;
    akin_ctx *ctx = solve_ctx(1, NULL);
    for (int c = 0; c < 4; c++) {
        struct data *d = data_new(ctx, c % 2 ? .02 : .3, 7);
        const struct cooc g = {c < 2 ? COOC_MOMENTS : COOC_BOTH, &d->by_user, &d->by_item,
                               d->weight, c >= 2};
        struct visits *v = solve_array(1, sizeof *v);
        v->d = d;
        v->g = &g;
        assert_int_equal(cooc_visit(ctx, &g, visit, v, &err), AKIN_OK);
        assert_int_equal(v->n_bad, 0);
        for (int i = 0; i < ITEMS; i++)
            assert_int_equal(v->n_rows[i], 1);
        free(v);
        data_free(ctx, d);
    }
    solve_ctx_done(ctx);
}

/* Coarse on purpose: ties are common. */
static void measure_coarse(const void *arg, const struct cooc_row *row, float *out)
{
    (void)arg;
    for (int32_t t = 0; t < row->n; t++)
        out[t] = row->count[t] == 0 ? NAN : (float)((row->count[t] + 1) / 2 - 1);
}

static void best_come_by_value_then_index(void **state)
{
    (void)state;
    akin_error err;
    static const int32_t ks[] = {1, 3, 20, 500};
    static const int threads[] = {1, 2, 3, 8};
    for (int c = 0; c < 8; c++) {
        struct csr first = {0};
        for (int t = 0; t < 4; t++) {
            akin_ctx *ctx = solve_ctx(threads[t], t % 2 ? "ref" : NULL);
            struct data *d = data_new(ctx, c % 2 ? .02 : .3, (uint64_t)c);
            const struct cooc g = {COOC_COUNT, &d->by_user, &d->by_item, NULL, true};
            struct csr out;
            int32_t k = ks[c / 2];
            assert_int_equal(cooc_top(ctx, &g, k, measure_coarse, NULL, &out, &err), AKIN_OK);
            for (int i = 0; t == 0 && i < ITEMS; i++)
                for (int j = 0; j < ITEMS; j++) {
                    double own = floor((product(d, &g, i, j) + 1) / 2) - 1;
                    int better = 0;
                    for (int o = 0; o < ITEMS; o++) {
                        double other = floor((product(d, &g, i, o) + 1) / 2) - 1;
                        better += o != i && (other > own || (other >= own && o < j));
                    }
                    bool want = j != i && own > 0 && better < k, got = false;
                    for (int64_t e = out.ptr[i]; e < out.ptr[i + 1]; e++)
                        got |= out.col[e] == j && is_near((double)out.val[e], own);
                    assert_int_equal(got, want);
                }
            if (t == 0) {
                first.ptr = solve_array(ITEMS + 1, sizeof *first.ptr);
                first.col = solve_array(csr_nnz(&out), sizeof *first.col);
                memcpy(first.ptr, out.ptr, (ITEMS + 1) * sizeof *first.ptr);
                memcpy(first.col, out.col, (size_t)csr_nnz(&out) * sizeof *first.col);
            }
            assert_memory_equal(first.ptr, out.ptr, (ITEMS + 1) * sizeof *first.ptr);
            assert_memory_equal(first.col, out.col, (size_t)csr_nnz(&out) * sizeof *first.col);
            csr_free(ctx, &out);
            data_free(ctx, d);
            solve_ctx_done(ctx);
        }
        free(first.ptr);
        free(first.col);
    }
}

static void stops_when_told(void **state)
{
    (void)state;
    akin_error err;
    akin_ctx *ctx = solve_ctx(2, NULL);
    struct data *d = data_new(ctx, .3, 1);
    const struct cooc g = {COOC_COUNT, &d->by_user, &d->by_item, NULL, true};
    struct csr out;
    ctx->cancelled = 1;
    assert_int_equal(cooc_top(ctx, &g, 5, measure_coarse, NULL, &out, &err), AKIN_E_CANCELLED);
    assert_int_equal(cooc_gram(ctx, &g, &out, &err), AKIN_E_CANCELLED);
    ctx->cancelled = 0;
    data_free(ctx, d);
    solve_ctx_done(ctx);
}

static void llr_known_values(void **state)
{
    (void)state;
    akin_error err;
    akin_ctx *ctx = solve_ctx(1, NULL);
    struct llr l;
    assert_int_equal(llr_init(ctx, 100, &l, &err), AKIN_OK);
    /* cells 10, 10, 20, 60: 2·Σ k·ln(k·N/(row·col)) */
    double want = 2 * (10 * log(10. * 100 / (20 * 30)) + 10 * log(10. * 100 / (20 * 70)) +
                       20 * log(20. * 100 / (80 * 30)) + 60 * log(60. * 100 / (80 * 70)));
    assert_true(fabs(llr_of(&l, 10, 20, 30) - want) < 1e-9);
    assert_true(!(llr_of(&l, 6, 20, 30) > 0)); /* as chance has it */
    assert_true(!(llr_of(&l, 2, 20, 30) > 0)); /* less */
    assert_true(llr_of(&l, 20, 20, 20) > want);
    llr_free(ctx, &l);
    /* above the table */
    assert_int_equal(llr_init(ctx, 10000000, &l, &err), AKIN_OK);
    double n = 1e7, a = 5e6, b = 4.5e6, k = 3e6;
    want = 2 * (k * log(k * n / (a * b)) + (a - k) * log((a - k) * n / (a * (n - b))) +
                (b - k) * log((b - k) * n / ((n - a) * b)) +
                (n - a - b + k) * log((n - a - b + k) * n / ((n - a) * (n - b))));
    assert_true(fabs(llr_of(&l, 3000000, 5000000, 4500000) - want) < 1e-6 * want);
    llr_free(ctx, &l);
    solve_ctx_done(ctx);
}

int main(void)
{
    printf("seed %llu\n", (unsigned long long)test_seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gram_is_the_product),   cmocka_unit_test(lower_rows_end_at_their_item),
        cmocka_unit_test(rows_hold_all_moments), cmocka_unit_test(best_come_by_value_then_index),
        cmocka_unit_test(stops_when_told),       cmocka_unit_test(llr_known_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
