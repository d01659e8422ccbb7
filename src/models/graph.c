/*
 * The graph of users and items: building, files, the step of a filter.
 *
 * Why P is not made: on Gowalla (810,128 entries) it has 42 million pairs, 340 MB. The rows of a
 * history add up 66,000 of them (some .1 ms); two sparse products touch 1,300 users and take .4 ms
 * of 13 MB, and of a dense vector, which sharpening needs, 1.7 ms instead of 42 million additions.
 * Cost: see graph.h; a file holds 8 bytes an entry (16 with weights) and 4 a user and item.
 */
#include "models/graph.h"

#include "core/par.h"
#include "kern/math.h"
#include "models/model_impl.h"
#include "solve/cooc.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* A residual of 1 % of σ² gives σ to 1e-4 (the last of 256 on Gowalla: 5e-5). */
static const double svd_tolerance = 1e-2;

/* ---- Building ------------------------------------------------------------------------------ */

akin_status graph_damp(akin_ctx *ctx, const struct csr *x, double power, const float **out,
                       akin_error *err)
{
    akin_status status = AKIN_OK;
    float *scale = NULL;
    MEM_NEW(ctx, scale, x->n_rows);
    *out = scale;
    for (int64_t r = 0; r < x->n_rows; r++) {
        double sum = 0;
        for (int64_t e = x->ptr[r]; e < x->ptr[r + 1]; e++)
            sum += x->val ? (double)x->val[e] : 1.0;
        scale[r] = sum > 0 ? (float)kern_pow(sum, -power) : 0.0F;
    }
    AKIN_TRY(ctx_check(ctx, err));
done:
    return status;
}

enum { POWER_SIZE = 1 << 16 };

struct power_job {
    float *x;
    int64_t n;
    double power;
};

static akin_status power_block(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct power_job *job = arg;
    (void)worker;
    (void)err;
    for (int64_t e = par_lo(block, POWER_SIZE); e < par_hi(block, POWER_SIZE, job->n); e++)
        job->x[e] = (float)kern_pow((double)job->x[e], job->power);
    return AKIN_OK;
}

static void scale_by(const float *x, int64_t n, double factor)
{
    union {
        const float *in;
        float *out;
    } own = {x};
    for (int64_t i = 0; i < n; i++)
        own.out[i] = (float)((double)own.out[i] * factor);
}

static double sum_of(const float *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i];
    return sum;
}

/*
 * Divides P by its largest eigenvalue, which the growth of a positive row under P tends to. The row
 * starts at d_i^history, the eigenvector if user = history + target = 1.
 */
static akin_status level(akin_ctx *ctx, struct graph *g, akin_error *err)
{
    enum { STEPS = 8 };
    akin_status status = AKIN_OK;
    int64_t n = graph_items(g);
    float *x = NULL, *out = NULL, *users = NULL;
    double growth = 1;
    MEM_NEW(ctx, x, n);
    MEM_NEW(ctx, out, n);
    MEM_NEW(ctx, users, g->by_user.n_rows);
    for (int64_t i = 0; i < n; i++)
        x[i] = g->item_in[i] > 0 ? 1.0F / g->item_in[i] : 0.0F;
    for (int step = 0; step < STEPS; step++) {
        double before = sum_of(x, n);
        AKIN_TRY(graph_step(ctx, g, 1, x, users, out, err));
        double after = sum_of(x, n);
        if (!(before > 0 && after > 0))
            goto done;
        growth = after / before;
        scale_by(x, n, 1 / after);
    }
    scale_by(g->item_out, n, 1 / growth);
done:
    mem_free(ctx, x);
    mem_free(ctx, out);
    mem_free(ctx, users);
    return status;
}

/* XᵀDX to the power, element by element. */
static akin_status make_pairs(akin_ctx *ctx, struct graph *g, double power, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct cooc c = {COOC_SUM, &g->by_user, &g->by_item, g->user_scale, !g->by_user.val};
    AKIN_TRY(cooc_gram(ctx, &c, &g->pairs, err));
    struct power_job job = {g->pairs.val, csr_nnz(&g->pairs), power};
    AKIN_TRY(par_for(ctx, par_blocks(job.n, POWER_SIZE), power_block, &job, err));
    csr_free(ctx, &g->by_user); /* not asked any more */
    csr_free(ctx, &g->by_item);
done:
    return status;
}

akin_status graph_build(const struct train_view *tv, const struct graph_params *p, double power,
                        struct graph *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = tv->ctx;
    out->is_binary = p->weighting != 0;
    bool has_values = !out->is_binary && !csr_is_binary(&tv->by_user);
    out->by_user = csr_share(&tv->by_user, has_values);
    out->by_item = csr_share(&tv->by_item, has_values);
    AKIN_TRY(graph_damp(ctx, &out->by_user, p->user_damping, &out->user_scale, err));
    AKIN_TRY(graph_damp(ctx, &out->by_item, power * p->history_damping, &out->item_in, err));
    AKIN_TRY(graph_damp(ctx, &out->by_item, power * p->target_damping, &out->item_out, err));
    if (power < 1 || power > 1)
        AKIN_TRY(make_pairs(ctx, out, power, err));
    AKIN_TRY(level(ctx, out, err));
done:
    return status;
}

