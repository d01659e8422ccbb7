/*
 * What the rows of one side of bmf share: prior means m + Σ c_j / √n over the row's features, and
 * precisions, all drawn anew in each sweep from the rows as they are (a hierarchical regression, as
 * Macau's: Simm et al. 2017, arXiv:1509.04610, here with a diagonal prior, and per group of
 * features a mean and precision as in libFM: Rendle 2012, doi:10.1145/2168752.2168771).
 *
 * With a diagonal prior the columns (coordinates) have nothing to do with each other given the
 * rows: each is one job, which goes over the features one by one and keeps what they leave.
 *
 * Cost of a sweep: columns · (rows + 2·Σ features of rows). Not here: rows without ratings; they
 * say nothing of the rest, and take their prior mean when a sample is kept.
 */
#include "core/par.h"
#include "models/bmf_fit.h"
#include "solve/draw.h"

#include <math.h>
#include <string.h>

/*
 * Precisions are drawn from what there is and twice SHAPE rows more at the precision that they
 * start with, means from PSEUDO rows more at 0: on next to no data predictions stay where ratings
 * are.
 */
static const double SHAPE = 1.0, PSEUDO = 1.0, GROUP_PRECISION = 10.0;
enum { PIECE = 1024 }; /* draws at a time, features between two looks at cancel */

static inline int64_t column_of(const struct bmf_fit *f, int64_t t)
{
    return t < f->k ? t : f->k + 1;
}

/* Vectors whose products have a variance of 0.4 together, biases one of 0.2. */
static double start_precision(const struct bmf_fit *f, const struct bmf_side *s, int64_t t)
{
    if (t == f->k)
        return 5.0;
    return s->what == BMF_DRAW_USER ? 1.0 : 2.5 * (double)f->k;
}

/* ---- Groups of features ---- */

static akin_status group_room(struct bmf_fit *f, const struct bmf_side *s, struct bmf_group *g,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    MEM_ZERO(f->ctx, g->scale, s->n);
    MEM_ZERO(f->ctx, g->square, g->n);
    MEM_ZERO(f->ctx, g->c, f->k1 * g->n);
    MEM_ZERO(f->ctx, g->mean, f->k1);
    MEM_NEW(f->ctx, g->precision, f->k1);
    for (int64_t t = 0; t < f->k1; t++)
        g->precision[t] = GROUP_PRECISION;
done:
    return status;
}

static void group_squares(struct bmf_group *g)
{
    for (int64_t j = 0; j < g->n; j++) {
        double sum = 0.0;
        for (int64_t e = g->rows->ptr[j]; e < g->rows->ptr[j + 1]; e++)
            sum += (double)g->scale[g->rows->col[e]] * (double)g->scale[g->rows->col[e]];
        g->square[j] = (float)sum;
    }
}

/* The ratings themselves as features: rows of the other side. */
static akin_status group_ratings(struct bmf_fit *f, struct bmf_side *s, const struct csr *features,
                                 akin_error *err)
{
    akin_status status = AKIN_OK;
    struct bmf_group *g = &s->group[s->n_groups++];
    g->n = features->n_rows;
    g->rows = features;
    AKIN_TRY(group_room(f, s, g, err));
    for (int64_t r = 0; r < s->n; r++)
        if (s->ptr[r + 1] > s->ptr[r])
            g->scale[r] = (float)(1.0 / sqrt((double)(s->ptr[r + 1] - s->ptr[r])));
    group_squares(g);
done:
    return status;
}

/* The part of a pattern (ptr, val) whose rows have ratings, or have none. */
static akin_status pattern_part(struct bmf_fit *f, const struct bmf_side *s, const int64_t *ptr,
                                const int32_t *val, bool is_rated, struct csr *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    MEM_ZERO(f->ctx, out->ptr, s->n + 1);
    MEM_NEW(f->ctx, out->col, ptr[s->n]);
    for (int64_t r = 0; r < s->n; r++) {
        int64_t at = out->ptr[r];
        if ((s->ptr[r + 1] > s->ptr[r]) == is_rated)
            for (int64_t e = ptr[r]; e < ptr[r + 1]; e++)
                out->col[at++] = val[e];
        out->ptr[r + 1] = at;
    }
done:
    return status;
}

/* Features (n of them) of each row: val[ptr[r]..ptr[r + 1]). */
static akin_status group_pattern(struct bmf_fit *f, struct bmf_side *s, int64_t n,
                                 const int64_t *ptr, const int32_t *val, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct bmf_group *g = &s->group[s->n_groups++];
    struct csr rated = {.n_rows = s->n, .n_cols = n};
    g->n = n;
    g->of_row = rated;
    AKIN_TRY(group_room(f, s, g, err));
    AKIN_TRY(pattern_part(f, s, ptr, val, true, &rated, err));
    AKIN_TRY(pattern_part(f, s, ptr, val, false, &g->of_row, err));
    AKIN_TRY(csr_transpose(f->ctx, &rated, &g->owned, err));
    g->rows = &g->owned;
    for (int64_t r = 0; r < s->n; r++)
        if (ptr[r + 1] > ptr[r])
            g->scale[r] = (float)(1.0 / sqrt((double)(ptr[r + 1] - ptr[r])));
    group_squares(g);
done:
    csr_free(f->ctx, &rated);
    return status;
}

