/* The golden vectors of DEFINITIONS, akin's numbers and others'; parsing. */
#include "unit/eval/eval_fixture.h"

#include <math.h>

enum { N_USERS = 4, CUT = 5 };

/* u1..u4 of DEFINITIONS, catalogue a..j. */
static const char *const vector_list[N_USERS] = {"abcde", "abcde", "abcde", "fa"};
static const char *const vector_rel[N_USERS] = {"be", "abcdefg", "", "f"};

static struct metric_spec spec(const char *text, enum metric_dialect dialect)
{
    akin_error err;
    struct metric_spec m = {0};
    assert_ok(metric_parse(text, dialect, &m, &err));
    return m;
}

static double of_user(const struct metric_spec *m, int u)
{
    uint8_t hit[8];
    int32_t n = (int32_t)strlen(vector_list[u]);
    for (int32_t r = 0; r < n; r++)
        hit[r] = strchr(vector_rel[u], vector_list[u][r]) != NULL;
    return metric_user(m, hit, n, (int32_t)strlen(vector_rel[u]));
}

static void test_vectors(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double u1, u2, u4;
    } rows[] = {
        {"precision@5", .4, 1, .2}, {"recall@5", 1, .714286, 1}, {"recall_capped@5", 1, 1, 1},
        {"ndcg@5", .624051, 1, 1},  {"map@5", .45, 1, 1},        {"mrr@5", .5, 1, 1},
        {"hit@5", 1, 1, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct metric_spec m = spec(rows[i].name, DIALECT_AKIN);
        assert_value(of_user(&m, 0), rows[i].u1, 1e-6);
        assert_value(of_user(&m, 1), rows[i].u2, 1e-6);
        assert_true(isnan(of_user(&m, 2)));
        assert_value(of_user(&m, 3), rows[i].u4, 1e-6);
    }
}

/* The whole way: a test set of u1..u4, their lists, the reported value. */
static struct eval_case vector_case(int threads)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
    static const char *const users[N_USERS] = {"u1", "u2", "u3", "u4"};
    struct row rows[32];
    int64_t n = 0;
    struct eval_case c = {.ctx = eval_ctx(threads)};
    for (int i = 0; i < 10; i++)
        rows[n++] = (struct row){"other", names[i], 5, 0, 0};
    c.train = fix_dataset(c.ctx, rows, n, FIX_VALUES, NULL);
    n = 0;
    for (int u = 0; u < N_USERS; u++)
        for (const char *p = vector_rel[u]; *p; p++)
            rows[n++] = (struct row){users[u], names[*p - 'a'], 5, 0, 0};
    rows[n++] = (struct row){"u3", "a", 1, 0, 0}; /* in the test, but not relevant */
    c.test = fix_dataset(c.ctx, rows, n, FIX_VALUES, NULL);
    case_open(&c, "value >= 4");
    return c;
}

static double reported(struct eval_case *c, const char *name, enum metric_dialect dialect,
                       struct eval_result *keep)
{
    akin_error err;
    static const char *const users[N_USERS] = {"u1", "u2", "u3", "u4"};
    int32_t user[N_USERS], item[32];
    int64_t ptr[N_USERS + 1] = {0}, n = 0;
    for (int u = 0; u < N_USERS; u++) {
        user[u] = fix_user(c->test, users[u]);
        for (const char *p = vector_list[u]; *p; p++) {
            const char id[2] = {*p, 0};
            item[n++] = fix_item(c->train, id);
        }
        ptr[u + 1] = n;
    }
    struct eval_lists lists = {N_USERS, user, ptr, item};
    struct eval_options opt = eval_want(c->ctx, name, dialect);
    struct eval_result r = {0};
    assert_ok(evaluate_lists(c->ctx, &lists, &c->tv, &c->view, &opt, &r, &err));
    double value = r.metrics[0].value;
    if (keep)
        *keep = r;
    else
        eval_result_free(c->ctx, &r);
    eval_unwant(c->ctx, &opt);
    return value;
}

