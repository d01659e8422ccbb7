/*
 * The sides of an event as the sweeps of fm see them: which events a row has, which rows a feature,
 * and the groups of features that share a prior.
 * Cost: passes over events and rows. Memory: 8 bytes an event and side.
 */
#include "models/fm_fit.h"

#include <string.h>

/* Events by row, ascending; those of users follow each other as they are. */
static akin_status index_events(struct fm_fit *f, struct fm_side *s, bool is_sorted,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t *at = NULL;
    MEM_ZERO(f->ctx, s->ptr, s->n_rows + 1);
    for (int64_t e = 0; e < f->n; e++)
        s->ptr[s->row[e] + 1]++;
    for (int64_t r = 0; r < s->n_rows; r++)
        s->ptr[r + 1] += s->ptr[r];
    if (is_sorted)
        goto done;
    MEM_NEW(f->ctx, s->event, f->n);
    MEM_NEW(f->ctx, at, s->n_rows);
    memcpy(at, s->ptr, (size_t)s->n_rows * sizeof *at);
    for (int64_t e = 0; e < f->n; e++)
        s->event[at[s->row[e]]++] = (int32_t)e;
done:
    mem_free(f->ctx, at);
    return status;
}

/* Does a row have two features of a group? */
static bool is_disjoint(const struct fm_side *s, int32_t lo, int32_t hi)
{
    enum { MANY = 64 }; /* few large ones are better cut in pieces */
    if (hi - lo < MANY)
        return false;
    for (int64_t r = 0; r < s->n_rows; r++) {
        int64_t n = 0;
        for (int64_t e = s->X.ptr[r]; e < s->X.ptr[r + 1]; e++)
            n += s->X.col[e] >= lo && s->X.col[e] < hi;
        if (n > 1)
            return false;
    }
    return true;
}

static akin_status make_group(struct fm_fit *f, struct fm_side *s, int32_t hi, const double *start,
                              akin_error *err)
{
    enum { BLOCK_WORK = 1 << 21 }; /* multiply-adds: about a millisecond */
    akin_status status = AKIN_OK;
    struct fm_group *g = &s->group[s->n_groups++];
    double k = (double)f->k1, work = 0;
    g->lo = s->n_groups > 1 ? g[-1].hi : 0;
    g->hi = hi;
    g->start = start;
    MEM_ZERO(f->ctx, g->mean, f->k1);
    MEM_NEW(f->ctx, g->precision, f->k1);
    memcpy(g->precision, start, (size_t)f->k1 * sizeof *start);
    g->is_disjoint = (g->lo == 0 && s->n_own > 0) || is_disjoint(s, g->lo, g->hi);
    if (!g->is_disjoint)
        goto done;
    MEM_NEW(f->ctx, g->block, g->hi - g->lo + 2);
    g->block[0] = g->lo;
    for (int64_t j = g->lo; j < g->hi; j++) {
        work += (double)s->weight[j] * (k * k / 2 + 8 * k) + k * k * k / 6 + 2000;
        if (work >= BLOCK_WORK || j + 1 == g->hi) {
            g->block[++g->n_blocks] = j + 1;
            work = 0;
        }
    }
done:
    return status;
}

static akin_status make_groups(struct fm_fit *f, enum fm_side_of side, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct fm_side *s = &f->side[side];
    const struct features *spec = f->self->known.spec[side];
    int32_t n = 1, count = (int32_t)fm_count(&f->self->known, side);
    for (int32_t j = 0; j < count; j = features_column_end(spec, j))
        n++;
    MEM_ZERO(f->ctx, s->group, n);
    if (side != FM_CONTEXT) /* also of none: what newcomers start from */
        AKIN_TRY(
            make_group(f, s, (int32_t)s->n_own, f->start + (side == FM_USERS ? 0 : f->k1), err));
    for (int32_t j = 0; j < count;) {
        j = features_column_end(spec, j);
        AKIN_TRY(make_group(f, s, (int32_t)s->n_own + j, f->start + 2 * f->k1, err));
    }
done:
    return status;
}

static akin_status count_events(struct fm_fit *f, struct fm_side *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    MEM_ZERO(f->ctx, s->weight, s->n_features);
    for (int64_t r = 0; r < s->n_rows; r++)
        for (int64_t e = s->X.ptr[r]; e < s->X.ptr[r + 1]; e++)
            s->weight[s->X.col[e]] += s->ptr[r + 1] - s->ptr[r];
done:
    return status;
}

/* Takes the rows of the data. */
static akin_status make_side(struct fm_fit *f, struct fm_data *d, enum fm_side_of side,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    struct fm_side *s = &f->side[side];
    struct fm_rows *rows = &d->side[side];
    s->n_rows = rows->n_rows;
    s->n_features = rows->n_features;
    s->n_own = rows->n_own;
    s->X = rows->X;
    s->row = d->row[side];
    rows->X = (struct csr){0};
    d->row[side] = NULL;
    AKIN_TRY(index_events(f, s, side == FM_USERS, err));
    AKIN_TRY(csr_transpose(f->ctx, &s->X, &s->Xt, err));
    AKIN_TRY(count_events(f, s, err));
    AKIN_TRY(make_groups(f, side, err));
    MEM_ZERO(f->ctx, s->theta, s->n_features * f->k1);
    MEM_ZERO(f->ctx, s->sum, s->n_rows * f->k1);
done:
    return status;
}

void fm_side_free(struct fm_fit *f, struct fm_side *s)
{
    for (int32_t g = 0; g < s->n_groups; g++) {
        mem_free(f->ctx, s->group[g].block);
        mem_free(f->ctx, s->group[g].mean);
        mem_free(f->ctx, s->group[g].precision);
    }
    mem_free(f->ctx, s->group);
    csr_free(f->ctx, &s->X);
    csr_free(f->ctx, &s->Xt);
    mem_free(f->ctx, s->theta);
    mem_free(f->ctx, s->sum);
    mem_free(f->ctx, s->ptr);
    mem_free(f->ctx, s->event);
    mem_free(f->ctx, s->row);
    mem_free(f->ctx, s->weight);
}

/* Products of users and items start at a variance of 0.4 together, biases at 0.2, what attributes
 * add at less; als takes its parameters. */
static akin_status make_starts(struct fm_fit *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    const double k = (double)f->k, of_v[3] = {1, 2.5 * k, 5 * k}, of_w[3] = {5, 5, 10};
    bool is_als = f->p->solver == FM_ALS;
    MEM_NEW(f->ctx, f->start, 3 * f->k1);
    for (int g = 0; g < 3; g++)
        for (int64_t t = 0; t < f->k1; t++) {
            bool is_v = t < f->k;
            f->start[g * f->k1 + t] =
                is_als ? (is_v ? f->p->reg : f->p->linear_reg) : (is_v ? of_v[g] : of_w[g]);
        }
done:
    return status;
}

akin_status fm_take(struct fm_fit *f, struct fm_data *d, akin_error *err)
{
    akin_status status = AKIN_OK;
    f->n = d->n;
    f->target = d->target;
    d->target = NULL;
    MEM_NEW(f->ctx, f->left, f->n);
    if (f->p->task != FM_REGRESSION)
        MEM_NEW(f->ctx, f->weight, f->n);
    AKIN_TRY(make_starts(f, err));
    for (int s = 0; s < FM_SIDES; s++)
        if (d->row[s])
            AKIN_TRY(make_side(f, d, s, err));
done:
    return status;
}
