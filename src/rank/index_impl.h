/* Inside of the index, shared by the files of index*.c only. */
#ifndef AKIN_RANK_INDEX_IMPL_H
#define AKIN_RANK_INDEX_IMPL_H

#include "core/par.h"
#include "kern/kern.h"
#include "rank/index.h"

enum {
    INDEX_CHUNK = 64,   /* panels of a scan: 64 KiB at 64 factors */
    INDEX_ASKERS = 64,  /* that share a scan */
    INDEX_GATHER = 16,  /* candidates scored at once: one panel */
    INDEX_RECALL_K = 20 /* recall is measured at */
};

/* Items as bytes, in panels of 16. Numbers of a panel hold for all of its items. */
struct index_panels {
    int64_t n;
    int64_t quads;  /* of bytes an item */
    uint8_t *codes; /* (n, quads, 16, 4) codes + 128 */
    int32_t *ids;   /* (n, 16) item, -1 = none */
    float *inverse; /* (n) 1 / step of the codes */
    float *rest;    /* (n) at least the length of what the codes leave, in steps */
    float *length;  /* (n) at least the length of the codes */
    float *norm;    /* (n) at least the length of the items */
    float *least;   /* (n) at most the length of each item that has one, bias left out */
};

struct index {
    akin_ctx *ctx;
    const struct kern *kern;
    struct item_vectors v; /* borrowed */
    int32_t n_items;
    int32_t dims; /* k, and one more for the bias */
    struct index_panels panels;
    int32_t *wild; /* (n_wild) items that are out of the range of codes: always scored */
    int32_t n_wild;
    int32_t n_lists;
    int64_t *list;    /* (n_lists + 1) first panel of each list */
    float *centroids; /* packed (n_lists, dims); NULL with one list */
    int64_t n_probe;
    double recall;
    int64_t bytes;
};

/* A state as bytes, and what its error adds to a limit. */
struct index_code {
    bool is_wild; /* out of the range of codes */
    bool is_zero;
    bool is_cosine;
    double step, norm; /* norm: at least the length of the state, 1 for the bias included */
    double round;      /* at least the rounding of a score, beside factor·norm·(item's norm) */
    double factor;
    double own;         /* what a cosine is multiplied by, beside the item's length */
    float rest, length; /* what a panel's rest and length add, in the product of both steps */
    int32_t offset;     /* 128·Σ codes: the panels' bytes are codes + 128 */
};

/* One asker's search. */
struct index_hunt {
    const struct index_ask *ask;
    struct topk *top;
    const uint64_t *allowed;
    int32_t n_pending;
    int32_t pending[INDEX_GATHER]; /* items to be scored */
    struct index_code code;
};

struct index_scratch {
    akin_ctx *ctx;
    struct index_hunt hunt[INDEX_ASKERS];
    int8_t *codes;        /* (INDEX_ASKERS, 4·quads) */
    int32_t *least;       /* (INDEX_ASKERS, INDEX_CHUNK) */
    uint16_t *hits;       /* the same */
    float *rows;          /* (INDEX_GATHER, k) */
    float *packed;        /* the same */
    float *asker;         /* (dims) a state, 1 for the bias */
    float *near;          /* (n_lists) inner products with the centroids */
    struct ranked *order; /* (n_lists) lists, the most promising first */
};

/* Codes of panels [lo, hi) and their numbers, of the items in ids. */
void index_quantise(struct index *ix, int64_t lo, int64_t hi);
/* One coordinate of an item, bias last. */
static inline float index_coordinate(const struct index *ix, int32_t item, int32_t t)
{
    return t < ix->v.k ? ix->v.items[(int64_t)item * ix->v.k + t] : ix->v.bias[item];
}
/* code (4·quads bytes) and *out of an asker's state. */
void index_encode(const struct index *ix, const struct index_ask *ask, int8_t *code,
                  struct index_code *out);
/* Is item out of the range of codes? Else its length in *norm, bias included. */
bool index_is_wild(const struct index *ix, int32_t item, float *norm);
/* The least sum of bytes of panels [lo, lo + n) for which a score, or cosine, may reach `bound`. */
void index_limits(const struct index *ix, const struct index_code *c, float bound, int64_t lo,
                  int64_t n, int32_t *least);
/* No item of length `norm` reaches `bound`. */
static inline bool index_is_short(const struct index_code *c, float norm, float bound)
{
    return !c->is_cosine && c->norm * (double)norm * c->factor + c->round < (double)bound;
}

/* order (n): items that have codes, longest first, then by number. Makes ix->centroids of
 * ix->n_lists lists and list_of (n_items): the list of each item. */
akin_status index_cluster(struct index *ix, uint64_t seed, const int32_t *order, int32_t n,
                          int32_t *list_of, akin_error *err);
/* Sets n_probe and recall by a sample. */
akin_status index_measure(struct index *ix, const struct index_options *options,
                          const int32_t *list_of, akin_error *err);

/* The n most promising lists for a state, best first, into s->order. */
void index_order(const struct index *ix, struct index_scratch *s, const float *state, int64_t n);
/* index_search over n_probe lists for an asker (its top is not used); the order of the lists stays
 * in s->order. */
akin_status index_probe(const struct index *ix, struct index_scratch *s,
                        const struct index_ask *asker, int32_t k, int64_t n_probe,
                        struct ranked *out, int32_t *count, akin_error *err);

#endif