static void test_means(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum metric_dialect dialect;
        double value;
    } rows[] = {
        {"precision@5", DIALECT_AKIN, .533333},  {"recall@5", DIALECT_AKIN, .904762},
        {"recall_capped@5", DIALECT_AKIN, 1},    {"ndcg@5", DIALECT_AKIN, .874684},
        {"map@5", DIALECT_AKIN, .816667},        {"mrr@5", DIALECT_AKIN, .833333},
        {"precision@5", DIALECT_GORSE, .633333}, {"precision@5", DIALECT_IMPLICIT, 1},
        {"recall@5", DIALECT_SPARK, .678571},    {"ndcg@5", DIALECT_RECTOOLS, .561451},
        {"map@5", DIALECT_RECTOOLS, .721429},    {"map@5", DIALECT_GORSE, .721429},
        {"map_r@5", DIALECT_AKIN, .721429},      {"map_k@5", DIALECT_AKIN, .46},
        {"map@5", DIALECT_ELLIOT, .584444},      {"coverage@5", DIALECT_AKIN, .6},
        {"gini@5", DIALECT_AKIN, .488235},       {"entropy@5", DIALECT_AKIN, 1.731535},
        {"map@5", DIALECT_IMPLICIT, .816667},    {"ndcg@5", DIALECT_RECBOLE, .874684},
        {"recall_capped@5", DIALECT_RECPACK, 1},
    };
    struct eval_case c = vector_case(2);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_value(reported(&c, rows[i].name, rows[i].dialect, NULL), rows[i].value, 1e-6);
    struct eval_result r;
    reported(&c, "recall@5", DIALECT_AKIN, &r);
    assert_int_equal(r.n_eval, 3);
    assert_int_equal(r.n_empty, 1);
    assert_int_equal(r.n_no_list, 0);
    assert_int_equal(r.n_cold_users, 4);
    assert_int_equal(r.metrics[0].n, 3);
    assert_non_null(strstr(r.warning, "too few to compare"));
    eval_result_free(c.ctx, &r);
    case_close(&c);
}

static void test_definitions(void **state)
{
    (void)state;
    struct metric_spec m = spec("ndcg@10", DIALECT_AKIN);
    assert_string_equal(m.name, "ndcg@10");
    assert_string_equal(m.definition, "ndcg@10[bin,log2,min(k,R)]");
    assert_int_equal(m.k, 10);
    m = spec("recall@20", DIALECT_SPARK);
    assert_string_equal(m.definition, "recall@20[H/R,empty=0]");
    m = spec("auc", DIALECT_SPARK);
    assert_string_equal(m.definition, "auc[exact,ties=1/2]");
    assert_int_equal(metric_kind_of(&m), METRIC_USER);
    assert_false(metric_is_from_hits(&m));
    for (int32_t id = 0; metric_name_at(id); id++) {
        assert_non_null(metric_help_at(id));
        assert_true(id < METRIC_COUNT);
    }
    assert_null(metric_name_at(-1));
    enum metric_dialect d;
    assert_true(metric_dialect_find("elliot", &d));
    assert_int_equal(d, DIALECT_ELLIOT);
    assert_false(metric_dialect_find("surprise", &d));
}

