/*
 * Products of dense matrices: blocks of C, each summed over pieces of k that fit the second-level
 * cache (Goto and van de Geijn 2008, doi:10.1145/1356052.1356053). Sums are never cut across
 * threads, so a product that is all sum (m·n small) runs on few of them.
 */
#include "solve/product.h"

#include "core/par.h"

#include <string.h>

enum {
    ROWS = 256,  /* of C in a block: a minibatch, so that what B is packed for is all of it */
    COLS = 128,  /* of C at once: 8 panels */
    WIDE = 512,  /* of C in a block where A is turned, which is dearer than packing B */
    DEPTH = 256, /* terms of a sum at once: as kern's gemm cuts them */
    PRODUCT_ROOM = DEPTH * (ROWS + COLS)
};

akin_status product_room_init(akin_ctx *ctx, struct product_room *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    *out = (struct product_room){.ctx = ctx};
    MEM_NEW(ctx, out->at, (int64_t)PRODUCT_ROOM * par_workers(ctx));
done:
    return status;
}

void product_room_free(struct product_room *room)
{
    if (room->ctx)
        mem_free(room->ctx, room->at);
    *room = (struct product_room){0};
}

double product_room_bytes(int workers)
{
    return 4.0 * PRODUCT_ROOM * workers;
}

/* Rows [0, k) and columns [0, n) of B as panels of kern's pack, without turning anything. */
static void pack_across(const float *B, int64_t ldb, int64_t n, int64_t k, float *out)
{
    for (int64_t j = 0; j < n; j += KERN_PANEL, out += k * KERN_PANEL) {
        int64_t wide = n - j < KERN_PANEL ? n - j : KERN_PANEL;
        for (int64_t t = 0; t < k; t++) {
            float *to = out + t * KERN_PANEL;
            if (wide < KERN_PANEL)
                memset(to, 0, KERN_PANEL * sizeof *to);
            memcpy(to, B + t * ldb + j, (size_t)wide * sizeof *to);
        }
    }
}

/* out (m, k) = Aᵀ, A (k, m): by squares, so that neither side leaves the cache. */
static void turn(const float *A, int64_t lda, int64_t m, int64_t k, float *out)
{
    enum { SIDE = 16 };
    for (int64_t i = 0; i < m; i += SIDE)
        for (int64_t t = 0; t < k; t += SIDE) {
            int64_t i_end = i + SIDE < m ? i + SIDE : m, t_end = t + SIDE < k ? t + SIDE : k;
            for (int64_t r = i; r < i_end; r++)
                for (int64_t s = t; s < t_end; s++)
                    out[r * k + s] = A[s * lda + r];
        }
}

struct product_job {
    const struct product_room *room;
    const struct product *p;
    int64_t wide;   /* columns of a block */
    int64_t across; /* blocks of columns */
};

/* A piece of the sum for a block of C: terms [t, t + k). */
static void add_piece(const struct product_job *job, int64_t i, int64_t j, int64_t t, int worker)
{
    const struct product *p = job->p;
    const struct kern *kern = job->room->ctx->kern;
    float *panels = job->room->at + (int64_t)worker * PRODUCT_ROOM, *turned = panels + DEPTH * COLS;
    int64_t m = p->m - i < ROWS ? p->m - i : ROWS, k = p->k - t < DEPTH ? p->k - t : DEPTH;
    int64_t end = p->n - j < job->wide ? p->n : j + job->wide, lda = p->lda;
    const float *A = p->A + i * p->lda + t;
    if (p->kind == PRODUCT_TN) {
        turn(p->A + t * p->lda + i, p->lda, m, k, turned);
        A = turned;
        lda = k;
    }
    for (; j < end; j += COLS) {
        int64_t n = end - j < COLS ? end - j : COLS;
        if (p->kind == PRODUCT_NT)
            kern->pack(p->B + j * p->ldb + t, p->ldb, n, k, panels);
        else
            pack_across(p->B + t * p->ldb + j, p->ldb, n, k, panels);
        kern->gemm(m, n, k, A, lda, panels, p->C + i * p->ldc + j, p->ldc, t > 0);
    }
}

static akin_status product_block(void *arg, int64_t block, int worker, akin_error *err)
{
    akin_status status = AKIN_OK;
    const struct product_job *job = arg;
    int64_t i = block / job->across * ROWS, j = block % job->across * job->wide, t = 0;
    do { /* once even for k = 0 */
        AKIN_TRY(ctx_check(job->room->ctx, err));
        add_piece(job, i, j, t, worker);
        t += DEPTH;
    } while (t < job->p->k);
done:
    return status;
}

akin_status product_run(const struct product_room *room, const struct product *p, akin_error *err)
{
    int64_t wide = p->kind == PRODUCT_TN ? WIDE : COLS;
    struct product_job job = {room, p, wide, par_blocks(p->n, wide)};
    return par_for(room->ctx, par_blocks(p->m, ROWS) * job.across, product_block, &job, err);
}
