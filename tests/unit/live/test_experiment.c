/*
 * Experiments without an engine: intervals and assignments against independent numbers, uniformity,
 * configuration, conversion windows, credit, bounds, erasure, a torn journal, and counts that are
 * the same after any number of restarts.
 */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/json.h"
#include "core/rng.h"
#include "experiment_golden.h"
#include "live/answer.h"
#include "live/experiment.h"
#include "live/journal.h"
#include "live/proportion.h"

static const uint64_t test_seed = 20261121;
static const int64_t day = 86400;

#define COUNT(x) (sizeof(x) / sizeof((x)[0]))

/* ---- Numbers ---- */

static void close_to(double got, double want, double most)
{
    if (!(fabs(got - want) <= most * (fabs(want) > 1e-3 ? fabs(want) : 1e-3)))
        fail_msg("%.17g, expected %.17g", got, want);
}

static void test_statistics(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(golden_wilson); i++) {
        struct interval x = proportion_wilson(golden_wilson[i].k, golden_wilson[i].n);
        close_to(x.lo, golden_wilson[i].lo, 1e-12);
        close_to(x.hi, golden_wilson[i].hi, 1e-12);
        assert_true(x.lo >= 0.0 && x.hi <= 1.0 && x.lo <= x.value && x.value <= x.hi);
    }
    for (size_t i = 0; i < COUNT(golden_difference); i++) {
        struct interval x = proportion_difference(golden_difference[i].k, golden_difference[i].n,
                                                  golden_difference[i].k0, golden_difference[i].n0);
        close_to(x.lo, golden_difference[i].lo, 1e-12);
        close_to(x.hi, golden_difference[i].hi, 1e-12);
    }
    for (size_t i = 0; i < COUNT(golden_sign); i++) {
        double p = proportion_sign_test(golden_sign[i].k, golden_sign[i].n);
        if (!(fabs(p / golden_sign[i].p - 1.0) <= 1e-9))
            fail_msg("sign test %lld of %lld: %.17g", (long long)golden_sign[i].k,
                     (long long)golden_sign[i].n, p);
        assert_true(p ==
                    proportion_sign_test(golden_sign[i].n - golden_sign[i].k, golden_sign[i].n));
    }
    assert_true(isnan(proportion_wilson(0, 0).value) && proportion_wilson(0, 0).hi == 1.0);
    assert_true(isnan(proportion_difference(1, 2, 0, 0).value));
    assert_true(proportion_sign_test(1000000000, 1000000000) == 0.0);
}

static void test_assignment(void **state)
{
    enum { USERS = 100000, CELLS = 100 };
    static int64_t cell[2][CELLS], both[CELLS / 10][CELLS / 10];
    const uint64_t seed[2] = {experiment_seed("homepage"), experiment_seed("blend-2026")};
    (void)state;
    for (size_t i = 0; i < COUNT(golden_point); i++)
        assert_true(experiment_point(experiment_seed(golden_point[i].experiment),
                                     golden_point[i].user) == golden_point[i].point);
    /* uniform within an experiment, and two experiments do not know of each other; bounds of
     * chi-squared at p = 1e-6 for 99 and 81 degrees of freedom */
    for (int u = 0; u < USERS; u++) {
        char id[32];
        int at[2];
        snprintf(id, sizeof id, "%llu", (unsigned long long)(test_seed + (uint64_t)u));
        for (int e = 0; e < 2; e++) {
            at[e] = (int)(experiment_point(seed[e], id) * CELLS);
            cell[e][at[e]]++;
        }
        both[at[0] / 10][at[1] / 10]++;
    }
    for (int e = 0; e < 2; e++) {
        double chi = 0.0, want = (double)USERS / CELLS;
        for (int i = 0; i < CELLS; i++)
            chi += ((double)cell[e][i] - want) * ((double)cell[e][i] - want) / want;
        assert_true(chi < 180.8);
    }
    double chi = 0.0, want = (double)USERS / 100.0;
    for (int i = 0; i < 10; i++)
        for (int j = 0; j < 10; j++)
            chi += ((double)both[i][j] - want) * ((double)both[i][j] - want) / want;
    assert_true(chi < 180.8);
}

/* ---- A bed ---- */

