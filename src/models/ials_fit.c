/*
 * Training of ials (see ials.c): alternating half-steps, each one
 *   Gram of the fixed side → eigenbasis → turn the fixed side (and, for descent, the solved side's
 *   start) into it → exchange → solve every row of the solved side.
 *
 * An epoch is items, then users; users start at random, items at zero. Rows go to workers in
 * blocks of equal estimated work; a row's bits depend on nothing but its own data.
 * With biases a side has two forms: solution [p, b], and features [p, 1] beside the offset b.
 */
#include "core/par.h"
#include "core/rng.h"
#include "kern/math.h"
#include "models/ials.h"
#include "solve/eigen.h"
#include "solve/gram.h"

#include <math.h>
#include <string.h>

enum {
    BLOCK_WORK = 1 << 25, /* multiply-adds: about 1 ms */
    TURN_ROWS = 256,      /* rows that one block turns */
    LOSS_ITEMS = 1024     /* rows of one partial sum of the items' part of the loss */
};

struct side {
    bool is_items;
    const struct csr *rows; /* positives of each row */
    int64_t n, n_other;
    int64_t lo, hi; /* rows of this rank */
    float *X;       /* (n, k) owned by the fit until it is handed to the model */
    float *offset;  /* (n) features form with biases, else NULL */
    int64_t *block; /* (n_blocks + 1) */
    int64_t n_blocks;
};

struct fit {
    akin_ctx *ctx;
    struct model *m;
    const struct train_view *tv;
    const struct ials_params *p;
    struct comm *comm;
    int64_t k;
    struct side users, items;
    bool is_turned;      /* both sides are in `basis`, which is that of the items */
    double *gram;        /* (k(k+1)/2) */
    double *values;      /* (k) eigenvalues of the last Gram */
    double *vectors;     /* (k, k) */
    float *basis;        /* (k, k) rows: eigenvectors */
    float *packed;       /* a packed (k, k) */
    float *base, *shift; /* (k); shift NULL without biases */
    float *scratch;      /* (workers, scratch_size) */
    int64_t scratch_size;
};

/* ---- Rows in blocks of equal work ---- */

static double row_work(int64_t n, int64_t k)
{
    double a = (double)n, b = (double)k;
    if (8 * n < 7 * k)
        return a * a * b / 2 + a * a * a / 6 + 4 * a * b + 500;
    return a * b * b / 2 + b * b * b / 6 + 2 * a * b + 500;
}

static akin_status side_cut(struct fit *f, struct side *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    double work = 0.0;
    MEM_NEW(f->ctx, s->block, s->hi - s->lo + 2);
    s->block[0] = s->lo;
    for (int64_t r = s->lo; r < s->hi; r++) {
        work += row_work(s->rows->ptr[r + 1] - s->rows->ptr[r], f->k);
        if (work >= BLOCK_WORK || r + 1 == s->hi) {
            s->block[++s->n_blocks] = r + 1;
            work = 0.0;
        }
    }
done:
    return status;
}

struct solve_job {
    struct fit *f;
    struct side *side;
    struct row_system sys;
    int how;
};

static akin_status solve_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct solve_job *job = arg;
    struct fit *f = job->f;
    const struct side *s = job->side;
    float *scratch = f->scratch + worker * f->scratch_size;
    for (int64_t r = s->block[block]; r < s->block[block + 1]; r++) {
        int64_t lo = s->rows->ptr[r];
        struct row_data row = {.n = (int32_t)(s->rows->ptr[r + 1] - lo),
                               .item = s->rows->col + lo,
                               .weight = s->rows->val ? s->rows->val + lo : NULL};
        row.lambda = ials_lambda(f->p, row.n, s->n_other);
        float *x = s->X + r * f->k;
        if (row.n == 0 && !job->sys.shift)
            memset(x, 0, (size_t)f->k * sizeof *x);
        else if (job->how == IALS_CHOLESKY)
            AKIN_TRY(row_solve(f->ctx, &job->sys, &row, x, scratch, err));
        else if (job->how == IALS_CG)
            AKIN_TRY(row_conjugate(f->ctx, &job->sys, &row, f->p->cg_steps, x, scratch, err));
        else
            AKIN_TRY(row_descend(f->ctx, &job->sys, &row, f->p->block, x, scratch, err));
    }
    progress_add(f->ctx, s->block[block + 1] - s->block[block]);
