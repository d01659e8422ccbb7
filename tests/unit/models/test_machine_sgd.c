/*
 * Minibatches of fm and ffm against the formula written out pair by pair, in double: steps of sgd
 * and adagrad, one field and three, values and classes, several batches; and their bits at several
 * thread counts.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/rng.h"
#include "kern/kern.h"
#include "models/machine_sgd.h"

enum { USERS = 5, ITEMS = 7, EXTRA = 4, N = 30, K = 3, WIDEST = 3 * K + 1, FEATURES = 16 };

struct bed {
    akin_ctx *ctx;
    struct fm_known known;
    struct fm_data d;
    int64_t user_ptr[USERS + 1], item_ptr[ITEMS + 1];
    int32_t user_col[USERS], item_col[3 * ITEMS], user[N], item[N];
    float user_val[USERS], item_val[3 * ITEMS], target[N];
    akin_error err;
};

static void bed_make(struct bed *b, int threads, int task)
{
    struct rng rng = rng_make(3, RNG_TEST, 0);
    memset(b, 0, sizeof *b);
    assert_int_equal(ctx_create(threads, 1, 0, &b->ctx, &b->err), AKIN_OK);
    assert_int_equal(kern_select(b->ctx, NULL, &b->err), AKIN_OK);
    b->known = (struct fm_known){.choice = {.model = "fm", .task = task}, .base = .3, .spread = 1};
    for (int u = 0; u < USERS; u++) {
        b->user_col[u] = u;
        b->user_val[u] = 1;
        b->user_ptr[u + 1] = u + 1;
    }
    for (int i = 0; i < ITEMS; i++) { /* itself and two of four others */
        int64_t at = 3 * (int64_t)i;
        b->item_col[at] = i;
        b->item_col[at + 1] = ITEMS + i % 2;
        b->item_col[at + 2] = ITEMS + 2 + i % 3 / 2;
        b->item_val[at] = 1;
        b->item_val[at + 1] = .5F;
        b->item_val[at + 2] = .8F;
        b->item_ptr[i + 1] = at + 3;
    }
    for (int e = 0; e < N; e++) {
        b->user[e] = e * USERS / N;
        b->item[e] = (int32_t)rng_below(&rng, ITEMS);
        b->target[e] = task == FM_REGRESSION ? (float)(4 * rng_double(&rng) - 2) : (float)(e % 2);
    }
    b->d = (struct fm_data){.ctx = b->ctx, .known = &b->known, .n = N, .target = b->target};
    b->d.row[FM_USERS] = b->user;
    b->d.row[FM_ITEMS] = b->item;
    b->d.side[FM_USERS] = (struct fm_rows){USERS,
                                           USERS,
                                           USERS,
                                           {.n_rows = USERS,
                                            .n_cols = USERS,
                                            .ptr = b->user_ptr,
                                            .col = b->user_col,
                                            .val = b->user_val}};
    b->d.side[FM_ITEMS] = (struct fm_rows){ITEMS,
                                           ITEMS + EXTRA,
                                           ITEMS,
                                           {.n_rows = ITEMS,
                                            .n_cols = ITEMS + EXTRA,
                                            .ptr = b->item_ptr,
                                            .col = b->item_col,
                                            .val = b->item_val}};
}

static void sgd_make(struct bed *b, struct fm_sgd *s, int64_t F, bool is_adagrad, int64_t batch)
{
    *s = (struct fm_sgd){.ctx = b->ctx, .d = &b->d, .k = K, .F = F};
    s->p = (struct fm_sgd_params){is_adagrad, 4, batch, .2, .1, .7, .3, .5};
    assert_int_equal(fm_sgd_make(s, 9, &b->err), AKIN_OK);
    assert_int_equal(s->n_features, FEATURES);
    for (int32_t j = 0; F == 3 && j < FEATURES; j++) /* items are numbered first */
        s->field[j] = j < ITEMS ? 0 : j < ITEMS + EXTRA ? 1 : 2;
}

/* The features of an event. */
static int features_of(const struct bed *b, int e, int32_t *j, double *x)
{
    for (int i = 0; i < 3; i++) {
        j[i] = b->item_col[3 * b->item[e] + i];
        x[i] = (double)b->item_val[3 * b->item[e] + i];
    }
    j[3] = ITEMS + EXTRA + b->user[e];
    x[3] = 1;
    return 4;
}

