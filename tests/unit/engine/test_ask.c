/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Requests for a reverse probe: read, decided on, and what they meet. */

#include <stdlib.h>

#include "common/loop.h"
#include "engine/ask.h"
#include "engine/decide.h"
#include "tests/unit/engine/deciding.h"
#include "tests/unit/engine/packets.h"

#define BIT DECIDE_STAT

/* Objects as bytes. */
#define EXT2    0x20, 0, 0, 0
#define PAD(n)  0, (n), 6, 0
#define MAPPED  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff
#define TARGET  0, 16, 5, 0, MAPPED
#define STRANGE 0, 8, 7, 2, 0, 0, 0, 0

static int
test_setup(void **state)
{
	struct fixture *f;

	if (deciding_setup(state) == -1)
		return (-1);
	f = *state;
	f->policy.augsburg = 1;
	return (0);
}

/* 192.0.2.7 asks, 2001:db8:1::7 asks; its own TTL is 60. */
static void
request_of(struct msg_request *q, enum family f, uint8_t ttl, uint8_t ipproto,
    const uint8_t *ext, size_t extlen)
{
	struct addr src, dst;
	size_t l4 = f == FAMILY_V4 ? 20 : 40, len = l4 + 12 + extlen;
	uint8_t *b = q->head;

	memset(q, 0, sizeof(*q));
	q->id.slot = 3;
	q->id.gen = 9;
	q->family = f;
	q->max_ttl = 32;
	q->len = (uint16_t)len;
	q->headlen = (uint16_t)(len < WIRE_HEAD_MAX ? len : WIRE_HEAD_MAX);
	assert_int_equal(
	    addr_parse(f, f == FAMILY_V4 ? "192.0.2.7" : "2001:db8:1::7", &src),
	    0);
	assert_int_equal(
	    addr_parse(
		f, f == FAMILY_V4 ? "198.51.100.9" : "2001:db8:2::9", &dst),
	    0);
	if (f == FAMILY_V4) {
		b[0] = 0x45;
		wire_put16(b + 2, (uint16_t)len);
		b[8] = 60;
		b[9] = 1;
		memcpy(b + 12, src.b, 4);
		memcpy(b + 16, dst.b, 4);
	} else {
		b[0] = 0x60;
		wire_put16(b + 4, (uint16_t)(len - 40));
		b[6] = 58;
		b[7] = 60;
		memcpy(b + 8, src.b, 16);
		memcpy(b + 24, dst.b, 16);
	}
	b[l4] = f == FAMILY_V4 ? 8 : 128;
	b[l4 + 1] = 1;
	b[l4 + 8] = ttl;
	b[l4 + 9] = ipproto;
	if (extlen > 0)
		memcpy(b + l4 + 12, ext, (size_t)(q->headlen) - l4 - 12);
}

static void
test_fields(void **state)
{
	static const struct {
		enum family family;
		uint8_t ttl, ipproto, status;
		enum proto proto;
	} t[] = {
		{ FAMILY_V4, 1, 0, 0, PROTO_ICMP },
		{ FAMILY_V4, 32, 1, 0, PROTO_ICMP },
		{ FAMILY_V4, 9, 6, 0, PROTO_TCP },
		{ FAMILY_V4, 9, 17, 0, PROTO_UDP },
		{ FAMILY_V6, 9, 58, 0, PROTO_ICMP },
		{ FAMILY_V6, 9, 0, 0, PROTO_ICMP },
		{ FAMILY_V4, 0, 17, 1, PROTO_UDP },
		{ FAMILY_V4, 33, 17, 1, PROTO_UDP },
		{ FAMILY_V6, 255, 17, 1, PROTO_UDP },
		{ FAMILY_V4, 1, 58, 2, PROTO_ICMP },
		{ FAMILY_V6, 1, 1, 2, PROTO_ICMP },
		{ FAMILY_V4, 1, 132, 2, PROTO_ICMP },
		{ FAMILY_V4, 0, 132, 1, PROTO_ICMP },
	};
	struct msg_request q;
	struct ask ask;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		request_of(&q, t[i].family, t[i].ttl, t[i].ipproto, NULL, 0);
		assert_int_equal(ask_parse(&q, &ask), PARSE_OK);
		assert_int_equal(ask.status, t[i].status);
		assert_int_equal(ask.value, 0);
		assert_int_equal(ask.proto, t[i].proto);
		assert_int_equal(ask.ttl, t[i].ttl);
		assert_memory_equal(ask.src.b,
		    q.head + (t[i].family == FAMILY_V4 ? 12 : 8),
		    addr_len(t[i].family));
		assert_memory_equal(ask.dst.b,
		    q.head + (t[i].family == FAMILY_V4 ? 16 : 24),
		    addr_len(t[i].family));
	}
}

