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

/* A model of class cls on the toy data, in a file. */
static void model_file(struct bed *b, const struct model_class *cls, json_t *params)
{
    static struct toy_event events[TOY_USERS * TOY_ITEMS];
    int32_t withheld[TOY_USERS];
    struct dataset *ds;
    struct feedback *feedback;
    struct train_view tv;
    struct model *m;
    struct feedback_params fp;
    struct fit_control ctl = {0};
    int64_t n = toy_clusters(bed_seed, events, withheld);
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

void open_engine(struct bed *b)
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

void close_engine(struct bed *b)
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

void bed_make(struct bed *b, const struct model_class *cls, json_t *params)
{
    memset(b, 0, sizeof *b);
    ok(ctx_create(2, bed_seed, 0, &b->ctx, &b->err), b, "ctx");
    OK(kern_select(b->ctx, NULL, &b->err));
    arena_init(&b->arena, b->ctx);
    buf_init(&b->out, b->ctx);
    OK(param_parse("serve", live_param_rows, n_live_params(), NULL, &b->arena, &b->p, &b->err));
    snprintf(b->dir, sizeof b->dir, "/tmp/akin-live-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    snprintf(b->db, sizeof b->db, "%s/akin.db", b->dir);
    snprintf(b->path, sizeof b->path, "%s/m.akin", b->dir);
    model_file(b, cls, params);
    open_engine(b);
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

void tell(struct bed *b, const char *user, const char *item)
{
    struct wait w = wait_new();
    json_t *body = json_pack("{s:s, s:s}", "user_id", user, "item_id", item);
    OK(live_put_events(b->l, body, on_done, &w, &b->err));
    wait_for(&w);
    json_decref(body);
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
