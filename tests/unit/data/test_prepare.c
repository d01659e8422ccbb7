/* prepare end to end on small texts: formats, columns, cleaning, duplicates, filters, tables. */
#include "prepare_fixture.h"

#include "core/ctx.h"

static akin_ctx *ctx;

static int set_up(void **state)
{
    (void)state;
    return ctx_create(2, 42, 0, &ctx, NULL) == AKIN_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    int64_t used = mem_used(ctx->mem);
    ctx_free(ctx);
    if (used != 0)
        printf("%lld bytes are still in use\n", (long long)used);
    return used == 0 ? 0 : -1;
}

static void check(const char *name, const char *text, const char *params, const char *user,
                  const char *want)
{
    struct prepared r = prepare_string(ctx, name, text, params);
    assert_int_equal(r.status, AKIN_OK);
    assert_events(r.ds, user, want);
    prepared_free(&r);
}

static void refuse(const char *name, const char *text, const char *params, akin_status status,
                   const char *part)
{
    struct prepared r = prepare_text(ctx, name, text, (int64_t)strlen(text), params);
    assert_int_equal(r.status, status);
    if (!strstr(r.err.message, part))
        fail_msg("'%s' is not in '%s'", part, r.err.message);
    assert_null(r.ds);
    prepared_free(&r);
}

static void test_csv(void **state)
{
    (void)state;
    static const char text[] = "userId,movieId,rating,timestamp\n"
                               "7,30,4.5,1000\n7,9,3,900\n8,30,-0.0,5\n";
    struct prepared r = prepare_string(ctx, "r.csv", text, "{}");
    assert_int_equal(r.status, AKIN_OK);
    assert_int_equal(r.ds->n_events, 3);
    assert_int_equal(r.ds->time_kind, TIME_UNIX);
    assert_events(r.ds, "7", "9 3 @900\n30 4.5 @1000\n");
    assert_events(r.ds, "8", "30 0 @5\n");
    assert_true(r.ds->items.is_numeric);
    assert_string_equal(json_text(r.report, "format", ""), "csv");
    assert_true(json_is_true(json_object_get(r.report, "guessed")));
    assert_int_equal(json_int(r.report, "kept", 0), 3);
    prepared_free(&r);
}

static void test_csv_forms(void **state)
{
    (void)state;
    static const char want[] = "x 1\ny 2\n";
    check("a.csv", "\xef\xbb\xbfuser,item,rating\r\na,x,1\r\n\r\na,y,2\r\n", "{}", "a", want);
    check("a.csv", "user;item;rating\na;x;1\na;y;2", "{}", "a", want);
    check("a.csv", "\"user\",\"item\",rating\n\"a\",\"x\",\"1\"\na,y,2\n", "{}", "a", want);
    check("a.tsv", "user\titem\trating\na\tx\t1\na\ty\t2\n", "{}", "a", want);
    check("a.dat", "a::x::1\na::y::2\n", "{}", "a", want);
    check("a.txt", "a x 1\na y 2\na y 2\n", "{}", "a", want);
    check("a.csv", "rating|c|d\n1|a|x\n2|a|y\n",
          "{\"sep\":\"|\",\"columns\":\"user_id=c,item_id=d\"}", "a", want);
    check("a.csv", "a,x,1\na,y,2\n", "{\"header\":\"no\"}", "a", want);
    check("a.csv", "1,2,3,4,5\nx,a,1,9,9\ny,a,2,9,9\n",
          "{\"header\":\"yes\",\"columns\":{\"item_id\":\"1\",\"user_id\":\"2\",\"value\":\"3\"}}",
          "a", want);
    check("a.csv", "user,item\na,\"x,\"\"1\"\"\ny\"\n", "{}", "a", "x,\"1\"~y\n");
    check("a.csv", "user,item\na,19\" screen\n", "{}", "a", "19\" screen\n");
}