struct extension {
	enum parse_fault fault;
	uint8_t status;
	uint16_t value;
	size_t len;
	uint8_t b[48];
};

static void
test_extension(void **state)
{
	static const struct extension t[] = {
		{ PARSE_OK, 0, 0, 4, { EXT2 } },
		{ PARSE_OK, 0, 0, 8, { EXT2, PAD(4) } },
		{ PARSE_OK, 0, 0, 12, { EXT2, PAD(8) } },
		{ PARSE_OK, 0, 0, 24, { EXT2, TARGET, 192, 0, 2, 7 } },
		{ PARSE_OK, 0, 0, 28, { EXT2, TARGET, 192, 0, 2, 7, PAD(4) } },
		/* Somebody else's address, in both ways to write one. */
		{ PARSE_OK, 4, 0x0500, 24, { EXT2, TARGET, 192, 0, 2, 8 } },
		{ PARSE_OK, 4, 0x0500, 24,
		    { EXT2, 0, 16, 5, 0, 0x20, 1, 0xd, 0xb8 } },
		/* Without its length, or with the header in it. */
		{ PARSE_OK, 4, 0x0500, 24,
		    { EXT2, 0, 20, 5, 0, MAPPED, 192, 0, 2, 7 } },
		{ PARSE_OK, 4, 0x0501, 24,
		    { EXT2, 0, 16, 5, 1, MAPPED, 192, 0, 2, 7 } },
		{ PARSE_OK, 4, 0x0702, 12, { EXT2, STRANGE } },
		{ PARSE_OK, 4, 0x0601, 8, { EXT2, 0, 4, 6, 1 } },
		{ PARSE_OK, 4, 0x0702, 16, { EXT2, PAD(4), STRANGE } },
		/* The first one is told. */
		{ PARSE_OK, 4, 0x0702, 32,
		    { EXT2, STRANGE, TARGET, 192, 0, 2, 8 } },
		/* Broken off, or nothing of this kind. */
		{ PARSE_OPTIONS, 0, 0, 1, { 0x20 } },
		{ PARSE_OPTIONS, 0, 0, 3, { 0x20, 0, 0 } },
		{ PARSE_OPTIONS, 0, 0, 4, { 0x10, 0, 0, 0 } },
		{ PARSE_OPTIONS, 0, 0, 4, { 0, 0, 0, 0 } },
		{ PARSE_OPTIONS, 0, 0, 7, { EXT2, 0, 4, 6 } },
		{ PARSE_OPTIONS, 0, 0, 8, { EXT2, PAD(3) } },
		{ PARSE_OPTIONS, 0, 0, 8, { EXT2, PAD(5) } },
		{ PARSE_OPTIONS, 0, 0, 23, { EXT2, TARGET, 192, 0, 2 } },
	};
	struct msg_request q;
	struct ask ask;
	enum parse_fault fault;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		request_of(&q, FAMILY_V4, 1, 17, t[i].b, t[i].len);
		fault = ask_parse(&q, &ask);
		if (fault != t[i].fault)
			fail_msg("%zu: fault %d", i, fault);
		if (fault != PARSE_OK)
			continue;
		if (ask.status != t[i].status || ask.value != t[i].value)
			fail_msg("%zu: %u 0x%x", i, ask.status, ask.value);
	}
	/* What is wrong with TTL and protocol is told before that. */
	request_of(&q, FAMILY_V4, 0, 17, t[9].b, t[9].len);
	assert_int_equal(ask_parse(&q, &ask), PARSE_OK);
	assert_int_equal(ask.status, 1);
	assert_int_equal(ask.value, 0);
}

