/*
 * DSSTNE's index files: a name and its number a line, `name<TAB>number`, in any order. akin numbers
 * by itself; the files are read for the names that count, and kept up to date for whoever reads
 * them beside akin.
 */
#ifndef AKIN_API_DSSTNE_INDEX_H
#define AKIN_API_DSSTNE_INDEX_H

#include "data/column_id.h"
#include "data/ids.h"

struct dsstne_index {
    akin_ctx *ctx;
    struct idset names;
    int64_t *number; /* (names.n) owned */
    int64_t cap;
    int64_t next;  /* the number of the next new name */
    int64_t added; /* names since it was read */
};

void dsstne_index_init(struct dsstne_index *x, akin_ctx *ctx);
void dsstne_index_free(struct dsstne_index *x);
/* Reads a file into an empty index. Fails: E_IO; E_INPUT by line: not two fields, no number, a name
 * or a number that came before. */
akin_status dsstne_index_read(struct dsstne_index *x, const char *path, akin_error *err);
bool dsstne_index_has(const struct dsstne_index *x, const char *name, int32_t size);
/* The ids that it lacks, numbered on in the order of ids within a type (numbers, else bytes). */
akin_status dsstne_index_add(struct dsstne_index *x, const struct ids *ids, akin_error *err);
/* Replaces the file, by number. */
akin_status dsstne_index_write(const struct dsstne_index *x, const char *path, akin_error *err);

/* Indices of ids in the order of ids whatever their shard: numbers, else bytes. out (ids->n). */
akin_status dsstne_order(akin_ctx *ctx, const struct ids *ids, int32_t *out, akin_error *err);
/* E_INPUT if a name holds what DSSTNE's text cuts it at. */
akin_status dsstne_check_name(const char *what, const char *name, int32_t size, akin_error *err);

#endif
