/* The grid of SGD: every sample once, blocks that share no row, the same blocks and sums for any
 * number of threads, another deal each round; bad arguments, cancel, memory. */
#include "solve_util.h"

#include "solve/grid.h"

enum { USERS = 97, ITEMS = 61 };

/* User u has item i with value u + i / 100 where a draw says so; one user has all, one none. */
static void make(akin_ctx *ctx, struct csr *out)
{
    static int32_t row[USERS * ITEMS], col[USERS * ITEMS];
    static float val[USERS * ITEMS];
    int64_t n = 0;
    for (int32_t u = 0; u < USERS; u++)
        for (int32_t i = 0; i < ITEMS; i++) {
            uint64_t bits = rng_u64(test_seed, RNG_TEST, (uint64_t)u, (uint64_t)i);
            if (u == 5 || (u != 6 && bits % 4 == 0)) {
                row[n] = u;
                col[n] = i;
                val[n++] = (float)u + (float)i / 100.0f;
            }
        }
    assert_int_equal(csr_from_triples(ctx, USERS, ITEMS, n, row, col, val, out, NULL), AKIN_OK);
}

struct seen {
    const struct grid *g;
    uint8_t *times;          /* (USERS, ITEMS) */
    _Atomic int user[USERS]; /* 1 while a block that has the user runs */
    _Atomic int item[ITEMS];
    _Atomic int clashes;
};

static double visit(void *arg, const struct kern_sample *sample, int64_t n)
{
    struct seen *s = arg;
    double sum = 0.0;
    for (int64_t e = 0; e < n; e++) {
        int32_t u = sample[e].p, i = sample[e].q;
        atomic_fetch_add(&s->user[u], 1);
        atomic_fetch_add(&s->item[i], 1);
        s->times[u * ITEMS + i]++;
        assert_true(sample[e].u.target == (float)u + (float)i / 100.0f);
        sum += (double)sample[e].u.target / 3.0;
        if (s->user[u] != 1 || s->item[i] != 1)
            atomic_fetch_add(&s->clashes, 1);
        atomic_fetch_sub(&s->user[u], 1);
        atomic_fetch_sub(&s->item[i], 1);
    }
    return sum;
}

static void test_once(void **state)
{
    (void)state;
    static const int64_t stripes[] = {0, 1, 2, 7, GRID_MAX};
    for (size_t c = 0; c < sizeof stripes / sizeof stripes[0]; c++) {
        double first = 0.0;
        for (int threads = 1; threads <= 4; threads++) {
            akin_ctx *ctx = solve_ctx(threads, NULL);
            struct csr m = {0};
            struct grid g;
            struct seen *s = calloc(1, sizeof *s);
            double loss = -1.0;
            assert_non_null(s);
            make(ctx, &m);
            assert_int_equal(grid_init(ctx, &m, stripes[c], 9, &g, NULL), AKIN_OK);
            assert_int_equal(g.n, stripes[c] > 0 ? stripes[c] : 1);
            s->g = &g;
            s->times = solve_array(USERS * ITEMS, 1);
            grid_deal(&g, 3);
            assert_int_equal(grid_place(&g, NULL, NULL, NULL), AKIN_OK);
            assert_int_equal(grid_run(&g, 1, visit, s, &loss, NULL), AKIN_OK);
            for (int64_t u = 0; u < USERS; u++)
                for (int64_t e = m.ptr[u]; e < m.ptr[u + 1]; e++)
                    assert_int_equal(s->times[u * ITEMS + m.col[e]]--, 1);
            for (int64_t j = 0; j < USERS * ITEMS; j++)
                assert_int_equal(s->times[j], 0);
            assert_int_equal(s->clashes, 0);
            if (threads == 1)
                first = loss;
            assert_memory_equal(&first, &loss, sizeof loss);
            free(s->times);
            free(s);
            grid_free(&g);
            csr_free(ctx, &m);
            solve_ctx_done(ctx);
        }
    }
}

