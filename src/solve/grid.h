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
    struct kern_sample *sample; /* (nnz) of one user a few in sequence; target = the value, or 0 */
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

/* Deals items to stripes (another round, another deal) and samples to blocks. Cost: two passes over
 * by_user, in parallel over user stripes. */
akin_status grid_deal(struct grid *g, int64_t round, akin_error *err);

/* Some samples of item stripe b, in their order; they may be changed, as may the rows they name.
 * *loss is this block's own. first: place of the first one in g->sample. */
typedef akin_status (*grid_fn)(void *arg, int64_t first, int64_t n, int64_t b, double *loss,
                               akin_error *err);
/*
 * Every sample once: strata of blocks that share no stripe, one after another, in an order that
 * round decides. loss: the sum over blocks by index. Fails: E_CANCELLED, what fn gives.
 */
akin_status grid_run(struct grid *g, int64_t round, grid_fn fn, void *arg, double *loss,
                     akin_error *err);

#endif