static void test_lists(void **state)
{
    (void)state;
    check("a.txt", "0 1 2\n1 3\n2 1 1 5\n", "{}", "2", "1\n5\n");
    check("a.txt", "2 7 9\n1 7\n", "{}", "1", "7\n9\n");
    check("a.txt", "2 7 9\n3 7\n", "{\"format\":\"adjacency\",\"lead\":\"count\"}", "1", "7\n9\n");
    check("a.txt", "7 9\n7 7\n", "{\"format\":\"adjacency\",\"lead\":\"none\"}", "2", "7\n");
    check("a.txt", "u1 9 7\n", "{\"format\":\"adjacency\",\"order\":\"rows\"}", "u1",
          "9 @0\n7 @1\n");
    check("a.dat", "10 12 \n\n12 \n10 14 15 \n", "{}", "4", "10\n14\n15\n");
    check("a.csv", "whole milk, bread\nbread\na,b,c\n", "{}", "1", "bread\nwhole milk\n");
    check("a.txt", "5 6\t5\n7 8 9\t7\n", "{}", "1", "5 @0 r1\n6 @1 r1\n5 @2 r0\n");
    check("a.txt", "5 6 5\n", "{\"format\":\"sessions\"}", "1", "5 @0\n6 @1\n5 @2\n");
}

static void test_lists_defects(void **state)
{
    (void)state;
    struct prepared r = prepare_string(ctx, "a.txt", "2 7 9\n3 7\n1 4\n",
                                       "{\"format\":\"adjacency\",\"lead\":\"count\"}");
    assert_int_equal(dropped(&r, "malformed"), 1);
    assert_int_equal(r.ds->n_events, 3);
    prepared_free(&r);
    r = prepare_string(ctx, "a.txt", "1 2\t3\t4\n5 6\t7\n", "{\"format\":\"sessions\"}");
    assert_int_equal(dropped(&r, "malformed"), 1);
    assert_events(r.ds, "2", "5 @0 r1\n6 @1 r1\n7 @2 r0\n");
    prepared_free(&r);
}

static void test_libsvm(void **state)
{
    (void)state;
    struct prepared r =
        prepare_string(ctx, "a.svm", "1 3:0.5 7:1\n-1 qid:2 3:2 # note\n+1 9:x 3:1\n", "{}");
    assert_int_equal(r.status, AKIN_OK);
    assert_events(r.ds, "1", "3 0.5\n7 1\n");
    assert_events(r.ds, "2", "3 2\n");
    assert_int_equal(dropped(&r, "bad_value"), 1);
    const struct column *label = table_find(&r.ds->user_table, "label");
    assert_non_null(label);
    assert_true(label->num[ids_find(&r.ds->users, "2", 1)] < 0);
    prepared_free(&r);
}

static void test_dsstne(void **state)
{
    (void)state;
    static const char text[] = "a\t3,0.5:7:\n"
                               "b\t3,2:9,x:4,1,2::7,nan\n"
                               "no tab\n"
                               "\t3\n"
                               "a\t9, 4 \n";
    struct prepared r = prepare_string(ctx, "a.txt", text, "{\"format\":\"dsstne\"}");
    assert_int_equal(r.status, AKIN_OK);
    assert_events(r.ds, "a", "3 0.5\n7 1\n9 4\n");
    assert_events(r.ds, "b", "3 2\n");
    assert_int_equal(dropped(&r, "bad_value"), 2);
    assert_int_equal(dropped(&r, "malformed"), 2);
    assert_int_equal(dropped(&r, "missing_id"), 1);
    prepared_free(&r);
    /* values switched off: dates of a filter file say nothing */
    check("a.txt", "a\t3,990:7,991\n", "{\"format\":\"dsstne\",\"columns\":{\"value\":\"\"}}", "a",
          "3\n7\n");
    /* guessed, and what looks like it */
    check("a.txt", "1\t31,2.5:1029,3\n2\t10\n", "{}", "1", "31 2.5\n1029 3\n");
    check("a.txt", "u\tx:y:z\n", "{}", "u", "x 1\ny 1\nz 1\n");
    check("a.txt", "1\t3:0.5\n", "{}", "1", "3 0.5\n");
    check("a.txt", "u\thttp://x,1:2\nv\ta\n", "{}", "u", "http://x,1:2\n");
}

