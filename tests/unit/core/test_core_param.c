/* param.c and param_text.c: every type, bounds, messages, nearest names, dumping, sizes. */
#include "setup.h"

#include "core/param.h"

#include <math.h>

struct toy_params {
    int64_t factors;
    double reg;
    int64_t biases;
    const char *title;
    int64_t solver;
    int64_t memory;
    json_t *metrics;
    json_t *columns;
    const char *key;
    int64_t half_life_days;
};

static const akin_param rows[] = {
    PARAM_INT(struct toy_params, factors, "64", 1, 4096, "", AKIN_PARAM_TUNE, "Length."),
    PARAM_REAL(struct toy_params, reg, "0.01", 0, 1e6, "", 0, "Weight."),
    PARAM_BOOL(struct toy_params, biases, "true", 0, "Biases."),
    PARAM_TEXT(struct toy_params, title, NULL, 0, "Title."),
    PARAM_CHOICE(struct toy_params, solver, "cg", "cholesky|cg|8", 0, "Solver."),
    PARAM_SIZE(struct toy_params, memory, "1.5MiB", 0, 1e12, 0, "Memory."),
    PARAM_LIST(struct toy_params, metrics, "ndcg@10,recall@20", 0, "Metrics."),
    PARAM_MAP(struct toy_params, columns, 0, "Columns."),
    PARAM_TEXT(struct toy_params, key, "none", AKIN_PARAM_SECRET, "Key."),
    PARAM_INT(struct toy_params, half_life_days, "0", 0, 36500, "days", 0, "Decay."),
};

struct bench {
    akin_ctx *ctx;
    struct arena arena;
    struct toy_params p;
    akin_error err;
};

static int bench_setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    b->ctx = test_ctx_new(1, 0);
    arena_init(&b->arena, b->ctx);
    *state = b;
    return 0;
}

static int bench_teardown(void **state)
{
    struct bench *b = *state;
    arena_free(&b->arena);
    test_ctx_done(b->ctx);
    free(b);
    return 0;
}

static akin_status parse(struct bench *b, const char *text)
{
    json_t *object = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(object);
    akin_status status =
        param_parse("toy", rows, PARAM_COUNT(rows), object, &b->arena, &b->p, &b->err);
    json_decref(object); /* what was parsed does not need it */
    return status;
}

static void good(struct bench *b, const char *text)
{
    if (parse(b, text) != AKIN_OK)
        fail_msg("%s: %s", text, b->err.message);
}

static void bad(struct bench *b, const char *text, const char *message)
{
    assert_int_equal(parse(b, text), AKIN_E_ARG);
    assert_int_equal(b->err.code, AKIN_E_ARG);
    assert_string_equal(b->err.message, message);
}

static void test_defaults(void **state)
{
    struct bench *b = *state;
    memset(&b->p, 0xff, sizeof b->p);
    assert_int_equal(param_parse("toy", rows, PARAM_COUNT(rows), NULL, &b->arena, &b->p, &b->err),
                     AKIN_OK);
    assert_int_equal(b->p.factors, 64);
    assert_true(b->p.reg == 0.01);
    assert_int_equal(b->p.biases, 1);
    assert_null(b->p.title);
    assert_int_equal(b->p.solver, 1);
    assert_int_equal(b->p.memory, 1572864);
    assert_int_equal(json_array_size(b->p.metrics), 2);
    assert_string_equal(json_string_value(json_array_get(b->p.metrics, 1)), "recall@20");
    assert_null(b->p.columns);
    assert_string_equal(b->p.key, "none");
    good(b, "{\"factors\":null,\"metrics\":null}");
    assert_int_equal(b->p.factors, 64);
}

