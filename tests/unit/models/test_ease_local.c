/* ease by neighbourhoods: the exact columns with all neighbours, the same bits whatever the room,
 * memory of items and neighbours alone. */
#include "models/ease_impl.h"
#include "models/linear.h"
#include "unit/models/linear_util.h"

static const struct ease_reg plain_reg = {4, .3, 0};

/* Where every pair of items meets, all are neighbours and the columns are the exact ones. */
static void all_neighbours_are_exact(void **state)
{
    akin_ctx *ctx = *state;
    struct dataset *ds = fix_random(ctx, 24, 9000, 60, 90, FIX_VALUES | FIX_TIMES);
    int n = ds->items.n;
    struct fitted exact = fitted_new(ctx, ds, "ease", "{\"keep\":0,\"diagonal\":0.1}", NULL);
    struct fitted local =
        fitted_new(ctx, ds, "ease", "{\"solver\":\"local\",\"diagonal\":0.1}", NULL);
    double *E = linear_weights(&exact), *L = linear_weights(&local);
    for (int e = 0; e < n * n; e++) {
        assert_close(L[e], E[e], 2e-5);
        assert_true(fabs(L[e]) > 0);
    }
    free(E);
    free(L);
    fitted_free(&exact);
    fitted_free(&local);
    dataset_free(ds);
}

/* Columns of f's data with so much room for the Gram matrix, and the peak while it was made. */
static struct csr columns(const struct fitted *f, int32_t most, int64_t least_room, int64_t *peak)
{
    akin_error err = {0};
    struct csr out;
    struct cooc g;
    float *user_weight;
    assert_int_equal(linear_gram(&f->tv, LINEAR_WEIGHT, .5, &g, &user_weight, &err), AKIN_OK);
    int64_t before = mem_used(f->ctx->mem);
    mem_peak_reset(f->ctx->mem);
    if (ease_local(f->m, &g, &plain_reg, most, least_room, &out, &err) != AKIN_OK)
        fail_msg("%s", err.message);
    *peak = mem_peak(f->ctx->mem) - before;
    mem_free(f->ctx, user_weight);
    return out;
}

/* Whether the Gram matrix is there at once or in parts: the same weights. */
static void room_changes_no_bit(void **state)
{
    akin_ctx *ctx = *state;
    static const int64_t rooms[] = {1 << 28, 60000, 20000, 0};
    struct dataset *ds = fix_random(ctx, 25, 5000, 200, 600, FIX_VALUES | FIX_TIMES);
    struct fitted f = fitted_new(ctx, ds, "ease", "{\"solver\":\"local\",\"neighbors\":4}", NULL);
    int64_t whole, peak;
    struct csr want = columns(&f, 4, rooms[0], &whole);
    for (size_t r = 1; r < sizeof rooms / sizeof rooms[0]; r++) {
        struct csr got = columns(&f, 4, rooms[r], &peak);
        size_t nnz = (size_t)csr_nnz(&want);
        assert_memory_equal(got.ptr, want.ptr, (size_t)(want.n_rows + 1) * sizeof *want.ptr);
        assert_memory_equal(got.col, want.col, nnz * sizeof *want.col);
        assert_memory_equal(got.val, want.val, nnz * sizeof *want.val);
        csr_free(ctx, &got);
    }
    assert_true(peak < whole);
    csr_free(ctx, &want);
    fitted_free(&f);
    dataset_free(ds);
}

/* Ten times the pairs, hardly more memory: a copy of the entries, nothing that grows with pairs. */
static void memory_is_items_and_neighbours(void **state)
{
    akin_ctx *ctx = *state;
    enum { ITEMS = 2000, MOST = 8 };
    static const int64_t events[] = {6000, 30000};
    for (int d = 0; d < 2; d++) {
        struct dataset *ds = fix_random(ctx, 26, events[d], 300, ITEMS, FIX_TIMES);
        struct fitted f =
            fitted_new(ctx, ds, "ease", "{\"solver\":\"local\",\"neighbors\":2}", NULL);
        int64_t peak, n = ds->items.n, nnz = csr_nnz(&f.tv.by_user);
        struct csr out = columns(&f, MOST, 0, &peak);
        /* 16 a weight; per item what numbers it and the accumulators of two workers */
        int64_t most = 16 * n * (MOST + 1) + 150 * n + 20 * nnz + 100000;
        if (peak > most)
            fail_msg("%lld items, %lld entries: %lld bytes, at most %lld", (long long)n,
                     (long long)nnz, (long long)peak, (long long)most);
        csr_free(ctx, &out);
        fitted_free(&f);
        dataset_free(ds);
    }
}

static int setup(void **state)
{
    *state = knn_ctx(2);
    return 0;
}

static int teardown(void **state)
{
    knn_ctx_done(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_neighbours_are_exact, setup, teardown),
        cmocka_unit_test_setup_teardown(room_changes_no_bit, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_is_items_and_neighbours, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
