/* par.c: every block once, errors by lowest block, cancel, nesting, start/wait, progress. */
#include "setup.h"

#include "core/par.h"
#include "core/rng.h"

#include <pthread.h>
#include <sched.h>

static const int thread_counts[] = {1, 2, 3, 8};

struct work {
    akin_ctx *ctx;
    int64_t n;
    _Atomic int *seen;
    int64_t fail_from; /* blocks from here on fail where block % 3 == 0 */
    int64_t cancel_at;
    uint64_t *out;
    int n_workers;
};

static void spin(int64_t block)
{
    for (uint64_t i = 0; i < rng_u64(3, RNG_TEST, (uint64_t)block, 0) % 4; i++)
        sched_yield();
}

static akin_status block_mark(void *arg, int64_t block, int worker, akin_error *err)
{
    struct work *w = arg;
    assert_true(worker >= 0 && worker < w->n_workers);
    assert_true(block >= 0 && block < w->n);
    spin(block);
    atomic_fetch_add(&w->seen[block], 1);
    w->out[block] = rng_u64(1, RNG_TEST, (uint64_t)block, 0);
    if (w->cancel_at >= 0 && block == w->cancel_at)
        akin_cancel(w->ctx);
    if (w->fail_from >= 0 && block >= w->fail_from && block % 3 == 0)
        return error_set(err, AKIN_E_INPUT, __FILE__, __LINE__, "block %lld", (long long)block);
    return AKIN_OK;
}

static struct work work_new(int threads, int64_t n)
{
    struct work w = {.ctx = test_ctx_new(threads, 0), .n = n, .fail_from = -1, .cancel_at = -1};
    w.seen = calloc((size_t)n + 1, sizeof *w.seen);
    w.out = calloc((size_t)n + 1, sizeof *w.out);
    w.n_workers = par_workers(w.ctx);
    assert_true(w.n_workers >= 1 && w.n_workers <= threads);
    return w;
}

static void work_done(struct work *w)
{
    free((void *)(uintptr_t)w->seen);
    free(w->out);
    test_ctx_done(w->ctx);
}

static void test_each_once(void **state)
{
    (void)state;
    for (size_t t = 0; t < 4; t++) {
        for (int64_t n = 0; n < 40; n += n < 4 ? 1 : 7) {
            struct work w = work_new(thread_counts[t], n);
            for (int repeat = 1; repeat <= 20; repeat++) {
                assert_int_equal(par_for(w.ctx, n, block_mark, &w, NULL), AKIN_OK);
                for (int64_t i = 0; i < n; i++) {
                    assert_int_equal(w.seen[i], repeat);
                    assert_true(w.out[i] == rng_u64(1, RNG_TEST, (uint64_t)i, 0));
                }
            }
            work_done(&w);
        }
    }
}

static void test_lowest_error(void **state)
{
    (void)state;
    for (size_t t = 0; t < 4; t++) {
        struct work w = work_new(thread_counts[t], 200);
        for (w.fail_from = 0; w.fail_from < 60; w.fail_from += 7) {
            akin_error err;
            char want[32];
            int64_t first = (w.fail_from + 2) / 3 * 3;
            snprintf(want, sizeof want, "block %lld", (long long)first);
            for (int64_t i = 0; i < w.n; i++)
                w.seen[i] = 0;
            assert_int_equal(par_for(w.ctx, w.n, block_mark, &w, &err), AKIN_E_INPUT);
            assert_string_equal(err.message, want);
            for (int64_t i = 0; i <= first; i++)
                assert_int_equal(w.seen[i], 1);
            assert_int_equal(par_for(w.ctx, w.n, block_mark, &w, NULL), AKIN_E_INPUT);
        }
        w.fail_from = -1; /* an old error does not stay */
        assert_int_equal(par_for(w.ctx, w.n, block_mark, &w, NULL), AKIN_OK);
        work_done(&w);
    }
}

