/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/priv/packets.h"
#include "tests/unit/priv/util.h"

static struct policy policy;

static int
setup(void **state)
{
	(void)state;
	test_policy(&policy);
	return (0);
}

/* One byte of packet i changed, checksums made good again (sums != 0). */
static enum handup_reason
changed(size_t i, size_t at, uint8_t to, int sums)
{
	struct handup h;
	uint8_t b[WIRE_PROBE_MAX];

	memcpy(b, packets[i].probe.b, packets[i].probe.len);
	b[at] = to;
	if (sums)
		test_sums_write(b, packets[i].probe.len);
	return (test_handup(&policy, b, packets[i].probe.len, &h));
}

static void
fields(void **state)
{
	static const struct addr c4 = { { 198, 51, 100, 9 } };
	struct handup h;

	(void)state;
	assert_int_equal(
	    test_handup(&policy, probe_udp4, sizeof(probe_udp4), &h),
	    HANDUP_OK);
	assert_int_equal(h.family, FAMILY_V4);
	assert_int_equal(h.proto, PROTO_UDP);
	assert_true(addr_equal(&h.src, &c4));
	assert_true(addr_equal(&h.dst, &policy.listen[0].addr));
	assert_int_equal(h.ttl, 5);
	assert_int_equal(h.tos, 0x10);
	assert_int_equal(h.df, 1);
	assert_int_equal(h.len, 60);
	assert_int_equal(h.l4, 20);
	assert_int_equal(h.payload, 28);
	assert_int_equal(h.sport, 40001);
	assert_int_equal(h.dport, 33436);
	assert_int_equal(h.sum, 0xff48);
	assert_int_equal(h.listen, 0);

	assert_int_equal(
	    test_handup(&policy, probe_udp6, sizeof(probe_udp6), &h),
	    HANDUP_OK);
	assert_int_equal(h.family, FAMILY_V6);
	assert_int_equal(h.tos, 0x24);
	assert_int_equal(h.flow, 0xabcde);
	assert_int_equal(h.df, 0);
	assert_int_equal(h.l4, 40);
	assert_int_equal(h.payload, 48);
	assert_int_equal(h.listen, 1);

	assert_int_equal(
	    test_handup(&policy, probe_icmp4, sizeof(probe_icmp4), &h),
	    HANDUP_OK);
	assert_int_equal(h.proto, PROTO_ICMP);
	assert_int_equal(h.sport, 0xbeef);
	assert_int_equal(h.dport, 7);

	assert_int_equal(
	    test_handup(&policy, probe_tcp6, sizeof(probe_tcp6), &h),
	    HANDUP_OK);
	assert_int_equal(h.proto, PROTO_TCP);
	assert_int_equal(h.seq, 0x01020304);
	assert_int_equal(h.payload, h.len);
}

/* Every truncation of every probe, without a byte read beyond it. */
static void
inv01_truncation(void **state)
{
	struct handup h;
	size_t i, len;

	(void)state;
	for (i = 0; i < NPACKETS; i++)
		for (len = 0; len < packets[i].probe.len; len++)
			assert_int_not_equal(
			    test_handup(&policy, packets[i].probe.b, len, &h),
			    HANDUP_OK);
	assert_int_equal(
	    test_handup(&policy, probe_udp4, 27, &h), HANDUP_SHORT);
	assert_int_equal(
	    test_handup(&policy, probe_tcp4, 39, &h), HANDUP_SHORT);
	assert_int_equal(
	    test_handup(&policy, probe_udp6, 47, &h), HANDUP_SHORT);
	assert_int_equal(
	    test_handup(&policy, probe_tcp6, 59, &h), HANDUP_SHORT);
	assert_int_equal(
	    test_handup(&policy, probe_udp4, 59, &h), HANDUP_LENGTH);
}

