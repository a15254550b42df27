/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <stdlib.h>

#include "common/loop.h"
#include "engine/decide.h"
#include "tests/unit/engine/deciding.h"
#include "tests/unit/engine/packets.h"

#define BIT DECIDE_STAT
/* All that our own object can say. */
#define ALL (MSG_ANSWER_ADDR | MSG_ANSWER_NAME | MSG_ANSWER_RTT)

static void
expect_probe_of(struct fixture *f, const struct msg_probe *p, int64_t now,
    uint32_t order, uint32_t stats, int line)
{
	struct pending_probe keep;
	struct decision d;

	memset(&keep, 0xee, sizeof(keep));
	decide_probe(&f->decide, p, now, &keep, &d);
	if (d.order != order || d.stats != stats)
		fail_msg("line %d: %s, counters 0x%x", line, msg_name(d.order),
		    d.stats);
	if (order != MSG_TURN && order != MSG_INFLECT)
		return;
	assert_int_equal(keep.family, p->family);
	assert_int_equal(keep.proto, p->proto);
	assert_int_equal(keep.ttl, p->ttl);
	assert_int_equal(keep.relay, p->relay);
	assert_int_equal(keep.turn, p->turn);
	assert_int_equal(keep.unreachable, p->unreachable);
	assert_int_equal(keep.len, p->len);
	assert_memory_equal(keep.client.b,
	    p->head + (p->family == FAMILY_V4 ? 12 : 8), addr_len(p->family));
	assert_memory_equal(keep.listen.b,
	    p->head + (p->family == FAMILY_V4 ? 16 : 24), addr_len(p->family));
}
#define EXPECT(f, p, now, order, stats) \
	expect_probe_of((f), (p), (now), (order), (stats), __LINE__)

static const struct {
	const char *hex;
	enum family family;
	enum proto proto;
} kinds[] = {
	{ PACKET_UDP4, FAMILY_V4, PROTO_UDP },
	{ PACKET_ICMP4, FAMILY_V4, PROTO_ICMP },
	{ PACKET_TCP4, FAMILY_V4, PROTO_TCP },
	{ PACKET_UDP6, FAMILY_V6, PROTO_UDP },
	{ PACKET_ICMP6, FAMILY_V6, PROTO_ICMP },
	{ PACKET_TCP6, FAMILY_V6, PROTO_TCP },
};
#define NKINDS (sizeof(kinds) / sizeof(kinds[0]))

/* A trace from its first probe on, and what comes without one before. */
static void
test_trace(void **state)
{
	struct fixture *f = *state;
	struct msg_probe p;
	size_t i;

	for (i = 0; i < NKINDS; i++) {
		packet_probe(kinds[i].hex, kinds[i].family, kinds[i].proto, &p);
		packet_set_ttl(&p, 2);
		if (p.proto == PROTO_UDP)
			EXPECT(f, &p, START, MSG_TURN, 0);
		else
			EXPECT(f, &p, START, MSG_PASS, BIT(STAT_GATED));
	}
	for (i = 0; i < NKINDS; i++) {
		packet_probe(kinds[i].hex, kinds[i].family, kinds[i].proto, &p);
		packet_set_ttl(&p, 1);
		EXPECT(f, &p, START, MSG_INFLECT, 0);
		packet_set_ttl(&p, 2);
		EXPECT(f, &p, START, MSG_TURN, 0);
		packet_set_ttl(&p, 32);
		p.relay = RELAY_BOTH;
		p.turn = TURN_MIRROR;
		p.unreachable = UNREACHABLE_RELAY;
		EXPECT(f, &p, START + 9 * NS_PER_S, MSG_TURN, 0);
		EXPECT(f, &p, START + 20 * NS_PER_S,
		    p.proto == PROTO_UDP ? MSG_TURN : MSG_PASS,
		    p.proto == PROTO_UDP ? 0 : BIT(STAT_GATED));
	}
}

/* TTL 1 from a source of its own. */
static void
first_of(uint32_t number, struct msg_probe *p)
{
	packet_probe(kinds[0].hex, kinds[0].family, kinds[0].proto, p);
	packet_set_ttl(p, 1);
	wire_put32(p->head + 12, (0x2000 + number) << 8 | 1);
	p->id.slot = number;
	p->id.gen = 1;
}

