/*
 * The similarities of itemknn, all from one pass over co-occurrences (solve/cooc.h).
 *
 * x_ui: weight of user u on item i (1 if binary); U(i): users of i, n(i) of them; n(ij) users of
 * both; d_u = deg(u)^-damping, deg(u) = items of the user. j is of the history, i the target.
 *
 *   cosine             Σ d·x_ui·x_uj / (‖x_i‖·‖x_j‖), norms undamped (measured better so)
 *   asymmetric_cosine  Σ d·x_ui·x_uj / (‖x_j‖^2α · ‖x_i‖^2(1-α))              (Aiolli 2013)
 *   tfidf              cosine of x = (1 + ln tf)·idf_u, idf_u = 1 + ln((1+N)/(1+deg(u)))
 *   bm25               dot product of idf_u·tf(k1+1)/(k1(1-b+b·len_i/avg) + tf),
 *                      idf_u = ln(1 + (N - deg(u) + .5)/(deg(u) + .5)), len_i = Σ tf
 *   jaccard            n(ij) / (n(i) + n(j) - n(ij)), times the mean of d over users of both
 *   llr                log-likelihood ratio of n(ij), n(i), n(j), users; times the same mean
 *   pearson            correlation of the ratings of users of both, times the same mean
 *   adjusted_cosine    cosine of ratings less the user's mean, over users of both; the same mean
 * For tf-idf and BM25 an item is the document, its users are the terms, N the items with users; tf
 * below 1 (faded events) takes tf for 1 + ln tf. All are multiplied by n(ij)/(n(ij) + shrinkage);
 * only what is above 0 is kept.
 */
#include "models/itemknn_similarity.h"

#include "kern/math.h"
#include "models/ratings.h"
#include "solve/cooc.h"
#include "solve/llr.h"

#include <math.h>
#include <string.h>

struct fit {
    akin_ctx *ctx;
    const struct similarity_spec *spec;
    struct csr by_user, by_item; /* borrowed ptr, col; val as owned below says */
    float *user_val, *item_val;  /* owned or NULL */
    struct csr rating, rating_t; /* owned: value measures */
    float *user_weight;          /* (n_users) owned */
    float *own, *other;          /* (n_items) owned: factors by the row's item and by the column */
    struct llr llr;
    bool is_binary;
    bool is_damped;
};

/* ---- Measures, a row at a time ------------------------------------------------------------- */

static void shrink(const struct fit *f, const struct cooc_row *row, float *out)
{
    double s = f->spec->shrinkage;
    if (!(s > 0))
        return;
    for (int32_t t = 0; t < row->n; t++) {
        double n = row->moments ? row->moments[t].n : (double)row->count[t];
        out[t] = (float)((double)out[t] * (n / (n + s)));
    }
}

static void measure_factors(const void *arg, const struct cooc_row *row, float *out)
{
    const struct fit *f = arg;
    cooc_scale(row, f->own[row->item], f->other, out);
    shrink(f, row, out);
}

static int64_t users_of(const struct fit *f, int32_t item)
{
    return f->by_item.ptr[item + 1] - f->by_item.ptr[item];
}

static void measure_jaccard(const void *arg, const struct cooc_row *row, float *out)
{
    const struct fit *f = arg;
    int64_t own = users_of(f, row->item);
    for (int32_t t = 0; t < row->n; t++) {
        double n = (double)row->count[t];
        double any = (double)(own + users_of(f, cooc_item(row, t))) - n;
        out[t] = (float)((row->sum ? (double)row->sum[t] : n) / any);
    }
    shrink(f, row, out);
}

static void measure_llr(const void *arg, const struct cooc_row *row, float *out)
{
    const struct fit *f = arg;
    int64_t own = users_of(f, row->item);
    for (int32_t t = 0; t < row->n; t++) {
        double ratio = llr_of(&f->llr, row->count[t], own, users_of(f, cooc_item(row, t)));
        if (row->sum)
            ratio *= (double)row->sum[t] / (double)row->count[t];
        out[t] = (float)ratio;
    }
    shrink(f, row, out);
}