static void
inv01_header(void **state)
{
	(void)state;
	assert_int_equal(changed(0, 0, 0x46, 0), HANDUP_HEADER);
	assert_int_equal(changed(0, 0, 0x44, 0), HANDUP_HEADER);
	assert_int_equal(changed(0, 0, 0x55, 0), HANDUP_HEADER);
	assert_int_equal(changed(0, 0, 0x00, 0), HANDUP_HEADER);
	/* Hop-by-hop, routing, fragment, destination options. */
	assert_int_equal(changed(3, 6, 0, 0), HANDUP_HEADER);
	assert_int_equal(changed(3, 6, 43, 0), HANDUP_HEADER);
	assert_int_equal(changed(3, 6, 44, 0), HANDUP_HEADER);
	assert_int_equal(changed(3, 6, 60, 0), HANDUP_HEADER);
	assert_int_equal(changed(3, 6, 1, 0), HANDUP_HEADER);
	/* More fragments, an offset, the reserved bit; DF is none. */
	assert_int_equal(changed(0, 6, 0x20, 1), HANDUP_FRAGMENT);
	assert_int_equal(changed(0, 6, 0x01, 1), HANDUP_FRAGMENT);
	assert_int_equal(changed(0, 7, 0x01, 1), HANDUP_FRAGMENT);
	assert_int_equal(changed(0, 6, 0x80, 1), HANDUP_FRAGMENT);
	assert_int_equal(changed(0, 6, 0x00, 1), HANDUP_OK);
	/* Total length, payload length, UDP length, data offset. */
	assert_int_equal(changed(0, 3, 61, 1), HANDUP_LENGTH);
	assert_int_equal(changed(0, 3, 59, 1), HANDUP_LENGTH);
	assert_int_equal(changed(3, 5, 41, 0), HANDUP_LENGTH);
	assert_int_equal(changed(0, 25, 39, 1), HANDUP_LENGTH);
	assert_int_equal(changed(3, 45, 0, 1), HANDUP_LENGTH);
	assert_int_equal(changed(2, 32, 0x90, 1), HANDUP_LENGTH);
	assert_int_equal(changed(2, 32, 0x40, 1), HANDUP_LENGTH);
}

static void
inv01_sizes(void **state)
{
	struct handup h;
	uint8_t b[WIRE_PROBE_MAX + 1] = { 0 };
	size_t len;

	(void)state;
	memcpy(b, probe_udp4, 28);
	for (len = 28; len <= WIRE_PROBE_MAX + 1; len++) {
		wire_put16(b + 2, (uint16_t)len);
		wire_put16(b + 24, (uint16_t)(len - 20));
		test_sums_write(b, len);
		assert_int_equal(test_handup(&policy, b, len, &h),
		    len <= WIRE_PROBE_MAX ? HANDUP_OK : HANDUP_LENGTH);
	}
}

static void
inv02_addresses(void **state)
{
	(void)state;
	assert_int_equal(changed(0, 19, 54, 1), HANDUP_DESTINATION);
	assert_int_equal(changed(3, 39, 54, 1), HANDUP_DESTINATION);
	assert_int_equal(changed(0, 8, 0, 1), HANDUP_TTL);
	assert_int_equal(changed(0, 8, 1, 1), HANDUP_OK);
	assert_int_equal(changed(0, 8, 32, 1), HANDUP_OK);
	assert_int_equal(changed(0, 8, 33, 1), HANDUP_TTL);
	assert_int_equal(changed(4, 7, 0, 0), HANDUP_TTL);
	assert_int_equal(changed(4, 7, 255, 0), HANDUP_TTL);
	/* 0/8, 127/8, multicast, fe80::/10 (with its own rest), ff00::/8 */
	assert_int_equal(changed(0, 12, 0, 1), HANDUP_SOURCE);
	assert_int_equal(changed(0, 12, 127, 1), HANDUP_SOURCE);
	assert_int_equal(changed(0, 12, 224, 1), HANDUP_SOURCE);
	assert_int_equal(changed(0, 12, 255, 1), HANDUP_SOURCE);
	assert_int_equal(changed(5, 8, 0xff, 1), HANDUP_SOURCE);

	policy.listen[0].hop_addr = test_addr(FAMILY_V4, "198.51.100.9");
	assert_int_equal(changed(0, 8, 5, 1), HANDUP_SOURCE);
	policy.listen[0].hop_addr = policy.listen[0].addr;
	assert_int_equal(changed(0, 8, 5, 1), HANDUP_OK);
	policy.listen[0].addr = test_addr(FAMILY_V4, "198.51.100.9");
	assert_int_equal(changed(0, 8, 5, 1), HANDUP_DESTINATION);
}

