/*
 * The fits of ease: the exact inverse in tiles, trimmed row by row, or neighbourhoods.
 *
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
static akin_status check_memory(const struct model *m, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct mem *mem = m->ctx->mem;
    double need = ease_bytes(m->params, m->items.n, par_workers(m->ctx));
    int64_t limit = mem_limit(mem);
    if (limit > 0 && (double)mem_used(mem) + need > (double)limit)
        AKIN_FAIL(AKIN_E_MEMORY,
                  "ease: %d items take %.0f MB beside %.0f MB in use, the limit is %.0f MB (raise "
                  "it, use solver=local, or clean out rare items by min_item_events)",
                  m->items.n, need / 1e6, (double)mem_used(mem) / 1e6, (double)limit / 1e6);
done:
    return status;
}

/* A row of G into the tiles, up to the diagonal. */
static akin_status gram_row(void *arg, const struct cooc_row *row, int worker, akin_error *err)
{
    (void)worker;
    (void)err;
    const struct tiles *t = arg;
    int64_t I = row->item / t->size;
    float *at = tiles_cell(t, row->item, I * t->size);
    for (int32_t e = 0; e < row->n; e++) {
        int32_t j = cooc_item(row, e);
        if (j > row->item)
            continue;
        int64_t J = j / t->size;
        at[(J - I) * t->size * t->size + j - J * t->size] =
            row->sum ? row->sum[e] : (float)row->count[e];
    }
    return AKIN_OK;
}

static akin_status refuse_pivot(const struct ease *self, int64_t pivot, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t size;
    const char *id = ids_get(&self->owner->items, (int32_t)pivot, &size);
    AKIN_FAIL(AKIN_E_INPUT,
              "ease: reg=%g is too small: the regularised matrix cannot be inverted in float (at "
              "item '%.*s'; raise reg)",
              params_of(self)->reg, size < 60 ? size : 60, id);
done:
    return status;
}

