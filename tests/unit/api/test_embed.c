/* The typed functions of akin.h, as an embedding program uses them. */
#include "akin/akin.h"
#include "core/ctx.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { USERS = 40, ITEMS = 20, K = 5 };

struct fixture {
    akin_ctx *ctx;
    char dir[64];
    char csv[80], items[80], model[80];
};

static int set_up(void **state)
{
    static struct fixture f;
    akin_error err;
    snprintf(f.dir, sizeof f.dir, "/tmp/akin-embed-XXXXXX");
    assert_non_null(mkdtemp(f.dir));
    snprintf(f.csv, sizeof f.csv, "%s/r.csv", f.dir);
    snprintf(f.items, sizeof f.items, "%s/i.csv", f.dir);
    snprintf(f.model, sizeof f.model, "%s/m.akin", f.dir);
    FILE *file = fopen(f.csv, "w");
    fprintf(file, "user_id,item_id,value,time\n");
    /* Two clusters: even users like even items; each leaves some out. */
    for (int u = 0; u < USERS; u++) {
        for (int i = u % 2; i < ITEMS; i += 2) {
            if ((u * 7 + i) % 5)
                fprintf(file, "u%d,i%d,5,%d\n", u, i, 1000 + i);
        }
    }
    fclose(file);
    file = fopen(f.items, "w");
    fprintf(file, "item_id,title,year\n");
    for (int i = 0; i < ITEMS; i++)
        fprintf(file, "i%d,Title %d,%d\n", i, i, 1990 + i);
    fclose(file);
    const akin_ctx_options options = {2, 42, 0, NULL};
    assert_int_equal(akin_ctx_create(&options, &f.ctx, &err), AKIN_OK);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    akin_ctx_free(f->ctx);
    unlink(f->csv);
    unlink(f->items);
    unlink(f->model);
    rmdir(f->dir);
    return 0;
}

static akin_status train(struct fixture *f, akin_model **out, akin_error *err)
{
    akin_dataset *data = NULL;
    char params[128];
    snprintf(params, sizeof params, "{\"items\": \"%s\"}", f->items);
    akin_status status = akin_dataset_open(f->ctx, f->csv, params, &data, err);
    if (status == AKIN_OK)
        status = akin_model_train(f->ctx, data, "ials", "{\"factors\": 4}", out, err);
    akin_dataset_free(data);
    return status;
}

static int number_of(const char *id)
{
    return (int)strtol(id + 1, NULL, 10);
}

static void test_dataset(void **state)
{
    struct fixture *f = *state;
    akin_error err;
    akin_dataset *data = NULL, *a = NULL, *b = NULL;
    assert_int_equal(akin_dataset_open(f->ctx, f->csv, NULL, &data, &err), AKIN_OK);
    assert_int_equal(akin_dataset_users(data), USERS);
    assert_int_equal(akin_dataset_items(data), ITEMS);
    assert_int_equal(akin_dataset_split(f->ctx, data, "leave-last:1", 0, &a, &b, &err), AKIN_OK);
    assert_int_equal(akin_dataset_events(a) + akin_dataset_events(b), akin_dataset_events(data));
    assert_int_equal(akin_dataset_events(b), USERS);
    assert_int_equal(akin_dataset_save(data, f->model, &err), AKIN_OK);
    akin_dataset_free(b);
    b = NULL;
    assert_int_equal(akin_dataset_open(f->ctx, f->model, NULL, &b, &err), AKIN_OK);
    assert_int_equal(akin_dataset_events(b), akin_dataset_events(data));
    akin_dataset_free(a);
    akin_dataset_free(b);
    akin_dataset_free(data);
    akin_dataset_free(NULL);
    data = NULL;
    assert_int_equal(akin_dataset_open(f->ctx, "/nowhere/x.csv", NULL, &data, &err),
                     AKIN_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "/nowhere/x.csv"));
    assert_null(data);
}

static void test_recommend(void **state)
{
    struct fixture *f = *state;
    akin_error err;
    akin_model *m = NULL;
    akin_item items[ITEMS + 1];
    int64_t n = -1;
    assert_int_equal(train(f, &m, &err), AKIN_OK);
    assert_string_equal(akin_model_name(m), "ials");
    akin_query q = {.user_id = "u2", .k = K};
    assert_int_equal(akin_recommend(m, &q, items, &n, &err), AKIN_OK);
    assert_int_equal(n, K);
    assert_int_equal(number_of(items[0].item_id) % 2, 0);
    for (int64_t i = 1; i < n; i++)
        assert_true(items[i - 1].score >= items[i].score);
    /* an unknown visitor with the items of this second */
    const char *history[] = {"i1", "i3"};
    akin_query visitor = {.item_ids = history, .n_items = 2, .k = K};
    assert_int_equal(akin_recommend(m, &visitor, items, &n, &err), AKIN_OK);
    assert_int_equal(n, K);
    assert_int_equal(number_of(items[0].item_id) % 2, 1);
    for (int64_t i = 0; i < n; i++)
        assert_true(number_of(items[i].item_id) != 1 && number_of(items[i].item_id) != 3);
    /* filters keep k; k beyond the catalogue gives all that is eligible */
    q.filter = "year >= 2000";
    assert_int_equal(akin_recommend(m, &q, items, &n, &err), AKIN_OK);
    for (int64_t i = 0; i < n; i++)
        assert_true(number_of(items[i].item_id) >= 10);
    visitor.k = ITEMS + 1;
    assert_int_equal(akin_recommend(m, &visitor, items, &n, &err), AKIN_OK);
    assert_int_equal(n, ITEMS - 2);
    visitor.include_seen = 1;
    assert_int_equal(akin_recommend(m, &visitor, items, &n, &err), AKIN_OK);
    assert_int_equal(n, ITEMS);
    akin_model_free(m);
}

