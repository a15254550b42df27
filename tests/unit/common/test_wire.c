/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/wire.h"

/* Packets with right checksums, made by scapy. */
static const uint8_t packet_udp4[] = { 0x45, 0x00, 0x00, 0x21, 0x12, 0x34, 0x00,
	0x00, 0x05, 0x11, 0xb7, 0x5c, 0xc0, 0x00, 0x02, 0x01, 0xc6, 0x33, 0x64,
	0x07, 0x9c, 0x40, 0x82, 0x9a, 0x00, 0x0d, 0xb0, 0xea, 0x68, 0x65, 0x6c,
	0x6c, 0x6f };
static const uint8_t packet_tcp4[] = { 0x45, 0x00, 0x00, 0x2c, 0x00, 0x07, 0x00,
	0x00, 0x01, 0x06, 0x70, 0xc7, 0x0a, 0x01, 0x02, 0x03, 0xcb, 0x00, 0x71,
	0xfa, 0xc7, 0x38, 0x00, 0x50, 0xde, 0xad, 0xbe, 0xef, 0x00, 0x00, 0x00,
	0x00, 0x60, 0x02, 0xff, 0xff, 0xea, 0x01, 0x00, 0x00, 0x02, 0x04, 0x05,
	0xb4 };
static const uint8_t packet_icmp4[] = { 0x45, 0x00, 0x00, 0x25, 0x00, 0x01,
	0x00, 0x00, 0x05, 0x01, 0xc9, 0x9b, 0xc0, 0x00, 0x02, 0x01, 0xc6, 0x33,
	0x64, 0x07, 0x08, 0x00, 0xf8, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t packet_udp6[] = { 0x60, 0x00, 0x00, 0x00, 0x00, 0x13, 0x11,
	0x03, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x01, 0x20, 0x01, 0x0d, 0xb8, 0xff, 0xff, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x53, 0xff, 0xff, 0x82,
	0xfe, 0x00, 0x13, 0xba, 0xf9, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36,
	0x37, 0x38, 0x39, 0x61 };
static const uint8_t packet_icmp6[] = { 0x60, 0x00, 0x00, 0x00, 0x00, 0x0b,
	0x3a, 0x03, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x20, 0x01, 0x0d, 0xb8, 0xff, 0xff,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x53, 0x80, 0x00,
	0x5f, 0x8e, 0x00, 0x01, 0x00, 0x02, 0x61, 0x62, 0x63 };

struct sum_case {
	const uint8_t *packet;
	size_t len;
	enum family family;
	enum proto proto;
	size_t sum_at; /* offset of the checksum in the L4 header */
};

static const struct sum_case sum_cases[] = {
	{ packet_udp4, sizeof(packet_udp4), FAMILY_V4, PROTO_UDP, 6 },
	{ packet_tcp4, sizeof(packet_tcp4), FAMILY_V4, PROTO_TCP, 16 },
	{ packet_icmp4, sizeof(packet_icmp4), FAMILY_V4, PROTO_ICMP, 2 },
	{ packet_udp6, sizeof(packet_udp6), FAMILY_V6, PROTO_UDP, 6 },
	{ packet_icmp6, sizeof(packet_icmp6), FAMILY_V6, PROTO_ICMP, 2 },
};

static void
sum_check(const struct sum_case *c)
{
	uint8_t buf[128];
	struct addr src = { { 0 } }, dst = { { 0 } };
	size_t hdr, at;
	uint32_t sum = 0;
	uint16_t want;

	assert_true(c->len <= sizeof(buf));
	memcpy(buf, c->packet, c->len);
	hdr = c->family == FAMILY_V4 ? WIRE_IP4_HDR : WIRE_IP6_HDR;
	at = c->family == FAMILY_V4 ? 12 : 8;
	memcpy(src.b, buf + at, addr_len(c->family));
	memcpy(dst.b, buf + at + addr_len(c->family), addr_len(c->family));
	/* ICMP for IPv4 is the only one without a pseudo-header. */
	if (c->family == FAMILY_V6 || c->proto != PROTO_ICMP)
		sum = wire_pseudo(c->family, &src, &dst,
		    wire_ipproto(c->family, c->proto), c->len - hdr);

	/* Over the packet with its checksum: all ones. */
	assert_int_equal(
	    wire_fold(wire_sum(sum, buf + hdr, c->len - hdr)), 0xffff);
	/* Over the packet without: the checksum itself. */
	want = wire_get16(buf + hdr + c->sum_at);
	wire_put16(buf + hdr + c->sum_at, 0);
	assert_int_equal(
	    (uint16_t)~wire_fold(wire_sum(sum, buf + hdr, c->len - hdr)), want);
	if (c->family == FAMILY_V4)
		assert_int_equal(wire_fold(wire_sum(0, buf, hdr)), 0xffff);
	/* One flipped bit shows. */
	buf[c->len - 1] ^= 0x10;
	assert_int_not_equal(
	    (uint16_t)~wire_fold(wire_sum(sum, buf + hdr, c->len - hdr)), want);
}

static void
test_sum_packets(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(sum_cases) / sizeof(sum_cases[0]); i++)
		sum_check(&sum_cases[i]);
}