static void test_jsonl(void **state)
{
    (void)state;
    static const char text[] =
        "{\"user_id\":\"a\",\"item_id\":7,\"rating\":4.5,\"time\":1000,\"x\":{\"y\":[1,{}]}}\n"
        "{\"item_id\":\"\\u00e9\\n\",\"user_id\":\"a\",\"rating\":\"2\",\"time\":1001}\n"
        "{\"user_id\":\"a\",\"item_id\":null,\"rating\":1,\"time\":2}\n"
        "{\"user_id\":\"a\",\"item_id\":8,\"rating\":1,\"time\":2,}\n";
    struct prepared r = prepare_string(ctx, "a.jsonl", text, "{}");
    assert_int_equal(r.status, AKIN_OK);
    assert_events(r.ds, "a", "7 4.5 @1000\n\xc3\xa9~ 2 @1001\n");
    assert_int_equal(dropped(&r, "missing_id"), 1);
    assert_int_equal(dropped(&r, "malformed"), 1);
    prepared_free(&r);
    refuse("a.json", "[{\"user_id\":1}]", "{\"format\":\"jsonl\"}", AKIN_E_INPUT, "array");
}

static void test_times(void **state)
{
    (void)state;
    check("a.csv", "user,item,time\na,x,1600000000123\n", "{}", "a", "x @1600000000\n");
    check("a.csv", "user,item,time\na,x,1600000000123456\n", "{}", "a", "x @1600000000\n");
    check("a.csv", "user,item,time\na,x,1600000000.9\n", "{}", "a", "x @1600000000\n");
    check("a.csv", "user,item,time\na,x,2020-09-13T12:26:40Z\n", "{}", "a", "x @1600000000\n");
    check("a.csv", "user,item,time\na,x,2020-09-13 12:26:40\n", "{}", "a", "x @1600000000\n");
    check("a.csv", "user,item,time\na,x,99\n", "{\"time_unit\":\"ms\"}", "a", "x @0\n");
    check("a.csv", "user,item,time\na,x,5\n", "{\"columns\":{\"time\":\"\"}}", "a", "x\n");
    check("a.csv", "user,item\na,x\na,b\n", "{\"order\":\"rows\"}", "a", "x @0\nb @1\n");
}

static void test_defects(void **state)
{
    (void)state;
    static const char text[] = "user,item,rating,time\n" /* line 1 */
                               "1,2,3,4\n"
                               "1,2,3\n"            /* malformed */
                               "1,\"2\"x,3,4\n"     /* malformed quotes */
                               ",2,3,4\n"           /* missing id */
                               "1,2,nan,4\n"        /* bad value */
                               "1,2,inf,4\n"        /* bad value */
                               "1,2,,4\n"           /* bad value */
                               "1,2,99,4\n"         /* out of range */
                               "1,2,3,soon\n"       /* bad time */
                               "1,2,3,-7\n"         /* negative time */
                               "1,2,3,1900000000\n" /* future time */
                               "1,\xff,3,4\n"       /* bad utf-8 */
                               "1,2,3,5\r\n"        /* duplicate */
                               "1,\"a\nb\",3,6\n";
    struct prepared r = prepare_string(ctx, "d.csv", text, "{\"value_range\":[0,10]}");
    assert_int_equal(r.status, AKIN_OK);
    assert_events(r.ds, "1", "2 3 @5\na~b 3 @6\n");
    assert_int_equal(dropped(&r, "malformed"), 2);
    assert_int_equal(dropped(&r, "missing_id"), 1);
    assert_int_equal(dropped(&r, "bad_value"), 3);
    assert_int_equal(dropped(&r, "out_of_range"), 1);
    assert_int_equal(dropped(&r, "bad_time"), 1);
    assert_int_equal(dropped(&r, "negative_time"), 1);
    assert_int_equal(dropped(&r, "future_time"), 1);
    assert_int_equal(dropped(&r, "bad_utf8"), 1);
    assert_int_equal(dropped(&r, "duplicate"), 1);
    assert_int_equal(json_int(r.report, "crlf_lines", 0), 1);
    assert_int_equal(json_int(r.report, "rows", 0), 14);
    const json_t *sample = json_array_get(json_object_get(r.report, "samples"), 0);
    assert_string_equal(json_text(sample, "class", ""), "malformed");
    assert_string_equal(json_text(sample, "source", ""), "d.csv");
    assert_int_equal(json_int(sample, "line", 0), 3);
    prepared_free(&r);
    refuse("d.csv", text, "{\"strict\":true}", AKIN_E_INPUT, "d.csv:3");
}

