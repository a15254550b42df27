/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * Requests for a reverse probe: which are handed up, every byte of what is
 * built for them, and what their probes are matched with.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "priv/match.h"
#include "tests/unit/priv/asking.h"
#include "tests/unit/priv/packets.h"
#include "tests/unit/priv/util.h"

static const struct msg_id test_id = { 3, 4 };

static int
setup(void **state)
{
	static struct policy p;

	test_policy(&p);
	p.augsburg = 1;
	*state = &p;
	return (0);
}

/* The packet with one byte changed, sums mended or not. */
static enum handup_reason
changed(
    const struct policy *p, enum family f, size_t at, uint8_t value, int sums)
{
	struct request ask;
	struct handup h;
	uint8_t b[64];
	size_t len;

	len = ask_packet(b, f, ASK_TTL, 17, ASK_FLOW, 0);
	b[at] = value;
	if (sums)
		test_sums_write(b, len);
	return (ask_check(p, b, len, &h, &ask));
}

static void
fields(void **state)
{
	struct policy *p = *state;
	struct request ask;
	struct handup h;
	enum family f;
	enum proto proto;
	uint8_t b[64];
	size_t len, l4;

	for (f = FAMILY_V4; f < FAMILY_MAX; f++)
		for (proto = PROTO_UDP; proto < PROTO_MAX; proto++) {
			l4 = f == FAMILY_V4 ? 20 : 40;
			len = ask_packet(
			    b, f, ASK_TTL, ask_ipproto(f, proto), ASK_FLOW, 0);
			assert_true(request_is(b, len));
			assert_int_equal(
			    ask_check(p, b, len, &h, &ask), HANDUP_OK);
			assert_int_equal(h.family, f);
			assert_int_equal(h.proto, PROTO_ICMP);
			assert_int_equal(h.ttl, 200);
			assert_int_equal(h.tos, 0x10);
			assert_int_equal(h.len, len);
			assert_int_equal(h.l4, l4);
			assert_int_equal(h.payload, l4 + 8);
			assert_int_equal(h.sport, ASK_ID);
			assert_int_equal(h.listen, f);
			assert_int_equal(h.flow, f == FAMILY_V4 ? 0 : 0x12345);
			assert_int_equal(ask.proto, proto);
			assert_int_equal(ask.ttl, ASK_TTL);
			assert_int_equal(ask.max_ttl, 32);
			assert_int_equal(ask.flow, ASK_FLOW);
			assert_int_equal(ask.bad_ttl, 0);
			assert_int_equal(ask.bad_proto, 0);
		}
}

static void
defaults(void **state)
{
	static const struct {
		uint8_t ipproto;
		uint16_t flow;
	} want[] = { { 0, 0xbeaf }, { 1, 0xbeaf }, { 17, 53 }, { 6, 80 } };
	struct request ask;
	struct handup h;
	uint8_t b[64];
	size_t i, len;

	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		len = ask_packet(b, FAMILY_V4, 1, want[i].ipproto, 0, 0);
		assert_int_equal(
		    ask_check(*state, b, len, &h, &ask), HANDUP_OK);
		assert_int_equal(ask.flow, want[i].flow);
		assert_int_equal(ask.bad_proto, 0);
	}
}

/* What the engine is to refuse is handed up, and noted. */
static void
wishes(void **state)
{
	struct policy *p = *state;
	struct request ask;
	struct handup h;
	enum family f;
	unsigned int v;
	uint8_t b[64];
	size_t len;

	for (f = FAMILY_V4; f < FAMILY_MAX; f++)
		for (v = 0; v < 256; v++) {
			len = ask_packet(b, f, (uint8_t)v, 0, 0, 0);
			assert_int_equal(
			    ask_check(p, b, len, &h, &ask), HANDUP_OK);
			assert_int_equal(ask.bad_ttl, v == 0 || v > 32);
			len = ask_packet(b, f, 1, (uint8_t)v, 0, 0);
			assert_int_equal(
			    ask_check(p, b, len, &h, &ask), HANDUP_OK);
			assert_int_equal(ask.bad_proto,
			    v != 0 && v != 6 && v != 17 &&
				v != (f == FAMILY_V4 ? 1 : 58));
		}
}

