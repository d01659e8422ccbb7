/*
 * markov: what comes next. Transitions between items of a session, from the last items of the
 * asker's own (Markov chains of first order with steps = 1; sequential rules with more, Ludewig and
 * Jannach 2018, doi:10.1007/s11257-018-9209-6).
 *
 * s(j → i) = Σ over places of j at which i comes d ≤ steps places behind of decay(d - 1), divided
 * by n(j)^norm, n(j) the places of j that something follows. Looking at a thing again is a
 * transition, too (j → j): it is every fifth of a shop's. score(i) = Σ over the asker's last items
 * j, p places back, of history_decay(p) · s(j → i).
 *
 * Cost: fit Σ over sessions of size · steps; 8 bytes a kept transition; a request adds up the rows
 * of `history` items. Folding in is that sum. Not done: chains of higher order (pairs of items as
 * one state), which sparse data do not fill.
 */
#include "core/par.h"
#include "kern/math.h"
#include "models/model_impl.h"
#include "models/neighbors.h"
#include "models/sessions.h"
#include "rank/topk.h"

#include <stdlib.h>
#include <string.h>

struct markov_params {
    int64_t steps;
    int64_t decay;
    double decay_scale;
    double norm;
    int64_t top_n;
    int64_t history;
    int64_t history_decay;
    double history_scale;
    int64_t session_gap_seconds;
};

static const akin_param markov_rows[] = {
    PARAM_INT(struct markov_params, steps, "10", 1, 1000, "items",
              AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG,
              "how far behind an item another still counts as what comes next; 1 = at once"),
    PARAM_CHOICE(struct markov_params, decay, "div", DECAY_CHOICES, AKIN_PARAM_TUNE,
                 "how a transition counts less the farther it reaches"),
    PARAM_REAL(struct markov_params, decay_scale, "10", 0.01, 1e6, "items", 0,
               "decay linear: counts no more from there on; exp: falls to 1/e"),
    PARAM_REAL(struct markov_params, norm, "0", 0, 1, "", AKIN_PARAM_TUNE,
               "transitions are divided by (times something follows)^norm; 1 = probabilities"),
    PARAM_INT(struct markov_params, top_n, "200", 1, 100000, "items",
              AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG, "transitions kept of each item"),
    PARAM_INT(struct markov_params, history, "3", 1, 1000, "items",
              AKIN_PARAM_TUNE | AKIN_PARAM_TUNE_LOG, "the asker's last items that speak"),
    PARAM_CHOICE(struct markov_params, history_decay, "exp", DECAY_CHOICES, AKIN_PARAM_TUNE,
                 "how they speak less the longer ago they were"),
    PARAM_REAL(struct markov_params, history_scale, "0.5", 0.01, 1e6, "items", AKIN_PARAM_TUNE,
               "history_decay linear: silent from there on; exp: falls to 1/e"),
    PARAM_INT(struct markov_params, session_gap_seconds, "0", 0, 1e10, "seconds", 0,
              "a longer pause between two events of a user begins a new session; 0 = never"),
};

struct markov {
    const struct model *owner;
    struct neighbors nb;
};

static const struct markov_params *params_of(const struct model *m)
{
    return m->params;
}

/* ---- Fit ----------------------------------------------------------------------------------- */

enum { BLOCK = 64 }; /* items of a block */

/* One per worker. */
struct worker {
    float *sum;        /* (n_items) 0 unless touched */
    int32_t *touched;  /* (n_items) */
    struct ranked *at; /* (top_n) */
};

struct fit {
    akin_ctx *ctx;
    const struct markov_params *p;
    const struct sessions *s;
    const int64_t *place_ptr; /* (n_items + 1) */
    const int64_t *place;     /* where an item stands in the sessions, oldest first */
    const int64_t *end;       /* (places) the end of its session */
    const float *by_step;     /* (steps) */
    struct worker *workers;
    int32_t *n;    /* (n_items) kept */
    int64_t *ptr;  /* (n_items + 1), the second time */
    int32_t *item; /* NULL: count only */
    float *sim;
};

static int by_item(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return (x->item > y->item) - (x->item < y->item);
}

