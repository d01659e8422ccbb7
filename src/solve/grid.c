/*
 * Dealing and running the grid of SGD (see grid.h).
 *
 * A stripe is a draw of (seed, round, row): no order of rows or threads enters. Within a user
 * stripe the samples of LANES users are taken in turn, so that steps which wait for each other lie
 * apart (kern/body_sgd.h) while a row still stays in the nearest cache until its user is done.
 *
 * Cost: 12 bytes a sample and 10 bytes an item and user; dealing some 10 ns a sample.
 */
#include "solve/grid.h"

#include "core/par.h"
#include "core/rng.h"

#include <inttypes.h>
#include <string.h>

enum {
    BLOCK_SAMPLES = 4096, /* about, where the grid is free to choose */
    LANES = 16,           /* users in turn */
    CHUNK = 1 << 14       /* samples between two looks at cancel */
};

/* ---- Dealing ------------------------------------------------------------------------------- */

static int64_t stripes_of(const struct csr *by_user)
{
    int64_t n = 1;
    while (n < GRID_MAX && n * n * BLOCK_SAMPLES < csr_nnz(by_user))
        n++;
    return n;
}

/* rows (n_rows) by stripe, ptr (g->n + 1); stripe (n_rows). side: 0 users, 1 items. */
static void deal_rows(const struct grid *g, uint64_t round, int side, int64_t n_rows,
                      uint8_t *stripe, int64_t *ptr, int32_t *rows)
{
    memset(ptr, 0, (size_t)(g->n + 1) * sizeof *ptr);
    for (int64_t r = 0; r < n_rows; r++) {
        uint64_t bits = rng_u64(g->seed, RNG_SHUFFLE, 2 * round + (uint64_t)side, (uint64_t)r);
        stripe[r] = (uint8_t)((bits >> 32) * (uint64_t)g->n >> 32);
        ptr[stripe[r] + 1]++;
    }
    int64_t at[GRID_MAX];
    for (int64_t s = 0; s < g->n; s++) {
        ptr[s + 1] += ptr[s];
        at[s] = ptr[s];
    }
    for (int64_t r = 0; r < n_rows; r++)
        rows[at[stripe[r]]++] = (int32_t)r;
}

akin_status grid_init(akin_ctx *ctx, const struct csr *by_user, int64_t stripes, uint64_t seed,
                      struct grid *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    uint8_t *stripe = NULL;
    struct grid *g = out;
    *g = (struct grid){.ctx = ctx, .by_user = by_user, .seed = seed, .n = stripes};
    if (stripes < 0 || stripes > GRID_MAX)
        AKIN_FAIL(AKIN_E_ARG, "grid=%" PRId64 " (must be 0..%d; 0 = by the data)", stripes,
                  GRID_MAX);
    if (stripes == 0)
        g->n = stripes_of(by_user);
    MEM_NEW(ctx, g->ptr, g->n * g->n + 1);
    MEM_NEW(ctx, g->at, g->n * g->n);
    MEM_NEW(ctx, g->sample, csr_nnz(by_user));
    MEM_NEW(ctx, g->user_ptr, g->n + 1);
    MEM_NEW(ctx, g->user, by_user->n_rows);
    MEM_NEW(ctx, g->item_ptr, g->n + 1);
    MEM_NEW(ctx, g->item, by_user->n_cols);
    MEM_NEW(ctx, g->item_stripe, by_user->n_cols);
    MEM_NEW(ctx, stripe, by_user->n_rows);
    deal_rows(g, 0, 0, by_user->n_rows, stripe, g->user_ptr, g->user);
done:
    mem_free(ctx, stripe);
    return status;
}

void grid_free(struct grid *g)
{
    mem_free(g->ctx, g->ptr);
    mem_free(g->ctx, g->at);
    mem_free(g->ctx, g->sample);
    mem_free(g->ctx, g->user_ptr);
    mem_free(g->ctx, g->user);
    mem_free(g->ctx, g->item_ptr);
    mem_free(g->ctx, g->item);
    mem_free(g->ctx, g->item_stripe);
    *g = (struct grid){0};
}

static akin_status count_stripe(void *arg, int64_t a, int worker, akin_error *err)
{
    struct grid *g = arg;
    const struct csr *m = g->by_user;
    int64_t count[GRID_MAX] = {0};
    (void)worker;
    (void)err;
    for (int64_t r = g->user_ptr[a]; r < g->user_ptr[a + 1]; r++)
        for (int64_t e = m->ptr[g->user[r]]; e < m->ptr[g->user[r] + 1]; e++)
            count[g->item_stripe[m->col[e]]]++;
    memcpy(g->at + a * g->n, count, (size_t)g->n * sizeof *count);
    return AKIN_OK;
}

