/*
 * The fits of ease: the exact inverse in tiles, trimmed row by row, or neighbourhoods.
 *
 * The inverse is over the items with events: the others would be rows of 0 beside their own γ.
 * Cost: ease.c. At the peak the tiles and, after the inversion, the weights kept are in memory, or
 * before it two columns of tiles.
 */
#include "core/par.h"
#include "models/ease_impl.h"
#include "models/linear.h"
#include "solve/best.h"

#include <math.h>

static const struct ease_params *params_of(const struct ease *self)
{
    return self->owner->params;
}

static struct ease_reg reg_of(const struct ease_params *p)
{
    return (struct ease_reg){p->reg, p->dropout, p->diagonal};
}

static double trimmed_bytes(const struct ease_params *p, double n)
{
    double keep = (double)p->keep < n ? (double)p->keep : n;
    return p->keep > 0 ? 8 * keep * n + 16 * n : 4 * n;
}

double ease_bytes(const struct ease_params *p, int64_t n, int workers)
{
    double rows = (double)workers * (KERN_PANEL * 4.0 * (double)n + 16.0 * (double)p->keep);
    double sweep = tiles_sweep_bytes(n, workers), trim = trimmed_bytes(p, (double)n) + rows;
    return 4.0 * (double)tiles_floats(n) + 8.0 * (double)n + (sweep > trim ? sweep : trim);
}

/* Minutes of work shall not end for lack of memory. */
static akin_status check_memory(const struct model *m, int32_t n, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct mem *mem = m->ctx->mem;
    double need = ease_bytes(m->params, n, par_workers(m->ctx));
    int64_t limit = mem_limit(mem);
    if (limit > 0 && (double)mem_used(mem) + need > (double)limit)
        AKIN_FAIL(AKIN_E_MEMORY,
                  "ease: %d items take %.0f MB beside %.0f MB in use, the limit is %.0f MB (raise "
                  "it, use solver=local, or clean out rare items by min_item_events)",
                  n, need / 1e6, (double)mem_used(mem) / 1e6, (double)limit / 1e6);
done:
    return status;
}

/* ---- The Gram matrix ----------------------------------------------------------------------- */

struct gram_job {
    const struct ease *self;
    const int32_t *place; /* (n_items) an item's number among the known, -1 = none; NULL = itself */
};

static void put_whole(const struct ease *self, const struct cooc_row *row, int64_t i)
{
    const struct tiles *t = &self->m;
    for (int64_t lo = 0; lo <= i; lo += t->size) {
        int64_t n = i + 1 - lo < t->size ? i + 1 - lo : t->size;
        float *out = tiles_cell(t, i, lo);
        for (int64_t c = 0; c < n; c++) {
            int32_t j = ease_item(self, lo + c);
            out[c] = row->sum ? row->sum[j] : (float)row->count[j];
        }
    }
}

/* A row of G into the tiles, up to the diagonal. */
static akin_status gram_row(void *arg, const struct cooc_row *row, int worker, akin_error *err)
{
    (void)worker;
    (void)err;
    const struct gram_job *job = arg;
    const struct tiles *t = &job->self->m;
    int32_t i = job->place ? job->place[row->item] : row->item;
    if (i >= 0 && !row->items)
        put_whole(job->self, row, i);
    for (int32_t e = 0; e < row->n && row->items; e++) {
        int32_t j = job->place ? job->place[row->items[e]] : row->items[e];
        *tiles_cell(t, i, j) = row->sum ? row->sum[e] : (float)row->count[e];
    }
    return AKIN_OK;
}

/* self->known and its inverse, both NULL if all items have events. */
static akin_status find_known(struct ease *self, akin_ctx *ctx, const struct csr *by_item,
                              int32_t **place, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t *known = NULL, n = 0;
    for (int32_t i = 0; i < self->n_items; i++)
        n += by_item->ptr[i + 1] > by_item->ptr[i];
    self->n_known = n;
    if (n == self->n_items)
        goto done;
    MEM_NEW(ctx, known, n);
    self->known = known;
    MEM_NEW(ctx, *place, self->n_items);
    n = 0;
    for (int32_t i = 0; i < self->n_items; i++) {
        bool is_known = by_item->ptr[i + 1] > by_item->ptr[i];
        (*place)[i] = is_known ? n : -1;
        if (is_known)
            known[n++] = i;
    }
done:
    return status;
}