static void test_cancel(void **state)
{
    (void)state;
    for (size_t t = 0; t < 4; t++) {
        akin_error err;
        struct work w = work_new(thread_counts[t], 5000);
        w.cancel_at = 20;
        assert_int_equal(par_for(w.ctx, w.n, block_mark, &w, &err), AKIN_E_CANCELLED);
        assert_int_equal(err.code, AKIN_E_CANCELLED);
        int64_t ran = 0;
        for (int64_t i = 0; i < w.n; i++)
            ran += w.seen[i];
        assert_true(ran < w.n);
        assert_int_equal(par_for(w.ctx, 3, block_mark, &w, &err), AKIN_E_CANCELLED);
        assert_int_equal(par_for(w.ctx, 0, block_mark, &w, &err), AKIN_OK);
        akin_cancel_clear(w.ctx);
        w.cancel_at = -1;
        assert_int_equal(par_for(w.ctx, 3, block_mark, &w, &err), AKIN_OK);
        work_done(&w);
    }
}

struct nest {
    akin_ctx *ctx;
    _Atomic int *inner; /* 20 x 10 */
    int *scratch;       /* by worker: taken while a block runs */
    int64_t fail;
};

struct nest_row {
    struct nest *nest;
    int64_t row;
    int worker;
};

static akin_status block_inner(void *arg, int64_t block, int worker, akin_error *err)
{
    struct nest_row *row = arg;
    if (par_workers(row->nest->ctx) > 1 && worker != row->worker)
        return error_set(err, AKIN_E_INTERNAL, __FILE__, __LINE__, "worker %d in %d", worker,
                         row->worker);
    atomic_fetch_add(&row->nest->inner[row->row * 10 + block], 1);
    if (row->row == row->nest->fail && block == 4)
        return error_set(err, AKIN_E_LIMIT, __FILE__, __LINE__, "inner");
    return AKIN_OK;
}

static akin_status block_outer(void *arg, int64_t block, int worker, akin_error *err)
{
    struct nest *nest = arg;
    struct nest_row row = {nest, block, worker};
    if (nest->scratch[worker]++ != 0)
        return error_set(err, AKIN_E_INTERNAL, __FILE__, __LINE__, "worker number shared");
    akin_status status = par_for(nest->ctx, 10, block_inner, &row, err);
    if (status == AKIN_OK && par_start(nest->ctx, 1, block_inner, &row, NULL) != AKIN_E_INTERNAL &&
        par_workers(nest->ctx) > 1)
        status = AKIN_E_INTERNAL;
    nest->scratch[worker]--;
    return status;
}

static void test_nested(void **state)
{
    (void)state;
    for (size_t t = 1; t < 4; t++) {
        akin_error err;
        struct nest nest = {.ctx = test_ctx_new(thread_counts[t], 0), .fail = -1};
        nest.inner = calloc(200, sizeof *nest.inner);
        nest.scratch = calloc(8, sizeof *nest.scratch);
        assert_int_equal(par_for(nest.ctx, 20, block_outer, &nest, &err), AKIN_OK);
        for (int i = 0; i < 200; i++)
            assert_int_equal(nest.inner[i], 1);
        nest.fail = 5;
        memset(nest.scratch, 0, 8 * sizeof *nest.scratch);
        assert_int_equal(par_for(nest.ctx, 20, block_outer, &nest, &err), AKIN_E_LIMIT);
        assert_string_equal(err.message, "inner");
        free((void *)(uintptr_t)nest.inner);
        free(nest.scratch);
        test_ctx_done(nest.ctx);
    }
}

