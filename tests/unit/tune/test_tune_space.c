/* Spaces: what follows from a table, what a user may write instead, points and values. */
#include "plan_bed.h"

static struct tune_space build(struct arena *arena, const char *ranges, const char *fixed,
                               akin_status want, const char *words)
{
    akin_error err = {0};
    struct tune_space s = {0};
    json_t *r = ranges ? json_loads(ranges, 0, NULL) : NULL;
    json_t *f = fixed ? json_loads(fixed, 0, NULL) : NULL;
    akin_status status = space_build(arena, &bed_class, r, f, &s, &err);
    if (status != want)
        print_error("%s: %s\n", ranges ? ranges : "", err.message);
    assert_int_equal(status, want);
    if (words && !strstr(err.message, words))
        print_error("'%s' lacks '%s'\n", err.message, words);
    assert_true(!words || strstr(err.message, words));
    json_decref(r);
    json_decref(f);
    return s;
}

static const struct tune_dim *dim(const struct tune_space *s, const char *name)
{
    for (int32_t d = 0; d < s->n; d++)
        if (strcmp(s->dims[d].name, name) == 0)
            return &s->dims[d];
    static const struct tune_dim none;
    fail_msg("no dimension %s", name);
    return &none;
}

static void near(double a, double b)
{
    assert_true(fabs(a - b) <= 1e-9 * (1 + fabs(b)));
}

static void test_of_the_table(void **state)
{
    (void)state;
    akin_ctx *ctx = eval_ctx(1);
    struct arena arena;
    arena_init(&arena, ctx);
    struct tune_space s = build(&arena, NULL, NULL, AKIN_OK, NULL);
    assert_int_equal(s.n, 4);
    near(dim(&s, "a")->lo, 1.25); /* 5 / 4, its bounds being further apart than 10 */
    near(dim(&s, "a")->hi, 10);
    near(dim(&s, "b")->lo, 0.1 / 32);
    near(dim(&s, "b")->hi, 3.2);
    assert_true(dim(&s, "b")->is_log);
    near(dim(&s, "factors")->lo, 2);
    near(dim(&s, "factors")->hi, 128);
    assert_int_equal(dim(&s, "kind")->n_choices, 4);
    s = build(&arena, NULL, "{\"kind\": \"red\", \"b\": 1}", AKIN_OK, NULL);
    assert_int_equal(s.n, 2);
    arena_free(&arena);
    ctx_free(ctx);
}

static void test_as_written(void **state)
{
    (void)state;
    akin_ctx *ctx = eval_ctx(1);
    struct arena arena;
    arena_init(&arena, ctx);
    struct tune_space s =
        build(&arena,
              "{\"a\": \"-5..0.5\", \"b\": \"1e-4..1:linear\", \"factors\": \"8|16|32\", "
              "\"kind\": [\"grey\", \"red\"], \"fixed\": 4, \"half_life_days\": \"1..100:log\"}",
              NULL, AKIN_OK, NULL);
    assert_int_equal(s.n, 6);
    near(dim(&s, "a")->lo, -5);
    near(dim(&s, "a")->hi, 0.5);
    assert_false(dim(&s, "b")->is_log);
    assert_int_equal(dim(&s, "factors")->n_choices, 3);
    assert_true(json_is_integer(json_array_get(dim(&s, "factors")->choices, 0)));
    assert_int_equal(dim(&s, "fixed")->n_choices, 1);
    assert_true(dim(&s, "half_life_days")->is_log);
    arena_free(&arena);
    ctx_free(ctx);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *ranges, *fixed, *words;
    } bad[] = {
        {"{\"factor\": \"1..2\"}", NULL, "did you mean 'factors'"},
        {"{\"factors\": \"0..9\"}", NULL, "factors=0 (must be 1..4096"},
        {"{\"factors\": \"9..5000\"}", NULL, "factors=5000"},
        {"{\"factors\": \"1.5..9\"}", NULL, "must be such as"},
        {"{\"factors\": \"9..9\"}", NULL, "the first must be the smaller"},
        {"{\"a\": \"0..1:log\"}", NULL, "must begin above 0"},
        {"{\"a\": \"0..1:cubic\"}", NULL, "must be such as"},
        {"{\"a\": \"nan..1\"}", NULL, "smaller"},
        {"{\"kind\": \"red|pink\"}", NULL, "pink"},
        {"{\"kind\": []}", NULL, "0 choices"},
        {"{\"kind\": \"1..2\"}", NULL, "must be such as"},
        {"{\"a\": \"1..2\"}", "{\"a\": 1}", "both set and in the space"},
    };
    akin_ctx *ctx = eval_ctx(1);
    struct arena arena;
    arena_init(&arena, ctx);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        build(&arena, bad[i].ranges, bad[i].fixed, AKIN_E_ARG, bad[i].words);
    arena_free(&arena);
    ctx_free(ctx);
}