static void test_refusals(void **state)
{
    struct fixture *f = *state;
    akin_error err;
    akin_model *m = NULL;
    akin_item items[K];
    int64_t n = 0;
    assert_int_equal(train(f, &m, &err), AKIN_OK);
    akin_query q = {.user_id = "nobody", .k = K};
    assert_int_equal(akin_recommend(m, &q, items, &n, &err), AKIN_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "nobody"));
    q.user_id = "u1";
    q.filter = "yaer > 3";
    assert_int_equal(akin_recommend(m, &q, items, &n, &err), AKIN_E_INPUT);
    assert_non_null(strstr(err.message, "yaer"));
    q.filter = NULL;
    q.k = -1;
    assert_int_equal(akin_recommend(m, &q, items, &n, &err), AKIN_E_ARG);
    assert_int_equal(akin_similar(m, "i99", K, items, &n, &err), AKIN_E_NOT_FOUND);
    akin_model_free(m);
    m = NULL;
    akin_dataset *data = NULL;
    assert_int_equal(akin_dataset_open(f->ctx, f->csv, NULL, &data, &err), AKIN_OK);
    assert_int_equal(akin_model_train(f->ctx, data, "ialz", NULL, &m, &err), AKIN_E_ARG);
    assert_non_null(strstr(err.message, "ials"));
    assert_int_equal(akin_model_train(f->ctx, data, "ials", "{\"factors\": 0}", &m, &err),
                     AKIN_E_ARG);
    assert_int_equal(akin_model_train(f->ctx, data, "ials", "{factors}", &m, &err), AKIN_E_INPUT);
    akin_cancel(f->ctx);
    assert_int_equal(akin_model_train(f->ctx, data, "ials", NULL, &m, &err), AKIN_E_CANCELLED);
    akin_cancel_clear(f->ctx);
    assert_null(m);
    akin_dataset_free(data);
}

static void test_save_open_similar_evaluate(void **state)
{
    struct fixture *f = *state;
    akin_error err;
    akin_model *m = NULL, *again = NULL;
    akin_item a[K], b[K];
    int64_t n = 0, n_again = 0;
    char *result = NULL;
    akin_dataset *data = NULL, *rest = NULL, *test = NULL;
    assert_int_equal(akin_dataset_open(f->ctx, f->csv, NULL, &data, &err), AKIN_OK);
    assert_int_equal(akin_dataset_split(f->ctx, data, "leave-last:1", 0, &rest, &test, &err),
                     AKIN_OK);
    assert_int_equal(akin_model_train(f->ctx, rest, "ials", "{\"factors\": 4}", &m, &err), AKIN_OK);
    assert_int_equal(akin_model_save(m, f->model, &err), AKIN_OK);
    assert_int_equal(akin_model_open(f->ctx, f->model, &again, &err), AKIN_OK);
    assert_int_equal(akin_model_users(again), USERS);
    assert_int_equal(akin_similar(m, "i4", K, a, &n, &err), AKIN_OK);
    assert_int_equal(akin_similar(again, "i4", K, b, &n_again, &err), AKIN_OK);
    assert_int_equal(n, n_again);
    for (int64_t i = 0; i < n; i++) {
        assert_string_equal(a[i].item_id, b[i].item_id);
        assert_true(a[i].score == b[i].score);
    }
    assert_int_equal(number_of(a[0].item_id) % 2, 0);
    assert_int_equal(akin_evaluate(f->ctx, again, test, "{\"metrics\": \"ndcg@5\"}", &result, &err),
                     AKIN_OK);
    assert_non_null(strstr(result, "ndcg@5"));
    akin_string_free(result);
    result = NULL;
    assert_int_equal(akin_evaluate(f->ctx, again, data, NULL, &result, &err), AKIN_E_ARG);
    assert_null(result);
    assert_int_equal(akin_evaluate(f->ctx, again, test, "{\"metric\": 1}", &result, &err),
                     AKIN_E_ARG);
    assert_non_null(strstr(err.message, "metrics"));
    assert_int_equal(akin_evaluate(f->ctx, again, test, "{\"bootstrap\": 1e9}", &result, &err),
                     AKIN_E_ARG);
    akin_model_free(again);
    akin_model_free(m);
    akin_dataset_free(test);
    akin_dataset_free(rest);
    akin_dataset_free(data);
}

/* Two contexts in one process share nothing; every allocation of a training may fail. */
static void test_out_of_memory(void **state)
{
    struct fixture *f = *state;
    akin_error err;
    int64_t failed = 0;
    for (int64_t n = 1;; n++) {
        akin_model *m = NULL;
        int64_t used = akin_memory_used(f->ctx);
        mem_fail_at(f->ctx->mem, n);
        akin_status status = train(f, &m, &err);
        mem_fail_at(f->ctx->mem, 0);
        akin_model_free(m);
        assert_int_equal(akin_memory_used(f->ctx), used);
        if (status == AKIN_OK)
            break;
        assert_int_equal(status, AKIN_E_MEMORY);
        failed++;
    }
    print_message("%lld allocations failed one by one\n", (long long)failed);
    assert_true(failed > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dataset),       cmocka_unit_test(test_recommend),
        cmocka_unit_test(test_refusals),      cmocka_unit_test(test_save_open_similar_evaluate),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
