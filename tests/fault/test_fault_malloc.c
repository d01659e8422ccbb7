/*
 * Every malloc of every library under akin (jansson, libyaml, zstd, libc) fails once while small
 * operations run: no crash, and either the whole result or an error. malloc is replaced for the
 * whole process; akin's own blocks have their own sweep in the rooms' tests.
 */
#include "akin/akin.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);

static atomic_llong countdown; /* 0 = off */

static int fails_now(void)
{
    long long left = atomic_load(&countdown);
    if (left == 0 || atomic_fetch_sub(&countdown, 1) != 1)
        return 0;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size)
{
    return fails_now() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    return fails_now() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
    return fails_now() ? NULL : __libc_realloc(p, size);
}

static char dir[64];

static void write_file(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int set_up(void **state)
{
    char text[8192];
    size_t n = 0;
    (void)state;
    /* In memory where possible: thousands of fsyncs follow. */
    snprintf(dir, sizeof dir, "%s/akin-fault-XXXXXX",
             access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    assert_non_null(mkdtemp(dir));
    n += (size_t)snprintf(text + n, sizeof text - n, "user_id,item_id,value,time\n");
    for (int u = 0; u < 12; u++) {
        for (int i = u % 2; i < 12; i += 2)
            n += (size_t)snprintf(text + n, sizeof text - n, "u%d,%d,%d,%d\n", u, i,
                                  3 + (u + i) % 3, 1000 + i);
    }
    write_file("r.csv", text);
    snprintf(text, sizeof text,
             "name: t\nout: %s/out\ndata: {interactions: {path: \"%s/r.csv\"}}\n"
             "split: {by: leave-last, n: 1}\nmodels: [{type: popular}]\n",
             dir, dir);
    write_file("c.yaml", text);
    write_file("i.csv", "item_id,title,categories\n1,Gr\xC3\xBC\xC3\x9F"
                        "e aus Wien,Reise\n"
                        "2,Running dogs,Tiere|Reise\n3,\xEF\xB7\xBA,\n");
    return 0;
}

/* Runs one operation in a fresh context; the status of whatever failed first. */
static akin_status run_once(const char *op, const char *params, char **result)
{
    akin_ctx *ctx = NULL;
    akin_error err = {0};
    const akin_ctx_options options = {1, 42, 0, NULL};
    akin_status status = akin_ctx_create(&options, &ctx, &err);
    if (status == AKIN_OK)
        status = akin_op_run(ctx, op, params, result, &err);
    akin_ctx_free(ctx);
    return status;
}

static void sweep(const char *op, const char *params)
{
    long long failed = 0;
    for (long long n = 1; n < 20000; n++) {
        char *result = NULL;
        atomic_store(&countdown, n);
        akin_status status = run_once(op, params, &result);
        long long left = atomic_exchange(&countdown, 0);
        if (status == AKIN_OK)
            assert_non_null(result);
        akin_string_free(result);
        if (left > 0)
            break;
        failed += status != AKIN_OK;
    }
    print_message("%s: %lld failed allocations were reported\n", op, failed);
    assert_true(failed > 0);
}

static void test_operations(void **state)
{
    char params[512];
    (void)state;
    sweep("models", NULL);
    snprintf(params, sizeof params, "{\"source\": [\"%s/r.csv\"], \"output\": \"%s/d.akin\"}", dir,
             dir);
    sweep("prepare", params);
    snprintf(params, sizeof params,
             "{\"data\": \"%s/d.akin\", \"model\": \"ials\", \"set\": {\"factors\": 2, \"epochs\": "
             "1}, \"output\": \"%s/m.akin\"}",
             dir, dir);
    sweep("train", params);
    snprintf(params, sizeof params,
             "{\"train\": \"%s/d.akin\", \"split\": \"leave-last:1\", \"model\": [\"popular\"], "
             "\"bootstrap\": 0, \"metrics\": [\"ndcg@5\"]}",
             dir);
    sweep("evaluate", params);
    snprintf(params, sizeof params,
             "{\"data\": \"%s/d.akin\", \"model\": [\"itemknn\"], \"trials\": 2, \"set\": "
             "{\"neighbors\": 2}, \"metric\": [\"ndcg@5\"], \"validation\": \"leave-last:1\", "
             "\"output\": \"%s/t.yaml\", \"report\": \"%s/t.html\"}",
             dir, dir, dir);
    sweep("tune", params);
    snprintf(params, sizeof params,
             "{\"data\": \"%s/r.csv\", \"items\": \"%s/i.csv\", \"model\": \"content\", "
             "\"output\": \"%s/c.akin\"}",
             dir, dir, dir);
    sweep("train", params);
    snprintf(params, sizeof params, "{\"config\": \"%s/c.yaml\", \"force\": true}", dir);
    sweep("run", params);
}

static int tear_down(void **state)
{
    static const char *const files[] = {"out/models/popular.akin",
                                        "out/models",
                                        "out/data.akin",
                                        "out/prepare.json",
                                        "out/report.html",
                                        "out/train.akin",
                                        "out/test.akin",
                                        "out/evaluation.json",
                                        "out/evaluation.html",
                                        "out/recommendations.jsonl",
                                        "out/state.json",
                                        "out",
                                        "r.csv",
                                        "c.yaml",
                                        "d.akin",
                                        "m.akin",
                                        "i.csv",
                                        "c.akin",
                                        "t.yaml",
                                        "t.yaml.db",
                                        "t.yaml.db-journal",
                                        "t.html",
                                        ""};
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[160];
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        remove(path);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_operations)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
