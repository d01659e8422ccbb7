/*
 * Truncated singular values by block Lanczos on A·Aᵀ with full reorthogonalisation and thick
 * restarts.
 *
 * Golub, Underwood 1977 (blocks); Wu, Simon 2000, doi:10.1137/S0895479898334605 (thick restart);
 * Musco, Musco 2015, arXiv:1504.05477 (why blocks beat the power method). The smaller side of A
 * carries the basis Q. Each step multiplies the last block by A·Aᵀ, keeps all of its coefficients
 * in T = Qᵀ·A·Aᵀ·Q, orthogonalises what is left and appends it. A full basis is cut to the best
 * Ritz vectors: T is then diagonal, and since coefficients are computed rather than assumed, the
 * next step finds the border by itself. At the end Z = Aᵀ·U in float, its Gram matrix in double
 * and one more small eigenproblem give values that are right to float, and both sides of vectors.
 *
 * Directions that A·Aᵀ has no more of become zero columns, which change nothing; when a whole block
 * does, the space is exhausted and the answer exact.
 * Cost: see svd.h. Not done: the smallest values; shifts and inverses; updating for a new row.
 */
#include "solve/svd.h"

#include "core/par.h"
#include "core/rng.h"
#include "kern/kern.h"
#include "solve/eigen.h"
#include "solve/gram.h"
#include "solve/svd_basis.h"

#include <math.h>
#include <string.h>

enum {
    P = SPARSE_PANEL,
    CYCLES_MAX = 40, /* full bases; 2 to 5 do for what recommenders ask */
    ROTATE_ROWS = 256,
    START_POLL = 4096
};
static const double rank_floor = 1e-5; /* of the largest singular value: noise of float */

struct lanczos {
    akin_ctx *ctx;
    struct sparse a; /* its rows are the smaller side */
    int64_t n, n_other;
    int64_t k; /* wanted */
    double tolerance;
    struct svd_basis basis;
    float *W, *Z;                 /* (n, P), (n_other, P) */
    double *T;                    /* gram_size(cap) lower triangle by rows */
    double *values;               /* (cap) of T, descending */
    double *vectors;              /* (cap, cap) */
    float *ritz;                  /* (cap, cap) rows: Ritz vectors in Q */
    double gram[P * (P + 1) / 2]; /* of what was left of W */
    double longest;               /* squared length of the longest column before projection */
    int kept;                     /* vectors in the last block */
};

static akin_status lanczos_init(struct lanczos *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t most = s->k * 7 / 2 + 4 * P; /* mostly one cycle */
    int64_t all = s->n + 2 * P;          /* more never comes: the last blocks are empty */
    int64_t cap = par_blocks(most < all ? most : all, P) * P;
    s->basis = (struct svd_basis){.ctx = s->ctx, .n = s->n};
    AKIN_TRY(svd_basis_init(&s->basis, cap, err));
    MEM_NEW(s->ctx, s->W, s->n * P);
    MEM_NEW(s->ctx, s->Z, s->n_other * P);
    MEM_NEW(s->ctx, s->T, gram_size(cap));
    MEM_NEW(s->ctx, s->values, cap);
    MEM_NEW(s->ctx, s->vectors, cap * cap);
    MEM_NEW(s->ctx, s->ritz, cap * cap);
done:
    return status;
}

static void lanczos_free(struct lanczos *s)
{
    svd_basis_free(&s->basis);
    mem_free(s->ctx, s->W);
    mem_free(s->ctx, s->Z);
    mem_free(s->ctx, s->T);
    mem_free(s->ctx, s->values);
    mem_free(s->ctx, s->vectors);
    mem_free(s->ctx, s->ritz);
}

/* Z = Aᵀ·W; W is scaled on the way. */
static akin_status apply_other(struct lanczos *s, float *W, akin_error *err)
{
    sparse_scale(s->a.row_scale, s->n, W);
    return sparse_gather(s->ctx, &s->a.by_col, W, s->a.col_scale, s->Z, err);
}

/* W = A·Aᵀ·W */
static akin_status apply(struct lanczos *s, float *W, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(apply_other(s, W, err));
    sparse_scale(s->a.col_scale, s->n_other, s->Z);
    AKIN_TRY(sparse_gather(s->ctx, &s->a.by_row, s->Z, s->a.row_scale, W, err));
done:
    return status;
}