struct bed {
    akin_ctx *ctx;
    struct experiments *x;
    char dir[64], path[96];
    akin_error err;
};

static void ok(akin_status status, const struct bed *b, const char *what)
{
    if (status != AKIN_OK)
        fail_msg("%s: %s", what, b->err.message);
}
#define OK(call) ok((call), b, #call)

static void bed_make(struct bed *b)
{
    memset(b, 0, sizeof *b);
    OK(ctx_create(1, test_seed, 0, &b->ctx, &b->err));
    snprintf(b->dir, sizeof b->dir, "/tmp/akin-exper-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    snprintf(b->path, sizeof b->path, "%s/x.exposures", b->dir);
}

static void bed_free(struct bed *b)
{
    experiments_free(b->x);
    assert_int_equal(mem_used(b->ctx->mem), 0);
    ctx_free(b->ctx);
    unlink(b->path);
    assert_int_equal(rmdir(b->dir), 0);
}

static const char *const split_and_mix =
    "[{\"name\":\"split\",\"arms\":[{\"name\":\"a\",\"model\":\"m\",\"share\":0.5},"
    "{\"name\":\"b\",\"model\":\"n\",\"share\":0.5}],\"types\":[\"buy\"],\"window\":\"7d\"},"
    "{\"name\":\"mix\",\"kind\":\"interleave\",\"arms\":[{\"model\":\"m\",\"share\":0.5},"
    "{\"model\":\"n\",\"share\":0.5}],\"window\":\"1d\"}]";

static akin_status make(struct bed *b, const char *json, int64_t max_exposed)
{
    json_t *list = json_loads(json, 0, NULL);
    assert_non_null(list);
    akin_status status = experiments_create(b->ctx, list, max_exposed, b->path, &b->x, &b->err);
    json_decref(list);
    return status;
}

static void open_empty(struct bed *b, const char *json, int64_t max_exposed)
{
    int64_t after;
    OK(make(b, json, max_exposed));
    OK(experiments_load(b->x, 0, &after, &b->err));
    assert_int_equal(after, 0);
    OK(experiments_start(b->x, &b->err));
}

static void close_bed(struct bed *b)
{
    experiments_free(b->x);
    b->x = NULL;
}

static struct experiment_pick pick_of(const struct bed *b, int i, int arm)
{
    return (struct experiment_pick){experiments_at(b->x, i), i, arm};
}

static struct experiment_counts counts(const struct bed *b, int i)
{
    struct experiment_counts c;
    experiment_counts(experiments_at(b->x, i), &c);
    return c;
}

/* ---- Configuration ---- */

static void test_configuration(void **state)
{
#define ARM(rest) "{\"model\":\"m\"," rest "}"
    static const struct {
        const char *list, *says;
    } bad[] = {
        {"[{\"name\":\"x\"}]", "arms"},
        {"[{\"name\":\"x y\",\"arms\":[" ARM("\"share\":1") "]}]", "'x y' (must have 1..63"},
        {"[{\"name\":\"x\",\"arms\":[" ARM("\"share\":1") "]}]", "1 arms (must be 2..8)"},
        {"[{\"name\":\"x\",\"arms\":[" ARM("\"share\":1") "," ARM("\"share\":0") "]}]",
         "two arms are called 'm'"},
        {"[{\"name\":\"x\",\"arms\":[" ARM("\"share\":0.6") "," ARM(
             "\"name\":\"b\",\"share\":0.5") "]}]",
         "sum to 1.1 (must be over 0, at most 1)"},
        {"[{\"name\":\"x\",\"arms\":[" ARM("\"shar\":0.6") ",7]}]", "did you mean 'share'"},
        {"[{\"name\":\"x\",\"window\":\"7\",\"arms\":[]}]", "window '7'"},
        {"[{\"name\":\"x\",\"window\":\"0d\",\"arms\":[]}]", "window '0d'"},
        {"[{\"name\":\"x\",\"kind\":\"duel\",\"arms\":[]}]", "kind"},
        {"[{\"name\":\"x\",\"kind\":\"interleave\",\"arms\":[" ARM("\"share\":0.2") "," ARM(
             "\"name\":\"b\",\"share\":0.2") "," ARM("\"name\":\"c\",\"share\":0.2") "]}]",
         "3 arms (must be 2..2)"},
        {"[7]", "must be an object"},
    };
    struct bed bed, *b = &bed;
    (void)state;
    bed_make(b);
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(make(b, bad[i].list, 10), AKIN_E_ARG);
        if (!strstr(b->err.message, bad[i].says))
            fail_msg("%s: %s", bad[i].list, b->err.message);
    }
    OK(make(b, "[]", 10));
    assert_null(b->x);
    OK(make(b, split_and_mix, 10));
    assert_int_equal(experiments_count(b->x), 2);
    assert_int_equal(experiments_at(b->x, 0)->window_seconds, 7 * day);
    bed_free(b);
}