/* Blocks hold their stripes' rows; rounds deal items anew, seeds users, too. */
static void test_deal(void **state)
{
    (void)state;
    akin_ctx *ctx = solve_ctx(3, NULL);
    struct csr m = {0};
    struct grid g, other;
    uint8_t before[ITEMS];
    make(ctx, &m);
    assert_int_equal(grid_init(ctx, &m, 6, 9, &g, NULL), AKIN_OK);
    assert_int_equal(grid_init(ctx, &m, 6, 10, &other, NULL), AKIN_OK);
    assert_memory_not_equal(g.user, other.user, USERS * sizeof *g.user);
    for (int64_t round = 1; round <= 3; round++) {
        memcpy(before, g.item_stripe, sizeof before);
        grid_deal(&g, round);
        assert_true(round == 1 || memcmp(before, g.item_stripe, sizeof before) != 0);
        assert_int_equal(grid_place(&g, NULL, NULL, NULL), AKIN_OK);
        for (int64_t b = 0; b < 36; b++)
            for (int64_t e = g.ptr[b]; e < g.ptr[b + 1]; e++) {
                bool has_user = false;
                assert_int_equal(g.item_stripe[g.sample[e].q], b % 6);
                for (int64_t r = g.user_ptr[b / 6]; r < g.user_ptr[b / 6 + 1]; r++)
                    has_user |= g.user[r] == g.sample[e].p;
                assert_true(has_user);
            }
    }
    grid_free(&g);
    grid_free(&other);
    csr_free(ctx, &m);
    solve_ctx_done(ctx);
}

static void fill(void *arg, struct grid_entry *entry, struct kern_sample *sample)
{
    const struct csr *m = arg;
    assert_int_equal(entry->n_own, m->ptr[sample->p + 1] - m->ptr[sample->p]);
    assert_ptr_equal(entry->own, m->col + m->ptr[sample->p]);
    assert_int_equal(m->col[entry->at], sample->q);
    assert_int_equal(entry->is_first, entry->at == m->ptr[sample->p]);
    assert_true(entry->is_first || entry->memo[0] == (uint64_t)entry->at - 1);
    entry->memo[0] = (uint64_t)entry->at;
    sample->u.other = sample->q + 1000;
}

static void test_fill(void **state)
{
    (void)state;
    akin_ctx *ctx = solve_ctx(2, NULL);
    struct csr m = {0};
    struct grid g;
    make(ctx, &m);
    assert_int_equal(grid_init(ctx, &m, 4, 1, &g, NULL), AKIN_OK);
    grid_deal(&g, 1);
    assert_int_equal(grid_place(&g, fill, &m, NULL), AKIN_OK);
    for (int64_t e = 0; e < csr_nnz(&m); e++)
        assert_int_equal(g.sample[e].u.other, g.sample[e].q + 1000);
    grid_free(&g);
    csr_free(ctx, &m);
    solve_ctx_done(ctx);
}

static void test_failures(void **state)
{
    (void)state;
    akin_ctx *ctx = solve_ctx(2, NULL);
    struct csr m = {0};
    struct grid g;
    akin_error err = {0};
    double loss = -1.0;
    make(ctx, &m);
    int64_t used = mem_used(ctx->mem);
    assert_int_equal(grid_init(ctx, &m, GRID_MAX + 1, 1, &g, &err), AKIN_E_ARG);
    assert_non_null(strstr(err.message, "grid=65"));
    grid_free(&g);
    akin_status status = AKIN_E_MEMORY;
    for (int64_t n = 1; status != AKIN_OK; n++) {
        mem_fail_at(ctx->mem, n);
        status = grid_init(ctx, &m, 3, 1, &g, &err);
        if (status == AKIN_OK) {
            grid_deal(&g, 1);
            status = grid_place(&g, NULL, NULL, &err);
        }
        if (status == AKIN_OK) {
            struct seen *s = calloc(1, sizeof *s);
            s->times = solve_array(USERS * ITEMS, 1);
            status = grid_run(&g, 1, visit, s, &loss, &err);
            free(s->times);
            free(s);
        }
        mem_fail_at(ctx->mem, 0);
        assert_true(status == AKIN_OK || status == AKIN_E_MEMORY);
        grid_free(&g);
        assert_int_equal(mem_used(ctx->mem), used);
    }
    assert_int_equal(grid_init(ctx, &m, 3, 1, &g, &err), AKIN_OK);
    grid_deal(&g, 1);
    assert_int_equal(grid_place(&g, NULL, NULL, &err), AKIN_OK);
    ctx->cancelled = 1;
    assert_int_equal(grid_run(&g, 1, visit, NULL, &loss, &err), AKIN_E_CANCELLED);
    ctx->cancelled = 0;
    grid_free(&g);
    csr_free(ctx, &m);
    solve_ctx_done(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_deal),
        cmocka_unit_test(test_fill),
        cmocka_unit_test(test_failures),
    };
    printf("seed %llu\n", (unsigned long long)test_seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
