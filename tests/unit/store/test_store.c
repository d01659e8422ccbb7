/* The store: what is written comes back, once, in order, and stays; what is erased is gone. */
#include "unit/store/store_setup.h"

#include "core/file.h"

static void test_events(void **state)
{
    struct fixture *f = *state;
    static struct lines l;
    struct store_event e[] = {
        make_event("a", "u1", "i1", "view", 10),
        make_event("01234567-89ab-cdef-0123-456789abcdef", "u2", "i2", "", 0),
        make_event("01234567-89AB-cdef-0123-456789abcdef", "ü", "物", "buy", 253402300799),
        make_event("01234567-89ab-cdef-0123-456789abcdeg", "u1", "i2", "view", 7),
        make_event("b", "u1", "i1", "view", 5),
    };
    e[0].value = -0.0;
    e[1].value = 4.5;
    e[2].value = -1e300;
    e[3].context = "{\"device\":\"phone\"}";
    e[4].value = 3;
    store_up(f);
    struct store_write w = {.op = STORE_PUT_EVENTS, .events = e, .n = 3};
    assert_int_equal(store_write_wait(f->s, &w, NULL), AKIN_OK);
    assert_int_equal(w.first_seq, 1);
    assert_int_equal(w.n_new, 3);
    assert_int_equal(put_events(f->s, e + 3, 2), 2);
    for (int again = 0; again < 2; again++) {
        memset(&l, 0, sizeof l);
        assert_int_equal(store_events(f->s, 0, 0, add_event_line, &l, NULL), AKIN_OK);
        assert_string_equal(
            l.text, "1 a u1 i1 'view' 0 10 -\n"
                    "2 01234567-89ab-cdef-0123-456789abcdef u2 i2 '' 4.5 0 -\n"
                    "3 01234567-89AB-cdef-0123-456789abcdef ü 物 'buy' -1e+300 253402300799 -\n"
                    "4 01234567-89ab-cdef-0123-456789abcdeg u1 i2 'view' nan 7 "
                    "{\"device\":\"phone\"}\n"
                    "5 b u1 i1 'view' 3 5 -\n");
        store_down(f);
        store_up(f);
    }
    memset(&l, 0, sizeof l);
    assert_int_equal(store_events(f->s, 1, 2, add_event_line, &l, NULL), AKIN_OK);
    assert_int_equal(l.n, 2);
    assert_memory_equal(l.text, "2 ", 2);
    memset(&l, 0, sizeof l);
    l.most = 1; /* the call-back stops */
    assert_int_equal(store_events(f->s, 3, 0, add_event_line, &l, NULL), AKIN_OK);
    assert_int_equal(l.n, 1);
    memset(&l, 0, sizeof l);
    assert_int_equal(store_user_events(f->s, "u1", 5, 0, add_event_line, &l, NULL), AKIN_OK);
    assert_int_equal(l.n, 2); /* 4 and 1, newest first */
    assert_memory_equal(l.text, "4 ", 2);
    memset(&l, 0, sizeof l);
    assert_int_equal(store_item_events(f->s, "i1", 0, 1, add_event_line, &l, NULL), AKIN_OK);
    assert_string_equal(l.text, "5 b u1 i1 'view' 3 5 -\n");
    memset(&l, 0, sizeof l);
    assert_int_equal(store_user_events(f->s, "nobody", 0, 0, add_event_line, &l, NULL), AKIN_OK);
    assert_int_equal(l.n, 0);
    check_store(f->s);
}

static void test_long_ids(void **state)
{
    struct fixture *f = *state;
    static char id[STORE_ID_MAX + 2], type[STORE_TYPE_MAX + 1];
    static struct lines l;
    memset(id, 'x', STORE_ID_MAX);
    memset(type, 't', STORE_TYPE_MAX);
    store_up(f);
    const struct store_event e = make_event(id, id, id, type, 1);
    assert_int_equal(put_events(f->s, &e, 1), 1);
    assert_int_equal(put_events(f->s, &e, 1), 0);
    assert_int_equal(store_events(f->s, 0, 0, add_event_line, &l, NULL), AKIN_OK);
    assert_true(l.size > 3 * STORE_ID_MAX + STORE_TYPE_MAX);
    check_store(f->s);
}

/* The same id twice: in one write, in another, after opening again. */
static void test_once(void **state)
{
    struct fixture *f = *state;
    uint8_t is_new[4];
    const struct store_event e[] = {
        make_event("a", "u1", "i1", "view", 1),
        make_event("b", "u1", "i2", "view", 2),
        make_event("a", "u9", "i9", "view", 9),
        make_event("c", "u1", "i3", "view", 3),
    };
    store_up(f);
    assert_int_equal(put_events(f->s, e, 1), 1);
    struct store_write w = {.op = STORE_PUT_EVENTS, .events = e, .n = 4, .is_new = is_new};
    assert_int_equal(store_write_wait(f->s, &w, NULL), AKIN_OK);
    assert_int_equal(w.n_new, 2);
    assert_int_equal(w.first_seq, 2);
    assert_memory_equal(is_new, ((uint8_t[]){0, 1, 0, 1}), 4);
    store_down(f);
    store_up(f);
    assert_int_equal(put_events(f->s, e, 4), 0);
    assert_int_equal(count_events(f->s), 3);
    struct store_info info;
    store_info(f->s, &info);
    assert_int_equal(info.n_events, 3);
    assert_int_equal(info.n_users, 1); /* u9 was never needed */
    assert_int_equal(info.n_items, 3);
    assert_int_equal(info.last_seq, 3);
    put_event(f->s, "d", "u1", "i1");
    store_info(f->s, &info);
    assert_int_equal(info.last_seq, 4);
    check_store(f->s);
}

