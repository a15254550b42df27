/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef TESTS_UNIT_UTRACE_FLOWS_H
#define TESTS_UNIT_UTRACE_FLOWS_H

#include <string.h>

#include "common/wire.h"
#include "utrace/flow.h"

/* A flow as the tests have it, and packets about it, written by hand. */

#define FLOWS_TOKEN 0x4711

static inline void
flows_addr(enum family f, const char *text, struct addr *a)
{
	memset(a, 0, sizeof(*a));
	assert_int_equal(addr_parse(f, text, a), 0);
}

static inline void
flows_make(struct flow *f, enum family family, enum proto proto)
{
	int v4 = family == FAMILY_V4;

	memset(f, 0, sizeof(*f));
	f->family = family;
	f->proto = proto;
	flows_addr(family, v4 ? "203.0.113.10" : "2001:db8:c::c", &f->src);
	flows_addr(family, v4 ? "198.51.100.53" : "2001:db8:f::53", &f->dst);
	f->sport = 50123;
	f->dport = proto == PROTO_TCP ? 80 : 33434;
	f->id = 0x1234;
	f->sum = 0xabcd;
}

/* An IP header for len bytes that follow; returns its length. */
static inline size_t
flows_ip(uint8_t *b, enum family f, const struct addr *src,
    const struct addr *dst, uint8_t ipproto, size_t len)
{
	memset(b, 0, WIRE_IP6_HDR);
	if (f == FAMILY_V4) {
		b[0] = 0x45;
		wire_put16(b + 2, (uint16_t)(WIRE_IP4_HDR + len));
		b[8] = 1;
		b[9] = ipproto;
		memcpy(b + 12, src->b, 4);
		memcpy(b + 16, dst->b, 4);
		return (WIRE_IP4_HDR);
	}
	b[0] = 0x60;
	wire_put16(b + 4, (uint16_t)len);
	b[6] = ipproto;
	b[7] = 1;
	memcpy(b + 8, src->b, 16);
	memcpy(b + 24, dst->b, 16);
	return (WIRE_IP6_HDR);
}

/* The ICMP checksum of a message from this source. */
static inline void
flows_icmp_sum(
    const struct flow *f, const struct addr *from, uint8_t *icmp, size_t len)
{
	uint32_t sum = 0;

	wire_put16(icmp + 2, 0);
	if (f->family == FAMILY_V6)
		sum = wire_pseudo(
		    f->family, from, &f->src, WIRE_PROTO_ICMP6, len);
	wire_put16(icmp + 2, (uint16_t)~wire_fold(wire_sum(sum, icmp, len)));
}

/*
 * What a raw socket gives of an ICMP message: IPv4 with its header.  icmp is
 * in place, room bytes behind out; returns the length.
 */
static inline size_t
flows_received(const struct flow *f, const struct addr *from, uint8_t *out,
    const uint8_t *icmp, size_t len)
{
	size_t hdr = 0;

	if (f->family == FAMILY_V4)
		hdr = flows_ip(
		    out, f->family, from, &f->src, WIRE_PROTO_ICMP4, len);
	memcpy(out + hdr, icmp, len);
	flows_icmp_sum(f, from, out + hdr, len);
	return (hdr + len);
}

/* An ICMP error that quotes l4len bytes behind the probe's IP header. */
static inline size_t
flows_error(const struct flow *f, const struct addr *from, uint8_t type,
    uint8_t code, uint8_t ipproto, const uint8_t *l4, size_t l4len,
    uint8_t *out)
{
	uint8_t icmp[512];
	size_t n;

	memset(icmp, 0, WIRE_ICMP_HDR);
	icmp[0] = type;
	icmp[1] = code;
	n = WIRE_ICMP_HDR;
	n += flows_ip(icmp + n, f->family, &f->src, &f->dst, ipproto, l4len);
	memcpy(icmp + n, l4, l4len);
	return (flows_received(f, from, out, icmp, n + l4len));
}

#endif /* TESTS_UNIT_UTRACE_FLOWS_H */
