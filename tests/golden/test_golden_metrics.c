/* Evaluation against make_metrics.py: lists, exposure, distances, auc, errors, sampled, bootstrap,
 * Wilcoxon. */
#include "golden/metrics_golden.h"

#include "core/file.h"
#include "eval/stats.h"
#include "unit/eval/eval_fixture.h"

#include <math.h>
#include <unistd.h>

#define COUNT(x) ((int64_t)(sizeof(x) / sizeof((x)[0])))

/* Titles, and genres as categories or as text. */
static struct table item_table(akin_ctx *ctx, const struct ids *items, bool categories)
{
    akin_error err;
    const char *names[2] = {"genres", "title"};
    enum col_type types[2] = {categories ? COL_CATEGORY : COL_TEXT, COL_TEXT};
    struct table_builder *b = NULL;
    struct table t = {0};
    int64_t bad = 0;
    assert_ok(table_builder_create(ctx, 2, names, types, &b, &err));
    for (int32_t i = 0; i < items->n; i++) {
        assert_int_equal(ids_find(items, golden_items[i][0], strlen(golden_items[i][0])), i);
        const char *cells[2] = {golden_items[i][1], golden_items[i][0]};
        int32_t sizes[2] = {(int32_t)strlen(cells[0]), (int32_t)strlen(cells[1])};
        cells[0] = sizes[0] ? cells[0] : NULL;
        assert_ok(table_builder_row(b, cells, sizes, &bad, &err));
    }
    assert_ok(table_builder_finish(b, NULL, items->n, &t, &err));
    return t;
}

/* Two items have no events: they are given some by a user that is then left out. */
static struct dataset *golden_train_set(akin_ctx *ctx, bool categories)
{
    akin_error err;
    struct row rows[COUNT(golden_train) + COUNT(golden_items)];
    int64_t n = 0;
    for (; n < COUNT(golden_train); n++)
        rows[n] = (struct row){golden_train[n].user, golden_train[n].item,
                               (float)golden_train[n].value, 0, 0};
    for (int64_t i = 0; i < COUNT(golden_items); i++)
        rows[n++] = (struct row){"zz", golden_items[i][0], 1, 0, 0};
    struct dataset *all = fix_dataset(ctx, rows, n, FIX_VALUES, NULL), *out = NULL;
    table_free(ctx, &all->item_table);
    all->item_table = item_table(ctx, &all->items, categories);
    uint8_t keep[COUNT(golden_train) + COUNT(golden_items)];
    memset(keep, 1, sizeof keep);
    int32_t extra = fix_user(all, "zz");
    for (int64_t e = all->user_ptr[extra]; e < all->user_ptr[extra + 1]; e++)
        keep[e] = 0;
    assert_ok(dataset_subset(all, keep, NULL, true, &out, &err));
    dataset_free(all);
    assert_int_equal(out->items.n, COUNT(golden_items));
    assert_int_equal(out->users.n, 40);
    return out;
}

static struct dataset *golden_test_set(akin_ctx *ctx)
{
    struct row rows[COUNT(golden_test)];
    for (int64_t n = 0; n < COUNT(golden_test); n++)
        rows[n] = (struct row){golden_test[n].user, golden_test[n].item,
                               (float)golden_test[n].value, 0, 0};
    return fix_dataset(ctx, rows, COUNT(golden_test), FIX_VALUES, NULL);
}

static struct eval_case golden_case(int threads, bool categories)
{
    struct eval_case c = {.ctx = eval_ctx(threads)};
    c.train = golden_train_set(c.ctx, categories);
    c.test = golden_test_set(c.ctx);
    case_open(&c, "value >= 3");
    return c;
}

struct golden_given {
    int32_t user[64];
    int64_t ptr[65];
    int32_t item[COUNT(golden_lists)];
    struct eval_lists lists;
};

static void given_build(const struct eval_case *c, struct golden_given *g)
{
    int64_t n = 0;
    for (int64_t e = 0; e < COUNT(golden_lists); e++) {
        int32_t user = fix_user(c->test, golden_lists[e].user);
        if (n == 0 || g->user[n - 1] != user) {
            g->ptr[n] = e;
            g->user[n++] = user;
        }
        g->item[e] = fix_item(c->train, golden_lists[e].item);
    }
    g->ptr[n] = COUNT(golden_lists);
    g->lists = (struct eval_lists){n, g->user, g->ptr, g->item};
}

static double measure(struct eval_case *c, const struct golden_given *g, const char *metric,
                      enum metric_dialect dialect)
{
    akin_error err;
    struct eval_result r = {0};
    struct eval_options opt = eval_want(c->ctx, metric, dialect);
    assert_ok(evaluate_lists(c->ctx, &g->lists, &c->tv, &c->view, &opt, &r, &err));
    double value = r.metrics[0].value;
    eval_result_free(c->ctx, &r);
    eval_unwant(c->ctx, &opt);
    return value;
}