/* The rest of the shares is outside; who is in an arm of the first experiment is not in the next.
 */
static void test_shares(void **state)
{
    enum { USERS = 20000 };
    struct bed bed, *b = &bed;
    int n[3] = {0};
    (void)state;
    bed_make(b);
    OK(make(b,
            "[{\"name\":\"homepage\",\"arms\":[{\"model\":\"m\",\"share\":0.1},{\"model\":\"n\","
            "\"share\":0.2}]}]",
            10));
    for (int u = 0; u < USERS; u++) {
        struct experiment_pick pick;
        char id[16];
        snprintf(id, sizeof id, "u%d", u);
        double point = experiment_point(experiment_seed("homepage"), id);
        bool is_in = experiments_assign(b->x, id, &pick);
        assert_int_equal(is_in, point < 0.1 + 0.2);
        if (is_in)
            assert_int_equal(pick.arm, point >= 0.1);
        n[is_in ? pick.arm : 2]++;
    }
    assert_true(abs(n[0] - USERS / 10) < 5 * 43 && abs(n[1] - USERS / 5) < 5 * 57);
    bed_free(b);
}

/* ---- Exposure and conversion ---- */

static void test_conversion(void **state)
{
    struct bed bed, *b = &bed;
    (void)state;
    bed_make(b);
    open_empty(b, split_and_mix, 100);
    struct experiment_pick a = pick_of(b, 0, 0), other = pick_of(b, 0, 1);
    experiments_event(b->x, "early", "i", "buy", 1000, 1); /* before its exposure */
    experiments_expose(b->x, &a, "early", 1000, NULL, 0);
    experiments_expose(b->x, &a, "two", 1000, NULL, 0);
    experiments_expose(b->x, &a, "two", 5000, NULL, 0); /* the first time stays */
    experiments_expose(b->x, &other, "late", 1000, NULL, 0);
    experiments_expose(b->x, &other, "looks", 1000, NULL, 0);
    experiments_event(b->x, "two", "i", "buy", 1000, 2);
    experiments_event(b->x, "two", "j", "buy", 1000 + 7 * day, 3);
    experiments_event(b->x, "late", "i", "buy", 1001 + 7 * day, 4);
    experiments_event(b->x, "late", "i", "buy", 999, 5);
    experiments_event(b->x, "looks", "i", "view", 1001, 6);
    experiments_event(b->x, "stranger", "i", "buy", 1001, 7);
    struct experiment_counts c = counts(b, 0);
    assert_int_equal(c.users[0], 2);
    assert_int_equal(c.users[1], 2);
    assert_int_equal(c.answers[0], 3);
    assert_int_equal(c.converted[0], 1);
    assert_int_equal(c.events[0], 2);
    assert_int_equal(c.converted[1], 0);
    experiments_erase(b->x, "two", 8);
    experiments_erase(b->x, "nobody", 9);
    c = counts(b, 0);
    assert_int_equal(c.users[0], 1);
    assert_int_equal(c.converted[0], 0);
    assert_int_equal(c.events[0], 0);
    bed_free(b);
}

static void show(struct bed *b, const char *user, int64_t now, const char *items, int teams)
{
    uint32_t shown[EXPERIMENT_SHOWN];
    struct experiment_pick pick = pick_of(b, 1, 0);
    int n = (int)strlen(items);
    for (int i = 0; i < n; i++)
        shown[i] = experiment_item(items + i, 1, teams >> i % 16 & 1);
    experiments_expose(b->x, &pick, user, now, shown, n);
}