done:
    return status;
}

static akin_status solve_rows(struct fit *f, struct side *solved, const struct side *fixed, int how,
                              akin_error *err)
{
    struct solve_job job = {.f = f, .side = solved, .how = how};
    job.sys = (struct row_system){f->ctx->kern, f->k, fixed->X, fixed->offset, f->base, f->shift};
    return par_for(f->ctx, solved->n_blocks, solve_block, &job, err);
}

/* ---- Turning a side ---- */

struct turn_job {
    struct fit *f;
    float *X;
    int64_t lo, hi;
};

static akin_status turn_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct turn_job *job = arg;
    struct fit *f = job->f;
    float *out = f->scratch + worker * f->scratch_size; /* room for TURN_ROWS rows */
    int64_t lo = job->lo + par_lo(block, TURN_ROWS);
    int64_t n = job->lo + par_hi(block, TURN_ROWS, job->hi - job->lo) - lo;
    (void)err;
    f->ctx->kern->gemm(n, f->k, f->k, job->X + lo * f->k, f->k, f->packed, out, f->k, 0);
    memcpy(job->X + lo * f->k, out, (size_t)(n * f->k) * sizeof *out);
    return AKIN_OK;
}

/* Rows [lo, hi) of X ← X · Bᵀ with B as packed. */
static akin_status turn(struct fit *f, float *X, int64_t lo, int64_t hi, akin_error *err)
{
    struct turn_job job = {f, X, lo, hi};
    return par_for(f->ctx, par_blocks(hi - lo, TURN_ROWS), turn_block, &job, err);
}

static void pack_basis(struct fit *f, bool is_back)
{
    float *B = f->scratch; /* holds at least k² floats */
    int64_t k = f->k;
    for (int64_t i = 0; i < k; i++)
        for (int64_t t = 0; t < k; t++)
            B[i * k + t] = is_back ? f->basis[t * k + i] : f->basis[i * k + t];
    f->ctx->kern->pack(B, k, k, k, f->packed);
}

static void to_features(struct fit *f, struct side *s)
{
    for (int64_t r = 0; s->offset && r < s->n; r++) {
        s->offset[r] = s->X[r * f->k + f->k - 1];
        s->X[r * f->k + f->k - 1] = 1.0f;
    }
}

static void to_solution(struct fit *f, struct side *s)
{
    for (int64_t r = 0; s->offset && r < s->n; r++)
        s->X[r * f->k + f->k - 1] = s->offset[r];
}

/* Both sides change roles. Biases have a coordinate of their own: only there must it be seen. */
static akin_status swap_roles(struct fit *f, struct side *solved, struct side *fixed,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    if (!f->p->biases || !f->is_turned)
        goto done;
    pack_basis(f, true);
    AKIN_TRY(turn(f, solved->X, 0, solved->n, err));
    AKIN_TRY(turn(f, fixed->X, 0, fixed->n, err));
    to_features(f, solved);
    to_solution(f, fixed);
    f->is_turned = false;
done:
    return status;
}

/* ---- A half-step ---- */

static akin_status exchange(struct fit *f, struct side *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct comm_class *cls = f->comm->cls;
    AKIN_TRY(cls->rows_start(f->comm, s->X, s->n, f->k, s->lo, s->hi, NULL, err));
    AKIN_TRY(cls->rows_wait(f->comm, err));
    if (s->offset) {
        AKIN_TRY(cls->rows_start(f->comm, s->offset, s->n, 1, s->lo, s->hi, NULL, err));
        AKIN_TRY(cls->rows_wait(f->comm, err));
    }
done:
    return status;
}

struct sums_job {
    struct fit *f;
    const struct side *s;
};

