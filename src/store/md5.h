/*
 * MD5 (RFC 1321), only to compare with the sums that publishers of data sets list: it finds damage
 * and proves no origin.
 */
#ifndef AKIN_STORE_MD5_H
#define AKIN_STORE_MD5_H

#include <stddef.h>
#include <stdint.h>

struct md5 {
    uint32_t state[4];
    uint64_t size; /* bytes so far */
    unsigned char block[64];
};

void md5_begin(struct md5 *m);
void md5_add(struct md5 *m, const void *bytes, size_t size);
void md5_end(struct md5 *m, char out[33]); /* lower-case hex */

#endif