static void
test_target6(void **state)
{
	static const uint8_t me[] = { EXT2, 0, 16, 5, 0, 0x20, 1, 0xd, 0xb8, 0,
		1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7 };
	struct msg_request q;
	struct ask ask;
	uint8_t other[sizeof(me)];

	(void)state;
	request_of(&q, FAMILY_V6, 1, 17, me, sizeof(me));
	assert_int_equal(ask_parse(&q, &ask), PARSE_OK);
	assert_int_equal(ask.status, 0);
	memcpy(other, me, sizeof(me));
	other[sizeof(me) - 1] = 8;
	request_of(&q, FAMILY_V6, 1, 17, other, sizeof(other));
	assert_int_equal(ask_parse(&q, &ask), PARSE_OK);
	assert_int_equal(ask.status, 4);
	assert_int_equal(ask.value, 0x0500);
}

/* Padding beyond the head: passed over if it ends with the request. */
static void
test_beyond(void **state)
{
	uint8_t ext[600] = { EXT2 };
	struct msg_request q;
	struct ask ask;

	(void)state;
	wire_put16(ext + 4, sizeof(ext) - 4);
	ext[6] = 6;
	request_of(&q, FAMILY_V4, 1, 17, ext, sizeof(ext));
	assert_int_equal(q.headlen, WIRE_HEAD_MAX);
	assert_int_equal(ask_parse(&q, &ask), PARSE_OK);
	assert_int_equal(ask.status, 0);
	/* One byte more, or less, than there are. */
	wire_put16(ext + 4, sizeof(ext) - 3);
	request_of(&q, FAMILY_V4, 1, 17, ext, sizeof(ext));
	assert_int_equal(ask_parse(&q, &ask), PARSE_OPTIONS);
	wire_put16(ext + 4, sizeof(ext) - 5);
	request_of(&q, FAMILY_V4, 1, 17, ext, sizeof(ext));
	assert_int_equal(ask_parse(&q, &ask), PARSE_OPTIONS);
}

/* What the packet process should not have handed up. */
static void
test_disagrees(void **state)
{
	struct msg_request q;
	struct ask ask;
	uint16_t len;

	(void)state;
	request_of(&q, FAMILY_V4, 1, 17, NULL, 0);
	for (len = 0; len < 32; len++) {
		q.headlen = len;
		assert_int_not_equal(ask_parse(&q, &ask), PARSE_OK);
	}
	request_of(&q, FAMILY_V4, 1, 17, NULL, 0);
	q.len++;
	assert_int_equal(ask_parse(&q, &ask), PARSE_DISAGREES);
	request_of(&q, FAMILY_V4, 1, 17, NULL, 0);
	q.headlen = WIRE_HEAD_MAX;
	assert_int_equal(ask_parse(&q, &ask), PARSE_DISAGREES);
	request_of(&q, FAMILY_V4, 1, 17, NULL, 0);
	q.head[9] = 58;
	assert_int_equal(ask_parse(&q, &ask), PARSE_DISAGREES);
	request_of(&q, FAMILY_V4, 1, 17, NULL, 0);
	q.head[0] = 0x46;
	assert_int_equal(ask_parse(&q, &ask), PARSE_HEADER);
	request_of(&q, FAMILY_V4, 1, 17, NULL, 0);
	q.head[21] = 0;
	assert_int_equal(ask_parse(&q, &ask), PARSE_PROTO);
	request_of(&q, FAMILY_V4, 1, 17, NULL, 0);
	q.head[20] = 0;
	assert_int_equal(ask_parse(&q, &ask), PARSE_PROTO);
	q.family = FAMILY_V6;
	assert_int_not_equal(ask_parse(&q, &ask), PARSE_OK);
	q.family = FAMILY_MAX;
	assert_int_equal(ask_parse(&q, &ask), PARSE_DISAGREES);
}

