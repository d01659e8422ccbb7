/* Feedback rules: golden weights, the tabulated rule against plain evaluation, JSON. */
#include "data/feedback.h"

#include "unit/data/flow_fixture.h"

#include <float.h>
#include <math.h>

static const char *const type_names[] = {"buy", "cart", "view"};

struct fixture {
    akin_ctx *ctx;
    struct strtab types;
};

static struct feedback *make(struct fixture *fix, const char *positive, const char *weights,
                             int64_t value_weight, double half_life)
{
    akin_error err;
    struct feedback *f = NULL;
    json_t *map = weights ? json_loads(weights, 0, NULL) : NULL;
    struct feedback_params p = {positive, map, value_weight, half_life};
    if (feedback_create(fix->ctx, &p, &fix->types, 1000000, &f, &err) != AKIN_OK)
        fail_msg("%s", err.message);
    json_decref(map);
    return f;
}

static void test_plain(void **state)
{
    struct feedback *f = make(*state, NULL, NULL, 0, 0);
    assert_true(feedback_is_plain(f));
    assert_false(feedback_decays(f));
    assert_true(feedback_weight(f, -3, -1, 5, 9) == 1);
    assert_true(feedback_weight(f, NAN, 2, 5, 9) == 1);
    assert_int_equal(feedback_now(f), 1000000);
    feedback_free(f);
    f = make(*state, "", "{}", 0, 0);
    assert_true(feedback_is_plain(f));
    feedback_free(f);
}

static void test_golden(void **state)
{
    struct feedback *f = make(*state, "value >= 4", "{\"buy\": 5, \"cart\": \"0\"}", 0, 0);
    assert_false(feedback_is_plain(f));
    assert_true(feedback_uses_types(f));
    assert_true(feedback_weight(f, 4, 0, 0, 0) == 5);
    assert_true(feedback_weight(f, 3.999F, 0, 0, 0) == 0);
    assert_true(feedback_weight(f, 4, 1, 0, 0) == 0);
    assert_false(feedback_is_positive(f, 5, 1));
    assert_true(feedback_weight(f, 4.5F, 2, 0, 0) == 1);
    assert_true(feedback_weight(f, 4.5F, -1, 0, 0) == 1);
    assert_true(feedback_weight(f, NAN, 0, 0, 0) == 0);
    feedback_free(f);

    f = make(*state, NULL, NULL, 1, 0);
    assert_false(feedback_uses_types(f));
    assert_true(feedback_weight(f, 3.5F, 0, 0, 0) == 3.5F);
    assert_true(feedback_weight(f, 0, 0, 0, 0) == 0);
    assert_true(feedback_weight(f, -1, 0, 0, 0) == 0);
    assert_true(feedback_weight(f, INFINITY, 0, 0, 0) == FLT_MAX);
    feedback_free(f);

    f = make(*state, NULL, NULL, 2, 0);
    assert_near(feedback_weight(f, 1.718281828F, 0, 0, 0), 2, 1e-6);
    assert_true(feedback_weight(f, 0, 0, 0, 0) == 1);
    assert_true(feedback_weight(f, -.5F, 0, 0, 0) == 0);
    feedback_free(f);

    f = make(*state, "event_type == 'buy' or value > 2", NULL, 0, 10);
    assert_true(feedback_decays(f));
    assert_near(feedback_weight(f, 0, 0, 0, 864000), .5, 1e-7);
    assert_near(feedback_weight(f, 3, 1, 0, 3 * 864000), .125, 1e-7);
    assert_true(feedback_weight(f, 0, 1, 0, 864000) == 0);
    assert_true(feedback_weight(f, 0, 0, 9, 5) == 1);
    /* a positive never fades away */
    assert_true(feedback_weight(f, 0, 0, 0, INT64_MAX) == FLT_MIN);
    assert_true(feedback_is_positive(f, 0, 0));
    feedback_free(f);
}

/* Every rule gives in the table what it gives as text: values on, beside and between constants. */
static void test_table(void **state)
{
    struct fixture *fix = *state;
    struct feedback *f = make(fix,
                              "value in [1, 2.5] or value > 3 and value != 4 or "
                              "event_type in ['view'] and not (value >= 0)",
                              NULL, 0, 0);
    for (double v = -1; v <= 5; v += .25) {
        for (int type = -1; type < 3; type++) {
            bool want = v == 1 || v == 2.5 || (v > 3 && v != 4) || (type == 2 && !(v >= 0));
            assert_int_equal(feedback_is_positive(f, (float)v, type), want);
        }
    }
    assert_true(feedback_is_positive(f, NAN, 2));
    assert_false(feedback_is_positive(f, NAN, 1));
    assert_true(feedback_is_positive(f, INFINITY, 1));
    assert_true(feedback_is_positive(f, -INFINITY, 2));
    feedback_free(f);
    /* More constants than the table takes: the same meaning. */
    char rule[512] = "value in [0";
    for (int i = 1; i < 60; i++)
        snprintf(rule + strlen(rule), sizeof rule - strlen(rule), ",%d", 2 * i);
    snprintf(rule + strlen(rule), sizeof rule - strlen(rule), "] or event_type == 'buy'");
    f = make(fix, rule, NULL, 0, 0);
    for (int v = 0; v < 140; v++) {
        assert_int_equal(feedback_is_positive(f, (float)v, 1), v % 2 == 0 && v < 120);
        assert_true(feedback_is_positive(f, (float)v, 0));
    }
    feedback_free(f);
    f = make(fix, "event_type is missing", NULL, 0, 0);
    assert_true(feedback_is_positive(f, 0, -1));
    assert_true(feedback_is_positive(f, 0, 99));
    assert_false(feedback_is_positive(f, 0, 0));
    feedback_free(f);
}

