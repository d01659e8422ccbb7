/*
 * vsknn and stan: sessions like the asker's, and what they went on with (VSKNN: Ludewig and Jannach
 * 2018, doi:10.1007/s11257-018-9209-6; STAN: Garg et al. 2019, doi:10.1145/3331184.3331322; the
 * most recent sessions of each item only, as VMIS-kNN: Kersbergen et al. 2022,
 * doi:10.1145/3514221.3517901). One algorithm; the two differ in their defaults.
 *
 * The asker's session: her last `length` distinct items, p = 0 for the last. For a session r that
 * is among the `recent` newest of an item of it,
 *   sim(r) = Σ over shared items of decay(p) [/ √(items of the asker · items of r)]
 *            [· e^(-age of r / recency_days)],
 * and of the `neighbors` most similar
 *   score(i) = Σ over r with i of sim(r) · last_decay(p of the latest shared item)
 *              · spread(places in r from i to the last shared item, hers or r's)
 *              · (1 + idf · ln(sessions / sessions with i)).
 *
 * Cost: fit is an index; 8 bytes an event. A request reads `length` lists of at most `recent`
 * sessions, then the items of `neighbors` sessions. Folding in is that: a trained
 * asker's own session is a neighbour, too, but says nothing that she does not have.
 */
#include "kern/math.h"
#include "models/model_impl.h"
#include "models/neighbors.h"
#include "models/session_lists.h"
#include "rank/topk.h"

#include <string.h>

struct vsknn_params {
    int64_t neighbors;
    int64_t recent;
    int64_t length;
    int64_t decay;
    double decay_scale;
    int64_t last_decay;
    double last_scale;
    int64_t spread;
    double spread_scale;
    int64_t spread_from;
    int64_t cosine;
    double recency_days;
    double idf;
    int64_t session_gap_seconds;
};

enum { FROM_ASKER, FROM_NEIGHBOR }; /* spread_from */

/* The rows of both; what differs are defaults. */
#define ROWS(DECAY, SCALE, LAST, SPREAD, COSINE, RECENCY, IDF)                                     \
    {                                                                                              \
        PARAM_INT(struct vsknn_params, neighbors, "500", 1, 100000, "sessions",                    \
                  AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG, "similar sessions that speak"),           \
            PARAM_INT(struct vsknn_params, recent, "2500", 1, 1000000, "sessions",                 \
                      AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,                                       \
                      "newest sessions of each item that may be neighbours"),                      \
            PARAM_INT(struct vsknn_params, length, "50", 1, 1000, "items", 0,                      \
                      "items of the asker's session, the last ones"),                              \
            PARAM_CHOICE(struct vsknn_params, decay, DECAY, DECAY_CHOICES, AKIN_PARAM_TUNE,        \
                         "how the asker's items count less the longer ago they were"),             \
            PARAM_REAL(struct vsknn_params, decay_scale, SCALE, 0.01, 1e6, "items",                \
                       AKIN_PARAM_TUNE,                                                            \
                       "decay linear: counts no more from there on; exp: falls to 1/e"),           \
            PARAM_CHOICE(struct vsknn_params, last_decay, LAST, DECAY_CHOICES, AKIN_PARAM_TUNE,    \
                         "how a neighbour counts less the longer ago the latest shared item was"), \
            PARAM_REAL(struct vsknn_params, last_scale, "10", 0.01, 1e6, "items", 0,               \
                       "as decay_scale, of last_decay"),                                           \
            PARAM_CHOICE(struct vsknn_params, spread, SPREAD, DECAY_CHOICES, AKIN_PARAM_TUNE,      \
                         "how an item counts less the farther from the last shared one it is"),    \
            PARAM_REAL(struct vsknn_params, spread_scale, "2", 0.01, 1e6, "items",                 \
                       AKIN_PARAM_TUNE, "as decay_scale, of spread"),                              \
            PARAM_CHOICE(struct vsknn_params, spread_from, "asker", "asker|neighbor",              \
                         AKIN_PARAM_TUNE, "whose last one of the shared items that is"),           \
            PARAM_BOOL(struct vsknn_params, cosine, COSINE, AKIN_PARAM_TUNE,                       \
                       "similarities are divided by the root of both lengths"),                    \
            PARAM_REAL(struct vsknn_params, recency_days, RECENCY, 0, 1e6, "days",                 \
                       AKIN_PARAM_TUNE, "age at which a session counts 1/e; 0 = all ages alike"),  \
            PARAM_REAL(struct vsknn_params, idf, IDF, 0, 100, "", AKIN_PARAM_TUNE,                 \
                       "how much more rare items count"),                                          \
            PARAM_INT(struct vsknn_params, session_gap_seconds, "0", 0, 1e10, "seconds", 0,        \
                      "a longer pause of a user begins a new session; 0 = never"),                 \
    }
