/*
 * Experiments and canaries in the engine: who is answered by what, what an answer says of it,
 * credit through the list cache, counts after a restart and an erasure, canaries while others ask.
 */
#include "live_bed.h"

#include "core/hash.h"
#include "live/experiment.h"
#include "live_bed.c"

/* "knn", the default, and "popular"; experiments: JSON, NULL = none. */
static void make_arms(struct bed *b, const char *experiments)
{
    bed_make_with(b,
                  &(struct bed_options){.model = {{"knn", model_class_find("itemknn"), NULL},
                                                  {"popular", model_class_find("popular"), NULL}},
                                        .experiments = experiments});
}

/* ---- Asking ---- */

static const char *arm_of(const json_t *answer)
{
    return json_text(json_object_get(answer, "experiment"), "arm", NULL);
}

static json_t *results(struct bed *b)
{
    buf_clear(&b->out);
    OK(live_experiments_json(b->l, &b->out, &b->err));
    return answer(b);
}

static int64_t result(struct bed *b, size_t arm, const char *key)
{
    json_t *all = results(b);
    const json_t *e = json_array_get(json_object_get(all, "experiments"), 0);
    int64_t value = json_int(json_array_get(json_object_get(e, "arms"), arm), key, -1);
    json_decref(all);
    return value;
}

static json_t *model_json(struct bed *b, const char *name)
{
    json_t *all, *found = NULL;
    size_t i;
    json_t *m;
    buf_clear(&b->out);
    OK(live_models_json(b->l, &b->out, &b->err));
    all = answer(b);
    json_array_foreach(json_object_get(all, "models"), i, m)
        if (strcmp(json_text(m, "name", ""), name) == 0)
            found = json_incref(m);
    json_decref(all);
    assert_non_null(found);
    return found;
}

/* ---- Split ---- */

static void test_split(void **state)
{
    struct bed bed, *b = &bed;
    int n[3] = {0};
    (void)state;
    make_arms(b, "[{\"name\":\"homepage\",\"arms\":[{\"model\":\"knn\",\"share\":0.4},{\"name\":"
                 "\"top\",\"model\":\"popular\",\"share\":0.4}],\"types\":[\"buy\"]}]");
    for (int u = 0; u < TOY_USERS; u++) {
        char user[16];
        snprintf(user, sizeof user, "u%d", u);
        double point = experiment_point(experiment_seed("homepage"), user);
        int arm = point < 0.4 ? 0 : point < 0.4 + 0.4 ? 1 : 2;
        const char *names[3] = {"knn", "top", NULL};
        for (int round = 0; round < 2; round++) { /* the second from the cache */
            json_t *x = ask(b, &(struct live_query){.user_id = user, .k = 5});
            assert_string_equal(json_text(x, "model", ""), arm == 1 ? "popular" : "knn");
            if (names[arm])
                assert_string_equal(arm_of(x), names[arm]);
            else
                assert_null(json_object_get(x, "experiment"));
            json_decref(x);
        }
        n[arm]++;
        /* who names a model is not in it, though the list is the same; nor is who has no name */
        json_t *x = ask(b, &(struct live_query){.user_id = user, .k = 5, .model = "popular"});
        assert_null(json_object_get(x, "experiment"));
        json_decref(x);
    }
    json_t *x = ask(b, &(struct live_query){.k = 5});
    assert_null(json_object_get(x, "experiment"));
    json_decref(x);
    assert_true(n[0] > 0 && n[1] > 0 && n[2] > 0);
    for (size_t arm = 0; arm < 2; arm++) {
        assert_int_equal(result(b, arm, "users"), n[arm]);
        assert_int_equal(result(b, arm, "answers"), 2 * n[arm]);
        assert_int_equal(result(b, arm, "converted"), 0);
    }
    /* counts survive: three buy, one of them twice, one is erased */
    int bought = 0;
    for (int u = 0; bought < 3; u++) {
        char user[16];
        snprintf(user, sizeof user, "u%d", u);
        if (experiment_point(experiment_seed("homepage"), user) >= 0.4)
            continue;
        tell_typed(b, user, "i1", "buy");
        if (bought++ == 1)
            tell_typed(b, user, "i2", "buy");
        if (bought == 3) {
            struct wait w;
            erase_user(b, user, &w);
        }
    }
    for (int round = 0; round < 3; round++) {
        assert_int_equal(result(b, 0, "users"), n[0] - 1);
        assert_int_equal(result(b, 0, "converted"), 2);
        assert_int_equal(result(b, 0, "events"), 3);
        assert_int_equal(result(b, 1, "users"), n[1]);
        close_engine(b);
        open_engine(b);
    }
    bed_free(b);
}

