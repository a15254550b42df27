/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef TESTS_FUZZ_PACKET_H
#define TESTS_FUZZ_PACKET_H

#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

/*
 * Packets for the oracles: read and written here by other code than the
 * daemon's, so that one mistake is not made twice.
 */

struct packet {
	enum family family;
	enum proto proto;
	struct addr src;
	struct addr dst;
	uint8_t ttl;
	uint8_t tos;
	uint8_t df;    /* IPv4 */
	uint16_t id;   /* IPv4 */
	uint32_t flow; /* IPv6 */
	size_t len;
	const uint8_t *l4;
	size_t l4len;
};

/* packet_sums: writes the checksums of whatever headers are there. */
void packet_sums(uint8_t *pkt, size_t len);
/* packet_lengths: likewise the lengths in IP and UDP headers. */
void packet_lengths(uint8_t *pkt, size_t len);
/*
 * packet_read: a well-formed packet without options or extension headers,
 * all lengths right.  Returns 0, or -1.  The checksums are not looked at.
 */
int packet_read(const uint8_t *pkt, size_t len, struct packet *);
/* packet_sums_good: IP header's and transport's; UDP's 0 counts in IPv4. */
int packet_sums_good(const uint8_t *pkt, size_t len);
/* packet_l4_good: the transport's alone. */
int packet_l4_good(const struct packet *);
/* packet_l4_sum: the checksum that belongs into the transport header; *at is
 * where, counted from there. */
uint16_t packet_l4_sum(const struct packet *, size_t *at);
/* packet_add: one's complement sum, byte by byte. */
uint16_t packet_add(uint16_t sum, const uint8_t *, size_t);
/* packet_same_sum: 0 and 0xffff are the same number. */
int packet_same_sum(uint16_t, uint16_t);

/*
 * packet_ip: writes an IP header for l4len bytes of ipproto that follow;
 * returns its length.
 */
size_t packet_ip(uint8_t *, enum family, const struct addr *src,
    const struct addr *dst, uint8_t ipproto, uint8_t ttl, size_t l4len);

#endif /* TESTS_FUZZ_PACKET_H */