static void
inv02_protocols(void **state)
{
	uint8_t flags;
	int f;

	(void)state;
	assert_int_equal(changed(0, 9, 47, 0), HANDUP_PROTOCOL);
	assert_int_equal(changed(1, 9, 58, 0), HANDUP_PROTOCOL);
	assert_int_equal(changed(1, 20, 0, 1), HANDUP_PROTOCOL);
	assert_int_equal(changed(1, 21, 1, 1), HANDUP_PROTOCOL);
	assert_int_equal(changed(4, 40, 129, 1), HANDUP_PROTOCOL);
	assert_int_equal(changed(4, 40, 135, 1), HANDUP_PROTOCOL);
	assert_int_equal(changed(4, 41, 1, 1), HANDUP_PROTOCOL);
	for (f = 0; f < 256; f++) {
		flags = (uint8_t)f;
		assert_int_equal(changed(2, 33, flags, 1),
		    flags == 0x02 ? HANDUP_OK : HANDUP_PROTOCOL);
		assert_int_equal(changed(5, 53, flags, 1),
		    flags == 0x02 ? HANDUP_OK : HANDUP_PROTOCOL);
	}
	assert_int_equal(changed(2, 32, 0xa1, 1), HANDUP_PROTOCOL);
	policy.probe_icmp = 0;
	assert_int_equal(changed(1, 8, 5, 1), HANDUP_PROTOCOL);
	assert_int_equal(changed(4, 7, 5, 1), HANDUP_PROTOCOL);
	assert_int_equal(changed(0, 8, 5, 1), HANDUP_OK);
}

static void
inv02_ports(void **state)
{
	struct handup h;
	uint8_t b[sizeof(probe_udp4)];
	uint16_t port;

	(void)state;
	memcpy(b, probe_udp4, sizeof(b));
	for (port = 0; port < 2048; port++) {
		wire_put16(b + 20, port);
		test_sums_write(b, sizeof(b));
		assert_int_equal(test_handup(&policy, b, sizeof(b), &h),
		    port < 1024 ? HANDUP_PORT : HANDUP_OK);
	}
	/* 33436 is 0x829c, 40001 0x9c41; the range 0x829a to 0x8399. */
	assert_int_equal(changed(0, 23, 0x9a, 1), HANDUP_OK);
	assert_int_equal(changed(0, 23, 0x99, 1), HANDUP_PORT);
	assert_int_equal(changed(3, 42, 0x84, 1), HANDUP_PORT);
	assert_int_equal(changed(0, 20, 0x04, 1), HANDUP_OK);
	assert_int_equal(changed(0, 20, 0x03, 1), HANDUP_PORT);
	assert_int_equal(changed(3, 40, 0x00, 1), HANDUP_PORT);
	assert_int_equal(changed(2, 23, 81, 1), HANDUP_PORT);
	assert_int_equal(changed(2, 20, 0, 1), HANDUP_OK);
}

/* Every single bit of the transport part is covered by the checksum. */
static void
checksum(void **state)
{
	struct handup h;
	uint8_t b[WIRE_PROBE_MAX];
	size_t i, at, l4;
	int bit;

	(void)state;
	for (i = 0; i < NPACKETS; i++) {
		l4 = i < 3 ? 20 : 40;
		memcpy(b, packets[i].probe.b, packets[i].probe.len);
		for (at = l4; at < packets[i].probe.len; at++)
			for (bit = 0; bit < 8; bit++) {
				b[at] ^= (uint8_t)(1 << bit);
				assert_int_not_equal(
				    test_handup(
					&policy, b, packets[i].probe.len, &h),
				    HANDUP_OK);
				b[at] ^= (uint8_t)(1 << bit);
			}
	}
	memcpy(b, probe_udp4, sizeof(probe_udp4));
	b[26] = b[27] = 0;
	assert_int_equal(
	    test_handup(&policy, b, sizeof(probe_udp4), &h), HANDUP_OK);
	memcpy(b, probe_udp6, sizeof(probe_udp6));
	b[46] = b[47] = 0;
	assert_int_equal(
	    test_handup(&policy, b, sizeof(probe_udp6), &h), HANDUP_CHECKSUM);
}