static akin_status offset_sum_shard(void *arg, int shard, int worker, double *acc, akin_error *err)
{
    const struct sums_job *job = arg;
    int64_t k = job->f->k;
    int64_t lo = job->f->m->users.shard_ptr[shard];
    int64_t hi = job->f->m->users.shard_ptr[shard + 1];
    (void)worker;
    (void)err;
    for (int64_t r = lo; r < hi; r++)
        for (int64_t t = 0; t < k; t++)
            acc[t] += (double)job->s->offset[r] * (double)job->s->X[r * k + t];
    return AKIN_OK;
}

/* shift = unobserved_weight · Σ c x over the fixed side, which is turned. */
static akin_status shift_set(struct fit *f, const struct side *fixed, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct sums_job job = {f, fixed};
    double *sum = NULL;
    if (!f->shift)
        goto done;
    MEM_NEW(f->ctx, sum, f->k);
    if (fixed->is_items)
        gram_weighted_sum(fixed->X, fixed->n, f->k, fixed->offset, sum);
    else
        AKIN_TRY(comm_sum_shards(f->ctx, f->comm, f->k, offset_sum_shard, &job, sum, err));
    for (int64_t t = 0; t < f->k; t++)
        f->shift[t] = (float)(f->p->unobserved_weight * sum[t]);
done:
    mem_free(f->ctx, sum);
    return status;
}

static akin_status basis_set(struct fit *f, const struct side *fixed, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t k = f->k;
    if (fixed->is_items)
        AKIN_TRY(gram_rows(f->ctx, fixed->X, fixed->n, k, f->gram, err));
    else
        AKIN_TRY(gram_shards(f->ctx, f->comm, fixed->X, k, f->m->users.shard_ptr, f->gram, err));
    AKIN_TRY(eigen_symmetric(f->ctx, k, f->gram, f->values, f->vectors, err));
    for (int64_t t = 0; t < k; t++) { /* rounding may leave a zero slightly negative */
        f->values[t] = f->values[t] > 0.0 ? f->values[t] : 0.0;
        f->base[t] = (float)(f->p->unobserved_weight * f->values[t]);
    }
    for (int64_t i = 0; i < k * k; i++)
        f->basis[i] = (float)f->vectors[i];
done:
    return status;
}

static akin_status half_step(struct fit *f, struct side *solved, struct side *fixed, int how,
                             akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(swap_roles(f, fixed, solved, err)); /* what was solved last is fixed now */
    AKIN_TRY(basis_set(f, fixed, err));
    pack_basis(f, false);
    /* Items are whole on every rank; users only once they are exchanged. */
    AKIN_TRY(turn(f, fixed->X, fixed->is_items ? 0 : fixed->lo,
                  fixed->is_items ? fixed->n : fixed->hi, err));
    if (how != IALS_CHOLESKY)
        AKIN_TRY(turn(f, solved->X, solved->lo, solved->hi, err));
    f->is_turned = true;
    AKIN_TRY(shift_set(f, fixed, err));
    if (!fixed->is_items)
        AKIN_TRY(exchange(f, fixed, err));
    AKIN_TRY(solve_rows(f, solved, fixed, how, err));
    if (solved->is_items)
        AKIN_TRY(exchange(f, solved, err));
done:
    return status;
}

/* ---- The loss, after a half-step on users ---- */

/* acc: Σ w(1 - x̂)² over positives, Σ lambda‖p‖², then per coordinate Σ p², Σ p. */
static akin_status loss_shard(void *arg, int shard, int worker, double *acc, akin_error *err)
{
    struct fit *f = arg;
    const struct side *users = &f->users, *items = &f->items;
    int64_t k = f->k;
    (void)worker;
    for (int64_t u = f->m->users.shard_ptr[shard]; u < f->m->users.shard_ptr[shard + 1]; u++) {
        const float *x = users->X + u * k;
        int64_t lo = users->rows->ptr[u], hi = users->rows->ptr[u + 1];
        double norm = 0.0;
        if (ctx_cancelled(f->ctx))
            return ctx_check(f->ctx, err);
        for (int64_t e = lo; e < hi; e++) {
            int64_t i = users->rows->col[e];
            double miss = 1.0 - f->ctx->kern->dot64(items->X + i * k, x, k) -
                          (items->offset ? (double)items->offset[i] : 0.0);
            acc[0] += (users->rows->val ? (double)users->rows->val[e] : 1.0) * miss * miss;
        }
        for (int64_t t = 0; t < k; t++) {
            double v = (double)x[t];
            norm += v * v;
            acc[2 + t] += v * v;
            acc[2 + k + t] += v;
        }
        acc[1] += (double)ials_lambda(f->p, hi - lo, users->n_other) * norm;
    }
    return AKIN_OK;
}