static akin_status make_gram(struct ease *self, akin_ctx *ctx, const struct cooc *g,
                             const int32_t *place, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct gram_job job = {self, place};
    AKIN_TRY(tiles_create(ctx, self->n_known, &self->m, err));
    AKIN_TRY(cooc_visit_lower(ctx, g, gram_row, &job, err));
done:
    return status;
}

/* ---- Its inverse --------------------------------------------------------------------------- */

akin_status ease_refuse(const struct model *owner, int32_t item, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct ease_params *p = owner->params;
    int32_t size;
    const char *id = ids_get(&owner->items, item, &size);
    AKIN_FAIL(AKIN_E_INPUT,
              "ease: reg=%g is too small: the regularised matrix cannot be inverted in float (at "
              "item '%.*s'; raise reg)",
              p->reg, size < 60 ? size : 60, id);
done:
    return status;
}

static akin_status invert(struct ease *self, akin_ctx *ctx, struct tiles *t, akin_error *err)
{
    int64_t pivot = 0;
    progress_begin(ctx, "ease", t->side);
    akin_status status = tiles_sweep(ctx, t, &pivot, err);
    progress_end(ctx);
    return status == AKIN_E_INPUT ? ease_refuse(self->owner, ease_item(self, pivot), err) : status;
}

/* s from the diagonal of -P; that diagonal becomes b_jj / s_j. */
static void make_scale(const struct ease_reg *reg, struct tiles *t, const float *gamma, float *s)
{
    for (int64_t j = 0; j < t->n; j++) {
        float *own = tiles_cell(t, j, j), b;
        s[j] = ease_scale(reg, gamma[j], -(double)*own, &b);
        *own = b / s[j];
    }
}

/* ---- The strongest weights ----------------------------------------------------------------- */

struct trim_job {
    const struct ease *self;
    int32_t keep;
    int64_t per_tile;      /* blocks of rows in a row of tiles */
    float *scratch;        /* (workers, KERN_PANEL, n_known) */
    uint64_t *keys;        /* (workers, 2·keep) */
    struct best_rows rows; /* of all items */
};

static void trim_row(struct trim_job *job, int64_t i, float *row, uint64_t *keys)
{
    const struct ease *self = job->self;
    struct best b = {.keys = keys, .k = job->keep};
    for (int32_t j = 0; j < self->n_known; j++) {
        row[j] *= self->scale[j];
        float size = fabsf(row[j]);
        if (size > best_key_value(b.bound))
            best_add(&b, best_key(size, j));
    }
    int32_t from = ease_item(self, i), n = best_take(&b), m = 0;
    int32_t *item = job->rows.item + job->rows.at[from];
    float *value = job->rows.value + job->rows.at[from];
    uint64_t least = best_least(keys, n);
    for (int32_t j = 0; j < self->n_known && m < n; j++) /* by item, without a sort */
        if (fabsf(row[j]) >= best_key_value(least) && best_key(fabsf(row[j]), j) >= least) {
            item[m] = ease_item(self, j);
            value[m++] = row[j];
        }
    job->rows.n[from] = m;
}

static akin_status trim_block(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)err;
    struct trim_job *job = arg;
    const struct tiles *t = &job->self->m;
    int64_t first = block / job->per_tile * t->size;
    int64_t lo = first + block % job->per_tile * KERN_PANEL;
    int64_t hi = lo + KERN_PANEL < t->n ? lo + KERN_PANEL : t->n;
    if (lo >= t->n)
        return AKIN_OK;
    float *rows = job->scratch + worker * KERN_PANEL * t->n;
    tiles_rows(t, lo, hi, rows, t->n);
    for (int64_t i = lo; i < hi; i++)
        trim_row(job, i, rows + (i - lo) * t->n, job->keys + 2 * (int64_t)job->keep * worker);
    return AKIN_OK;
}

