/*
 * Random numbers, counter-based (Philox4x32-10; Salmon et al., SC 2011,
 * doi:10.1145/2063384.2063405).
 *
 * A draw is a pure function of (seed, stream, index, counter): no state is shared, any draw can be
 * made anywhere, and parallel order does not matter. Normal deviates are in kern/math.h, because
 * they need its log.
 */
#ifndef AKIN_CORE_RNG_H
#define AKIN_CORE_RNG_H

#include <stdint.h>

/* Every use has its own stream. Append only: the numbers are part of "same seed, same bits". */
enum rng_stream {
    RNG_SPLIT_USER = 1,
    RNG_SPLIT_EVENT = 2,
    RNG_INIT_USER = 3,
    RNG_INIT_ITEM = 4,
    RNG_BOOTSTRAP = 5,
    RNG_SYNTH_ITEM = 6,
    RNG_SYNTH_USER = 7,
    RNG_SYNTH_EVENT = 8,
    RNG_SYNTH_TEXT = 9,
    RNG_NEGATIVE = 10,
    RNG_SHUFFLE = 11,
    RNG_TEST = 12,
    RNG_SAMPLE = 13,
    RNG_EXPLORE = 14,
    RNG_RETRY = 15,
    RNG_INTERLEAVE = 16,
    RNG_GIBBS = 24,
    RNG_GIBBS_HYPER = 25,
    RNG_NET_START = 32,
    RNG_NET_DROP = 33,
    RNG_NET_NOISE = 34,
    RNG_TUNE_POINT = 40,
    RNG_TUNE_TPE = 41,
    RNG_PARTS_USERS = 48
};

/* 64 random bits of (seed, stream, index, counter). */
uint64_t rng_u64(uint64_t seed, enum rng_stream stream, uint64_t index, uint64_t counter);

/* Both draws of a pair of counters, which cost as much as one: 2·pair and 2·pair + 1. */
void rng_two(uint64_t seed, enum rng_stream stream, uint64_t index, uint64_t pair, uint64_t out[2]);

/* The bare generator: 4 words of (4 words, key). For tests and for draws by the four. */
void rng_philox(const uint32_t ctr[4], const uint32_t key[2], uint32_t out[4]);

/* A sequence: draws counter 0, 1, 2, … of (seed, stream, index). */
struct rng {
    uint64_t seed;
    uint64_t index;
    uint64_t counter;
    enum rng_stream stream;
};
struct rng rng_make(uint64_t seed, enum rng_stream stream, uint64_t index);
uint64_t rng_next(struct rng *rng);
double rng_double(struct rng *rng);              /* [0, 1), 53 bits */
uint64_t rng_below(struct rng *rng, uint64_t n); /* [0, n), unbiased; n >= 1 */

#endif
