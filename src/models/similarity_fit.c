/*
 * What measures of similarity.c need of the data: values, weights of axes, norms of points. Cost: a
 * few passes over the matrix; what is as in the view is shared with it.
 */
#include "models/similarity_impl.h"

#include "models/model_impl.h"
#include "models/ratings.h"

#include <stdio.h>
#include <string.h>

/* deg^-damping, times idf² for tf-idf and BM25. */
static akin_status weigh_axes(akin_ctx *ctx, struct similarity *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    float *weight = NULL;
    bool has_idf = similarity_class_of(s)->has_idf, is_damped = s->spec.damping > 0;
    if (!is_damped && !has_idf)
        goto done;
    MEM_NEW(ctx, weight, s->by_axis.n_rows);
    s->axis_weight = weight;
    for (int64_t a = 0; a < s->by_axis.n_rows; a++) {
        double deg = similarity_axis_degree(s, a);
        double w = is_damped && deg > 0 ? kern_pow(deg, -s->spec.damping) : 1;
        double idf = has_idf ? similarity_idf(s, a) : 1;
        weight[a] = (float)(has_idf ? w * idf * idf : w);
    }
done:
    return status;
}

static double value_at(const struct similarity *s, const struct csr *x, int64_t e)
{
    return s->is_binary ? 1.0 : (double)x->val[e];
}

static double row_length(const struct similarity *s, const struct csr *x, int64_t row)
{
    double len = 0;
    for (int64_t e = x->ptr[row]; e < x->ptr[row + 1]; e++)
        len += value_at(s, x, e);
    return len;
}

/* norm (n_points), and the mean length. */
static void make_norms(struct similarity *s, double *norm)
{
    double total = 0;
    for (int64_t p = 0; p < s->by_point.n_rows; p++)
        total += norm[p] = row_length(s, &s->by_point, p);
    s->length = s->n_points > 0 ? total / (double)s->n_points : 0;
    for (int64_t p = 0; p < s->by_point.n_rows; p++)
        norm[p] = similarity_norm(s, norm[p]);
}

/* Weights become tf-idf or BM25 terms, in both directions. */
static akin_status make_terms(akin_ctx *ctx, struct similarity *s, const double *norm,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    struct csr *by_axis = &s->by_axis, *by_point = &s->by_point;
    int64_t nnz = csr_nnz(by_axis);
    float *val = NULL;
    MEM_NEW(ctx, val, nnz);
    for (int64_t e = 0; e < nnz; e++)
        val[e] = (float)similarity_tf(s, norm[by_axis->col[e]], (double)by_axis->val[e]);
    mem_free(ctx, by_axis->val);
    by_axis->val = val;
    AKIN_TRY(ctx_check(ctx, err));
    MEM_NEW(ctx, val, nnz);
    for (int64_t p = 0; p < by_point->n_rows; p++)
        for (int64_t e = by_point->ptr[p]; e < by_point->ptr[p + 1]; e++)
            val[e] = (float)similarity_tf(s, norm[p], (double)by_point->val[e]);
    mem_free(ctx, by_point->val);
    by_point->val = val;
done:
    return status;
}

/* ‖x_p‖², its axes by idf² for tf-idf. */
static double square_of(const struct similarity *s, int64_t point, const double *idf2)
{
    const struct csr *x = &s->by_point;
    double sum = 0;
    for (int64_t e = x->ptr[point]; e < x->ptr[point + 1]; e++) {
        double v = value_at(s, x, e);
        sum += v * v * (idf2 ? idf2[x->col[e]] : 1.0);
    }
    return sum;
}

static akin_status make_idf2(akin_ctx *ctx, const struct similarity *s, double **out,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    MEM_NEW(ctx, *out, s->by_axis.n_rows);
    for (int64_t a = 0; a < s->by_axis.n_rows; a++) {
        double idf = similarity_idf(s, a);
        (*out)[a] = idf * idf;
    }
done:
    return status;
}

static akin_status make_factors(akin_ctx *ctx, struct similarity *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n = s->by_point.n_rows;
    double alpha = s->spec.alpha;
    double *norm = NULL, *idf2 = NULL;
    float *own = NULL, *other = NULL;
    MEM_NEW(ctx, own, n);
    s->own = own;
    MEM_NEW(ctx, other, n);
    s->other = other;
    MEM_NEW(ctx, norm, n);
    make_norms(s, norm);
    if (similarity_class_of(s)->has_idf && !s->is_binary)
        AKIN_TRY(make_terms(ctx, s, norm, err));
    if (s->spec.kind == SIM_TFIDF)
        AKIN_TRY(make_idf2(ctx, s, &idf2, err));
    for (int64_t p = 0; p < n; p++) {
        double square = square_of(s, p, idf2);
        own[p] = (float)similarity_factor(s, square, norm[p], alpha);
        other[p] = (float)similarity_factor(s, square, norm[p], 1 - alpha);
    }
done:
    mem_free(ctx, norm);
    mem_free(ctx, idf2);
    return status;
}