static void test_nul(void **state)
{
    (void)state;
    static const char text[] = "user,item\na,x\0y\na,z\n";
    struct prepared r = prepare_text(ctx, "n.csv", text, sizeof text - 1, "{}");
    assert_int_equal(r.status, AKIN_OK);
    assert_int_equal(dropped(&r, "bad_utf8"), 1);
    assert_events(r.ds, "a", "z\n");
    prepared_free(&r);
}

static void test_refusals(void **state)
{
    (void)state;
    refuse("e.csv", "", "{}", AKIN_E_INPUT, "empty");
    refuse("e.csv", " \n\n", "{}", AKIN_E_INPUT, "empty");
    refuse("e.csv", "user,item\n", "{}", AKIN_E_INPUT, "no usable row");
    refuse("e.csv", "userId,colour,shape\na,b,c\n", "{}", AKIN_E_INPUT,
           "found: userId, colour, shape");
    refuse("e.csv", "user,item\na,b\n", "{\"columns\":{\"value\":\"stars\"}}", AKIN_E_INPUT,
           "no column 'stars'");
    refuse("e.csv", "user,item\na,b\n", "{\"columns\":{\"worth\":\"item\"}}", AKIN_E_ARG, "worth");
    refuse("e.csv", "user,item\na,b\nc,b\n", "{\"max_ids\":1}", AKIN_E_LIMIT, "max_ids=1");
    refuse("e.csv", "user,item\n1,7\n2,7\n", "{\"max_ids\":1}", AKIN_E_LIMIT, "max_ids=1");
    refuse("e.parquet", "PAR1....", "{}", AKIN_E_UNSUPPORTED, "Parquet");
    refuse("e.csv", "\xff\xfeu\0", "{}", AKIN_E_INPUT, "UTF-16");
    refuse("e.csv", "user,item\na,b\na,b\n", "{\"duplicates\":\"error\"}", AKIN_E_INPUT,
           "user a, item b");
    refuse("e.csv", "user,item\na,b\n", "{\"value_range\":[3,1]}", AKIN_E_ARG, "value_range");
    refuse("e.csv", "user,item\na,b\n", "{\"min_user_events\":2}", AKIN_E_INPUT, "no event");
    struct prepared r = prepare_text(ctx, NULL, NULL, 0, "{\"source\":[\"s3://b/k\"]}");
    assert_int_equal(r.status, AKIN_E_UNSUPPORTED);
    r = prepare_text(ctx, NULL, NULL, 0, "{\"source\":[\"/nowhere/x.csv\"]}");
    assert_int_equal(r.status, AKIN_E_NOT_FOUND);
    assert_non_null(strstr(r.err.message, "/nowhere/x.csv"));
}

static void test_duplicates(void **state)
{
    (void)state;
    static const char text[] =
        "user,item,value,time\na,x,1,10\na,x,4,20\na,x,3,20\na,y,9,15\na,x,2,5\n";
    check("d.csv", text, "{}", "a", "y 9 @15\nx 4 @20\n");
    check("d.csv", text, "{\"duplicates\":\"first\"}", "a", "x 2 @5\ny 9 @15\n");
    check("d.csv", text, "{\"duplicates\":\"sum\"}", "a", "y 9 @15\nx 10 @20\n");
    check("d.csv", text, "{\"duplicates\":\"max\"}", "a", "y 9 @15\nx 4 @20\n");
    check("d.csv", text, "{\"duplicates\":\"mean\"}", "a", "y 9 @15\nx 2.5 @20\n");
    check("d.csv", text, "{\"duplicates\":\"keep\"}", "a",
          "x 2 @5\nx 1 @10\ny 9 @15\nx 3 @20\nx 4 @20\n");
    check("d.csv", "user,item,value\na,x,5\na,x,2\n", "{}", "a", "x 5\n");
    check("d.csv", "user,item\na,x\na,x\na,y\n", "{\"duplicates\":\"sum\"}", "a", "x 2\ny 1\n");
}