static const akin_param vsknn_rows[] = ROWS("linear", "10", "linear", "same", "false", "0", "1");
static const akin_param stan_rows[] = ROWS("exp", "1", "same", "exp", "true", "0", "0");

struct vsknn {
    const struct model *owner;
    struct sessions s;
    struct session_lists lists;
};

static const struct vsknn_params *params_of(const struct model *m)
{
    return m->params;
}

/* ---- Fit ----------------------------------------------------------------------------------- */

static akin_status vsknn_fit(struct model *m, const struct train_view *tv,
                             const struct fit_control *ctl, akin_error *err)
{
    (void)ctl;
    akin_status status = AKIN_OK;
    struct vsknn *self = m->self;
    self->owner = m;
    if (params_of(m)->recency_days > 0 && tv->ds->time_kind != TIME_UNIX && tv->ds->n_events > 0)
        AKIN_FAIL(AKIN_E_INPUT, "%s: recency_days needs the times of events; this data has %s",
                  m->cls->name, tv->ds->time_kind == TIME_NONE ? "none" : "only their order");
    AKIN_TRY(sessions_cut(m->ctx, m->cls->name, tv, params_of(m)->session_gap_seconds, false,
                          &self->s, err));
    AKIN_TRY(session_lists_make(m->ctx, &self->s, params_of(m)->recent, &self->lists, err));
done:
    return status;
}

/* ---- Neighbours of an asker ---------------------------------------------------------------- */

/* A session that shares an item with the asker's. */
struct found {
    int32_t session; /* -1 = free */
    int32_t latest;  /* p of the latest shared item */
    float sim;
};

struct hunt {
    struct recent_items own;
    struct found *table; /* (mask + 1) open addressing by session */
    uint32_t mask;
    struct found *best; /* (n) the neighbours, most similar first */
    int32_t n;
};

static struct found *place_of(struct hunt *h, int32_t session)
{
    uint32_t at = (uint32_t)session * 2654435769U & h->mask;
    while (h->table[at].session >= 0 && h->table[at].session != session)
        at = (at + 1) & h->mask;
    return &h->table[at];
}

static akin_status table_make(const struct vsknn *self, struct arena *scratch, struct hunt *h,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n = 8, places = 1;
    for (int32_t k = 0; k < h->own.n; k++)
        n += self->lists.ptr[h->own.item[k] + 1] - self->lists.ptr[h->own.item[k]];
    n = n < self->s.n ? n : self->s.n + 8; /* no more can be found */
    while (places < 2 * n)
        places *= 2;
    h->table = arena_alloc(scratch, places, sizeof *h->table, err);
    if (!h->table)
        AKIN_TRY(AKIN_E_MEMORY);
    h->mask = (uint32_t)(places - 1);
    for (int64_t i = 0; i < places; i++)
        h->table[i].session = -1;
done:
    return status;
}

/* Similarities of all that share an item. */
static void gather(const struct vsknn *self, struct hunt *h)
{
    const struct vsknn_params *p = params_of(self->owner);
    for (int32_t k = 0; k < h->own.n; k++) {
        float w = decay_of((enum decay)p->decay, p->decay_scale, k);
        int32_t i = h->own.item[k];
        for (int64_t e = self->lists.ptr[i]; w > 0 && e < self->lists.ptr[i + 1]; e++) {
            int32_t r = self->lists.list[e];
            struct found *f = place_of(h, r);
            if (f->session < 0)
                *f = (struct found){.session = r, .latest = k};
            f->sim += w;
        }
    }
}

