/*
 * The grid of stochastic gradient descent: users and items are dealt to stripes by seed, the
 * samples of a user stripe and an item stripe are a block, and blocks that share neither run at
 * once (Gemulla et al. 2011, doi:10.1145/2020408.2020426). How many stripes there are depends on
 * the data or the caller, never on threads: the same bits for any number of them.
 */
#ifndef AKIN_SOLVE_GRID_H
#define AKIN_SOLVE_GRID_H

#include "data/csr.h"
#include "kern/kern.h"

enum { GRID_MAX = 64 };

struct grid {
    akin_ctx *ctx;
    const struct csr *by_user; /* borrowed */
    uint64_t seed;
    int64_t n;                  /* stripes of either side */
    int64_t *ptr;               /* (n² + 1) samples of block (a, b) at a·n + b */
    struct kern_sample *sample; /* (nnz) by block; few of one user in sequence */
    int64_t *user_ptr;          /* (n + 1) */
    int32_t *user;              /* (users) by stripe, ascending within */
    int64_t *item_ptr;          /* (n + 1) */
    int32_t *item;              /* (items) by stripe, ascending within */
    uint8_t *item_stripe;       /* (items) */
    int64_t *at;                /* (n²) scratch */
};

/*
 * A grid over by_user, which must outlive it; users are dealt, items not yet. stripes: 1..GRID_MAX,
 * or 0 = as many as give blocks of about 4,096 samples. Ends with grid_free, also after a failure.
 */
akin_status grid_init(akin_ctx *ctx, const struct csr *by_user, int64_t stripes, uint64_t seed,
                      struct grid *out, akin_error *err);
void grid_free(struct grid *g);

/* Deals items to stripes: another round, another deal. Cost: a draw an item. */
void grid_deal(struct grid *g, int64_t round);

/* A sample as it is placed: the entry of by_user it comes from, its user's items (own, ascending)
 * and the stripe of its item. memo is the fill's own, kept from one entry of a user to the next. */
struct grid_entry {
    int64_t at;
    const int32_t *own;
    int64_t n_own, stripe;
    bool is_first; /* of its user */
    uint64_t memo[2];
};
typedef void (*grid_fill)(void *arg, struct grid_entry *entry, struct kern_sample *sample);
/*
 * Places the samples of a deal into blocks: p, q, and the value as target, or what fill makes of
 * them (NULL = none), called from several workers at once. Cost: two passes over by_user, in
 * parallel over user stripes.
 */
akin_status grid_place(struct grid *g, grid_fill fill, void *arg, akin_error *err);

/* Some samples of a block, in their order; the rows they name are the caller's to change. Returns
 * their loss. */
typedef double (*grid_fn)(void *arg, const struct kern_sample *sample, int64_t n);
/*
 * Every sample once: strata of blocks that share no stripe, one after another, in an order that
 * round decides. loss: the sum over blocks by index. Fails: E_MEMORY, E_CANCELLED.
 */
akin_status grid_run(struct grid *g, int64_t round, grid_fn fn, void *arg, double *loss,
                     akin_error *err);

#endif
