/*
 * Every allocation of the store, ours and SQLite's, fails once: no crash, no leak, an error or the
 * whole result; and what was acknowledged is there afterwards, once.
 */
#include "unit/store/store_setup.h"

#include <sqlite3.h>
#include <stdatomic.h>

/* A sanitizer makes a life ten times as long: it sees every 11th of them. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { STEP = 11 };
#else
enum { STEP = 1 };
#endif

static sqlite3_mem_methods real;
static atomic_llong countdown; /* of SQLite's allocations; 0 = off */

static bool fails_now(void)
{
    long long left = atomic_load(&countdown);
    while (left > 0 && !atomic_compare_exchange_weak(&countdown, &left, left - 1))
        ;
    return left == 1;
}

static void *fail_malloc(int n)
{
    return fails_now() ? NULL : real.xMalloc(n);
}

static void *fail_realloc(void *p, int n)
{
    return fails_now() ? NULL : real.xRealloc(p, n);
}

/* The whole life of a store; *acked: which of the events 0..2 were acknowledged. */
static akin_status live_once(struct fixture *f, unsigned *acked, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *const ids[3] = {"e0", "e1", "e2"};
    const struct store_entity entity = {.kind = STORE_USER, .id = "u", .attributes = "{}"};
    const struct store_key key = {"k", "00", "read", "", 0, 0};
    struct store_write other[] = {{.op = STORE_PUT_ENTITY, .entity = &entity},
                                  {.op = STORE_PUT_KEY, .key = &key},
                                  {.op = STORE_ERASE_USER, .id = "gone"},
                                  {.op = STORE_EXPIRE, .before = 5}};
    struct store *s = NULL;
    int64_t n = 0;
    AKIN_TRY(store_open(f->ctx, f->url, NULL, &s, err));
    for (unsigned i = 0; i < 3; i++) {
        const struct store_event e = make_event(ids[i], "u", "i", "view", 10);
        struct store_write w = {.op = STORE_PUT_EVENTS, .events = &e, .n = 1};
        akin_status wrote = store_write_wait(s, &w, err);
        *acked |= (wrote == AKIN_OK ? 1u : 0u) << i;
        status = status == AKIN_OK ? wrote : status;
    }
    AKIN_TRY(status);
    for (int i = 0; i < 4; i++)
        AKIN_TRY(store_write_wait(s, &other[i], err));
    AKIN_TRY(store_events(s, 0, 0, count_event, &n, err));
    AKIN_TRY(store_user_events(s, "u", 0, 0, count_event, &n, err));
    AKIN_TRY(store_check(s, err));
done:
    store_close(s);
    return status;
}

/* Nothing may fail any more. */
static void verify(struct fixture *f, unsigned acked, long long n)
{
    static const char *const ids[3] = {"e0", "e1", "e2"};
    store_up(f);
    for (unsigned i = 0; i < 3; i++) {
        const struct store_event e = make_event(ids[i], "u", "i", "view", 10);
        int64_t is_new = put_events(f->s, &e, 1);
        if (is_new && (acked & 1u << i))
            fail_msg("allocation %lld: %s was acknowledged and is lost", n, ids[i]);
    }
    assert_int_equal(count_events(f->s), 3);
    check_store(f->s);
    store_down(f);
}

static void sweep(struct fixture *f, const char *whose,
                  void (*fail_at)(struct fixture *, long long), long long (*left)(struct fixture *),
                  int step)
{
    long long n = 1, failed = 0;
    for (bool is_over = false; !is_over; n += step) {
        akin_error err = {0};
        unsigned acked = 0;
        each_file(f->dir, NULL, NULL);
        fail_at(f, n);
        akin_status status = live_once(f, &acked, &err);
        is_over = left(f) > 0;
        fail_at(f, 0);
        if (status == AKIN_OK)
            assert_int_equal(acked, 7);
        else if (status != AKIN_E_MEMORY && status != AKIN_E_IO)
            fail_msg("%s allocation %lld: %s: %s", whose, n, akin_status_name(status), err.message);
        failed += status != AKIN_OK;
        assert_int_equal(mem_used(f->ctx->mem), 0);
        if (is_over)
            assert_int_equal(status, AKIN_OK);
        verify(f, acked, n);
    }
    print_message("%s: %lld allocations, %lld failures were reported\n", whose, n - 1 - step,
                  failed);
    assert_true(failed > 5);
}

static void fail_ours(struct fixture *f, long long n)
{
    mem_fail_at(f->ctx->mem, n);
}

/* mem.h does not tell how many are left: enough without a failure is the end. */
static long long ours_left(struct fixture *f)
{
    akin_error err;
    void *p = mem_alloc(f->ctx, 1, 1, &err);
    for (int i = 0; p && i < 3; i++) {
        mem_free(f->ctx, p);
        p = mem_alloc(f->ctx, 1, 1, &err);
    }
    mem_free(f->ctx, p);
    return p ? 0 : 1;
}

static void fail_sqlites(struct fixture *f, long long n)
{
    (void)f;
    atomic_store(&countdown, n);
}

static long long sqlites_left(struct fixture *f)
{
    (void)f;
    return atomic_load(&countdown);
}

static void test_ours(void **state)
{
    sweep(*state, "akin", fail_ours, ours_left, 1);
}

static void test_sqlites(void **state)
{
    sweep(*state, "sqlite", fail_sqlites, sqlites_left, STEP);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)
    const struct CMUnitTest tests[] = {T(test_ours), T(test_sqlites)};
    sqlite3_mem_methods failing;
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real) != SQLITE_OK)
        return 1;
    failing = real;
    failing.xMalloc = fail_malloc;
    failing.xRealloc = fail_realloc;
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &failing) != SQLITE_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