static uint32_t
decided(struct fixture *f, const struct msg_request *q, uint32_t stats,
    enum proto want)
{
	struct pending_probe keep;
	struct decision d;
	enum proto proto = PROTO_MAX;

	memset(&keep, 0xee, sizeof(keep));
	decide_ask(&f->decide, q, START, &keep, &proto, &d);
	assert_int_equal(d.stats, stats);
	assert_int_equal(proto, want);
	if (d.order == MSG_REQUEST_PROBE) {
		assert_int_equal(keep.family, q->family);
		assert_int_equal(keep.proto, want);
		assert_int_equal(keep.request, 1);
		assert_int_equal(keep.ttl, q->head[28] + 1);
		assert_int_equal(keep.len, q->len);
		assert_memory_equal(keep.client.b, q->head + 12, 4);
		assert_memory_equal(keep.listen.b, q->head + 16, 4);
	}
	if (d.order == MSG_REQUEST_STATUS) {
		assert_int_equal(d.status.id.slot, q->id.slot);
		assert_int_equal(d.status.id.gen, q->id.gen);
	}
	return (d.order);
}

static void
test_decide(void **state)
{
	static const uint8_t strange[] = { EXT2, STRANGE };
	struct fixture *f = *state;
	struct msg_request q;

	request_of(&q, FAMILY_V4, 5, 17, NULL, 0);
	assert_int_equal(decided(f, &q, 0, PROTO_UDP), MSG_REQUEST_PROBE);
	request_of(&q, FAMILY_V4, 64, 6, NULL, 0);
	q.max_ttl = 64;
	assert_int_equal(decided(f, &q, 0, PROTO_TCP), MSG_REQUEST_PROBE);
	request_of(&q, FAMILY_V4, 0, 6, NULL, 0);
	assert_int_equal(decided(f, &q, 0, PROTO_TCP), MSG_REQUEST_STATUS);
	request_of(&q, FAMILY_V4, 1, 99, NULL, 0);
	assert_int_equal(decided(f, &q, 0, PROTO_ICMP), MSG_REQUEST_STATUS);
	request_of(&q, FAMILY_V4, 1, 0, strange, sizeof(strange));
	assert_int_equal(decided(f, &q, 0, PROTO_ICMP), MSG_REQUEST_STATUS);
	request_of(&q, FAMILY_V4, 1, 0, strange, 3);
	assert_int_equal(
	    decided(f, &q, BIT(STAT_MALFORMED), PROTO_ICMP), MSG_PASS);
	f->policy.nrules = 1;
	f->policy.rules[0].action = POLICY_DENY;
	f->policy.rules[0].kind = POLICY_ANY;
	request_of(&q, FAMILY_V4, 5, 17, NULL, 0);
	assert_int_equal(decided(f, &q, BIT(STAT_DENIED), PROTO_UDP), MSG_PASS);
}

/* The same buckets as those of turned probes; a status counts, too. */
static void
test_limits(void **state)
{
	struct fixture *f = *state;
	struct msg_request q;
	struct limit_ask ask;
	struct addr client;
	int i;

	f->policy.limit_client.rate = 1;
	f->policy.limit_client.burst = 4;
	limit_set(f->decide.limit, &f->policy, START);
	for (i = 0; i < 4; i++) {
		request_of(&q, FAMILY_V4, i % 2 == 0 ? 5 : 0, 17, NULL, 0);
		assert_int_equal(decided(f, &q, 0, PROTO_UDP),
		    i % 2 == 0 ? MSG_REQUEST_PROBE : MSG_REQUEST_STATUS);
	}
	assert_int_equal(
	    decided(f, &q, BIT(STAT_LIMITED), PROTO_UDP), MSG_DROP);
	/* Of the same /24, for a turned probe. */
	assert_int_equal(addr_parse(FAMILY_V4, "192.0.2.200", &client), 0);
	memset(&ask, 0, sizeof(ask));
	ask.client = &client;
	ask.ttl = 3;
	ask.rank = LIMIT_GATED;
	assert_int_equal(
	    limit_take(f->decide.limit, &ask, START), LIMIT_CLIENT);
}

