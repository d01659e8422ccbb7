/* Hashes: xxHash's XXH3 in 64 bits, at once and in pieces (equal sums for seed 0). */
#include "core/hash.h"

#include <xxhash.h>

uint64_t hash_bytes(const void *bytes, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, size, seed);
}

struct hash_state *hash_begin(void)
{
    XXH3_state_t *state = XXH3_createState();
    if (state && XXH3_64bits_reset(state) != XXH_OK) {
        XXH3_freeState(state);
        state = NULL;
    }
    return (struct hash_state *)state;
}

void hash_add(struct hash_state *state, const void *bytes, size_t size)
{
    if (size > 0)
        XXH3_64bits_update((XXH3_state_t *)state, bytes, size);
}

uint64_t hash_end(struct hash_state *state)
{
    uint64_t sum = XXH3_64bits_digest((XXH3_state_t *)state);
    XXH3_freeState((XXH3_state_t *)state);
    return sum;
}