/* The correlation of the values of common users, about their means if is_centred, else about 0. */
static double correlation(const struct cooc_moments *m, bool is_centred)
{
    double ab = m->ab, aa = m->aa, bb = m->bb;
    if (is_centred) {
        ab -= m->a * m->b / m->n;
        aa -= m->a * m->a / m->n;
        bb -= m->b * m->b / m->n;
    }
    /* what rounding left of a variance of 0 */
    double tiny = 1e-12;
    if (!(aa > tiny * m->aa && bb > tiny * m->bb))
        return 0;
    return ab / (sqrt(aa) * sqrt(bb));
}

static void measure_moments(const void *arg, const struct cooc_row *row, float *out)
{
    const struct fit *f = arg;
    bool is_centred = f->spec->similarity == SIM_PEARSON;
    for (int32_t t = 0; t < row->n; t++) {
        const struct cooc_moments *m = &row->moments[t];
        double r = correlation(m, is_centred);
        out[t] = (float)(f->is_damped ? r * (m->d / m->n) : r);
    }
    shrink(f, row, out);
}

/* ---- What the measures need ---------------------------------------------------------------- */

static int64_t active_items(const struct fit *f)
{
    int64_t n = 0;
    for (int32_t i = 0; i < f->by_item.n_rows; i++)
        n += users_of(f, i) > 0;
    return n;
}

/* user_weight = deg^-damping, times idf² for tf-idf and BM25. */
static akin_status weigh_users(struct fit *f, const struct csr *by_user, akin_error *err)
{
    akin_status status = AKIN_OK;
    enum similarity kind = f->spec->similarity;
    bool has_idf = kind == SIM_TFIDF || kind == SIM_BM25;
    double n = (double)active_items(f);
    f->is_damped = f->spec->damping > 0;
    if (!f->is_damped && !has_idf)
        goto done;
    MEM_NEW(f->ctx, f->user_weight, by_user->n_rows);
    for (int64_t u = 0; u < by_user->n_rows; u++) {
        double deg = (double)(by_user->ptr[u + 1] - by_user->ptr[u]);
        double w = f->is_damped && deg > 0 ? kern_pow(deg, -f->spec->damping) : 1;
        double idf = kind == SIM_TFIDF ? 1 + kern_log((1 + n) / (1 + deg))
                                       : kern_log1p((n - deg + .5) / (deg + .5));
        f->user_weight[u] = (float)(has_idf ? w * idf * idf : w);
    }
done:
    return status;
}

/* k1·(1 - b + b·len/avg) of each item into norm (n_items). */
static void bm25_norms(const struct fit *f, double *norm)
{
    const struct csr *x = &f->by_item;
    double total = 0, n = (double)active_items(f);
    for (int64_t i = 0; i < x->n_rows; i++) {
        double len = 0;
        for (int64_t e = x->ptr[i]; e < x->ptr[i + 1]; e++)
            len += f->is_binary ? 1.0 : (double)x->val[e];
        norm[i] = len;
        total += len;
    }
    double b = f->spec->bm25_b;
    for (int64_t i = 0; i < x->n_rows; i++)
        norm[i] = f->spec->bm25_k1 * (1 - b + (total > 0 ? b * norm[i] * n / total : 0));
}

static double term(const struct fit *f, const double *norm, int64_t item, double tf)
{
    if (f->spec->similarity == SIM_BM25)
        return tf * (f->spec->bm25_k1 + 1) / (norm[item] + tf);
    return tf > 1 ? 1 + kern_log(tf) : tf;
}