static void test_credit(void **state)
{
    struct bed bed, *b = &bed;
    (void)state;
    bed_make(b);
    open_empty(b, split_and_mix, 100);
    show(b, "u", 1000, "pqrs", 2 + 8);               /* p, r: first; q, s: second */
    experiments_event(b->x, "u", "q", "x", 1001, 1); /* second */
    experiments_event(b->x, "u", "q", "x", 1002, 2); /* an item is credited once */
    experiments_event(b->x, "u", "z", "x", 1002, 3); /* was not shown */
    struct experiment_counts c = counts(b, 1);
    assert_int_equal(c.wins[1], 1);
    assert_int_equal(c.events[1], 1);
    experiments_event(b->x, "u", "p", "x", 1003, 4);
    c = counts(b, 1);
    assert_int_equal(c.wins[1], 0);
    assert_int_equal(c.ties, 1);
    show(b, "u", 2000, "rst", 1); /* now r plays for the second */
    experiments_event(b->x, "u", "r", "x", 2001, 5);
    experiments_event(b->x, "u", "q", "x", 2001, 6);       /* no longer shown */
    experiments_event(b->x, "u", "s", "x", 2001 + day, 7); /* too late */
    c = counts(b, 1);
    assert_int_equal(c.wins[1], 1);
    assert_int_equal(c.ties, 0);
    assert_int_equal(c.events[0], 1);
    assert_int_equal(c.events[1], 2);
    assert_int_equal(c.users[0], 1);
    show(b, "idle", 1000, "pq", 1);
    c = counts(b, 1);
    assert_int_equal(c.users[0], 2);
    assert_int_equal(c.wins[0] + c.wins[1] + c.ties, 1);
    bed_free(b);
}

static void test_bounds(void **state)
{
    struct bed bed, *b = &bed;
    (void)state;
    bed_make(b);
    open_empty(b, split_and_mix, 300);
    struct experiment_pick a = pick_of(b, 0, 0);
    for (int u = 0; u < 1000; u++) {
        char id[16];
        snprintf(id, sizeof id, "u%d", u);
        experiments_expose(b->x, &a, id, 1000, NULL, 0);
        experiments_event(b->x, id, "i", "buy", 1000, u + 1);
    }
    struct experiment_counts c = counts(b, 0);
    assert_int_equal(c.users[0], 300);
    assert_int_equal(c.converted[0], 300);
    assert_int_equal(c.untracked, 700);
    assert_int_equal(c.answers[0], 1000);
    bed_free(b);
}

/* ---- Restarts ---- */

enum { WORLD_EVENTS = 4000, WORLD_USERS = 60 };
struct world {
    struct {
        int user, is_erasure;
        char item[2];
        const char *type;
        int64_t time;
    } e[WORLD_EVENTS + 1]; /* by sequence number */
    int64_t n;
};

static void name_of(int user, char id[16])
{
    snprintf(id, 16, "u%d", user);
}

/* As live_start does it. */
static void reopen(struct bed *b, const struct world *w)
{
    int64_t after;
    char id[16];
    close_bed(b);
    OK(make(b, split_and_mix, 5000));
    OK(experiments_load(b->x, w->n, &after, &b->err));
    for (int64_t s = 1; s <= w->n; s++) {
        name_of(w->e[s].user, id);
        if (w->e[s].is_erasure)
            OK(experiments_erased(b->x, id, s, &b->err));
    }
    for (int64_t s = after + 1; s <= w->n; s++) {
        name_of(w->e[s].user, id);
        bool is_gone = w->e[s].is_erasure;
        for (int64_t t = s; t <= w->n && !is_gone; t++) /* the store holds no event of the erased */
            is_gone = w->e[t].is_erasure && w->e[t].user == w->e[s].user;
        if (!is_gone)
            experiments_event(b->x, id, w->e[s].item, w->e[s].type, w->e[s].time, s);
    }
    OK(experiments_start(b->x, &b->err));
}

static void same_counts(struct experiment_counts x, struct experiment_counts y)
{
    memset(x.answers, 0, sizeof x.answers); /* since the start */
    memset(y.answers, 0, sizeof y.answers);
    assert_memory_equal(&x, &y, sizeof x);
}