struct item_loss {
    struct fit *f;
    double *part; /* (blocks, 2): Σ lambda‖q‖², Σ b² */
};

static akin_status item_loss_block(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct item_loss *job = arg;
    const struct side *items = &job->f->items;
    int64_t k = job->f->k;
    double *part = job->part + 2 * block;
    (void)worker;
    (void)err;
    part[0] = part[1] = 0.0;
    for (int64_t i = par_lo(block, LOSS_ITEMS); i < par_hi(block, LOSS_ITEMS, items->n); i++) {
        double norm = job->f->ctx->kern->dot64(items->X + i * k, items->X + i * k, k);
        double b = items->offset ? (double)items->offset[i] : 0.0;
        if (items->offset) /* the turned features hold the constant 1 in place of the bias */
            norm += b * b - 1.0;
        part[0] += (double)ials_lambda(job->f->p, items->rows->ptr[i + 1] - items->rows->ptr[i],
                                       items->n_other) *
                   norm;
        part[1] += b * b;
    }
    return AKIN_OK;
}

static akin_status loss_value(struct fit *f, double *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct item_loss job = {.f = f};
    int64_t k = f->k, blocks = par_blocks(f->items.n, LOSS_ITEMS);
    double *sum = NULL;
    double loss = 0.0, unobserved = 0.0, offsets = 0.0;
    MEM_NEW(f->ctx, sum, 2 + 2 * k);
    MEM_NEW(f->ctx, job.part, 2 * blocks);
    AKIN_TRY(comm_sum_shards(f->ctx, f->comm, 2 + 2 * k, loss_shard, f, sum, err));
    AKIN_TRY(par_for(f->ctx, blocks, item_loss_block, &job, err));
    for (int64_t b = 0; b < blocks; b++) {
        loss += job.part[2 * b];
        offsets += job.part[2 * b + 1];
    }
    /* Σ_all (z·p + b)², Gram of the items being diag(values) in this basis */
    for (int64_t t = 0; t < k; t++)
        unobserved += f->values[t] * sum[2 + t];
    unobserved *= f->p->unobserved_weight;
    for (int64_t t = 0; f->shift && t < k; t++)
        unobserved += 2.0 * (double)f->shift[t] * sum[2 + k + t];
    unobserved += f->p->unobserved_weight * (double)f->users.n * offsets;
    *out = loss + sum[0] + sum[1] + unobserved;
done:
    mem_free(f->ctx, sum);
    mem_free(f->ctx, job.part);
    return status;
}

/* ---- Start ---- */

struct start_job {
    struct fit *f;
    double scale;
};

/* n normal deviates by the polar method (Marsaglia and Bray 1964, doi:10.1137/1006063). */
static void normal_fill(struct rng *rng, double scale, float *x, int64_t n)
{
    for (int64_t t = 0; t < n;) {
        uint64_t bits = rng_next(rng);
        double a = ((double)(uint32_t)bits + 0.5) * 0x1p-31 - 1.0;
        double b = ((double)(uint32_t)(bits >> 32) + 0.5) * 0x1p-31 - 1.0;
        double square = a * a + b * b;
        if (square >= 1.0)
            continue;
        double factor = scale * sqrt(-2.0 * kern_log(square) / square);
        x[t++] = (float)(a * factor);
        if (t < n)
            x[t++] = (float)(b * factor);
    }
}