static void
refused(void **state)
{
	struct policy *p = *state;
	struct request ask;
	struct handup h;
	uint8_t b[1400];
	size_t i, len;

	/* What ends before the flow is the kernel's. */
	for (len = 0; len < 32; len++) {
		(void)ask_packet(b, FAMILY_V4, 1, 0, 0, 0);
		wire_put16(b + 2, (uint16_t)len);
		assert_int_equal(ask_check(p, b, len, &h, &ask), HANDUP_SHORT);
	}
	for (len = 40; len < 52; len++) {
		(void)ask_packet(b, FAMILY_V6, 1, 0, 0, 0);
		wire_put16(b + 4, (uint16_t)(len - 40));
		assert_int_equal(ask_check(p, b, len, &h, &ask), HANDUP_SHORT);
	}
	for (i = 1280 - 32; i < 1280 - 30; i++) {
		len = ask_packet(b, FAMILY_V4, 1, 0, 0, i);
		assert_int_equal(ask_check(p, b, len, &h, &ask),
		    len <= 1280 ? HANDUP_OK : HANDUP_LENGTH);
	}
	assert_int_equal(changed(p, FAMILY_V4, 0, 0x46, 1), HANDUP_HEADER);
	assert_int_equal(changed(p, FAMILY_V4, 6, 0x20, 1), HANDUP_FRAGMENT);
	assert_int_equal(changed(p, FAMILY_V4, 3, 33, 1), HANDUP_LENGTH);
	assert_int_equal(changed(p, FAMILY_V4, 19, 54, 1), HANDUP_DESTINATION);
	assert_int_equal(
	    changed(p, FAMILY_V6, 39, 0x54, 1), HANDUP_DESTINATION);
	/* Sources: loopback, this network, multicast. */
	assert_int_equal(changed(p, FAMILY_V4, 12, 127, 1), HANDUP_SOURCE);
	assert_int_equal(changed(p, FAMILY_V4, 12, 0, 1), HANDUP_SOURCE);
	assert_int_equal(changed(p, FAMILY_V4, 12, 224, 1), HANDUP_SOURCE);
	assert_int_equal(changed(p, FAMILY_V6, 8, 0xff, 1), HANDUP_SOURCE);
	assert_int_equal(changed(p, FAMILY_V4, 24, 1, 0), HANDUP_CHECKSUM);
	assert_int_equal(changed(p, FAMILY_V6, 44, 1, 0), HANDUP_CHECKSUM);
	/* Another code, another type. */
	assert_int_equal(changed(p, FAMILY_V4, 21, 0, 1), HANDUP_PROTOCOL);
	assert_int_equal(changed(p, FAMILY_V4, 21, 2, 1), HANDUP_PROTOCOL);
	assert_int_equal(changed(p, FAMILY_V4, 20, 0, 1), HANDUP_PROTOCOL);
	assert_int_equal(changed(p, FAMILY_V6, 40, 129, 1), HANDUP_PROTOCOL);
	/* Any TTL of its own. */
	assert_int_equal(changed(p, FAMILY_V4, 8, 0, 1), HANDUP_OK);
	assert_int_equal(changed(p, FAMILY_V6, 7, 255, 1), HANDUP_OK);
	/* Not served. */
	p->augsburg = 0;
	assert_int_equal(changed(p, FAMILY_V4, 8, 64, 1), HANDUP_PROTOCOL);
	len = ask_packet(b, FAMILY_V4, 1, 0, 0, 0);
	b[8] = 5;
	test_sums_write(b, len);
	assert_int_equal(test_handup(p, b, len, &h), HANDUP_PROTOCOL);
	/* No probe is one. */
	assert_false(request_is(probe_icmp4, sizeof(probe_icmp4)));
	assert_false(request_is(probe_icmp6, sizeof(probe_icmp6)));
	assert_false(request_is(probe_udp4, sizeof(probe_udp4)));
	for (i = 0; i < 22; i++)
		assert_false(request_is(b, i));
}

