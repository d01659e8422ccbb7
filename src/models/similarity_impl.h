/* What the files of similarity share. */
#ifndef AKIN_MODELS_SIMILARITY_IMPL_H
#define AKIN_MODELS_SIMILARITY_IMPL_H

#include "kern/math.h"
#include "models/similarity.h"

/* Row q of cooc, with what is known of q. */
struct question {
    const struct similarity *s;
    const struct cooc_row *row;
    double own, degree;
};

/* What the kinds have in common and what not. */
struct similarity_class {
    void (*measure)(const struct question *q, float *out);
    bool has_factors; /* the measure takes own and other */
    bool is_binary;   /* who, not how much */
    bool needs_count; /* n(pq) beside the sums */
    bool rates;       /* compares ratings */
    bool has_idf;
    bool has_llr;
};
const struct similarity_class *similarity_class_of(const struct similarity *s);

static inline double similarity_axis_degree(const struct similarity *s, int64_t axis)
{
    return (double)(s->by_axis.ptr[axis + 1] - s->by_axis.ptr[axis]);
}

static inline double similarity_idf(const struct similarity *s, int64_t axis)
{
    double n = (double)s->n_points, deg = similarity_axis_degree(s, axis);
    return s->spec.kind == SIM_TFIDF ? 1 + kern_log((1 + n) / (1 + deg))
                                     : kern_log1p((n - deg + .5) / (deg + .5));
}

/* BM25's k1·(1 - b + b·len/avg); 0 for tf-idf. */
static inline double similarity_norm(const struct similarity *s, double len)
{
    double b = s->spec.bm25_b;
    if (s->spec.kind != SIM_BM25)
        return 0;
    return s->spec.bm25_k1 * (1 - b + (s->length > 0 ? b * len / s->length : 0));
}

/* Of tf-idf and BM25. */
static inline double similarity_tf(const struct similarity *s, double norm, double tf)
{
    if (s->spec.kind == SIM_BM25)
        return tf * (s->spec.bm25_k1 + 1) / (norm + tf);
    return tf > 1 ? 1 + kern_log(tf) : tf;
}

/* ‖x‖^-2·share of a point whose ‖x‖² is square; BM25 has but the term of a binary value. */
static inline double similarity_factor(const struct similarity *s, double square, double norm,
                                       double share)
{
    if (s->spec.kind == SIM_BM25)
        return s->is_binary ? similarity_tf(s, norm, 1) : 1;
    if (!(square > 0))
        return 0;
    return s->spec.kind == SIM_ASYMMETRIC_COSINE ? kern_pow(square, -share) : 1 / sqrt(square);
}

/* Degrees of points and how many there are, from by_axis. */
akin_status similarity_count(akin_ctx *ctx, struct similarity *s, akin_error *err);

#endif
