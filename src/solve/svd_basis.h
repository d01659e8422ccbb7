/* What the files of svd share: a basis that grows by blocks of SPARSE_PANEL vectors. */
#ifndef AKIN_SOLVE_SVD_BASIS_H
#define AKIN_SOLVE_SVD_BASIS_H

#include "solve/sparse.h"

struct svd_basis {
    akin_ctx *ctx;
    int64_t n;      /* length of a vector */
    int64_t m, cap; /* vectors, room for them: multiples of SPARSE_PANEL */
    float *Q;      /* (n / P, cap, P) orthonormal or zero, by stretches of P = SPARSE_PANEL elements
                      (0 past n), each the packed form of kern's gemm; owned, as all below */
    double *C;     /* (cap, SPARSE_PANEL) coefficients of the last projection */
    float *coefs;  /* (SPARSE_PANEL, cap) the same, turned over, in float */
    float *turned; /* (workers, cap, P) */
};

akin_status svd_basis_init(struct svd_basis *b, int64_t cap, akin_error *err);
void svd_basis_free(struct svd_basis *b);
/* Appends the columns of W (n, SPARSE_PANEL). Needs room. */
void svd_basis_push(struct svd_basis *b, const float *W);
/* The last block as X (n, SPARSE_PANEL). */
void svd_basis_last(const struct svd_basis *b, float *X);
/* W -= Q·Qᵀ·W, first of the vectors from `from` on, then of all, so that what is left is orthogonal
 * to working precision if nearly all of it is in those; C = QᵀW as it came. Cost:
 * 4·n·m·SPARSE_PANEL multiply-adds. */
akin_status svd_basis_project(struct svd_basis *b, int64_t from, float *W, akin_error *err);
/* W = Qᵀ·coefsᵀ, coefs (SPARSE_PANEL, m). */
akin_status svd_basis_combine(struct svd_basis *b, const float *coefs, float *W, akin_error *err);
/* The basis becomes the `keep` vectors coefs·Q, coefs (keep, m). */
akin_status svd_basis_turn(struct svd_basis *b, const float *coefs, int64_t keep, akin_error *err);
/*
 * W = W·M with M such that WᵀW becomes unit where a direction is longer than `least`, else 0. gram:
 * the triangle of WᵀW before. Returns by *kept how many are left.
 */
akin_status svd_orthonormal(akin_ctx *ctx, int64_t n, double least, float *W, double *gram,
                            int *kept, akin_error *err);

#endif
