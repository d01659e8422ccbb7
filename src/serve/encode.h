/* Compressed answers. */
#ifndef AKIN_SERVE_ENCODE_H
#define AKIN_SERVE_ENCODE_H

#include "core/buf.h"
#include "serve/framing.h"

/* level 0: fast, for what is made per request; 1: small, for what is made once. False: no gain, or
 * no memory; out is then of no use. */
bool encode(enum encoding encoding, int level, const void *data, size_t size, struct buf *out);
const char *encoding_name(enum encoding encoding);

#endif
