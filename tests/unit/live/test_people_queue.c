/* people_queue.c: events through the queue make the people that events one by one make. */
#include "live/people_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { EVENTS = 5000, USERS = 700 };

/* Some ids are longer than the queue takes; times go back now and then. */
static void make(int i, char id[160], struct live_event *e)
{
    int user = i * 7919 % USERS;
    snprintf(id, 160, user % 5 ? "u%d" : "%0120d", user);
    *e = (struct live_event){
        .seq = i + 1, .time = 1000 + i * 37 % 500, .value = (float)i, .item = i % 40};
}

static void test_same_people(void **state)
{
    akin_ctx *ctx = NULL;
    akin_error err;
    struct people people[2];
    struct people_queue queue = {.p = &people[1]};
    struct live_event e;
    struct arena arena;
    char id[160];
    (void)state;
    assert_int_equal(ctx_create(1, 1, 0, &ctx, &err), AKIN_OK);
    arena_init(&arena, ctx);
    for (int p = 0; p < 2; p++)
        assert_int_equal(people_init(ctx, &people[p], &err), AKIN_OK);
    for (int i = 0; i < EVENTS; i++) {
        make(i, id, &e);
        assert_int_equal(people_add(&people[0], id, strlen(id), &e, &err), AKIN_OK);
        assert_int_equal(people_queue_add(&queue, id, strlen(id), &e, &err), AKIN_OK);
    }
    assert_int_equal(people_queue_flush(&queue, &err), AKIN_OK);
    assert_int_equal(people[1].n_events, EVENTS);
    assert_int_equal(people[1].n_people, USERS);
    for (int i = 0; i < USERS; i++) {
        const struct live_event *events[2];
        int32_t n[2];
        int64_t version[2], erased;
        make(i, id, &e);
        for (int p = 0; p < 2; p++)
            assert_int_equal(people_read(&people[p], id, strlen(id), 0, &arena, &events[p], &n[p],
                                         &version[p], &erased, &err),
                             AKIN_OK);
        assert_true(n[0] > 0);
        assert_int_equal(n[0], n[1]);
        assert_int_equal(version[0], version[1]);
        for (int32_t k = 0; k < n[0]; k++)
            assert_int_equal(events[0][k].seq, events[1][k].seq);
    }
    for (int p = 0; p < 2; p++)
        people_free(&people[p]);
    arena_free(&arena);
    ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_people)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
