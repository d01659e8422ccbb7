/* Rows of a co-occurrence matrix, whole or half; parts of it; its diagonal. */
#include "solve/cooc_part.h"
#include "solve/cooc_rows.h"
#include "unit/solve/solve_util.h"

enum { USERS = 80, ITEMS = 120 };

struct data {
    struct csr by_user, by_item;
    float weight[USERS];
};

/* Every fifth item has no events, popular ones come first: rows of both forms. */
static void data_make(akin_ctx *ctx, struct data *d)
{
    akin_error err;
    struct rng rng = rng_make(test_seed, RNG_TEST, 77);
    int32_t *row = solve_array(USERS * ITEMS, sizeof *row), *col = solve_array(USERS * ITEMS, 4);
    float *val = solve_array(USERS * ITEMS, sizeof *val);
    int64_t n = 0;
    for (int u = 0; u < USERS; u++) {
        d->weight[u] = (float)(.1 + rng_double(&rng));
        for (int i = 0; i < ITEMS; i++)
            if (i % 5 && rng_double(&rng) * (1 + i) < 1.5) {
                row[n] = u;
                col[n] = i;
                val[n++] = (float)(.5 + rng_double(&rng));
            }
    }
    assert_int_equal(csr_from_triples(ctx, USERS, ITEMS, n, row, col, val, &d->by_user, &err),
                     AKIN_OK);
    assert_int_equal(csr_transpose(ctx, &d->by_user, &d->by_item, &err), AKIN_OK);
    free(row);
    free(col);
    free(val);
}

static void data_free(akin_ctx *ctx, struct data *d)
{
    csr_free(ctx, &d->by_user);
    csr_free(ctx, &d->by_item);
}

/* Row i of r (n) among pick. */
static void row_of(const struct cooc_rows *r, int64_t i, const int32_t *pick, int64_t n, float *out)
{
    int16_t place[ITEMS];
    memset(place, 0xff, sizeof place);
    cooc_rows_place(pick, n, true, place);
    cooc_rows_pick(r, i, pick, n, place, out);
    cooc_rows_place(pick, n, false, place);
    for (int t = 0; t < ITEMS; t++)
        assert_int_equal(place[t], -1);
}

