/* Getting MovieLens from a publisher of our own: complete and checked, or nothing at all. */
#include "api/movielens.h"

#include "core/file.h"
#include "unit/core/setup.h"
#include "unit/store/http_server.h"
#include "unit/store/zip_make.h"

#include <unistd.h>

#define README                                                                                     \
    "This dataset describes ratings. It contains %d ratings and 2 tag applications across 2 "      \
    "movies. These data were created by 2 users between then and now.\n"

struct fixture {
    akin_ctx *ctx;
    struct http_server server;
    struct http_route routes[2];
    char base[64], dir[64], root[96], readme[300], sum[64], head[2][64];
    char log[4000];
};

static void on_log(void *arg, akin_log_level level, const char *message)
{
    struct fixture *f = arg;
    size_t n = strlen(f->log);
    snprintf(f->log + n, sizeof f->log - n, "%d %s\n", (int)level, message);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    f->ctx = test_ctx_new(1, 0);
    akin_ctx_on_log(f->ctx, on_log, f);
    snprintf(f->dir, sizeof f->dir, "/tmp/akin-test-XXXXXX");
    if (!mkdtemp(f->dir))
        return -1;
    snprintf(f->root, sizeof f->root, "%s/data", f->dir);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    rmdir(f->root);
    int failed = rmdir(f->dir); /* fails if anything was left behind */
    test_ctx_done(f->ctx);
    free(f);
    return failed;
}

static const char movies[] = "movieId,title,genres\n1,\"One, (1995)\",A|B\n2,Two,A\n";

static struct zip_make make_set(struct fixture *f, const char *ratings, int said)
{
    struct zip_make m = {0};
    snprintf(f->readme, sizeof f->readme, README, said);
    zip_make_add(&m, "ml-latest-small/", "", 0, false);
    zip_make_add(&m, "ml-latest-small/ratings.csv", ratings, strlen(ratings), true);
    zip_make_add(&m, "ml-latest-small/movies.csv", movies, strlen(movies), true);
    zip_make_add(&m, "ml-latest-small/README.txt", f->readme, strlen(f->readme), true);
    zip_make_add(&m, "ml-latest-small/other.txt", "not wanted", 10, false);
    zip_make_end(&m);
    return m;
}

/* Serves the archive, and sum as its MD5 unless NULL, for one fetch. */
static akin_status fetch(struct fixture *f, const struct zip_make *m, const char *sum, char *dir,
                         akin_error *err)
{
    snprintf(f->head[0], sizeof f->head[0], "HTTP/1.1 200 OK\r\nContent-Length: %zu", m->size);
    f->routes[0] =
        (struct http_route){"/sets/ml-latest-small.zip", f->head[0], m->bytes, m->size, HTTP_CLOSE};
    if (sum) {
        snprintf(f->head[1], sizeof f->head[1], "HTTP/1.1 200 OK\r\nContent-Length: %zu",
                 strlen(sum));
        f->routes[1] = (struct http_route){"/sets/ml-latest-small.zip.md5", f->head[1], sum,
                                           strlen(sum), HTTP_CLOSE};
    }
    assert_true(http_start(&f->server, f->routes, sum ? 2 : 1));
    snprintf(f->base, sizeof f->base, "http://127.0.0.1:%d/sets", f->server.port);
    f->log[0] = '\0';
    akin_status status =
        movielens_fetch(f->ctx, f->base, "ml-latest-small", f->root, dir, 200, err);
    http_stop(&f->server);
    return status;
}

static void remove_set(const char *dir)
{
    const char *const files[] = {"ratings.csv", "movies.csv", "README.txt"};
    char path[300];
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(dir), 0);
}

static const char ratings[] = "userId,movieId,rating,timestamp\n1,1,4.0,964982703\n"
                              "1,2,3.5,964982704\n10,1,1.0,964982705\n";

