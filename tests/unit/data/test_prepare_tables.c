/* Item, user and tag tables; lack of memory at every allocation; the estimate. */
#include "prepare_fixture.h"

#include "core/ctx.h"

#include <unistd.h>

static akin_ctx *ctx;
static char dir[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/akin-tables-XXXXXX");
    return mkdtemp(dir) && ctx_create(2, 42, 0, &ctx, NULL) == AKIN_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const names[] = {"r.csv", "i.csv", "u.csv", "t.csv"};
    char path[128];
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        remove(path);
    }
    rmdir(dir);
    int64_t used = mem_used(ctx->mem);
    ctx_free(ctx);
    return used == 0 ? 0 : -1;
}

static void put(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static struct prepared prepare_all(const char *more)
{
    char params[1024];
    snprintf(params, sizeof params,
             "{\"source\":[\"%s/r.csv\"],\"items\":\"%s/i.csv\",\"users\":\"%s/u.csv\","
             "\"tags\":\"%s/t.csv\"%s}",
             dir, dir, dir, dir, more);
    return prepare_text(ctx, NULL, NULL, 0, params);
}

static void put_all(void)
{
    put("r.csv", "user,item,rating,time\n1,10,3,5\n1,11,4,6\n2,10,5,7\n");
    put("i.csv", "movieId,title,genres,price,note\n10,\"Toy, Story (1995)\",A|B,1.5,x\n"
                 "11,Heat (1995),B,,y\n12,New,C,3,z\n10,Toy (1996),A,2,w\n,lost,A,1,q\n"
                 "13,a,b\n");
    put("u.csv", "user_id,gender,age\n1,F,30\n3,M,\n");
    put("t.csv", "userId,movieId,tag,timestamp\n1,10,fun,9\n1,10,fun,8\n9,12,old,3\n1,99,no,1\n"
                 "1,11,,2\n1,11,late,x\n");
}

static void cell_is(const struct table *t, const char *column, int64_t row, const char *want)
{
    char cell[64];
    const struct column *col = table_find(t, column);
    assert_non_null(col);
    table_cell_text(col, row, cell, sizeof cell);
    assert_string_equal(cell, want);
}

static void test_tables(void **state)
{
    (void)state;
    put_all();
    struct prepared r = prepare_all("");
    if (r.status != AKIN_OK)
        fail_msg("%s", r.err.message);
    const struct dataset *ds = r.ds;
    assert_int_equal(ds->items.n, 3);
    assert_int_equal(ds->users.n, 3);
    assert_int_equal(json_int(r.report, "items", 0), 2);
    int32_t toy = ids_find(&ds->items, "10", 2), fresh = ids_find(&ds->items, "12", 2);
    cell_is(&ds->item_table, "title", toy, "Toy (1996)"); /* the last row wins */
    cell_is(&ds->item_table, "categories", toy, "A");
    cell_is(&ds->item_table, "note", fresh, "z");
    assert_int_equal(table_find(&ds->item_table, "price")->type, COL_NUMBER);
    assert_int_equal((int)table_find(&ds->item_table, "year")->num[toy], 1996);
    cell_is(&ds->user_table, "gender", ids_find(&ds->users, "3", 1), "M");
    cell_is(&ds->user_table, "gender", ids_find(&ds->users, "2", 1), "");
    assert_int_equal(ds->n_tags, 2);
    assert_int_equal(ds->tag_item[0], toy);
    assert_int_equal(ds->tag_time[0], 9);
    assert_int_equal(ds->tag_user[1], -1);
    assert_int_equal(dropped(&r, "unknown_item"), 1);
    assert_int_equal(dropped(&r, "duplicate"), 2); /* an item row, a tag */
    assert_int_equal(dropped(&r, "missing_id"), 2);
    assert_int_equal(dropped(&r, "malformed"), 1);
    assert_int_equal(dropped(&r, "bad_time"), 1);
    prepared_free(&r);
    r = prepare_all(",\"item_columns\":{\"title\":\"note\"},\"strict\":true");
    assert_int_equal(r.status, AKIN_E_INPUT);
    assert_non_null(strstr(r.err.message, "i.csv:7: malformed"));
    r = prepare_all(",\"item_columns\":{\"title\":\"absent\"}");
    assert_int_equal(r.status, AKIN_E_INPUT);
    assert_non_null(strstr(r.err.message, "absent"));
}

/* Whatever allocation fails, prepare says E_MEMORY and leaves nothing behind. */
static void test_no_memory(void **state)
{
    (void)state;
    put_all();
    int64_t before = mem_used(ctx->mem);
    int n = 0;
    for (int at = 1; at < 3000; at++) {
        mem_fail_at(ctx->mem, at);
        struct prepared r = prepare_all("");
        mem_fail_at(ctx->mem, 0);
        bool ok = r.status == AKIN_OK;
        if (!ok)
            assert_int_equal(r.status, AKIN_E_MEMORY);
        prepared_free(&r);
        assert_int_equal(mem_used(ctx->mem), before);
        n = at;
        if (ok)
            break;
    }
    assert_in_range(n, 50, 2999);
}

static void test_estimate(void **state)
{
    (void)state;
    put("i.csv", "x\n");
    char path[128], params[256];
    snprintf(path, sizeof path, "%s/r.csv", dir);
    FILE *f = fopen(path, "wb");
    fputs("userId,movieId,rating,timestamp\n", f);
    for (int i = 0; i < 300000; i++)
        fprintf(f, "%d,%d,%d.5,%d\n", i % 6007 * 7919 % 6007 + 1, i % 900 * 29 % 900 + 1, i % 5,
                1000000000 + i);
    fclose(f);
    snprintf(params, sizeof params, "{\"source\":[\"%s\"]}", path);
    struct arena arena;
    struct prepare_params p;
    struct prepare_cost cost;
    json_t *object = json_loads(params, 0, NULL);
    arena_init(&arena, ctx);
    assert_int_equal(
        param_parse("prepare", prepare_param_rows, prepare_n_params, object, &arena, &p, NULL),
        AKIN_OK);
    assert_int_equal(prepare_estimate(ctx, &p, NOW, &cost, NULL), AKIN_OK);
    mem_peak_reset(ctx->mem);
    struct prepared r = prepare_text(ctx, NULL, NULL, 0, params);
    assert_int_equal(r.status, AKIN_OK);
    double peak = (double)mem_peak(ctx->mem);
    printf("rows %lld, users %lld, items %lld, peak %.1f of %.1f MB\n", (long long)cost.n_rows,
           (long long)cost.n_users, (long long)cost.n_items, (double)cost.peak_bytes / 1e6,
           peak / 1e6);
    assert_in_range(cost.n_rows, 285000, 315000);
    assert_in_range(cost.n_items, 800, 1000);
    assert_true((double)cost.peak_bytes > 0.8 * peak && (double)cost.peak_bytes < 1.2 * peak);
    prepared_free(&r);
    json_decref(object);
    arena_free(&arena);
}

/* dataset_open: a raw file is prepared, a saved one is loaded; both are the same data. */
static void test_open(void **state)
{
    (void)state;
    put_all();
    char path[128], saved[128];
    struct dataset *ds, *again;
    json_t *report, *params = json_pack("{s:[i,i]}", "value_range", 3, 4);
    akin_error err;
    snprintf(path, sizeof path, "%s/r.csv", dir);
    snprintf(saved, sizeof saved, "%s/r.akin", dir);
    assert_int_equal(dataset_open(ctx, path, params, NOW, &ds, &report, &err), AKIN_OK);
    assert_int_equal(ds->n_events, 2);
    assert_int_equal(json_int(json_object_get(report, "dropped"), "out_of_range", 0), 1);
    const json_t *card = json_object_get(ds->card, "prepare");
    assert_int_equal(json_int(card, "kept", 0), 2);
    char *text = json_dumps(ds->card, 0);
    assert_null(strstr(text, dir)); /* no paths of the machine */
    free(text);
    json_decref(report);
    assert_int_equal(dataset_save(ds, saved, &err), AKIN_OK);
    assert_int_equal(dataset_open(ctx, saved, NULL, NOW, &again, &report, &err), AKIN_OK);
    assert_null(report);
    assert_true(dataset_fingerprint(ds) == dataset_fingerprint(again));
    dataset_free(ds);
    dataset_free(again);
    assert_int_equal(dataset_open(ctx, path, json_object_get(params, "none"), NOW, &ds, NULL, &err),
                     AKIN_OK);
    dataset_free(ds);
    json_decref(params);
    remove(saved);
}

static void test_cancel(void **state)
{
    (void)state;
    put_all();
    atomic_store(&ctx->cancelled, 1);
    struct prepared r = prepare_all("");
    atomic_store(&ctx->cancelled, 0);
    assert_int_equal(r.status, AKIN_E_CANCELLED);
    assert_null(r.ds);
    r = prepare_all("");
    assert_int_equal(r.status, AKIN_OK);
    prepared_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tables),
                                       cmocka_unit_test(test_no_memory),
                                       cmocka_unit_test(test_open), cmocka_unit_test(test_cancel),
                                       cmocka_unit_test(test_estimate)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
