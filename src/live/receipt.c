/*
 * The receipt of an erasure.
 *
 * Store and memory let go at once. What was made of the person's data before stays until newer ones
 * replace it: the models that serve, the artifacts and exports in the folder of retraining, its
 * base, and what the running job makes. Each file is looked into before the erasure, by the thread
 * that asks for it: the store's own has others waiting.
 *
 * Not here: what left this server, as copies, backups and deliveries of sinks.
 */
#include "live/receipt.h"

#include "core/json.h"
#include "core/text.h"
#include "live/jobs.h"
#include "live/retrain.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { UNTIL = 160 };

struct finding {
    struct live *l;
    const char *user_id;
    struct jw jw;
    const struct kept_kind *kind;
};

/* The object stays open. */
static void holder_open(struct finding *f, const char *kind, const char *model, const char *path,
                        const char *format, ...) __attribute__((format(printf, 5, 6)));
static void holder_open(struct finding *f, const char *kind, const char *model, const char *path,
                        const char *format, ...)
{
    char until[UNTIL];
    va_list args;
    va_start(args, format);
    vsnprintf(until, sizeof until, format, args);
    va_end(args);
    jw_open(&f->jw, '{');
    jw_key(&f->jw, "kind");
    jw_string(&f->jw, kind);
    if (model) {
        jw_key(&f->jw, "model");
        jw_string(&f->jw, model);
    }
    if (path) {
        jw_key(&f->jw, "path");
        jw_string(&f->jw, path);
    }
    jw_key(&f->jw, "until");
    jw_string(&f->jw, until);
}

/* ---- Is somebody in a file? ---- */

/* Datasets and models. */
static akin_status container_knows(struct live *l, const char *path, const char *user_id, bool *out,
                                   akin_error *err)
{
    akin_status status = AKIN_OK;
    struct container *c = NULL;
    struct ids users = {0};
    AKIN_TRY(container_open(l->ctx, path, &c, err));
    AKIN_TRY(ids_load(l->ctx, c, "users", &users, err));
    *out = ids_find(&users, user_id, strlen(user_id)) >= 0;
done:
    ids_free(l->ctx, &users);
    container_close(c);
    return status;
}

/* Lists of users: lines that begin as the same writer wrote them. */
static akin_status lists_know(struct live *l, const char *path, const char *user_id, bool *out,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    struct file_map map = {0};
    struct buf begin;
    buf_init(&begin, l->ctx);
    json_t *object = json_pack("{s:s}", "user_id", user_id);
    if (!object)
        AKIN_FAIL(AKIN_E_MEMORY, "receipt: no room");
    AKIN_TRY(json_write_ordered(object, &begin, err));
    size_t size = (size_t)begin.size - 1; /* without the bracket */
    AKIN_TRY(file_map_open(path, &map, err));
    const char *at = (const char *)map.data, *end = map.size ? at + map.size : at;
    while (at < end && !*out) {
        *out = (size_t)(end - at) >= size && memcmp(at, begin.data, size) == 0;
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        at = stop ? stop + 1 : end;
    }
done:
    file_map_close(&map);
    buf_free(&begin);
    json_decref(object);
    return status;
}

static const struct kept_kind {
    const char *name, *folder, *ext;
    akin_status (*knows)(struct live *l, const char *path, const char *user_id, bool *out,
                         akin_error *err);
} kept_kinds[] = {{"artifact", "", "akin", container_knows},
                  {"export", "exports/", "jsonl", lists_know}};

/* A file that cannot be read may hold anybody. */
static bool is_held_by(struct finding *f, const struct kept_kind *kind, const char *path,
                       akin_error *why)
{
    bool is_there = false;
    return kind->knows(f->l, path, f->user_id, &is_there, why) != AKIN_OK || is_there;
}

static void holder_close(struct finding *f, const akin_error *why)
{
    if (why && why->message[0]) {
        jw_key(&f->jw, "unread");
        jw_string(&f->jw, why->message);
    }
    jw_close(&f->jw, '}');
}

/* ---- What there is ---- */

static void find_models(struct finding *f)
{
    struct live *l = f->l;
    pthread_rwlock_rdlock(&l->models_lock);
    for (int i = 0; i < l->n_entries; i++) {
        const struct entry *e = &l->entry[i];
        const struct generation *all[] = {e->current, e->previous, e->canary};
        for (size_t j = 0; j < sizeof all / sizeof all[0]; j++) {
            if (!all[j] || ids_find(&all[j]->m->users, f->user_id, strlen(f->user_id)) < 0)
                continue;
            holder_open(f, "model", e->name, all[j]->path, "the next training from the store");
            holder_close(f, NULL);
        }
    }
    pthread_rwlock_unlock(&l->models_lock);
}

static void find_kept(void *arg, const char *path, const char *name, int left)
{
    struct finding *f = arg;
    akin_error why = {0};
    if (!is_held_by(f, f->kind, path, &why))
        return;
    holder_open(f, f->kind->name, name, path, "%d newer %s%s of %s %s there", left, f->kind->name,
                left == 1 ? "" : "s", name, left == 1 ? "is" : "are");
    holder_close(f, &why);
}

static void find_base(struct finding *f)
{
    const char *base = f->l->retrain->p.base;
    akin_error why = {0};
    if (!base || strcmp(base, "none") == 0 || !is_held_by(f, &kept_kinds[0], base, &why))
        return;
    holder_open(f, "base", NULL, base, "akin prepare makes it anew, with the store");
    holder_close(f, &why);
}

/* It may have read the person's data before. */
static void find_job(struct finding *f)
{
    const char *kind;
    int64_t id = f->l->jobs ? jobs_running(f->l->jobs, &kind) : 0;
    if (!id)
        return;
    holder_open(f, "job", NULL, NULL, "what this %s makes is replaced", kind);
    jw_key(&f->jw, "job");
    jw_int(&f->jw, id);
    holder_close(f, NULL);
}

akin_status receipt_holders(struct live *l, const char *user_id, struct buf *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct finding f = {.l = l, .user_id = user_id};
    jw_init(&f.jw, out);
    jw_open(&f.jw, '[');
    find_job(&f); /* first: what it ends with in between is seen below */
    find_models(&f);
    if (l->retrain) {
        for (size_t i = 0; i < sizeof kept_kinds / sizeof kept_kinds[0]; i++) {
            f.kind = &kept_kinds[i];
            AKIN_TRY(retrain_each(l, f.kind->folder, f.kind->ext, find_kept, &f, err));
        }
        find_base(&f);
    }
    jw_close(&f.jw, ']');
    AKIN_TRY(buf_check(out, err));
done:
    return status;
}

void receipt_write(const struct store_write *w, const char *holders, struct buf *out)
{
    char when[32];
    struct jw jw;
    jw_init(&jw, out);
    text_from_unix(live_now(), when, sizeof when);
    jw_open(&jw, '{');
    jw_key(&jw, "user_id");
    jw_string(&jw, w->id);
    jw_key(&jw, "time");
    jw_string(&jw, when);
    jw_key(&jw, "seq");
    jw_int(&jw, w->first_seq);
    jw_key(&jw, "events_deleted");
    jw_int(&jw, w->n_deleted);
    jw_key(&jw, "artifacts");
    jw_raw(&jw, holders);
    jw_close(&jw, '}');
}