static void test_model_must_be_there(void **state)
{
    struct bed bed, *b = &bed;
    (void)state;
    make_arms(b, NULL);
    close_engine(b);
    json_t *list = json_loads("[{\"name\":\"x\",\"arms\":[{\"model\":\"knn\",\"share\":0.4},"
                              "{\"model\":\"none\",\"share\":0.4}]}]",
                              0, NULL);
    b->p.experiments = list;
    struct live_options options = {.params = &b->p, .seed = 7};
    OK(live_create(b->ctx, &options, &b->l, &b->err));
    json_decref(list);
    OK(live_model_load(b->l, "knn", b->path, &b->err));
    assert_int_equal(live_start(b->l, &b->err), AKIN_E_ARG);
    assert_string_equal(b->err.message, "experiment x: arm none: model 'none' is not served");
    bed_free(b);
}

/* ---- Interleaving ---- */

static const char *const mix =
    "[{\"name\":\"mix\",\"kind\":\"interleave\",\"arms\":[{\"model\":\"knn\",\"share\":0.5},"
    "{\"model\":\"popular\",\"share\":0.5}]}]";

/* The rank of an item in the answer of a model; n if it is not there. */
static size_t rank_in(const json_t *answer, const char *item)
{
    size_t i = 0, n = json_array_size(json_object_get(answer, "items"));
    while (i < n && strcmp(nth(answer, i), item) != 0)
        i++;
    return i;
}

static void test_interleaved_lists(void **state)
{
    struct bed bed, *b = &bed;
    (void)state;
    make_arms(b, mix);
    for (int u = 0; u < 12; u++) {
        char user[16];
        int n[2] = {0};
        snprintf(user, sizeof user, "u%d", u);
        json_t *list[2];
        list[0] = ask(b, &(struct live_query){.user_id = user, .k = 8, .model = "knn"});
        list[1] = ask(b, &(struct live_query){.user_id = user, .k = 8, .model = "popular"});
        json_t *x = ask(b, &(struct live_query){.user_id = user, .k = 8, .explain = true});
        assert_int_equal(json_array_size(json_object_get(json_object_get(x, "experiment"), "arms")),
                         2);
        assert_int_equal(json_array_size(json_object_get(x, "items")), 8);
        for (size_t i = 0; i < 8; i++) {
            const json_t *item = json_array_get(json_object_get(x, "items"), i);
            int team = strcmp(json_text(item, "arm", ""), "popular") == 0;
            n[team]++;
            assert_int_equal(rank_in(x, nth(x, i)), i); /* each once */
            assert_true(rank_in(list[team], nth(x, i)) <= i);
            const json_t *reason = json_array_get(json_object_get(item, "reasons"), 0);
            assert_string_equal(json_text(reason, "model", ""), team ? "popular" : "knn");
        }
        assert_int_equal(n[0], 4);
        assert_int_equal(n[1], 4);
        json_decref(x);
        json_decref(list[0]);
        json_decref(list[1]);
    }
    /* a pin keeps its place, and a rule on scores still gives k */
    const char *pinned[] = {"", "", "i9"};
    struct rule_params rules = {.diversity = 0.4, .category_cap = 3, .category = "genres"};
    json_t *x = ask(b, &(struct live_query){.user_id = "new",
                                            .k = 8,
                                            .pinned = pinned,
                                            .n_pinned = 3,
                                            .explain = true,
                                            .rules = &rules});
    assert_string_equal(nth(x, 2), "i9");
    assert_int_equal(json_array_size(json_object_get(x, "items")), 8);
    json_decref(x);
    /* given items are ranked by both, each once; what is explained names its arm's model */
    const char *items[] = {"i3", "i14", "i15", "i9", "none"};
    buf_clear(&b->out);
    OK(live_rank(b->s,
                 &(struct live_query){
                     .user_id = "new", .k = -1, .items = items, .n_items = 5, .explain = true},
                 &b->out, &b->err));
    x = answer(b);
    assert_int_equal(json_array_size(json_object_get(x, "items")), 4);
    for (size_t i = 0; i < 4; i++)
        assert_true(rank_in(x, items[i]) < 4);
    assert_non_null(json_object_get(x, "experiment"));
    json_decref(x);
    bed_free(b);
}

