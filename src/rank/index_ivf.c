/*
 * Lists of items of like direction, and how many of them a search must read.
 *
 * Spherical k-means (Dhillon and Modha 2001, doi:10.1023/A:1007612920971): items count by direction
 * alone, an item joins the centre with the largest inner product, a centre is the mean of its
 * items' unit vectors, itself made a unit vector. Length is what a list is ordered by inside, so
 * that an inner-product search reads a list until its items are too short. On a sample of at most
 * 32 items a list, spread evenly over the lengths; the rest joins at the end.
 *
 * Same bits for any threads and ISA: gemm's chains, ties to the lower list, sums in double by
 * ascending position. Probes: for each asker of a sample, the place of each true top-20 item's list
 * in the asker's order of lists; the recall of every n_probe is then a count.
 *
 * Cost: rounds · sample · lists · dims, then items · lists · dims. Not done: lists of equal size; a
 * sample drawn by the lengths' share of lists.
 */
#include "rank/index_impl.h"

#include "core/rng.h"

#include <math.h>
#include <string.h>

enum {
    ROUNDS = 8,
    LIST_SAMPLE = 64, /* items of the sample for each list */
    ASSIGN_ROWS = 64, /* of a tile */
    ASSIGN_LISTS = 512,
    LIST_BLOCK = 64, /* lists of a block of means */
    ASKERS = 500,    /* of the sample that measures recall */
    ASKER_ITEMS = 5  /* whose sum stands for an asker */
};

struct cluster {
    struct index *ix;
    uint64_t seed;
    int round;
    const int32_t *items; /* (n) */
    int64_t n;
    int32_t *list;   /* (n) of each */
    int64_t *first;  /* (n_lists + 1) positions of a list in member */
    int32_t *member; /* (n) positions in items, by list, ascending */
    float *centres;  /* (n_lists, dims) */
    float *rows;     /* (workers, ASSIGN_ROWS, dims) */
    float *products; /* (workers, ASSIGN_ROWS, ASSIGN_LISTS) */
    double *sum;     /* (workers, dims) */
};

/* dims coordinates, as a unit vector; zeros stay zeros. */
static void unit_row(const struct index *ix, int32_t item, float *out)
{
    double sum = 0.0;
    for (int32_t t = 0; t < ix->dims; t++) {
        out[t] = index_coordinate(ix, item, t);
        sum += (double)out[t] * (double)out[t];
    }
    double scale = sum > 0.0 ? 1.0 / sqrt(sum) : 0.0;
    for (int32_t t = 0; t < ix->dims; t++)
        out[t] = (float)((double)out[t] * scale);
}

/* ---- Assignment --------------------------------------------------------------------------- */

struct best {
    float product;
    int32_t list;
};

/* The largest of a row of products, the lowest list of equals. */
static void best_of(const struct kern *kern, const float *x, int32_t n, int32_t lo, struct best *b)
{
    int32_t hits[ASSIGN_LISTS];
    int32_t size;
    for (int32_t at = 0; at < n; at += size) {
        size = b->list < 0 ? KERN_PANEL : ASSIGN_LISTS;
        size = n - at < size ? n - at : size;
        int64_t found = kern->scan_above(x + at, size, b->product, hits);
        for (int64_t h = 0; h < found; h++) {
            if (x[at + hits[h]] > b->product)
                *b = (struct best){x[at + hits[h]], lo + at + hits[h]};
        }
    }
}