static void
test_sum_edges(void **state)
{
	static const uint8_t ones[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	/* The example of RFC 1071, section 3. */
	static const uint8_t rfc[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6,
		0xf7 };
	uint8_t *big;
	const size_t len = 300000;

	(void)state;
	assert_int_equal(wire_fold(wire_sum(0, rfc, sizeof(rfc))), 0xddf2);
	assert_int_equal(wire_sum(0, NULL, 0), 0);
	assert_int_equal(wire_sum(7, rfc, 0), 7);
	/* An odd last byte is the high one of its word. */
	assert_int_equal(wire_sum(0, ones, 1), 0xff00);
	assert_int_equal(wire_fold(wire_sum(0, ones, 3)), 0xff00);
	/* The carry out of 32 bits comes back at the end. */
	assert_int_equal(wire_fold(wire_sum(UINT32_MAX, ones, 6)), 0xffff);
	assert_int_equal(wire_fold(wire_sum(UINT32_MAX, rfc, 2)), 1);
	assert_int_equal(wire_fold(UINT32_MAX), 0xffff);
	assert_int_equal(wire_fold(0x10000), 1);
	assert_int_equal(wire_fold(0), 0);
	/* More words of ones than 32 bits can hold. */
	assert_non_null(big = malloc(len));
	memset(big, 0xff, len);
	assert_int_equal(wire_fold(wire_sum(0, big, len)), 0xffff);
	free(big);
}

static void
test_unaligned(void **state)
{
	uint8_t buf[8] = { 0 };

	(void)state;
	wire_put16(buf + 1, 0xfedc);
	assert_int_equal(buf[0], 0);
	assert_int_equal(buf[1], 0xfe);
	assert_int_equal(buf[2], 0xdc);
	assert_int_equal(buf[3], 0);
	assert_int_equal(wire_get16(buf + 1), 0xfedc);
	wire_put32(buf + 3, 0xfedcba98);
	assert_int_equal(buf[3], 0xfe);
	assert_int_equal(buf[6], 0x98);
	assert_int_equal(buf[7], 0);
	assert_true(wire_get32(buf + 3) == 0xfedcba98);
}

static void
test_ipproto(void **state)
{
	(void)state;
	assert_int_equal(wire_ipproto(FAMILY_V4, PROTO_UDP), 17);
	assert_int_equal(wire_ipproto(FAMILY_V6, PROTO_UDP), 17);
	assert_int_equal(wire_ipproto(FAMILY_V4, PROTO_TCP), 6);
	assert_int_equal(wire_ipproto(FAMILY_V6, PROTO_TCP), 6);
	assert_int_equal(wire_ipproto(FAMILY_V4, PROTO_ICMP), 1);
	assert_int_equal(wire_ipproto(FAMILY_V6, PROTO_ICMP), 58);
}

/* Lengths as measured on the wire, and as the standards add up. */
static void
test_answer_len(void **state)
{
	static const struct {
		struct wire_answer a;
		size_t len;
	} cases[] = {
		{ { FAMILY_V4, 28, 0, 0, 0, 0 }, 56 },
		{ { FAMILY_V4, 60, 0, 0, 0, 0 }, 88 },
		{ { FAMILY_V4, 127, 0, 0, 0, 0 }, 155 },
		{ { FAMILY_V4, 128, 0, 0, 0, 0 }, 156 },
		{ { FAMILY_V4, 129, 0, 0, 0, 0 }, 156 },
		{ { FAMILY_V4, 1280, 0, 0, 0, 0 }, 156 },
		{ { FAMILY_V4, 28, 1, 0, 0, 0 }, 172 },
		{ { FAMILY_V4, 60, 1, 0, 0, 0 }, 172 },
		{ { FAMILY_V4, 1280, 1, 0, 0, 0 }, 172 },
		{ { FAMILY_V4, 60, 1, 1, 0, 0 }, 180 },
		{ { FAMILY_V4, 60, 1, 0, 0, 8 }, 180 },
		{ { FAMILY_V4, 60, 1, 1, 0, 64 }, 244 },
		{ { FAMILY_V4, 60, 1, 0, 1, 0 }, 180 },
		{ { FAMILY_V4, 60, 1, 1, 1, 8 }, 196 },
		/* Nor a time. */
		{ { FAMILY_V4, 60, 0, 0, 1, 0 }, 88 },
		{ { FAMILY_V4, 60, 0, 0, 0, 8 }, 168 },
		/* A name without an address is none. */
		{ { FAMILY_V4, 60, 0, 1, 0, 0 }, 88 },
		{ { FAMILY_V4, 60, 0, 1, 0, 8 }, 168 },
		{ { FAMILY_V6, 48, 0, 0, 0, 0 }, 96 },
		{ { FAMILY_V6, 80, 0, 0, 0, 0 }, 128 },
		{ { FAMILY_V6, 1280, 0, 0, 0, 0 }, 176 },
		{ { FAMILY_V6, 80, 1, 0, 0, 0 }, 204 },
		{ { FAMILY_V6, 80, 1, 1, 0, 0 }, 212 },
		{ { FAMILY_V6, 80, 1, 1, 0, 64 }, 276 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(wire_answer_len(&cases[i].a), cases[i].len);
}

static void
test_answer_budget(void **state)
{
	(void)state;
	assert_int_equal(wire_answer_budget(60, 0), 180);
	assert_int_equal(wire_answer_budget(60, 1), 300);
	assert_int_equal(wire_answer_budget(0, 1), 0);
	assert_true(wire_answer_budget(SIZE_MAX / 2, 0) == SIZE_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sum_packets),
		cmocka_unit_test(test_sum_edges),
		cmocka_unit_test(test_unaligned),
		cmocka_unit_test(test_ipproto),
		cmocka_unit_test(test_answer_len),
		cmocka_unit_test(test_answer_budget),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
