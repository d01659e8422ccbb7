/* Sparse rows as sections of a model file. */
#ifndef AKIN_MODELS_CSR_FILE_H
#define AKIN_MODELS_CSR_FILE_H

#include "data/csr.h"
#include "store/container.h"

/* Names of its sections. */
struct csr_sections {
    const char *ptr, *col, *val;
};

/* val NULL (all 1) has no section. */
akin_status csr_save(struct container_writer *w, const struct csr_sections *names,
                     const struct csr *a, akin_error *err);
/*
 * Views into the file, never to be freed or written. Fails: E_FORMAT (pointers that do not ascend,
 * columns that do not or lie outside, values that are not finite, sizes that do not fit; no values
 * unless has_ones allows that they are left out).
 */
akin_status csr_load(struct container *c, const struct csr_sections *names, int64_t n_rows,
                     int64_t n_cols, bool has_ones, struct csr *out, akin_error *err);

#endif
