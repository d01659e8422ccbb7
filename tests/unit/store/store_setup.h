/* What the tests of the store share: a context, a folder, short ways to write and to read. */
#ifndef TESTS_UNIT_STORE_STORE_SETUP_H
#define TESTS_UNIT_STORE_STORE_SETUP_H

#include "unit/core/setup.h"

#include "store/store.h"

#include <dirent.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    akin_ctx *ctx;
    struct store *s;
    char dir[64], path[96], url[112];
};

static inline int store_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    f->ctx = test_ctx_new(1, 0);
    /* In memory where possible: hundreds of openings and commits follow. */
    snprintf(f->dir, sizeof f->dir, "%s/akin-test-XXXXXX",
             access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    if (!mkdtemp(f->dir))
        return -1;
    snprintf(f->path, sizeof f->path, "%s/s.db", f->dir);
    snprintf(f->url, sizeof f->url, "sqlite:%s", f->path);
    *state = f;
    return 0;
}

/* All files of the folder; call with each path, or remove them. */
static inline void each_file(const char *dir, void (*fn)(const char *path, void *arg), void *arg)
{
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        char path[384];
        if (e->d_name[0] == '.' && (e->d_name[1] == '\0' || e->d_name[1] == '.'))
            continue;
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (fn)
            fn(path, arg);
        else
            unlink(path);
    }
    closedir(d);
}

static inline void store_down(struct fixture *f)
{
    store_close(f->s);
    f->s = NULL;
}

static inline int store_teardown(void **state)
{
    struct fixture *f = *state;
    store_down(f);
    each_file(f->dir, NULL, NULL);
    int failed = rmdir(f->dir);
    test_ctx_done(f->ctx);
    free(f);
    return failed;
}

static inline void store_up_with(struct fixture *f, const struct store_options *options)
{
    akin_error err;
    if (store_open(f->ctx, f->url, options, &f->s, &err) != AKIN_OK)
        fail_msg("%s", err.message);
}

static inline void store_up(struct fixture *f)
{
    store_up_with(f, NULL);
}

static inline struct store_event make_event(const char *id, const char *user, const char *item,
                                            const char *type, int64_t time)
{
    return (struct store_event){.event_id = id,
                                .user_id = user,
                                .item_id = item,
                                .event_type = type,
                                .value = (double)NAN,
                                .time = time};
}

/* Writes n events in one write; the number of new ones. */
static inline int64_t put_events(struct store *s, const struct store_event *events, int64_t n)
{
    akin_error err;
    struct store_write w = {.op = STORE_PUT_EVENTS, .events = events, .n = n};
    if (store_write_wait(s, &w, &err) != AKIN_OK)
        fail_msg("%s", err.message);
    return w.n_new;
}

static inline void put_event(struct store *s, const char *id, const char *user, const char *item)
{
    const struct store_event e = make_event(id, user, item, "view", 1000);
    assert_int_equal(put_events(s, &e, 1), 1);
}

static inline int64_t put_entity(struct store *s, enum store_kind kind, const char *id,
                                 const char *attributes)
{
    const struct store_entity e = {.kind = kind, .id = id, .attributes = attributes};
    struct store_write w = {.op = STORE_PUT_ENTITY, .entity = &e};
    assert_int_equal(store_write_wait(s, &w, NULL), AKIN_OK);
    return w.first_seq;
}

static inline int64_t erase_user(struct store *s, const char *id)
{
    struct store_write w = {.op = STORE_ERASE_USER, .id = id};
    assert_int_equal(store_write_wait(s, &w, NULL), AKIN_OK);
    assert_true(w.first_seq > 0);
    return w.n_deleted;
}

/* What was read, one line an event: "seq event_id user item type value time context". */
struct lines {
    char text[65536];
    size_t size;
    int64_t n, most; /* most 0 = all */
};

static inline bool add_event_line(void *arg, const struct store_event *e)
{
    struct lines *l = arg;
    l->size += (size_t)snprintf(l->text + l->size, sizeof l->text - l->size,
                                "%lld %s %s %s '%s' %g %lld %s\n", (long long)e->seq, e->event_id,
                                e->user_id, e->item_id, e->event_type, e->value, (long long)e->time,
                                e->context ? e->context : "-");
    assert_true(l->size < sizeof l->text);
    return ++l->n != l->most;
}

static inline bool count_event(void *arg, const struct store_event *e)
{
    int64_t *n = arg;
    (void)e;
    ++*n;
    return true;
}

static inline int64_t count_events(struct store *s)
{
    int64_t n = 0;
    akin_error err;
    if (store_events(s, 0, 0, count_event, &n, &err) != AKIN_OK)
        fail_msg("%s", err.message);
    return n;
}

static inline void check_store(struct store *s)
{
    akin_error err;
    if (store_check(s, &err) != AKIN_OK)
        fail_msg("%s", err.message);
}

#endif
