/* The contract on classes, parameters, fits: bounds, bits, order of calls, cancel, memory. */
#include "contract.h"

void contract_class(void **state)
{
    akin_error record, *err = &record;
    const struct contract_case *c = contract_case_of(state);
    const struct model_class *cls = c->cls;
    assert_true(cls->name && cls->name[0] && cls->summary && cls->summary[0]);
    assert_true(cls->fit && cls->save && cls->load);
    assert_true(cls->scorer.score || cls->scorer.evidence || cls->scorer.vectors);
    if (cls->scorer.vectors)
        assert_true(cls->scorer.fold_in != NULL);
    for (size_t i = 0; i < cls->n_params; i++) {
        const akin_param *row = &cls->params[i];
        assert_true(row->name && row->name[0] && row->help && row->help[0] && row->unit);
        assert_true(row->offset % 8 == 0 && row->offset + 8 <= cls->params_size);
        assert_ptr_equal(param_find(cls->params, cls->n_params, row->name), row);
    }
    if (c->is_registered) {
        const struct model_class *found;
        assert_ptr_equal(model_class_find(cls->name), cls);
        contract_ok(model_class_get(cls->name, &found, err));
        assert_ptr_equal(found, cls);
    }
    if (cls->estimate) {
        struct world w;
        double bytes = -1, flops = -1;
        world_make(&w, 1, NULL, 0, true);
        contract_ok(contract_create(w.ctx, c, &w.m, err));
        cls->estimate(w.m->params, 1000, 500, 20000, &bytes, &flops);
        assert_true(isfinite(bytes) && bytes > 0 && isfinite(flops) && flops > 0);
        cls->estimate(w.m->params, 0, 0, 0, &bytes, &flops);
        assert_true(isfinite(bytes) && bytes >= 0 && isfinite(flops) && flops >= 0);
        world_free(&w);
    }
}

/* model_create with one key must fail with E_ARG and name it. */
static void refuse(struct world *w, const struct model_class *cls, const char *key, json_t *value)
{
    akin_error err = {0};
    struct model *m = NULL;
    json_t *params = json_object();
    assert_int_equal(json_object_set_new(params, key, value), 0);
    akin_status status = model_create(w->ctx, cls, params, &m, &err);
    json_decref(params);
    if (status != AKIN_E_ARG)
        fail_msg("%s: %s out of bounds: status %d", cls->name, key, (int)status);
    assert_null(m);
    assert_non_null(strstr(err.message, key));
    assert_non_null(strstr(err.message, cls->name));
}

void contract_bounds(void **state)
{
    const struct model_class *cls = contract_case_of(state)->cls;
    struct world w;
    world_make(&w, 1, NULL, 0, true);
    for (size_t i = 0; i < cls->n_params; i++) {
        const akin_param *row = &cls->params[i];
        char unknown[64];
        switch (row->type) {
        case AKIN_PARAM_INT:
            refuse(&w, cls, row->name, json_integer((json_int_t)row->lo - 1));
            if (row->hi < 9e15)
                refuse(&w, cls, row->name, json_integer((json_int_t)row->hi + 1));
            refuse(&w, cls, row->name, json_string("many"));
            break;
        case AKIN_PARAM_REAL:
            refuse(&w, cls, row->name, json_real(row->lo - fabs(row->lo) / 2 - 1));
            refuse(&w, cls, row->name, json_real(row->hi + fabs(row->hi) / 2 + 1));
            refuse(&w, cls, row->name, json_string("nan"));
            break;
        case AKIN_PARAM_BOOL:
        case AKIN_PARAM_CHOICE:
            refuse(&w, cls, row->name, json_string("surely not one of them"));
            break;
        default:
            break;
        }
        snprintf(unknown, sizeof unknown, "%s_", row->name);
        refuse(&w, cls, unknown, json_integer(1));
    }
    world_free(&w);
}

