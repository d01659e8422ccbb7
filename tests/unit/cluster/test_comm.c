/* The communicator of one process and the sum over shards. */
#include "cluster/comm.h"

#include "core/par.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

enum { N = 7 };

/* Values whose sum depends on the order of additions. */
static double leaf(int shard, int i)
{
    double scale[] = {1e16, 1.0, -1e16, 3.14159e-3, 1e8};
    return scale[(shard * 7 + i) % 5] * (1.0 + shard / 3.0) + i;
}

static double tree(int lo, int width, int i)
{
    if (width == 1)
        return leaf(lo, i);
    return tree(lo, width / 2, i) + tree(lo + width / 2, width / 2, i);
}

struct fn_arg {
    int fail_at;
    int seen[COMM_SHARDS];
};

static akin_status add_leaf(void *arg, int shard, int worker, double *acc, akin_error *err)
{
    struct fn_arg *a = arg;
    (void)worker;
    a->seen[shard]++;
    if (shard == a->fail_at)
        return error_set(err, AKIN_E_INPUT, __FILE__, __LINE__, "shard %d", shard);
    for (int i = 0; i < N; i++)
        acc[i] += leaf(shard, i);
    return AKIN_OK;
}

static void test_sum_is_the_tree(void **state)
{
    (void)state;
    int threads[] = {1, 2, 3, 8};
    for (int t = 0; t < 4; t++) {
        akin_ctx *ctx = NULL;
        akin_error err;
        assert_int_equal(ctx_create(threads[t], 1, 0, &ctx, &err), AKIN_OK);
        struct comm comm;
        comm_self(&comm);
        struct fn_arg arg = {.fail_at = -1};
        double sum[N];
        assert_int_equal(comm_sum_shards(ctx, &comm, N, add_leaf, &arg, sum, &err), AKIN_OK);
        for (int i = 0; i < N; i++) {
            double want = tree(0, COMM_SHARDS, i);
            assert_memory_equal(&want, &sum[i], sizeof want);
        }
        for (int s = 0; s < COMM_SHARDS; s++)
            assert_int_equal(arg.seen[s], 1);
        assert_int_equal(mem_used(ctx->mem), 0);
        ctx_free(ctx);
    }
}

/* A stand-in rank: keeps the parts that it is asked to fold. */
struct fake {
    double parts[COMM_MAX_PARTS * N];
    int64_t n_parts;
};

static akin_status fake_fold(struct comm *comm, const double *parts, int64_t n_parts, int64_t n,
                             double *sum, akin_error *err)
{
    (void)err;
    (void)sum;
    struct fake *fake = comm->self;
    fake->n_parts = n_parts;
    memcpy(fake->parts, parts, (size_t)(n_parts * n) * sizeof *parts);
    return AKIN_OK;
}

static akin_status fake_agree(struct comm *comm, akin_status mine, akin_error *err)
{
    (void)comm;
    (void)err;
    return mine;
}

static const struct comm_class fake_class = {
    .name = "fake", .fold = fake_fold, .agree = fake_agree};

/* Ranks that own contiguous shards, however cut, give the bits of one process. */
static void test_ranks_give_the_same(void **state)
{
    (void)state;
    int cuts[][6] = {{0, 256},
                     {0, 128, 256},
                     {0, 85, 170, 256},
                     {0, 1, 2, 255, 256},
                     {0, 51, 102, 153, 204, 256}};
    int n_ranks[] = {1, 2, 3, 4, 5};
    akin_ctx *ctx = NULL;
    akin_error err;
    assert_int_equal(ctx_create(3, 1, 0, &ctx, &err), AKIN_OK);
    for (int c = 0; c < 5; c++) {
        double all[COMM_SHARDS * N];
        int lo[COMM_SHARDS], width[COMM_SHARDS], n_parts = 0;
        for (int r = 0; r < n_ranks[c]; r++) {
            struct fake fake;
            struct comm comm = {.cls = &fake_class,
                                .self = &fake,
                                .rank = r,
                                .size = n_ranks[c],
                                .shard_lo = cuts[c][r],
                                .shard_hi = cuts[c][r + 1]};
            struct fn_arg arg = {.fail_at = -1};
            assert_int_equal(comm_sum_shards(ctx, &comm, N, add_leaf, &arg, NULL, &err), AKIN_OK);
            int n = comm_subtrees(comm.shard_lo, comm.shard_hi, lo + n_parts, width + n_parts);
            assert_int_equal(n, fake.n_parts);
            memcpy(all + n_parts * N, fake.parts, (size_t)(n * N) * sizeof *all);
            n_parts += n;
        }
        assert_int_equal(comm_fold_parts(n_parts, lo, width, N, all, &err), AKIN_OK);
        for (int i = 0; i < N; i++) {
            double want = tree(0, COMM_SHARDS, i);
            assert_memory_equal(&want, &all[i], sizeof want);
        }
    }
    ctx_free(ctx);
}