akin_status bmf_groups_make(struct bmf_fit *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct table *table = &f->m->item_table;
    const struct item_tags *tags = &f->m->tags;
    MEM_ZERO(f->ctx, f->users.group, 1);
    MEM_ZERO(f->ctx, f->items.group, BMF_GROUPS);
    if (f->p->implicit)
        AKIN_TRY(group_ratings(f, &f->users, &f->by_item, err));
    if (f->p->flipped)
        AKIN_TRY(group_ratings(f, &f->items, &f->by_user, err));
    for (int32_t c = 0; f->p->features && c < table->n_cols; c++) {
        const struct column *col = &table->cols[c];
        if (col->type == COL_CATEGORY && col->vocab.n > 0)
            AKIN_TRY(group_pattern(f, &f->items, col->vocab.n, col->ptr, col->val, err));
    }
    if (f->p->features && tags->ptr && tags->vocab.n > 0)
        AKIN_TRY(group_pattern(f, &f->items, tags->vocab.n, tags->ptr, tags->tag, err));
done:
    return status;
}

static void group_free(akin_ctx *ctx, struct bmf_group *g)
{
    csr_free(ctx, &g->of_row);
    csr_free(ctx, &g->owned);
    mem_free(ctx, g->scale);
    mem_free(ctx, g->square);
    mem_free(ctx, g->c);
    mem_free(ctx, g->mean);
    mem_free(ctx, g->precision);
}

/* ---- The side ---- */

akin_status bmf_side_make(struct bmf_fit *f, struct bmf_side *s, akin_error *err)
{
    enum { BLOCK_WORK = 1 << 21 }; /* multiply-adds: about a millisecond */
    akin_status status = AKIN_OK;
    double k = (double)f->k1, work = 0.0;
    MEM_ZERO(f->ctx, s->X, s->n * f->ld);
    MEM_ZERO(f->ctx, s->prior, s->n * f->k1);
    MEM_ZERO(f->ctx, s->mean, f->k1);
    MEM_NEW(f->ctx, s->precision, f->k1);
    MEM_NEW(f->ctx, s->block, s->n + 2);
    for (int64_t t = 0; t < f->k1; t++)
        s->precision[t] = start_precision(f, s, t);
    s->block[0] = 0;
    for (int64_t r = 0; r < s->n; r++) {
        int64_t n = s->ptr[r + 1] - s->ptr[r];
        s->X[r * f->ld + f->k] = 1.0F;
        f->longest = n > f->longest ? n : f->longest;
        work += (double)n * (k * k / 2 + 4 * k) + k * k * k / 6 + 2000;
        if (work >= BLOCK_WORK || r + 1 == s->n) {
            s->block[++s->n_blocks] = r + 1;
            work = 0.0;
        }
    }
done:
    return status;
}

void bmf_side_free(akin_ctx *ctx, struct bmf_side *s)
{
    for (int32_t g = 0; s->group && g < s->n_groups; g++)
        group_free(ctx, &s->group[g]);
    mem_free(ctx, s->group);
    mem_free(ctx, s->X);
    mem_free(ctx, s->prior);
    mem_free(ctx, s->mean);
    mem_free(ctx, s->precision);
    mem_free(ctx, s->block);
}

/* ---- A column ---- */

struct common_job {
    struct bmf_fit *f;
    struct bmf_side *s;
};

/* The mean of n numbers around it; its prior is that of PSEUDO more of them at 0. */
static double draw_mean(struct rng *rng, double sum, double n, double precision)
{
    return sum / (n + PSEUDO) + draw_normal(rng) / sqrt(precision * (n + PSEUDO));
}

static double draw_precision(struct rng *rng, double squares, double n, double mean, double start)
{
    return draw_gamma(rng, SHAPE + (n + 1.0) / 2,
                      SHAPE / start + (squares + PSEUDO * mean * mean) / 2);
}

/* One feature's weight given all others; E (rows) is what they leave. */
static inline float draw_weight(const struct bmf_group *g, int64_t j, double around, double own,
                                double mean, float old, float normal, float *E)
{
    const int32_t *row = g->rows->col;
    int64_t lo = g->rows->ptr[j], hi = g->rows->ptr[j + 1];
    double sum = 0.0, square = (double)g->square[j];
    for (int64_t e = lo; e < hi; e++)
        sum += (double)(E[row[e]] * g->scale[row[e]]);
    double precision = around * square + own;
    float c = (float)((around * (sum + square * (double)old) + own * mean) / precision +
                      (double)normal / sqrt(precision));
    float change = c - old;
    for (int64_t e = lo; e < hi; e++)
        E[row[e]] -= change * g->scale[row[e]];
    return c;
}