static akin_status assign_block(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)err;
    struct cluster *c = arg;
    const struct index *ix = c->ix;
    int64_t dims = ix->dims;
    int64_t first = par_lo(block, ASSIGN_ROWS);
    int64_t m = par_hi(block, ASSIGN_ROWS, c->n) - first;
    float *rows = c->rows + worker * ASSIGN_ROWS * dims;
    float *products = c->products + (int64_t)worker * ASSIGN_ROWS * ASSIGN_LISTS;
    struct best best[ASSIGN_ROWS];
    for (int64_t i = 0; i < m; i++) {
        unit_row(ix, c->items[first + i], rows + i * dims);
        best[i] = (struct best){-INFINITY, -1};
    }
    for (int32_t lo = 0; lo < ix->n_lists; lo += ASSIGN_LISTS) {
        int32_t n = ix->n_lists - lo < ASSIGN_LISTS ? ix->n_lists - lo : ASSIGN_LISTS;
        ix->kern->gemm(m, n, dims, rows, dims, ix->centroids + lo * dims, products, n, 0);
        for (int64_t i = 0; i < m; i++)
            best_of(ix->kern, products + i * n, n, lo, &best[i]);
    }
    for (int64_t i = 0; i < m; i++)
        c->list[first + i] = best[i].list;
    return AKIN_OK;
}

static akin_status assign(struct cluster *c, akin_error *err)
{
    return par_for(c->ix->ctx, par_blocks(c->n, ASSIGN_ROWS), assign_block, c, err);
}

/* ---- Means -------------------------------------------------------------------------------- */

static void members(struct cluster *c)
{
    int32_t n_lists = c->ix->n_lists;
    memset(c->first, 0, (size_t)(n_lists + 1) * sizeof *c->first);
    for (int64_t i = 0; i < c->n; i++)
        c->first[c->list[i] + 1]++;
    for (int32_t l = 0; l < n_lists; l++)
        c->first[l + 1] += c->first[l];
    for (int64_t i = 0; i < c->n; i++)
        c->member[c->first[c->list[i]]++] = (int32_t)i;
    for (int32_t l = n_lists; l > 0; l--)
        c->first[l] = c->first[l - 1];
    c->first[0] = 0;
}

static akin_status mean_block(void *arg, int64_t block, int worker, akin_error *err)
{
    (void)err;
    struct cluster *c = arg;
    int32_t dims = c->ix->dims;
    float *row = c->rows + (int64_t)worker * ASSIGN_ROWS * dims;
    double *sum = c->sum + (int64_t)worker * dims;
    int64_t hi = par_hi(block, LIST_BLOCK, c->ix->n_lists);
    for (int64_t l = par_lo(block, LIST_BLOCK); l < hi; l++) {
        double length = 0.0;
        memset(sum, 0, (size_t)dims * sizeof *sum);
        for (int64_t i = c->first[l]; i < c->first[l + 1]; i++) {
            unit_row(c->ix, c->items[c->member[i]], row);
            for (int32_t t = 0; t < dims; t++)
                sum[t] += (double)row[t];
        }
        for (int32_t t = 0; t < dims; t++)
            length += sum[t] * sum[t];
        if (length > 0.0) {
            for (int32_t t = 0; t < dims; t++)
                c->centres[l * dims + t] = (float)(sum[t] / sqrt(length));
        } else { /* empty, or all zeros: begins anew at some item */
            struct rng rng = rng_make(c->seed, RNG_SAMPLE, (uint64_t)l + 1);
            rng.counter = (uint64_t)c->round * 64 + 1;
            int32_t item = c->items[rng_below(&rng, (uint64_t)c->n)];
            unit_row(c->ix, item, c->centres + l * dims);
        }
    }
    return AKIN_OK;
}

static void pack_centres(struct cluster *c)
{
    struct index *ix = c->ix;
    ix->kern->pack(c->centres, ix->dims, ix->n_lists, ix->dims, ix->centroids);
}

/* Position j of m, one in each of m even parts of 0..n-1. */
static int64_t spread(uint64_t seed, uint64_t index, int64_t j, int64_t m, int64_t n)
{
    int64_t lo = (int64_t)((double)n / (double)m * (double)j);
    int64_t hi = (int64_t)((double)n / (double)m * (double)(j + 1));
    hi = hi > n ? n : hi;
    if (hi <= lo)
        return lo < n ? lo : n - 1;
    return lo + (int64_t)(rng_u64(seed, RNG_SAMPLE, index, (uint64_t)j) % (uint64_t)(hi - lo));
}

