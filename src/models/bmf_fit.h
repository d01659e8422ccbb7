/* Between bmf_fit.c, bmf_keep.c, bmf_ratings.c and bmf_side.c only: the state of one chain. */
#ifndef AKIN_MODELS_BMF_FIT_H
#define AKIN_MODELS_BMF_FIT_H

#include "models/bmf.h"

/* What a draw is for; with the column or row the index of its stream. */
enum bmf_draw {
    BMF_DRAW_START,
    BMF_DRAW_USER,
    BMF_DRAW_ITEM,
    BMF_DRAW_TIME,
    BMF_DRAW_WEIGHT,
    BMF_DRAW_CUT,
    BMF_DRAW_LATENT
};

static inline uint64_t bmf_index(enum bmf_draw what, uint64_t which)
{
    return (uint64_t)what << 56 | which;
}
/* The first counter of a sweep. */
static inline uint64_t bmf_counter(int64_t sweep)
{
    return (uint64_t)sweep << 32;
}

enum { BMF_GROUPS = 1028 }; /* raters, tags and the columns of a table */

/*
 * Features of one kind, which move the prior mean of a side's rows: by c_j / √(features of the
 * row), each column of c normal around a mean of its own.
 */
struct bmf_group {
    struct csr of_row;      /* (rows, n) of rows without ratings, owned; empty if none */
    struct csr owned;       /* what `rows` points to if it is this group's own */
    const struct csr *rows; /* (n, rows) of each feature: rows with ratings */
    int64_t n;              /* features */
    float *scale;           /* (rows) 1 / √(features of the row) */
    float *square;          /* (n) Σ scale² over the rows of a feature */
    float *c;               /* (k1, n) a column's weights one after another */
    double *mean;           /* (k1) */
    double *precision;      /* (k1) */
};

/* Rows that are drawn: users, items or bins of time. */
struct bmf_side {
    enum bmf_draw what;
    int64_t n;
    const int64_t *ptr; /* (n + 1) ratings of each row */
    const int32_t *col; /* the row of the other side; of bins the item */
    const float *val;   /* ratings */
    const float *bin;   /* the bin of each rating, NULL without time */
    float *X;           /* (n, ld) vector, 1, bias: features are its first k1 floats */
    float *kept;        /* (n, S, k1) of items: where means go in a sweep that is kept, else NULL */
    float *prior;       /* (n, k1) prior means */
    double *mean;       /* (k1) what all rows share */
    double *precision;  /* (k1) around the prior mean */
    int32_t n_groups;
    struct bmf_group *group;
    int64_t *block; /* (n_blocks + 1) rows in blocks of equal work */
    int64_t n_blocks;
};

/* Ratings as levels; all 0 without. by_user.val and its copies are latents then. */
struct bmf_latents {
    int32_t n;          /* levels */
    float *level;       /* (n) ascending; the model's */
    uint8_t *rated;     /* (ratings by user) */
    float *mean;        /* (ratings by user) what the rows make of each */
    int64_t *from_item; /* of each rating by item: where it is by user */
    int64_t *from_bin;  /* the same by bin, NULL without time */
    double *cut;        /* (n + 1) -∞, cut points, ∞ */
    double *proposal;   /* (n + 1) */
    double *step;       /* (n + 1) standard deviation of proposals */
    double *ratio;      /* (blocks of users, n + 1) log of likelihood ratios */
};

struct bmf_fit {
    akin_ctx *ctx;
    const struct model *m;
    const struct bmf_params *p;
    struct bmf *self;
    uint64_t seed;
    int64_t k, k1, ld;
    int64_t sweep; /* 1.. */
    double noise;  /* precision of a rating */
    struct csr by_user, by_item, bins_user, bins_item;
    struct bmf_side users, items, times;
    struct bmf_latents latents;
    int64_t *time_ptr; /* (n_bins + 1) events by bin; of each its item, rating, user */
    int32_t *time_item, *time_user;
    float *time_val;
    int64_t longest;      /* ratings of a row */
    int32_t *iota;        /* (longest) 0, 1, 2, … */
    double *errors;       /* (blocks of users) squares */
    float *scratch;       /* of workers */
    int64_t scratch_size; /* of one */
};

/*
 * Fills ratings, clock and scale, and what the sides see of them. Fails: E_INPUT (no values, a
 * rating that is not finite, bins without times or too many).
 */
akin_status bmf_ratings_read(struct bmf_fit *f, const struct train_view *tv, akin_error *err);
/* bmf_cuts.c: levels and first latents of by_user.val as read; then, with sides and blocks made,
 * the rest of the room. Fails: E_INPUT (more than BMF_LEVELS different ratings). */
akin_status bmf_levels_read(struct bmf_fit *f, akin_error *err);
akin_status bmf_latents_make(struct bmf_fit *f, akin_error *err);
/* Cut points given what users' rows predict, latents not yet drawn; then latents. */
akin_status bmf_latents_draw(struct bmf_fit *f, akin_error *err);
void bmf_latents_free(struct bmf_fit *f);
/* Along a binary tree over the index: out[0] of each of n rows of `width`, in place in the first.
 */
void bmf_fold_tree(double *x, int64_t n, int64_t width);
/* Room of the sides; groups are empty. n, ptr of the side are set. */
akin_status bmf_side_make(struct bmf_fit *f, struct bmf_side *s, akin_error *err);
void bmf_side_free(akin_ctx *ctx, struct bmf_side *s);
/* Features of users (items rated) and of items (raters, categories, tags), by the parameters. */
akin_status bmf_groups_make(struct bmf_fit *f, akin_error *err);
/*
 * Draws what the rows of a side have in common: feature weights, means, precisions; sets prior.
 * Columns are independent of each other given the rows. Cost: k1 · (rows + features of rows).
 */
akin_status bmf_side_common(struct bmf_fit *f, struct bmf_side *s, akin_error *err);
/* Rows without a rating = their prior mean, for items that are kept. */
void bmf_side_cold(const struct bmf_fit *f, struct bmf_side *s);

/* Writable views of what the model owns. */
struct bmf_kept {
    float *items, *features, *offset, *bias, *implicit, *prior, *time, *cuts, *expected;
    int64_t *clock;
};
/* Room in the model's own sizes; what failed half is still handed over, for model_free. */
akin_status bmf_kept_make(struct bmf_fit *f, struct bmf_kept *to, akin_error *err);
/* The state after a sweep becomes sample s. */
akin_status bmf_keep(struct bmf_fit *f, const struct bmf_kept *to, int64_t s, akin_error *err);
void bmf_kept_hand_over(const struct bmf_kept *to, struct bmf *self);

#endif