static void test_good(void **state)
{
    struct fixture *f = *state;
    char dir[200], path[300], *back;
    int64_t size;
    struct zip_make m = make_set(f, ratings, 3);
    assert_int_equal(fetch(f, &m, NULL, dir, NULL), AKIN_OK);
    assert_contains(f->log, "no MD5");
    assert_contains(f->log, "another release");
    assert_contains(f->log, "terms of use");
    assert_null(strstr(f->log, "users and")); /* counts agree */
    snprintf(path, sizeof path, "%s/ratings.csv", dir);
    assert_int_equal(file_read(f->ctx, path, 10000, &back, &size, NULL), AKIN_OK);
    assert_string_equal(back, ratings);
    mem_free(f->ctx, back);
    /* and again: what is there is as good */
    assert_int_equal(fetch(f, &m, NULL, dir, NULL), AKIN_OK);
    assert_int_equal(setenv("AKIN_DATA", f->root, 1), 0);
    assert_true(movielens_find("ml-latest-small", path, sizeof path));
    assert_string_equal(path, dir);
    assert_false(movielens_find("ml-latest", path, sizeof path));
    remove_set(dir);
    assert_false(movielens_find("ml-latest-small", path, sizeof path));
    unsetenv("AKIN_DATA");
    free(m.bytes);
}

static void test_sums(void **state)
{
    struct fixture *f = *state;
    static const char wrong[] = "MD5 (ml.zip) = 900150983CD24FB0D6963F7D28E17F72\n";
    char dir[200], right[80];
    akin_error err;
    struct zip_make m = make_set(f, ratings, 3);
    assert_int_equal(fetch(f, &m, wrong, dir, &err), AKIN_E_FORMAT);
    const char *at = strstr(err.message, ".zip is ");
    assert_non_null(at);
    snprintf(right, sizeof right, "%.32s  ml-latest-small.zip\n", at + 8);
    assert_int_equal(fetch(f, &m, right, dir, NULL), AKIN_OK);
    assert_null(strstr(f->log, "no MD5"));
    remove_set(dir);
    assert_int_equal(fetch(f, &m, "nothing to see", dir, NULL), AKIN_OK);
    assert_contains(f->log, "no MD5");
    remove_set(dir);
    free(m.bytes);
}

static void test_bad(void **state)
{
    struct fixture *f = *state;
    char dir[200];
    akin_error err;
    struct zip_make m = make_set(f, ratings, 4);
    assert_int_equal(fetch(f, &m, NULL, dir, &err), AKIN_E_FORMAT);
    assert_contains(err.message, "has 3 ratings, its README.txt says 4");
    assert_false(file_exists(dir));
    free(m.bytes);
    m = make_set(f, "user,item\n1,2\n", 1);
    assert_int_equal(fetch(f, &m, NULL, dir, &err), AKIN_E_FORMAT);
    assert_contains(err.message, "ratings.csv does not start with");
    free(m.bytes);
    m = (struct zip_make){0};
    zip_make_add(&m, "ml-latest-small/ratings.csv", ratings, sizeof ratings - 1, true);
    zip_make_end(&m);
    assert_int_equal(fetch(f, &m, NULL, dir, &err), AKIN_E_FORMAT);
    assert_contains(err.message, "has no 'ml-latest-small/movies.csv'");
    m.size -= 5;
    assert_int_equal(fetch(f, &m, NULL, dir, &err), AKIN_E_FORMAT);
    free(m.bytes);
    assert_int_equal(movielens_fetch(f->ctx, f->base, "ml-latest-small", f->root, dir, 200, &err),
                     AKIN_E_IO); /* nobody is there any more */
    assert_int_equal(movielens_fetch(f->ctx, f->base, "ml-1m", f->root, dir, 200, &err),
                     AKIN_E_ARG);
    assert_int_equal(movielens_fetch(f->ctx, f->base, "ml-latest", f->root, dir, 10, &err),
                     AKIN_E_ARG);
    assert_false(file_exists(dir));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_good, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sums, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
