/*
 * Minibatches of networks: inputs brought to length and thinned out, the same by column for the
 * gradient of the first layer, and the output columns of a step where not all are asked.
 *
 * Drawn columns (Bengio, Senécal 2008, doi:10.1109/TNN.2007.912312, with a uniform proposal):
 * beside those that a row of the minibatch has come some of the others, each standing for as many
 * as were left out. Cost: O(entries + columns) a step.
 */
#include "solve/net_impl.h"

#include "core/par.h"
#include "core/rng.h"

#include <string.h>

enum { ROWS = 32 };

void net_mask(uint64_t seed, uint64_t index, uint64_t counter, double p, int64_t n, float *out)
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t limit = (uint32_t)(p * 4294967296.0);
    float kept = (float)(1.0 / (1.0 - p));
    for (int64_t i = 0; i < n; i += 4) {
        uint64_t at = (counter + (uint64_t)i / 4) | (uint64_t)RNG_NET_DROP << 56;
        const uint32_t ctr[4] = {(uint32_t)index, (uint32_t)(index >> 32), (uint32_t)at,
                                 (uint32_t)(at >> 32)};
        uint32_t word[4];
        rng_philox(ctr, key, word);
        for (int64_t j = 0; j < 4 && i + j < n; j++)
            out[i + j] = word[j] < limit ? 0.0F : kept;
    }
}

/* The most entries that `batch` rows can have: of the longest ones. */
static akin_status most_entries(const struct net_train *t, int64_t *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct csr *rows = t->rows;
    int64_t *count = NULL, left = t->spec.batch;
    MEM_ZERO(t->net->ctx, count, rows->n_cols + 1);
    for (int64_t r = 0; r < rows->n_rows; r++)
        count[rows->ptr[r + 1] - rows->ptr[r]]++;
    *out = 0;
    for (int64_t n = rows->n_cols; n > 0 && left > 0; n--) {
        int64_t taken = count[n] < left ? count[n] : left;
        *out += taken * n;
        left -= taken;
    }
done:
    mem_free(t->net->ctx, count);
    return status;
}

akin_status net_batch_init(struct net_train *t, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = t->net->ctx;
    struct net_batch *b = &t->batch;
    int64_t n_out = t->net->layer[t->net->spec.n_layers - 1].n_z;
    b->cap = t->spec.batch;
    AKIN_TRY(most_entries(t, &b->entry_cap, err));
    MEM_NEW(ctx, b->ptr, b->cap + 1);
    MEM_NEW(ctx, b->x, b->entry_cap);
    MEM_NEW(ctx, b->at, t->net->spec.n_in + 1);
    MEM_NEW(ctx, b->at_row, b->entry_cap);
    MEM_NEW(ctx, b->at_x, b->entry_cap);
    if (t->spec.negatives > 0) {
        MEM_NEW(ctx, b->place, n_out);
        MEM_NEW(ctx, b->column, n_out);
        MEM_NEW(ctx, b->share, n_out);
    }
done:
    return status;
}

void net_batch_free(akin_ctx *ctx, struct net_batch *b)
{
    mem_free(ctx, b->ptr);
    mem_free(ctx, b->x);
    mem_free(ctx, b->at);
    mem_free(ctx, b->at_row);
    mem_free(ctx, b->at_x);
    mem_free(ctx, b->place);
    mem_free(ctx, b->column);
    mem_free(ctx, b->share);
}

