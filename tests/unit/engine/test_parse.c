/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include "engine/parse.h"
#include "tests/unit/engine/packets.h"

static const struct {
	const char *name;
	const char *hex;
	enum family family;
	enum proto proto;
	uint16_t sport, dport;
	size_t headers; /* bytes that must be in the head */
} packets[] = {
	{ "udp4", PACKET_UDP4, FAMILY_V4, PROTO_UDP, 40000, 33436, 28 },
	{ "icmp4", PACKET_ICMP4, FAMILY_V4, PROTO_ICMP, 0x4242, 9, 28 },
	{ "tcp4", PACKET_TCP4, FAMILY_V4, PROTO_TCP, 50000, 33434, 60 },
	{ "udp6", PACKET_UDP6, FAMILY_V6, PROTO_UDP, 40000, 33437, 48 },
	{ "icmp6", PACKET_ICMP6, FAMILY_V6, PROTO_ICMP, 0x4242, 9, 48 },
	{ "tcp6", PACKET_TCP6, FAMILY_V6, PROTO_TCP, 50000, 33434, 64 },
};
#define NPACKETS (sizeof(packets) / sizeof(packets[0]))

static void
test_good(void **state)
{
	struct msg_probe p;
	struct parse out;
	struct addr src[FAMILY_MAX], dst[FAMILY_MAX];
	size_t i;

	(void)state;
	src[FAMILY_V4] = packet_addr(FAMILY_V4, "192.0.2.7");
	dst[FAMILY_V4] = packet_addr(FAMILY_V4, "198.51.100.9");
	src[FAMILY_V6] = packet_addr(FAMILY_V6, "2001:db8:1::7");
	dst[FAMILY_V6] = packet_addr(FAMILY_V6, "2001:db8:2::9");
	for (i = 0; i < NPACKETS; i++) {
		packet_probe(
		    packets[i].hex, packets[i].family, packets[i].proto, &p);
		memset(&out, 0xff, sizeof(out));
		assert_int_equal(parse_probe(&p, &out), PARSE_OK);
		assert_true(addr_equal(&out.src, &src[packets[i].family]));
		assert_true(addr_equal(&out.dst, &dst[packets[i].family]));
		assert_int_equal(out.sport, packets[i].sport);
		assert_int_equal(out.dport, packets[i].dport);
	}
}

/* A head that ends before its last header does; one that ends with it. */
static void
test_truncated(void **state)
{
	struct msg_probe p;
	struct parse out;
	size_t i, len;

	(void)state;
	for (i = 0; i < NPACKETS; i++) {
		packet_probe(
		    packets[i].hex, packets[i].family, packets[i].proto, &p);
		for (len = 0; len <= p.len; len++) {
			p.headlen = (uint16_t)len;
			if (len < packets[i].headers)
				assert_int_equal(
				    parse_probe(&p, &out), PARSE_SHORT);
			else
				assert_int_equal(
				    parse_probe(&p, &out), PARSE_OK);
		}
		p.headlen = (uint16_t)(p.len + 1);
		assert_int_equal(parse_probe(&p, &out), PARSE_DISAGREES);
		p.len = 1280;
		p.headlen = WIRE_HEAD_MAX + 1;
		assert_int_equal(parse_probe(&p, &out), PARSE_DISAGREES);
	}
}

