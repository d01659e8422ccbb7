/* The store: what is written comes back, once, in order, and stays; what is erased is gone. */
#include "unit/store/store_setup.h"

#include "core/file.h"

#include <pthread.h>
#include <semaphore.h>
#include <sqlite3.h>
#include <stdatomic.h>

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

/* ---- What is refused ---- */

static void test_arguments(void **state)
{
    struct fixture *f = *state;
    static char long_id[STORE_ID_MAX + 2];
    static char long_context[STORE_JSON_MAX + 2];
    memset(long_id, 'x', STORE_ID_MAX + 1);
    memset(long_context, ' ', STORE_JSON_MAX + 1);
    const struct store_event good = make_event("e", "u", "i", "", 0);
    struct store_event bad[12];
    const char *const parts[12] = {"event_id is empty",
                                   "event_id is missing",
                                   "user_id is empty",
                                   "item_id is missing",
                                   "4096",
                                   "not UTF-8",
                                   "time=-1",
                                   "infinite",
                                   "event_type",
                                   "event_type is missing",
                                   "context",
                                   "context"};
    for (int i = 0; i < 12; i++)
        bad[i] = good;
    bad[0].event_id = "";
    bad[1].event_id = NULL;
    bad[2].user_id = "";
    bad[3].item_id = NULL;
    bad[4].user_id = long_id;
    bad[5].item_id = "\xff";
    bad[6].time = -1;
    bad[7].value = (double)INFINITY;
    bad[8].event_type = long_id;
    bad[9].event_type = NULL;
    bad[10].context = "\xc0\x80";
    bad[11].context = long_context;
    akin_error err;
    store_up(f);
    for (int i = 0; i < 12; i++) {
        const struct store_event two[2] = {good, bad[i]};
        struct store_write w = {.op = STORE_PUT_EVENTS, .events = two, .n = 2};
        assert_int_equal(store_write_wait(f->s, &w, &err), AKIN_E_ARG);
        assert_contains(err.message, parts[i]);
        assert_contains(err.message, "event 2 of 2");
    }
    const struct store_entity entities[] = {{.kind = STORE_ITEM, .id = ""},
                                            {.kind = (enum store_kind)7, .id = "a"}};
    const struct store_key key = {"a", NULL, "", "", 0, 0};
    struct store_write writes[] = {
        {.op = STORE_PUT_EVENTS, .events = &good, .n = 0},
        {.op = STORE_PUT_ENTITY},
        {.op = STORE_PUT_ENTITY, .entity = &entities[0]},
        {.op = STORE_PUT_KEY},
        {.op = STORE_PUT_ENTITY, .entity = &entities[1]},
        {.op = STORE_PUT_KEY, .key = &key},
        {.op = STORE_ERASE_USER},
        {.op = STORE_DELETE_KEY, .id = ""},
        {.op = (enum store_op)99},
    };
    for (size_t i = 0; i < sizeof writes / sizeof *writes; i++)
        assert_int_equal(store_write_wait(f->s, &writes[i], &err), AKIN_E_ARG);
    assert_int_equal(count_events(f->s), 0);
}