/* What does not depend on the shared items. */
static float scale_of(const struct vsknn *self, const struct hunt *h, int64_t now, int32_t r)
{
    const struct vsknn_params *p = params_of(self->owner);
    double scale = 1, size = (double)(self->s.ptr[r + 1] - self->s.ptr[r]);
    if (p->cosine)
        scale /= sqrt(size * h->own.n);
    if (p->recency_days > 0 && now > self->s.time[r])
        scale *= kern_exp(-(double)(now - self->s.time[r]) / (86400 * p->recency_days));
    return (float)scale;
}

/* The most similar; of equal ones the newer. */
static akin_status choose(const struct vsknn *self, int64_t now, struct arena *scratch,
                          struct hunt *h, akin_error *err)
{
    akin_status status = AKIN_OK;
    const int32_t newest = (int32_t)self->s.n - 1;
    int64_t most = params_of(self->owner)->neighbors;
    most = most <= h->mask ? most : (int64_t)h->mask + 1;
    struct ranked *row = arena_alloc(scratch, most, sizeof *row, err);
    if (!row)
        AKIN_TRY(AKIN_E_MEMORY);
    h->best = arena_alloc(scratch, most, sizeof *h->best, err);
    if (!h->best)
        AKIN_TRY(AKIN_E_MEMORY);
    struct topk best;
    topk_init(&best, row, (int32_t)most);
    for (uint32_t at = 0; at <= h->mask; at++) {
        struct found *f = &h->table[at];
        if (f->session < 0)
            continue;
        f->sim *= scale_of(self, h, now, f->session);
        topk_push(&best, newest - f->session, f->sim);
    }
    topk_sort(&best);
    for (h->n = 0; h->n < best.n; h->n++)
        h->best[h->n] = *place_of(h, newest - row[h->n].item);
done:
    return status;
}

static akin_status hunt_run(const struct vsknn *self, const struct query *q, struct arena *scratch,
                            struct hunt *h, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct vsknn_params *p = params_of(self->owner);
    memset(h, 0, sizeof *h);
    AKIN_TRY(sessions_recent(&q->hist, p->session_gap_seconds, (int32_t)p->length, self->s.n_items,
                             scratch, &h->own, err));
    AKIN_TRY(table_make(self, scratch, h, err));
    gather(self, h);
    AKIN_TRY(choose(self, q->now > 0 ? q->now : self->owner->now, scratch, h, err));
done:
    return status;
}

static float idf_of(const struct vsknn *self, int32_t item)
{
    double idf = params_of(self->owner)->idf;
    if (!(idf > 0))
        return 1.0F;
    return (float)(1 + idf * kern_log((double)self->s.n / self->lists.count[item]));
}

/* What neighbour f adds to the score of what stands at `at`, but for the item's rarity. */
static float weight_at(const struct vsknn *self, const struct found *f, int64_t shared, int64_t at)
{
    const struct vsknn_params *p = params_of(self->owner);
    int64_t away = at < shared ? shared - at : at - shared;
    float w = f->sim * decay_of((enum decay)p->last_decay, p->last_scale, f->latest);
    return w * decay_of((enum decay)p->spread, p->spread_scale, (int32_t)away);
}

/* Where the last of the shared items stands in the session: hers that was last, or the session's.
 */
static int64_t shared_at(const struct vsknn *self, const struct hunt *h, const struct found *f)
{
    int64_t at = self->s.ptr[f->session + 1] - 1;
    if (params_of(self->owner)->spread_from == FROM_ASKER)
        return session_find(&self->s, f->session, h->own.item[f->latest]);
    while (!sessions_recent_has(&h->own, self->s.item[at]))
        at--;
    return at;
}

/* ---- Scores and reasons -------------------------------------------------------------------- */

static akin_status vsknn_evidence(const void *state, const struct query *q, struct evidence *out,
                                  struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct vsknn *self = state;
    struct hunt h;
    AKIN_TRY(hunt_run(self, q, scratch, &h, err));
    for (int32_t k = 0; k < h.n; k++) {
        const struct found *f = &h.best[k];
        int64_t shared = shared_at(self, &h, f);
        for (int64_t at = self->s.ptr[f->session]; at < self->s.ptr[f->session + 1]; at++) {
            float w = weight_at(self, f, shared, at);
            if (w > 0)
                evidence_add(out, self->s.item[at], w);
        }
    }
    for (int32_t t = 0; t < out->n; t++)
        out->value[out->items[t]] *= idf_of(self, out->items[t]);
done:
    return status;
}