static akin_status input_block(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct net_train *t = arg;
    const struct net_batch *b = &t->batch;
    const struct csr *rows = t->rows;
    (void)worker;
    (void)err;
    for (int64_t r = par_lo(block, ROWS); r < par_hi(block, ROWS, b->n); r++) {
        int64_t from = rows->ptr[b->row[r]], n = b->ptr[r + 1] - b->ptr[r];
        float *x = b->x + b->ptr[r];
        for (int64_t j = 0; j < n; j++)
            x[j] = 1.0F;
        if (rows->val && !t->spec.is_binary)
            memcpy(x, rows->val + from, (size_t)n * sizeof *x);
        float scale = t->net->spec.unit_rows ? net_unit_scale(n, x) : 1.0F;
        if (t->spec.denoise > 0.0) { /* masks first: x is scaled by them, value by value */
            float mask[64];
            for (int64_t lo = 0; lo < n; lo += 64) {
                int64_t m = n - lo < 64 ? n - lo : 64;
                net_mask(t->spec.seed, net_draw_index(t, -1),
                         net_draw_counter(r) + (uint64_t)lo / 4, t->spec.denoise, m, mask);
                for (int64_t j = 0; j < m; j++)
                    x[lo + j] *= mask[j];
            }
        }
        t->net->ctx->kern->scale(scale, x, n);
    }
    return AKIN_OK;
}

/* Entries by column: a counting sort, rows ascending within a column. */
static void turn_inputs(struct net_train *t)
{
    struct net_batch *b = &t->batch;
    const struct csr *rows = t->rows;
    int64_t n_in = t->net->spec.n_in;
    memset(b->at, 0, (size_t)(n_in + 1) * sizeof *b->at);
    for (int64_t r = 0; r < b->n; r++)
        for (int64_t e = rows->ptr[b->row[r]]; e < rows->ptr[b->row[r] + 1]; e++)
            b->at[rows->col[e]]++;
    for (int64_t i = 0, sum = 0; i <= n_in; i++) { /* at = where a column ends, … */
        sum += b->at[i];
        b->at[i] = sum;
    }
    for (int64_t r = b->n; r-- > 0;) /* … and by going back, where it begins */
        for (int64_t j = b->ptr[r + 1] - b->ptr[r]; j-- > 0;) {
            int64_t to = --b->at[rows->col[rows->ptr[b->row[r]] + j]];
            b->at_row[to] = (int32_t)r;
            b->at_x[to] = b->x[b->ptr[r] + j];
        }
}

/* The columns of this step; inputs by column are at hand. */
static void draw_columns(struct net_train *t)
{
    struct net_batch *b = &t->batch;
    int64_t n_out = t->net->layer[t->net->spec.n_layers - 1].n_z, n_own = 0, n_drawn = 0;
    struct rng rng = rng_make(t->spec.seed, RNG_NEGATIVE, (uint64_t)t->steps);
    for (int64_t i = 0; i < n_out; i++) {
        b->place[i] = b->at[i + 1] > b->at[i] ? 1 : -1;
        n_own += b->place[i] > 0;
    }
    bool is_all = t->spec.negatives >= n_out - n_own;
    for (int64_t s = 0; !is_all && s < t->spec.negatives; s++) {
        int64_t i = (int64_t)rng_below(&rng, (uint64_t)n_out);
        if (b->place[i] < 0) {
            b->place[i] = 0;
            n_drawn++;
        }
    }
    float each = n_drawn > 0 ? (float)(n_out - n_own) / (float)n_drawn : 1.0F;
    b->n_columns = 0;
    for (int64_t i = 0; i < n_out; i++) {
        if (b->place[i] < 0 && !is_all)
            continue;
        b->share[b->n_columns] = b->place[i] == 0 ? each : 1.0F;
        b->place[i] = (int32_t)b->n_columns;
        b->column[b->n_columns++] = (int32_t)i;
    }
}

akin_status net_batch_fill(struct net_train *t, const int32_t *row, int64_t n, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct net_batch *b = &t->batch;
    b->row = row;
    b->n = n;
    b->ptr[0] = 0;
    for (int64_t r = 0; r < n; r++)
        b->ptr[r + 1] = b->ptr[r] + t->rows->ptr[row[r] + 1] - t->rows->ptr[row[r]];
    AKIN_TRY(par_for(t->net->ctx, par_blocks(n, ROWS), input_block, t, err));
    turn_inputs(t);
    if (b->column)
        draw_columns(t);
done:
    return status;
}
