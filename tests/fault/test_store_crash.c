/*
 * What the store promises when things end badly: after kill -9 at any instant every acknowledged
 * event is there, none twice; nothing is acknowledged before its fdatasync returned, and nothing
 * after one failed.
 *
 * The program runs itself as the child that writes.
 */
#include "unit/store/store_setup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>

enum { ROUNDS = 30, THREADS = 4, ID_SIZE = 32 };

extern char **environ;
static const char *self;
static uint64_t seed;

/* ---- The child ---- */

struct task {
    struct store *s;
    const char *round;
    int thread;
};

static void child_fail(const char *what, const char *why)
{
    fprintf(stderr, "child: %s: %s\n", what, why);
    exit(3);
}

/* Without end: writes of 1..8 events, every third with one that is there already; the ids of what
 * was acknowledged go out in one piece. */
static void *child_writes(void *arg)
{
    const struct task *t = arg;
    char ids[8][ID_SIZE], user[16], text[8 * ID_SIZE];
    struct store_event e[9];
    for (int n = 0;; n += 8) {
        struct store_write w = {.op = STORE_PUT_EVENTS, .events = e, .n = 1 + (n / 8) % 8};
        size_t size = 0;
        akin_error err;
        for (int i = 0; i < w.n; i++) {
            size += (size_t)snprintf(text + size, sizeof text - size, "%s-%d-%d\n", t->round,
                                     t->thread, n + i);
            snprintf(ids[i], ID_SIZE, "%s-%d-%d", t->round, t->thread, n + i);
            snprintf(user, sizeof user, "u%d", n % 50);
            e[i] = make_event(ids[i], user, "i", "view", n);
        }
        if (n % 3 == 0)
            e[w.n++] = e[0];
        if (store_write_wait(t->s, &w, &err) != AKIN_OK)
            child_fail("write", err.message);
        if (write(STDOUT_FILENO, text, size) != (ssize_t)size)
            exit(4);
    }
    return NULL;
}

static int child_main(const char *url, const char *round)
{
    akin_ctx *ctx;
    akin_error err;
    struct task tasks[THREADS];
    pthread_t threads[THREADS];
    struct store *s;
    if (ctx_create(1, 1, 0, &ctx, &err) != AKIN_OK ||
        store_open(ctx, url, NULL, &s, &err) != AKIN_OK)
        child_fail("open", err.message);
    for (int i = 0; i < THREADS; i++) {
        tasks[i] = (struct task){s, round, i};
        if (pthread_create(&threads[i], NULL, child_writes, &tasks[i]))
            return 5;
    }
    pthread_join(threads[0], NULL);
    return 6;
}

