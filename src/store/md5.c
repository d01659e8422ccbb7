/*
 * MD5 as RFC 1321 writes it: 64 steps a block of 64 bytes, little-endian.
 *
 * Cost: about 2 ms a MB. Own code, as a library for one sum of one download would be one more
 * thing to install, and OpenSSL refuses MD5 where FIPS rules.
 */
#include "store/md5.h"

#include <stdio.h>
#include <string.h>

/* floor(2^32 |sin(i + 1)|), and the rotations of the four rounds. */
static const uint32_t md5_sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};
static const unsigned char md5_turns[4][4] = {
    {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

static void md5_block(uint32_t state[4], const unsigned char *p)
{
    uint32_t word[16];
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    for (int i = 0; i < 16; i++)
        word[i] = (uint32_t)p[4 * i] | (uint32_t)p[4 * i + 1] << 8 | (uint32_t)p[4 * i + 2] << 16 |
                  (uint32_t)p[4 * i + 3] << 24;
    for (int i = 0; i < 64; i++) {
        uint32_t mix;
        int which;
        switch (i / 16) {
        case 0:
            mix = (b & c) | (~b & d);
            which = i;
            break;
        case 1:
            mix = (b & d) | (c & ~d);
            which = (5 * i + 1) % 16;
            break;
        case 2:
            mix = b ^ c ^ d;
            which = (3 * i + 5) % 16;
            break;
        default:
            mix = c ^ (b | ~d);
            which = 7 * i % 16;
            break;
        }
        uint32_t sum = a + mix + md5_sines[i] + word[which];
        int turn = md5_turns[i / 16][i % 4];
        a = d;
        d = c;
        c = b;
        b += sum << turn | sum >> (32 - turn);
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}

void md5_begin(struct md5 *m)
{
    *m = (struct md5){.state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}};
}

void md5_add(struct md5 *m, const void *bytes, size_t size)
{
    const unsigned char *p = bytes;
    size_t filled = (size_t)(m->size % 64);
    m->size += size;
    while (size > 0) {
        if (filled == 0 && size >= 64) {
            md5_block(m->state, p);
            p += 64;
            size -= 64;
            continue;
        }
        size_t n = size < 64 - filled ? size : 64 - filled;
        memcpy(m->block + filled, p, n);
        p += n;
        size -= n;
        filled += n;
        if (filled == 64) {
            md5_block(m->state, m->block);
            filled = 0;
        }
    }
}

void md5_end(struct md5 *m, char out[33])
{
    static const unsigned char padding[64] = {0x80};
    unsigned char length[8];
    uint64_t bits = m->size * 8;
    size_t filled = (size_t)(m->size % 64);
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)(bits >> 8 * i);
    md5_add(m, padding, filled < 56 ? 56 - filled : 120 - filled);
    md5_add(m, length, 8);
    for (int i = 0; i < 16; i++)
        snprintf(out + 2 * i, 3, "%02x", (unsigned)(m->state[i / 4] >> 8 * (i % 4) & 0xff));
}
