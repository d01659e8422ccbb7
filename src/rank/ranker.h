/*
 * Inside of the ranker, shared by the files of rank/ only.
 *
 * A worker's scratch is made at its first use and kept, so that a request in steady state
 * allocates nothing. Calls may come from inside par_for blocks: each runs on the scratch of the
 * worker it is on.
 */
#ifndef AKIN_RANK_RANKER_H
#define AKIN_RANK_RANKER_H

#include "core/par.h"
#include "kern/kern.h"
#include "rank/index.h"

enum {
    RANK_QUERIES = 128,         /* most queries of a gemm tile */
    RANK_TILE_MAX = 1024,       /* most items of a gemm tile */
    RANK_TILE_FLOATS = 65536,   /* floats of packed items in a tile: half of a second-level cache */
    RANK_GATHER = 64,           /* items of a tile that is gathered by id */
    RANK_SCAN = 1024,           /* scores scanned against one bound, at most */
    RANK_SCAN_MIN = 64,         /* the first of them */
    RANK_SCORE_FLOATS = 262144, /* scores asked from `score` at once */
    RANK_EXPLAIN_MAX = 200      /* history items left out by the default explain */
};

/* How lists are made from this scorer. */
enum rank_mode { RANK_VECTORS = 1, RANK_EVIDENCE = 2, RANK_SCORE = 3 };

/*
 * Who may be ranked, for all queries of a call. Without limits all pointers are NULL. ids, packed,
 * bias are the part of the catalogue that is scored when it is much smaller than the whole.
 */
struct eligible {
    const uint64_t *ok;      /* bitmap, NULL = all */
    const uint64_t *ok_seen; /* the same for items of the asker's history, NULL = as ok */
    int32_t n_ok;
    const int32_t *ids;   /* (n) ascending, the items of ok, or NULL = all items are scored */
    const float *packed;  /* RANK_VECTORS: panels of ids, or of all */
    const float *bias;    /* the same order, or NULL */
    int32_t n;            /* items that are scored */
    const int32_t *order; /* (n_order) items of ok by popularity, or all items */
    int32_t n_order;
    /* the buffers behind it, of one worker */
    uint64_t *ok_buf, *ok_seen_buf;
    int32_t *id_buf, *order_buf;
    int64_t id_cap, order_cap;
    float *packed_buf, *bias_buf;
    int64_t packed_cap, bias_cap;
};

/*
 * What differs from ok for one query: items that are out although ok (positions in the scored part
 * of the catalogue), items that are in although not (by ok_seen). Both ascending and distinct,
 * offsets into worker buffers.
 */
struct asker {
    int64_t out, in;
    int32_t n_out, n_in;
};

struct rank_worker {
    bool is_ready;
    struct arena scratch; /* models' */
    struct arena own;     /* rank's */
    struct evidence ev;   /* for evidence models; else made by the first rank_similar */
    uint64_t *flip;       /* bitmap, all 0 between queries */
    float *states;        /* (RANK_QUERIES, k) */
    float *scores;        /* one tile */
    float *rows;          /* (RANK_GATHER, k) gathered */
    float *panels;        /* the same packed */
    float *one;           /* (RANK_GATHER) scores of gathered items */
    int32_t *hits;        /* (RANK_SCAN) */
    int32_t *out, *in;    /* lists of the askers of a block */
    int64_t out_cap, in_cap;
    struct asker asker[RANK_QUERIES];
    struct eligible eligible;     /* of a call that this worker began */
    struct index_scratch *search; /* with an index */
};

struct ranker {
    akin_ctx *ctx;
    const struct kern *kern;
    struct scorer scorer;
    enum rank_mode mode;
    int32_t n_items;
    struct item_vectors v; /* items NULL = none */
    float *packed;         /* panels of v.items */
    struct index *index;   /* of v; NULL = tiles are scored whole */
    double *norm;          /* (n_items) lengths of item vectors, for cosine; or NULL */
    int32_t *order;        /* (n_items) popularity descending, then index */
    int32_t tile;          /* items of a gemm tile */
    int32_t score_tile;    /* items asked from `score` at once */
    int32_t block;         /* queries of a block of this mode */
    int n_workers;
    struct rank_worker *worker; /* (n_workers) */
    bool is_fork;               /* packed, index, norm, order are another ranker's */
};

