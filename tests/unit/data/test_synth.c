/* Synthetic data: shape, threads, the promises about pairs and times, what is planted, refusals. */
#include "data/synth.h"

#include "core/file.h"
#include "core/hash.h"
#include "unit/data/flow_fixture.h"

#include <unistd.h>

static const char *const files[] = {"ratings.csv", "items.csv", "users.csv", "tags.csv",
                                    "README.md"};

static struct synth_params params(akin_ctx *ctx, const char *json)
{
    akin_error err;
    struct arena arena;
    struct synth_params p;
    json_t *object = json_loads(json, 0, NULL);
    assert_non_null(object);
    arena_init(&arena, ctx);
    if (param_parse("synth", synth_param_rows, synth_n_params, object, &arena, &p, &err) != AKIN_OK)
        fail_msg("%s", err.message);
    arena_free(&arena);
    json_decref(object);
    return p;
}

static void make_dir(char *dir)
{
    memcpy(dir, "/tmp/akin-test-synth-XXXXXX", 28);
    assert_non_null(mkdtemp(dir));
}

static void remove_dir(const char *dir)
{
    char path[128];
    for (int f = 0; f < 5; f++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[f]);
        unlink(path);
    }
    assert_int_equal(rmdir(dir), 0); /* so nothing else is left there */
}

static char *read_file(akin_ctx *ctx, const char *dir, int f, int64_t *size)
{
    char path[128];
    char *data = NULL;
    akin_error err;
    snprintf(path, sizeof path, "%s/%s", dir, files[f]);
    if (file_read(ctx, path, INT64_MAX / 8, &data, size, &err) != AKIN_OK)
        fail_msg("%s", err.message);
    return data;
}

static int64_t lines(const char *data, int64_t size)
{
    int64_t n = 0;
    for (int64_t i = 0; i < size; i++)
        n += data[i] == '\n';
    return n;
}

static void test_threads(void **state)
{
    (void)state;
    int threads[] = {1, 2, 3, 8, 1};
    uint64_t sums[5][5];
    for (int t = 0; t < 5; t++) {
        akin_ctx *ctx = fix_ctx(threads[t], t == 4 ? 8 : 7);
        akin_error err;
        char dir[32];
        json_t *report = NULL;
        struct synth_params p = params(ctx, "{\"users\":2000,\"items\":700,\"events\":40000,"
                                            "\"context\":true}");
        make_dir(dir);
        assert_int_equal(synth_write(ctx, &p, dir, &report, &err), AKIN_OK);
        int64_t want[] = {40001, 701, 2001,
                          1 + json_integer_value(json_object_get(report, "tags"))};
        for (int f = 0; f < 5; f++) {
            int64_t size;
            char *data = read_file(ctx, dir, f, &size);
            sums[t][f] = hash_bytes(data, (size_t)size, 0);
            if (f < 4)
                assert_int_equal(lines(data, size), want[f]);
            if (t > 0)
                assert_int_equal(sums[t][f] == sums[0][f], t < 4);
            mem_free(ctx, data);
        }
        assert_int_equal(json_integer_value(json_object_get(report, "events")), 40000);
        assert_int_equal(json_array_size(json_object_get(report, "files")), 5);
        json_decref(report);
        remove_dir(dir);
        assert_int_equal(mem_used(ctx->mem), 0);
        ctx_free(ctx);
    }
}

struct event {
    int user, item, half_stars;
    int64_t time;
    char type[8], device[8];
    int hour;
};

static int64_t read_events(akin_ctx *ctx, const char *dir, bool context, struct event *out)
{
    int64_t size, n = 0;
    char *data = read_file(ctx, dir, 0, &size), *at = strchr(data, '\n');
    for (; at && at[1]; at = strchr(at + 1, '\n'), n++) {
        struct event *e = &out[n];
        double value;
        long long time;
        int got = context ? sscanf(at + 1, "%d,%d,%lf,%lld,%7[^,],%7[^,],%d", &e->user, &e->item,
                                   &value, &time, e->type, e->device, &e->hour)
                          : sscanf(at + 1, "%d,%d,%lf,%lld", &e->user, &e->item, &value, &time);
        assert_int_equal(got, context ? 7 : 4);
        e->half_stars = (int)(value * 2);
        assert_true(e->half_stars == value * 2 && value >= .5 && value <= 5);
        e->time = time;
    }
    mem_free(ctx, data);
    return n;
}

