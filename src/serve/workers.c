/*
 * Workers for slow requests, and slots: what the engine needs to answer one. There are as many
 * slots as threads that can answer at once, so that taking one never waits.
 */
#include "serve/impl.h"

static struct request *pop(struct server *s)
{
    struct request *r = NULL;
    pthread_mutex_lock(&s->queue_lock);
    while (s->n_queued == 0 && !atomic_load(&s->quit))
        pthread_cond_wait(&s->queue_wake, &s->queue_lock);
    if (s->n_queued > 0) {
        r = s->queue[s->queue_head];
        s->queue_head = (s->queue_head + 1) % s->p.queue;
        s->n_queued--;
        atomic_fetch_sub(&s->metrics.queued, 1);
    }
    pthread_mutex_unlock(&s->queue_lock);
    return r;
}

static void work(struct request *r, struct live_slot *slot)
{
    if (atomic_load(&r->state) == REQUEST_WAITING) { /* else its time ended in the queue */
        r->is_worker = true;
        r->slot = slot;
        if (request_handle(r) == HANDLED_PENDING)
            return; /* the change's call-back answers */
    }
    request_answer(r);
}

static void *worker_main(void *arg)
{
    struct server *s = arg;
    struct live_slot *slot = slot_take(s);
    struct request *r;
    while ((r = pop(s)) != NULL)
        work(r, slot);
    slot_give(s, slot);
    return NULL;
}

bool workers_push(struct request *r)
{
    struct server *s = r->server;
    pthread_mutex_lock(&s->queue_lock);
    bool ok = s->n_queued < s->p.queue;
    if (!ok) {
        atomic_fetch_add(&s->metrics.queue_refused, 1);
        request_problem(r, 503, "queue: too many slow requests are waiting (serve.queue)");
    } else {
        ok = request_hold(r);
    }
    if (ok) {
        s->queue[(s->queue_head + s->n_queued++) % s->p.queue] = r;
        atomic_fetch_add(&s->metrics.queued, 1);
        pthread_cond_signal(&s->queue_wake);
    }
    pthread_mutex_unlock(&s->queue_lock);
    return ok;
}

static akin_status make_slots(struct server *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n = s->p.threads + s->p.workers;
    MEM_ZERO(s->ctx, s->slots, n);
    for (; s->n_slots < n; s->n_slots++)
        AKIN_TRY(live_slot_create(s->live, &s->slots[s->n_slots], err));
done:
    s->n_all_slots = s->n_slots;
    return status;
}

akin_status workers_start(struct server *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(make_slots(s, err));
    MEM_ZERO(s->ctx, s->queue, s->p.queue);
    MEM_ZERO(s->ctx, s->workers, s->p.workers);
    for (; s->n_workers < s->p.workers; s->n_workers++) {
        if (pthread_create(&s->workers[s->n_workers], NULL, worker_main, s) != 0)
            AKIN_FAIL(AKIN_E_MEMORY, "serve: no thread for a worker");
    }
done:
    return status;
}

/* quit is set: what is queued has been answered by the warden, and is only dropped. */
void workers_stop(struct server *s)
{
    pthread_mutex_lock(&s->queue_lock);
    pthread_cond_broadcast(&s->queue_wake);
    pthread_mutex_unlock(&s->queue_lock);
    for (int64_t i = 0; i < s->n_workers; i++)
        pthread_join(s->workers[i], NULL);
    for (int64_t i = 0; i < s->n_slots; i++)
        live_slot_free(s->slots[i]);
    mem_free(s->ctx, s->slots);
    mem_free(s->ctx, s->queue);
    mem_free(s->ctx, s->workers);
}

struct live_slot *slot_take(struct server *s)
{
    pthread_mutex_lock(&s->lock);
    struct live_slot *slot = s->slots[--s->n_slots];
    pthread_mutex_unlock(&s->lock);
    return slot;
}

void slot_give(struct server *s, struct live_slot *slot)
{
    pthread_mutex_lock(&s->lock);
    s->slots[s->n_slots++] = slot;
    pthread_mutex_unlock(&s->lock);
}