static void test_interleaved_credit(void **state)
{
    struct bed bed, *b = &bed;
    struct live_stats stats;
    int64_t credits[2] = {0};
    (void)state;
    make_arms(b, mix);
    for (int u = 0; u < 6; u++) {
        char user[16], item[64];
        snprintf(user, sizeof user, "u%d", u);
        json_t *first = ask(b, &(struct live_query){.user_id = user, .k = 6, .explain = true});
        json_t *other = ask(b, &(struct live_query){.user_id = user, .k = 2});
        json_decref(other); /* what was shown last now is another list */
        json_t *again = ask(b, &(struct live_query){.user_id = user, .k = 6, .explain = true});
        assert_true(json_equal(first, again));
        const json_t *last = json_array_get(json_object_get(again, "items"), 5);
        snprintf(item, sizeof item, "%s", json_text(last, "item_id", ""));
        credits[strcmp(json_text(last, "arm", ""), "popular") == 0]++;
        json_decref(first);
        json_decref(again);
        tell_typed(b, user, item, "buy");
    }
    live_stats(b->l, &stats);
    assert_int_equal(stats.cache_hits, 6);
    for (int round = 0; round < 2; round++) {
        for (size_t arm = 0; arm < 2; arm++)
            assert_int_equal(result(b, arm, "credits"), credits[arm]);
        json_t *all = results(b);
        const json_t *e = json_array_get(json_object_get(all, "experiments"), 0);
        const json_t *p = json_object_get(e, "preference");
        assert_int_equal(json_int(p, "first", -1), credits[0]);
        assert_int_equal(json_int(p, "second", -1), credits[1]);
        assert_int_equal(json_int(p, "ties", -1), 0);
        assert_int_equal(json_int(e, "users", -1), 6);
        json_decref(all);
        close_engine(b);
        open_engine(b);
    }
    bed_free(b);
}

/* ---- Canary ---- */

static int64_t generation_of(struct bed *b, const char *user)
{
    json_t *x = ask(b, &(struct live_query){.user_id = user, .k = 3, .model = "knn"});
    int64_t g = json_int(x, "generation", -1);
    json_decref(x);
    return g;
}

/* Who is answered by the canary, and whether it is who should be. */
static int canary_users(struct bed *b, int64_t canary, double share)
{
    int n = 0;
    for (int u = 0; u < 200; u++) {
        char user[16];
        snprintf(user, sizeof user, "v%d", u);
        uint64_t seed = hash_bytes("knn", 3, (uint64_t)canary);
        bool is_in = experiment_point(seed, user) < share;
        assert_int_equal(generation_of(b, user) == canary, is_in);
        n += is_in;
    }
    return n;
}

