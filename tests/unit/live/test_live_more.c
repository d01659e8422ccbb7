/*
 * More of the engine: what a ranking says of items it does not know, users like a user over every
 * model of the registry, against a naive count and a naive cosine.
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

enum { PER_CLUSTER = TOY_USERS / TOY_CLUSTERS };
static const uint64_t test_seed = 20261121;

struct bed {
    akin_ctx *ctx;
    struct live *l;
    struct live_slot *s;
    struct live_params p;
    struct arena arena;
    struct buf out;
    akin_error err;
    char dir[64], path[96], url[128];
};

static void ok(akin_status status, const struct bed *b, const char *what)
{
    if (status != AKIN_OK)
        fail_msg("%s: %s", what, b->err.message);
}
#define OK(call) ok((call), b, #call)

/* A model of class cls on the toy data, in a file. With vectors: as many factors as tastes; with
 * more, 40 items do not fill them, and states tell persons apart rather than tastes. */
static void model_file(struct bed *b, const struct model_class *cls)
{
    static struct toy_event events[TOY_USERS * TOY_ITEMS];
    int32_t withheld[TOY_USERS];
    struct dataset *ds;
    struct feedback *feedback;
    struct train_view tv;
    struct model *m;
    struct feedback_params fp;
    struct fit_control ctl = {0};
    json_t *params = cls->scorer.vectors ? json_pack("{s:i}", "factors", TOY_CLUSTERS) : NULL;
    int64_t n = toy_clusters(test_seed, events, withheld);
    OK(toy_dataset(b->ctx, events, n, &ds, &b->err));
    OK(param_parse("feedback", feedback_param_rows, feedback_n_params, NULL, &b->arena, &fp,
                   &b->err));
    OK(feedback_create(b->ctx, &fp, &ds->types, dataset_newest(ds), &feedback, &b->err));
    OK(train_view_build(b->ctx, ds, feedback, NULL, &tv, &b->err));
    OK(model_create(b->ctx, cls, params, &m, &b->err));
    OK(model_fit(m, &tv, &ctl, &b->err));
    OK(model_save(m, b->path, &b->err));
    json_decref(params);
    model_free(m);
    train_view_free(&tv);
    feedback_free(feedback);
    dataset_free(ds);
}