static akin_status start_block(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct start_job *job = arg;
    struct fit *f = job->f;
    (void)worker;
    (void)err;
    for (int64_t u = par_lo(block, TURN_ROWS); u < par_hi(block, TURN_ROWS, f->users.n); u++) {
        float *x = f->users.X + u * f->k;
        struct rng rng = rng_make(f->tv->seed, RNG_INIT_USER, (uint64_t)u);
        normal_fill(&rng, job->scale, x, f->p->factors);
        if (f->p->biases)
            x[f->k - 1] = 1.0f;
    }
    return AKIN_OK;
}

static akin_status start_random(struct fit *f, akin_error *err)
{
    struct start_job job = {f, f->p->stddev / sqrt((double)f->p->factors)};
    return par_for(f->ctx, par_blocks(f->users.n, TURN_ROWS), start_block, &job, err);
}

/* Items of an earlier model, new ones at zero; then the users are solved exactly. */
static akin_status start_warm(struct fit *f, const struct fit_control *ctl, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct ials *old = ctl->warm->self;
    int64_t k = f->k;
    if (!ctl->warm_item)
        AKIN_FAIL(AKIN_E_ARG, "ials: an earlier model needs the places of its items");
    if (old->k != k || (old->bias != NULL) != (f->p->biases != 0))
        AKIN_FAIL(AKIN_E_ARG,
                  "ials: factors=%d, biases=%d, but the earlier model has factors=%d, biases=%d",
                  (int)f->p->factors, (int)f->p->biases, (int)old->params->factors,
                  (int)old->params->biases);
    for (int64_t i = 0; i < f->items.n; i++) {
        int64_t from = ctl->warm_item[i];
        if (from >= old->n_items)
            AKIN_FAIL(AKIN_E_ARG, "ials: item %d of the earlier model (it has %d)", (int)from,
                      (int)old->n_items);
        if (from >= 0)
            memcpy(f->items.X + i * k, old->items + from * k, (size_t)k * sizeof *f->items.X);
        if (f->items.offset)
            f->items.offset[i] = from >= 0 ? old->bias[from] : 0.0f;
    }
    if (f->p->biases) { /* back to [q, 1] */
        memcpy(f->basis, old->basis, (size_t)(k * k) * sizeof *f->basis);
        pack_basis(f, true);
        AKIN_TRY(turn(f, f->items.X, 0, f->items.n, err));
        for (int64_t i = 0; i < f->items.n; i++)
            f->items.X[i * k + k - 1] = 1.0f;
    }
    AKIN_TRY(half_step(f, &f->users, &f->items, IALS_CHOLESKY, err));
done:
    return status;
}

static akin_status fit_alloc(struct fit *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    akin_ctx *ctx = f->ctx;
    int64_t k = f->k, longest = 0;
    struct side *sides[2] = {&f->users, &f->items};
    for (int i = 0; i < 2; i++) {
        struct side *s = sides[i];
        MEM_ZERO(ctx, s->X, s->n * k);
        if (f->p->biases)
            MEM_ZERO(ctx, s->offset, s->n);
        AKIN_TRY(side_cut(f, s, err));
        for (int64_t r = s->lo; r < s->hi; r++) {
            int64_t n = s->rows->ptr[r + 1] - s->rows->ptr[r];
            longest = n > longest ? n : longest;
        }
    }
    f->scratch_size = row_scratch_max(k, longest);
    f->scratch_size = f->scratch_size > TURN_ROWS * k ? f->scratch_size : TURN_ROWS * k;
    f->scratch_size = f->scratch_size > k * k ? f->scratch_size : k * k;
    MEM_NEW(ctx, f->scratch, par_workers(ctx) * f->scratch_size);
    MEM_NEW(ctx, f->gram, gram_size(k));
    MEM_NEW(ctx, f->values, k);
    MEM_NEW(ctx, f->vectors, k * k);
    MEM_NEW(ctx, f->basis, k * k);
    MEM_NEW(ctx, f->packed, kern_packed_size(k, k));
    MEM_NEW(ctx, f->base, k);
    if (f->p->biases)
        MEM_ZERO(ctx, f->shift, k);
done:
    return status;
}