/* A neighbour's part of the score, dealt to the shared items by their part of its similarity. */
static void deal(const struct vsknn *self, const struct hunt *h, const struct found *f, float part,
                 float *share)
{
    const struct vsknn_params *p = params_of(self->owner);
    double total = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int32_t k = f->latest; k < h->own.n; k++) {
            if (session_find(&self->s, f->session, h->own.item[k]) < 0)
                continue;
            float w = decay_of((enum decay)p->decay, p->decay_scale, k);
            if (pass == 0)
                total += (double)w;
            else
                share[k] += (float)((double)(part * w) / total);
        }
}

static akin_status vsknn_explain(const void *state, const struct query *q, int32_t item,
                                 struct reason *out, int32_t max, int32_t *n, struct arena *scratch,
                                 akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct vsknn *self = state;
    struct hunt h;
    *n = 0;
    AKIN_TRY(hunt_run(self, q, scratch, &h, err));
    float *share = arena_alloc(scratch, h.own.n, sizeof *share, err);
    if (!share)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t k = 0; k < h.n; k++) {
        const struct found *f = &h.best[k];
        int64_t at = session_find(&self->s, f->session, item);
        if (at >= 0)
            deal(self, &h, f, weight_at(self, f, shared_at(self, &h, f), at), share);
    }
    for (int32_t k = 0; k < h.own.n; k++)
        if (share[k] > 0)
            *n = reason_put(out, max, *n, h.own.item[k], share[k] * idf_of(self, item));
done:
    return status;
}

/* What a session of that item alone would be told. */
static akin_status vsknn_similar(const void *state, int32_t item, struct evidence *out,
                                 struct arena *scratch, akin_error *err)
{
    const struct vsknn *self = state;
    const struct query q = {.user = -1, .hist = {.n = 1, .item = &item}, .now = self->owner->now};
    return vsknn_evidence(state, &q, out, scratch, err);
}

/* ---- Files --------------------------------------------------------------------------------- */

static akin_status vsknn_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct vsknn *self = m->self;
    AKIN_TRY(sessions_save(w, &self->s, err));
    AKIN_TRY(session_lists_save(w, &self->lists, self->s.n_items, err));
done:
    return status;
}

static akin_status vsknn_load(struct model *m, struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct vsknn *self = m->self;
    self->owner = m;
    AKIN_TRY(sessions_load(c, m->items.n, &self->s, err));
    AKIN_TRY(session_lists_load(c, &self->s, &self->lists, err));
done:
    return status;
}

static void vsknn_destroy(struct model *m)
{
    struct vsknn *self = m->self;
    sessions_free(m, &self->s);
    session_lists_free(m, &self->lists);
}

static uint32_t vsknn_flags(const struct model *m)
{
    return params_of(m)->recency_days > 0 ? SCORER_TIMED : 0U;
}

static void vsknn_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                           double *bytes, double *flops)
{
    (void)params;
    *bytes = 8.0 * (double)nnz + 64.0 * (double)n_users + 28.0 * (double)n_items;
    *flops = 10.0 * (double)nnz;
}

#define SESSION_MODEL(NAME, SUMMARY)                                                               \
    const struct model_class model_##NAME = {                                                      \
        .name = #NAME,                                                                             \
        .summary = SUMMARY,                                                                        \
        .flags = MODEL_CLOSED_FORM,                                                                \
        .params = NAME##_rows,                                                                     \
        .n_params = PARAM_COUNT(NAME##_rows),                                                      \
        .params_size = sizeof(struct vsknn_params),                                                \
        .self_size = sizeof(struct vsknn),                                                         \
        .fit = vsknn_fit,                                                                          \
        .scorer = {.evidence = vsknn_evidence,                                                     \
                   .explain = vsknn_explain,                                                       \
                   .similar = vsknn_similar},                                                      \
        .scorer_flags = vsknn_flags,                                                               \
        .save = vsknn_save,                                                                        \
        .load = vsknn_load,                                                                        \
        .destroy = vsknn_destroy,                                                                  \
        .estimate = vsknn_estimate,                                                                \
    }
SESSION_MODEL(vsknn, "sessions like the asker's, weighted by position");
SESSION_MODEL(stan, "sessions like the asker's, weighted by position, age and distance");
