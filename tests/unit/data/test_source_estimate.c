/* Before prepare reads a store: what it will take, and whether the store has changed. */
#include "source_fixture.h"

#include "data/source_store.h"

enum { MANY = 80000, MANY_USERS = 6007, MANY_ITEMS = 900 };

/* More than a page of events, in a few writes; every fourth has a type. */
static void put_many(struct fixture *f)
{
    enum { WRITE = 10000 };
    static struct store_event events[WRITE];
    static char text[WRITE][3][24];
    struct store *s = NULL;
    assert_int_equal(store_open(f->ctx, f->url, NULL, &s, NULL), AKIN_OK);
    for (int from = 0; from < MANY; from += WRITE) {
        for (int i = 0; i < WRITE; i++) {
            int n = from + i;
            snprintf(text[i][0], sizeof text[i][0], "many-%d", n);
            snprintf(text[i][1], sizeof text[i][1], "%d", n * 7919 % MANY_USERS + 1);
            snprintf(text[i][2], sizeof text[i][2], "%d", n % MANY_ITEMS * 29 % MANY_ITEMS + 1);
            events[i] = (struct store_event){.event_id = text[i][0],
                                             .user_id = text[i][1],
                                             .item_id = text[i][2],
                                             .event_type = n % 4 ? "" : "buy",
                                             .value = n % 5,
                                             .time = 1600000000 + n};
        }
        struct store_write w = {.op = STORE_PUT_EVENTS, .events = events, .n = WRITE};
        assert_int_equal(store_write_wait(s, &w, NULL), AKIN_OK);
    }
    store_close(s);
}

static struct prepare_cost estimate_of(struct fixture *f, const char *a, const char *b)
{
    struct prepare_params p;
    struct prepare_cost cost;
    struct arena arena;
    akin_error err;
    json_t *params = b ? json_pack("{s:[s,s]}", "source", a, b) : json_pack("{s:[s]}", "source", a);
    arena_init(&arena, f->ctx);
    if (param_parse("prepare", prepare_param_rows, prepare_n_params, params, &arena, &p, &err) ||
        prepare_estimate(f->ctx, &p, NOW, &cost, &err))
        fail_msg("%s", err.message);
    arena_free(&arena);
    json_decref(params);
    return cost;
}

/* Counts as the store says them, memory as it is taken; then what a merge adds. */
static void test_estimate(void **state)
{
    struct fixture *f = *state;
    put_many(f);
    struct prepare_cost cost = estimate_of(f, f->url, NULL);
    mem_peak_reset(f->ctx->mem);
    struct prepared r = prepare_of(f, f->url, NULL, "");
    assert_int_equal(r.status, AKIN_OK);
    double peak = (double)mem_peak(f->ctx->mem);
    printf("peak %.1f of %.1f MB\n", (double)cost.peak_bytes / 1e6, peak / 1e6);
    assert_int_equal(cost.n_rows, MANY);
    assert_int_equal(cost.n_users, MANY_USERS);
    assert_int_equal(cost.n_items, MANY_ITEMS);
    assert_true((double)cost.peak_bytes > 0.8 * peak && (double)cost.peak_bytes < 1.2 * peak);
    int64_t n_events = r.ds->n_events;
    save_base(f, &r);
    cost = estimate_of(f, f->base, NULL);
    assert_int_equal(cost.n_rows, n_events);
    put_rows(f, "1 1 - 2 1700000000\nnew 2 - 2 1700000001\nnew other - 2 1700000002\n");
    cost = estimate_of(f, f->base, f->url);
    assert_int_equal(cost.n_rows, n_events + 3);
    assert_int_equal(cost.n_users, MANY_USERS + 1);
    assert_int_equal(cost.n_items, MANY_ITEMS + 1);
}

static uint64_t fingerprint(struct fixture *f)
{
    uint64_t sum = 0;
    akin_error err;
    if (own_fingerprint(f->ctx, f->url, &sum, &err) != AKIN_OK)
        fail_msg("%s", err.message);
    return sum;
}

/* Every write that a source can see changes it, a key and another look do not. */
static void test_fingerprint(void **state)
{
    struct fixture *f = *state;
    uint64_t seen[6];
    int n = 0;
    put_rows(f, "u1 i1 view 1 100\nu2 i2 - - 101\n");
    seen[n++] = fingerprint(f);
    put_rows(f, "u1 i2 view 1 102\n");
    seen[n++] = fingerprint(f);
    put_word(f, STORE_ITEM, "i2", "{\"title\":\"Two\"}");
    seen[n++] = fingerprint(f);
    put_word(f, STORE_USER, "u2", "{\"age\":7}");
    seen[n++] = fingerprint(f);
    erase(f, "u2");
    seen[n++] = fingerprint(f);
    struct store_write w = {.op = STORE_EXPIRE, .before = 101};
    write_one(f, &w);
    assert_int_equal(w.n_deleted, 1);
    seen[n++] = fingerprint(f);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++)
            assert_true(seen[i] != seen[j]);
    const struct store_key key = {.id = "k", .hash = "00", .scopes = "read", .note = ""};
    w = (struct store_write){.op = STORE_PUT_KEY, .key = &key};
    write_one(f, &w);
    assert_true(fingerprint(f) == seen[n - 1]);
}

/* A copy that went another way from the same number on, as after a restored backup. */
static void test_fingerprint_of_a_restored_store(void **state)
{
    struct fixture *f = *state;
    struct fixture other = *f;
    struct store *s = NULL;
    char copy[80];
    put_rows(f, "u1 i1 view 1 100\n");
    snprintf(copy, sizeof copy, "%s/copy.db", f->dir);
    snprintf(other.url, sizeof other.url, "sqlite:%s", copy);
    assert_int_equal(store_open(f->ctx, f->url, NULL, &s, NULL), AKIN_OK);
    assert_int_equal(store_backup(s, copy, NULL), AKIN_OK);
    store_close(s);
    assert_true(fingerprint(f) == fingerprint(&other));
    put_rows(f, "u1 i2 view 1 102\n");
    put_rows(&other, "u1 i2 view 1 103\n");
    assert_true(fingerprint(f) != fingerprint(&other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_estimate, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fingerprint, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fingerprint_of_a_restored_store, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