static void step(struct bed *b, struct world *w, struct rng *rng, int64_t now)
{
    char id[16], items[6];
    int user = (int)rng_below(rng, WORLD_USERS);
    name_of(user, id);
    switch (rng_below(rng, 8)) {
    case 0:
    case 1: {
        struct experiment_pick pick = pick_of(b, 0, user % 2);
        experiments_expose(b->x, &pick, id, now, NULL, 0);
        break;
    }
    case 2:
    case 3:
        for (int i = 0; i < 5; i++)
            items[i] = (char)('a' + (5 * (int)rng_below(rng, 4) + i));
        items[5] = '\0';
        show(b, id, now, items, (int)rng_below(rng, 32));
        break;
    case 4:
        if (rng_below(rng, 20) == 0) {
            w->e[++w->n].user = user;
            w->e[w->n].is_erasure = 1;
            experiments_erase(b->x, id, w->n);
            break;
        } /* fall through */
    default:
        w->n++;
        w->e[w->n].user = user;
        w->e[w->n].item[0] = (char)('a' + (int)rng_below(rng, 20));
        w->e[w->n].type = rng_below(rng, 2) ? "buy" : "view";
        w->e[w->n].time = now - (int64_t)rng_below(rng, 3);
        experiments_event(b->x, id, w->e[w->n].item, w->e[w->n].type, w->e[w->n].time, w->n);
    }
}

static void test_restart(void **state)
{
    static struct world w;
    struct bed bed, *b = &bed;
    struct rng rng = rng_make(test_seed, RNG_TEST, 1);
    (void)state;
    bed_make(b);
    open_empty(b, split_and_mix, 1000);
    for (int i = 0, restarts = 0; w.n < WORLD_EVENTS; i++) {
        step(b, &w, &rng, 1000 + i * 60);
        if (rng_below(&rng, 400) != 0)
            continue;
        struct experiment_counts split = counts(b, 0), mix = counts(b, 1);
        reopen(b, &w);
        same_counts(split, counts(b, 0));
        same_counts(mix, counts(b, 1));
        restarts++;
        if (restarts > 5)
            assert_true(split.events[0] + split.events[1] > 0 && mix.wins[0] + mix.wins[1] > 0);
    }
    bed_free(b);
}

static int64_t size_of(const char *path)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    int64_t size = ftell(f);
    fclose(f);
    return size;
}

static void put_file(const struct bed *b, const char *bytes, int64_t size)
{
    FILE *f = fopen(b->path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, (size_t)size, f), size);
    assert_int_equal(fclose(f), 0);
}

/* Whatever the length a crash left: what is whole counts, and the next start is clean. */
static void test_torn(void **state)
{
    struct bed bed, *b = &bed;
    struct experiment_pick pick;
    (void)state;
    bed_make(b);
    open_empty(b, split_and_mix, 100);
    int64_t head = size_of(b->path);
    pick = pick_of(b, 0, 0);
    experiments_expose(b->x, &pick, "one", 1000, NULL, 0);
    experiments_flush(b->x);
    int64_t one = size_of(b->path);
    experiments_expose(b->x, &pick, "two", 1000, NULL, 0);
    experiments_flush(b->x);
    int64_t two = size_of(b->path);
    close_bed(b);
    char bytes[1024];
    assert_true(two <= (int64_t)sizeof bytes);
    FILE *f = fopen(b->path, "rb");
    assert_non_null(f);
    assert_int_equal(fread(bytes, 1, (size_t)two, f), two);
    fclose(f);
    for (int64_t size = two; size >= head; size--) {
        struct journal_image image;
        put_file(b, bytes, size);
        OK(journal_read(b->ctx, b->path, &image, &b->err));
        assert_int_equal(image.n, 2 + (size >= one) + (size == two));
        assert_true(image.n_torn < size);
        journal_image_free(b->ctx, &image);
    }
    put_file(b, bytes, two - 1);
    static const struct world none;
    reopen(b, &none);
    assert_int_equal(counts(b, 0).users[0], 1);
    close_bed(b);
    /* a file of something else is not overwritten */
    put_file(b, "dear diary, this is longer than a head", 38);
    OK(make(b, split_and_mix, 100));
    int64_t after;
    assert_int_equal(experiments_load(b->x, 0, &after, &b->err), AKIN_E_FORMAT);
    assert_non_null(strstr(b->err.message, "not a journal"));
    assert_int_equal(size_of(b->path), 38);
    bed_free(b);
}