/* What build_turn makes is no probe, whichever form, and on any host. */
static void
inv09_mark(void **state)
{
	struct policy there;
	struct handup h;
	uint8_t b[WIRE_PROBE_MAX];
	size_t i, len;
	int family;

	(void)state;
	there = policy;
	there.listen[0].addr = test_addr(FAMILY_V4, "198.51.100.9");
	there.listen[1].addr = test_addr(FAMILY_V6, "2001:db8:9::9");
	/* One that serves every port of the turned probes, too. */
	there.ports[0].lo = there.ports[1].lo = 1;
	there.ports[0].hi = there.ports[1].hi = 65535;
	for (i = 0; i < NPACKETS; i++) {
		assert_int_equal(test_handup(&there, packets[i].mirror.b,
				     packets[i].mirror.len, &h),
		    HANDUP_LOOP);
		assert_int_equal(test_handup(&there, packets[i].reply.b,
				     packets[i].reply.len, &h),
		    packets[i].reply.b == turn_reply_udp4 ||
			    packets[i].reply.b == turn_reply_udp6
			? HANDUP_LOOP
			: HANDUP_PROTOCOL);
	}
	/* Too short for a mark: told by the source port. */
	memcpy(b, probe_udp4, sizeof(probe_udp4));
	wire_put16(b + 20, 33500);
	for (len = 28; len < 34; len++) {
		wire_put16(b + 2, (uint16_t)len);
		wire_put16(b + 24, (uint16_t)(len - 20));
		test_sums_write(b, len);
		assert_int_equal(test_handup(&policy, b, len, &h),
		    len < 32 ? HANDUP_LOOP : HANDUP_OK);
	}
	/* Half a mark is none. */
	memcpy(b, turn_mirror_tcp4, sizeof(turn_mirror_tcp4));
	for (family = 0; family < 2; family++) {
		b[34 + family * 4] ^= 1;
		test_sums_write(b, sizeof(turn_mirror_tcp4));
		assert_int_equal(
		    test_handup(&there, b, sizeof(turn_mirror_tcp4), &h),
		    HANDUP_OK);
		b[34 + family * 4] ^= 1;
	}
}

static void
inv08_room(void **state)
{
	struct handup h;
	uint8_t b[WIRE_PROBE_MAX];
	size_t i, len, room;

	(void)state;
	for (i = 3; i < 5; i++) {
		memcpy(b, packets[i].probe.b, packets[i].probe.len);
		for (room = 0; room < 12; room++) {
			len = 48 + room;
			wire_put16(b + 4, (uint16_t)(len - 40));
			if (i == 3)
				wire_put16(b + 44, (uint16_t)(len - 40));
			test_sums_write(b, len);
			assert_int_equal(test_handup(&policy, b, len, &h),
			    room < 10 ? HANDUP_NOROOM : HANDUP_OK);
		}
	}
	policy.listen[0].turn = TURN_MIRROR;
	for (i = 0; i < 2; i++) {
		memcpy(b, packets[i].probe.b, packets[i].probe.len);
		for (room = 0; room < 6; room++) {
			len = 28 + room;
			wire_put16(b + 2, (uint16_t)len);
			if (i == 0)
				wire_put16(b + 24, (uint16_t)(len - 20));
			test_sums_write(b, len);
			assert_int_equal(test_handup(&policy, b, len, &h),
			    room < 4 ? HANDUP_NOROOM : HANDUP_OK);
		}
	}
}

/* Random bytes and random damage: no crash, and a reason in range. */
static void
random_bytes(void **state)
{
	struct handup h;
	uint8_t b[WIRE_PROBE_MAX];
	uint32_t st = TEST_SEED, i, j, n;
	enum handup_reason why;
	size_t len;

	(void)state;
	for (i = 0; i < 20000; i++) {
		len = test_probe(&st, &policy, b);
		assert_int_equal(test_handup(&policy, b, len, &h), HANDUP_OK);
		n = test_random(&st) % 4;
		for (j = 0; j < n; j++)
			b[test_random(&st) % len] = (uint8_t)test_random(&st);
		if (test_random(&st) % 4 == 0)
			len = test_random(&st) % (len + 1);
		why = test_handup(&policy, b, len, &h);
		assert_in_range(why, HANDUP_OK, HANDUP_REASON_LAST - 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(fields, setup),
		cmocka_unit_test_setup(inv01_truncation, setup),
		cmocka_unit_test_setup(inv01_header, setup),
		cmocka_unit_test_setup(inv01_sizes, setup),
		cmocka_unit_test_setup(inv02_addresses, setup),
		cmocka_unit_test_setup(inv02_protocols, setup),
		cmocka_unit_test_setup(inv02_ports, setup),
		cmocka_unit_test_setup(checksum, setup),
		cmocka_unit_test_setup(inv08_room, setup),
		cmocka_unit_test_setup(inv09_mark, setup),
		cmocka_unit_test_setup(random_bytes, setup),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