void graph_free(const struct model *m, struct graph *g)
{
    if (m->file)
        return;
    csr_free(m->ctx, &g->by_user);
    csr_free(m->ctx, &g->by_item);
    csr_free(m->ctx, &g->pairs);
    model_free_array(m->ctx, g->user_scale);
    model_free_array(m->ctx, g->item_in);
    model_free_array(m->ctx, g->item_out);
}

akin_status graph_svd(akin_ctx *ctx, const struct graph *g, double user, double item, int64_t k,
                      uint64_t seed, struct svd *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct sparse a = {.by_row = g->by_user, .by_col = g->by_item};
    AKIN_TRY(graph_damp(ctx, &g->by_user, user, &a.row_scale, err));
    AKIN_TRY(graph_damp(ctx, &g->by_item, item, &a.col_scale, err));
    AKIN_TRY(svd_truncated(ctx, &a, k, svd_tolerance, seed, false, out, err));
done:
    model_free_array(ctx, a.row_scale);
    model_free_array(ctx, a.col_scale);
    return status;
}

void graph_estimate(int64_t k, int64_t n_users, int64_t n_items, int64_t nnz, double *bytes,
                    double *flops)
{
    svd_estimate(k, n_users, n_items, nnz, bytes, flops);
    *bytes += 16.0 * ((double)n_users + (double)n_items);
    *flops += 20.0 * ((double)n_users + (double)n_items) + 2.0 * (double)nnz;
}

/* ---- The asker ----------------------------------------------------------------------------- */

akin_status graph_step(akin_ctx *ctx, const struct graph *g, int lanes, float *x, float *users,
                       float *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n = graph_items(g);
    if (g->pairs.ptr) {
        AKIN_TRY(sparse_spread(ctx, &g->pairs, x, g->item_in, lanes, out, err));
    } else {
        AKIN_TRY(sparse_spread(ctx, &g->by_item, x, g->item_in, lanes, users, err));
        AKIN_TRY(sparse_spread(ctx, &g->by_user, users, g->user_scale, lanes, out, err));
    }
    for (int64_t i = 0; i < n; i++)
        for (int t = 0; t < lanes; t++)
            x[i * lanes + t] = g->item_out[i] * out[i * lanes + t];
done:
    return status;
}

akin_status graph_row(const struct history *h, int32_t n_items, bool is_binary,
                      struct arena *scratch, struct graph_row *out, akin_error *err)
{
    out->n = 0;
    out->item = arena_alloc(scratch, h->n, sizeof *out->item, err);
    out->weight = arena_alloc(scratch, h->n, sizeof *out->weight, err);
    if (!out->item || !out->weight)
        return AKIN_E_MEMORY;
    int32_t n = history_fold(h, out->item, out->weight);
    for (int32_t j = 0; j < n; j++) {
        if (out->item[j] < 0 || out->item[j] >= n_items)
            continue;
        out->item[out->n] = out->item[j];
        out->weight[out->n++] = is_binary ? 1.0F : out->weight[j];
    }
    return AKIN_OK;
}

/* ---- Files --------------------------------------------------------------------------------- */

struct part {
    const char *name;
    const void *bytes; /* NULL = none */
    int64_t size;
};

static akin_status parts_save(struct container_writer *w, const struct part *parts, size_t n,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    for (size_t i = 0; i < n; i++)
        if (parts[i].bytes)
            AKIN_TRY(container_add(w, parts[i].name, CONTAINER_REQUIRED, parts[i].bytes,
                                   parts[i].size, err));
done:
    return status;
}

akin_status graph_save(struct container_writer *w, const struct graph *g, akin_error *err)
{
    const struct csr *u = &g->by_user, *i = &g->by_item, *p = &g->pairs;
    bool has_pairs = p->ptr != NULL; /* then X is not asked any more */
    int64_t nnz = csr_nnz(u) * 4, n_pairs = csr_nnz(p) * 4, items = graph_items(g) * 4;
    const struct part parts[] = {{"m.user.ptr", u->ptr, (u->n_rows + 1) * 8},
                                 {"m.user.col", u->col, nnz},
                                 {"m.user.val", u->val, nnz},
                                 {"m.user.scale", g->user_scale, u->n_rows * 4},
                                 {"m.item.ptr", i->ptr, (i->n_rows + 1) * 8},
                                 {"m.item.col", i->col, nnz},
                                 {"m.item.val", i->val, nnz},
                                 {"m.item.in", g->item_in, items},
                                 {"m.item.out", g->item_out, items},
                                 {"m.pair.ptr", p->ptr, (p->n_rows + 1) * 8},
                                 {"m.pair.col", p->col, n_pairs},
                                 {"m.pair.val", p->val, n_pairs}};
    enum { N_PARTS = sizeof parts / sizeof parts[0], FIRST = 7 };
    int first = has_pairs ? FIRST : 0;
    return parts_save(w, parts + first, (size_t)(N_PARTS - first), err);
}