/* More at once than may wait for the disk: what had no room is in the file all the same, as soon as
 * its thread has written it anew. A journal of superseded lists does not grow without end. */
static void test_journal_catches_up(void **state)
{
    enum { USERS = 3000 };
    static const struct world none;
    struct bed bed, *b = &bed;
    char items[EXPERIMENT_SHOWN + 1] = "";
    (void)state;
    bed_make(b);
    for (int i = 0; i < EXPERIMENT_SHOWN; i++)
        items[i] = (char)(32 + i);
    open_empty(b, split_and_mix, USERS);
    for (int round = 0; round < 40; round++) {
        for (int u = 0; u < USERS; u++) {
            char id[16];
            name_of(u, id);
            show(b, id, 1000 + round, items + round, u);
        }
    }
    experiments_flush(b->x);
    show(b, "u0", 2000, "ab", 1); /* gives its thread something to do */
    experiments_flush(b->x);
    assert_int_equal(experiments_unsaved(b->x), 0);
    /* 40 lists of up to 304 bytes each would be 27 MB */
    assert_true(size_of(b->path) < (20 << 20));
    close_bed(b);
    reopen(b, &none);
    assert_int_equal(counts(b, 1).users[0], USERS);
    assert_true(size_of(b->path) < (int64_t)USERS * 320 + 1000);
    bed_free(b);
}

/* A disk that takes nothing for a while: exposures wait in memory, and are all there in the end. */
static void test_journal_without_disk(void **state)
{
    static const struct world none;
    struct bed bed, *b = &bed;
    struct rlimit whole, small;
    char id[16];
    int n = 0;
    (void)state;
    bed_make(b);
    open_empty(b, split_and_mix, 1000);
    struct experiment_pick pick = pick_of(b, 0, 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &whole), 0);
    small = whole;
    small.rlim_cur = (rlim_t)size_of(b->path);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (; n < 3; n++) {
        name_of(n, id);
        experiments_expose(b->x, &pick, id, 1000, NULL, 0);
        experiments_flush(b->x);
        assert_int_equal(experiments_unsaved(b->x), n + 1);
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &whole), 0);
    for (; experiments_unsaved(b->x) > 0 && n < 100; n++) {
        name_of(n, id);
        experiments_expose(b->x, &pick, id, 1000, NULL, 0);
        experiments_flush(b->x);
    }
    assert_int_equal(experiments_unsaved(b->x), 0);
    assert_true(n < 100);
    close_bed(b);
    reopen(b, &none);
    assert_int_equal(counts(b, 0).users[0], n);
    bed_free(b);
}

/* Another definition under an old name begins anew; the others go on. */
static void test_redefined(void **state)
{
    struct bed bed, *b = &bed;
    int64_t after;
    (void)state;
    bed_make(b);
    open_empty(b, split_and_mix, 100);
    struct experiment_pick pick = pick_of(b, 0, 1);
    experiments_expose(b->x, &pick, "one", 1000, NULL, 0);
    show(b, "one", 1000, "pq", 1);
    close_bed(b);
    OK(make(b,
            "[{\"name\":\"mix\",\"kind\":\"interleave\",\"arms\":[{\"model\":\"m\",\"share\":0.5},"
            "{\"model\":\"n\",\"share\":0.5}],\"window\":\"1d\"},{\"name\":\"split\",\"arms\":["
            "{\"name\":\"a\",\"model\":\"m\",\"share\":0.4},{\"name\":\"b\",\"model\":\"n\","
            "\"share\":0.6}],\"types\":[\"buy\"],\"window\":\"7d\"}]",
            100));
    OK(experiments_load(b->x, 0, &after, &b->err));
    OK(experiments_start(b->x, &b->err));
    assert_int_equal(counts(b, 0).users[0], 1);
    assert_int_equal(counts(b, 1).users[1], 0);
    bed_free(b);
}

/* Whatever allocation fails: a start says so and leaves nothing; running on, an exposure that finds
 * no room is not counted, and nothing else is harmed. */
