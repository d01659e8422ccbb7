/*
 * The engine over every model of the registry: an acknowledged event shows in the next answer, two
 * alike with different events get different lists, fold-in of a known history equals the user's own
 * list, filters, upserts, deletions, erasure, rules, swap and rollback while others ask, restart.
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
#include "core/json.h"
#include "kern/kern.h"
#include "live/live.h"
#include "models/model.h"

enum { N_IDS = 128 };
static const uint64_t test_seed = 20261121;

struct bed {
    akin_ctx *ctx;
    struct live *l;
    struct live_slot *s;
    struct live_params p;
    struct arena arena;
    struct buf out;
    akin_error err;
    char dir[64], db[96], path[96];
};

static void ok(akin_status status, const struct bed *b, const char *what)
{
    if (status != AKIN_OK)
        fail_msg("%s: %s", what, b->err.message);
}
#define OK(call) ok((call), b, #call)

/* A model of class cls on the toy data, in a file. */
static void model_file(struct bed *b, const struct model_class *cls, const char *path)
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
    OK(model_create(b->ctx, cls, NULL, &m, &b->err));
    OK(model_fit(m, &tv, &ctl, &b->err));
    OK(model_save(m, path, &b->err));
    model_free(m);
    train_view_free(&tv);
    feedback_free(feedback);
    dataset_free(ds);
}