/* Of four clusters the number of an item is that of its first category. */
static void read_clusters(akin_ctx *ctx, const char *dir, int *cluster)
{
    static const char *const names[] = {"Adventure", "Animation", "Biography", "Comedy"};
    int64_t size, item = 0;
    char *data = read_file(ctx, dir, 1, &size), *at = strchr(data, '\n') + 1;
    for (char *end = strchr(at, '\n'); end; at = end + 1, end = strchr(at, '\n')) {
        *end = '\0';
        cluster[item] = -1;
        for (int c = 0; c < 4; c++) {
            char alone[16], first[16];
            snprintf(alone, sizeof alone, ",%s,", names[c]);
            snprintf(first, sizeof first, ",%s|", names[c]);
            if (strstr(at, alone) || strstr(at, first))
                cluster[item] = c;
        }
        assert_int_not_equal(cluster[item++], -1);
    }
    mem_free(ctx, data);
}

static void test_promises(void **state)
{
    (void)state;
    enum { USERS = 400, ITEMS = 300, EVENTS = 20000 };
    static struct event events[EVENTS];
    static uint8_t seen[USERS][ITEMS];
    static int count[ITEMS], by_device[4][4], of_device[4], early[ITEMS], cluster[ITEMS];
    static const char *const devices[] = {"mobile", "desktop", "tablet", "tv"};
    akin_ctx *ctx = fix_ctx(2, fix_seed());
    akin_error err;
    char dir[32];
    struct synth_params p =
        params(ctx, "{\"users\":400,\"items\":300,\"events\":20000,\"clusters\":"
                    "4,\"context\":true,\"start\":1000000,\"days\":100}");
    make_dir(dir);
    assert_int_equal(synth_write(ctx, &p, dir, NULL, &err), AKIN_OK);
    assert_int_equal(read_events(ctx, dir, true, events), EVENTS);
    read_clusters(ctx, dir, cluster);
    int64_t stars = 0;
    for (int e = 0; e < EVENTS; e++) {
        const struct event *x = &events[e];
        assert_in_range(x->user, 1, USERS);
        assert_in_range(x->item, 1, ITEMS);
        assert_true(x->time >= 1000000 && x->time < 1000000 + 100 * 86400);
        assert_int_equal(x->hour, (x->time - 1000000) % 86400 / 3600);
        assert_false(seen[x->user - 1][x->item - 1]); /* no pair twice */
        seen[x->user - 1][x->item - 1] = 1;
        if (e > 0 && events[e - 1].user == x->user)
            assert_true(events[e - 1].time <= x->time);
        else
            assert_int_equal(x->user, e > 0 ? events[e - 1].user + 1 : 1); /* each has one */
        stars += x->half_stars;
        count[x->item - 1]++;
        if (x->time < 1000000 + 50 * 86400)
            early[x->item - 1]++;
        for (int d = 0; d < 4; d++) {
            if (strcmp(devices[d], x->device) == 0) {
                by_device[d][cluster[x->item - 1]]++;
                of_device[d]++;
            }
        }
    }
    double mean = (double)stars / EVENTS / 2;
    assert_true(mean > 2.8 && mean < 4.2);
    int head = 0, new_items = 0;
    for (int i = 0; i < ITEMS; i++) {
        head += count[i] > 2 * EVENTS / ITEMS ? count[i] : 0;
        new_items += count[i] > 0 && early[i] == 0;
    }
    assert_true(head > EVENTS / 4); /* a head … */
    assert_true(new_items > 10);    /* … and items that appear in the second half */
    /* each device leans to its cluster */
    for (int d = 0; d < 4; d++) {
        for (int other = 0; other < 4; other++) {
            if (other != d)
                assert_true((double)by_device[d][d] / of_device[d] >
                            1.1 * by_device[other][d] / of_device[other]);
        }
    }
    remove_dir(dir);
    ctx_free(ctx);
}