/* A user whose samples are being placed. */
struct lane {
    struct grid_entry entry;
    int64_t end;
    int32_t user;
};

/* The next user of the stripe that has samples; false past the end. */
static bool next_user(const struct grid *g, int64_t *r, int64_t hi, struct lane *out)
{
    const struct csr *m = g->by_user;
    for (; *r < hi; ++*r) {
        int32_t user = g->user[*r];
        int64_t at = m->ptr[user], end = m->ptr[user + 1];
        if (at == end)
            continue;
        *out = (struct lane){
            {.at = at, .own = m->col + at, .n_own = end - at, .is_first = true}, end, user};
        ++*r;
        return true;
    }
    return false;
}

struct place_job {
    struct grid *g;
    grid_fill fill;
    void *arg;
};

static akin_status place_stripe(void *arg, int64_t a, int worker, akin_error *err)
{
    const struct place_job *job = arg;
    const struct grid *g = job->g;
    const struct csr *m = g->by_user;
    struct lane lane[LANES];
    int64_t at[GRID_MAX];
    int64_t r = g->user_ptr[a], hi = g->user_ptr[a + 1];
    int n = 0;
    (void)worker;
    (void)err;
    memcpy(at, g->ptr + a * g->n, (size_t)g->n * sizeof *at);
    while (n < LANES && next_user(g, &r, hi, &lane[n]))
        n++;
    while (n > 0)
        for (int l = 0; l < n; l++) {
            struct grid_entry *entry = &lane[l].entry;
            int32_t item = m->col[entry->at];
            entry->stripe = g->item_stripe[item];
            struct kern_sample *s = g->sample + at[entry->stripe]++;
            s->p = lane[l].user;
            s->q = item;
            if (job->fill)
                job->fill(job->arg, entry, s);
            else
                s->u.target = m->val ? m->val[entry->at] : 1.0f;
            entry->is_first = false;
            if (++entry->at == lane[l].end && !next_user(g, &r, hi, &lane[l]))
                lane[l] = lane[--n];
        }
    return AKIN_OK;
}

void grid_deal(struct grid *g, int64_t round)
{
    deal_rows(g, (uint64_t)round, 1, g->by_user->n_cols, g->item_stripe, g->item_ptr, g->item);
}

akin_status grid_place(struct grid *g, grid_fill fill, void *arg, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct place_job job = {g, fill, arg};
    AKIN_TRY(par_for(g->ctx, g->n, count_stripe, g, err));
    g->ptr[0] = 0;
    for (int64_t b = 0; b < g->n * g->n; b++)
        g->ptr[b + 1] = g->ptr[b] + g->at[b];
    AKIN_TRY(par_for(g->ctx, g->n, place_stripe, &job, err));
done:
    return status;
}

/* ---- Running ------------------------------------------------------------------------------- */

struct run_job {
    struct grid *g;
    grid_fn fn;
    void *arg;
    int64_t shift; /* the stratum: user stripe a meets item stripe a + shift */
    double loss[GRID_MAX * GRID_MAX];
};

static akin_status run_block(void *arg, int64_t a, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct run_job *job = arg;
    const struct grid *g = job->g;
    int64_t b = (a + job->shift) % g->n, block = a * g->n + b;
    double total = 0.0;
    (void)worker;
    for (int64_t lo = g->ptr[block]; lo < g->ptr[block + 1]; lo += CHUNK) {
        int64_t left = g->ptr[block + 1] - lo;
        AKIN_TRY(ctx_check(g->ctx, err));
        total += job->fn(job->arg, g->sample + lo, left < CHUNK ? left : CHUNK);
    }
    job->loss[block] = total;
done:
    return status;
}

akin_status grid_run(struct grid *g, int64_t round, grid_fn fn, void *arg, double *loss,
                     akin_error *err)
{
    akin_status status = AKIN_OK;
    struct run_job *job = NULL;
    int64_t first = 0;
    MEM_ZERO(g->ctx, job, 1);
    *job = (struct run_job){.g = g, .fn = fn, .arg = arg};
    first = (int64_t)(rng_u64(g->seed, RNG_SHUFFLE, UINT64_MAX, (uint64_t)round) % (uint64_t)g->n);
    for (int64_t s = 0; s < g->n; s++) {
        job->shift = (first + s) % g->n;
        AKIN_TRY(par_for(g->ctx, g->n, run_block, job, err));
    }
    *loss = 0.0;
    for (int64_t b = 0; b < g->n * g->n; b++)
        *loss += job->loss[b];
done:
    mem_free(g->ctx, job);
    return status;
}