static void test_json_types(void **state)
{
    struct bench *b = *state;
    good(b, "{\"factors\":4096,\"reg\":2,\"biases\":false,\"title\":\"x\",\"solver\":\"cholesky\","
            "\"memory\":1000,\"metrics\":[\"a\",3],\"columns\":{\"a\":\"b\"},\"key\":\"k\"}");
    assert_int_equal(b->p.factors, 4096);
    assert_true(b->p.reg == 2);
    assert_int_equal(b->p.biases, 0);
    assert_string_equal(b->p.title, "x");
    assert_int_equal(b->p.solver, 0);
    assert_int_equal(b->p.memory, 1000);
    assert_int_equal(json_array_size(b->p.metrics), 2);
    assert_string_equal(json_string_value(json_object_get(b->p.columns, "a")), "b");
    good(b, "{\"factors\":1e3,\"title\":42,\"solver\":8,\"metrics\":7,\"biases\":1}");
    assert_int_equal(b->p.factors, 1000);
    assert_string_equal(b->p.title, "42");
    assert_int_equal(b->p.solver, 2);
    assert_int_equal(json_integer_value(json_array_get(b->p.metrics, 0)), 7);
}

static void test_text_types(void **state)
{
    struct bench *b = *state;
    good(b, "{\"factors\":\"1e2\",\"reg\":\"1e-3\",\"biases\":\"off\",\"memory\":\"2 GB\","
            "\"metrics\":\" a , b \",\"columns\":\"user_id=userId, value = a=b\"}");
    assert_int_equal(b->p.factors, 100);
    assert_true(b->p.reg == 0.001);
    assert_int_equal(b->p.biases, 0);
    assert_int_equal(b->p.memory, 2000000000);
    assert_int_equal(json_array_size(b->p.metrics), 2);
    assert_string_equal(json_string_value(json_array_get(b->p.metrics, 1)), "b");
    assert_string_equal(json_string_value(json_object_get(b->p.columns, "user_id")), "userId");
    assert_string_equal(json_string_value(json_object_get(b->p.columns, "value")), "a=b");
    good(b, "{\"metrics\":\"[1, \\\"a,b\\\"]\",\"columns\":\"{\\\"x\\\":1}\"}");
    assert_int_equal(json_array_size(b->p.metrics), 2);
    assert_int_equal(json_integer_value(json_object_get(b->p.columns, "x")), 1);
    good(b, "{\"metrics\":\"\",\"columns\":\"\"}");
    assert_int_equal(json_array_size(b->p.metrics), 0);
    assert_int_equal(json_object_size(b->p.columns), 0);
    static const char *const yes[] = {"true", "yes", "1", "on"};
    for (size_t i = 0; i < 4; i++) {
        char text[64];
        snprintf(text, sizeof text, "{\"biases\":\"%s\"}", yes[i]);
        good(b, text);
        assert_int_equal(b->p.biases, 1);
    }
}