/* Until the limit is reached, and the next one has to wait. */
static uint32_t
rush(struct fixture *f, int64_t now, struct decision *d)
{
	struct pending_probe keep;
	struct msg_probe p;
	uint32_t n;

	for (n = 0; n < 1000; n++) {
		first_of(n, &p);
		decide_probe(&f->decide, &p, now, &keep, d);
		if (d->order != MSG_INFLECT)
			break;
	}
	return (n);
}

/* A first probe over limit waits; its source's next one wakes it. */
static void
test_woken(void **state)
{
	struct fixture *f = *state;
	struct pending_probe keep;
	struct msg_probe p;
	struct decision d;
	uint32_t n;

	f->policy.limit_total.rate = 1;
	f->policy.limit_total.burst = 40;
	limit_set(f->decide.limit, &f->policy, START);
	n = rush(f, START, &d);
	assert_int_equal(n, 10);
	assert_int_equal(d.order, MSG_PASS);

	f->decide.waiting = waiting_new(WAITING_MIN, secret);
	assert_non_null(f->decide.waiting);
	first_of(n, &p);
	decide_probe(&f->decide, &p, START, &keep, &d);
	assert_int_equal(d.order, 0);
	assert_int_equal(d.stats, BIT(STAT_LIMITED));
	assert_int_equal(d.woken.order, 0);
	assert_int_equal(d.gone.order, 0);

	packet_set_ttl(&p, 2);
	p.id.slot = 77;
	decide_probe(&f->decide, &p, START + WAITING_NS - 1, &keep, &d);
	assert_int_equal(d.order, MSG_TURN);
	assert_int_equal(keep.rank, LIMIT_GATED);
	assert_int_equal(d.woken.order, MSG_INFLECT);
	assert_int_equal(d.woken.id.slot, n);
	assert_int_equal(d.woken.id.gen, 1);
	assert_int_equal(d.woken.keep.ttl, 1);
	assert_memory_equal(d.woken.keep.client.b, p.head + 12, 4);
	/* Once. */
	decide_probe(&f->decide, &p, START + WAITING_NS - 1, &keep, &d);
	assert_int_equal(d.order, MSG_TURN);
	assert_int_equal(d.woken.order, 0);
	waiting_free(f->decide.waiting);
	f->decide.waiting = NULL;
}

/* Who waits too long, or is displaced, is nobody's trace. */
static void
test_not_woken(void **state)
{
	struct fixture *f = *state;
	struct pending_probe keep;
	struct msg_probe p;
	struct decision d;
	uint32_t i, n;

	f->policy.limit_total.rate = 1;
	f->policy.limit_total.burst = 40;
	limit_set(f->decide.limit, &f->policy, START);
	f->decide.waiting = waiting_new(WAITING_MIN, secret);
	assert_non_null(f->decide.waiting);
	n = rush(f, START, &d);
	assert_int_equal(d.order, 0);
	/* Its time is over: a stranger like any other. */
	first_of(n, &p);
	packet_set_ttl(&p, 2);
	decide_probe(&f->decide, &p, START + WAITING_NS, &keep, &d);
	assert_int_equal(d.order, MSG_PASS);
	assert_int_equal(d.woken.order, 0);
	/* One set: the next ones fill it, the last displaces the first. */
	for (i = 1; i <= WAITING_MIN + 1; i++) {
		first_of(n + i, &p);
		decide_probe(&f->decide, &p, START + WAITING_NS + i, &keep, &d);
		assert_int_equal(d.order, 0);
		assert_int_equal(d.gone.order != 0, i > WAITING_MIN);
	}
	assert_int_equal(d.gone.id.slot, n + 1);
	waiting_free(f->decide.waiting);
	f->decide.waiting = NULL;
}

static void
test_silent(void **state)
{
	struct fixture *f = *state;
	struct msg_probe p;
	size_t i;

	for (i = 0; i < NKINDS; i++) {
		packet_probe(kinds[i].hex, kinds[i].family, kinds[i].proto, &p);
		packet_set_ttl(&p, 1);
		p.inflection = INFLECTION_SILENT;
		/* TCP is never dropped. */
		EXPECT(f, &p, START, p.proto == PROTO_TCP ? MSG_PASS : MSG_DROP,
		    0);
		/* It opened the gate all the same. */
		packet_set_ttl(&p, 9);
		EXPECT(f, &p, START, MSG_TURN, 0);
	}
}

