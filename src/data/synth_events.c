/*
 * Events of synthetic users: when, what, how well liked.
 *
 * A user comes in sessions of about six events on one device. Each event picks a cluster: mostly
 * one of the user's tastes, weighted by the trend of the day and the lean of the device, else any
 * by its trend; then an item of the cluster that exists by then, by popularity or, now and then,
 * among the newest. Rows come out in the order of time.
 *
 * Cost: about ten draws an event; a pair that was drawn before is drawn again, at most TRIES times,
 * then the next free item is taken. Memory: a set of one user's items.
 */
#include "data/synth_world.h"

#include "kern/math.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SESSION = 6, TRIES = 24, ROW = 128, SESSION_COUNTER = 1000, POLL_EVENTS = 8192 };

#define ANY_TASTE 0.2 /* share of events outside a user's tastes */
#define ANY_NEW 0.1   /* share of events among the newest items */

struct event {
    int64_t time; /* after the start */
    int32_t item;
    int16_t half_stars;
    uint8_t device;
    uint8_t type;
};

struct maker {
    const struct synth_world *w;
    struct rng rng;
    struct synth_user user;
    int64_t at; /* number of the user */
    struct event *events;
    int64_t cap_events;
    int32_t *set; /* open addressing: item + 1, 0 = free */
    int64_t cap_set;
    int64_t mask; /* of the part in use, a power of two - 1 */
};

struct session {
    int64_t time;
    int device;
};

static struct session session_at(const struct maker *m, uint64_t s)
{
    const struct synth_world *w = m->w;
    uint64_t at = (uint64_t)m->at, counter = SESSION_COUNTER + 2 * s;
    uint64_t when = rng_u64(w->seed, RNG_SYNTH_USER, at, counter);
    uint64_t how = rng_u64(w->seed, RNG_SYNTH_USER, at, counter + 1);
    struct session out;
    int64_t span = m->user.until - m->user.from;
    int64_t day = (m->user.from + (int64_t)(when % (uint64_t)span)) / SYNTH_DAY;
    /* Evenings are busy: the mean of two hours, late half of the day. */
    int64_t hour = 6 + (int64_t)(how % 12 + (how >> 8) % 8) % 18;
    out.time = day * SYNTH_DAY + hour * 3600 + (int64_t)(how >> 32) % 2400;
    out.time = out.time < w->span - 1200 ? out.time : w->span - 1200;
    out.device = (how >> 16) % 5 < 4 ? m->user.device : (int)((how >> 20) % SYNTH_DEVICES);
    return out;
}

static int32_t pick_cluster(struct maker *m, int64_t slot, int device)
{
    const struct synth_world *w = m->w;
    static const double taste[SYNTH_TASTES] = {0.5, 0.27, 0.13};
    double cum[SYNTH_TASTES], sum = 0;
    double draw = rng_double(&m->rng);
    const double *trend = w->trend + slot * w->n_clusters;
    if (draw < ANY_TASTE)
        return (int32_t)synth_pick(w->trend_cum + slot * w->n_clusters, 0, w->n_clusters,
                                   draw / ANY_TASTE);
    for (int t = 0; t < SYNTH_TASTES; t++) {
        int32_t c = m->user.taste[t];
        double lean = c % SYNTH_DEVICES == device ? 4 : 1;
        cum[t] = sum += taste[t] * trend[c] * lean;
    }
    return m->user.taste[synth_pick(cum, 0, SYNTH_TASTES, (draw - ANY_TASTE) / (1 - ANY_TASTE))];
}

