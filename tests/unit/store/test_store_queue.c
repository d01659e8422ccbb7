/* The store under many writers: its queue, one bad write among good ones, backups meanwhile, its
 * log. */
#include "unit/store/store_setup.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

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
        T(test_queue_full), T(test_bad_among_good), T(test_threads),
        T(test_backup),     T(test_log_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