/* By the TTL that the probe leaves with, as a turned one's; a status has none.
 */
static void
test_hop(void **state)
{
	struct fixture *f = *state;
	struct msg_request q;
	struct limit_ask ask;
	struct addr client;

	f->policy.limit_hop.rate = 1;
	f->policy.limit_hop.burst = 1;
	limit_set(f->decide.limit, &f->policy, START);
	request_of(&q, FAMILY_V4, 5, 17, NULL, 0);
	assert_int_equal(decided(f, &q, 0, PROTO_UDP), MSG_REQUEST_PROBE);
	assert_int_equal(
	    decided(f, &q, BIT(STAT_LIMITED), PROTO_UDP), MSG_DROP);
	request_of(&q, FAMILY_V4, 6, 17, NULL, 0);
	assert_int_equal(decided(f, &q, 0, PROTO_UDP), MSG_REQUEST_PROBE);
	request_of(&q, FAMILY_V4, 0, 17, NULL, 0);
	assert_int_equal(decided(f, &q, 0, PROTO_UDP), MSG_REQUEST_STATUS);
	assert_int_equal(decided(f, &q, 0, PROTO_UDP), MSG_REQUEST_STATUS);
	/* One that came in with 6 would be turned with 5. */
	assert_int_equal(addr_parse(FAMILY_V4, "192.0.2.200", &client), 0);
	memset(&ask, 0, sizeof(ask));
	ask.client = &client;
	ask.ttl = 6;
	ask.rank = LIMIT_GATED;
	assert_int_equal(limit_take(f->decide.limit, &ask, START), LIMIT_HOP);
}

/* Whose trace is under way is no stranger; a request opens no gate. */
static void
test_rank(void **state)
{
	struct fixture *f = *state;
	struct msg_request q;
	struct gate_ask gate;
	struct addr client;
	enum proto proto;
	int i;

	f->policy.limit_total.rate = 1;
	f->policy.limit_total.burst = 16;
	limit_set(f->decide.limit, &f->policy, START);
	request_of(&q, FAMILY_V4, 5, 17, NULL, 0);
	for (i = 0; i < 2; i++)
		assert_int_equal(
		    decided(f, &q, 0, PROTO_UDP), MSG_REQUEST_PROBE);
	assert_int_equal(
	    decided(f, &q, BIT(STAT_LIMITED), PROTO_UDP), MSG_DROP);
	assert_int_equal(addr_parse(FAMILY_V4, "192.0.2.7", &client), 0);
	for (proto = PROTO_UDP; proto <= PROTO_ICMP; proto++) {
		memset(&gate, 0, sizeof(gate));
		gate.family = FAMILY_V4;
		gate.proto = proto;
		gate.client = &client;
		gate.ttl = 2;
		assert_int_equal(
		    gate_look(f->decide.gate, &gate, START), GATE_CLOSED);
	}
	gate.ttl = 1;
	gate_use(f->decide.gate, &gate, f->policy.gate_ns, START);
	assert_int_equal(decided(f, &q, 0, PROTO_UDP), MSG_REQUEST_PROBE);
}

