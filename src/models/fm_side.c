/*
 * What fm learns from: events with their targets, and the three sides of an event - its item, its
 * context, its user - as rows of features.
 *
 * Attributes come from data/features.h, categories and numbers (in bins) as 1 each, of items each
 * kind brought to length 1. Contexts that are the same are one row. For ranking, negatives stand
 * behind each positive, in its context.
 * Cost: a read of the tables, a sort of each history. Memory: 16 bytes an event and row of a side.
 */
#include "core/par.h"
#include "models/fm_fit.h"
#include "models/model_impl.h"

#include "data/terms.h"
#include "kern/math.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Features ------------------------------------------------------------------------------ */

/* Names of the columns of a table to go by: those asked for, else all but texts. */
static akin_status pick_columns(const struct fm_params *p, const struct table *t, json_t **out,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    json_t *names = json_array();
    bool is_ok = names != NULL;
    for (int32_t c = 0; is_ok && c < t->n_cols; c++) {
        const char *name = t->cols[c].name;
        bool is_wanted = t->cols[c].type != COL_TEXT;
        size_t n = json_array_size(p->columns);
        for (size_t i = 0; i < n; i++) {
            const char *asked = json_string_value(json_array_get(p->columns, i));
            is_wanted = asked && strcmp(asked, name) == 0;
            if (is_wanted)
                break;
        }
        if (is_wanted)
            is_ok = json_array_append_new(names, json_string(name)) == 0;
    }
    if (!is_ok) {
        json_decref(names);
        AKIN_FAIL(AKIN_E_MEMORY, "fm: names of columns");
    }
    *out = names;
done:
    return status;
}

static akin_status check_columns(const struct fm_fit *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dataset *ds = f->tv->ds;
    for (size_t i = 0; i < json_array_size(f->p->columns); i++) {
        const char *name = json_string_value(json_array_get(f->p->columns, i));
        if (!name || (!table_find(&f->m->item_table, name) &&
                      !table_find(&f->m->user_table, name) && !table_find(&ds->event_table, name)))
            AKIN_FAIL(
                AKIN_E_ARG,
                "fm: columns: '%.60s' is no column of items, users or events (those of events "
                "are kept by `prepare --context NAME`)",
                name ? name : "");
    }
done:
    return status;
}

/* The spec of a side and its rows; both empty if there is nothing to go by. */
static akin_status read_features(struct fm_fit *f, enum fm_side_of side, const struct table *t,
                                 bool is_wanted, int64_t n, struct csr *out, akin_error *err)
{
    static const struct table no_columns;
    akin_status status = AKIN_OK;
    struct feature_options options = fm_options(f->p, side);
    const struct item_tags *tags = side == FM_ITEMS && f->p->tags ? &f->m->tags : NULL;
    json_t *columns = NULL;
    AKIN_TRY(pick_columns(f->p, t, &columns, err));
    if (!is_wanted || n == 0)
        goto done;
    options.columns = columns;
    const struct item_source source = {.items = json_array_size(columns) > 0 ? t : &no_columns,
                                       .tags = tags};
    AKIN_TRY(features_fit(f->ctx, &options, &source, (int32_t)n, &f->self->spec[side], err));
    if (f->self->spec[side])
        AKIN_TRY(features_matrix(f->self->spec[side], &source, (int32_t)n, out, err));
done:
    json_decref(columns);
    return status;
}

/* Rows that are the same become one; of[e] = which. In the order of events. */
static akin_status distinct_rows(struct fm_fit *f, const struct csr *all, struct csr *out,
                                 int32_t *of, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct terms seen;
    int64_t n = 0;
    terms_init(&seen, f->ctx);
    out->n_cols = all->n_cols;
    MEM_ZERO(f->ctx, out->ptr, all->n_rows + 1);
    MEM_NEW(f->ctx, out->col, csr_nnz(all));
    MEM_NEW(f->ctx, out->val, csr_nnz(all));
    for (int64_t e = 0; e < all->n_rows; e++) { /* values are 1: columns tell rows apart */
        int64_t lo = all->ptr[e], size = all->ptr[e + 1] - lo, before = seen.n;
        AKIN_TRY(terms_add(&seen, (const char *)(all->col + lo),
                           (int32_t)(size * (int64_t)sizeof *all->col), &of[e], err));
        if (seen.n == before)
            continue;
        if (size > 0) {
            memcpy(out->col + n, all->col + lo, (size_t)size * sizeof *all->col);
            memcpy(out->val + n, all->val + lo, (size_t)size * sizeof *all->val);
        }
        n += size;
        out->ptr[++out->n_rows] = n;
    }
done:
    terms_free(&seen);
    return status;
}

