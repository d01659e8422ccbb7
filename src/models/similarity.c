/*
 * Similarities of points by their axes, all from one pass over co-occurrences (solve/cooc.h).
 * Points are items and axes users, or the other way round.
 *
 * x_ap: weight of axis a on point p (1 if binary); A(p): axes of p, n(p) of them; n(pq) axes of
 * both; d_a = deg(a)^-damping, deg(a) = points of the axis. q is a row's point, p a column's.
 *
 *   cosine             Σ d·x_ap·x_aq / (‖x_p‖·‖x_q‖), norms undamped (measured better so)
 *   asymmetric_cosine  Σ d·x_ap·x_aq / (‖x_q‖^2α · ‖x_p‖^2(1-α))              (Aiolli 2013)
 *   tfidf              cosine of x = (1 + ln tf)·idf_a, idf_a = 1 + ln((1+N)/(1+deg(a)))
 *   bm25               dot product of idf_a·tf(k1+1)/(k1(1-b+b·len_p/avg) + tf),
 *                      idf_a = ln(1 + (N - deg(a) + .5)/(deg(a) + .5)), len_p = Σ tf
 *   jaccard            n(pq) / (n(p) + n(q) - n(pq)), times the mean of d over axes of both
 *   llr                log-likelihood ratio of n(pq), n(p), n(q), axes; times the same mean
 *   pearson            correlation of the ratings on axes of both, times the same mean
 *   adjusted_cosine    cosine of ratings less the axis's mean, over axes of both; the same mean
 * For tf-idf and BM25 a point is the document, its axes are the terms, N the points with axes; tf
 * below 1 (faded events) takes tf for 1 + ln tf. All are multiplied by n(pq)/(n(pq) + shrinkage);
 * only what is above 0 counts.
 */
#include "models/similarity_impl.h"

#include "models/csr_file.h"

#include <inttypes.h>
#include <string.h>

/* ---- Measures, a row at a time ------------------------------------------------------------- */

static void shrink(const struct question *q, float *out)
{
    const struct cooc_row *row = q->row;
    double s = q->s->spec.shrinkage;
    if (!(s > 0))
        return;
    for (int32_t t = 0; t < row->n; t++) {
        double n = row->moments ? row->moments[t].n : (double)row->count[t];
        out[t] = (float)((double)out[t] * (n / (n + s)));
    }
}

static void measure_factors(const struct question *q, float *out)
{
    cooc_scale(q->row, (float)q->own, q->s->other, out);
}

static void measure_jaccard(const struct question *q, float *out)
{
    const struct cooc_row *row = q->row;
    for (int32_t t = 0; t < row->n; t++) {
        double n = (double)row->count[t];
        double any = q->degree + (double)q->s->degree[cooc_item(row, t)] - n;
        out[t] = (float)((row->sum ? (double)row->sum[t] : n) / any);
    }
}

static void measure_llr(const struct question *q, float *out)
{
    const struct cooc_row *row = q->row;
    const int32_t *degree = q->s->degree;
    for (int32_t t = 0; t < row->n; t++) {
        double ratio =
            llr_of(&q->s->llr, row->count[t], (int64_t)q->degree, degree[cooc_item(row, t)]);
        if (row->sum)
            ratio *= (double)row->sum[t] / (double)row->count[t];
        out[t] = (float)ratio;
    }
}

/* The correlation of the values on common axes, about their means if is_centred, else about 0. */
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

static void measure_moments(const struct question *q, float *out)
{
    const struct cooc_row *row = q->row;
    bool is_centred = q->s->spec.kind == SIM_PEARSON;
    for (int32_t t = 0; t < row->n; t++) {
        const struct cooc_moments *m = &row->moments[t];
        double r = correlation(m, is_centred);
        out[t] = (float)(q->s->axis_weight ? r * (m->d / m->n) : r);
    }
}

static const struct similarity_class classes[] = {
    [SIM_COSINE] = {.measure = measure_factors, .has_factors = true},
    [SIM_ADJUSTED_COSINE] = {.measure = measure_moments, .rates = true},
    [SIM_ASYMMETRIC_COSINE] = {.measure = measure_factors, .has_factors = true},
    [SIM_JACCARD] = {.measure = measure_jaccard, .is_binary = true, .needs_count = true},
    [SIM_PEARSON] = {.measure = measure_moments, .rates = true},
    [SIM_BM25] = {.measure = measure_factors, .has_factors = true, .has_idf = true},
    [SIM_TFIDF] = {.measure = measure_factors, .has_factors = true, .has_idf = true},
    [SIM_LLR] = {.measure = measure_llr, .is_binary = true, .needs_count = true, .has_llr = true},
};

const struct similarity_class *similarity_class_of(const struct similarity *s)
{
    return &classes[s->spec.kind];
}

bool similarity_rates(enum similarity_kind kind)
{
    return classes[kind].rates;
}

struct cooc similarity_cooc(const struct similarity *s)
{
    const struct similarity_class *k = similarity_class_of(s);
    bool needs_count = k->needs_count || s->spec.shrinkage > 0;
    enum cooc_kind kind = s->is_binary && !s->axis_weight ? COOC_COUNT
                          : needs_count                   ? COOC_BOTH
                                                          : COOC_SUM;
    return (struct cooc){k->rates ? COOC_MOMENTS : kind, &s->by_axis, &s->by_point, s->axis_weight,
                         s->is_binary};
}

static void measure(const struct similarity *s, const struct cooc_row *row, double own,
                    double degree, float *out)
{
    const struct question q = {s, row, own, degree};
    similarity_class_of(s)->measure(&q, out);
    shrink(&q, out);
}

