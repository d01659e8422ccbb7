/*
 * Co-occurrence: the sparse Gram matrix G = XᵀDX of users × items, a row at a time, and the best of
 * each row. What item neighbours, "bought together", EASE and SLIM start from.
 *
 * Every sum runs over users ascending, so that the bits depend on nothing else; X has values > 0
 * (but for COOC_MOMENTS), D >= 0.
 */
#ifndef AKIN_SOLVE_COOC_H
#define AKIN_SOLVE_COOC_H

#include "data/csr.h"

enum cooc_kind {
    COOC_COUNT = 1,  /* n(ij) = users with both; exact */
    COOC_SUM = 2,    /* Σ d_u·x_ui·x_uj in float; terms below FLT_MIN count as FLT_MIN */
    COOC_BOTH = 3,   /* both */
    COOC_MOMENTS = 4 /* of the values of users with both, in double */
};

/* Of pair (i, j), sums over users with both: of 1, d_u, a = x_ui, b = x_uj and their products. */
struct cooc_moments {
    double n, d, a, b, aa, bb, ab;
};

/* Arrays borrowed. */
struct cooc {
    enum cooc_kind kind;
    const struct csr *by_user; /* X (n_users, n_items) */
    const struct csr *by_item; /* Xᵀ */
    const float *user_weight;  /* (n_users) diagonal of D, NULL = 1 */
    bool is_binary;            /* all values of X count as 1 */
};

/*
 * A row of G: the items that share a user with `item`, itself too. Either listed, in no particular
 * order, or, of rows that touch many, all items with zeros for those that share nothing.
 */
struct cooc_row {
    int32_t item;
    int32_t n;
    const int32_t *items;               /* (n), or NULL = 0..n-1, all items */
    const float *sum;                   /* (n) COOC_SUM, COOC_BOTH; else NULL */
    const uint32_t *count;              /* (n) COOC_COUNT, COOC_BOTH; else NULL */
    const struct cooc_moments *moments; /* (n) COOC_MOMENTS; else NULL */
};
static inline int32_t cooc_item(const struct cooc_row *row, int32_t t)
{
    return row->items ? row->items[t] : t;
}

/* out (row->n) = own · other[item] · the row's sums, or counts where it has none. other (n_items).
 */
void cooc_scale(const struct cooc_row *row, float own, const float *other, float *out);

/* Called once for each item, from several workers at once; row lives during the call. */
typedef akin_status (*cooc_visit_fn)(void *arg, const struct cooc_row *row, int worker,
                                     akin_error *err);
/*
 * Cost: Σ over users of (items of the user)² additions; scratch of 12 bytes an item and worker (20
 * for both, 116 for moments). Fails: E_MEMORY, E_CANCELLED, what fn gives. Threads: the context's.
 */
akin_status cooc_visit(akin_ctx *ctx, const struct cooc *g, cooc_visit_fn fn, void *arg,
                       akin_error *err);
/* The same of rows that end at their own item: half the additions where symmetry does the rest. */
akin_status cooc_visit_lower(akin_ctx *ctx, const struct cooc *g, cooc_visit_fn fn, void *arg,
                             akin_error *err);

/*
 * The row of an item that X need not hold: it has the users given (n, ascending, each once), with
 * values own (NULL = 1): what cooc_visit gives of an item of X with them. number: row->item, -1 =
 * none of X. g->by_item is not looked at. out lives in the arena. Cost: Σ items of these users
 * additions; 12 bytes an item are cleared (20 for both, 116 for moments).
 */
akin_status cooc_row_of(const struct cooc *g, int32_t number, const int32_t *users,
                        const float *own, int32_t n, struct arena *scratch, struct cooc_row *out,
                        akin_error *err);

/* out (row->n) = how near row->item and each item of the row are; <= 0 or NaN = not at all, which
 * it must give where nothing is shared. */
typedef void (*cooc_measure_fn)(const void *arg, const struct cooc_row *row, float *out);
/*
 * The k best of each row by measure (larger first, then the lower index), never the item itself:
 * a CSR (n_items, n_items) of row item → its neighbours. Owned by the caller. Beside it at most
 * 8 bytes a kept pair while it is made.
 */
akin_status cooc_top(akin_ctx *ctx, const struct cooc *g, int32_t k, cooc_measure_fn measure,
                     const void *arg, struct csr *out, akin_error *err);

/*
 * The k best of one row by value (row->n) as cooc_top finds them, best first, into item and near
 * (k). keys (2·k) is scratch. Returns how many.
 */
int32_t cooc_nearest(akin_ctx *ctx, const struct cooc_row *row, const float *value, int32_t k,
                     uint64_t *keys, int32_t *item, float *near);

/*
 * All of G as a CSR (n_items, n_items), diagonal included; kind COOC_COUNT (exact up to 2^24) or
 * COOC_SUM. Cost: the
 * products twice (sizes first), so that nothing but the result is held.
 */
akin_status cooc_gram(akin_ctx *ctx, const struct cooc *g, struct csr *out, akin_error *err);

#endif