static void test_out_of_memory(void **state)
{
    struct bed bed, *b = &bed;
    int64_t after, n = 0;
    akin_status status;
    (void)state;
    bed_make(b);
    open_empty(b, split_and_mix, 100);
    show(b, "u", 1000, "pq", 1);
    close_bed(b);
    do {
        mem_fail_at(b->ctx->mem, ++n);
        status = make(b, split_and_mix, 100);
        if (status == AKIN_OK)
            status = experiments_load(b->x, 0, &after, &b->err);
        if (status == AKIN_OK)
            status = experiments_erased(b->x, "nobody", 0, &b->err);
        if (status == AKIN_OK)
            status = experiments_start(b->x, &b->err);
        mem_fail_at(b->ctx->mem, 0);
        if (status != AKIN_OK)
            assert_int_equal(status, AKIN_E_MEMORY);
        close_bed(b);
    } while (status != AKIN_OK || n < 12);
    assert_true(n > 10);
    for (n = 1; n < 8; n++) {
        open_empty(b, split_and_mix, 100);
        mem_fail_at(b->ctx->mem, n);
        struct experiment_pick pick = pick_of(b, 0, 0);
        for (int u = 0; u < 40; u++) {
            char id[16];
            name_of(u, id);
            experiments_expose(b->x, &pick, id, 1000, NULL, 0);
            show(b, id, 1000, "pq", 1);
            experiments_event(b->x, id, "p", "buy", 1000, u + 1);
        }
        mem_fail_at(b->ctx->mem, 0);
        struct experiment_counts c = counts(b, 0);
        assert_int_equal(c.users[0], 40 - c.untracked);
        assert_int_equal(c.converted[0], c.users[0]);
        assert_true(c.users[0] >= 39);
        close_bed(b);
        unlink(b->path);
    }
    bed_free(b);
}

/* ---- The draft ---- */

static int32_t draft(struct arena *arena, const char *a, const char *b, uint64_t seed, char *out,
                     uint8_t *team)
{
    struct ranked x[32], y[32], z[32];
    akin_error err;
    for (size_t i = 0; a[i]; i++)
        x[i] = (struct ranked){a[i], 0.0f};
    for (size_t i = 0; b[i]; i++)
        y[i] = (struct ranked){b[i], 1.0f};
    int32_t n =
        team_draft(x, (int32_t)strlen(a), y, (int32_t)strlen(b), seed, 7, 10, arena, z, team, &err);
    for (int32_t i = 0; i < n; i++)
        out[i] = (char)z[i].item;
    out[n] = '\0';
    return n;
}

static void test_draft(void **state)
{
    struct bed bed, *b = &bed;
    struct arena arena;
    char out[32], again[32];
    uint8_t team[32];
    int first = 0;
    (void)state;
    bed_make(b);
    arena_init(&arena, b->ctx);
    for (uint64_t seed = 0; seed < 400; seed++) {
        int n[2] = {0};
        assert_int_equal(draft(&arena, "abcdefgh", "dcxyabzw", seed, out, team), 10);
        for (int i = 0; i < 10; i++) {
            assert_ptr_equal(strchr(out, out[i]), out + i); /* each once */
            n[team[i]]++;
            assert_non_null(strchr(team[i] ? "dcxyabzw" : "abcdefgh", out[i]));
            if (i % 2 == 1)
                assert_int_equal(n[0], n[1]); /* level after every round */
        }
        assert_true(out[0] == (team[0] ? 'd' : 'a'));
        first += team[0];
        draft(&arena, "abcdefgh", "dcxyabzw", seed, again, team);
        assert_string_equal(out, again);
    }
    assert_true(abs(first - 200) < 50); /* five sigma */
    /* a list that ends: the rest has no team */
    assert_int_equal(draft(&arena, "ab", "abcde", 1, out, team), 5);
    for (int i = 0; i < 5; i++)
        assert_true(i < 3 || team[i] == 3);
    assert_int_equal(draft(&arena, "", "", 1, out, team), 0);
    arena_free(&arena);
    bed_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statistics),
        cmocka_unit_test(test_assignment),
        cmocka_unit_test(test_configuration),
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_conversion),
        cmocka_unit_test(test_credit),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_torn),
        cmocka_unit_test(test_redefined),
        cmocka_unit_test(test_journal_catches_up),
        cmocka_unit_test(test_journal_without_disk),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_draft),
    };
    printf("seed %llu\n", (unsigned long long)test_seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