/* Row j: the sums, then its best. */
static void fit_row(const struct fit *f, struct worker *w, int32_t j)
{
    int32_t n = 0;
    for (int64_t e = f->place_ptr[j]; e < f->place_ptr[j + 1]; e++) {
        int64_t at = f->place[e];
        int64_t last = at + f->p->steps < f->end[e] - 1 ? at + f->p->steps : f->end[e] - 1;
        for (int64_t to = at + 1; to <= last && f->by_step[to - at - 1] > 0; to++) {
            int32_t i = f->s->item[to];
            if (!(w->sum[i] > 0)) /* as every term is > 0 */
                w->touched[n++] = i;
            w->sum[i] += f->by_step[to - at - 1];
        }
    }
    int64_t count = f->place_ptr[j + 1] - f->place_ptr[j];
    float scale = count > 0 ? (float)kern_pow((double)count, -f->p->norm) : 1.0F;
    struct topk best;
    topk_init(&best, w->at, (int32_t)f->p->top_n);
    for (int32_t t = 0; t < n; t++) {
        float x = w->sum[w->touched[t]] * scale;
        if (x > 0)
            topk_push(&best, w->touched[t], x);
        w->sum[w->touched[t]] = 0;
    }
    f->n[j] = best.n;
    if (!f->item)
        return;
    qsort(best.at, (size_t)best.n, sizeof *best.at, by_item);
    for (int32_t t = 0; t < best.n; t++) {
        f->item[f->ptr[j] + t] = best.at[t].item;
        f->sim[f->ptr[j] + t] = best.at[t].score;
    }
}

static akin_status fit_block(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)err;
    const struct fit *f = arg;
    for (int64_t j = par_lo(block, BLOCK); j < par_hi(block, BLOCK, f->s->n_items); j++)
        fit_row(f, &f->workers[worker], (int32_t)j);
    return AKIN_OK;
}

/* Where each item stands that something follows. */
static akin_status find_places(akin_ctx *ctx, const struct sessions *s, int64_t **ptr,
                               int64_t **place, int64_t **end, akin_error *err)
{
    akin_status status = AKIN_OK;
    MEM_ZERO(ctx, *ptr, (int64_t)s->n_items + 2);
    int64_t *next = *ptr + 1;
    for (int64_t r = 0; r < s->n; r++)
        for (int64_t e = s->ptr[r]; e < s->ptr[r + 1] - 1; e++)
            next[s->item[e] + 1]++;
    for (int32_t i = 0; i < s->n_items; i++)
        next[i + 1] += next[i];
    AKIN_TRY(ctx_check(ctx, err));
    MEM_NEW(ctx, *place, next[s->n_items]);
    MEM_NEW(ctx, *end, next[s->n_items]);
    for (int64_t r = 0; r < s->n; r++)
        for (int64_t e = s->ptr[r]; e < s->ptr[r + 1] - 1; e++) {
            int64_t at = next[s->item[e]]++;
            (*place)[at] = e;
            (*end)[at] = s->ptr[r + 1];
        }
done:
    return status;
}

static akin_status workers_make(struct fit *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    int n = par_workers(f->ctx);
    MEM_ZERO(f->ctx, f->workers, n);
    for (int i = 0; i < n; i++) {
        MEM_ZERO(f->ctx, f->workers[i].sum, f->s->n_items);
        MEM_NEW(f->ctx, f->workers[i].touched, f->s->n_items);
        MEM_NEW(f->ctx, f->workers[i].at, f->p->top_n);
    }
done:
    return status;
}

static void workers_free(struct fit *f)
{
    for (int i = 0; f->workers && i < par_workers(f->ctx); i++) {
        mem_free(f->ctx, f->workers[i].sum);
        mem_free(f->ctx, f->workers[i].touched);
        mem_free(f->ctx, f->workers[i].at);
    }
    mem_free(f->ctx, f->workers);
}

/* The rows twice: their sizes, then what is in them. */
static akin_status fit_rows(struct fit *f, struct csr *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n_items = f->s->n_items;
    *out = (struct csr){.n_rows = n_items, .n_cols = n_items};
    MEM_NEW(f->ctx, f->n, n_items);
    MEM_NEW(f->ctx, out->ptr, n_items + 1);
    AKIN_TRY(workers_make(f, err));
    AKIN_TRY(par_for(f->ctx, par_blocks(n_items, BLOCK), fit_block, f, err));
    out->ptr[0] = 0;
    for (int64_t j = 0; j < n_items; j++)
        out->ptr[j + 1] = out->ptr[j] + f->n[j];
    MEM_NEW(f->ctx, out->col, out->ptr[n_items]);
    MEM_NEW(f->ctx, out->val, out->ptr[n_items]);
    f->ptr = out->ptr;
    f->item = out->col;
    f->sim = out->val;
    AKIN_TRY(par_for(f->ctx, par_blocks(n_items, BLOCK), fit_block, f, err));
done:
    if (status != AKIN_OK)
        csr_free(f->ctx, out);
    return status;
}