/* One batch of everything: the order of events does not matter but for rounding. */
static void naive_step(const struct bed *b, const struct fm_sgd *s, double theta[][WIDEST],
                       double squares[][WIDEST])
{
    static double slope[FEATURES][WIDEST];
    double count[FEATURES] = {0};
    int w = (int)s->width - 1;
    memset(slope, 0, sizeof slope);
    for (int e = 0; e < N; e++) {
        int32_t j[4];
        double x[4], said = 0;
        int n = features_of(b, e, j, x);
        for (int p = 0; p < n; p++) {
            said += x[p] * theta[j[p]][w];
            count[j[p]]++;
            for (int q = 0; q < p; q++)
                for (int t = 0; t < K; t++)
                    said += x[p] * x[q] * theta[j[p]][s->field[j[q]] * K + t] *
                            theta[j[q]][s->field[j[p]] * K + t];
        }
        double target = (double)b->target[e], delta = said - target;
        if (b->known.choice.task != FM_REGRESSION)
            delta = 1 / (1 + exp(-(.3 + said))) - target;
        for (int p = 0; p < n; p++) {
            slope[j[p]][w] += delta * x[p];
            for (int q = 0; q < n; q++)
                for (int t = 0; q != p && t < K; t++)
                    slope[j[p]][s->field[j[q]] * K + t] +=
                        delta * x[p] * x[q] * theta[j[q]][s->field[j[p]] * K + t];
        }
    }
    for (int j = 0; j < FEATURES; j++)
        for (int t = 0; t <= w && count[j] > 0; t++) {
            double rate = t < w ? .2 : .1, g = slope[j][t] + (t < w ? .7 : .3) * theta[j][t];
            squares[j][t] += g * g;
            theta[j][t] -=
                s->p.is_adagrad ? rate * g / sqrt(squares[j][t]) : rate * g / (1 + rate * count[j]);
        }
}

static void as_written_out(void **state)
{
    (void)state;
    for (int c = 0; c < 8; c++) {
        static double theta[FEATURES][WIDEST], squares[FEATURES][WIDEST];
        struct bed b;
        struct fm_sgd s;
        double apart = 0, moved = 0;
        bed_make(&b, 2, c & 4 ? FM_CLASSIFICATION : FM_REGRESSION);
        sgd_make(&b, &s, c & 1 ? 3 : 1, (c & 2) != 0, N + 5);
        for (int j = 0; j < FEATURES; j++)
            for (int t = 0; t < s.width; t++) {
                theta[j][t] = (double)s.theta[j * s.ld + t];
                squares[j][t] = 1;
            }
        for (int64_t epoch = 0; epoch < s.p.epochs; epoch++)
            naive_step(&b, &s, theta, squares);
        float first = s.theta[0];
        assert_int_equal(fm_sgd_run(&s, 9, &b.err), AKIN_OK);
        for (int j = 0; j < FEATURES; j++)
            for (int t = 0; t < s.width; t++)
                apart = fmax(apart, fabs((double)s.theta[j * s.ld + t] - theta[j][t]));
        moved = fabs((double)(s.theta[0] - first));
        printf("case %d: %.2g apart, moved %.2g\n", c, apart, moved);
        assert_true(apart < 1e-5 && moved > 1e-3);
        fm_sgd_free(&s);
        ctx_free(b.ctx);
    }
}

/* Batches of 7; the slopes fall together where the loss does. */
static void any_threads(void **state)
{
    float of[3][FEATURES * 12];
    (void)state;
    for (int r = 0; r < 3; r++) {
        struct bed b;
        struct fm_sgd s;
        bed_make(&b, 1 + r, FM_REGRESSION);
        sgd_make(&b, &s, 3, true, 7);
        assert_int_equal(fm_sgd_run(&s, 9, &b.err), AKIN_OK);
        assert_int_equal(s.ld, 12);
        memcpy(of[r], s.theta, sizeof of[r]);
        fm_sgd_free(&s);
        ctx_free(b.ctx);
    }
    assert_memory_equal(of[0], of[1], sizeof of[0]);
    assert_memory_equal(of[0], of[2], sizeof of[0]);
}

static void divergence_is_said(void **state)
{
    struct bed b;
    struct fm_sgd s;
    (void)state;
    bed_make(&b, 1, FM_REGRESSION);
    sgd_make(&b, &s, 1, false, N);
    s.p.epochs = 400;
    for (int64_t t = 0; t < s.ld; t++)
        s.rate[t] *= 1e4F;
    for (int64_t t = 0; t < FEATURES * s.ld; t++)
        s.theta[t] *= 100;
    assert_int_equal(fm_sgd_run(&s, 9, &b.err), AKIN_E_INPUT);
    assert_non_null(strstr(b.err.message, "lower learning_rate"));
    fm_sgd_free(&s);
    ctx_free(b.ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_written_out),
                                       cmocka_unit_test(any_threads),
                                       cmocka_unit_test(divergence_is_said)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
