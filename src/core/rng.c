/*
 * Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; SC 2011,
 * doi:10.1145/2063384.2063405).
 *
 * Mapping, part of "same seed, same bits":
 *   key      = (low, high) 32 bits of seed
 *   ctr 0, 1 = (low, high) 32 bits of index
 *   ctr 2, 3 = (low, high) 32 bits of (counter >> 1) | stream << 56
 *   draw     = words 0, 1 (counter even) or 2, 3 (counter odd) of the output, low word first
 * so index has 64 bits, stream 8 and counter 57.
 *
 * Cost: ten rounds of two multiplications a draw.
 */
#include "core/rng.h"

#define PHILOX_ROUNDS 10
#define PHILOX_M0 0xD2511F53u
#define PHILOX_M1 0xCD9E8D57u
#define PHILOX_W0 0x9E3779B9u
#define PHILOX_W1 0xBB67AE85u

void rng_philox(const uint32_t ctr[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = ctr[0];
    uint32_t c1 = ctr[1];
    uint32_t c2 = ctr[2];
    uint32_t c3 = ctr[3];
    uint32_t k0 = key[0];
    uint32_t k1 = key[1];
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        uint64_t p0 = (uint64_t)PHILOX_M0 * c0;
        uint64_t p1 = (uint64_t)PHILOX_M1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

void rng_two(uint64_t seed, enum rng_stream stream, uint64_t index, uint64_t pair, uint64_t out[2])
{
    uint64_t high = pair | (uint64_t)stream << 56;
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t ctr[4] = {(uint32_t)index, (uint32_t)(index >> 32), (uint32_t)high,
                       (uint32_t)(high >> 32)};
    uint32_t words[4];
    rng_philox(ctr, key, words);
    out[0] = (uint64_t)words[0] | (uint64_t)words[1] << 32;
    out[1] = (uint64_t)words[2] | (uint64_t)words[3] << 32;
}

uint64_t rng_u64(uint64_t seed, enum rng_stream stream, uint64_t index, uint64_t counter)
{
    uint64_t two[2];
    rng_two(seed, stream, index, counter >> 1, two);
    return two[counter & 1];
}

struct rng rng_make(uint64_t seed, enum rng_stream stream, uint64_t index)
{
    struct rng rng = {.seed = seed, .index = index, .counter = 0, .stream = stream};
    return rng;
}

uint64_t rng_next(struct rng *rng)
{
    return rng_u64(rng->seed, rng->stream, rng->index, rng->counter++);
}

double rng_double(struct rng *rng)
{
    return (double)(rng_next(rng) >> 11) * 0x1p-53;
}

/* The high word of draw * n, rejecting the draws that would make some values likelier (Lemire,
 * doi:10.1145/3230636). */
uint64_t rng_below(struct rng *rng, uint64_t n)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)rng_next(rng) * n;
    if ((uint64_t)product < n) {
        uint64_t least = (0 - n) % n;
        while ((uint64_t)product < least)
            product = (wide)rng_next(rng) * n;
    }
    return (uint64_t)(product >> 64);
}