static void measure_longest(struct lanczos *s)
{
    for (int t = 0; t < P; t++) {
        double sum = s->gram[gram_size(t) + t];
        for (int64_t i = 0; i < s->basis.m; i++)
            sum += s->basis.C[i * P + t] * s->basis.C[i * P + t];
        s->longest = sum > s->longest ? sum : s->longest;
    }
}

/* A random block, multiplied once so that nothing outside the range of A is in it. */
static akin_status start(struct lanczos *s, uint64_t seed, akin_error *err)
{
    akin_status status = AKIN_OK;
    for (int64_t r = 0; r < s->n; r++) {
        struct rng rng = rng_make(seed, RNG_INIT_ITEM, (uint64_t)r);
        if (r % START_POLL == 0)
            AKIN_TRY(ctx_check(s->ctx, err));
        for (int t = 0; t < P; t++)
            s->W[r * P + t] = (float)(2.0 * rng_double(&rng) - 1.0);
    }
    AKIN_TRY(apply(s, s->W, err));
    AKIN_TRY(gram_rows(s->ctx, s->W, s->n, P, s->gram, err));
    measure_longest(s);
    AKIN_TRY(
        svd_orthonormal(s->ctx, s->n, rank_floor * sqrt(s->longest), s->W, s->gram, &s->kept, err));
    svd_basis_push(&s->basis, s->W);
    s->longest = 0.0;
done:
    return status;
}

/* Rows of T for the last block, the first of a cycle or a later one; the block after it is in W,
 * `kept` vectors. */
static akin_status step(struct lanczos *s, bool is_first, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct svd_basis *b = &s->basis;
    svd_basis_last(b, s->W);
    AKIN_TRY(apply(s, s->W, err));
    /* A·Aᵀ leads to the block before and to itself, after a restart to all: the rest is rounding */
    AKIN_TRY(svd_basis_project(b, is_first ? 0 : b->m - 2 * P, s->W, err));
    for (int t = 0; t < P; t++) {
        int64_t row = b->m - P + t;
        for (int64_t i = 0; i <= row; i++)
            s->T[gram_size(row) + i] = b->C[i * P + t];
    }
    AKIN_TRY(gram_rows(s->ctx, s->W, s->n, P, s->gram, err));
    measure_longest(s);
    AKIN_TRY(
        svd_orthonormal(s->ctx, s->n, rank_floor * sqrt(s->longest), s->W, s->gram, &s->kept, err));
done:
    return status;
}

/* ‖A·Aᵀu - λu‖ of Ritz vector i: what its last coefficients carry into the block that follows. */
static double residual(const struct lanczos *s, int64_t i)
{
    int64_t m = s->basis.m;
    const double *y = s->vectors + i * m + m - P;
    double sum = 0.0;
    for (int a = 0; a < P; a++)
        for (int b = 0; b <= a; b++)
            sum += (a == b ? 1.0 : 2.0) * y[a] * y[b] * s->gram[gram_size(a) + b];
    return sum > 0.0 ? sqrt(sum) : 0.0;
}

static bool is_converged(const struct lanczos *s)
{
    int64_t wanted = s->k < s->basis.m ? s->k : s->basis.m;
    double least = rank_floor * rank_floor * s->values[0];
    for (int64_t i = 0; i < wanted; i++)
        if (s->values[i] > least && !(residual(s, i) <= s->tolerance * s->values[i] + least))
            return false;
    return true;
}

static akin_status solve_small(struct lanczos *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t m = s->basis.m;
    AKIN_TRY(eigen_symmetric(s->ctx, m, s->T, s->values, s->vectors, err));
    for (int64_t i = 0; i < m * m; i++)
        s->ritz[i] = (float)s->vectors[i];
done:
    return status;
}