/* 1, 2, 3, 8 threads, every instruction set, any order of rows: one fingerprint, one ranking. */
void contract_same_bits(void **state)
{
    const struct contract_case *c = contract_case_of(state);
    static const int64_t threads[] = {1, 2, 3, 8};
    uint64_t first = 0;
    struct ranked *lists = NULL;
    int32_t *counts, k = 10;
    for (size_t isa = 0; kern_names(isa); isa++) {
        for (size_t t = 0; t < sizeof threads / sizeof threads[0]; t++) {
            struct world w;
            if (!kern_find(kern_names(isa)) || (isa > 0 && t % 2 == 0))
                continue;
            world_make(&w, threads[t], kern_names(isa), t, false);
            world_fit(&w, c);
            world_rank(&w);
            uint64_t sum = contract_fingerprint(w.m);
            struct ranked *now = contract_lists(&w, k, &counts);
            if (!lists) {
                lists = now;
                first = sum;
            } else {
                assert_true(sum == first);
                assert_memory_equal(lists, now, (size_t)(w.m->users.n * k) * sizeof *now);
                free(now);
            }
            free(counts);
            world_free(&w);
        }
    }
    free(lists);
}

struct epochs {
    int64_t calls, stop_at;
    int32_t n_items;
};

static akin_status count_epoch(void *arg, struct model *m, int64_t epoch, double loss, bool *stop,
                               akin_error *err)
{
    struct epochs *e = arg;
    struct scorer s = model_scorer(m);
    (void)loss;
    (void)err;
    assert_int_equal(epoch, ++e->calls);
    assert_int_equal(s.n_items, e->n_items);
    *stop = epoch == e->stop_at;
    return e->stop_at < 0 ? error_set(err, AKIN_E_INTERNAL, __FILE__, __LINE__, "call-back")
                          : AKIN_OK;
}

/* Models that iterate: the call-back counts, stops, fails; a fit may start from an earlier one. */
void contract_epochs(void **state)
{
    akin_error record, *err = &record;
    const struct contract_case *c = contract_case_of(state);
    struct world w;
    if (!(c->cls->flags & MODEL_EPOCHS))
        return;
    world_make(&w, 3, NULL, 0, false);
    struct epochs e = {.stop_at = 2, .n_items = w.ds->items.n};
    struct fit_control ctl = {.arg = &e, .epoch = count_epoch};
    contract_ok(contract_create(w.ctx, c, &w.m, err));
    contract_ok(model_fit(w.m, &w.tv, &ctl, err));
    assert_int_equal(e.calls, 2);

    int32_t *map = calloc((size_t)w.ds->users.n, sizeof *map);
    for (int32_t i = 0; i < w.ds->users.n; i++)
        map[i] = i % 5 == 4 ? -1 : i; /* as if every fifth were new */
    struct model *next = NULL;
    struct fit_control warm = {.warm = w.m, .warm_user = map, .warm_item = map};
    contract_ok(contract_create(w.ctx, c, &next, err));
    contract_ok(model_fit(next, &w.tv, &warm, err));
    model_free(next);
    free(map);

    next = NULL;
    e = (struct epochs){.stop_at = -1, .n_items = w.ds->items.n};
    contract_ok(contract_create(w.ctx, c, &next, err));
    assert_int_equal(model_fit(next, &w.tv, &ctl, err), AKIN_E_INTERNAL);
    model_free(next);
    world_free(&w);
}

/* What is not fitted cannot be saved, what is fitted not be fitted again. */
void contract_order(void **state)
{
    akin_error record, *err = &record;
    const struct contract_case *c = contract_case_of(state);
    struct world w;
    char path[256];
    uint64_t sum;
    world_make(&w, 1, NULL, 0, true);
    contract_path(path, sizeof path, "order");
    contract_ok(contract_create(w.ctx, c, &w.m, err));
    assert_int_equal(model_save(w.m, path, err), AKIN_E_ARG);
    assert_int_equal(model_fingerprint(w.m, &sum, err), AKIN_E_ARG);
    contract_ok(model_fit(w.m, &w.tv, NULL, err));
    assert_int_equal(model_fit(w.m, &w.tv, NULL, err), AKIN_E_ARG);
    assert_int_equal(model_query_user(w.m, -1).user, -1);
    assert_int_equal(model_query_user(w.m, w.m->users.n).user, -1);
    assert_int_equal(model_query_user(w.m, 0).hist.n,
                     (int32_t)(w.m->hist.ptr[1] - w.m->hist.ptr[0]));
    world_free(&w);
}