static void
make(struct record *r, const struct policy *p, enum family f, enum proto proto,
    uint16_t flow)
{
	uint8_t b[64];
	size_t len;

	memset(r, 0, sizeof(*r));
	len = ask_packet(b, f, ASK_TTL, ask_ipproto(f, proto), flow, 0);
	ask_record(r, p, b, len);
	r->ip_id = 0x5a5a;
	build_cookie(r, test_id, test_key);
}

static void
probe(void **state)
{
	static const size_t len[FAMILY_MAX][PROTO_MAX] = {
		[FAMILY_V4] = { 40, 40, 40 },
		[FAMILY_V6] = { 62, 62, 60 },
	};
	struct record r;
	enum family f;
	enum proto proto;
	uint8_t out[BUILD_MAX];
	const uint8_t *l4;
	size_t at;
	int v4;

	for (f = FAMILY_V4; f < FAMILY_MAX; f++)
		for (proto = PROTO_UDP; proto < PROTO_MAX; proto++) {
			v4 = f == FAMILY_V4;
			make(&r, *state, f, proto, ASK_FLOW);
			memset(out, 0xaa, sizeof(out));
			assert_int_equal(
			    build_request_probe(&r, out, sizeof(out)),
			    len[f][proto]);
			assert_int_equal(
			    build_request_probe(&r, out, len[f][proto] - 1), 0);
			test_sums_good(out, len[f][proto]);
			at = v4 ? 20 : 40;
			l4 = out + at;
			/* To who asked, from the listen address. */
			assert_memory_equal(
			    out + (v4 ? 12 : 8), r.probe.dst.b, v4 ? 4 : 16);
			assert_memory_equal(
			    out + (v4 ? 16 : 24), r.probe.src.b, v4 ? 4 : 16);
			assert_int_equal(out[v4 ? 8 : 7], ASK_TTL);
			assert_int_equal(
			    out[v4 ? 9 : 6], ask_ipproto(f, proto));
			assert_int_equal(r.ttl_sent, ASK_TTL);
			assert_memory_equal(r.sent_l4, l4, 8);
			if (v4) {
				assert_int_equal(out[1], 0x10);
				assert_int_equal(wire_get16(out + 4), 0x5a5a);
				assert_int_equal(out[6], 0x40);
			} else
				assert_int_equal(wire_get32(out), 0x61012345);
			assert_int_equal(wire_get16(l4 + 2), ASK_FLOW);
			if (proto == PROTO_ICMP) {
				assert_int_equal(l4[0], v4 ? 8 : 128);
				assert_int_equal(l4[1], 0);
				assert_int_equal(wire_get16(l4 + 4), ASK_ID);
				assert_int_equal(wire_get16(l4 + 6), 0xffff);
			} else
				assert_int_equal(wire_get16(l4), 1021);
			if (proto == PROTO_TCP) {
				assert_memory_equal(l4 + 4, r.cookie, 4);
				assert_int_equal(l4[12], 0x50);
				assert_int_equal(l4[13], 0x02);
				assert_int_equal(wire_get16(l4 + 14), 0x7554);
				assert_int_equal(wire_get16(l4 + 18), 0x724e);
				continue;
			}
			assert_int_equal(wire_get32(l4 + 8), WIRE_MARK);
			assert_int_equal(r.cookie_len, v4 ? 6 : 8);
			assert_memory_equal(l4 + 14, r.cookie, r.cookie_len);
		}
}

/* Nothing is built of a wish that is refused, nor of a probe's record. */
static void
unbuilt(void **state)
{
	struct record r;
	uint8_t out[BUILD_MAX];

	make(&r, *state, FAMILY_V4, PROTO_UDP, 0);
	r.ask.bad_ttl = 1;
	assert_int_equal(build_request_probe(&r, out, sizeof(out)), 0);
	r.ask.bad_ttl = 0;
	r.ask.bad_proto = 1;
	assert_int_equal(build_request_probe(&r, out, sizeof(out)), 0);
	r.ask.bad_proto = 0;
	r.ask.ttl = 0;
	assert_int_equal(build_request_probe(&r, out, sizeof(out)), 0);
	r.ask.ttl = 1;
	r.ip_id = 0;
	assert_int_equal(build_request_probe(&r, out, sizeof(out)), 0);
	r.ip_id = 1;
	assert_int_not_equal(build_request_probe(&r, out, sizeof(out)), 0);
	assert_int_equal(build_request_status(&r, 0, 0, out, sizeof(out)), 0);
	assert_int_equal(build_request_status(&r, 1, 0, out, 31), 0);
	assert_int_equal(build_request_answer(&r, out, 55), 0);
	assert_int_equal(build_request_reset(&r, out, sizeof(out)), 0);
	r.kind = RECORD_PROBE;
	assert_int_equal(build_request_probe(&r, out, sizeof(out)), 0);
	assert_int_equal(build_request_status(&r, 1, 0, out, sizeof(out)), 0);
	assert_int_equal(build_request_answer(&r, out, sizeof(out)), 0);
}