static void bed_make(struct bed *b, const struct model_class *cls)
{
    struct live_options options = {.params = &b->p, .seed = 7};
    size_t n_rows = 0;
    while (live_param_rows[n_rows].name)
        n_rows++;
    memset(b, 0, sizeof *b);
    ok(ctx_create(2, test_seed, 0, &b->ctx, &b->err), b, "ctx");
    OK(kern_select(b->ctx, NULL, &b->err));
    arena_init(&b->arena, b->ctx);
    buf_init(&b->out, b->ctx);
    OK(param_parse("serve", live_param_rows, n_rows, NULL, &b->arena, &b->p, &b->err));
    snprintf(b->dir, sizeof b->dir, "/tmp/akin-live-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    snprintf(b->url, sizeof b->url, "sqlite:%s/akin.db", b->dir);
    snprintf(b->path, sizeof b->path, "%s/m.akin", b->dir);
    model_file(b, cls);
    OK(store_open(b->ctx, b->url, NULL, &options.store, &b->err));
    OK(live_create(b->ctx, &options, &b->l, &b->err));
    OK(live_model_load(b->l, "m", b->path, &b->err));
    OK(live_start(b->l, &b->err));
    OK(live_slot_create(b->l, &b->s, &b->err));
}

static void bed_free(struct bed *b)
{
    char command[128];
    live_slot_free(b->s);
    live_free(b->l);
    buf_free(&b->out);
    arena_free(&b->arena);
    assert_int_equal(mem_used(b->ctx->mem), 0);
    ctx_free(b->ctx);
    snprintf(command, sizeof command, "rm -rf '%s'", b->dir);
    assert_int_equal(system(command), 0);
}

/* ---- Telling ---- */

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

static void tell(struct bed *b, const char *user, int item)
{
    struct wait w = wait_new();
    char id[16];
    snprintf(id, sizeof id, "i%d", item);
    json_t *body = json_pack("{s:s, s:s}", "user_id", user, "item_id", id);
    OK(live_put_events(b->l, body, on_done, &w, &b->err));
    wait_for(&w);
    json_decref(body);
}

/* ---- Asking ---- */

static json_t *answer(struct bed *b)
{
    json_t *out;
    OK(json_parse("answer", b->out.data, (size_t)b->out.size, &out, &b->err));
    return out;
}

/* Users like a user: (list, to be released by the caller). */
static json_t *like(struct bed *b, const char *user, int64_t k)
{
    buf_clear(&b->out);
    OK(live_user_similar(b->s, user, &(struct live_query){.k = k}, &b->out, &b->err));
    json_t *all = answer(b), *users = json_incref(json_object_get(all, "users"));
    assert_string_equal(json_text(all, "user_id", ""), user);
    assert_true(json_is_array(users));
    json_decref(all);
    return users;
}

static const char *user_at(const json_t *users, size_t i)
{
    return json_text(json_array_get(users, i), "user_id", "");
}

static bool holds(const json_t *users, const char *user)
{
    for (size_t i = 0; i < json_array_size(users); i++)
        if (strcmp(user_at(users, i), user) == 0)
            return true;
    return false;
}

/* ---- Users like a user ---- */

/* The others of the own cluster come before everybody else; best first; never the user itself. */
static void cluster_first(struct bed *b, const char *user, int cluster, size_t n)
{
    json_t *users = like(b, user, TOY_USERS + 10);
    double last = HUGE_VAL;
    assert_true(json_array_size(users) >= n);
    for (size_t i = 0; i < json_array_size(users); i++) {
        double score = json_double(json_array_get(users, i), "score", NAN);
        assert_true(score <= last);
        last = score;
        assert_string_not_equal(user_at(users, i), user);
        if (i < n)
            assert_int_equal(strtol(user_at(users, i) + 1, NULL, 10) % TOY_CLUSTERS, cluster);
    }
    json_t *few = like(b, user, 3), *none = like(b, user, 0);
    assert_int_equal(json_array_size(few), 3);
    assert_int_equal(json_array_size(none), 0);
    for (size_t i = 0; i < 3; i++)
        assert_true(json_equal(json_array_get(few, i), json_array_get(users, i)));
    json_decref(few);
    json_decref(none);
    json_decref(users);
}

/* Positives in common by those of either; nothing is repeated in the toy data. */
static double naive_jaccard(const struct model *m, int32_t u, int32_t v)
{
    struct history x = histories_of(&m->hist, u), y = histories_of(&m->hist, v);
    int n_x = 0, n_y = 0, n_both = 0;
    for (int32_t i = 0; i < x.n; i++)
        n_x += !x.weight || x.weight[i] > 0.0f;
    for (int32_t j = 0; j < y.n; j++)
        n_y += !y.weight || y.weight[j] > 0.0f;
    for (int32_t i = 0; i < x.n; i++)
        for (int32_t j = 0; j < y.n; j++)
            n_both += x.item[i] == y.item[j] && (!x.weight || x.weight[i] > 0.0f) &&
                      (!y.weight || y.weight[j] > 0.0f);
    return n_both / (double)(n_x + n_y - n_both);
}

static double naive_cosine(struct bed *b, const struct model *m, int32_t u, int32_t v)
{
    struct scorer s = model_scorer(m);
    struct item_vectors vectors;
    s.cls->vectors(s.self, &vectors);
    float *x = arena_alloc(&b->arena, vectors.k, sizeof *x, &b->err);
    float *y = arena_alloc(&b->arena, vectors.k, sizeof *y, &b->err);
    struct query p = model_query_user(m, u), q = model_query_user(m, v);
    OK(s.cls->fold_in(s.self, &p, x, &b->arena, &b->err));
    OK(s.cls->fold_in(s.self, &q, y, &b->arena, &b->err));
    double xy = 0, xx = 0, yy = 0;
    for (int32_t i = 0; i < vectors.k; i++) {
        xy += (double)x[i] * (double)y[i];
        xx += (double)x[i] * (double)x[i];
        yy += (double)y[i] * (double)y[i];
    }
    return xy / sqrt(xx * yy);
}

static void scores_are_exact(struct bed *b)
{
    struct model *m;
    json_t *users = like(b, "u6", TOY_USERS);
    OK(model_load(b->ctx, b->path, &m, &b->err));
    int32_t own = ids_find(&m->users, "u6", 2);
    bool has_vectors = m->cls->scorer.vectors != NULL;
    if (has_vectors)
        assert_int_equal(json_array_size(users), TOY_USERS - 1);
    for (size_t i = 0; i < json_array_size(users); i++) {
        const char *id = user_at(users, i);
        int32_t v = ids_find(&m->users, id, strlen(id));
        double want = has_vectors ? naive_cosine(b, m, own, v) : naive_jaccard(m, own, v);
        double got = json_double(json_array_get(users, i), "score", NAN);
        assert_true(fabs(got - want) <= 1e-6);
    }
    model_free(m);
    json_decref(users);
}

/* By events of this second: a stranger joins a cluster, an erased user is in no list. */
static void as_of_now(struct bed *b)
{
    struct wait w = wait_new();
    akin_status unknown =
        live_user_similar(b->s, "stranger", &(struct live_query){.k = 5}, &b->out, &b->err);
    assert_int_equal(unknown, AKIN_E_NOT_FOUND);
    for (int i = 0; i < 5; i++)
        tell(b, "stranger", 4 * i + 2);
    cluster_first(b, "stranger", 2, PER_CLUSTER);
    tell(b, "u7", 3);
    cluster_first(b, "u7", 3, PER_CLUSTER - 1);
    OK(live_erase_user(b->l, "u11", on_done, &w, &b->err));
    wait_for(&w);
    cluster_first(b, "u7", 3, PER_CLUSTER - 2);
    json_t *users = like(b, "u7", TOY_USERS);
    assert_false(holds(users, "u11"));
    json_decref(users);
    assert_int_equal(live_user_similar(b->s, "u11", &(struct live_query){.k = 5}, &b->out, &b->err),
                     AKIN_E_NOT_FOUND);
}

static void test_user_similar(void **state)
{
    (void)state;
    for (size_t i = 0; model_class_at(i); i++) {
        struct bed bed, *b = &bed;
        printf("  %s\n", model_class_at(i)->name);
        bed_make(b, model_class_at(i));
        for (int u = 0; u < 8; u++) {
            char user[16];
            snprintf(user, sizeof user, "u%d", u);
            cluster_first(b, user, u % TOY_CLUSTERS, PER_CLUSTER - 1);
        }
        scores_are_exact(b);
        as_of_now(b);
        assert_int_equal(live_user_similar(b->s, "u1", &(struct live_query){.k = b->p.max_k + 1},
                                           &b->out, &b->err),
                         AKIN_E_ARG);
        bed_free(b);
    }
}

/* ---- Given items ---- */

static void test_rank_names_the_unknown(void **state)
{
    static const char *const items[] = {"i1", "nobody knows", "i2", "i3", "gone"};
    struct bed bed, *b = &bed;
    struct wait w = wait_new();
    (void)state;
    bed_make(b, model_class_find("ials"));
    json_t *attributes = json_object();
    OK(live_put_item(b->l, "gone", attributes, on_done, &w, &b->err));
    wait_for(&w);
    w = wait_new();
    OK(live_delete_item(b->l, "gone", on_done, &w, &b->err));
    wait_for(&w);
    w = wait_new();
    OK(live_delete_item(b->l, "i3", on_done, &w, &b->err));
    wait_for(&w);
    struct live_query q = {.user_id = "u1", .k = -1, .items = items, .n_items = 5};
    buf_clear(&b->out);
    OK(live_rank(b->s, &q, &b->out, &b->err));
    json_t *x = answer(b), *want = json_pack("[s,s,s]", items[1], items[3], items[4]);
    assert_int_equal(json_array_size(json_object_get(x, "items")), 2);
    assert_true(json_equal(json_object_get(x, "unknown"), want));
    json_decref(x);
    q.n_items = 1;
    buf_clear(&b->out);
    OK(live_rank(b->s, &q, &b->out, &b->err));
    x = answer(b);
    assert_true(json_is_array(json_object_get(x, "unknown")));
    assert_int_equal(json_array_size(json_object_get(x, "unknown")), 0);
    json_decref(x);
    q.n_items = 0;
    buf_clear(&b->out);
    OK(live_recommend(b->s, &q, &b->out, &b->err));
    assert_null(strstr(b->out.data, "\"unknown\""));
    json_decref(want);
    json_decref(attributes);
    bed_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_user_similar),
        cmocka_unit_test(test_rank_names_the_unknown),
    };
    printf("seed %llu\n", (unsigned long long)test_seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
