/* Distinct strings in the order they came, found by hash: vocabularies in the making, stop words.
 */
#ifndef AKIN_DATA_TERMS_H
#define AKIN_DATA_TERMS_H

#include "core/ctx.h"

struct terms {
    akin_ctx *ctx;
    int32_t n;
    int64_t *off;      /* (n + 1) owned */
    char *bytes;       /* owned */
    int32_t *slot;     /* (n_slots) number + 1, 0 = free; owned */
    int64_t n_slots;   /* a power of two, at least 4/3 n */
    int64_t cap, room; /* of off, of bytes */
};

/* Allocates nothing. */
void terms_init(struct terms *t, akin_ctx *ctx);
void terms_free(struct terms *t);
/* The number of a string, which joins if it is new. Fails: E_LIMIT (2^31 of them), E_MEMORY. */
akin_status terms_add(struct terms *t, const char *text, int32_t size, int32_t *out,
                      akin_error *err);
int32_t terms_find(const struct terms *t, const char *text, int32_t size); /* or -1 */
const char *terms_get(const struct terms *t, int32_t i, int32_t *size);

#endif