static void test_json(void **state)
{
    struct fixture *fix = *state;
    akin_error err;
    struct feedback *f = make(fix, "value >= 0.1 and event_type != \"cart\"",
                              "{\"buy\": 0.1, \"gone\": 3}", 2, 1.0 / 3);
    json_t *json = feedback_to_json(f);
    char *text = json_dumps(json, JSON_SORT_KEYS);
    json_t *again = json_loads(text, 0, NULL);
    struct feedback *g = NULL;
    /* other data: the same names under other numbers */
    static const char *const other_names[] = {"a", "buy"};
    struct strtab other;
    fix_types(fix->ctx, other_names, 2, &other);
    assert_int_equal(feedback_from_json(fix->ctx, again, &other, &g, &err), AKIN_OK);
    json_t *json2 = feedback_to_json(g);
    assert_true(json_equal(json, json2));
    for (int t = 0; t < 40; t++) {
        float value = (float)t / 8;
        float a = feedback_weight(f, value, 0, t * 3600, 1000000);
        float b = feedback_weight(g, value, 1, t * 3600, 1000000);
        assert_memory_equal(&a, &b, sizeof a);
    }
    json_decref(json2);
    json_object_set_new(again, "value_weight", json_string("cubic"));
    struct feedback *none = NULL;
    assert_int_equal(feedback_from_json(fix->ctx, again, &other, &none, &err), AKIN_E_FORMAT);
    assert_null(none);
    assert_int_equal(feedback_from_json(fix->ctx, NULL, &other, &none, &err), AKIN_E_FORMAT);
    free(text);
    json_decref(json);
    json_decref(again);
    feedback_free(f);
    feedback_free(g);
    mem_free(fix->ctx, (void *)(uintptr_t)other.off);
    mem_free(fix->ctx, (void *)(uintptr_t)other.bytes);
}

static void expect_fail(struct fixture *fix, struct feedback_params p, akin_status status,
                        const char *message)
{
    akin_error err;
    struct feedback *f = NULL;
    assert_int_equal(feedback_create(fix->ctx, &p, &fix->types, 0, &f, &err), status);
    assert_string_equal(err.message, message);
    assert_null(f);
}

static void test_refused(void **state)
{
    struct fixture *fix = *state;
    json_t *bad = json_pack("{s:f}", "buy", -1.0);
    json_t *list = json_array();
    expect_fail(fix, (struct feedback_params){.positive = "rating >= 4"}, AKIN_E_INPUT,
                "positive: column 1: unknown name 'rating' (known: value, event_type), at "
                ">>rating >= 4");
    expect_fail(fix, (struct feedback_params){.positive = "id in $seen"}, AKIN_E_INPUT,
                "positive: column 7: unknown variable '$seen', at >>$seen");
    expect_fail(fix, (struct feedback_params){.event_weights = bad}, AKIN_E_ARG,
                "event_weights: weight of 'buy' must be a number >= 0");
    expect_fail(fix, (struct feedback_params){.event_weights = list}, AKIN_E_ARG,
                "event_weights: must map an event type to a weight");
    expect_fail(fix, (struct feedback_params){.half_life_days = -1}, AKIN_E_ARG,
                "half_life_days=-1 (must be >= 0; 0 = events do not fade)");
    expect_fail(fix, (struct feedback_params){.value_weight = 7}, AKIN_E_ARG,
                "value_weight=7 (must be none, linear or log)");
    json_decref(bad);
    json_decref(list);
}

static void test_params(void **state)
{
    struct fixture *fix = *state;
    akin_error err;
    struct feedback_params p;
    struct arena arena;
    arena_init(&arena, fix->ctx);
    assert_int_equal(
        param_parse("feedback", feedback_param_rows, feedback_n_params, NULL, &arena, &p, &err),
        AKIN_OK);
    assert_null(p.positive);
    assert_null(p.event_weights);
    assert_int_equal(p.value_weight, 0);
    assert_true(p.half_life_days == 0);
    arena_free(&arena);
}

static void test_memory(void **state)
{
    struct fixture *fix = *state;
    akin_error err;
    json_t *map = json_pack("{s:i}", "buy", 2);
    struct feedback_params p = {"value >= 4", map, 0, 3};
    int64_t used = mem_used(fix->ctx->mem);
    for (int64_t n = 1;; n++) {
        struct feedback *f = NULL;
        mem_fail_at(fix->ctx->mem, n);
        akin_status status = feedback_create(fix->ctx, &p, &fix->types, 0, &f, &err);
        mem_fail_at(fix->ctx->mem, 0);
        feedback_free(f);
        assert_int_equal(mem_used(fix->ctx->mem), used);
        if (status == AKIN_OK)
            break;
        assert_int_equal(status, AKIN_E_MEMORY);
    }
    json_decref(map);
}

static int set_up(void **state)
{
    static struct fixture fix;
    fix.ctx = fix_ctx(1, 1);
    fix_types(fix.ctx, type_names, 3, &fix.types);
    *state = &fix;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fix = *state;
    mem_free(fix->ctx, (void *)(uintptr_t)fix->types.off);
    mem_free(fix->ctx, (void *)(uintptr_t)fix->types.bytes);
    assert_int_equal(mem_used(fix->ctx->mem), 0);
    ctx_free(fix->ctx);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),   cmocka_unit_test(test_golden),
        cmocka_unit_test(test_table),   cmocka_unit_test(test_json),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_params),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