static void test_failures(void **state)
{
    (void)state;
    akin_ctx *ctx = NULL;
    akin_error err;
    assert_int_equal(ctx_create(2, 1, 0, &ctx, &err), AKIN_OK);
    struct comm comm;
    comm_self(&comm);
    struct fn_arg arg = {.fail_at = 77};
    double sum[N] = {42};
    assert_int_equal(comm_sum_shards(ctx, &comm, N, add_leaf, &arg, sum, &err), AKIN_E_INPUT);
    assert_string_equal(err.message, "shard 77");
    assert_true(sum[0] == 42);
    for (int n = 1; n < 5; n++) {
        arg.fail_at = -1;
        mem_fail_at(ctx->mem, n);
        assert_int_equal(comm_sum_shards(ctx, &comm, N, add_leaf, &arg, sum, &err), AKIN_E_MEMORY);
        assert_int_equal(mem_used(ctx->mem), 0);
    }
    mem_fail_at(ctx->mem, 0);
    int lo[] = {0, 64}, width[] = {64, 64};
    double parts[2] = {1, 2};
    assert_int_equal(comm_fold_parts(2, lo, width, 1, parts, &err), AKIN_E_INTERNAL);
    akin_cancel(ctx);
    assert_int_equal(comm_sum_shards(ctx, &comm, N, add_leaf, &arg, sum, &err), AKIN_E_CANCELLED);
    ctx_free(ctx);
}

static void test_subtrees(void **state)
{
    (void)state;
    int lo[COMM_MAX_PARTS], width[COMM_MAX_PARTS];
    assert_int_equal(comm_subtrees(0, 256, lo, width), 1);
    assert_int_equal(width[0], 256);
    assert_int_equal(comm_subtrees(0, 0, lo, width), 0);
    assert_int_equal(comm_subtrees(3, 9, lo, width), 3);
    assert_int_equal(width[0], 1);
    assert_int_equal(lo[1], 4);
    assert_int_equal(width[1], 4);
    assert_int_equal(lo[2], 8);
    int most = 0;
    for (int a = 0; a <= 256; a++) {
        for (int b = a; b <= 256; b++) {
            int n = comm_subtrees(a, b, lo, width), at = a;
            most = n > most ? n : most;
            for (int i = 0; i < n; i++) {
                assert_int_equal(lo[i], at);
                assert_int_equal(at % width[i], 0);
                at += width[i];
            }
            assert_int_equal(at, b);
        }
    }
    assert_true(most <= COMM_MAX_PARTS);
}

static void test_self(void **state)
{
    (void)state;
    struct comm comm;
    akin_error err;
    comm_self(&comm);
    float X[2] = {1, 2};
    assert_int_equal(comm.cls->rows_start(&comm, X, 2, 1, 0, 2, NULL, &err), AKIN_OK);
    assert_int_equal(comm.cls->rows_wait(&comm, &err), AKIN_OK);
    assert_int_equal(comm.cls->rows_start(&comm, X, 2, 1, 0, 1, NULL, &err), AKIN_E_INTERNAL);
    assert_int_equal(comm.cls->bcast(&comm, X, 8, 0, &err), AKIN_OK);
    assert_int_equal(comm.cls->bcast(&comm, X, 8, 1, &err), AKIN_E_INTERNAL);
    double one = 1;
    assert_int_equal(comm.cls->fold(&comm, &one, 2, 1, &one, &err), AKIN_E_INTERNAL);
    comm.cls->destroy(&comm);
    int64_t lo, hi;
    comm_item_range(&comm, 10, &lo, &hi);
    assert_int_equal(lo, 0);
    assert_int_equal(hi, 10);
    int64_t at = 0;
    comm.size = 3;
    for (comm.rank = 0; comm.rank < 3; comm.rank++) {
        comm_item_range(&comm, 2147483647, &lo, &hi);
        assert_int_equal(lo, at);
        assert_true(hi - lo >= 2147483647 / 3);
        at = hi;
    }
    assert_int_equal(at, 2147483647);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sum_is_the_tree),
        cmocka_unit_test(test_ranks_give_the_same),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_subtrees),
        cmocka_unit_test(test_self),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