static akin_status rounds(struct cluster *c, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct index *ix = c->ix;
    for (int64_t l = 0; l < ix->n_lists; l++)
        unit_row(ix, c->items[spread(c->seed, UINT64_MAX, l, ix->n_lists, c->n)],
                 c->centres + l * ix->dims);
    pack_centres(c);
    for (c->round = 0; c->round < ROUNDS; c->round++) {
        AKIN_TRY(assign(c, err));
        members(c);
        AKIN_TRY(par_for(ix->ctx, par_blocks(ix->n_lists, LIST_BLOCK), mean_block, c, err));
        pack_centres(c);
    }
done:
    return status;
}

akin_status index_cluster(struct index *ix, uint64_t seed, const int32_t *order, int32_t n,
                          int32_t *list_of, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct cluster c = {.ix = ix, .seed = seed};
    int32_t *sample = NULL;
    int64_t workers = par_workers(ix->ctx);
    int64_t size = (int64_t)ix->n_lists * LIST_SAMPLE;
    size = size < n ? size : n;
    MEM_NEW(ix->ctx, sample, size);
    MEM_NEW(ix->ctx, c.list, n);
    MEM_NEW(ix->ctx, c.member, size);
    MEM_NEW(ix->ctx, c.first, (int64_t)ix->n_lists + 1);
    MEM_NEW(ix->ctx, c.centres, (int64_t)ix->n_lists * ix->dims);
    MEM_NEW(ix->ctx, c.rows, workers * ASSIGN_ROWS * ix->dims);
    MEM_NEW(ix->ctx, c.products, workers * ASSIGN_ROWS * ASSIGN_LISTS);
    MEM_NEW(ix->ctx, c.sum, workers * ix->dims);
    MEM_NEW(ix->ctx, ix->centroids, kern_packed_size(ix->n_lists, ix->dims));
    for (int64_t j = 0; j < size; j++)
        sample[j] = order[spread(seed, 0, j, size, n)];
    c.items = sample;
    c.n = size;
    AKIN_TRY(rounds(&c, err));
    c.items = order;
    c.n = n;
    AKIN_TRY(assign(&c, err));
    for (int32_t i = 0; i < n; i++)
        list_of[order[i]] = c.list[i];
done:
    mem_free(ix->ctx, sample);
    mem_free(ix->ctx, c.list);
    mem_free(ix->ctx, c.member);
    mem_free(ix->ctx, c.first);
    mem_free(ix->ctx, c.centres);
    mem_free(ix->ctx, c.rows);
    mem_free(ix->ctx, c.products);
    mem_free(ix->ctx, c.sum);
    return status;
}

/* ---- Recall ------------------------------------------------------------------------------- */

struct measure {
    const struct index *ix;
    const struct index_options *options;
    const int32_t *list_of;
    struct index_scratch **scratch; /* (workers) */
    struct index_ask *asker;        /* (n) */
    float *states;                  /* (n, k) of made ones */
    int32_t *place;                 /* (ASKERS, INDEX_RECALL_K) of a true item's list, or -1 */
    int64_t n;
};

static void make_askers(struct measure *m)
{
    const struct index *ix = m->ix;
    const struct index_options *o = m->options;
    int64_t k = ix->v.k;
    for (int64_t j = 0; j < m->n; j++) {
        if (o->askers) {
            m->asker[j] = o->askers[spread(o->seed, UINT64_MAX - 1, j, m->n, o->n_askers)];
            continue;
        }
        float *state = m->states + j * k;
        struct rng rng = rng_make(o->seed, RNG_SAMPLE, UINT64_MAX / 2 + (uint64_t)j);
        memset(state, 0, (size_t)k * sizeof *state);
        for (int i = 0; i < ASKER_ITEMS; i++) {
            int64_t item = (int64_t)rng_below(&rng, (uint64_t)ix->n_items);
            ix->kern->axpy(1.0f, ix->v.items + item * k, state, k);
        }
        m->asker[j] = (struct index_ask){.state = state};
    }
}

