/* Which network addresses belong to the public internet: where a request made for somebody else may
 * go. For src/store only. */
#ifndef AKIN_STORE_ADDRESS_H
#define AKIN_STORE_ADDRESS_H

struct sockaddr;

/* NULL for a public address, else the kind in words: "loopback", "private", … Whatever is neither
 * IPv4 nor IPv6 is none. */
const char *address_reserved(const struct sockaddr *address);

#endif