/* The basis becomes its `keep` best Ritz vectors and the block in W. */
static akin_status restart(struct lanczos *s, int64_t keep, akin_error *err)
{
    akin_status status = AKIN_OK;
    AKIN_TRY(svd_basis_turn(&s->basis, s->ritz, keep, err));
    memset(s->T, 0, (size_t)gram_size(keep) * sizeof *s->T);
    for (int64_t i = 0; i < keep; i++)
        s->T[gram_size(i) + i] = s->values[i];
    svd_basis_push(&s->basis, s->W);
done:
    return status;
}

/* Ends with the Ritz vectors of the wanted values in `ritz`. */
static akin_status iterate(struct lanczos *s, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct svd_basis *b = &s->basis;
    for (int cycle = 0; cycle < CYCLES_MAX; cycle++) {
        AKIN_TRY(step(s, true, err));
        while (s->kept > 0 && b->m + P <= b->cap) {
            svd_basis_push(b, s->W);
            AKIN_TRY(step(s, false, err));
        }
        AKIN_TRY(solve_small(s, err));
        /* half of what is not wanted stays too: it is what the next vectors are made of */
        int64_t keep = (s->k + b->cap) / 2 / P * P;
        bool is_last =
            s->kept == 0 || is_converged(s) || cycle + 1 == CYCLES_MAX || keep + 2 * P > b->cap;
        int64_t last = (s->k < b->m ? s->k : b->m) - 1;
        log_write(s->ctx, AKIN_LOG_DEBUG, "svd: %d vectors, cycle %d: residual %.3g of value %d",
                  (int)b->m, cycle + 1, last >= 0 ? residual(s, last) : 0.0, (int)s->k);
        if (is_last)
            break;
        AKIN_TRY(restart(s, keep, err));
    }
done:
    return status;
}

/* ---- Both sides of vectors ----------------------------------------------------------------- */

/* Column block of P lanes into rows of length k. */
static void place(const float *panel, int64_t rows, int64_t first, int64_t k, float *out)
{
    int64_t lanes = k - first < P ? k - first : P;
    for (int64_t r = 0; r < rows; r++)
        memcpy(out + r * k + first, panel + r * P, (size_t)lanes * sizeof *out);
}

struct rotate_job {
    const struct kern *kern;
    const float *in;     /* (n, k) */
    const float *packed; /* of (found, k) */
    float *out;          /* (n, found) */
    int64_t n, k, found;
};

static akin_status rotate_block(void *arg, int64_t block, int worker, akin_error *err)
{
    const struct rotate_job *job = arg;
    int64_t lo = par_lo(block, ROTATE_ROWS);
    (void)worker;
    (void)err;
    job->kern->gemm(par_hi(block, ROTATE_ROWS, job->n) - lo, job->found, job->k,
                    job->in + lo * job->k, job->k, job->packed, job->out + lo * job->found,
                    job->found, 0);
    return AKIN_OK;
}

/* *out (n, found) = in (n, k) · turnᵀ, turn (found, k) rows of vectors, each divided by over[i]. */
static akin_status rotate(akin_ctx *ctx, const float *in, int64_t n, int64_t k, int64_t found,
                          const double *turn, const double *over, float **out, akin_error *err)
{
    akin_status status = AKIN_OK;
    float *rows = NULL, *packed = NULL;
    MEM_NEW(ctx, *out, n * found);
    MEM_NEW(ctx, rows, found * k);
    MEM_NEW(ctx, packed, kern_packed_size(found, k));
    for (int64_t i = 0; i < found; i++)
        for (int64_t t = 0; t < k; t++)
            rows[i * k + t] = (float)(turn[i * k + t] / (over ? over[i] : 1.0));
    ctx->kern->pack(rows, k, found, k, packed);
    struct rotate_job job = {ctx->kern, in, packed, *out, n, k, found};
    AKIN_TRY(par_for(ctx, par_blocks(n, ROTATE_ROWS), rotate_block, &job, err));
done:
    mem_free(ctx, rows);
    mem_free(ctx, packed);
    return status;
}

struct sides {
    int64_t k;
    float *U, *Z; /* (n, k) Ritz vectors, (n_other, k) = Aᵀ·U */
};