static akin_status try_open(struct fixture *f, const char *url, const struct store_options *o,
                            akin_error *err)
{
    struct store *s = NULL;
    akin_status status = store_open(f->ctx, url, o, &s, err);
    if (status == AKIN_OK)
        store_close(s);
    else
        assert_null(s);
    return status;
}

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void test_open_refused(void **state)
{
    struct fixture *f = *state;
    const struct store_options existing = {.must_exist = true}, reading = {.read_only = true};
    akin_error err;
    const char *const bad[] = {"", "sqlite:", "mysql:a", "a.sqlite", "sqlite:/tmp/", ".db"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(try_open(f, bad[i], NULL, &err), AKIN_E_ARG);
    assert_int_equal(try_open(f, "sqlite:/nowhere/at/all.db", NULL, &err), AKIN_E_NOT_FOUND);
    assert_int_equal(try_open(f, f->url, &existing, &err), AKIN_E_NOT_FOUND);
    assert_contains(err.message, "s.db");
    assert_int_equal(try_open(f, f->url, &reading, &err), AKIN_E_NOT_FOUND);
    assert_int_equal(access(f->path, F_OK), -1); /* nobody made it */

    assert_int_equal(file_write(f->ctx, f->path, "", 0, NULL), AKIN_OK);
    assert_int_equal(try_open(f, f->url, NULL, &err), AKIN_E_FORMAT);
    assert_contains(err.message, "empty");
    char text[5000];
    memset(text, 'a', sizeof text);
    assert_int_equal(file_write(f->ctx, f->path, text, sizeof text, NULL), AKIN_OK);
    assert_int_equal(try_open(f, f->url, NULL, &err), AKIN_E_FORMAT);
    assert_contains(err.message, "not a store");
    unlink(f->path);
    run_sql(f->path, "CREATE TABLE theirs(a)");
    assert_int_equal(try_open(f, f->url, NULL, &err), AKIN_E_FORMAT);
    assert_contains(err.message, "another program");
    unlink(f->path);
    store_up(f);
    put_event(f->s, "e", "u", "i");
    store_down(f);
    run_sql(f->path, "PRAGMA user_version = 7");
    assert_int_equal(try_open(f, f->url, NULL, &err), AKIN_E_VERSION);
    assert_contains(err.message, "newer akin: format 7");
    assert_int_equal(try_open(f, f->url, &reading, &err), AKIN_E_VERSION);
    run_sql(f->path, "PRAGMA user_version = 1; DROP INDEX events_user");
    assert_int_equal(try_open(f, f->url, NULL, &err), AKIN_E_FORMAT);
    assert_contains(err.message, "events_user");
    run_sql(f->path, "CREATE INDEX events_user ON events(user)");
    assert_int_equal(try_open(f, f->url, NULL, &err), AKIN_OK);
    run_sql(f->path, "UPDATE state SET seq = 0");
    assert_int_equal(try_open(f, f->url, NULL, &err), AKIN_E_FORMAT);
}

/* The log without its store: bringing a new, empty one would lose what is in there. */
static void test_orphan_log(void **state)
{
    struct fixture *f = *state;
    char wal[128];
    akin_error err;
    snprintf(wal, sizeof wal, "%s-wal", f->path);
    assert_int_equal(file_write(f->ctx, wal, "log", 3, NULL), AKIN_OK);
    assert_int_equal(try_open(f, f->url, NULL, &err), AKIN_E_FORMAT);
    assert_contains(err.message, "its log");
}

static void test_two_openers(void **state)
{
    struct fixture *f = *state;
    const struct store_options reading = {.read_only = true};
    struct store *reader = NULL;
    struct store_write w = {.op = STORE_ERASE_USER, .id = "u"};
    char pid[48], link_path[128], url[160];
    akin_error err;
    store_up(f);
    put_event(f->s, "e", "u", "i");
    assert_int_equal(try_open(f, f->url, NULL, &err), AKIN_E_LIMIT);
    snprintf(pid, sizeof pid, "process %ld ", (long)getpid());
    assert_contains(err.message, pid);
    snprintf(link_path, sizeof link_path, "%s/link.db", f->dir);
    assert_int_equal(symlink(f->path, link_path), 0);
    snprintf(url, sizeof url, "sqlite:%s", link_path);
    assert_int_equal(try_open(f, url, NULL, &err), AKIN_E_LIMIT);
    /* Readers are welcome, and see what is done. */
    assert_int_equal(store_open(f->ctx, f->url, &reading, &reader, NULL), AKIN_OK);
    assert_int_equal(count_events(reader), 1);
    put_event(f->s, "e2", "u", "i");
    assert_int_equal(count_events(reader), 2);
    assert_int_equal(store_submit(reader, &w, &err), AKIN_E_UNSUPPORTED);
    check_store(reader);
    store_close(reader);
    put_event(f->s, "e3", "u", "i"); /* closing the reader took no lock of ours away */
    assert_int_equal(try_open(f, f->url, NULL, &err), AKIN_E_LIMIT);
    store_down(f);
    store_up(f);
    assert_int_equal(count_events(f->s), 3);
}

/* ---- The queue ---- */

struct gate {
    sem_t reached, open;
    atomic_int n_ok, n_failed;
};

static void wait_at_gate(struct store_write *w, akin_status status, const akin_error *err)
{
    struct gate *g = w->arg;
    (void)err;
    assert_int_equal(status, AKIN_OK);
    sem_post(&g->reached);
    sem_wait(&g->open);
}

static void note_result(struct store_write *w, akin_status status, const akin_error *err)
{
    struct gate *g = w->arg;
    if (status == AKIN_OK)
        atomic_fetch_add(&g->n_ok, 1);
    else if (err && err->message[0])
        atomic_fetch_add(&g->n_failed, 1);
}

/* Leaves the writer thread in a call-back, so that what follows waits in the queue. */
static void hold_writer(struct store *s, struct gate *g, struct store_write *w,
                        const struct store_event *e)
{
    sem_init(&g->reached, 0, 0);
    sem_init(&g->open, 0, 0);
    *w = (struct store_write){
        .op = STORE_PUT_EVENTS, .events = e, .n = 1, .done = wait_at_gate, .arg = g};
    assert_int_equal(store_submit(s, w, NULL), AKIN_OK);
    sem_wait(&g->reached);
}

static void test_queue_full(void **state)
{
    struct fixture *f = *state;
    const struct store_options options = {.queue = 4};
    struct gate g = {0};
    struct store_write first, w[5];
    struct store_event e[6];
    char ids[6][16];
    akin_error err;
    store_up_with(f, &options);
    for (int i = 0; i < 6; i++) {
        snprintf(ids[i], sizeof ids[i], "e%d", i);
        e[i] = make_event(ids[i], "u", "i", "", i);
    }
    hold_writer(f->s, &g, &first, &e[5]);
    for (int i = 0; i < 5; i++) {
        w[i] = (struct store_write){
            .op = STORE_PUT_EVENTS, .events = &e[i], .n = 1, .done = note_result, .arg = &g};
        akin_status status = store_submit(f->s, &w[i], &err);
        assert_int_equal(status, i < 4 ? AKIN_OK : AKIN_E_LIMIT);
    }
    assert_contains(err.message, "4 writes");
    struct store_info info;
    store_info(f->s, &info);
    assert_int_equal(info.queued, 4);
    sem_post(&g.open);
    store_down(f); /* commits what waits */
    assert_int_equal(g.n_ok, 4);
    store_up(f);
    assert_int_equal(count_events(f->s), 5);
}

/* One commit with a write that cannot be done: the others are. */
static void test_bad_among_good(void **state)
{
    struct fixture *f = *state;
    struct gate g = {0};
    struct store_write first, w[3];
    const struct store_event e[] = {make_event("e0", "u", "i", "", 0),
                                    make_event("e1", "u", "i", "", 0),
                                    make_event("e2", "u", "i", "", 0)};
    store_up(f);
    hold_writer(f->s, &g, &first, &e[0]);
    w[0] = (struct store_write){.op = STORE_PUT_EVENTS, .events = &e[1], .n = 1};
    w[1] = (struct store_write){.op = STORE_DELETE_KEY, .id = "none"};
    w[2] = (struct store_write){.op = STORE_PUT_EVENTS, .events = &e[2], .n = 1};
    for (int i = 0; i < 3; i++) {
        w[i].done = note_result;
        w[i].arg = &g;
        assert_int_equal(store_submit(f->s, &w[i], NULL), AKIN_OK);
    }
    sem_post(&g.open);
    store_down(f);
    assert_int_equal(g.n_ok, 2);
    assert_int_equal(g.n_failed, 1);
    assert_int_equal(w[0].first_seq, 2); /* no number was lost over it */
    assert_int_equal(w[2].first_seq, 3);
    store_up(f);
    assert_int_equal(count_events(f->s), 3);
    check_store(f->s);
}

enum { THREADS = 8, EACH = 1000 };

struct job {
    struct store_write w;
    struct store_event e;
    char id[24], user[16];
    atomic_int n_done;
    int64_t seq;
};

struct crew {
    struct store *s;
    struct job *jobs;
    int first;
};

static void job_done(struct store_write *w, akin_status status, const akin_error *err)
{
    struct job *j = w->arg;
    (void)err;
    if (status == AKIN_OK)
        atomic_fetch_add(&j->n_done, 1);
    j->seq = w->first_seq;
}

static void *submit_jobs(void *arg)
{
    struct crew *c = arg;
    for (int i = 0; i < EACH; i++) {
        struct job *j = &c->jobs[c->first + i];
        snprintf(j->id, sizeof j->id, "e%d", c->first + i);
        snprintf(j->user, sizeof j->user, "u%d", (c->first + i) % 700);
        j->e = make_event(j->id, j->user, "i", "view", i);
        j->w = (struct store_write){
            .op = STORE_PUT_EVENTS, .events = &j->e, .n = 1, .done = job_done, .arg = j};
        if (store_submit(c->s, &j->w, NULL) != AKIN_OK)
            return c;
        if (i % 100 == 0) { /* reads meanwhile */
            int64_t n = 0;
            if (store_user_events(c->s, j->user, 0, 5, count_event, &n, NULL) != AKIN_OK)
                return c;
        }
    }
    return NULL;
}

static void test_threads(void **state)
{
    struct fixture *f = *state;
    struct job *jobs = calloc(THREADS * EACH, sizeof *jobs);
    struct crew crews[THREADS];
    pthread_t threads[THREADS];
    store_up(f);
    for (int i = 0; i < THREADS; i++) {
        crews[i] = (struct crew){f->s, jobs, i * EACH};
        assert_int_equal(pthread_create(&threads[i], NULL, submit_jobs, &crews[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    store_down(f);
    for (int i = 0; i < THREADS * EACH; i++) {
        assert_int_equal(jobs[i].n_done, 1);
        if (i % EACH > 0) /* a thread's own writes keep their order */
            assert_true(jobs[i].seq > jobs[i - 1].seq);
    }
    free(jobs);
    store_up(f);
    assert_int_equal(count_events(f->s), THREADS * EACH);
    struct store_info info;
    store_info(f->s, &info);
    assert_int_equal(info.last_seq, THREADS * EACH);
    check_store(f->s);
}

/* ---- Backup ---- */

static void *write_on(void *arg)
{
    struct crew *c = arg;
    for (int i = 0; i < 400; i++) {
        char id[24];
        const struct store_event e = make_event(id, "u", "i", "", i);
        struct store_write w = {.op = STORE_PUT_EVENTS, .events = &e, .n = 1};
        snprintf(id, sizeof id, "later%d", i);
        if (store_write_wait(c->s, &w, NULL) != AKIN_OK)
            return c;
    }
    return NULL;
}

static bool seq_rises(void *arg, const struct store_event *e)
{
    int64_t *n = arg;
    assert_int_equal(e->seq, ++*n);
    return true;
}

static void test_backup(void **state)
{
    struct fixture *f = *state;
    char to[96], url[112], id[16];
    pthread_t thread;
    void *failed;
    akin_error err;
    store_up(f);
    struct crew crew = {f->s, NULL, 0};
    for (int i = 0; i < 50; i++) {
        snprintf(id, sizeof id, "e%d", i);
        put_event(f->s, id, "u", "i");
    }
    assert_int_equal(pthread_create(&thread, NULL, write_on, &crew), 0);
    for (int i = 0; i < 5; i++) {
        struct store *copy = NULL;
        int64_t n = 0;
        snprintf(to, sizeof to, "%s/copy%d.db", f->dir, i);
        snprintf(url, sizeof url, "sqlite:%s", to);
        if (store_backup(f->s, to, &err) != AKIN_OK)
            fail_msg("%s", err.message);
        assert_int_equal(store_open(f->ctx, url, NULL, &copy, NULL), AKIN_OK);
        assert_int_equal(store_events(copy, 0, 0, seq_rises, &n, NULL), AKIN_OK);
        assert_true(n >= 50 && n <= 450);
        put_event(copy, "of the copy", "u", "i");
        check_store(copy);
        store_close(copy);
    }
    pthread_join(thread, &failed);
    assert_null(failed);
    assert_int_equal(store_backup(f->s, to, &err), AKIN_E_ARG);
    assert_contains(err.message, "exists");
    assert_int_equal(store_backup(f->s, "/nowhere/at/all.db", &err), AKIN_E_IO);
    assert_int_equal(count_events(f->s), 450);
    put_event(f->s, "e", "u", "i"); /* and the store goes on */
}

/* Many commits: the log stays small, and is gone at the end. */
static void test_log_is_bounded(void **state)
{
    struct fixture *f = *state;
    enum { N = 512, ROUNDS = 60 };
    static char ids[N][48], users[N][16];
    static struct store_event e[N];
    struct store_info info;
    uint32_t x = 1;
    store_up(f);
    for (int r = 0; r < ROUNDS; r++) {
        for (int i = 0; i < N; i++) {
            x = x * 1664525u + 1013904223u;
            snprintf(ids[i], sizeof ids[i], "%08x-0000-4000-8000-%012d", x, r * N + i);
            snprintf(users[i], sizeof users[i], "u%u", x >> 15);
            e[i] = make_event(ids[i], users[i], "i", "view", i);
        }
        assert_int_equal(put_events(f->s, e, N), N);
    }
    store_info(f->s, &info);
    assert_in_range(info.wal_bytes, 0, 160 << 20);
    assert_int_equal(info.commits, ROUNDS);
    store_down(f);
    char wal[128];
    snprintf(wal, sizeof wal, "%s-wal", f->path);
    assert_int_equal(access(wal, F_OK), -1);
    store_up(f);
    assert_int_equal(count_events(f->s), N * ROUNDS);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)
    const struct CMUnitTest tests[] = {
        T(test_events),         T(test_long_ids),   T(test_once),        T(test_entities),
        T(test_erase),          T(test_expire),     T(test_keys),        T(test_arguments),
        T(test_open_refused),   T(test_orphan_log), T(test_two_openers), T(test_queue_full),
        T(test_bad_among_good), T(test_threads),    T(test_backup),      T(test_log_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