static void
test_refused(void **state)
{
	struct fixture *f = *state;
	struct msg_probe p;

	packet_probe(PACKET_ICMP4, FAMILY_V4, PROTO_ICMP, &p);
	p.len++;
	EXPECT(f, &p, START, MSG_PASS, BIT(STAT_MALFORMED));
	p.len--;
	f->policy.nrules = 1;
	f->policy.rules[0].action = POLICY_DENY;
	f->policy.rules[0].kind = POLICY_PREFIX;
	f->policy.rules[0].addr = packet_addr(FAMILY_V4, "192.0.2.0");
	f->policy.rules[0].len = 24;
	EXPECT(f, &p, START, MSG_PASS, BIT(STAT_DENIED));
	/* Denied, it opened no gate. */
	f->policy.nrules = 0;
	packet_set_ttl(&p, 2);
	EXPECT(f, &p, START, MSG_PASS, BIT(STAT_GATED));
}

/* Over limit: UDP with an open gate is dropped, all else is passed. */
static void
test_limited(void **state)
{
	struct fixture *f = *state;
	struct msg_probe p;
	size_t i;
	int64_t now;

	f->policy.limit_client.rate = 1;
	f->policy.limit_client.burst = 1;
	limit_set(f->decide.limit, &f->policy, START);
	for (i = 0; i < NKINDS; i++) {
		now = START + (int64_t)i * 100 * NS_PER_S;
		packet_probe(kinds[i].hex, kinds[i].family, kinds[i].proto, &p);
		packet_set_ttl(&p, 1);
		EXPECT(f, &p, now, MSG_INFLECT, 0);
		packet_set_ttl(&p, 2);
		EXPECT(f, &p, now, p.proto == PROTO_UDP ? MSG_DROP : MSG_PASS,
		    BIT(STAT_LIMITED));
		EXPECT(f, &p, now + NS_PER_S, MSG_TURN, 0);
	}

	/* Refused, it opens no gate: UDP from elsewhere in the /24. */
	packet_probe(PACKET_UDP4, FAMILY_V4, PROTO_UDP, &p);
	p.head[15] = 99;
	packet_set_ttl(&p, 9);
	now = START + 1000 * NS_PER_S;
	EXPECT(f, &p, now, MSG_TURN, 0);
	packet_set_ttl(&p, 1);
	EXPECT(f, &p, now, MSG_PASS, BIT(STAT_LIMITED));
	packet_set_ttl(&p, 9);
	EXPECT(f, &p, now, MSG_PASS, BIT(STAT_LIMITED));
}

/* Errors: what is ordered and counted, from a router and from the client. */
static const struct {
	enum family family;
	uint8_t type, code;
	int client; /* from it */
	enum policy_unreachable unreachable;
	uint32_t order;
	uint32_t stats;
} errors[] = {
#define V4   FAMILY_V4
#define V6   FAMILY_V6
#define HIDE UNREACHABLE_HIDE
#define SHOW UNREACHABLE_RELAY
#define SAID BIT(STAT_UNREACHABLE)
	{ V4, 11, 0, 0, HIDE, MSG_ANSWER, 0 },
	{ V4, 11, 0, 1, HIDE, MSG_ANSWER, 0 },
	{ V4, 11, 1, 0, SHOW, 0, 0 },
	{ V4, 3, 3, 1, HIDE, MSG_FINAL, 0 },
	{ V4, 3, 13, 1, HIDE, MSG_FINAL, 0 },
	{ V4, 3, 1, 1, SHOW, MSG_FINAL, 0 },
	{ V4, 3, 4, 1, SHOW, 0, 0 },
	{ V4, 3, 3, 0, SHOW, 0, SAID },
	{ V4, 3, 4, 0, SHOW, 0, 0 },
	{ V4, 3, 0, 0, HIDE, 0, SAID },
	{ V4, 3, 0, 0, SHOW, MSG_ANSWER, SAID },
	{ V4, 3, 13, 0, SHOW, MSG_ANSWER, SAID },
	{ V4, 3, 15, 0, SHOW, MSG_ANSWER, SAID },
	{ V4, 3, 16, 0, SHOW, 0, 0 },
	{ V4, 3, 16, 1, SHOW, 0, 0 },
	{ V4, 4, 0, 0, SHOW, 0, 0 },
	{ V4, 5, 1, 0, SHOW, 0, 0 },
	{ V4, 12, 0, 0, SHOW, 0, 0 },
	{ V4, 1, 0, 0, SHOW, 0, 0 },
	{ V6, 3, 0, 0, HIDE, MSG_ANSWER, 0 },
	{ V6, 3, 0, 1, HIDE, MSG_ANSWER, 0 },
	{ V6, 3, 1, 0, SHOW, 0, 0 },
	{ V6, 1, 4, 1, HIDE, MSG_FINAL, 0 },
	{ V6, 1, 1, 1, HIDE, MSG_FINAL, 0 },
	{ V6, 1, 4, 0, SHOW, 0, SAID },
	{ V6, 1, 0, 0, HIDE, 0, SAID },
	{ V6, 1, 0, 0, SHOW, MSG_ANSWER, SAID },
	{ V6, 1, 3, 0, SHOW, MSG_ANSWER, SAID },
	{ V6, 1, 6, 0, SHOW, MSG_ANSWER, SAID },
	{ V6, 1, 7, 0, SHOW, 0, 0 },
	{ V6, 2, 0, 0, SHOW, 0, 0 },
	{ V6, 2, 0, 1, SHOW, 0, 0 },
	{ V6, 4, 0, 0, SHOW, 0, 0 },
	{ V6, 11, 0, 0, SHOW, 0, 0 },
#undef V4
#undef V6
#undef HIDE
#undef SHOW
#undef SAID
};

