/* Log lines from threads: in order, on the calling thread, bounded. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/log_queue.h"

struct heard {
    pthread_t thread;
    int n, next[4];
    char last[LOG_LINE];
};

static void on_log(void *arg, akin_log_level level, const char *message)
{
    struct heard *h = arg;
    int who, number;
    assert_true(pthread_equal(h->thread, pthread_self()));
    h->n++;
    snprintf(h->last, sizeof h->last, "%d %s", (int)level, message);
    if (sscanf(message, "thread %d line %d", &who, &number) == 2)
        assert_int_equal(number, h->next[who]++);
}

struct speaker {
    struct log_queue *q;
    int who;
};

static void *speak(void *arg)
{
    const struct speaker *s = arg;
    char text[64];
    for (int i = 0; i < LOG_LINES / 4; i++) {
        snprintf(text, sizeof text, "thread %d line %d", s->who, i);
        log_queue_add(s->q, AKIN_LOG_INFO, text);
    }
    return NULL;
}

static void test_queue(void **state)
{
    (void)state;
    static struct log_queue q;
    struct heard h = {.thread = pthread_self()};
    struct speaker who[4];
    pthread_t thread[4];
    akin_ctx *ctx;
    akin_error err;
    assert_int_equal(ctx_create(1, 1, 0, &ctx, &err), AKIN_OK);
    akin_ctx_on_log(ctx, on_log, &h);
    log_queue_init(&q);
    log_queue_drain(&q, ctx);
    assert_int_equal(h.n, 0);
    for (int round = 0; round < 3; round++) {
        memset(h.next, 0, sizeof h.next);
        for (int i = 0; i < 4; i++) {
            who[i] = (struct speaker){&q, i};
            assert_int_equal(pthread_create(&thread[i], NULL, speak, &who[i]), 0);
        }
        for (int i = 0; i < 4; i++)
            pthread_join(thread[i], NULL);
        log_queue_drain(&q, ctx);
        assert_int_equal(h.n, (round + 1) * LOG_LINES);
    }
    for (int i = 0; i < LOG_LINES + 3; i++)
        log_queue_add(&q, AKIN_LOG_ERROR, "one of many %s");
    h.n = 0;
    log_queue_drain(&q, ctx);
    assert_int_equal(h.n, LOG_LINES + 1);
    assert_string_equal(h.last, "1 3 log lines were dropped");
    log_queue_drain(&q, ctx);
    assert_int_equal(h.n, LOG_LINES + 1);
    log_queue_free(&q);
    ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_queue)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