static void test_start_wait(void **state)
{
    (void)state;
    for (size_t t = 0; t < 4; t++) {
        akin_error err;
        struct work w = work_new(thread_counts[t], 100);
        struct work inline_work = w;
        inline_work.seen = calloc(101, sizeof *w.seen);
        inline_work.out = calloc(101, sizeof *w.out);
        assert_int_equal(par_wait(w.ctx, &err), AKIN_OK); /* nothing started */
        assert_int_equal(par_start(w.ctx, w.n, block_mark, &w, &err), AKIN_OK);
        assert_int_equal(par_start(w.ctx, w.n, block_mark, &w, &err), AKIN_E_INTERNAL);
        /* Meanwhile the caller may use par_for: inline. */
        assert_int_equal(par_for(w.ctx, 5, block_mark, &inline_work, &err), AKIN_OK);
        assert_int_equal(par_wait(w.ctx, &err), AKIN_OK);
        for (int64_t i = 0; i < w.n; i++)
            assert_int_equal(w.seen[i], 1);
        w.fail_from = 10;
        assert_int_equal(par_start(w.ctx, w.n, block_mark, &w, &err), AKIN_OK);
        assert_int_equal(par_wait(w.ctx, &err), AKIN_E_INPUT);
        assert_string_equal(err.message, "block 12");
        assert_int_equal(par_start(w.ctx, 0, block_mark, &w, &err), AKIN_OK);
        assert_int_equal(par_wait(w.ctx, &err), AKIN_OK);
        free((void *)(uintptr_t)inline_work.seen);
        free(inline_work.out);
        work_done(&w);
    }
}

static akin_status block_silent(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)arg;
    (void)worker;
    (void)err;
    return block == 2 ? AKIN_E_IO : AKIN_OK;
}

static void test_silent_error(void **state)
{
    (void)state;
    for (size_t t = 0; t < 4; t++) {
        akin_error err;
        akin_ctx *ctx = test_ctx_new(thread_counts[t], 0);
        assert_int_equal(par_for(ctx, 5, block_silent, NULL, &err), AKIN_E_IO);
        assert_int_equal(err.code, AKIN_E_IO);
        assert_contains(err.message, "block 2");
        test_ctx_done(ctx);
    }
}

struct watch {
    pthread_t caller;
    int calls;
    int wrong;
    int64_t last;
};

static void on_progress(void *arg, const akin_progress *p)
{
    struct watch *watch = arg;
    watch->calls++;
    watch->wrong += !pthread_equal(pthread_self(), watch->caller) || p->done < watch->last;
    watch->last = p->done;
}

static akin_status block_slow(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_ctx *ctx = arg;
    (void)block;
    (void)worker;
    (void)err;
    int64_t until = clock_ns() + 30000000;
    while (clock_ns() < until)
        sched_yield();
    progress_add(ctx, 1);
    return AKIN_OK;
}

static void test_progress(void **state)
{
    (void)state;
    akin_ctx *ctx = test_ctx_new(3, 0);
    struct watch watch = {.caller = pthread_self()};
    akin_ctx_on_progress(ctx, on_progress, &watch);
    progress_begin(ctx, "stage", 12);
    int64_t start = clock_ns();
    assert_int_equal(par_for(ctx, 12, block_slow, ctx, NULL), AKIN_OK);
    int64_t tenths = (clock_ns() - start) / 100000000;
    progress_end(ctx);
    assert_int_equal(watch.wrong, 0);
    assert_int_equal(watch.last, 12);
    assert_true(watch.calls >= 1 && watch.calls <= tenths + 1);
    test_ctx_done(ctx);
}

static void test_bounds(void **state)
{
    (void)state;
    akin_error err;
    akin_ctx *ctx = NULL;
    assert_int_equal(ctx_create(-1, 0, 0, &ctx, &err), AKIN_E_ARG);
    assert_int_equal(ctx_create(1025, 0, 0, &ctx, &err), AKIN_E_ARG);
    assert_string_equal(err.message, "threads=1025 (must be 0..1024; 0 = all cores)");
    assert_null(ctx);
    ctx = test_ctx_new(0, 0);
    assert_true(par_workers(ctx) >= 1);
    test_ctx_done(ctx);
    assert_int_equal(par_blocks(0, 10), 0);
    assert_int_equal(par_blocks(1, 10), 1);
    assert_int_equal(par_blocks(20, 10), 2);
    assert_int_equal(par_lo(2, 10), 20);
    assert_int_equal(par_hi(2, 10, 25), 25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_once),  cmocka_unit_test(test_lowest_error),
        cmocka_unit_test(test_cancel),     cmocka_unit_test(test_nested),
        cmocka_unit_test(test_start_wait), cmocka_unit_test(test_silent_error),
        cmocka_unit_test(test_progress),   cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
