/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef COMMON_ADDR_H
#define COMMON_ADDR_H

#include <sys/types.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Also the index of every per-family table. */
enum family {
	FAMILY_V4 = 0,
	FAMILY_V6 = 1,
	FAMILY_MAX
};

/* The protocol of a probe; also the index of every per-protocol table. */
enum proto {
	PROTO_UDP = 0,
	PROTO_ICMP = 1,
	PROTO_TCP = 2,
	PROTO_MAX
};

/*
 * An address in network order.  IPv4: the first four bytes, the rest zero, so
 * that whole structures of one family compare by memcmp.
 */
struct addr {
	uint8_t b[16];
};

#define ADDR_TEXT_MAX 46 /* INET6_ADDRSTRLEN */

/* Bytes of an address, bits of the longest prefix. */
size_t addr_len(enum family);
unsigned int addr_bits(enum family);

/* Inline, as each packet passes through it a dozen times. */
static inline int
addr_equal(const struct addr *a, const struct addr *b)
{
	uint64_t x[2], y[2];

	memcpy(x, a->b, sizeof(x));
	memcpy(y, b->b, sizeof(y));
	return (((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0);
}

int addr_is_zero(const struct addr *);
/* addr_in_prefix: the first plen bits agree; plen at most addr_bits. */
int addr_in_prefix(enum family, const struct addr *, const struct addr *prefix,
    unsigned int plen);
/* addr_mask: clears all bits of *a behind the first plen. */
void addr_mask(enum family, struct addr *a, unsigned int plen);

/*
 * addr_is_martian: never a sensible unicast source on the internet or off it
 * (RFC 6890, RFC 1122 section 3.2.1.3, RFC 4291): v4 0/8, 127/8, 169.254/16,
 * 224/3; v6 ::/128, ::1, v4-mapped and v4-compatible, fe80::/10, ff00::/8.
 * Multicast and broadcast are among them.
 */
int addr_is_martian(enum family, const struct addr *);
/*
 * addr_is_private: v4 RFC 1918 and RFC 6598 (100.64/10); v6 fc00::/7.
 */
int addr_is_private(enum family, const struct addr *);

/* addr_parse: numeric text of one family.  Returns 0, or -1. */
int addr_parse(enum family, const char *text, struct addr *);
/* addr_format: writes the numeric text, returns buf. */
const char *
addr_format(enum family, const struct addr *, char *buf, size_t buflen);

#endif /* COMMON_ADDR_H */
