/*
 * Reserved addresses, by the registries of IANA (special-purpose IPv4 and IPv6 addresses, 2024).
 *
 * An IPv6 address that carries an IPv4 one (mapped, NAT64, 6to4) is what the carried one is. Names
 * are not looked at: only the address that a connection would go to tells where it leads.
 */
#include "store/address.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

struct range {
    uint8_t bits; /* of the prefix */
    uint8_t prefix[16];
    const char *kind;
};

static const struct range ranges4[] = {
    {8, {0}, "this host"},
    {8, {10}, "private"},
    {10, {100, 64}, "shared or metadata"},
    {8, {127}, "loopback"},
    {16, {169, 254}, "link-local or metadata"},
    {12, {172, 16}, "private"},
    {24, {192, 0, 0}, "reserved"},
    {24, {192, 0, 2}, "for documentation"},
    {24, {192, 88, 99}, "reserved"},
    {16, {192, 168}, "private"},
    {15, {198, 18}, "for benchmarks"},
    {24, {198, 51, 100}, "for documentation"},
    {24, {203, 0, 113}, "for documentation"},
    {4, {224}, "multicast"},
    {4, {240}, "reserved"},
};

/* Within 2000::/3; what lies outside is looked up in outside6. */
static const struct range inside6[] = {
    {23, {0x20, 0x01, 0x00}, "reserved"},
    {32, {0x20, 0x01, 0x0d, 0xb8}, "for documentation"},
    {20, {0x3f, 0xff, 0x00}, "for documentation"},
};
static const struct range outside6[] = {
    {128, {[15] = 1}, "loopback"},    {7, {0xfc}, "private or metadata"},
    {10, {0xfe, 0x80}, "link-local"}, {10, {0xfe, 0xc0}, "private"},
    {8, {0xff}, "multicast"},
};

/* Where an IPv6 address carries an IPv4 one, and from which byte. */
static const struct {
    struct range range;
    int at;
} carriers[] = {
    {{96, {[10] = 0xff, [11] = 0xff}, NULL}, 12},
    {{96, {0x00, 0x64, 0xff, 0x9b}, NULL}, 12},
    {{16, {0x20, 0x02}, NULL}, 2},
};

static bool is_in(const uint8_t *address, const struct range *r)
{
    size_t whole = r->bits / 8u;
    unsigned rest = r->bits % 8u;
    if (memcmp(address, r->prefix, whole) != 0)
        return false;
    return rest == 0 || ((address[whole] ^ r->prefix[whole]) >> (8u - rest)) == 0;
}

static const char *find(const uint8_t *address, const struct range *ranges, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (is_in(address, &ranges[i]))
            return ranges[i].kind;
    return NULL;
}

static const char *reserved4(const uint8_t *address)
{
    return find(address, ranges4, sizeof ranges4 / sizeof *ranges4);
}

static const char *reserved6(const uint8_t *address)
{
    for (size_t i = 0; i < sizeof carriers / sizeof *carriers; i++)
        if (is_in(address, &carriers[i].range))
            return reserved4(address + carriers[i].at);
    if (address[0] >> 5 == 1)
        return find(address, inside6, sizeof inside6 / sizeof *inside6);
    const char *kind = find(address, outside6, sizeof outside6 / sizeof *outside6);
    return kind ? kind : "reserved";
}

const char *address_reserved(const struct sockaddr *address)
{
    uint8_t bytes[16];
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        memcpy(bytes, &in.sin_addr, 4);
        return reserved4(bytes);
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, address, sizeof in);
        memcpy(bytes, &in.sin6_addr, 16);
        return reserved6(bytes);
    }
    return "of no network";
}
