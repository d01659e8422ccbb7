/* ctx.c and progress.c: call-backs, cancel, clocks, stages. */
#include "setup.h"

#include "core/par.h"
#include "core/text.h"

struct heard {
    int n;
    akin_log_level level;
    char line[4096];
    akin_progress last;
};

static void on_log(void *arg, akin_log_level level, const char *message)
{
    struct heard *heard = arg;
    heard->n++;
    heard->level = level;
    snprintf(heard->line, sizeof heard->line, "%s", message);
}

static void on_progress(void *arg, const akin_progress *progress)
{
    struct heard *heard = arg;
    heard->n++;
    heard->last = *progress;
}

static void test_log(void **state)
{
    akin_ctx *ctx = *state;
    struct heard heard = {0};
    log_write(ctx, AKIN_LOG_INFO, "nobody listens");
    akin_ctx_on_log(ctx, on_log, &heard);
    log_write(ctx, AKIN_LOG_WARN, "rows=%d \x1b%s", 3, "\xff");
    assert_int_equal(heard.n, 1);
    assert_int_equal(heard.level, AKIN_LOG_WARN);
    assert_string_equal(heard.line, "rows=3 ?"
                                    "?");
    log_write(ctx, AKIN_LOG_DEBUG, "%5000d", 1);
    assert_true(strlen(heard.line) > 1000);
    akin_ctx_on_log(ctx, NULL, NULL);
    log_write(ctx, AKIN_LOG_INFO, "off");
    assert_int_equal(heard.n, 2);
}

static void test_cancel(void **state)
{
    akin_ctx *ctx = *state;
    akin_error err;
    assert_int_equal(ctx_check(ctx, &err), AKIN_OK);
    akin_cancel(ctx);
    assert_true(ctx_cancelled(ctx));
    assert_int_equal(ctx_check(ctx, &err), AKIN_E_CANCELLED);
    akin_cancel_clear(ctx);
    assert_int_equal(ctx_check(ctx, &err), AKIN_OK);
    akin_cancel(NULL);
    akin_cancel_clear(NULL);
    ctx_free(NULL);
}

static void test_stage(void **state)
{
    akin_ctx *ctx = *state;
    struct heard heard = {0};
    akin_ctx_on_progress(ctx, on_progress, &heard);
    progress_end(ctx); /* none is open */
    assert_int_equal(heard.n, 0);
    progress_begin(ctx, "outer", 10);
    progress_add(ctx, 4);
    progress_begin(ctx, "inner", 100);
    progress_add(ctx, 50); /* of the inner stage: not counted */
    progress_end(ctx);
    assert_int_equal(heard.n, 0);
    progress_poll(ctx); /* too soon */
    assert_int_equal(heard.n, 0);
    ctx->progress.last_ns -= 200000000;
    progress_poll(ctx);
    progress_poll(ctx);
    assert_int_equal(heard.n, 1);
    assert_int_equal(heard.last.done, 4);
    assert_int_equal(heard.last.total, 10);
    assert_true(heard.last.eta_seconds >= 0);
    progress_add(ctx, 6);
    progress_end(ctx);
    assert_int_equal(heard.n, 2);
    assert_int_equal(heard.last.done, 10);
    assert_true(heard.last.eta_seconds <= 0);
    progress_add(ctx, 1);
    progress_poll(ctx);
    assert_int_equal(heard.n, 2);
    progress_begin(ctx, "unknown total", 0);
    progress_add(ctx, 3);
    progress_end(ctx);
    assert_int_equal(heard.last.done, 3);
    assert_true(heard.last.eta_seconds < 0);
}

/* A fork is cancelled with its parent, not the other way round; memory and call-backs are its own.
 */
static void test_fork(void **state)
{
    akin_ctx *ctx = *state, *fork = NULL, *grand = NULL;
    akin_error err;
    struct heard heard = {0};
    akin_ctx_on_log(ctx, on_log, &heard);
    assert_int_equal(ctx_fork(ctx, 1, 1 << 20, &fork, &err), AKIN_OK);
    assert_int_equal(ctx_fork(fork, 1, 0, &grand, &err), AKIN_OK);
    assert_true(fork->seed == ctx->seed && fork->kern == ctx->kern);
    int64_t used = mem_used(ctx->mem);
    void *p = mem_alloc(fork, 1 << 18, 1, &err);
    assert_non_null(p);
    assert_true(mem_used(ctx->mem) == used);
    assert_null(mem_alloc(fork, 1 << 20, 1, &err));
    log_write(fork, AKIN_LOG_INFO, "nobody listens");
    assert_int_equal(heard.n, 0);
    akin_cancel(fork);
    assert_false(ctx_cancelled(ctx));
    assert_true(ctx_cancelled(grand));
    akin_cancel_clear(fork);
    akin_cancel(ctx);
    assert_int_equal(ctx_check(grand, &err), AKIN_E_CANCELLED);
    akin_cancel_clear(ctx);
    assert_false(ctx_cancelled(grand));
    mem_free(fork, p);
    ctx_free(grand);
    ctx_free(fork);
}

static int sink(void *arg, const void *bytes, size_t size)
{
    (void)arg;
    (void)bytes;
    return size > 0;
}

static void test_setup_fields(void **state)
{
    akin_ctx *ctx = *state;
    akin_ctx_on_output(ctx, sink, ctx);
    assert_true(ctx->sink_fn == sink);
    assert_ptr_equal(ctx->sink_arg, ctx);
    assert_true(ctx->seed == 1);
    assert_true(clock_ns() > 0);
    assert_true(clock_ns() <= clock_ns());
    assert_true(clock_unix() > 1600000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_log, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_cancel, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_fork, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_stage, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_setup_fields, test_setup, test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
