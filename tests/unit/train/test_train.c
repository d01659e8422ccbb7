/* Training of a toy model with epochs: feedback keys, early stopping, warm start, the card. */
#include "data/split.h"
#include "train/train.h"
#include "unit/eval/eval_fixture.h"

#include <math.h>

/* ---- A model whose ranking is best at one epoch --------------------------------------------- */

struct peak_params {
    int64_t epochs;
    int64_t peak;
};
static const akin_param peak_rows[] = {
    PARAM_INT(struct peak_params, epochs, "12", 1, 100, "", 0, "passes"),
    PARAM_INT(struct peak_params, peak, "4", 1, 100, "", 0, "the best pass"),
};

struct peak_self {
    int64_t epoch, peak;
    int32_t n_items;
    bool was_warm;
    int64_t n_mapped;
    const int32_t *count;
};

/* At the peak items stand by popularity; the further off, the more of them are turned round. */
static akin_status peak_score(const void *self, const struct query *queries, int32_t n_queries,
                              const struct item_set *set, float *out, int64_t ldo,
                              struct arena *scratch, akin_error *err)
{
    (void)queries, (void)scratch, (void)err;
    const struct peak_self *s = self;
    int64_t off = s->epoch > s->peak ? s->epoch - s->peak : s->peak - s->epoch;
    for (int32_t j = 0; j < n_queries; j++)
        for (int32_t i = 0; i < item_set_size(set); i++) {
            int32_t item = set->ids ? set->ids[i] : set->lo + i;
            float count = (float)s->count[item];
            out[j * ldo + i] = item % 6 < 2 * off ? -count : count;
        }
    return AKIN_OK;
}

static akin_status peak_fit(struct model *m, const struct train_view *tv,
                            const struct fit_control *ctl, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct peak_self *self = m->self;
    const struct peak_params *p = m->params;
    bool stop = false;
    self->peak = p->peak;
    self->n_items = m->items.n;
    self->count = m->item_count;
    self->was_warm = ctl->warm != NULL;
    for (int64_t i = 0; ctl->warm && i < tv->ds->items.n; i++)
        self->n_mapped += ctl->warm_item[i] >= 0;
    for (int64_t e = 1; e <= p->epochs && !stop; e++) {
        self->epoch = e;
        if (ctl->epoch)
            AKIN_TRY(ctl->epoch(ctl->arg, m, e, 1.0 / (double)e, &stop, err));
    }
done:
    return status;
}

static const struct model_class peak_class = {.name = "peak",
                                              .summary = "is best at one epoch",
                                              .flags = MODEL_EPOCHS,
                                              .params = peak_rows,
                                              .n_params = PARAM_COUNT(peak_rows),
                                              .params_size = sizeof(struct peak_params),
                                              .self_size = sizeof(struct peak_self),
                                              .fit = peak_fit,
                                              .scorer = {.score = peak_score}};

/* Few items are far more popular than the rest. */
static struct dataset *random_set(akin_ctx *ctx)
{
    enum { N = 1800, USERS = 200, ITEMS = 60 };
    static char names[USERS + ITEMS][16];
    static struct row rows[N];
    struct rng rng = rng_make(5, RNG_TEST, 0);
    for (int i = 0; i < USERS + ITEMS; i++)
        snprintf(names[i], sizeof names[i], "%c%d", i < USERS ? 'u' : 'i', i);
    for (int r = 0; r < N; r++) {
        double x = rng_double(&rng);
        rows[r] = (struct row){
            names[rng_below(&rng, USERS)], names[USERS + (int)(x * x * x * ITEMS)],
            (float)(rng_below(&rng, 5) + 1), 1000000000 + (int64_t)rng_below(&rng, 100000), 0};
    }
    return fix_dataset(ctx, rows, N, FIX_VALUES | FIX_TIMES, NULL);
}

static struct model *train(akin_ctx *ctx, const struct dataset *ds, struct train_options opt)
{
    akin_error err;
    struct model *m = NULL;
    if (!opt.cls)
        opt.cls = &peak_class;
    opt.now_unix = 1700000000;
    assert_ok(train_model(ctx, ds, &opt, &m, &err));
    return m;
}