static void test_canary(void **state)
{
    struct bed bed, *b = &bed;
    json_t *m;
    (void)state;
    make_arms(b, NULL);
    int64_t old = generation_of(b, NULL);
    assert_int_equal(live_model_promote(b->l, "knn", &b->err), AKIN_E_NOT_FOUND);
    assert_int_equal(live_model_canary(b->l, "none", b->path, 0.1, &b->err), AKIN_E_NOT_FOUND);
    assert_int_equal(live_model_canary(b->l, "knn", b->path, 1.5, &b->err), AKIN_E_ARG);
    OK(live_model_canary(b->l, "knn", b->path, 0.1, &b->err));
    m = model_json(b, "knn");
    const json_t *canary = json_object_get(m, "canary");
    int64_t id = json_int(canary, "generation", -1);
    assert_true(json_double(canary, "share", 0) == 0.1);
    assert_string_equal(json_text(canary, "path", ""), b->path);
    assert_int_equal(json_int(m, "generation", -1), old);
    json_decref(m);
    assert_int_equal(generation_of(b, NULL), old);
    int few = canary_users(b, id, 0.1);
    /* the same file again: the same generation, more of the users */
    OK(live_model_canary(b->l, "knn", b->path, 0.5, &b->err));
    assert_true(canary_users(b, id, 0.5) > few && few > 0);
    assert_int_equal(live_model_load(b->l, "knn", b->path, &b->err), AKIN_E_UNSUPPORTED);
    m = model_json(b, "knn");
    canary = json_object_get(m, "canary");
    assert_int_equal(json_int(canary, "errors", -1), 0);
    assert_true(json_int(canary, "answers", -1) > few);
    json_decref(m);
    /* rolled back: nobody has it; the elder is as it was */
    OK(live_model_rollback(b->l, "knn", &b->err));
    m = model_json(b, "knn");
    assert_true(json_is_null(json_object_get(m, "canary")));
    assert_int_equal(json_int(m, "generation", -1), old);
    json_decref(m);
    assert_int_equal(live_model_rollback(b->l, "knn", &b->err), AKIN_E_NOT_FOUND);
    /* another file takes the place; promoted it answers all, and the old one can come back */
    OK(live_model_canary(b->l, "knn", b->path, 0.1, &b->err));
    OK(live_model_canary(b->l, "knn", in(b, "popular.akin"), 0.2, &b->err));
    OK(live_model_promote(b->l, "knn", &b->err));
    int64_t now = generation_of(b, NULL);
    assert_int_equal(generation_of(b, "v1"), now);
    assert_true(now > id);
    OK(live_model_rollback(b->l, "knn", &b->err));
    assert_int_equal(generation_of(b, NULL), old);
    bed_free(b);
}

/* Canaries come and go, arms are asked, users convert and are erased: no answer fails, and what was
 * counted is counted after a restart. */
static void test_under_load(void **state)
{
    enum { ROUNDS = 30 };
    struct bed bed, *b = &bed;
    struct askers askers;
    (void)state;
    make_arms(b,
              "[{\"name\":\"split\",\"arms\":[{\"model\":\"knn\",\"share\":0.3},{\"model\":"
              "\"popular\",\"share\":0.3}]},{\"name\":\"mix\",\"kind\":\"interleave\",\"arms\":[{"
              "\"model\":\"knn\",\"share\":0.5},{\"model\":\"popular\",\"share\":0.5}]}]");
    askers_start(&askers, b);
    for (int i = 0; i < ROUNDS; i++) {
        char user[16];
        OK(live_model_canary(b->l, "knn", i % 2 ? b->path : in(b, "popular.akin"), 0.3, &b->err));
        snprintf(user, sizeof user, "u%d", i * 3);
        tell_typed(b, user, "i3", "buy");
        tell_typed(b, user, "i4", "buy");
        if (i % 5 == 0) {
            struct wait w;
            erase_user(b, user, &w);
        }
        if (i % 3 == 0)
            OK(live_model_promote(b->l, "knn", &b->err));
        else if (i % 3 == 1)
            OK(live_model_rollback(b->l, "knn", &b->err));
    }
    askers_stop(&askers);
    struct live_arm_stats before[LIVE_ARMS_MAX], after[LIVE_ARMS_MAX];
    assert_int_equal(live_experiment_arms(b->l, before), 4);
    close_engine(b);
    open_engine(b);
    assert_int_equal(live_experiment_arms(b->l, after), 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(before[i].users, after[i].users);
        assert_int_equal(before[i].converted, after[i].converted);
        assert_int_equal(before[i].events, after[i].events);
    }
    bed_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_model_must_be_there),
        cmocka_unit_test(test_interleaved_lists),
        cmocka_unit_test(test_interleaved_credit),
        cmocka_unit_test(test_canary),
        cmocka_unit_test(test_under_load),
    };
    printf("seed %llu\n", (unsigned long long)bed_seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
