/* Hashes (xxHash XXH3, 64 bits; little-endian definition, same on every machine). */
#ifndef AKIN_CORE_HASH_H
#define AKIN_CORE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *bytes, size_t size, uint64_t seed);

/* Streaming form of the same sum with seed 0. */
struct hash_state;
struct hash_state *hash_begin(void); /* NULL on lack of memory */
void hash_add(struct hash_state *state, const void *bytes, size_t size);
uint64_t hash_end(struct hash_state *state); /* frees state */

#endif
