/*
 * Experiments after a restart, and their journal anew.
 *
 * The journal's records are states of users; each takes effect before the first event above its
 * number, so that an event finds its user as it found it when it came. Erasures stand between them
 * in the same order. Cost: a start reads the journal, and the store's events after its oldest
 * record; it leaves a journal without superseded ones.
 */
#include "live/experiment_impl.h"

#include <stdlib.h>
#include <string.h>

void experiments_replay_free(struct experiments *x)
{
    journal_image_free(x->ctx, &x->image);
    mem_free(x->ctx, x->replay);
    x->replay = NULL;
    x->n_replay = x->cap_replay = x->at_replay = 0;
}

static akin_status replay_add(struct experiments *x, struct replay r, akin_error *err)
{
    akin_status status = AKIN_OK;
    MEM_GROW(x->ctx, x->replay, x->cap_replay, x->n_replay + 1);
    r.order = x->n_replay;
    x->replay[x->n_replay++] = r;
done:
    return status;
}

static bool record_read(const unsigned char *bytes, int32_t size, struct record *out)
{
    if (size < record_size(0) || size > (int32_t)sizeof *out)
        return false;
    memset(out, 0, sizeof *out);
    memcpy(out, bytes, (size_t)size);
    return out->experiment < EXPERIMENTS && out->n_shown <= EXPERIMENT_SHOWN &&
           size == record_size(out->n_shown) && out->first >= 0 && out->counted >= 0 &&
           out->shown_at >= 0;
}

/* That users are counted under. */
static int arms_of(const struct experiment *e)
{
    return e->kind == EXPERIMENT_SPLIT ? e->n_arms : 1;
}

/* Records of definitions that are no more are left out. */
akin_status experiments_load(struct experiments *x, int64_t last_seq, int64_t *after,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    int now[EXPERIMENTS];
    struct record r;
    *after = x->last_seq = last_seq;
    if (!x->path)
        goto done;
    AKIN_TRY(journal_read(x->ctx, x->path, &x->image, err));
    experiments_set_key(x, x->image.key);
    for (int i = 0; i < EXPERIMENTS; i++)
        now[i] = -1;
    for (int64_t i = 0; i < x->image.n; i++) {
        if (!record_read(x->image.records[i], x->image.sizes[i], &r))
            continue;
        for (int j = 0; r.kind == RECORD_EXPERIMENT && j < x->n; j++)
            if (x->e[j].definition == r.user)
                now[r.experiment] = j;
        int to = now[r.experiment];
        if (r.kind != RECORD_USER || to < 0 || r.user == 0 || r.arm >= arms_of(&x->e[to]))
            continue;
        int64_t counted = r.counted < last_seq ? r.counted : last_seq;
        *after = counted < *after ? counted : *after;
        AKIN_TRY(replay_add(x,
                            (struct replay){.key = 2 * counted + 1,
                                            .record = x->image.records[i],
                                            .size = x->image.sizes[i],
                                            .experiment = to,
                                            .user = r.user},
                            err));
    }
done:
    return status;
}

akin_status experiments_erased(struct experiments *x, const char *user_id, int64_t seq,
                               akin_error *err)
{
    akin_status status = AKIN_OK;
    for (int i = 0; x->n_replay > 0 && i < x->n; i++)
        AKIN_TRY(replay_add(x,
                            (struct replay){.key = 2 * seq,
                                            .experiment = i,
                                            .user = experiment_user(&x->e[i], user_id)},
                            err));
done:
    return status;
}

static int by_key(const void *a, const void *b)
{
    const struct replay *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static void restore(struct experiments *x, const struct replay *p)
{
    const struct experiment *e = &x->e[p->experiment];
    struct exposure_shard *s = exposures_shard(e->exposures, p->user);
    struct record r;
    record_read(p->record, p->size, &r);
    pthread_mutex_lock(&s->lock);
    struct exposed *state = exposed_find(s, p->user);
    if (state)
        exposed_tally(e->exposures, s, state, -1);
    else if (e->exposures->n < x->max_exposed)
        state = exposed_add(e->exposures, s, p->user);
    if (state) {
        state->first = r.first;
        state->counted = (p->key - 1) / 2;
        state->shown_at = r.shown_at;
        state->arm = r.arm;
        state->n[0] = r.n[0];
        state->n[1] = e->kind == EXPERIMENT_SPLIT ? 0 : r.n[1];
        state->n_shown = 0;
        state->list =
            r.n_shown && exposed_show(e->exposures, state, r.shown, r.n_shown) ? r.list : 0;
        exposed_tally(e->exposures, s, state, 1);
    }
    pthread_mutex_unlock(&s->lock);
}

/* What takes effect before `key`. Nothing once the engine has started. */
void experiments_replay_until(struct experiments *x, int64_t key)
{
    if (x->at_replay == x->n_replay)
        return;
    if (!x->is_sorted)
        qsort(x->replay, (size_t)x->n_replay, sizeof *x->replay, by_key);
    x->is_sorted = true;
    for (; x->at_replay < x->n_replay && x->replay[x->at_replay].key < key; x->at_replay++) {
        const struct replay *p = &x->replay[x->at_replay];
        if (p->record)
            restore(x, p);
        else
            experiment_forget(x, p->experiment, p->user, p->key / 2);
    }
}

/* ---- The journal anew: every state, none twice ---- */

/* A shard's states are copied under its lock, and written without it. */
static akin_status fill_shard(struct experiments *x, int experiment, struct exposure_shard *s,
                              struct buf *copy, struct journal_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct record r;
    int64_t applied = x->applied; /* before the states are looked at: they have at least these */
    buf_clear(copy);
    pthread_mutex_lock(&s->lock);
    for (int64_t j = 0; j < s->n_slots; j++) {
        const struct exposed *state = &s->slot[j];
        if (!state->user)
            continue;
        int64_t counted = applied > state->counted ? applied : state->counted;
        int32_t size = experiment_record(experiment, state, counted, &r);
        buf_add(copy, &r, (size_t)size);
    }
    pthread_mutex_unlock(&s->lock);
    AKIN_TRY(buf_check(copy, err));
    for (int64_t at = 0; at < copy->size;) {
        memcpy(&r, copy->data + at, (size_t)record_size(0));
        AKIN_TRY(journal_put(w, copy->data + at, record_size(r.n_shown), err));
        at += record_size(r.n_shown);
    }
done:
    return status;
}

static akin_status fill(void *arg, struct journal_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct experiments *x = arg;
    struct buf copy;
    buf_init(&copy, x->ctx);
    for (int i = 0; i < x->n; i++) {
        struct record r = {
            .user = x->e[i].definition, .kind = RECORD_EXPERIMENT, .experiment = (uint8_t)i};
        AKIN_TRY(journal_put(w, &r, record_size(0), err));
        for (int j = 0; j < EXPOSURE_SHARDS; j++)
            AKIN_TRY(fill_shard(x, i, &x->e[i].exposures->shard[j], &copy, w, err));
    }
done:
    buf_free(&copy);
    return status;
}

akin_status experiments_start(struct experiments *x, akin_error *err)
{
    akin_status status = AKIN_OK;
    experiments_replay_until(x, INT64_MAX);
    experiments_replay_free(x);
    x->applied = x->last_seq;
    for (int i = 0; i < x->n; i++)
        x->begun[i] = x->last_seq;
    if (x->path)
        AKIN_TRY(journal_open(x->ctx, x->path, x->key, fill, x, &x->journal, err));
done:
    return status;
}