static inline bool bit_get(const uint64_t *bits, int32_t i)
{
    return (bits[i >> 6] >> (i & 63)) & 1;
}
static inline void bit_flip(uint64_t *bits, int32_t i)
{
    bits[i >> 6] ^= (uint64_t)1 << (i & 63);
}

/* First position in the ascending x (n) whose value is >= v. */
static inline int32_t lower_bound(const int32_t *x, int32_t n, int32_t v)
{
    int32_t lo = 0;
    int32_t hi = n;
    while (lo < hi) {
        int32_t mid = lo + (hi - lo) / 2;
        if (x[mid] < v)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* The ready scratch of a worker; call inside a block. */
akin_status ranker_worker(struct ranker *r, int worker, struct rank_worker **out, akin_error *err);
/* Empties the arenas. After every call into a model. */
void rank_worker_reset(struct rank_worker *w);
/* Queries a block shall hold, so that few queries still use all workers. Never changes results. */
int32_t ranker_block(const struct ranker *r, int64_t n);

/* Fold-in states of m <= RANK_QUERIES queries into w->states. */
akin_status rank_states(struct ranker *r, struct rank_worker *w, const struct query *queries,
                        int32_t m, akin_error *err);
/*
 * Scores of n valid ids for m queries, row j at out + j·ldo; what a model cannot say or says as
 * NaN is UNSCORED. states (m, k): RANK_VECTORS only, NULL = computed here (m <= RANK_QUERIES).
 */
akin_status rank_score_ids(struct ranker *r, struct rank_worker *w, const struct query *queries,
                           const float *states, int32_t m, const int32_t *ids, int32_t n,
                           float *out, int64_t ldo, akin_error *err);
/* Runs evidence for one query into w->ev (cleared first). */
akin_status rank_evidence(struct ranker *r, struct rank_worker *w, const struct query *q,
                          akin_error *err);

/*
 * Builds *e for opt. may_shrink: score only the eligible part if that is cheaper for n queries.
 * Fails: E_ARG for candidates that are not ascending or out of range.
 */
akin_status eligible_build(struct ranker *r, struct eligible *e, const struct rank_options *opt,
                           int64_t n, bool may_shrink, akin_error *err);
void eligible_free(akin_ctx *ctx, struct eligible *e);
/* Fills w->asker[j] for m queries; exclude of opt is at queries first..first+m. */
akin_status askers_build(struct ranker *r, struct rank_worker *w, const struct eligible *e,
                         const struct rank_options *opt, const struct query *queries, int64_t first,
                         int32_t m, akin_error *err);
/* Toggles w->flip for an asker; twice is nothing. Item i is eligible if ok(i) ^ flip(i). */
void asker_flip(struct rank_worker *w, const struct eligible *e, const struct asker *a);
static inline bool is_eligible(const struct eligible *e, const struct rank_worker *w, int32_t i)
{
    return (e->ok == NULL || bit_get(e->ok, i)) != bit_get(w->flip, i);
}

struct topk;
/* Best of w->ev that is eligible for a, then the rest by popularity; returns the length. */
int32_t rank_list_evidence(struct ranker *r, struct rank_worker *w, const struct eligible *e,
                           const struct asker *a, int32_t k, struct ranked *row);
/* Best of a row of scores of items lo..hi of e (masked in place), added to t. */
void rank_row(struct ranker *r, struct rank_worker *w, const struct eligible *e,
              const struct asker *a, int32_t lo, int32_t hi, float *scores, struct topk *t);
/* Sorts t and appends unscored items; returns the length. */
int32_t rank_finish(struct ranker *r, struct rank_worker *w, const struct eligible *e,
                    const struct asker *a, struct topk *t);

#endif