static void test_parse_errors(void **state)
{
    (void)state;
    akin_error err;
    struct metric_spec m, *list = NULL;
    int32_t n = 0;
    akin_ctx *ctx = fix_ctx(1, 1);
    assert_fails(metric_parse("recal@5", DIALECT_AKIN, &m, &err), AKIN_E_ARG, "serendipity");
    assert_fails(metric_parse("recall", DIALECT_AKIN, &m, &err), AKIN_E_ARG, "recall@20");
    assert_fails(metric_parse("rmse@5", DIALECT_AKIN, &m, &err), AKIN_E_ARG, "no cut");
    assert_fails(metric_parse("recall@0", DIALECT_AKIN, &m, &err), AKIN_E_ARG, "1..10000");
    assert_fails(metric_parse("recall@10001", DIALECT_AKIN, &m, &err), AKIN_E_ARG, "1..10000");
    assert_fails(metric_parse("recall@x", DIALECT_AKIN, &m, &err), AKIN_E_ARG, "1..10000");
    assert_fails(metric_parse("diversity@1", DIALECT_AKIN, &m, &err), AKIN_E_ARG, "2..10000");
    assert_fails(metric_parse("", DIALECT_AKIN, &m, &err), AKIN_E_ARG, "unknown");
    assert_fails(metric_parse_list(ctx, " , ", DIALECT_AKIN, &list, &n, &err), AKIN_E_ARG,
                 "no metric");
    assert_fails(metric_parse_list(ctx, "hit@3,mrr@3,hit@3", DIALECT_AKIN, &list, &n, &err),
                 AKIN_E_ARG, "twice");
    assert_ok(metric_parse_list(ctx, " hit@3, mrr@3,,rmse", DIALECT_AKIN, &list, &n, &err));
    assert_int_equal(n, 3);
    mem_free(ctx, list);
    assert_int_equal(mem_used(ctx->mem), 0);
    ctx_free(ctx);
}

/* A list may repeat an item, name unknown ones, or be missing. */
static void test_odd_lists(void **state)
{
    (void)state;
    akin_error err;
    struct eval_case c = vector_case(1);
    struct eval_options opt =
        eval_want(c.ctx, "precision@5,novelty@5,coverage@2,diversity@5,auc,mae", DIALECT_AKIN);
    struct eval_result r = {0};
    int32_t b = fix_item(c.train, "b");
    int32_t user[2] = {fix_user(c.test, "u1"), fix_user(c.test, "u4")};
    int32_t item[4] = {b, -1, b, b};
    int64_t ptr[3] = {0, 3, 4};
    struct eval_lists lists = {2, user, ptr, item};
    assert_ok(evaluate_lists(c.ctx, &lists, &c.tv, &c.view, &opt, &r, &err));
    assert_value(r.metrics[0].value, (1.0 / 5 + 0 + 0) / 3, 1e-12);
    assert_int_equal(r.n_no_list, 2);
    assert_int_equal(r.n_short_lists, 1);
    /* one train user has every item: b is worth 0 bits, an unknown item 1 bit */
    assert_value(r.metrics[1].value, (1.0 / 3 + 0) / 2, 1e-12);
    assert_value(r.metrics[2].value, 0.1, 1e-12);
    assert_value(r.metrics[3].value, (1.0 + 1.0 + 0.0) / 3, 1e-12);
    assert_int_equal(r.metrics[3].n, 1);
    assert_true(isnan(r.metrics[4].value) && isnan(r.metrics[5].value));
    json_t *json = eval_result_json(&r, &opt);
    json_t *auc = json_object_get(json_object_get(json, "metrics"), "auc");
    assert_true(json_is_null(json_object_get(auc, "value")));
    assert_non_null(json_object_get(auc, "reason"));
    json_t *mae = json_object_get(json_object_get(json, "metrics"), "mae");
    assert_string_equal(json_string_value(json_object_get(mae, "definition")), "mae[pairs,clip]");
    json_decref(json);
    eval_result_free(c.ctx, &r);
    user[1] = user[0];
    assert_fails(evaluate_lists(c.ctx, &lists, &c.tv, &c.view, &opt, &r, &err), AKIN_E_INPUT,
                 "two lists");
    user[1] = -1; /* unknown to the test: ignored */
    item[0] = 10;
    assert_fails(evaluate_lists(c.ctx, &lists, &c.tv, &c.view, &opt, &r, &err), AKIN_E_INPUT,
                 "-1..9");
    opt.bootstrap = -1;
    assert_fails(evaluate_lists(c.ctx, &lists, &c.tv, &c.view, &opt, &r, &err), AKIN_E_ARG,
                 "bootstrap");
    eval_unwant(c.ctx, &opt);
    case_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),     cmocka_unit_test(test_means),
        cmocka_unit_test(test_definitions), cmocka_unit_test(test_parse_errors),
        cmocka_unit_test(test_odd_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
