/*
 * One half-step of ials:
 *   Gram of the fixed side → eigenbasis → turn the fixed side (and, for descent, the solved side's
 *   start) into it → ials_exchange → solve every row of the solved side.
 *
 * Rows go to workers in blocks of equal work (row_cut); a row's bits depend on nothing but its own
 * data. With biases a side has two forms: solution [p, b], and features [p, 1] beside the offset b.
 */
#include "core/par.h"
#include "models/ials_fit.h"
#include "solve/eigen.h"
#include "solve/gram.h"

#include <string.h>

/* ---- Rows ---- */

struct solve_job {
    struct ials_fit *f;
    struct ials_side *side;
    struct row_system sys;
    int how;
};

static akin_status solve_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct solve_job *job = arg;
    struct ials_fit *f = job->f;
    const struct ials_side *s = job->side;
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

akin_status ials_solve_rows(struct ials_fit *f, struct ials_side *solved,
                            const struct ials_side *fixed, int how, akin_error *err)
{
    struct solve_job job = {.f = f, .side = solved, .how = how};
    job.sys = (struct row_system){f->ctx->kern, f->k, fixed->X, fixed->offset, f->base, f->shift};
    return par_for(f->ctx, solved->n_blocks, solve_block, &job, err);
}

/* ---- Turning a side ---- */

struct turn_job {
    struct ials_fit *f;
    float *X;
    int64_t lo, hi;
};

static akin_status turn_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct turn_job *job = arg;
    struct ials_fit *f = job->f;
    float *out = f->scratch + worker * f->scratch_size; /* room for IALS_TURN_ROWS rows */
    int64_t lo = job->lo + par_lo(block, IALS_TURN_ROWS);
    int64_t n = job->lo + par_hi(block, IALS_TURN_ROWS, job->hi - job->lo) - lo;
    (void)err;
    f->ctx->kern->gemm(n, f->k, f->k, job->X + lo * f->k, f->k, f->packed, out, f->k, 0);
    memcpy(job->X + lo * f->k, out, (size_t)(n * f->k) * sizeof *out);
    return AKIN_OK;
}

/* Rows [lo, hi) of X ← X · Bᵀ with B as packed. */
static akin_status turn(struct ials_fit *f, float *X, int64_t lo, int64_t hi, akin_error *err)
{
    struct turn_job job = {f, X, lo, hi};
    return par_for(f->ctx, par_blocks(hi - lo, IALS_TURN_ROWS), turn_block, &job, err);
}

static void pack_basis(struct ials_fit *f, bool is_back)
{
    float *B = f->scratch; /* holds at least k² floats */
    int64_t k = f->k;
    for (int64_t i = 0; i < k; i++)
        for (int64_t t = 0; t < k; t++)
            B[i * k + t] = is_back ? f->basis[t * k + i] : f->basis[i * k + t];
    f->ctx->kern->pack(B, k, k, k, f->packed);
}

akin_status ials_turn_back(struct ials_fit *f, struct ials_side *s, akin_error *err)
{
    pack_basis(f, true);
    return turn(f, s->X, 0, s->n, err);
}

static void to_features(struct ials_fit *f, struct ials_side *s)
{
    for (int64_t r = 0; s->offset && r < s->n; r++) {
        s->offset[r] = s->X[r * f->k + f->k - 1];
        s->X[r * f->k + f->k - 1] = 1.0f;
    }
}

static void to_solution(struct ials_fit *f, struct ials_side *s)
{
    for (int64_t r = 0; s->offset && r < s->n; r++)
        s->X[r * f->k + f->k - 1] = s->offset[r];
}

/* Both sides change roles. Biases have a coordinate of their own: only there must it be seen. */
static akin_status swap_roles(struct ials_fit *f, struct ials_side *solved, struct ials_side *fixed,
                              akin_error *err)
{
    akin_status status = AKIN_OK;
    if (!f->p->biases || !f->is_turned)
        goto done;
    AKIN_TRY(ials_turn_back(f, solved, err));
    AKIN_TRY(ials_turn_back(f, fixed, err));
    to_features(f, solved);
    to_solution(f, fixed);
    f->is_turned = false;
done:
    return status;
}

/* ---- The half-step ---- */

akin_status ials_exchange(struct ials_fit *f, struct ials_side *s, akin_error *err)
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
    struct ials_fit *f;
    const struct ials_side *s;
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
static akin_status shift_set(struct ials_fit *f, const struct ials_side *fixed, akin_error *err)
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

static akin_status basis_set(struct ials_fit *f, const struct ials_side *fixed, akin_error *err)
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

akin_status ials_half_step(struct ials_fit *f, struct ials_side *solved, struct ials_side *fixed,
                           int how, akin_error *err)
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
        AKIN_TRY(ials_exchange(f, fixed, err));
    AKIN_TRY(ials_solve_rows(f, solved, fixed, how, err));
    if (solved->is_items)
        AKIN_TRY(ials_exchange(f, solved, err));
done:
    return status;
}