void similarity_measure(const void *similarity, const struct cooc_row *row, float *out)
{
    const struct similarity *s = similarity;
    measure(s, row, s->own ? (double)s->own[row->item] : 1, s->degree[row->item], out);
}

void similarity_measure_asker(const struct similarity *s, const struct similarity_asker *asker,
                              const struct cooc_row *row, float *out)
{
    measure(s, row, asker->own, asker->degree, out);
}

double similarity_term(const struct similarity *s, const struct cooc_moments *m, int32_t axis,
                       double x, double y)
{
    bool is_centred = s->spec.kind == SIM_PEARSON;
    if (m)
        return is_centred ? (x - m->a / m->n) * (y - m->b / m->n) : x * y;
    double weight = s->axis_weight ? (double)s->axis_weight[axis] : 1;
    return s->is_binary ? weight : weight * x * y;
}

/* ---- A point that the fit does not know ---------------------------------------------------- */

/* One value of hers as the fit made those of its points. */
static float ask_value(const struct similarity *s, int32_t axis, float x)
{
    if (s->is_binary)
        return 1.0F;
    return s->axis_mean ? (float)((double)x - s->axis_mean[axis]) : x;
}

void similarity_ask(const struct similarity *s, struct folded *h, struct similarity_asker *out)
{
    const struct similarity_class *k = similarity_class_of(s);
    double len = 0, square = 0;
    for (int32_t j = 0; j < h->n; j++) {
        h->x[j] = ask_value(s, h->item[j], h->x[j]);
        len += (double)h->x[j];
    }
    *out = (struct similarity_asker){1, h->n};
    if (!k->has_factors)
        return;
    double norm = similarity_norm(s, len);
    for (int32_t j = 0; j < h->n; j++) {
        if (k->has_idf && !s->is_binary)
            h->x[j] = (float)similarity_tf(s, norm, (double)h->x[j]);
        double idf = s->spec.kind == SIM_TFIDF ? similarity_idf(s, h->item[j]) : 1;
        square += (double)h->x[j] * (double)h->x[j] * (idf * idf);
    }
    out->own = similarity_factor(s, square, norm, s->spec.alpha);
}

/* ---- Files --------------------------------------------------------------------------------- */

static const struct csr_sections sections = {"m.axis.ptr", "m.axis.point", "m.axis.value"};

/* Arrays that not all kinds have, by section. */
static akin_status array_save(struct container_writer *w, const char *name, const void *data,
                              int64_t n, int64_t elem, akin_error *err)
{
    return data ? container_add(w, name, CONTAINER_REQUIRED, data, n * elem, err) : AKIN_OK;
}

akin_status similarity_save(struct container_writer *w, const struct similarity *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t n_axes = s->by_axis.n_rows, n_points = s->by_axis.n_cols;
    AKIN_TRY(csr_save(w, &sections, &s->by_axis, err));
    AKIN_TRY(array_save(w, "m.axis.weight", s->axis_weight, n_axes, sizeof *s->axis_weight, err));
    AKIN_TRY(array_save(w, "m.axis.mean", s->axis_mean, n_axes, sizeof *s->axis_mean, err));
    AKIN_TRY(array_save(w, "m.factor", s->other, n_points, sizeof *s->other, err));
    AKIN_TRY(array_save(w, "m.length", &s->length, 1, sizeof s->length, err));
done:
    return status;
}

/* NULL unless is_there, then of n elements. */
static akin_status array_load(struct container *c, const char *name, bool is_there, int64_t n,
                              int64_t elem, const void **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t size;
    *out = NULL;
    if (!is_there)
        goto done;
    AKIN_TRY(container_get(c, name, elem, false, out, &size, err));
    if (size != n)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: section %s has %" PRId64 " numbers, not %" PRId64,
                  container_path(c), name, size, n);
done:
    return status;
}

akin_status similarity_load(akin_ctx *ctx, struct container *c, const struct similarity_spec *spec,
                            int32_t n_points, int32_t n_axes, struct similarity *out,
                            akin_error *err)
{
    akin_status status = AKIN_OK;
    struct similarity *s = out;
    *s = (struct similarity){.spec = *spec};
    const struct similarity_class *k = similarity_class_of(s);
    bool has_weight = spec->damping > 0 || k->has_idf;
    bool has_mean = spec->kind == SIM_ADJUSTED_COSINE;
    const void *weight, *mean, *factor, *length;
    AKIN_TRY(csr_load(c, &sections, n_axes, n_points, !k->rates, &s->by_axis, err));
    AKIN_TRY(array_load(c, "m.axis.weight", has_weight, n_axes, 4, &weight, err));
    AKIN_TRY(array_load(c, "m.axis.mean", has_mean, n_axes, 8, &mean, err));
    AKIN_TRY(array_load(c, "m.factor", k->has_factors, n_points, 4, &factor, err));
    AKIN_TRY(array_load(c, "m.length", true, 1, 8, &length, err));
    s->is_binary = !s->by_axis.val;
    s->axis_weight = weight;
    s->axis_mean = mean;
    s->other = factor;
    memcpy(&s->length, length, sizeof s->length);
    AKIN_TRY(similarity_count(ctx, s, err));
    if (k->has_llr)
        AKIN_TRY(llr_init(ctx, n_axes, &s->llr, err));
done:
    return status;
}

void similarity_unload(akin_ctx *ctx, struct similarity *s)
{
    mem_free(ctx, s->degree);
    llr_free(ctx, &s->llr);
    memset(s, 0, sizeof *s);
}