static void finish(akin_ctx *ctx, struct dataset *ds)
{
    dataset_free(ds);
    assert_int_equal(mem_used(ctx->mem), 0);
    ctx_free(ctx);
}

static void test_card(void **state)
{
    (void)state;
    akin_ctx *ctx = eval_ctx(2);
    struct dataset *ds = random_set(ctx);
    json_t *params = json_pack("{s:i, s:s}", "epochs", 5, "positive", "value >= 4");
    json_t *feedback = json_pack("{s:s, s:f}", "positive", "value >= 1", "half_life_days", 30.0);
    struct model *m =
        train(ctx, ds, (struct train_options){.params = params, .feedback = feedback});
    const struct peak_self *self = m->self;
    assert_int_equal(self->epoch, 5);
    const json_t *card = m->card, *run = json_object_get(card, "train");
    assert_int_equal(json_integer_value(json_object_get(card, "time")), 1700000000);
    assert_int_equal(json_integer_value(json_object_get(run, "epochs")), 5);
    assert_int_equal(json_array_size(json_object_get(run, "loss")), 5);
    assert_true(json_integer_value(json_object_get(run, "peak_bytes")) > 0);
    assert_null(json_object_get(run, "early"));
    const json_t *rule = json_object_get(card, "feedback");
    /* params go before feedback, the other keys of both count */
    assert_string_equal(json_string_value(json_object_get(rule, "positive")), "value >= 4");
    assert_value(json_number_value(json_object_get(rule, "half_life_days")), 30, 0);
    assert_false(feedback_is_positive(m->feedback, 3.5f, -1));
    assert_non_null(json_object_get(json_object_get(card, "data"), "fingerprint"));
    assert_int_equal(json_integer_value(json_object_get(json_object_get(card, "params"), "epochs")),
                     5);
    model_free(m);
    json_decref(params);
    json_decref(feedback);
    finish(ctx, ds);
}

static int64_t early_epochs(int threads, const char *metric, const char *validation)
{
    akin_ctx *ctx = eval_ctx(threads);
    struct dataset *ds = random_set(ctx);
    json_t *params = json_pack("{s:s}", "positive", "value >= 2");
    struct model *m = train(ctx, ds,
                            (struct train_options){.params = params,
                                                   .early_metric = metric,
                                                   .early_patience = 3,
                                                   .validation = validation});
    const struct peak_self *self = m->self;
    const json_t *early = json_object_get(json_object_get(m->card, "train"), "early");
    int64_t epoch = json_integer_value(json_object_get(early, "epoch"));
    assert_int_equal(self->epoch, epoch);
    assert_int_equal(json_array_size(json_object_get(early, "curve")), epoch + 3);
    assert_int_equal(m->hist.ptr[m->users.n], ds->n_events); /* refitted on all */
    model_free(m);
    json_decref(params);
    finish(ctx, ds);
    return epoch;
}

static void test_early(void **state)
{
    (void)state;
    assert_int_equal(early_epochs(1, "ndcg@10", NULL), 4);
    assert_int_equal(early_epochs(3, "ndcg@10", NULL), 4);
    assert_int_equal(early_epochs(2, "recall@20", "ratio:0.2"), 4);
}

/* The validation part is carved as the data was split. */
static void test_early_split(void **state)
{
    (void)state;
    akin_error err;
    akin_ctx *ctx = eval_ctx(2);
    struct dataset *ds = random_set(ctx), *part = NULL, *test = NULL;
    static const char *const by[] = {"leave-last:3", "kfold:4"};
    static const char *const want[] = {"leave-last:3", "ratio:0.25"};
    for (int i = 0; i < 2; i++) {
        struct split_spec spec;
        assert_ok(split_parse(by[i], &spec, &err));
        assert_ok(dataset_split(ds, &spec, &part, &test, &err));
        struct model *m = train(
            ctx, part, (struct train_options){.early_metric = "ndcg@10", .early_patience = 2});
        const json_t *early = json_object_get(json_object_get(m->card, "train"), "early");
        assert_string_equal(json_string_value(json_object_get(early, "validation")), want[i]);
        model_free(m);
        dataset_free(part);
        dataset_free(test);
    }
    finish(ctx, ds);
}

