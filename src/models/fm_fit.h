/* Between fm_fit.c, fm_step.c, fm_side.c and fm_latent.c only: the state of one training. */
#ifndef AKIN_MODELS_FM_FIT_H
#define AKIN_MODELS_FM_FIT_H

#include "core/rng.h"
#include "models/fm.h"

/* What a draw is for; with the feature or event the index of its stream. */
enum fm_draw { FM_DRAW_START = 16, FM_DRAW_FEATURE, FM_DRAW_LATENT, FM_DRAW_GROUP, FM_DRAW_NOISE };

static inline uint64_t fm_index(enum fm_draw what, int64_t side, uint64_t which)
{
    return (uint64_t)what << 56 | (uint64_t)side << 48 | which;
}
static inline uint64_t fm_counter(int64_t sweep)
{
    return (uint64_t)sweep << 32;
}

/* Features of one sort: ids, a column, tags, words. They share a mean and a precision. */
struct fm_group {
    int32_t lo, hi;
    bool is_disjoint; /* no row has two of them: they are drawn side by side */
    int64_t *block;   /* (n_blocks + 1) features of equal work, of disjoint groups */
    int64_t n_blocks;
    double *mean;        /* (k1) */
    double *precision;   /* (k1) */
    const double *start; /* (k1) precisions at first */
};

/*
 * Users, items or contexts: rows of which an event has one each. Of a row are itself (feature r)
 * and its attributes (features from n_own on).
 */
struct fm_side {
    int64_t n_rows, n_features, n_own;
    struct csr X, Xt; /* (rows, features) and back, owned */
    float *theta;     /* (n_features, k1) [v, w] */
    float *sum;       /* (n_rows, k1) [Σ x v, Σ x w + pairs] */
    int64_t *ptr;     /* (n_rows + 1) events of a row */
    int32_t *event;   /* NULL = they follow each other */
    int32_t *row;     /* (events) */
    int64_t *weight;  /* (n_features) events with the feature */
    int32_t n_groups;
    struct fm_group *group;
};

struct fm_fit {
    akin_ctx *ctx;
    const struct model *m;
    const struct train_view *tv;
    const struct fm_params *p;
    struct fm *self;
    uint64_t seed;
    int64_t k, k1;
    int64_t sweep; /* 1.. */
    int64_t n;     /* events */
    float *target; /* (n) unit values, or 1 and 0 */
    float *weight; /* (n) of logistic rows, NULL = all 1 */
    float *left;   /* (n) residuals */
    double noise;  /* α */
    struct fm_side side[FM_SIDES];
    float *gap;     /* (items, k1) mean less draw of items themselves; NULL = not kept now */
    double *start;  /* (4, k1) precisions at first */
    float *zeros;   /* (k1) */
    double *sums;   /* (blocks of events) */
    float *scratch; /* of workers, then of pieces */
    int64_t scratch_size;
    float *piece; /* (n_pieces, k1·(k1 + 1)) of the feature at hand */
    int64_t *cut; /* (n_pieces + 1) its rows */
    int64_t cap_pieces;
};

/* Writable views of what the model owns. */
struct fm_kept {
    float *theta[FM_SIDES], *items, *drawn, *gap, *offset, *bias, *prior, *newcomer;
};

enum { FM_CHUNK = 128, FM_PIECE = 4096, FM_EVENTS = 8192 };

/* fm_gradient.c: sgd and adagrad, from data to what is kept but for set biases. */
akin_status fm_fit_gradient(struct fm_fit *f, const struct fm_kept *to, struct fm_data *d,
                            akin_error *err);
/* fm_side.c: takes rows and targets of d to make sides; freed by fm_side_free of each and mem_free.
 */
akin_status fm_take(struct fm_fit *f, struct fm_data *d, akin_error *err);
void fm_side_free(struct fm_fit *f, struct fm_side *s);
/* fm_latent.c: residuals (and weights) from the parameters as they are; *loss = Σ weight·left². */
akin_status fm_residuals(struct fm_fit *f, double *loss, akin_error *err);
/* λ given the distance r > 0 of a target from x̂; E[1/λ] = tanh(r/2) / r. */
double fm_draw_lambda(struct rng *rng, double r);
/* fm_step.c: what a side's groups share, then its features. */
akin_status fm_step(struct fm_fit *f, enum fm_side_of side, akin_error *err);

#endif