static struct pending_probe
probe_of(enum family f, enum proto proto)
{
	struct pending_probe probe;

	memset(&probe, 0, sizeof(probe));
	probe.family = f;
	probe.proto = proto;
	probe.ttl = 5;
	probe.len = 100;
	return (probe);
}

static struct msg_match
match_of(enum family f, enum msg_match_kind kind)
{
	struct msg_match m;

	memset(&m, 0, sizeof(m));
	m.id.slot = 3;
	m.id.gen = 4;
	m.kind = kind;
	m.router =
	    packet_addr(f, f == FAMILY_V4 ? "203.0.113.1" : "2001:db8:9::1");
	if (kind == MATCH_ERROR)
		m.icmp_type = f == FAMILY_V4 ? ICMP4_TIMEX : ICMP6_TIMEX;
	return (m);
}

static void
test_errors(void **state)
{
	struct fixture *f = *state;
	struct pending_probe probe;
	struct msg_match m;
	struct decision d;
	const char *why;
	size_t i;

	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		probe = probe_of(errors[i].family, PROTO_UDP);
		probe.unreachable = errors[i].unreachable;
		m = match_of(errors[i].family, MATCH_ERROR);
		m.icmp_type = errors[i].type;
		m.icmp_code = errors[i].code;
		m.from_client = (uint8_t)errors[i].client;
		memset(&d, 0xee, sizeof(d));
		assert_int_equal(decide_match(&f->policy, &probe,
				     PENDING_TURNED, &m, &d, &why),
		    0);
		if (d.order != errors[i].order || d.stats != errors[i].stats)
			fail_msg("row %zu: %s, counters 0x%x", i,
			    msg_name(d.order), d.stats);
		if (d.order == MSG_ANSWER) {
			assert_int_equal(d.answer.id.slot, 3);
			assert_int_equal(d.answer.id.gen, 4);
			assert_int_equal(d.answer.flags, ALL);
			assert_int_equal(msg_answer_objlen(&d.answer), 0);
		}
		/* After settle a FINAL is under way.  Where the client
		 * answered, that ends the probe: no second order. */
		assert_int_equal(decide_match(&f->policy, &probe,
				     PENDING_SETTLED, &m, &d, &why),
		    0);
		assert_int_equal(
		    d.order, errors[i].client ? 0 : errors[i].order);
		assert_int_equal(d.stats, errors[i].stats);
	}
}

/* Replies and resets end a mirrored trace, and can answer nothing else. */
static void
test_mirror(void **state)
{
	struct fixture *f = *state;
	struct pending_probe probe;
	struct msg_match m;
	struct decision d;
	const char *why;
	int proto, turn, reset, right;

	for (proto = 0; proto < PROTO_MAX; proto++)
		for (turn = 0; turn < TURN_LAST; turn++)
			for (reset = 0; reset < 2; reset++) {
				probe = probe_of(FAMILY_V4, (enum proto)proto);
				probe.turn = (enum policy_turn)turn;
				m = match_of(FAMILY_V4,
				    reset ? MATCH_RESET : MATCH_REPLY);
				right = turn == TURN_MIRROR &&
				    proto == (reset ? PROTO_TCP : PROTO_ICMP);
				assert_int_equal(
				    decide_match(&f->policy, &probe,
					PENDING_TURNED, &m, &d, &why),
				    right ? 0 : -1);
				if (!right)
					continue;
				assert_int_equal(d.order, MSG_FINAL);
				assert_int_equal(d.stats, 0);
			}
}

