/* See live_bed.h. */
#include "live_bed.h"

#include "../../contract/toy_data.c"
#include "kern/kern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const uint64_t bed_seed = 20261121;

void ok(akin_status status, const struct bed *b, const char *what)
{
    if (status != AKIN_OK)
        fail_msg("%s: %s", what, b->err.message);
}

const char *in(const struct bed *b, const char *name)
{
    static char path[4][128];
    static int at;
    at = (at + 1) % 4;
    snprintf(path[at], sizeof path[at], "%s/%s", b->dir, name);
    return path[at];
}

static const char *model_path(const struct bed *b, int at)
{
    char name[32];
    snprintf(name, sizeof name, "%s.akin", b->names[at]);
    return in(b, name);
}

/* Models on the toy data, in files. */
static void model_files(struct bed *b, const struct bed_options *o)
{
    static struct toy_event events[TOY_USERS * TOY_ITEMS];
    int32_t withheld[TOY_USERS];
    struct dataset *ds;
    struct feedback *feedback;
    struct train_view tv;
    struct feedback_params fp;
    struct fit_control ctl = {0};
    int64_t n = toy_clusters(bed_seed, events, withheld);
    OK(toy_dataset(b->ctx, events, n, &ds, &b->err));
    if (o->has_data)
        OK(dataset_save(ds, in(b, "data.akin"), &b->err));
    OK(param_parse("feedback", feedback_param_rows, feedback_n_params, NULL, &b->arena, &fp,
                   &b->err));
    OK(feedback_create(b->ctx, &fp, &ds->types, dataset_newest(ds), &feedback, &b->err));
    OK(train_view_build(b->ctx, ds, feedback, NULL, &tv, &b->err));
    for (int i = 0; i < BED_MODELS && o->model[i].name; i++) {
        struct model *m;
        b->names[i] = o->model[i].name;
        OK(model_create(b->ctx, o->model[i].cls, o->model[i].params, &m, &b->err));
        OK(model_fit(m, &tv, &ctl, &b->err));
        OK(model_save(m, model_path(b, i), &b->err));
        json_decref(o->model[i].params);
        model_free(m);
    }
    train_view_free(&tv);
    feedback_free(feedback);
    dataset_free(ds);
}

void open_engine(struct bed *b)
{
    struct live_options options = {.params = &b->p,
                                   .seed = 7,
                                   .program = *b->program ? b->program : NULL,
                                   .exposures = b->exposures};
    char url[128];
    snprintf(url, sizeof url, "sqlite:%s", b->db);
    OK(store_open(b->ctx, url, NULL, &options.store, &b->err));
    OK(live_create(b->ctx, &options, &b->l, &b->err));
    for (int i = 0; i < BED_MODELS && b->names[i]; i++)
        OK(live_model_load(b->l, b->names[i], model_path(b, i), &b->err));
    OK(live_start(b->l, &b->err));
    OK(live_slot_create(b->l, &b->s, &b->err));
}

void close_engine(struct bed *b)
{
    live_slot_free(b->s);
    live_free(b->l);
    b->s = NULL;
    b->l = NULL;
}

/* The engine's settings: their defaults, and experiments. */
static void bed_params(struct bed *b, const char *experiments)
{
    size_t n = 0;
    json_t *keys = json_object();
    while (live_param_rows[n].name)
        n++;
    if (experiments)
        json_object_set_new(keys, "experiments", json_loads(experiments, 0, NULL));
    OK(param_parse("serve", live_param_rows, n, keys, &b->arena, &b->p, &b->err));
    json_decref(keys);
}

