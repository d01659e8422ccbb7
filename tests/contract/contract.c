/* The contract suite: fixtures and the list of tests. See contract.h. */
#include "contract.h"

#include <unistd.h>

const struct contract_case *contract_case_of(void **state)
{
    return *state;
}

akin_status contract_create(akin_ctx *ctx, const struct contract_case *c, struct model **out,
                            akin_error *err)
{
    json_t *params = c->params ? json_loads(c->params, 0, NULL) : NULL;
    if (c->params)
        assert_non_null(params);
    akin_status status = model_create(ctx, c->cls, params, out, err);
    json_decref(params);
    return status;
}

akin_status contract_load(akin_ctx *ctx, const char *path, const struct contract_case *c,
                          struct model **out, akin_error *err)
{
    return c->is_registered ? model_load(ctx, path, out, err)
                            : model_load_as(ctx, path, c->cls, out, err);
}

static void make_feedback(struct world *w)
{
    akin_error record, *err = &record;
    struct feedback_params p;
    struct arena arena;
    arena_init(&arena, w->ctx);
    contract_ok(
        param_parse("feedback", feedback_param_rows, feedback_n_params, NULL, &arena, &p, err));
    contract_ok(
        feedback_create(w->ctx, &p, &w->ds->types, dataset_newest(w->ds), &w->feedback, err));
    arena_free(&arena);
}

void world_make(struct world *w, int64_t threads, const char *isa, uint64_t order, bool is_small)
{
    akin_error record, *err = &record;
    static struct toy_event events[TOY_USERS * TOY_ITEMS];
    memset(w, 0, sizeof *w);
    contract_ok(ctx_create(threads, contract_seed, 0, &w->ctx, err));
    contract_ok(kern_select(w->ctx, isa, err));
    int64_t n = toy_clusters(contract_seed, events, w->withheld);
    if (is_small) {
        int64_t kept = 0;
        for (int64_t e = 0; e < n; e++)
            if (events[e].user < 12 && events[e].item < 8)
                events[kept++] = events[e];
        n = kept;
    }
    struct rng rng = rng_make(order, RNG_SHUFFLE, 1);
    for (int64_t e = n - 1; order && e > 0; e--) {
        int64_t with = (int64_t)rng_below(&rng, (uint64_t)(e + 1));
        struct toy_event keep = events[e];
        events[e] = events[with];
        events[with] = keep;
    }
    contract_ok(toy_dataset(w->ctx, events, n, &w->ds, err));
    make_feedback(w);
    contract_ok(train_view_build(w->ctx, w->ds, w->feedback, NULL, &w->tv, err));
    w->has_view = true;
}

void world_fit(struct world *w, const struct contract_case *c)
{
    akin_error record, *err = &record;
    contract_ok(contract_create(w->ctx, c, &w->m, err));
    contract_ok(model_fit(w->m, &w->tv, NULL, err));
}

void world_rank(struct world *w)
{
    akin_error record, *err = &record;
    w->scorer = model_scorer(w->m);
    assert_int_equal(w->scorer.n_items, w->m->items.n);
    contract_ok(ranker_create(w->ctx, &w->scorer, &w->ranker, err));
}

void world_free(struct world *w)
{
    ranker_free(w->ranker);
    model_free(w->m);
    if (w->has_view)
        train_view_free(&w->tv);
    feedback_free(w->feedback);
    dataset_free(w->ds);
    assert_int_equal(mem_used(w->ctx->mem), 0);
    ctx_free(w->ctx);
}

uint64_t contract_fingerprint(const struct model *m)
{
    akin_error record, *err = &record;
    uint64_t sum = 0;
    contract_ok(model_fingerprint(m, &sum, err));
    return sum;
}

struct ranked *contract_lists(struct world *w, int32_t k, int32_t **counts)
{
    akin_error record, *err = &record;
    int32_t n = w->m->users.n;
    struct ranked *lists = calloc((size_t)n * (size_t)(k > 0 ? k : 1), sizeof *lists);
    struct query *queries = calloc((size_t)n, sizeof *queries);
    *counts = calloc((size_t)n, sizeof **counts);
    assert_non_null(lists);
    assert_non_null(queries);
    assert_non_null(*counts);
    for (int32_t u = 0; u < n; u++)
        queries[u] = model_query_user(w->m, u);
    struct rank_options opt = {.k = k};
    contract_ok(rank_lists(w->ranker, queries, n, &opt, lists, *counts, err));
    free(queries);
    return lists;
}

void contract_path(char *path, size_t size, const char *name)
{
    const char *dir = getenv("TMPDIR");
    snprintf(path, size, "%s/akin-contract-%d-%s", dir && *dir ? dir : "/tmp", (int)getpid(), name);
}

struct part {
    const char *name;
    CMUnitTestFunction test;
};
static const struct part parts[] = {
    {"class", contract_class},
    {"parameter bounds", contract_bounds},
    {"withheld first", contract_withheld_first},
    {"counts", contract_counts},
    {"excluded", contract_excluded},
    {"cold", contract_cold},
    {"now", contract_now},
    {"batch = single", contract_batch},
    {"fold-in", contract_fold_in},
    {"explain", contract_explain},
    {"similar", contract_similar},
    {"same bits", contract_same_bits},
    {"epochs", contract_epochs},
    {"order of calls", contract_order},
    {"no positives, no data", contract_nothing},
    {"cancel", contract_cancel},
    {"out of memory", contract_memory},
    {"file", contract_file},
    {"damaged file", contract_damage},
};
enum { N_PARTS = sizeof parts / sizeof parts[0] };

int contract_run(const struct contract_case *cases, size_t n)
{
    printf("seed %llu\n", (unsigned long long)contract_seed);
    struct CMUnitTest tests[N_PARTS];
    int failed = 0;
    for (size_t c = 0; c < n; c++) {
        char names[N_PARTS][96];
        memset(tests, 0, sizeof tests);
        for (size_t p = 0; p < N_PARTS; p++) {
            union {
                const struct contract_case *in;
                void *out;
            } cast = {&cases[c]};
            snprintf(names[p], sizeof names[p], "%s%s%s: %s", cases[c].cls->name,
                     cases[c].params ? " " : "", cases[c].params ? cases[c].params : "",
                     parts[p].name);
            tests[p].name = names[p];
            tests[p].test_func = parts[p].test;
            tests[p].initial_state = cast.out;
        }
        failed += cmocka_run_group_tests_name(cases[c].cls->name, tests, NULL, NULL);
    }
    return failed;
}