static void test_messages(void **state)
{
    struct bench *b = *state;
    bad(b, "{\"factors\":0}", "toy: factors=0 (must be 1..4096)");
    bad(b, "{\"factors\":4097}", "toy: factors=4097 (must be 1..4096)");
    bad(b, "{\"factors\":1.5}", "toy: factors=1.5 (must be a whole number in 1..4096)");
    bad(b, "{\"factors\":\"many\"}", "toy: factors=many (must be a whole number in 1..4096)");
    bad(b, "{\"factors\":true}", "toy: factors=true (must be a whole number in 1..4096)");
    bad(b, "{\"factors\":\"99999999999999999999\"}",
        "toy: factors=99999999999999999999 (must be a whole number in 1..4096)");
    bad(b, "{\"half_life_days\":-1}", "toy: half_life_days=-1 (must be 0..36500 days)");
    bad(b, "{\"reg\":-0.5}", "toy: reg=-0.5 (must be 0..1000000)");
    bad(b, "{\"reg\":\"nan\"}", "toy: reg=nan (must be 0..1000000)");
    bad(b, "{\"reg\":\"inf\"}", "toy: reg=inf (must be 0..1000000)");
    bad(b, "{\"reg\":[]}", "toy: reg=[...] (must be a number in 0..1000000)");
    bad(b, "{\"biases\":2}", "toy: biases=2 (must be true or false)");
    bad(b, "{\"biases\":\"maybe\"}", "toy: biases=maybe (must be true or false)");
    bad(b, "{\"title\":1.5}", "toy: title=1.5 (must be text; put it in quotes)");
    bad(b, "{\"solver\":\"lu\"}", "toy: solver=lu (must be cholesky|cg|8)");
    bad(b, "{\"memory\":\"2 M\"}", "toy: memory=2 M (must be a size such as 512MiB, 2GB or 1000)");
    bad(b, "{\"memory\":\"9TB\"}", "toy: memory=9TB (must be 0..1000000000000 bytes)");
    bad(b, "{\"metrics\":{}}", "toy: metrics={...} (must be a list such as [a, b] or a,b)");
    bad(b, "{\"metrics\":\"a,,b\"}", "toy: metrics=a,,b (must be a list such as [a, b] or a,b)");
    bad(b, "{\"metrics\":\"[1\"}", "toy: metrics=[1 (must be a list such as [a, b] or a,b)");
    bad(b, "{\"columns\":\"a\"}",
        "toy: columns=a (must be pairs such as {a: b} or a=b,c=d, each key once)");
    bad(b, "{\"columns\":\"a=1,a=2\"}",
        "toy: columns=a=1,a=2 (must be pairs such as {a: b} or a=b,c=d, each key once)");
    bad(b, "{\"columns\":3}",
        "toy: columns=3 (must be pairs such as {a: b} or a=b,c=d, each key once)");
    bad(b, "{\"key\":2.5}", "toy: key=(secret) (must be text; put it in quotes)");
    bad(b, "[1]", "toy: parameters must be a JSON object of names and values");
    bad(b, "{\"factor\":3}", "toy: unknown parameter 'factor' (did you mean 'factors'?)");
    bad(b, "{\"half-life\":3}",
        "toy: unknown parameter 'half-life' (did you mean 'half_life_days'?)");
    bad(b, "{\"zzzzzzzz\":3}",
        "toy: unknown parameter 'zzzzzzzz' (known: factors, reg, biases, title, solver, memory, "
        "metrics, columns, key, half_life_days)");
    bad(b, "{\"title\":2.25,\"factors\":0}", "toy: factors=0 (must be 1..4096)"); /* by rows */
}

static void test_required(void **state)
{
    struct bench *b = *state;
    struct {
        const char *path;
    } out;
    const akin_param row = {"path", AKIN_PARAM_TEXT, AKIN_PARAM_REQUIRED, 0, NULL, 0, 0, NULL,
                            "",     "The file."};
    assert_int_equal(param_parse("op", &row, 1, NULL, &b->arena, &out, &b->err), AKIN_E_ARG);
    assert_string_equal(b->err.message, "op: path is missing (The file.)");
    assert_int_equal(param_parse("op", NULL, 0, NULL, &b->arena, &out, &b->err), AKIN_OK);
}

static void test_nearest(void **state)
{
    (void)state;
    size_t n = PARAM_COUNT(rows);
    assert_string_equal(param_nearest(rows, n, "fcators"), "factors");
    assert_string_equal(param_nearest(rows, n, "Factors"), "factors");
    assert_string_equal(param_nearest(rows, n, "rge"), "reg");
    assert_string_equal(param_nearest(rows, n, "bias"), "biases");
    assert_null(param_nearest(rows, n, "x"));
    assert_null(param_nearest(rows, n, ""));
    assert_null(param_nearest(rows, n, "learning_rate"));
    char text[200];
    memset(text, 'a', sizeof text);
    text[199] = '\0';
    assert_null(param_nearest(rows, n, text));
    assert_null(param_find(rows, n, "none"));
    assert_ptr_equal(param_find(rows, n, "reg"), &rows[1]);
}