/* Objects of the router are carried along; none of a hidden one's. */
static void
test_objects(void **state)
{
	static const uint8_t label[] = { 0, 8, 1, 1, 0x03, 0xe8, 0x42, 0x01 };
	struct fixture *f = *state;
	struct pending_probe probe = probe_of(FAMILY_V4, PROTO_UDP);
	struct msg_match m = match_of(FAMILY_V4, MATCH_ERROR);
	struct decision d;
	const char *why;

	m.ext_len = 32;
	m.datalen = 128 + 4 + sizeof(label);
	m.data[128] = 0x20;
	memcpy(m.data + 132, label, sizeof(label));
	assert_int_equal(
	    decide_match(&f->policy, &probe, PENDING_TURNED, &m, &d, &why), 0);
	assert_int_equal(d.answer.flags, ALL);
	assert_int_equal(d.answer.own_len, sizeof(label));
	assert_int_equal(d.answer.router_len, 0);
	assert_memory_equal(d.answer.obj, label, sizeof(label));

	f->policy.nhide = 1;
	f->policy.hide[0].action = POLICY_DENY;
	f->policy.hide[0].kind = POLICY_PREFIX;
	f->policy.hide[0].addr = packet_addr(FAMILY_V4, "203.0.113.0");
	f->policy.hide[0].len = 24;
	assert_int_equal(
	    decide_match(&f->policy, &probe, PENDING_TURNED, &m, &d, &why), 0);
	assert_int_equal(d.order, MSG_ANSWER);
	assert_int_equal(d.answer.flags, MSG_ANSWER_HIDE);
	assert_int_equal(msg_answer_objlen(&d.answer), 0);
	assert_int_equal(d.stats, BIT(STAT_HIDDEN));
}

/* Where the router's address can't be a source, own form must fit. */
static void
test_no_router(void **state)
{
	static const uint8_t label[] = { 0, 8, 1, 1, 0x03, 0xe8, 0x42, 0x01 };
	struct fixture *f = *state;
	struct pending_probe probe = probe_of(FAMILY_V4, PROTO_UDP);
	struct msg_match m = match_of(FAMILY_V4, MATCH_ERROR);
	struct decision d;
	const char *why;
	int round;

	probe.relay = RELAY_ROUTER;
	probe.len = 57;
	m.ext_len = 32;
	m.datalen = 128 + 4 + sizeof(label);
	m.data[128] = 0x20;
	memcpy(m.data + 132, label, sizeof(label));
	for (round = 0; round < 4; round++) {
		if (round == 1)
			m.from_client = 1;
		if (round == 2) {
			m.from_client = 0;
			f->policy.nlisten = 1;
			f->policy.listen[0].addr = m.router;
		}
		if (round == 3) {
			f->policy.nlisten = 0;
			m.router = packet_addr(FAMILY_V4, "127.0.0.1");
		}
		assert_int_equal(decide_match(&f->policy, &probe,
				     PENDING_TURNED, &m, &d, &why),
		    0);
		assert_int_equal(d.answer.flags, 0);
		assert_int_equal(d.answer.own_len, 0);
		assert_int_equal(
		    d.answer.router_len, round == 0 ? sizeof(label) : 0);
	}
}

/* Denied for a while: as by the configuration, and no longer than that. */
static void
test_denied(void **state)
{
	static struct deny deny;
	struct fixture *f = *state;
	struct msg_deny d = { .family = FAMILY_V4, .len = 32, .ms = 1000 };
	struct msg_probe p;

	f->decide.deny = &deny;
	packet_probe(PACKET_UDP4, FAMILY_V4, PROTO_UDP, &p);
	packet_set_ttl(&p, 2);
	EXPECT(f, &p, START, MSG_TURN, 0);
	memcpy(d.addr.b, p.head + 12, 4);
	assert_int_equal(deny_set(&deny, &d, START), DENYING_DONE);
	EXPECT(f, &p, START, MSG_PASS, BIT(STAT_DENIED));
	EXPECT(f, &p, START + NS_PER_S, MSG_TURN, 0);
}

#define FRESH(test) \
	cmocka_unit_test_setup_teardown(test, deciding_setup, test_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		FRESH(test_trace),
		FRESH(test_woken),
		FRESH(test_not_woken),
		FRESH(test_silent),
		FRESH(test_refused),
		FRESH(test_limited),
		FRESH(test_errors),
		FRESH(test_mirror),
		FRESH(test_objects),
		FRESH(test_no_router),
		FRESH(test_denied),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