static const struct {
	const char *what;
	const char *hex;
	enum family family;
	enum proto proto;
	size_t off; /* the byte that is changed, */
	uint8_t value;
	enum parse_fault fault;
} bad[] = {
	{ "version 6", PACKET_UDP4, FAMILY_V4, PROTO_UDP, 0, 0x65,
	    PARSE_HEADER },
	{ "options", PACKET_UDP4, FAMILY_V4, PROTO_UDP, 0, 0x46, PARSE_HEADER },
	{ "short header", PACKET_UDP4, FAMILY_V4, PROTO_UDP, 0, 0x44,
	    PARSE_HEADER },
	{ "more fragments", PACKET_UDP4, FAMILY_V4, PROTO_UDP, 6, 0x20,
	    PARSE_HEADER },
	{ "offset", PACKET_UDP4, FAMILY_V4, PROTO_UDP, 7, 0x01, PARSE_HEADER },
	{ "don't fragment", PACKET_UDP4, FAMILY_V4, PROTO_UDP, 6, 0x40,
	    PARSE_OK },
	{ "total length", PACKET_UDP4, FAMILY_V4, PROTO_UDP, 3, 0x3d,
	    PARSE_DISAGREES },
	{ "total length below the header", PACKET_UDP4, FAMILY_V4, PROTO_UDP, 3,
	    19, PARSE_DISAGREES },
	{ "protocol", PACKET_UDP4, FAMILY_V4, PROTO_UDP, 9, 6,
	    PARSE_DISAGREES },
	{ "TTL", PACKET_UDP4, FAMILY_V4, PROTO_UDP, 8, 4, PARSE_DISAGREES },
	{ "UDP length", PACKET_UDP4, FAMILY_V4, PROTO_UDP, 25, 0x27,
	    PARSE_LENGTH },
	{ "echo reply", PACKET_ICMP4, FAMILY_V4, PROTO_ICMP, 20, 0,
	    PARSE_PROTO },
	{ "echo code", PACKET_ICMP4, FAMILY_V4, PROTO_ICMP, 21, 1,
	    PARSE_PROTO },
	{ "SYN+ACK", PACKET_TCP4, FAMILY_V4, PROTO_TCP, 33, 0x12, PARSE_PROTO },
	{ "SYN+ECE", PACKET_TCP4, FAMILY_V4, PROTO_TCP, 33, 0x42, PARSE_PROTO },
	{ "data offset 4", PACKET_TCP4, FAMILY_V4, PROTO_TCP, 32, 0x40,
	    PARSE_LENGTH },
	{ "data offset 15", PACKET_TCP4, FAMILY_V4, PROTO_TCP, 32, 0xf0,
	    PARSE_LENGTH },
	{ "data offset 5", PACKET_TCP4, FAMILY_V4, PROTO_TCP, 32, 0x50,
	    PARSE_LENGTH },
	{ "option length 0", PACKET_TCP4, FAMILY_V4, PROTO_TCP, 41, 0,
	    PARSE_OPTIONS },
	{ "option length 1", PACKET_TCP4, FAMILY_V4, PROTO_TCP, 41, 1,
	    PARSE_OPTIONS },
	{ "option over the end", PACKET_TCP4, FAMILY_V4, PROTO_TCP, 58, 4,
	    PARSE_OPTIONS },
	{ "a kind as last byte", PACKET_TCP4, FAMILY_V4, PROTO_TCP, 58, 2,
	    PARSE_OPTIONS },
	{ "end of options", PACKET_TCP4, FAMILY_V4, PROTO_TCP, 40, 0,
	    PARSE_OK },
	{ "version 4", PACKET_UDP6, FAMILY_V6, PROTO_UDP, 0, 0x40,
	    PARSE_HEADER },
	{ "payload length", PACKET_UDP6, FAMILY_V6, PROTO_UDP, 5, 0x29,
	    PARSE_DISAGREES },
	{ "hop-by-hop options", PACKET_UDP6, FAMILY_V6, PROTO_UDP, 6, 0,
	    PARSE_DISAGREES },
	{ "ICMP of IPv4", PACKET_ICMP6, FAMILY_V6, PROTO_ICMP, 6, 1,
	    PARSE_DISAGREES },
	{ "hop limit", PACKET_UDP6, FAMILY_V6, PROTO_UDP, 7, 5,
	    PARSE_DISAGREES },
	{ "neighbour discovery", PACKET_ICMP6, FAMILY_V6, PROTO_ICMP, 40, 135,
	    PARSE_PROTO },
	{ "option over the end", PACKET_TCP6, FAMILY_V6, PROTO_TCP, 61, 5,
	    PARSE_OPTIONS },
};

static void
test_bad(void **state)
{
	struct msg_probe p;
	struct parse out, untouched;
	enum parse_fault fault;
	size_t i;

	(void)state;
	memset(&untouched, 0xee, sizeof(untouched));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		packet_probe(bad[i].hex, bad[i].family, bad[i].proto, &p);
		p.head[bad[i].off] = bad[i].value;
		out = untouched;
		fault = parse_probe(&p, &out);
		if (fault != bad[i].fault)
			fail_msg("%s: %d", bad[i].what, (int)fault);
		if (fault != PARSE_OK)
			assert_memory_equal(&out, &untouched, sizeof(out));
	}
	/* The last kind without its length: a NOP takes the place before. */
	packet_probe(PACKET_TCP4, FAMILY_V4, PROTO_TCP, &p);
	p.head[57] = p.head[58] = 1;
	p.head[59] = 3;
	assert_int_equal(parse_probe(&p, &out), PARSE_OPTIONS);
}

/* What the packet process says must be what the bytes say. */
static void
test_disagrees(void **state)
{
	struct msg_probe p;
	struct parse out;

	(void)state;
	packet_probe(PACKET_UDP4, FAMILY_V4, PROTO_UDP, &p);
	p.family = FAMILY_V6;
	assert_int_not_equal(parse_probe(&p, &out), PARSE_OK);
	packet_probe(PACKET_UDP4, FAMILY_V4, PROTO_UDP, &p);
	p.proto = PROTO_ICMP;
	assert_int_equal(parse_probe(&p, &out), PARSE_DISAGREES);
	packet_probe(PACKET_UDP4, FAMILY_V4, PROTO_UDP, &p);
	p.ttl++;
	assert_int_equal(parse_probe(&p, &out), PARSE_DISAGREES);
	packet_probe(PACKET_UDP4, FAMILY_V4, PROTO_UDP, &p);
	p.len++;
	assert_int_equal(parse_probe(&p, &out), PARSE_DISAGREES);
	packet_probe(PACKET_UDP4, FAMILY_V4, PROTO_UDP, &p);
	packet_set_ttl(&p, 0);
	assert_int_equal(parse_probe(&p, &out), PARSE_DISAGREES);
	packet_set_ttl(&p, POLICY_TTL_MAX + 1);
	assert_int_equal(parse_probe(&p, &out), PARSE_DISAGREES);
	packet_set_ttl(&p, POLICY_TTL_MAX);
	assert_int_equal(parse_probe(&p, &out), PARSE_OK);
}

/* No bit may lead it out of its bytes; the sanitizers watch. */
static void
test_flips(void **state)
{
	struct msg_probe p;
	struct parse out;
	size_t bit, i;

	(void)state;
	for (i = 0; i < NPACKETS; i++) {
		packet_probe(
		    packets[i].hex, packets[i].family, packets[i].proto, &p);
		for (bit = 0; bit < 8U * p.headlen; bit++) {
			p.head[bit / 8] ^= (uint8_t)(1 << bit % 8);
			(void)parse_probe(&p, &out);
			p.head[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		assert_int_equal(parse_probe(&p, &out), PARSE_OK);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_disagrees),
		cmocka_unit_test(test_flips),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
