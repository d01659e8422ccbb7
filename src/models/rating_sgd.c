/*
 * Rating models of two tables (see rating.h): the last rating of each user and item, epochs of
 * squared error over a grid, users solved exactly at the end, and by the same function whenever
 * an asker is not as trained, so that equal histories give equal rows bit for bit.
 *
 * Scores rather than vectors are what rank/ gets: a state holds the offset beside the taste, so
 * that cosines of states would say little of who is like whom.
 */
#include "models/rating_sgd.h"

#include "core/par.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { SOLVE_USERS = 64, POLL = 1 << 20 };

static int64_t width_of(const struct rating_params *p, const struct rating_kind *kind)
{
    return p->factors + kind->extra;
}

/* ---- Fit ----------------------------------------------------------------------------------- */

/* The last rating of each user and item, and how many an item has. */
struct ratings {
    struct csr values;
    float least;
    int32_t *item_n; /* (items) */
};

static void ratings_free(akin_ctx *ctx, struct ratings *r)
{
    csr_free(ctx, &r->values);
    mem_free(ctx, r->item_n);
}

/* mean and scale of s, too. */
static akin_status ratings_read(struct model *m, const struct train_view *tv, struct ratings *out,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    struct rating *s = m->self;
    if (!dataset_has_values(tv->ds) && tv->ds->n_events > 0)
        AKIN_FAIL(AKIN_E_INPUT,
                  "%s: needs ratings; this data has no values (ials and bpr learn "
                  "from events)",
                  m->cls->name);
    AKIN_TRY(histories_values(m->ctx, &tv->hist, m->items.n, &out->values, err));
    int64_t n = csr_nnz(&out->values);
    double sum = 0.0, square = 0.0;
    MEM_ZERO(m->ctx, out->item_n, m->items.n);
    for (int64_t e = 0; e < n; e++) {
        float value = out->values.val[e];
        if (e % POLL == 0)
            AKIN_TRY(ctx_check(m->ctx, err));
        sum += (double)value;
        square += (double)value * (double)value;
        out->least = value < out->least ? value : out->least;
        out->item_n[out->values.col[e]]++;
    }
    s->mean = n > 0 ? sum / (double)n : 0.0;
    double variance = n > 0 ? square / (double)n - s->mean * s->mean : 0.0;
    /* what rounding leaves of equal ratings is no spread */
    s->scale = variance > 1e-12 * s->mean * s->mean ? sqrt(variance) : 1.0;
done:
    return status;
}

/* A rating in the units that are learnt. */
static float above(const struct rating *s, float value)
{
    return (float)(((double)value - s->offset) / s->scale);
}

struct rows_job {
    const struct rating *s;
    struct csr *values;
};

static akin_status above_block(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct rows_job *job = arg;
    int64_t n = csr_nnz(job->values);
    (void)worker;
    (void)err;
    for (int64_t e = par_lo(block, POLL); e < par_hi(block, POLL, n); e++)
        job->values->val[e] = above(job->s, job->values->val[e]);
    return AKIN_OK;
}

static akin_status solve_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct rows_job *job = arg;
    const struct rating *s = job->s;
    const struct csr *m = job->values;
    struct arena scratch;
    (void)worker;
    arena_init(&scratch, s->f.ctx);
    for (int64_t u = par_lo(block, SOLVE_USERS); u < par_hi(block, SOLVE_USERS, m->n_rows); u++) {
        int64_t lo = m->ptr[u];
        struct rating_row r = {(int32_t)(m->ptr[u + 1] - lo), m->col + lo, m->val + lo};
        AKIN_TRY(s->kind->solve(s, &r, s->f.users + u * s->f.k, &scratch, err));
        arena_reset_keep(&scratch);
    }
done:
    arena_free(&scratch);
    return status;
}

static double rating_steps(void *arg, const struct kern_sample *sample, int64_t n)
{
    const struct sgd *sgd = arg;
    return sgd->m->ctx->kern->sgd_ratings(&sgd->step, n, sample);
}

static akin_status rating_begin(struct rating *s, const struct ratings *r,
                                const struct train_view *tv, const struct fit_control *ctl,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(s->kind->begin(s, &r->values, r->item_n, tv->seed, err));
    for (int64_t i = 0; i < s->f.n_items; i++)
        s->f.items[i * s->f.k + s->params->factors] = 1.0f;
    if (ctl->warm) {
        const struct rating *old = ctl->warm->self;
        AKIN_TRY(factors_warm(&s->f, &old->f, s->params->factors, old->params->factors, ctl, err));
    }
done:
    return status;
}

static akin_status rating_epochs(struct model *m, const struct ratings *r,
                                 const struct train_view *tv, const struct fit_control *ctl,
                                 akin_error *err)
{
    akin_status status = AKIN_OK;
    struct rating *s = m->self;
    const struct rating_params *p = s->params;
    const struct rating_kind *kind = s->kind;
    struct grid grid;
    AKIN_TRY(grid_init(m->ctx, &r->values, p->grid, tv->seed, &grid, err));
    struct sgd sgd = {.m = m,
                      .ctl = ctl,
                      .grid = &grid,
                      .f = &s->f,
                      .epochs = p->epochs,
                      .learning_rate = p->learning_rate,
                      .decay = p->decay,
                      .reg = p->reg,
                      .learns_p = p->factors + kind->learns_p,
                      .learns_q = width_of(p, kind),
                      .skips_q = p->factors,
                      .is_non_negative = kind->is_non_negative,
                      .fn = rating_steps,
                      .arg = &sgd};
    AKIN_TRY(sgd_run(&sgd, err));
done:
    grid_free(&grid);
    return status;
}

