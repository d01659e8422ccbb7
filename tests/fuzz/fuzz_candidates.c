/*
 * Fuzz: candidates files, as an evaluation reads them: a fitted model and a test set that stay, the
 * file from the input. What is read gives values within their bounds.
 */
#include "fuzz_base.h"

#include "core/json.h"
#include "data/prepare.h"
#include "eval/evaluate.h"
#include "kern/kern.h"

/* An empty array of the set-up points behind its block, which a leak checker does not follow. */
void __lsan_disable(void) __attribute__((weak));
void __lsan_enable(void) __attribute__((weak));

struct world {
    akin_ctx *ctx;
    struct dataset *train, *test;
    struct feedback *feedback;
    struct train_view tv;
    struct test_view view;
    struct model *m;
    struct metric_spec *metrics;
    int32_t n_metrics;
    int64_t used;
};

static void must(akin_status status, const akin_error *err)
{
    if (status != AKIN_OK)
        fuzz_fail("set-up", err);
}

static struct dataset *dataset_of(akin_ctx *ctx, const char *csv)
{
    struct dataset *ds = NULL;
    struct arena arena;
    struct prepare_params p;
    json_t *report = NULL, *object = json_pack("{s:[]}", "source");
    akin_error err = {0};
    arena_init(&arena, ctx);
    must(param_parse("prepare", prepare_param_rows, prepare_n_params, object, &arena, &p, &err),
         &err);
    must(dataset_prepare_bytes(ctx, &p, "d.csv", (const uint8_t *)csv, (int64_t)strlen(csv),
                               1800000000, &ds, &report, &err),
         &err);
    json_decref(report);
    json_decref(object);
    arena_free(&arena);
    return ds;
}

static struct world *world(void)
{
    static struct world w;
    const struct model_class *cls;
    struct feedback_params p = {.positive = NULL};
    akin_error err = {0};
    if (w.ctx)
        return &w;
    if (__lsan_disable)
        __lsan_disable();
    w.ctx = fuzz_ctx();
    must(kern_select(w.ctx, NULL, &err), &err);
    w.train = dataset_of(w.ctx, "user_id,item_id,time\n1,1,1\n1,2,2\n2,1,3\n2,3,4\n3,4,5\n3,5,6\n"
                                "3,6,7\n4,1,8\n");
    w.test = dataset_of(w.ctx, "user_id,item_id,time\n1,3,11\n2,2,12\n2,9,13\n3,1,14\n5,2,15\n");
    must(feedback_create(w.ctx, &p, &w.train->types, 10, &w.feedback, &err), &err);
    must(train_view_build(w.ctx, w.train, w.feedback, NULL, &w.tv, &err), &err);
    must(model_class_get("popular", &cls, &err), &err);
    must(model_create(w.ctx, cls, NULL, &w.m, &err), &err);
    must(model_fit(w.m, &w.tv, NULL, &err), &err);
    must(
        test_view_build(w.ctx, w.test, &w.train->users, &w.train->items, w.feedback, &w.view, &err),
        &err);
    must(metric_parse_list(w.ctx, "recall@3,ndcg@2,mrr@5,auc,coverage@3", DIALECT_AKIN, &w.metrics,
                           &w.n_metrics, &err),
         &err);
    w.used = mem_used(w.ctx->mem);
    if (__lsan_enable)
        __lsan_enable();
    return &w;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world *w = world();
    struct eval_options opt = {.metrics = w->metrics,
                               .n_metrics = w->n_metrics,
                               .with_cold_users = true,
                               .segments = size % 2,
                               .candidates = fuzz_file(data, size)};
    struct eval_result result = {0};
    akin_error err = {0};
    akin_status status = evaluate_model(w->ctx, w->m, &w->view, &opt, &result, &err);
    fuzz_refused(status, &err);
    if (status == AKIN_OK) {
        for (int32_t i = 0; i < result.n_metrics; i++)
            if (result.metrics[i].value < 0 || result.metrics[i].value > 1)
                fuzz_fail(w->metrics[i].name, NULL);
        eval_result_free(w->ctx, &result);
    }
    fuzz_clean(w->ctx, w->used);
    return 0;
}