static akin_status check_floats(const float *x, int64_t n, const char *name, struct container *c,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    for (int64_t i = 0; i < n; i++)
        if (!(fabsf(x[i]) <= FLT_MAX))
            AKIN_FAIL(AKIN_E_FORMAT, "%s: section %s: %g at %" PRId64, container_path(c), name,
                      (double)x[i], i);
done:
    return status;
}

akin_status graph_load_floats(struct container *c, const char *name, int64_t n, const float **out,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    const void *data;
    int64_t found;
    AKIN_TRY(container_get(c, name, sizeof **out, false, &data, &found, err));
    if (found != n)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section %s has %" PRId64 " numbers (must be %" PRId64 ")",
                  container_path(c), name, found, n);
    AKIN_TRY(check_floats(data, n, name, c, err));
    *out = data;
done:
    return status;
}

/* Rows ascend and stay in bounds. */
static akin_status check_rows(const struct csr *x, int64_t n_col, const char *side,
                              struct container *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    if (x->ptr[0] != 0 || x->ptr[x->n_rows] != n_col)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: sections m.%s.ptr and m.%s.col do not fit", container_path(c),
                  side, side);
    for (int64_t r = 0; r < x->n_rows; r++)
        if (x->ptr[r] > x->ptr[r + 1])
            AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.%s.ptr does not ascend", container_path(c),
                      side);
    for (int64_t r = 0; r < x->n_rows; r++)
        for (int64_t e = x->ptr[r]; e < x->ptr[r + 1]; e++)
            if (x->col[e] < 0 || x->col[e] >= x->n_cols ||
                (e > x->ptr[r] && x->col[e] <= x->col[e - 1]))
                AKIN_FAIL(AKIN_E_FORMAT, "%s: section m.%s.col: %d of %" PRId64 " at %" PRId64,
                          container_path(c), side, x->col[e], x->n_cols, e);
done:
    return status;
}

static akin_status side_load(struct container *c, const char *side, int64_t n_rows, int64_t n_cols,
                             struct csr *x, akin_error *err)
{
    akin_status status = AKIN_OK;
    char name[CONTAINER_NAME_MAX + 1];
    union { /* a view into the file is only read */
        const void *in;
        void *out;
    } ptr, col, val;
    int64_t n_ptr, n_col, n_val;
    snprintf(name, sizeof name, "m.%s.ptr", side);
    AKIN_TRY(container_get(c, name, sizeof *x->ptr, false, &ptr.in, &n_ptr, err));
    if (n_ptr != n_rows + 1)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section %s has %" PRId64 " numbers (must be %" PRId64 ")",
                  container_path(c), name, n_ptr, n_rows + 1);
    snprintf(name, sizeof name, "m.%s.col", side);
    AKIN_TRY(container_get(c, name, sizeof *x->col, false, &col.in, &n_col, err));
    *x = (struct csr){n_rows, n_cols, ptr.out, col.out, NULL};
    AKIN_TRY(check_rows(x, n_col, side, c, err));
    snprintf(name, sizeof name, "m.%s.val", side);
    AKIN_TRY(container_get(c, name, sizeof *x->val, true, &val.in, &n_val, err));
    if (val.in && n_val != n_col)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section %s has %" PRId64 " numbers (must be %" PRId64 ")",
                  container_path(c), name, n_val, n_col);
    x->val = val.out;
    AKIN_TRY(check_floats(x->val, val.in ? n_col : 0, name, c, err));
done:
    return status;
}

akin_status graph_load(struct model *m, struct container *c, const struct graph_params *p,
                       double power, struct graph *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t users = m->users.n, items = m->items.n;
    out->is_binary = p->weighting != 0;
    AKIN_TRY(graph_load_floats(c, "m.item.in", items, &out->item_in, err));
    AKIN_TRY(graph_load_floats(c, "m.item.out", items, &out->item_out, err));
    if (power < 1 || power > 1) {
        AKIN_TRY(side_load(c, "pair", items, items, &out->pairs, err));
        goto done;
    }
    AKIN_TRY(side_load(c, "user", users, items, &out->by_user, err));
    AKIN_TRY(side_load(c, "item", items, users, &out->by_item, err));
    AKIN_TRY(graph_load_floats(c, "m.user.scale", users, &out->user_scale, err));
done:
    return status;
}
