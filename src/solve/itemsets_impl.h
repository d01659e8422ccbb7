/* What the files of the itemset miner share: ranked baskets, walkers, frames. */
#ifndef AKIN_SOLVE_ITEMSETS_IMPL_H
#define AKIN_SOLVE_ITEMSETS_IMPL_H

#include "solve/itemsets.h"
#include "solve/pile.h"

/* Baskets with their frequent items only, as ranks: 0 is the most frequent item. */
struct ranked_baskets {
    const struct csr *by_item;
    int32_t n;       /* frequent items */
    int32_t longest; /* most of them in one basket */
    int32_t *item;   /* (n) of a rank */
    int32_t *count;  /* (n) baskets, descending; equal ones by item */
    int64_t *work;   /* (n) ranks before this one in its baskets */
    int64_t *ptr;    /* (n_baskets + 1) */
    int32_t *rank;   /* ascending within a basket */
};

/*
 * A prefix and the items that extend it. Rows before `first` extend nothing: a set that lies where
 * one of them does is neither closed nor maximal.
 */
struct frame {
    int32_t n, first;
    int32_t k;      /* the next to be looked at */
    int32_t length; /* of the prefix */
    int32_t *item;  /* (n) */
    int32_t *count; /* (n) baskets of prefix and item */
    int64_t words;
    uint64_t *rows;       /* (n, words) eclat: those baskets as bits of the prefix's */
    struct fp_tree *tree; /* FP-growth: of the prefix's baskets; then rows is NULL */
    struct pile_mark mark;
};

/* Consecutive first items, mined by one worker at a time; kept while it waits for its turn. */
struct mine_block {
    int32_t next, end; /* ranks */
    bool is_done;
    struct walker *walker; /* owned; NULL unless it was stopped midway */
    int32_t *out;          /* (out_n) length, count, items of each set, one after another */
    int64_t out_n, out_cap;
};

struct mine_seat { /* of a worker */
    struct walker *walker;
    struct itemset_stats stats;
};

/*
 * Supports that rise while sets are found, as far as those found so far are too many: so never
 * above what they come to in the end, whoever found them first.
 */
struct raising {
    int64_t most, n_bins;
    _Atomic int64_t *bin;   /* (max_length + 1, n_bins) sets by count; the last: and more */
    _Atomic int64_t *alive; /* (max_length + 1) about how many reach least */
    _Atomic int64_t *least; /* (max_length + 1) */
    atomic_flag is_busy;    /* somebody raises */
};
/* A set was found. */
void raising_note(struct raising *r, int64_t length, int64_t count);

struct mine_job {
    akin_ctx *ctx;
    struct itemset_spec spec;
    struct raising *raising; /* or NULL */
    bool wants_sets;
    struct ranked_baskets db;
    int64_t n_blocks, lowest; /* blocks below it are handed over */
    struct mine_block *blocks;
    struct mine_seat *seats; /* (workers) */
    int64_t held_most;
    _Atomic int64_t held; /* bytes of out of all blocks */
    _Atomic int64_t n_sets;
};

/* Goes through the sets of one first item, depth first, and can stop anywhere. */
struct walker {
    const struct mine_job *job;
    struct mine_job *shared;  /* the same, for its counters */
    struct mine_block *block; /* at work on */
    struct itemset_stats *stats;
    struct pile pile;
    struct frame *frames;
    int64_t depth, cap;
    int32_t *prefix; /* (longest + 1) */
    int32_t *tally;  /* (n + 1) of ranks; all 0 between uses */
    int32_t *list;   /* (n + 1) ranks or rows */
    int32_t *count;  /* (n + 1) */
    int32_t *item;   /* (n + 1) */
    int32_t *keep;   /* (n + 1) rows that stay */
    int64_t fresh;   /* sets not in job->n_sets yet */
    bool is_full;    /* must stop */
};

/* Rows [0, before) only subsume, rows [from, n) extend. */
struct candidates {
    const int32_t *item, *count;
    int32_t before, from, n;
};
struct chosen { /* of candidates, in walker.keep: first those that only subsume */
    int32_t first, n;
    int32_t length; /* of the prefix, items that are in all its baskets added */
};

akin_status walker_create(struct mine_job *job, struct walker **out, akin_error *err);
void walker_free(struct walker *w); /* NULL allowed */
/*
 * A prefix (w->prefix, length) of `support` baskets is handed over, with what is clear without
 * looking further; out: the rows of a frame to come, n 0 = none.
 */
akin_status walker_enter(struct walker *w, const struct candidates *c, int32_t length,
                         int32_t support, struct chosen *out, akin_error *err);
/* A new frame with item and count of the chosen rows. w->frames may move. */
akin_status walker_push(struct walker *w, const struct candidates *c, const struct chosen *chosen,
                        struct pile_mark mark, akin_error *err);
/* Tells the job of sets found since; E_LIMIT if there are too many. */
akin_status walker_tell(struct walker *w, akin_error *err);
/* On until the block is done or w->is_full. is_caller: on the thread that call-backs run on. */
akin_status walker_run(struct walker *w, bool is_caller, akin_error *err);

/* The frame of the first item r (rows in w->list as ranks), and of row k of the frame on top. */
akin_status eclat_first(struct walker *w, const struct candidates *c, const struct chosen *chosen,
                        int32_t r, akin_error *err);
akin_status eclat_extend(struct walker *w, int32_t k, akin_error *err);
akin_status fp_first(struct walker *w, const struct candidates *c, const struct chosen *chosen,
                     int32_t r, akin_error *err);
akin_status fp_extend(struct walker *w, int32_t k, akin_error *err);

/* Baskets that a set of so many items must lie in. */
static inline int64_t least_of(const struct itemset_spec *spec, int64_t length)
{
    if (!spec->least)
        return spec->min_count;
    return spec->least[length < spec->max_length ? length : spec->max_length];
}

/* The same while it rises. */
static inline int64_t least_now(const struct mine_job *job, int64_t length)
{
    if (!job->raising)
        return least_of(&job->spec, length);
    int64_t n = length < job->spec.max_length ? length : job->spec.max_length;
    return atomic_load_explicit(&job->raising->least[n], memory_order_relaxed);
}

/* Baskets of rank r. */
static inline const int32_t *ranked_baskets_of(const struct ranked_baskets *db, int32_t r)
{
    return db->by_item->col + db->by_item->ptr[db->item[r]];
}
/* Calls what comes after basket b of rank r from memory in time: baskets lie anywhere. Always in
 * line: gcc takes a function that only prefetches for one without effect, and drops the call. */
static inline __attribute__((always_inline)) void
ranked_baskets_call(const struct ranked_baskets *db, int32_t r, int32_t b)
{
    const int32_t *basket = ranked_baskets_of(db, r);
    if (b + 16 >= db->count[r])
        return;
    __builtin_prefetch(db->ptr + basket[b + 16]);
    __builtin_prefetch(db->rank + db->ptr[basket[b + 8]]);
}

#endif
