/*
 * How near two points are by the axes that they share: items by their users (itemknn), users by
 * their items (userknn).
 */
#ifndef AKIN_MODELS_SIMILARITY_H
#define AKIN_MODELS_SIMILARITY_H

#include "models/folded.h"
#include "models/model.h"
#include "solve/cooc.h"
#include "solve/llr.h"

enum similarity_kind {
    SIM_COSINE,
    SIM_ADJUSTED_COSINE,
    SIM_ASYMMETRIC_COSINE,
    SIM_JACCARD,
    SIM_PEARSON,
    SIM_BM25,
    SIM_TFIDF,
    SIM_LLR
};
#define SIM_CHOICES "cosine|adjusted_cosine|asymmetric_cosine|jaccard|pearson|bm25|tfidf|llr"

enum similarity_points { SIM_ITEMS, SIM_USERS };

struct similarity_spec {
    enum similarity_kind kind;
    bool is_binary; /* weights of events count as 1 */
    /* alpha: share of the norm of the point that others are compared to, a row's */
    double damping, alpha, shrinkage, bm25_k1, bm25_b;
};

/* What comparing takes. Arrays are owned, or views into the file that it was loaded from. */
struct similarity {
    struct similarity_spec spec;
    bool is_binary;           /* all values count as 1 */
    int64_t n_points;         /* N: those that have axes */
    double length;            /* bm25: mean Σ of values of a point */
    struct csr by_axis;       /* (n_axes, n_points) weights, terms or ratings; val NULL if binary */
    struct csr by_point;      /* its transpose: of a fit */
    const float *axis_weight; /* (n_axes) deg^-damping, times idf² for tf-idf, BM25; NULL = 1 */
    const double *axis_mean;  /* (n_axes) adjusted_cosine: taken off the ratings; else NULL */
    const float *own, *other; /* (n_points) factors as a row's point (of a fit), as a column */
    int32_t *degree;          /* (n_points) axes of each; owned, as the next */
    struct llr llr;
};

/* Does it compare ratings rather than weights? */
bool similarity_rates(enum similarity_kind kind);

/*
 * name: of the model, for messages. Arrays of the view may be shared, not copied; values, tf-idf
 * and BM25 terms are made beside them. Fails: E_INPUT (ratings are needed but there are none),
 * E_MEMORY, E_CANCELLED; out is freed then.
 */
akin_status similarity_fit(const struct train_view *tv, const char *name,
                           enum similarity_points points, const struct similarity_spec *spec,
                           struct similarity *out, akin_error *err);
void similarity_free(akin_ctx *ctx, struct similarity *s);
/* The sums that measures are made of; cooc_top with similarity_measure and s gives neighbours. */
struct cooc similarity_cooc(const struct similarity *s);
void similarity_measure(const void *similarity, const struct cooc_row *row, float *out);

/* ---- A point that the fit does not know -------------------------------------------------- */

struct similarity_asker {
    double own;    /* factor */
    double degree; /* axes */
};
/* x of h (axes and weights, or ratings) become values as the fit made them of its points'. */
void similarity_ask(const struct similarity *s, struct folded *h, struct similarity_asker *out);
/* out (row->n): how near she is to the points of her row (cooc_row_of). */
void similarity_measure_asker(const struct similarity *s, const struct similarity_asker *asker,
                              const struct cooc_row *row, float *out);
/*
 * What an axis of both, where their values are x and y, adds to the nearness of the asker and a
 * point, up to a factor that is the same for all axes of the two. m: theirs in her row, or NULL.
 */
double similarity_term(const struct similarity *s, const struct cooc_moments *m, int32_t axis,
                       double x, double y);

/* Sections m.axis.*; what only a fit needs is left out. */
akin_status similarity_save(struct container_writer *w, const struct similarity *s,
                            akin_error *err);
akin_status similarity_load(akin_ctx *ctx, struct container *c, const struct similarity_spec *spec,
                            int32_t n_points, int32_t n_axes, struct similarity *out,
                            akin_error *err);
/* Of a loaded one. */
void similarity_unload(akin_ctx *ctx, struct similarity *s);

#endif