/* Values lie in their ranges, and their point leads back to them. */
static void test_points(void **state)
{
    (void)state;
    akin_ctx *ctx = eval_ctx(1);
    struct arena arena;
    arena_init(&arena, ctx);
    struct tune_space s = build(&arena, "{\"a\": \"-5..0.5\"}", NULL, AKIN_OK, NULL);
    json_t *fixed = json_pack("{s:i}", "fixed", 7);
    int counts[4] = {0};
    for (int i = 0; i <= 1000; i++) {
        double point[TUNE_DIMS], back[TUNE_DIMS], again[TUNE_DIMS];
        for (int32_t d = 0; d < s.n; d++)
            point[d] = s.dims[d].kind == TUNE_CHOICE ? i % 4 : i / 1000.0;
        json_t *v = space_values(&s, point, fixed);
        double a = json_number_value(json_object_get(v, "a"));
        double b = json_number_value(json_object_get(v, "b"));
        json_int_t f = json_integer_value(json_object_get(v, "factors"));
        assert_true(a >= -5 && a <= 0.5);
        assert_true(b >= 0.1 / 32 && b <= 3.2);
        assert_true(f >= 2 && f <= 128);
        assert_int_equal(json_integer_value(json_object_get(v, "fixed")), 7);
        counts[0] += f == 2;
        counts[1] += f >= 64;
        space_point(&s, v, back);
        json_t *w = space_values(&s, back, fixed);
        assert_true(json_equal(v, w));
        space_point(&s, w, again);
        assert_memory_equal(back, again, (size_t)s.n * sizeof *back);
        json_decref(v);
        json_decref(w);
    }
    assert_in_range(counts[0], 100, 140); /* 2 of 1.5..128.5 by logarithm: ln(2.5/1.5)/ln(85.7) */
    assert_in_range(counts[1], 140, 180);
    json_decref(fixed);
    arena_free(&arena);
    ctx_free(ctx);
}

static void test_goals(void **state)
{
    (void)state;
    static const char *const bad[] = {"coverage@10",   "coverage@10>0.2",
                                      "coverage@10>=", "coverage@10>=much",
                                      ">=1",           "nothing@3>=1"};
    akin_error err;
    struct tune_goal g;
    json_t *metrics = json_pack("[s, s]", "rmse", "ndcg@10");
    json_t *constraints = json_pack("[s, s]", "coverage@10 >= 0.2", "ndcg@10<=0.5");
    assert_int_equal(goal_parse(metrics, constraints, &g, &err), AKIN_OK);
    assert_int_equal(g.direction, -1);
    assert_int_equal(g.n_metrics, 3);
    assert_int_equal(g.constraints[0].metric, 2);
    const double values[] = {1, 0.6, 0.1};
    near(goal_violation(&g, values), 0.5 + 0.2);
    json_decref(constraints);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        constraints = json_pack("[s]", bad[i]);
        assert_int_equal(goal_parse(metrics, constraints, &g, &err), AKIN_E_ARG);
        json_decref(constraints);
    }
    json_decref(metrics);
    metrics = json_pack("[s]", "popularity@10");
    assert_int_equal(goal_parse(metrics, NULL, &g, &err), AKIN_E_ARG);
    json_decref(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_of_the_table), cmocka_unit_test(test_as_written),
        cmocka_unit_test(test_refused),      cmocka_unit_test(test_points),
        cmocka_unit_test(test_goals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
