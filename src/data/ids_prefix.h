/* Ids that begin with given bytes, from an order of all of them. */
#ifndef AKIN_DATA_IDS_PREFIX_H
#define AKIN_DATA_IDS_PREFIX_H

#include "data/ids.h"

struct ids_prefix {
    const struct ids *ids; /* borrowed */
    int32_t *order;        /* (ids->n) ascending by bytes, owned */
};

/* Cost: strsort_run over all ids; 4 bytes an id, 32 more while it runs. Fails: E_MEMORY,
 * E_CANCELLED. */
akin_status ids_prefix_build(akin_ctx *ctx, const struct ids *ids, struct ids_prefix *out,
                             akin_error *err);
/* order[*lo .. *hi) are the ids that begin with text. Cost: two binary searches. */
void ids_prefix_find(const struct ids_prefix *p, const char *text, size_t size, int32_t *lo,
                     int32_t *hi);
/* A zeroed one is allowed. */
void ids_prefix_free(akin_ctx *ctx, struct ids_prefix *p);

#endif