static void test_lists(void **state)
{
    (void)state;
    struct eval_case c = golden_case(2, false);
    static struct golden_given g;
    given_build(&c, &g);
    for (int64_t i = 0; i < COUNT(golden_values); i++) {
        const struct golden_value *v = &golden_values[i];
        double x = measure(&c, &g, v->metric, v->dialect);
        if (!(fabs(x - v->value) <= 1e-12 * (1 + fabs(v->value))))
            fail_msg("%s as %s: %.17g, not %.17g", v->metric, metric_dialect_name(v->dialect), x,
                     v->value);
    }
    assert_value(measure(&c, &g, "diversity@5", DIALECT_AKIN), golden_diversity_train_5, 1e-12);
    assert_value(measure(&c, &g, "diversity@10", DIALECT_AKIN), golden_diversity_train_10, 1e-12);
    case_close(&c);
    c = golden_case(2, true);
    given_build(&c, &g);
    assert_value(measure(&c, &g, "diversity@5", DIALECT_AKIN), golden_diversity_categories_5,
                 1e-12);
    assert_value(measure(&c, &g, "diversity@10", DIALECT_AKIN), golden_diversity_categories_10,
                 1e-12);
    case_close(&c);
}

static void test_scores(void **state)
{
    (void)state;
    akin_error err;
    struct eval_result r = {0};
    struct eval_case c = golden_case(3, false);
    struct eval_options opt = eval_want(c.ctx, "auc,rmse,mae,logloss", DIALECT_AKIN);
    assert_ok(evaluate_model(c.ctx, c.model, &c.view, &opt, &r, &err));
    assert_value(r.metrics[0].value, golden_auc, 1e-12);
    assert_value(r.metrics[1].value, golden_rmse, 1e-12);
    assert_value(r.metrics[2].value, golden_mae, 1e-12);
    assert_int_equal(r.n_pairs, golden_n_pairs);
    assert_int_equal(r.n_cold_pairs, golden_n_cold);
    assert_int_equal(r.metrics[1].n, golden_n_pairs);
    assert_true(isnan(r.metrics[3].value));
    assert_non_null(r.reason[3]);
    eval_result_free(c.ctx, &r);
    eval_unwant(c.ctx, &opt);
    case_close(&c);
}

static void test_sampled(void **state)
{
    (void)state;
    akin_error err;
    struct eval_result r = {0};
    struct eval_case c = golden_case(2, false);
    struct eval_options opt = eval_want(c.ctx, "hit@3,ndcg@3,mrr@3,auc,coverage@3", DIALECT_AKIN);
    char path[] = "/tmp/akin-candidates-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_ok(file_write(c.ctx, path, golden_candidates, (int64_t)strlen(golden_candidates), &err));
    opt.candidates = path;
    assert_ok(evaluate_model(c.ctx, c.model, &c.view, &opt, &r, &err));
    for (int i = 0; i < 4; i++)
        assert_value(r.metrics[i].value, golden_sampled[i], 1e-12);
    assert_true(r.is_sampled);
    assert_non_null(strstr(r.warning, "sampled"));
    assert_non_null(r.reason[4]);
    json_t *json = eval_result_json(&r, &opt);
    json_t *hit = json_object_get(json_object_get(json, "metrics"), "hit@3");
    assert_string_equal(json_string_value(json_object_get(hit, "definition")),
                        "hit@3[H>0,sampled]");
    json_decref(json);
    unlink(path);
    eval_result_free(c.ctx, &r);
    eval_unwant(c.ctx, &opt);
    case_close(&c);
}

static void test_bootstrap(void **state)
{
    (void)state;
    akin_error err;
    for (int threads = 1; threads <= 8; threads += threads < 3 ? 1 : 5) {
        akin_ctx *ctx = fix_ctx(threads, 42);
        struct stats_ratio r[2] = {{.num = golden_boot_num, .den = golden_boot_den},
                                   {.num = golden_boot_num, .den = golden_boot_den, .root = true}};
        assert_ok(stats_intervals(ctx, COUNT(golden_boot_num), r, 2, 1000, &err));
        assert_value(r[0].lo, golden_boot[0], 1e-12);
        assert_value(r[0].hi, golden_boot[1], 1e-12);
        assert_value(r[1].lo, golden_boot[2], 1e-12);
        assert_value(r[1].hi, golden_boot[3], 1e-12);
        ctx_free(ctx);
    }
}

static void test_wilcoxon(void **state)
{
    (void)state;
    for (int64_t i = 0; i < COUNT(golden_wilcoxon); i++) {
        double d[4096];
        memcpy(d, golden_wilcoxon[i].d, (size_t)golden_wilcoxon[i].n * sizeof *d);
        double p = stats_wilcoxon(d, golden_wilcoxon[i].n);
        assert_true(fabs(p - golden_wilcoxon[i].p) <= 1e-9 * golden_wilcoxon[i].p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),    cmocka_unit_test(test_scores),
        cmocka_unit_test(test_sampled),  cmocka_unit_test(test_bootstrap),
        cmocka_unit_test(test_wilcoxon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