static void
test_met(void **state)
{
	static const struct {
		enum proto proto;
		enum msg_match_kind kind;
		uint8_t type, code, from_client;
		enum policy_unreachable unreachable;
		uint32_t order, stats;
		int rc;
	} t[] = {
		{ PROTO_UDP, MATCH_ERROR, 11, 0, 0, 0, MSG_REQUEST_ANSWER, 0,
		    0 },
		{ PROTO_UDP, MATCH_ERROR, 11, 1, 0, 0, 0, 0, 0 },
		{ PROTO_UDP, MATCH_ERROR, 3, 3, 1, 0, MSG_REQUEST_ANSWER, 0,
		    0 },
		{ PROTO_UDP, MATCH_ERROR, 3, 13, 1, 0, MSG_REQUEST_ANSWER, 0,
		    0 },
		{ PROTO_UDP, MATCH_ERROR, 3, 13, 0, UNREACHABLE_HIDE, 0,
		    BIT(STAT_UNREACHABLE), 0 },
		{ PROTO_UDP, MATCH_ERROR, 3, 13, 0, UNREACHABLE_RELAY,
		    MSG_REQUEST_ANSWER, BIT(STAT_UNREACHABLE), 0 },
		{ PROTO_UDP, MATCH_ERROR, 3, 4, 0, UNREACHABLE_RELAY, 0, 0, 0 },
		{ PROTO_ICMP, MATCH_REPLY, 0, 0, 1, 0, MSG_REQUEST_ANSWER, 0,
		    0 },
		{ PROTO_TCP, MATCH_RESET, 0, 0, 1, 0, MSG_REQUEST_ANSWER, 0,
		    0 },
		{ PROTO_TCP, MATCH_SYNACK, 0, 0, 1, 0, MSG_REQUEST_ANSWER, 0,
		    0 },
		{ PROTO_UDP, MATCH_REPLY, 0, 0, 1, 0, 0, 0, -1 },
		{ PROTO_ICMP, MATCH_RESET, 0, 0, 1, 0, 0, 0, -1 },
		{ PROTO_UDP, MATCH_SYNACK, 0, 0, 1, 0, 0, 0, -1 },
	};
	struct fixture *f = *state;
	struct pending_probe probe;
	struct msg_match m;
	struct decision d;
	const char *why;
	size_t i;

	memset(&probe, 0, sizeof(probe));
	probe.request = 1;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		memset(&m, 0, offsetof(struct msg_match, data));
		probe.proto = t[i].proto;
		probe.unreachable = t[i].unreachable;
		m.kind = t[i].kind;
		m.icmp_type = t[i].type;
		m.icmp_code = t[i].code;
		m.from_client = t[i].from_client;
		assert_int_equal(decide_match(&f->policy, &probe,
				     PENDING_TURNED, &m, &d, &why),
		    t[i].rc);
		assert_int_equal(d.order, t[i].order);
		assert_int_equal(d.stats, t[i].stats);
	}
	/* A hidden router stays so; the client itself is no secret. */
	f->policy.nhide = 1;
	f->policy.hide[0].action = POLICY_DENY;
	f->policy.hide[0].kind = POLICY_ANY;
	probe.proto = PROTO_UDP;
	memset(&m, 0, offsetof(struct msg_match, data));
	m.icmp_type = 11;
	assert_int_equal(
	    decide_match(&f->policy, &probe, PENDING_TURNED, &m, &d, &why), 0);
	assert_int_equal(d.order, 0);
	assert_int_equal(d.stats, BIT(STAT_HIDDEN));
	m.from_client = 1;
	m.icmp_type = m.icmp_code = 3;
	assert_int_equal(
	    decide_match(&f->policy, &probe, PENDING_TURNED, &m, &d, &why), 0);
	assert_int_equal(d.order, MSG_REQUEST_ANSWER);
	/* Nobody asked for a connection. */
	probe.request = 0;
	probe.proto = PROTO_TCP;
	probe.turn = TURN_MIRROR;
	m.kind = MATCH_SYNACK;
	m.icmp_type = m.icmp_code = 0;
	assert_int_equal(
	    decide_match(&f->policy, &probe, PENDING_TURNED, &m, &d, &why), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_extension),
		cmocka_unit_test(test_target6),
		cmocka_unit_test(test_beyond),
		cmocka_unit_test(test_disagrees),
		cmocka_unit_test_setup_teardown(
		    test_decide, test_setup, test_teardown),
		cmocka_unit_test_setup_teardown(
		    test_limits, test_setup, test_teardown),
		cmocka_unit_test_setup_teardown(
		    test_hop, test_setup, test_teardown),
		cmocka_unit_test_setup_teardown(
		    test_rank, test_setup, test_teardown),
		cmocka_unit_test_setup_teardown(
		    test_met, test_setup, test_teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
