/*
 * Who rated an item, whatever the ratings: q_i = own part + |R(i)|^-½ Σ_{v in R(i)} z_v, R(i) those
 * who rated i ("flipped" in Rendle, Zhang, Koren 2019, arXiv:1905.01395). An item with three
 * ratings has what others of the same people have. Nothing is kept of z: the model's q is the sum.
 *
 * z steps once an epoch along the gradients that the epoch's batches left of q, each v by rate/(1 +
 * rate·n). All v move the same items, so the step is then cut to what lowers the squared error most
 * along it (an exact line search, users held): no rate diverges.
 */
#include "core/par.h"
#include "kern/kern.h"
#include "models/svdpp_fit.h"

#include <math.h>
#include <string.h>

enum { ROWS_PER_BLOCK = 256 };

akin_status svdpp_flipped_init(struct svdpp_fit *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    struct svdpp_flipped *s = &f->flipped;
    if (!f->p->flipped)
        return AKIN_OK;
    MEM_ZERO(f->ctx, s->z, f->n_users * f->factors);
    MEM_ZERO(f->ctx, s->dz, f->n_users * f->factors);
    MEM_ZERO(f->ctx, s->g, f->n_items * f->factors);
    MEM_ZERO(f->ctx, s->dq, f->n_items * f->factors);
    MEM_ZERO(f->ctx, s->square, par_blocks(f->n_users, ROWS_PER_BLOCK));
done:
    return status;
}

void svdpp_flipped_free(struct svdpp_fit *f)
{
    struct svdpp_flipped *s = &f->flipped;
    mem_free(f->ctx, s->z);
    mem_free(f->ctx, s->dz);
    mem_free(f->ctx, s->g);
    mem_free(f->ctx, s->dq);
    mem_free(f->ctx, s->square);
}

static float root_of(const struct csr *rows, int64_t i)
{
    return 1.0f / sqrtf((float)(rows->ptr[i + 1] - rows->ptr[i]));
}

/* dz of a block of users. */
static akin_status user_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct svdpp_fit *f = arg;
    const struct kern *kern = f->ctx->kern;
    const struct csr *rows = &f->data.by_user, *by_item = &f->data.by_item;
    int64_t k = f->factors;
    (void)worker;
    (void)err;
    for (int64_t u = par_lo(block, ROWS_PER_BLOCK); u < par_hi(block, ROWS_PER_BLOCK, f->n_users);
         u++) {
        float *dz = f->flipped.dz + u * k, *z = f->flipped.z + u * k;
        double n = (double)(rows->ptr[u + 1] - rows->ptr[u]), raters = 0.0;
        memset(dz, 0, (size_t)k * sizeof *dz);
        for (int64_t e = rows->ptr[u]; e < rows->ptr[u + 1]; e++) {
            int64_t i = rows->col[e];
            kern->axpy(root_of(by_item, i), f->flipped.g + i * k, dz, k);
            raters += (double)(by_item->ptr[i + 1] - by_item->ptr[i]);
        }
        double keep = 1.0 / (1.0 + f->rate * f->p->reg_flipped * raters);
        kern->scale((float)(keep * f->rate / (1.0 + f->rate * n)), dz, k);
        kern->axpy((float)(keep - 1.0), z, dz, k);
    }
    return AKIN_OK;
}

/* dq of a block of items. */
static akin_status item_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct svdpp_fit *f = arg;
    const struct kern *kern = f->ctx->kern;
    const struct csr *rows = &f->data.by_item;
    int64_t k = f->factors;
    (void)worker;
    (void)err;
    for (int64_t i = par_lo(block, ROWS_PER_BLOCK); i < par_hi(block, ROWS_PER_BLOCK, f->n_items);
         i++) {
        float *dq = f->flipped.dq + i * k;
        memset(dq, 0, (size_t)k * sizeof *dq);
        for (int64_t e = rows->ptr[i]; e < rows->ptr[i + 1]; e++)
            kern->axpy(1.0f, f->flipped.dz + rows->col[e] * k, dq, k);
        if (rows->ptr[i + 1] > rows->ptr[i])
            kern->scale(root_of(rows, i), dq, k);
    }
    return AKIN_OK;
}

/* How the errors of a block of users change, squared. */
static akin_status line_block(void *arg, int64_t block, int worker, akin_error *err)
{
    struct svdpp_fit *f = arg;
    const struct csr *rows = &f->data.by_user;
    double sum = 0.0;
    (void)worker;
    (void)err;
    for (int64_t u = par_lo(block, ROWS_PER_BLOCK); u < par_hi(block, ROWS_PER_BLOCK, f->n_users);
         u++)
        for (int64_t e = rows->ptr[u]; e < rows->ptr[u + 1]; e++) {
            double d = (double)f->ctx->kern->dot(f->flipped.dq + rows->col[e] * f->factors,
                                                 f->users + u * f->k, f->factors);
            sum += d * d;
        }
    f->flipped.square[block] = sum;
    return AKIN_OK;
}

akin_status svdpp_flipped_step(struct svdpp_fit *f, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct kern *kern = f->ctx->kern;
    struct svdpp_flipped *s = &f->flipped;
    int64_t k = f->factors, user_blocks = par_blocks(f->n_users, ROWS_PER_BLOCK);
    double slope = 0.0, curve = 0.0;
    if (!s->z)
        return AKIN_OK;
    AKIN_TRY(par_for(f->ctx, user_blocks, user_block, f, err));
    AKIN_TRY(par_for(f->ctx, par_blocks(f->n_items, ROWS_PER_BLOCK), item_block, f, err));
    AKIN_TRY(par_for(f->ctx, user_blocks, line_block, f, err));
    for (int64_t b = 0; b < user_blocks; b++)
        curve += s->square[b];
    for (int64_t i = 0; i < f->n_items; i++)
        slope += kern->dot64(s->dq + i * k, s->g + i * k, k);
    double size = curve > 0.0 ? slope * f->variance / curve : 0.0;
    size = size < 0.0 ? 0.0 : size < 1.0 ? size : 1.0;
    for (int64_t u = 0; u < f->n_users; u++)
        kern->axpy((float)size, s->dz + u * k, s->z + u * k, k);
    for (int64_t i = 0; i < f->n_items; i++)
        kern->axpy((float)size, s->dq + i * k, f->items + i * f->k, k);
    memset(s->g, 0, (size_t)(f->n_items * k) * sizeof *s->g);
done:
    return status;
}
