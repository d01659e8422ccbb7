/* Compressed sparse rows; columns ascend within a row. */
#ifndef AKIN_DATA_CSR_H
#define AKIN_DATA_CSR_H

#include "core/ctx.h"

struct csr {
    int64_t n_rows, n_cols;
    int64_t *ptr; /* (n_rows + 1) owned */
    int32_t *col; /* (nnz) owned */
    float *val;   /* (nnz) owned; NULL = all 1 */
};

static inline int64_t csr_nnz(const struct csr *a)
{
    return a->ptr ? a->ptr[a->n_rows] : 0;
}

/* Bᵀ; rows of the result ascend. Parallel, two passes over nnz; the same for any thread count. */
akin_status csr_transpose(akin_ctx *ctx, const struct csr *a, struct csr *out, akin_error *err);
/* From unsorted triples; equal (row, col) are summed in input order. Test and small-data helper. */
akin_status csr_from_triples(akin_ctx *ctx, int64_t n_rows, int64_t n_cols, int64_t nnz,
                             const int32_t *row, const int32_t *col, const float *val,
                             struct csr *out, akin_error *err);
/* Are all values 1? */
bool csr_is_binary(const struct csr *a);
/* The same matrix once more, to be freed on its own; nobody may write it any more. */
struct csr csr_share(const struct csr *a, bool with_values);
void csr_free(akin_ctx *ctx, struct csr *a);

#endif