static void test_dump(void **state)
{
    struct bench *b = *state;
    good(b, "{\"columns\":{\"a\":\"b\"},\"key\":\"secret\",\"title\":\"t\"}");
    b->p.reg = (double)INFINITY;
    json_t *dump = param_dump(rows, PARAM_COUNT(rows), &b->p);
    assert_non_null(dump);
    char *text = json_dumps(dump, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(
        text, "{\"biases\":true,\"columns\":{\"a\":\"b\"},\"factors\":64,\"half_life_days\":0,"
              "\"memory\":1572864,\"metrics\":[\"ndcg@10\",\"recall@20\"],"
              "\"reg\":\"inf\",\"solver\":\"cg\",\"title\":\"t\"}");
    free(text);
    json_object_del(dump, "reg");
    /* A dump reads back. */
    assert_int_equal(param_parse("toy", rows, PARAM_COUNT(rows), dump, &b->arena, &b->p, &b->err),
                     AKIN_OK);
    json_decref(dump);
}

static void test_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t want;
    } yes[] = {{"0", 0},
               {"1000", 1000},
               {"1kB", 1000},
               {"1KiB", 1024},
               {"512MiB", 536870912},
               {"1.5 GB", 1500000000},
               {" 2 tib ", 2199023255552},
               {"7B", 7},
               {"1PB", 1000000000000000},
               {"0.5KiB", 512}};
    static const char *const no[] = {"",
                                     "MB",
                                     "-1",
                                     "1K",
                                     "1M",
                                     "1XB",
                                     "1.2.3MB",
                                     "1e3",
                                     "9999999PiB",
                                     "1 2",
                                     "1MiBB",
                                     ".",
                                     "10Gi",
                                     "99999999999999999999",
                                     "99999999999999999999.5PB"};
    int64_t value;
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        if (!param_parse_size(yes[i].text, &value))
            fail_msg("'%s' was refused", yes[i].text);
        assert_int_equal(value, yes[i].want);
    }
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        if (param_parse_size(no[i], &value))
            fail_msg("'%s' was taken for %lld", no[i], (long long)value);
}

static void test_choices(void **state)
{
    (void)state;
    char text[8];
    assert_int_equal(param_choice_index("a|bb|c", "bb"), 1);
    assert_int_equal(param_choice_index("a|bb|c", "b"), -1);
    assert_int_equal(param_choice_index("a|bb|c", "a|bb"), -1);
    param_choice_text("a|bb|c", 2, text, sizeof text);
    assert_string_equal(text, "c");
    param_choice_text("a|bb|c", 3, text, sizeof text);
    assert_string_equal(text, "");
    param_choice_text("a|bb|c", -1, text, sizeof text);
    assert_string_equal(text, "");
    param_choice_text("abcdefghijk", 0, text, sizeof text);
    assert_string_equal(text, "abcdefg");
}

static void test_lack(void **state)
{
    struct bench *b = *state;
    json_t *object =
        json_loads("{\"title\":\"t\",\"columns\":{\"a\":1},\"metrics\":\"a,b\"}", 0, NULL);
    int64_t n = 1;
    for (;; n++) {
        arena_free(&b->arena);
        mem_fail_at(b->ctx->mem, n);
        akin_status status =
            param_parse("toy", rows, PARAM_COUNT(rows), object, &b->arena, &b->p, &b->err);
        if (status == AKIN_OK)
            break;
        assert_int_equal(status, AKIN_E_MEMORY);
    }
    assert_int_equal(n, 2);
    mem_fail_at(b->ctx->mem, 0);
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_defaults, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(test_json_types, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(test_text_types, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(test_messages, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(test_required, bench_setup, bench_teardown),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test_setup_teardown(test_dump, bench_setup, bench_teardown),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_choices),
        cmocka_unit_test_setup_teardown(test_lack, bench_setup, bench_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