akin_status rating_fit(struct model *m, const struct rating_kind *kind, const struct train_view *tv,
                       const struct fit_control *ctl, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct rating *s = m->self;
    struct ratings r = {0};
    struct rows_job job = {s, &r.values};
    s->params = m->params;
    s->kind = kind;
    AKIN_TRY(ratings_read(m, tv, &r, err));
    s->offset = kind->is_non_negative ? (double)r.least : s->mean;
    AKIN_TRY(factors_alloc(m, width_of(s->params, kind), &s->f, err));
    AKIN_TRY(rating_begin(s, &r, tv, ctl, err));
    AKIN_TRY(par_for(m->ctx, par_blocks(csr_nnz(&r.values), POLL), above_block, &job, err));
    AKIN_TRY(rating_epochs(m, &r, tv, ctl, err));
    AKIN_TRY(par_for(m->ctx, par_blocks(s->f.n_users, SOLVE_USERS), solve_block, &job, err));
done:
    ratings_free(m->ctx, &r);
    return status;
}

/* ---- The asker ----------------------------------------------------------------------------- */

akin_status rating_history(const struct rating *s, const struct query *q, struct arena *scratch,
                           struct rating_row *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int32_t *item = arena_alloc(scratch, q->hist.n, sizeof *item, err);
    float *value = item ? arena_alloc(scratch, q->hist.n, sizeof *value, err) : NULL;
    if (!value)
        AKIN_TRY(AKIN_E_MEMORY);
    int32_t n = history_fold_values(&q->hist, item, value);
    /* the fold sorts as unsigned numbers: below 0 comes last */
    while (n > 0 && (item[n - 1] < 0 || item[n - 1] >= s->f.n_items))
        n--;
    for (int32_t j = 0; j < n; j++)
        value[j] = above(s, value[j]);
    /* without values the asker says nothing of ratings */
    *out = (struct rating_row){q->hist.value ? n : 0, item, value};
done:
    return status;
}

akin_status rating_fold_in(const void *self, const struct query *q, float *state,
                           struct arena *scratch, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct rating *s = self;
    float *offset = state + s->params->factors;
    struct rating_row r;
    if (q->is_trained && q->user >= 0 && q->user < s->f.n_users) {
        memcpy(state, s->f.users + q->user * s->f.k, (size_t)s->f.k * sizeof *state);
    } else {
        AKIN_TRY(rating_history(s, q, scratch, &r, err));
        AKIN_TRY(s->kind->solve(s, &r, state, scratch, err));
    }
    s->f.ctx->kern->scale((float)s->scale, state, s->f.k);
    *offset = (float)(s->offset + (double)*offset);
done:
    return status;
}

akin_status rating_score(const void *self, const struct query *queries, int32_t n_queries,
                         const struct item_set *set, float *out, int64_t ldo, struct arena *scratch,
                         akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct rating *s = self;
    float *states = arena_alloc(scratch, n_queries * s->f.k, sizeof *states, err);
    if (!states)
        AKIN_TRY(AKIN_E_MEMORY);
    for (int32_t j = 0; j < n_queries; j++)
        AKIN_TRY(rating_fold_in(s, &queries[j], states + j * s->f.k, scratch, err));
    AKIN_TRY(factors_score(&s->f, states, n_queries, set, out, ldo, scratch, err));
done:
    return status;
}

akin_status rating_similar(const void *self, int32_t item, struct evidence *out,
                           struct arena *scratch, akin_error *err)
{
    const struct rating *s = self;
    (void)scratch;
    (void)err;
    factors_similar(&s->f, s->params->factors, item, out);
    return AKIN_OK;
}

uint32_t rating_flags(const struct model *m)
{
    (void)m;
    return SCORER_RATES;
}

/* ---- Files --------------------------------------------------------------------------------- */

akin_status rating_save(const struct model *m, struct container_writer *w, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct rating *s = m->self;
    const double scale[3] = {s->mean, s->offset, s->scale};
    AKIN_TRY(factors_save(&s->f, w, err));
    AKIN_TRY(container_add(w, "m.scale", CONTAINER_REQUIRED, scale, sizeof scale, err));
done:
    return status;
}

akin_status rating_load(struct model *m, const struct rating_kind *kind, struct container *c,
                        akin_error *err)
{
    akin_status status = AKIN_OK;
    struct rating *s = m->self;
    const void *data;
    double scale[3];
    int64_t n;
    s->params = m->params;
    s->kind = kind;
    AKIN_TRY(factors_load(m, c, width_of(s->params, kind), &s->f, err));
    AKIN_TRY(container_get(c, "m.scale", sizeof *scale, false, &data, &n, err));
    if (n != 3)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.scale holds %" PRId64 " numbers, not 3",
                  container_path(c), n);
    memcpy(scale, data, sizeof scale);
    if (!isfinite(scale[0]) || !isfinite(scale[1]) || !isfinite(scale[2]) || !(scale[2] > 0.0))
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.scale: mean %g, offset %g, scale %g",
                  container_path(c), scale[0], scale[1], scale[2]);
    s->mean = scale[0];
    s->offset = scale[1];
    s->scale = scale[2];
done:
    return status;
}

void rating_destroy(struct model *m)
{
    struct rating *s = m->self;
    factors_free(&s->f);
}

void rating_estimate(const void *params, int64_t n_users, int64_t n_items, int64_t nnz,
                     double *bytes, double *flops)
{
    const struct rating_params *p = params;
    double k = (double)factors_width(p->factors + 2), n = (double)nnz;
    /* tables, the ratings by user and by block, what a grid knows of rows */
    *bytes = ((double)n_users + (double)n_items) * (4 * k + 14) + 20 * n;
    *flops = (double)p->epochs * n * 14 * k + n * k * k + (double)n_users * k * k * k / 3;
}