/* Weights that are not all 1 become tf-idf or BM25 terms, in both directions. */
static akin_status weigh_terms(struct fit *f, const double *norm, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t nnz = csr_nnz(&f->by_user);
    MEM_NEW(f->ctx, f->user_val, nnz);
    MEM_NEW(f->ctx, f->item_val, nnz);
    for (int64_t e = 0; e < nnz; e++)
        f->user_val[e] = (float)term(f, norm, f->by_user.col[e], (double)f->by_user.val[e]);
    AKIN_TRY(ctx_check(f->ctx, err));
    for (int64_t i = 0; i < f->by_item.n_rows; i++)
        for (int64_t e = f->by_item.ptr[i]; e < f->by_item.ptr[i + 1]; e++)
            f->item_val[e] = (float)term(f, norm, i, (double)f->by_item.val[e]);
    f->by_user.val = f->user_val;
    f->by_item.val = f->item_val;
done:
    return status;
}

/* Σ x² of an item; for tf-idf with the idf of its users. */
static double square_norm(const struct fit *f, int64_t item, const double *idf2)
{
    const struct csr *x = &f->by_item;
    double sum = 0;
    for (int64_t e = x->ptr[item]; e < x->ptr[item + 1]; e++) {
        double v = f->is_binary ? 1.0 : (double)x->val[e];
        sum += v * v * (idf2 ? idf2[x->col[e]] : 1.0);
    }
    return sum;
}

static akin_status tfidf_idf2(struct fit *f, double **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const int64_t *ptr = f->by_user.ptr;
    double n = (double)active_items(f);
    MEM_NEW(f->ctx, *out, f->by_user.n_rows);
    for (int64_t u = 0; u < f->by_user.n_rows; u++) {
        double idf = 1 + kern_log((1 + n) / (1 + (double)(ptr[u + 1] - ptr[u])));
        (*out)[u] = idf * idf;
    }
done:
    return status;
}

/* ‖x‖^-p of own and other items, p by side for the asymmetric cosine. */
static akin_status factor_norms(struct fit *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct similarity_spec *spec = f->spec;
    double *idf2 = NULL;
    double alpha = spec->similarity == SIM_ASYMMETRIC_COSINE ? spec->alpha : .5;
    double own = spec->keep == KEEP_HISTORY ? alpha : 1 - alpha;
    if (spec->similarity == SIM_TFIDF)
        AKIN_TRY(tfidf_idf2(f, &idf2, err));
    for (int64_t i = 0; i < f->by_item.n_rows; i++) {
        double square = square_norm(f, i, idf2);
        if (!(square > 0)) {
            f->own[i] = f->other[i] = 0;
        } else if (spec->similarity != SIM_ASYMMETRIC_COSINE) {
            f->own[i] = f->other[i] = (float)(1 / sqrt(square));
        } else {
            f->own[i] = (float)kern_pow(square, -own);
            f->other[i] = (float)kern_pow(square, own - 1);
        }
    }
done:
    mem_free(f->ctx, idf2);
    return status;
}

static akin_status make_factors(struct fit *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n_items = f->by_item.n_rows;
    double *norm = NULL;
    MEM_NEW(f->ctx, f->own, n_items);
    MEM_NEW(f->ctx, f->other, n_items);
    if (f->spec->similarity == SIM_BM25) {
        MEM_NEW(f->ctx, norm, n_items);
        bm25_norms(f, norm);
        if (!f->is_binary)
            AKIN_TRY(weigh_terms(f, norm, err));
        for (int64_t i = 0; i < n_items; i++)
            f->own[i] = f->other[i] = f->is_binary ? (float)term(f, norm, i, 1) : 1.0F;
        goto done;
    }
    if (f->spec->similarity == SIM_TFIDF && !f->is_binary)
        AKIN_TRY(weigh_terms(f, NULL, err));
    AKIN_TRY(factor_norms(f, err));
done:
    mem_free(f->ctx, norm);
    return status;
}