static akin_status read_contexts(struct fm_fit *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct dataset *ds = f->tv->ds;
    struct csr all = {0};
    int32_t *of = NULL;
    AKIN_TRY(
        read_features(f, FM_CONTEXT, &ds->event_table, f->p->context, ds->n_events, &all, err));
    if (!f->self->spec[FM_CONTEXT])
        goto done;
    MEM_NEW(f->ctx, of, ds->n_events);
    f->self->context_of = of;
    AKIN_TRY(distinct_rows(f, &all, &f->self->context_rows, of, err));
done:
    csr_free(f->ctx, &all);
    return status;
}

/* ---- Events -------------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static bool is_positive(const struct fm_fit *f, int64_t e)
{
    return !f->tv->hist.weight || f->tv->hist.weight[e] > 0;
}

static void put_event(struct fm_fit *f, int64_t user, int32_t item, int64_t source, float target)
{
    f->side[FM_USERS].row[f->n] = (int32_t)user;
    f->side[FM_ITEMS].row[f->n] = item;
    if (f->side[FM_CONTEXT].row)
        f->side[FM_CONTEXT].row[f->n] = f->self->context_of[source];
    f->target[f->n++] = target;
}

/* A user's events; own (as long as they are many) is scratch. */
static akin_status put_user(struct fm_fit *f, int64_t user, int32_t *own, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct histories *h = &f->tv->hist;
    int64_t lo = h->ptr[user], n = h->ptr[user + 1] - lo;
    bool ranks = f->p->task == FM_RANKING;
    AKIN_TRY(ctx_check(f->ctx, err));
    if (ranks && n > 0) {
        memcpy(own, h->item + lo, (size_t)n * sizeof *own);
        qsort(own, (size_t)n, sizeof *own, by_number);
    }
    for (int64_t e = lo; e < lo + n; e++) {
        float target = f->p->task == FM_REGRESSION ? h->value[e] : (float)is_positive(f, e);
        put_event(f, user, h->item[e], e, target);
        for (int64_t j = 0; ranks && target > 0 && j < f->p->negatives; j++) {
            int32_t other = fm_negative(f->seed, h->item[e], e - lo, j, f->m->items.n, own, n);
            if (other >= 0)
                put_event(f, user, other, e, 0);
        }
    }
done:
    return status;
}

static akin_status read_events(struct fm_fit *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct histories *h = &f->tv->hist;
    int64_t n = h->ptr[h->n_users], longest = 0;
    int32_t *own = NULL;
    if (f->p->task == FM_RANKING)
        n *= 1 + f->p->negatives;
    if (n > INT32_MAX)
        AKIN_FAIL(AKIN_E_LIMIT, "fm: %" PRId64 " events with negatives (at most %d)", n, INT32_MAX);
    for (int64_t u = 0; u < h->n_users; u++)
        longest = h->ptr[u + 1] - h->ptr[u] > longest ? h->ptr[u + 1] - h->ptr[u] : longest;
    MEM_NEW(f->ctx, own, longest);
    MEM_NEW(f->ctx, f->target, n);
    MEM_NEW(f->ctx, f->left, n);
    if (f->p->task != FM_REGRESSION)
        MEM_NEW(f->ctx, f->weight, n);
    for (int s = 0; s < FM_SIDES; s++)
        if (s != FM_CONTEXT || f->self->context_of)
            MEM_NEW(f->ctx, f->side[s].row, n);
    for (int64_t u = 0; u < h->n_users; u++)
        AKIN_TRY(put_user(f, u, own, err));
done:
    mem_free(f->ctx, own);
    return status;
}

static akin_status scale_values(struct fm_fit *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    double sum = 0, squares = 0, n = f->n > 0 ? (double)f->n : 1;
    for (int64_t e = 0; e < f->n; e++)
        sum += (double)f->target[e];
    double mean = sum / n;
    for (int64_t e = 0; e < f->n; e++)
        squares += ((double)f->target[e] - mean) * ((double)f->target[e] - mean);
    if (!isfinite(squares) || squares / n > 1e18)
        AKIN_FAIL(AKIN_E_INPUT, "fm: a value is not finite, or they are too large");
    f->self->base = mean;
    f->self->spread = squares > 0 ? sqrt(squares / n) : 1;
    for (int64_t e = 0; e < f->n; e++)
        f->target[e] = (float)(((double)f->target[e] - mean) / f->self->spread);
done:
    return status;
}