static void test_warm(void **state)
{
    (void)state;
    akin_error err;
    akin_ctx *ctx = eval_ctx(2);
    struct dataset *ds = random_set(ctx), *old = NULL, *rest = NULL;
    struct split_spec spec;
    assert_ok(split_parse("time:0.5", &spec, &err));
    assert_ok(dataset_split(ds, &spec, &old, &rest, &err));
    struct model *first = train(ctx, old, (struct train_options){0});
    struct model *m = train(ctx, ds, (struct train_options){.warm = first});
    const struct peak_self *self = m->self;
    assert_true(self->was_warm);
    assert_int_equal(self->n_mapped, old->items.n);
    assert_true(json_is_true(json_object_get(json_object_get(m->card, "train"), "warm")));
    model_free(m);
    struct train_options opt = {
        .cls = &peak_class, .warm = first, .early_metric = "ndcg@10", .early_patience = 1};
    assert_fails(train_model(ctx, ds, &opt, &m, &err), AKIN_E_ARG, "exclude one another");
    opt.cls = &toy_class;
    assert_fails(train_model(ctx, ds, &opt, &m, &err), AKIN_E_ARG, "model of type peak");
    model_free(first);
    dataset_free(old);
    dataset_free(rest);
    finish(ctx, ds);
}

static void test_errors(void **state)
{
    (void)state;
    akin_error err;
    akin_ctx *ctx = eval_ctx(1);
    struct dataset *ds = random_set(ctx);
    struct model *m = NULL;
    json_t *params = json_pack("{s:i}", "epoch", 5);
    struct train_options opt = {.model = "nonesuch"};
    assert_fails(train_model(ctx, ds, &opt, &m, &err), AKIN_E_ARG, "nonesuch");
    opt = (struct train_options){.cls = &peak_class, .params = params};
    assert_fails(train_model(ctx, ds, &opt, &m, &err), AKIN_E_ARG, "epochs");
    opt = (struct train_options){.cls = &peak_class, .feedback = params};
    assert_fails(train_model(ctx, ds, &opt, &m, &err), AKIN_E_ARG, "epoch");
    opt = (struct train_options){.cls = &toy_class, .early_metric = "ndcg@10"};
    assert_fails(train_model(ctx, ds, &opt, &m, &err), AKIN_E_ARG, "no epochs");
    opt = (struct train_options){.cls = &peak_class, .early_metric = "ndcg@10"};
    assert_fails(train_model(ctx, ds, &opt, &m, &err), AKIN_E_ARG, "early_patience=0");
    opt.early_patience = 1;
    opt.early_metric = "rmse";
    assert_fails(train_model(ctx, ds, &opt, &m, &err), AKIN_E_ARG, "does not predict");
    opt.early_metric = "ndcg@10";
    opt.validation = "half";
    assert_fails(train_model(ctx, ds, &opt, &m, &err), AKIN_E_ARG, "half");
    json_decref(params);
    finish(ctx, ds);
}

static void test_memory(void **state)
{
    (void)state;
    akin_error err;
    akin_ctx *ctx = eval_ctx(1);
    struct dataset *ds = fix_random(ctx, 3, 200, 20, 15, FIX_VALUES | FIX_TIMES);
    struct model *m = NULL;
    struct train_options opt = {.cls = &peak_class, .early_metric = "ndcg@5", .early_patience = 1};
    int64_t before = mem_used(ctx->mem), n = 0;
    akin_status status = AKIN_E_MEMORY;
    while (status == AKIN_E_MEMORY && ++n < 5000) {
        mem_fail_at(ctx->mem, n);
        status = train_model(ctx, ds, &opt, &m, &err);
        mem_fail_at(ctx->mem, 0);
        if (status != AKIN_OK)
            assert_int_equal(mem_used(ctx->mem), before);
    }
    assert_int_equal(status, AKIN_OK);
    model_free(m);
    finish(ctx, ds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_card),        cmocka_unit_test(test_early),
        cmocka_unit_test(test_early_split), cmocka_unit_test(test_warm),
        cmocka_unit_test(test_errors),      cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