static akin_status measure_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct measure *m = arg;
    const struct index *ix = m->ix;
    struct index_scratch *s = m->scratch[worker];
    struct ranked list[INDEX_RECALL_K];
    int32_t count;
    const struct index_ask *asker = &m->asker[block];
    int32_t *place = m->place + block * INDEX_RECALL_K;
    for (int j = 0; j < INDEX_RECALL_K; j++)
        place[j] = -1;
    index_encode(ix, asker, s->codes, &s->hunt[0].code);
    if (s->hunt[0].code.is_wild || s->hunt[0].code.is_zero)
        goto done; /* answered without lists */
    AKIN_TRY(index_probe(ix, s, asker, INDEX_RECALL_K, ix->n_lists, list, &count, err));
    for (int32_t l = 0; l < ix->n_lists; l++) {
        for (int32_t j = 0; j < count; j++) {
            if (m->list_of[list[j].item] == s->order[l].item)
                place[j] = l;
        }
    }
done:
    return status;
}

/* The least n_probe that reaches the recall wanted, and its recall. */
static akin_status choose_probes(struct index *ix, const struct measure *m, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t *found = NULL; /* (n_lists + 1) true items whose list is at this place */
    int64_t total = 0, got = 0;
    double wanted = m->options->recall > 0.0 ? m->options->recall : 0.95;
    MEM_ZERO(ix->ctx, found, ix->n_lists);
    for (int64_t i = 0; i < m->n * INDEX_RECALL_K; i++) {
        if (m->place[i] >= 0) {
            found[m->place[i]]++;
            total++;
        }
    }
    /* a tenth of the misses to spare: the sample is a sample */
    double goal = (1.0 - (1.0 - wanted) * 0.9) * (double)total;
    ix->n_probe = m->options->n_probe < ix->n_lists ? m->options->n_probe : ix->n_lists;
    int32_t l = 0;
    while (l < ix->n_lists && (ix->n_probe ? l < ix->n_probe : (double)got < goal))
        got += found[l++];
    ix->n_probe = l > 0 ? l : 1;
    ix->recall = total > 0 ? (double)got / (double)total : 1.0;
done:
    mem_free(ix->ctx, found);
    return status;
}

akin_status index_measure(struct index *ix, const struct index_options *options,
                          const int32_t *list_of, akin_error *err)
{
    akin_status status = AKIN_OK;
    int workers = par_workers(ix->ctx);
    struct measure m = {.ix = ix, .options = options, .list_of = list_of, .n = ASKERS};
    if (options->askers && options->n_askers < m.n)
        m.n = options->n_askers;
    MEM_ZERO(ix->ctx, m.scratch, workers);
    for (int w = 0; w < workers; w++)
        AKIN_TRY(index_scratch_create(ix, ix->ctx, &m.scratch[w], err));
    MEM_NEW(ix->ctx, m.asker, m.n);
    if (!options->askers)
        MEM_NEW(ix->ctx, m.states, m.n * ix->v.k);
    MEM_NEW(ix->ctx, m.place, m.n * INDEX_RECALL_K);
    make_askers(&m);
    AKIN_TRY(par_for(ix->ctx, m.n, measure_block, &m, err));
    AKIN_TRY(choose_probes(ix, &m, err));
done:
    for (int w = 0; m.scratch && w < workers; w++)
        index_scratch_free(m.scratch[w]);
    mem_free(ix->ctx, m.scratch);
    mem_free(ix->ctx, m.asker);
    mem_free(ix->ctx, m.states);
    mem_free(ix->ctx, m.place);
    return status;
}