static bool add_entity_line(void *arg, const struct store_entity *e)
{
    struct lines *l = arg;
    l->size += (size_t)snprintf(l->text + l->size, sizeof l->text - l->size, "%lld %d %s %s\n",
                                (long long)e->seq, (int)e->kind, e->id,
                                e->attributes ? e->attributes : "-");
    return true;
}

static void test_entities(void **state)
{
    struct fixture *f = *state;
    static struct lines l;
    store_up(f);
    assert_int_equal(put_entity(f->s, STORE_ITEM, "i1", "{\"title\":\"One\"}"), 1);
    assert_int_equal(put_entity(f->s, STORE_ITEM, "i2", "{}"), 2);
    assert_int_equal(put_entity(f->s, STORE_USER, "i1", "{\"age\":3}"), 3);
    assert_int_equal(put_entity(f->s, STORE_ITEM, "i1", "{\"title\":\"1\"}"), 4);
    assert_int_equal(put_entity(f->s, STORE_ITEM, "i2", NULL), 5);
    memset(&l, 0, sizeof l);
    assert_int_equal(store_entities(f->s, STORE_ITEM, 0, add_entity_line, &l, NULL), AKIN_OK);
    assert_string_equal(l.text, "4 1 i1 {\"title\":\"1\"}\n5 1 i2 -\n");
    memset(&l, 0, sizeof l);
    assert_int_equal(store_entities(f->s, STORE_ITEM, 4, add_entity_line, &l, NULL), AKIN_OK);
    assert_string_equal(l.text, "5 1 i2 -\n");
    memset(&l, 0, sizeof l);
    assert_int_equal(store_entity_get(f->s, STORE_USER, "i1", add_entity_line, &l, NULL), AKIN_OK);
    assert_string_equal(l.text, "3 2 i1 {\"age\":3}\n");
    assert_int_equal(store_entity_get(f->s, STORE_USER, "i2", add_entity_line, &l, NULL),
                     AKIN_E_NOT_FOUND);
    put_event(f->s, "e", "u1", "i7"); /* mentioned, but nobody said anything about it */
    assert_int_equal(store_entity_get(f->s, STORE_ITEM, "i7", add_entity_line, &l, NULL),
                     AKIN_E_NOT_FOUND);
    check_store(f->s);
}

/* ---- Erasure ---- */

struct needle {
    const char *text;
    int found;
    akin_ctx *ctx;
};

static void search_file(const char *path, void *arg)
{
    struct needle *n = arg;
    char *data;
    int64_t size;
    size_t length = strlen(n->text);
    assert_int_equal(file_read(n->ctx, path, 1 << 30, &data, &size, NULL), AKIN_OK);
    for (int64_t i = 0; i + (int64_t)length <= size; i++)
        n->found += memcmp(data + i, n->text, length) == 0;
    mem_free(n->ctx, data);
}

static int occurrences(struct fixture *f, const char *text)
{
    struct needle n = {.text = text, .ctx = f->ctx};
    each_file(f->dir, search_file, &n);
    return n.found;
}

static bool add_erased_line(void *arg, int64_t seq, const char *id, int64_t time)
{
    struct lines *l = arg;
    assert_true(time > 1700000000);
    l->size += (size_t)snprintf(l->text + l->size, sizeof l->text - l->size, "%lld %s\n",
                                (long long)seq, id);
    return true;
}

static void wait_for_empty_log(struct store *s)
{
    struct store_info info;
    for (int i = 0; i < 3000; i++) {
        store_info(s, &info);
        if (info.wal_bytes == 0)
            return;
        usleep(10000);
    }
    fail_msg("the log still has %lld bytes", (long long)info.wal_bytes);
}