static void fit_free(struct fit *f)
{
    akin_ctx *ctx = f->ctx;
    struct side *sides[2] = {&f->users, &f->items};
    for (int i = 0; i < 2; i++)
        mem_free(ctx, sides[i]->block);
    mem_free(ctx, f->users.offset);
    if (!f->p->biases)
        mem_free(ctx, f->basis);
    mem_free(ctx, f->scratch);
    mem_free(ctx, f->gram);
    mem_free(ctx, f->values);
    mem_free(ctx, f->vectors);
    mem_free(ctx, f->packed);
}

/* The model owns what it scores with from here on. */
static void hand_over(struct fit *f, struct ials *self)
{
    self->users = f->users.X;
    self->items = f->items.X;
    self->bias = f->items.offset;
    self->base = f->base;
    self->shift = f->shift;
    self->basis = f->p->biases ? f->basis : NULL;
}

static akin_status run_epochs(struct fit *f, const struct fit_control *ctl, akin_error *err)
{
    akin_status status = AKIN_OK;
    int how = (int)f->p->solver;
    bool stop = false;
    double last = (double)NAN;
    for (int64_t epoch = 1; epoch <= f->p->epochs && !stop; epoch++) {
        double loss = (double)NAN;
        AKIN_TRY(half_step(f, &f->items, &f->users, how, err));
        AKIN_TRY(half_step(f, &f->users, &f->items, how, err));
        if (f->p->log_loss || f->p->tol > 0.0)
            AKIN_TRY(loss_value(f, &loss, err));
        if (f->p->log_loss)
            log_write(f->ctx, AKIN_LOG_INFO, "ials: epoch %d: loss %.9g", (int)epoch, loss);
        if (f->p->tol > 0.0 && last - loss <= f->p->tol * fabs(last))
            stop = true;
        last = loss;
        if (!ctl->epoch)
            continue;
        AKIN_TRY(exchange(f, &f->users, err));
        AKIN_TRY(ctl->epoch(ctl->arg, f->m, epoch, loss, &stop, err));
    }
    if (how !=
        IALS_CHOLESKY) /* the items are as they were: only the rows are to be solved to the end */
        AKIN_TRY(solve_rows(f, &f->users, &f->items, IALS_CHOLESKY, err));
    AKIN_TRY(exchange(f, &f->users, err));
done:
    return status;
}

akin_status ials_fit(struct model *m, const struct train_view *tv, const struct fit_control *ctl,
                     akin_error *err)
{
    akin_status status = AKIN_OK;
    struct ials *self = m->self;
    struct fit f = {.ctx = m->ctx, .m = m, .tv = tv, .p = m->params, .comm = tv->comm};
    f.k = ials_width(f.p);
    f.users = (struct side){.rows = &tv->by_user, .n = m->users.n, .n_other = m->items.n};
    f.items = (struct side){
        .is_items = true, .rows = &tv->by_item, .n = m->items.n, .n_other = m->users.n};
    f.users.lo = m->users.shard_ptr[f.comm->shard_lo];
    f.users.hi = m->users.shard_ptr[f.comm->shard_hi];
    comm_item_range(f.comm, f.items.n, &f.items.lo, &f.items.hi);
    *self = (struct ials){
        .ctx = m->ctx, .params = m->params, .k = f.k, .n_users = f.users.n, .n_items = f.items.n};
    progress_begin(m->ctx, "ials",
                   f.p->epochs * (f.users.hi - f.users.lo + f.items.hi - f.items.lo));
    status = fit_alloc(&f, err);
    hand_over(&f, self); /* also what a failure leaves: model_free frees it */
    AKIN_TRY(status);
    if (ctl->warm)
        AKIN_TRY(start_warm(&f, ctl, err));
    else
        AKIN_TRY(start_random(&f, err));
    AKIN_TRY(run_epochs(&f, ctl, err));
done:
    progress_end(m->ctx);
    fit_free(&f);
    return status;
}