static akin_status count_classes(struct fm_fit *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t positive = 0;
    for (int64_t e = 0; e < f->n; e++)
        positive += f->target[e] > 0;
    if (f->n > 0 && (positive == 0 || positive == f->n) && f->p->task == FM_CLASSIFICATION)
        AKIN_FAIL(AKIN_E_INPUT,
                  "fm: task=classification needs two classes, but all %" PRId64
                  " events are %s; say "
                  "what counts as one (--positive \"value >= 4\"), or take task=ranking for events "
                  "that are all positive",
                  f->n, positive ? "positives" : "negatives");
    double n = (double)f->n, p = ((double)positive + .5) / (n + 1);
    f->self->base = kern_log(p / (1 - p));
    f->self->spread = 1;
done:
    return status;
}

/* ---- Sides --------------------------------------------------------------------------------- */

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

/* Rows themselves, then their attributes. */
static akin_status join_features(struct fm_fit *f, struct fm_side *s, const struct csr *attributes,
                                 akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n = 0, own = s->n_own > 0;
    s->n_features = s->n_own + (attributes->ptr ? attributes->n_cols : 0);
    s->X = (struct csr){.n_rows = s->n_rows, .n_cols = s->n_features};
    MEM_ZERO(f->ctx, s->X.ptr, s->n_rows + 1);
    MEM_NEW(f->ctx, s->X.col, csr_nnz(attributes) + own * s->n_rows);
    MEM_NEW(f->ctx, s->X.val, csr_nnz(attributes) + own * s->n_rows);
    for (int64_t r = 0; r < s->n_rows; r++) {
        if (own) {
            s->X.col[n] = (int32_t)r;
            s->X.val[n++] = 1;
        }
        for (int64_t e = attributes->ptr ? attributes->ptr[r] : 0;
             attributes->ptr && e < attributes->ptr[r + 1]; e++) {
            s->X.col[n] = attributes->col[e] + (int32_t)s->n_own;
            s->X.val[n++] = attributes->val[e];
        }
        s->X.ptr[r + 1] = n;
    }
    AKIN_TRY(csr_transpose(f->ctx, &s->X, &s->Xt, err));
    MEM_ZERO(f->ctx, s->weight, s->n_features);
    for (int64_t r = 0; r < s->n_rows; r++)
        for (int64_t e = s->X.ptr[r]; e < s->X.ptr[r + 1]; e++)
            s->weight[s->X.col[e]] += s->ptr[r + 1] - s->ptr[r];
done:
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
    const struct features *spec = f->self->spec[side];
    int32_t n = 1, count = (int32_t)fm_count(f->self, side);
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

static akin_status make_side(struct fm_fit *f, enum fm_side_of side, const struct csr *attributes,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    struct fm_side *s = &f->side[side];
    AKIN_TRY(index_events(f, s, side == FM_USERS, err));
    AKIN_TRY(join_features(f, s, attributes, err));
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

akin_status fm_read(struct fm_fit *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct csr items = {0}, *users = &f->self->user_rows;
    const struct dataset *ds = f->tv->ds;
    if (f->p->task == FM_REGRESSION && !dataset_has_values(ds) && ds->n_events > 0)
        AKIN_FAIL(AKIN_E_INPUT, "fm: task=regression needs values, which this data lacks "
                                "(task=ranking learns from events)");
    if (ds->n_events > INT32_MAX)
        AKIN_FAIL(AKIN_E_LIMIT, "fm: %" PRId64 " events (at most %d)", ds->n_events, INT32_MAX);
    AKIN_TRY(check_columns(f, err));
    f->side[FM_USERS].n_rows = f->side[FM_USERS].n_own = f->m->users.n;
    f->side[FM_ITEMS].n_rows = f->side[FM_ITEMS].n_own = f->m->items.n;
    AKIN_TRY(read_features(f, FM_ITEMS, &f->m->item_table, f->p->item_features, f->m->items.n,
                           &items, err));
    AKIN_TRY(read_features(f, FM_USERS, &f->m->user_table, f->p->user_features, f->m->users.n,
                           users, err));
    AKIN_TRY(read_contexts(f, err));
    f->side[FM_CONTEXT].n_rows = f->self->context_rows.n_rows;
    AKIN_TRY(read_events(f, err));
    AKIN_TRY(f->p->task == FM_REGRESSION ? scale_values(f, err) : count_classes(f, err));
    AKIN_TRY(make_starts(f, err));
    AKIN_TRY(make_side(f, FM_ITEMS, &items, err));
    AKIN_TRY(make_side(f, FM_USERS, users, err));
    if (f->side[FM_CONTEXT].row)
        AKIN_TRY(make_side(f, FM_CONTEXT, &f->self->context_rows, err));
done:
    csr_free(f->ctx, &items);
    return status;
}