static akin_status invert(struct ease *self, akin_ctx *ctx, struct tiles *t, akin_error *err)
{
    int64_t pivot = 0;
    akin_status status = tiles_sweep(ctx, t, &pivot, err);
    return status == AKIN_E_INPUT ? refuse_pivot(self, pivot, err) : status;
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

struct trim_job {
    akin_ctx *ctx;
    const struct ease *self;
    int32_t keep;
    int64_t per_tile; /* blocks of rows in a row of tiles */
    float **rows;     /* (workers, KERN_PANEL, n) */
    uint64_t **keys;  /* (workers, 2·keep) */
    int32_t *item;    /* (n, keep) */
    float *value;
    int64_t *at; /* (n) where a row lies */
    int32_t *n;  /* (n) */
};

static void trim_row(struct trim_job *job, int64_t i, float *row, uint64_t *keys)
{
    const struct ease *self = job->self;
    struct best b = {.keys = keys, .k = job->keep};
    for (int32_t j = 0; j < self->n_items; j++) {
        row[j] *= self->scale[j];
        float size = fabsf(row[j]);
        if (size > best_key_value(b.bound))
            best_add(&b, best_key(size, j));
    }
    int32_t *item = job->item + job->at[i];
    float *value = job->value + job->at[i];
    job->n[i] = best_take(&b);
    best_put(keys, job->n[i], item, value);
    for (int32_t e = 0; e < job->n[i]; e++)
        value[e] = row[item[e]];
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
    float *rows = job->rows[worker];
    tiles_rows(t, lo, hi, rows, t->n);
    for (int64_t i = lo; i < hi; i++)
        trim_row(job, i, rows + (i - lo) * t->n, job->keys[worker]);
    return AKIN_OK;
}

static akin_status trim_start(struct trim_job *job, int64_t n, int workers, akin_error *err)
{
    akin_status status = AKIN_OK;
    MEM_ZERO(job->ctx, job->rows, workers);
    MEM_ZERO(job->ctx, job->keys, workers);
    for (int w = 0; w < workers; w++) {
        MEM_NEW(job->ctx, job->rows[w], KERN_PANEL * n);
        MEM_NEW(job->ctx, job->keys[w], 2 * (int64_t)job->keep);
    }
    MEM_NEW(job->ctx, job->at, n);
    MEM_NEW(job->ctx, job->n, n);
    MEM_NEW(job->ctx, job->item, n * job->keep);
    MEM_NEW(job->ctx, job->value, n * job->keep);
    for (int64_t i = 0; i < n; i++)
        job->at[i] = i * job->keep;
done:
    return status;
}

/* The strongest of each row into self->nb. */
static akin_status trim(struct ease *self, akin_ctx *ctx, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n = self->n_items, keep = params_of(self)->keep;
    int workers = par_workers(ctx);
    struct trim_job job = {.ctx = ctx, .self = self};
    struct csr rows = {0};
    job.keep = (int32_t)(keep < n ? keep : n);
    job.per_tile = self->m.size / KERN_PANEL;
    AKIN_TRY(trim_start(&job, n, workers, err));
    AKIN_TRY(par_for(ctx, self->m.side * job.per_tile, trim_block, &job, err));
    AKIN_TRY(best_close(ctx, n, n, job.at, job.n, &job.item, &job.value, &rows, err));
    neighbors_take(&rows, &self->nb);
done:
    for (int w = 0; w < workers; w++) {
        if (job.rows)
            mem_free(ctx, job.rows[w]);
        if (job.keys)
            mem_free(ctx, job.keys[w]);
    }
    mem_free(ctx, job.rows);
    mem_free(ctx, job.keys);
    mem_free(ctx, job.at);
    mem_free(ctx, job.n);
    mem_free(ctx, job.item);
    mem_free(ctx, job.value);
    return status;
}

static akin_status fit_exact(struct ease *self, const struct train_view *tv, const struct cooc *g,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = tv->ctx;
    const struct ease_reg reg = reg_of(params_of(self));
    float *gamma = NULL, *scale = NULL;
    AKIN_TRY(check_memory(self->owner, err));
    MEM_NEW(ctx, gamma, self->n_items);
    MEM_NEW(ctx, scale, self->n_items);
    self->scale = scale;
    AKIN_TRY(tiles_create(ctx, self->n_items, &self->m, err));
    AKIN_TRY(cooc_visit_lower(ctx, g, gram_row, &self->m, err));
    for (int64_t i = 0; i < self->n_items; i++) {
        float *own = tiles_cell(&self->m, i, i);
        gamma[i] = ease_gamma(&reg, *own);
        *own += gamma[i];
    }
    AKIN_TRY(invert(self, ctx, &self->m, err));
    make_scale(&reg, &self->m, gamma, scale);
    if (params_of(self)->keep > 0) {
        AKIN_TRY(trim(self, ctx, err));
        tiles_free(ctx, &self->m);
        mem_free(ctx, scale);
        self->scale = NULL;
    }
done:
    mem_free(ctx, gamma);
    return status;
}

static akin_status fit_local(struct ease *self, const struct train_view *tv, const struct cooc *g,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = tv->ctx;
    int64_t most = params_of(self)->neighbors;
    const struct ease_reg reg = reg_of(params_of(self));
    struct cooc_rows G = {0};
    struct csr by_target = {0}, rows = {0};
    int32_t pivot;
    AKIN_TRY(cooc_rows_create(ctx, g, &G, err));
    most = most < self->n_items || self->n_items == 0 ? most : self->n_items;
    status = ease_local(ctx, &G, &reg, (int32_t)most, &by_target, &pivot, err);
    if (status == AKIN_E_INPUT)
        status = refuse_pivot(self, pivot, err);
    AKIN_TRY(status);
    cooc_rows_free(ctx, &G);
    AKIN_TRY(csr_transpose(ctx, &by_target, &rows, err));
    neighbors_take(&rows, &self->nb);
done:
    cooc_rows_free(ctx, &G);
    csr_free(ctx, &by_target);
    csr_free(ctx, &rows);
    return status;
}

akin_status ease_fit(struct model *m, const struct train_view *tv, const struct fit_control *ctl,
                     akin_error *err)
{
    (void)ctl;
    akin_status status = AKIN_OK;
    struct ease *self = m->self;
    const struct ease_params *p = m->params;
    bool is_local = p->solver == EASE_LOCAL;
    float *user_weight = NULL;
    struct cooc g;
    self->owner = m;
    self->n_items = m->items.n;
    AKIN_TRY(
        linear_gram(tv, (enum linear_weighting)p->weighting, p->damping, &g, &user_weight, err));
    progress_begin(m->ctx, "ease", is_local ? self->n_items : tiles_shape(self->n_items).side);
    status = (is_local ? fit_local : fit_exact)(self, tv, &g, err);
    progress_end(m->ctx);
done:
    mem_free(m->ctx, user_weight);
    return status;
}
