/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <endian.h>
#include <string.h>

#include "common/wire.h"

size_t
wire_answer_len(const struct wire_answer *a)
{
	size_t len;

	len = a->family == FAMILY_V4 ? WIRE_IP4_HDR : WIRE_IP6_HDR;
	len += WIRE_ICMP_HDR;
	if (!a->with_addr && a->foreign == 0)
		return (len +
		    (a->probe_len < EXT_QUOTE ? a->probe_len : EXT_QUOTE));

	len += EXT_QUOTE + EXT_HDR + a->foreign;
	if (a->with_addr) {
		/* Four bytes of family and padding precede the address. */
		len += EXT_OBJ_HDR + 4 + addr_len(a->family);
		if (a->with_name)
			len += EXT_NAME_LEN;
		if (a->with_rtt)
			len += EXT_RTT_LEN;
	}
	return (len);
}

size_t
wire_answer_budget(size_t probe_len, int both)
{
	size_t factor;

	factor = both ? 5 : 3;
	if (probe_len > SIZE_MAX / factor)
		return (SIZE_MAX);
	return (probe_len * factor);
}

uint32_t
wire_sum(uint32_t sum, const void *p, size_t len)
{
	const uint8_t *b = p;
	uint64_t s = 0;
	uint32_t word;
	uint16_t rest;

	/*
	 * Four bytes at a time, in the host's order: a one's complement sum is
	 * the same in either, with its bytes swapped (RFC 1071, 2 B).
	 */
	for (; len >= sizeof(word); len -= sizeof(word), b += sizeof(word)) {
		memcpy(&word, b, sizeof(word));
		s += word;
	}
	if (len > 0) {
		word = 0;
		memcpy(&word, b, len);
		s += word;
	}
	while (s > UINT16_MAX)
		s = (s & UINT16_MAX) + (s >> 16);
	rest = be16toh((uint16_t)s);
	/* What overflows comes back at the end. */
	s = (uint64_t)sum + rest;
	return ((uint32_t)((s & UINT32_MAX) + (s >> 32)));
}

uint16_t
wire_fold(uint32_t sum)
{
	while (sum > UINT16_MAX)
		sum = (sum & UINT16_MAX) + (sum >> 16);
	return ((uint16_t)sum);
}

uint32_t
wire_pseudo(enum family f, const struct addr *src, const struct addr *dst,
    uint8_t ipproto, size_t len)
{
	uint8_t tail[8] = { 0 };
	uint32_t sum;

	/*
	 * IPv4 has a 16-bit length and IPv6 one of 32 bits; in the sum both
	 * are the same for every packet that an IPv4 header can describe.
	 */
	wire_put32(tail, (uint32_t)len);
	tail[7] = ipproto;
	sum = wire_sum(0, src->b, addr_len(f));
	sum = wire_sum(sum, dst->b, addr_len(f));
	return (wire_sum(sum, tail, sizeof(tail)));
}

uint8_t
wire_ipproto(enum family f, enum proto proto)
{
	switch (proto) {
	case PROTO_UDP:
		return (WIRE_PROTO_UDP);
	case PROTO_TCP:
		return (WIRE_PROTO_TCP);
	case PROTO_ICMP:
	case PROTO_MAX:
		break;
	}
	return (f == FAMILY_V4 ? WIRE_PROTO_ICMP4 : WIRE_PROTO_ICMP6);
}