static void test_shapes(void **state)
{
    (void)state;
    static struct event events[5000];
    static const struct {
        const char *json;
        int64_t n;
    } cases[] = {
        {"{\"users\":1,\"items\":1,\"events\":1,\"days\":1}", 1},
        {"{\"users\":50,\"items\":1,\"events\":50}", 50},
        {"{\"users\":1000,\"items\":20,\"events\":300}", 300}, /* some users have none */
        {"{\"users\":40,\"items\":100,\"events\":1900,\"new_items\":0,\"activity\":3}", 1900},
        {"{\"users\":3,\"items\":4,\"events\":5000,\"repeats\":true}", 5000},
        {"{\"users\":30,\"items\":90,\"events\":500,\"popularity\":3,\"drift\":2,\"noise\":5,"
         "\"tags\":1,\"clusters\":90}",
         500},
    };
    for (int c = 0; c < 6; c++) {
        akin_ctx *ctx = fix_ctx(2, 3);
        akin_error err;
        char dir[32];
        json_t *report = NULL;
        struct synth_params p = params(ctx, cases[c].json);
        make_dir(dir);
        if (synth_write(ctx, &p, dir, &report, &err) != AKIN_OK)
            fail_msg("%s: %s", cases[c].json, err.message);
        int64_t n = read_events(ctx, dir, false, events);
        assert_int_equal(n, cases[c].n);
        if (p.tags == 1)
            assert_int_equal(json_integer_value(json_object_get(report, "tags")), n);
        if (!p.repeats) {
            static uint8_t seen[1001][101];
            memset(seen, 0, sizeof seen);
            for (int64_t e = 0; e < n; e++)
                assert_int_equal(seen[events[e].user][events[e].item]++, 0);
        }
        json_decref(report);
        remove_dir(dir);
        assert_int_equal(mem_used(ctx->mem), 0);
        ctx_free(ctx);
    }
}

static void test_refused(void **state)
{
    (void)state;
    akin_ctx *ctx = fix_ctx(1, 1);
    akin_error err;
    struct synth_params p =
        params(ctx, "{\"users\":10,\"items\":10,\"events\":51,\"new_items\":0}");
    assert_int_equal(synth_write(ctx, &p, "/tmp/akin-none", NULL, &err), AKIN_E_ARG);
    assert_string_equal(err.message,
                        "synth: events=51 (at most 50 with 10 users and 10 items without repeats)");
    p = params(ctx, "{\"items\":10,\"clusters\":11}");
    assert_int_equal(synth_write(ctx, &p, "/tmp/akin-none", NULL, &err), AKIN_E_ARG);
    assert_string_equal(err.message, "synth: clusters=11 (must be at most items=10)");
    p.users = 0;
    assert_int_equal(synth_write(ctx, &p, "/tmp/akin-none", NULL, &err), AKIN_E_ARG);
    assert_false(file_exists("/tmp/akin-none"));
    p = params(ctx, "{}");
    assert_int_equal(synth_write(ctx, &p, "/dev/null/x", NULL, &err), AKIN_E_IO);
    char dir[32];
    make_dir(dir);
    akin_cancel(ctx);
    assert_int_equal(synth_write(ctx, &p, dir, NULL, &err), AKIN_E_CANCELLED);
    remove_dir(dir); /* no temporary is left */
    ctx_free(ctx);
}

static void test_memory(void **state)
{
    (void)state;
    akin_ctx *ctx = fix_ctx(1, 1);
    struct synth_params p = params(ctx, "{\"users\":20,\"items\":20,\"events\":60}");
    char dir[32];
    make_dir(dir);
    for (int64_t n = 1;; n++) {
        akin_error err;
        mem_fail_at(ctx->mem, n);
        akin_status status = synth_write(ctx, &p, dir, NULL, &err);
        mem_fail_at(ctx->mem, 0);
        assert_int_equal(mem_used(ctx->mem), 0);
        if (status == AKIN_OK)
            break;
        assert_int_equal(status, AKIN_E_MEMORY);
    }
    remove_dir(dir);
    ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads), cmocka_unit_test(test_promises),
        cmocka_unit_test(test_shapes),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