/* Both packets of one request: what may leave for it, and no more. */
static void
sums(void **state)
{
	struct record r;
	enum family f;
	enum proto proto;
	uint8_t out[BUILD_MAX];
	size_t len;

	for (f = FAMILY_V4; f < FAMILY_MAX; f++)
		for (proto = PROTO_UDP; proto < PROTO_MAX; proto++) {
			make(&r, *state, f, proto, 0);
			len = build_request_probe(&r, out, sizeof(out));
			len += build_request_answer(&r, out, sizeof(out));
			assert_true(len <= 3U * r.probe.len);
		}
}

static void
replies(void **state)
{
	static const uint8_t zero[4];
	struct record r;
	enum family f;
	uint8_t out[BUILD_MAX];
	const uint8_t *icmp;
	size_t at;
	int v4;

	for (f = FAMILY_V4; f < FAMILY_MAX; f++) {
		v4 = f == FAMILY_V4;
		at = v4 ? 20 : 40;
		icmp = out + at;
		make(&r, *state, f, PROTO_UDP, 0);
		assert_int_equal(
		    build_request_status(&r, 4, 0x0702, out, sizeof(out)),
		    at + 12);
		test_sums_good(out, at + 12);
		assert_int_equal(icmp[0], v4 ? 0 : 129);
		assert_int_equal(icmp[1], 1);
		assert_int_equal(wire_get16(icmp + 4), ASK_ID);
		assert_int_equal(wire_get32(icmp + 6), 0x0400);
		assert_int_equal(wire_get16(icmp + 10), 0x0702);
		assert_int_equal(out[v4 ? 8 : 7], 64);

		r.met.router =
		    test_addr(f, v4 ? "203.0.113.1" : "2001:db8:113::1");
		r.rtt_ns = 123456789;
		assert_int_equal(
		    build_request_answer(&r, out, sizeof(out)), at + 36);
		test_sums_good(out, at + 36);
		assert_int_equal(icmp[0], v4 ? 0 : 129);
		assert_int_equal(icmp[1], 1);
		assert_int_equal(wire_get16(icmp + 4), ASK_ID);
		assert_int_equal(wire_get16(icmp + 6), 0);
		assert_memory_equal(icmp + 8, zero, 4);
		if (v4) {
			assert_int_equal(wire_get32(icmp + 12), 0);
			assert_int_equal(wire_get32(icmp + 16), 0);
			assert_int_equal(wire_get32(icmp + 20), 0xffff);
			assert_memory_equal(icmp + 24, r.met.router.b, 4);
		} else
			assert_memory_equal(icmp + 12, r.met.router.b, 16);
		assert_int_equal(wire_get32(icmp + 28), 123456789);
		assert_memory_equal(icmp + 32, zero, 4);
		assert_memory_equal(
		    out + (v4 ? 16 : 24), r.probe.src.b, v4 ? 4 : 16);
		/* What does not fit is said not to be known. */
		r.rtt_ns = 4294967294ULL;
		(void)build_request_answer(&r, out, sizeof(out));
		assert_int_equal(wire_get32(icmp + 28), 4294967294U);
		r.rtt_ns = 5000000000ULL;
		(void)build_request_answer(&r, out, sizeof(out));
		assert_int_equal(wire_get32(icmp + 28), UINT32_MAX);
	}
}

