/*
 * Damaged stores: one wrong byte, a page of zeros, an end cut off, at random places. Nothing
 * crashes; and either the damage is reported, or everything reads as before (it hit what nobody
 * uses).
 */
#include "unit/store/store_setup.h"

#include "core/file.h"
#include "core/hash.h"

#include <fcntl.h>
#include <time.h>

enum { FLIPS = 400, ZEROS = 40, CUTS = 60, LOG_FLIPS = 60 };

static uint64_t seed;

static bool sum_event(void *arg, const struct store_event *e)
{
    uint64_t *sum = arg;
    const char *const texts[5] = {e->event_id, e->user_id, e->item_id, e->event_type,
                                  e->context ? e->context : ""};
    *sum = hash_bytes(&e->seq, sizeof e->seq, *sum);
    *sum = hash_bytes(&e->time, sizeof e->time, *sum);
    double value = isnan(e->value) ? -1 : e->value;
    *sum = hash_bytes(&value, sizeof value, *sum);
    for (int i = 0; i < 5; i++)
        *sum = hash_bytes(texts[i], strlen(texts[i]) + 1, *sum);
    return true;
}

static bool sum_entity(void *arg, const struct store_entity *e)
{
    uint64_t *sum = arg;
    *sum = hash_bytes(&e->seq, sizeof e->seq, *sum);
    *sum = hash_bytes(e->id, strlen(e->id) + 1, *sum);
    if (e->attributes)
        *sum = hash_bytes(e->attributes, strlen(e->attributes) + 1, *sum);
    return true;
}

static bool sum_erased(void *arg, int64_t seq, const char *id, int64_t time)
{
    uint64_t *sum = arg;
    *sum = hash_bytes(&seq, sizeof seq, *sum);
    *sum = hash_bytes(&time, sizeof time, *sum);
    *sum = hash_bytes(id, strlen(id) + 1, *sum);
    return true;
}

static bool sum_key(void *arg, const struct store_key *k)
{
    uint64_t *sum = arg;
    *sum = hash_bytes(k->id, strlen(k->id) + 1, *sum);
    *sum = hash_bytes(k->hash, strlen(k->hash) + 1, *sum);
    *sum = hash_bytes(k->scopes, strlen(k->scopes) + 1, *sum);
    return true;
}

/* Everything that can be read; the first failure. */
static akin_status read_all(struct store *s, uint64_t *sum, akin_error *err)
{
    akin_status status = AKIN_OK;
    char user[24];
    *sum = 1;
    AKIN_TRY(store_events(s, 0, 0, sum_event, sum, err));
    for (int i = 0; i < 20; i++) {
        snprintf(user, sizeof user, "user-%d", i);
        AKIN_TRY(store_user_events(s, user, 0, 0, sum_event, sum, err));
    }
    AKIN_TRY(store_item_events(s, "item-1", 0, 0, sum_event, sum, err));
    AKIN_TRY(store_entities(s, STORE_ITEM, 0, sum_entity, sum, err));
    AKIN_TRY(store_entities(s, STORE_USER, 0, sum_entity, sum, err));
    AKIN_TRY(store_erased(s, sum_erased, sum, err));
    AKIN_TRY(store_keys(s, sum_key, sum, err));
done:
    return status;
}

static void fill(struct store *s)
{
    char id[48], user[24], item[24];
    const struct store_key key = {"k1", "0123456789abcdef", "read,write", "note", 1, 2};
    struct store_write w = {.op = STORE_PUT_KEY, .key = &key};
    for (int i = 0; i < 400; i++) {
        struct store_event e = make_event(id, user, item, i % 3 ? "view" : "buy", 1000 + i);
        snprintf(id, sizeof id, i % 2 ? "%08x-89ab-4def-8123-456789abcdef" : "event-%d", i);
        snprintf(user, sizeof user, "user-%d", i % 20);
        snprintf(item, sizeof item, "item-%d", i % 37);
        e.value = i % 4 ? (double)i / 8 : (double)NAN;
        e.context = i % 10 ? NULL : "{\"page\":\"front\"}";
        put_events(s, &e, 1);
    }
    for (int i = 0; i < 37; i++) {
        char text[600];
        snprintf(item, sizeof item, "item-%d", i);
        snprintf(text, sizeof text, "{\"title\":\"%0*d\"}", i * 15 + 1, i);
        put_entity(s, STORE_ITEM, item, text);
        put_entity(s, STORE_USER, item, NULL);
    }
    erase_user(s, "user-19");
    assert_int_equal(store_write_wait(s, &w, NULL), AKIN_OK);
}

struct original {
    char *bytes; /* of the file */
    int64_t size;
    uint64_t sum;
};

static struct original make_original(struct fixture *f)
{
    struct original o;
    store_up(f);
    fill(f->s);
    check_store(f->s);
    assert_int_equal(read_all(f->s, &o.sum, NULL), AKIN_OK);
    store_down(f);
    assert_int_equal(file_read(f->ctx, f->path, 1 << 30, &o.bytes, &o.size, NULL), AKIN_OK);
    return o;
}

static void write_plain(const char *path, const void *bytes, int64_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0 && write(fd, bytes, (size_t)size) == size);
    close(fd);
}

static uint64_t draw(uint64_t *at)
{
    return hash_bytes(at, sizeof *at, ++*at);
}