static pid_t spawn(const char *mode, const char *url, const char *round, char **env, int out)
{
    char *const argv[] = {strdup(self), strdup(mode), strdup(url), strdup(round), NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;
    posix_spawn_file_actions_init(&actions);
    if (out >= 0)
        posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    assert_int_equal(posix_spawn(&pid, self, &actions, NULL, argv, env), 0);
    posix_spawn_file_actions_destroy(&actions);
    for (int i = 0; i < 4; i++)
        free(argv[i]);
    return pid;
}

/* ---- kill -9 ---- */

struct acks {
    char (*ids)[ID_SIZE];
    size_t n, room;
    char rest[ID_SIZE]; /* a line that is not whole yet */
    size_t n_rest;
};

static void take_bytes(struct acks *a, const char *bytes, ssize_t n)
{
    for (ssize_t i = 0; i < n; i++) {
        if (bytes[i] != '\n') {
            assert_true(a->n_rest < ID_SIZE - 1);
            a->rest[a->n_rest++] = bytes[i];
            continue;
        }
        if (a->n == a->room) {
            a->room = a->room ? 2 * a->room : 1024;
            a->ids = realloc(a->ids, a->room * sizeof *a->ids);
            assert_non_null(a->ids);
        }
        a->rest[a->n_rest] = '\0';
        memcpy(a->ids[a->n++], a->rest, ID_SIZE);
        a->n_rest = 0;
    }
}

/* Runs the child until `ms` after its first acknowledgement (or after its start if ms < 0), kills
 * it, and takes what it has said. */
static void run_and_kill(struct fixture *f, int round, int ms, struct acks *a)
{
    int ends[2];
    char name[16], bytes[4096];
    ssize_t n;
    assert_int_equal(pipe(ends), 0);
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    snprintf(name, sizeof name, "r%d", round);
    pid_t pid = spawn("write", f->url, name, environ, ends[1]);
    close(ends[1]);
    struct pollfd p = {.fd = ends[0], .events = POLLIN};
    int64_t end = clock_ns() + (int64_t)(ms < 0 ? -ms : ms) * 1000000;
    if (ms >= 0) {
        assert_int_equal(poll(&p, 1, 60000), 1);
        end = clock_ns() + (int64_t)ms * 1000000;
    }
    for (int64_t left; (left = (end - clock_ns()) / 1000000) > 0;) {
        if (poll(&p, 1, (int)left) != 1)
            continue;
        n = read(ends[0], bytes, sizeof bytes);
        if (n <= 0)
            break; /* it ended by itself: waitpid tells */
        take_bytes(a, bytes, n);
    }
    kill(pid, SIGKILL);
    while ((n = read(ends[0], bytes, sizeof bytes)) > 0)
        take_bytes(a, bytes, n);
    close(ends[0]);
    int how;
    assert_int_equal(waitpid(pid, &how, 0), pid);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
}

struct found {
    char (*ids)[ID_SIZE];
    size_t n, room;
    int64_t seq;
};

static bool find_event(void *arg, const struct store_event *e)
{
    struct found *g = arg;
    assert_true(e->seq > g->seq);
    g->seq = e->seq;
    if (g->n == g->room) {
        g->room = g->room ? 2 * g->room : 1024;
        g->ids = realloc(g->ids, g->room * sizeof *g->ids);
        assert_non_null(g->ids);
    }
    snprintf(g->ids[g->n++], ID_SIZE, "%s", e->event_id);
    return true;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void verify(struct fixture *f, struct acks *a, int round)
{
    struct found g = {0};
    store_up(f);
    assert_int_equal(store_events(f->s, 0, 0, find_event, &g, NULL), AKIN_OK);
    if (g.n)
        qsort(g.ids, g.n, ID_SIZE, by_text);
    for (size_t i = 1; i < g.n; i++)
        if (strcmp(g.ids[i - 1], g.ids[i]) == 0)
            fail_msg("seed %llu, round %d: %s is there twice", (unsigned long long)seed, round,
                     g.ids[i]);
    for (size_t i = 0; i < a->n; i++)
        if (!bsearch(a->ids[i], g.ids, g.n, ID_SIZE, by_text))
            fail_msg("seed %llu, round %d: %s was acknowledged and is lost",
                     (unsigned long long)seed, round, a->ids[i]);
    if (round % 10 == 9)
        check_store(f->s);
    free(g.ids);
    store_down(f);
}

static void test_kill(void **state)
{
    struct fixture *f = *state;
    struct acks a = {0};
    uint64_t at = seed;
    for (int round = 0; round < ROUNDS; round++) {
        at = at * 6364136223846793005u + 1442695040888963407u;
        int ms = (int)(at >> 33) % 120;
        /* Some while it opens, some before the log has gone into the file the first time. */
        run_and_kill(f, round, round % 5 == 4 ? -1 - ms % 20 : ms, &a);
        a.n_rest = 0;
        verify(f, &a, round);
    }
    print_message("%zu acknowledged events, %d kills\n", a.n, ROUNDS);
    assert_true(a.n > ROUNDS);
    free(a.ids);
}

#ifdef AKIN_SHIM

/* ---- fdatasync before done ---- */

static int log_fd = -1;

static void log_line(const char *what, const char *id)
{
    char line[64];
    int n = snprintf(line, sizeof line, "%s %s\n", what, id);
    if (write(log_fd, line, (size_t)n) != n)
        exit(7);
}

static void log_done(struct store_write *w, akin_status status, const akin_error *err)
{
    (void)err;
    if (status != AKIN_OK)
        exit(8);
    log_line("done", w->events[0].event_id);
}

static struct store *child_open(akin_ctx **ctx, const char *url)
{
    struct store *s = NULL;
    akin_error err;
    if (ctx_create(1, 1, 0, ctx, &err) != AKIN_OK ||
        store_open(*ctx, url, NULL, &s, &err) != AKIN_OK)
        child_fail("open", err.message);
    return s;
}

enum { LOGGED = 200 };

static int logged_main(const char *url)
{
    akin_ctx *ctx;
    static struct store_event e[LOGGED];
    static struct store_write w[LOGGED];
    static char ids[LOGGED][ID_SIZE];
    struct store *s = child_open(&ctx, url);
    log_fd = open(getenv("AKIN_SHIM_LOG"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    for (int i = 0; i < LOGGED; i++) {
        snprintf(ids[i], ID_SIZE, "e%d", i);
        e[i] = make_event(ids[i], "u", "i", "", i);
        w[i] =
            (struct store_write){.op = STORE_PUT_EVENTS, .events = &e[i], .n = 1, .done = log_done};
        log_line("submit", ids[i]);
        if (store_submit(s, &w[i], NULL) != AKIN_OK)
            return 9;
        if (i % 20 == 19) { /* several commits, of one write and of many */
            char id[ID_SIZE];
            snprintf(id, sizeof id, "wait%d", i);
            put_event(s, id, "u", "i");
        }
    }
    store_close(s);
    ctx_free(ctx);
    return 0;
}

static char **shim_environ(const char *log, const char *fail)
{
    static char preload[512], to[160], when[160];
    static char *env[] = {preload, to, when, NULL};
    snprintf(preload, sizeof preload, "LD_PRELOAD=%s", AKIN_SHIM);
    snprintf(to, sizeof to, "AKIN_SHIM_LOG=%s", log);
    snprintf(when, sizeof when, "AKIN_SHIM_FAIL=%s", fail);
    return env;
}

static void wait_for(pid_t pid)
{
    int how;
    assert_int_equal(waitpid(pid, &how, 0), pid);
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), 0);
}

static void test_sync_before_done(void **state)
{
    struct fixture *f = *state;
    char log[96], fail[96], line[400];
    int submitted[LOGGED], synced = -1, begun = -1, n = 0, n_done = 0, n_syncs = 0;
    snprintf(log, sizeof log, "%s/log", f->dir);
    snprintf(fail, sizeof fail, "%s/fail", f->dir);
    wait_for(spawn("logged", f->url, "", shim_environ(log, fail), -1));
    FILE *in = fopen(log, "r");
    assert_non_null(in);
    for (; fgets(line, sizeof line, in); n++) {
        int i;
        bool is_log = strstr(line, "s.db-wal\n") != NULL;
        if (is_log && strncmp(line, "begin ", 6) == 0) {
            begun = n;
        } else if (is_log && strncmp(line, "end 0 ", 6) == 0) {
            synced = begun; /* all that was submitted before `begun` may be durable */
            n_syncs++;
        } else if (sscanf(line, "submit e%d", &i) == 1) {
            submitted[i] = n;
        } else if (sscanf(line, "done e%d", &i) == 1) {
            n_done++;
            if (synced < submitted[i])
                fail_msg("e%d: done without an fdatasync after it was submitted", i);
        }
    }
    fclose(in);
    assert_int_equal(n_done, LOGGED);
    assert_true(n_syncs >= LOGGED / 20);
    print_message("%d fdatasyncs of the log, %d events\n", n_syncs, n_done);
}

/* ---- fdatasync fails ---- */

static int failing_main(const char *url)
{
    akin_ctx *ctx;
    struct store_info info;
    akin_error err;
    const char *flag = getenv("AKIN_SHIM_FAIL");
    struct store *s = child_open(&ctx, url);
    put_event(s, "before", "u", "i");
    close(open(flag, O_WRONLY | O_CREAT, 0600));
    for (int i = 0; i < 4; i++) {
        const struct store_event e = make_event(i < 2 ? "lost" : "lost too", "u", "i", "", 1);
        struct store_write w = {.op = STORE_PUT_EVENTS, .events = &e, .n = 1};
        if (i == 2)
            unlink(flag); /* works again, but nobody knows what is on disk */
        if (store_write_wait(s, &w, &err) != AKIN_E_IO)
            return 10;
    }
    store_info(s, &info);
    if (info.state != STORE_FAILED || !strstr(info.message, "input or output failed"))
        return 11;
    if (info.n_events != 1 || count_events(s) != 1) /* reads go on */
        return 12;
    store_close(s);
    /* Opened again: what was acknowledged is there, and it works. */
    if (store_open(ctx, url, NULL, &s, &err) != AKIN_OK)
        child_fail("open", err.message);
    put_event(s, "after", "u", "i");
    const struct store_event again[] = {make_event("before", "u", "i", "", 1),
                                        make_event("after", "u", "i", "", 1)};
    if (put_events(s, again, 2) != 0)
        return 13;
    check_store(s);
    store_close(s);
    /* And while it is opened, or made. */
    char other[160];
    snprintf(other, sizeof other, "%s-other.db", url);
    close(open(flag, O_WRONLY | O_CREAT, 0600));
    if (store_open(ctx, other, NULL, &s, &err) != AKIN_E_IO)
        return 14;
    ctx_free(ctx);
    return 0;
}

static void test_sync_fails(void **state)
{
    struct fixture *f = *state;
    char log[96], fail[96];
    snprintf(log, sizeof log, "%s/log", f->dir);
    snprintf(fail, sizeof fail, "%s/fail", f->dir);
    wait_for(spawn("failing", f->url, "", shim_environ(log, fail), -1));
}

#endif

static int setup_on_disk(void **state)
{
    int failed = store_setup(state);
    struct fixture *f = *state;
    if (failed)
        return failed;
    rmdir(f->dir);
    snprintf(f->dir, sizeof f->dir, "/tmp/akin-test-XXXXXX");
    if (!mkdtemp(f->dir))
        return -1;
    snprintf(f->path, sizeof f->path, "%s/s.db", f->dir);
    snprintf(f->url, sizeof f->url, "sqlite:%s", f->path);
    return 0;
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup_on_disk, store_teardown)
    const struct CMUnitTest tests[] = {
        T(test_kill),
#ifdef AKIN_SHIM
        T(test_sync_before_done),
        T(test_sync_fails),
#endif
    };
    self = argv[0];
    if (argc == 4 && strcmp(argv[1], "write") == 0)
        return child_main(argv[2], argv[3]);
#ifdef AKIN_SHIM
    if (argc == 4 && strcmp(argv[1], "logged") == 0)
        return logged_main(argv[2]);
    if (argc == 4 && strcmp(argv[1], "failing") == 0)
        return failing_main(argv[2]);
#endif
    const char *given = getenv("AKIN_TEST_SEED");
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    print_message("seed %llu (AKIN_TEST_SEED)\n", (unsigned long long)seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