void bed_make_with(struct bed *b, const struct bed_options *options)
{
    memset(b, 0, sizeof *b);
    ok(ctx_create(2, bed_seed, 0, &b->ctx, &b->err), b, "ctx");
    OK(kern_select(b->ctx, NULL, &b->err));
    arena_init(&b->arena, b->ctx);
    buf_init(&b->out, b->ctx);
    bed_params(b, options->experiments);
    snprintf(b->dir, sizeof b->dir, "/tmp/akin-live-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    snprintf(b->db, sizeof b->db, "%s/akin.db", b->dir);
    snprintf(b->exposures, sizeof b->exposures, "%s/akin.db.exposures", b->dir);
    snprintf(b->path, sizeof b->path, "%s/%s.akin", b->dir, options->model[0].name);
    model_files(b, options);
    if (!options->is_closed)
        open_engine(b);
}

void bed_make(struct bed *b, const struct model_class *cls, json_t *params)
{
    bed_make_with(b, &(struct bed_options){.model = {{"m", cls, params}}});
}

void bed_free(struct bed *b)
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

/* ---- Asking ---- */

json_t *answer(struct bed *b)
{
    json_t *out;
    OK(json_parse("answer", b->out.data, (size_t)b->out.size, &out, &b->err));
    return out;
}

json_t *ask(struct bed *b, const struct live_query *q)
{
    buf_clear(&b->out);
    OK(live_recommend(b->s, q, &b->out, &b->err));
    return answer(b);
}

json_t *ask_user(struct bed *b, const char *user, int64_t k)
{
    return ask(b, &(struct live_query){.user_id = user, .k = k});
}

const char *nth(const json_t *answer, size_t i)
{
    return json_text(json_array_get(json_object_get(answer, "items"), i), "item_id", NULL);
}

size_t size_of(const json_t *answer)
{
    return json_array_size(json_object_get(answer, "items"));
}

bool holds(const json_t *answer, const char *item)
{
    for (size_t i = 0; i < size_of(answer); i++)
        if (strcmp(nth(answer, i), item) == 0)
            return true;
    return false;
}

/* ---- Telling ---- */

void on_done(void *arg, akin_status status, const char *result, const akin_error *err)
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

struct wait wait_new(void)
{
    return (struct wait){.lock = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};
}

void wait_for(struct wait *w)
{
    pthread_mutex_lock(&w->lock);
    while (!w->is_done)
        pthread_cond_wait(&w->done, &w->lock);
    pthread_mutex_unlock(&w->lock);
    if (w->status != AKIN_OK)
        fail_msg("%s", w->message);
}

void tell_json(struct bed *b, json_t *event)
{
    struct wait w = wait_new();
    OK(live_put_events(b->l, event, on_done, &w, &b->err));
    wait_for(&w);
    json_decref(event);
}

void tell(struct bed *b, const char *user, const char *item)
{
    tell_json(b, json_pack("{s:s, s:s}", "user_id", user, "item_id", item));
}

void tell_typed(struct bed *b, const char *user, const char *item, const char *type)
{
    tell_json(b,
              json_pack("{s:s, s:s, s:s}", "user_id", user, "item_id", item, "event_type", type));
}

void tell_nth(struct bed *b, const char *user, int item)
{
    char id[16];
    snprintf(id, sizeof id, "i%d", item);
    tell(b, user, id);
}

void put_item(struct bed *b, const char *id, const char *json)
{
    struct wait w = wait_new();
    json_t *body = json_loads(json, 0, NULL);
    assert_non_null(body);
    OK(live_put_item(b->l, id, body, on_done, &w, &b->err));
    wait_for(&w);
    json_decref(body);
}

void delete_item(struct bed *b, const char *id)
{
    struct wait w = wait_new();
    OK(live_delete_item(b->l, id, on_done, &w, &b->err));
    wait_for(&w);
}

void erase_user(struct bed *b, const char *id, struct wait *w)
{
    *w = wait_new();
    OK(live_erase_user(b->l, id, on_done, w, &b->err));
    wait_for(w);
}

/* ---- Others who ask meanwhile ---- */

static void *ask_on(void *arg)
{
    enum { USERS = 500 }; /* strangers among them */
    struct asker *t = arg;
    struct live_slot *s;
    akin_error err;
    struct buf out;
    akin_ctx *ctx = NULL;
    if ((t->status = live_slot_create(t->all->l, &s, &err)) != AKIN_OK)
        return NULL;
    t->status = ctx_create(1, 1, 0, &ctx, &err);
    buf_init(&out, ctx);
    while (t->status == AKIN_OK && (t->n == 0 || !t->all->stop)) {
        char user[16];
        snprintf(user, sizeof user, "u%d", (int)((t->first + t->n) % USERS));
        buf_clear(&out);
        t->status = live_recommend(s, &(struct live_query){.user_id = user, .k = 10}, &out, &err);
        if (t->status == AKIN_OK && t->n % 8 == 0)
            t->status = live_search(s, user, 10, &out, &err);
        t->n++;
    }
    buf_free(&out);
    ctx_free(ctx);
    live_slot_free(s);
    return NULL;
}

void askers_start(struct askers *a, struct bed *b)
{
    *a = (struct askers){.l = b->l};
    for (int i = 0; i < BED_ASKERS; i++) {
        a->one[i] = (struct asker){.all = a, .first = 7 * i};
        assert_int_equal(pthread_create(&a->thread[i], NULL, ask_on, &a->one[i]), 0);
    }
}

void askers_stop(struct askers *a)
{
    a->stop = true;
    for (int i = 0; i < BED_ASKERS; i++) {
        pthread_join(a->thread[i], NULL);
        assert_int_equal(a->one[i].status, AKIN_OK);
        assert_true(a->one[i].n > 0);
    }
}