/* All weights of a group in column t, then their mean and precision. */
static akin_status group_column(const struct bmf_fit *f, const struct bmf_side *s, int32_t number,
                                int64_t t, struct rng *rng, float *E, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct bmf_group *g = &s->group[number];
    float normal[PIECE], *c = g->c + t * g->n;
    uint64_t which = (uint64_t)s->what << 48 | (uint64_t)number << 32 | (uint64_t)t;
    double sum = 0.0, squares = 0.0;
    int64_t n = 0;
    for (int64_t lo = 0; lo < g->n; lo += PIECE) {
        int64_t m = g->n - lo < PIECE ? g->n - lo : PIECE;
        AKIN_TRY(ctx_check(f->ctx, err));
        draw_normals(f->ctx->kern, f->seed, RNG_GIBBS, bmf_index(BMF_DRAW_WEIGHT, which),
                     bmf_counter(f->sweep) + (uint64_t)lo, m, normal);
        for (int64_t j = lo; j < lo + m; j++) {
            bool is_used = g->square[j] > 0.0F;
            c[j] = is_used ? draw_weight(g, j, s->precision[t], g->precision[t], g->mean[t], c[j],
                                         normal[j - lo], E)
                           : (float)g->mean[t];
            n += is_used;
            sum += is_used ? (double)c[j] : 0.0;
        }
    }
    g->mean[t] = draw_mean(rng, sum, (double)n, g->precision[t]);
    for (int64_t j = 0; j < g->n; j++) {
        double off = (double)c[j] - g->mean[t];
        squares += g->square[j] > 0.0F ? off * off : 0.0;
    }
    g->precision[t] = draw_precision(rng, squares, (double)n, g->mean[t], GROUP_PRECISION);
done:
    return status;
}

static akin_status common_column(void *arg, int64_t t, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct common_job *job = arg;
    struct bmf_fit *f = job->f;
    struct bmf_side *s = job->s;
    float *E = f->scratch + worker * f->scratch_size;
    const float *x = s->X + column_of(f, t);
    float *prior = s->prior + t;
    uint64_t which = (uint64_t)s->what << 48 | (uint64_t)t;
    struct rng rng = rng_make(f->seed, RNG_GIBBS_HYPER, bmf_index(BMF_DRAW_WEIGHT, which));
    rng.counter = bmf_counter(f->sweep);
    for (int64_t r = 0; r < s->n; r++)
        E[r] = x[r * f->ld] - prior[r * f->k1];
    for (int32_t g = 0; g < s->n_groups; g++)
        AKIN_TRY(group_column(f, s, g, t, &rng, E, err));
    double sum = 0.0, squares = 0.0, n = 0.0, old = s->mean[t];
    for (int64_t r = 0; r < s->n; r++)
        if (s->ptr[r + 1] > s->ptr[r]) {
            sum += (double)E[r] + old;
            n += 1.0;
        }
    s->mean[t] = draw_mean(&rng, sum, n, s->precision[t]);
    for (int64_t r = 0; r < s->n; r++)
        if (s->ptr[r + 1] > s->ptr[r]) {
            float left = (float)((double)E[r] + (old - s->mean[t]));
            squares += (double)left * (double)left;
            prior[r * f->k1] = x[r * f->ld] - left;
        }
    if (f->sweep > f->p->burn_in / 2) /* they would follow the start down */
        s->precision[t] = draw_precision(&rng, squares, n, s->mean[t], start_precision(f, s, t));
done:
    return status;
}

akin_status bmf_side_common(struct bmf_fit *f, struct bmf_side *s, akin_error *err)
{
    struct common_job job = {f, s};
    return par_for(f->ctx, f->k1, common_column, &job, err);
}

void bmf_side_cold(const struct bmf_fit *f, struct bmf_side *s)
{
    for (int64_t r = 0; r < s->n; r++) {
        if (s->ptr[r + 1] > s->ptr[r])
            continue;
        for (int64_t t = 0; t < f->k1; t++) {
            double x = s->mean[t];
            for (int32_t i = 0; i < s->n_groups; i++) {
                const struct bmf_group *g = &s->group[i];
                for (int64_t e = g->of_row.ptr ? g->of_row.ptr[r] : 0;
                     g->of_row.ptr && e < g->of_row.ptr[r + 1]; e++)
                    x += (double)g->c[t * g->n + g->of_row.col[e]] * (double)g->scale[r];
            }
            s->X[r * f->ld + column_of(f, t)] = (float)x;
        }
    }
}