static akin_status sides_make(struct lanczos *s, struct sides *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t k = out->k;
    MEM_NEW(s->ctx, out->U, s->n * k);
    MEM_NEW(s->ctx, out->Z, s->n_other * k);
    for (int64_t first = 0; first < k; first += P) {
        /* rows past k are there: the basis has whole blocks */
        AKIN_TRY(svd_basis_combine(&s->basis, s->ritz + first * s->basis.m, s->W, err));
        place(s->W, s->n, first, k, out->U);
        AKIN_TRY(apply_other(s, s->W, err));
        place(s->Z, s->n_other, first, k, out->Z);
    }
done:
    return status;
}

/* Values from the Gram matrix of Z; both sides turned by its vectors. */
static akin_status finish(struct lanczos *s, bool is_flipped, bool wants_left, struct svd *out,
                          akin_error *err)
{
    akin_status status = AKIN_OK;
    struct sides g = {.k = s->k < s->basis.m ? s->k : s->basis.m};
    double *gram = NULL, *turn = NULL;
    AKIN_TRY(sides_make(s, &g, err));
    MEM_NEW(s->ctx, gram, gram_size(g.k));
    MEM_NEW(s->ctx, turn, g.k * g.k);
    MEM_NEW(s->ctx, out->sigma, g.k);
    AKIN_TRY(gram_rows(s->ctx, g.Z, s->n_other, g.k, gram, err));
    AKIN_TRY(eigen_symmetric(s->ctx, g.k, gram, out->sigma, turn, err));
    for (int64_t i = 0; i < g.k; i++) {
        out->sigma[i] = out->sigma[i] > 0.0 ? sqrt(out->sigma[i]) : 0.0;
        if (out->sigma[i] > rank_floor * out->sigma[0])
            out->k = i + 1;
    }
    float **small = is_flipped ? &out->right : &out->left;
    float **large = is_flipped ? &out->left : &out->right;
    if (is_flipped || wants_left)
        AKIN_TRY(rotate(s->ctx, g.U, s->n, g.k, out->k, turn, NULL, small, err));
    mem_free(s->ctx, g.U);
    g.U = NULL;
    if (!is_flipped || wants_left)
        AKIN_TRY(rotate(s->ctx, g.Z, s->n_other, g.k, out->k, turn, out->sigma, large, err));
done:
    mem_free(s->ctx, g.U);
    mem_free(s->ctx, g.Z);
    mem_free(s->ctx, gram);
    mem_free(s->ctx, turn);
    return status;
}

akin_status svd_truncated(akin_ctx *ctx, const struct sparse *a, int64_t k, double tolerance,
                          uint64_t seed, bool wants_left, struct svd *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    bool is_flipped = a->by_col.n_rows < a->by_row.n_rows;
    struct lanczos s = {
        .ctx = ctx, .a = is_flipped ? sparse_flip(a) : *a, .k = k, .tolerance = tolerance};
    s.n = s.a.by_row.n_rows;
    s.n_other = s.a.by_col.n_rows;
    memset(out, 0, sizeof *out);
    AKIN_TRY(lanczos_init(&s, err));
    AKIN_TRY(start(&s, seed, err));
    progress_begin(ctx, "singular vectors", s.basis.cap);
    status = iterate(&s, err);
    progress_end(ctx);
    AKIN_TRY(status);
    AKIN_TRY(finish(&s, is_flipped, wants_left, out, err));
done:
    lanczos_free(&s);
    if (status != AKIN_OK)
        svd_free(ctx, out);
    return status;
}

void svd_free(akin_ctx *ctx, struct svd *s)
{
    mem_free(ctx, s->sigma);
    mem_free(ctx, s->left);
    mem_free(ctx, s->right);
    memset(s, 0, sizeof *s);
}

void svd_estimate(int64_t k, int64_t n_rows, int64_t n_cols, int64_t nnz, double *bytes,
                  double *flops)
{
    double n = (double)(n_rows < n_cols ? n_rows : n_cols);
    double both = (double)n_rows + (double)n_cols;
    double m = 3.5 * (double)k + 4 * P;
    m = m < n + 3 * P ? m : n + 3 * P;
    double cycles = 2.0;
    *bytes = 4 * n * m + 48 * m * m + 8 * both * (double)k + 4 * both * P;
    *flops = cycles * (2 * n * m * m + 9 * m * m * m + 4 * m * (double)nnz);
}