static void test_erase(void **state)
{
    struct fixture *f = *state;
    static struct lines l;
    char id[32], other[32];
    store_up(f);
    for (int i = 0; i < 300; i++) {
        struct store_event e = make_event(id, "person-to-erase", "i1", "view", i);
        snprintf(id, sizeof id, "marked-event-%d", i);
        e.context = "{\"where\":\"marked-context\"}";
        assert_int_equal(put_events(f->s, &e, 1), 1);
        snprintf(id, sizeof id, "plain-%d", i);
        snprintf(other, sizeof other, "u%d", i);
        put_event(f->s, id, other, "i1");
    }
    put_entity(f->s, STORE_USER, "person-to-erase", "{\"name\":\"marked-name\"}");
    assert_true(occurrences(f, "marked-") > 0);
    assert_int_equal(erase_user(f->s, "person-to-erase"), 300);
    wait_for_empty_log(f->s);
    /* Not in the file, nor in its log; the id only where it says that it is suppressed. */
    assert_int_equal(occurrences(f, "marked-"), 0);
    assert_int_equal(occurrences(f, "person-to-erase"), 1);
    assert_int_equal(count_events(f->s), 300);
    int64_t n = 0;
    assert_int_equal(store_user_events(f->s, "person-to-erase", 0, 0, count_event, &n, NULL),
                     AKIN_OK);
    assert_int_equal(n, 0);
    assert_int_equal(
        store_entity_get(f->s, STORE_USER, "person-to-erase", add_entity_line, &l, NULL),
        AKIN_E_NOT_FOUND);
    assert_int_equal(erase_user(f->s, "never seen"), 0);
    assert_int_equal(erase_user(f->s, "person-to-erase"), 0);
    store_down(f);
    store_up(f);
    memset(&l, 0, sizeof l);
    assert_int_equal(store_erased(f->s, add_erased_line, &l, NULL), AKIN_OK);
    assert_string_equal(l.text, "603 never seen\n604 person-to-erase\n");
    struct store_info info;
    store_info(f->s, &info);
    assert_int_equal(info.n_erased, 2);
    assert_int_equal(info.n_users, 300);
    assert_int_equal(info.n_events, 300);
    check_store(f->s);
}

static void test_expire(void **state)
{
    struct fixture *f = *state;
    enum { N = 5000 };
    static char ids[N][16], users[N][16];
    static struct store_event e[N];
    store_up(f);
    for (int i = 0; i < N; i++) {
        snprintf(ids[i], sizeof ids[i], "e%d", i);
        snprintf(users[i], sizeof users[i], "u%d", i / 2);
        e[i] = make_event(ids[i], users[i], "i", i % 5 ? "view" : "buy", i);
    }
    assert_int_equal(put_events(f->s, e, N), N);
    put_entity(f->s, STORE_USER, "u3", "{}");
    struct store_write w = {.op = STORE_EXPIRE, .event_type = "view", .before = 4000};
    assert_int_equal(store_write_wait(f->s, &w, NULL), AKIN_OK);
    assert_int_equal(w.n_deleted, 3200);
    w.event_type = "never seen";
    assert_int_equal(store_write_wait(f->s, &w, NULL), AKIN_OK);
    assert_int_equal(w.n_deleted, 0);
    w.event_type = NULL;
    assert_int_equal(store_write_wait(f->s, &w, NULL), AKIN_OK);
    assert_int_equal(w.n_deleted, 800);
    assert_int_equal(count_events(f->s), 1000);
    struct store_info info;
    store_info(f->s, &info);
    assert_int_equal(info.n_events, 1000);
    assert_int_equal(info.n_users, 501); /* nobody of whom nothing is left, but u3 */
    assert_int_equal(info.last_seq, N + 1);
    check_store(f->s);
}

/* ---- Keys ---- */

static bool add_key_line(void *arg, const struct store_key *k)
{
    struct lines *l = arg;
    l->size += (size_t)snprintf(l->text + l->size, sizeof l->text - l->size,
                                "%s %s %s '%s' %lld "
                                "%lld\n",
                                k->id, k->hash, k->scopes, k->note, (long long)k->created,
                                (long long)k->expires);
    return true;
}

static void test_keys(void **state)
{
    struct fixture *f = *state;
    static struct lines l;
    struct store_key keys[] = {{"k1", "00ff", "read", "", 5, 0},
                               {"k2", "11", "read,write", "shop", 3, 99}};
    struct store_write w = {.op = STORE_PUT_KEY};
    akin_error err;
    store_up(f);
    for (int i = 0; i < 2; i++) {
        w.key = &keys[i];
        assert_int_equal(store_write_wait(f->s, &w, NULL), AKIN_OK);
    }
    keys[0].scopes = "admin";
    w.key = &keys[0];
    assert_int_equal(store_write_wait(f->s, &w, NULL), AKIN_OK);
    assert_int_equal(store_keys(f->s, add_key_line, &l, NULL), AKIN_OK);
    assert_string_equal(l.text, "k2 11 read,write 'shop' 3 99\nk1 00ff admin '' 5 0\n");
    w = (struct store_write){.op = STORE_DELETE_KEY, .id = "k2"};
    assert_int_equal(store_write_wait(f->s, &w, NULL), AKIN_OK);
    assert_int_equal(store_write_wait(f->s, &w, &err), AKIN_E_NOT_FOUND);
    assert_contains(err.message, "k2");
    memset(&l, 0, sizeof l);
    assert_int_equal(store_keys(f->s, add_key_line, &l, NULL), AKIN_OK);
    assert_string_equal(l.text, "k1 00ff admin '' 5 0\n");
    check_store(f->s);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)
    const struct CMUnitTest tests[] = {
        T(test_events), T(test_long_ids), T(test_once), T(test_entities),
        T(test_erase),  T(test_expire),   T(test_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
