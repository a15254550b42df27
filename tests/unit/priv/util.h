/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef TEST_UTIL_H
#define TEST_UTIL_H

#include <stdlib.h>
#include <string.h>

#include "common/policy.h"
#include "common/wire.h"
#include "priv/build.h"
#include "priv/handup.h"
#include "priv/record.h"

/* What the tests of priv/ share.  Include after cmocka.h. */

#define TEST_SEED 0x75547572U

static const uint8_t test_key[16] = { 9, 8, 7, 6, 5, 4, 3, 2, 1 };

/* xorshift32: the same numbers in every run. */
static inline uint32_t
test_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return (*state);
}

static inline struct addr
test_addr(enum family f, const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(f, text, &a), 0);
	return (a);
}

/* The hosts of packets.h. */
static inline void
test_policy(struct policy *p)
{
	memset(p, 0, sizeof(*p));
	p->generation = 1;
	p->probe_icmp = 1;
	p->max_ttl = 32;
	p->timeout_ns = 3000000000ULL;
	p->settle_ns = 400000000ULL;
	p->nlisten = 2;
	p->listen[0].family = FAMILY_V4;
	p->listen[0].addr = test_addr(FAMILY_V4, "192.0.2.53");
	p->listen[1].family = FAMILY_V6;
	p->listen[1].addr = test_addr(FAMILY_V6, "2001:db8:1::53");
	p->nports = 2;
	p->ports[0].proto = PROTO_UDP;
	p->ports[0].lo = 33434;
	p->ports[0].hi = 33689;
	p->ports[1].proto = PROTO_TCP;
	p->ports[1].lo = p->ports[1].hi = 80;
}

/* A copy with nothing behind it, so that a sanitizer sees a step too far. */
static inline uint8_t *
test_copy(const uint8_t *p, size_t len)
{
	uint8_t *c;

	c = malloc(len > 0 ? len : 1);
	assert_non_null(c);
	if (len > 0)
		memcpy(c, p, len);
	return (c);
}

static inline enum handup_reason
test_handup(
    const struct policy *p, const uint8_t *b, size_t len, struct handup *out)
{
	enum handup_reason why;
	uint8_t *c = test_copy(b, len);

	why = handup_check(p, c, len, out);
	free(c);
	return (why);
}

/* A record as the packet process makes it of a probe. */
static inline void
test_record(
    struct record *r, const struct policy *p, const uint8_t *b, size_t len)
{
	static const uint8_t cookie[8] = { 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6,
		0x07, 0x18 };
	const struct msg_id id = { 3, 4 };

	memset(r, 0, sizeof(*r));
	assert_int_equal(test_handup(p, b, len, &r->probe), HANDUP_OK);
	r->headlen = (uint16_t)(len < WIRE_HEAD_MAX ? len : WIRE_HEAD_MAX);
	memcpy(r->head, b, r->headlen);
	r->policy = p->listen[r->probe.listen];
	r->timeout_ns = p->timeout_ns;
	r->settle_ns = p->settle_ns;
	build_cookie(r, id, test_key);
	memcpy(r->cookie, cookie, sizeof(cookie));
	r->ip_id = 0x5a5a;
}

/*
 * One's complement sums by another way than the daemon's: byte by byte, with
 * the carry brought round at each step.
 */
static inline uint16_t
test_add(uint16_t sum, const uint8_t *p, size_t len)
{
	uint32_t s = sum;
	size_t i;

	for (i = 0; i < len; i++) {
		s += i % 2 == 0 ? (uint32_t)p[i] * 256 : p[i];
		if (s > 0xffff)
			s -= 0xffff;
	}
	return ((uint16_t)s);
}

/* The transport checksum that belongs into a packet (RFC 1071). */
static inline uint16_t
test_sum(const uint8_t *pkt, size_t len)
{
	uint8_t tail[4] = { 0 };
	size_t l4 = pkt[0] >> 4 == 4 ? 20 : 40, at;
	uint8_t proto = pkt[0] >> 4 == 4 ? pkt[9] : pkt[6];
	uint16_t s = 0;

	at = l4 + (proto == 6 ? 16 : proto == 17 ? 6 : 2);
	if (proto != 1) {
		s = pkt[0] >> 4 == 4 ? test_add(s, pkt + 12, 8)
				     : test_add(s, pkt + 8, 32);
		tail[0] = (uint8_t)((len - l4) >> 8);
		tail[1] = (uint8_t)(len - l4);
		tail[3] = proto;
		s = test_add(s, tail, 4);
	}
	s = test_add(s, pkt + l4, at - l4);
	s = test_add(s, pkt + at + 2, len - at - 2);
	return ((uint16_t)~s);
}

