/* Sparse rows as sections of a model file. Cost: loading checks every number once. */
#include "models/csr_file.h"

#include <inttypes.h>
#include <math.h>

akin_status csr_save(struct container_writer *w, const struct csr_sections *names,
                     const struct csr *a, akin_error *err)
{
    akin_status status = AKIN_OK;
    int64_t nnz = csr_nnz(a);
    AKIN_TRY(container_add(w, names->ptr, CONTAINER_REQUIRED, a->ptr,
                           (a->n_rows + 1) * (int64_t)sizeof *a->ptr, err));
    AKIN_TRY(container_add(w, names->col, CONTAINER_REQUIRED, a->col, nnz * (int64_t)sizeof *a->col,
                           err));
    if (a->val)
        AKIN_TRY(container_add(w, names->val, CONTAINER_REQUIRED, a->val,
                               nnz * (int64_t)sizeof *a->val, err));
done:
    return status;
}

static akin_status check_row(const struct csr *a, int64_t row, const struct csr_sections *names,
                             const char *path, akin_error *err)
{
    akin_status status = AKIN_OK;
    for (int64_t e = a->ptr[row]; e < a->ptr[row + 1]; e++) {
        if (a->col[e] < 0 || a->col[e] >= a->n_cols ||
            (e > a->ptr[row] && a->col[e] <= a->col[e - 1]))
            AKIN_FAIL(AKIN_E_FORMAT, "%s: section %s: index %d of %" PRId64 " at %" PRId64, path,
                      names->col, a->col[e], a->n_cols, e);
        if (a->val && !isfinite(a->val[e]))
            AKIN_FAIL(AKIN_E_FORMAT, "%s: section %s: %g at %" PRId64, path, names->val,
                      (double)a->val[e], e);
    }
done:
    return status;
}

/* What the file holds is not written, but struct csr is also that of who writes. */
static void *view_of(const void *data)
{
    union {
        const void *in;
        void *out;
    } cast = {data};
    return cast.out;
}

akin_status csr_load(struct container *c, const struct csr_sections *names, int64_t n_rows,
                     int64_t n_cols, bool has_ones, struct csr *out, akin_error *err)
{
    akin_status status = AKIN_OK;
    const char *path = container_path(c);
    const void *ptr, *col, *val;
    int64_t n_ptr, n_col, n_val;
    AKIN_TRY(container_get(c, names->ptr, sizeof *out->ptr, false, &ptr, &n_ptr, err));
    AKIN_TRY(container_get(c, names->col, sizeof *out->col, false, &col, &n_col, err));
    AKIN_TRY(container_get(c, names->val, sizeof *out->val, has_ones, &val, &n_val, err));
    *out = (struct csr){n_rows, n_cols, view_of(ptr), view_of(col), view_of(val)};
    if (n_ptr != n_rows + 1 || (val && n_val != n_col) || out->ptr[0] != 0 ||
        out->ptr[n_rows] != n_col)
        AKIN_FAIL(AKIN_E_FORMAT, "%s: sections %s, %s and %s do not fit", path, names->ptr,
                  names->col, names->val);
    for (int64_t r = 0; r < n_rows; r++)
        if (out->ptr[r] > out->ptr[r + 1])
            AKIN_FAIL(AKIN_E_FORMAT, "%s: section %s does not ascend", path, names->ptr);
    for (int64_t r = 0; r < n_rows; r++)
        AKIN_TRY(check_row(out, r, names, path, err));
done:
    return status;
}