/* The strongest of each row into self->nb. */
static akin_status trim(struct ease *self, akin_ctx *ctx, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n = self->n_known, keep = params_of(self)->keep;
    int workers = par_workers(ctx);
    struct trim_job job = {.self = self, .keep = (int32_t)(keep < n ? keep : n)};
    struct csr rows = {0};
    job.per_tile = self->m.size / KERN_PANEL;
    MEM_NEW(ctx, job.scratch, workers * KERN_PANEL * n);
    MEM_NEW(ctx, job.keys, 2 * (int64_t)job.keep * workers);
    AKIN_TRY(best_rows_init(ctx, self->n_items, &job.rows, err));
    for (int64_t i = 0; i < n; i++)
        job.rows.at[ease_item(self, i) + 1] = job.keep;
    AKIN_TRY(best_rows_room(ctx, &job.rows, err));
    AKIN_TRY(par_for(ctx, self->m.side * job.per_tile, trim_block, &job, err));
    AKIN_TRY(best_rows_close(ctx, &job.rows, self->n_items, &rows, err));
    neighbors_take(&rows, &self->nb);
done:
    mem_free(ctx, job.scratch);
    mem_free(ctx, job.keys);
    best_rows_free(ctx, &job.rows);
    return status;
}

static akin_status fit_exact(struct ease *self, akin_ctx *ctx, const struct cooc *g,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct ease_reg reg = reg_of(params_of(self));
    float *gamma = NULL, *scale = NULL;
    int32_t *place = NULL;
    AKIN_TRY(find_known(self, ctx, g->by_item, &place, err));
    AKIN_TRY(check_memory(self->owner, self->n_known, err));
    MEM_NEW(ctx, gamma, self->n_known);
    MEM_NEW(ctx, scale, self->n_known);
    self->scale = scale;
    AKIN_TRY(make_gram(self, ctx, g, place, err));
    for (int64_t i = 0; i < self->n_known; i++) {
        float *own = tiles_cell(&self->m, i, i);
        gamma[i] = ease_gamma(&reg, *own);
        *own += gamma[i];
    }
    AKIN_TRY(invert(self, ctx, &self->m, err));
    make_scale(&reg, &self->m, gamma, scale);
    if (params_of(self)->keep > 0) {
        AKIN_TRY(trim(self, ctx, err));
        ease_free_exact(self, ctx);
    }
done:
    mem_free(ctx, gamma);
    mem_free(ctx, place);
    return status;
}

static akin_status fit_local(struct ease *self, akin_ctx *ctx, const struct cooc *g,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t most = params_of(self)->neighbors;
    const struct ease_reg reg = reg_of(params_of(self));
    struct csr rows = {0};
    (void)ctx;
    most = most < self->n_items || self->n_items == 0 ? most : self->n_items;
    AKIN_TRY(ease_local(self->owner, g, &reg, (int32_t)most, EASE_LEAST_ROOM, &rows, err));
    neighbors_take(&rows, &self->nb);
done:
    return status;
}

akin_status ease_fit(struct model *m, const struct train_view *tv, const struct fit_control *ctl,
                     akin_error *err)
{
    (void)ctl;
    akin_status status = AKIN_OK;
    struct ease *self = m->self;
    const struct ease_params *p = m->params;
    float *user_weight = NULL;
    struct cooc g;
    self->owner = m;
    self->n_items = m->items.n;
    AKIN_TRY(
        linear_gram(tv, (enum linear_weighting)p->weighting, p->damping, &g, &user_weight, err));
    AKIN_TRY((p->solver == EASE_LOCAL ? fit_local : fit_exact)(self, tv->ctx, &g, err));
done:
    mem_free(m->ctx, user_weight);
    return status;
}