static akin_status markov_fit(struct model *m, const struct train_view *tv,
                              const struct fit_control *ctl, akin_error *err)
{
    (void)ctl;
    akin_status status = AKIN_OK;
    struct markov *self = m->self;
    const struct markov_params *p = params_of(m);
    struct sessions s = {0};
    struct csr rows = {0};
    int64_t *place_ptr = NULL, *place = NULL, *end = NULL;
    float *by_step = NULL;
    struct fit f = {.ctx = m->ctx, .p = p, .s = &s};
    self->owner = m;
    AKIN_TRY(sessions_cut(m->ctx, "markov", tv, p->session_gap_seconds, true, &s, err));
    AKIN_TRY(find_places(m->ctx, &s, &place_ptr, &place, &end, err));
    MEM_NEW(m->ctx, by_step, p->steps);
    for (int32_t d = 0; d < p->steps; d++)
        by_step[d] = decay_of((enum decay)p->decay, p->decay_scale, d);
    f.place_ptr = place_ptr;
    f.place = place;
    f.end = end;
    f.by_step = by_step;
    AKIN_TRY(fit_rows(&f, &rows, err));
    neighbors_take(&rows, &self->nb);
done:
    workers_free(&f);
    mem_free(m->ctx, f.n);
    mem_free(m->ctx, by_step);
    mem_free(m->ctx, place_ptr);
    mem_free(m->ctx, place);
    mem_free(m->ctx, end);
    sessions_free(m, &s);
    return status;
}

/* ---- The asker ----------------------------------------------------------------------------- */

/* Her last items and how loud each speaks; folded by item, as reasons want them. */
static akin_status fold(const struct markov *self, const struct query *q, struct arena *scratch,
                        struct folded *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct markov_params *p = params_of(self->owner);
    struct recent_items last;
    AKIN_TRY(sessions_recent(&q->hist, p->session_gap_seconds, (int32_t)p->history,
                             (int32_t)self->nb.rows.n_rows, scratch, &last, err));
    out->n = last.n;
    out->item = last.item;
    out->x = arena_alloc(scratch, last.n, sizeof *out->x, err);
    if (!out->x)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t k = 0; k < last.n; k++)
        out->x[k] = decay_of((enum decay)p->history_decay, p->history_scale, k);
done:
    return status;
}

static akin_status markov_evidence(const void *state, const struct query *q, struct evidence *out,
                                   struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct markov *self = state;
    struct folded h;
    AKIN_TRY(fold(self, q, scratch, &h, err));
    neighbors_score(&self->nb, &h, out);
done:
    return status;
}

static akin_status markov_explain(const void *state, const struct query *q, int32_t item,
                                  struct reason *out, int32_t max, int32_t *n,
                                  struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct markov *self = state;
    struct folded h;
    *n = 0;
    AKIN_TRY(fold(self, q, scratch, &h, err));
    *n = neighbors_explain(&self->nb, &h, item, 1, out, max);
done:
    return status;
}

static akin_status markov_similar(const void *state, int32_t item, struct evidence *out,
                                  struct arena *scratch, akin_error *err)
{
    (void)scratch;
    (void)err;
    const struct markov *self = state;
    neighbors_add(&self->nb, item, 1.0F, out);
    return AKIN_OK;
}

/* ---- Files --------------------------------------------------------------------------------- */

static akin_status markov_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    const struct markov *self = m->self;
    return neighbors_save(w, &self->nb, err);
}

static akin_status markov_load(struct model *m, struct container *c, akin_error *err)
{
    struct markov *self = m->self;
    self->owner = m;
    return neighbors_load(c, m->items.n, &self->nb, err);
}

static void markov_destroy(struct model *m)
{
    struct markov *self = m->self;
    neighbors_free(m, &self->nb);
}

static void markov_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                            double *bytes, double *flops)
{
    const struct markov_params *p = params;
    double pairs = (double)n_items * (double)(p->top_n < n_items ? p->top_n : n_items);
    double most = (double)nnz * (double)p->steps;
    *bytes = 8 * (pairs < most ? pairs : most) + 20.0 * (double)nnz + 60.0 * (double)n_users +
             96.0 * (double)n_items;
    *flops = 4 * most + 4 * pairs;
}

const struct model_class model_markov = {
    .name = "markov",
    .summary = "what comes next: transitions from the last items of a session",
    .flags = MODEL_CLOSED_FORM,
    .params = markov_rows,
    .n_params = PARAM_COUNT(markov_rows),
    .params_size = sizeof(struct markov_params),
    .self_size = sizeof(struct markov),
    .fit = markov_fit,
    .scorer = {.evidence = markov_evidence, .explain = markov_explain, .similar = markov_similar},
    .save = markov_save,
    .load = markov_load,
    .destroy = markov_destroy,
    .estimate = markov_estimate,
};