/* Items of the cluster that exist at time; at least one does at any time. */
static int64_t released(const struct synth_world *w, int32_t cluster, int64_t time)
{
    int64_t lo = w->cluster_ptr[cluster], hi = w->cluster_ptr[cluster + 1];
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (w->item_release[w->cluster_item[mid]] <= time)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static int32_t pick_item(struct maker *m, int64_t time, int device)
{
    const struct synth_world *w = m->w;
    int64_t slot = time * SYNTH_SLOTS / w->span;
    int32_t cluster = pick_cluster(m, slot < SYNTH_SLOTS ? slot : SYNTH_SLOTS - 1, device);
    int64_t first = w->cluster_ptr[cluster], end = released(w, cluster, time);
    double draw = rng_double(&m->rng);
    int64_t lo = first;
    if (draw < ANY_NEW) {
        lo = end - (end - first + 7) / 8;
        draw /= ANY_NEW;
    } else {
        draw = (draw - ANY_NEW) / (1 - ANY_NEW);
    }
    /* Running sums start anew with each cluster. */
    const double *cum = w->cluster_cum + first;
    return w->cluster_item[first + synth_pick(cum, lo - first, end - first, draw)];
}

/* Adds the item to the user's set; false if it is there. */
static bool set_add(struct maker *m, int32_t item)
{
    int64_t at = (int64_t)((uint32_t)item * 2654435761U) & m->mask;
    for (; m->set[at] != 0; at = (at + 1) & m->mask) {
        if (m->set[at] == item + 1)
            return false;
    }
    m->set[at] = item + 1;
    return true;
}

static int32_t choose_item(struct maker *m, int64_t time, int device)
{
    const struct synth_world *w = m->w;
    int32_t item = pick_item(m, time, device);
    if (w->p.repeats)
        return item;
    for (int i = 0; i < TRIES; i++) {
        if (set_add(m, item))
            return item;
        item = pick_item(m, time, device);
    }
    /* Users have at most half of the initial items: one is free. */
    int64_t at = (int64_t)rng_below(&m->rng, (uint64_t)w->p.items);
    while (w->item_release[at] > time || !set_add(m, (int32_t)at))
        at = at + 1 < w->p.items ? at + 1 : 0;
    return (int32_t)at;
}

static void rate(struct maker *m, struct event *e)
{
    const struct synth_world *w = m->w;
    int32_t cluster = w->item_cluster[e->item];
    double liking = cluster == m->user.taste[0]   ? 0.7
                    : cluster == m->user.taste[1] ? 0.45
                    : cluster == m->user.taste[2] ? 0.25
                                                  : -0.5;
    uint64_t a = rng_next(&m->rng), b = rng_next(&m->rng);
    double stars = 3.2 + liking + m->user.bias + (double)w->item_quality[e->item] +
                   w->p.noise * kern_normal(a, b);
    double half = floor(stars * 2 + 0.5);
    e->half_stars = (int16_t)(half < 1 ? 1 : half > 10 ? 10 : half);
    /* buy 0, cart 1, view 2: who likes, buys */
    double mood = rng_double(&m->rng) + 0.25 * liking;
    e->type = mood > 0.95 ? 0 : mood > 0.8 ? 1 : 2;
}

static int by_time(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

static akin_status make_user(struct maker *m, int64_t user, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct synth_world *w = m->w;
    int64_t n = w->user_ptr[user + 1] - w->user_ptr[user];
    int64_t n_sessions = n / SESSION + 1, cap = 16;
    MEM_GROW(w->ctx, m->events, m->cap_events, n);
    while (cap < 2 * n)
        cap *= 2;
    if (!w->p.repeats) {
        MEM_GROW(w->ctx, m->set, m->cap_set, cap);
        m->mask = cap - 1;
        memset(m->set, 0, (size_t)cap * sizeof *m->set);
    }
    m->at = user;
    m->user = synth_user_at(w, user);
    m->rng = rng_make(w->seed, RNG_SYNTH_EVENT, (uint64_t)user);
    for (int64_t i = 0; i < n; i++) {
        struct event *e = &m->events[i];
        struct session s = session_at(m, rng_below(&m->rng, (uint64_t)n_sessions));
        e->time = s.time + (int64_t)rng_below(&m->rng, 1200);
        e->device = (uint8_t)s.device;
        e->item = choose_item(m, e->time, s.device);
        rate(m, e);
        if (i % POLL_EVENTS == POLL_EVENTS - 1)
            AKIN_TRY(ctx_check(w->ctx, err));
    }
    qsort(m->events, (size_t)n, sizeof *m->events, by_time);
done:
    return status;
}

/* ---- Rows ---------------------------------------------------------------------------------- */

static char *put_int(char *out, int64_t x)
{
    char digits[20];
    int n = 0;
    if (x < 0) {
        *out++ = '-';
        x = -x;
    }
    do {
        digits[n++] = (char)('0' + x % 10);
        x /= 10;
    } while (x > 0);
    while (n > 0)
        *out++ = digits[--n];
    return out;
}

static char *put_text(char *out, const char *text)
{
    size_t n = strlen(text);
    memcpy(out, text, n);
    return out + n;
}

static void add_row(const struct maker *m, const struct event *e, struct buf *out)
{
    static const char *const types[] = {"buy", "cart", "view"};
    char row[ROW], *p = row;
    int64_t time = m->w->p.start + e->time;
    p = put_int(p, m->at + 1);
    *p++ = ',';
    p = put_int(p, (int64_t)e->item + 1);
    *p++ = ',';
    *p++ = (char)('0' + e->half_stars / 2 % 10);
    *p++ = '.';
    *p++ = e->half_stars % 2 ? '5' : '0';
    *p++ = ',';
    p = put_int(p, time);
    if (m->w->p.context) {
        *p++ = ',';
        p = put_text(p, types[e->type]);
        *p++ = ',';
        p = put_text(p, synth_device(e->device));
        *p++ = ',';
        p = put_int(p, e->time % SYNTH_DAY / 3600);
    }
    *p++ = '\n';
    buf_add(out, row, (size_t)(p - row));
}

static void add_tag(struct maker *m, const struct event *e, struct buf *out)
{
    char row[ROW], *p = row;
    uint64_t draw = rng_next(&m->rng);
    p = put_int(p, m->at + 1);
    *p++ = ',';
    p = put_int(p, (int64_t)e->item + 1);
    *p++ = ',';
    p = put_text(p, synth_tag(m->w, e->item, draw));
    *p++ = ',';
    p = put_int(p, m->w->p.start + e->time + 60);
    *p++ = '\n';
    buf_add(out, row, (size_t)(p - row));
}

akin_status synth_events(const struct synth_world *w, int64_t lo, int64_t hi, struct buf *ratings,
                         struct buf *tags, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct maker m = {.w = w};
    for (int64_t u = lo; u < hi; u++) {
        AKIN_TRY(make_user(&m, u, err));
        int64_t n = w->user_ptr[u + 1] - w->user_ptr[u];
        for (int64_t i = 0; i < n; i++) {
            add_row(&m, &m.events[i], ratings);
            if (rng_double(&m.rng) < w->p.tags)
                add_tag(&m, &m.events[i], tags);
        }
    }
    AKIN_TRY(buf_check(ratings, err));
    AKIN_TRY(buf_check(tags, err));
done:
    mem_free(w->ctx, m.events);
    mem_free(w->ctx, m.set);
    return status;
}