/* Ratings both ways, less the user's mean for the adjusted cosine. */
static akin_status make_ratings(struct fit *f, const struct train_view *tv, akin_error *err)
{
    akin_status status = AKIN_OK;
    bool is_adjusted = f->spec->similarity == SIM_ADJUSTED_COSINE;
    AKIN_TRY(ratings_build(
        tv, is_adjusted ? "itemknn: similarity=adjusted_cosine" : "itemknn: similarity=pearson",
        "use cosine", &f->rating, &f->rating_t, err));
    for (int64_t u = 0; is_adjusted && u < f->rating.n_rows; u++) {
        int64_t lo = f->rating.ptr[u], hi = f->rating.ptr[u + 1];
        double sum = 0;
        for (int64_t e = lo; e < hi; e++)
            sum += (double)f->rating.val[e];
        for (int64_t e = lo; e < hi; e++)
            f->rating.val[e] = (float)((double)f->rating.val[e] - sum / (double)(hi - lo));
    }
    if (is_adjusted) {
        csr_free(f->ctx, &f->rating_t);
        AKIN_TRY(csr_transpose(f->ctx, &f->rating, &f->rating_t, err));
    }
done:
    return status;
}

/* ---- The fit ------------------------------------------------------------------------------- */

static akin_status choose(struct fit *f, const struct train_view *tv, struct cooc *g,
                          cooc_measure_fn *measure, akin_error *err)
{
    akin_status status = AKIN_OK;
    bool needs_count = f->spec->shrinkage > 0;
    switch (f->spec->similarity) {
    case SIM_PEARSON:
    case SIM_ADJUSTED_COSINE:
        AKIN_TRY(make_ratings(f, tv, err));
        AKIN_TRY(weigh_users(f, &f->rating, err));
        *g = (struct cooc){COOC_MOMENTS, &f->rating, &f->rating_t, f->user_weight, false};
        *measure = measure_moments;
        goto done;
    case SIM_LLR:
        AKIN_TRY(llr_init(f->ctx, f->by_user.n_rows, &f->llr, err));
        *measure = measure_llr;
        f->is_binary = true;
        needs_count = true;
        break;
    case SIM_JACCARD:
        *measure = measure_jaccard;
        f->is_binary = true;
        needs_count = true;
        break;
    default:
        AKIN_TRY(make_factors(f, err));
        *measure = measure_factors;
        break;
    }
    AKIN_TRY(weigh_users(f, &f->by_user, err));
    bool is_counted = f->is_binary && !f->user_weight;
    *g = (struct cooc){is_counted ? COOC_COUNT : (needs_count ? COOC_BOTH : COOC_SUM), &f->by_user,
                       &f->by_item, f->user_weight, f->is_binary};
done:
    return status;
}

akin_status similarity_fit(const struct train_view *tv, const struct similarity_spec *spec,
                           struct csr *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = tv->ctx;
    struct fit f = {.ctx = ctx, .spec = spec, .by_user = tv->by_user, .by_item = tv->by_item};
    struct csr rows = {0};
    struct cooc g;
    cooc_measure_fn measure;
    memset(out, 0, sizeof *out);
    f.is_binary = spec->is_binary || csr_is_binary(&tv->by_user);
    AKIN_TRY(choose(&f, tv, &g, &measure, err));
    AKIN_TRY(cooc_top(ctx, &g, spec->neighbors, measure, &f, &rows, err));
    if (spec->keep == KEEP_TARGET) {
        AKIN_TRY(csr_transpose(ctx, &rows, out, err));
    } else {
        *out = rows;
        rows = (struct csr){0};
    }
done:
    csr_free(ctx, &rows);
    csr_free(ctx, &f.rating);
    csr_free(ctx, &f.rating_t);
    llr_free(ctx, &f.llr);
    mem_free(ctx, f.user_val);
    mem_free(ctx, f.item_val);
    mem_free(ctx, f.user_weight);
    mem_free(ctx, f.own);
    mem_free(ctx, f.other);
    return status;
}
