/*
 * Experiments and canaries in the engine: who is answered by what, what an answer says of it,
 * credit through the list cache, counts after a restart and an erasure, canaries while others ask.
 */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../contract/toy_data.c"
#include "../../contract/toy_data.h"
#include "core/hash.h"
#include "core/json.h"
#include "kern/kern.h"
#include "live/experiment.h"
#include "live/live.h"
#include "models/model.h"

static const uint64_t test_seed = 20261121;

struct bed {
    akin_ctx *ctx;
    struct live *l;
    struct live_slot *s;
    struct live_params p;
    struct arena arena;
    struct buf out;
    akin_error err;
    char dir[64], knn[96], popular[96], url[128], exposures[128];
};

static void ok(akin_status status, const struct bed *b, const char *what)
{
    if (status != AKIN_OK)
        fail_msg("%s: %s", what, b->err.message);
}
#define OK(call) ok((call), b, #call)

static void model_file(struct bed *b, const char *type, const char *path)
{
    static struct toy_event events[TOY_USERS * TOY_ITEMS];
    int32_t withheld[TOY_USERS];
    struct dataset *ds;
    struct feedback *feedback;
    struct train_view tv;
    struct model *m;
    struct feedback_params fp;
    struct fit_control ctl = {0};
    int64_t n = toy_clusters(test_seed, events, withheld);
    OK(toy_dataset(b->ctx, events, n, &ds, &b->err));
    OK(param_parse("feedback", feedback_param_rows, feedback_n_params, NULL, &b->arena, &fp,
                   &b->err));
    OK(feedback_create(b->ctx, &fp, &ds->types, dataset_newest(ds), &feedback, &b->err));
    OK(train_view_build(b->ctx, ds, feedback, NULL, &tv, &b->err));
    OK(model_create(b->ctx, model_class_find(type), NULL, &m, &b->err));
    OK(model_fit(m, &tv, &ctl, &b->err));
    OK(model_save(m, path, &b->err));
    model_free(m);
    train_view_free(&tv);
    feedback_free(feedback);
    dataset_free(ds);
}

static void open_engine(struct bed *b)
{
    struct live_options options = {.params = &b->p, .seed = 7, .exposures = b->exposures};
    OK(store_open(b->ctx, b->url, NULL, &options.store, &b->err));
    OK(live_create(b->ctx, &options, &b->l, &b->err));
    OK(live_model_load(b->l, "knn", b->knn, &b->err));
    OK(live_model_load(b->l, "popular", b->popular, &b->err));
    OK(live_model_default(b->l, "knn", &b->err));
    OK(live_start(b->l, &b->err));
    OK(live_slot_create(b->l, &b->s, &b->err));
}

static void close_engine(struct bed *b)
{
    live_slot_free(b->s);
    live_free(b->l);
    b->s = NULL;
    b->l = NULL;
}