/* ---- The fit ------------------------------------------------------------------------------- */

/* The adjusted cosine's ratings are those above the axis's mean. */
static akin_status take_off_means(akin_ctx *ctx, struct similarity *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct csr *x = &s->by_axis;
    double *means = NULL;
    MEM_NEW(ctx, means, x->n_rows);
    s->axis_mean = means;
    for (int64_t a = 0; a < x->n_rows; a++) {
        double n = similarity_axis_degree(s, a), sum = 0;
        for (int64_t e = x->ptr[a]; e < x->ptr[a + 1]; e++)
            sum += (double)x->val[e];
        double mean = n > 0 ? sum / n : 0;
        means[a] = mean;
        for (int64_t e = x->ptr[a]; e < x->ptr[a + 1]; e++)
            x->val[e] = (float)((double)x->val[e] - mean);
    }
    csr_free(ctx, &s->by_point);
    AKIN_TRY(csr_transpose(ctx, x, &s->by_point, err));
done:
    return status;
}

static akin_status take_ratings(const struct train_view *tv, const char *name,
                                enum similarity_points points, struct similarity *s,
                                akin_error *err)
{
    akin_status status = AKIN_OK;
    bool is_adjusted = s->spec.kind == SIM_ADJUSTED_COSINE;
    char what[64];
    snprintf(what, sizeof what, "%s: similarity=%s", name,
             is_adjusted ? "adjusted_cosine" : "pearson");
    bool of_items = points == SIM_ITEMS;
    AKIN_TRY(ratings_build(tv, what, "use cosine", of_items ? &s->by_axis : &s->by_point,
                           of_items ? &s->by_point : &s->by_axis, err));
    if (is_adjusted)
        AKIN_TRY(take_off_means(tv->ctx, s, err));
done:
    return status;
}

akin_status similarity_count(akin_ctx *ctx, struct similarity *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct csr *x = &s->by_axis;
    int64_t nnz = csr_nnz(x);
    MEM_ZERO(ctx, s->degree, x->n_cols);
    for (int64_t e = 0; e < nnz; e++)
        s->n_points += s->degree[x->col[e]]++ == 0;
done:
    return status;
}

akin_status similarity_fit(const struct train_view *tv, const char *name,
                           enum similarity_points points, const struct similarity_spec *spec,
                           struct similarity *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct similarity *s = out;
    *s = (struct similarity){.spec = *spec};
    const struct similarity_class *k = similarity_class_of(s);
    s->is_binary = !k->rates && (k->is_binary || spec->is_binary || csr_is_binary(&tv->by_user));
    if (k->rates) {
        AKIN_TRY(take_ratings(tv, name, points, s, err));
    } else {
        s->by_axis = csr_share(points == SIM_ITEMS ? &tv->by_user : &tv->by_item, !s->is_binary);
        s->by_point = csr_share(points == SIM_ITEMS ? &tv->by_item : &tv->by_user, !s->is_binary);
    }
    AKIN_TRY(ctx_check(tv->ctx, err));
    AKIN_TRY(similarity_count(tv->ctx, s, err));
    if (k->has_factors)
        AKIN_TRY(make_factors(tv->ctx, s, err));
    AKIN_TRY(weigh_axes(tv->ctx, s, err));
    if (k->has_llr)
        AKIN_TRY(llr_init(tv->ctx, s->by_axis.n_rows, &s->llr, err));
done:
    if (status != AKIN_OK)
        similarity_free(tv->ctx, s);
    return status;
}

void similarity_free(akin_ctx *ctx, struct similarity *s)
{
    csr_free(ctx, &s->by_axis);
    csr_free(ctx, &s->by_point);
    model_free_array(ctx, s->axis_weight);
    model_free_array(ctx, s->axis_mean);
    model_free_array(ctx, s->own);
    model_free_array(ctx, s->other);
    mem_free(ctx, s->degree);
    llr_free(ctx, &s->llr);
    memset(s, 0, sizeof *s);
}