static void open_engine(struct bed *b)
{
    struct live_options options = {.params = &b->p, .seed = 7};
    char url[128];
    snprintf(url, sizeof url, "sqlite:%s", b->db);
    OK(store_open(b->ctx, url, NULL, &options.store, &b->err));
    OK(live_create(b->ctx, &options, &b->l, &b->err));
    OK(live_model_load(b->l, "m", b->path, &b->err));
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

static size_t n_live_params(void)
{
    size_t n = 0;
    while (live_param_rows[n].name)
        n++;
    return n;
}

static void bed_make(struct bed *b, const struct model_class *cls)
{
    memset(b, 0, sizeof *b);
    ok(ctx_create(2, test_seed, 0, &b->ctx, &b->err), b, "ctx");
    OK(kern_select(b->ctx, NULL, &b->err));
    arena_init(&b->arena, b->ctx);
    buf_init(&b->out, b->ctx);
    OK(param_parse("serve", live_param_rows, n_live_params(), NULL, &b->arena, &b->p, &b->err));
    snprintf(b->dir, sizeof b->dir, "/tmp/akin-live-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    snprintf(b->db, sizeof b->db, "%s/akin.db", b->dir);
    snprintf(b->path, sizeof b->path, "%s/m.akin", b->dir);
    model_file(b, cls, b->path);
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

static json_t *ask(struct bed *b, const struct live_query *q)
{
    json_t *out;
    buf_clear(&b->out);
    OK(live_recommend(b->s, q, &b->out, &b->err));
    OK(json_parse("answer", b->out.data, (size_t)b->out.size, &out, &b->err));
    return out;
}

static json_t *ask_user(struct bed *b, const char *user, int64_t k)
{
    return ask(b, &(struct live_query){.user_id = user, .k = k});
}

static const char *nth(const json_t *answer, size_t i)
{
    return json_text(json_array_get(json_object_get(answer, "items"), i), "item_id", NULL);
}

static size_t size_of(const json_t *answer)
{
    return json_array_size(json_object_get(answer, "items"));
}

static bool holds(const json_t *answer, const char *item)
{
    for (size_t i = 0; i < size_of(answer); i++)
        if (strcmp(nth(answer, i), item) == 0)
            return true;
    return false;
}

struct wait {
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool is_done;
    akin_status status;
    char result[512];
    char message[208];
};

static void on_done(void *arg, akin_status status, const char *result, const akin_error *err)
{
    struct wait *w = arg;
    pthread_mutex_lock(&w->lock);
    w->is_done = true;
    w->status = status;
    snprintf(w->result, sizeof w->result, "%s", result ? result : "");
    snprintf(w->message, sizeof w->message, "%s", err && status != AKIN_OK ? err->message : "");
    pthread_cond_signal(&w->done);
    pthread_mutex_unlock(&w->lock);
}

static struct wait wait_new(void)
{
    return (struct wait){.lock = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};
}

static void wait_for(struct wait *w)
{
    pthread_mutex_lock(&w->lock);
    while (!w->is_done)
        pthread_cond_wait(&w->done, &w->lock);
    pthread_mutex_unlock(&w->lock);
    if (w->status != AKIN_OK)
        fail_msg("%s", w->message);
}

static void tell(struct bed *b, const char *user, const char *item)
{
    struct wait w = wait_new();
    json_t *body = json_pack("{s:s, s:s}", "user_id", user, "item_id", item);
    OK(live_put_events(b->l, body, on_done, &w, &b->err));
    wait_for(&w);
    json_decref(body);
}

static void put_item(struct bed *b, const char *id, const char *json)
{
    struct wait w = wait_new();
    json_t *body = json_loads(json, 0, NULL);
    assert_non_null(body);
    OK(live_put_item(b->l, id, body, on_done, &w, &b->err));
    wait_for(&w);
    json_decref(body);
}

/* ---- Every model ---- */

static void event_shows(struct bed *b)
{
    json_t *before = ask_user(b, "u5", 10), *after;
    char first[64];
    assert_int_equal(size_of(before), 10);
    snprintf(first, sizeof first, "%s", nth(before, 0));
    tell(b, "u5", first);
    after = ask_user(b, "u5", 10);
    assert_int_equal(size_of(after), 10);
    assert_false(holds(after, first));
    json_decref(before);
    json_decref(after);
    /* and after a restart */
    close_engine(b);
    open_engine(b);
    after = ask_user(b, "u5", 10);
    assert_false(holds(after, first));
    json_decref(after);
}

/* Strangers, alike at first. */
static void events_differ(struct bed *b)
{
    json_t *x = ask_user(b, "new-a", 5), *y = ask_user(b, "new-b", 5);
    json_t *models;
    assert_true(json_equal(json_object_get(x, "items"), json_object_get(y, "items")));
    if (!json_is_null(json_object_get(x, "fallback")))
        assert_string_equal(json_text(json_object_get(x, "fallback"), "code", ""), "no_history");
    json_decref(x);
    json_decref(y);
    for (int i = 0; i < 3; i++) {
        char item[16];
        snprintf(item, sizeof item, "i%d", 4 * i); /* cluster 0 */
        tell(b, "new-a", item);
        snprintf(item, sizeof item, "i%d", 4 * i + 1); /* cluster 1 */
        tell(b, "new-b", item);
    }
    x = ask_user(b, "new-a", 5);
    y = ask_user(b, "new-b", 5);
    buf_clear(&b->out);
    OK(live_models_json(b->l, &b->out, &b->err));
    OK(json_parse("models", b->out.data, (size_t)b->out.size, &models, &b->err));
    bool is_personal = json_is_true(
        json_object_get(json_array_get(json_object_get(models, "models"), 0), "personal"));
    if (is_personal)
        assert_false(json_equal(json_object_get(x, "items"), json_object_get(y, "items")));
    assert_true(json_is_null(json_object_get(x, "fallback")));
    json_decref(models);
    json_decref(x);
    json_decref(y);
}

/* The training history, given by hand to a stranger, gives the user's own list and scores. */
static void fold_in_equal(struct bed *b, const struct model_class *cls)
{
    struct live_history_item history[N_IDS];
    char ids[N_IDS][16];
    json_t *own = ask_user(b, "u9", 10), *given;
    struct model *m;
    OK(model_load(b->ctx, b->path, &m, &b->err));
    struct history h = histories_of(&m->hist, ids_find(&m->users, "u9", 2));
    assert_true(h.n < N_IDS);
    for (int32_t i = 0; i < h.n; i++) {
        int32_t size;
        const char *id = ids_get(&m->items, h.item[i], &size);
        snprintf(ids[i], sizeof ids[i], "%.*s", (int)size, id);
        history[i] = (struct live_history_item){.item_id = ids[i],
                                                .value = h.value ? (double)h.value[i] : 1.0,
                                                .time = h.time ? h.time[i] : 1};
    }
    given = ask(b, &(struct live_query){.history = history, .n_history = h.n, .k = 10});
    for (size_t i = 0; i < 10; i++) {
        const json_t *x = json_array_get(json_object_get(own, "items"), i);
        const json_t *y = json_array_get(json_object_get(given, "items"), i);
        double a = json_double(x, "score", -1e30), c = json_double(y, "score", -1e30);
        if (cls->flags & MODEL_CLOSED_FORM)
            assert_true(fabs(a - c) <= 1e-5 * fabs(a));
        assert_string_equal(json_text(x, "item_id", ""), json_text(y, "item_id", ""));
    }
    model_free(m);
    json_decref(own);
    json_decref(given);
}

static void items_change(struct bed *b)
{
    struct wait w = wait_new();
    json_t *x = ask_user(b, "u3", 40), *y;
    size_t eligible = size_of(x);
    json_decref(x);
    put_item(b, "brand-new", "{\"title\":\"Brand <b>new</b>\",\"genre\":[\"jazz\"],\"year\":2026}");
    x = ask_user(b, "u3", 100);
    assert_int_equal(size_of(x), eligible + 1);
    assert_true(holds(x, "brand-new"));
    json_decref(x);
    x = ask(b, &(struct live_query){.user_id = "u3", .k = 5, .filter = "year == 2026"});
    assert_int_equal(size_of(x), 1);
    assert_string_equal(nth(x, 0), "brand-new");
    json_decref(x);
    OK(live_delete_item(b->l, "brand-new", on_done, &w, &b->err));
    wait_for(&w);
    x = ask_user(b, "u3", 5);
    char first[64];
    snprintf(first, sizeof first, "%s", nth(x, 0));
    w = wait_new();
    OK(live_delete_item(b->l, first, on_done, &w, &b->err));
    wait_for(&w);
    y = ask_user(b, "u3", 100);
    assert_int_equal(size_of(y), eligible - 1);
    assert_false(holds(y, first));
    assert_false(holds(y, "brand-new"));
    json_decref(x);
    json_decref(y);
}

static void named_lists(struct bed *b)
{
    const char *pinned[] = {"", "i7"}, *deny[] = {"i1"}, *allow[] = {"i1", "i2", "i6", "nothing"};
    json_t *x = ask(
        b,
        &(struct live_query){
            .k = 8, .pinned = pinned, .n_pinned = 2, .deny = deny, .n_deny = 1, .explain = true});
    assert_string_equal(nth(x, 1), "i7");
    assert_false(holds(x, "i1"));
    assert_int_equal(size_of(x), 8);
    json_decref(x);
    x = ask(b,
            &(struct live_query){.k = 8, .allow = allow, .n_allow = 4, .deny = deny, .n_deny = 1});
    assert_int_equal(size_of(x), 2);
    json_decref(x);
}

static void erased_gone(struct bed *b)
{
    struct wait w = wait_new();
    json_t *stranger, *x;
    tell(b, "u11", "i0");
    OK(live_erase_user(b->l, "u11", on_done, &w, &b->err));
    wait_for(&w);
    assert_non_null(strstr(w.result, "\"events_deleted\":1"));
    assert_non_null(strstr(w.result, b->path));
    stranger = ask_user(b, "never-seen", 10);
    for (int round = 0; round < 2; round++) {
        x = ask_user(b, "u11", 10);
        assert_true(json_equal(json_object_get(x, "items"), json_object_get(stranger, "items")));
        json_decref(x);
        buf_clear(&b->out);
        assert_int_equal(live_user_json(b->s, "u11", &b->out, &b->err), AKIN_E_NOT_FOUND);
        close_engine(b);
        open_engine(b);
    }
    json_decref(stranger);
}

static void test_models(void **state)
{
    (void)state;
    for (size_t i = 0; model_class_at(i); i++) {
        struct bed bed, *b = &bed;
        print_message("%s\n", model_class_at(i)->name);
        bed_make(b, model_class_at(i));
        fold_in_equal(b, model_class_at(i));
        event_shows(b);
        events_differ(b);
        items_change(b);
        named_lists(b);
        erased_gone(b);
        bed_free(b);
    }
}

/* ---- Once ---- */

static void test_events_checked(void **state)
{
    static const struct {
        const char *body, *says;
    } bad[] = {
        {"[]", "give one event"},
        {"{\"user_id\":\"u1\"}", "event 0: item_id is missing"},
        {"[{\"user_id\":\"u1\",\"item_id\":\"i1\"},{\"user_id\":\"\",\"item_id\":\"i1\"}]",
         "event 1: user_id has 0 bytes"},
        {"{\"user_id\":\"u1\",\"item_id\":\"i1\",\"rating\":3}", "unknown key 'rating'"},
        {"{\"user_id\":\"u1\",\"item_id\":\"i1\",\"value\":\"3\"}", "value must be a number"},
        {"{\"user_id\":\"u1\",\"item_id\":\"i1\",\"time\":\"yesterday\"}", "time must be"},
        {"{\"user_id\":\"u1\",\"item_id\":\"i1\",\"time\":99999999999}", "time must be"},
        {"{\"user_id\":\"u1\",\"item_id\":\"i1\",\"context\":[]}", "context must be an object"},
        {"{\"user_id\":7,\"item_id\":\"i1\"}", "user_id must be a text"},
    };
    struct bed bed, *b = &bed;
    struct wait w = wait_new();
    (void)state;
    bed_make(b, model_class_find("popular"));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        json_t *body = json_loads(bad[i].body, 0, NULL);
        assert_int_equal(live_put_events(b->l, body, on_done, &w, &b->err), AKIN_E_INPUT);
        if (!strstr(b->err.message, bad[i].says))
            fail_msg("%s: %s", bad[i].body, b->err.message);
        json_decref(body);
    }
    /* the same event twice is one */
    for (int i = 0; i < 2; i++) {
        json_t *body =
            json_loads("{\"events\":[{\"event_id\":\"e1\",\"user_id\":\"u1\",\"item_id\":"
                       "\"i1\",\"value\":4,\"time\":\"2026-01-02T03:04:05Z\"}]}",
                       0, NULL);
        w = wait_new();
        OK(live_put_events(b->l, body, on_done, &w, &b->err));
        wait_for(&w);
        assert_non_null(strstr(w.result, i ? "\"duplicates\":1" : "\"accepted\":1"));
        json_decref(body);
    }
    struct live_stats stats;
    live_stats(b->l, &stats);
    assert_int_equal(stats.overlay_events, 1);
    buf_clear(&b->out);
    OK(live_user_events(b->s, "u1", 0, 5, &b->out, &b->err));
    assert_non_null(strstr(b->out.data, "\"event_id\":\"e1\""));
    assert_non_null(strstr(b->out.data, "2026-01-02T03:04:05Z"));
    bed_free(b);
}

/* Pages cover the store's events and the model's, each once. */
static void test_pages(void **state)
{
    struct bed bed, *b = &bed;
    int64_t before = 0;
    size_t total = 0;
    (void)state;
    bed_make(b, model_class_find("popular"));
    for (int i = 0; i < 5; i++) {
        char item[16];
        snprintf(item, sizeof item, "i%d", i);
        tell(b, "u2", item);
    }
    struct model *m;
    OK(model_load(b->ctx, b->path, &m, &b->err));
    size_t trained = (size_t)histories_of(&m->hist, ids_find(&m->users, "u2", 2)).n;
    model_free(m);
    for (int page = 0; page < 100; page++) {
        json_t *x;
        buf_clear(&b->out);
        OK(live_user_events(b->s, "u2", before, 2, &b->out, &b->err));
        OK(json_parse("page", b->out.data, (size_t)b->out.size, &x, &b->err));
        total += json_array_size(json_object_get(x, "events"));
        const json_t *next = json_object_get(x, "next");
        before = json_integer_value(next);
        bool is_last = json_is_null(next);
        json_decref(x);
        if (is_last)
            break;
    }
    assert_int_equal(total, trained + 5);
    bed_free(b);
}

/* ---- Swaps while others ask ---- */

struct asker_thread {
    struct live *l;
    atomic_bool *stop;
    int64_t n;
    akin_status status;
};

static void *ask_on(void *arg)
{
    struct asker_thread *t = arg;
    struct live_slot *s;
    akin_error err;
    if ((t->status = live_slot_create(t->l, &s, &err)) != AKIN_OK)
        return NULL;
    struct buf out;
    akin_ctx *ctx = NULL;
    t->status = ctx_create(1, 1, 0, &ctx, &err);
    buf_init(&out, ctx);
    while (!*t->stop && t->status == AKIN_OK) {
        char user[16];
        snprintf(user, sizeof user, "u%d", (int)(t->n % TOY_USERS));
        buf_clear(&out);
        t->status = live_recommend(s, &(struct live_query){.user_id = user, .k = 10}, &out, &err);
        t->n++;
    }
    buf_free(&out);
    ctx_free(ctx);
    live_slot_free(s);
    return NULL;
}

static void test_swap(void **state)
{
    enum { THREADS = 3, SWAPS = 40 };
    struct bed bed, *b = &bed;
    struct asker_thread t[THREADS];
    pthread_t id[THREADS];
    atomic_bool stop = false;
    (void)state;
    bed_make(b, model_class_find("ials"));
    for (int i = 0; i < THREADS; i++) {
        t[i] = (struct asker_thread){.l = b->l, .stop = &stop};
        assert_int_equal(pthread_create(&id[i], NULL, ask_on, &t[i]), 0);
    }
    for (int i = 0; i < SWAPS; i++) {
        if (i % 3 == 2)
            OK(live_model_rollback(b->l, "m", &b->err));
        else
            OK(live_model_load(b->l, "m", b->path, &b->err));
        tell(b, "u1", i % 2 ? "i3" : "i4");
    }
    assert_int_equal(live_model_load(b->l, "m", b->db, &b->err), AKIN_E_FORMAT);
    assert_int_equal(live_model_rollback(b->l, "other", &b->err), AKIN_E_NOT_FOUND);
    stop = true;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(id[i], NULL);
        assert_int_equal(t[i].status, AKIN_OK);
        assert_true(t[i].n > 0);
    }
    bed_free(b);
}

/* ---- Other questions ---- */

static void test_items_questions(void **state)
{
    struct bed bed, *b = &bed;
    json_t *x;
    (void)state;
    bed_make(b, model_class_find("itemknn"));
    buf_clear(&b->out);
    OK(live_similar(b->s, "i4", &(struct live_query){.k = 5}, &b->out, &b->err));
    OK(json_parse("similar", b->out.data, (size_t)b->out.size, &x, &b->err));
    assert_int_equal(size_of(x), 5);
    assert_false(holds(x, "i4"));
    for (size_t i = 0; i < 5; i++) /* one taste cluster */
        assert_int_equal(strtol(nth(x, i) + 1, NULL, 10) % TOY_CLUSTERS, 0);
    json_decref(x);
    assert_int_equal(live_similar(b->s, "zz", &(struct live_query){.k = 5}, &b->out, &b->err),
                     AKIN_E_NOT_FOUND);
    assert_int_equal(live_together(b->s, "i4", &(struct live_query){.k = 5}, &b->out, &b->err),
                     AKIN_E_UNSUPPORTED);
    for (int i = 0; i < 4; i++) {
        char user[32];
        snprintf(user, sizeof user, "visitor%d", i);
        tell(b, user, "i12");
    }
    buf_clear(&b->out);
    OK(live_popular(b->s, 3600, &(struct live_query){.k = 3}, &b->out, &b->err));
    OK(json_parse("popular", b->out.data, (size_t)b->out.size, &x, &b->err));
    assert_int_equal(size_of(x), 1);
    assert_string_equal(nth(x, 0), "i12");
    json_decref(x);
    buf_clear(&b->out);
    OK(live_item_users(b->s, "i8", &(struct live_query){.k = 5}, &b->out, &b->err));
    OK(json_parse("users", b->out.data, (size_t)b->out.size, &x, &b->err));
    assert_true(json_array_size(json_object_get(x, "users")) > 0);
    json_decref(x);
    buf_clear(&b->out);
    OK(live_search(b->s, "u1", 5, &b->out, &b->err));
    OK(json_parse("search", b->out.data, (size_t)b->out.size, &x, &b->err));
    assert_int_equal(json_array_size(json_object_get(x, "users")), 5);
    json_decref(x);
    buf_clear(&b->out);
    OK(live_user_export(b->s, "visitor1", &b->out, &b->err));
    assert_non_null(strstr(b->out.data, "\"item_id\":\"i12\""));
    bed_free(b);
}

static void test_cache(void **state)
{
    struct bed bed, *b = &bed;
    struct live_stats stats;
    (void)state;
    bed_make(b, model_class_find("itemknn"));
    json_t *x = ask_user(b, "u4", 7), *y = ask_user(b, "u4", 7), *z;
    live_stats(b->l, &stats);
    assert_int_equal(stats.cache_hits, 1);
    assert_true(json_equal(x, y));
    tell(b, "u4", nth(x, 0));
    z = ask_user(b, "u4", 7);
    assert_false(json_equal(x, z));
    json_decref(x);
    json_decref(y);
    json_decref(z);
    bed_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_models),          cmocka_unit_test(test_events_checked),
        cmocka_unit_test(test_pages),           cmocka_unit_test(test_swap),
        cmocka_unit_test(test_items_questions), cmocka_unit_test(test_cache),
    };
    printf("seed %llu\n", (unsigned long long)test_seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