static void bed_make(struct bed *b, const char *experiments)
{
    size_t n_rows = 0;
    json_t *keys = json_object();
    while (live_param_rows[n_rows].name)
        n_rows++;
    memset(b, 0, sizeof *b);
    ok(ctx_create(2, test_seed, 0, &b->ctx, &b->err), b, "ctx");
    OK(kern_select(b->ctx, NULL, &b->err));
    arena_init(&b->arena, b->ctx);
    buf_init(&b->out, b->ctx);
    if (experiments)
        json_object_set_new(keys, "experiments", json_loads(experiments, 0, NULL));
    OK(param_parse("serve", live_param_rows, n_rows, keys, &b->arena, &b->p, &b->err));
    json_decref(keys);
    snprintf(b->dir, sizeof b->dir, "/tmp/akin-exlive-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    snprintf(b->url, sizeof b->url, "sqlite:%s/akin.db", b->dir);
    snprintf(b->exposures, sizeof b->exposures, "%s/akin.db.exposures", b->dir);
    snprintf(b->knn, sizeof b->knn, "%s/knn.akin", b->dir);
    snprintf(b->popular, sizeof b->popular, "%s/popular.akin", b->dir);
    model_file(b, "itemknn", b->knn);
    model_file(b, "popular", b->popular);
    open_engine(b);
}

static void bed_free(struct bed *b)
{
    char command[128];
    close_engine(b);
    buf_free(&b->out);
    arena_free(&b->arena);
    assert_int_equal(mem_used(b->ctx->mem), 0);
    ctx_free(b->ctx);
    snprintf(command, sizeof command, "rm -rf '%s'", b->dir);
    assert_int_equal(system(command), 0);
}

/* ---- Asking and telling ---- */

static json_t *parsed(struct bed *b)
{
    json_t *out;
    OK(json_parse("answer", b->out.data, (size_t)b->out.size, &out, &b->err));
    return out;
}

static json_t *ask(struct bed *b, const struct live_query *q)
{
    buf_clear(&b->out);
    OK(live_recommend(b->s, q, &b->out, &b->err));
    return parsed(b);
}

static const char *nth(const json_t *answer, size_t i)
{
    return json_text(json_array_get(json_object_get(answer, "items"), i), "item_id", NULL);
}

static const char *arm_of(const json_t *answer)
{
    return json_text(json_object_get(answer, "experiment"), "arm", NULL);
}

struct wait {
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool is_done;
    akin_status status;
};

static struct wait wait_new(void)
{
    return (struct wait){.lock = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};
}

static void on_done(void *arg, akin_status status, const char *result, const akin_error *err)
{
    struct wait *w = arg;
    (void)result;
    (void)err;
    pthread_mutex_lock(&w->lock);
    w->is_done = true;
    w->status = status;
    pthread_cond_signal(&w->done);
    pthread_mutex_unlock(&w->lock);
}

static void wait_for(struct wait *w)
{
    pthread_mutex_lock(&w->lock);
    while (!w->is_done)
        pthread_cond_wait(&w->done, &w->lock);
    pthread_mutex_unlock(&w->lock);
    assert_int_equal(w->status, AKIN_OK);
}

static void buy(struct bed *b, const char *user, const char *item)
{
    struct wait w = wait_new();
    json_t *body =
        json_pack("{s:s, s:s, s:s}", "user_id", user, "item_id", item, "event_type", "buy");
    OK(live_put_events(b->l, body, on_done, &w, &b->err));
    wait_for(&w);
    json_decref(body);
}

static json_t *results(struct bed *b)
{
    buf_clear(&b->out);
    OK(live_experiments_json(b->l, &b->out, &b->err));
    return parsed(b);
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
    all = parsed(b);
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
    bed_make(b, "[{\"name\":\"homepage\",\"arms\":[{\"model\":\"knn\",\"share\":0.4},{\"name\":"
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
        buy(b, user, "i1");
        if (bought++ == 1)
            buy(b, user, "i2");
        if (bought == 3) {
            struct wait w = wait_new();
            OK(live_erase_user(b->l, user, on_done, &w, &b->err));
            wait_for(&w);
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
    bed_make(b, NULL);
    close_engine(b);
    json_t *list = json_loads("[{\"name\":\"x\",\"arms\":[{\"model\":\"knn\",\"share\":0.4},"
                              "{\"model\":\"none\",\"share\":0.4}]}]",
                              0, NULL);
    b->p.experiments = list;
    struct live_options options = {.params = &b->p, .seed = 7};
    OK(live_create(b->ctx, &options, &b->l, &b->err));
    json_decref(list);
    OK(live_model_load(b->l, "knn", b->knn, &b->err));
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
    bed_make(b, mix);
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
    x = parsed(b);
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
    bed_make(b, mix);
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
        buy(b, user, item);
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
    bed_make(b, NULL);
    int64_t old = generation_of(b, NULL);
    assert_int_equal(live_model_promote(b->l, "knn", &b->err), AKIN_E_NOT_FOUND);
    assert_int_equal(live_model_canary(b->l, "none", b->knn, 0.1, &b->err), AKIN_E_NOT_FOUND);
    assert_int_equal(live_model_canary(b->l, "knn", b->knn, 1.5, &b->err), AKIN_E_ARG);
    OK(live_model_canary(b->l, "knn", b->knn, 0.1, &b->err));
    m = model_json(b, "knn");
    const json_t *canary = json_object_get(m, "canary");
    int64_t id = json_int(canary, "generation", -1);
    assert_true(json_double(canary, "share", 0) == 0.1);
    assert_string_equal(json_text(canary, "path", ""), b->knn);
    assert_int_equal(json_int(m, "generation", -1), old);
    json_decref(m);
    assert_int_equal(generation_of(b, NULL), old);
    int few = canary_users(b, id, 0.1);
    /* the same file again: the same generation, more of the users */
    OK(live_model_canary(b->l, "knn", b->knn, 0.5, &b->err));
    assert_true(canary_users(b, id, 0.5) > few && few > 0);
    assert_int_equal(live_model_load(b->l, "knn", b->knn, &b->err), AKIN_E_UNSUPPORTED);
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
    OK(live_model_canary(b->l, "knn", b->knn, 0.1, &b->err));
    OK(live_model_canary(b->l, "knn", b->popular, 0.2, &b->err));
    OK(live_model_promote(b->l, "knn", &b->err));
    int64_t now = generation_of(b, NULL);
    assert_int_equal(generation_of(b, "v1"), now);
    assert_true(now > id);
    OK(live_model_rollback(b->l, "knn", &b->err));
    assert_int_equal(generation_of(b, NULL), old);
    bed_free(b);
}

struct asker_thread {
    struct live *l;
    atomic_bool *stop;
    int id;
    int64_t n;
    akin_status status;
};

static void *ask_on(void *arg)
{
    struct asker_thread *t = arg;
    struct live_slot *s;
    akin_error err;
    struct buf out;
    akin_ctx *ctx = NULL;
    if ((t->status = live_slot_create(t->l, &s, &err)) != AKIN_OK)
        return NULL;
    t->status = ctx_create(1, 1, 0, &ctx, &err);
    buf_init(&out, ctx);
    while (!*t->stop && t->status == AKIN_OK) {
        char user[16];
        snprintf(user, sizeof user, "u%d", (int)((t->n + t->id * 7) % 500));
        buf_clear(&out);
        t->status = live_recommend(s, &(struct live_query){.user_id = user, .k = 10}, &out, &err);
        t->n++;
    }
    buf_free(&out);
    ctx_free(ctx);
    live_slot_free(s);
    return NULL;
}

/* Canaries come and go, arms are asked, users convert and are erased: no answer fails, and what was
 * counted is counted after a restart. */
static void test_under_load(void **state)
{
    enum { THREADS = 3, ROUNDS = 30 };
    struct bed bed, *b = &bed;
    struct asker_thread t[THREADS];
    pthread_t id[THREADS];
    atomic_bool stop = false;
    (void)state;
    bed_make(b, "[{\"name\":\"split\",\"arms\":[{\"model\":\"knn\",\"share\":0.3},{\"model\":"
                "\"popular\",\"share\":0.3}]},{\"name\":\"mix\",\"kind\":\"interleave\",\"arms\":[{"
                "\"model\":\"knn\",\"share\":0.5},{\"model\":\"popular\",\"share\":0.5}]}]");
    for (int i = 0; i < THREADS; i++) {
        t[i] = (struct asker_thread){.l = b->l, .stop = &stop, .id = i};
        assert_int_equal(pthread_create(&id[i], NULL, ask_on, &t[i]), 0);
    }
    for (int i = 0; i < ROUNDS; i++) {
        char user[16];
        OK(live_model_canary(b->l, "knn", i % 2 ? b->knn : b->popular, 0.3, &b->err));
        snprintf(user, sizeof user, "u%d", i * 3);
        buy(b, user, "i3");
        buy(b, user, "i4");
        if (i % 5 == 0) {
            struct wait w = wait_new();
            OK(live_erase_user(b->l, user, on_done, &w, &b->err));
            wait_for(&w);
        }
        if (i % 3 == 0)
            OK(live_model_promote(b->l, "knn", &b->err));
        else if (i % 3 == 1)
            OK(live_model_rollback(b->l, "knn", &b->err));
    }
    stop = true;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(id[i], NULL);
        assert_int_equal(t[i].status, AKIN_OK);
        assert_true(t[i].n > 0);
    }
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
    printf("seed %llu\n", (unsigned long long)test_seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