static void check(akin_ctx *ctx, const struct cooc *g)
{
    akin_error err;
    struct cooc_rows all, half, none;
    int32_t every[ITEMS], pick[ITEMS / 3];
    float own[ITEMS], a[ITEMS], b[ITEMS];
    for (int32_t i = 0; i < ITEMS; i++)
        every[i] = i;
    for (int32_t t = 0; t < ITEMS / 3; t++)
        pick[t] = 3 * t + 1;
    assert_int_equal(cooc_rows_create(ctx, g, false, INT64_MAX, &all, &err), AKIN_OK);
    assert_int_equal(cooc_rows_create(ctx, g, true, INT64_MAX, &half, &err), AKIN_OK);
    cooc_own(g, own);
    assert_memory_equal(own, all.own, sizeof own);
    assert_memory_equal(own, half.own, sizeof own);
    int n_listed = 0;
    for (int32_t i = 0; i < ITEMS; i++) {
        row_of(&all, i, every, ITEMS, a);
        row_of(&half, i, every, ITEMS, b);
        n_listed += cooc_rows_items(&half, i) != NULL;
        for (int32_t j = 0; j < ITEMS; j++)
            assert_true(b[j] == (j <= i ? a[j] : 0));
        int16_t place[ITEMS];
        memset(place, 0xff, sizeof place);
        cooc_rows_place(every, ITEMS, true, place);
        cooc_rows_make(g, i, ITEMS, place, a);
        assert_memory_equal(a, b, sizeof a);
        float sum[ITEMS] = {0};
        cooc_rows_add(&half, ctx->kern, i, 2, sum);
        for (int32_t j = 0; j < ITEMS; j++)
            assert_true(sum[j] == 2 * b[j]);
    }
    assert_true(n_listed > 10 && n_listed < ITEMS - 10);
    assert_true(cooc_rows_bytes(&half) < .8 * (double)cooc_rows_bytes(&all));
    assert_int_equal(cooc_rows_create(ctx, g, true, cooc_rows_bytes(&half) - 1, &none, &err),
                     AKIN_OK);
    assert_null(none.value);
    assert_int_equal(cooc_rows_bytes(&none), cooc_rows_bytes(&half));
    cooc_rows_free(ctx, &none);
    cooc_rows_free(ctx, &half);
    /* a part has the same sums */
    struct cooc_part part;
    const struct {
        const int32_t *items;
        int64_t n;
    } cases[] = {{every, ITEMS}, {pick, ITEMS / 3}, {pick, 1}, {pick, 0}};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        const int32_t *items = cases[c].items;
        int64_t n = cases[c].n;
        assert_int_equal(cooc_part_create(ctx, g, items, n, &part, &err), AKIN_OK);
        assert_int_equal(cooc_rows_create(ctx, &part.g, false, INT64_MAX, &half, &err), AKIN_OK);
        assert_int_equal(half.n, n);
        for (int64_t i = 0; i < n; i++) {
            row_of(&all, items[i], items, n, a);
            row_of(&half, i, every, n, b);
            assert_memory_equal(a, b, (size_t)n * sizeof a[0]);
        }
        cooc_rows_free(ctx, &half);
        cooc_part_free(ctx, &part);
    }
    static const int32_t turned[] = {11, 2, 1, 7, 3}; /* in any order */
    assert_int_equal(cooc_part_create(ctx, g, turned, 5, &part, &err), AKIN_OK);
    assert_int_equal(cooc_rows_create(ctx, &part.g, false, INT64_MAX, &half, &err), AKIN_OK);
    for (int64_t i = 0; i < 5; i++) {
        row_of(&all, turned[i], turned, 5, a);
        row_of(&half, i, every, 5, b);
        assert_memory_equal(a, b, 5 * sizeof a[0]);
    }
    cooc_rows_free(ctx, &half);
    cooc_part_free(ctx, &part);
    cooc_rows_free(ctx, &all);
}

static void halves_and_parts_are_the_same_sums(void **state)
{
    (void)state;
    akin_ctx *ctx = solve_ctx(2, NULL);
    struct data d;
    data_make(ctx, &d);
    struct cooc g = {COOC_COUNT, &d.by_user, &d.by_item, NULL, true};
    check(ctx, &g);
    g.kind = COOC_SUM;
    g.user_weight = d.weight;
    check(ctx, &g);
    g.is_binary = false;
    check(ctx, &g);
    g.user_weight = NULL;
    check(ctx, &g);
    data_free(ctx, &d);
    solve_ctx_done(ctx);
}

static void survives_no_memory(void **state)
{
    (void)state;
    akin_ctx *ctx = solve_ctx(1, NULL);
    akin_error err;
    struct data d;
    data_make(ctx, &d);
    struct cooc g = {COOC_SUM, &d.by_user, &d.by_item, d.weight, false};
    static const int32_t pick[] = {1, 2, 7};
    akin_status status = AKIN_E_MEMORY;
    int64_t used = mem_used(ctx->mem);
    for (int64_t n = 1; status != AKIN_OK; n++) {
        struct cooc_part part;
        struct cooc_rows rows = {0};
        mem_fail_at(ctx->mem, n);
        status = cooc_part_create(ctx, &g, pick, 3, &part, &err);
        if (status == AKIN_OK)
            status = cooc_rows_create(ctx, &part.g, true, INT64_MAX, &rows, &err);
        mem_fail_at(ctx->mem, 0);
        cooc_part_free(ctx, &part);
        cooc_rows_free(ctx, &rows);
        assert_true(status == AKIN_OK || status == AKIN_E_MEMORY);
        assert_int_equal(mem_used(ctx->mem), used);
    }
    data_free(ctx, &d);
    solve_ctx_done(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(halves_and_parts_are_the_same_sums),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