/* Opens what lies there; true if the damage was reported. Counts by status. */
static bool is_reported(struct fixture *f, const struct original *o, const char *what)
{
    akin_error err = {0};
    uint64_t sum = 0;
    struct store *s = NULL;
    struct store_info info;
    akin_status status = store_open(f->ctx, f->url, NULL, &s, &err);
    if (status == AKIN_OK)
        status = read_all(s, &sum, &err);
    bool is_same = status == AKIN_OK && sum == o->sum;
    if (status == AKIN_OK)
        status = store_check(s, &err);
    if (status != AKIN_OK && status != AKIN_E_FORMAT && status != AKIN_E_VERSION &&
        status != AKIN_E_IO)
        fail_msg("%s: seed %llu: %s %s", what, (unsigned long long)seed, akin_status_name(status),
                 err.message);
    if (status == AKIN_OK && !is_same)
        fail_msg("%s: seed %llu: read differently, and nobody said so", what,
                 (unsigned long long)seed);
    if (s && status == AKIN_E_FORMAT) {
        store_info(s, &info);
        assert_int_equal(info.state, STORE_CORRUPT);
        assert_true(info.message[0]);
    }
    if (s) { /* writing into it does not crash, and is refused once the damage is known */
        const struct store_event e = make_event("new", "user-1", "item-1", "view", 1);
        struct store_write w = {.op = STORE_PUT_EVENTS, .events = &e, .n = 1};
        akin_status wrote = store_write_wait(s, &w, &err);
        if (status == AKIN_E_FORMAT)
            assert_int_equal(wrote, AKIN_E_FORMAT);
    }
    store_close(s);
    return status != AKIN_OK;
}

static void clean(struct fixture *f)
{
    each_file(f->dir, NULL, NULL);
}

static void test_flips(void **state)
{
    struct fixture *f = *state;
    struct original o = make_original(f);
    uint64_t at = seed;
    int reported = 0;
    char what[64];
    char *bytes = malloc((size_t)o.size);
    for (int i = 0; i < FLIPS + ZEROS; i++) {
        memcpy(bytes, o.bytes, (size_t)o.size);
        int64_t place = (int64_t)(draw(&at) % (uint64_t)o.size);
        if (i < 100) /* the header, byte by byte */
            place = i;
        if (i < FLIPS)
            bytes[place] = (char)(bytes[place] ^ (1 << draw(&at) % 8));
        else
            memset(bytes + place / 4096 * 4096, 0, 4096);
        clean(f);
        write_plain(f->path, bytes, o.size);
        snprintf(what, sizeof what, "byte %lld", (long long)place);
        bool is_bad = is_reported(f, &o, what);
        reported += is_bad;
    }
    print_message("%d of %d damages reported\n", reported, FLIPS + ZEROS);
    assert_true(reported > FLIPS / 4);
    free(bytes);
    mem_free(f->ctx, o.bytes);
}

static void test_cuts(void **state)
{
    struct fixture *f = *state;
    struct original o = make_original(f);
    uint64_t at = seed;
    char what[64];
    for (int i = 0; i < CUTS; i++) {
        int64_t size = (int64_t)(draw(&at) % (uint64_t)o.size);
        if (i < 20)
            size = o.size * i / 20 / 4096 * 4096; /* whole pages */
        if (size > o.size - 4096)
            size = o.size - 4096; /* less than a page behind the last may be missing nothing */
        clean(f);
        write_plain(f->path, o.bytes, size);
        snprintf(what, sizeof what, "cut to %lld", (long long)size);
        if (!is_reported(f, &o, what))
            fail_msg("%s: seed %llu: not reported", what, (unsigned long long)seed);
    }
    mem_free(f->ctx, o.bytes);
}

struct copies {
    char *bytes[2];
    int64_t size[2];
};

/* A log as a crash leaves it, with a wrong byte: SQLite ends it there. No crash, a sound store. */
static void test_log_flips(void **state)
{
    struct fixture *f = *state;
    struct copies copy;
    char wal[128];
    uint64_t at = seed;
    snprintf(wal, sizeof wal, "%s-wal", f->path);
    store_up(f);
    for (int i = 0; i < 30; i++) {
        char id[24];
        snprintf(id, sizeof id, "e%d", i);
        put_event(f->s, id, "u", "i");
    }
    assert_int_equal(file_read(f->ctx, f->path, 1 << 30, &copy.bytes[0], &copy.size[0], NULL),
                     AKIN_OK);
    assert_int_equal(file_read(f->ctx, wal, 1 << 30, &copy.bytes[1], &copy.size[1], NULL), AKIN_OK);
    store_down(f);
    assert_true(copy.size[1] > 30 * 4096);
    for (int i = 0; i < LOG_FLIPS; i++) {
        struct store *s = NULL;
        int64_t place = (int64_t)(draw(&at) % (uint64_t)copy.size[1]), n = 0;
        char old = copy.bytes[1][place];
        clean(f);
        copy.bytes[1][place] = (char)(old ^ (1 << draw(&at) % 8));
        write_plain(f->path, copy.bytes[0], copy.size[0]);
        write_plain(wal, copy.bytes[1], i % 2 ? copy.size[1] : place);
        copy.bytes[1][place] = old;
        if (store_open(f->ctx, f->url, NULL, &s, NULL) != AKIN_OK)
            continue;
        check_store(s);
        assert_int_equal(store_events(s, 0, 0, count_event, &n, NULL), AKIN_OK);
        assert_in_range(n, 0, 30);
        put_event(s, "new", "u", "i");
        store_close(s);
    }
    mem_free(f->ctx, copy.bytes[0]);
    mem_free(f->ctx, copy.bytes[1]);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)
    const struct CMUnitTest tests[] = {T(test_flips), T(test_cuts), T(test_log_flips)};
    const char *given = getenv("AKIN_TEST_SEED");
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    print_message("seed %llu (AKIN_TEST_SEED)\n", (unsigned long long)seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