/* The client's own answer to a SYN: flags, and what it acknowledges. */
static size_t
tcp_answer(uint8_t *b, const struct record *r, uint8_t flags, uint32_t ack)
{
	memset(b, 0, 40);
	b[0] = 0x45;
	b[3] = 40;
	b[8] = 60;
	b[9] = 6;
	memcpy(b + 12, r->probe.src.b, 4);
	memcpy(b + 16, r->probe.dst.b, 4);
	wire_put16(b + 20, ASK_FLOW);
	wire_put16(b + 22, 1021);
	wire_put32(b + 28, ack);
	b[32] = 0x50;
	b[33] = flags;
	test_sums_write(b, 40);
	return (40);
}

static void
connection(void **state)
{
	struct policy *p = *state;
	struct record r;
	struct match m;
	uint8_t out[BUILD_MAX], b[64];
	uint32_t ack;
	size_t len;

	make(&r, p, FAMILY_V4, PROTO_TCP, ASK_FLOW);
	assert_int_not_equal(build_request_probe(&r, out, sizeof(out)), 0);
	ack = wire_get32(r.cookie) + 1;
	len = tcp_answer(b, &r, 0x12, ack);
	assert_int_equal(match_read(FAMILY_V4, b, len, &m), 0);
	assert_int_equal(m.kind, MATCH_SYNACK);
	assert_int_equal(match_compare(&m, &r), MATCH_AGREES);
	len = tcp_answer(b, &r, 0x14, ack);
	assert_int_equal(match_read(FAMILY_V4, b, len, &m), 0);
	assert_int_equal(m.kind, MATCH_RESET);
	assert_int_equal(match_compare(&m, &r), MATCH_AGREES);
	len = tcp_answer(b, &r, 0x12, ack + 1);
	assert_int_equal(match_read(FAMILY_V4, b, len, &m), 0);
	assert_int_equal(match_compare(&m, &r), MATCH_NEAR);

	len = build_request_reset(&r, out, sizeof(out));
	assert_int_equal(len, 40);
	test_sums_good(out, len);
	assert_int_equal(wire_get16(out + 20), 1021);
	assert_int_equal(wire_get16(out + 22), ASK_FLOW);
	assert_int_equal(wire_get32(out + 24), ack);
	assert_int_equal(out[33], 0x04);
	assert_int_equal(build_request_reset(&r, out, 39), 0);

	/* A turned probe's connection is nothing that is asked for. */
	len = tcp_answer(b, &r, 0x12, ack);
	assert_int_equal(match_read(FAMILY_V4, b, len, &m), 0);
	r.kind = RECORD_PROBE;
	r.probe.proto = PROTO_TCP;
	r.policy.turn = TURN_MIRROR;
	assert_int_equal(match_compare(&m, &r), MATCH_DIFFERS);
}

/* No other uturnd takes the probe for one to turn, or for a request. */
static void
no_loop(void **state)
{
	struct policy other;
	struct record r;
	struct handup h;
	struct request ask;
	enum family f;
	enum proto proto;
	uint8_t out[BUILD_MAX];
	size_t len;

	for (f = FAMILY_V4; f < FAMILY_MAX; f++)
		for (proto = PROTO_UDP; proto < PROTO_MAX; proto++) {
			make(&r, *state, f, proto, 33434);
			len = build_request_probe(&r, out, sizeof(out));
			test_policy(&other);
			other.augsburg = 1;
			other.listen[f].addr = r.probe.src;
			other.ports[1].lo = other.ports[1].hi = 33434;
			assert_int_not_equal(
			    test_handup(&other, out, len, &h), HANDUP_OK);
			assert_false(request_is(out, len));
			assert_int_not_equal(
			    ask_check(&other, out, len, &h, &ask), HANDUP_OK);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(fields, setup),
		cmocka_unit_test_setup(defaults, setup),
		cmocka_unit_test_setup(wishes, setup),
		cmocka_unit_test_setup(refused, setup),
		cmocka_unit_test_setup(probe, setup),
		cmocka_unit_test_setup(unbuilt, setup),
		cmocka_unit_test_setup(sums, setup),
		cmocka_unit_test_setup(replies, setup),
		cmocka_unit_test_setup(connection, setup),
		cmocka_unit_test_setup(no_loop, setup),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