static void test_types(void **state)
{
    (void)state;
    static const char text[] =
        "user,item,event,time\na,x,view,1\na,x,buy,2\na,x,view,3\na,y,cart,4\nb,y,,5\n";
    struct prepared r = prepare_string(ctx, "t.csv", text, "{}");
    assert_int_equal(r.ds->types.n, 4);
    assert_events(r.ds, "a", "x @2 t1\nx @3 t3\ny @4 t2\n");
    assert_events(r.ds, "b", "y @5 t0\n");
    prepared_free(&r);
    r = prepare_string(ctx, "t.csv", text, "{\"event_types\":[\"buy\",\"view\"]}");
    assert_int_equal(dropped(&r, "event_type_filtered"), 2);
    assert_events(r.ds, "a", "x @2 t0\nx @3 t1\n");
    prepared_free(&r);
}

static void test_core(void **state)
{
    (void)state;
    static const char text[] = "user,item\na,x\na,y\nb,x\nb,y\nc,x\nc,z\nd,z\nd,w\n";
    struct prepared r =
        prepare_string(ctx, "k.csv", text, "{\"min_user_events\":2,\"min_item_events\":2}");
    assert_int_equal(r.ds->n_events, 4);
    assert_int_equal(r.ds->users.n, 2);
    assert_int_equal(r.ds->items.n, 2);
    assert_int_equal(dropped(&r, "user_kcore") + dropped(&r, "item_kcore"), 4);
    prepared_free(&r);
    r = prepare_string(ctx, "k.csv", "user,item\na,1\na,2\na,3\nb,1\n", "{\"max_user_events\":2}");
    assert_int_equal(dropped(&r, "bot"), 3);
    assert_int_equal(r.ds->users.n, 1);
    prepared_free(&r);
    r = prepare_string(ctx, "k.csv", "user,item,time\na,1,0\na,2,10\na,3,20\nb,1,0\nb,2,36000\n",
                       "{\"max_user_rate\":2}");
    assert_int_equal(dropped(&r, "bot"), 3);
    prepared_free(&r);
}

static void test_mixed_ids(void **state)
{
    (void)state;
    /* integers first, then text: one set of ids; "007" is no integer's canonical text */
    check("m.csv", "user,item\n1,10\n1,abc\n1,007\n1,7\n", "{}", "1", "007\n10\n7\nabc\n");
    check("m.csv", "user,item\n1,4294967294\n1,4294967295\n1,5\n", "{}", "1",
          "5\n4294967294\n4294967295\n");
    check("m.csv", "user,item\n1,4294967290\n1,3000000000\n1,5\n1,4294967290\n", "{}", "1",
          "5\n3000000000\n4294967290\n");
    check("m.csv", "user,item\n1,4294967290\n1,3000000000\n", "{}", "1",
          "3000000000\n4294967290\n");
}

static void test_context(void **state)
{
    (void)state;
    static const char text[] = "user,item,device,review,temp\na,x,phone,\"so, good\",1.5\n"
                               "a,b,desk,bad,2\n";
    struct prepared r = prepare_string(ctx, "c.csv", text, "{\"context\":[\"device\",\"temp\"]}");
    assert_int_equal(r.status, AKIN_OK);
    char cell[32];
    const struct column *col = table_find(&r.ds->event_table, "text");
    assert_non_null(col);
    table_cell_text(col, 1, cell, sizeof cell); /* b sorts before x */
    assert_string_equal(cell, "so, good");
    col = table_find(&r.ds->event_table, "device");
    assert_int_equal(col->type, COL_CATEGORY);
    table_cell_text(col, 0, cell, sizeof cell);
    assert_string_equal(cell, "desk");
    col = table_find(&r.ds->event_table, "temp");
    assert_int_equal(col->type, COL_NUMBER);
    assert_true(col->num[1] < 2);
    prepared_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv),       cmocka_unit_test(test_csv_forms),
        cmocka_unit_test(test_lists),     cmocka_unit_test(test_lists_defects),
        cmocka_unit_test(test_libsvm),    cmocka_unit_test(test_dsstne),
        cmocka_unit_test(test_jsonl),     cmocka_unit_test(test_times),
        cmocka_unit_test(test_defects),   cmocka_unit_test(test_nul),
        cmocka_unit_test(test_refusals),  cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_types),     cmocka_unit_test(test_core),
        cmocka_unit_test(test_mixed_ids), cmocka_unit_test(test_context),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
