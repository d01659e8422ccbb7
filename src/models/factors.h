/*
 * What the models learnt by stochastic gradient descent share: two tables of rows, their start,
 * their epochs over a grid (solve/grid.h), their files.
 */
#ifndef AKIN_MODELS_FACTORS_H
#define AKIN_MODELS_FACTORS_H

#include "models/model.h"
#include "solve/grid.h"

/* Rows are whole cache lines: k is a multiple of KERN_PANEL, what a model does not use is 0. */
struct factors {
    akin_ctx *ctx;
    int64_t k;
    int64_t n_users, n_items;
    float *users;   /* (n_users, k) owned, or in the model's file and then only read */
    float *items;   /* (n_items, k) likewise */
    bool is_mapped; /* the tables lie in the model's file */
};

static inline int64_t factors_width(int64_t n)
{
    return (n + KERN_PANEL - 1) / KERN_PANEL * KERN_PANEL;
}

/* Zeros; width numbers of a row are used. Ends with factors_free, also after a failure. */
akin_status factors_alloc(struct model *m, int64_t width, struct factors *out, akin_error *err);
void factors_free(struct factors *f);

/* Sections m.users and m.items. Loading refuses other sizes and numbers that are not finite. */
akin_status factors_save(const struct factors *f, struct container_writer *w, akin_error *err);
akin_status factors_load(struct model *m, struct container *c, int64_t width, struct factors *out,
                         akin_error *err);

/*
 * The first `width` numbers of each row: base + stddev · a nearly normal deviate (a sum of four
 * uniform ones), not below `least`. A deviate is a draw of (seed, row, coordinate).
 */
struct factors_start {
    uint64_t seed;
    int64_t width;
    double base, stddev, least;
};
akin_status factors_begin(struct factors *f, const struct factors_start *start, akin_error *err);
/*
 * Rows of an earlier model over what is there. width: numbers of a row that are learnt of each
 * side, now and then. Fails: E_ARG (the widths differ, no or bad places).
 */
akin_status factors_warm(struct factors *f, const struct factors *old, int64_t width,
                         int64_t old_width, const struct fit_control *ctl, akin_error *err);

/*
 * A step keeps 1 - learning_rate·reg of a row: below -1 the rows grow by what is to shrink them.
 * Fails: E_ARG (owner and both values named).
 */
akin_status sgd_check(const char *owner, double learning_rate, double reg, akin_error *err);

/* A training: what the epochs do over and over. */
struct sgd {
    struct model *m;
    const struct fit_control *ctl;
    struct grid *grid;
    struct factors *f;
    int64_t epochs;
    double learning_rate;
    double decay; /* of the learning rate, an epoch */
    double reg;
    int64_t learns_p, learns_q; /* how many numbers of a row are learnt … */
    int64_t skips_q;            /* … but this one of an item's, -1 = none */
    bool is_non_negative;       /* what is learnt */
    bool deals_anew;            /* items, each epoch */
    /* Called after each deal, or NULL; then samples are placed by fill (grid.h). */
    akin_status (*dealt)(void *arg, akin_error *err);
    grid_fill fill;
    grid_fn fn;
    void *arg;
    /* Set by sgd_run: */
    int64_t epoch;        /* from 1 */
    struct kern_sgd step; /* with the rates of the epoch */
};
/* Fails: E_ARG (as sgd_check; the factors grew without bound), E_MEMORY, E_CANCELLED. */
akin_status sgd_run(struct sgd *s, akin_error *err);

/* Scores by rows: out[q·ldo + j] = states[q] · items[j-th of the set]; the same bits for any set
 * and batch. states (n_queries, k). */
akin_status factors_score(const struct factors *f, const float *states, int32_t n_queries,
                          const struct item_set *set, float *out, int64_t ldo,
                          struct arena *scratch, akin_error *err);
/* Cosine of the first `width` numbers of item rows; items of no length say nothing. */
void factors_similar(const struct factors *f, int64_t width, int32_t item, struct evidence *out);

#endif