static inline size_t
test_sum_at(const uint8_t *pkt)
{
	size_t l4 = pkt[0] >> 4 == 4 ? 20 : 40;
	uint8_t proto = pkt[0] >> 4 == 4 ? pkt[9] : pkt[6];

	return (l4 + (proto == 6 ? 16 : proto == 17 ? 6 : 2));
}

/* 0 and 0xffff are the same number in a one's complement sum. */
static inline int
test_sum_same(uint16_t a, uint16_t b)
{
	return (a == b || (a % 0xffff == 0 && b % 0xffff == 0));
}

/* All checksums of a finished packet. */
static inline void
test_sums_good(const uint8_t *pkt, size_t len)
{
	if (pkt[0] >> 4 == 4)
		assert_int_equal(test_add(0, pkt, 20), 0xffff);
	assert_true(test_sum_same(
	    test_sum(pkt, len), wire_get16(pkt + test_sum_at(pkt))));
}

static inline void
test_sums_write(uint8_t *pkt, size_t len)
{
	if (pkt[0] >> 4 == 4) {
		wire_put16(pkt + 10, 0);
		wire_put16(pkt + 10, (uint16_t)~test_add(0, pkt, 20));
	}
	wire_put16(pkt + test_sum_at(pkt), test_sum(pkt, len));
}

/*
 * A valid probe at random: any family, protocol, ports, ids, TTL and payload.
 * Returns its length.
 */
static inline size_t
test_probe(uint32_t *st, const struct policy *p, uint8_t *b)
{
	size_t l4, hdr, len, i, min;
	enum family f = test_random(st) % 2 ? FAMILY_V4 : FAMILY_V6;
	enum proto proto = (enum proto)(test_random(st) % PROTO_MAX);

	l4 = f == FAMILY_V4 ? 20 : 40;
	hdr = proto == PROTO_TCP ? 20 + test_random(st) % 11 * 4 : 8;
	min = 0;
	if (f == FAMILY_V6)
		min = 10;
	else if (p->listen[0].turn == TURN_MIRROR)
		min = 4;
	len = l4 + hdr;
	if (proto != PROTO_TCP)
		len += min +
		    test_random(st) %
			(test_random(st) % 4 ? 60 : 1281 - min - len);
	for (i = 0; i < len; i++)
		b[i] = (uint8_t)test_random(st);
	if (f == FAMILY_V4) {
		b[0] = 0x45;
		wire_put16(b + 2, (uint16_t)len);
		wire_put16(b + 6, b[6] & 1 ? 0x4000 : 0);
		b[8] = (uint8_t)(2 + b[8] % 31);
		b[9] = wire_ipproto(f, proto);
		b[12] = 198;
		memcpy(b + 16, p->listen[0].addr.b, 4);
	} else {
		b[0] = (uint8_t)(0x60 | (b[0] & 0x0f));
		wire_put16(b + 4, (uint16_t)(len - 40));
		b[6] = wire_ipproto(f, proto);
		b[7] = (uint8_t)(2 + b[7] % 31);
		b[8] = 0x2a;
		memcpy(b + 24, p->listen[1].addr.b, 16);
	}
	switch (proto) {
	case PROTO_UDP:
		b[l4] |= 0x04;
		/* A source in the probe range would be a loop when short. */
		if (b[l4] >= 0x80)
			b[l4] |= 0x40;
		wire_put16(b + l4 + 2, (uint16_t)(33434 + b[l4 + 2]));
		wire_put16(b + l4 + 4, (uint16_t)(len - l4));
		break;
	case PROTO_TCP:
		wire_put16(b + l4 + 2, 80);
		b[l4 + 12] = (uint8_t)(hdr / 4 << 4);
		b[l4 + 13] = 0x02;
		break;
	case PROTO_ICMP:
	case PROTO_MAX:
		b[l4] = f == FAMILY_V4 ? 8 : 128;
		b[l4 + 1] = 0;
		break;
	}
	test_sums_write(b, len);
	return (len);
}

#endif /* TEST_UTIL_H */