void contract_cancel(void **state)
{
    akin_error record, *err = &record;
    const struct contract_case *c = contract_case_of(state);
    for (int threads = 1; threads <= 3; threads += 2) {
        struct world w;
        world_make(&w, threads, NULL, 0, false);
        contract_ok(contract_create(w.ctx, c, &w.m, err));
        akin_cancel(w.ctx);
        assert_int_equal(model_fit(w.m, &w.tv, NULL, err), AKIN_E_CANCELLED);
        akin_cancel_clear(w.ctx);
        world_free(&w);
    }
}

static akin_status fit_with(struct world *w, const struct contract_case *c, const char *positive,
                            akin_error *err)
{
    struct feedback_params p;
    struct arena arena;
    json_t *json = json_object();
    json_object_set_new(json, "positive", json_string(positive));
    train_view_free(&w->tv);
    w->has_view = false;
    feedback_free(w->feedback);
    w->feedback = NULL;
    arena_init(&arena, w->ctx);
    contract_ok(
        param_parse("feedback", feedback_param_rows, feedback_n_params, json, &arena, &p, err));
    contract_ok(feedback_create(w->ctx, &p, &w->ds->types, 0, &w->feedback, err));
    arena_free(&arena);
    json_decref(json);
    contract_ok(train_view_build(w->ctx, w->ds, w->feedback, NULL, &w->tv, err));
    w->has_view = true;
    contract_ok(contract_create(w->ctx, c, &w->m, err));
    return model_fit(w->m, &w->tv, NULL, err);
}

/* Data without a positive, and without anything: a model that recommends by index, or E_INPUT. */
void contract_nothing(void **state)
{
    akin_error record, *err = &record;
    const struct contract_case *c = contract_case_of(state);
    for (int none = 0; none < 2; none++) {
        struct world w;
        world_make(&w, 2, NULL, 0, true);
        if (none) {
            train_view_free(&w.tv);
            w.has_view = false;
            dataset_free(w.ds);
            w.ds = NULL;
            contract_ok(toy_dataset(w.ctx, NULL, 0, &w.ds, err));
        }
        akin_status status = fit_with(&w, c, "value >= 1000", err);
        if (status != AKIN_OK && status != AKIN_E_INPUT)
            fail_msg("%s", err->message);
        if (status == AKIN_OK) {
            struct query q = {.user = -1};
            struct rank_options opt = {.k = 100};
            struct ranked list[100];
            int32_t count = -1;
            world_rank(&w);
            contract_ok(rank_lists(w.ranker, &q, 1, &opt, list, &count, err));
            assert_int_equal(count, w.ds->items.n);
            (void)contract_fingerprint(w.m);
        }
        world_free(&w);
    }
}

/* The n-th allocation fails, for every n, until none does: no crash, no leak, E_MEMORY. */
void contract_memory(void **state)
{
    const struct contract_case *c = contract_case_of(state);
    struct world w;
#ifdef __SANITIZE_THREAD__
    skip(); /* one thread, hundreds of fits: what is looked for here cannot be found there */
#endif
    world_make(&w, 1, NULL, 0, true);
    int64_t before = mem_used(w.ctx->mem);
    bool done = false;
    for (int64_t n = 1; !done; n++) {
        akin_error err = {0};
        struct model *m = NULL;
        mem_fail_at(w.ctx->mem, n);
        akin_status status = contract_create(w.ctx, c, &m, &err);
        if (status == AKIN_OK)
            status = model_fit(m, &w.tv, NULL, &err);
        mem_fail_at(w.ctx->mem, 0);
        model_free(m);
        done = status == AKIN_OK;
        if (!done)
            assert_int_equal(status, AKIN_E_MEMORY);
        assert_int_equal(mem_used(w.ctx->mem), before);
        assert_true(n < 20000);
    }
    world_free(&w);
}
