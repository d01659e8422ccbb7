/*
 * Products of dense matrices by all threads. Every output is one chain of fused multiply-adds over
 * the summed index, ascending (kern's gemm), whatever the cut: the same bits for any thread count,
 * ISA and shape of the rest.
 */
#ifndef AKIN_SOLVE_PRODUCT_H
#define AKIN_SOLVE_PRODUCT_H

#include "kern/kern.h"

/* Which index of A and B is summed over. C is (m, n), the sum has k terms. */
enum product_kind {
    PRODUCT_NT, /* C = A·Bᵀ: A (m, k), B (n, k) */
    PRODUCT_NN, /* C = A·B:  A (m, k), B (k, n) */
    PRODUCT_TN  /* C = Aᵀ·B: A (k, m), B (k, n) */
};

/* Room for the pieces that the threads pack. */
struct product_room {
    akin_ctx *ctx;
    float *at; /* (workers, PRODUCT_ROOM) owned */
};
akin_status product_room_init(akin_ctx *ctx, struct product_room *out, akin_error *err);
void product_room_free(struct product_room *room);
/* Bytes that it takes. */
double product_room_bytes(int workers);

/* Matrices row-major, rows ld floats apart; C overlaps neither A nor B. */
struct product {
    enum product_kind kind;
    int64_t m, n, k;
    const float *A;
    int64_t lda;
    const float *B;
    int64_t ldb;
    float *C;
    int64_t ldc;
};
/* Cost: m·n·k multiply-adds near the speed of gemm; each block packs its part of B anew, and of A
 * where it lies across. Fails: E_CANCELLED. Threads: the context's. */
akin_status product_run(const struct product_room *room, const struct product *p, akin_error *err);

#endif
